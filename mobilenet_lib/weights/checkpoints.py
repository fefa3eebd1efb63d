"""From a file, or a name on the hub, to a network that runs as was meant, and back to a file.

Our own format is safetensors with everything that running the network takes.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from torch import Tensor

from ..architecture import Architecture, mobilenet_v1
from ..convention import HEADS, Convention, Head, check_head
from ..files import write_atomically
from ..model import MobileNet
from ..preprocess import Preprocess
from ..process import torch_defaults
from ..validation import check_choice
from .formats import Checkpoint, WeightsError, some
from .infer_architecture import State, infer_architecture, read
from .keras_model import read_keras
from .locate import Found, find, opened
from .metadata import FORMAT, make_metadata, read_metadata
from .naming import TIMM_NAMES, TRANSFORMERS, Naming, cleaned, recognise

WITH_BACKGROUND = 1001  # tf-slim's ImageNet: class 0 is "none of the thousand"


def load_published(
    source: str | os.PathLike[str],
    *,
    convention: Convention | None = None,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
    resolution: int | None = None,
    drop_background: bool = False,
    head: Head | Literal["any"] = "softmax",
    state: str | None = None,
    revision: str | None = None,
) -> MobileNet:
    """Load a MobileNet V1 from a checkpoint of ours, timm's, transformers', Keras' or tf-slim's.

    Parameters
    ----------
    source
        A .safetensors, .pt, .npz, .h5 or .keras file, a folder as the hub lays it out, a name in
        the book's `data/checkpoints/` such as "person_detector", or one on the hub such as
        "google/mobilenet_v1_1.0_224".
    convention, preprocess, classes
        Used in place of what the file or its source says.
    resolution
        Another input size than the published one.
    drop_background
        Leave class 0 of 1,001 out, so that classes are counted as by networks with 1,000.
    head
        What you take the outputs for. "softmax", logits of classes that exclude each other: what a
        softmax or an argmax over them would get wrong is refused. "sigmoid": each output is there
        or not, also a single one. "features": the network has no classifier. "any": all of them,
        and `net.head` and `net.probabilities` say what they are.
    state
        Which of several states in a .pt file, such as "model" where averaged weights stand beside
        it; None takes the averaged ones, as those who trained them evaluate, and warns.
    revision
        Branch, tag or commit on the hub.

    Returns
    -------
    MobileNet
        In eval mode, with `net.preprocess` (a `Preprocess`), `net.classes` (a name for each
        output) and `net.source` (where it is from, its licence, its published accuracy).

    Raises
    ------
    FileNotFoundError, ConnectionError
        There is no such checkpoint, or the hub is out of reach.
    ModuleNotFoundError
        A package for this kind of checkpoint is missing.
    WeightsError
        The file is damaged, of an unknown format, would run code, is not a whole MobileNet V1,
        computes something that ours cannot, or its outputs are not what `head` says.
    """
    check_choice("head", head, (*HEADS, "any"))
    found = find(source, revision)
    with torch_defaults(), opened(found.path, state) as checkpoint:
        try:
            net = _build(
                found, checkpoint, convention, preprocess, resolution, drop_background, head
            )
        except ValueError as error:
            if isinstance(error, WeightsError) and str(found.path) in str(error):
                raise
            raise WeightsError(f"{found.path}: {error}") from error
    if classes is not None:
        net.classes = _class_names(tuple(classes), net.arch.num_classes)
    for note in checkpoint.notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    return net.eval()


def _build(
    found: Found,
    checkpoint: Checkpoint,
    convention: Convention | None,
    preprocess: Preprocess | None,
    resolution: int | None,
    drop_background: bool,
    wanted: Head | Literal["any"],
) -> MobileNet:
    stored, metadata = cleaned(checkpoint.tensors), checkpoint.metadata | found.beside
    if "model" in metadata:
        size = resolution or (preprocess.resolution if preprocess else None)
        stored, described = read_keras(metadata, stored, size)
        naming, body = recognise(stored)
    else:
        naming, body = recognise(stored)
        described = read_metadata(naming, metadata)
    if described.assumed and preprocess is None:
        checkpoint.notes.append(described.assumed)
    convention = convention or described.convention
    preprocess = preprocess or described.preprocess
    if preprocess is None:
        raise WeightsError(
            f"a {naming.name} file does not say how its pixels are scaled, and a wrong scale costs "
            "nearly all accuracy; pass preprocess=INCEPTION for -1 to 1, RAW_255 for 0 to 255, or "
            "your own, from mobilenet_lib.preprocess"
        )
    arch, stored = infer_architecture(naming, body, stored, convention.width_rule)
    if described.architecture is not None:
        _check_same(arch, described.architecture)
        arch = described.architecture  # its multiplier is as written, not as rounded to widths
    state = read(naming, arch, stored)
    classes = _class_names(described.classes if arch.num_classes else None, arch.num_classes)
    if drop_background:
        state, classes = _without_background(state, classes)
    if resolution is not None:
        preprocess = preprocess.at(resolution)
    arch = mobilenet_v1(
        arch.alpha,
        preprocess.resolution,
        len(classes),
        arch.body,
        width_rule=arch.width_rule,
        rounding=convention.rounding,
        drop_stride=described.drop_stride,
    )
    with torch.device("meta"):  # no fresh weights, so torch's random numbers stay as they are
        net = MobileNet(arch, convention, _head(described.head, len(classes), wanted))
    net.load_state_dict(state, assign=True)
    net.preprocess, net.classes = preprocess, classes
    net.source = {**described.source, "naming": naming.name, **found.source}
    if "state" in metadata:
        net.source["state"] = metadata["state"]
    return net


def _head(described: Head | None, count: int, wanted: Head | Literal["any"]) -> Head:
    """What the outputs are, which must be what the caller takes them for."""
    if described is None and count > 1 and wanted != "any" and wanted != "features":
        described = wanted  # nothing says otherwise
    head = check_head(described, count)
    if wanted in ("any", head):
        return head
    what = {
        "softmax": f"its {count} outputs are classes that exclude each other (softmax)",
        "sigmoid": "its one output is a class that is there or not (sigmoid)"
        if count == 1
        else f"its {count} outputs are classes that are each there or not (sigmoid)",
        "features": "it has no classifier, only the body of one: its outputs are features",
    }
    wrong = "a softmax or an argmax over them would be wrong; " if wanted == "softmax" else ""
    raise WeightsError(
        f"{what[head]}; {wrong}pass head={head!r} to load it as that, and take "
        f"{'net(x)' if head == 'features' else 'net.probabilities(net(x))'}"
    )


def _check_same(arch: Architecture, described: Architecture) -> None:
    if [x.out_channels for x in arch.layers] != [x.out_channels for x in described.layers]:
        raise WeightsError(
            f"it says alpha {described.alpha:g}, {described.body} body and "
            f"{described.num_classes} classes, but its tensors are of alpha "
            f"{arch.alpha:g}, {arch.body} body and {arch.num_classes} classes"
        )


def _class_names(names: tuple[str, ...] | None, count: int) -> tuple[str, ...]:
    if names is None:
        first = ("background",) if count == WITH_BACKGROUND else ()
        return first + tuple(f"class {i}" for i in range(len(first), count))
    if len(names) != count:
        raise WeightsError(
            f"{len(names)} names of classes ({some(names, 3)}) for {count} outputs; one each"
        )
    return names


def _without_background(state: State, classes: tuple[str, ...]) -> tuple[State, tuple[str, ...]]:
    if len(classes) != WITH_BACKGROUND:
        raise WeightsError(
            f"drop_background is for {WITH_BACKGROUND:,} classes, of which the first is the "
            f"background; this checkpoint has {len(classes):,}"
        )
    head = {name: state[name][1:].clone() for name in ("fc.weight", "fc.bias")}
    return state | head, classes[1:]


# --- Writing --------------------------------------------------------------------------------------

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
    if net.arch.drop_stride != "none":
        raise ValueError(
            f"{naming} has no MobileNet whose {net.arch.drop_stride} stride of 2 is 1, and "
            "would compute something else with these weights"
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
