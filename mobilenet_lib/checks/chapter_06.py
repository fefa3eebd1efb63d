"""The exercises of chapter 06: width and resolution."""

from __future__ import annotations

import math

import numpy as np

from ..cost import separable_mult_adds
from .answers import close, exercise, whole
from .behaviour import behaves
from .tasks_06 import (
    alone,
    choose,
    chosen,
    crowds,
    dominates_nobody,
    front,
    half_of,
    loose,
    luck_of,
    neighbours,
    offers,
    twins,
)
from .tasks_06_fits import SLOPE, UNCERTAINTY

EXERCISES = (
    exercise(
        "6.1",
        "A layer under both multipliers",
        whole(
            lambda: separable_mult_adds(3, 128, 128, 16),
            lambda: {
                "alpha acts on the channels that go in as well as on those that come out.": (
                    separable_mult_adds(3, 256, 128, 16),
                    separable_mult_adds(3, 128, 256, 16),
                ),
                "rho acts on both sides of the map.": (
                    (9 * 128 + 128**2) * 16 * 28,
                    (9 * 256 + 256**2) * 16 * 28,
                ),
                "That is without rho.": separable_mult_adds(3, 128, 128, 28),
                "That is without alpha.": separable_mult_adds(3, 256, 256, 16),
                "That is the layer before: alpha and rho make it cheaper.": separable_mult_adds(
                    3, 256, 256, 28
                ),
                "That is a standard convolution.": 9 * 128**2 * 16**2,
                "Of the two parts that is the pointwise one alone.": 128**2 * 16**2,
                "Of the two parts that is the depthwise one alone.": 9 * 128 * 16**2,
                "In the depthwise part alpha stands once, not twice.": round(
                    (0.5 * 4 / 7) ** 2 * separable_mult_adds(3, 256, 256, 28)
                ),
            },
        ),
        "With alpha there are 128 channels in and out, with rho a map of 16 by 16.",
        "Depthwise 3 · 3 · 128 · 16 · 16, and pointwise 128 · 128 · 16 · 16.",
        goals=["Table 3 with one short function"],
    ),
    exercise(
        "6.2",
        "Half the work",
        close(
            half_of,
            0.006,
            lambda: {
                "Half of the channels leave about a quarter of the work.": 0.5,
                "That is the root of one half; part of the cost falls only with alpha itself, so a "
                "little less is needed.": (0.71, 0.7071),
                "With this one a little less than half is left: try a wider one.": 0.69,
                "That leaves more than half.": (0.75, 0.72, 0.73, 0.8),
                "That leaves less than half.": (0.6, 0.68, 0.25),
                "That halves the parameters, or nearly; mult-adds are asked for.": (
                    0.66,
                    0.67,
                    0.65,
                ),
                "That is rho: alpha makes the layers narrower.": (158, 160, 158 / 224 + 0.02),
            },
        ),
        "Nearly all of the cost falls with the square of alpha; the root of 0.5 is a start.",
        "`mobilenet_v1(alpha).mult_adds` for a few values of alpha settles it.",
        goals=["any width and any resolution"],
    ),
    exercise(
        "6.3",
        "Points for a doubling",
        SLOPE,
        "A doubling adds 1 to the logarithm to the base of 2.",
        "`np.polyfit(np.log2(mult_adds), accuracies, 1)` gives slope and intercept.",
        goals=["fit a law with two numbers"],
    ),
    exercise(
        "6.4",
        "How certain is a mean?",
        UNCERTAINTY,
        "`np.std` takes `ddof=1` for the standard deviation of a sample.",
        "Divide it by the root of the number of seeds.",
        goals=["how large a difference may be by luck alone"],
    ),
    exercise(
        "6.5",
        "The best within a budget",
        behaves(
            choose,
            offers,
            (
                "One slow reading is not the network's fault: the median is asked for.",
                lambda n, b, m: chosen(n, b, m, np.mean),
            ),
            (
                "The slowest reading decides here; the median is asked for.",
                lambda n, b, m: chosen(n, b, m, np.max),
            ),
            (
                "The fastest reading decides here; the median is asked for.",
                lambda n, b, m: chosen(n, b, m, np.min),
            ),
            (
                "The margin is a share, 0.1 for a tenth, and no percentage.",
                lambda n, b, m: chosen(n, b, m / 100),
            ),
            (
                "The margin is a share of the median, not a time that is added to it.",
                lambda n, b, m: chosen(n, b - m, 0),
            ),
            ("The margin is not used.", lambda n, b, m: chosen(n, b, 0)),
            (
                "The margin makes the limit stricter, not looser.",
                lambda n, b, m: chosen(n, b * (1 + m), 0),
            ),
            (
                "The most accurate of those that are fast enough is asked for, not the fastest.",
                lambda n, b, m: chosen(n, b, m, fast=True),
            ),
            (
                "Of two that are equally accurate, take the faster.",
                lambda n, b, m: max(
                    [(a, k) for k, a, ms in n if np.median(ms) * (1 + m) <= b] or [(0, "none")],
                    key=lambda each: each[0],
                )[1],
            ),
            (
                "What needs just the budget is within it.",
                lambda n, b, m: chosen(n, b * (1 - 1e-9), m),
            ),
            (
                "The budget is not used.",
                lambda n, b, m: chosen(n, math.inf, m),
            ),
            (
                "One reading decides here; the median is asked for.",
                lambda n, b, m: chosen(n, b, m, lambda ms: ms[0]),
            ),
            (
                "The margin goes on top of the median; that is not the same as less budget.",
                lambda n, b, m: chosen(n, b * (1 - m), 0),
            ),
            (
                "The reading in the middle is the median once they are sorted.",
                lambda n, b, m: chosen(n, b, m, lambda ms: ms[len(ms) // 2]),
            ),
            (
                "Those are too slow that are looked at: at most the budget.",
                lambda n, b, m: chosen([x for x in n if np.median(x[2]) * (1 + m) >= b], 1e9, 0),
            ),
            ("The least accurate is chosen.", lambda n, b, m: chosen(n, b, m, sign=-1)),
            (
                "Of two that are equally accurate, take the faster.",
                lambda n, b, m: chosen(n, b, m, slow=True),
            ),
            (
                "First leave out what is too slow, and only then look for the most accurate.",
                lambda n, b, m: chosen([max(n, key=lambda each: each[1])], b, m),
            ),
            (
                "Several may be within the budget, and the first one need not be the best.",
                lambda n, b, m: next(
                    (name for name, a, ms in n if np.median(ms) * (1 + m) <= b), "none"
                ),
            ),
        ),
        "First throw out what is too slow, then take the most accurate.",
        'Median times 1 + margin, at most the budget. If nothing is left, the answer is "none".',
        goals=["best network for a budget"],
        kind="build",
    ),
    exercise(
        "6.6",
        "The front",
        behaves(
            front,
            crowds,
            (
                "That is the other side of the crowd: cheap and accurate is good.",
                dominates_nobody,
            ),
            (
                "All of them, in order of cost: those that another one beats go.",
                lambda c, a: np.argsort(c, kind="stable"),
            ),
            (
                "From the cheapest on, please.",
                lambda c, a: np.sort(front(c, a)),
            ),
            ("From the cheapest on: they are in reversed order.", lambda c, a: front(c, a)[::-1]),
            (
                "What costs more for no more accuracy does not belong to it.",
                loose,
            ),
            ("Of two that are equal in both, one stays: the first.", twins),
            (
                "Of equal cost only the most accurate stays.",
                lambda c, a: np.array(
                    sorted(
                        (i for i in range(len(c)) if not ((c < c[i]) & (a >= a[i])).any()),
                        key=lambda i: c[i],
                    )
                ),
            ),
            (
                "Those are the ones that go; the others are asked for.",
                lambda c, a: np.setdiff1d(np.arange(len(c)), front(c, a)),
            ),
            (
                "Places in the sorted list are not the networks' own numbers.",
                lambda c, a: np.argsort(np.lexsort((-a, c)))[front(c, a)],
            ),
            (
                "They do not come in order of cost: sort them, and keep their numbers.",
                lambda c, a: np.flatnonzero(
                    a > np.concatenate([[-np.inf], np.maximum.accumulate(a)[:-1]])
                ),
            ),
            (
                "Equal cost and less accuracy is beaten as well, and so is equal accuracy for more "
                "cost.",
                lambda c, a: np.array(
                    sorted(
                        (i for i in range(len(c)) if not ((c < c[i]) & (a > a[i])).any()),
                        key=lambda i: c[i],
                    )
                ),
            ),
            (
                "Compare with the best of all that are cheaper, not with the neighbour alone.",
                neighbours,
            ),
            (
                "Of two that are equal in both, one stays: the first.",
                lambda c, a: np.array([i for i in twins(c, a) if alone(c, a)[i]]),
            ),
            (
                "Of two that are equal in both, the first one stays.",
                lambda c, a: len(c) - 1 - front(c[::-1], a[::-1]),
            ),
            (
                "Numbers of the networks are asked for, not their costs.",
                lambda c, a: c[front(c, a)],
            ),
            (
                "Numbers of the networks are asked for, not their accuracies.",
                lambda c, a: a[front(c, a)],
            ),
            ("Networks are counted from 0.", lambda c, a: front(c, a) + 1),
            (
                "That is the most accurate one alone.",
                lambda c, a: np.array([a.argmax()]),
            ),
        ),
        "A network is beaten if another one costs no more and is at least as accurate.",
        "Go from the cheapest to the dearest, and keep what is more accurate than all before.",
        goals=["compare accuracy with cost"],
        kind="build",
    ),
    exercise(
        "6.7",
        "Better, or lucky?",
        luck_of,
        "On how many pictures is only the first right, on how many only the second? If it were "
        "luck, what would you expect of the two numbers?",
        "With b and c for these two, c - b above about 1.7 times the root of b + c comes by luck "
        "one time in twenty.",
        goals=["how large a difference may be by luck alone"],
        kind="investigate",
    ),
)
