"""A trained network as a file for another program, with all that running it takes, and back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..convention import Head
from ..model import MobileNet
from ..preprocess import Preprocess
from ..process import torch_defaults
from ..validation import check_choice
from ..weights.metadata import FORMAT, make_metadata, read_metadata
from ..weights.naming import OURS
from . import onnx_model
from .engine import TOLERANCES, Availability, Engine, EngineError
from .onnx_engines import (
    OnnxRuntime,
    OnnxRuntimeInt8,
    OpenVino,
    OpenVinoInt8,
    compile_model,
    session,
)
from .runtimes import load_openvino, openvino_core
from .verify import check_logits
from .with_executorch import ExecuTorch, ExecuTorchInt8, Loaded, lower

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "executorch": ".pte"}
FORMATS = {suffix: name for name, suffix in SUFFIXES.items()}
INT8_TOLERANCE = 0.25
"""Of int8 logits, over the largest: what is broken is off by about 1, per-channel int8 by 0.05."""

# The engines that read each format back, in fp32 and in int8.
READERS: dict[str, tuple[type[Engine], type[Engine]]] = {
    "onnx": (OnnxRuntime, OnnxRuntimeInt8),
    "openvino": (OpenVino, OpenVinoInt8),
    "executorch": (ExecuTorch, ExecuTorchInt8),
}


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


@torch_defaults()
def export(
    net: MobileNet,
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
    calibration: Tensor | None = None,
) -> Path:
    """Write a network for ONNX Runtime, OpenVINO or ExecuTorch, and check it by loading it back.

    Batch normalization is folded. Architecture, convention, preprocessing, class names and source
    lie in the file, as JSON under "mobilenet_lib": in ONNX's metadata_props, OpenVINO's rt_info, or
    what ExecuTorch's method of that name returns. `load_exported` reads them. ONNX and OpenVINO
    files take batches of any size, ExecuTorch's take one image.

    Parameters
    ----------
    net
        The network, in eval mode.
    path
        Where to write; ends in .onnx, .xml (OpenVINO, which puts a .bin beside it) or .pte. The
        files appear only when they are complete and checked.
    format
        "onnx", "openvino" or "executorch"; None: by the path's ending.
    preprocess, classes
        In place of `net.preprocess` and `net.classes`, or if it has none.
    calibration
        (N, 3, H, W) network inputs; makes the file int8, with a scale for each channel.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        Another ending, something is missing, or the file computes something else than `net`.
    """
    target = Path(path)
    format = _format(target, format)
    availability = available(format, int8=calibration is not None)
    if not availability:
        raise EngineError(f"a network cannot be written for {format} here: {availability.reason}")
    metadata = json.dumps(make_metadata(net, "export", preprocess, classes))
    if net.training:
        raise EngineError("the network is in training mode; call net.eval() first")
    side = net.arch.resolution
    if calibration is not None and calibration.shape[1:] != (3, side, side):
        raise EngineError(
            f"calibration must be (N, 3, {side}, {side}) network inputs, "
            f"got {tuple(calibration.shape)}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder,
        torch.no_grad(),
    ):
        draft = Path(folder) / target.name
        example = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        _write(net, draft, format, example, metadata, calibration)
        _verify(net, draft, example if calibration is None else calibration[:1].cpu(), calibration)
        # What a reader opens comes last, when what it refers to is there.
        for part in sorted(Path(folder).iterdir(), key=lambda part: part == draft):
            os.replace(part, target.with_name(part.name))
    return target


def _format(target: Path, format: str | None) -> str:
    if format is None and target.suffix not in FORMATS:
        raise ValueError(
            f"the name must end in {', '.join(FORMATS)}, got {target.name!r}; that says what to "
            "write"
        )
    format = check_choice("format", format or FORMATS[target.suffix], SUFFIXES)
    if target.suffix != SUFFIXES[format]:
        raise ValueError(f"a name for {format} must end in {SUFFIXES[format]}, got {target.name!r}")
    return format


def _write(
    net: MobileNet,
    draft: Path,
    format: str,
    example: Tensor,
    metadata: str,
    calibration: Tensor | None,
) -> None:
    if format == "executorch":
        draft.write_bytes(lower(net, example, calibration, constants={FORMAT: metadata}))
        return
    model = onnx_model.to_onnx(net, example, any_batch=True)
    if calibration is not None:
        model = onnx_model.to_int8(model, calibration)
    if format == "onnx":
        entry = model.metadata_props.add()
        entry.key, entry.value = FORMAT, metadata
        draft.write_bytes(model.SerializeToString())
        return
    converted = openvino_core().read_model(model.SerializeToString())
    converted.set_rt_info(metadata, [FORMAT])
    load_openvino().save_model(converted, draft, compress_to_fp16=False)


def _verify(net: MobileNet, draft: Path, example: Tensor, calibration: Tensor | None) -> None:
    """Load the file back, as anyone would, and compare."""
    loaded = load_exported(draft)
    device = next(net.parameters()).device
    limit = TOLERANCES["fp32"] if calibration is None else INT8_TOLERANCE
    for size in (1, 3) if loaded.any_batch else (1,):
        batch = example.repeat(size, 1, 1, 1)
        expected = net(batch.to(device)).float().cpu()
        check_logits(f"nothing was written: {draft.name}", loaded(batch), expected, limit)


# --- And back -------------------------------------------------------------------------------------


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
    check_choice("the file's ending", file.suffix, FORMATS)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    format = FORMATS[file.suffix]
    if not (availability := available(format)):
        raise EngineError(f"{file} cannot be read here: {availability.reason}")
    count = torch.get_num_threads() if threads is None else threads
    opener = {"onnx": _onnx, "openvino": _openvino, "executorch": _executorch}[format]
    metadata, forward = opener(file, count)
    try:
        entries = {} if metadata is None else {FORMAT: json.loads(metadata)}
        description = read_metadata(OURS, entries)
    except ValueError as error:  # what is no JSON, or says something impossible
        raise EngineError(f"{file}: what it says of itself is damaged: {error}") from error
    preprocess, classes, head = description.preprocess, description.classes, description.head
    if preprocess is None or classes is None or head is None:
        raise EngineError(
            f"{file} says nothing of preprocessing and classes: it is not of this library's export"
        )
    any_batch = format != "executorch"
    return Exported(format, preprocess, classes, head, description.source, any_batch, forward)


def _onnx(file: Path, threads: int) -> tuple[str | None, Callable[[Tensor], Tensor]]:
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
