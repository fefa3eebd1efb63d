"""Files that `export` wrote, read back: what they compute, and what they say of themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..model import Head
from ..preprocess import Preprocess
from ..validation import check_choice
from ..weights.metadata import FORMAT, read_metadata
from ..weights.naming import OURS
from .engine import Availability, EngineError
from .runtimes import load_onnxruntime, openvino_core
from .with_executorch import ExecuTorch, ExecuTorchInt8, Loaded
from .with_onnxruntime import OnnxRuntime, OnnxRuntimeInt8, session
from .with_openvino import OpenVino, OpenVinoInt8, compile_model

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "executorch": ".pte"}

# The engines that read each format back, in fp32 and in int8.
READERS = {
    "onnx": (OnnxRuntime, OnnxRuntimeInt8),
    "openvino": (OpenVino, OpenVinoInt8),
    "executorch": (ExecuTorch, ExecuTorchInt8),
}


@dataclass(frozen=True)
class Exported:
    """A network from a file of another program; call it with network input.

    >>> net = load_exported("person.onnx")
    >>> net(net.preprocess(photo)).argmax(1)
    """

    format: str
    preprocess: Preprocess
    classes: tuple[str, ...]
    head: Head
    """What the outputs are: see `MobileNet`."""
    source: dict[str, Any]
    any_batch: bool
    """Whether it takes batches of any size, else one image."""
    forward: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        """Logits, (B, classes) float32, of network input (B, 3, H, W) float32 on the CPU."""
        if x.dim() != 4 or x.dtype != torch.float32 or (len(x) > 1 and not self.any_batch):
            size = "B" if self.any_batch else "1"
            raise EngineError(
                f"the file takes ({size}, 3, H, W) float32, got {tuple(x.shape)} {x.dtype}"
            )
        with torch.inference_mode():
            return self.forward(x.contiguous())


def load_exported(path: str | os.PathLike[str], threads: int | None = None) -> Exported:
    """Open a file that `export` wrote, with the runtime it is for.

    Parameters
    ----------
    path
        An .onnx, .xml (with its .bin beside it) or .pte file.
    threads
        Threads to run with; None: as many as torch uses.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Another ending, or a file that does not say what this library's `export` writes into one.
    """
    file = Path(path)
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items()}
    check_choice("the file's ending", file.suffix, by_suffix)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    format = by_suffix[file.suffix]
    if not (availability := available(format)):
        raise EngineError(f"{file} cannot be read here: {availability.reason}")
    count = torch.get_num_threads() if threads is None else threads
    opener = {"onnx": _onnx, "openvino": _openvino, "executorch": _executorch}[format]
    metadata, forward = opener(file, count)
    if metadata is None:
        raise EngineError(
            f"{file} says nothing of preprocessing and classes: it is not of this library's export"
        )
    try:
        description = read_metadata(OURS, {FORMAT: json.loads(metadata)})
    except ValueError as error:  # what is no JSON, or says something impossible
        raise EngineError(f"{file}: what it says of itself is damaged: {error}") from error
    return Exported(
        format,
        description.preprocess,
        description.classes,
        description.head,
        description.source,
        format != "executorch",
        forward,
    )


def available(format: str, int8: bool = False) -> Availability:
    """Whether this machine has what a format's writing and reading takes.

    Parameters
    ----------
    format
        "onnx", "openvino" or "executorch".
    int8
        Whether to write it in int8.
    """
    return READERS[check_choice("format", format, READERS)][int8].available()


def _onnx(file: Path, threads: int) -> tuple[str | None, Callable[[Tensor], Tensor]]:
    load_onnxruntime()
    opened = session(str(file), threads)
    (entry,) = opened.get_inputs()

    def forward(x: Tensor) -> Tensor:
        return torch.from_numpy(opened.run(None, {entry.name: x.cpu().numpy()})[0])

    return opened.get_modelmeta().custom_metadata_map.get(FORMAT), forward


def _openvino(file: Path, threads: int) -> tuple[str | None, Callable[[Tensor], Tensor]]:
    model = openvino_core().read_model(file)
    metadata = model.get_rt_info([FORMAT]).astype(str) if model.has_rt_info([FORMAT]) else None
    compiled = compile_model(model, "fp32", threads)

    def forward(x: Tensor) -> Tensor:
        return torch.from_numpy(compiled(x.cpu().numpy())[0].copy())

    return metadata, forward


def _executorch(file: Path, threads: int) -> tuple[str | None, Callable[[Tensor], Tensor]]:
    program = Loaded(file.read_bytes(), threads)
    return program.constant(FORMAT), lambda x: program(x.cpu())
