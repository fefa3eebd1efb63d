"""Pointwise convolution whose products go to the code that is fast for them, on CPUs.

A pointwise layer multiplies a matrix of B · H · W rows by its filters, and each of its gradients is
such a product, too. Three libraries at hand compute them: the one that torch calls for matrices
(MKL, on most CPUs), oneDNN as a 1x1 convolution, and NumPy's (OpenBLAS, or Accelerate on a Mac).
Which is fastest depends on the processor: MKL, for one, is not at its best on AMD's.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Products = Literal["mixed", "numpy"]


def pointwise(x: Tensor, weight: Tensor, products: Products) -> Tensor:
    """A pointwise convolution.

    Parameters
    ----------
    x
        (B, in_channels, H, W), fastest in channels_last.
    weight
        (out_channels, in_channels, 1, 1), of the same dtype.
    products
        "mixed": convolutions, but the gradient of the filters, which sums over all rows, is torch's
        matrix product. "numpy": NumPy's matrix products; torch's on other devices than the CPU.
    """
    return _Pointwise.apply(x, weight, products)


def rows(x: Tensor) -> Tensor:
    """Feature maps as a matrix, (B · H · W, channels); without a copy in channels_last."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def product(a: Tensor, b: Tensor) -> Tensor:
    """The product of two matrices by NumPy, where they are on the CPU."""
    if a.device.type != "cpu":
        return a @ b
    return torch.from_numpy(a.detach().numpy() @ b.detach().numpy())


def times(x: Tensor, filters: Tensor, products: Products) -> Tensor:
    """Feature maps (B, channels, H, W), each pixel times `filters`, (out_channels, channels)."""
    if products == "mixed":
        return F.conv2d(x, filters[:, :, None, None])
    y = product(rows(x), filters.t())
    return y.view(x.shape[0], *x.shape[2:], len(filters)).permute(0, 3, 1, 2)


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, products: Products) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.products = products
        return times(x, weight.flatten(1), products)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        for_x = for_weight = None
        if ctx.needs_input_grad[0]:
            for_x = times(upstream, weight.flatten(1).t(), ctx.products)
        if ctx.needs_input_grad[1]:
            by = torch.matmul if ctx.products == "mixed" else product
            for_weight = by(rows(upstream).t(), rows(x)).view_as(weight)
        return for_x, for_weight, None
