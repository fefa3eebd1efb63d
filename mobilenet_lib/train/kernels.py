"""A block's batch normalization with its ReLU, and its depthwise layer, by the book's own kernels.

Torch computes batch normalization and ReLU one after the other, and reads and writes the whole map
for each. In one function they need fewer passes: one for mean and variance, one that normalizes
and drops what is negative; and two for the gradients, where what ReLU dropped is told by the input,
which is kept anyway. What the kernels are not made for, torch computes as ever.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..model import ConvBNReLU
from . import native

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
SHARE = 2**15
"""Numbers that one thread takes at least, as in torch: to start another takes time, too."""
SIZES = ("batch", "height", "width", "out_height", "out_width", "channels", "stride")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _pointers(*names: str) -> tuple[tuple[str, type], ...]:
    return tuple((name, ctypes.c_void_p) for name in names)


def normalize(block: ConvBNReLU, x: Tensor) -> Tensor:
    """A block's batch normalization and ReLU of its convolution's output, in one if that can be."""
    bn, act = block.bn, block.act
    if not normalizes(bn, act, x):
        return act(bn(x))
    count = bn.get_buffer("num_batches_tracked").add_(1)
    momentum = 1 / int(count) if bn.momentum is None else bn.momentum
    limit = 6.0 if type(act) is nn.ReLU6 else math.inf
    statistics = (bn.running_mean, bn.running_var)
    return _Normalization.apply(x, bn.weight, bn.bias, *statistics, bn.eps, momentum, limit)


def normalizes(bn: nn.Module, act: nn.Module, x: Tensor) -> bool:
    """Whether the kernels can take a map through both: in training, and watched by no hook."""
    if torch.compiler.is_compiling():
        return False
    if type(bn) is not nn.BatchNorm2d or type(act) not in (nn.ReLU, nn.ReLU6):
        return False
    if any(getattr(module, hooks) for module in (bn, act) for hooks in HOOKS):
        return False
    own = (bn.weight, bn.bias, bn.running_mean, bn.running_var)
    return (
        bn.training
        and all(takes(part, torch.contiguous_format, (torch.float32,)) for part in own)
        and x.dim() == 4
        and x.numel() >= 2 * x.shape[1] > 0
        and takes(x, torch.channels_last, tuple(NAMES))
        and native.available()
    )


def takes(x: Tensor | None, layout: torch.memory_format, dtypes: tuple[torch.dtype, ...]) -> bool:
    """Whether a tensor's numbers lie in a processor's memory as the kernels read them."""
    return (
        isinstance(x, Tensor)
        and x.device.type == "cpu"
        and x.dtype in dtypes
        and x.is_contiguous(memory_format=layout)
        and not torch.compiler.is_compiling()
    )


class _Normalization(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: float,
        momentum: float,
        limit: float,
    ) -> Tensor:
        y, saved = torch.empty_like(x), x.new_empty(4, x.shape[1], dtype=torch.float32)
        parts = (y, weight, bias, mean, variance, saved)
        names = ("y", "weight", "bias", "running_mean", "running_variance", "saved")
        numbers = {"eps": eps, "momentum": momentum, "limit": limit}
        _normalization("forward", x, dict(zip(names, parts, strict=True)), numbers)
        ctx.save_for_backward(x, saved)
        ctx.limit = limit
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, saved = ctx.saved_tensors
        upstream = upstream.contiguous(memory_format=torch.channels_last)
        for_x = torch.empty_like(x)
        for_weight, for_bias = x.new_empty(2, x.shape[1], dtype=torch.float32)
        parts = {"upstream": upstream, "saved": saved, "for_x": for_x}
        parts |= {"for_weight": for_weight, "for_bias": for_bias}
        _normalization("backward", x, parts, {"limit": ctx.limit})
        return for_x, for_weight, for_bias, None, None, None, None, None


def _normalization(
    way: str, x: Tensor, parts: dict[str, Tensor], numbers: dict[str, float]
) -> None:
    sizes = {"rows": x.numel() // x.shape[1], "channels": x.shape[1]}
    call = Normalization(**_at(x=x, **parts), **numbers, **sizes, threads=_threads(x))
    getattr(native.library(), f"normalize_{way}_{NAMES[x.dtype]}")(ctypes.byref(call))


def depthwise_of(x: Tensor, weight: Tensor, stride: int, padding: int) -> bool:
    """Whether the kernels can compute a depthwise convolution: 3x3 in fp32, one zero around."""
    return (
        tuple(weight.shape[1:]) == (1, 3, 3)
        and stride in (1, 2)
        and padding == 1
        and x.numel() > 0
        and takes(x, torch.channels_last, (torch.float32,))
        and takes(weight, torch.contiguous_format, (torch.float32,))
        and native.available()
    )


def depthwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """A depthwise 3x3 convolution with one zero around; `depthwise_of` says where it can be."""
    return _Depthwise.apply(x, weight, stride)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        batch, channels, height, width = x.shape
        out = ((height - 1) // stride + 1, (width - 1) // stride + 1)
        sizes = (batch, height, width, *out, channels, stride)
        ctx.sizes = dict(zip(SIZES, sizes, strict=True))
        filters = weight.flatten(1).T.contiguous()  # (9, channels), as the kernels read them
        y = torch.empty(
            (batch, channels, *out),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last,
        )
        _depthwise("forward", ctx.sizes, x=x, weight=filters, y=y)
        ctx.save_for_backward(x, filters)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, filters = ctx.saved_tensors
        upstream = upstream.contiguous(memory_format=torch.channels_last)
        for_x = for_weight = None
        if ctx.needs_input_grad[0]:
            for_x = torch.empty_like(x)
            if ctx.sizes["stride"] == 1:  # the same convolution, with turned filters
                _depthwise("forward", ctx.sizes, x=upstream, weight=filters.flip(0), y=for_x)
            else:
                _depthwise("spread", ctx.sizes, upstream=upstream, weight=filters, for_x=for_x)
        if ctx.needs_input_grad[1]:
            sums = torch.empty_like(filters)
            _depthwise("filters", ctx.sizes, x=x, upstream=upstream, for_weight=sums)
            for_weight = sums.T.reshape(-1, 1, 3, 3)
        return for_x, for_weight, None


def _depthwise(way: str, sizes: dict[str, int], **parts: Tensor) -> None:
    most = max(parts.values(), key=Tensor.numel)
    call = Depthwise(**_at(**parts), **sizes, threads=_threads(most))
    getattr(native.library(), f"depthwise_{way}")(ctypes.byref(call))


# --- The structures of normalize.cpp and depthwise.cpp, with their fields in the same order ---


class Normalization(ctypes.Structure):
    """What its functions of that name take."""

    _fields_ = (
        *_pointers("x", "upstream", "y", "for_x", "weight", "bias", "running_mean"),
        *_pointers("running_variance", "saved", "for_weight", "for_bias"),
        ("eps", ctypes.c_double),
        ("momentum", ctypes.c_double),
        ("rows", ctypes.c_int64),
        ("channels", ctypes.c_int64),
        ("limit", ctypes.c_float),
        ("threads", ctypes.c_int),
    )


class Depthwise(ctypes.Structure):
    """What its functions of that name take."""

    _fields_ = (
        *_pointers("x", "weight", "upstream", "y", "for_x", "for_weight"),
        *((name, ctypes.c_int64) for name in SIZES),
        ("threads", ctypes.c_int),
    )


def _at(**parts: Tensor) -> dict[str, int]:
    """Where the numbers of tensors lie. They must have a name, or they could be gone by then."""
    return {name: part.data_ptr() for name, part in parts.items()}


def _threads(x: Tensor) -> int:
    return min(torch.get_num_threads(), 1 + x.numel() // SHARE)
