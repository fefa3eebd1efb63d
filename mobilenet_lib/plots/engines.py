"""Figures of chapter 08: what each step from eager to the fastest buys, and rounded weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .figure import COLOURS, BookFigure, name_rows, new_figure

PRECISIONS = {
    "fp32": (COLOURS["depthwise"], ""),
    "fp16": (COLOURS["fc"], "\\\\\\"),
    "bf16": (COLOURS["pointwise"], "///"),
    "int8": (COLOURS["highlight"], "..."),
}
"""Colour and hatch of each, so that the figure also reads without colours."""
INCH_A_CHARACTER = 0.11
GAINED, LOST = COLOURS["pointwise"], COLOURS["standard"]


def waterfall(times: Mapping[str, float], precisions: Mapping[str, str]) -> BookFigure:
    """What each step buys, from the first way to run the network to the last.

    Parameters
    ----------
    times
        By step, from top to bottom: milliseconds when it and all steps before it are taken.
    precisions
        Of each step: fp32, fp16, bf16 or int8.
    """
    names, values = list(times), list(times.values())
    most = max(values)
    steps, ends = [], []
    with new_figure(9, 0.46 * len(names) + 1.25) as (figure, (axis,)):
        for place, (name, now) in enumerate(times.items()):
            before = values[place - 1] if place else now
            colour, hatch = PRECISIONS[precisions[name]]
            axis.barh(place, now, 0.66, color=colour, hatch=hatch, edgecolor="white", lw=0)
            words = _ms(now)
            if place:
                # The outline reaches to where the step before ended, or starts there.
                colour, dashes = (GAINED, "-") if now <= before else (LOST, "--")
                look = {"color": "none", "edgecolor": colour, "lw": 1.4, "ls": dashes}
                axis.barh(place, abs(before - now), 0.66, left=min(before, now), **look)
                axis.plot([before, before], [place - 0.67, place], color=COLOURS["quiet"], lw=0.8)
                words += f" ({before / now:.2f}× as fast)" if now != before else " (the same)"
            end = max(before, now) + 0.012 * most
            axis.text(end, place, words, va="center")
            steps.append(f"{name} {words}")
            ends.append((end, INCH_A_CHARACTER * len(words)))
        name_rows(axis, names)
        handles = [
            Patch(facecolor=colour, hatch=hatch, edgecolor="white", lw=0, label=precision)
            for precision, (colour, hatch) in PRECISIONS.items()
            if precision in precisions.values()
        ]
        figure.legend(handles=handles, loc="upper right", ncols=len(handles))
        width, height = figure.get_size_inches()
        left = min(0.5, (0.25 + INCH_A_CHARACTER * max(map(len, names))) / width)
        room = (0.985 - left) * width
        far = max(end / (1 - inches / room) for end, inches in ends)
        axis.set(xlim=(0, far), xlabel="time, ms; outlined: what the step changes")
        figure.subplots_adjust(left, 0.62 / height, 0.985, 1 - 0.42 / height)
    figure.alt = (
        f"A waterfall of time in ms, each step on top of those before: {'; '.join(steps)}. "
        f"The last takes 1/{values[0] / values[-1]:.1f} of the first's time."
    )
    return figure


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 1 else f"{value:.2f}"


def rounded_weights(
    weights: NDArray[np.float32], values: NDArray[np.float32], title: str
) -> BookFigure:
    """The range of each channel of a layer, before and after rounding; and all its weights.

    Parameters
    ----------
    weights, values
        (channels, weights per channel): as they were, and rounded. Channels of zeros are left out.
    title
        Of the figure, such as the layer and the bits.

    Raises
    ------
    ValueError
        All weights are 0.
    """
    live = weights.any(axis=1)
    if not live.any():
        raise ValueError("all weights are 0, so there is nothing to round")
    order = np.argsort(-np.abs(weights[live]).max(axis=1), kind="stable")
    before, after = weights[live][order], values[live][order]
    lost = ~after.any(axis=1)
    levels = np.unique(after)
    noise = np.square(after.astype(float) - before).mean() ** 0.5
    with new_figure(9, 3.6, 1, 2, width_ratios=(1.5, 1)) as (figure, (ranges, counts)):
        for y in levels if len(levels) <= 64 else ():
            ranges.axhline(y, color=COLOURS["quiet"], lw=0.5, alpha=0.5)
        for chosen, colour, label in (
            (~lost, "depthwise", "kept"),
            (lost, "standard", "all its weights become 0"),
        ):
            low, high = before[chosen].min(axis=1), before[chosen].max(axis=1)
            ranges.bar(
                np.flatnonzero(chosen), high - low, 0.8, low, color=COLOURS[colour], label=label
            )
        ranges.set(xlabel="channels, widest first", ylabel="weights of a channel")
        ranges.set_title(title)
        ranges.legend()
        bins = np.linspace(before.min(), before.max(), 76)
        counts.hist(before.ravel(), bins, color=COLOURS["depthwise"])
        for x in levels if len(levels) <= 64 else ():
            counts.axvline(x, color=COLOURS["standard"], lw=0.7, alpha=0.7)
        counts.set_yscale("log")
        counts.set(xlabel="weight", ylabel="how many")
        figure.tight_layout()
    figure.alt = (
        f"{title}. The ranges of {len(before)} channels, from {np.abs(before[0]).max():.3g} down "
        f"to {np.abs(before[-1]).max():.3g}, over {len(levels)} different values after rounding. "
        f"{lost.sum()} of the channels lose all their weights; the weights are off by {noise:.3g} "
        "(root mean square)."
    )
    return figure
