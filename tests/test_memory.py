"""The most memory that tensors need at a time: by hand, and of networks, counted and measured."""

import pytest
import torch
from torch import nn

from mobilenet_lib import TIMM, MobileNet, mobilenet_v1
from mobilenet_lib.bench.memory import peak_bytes
from mobilenet_lib.engines import fold

KB = torch.zeros(250)  # a thousand bytes


@pytest.mark.parametrize(
    ("call", "kilobytes"),
    [
        (lambda: KB + 1, 1),
        (lambda: (KB + 1) * 2, 2),
        (lambda: ((KB + 1) * 2) * 3, 2),  # the first is gone when the third is made
        (lambda: (KB + 1).mul_(2), 1),  # written over
        (lambda: KB.view(10, 25).t(), 0),  # views
        (lambda: (KB + 1).view(10, 25).t(), 1),
        (lambda: [KB + 1, KB + 2, KB + 3], 3),
        (lambda: None, 0),
    ],
)
def test_what_is_alive_at_a_time_is_counted(call, kilobytes):
    assert peak_bytes(call) == 1000 * kilobytes


@pytest.mark.parametrize(
    ("alpha", "resolution", "body"),
    [(1.0, 64, "separable"), (0.25, 96, "separable"), (0.25, 64, "full"), (0.5, 64, "shallow")],
)
def test_a_network_needs_what_its_architecture_says(alpha, resolution, body):
    arch = mobilenet_v1(alpha, resolution, body=body)
    net, x = fold(MobileNet(arch, TIMM).eval()), torch.zeros(1, 3, resolution, resolution)
    wasteful = peak_bytes(lambda: net(x))
    for module in net.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True
    assert peak_bytes(lambda: net(x)) == arch.peak_bytes() < wasteful
