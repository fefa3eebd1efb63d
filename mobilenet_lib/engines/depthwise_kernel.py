"""A depthwise layer on a GPU in one pass: convolution (Eq. 3), bias and ReLU, then written once.

One by one, each of the three reads and writes the whole map, and of a depthwise layer that is the
time: nine mult-adds for each number are nothing beside fetching it. So here a program computes a
tile in registers, pixels of a row by up to CHANNELS channels, and goes down the map with it: of the
three rows that a filter covers, all but `stride` are still there from the row above.

Maps are in channels_last, (B, H, W, C) in memory, so that neighbouring threads read neighbouring
channels. Triton, a compiler for such tiles, comes with torch's builds for NVIDIA GPUs on Linux.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

try:
    import triton
    import triton.language as tl

    jit = triton.jit
except ImportError:  # `fusing` finds out that nothing here runs

    def jit(function: Callable[..., Any]) -> Any:
        """A function as it is."""
        return function


TILE, CHANNELS, WARPS = 512, 64, 4
"""Numbers in a tile, channels at most, and warps that share it: of twelve ways to cut that were
tried on an H100, the fastest."""
TALL = 7
"""Rows that a program goes down. All maps of a 224-pixel image have sides that it divides."""
ENOUGH = 8
"""Programs for each multiprocessor that keep a GPU busy; with fewer, each takes a single row."""


def depthwise_relu(
    x: Tensor, taps: Tensor, bias: Tensor, stride: int, padding: int, most: float | None
) -> Tensor:
    """A 3x3 depthwise convolution, its bias and ReLU.

    Parameters
    ----------
    x
        (B, C, H, W) in channels_last.
    taps
        (9, C): the filters, row by row.
    bias
        (C,).
    stride, padding
        1 or 2, and 0 or 1, of rows and columns alike.
    most
        The largest number that ReLU lets pass, 6 of ReLU6; None: any.

    Returns
    -------
    Tensor
        (B, C, ., .) in channels_last and `x`'s dtype; sums are in fp32.
    """
    images, channels, height, width = x.shape
    rows, columns = ((side + 2 * padding - 3) // stride + 1 for side in (height, width))
    y = x.new_empty((images, rows, columns, channels))
    wide = min(CHANNELS, triton.next_power_of_2(channels))
    across = TILE // wide
    tiles = triton.cdiv(columns, across), triton.cdiv(channels, wide)
    programs = images * triton.cdiv(rows, TALL) * tiles[0] * tiles[1]
    tall = TALL if programs >= ENOUGH * processors(x) else 1
    grid = (images * triton.cdiv(rows, tall), *tiles)
    _kernel[grid](
        *(x.permute(0, 2, 3, 1).contiguous(), taps, bias, y),
        *(height, width, channels, rows, columns, float("inf") if most is None else most),
        stride=stride,
        padding=padding,
        tall=tall,
        across=across,
        wide=wide,
        num_warps=WARPS,
    )
    return y.permute(0, 3, 1, 2)


def processors(x: Tensor) -> int:
    """Multiprocessors of the GPU where a tensor is."""
    return torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 1


@jit
def _kernel(
    x,
    taps,
    bias,
    y,
    height,
    width,
    channels,
    rows,
    columns,
    most,
    stride: tl.constexpr,
    padding: tl.constexpr,
    tall: tl.constexpr,
    across: tl.constexpr,
    wide: tl.constexpr,
):
    bands = tl.cdiv(rows, tall)
    image = (tl.program_id(0) // bands).to(tl.int64)  # all images together may pass 2^31 numbers
    first = tl.program_id(0) % bands * tall
    column = tl.program_id(1) * across + tl.arange(0, across)
    channel = tl.program_id(2) * wide + tl.arange(0, wide)
    real = channel < channels
    x += image * height * width * channels
    y += image * rows * columns * channels
    taps += channel
    w0 = tl.load(taps, mask=real, other=0.0).to(tl.float32)[None, :]
    w1 = tl.load(taps + channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w2 = tl.load(taps + 2 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w3 = tl.load(taps + 3 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w4 = tl.load(taps + 4 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w5 = tl.load(taps + 5 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w6 = tl.load(taps + 6 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w7 = tl.load(taps + 7 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    w8 = tl.load(taps + 8 * channels, mask=real, other=0.0).to(tl.float32)[None, :]
    start = tl.load(bias + channel, mask=real, other=0.0).to(tl.float32)[None, :]
    left = column * stride - padding
    row = first * stride - padding
    a0, a1, a2 = _row(x, row, left, channel, height, width, channels)
    b0, b1, b2 = _row(x, row + 1, left, channel, height, width, channels)
    for down in range(tall):
        c0, c1, c2 = _row(x, row + 2, left, channel, height, width, channels)
        total = start + a0 * w0 + a1 * w1 + a2 * w2 + b0 * w3 + b1 * w4 + b2 * w5
        total += c0 * w6 + c1 * w7 + c2 * w8
        total = tl.maximum(total, 0.0, propagate_nan=tl.PropagateNan.ALL)
        total = tl.minimum(total, most, propagate_nan=tl.PropagateNan.ALL)
        ours = tl.where(first + down < rows, column, columns)
        at = y + ((first + down) * columns + column)[:, None] * channels + channel[None, :]
        tl.store(at, total.to(y.dtype.element_ty), mask=(ours < columns)[:, None] & real[None, :])
        row += stride
        if stride == 1:
            a0, a1, a2 = b0, b1, b2
            b0, b1, b2 = c0, c1, c2
        else:
            a0, a1, a2 = c0, c1, c2
            b0, b1, b2 = _row(x, row + 1, left, channel, height, width, channels)


@jit
def _row(x, row, left, channel, height, width, channels):
    """What the three taps of a filter's row see: tiles that start at `left`, and one and two on."""
    x += row * width * channels + channel[None, :]
    column = tl.where((row >= 0) & (row < height), left, -3)  # zeros around the map
    real = (channel < channels)[None, :]
    inside = ((column >= 0) & (column < width))[:, None] & real
    first = tl.load(x + column[:, None] * channels, mask=inside, other=0.0).to(tl.float32)
    inside = ((column >= -1) & (column < width - 1))[:, None] & real
    second = tl.load(x + (column + 1)[:, None] * channels, mask=inside, other=0.0).to(tl.float32)
    inside = ((column >= -2) & (column < width - 2))[:, None] & real
    third = tl.load(x + (column + 2)[:, None] * channels, mask=inside, other=0.0).to(tl.float32)
    return first, second, third
