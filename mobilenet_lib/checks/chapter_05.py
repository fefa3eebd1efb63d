"""The exercises of chapter 05: training."""

from __future__ import annotations

import math

from ..architecture import mobilenet_v1
from .answers import close, exercise, whole
from .tasks_05 import BUGS, diagnose, loop_resumes
from .tasks_05_steps import SMOOTH, STEP, TOGETHER


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
                "Here are 10 classes, not 1000 or 26.": (math.log(1000), math.log(26)),
                "Every class has its share, but the loss looks at the right one alone.": (
                    math.log(10) / 10,
                    10 * math.log(10),
                ),
                "That is how many classes there are.": 10,
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
        STEP,
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
                "That is for m = 0.1.": (43, 44),
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
        SMOOTH,
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
                    100 - 100 / _full_by_separable(),
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
        TOGETHER,
        "Each process has a mean over its own pictures. What is the mean over all pictures?",
        "Add up each gradient times its count, and divide by the sum of the counts.",
        goals=["several processors share the work"],
    ),
)
