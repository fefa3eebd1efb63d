"""Weights in few bits, in NumPy: what is rounded to what, and the book's own layers to try it on.

Arithmetic is in float32 and in the order in which `torch.fake_quantize_per_channel_affine` does it,
so that both give the same number to the last bit; `web/maths/quantize.js` does it once more.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import safe_open

from ..files import find_data
from ..validation import check_choice, check_int

PER = ("tensor", "channel")
SWITCHED_OFF = 1e-12
"""Training with weight decay takes weights that nothing needs to 1e-30; below this they are 0."""


@dataclass(frozen=True)
class Rounded:
    """Weights of a layer, (channels, weights per channel), as whole numbers of a step."""

    levels: NDArray[np.int64]
    """The whole number that is stored for each weight."""
    values: NDArray[np.float32]
    """What it stands for: (level - zero) * step."""
    steps: NDArray[np.float32]
    """One a channel; all the same where there is one for the layer."""
    zeros: NDArray[np.int64]
    """The level that stands for 0, one a channel."""
    ends: tuple[int, int]
    """The lowest and the highest level."""


def round_weights(
    weights: ArrayLike, bits: int, per: str = "tensor", zero_point: bool = False
) -> Rounded:
    """Round each weight to the nearest of few levels; halves go to the even one.

    Parameters
    ----------
    weights
        (channels, ...), as a convolution keeps them.
    bits
        2 to 8.
    per
        One step for all ("tensor"), or one for each channel ("channel").
    zero_point
        False: as many levels below 0 as above, such as -7 to 7. True: the levels, such as 0 to 15,
        reach from the lowest weight to the highest, and one of them stands for 0.

    Raises
    ------
    ValueError
        A value out of range, or weights that are not finite.
    """
    check_int("bits", bits, 2, 8)
    check_choice("per", per, PER)
    rows = np.asarray(weights, np.float32)
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise ValueError("weights must be finite")
    axis = 1 if per == "channel" else None
    low, high = (np.broadcast_to(end(rows, axis=axis), len(rows)) for end in (np.min, np.max))
    low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
    if zero_point:
        first, last = 0, 2**bits - 1
        steps = (high - low) / np.float32(last)
    else:
        last = 2 ** (bits - 1) - 1
        first = -last
        steps = np.maximum(-low, high) / np.float32(last)
    steps = np.where(steps > 0, steps, np.float32(1)).astype(np.float32)  # nothing there but 0
    zeros = np.rint(-low / steps).astype(np.int64) if zero_point else np.zeros(len(rows), np.int64)
    scaled = np.rint(rows * (np.float32(1) / steps)[:, None]).astype(np.int64)
    levels = np.clip(scaled + zeros[:, None], first, last)
    values = (levels - zeros[:, None]).astype(np.float32) * steps[:, None]
    return Rounded(levels, values, steps, zeros, (first, last))


def signal_to_noise(weights: NDArray[np.float32], values: NDArray[np.float32]) -> float:
    """In decibels; infinite where nothing is off, and -inf where there is only noise."""
    signal = float(np.square(weights, dtype=float).sum())
    noise = float(np.square(values.astype(float) - weights).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


@dataclass(frozen=True)
class LayerWeights:
    """One layer's weights, batch normalization folded into them."""

    name: str
    kind: str
    """"depthwise", "pointwise", or "" if that is not known."""
    weights: NDArray[np.float32]
    """(channels, weights per channel)"""
    idle: NDArray[np.bool_]
    """By channel: whether its input is the same for every photo."""


def folded_layers(path: str | os.PathLike[str] | None = None) -> list[LayerWeights]:
    """Depthwise and pointwise layers of a checkpoint of ours, batch normalization folded in.

    w' = w * gamma / sqrt(variance + eps), in double precision, as `engines.folding` has it.

    Parameters
    ----------
    path
        A `.safetensors` file; None for the book's person detector.

    Raises
    ------
    FileNotFoundError
        The book's data folder is not here.
    """
    path = find_data("checkpoints/person_detector.safetensors") if path is None else path
    layers: list[LayerWeights] = []
    with safe_open(os.fspath(path), "np") as file:
        eps = json.loads(file.metadata()["mobilenet_lib"])["convention"]["bn_eps"]
        tensors: list[str] = file.keys()
        names = [n.removesuffix(".conv.weight") for n in tensors if n.endswith(".conv.weight")]
        idle = np.zeros(0, bool)  # of the layer before
        for name in sorted(names, key=_place):
            weight, gamma, variance = (
                file.get_tensor(f"{name}.{part}").astype(float)
                for part in ("conv.weight", "bn.weight", "bn.running_var")
            )
            rows = weight.reshape(len(weight), -1) * (gamma / np.sqrt(variance + eps))[:, None]
            rows[np.abs(rows) < SWITCHED_OFF] = 0
            if name.startswith("dw"):
                unfed = idle
                layers.append(LayerWeights(name, "depthwise", rows.astype(np.float32), unfed))
            else:
                idle = ~rows.any(axis=1)
                if name.startswith("pw"):
                    never = np.zeros(len(rows), bool)
                    layers.append(LayerWeights(name, "pointwise", rows.astype(np.float32), never))
    return layers


def _place(name: str) -> tuple[int, bool]:
    """conv_0, dw_1, pw_1, dw_2 ..."""
    kind, number = name.split("_")
    return int(number), kind == "pw"
