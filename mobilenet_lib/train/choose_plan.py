"""Which plan trains fastest on this machine: tried, compared with fp32, timed, and remembered.

`choose` makes a `Trial` of each `Plan`: first whether each layer's output and gradients agree with
fp32, then how long its step takes, without torch.compile. What it finds is kept in the user's cache
folder, for this machine, this torch and this size of network; and in every checkpoint, so that a
run goes on as it began.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import machine
from ..files import read_json, write_json
from ..process import device_name
from ..timing import interleave
from . import native
from .native import cache_folder, cpu_capability
from .plan import PLANS
from .recipe import Recipe
from .trial import Trial, convention

READINGS, WARM_UP = 5, 2
HOPELESS = 1.5
"""Times the fastest's first readings, from which on a plan is not timed again."""
MARGIN = 0.97
"""A plan in bf16 must take less than this share of the best fp32's time: else exact numbers win."""
STEPS = 4
"""Counts up when the code of a step changes, so that what was measured before is not believed."""


@dataclass(frozen=True)
class Choice:
    """The plan that a run computes by, and why."""

    plan: str
    reason: str
    milliseconds: dict[str, float]
    """Median time of a step under each plan that was tried; empty if none was."""

    def __str__(self) -> str:
        times = ", ".join(f"{name} {ms:.4g} ms" for name, ms in self.milliseconds.items())
        return f"plan {self.plan}: {self.reason}" + (f" ({times})" if times else "")


def choose(recipe: Recipe, device: torch.device, images: int | None = None) -> Choice:
    """The plan that trains this recipe's network fastest here, measured once and then kept.

    Parameters
    ----------
    recipe
        Its network's size is what counts, and its `speed`.
    device
        Where the step runs.
    images
        Of a step on this device; None: the recipe's whole batch.

    Raises
    ------
    ValueError
        The recipe names a plan that this machine has no hardware for.
    """
    named = recipe.speed.plan
    if named != "auto":
        if PLANS[named].bf16 and not has_bf16(device):  # only emulated, far slower than fp32
            raise ValueError(
                f"plan {named} computes in bf16, for which this {device.type} has no hardware; "
                "take plan auto or fp32"
            )
        if PLANS[named].kernels and (why := without_kernels(device)):
            raise ValueError(f"plan {named} takes kernels, and {why}; take plan auto or fp32")
        return Choice(named, "the recipe names it", {})
    if device.type not in ("cpu", "cuda"):
        return Choice("fp32", f"nothing is measured on {device.type}", {})
    count = recipe.data.batch_size if images is None else images
    key = cache_key(recipe, device, count)
    kept = _kept(key)
    if kept is None:
        kept = measure(recipe, device, count)
        try:
            write_json(_path(key), {"key": key, "choice": asdict(kept)})
        except OSError as error:  # it will be measured again; the run itself needs no cache
            kept = replace(kept, reason=f"{kept.reason}; not kept, {error.strerror or error}")
    return kept


def measure(recipe: Recipe, device: torch.device, count: int) -> Choice:
    """Try every plan on `count` random images: of those that compute the same, the fastest step."""
    count = max(2, count)  # one alone is none that every network can normalize
    while True:
        try:
            return _measure(recipe, device, count)
        except torch.OutOfMemoryError:  # whether the batch itself fits is for the run to find out
            if count < 4:
                raise
        count //= 2
        torch.cuda.empty_cache()


def _measure(recipe: Recipe, device: torch.device, count: int) -> Choice:
    bf16, without = has_bf16(device), without_kernels(device)
    kernels = not (without or recipe.network.freeze_statistics)  # they normalize by the batch
    names = [n for n, p in PLANS.items() if (bf16 or not p.bf16) and (kernels or not p.kernels)]
    exact = Trial(recipe, device, "fp32", count)
    trials = {n: exact if n == "fp32" else Trial(recipe, device, n, count, exact) for n in names}
    refused = [name for name, trial in trials.items() if not trial.agrees(exact)]
    steps = {name: trial.step for name, trial in trials.items() if name not in refused}
    first = {n: min(s) for n, s in interleave(steps, WARM_UP, 0, device).items()}
    hopeful = {n: step for n, step in steps.items() if first[n] <= HOPELESS * min(first.values())}
    seconds = interleave(hopeful, READINGS, 0, device)
    medians = {n: 1e3 * statistics.median(seconds.get(n, [first[n]])) for n in steps}
    choice = decide(medians, refused)
    if without and sys.platform == "linux" and device.type == "cpu":
        choice = replace(choice, reason=f"{choice.reason}; without kernels: {without}")
    return choice


def decide(milliseconds: dict[str, float], refused: list[str]) -> Choice:
    """The fastest plan; one with bf16 only if it is clearly faster than fp32."""
    exact = min((n for n in milliseconds if not PLANS[n].bf16), key=milliseconds.__getitem__)
    best = min(milliseconds, key=milliseconds.__getitem__)
    if milliseconds[best] >= MARGIN * milliseconds[exact]:
        best = exact
    reason = "the fastest step measured here"
    tried = [name for name in milliseconds if PLANS[name].bf16]
    if not tried:
        reason += ", in fp32"
    elif best == exact:
        reason += f"; bf16 gains less than {1 - MARGIN:.0%}"
    else:
        reason += f", {milliseconds[exact] / milliseconds[best]:.2f} times as fast as {exact}"
    if refused:
        reason += f"; {', '.join(refused)} computed something else than fp32"
    return Choice(best, reason, {n: round(ms, 2) for n, ms in milliseconds.items()})


def without_kernels(device: torch.device) -> str | None:
    """Why there are no kernels of the book's own for a device; None if there are."""
    if device.type != "cpu":
        return "they are for processors"
    try:
        native.library()
    except native.NoKernels as error:
        return str(error)
    return None


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 numbers in hardware, and torch uses that hardware.

    On x86 it is part of AVX-512, which ATEN_CPU_CAPABILITY=avx2 switches off for torch.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    features = set(machine.features() or ())
    if "AVX-512" in features and not cpu_capability().startswith("AVX512"):
        return False
    return device.type == "cpu" and bool({"bf16", "AMX"} & features)


def cache_key(recipe: Recipe, device: torch.device, count: int) -> dict[str, Any]:
    """What a choice depends on."""
    network = recipe.network
    return {
        "device": device_name(device),
        "features": list(machine.features() or ()),
        "capability": cpu_capability(),
        "kernels": without_kernels(device) is None,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "alpha": network.alpha,
        "resolution": network.resolution,
        "body": network.body,
        "drop_stride": network.drop_stride,
        "convention": convention(recipe),
        "freeze_statistics": network.freeze_statistics,
        "batch_size": count,
        "steps": STEPS,
    }


def _path(key: dict[str, Any]) -> Path:
    return cache_folder() / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"


def _kept(key: dict[str, Any]) -> Choice | None:
    try:
        content = read_json(_path(key))
        if content["key"] != key or content["choice"]["plan"] not in PLANS:
            return None
        return Choice(**content["choice"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not whole: it is measured anew and written over
