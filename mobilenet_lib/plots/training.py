"""Figures of chapter 05: learning rates, and networks compared after training."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from .figure import COLOURS, BookFigure, name_rows, new_figure

LINES = (
    (COLOURS["standard"], "-"),
    (COLOURS["depthwise"], "--"),
    (COLOURS["pointwise"], "-."),
    (COLOURS["fc"], ":"),
)
"""Colour and dashes of one line after another."""


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
        figure.subplots_adjust(0.11, 0.2, 0.78, 0.96)
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
        axis.set(xlim=(start, high + 0.3 * room), xlabel=f"{label}{cut}; dots: seeds")
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
        above.set_title(title, fontsize=12)
        if points:
            numbers, losses, means = zip(*points, strict=True)
            above.plot(numbers, losses, color=COLOURS["input"], lw=0.8, label="of a step")
            above.plot(numbers, means, color=COLOURS["standard"], lw=2, label="moving mean")
            above.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
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
            below.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
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
