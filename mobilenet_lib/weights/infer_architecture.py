"""From names and shapes to a network: which width, how many classes, and does all of it fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from ..architecture import MAX_ALPHA, Architecture, WidthRule, mobilenet_v1, scale_channels
from ..layer import Layer
from .formats import FLOATS, Stored, WeightsError, some
from .naming import COUNTER, Naming

State = dict[str, Tensor]


def headless(naming: Naming, arch: Architecture, stored: Mapping[str, Stored]) -> bool:
    """Whether a checkpoint has all of the body and nothing of the classifier."""
    return not any(key in stored for key in naming.keys(arch.layers[-1]).values())


def with_head(
    naming: Naming, arch: Architecture, stored: Mapping[str, Stored]
) -> dict[str, Stored]:
    """The tensors, a classifier under another name called as usual.

    Transfer learning leaves "dense_3/kernel" or "classifier.1.weight". It is the classifier if it
    is the only pair of weight and bias that the body does not need, and the usual one is missing.
    """
    usual = naming.keys(arch.layers[-1])
    known = {key for layer in arch.layers for key in naming.keys(layer).values()}
    others = [key for key in stored if key not in known]
    leaves = {key.replace("/", ".").rpartition(".")[2]: key for key in others}
    pair = {"weight": leaves.get("weight", leaves.get("kernel")), "bias": leaves.get("bias")}
    if len(others) != 2 or None in pair.values() or any(key in stored for key in usual.values()):
        return dict(stored)
    if pair["weight"][:-6] != pair["bias"][:-4]:
        return dict(stored)
    names = {pair[part]: usual[part] for part in ("weight", "bias")}
    return {names.get(key, key): value for key, value in stored.items()}


def check_names(
    naming: Naming, arch: Architecture, stored: Mapping[str, Stored], bare: bool = False
) -> None:
    """Refuse a missing or an extra key, by name; a `bare` network has no classifier."""
    required, optional = set(), set()
    for layer in arch.layers[: len(arch.layers) - bare]:
        for part, key in naming.keys(layer).items():
            spare = part == COUNTER or (part == "conv.bias" and not naming.torch_layout)
            if part != "conv.bias" or spare:
                (optional if spare else required).add(key)
    missing = [key for key in sorted(required) if key not in stored]
    extra = [key for key in sorted(stored) if key not in required | optional]
    if not missing and not extra:
        return
    parts = [f"missing {some(missing)}"] if missing else []
    parts += [f"extra {some(extra)}"] if extra else []
    advice = f"a {naming.name} MobileNet V1 of the {arch.body} body has {len(required)} weights"
    if any(key.startswith("conv_head") for key in extra):
        advice += "; timm's mobilenetv1_100h has one layer more than Table 1, take mobilenetv1_100"
    elif any("conv_pwl" in key for key in extra):
        advice += "; this looks like MobileNet V2"
    raise WeightsError(f"{' and '.join(parts)}: {advice}")


def fit(
    naming: Naming,
    body: Architecture,
    stored: Mapping[str, Stored],
    rule: WidthRule,
    bare: bool = False,
) -> Architecture:
    """The architecture, at 224 pixels, that all stored shapes belong to.

    Parameters
    ----------
    naming, body
        What `recognise` found.
    stored
        The tensors by the source's names, complete.
    rule
        How the source rounds widths.
    bare
        Whether it has no classifier.

    Raises
    ------
    WeightsError
        No width fits, or a tensor has another shape or type than its place needs, by name.
    """
    head = naming.keys(body.layers[-1])["bias"]
    shape = (0,) if bare else stored[head].shape
    if not bare and (len(shape) != 1 or shape[0] < 1):
        raise WeightsError(f"{head!r} has shape {shape}; one number for each class is needed")
    candidates = [
        mobilenet_v1(alpha, num_classes=shape[0], body=body.body, width_rule=rule)
        for alpha in _alphas(naming, body, stored, rule)
    ]
    if not candidates:
        raise WeightsError(
            f"the widths of its layers fit no width multiplier up to {MAX_ALPHA}: "
            f"{_widths(naming, body, stored)}"
        )
    # The width that most tensors agree on: then it is a misshapen tensor that is named, not all
    # the others.
    faults = [(_misshapen(naming, arch, stored), arch) for arch in candidates]
    worst, arch = min(faults, key=lambda candidate: len(candidate[0]))
    if worst:
        more = f" and {len(worst) - 3} more" if len(worst) > 3 else ""
        raise WeightsError(
            f"misshapen {'; '.join(worst[:3])}{more}, for {arch.alpha:g} MobileNet V1 with "
            f"{arch.num_classes} classes"
        )
    strange = [key for key in _keys(naming, arch, stored) if stored[key].dtype not in FLOATS]
    if strange:
        types = some(f"{key}: {stored[key].dtype}" for key in strange)
        raise WeightsError(f"{types}; weights must be of type {', '.join(FLOATS)}")
    return arch


def read(naming: Naming, arch: Architecture, stored: Mapping[str, Stored]) -> State:
    """All tensors in torch's layout, float32, under our own names.

    A bias before BN is folded into BN's mean: BN(x + b) with mean m is BN(x) with mean m - b.

    Raises
    ------
    WeightsError
        A weight is NaN or infinite, or a variance is negative, by name.
    """
    state: State = {}
    for layer in arch.layers[: len(arch.layers) - (arch.num_classes == 0)]:
        keys = naming.keys(layer)
        for part, key in keys.items():
            if part == "conv.bias":
                continue
            ours = f"{layer.name}.{part}"
            if part == COUNTER:
                state[ours] = _counter(key, stored)
                continue
            tensor = naming.to_torch(layer.kind, _finite(key, stored[key]))
            if part == "bn.running_mean" and keys["conv.bias"] in stored:
                bias = _finite(keys["conv.bias"], stored[keys["conv.bias"]])
                tensor = tensor.double() - bias.double()
            if part == "bn.running_var" and tensor.min() < 0:
                raise WeightsError(f"{key!r} holds a negative variance, {tensor.min():g}")
            state[ours] = _float32(key, tensor)
    return state


def _alphas(
    naming: Naming, body: Architecture, stored: Mapping[str, Stored], rule: WidthRule
) -> list[float]:
    """Width multipliers that some layer's width speaks for, the plainest number for each."""
    guesses = Counter[float]()
    for layer in body.layers[:-1]:
        shape = stored[naming.keys(layer)["bn.weight"]].shape
        if len(shape) == 1 and 0 < shape[0] <= MAX_ALPHA * layer.out_channels:
            guesses[shape[0] / layer.out_channels] += 1
    alphas: dict[tuple[int, ...], float] = {}
    for guess, _ in guesses.most_common(6):
        near = [
            round(guess, digits) + step / 10**digits for digits in (2, 3) for step in (0, 1, -1)
        ]
        for alpha in sorted([*near, guess], key=lambda alpha: len(f"{alpha:g}")):
            if 1 / 32 <= alpha <= MAX_ALPHA:
                widths = tuple(
                    scale_channels(layer.out_channels, alpha, rule) for layer in body.layers[:-1]
                )
                alphas.setdefault(widths, round(alpha, 12))
    return list(alphas.values())


def _widths(naming: Naming, body: Architecture, stored: Mapping[str, Stored]) -> str:
    shapes = [
        (layer.name, stored[naming.keys(layer)["bn.weight"]].shape) for layer in body.layers[:-1]
    ]
    return some(f"{name} {shape}" for name, shape in shapes)


def _keys(naming: Naming, arch: Architecture, stored: Mapping[str, Stored]) -> list[str]:
    return [
        key
        for layer in arch.layers
        for part, key in naming.keys(layer).items()
        if key in stored and part != COUNTER
    ]


def _misshapen(naming: Naming, arch: Architecture, stored: Mapping[str, Stored]) -> list[str]:
    wrong = []
    for layer in arch.layers:
        for part, key in naming.keys(layer).items():
            if key not in stored or part == COUNTER:
                continue
            allowed = naming.stored_shapes(layer.kind, _torch_shape(layer, part))
            if stored[key].shape not in allowed:
                wrong.append(f"{key!r} has shape {stored[key].shape}, must be {allowed[0]}")
    return wrong


def _torch_shape(layer: Layer, part: str) -> tuple[int, ...]:
    if part == "weight":
        return layer.out_channels, layer.in_channels
    if part == "conv.weight":
        group = 1 if layer.kind == "depthwise" else layer.in_channels
        return layer.out_channels, group, layer.kernel_size, layer.kernel_size
    return (layer.out_channels,)


def _counter(key: str, stored: Mapping[str, Stored]) -> Tensor:
    if key not in stored:
        return torch.tensor(0)
    if stored[key].shape != () or stored[key].dtype != "int64":
        raise WeightsError(
            f"{key!r} is {stored[key].dtype} of shape {stored[key].shape}, must be one int64"
        )
    return stored[key].read().clone()


def _finite(key: str, stored: Stored) -> Tensor:
    tensor = stored.read()
    if not torch.isfinite(tensor).all():
        count = int((~torch.isfinite(tensor)).sum())
        raise WeightsError(
            f"{key!r} has {count} of {tensor.numel()} numbers that are NaN or infinite; training "
            "diverged or the file is damaged"
        )
    return tensor


def _float32(key: str, tensor: Tensor) -> Tensor:
    # Always a copy: safetensors hands out views of the file, which may be overwritten meanwhile.
    result = tensor.to(torch.float32, copy=True).contiguous()
    if not torch.isfinite(result).all():
        raise WeightsError(f"{key!r} has numbers too large for float32")
    return result
