"""Which plan trains fastest on this machine: tried, compared with fp32, timed, and remembered.

`choose` tries each `Plan`: first whether its loss and gradients agree with fp32, then how long its
step takes. What it finds is kept in the user's cache folder, for this machine, this torch and this
size of network; and in every checkpoint, so that a run goes on as it began.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import machine
from ..files import write_atomically
from ..model import PAPER, MobileNet
from .plan import PLANS, apply_plan, kind, to_layout
from .recipe import Recipe, Speed

CACHE_VARIABLE = "MOBILENET_CACHE"
READINGS, WARM_UP = 5, 2
HOPELESS = 1.5
"""Times the fastest's first readings, from which on a plan is not timed again."""
MARGIN = 0.97
"""A plan in bf16 must take less than this share of the best fp32's time: else exact numbers win."""
EXACT, ROUNDED = {"cpu": 1e-4, "cuda": 3e-3}, 0.02
"""How far a layer's output and gradients may be from fp32's, relative to their length. GPUs round
what goes into a convolution to 1 part in 1024 (TF32), bf16 rounds to 1 in 256."""
COMPARED = 4
"""Images that layers are compared on."""


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


def choose(recipe: Recipe, device: torch.device) -> Choice:
    """The plan that trains this recipe's network fastest here, measured once and then kept.

    Raises
    ------
    ValueError
        The recipe names a plan that this machine has no hardware for.
    """
    if recipe.speed.plan != "auto":
        check_hardware(recipe.speed, device)
        return Choice(recipe.speed.plan, "the recipe names it", {})
    if not has_bf16(device) and device.type != "cpu":
        return Choice("fp32", f"{device.type} has no bf16", {})
    key = cache_key(recipe, device)
    path = cache_folder() / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"
    kept = _kept(path, key)
    if kept is None:
        kept = measure(recipe, device)
        try:
            write_atomically(path, json.dumps({"key": key, "choice": asdict(kept)}, indent=2))
        except OSError as error:  # it will be measured again; the run itself needs no cache
            reason = f"{kept.reason}; not kept, {error.strerror or error}"
            kept = Choice(kept.plan, reason, kept.milliseconds)
    return kept


def measure(recipe: Recipe, device: torch.device) -> Choice:
    """Try every plan on random images: those that compute the same, by the time of a step."""
    count = recipe.data.batch_size
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
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        trials = {name: Trial(recipe, device, name, count) for name in names}
        exact = trials["fp32"]
        refused = [name for name, trial in trials.items() if not trial.agrees(exact)]
        right = {name: trial for name, trial in trials.items() if name not in refused}
        seconds: dict[str, list[float]] = {name: [] for name in right}
        first = {name: min(trial.time() for _ in range(WARM_UP)) for name, trial in right.items()}
        hopeful = [n for n in right if first[n] <= HOPELESS * min(first.values())]
        for _ in range(READINGS):
            for name in hopeful:  # in turns: what else runs here slows all alike
                seconds[name].append(right[name].time())
    found = {n: 1e3 * statistics.median(s or [first[n]]) for n, s in seconds.items()}
    return decide(found, refused)


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
        reason += "; bf16 gains nothing"
    else:
        reason += f", {milliseconds[exact] / milliseconds[best]:.2f} times as fast as {exact}"
    if refused:
        reason += f"; {', '.join(refused)} computed something else than fp32"
    return Choice(best, reason, {n: round(ms, 2) for n, ms in milliseconds.items()})


class Trial:
    """A network of a recipe's size under one plan, on random images."""

    def __init__(self, recipe: Recipe, device: torch.device, plan: str, count: int) -> None:
        size, self.plan, self.device = recipe.network, plan, device
        arch = PAPER.architecture(26, alpha=size.alpha, resolution=size.resolution, body=size.body)
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = MobileNet(arch, PAPER).to(device).train()
        apply_plan(self.net, plan)
        shape = (count, 3, size.resolution, size.resolution)
        images = torch.randn(shape, generator=generator)
        self.labels = torch.randint(0, 26, (count,), generator=generator).to(device)
        self.images = to_layout(images.to(device), plan)
        self.optimizer = torch.optim.SGD(self.net.parameters(), 1e-3, 0.9)

    def backward(self) -> float:
        """Loss of the batch; its gradient is then in the parameters."""
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.net(self.images).float(), self.labels)
        loss.backward()
        return loss.item()

    def agrees(self, exact: Trial) -> bool:
        """Whether every layer's output and gradients are fp32's, up to the plan's rounding.

        Layer by layer, each on what it gets in the exact network: through all 28 with their
        batch normalization, even the rounding of fp32 would grow to something.
        """
        tolerance = ROUNDED if PLANS[self.plan].bf16 else EXACT.get(self.device.type, 1e-3)
        own = dict(self.net.named_modules())
        return all(
            apart(a, b) <= tolerance
            for name, x in exact.inputs().items()
            for a, b in zip(
                layer_results(own[name], x, self.plan),
                layer_results(exact.net.get_submodule(name), x, exact.plan),
                strict=True,
            )
        )

    @torch.no_grad()
    def inputs(self) -> dict[str, Tensor]:
        """What each layer with weights gets, by its name."""
        seen: dict[str, Tensor] = {}
        hooks = [
            module.register_forward_pre_hook(lambda m, x, name=name: seen.update({name: x[0]}))
            for name, module in self.net.named_modules()
            if kind(module) is not None
        ]
        self.net(self.images[:COMPARED])
        for hook in hooks:
            hook.remove()
        return seen

    def time(self) -> float:
        """Seconds that one step takes."""
        wait = torch.cuda.synchronize if self.device.type == "cuda" else lambda: None
        wait()
        start = time.perf_counter()
        self.backward()
        self.optimizer.step()
        wait()
        return time.perf_counter() - start


def layer_results(layer: nn.Module, x: Tensor, plan: str) -> list[Tensor]:
    """A layer's output, and the gradients of its input and weights for a random one of it."""
    x = (to_layout(x, plan) if x.dim() == 4 else x).detach().requires_grad_()
    y = layer(x).float()
    generator = torch.Generator().manual_seed(1)
    upstream = torch.randn(y.shape, generator=generator).to(y.device)
    return [y.detach(), *torch.autograd.grad(y, (x, layer.weight), upstream)]


def apart(a: Tensor, b: Tensor) -> float:
    """Distance of two tensors, relative to the length of the second."""
    return ((a - b).norm() / b.norm().clamp(min=1e-12)).item()


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
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("mobilenet")) / "speed"


def cache_key(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """What a choice depends on."""
    processor = machine.processor()
    on_gpu = device.type == "cuda"
    network = recipe.network
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else processor.model,
        "features": list(processor.features or ()),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "alpha": network.alpha,
        "resolution": network.resolution,
        "body": network.body,
        "batch_size": recipe.data.batch_size,
    }


def _kept(path: Path, key: dict[str, Any]) -> Choice | None:
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["key"] != key or content["choice"]["plan"] not in PLANS:
            return None
        return Choice(**content["choice"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not whole: it is measured anew and written over
