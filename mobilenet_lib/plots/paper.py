"""Figures of chapter 09: the paper's Figures 1, 4 and 5 from its numbers, and what came of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.patches import Patch

from ..paper import FINDINGS, Model, Since
from .figure import COLOURS, BookFigure, name_rows, new_figure, plain_log
from .tradeoff import LOOKS

# Equal is quiet, and so is what cannot be counted: the eye is to find the rest.
SHADES = {
    "equal": "#9fc5b8",
    "truncated": COLOURS["depthwise"],
    "misprint": COLOURS["standard"],
    "other count": COLOURS["highlight"],
    "contradiction": COLOURS["fc"],
    "wording": "#56b4e9",
    "unexplained": COLOURS["ink"],
    "not countable": "#e0e0e0",
}
SIDES = {
    224: (COLOURS["depthwise"], "o"),
    192: (COLOURS["pointwise"], "s"),
    160: (COLOURS["fc"], "^"),
    128: (COLOURS["standard"], "D"),
}
SUCCESSORS = {
    "trained again": (COLOURS["standard"], "D"),
    "MobileNetV2": (COLOURS["depthwise"], "s"),
    "MobileNetV3": (COLOURS["pointwise"], "^"),
    "EfficientNet-Lite": (COLOURS["fc"], "v"),
}


class Task(NamedTuple):
    """A task of the paper: what did it before, what MobileNet does it with, and how well."""

    name: str
    before: str
    mult_adds_before: float
    """In millions."""
    quality_before: float
    now: str
    mult_adds: float
    quality: float
    measure: str
    """What the quality is, such as "top-1, %"."""


def findings(tables: Mapping[str, Sequence[str]]) -> BookFigure:
    """How many cells of each table got which verdict, as bars that all are 100 % long.

    Parameters
    ----------
    tables
        By name, from top to bottom, the finding of each cell, a word of `paper.FINDINGS`.
    """
    counts = {name: Counter(found) for name, found in tables.items()}
    used = [each for each in FINDINGS if any(count[each] for count in counts.values())]
    rows = math.ceil(len(counts) / 2) if len(counts) > 9 else len(counts)
    parts = [list(counts)[i : i + rows] for i in range(0, len(counts), rows)]
    with new_figure(9, 0.36 * rows + 1.3, ncols=len(parts)) as (figure, axes):
        for axis, names in zip(axes, parts, strict=True):
            for y, count in enumerate(counts[name] for name in names):
                left = 0.0
                for each in used:
                    width = 100 * count[each] / count.total()
                    axis.barh(y, width, left=left, height=0.78, color=SHADES[each], ec="white")
                    left += width
                axis.text(102, y, f"{count.total()}", va="center")
            name_rows(axis, names)
            axis.set_ylim(rows - 0.4, -0.6)  # as in the other panel
            axis.set(xlim=(0, 100), xlabel="share of the numbers, %")
            axis.spines["left"].set_visible(False)
        high, left = figure.get_figheight(), 0.1 if len(parts) > 1 else 0.2
        handles = [Patch(color=SHADES[each], label=each) for each in used]
        look: dict[str, Any] = {"loc": "upper left", "borderaxespad": 0.2, "columnspacing": 1.4}
        figure.legend(handles=handles, ncols=4, handlelength=1, **look)
        figure.subplots_adjust(left, 0.6 / high, 0.94, 1 - 0.66 / high, wspace=0.74)
    words = "; ".join(
        f"{name}: " + ", ".join(f"{count[each]} {each}" for each in used if count[each])
        for name, count in counts.items()
    )
    figure.alt = f"A bar for each table, divided by what became of its numbers. {words}."
    return figure


def applications(tasks: Sequence[Task]) -> BookFigure:
    """Figure 1 of the paper with numbers: the share of the mult-adds that is left, task by task."""
    with new_figure(9, 0.62 * len(tasks) + 0.75) as (figure, (axis,)):
        for y, task in enumerate(tasks):
            share = 100 * task.mult_adds / task.mult_adds_before
            axis.barh(y, 100, color="#e0e0e0", height=0.66)
            axis.barh(y, share, color=COLOURS["depthwise"], height=0.66)
            words = f"{task.quality:g} against {task.quality_before:g} {task.measure}"
            words = f"{share:.3g} % of {task.before}; {words}"
            axis.text(share + 1.5, y, words, va="center")
        name_rows(axis, [task.name for task in tasks])
        axis.set(xlim=(0, 100), xlabel="mult-adds, % of what the network before took")
        axis.spines["left"].set_visible(False)
        figure.subplots_adjust(0.2, 0.55 / figure.get_figheight(), 0.98, 0.99)
    words = "; ".join(
        f"{t.name}: {t.now} takes {100 * t.mult_adds / t.mult_adds_before:.3g} % of the mult-adds "
        f"of {t.before} and reaches {t.quality:g} against {t.quality_before:g} {t.measure}"
        for t in tasks
    )
    figure.alt = f"A bar for each task. {words}."
    return figure


def sixteen(models: Sequence[Model]) -> BookFigure:
    """Figures 4 and 5 of the paper: accuracy against mult-adds, and against parameters.

    Full marks are printed in the paper's tables. The others, hollow, are marks in its plots that
    have no number; they stand at what tf-slim prints of June 2017.
    """
    with new_figure(9, 4.4, ncols=2, sharey=True) as (figure, (left, right)):
        for model in models:
            printed = model.paper_top1 is not None
            accuracy = model.paper_top1 if printed else model.slim2017_top1
            spots = (
                (left, model.mult_adds, LOOKS[model.alpha]),
                (right, model.parameters_as_printed, SIDES[model.resolution]),
            )
            for axis, count, (colour, shape) in spots:
                look = {"color": colour, "ms": 8, "mfc": colour if printed else "white", "mew": 1.6}
                axis.plot(count / 1e6, accuracy, shape, **look)
        axes = (
            (left, "Figure 4", "mult-adds, millions (log scale)", LOOKS, "α {:g}"),
            (right, "Figure 5", "parameters, millions (log scale)", SIDES, "{:g} pixels"),
        )
        for axis, title, label, looks, words in axes:
            for key, (colour, shape) in looks.items():
                axis.plot([], [], shape, color=colour, ms=8, label=words.format(key))
            axis.set_title(title)
            axis.set_xlabel(label)
            plain_log(axis.xaxis)
            axis.margins(x=0.12)
            axis.legend(loc="lower right")
        left.set_ylabel("ImageNet top-1, %")
        figure.subplots_adjust(0.08, 0.14, 0.99, 0.92, wspace=0.06)
    in_tables = [m for m in models if m.paper_top1 is not None]
    plotted = [m for m in models if m.paper_top1 is None]
    figure.alt = (
        "Accuracy of the sixteen models, left against mult-adds with a mark for each width, right "
        "against parameters with a mark for each resolution. Printed in the paper: "
        + ", ".join(_told(m, m.paper_top1) for m in in_tables)
        + ". Hollow, from tf-slim: "
        + ", ".join(_told(m, m.slim2017_top1) for m in plotted)
        + "."
    )
    return figure


def _told(model: Model, accuracy: float | None) -> str:
    return (
        f"{model.alpha:g}-{model.resolution} {accuracy:g} % with {model.mult_adds / 1e6:.3g} and "
        f"{model.parameters_as_printed / 1e6:.3g} million"
    )


def descendants(models: Sequence[Model], since: Sequence[Since]) -> BookFigure:
    """The sixteen, the same network trained again by others, and the networks that came after."""
    with new_figure(9, 4.4) as (figure, (axis,)):
        own = [(m.mult_adds / 1e6, m.slim2018_top1) for m in models]
        look: dict[str, Any] = {"color": COLOURS["input"], "ms": 5, "alpha": 0.8}
        axis.plot(*zip(*own, strict=True), "o", label="the sixteen, tf-slim", **look)
        told = []
        for kind, (colour, shape) in SUCCESSORS.items():
            family = sorted((s for s in since if s.kind == kind), key=lambda s: s.top1)
            marks = [(s.mult_adds, s.top1) for s in family]
            label = "1.0-224 trained again" if kind == "trained again" else kind
            axis.plot(*zip(*marks, strict=True), shape, ls="-", color=colour, ms=8, label=label)
            told += [family[0], family[-1]]
        axis.set(xlabel="mult-adds, millions (log scale)", ylabel="ImageNet top-1, %")
        plain_log(axis.xaxis)
        axis.set_xlim(11, 1900)
        axis.set_ylim(40, 81)
        axis.legend(loc="lower right")
        figure.subplots_adjust(0.08, 0.14, 0.99, 0.98)
        for place, one in enumerate(told):  # by turns the least and the most accurate of a family
            again = one.kind == "trained again"
            right = bool(place % 2) != again  # to the left of a column, or to the right
            shift = (8 if right else -8, -16 if right else 2)
            look = {"ha": "left" if right else "right", "textcoords": "offset points"}
            look["fontweight"] = "bold" if again else "normal"
            axis.annotate(one.name, (one.mult_adds, one.top1), shift, color=COLOURS["ink"], **look)
    words = "; ".join(
        f"{kind}: "
        + ", ".join(
            f"{s.name} {s.top1:g} % with {s.mult_adds:.3g} million" for s in since if s.kind == kind
        )
        for kind in SUCCESSORS
    )
    figure.alt = f"ImageNet accuracy against mult-adds on a log axis. {words}."
    return figure
