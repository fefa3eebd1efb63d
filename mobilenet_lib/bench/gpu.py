"""All measurements of a GPU in one go, piece by piece, each piece's record written as it ends.

Every piece is a `mobilenet` command of its own, in a process of its own: what breaks, breaks alone,
and its record names what can be run by itself. A piece whose record is there, from the same command
and the same torch, is not measured again; so the same command goes on after an interrupt, or after
the time was over, and the training from its last checkpoint.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ..files import find_data, read_json, record_result
from ..process import check_device, device_name
from ..text import format_table
from ..train.run import RESULTS

TESTS = "tests"
VISIBLE = "CUDA_VISIBLE_DEVICES"  # by number or name, as torch and all of CUDA read it
"""The piece that measures nothing: the tests that are for an accelerator."""
LETTERS = "letters"
"""The piece that trains: the largest network of chapter 06's grid, until it reads well."""
NEEDED = ("torch", "numpy")
Command = tuple[str, ...]
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Sizes:
    """How large everything is that the pieces measure."""

    network: tuple[str, ...]
    batches: tuple[str, ...]
    """Of the engines in fp16."""
    few: tuple[str, ...]
    """Of what takes longer: in bf16, compiled, and layer by layer."""
    engines: tuple[str, ...]
    readings: str
    training: tuple[str, ...]
    letters: tuple[str, ...]
    tests: tuple[str, ...]
    compiles: bool


FULL = Sizes(
    network=("--alpha", "1.0", "--resolution", "224"),
    batches=("1", "32", "256", "1024"),
    few=("1", "256"),
    engines=("eager", "channels_last", "folded", "cuda-graph"),
    readings="7",
    training=("--resolution", "224", "--batch-size", "256"),
    letters=(
        *("--alpha", "1.0", "--resolution", "56", "--epochs", "9"),
        *("--batch-size", "32", "--rate", "0.1"),
    ),
    tests=("tests/on_an_accelerator.py",),
    compiles=True,
)
TINY = Sizes(
    network=("--alpha", "0.125", "--resolution", "32"),
    batches=("1", "2"),
    few=("1",),
    engines=("eager", "--no-peers"),
    readings="2",
    training=("--alpha", "0.25", "--resolution", "32", "--batch-size", "2"),
    letters=(
        *("--alpha", "0.125", "--resolution", "32", "--epochs", "1"),
        *("--batch-size", "1024", "--plan", "fp32"),
    ),
    tests=("tests/test_timing.py", "-k", "turns or quartiles"),
    compiles=False,  # minutes, whatever the size
)


@dataclass(frozen=True)
class Outcome:
    """What became of one piece."""

    name: str
    state: str
    """"measured", "already there", "not begun" for want of time, or what went wrong."""
    seconds: float

    @property
    def good(self) -> bool:
        """Whether its record is there."""
        return self.state in ("measured", "already there")


@dataclass(frozen=True)
class GpuBench:
    """What became of every piece, and where the records lie."""

    device: str
    folder: str
    pieces: tuple[Outcome, ...]

    @property
    def within_limits(self) -> bool:
        """Whether every piece has its record."""
        return all(piece.good for piece in self.pieces)

    def __str__(self) -> str:
        rows = ((piece.name, piece.seconds, piece.state) for piece in self.pieces)
        lines = [f"{self.device}, records in {self.folder}"]
        lines += format_table({"piece": "", "s": ".0f", "": ""}, rows)
        if not self.within_limits:
            lines.append("The same command goes on with what is left.")
        return "\n".join(lines)


def pieces(device: str, sizes: Sizes) -> dict[str, Command]:
    """The command of each piece, what follows `mobilenet`, by the name of its record.

    What compiles comes last: it takes longest.
    """
    on = ("--device", device)
    timed = (*on, "--readings", sizes.readings)
    whole = ("--slices", sizes.batches[-1])  # no slices: a GPU has no use for them
    first, second = ("fp16", "bf16") if device != "cpu" else ("fp32", "fp32")

    def engines(names: tuple[str, ...], batches: tuple[str, ...], precision: str) -> Command:
        size = ("--batch-sizes", *batches, "--precision", precision)
        return ("bench", "engines", "--engines", *names, *sizes.network, *timed, *whole, *size)

    def layers(batch: str) -> Command:
        size = ("--batch-size", batch, "--precision", first)
        return ("bench", "layers", *sizes.network, *timed, *size)

    every = {
        "machine": ("bench", "machine", *on),
        "engines": engines(sizes.engines, sizes.batches, first),
        "train": ("bench", "train", *timed, *sizes.training),
        **{f"layers_{batch}": layers(batch) for batch in sizes.few},
        "engines_bf16": engines(sizes.engines, sizes.few, second),
        LETTERS: ("train", *sizes.letters, "--device", "cpu" if device == "cpu" else "auto"),
    }
    if sizes.compiles:
        every["engines_compiled"] = engines(("folded", "compiled"), sizes.few, first)
    return every


def bench_gpu(
    device: str = "cuda",
    folder: Path | None = None,
    minutes: float = 9.0,
    tiny: bool = False,
    only: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[str], None] = lambda message: None,
) -> GpuBench:
    """Run every piece whose record is not there yet, until the time is over.

    Parameters
    ----------
    device
        "cuda", or another that torch can use here; "cpu" to try the whole of it.
    folder
        Where the records go, their names begun with the device's; None: `data/results`.
    minutes
        After which no piece is begun and the one that runs is ended; what is recorded stays.
    tiny
        Smallest sizes: whether everything works. The numbers say nothing.
    only
        Names of pieces; empty: all of them.
    seed
        Of weights and images.
    progress
        Told what is being done.

    Raises
    ------
    ValueError
        The device is not there, or no piece has that name.
    """
    where = check_device(device)
    model = device_name(where)
    alone = only_card(where, os.environ)
    place = folder or find_data("results")
    place.mkdir(parents=True, exist_ok=True)
    own = re.sub(r"[^a-z0-9]+", "_", model.lower()).strip("_")
    sizes = TINY if tiny else FULL
    paths = {name: place / f"{own}_{name}.json" for name in (*pieces(where.type, FULL), TESTS)}
    commands: dict[str, list[str]] = {
        name: [
            *(sys.executable, "-m", "mobilenet_lib.cli", *words, "--seed", str(seed)),
            *(("--resume",) if name == LETTERS else ("--record",)),
            *("--out", str(run_folder(paths[name]) if name == LETTERS else paths[name])),
        ]
        for name, words in pieces(where.type, sizes).items()
    }
    # The tests lie beside the library in a checkout only.
    if (ROOT / "tests").is_dir():
        quiet = ("-q", "-p", "no:cacheprovider")
        commands[TESTS] = [sys.executable, "-m", "pytest", *quiet, *sizes.tests]
    if unknown := set(only) - commands.keys():
        raise ValueError(
            f"no piece is called {', '.join(sorted(unknown))}; there are {', '.join(commands)}"
        )
    end = time.monotonic() + 60 * minutes
    done = []
    for name in only or commands:
        start = time.monotonic()
        path = paths[name]
        if is_recorded(path, commands[name]):
            state = "already there"
        elif start >= end:
            state = "not begun: the time is over"
        else:
            progress(f"{name}: {shlex.join(commands[name][1:])}")
            state = run(name, commands[name], path, end - start, alone)
        done.append(Outcome(name, state, time.monotonic() - start))
    return GpuBench(model, str(place), tuple(done))


def is_recorded(path: Path, command: Sequence[str]) -> bool:
    """Whether a piece's record is there, from this very command and this torch."""
    try:
        content = read_json(path)
        origin = content["provenance"]
        # Two records were written here, each other by its own command, which ends in its path.
        own = content["results"].get("command", origin["command"])
        same = shlex.split(own)[1:-1] == list(command[1:-1])
        return bool(same and origin["versions"]["torch"] == metadata.version("torch"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def run_folder(path: Path) -> Path:
    """Where the training whose record is `path` keeps its checkpoint until it has ended."""
    return path.with_suffix("")


def only_card(device: torch.device, environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which `device` is the only GPU of its kind.

    The tests and the training take the first card that they see; so do all pieces, then.
    """
    if device.type != "cuda":
        return dict(environ)
    index = device.index or 0
    seen = environ.get(VISIBLE)
    return {**environ, VISIBLE: seen.split(",")[index] if seen else str(index)}


def run(
    name: str, command: Sequence[str], path: Path, seconds: float, environ: Mapping[str, str]
) -> str:
    """Run one piece for so many seconds at most; what became of it."""
    tests = name == TESTS
    try:
        ended = subprocess.run(
            command,
            cwd=ROOT if tests else None,
            env=environ,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "ended: the time is over"
    last = (ended.stdout.strip().splitlines() or [""])[-1]
    results: dict[str, Any] = {}
    if tests and ended.returncode == 0:
        results = {"tests": last}
    kept = run_folder(path)
    if name == LETTERS and (kept / RESULTS).exists():
        results = read_json(kept / RESULTS)
    if results:
        own = ["python3", *command[1:-1], Path(command[-1]).name]
        results["command"] = shlex.join(own)
        record_result(path.stem, {"results": results}, None, NEEDED, path.parent)
        shutil.rmtree(kept, ignore_errors=True)  # only an interrupted training goes on from it
    # Speed that misses a limit is a result like any other: what counts is whether it is recorded.
    if is_recorded(path, command):
        return "measured"
    said = last if tests else (ended.stderr.strip().splitlines() or [last])[-1]
    return f"failed: {said}"
