"""The separable explorer of chapter 02: standard against depthwise and pointwise convolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import cost
from ..convolution import depthwise, pointwise, standard
from ..validation import check_choice, check_int
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("separable")
_RANGES = {
    name: (field["min"], field["max"])
    for name, field in _STATE.fields.items()
    if field["kind"] == "integer"
}


class SeparableExplorer(Explorer):
    """One small input through both convolutions: every connection, every product, both counters.

    Point at an output pixel to see what it is made of; step or play the race of the two. Works by
    mouse, touch and keyboard, and without a Python session once it is drawn. Layers with more
    than 8 channels or 16 pixels on a side are drawn in part and without their numbers.

    Parameters
    ----------
    kernel_size, in_channels, out_channels, size
        D_K (1, 3, 5 or 7), M, N (1 to 4096) and D_F (1 to 112).
    stride
        1 or 2, with TensorFlow's "same" padding.
    groups
        Of the standard convolution; divides M and N. With M groups it is a depthwise one.
    depth_multiplier
        Maps that the depthwise convolution makes of each channel, 1 to 4.
    **state
        More of the state: `stage` ("output" or "depthwise"), `channel`, `row`, `column` of the
        marked pixel, `done` (multiplications that each has carried out), `tour`, and `hide`: names
        of controls, "standard", "separable", "counters", "layer", "play", "help", "foot".

    Raises
    ------
    ValueError
        A value out of range, or groups that do not divide M and N.
    """

    definition = _STATE

    kernel_size = _STATE.trait("kernel_size")
    in_channels = _STATE.trait("in_channels")
    out_channels = _STATE.trait("out_channels")
    size = _STATE.trait("size")
    stride = _STATE.trait("stride")
    groups = _STATE.trait("groups")
    depth_multiplier = _STATE.trait("depth_multiplier")
    stage = _STATE.trait("stage")
    channel = _STATE.trait("channel")
    row = _STATE.trait("row")
    column = _STATE.trait("column")
    done = _STATE.trait("done")

    def __init__(
        self,
        kernel_size: int = 3,
        in_channels: int = 3,
        out_channels: int = 6,
        size: int = 5,
        stride: int = 1,
        groups: int = 1,
        depth_multiplier: int = 1,
        **state: Any,
    ) -> None:
        numbers = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            "size": size,
            "groups": groups,
            "depth_multiplier": depth_multiplier,
        }
        whole = {name: check_int(name, value, *_RANGES[name]) for name, value in numbers.items()}
        if math.gcd(in_channels, out_channels) % groups:
            raise ValueError(
                f"groups must divide in_channels and out_channels, {in_channels} and "
                f"{out_channels}; got {groups}"
            )
        super().__init__(
            kernel_size=check_choice("kernel_size", kernel_size, self._choices("kernel_size")),
            stride=check_choice("stride", stride, self._choices("stride")),
            **whole,
            **state,
        )

    @staticmethod
    def _choices(name: str) -> list[int]:
        choices: list[int] = _STATE.fields[name]["choices"]
        return choices

    @property
    def groups_used(self) -> int:
        """`groups`, or where M or N was changed since, the next smaller number that divides both.

        The figure shows the same.
        """
        common = math.gcd(self.in_channels, self.out_channels)
        return next(g for g in range(self.groups, 0, -1) if common % g == 0)

    @property
    def out_size(self) -> int:
        """Side of the output maps in pixels."""
        return -(-self.size // self.stride)

    @property
    def mult_adds(self) -> tuple[int, int, int]:
        """Of the standard (in its groups), the depthwise and the pointwise convolution."""
        k, m, n = self.kernel_size, self.in_channels, self.out_channels
        maps, size = m * self.depth_multiplier, self.out_size
        return (
            cost.standard_mult_adds(k, m // self.groups_used, n, size),
            cost.depthwise_mult_adds(k, maps, size),
            cost.pointwise_mult_adds(maps, n, size),
        )

    # --- The numbers of the small layer, as web/maths/separable.js makes them ---------------------

    @property
    def feature_map(self) -> NDArray[np.int64]:
        """F, (D_F, D_F, M): in each channel a bright spot at a place of its own, 0 to 9."""
        size, channels = self.size, self.in_channels
        r, c, m = np.indices((size, size, channels))
        row, column = (2 * m + 1) * size // (2 * channels), np.where(m % 2, 3, 1) * size // 4
        away = abs(r - row) + abs(c - column)
        return np.maximum(9 - 18 * away // size, (r + 2 * c + m) % 3)

    @property
    def kernel(self) -> NDArray[np.int64]:
        """K of the standard convolution, (D_K, D_K, M / groups, N)."""
        k = self.kernel_size
        i, j, c, o = np.indices((k, k, self.in_channels // self.groups_used, self.out_channels))
        return (i * (o + 2) + j * (c + 3) + 5 * c + 3 * o + i * j * (o + 1)) % 11 % 4 - 1

    @property
    def depthwise_kernel(self) -> NDArray[np.int64]:
        """The depthwise filters, (D_K, D_K, M · depth_multiplier)."""
        k = self.kernel_size
        i, j, o = np.indices((k, k, self.in_channels * self.depth_multiplier))
        return (3 * i + 2 * j + 4 * o + i * j * (o + 1)) % 11 % 4 - 1

    @property
    def pointwise_kernel(self) -> NDArray[np.int64]:
        """The pointwise weights, (M · depth_multiplier, N)."""
        c, o = np.indices((self.in_channels * self.depth_multiplier, self.out_channels))
        return np.array([-1, 1, 2])[(4 * c + 3 * o + c * o) % 7 % 3]

    @property
    def output(self) -> NDArray[np.int64]:
        """Maps of the standard convolution in its groups, by `convolution.standard`."""
        inputs = np.split(self.feature_map, self.groups_used, axis=2)
        kernels = np.split(self.kernel, self.groups_used, axis=3)
        parts = [standard(f, k, self.stride) for f, k in zip(inputs, kernels, strict=True)]
        return np.concatenate(parts, axis=2)

    @property
    def filtered(self) -> NDArray[np.int64]:
        """Maps of the depthwise convolution, by `convolution.depthwise`."""
        each = np.repeat(self.feature_map, self.depth_multiplier, axis=2)
        return depthwise(each, self.depthwise_kernel, self.stride)

    @property
    def mixed(self) -> NDArray[np.int64]:
        """Maps of the pointwise convolution after the depthwise one, by `convolution.pointwise`."""
        return pointwise(self.filtered, self.pointwise_kernel)

    def still(self) -> BookFigure:
        """Both after the same number of multiplications."""
        from ..plots import counter_race

        grouped, filtering, mixing = self.mult_adds
        most = max(grouped, filtering + mixing)
        return counter_race(
            self.kernel_size,
            self.in_channels,
            self.out_channels,
            self.out_size,
            1.0 if self.done is None else min(self.done / most, 1.0),
            groups=self.groups_used,
            depth_multiplier=self.depth_multiplier,
        )

    def __repr__(self) -> str:
        return (
            f"SeparableExplorer(D_K {self.kernel_size}, M {self.in_channels}, "
            f"N {self.out_channels}, D_F {self.size}, stride {self.stride}, "
            f"groups {self.groups_used}, depth multiplier {self.depth_multiplier})"
        )
