"""A run's state in one file: written whole or not at all, and refused if a byte of it changed.

The file is a line that says what it is, the SHA-256 of the rest, and the rest: plain tensors and
numbers as torch saves them, read back with weights_only=True, so that no code in it ever runs.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from ..files import write_atomically

NAME = "training.ckpt"
MAGIC = b"mobilenet_lib training state, version 1\n"
DIGEST = 32
"""Bytes of a SHA-256."""


class CheckpointError(ValueError):
    """A training checkpoint that cannot be used; the message names it and says what to do."""


class CheckpointNotWritten(OSError):
    """The disk refused a checkpoint; the last one that was written is still good."""


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a run's state; if that fails, what stood at `path` is as it was.

    Raises
    ------
    CheckpointNotWritten
        The disk is full, the folder is read-only, ...
    """
    rest = io.BytesIO()
    torch.save(state, rest)
    content = rest.getbuffer()
    digest = hashlib.sha256(content).digest()
    try:
        clear_remains(path)
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

    Raises
    ------
    FileNotFoundError
        There is none.
    CheckpointError
        The file is no checkpoint of a training, is cut short, or was changed.
    """
    content = path.read_bytes()
    start = len(MAGIC) + DIGEST
    if not content.startswith(MAGIC):
        raise CheckpointError(
            f"{path} is no training checkpoint of this version; it begins with {content[:24]!r}. "
            "Trained weights to look at with `mobilenet predict` are another file, net.safetensors"
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


def clear_remains(path: Path) -> None:
    """Delete what a program left that was killed while it wrote `path`."""
    for remains in path.parent.glob(f".{path.name}.*.part"):
        os.unlink(remains)
