"""Depthwise convolution whose gradients are computed by code that is fast.

Torch's own are, for the most part. Two are not, on CPUs, where oneDNN falls to a slow path: in bf16
the gradient of the input of a layer with stride 2, and, also in fp32, that of the filters where the
map is smaller than they are. Both are a rearrangement away from a convolution that is fast:

- y is a stride-1 convolution of which every s-th output was kept. So its gradient is one with zeros
  in all other places; and the gradient of a stride-1 convolution's input is a stride-1 convolution
  of the output's, with the filters turned by 180 degrees.
- The zeros that a layer puts around a map may as well be the map's own.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """A depthwise convolution (Eq. 3) with rearranged gradients.

    Parameters
    ----------
    x
        (B, channels, H, W).
    weight
        (channels, 1, D_K, D_K), of the same dtype.
    stride
        Step of the filters.
    padding
        Zeros on each side of a map, fewer than D_K.
    """
    if not 0 <= padding < weight.shape[2]:
        raise ValueError(f"padding must be 0 to {weight.shape[2] - 1}, got {padding}")
    return _Depthwise.apply(x, weight, stride, padding)


def input_gradient(
    upstream: Tensor, weight: Tensor, size: tuple[int, int], stride: int, padding: int
) -> Tensor:
    """The gradient of a depthwise convolution's input, (B, channels, *size), from its output's.

    One stride-1 convolution, whatever the stride was.
    """
    side = weight.shape[2]
    if stride > 1:
        rows, columns = (length + 2 * padding - side + 1 for length in size)
        spread = torch.empty(
            (*upstream.shape[:2], rows, columns),
            dtype=upstream.dtype,
            device=upstream.device,
            memory_format=torch.channels_last,
        ).zero_()
        spread[:, :, ::stride, ::stride] = upstream
        upstream = spread
    turned = weight.flip(2, 3)
    return F.conv2d(upstream, turned, padding=side - 1 - padding, groups=len(weight))


def weight_gradient(
    upstream: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int
) -> Tensor:
    """The gradient of a depthwise convolution's filters, like `weight`, from its output's."""
    side = weight.shape[2]
    if min(x.shape[2:]) < side:
        x, padding = F.pad(x, (padding,) * 4), 0
    return conv2d_weight(x, weight.shape, upstream, stride, padding, groups=len(weight))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        for_x = for_weight = None
        if ctx.needs_input_grad[0]:
            size = (x.shape[2], x.shape[3])
            for_x = input_gradient(upstream, weight, size, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            for_weight = weight_gradient(upstream, x, weight, ctx.stride, ctx.padding)
        return for_x, for_weight, None, None
