"""All layers between the first convolution and the pool in one function, by the book's own kernels.

Layer by layer, a step writes each map twice, as a convolution gives it and as batch normalization
and ReLU make it, and reads them again and again. Here a layer normalizes its input while it reads
it, and gathers the next normalization's sums while its output is at hand (depthwise.cpp and
pointwise.cpp; fp32, on processors). So only what convolutions give is written and kept: half of the
maps, and fewer passes over them. Backward it is the same: a layer makes the gradient of its output
from the gradient of what was normalized.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..model import ConvBNReLU, kind
from . import native
from .kernels import Batch, Normalization, addresses, lies, pointers, takes, threads, usual, watched


def body(blocks: Sequence[ConvBNReLU], x: Tensor, turned: bool) -> Tensor:
    """From the output of the first block's convolution to that of the last block.

    Parameters
    ----------
    blocks
        As `takes_body` demands.
    x
        (B, channels, H, W), fp32, in channels_last.
    turned
        Whether filters are to be turned by 180 degrees, as on maps of a network that is `turned`.
    """
    of_convolutions = (block.conv.weight for block in blocks[1:])
    of_normalizations = (part for block in blocks for part in (block.bn.weight, block.bn.bias))
    return _Body.apply(x, blocks, turned, *of_convolutions, *of_normalizations)


def takes_body(blocks: Sequence[nn.Module], x: Tensor) -> bool:
    """Whether `body` computes what these blocks do with the output of the first's convolution."""
    if not (takes(x, (torch.float32,)) and all(usual(b) and not watched(b) for b in blocks)):
        return False
    height, width = x.shape[2:]
    for block in blocks[1:]:
        if not fits(block):
            return False
        height, width = _sides((height, width), block)
    return len(x) * height * width >= 2  # one pixel alone has no variance


def fits(block: Any) -> bool:
    """Whether a block's convolution is one of the kernels': depthwise 3x3, or pointwise."""
    conv, half = block.conv, block.kernel_size // 2
    shape = tuple(conv.weight.shape)
    return (
        type(conv) is nn.Conv2d
        and (
            (kind(conv) == "depthwise" and shape == (conv.in_channels, 1, 3, 3))
            or (kind(conv) == "pointwise" and shape == (conv.out_channels, conv.in_channels, 1, 1))
        )
        and conv.stride in (((1, 1), (2, 2)) if half else ((1, 1),))
        and conv.padding == (half, half)
        and conv.dilation == (1, 1)
        and conv.bias is None
        and not block.pads
        and not watched(conv)
        and lies(conv.weight, torch.contiguous_format, (torch.float32,))
    )


@dataclass
class _Convolution:
    """One of the body's layers: from a map that `before` normalizes to one that `after` does."""

    before: Batch
    after: Batch
    stride: int
    turned: bool

    def run(
        self, way: str, weight: Tensor, x: Tensor, y: Tensor, wanted: bool = False, **maps: Tensor
    ) -> Tensor | None:
        """Its output, or its gradients; what is returned is that of its weight, if wanted."""
        parts = {"weight": weight, "x": x, "y": y, **maps}
        if wanted:
            parts["for_weight"] = torch.empty_like(weight)
        batches = (ctypes.pointer(batch.told) for batch in (self.before, self.after))
        told = _Layer(*batches, **addresses(**parts), stride=self.stride, turned=self.turned)
        told.batch, _, told.height, told.width = x.shape
        told.out_height, told.out_width = y.shape[2:]
        told.threads = max(threads(x), threads(y))
        name = "depthwise" if weight.shape[2] > 1 else "pointwise"
        getattr(native.library(), f"{name}_{way}")(ctypes.byref(told))
        return parts.get("for_weight")


class _Body(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, blocks: Sequence[ConvBNReLU], turned: bool, *parameters: Tensor
    ) -> Tensor:
        first = Batch(blocks[0], x)
        first.run("measure", x)
        maps, weights = [x], parameters[: len(blocks) - 1]
        layers: list[_Convolution] = []
        for block, weight in zip(blocks[1:], weights, strict=True):
            x = maps[-1]
            shape = (len(x), len(weight), *_sides(x.shape[2:], block))
            y = torch.empty(shape, memory_format=torch.channels_last)
            before = layers[-1].after if layers else first
            layers.append(_Convolution(before, Batch(block, y), block.stride, turned))
            layers[-1].run("forward", weight, x, y)
            maps.append(y)
        y = torch.empty_like(maps[-1])
        (layers[-1].after if layers else first).run("apply", maps[-1], y=y)
        ctx.save_for_backward(*maps, *weights)
        ctx.first, ctx.layers = first, layers
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        layers: list[_Convolution] = ctx.layers
        batches: list[Batch] = [ctx.first, *(layer.after for layer in layers)]
        maps, weights = ctx.saved_tensors[: len(batches)], ctx.saved_tensors[len(batches) :]
        gradient = torch.empty_like(maps[-1]).copy_(upstream)  # layers write over theirs
        batches[-1].run("gather", maps[-1], upstream=gradient)
        for_weights: list[Tensor | None] = []
        for i, layer in reversed(list(enumerate(layers))):
            gradients = {"upstream": gradient, "for_x": (gradient := torch.empty_like(maps[i]))}
            wanted = ctx.needs_input_grad[3 + i]
            for_weights.append(
                layer.run("backward", weights[i], maps[i], maps[i + 1], wanted, **gradients)
            )
        batches[0].run("pass_on", maps[0], upstream=gradient, y=gradient)
        of_normalizations = (part for batch in batches for part in batch.gradients)
        return gradient, None, None, *reversed(for_weights), *of_normalizations


def _sides(sides: Sequence[int], block: Any) -> tuple[int, int]:
    height, width = ((side - 1) // block.stride + 1 for side in sides)
    return height, width


class _Layer(ctypes.Structure):
    """That of layer.h, with its fields in the same order."""

    _fields_ = (
        ("before", ctypes.POINTER(Normalization)),
        ("after", ctypes.POINTER(Normalization)),
        *pointers("x", "weight", "y", "upstream", "for_x", "for_weight"),
        *((name, ctypes.c_int64) for name in ("batch", "height", "width")),
        *((name, ctypes.c_int64) for name in ("out_height", "out_width", "stride")),
        ("turned", ctypes.c_int),
        ("threads", ctypes.c_int),
    )
