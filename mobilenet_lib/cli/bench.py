"""`mobilenet bench`: measurements on this machine."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Literal

import tyro


@dataclass(frozen=True)
class Bench:
    """Measure on this machine. data: what composing training images costs, beside a step."""

    what: tyro.conf.Positional[Literal["data"]]
    """What to measure."""
    alpha: float = 0.5
    """Width multiplier of the network that is trained beside it."""
    resolution: int = 64
    """Side of the images in pixels."""
    batch_size: int = 128
    """Images in a batch."""
    readings: int = 15
    """Rounds that count, at least 2; each composes a batch and trains on it."""
    device: str = "cpu"
    """Where to run: cpu, cuda, ..."""
    seed: int = 0
    """Of the images and the weights."""
    json: bool = False
    """Print JSON, for a program to read."""
    record: bool = False
    """Also write the result to data/results/bench_data.json, with its provenance."""

    def run(self) -> int:
        """Print the measurement; the exit code is 1 if composition takes too long on a CPU."""
        from .. import bench  # brings in torch, which `mobilenet cost` does without

        start = time.perf_counter()
        result = bench.bench_data(
            self.alpha, self.resolution, self.batch_size, self.readings, self.device, self.seed
        )
        print(json.dumps(asdict(result), indent=2) if self.json else result)
        if self.record:
            bench.record("bench_data", result, self.seed, time.perf_counter() - start)
        return int(self.device == "cpu" and result.share >= bench.LIMIT)
