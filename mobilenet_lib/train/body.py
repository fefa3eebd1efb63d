"""All layers between the first convolution and the pool in one function, by the book's own kernels.

Layer by layer, a step writes each map twice, as a convolution gives it and as batch normalization
and ReLU make it, and reads them again and again. Here a layer normalizes its input while it reads
it, and gathers the next normalization's sums while its output is at hand (depthwise.cpp and
pointwise.cpp, on processors). So only what convolutions give is written and kept: half of the maps,
and fewer passes over them. Backward it is the same: a layer makes the gradient of its output from
the gradient of what was normalized. In bf16, pointwise layers are torch's matrix products, with
passes around them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..model import ConvBNReLU
from . import native
from .kernels import (
    NAMES,
    Batch,
    Normalization,
    addresses,
    knows,
    laid_out,
    pointers,
    takes,
    team,
    watched,
)

OTHERS = 4
"""Arguments before the parameters: x, and three that have no gradient."""
NONE = (None,) * (OTHERS - 1)


def body(blocks: Sequence[ConvBNReLU], x: Tensor, turned: bool) -> Tensor:
    """From the output of the first block's convolution to that of the last block.

    Parameters
    ----------
    blocks
        As `takes_body` demands.
    x
        (B, channels, H, W), in channels_last: fp32, or bf16, which all maps have then.
    turned
        Whether filters are to be turned by 180 degrees, as on maps of a network that is `turned`.
    """
    of_convolutions = (block.conv.weight for block in blocks[1:])
    of_normalizations = (part for block in blocks for part in (block.bn.weight, block.bn.bias))
    kept = torch.is_grad_enabled()
    return _Body.apply(x, blocks, turned, kept, *of_convolutions, *of_normalizations)


def takes_body(blocks: Sequence[Any], x: Tensor, dtype: torch.dtype) -> bool:
    """Whether `body` computes what these blocks do with the output of the first's convolution.

    Which must be of this dtype: that of all layers' maps.
    """
    if not takes(x, (dtype,)):
        return False
    channels, height, width = x.shape[1:]
    for i, block in enumerate(blocks):
        if i and not fits(block, channels):
            return False
        channels = block.conv.weight.shape[0] if i else channels
        if not knows(block, channels) or watched(block):
            return False
        height, width = _sides((height, width), block) if i else (height, width)
    return len(x) * height * width >= 2  # one pixel alone has no variance


def fits(block: Any, channels: int) -> bool:
    """Whether a block's convolution is one of the kernels': depthwise 3x3, or pointwise."""
    if type(block) is not ConvBNReLU or type(block.conv) is not nn.Conv2d:
        return False
    conv = block.conv
    depthwise = conv.groups == channels and conv.weight.shape == (channels, 1, 3, 3)
    pointwise = conv.groups == 1 and conv.weight.shape[1:] == (channels, 1, 1)
    return (
        (depthwise or pointwise)
        and conv.stride in (((1, 1), (2, 2)) if depthwise else ((1, 1),))
        and conv.stride == (block.stride, block.stride)
        and conv.padding == ((1, 1) if depthwise else (0, 0))
        and conv.padding_mode == "zeros"
        and conv.dilation == (1, 1)
        and conv.bias is None
        and not block.pads
        and not watched(conv)
        and laid_out(conv.weight, torch.contiguous_format, (torch.float32,))
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
        if weight.shape[2] == 1 and x.dtype == torch.bfloat16:
            return self._multiply(weight, x, y, wanted, **maps)
        parts = {"weight": weight, "x": x, "y": y, **maps}
        if wanted:
            parts["for_weight"] = torch.empty_like(weight)
        batches = (ctypes.pointer(batch.told) for batch in (self.before, self.after))
        told = _Layer(*batches, **addresses(**parts), stride=self.stride, turned=self.turned)
        told.batch, _, told.height, told.width = x.shape
        told.out_height, told.out_width = y.shape[2:]
        told.threads = max(team(x), team(y))
        name = "depthwise" if weight.shape[2] > 1 else "pointwise"
        getattr(native.library(), f"{name}_{way}_{NAMES[x.dtype]}")(ctypes.byref(told))
        return parts.get("for_weight")

    def _multiply(
        self,
        weight: Tensor,
        x: Tensor,
        y: Tensor,
        wanted: bool,
        upstream: Tensor | None = None,
        for_x: Tensor | None = None,
    ) -> Tensor | None:
        """A pointwise layer by torch's matrix products, of which those in bf16 are fast."""
        rounded = weight.to(x.dtype).flatten(1)
        normalized = torch.empty_like(x)
        if upstream is None or for_x is None:
            self.before.run("apply", x, y=normalized)
            torch.mm(_rows(normalized), rounded.T, out=_rows(y))
            self.after.run("measure", y)
            return None
        self.after.run("pass_on", y, upstream=upstream, y=upstream)
        torch.mm(_rows(upstream), rounded, out=_rows(for_x))
        self.before.run("gather", x, upstream=for_x)
        if not wanted:
            return None
        self.before.run("apply", x, y=normalized)
        return torch.mm(_rows(upstream).T, _rows(normalized)).to(weight.dtype).view_as(weight)


def _rows(x: Tensor) -> Tensor:
    """A map in channels_last as the matrix that it is, (B · H · W, channels)."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


class _Body(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        blocks: Sequence[ConvBNReLU],
        turned: bool,
        kept: bool,
        *parameters: Tensor,
    ) -> Tensor:
        batch = Batch(blocks[0], x)
        batch.run("measure", x)
        maps, weights = [x], parameters[: len(blocks) - 1]
        layers: list[_Convolution] = []
        for block, weight in zip(blocks[1:], weights, strict=True):
            shape = (len(x), len(weight), *_sides(x.shape[2:], block))
            y = torch.empty(
                shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last
            )
            layers.append(_Convolution(batch, Batch(block, y), block.stride, turned))
            layers[-1].run("forward", weight, x, y)
            x, batch = y, layers[-1].after
            if kept:
                maps.append(x)
        y = torch.empty_like(x)
        batch.run("apply", x, y=y)
        if kept:
            ctx.save_for_backward(*maps, *weights)
            ctx.batches = [*(layer.before for layer in layers), batch]
            ctx.layers = layers
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        layers, batches, count = ctx.layers, ctx.batches, len(ctx.batches)
        saved = ctx.saved_tensors  # wherever they were kept: the kernels know one layout
        maps = [x.contiguous(memory_format=torch.channels_last) for x in saved[:count]]
        weights = [weight.contiguous() for weight in saved[count:]]
        gradient = torch.empty_like(maps[-1]).copy_(upstream)  # layers write over theirs
        batches[-1].run("gather", maps[-1], upstream=gradient)
        for_weights: list[Tensor | None] = []
        for i in reversed(range(count - 1)):
            x, y = maps[i : i + 2]
            for_x, wanted = torch.empty_like(x), ctx.needs_input_grad[OTHERS + i]
            own = layers[i].run(
                "backward", weights[i], x, y, wanted, upstream=gradient, for_x=for_x
            )
            for_weights.append(own)
            gradient = for_x
        if ctx.needs_input_grad[0]:
            batches[0].run("pass_on", maps[0], upstream=gradient, y=gradient)
        of_normalizations = (part for batch in batches for part in batch.gradients)
        return gradient, *NONE, *reversed(for_weights), *of_normalizations


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
