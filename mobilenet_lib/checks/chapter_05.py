"""The exercises of chapter 05: training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from .answers import close, exercise, whole
from .behaviour import behaves
from .compare import Case
from .tasks_05 import BUGS, diagnose, loop_resumes

Step = Callable[..., Any]


def momentum_step(
    weight: Any, velocity: Any, gradient: Any, rate: float, momentum: float, decay: float
) -> tuple[Any, Any]:
    """The new weight and velocity of SGD with momentum and decay."""
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


def _steps() -> Iterator[Case]:
    rng = np.random.default_rng(52)
    for rate, momentum, decay in ((0.5, 0.9, 0.0), (0.2, 0.8, 0.1), (0.03, 0.5, 0.3)):
        yield (*rng.standard_normal((3, 2, 5)), rate, momentum, decay)


def smooth(label: int, classes: int, share: float) -> np.ndarray:
    """A label as probabilities, a share of them spread over all classes."""
    target = np.full(classes, share / classes)
    target[label] += 1 - share
    return target


def _others_only(label: int, classes: int, share: float) -> np.ndarray:
    target = np.full(classes, share / (classes - 1))
    target[label] = 1 - share
    return target


def together(gradients: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The gradient of the mean loss over all pictures, from those of the processes' means."""
    return np.asarray(np.average(gradients, axis=0, weights=counts))


def _shares() -> Iterator[Case]:
    rng = np.random.default_rng(58)
    for counts in ([8, 8], [32, 32, 32, 7], [5], [10, 3, 1]):
        yield rng.standard_normal((len(counts), 4)), np.array(counts)


def _with_one(label: int, classes: int, share: float) -> np.ndarray:
    target = np.full(classes, share / classes)
    target[label] = 1 - share
    return target


def _full_by_separable() -> float:
    return mobilenet_v1(body="full").mult_adds / mobilenet_v1().mult_adds


EXERCISES = (
    exercise(
        "5.1",
        "The loss of guessing",
        close(
            lambda: math.log(10),
            0.006,
            lambda: {
                "The natural logarithm, to the base of e: that one is to the base of 10.": 1.0,
                "The natural logarithm, to the base of e: that one is to the base of 2.": 3.3219,
                "That is the probability; the loss is minus its logarithm.": 0.1,
                "That is the share of wrong answers.": 0.9,
                "The loss is minus the logarithm.": -math.log(10),
                "That is what one wrong class adds; only the right one counts.": -math.log(0.9),
                "It has not learned anything yet, so it cannot be right for certain.": 0.0,
            },
        ),
        "Each class gets the same probability. Which?",
        "Minus the natural logarithm of one tenth.",
        goals=["learn nothing for its first thousand steps"],
    ),
    exercise(
        "5.2",
        "A step with momentum",
        behaves(
            momentum_step,
            _steps,
            (
                "The decay is missing: it adds `decay * weight` to the gradient.",
                lambda w, v, g, r, m, d: momentum_step(w, v, g, r, m, 0),
            ),
            (
                "The weight moves along the old velocity; it should be the new one.",
                lambda w, v, g, r, m, d: (w - r * v, momentum_step(w, v, g, r, m, d)[1]),
            ),
            (
                "Uphill: the weight should go against the velocity.",
                lambda w, v, g, r, m, d: (
                    2 * w - momentum_step(w, v, g, r, m, d)[0],
                    momentum_step(w, v, g, r, m, d)[1],
                ),
            ),
            (
                "The velocity already holds the rate here, and it is applied once more or not at "
                "all: velocity without, weight with it.",
                lambda w, v, g, r, m, d: (
                    w - (m * v + r * (g + d * w)),
                    m * v + r * (g + d * w),
                ),
            ),
            (
                "The gradient is not to be damped: momentum times the old velocity, plus the "
                "gradient as it is.",
                lambda w, v, g, r, m, d: (
                    w - r * (m * v + (1 - m) * (g + d * w)),
                    m * v + (1 - m) * (g + d * w),
                ),
            ),
            (
                "The old velocity is lost: momentum keeps part of it.",
                lambda w, v, g, r, m, d: momentum_step(w, 0 * v, g, r, m, d),
            ),
            (
                "The old velocity is kept whole: it is to be multiplied by momentum.",
                lambda w, v, g, r, m, d: momentum_step(w, v, g, r, 1, d),
            ),
            (
                "The decay acts on the weight beside the step; here it is part of the gradient, "
                "and so of the velocity.",
                lambda w, v, g, r, m, d: (
                    w - r * (m * v + g) - r * d * w,
                    m * v + g,
                ),
            ),
            (
                "The sign of the decay: it pulls the weight towards 0.",
                lambda w, v, g, r, m, d: momentum_step(w, v, g, r, m, -d),
            ),
            (
                "Both are there, in the other order: first the weight, then the velocity.",
                lambda *x: momentum_step(*x)[::-1],
            ),
            (
                "The weight does not move by `rate` times the velocity, but by all of it.",
                lambda w, v, g, r, m, d: (
                    w - momentum_step(w, v, g, r, m, d)[1],
                    momentum_step(w, v, g, r, m, d)[1],
                ),
            ),
            parts=("weight", "velocity"),
        ),
        "The decay adds `decay * weight` to the gradient.",
        "The new velocity is momentum times the old one plus that gradient; the weight goes "
        "`rate` times the new velocity downhill.",
        goals=["compute one step of training"],
    ),
    exercise(
        "5.3",
        "Until the start is forgotten",
        whole(
            lambda: math.ceil(math.log(0.01) / math.log(0.99)),
            lambda: {
                "Each batch leaves 99 % of what is left, not of what was there at first.": (
                    99,
                    100,
                ),
                "Then one per cent is left, or a little more: less is asked for.": 458,
                "After so many half is left.": (69, 68),
                "That is for one tenth, not for one hundredth.": (229, 230),
                "That is where a thousandth is left.": (688, 687),
                "With the roles exchanged, 0.01 would be what each batch leaves.": (1, 2),
            },
        ),
        "Each batch leaves 99 % of what was there.",
        "You are looking for the n with 0.99 to the power of n below 0.01.",
        goals=["wrong memory"],
    ),
    exercise(
        "5.4",
        "Soft targets",
        behaves(
            smooth,
            lambda: [(2, 5, 0.1), (0, 26, 0.2), (3, 4, 0.0), (1, 3, 0.5)],
            ("The share goes to all classes evenly, the right one included.", _others_only),
            ("The right class gets its part of the share, too, so the sum is 1.", _with_one),
            (
                "Nothing is smoothed: the right class has it all.",
                lambda label, classes, share: np.eye(classes)[label],
            ),
            (
                "That spreads everything: only a share is spread.",
                lambda label, classes, share: np.full(classes, 1 / classes),
            ),
            (
                "The share is what is spread, 1 - share what the label keeps.",
                lambda label, classes, share: smooth(label, classes, 1 - share),
            ),
            (
                "Each class gets the whole share; it is divided among them.",
                lambda label, classes, share: (
                    np.full(classes, share) + (1 - share) * np.eye(classes)[label]
                ),
            ),
            (
                "Classes are counted from 0.",
                lambda label, classes, share: smooth(label - 1, classes, share),
            ),
            (
                "One number for each class: how many are there?",
                lambda label, classes, share: smooth(label, classes, share)[1:],
            ),
        ),
        "Every class gets share / classes.",
        "The label's own class gets the remaining 1 - share on top of that.",
        goals=["compute one step of training"],
    ),
    exercise(
        "5.5",
        "Five broken steps",
        diagnose,
        "Choose what you hand in so that one ingredient at a time can act: zeros for all others.",
        f"Hand in ones and zeros, and compare both results with what is right. A step may be one "
        f"of: {', '.join(BUGS)}.",
        goals=["compute one step of training"],
        kind="investigate",
    ),
    exercise(
        "5.6",
        "As if nothing had happened",
        loop_resumes,
        "Print `vars(loop)`: all that changes during a step has to come back.",
        "Weight, velocity, number of the step and the random generator's state: copies of all "
        "four, for the loop goes on after you have saved it.",
        goals=["let it go on as if nothing had happened"],
        kind="build",
    ),
    exercise(
        "5.7",
        "What a budget buys",
        close(
            lambda: 100 / _full_by_separable(),
            0.06,
            lambda: {
                "That is how many times as much one epoch costs; how many does the budget pay?": (
                    _full_by_separable(),
                    8.6,
                    8.5,
                ),
                "The full network costs more, so the budget pays for fewer epochs.": (
                    100 * _full_by_separable(),
                    857,
                ),
                "That is the share for one layer with very many filters; the first layer, for "
                "example, is never taken apart.": (100 / 9, 11.1),
                "That compares parameters; a budget of work is paid in mult-adds.": 100
                * mobilenet_v1().parameters
                / mobilenet_v1(body="full").parameters,
                "That is the shallow network.": 100
                * mobilenet_v1(body="shallow").mult_adds
                / mobilenet_v1().mult_adds,
                "The number of epochs would stay the same only if their cost did not matter.": 100,
            },
        ),
        'What costs one epoch of each? `mobilenet_v1(body="full")` is the other network.',
        "100 times the mult-adds of the separable network, divided by those of the full one.",
        goals=["compare separable with full"],
    ),
    exercise(
        "5.8",
        "Gradients from several processes",
        behaves(
            together,
            _shares,
            (
                "A process with few pictures counts as much as one with many: weight each by its "
                "number.",
                lambda g, c: g.mean(axis=0),
            ),
            ("A mean over the processes is asked for, not a sum.", lambda g, c: g.sum(axis=0)),
            (
                "Divide by the number of all pictures.",
                lambda g, c: (g * c[:, None]).sum(axis=0),
            ),
            (
                "Divide by the number of all pictures, not of processes.",
                lambda g, c: (g * c[:, None]).mean(axis=0),
            ),
            (
                "A process with more pictures counts more, not less.",
                lambda g, c: np.average(g, axis=0, weights=1 / c),
            ),
            (
                "Sum over the processes: one gradient comes out.",
                lambda g, c: g * c[:, None] / c.sum(),
            ),
            ("That is the first process alone.", lambda g, c: g[0]),
            ("A number comes out; a gradient has one for each weight.", lambda g, c: np.average(g)),
        ),
        "Each process has a mean over its own pictures. What is the mean over all pictures?",
        "Add up each gradient times its count, and divide by the sum of the counts.",
        goals=["several processors share the work"],
    ),
)
