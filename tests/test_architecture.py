"""Table 1 as data: exact counts, widths, receptive fields by autograd, and refusals."""

import dataclasses
import math
import re
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import MobileNet, mobilenet_v1
from mobilenet_lib.architecture import BODIES, DROPPED, WIDTH_RULES, scale_channels
from mobilenet_lib.convention import PAPER, TF_SLIM, TIMM
from mobilenet_lib.layer import KIND_LABELS, Kind
from mobilenet_lib.plots.figure import COLOURS
from mobilenet_lib.plots.speed import MARKERS

CONVENTIONS = {convention.width_rule: convention for convention in (PAPER, TF_SLIM, TIMM)}

TABLE_1 = """\
Conv / s2        3x3x3x32       224x224x3
Conv dw / s1     3x3x32 dw      112x112x32
Conv / s1        1x1x32x64      112x112x32
Conv dw / s2     3x3x64 dw      112x112x64
Conv / s1        1x1x64x128     56x56x64
Conv dw / s1     3x3x128 dw     56x56x128
Conv / s1        1x1x128x128    56x56x128
Conv dw / s2     3x3x128 dw     56x56x128
Conv / s1        1x1x128x256    28x28x128
Conv dw / s1     3x3x256 dw     28x28x256
Conv / s1        1x1x256x256    28x28x256
Conv dw / s2     3x3x256 dw     28x28x256
Conv / s1        1x1x256x512    14x14x256
5x Conv dw / s1  3x3x512 dw     14x14x512
5x Conv / s1     1x1x512x512    14x14x512
Conv dw / s2     3x3x512 dw     14x14x512
Conv / s1        1x1x512x1024   7x7x512
Conv dw / s1     3x3x1024 dw    7x7x1024
Conv / s1        1x1x1024x1024  7x7x1024
Avg Pool / s1    Pool 7x7       7x7x1024
FC / s1          1024x1000      1x1x1024
Softmax / s1     Classifier     1x1x1000"""


def test_the_papers_network():
    arch = mobilenet_v1()
    assert arch.mult_adds == 568_740_352
    assert arch.parameters == 4_231_976
    assert arch.parameters_as_printed == 4_209_088
    assert arch.parameters_with_statistics == 4_253_864
    assert arch.receptive_field == 315
    assert arch.effective_stride == 32
    # At 224 every strided map is even, and SAME puts its zero after: only stride 1 pads before.
    assert arch.effective_padding == 2 + 4 + 8 + 5 * 16 + 32
    assert mobilenet_v1(body="full").receptive_field == 315
    assert mobilenet_v1(body="shallow").receptive_field == 315 - 5 * 2 * 16
    assert (arch.alpha, arch.rho, arch.resolution, arch.num_classes) == (1, 1, 224, 1000)


def test_rho_is_relative_to_224_pixels():
    assert mobilenet_v1(resolution=160).rho == 160 / 224


def test_str_is_table_1_with_stride_1_in_the_last_depthwise_row():
    head, rule, *table, totals = str(mobilenet_v1()).splitlines()
    assert re.split(r"\s{2,}", head) == ["Type / Stride", "Filter Shape", "Input Size"]
    assert set(rule) == {"-", " "}
    assert "\n".join(table) == TABLE_1
    assert totals == "568,740,352 mult-adds, 4,209,088 parameters"


def test_str_of_the_other_bodies():
    squeezed = [re.sub(" +", " ", line) for line in TABLE_1.splitlines()]
    shallow = str(mobilenet_v1(body="shallow")).splitlines()[2:-1]
    without = [line for line in squeezed if not line.startswith("5x")]
    assert [re.sub(" +", " ", line) for line in shallow] == without
    full = mobilenet_v1(body="full").table_rows()
    assert full[0] == ("Conv / s2", "3x3x3x32", "224x224x3")
    assert full[1] == ("Conv / s1", "3x3x32x64", "112x112x32")
    assert full[7] == ("5x Conv / s1", "3x3x512x512", "14x14x512")
    assert len(full) == 10 + 3


def test_repr_names_what_it_is():
    text = repr(mobilenet_v1(0.5, 160, 10, "shallow"))
    for part in ("0.5 MobileNet-160", "shallow", "10 classes"):
        assert part in text
    assert "last stride dropped" in repr(mobilenet_v1(drop_stride="last"))
    assert "dropped" not in text


def test_every_kind_of_layer_is_counted_and_can_be_drawn():
    assert set(get_args(Kind)) == set(KIND_LABELS) == set(MARKERS) <= set(COLOURS)
    kinds = {layer.kind for body in BODIES for layer in mobilenet_v1(body=body).layers}
    assert kinds == set(KIND_LABELS)  # so that the tests against torch's counter know them all
    with pytest.raises(ValueError, match="kind must be one of pointwise, depthwise, standard, fc"):
        dataclasses.replace(mobilenet_v1().layers[1], kind="grouped")


def test_28_layers_and_what_the_other_bodies_leave():
    counts = {
        body: [
            sum(layer.kind == kind for layer in mobilenet_v1(body=body).layers)
            for kind in ("standard", "depthwise", "pointwise", "fc")
        ]
        for body in BODIES
    }
    assert counts == {"separable": [1, 13, 13, 1], "full": [14, 0, 0, 1], "shallow": [1, 8, 8, 1]}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("resolution", [32, 97, 224])
@pytest.mark.parametrize("dropped", DROPPED)
def test_layers_are_chained(body, resolution, dropped):
    arch = mobilenet_v1(0.5, resolution, 10, body, drop_stride=dropped)
    assert len({layer.name for layer in arch.layers}) == len(arch.layers)
    assert arch.layers[0].in_channels == 3
    assert arch.layers[0].in_size == resolution
    for before, layer in zip(arch.layers, arch.layers[1:-1], strict=False):
        assert layer.in_channels == before.out_channels
        assert layer.in_size == before.out_size
        assert layer.out_size == math.ceil(layer.in_size / layer.stride)
    head = arch.layers[-1]
    assert (head.kind, head.in_size, head.out_size, head.out_channels) == ("fc", 1, 1, 10)
    assert head.in_channels == arch.layers[-2].out_channels


@pytest.mark.parametrize("body", BODIES)
def test_a_dropped_stride_keeps_the_weights_and_doubles_maps(body):
    usual, first, last = (
        mobilenet_v1(0.25, 32, 26, body, drop_stride=dropped) for dropped in DROPPED
    )
    small, doubled, end = ([x.out_size for x in a.layers[:-1]] for a in (usual, first, last))
    assert small[-1] == 1
    assert doubled == [2 * size for size in small]
    assert end == [max(2, size) for size in small]
    assert usual.parameters == first.parameters == last.parameters
    assert (usual.effective_stride, first.effective_stride, last.effective_stride) == (32, 16, 16)


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("alpha", "resolution", "dropped"),
    [(1, 224, "none"), (0.25, 128, "first"), (0.35, 97, "last"), (1.4, 33, "none")],
)
@pytest.mark.parametrize("width_rule", WIDTH_RULES)
def test_mult_adds_equal_torchs_flop_counter(body, alpha, resolution, dropped, width_rule):
    arch = mobilenet_v1(alpha, resolution, 7, body, width_rule, drop_stride=dropped)
    with torch.device("meta"):
        net = MobileNet(arch, CONVENTIONS[width_rule]).eval()
        with FlopCounterMode(display=False) as counter:
            net(torch.empty(1, 3, resolution, resolution))
    assert 2 * arch.mult_adds == counter.get_total_flops()


@pytest.mark.parametrize("body", BODIES)
def test_table_2_sums_and_shares(body):
    arch = mobilenet_v1(body=body)
    totals = arch.by_kind()
    assert sum(total.layers for total in totals.values()) == len(arch.layers)
    assert sum(total.mult_adds for total in totals.values()) == arch.mult_adds
    for name in ("parameters", "parameters_as_printed", "parameters_with_statistics"):
        assert sum(getattr(total, name) for total in totals.values()) == getattr(arch, name)
    assert sum(total.bytes_moved for total in totals.values()) == arch.bytes_moved()
    for total in totals.values():
        assert total.intensity == 2 * total.mult_adds / total.bytes_moved
    assert sum(total.mult_adds_share for total in totals.values()) == pytest.approx(1)
    assert sum(total.parameters_share for total in totals.values()) == pytest.approx(1)
    assert ("depthwise" in totals) == (body != "full")


def test_table_2_of_the_papers_network():
    shares = [
        (total.label, round(100 * total.mult_adds_share, 2), round(100 * total.parameters_share, 2))
        for total in mobilenet_v1().by_kind().values()
    ]
    assert shares == [
        ("Conv 1x1", 94.86, 74.59),
        ("Conv DW 3x3", 3.06, 1.06),
        ("Conv 3x3", 1.91, 0.02),  # the paper prints 1.19, a transposition
        ("Fully Connected", 0.18, 24.33),
    ]


def test_bytes_and_intensity_of_a_layer_by_hand():
    arch = mobilenet_v1()
    layer = arch.layer("pw_13")  # 1024 to 1024 channels on 7x7 pixels
    numbers = 2 * 7 * 7 * 1024 + 1024 * 1024
    assert layer.bytes_moved() == 4 * numbers
    assert layer.intensity() == 2 * 49 * 1024**2 / (4 * numbers)
    batch = 8 * 2 * 7 * 7 * 1024 + 1024 * 1024  # the weights are read once for the whole batch
    assert layer.bytes_moved(batch=8, bytes_per_number=2) == 2 * batch
    assert layer.intensity(batch=8, bytes_per_number=2) == 8 * 2 * 49 * 1024**2 / (2 * batch)
    assert arch.bytes_moved(8, 2) == sum(x.bytes_moved(8, 2) for x in arch.layers)
    assert arch.intensity(8, 2) == 2 * 8 * arch.mult_adds / arch.bytes_moved(8, 2)
    depthwise = arch.layer("dw_13")
    assert depthwise.bytes_moved() == 4 * (2 * 7 * 7 * 1024 + 9 * 1024)


# --- Widths -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "paper", "min8", "divisible8"),
    [  # 32 and 64 channels; divisible8 by hand from "nearest multiple of 8, at least 90 %"
        (0.1, (3, 6), (8, 8), (8, 8)),
        (0.35, (11, 22), (11, 22), (16, 24)),  # 11.2 is nearest to 8, but that loses too much
        (0.6, (19, 38), (19, 38), (24, 40)),  # 19.2 is nearest to 16, but that loses too much
        (1.1, (35, 70), (35, 70), (32, 72)),  # 35.2 may become 32
        (1.4, (44, 89), (44, 89), (48, 88)),
    ],
)
def test_width_rules_by_hand(alpha, paper, min8, divisible8):
    for rule, expected in (("paper", paper), ("min8", min8), ("divisible8", divisible8)):
        assert (scale_channels(32, alpha, rule), scale_channels(64, alpha, rule)) == expected
        made = mobilenet_v1(alpha, width_rule=rule).layers
        assert (made[0].out_channels, made[2].out_channels) == expected


@pytest.mark.parametrize("alpha", np.linspace(0.04, 3, 38).tolist())
def test_divisible8_is_a_near_multiple_that_keeps_nine_tenths(alpha):
    for channels in (32, 64, 128, 256, 512, 1024):
        width, exact = scale_channels(channels, alpha, "divisible8"), alpha * channels
        allowed = [m for m in range(8, 4096, 8) if m >= 0.9 * exact]
        assert width == min(allowed, key=lambda m: (abs(m - exact), -m))


def test_width_rules_agree_at_the_papers_alphas():
    for alpha in (1, 0.75, 0.5, 0.25):
        assert len({mobilenet_v1(alpha, width_rule=rule).parameters for rule in WIDTH_RULES}) == 1


# --- Receptive fields -------------------------------------------------------------------------


def all_ones(arch):
    """The real network with positive weights only, so that no two paths cancel."""
    net = MobileNet(arch, PAPER).double().eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.fill_(1 / module.weight[0].numel())
    return net


def seen(feature, x, pixel):
    """Rows of the input that can move one output pixel, found by autograd."""
    (gradient,) = torch.autograd.grad(feature[0, 0, pixel, pixel], x, retain_graph=True)
    rows = gradient[0].sum(dim=(0, 2)).nonzero().flatten()
    columns = gradient[0].sum(dim=(0, 1)).nonzero().flatten()
    assert torch.equal(rows, columns)
    return rows.tolist()


@pytest.mark.parametrize(
    ("body", "alpha", "resolution", "names", "dropped"),
    [
        ("separable", 1 / 32, 96, ["conv_0", "dw_1", "pw_1", "dw_2", "dw_4", "dw_7"], "none"),
        ("separable", 1 / 16, 97, ["conv_0", "dw_1", "dw_2", "dw_3", "dw_4", "pw_6"], "first"),
        ("shallow", 1 / 32, 110, ["conv_0", "dw_3", "dw_6", "pw_8"], "last"),
        ("full", 1 / 16, 101, ["conv_0", "conv_1", "conv_2", "conv_4", "conv_6"], "none"),
        ("separable", 1 / 32, 448, ["pw_13"], "none"),
    ],
)
def test_receptive_field_equals_where_the_gradient_is_not_zero(
    body, alpha, resolution, names, dropped
):
    arch = mobilenet_v1(alpha, resolution, 2, body, drop_stride=dropped)
    x = torch.ones(1, 3, resolution, resolution, dtype=torch.float64, requires_grad=True)
    maps = all_ones(arch).feature_maps(x, names)
    for name in names:
        field = arch.receptive_field_at(name)
        last = arch.layer(name).out_size - 1
        for pixel in {0, 1, last // 2, last}:
            first = pixel * field.stride - field.padding
            inside = range(max(first, 0), min(first + field.size, resolution))
            assert seen(maps[name], x, pixel) == list(inside), (name, pixel)


def test_the_classifier_sees_the_whole_image():
    arch = mobilenet_v1(1 / 32, 65, 2)
    x = torch.ones(1, 3, 65, 65, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(all_ones(arch)(x)[0, 0], x)
    assert gradient.ne(0).all()
    field, last = arch.receptive_field_at("fc"), arch.receptive_field_at("pw_13")
    assert field.size == last.size + (arch.layers[-2].out_size - 1) * last.stride
    assert field.size - field.padding >= 65
    assert field.padding == last.padding


# --- Refusals ---------------------------------------------------------------------------------


ALLOWED = {
    "alpha": "a number above 0 and at most 16, got",
    "resolution": "a whole number from 32 to 4096, got",
    "num_classes": "a whole number >= 0, got",
    "rounding": "one of up, keras; got",
    "drop_stride": "one of none, first, last; got",
    "body": "one of separable, full, shallow; got",
    "width_rule": "one of paper, min8, divisible8; got",
}


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        *((ValueError, "alpha", v) for v in (0, -0.5, 17, math.nan, math.inf, -math.inf, 10**400)),
        *((TypeError, "alpha", value) for value in ("1.0", True, None)),
        *((ValueError, "resolution", value) for value in (17, 0, -224, 5000)),
        *((TypeError, "resolution", value) for value in (100.5, math.nan, "224", True)),
        (ValueError, "num_classes", -1),
        (TypeError, "num_classes", 1.5),
        (ValueError, "rounding", "down"),
        (ValueError, "drop_stride", "second"),
        (ValueError, "drop_stride", 1),
        (ValueError, "body", "deep"),
        (ValueError, "body", None),
        (ValueError, "width_rule", "nearest"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_named_with_what_is_allowed(error, name, value):
    message = f"{name} must be {ALLOWED[name]} {repr(value)[:20]}"
    with pytest.raises(error, match=re.escape(message)):
        mobilenet_v1(**{name: value})


def test_an_alpha_that_leaves_no_channel_is_refused():
    with pytest.raises(ValueError, match=r"alpha must be at least 1/32 = 0.03125.* got 0\.03"):
        mobilenet_v1(0.03)


def test_the_smallest_alpha_works_and_other_rules_keep_eight_channels():
    assert mobilenet_v1(1 / 32).layers[0].out_channels == 1
    assert mobilenet_v1(0.001, width_rule="min8").layers[0].out_channels == 8
    assert mobilenet_v1(0.001, width_rule="divisible8").layers[-2].out_channels == 8
    with pytest.raises(ValueError, match=r"width_rule must be one of .*; got 'nearest'"):
        scale_channels(32, 1.0, "nearest")


def test_the_ends_of_every_range_work():
    for options in ({"resolution": 32}, {"resolution": 4096}, {"alpha": 16}, {"num_classes": 1}):
        assert mobilenet_v1(**options).mult_adds > 0
    assert mobilenet_v1(resolution=np.int64(224)) == mobilenet_v1(resolution=224.0)


def test_an_unknown_layer_is_answered_with_the_names_there_are():
    for call in (mobilenet_v1().layer, mobilenet_v1().receptive_field_at):
        with pytest.raises(KeyError, match=r"no layer called 'dw_14'; .* conv_0, dw_1, .* fc"):
            call("dw_14")


def test_an_architecture_cannot_be_changed_and_compares_by_value():
    arch = mobilenet_v1()
    with pytest.raises(dataclasses.FrozenInstanceError):
        arch.alpha = 0.5
    assert arch == mobilenet_v1()
    assert hash(arch) == hash(mobilenet_v1())
    assert arch != mobilenet_v1(0.5)


def test_peak_bytes_is_where_the_first_pointwise_layer_works():
    arch = mobilenet_v1(0.25, 96, 2)
    assert arch.peak_bytes(1) == 48 * 48 * (8 + 16)
    assert arch.peak_bytes() == 4 * arch.peak_bytes(1)
    held = {layer.name: layer.bytes_moved(bytes_per_number=1) for layer in arch.layers}
    assert max(held, key=held.get) != "pw_1"  # weights, which deep layers have, are left out
