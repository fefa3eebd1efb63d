"""What chapter 09's exercises are judged by: verdicts, misprints, operations, marks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import wraps
from typing import Any

import numpy as np

from .. import paper
from ..architecture import Architecture, mobilenet_v1
from ..paper.other_networks import other_network
from .answers import Check, plain

JUDGED = (
    ("569", "568.740352"),
    ("290", "290.6752"),
    ("2", "2.5"),
    ("0.5", "0.45"),
    ("1.19", "1.90562"),
    ("1.50", "1.46"),
    ("0.29", "0.285"),
    ("326", "325.4"),
    ("120000", "123456"),
    ("1050", "1049.9"),
    ("2000", "1950"),
    ("7.5", "7.56"),
    ("15300", "15346.63"),
    ("15300", "15470.26"),
    ("720", "724.4"),
    ("1550", "1582.672"),
    ("60", "60.97"),
    ("100", "99.4"),
)
"""Printed, counted; all three verdicts occur, with round figures and without."""
MISPRINTS: tuple[dict[int, str], ...] = (
    {2: "209", 5: "293", 9: "194", 14: "12"},
    {0: "596", 7: "105", 4: "326"},
    {},
)
"""What the proofreader is to find among the sixteen, by place: digits swapped, or one off."""
SIXTEEN = [(alpha, side) for alpha in paper.ALPHAS for side in paper.RESOLUTIONS]


def verdict_of(printed: str, counted: Fraction) -> str:
    """The right one for 9.1."""
    return paper.judge(printed, counted, round_figure=True)


def _with_step(step: Fraction, printed: str, counted: Fraction) -> str:
    place = Fraction(printed) / step
    if (counted / step + Fraction(1, 2)) // 1 == place:
        return "rounds"
    return "truncates" if counted / step // 1 == place else "differs"


def all_zeros_off(printed: str, counted: Fraction) -> str:
    """Zeros after the first digit taken for no digits."""
    zeros = 0 if "." in printed else len(printed) - len(printed.rstrip("0"))
    step = Fraction(10) ** zeros if zeros else paper.quantum(printed)
    return _with_step(step, printed, counted)


def whole_steps(printed: str, counted: Fraction) -> str:
    """A step of 1 at least."""
    return _with_step(max(paper.quantum(printed, True), Fraction(1)), printed, counted)


def cut_first(printed: str, counted: Fraction) -> str:
    """What could be cut off is called so, even where it rounds."""
    step = paper.quantum(printed, True)
    return (
        "truncates"
        if counted / step // 1 == Fraction(printed) / step
        else verdict_of(printed, counted)
    )


def off_by_zeros(most: int, least: int = 2) -> Any:
    """At most so many zeros are taken off, and so many digits stay at least."""

    def verdict(printed: str, counted: Fraction) -> str:
        digits = len(printed.rstrip("0"))
        zeros = min(most, len(printed) - max(digits, least))
        return _with_step(
            paper.quantum(printed) if "." in printed else Fraction(10 ** max(zeros, 0)),
            printed,
            counted,
        )

    return verdict


def in_floats(printed: str, counted: Fraction) -> str:
    """Computed with a computer's own numbers."""
    step, number = float(paper.quantum(printed, True)), float(counted)
    if math.floor(number / step + 0.5) * step == float(printed):
        return "rounds"
    return "truncates" if math.floor(number / step) * step == float(printed) else "differs"


def near_by(printed: str, counted: Fraction) -> str:
    """Whatever is nearer than a step is taken for cut off."""
    near = abs(Fraction(printed) - counted) < paper.quantum(printed, True)
    own = verdict_of(printed, counted)
    return "truncates" if near and own == "differs" else own


def zeros_behind(printed: str, counted: Fraction) -> str:
    """Zeros behind the point taken for no digits, too."""
    short = printed.rstrip("0") if "." in printed else printed
    return verdict_of(short.rstrip("."), counted)


def half_is_near(printed: str, counted: Fraction) -> str:
    """Half a step either way rounds."""
    half = paper.quantum(printed, True) / 2
    return "rounds" if abs(Fraction(printed) - counted) == half else verdict_of(printed, counted)


def half_down(printed: str, counted: Fraction) -> str:
    """Half a step is rounded down."""
    step = paper.quantum(printed, True)
    if math.ceil(counted / step - Fraction(1, 2)) == Fraction(printed) / step:
        return "rounds"
    own = verdict_of(printed, counted)
    return own if own == "truncates" else "differs"


def cut_above(printed: str, counted: Fraction) -> str:
    """What is cut off is looked for above."""
    if (own := verdict_of(printed, counted)) == "rounds":
        return own
    above = math.ceil(counted / paper.quantum(printed, True)) * paper.quantum(printed, True)
    return "truncates" if above == Fraction(printed) else "differs"


def to_even(printed: str, counted: Fraction) -> str:
    """Half a step goes to the even neighbour, as `round` does it."""
    steps = counted / paper.quantum(printed, True)
    place = Fraction(printed) / paper.quantum(printed, True)
    if round(steps) == place:
        return "rounds"
    return "truncates" if steps // 1 == place else "differs"


def suspects(rows: list[tuple[float, int, str]]) -> np.ndarray[Any, Any]:
    """The right one for 9.3."""
    return found(rows, ("differs",))


def found(rows: list[tuple[float, int, str]], verdicts: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Places of the rows that get one of these verdicts."""
    return np.array(
        [i for i, row in enumerate(rows) if paper.judge(row[2], _million(row)) in verdicts]
    )


def near(rows: list[tuple[float, int, str]]) -> np.ndarray[Any, Any]:
    """Places of the rows that are off by a step or more."""
    off = [abs(_million(row) - Fraction(row[2])) / paper.quantum(row[2]) for row in rows]
    return np.flatnonzero([each >= 1 for each in off])


def in_any_order(check: Check) -> Check:
    """The same check for a function that may give its numbers as a set, or unsorted."""

    def sorts(answer: Any) -> str | None:
        @wraps(answer)
        def rising(*arguments: Any) -> Any:
            result = answer(*arguments)
            try:
                return result if isinstance(result, str | dict) else sorted(plain(result))
            except TypeError:
                return result

        return check(rising if callable(answer) else answer)

    return sorts


def _million(row: tuple[float, int, str]) -> Fraction:
    return Fraction(mobilenet_v1(row[0], row[1]).mult_adds, 10**6)


def proofs() -> Iterator[tuple[list[tuple[float, int, str]]]]:
    """The sixteen with misprints among them."""
    for wrong in MISPRINTS:
        rows = []
        for place, (alpha, side) in enumerate(SIXTEEN):
            count = _million((alpha, side, ""))
            cut = int(count) if place % 3 else round(count)  # some are cut off, no misprint
            rows.append((alpha, side, wrong.get(place, str(cut))))
        yield (rows,)


def logarithmic(points: np.ndarray) -> np.ndarray[Any, Any]:
    """Mult-adds as their logarithm to the base of 10."""
    return np.stack([np.log10(points[:, 0]), points[:, 1]], axis=1)


def marks(models: list[paper.Model]) -> np.ndarray[Any, Any]:
    """The right one for 9.6."""
    return points(models, lambda m: (m.mult_adds / 1e6, m.paper_top1))


def points(models: list[paper.Model], of: Any) -> np.ndarray[Any, Any]:
    """A pair for each model whose accuracy the paper prints, from the cheapest on."""
    chosen = sorted((m for m in models if m.paper_top1 is not None), key=lambda m: m.mult_adds)
    return np.array([of(m) for m in chosen], float)


def parameters(models: list[paper.Model]) -> Iterator[tuple[float, float]]:
    """Million parameters and accuracy, as Figure 5 shows them."""
    for model in models:
        if model.paper_top1 is not None:
            yield model.parameters_as_printed / 1e6, model.paper_top1


def lists() -> Iterator[tuple[list[paper.Model]]]:
    """Models in other orders, and a part of them."""
    models = list(paper.models())
    yield (models[::-1],)
    yield (models[3:] + models[:3],)
    yield (models[:5],)
    yield ([replace(models[0], paper_top1=10.0), *models[1:]],)


def dogs(alpha: float = 0.75, classes: int = 120) -> Architecture:
    """The network for Stanford Dogs."""
    return mobilenet_v1(alpha, 224, num_classes=classes)


def times() -> dict[str, float]:
    """What one may compare AlexNet and others with 0.50 MobileNet-160 by."""
    small, alexnet = mobilenet_v1(0.5, 160), other_network("AlexNet")
    squeezenet = other_network("Squeezenet")
    assert alexnet  # it has a plan, as has the next
    assert squeezenet
    return {
        "right": alexnet.mult_adds / small.mult_adds,
        "SqueezeNet": squeezenet.mult_adds / small.mult_adds,
        "wide": alexnet.mult_adds / mobilenet_v1().mult_adds,
        "parameters": alexnet.parameters / small.parameters,
        "printed": 60 / 1.32,
    }


def maps_of_each_colour(parameters: int) -> int:
    """The depth multiplier that gives a 7x7 separable layer from 3 to 64 channels its weights."""
    return min(range(1, 30), key=lambda m: abs(7 * 7 * 3 * m + 3 * m * 64 - parameters))
