"""A folded MobileNet in fewer passes over its feature maps: the same function, rearranged.

Of many images, the maps are larger than caches, and what is computed waits for memory: its time is
the number of passes, and padding, a bias or a ReLU may each be one more.

- On maps turned by 180 degrees, a convolution pads by itself (`model.pad_turned`), and what only
  one layer reads, ReLU may write over.
- A GPU can add a bias and apply ReLU before it writes a number: cuDNN does so for pointwise and
  standard layers, `depthwise_kernel` for depthwise ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..model import ConvBNReLU, MobileNet, pad_turned


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
    """`without_copies`, with bias and ReLU in one kernel with their layer, on NVIDIA GPUs.

    Elsewhere, and where somebody has put in layers of their own, they stay apart.
    """
    net = without_copies(folded)
    if isinstance(net, MobileNet):
        for layer in net.arch.layers[:-1]:
            block = net.get_submodule(layer.name)
            if type(block) is ConvBNReLU and type(block.act) in (nn.ReLU, nn.ReLU6):
                net.add_module(layer.name, Fused(block))
    return net


class Fused(nn.Module):
    """A folded layer, its bias and ReLU."""

    taps: Tensor | None
    """The filters of a depthwise layer, as its kernel takes them; None of any other layer."""

    def __init__(self, block: ConvBNReLU) -> None:
        super().__init__()
        self.block = block
        self.most = 6.0 if isinstance(block.act, nn.ReLU6) else None
        conv, weight = block.conv, block.conv.weight.detach()
        for_kernel = (
            weight.shape[1:] == (1, 3, 3)
            and conv.groups == len(weight) > 1
            and conv.stride in ((1, 1), (2, 2))
            and conv.padding in ((0, 0), (1, 1))
            and conv.dilation == (1, 1)
        )
        taps = weight.flatten(1).T.contiguous() if for_kernel else None
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, ., .), both in channels_last."""
        conv, bias = self.block.conv, self.block.conv.bias
        assert bias is not None
        assert not isinstance(conv.padding, str)
        if not on_nvidia(x):
            return self.block(x)
        stride, padding = conv.stride, conv.padding
        if self.taps is None:
            x = self.block.padded(x)
            y = torch.cudnn_convolution_relu(
                x, conv.weight, bias, stride, padding, conv.dilation, conv.groups
            )
            return y if self.most is None else y.clamp_(max=self.most)
        depthwise = depthwise_kernel()
        if depthwise is None:
            return self.block(x)
        x = self.block.padded(x)
        return depthwise(x, self.taps, bias, stride[0], padding[0], self.most)


def on_nvidia(x: Tensor) -> bool:
    """Whether a tensor is on an NVIDIA GPU; torch's build for AMD calls its own "cuda", too."""
    return x.is_cuda and torch.version.cuda is not None


@functools.cache
def depthwise_kernel() -> Callable[..., Tensor] | None:
    """`depthwise_relu`, where Triton and the C compiler that it calls are; tried once."""
    try:
        from .depthwise_kernel import depthwise_relu

        x, taps, bias = torch.zeros(11, 16, device="cuda").split((1, 9, 1))
        depthwise_relu(x.view(1, 16, 1, 1), taps, bias[0], 1, 1, None)
    except Exception:  # whatever it lacks here: the layers take several passes instead
        return None
    return depthwise_relu
