"""A checkpoint before its weights are read: names, shapes and types, and how to get the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

FLOATS = ("float16", "bfloat16", "float32", "float64")
# A MobileNet of alpha 1.4 has 25 MB, one of full convolutions 117 MB; Keras' optimizer triples it.
MAX_BYTES = 2**29
# Names, shapes and metadata: 20 kB for a MobileNet, 60 kB with the names of 1,001 classes.
MAX_HEADER = 2**22
MAX_TENSORS = 10_000


class WeightsError(ValueError):
    """A checkpoint that cannot be used; the message says why, and what would be right."""


@dataclass(frozen=True)
class Stored:
    """One tensor in a file. Its shape is known; its numbers are read when asked for."""

    shape: tuple[int, ...]
    dtype: str
    """The element type's name in torch and NumPy, such as "float32"."""
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Opened:
    """A checkpoint file that was opened and found harmless."""

    path: Path
    tensors: dict[str, Stored]
    metadata: dict[str, Any] = field(default_factory=dict)
    """What the file says of itself; empty for most."""


def check_size(path: Path, size: int, what: str = "the file") -> None:
    """Refuse `size` bytes if no MobileNet needs so many."""
    if size > MAX_BYTES:
        raise WeightsError(
            f"{path}: {what} would take {size:,} bytes; at most {MAX_BYTES:,} are read, which is "
            "far more than any MobileNet V1 has"
        )


def check_declared(path: Path, sizes: Iterable[tuple[tuple[int, ...], int]]) -> None:
    """Refuse (shape, bytes an element) pairs that declare too many or too large tensors."""
    pairs = list(sizes)
    if len(pairs) > MAX_TENSORS:
        raise WeightsError(
            f"{path} declares {len(pairs):,} tensors; at most {MAX_TENSORS:,} are read, and a "
            "MobileNet V1 has 164"
        )
    check_size(path, sum(math.prod(shape) * each for shape, each in pairs), "its tensors")


def some(names: Iterable[Any], limit: int = 4) -> str:
    """The first few of `names`, shortened, and how many more there are."""
    listed = [shorten(str(name), 80) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(map(repr, listed[:limit])) + more


def shorten(text: str, length: int = 200) -> str:
    """`text` on one line and at most `length` characters long, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
