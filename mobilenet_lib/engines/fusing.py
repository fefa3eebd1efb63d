"""A folded MobileNet in fewer passes over its feature maps: the same function, rearranged.

Of many images, the maps are larger than caches, and what is computed waits for memory: its time is
the number of passes, and padding, a bias or a ReLU may each be one more. Every rearrangement
computes the same, up to rounding:

- On maps turned by 180 degrees, a convolution pads by itself (`model.pad_turned`), and what only
  one layer reads, ReLU may write over.
- A pointwise layer is a matrix product, and a GPU's libraries add a bias and apply ReLU before they
  write a number.
- A depthwise layer needs no bias: relu(z + b) = max(z, -b) + b, and the last b, the same for all
  pixels of a channel, goes through the pointwise layer that follows into its bias,
  W (m + b) + c = W m + (W b + c). For ReLU6 the limits are -b and 6 - b.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..model import ConvBNReLU, MobileNet, pad_turned
from .folding import exactly


def without_copies(folded: nn.Module) -> nn.Module:
    """A folded MobileNet that copies no map, neither to pad nor for ReLU; changed in place.

    Networks of other libraries are left as they are.
    """
    if not isinstance(folded, MobileNet):
        return folded
    for part in folded.modules():
        if isinstance(part, nn.ReLU | nn.ReLU6):
            part.inplace = True
    if not folded.turned and pad_turned(folded):
        for part in folded.modules():
            if isinstance(part, nn.Conv2d):
                part.weight = nn.Parameter(part.weight.flip(2, 3), requires_grad=False)
    return folded


def fuse(folded: nn.Module) -> nn.Module:
    """`without_copies`, with bias and ReLU in as few passes as a GPU has functions for, too.

    On a CPU it is slower: there a matrix product takes no ReLU with it.
    """
    net = without_copies(folded)
    if not isinstance(net, MobileNet):
        return net
    blocks = {layer: net.get_submodule(layer.name) for layer in net.arch.layers[:-1]}
    for block in blocks.values():  # somebody may have put in layers of their own
        if type(block) is not ConvBNReLU or type(block.act) not in (nn.ReLU, nn.ReLU6):
            return net
    shift: Tensor | None = None  # what the maps lack in each channel
    for layer, block in blocks.items():
        assert isinstance(block, ConvBNReLU)
        if layer.kind == "pointwise":
            net.add_module(layer.name, _Pointwise(block, shift))
            shift = None
        elif layer.kind == "depthwise":  # a pointwise layer follows each
            fused = _Depthwise(block)
            net.add_module(layer.name, fused)
            shift = -fused.low.flatten()
    return net


class _Pointwise(nn.Module):
    """A pointwise layer with bias and ReLU, of maps that lack `shift` in each channel."""

    weight: Tensor
    bias: Tensor

    def __init__(self, block: ConvBNReLU, shift: Tensor | None) -> None:
        super().__init__()
        weight, bias = block.conv.weight.flatten(1), block.conv.bias
        assert bias is not None
        if shift is not None:
            bias = (exactly(bias) + exactly(weight) @ exactly(shift)).to(bias)
        self.most = limit(block)
        self.register_buffer("weight", weight.T.contiguous())  # (in_channels, out_channels)
        self.register_buffer("bias", bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        images, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(-1, channels)  # the same numbers in channels_last
        product = torch._addmm_activation(self.bias, rows, self.weight)
        if self.most is not None:
            product.clamp_(max=self.most)
        return product.view(images, height, width, -1).permute(0, 3, 1, 2)


class _Depthwise(nn.Module):
    """A depthwise layer and its ReLU without the bias, which its output lacks."""

    low: Tensor

    def __init__(self, block: ConvBNReLU) -> None:
        super().__init__()
        assert block.conv.bias is not None
        bias = block.conv.bias.detach().view(1, -1, 1, 1)
        most = limit(block)
        self.block = block
        block.conv.bias = None
        self.register_buffer("low", -bias)
        high = None if most is None else most - bias
        self.register_buffer("high", high, persistent=False)  # no number of its own

    def forward(self, x: Tensor) -> Tensor:
        return self.block.conv(self.block.padded(x)).clamp_(self.low, self.high)


def limit(block: ConvBNReLU) -> float | None:
    """The largest number that a block's ReLU lets pass; None: any."""
    return 6.0 if isinstance(block.act, nn.ReLU6) else None
