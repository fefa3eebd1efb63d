"""`mobilenet bench`: measurements on this machine."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tyro


@dataclass(frozen=True)
class Bench:
    """Measure on this machine.

    data: what composing training images costs, beside a training step. train: a training step of
    ours, beside the naive one and, where timm is installed, beside timm's.
    """

    what: tyro.conf.Positional[Literal["data", "train"]]
    """What to measure."""
    alpha: float | None = None
    """Width multiplier of the network; None: 0.5 for data, 1 for train."""
    resolution: int = 64
    """Side of the images in pixels."""
    batch_size: int | None = None
    """Images in a batch; None: 128 for data, 64 for train."""
    readings: int = 15
    """Rounds that count, at least 2; each runs everything that is compared once."""
    device: str = "cpu"
    """Where to run: cpu, cuda, ..."""
    compile: bool = False
    """For train: also time our step compiled by torch.compile."""
    seed: int = 0
    """Of the images and the weights."""
    json: bool = False
    """Print JSON, for a program to read."""
    record: bool = False
    """Also write the result to data/results/bench_WHAT.json, with its provenance."""

    def run(self) -> int:
        """Print the measurement; the exit code is 1 if it is over its limit on a CPU."""
        from .. import bench  # brings in torch, which `mobilenet cost` does without

        start = time.perf_counter()
        if self.what == "data":
            if self.compile:
                raise ValueError("compile is for `bench train`; composing data compiles nothing")
            result: Any = bench.bench_data(**self.options(0.5, 128))
            within = result.share < bench.LIMIT
        else:
            from ..bench.training import bench_train

            result = bench_train(**self.options(1.0, 64), compile=self.compile)
            within = result.within_limits
        print(json.dumps(asdict(result), indent=2) if self.json else result)
        if self.record:
            bench.record(f"bench_{self.what}", result, self.seed, time.perf_counter() - start)
        return int(self.device == "cpu" and not within)

    def options(self, alpha: float, batch_size: int) -> dict[str, Any]:
        """What to measure with, where the command line does not say."""
        return {
            "alpha": alpha if self.alpha is None else self.alpha,
            "resolution": self.resolution,
            "batch_size": batch_size if self.batch_size is None else self.batch_size,
            "readings": self.readings,
            "device": self.device,
            "seed": self.seed,
        }
