"""Our own checkpoint format: safetensors, with everything that running the network takes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch

from ..files import write_atomically
from ..model import MobileNet
from ..preprocess import Preprocess
from .metadata import FORMAT, pack


def save_checkpoint(
    net: MobileNet,
    path: str | os.PathLike[str],
    *,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
    source: Mapping[str, Any] | None = None,
) -> None:
    """Write a network to a .safetensors file that `load_published` reads back exactly.

    The tensors have the names of `net.state_dict()`. Architecture, convention, preprocessing,
    classes and source stand in the file's metadata as JSON, under "mobilenet_lib". The same network
    always gives the same bytes, and the file appears only when it is complete.

    Parameters
    ----------
    net
        The network, on any device.
    path
        Where to write; the name must end in .safetensors.
    preprocess, classes, source
        In place of `net.preprocess`, `net.classes` and `net.source`, or if it has none.

    Raises
    ------
    ValueError
        The name has another ending, something is missing, or there is not one class an output.
    """
    target = Path(path)
    if target.suffix != ".safetensors":
        raise ValueError(f"a checkpoint's name must end in .safetensors, got {target.name!r}")
    said = make_metadata(net, "save_checkpoint", preprocess, classes, source)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    # One entry only: safetensors writes several in an order that changes from run to run.
    write_atomically(target, safetensors.torch.save(state, {FORMAT: json.dumps(said)}))


def make_metadata(
    net: MobileNet,
    caller: str,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
    source: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All that running a network takes beside its weights, as plain data.

    Parameters
    ----------
    net
        The network.
    caller
        The function that the reader called, for messages.
    preprocess, classes, source
        In place of `net.preprocess`, `net.classes` and `net.source`, or if it has none.

    Raises
    ------
    ValueError
        Something is missing, or does not go with the network.
    """
    preprocess = preprocess or getattr(net, "preprocess", None)
    classes = classes if classes is not None else getattr(net, "classes", None)
    if not isinstance(preprocess, Preprocess) or classes is None:
        lacking = "classes" if isinstance(preprocess, Preprocess) else "preprocess"
        raise ValueError(f"the network has no {lacking}; pass {caller}(..., {lacking}=...)")
    if len(classes) != net.arch.num_classes or not all(isinstance(c, str) for c in classes):
        raise ValueError(
            f"one name for each of the {net.arch.num_classes} outputs is needed, got {len(classes)}"
        )
    if preprocess.resolution != net.arch.resolution:
        raise ValueError(
            f"the network is for {net.arch.resolution} pixels, preprocess makes "
            f"{preprocess.resolution}; use preprocess.at({net.arch.resolution})"
        )
    source = dict(source if source is not None else getattr(net, "source", {}))
    return pack(net.arch, net.convention, preprocess, tuple(classes), source, net.head)
