"""From names and shapes to a network: which width, how many classes, and does all of it fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..architecture import MAX_ALPHA, Architecture, WidthRule, mobilenet_v1, scale_channels
from .formats import FLOATS, Stored, WeightsError, some
from .naming import COUNTER, Naming, other_network

State = dict[str, Tensor]


def infer_architecture(
    naming: Naming, body: Architecture, stored: Mapping[str, Stored], rule: WidthRule
) -> tuple[Architecture, dict[str, Stored]]:
    """The architecture, at 224 pixels, that all stored names and shapes belong to.

    `naming` and `body` are what `recognise` found, `rule` how the source rounds widths. It has 0
    classes if there is no classifier; the tensors come back with a classifier under its usual name.
    One that is missing or too many, or has another shape or type than its place, is refused by it.
    """
    stored = _with_usual_head(naming, body, stored)
    _check_names(naming, body, stored)
    head = naming.keys(body.layers[-1])["bias"]
    shape = stored[head].shape if head in stored else (0,)
    if head in stored and (len(shape) != 1 or shape[0] < 1):
        raise WeightsError(f"{head!r} has shape {shape}; one number for each class is needed")
    widths = {
        layer.name: (layer.out_channels, stored[naming.keys(layer)["bn.weight"]].shape)
        for layer in body.layers[:-1]
    }
    candidates = [
        mobilenet_v1(alpha, num_classes=shape[0], body=body.body, width_rule=rule)
        for alpha in _alphas(list(widths.values()), rule)
    ]
    if not candidates:
        raise WeightsError(
            f"the widths of its layers fit no width multiplier up to {MAX_ALPHA}: "
            f"{some(f'{name} {stored_as}' for name, (_, stored_as) in widths.items())}"
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
    strange = [
        f"{key}: {stored[key].dtype}"
        for _, part, key in naming.places(arch)
        if key in stored and stored[key].dtype not in (("int64",) if part == COUNTER else FLOATS)
    ]
    if strange:
        raise WeightsError(
            f"{some(strange)}; weights must be of type {', '.join(FLOATS)}, counters of int64"
        )
    return arch, stored


def _with_usual_head(
    naming: Naming, body: Architecture, stored: Mapping[str, Stored]
) -> dict[str, Stored]:
    """The tensors, a classifier under another name called as usual.

    Transfer learning leaves "dense_3/kernel" or "classifier.1.weight". It is the classifier if it
    is the only pair of weight and bias that the body does not need, and the usual one is missing.
    """
    usual = naming.keys(body.layers[-1])
    known = {key for _, _, key in naming.places(body)}
    others = [key for key in stored if key not in known]
    if len(others) != 2 or any(key in stored for key in usual.values()):
        return dict(stored)
    leaves = [key.replace("/", ".").rpartition(".")[2] for key in others]
    stems = {key.removesuffix(leaf) for key, leaf in zip(others, leaves, strict=True)}
    parts = ["weight" if leaf == "kernel" else leaf for leaf in leaves]
    if len(stems) != 1 or set(parts) != {"weight", "bias"}:
        return dict(stored)
    names = {key: usual[part] for key, part in zip(others, parts, strict=True)}
    return {names.get(key, key): value for key, value in stored.items()}


def _check_names(naming: Naming, body: Architecture, stored: Mapping[str, Stored]) -> None:
    """Refuse a missing or an extra key, by name; all of the classifier may be missing."""
    has_head = any(key in stored for key in naming.keys(body.layers[-1]).values())
    required: set[str] = set()
    optional: set[str] = set()
    for layer, part, key in naming.places(body):
        if part == COUNTER or (part == "conv.bias" and not naming.torch_layout):
            optional.add(key)
        elif part != "conv.bias" and (has_head or layer.kind != "fc"):
            required.add(key)
    missing = [key for key in sorted(required) if key not in stored]
    extra = [key for key in sorted(stored) if key not in required | optional]
    if not missing and not extra:
        return
    parts = [f"missing {some(missing)}"] if missing else []
    parts += [f"extra {some(extra)}"] if extra else []
    raise WeightsError(
        f"{' and '.join(parts)}: a {naming.name} MobileNet V1 of the {body.body} body has "
        f"{len(required)} weights. {other_network(extra)}".strip()
    )


def _alphas(widths: Sequence[tuple[int, tuple[int, ...]]], rule: WidthRule) -> list[float]:
    """Width multipliers that some layer speaks for, the plainest number for each.

    `widths` are each layer's channels at alpha 1, and the shape that is stored.
    """
    guesses = Counter(
        shape[0] / wide
        for wide, shape in widths
        if len(shape) == 1 and 0 < shape[0] <= MAX_ALPHA * wide
    )
    alphas: dict[tuple[int, ...], float] = {}
    for guess, _ in guesses.most_common(6):
        near = [
            round(guess, digits) + step / 10**digits for digits in (2, 3) for step in (0, 1, -1)
        ]
        for alpha in sorted([*near, guess], key=lambda alpha: len(f"{alpha:g}")):
            if 1 / 32 <= alpha <= MAX_ALPHA:
                narrow = tuple(scale_channels(wide, alpha, rule) for wide, _ in widths)
                alphas.setdefault(narrow, round(alpha, 12))
    return list(alphas.values())


def _misshapen(naming: Naming, arch: Architecture, stored: Mapping[str, Stored]) -> list[str]:
    wrong = []
    for layer, part, key in naming.places(arch):
        allowed = naming.shapes(layer, part)
        if key in stored and stored[key].shape not in allowed:
            wrong.append(f"{key!r} has shape {stored[key].shape}, must be {allowed[0]}")
    return wrong


def read(naming: Naming, arch: Architecture, stored: Mapping[str, Stored]) -> State:
    """All tensors in torch's layout, float32, under our own names.

    A bias before BN is folded into BN's mean: BN(x + b) with mean m is BN(x) with mean m - b. A
    weight that is NaN or infinite is refused by name, as is a negative variance.
    """
    state: State = {}
    for layer, part, key in naming.places(arch):
        ours = f"{layer.name}.{part}"
        if part == COUNTER:
            state[ours] = stored[key].read().clone() if key in stored else torch.tensor(0)
        elif part != "conv.bias" and key in stored:
            tensor = naming.to_torch(layer.kind, stored[key].read())
            if part == "bn.running_mean" and (bias := naming.keys(layer)["conv.bias"]) in stored:
                tensor = tensor.double() - _float32(bias, stored[bias].read()).double()
            if part == "bn.running_var" and tensor.min() < 0:
                raise WeightsError(f"{key!r} holds a negative variance, {tensor.min():g}")
            state[ours] = _float32(key, tensor)
    return state


def _float32(key: str, tensor: Tensor) -> Tensor:
    # Always a copy: safetensors hands out views of the file, which may be overwritten meanwhile.
    result = tensor.to(torch.float32, copy=True).contiguous()
    if bad := int((~result.isfinite()).sum()):
        raise WeightsError(
            f"{key!r} has {bad} of {result.numel()} numbers that are NaN, infinite or too large "
            "for float32; training diverged or the file is damaged"
        )
    return result
