"""Which part of what a training script saved is the state dict that is meant."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from .formats import Checkpoint, Stored, WeightsError, shorten, some

ADVICE = (
    'Save only the weights, torch.save(net.state_dict(), "weights.pt"), or better as .safetensors'
)
# Where training scripts put the weights. The averaged ones come first: by these they evaluate.
AVERAGED = re.compile(r"(?i)(^|_)(ema|swa|averaged?)(_|$)")
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
DEPTH = 6  # of dictionaries in dictionaries where a state is looked for
Place = tuple[str, ...]
"""The keys that lead to a state; none: all that was saved is one."""


def choose_state(path: Path, loaded: Any, wanted: str | None) -> Checkpoint:
    """The tensors of the state that is wanted, or else that its authors would evaluate.

    What lies beside the tensors in a state, such as an epoch, is passed over: a weight that is no
    tensor is missed later. `loaded` is what `torch.load` returned; `wanted` a key on the way to the
    state, or all of them joined by dots. None chooses, and notes if there was a choice; where
    nothing says which, it is refused.
    """
    states = _states(path, loaded)
    places = _places(path, list(states), wanted)
    state = states[places[0]] if places else _pairs(path, loaded)
    if not isinstance(state, dict):
        raise WeightsError(f"{path} holds a {type(state).__name__}, not a state dict; {ADVICE}")
    others = [name for name, value in state.items() if _is_out_of_place(name, value, bool(states))]
    if others:
        raise WeightsError(f"{path}: {some(others)} is no tensor under a name; {ADVICE}")
    tensors = {
        name: _stored(value) for name, value in state.items() if isinstance(value, torch.Tensor)
    }
    checkpoint = Checkpoint(path, tensors)  # stride 0 lets one number pose as a tensor of any size
    if len(states) > 1 and places:
        chosen = _called(places[0])
        beside = ", ".join(_called(other) for other in list(states)[:4] if other != places[0])
        checkpoint.metadata["state"] = f"{chosen} (the file also has {beside})"
    if len(places) > 1 and wanted is None:
        checkpoint.notes.append(
            f"{path.name} holds {some(map(_called, places))}: the weights of {chosen!r} were "
            f"taken; pass state={_called(places[1])!r} for the other"
        )
    modules = getattr(state, "_metadata", None)
    for module in modules.values() if isinstance(modules, dict) else ():
        if isinstance(module, dict) and "mobilenet_lib" in module:  # what our own networks tell
            checkpoint.metadata["module"] = module["mobilenet_lib"]
    return checkpoint


def _stored(tensor: torch.Tensor) -> Stored:
    return Stored(
        tuple(tensor.shape),
        str(tensor.dtype).removeprefix("torch."),
        tensor.element_size(),
        lambda: tensor.detach().clone(memory_format=torch.contiguous_format),
    )


def _states(path: Path, loaded: Any) -> dict[Place, dict]:
    """Every dictionary of tensors whose names have dots: an optimizer's have none."""
    states: dict[Place, dict] = {}
    seen: set[int] = set()  # a dictionary may stand there twice, or hold itself
    level: list[tuple[Place, Any]] = [((), loaded)]
    for _ in range(DEPTH):
        deeper: list[tuple[Place, Any]] = []
        for place, value in level:
            value = _pairs(path, value)
            if not isinstance(value, dict) or id(value) in seen:
                continue
            seen.add(id(value))
            if any(_is_weight(*item) for item in value.items()):
                states[place] = value
            deeper += [
                ((*place, name), inner)
                for name, inner in value.items()
                if isinstance(name, str) and isinstance(inner, dict | list)
            ]
        level = deeper
    return states


def _pairs(path: Path, value: Any) -> Any:
    """`list(net.state_dict().items())` as a dictionary; anything else as it is."""
    if not isinstance(value, list) or not value:
        return value
    if not all(isinstance(pair, tuple) and len(pair) == 2 and _is_weight(*pair) for pair in value):
        return value
    (name, count), *_ = Counter(name for name, _ in value).most_common(1)
    if count > 1:
        raise WeightsError(f"{path}: it holds {shorten(name, 80)!r} twice")
    return dict(value)


def _is_weight(name: Any, value: Any) -> bool:
    named = isinstance(name, str) and ("." in name or "/" in name)
    return named and isinstance(value, torch.Tensor)


def _is_out_of_place(name: Any, value: Any, is_state: bool) -> bool:
    """Whether an entry is neither a tensor under a name nor something that may lie beside them."""
    if isinstance(value, torch.Tensor):
        return not isinstance(name, str)
    plain = value is None or isinstance(value, bool | int | float | str | dict)
    return not is_state or (isinstance(name, str) and "." in name and not plain)


def _places(path: Path, places: list[Place], wanted: str | None) -> list[Place]:
    """Where the state is, and then the others that it could be; nothing: none looks like one."""
    fitting = sorted(
        (place for place in places if wanted is None or wanted in (*place, _called(place))),
        key=_rank,
    )
    if wanted is not None and not fitting:
        available = some(map(_called, places)) if any(places) else "one, unnamed"
        raise WeightsError(f"{path} has no state {shorten(wanted, 80)!r}; it has {available}")
    if len(fitting) > 1 and _rank(fitting[0]) == _rank(fitting[1]) >= len(WRAPPERS):
        raise WeightsError(
            f"{path} holds {len(fitting)} states, {some(map(_called, fitting))}; pass "
            f"state={_called(fitting[0])!r} or another of them"
        )
    return fitting


def _rank(place: Place) -> int:
    """The smaller, the sooner it is taken."""
    if any(AVERAGED.search(name) for name in place):
        return -1
    known = [WRAPPERS.index(name) for name in place if name in WRAPPERS]
    return min(known, default=len(WRAPPERS) if place else 0)


def _called(place: Place) -> str:
    """As messages name it, and `state=` takes it."""
    return shorten(".".join(place), 80) or "the outermost"
