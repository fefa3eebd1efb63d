"""Figures of chapter 02: filters as blocks (Figure 2), layers (Figure 3), and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import FancyBboxPatch, Polygon

from .. import cost
from .figure import COLOURS, BookFigure, book_style, new_figure


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
    with book_style():
        figure, axes = new_figure(9, 3.4, ncols=3)
        for axis, (kind, text, (side, depth), repeats) in zip(axes, kinds, strict=True):
            for i in range(repeats):
                _block(axis, 0, 1.55 * i * k / 3, side, depth, k, COLOURS[kind])
            axis.set_title(f"{kind}\n{text}", fontsize=12)
            axis.set_xlabel(f"{weights[kind]} weights", fontsize=12)
            axis.set(xlim=(-0.2, m + 1), ylim=(-0.2, 1.55 * (max(m, n) - 1) * k / 3 + 1.2))
            axis.set(xticks=[], yticks=[], aspect="equal")
            for spine in axis.spines.values():
                spine.set_visible(False)
        figure.subplots_adjust(0.02, 0.1, 0.98, 0.84, wspace=0.1)
    figure.alt = (
        f"Filters as blocks for {m} input and {n} output channels. "
        + "; ".join(f"{kind}: {text}, {weights[kind]} weights" for kind, text, *_ in kinds)
        + ". Depthwise and pointwise together have "
        f"{weights['depthwise'] + weights['pointwise']} weights."
    )
    return figure


def _block(axis: Any, x: float, y: float, side: int, depth: int, full: int, colour: str) -> None:
    """Draw one filter: a face of side x side cells, flattened, going `depth` cells to the right."""
    height, shift = 0.36, 0.24  # a cell's height, and how far the next row of the face moves
    for d in reversed(range(depth)):
        for row in range(side):
            left = x + d * 1.0 + row * shift
            low = y + row * height
            corners = [(left, low), (left + 0.9, low)]
            corners += [(left + 0.9 + shift, low + height), (left + shift, low + height)]
            axis.add_patch(Polygon(corners, fc=colour, ec="white", lw=1, alpha=0.55 + 0.15 * row))


def layer_blocks() -> BookFigure:
    """Figure 3 of the paper: a standard layer, and the two layers that take its place."""
    stacks = {
        "standard": [("3×3 Conv", "standard"), ("BN", None), ("ReLU", None)],
        "depthwise separable": [
            ("3×3 Depthwise Conv", "depthwise"),
            ("BN", None),
            ("ReLU", None),
            ("1×1 Conv", "pointwise"),
            ("BN", None),
            ("ReLU", None),
        ],
    }
    with book_style():
        figure, axes = new_figure(6.5, 4.2, ncols=2)
        for axis, (name, stack) in zip(axes, stacks.items(), strict=True):
            for i, (text, kind) in enumerate(stack):
                y = 5.2 - i
                axis.add_patch(
                    FancyBboxPatch(
                        (0.15, y),
                        2.7,
                        0.6,
                        boxstyle="round,pad=0.04",
                        fc=COLOURS[kind] if kind else "#eeeeee",
                        ec="#777777",
                    )
                )
                ink = "white" if kind else COLOURS["ink"]
                axis.text(1.5, y + 0.3, text, ha="center", va="center", color=ink)
                if i:
                    axis.annotate(
                        "", (1.5, y + 0.66), (1.5, y + 0.94), arrowprops={"arrowstyle": "->"}
                    )
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
    with book_style():
        figure, axis = new_figure(8, 3.6)
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
        axis.text(1.1, 106, "as much work as the standard convolution", fontsize=11)
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
    kernel_size: int, in_channels: int, out_channels: int, size: int, done: float = 1.0
) -> BookFigure:
    """Standard against separable after a share of the output pixels: multiplications so far.

    Parameters
    ----------
    kernel_size, in_channels, out_channels, size
        D_K, M, N and D_F.
    done
        Share of the output pixels already computed, 0 to 1.
    """
    numbers = (kernel_size, in_channels, out_channels, size)
    pixels = round(done * size**2)
    parts = {
        "standard": cost.standard_mult_adds(*numbers),
        "depthwise": cost.depthwise_mult_adds(kernel_size, in_channels, size),
        "pointwise": cost.pointwise_mult_adds(in_channels, out_channels, size),
    }
    so_far = {kind: total * pixels // size**2 for kind, total in parts.items()}
    separable = so_far["depthwise"] + so_far["pointwise"]
    ratio = cost.reduction(kernel_size, out_channels)
    with book_style():
        figure, (maps, bars) = new_figure(9, 3.3, ncols=2, width_ratios=[1, 2.6])
        progress = np.zeros(size**2)
        progress[:pixels] = 1
        maps.imshow(progress.reshape(size, size), cmap="Greys", vmin=0, vmax=1.6)
        maps.set_title(f"{pixels:,} of {size**2:,} pixels", fontsize=12)
        maps.set(xticks=[], yticks=[])
        bars.barh(1, so_far["standard"], color=COLOURS["standard"])
        bars.barh(0, so_far["depthwise"], color=COLOURS["depthwise"])
        bars.barh(0, so_far["pointwise"], left=so_far["depthwise"], color=COLOURS["pointwise"])
        bars.set_yticks([1, 0], ["standard", "depthwise\n+ pointwise"])
        bars.set_xlim(0, 1.32 * parts["standard"])
        bars.set_xticks([])
        bars.spines["bottom"].set_visible(False)
        room = 0.015 * parts["standard"]
        bars.text(so_far["standard"] + room, 1, f"{so_far['standard']:,}", va="center")
        of_it = f"{separable:,}, of them depthwise {so_far['depthwise']:,}"
        bars.text(separable + room, 0, of_it, va="center")
        bars.set_title(
            f"multiplications so far: separable needs 1/{1 / ratio:.1f}"
            if ratio < 1
            else f"multiplications so far: separable needs {ratio:.2f} times as many",
            fontsize=12,
        )
        figure.subplots_adjust(0.02, 0.04, 0.99, 0.88, wspace=0.32)
    figure.alt = (
        f"After {pixels:,} of {size**2:,} output pixels: standard {so_far['standard']:,} "
        f"multiplications; depthwise {so_far['depthwise']:,} and pointwise "
        f"{so_far['pointwise']:,}, together {separable:,}, {100 * ratio:.1f} % of standard."
    )
    return figure


def ladder(rungs: list[cost.Rung]) -> BookFigure:
    """Table 3 as bars: one layer's mult-adds, step by step."""
    with book_style():
        figure, axis = new_figure(8, 2.8)
        millions = [rung.mult_adds / 1e6 for rung in rungs]
        colours = [COLOURS["standard"]] + [COLOURS["pointwise"]] * (len(rungs) - 1)
        places = range(len(rungs))[::-1]
        axis.barh(places, millions, color=colours)
        for y, value in zip(places, millions, strict=True):
            axis.text(value + 0.01 * millions[0], y, f"{value:.1f} M", va="center")
        axis.set_yticks(places, [rung.modification for rung in rungs])
        axis.set(xlabel="mult-adds, millions", xlim=(0, 1.12 * millions[0]))
        figure.subplots_adjust(0.31, 0.2, 0.98, 0.97)
    figure.alt = "Mult-adds of one layer, step by step: " + "; ".join(
        f"{rung.modification} {value:.1f} million"
        for rung, value in zip(rungs, millions, strict=True)
    )
    return figure
