"""Keras' files: .h5, as a saved model or weights alone, and Keras 3's .keras.

    a model         model_weights/conv1/conv1/kernel:0      and its description as an attribute
    weights alone   conv1/conv1/kernel:0, or conv1/kernel
    .keras          a zip archive of config.json, the description, and model.weights.h5, where
                    layers are counted by class: layers/conv2d_1/vars/0

Here a weight is called by its layer and its own name: "conv1/kernel".
"""

from __future__ import annotations

import importlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .keras_chain import variable_names
from .stored import MAX_HEADER, MAX_TENSORS, Opened, Stored, WeightsError, check_declared, shorten

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ASIDE = ("optimizer_weights", "top_level_model_weights")
KERAS_CONFIG, KERAS_WEIGHTS = "config.json", "model.weights.h5"
KERAS_3 = re.compile(r"(_layer_checkpoint_dependencies|layers)/.*/?vars/\d+$")
# Keras numbers layers without a name of their own, through all models of a session: the first
# convolution may be conv2d_28.
AUTOMATIC = re.compile(r"(conv2d|depthwise_conv2d|batch_normalization|dense)(?:_(\d+))?/(.*)")


@contextmanager
def open_hdf5(path: Path) -> Iterator[Opened]:
    """Open an .h5 file.

    Its metadata is "model", Keras' own description, and "training", how it was compiled; each if
    the file has it.

    Raises
    ------
    ModuleNotFoundError
        h5py is not installed.
    WeightsError
        The file is damaged, or not laid out as Keras does.
    """
    with _handle(path, path) as (h5py, handle):
        try:
            datasets = dict(_datasets(h5py, handle, path))
            said = {
                name: _parsed(path, handle.attrs.get(attribute), attribute)
                for name, attribute in (("model", "model_config"), ("training", "training_config"))
            }
        except WeightsError:
            raise
        except Exception as error:
            raise _damaged(path, error) from error
        said = {name: value for name, value in said.items() if value is not None}
        tensors = _named(path, datasets, {})
        yield Opened(path, tensors if "model" in said else _renumbered(tensors), said)


def is_keras(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is laid out as Keras 3's .keras."""
    return KERAS_WEIGHTS in archive.namelist()


@contextmanager
def open_keras(path: Path, archive: zipfile.ZipFile) -> Iterator[Opened]:
    """Open a .keras file; metadata as `open_hdf5`.

    Raises
    ------
    ModuleNotFoundError
        h5py is not installed.
    WeightsError
        The file is damaged, or not laid out as Keras does.
    """
    try:
        sizes = [archive.getinfo(name).file_size for name in (KERAS_CONFIG, KERAS_WEIGHTS)]
        if sizes[0] > MAX_HEADER:
            raise WeightsError(f"{path}: {KERAS_CONFIG} has over {MAX_HEADER:,} bytes")
        model = _parsed(path, archive.read(KERAS_CONFIG), KERAS_CONFIG)
        content = io.BytesIO(archive.read(KERAS_WEIGHTS))
    except WeightsError:
        raise
    except Exception as error:  # zipfile and zlib each have their own
        raise WeightsError(
            f"{path} is a damaged .keras file ({shorten(str(error))}); download it again"
        ) from error
    with _handle(path, content) as (h5py, handle):
        try:
            names = variable_names(model)
            datasets = dict(_datasets(h5py, handle, path))
        except WeightsError:
            raise
        except Exception as error:
            raise _damaged(path, error) from error
        said = {"model": model, "training": model.get("compile_config")}
        yield Opened(path, _named(path, datasets, names), said)


@contextmanager
def _handle(path: Path, source: Any) -> Iterator[tuple[Any, Any]]:
    try:
        h5py = importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is a Keras file, and reading it needs h5py: pip install h5py. (A .safetensors "
            "file converted from it needs nothing.)",
            name="h5py",
        ) from error
    try:
        handle = h5py.File(source, "r")
    except Exception as error:  # h5py turns the HDF5 library's complaints into many types
        raise _damaged(path, error) from error
    with handle:
        yield h5py, handle


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is a damaged HDF5 file ({shorten(str(error))}); download it again")


def _datasets(h5py: Any, file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Every array of a file by its full name, following no link to elsewhere."""
    groups, met = [("", file)], 0
    while groups:
        prefix, group = groups.pop()
        for name in group:
            full = f"{prefix}{name}"
            met += 1
            if met > MAX_TENSORS:
                raise WeightsError(
                    f"{path} has over {MAX_TENSORS:,} entries, perhaps a group that holds "
                    "itself; a MobileNet V1 has 164"
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise WeightsError(
                    f"{path}: {shorten(full, 80)!r} is a link, perhaps to another file; "
                    "Keras writes none"
                )
            member = group[name]
            if isinstance(member, h5py.Group) and full not in ASIDE:
                groups.append((f"{full}/", member))
            elif isinstance(member, h5py.Dataset):
                if member.external or member.is_virtual:
                    raise WeightsError(
                        f"{path}: {shorten(full, 80)!r} keeps its numbers in another "
                        "file; Keras writes none like it"
                    )
                yield full, member


def _named(path: Path, datasets: dict[str, Any], names: dict[str, str]) -> dict[str, Stored]:
    """The arrays under short names: those of `names`, else a layer's and its own."""
    check_declared(path, [(data.shape or (), data.dtype.itemsize) for data in datasets.values()])
    if not names and any(KERAS_3.match(full) for full in datasets):
        raise WeightsError(
            f"{path} is in the layout of Keras 3's .weights.h5, which names no layers; save the "
            'model with its description: model.save("model.keras")'
        )
    tensors: dict[str, Stored] = {}
    for full, data in datasets.items():
        if names and (not full.startswith("layers/") or "seed_generator" in full):
            continue  # of training
        name = names.get(full, full) if names else _short(full)
        if name in tensors:
            raise WeightsError(f"{path} holds {shorten(name, 80)!r} twice")
        shape = tuple(data.shape or ())
        tensors[name] = Stored(
            shape, data.dtype.name, lambda data=data, name=name: _read(path, data, name)
        )
    return tensors


def _short(full: str) -> str:
    """From "model_weights/base/conv1/kernel:0" to "conv1/kernel"."""
    parts = full.removeprefix("model_weights/").split("/")
    weight = parts[-1].partition(":")[0]
    if len(parts) < 2:
        return weight
    if weight == "kernel" and "dw" in parts[-2].split("_"):
        weight = "depthwise_kernel"  # Keras 3 calls it "kernel" in an .h5 file
    return f"{parts[-2]}/{weight}"


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


def _parsed(path: Path, text: Any, what: str) -> dict[str, Any] | None:
    """A description in JSON; one that is there and cannot be read is damage, not absence."""
    if text is None:
        return None
    try:
        if len(text) > MAX_HEADER:
            raise ValueError(f"it has over {MAX_HEADER:,} bytes")
        said = json.loads(text)
        if not isinstance(said, dict):
            raise ValueError(f"it holds a {type(said).__name__}, not an object")
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: its {what} is damaged ({shorten(str(error))})") from error
    return said
