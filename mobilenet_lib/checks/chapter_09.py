"""The exercises of chapter 09: judging printed numbers, and finding where two of them come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from ..architecture import Architecture, mobilenet_v1
from ..paper import judge
from ..paper import table as table_of
from ..paper.claims import halved_flops
from .answers import Fault, close, exercise, function, whole
from .behaviour import Case, as_function, behaves, call
from .guard import shown

COLUMNS = ("imagenet_top1_pct", "million_mult_adds")

JUDGED = (
    ("569", "568.740352"),
    ("290", "290.6752"),
    ("0.5", "0.45"),
    ("1.19", "1.90562"),
    ("15300", "15346.63"),
    ("15300", "15470.26"),
    ("720", "724.4"),
    ("1550", "1582.672"),
    ("60", "60.97"),
    ("100", "99.4"),
)
"""Printed, counted; all three verdicts occur, with round figures and without."""
MISPRINTS = {2: "209", 5: "293", 9: "194", 14: "12"}
"""What the proofreader is to find among the sixteen, by place: digits swapped, or one off."""


def verdict_of(printed: str, counted: Fraction) -> str:
    """Whether a printed number rounds or truncates a counted one; end zeros are no digits."""
    return str(judge(printed, counted, round_figure=True))


def _always(word: str) -> Callable[[str, Fraction], str]:
    return lambda printed, counted: word


def _merged(printed: str, counted: Fraction) -> str:
    return verdict_of(printed, counted).replace("truncates", "differs")


def _all_zeros(printed: str, counted: Fraction) -> str:
    """Without the rule that two digits remain."""
    if "." in printed or not printed.endswith("0"):
        return verdict_of(printed, counted)
    step = Fraction(10 ** (len(printed) - len(printed.rstrip("0"))))
    if abs(Fraction(printed) - counted) * 2 <= step:
        return "rounds"
    return "truncates" if 0 <= counted - Fraction(printed) < step else "differs"


def _suspects(answer: Any) -> str | None:
    networks = [(a, r) for a in (1.0, 0.75, 0.5, 0.25) for r in (224, 192, 160, 128)]
    rows = []
    for place, (alpha, resolution) in enumerate(networks):
        count = Fraction(mobilenet_v1(alpha, resolution).mult_adds, 10**6)
        cut = int(count) if place % 3 else round(count)  # some are cut off, which is no misprint
        rows.append((alpha, resolution, MISPRINTS.get(place, str(cut))))
    answer = as_function(answer, lambda rows: None)
    found = call(answer, lambda rows: None, rows)
    try:
        result = sorted({int(place) for place in found})
    except (TypeError, ValueError):
        raise Fault(
            f"it returns {shown(found)}.", "Return a list of places, counted from 0."
        ) from None
    missed, accused = set(MISPRINTS) - set(result), set(result) - set(MISPRINTS)
    if missed and {place - 1 for place in result} >= set(MISPRINTS):
        raise Fault("every place is one too far.", "Places are counted from 0.")
    if missed:
        said = f"row {min(missed)}, {rows[min(missed)]}, is a misprint and was not found."
        hint = "Go through all sixteen, the first and the last as well."
        if not result:
            hint = "Nothing is found: the printed numbers are texts, in millions."
        raise Fault(said, hint)
    if accused:
        alpha, resolution, printed = rows[min(accused)]
        total = mobilenet_v1(alpha, resolution).mult_adds
        said = f"row {min(accused)} is accused, but {printed} follows from the {total:,} mult-adds."
        hint = "What is rounded or cut off is no misprint."
        if len(result) == len(rows):
            hint = "All are accused: compare in millions."
        elif int(printed) == total // 10**6 != round(total / 1e6):
            hint = "That one was cut off, not rounded, and is no misprint either."
        elif int(printed) == round(total / 1e6) != total // 10**6:
            hint = "That one was rounded, not cut off, and is no misprint either."
        raise Fault(said, hint)
    return None


def half_of_flops(arch: Architecture) -> float:
    """Half of what pytorchcv's counter gives."""
    return float(halved_flops(arch))


def _archs() -> Iterator[Case]:
    for alpha, resolution in ((1.0, 224), (0.75, 224), (0.5, 128)):
        yield (mobilenet_v1(alpha, resolution),)


def _without(part: str) -> Callable[[Architecture], float]:
    """The count with one part left out, or doubled."""

    def count(arch: Architecture) -> float:
        body = arch.layers[:-1]
        numbers = sum(layer.out_channels * layer.out_size**2 for layer in body)
        pairs = sum(x.in_channels * (x.kind == "depthwise" or x.out_channels) for x in body)
        all_pairs = sum(x.in_channels * x.out_channels for x in body)
        pooled = body[-1].out_channels * body[-1].out_size ** 2
        missing = {
            "pool": pooled,
            "relu": numbers,
            "batch normalization": 4 * numbers,
            "both": 5 * numbers,
            "pairs": -pairs,
            "depthwise": all_pairs - pairs,
            "head": 2 * arch.layers[-1].mult_adds,
        }[part]
        return half_of_flops(arch) - missing / 2

    return count


def _slope() -> float:
    """Points for a doubling of the mult-adds from 0.25 to 1.0 MobileNet-224, as printed."""
    table = table_of(6)
    accuracy, work = ([float(table.cell(row, c).printed) for row in (1, 4)] for c in COLUMNS)
    return (accuracy[0] - accuracy[1]) / math.log2(work[0] / work[1])


def _maps_of_each_colour(parameters: int) -> int:
    """The depth multiplier that gives a 7x7 separable layer from 3 to 64 channels its weights."""
    return min(range(1, 30), key=lambda m: abs(7 * 7 * 3 * m + 3 * m * 64 - parameters))


EXERCISES = (
    exercise(
        "9.1",
        "Rounded, cut off, or neither",
        behaves(
            verdict_of,
            lambda: [(printed, Fraction(counted)) for printed, counted in JUDGED],
            (
                "The zeros at the end of a whole number were taken for digits.",
                lambda p, c: str(judge(p, c)),
            ),
            ("It says the same of all.", _always("rounds")),
            ("It says the same of all.", _always("truncates")),
            ("It says the same of all.", _always("differs")),
            ("What is cut off is a case of its own.", _merged),
            ("Two digits remain: 60 and 720 have a step of 1 and of 10.", _all_zeros),
        ),
        "Only the step differs from the function above. What is one in the last digit of 15300?",
        "Strip zeros from the right of a whole number, but keep two digits; the step is ten to the "
        "power of the digits that you stripped.",
        goals=["when a printed number agrees"],
    ),
    exercise(
        "9.2",
        "The dogs' network",
        whole(
            lambda: mobilenet_v1(0.75, 224, num_classes=120).mult_adds,
            lambda: {
                "That is with ImageNet's 1000 classes.": mobilenet_v1(0.75).mult_adds,
                "That is the network at full width.": (
                    mobilenet_v1(num_classes=120).mult_adds,
                    mobilenet_v1().mult_adds,
                ),
                "These are its parameters.": mobilenet_v1(0.75, 224, num_classes=120).parameters,
                "The last layer is left out.": mobilenet_v1(0.75).mult_adds - 768 * 1000,
                "0.75 is the width here, not the resolution.": mobilenet_v1(
                    1.0, 168, num_classes=120
                ).mult_adds,
                "To the last digit: count them, do not round.": (
                    325,
                    324,
                    325_000_000,
                    324_000_000,
                ),
            },
        ),
        "`mobilenet_v1` takes `num_classes`.",
        "The last layer has 768 inputs: 880 classes less are 768 · 880 mult-adds less.",
        goals=["what dogs, maps"],
    ),
    exercise(
        "9.3",
        "A proofreader",
        function(_suspects),
        "Count with `mobilenet_v1(alpha, resolution).mult_adds`, in millions as a Fraction.",
        "`judge` above says whether a number differs; collect the places with `enumerate`.",
        goals=["twelve cases"],
        kind="build",
    ),
    exercise(
        "9.4",
        "What the counter calls FLOPs",
        behaves(
            half_of_flops,
            _archs,
            ("That is all of it, and half is asked for.", lambda arch: 2 * half_of_flops(arch)),
            ("These are the mult-adds.", lambda arch: float(arch.mult_adds)),
            ("The average pool is missing.", _without("pool")),
            ("ReLU is missing: one for each number.", _without("relu")),
            (
                "Batch normalization is missing: four for each number.",
                _without("batch normalization"),
            ),
            ("Batch normalization and ReLU are missing.", _without("both")),
            ("What it takes off for each pair is missing.", _without("pairs")),
            (
                "In a depthwise layer each channel meets one other, not all.",
                _without("depthwise"),
            ),
            ("The fully connected layer is missing.", _without("head")),
            tolerance=1e-7,
        ),
        "Each layer but the last makes `out_channels * out_size**2` numbers; five operations each.",
        "Pairs that meet: `in_channels * out_channels`, in a depthwise layer `in_channels`. The "
        "pool reads the last map once, 1024 · 7 · 7 numbers in the largest network.",
        goals=["twelve cases"],
        kind="investigate",
    ),
    exercise(
        "9.5",
        "GoogLeNet's first layer",
        whole(
            lambda: _maps_of_each_colour(2700),
            lambda: {
                "These are the maps of all three colours together.": 24,
                "That would be so without the pointwise part.": (18, 19),
                "That would be so without the depthwise part.": 14,
                "There are three colours: the pointwise part has 3m inputs.": (13, 12),
                "That is the number of colours.": 3,
                "That is what comes out of the layer.": 64,
                "A kernel of 7 by 7 has 49 weights, not 7.": 13,
            },
        ),
        "With m maps of each colour: 7 · 7 · 3 · m weights, then 1 by 1 from 3m to 64 channels.",
        "About 2700 are 147 m + 192 m.",
        goals=["place it between"],
        kind="investigate",
    ),
    exercise(
        "9.6",
        "The slope of a figure",
        close(
            _slope,
            0.03,
            lambda: {
                "That is for logarithms to the base of e.": _slope() / math.log(2),
                "That is for ten times the work.": _slope() * math.log2(10),
                "That is the whole rise; for one doubling?": 20.0,
                "Per doubling, not per halving of the width: that is a rise over two steps.": 10.0,
                "That is how many doublings there are.": 20.0 / _slope(),
                "Down or up? More work, more points.": -_slope(),
            },
        ),
        "`paper.table(6)` has both numbers of both networks.",
        "The difference of the accuracies over the logarithm, to the base of 2, of 569 / 41.",
        goals=["look up any number", "draw the paper's figures"],
    ),
)
