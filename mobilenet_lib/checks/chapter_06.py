"""The exercises of chapter 06: width and resolution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from ..cost import separable_mult_adds
from .answers import Fault, close, exercise, whole
from .behaviour import Case, as_function, behaves, call
from .guard import shown

Networks = list[tuple[str, float, list[float]]]


def _half() -> float:
    """The alpha at which the mult-adds are nearest to half of the full network's."""
    full = mobilenet_v1().mult_adds
    steps = [i / 100 for i in range(50, 100)]
    return min(steps, key=lambda alpha: abs(mobilenet_v1(alpha).mult_adds - full / 2))


def _slope(mult_adds: np.ndarray, accuracies: np.ndarray, base: float = 2) -> float:
    return float(np.polyfit(np.log(mult_adds) / math.log(base), accuracies, 1)[0])


def _per_doubling(mult_adds: np.ndarray, accuracies: np.ndarray) -> float:
    return _slope(mult_adds, accuracies)


def _ends(mult_adds: np.ndarray, accuracies: np.ndarray) -> float:
    first, last = mult_adds.argmin(), mult_adds.argmax()
    rise = accuracies[last] - accuracies[first]
    return float(rise / np.log2(mult_adds[last] / mult_adds[first]))


def _grids() -> Iterator[Case]:
    rng = np.random.default_rng(63)
    for slope, number in ((4.0, 9), (1.5, 6), (-2.0, 4)):
        mult_adds = rng.uniform(1e7, 6e8, number)
        yield mult_adds, 30 + slope * np.log2(mult_adds) + rng.standard_normal(number)


def _uncertainty(accuracies: np.ndarray) -> float:
    return float(np.std(accuracies, ddof=1) / math.sqrt(len(accuracies)))


def _seeds() -> Iterator[Case]:
    for accuracies in ([90.0, 91.0, 92.5], [70.0, 74.0], [80.1, 80.3, 80.0, 81.2, 79.9]):
        yield (np.array(accuracies),)


# --- 6.5 ------------------------------------------------------------------------------------------


def choose(networks: Networks, budget: float, margin: float) -> str:
    """The most accurate network whose median, and a margin on top, is within the budget."""
    return _chosen(networks, budget, margin)


def _chosen(
    networks: Networks, budget: float, margin: float, typical: Any = np.median, fast: bool = False
) -> str:
    within = [
        (accuracy, -float(typical(ms)), name)
        for name, accuracy, ms in networks
        if typical(ms) * (1 + margin) <= budget
    ]
    if not within:
        return "none"
    return max(within, key=lambda each: each[1] if fast else each[:2])[2]


def _offers() -> Iterator[Case]:
    networks: Networks = [
        ("0.5-160", 57.1, [3.5, 3.4, 3.6, 3.5, 9.9]),
        ("1.0-224", 70.9, [12.1, 12.0, 12.4, 12.2, 12.1]),
        ("0.75-160", 65.3, [5.2, 7.9, 5.3, 5.2, 5.4]),
        ("1.0-128", 65.3, [6.1, 6.0, 4.0, 6.2, 6.1]),
        ("0.75-192", 67.2, [6.7, 6.6, 6.8, 15.0, 6.7]),
        ("0.25-128", 41.5, [1.9, 1.8, 2.0, 1.9, 1.9]),
    ]
    yield networks, 6.3, 0.0
    yield networks, 5.9, 0.0
    yield networks, 7.0, 0.1
    yield networks, 12.1, 0.0
    yield networks, 1.0, 0.2
    yield networks[::-1], 100.0, 0.5
    yield networks, 8.5, 0.2
    yield networks, 11.5, 0.1
    yield networks[::-1], 6.3, 0.0


# --- 6.6 ------------------------------------------------------------------------------------------


def front(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Numbers of the networks that no other one beats, from the cheapest on."""
    order = np.lexsort((-accuracies, costs))
    best, kept = -np.inf, []
    for i in order:
        if accuracies[i] > best:
            best = accuracies[i]
            kept.append(i)
    return np.array(kept)


def _crowds() -> Iterator[Case]:
    rng = np.random.default_rng(66)
    for number in (7, 12, 1, 5):
        costs = rng.permutation(number * 3)[:number] + 1.0
        yield costs, 40 + 8 * np.log(costs) + rng.standard_normal(number) * 6
    yield np.array([3.0, 1.0, 3.0, 2.0, 5.0]), np.array([70.0, 50.0, 65.0, 40.0, 70.0])


def _dominates_nobody(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    order = np.argsort(costs, kind="stable")
    return order[accuracies[order] <= np.minimum.accumulate(accuracies[order])]


def _loose(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    order = np.lexsort((-accuracies, costs))
    return order[accuracies[order] >= np.maximum.accumulate(accuracies[order])]


# --- 6.7 ------------------------------------------------------------------------------------------


def better(first: np.ndarray, second: np.ndarray) -> bool:
    """What 6.7 asks for, of which only the signature is used."""
    raise NotImplementedError


def _tests(lead: float, number: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of networks on the same pictures; the second is `lead` points better."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        hard = rng.random(2000)  # most pictures are easy for both, or hard for both
        first, second = (hard < 0.72), (hard < 0.72 + lead / 100)
        flips = rng.random((2, 2000)) < 0.05
        yield first ^ flips[0], second ^ flips[1]


def _luck(answer: Any) -> str | None:
    answer = as_function(answer, better)
    shares = {}
    for lead, number in ((0.0, 80), (3.0, 40), (-3.0, 10), (10.0, 5)):
        yes = 0
        for pair in _tests(lead, number, seed=67):
            result = call(answer, better, *pair)
            if not isinstance(result, bool | np.bool_) and result not in (0, 1):
                raise Fault(f"it returns {shown(result)}.", "Return True or False.")
            yes += bool(result)
        shares[lead] = yes / number
    lucky, seen, worse, clear = (100 * share for share in shares.values())
    said = f"of pairs that differ by luck alone it calls {lucky:.0f} % better, "
    said += f"of those with three points between them {seen:.0f} %."
    if worse > 20 and clear > 80:
        raise Fault(said, "It also says True where the second network is worse.")
    if clear < 60 and worse > 60:
        raise Fault(said, "It says True where the first is the better one.")
    if lucky > 12:
        hint = (
            "How large a difference comes from luck alone? Only what is rarely that large counts."
        )
        if lucky > 90:
            hint = "It says True whatever comes."
        raise Fault(said, hint)
    if clear < 90:
        raise Fault(said, "It does not even see ten points: what would convince it?")
    if seen < 70:
        raise Fault(
            said,
            "Both have seen the same pictures. Where both are right or both wrong nothing can be "
            "learned: compare only the pictures on which they differ.",
        )
    return None


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
            _half,
            0.006,
            lambda: {
                "Half of the channels leave about a quarter of the work.": 0.5,
                "That is the root of one half; part of the cost falls only with alpha itself, so a "
                "little less is needed.": (0.71, 0.7071),
                "With this one a little less than half is left: try a wider one.": 0.69,
                "That leaves more than half.": (0.75, 0.72, 0.73, 0.8),
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
        behaves(
            _per_doubling,
            _grids,
            (
                "That is the slope for logarithms to the base of e: the points for 2.7 times the "
                "work.",
                lambda m, a: _slope(m, a, math.e),
            ),
            (
                "That is the slope for logarithms to the base of 10: the points for ten times the "
                "work.",
                lambda m, a: _slope(m, a, 10),
            ),
            (
                "That is the slope against the mult-adds; a doubling is a step of their logarithm.",
                lambda m, a: float(np.polyfit(m, a, 1)[0]),
            ),
            (
                "That is where the line crosses zero, not how steep it is.",
                lambda m, a: float(np.polyfit(np.log2(m), a, 1)[1]),
            ),
            (
                "That is how many doublings a point costs: the roles are exchanged.",
                lambda m, a: float(np.polyfit(a, np.log2(m), 1)[0]),
            ),
            ("The two outermost networks decide alone; all of them should.", _ends),
        ),
        "A doubling adds 1 to the logarithm to the base of 2.",
        "`np.polyfit(np.log2(mult_adds), accuracies, 1)` gives slope and intercept.",
        goals=["fit a law with two numbers"],
    ),
    exercise(
        "6.4",
        "How certain is a mean?",
        behaves(
            _uncertainty,
            _seeds,
            (
                "Divide by one less than the number of seeds, before the root: the mean itself "
                "came from them.",
                lambda a: np.std(a) / math.sqrt(len(a)),
            ),
            (
                "That is how uncertain one seed is; the mean of several is more certain.",
                lambda a: np.std(a, ddof=1),
            ),
            ("That is how uncertain one seed is, if there were infinitely many.", np.std),
            (
                "Divide by the root of the number, not by the number.",
                lambda a: np.std(a, ddof=1) / len(a),
            ),
            (
                "That is the variance over the number: its root is missing.",
                lambda a: np.var(a, ddof=1) / len(a),
            ),
            ("That is from the smallest to the largest.", np.ptp),
            (
                "One is taken away twice, in the standard deviation and in the number.",
                lambda a: np.std(a, ddof=1) / math.sqrt(len(a) - 1),
            ),
            ("That is the mean; how uncertain is it?", np.mean),
        ),
        "`np.std` takes `ddof=1` for the standard deviation of a sample.",
        "Divide it by the root of the number of seeds.",
        goals=["how large a difference may be by luck alone"],
    ),
    exercise(
        "6.5",
        "The best within a budget",
        behaves(
            choose,
            _offers,
            (
                "One slow reading is not the network's fault: the median is asked for.",
                lambda n, b, m: _chosen(n, b, m, np.mean),
            ),
            (
                "The slowest reading decides here; the median is asked for.",
                lambda n, b, m: _chosen(n, b, m, np.max),
            ),
            (
                "The fastest reading decides here; the median is asked for.",
                lambda n, b, m: _chosen(n, b, m, np.min),
            ),
            ("The margin is not used.", lambda n, b, m: _chosen(n, b, 0)),
            (
                "The margin makes the limit stricter, not looser.",
                lambda n, b, m: _chosen(n, b * (1 + m), 0),
            ),
            (
                "The most accurate of those that are fast enough is asked for, not the fastest.",
                lambda n, b, m: _chosen(n, b, m, fast=True),
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
                lambda n, b, m: _chosen(n, b * (1 - 1e-9), m),
            ),
            (
                "The budget is not used.",
                lambda n, b, m: _chosen(n, math.inf, m),
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
            _crowds,
            (
                "That is the other side of the crowd: cheap and accurate is good.",
                _dominates_nobody,
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
                _loose,
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
        _luck,
        "On how many pictures is only the first right, on how many only the second? If it were "
        "luck, what would you expect of the two numbers?",
        "With b and c for these two, c - b above about 1.7 times the root of b + c comes by luck "
        "one time in twenty.",
        goals=["how large a difference may be by luck alone"],
        kind="investigate",
    ),
)
