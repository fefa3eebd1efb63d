"""NumPy convolutions against torch in float64, and the counters against Equations 2, 4 and 5."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mobilenet_lib import convolution as conv
from mobilenet_lib import cost

TOLERANCE = 1e-10


@st.composite
def cases(draw):
    """Random sizes (odd, even, not square), strides, paddings and dilations that fit together."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["same", "valid", 0, 1, 2, 3]))
    border = padding if isinstance(padding, int) else 0
    smallest = [max(1, (k - 1) * dilation + 1 - 2 * border) for k in (rows, columns)]
    if padding == "same":
        smallest = [1, 1]
    height = draw(st.integers(smallest[0], smallest[0] + 8))
    width = draw(st.integers(smallest[1], smallest[1] + 8))
    channels, filters = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {
        "feature_map": rng.standard_normal((height, width, channels)),
        "kernel": rng.standard_normal((rows, columns, channels, filters)),
        "options": {"stride": stride, "padding": padding, "dilation": dilation},
    }


def torch_conv(feature_map, kernel, stride, padding, dilation, groups=1):
    """The reference: torch's conv2d, padded here by TensorFlow's published SAME rule."""
    x = torch.from_numpy(feature_map).permute(2, 0, 1)[None]
    weight = torch.from_numpy(kernel).permute(3, 2, 0, 1)
    if padding == "same":
        pads = []
        for size, k in zip(
            (x.shape[3], x.shape[2]), (weight.shape[3], weight.shape[2]), strict=True
        ):
            out = -(-size // stride)
            total = max(0, (out - 1) * stride + (k - 1) * dilation + 1 - size)
            pads += [total // 2, total - total // 2]
        x, padding = F.pad(x, pads), 0
    elif padding == "valid":
        padding = 0
    y = F.conv2d(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y[0].permute(1, 2, 0).numpy()


def close(ours, reference):
    assert ours.shape == reference.shape
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, reference, rtol=0, atol=TOLERANCE)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_standard_equals_torch(case):
    feature_map, kernel, options = case["feature_map"], case["kernel"], case["options"]
    reference = torch_conv(feature_map, kernel, **options)
    close(conv.standard(feature_map, kernel, **options), reference)
    if kernel.shape[0] == kernel.shape[1]:
        counter = conv.MultiplyCounter()
        close(conv.standard_gemm(feature_map, kernel, **options, counter=counter), reference)
        assert counter.count == reference.size * kernel[..., 0].size


@settings(max_examples=25, deadline=None)
@given(cases())
def test_standard_loops_equal_torch(case):
    feature_map, kernel, options = case["feature_map"], case["kernel"], case["options"]
    reference = torch_conv(feature_map, kernel, **options)
    counter = conv.MultiplyCounter()
    close(conv.standard_loops(feature_map, kernel, **options, counter=counter), reference)
    assert counter.count == reference.size * kernel[..., 0].size


@settings(max_examples=100, deadline=None)
@given(cases())
def test_depthwise_equals_torch(case):
    feature_map, kernel, options = case["feature_map"], case["kernel"][..., 0], case["options"]
    grouped = kernel[:, :, None, :]  # torch: one input channel a group
    reference = torch_conv(feature_map, grouped, **options, groups=feature_map.shape[2])
    close(conv.depthwise(feature_map, kernel, **options), reference)
    counter = conv.MultiplyCounter()
    close(conv.depthwise_loops(feature_map, kernel, **options, counter=counter), reference)
    assert counter.count == reference.size * kernel[..., 0].size


@settings(max_examples=60, deadline=None)
@given(cases())
def test_pointwise_and_separable_equal_torch(case):
    feature_map, options = case["feature_map"], case["options"]
    dw, pw = case["kernel"][..., 0], case["kernel"][0, 0]
    channels = feature_map.shape[2]
    reference = torch_conv(feature_map, pw[None, None], 1, 0, 1)
    close(conv.pointwise(feature_map, pw), reference)
    for form in (conv.pointwise_gemm, conv.pointwise_loops):
        counter = conv.MultiplyCounter()
        close(form(feature_map, pw, counter=counter), reference)
        assert counter.count == reference.size * channels
    filtered = torch_conv(feature_map, dw[:, :, None, :], **options, groups=channels)
    reference = torch_conv(np.ascontiguousarray(filtered), pw[None, None], 1, 0, 1)
    close(conv.separable(feature_map, dw, pw, **options), reference)
    close(conv.pointwise_loops(conv.depthwise_loops(feature_map, dw, **options), pw), reference)


def test_same_padding_at_stride_1_is_torchs_own_same():
    rng = np.random.default_rng(0)
    feature_map, kernel = rng.standard_normal((7, 9, 3)), rng.standard_normal((3, 3, 3, 5))
    x = torch.from_numpy(feature_map).permute(2, 0, 1)[None]
    weight = torch.from_numpy(kernel).permute(3, 2, 0, 1)
    reference = F.conv2d(x, weight, padding="same")[0].permute(1, 2, 0).numpy()
    close(conv.standard(feature_map, kernel), reference)


def test_counters_count_equations_2_4_and_5():
    feature_map, kernel = np.ones((6, 6, 4)), np.ones((3, 3, 4, 5))
    full, separable = conv.MultiplyCounter(), conv.MultiplyCounter()
    conv.standard_loops(feature_map, kernel, counter=full)
    assert full.count == cost.standard_mult_adds(3, 4, 5, 6)
    conv.depthwise_loops(feature_map, kernel[..., 0], counter=separable)
    assert separable.count == cost.depthwise_mult_adds(3, 4, 6)
    conv.pointwise_loops(feature_map, kernel[0, 0], counter=separable)
    assert separable.count == cost.separable_mult_adds(3, 4, 5, 6)


def test_im2col_copies_each_pixel_nine_times():
    feature_map = np.random.default_rng(0).standard_normal((8, 8, 4))
    assert conv.im2col(feature_map, 3).shape == (64, 9 * 4)
    ones = np.ones((8, 8, 1))
    assert conv.im2col(ones, 3, padding="valid").sum() == 9 * 36


def test_a_photos_small_integers_do_not_wrap_around():
    photo = np.full((4, 4, 2), 200, np.uint8)
    ones = np.ones((3, 3, 2, 1), np.int8)
    for form in (conv.standard, conv.standard_loops, conv.standard_gemm):
        assert form(photo, ones, padding="valid").tolist() == [[[3600]] * 2] * 2
    for form in (conv.depthwise, conv.depthwise_loops):
        assert form(photo, -ones[..., 0], padding="valid").max() == -1800
    for form in (conv.pointwise, conv.pointwise_loops, conv.pointwise_gemm):
        assert form(photo, ones[0, 0]).min() == 400


def test_whole_floats_are_taken_for_numbers():
    rng = np.random.default_rng(0)
    feature_map, kernel = rng.standard_normal((7, 7, 2)), rng.standard_normal((3, 3, 2, 2))
    wanted = conv.standard(feature_map, kernel, 2, 1, 2)
    for form in (conv.standard, conv.standard_loops, conv.standard_gemm):
        close(form(feature_map, kernel, 2.0, 1.0, 2.0), wanted)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, k: conv.standard(f[0], k), r"\(height, width, channels\).*got \(6, 3\)"),
        (lambda f, k: conv.standard(f[:0], k), r"at least one of each, got \(0, 6, 3\)"),
        (lambda f, k: conv.standard(f, k[..., 0]), r"a standard kernel is \(rows.*\(3, 3, 3\)"),
        (lambda f, k: conv.standard(f[..., :2], k), "for 3 channels, the map has 2"),
        (lambda f, k: conv.standard(f, k, stride=0), "stride must be a whole number >= 1, got 0"),
        (lambda f, k: conv.standard(f, k, padding="full"), "got 'full'"),
        (lambda f, k: conv.standard(f, k, padding=-1), "padding must be .* got -1"),
        (lambda f, k: conv.standard(f, k, dilation=9, padding=0), "spans 19 pixels"),
        (lambda f, k: conv.standard_gemm(f, k[:2]), "square kernel, got 2x3"),
        (lambda f, k: conv.depthwise(f, k), "a depthwise kernel is"),
        (lambda f, k: conv.pointwise(f, k[0, 0, :2]), "for 2 channels, the map has 3"),
    ],
)
def test_misfits_are_named(call, message):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        call(rng.standard_normal((6, 6, 3)), rng.standard_normal((3, 3, 3, 4)))
