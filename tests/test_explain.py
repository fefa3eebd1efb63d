"""Occlusion and class activation maps, held against networks whose answer is known by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mobilenet_lib import MobileNet, load_published, mobilenet_v1
from mobilenet_lib.explain import class_activation, look, occlusion
from mobilenet_lib.photos import PhotoError, load_photo


class OnePixel(nn.Module):
    """Says class 1 if one pixel is bright, and looks at nothing else."""

    arch = SimpleNamespace(num_classes=2)
    head = "softmax"
    probabilities = MobileNet.probabilities

    def __init__(self, row, column):
        super().__init__()
        self.row, self.column = row, column
        self.eval()

    def forward(self, x):
        bright = x[:, :, self.row, self.column].mean(1)
        return torch.stack([torch.zeros_like(bright), bright], 1)


@pytest.fixture(scope="module")
def detector():
    return load_published("person_detector")


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = MobileNet(mobilenet_v1(0.1, 64, num_classes=5)).eval()
    nn.init.normal_(net.fc.weight)
    nn.init.normal_(net.fc.bias)
    return net


def test_occlusion_finds_the_one_pixel_that_matters():
    x = torch.zeros(1, 3, 24, 36)
    x[:, :, 17, 5] = 3.0
    found = occlusion(OnePixel(17, 5), x, 1, cells=6, window=6)
    assert found.shape == (6, 6)
    # Centres stand at rows 2, 6, 10, 14, 18, 22 and columns 3, 9, ...; a square reaches 3 both ways
    # and does not hold its far edge: rows 11 to 16 do not reach 17, rows 15 to 20 do.
    covering = np.zeros((6, 6), bool)
    covering[4, 0] = True
    mean = 3 / (24 * 36)
    drop = 1 / (1 + np.exp(-3)) - 1 / (1 + np.exp(-mean))
    np.testing.assert_allclose(found[covering], drop, rtol=1e-5)
    assert np.abs(found[~covering]).max() == 0
    np.testing.assert_allclose(occlusion(OnePixel(17, 5), x, 0, 6, 6), -found, atol=1e-7)


def test_a_larger_square_covers_more_places():
    x = torch.zeros(1, 3, 24, 24)
    x[:, :, 12, 12] = 1.0
    reached = [
        (occlusion(OnePixel(12, 12), x, 1, cells=12, window=window) > 0).sum()
        for window in (2, 6, 10)
    ]
    assert reached == [1, 9, 25]


def test_occlusion_leaves_the_input_as_it_was(net):
    x = torch.randn(1, 3, 64, 64)
    before = x.clone()
    occlusion(net, x, 0)
    assert torch.equal(x, before)


def test_the_mean_of_a_class_activation_map_and_the_bias_are_the_logit(net):
    for shape in ((1, 3, 64, 64), (1, 3, 96, 160)):
        x = torch.randn(shape)
        maps = class_activation(net, x)
        assert maps.shape == (5, -(-shape[2] // 32), -(-shape[3] // 32))
        logits = net(x)[0].detach().numpy()
        np.testing.assert_allclose(
            maps.mean((1, 2)) + net.fc.bias.detach().numpy(), logits, atol=1e-5
        )
        assert np.ptp(logits) > 0.1


def test_class_activation_says_where(net):
    """Only the place that sees a change in the input may change; this one is out of its reach."""
    torch.manual_seed(1)
    wide = torch.randn(1, 3, 64, 640)
    changed = wide.clone()
    changed[..., :32] = 0
    difference = np.abs(class_activation(net, wide) - class_activation(net, changed)).max((0, 1))
    assert difference[0] > 1e-3
    assert difference[12:].max() == 0  # 384 pixels away, and the receptive field reaches 157


def test_a_look_at_the_astronaut_finds_her_head(detector):
    seen = look(detector, load_photo("astronaut"))
    assert seen.label == "person"
    assert seen.square.shape == (96, 96, 3)
    assert seen.probability == pytest.approx(0.782, abs=0.005)
    row, column = np.unravel_index(seen.occluded.argmax(), seen.occluded.shape)
    assert 1 <= row <= 5
    assert 4 <= column <= 8
    assert seen.activation.shape == (3, 3)
    assert seen.activation.argmax() == 1  # the middle of the top
    against = look(detector, load_photo("astronaut"), label=1)
    np.testing.assert_allclose(against.activation, -seen.activation, rtol=1e-6)
    assert against.probability == pytest.approx(1 - seen.probability)


def test_activation_is_told_against_the_mean_of_the_other_classes(net):
    from mobilenet_lib.preprocess import INCEPTION

    net.preprocess, net.classes = INCEPTION.at(64), tuple("abcde")
    photo = load_photo("cat")
    maps = class_activation(net, net.preprocess(photo))
    seen = look(net, photo, 2)
    others = (maps[0] + maps[1] + maps[3] + maps[4]) / 4
    np.testing.assert_allclose(seen.activation, maps[2] - others, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 3, 64, 64)}, "one network input is needed"),
        ({"x": torch.zeros(3, 64, 64)}, "one network input is needed"),
        ({"label": 5}, "label must be a whole number from 0 to 4, got 5"),
        ({"cells": 0}, "cells must be a whole number from 1 to 64"),
        ({"window": 0}, "window must be a whole number >= 1"),
    ],
)
def test_occlusion_refuses(net, change, message):
    options = {"x": torch.zeros(1, 3, 64, 64), "label": 0} | change
    with pytest.raises(ValueError, match=message):
        occlusion(net, **options)


def test_a_network_in_training_is_refused(net):
    net.train()
    for ask in (lambda x: occlusion(net, x, 0), lambda x: class_activation(net, x)):
        with pytest.raises(ValueError, match=r"call net\.eval\(\)"):
            ask(torch.zeros(1, 3, 64, 64))


def test_a_network_that_does_not_say_what_it_takes_is_refused(net):
    with pytest.raises(ValueError, match="no preprocess or no classes: load_published sets both"):
        look(net, load_photo("cat"))


def test_a_photo_that_is_none_is_refused(detector):
    with pytest.raises(PhotoError, match="height, width, 3"):
        look(detector, np.zeros((8, 8), np.uint8))
