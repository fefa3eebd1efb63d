"""The numbers of the running text, and those that other implementations print, recomputed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

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
    return {"printed": _TEXT[row["name"]](printed)}


def elsewhere(row: Row, printed: Printed) -> Counted:
    """Numbers that other implementations print, found by name."""
    return {"printed": _ELSEWHERE[row["name"]]()}


def _savings() -> list[Fraction]:
    # Of each block of Table 1; only the output channels matter (Eq. 5 over Eq. 2).
    return [
        Fraction(standard_mult_adds(3, 1, out, 1), separable_mult_adds(3, 1, out, 1))
        for out, _ in BLOCKS
    ]


def _ratio(name: str, ours: Architecture, quantity: str, other: Value = None) -> Recomputed:
    theirs = other_network(name)
    own = ours.mult_adds if quantity == "mult_adds" else ours.parameters_as_printed
    note = f"{name} counted over {ours.alpha:g} MobileNet-{ours.resolution} counted"
    return Recomputed(Fraction(getattr(theirs, quantity), own), note, other)


def _difference(printed: Printed, table: str, better: int, worse: int) -> Recomputed:
    note = f"row {better} less row {worse} of Table {table} as printed"
    return Recomputed(printed(table, better, TOP1) - printed(table, worse, TOP1), note)


def _quotient(printed: Printed, table: str, theirs: int, ours: int, column: str) -> Fraction:
    return printed(table, theirs, column) / printed(table, ours, column)


def _share(kind: Kind, quantity: str) -> Recomputed:
    arch = mobilenet_v1()
    whole = arch.mult_adds if quantity == "mult_adds" else arch.parameters_as_printed
    part = getattr(arch.by_kind()[kind], quantity)
    return Recomputed(Fraction(100 * part, whole), f"share of the {quantity.replace('_', '-')}")


def _planet(printed: Printed) -> Recomputed:
    # Each weight of the final layer is used once an image, so 10 million more of either.
    head = printed("text", 21, "printed") * MILLION
    mult_adds = totals(mobilenet_v1(), head=False)[0] + head
    note = "body plus one mult-add for each of the 10 million weights of the final layer"
    return Recomputed(mult_adds / MILLION, note, mult_adds / BILLION)


_BODY = "body of 1.0 MobileNet-224"
_SMALL = mobilenet_v1(0.5, 160)
_TEXT: dict[str, Callable[[Printed], Recomputed]] = {
    "reduction_least": lambda p: Recomputed(min(_savings()), "blocks with 64 channels out"),
    "reduction_most": lambda p: Recomputed(max(_savings()), "blocks with 1024 channels out"),
    "layers": lambda p: Recomputed(Fraction(len(mobilenet_v1().layers)), "layers with weights"),
    "pointwise_time": lambda p: _share("pointwise", "mult_adds"),
    "pointwise_parameters": lambda p: _share("pointwise", "parameters"),
    "rho": lambda p: Recomputed(Fraction(mobilenet_v1(resolution=160).resolution, 224), "160/224"),
    "full_accuracy": lambda p: _difference(p, "4", 1, 2),
    "shallow_accuracy": lambda p: _difference(p, "5", 1, 2),
    "models": lambda p: Recomputed(
        Fraction(len(ALPHAS) * len(RESOLUTIONS)), "four widths times four resolutions"
    ),
    "vgg_size": lambda p: _ratio("VGG 16", mobilenet_v1(), "parameters"),
    "vgg_compute": lambda p: _ratio("VGG 16", mobilenet_v1(), "mult_adds"),
    "googlenet_compute": lambda p: _ratio("GoogleNet", mobilenet_v1(), "mult_adds"),
    "alexnet_accuracy": lambda p: _difference(p, "9", 1, 3),
    "alexnet_size": lambda p: _ratio(
        "AlexNet", _SMALL, "parameters", _quotient(p, "9", 3, 1, "million_parameters")
    ),
    "alexnet_compute": lambda p: _ratio("AlexNet", _SMALL, "mult_adds"),
    "squeezenet_accuracy": lambda p: _difference(p, "9", 1, 2),
    "squeezenet_compute": lambda p: _ratio(
        "Squeezenet", _SMALL, "mult_adds", _quotient(p, "9", 2, 1, "million_mult_adds")
    ),
    "planet_parameters": lambda p: Recomputed(None, "Inception V3 with an undescribed head"),
    "planet_mult_adds": lambda p: Recomputed(None, "Inception V3 with an undescribed head"),
    "planet_mobilenet_body": lambda p: Recomputed(
        Fraction(totals(mobilenet_v1(), head=False)[1], MILLION), _BODY
    ),
    "planet_mobilenet_head": lambda p: Recomputed(None, "the number of cells is not given"),
    "planet_mobilenet_parameters": lambda p: Recomputed(
        Fraction(totals(mobilenet_v1(), head=False)[1], MILLION) + p("text", 21, "printed"),
        f"{_BODY} plus the 10 million of the final layer as printed",
    ),
    "planet_mobilenet_mult_adds": _planet,
    "face_parameters": lambda p: Recomputed(
        p("12", 7, "million_parameters"), "the same classifier in Table 12"
    ),
    "face_mult_adds": lambda p: Recomputed(
        p("12", 7, "million_mult_adds"), "the same classifier in Table 12"
    ),
    "face_share": lambda p: Recomputed(
        100
        * Fraction(totals(mobilenet_v1(0.25, 128), head=False)[0], MILLION)
        / p("12", 7, "million_mult_adds"),
        "body of 0.25 MobileNet-128 over Table 12's 1600",
    ),
}


def _exact(count: int, scale: int = 1, note: str = "", other: Value = None) -> Recomputed:
    return Recomputed(Fraction(count, scale), note, other)


def _keras(resolution: int) -> Recomputed:
    return _exact(mobilenet_v1(resolution=resolution).mult_adds, MILLION, "whole network")


def _counter(scale: int, pooled: bool) -> Recomputed:
    # Counters that walk over modules add batch normalization, a multiply and an add for each output
    # number, and some of them the additions of the average pool.
    arch = mobilenet_v1()
    body = arch.layers[:-1]
    norms = sum(2 * layer.out_channels * layer.out_size**2 for layer in body)
    pool = body[-1].out_channels * body[-1].out_size ** 2 if pooled else 0
    other = Fraction(arch.mult_adds + norms + pool, scale)
    return _exact(arch.mult_adds, scale, "convolutions and the fully connected layer", other)


_STATISTICS = "with batch normalization's moving statistics"
_ELSEWHERE: dict[str, Callable[[], Recomputed]] = {
    "slim_body_parameters": lambda: _exact(totals(mobilenet_v1(), head=False)[1], note=_BODY),
    "slim_body_mult_adds": lambda: _exact(totals(mobilenet_v1(), head=False)[0], note=_BODY),
    "slim_test_parameters": lambda: _exact(
        slim_parameters(mobilenet_v1(), head=False), note="weights and three vectors a layer"
    ),
    "keras_parameters": lambda: _exact(mobilenet_v1().parameters_with_statistics, note=_STATISTICS),
    **{f"keras_mult_adds_{side}": partial(_keras, side) for side in RESOLUTIONS},
    "timm_parameters": lambda: _exact(mobilenet_v1().parameters, MILLION, "trainable"),
    "timm_mult_adds": lambda: _counter(BILLION, pooled=False),
    "pytorchcv_parameters": lambda: _exact(mobilenet_v1().parameters, note="trainable"),
    "pytorchcv_mult_adds": lambda: _counter(MILLION, pooled=True),
    "paddle_parameters": lambda: _exact(
        mobilenet_v1().parameters_with_statistics, MILLION, _STATISTICS
    ),
    "paddle_mult_adds": lambda: _counter(MILLION, pooled=True),
    "mxnet_parameters_075": lambda: _exact(
        mobilenet_v1(0.75).parameters_with_statistics, note=_STATISTICS
    ),
    "mxnet_parameters_05": lambda: _exact(
        mobilenet_v1(0.5).parameters_with_statistics, note=_STATISTICS
    ),
    "mxnet_parameters_025": lambda: _exact(
        mobilenet_v1(0.25).parameters_with_statistics, note=_STATISTICS
    ),
    "mlpack_parameters": lambda: _exact(
        mobilenet_v1().parameters,
        note="trainable",
        other=Fraction(  # a bias for each output channel of its convolutions
            mobilenet_v1().parameters + sum(la.out_channels for la in mobilenet_v1().layers[:-1])
        ),
    ),
}
