"""What all forms of convolution share: the counter, shape checks, padding and windows."""

from __future__ import annotations

from typing import Any

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


def check_map(feature_map: Array) -> Array:
    """Return the map if it is (height, width, channels) and not empty, else say what it is."""
    if feature_map.ndim != 3 or 0 in feature_map.shape:
        raise ValueError(
            "a feature map is (height, width, channels) with at least one of each, "
            f"got {feature_map.shape}"
        )
    return feature_map


def check_kernel(feature_map: Array, kernel: Array, kind: str) -> tuple[int, ...]:
    """Return the kernel's shape if it fits the map and the kind of convolution."""
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
    return kernel.shape


def pad(
    feature_map: Array, rows: int, columns: int, stride: int, padding: Padding, dilation: int
) -> tuple[Array, int, int]:
    """Return the map with its border of zeros, and the height and width of the output."""
    check_int("stride", stride, 1)
    check_int("dilation", dilation, 1)
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
    return np.pad(feature_map, [*borders, (0, 0)]), sizes[0], sizes[1]


def windows(
    feature_map: Array, rows: int, columns: int, stride: int, padding: Padding, dilation: int
) -> Array:
    """Every window as a view, (out height, out width, channels, rows, columns); nothing copied."""
    padded, _, _ = pad(feature_map, rows, columns, stride, padding, dilation)
    span = ((rows - 1) * dilation + 1, (columns - 1) * dilation + 1)
    views = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(0, 1))
    return views[::stride, ::stride, :, ::dilation, ::dilation]
