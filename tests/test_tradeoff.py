"""The trade-off explorer from Python's side: what it draws, its state, and what it refuses."""

import json

import numpy as np
import pytest
import traitlets

from mobilenet_lib import mobilenet_v1, paper, results
from mobilenet_lib.explorers import TradeoffExplorer
from mobilenet_lib.explorers.tradeoff import ALPHAS, LETTERS, RESOLUTIONS
from mobilenet_lib.results import Measured


def network(alpha=0.5, resolution=40, accuracies=(90.0, 92.0), body="separable"):
    arch = mobilenet_v1(alpha, resolution, num_classes=26)
    return Measured(alpha, resolution, body, accuracies, arch.mult_adds, arch.parameters)


def record(explorer, source, alpha, resolution):
    (found,) = [
        r for r in explorer.sources[source] if (r["alpha"], r["resolution"]) == (alpha, resolution)
    ]
    return found


def write(folder, seed, share, body="separable", **recipe):
    """A file as a sweep leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = {"alpha": 0.5, "resolution": 40, "body": body}
    content = {
        "recipe": {"network": shape, "seed": seed, **recipe},
        "test_accuracy": share,
        "mult_adds": 7_503_552,
        "parameters": 827_226,
        "history": [],
    }
    (folder / f"{body}-{seed}.json").write_text(json.dumps(content), encoding="utf-8")


def test_the_published_sixteen_are_the_papers_and_tf_slims():
    explorer = TradeoffExplorer([])
    for source, field in (("the paper", "paper_top1"), ("tf-slim", "slim2018_top1")):
        drawn = {(r["alpha"], r["resolution"]): r for r in explorer.sources[source]}
        assert list(drawn) == [(a, r) for a in ALPHAS for r in RESOLUTIONS]
        for model in paper.models():
            own = drawn[model.alpha, model.resolution]
            arch = mobilenet_v1(model.alpha, model.resolution)
            assert own["accuracy"] == getattr(model, field)
            assert (own["mult_adds"], own["parameters"]) == (arch.mult_adds, arch.parameters)
    printed = [r for r in explorer.sources["the paper"] if r["accuracy"] is not None]
    assert len(printed) == 8
    assert record(explorer, "the paper", 0.5, 160)["accuracy"] == 60.2  # Table 9


def test_both_data_sets_have_the_ratios_7_6_5_4():
    for pixels, largest in ((RESOLUTIONS, 224), (LETTERS, 56)):
        assert [round(largest * r / 7) for r in (7, 6, 5, 4)] == list(pixels)


def test_seeds_must_have_learned_by_the_same_recipe_however_it_was_computed(tmp_path):
    write(tmp_path / "grid", 0, 0.90, schedule={"epochs": 3}, speed={"plan": "auto"})
    write(tmp_path / "grid", 1, 0.93, schedule={"epochs": 3}, speed={"plan": "fp32-gemm"})
    (both,) = results.measured("grid", tmp_path)
    assert both.accuracies == (90.0, 93.0)
    for other in ({"schedule": {"epochs": 9}}, {"speed": {"plan": "auto", "accumulate": True}}):
        write(tmp_path / "grid", 2, 0.95, **({"schedule": {"epochs": 3}} | other))
        with pytest.raises(results.ResultsError, match=r"seeds 0 and 2 .* different recipes"):
            results.measured("grid", tmp_path)


def test_the_books_own_grid_is_read_from_the_results(tmp_path, monkeypatch):
    write(tmp_path / "results" / "grid", 0, 0.90)
    write(tmp_path / "results" / "grid", 1, 0.93)
    write(tmp_path / "results" / "grid", 0, 0.10, body="full")
    monkeypatch.setattr(results, "find_data", lambda: tmp_path)
    explorer = TradeoffExplorer()
    assert len(explorer.sources["letters"]) == 16
    own = record(explorer, "letters", 0.5, 40)
    assert own == {
        "alpha": 0.5,
        "resolution": 40,
        "accuracy": pytest.approx(91.5),
        "spread": pytest.approx(3 / 2**0.5),
        "seeds": 2,
        "mult_adds": 7_503_552,
        "parameters": 827_226,
        "latency": None,
    }
    other = record(explorer, "letters", 1.0, 56)
    assert (other["accuracy"], other["mult_adds"], other["seeds"]) == (None, None, 0)
    monkeypatch.setattr(results, "find_data", lambda: tmp_path / "elsewhere")
    with pytest.raises(results.ResultsError, match="mobilenet sweep --name grid"):
        TradeoffExplorer()


def test_latency_goes_to_the_network_it_was_measured_on():
    explorer = TradeoffExplorer([network()], {(0.5, 160): 3.5, (np.float64(0.5), np.int64(40)): 1})
    assert record(explorer, "the paper", 0.5, 160)["latency"] == 3.5
    assert record(explorer, "tf-slim", 0.5, 160)["latency"] == 3.5
    assert record(explorer, "letters", 0.5, 40)["latency"] == 1.0
    times = [r["latency"] for records in explorer.sources.values() for r in records]
    assert times.count(None) == 45
    json.dumps(explorer.get_state(["sources"]))  # plain numbers: the browser gets JSON


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TradeoffExplorer([network(alpha=0.6)]), "alpha=0.6, .*: alpha must be one of 1, "),
        (lambda: TradeoffExplorer([network(resolution=44)]), "resolution one of 56, 48, 40, 32"),
        (lambda: TradeoffExplorer([network(), network()]), "resolution=40 comes twice"),
        (lambda: TradeoffExplorer([], {(0.5, 100): 1}), r"latency of \(0.5, 100\): a network is"),
        (lambda: TradeoffExplorer([], {0.5: 1}), r"latency of 0.5: a network is \(alpha"),
        (lambda: TradeoffExplorer([], {(1, 224): 0}), r"latency of \(1, 224\) must be .* got 0"),
        (lambda: TradeoffExplorer([], {(1, 224): float("nan")}), "above 0, got nan"),
    ],
)
def test_data_that_is_none_of_the_sixteen_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_latency_must_be_a_number():
    with pytest.raises(TypeError, match="must be a number above 0, got '8 ms'"):
        TradeoffExplorer([], {(1, 224): "8 ms"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 0.3}, "alpha must be one of 0.25, 0.5, 0.75, 1; got 0.3"),
        ({"resolution": 40}, "resolution must be one of 128, 160, 192, 224; got 40"),
        ({"axis": "size"}, "axis must be one of mult-adds, parameters, latency; got 'size'"),
        ({"axis": "latency"}, "no latency was given; make the explorer with latency="),
        (
            {"budget": -1.0},
            "budget must be a number from 1e-06 to 1000000000000, or None; got -1.0",
        ),
        ({"budget": float("inf")}, "or None; got inf"),
        ({"budget": "8 ms"}, "'8 ms'"),
        ({"shown": ["letter"]}, "shown must be some of the paper, tf-slim, letters, front; got"),
        ({"sources": {}}, "read-only"),
    ],
)
def test_a_refused_choice_leaves_the_old_one(change, message):
    explorer = TradeoffExplorer([])
    ((name, value),) = change.items()
    before = getattr(explorer, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
    if name in ("alpha", "resolution", "axis", "budget"):
        with pytest.raises(traitlets.TraitError, match=message):
            TradeoffExplorer([], **change)


def test_a_budget_belongs_to_its_axis():
    explorer = TradeoffExplorer([], {(1, 224): 12.0}, axis="latency", budget=8)
    assert (explorer.axis, explorer.budget) == ("latency", 8.0)
    explorer.axis = "mult-adds"
    assert explorer.budget is None
    explorer.budget = 1e8
    explorer.alpha = 0.25
    assert explorer.budget == 1e8
    # A line, or one message from the browser, may carry both.
    explorer.state = "v1&axis=parameters&budget=2000000"
    assert (explorer.axis, explorer.budget) == ("parameters", 2e6)
    explorer.set_state({"axis": "mult-adds", "budget": 1e8})
    assert (explorer.axis, explorer.budget) == ("mult-adds", 1e8)
    explorer.state = "v1&axis=parameters&budget=100000000"  # the same number, another unit
    assert (explorer.axis, explorer.budget) == ("parameters", 1e8)
    explorer.axis = "mult-adds"
    explorer.set_state({"axis": "parameters", "budget": None})
    assert (explorer.axis, explorer.budget) == ("parameters", None)


def test_shown_keeps_one_order_without_doubles():
    explorer = TradeoffExplorer([])
    assert explorer.shown == ["the paper", "tf-slim", "letters", "front"]
    explorer.shown = ["front", "letters", "letters"]
    assert explorer.shown == ["letters", "front"]
    explorer.shown = []
    assert explorer.shown == []


def test_repr_says_what_is_chosen():
    explorer = TradeoffExplorer([], alpha=0.5, resolution=160)
    assert repr(explorer) == "TradeoffExplorer(alpha=0.5, resolution=160, axis='mult-adds')"
    explorer.budget = 1e8
    assert repr(explorer).endswith("axis='mult-adds', budget=1e+08)")
