"""The numbers of the running text, and those that other implementations print, recomputed."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from ..architecture import BLOCKS, Architecture, mobilenet_v1
from ..cost import separable_mult_adds, standard_mult_adds
from ..layer import Kind
from .other_networks import other_network
from .recompute import (
    ALPHAS,
    BILLION,
    MILLION,
    RESOLUTIONS,
    Counted,
    Printed,
    Row,
    slim_parameters,
    totals,
)
from .records import Recomputed, Value

TOP1 = "imagenet_top1_pct"


def text_claims(row: Row, printed: Printed) -> Counted:
    """Claims of the running text, found by name."""
    return {"printed": _text(printed)[row["name"]]}


def elsewhere(row: Row, printed: Printed) -> Counted:
    """Numbers that other implementations print, found by name."""
    return {"printed": _elsewhere()[row["name"]]}


def _ratio(name: str, ours: Architecture, quantity: str, other: Value = None) -> Recomputed:
    theirs = other_network(name)
    own = ours.mult_adds if quantity == "mult_adds" else ours.parameters_as_printed
    note = f"{name} counted over {ours.alpha:g} MobileNet-{ours.resolution} counted"
    return Recomputed(Fraction(getattr(theirs, quantity), own), note, other)


def _difference(printed: Printed, table: str, better: int, worse: int) -> Recomputed:
    note = f"row {better} less row {worse} of Table {table} as printed"
    return Recomputed(printed(table, better, TOP1) - printed(table, worse, TOP1), note)


def _share(kind: Kind, quantity: str) -> Recomputed:
    arch = mobilenet_v1()
    whole = arch.mult_adds if quantity == "mult_adds" else arch.parameters_as_printed
    part = getattr(arch.by_kind()[kind], quantity)
    return Recomputed(Fraction(100 * part, whole), f"share of the {quantity.replace('_', '-')}")


@cache
def _text(p: Printed) -> dict[str, Recomputed]:
    arch, small, body = mobilenet_v1(), mobilenet_v1(0.5, 160), "body of 1.0 MobileNet-224"
    mult_adds, weights = totals(arch, head=False)
    # Of each block of Table 1; only the output channels matter (Eq. 5 over Eq. 2).
    savings = [
        Fraction(standard_mult_adds(3, 1, out, 1), separable_mult_adds(3, 1, out, 1))
        for out, _ in BLOCKS
    ]
    # Each weight of PlaNet's final layer is used once an image, so 10 million more of either.
    head = p("text", 21, "printed")
    undescribed = Recomputed(None, "Inception V3 with an undescribed head")
    same = "the same classifier in Table 12"
    face = Fraction(totals(mobilenet_v1(0.25, 128), head=False)[0], MILLION)
    size, compute = "million_parameters", "million_mult_adds"
    return {
        "reduction_least": Recomputed(min(savings), "blocks with 64 channels out"),
        "reduction_most": Recomputed(max(savings), "blocks with 1024 channels out"),
        "layers": Recomputed(Fraction(len(arch.layers)), "layers with weights"),
        "pointwise_time": _share("pointwise", "mult_adds"),
        "pointwise_parameters": _share("pointwise", "parameters"),
        "rho": Recomputed(Fraction(small.resolution, 224), "160/224"),
        "full_accuracy": _difference(p, "4", 1, 2),
        "shallow_accuracy": _difference(p, "5", 1, 2),
        "models": Recomputed(
            Fraction(len(ALPHAS) * len(RESOLUTIONS)), "four widths times four resolutions"
        ),
        "vgg_size": _ratio("VGG 16", arch, "parameters"),
        "vgg_compute": _ratio("VGG 16", arch, "mult_adds"),
        "googlenet_compute": _ratio("GoogleNet", arch, "mult_adds"),
        "alexnet_accuracy": _difference(p, "9", 1, 3),
        "alexnet_size": _ratio("AlexNet", small, "parameters", p("9", 3, size) / p("9", 1, size)),
        "alexnet_compute": _ratio("AlexNet", small, "mult_adds"),
        "squeezenet_accuracy": _difference(p, "9", 1, 2),
        "squeezenet_compute": _ratio(
            "Squeezenet", small, "mult_adds", p("9", 2, compute) / p("9", 1, compute)
        ),
        "planet_parameters": undescribed,
        "planet_mult_adds": undescribed,
        "planet_mobilenet_body": Recomputed(Fraction(weights, MILLION), body),
        "planet_mobilenet_head": Recomputed(None, "the number of cells is not given"),
        "planet_mobilenet_parameters": Recomputed(
            Fraction(weights, MILLION) + head,
            f"{body} plus the 10 million of the final layer as printed",
        ),
        "planet_mobilenet_mult_adds": Recomputed(
            Fraction(mult_adds, MILLION) + head,
            "body plus one mult-add for each of the 10 million weights of the final layer",
            (mult_adds + head * MILLION) / BILLION,
        ),
        "face_parameters": Recomputed(p("12", 7, size), same),
        "face_mult_adds": Recomputed(p("12", 7, compute), same),
        "face_share": Recomputed(
            100 * face / p("12", 7, compute), "body of 0.25 MobileNet-128 over Table 12's 1600"
        ),
    }


def _exact(count: int, scale: int = 1, note: str = "", other: Value = None) -> Recomputed:
    return Recomputed(Fraction(count, scale), note, other)


def halved_flops(arch: Architecture) -> Fraction:
    """Half of what pytorchcv's counter calls FLOPs, as its lists print it."""
    # pytorchcv's column is half of what its counter calls FLOPs: two for a mult-add less one for
    # each pair of channels that meet, four a number that is normalized, one a ReLU, 49 a pool.
    body = arch.layers[:-1]
    numbers = sum(layer.out_channels * layer.out_size**2 for layer in body)
    pairs = sum(layer.parameters_as_printed // layer.kernel_size**2 for layer in body)
    pooled = body[-1].out_channels * body[-1].out_size ** 2
    return Fraction(2 * arch.mult_adds - pairs + (4 + 1) * numbers + pooled, 2)


def _counter(scale: int, pooled: bool) -> Recomputed:
    # Counters that walk over modules add batch normalization, a multiply and an add for each output
    # number, and some of them the additions of the average pool.
    arch = mobilenet_v1()
    body = arch.layers[:-1]
    norms = sum(2 * layer.out_channels * layer.out_size**2 for layer in body)
    pool = body[-1].out_channels * body[-1].out_size ** 2 if pooled else 0
    other = Fraction(arch.mult_adds + norms + pool, scale)
    return _exact(arch.mult_adds, scale, "convolutions and the fully connected layer", other)


@cache
def _elsewhere() -> dict[str, Recomputed]:
    arch, statistics = mobilenet_v1(), "with batch normalization's moving statistics"
    mult_adds, weights = totals(arch, head=False)
    body = "body of 1.0 MobileNet-224"
    slim = slim_parameters(arch, head=False)
    biases = sum(layer.out_channels for layer in arch.layers[:-1])  # mlpack's convolutions have
    return {
        "slim_body_parameters": _exact(weights, note=body),
        "slim_body_mult_adds": _exact(mult_adds, note=body),
        "slim_test_parameters": _exact(slim, note="weights and three vectors a layer"),
        "keras_parameters": _exact(arch.parameters_with_statistics, note=statistics),
        **{
            f"keras_mult_adds_{side}": _exact(
                mobilenet_v1(resolution=side).mult_adds, MILLION, "whole network"
            )
            for side in RESOLUTIONS
        },
        "timm_parameters": _exact(arch.parameters, MILLION, "trainable"),
        "timm_mult_adds": _counter(BILLION, pooled=False),
        "pytorchcv_parameters": _exact(arch.parameters, note="trainable"),
        "pytorchcv_mult_adds": _exact(
            arch.mult_adds,
            MILLION,
            "convolutions and the fully connected layer",
            halved_flops(arch) / MILLION,
        ),
        "paddle_parameters": _exact(arch.parameters_with_statistics, MILLION, statistics),
        "paddle_mult_adds": _counter(MILLION, pooled=True),
        **{
            f"mxnet_parameters_{name}": _exact(
                mobilenet_v1(alpha).parameters_with_statistics, note=statistics
            )
            for name, alpha in (("075", 0.75), ("05", 0.5), ("025", 0.25))
        },
        "mlpack_parameters": _exact(
            arch.parameters, note="trainable", other=Fraction(arch.parameters + biases)
        ),
    }
