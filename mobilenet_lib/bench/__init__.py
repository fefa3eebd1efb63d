"""Fair timing: warmed up, synchronized, interleaved, and told as medians with their spread.

Times of one run are compared with each other, since other programs slow all of them alike; a time
from one machine says little about another.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from .. import data
from ..files import record_result
from ..model import TF_SLIM, MobileNet
from ..validation import check_int

Key = TypeVar("Key")
LIMIT = 0.15
"""Share of a training step that composing its images may take on a CPU."""


@dataclass(frozen=True)
class Timing:
    """Readings of one thing, in milliseconds."""

    readings: int
    median_ms: float
    quartiles_ms: tuple[float, float]

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Median and quartiles of at least two readings, given in seconds."""
        low, middle, high = (round(1e3 * cut, 3) for cut in statistics.quantiles(seconds, n=4))
        return cls(len(seconds), middle, (low, high))

    def __str__(self) -> str:
        low, high = self.quartiles_ms
        return f"{self.median_ms:8.2f} ms (quartiles {low:.2f} to {high:.2f})"


def interleave(
    tasks: Mapping[Key, Callable[[], Any]],
    readings: int,
    warm_up: int = 3,
    device: torch.device | str = "cpu",
) -> dict[Key, list[float]]:
    """Seconds that each task takes, run in turns: a, b, a, b, ...

    So whatever else slows the machine for a while slows all tasks, and their ratios hold.

    Parameters
    ----------
    tasks
        What to run, by name.
    readings
        Rounds that count, at least 2.
    warm_up
        Rounds before them that do not.
    device
        Where tasks run; a GPU or another accelerator is waited for before the clock is read.
    """
    readings = check_int("readings", readings, 2)
    on_cpu = torch.device(device).type == "cpu"
    wait = (lambda: None) if on_cpu else partial(torch.accelerator.synchronize, device)
    seconds: dict[Key, list[float]] = {name: [] for name in tasks}
    for round_number in range(-warm_up, readings):
        for name, task in tasks.items():
            wait()
            start = time.perf_counter()
            task()
            wait()
            if round_number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


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

    def __str__(self) -> str:
        verdict = "below" if self.share < LIMIT else "OVER"
        return (
            f"Letters in the wild, {self.resolution}x{self.resolution}, batches of "
            f"{self.batch_size}, {self.device}, {self.threads} threads\n"
            f"compose a batch        {self.compose}\n"
            f"train on it, alpha {self.alpha:<4g}{self.step}\n"
            f"composition: {self.images_per_second:,.0f} images/s, {self.share:.1%} of a step, "
            f"{verdict} {LIMIT:.0%}"
        )


def bench_data(
    alpha: float = 0.5,
    resolution: int = 64,
    batch_size: int = 128,
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
) -> DataBench:
    """Time the composition of training batches against training steps, in turns.

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
    step = training_step(alpha, resolution, len(batches.classes), device, seed)
    held: list[data.batches.Batch] = [next(stream)]

    def compose() -> None:
        held[0] = next(stream)

    seconds = interleave(
        {"compose": compose, "step": lambda: step(*held[0])}, readings, device=device
    )
    compose_time = Timing.of(seconds["compose"])
    ratios = (a / b for a, b in zip(seconds["compose"], seconds["step"], strict=True))
    return DataBench(
        alpha=alpha,
        resolution=resolution,
        batch_size=batch_size,
        device=str(device),
        threads=torch.get_num_threads(),
        compose=compose_time,
        step=Timing.of(seconds["step"]),
        images_per_second=round(1e3 * batch_size / compose_time.median_ms, 1),
        share=round(statistics.median(ratios), 4),
    )


def training_step(
    alpha: float, resolution: int, num_classes: int, device: str, seed: int
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """A function that trains a fresh MobileNet for one step on the batch that it is given."""
    torch.manual_seed(seed)
    arch = TF_SLIM.architecture(num_classes, alpha=alpha, resolution=resolution)
    net = MobileNet(arch, TF_SLIM).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        images = images.contiguous(memory_format=torch.channels_last)
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return step


def record(name: str, results: Any, seed: int | None, wall_time: float) -> Path:
    """Write results to `data/results/<name>.json` with their provenance; the path."""
    content = {
        "results": asdict(results) if not isinstance(results, dict) else results,
        "wall_time_s": round(wall_time, 1),
    }
    return record_result(name, content, seed, ("torch", "numpy"))
