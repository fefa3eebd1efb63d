"""Explorers from Python's side: state, refusals, and figures that follow their controls."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

from mobilenet_lib import MobileNet, mobilenet_v1, paper
from mobilenet_lib.engines.compact import read_compact
from mobilenet_lib.explorers import (
    ArchitectureExplorer,
    ConvolutionExplorer,
    DetectorExplorer,
    LettersExplorer,
    SeparableExplorer,
    TablesExplorer,
)
from mobilenet_lib.photos import PhotoError, credits
from mobilenet_lib.preprocess import INCEPTION


def test_convolution_explorer_shows_the_photo_it_was_given():
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:, 30:] = 200
    explorer = ConvolutionExplorer(photo, size=10)
    assert explorer.photo.shape == (10, 10)
    assert explorer.photo[:, 0].max() == 0
    assert explorer.photo[:, -1].min() == 200
    left, right = (explorer.photo[4:7, c].astype(int) for c in (3, 5))
    assert explorer.output[5, 4] == (right - left) @ [1, 2, 1] > 600  # the edge, by hand


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 4}, ValueError, "size must be a whole number from 8 to 64, got 4"),
        ({"kernel": "wobble"}, traitlets.TraitError, "a name: identity, .*; got 'wobble'"),
        ({"kernel": [[1, 2], [3, 4]]}, traitlets.TraitError, "1x1 or 3x3 or 5x5 finite"),
        ({"kernel": [[1, 2, 3]] * 2 + [[1]]}, traitlets.TraitError, "1x1 or 3x3 or 5x5 finite"),
        ({"kernel": [[float("nan")]]}, traitlets.TraitError, "finite numbers"),
        ({"kernel": [["1"]]}, traitlets.TraitError, "finite numbers"),
        ({"kernel": [1, 2, 3]}, traitlets.TraitError, "1x1 or 3x3 or 5x5 finite"),
        ({"kernel": [[True]]}, traitlets.TraitError, "finite numbers"),
        ({"stride": 4}, traitlets.TraitError, "stride must be one of 1, 2, 3; got 4"),
        ({"stride": 0}, traitlets.TraitError, "got 0"),
        ({"stride": "2"}, traitlets.TraitError, "got '2'"),
        ({"dilation": True}, traitlets.TraitError, "dilation must be one of 1, 2, 3; got True"),
        ({"filter": 9}, traitlets.TraitError, "filter must be a whole number from 0 to 8; got 9"),
        ({"chanels": "red"}, TypeError, "chanels"),
        ({"padding": "full"}, traitlets.TraitError, "full"),
        ({"photo": np.zeros((8, 8), np.uint8)}, PhotoError, r"got \(8, 8\)"),
        ({"photo": np.zeros((0, 8, 3), np.uint8)}, PhotoError, "at least one pixel"),
        ({"photo": np.zeros((8, 8, 3))}, PhotoError, "float64"),
        ({"photo": "no such photo"}, FileNotFoundError, "astronaut"),
    ],
)
def test_convolution_explorer_refuses(options, error, message):
    with pytest.raises(error, match=message):
        ConvolutionExplorer(**options)


def test_a_kernel_may_be_an_array():
    for kernel in (np.eye(3), np.eye(3, dtype=np.int64), [[np.int64(1)]]):
        assert ConvolutionExplorer(kernel=kernel).kernel == np.asarray(kernel, float).tolist()


def test_a_place_outside_the_photo_is_refused():
    explorer = ConvolutionExplorer(size=16, row=8)
    with pytest.raises(traitlets.TraitError, match="row must be below 16"):
        explorer.row = 16
    with pytest.raises(traitlets.TraitError):
        explorer.size = 8
    assert (explorer.row, explorer.size) == (8, 16)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SeparableExplorer(size=200), "size must be .* from 1 to 112, got 200"),
        (lambda: SeparableExplorer(in_channels=0), "in_channels must be .* got 0"),
        (lambda: SeparableExplorer(kernel_size=2), "kernel_size must be one of 1, 3, 5, 7; got 2"),
        (lambda: SeparableExplorer(stride=3), "stride must be one of 1, 2; got 3"),
        (lambda: SeparableExplorer(depth_multiplier=5), "from 1 to 4, got 5"),
        (
            lambda: SeparableExplorer(groups=2),
            "divide in_channels and out_channels, 3 and 6; got 2",
        ),
    ],
)
def test_separable_explorer_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resolution": 400}, "resolution must be .* from 32 to 320; got 400"),
        ({"alpha": 0}, "alpha must be .* got 0"),
        ({"body": "tall"}, "body must be one of separable"),
        ({"bars": "watts"}, "bars must be one of mult-adds"),
    ],
)
def test_architecture_explorer_refuses_values_out_of_range(options, message):
    with pytest.raises(traitlets.TraitError, match=message):
        ArchitectureExplorer(**options)


def test_a_refused_kernel_leaves_the_old_one():
    explorer = ConvolutionExplorer(kernel="blur")
    with pytest.raises(traitlets.TraitError):
        explorer.kernel = [[1, 2], [3, 4]]
    assert np.shape(explorer.kernel) == (3, 3)


def test_separable_explorer_counts_equations_2_and_5():
    explorer = SeparableExplorer(3, 512, 512, 14)
    assert explorer.mult_adds == (462_422_016, 903_168, 51_380_224)
    still = explorer.still().alt
    assert "standard needs 462,422,016" in still
    assert "depthwise 903,168" in still
    assert "pointwise 51,380,224" in still
    explorer.out_channels = explorer.kernel_size = 1
    assert "200.0 % of standard" in explorer.still().alt
    explorer.done = 1000
    assert explorer.still().alt.startswith("After 1,000 multiplications each")
    explorer.done = 10**14  # more than there are
    assert explorer.still().alt.startswith("After 200,704 multiplications each")


def test_separable_explorer_works_in_groups():
    explorer = SeparableExplorer(in_channels=4, out_channels=8, groups=4, depth_multiplier=2)
    assert explorer.kernel.shape == (3, 3, 1, 8)
    assert explorer.output.shape == explorer.mixed.shape == explorer.filtered.shape == (5, 5, 8)
    assert explorer.mult_adds == (9 * 8 * 25, 9 * 8 * 25, 8 * 8 * 25)
    assert "188.9 % of standard" in explorer.still().alt
    explorer.in_channels = 6  # what 4 groups cannot divide is done in 2
    assert explorer.groups_used == 2
    assert explorer.kernel.shape == (3, 3, 3, 8)


def test_architecture_explorer_has_its_old_arguments_and_attributes():
    explorer = ArchitectureExplorer(0.5, 160, "shallow")
    assert (explorer.alpha, explorer.resolution, explorer.body) == (0.5, 160, "shallow")
    assert explorer.arch == mobilenet_v1(0.5, 160, body="shallow")
    assert repr(explorer) == "ArchitectureExplorer(0.5, 160, 'shallow')"
    explorer.state = "v1&body=full&layer=dw_3"
    assert explorer.arch == mobilenet_v1(body="full")
    assert "Bars for the 15 layers of the full 1 MobileNet-224" in explorer.still().alt
    assert ArchitectureExplorer().arch == mobilenet_v1()
    assert ArchitectureExplorer(resolution=96, alpha=1).arch == mobilenet_v1(1, 96)


def test_architecture_explorer_shows_the_books_times_or_the_readers():
    book = ArchitectureExplorer().times
    assert book["network"] == {"body": "separable", "alpha": 1.0, "resolution": 224}
    assert {*book["milliseconds"]} == {layer.name for layer in mobilenet_v1().layers} | {"pool"}
    mine = ArchitectureExplorer(0.5, 160, milliseconds={"conv_0": 1}).times
    assert mine["network"] == {"body": "separable", "alpha": 0.5, "resolution": 160}
    assert mine["milliseconds"] == {"conv_0": 1.0}
    timed = SimpleNamespace(name="conv_0", timing=SimpleNamespace(median_ms=2.5))
    profile = SimpleNamespace(
        body="full", alpha=0.25, resolution=96, device="mine", threads=3, layers=[timed]
    )
    assert ArchitectureExplorer(milliseconds=profile).times == {
        "network": {"body": "full", "alpha": 0.25, "resolution": 96},
        "device": "mine, 3 threads",
        "milliseconds": {"conv_0": 2.5},
    }


def test_architecture_explorer_shows_any_network():
    net, example = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), torch.zeros(1, 4)
    explorer = ArchitectureExplorer(net, example)
    assert explorer.arch is None
    assert explorer.description.mult_adds == 18
    assert explorer.layer == "0"
    assert repr(explorer) == "ArchitectureExplorer(Sequential, 3 calls of layers)"
    assert explorer.assets() == {}
    assert explorer.times is None
    assert "18 mult-adds and 23 parameters. Most mult-adds in one layer: 12 in 0." in (
        explorer.still().alt
    )
    by_keyword = ArchitectureExplorer(net=net, example=example, layer="2")
    assert by_keyword.described == explorer.described
    assert by_keyword.layer == "2"
    json.dumps(explorer.described)  # plain numbers, as a page carries them
    assert ArchitectureExplorer(net, example, milliseconds={"0": 1}).times["network"] is None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda net: ArchitectureExplorer(net), TypeError, "needs an example"),
        (lambda net: ArchitectureExplorer(net=net), TypeError, "needs an example"),
        (lambda _: ArchitectureExplorer(example=1), TypeError, "needs an example"),
        (lambda net: ArchitectureExplorer(net, torch.zeros(1, 5)), ValueError, "does not take"),
        (lambda _: ArchitectureExplorer("0.5", 224), TypeError, "needs an example"),
        (
            lambda _: ArchitectureExplorer("x", torch.zeros(1)),
            TypeError,
            "torch.nn.Module, got str",
        ),
        (
            lambda net: ArchitectureExplorer(net, torch.zeros(1, 4), milliseconds={"fc": 1}),
            ValueError,
            "milliseconds has 'fc', which is no layer of Linear; its first is '",
        ),
        (
            lambda net: ArchitectureExplorer(net, torch.zeros(1, 4), milliseconds=object()),
            ValueError,
            "a number for each layer",
        ),
        (lambda _: ArchitectureExplorer(milliseconds={"fc": -1}), ValueError, "'fc'.* from 0"),
        (lambda _: ArchitectureExplorer(nett=1), TypeError, "has no 'nett'"),
        (lambda _: ArchitectureExplorer(True), traitlets.TraitError, "alpha must be"),
    ],
)
def test_architecture_explorer_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make(nn.Linear(4, 2))


def test_detector_explorer_keeps_its_network_and_photos_out_of_the_notebook():
    explorer = DetectorExplorer(photo="cat", layer="pw_3")
    assert repr(explorer) == "DetectorExplorer(photo='cat', layer='pw_3')"
    assert "gives person 7 %" in explorer.still().alt
    assert not any(isinstance(value, bytes) for value in explorer.get_state().values())
    assert set(explorer.assets()) == {"network", *credits()}
    explorer.photo = ""  # the reader's own, which stays in the page
    assert explorer.still() is None


def test_detector_explorer_takes_any_network():
    net = MobileNet(mobilenet_v1(0.1, 64, num_classes=3)).eval()
    net.preprocess, net.classes = INCEPTION.at(64), ("left", "right", "up")
    explorer = DetectorExplorer(net, photo="cat")
    assert "gives left" in explorer.still().alt
    assert read_compact(explorer.assets()["network"]).classes == net.classes


@pytest.mark.parametrize("photo", ["dog", "no such photo"])
def test_detector_explorer_refuses_an_unknown_photo(photo):
    with pytest.raises(FileNotFoundError, match="astronaut"):
        DetectorExplorer(photo=photo)


def test_the_browser_is_handed_large_data_when_it_asks(monkeypatch):
    explorer, sent = DetectorExplorer(), []
    monkeypatch.setattr(explorer, "send", lambda *message: sent.append(message))
    for unasked in ({"kind": "other"}, "assets", None):
        explorer._handle_custom_msg(unasked, [])
    assert sent == []
    explorer._handle_custom_msg({"kind": "assets"}, [])
    ((content, buffers),) = sent
    assert dict(zip(content["names"], buffers, strict=True)) == explorer.assets()
    monkeypatch.setattr(explorer, "assets", Path("/no/such/file").read_bytes)
    explorer._handle_custom_msg({"kind": "assets"}, [])
    assert "No such file" in sent[1][0]["error"]


def test_letters_explorer_reads_in_python_what_is_drawn():
    explorer = LettersExplorer((1, 0.5), sample=8)
    assert explorer.still().alt.endswith("α 1: H, α 0.5: H.")
    explorer.state = "v1&drawing=a4aqpq"
    assert explorer.still().alt.endswith("α 0.5: L.")
    explorer.state = "v1"
    assert explorer.still() is None
    assert repr(explorer) == "LettersExplorer(1, 0.5)"
    for widths in ((), (0.3,)):
        with pytest.raises(ValueError, match="width"):
            LettersExplorer(widths)


def test_tables_explorer_has_every_number_and_refuses_one_that_is_not_there():
    explorer = TablesExplorer(verdict="misprint", cell="14-4-million_mult_adds")
    assert [c.name for c in explorer.found][:2] == ["1-18-type_stride", "2-3-mult_adds_pct"]
    rows = [row for table in explorer.tables for row in table["rows"]]
    assert [cell[0] for row in rows for cell in row["cells"]] == [c.name for c in paper.cells()]
    for change in ({"cell": "2-9-mult_adds_pct"}, {"table": "15"}, {"verdict": "wrong"}):
        with pytest.raises(traitlets.TraitError):
            explorer.set_trait(*next(iter(change.items())))
    assert explorer.cell == "14-4-million_mult_adds"
    assert TablesExplorer(search="no such words").found == []
