"""A run's state in one file: written whole or not at all, and refused if a byte of it changed.

The file is a line that says what it is, the SHA-256 of the rest, and the rest: plain tensors and
numbers as torch saves them, read back with weights_only=True, so that no code in it ever runs.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from ..files import write_atomically
from .factory import same_place
from .recipe import PLANS, Recipe

NAME = "training.ckpt"
MAGIC = b"mobilenet_lib training state, version 2\n"
DIGEST = 32
"""Bytes of a SHA-256."""
ELSEWHERE = "choose another folder (--out; of a sweep also --name)"


class CheckpointError(ValueError):
    """A training checkpoint that cannot be used; the message names it and says what to do."""


class CheckpointNotWritten(OSError):
    """The disk refused a checkpoint; the last one that was written is still good."""


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a run's state; if that fails, what stood at `path` is as it was."""
    rest = io.BytesIO()
    torch.save(state, rest)
    content = rest.getbuffer()
    digest = hashlib.sha256(content).digest()
    try:
        for remains in path.parent.glob(f".{path.name}.*.part"):  # of one killed while it wrote
            os.unlink(remains)
        write_atomically(path, b"".join((MAGIC, digest, content)))
    except OSError as error:
        good = f"{path} still holds the last good one" if path.exists() else "there is none yet"
        raise CheckpointNotWritten(
            error.errno or 0,
            f"the checkpoint of step {state.get('step')} could not be written "
            f"({error.strerror or error}); {good}. Make room or the folder writable, then go on "
            "with --resume",
        ) from error


def read_state(path: Path) -> dict[str, Any]:
    """The state that `write_state` wrote, all tensors on the CPU.

    A file that is no checkpoint of a training, is cut short, or was changed is refused.
    """
    content = path.read_bytes()
    start = len(MAGIC) + DIGEST
    if not content.startswith(MAGIC):
        raise CheckpointError(
            f"{path} is no training checkpoint of this version; it begins with "
            f"{content[: len(MAGIC)]!r}. Trained weights to look at with `mobilenet predict` are "
            "another file, net.safetensors"
        )
    if hashlib.sha256(content[start:]).digest() != content[len(MAGIC) : start]:
        raise CheckpointError(
            f"{path} is damaged: its checksum does not fit its {len(content):,} bytes. Copy it "
            "anew, or delete it to start afresh"
        )
    try:
        return torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{path} holds what no checkpoint should: {error}") from error


def find_state(
    path: Path | None, recipe: Recipe, processes: int, resume: bool
) -> dict[str, Any] | None:
    """The state that a run of `recipe` goes on from; None if there is none yet.

    One that `resume` does not ask for is refused, as is one of another number of processes.
    """
    if path is None or not path.exists():
        return None
    if not resume:
        raise CheckpointError(
            f"{path.parent} already holds a run: go on with it (--resume), or choose another "
            "folder (--out)"
        )
    stored = read_state(path)
    check_recipe(path, stored, recipe)
    if (plan := stored["choice"]["plan"]) not in PLANS:
        raise CheckpointError(
            f"{path} computes by the plan {plan}, which this version of the library has no more. "
            f"Go on with an earlier one, or {ELSEWHERE}"
        )
    if len(stored["processes"]) != processes:
        raise CheckpointError(
            f"{path} is of {len(stored['processes'])} processes, here are {processes}; go on with "
            "as many"
        )
    return stored


def check_recipe(path: Path, stored: dict[str, Any], recipe: Recipe) -> None:
    """Refuse a checkpoint or results file of another recipe, or of a version with other ones."""
    try:
        other = Recipe.from_dict(stored["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is of another version of the library, whose recipes are not these ({error}). "
            f"Go on with that version, or {ELSEWHERE}"
        ) from error
    if different := recipe.differences(other):
        raise CheckpointError(
            f"{path} is another recipe's: it has {', '.join(different)}. Give the same options, or "
            f"{ELSEWHERE}"
        )


def check_images(
    path: Path, stored: dict[str, Any], recipe: Recipe, fingerprint: str | None
) -> None:
    """Refuse a checkpoint or results file of other images, wherever those lay.

    They have another fingerprint; or there is none to compare, and another name.
    """
    here, there = recipe.data.dataset, stored["recipe"]["data"]["dataset"]
    before = stored.get("fingerprint")
    same = fingerprint == before if fingerprint and before else same_place(here, there)
    if not same:
        raise CheckpointError(
            f"{path} is of other images than those in {here}: of {there} as it was then. Put them "
            f"back, give the same, or {ELSEWHERE}"
        )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder meanwhile; refuse it if one does.

    A killed one does not count: the system releases what it held.
    """
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise CheckpointError(
            f"another process is training in {folder}; wait for it, or choose another folder "
            "(--out)"
        ) from error
    except NotImplementedError:
        pass  # some clusters' file systems have no locks; one can train there all the same
    except OSError as error:
        raise CheckpointNotWritten(
            error.errno or 0,
            f"{folder} cannot be written ({error.strerror or error}); make it writable, or choose "
            "another folder (--out)",
        ) from error
    try:
        yield
    finally:
        lock.release()
