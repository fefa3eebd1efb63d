"""Costs against independent counts: torch's FLOP counter, published rules, walks over pixels."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import cost

sizes = st.integers(1, 12)
kernels = st.integers(1, 7)
layers = st.lists(st.tuples(kernels, st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=6)


def flops_of(in_channels, out_channels, kernel_size, size, groups=1):
    """Floating-point operations that torch counts for a convolution with a `size`² output."""
    x = torch.empty(1, in_channels, size + kernel_size - 1, size + kernel_size - 1, device="meta")
    weight = torch.empty(
        out_channels, in_channels // groups, kernel_size, kernel_size, device="meta"
    )
    with FlopCounterMode(display=False) as counter:
        assert F.conv2d(x, weight, groups=groups).shape == (1, out_channels, size, size)
    return counter.get_total_flops(), weight.numel()


@settings(max_examples=40, deadline=None)
@given(k=kernels, m=st.integers(1, 64), n=st.integers(1, 64), size=sizes)
def test_equations_2_4_and_5_equal_torchs_flop_counter(k, m, n, size):
    standard, standard_weights = flops_of(m, n, k, size)
    depthwise, depthwise_weights = flops_of(m, m, k, size, groups=m)
    pointwise, pointwise_weights = flops_of(m, n, 1, size)
    assert 2 * cost.standard_mult_adds(k, m, n, size) == standard
    assert 2 * cost.depthwise_mult_adds(k, m, size) == depthwise
    assert 2 * cost.pointwise_mult_adds(m, n, size) == pointwise
    assert 2 * cost.separable_mult_adds(k, m, n, size) == depthwise + pointwise
    assert cost.standard_weights(k, m, n) == standard_weights
    assert cost.depthwise_weights(k, m) == depthwise_weights
    assert cost.separable_weights(k, m, n) == depthwise_weights + pointwise_weights
    assert cost.reduction(k, n) == pytest.approx((depthwise + pointwise) / standard, rel=1e-12)


def test_costs_are_exact_integers_however_large():
    assert cost.standard_mult_adds(3, 10**6, 10**6, 10**5) == 9 * 10**22


def test_table_3_layer_by_hand():
    ladder = cost.layer_ladder()
    assert [(rung.mult_adds, rung.parameters) for rung in ladder] == [
        (462_422_016, 2_359_296),  # 9 · 512 · 512 · 14²
        (52_283_392, 266_752),  # (9 · 512 + 512 · 512) · 14²
        (29_578_752, 150_912),  # (9 · 384 + 384 · 384) · 14²
        (15_091_200, 150_912),  # the same on 10² pixels
    ]
    names = ["Convolution", "Depthwise Separable Conv", "alpha = 0.75", "rho = 0.714"]
    assert [rung.modification for rung in ladder] == names


def test_layer_ladder_of_another_layer():
    ladder = cost.layer_ladder(5, 10, 20, 9, alpha=0.5, rho=0.75)
    assert [rung.mult_adds for rung in ladder] == [
        25 * 10 * 20 * 81,
        (25 * 10 + 10 * 20) * 81,
        (25 * 5 + 5 * 10) * 81,
        (25 * 5 + 5 * 10) * 49,  # 0.75 · 9 = 6.75 pixels, rounded to 7
    ]


def test_bytes_and_intensity_by_hand():
    assert cost.bytes_moved(10, 20, 30) == 240
    assert cost.bytes_moved(10, 20, 30, bytes_per_number=2) == 120
    assert cost.bytes_moved(10, 20, 30, bytes_per_number=1) == 60
    # Multiplying two n x n matrices takes 2n³ operations on 3n² numbers: n/6 a byte in float32.
    n = 96
    moved = cost.bytes_moved(n * n, n * n, n * n)
    assert cost.arithmetic_intensity(n**3, moved) == n / 6


@given(size=st.integers(1, 60), k=kernels, stride=st.integers(1, 4), dilation=st.integers(1, 3))
def test_same_padding_follows_tensorflows_published_rule(size, k, stride, dilation):
    # TensorFlow's documentation states the rule by the remainder, not by the output size.
    span = dilation * (k - 1) + 1
    total = max(span - (size % stride or stride), 0)
    assert cost.same_padding(size, k, stride, dilation) == (total // 2, total - total // 2)


@given(size=st.integers(1, 60), k=kernels, stride=st.integers(1, 4), dilation=st.integers(1, 3))
def test_same_padding_gives_one_output_for_every_stride_started(size, k, stride, dilation):
    padding = cost.same_padding(size, k, stride, dilation)
    assert cost.output_size(size, k, stride, padding, dilation) == math.ceil(size / stride)


def test_same_padding_puts_the_odd_zero_after():
    assert cost.same_padding(224, 3, 2) == (0, 1)
    assert cost.same_padding(225, 3, 2) == (1, 1)
    assert cost.same_padding(14, 3) == (1, 1)
    assert cost.same_padding(14, 1) == (0, 0)
    assert cost.same_padding(14, 1, 2) == (0, 0)  # a stride above the kernel: never below 0


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 30),
    k=kernels,
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
)
def test_output_size_equals_torch_or_both_refuse(size, k, stride, padding, dilation):
    x = torch.zeros(1, 1, size)  # not on "meta", where torch 2.6 refuses nothing
    weight = torch.zeros(1, 1, k)
    try:
        expected = F.conv1d(x, weight, None, stride, padding, dilation).shape[2]
    except RuntimeError:
        with pytest.raises(ValueError, match=f"does not fit an input of {size + 2 * padding} "):
            cost.output_size(size, k, stride, (padding, padding), dilation)
    else:
        assert cost.output_size(size, k, stride, (padding, padding), dilation) == expected


def walk_back(stack, pixel):
    """First and last input pixel that an output pixel of a stack of layers looks at."""
    first = last = pixel
    for kernel_size, stride, padding in reversed(stack):
        first, last = first * stride - padding, last * stride - padding + kernel_size - 1
    return first, last


@given(stack=layers, pixel=st.integers(0, 5))
def test_receptive_field_equals_a_walk_back_over_pixels(stack, pixel):
    first, last = walk_back(stack, pixel)
    field = cost.receptive_field(stack)
    assert field.size == last - first + 1
    assert first == pixel * field.stride - field.padding
    assert walk_back(stack, pixel + 1)[0] - first == field.stride


@settings(max_examples=30, deadline=None)
@given(stack=st.lists(st.tuples(kernels, st.integers(1, 2), st.integers(0, 3)), max_size=5))
def test_receptive_field_equals_where_the_gradient_is_not_zero(stack):
    field = cost.receptive_field(stack)
    # Rows that look at everything only when no stride leaves gaps between the kernel's steps.
    contiguous = all(k >= s for k, s, _ in stack)
    row = torch.ones(1, 1, 2 * field.size + 2 * field.padding + 8 * field.stride)
    row = row.double().requires_grad_()
    out = row
    for k, stride, padding in stack:
        out = F.conv1d(out, torch.ones(1, 1, k, dtype=out.dtype), None, stride, padding)
    pixel = -(-field.padding // field.stride)  # the first whose field lies inside the row
    out[0, 0, pixel].backward()
    seen = row.grad[0, 0].nonzero().flatten().tolist()
    first = pixel * field.stride - field.padding
    assert (seen[0], seen[-1]) == (first, first + field.size - 1)
    if contiguous:
        assert len(seen) == field.size


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cost.standard_mult_adds(0, 1, 1, 1), "kernel_size must be .* >= 1, got 0"),
        (lambda: cost.standard_mult_adds(3, -2, 1, 1), "in_channels must be .* >= 1, got -2"),
        (lambda: cost.standard_mult_adds(3, 2, 0, 1), "out_channels must be .* >= 1, got 0"),
        (lambda: cost.depthwise_mult_adds(3, 2, 0), "size must be .* >= 1, got 0"),
        (lambda: cost.pointwise_mult_adds(3, 0, 4), "out_channels must be .* got 0"),
        (lambda: cost.separable_mult_adds(3, 0, 4, 4), "in_channels must be .* got 0"),
        (lambda: cost.reduction(3, 0), "out_channels must be .* got 0"),
        (lambda: cost.standard_weights(3, 0, 4), "in_channels must be .* got 0"),
        (lambda: cost.depthwise_weights(0, 4), "kernel_size must be .* got 0"),
        (lambda: cost.separable_weights(3, 4, 0), "out_channels must be .* got 0"),
        (lambda: cost.bytes_moved(1, 1, 1, 0), "bytes_per_number must be .* 1 to 16, got 0"),
        (lambda: cost.bytes_moved(1, 1, 1, 32), "bytes_per_number must be .* 1 to 16, got 32"),
        (lambda: cost.arithmetic_intensity(1, 0), "moved_bytes must be .* above 0, got 0"),
        (lambda: cost.same_padding(0, 3), "size must be .* >= 1, got 0"),
        (lambda: cost.same_padding(8, 3, 0), "stride must be .* >= 1, got 0"),
        (lambda: cost.same_padding(8, 3, 1, 0), "dilation must be .* >= 1, got 0"),
        (lambda: cost.output_size(8, 3, 0), "stride must be .* >= 1, got 0"),
        (lambda: cost.output_size(8, 3, 1, (0, 0), 0), "dilation must be .* >= 1, got 0"),
        (lambda: cost.output_size(4, 3, 1, (1, 1), 3), "spans 7 pixels .* input of 6 pixels"),
        (lambda: cost.layer_ladder(alpha=0), "alpha must be a number above 0, got 0"),
        (lambda: cost.layer_ladder(rho=1.5), "rho must be .* at most 1, got 1.5"),
        (lambda: cost.layer_ladder(alpha=math.nan), "alpha must be .* got nan"),
        (lambda: cost.layer_ladder(alpha=math.inf), "alpha must be .* got inf"),
        (lambda: cost.layer_ladder(alpha=10**400), "alpha must be .* got 10000"),
    ],
)
def test_numbers_out_of_range_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("value", [2.5, "3", None, True, math.nan, math.inf, [3]])
def test_numbers_of_a_wrong_type_are_named(value):
    with pytest.raises(TypeError, match=rf"kernel_size must be .*, got {re.escape(repr(value))}$"):
        cost.depthwise_mult_adds(value, 8, 8)


def test_whole_numbers_of_other_types_are_taken_and_never_overflow():
    expected = 9 * 200 * 250 * 112**2  # far above what the types below can hold
    small = (np.uint8(3), np.uint8(200), np.uint8(250), np.uint8(112))
    assert cost.standard_mult_adds(*small) == expected
    assert cost.standard_mult_adds(3.0, 200.0, 250.0, 112.0) == expected
    assert cost.separable_mult_adds(*small) == (9 * 200 + 200 * 250) * 112**2
    assert cost.separable_weights(*small[:3]) == 9 * 200 + 200 * 250
    assert cost.same_padding(np.uint8(255), np.uint8(3), np.uint8(2)) == (1, 1)
    assert cost.output_size(np.uint8(255), np.uint8(3), np.uint8(2), (1, 1)) == 128
    for value in (cost.standard_mult_adds(*small), cost.standard_mult_adds(3.0, 4, 5, 6)):
        assert type(value) is int
