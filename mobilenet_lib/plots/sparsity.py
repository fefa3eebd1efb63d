"""The figure of chapter 04's slider: a pruned layer's weights, and what its products take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import ListedColormap

from ..validation import check_positive, check_share
from .figure import COLOURS, BookFigure, book_style, new_figure, picture

CORNER = 48
"""Rows and columns of the weight matrix that are shown."""


def pruned_layer(
    sparsity: float, milliseconds: Mapping[str, float], longest: float | None = None
) -> BookFigure:
    """A corner of a weight matrix with its zeros, beside the times of its products.

    Parameters
    ----------
    sparsity
        Share of weights that are zero, from 0 to below 1; scattered by a fixed draw, so that the
        zeros of a lower share stay zeros at a higher one.
    milliseconds
        Median time by kernel, the dense product first.
    longest
        Time up to which the axis goes, the same while a slider moves; None: the longest here.

    Raises
    ------
    ValueError
        A share out of range, no kernel, or a time that is not above 0.
    """
    check_share("sparsity", sparsity)
    if not milliseconds:
        raise ValueError("pruned_layer needs the time of at least one kernel")
    for name, time in milliseconds.items():
        check_positive(f"the time of {name}", time)
    rank = np.random.default_rng(0).permutation(CORNER**2).reshape(CORNER, CORNER)
    left = rank >= round(sparsity * CORNER**2)
    names, times = list(milliseconds), list(milliseconds.values())
    dense, fastest = times[0], min(times)
    with book_style():
        figure, (corner, bars) = new_figure(9, 3.4, 1, 2, width_ratios=(1, 1.7))
        colours = ListedColormap(["white", COLOURS["pointwise"]])
        title = f"{left.mean():.1%} of weights left"
        picture(corner, left, title, cmap=colours, vmin=0, vmax=1)
        for spine in corner.spines.values():
            spine.set_visible(True)
            spine.set_color(COLOURS["quiet"])
        for y, time in enumerate(times):
            colour = COLOURS["highlight" if time == fastest else "input"]
            bars.barh(y, time, color=colour, ec=COLOURS["ink"], lw=0.8)
            against = "" if y == 0 else f", {time / dense:.2g} times dense"
            weight = "bold" if time == fastest else "normal"
            label = f" {time:.3g} ms{against}"
            bars.text(time, y, label, va="center", fontsize=11, fontweight=weight)
        bars.axvline(dense, color=COLOURS["quiet"], ls="--", lw=1)
        bars.set_yticks(range(len(names)), names)
        bars.invert_yaxis()
        bars.set_xlim(0, 1.75 * max([*times, longest or 0]))
        bars.set(xlabel="milliseconds, median")
        bars.set_title("the fastest in bold")
        figure.tight_layout()
    figure.alt = (
        f"A corner of {CORNER} by {CORNER} weights of which {left.mean():.1%} are left. "
        + ", ".join(f"{name} {time:.3g} ms" for name, time in milliseconds.items())
        + f"; the fastest is {names[times.index(fastest)]}."
    )
    return figure
