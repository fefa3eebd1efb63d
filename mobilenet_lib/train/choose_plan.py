"""Which plan trains fastest on this machine: tried, compared with fp32, timed, and remembered.

`choose` makes a `Trial` of each `Plan`: first whether each layer's output and gradients agree with
fp32, then how long its step takes, without torch.compile. What it finds is kept in the user's cache
folder, for this machine, this torch and this size of network; and in every checkpoint, so that a
run goes on as it began.
"""

from __future__ import annotations

import copy
import hashlib
import json
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .. import machine
from ..files import read_json, write_json
from ..model import MobileNet, kind
from ..process import device_name
from ..timing import interleave, random_images, random_network, training_step
from . import native
from .body import body, takes_body
from .factory import CONVENTIONS, make_architecture
from .kernels import normalize
from .native import cache_folder, cpu_capability
from .plan import PLANS, Plan, apply_plan, to_layout
from .recipe import Recipe

READINGS, WARM_UP = 5, 2
HOPELESS = 1.5
"""Times the fastest's first readings, from which on a plan is not timed again."""
MARGIN = 0.97
"""A plan in bf16 must take less than this share of the best fp32's time: else exact numbers win."""
CLASSES = 26
EXACT, ROUNDED = {"cpu": 1e-4, "cuda": 3e-3}, 0.02
"""How far a layer's output and gradients may be from fp32's, relative to their length. GPUs round
what goes into a convolution to 1 part in 1024 (TF32), bf16 rounds to 1 in 256."""
OF_SUMS = {False: 0.01, True: 0.1}
"""The same without and with bf16 for gradients of a normalization: sums that nearly cancel."""
STEPS = 4
"""Counts up when the code of a step changes, so that what was measured before is not believed."""
COMPARED, PIXELS = 4, 16
"""Images that layers are compared on, and normalizations, which need more than a few pixels."""


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
    trials = {name: Trial(recipe, device, name, count) for name in names}
    refused = [name for name, trial in trials.items() if not trial.agrees(trials["fp32"])]
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


def convention(recipe: Recipe) -> Literal["keras", "paper"]:
    """One that pads as the recipe's does: the rest takes no time."""
    return "keras" if recipe.network.convention == "keras" else "paper"


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


class Trial:
    """A network of a recipe's size under one plan, on random images."""

    def __init__(self, recipe: Recipe, device: torch.device, plan: str, count: int) -> None:
        size, self.plan, self.device = recipe.network, plan, device
        pads = convention(recipe)
        arch = make_architecture(replace(size, convention=pads), CLASSES)
        own = CONVENTIONS[pads]
        self.net = random_network(arch, device=device, layout="NCHW", convention=own)
        apply_plan(self.net, plan)
        images = random_images(count, size.resolution, device=device, layout="NCHW")
        self.images = to_layout(images, plan)
        generator = torch.Generator().manual_seed(0)
        self.labels = torch.randint(0, CLASSES, (count,), generator=generator).to(device)
        step = training_step(self.net, torch.optim.SGD(self.net.parameters(), 1e-3, 0.9))
        self.step = partial(step, self.images, self.labels)
        """One training step: what is timed."""

    def agrees(self, exact: Trial) -> bool:
        """Whether every layer's output and gradients are fp32's, up to the plan's rounding.

        Layer by layer, each on what it gets in the exact network: through all 28 with their
        batch normalization, even the rounding of fp32 would grow to something.
        """
        plan = PLANS[self.plan]
        near = ROUNDED if plan.bf16 else EXACT.get(self.device.type, 1e-3)
        for name, x in exact.inputs().items():
            own, other = self.net.get_submodule(name), exact.net.get_submodule(name)
            limit = near
            if isinstance(own, nn.BatchNorm2d):
                if not plan.kernels:
                    continue  # torch's, as in the other
                own, other = ByKernels(self.net, name, plan), ByKernels(exact.net, name, plan)
                other.plan = PLANS[exact.plan]
                x = torch.randn(PIXELS, *x.shape[1:], generator=torch.Generator().manual_seed(0))
                x, limit = x.bfloat16() if plan.bf16 else x, OF_SUMS[bool(plan.bf16)]
            results = layer_results(own, x, self.plan), layer_results(other, x.float(), exact.plan)
            if any(off > limit for off in map(apart, *results)):
                return False
        return True

    @torch.no_grad()
    def inputs(self) -> dict[str, Tensor]:
        """What each layer with weights gets, by its name."""
        seen: dict[str, Tensor] = {}
        hooks = [
            module.register_forward_pre_hook(lambda m, x, name=name: seen.update({name: x[0]}))
            for name, module in self.net.named_modules()
            if kind(module) is not None or isinstance(module, nn.BatchNorm2d)
        ]
        self.net(self.images[:COMPARED])
        for hook in hooks:
            hook.remove()
        return seen


class ByKernels(nn.Module):
    """A short piece of what kernels compute at once, or the same by torch.

    A block's normalization and ReLU, the next block's convolution, and its normalization and ReLU.
    """

    def __init__(self, net: MobileNet, name: str, plan: Plan) -> None:
        super().__init__()
        names = [layer.name for layer in net.arch.layers[:-1]]
        first = names.index(name.rpartition(".")[0])
        blocks: list[Any] = [net.get_submodule(each) for each in names[first : first + 2]]
        blocks = list(map(copy.deepcopy, blocks))
        for block in blocks:  # each channel far from where rounding takes it through ReLU
            nn.init.constant_(block.bn.weight, 0.5)
            block.bn.bias.data.fill_(3.0)[::2] = -3.0
        self.blocks: Any = nn.ModuleList(blocks)
        self.plan, self.turned = plan, net.turned
        # Its scale and shift may be what the next normalization takes away: then their gradients
        # are 0 but for rounding. What they are sums of shows in the gradient of the input, too.
        blocks[0].requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """From the first convolution's output to the last block's."""
        if self.plan.kernels and takes_body(self.blocks, x, x.dtype):
            return body(self.blocks, x, self.turned)
        first, *others = self.blocks
        x = normalize(first, x) if self.plan.kernels else first.act(first.bn(x))
        for block in others:
            x = block(x)
        return x


def layer_results(layer: nn.Module, x: Tensor, plan: str) -> list[Tensor]:
    """A layer's output, and the gradients of its input and parameters for a random one of it.

    Whose mean is not 0: else nobody would miss what batch normalization subtracts.
    """
    x = (to_layout(x, plan) if x.dim() == 4 else x).detach().requires_grad_()
    y = layer(x).float()
    generator = torch.Generator().manual_seed(1)
    upstream = 1 + torch.randn(y.shape, generator=generator).to(y.device)
    parameters = (part for part in layer.parameters() if part.requires_grad)
    return [y.detach(), *torch.autograd.grad(y, (x, *parameters), upstream)]


def apart(a: Tensor, b: Tensor) -> float:
    """Distance of two tensors, relative to the length of the second."""
    return ((a - b).norm() / b.norm().clamp(min=1e-12)).item()
