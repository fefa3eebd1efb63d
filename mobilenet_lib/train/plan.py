"""How a network computes: the layout of its feature maps, and which kinds of layer use bf16.

Numbers of 16 bits halve what is moved and, where the processor multiplies them in hardware, double
what a GEMM does. But not every layer has fast code for them: on CPUs the backward pass of some
depthwise layers falls to a slow path. So a `Plan` names the kinds of layer that compute in bf16,
and whether depthwise layers take the way around; weights, their gradients and the optimizer stay in
fp32 always. On processors, `body` may take all layers between the first convolution and the
pool, by the book's own `kernels`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layer import Kind
from ..model import ConvBNReLU, MobileNet, kind, pad_turned
from . import kernels
from .body import body, takes_body
from .depthwise import depthwise

KINDS = get_args(Kind)
Way = Callable[[Any, Tensor, Tensor], Tensor]
"""A layer, its input and its weight, to its output."""


@dataclass(frozen=True)
class Plan:
    """How a step computes: the layout of feature maps, and the kinds of layer that use bf16."""

    channels_last: bool
    bf16: tuple[str, ...] = ()
    gemm: bool = False
    """Compute pointwise layers as the matrix products that they are, not as convolutions. In
    channels_last their input is that matrix already: (B · H · W, in_channels)."""
    rearranged: bool = False
    """Compute the gradients of depthwise layers as `depthwise` does, around the slow path."""
    kernels: bool = False
    """Take the book's own kernels for all layers between the first convolution and the pool, which
    then compute in fp32, or all in bf16. Where there are none, it is as without."""


PLANS = {
    "nchw-fp32": Plan(False),
    "fp32": Plan(True),
    "fp32-gemm": Plan(True, gemm=True),
    "rearranged-fp32": Plan(True, rearranged=True),
    "rearranged-fp32-gemm": Plan(True, gemm=True, rearranged=True),
    "kernels-fp32": Plan(True, rearranged=True, kernels=True),
    "pointwise-bf16": Plan(True, ("pointwise",)),
    "pointwise-bf16-gemm": Plan(True, ("pointwise",), gemm=True),
    "rearranged-bf16": Plan(True, KINDS, rearranged=True),
    "rearranged-bf16-gemm": Plan(True, KINDS, gemm=True, rearranged=True),
    "kernels-bf16-gemm": Plan(True, KINDS, gemm=True, rearranged=True, kernels=True),
    "bf16": Plan(True, KINDS),
}


def apply_plan(net: MobileNet, name: str) -> None:
    """Make a network compute by a plan, in place; its `state_dict` stays as it is.

    Where it can, it computes on maps turned by 180 degrees from now on (`pad_turned`). What comes
    out is what the network gave before.
    """
    plan = PLANS[name]
    layout = torch.channels_last if plan.channels_last else torch.contiguous_format
    net.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs lack this one
    ways: dict[str, Way] = {
        "standard": _convolution,
        "depthwise": _rearranged if plan.rearranged else _convolution,
        "pointwise": _product if plan.gemm else _convolution,
        "fc": _linear,
    }
    turned = pad_turned(net)
    for module in net.modules():
        if own := kind(module):
            dtype = torch.bfloat16 if own in plan.bf16 else torch.float32
            turns = turned and own in ("standard", "depthwise")
            own_forward = kernels.Planned(_compute, module, dtype, ways[own], turns)
            module.forward = own_forward  # type: ignore[method-assign]  # of this one only
        elif isinstance(module, nn.ReLU | nn.ReLU6):
            module.inplace = True  # BN's backward pass does not need its output
        elif type(module) is ConvBNReLU and plan.kernels:
            module.forward = kernels.Planned(_block, module)  # type: ignore[method-assign]
        elif type(module) is ConvBNReLU:
            vars(module).pop("forward", None)  # of a plan before this one
    vars(net).pop("_layers", None)
    if plan.kernels and type(net)._layers is MobileNet._layers:
        maps = torch.bfloat16 if plan.bf16 else torch.float32
        net._layers = functools.partial(_layers, net, maps)  # type: ignore[method-assign]


def _compute(module: Any, dtype: torch.dtype, way: Way, turns: bool, x: Tensor) -> Tensor:
    weight = module.weight.flip(2, 3) if turns else module.weight
    return way(module, x.to(dtype), weight.to(dtype))


def _block(block: ConvBNReLU, x: Tensor) -> Tensor:
    return kernels.normalize(block, block.conv(block.padded(x)))


def _layers(
    net: MobileNet, dtype: torch.dtype, x: Tensor, kept: dict[str, Tensor] | None
) -> Tensor:
    blocks: list[Any] = [net.get_submodule(layer.name) for layer in net.arch.layers[:-1]]
    first = blocks[0]
    if (
        kept is not None
        or kernels.seen()
        or type(first) is not ConvBNReLU
        or kernels.watched(first)
    ):
        return MobileNet._layers(net, x, kept)
    x = first.conv(first.padded(x))
    if takes_body(blocks, x, dtype):
        return body(blocks, x, net.turned)
    x = kernels.normalize(first, x)
    for block in blocks[1:]:
        x = block(x)
    return x


def _linear(module: nn.Linear, x: Tensor, weight: Tensor) -> Tensor:
    return F.linear(x, weight, module.bias.to(weight.dtype))


def _product(module: nn.Conv2d, x: Tensor, weight: Tensor) -> Tensor:
    rows = x.permute(0, 2, 3, 1)  # (B, H, W, in_channels), contiguous in channels_last
    return F.linear(rows, weight.flatten(1)).permute(0, 3, 1, 2)


def _rearranged(module: nn.Conv2d, x: Tensor, weight: Tensor) -> Tensor:
    return depthwise(x, weight, module.stride[0], int(module.padding[0]))


def _convolution(module: nn.Conv2d, x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(
        x, weight, module.bias, module.stride, module.padding, module.dilation, module.groups
    )


def to_layout(images: Tensor, name: str) -> Tensor:
    """Images in the layout that a plan computes in."""
    plan = PLANS[name]
    layout = torch.channels_last if plan.channels_last else torch.contiguous_format
    return images.contiguous(memory_format=layout)
