"""What the paper leaves open, and how each implementation settled it: a `Convention`.

Which ReLU, how stride-2 layers are padded, batch normalization's epsilon: these decide whether
somebody else's weights work. Facts and sources are in `data/paper/README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .architecture import WIDTH_RULES, Architecture, Rounding, WidthRule, mobilenet_v1
from .validation import check_choice, check_int, check_positive, check_share

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


def check_layers(arch: Architecture, convention: Convention) -> None:
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
