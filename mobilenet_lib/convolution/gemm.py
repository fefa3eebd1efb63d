"""Convolution as a matrix product: lay the windows out as rows (im2col), then multiply (GEMM)."""

from __future__ import annotations

from ..validation import check_int
from .shared import Array, MultiplyCounter, Padding, check_map, check_operands, pad, windows


def im2col(
    feature_map: Array,
    kernel_size: int,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
) -> Array:
    """Copy every window of the map into a row of a matrix.

    Returns
    -------
    array
        (out height · out width, D_K · D_K · M); a pixel is copied once for every window it is in.
    """
    size = check_int("kernel_size", kernel_size, 1)
    patches = windows(check_map(feature_map), size, size, stride, padding, dilation)
    height, width = patches.shape[:2]
    return patches.transpose(0, 1, 3, 4, 2).reshape(height * width, -1)


def standard_gemm(
    feature_map: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    counter: MultiplyCounter | None = None,
) -> Array:
    """Eq. 1 as im2col and one matrix product. See `standard_loops`.

    Raises
    ------
    ValueError
        As `standard_loops`, or a kernel that is not square.
    """
    feature_map, kernel = check_operands(feature_map, kernel, "standard")
    rows, columns, _, filters = kernel.shape
    if rows != columns:
        raise ValueError(f"standard_gemm takes a square kernel, got {rows}x{columns}")
    out = pad(feature_map, rows, columns, stride, padding, dilation)
    patches = im2col(feature_map, rows, stride, padding, dilation)
    product = _gemm(patches, kernel.reshape(-1, filters), counter)
    return product.reshape(out.height, out.width, filters)


def pointwise_gemm(
    feature_map: Array, kernel: Array, counter: MultiplyCounter | None = None
) -> Array:
    """A 1x1 convolution as one matrix product. No im2col: the map already is the matrix."""
    feature_map, kernel = check_operands(feature_map, kernel, "pointwise")
    height, width, channels = feature_map.shape
    pixels = feature_map.reshape(-1, channels)  # a view: nothing is copied
    return _gemm(pixels, kernel, counter).reshape(height, width, -1)


def _gemm(left: Array, right: Array, counter: MultiplyCounter | None) -> Array:
    """Multiply two matrices; a product of (a, b) and (b, c) takes a · b · c multiplications."""
    if counter is not None:
        counter.add(left.shape[0] * left.shape[1] * right.shape[1])
    return left @ right
