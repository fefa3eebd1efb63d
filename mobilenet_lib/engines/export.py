"""A trained network as a file for another program, with all that running it takes."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..model import MobileNet
from ..preprocess import Preprocess
from ..timing import torch_defaults
from ..validation import check_choice
from ..weights.checkpoint import make_metadata
from ..weights.metadata import FORMAT
from . import onnx_model
from .engine import TOLERANCES, EngineError
from .exported import SUFFIXES, available, load_exported
from .runtimes import load_openvino, openvino_core
from .verify import difference
from .with_executorch import lower

INT8_TOLERANCE = 0.25
"""Of int8 logits, over the largest: what is broken is off by about 1, per-channel int8 by 0.05."""


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
        _check(net, draft, example if calibration is None else calibration[:1].cpu(), calibration)
        # What a reader opens comes last, when what it refers to is there.
        for part in sorted(Path(folder).iterdir(), key=lambda part: part == draft):
            os.replace(part, target.with_name(part.name))
    return target


def _format(target: Path, format: str | None) -> str:
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items()}
    if format is None and target.suffix not in by_suffix:
        raise ValueError(
            f"the name must end in {', '.join(by_suffix)}, got {target.name!r}; that says what to "
            "write"
        )
    format = check_choice("format", format or by_suffix[target.suffix], SUFFIXES)
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


def _check(net: MobileNet, draft: Path, example: Tensor, calibration: Tensor | None) -> None:
    """Load the file back, as anyone would, and compare."""
    loaded = load_exported(draft)
    device = next(net.parameters()).device
    limit = TOLERANCES["fp32"] if calibration is None else INT8_TOLERANCE
    sizes = (1, 3) if loaded.any_batch else (1,)
    for size in sizes:
        batch = example.repeat(size, 1, 1, 1)
        expected = net(batch.to(device)).float().cpu()
        worst = difference(loaded(batch), expected)
        if math.isnan(worst) or worst > limit:
            raise EngineError(
                f"{draft.name} computes something else than the network: its logits are off by "
                f"{worst:.2g} of the largest, {limit:g} is allowed; nothing was written"
            )
