"""Figures of chapter 02: filters as blocks (Figure 2), layers (Figure 3), and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import FancyBboxPatch, Polygon

from .. import cost
from ..validation import check_number
from .figure import COLOURS, BookFigure, colormap, new_figure


def filter_shapes(kernel_size: int = 3, in_channels: int = 4, out_channels: int = 5) -> BookFigure:
    """Figure 2 of the paper: standard, depthwise and pointwise filters as blocks of weights.

    One block is one filter; its depth is how many channels it reads.
    """
    k, m, n = kernel_size, in_channels, out_channels
    kinds = (
        ("standard", f"{n} filters of {k}×{k}×{m}", (k, m), n),
        ("depthwise", f"{m} filters of {k}×{k}×1", (k, 1), m),
        ("pointwise", f"{n} filters of 1×1×{m}", (1, m), n),
    )
    weights = {
        "standard": cost.standard_weights(k, m, n),
        "depthwise": cost.depthwise_weights(k, m),
        "pointwise": cost.standard_weights(1, m, n),
    }
    with new_figure(9, 3.4, ncols=3) as (figure, axes):
        for axis, (kind, text, (side, depth), repeats) in zip(axes, kinds, strict=True):
            for i in range(repeats):
                _block(axis, 1.55 * i * k / 3, side, depth, COLOURS[kind])
            axis.set_title(f"{kind}\n{text}")
            axis.set_xlabel(f"{weights[kind]} weights")
            axis.set(xlim=(-0.2, m + 1), ylim=(-0.2, 1.55 * (max(m, n) - 1) * k / 3 + 1.2))
            axis.set(xticks=[], yticks=[], aspect="equal")
            axis.spines[:].set_visible(False)
        figure.subplots_adjust(0.02, 0.1, 0.98, 0.84, wspace=0.1)
    figure.alt = (
        f"Filters as blocks for {m} input and {n} output channels. "
        + "; ".join(f"{kind}: {text}, {weights[kind]} weights" for kind, text, *_ in kinds)
        + ". Depthwise and pointwise together have "
        f"{weights['depthwise'] + weights['pointwise']} weights."
    )
    return figure


def _block(axis: Any, y: float, side: int, depth: int, colour: str) -> None:
    """Draw one filter: a face of side x side cells, flattened, going `depth` cells to the right."""
    height, shift = 0.36, 0.24  # a cell's height, and how far the next row of the face moves
    for d in reversed(range(depth)):
        for row in range(side):
            left, low, high = d + row * shift, y + row * height, y + (row + 1) * height
            corners = [(left, low), (left + 0.9, low)]
            corners += [(left + 0.9 + shift, high), (left + shift, high)]
            alpha = min(1, 0.55 + 0.15 * row)
            axis.add_patch(Polygon(corners, fc=colour, ec="white", lw=1, alpha=alpha))


def layer_blocks() -> BookFigure:
    """Figure 3 of the paper: a standard layer, and the two layers that take its place."""
    rest: list[tuple[str, str | None]] = [("BN", None), ("ReLU", None)]
    depthwise = [("3×3 Depthwise Conv", "depthwise"), *rest]
    stacks = {
        "standard": [("3×3 Conv", "standard"), *rest],
        "depthwise separable": [*depthwise, ("1×1 Conv", "pointwise"), *rest],
    }
    with new_figure(6.5, 3.9, ncols=2) as (figure, axes):
        for axis, (name, stack) in zip(axes, stacks.items(), strict=True):
            for i, (text, kind) in enumerate(stack):
                y = 5.2 - i
                paper, ink = (COLOURS[kind], "white") if kind else ("#eeeeee", COLOURS["ink"])
                box = FancyBboxPatch((0.15, y), 2.7, 0.6, "round,pad=0.04", fc=paper, ec="#777777")
                axis.add_patch(box)
                axis.text(1.5, y + 0.3, text, ha="center", va="center", color=ink)
                if i:
                    arrow = {"arrowstyle": "->"}
                    axis.annotate("", (1.5, y + 0.66), (1.5, y + 0.94), arrowprops=arrow)
            axis.set_title(name)
            axis.set(xlim=(0, 3), ylim=(-0.1, 6.1))
            axis.axis("off")
        figure.subplots_adjust(0.02, 0.02, 0.98, 0.92, wspace=0.15)
    figure.alt = "Two stacks of boxes, from top to bottom. " + " ".join(
        f"{name.capitalize()}: {', '.join(text for text, _ in stack)}."
        for name, stack in stacks.items()
    )
    return figure


def reduction_curve(kernel_sizes: tuple[int, ...] = (3, 5, 7)) -> BookFigure:
    """1/N + 1/D_K² against N: the share of the mult-adds that a separable layer keeps."""
    filters = np.unique(np.geomspace(1, 1024, 200).round().astype(int))
    with new_figure(8, 3.6) as (figure, (axis,)):
        colours = (COLOURS["standard"], COLOURS["depthwise"], COLOURS["pointwise"])
        for k, colour in zip(kernel_sizes, colours, strict=True):
            shares = [100 * cost.reduction(k, int(n)) for n in filters]
            axis.loglog(filters, shares, color=colour, lw=2.5)
            axis.axhline(100 / k**2, color=colour, lw=1, ls=":")
            axis.text(
                1100, 100 / k**2, f"D_K = {k}", color=colour, va="center", backgroundcolor="white"
            )
        for n in (64, 128, 256, 512, 1024):
            axis.plot(n, 100 * cost.reduction(3, n), "o", color=COLOURS["standard"], ms=7)
        axis.axhline(100, color=COLOURS["quiet"], lw=1)
        axis.text(1.1, 106, "as much work as the standard convolution")
        axis.set(xlabel="output channels N", ylabel="mult-adds kept, %", xlim=(1, 2600))
        axis.set_ylim(1.5, 160)
        axis.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
        axis.set_xticks([1, 8, 64, 256, 1024], ["1", "8", "64", "256", "1024"])
        axis.minorticks_off()
        figure.subplots_adjust(0.09, 0.16, 0.98, 0.97)
    ends = "; ".join(
        f"for {k} by {k} kernels {100 * cost.reduction(k, 1024):.1f} % at N = 1024, "
        f"never below {100 / k**2:.1f} %"
        for k in kernel_sizes
    )
    figure.alt = (
        "Share of a standard convolution's mult-adds that the separable form keeps, against the "
        f"number of output channels N, both axes logarithmic. It falls with N: {ends}. Dots: "
        "MobileNet's own layers with 64 to 1024 output channels."
    )
    return figure


def counter_race(
    kernel_size: int,
    in_channels: int,
    out_channels: int,
    size: int,
    done: float = 1.0,
    *,
    groups: int = 1,
    depth_multiplier: int = 1,
) -> BookFigure:
    """Standard against separable, both after the same number of multiplications.

    Parameters
    ----------
    kernel_size, in_channels, out_channels, size
        D_K, M, N and D_F.
    done
        Multiplications that each has carried out, as a share of what the slower one needs, 0 to 1.
    groups
        Of the standard convolution; divides M and N.
    depth_multiplier
        Maps that the depthwise convolution makes of each channel.
    """
    check_number("done", done, 0, 1)
    maps = in_channels * depth_multiplier
    standard = cost.standard_mult_adds(kernel_size, in_channels // groups, out_channels, size)
    depthwise = cost.depthwise_mult_adds(kernel_size, maps, size)
    pointwise = cost.pointwise_mult_adds(maps, out_channels, size)
    separable = depthwise + pointwise
    most, share = max(standard, separable), separable / standard
    spent, whole = round(done * most), size**2
    pixels = [min(whole, spent * whole // needed) for needed in (standard, separable)]
    with new_figure(9, 3, ncols=3, width_ratios=[1, 1, 2]) as (figure, (*maps, bars)):
        for axis, name, finished in zip(maps, ("standard", "separable"), pixels, strict=True):
            progress = np.arange(whole).reshape(size, size) < finished
            axis.imshow(progress, cmap=colormap("Greys"), vmin=0, vmax=1.6)
            axis.set_title(f"{name}\n{finished:,} of {whole:,} pixels")
            axis.set(xticks=[], yticks=[])
            axis.spines[["top", "right"]].set_visible(True)
        for y, kind, start, length in (
            (1, "standard", 0, standard),
            (0, "depthwise", 0, depthwise),
            (0, "pointwise", depthwise, pointwise),
        ):
            bars.barh(y, length, left=start, height=0.4, color=COLOURS[kind])
        bars.axvline(spent, color=COLOURS["ink"], lw=2, ls="--")
        for height, text in (
            (1.3, f"standard needs {standard:,}"),
            (0.3, f"separable needs {separable:,}"),
            (-0.48, f"{100 * share:.1f} % (depthwise {depthwise:,})"),
        ):
            bars.text(0, height, text, bbox={"fc": "white", "ec": "none", "pad": 1})
        bars.set(xlim=(0, 1.03 * most), ylim=(-0.55, 1.6), yticks=[], xticks=[])
        bars.spines["bottom"].set_visible(False)
        bars.set_title(f"each has done {spent:,}")
        figure.subplots_adjust(0.01, 0.03, 0.99, 0.82, wspace=0.12)
    figure.alt = (
        f"After {spent:,} multiplications each, standard has {pixels[0]:,} of {whole:,} output "
        f"pixels and separable {pixels[1]:,}. In all, standard needs {standard:,} multiplications; "
        f"depthwise {depthwise:,} and pointwise {pointwise:,}, together {separable:,}, "
        f"{100 * share:.1f} % of standard."
    )
    return figure


def ladder(rungs: list[cost.Rung]) -> BookFigure:
    """Table 3 as bars: one layer's mult-adds, step by step."""
    with new_figure(8, 2.8) as (figure, (axis,)):
        millions = [rung.mult_adds / 1e6 for rung in rungs]
        colours = [COLOURS["standard"]] + [COLOURS["pointwise"]] * (len(rungs) - 1)
        places = range(len(rungs))[::-1]
        axis.barh(places, millions, color=colours)
        for y, value in zip(places, millions, strict=True):
            axis.text(value + 0.01 * millions[0], y, f"{value:.1f} M", va="center")
        axis.set_yticks(places, [rung.modification for rung in rungs])
        axis.set(xlabel="mult-adds, millions", xlim=(0, 1.17 * millions[0]))
        figure.subplots_adjust(0.345, 0.2, 0.98, 0.97)
    figure.alt = "Mult-adds of one layer, step by step: " + "; ".join(
        f"{rung.modification} {value:.1f} million"
        for rung, value in zip(rungs, millions, strict=True)
    )
    return figure
