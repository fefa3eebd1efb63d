"""Batch normalization folded into the convolution before it: the same function, one layer less.

A trained batch normalization multiplies each channel by a constant and adds another::

    y = gamma * (z - mean) / sqrt(var + eps) + beta,        z = w * x   (* is convolution),

and a convolution is linear in its weights,
so both are one convolution with::

    w' = w * gamma / sqrt(var + eps)        b' = beta - mean * gamma / sqrt(var + eps).

Padding is not touched: zeros are put around x, and folding changes only what comes after.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn


def fold(net: nn.Module) -> nn.Module:
    """A copy of a network with each batch normalization folded into the convolution before it.

    "Before" is the order in which a block lists its parts, as all MobileNets do. What a kind of
    batch normalization does beside normalizing (timm's also applies the activation) stays.

    Parameters
    ----------
    net
        A trained network, in eval mode; left as it was.

    Raises
    ------
    ValueError
        The network is in training mode, where BN's constants change with each batch, has no batch
        normalization after a convolution, or has layers that a training plan computes.
    """
    if net.training:
        raise ValueError("the network is in training mode; call net.eval() first")
    if any("forward" in vars(part) for part in net.modules()):
        raise ValueError("a plan computes this network's training; take the result's: result().net")
    folded = copy.deepcopy(net).requires_grad_(False)
    pairs = 0
    for block in list(folded.modules()):
        for (conv_name, conv), (bn_name, bn) in pairwise(list(block.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):
                setattr(block, conv_name, fold_pair(conv, bn))
                setattr(block, bn_name, nn.Sequential(*bn.children()))  # plain BN has none
                pairs += 1
    if not pairs:
        raise ValueError("the network has no batch normalization after a convolution to fold")
    return folded


def fold_pair(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution that computes what `conv` and then `bn` compute; both are left as they were.

    Raises
    ------
    ValueError
        `bn` keeps no statistics, so that it has no constants to fold.
    """
    # In double precision: rounded once, at the end, instead of at every step. On the CPU, since
    # not every accelerator has it.
    scale, shift = constants(bn)  # (out_channels,) each
    weight = exactly(conv.weight) * scale.view(-1, 1, 1, 1)  # (out_channels, in/groups, k, k)
    bias = shift if conv.bias is None else shift + exactly(conv.bias) * scale
    folded = copy.deepcopy(conv).requires_grad_(False)
    folded.weight = nn.Parameter(weight.to(conv.weight), requires_grad=False)
    folded.bias = nn.Parameter(bias.to(conv.weight), requires_grad=False)
    return folded


def constants(bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """(scale, shift) of y = scale * z + shift that a trained `bn` applies; float64, on the CPU."""
    mean, variance = bn.running_mean, bn.running_var
    if mean is None or variance is None:
        raise ValueError("a batch normalization without running statistics cannot be folded")
    gamma = torch.ones_like(variance) if bn.weight is None else bn.weight
    beta = torch.zeros_like(mean) if bn.bias is None else bn.bias
    scale = exactly(gamma) / torch.sqrt(exactly(variance) + bn.eps)
    return scale, exactly(beta) - exactly(mean) * scale


def exactly(tensor: Tensor) -> Tensor:
    """Its numbers in double precision, on the CPU."""
    return tensor.detach().cpu().double()
