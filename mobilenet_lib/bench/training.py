"""How fast a training step is: ours, the naive one, and timm's four ways, in turn in one run.

And why 16 bits are not faster everywhere: the passes of one depthwise layer with stride 2, each by
itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..architecture import Architecture, mobilenet_v1
from ..process import check_device, device_name, torch_defaults
from ..timing import (
    DTYPES,
    LAYOUTS,
    Timing,
    interleave,
    random_images,
    random_network,
    ratio,
    training_step,
)
from ..train.choose_plan import Choice, choose
from ..train.depthwise import input_gradient
from ..train.optimizers import make_optimizer
from ..train.plan import PLANS, apply_plan, to_layout
from ..train.recipe import Recipe
from ..train.trial import ROUNDED, apart

OURS, COMPILED, NAIVE = "ours", "ours, compiled", "naive: eager, NCHW, fp32"
PRODUCTS = "products"
LEAST_S = 0.2
"""Seconds of a reading: several steps in a row, as a run takes them. The first has its caches still
full of what was timed before it."""
BF16_LIMITS, FP32_LIMITS = (0.45, 0.55), (0.65, 0.75)
"""Shares of the naive loop's time, and of timm's best, that our step may take on a CPU: where it
computes in bf16, and where it does not."""
CLASSES = 26


@dataclass(frozen=True)
class TrainBench:
    """One training step on a finished batch, under each way to compute it."""

    alpha: float
    resolution: int
    batch_size: int
    device: str
    """What the processor or the GPU is called."""
    threads: int
    choice: Choice
    """What our step chose here, and why."""
    steps: dict[str, Timing]
    to_naive: float
    """Median over the rounds of: our step's time, over the naive one's beside it."""
    to_timm: float | None
    """The same over the fastest of timm's ways; None without timm."""
    timm: str
    """timm's version and fastest way, or why it is not here."""
    images_per_second: float
    products: Timing
    """The matrix products of all pointwise layers in a step by torch, and nothing else."""
    products_to_timm: float | None
    """The same over timm's best step, beside it: what all plans but those with kernels take."""
    layer: dict[str, Timing]
    """The passes of the network's largest depthwise layer with stride 2, in fp32 and bf16."""

    @property
    def limits(self) -> tuple[float, float]:
        """Shares of the naive loop's time, and of timm's best, that our step may take on a CPU."""
        return BF16_LIMITS if PLANS[self.choice.plan].bf16 else FP32_LIMITS

    @property
    def within_limits(self) -> bool:
        """Whether our step is as fast as it should be on a CPU."""
        of_naive, of_timm = self.limits
        return self.to_naive <= of_naive and (self.to_timm is None or self.to_timm <= of_timm)

    def __str__(self) -> str:
        width = max(map(len, self.steps))
        of_naive, of_timm = self.limits
        lines = [
            f"A training step, alpha {self.alpha:g}, {self.resolution}x{self.resolution}, batches "
            f"of {self.batch_size}, {self.device}, {self.threads} threads",
            *(
                f"{name:<{width}} {timing}, {per_second(self.batch_size, timing):,.0f} images/s"
                for name, timing in self.steps.items()
            ),
            f"ours is {self.choice}",
            f"ours takes {self.to_naive:.3f} of the naive step (at most {of_naive:g} on a CPU)",
        ]
        if self.to_timm is None:
            lines.append(f"timm was not measured: {self.timm}")
        else:
            lines.append(
                f"ours takes {self.to_timm:.3f} of timm's best (at most {of_timm:g}): {self.timm}"
            )
        share = f", {self.products_to_timm:.3f} of timm's best" if self.products_to_timm else ""
        lines.append(
            "its pointwise layers' matrix products alone, by torch: "
            f"{str(self.products).strip()}{share}"
        )
        width = max(map(len, self.layer))
        lines.append("its largest depthwise layer with stride 2:")
        lines += [f"{name:<{width}} {timing}" for name, timing in self.layer.items()]
        return "\n".join(lines)


@torch_defaults()
def bench_train(
    alpha: float = 1.0,
    resolution: int = 64,
    batch_size: int = 64,
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
    compile: bool = False,
) -> TrainBench:
    """Time training steps on one batch, all with the same SGD, in turn.

    Parameters
    ----------
    alpha, resolution
        The network; timm's `mobilenetv1_100` is there for alpha 1 only.
    batch_size
        Images in a step.
    readings
        Rounds that count.
    device
        Where they run.
    seed
        Of the images and the weights.
    compile
        Whether to time our step compiled by torch.compile, too.
    """
    recipe = Recipe().changed(alpha=alpha, resolution=resolution, batch_size=batch_size)
    where = check_device(device)
    choice = choose(recipe, where)
    images = random_images(batch_size, resolution, seed, where, "NCHW")
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (batch_size,), generator=generator).to(where)
    torch.manual_seed(seed)  # for timm's networks
    arch = mobilenet_v1(alpha, resolution, CLASSES)
    tasks = {}
    for name in (OURS, COMPILED) if compile else (OURS,):
        net = random_network(arch, seed, where, "NCHW")
        apply_plan(net, choice.plan)
        if name == COMPILED:
            net.compile()
        tasks[name] = step(net, to_layout(images, choice.plan), labels, recipe)
    tasks[NAIVE] = step(random_network(arch, seed, where, "NCHW"), images, labels, recipe)
    peers, timm = timm_steps(images, labels, recipe)
    tasks |= peers
    alone = {PRODUCTS: products(arch, batch_size, choice.plan, where, seed)}
    seconds = interleave(tasks | alone, readings, device=device, least_s=LEAST_S)
    steps = {name: Timing.of(seconds[name]) for name in tasks}
    to_timm = least = None
    if peers:
        best = min(peers, key=lambda name: steps[name].median_ms)
        to_timm, timm = ratio(seconds[OURS], seconds[best]), f"{best}, {timm}"
        least = ratio(seconds[PRODUCTS], seconds[best])
    return TrainBench(
        alpha,
        resolution,
        batch_size,
        device_name(where),
        torch.get_num_threads(),
        choice,
        steps,
        ratio(seconds[OURS], seconds[NAIVE]),
        to_timm,
        timm,
        round(per_second(batch_size, steps[OURS]), 1),
        Timing.of(seconds[PRODUCTS]),
        least,
        layer_passes(arch, batch_size, readings, where, seed),
    )


def layer_passes(
    arch: Architecture, batch_size: int, readings: int, device: torch.device, seed: int
) -> dict[str, Timing]:
    """Time the forward pass and both gradients of the first depthwise layer with stride 2.

    In fp32 and in bf16 by torch, and in bf16 the gradient of its input as plans rearrange it.
    """
    first = next(s for s in arch.layers if s.kind == "depthwise" and s.stride == 2)
    generator = torch.Generator().manual_seed(seed)
    sides = (first.in_size, first.in_size)
    shape = (batch_size, first.in_channels, *sides)
    x32 = torch.randn(shape, generator=generator).to(device, memory_format=torch.channels_last)
    w32 = torch.randn(first.in_channels, 1, 3, 3, generator=generator).to(device)
    tasks: dict[str, Callable[[], Any]] = {}
    for name in ("fp32", "bf16"):
        x, weight = (t.to(DTYPES[name], copy=True).requires_grad_() for t in (x32, w32))
        forward = functools.partial(F.conv2d, x, weight, None, 2, 1, 1, first.in_channels)
        y = forward()
        upstream = torch.ones_like(y)
        tasks[f"output, {name}"] = forward
        for of, wanted in (("input", x), ("filters", weight)):
            tasks[f"gradient of its {of}, {name}"] = functools.partial(
                torch.autograd.grad, y, wanted, upstream, retain_graph=True
            )
    rearranged = functools.partial(input_gradient, upstream, weight.detach(), sides, 2, 1)
    if not apart(rearranged(), tasks["gradient of its input, bf16"]()[0]) <= ROUNDED:
        raise ArithmeticError("rearranged, the gradient of a layer's input is not what torch says")
    tasks["gradient of its input, bf16, rearranged"] = rearranged
    seconds = interleave(tasks, readings, device=device, least_s=0.005)
    return {name: Timing.of(taken) for name, taken in seconds.items()}


def products(
    arch: Architecture, batch_size: int, plan: str, device: torch.device, seed: int
) -> Callable[[], None]:
    """The three products of each pointwise layer in a step by torch: output and both gradients.

    In the plan's numbers, on random matrices, into memory that is there already. (On a GPU, fp32
    keeps all bits here, where convolutions may drop some.)
    """
    dtype = torch.bfloat16 if "pointwise" in PLANS[plan].bf16 else torch.float32
    generator = torch.Generator(device).manual_seed(seed)
    draw = functools.partial(torch.randn, generator=generator, device=device, dtype=dtype)
    tasks = []
    for layer in arch.layers:
        if layer.kind == "pointwise":
            rows = batch_size * layer.out_size**2
            x, upstream = draw(rows, layer.in_channels), draw(rows, layer.out_channels)
            weight = draw(layer.out_channels, layer.in_channels)
            for left, right in ((x, weight.T), (upstream, weight), (upstream.T, x)):
                tasks.append((left, right, torch.mm(left, right)))

    def multiply() -> None:
        for left, right, product in tasks:
            torch.mm(left, right, out=product)

    return multiply


def step(
    net: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe, **options: Any
) -> Callable[[], Tensor]:
    """A `training_step` on one batch with the recipe's optimizer."""
    return functools.partial(
        training_step(net, make_optimizer(net, recipe), **options), images, labels
    )


def timm_steps(
    images: Tensor, labels: Tensor, recipe: Recipe
) -> tuple[dict[str, Callable[[], Tensor]], str]:
    """Timm's network in two layouts and two precisions, and its version; or none, and why."""
    if recipe.network.alpha != 1:
        return {}, "its mobilenetv1_100 has alpha 1"
    try:
        import timm
    except ImportError as error:
        return {}, f"timm cannot be imported ({error}); pip install timm"
    except RuntimeError as error:  # a torchvision of another build than torch
        return {}, f"timm cannot be imported ({error})"
    tasks: dict[str, Callable[[], Tensor]] = {}
    for layout in ("NCHW", "channels_last"):
        for precision in ("fp32", "bf16 autocast"):
            net = timm.create_model("mobilenetv1_100", num_classes=CLASSES)
            net = net.to(images.device, memory_format=LAYOUTS[layout])
            context = functools.partial(
                torch.autocast,
                images.device.type,
                torch.bfloat16,
                enabled=precision != "fp32",
            )
            own = images.contiguous(memory_format=LAYOUTS[layout])
            tasks[f"timm: {layout}, {precision}"] = step(net, own, labels, recipe, context=context)
    return tasks, f"timm {timm.__version__}"


def per_second(batch_size: int, timing: Timing) -> float:
    """Images per second, at a step's median time."""
    return 1e3 * batch_size / timing.median_ms
