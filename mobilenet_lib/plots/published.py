"""Figures of chapter 07: what a trained network says, what it looks for, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..photos import Photo
from .figure import COLOURS, SIGNED, BookFigure, new_figure, picture, signed

if TYPE_CHECKING:
    from ..explain import Look


def verdicts(photos: Mapping[str, Photo], probabilities: Sequence[float], label: str) -> BookFigure:
    """Photos in a row, each above a bar for the probability that the network gives to a class.

    Parameters
    ----------
    photos
        (height, width, 3) uint8 by name, all of one shape.
    probabilities
        One for each photo, 0 to 1.
    label
        The class.
    """
    count = len(photos)
    with new_figure(9, 9 / count + 0.75, nrows=2, ncols=count, height_ratios=[9 / count, 0.28]) as (
        figure,
        axes,
    ):
        columns = zip(photos.items(), probabilities, axes[:count], axes[count:], strict=True)
        for (name, photo), share, above, below in columns:
            picture(above, photo, name)
            below.barh(0, 1, color="#e3e3e3")
            below.barh(0, share, color=COLOURS["standard" if share >= 0.5 else "depthwise"])
            below.axvline(0.5, color="white", lw=2)
            below.set(xlim=(0, 1), ylim=(-0.45, 0.45))
            below.axis("off")
            below.text(0, -0.75, f"{100 * share:.0f} % {label}", va="top")
        figure.subplots_adjust(0.005, 0.13, 0.995, 0.86, wspace=0.06, hspace=0.08)
    words = ", ".join(
        f"{name} {100 * share:.0f} %" for name, share in zip(photos, probabilities, strict=True)
    )
    figure.alt = f"Photos, and the probability of {label} that the network gives each: {words}."
    return figure


def compared(names: Sequence[str], rows: Mapping[str, Sequence[float]], label: str) -> BookFigure:
    """The same photos under several settings, as a table coloured by probability.

    Parameters
    ----------
    names
        The photos.
    rows
        For each setting, one probability a photo, 0 to 1.
    label
        The class.
    """
    shares = np.array(list(rows.values()), float)
    with new_figure(9, 0.42 * len(rows) + 0.5) as (figure, (axis,)):
        axis.imshow(shares, cmap=SIGNED, vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if abs(share - 0.5) > 0.3 else COLOURS["ink"]
            axis.text(column, row, f"{100 * share:.0f} %", color=colour, ha="center", va="center")
        axis.set_xticks(range(len(names)), names)
        axis.set_yticks(range(len(rows)), list(rows))
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        figure.subplots_adjust(0.24, 0.02, 0.995, 1 - 0.42 / (0.42 * len(rows) + 0.5))
    words = "; ".join(
        f"{setting}: "
        + ", ".join(f"{name} {100 * s:.0f} %" for name, s in zip(names, row, strict=True))
        for setting, row in rows.items()
    )
    figure.alt = f"A table of the probability of {label}. {words}."
    return figure


def filters(weights: NDArray[Any], columns: int = 8) -> BookFigure:
    """The filters of a first layer in colour: grey is 0, each stretched to its own range.

    Parameters
    ----------
    weights
        (filters, 3, D_K, D_K), as torch keeps them.
    columns
        Filters in a row.
    """
    rows = -(-len(weights) // columns)
    with new_figure(9, (9 / columns + 0.3) * rows, nrows=rows, ncols=columns) as (figure, axes):
        for axis in axes:
            axis.set_axis_off()
        for number, (axis, kernel) in enumerate(zip(axes, weights, strict=False)):
            reach = np.abs(kernel).max() or 1
            picture(axis, 0.5 + np.moveaxis(kernel, 0, 2) / (2 * reach), str(number))
        figure.subplots_adjust(0.005, 0.01, 0.995, 1 - 0.26 / ((9 / columns + 0.3) * rows))
    # A filter is grey if little of it is left when its mean over the three colours is taken away.
    rest = weights - weights.mean(1, keepdims=True)
    grey = (rest**2).sum((1, 2, 3)) < 0.3 * (weights**2).sum((1, 2, 3))
    figure.alt = (
        f"The {len(weights)} filters of the first layer as colour pictures of "
        f"{weights.shape[2]} by {weights.shape[3]} pixels. Nearly alike in red, green and blue: "
        f"{grey.sum()}; comparing colours: {(~grey).sum()}."
    )
    return figure


def evidence(seen: Look) -> BookFigure:
    """What the network sees of a photo, and which parts its answer rests on, found in two ways.

    Orange speaks for the class, blue against it.

    Parameters
    ----------
    seen
        From `explain.look`.
    """
    label, pixels = seen.label.replace("_", " "), len(seen.square)
    with new_figure(9, 3.35, ncols=3) as (figure, axes):
        picture(axes[0], seen.square, f"seen: {pixels}×{pixels} pixels")
        grey = seen.square.mean(2)
        for axis, heat, title in (
            (axes[1], seen.occluded, "covered: what it costs"),
            (axes[2], seen.activation, "class activation"),
        ):
            picture(axis, grey, title, vmin=0, vmax=255)
            whole = (-0.5, pixels - 0.5, pixels - 0.5, -0.5)
            axis.imshow(heat, alpha=0.6, extent=whole, **signed(heat))
        answer = f"{label}: {100 * seen.probability:.0f} %"
        figure.text(0.01, 0.02, answer, fontsize=15, fontweight="bold")
        for x, colour, text in (
            (0.345, "standard", f"■ speaks for {label}"),
            (0.678, "depthwise", "■ speaks against"),
        ):
            figure.text(x, 0.025, text, color=COLOURS[colour])
        figure.subplots_adjust(0.005, 0.1, 0.995, 0.92, wspace=0.03)
    figure.alt = (
        f"The network gives {label} {100 * seen.probability:.0f} %. "
        f"Covering {_peak(seen.occluded)} changes that most, by "
        f"{100 * np.abs(seen.occluded).max():.0f} points. "
        f"In the class activation map, the place in {_peak(seen.activation)} counts most."
    )
    return figure


def _peak(heat: NDArray[Any]) -> str:
    """Where it is largest, above or below zero, in words."""
    row, column = np.unravel_index(np.abs(heat).argmax(), heat.shape)
    across = ("left", "middle", "right")[int(3 * (column + 0.5) / heat.shape[1])]
    down = ("top", "middle", "bottom")[int(3 * (row + 0.5) / heat.shape[0])]
    return "the middle" if across == down == "middle" else f"the {down} {across}"


def alarms(found: float, false_alarms: float, marked: Sequence[float] = ()) -> BookFigure:
    """Of the photos that a detector reports, the share that it reports rightly.

    Bayes' rule: p · found / (p · found + (1 - p) · false_alarms), with p the share of photos that
    have what it looks for.

    Parameters
    ----------
    found
        Share of the photos with it that are reported.
    false_alarms
        Share of the photos without it that are reported.
    marked
        Values of p to point at.
    """
    p = np.logspace(-3, 0, 200)
    right = _right(p, found, false_alarms)
    with new_figure(9, 3.2) as (figure, (axis,)):
        axis.semilogx(100 * p, 100 * right, color=COLOURS["ink"], lw=2)
        for share in marked:
            value = _right(share, found, false_alarms)
            axis.plot(100 * share, 100 * value, "o", color=COLOURS["standard"], ms=9)
            look = {"ha": "right", "color": COLOURS["standard"], "fontweight": "bold"}
            place, beside = (100 * share, 100 * value), (-8, 8)
            axis.annotate(f"{100 * value:.0f} %", place, beside, textcoords="offset points", **look)
        axis.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        axis.set(xlim=(0.1, 100), ylim=(0, 105))
        axis.set(xlabel="photos with a person, %", ylabel="alarms that are right, %")
        figure.subplots_adjust(0.09, 0.19, 0.98, 0.97)
    words = ", ".join(
        f"{100 * share:g} % with a person give {100 * _right(share, found, false_alarms):.0f} %"
        for share in marked
    )
    figure.alt = (
        "A curve: the rarer persons are among the photos, the smaller the share of alarms that are "
        f"right. {words}."
    )
    return figure


def _right(p: Any, found: float, false_alarms: float) -> Any:
    return p * found / (p * found + (1 - p) * false_alarms)
