"""Which plan trains fastest on this machine: tried, compared with fp32, timed, and remembered.

`choose` tries each `Plan`: first whether each layer's output and gradients agree with fp32, then
how long its step takes, without torch.compile. What it finds is kept in the user's cache folder,
for this machine, this torch and this size of network; and in every checkpoint, so that a run goes
on as it began.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch

from .. import machine
from ..files import own_path, write_atomically
from ..timing import device_name, interleave
from .plan import PLANS
from .plan_benchmark import Trial
from .recipe import Recipe, Speed

CACHE_VARIABLE = "MOBILENET_CACHE"
READINGS, WARM_UP = 5, 2
HOPELESS = 1.5
"""Times the fastest's first readings, from which on a plan is not timed again."""
MARGIN = 0.97
"""A plan in bf16 must take less than this share of the best fp32's time: else exact numbers win."""


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
    if recipe.speed.plan != "auto":
        check_hardware(recipe.speed, device)
        return Choice(recipe.speed.plan, "the recipe names it", {})
    if device.type not in ("cpu", "cuda"):
        return Choice("fp32", f"nothing is measured on {device.type}", {})
    count = recipe.data.batch_size if images is None else images
    key = cache_key(recipe, device, count)
    kept = _kept(key)
    if kept is None:
        kept = measure(recipe, device, count)
        try:
            write_atomically(_path(key), json.dumps({"key": key, "choice": asdict(kept)}, indent=2))
        except OSError as error:  # it will be measured again; the run itself needs no cache
            reason = f"{kept.reason}; not kept, {error.strerror or error}"
            kept = Choice(kept.plan, reason, kept.milliseconds)
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
    names = [n for n, plan in PLANS.items() if has_bf16(device) or not plan.bf16]
    trials = {name: Trial(recipe, device, name, count) for name in names}
    refused = [name for name, trial in trials.items() if not trial.agrees(trials["fp32"])]
    steps = {name: trial.step for name, trial in trials.items() if name not in refused}
    first = {n: min(s) for n, s in interleave(steps, WARM_UP, 0, device).items()}
    hopeful = {n: step for n, step in steps.items() if first[n] <= HOPELESS * min(first.values())}
    seconds = interleave(hopeful, READINGS, 0, device)
    medians = {n: 1e3 * statistics.median(seconds.get(n, [first[n]])) for n in steps}
    return decide(medians, refused)


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


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 numbers in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool({"bf16", "AMX"} & set(machine.features() or ()))


def check_hardware(speed: Speed, device: torch.device) -> None:
    """Refuse bf16 where it is only emulated, far slower than fp32."""
    if PLANS[speed.plan].bf16 and not has_bf16(device):
        raise ValueError(
            f"plan {speed.plan} computes in bf16, for which this {device.type} has no hardware; "
            "take plan auto or fp32"
        )


def cache_folder() -> Path:
    """Where choices are kept: the folder that MOBILENET_CACHE names, else the user's cache."""
    return own_path(CACHE_VARIABLE, lambda: platformdirs.user_cache_path("mobilenet") / "speed")


def cache_key(recipe: Recipe, device: torch.device, count: int) -> dict[str, Any]:
    """What a choice depends on."""
    network = recipe.network
    return {
        "device": device_name(device),
        "features": list(machine.features() or ()),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "alpha": network.alpha,
        "resolution": network.resolution,
        "body": network.body,
        "batch_size": count,
    }


def _path(key: dict[str, Any]) -> Path:
    return cache_folder() / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"


def _kept(key: dict[str, Any]) -> Choice | None:
    try:
        content = json.loads(_path(key).read_text("utf-8"))
        if content["key"] != key or content["choice"]["plan"] not in PLANS:
            return None
        return Choice(**content["choice"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not whole: it is measured anew and written over
