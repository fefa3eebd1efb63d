"""The same equations on whole arrays: every window at once, summed with the kernel."""

from __future__ import annotations

import numpy as np

from .shared import Array, Padding, check_operands, windows


def standard(
    feature_map: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
) -> Array:
    """Eq. 1 on whole arrays: all windows at once, summed with the kernel. See `standard_loops`."""
    feature_map, kernel = check_operands(feature_map, kernel, "standard")
    patches = windows(feature_map, *kernel.shape[:2], stride, padding, dilation)
    return np.einsum("klmij,ijmn->kln", patches, kernel, optimize=True)


def depthwise(
    feature_map: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
) -> Array:
    """Eq. 3 on whole arrays. See `depthwise_loops`."""
    feature_map, kernel = check_operands(feature_map, kernel, "depthwise")
    patches = windows(feature_map, *kernel.shape[:2], stride, padding, dilation)
    return np.einsum("klmij,ijm->klm", patches, kernel, optimize=True)


def pointwise(feature_map: Array, kernel: Array) -> Array:
    """A 1x1 convolution on whole arrays. See `pointwise_loops`."""
    feature_map, kernel = check_operands(feature_map, kernel, "pointwise")
    return np.einsum("klm,mn->kln", feature_map, kernel, optimize=True)


def separable(
    feature_map: Array,
    depthwise_kernel: Array,
    pointwise_kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
) -> Array:
    """Depthwise, then pointwise, on whole arrays."""
    filtered = depthwise(feature_map, depthwise_kernel, stride, padding, dilation)
    return pointwise(filtered, pointwise_kernel)
