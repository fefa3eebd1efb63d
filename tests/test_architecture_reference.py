"""Every total of the architecture against counts that were made without the library."""

import csv
from pathlib import Path

import pytest

from mobilenet_lib.architecture import Architecture, mobilenet_v1

REFERENCE = Path(__file__).resolve().parent / "reference"
KINDS = {"conv3x3": "standard", "dw3x3": "depthwise", "pw1x1": "pointwise", "fc": "fc"}


def read(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


TOTALS = read("exact_totals.csv")
LAYERS = read("exact_layer_counts_1.0_224.csv")
MODELS = read("figure4_5_16_models.csv")


def variant(name: str) -> Architecture:
    if name.startswith("Conv MobileNet"):
        return mobilenet_v1(body="full")
    if name.startswith("Shallow"):
        return mobilenet_v1(body="shallow")
    size, _, classes = name.partition("/")
    alpha, resolution = size.split("-")
    return mobilenet_v1(float(alpha), int(resolution), int(classes or 1000))


def test_the_reference_is_complete() -> None:
    assert (len(TOTALS), len(LAYERS), len(MODELS)) == (8, 28, 16)


@pytest.mark.parametrize("row", TOTALS, ids=lambda row: row["variant"])
def test_totals(row: dict[str, str]) -> None:
    arch = variant(row["variant"])
    head = arch.layers[-1]
    channels = sum(layer.out_channels for layer in arch.layers[:-1])
    assert {
        "conv_weights": arch.parameters_as_printed - head.parameters_as_printed,
        "fc_weights": head.parameters_as_printed,
        "fc_bias": head.out_channels,
        "bn_channels": channels,
        "conv_plus_fc_weights(paper count)": arch.parameters_as_printed,
        "trainable(+BN gamma beta+bias)": arch.parameters,
        "all_state(+BN mean var)": arch.parameters_with_statistics,
        "conv_macs": arch.mult_adds - head.mult_adds,
        "total_macs_incl_fc": arch.mult_adds,
    } == {key: int(value) for key, value in row.items() if key != "variant"}


@pytest.mark.parametrize(
    ("layer", "row"),
    zip(mobilenet_v1().layers, LAYERS, strict=True),
    ids=[row["layer"] for row in LAYERS],
)
def test_layers_one_by_one(layer, row: dict[str, str]) -> None:
    is_head = layer.kind == "fc"
    # The reference counts the head's bias among its weights, and no batch normalization there.
    weights = layer.parameters if is_head else layer.parameters_as_printed
    norms = 0 if is_head else layer.parameters - layer.parameters_as_printed
    assert layer.kind == KINDS[row["kind"]]
    assert layer.kernel_size == (3 if "3x3" in row["kind"] else 1)
    assert {
        "in_ch": layer.in_channels,
        "out_ch": layer.out_channels,
        "stride": layer.stride,
        "in_size": layer.in_size,
        "out_size": layer.out_size,
        "weight_params": weights,
        "bn_affine_params": norms,
        "macs": layer.mult_adds,
    } == {key: int(value) for key, value in row.items() if key not in ("layer", "kind")}


@pytest.mark.parametrize("row", MODELS, ids=lambda row: f"{row['alpha']}-{row['resolution']}")
def test_the_sixteen_models(row: dict[str, str]) -> None:
    alpha, resolution = float(row["alpha"]), int(row["resolution"])
    arch = mobilenet_v1(alpha, resolution)
    assert arch.mult_adds == int(row["exact_macs"])
    assert arch.parameters == int(row["exact_params_1000"])
    assert mobilenet_v1(alpha, resolution, 1001).parameters == int(row["exact_params_1001"])
    assert sum(kind.mult_adds for kind in arch.by_kind().values()) == arch.mult_adds
    assert (
        sum(k.parameters_as_printed for k in arch.by_kind().values()) == arch.parameters_as_printed
    )
