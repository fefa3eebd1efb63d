"""Table 1 as data: MobileNet's layers, and everything that can be counted from them.

>>> arch = mobilenet_v1(alpha=0.5, resolution=160)
>>> arch.mult_adds, arch.parameters
(76524800, 1331592)

An `Architecture` holds plain numbers. `mobilenet_lib.model` builds a torch network from one, and
`mobilenet_lib.plots` draws one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Literal

from . import cost
from .layer import KIND_LABELS, Kind, KindTotal, Layer
from .text import table
from .validation import check_choice, check_int, check_positive

Body = Literal["separable", "full", "shallow"]
WidthRule = Literal["paper", "min8", "divisible8"]
Rounding = Literal["up", "keras"]
DropStride = Literal["none", "first", "last"]

BODIES: tuple[Body, ...] = ("separable", "full", "shallow")
ROUNDINGS = ("up", "keras")
DROPPED: tuple[DropStride, ...] = ("none", "first", "last")
WIDTH_RULES: tuple[WidthRule, ...] = ("paper", "min8", "divisible8")

# (output channels, stride) of the thirteen blocks at alpha 1. Table 1 prints stride 2 for the last
# one; that must be 1, see data/paper/discrepancies.csv.
STEM_CHANNELS = 32
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
SHALLOW_BLOCKS = BLOCKS[:6] + BLOCKS[11:]  # Table 5: without the five 14x14x512 layers

COUNTS = ("mult_adds", "parameters", "parameters_as_printed", "parameters_with_statistics")
MAX_ALPHA, MIN_RESOLUTION, MAX_RESOLUTION = 16, 32, 4096
PAPER_RESOLUTION = 224


@dataclass(frozen=True)
class Architecture:
    """A complete MobileNet as data. Make one with `mobilenet_v1`."""

    alpha: float
    resolution: int
    num_classes: int
    body: Body
    width_rule: WidthRule
    layers: tuple[Layer, ...]
    """The layers with weights: 28 for the separable body, the fully connected one last."""
    rounding: Rounding = "up"
    """How many pixels a layer with stride 2 leaves of an odd map."""
    drop_stride: DropStride = "none"
    """Which of the five layers with stride 2 has stride 1 instead."""

    @property
    def rho(self) -> float:
        """Resolution multiplier, relative to the paper's 224 pixels (Eq. 7)."""
        return self.resolution / PAPER_RESOLUTION

    @cached_property
    def mult_adds(self) -> int:
        """Multiply-accumulates for one image, the fully connected layer included."""
        return sum(layer.mult_adds for layer in self.layers)

    @cached_property
    def parameters(self) -> int:
        """Trainable parameters: weights, BN's gamma and beta, and the classifier's bias."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def parameters_as_printed(self) -> int:
        """Parameters as the paper counts them: convolution and classifier weights only."""
        return sum(layer.parameters_as_printed for layer in self.layers)

    @cached_property
    def parameters_with_statistics(self) -> int:
        """All stored numbers: trainable ones and BN's moving mean and variance."""
        return sum(layer.parameters_with_statistics for layer in self.layers)

    def bytes_moved(self, batch: int = 1, bytes_per_number: int = cost.FLOAT32_BYTES) -> int:
        """Bytes that all layers together move at least, each run on its own."""
        return sum(layer.bytes_moved(batch, bytes_per_number) for layer in self.layers)

    def peak_bytes(self, bytes_per_number: int = cost.FLOAT32_BYTES) -> int:
        """Bytes that the feature maps of one image need at most at a time.

        While a layer computes, its input and its output are held, and nothing else: batch
        normalization is folded, and the ReLU writes over its input. Weights are not counted.
        """
        held = (
            cost.bytes_moved(
                layer.in_size**2 * layer.in_channels,
                layer.out_size**2 * layer.out_channels,
                0,
                bytes_per_number,
            )
            for layer in self.layers
        )
        return max(held)

    def intensity(self, batch: int = 1, bytes_per_number: int = cost.FLOAT32_BYTES) -> float:
        """Arithmetic intensity of the whole network, in floating-point operations per byte."""
        return cost.arithmetic_intensity(
            batch * self.mult_adds, self.bytes_moved(batch, bytes_per_number)
        )

    def by_kind(self) -> dict[Kind, KindTotal]:
        """Table 2 and more: the costs of each kind of layer, in the table's order."""
        totals: dict[Kind, KindTotal] = {}
        for kind, label in KIND_LABELS.items():
            layers = [layer for layer in self.layers if layer.kind == kind]
            if layers:
                counts = {name: sum(getattr(layer, name) for layer in layers) for name in COUNTS}
                totals[kind] = KindTotal(
                    kind=kind,
                    label=label,
                    layers=len(layers),
                    **counts,
                    bytes_moved=sum(layer.bytes_moved() for layer in layers),
                    mult_adds_share=counts["mult_adds"] / self.mult_adds,
                    parameters_share=counts["parameters_as_printed"] / self.parameters_as_printed,
                )
        return totals

    def layer(self, name: str) -> Layer:
        """The layer called `name`, such as "dw_3"; a KeyError lists the names there are."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise KeyError(f"no layer called {name!r}; the layers are {names}")

    def receptive_field_at(self, name: str) -> cost.ReceptiveField:
        """Receptive field, effective stride and effective padding at a layer's output.

        The fully connected layer sees the whole image, through the average pool before it.
        """
        names = [layer.name for layer in self.layers]
        below = self.layers[: names.index(self.layer(name).name) + 1]
        field = cost.receptive_field(
            (layer.kernel_size, layer.stride, layer.padding[0])
            for layer in below
            if layer.kind != "fc"
        )
        if below[-1].kind == "fc":
            pool = self.layers[-2].out_size
            field = field._replace(size=field.size + (pool - 1) * field.stride)
        return field

    @property
    def receptive_field(self) -> int:
        """Input pixels on a side that one pixel of the last feature map sees (before the pool)."""
        return self.receptive_field_at(self.layers[-2].name).size

    @property
    def effective_stride(self) -> int:
        """Input pixels between the centres of neighbouring pixels of the last feature map."""
        return self.receptive_field_at(self.layers[-2].name).stride

    @property
    def effective_padding(self) -> int:
        """Input pixels by which the first receptive field starts before the image."""
        return self.receptive_field_at(self.layers[-2].name).padding

    def table_rows(self) -> list[tuple[str, str, str]]:
        """Rows of Table 1: type and stride, filter shape, input size; repeated blocks folded."""
        rows = [layer.table_row for layer in self.layers[:-1]]
        pairs = 1 if self.body == "full" else 2  # rows that repeat together
        folded = rows[:1]
        blocks = [tuple(rows[i : i + pairs]) for i in range(1, len(rows), pairs)]
        for block, repeats in groupby(blocks):
            count = len(list(repeats))
            mark = f"{count}x " if count > 1 else ""
            folded += [(mark + kind, shape, size) for kind, shape, size in block]
        last, head = self.layers[-2], self.layers[-1]
        pooled = f"{last.out_size}x{last.out_size}"
        folded.append(("Avg Pool / s1", f"Pool {pooled}", f"{pooled}x{last.out_channels}"))
        if self.num_classes == 0:
            return folded
        return [
            *folded,
            head.table_row,
            ("Softmax / s1", "Classifier", f"1x1x{head.out_channels}"),
        ]

    def __str__(self) -> str:
        """Table 1 for this network, with its totals below."""
        rows = [("Type / Stride", "Filter Shape", "Input Size"), *self.table_rows()]
        totals = f"{self.mult_adds:,} mult-adds, {self.parameters_as_printed:,} parameters"
        return "\n".join([*table(rows, left=range(3), rule=True), totals])

    def __repr__(self) -> str:
        dropped = "" if self.drop_stride == "none" else f"{self.drop_stride} stride dropped, "
        return (
            f"<Architecture {self.alpha:g} MobileNet-{self.resolution}, {self.body} body, {dropped}"
            f"{self.num_classes} classes: {self.mult_adds / 1e6:.1f} M mult-adds, "
            f"{self.parameters / 1e6:.2f} M parameters>"
        )


def mobilenet_v1(
    alpha: float = 1.0,
    resolution: int = PAPER_RESOLUTION,
    num_classes: int = 1000,
    body: Body = "separable",
    width_rule: WidthRule = "paper",
    rounding: Rounding = "up",
    drop_stride: DropStride = "none",
) -> Architecture:
    """MobileNet V1 as data: Table 1 under a width and a resolution multiplier (Eq. 6 and 7).

    Parameters
    ----------
    alpha
        Width multiplier, above 0 and at most 16. The paper uses 1, 0.75, 0.5 and 0.25.
    resolution
        Side of the square input image in pixels, 32 to 4096. The paper uses 224, 192, 160 and 128.
    num_classes
        Outputs of the classifier; 0 for a network without one, which ends in pooled features.
    body
        "separable" (Table 1), "full" (each depthwise and pointwise pair replaced by one standard
        3x3 convolution, Table 4) or "shallow" (the five 14x14x512 layers left out, Table 5).
    width_rule
        How alpha · channels becomes a whole number: "paper" truncates, "min8" truncates but keeps
        at least 8 (tf-slim), "divisible8" rounds to a multiple of 8 (timm). All agree at the
        paper's four alphas.
    rounding
        How many pixels a layer with stride 2 leaves of an odd map: half of them rounded "up", or,
        with "keras", rounded down by depthwise layers. All agree at multiples of 32.
    drop_stride
        Which of the five strides of 2 becomes 1, for small images: "none", the "first", so that
        every map keeps twice the side, or the "last", so that only the last two blocks do. Weights
        stay the same, mult-adds do not.

    Raises
    ------
    ValueError
        A value outside its range, or an alpha so small that a layer would have no channel.
    TypeError
        A value of the wrong type.
    """
    alpha = check_positive("alpha", alpha, MAX_ALPHA)
    resolution = check_int("resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION)
    num_classes = check_int("num_classes", num_classes, 0)
    check_choice("body", body, BODIES)
    check_choice("rounding", rounding, ROUNDINGS)
    check_choice("drop_stride", drop_stride, DROPPED)
    if scale_channels(STEM_CHANNELS, alpha, width_rule) < 1:
        raise ValueError(
            f"alpha must be at least 1/{STEM_CHANNELS} = {1 / STEM_CHANNELS} under the "
            f"{width_rule!r} width rule, got {alpha!r}: the first layer would have no channel"
        )
    arch = Architecture(alpha, resolution, num_classes, body, width_rule, (), rounding, drop_stride)
    return replace(arch, layers=tuple(_layers(arch)))


def scale_channels(channels: int, alpha: float, width_rule: WidthRule = "paper") -> int:
    """Channels of a layer under the width multiplier (Eq. 6), rounded by `width_rule`."""
    check_choice("width_rule", width_rule, WIDTH_RULES)
    scaled = alpha * channels
    if width_rule == "paper":
        return int(scaled)
    if width_rule == "min8":
        return max(8, int(scaled))
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded  # never lose more than a tenth


def _layers(arch: Architecture) -> Iterator[Layer]:
    channels, size = 3, arch.resolution

    def layer(name: str, kind: Kind, kernel_size: int, stride: int, out: int) -> Layer:
        nonlocal channels, size
        down = arch.rounding == "keras" and kind == "depthwise"
        left = size // stride if down else -(-size // stride)
        made = Layer(name, kind, kernel_size, stride, channels, out, size, left)
        channels, size = made.out_channels, made.out_size
        return made

    def width(channels: int) -> int:
        return scale_channels(channels, arch.alpha, arch.width_rule)

    blocks = SHALLOW_BLOCKS if arch.body == "shallow" else BLOCKS
    strides = [2, *(stride for _, stride in blocks)]
    halving = [i for i, stride in enumerate(strides) if stride == 2]
    if arch.drop_stride != "none":
        strides[halving[0 if arch.drop_stride == "first" else -1]] = 1
    yield layer("conv_0", "standard", 3, strides[0], width(STEM_CHANNELS))
    for i, (out, _) in enumerate(blocks, start=1):
        stride = strides[i]
        if arch.body == "full":
            yield layer(f"conv_{i}", "standard", 3, stride, width(out))
        else:
            yield layer(f"dw_{i}", "depthwise", 3, stride, channels)
            yield layer(f"pw_{i}", "pointwise", 1, 1, width(out))
    size = 1  # the average pool leaves one pixel
    yield layer("fc", "fc", 1, 1, arch.num_classes)
