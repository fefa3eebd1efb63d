"""Tables 1 to 14 and Figures 4 and 5, recomputed: one function for each table.

A function gets one printed row and returns what counting gives for its columns. A column that it
leaves out must be a measured one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from ..architecture import Architecture, mobilenet_v1, scale_channels
from ..cost import layer_ladder
from .other_networks import (
    GOOGLENET_THOUSANDS,
    faster_rcnn,
    layer_totals,
    other_network,
    ssd_300,
)
from .records import Recomputed

Row = dict[str, str]
Printed = Callable[[str, int, str], Fraction]
"""Looks a printed number up: table, row, column."""
Counted = dict[str, Recomputed]
MILLION, BILLION = 10**6, 10**9
ALPHAS, RESOLUTIONS = (1.0, 0.75, 0.5, 0.25), (224, 192, 160, 128)


def totals(arch: Architecture, head: bool = True) -> tuple[int, int]:
    """Mult-adds and weights, with or without the fully connected layer."""
    return layer_totals(layer for layer in arch.layers if head or layer.kind != "fc")


def with_stem(arch: Architecture, channels: int) -> Architecture:
    """The same network, but with so many channels after the first layer, whatever its alpha."""
    stem, dw, pw, *rest = arch.layers
    return replace(
        arch,
        layers=(
            replace(stem, out_channels=channels),
            replace(dw, in_channels=channels, out_channels=channels),
            replace(pw, in_channels=channels),
            *rest,
        ),
    )


def model(label: str, num_classes: int = 1000) -> Architecture | None:
    """The network that a row label such as "0.75 MobileNet-192" names, None for another's."""
    match = re.fullmatch(r"([\d.]+) MobileNet-(\d+)", label)
    return mobilenet_v1(float(match[1]), int(match[2]), num_classes) if match else None


def millions(value: tuple[int, int], note: str, other: tuple[int, int] | None = None) -> Counted:
    """Mult-adds and parameters as the columns in millions of one row."""
    readings = other or (None, None)
    columns = ("million_mult_adds", "million_parameters")
    return {
        column: Recomputed(
            Fraction(count, MILLION), note, None if part is None else Fraction(part, MILLION)
        )
        for column, count, part in zip(columns, value, readings, strict=True)
    }


def quoted(reason: str, scale: str = "million") -> Counted:
    """The columns of a row that cannot be counted, with the reason."""
    none = Recomputed(None, reason)
    return {f"{scale}_mult_adds": none, "million_parameters": none}


def body_architecture(row: Row, printed: Printed) -> Counted:
    """Table 1: type and stride, filter shape, input size."""
    kind, shape, size = mobilenet_v1().table_rows()[int(row["row"]) - 1]
    note = "row of the architecture's own table"
    return {
        "type_stride": Recomputed(kind, note),
        "filter_shape": Recomputed(shape, note),
        "input_size": Recomputed(size, note),
    }


def resource_per_type(row: Row, printed: Printed) -> Counted:
    """Table 2: shares by kind of layer."""
    arch = mobilenet_v1()
    total = next(kind for kind in arch.by_kind().values() if kind.label == row["type"])
    note = "share of 1.0 MobileNet-224 with its fully connected layer"
    return {
        "mult_adds_pct": Recomputed(Fraction(100 * total.mult_adds, arch.mult_adds), note),
        "parameters_pct": Recomputed(
            Fraction(100 * total.parameters_as_printed, arch.parameters_as_printed), note
        ),
    }


def layer_modifications(row: Row, printed: Printed) -> Counted:
    """Table 3: the ladder of one layer."""
    rung = layer_ladder()[int(row["row"]) - 1]
    return millions((rung.mult_adds, rung.parameters), "one layer, D_K 3, M = N = 512, D_F 14")


def separable_vs_full(row: Row, printed: Printed) -> Counted:
    """Table 4; the other reading leaves the fully connected layer out."""
    full = row["model"] == "Conv MobileNet"
    arch = mobilenet_v1(body="full" if full else "separable")
    return millions(totals(arch), "whole network with its head", totals(arch, head=False))


def narrow_vs_shallow(row: Row, printed: Printed) -> Counted:
    """Table 5."""
    shallow = row["model"] == "Shallow MobileNet"
    arch = mobilenet_v1(body="shallow") if shallow else mobilenet_v1(0.75)
    return millions(totals(arch), "whole network with its head")


def imagenet(row: Row, printed: Printed) -> Counted:
    """Tables 6 to 9: MobileNets with 1000 classes, and networks of others."""
    arch = model(row["model"])
    if arch:
        return millions(totals(arch), "whole network with 1000 classes")
    other = other_network(row["model"])
    if other is None:
        raise ValueError(f"no layer plan for the network {row['model']!r}")
    note = "counted from its layer plan; parameters with biases"
    # The readings that explain a figure: no fully connected layers, or two operations a mult-add.
    headless = Fraction(other.mult_adds - other.head_mult_adds, MILLION)
    reading = {"VGG 16": headless, "Squeezenet": Fraction(2 * other.mult_adds, MILLION)}
    own = sum((Fraction(part) for part in GOOGLENET_THOUSANDS.split()), Fraction()) / 1000
    return {
        "million_mult_adds": Recomputed(
            Fraction(other.mult_adds, MILLION), note, reading.get(row["model"]), round_figure=True
        ),
        "million_parameters": Recomputed(
            Fraction(other.parameters, MILLION), note, own if row["model"] == "GoogleNet" else None
        ),
    }


def stanford_dogs(row: Row, printed: Printed) -> Counted:
    """Table 10; the other reading keeps the 1000 classes of ImageNet."""
    arch = model(row["model"], num_classes=120)
    if arch is None:
        return quoted("Inception V3, not counted here: its plan is in another paper")
    imagenet = mobilenet_v1(arch.alpha, arch.resolution)
    return millions(totals(arch), "with a head of 120 classes", totals(imagenet))


def geolocalization(row: Row, printed: Printed) -> Counted:
    """Table 11: all measured."""
    return {}


def face_attributes(row: Row, printed: Printed) -> Counted:
    """Table 12; the other reading has 16 channels after the first layer."""
    arch = model(row["model"])
    if arch is None:
        return quoted("a classifier of the authors that no paper describes")
    sixteen = with_stem(arch, 16)
    return millions(
        totals(arch, head=False),
        "body only: the attribute heads are not described",
        totals(sixteen, head=False),
    )


def coco_detection(row: Row, printed: Printed) -> Counted:
    """Table 13; the other reading counts batch normalization's scales and shifts."""
    if row["model"].lower() != "mobilenet":
        return quoted(
            "another base network, under a head that the paper does not describe", "billion"
        )
    framework, resolution = row["framework_resolution"].split()
    mult_adds, weights = ssd_300() if framework == "SSD" else faster_rcnn(int(resolution))
    norms = sum(la.parameters - la.parameters_as_printed for la in mobilenet_v1().layers[:-1])
    note = "the head is not described; counted with that of the TensorFlow Object Detection API"
    return {
        "billion_mult_adds": Recomputed(Fraction(mult_adds, BILLION), note),
        "million_parameters": Recomputed(
            Fraction(weights, MILLION), note, Fraction(weights + norms, MILLION)
        ),
    }


def facenet(row: Row, printed: Printed) -> Counted:
    """Table 14; the other reading takes the same width at 160 pixels."""
    arch = model(row["model"])
    if arch is None:
        return quoted("FaceNet, not counted here: its plan is in another paper")
    # The label of row 4 is wrong; the model it must mean is the same width at 160 pixels.
    at_160 = mobilenet_v1(arch.alpha, 160)
    return millions(
        totals(arch, head=False),
        "body only: the embedding head is not described",
        totals(at_160, head=False),
    )


def figures(row: Row, printed: Printed) -> Counted:
    """The sixteen models: the paper's columns with 1000 classes, tf-slim's with 1001."""
    alpha, resolution = float(row["alpha"]), int(row["resolution"])
    counted = millions(totals(mobilenet_v1(alpha, resolution)), "whole network with 1000 classes")
    slim = mobilenet_v1(alpha, resolution, num_classes=1001)
    sixteen = totals(with_stem(slim, 16))[0] if scale_channels(32, alpha) != 16 else None
    return {f"paper_{column}": value for column, value in counted.items()} | {
        "slim_million_mult_adds": Recomputed(
            Fraction(slim.mult_adds, MILLION),
            "whole network with 1001 classes",
            None if sixteen is None else Fraction(sixteen, MILLION),
        ),
        "slim_million_parameters": Recomputed(
            Fraction(slim_parameters(slim), MILLION),
            "1001 classes with biases, and three batch normalization vectors a layer (no gamma)",
        ),
    }


def slim_parameters(arch: Architecture, head: bool = True) -> int:
    """tf-slim's count: weights, head bias, and three of batch normalization's four vectors."""
    return sum(
        layer.parameters_as_printed + (1 if layer.kind == "fc" else 3) * layer.out_channels
        for layer in arch.layers
        if head or layer.kind != "fc"
    )
