"""Figures of chapter 05: letters in the wild, learning rates, and networks compared."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..photos import Photo
from .figure import COLOURS, BookFigure, name_rows, new_figure, picture

LINES = (
    (COLOURS["standard"], "-"),
    (COLOURS["depthwise"], "--"),
    (COLOURS["pointwise"], "-."),
    (COLOURS["fc"], ":"),
)
"""Colour and dashes of one line after another."""


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
            picture(axis, image, name)
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
                below.text(0.03, place, text, va="center", fontweight="bold")
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


def schedules(rates: Mapping[str, Sequence[float]]) -> BookFigure:
    """Learning rates over the course of a training, each as a share of its largest.

    Parameters
    ----------
    rates
        By name, one rate a step.
    """
    words = []
    with new_figure(9, 2.9) as (figure, (axis,)):
        for (name, values), (colour, dashes) in zip(
            rates.items(), itertools.cycle(LINES), strict=False
        ):
            shares = np.array(values) / max(values)
            done = 100 * np.arange(1, len(shares) + 1) / len(shares)
            axis.plot(done, shares, dashes, color=colour, label=name)
            words.append(
                f"{name} starts at {shares[0]:.2f} of its largest rate, has it after "
                f"{done[shares.argmax()]:.0f} % of the steps and ends at {shares[-1]:.2f}"
            )
        axis.set(xlim=(0, 100), ylim=(0, 1.05))
        axis.set(xlabel="steps done, %", ylabel="learning rate,\nshare of the largest")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
        figure.subplots_adjust(0.11, 0.2, 0.74, 0.96)
    figure.alt = f"Lines: {'; '.join(words)}."
    return figure


def rivals(accuracies: Mapping[str, Sequence[float]], label: str = "accuracy, %") -> BookFigure:
    """Networks compared over several seeds: a bar for the mean, a dot for each seed.

    Parameters
    ----------
    accuracies
        By name, from top to bottom; one a seed, in percent.
    label
        What the axis says.
    """
    means = {name: statistics.fmean(values) for name, values in accuracies.items()}
    every = [value for values in accuracies.values() for value in values]
    low, high = min(every), max(every)
    room = max(high - low, 1.0)
    start = max(0, math.floor(low - room))
    with new_figure(9, 0.5 * len(means) + 0.85) as (figure, (axis,)):
        for place, (name, values) in enumerate(accuracies.items()):
            look = {"color": COLOURS["depthwise"], "height": 0.7}
            axis.barh(place, means[name] - start, left=start, **look)
            axis.plot(values, [place] * len(values), "o", color=COLOURS["ink"], mfc="white", ms=6)
            axis.text(high + 0.06 * room, place, f"{means[name]:.1f}", va="center")
        name_rows(axis, means)
        cut = f" (the axis starts at {start})" if start else ""
        axis.set_xlim(start, high + 0.3 * room)
        axis.set_xlabel(
            f"{label}{cut}; dots: seeds", loc="right"
        )  # long, so from the edge leftwards
        figure.subplots_adjust(0.36, 0.62 / figure.get_figheight(), 0.98, 0.97)
    words = "; ".join(
        f"{name} {means[name]:.1f} % (" + ", ".join(f"{value:.1f}" for value in values) + ")"
        for name, values in accuracies.items()
    )
    figure.alt = f"Bars, the mean and in brackets each seed: {words}."
    return figure


def training_curve(
    points: Sequence[Sequence[float]],
    tested: Sequence[Sequence[float]],
    steps: int,
    beside: Mapping[str, Sequence[float]] | None = None,
    title: str = "",
) -> BookFigure:
    """The loss over the steps of a training, and the test accuracy after each epoch.

    Parameters
    ----------
    points
        Rows of step, loss, mean of the last losses.
    tested
        Rows of step, accuracy from 0 to 1.
    steps
        Of the whole run, done or not; 0 if none is known yet.
    beside
        By name, accuracies of other runs, one an epoch.
    title
        What stands above.
    """
    end, beside = max(steps, 1), beside or {}
    with new_figure(9, 4.6, nrows=2, sharex=True) as (figure, (above, below)):
        above.set_title(title)
        if points:
            numbers, losses, means = zip(*points, strict=True)
            above.plot(numbers, losses, color=COLOURS["input"], lw=0.8, label="of a step")
            above.plot(numbers, means, color=COLOURS["standard"], lw=2, label="moving mean")
            above.legend(loc="upper left", bbox_to_anchor=(1, 1))
        for (name, values), (_, dashes) in zip(
            beside.items(), itertools.cycle(LINES[1:]), strict=False
        ):
            ends = end * np.arange(1, len(values) + 1) / len(values)
            look = {"color": COLOURS["quiet"], "marker": "D", "ms": 4, "label": name}
            below.plot(ends, 100 * np.array(values), dashes, clip_on=False, **look)
        if tested:
            own = {"color": COLOURS["depthwise"], "marker": "o", "lw": 2, "label": "this run"}
            numbers, shares = zip(*tested, strict=True)
            below.plot(numbers, 100 * np.array(shares), clip_on=False, **own)
        if tested or beside:
            below.legend(loc="upper left", bbox_to_anchor=(1, 1))
        above.set(ylim=(0, None), ylabel="loss, nats")
        below.set(xlim=(0, end), ylim=(0, 100), xlabel="steps", ylabel="test accuracy, %")
        figure.subplots_adjust(0.08, 0.12, 0.78, 0.93, hspace=0.12)
    words = [f"Training curve of {steps} steps."] if steps else ["Training curve before its start."]
    if points:
        (first, loss, _), (last, _, mean) = points[0], points[-1]
        words.append(f"Loss {loss:.3g} at step {first:g}, mean {mean:.3g} at step {last:g}.")
    words += [f"Accuracy {100 * share:.1f} % at step {step:g}." for step, share in tested[-1:]]
    words += [f"Beside it {name}: {100 * values[-1]:.1f} %." for name, values in beside.items()]
    figure.alt = " ".join(words)
    return figure
