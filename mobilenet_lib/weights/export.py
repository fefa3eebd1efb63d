"""From our network to the names of timm and transformers, to be loaded there."""

from __future__ import annotations

from torch import Tensor

from ..model import MobileNet
from ..validation import check_choice
from .naming import TIMM_NAMES, TRANSFORMERS, Naming

TARGETS = {naming.name: naming for naming in (TIMM_NAMES, TRANSFORMERS)}
TRAITS = {
    "timm": "build it there with act_layer, bn_eps and pad_type set to ours",
    "transformers": "set hidden_act, layer_norm_eps and tf_padding in its config to ours",
}


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
        for layer in net.arch.layers
        for part, key in target.keys(layer).items()
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
