"""`mobilenet bench`: measurements on this machine."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import tyro

What = Literal["engines", "layers", "sparse", "machine", "sixteen", "int8", "data", "train"]
COMMON = ("readings", "device", "seed")
ONE_SIZE = ("alpha", "resolution", "batch_size", *COMMON)
WITH_THREADS = (*COMMON, "threads", "cores")
# Which options each measurement has; all others are refused, for who gives one expects an effect.
OPTIONS: dict[str, tuple[str, ...]] = {
    "engines": (
        *("engines", "alpha", "resolution", "batch_sizes", "slices", "precision", "no_peers"),
        *(*WITH_THREADS, "submit"),
    ),
    "layers": (*ONE_SIZE, "precision", "threads", "cores"),
    "sparse": ("batch_size", *WITH_THREADS),
    "machine": WITH_THREADS,
    "sixteen": ("batch_size", "precision", *WITH_THREADS),
    "int8": ("seed",),
    "data": ONE_SIZE,
    "train": (*ONE_SIZE, "compile"),
}


@dataclass(frozen=True)
class Bench:
    """Measure on this machine.

    engines: ways to run the network, and other libraries' MobileNets, checked and then timed side
    by side. layers: each layer's time against its mult-adds and bytes. sparse: a pruned layer
    against the whole one. machine: what it can do at most. sixteen: the paper's widths and
    resolutions, measured and predicted. int8: accuracy in eight bits; no time. data: composing
    training images, beside a training step. train: a training step of ours beside others.
    """

    what: tyro.conf.Positional[What] = "engines"
    """What to measure."""
    alpha: float | None = None
    """Width multiplier of the network; 1, for data 0.5."""
    resolution: int | None = None
    """Side of the images in pixels; 224, for data and train 64."""
    batch_size: int | None = None
    """Images in a batch; for layers, sparse and sixteen 1, for data 128, for train 64."""
    readings: int | None = None
    """Rounds that count, at least 2; each runs everything that is compared."""
    device: str | None = None
    """Where to run: cpu, which is the default, cuda, ..."""
    threads: int | None = None
    """For all but data and train: threads of a CPU; as many as torch takes by itself."""
    cores: tuple[int, ...] | None = None
    """Where threads can be set: run on these cores only, by the system's numbers (Linux)."""
    seed: int | None = None
    """Of the images and the weights; 0."""
    engines: tuple[str, ...] | None = None
    """For engines: which, by name, or all, which is the default."""
    batch_sizes: tuple[int, ...] | None = None
    """For engines: images at a time, one size or more; 1 and 32."""
    slices: tuple[int, ...] | None = None
    """For engines: run larger batches also in parts of so many images; 1 and 4."""
    precision: Literal["fp32", "fp16", "bf16"] | None = None
    """For engines (those of torch itself), layers and sixteen; fp32, for engines on a GPU fp16."""
    no_peers: bool = False
    """For engines: leave out timm, transformers and torchvision."""
    submit: Path | None = None
    """For engines: also write a report to this file, for others to compare with."""
    compare: tuple[Path, Path] | None = None
    """Measure nothing: put two reports side by side."""
    compile: bool = False
    """For train: also time our step compiled by torch.compile."""
    json: bool = False
    """Print JSON, for a program to read."""
    record: bool = False
    """Also write the result to data/results/bench_WHAT.json, with its provenance."""

    def run(self) -> int:
        """Print the measurement; the exit code is 1 if a check failed or a limit is missed.

        For engines: if one that is here did not run or computed something else than eager. For
        data and train: on a CPU over its limit; for layers, sixteen and int8: off theirs. Speed
        that depends on what is installed fails nothing.
        """
        given = self.given()
        if self.compare is not None:
            return self.side_by_side(given)
        allowed = OPTIONS[self.what]
        for name in given:
            if name not in allowed:
                raise ValueError(
                    f"{option(name)} is not for `bench {self.what}`, which takes "
                    f"{', '.join(map(option, allowed))}, --json, --record"
                )
        if self.submit is not None and self.submit.is_dir():  # better now than in ten minutes
            raise IsADirectoryError(f"--submit takes a file's name, and {self.submit} is a folder")
        pin(given.pop("cores", None))  # before torch starts its threads, which inherit it
        from .. import bench  # brings in torch, which `mobilenet cost` does without

        start = time.perf_counter()
        result, told, good = getattr(self, f"_{self.what}")(given)
        seconds = time.perf_counter() - start
        if not self.json:
            print(result)
        if self.what == "engines":
            from ..bench.report import make_report, write_report

            told = make_report(result, seconds)
            if self.submit is not None:
                write_report(self.submit, told)
        if self.json:
            print(json.dumps(told, indent=2))
        if self.record:
            bench.record(f"bench_{self.what}", told, given.get("seed", 0), seconds)
        return int(not good)

    def given(self) -> dict[str, Any]:
        """The options that the command line names, without those that any measurement has."""
        always = ("what", "compare", "json", "record")
        values = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in always
        }
        return {
            name: value
            for name, value in values.items()
            if value is not None and value is not False
        }

    def side_by_side(self, given: dict[str, Any]) -> int:
        """Compare two reports."""
        others = [option(name) for name in given] + ["--record"] * self.record
        if self.what != "engines":
            others.insert(0, self.what)
        if others:
            raise ValueError(
                f"--compare takes two reports and measures nothing, so {', '.join(others)} cannot "
                "go with it"
            )
        from ..bench.compare import compare
        from ..bench.report import read_report

        first, second = map(read_report, self.compare or ())
        found = compare(first, second)
        print(json.dumps(asdict(found), indent=2) if self.json else found)
        return 0

    def _engines(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.engines import bench_engines

        options = {name: value for name, value in given.items() if name != "submit"}
        options["names"] = options.pop("engines", ("all",))
        options["with_peers"] = not options.pop("no_peers", False)
        result = bench_engines(**options, progress=say)
        return result, None, not result.failed

    def _layers(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.layers import bench_layers

        return judged(bench_layers(**batch(given)))

    def _sixteen(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.paper_models import bench_paper_models

        return judged(bench_paper_models(**batch(given)))

    def _int8(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.int8 import bench_int8

        return judged(bench_int8(**given))

    def _sparse(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.sparse import bench_sparse

        result = bench_sparse(**batch(given))
        return result, asdict(result), True

    def _machine(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.peaks import bench_peaks

        result = bench_peaks(**given)
        return result, asdict(result), True

    def _data(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from .. import bench

        result = bench.bench_data(**given)
        good = result.share < bench.LIMIT
        return result, asdict(result), good or self.on_accelerator

    def _train(self, given: dict[str, Any]) -> tuple[Any, Any, bool]:
        from ..bench.training import bench_train

        result = bench_train(**given)
        return result, asdict(result), result.within_limits or self.on_accelerator

    @property
    def on_accelerator(self) -> bool:
        """Whether the limits, which are for a CPU, do not count."""
        return self.device not in (None, "cpu")


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


def judged(result: Any) -> tuple[Any, Any, bool]:
    """A result that knows its own limits."""
    return result, asdict(result), result.within_limits


def batch(given: dict[str, Any]) -> dict[str, Any]:
    """The options under the names that measurements of one batch have for them."""
    return {"batch" if name == "batch_size" else name: value for name, value in given.items()}


def option(name: str) -> str:
    """A field's name as the command line spells it."""
    return f"--{name.replace('_', '-')}"


def say(message: str) -> None:
    """Tell what is being done, where it does not mix with the result."""
    print(f"{message} ...", file=sys.stderr)
