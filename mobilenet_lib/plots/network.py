"""Figures of chapter 03: the network's shape, where its work is, and what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..architecture import Architecture
from ..layer import KIND_LABELS
from ..photos import Photo
from ..validation import check_int
from .figure import COLOURS, BookFigure, new_figure, outline, picture, stacked_shares

if TYPE_CHECKING:
    from ..bench.describe import Description


def profile(arch: Architecture, chosen: str | None = None) -> BookFigure:
    """Mult-adds and parameters of every layer, coloured by kind.

    Parameters
    ----------
    arch
        The network.
    chosen
        Name of a layer to point at.
    """
    layers = arch.layers
    kinds = arch.by_kind()
    values = (
        ("mult-adds,\nmillions", [layer.mult_adds / 1e6 for layer in layers]),
        ("weights,\nthousands", [layer.parameters_as_printed / 1e3 for layer in layers]),
    )
    at = None if chosen is None else layers.index(arch.layer(chosen))
    with new_figure(9, 4.4, nrows=2) as (figure, (upper, lower)):
        _bars((upper, lower), values, [layer.kind for layer in layers], at)
        # Under its layers, the number of a block, or "fc".
        for block, places in groupby(range(len(layers)), lambda i: layers[i].name.split("_")[-1]):
            lower.text(mean(places), -0.06 * lower.get_ylim()[1], block, ha="center", va="top")
        what = "block: one standard layer" if arch.body == "full" else "block: depthwise, pointwise"
        lower.set_xlabel(what, labelpad=22)
        _legend(figure, [(kind, KIND_LABELS[kind]) for kind in kinds])
    biggest = max(layers, key=lambda layer: layer.mult_adds)
    shares = "; ".join(
        f"{kind.label} {100 * kind.mult_adds_share:.2f} % of mult-adds and "
        f"{100 * kind.parameters_share:.2f} % of parameters"
        for kind in kinds.values()
    )
    figure.alt = (
        f"Bars for the {len(layers)} layers of the {arch.body} {arch.alpha:g} "
        f"MobileNet-{arch.resolution}. {shares}. Most mult-adds in one layer: "
        f"{biggest.mult_adds / 1e6:.1f} million in {biggest.name}."
    )
    return figure


def network_rows(network: Description, chosen: str | None = None) -> BookFigure:
    """Mult-adds and parameters of every layer of any network, as `describe_network` found them.

    Parameters
    ----------
    network
        What `bench.describe.describe_network` returns.
    chosen
        Name of a layer to point at.
    """
    names = [row.name for row in network]
    values = (
        _in_units("mult-adds", [row.mult_adds for row in network]),
        _in_units("parameters", [row.parameters for row in network]),
    )
    with new_figure(9, 4.4, nrows=2) as (figure, (upper, lower)):
        at = names.index(chosen) if chosen in names else None
        _bars((upper, lower), values, [row.kind for row in network], at)
        lower.set_xlabel(f"layers of {network.network}, in the order of their calls")
        used = dict.fromkeys(row.kind for row in network if row.kind != "other")
        words = {kind: label.removesuffix(" 3x3") for kind, label in KIND_LABELS.items()}
        _legend(figure, [(kind, words[kind]) for kind in words if kind in used])
    most = max(network, key=lambda row: row.mult_adds)
    figure.alt = (
        f"Bars for {len(network)} calls of layers of {network.network}: {network.mult_adds:,} "
        f"mult-adds and {network.parameters:,} parameters. Most mult-adds in one layer: "
        f"{most.mult_adds:,} in {most.name}."
    )
    return figure


def _in_units(what: str, counts: Sequence[int]) -> tuple[str, list[float]]:
    """A label, and counts in the largest unit that the largest of them has."""
    units = ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands"))
    unit, name = next((each for each in units if max(counts) >= each[0]), (1, ""))
    return f"{what},\n{name}" if name else what, [count / unit for count in counts]


def _bars(
    axes: Sequence[Any],
    values: Sequence[tuple[str, Sequence[float]]],
    kinds: Sequence[str],
    chosen: int | None,
) -> None:
    """One bar for each layer, coloured by its kind, and a band behind the chosen one."""
    colours = [COLOURS.get(kind, COLOURS["pool"]) for kind in kinds]
    for axis, (label, each) in zip(axes, values, strict=True):
        # One collection of thick lines, and plain text below: bars and ticks one by one take
        # three times as long, and a slider waits for this figure.
        axis.vlines(range(len(kinds)), 0, each, colours, lw=390 / len(kinds))
        axis.set(xlim=(-0.8, len(kinds) - 0.2), ylim=(0, 1.05 * max(each) or 1))
        axis.set(xticks=[], ylabel=label)
        if chosen is not None:
            axis.axvspan(chosen - 0.5, chosen + 0.5, color=COLOURS["highlight"], alpha=0.3, lw=0)


def _legend(figure: BookFigure, kinds: Sequence[tuple[str, str]]) -> None:
    for i, (kind, label) in enumerate(kinds):
        figure.text(0.12 + 0.2 * i, 0.955, label, color=COLOURS[kind], fontweight="bold")
    figure.subplots_adjust(0.12, 0.14, 0.99, 0.93, hspace=0.12)


def shares(arch: Architecture) -> BookFigure:
    """Table 2 as two bars: where the mult-adds are, and where the parameters are."""
    kinds = arch.by_kind()
    figure = stacked_shares(
        {
            "parameters": {kind: total.parameters_share for kind, total in kinds.items()},
            "mult-adds": {kind: total.mult_adds_share for kind, total in kinds.items()},
        }
    )
    figure.alt = "Two stacked bars. " + " ".join(
        f"{total.label}: {100 * total.mult_adds_share:.2f} % of the mult-adds, "
        f"{100 * total.parameters_share:.2f} % of the parameters."
        for total in kinds.values()
    )
    return figure


def shape_of_maps(arch: Architecture) -> BookFigure:
    """How the feature maps shrink and the channels grow from layer to layer."""
    layers = [layer for layer in arch.layers if layer.kind != "fc"]
    places = np.arange(len(layers))
    numbers = [layer.out_size**2 * layer.out_channels / 1e3 for layer in layers]
    strided = [place for place in places if layers[place].stride == 2]
    with new_figure(9, 4.4, nrows=3, sharex=True) as (figure, axes):
        rows = (
            (axes[0], [layer.out_size for layer in layers], "side of map,\npixels"),
            (axes[1], [layer.out_channels for layer in layers], "channels"),
            (axes[2], numbers, "numbers in\nmap, thousands"),
        )
        for axis, values, label in rows:
            axis.step(places, values, where="mid", color=COLOURS["ink"], lw=2)
            axis.set(ylim=(0, None), ylabel=label)
            for place in strided:
                axis.axvline(place - 0.5, color=COLOURS["highlight"], lw=1.5, ls="--")
        axes[2].set_xticks(places, [layer.name for layer in layers], rotation=90)
        axes[0].set_title("dashed: a layer with stride 2")
        figure.subplots_adjust(0.11, 0.16, 0.99, 0.93, hspace=0.18)
    figure.alt = (
        f"Three step curves over the layers. Maps shrink from {layers[0].out_size} to "
        f"{layers[-1].out_size} pixels on a side at the stride-2 layers "
        f"{', '.join(layers[place].name for place in strided)}; channels grow from "
        f"{layers[0].out_channels} to {layers[-1].out_channels}; the numbers in a map peak at "
        f"{max(numbers):,.0f} thousand and end at {numbers[-1]:,.0f} thousand."
    )
    return figure


def receptive_fields(arch: Architecture, photo: Photo, names: tuple[str, ...]) -> BookFigure:
    """What the middle pixel of some layers' maps sees of a photo.

    Parameters
    ----------
    arch
        The network.
    photo
        (resolution, resolution, 3) uint8, the network's input size.
    names
        Layers, from near the input to far; at least one.

    Raises
    ------
    ValueError
        The photo has another size, or there are no names.
    KeyError
        A name that no layer has.
    """
    side = arch.resolution
    if photo.shape[:2] != (side, side):
        raise ValueError(f"the photo must be {side}x{side}, the network's input; got {photo.shape}")
    if not names:
        raise ValueError("receptive_fields needs at least one layer's name; got none")
    words, reach = [], 0.0
    with new_figure(9, 2.6, ncols=len(names)) as (figure, axes):
        for axis, name in zip(axes, names, strict=True):
            field = arch.receptive_field_at(name)
            start = arch.layer(name).out_size // 2 * field.stride - field.padding
            end = start + field.size
            picture(axis, photo, alpha=0.35)
            low, high = max(start, 0), min(end, side)
            seen = (low - 0.5, high - 0.5, high - 0.5, low - 0.5)
            axis.imshow(photo[low:high, low:high], extent=seen)
            outline(axis, (start - 0.5,) * 2, field.size, ec=COLOURS["standard"], lw=2.5)
            axis.set_title(f"{name}\n{field.size}×{field.size}")
            words.append(f"{name} {field.size} by {field.size}")
            reach = max(reach, -start, end - side)
        for axis in axes:  # one scale for all, wide enough for the largest frame
            axis.set(xlim=(-reach - 3, side + reach + 3), ylim=(side + reach + 3, -reach - 3))
        figure.subplots_adjust(0.01, 0.0, 0.99, 0.81, wspace=0.04)
    figure.alt = (
        f"The part of a {side} by {side} photo that one pixel in the middle of a layer's map sees: "
        f"{'; '.join(words)} pixels."
    )
    return figure


def feature_maps(maps: dict[str, NDArray[np.float32]], each: int = 6) -> BookFigure:
    """The first channels of some layers' outputs as grey images.

    Parameters
    ----------
    maps
        (channels, height, width) by layer name.
    each
        Channels to draw of every layer.
    """
    if not maps:
        raise ValueError("feature_maps needs at least one layer's maps, by name; got none")
    each = check_int("each", each, 1, 16)
    width = min(9.0, 1.9 * each)
    row_height = width / each + 0.4  # square pictures, and a title above each row
    with new_figure(width, row_height * len(maps), nrows=len(maps), ncols=each) as (figure, axes):
        rows = axes.reshape(len(maps), each)
        for row, (name, channels) in zip(rows, maps.items(), strict=True):
            for axis in row:
                axis.set_axis_off()
            for axis, channel in zip(row, channels, strict=False):
                picture(axis, channel)
            row[0].set_title(f"{name}, {channels.shape[1]}×{channels.shape[2]}")
        top = 1 - 0.4 / (row_height * len(maps))
        figure.subplots_adjust(0.005, 0.01, 0.995, top, wspace=0.04, hspace=0.4 * each / width)
    words = "; ".join(
        f"{name}, {min(each, len(channels))} of {len(channels)} channels, "
        f"{channels.shape[1]} by {channels.shape[2]} pixels"
        for name, channels in maps.items()
    )
    figure.alt = f"Grey images of channels: {words}."
    return figure
