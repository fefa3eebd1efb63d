"""Figures of letters in the wild, and of how well networks read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..photos import Photo
from .figure import COLOURS, BookFigure, name_rows, new_figure, picture


def letters(images: Sequence[Photo], names: Sequence[str], columns: int = 8) -> BookFigure:
    """Training images in a grid, each under its class.

    Parameters
    ----------
    images
        (height, width, 3) uint8 each.
    names
        Their classes.
    columns
        Images in a row.
    """
    rows = -(-len(images) // columns)
    row_height = 9 / columns + 0.26
    with new_figure(9, row_height * rows, nrows=rows, ncols=columns) as (figure, axes):
        for axis in axes:
            axis.set_axis_off()
        for axis, image, name in zip(axes, images, names, strict=False):
            picture(axis, image, name, fontsize=12)
        top = 1 - 0.25 / (row_height * rows)
        figure.subplots_adjust(0.005, 0.005, 0.995, top, wspace=0.05, hspace=0.26 * columns / 9)
    figure.alt = (
        f"{len(images)} colour pictures of single letters on photographs, turned, sheared and "
        f"blurred: {' '.join(names)}."
    )
    return figure


def guesses(
    images: Sequence[Photo],
    probabilities: NDArray[Any],
    classes: Sequence[str],
    top: int = 3,
) -> BookFigure:
    """Pictures in a row, and below each the classes that a network holds most probable.

    Parameters
    ----------
    images
        (height, width, 3) uint8 each.
    probabilities
        (images, classes), each row adding up to 1.
    classes
        Names of the classes.
    top
        Classes to show of each.
    """
    count = len(images)
    side = 9 / count
    words = []
    with new_figure(
        9, side + 0.3 * top + 0.15, nrows=2, ncols=count, height_ratios=[side, 0.3 * top]
    ) as (figure, axes):
        for image, row, above, below in zip(
            images, probabilities, axes[:count], axes[count:], strict=True
        ):
            picture(above, image)
            best = np.argsort(row)[::-1][:top]
            below.barh(range(top), row[best], color=COLOURS["pointwise"], height=0.8)
            below.set(xlim=(0, 1), ylim=(top - 0.4, -0.6))
            below.axis("off")
            for place, label in enumerate(best):
                text = f"{classes[label]}  {100 * row[label]:.0f} %"
                below.text(0.03, place, text, va="center", fontsize=11, fontweight="bold")
            words.append(" ".join(f"{classes[i]} {100 * row[i]:.0f} %" for i in best))
        figure.subplots_adjust(0.005, 0.02, 0.995, 0.99, wspace=0.06, hspace=0.04)
    figure.alt = "Pictures and the most probable classes of each: " + "; ".join(words) + "."
    return figure


def accuracies(
    shares: Mapping[str, float], chance: float, label: str = "test images that are right, %"
) -> BookFigure:
    """Bars for the accuracies of several networks, with the share that guessing would get.

    Parameters
    ----------
    shares
        Accuracy by name, 0 to 1, from top to bottom.
    chance
        What guessing gets, 0 to 1.
    label
        What the axis says.
    """
    with new_figure(9, 0.42 * len(shares) + 0.85) as (figure, (axis,)):
        values = [100 * share for share in shares.values()]
        axis.barh(range(len(values)), values, color=COLOURS["depthwise"], height=0.7)
        for place, value in enumerate(values):
            axis.text(value + 1, place, f"{value:.0f} %", va="center")
        axis.axvline(100 * chance, color=COLOURS["standard"], lw=1.5, ls="--")
        name_rows(axis, shares)
        axis.set(xlim=(0, 100), xlabel=f"{label} (dashed: chance)")
        figure.subplots_adjust(0.26, 0.6 / figure.get_figheight(), 0.98, 0.97)
    words = ", ".join(f"{name} {value:.0f} %" for name, value in zip(shares, values, strict=True))
    figure.alt = f"Bars: {words}. Guessing would get {100 * chance:.0f} %."
    return figure
