"""From gradients to steps: parameter groups, TensorFlow's RMSprop, an average of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..model import MobileNet
from .recipe import Optimization, Recipe
from .schedule import RateAndMomentum


def parameter_groups(net: MobileNet, recipe: Recipe) -> list[dict[str, Any]]:
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
            elif isinstance(module, nn.Conv2d) and module.groups > 1:
                members["depthwise"].append(parameter)
            else:
                members["weights"].append(parameter)
    return [
        {"name": name, "params": members[name], "weight_decay": decay}
        for name, decay in decays.items()
        if members[name]
    ]


def make_optimizer(net: MobileNet, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer over the network's parameter groups."""
    groups, chosen = parameter_groups(net, recipe), recipe.optimization
    if chosen.optimizer == "sgd":
        return torch.optim.SGD(groups, chosen.rate, chosen.momentum)
    if chosen.optimizer == "adamw":
        betas = (chosen.momentum, chosen.decay)
        return torch.optim.AdamW(groups, chosen.rate, betas, chosen.epsilon)
    return RMSprop(groups, chosen.rate, chosen.decay, chosen.momentum, chosen.epsilon)


def apply_setting(
    optimizer: torch.optim.Optimizer, chosen: Optimization, setting: RateAndMomentum
) -> float:
    """Set every group's rate and momentum to what the schedule says; returns the rate."""
    rate = chosen.rate * setting.rate
    momentum = min(0.999, max(0.0, chosen.momentum + setting.momentum))
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
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Take one step; all weights of a group at a time."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            if not weights:
                continue
            for p in weights:
                if not self.state[p]:
                    self.state[p] = {"s": torch.ones_like(p), "m": torch.zeros_like(p)}
            s = [self.state[p]["s"] for p in weights]
            m = [self.state[p]["m"] for p in weights]
            g = [p.grad for p in weights]
            if group["weight_decay"]:
                g = torch._foreach_add(g, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(s, group["decay"])
            torch._foreach_addcmul_(s, g, g, 1 - group["decay"])
            root = torch._foreach_add(s, group["epsilon"])
            torch._foreach_sqrt_(root)
            torch._foreach_mul_(m, group["momentum"])
            torch._foreach_addcdiv_(m, g, root, group["lr"])
            torch._foreach_sub_(weights, m)
        return loss


class Average:
    """A moving average of a network's weights and BN statistics.

    After update t = 1, 2, ... the memory is min(memory, (1 + t) / (10 + t)), as TensorFlow has it:
    the first weights, which are random, are forgotten soon.
    """

    def __init__(self, net: MobileNet, memory: float) -> None:
        self.memory, self.updates = memory, 0
        self.values = {name: t.detach().clone() for name, t in _floats(net)}

    @torch.no_grad()
    def update(self, net: MobileNet) -> None:
        """Take in the network's weights as they are now."""
        self.updates += 1
        memory = min(self.memory, (1 + self.updates) / (10 + self.updates))
        now = [tensor.detach() for _, tensor in _floats(net)]
        torch._foreach_lerp_(list(self.values.values()), now, 1 - memory)

    @contextmanager
    def in_place(self, net: MobileNet) -> Iterator[None]:
        """Within the block the network has the averaged numbers, after it its own again."""
        self._swap(net)
        try:
            yield
        finally:
            self._swap(net)

    @torch.no_grad()
    def _swap(self, net: MobileNet) -> None:
        for name, tensor in _floats(net):
            kept = tensor.detach().clone()
            tensor.copy_(self.values[name])
            self.values[name].copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """What has to be kept to go on."""
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a kept state."""
        self.updates = state["updates"]
        for name, value in self.values.items():
            value.copy_(state["values"][name])


def _floats(net: MobileNet) -> Iterator[tuple[str, Tensor]]:
    named = [*net.named_parameters(), *net.named_buffers()]
    return ((name, tensor) for name, tensor in named if tensor.is_floating_point())
