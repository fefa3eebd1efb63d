"""Keras' .h5 files, in both layouts of Keras 2: a saved model, or weights alone.

    a model         model_weights/conv1/conv1/kernel:0      and its description as an attribute
    weights alone   conv1/conv1/kernel:0, or conv1/kernel

Here a weight is called by its layer and its own name: "conv1/kernel".
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .stored import MAX_HEADER, MAX_TENSORS, Opened, Stored, WeightsError, check_declared, shorten

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ASIDE = ("optimizer_weights", "top_level_model_weights")
KERAS_3 = re.compile(r"(_layer_checkpoint_dependencies|layers)/.*/?vars/\d+$")
# Keras numbers layers without a name of their own, through all models of a session: the first
# convolution may be conv2d_28.
AUTOMATIC = re.compile(r"(conv2d|depthwise_conv2d|batch_normalization|dense)(?:_(\d+))?/(.*)")


@contextmanager
def open_hdf5(path: Path) -> Iterator[Opened]:
    """Open a Keras file; its metadata is {"model": Keras' own description}, if it has one.

    Raises
    ------
    ModuleNotFoundError
        h5py is not installed.
    WeightsError
        The file is damaged, or not laid out as Keras 2 does.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is a Keras file, and reading it needs h5py: pip install h5py. (A .safetensors "
            "file converted from it needs nothing.)",
            name="h5py",
        ) from error
    try:
        handle = h5py.File(path, "r")
    except Exception as error:  # h5py turns the HDF5 library's complaints into many types
        raise _damaged(path, error) from error
    with handle:
        try:
            datasets = dict(_datasets(h5py, handle))
            described = _described(handle.attrs.get("model_config"))
        except WeightsError:
            raise
        except Exception as error:
            raise _damaged(path, error) from error
        yield Opened(path, _renumbered(_named(path, datasets)), described)


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is a damaged HDF5 file ({shorten(str(error))}); download it again")


def _datasets(h5py: Any, file: Any) -> Iterator[tuple[str, Any]]:
    """Every array of a file by its full name, following no link to elsewhere."""
    groups, met = [("", file)], 0
    while groups:
        prefix, group = groups.pop()
        for name in group:
            full = f"{prefix}{name}"
            met += 1
            if met > MAX_TENSORS:
                raise WeightsError(
                    f"{file.filename} has over {MAX_TENSORS:,} entries, perhaps a group that holds "
                    "itself; a MobileNet V1 has 164"
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise WeightsError(
                    f"{file.filename}: {shorten(full, 80)!r} is a link, perhaps to another file; "
                    "Keras writes none"
                )
            member = group[name]
            if isinstance(member, h5py.Group) and full not in ASIDE:
                groups.append((f"{full}/", member))
            elif isinstance(member, h5py.Dataset):
                if member.external or member.is_virtual:
                    raise WeightsError(
                        f"{file.filename}: {shorten(full, 80)!r} keeps its numbers in another "
                        "file; Keras writes none like it"
                    )
                yield full, member


def _named(path: Path, datasets: dict[str, Any]) -> dict[str, Stored]:
    """The arrays under short names; both spellings of Keras 2 come to the same."""
    check_declared(path, [(data.shape or (), data.dtype.itemsize) for data in datasets.values()])
    if any(KERAS_3.match(full) for full in datasets):
        raise WeightsError(
            f"{path} is in the layout of Keras 3's .weights.h5, which names no layers; save the "
            'model as one .h5 file instead: model.save("model.h5")'
        )
    tensors: dict[str, Stored] = {}
    for full, data in datasets.items():
        parts = full.removeprefix("model_weights/").split("/")
        weight = parts[-1].partition(":")[0]
        if len(parts) > 1 and weight == "kernel" and "dw" in parts[0].split("_"):
            weight = "depthwise_kernel"  # Keras 3 calls it "kernel" in an .h5 file
        name = "/".join([parts[0], weight]) if len(parts) > 1 else weight
        if name in tensors:
            raise WeightsError(f"{path} holds {shorten(name, 80)!r} twice")
        shape = tuple(data.shape or ())
        tensors[name] = Stored(
            shape, data.dtype.name, lambda data=data, name=name: _read(path, data, name)
        )
    return tensors


def _read(path: Path, data: Any, name: str) -> torch.Tensor:
    try:
        return torch.from_numpy(data[()])
    except Exception as error:
        raise WeightsError(
            f"{path}: {shorten(name, 80)!r} is damaged ({shorten(str(error))}); download it again"
        ) from error


def _renumbered(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """Automatic names counted from the file's own first layer of each kind."""
    numbers: dict[str, set[int]] = {}
    for name in tensors:
        if found := AUTOMATIC.fullmatch(name):
            numbers.setdefault(found[1], set()).add(int(found[2] or 0))
    ranks = {
        (kind, number): rank
        for kind, found in numbers.items()
        for rank, number in enumerate(sorted(found))
    }

    def renamed(name: str) -> str:
        found = AUTOMATIC.fullmatch(name)
        if not found:
            return name
        rank = ranks[found[1], int(found[2] or 0)]
        return f"{found[1]}{f'_{rank}' if rank else ''}/{found[3]}"

    return {renamed(name): stored for name, stored in tensors.items()}


def _described(config: Any) -> dict[str, Any]:
    if config is None or len(config) > MAX_HEADER:
        return {}
    try:
        return {"model": json.loads(config)}
    except (ValueError, TypeError, RecursionError):
        return {}
