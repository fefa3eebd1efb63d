"""Keras' files: .h5, as a saved model or weights alone, and Keras 3's .keras.

    a model         model_weights/conv1/conv1/kernel:0      and its description as an attribute
    weights alone   conv1/conv1/kernel:0, or conv1/kernel
    .keras          a zip archive of config.json, the description, and model.weights.h5, where
                    layers are counted by class: layers/conv2d_1/vars/0

Here a weight is called by its layer and its own name: "conv1/kernel". A checkpoint's metadata are
"model", Keras' own description, and "training", how it was compiled; each if the file has it.
"""

from __future__ import annotations

import importlib
import io
import re
import zipfile
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import torch

from .formats import (
    MAX_TENSORS,
    Checkpoint,
    Stored,
    WeightsError,
    parse_object,
    refusing,
    shorten,
)
from .keras_chain import MAX_DEPTH, MODELS

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ASIDE = ("optimizer_weights/", "top_level_model_weights/")
KERAS_CONFIG, KERAS_WEIGHTS = "config.json", "model.weights.h5"
KERAS_3 = re.compile(r"(_layer_checkpoint_dependencies|layers)/.*/?vars/\d+$")
# In the order in which Keras keeps a layer's variables; config switches some of them off.
VARIABLES = {
    "Conv2D": (("kernel", None), ("bias", "use_bias")),
    "DepthwiseConv2D": (("depthwise_kernel", None), ("bias", "use_bias")),
    "Dense": (("kernel", None), ("bias", "use_bias")),
    "BatchNormalization": (
        ("gamma", "scale"),
        ("beta", "center"),
        ("moving_mean", None),
        ("moving_variance", None),
    ),
    "Normalization": (("mean", None), ("variance", None), ("count", None)),
}


def open_hdf5(path: Path, stack: ExitStack) -> Checkpoint:
    """Open an .h5 file until `stack` is left; h5py must be installed."""
    h5py, metadata = _h5py(path), {}
    with _reading(path):
        file = stack.enter_context(h5py.File(path, "r"))
        datasets = _datasets(h5py, file, path)
        for name, attribute in (("model", "model_config"), ("training", "training_config")):
            if (text := file.attrs.get(attribute)) is not None:
                metadata[name] = parse_object(text, f"{path}: its {attribute}")
    if any(KERAS_3.match(full) for full in datasets):
        raise WeightsError(
            f"{path} is in the layout of Keras 3's .weights.h5, which names no layers; save the "
            'model with its description: model.save("model.keras")'
        )
    tensors = _tensors(path, [(_short(full), data) for full, data in datasets.items()])
    return Checkpoint(path, tensors, metadata)


def open_keras(path: Path, archive: zipfile.ZipFile, stack: ExitStack) -> Checkpoint:
    """Open a .keras file until `stack` is left; h5py must be installed."""
    with refusing(f"{path} is a damaged .keras file", "download it again"):
        model = parse_object(archive.read(KERAS_CONFIG), f"{path}: its {KERAS_CONFIG}")
        content = io.BytesIO(archive.read(KERAS_WEIGHTS))
    h5py = _h5py(path)
    with _reading(path):
        names = _variable_names(model)
        file = stack.enter_context(h5py.File(content, "r"))
        datasets = _datasets(h5py, file, path)
    named = [
        (names.get(full, full), data)
        for full, data in datasets.items()
        if full.startswith("layers/") and "seed_generator" not in full  # the others are of training
    ]
    metadata = {"model": model, "training": model.get("compile_config")}
    return Checkpoint(path, _tensors(path, named), metadata)


def _reading(path: Path) -> Any:
    # h5py turns the HDF5 library's complaints into many types.
    return refusing(f"{path} is a damaged HDF5 file", "download it again")


def _h5py(path: Path) -> Any:
    try:
        return importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is a Keras file, and reading it needs h5py: pip install h5py. (A .safetensors "
            "file converted from it needs nothing.)",
            name="h5py",
        ) from error


def _datasets(h5py: Any, file: Any, path: Path) -> dict[str, Any]:
    """Every array of a file by its full name; links, and so other files, are not followed."""
    found: dict[str, Any] = {}
    visits = count()

    def take(name: str, member: Any) -> None:
        if next(visits) == MAX_TENSORS:
            raise WeightsError(f"{path} has over {MAX_TENSORS:,} entries; a MobileNet V1 has 164")
        if isinstance(member, h5py.Dataset) and not name.startswith(ASIDE):
            if member.external or member.is_virtual:
                raise WeightsError(
                    f"{path}: {shorten(name, 80)!r} keeps its numbers in another file; Keras "
                    "writes none like it"
                )
            found[name] = member

    file.visititems(take)
    return found


def _tensors(path: Path, named: list[tuple[str, Any]]) -> dict[str, Stored]:
    tensors: dict[str, Stored] = {}
    for name, data in named:
        if name in tensors:
            raise WeightsError(f"{path} holds {shorten(name, 80)!r} twice")

        def read(data: Any = data, name: str = name) -> torch.Tensor:
            with refusing(f"{path}: {shorten(name, 80)!r} is damaged", "download it again"):
                return torch.from_numpy(data[()])

        tensors[name] = Stored(tuple(data.shape or ()), data.dtype.name, data.dtype.itemsize, read)
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


def _variable_names(model: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """From "layers/conv2d_1/vars/0" to "conv_pw_1/kernel", for the weights of a .keras file.

    Keras calls a layer there by its class and counts, model by model.
    """
    if prefix.count("/layers/") > MAX_DEPTH:
        raise WeightsError(f"its models are nested more than {MAX_DEPTH} deep")
    config = model["config"]
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in config["layers"] if isinstance(config, dict) else config:
        kind = str(layer["class_name"])
        base = _snake(kind)
        counts[base] = counts.get(base, -1) + 1
        place = f"{prefix}layers/{base}{f'_{counts[base]}' if counts[base] else ''}"
        if kind in MODELS:
            names |= _variable_names(layer, f"{place}/")
            continue
        own = layer["config"]
        kept = [n for n, switch in VARIABLES.get(kind, ()) if not switch or own.get(switch, True)]
        names |= {f"{place}/vars/{i}": f"{own['name']}/{name}" for i, name in enumerate(kept)}
    return names


def _snake(kind: str) -> str:
    text = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower()
