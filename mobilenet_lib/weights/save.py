"""From a network to a file: our own format, and the names of timm and transformers.

Our format is safetensors with everything that running the network takes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ..files import write_atomically
from ..model import MobileNet
from ..preprocess import Preprocess
from ..validation import check_choice
from .metadata import FORMAT, make_metadata
from .naming import TIMM_NAMES, TRANSFORMERS, Naming

TARGETS = {naming.name: naming for naming in (TIMM_NAMES, TRANSFORMERS)}
TRAITS = {
    "timm": "build it there with act_layer, bn_eps and pad_type set to ours",
    "transformers": "set hidden_act, layer_norm_eps and tf_padding in its config to ours",
}


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
    metadata = make_metadata(net, "save_checkpoint", preprocess, classes, source)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    # One entry only: safetensors writes several in an order that changes from run to run.
    write_atomically(target, safetensors.torch.save(state, {FORMAT: json.dumps(metadata)}))


def export_state(
    net: MobileNet, naming: str, *, check_convention: bool = True
) -> dict[str, Tensor]:
    """The network's tensors under timm's or transformers' names; copies, on the CPU.

    >>> state = export_state(net, "timm")
    >>> timm.create_model("mobilenetv1_100", num_classes=2).load_state_dict(state)

    Parameters
    ----------
    net
        A network with the body of Table 1.
    naming
        "timm" (mobilenetv1_100) or "transformers" (MobileNetV1ForImageClassification).
    check_convention
        Refuse a network that computes something else than the other package will, with the same
        weights: another activation, padding or BN epsilon.

    Raises
    ------
    ValueError
        Another body, another name, or another convention; the message names the differences.
    """
    check_choice("naming", naming, TARGETS)
    target = TARGETS[naming]
    if net.arch.body != "separable":
        raise ValueError(
            f"{naming} has no MobileNet with a {net.arch.body} body, only the separable one"
        )
    if check_convention:
        _check_convention(net, target)
    state = net.state_dict()
    return {
        key: state[f"{layer.name}.{part}"].detach().cpu().clone()
        for layer, part, key in target.places(net.arch)
        if part != "conv.bias"
    }


def _check_convention(net: MobileNet, target: Naming) -> None:
    differences = []
    for trait in ("activation", "padding", "bn_eps"):
        ours, theirs = getattr(net.convention, trait), getattr(target.convention, trait)
        if ours != theirs:
            differences.append(f"{trait} is {ours!r} here, {theirs!r} there")
    if differences:
        raise ValueError(
            f"{target.name} would compute something else with these weights: "
            f"{'; '.join(differences)}. Pass check_convention=False, and {TRAITS[target.name]}"
        )
