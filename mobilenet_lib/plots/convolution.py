"""Figures of chapter 01: what a kernel does to a photo, padding, stride, and im2col."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..convolution import im2col, standard
from ..cost import output_size, same_padding
from ..photos import Photo
from .figure import COLOURS, BookFigure, new_figure, outline, picture, signed


def channels(photo: Photo) -> BookFigure:
    """A photo and its three channels, the M = 3 maps that the first layer reads.

    Parameters
    ----------
    photo
        (height, width, 3) uint8.
    """
    with new_figure(9, 2.55, ncols=4) as (figure, axes):
        picture(axes[0], photo, "photo")
        for axis, name, plane in zip(axes[1:], "RGB", np.moveaxis(photo, 2, 0), strict=True):
            picture(axis, plane, f"channel {name}", vmin=0, vmax=255)
        figure.subplots_adjust(0.005, 0.0, 0.995, 0.86, wspace=0.03)
    means = ", ".join(f"{c} {m:.0f}" for c, m in zip("RGB", photo.mean((0, 1)), strict=True))
    figure.alt = (
        f"A photo of {photo.shape[0]} by {photo.shape[1]} pixels and its three channels as grey "
        f"images. Mean brightness: {means}."
    )
    return figure


def one_photo(photo: Photo, name: str) -> BookFigure:
    """A photo by itself.

    Parameters
    ----------
    photo
        (height, width, 3) uint8.
    name
        What stands above it.
    """
    high, wide = photo.shape[:2]
    with new_figure(3, 3 * high / wide + 0.35) as (figure, axes):
        picture(axes[0], photo, name)
        figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.35 / figure.get_figheight())
    figure.alt = f"The photo {name} in colour, {high} by {wide} pixels."
    return figure


def filtered(photo: NDArray[Any], kernels: dict[str, NDArray[Any]]) -> BookFigure:
    """A grey photo and what each kernel makes of it.

    A kernel whose weights add up to zero or less finds differences: its map is drawn blue
    (negative) through white to orange (positive). Any other is grey, cut at black 0 and white 255.

    Parameters
    ----------
    photo
        (height, width), grey.
    kernels
        (rows, columns) arrays by name.
    """
    feature_map = photo[:, :, None].astype(float)
    ranges = []
    with new_figure(9, 9 / (len(kernels) + 1) + 0.35, ncols=len(kernels) + 1) as (figure, axes):
        picture(axes[0], photo, "photo", vmin=0, vmax=255)
        for axis, (name, kernel) in zip(axes[1:], kernels.items(), strict=True):
            out = standard(feature_map, kernel[:, :, None, None], padding="valid")[:, :, 0]
            ranges.append(f"{name} from {out.min():.0f} to {out.max():.0f}")
            picture(axis, out, name, **_colours(kernel, out))
        figure.subplots_adjust(0.005, 0.0, 0.995, 0.84, wspace=0.03)
    figure.alt = "A grey photo and the maps that kernels make of it: " + "; ".join(ranges) + "."
    return figure


def _colours(kernel: NDArray[Any], out: NDArray[Any]) -> dict[str, Any]:
    """Of a map: about zero if the kernel finds differences, else those of a photo."""
    return signed(out) if kernel.sum() < 1e-9 else {"vmin": 0, "vmax": 255}


def one_window(
    photo: NDArray[Any],
    kernel: NDArray[Any],
    place: tuple[int, int],
    stride: int = 1,
    padding: str = "same",
) -> BookFigure:
    """A kernel on a photo: its window, its weights, and the pixel of the map that they make.

    Parameters
    ----------
    photo
        (height, width), grey.
    kernel
        (rows, columns), square.
    place
        Row and column of the map; beyond its edge the last one is taken.
    stride, padding
        As for `convolution.standard`.
    """
    out = standard(photo[:, :, None].astype(float), kernel[:, :, None, None], stride, padding)
    out = out[:, :, 0]
    row, column = (min(at, side - 1) for at, side in zip(place, out.shape, strict=True))
    side = len(kernel)
    corner = [
        at * stride - (same_padding(size, side, stride)[0] if padding == "same" else 0)
        for at, size in zip((row, column), photo.shape, strict=True)
    ]
    with new_figure(9, 3.4, ncols=3) as (figure, axes):
        picture(axes[0], photo, "photo", vmin=0, vmax=255)
        picture(axes[1], kernel, "kernel", **signed(kernel))
        for (i, j), weight in np.ndenumerate(kernel):
            colour = "white" if abs(weight) > 0.8 * np.abs(kernel).max() else COLOURS["ink"]
            look = {"ha": "center", "va": "center", "fontsize": min(24, 55 / side), "color": colour}
            axes[1].text(j, i, f"{weight:.2g}", **look)
        picture(axes[2], out, f"map: {out[row, column]:.0f} here", **_colours(kernel, out))
        look = {"ec": COLOURS["highlight"], "lw": 2.5, "clip_on": False}
        outline(axes[0], (corner[1] - 0.5, corner[0] - 0.5), side, **look)
        outline(axes[2], (column - 0.5, row - 0.5), 1, **look)
        figure.subplots_adjust(0.01, 0.01, 0.99, 0.9, wspace=0.05)
    weights = " / ".join(" ".join(f"{weight:.3g}" for weight in line) for line in kernel)
    figure.alt = (
        f"A grey photo of {photo.shape[0]} by {photo.shape[1]} pixels, the {side} by {side} kernel "
        f"{weights}, and the map of {out.shape[0]} by {out.shape[1]} that they make with stride "
        f"{stride} and {padding} padding, from {out.min():.0f} to {out.max():.0f}. At row {row}, "
        f"column {column} it is {out[row, column]:.0f}."
    )
    return figure


def padding_and_stride(in_size: int = 6, kernel_size: int = 3) -> BookFigure:
    """The same input under several paddings and strides: zeros, windows, size of the output.

    Parameters
    ----------
    in_size, kernel_size
        D_F and D_K in pixels.
    """
    cases = (("valid", 1), ("same", 1), ("same", 2), ("symmetric", 2))
    words = []
    with new_figure(9, 3.1, ncols=len(cases)) as (figure, axes):
        for axis, (padding, stride) in zip(axes, cases, strict=True):
            before, after = {
                "valid": (0, 0),
                "same": same_padding(in_size, kernel_size, stride),
                "symmetric": (kernel_size // 2,) * 2,
            }[padding]
            out = output_size(in_size, kernel_size, stride, (before, after))
            _padded_grid(axis, in_size, before, after)
            centres = [at * stride - before + kernel_size / 2 for at in range(out)]
            for y, x in itertools.product(centres, repeat=2):
                axis.plot(x, y, "o", color=COLOURS["standard"], ms=7, zorder=3)
            outline(axis, (-before, -before), kernel_size, ec=COLOURS["standard"], lw=3)
            axis.set_title(f"{padding}, stride {stride}\n→ {out}×{out}")
            words.append(
                f"{padding} padding with stride {stride} puts {before} zeros before and {after} "
                f"after and gives {out} by {out} outputs"
            )
        figure.subplots_adjust(0.01, 0.02, 0.99, 0.84, wspace=0.08)
    figure.alt = (
        f"A {in_size} by {in_size} input and the centres of all windows of a {kernel_size} by "
        f"{kernel_size} kernel: " + "; ".join(words) + "."
    )
    return figure


def _padded_grid(axis: Any, size: int, before: int, after: int) -> None:
    for row, column in itertools.product(range(-before, size + after), repeat=2):
        inside = 0 <= row < size and 0 <= column < size
        fill, hatch = ("#e3e3e3", None) if inside else ("white", "///")
        cell = Rectangle((column, row), 1, 1, ec="#b0b0b0", lw=0.8, fc=fill, hatch=hatch)
        axis.add_patch(cell)
    edge = 0.1 + max(before, after, 1)
    axis.set(xlim=(-edge, size + edge), ylim=(size + edge, -edge), aspect="equal")
    axis.axis("off")


def im2col_matrices(photo: NDArray[Any], kernel: NDArray[Any]) -> BookFigure:
    """im2col drawn: the patch matrix, the kernel as a matrix, and the product.

    Parameters
    ----------
    photo
        (height, width, M), small.
    kernel
        (D_K, D_K, M, N).
    """
    rows = im2col(photo.astype(float), kernel.shape[0])
    weights = kernel.reshape(-1, kernel.shape[3])
    product = rows @ weights
    with new_figure(9, 4.2, ncols=3, width_ratios=[rows.shape[1], 9, 9]) as (figure, axes):
        for axis, matrix, name, colours in (
            (axes[0], rows, "patches (im2col)", {}),
            (axes[1], weights, "kernel", signed(weights)),
            (axes[2], product, "output", signed(product)),
        ):
            title = f"{name}\n{matrix.shape[0]} × {matrix.shape[1]}"
            picture(axis, matrix, title, aspect="auto", **colours)
        figure.subplots_adjust(0.02, 0.03, 0.98, 0.85, wspace=0.35)
        for left, right, sign in ((axes[0], axes[1], "·"), (axes[1], axes[2], "=")):
            between = (left.get_position().x1 + right.get_position().x0) / 2
            figure.text(between, 0.44, sign, fontsize=26, ha="center", va="center")
    copies = rows.size / photo.size
    sizes = " by ".join(map(str, photo.shape[:2]))
    figure.alt = (
        f"A map of {sizes} pixels and {photo.shape[2]} channels becomes a {rows.shape[0]} by "
        f"{rows.shape[1]} patch matrix, {copies:.1f} times as many numbers as the map. Times the "
        f"{weights.shape[0]} by {weights.shape[1]} kernel matrix it gives {product.shape[0]} by "
        f"{product.shape[1]} outputs."
    )
    return figure
