"""One layer of a MobileNet as data, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import cost
from .validation import check_choice, check_int

Kind = Literal["standard", "depthwise", "pointwise", "fc"]

KIND_LABELS: dict[Kind, str] = {  # Table 2's names, in Table 2's order
    "pointwise": "Conv 1x1",
    "depthwise": "Conv DW 3x3",
    "standard": "Conv 3x3",
    "fc": "Fully Connected",
}


@dataclass(frozen=True)
class Layer:
    """One row of Table 1 that has weights.

    Maps are square; sizes are in pixels. Padding is TensorFlow's SAME, so a layer's output has
    ceil(in_size / stride) pixels on a side, unless its architecture follows Keras' padding.
    """

    name: str
    kind: Kind
    kernel_size: int
    stride: int
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, tuple(KIND_LABELS))  # any other would be counted wrong

    @property
    def mult_adds(self) -> int:
        """Multiply-accumulates for one image (Eq. 2, Eq. 4, or M · N for the fully connected)."""
        if self.out_channels == 0:  # the classifier of a network that has none
            return 0
        if self.kind == "depthwise":
            return cost.depthwise_mult_adds(self.kernel_size, self.in_channels, self.out_size)
        return cost.standard_mult_adds(
            self.kernel_size, self.in_channels, self.out_channels, self.out_size
        )

    @property
    def parameters_as_printed(self) -> int:
        """Weights only, the way the paper counts: no bias and no batch normalization."""
        if self.out_channels == 0:
            return 0
        if self.kind == "depthwise":
            return cost.depthwise_weights(self.kernel_size, self.in_channels)
        return cost.standard_weights(self.kernel_size, self.in_channels, self.out_channels)

    @property
    def parameters(self) -> int:
        """Trainable numbers: weights and the bias (fc), or BN's gamma and beta (convolutions)."""
        extra = self.out_channels if self.kind == "fc" else 2 * self.out_channels
        return self.parameters_as_printed + extra

    @property
    def parameters_with_statistics(self) -> int:
        """Trainable numbers and BN's moving mean and variance, the total that Keras prints."""
        return self.parameters + (0 if self.kind == "fc" else 2 * self.out_channels)

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and after each row and column (SAME, or Keras' single zero after)."""
        if self.out_size < -(-self.in_size // self.stride):
            return 0, 1
        return cost.same_padding(self.in_size, self.kernel_size, self.stride)

    def bytes_moved(self, batch: int = 1, bytes_per_number: int = cost.FLOAT32_BYTES) -> int:
        """Bytes read and written at least once: input, weights (as printed) and output."""
        batch = check_int("batch", batch, 1)
        return cost.bytes_moved(
            batch * self.in_size**2 * self.in_channels,
            batch * self.out_size**2 * self.out_channels,
            self.parameters_as_printed,
            bytes_per_number,
        )

    def intensity(self, batch: int = 1, bytes_per_number: int = cost.FLOAT32_BYTES) -> float:
        """Arithmetic intensity in floating-point operations per byte (2 for each mult-add)."""
        return cost.arithmetic_intensity(
            batch * self.mult_adds, self.bytes_moved(batch, bytes_per_number)
        )

    @property
    def table_row(self) -> tuple[str, str, str]:
        """Row of Table 1: type and stride, filter shape, input size."""
        k, m, n = self.kernel_size, self.in_channels, self.out_channels
        size = f"{self.in_size}x{self.in_size}x{m}"
        if self.kind == "depthwise":
            return f"Conv dw / s{self.stride}", f"{k}x{k}x{m} dw", size
        if self.kind == "fc":
            return f"FC / s{self.stride}", f"{m}x{n}", size
        return f"Conv / s{self.stride}", f"{k}x{k}x{m}x{n}", size


@dataclass(frozen=True)
class KindTotal:
    """All layers of one kind together: a row of Table 2, and what else can be counted of it."""

    kind: Kind
    label: str
    layers: int
    mult_adds: int
    parameters: int
    """Trainable numbers, as `Layer.parameters` counts them."""
    parameters_as_printed: int
    """Weights only, the count that Table 2's percentages are of."""
    parameters_with_statistics: int
    bytes_moved: int
    """Bytes for one image in float32, as `Layer.bytes_moved` counts them."""
    mult_adds_share: float
    """Share of the network's mult-adds, between 0 and 1."""
    parameters_share: float
    """Share of the network's weights as printed, between 0 and 1."""

    @property
    def intensity(self) -> float:
        """Arithmetic intensity in floating-point operations per byte."""
        return cost.arithmetic_intensity(self.mult_adds, self.bytes_moved)
