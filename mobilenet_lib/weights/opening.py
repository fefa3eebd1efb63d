"""Opening checkpoint files of every kind, and telling from the content what kind each is."""

from __future__ import annotations

import io
import json
import math
import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from . import hdf5, pickled
from .stored import (
    MAX_HEADER,
    Opened,
    Stored,
    WeightsError,
    check_declared,
    check_size,
    shorten,
    some,
)

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".npz", ".h5", ".hdf5", ".keras")
READABLE = "a .safetensors, .pt (torch.save), .npz, .h5 or .keras file"
SAFETENSORS_TYPES = {
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "F32": ("float32", 4),
    "F64": ("float64", 8),
    "I64": ("int64", 8),
}
BYTES = dict(SAFETENSORS_TYPES.values())
NPY_SUFFIX = ".npy"
INDEX = ".safetensors.index.json"
SHARD = re.compile(r"[^/\\\0:]+\.safetensors")  # in the same folder, on every system
PART = re.compile(r"(.+)-\d{5}-of-(\d{5})\.safetensors")
MAX_SHARDS = 100
OTHERS = "the index belongs to other shards; download all of them again"


@contextmanager
def opened(path: Path, state: str | None = None) -> Iterator[Opened]:
    """Open a checkpoint; tensors can be read inside the block.

    Parameters
    ----------
    path
        The file.
    state
        Which of several states in a .pt file; None chooses.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    WeightsError
        It is not a checkpoint, damaged, too large, or would run code.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {str(path)!r}; {READABLE} is needed")
    check_size(path, path.stat().st_size)
    start = _start(path)
    is_torch = False
    with ExitStack() as stack:
        if path.name.endswith(INDEX):
            found = _sharded(path, stack)
        elif start.startswith(hdf5.SIGNATURE):
            found = stack.enter_context(hdf5.open_hdf5(path))
        elif start.startswith(b"PK"):
            archive = stack.enter_context(_zip(path))
            if hdf5.is_keras(archive):
                found = stack.enter_context(hdf5.open_keras(path, archive))
            else:
                is_torch = pickled.is_torch(archive)
                found = (
                    pickled.open_torch(path, archive, state)
                    if is_torch
                    else _open_npz(path, archive)
                )
        elif _header_length(path, start) is not None:
            found = stack.enter_context(_open_safetensors(path))
        else:
            raise _unknown(path, start)
        if state is not None and not is_torch:
            raise WeightsError(
                f"{path} has no state {shorten(state, 80)!r}: only .pt files (torch.save) have "
                "several; leave state out"
            )
        yield found


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(16)


def _sharded(path: Path, stack: ExitStack) -> Opened:
    """The tensors of all shards that an index names, each from the shard it names."""
    places = shard_map(path)
    tensors: dict[str, Stored] = {}
    metadata: dict[str, Any] = {}
    sizes: list[tuple[tuple[int, ...], int]] = []
    shards = sorted(set(places.values()))
    if gone := [shard for shard in shards if not path.with_name(shard).is_file()]:
        raise WeightsError(
            f"{path}: its shard {shorten(gone[0], 80)} is missing; put it beside the index"
        )
    for shard in shards:
        file = path.with_name(shard)
        if _header_length(file, start := _start(file)) is None:
            raise _unknown(file, start)
        found = stack.enter_context(_open_safetensors(file))
        named = {name for name, place in places.items() if place == shard}
        if twice := tensors.keys() & found.tensors.keys():
            raise WeightsError(f"{path}: {some(sorted(twice), 1)} stands in two of its shards")
        if lost := named - found.tensors.keys():
            raise WeightsError(f"{path}: {shard} has no tensor {some(sorted(lost), 1)}; {OTHERS}")
        if more := found.tensors.keys() - named:
            raise WeightsError(
                f"{path}: {shard} has {some(sorted(more), 1)}, which the index does not place "
                f"there; {OTHERS}"
            )
        tensors |= found.tensors
        metadata |= found.metadata
        sizes += [(stored.shape, BYTES.get(stored.dtype, 1)) for stored in found.tensors.values()]
        check_declared(path, sizes)
    return Opened(path, tensors, metadata)


def shard_map(path: Path) -> dict[str, str]:
    """Which shard has which tensor, by the index of sharded safetensors.

    Raises
    ------
    WeightsError
        The index is damaged, or names a file outside its own folder.
    """
    if path.stat().st_size > MAX_HEADER:
        raise WeightsError(f"{path} has over {MAX_HEADER:,} bytes, which no index needs")
    try:
        places = json.loads(path.read_bytes())["weight_map"]
        shards = set(places.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} is a damaged index ({shorten(str(error))})") from error
    if not shards:
        raise WeightsError(f"{path} names no tensor; download it again")
    for shard in shards:
        if not isinstance(shard, str) or not SHARD.fullmatch(shard):
            raise WeightsError(
                f"{path} names {shorten(str(shard), 80)!r}, which is outside its folder or no "
                ".safetensors file"
            )
    if len(shards) > MAX_SHARDS:
        raise WeightsError(
            f"{path} names {len(shards):,} shards; at most {MAX_SHARDS} are read, and a MobileNet "
            "V1 needs one"
        )
    return places


def index_of(path: Path) -> Path | None:
    """The index of the shards that a file is one of, None for any other file.

    Raises
    ------
    WeightsError
        It is a shard without an index.
    """
    if not (part := PART.fullmatch(path.name)) or not path.is_file():
        return None
    index = path.with_name(part[1] + INDEX)
    if not index.is_file():
        raise WeightsError(
            f"{path} is one of {int(part[2])} shards, and their index {index.name} is not beside "
            "it; get all of them and the index, and name the index or the folder"
        )
    return index


def _unknown(path: Path, start: bytes) -> WeightsError:
    if not start:
        return WeightsError(f"{path} is empty (0 bytes); {READABLE} is needed")
    if path.suffix == ".safetensors":
        return WeightsError(
            f"{path} is no safetensors file: it must begin with the length of its header, at most "
            f"{MAX_HEADER:,} bytes, and a header in JSON; it may be damaged or cut short"
        )
    if start[:1] == b"\x80" or path.suffix in (".pkl", ".pickle"):
        return WeightsError(
            f"{path} is a bare pickle, which can run any code when it is opened; it was not. Save "
            "the weights as .safetensors, or with torch.save of torch 1.6 or later"
        )
    return WeightsError(f"{path} is of an unknown format; {READABLE} is needed")


# --- safetensors --------------------------------------------------------------------------------


def _header_length(path: Path, start: bytes) -> int | None:
    """Length of a safetensors header, None if the file has none."""
    if len(start) < 9 or start[8:9] != b"{":
        return None
    (length,) = struct.unpack("<Q", start[:8])
    return length if length <= min(MAX_HEADER, path.stat().st_size - 8) else None


@contextmanager
def _open_safetensors(path: Path) -> Iterator[Opened]:
    # safetensors itself refuses tensors that overlap, leave holes or reach beyond the file.
    try:
        handle = safe_open(path, framework="pt")
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is a damaged safetensors file ({shorten(str(error))}); download it again"
        ) from error
    with handle:
        tensors, sizes = {}, []
        for name in handle.keys():  # noqa: SIM118 - no dictionary: it cannot be iterated over
            piece = handle.get_slice(name)
            dtype, each = SAFETENSORS_TYPES.get(piece.get_dtype(), (piece.get_dtype(), 1))
            shape = tuple(piece.get_shape())
            sizes.append((shape, each))
            tensors[name] = Stored(shape, dtype, lambda name=name: handle.get_tensor(name))
        check_declared(path, sizes)
        yield Opened(path, tensors, _parsed(handle.metadata() or {}))


def _parsed(metadata: dict[str, str]) -> dict[str, Any]:
    """Metadata entries, those in JSON parsed; safetensors itself only knows text."""
    parsed: dict[str, Any] = {}
    for name, text in metadata.items():
        try:
            parsed[name] = json.loads(text) if text[:1] in "{[" else text
        except (ValueError, RecursionError):
            parsed[name] = text
    return parsed


# --- zip archives: NumPy's .npz, torch's .pt ----------------------------------------------------


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    # From memory: what is checked is what is read, whatever happens to the file meanwhile.
    content = io.BytesIO(path.read_bytes())
    try:
        archive = zipfile.ZipFile(content)
    except Exception as error:  # a damaged directory makes zipfile raise nearly anything
        raise WeightsError(
            f"{path} is a damaged zip archive ({shorten(str(error))}); download it again"
        ) from error
    with archive:
        check_declared(path, [((info.file_size,), 1) for info in archive.infolist()])
        yield archive


def _open_npz(path: Path, archive: zipfile.ZipFile) -> Opened:
    tensors, sizes = {}, []
    for info in archive.infolist():
        if not info.filename.endswith(NPY_SUFFIX):
            raise WeightsError(
                f"{path} is a zip archive with {shorten(info.filename, 80)!r} inside, neither "
                f"NumPy's .npz nor torch's .pt; {READABLE} is needed"
            )
        name = info.filename.removesuffix(NPY_SUFFIX)
        try:
            with archive.open(info) as handle:
                shape, dtype = _npy_header(handle)
        except Exception as error:  # zipfile, zlib and NumPy's header parser each have their own
            raise WeightsError(
                f"{path}: {shorten(name, 80)!r} is no array of plain numbers "
                f"({shorten(str(error))}). Save it with numpy.savez(path, **arrays)"
            ) from error
        sizes.append((shape, dtype.itemsize))
        tensors[name] = Stored(
            shape, dtype.name, lambda name=name, info=info: _read_npy(path, archive, info, name)
        )
    check_declared(path, sizes)
    return Opened(path, tensors)


def _npy_header(handle: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(handle)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(handle)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which can run code when they are read")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape {shape} is below zero")
    return shape, dtype


def _read_npy(path: Path, archive: zipfile.ZipFile, info: Any, name: str) -> torch.Tensor:
    try:
        with archive.open(info) as handle:
            array = np.lib.format.read_array(_sized(handle, info), allow_pickle=False)
        return torch.from_numpy(np.array(array, order="C"))
    except Exception as error:
        raise WeightsError(
            f"{path}: {shorten(name, 80)!r} is damaged ({shorten(str(error))}); download it again"
        ) from error


def _sized(handle: BinaryIO, info: zipfile.ZipInfo) -> BinaryIO:
    """The entry, if it is as long as its own header says."""
    shape, dtype = _npy_header(handle)
    declared, present = math.prod(shape) * dtype.itemsize, info.file_size - handle.tell()
    if declared != present:
        raise ValueError(f"its header promises {declared:,} bytes, {present:,} are there")
    handle.seek(0)
    return handle
