"""`mobilenet bench`: measurements on this machine, each a subcommand with options of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from ..text import option

Precision = Literal["fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class Measurement:
    """What every measurement has: a seed, and what is done with the result."""

    seed: int = 0
    """Seed of the images and the weights."""
    json: bool = False
    """Print JSON, for a program to read."""
    record: bool = False
    """Also write the result to data/results/bench_WHAT.json, with its provenance."""

    def measure(self) -> tuple[Any, bool]:
        """The result, and whether it keeps its limits."""
        raise NotImplementedError

    def run(self) -> int:
        """Print the measurement; the exit code is 1 if a limit is missed or a check failed.

        Speed that depends on what is installed fails nothing.
        """
        start = time.perf_counter()
        result, good = self.measure()
        seconds = time.perf_counter() - start
        content = self.content(result, seconds)
        print(json.dumps(content, indent=2) if self.json else result)
        self.write(content, seconds)
        return int(not good)

    def content(self, result: Any, seconds: float) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(result)

    def write(self, content: dict[str, Any], seconds: float) -> None:
        """Record the result if asked to."""
        if self.record:
            from ..bench import record

            record(f"bench_{type(self).__name__.lower()}", content, self.seed, seconds)

    def options(self, *others: str) -> dict[str, Any]:
        """The fields that the library's function takes, `others` left out."""
        left_out = {"json", "record", "cores", *others}
        names = [each.name for each in fields(self) if each.name not in left_out]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Sized(Measurement):
    """A measurement of one network."""

    alpha: float = 1.0
    """Width multiplier of the network."""
    resolution: int = 224
    """Side of the images in pixels."""


@dataclass(frozen=True)
class Timed(Measurement):
    """A measurement with a clock."""

    readings: int = 15
    """Rounds that count, at least 2; each runs everything that is compared."""
    device: str = "cpu"
    """Device to run on: cpu, cuda, or another that torch can use here."""

    @property
    def on_accelerator(self) -> bool:
        """Whether the limits, which are for a CPU, do not count."""
        return self.device != "cpu"


@dataclass(frozen=True)
class OnCores(Timed):
    """A measurement whose threads can be set."""

    threads: int | None = None
    """Threads of a CPU; None takes as many as torch does by itself."""
    cores: tuple[int, ...] | None = None
    """Cores to run on, by the system's numbers (Linux); None takes them all."""

    def run(self) -> int:
        """Measure on the cores that are asked for."""
        pin(self.cores)  # before torch starts its threads, which inherit it
        return super().run()


@dataclass(frozen=True)
class OneBatch(OnCores):
    """A measurement with batches of one size."""

    batch_size: int = 1
    """Images in a batch."""

    def options(self, *others: str) -> dict[str, Any]:
        """The fields, the size of a batch under the name that these functions have for it."""
        return super().options("batch_size", *others) | {"batch": self.batch_size}


@dataclass(frozen=True)
class Engines(Sized, OnCores):
    """Time ways to run the network, and other libraries' MobileNets, checked first.

    This is what is measured if nothing is named. The exit code is 1 if an engine that is here did
    not run, or computed something else than eager does.
    """

    engines: tuple[str, ...] = ("all",)
    """Engines to measure, by name, or all."""
    batch_sizes: tuple[int, ...] = (1, 32)
    """Images at a time, one size or more."""
    slices: tuple[int, ...] = (1, 4)
    """Sizes of the parts that larger batches are also run in."""
    precision: Precision | None = None
    """Numbers that torch's own engines compute in; None takes fp32, on a GPU fp16."""
    no_peers: bool = False
    """Leave out timm, transformers and torchvision."""
    submit: Path | None = None
    """File to write a report to, for others to compare with."""
    compare: tuple[Path, Path] | None = None
    """Reports to put side by side; nothing is measured then."""

    def run(self) -> int:
        """Measure, or compare two reports."""
        if self.compare is not None:
            return self.side_by_side(*self.compare)
        if self.submit is not None and self.submit.is_dir():  # better now than in ten minutes
            raise IsADirectoryError(f"--submit takes a file's name, and {self.submit} is a folder")
        return super().run()

    def measure(self) -> tuple[Any, bool]:
        """Every engine, checked and then timed side by side."""
        from ..bench.engines import bench_engines

        result = bench_engines(
            names=self.engines,
            with_peers=not self.no_peers,
            progress=lambda message: print(f"{message} ...", file=sys.stderr),
            **self.options("engines", "no_peers", "submit", "compare"),
        )
        return result, not result.failed

    def content(self, result: Any, seconds: float) -> dict[str, Any]:
        """The result as a report."""
        from ..bench.report import make_report

        return make_report(result, seconds)

    def write(self, content: dict[str, Any], seconds: float) -> None:
        """Submit and record the report if asked to."""
        if self.submit is not None:
            from ..bench.report import write_report

            write_report(self.submit, content)
        super().write(content, seconds)

    def side_by_side(self, first: Path, second: Path) -> int:
        """Compare two reports."""
        if others := [
            option(each.name)
            for each in fields(self)
            if each.name not in ("compare", "json") and getattr(self, each.name) != each.default
        ]:
            raise ValueError(
                f"--compare takes two reports and measures nothing, so {', '.join(others)} cannot "
                "go with it"
            )
        from ..bench.compare import compare
        from ..bench.report import read_report

        result = compare(read_report(first), read_report(second))
        print(json.dumps(asdict(result), indent=2) if self.json else result)
        return 0


@dataclass(frozen=True)
class Layers(Sized, OneBatch):
    """Time each layer, beside its mult-adds and bytes. The layers must add up to the whole."""

    precision: Precision = "fp32"
    """Numbers to compute in."""

    def measure(self) -> tuple[Any, bool]:
        """Each layer's time."""
        from ..bench.layers import bench_layers

        result = bench_layers(**self.options())
        return result, result.within_limits


@dataclass(frozen=True)
class Sparse(OneBatch):
    """Time a pruned layer against the whole one."""

    def measure(self) -> tuple[Any, bool]:
        """Dense and sparse products."""
        from ..bench.sparse import bench_sparse

        return bench_sparse(**self.options()), True


@dataclass(frozen=True)
class Machine(OnCores):
    """Measure what this machine can do at most: products in several precisions, and copies."""

    readings: int = 7

    def measure(self) -> tuple[Any, bool]:
        """The machine's peaks."""
        from ..bench.peaks import bench_peaks

        return bench_peaks(**self.options()), True


@dataclass(frozen=True)
class Sixteen(OneBatch):
    """Time the paper's widths and resolutions, and predict them from one profile and a roofline."""

    precision: Precision = "fp32"
    """Numbers to compute in."""

    def measure(self) -> tuple[Any, bool]:
        """All sixteen, measured and predicted."""
        from ..bench.paper_models import bench_paper_models

        result = bench_paper_models(**self.options())
        return result, result.within_limits


@dataclass(frozen=True)
class Int8(Measurement):
    """Measure accuracy in eight bits, and no time."""

    def measure(self) -> tuple[Any, bool]:
        """Accuracy with weights of fewer bits."""
        from ..bench.int8 import bench_int8

        result = bench_int8(**self.options())
        return result, result.within_limits


@dataclass(frozen=True)
class Data(Sized, Timed):
    """Time composing training images, beside the training step that they feed."""

    alpha: float = 0.5
    resolution: int = 64
    batch_size: int = 128
    """Images in a batch."""

    def measure(self) -> tuple[Any, bool]:
        """What a batch costs."""
        from .. import bench

        result = bench.bench_data(**self.options())
        return result, result.share < bench.LIMIT or self.on_accelerator


@dataclass(frozen=True)
class Train(Sized, Timed):
    """Time a training step of ours beside others."""

    resolution: int = 64
    batch_size: int = 64
    """Images in a batch."""
    compile: bool = False
    """Also time our step compiled by torch.compile."""

    def measure(self) -> tuple[Any, bool]:
        """A step of ours and of others."""
        from ..bench.training import bench_train

        result = bench_train(**self.options())
        return result, result.within_limits or self.on_accelerator


@dataclass(frozen=True)
class Bench:
    """Measure on this machine: engines, if nothing else is named."""

    what: Engines | Layers | Sparse | Machine | Sixteen | Int8 | Data | Train = Engines()

    def run(self) -> int:
        """Measure what was asked for."""
        return self.what.run()


MEASUREMENTS = {kind.__name__.lower(): kind for kind in get_args(get_type_hints(Bench)["what"])}


def pin(cores: tuple[int, ...] | None) -> None:
    """Keep this process on some of the cores it may use; None leaves it where it is.

    Raises
    ------
    ValueError
        The system cannot do it, or a core is not among those.
    """
    if cores is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError("--cores is for Linux; elsewhere use the system's own tools")
    usable = os.sched_getaffinity(0)
    if not cores or not set(cores) <= usable:
        raise ValueError(
            f"--cores takes some of the cores that this process may use, "
            f"{', '.join(map(str, sorted(usable)))}; got {' '.join(map(str, cores)) or 'none'}"
        )
    os.sched_setaffinity(0, cores)
