"""The complete MobileNet V1 as a torch module, built from an `Architecture`.

>>> from mobilenet_lib import mobilenet_v1
>>> net = MobileNet(mobilenet_v1(alpha=0.25, resolution=96, num_classes=10))
>>> net(torch.zeros(1, 3, 96, 96)).shape
torch.Size([1, 10])

What the paper leaves open, a `Convention` says.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import Architecture, Layer
from .convention import MAX_SHIFT, PAPER, Convention, Head, check_head, check_layers
from .layer import Kind
from .preprocess import Preprocess
from .validation import check_number


class MobileNet(nn.Module):
    """MobileNet V1 with any body, width and resolution of `mobilenet_v1`.

    The input is (B, 3, H, W) float; the output is (B, num_classes) logits, or (B, channels) pooled
    features where `arch.num_classes` is 0. H and W may differ from `arch.resolution`, since the
    average pool takes whatever is left. `state_dict` names follow the layers: "conv_0.conv.weight",
    "dw_1.bn.running_mean", "fc.bias".

    Parameters
    ----------
    arch
        What to build, from `mobilenet_v1` or `Convention.architecture`.
    convention
        How to settle what the paper leaves open: PAPER, TF_SLIM, KERAS, TIMM or your own.
    head
        What the outputs are: "softmax", logits of classes that exclude each other; "sigmoid",
        logits of classes that are each there or not, also a single one; "features", of a network
        without classifier. None: what goes with `arch.num_classes`.
    bn_shift
        Where BN's beta starts, in all layers but the last. At 0, as usual, each ReLU drops half of
        what it gets, and what tells two images apart is lost within 27 layers; at 1 most of it
        passes, and learning starts hundreds of steps earlier. Loaded weights replace it.

    Attributes
    ----------
    preprocess, classes, source
        From a photo to the input, the name of each output, and where the weights are from; None
        until `load_published`, or the code that trained the network, sets them.
    turned
        Whether it computes on maps turned by 180 degrees, as `pad_turned` has it.

    Raises
    ------
    ValueError
        The convention would give a layer of `arch` another width or size, or the head does not go
        with the number of outputs.
    """

    def __init__(
        self,
        arch: Architecture,
        convention: Convention = PAPER,
        head: Head | None = None,
        bn_shift: float = 0.0,
    ) -> None:
        super().__init__()
        check_layers(arch, convention)
        self.arch, self.convention = arch, convention
        self.turned = False
        self.bn_shift = check_number("bn_shift", bn_shift, 0, MAX_SHIFT)
        self.head = check_head(head, arch.num_classes)
        self.preprocess: Preprocess | None = None
        self.classes: tuple[str, ...] | None = None
        self.source: dict[str, Any] | None = None
        for layer in arch.layers[:-1]:
            self.add_module(layer.name, ConvBNReLU(layer, convention))
        self.dropout = nn.Dropout(convention.dropout)
        last = arch.layers[-1]
        if self.head != "features":
            self.fc = nn.Linear(last.in_channels, last.out_channels)
        self.reset_parameters()

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        # Weights alone do not say which ReLU they are for. torch keeps this beside them, also
        # through torch.save and wrappers such as AveragedModel; `load_published` reads it.
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if hasattr(destination, "_metadata"):
            told: dict[str, Any] = {"convention": asdict(self.convention), "head": self.head}
            if self.arch.drop_stride != "none":  # no shape of a weight tells
                told["drop_stride"] = self.arch.drop_stride
            destination._metadata[prefix[:-1]]["mobilenet_lib"] = told

    def reset_parameters(self) -> None:
        """Draw fresh weights: He normal over each filter's fan out, BN at 1 and `bn_shift`.

        The last BN's beta starts at 0, as the classifier's bias does. Every draw comes from torch's
        global generator; call `torch.manual_seed` first.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.out_channels // module.groups * math.prod(module.kernel_size)
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
                nn.init.constant_(module.bias, self.bn_shift)
        last = self.get_submodule(self.arch.layers[-2].name)
        assert isinstance(last, ConvBNReLU)
        nn.init.zeros_(last.bn.bias)
        if self.head != "features":
            nn.init.normal_(self.fc.weight, std=0.01)
            nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, num_classes), of input (B, 3, H, W); features (B, channels) without head."""
        return self._run(x, None)

    @torch.jit.unused
    def probabilities(self, logits: Tensor) -> Tensor:
        """What the outputs say, 0 to 1: (B, num_classes) of the logits that `forward` gives.

        With a "softmax" head a row adds up to 1; with a "sigmoid" head each number is a class's
        own.

        Raises
        ------
        ValueError
            The network has no classifier.
        """
        if self.head == "features":
            raise ValueError(
                "the network has no classifier: its outputs are features, not classes. Load "
                "weights that have one, or train a head on the features"
            )
        return logits.softmax(1) if self.head == "softmax" else logits.sigmoid()

    @torch.jit.unused
    def feature_maps(self, x: Tensor, names: Collection[str] | None = None) -> dict[str, Tensor]:
        """Outputs of the layers called `names` (all if None), by name, in the network's order.

        Convolutional layers give (B, out_channels, out_size, out_size) after BN and ReLU; "fc" the
        logits, or the pooled features of a network without classifier.

        Raises
        ------
        KeyError
            A name that no layer has.
        """
        wanted = {layer.name for layer in self.arch.layers} if names is None else set(names)
        for name in wanted:
            self.arch.layer(name)
        kept: dict[str, Tensor] = {}
        logits = self._run(x, kept)
        kept["fc"] = logits
        return {name: feature for name, feature in kept.items() if name in wanted}

    def _run(self, x: Tensor, kept: dict[str, Tensor] | None) -> Tensor:
        if x.dim() != 4 or x.shape[1] != 3:
            raise ValueError(
                f"the network takes a batch of RGB images, (B, 3, H, W); got {tuple(x.shape)}"
            )
        x = self._layers(x.flip(2, 3) if self.turned else x, kept)
        x = x.mean(dim=(2, 3))  # average pool: (B, in_channels of fc)
        return x if self.head == "features" else self.fc(self.dropout(x))

    def _layers(self, x: Tensor, kept: dict[str, Tensor] | None) -> Tensor:
        """All convolutional layers, from the image to the last map; a plan may do it otherwise."""
        for layer in self.arch.layers[:-1]:
            x = self.get_submodule(layer.name)(x)  # (B, out_channels, out_size, out_size)
            if kept is not None:
                kept[layer.name] = x.flip(2, 3) if self.turned else x
        return x


class ConvBNReLU(nn.Module):
    """One row of Table 1: a convolution, batch normalization and ReLU (Figure 3)."""

    def __init__(self, layer: Layer, convention: Convention) -> None:
        super().__init__()
        half = layer.kernel_size // 2
        # Paddings differ only where the stride skips pixels; elsewhere the convolution pads by
        # itself, which is faster than a padded copy. `pad_turned` does without any.
        self.pads = convention.padding != "symmetric" and layer.stride > 1
        self.one_after = convention.padding == "keras" and layer.kind == "depthwise"
        self.kernel_size, self.stride = layer.kernel_size, layer.stride
        self.conv = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            padding=0 if self.pads else half,
            groups=layer.in_channels if layer.kind == "depthwise" else 1,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(
            layer.out_channels, eps=convention.bn_eps, momentum=convention.bn_momentum
        )
        self.act = nn.ReLU6() if convention.activation == "relu6" else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, ceil(H / stride), ceil(W / stride)).

        Rounded down, not up, where Keras' depthwise layers skip pixels.
        """
        return self.act(self.bn(self.conv(self.padded(x))))

    def padded(self, x: Tensor) -> Tensor:
        """The input with those zeros that the convolution does not add by itself."""
        if not self.pads:
            return x
        left, right = self._zeros(x.shape[3])
        top, bottom = self._zeros(x.shape[2])
        return F.pad(x, (left, right, top, bottom))

    def _zeros(self, size: int) -> tuple[int, int]:
        if self.one_after:
            return 0, 1
        # cost.same_padding without its checks and its max(): plain arithmetic that also holds for
        # the symbolic sizes of torch.compile and torch.export. k >= stride keeps it from going
        # below 0.
        total = (size - 1) // self.stride * self.stride + self.kernel_size - size
        return total // 2, total - total // 2


def kind(module: nn.Module) -> Kind | None:
    """What a MobileNet would call a layer; None if it is no convolution and not fully connected."""
    if isinstance(module, nn.Linear):
        return "fc"
    if not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return None
    if module.groups == module.in_channels > 1:
        return "depthwise"
    return "pointwise" if set(module.kernel_size) == {1} else "standard"


def pad_turned(net: MobileNet) -> bool:
    """Have a network compute on maps turned by 180 degrees, so that it pads without copying them.

    On an even size and with stride 2, "same" puts its one zero after a map: no convolution of torch
    pads so, and a padded copy takes time. On a turned map that zero comes before, and "symmetric"
    computes the same, since no filter reaches its zero after the map. So the network turns its
    images, the caller its filters, (.., k, k), and the outputs stay the same.

    Parameters
    ----------
    net
        Changed in place, but for its filters.

    Returns
    -------
    bool
        Whether it wants turned filters from now on. Not where no layer copies its map, where one
        has the padding "keras", or where the network is not put together as `MobileNet` does it.
    """
    methods = ("forward", "_run", "_layers")
    own = all(getattr(type(net), name) is getattr(MobileNet, name) for name in methods)
    blocks = [net.get_submodule(layer.name) for layer in net.arch.layers[:-1]] if own else []
    strided = []
    for block in blocks:
        if type(block) is not ConvBNReLU or block.conv.stride != (block.stride,) * 2:
            return False
        if block.stride > 1:
            strided.append(block)
    if not strided or not all(block.pads and not block.one_after for block in strided):
        return net.turned
    for block in strided:
        block.pads = False
        block.conv.padding = (block.kernel_size // 2,) * 2
    net.turned = True
    return True
