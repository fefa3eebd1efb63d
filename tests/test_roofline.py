"""The roofline explorer from Python's side: whose ceilings it shows, its state, its refusals."""

import json
from types import SimpleNamespace

import pytest
import traitlets

from mobilenet_lib import paper, plots
from mobilenet_lib.bench.peaks import Copy, MachinePeaks, Peak
from mobilenet_lib.explorers import RooflineExplorer
from mobilenet_lib.explorers.roofline import NUMBER_BYTES
from mobilenet_lib.files import find_data, read_json


def hardware(caches):
    """As much of a `Hardware` as is looked at."""
    return SimpleNamespace(gpu=None, caches=SimpleNamespace(**caches))


def ceilings(**gflops):
    peaks = tuple(Peak(name, rate, None, "by hand") for name, rate in gflops.items())
    caches = {"l1d": 1 << 15, "l2": 1 << 20, "l3": None}
    copies = (Copy(1 << 15, 200.0), Copy(1 << 20, 100.0), Copy(1 << 26, 25.0))
    return MachinePeaks("a machine", 3, peaks, copies, hardware(caches))


def profile(given):
    """As much of a `LayersBench` as is looked at."""
    layers = [
        SimpleNamespace(name="conv_0", mult_adds=20, gflops=30.0),
        SimpleNamespace(name="pool", mult_adds=0, gflops=0.0),
    ]
    setting = SimpleNamespace(batch=2, precision="fp32")
    network = {"alpha": 0.5, "resolution": 160, "body": "separable"}
    return SimpleNamespace(**network, setting=setting, layers=layers, ceilings=given)


def test_the_books_machine_is_the_one_of_the_results():
    (book,) = RooflineExplorer().machines
    found = read_json(find_data() / "results/bench_machine.json")["results"]
    assert book["whose"] == "book"
    assert book["device"] == found["device"]
    assert book["peaks"] == {peak["precision"]: peak["gflops"] for peak in found["peaks"]}
    peaks = MachinePeaks(
        found["device"],
        found["threads"],
        tuple(
            Peak(p["precision"], p["gflops"], tuple(p["shape"]), p["way"]) for p in found["peaks"]
        ),
        tuple(Copy(copy["size"], copy["gb_per_s"]) for copy in found["copies"]),
        hardware(found["machine"]["caches"]),
    )
    assert list(book["bandwidths"]) == list(peaks.bandwidths)
    assert book["bandwidths"] == pytest.approx(peaks.bandwidths)
    layers = read_json(find_data() / "results/bench_layers.json")["results"]["layers"]
    measured = {layer["name"]: layer["gflops"] for layer in layers if layer["mult_adds"]}
    assert book["measured"]["gflops"] == measured
    assert len(measured) == 28


def test_the_readers_machine_comes_first_as_plain_numbers():
    given = ceilings(fp32=50.0, int8=None)
    explorer = RooflineExplorer(given)
    yours, book = explorer.machines
    assert (yours["whose"], yours["device"], yours["threads"]) == ("yours", "a machine", 3)
    assert yours["peaks"] == {"fp32": 50.0}
    assert yours["bandwidths"] == given.bandwidths
    assert yours["measured"] is None
    assert explorer.roof == (50.0, 25.0)
    explorer.precision = "int8"  # not measured there: the fastest that was
    assert explorer.roof == (50.0, 25.0)
    explorer.machine = "book"
    assert explorer.roof == (book["peaks"]["int8"], book["bandwidths"]["memory"])
    explorer.peak, explorer.bandwidth = 7, 3
    assert explorer.roof == (7.0, 3.0)
    json.dumps(explorer.get_state(["machines", "published"]))


def test_sixteen_bits_are_sixteen_bits():
    yours, _ = RooflineExplorer(ceilings(fp16=90.0, fp32=50.0)).machines
    assert yours["peaks"] == {"fp32": 50.0, "bf16": 90.0}
    with pytest.raises(ValueError, match="a machine are of none of fp32, bf16, int8"):
        RooflineExplorer(ceilings(fp64=1.0))


def test_a_profile_brings_its_ceilings_and_the_layers_that_multiply():
    given = ceilings(fp32=50.0)
    yours, _ = RooflineExplorer(profile=profile(given)).machines
    assert yours["peaks"] == {"fp32": 50.0}
    assert yours["measured"] == {
        "alpha": 0.5,
        "resolution": 160,
        "body": "separable",
        "batch": 2,
        "precision": "fp32",
        "gflops": {"conv_0": 30.0},
    }


def test_published_devices_are_those_of_the_sources():
    published = RooflineExplorer().published
    assert len(published) == len(paper.devices()) + 3 * len(paper.phones())
    assert all(each["source"] for each in published)
    first = paper.devices()[0]
    assert published[0]["device"] == first.device
    assert published[0]["ms"] == first.milliseconds
    assert published[0]["how"] == "XNNPACK, 1 thread"
    phone = next(each for each in published if each["alpha"] == 0.25)
    assert (phone["device"], phone["ms"]) == ("Pixel 3", 3.3)
    assert {each["precision"] for each in published} == {"fp32", "int8"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 0.6}, "alpha must be one of 0.25, 0.5, 0.75, 1; got 0.6"),
        ({"body": "shallow"}, "body must be one of separable, full"),
        ({"batch": 3}, "batch must be one of 1, 2, 4"),
        ({"precision": "fp64"}, "precision must be one of fp32, bf16, int8"),
        ({"peak": 0}, "peak must be a number from 0.1 to 10000000, or None; got 0"),
        ({"layer": "dw_14"}, "layer must be one of conv_0, dw_1, pw_1"),
        ({"shown": ["rumours"]}, "shown must be some of measured layers, published devices"),
        ({"machines": []}, "read-only"),
    ],
)
def test_a_refused_choice_leaves_the_old_one(change, message):
    explorer = RooflineExplorer()
    ((name, value),) = change.items()
    before = getattr(explorer, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


def test_the_still_picture_has_every_layer_on_the_roof(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "roofline", lambda *given: drawn.append(given))
    explorer = RooflineExplorer(peak=100, bandwidth=10, alpha=0.5, batch=4, precision="bf16")
    explorer.still()
    ((points, peak, bandwidths),) = drawn
    assert (peak, bandwidths) == (100.0, {"memory": 10.0})
    assert list(points) == [layer.name for layer in explorer.arch.layers]
    for layer in explorer.arch.layers:
        kind, intensity, speed = points[layer.name]
        assert kind == layer.kind
        assert intensity == layer.intensity(4, NUMBER_BYTES["bf16"])
        assert speed == min(100, 10 * intensity)


def test_repr_says_which_network_and_which_roof():
    explorer = RooflineExplorer(peak=200, bandwidth=30, body="full")
    assert repr(explorer) == (
        "RooflineExplorer(1 MobileNet-224, full body, batch 1, fp32: 200 GFLOP/s, 30 GB/s)"
    )
