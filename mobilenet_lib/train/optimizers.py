"""From gradients to steps: parameter groups, TensorFlow's RMSprop, an average of the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..model import MobileNet, kind
from .recipe import Optimization, Recipe
from .schedule import RateAndMomentum

Tensors = tuple[Tensor, ...] | list[Tensor]


def parameter_groups(net: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Depthwise filters, BN with biases, and all other weights, each with its weight decay.

    Every parameter is in exactly one group; a group's "name" says which it is. A body without
    depthwise layers has two groups.
    """
    chosen = recipe.regularization
    decays = {
        "weights": chosen.weight_decay,
        "depthwise": chosen.weight_decay * chosen.decay_depthwise,
        "norms and biases": chosen.weight_decay * chosen.decay_norms,
    }
    members: dict[str, list[nn.Parameter]] = {name: [] for name in decays}
    for module in net.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias" or isinstance(module, nn.modules.batchnorm._NormBase):
                members["norms and biases"].append(parameter)
            elif kind(module) == "depthwise":
                members["depthwise"].append(parameter)
            else:
                members["weights"].append(parameter)
    return [
        {"name": name, "params": members[name], "weight_decay": decay}
        for name, decay in decays.items()
        if members[name]
    ]


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer over the network's parameter groups."""
    groups, chosen = parameter_groups(net, recipe), recipe.optimization
    if chosen.optimizer == "sgd":
        # On the CPU in one pass over weights, gradients and momenta, not in one for each operation.
        fused = True if all(p.device.type == "cpu" for p in net.parameters()) else None
        return torch.optim.SGD(groups, chosen.rate, chosen.momentum, fused=fused)
    if chosen.optimizer == "adamw":
        betas = (chosen.momentum, chosen.decay)
        return torch.optim.AdamW(groups, chosen.rate, betas, chosen.epsilon)
    return RMSprop(groups, chosen.rate, chosen.decay, chosen.momentum, chosen.epsilon)


def set_rate(
    optimizer: torch.optim.Optimizer, chosen: Optimization, scheduled: RateAndMomentum
) -> float:
    """Set every group's rate and momentum to what the schedule says; returns the rate."""
    rate = chosen.rate * scheduled.rate
    momentum = min(0.999, max(0.0, chosen.momentum + scheduled.momentum))
    for group in optimizer.param_groups:
        group["lr"] = rate
        if "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        else:
            group["momentum"] = momentum
    return rate


class RMSprop(torch.optim.Optimizer):
    """RMSprop as TensorFlow 1 computes it, which is what the authors trained with.

    With gradient g (weight decay added to it), per weight w:

        s ← decay · s + (1 - decay) · g²          from s = 1
        m ← momentum · m + rate · g / √(s + ε)    from m = 0
        w ← w - m

    torch's own starts from s = 0, adds ε outside the root and multiplies by the rate last. With
    tf-slim's ε of 1 that is another optimizer: gradients are small, so √(s + 1) stays near 1.

    Parameters
    ----------
    params
        Parameters or groups of them.
    lr, decay, momentum, epsilon
        As above.
    weight_decay
        L2: this share of w is added to g.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        decay: float = 0.9,
        momentum: float = 0.9,
        epsilon: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = dict(lr=lr, decay=decay, momentum=momentum, epsilon=epsilon)
        super().__init__(params, defaults | {"weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # takes no closure: nothing here has one
        """Take one step; all weights of a group at a time."""
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            if not weights:
                continue
            for p in weights:
                if not self.state[p]:
                    self.state[p] = {"s": torch.ones_like(p), "m": torch.zeros_like(p)}
            s = [self.state[p]["s"] for p in weights]
            m = [self.state[p]["m"] for p in weights]
            g: Tensors = [p.grad for p in weights]
            if group["weight_decay"]:
                g = torch._foreach_add(g, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(s, group["decay"])
            torch._foreach_addcmul_(s, g, g, 1 - group["decay"])
            root = torch._foreach_add(s, group["epsilon"])
            torch._foreach_sqrt_(root)
            torch._foreach_mul_(m, group["momentum"])
            torch._foreach_addcdiv_(m, g, root, group["lr"])
            torch._foreach_sub_(weights, m)


class Average(AveragedModel):
    """A copy of a network whose weights and BN statistics are moving averages of the network's.

    After update t = 1, 2, ... the memory is min(memory, (1 + t) / (10 + t)), as TensorFlow has it:
    the first weights, which are random, are forgotten soon.
    """

    module: MobileNet

    def __init__(self, net: MobileNet, memory: float) -> None:
        super().__init__(net, multi_avg_fn=self._blend, use_buffers=True)
        self.memory = memory
        self.update_parameters(net)  # the first time it only copies

    def _blend(self, averaged: Tensors, now: Tensors, _: Tensor | int) -> None:
        if not averaged[0].is_floating_point():  # BN's count of batches
            torch._foreach_copy_(averaged, now)
            return
        updates = int(self.n_averaged)
        memory = min(self.memory, (1 + updates) / (10 + updates))
        get_ema_multi_avg_fn(memory)(averaged, now, updates)
