"""A network under one plan on random images: whether it computes what fp32 does, and its step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..model import PAPER
from ..timing import random_images, random_network, training_step
from .plan import PLANS, apply_plan, kind, to_layout
from .recipe import Recipe

CLASSES = 26
EXACT, ROUNDED = {"cpu": 1e-4, "cuda": 3e-3}, 0.02
"""How far a layer's output and gradients may be from fp32's, relative to their length. GPUs round
what goes into a convolution to 1 part in 1024 (TF32), bf16 rounds to 1 in 256."""
COMPARED = 4
"""Images that layers are compared on."""


class Trial:
    """A network of a recipe's size under one plan, on random images."""

    def __init__(self, recipe: Recipe, device: torch.device, plan: str, count: int) -> None:
        size, self.plan, self.device = recipe.network, plan, device
        arch = PAPER.architecture(
            CLASSES, alpha=size.alpha, resolution=size.resolution, body=size.body
        )
        self.net = random_network(arch, device=device, layout="NCHW")
        apply_plan(self.net, plan)
        images = random_images(count, size.resolution, device=device, layout="NCHW")
        self.images = to_layout(images, plan)
        generator = torch.Generator().manual_seed(0)
        self.labels = torch.randint(0, CLASSES, (count,), generator=generator).to(device)
        self._step = training_step(self.net, torch.optim.SGD(self.net.parameters(), 1e-3, 0.9))

    def step(self) -> None:
        """One training step: what is timed."""
        self._step(self.images, self.labels)

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
