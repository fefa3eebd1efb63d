"""What exercise 9.4 is judged by: the operations of a public counter, and usual miscounts."""

from __future__ import annotations

from fractions import Fraction

from ..architecture import Architecture, mobilenet_v1
from ..paper.claims import halved_flops
from .behaviour import behaves


def half_of_flops(arch: Architecture) -> float:
    """The right one for 9.4."""
    return float(halved_flops(arch))


def numbers(arch: Architecture) -> int:
    """Numbers that the convolutions of a network make."""
    return sum(layer.out_channels * layer.out_size**2 for layer in arch.layers[:-1])


def pairs(arch: Architecture, depthwise: bool = True) -> int:
    """Pairs of channels that meet; with `depthwise` False as if all met there, too."""
    return sum(
        layer.in_channels * (1 if depthwise and layer.kind == "depthwise" else layer.out_channels)
        for layer in arch.layers[:-1]
    )


def at_places(arch: Architecture) -> int:
    """The same pairs, once for each place of the output."""
    return sum(
        layer.out_size**2
        * layer.in_channels
        * (1 if layer.kind == "depthwise" else layer.out_channels)
        for layer in arch.layers[:-1]
    )


def pooled(arch: Architecture) -> int:
    """Numbers that the average pool reads."""
    last = arch.layers[-2]
    return last.out_channels * last.out_size**2


HALF_OF_FLOPS = behaves(
    half_of_flops,
    lambda: [(mobilenet_v1(alpha, side),) for alpha, side in ((1, 224), (0.75, 224), (0.5, 128))],
    (
        "Pairs are taken off once for each layer, not once for each place.",
        lambda arch: halved_flops(arch) + Fraction(pairs(arch) - at_places(arch), 2),
    ),
    (
        "One *less* for each pair.",
        lambda arch: halved_flops(arch) + pairs(arch),
    ),
    (
        "Pairs are taken off, not output channels.",
        lambda arch: (
            halved_flops(arch)
            + Fraction(pairs(arch) - sum(x.out_channels for x in arch.layers[:-1]), 2)
        ),
    ),
    (
        "Normalization takes four operations for each number, not two.",
        lambda arch: halved_flops(arch) - numbers(arch),
    ),
    (
        "The pool counts what it reads, not what it writes.",
        lambda arch: halved_flops(arch) - Fraction(pooled(arch) - arch.layers[-2].out_channels, 2),
    ),
    (
        "The fully connected layer belongs to it.",
        lambda arch: halved_flops(arch) - arch.layers[-1].mult_adds,
    ),
    (
        "A convolution counts twice its mult-adds.",
        lambda arch: halved_flops(arch) - Fraction(arch.mult_adds - arch.layers[-1].mult_adds, 2),
    ),
    (
        "Behind the fully connected layer there is no normalization and no ReLU.",
        lambda arch: halved_flops(arch) + Fraction(5 * arch.num_classes, 2),
    ),
    (
        "A bias is not mentioned: the fully connected layer has twice its mult-adds.",
        lambda arch: halved_flops(arch) + Fraction(arch.num_classes, 2),
    ),
    (
        "It holds for one resolution alone: ask each layer for the size of its map.",
        lambda arch: halved_flops(mobilenet_v1(arch.alpha)),
    ),
    (
        "It holds for one width alone: ask each layer for its channels.",
        lambda arch: halved_flops(mobilenet_v1(1, arch.resolution)),
    ),
    (
        "It holds for the largest network alone: width and resolution are in `arch`.",
        lambda arch: halved_flops(mobilenet_v1()),
    ),
    (
        "Normalization works on what comes out of a layer, not on what goes in.",
        lambda arch: (
            halved_flops(arch)
            + Fraction(
                5 * (sum(x.in_channels * x.in_size**2 for x in arch.layers[:-1]) - numbers(arch)),
                2,
            )
        ),
    ),
    ("That is all of it, and half is asked for.", lambda arch: 2 * halved_flops(arch)),
    (
        "Normalization, activations and the pool are operations as well.",
        lambda arch: arch.mult_adds,
    ),
    (
        "A convolution without bias has one less for each pair of channels that meet.",
        lambda arch: halved_flops(arch) + Fraction(pairs(arch), 2),
    ),
    (
        "In a depthwise layer each channel meets one, itself.",
        lambda arch: halved_flops(arch) + Fraction(pairs(arch) - pairs(arch, False), 2),
    ),
    (
        "The fully connected layer counts twice its mult-adds: nothing is taken off there.",
        lambda arch: halved_flops(arch) - Fraction(arch.layers[-1].parameters_as_printed, 2),
    ),
    (
        "The average pool reads every number of the last map.",
        lambda arch: halved_flops(arch) - Fraction(pooled(arch), 2),
    ),
    (
        "A ReLU is one operation for each number, beside four of the normalization.",
        lambda arch: halved_flops(arch) - Fraction(numbers(arch), 2),
    ),
    (
        "Normalization takes four operations for each number, beside the ReLU's one.",
        lambda arch: halved_flops(arch) - 2 * numbers(arch),
    ),
    tolerance=2e-7,
)
