"""What all forms of convolution share: the counter, shape checks, padding and windows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cost import output_size, same_padding
from ..validation import check_int

Padding = int | str
Array = NDArray[Any]


class MultiplyCounter:
    """Counts multiplications. Hand one to a `*_loops` or `*_gemm` function, then read `count`."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, multiplications: int = 1) -> None:
        """Add `multiplications` to the count."""
        self.count += multiplications

    def __repr__(self) -> str:
        return f"<{self.count:,} multiplications>"


class Padded(NamedTuple):
    """A map with its border of zeros, and what a kernel needs to walk over it."""

    map: Array
    height: int
    """Rows of the output."""
    width: int
    stride: int
    dilation: int


def check_map(feature_map: Array) -> Array:
    """Return the map if it is (height, width, channels) and not empty.

    Raises
    ------
    ValueError
        It has another shape, which the message gives.
    """
    if feature_map.ndim != 3 or 0 in feature_map.shape:
        raise ValueError(
            "a feature map is (height, width, channels) with at least one of each, "
            f"got {feature_map.shape}"
        )
    return feature_map


def check_operands(feature_map: Array, kernel: Array, kind: str) -> tuple[Array, Array]:
    """Return map and kernel if they fit together, small integers widened.

    A photo is uint8, and sums of products of uint8 would wrap around at 256.

    Raises
    ------
    ValueError
        A shape that is not one of `kind`, or channels that differ.
    """
    channels = check_map(feature_map).shape[2]
    layout = {
        "standard": "(rows, columns, in_channels, out_channels)",
        "depthwise": "(rows, columns, channels)",
        "pointwise": "(in_channels, out_channels)",
    }[kind]
    axis = 0 if kind == "pointwise" else 2
    if kernel.ndim != layout.count(",") + 1 or 0 in kernel.shape:
        raise ValueError(f"a {kind} kernel is {layout}, got shape {kernel.shape}")
    if kernel.shape[axis] != channels:
        raise ValueError(
            f"the {kind} kernel is for {kernel.shape[axis]} channels, the map has {channels}"
        )
    return _widen(feature_map), _widen(kernel)


def _widen(array: Array) -> Array:
    return array.astype(np.int64) if array.dtype.kind in "iub" else array


def pad(
    feature_map: Array, rows: int, columns: int, stride: int, padding: Padding, dilation: int
) -> Padded:
    """Put the border of zeros around a map, and say how large the output will be.

    Raises
    ------
    ValueError
        A stride, padding or dilation out of range, or a kernel that does not fit.
    """
    stride, dilation = check_int("stride", stride, 1), check_int("dilation", dilation, 1)
    borders, sizes = [], []
    for size, kernel_size in zip(feature_map.shape[:2], (rows, columns), strict=True):
        if padding == "same":
            border = same_padding(size, kernel_size, stride, dilation)
        elif padding == "valid":
            border = (0, 0)
        elif isinstance(padding, str):
            raise ValueError(f'padding must be "same", "valid" or a number, got {padding!r}')
        else:
            border = (check_int("padding", padding, 0),) * 2
        borders.append(border)
        sizes.append(output_size(size, kernel_size, stride, border, dilation))
    return Padded(np.pad(feature_map, [*borders, (0, 0)]), *sizes, stride, dilation)


def windows(
    feature_map: Array, rows: int, columns: int, stride: int, padding: Padding, dilation: int
) -> Array:
    """Every window as a view, (out height, out width, channels, rows, columns); nothing copied."""
    padded = pad(feature_map, rows, columns, stride, padding, dilation)
    span = ((rows - 1) * padded.dilation + 1, (columns - 1) * padded.dilation + 1)
    views = np.lib.stride_tricks.sliding_window_view(padded.map, span, axis=(0, 1))
    steps = slice(None, None, padded.stride), slice(None, None, padded.dilation)
    return views[steps[0], steps[0], :, steps[1], steps[1]]
