"""Networks built to be measured, and a forward pass that notes the time at each layer's end.

A layer that runs again and again by itself finds its weights and its input in the nearest cache,
where in the network they are not: its weights were last used one whole pass ago. And its input
must come from its predecessor, in the layout and the cache in which that one leaves it. So layers
are timed inside whole passes, with a mark between one layer and the next. Marks cost little, and
whether they do is measured: the same network runs without them in the same rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..architecture import Architecture
from ..engines import difference, fold
from ..model import MobileNet
from ..process import check_device
from ..timing import DTYPES, between, marker, random_images, random_network
from ..validation import check_choice, check_int

TOLERANCES = {"fp32": 1e-3, "fp16": 3e-2, "bf16": 0.1}
"""Largest difference of logits that folding may make, as a share of the largest logit; on a GPU,
where convolutions in fp32 round to TF32, that of fp16 holds for fp32."""

Stage = tuple[str, Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class Setting:
    """How a network runs while it is measured: channels_last, BN folded."""

    batch: int = 1
    precision: str = "fp32"
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        check_int("batch", self.batch, 1)
        check_choice("precision", self.precision, tuple(DTYPES))
        check_device(self.device)

    def __str__(self) -> str:
        return f"batch {self.batch}, channels_last, {self.precision}, BN folded"


def build(arch: Architecture, setting: Setting) -> MobileNet:
    """A network with random weights, BN folded into them (which is checked), as `setting` says."""
    net = random_network(arch, setting.seed, setting.device, precision=setting.precision)
    x = images(arch.resolution, setting)
    folded = fold(net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub has no memory_format
    with torch.inference_mode():
        before, after = net(x).float(), folded(x).float()
    off = difference(after, before)
    tf32 = setting.precision == "fp32" and torch.device(setting.device).type != "cpu"
    limit = TOLERANCES["fp16" if tf32 else setting.precision]
    if not off <= limit:
        raise ArithmeticError(
            f"folding batch normalization changed the logits by {off:.1%} of the largest, "
            f"more than {limit:.1%} in {setting.precision}"
        )
    return folded


def images(resolution: int, setting: Setting) -> Tensor:
    """A batch of random images, (batch, 3, resolution, resolution), as `setting` says."""
    return random_images(
        setting.batch, resolution, setting.seed, setting.device, precision=setting.precision
    )


def stages(net: MobileNet) -> list[Stage]:
    """What `net` runs, piece by piece, in the order of `roofline.pieces`."""
    *layers, head = [(layer.name, net.get_submodule(layer.name)) for layer in net.arch.layers]
    return [*layers, ("pool", lambda x: x.mean(dim=(2, 3))), head]


class LayerTimer:
    """A forward pass with a mark before the first step and after each one.

    Each function takes what its predecessor gave, the first one `x`. Waiting at each mark, where
    `marker` has to on this `device`, takes time of its own.
    """

    def __init__(self, run: Sequence[Stage], x: Tensor, device: torch.device | str = "cpu") -> None:
        self.names = [name for name, _ in run]
        self.functions = [function for _, function in run]
        self.x = x
        self.mark = marker(device)
        self.passes: list[list[Any]] = []

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        """Run once, and keep the marks."""
        x, mark = self.x, self.mark
        marks = [mark()]
        for function in self.functions:
            x = function(x)
            marks.append(mark())
        self.passes.append(marks)
        return x

    def seconds(self, skip: int = 0) -> dict[str, list[float]]:
        """Seconds of each step, by its name, in each pass but the first `skip`."""
        rows = [
            [between(start, end) for start, end in pairwise(marks)] for marks in self.passes[skip:]
        ]
        return dict(zip(self.names, map(list, zip(*rows, strict=True)), strict=True))
