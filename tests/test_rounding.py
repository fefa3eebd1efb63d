"""Weights in few bits: NumPy's are torch's to the last bit, and the folded layers are the engines'.

The recorded answers are the network's, asked once more.
"""

import itertools

import numpy as np
import pytest
import torch

from mobilenet_lib import load_published
from mobilenet_lib.engines.folding import fold
from mobilenet_lib.explorers.rounding import folded_layers, round_weights, signal_to_noise
from mobilenet_lib.photos import load_photo
from mobilenet_lib.results import recorded

WAYS = list(itertools.product(range(2, 9), ("tensor", "channel"), (False, True)))


def some_weights():
    """Wide and narrow channels, one of zeros, one without a negative number, halves of steps."""
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((12, 9)).astype(np.float32) * np.float32(10) ** np.arange(
        -6, 6, dtype=np.float32
    ).reshape(12, 1)
    rows[3] = 0
    rows[4] = np.abs(rows[4])
    rows[5] = np.arange(9) / 2 - 2  # on halves, which go to the even level
    return rows


def by_torch(rows, rounded, per):
    first, last = rounded.ends
    weights = torch.from_numpy(rows)
    if per == "tensor":
        values = torch.fake_quantize_per_tensor_affine(
            weights, float(rounded.steps[0]), int(rounded.zeros[0]), first, last
        )
    else:
        values = torch.fake_quantize_per_channel_affine(
            weights,
            torch.from_numpy(rounded.steps),
            torch.from_numpy(rounded.zeros).int(),
            0,
            first,
            last,
        )
    return values.numpy()


@pytest.mark.parametrize(("bits", "per", "zero_point"), WAYS)
def test_numpy_rounds_as_torch_does(bits, per, zero_point):
    layers = [some_weights(), *(each.weights for each in folded_layers()[::5])]
    for rows in layers:
        rounded = round_weights(rows, bits, per, zero_point)
        np.testing.assert_array_equal(rounded.values, by_torch(rows, rounded, per))


@pytest.mark.parametrize(("bits", "per", "zero_point"), WAYS)
def test_levels_reach_the_ends_and_zero_stays_zero(bits, per, zero_point):
    rows = some_weights()
    rounded = round_weights(rows, bits, per, zero_point)
    first, last = rounded.ends
    assert last - first + 1 == (2**bits if zero_point else 2**bits - 1)
    assert rounded.levels.min() >= first
    assert rounded.levels.max() <= last
    assert not rounded.values[rows == 0].any()
    # Nothing is cut: a zero point is rounded itself, which may cost another half of a step.
    steps = np.broadcast_to(rounded.steps[:, None], rows.shape)
    off = np.abs(rounded.values.astype(float) - rows)
    assert (off <= steps * (1.0001 if zero_point else 0.5001)).all()
    if per == "channel" and not zero_point:
        live = rows.any(axis=1)
        assert (np.abs(rounded.levels[live]).max(axis=1) == last).all()


def test_by_hand():
    rounded = round_weights([[-3.5, 0.5, 1.5, 3.4]], 4)
    assert rounded.steps[0] == 0.5
    assert rounded.levels.tolist() == [[-7, 1, 3, 7]]
    assert rounded.values.tolist() == [[-3.5, 0.5, 1.5, 3.5]]
    moved = round_weights([[-1, 0, 1, 2]], 2, zero_point=True)
    assert (moved.levels.tolist(), moved.zeros.tolist()) == ([[0, 1, 2, 3]], [1])
    assert moved.values.tolist() == [[-1, 0, 1, 2]]
    weights = np.array([[3, 4]], np.float32)
    assert signal_to_noise(weights, weights) == np.inf
    assert signal_to_noise(weights, np.array([[3, 3]], np.float32)) == pytest.approx(
        10 * np.log10(25)
    )
    assert signal_to_noise(0 * weights, weights) == -np.inf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 1}, "bits must be a whole number from 2 to 8, got 1"),
        ({"bits": 9}, "from 2 to 8, got 9"),
        ({"bits": 4, "per": "layer"}, "per must be one of tensor, channel"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        round_weights([[1.0]], **options)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        round_weights([[np.nan]], 4)


def test_the_layers_are_folded_as_engines_fold_them():
    net = fold(load_published("person_detector").eval())
    layers = folded_layers()
    names = [f"{kind}_{n}" for n in range(1, 14) for kind in ("dw", "pw")]
    assert [each.name for each in layers] == names
    assert {each.kind for each in layers} == {"depthwise", "pointwise"}
    for layer in layers:
        ours = layer.weights
        theirs = net.get_submodule(layer.name).conv.weight.detach().numpy().reshape(ours.shape)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-12, err_msg=layer.name)
        off = ~ours.any(axis=1)
        assert np.abs(theirs[off]).max(initial=0) < 1e-15, layer.name


def test_idle_channels_get_the_same_from_every_photo():
    """What a layer gets on its idle channels is measured; they have the widest ranges."""
    net = fold(load_published("person_detector").eval())
    layers = {each.name: each for each in folded_layers()}
    got = {}
    for name in layers:
        net.get_submodule(name).register_forward_hook(
            lambda _, inputs, __, name=name: got.update({name: inputs[0]})
        )
    photos = [net.preprocess(load_photo(name)) for name in ("astronaut", "cat", "china")]
    with torch.inference_mode():
        net(torch.cat(photos))
    for number in range(2, 14):
        layer = layers[f"dw_{number}"]
        inputs = got[layer.name]
        spread = (inputs.amax(dim=(0, 2, 3)) - inputs.amin(dim=(0, 2, 3))).numpy()
        assert not spread[layer.idle].any(), layer.name
    reach = np.abs(layers["dw_9"].weights).max(axis=1)
    assert layers["dw_9"].idle.sum() == 80
    assert layers["dw_9"].idle[np.argsort(-reach)[:40]].all()


def test_the_recorded_answers_are_the_networks():
    results = recorded("rounding")["results"]
    detector = results["detector"]
    net = fold(load_published("person_detector").eval())
    images = torch.cat([net.preprocess(load_photo(name)) for name in detector["photos"]])

    def person():
        with torch.inference_mode():
            return net(images).softmax(1)[:, 0].numpy()

    np.testing.assert_allclose(person(), detector["person_float32"], atol=2e-3)
    conv = net.dw_9.conv
    kept = conv.weight.detach().clone()
    for row in detector["rows"]:
        if row["layer"] == "dw_9":
            for place in (0, 2, 6):
                bits = results["bits"][place]
                values = round_weights(kept.numpy(), bits, row["per"], row["zero_point"]).values
                conv.weight.data = torch.from_numpy(values).view_as(kept)
                said = [by_bits[place] for by_bits in row["person"]]
                np.testing.assert_allclose(person(), said, atol=2e-3)


def test_the_record_is_complete():
    results = recorded("rounding")["results"]
    rows = results["detector"]["rows"]
    ways = {(row["layer"], row["per"], row["zero_point"]) for row in rows}
    names = [each.name for each in folded_layers()] + ["all"]
    assert ways == set(itertools.product(names, ("tensor", "channel"), (False, True)))
    assert results["bits"] == list(range(2, 9))
    for row in rows:
        assert len(row["agreement"]) == 7
        assert all(0 <= share <= 1 for share in row["agreement"])
        assert [len(by_bits) for by_bits in row["person"]] == [7] * 7
