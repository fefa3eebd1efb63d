"""Pointwise convolution by NumPy's matrix products, which are faster on some processors.

A pointwise layer multiplies a matrix of B · H · W rows by its filters, and each of its gradients is
such a product, too. Torch calls MKL for them on most CPUs, which is not at its best on AMD's;
NumPy comes with OpenBLAS, or Accelerate on a Mac.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """A pointwise convolution; on other devices than the CPU by torch's own products.

    Parameters
    ----------
    x
        (B, in_channels, H, W), fastest in channels_last.
    weight
        (out_channels, in_channels, 1, 1), of the same dtype.
    """
    return _Pointwise.apply(x, weight)


def product(a: Tensor, b: Tensor) -> Tensor:
    """The product of two matrices by NumPy, where they are on the CPU."""
    if a.device.type != "cpu":
        return a @ b
    return torch.from_numpy(a.detach().numpy() @ b.detach().numpy())


def _rows(x: Tensor) -> Tensor:
    """Feature maps as a matrix, (B · H · W, channels); without a copy in channels_last."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _times(x: Tensor, filters: Tensor) -> Tensor:
    """Feature maps (B, channels, H, W), each pixel times `filters`, (channels, out_channels)."""
    y = product(_rows(x), filters)
    return y.view(x.shape[0], *x.shape[2:], filters.shape[1]).permute(0, 3, 1, 2)


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _times(x, weight.flatten(1).t())

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x = for_weight = None
        if ctx.needs_input_grad[0]:
            for_x = _times(upstream, weight.flatten(1))
        if ctx.needs_input_grad[1]:
            for_weight = product(_rows(upstream).t(), _rows(x)).view_as(weight)
        return for_x, for_weight
