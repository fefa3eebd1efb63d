"""What eight bits cost: letters read right in fp32, with a step a channel, and with a step a layer.

With weights of seven bits, too, which is what processors without instructions for int8 have room
for. No time is taken here; `bench_engines` has the times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..engines import ENGINES, accuracy
from ..engines.onnx_model import possible_bits
from ..model import MobileNet
from ..text import format_table
from ..timing import torch_defaults
from ..validation import check_choice, check_int
from ..weights import load_published
from .quality import load_letters

CHECKPOINTS = ("letters_100_56", "letters_75_56", "letters_50_56", "letters_25_56")
ENGINE_NAMES = ("openvino-int8", "onnxruntime-int8")
BATCH = 100
POINTS_LIMIT = 1.0
"""Points of accuracy that a step a channel may lose."""


@dataclass(frozen=True)
class Eight:
    """One network in one engine, in percent of the test images named right."""

    checkpoint: str
    engine: str
    weight_bits: int
    fp32: float
    per_channel: float
    per_layer: float

    @property
    def lost(self) -> float:
        """Points lost with a step a channel."""
        return self.fp32 - self.per_channel


@dataclass(frozen=True)
class Int8Bench:
    """Networks of the book in eight bits."""

    test_images: int
    calibration_images: int
    rows: tuple[Eight, ...]
    missing: dict[str, str]
    """Engines that are not here, and why."""

    @property
    def within_limits(self) -> bool:
        """Whether no network loses more than a point with a step a channel."""
        return all(row.lost <= POINTS_LIMIT for row in self.rows)

    def __str__(self) -> str:
        columns = {"network": "", "engine": "", "bits": "d", "fp32": ".2f"}
        columns |= {"per channel": ".2f", "per layer": ".2f"}
        return "\n".join(
            [
                f"Letters in the wild, {self.test_images:,} test images, calibrated on "
                f"{self.calibration_images} of the training set; accuracy in %",
                *format_table(columns, map(astuple, self.rows)),
                *(f"{name}: {reason}" for name, reason in self.missing.items()),
            ]
        )


@torch_defaults()
def bench_int8(
    checkpoints: Sequence[str] = CHECKPOINTS,
    engines: Sequence[str] = ENGINE_NAMES,
    calibration_images: int = 100,
    seed: int = 0,
    limit: int | None = None,
) -> Int8Bench:
    """Measure the accuracy of letters networks in int8, by how the steps are chosen.

    Parameters
    ----------
    checkpoints
        Letters networks that `load_published` finds.
    engines
        Int8 engines that can do both.
    calibration_images
        Of the training set, for the ranges of activations.
    seed
        Of the choice of these.
    limit
        Test images; None: all.

    Raises
    ------
    ValueError
        None of the engines can run here, or a value out of range.
    """
    for name in engines:
        check_choice("engine", name, ENGINE_NAMES)
    count = check_int("calibration_images", calibration_images, 1)
    availability = {name: ENGINES[name].available() for name in engines}
    missing = {name: answer.reason for name, answer in availability.items() if not answer}
    if len(missing) == len(availability):
        raise ValueError(f"no engine for int8 can run here: {missing}")
    rows: list[Eight] = []
    images = labels = torch.empty(0)
    for checkpoint in checkpoints:
        net = load_published(checkpoint).eval()
        images, labels = load_letters(net, "test", limit, seed)
        calibration, _ = load_letters(net, "train", count, seed)
        percent = partial(_percent, net, images, labels, calibration)
        exact = percent("eager")
        for name in (name for name in engines if name not in missing):
            for bits in possible_bits():
                steps = (
                    percent(name, per_channel=each, weight_bits=bits) for each in (True, False)
                )
                rows.append(Eight(checkpoint, name, bits, exact, *steps))
    return Int8Bench(len(labels), count, tuple(rows), missing)


def _percent(
    net: MobileNet, images: Tensor, labels: Tensor, calibration: Tensor, name: str, **options: Any
) -> float:
    engine = ENGINES[name](**options).prepare(net, images[:BATCH], calibration)
    return round(100 * accuracy(engine, images, labels), 2)
