"""What exercise 3.6 is judged by: the mult-adds of any network, and usual miscounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .answers import Fault
from .compare import Case


def count(net: Any, x: Any) -> int:
    """Mult-adds of one image in a network, by hooks on its convolutions and linear layers."""
    return static(net, x, "")


def networks() -> Iterator[Case]:
    """Small networks and an input for each."""
    import torch
    from torch import nn

    twice = nn.Conv2d(4, 4, 1)
    for net, shape in (
        (nn.Conv2d(3, 8, 3, padding=1), (1, 3, 8, 8)),
        (nn.Conv2d(4, 6, 3, stride=2, bias=False), (1, 4, 9, 7)),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 8, 1)), (1, 4, 6, 5)),
        (nn.Sequential(nn.Conv2d(2, 4, (1, 3)), nn.BatchNorm2d(4), nn.ReLU()), (2, 2, 5, 5)),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (3, 3, 2, 2)),
        (nn.Sequential(twice, nn.ReLU(), nn.Sequential(twice)), (1, 4, 3, 3)),
    ):
        yield net.eval(), torch.ones(shape)


def static(net: Any, x: Any, what: str) -> int:
    """A count, or a miscount: `what` names the one thing that is left out or put in."""
    import torch
    from torch import nn

    total, hooks, met = 0, [], set()

    def add(module: Any, given: Any, out: Any) -> None:
        nonlocal total
        conv = isinstance(module, nn.Conv2d)
        places = out[0, 0].numel() if conv else 1
        weights = module.weight.numel()
        if what == "input" and conv:
            places = given[0][0, 0].numel()
        if what == "groups" and conv:
            weights *= module.groups
        if what == "batch":
            weights *= len(x)
        if what == "weights":
            places = 1
        if what == "bias" and module.bias is not None:
            weights += len(module.bias)
        if what == "once" and id(module) in met:
            weights = 0
        met.add(id(module))
        if what == "height" and conv:
            places = out.shape[2] ** 2
        if what == "square" and conv:
            weights = weights // module.kernel_size[1] * module.kernel_size[0]
        total += weights * places

    modules = net.children() if what == "children" else net.modules()
    for module in modules:
        if isinstance(module, nn.Conv2d) or (isinstance(module, nn.Linear) and what != "linear"):
            hooks.append(module.register_forward_hook(add))
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    if what in ("parameters", "stored"):
        sizes = [p.numel() for p in net.parameters() if what == "parameters" or p.dim() > 1]
        return sum(sizes)
    if what == "one bias":
        return total + sum(p.numel() for p in net.parameters() if p.dim() == 1)
    return 2 * total if what == "twice" else total


def slip(what: str) -> Any:
    """A counter with one mistake, see `static`."""
    return lambda net, x: static(net, x, what)


def leaves_no_hooks(answer: Any) -> None:
    """Raise a Fault if a counter changes the network that it counts."""
    import torch
    from torch import nn

    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    x = torch.zeros(1, 3, 4, 4)
    first = answer(net, x)
    if any(module._forward_hooks or module._forward_pre_hooks for module in net.modules()):
        raise Fault(
            "the numbers are right, but your hooks stay in the network.",
            "`register_forward_hook` returns a handle: call its `remove` when you are done.",
        )
    if answer(net, x) != first:
        raise Fault("the second time it gives another number.", "Begin each call with a sum of 0.")
