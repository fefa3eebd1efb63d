"""The complete MobileNet V1 as a torch module, built from an `Architecture`.

>>> net = MobileNet(mobilenet_v1(alpha=0.25, resolution=96, num_classes=10))
>>> net(torch.zeros(1, 3, 96, 96)).shape
torch.Size([1, 10])

The paper leaves details open that decide whether somebody else's weights work: which ReLU, how
stride-2 layers are padded, batch normalization's epsilon. A `Convention` says how one
implementation settled them; facts and sources are in `data/paper/README.md`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import WIDTH_RULES, Architecture, Layer, Rounding, WidthRule, mobilenet_v1
from .preprocess import Preprocess
from .validation import check_choice, check_int, check_number, check_positive, check_share

Head = Literal["softmax", "sigmoid", "features"]
Padding = Literal["same", "symmetric", "keras"]
MAX_SHIFT = 5.0
"""Beyond it no ReLU ever drops anything, and the network is linear."""
HEADS: tuple[Head, ...] = ("softmax", "sigmoid", "features")
PADDINGS: tuple[Padding, ...] = ("same", "symmetric", "keras")


@dataclass(frozen=True)
class Convention:
    """What one implementation of MobileNet V1 does where the paper leaves it open."""

    name: str
    activation: Literal["relu", "relu6"]
    padding: Padding
    """"same" is TensorFlow's: an odd zero goes after. "symmetric" puts one zero on every side.
    "keras" is "same", but one zero after in depthwise layers with stride 2, whatever the size."""
    bn_eps: float
    bn_momentum: float
    """torch's meaning: the share of the *new* batch. TensorFlow's decay 0.9997 is 0.0003 here."""
    width_rule: WidthRule
    num_classes: int
    """Classes of the published ImageNet weights; 1001 when class 0 is "background"."""
    dropout: float
    """Probability of *dropping* a feature before the classifier while training."""

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ("relu", "relu6"))
        check_choice("padding", self.padding, PADDINGS)
        check_positive("bn_eps", self.bn_eps, 1)
        check_positive("bn_momentum", self.bn_momentum, 1)
        check_int("num_classes", self.num_classes, 1)
        check_share("dropout", self.dropout)
        check_choice("width_rule", self.width_rule, WIDTH_RULES)

    def architecture(self, num_classes: int | None = None, **options: Any) -> Architecture:
        """`mobilenet_v1` with this convention's width rule, rounding and number of classes."""
        classes = self.num_classes if num_classes is None else num_classes
        return mobilenet_v1(
            num_classes=classes, width_rule=self.width_rule, rounding=self.rounding, **options
        )

    @property
    def rounding(self) -> Rounding:
        """How many pixels are left of an odd map, for `mobilenet_v1`."""
        return "keras" if self.padding == "keras" else "up"


# The paper says ReLU and little else; where it is silent, PAPER follows its authors' tf-slim code.
PAPER = Convention("paper", "relu", "same", 1e-3, 3e-4, "paper", 1000, 0.0)
TF_SLIM = Convention("tf-slim", "relu6", "same", 1e-3, 3e-4, "min8", 1001, 0.001)
# Keras' padding is SAME for every even map, so at any resolution divisible by 32.
KERAS = Convention("keras", "relu6", "keras", 1e-3, 0.01, "paper", 1000, 0.001)
TIMM = Convention("timm", "relu6", "symmetric", 1e-5, 0.1, "divisible8", 1000, 0.0)


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
        _check_layers(arch, convention)
        self.arch, self.convention = arch, convention
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
        for layer in self.arch.layers[:-1]:
            x = self.get_submodule(layer.name)(x)  # (B, out_channels, out_size, out_size)
            if kept is not None:
                kept[layer.name] = x
        x = x.mean(dim=(2, 3))  # average pool: (B, in_channels of fc)
        return x if self.head == "features" else self.fc(self.dropout(x))


class ConvBNReLU(nn.Module):
    """One row of Table 1: a convolution, batch normalization and ReLU (Figure 3)."""

    def __init__(self, layer: Layer, convention: Convention) -> None:
        super().__init__()
        half = layer.kernel_size // 2
        # Paddings differ only where the stride skips pixels; elsewhere the convolution pads by
        # itself, which is faster than a padded copy.
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
        if self.pads:
            left, right = self._zeros(x.shape[3])
            top, bottom = self._zeros(x.shape[2])
            x = F.pad(x, (left, right, top, bottom))
        return self.act(self.bn(self.conv(x)))

    def _zeros(self, size: int) -> tuple[int, int]:
        if self.one_after:
            return 0, 1
        # cost.same_padding without its checks and its max(): plain arithmetic that also holds for
        # the symbolic sizes of torch.compile and torch.export. k >= stride keeps it from going
        # below 0.
        total = (size - 1) // self.stride * self.stride + self.kernel_size - size
        return total // 2, total - total // 2


def check_head(head: Head | None, num_classes: int) -> Head:
    """The head, or the usual one for so many outputs.

    Raises
    ------
    ValueError
        It does not go with the number of outputs.
    """
    if head is None:
        head = "softmax" if num_classes > 1 else "sigmoid" if num_classes else "features"
    check_choice("head", head, HEADS)
    if (head == "features") != (num_classes == 0):
        raise ValueError(
            f'the head {head!r} does not go with {num_classes} outputs: "features" is for networks '
            "without classifier, which have 0"
        )
    if head == "softmax" and num_classes == 1:
        raise ValueError(
            "a softmax over one output is 1 whatever the photo shows; a network with one output "
            'has the head "sigmoid"'
        )
    return head


def _check_layers(arch: Architecture, convention: Convention) -> None:
    """Refuse an architecture whose layers have other widths or sizes than the convention's."""
    sizes = arch.alpha, arch.resolution, arch.num_classes, arch.body
    right = mobilenet_v1(
        *sizes, convention.width_rule, convention.rounding, drop_stride=arch.drop_stride
    )
    for unit, field, option in (
        ("channels", "out_channels", "width_rule"),
        ("pixels", "out_size", "rounding"),
    ):
        for layer, other in zip(arch.layers, right.layers, strict=True):
            ours, theirs = getattr(layer, field), getattr(other, field)
            if ours != theirs:
                raise ValueError(
                    f"the {convention.name} convention gives {layer.name} {theirs} {unit} at alpha "
                    f"{arch.alpha:g}, {arch.resolution} pixels; the architecture has {ours}; "
                    f"build it with mobilenet_v1(..., {option}={getattr(convention, option)!r})"
                )
