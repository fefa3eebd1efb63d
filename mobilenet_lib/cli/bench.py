"""`mobilenet bench`: measurements on this machine, each a subcommand with options of its own."""

from __future__ import annotations

import json
import os
import pkgutil
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from ..files import record_result
from ..paper import ALPHAS, RESOLUTIONS
from ..text import option
from ..validation import check_positive

Precision = Literal["fp32", "fp16", "bf16"]
NOT_MEASURED = ("json", "record", "out", "cores", "submit", "compare")
"""Options of the command, which the library's function does not take."""


@dataclass(frozen=True)
class Measurement:
    """What every measurement has: a seed, and what is done with the result."""

    seed: int = 0
    """Seed of the images and the weights."""
    json: bool = False
    """Print JSON, for a program to read."""
    record: bool = False
    """Also write the result to data/results/bench_WHAT.json, with its provenance."""
    out: Path | None = None
    """File to write it to instead."""

    function: ClassVar[str]
    """What measures: looked up by name, since it brings in torch, which --help has no need of."""

    def measure(self) -> Any:
        """What the library's function finds."""
        return pkgutil.resolve_name(self.function)(**self.options())

    def options(self) -> dict[str, Any]:
        """The fields under the names that the library's function has for them."""
        names = [each.name for each in fields(self) if each.name not in NOT_MEASURED]
        return {name: getattr(self, name) for name in names}

    def is_good(self, result: Any) -> bool:
        """Whether the result keeps its limits, if it has any."""
        return getattr(result, "within_limits", True)

    def run(self) -> int:
        """Print the measurement; the exit code is 1 if a limit is missed or a check failed.

        Speed that depends on what is installed fails nothing.
        """
        if self.out is not None and not (self.record and self.out.suffix == ".json"):
            raise ValueError("--out names the .json file that --record writes, and goes with it")
        start = time.perf_counter()
        result = self.measure()
        seconds = time.perf_counter() - start
        content = self.content(result, seconds)
        print(json.dumps(content, indent=2) if self.json else result)
        self.write(content, seconds)
        return int(not self.is_good(result))

    def content(self, result: Any, seconds: float) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(result)

    def write(self, content: dict[str, Any], seconds: float) -> None:
        """Record the result if asked to."""
        if self.record:
            name = self.out.stem if self.out else f"bench_{type(self).__name__.lower()}"
            recorded = {"results": content, "wall_time_s": round(seconds, 1)}
            folder = self.out.parent if self.out else None
            record_result(name, recorded, self.seed, ("torch", "numpy"), folder)


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


@dataclass(frozen=True)
class OnCores(Timed):
    """A measurement whose threads can be set."""

    threads: int | None = None
    """Threads of a CPU; None takes as many as torch does by itself."""
    cores: tuple[int, ...] | None = None
    """Cores to run on, by the system's numbers (Linux); None takes them all."""

    def run(self) -> int:
        """Measure on the cores that are asked for."""
        if self.cores is not None:
            if not hasattr(os, "sched_setaffinity"):
                raise ValueError("--cores is for Linux; elsewhere use the system's own tools")
            usable = os.sched_getaffinity(0)
            if not self.cores or not set(self.cores) <= usable:
                raise ValueError(
                    f"--cores takes some of the cores that this process may use, "
                    f"{', '.join(map(str, sorted(usable)))}; got "
                    f"{' '.join(map(str, self.cores)) or 'none'}"
                )
            os.sched_setaffinity(0, self.cores)  # torch's threads start later and inherit it
        return super().run()


@dataclass(frozen=True)
class OneBatch(OnCores):
    """A measurement with batches of one size."""

    batch_size: int = 1
    """Images in a batch."""


@dataclass(frozen=True)
class Engines(Sized, OnCores):
    """Time ways to run the network, and other libraries' MobileNets, checked first.

    This is what is measured if nothing is named. The exit code is 1 if an engine that is here did
    not run, or computed something else than eager does.
    """

    function = "mobilenet_lib.bench.engines:bench_engines"

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

    def options(self) -> dict[str, Any]:
        """The fields as `bench_engines` names them, and where to say what is being done."""
        values = super().options()
        values["names"], values["with_peers"] = values.pop("engines"), not values.pop("no_peers")
        values["progress"] = lambda message: print(f"{message} ...", file=sys.stderr)
        return values

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

    function = "mobilenet_lib.bench.layers:bench_layers"

    precision: Precision = "fp32"
    """Numbers to compute in."""


@dataclass(frozen=True)
class Sparse(OneBatch):
    """Time a pruned layer against the whole one."""

    function = "mobilenet_lib.bench.sparse:bench_sparse"


@dataclass(frozen=True)
class Machine(OnCores):
    """Measure what this machine can do at most: products in several precisions, and copies."""

    function = "mobilenet_lib.bench.peaks:bench_peaks"

    readings: int = 7


@dataclass(frozen=True)
class Sixteen(OneBatch):
    """Time the paper's widths and resolutions, and two more bodies, and predict them all.

    By a roofline and one network's profile, and by a table of shapes of layers, measured beside
    them. The exit code is 1 if the table is off by more than 15 %, or 7 % in the middle.
    """

    function = "mobilenet_lib.bench.paper_models:bench_paper_models"

    precision: Precision = "fp32"
    """Numbers to compute in."""
    alphas: tuple[float, ...] = ALPHAS
    """Widths of the networks; the other bodies have the first one."""
    resolutions: tuple[int, ...] = RESOLUTIONS
    """Sides of the images in pixels; the other bodies take the first one."""


@dataclass(frozen=True)
class Int8(Measurement):
    """Measure accuracy in eight bits, and no time."""

    function = "mobilenet_lib.bench.quality:bench_int8"


@dataclass(frozen=True)
class OfTraining(Sized, Timed):
    """A measurement of training steps, whose limits are for a CPU."""

    resolution: int = 64
    batch_size: int = 64
    """Images in a batch."""

    def is_good(self, result: Any) -> bool:
        """Whether the result keeps its limits, which do not count on an accelerator."""
        return self.device != "cpu" or super().is_good(result)


@dataclass(frozen=True)
class Data(OfTraining):
    """Time composing training images, beside the training step that they feed."""

    function = "mobilenet_lib.bench:bench_data"

    alpha: float = 0.5
    batch_size: int = 128


@dataclass(frozen=True)
class Train(OfTraining):
    """Time a training step of ours beside others."""

    function = "mobilenet_lib.bench.training:bench_train"

    compile: bool = False
    """Also time our step compiled by torch.compile."""


@dataclass(frozen=True)
class Gpu(Measurement):
    """Measure everything on a GPU, piece by piece; what is recorded is not measured again.

    Each piece's record is written as it ends, so --record says nothing new, and may be left out.
    """

    device: str = "cuda"
    """Device to measure; cpu, with --tiny, to try the whole of it."""
    out: Path | None = None
    """Folder for the records, their names begun with the GPU's; None takes data/results/."""
    minutes: float = 9.0
    """Minutes after which no piece is begun, and the one that runs is ended."""
    tiny: bool = False
    """Take the smallest sizes, to see whether everything works."""
    only: tuple[str, ...] = ()
    """Pieces to run, by name, in place of all."""

    function = "mobilenet_lib.bench.gpu:bench_gpu"

    def run(self) -> int:
        """Measure; the exit code is 1 if a piece has no record."""
        result = self.measure()
        print(json.dumps(asdict(result), indent=2) if self.json else result)
        return int(not result.within_limits)

    def options(self) -> dict[str, Any]:
        """The fields as `bench_gpu` names them, and where to say what is being done."""
        check_positive("minutes", self.minutes)
        values = super().options() | {"folder": self.out}
        values["progress"] = lambda message: print(message, file=sys.stderr)
        return values


@dataclass(frozen=True)
class Bench:
    """Measure on this machine: engines, if nothing else is named."""

    what: Engines | Layers | Sparse | Machine | Sixteen | Int8 | Data | Train | Gpu = Engines()

    def run(self) -> int:
        """Measure what was asked for."""
        return self.what.run()


MEASUREMENTS = {kind.__name__.lower(): kind for kind in get_args(get_type_hints(Bench)["what"])}
