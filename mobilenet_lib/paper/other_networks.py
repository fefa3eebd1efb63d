"""Networks that the paper compares with, and its detectors, counted from their layer plans.

The plans are those of the papers they come from: AlexNet (Krizhevsky et al. 2012, two GPU halves
as groups), VGG-16 (Simonyan and Zisserman 2014, plan D), GoogLeNet (Szegedy et al. 2014, no side
heads), SqueezeNet v1.0 (Iandola et al. 2016). The paper does not describe the heads of its
detectors; those here are the ones of the TensorFlow Object Detection API, younger than the paper:
its configuration ssd_mobilenet_v1_coco and its Faster R-CNN extractor for MobileNet.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from .. import cost
from ..architecture import mobilenet_v1
from ..layer import Layer


class Conv(NamedTuple):
    """A convolution with bias; a fully connected layer is one that leaves a single pixel."""

    kernel_size: int
    in_channels: int
    out_channels: int
    out_size: int
    groups: int = 1

    @property
    def mult_adds(self) -> int:
        """Eq. 2, with the input channels of one group."""
        return cost.standard_mult_adds(
            self.kernel_size, self.in_channels // self.groups, self.out_channels, self.out_size
        )

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return cost.standard_weights(
            self.kernel_size, self.in_channels // self.groups, self.out_channels
        )


class Count(NamedTuple):
    """What a whole network costs."""

    mult_adds: int
    weights: int
    parameters: int
    """Weights and biases."""
    head_mult_adds: int
    """Share of the fully connected layers in the mult-adds."""


def count(plan: list[Conv]) -> Count:
    """Totals of a plan."""
    weights = sum(layer.weights for layer in plan)
    return Count(
        sum(layer.mult_adds for layer in plan),
        weights,
        weights + sum(layer.out_channels for layer in plan),
        sum(layer.mult_adds for layer in plan if layer.out_size == 1),
    )


def vgg16() -> list[Conv]:
    """VGG-16 at 224x224."""
    plan, channels = [], 3
    for size, width, repeats in ((224, 64, 2), (112, 128, 2), (56, 256, 3), (28, 512, 3)):
        for _ in range(repeats):
            plan.append(Conv(3, channels, width, size))
            channels = width
    plan += [Conv(3, 512, 512, 14)] * 3
    return [*plan, Conv(7, 512, 4096, 1), Conv(1, 4096, 4096, 1), Conv(1, 4096, 1000, 1)]


def alexnet() -> list[Conv]:
    """AlexNet at 227x227, the size that its 55x55 first map needs."""
    return [
        Conv(11, 3, 96, 55),
        Conv(5, 96, 256, 27, groups=2),
        Conv(3, 256, 384, 13),
        Conv(3, 384, 384, 13, groups=2),
        Conv(3, 384, 256, 13, groups=2),
        Conv(6, 256, 4096, 1),
        Conv(1, 4096, 4096, 1),
        Conv(1, 4096, 1000, 1),
    ]


def squeezenet() -> list[Conv]:
    """SqueezeNet v1.0 at 227x227; a fire module squeezes (1x1), then expands (1x1 beside 3x3)."""
    plan, channels = [Conv(7, 3, 96, 111)], 96
    squeezes = {55: (16, 16, 32), 27: (32, 48, 48, 64), 13: (64,)}
    for size, widths in squeezes.items():
        for squeeze in widths:
            expand = 4 * squeeze
            plan.append(Conv(1, channels, squeeze, size))
            plan += [Conv(1, squeeze, expand, size), Conv(3, squeeze, expand, size)]
            channels = 2 * expand
    return [*plan, Conv(1, channels, 1000, 13)]


# Inception modules: map size, then channels of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool branch.
_INCEPTION = (
    (28, 64, 96, 128, 16, 32, 32),
    (28, 128, 128, 192, 32, 96, 64),
    (14, 192, 96, 208, 16, 48, 64),
    (14, 160, 112, 224, 24, 64, 64),
    (14, 128, 128, 256, 24, 64, 64),
    (14, 112, 144, 288, 32, 64, 64),
    (14, 256, 160, 320, 32, 128, 128),
    (7, 256, 160, 320, 32, 128, 128),
    (7, 384, 192, 384, 48, 128, 128),
)

GOOGLENET_THOUSANDS = "2.7 112 159 380 364 437 463 580 840 1072 1388 1000"
"""Parameters of GoogLeNet's layers as Table 1 of its own paper prints them, in thousands."""


def googlenet() -> list[Conv]:
    """GoogLeNet at 224x224."""
    plan, channels = [Conv(7, 3, 64, 112), Conv(1, 64, 64, 56), Conv(3, 64, 192, 56)], 192
    for size, one, reduce3, three, reduce5, five, pool in _INCEPTION:
        plan += [Conv(1, channels, width, size) for width in (one, reduce3, reduce5, pool)]
        plan += [Conv(3, reduce3, three, size), Conv(5, reduce5, five, size)]
        channels = one + three + five + pool
    return [*plan, Conv(1, channels, 1000, 1)]


@cache
def other_network(name: str) -> Count | None:
    """Totals of the network that Tables 8 and 9 call `name`, None for a MobileNet."""
    plans = {
        "VGG 16": vgg16,
        "AlexNet": alexnet,
        "Squeezenet": squeezenet,
        "GoogleNet": googlenet,
    }
    return count(plans[name]()) if name in plans else None


COCO_CLASSES = 90  # ids go up to 90; 80 of them are in use
BOX = 4  # numbers that describe a box
PROPOSALS = 300  # of Faster R-CNN's first stage, as the paper says


def layer_totals(layers: Iterable[Layer]) -> tuple[int, int]:
    """Mult-adds and weights of some layers of a MobileNet."""
    some = list(layers)
    return sum(la.mult_adds for la in some), sum(la.parameters_as_printed for la in some)


@cache
def ssd_300() -> tuple[int, int]:
    """Mult-adds and weights of MobileNet under SSD at 300x300.

    Four stages that halve the map follow the body; a 1x1 predictor reads the last 512-channel map
    (three anchors a pixel) and the five after it (six anchors), each anchor with 4 box numbers and
    90 classes and background.
    """
    layers = mobilenet_v1(resolution=300).layers[:-1]
    middle, last = next(la for la in layers if la.name == "pw_11"), layers[-1]
    maps = [(middle.out_size, middle.out_channels, 3), (last.out_size, last.out_channels, 6)]
    head, channels, size = [], last.out_channels, last.out_size
    for width in (512, 256, 256, 128):
        head.append(Conv(1, channels, width // 2, size))
        size = -(-size // 2)
        head.append(Conv(3, width // 2, width, size))
        channels = width
        maps.append((size, channels, 6))
    head += [Conv(1, c, anchors * (COCO_CLASSES + 1 + BOX), s) for s, c, anchors in maps]
    mult_adds, weights = layer_totals(layers)
    total = count(head)
    return mult_adds + total.mult_adds, weights + total.weights


@cache
def faster_rcnn(resolution: int) -> tuple[int, int]:
    """Mult-adds and weights of MobileNet under Faster R-CNN.

    The body up to the last 14x14 layer of Table 1 runs once, and a 3x3 convolution with 512
    channels and twelve anchors a pixel on its map; the last two blocks run on a 7x7 map for each of
    the 300 proposals, then one layer for classes and one for the boxes of each class.
    """
    layers = mobilenet_v1(resolution=resolution).layers
    split = [la.name for la in layers].index("pw_11") + 1
    first, shared = layers[:split], layers[split - 1]
    second = mobilenet_v1().layers[split:-1]  # at 224 these two blocks work on 7x7
    anchors = 12 * (2 + BOX)
    proposer = count([Conv(3, 512, 512, shared.out_size), Conv(1, 512, anchors, shared.out_size)])
    boxes = count([Conv(1, second[-1].out_channels, COCO_CLASSES * (1 + BOX) + 1, 1)])
    first_cost, second_cost = layer_totals(first), layer_totals(second)
    per_proposal = second_cost[0] + boxes.mult_adds
    return (
        first_cost[0] + proposer.mult_adds + PROPOSALS * per_proposal,
        first_cost[1] + second_cost[1] + proposer.weights + boxes.weights,
    )
