"""One plan on trial: whether it computes what fp32 does, piece by piece, and a step to be timed."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..model import MobileNet, kind
from ..timing import random_images, random_network, training_step
from .body import body, takes_body
from .factory import CONVENTIONS, make_architecture
from .kernels import normalize
from .plan import PLANS, Plan, apply_plan, to_layout
from .recipe import Recipe

CLASSES = 26
EXACT, ROUNDED = {"cpu": 1e-4, "cuda": 3e-3}, 0.02
"""How far a layer's output and gradients may be from fp32's, relative to their length. GPUs round
what goes into a convolution to 1 part in 1024 (TF32), bf16 rounds to 1 in 256."""
OF_SUMS = {False: 0.01, True: 0.1}
"""The same without and with bf16 for gradients of a normalization: sums that nearly cancel."""
COMPARED, PIXELS = 4, 16
"""Images that layers are compared on, and normalizations, which need more than a few pixels."""


def convention(recipe: Recipe) -> Literal["keras", "paper"]:
    """One that pads as the recipe's does: the rest takes no time."""
    return "keras" if recipe.network.convention == "keras" else "paper"


class Trial:
    """A network of a recipe's size under one plan, on random images.

    It shares what is large (weights, gradients, momenta, images) with `another` trial of the same
    layout: a dozen of each would fill the memory.
    """

    net: MobileNet
    optimizer: torch.optim.Optimizer
    images: Tensor
    labels: Tensor

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        plan: str,
        count: int,
        another: Trial | None = None,
    ) -> None:
        self.plan, self.device = plan, device
        if another and PLANS[another.plan].channels_last == PLANS[plan].channels_last:
            shared: dict[int, Any] = {id(each): each for each in another.net.parameters()}
            self.net = copy.deepcopy(another.net, shared)
            self.optimizer = another.optimizer
            self.images, self.labels = another.images, another.labels
        else:
            size, pads = recipe.network, convention(recipe)
            arch = make_architecture(replace(size, convention=pads), CLASSES)
            own = CONVENTIONS[pads]
            self.net = random_network(arch, device=device, layout="NCHW", convention=own)
            self.optimizer = torch.optim.SGD(self.net.parameters(), 1e-3, 0.9)
            images = random_images(count, size.resolution, device=device, layout="NCHW")
            self.images = to_layout(images, plan)
            generator = torch.Generator().manual_seed(0)
            self.labels = torch.randint(0, CLASSES, (count,), generator=generator).to(device)
        apply_plan(self.net, plan)
        step = training_step(self.net, self.optimizer)
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
