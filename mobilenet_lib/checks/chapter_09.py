"""The exercises of chapter 09: judging printed numbers, and finding where two of them come from."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..architecture import mobilenet_v1
from ..paper import judge
from ..paper.claims import halved_flops
from .answers import exercise, function, whole

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


def _verdict(answer: Any) -> str | None:
    for printed, counted in JUDGED:
        result = answer(printed, Fraction(counted))
        expected = judge(printed, Fraction(counted), round_figure=True)
        if result == expected:
            continue
        if result == judge(printed, Fraction(counted)):
            return f"for {printed!r} and {counted} the zeros at the end were taken for digits."
        return f"for {printed!r} and {counted} the result is {result!r}."
    return None


def _suspects(answer: Any) -> str | None:
    networks = [(a, r) for a in (1.0, 0.75, 0.5, 0.25) for r in (224, 192, 160, 128)]
    rows = []
    for place, (alpha, resolution) in enumerate(networks):
        count = Fraction(mobilenet_v1(alpha, resolution).mult_adds, 10**6)
        cut = int(count) if place % 3 else round(count)  # some are cut off, which is no misprint
        rows.append((alpha, resolution, MISPRINTS.get(place, str(cut))))
    result = sorted(answer(list(rows)))
    missed, accused = set(MISPRINTS) - set(result), set(result) - set(MISPRINTS)
    if missed:
        return f"row {min(missed)}, {rows[min(missed)]}, is a misprint and was not found."
    if accused:
        alpha, resolution, printed = rows[min(accused)]
        return (
            f"row {min(accused)} is accused, but {printed} follows from the "
            f"{mobilenet_v1(alpha, resolution).mult_adds:,} mult-adds of {alpha:g}-{resolution}."
        )
    return None


def _half_of_flops(answer: Any) -> str | None:
    for alpha, resolution in ((1.0, 224), (0.75, 224), (0.5, 128)):
        arch = mobilenet_v1(alpha, resolution)
        result, expected = float(answer(arch)), halved_flops(arch)
        if abs(result - expected) < 1:
            continue
        case = f"for {alpha:g} MobileNet-{resolution} the result is {result / 1e6:.3f} million"
        if abs(result - 2 * expected) < 1:
            return f"{case}: that is all of it, and half is asked for."
        return f"{case}, which is {(result - expected) / 1e6:+.3f} million off."
    return None


EXERCISES = (
    exercise(
        "9.1",
        "Rounded, cut off, or neither",
        function(_verdict),
        "Only the step differs from the function above. What is one in the last digit of 15300?",
        "Strip zeros from the right of a whole number, but keep two digits; the step is ten to the "
        "power of the digits that you stripped.",
    ),
    exercise(
        "9.2",
        "The dogs' network",
        whole(lambda: mobilenet_v1(0.75, 224, num_classes=120).mult_adds),
        "`mobilenet_v1` takes `num_classes`.",
        "The last layer has 768 inputs: 880 classes less are 768 x 880 mult-adds less.",
    ),
    exercise(
        "9.3",
        "A proofreader",
        function(_suspects),
        "Count with `mobilenet_v1(alpha, resolution).mult_adds`, in millions as a Fraction.",
        "`judge` above says whether a number differs; collect the places with `enumerate`.",
    ),
    exercise(
        "9.4",
        "What the counter calls FLOPs",
        function(_half_of_flops),
        "Each layer but the last makes `out_channels * out_size**2` numbers; five operations each.",
        "Pairs that meet: `in_channels * out_channels`, in a depthwise layer `in_channels`. The "
        "pool reads the last map once, 1024 x 7 x 7 numbers in the largest network.",
    ),
    exercise(
        "9.5",
        "GoogLeNet's first layer",
        whole(lambda: _maps_of_each_colour(2700)),
        "With m maps of each colour: 7 x 7 x 3 x m weights, then 1 by 1 from 3m to 64 channels.",
        "147 m + 192 m is about 2700.",
    ),
)


def _maps_of_each_colour(parameters: int) -> int:
    """The depth multiplier that gives a 7x7 separable layer from 3 to 64 channels its weights."""
    return min(range(1, 30), key=lambda m: abs(7 * 7 * 3 * m + 3 * m * 64 - parameters))
