"""Equations 1 and 3 in NumPy: as the loops the paper writes, as arrays, and as matrix products.

Maps are `(height, width, channels)` and kernels `(rows, columns, in_channels, out_channels)`, the
order of the paper's indices: F[k, l, m] and K[i, j, m, n]. One image at a time, no batch.

Three forms of the same result:

* `*_loops` is the equation, one multiplication at a time. Slow, and easy to believe: every other
  form is tested against these and against torch.
* the plain name (`standard`, `depthwise`, `pointwise`, `separable`) works on whole arrays.
* `*_gemm` lays the input out so that one matrix product does the work (im2col and GEMM).

All take `stride`, `padding` ("same" as TensorFlow means it, "valid", or a number of zeros on every
side) and `dilation`. Loops and GEMM forms take a `counter`, and count the multiplications that they
really carry out. A ValueError names shapes that do not fit together, and a stride, padding or
dilation out of range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cost import output_size, same_padding
from .validation import check_int

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


# --- As loops -------------------------------------------------------------------------------------


def standard_loops(
    feature_map: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    counter: MultiplyCounter | None = None,
) -> Array:
    """G[k,l,n] = sum over i,j,m of K[i,j,m,n] · F[k+i-1, l+j-1, m] (Eq. 1), as six loops.

    Parameters
    ----------
    feature_map
        F, (height, width, M).
    kernel
        K, (rows, columns, M, N).
    stride, padding, dilation
        See the module's text.
    counter
        Receives every multiplication; with padding "same" and stride 1 that is Eq. 2.

    Returns
    -------
    array
        G, (out height, out width, N).
    """
    counter = counter or MultiplyCounter()
    feature_map, kernel = _operands(feature_map, kernel, "standard")
    rows, columns, channels, filters = kernel.shape
    padded, height, width, stride, dilation = _pad(
        feature_map, kernel.shape, stride, padding, dilation
    )
    out = np.zeros((height, width, filters), np.result_type(feature_map, kernel))
    for k in range(height):
        for l in range(width):  # noqa: E741 - the paper's index
            for n in range(filters):
                for i in range(rows):
                    for j in range(columns):
                        for m in range(channels):
                            pixel = padded[k * stride + i * dilation, l * stride + j * dilation, m]
                            out[k, l, n] += kernel[i, j, m, n] * pixel
                            counter.add()
    return out


def depthwise_loops(
    feature_map: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    counter: MultiplyCounter | None = None,
) -> Array:
    """Ĝ[k,l,m] = sum over i,j of K̂[i,j,m] · F[k+i-1, l+j-1, m] (Eq. 3), as five loops.

    As `standard_loops`, but the kernel K̂ is (rows, columns, M), one filter a channel, and so is the
    result: channels never mix. With padding "same" and stride 1, `counter` receives Eq. 4.
    """
    counter = counter or MultiplyCounter()
    feature_map, kernel = _operands(feature_map, kernel, "depthwise")
    rows, columns, channels = kernel.shape
    padded, height, width, stride, dilation = _pad(
        feature_map, kernel.shape, stride, padding, dilation
    )
    out = np.zeros((height, width, channels), np.result_type(feature_map, kernel))
    for k in range(height):
        for l in range(width):  # noqa: E741 - the paper's index
            for m in range(channels):
                for i in range(rows):
                    for j in range(columns):
                        pixel = padded[k * stride + i * dilation, l * stride + j * dilation, m]
                        out[k, l, m] += kernel[i, j, m] * pixel
                        counter.add()
    return out


def pointwise_loops(
    feature_map: Array, kernel: Array, counter: MultiplyCounter | None = None
) -> Array:
    """A 1x1 convolution as four loops: each output channel mixes the input channels of one pixel.

    From (height, width, M) by a kernel (M, N) to (height, width, N). `counter` receives every
    multiplication, M · N · D_F². After `depthwise_loops` that makes Eq. 5; in the network, batch
    normalization and ReLU stand between the two (Fig. 3).
    """
    counter = counter or MultiplyCounter()
    feature_map, kernel = _operands(feature_map, kernel, "pointwise")
    channels, filters = kernel.shape
    height, width = feature_map.shape[:2]
    out = np.zeros((height, width, filters), np.result_type(feature_map, kernel))
    for k in range(height):
        for l in range(width):  # noqa: E741 - the paper's index
            for n in range(filters):
                for m in range(channels):
                    out[k, l, n] += kernel[m, n] * feature_map[k, l, m]
                    counter.add()
    return out


# --- On whole arrays: every window at once, summed with the kernel --------------------------------


def standard(
    feature_map: Array, kernel: Array, stride: int = 1, padding: Padding = "same", dilation: int = 1
) -> Array:
    """Eq. 1 on whole arrays. See `standard_loops`."""
    feature_map, kernel = _operands(feature_map, kernel, "standard")
    patches = _windows(feature_map, kernel.shape, stride, padding, dilation)
    return np.einsum("klmij,ijmn->kln", patches, kernel, optimize=True)


def depthwise(
    feature_map: Array, kernel: Array, stride: int = 1, padding: Padding = "same", dilation: int = 1
) -> Array:
    """Eq. 3 on whole arrays. See `depthwise_loops`."""
    feature_map, kernel = _operands(feature_map, kernel, "depthwise")
    patches = _windows(feature_map, kernel.shape, stride, padding, dilation)
    return np.einsum("klmij,ijm->klm", patches, kernel, optimize=True)


def pointwise(feature_map: Array, kernel: Array) -> Array:
    """A 1x1 convolution on whole arrays. See `pointwise_loops`."""
    feature_map, kernel = _operands(feature_map, kernel, "pointwise")
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


# --- As a matrix product: the windows laid out as rows (im2col), then multiplied (GEMM) -----------


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
    return _rows(_windows(_checked(feature_map), (size, size), stride, padding, dilation))


def standard_gemm(
    feature_map: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    counter: MultiplyCounter | None = None,
) -> Array:
    """Eq. 1 as im2col and one matrix product, of a square kernel. See `standard_loops`."""
    feature_map, kernel = _operands(feature_map, kernel, "standard")
    rows, columns, _, filters = kernel.shape
    if rows != columns:
        raise ValueError(f"standard_gemm takes a square kernel, got {rows}x{columns}")
    patches = _windows(feature_map, kernel.shape, stride, padding, dilation)
    product = _gemm(_rows(patches), kernel.reshape(-1, filters), counter)
    return product.reshape(*patches.shape[:2], filters)


def pointwise_gemm(
    feature_map: Array, kernel: Array, counter: MultiplyCounter | None = None
) -> Array:
    """A 1x1 convolution as one matrix product. No im2col: the map already is the matrix."""
    feature_map, kernel = _operands(feature_map, kernel, "pointwise")
    height, width, channels = feature_map.shape
    pixels = feature_map.reshape(-1, channels)  # a view: nothing is copied
    return _gemm(pixels, kernel, counter).reshape(height, width, -1)


def _rows(patches: Array) -> Array:
    """A copy of every window as one row, its pixels in the kernel's order."""
    height, width = patches.shape[:2]
    return patches.transpose(0, 1, 3, 4, 2).reshape(height * width, -1)


def _gemm(left: Array, right: Array, counter: MultiplyCounter | None) -> Array:
    """Multiply two matrices; a product of (a, b) and (b, c) takes a · b · c multiplications."""
    if counter is not None:
        counter.add(left.shape[0] * left.shape[1] * right.shape[1])
    return left @ right


# --- What all forms share -------------------------------------------------------------------------


def _checked(feature_map: Array) -> Array:
    if feature_map.ndim != 3 or 0 in feature_map.shape:
        raise ValueError(
            "a feature map is (height, width, channels) with at least one of each, "
            f"got {feature_map.shape}"
        )
    return feature_map


def _operands(feature_map: Array, kernel: Array, kind: str) -> tuple[Array, Array]:
    """Map and kernel if they fit together, small integers widened.

    A photo is uint8, and sums of products of uint8 would wrap around at 256.
    """
    channels = _checked(feature_map).shape[2]
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
    return _widened(feature_map), _widened(kernel)


def _widened(array: Array) -> Array:
    return array.astype(np.int64) if array.dtype.kind in "iub" else array


def _pad(
    feature_map: Array, shape: tuple[int, ...], stride: int, padding: Padding, dilation: int
) -> tuple[Array, int, int, int, int]:
    """The map padded for a kernel of this shape, the output's sides, stride and dilation."""
    stride, dilation = check_int("stride", stride, 1), check_int("dilation", dilation, 1)
    borders, sizes = [], []
    for size, kernel_size in zip(feature_map.shape[:2], shape[:2], strict=True):
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
    height, width = sizes
    return np.pad(feature_map, [*borders, (0, 0)]), height, width, stride, dilation


def _windows(
    feature_map: Array, shape: tuple[int, ...], stride: int, padding: Padding, dilation: int
) -> Array:
    """Every window as a view, (out height, out width, channels, rows, columns); nothing copied."""
    padded, _, _, stride, dilation = _pad(feature_map, shape, stride, padding, dilation)
    span = tuple((side - 1) * dilation + 1 for side in shape[:2])
    views = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(0, 1))
    return views[::stride, ::stride, :, ::dilation, ::dilation]
