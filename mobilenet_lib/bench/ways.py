"""Which engines to compare, and in which ways each may run a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..engines import ENGINES, Engine

SLICES = (1, 4)
"""Images: one, whose activations fit most caches, and a few, that share the loading of weights."""


def choose(
    names: Sequence[str], device: torch.device
) -> tuple[dict[str, type[Engine]], dict[str, str]]:
    """The engines that are named and can run on `device`, and why the others cannot.

    Raises
    ------
    ValueError
        A name that no engine has.
    """
    unknown = [name for name in names if name != "all" and name not in ENGINES]
    if unknown or not names:
        raise ValueError(
            f"engines must be all, or some of {', '.join(ENGINES)}; got {', '.join(unknown)}"
        )
    wanted = ENGINES if "all" in names else {name: ENGINES[name] for name in names}
    chosen, missing = {}, {}
    for name, kind in wanted.items():
        there = kind.available()
        if there and kind.device not in ("any", device.type):
            missing[name] = f"it runs on {kind.device}, not on {device.type}"
        elif there:
            chosen[name] = kind
        else:
            missing[name] = there.reason
    return chosen, missing


def maker(kind: type[Engine], precision: str, **options: Any) -> Callable[[], Engine]:
    """A function that makes a new engine; torch's own get the precision that is wanted."""
    if takes(kind, "precision"):
        options["precision"] = precision
    return lambda: kind(**options)


def cuts(
    kind: type[Engine], batch_size: int, slices: Sequence[int], threads: int
) -> list[dict[str, int]]:
    """The ways in which an engine may cut a batch: not at all, in slices, in slices side by side.

    Side by side, each thread has a slice of its own, and none waits for another after each layer.
    """
    fitting = [size for size in slices if size < batch_size and batch_size % size == 0]
    ways: list[dict[str, int]] = [{}] + [{"slice": size} for size in fitting]
    if takes(kind, "streams") and 1 < threads <= batch_size:
        whole = [batch_size // threads] if batch_size % threads == 0 else []
        ways += [{"slice": s, "streams": threads} for s in dict.fromkeys([*fitting, *whole])]
    return ways


def takes(kind: type[Engine], option: str) -> bool:
    """Whether an engine is made with an option of this name."""
    return option in inspect.signature(kind).parameters
