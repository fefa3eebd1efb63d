"""Measurements on this machine, by the fair clock of `timing`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .. import data
from ..convention import TF_SLIM
from ..process import torch_defaults
from ..timing import Timing, interleave, random_network, ratio, training_step

LIMIT = 0.15
"""Share of a training step that composing its images may take on a CPU."""


@dataclass(frozen=True)
class DataBench:
    """What composing "letters in the wild" costs, beside the training step that it feeds."""

    alpha: float
    resolution: int
    batch_size: int
    device: str
    threads: int
    compose: Timing
    """One batch: drawn, composed and normalized."""
    step: Timing
    """One training step on a finished batch: forward, backward, SGD; channels_last."""
    images_per_second: float
    share: float
    """Median over the rounds of: composing a batch, over the step beside it."""

    @property
    def within_limits(self) -> bool:
        """Whether composing takes as small a share of a step as it should on a CPU."""
        return self.share < LIMIT

    def __str__(self) -> str:
        verdict = "below" if self.within_limits else "OVER"
        return (
            f"Letters in the wild, {self.resolution}x{self.resolution}, batches of "
            f"{self.batch_size}, {self.device}, {self.threads} threads\n"
            f"compose a batch        {self.compose}\n"
            f"train on it, alpha {self.alpha:<4g}{self.step}\n"
            f"composition: {self.images_per_second:,.0f} images/s, {self.share:.1%} of a step, "
            f"{verdict} {LIMIT:.0%}"
        )


@torch_defaults()
def bench_data(
    alpha: float = 0.5,
    resolution: int = 64,
    batch_size: int = 128,
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
) -> DataBench:
    """Time the composition of training batches against training steps, in turn.

    Parameters
    ----------
    alpha, resolution
        The network that is trained.
    batch_size
        Images in a batch.
    readings
        Rounds that count.
    device
        Where both run.
    seed
        Of the batches and the network's weights.
    """
    batches = data.load(
        "glyphs", batch_size=batch_size, resolution=resolution, seed=seed, device=device
    )
    stream = (batch for batch, _ in batches.endless())
    arch = TF_SLIM.architecture(len(batches.classes), alpha=alpha, resolution=resolution)
    net = random_network(arch, seed, device, convention=TF_SLIM)
    train = training_step(net, torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9))
    held: list[data.batches.Batch] = [next(stream)]

    def compose() -> None:
        held[0] = next(stream)

    def step() -> None:
        images, labels = held[0]
        train(images.contiguous(memory_format=torch.channels_last), labels)

    seconds = interleave({"compose": compose, "step": step}, readings, device=device)
    compose_time = Timing.of(seconds["compose"])
    return DataBench(
        alpha=alpha,
        resolution=resolution,
        batch_size=batch_size,
        device=str(device),
        threads=torch.get_num_threads(),
        compose=compose_time,
        step=Timing.of(seconds["step"]),
        images_per_second=round(1e3 * batch_size / compose_time.median_ms, 1),
        share=ratio(seconds["compose"], seconds["step"]),
    )
