"""A network under one plan on random images: whether it computes what fp32 does, and how fast."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model import PAPER, MobileNet
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
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = MobileNet(arch, PAPER).to(device).train()
        apply_plan(self.net, plan)
        sides = (size.resolution, size.resolution)
        images = torch.randn(count, 3, *sides, generator=generator)
        self.labels = torch.randint(0, CLASSES, (count,), generator=generator).to(device)
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
