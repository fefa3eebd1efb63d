"""Equations 1 and 3 the way the paper writes them: one multiplication at a time.

Slow, and easy to believe. Every other form is tested against these and against torch.
"""

from __future__ import annotations

import numpy as np

from .shared import Array, MultiplyCounter, Padding, check_operands, pad


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

    Raises
    ------
    ValueError
        Shapes that do not fit together, or a stride, padding or dilation out of range.
    """
    counter = counter or MultiplyCounter()
    feature_map, kernel = check_operands(feature_map, kernel, "standard")
    rows, columns, channels, filters = kernel.shape
    padded, height, width, stride, dilation = pad(
        feature_map, rows, columns, stride, padding, dilation
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

    Parameters
    ----------
    feature_map
        F, (height, width, M).
    kernel
        K̂, (rows, columns, M): one filter a channel. Channels never mix.
    stride, padding, dilation
        See the module's text.
    counter
        Receives every multiplication; with padding "same" and stride 1 that is Eq. 4.

    Returns
    -------
    array
        Ĝ, (out height, out width, M).
    """
    counter = counter or MultiplyCounter()
    feature_map, kernel = check_operands(feature_map, kernel, "depthwise")
    rows, columns, channels = kernel.shape
    padded, height, width, stride, dilation = pad(
        feature_map, rows, columns, stride, padding, dilation
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

    Parameters
    ----------
    feature_map
        F, (height, width, M).
    kernel
        (M, N).
    counter
        Receives every multiplication, M · N · D_F².

    Returns
    -------
    array
        (height, width, N).
    """
    counter = counter or MultiplyCounter()
    feature_map, kernel = check_operands(feature_map, kernel, "pointwise")
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


def separable_loops(
    feature_map: Array,
    depthwise_kernel: Array,
    pointwise_kernel: Array,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    counter: MultiplyCounter | None = None,
) -> Array:
    """Depthwise, then pointwise, both as loops; `counter` receives Eq. 5.

    Nothing stands between the two here. In the network, batch normalization and ReLU do (Fig. 3).
    """
    filtered = depthwise_loops(feature_map, depthwise_kernel, stride, padding, dilation, counter)
    return pointwise_loops(filtered, pointwise_kernel, counter)
