"""A grid of runs: which there are, which are done, and doing the rest, several at a time.

Each run is a `mobilenet train` of its own, in a process of its own: what fails, fails alone, and a
cluster's scheduler can start the very same commands.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import machine
from ..files import read_json, write_atomically
from ..text import option
from ..validation import check_int
from .checkpoint import CheckpointError, check_images, check_recipe
from .factory import fingerprint, load_data
from .recipe import RECIPES, Recipe, flat
from .run import RESULTS

GPUS_VARIABLE = "CUDA_VISIBLE_DEVICES"


def grid(base: Recipe, **values: Sequence[Any]) -> list[Recipe]:
    """One recipe for every combination of values: `grid(base, seed=(0, 1), alpha=(1.0, 0.5))`.

    The last name changes fastest. So with seeds first, the first runs already show the whole grid.

    Raises
    ------
    ValueError
        A name has no value, one twice or an impossible one; or no recipe has a value of that name.
    """
    for name, several in values.items():
        if not several or len(set(several)) < len(several):
            raise ValueError(f"{name} needs at least one value, each once; got {tuple(several)}")
    every = itertools.product(*values.values())
    return [base.changed(**dict(zip(values, each, strict=True))) for each in every]


@dataclass(frozen=True)
class GridRun:
    """One run of a grid."""

    recipe: Recipe
    folder: Path
    """Its checkpoint and network."""
    results: Path
    """Its results file."""
    command: tuple[str, ...]


def label(recipe: Recipe) -> str:
    """A run's name, such as "0.5_64_separable_seed0"."""
    size = recipe.network
    return f"{size.alpha:g}_{size.resolution}_{size.body}_seed{recipe.seed}"


def changed_options(recipe: Recipe) -> list[str]:
    """The options by which a recipe differs from the one it starts from."""
    start, options = flat(RECIPES[recipe.name]), []
    for name, value in flat(recipe).items():
        if name != "seed" and value != start[name]:
            options += [option(name)] if value is True else [option(name), str(value)]
    return options


Prints = dict[str, str | None]
"""Fingerprints of data sets by their names, to take each one's only once."""


def is_done(run: GridRun, prints: Prints) -> bool:
    """Whether a run's results are there; those in its folder, by a scheduler say, are collected.

    Another recipe's are refused, those of other images, and what are no results.
    """
    if _holds(run.results, run.recipe, prints):
        return True
    if not _holds(run.folder / RESULTS, run.recipe, prints):
        return False
    write_atomically(run.results, (run.folder / RESULTS).read_bytes())
    return True


def _holds(path: Path, recipe: Recipe, prints: Prints) -> bool:
    if not path.is_file():
        return False
    try:
        content = read_json(path)
    except ValueError as error:
        raise CheckpointError(
            f"{path} is no results file of a run ({error}); move it away"
        ) from error
    check_recipe(path, content, recipe)
    own = _fingerprint(recipe, prints) if content.get("fingerprint") else None
    check_images(path, content, recipe, own)
    return True


def _fingerprint(recipe: Recipe, prints: Prints) -> str | None:
    """Of a recipe's data; None if it lies elsewhere, and results are only collected here."""
    name = recipe.data.dataset
    if name not in prints:
        try:
            both = (load_data(recipe, split, torch.device("cpu")) for split in ("train", "test"))
            prints[name] = fingerprint(*both)
        except FileNotFoundError:
            prints[name] = None
    return prints[name]


def environments(jobs: int) -> list[dict[str, str]]:
    """Variables for each of several runs at a time: its share of the cores, and one of the GPUs."""
    if jobs == 1:
        return [dict(os.environ)]
    threads = max(1, machine.processor().threads // jobs)
    named = os.environ.get(GPUS_VARIABLE)
    gpus = named.split(",") if named else [str(i) for i in range(torch.cuda.device_count())]
    made = [dict(os.environ, OMP_NUM_THREADS=str(threads)) for _ in range(jobs)]
    for job, variables in enumerate(made):
        if gpus:
            variables[GPUS_VARIABLE] = gpus[job % len(gpus)]
    return made


def run_all(runs: Sequence[GridRun], jobs: int, say: Callable[[str], Any]) -> list[GridRun]:
    """Do what is left of a grid, `jobs` runs at a time; returns the runs that failed.

    An interrupt reaches every run, which saves its state; the same command goes on.
    """
    jobs = check_int("jobs", jobs, 1)
    prints: Prints = {}
    left = [run for run in runs if not is_done(run, prints)]
    say(f"{len(runs)} runs, {len(runs) - len(left)} already done")
    free, own = iter(environments(jobs)), threading.local()
    failed: list[GridRun] = []
    lock, started = threading.Lock(), itertools.count(1)

    def begin() -> None:
        own.environment = next(free)  # there is one for each thread of the pool

    def do(run: GridRun) -> None:
        with lock:
            say(f"[{next(started)} of {len(left)}] {label(run.recipe)}")
        run.folder.mkdir(parents=True, exist_ok=True)
        with open(run.folder / "log.txt", "ab") as log:
            code = subprocess.call(run.command, stdout=log, stderr=log, env=own.environment)
        with lock:
            if code:
                failed.append(run)
                say(f"{label(run.recipe)} ended with code {code}; see {run.folder / 'log.txt'}")
                return
            content = (run.folder / RESULTS).read_text("utf-8")
            write_atomically(run.results, content)
            say(f"{label(run.recipe)}: {json.loads(content)['test_accuracy']:.1%}")

    with ThreadPoolExecutor(jobs, initializer=begin) as pool:
        list(pool.map(do, left))  # at an interrupt or error, it starts no more of them
    return failed
