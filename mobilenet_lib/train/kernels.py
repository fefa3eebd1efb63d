"""Batch normalization with its ReLU by the book's own kernels: normalize.cpp, called from Python.

Torch computes batch normalization and ReLU one after the other, and reads and writes the whole map
for each. In one function they need fewer passes: one for mean and variance, one that normalizes
and drops what is negative; and two for the gradients, where what ReLU dropped is told by the input,
which is kept anyway. What the kernels are not made for, torch computes as ever.
"""

from __future__ import annotations

import ctypes
import functools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.module import _has_any_global_hook
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from ..model import ConvBNReLU
from . import native

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
SHARE = 2**15
"""Numbers that one thread takes at least, as in torch: to start another takes time, too."""
FP32: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}
"""Of what the kernels write, whatever a program's defaults are."""
COLUMNS = 8
"""Numbers that the kernels keep of each channel: its mean, its scale, ...; and two gradients."""


def normalize(block: ConvBNReLU, x: Tensor) -> Tensor:
    """A block's batch normalization and ReLU of its convolution's output, in one if that can be."""
    if not normalizes(block, x):
        return block.act(block.bn(x))
    return _Normalize.apply(x, block.bn.weight, block.bn.bias, Batch(block, x))


def normalizes(block: nn.Module, x: Tensor) -> bool:
    """Whether the kernels can take a convolution's output through its block's normalization."""
    return takes(x, tuple(NAMES)) and x.numel() >= 2 * x.shape[1] and knows(block, x.shape[1])


def knows(block: Any, channels: int) -> bool:
    """Whether a block normalizes as the kernels do: in training, by its batch, with ReLU."""
    if type(block) is not ConvBNReLU:
        return False
    bn, act = block.bn, block.act
    own: tuple[Any, ...] = (bn.weight, bn.bias, bn.running_mean, bn.running_var)
    return (
        type(bn) is nn.BatchNorm2d
        and type(act) in (nn.ReLU, nn.ReLU6)
        and bn.training
        and bn.track_running_stats
        and all(laid_out(part, torch.contiguous_format, (torch.float32,)) for part in own)
        and all(part.shape == (channels,) for part in own)
        and not (watched(bn) or watched(act))
        and native.available()
    )


class Planned(functools.partial[Tensor]):
    """What a plan has a module compute, in place of its `forward`."""


def watched(module: nn.Module) -> bool:
    """Whether somebody has a say in what is called when the module is, or looks on."""
    return bool(
        not isinstance(vars(module).get("forward"), Planned | None)
        or module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def seen() -> bool:
    """Whether somebody is to see every module or operation: a compiler, a hook, a counter."""
    tracing = torch.compiler.is_compiling() or is_in_torch_dispatch_mode()
    return tracing or bool(_has_any_global_hook())


def takes(x: Tensor, dtypes: tuple[torch.dtype, ...]) -> bool:
    """Whether a tensor is a map as the kernels read it."""
    if seen() or x.dim() != 4 or not x.numel():
        return False
    return laid_out(x, torch.channels_last, dtypes)


def laid_out(x: Any, layout: torch.memory_format, dtypes: tuple[torch.dtype, ...]) -> bool:
    """Whether this is a tensor whose numbers lie in a processor's memory in this layout."""
    return (
        type(x) in (Tensor, nn.Parameter)  # another class may keep its numbers elsewhere
        and x.device.type == "cpu"
        and x.dtype in dtypes
        and x.is_contiguous(memory_format=layout)
    )


class Batch:
    """What the kernels are told of a block's batch normalization, and what they learn of a batch.

    Parameters
    ----------
    block
        Its count of batches goes up, and the kernels move its running statistics.
    x
        (B, channels, H, W), the output of its convolution, also if it is not computed yet.
    """

    def __init__(self, block: ConvBNReLU, x: Tensor) -> None:
        bn: Any = block.bn
        channels, count = x.shape[1], bn.num_batches_tracked.add_(1)
        momentum = 1 / int(count) if bn.momentum is None else bn.momentum
        limit = 6.0 if type(block.act) is nn.ReLU6 else math.inf
        self.table = torch.empty(COLUMNS, channels, **FP32)
        self.parts = (bn.weight, bn.bias, bn.running_mean, bn.running_var, self.table)
        numbers = (part.data_ptr() for part in self.parts)  # which stay, as long as this does
        rows = x.numel() // channels
        self.told = Normalization(*numbers, bn.eps, momentum, rows, channels, limit)

    @property
    def gradients(self) -> Tensor:
        """Of the weight and the bias, (2, channels), since "gather" or a layer's "backward"."""
        return self.table[-2:].clone()  # the next one writes over them

    def run(self, way: str, x: Tensor, **parts: Tensor) -> None:
        """A pass over a map: "measure" and "apply", "gather" and "pass_on" for the gradients."""
        told = Pass(ctypes.pointer(self.told), **addresses(x=x, **parts), threads=team(x))
        getattr(native.library(), f"{way}_{NAMES[x.dtype]}")(ctypes.byref(told))


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, batch: Batch) -> Tensor:
        batch.run("measure", x)
        y = torch.empty_like(x)
        batch.run("apply", x, y=y)
        ctx.save_for_backward(x)
        ctx.batch = batch
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (x,), batch = ctx.saved_tensors, ctx.batch
        x = x.contiguous(memory_format=torch.channels_last)  # wherever it was kept
        upstream = upstream.contiguous(memory_format=torch.channels_last)
        batch.run("gather", x, upstream=upstream)
        for_x = torch.empty_like(x)
        batch.run("pass_on", x, upstream=upstream, y=for_x)
        return for_x, *batch.gradients, None


# --- The structures of normalize.h and normalize.cpp, with their fields in the same order ---------


def pointers(*names: str) -> tuple[tuple[str, type], ...]:
    """Fields of a structure that are addresses."""
    return tuple((name, ctypes.c_void_p) for name in names)


class Normalization(ctypes.Structure):
    """What all kernels take of a normalization."""

    _fields_ = (
        *pointers("weight", "bias", "running_mean", "running_variance", "table"),
        ("eps", ctypes.c_double),
        ("momentum", ctypes.c_double),
        ("rows", ctypes.c_int64),
        ("channels", ctypes.c_int64),
        ("limit", ctypes.c_float),
    )


class Pass(ctypes.Structure):
    """What normalize.cpp's functions take."""

    _fields_ = (
        ("own", ctypes.POINTER(Normalization)),
        *pointers("x", "upstream", "y"),
        ("threads", ctypes.c_int),
    )


def addresses(**parts: Tensor) -> dict[str, int]:
    """Where the numbers of tensors lie. They must have a name, or they could be gone by then."""
    return {name: part.data_ptr() for name, part in parts.items()}


def team(x: Tensor) -> int:
    """How many threads a map is worth."""
    return min(torch.get_num_threads(), 1 + x.numel() // SHARE)
