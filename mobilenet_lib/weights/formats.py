"""A checkpoint before its weights are read; how safetensors, its shards and .npz are opened.

Names, shapes and types are there at once, numbers when asked for. So a bad file is refused before
it costs memory.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
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
    itemsize: int
    """Bytes of an element."""
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A file that was opened and found harmless; tensors too many or too large are an error."""

    path: Path
    tensors: dict[str, Stored]
    metadata: dict[str, Any] = field(default_factory=dict)
    """What the file says of itself; empty for most."""
    notes: list[str] = field(default_factory=list)
    """What was chosen or assumed, for the caller to be warned of."""

    def __post_init__(self) -> None:
        sizes = [math.prod(stored.shape) * stored.itemsize for stored in self.tensors.values()]
        check_sizes(self.path, sizes)


# --- Limits and messages --------------------------------------------------------------------------


def check_size(path: Path, size: int, what: str = "the file") -> None:
    """Refuse `size` bytes if no MobileNet needs so many."""
    if size > MAX_BYTES:
        raise WeightsError(
            f"{path}: {what} would take {size:,} bytes; at most {MAX_BYTES:,} are read, which is "
            "far more than any MobileNet V1 has"
        )


def check_sizes(path: Path, sizes: list[int]) -> None:
    """Refuse entries of so many bytes if they are too many, or too large together."""
    if len(sizes) > MAX_TENSORS:
        raise WeightsError(
            f"{path} declares {len(sizes):,} tensors; at most {MAX_TENSORS:,} are read, and a "
            "MobileNet V1 has 164"
        )
    check_size(path, sum(sizes), "its tensors")


@contextmanager
def refusing(
    what: str,
    advice: str = "",
    errors: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Iterator[None]:
    """Turn errors inside the block into a WeightsError: `what`, their text, and `advice`.

    On damaged bytes, parsers raise nearly anything.
    """
    try:
        yield
    except WeightsError:
        raise
    except errors as error:
        text = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{what} ({shorten(text)}){advice and f'; {advice}'}") from error


def parse_object(content: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object; one that cannot be read is damage, not absence."""
    with refusing(f"{what} is damaged", errors=(ValueError, TypeError, RecursionError)):
        if len(content) > MAX_HEADER:
            raise ValueError(f"it has over {MAX_HEADER:,} bytes")
        value = json.loads(content)
        if not isinstance(value, dict):
            raise TypeError(f"it holds a {type(value).__name__}, not an object")
    return value


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file, which is not read further than it may be long."""
    with path.open("rb") as file:
        return parse_object(file.read(MAX_HEADER + 1), str(path))


def some(names: Iterable[Any], limit: int = 4) -> str:
    """The first few of `names`, shortened, and how many more there are."""
    listed = [shorten(str(name), 80) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(map(repr, listed[:limit])) + more


def shorten(text: str, length: int = 200) -> str:
    """`text` on one line and at most `length` characters long, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


# --- safetensors, whole and in shards -------------------------------------------------------------

SAFETENSORS_TYPES = {
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "F32": ("float32", 4),
    "F64": ("float64", 8),
    "I64": ("int64", 8),
}
INDEX = ".safetensors.index.json"
SHARD = re.compile(r"[^/\\\0:]+\.safetensors")  # in the same folder, on every system
PART = re.compile(r"(.+)-\d{5}-of-(\d{5})\.safetensors")  # one shard of how many


def is_safetensors(path: Path) -> bool:
    """Whether a file begins with the length of a header, and a header in JSON."""
    with path.open("rb") as file:
        start = file.read(9)
    if len(start) < 9 or start[8:] != b"{":
        return False
    (length,) = struct.unpack("<Q", start[:8])
    return length <= min(MAX_HEADER, path.stat().st_size - 8)


def open_safetensors(path: Path, stack: ExitStack) -> Checkpoint:
    """Open a safetensors file until `stack` is left."""
    if not is_safetensors(path):
        raise WeightsError(
            f"{path} is no safetensors file: it must begin with the length of its header, at most "
            f"{MAX_HEADER:,} bytes, and a header in JSON; it may be damaged or cut short"
        )
    # safetensors itself refuses tensors that overlap, leave holes or reach beyond the file.
    with refusing(f"{path} is a damaged safetensors file", "download it again"):
        file = stack.enter_context(safe_open(path, framework="pt"))
    tensors: dict[str, Stored] = {}
    for name in file.keys():  # noqa: SIM118 - no dictionary: it cannot be iterated over
        piece = file.get_slice(name)
        dtype, itemsize = SAFETENSORS_TYPES.get(piece.get_dtype(), (piece.get_dtype(), 1))
        read = partial(file.get_tensor, name)
        tensors[name] = Stored(tuple(piece.get_shape()), dtype, itemsize, read)
    metadata: dict[str, Any] = {}
    for name, text in (file.metadata() or {}).items():  # safetensors itself only knows text
        try:
            metadata[name] = json.loads(text) if text[:1] in "{[" else text
        except (ValueError, RecursionError):
            metadata[name] = text
    return Checkpoint(path, tensors, metadata)


def open_shards(path: Path, stack: ExitStack) -> Checkpoint:
    """Open all shards that an index names, and take each tensor from the shard it names."""
    places = shard_map(path)
    whole = Checkpoint(path, {})
    shards = sorted(set(places.values()))
    if gone := [shard for shard in shards if not path.with_name(shard).is_file()]:
        raise WeightsError(
            f"{path}: its shard {shorten(gone[0], 80)} is missing; put it beside the index"
        )
    for shard in shards:
        part = open_safetensors(path.with_name(shard), stack)
        named = {name for name, place in places.items() if place == shard}
        if odd := named ^ part.tensors.keys():
            raise WeightsError(
                f"{path} and its shard {shard} differ about {some(sorted(odd), 1)}; the index "
                "belongs to other shards, download all of them again"
            )
        whole = Checkpoint(path, whole.tensors | part.tensors, whole.metadata | part.metadata)
    return whole


def shard_map(path: Path) -> dict[str, str]:
    """Which shard has which tensor, by the index of sharded safetensors.

    One that is damaged, or names a file outside its own folder, is refused.
    """
    with refusing(f"{path} is a damaged index"):
        places = read_object(path)["weight_map"]
        shards = set(places.values())
    if not shards:
        raise WeightsError(f"{path} names no tensor; download it again")
    for shard in shards:
        if not isinstance(shard, str) or not SHARD.fullmatch(shard):
            raise WeightsError(
                f"{path} names {shorten(str(shard), 80)!r}, which is outside its folder or no "
                ".safetensors file"
            )
    return places


# --- NumPy's .npz ---------------------------------------------------------------------------------


def open_npz(path: Path, archive: zipfile.ZipFile) -> Checkpoint:
    """Open an archive of arrays of plain numbers, and of nothing else."""
    tensors: dict[str, Stored] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            raise WeightsError(
                f"{path} is a zip archive with {shorten(name, 80)!r} inside, neither NumPy's .npz "
                "nor torch's .pt; save weights as .safetensors, .npz or with torch.save"
            )
        what = f"{path}: {shorten(name, 80)!r} is no array of plain numbers"
        with refusing(what, "save it with numpy.savez(path, **arrays)"):
            shape, dtype, present = _npy_header(archive, info)
        declared = math.prod(shape) * dtype.itemsize
        if declared != present:
            raise WeightsError(
                f"{path}: {shorten(name, 80)!r} is damaged (its header promises {declared:,} "
                f"bytes, {present:,} are there); download it again"
            )
        tensors[name] = Stored(
            shape, dtype.name, dtype.itemsize, partial(_read_npy, path, archive, info)
        )
    return Checkpoint(path, tensors)


def _read_npy(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Tensor:
    what = f"{path}: {shorten(info.filename, 80)!r} is damaged"
    with refusing(what, "download it again"), archive.open(info) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        return torch.from_numpy(np.array(array, order="C"))


def _npy_header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape and type of an array, and how many bytes follow after them."""
    with archive.open(info) as file:
        read = np.lib.format.read_array_header_1_0
        if np.lib.format.read_magic(file) != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        present = info.file_size - file.tell()
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which can run code when they are read")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape {shape} is below zero")
    return shape, dtype, present
