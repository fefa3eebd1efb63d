"""Results files are read, grouped over seeds and refused by name; the front is brute force's."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripts import ROOT, script

from mobilenet_lib import MobileNet, mobilenet_v1, results

SCRIPTS = sorted(ROOT.glob("data/*/measure_*.py"))
POINTS = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), max_size=12)


def write(folder, alpha, seed, accuracy, resolution=64, body="separable"):
    network = {"alpha": alpha, "resolution": resolution, "body": body}
    content = {
        "recipe": {"network": network, "seed": seed},
        "test_accuracy": accuracy,
        "mult_adds": int(1e6 * alpha),
        "parameters": int(1e5 * alpha),
        "history": [{"loss": 1.0, "accuracy": accuracy}],
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{alpha}_{resolution}_{body}_{seed}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_runs_are_grouped_over_seeds(tmp_path):
    folder = tmp_path / "tiny"
    write(folder, 0.5, 0, 0.5)
    write(folder, 0.5, 1, 0.7)
    write(folder, 1.0, 0, 0.8)
    write(folder, 0.5, 0, 0.4, resolution=46)
    wide, narrow, small = results.measured("tiny", tmp_path)
    assert (wide.alpha, wide.accuracies, wide.spread) == (1.0, (80.0,), 0.0)
    assert narrow.accuracies == (50.0, 70.0)
    assert narrow.accuracy == pytest.approx(60)
    assert narrow.spread == pytest.approx(10 * 2**0.5)  # of two values: their distance over root 2
    assert (small.resolution, small.mult_adds, small.parameters) == (46, 500_000, 50_000)
    assert [run.seed for run in results.runs("tiny", tmp_path)] == [0, 0, 1, 0]
    write(folder, 1.0, 0, 0.9, body="full")
    bodies = [(n.body, n.alpha) for n in results.measured("tiny", tmp_path)]
    assert bodies == [("full", 1.0), ("separable", 1.0), ("separable", 0.5), ("separable", 0.5)]


def test_seeds_of_different_recipes_have_no_mean(tmp_path):
    write(tmp_path / "tiny", 0.5, 0, 0.5)
    path = write(tmp_path / "tiny", 0.5, 1, 0.7)
    content = json.loads(path.read_text("utf-8"))
    content["recipe"]["schedule"] = {"epochs": 6}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(results.ResultsError, match=r"seeds 0 and 1 of alpha 0\.5 at 64 pixels"):
        results.measured("tiny", tmp_path)


def test_what_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(results.ResultsError, match="mobilenet sweep --name tiny"):
        results.runs("tiny", tmp_path)
    path = write(tmp_path / "tiny", 1.0, 0, 0.5)
    for broken in ("{", "[]", '{"recipe": {}}'):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(results.ResultsError, match=path.name):
            results.runs("tiny", tmp_path)


def beaten(i, points):
    (cost, accuracy), others = points[i], [*enumerate(points)]
    return any(
        c <= cost and a >= accuracy and ((c, a) != (cost, accuracy) or j < i)
        for j, (c, a) in others
        if j != i
    )


@given(POINTS)
def test_pareto_is_what_nothing_beats(points):
    costs, accuracies = [c for c, _ in points], [a for _, a in points]
    front = results.pareto(costs, accuracies)
    assert sorted(front) == [i for i in range(len(points)) if not beaten(i, points)]
    assert [costs[i] for i in front] == sorted(costs[i] for i in front)


@given(POINTS, st.integers(0, 9))
def test_the_best_within_a_budget(points, budget):
    costs, accuracies = [c for c, _ in points], [a for _, a in points]
    best = results.best_within(budget, costs, accuracies)
    affordable = [(a, -c, -i) for i, (c, a) in enumerate(points) if c <= budget]
    assert best == (-max(affordable)[2] if affordable else None)


def test_a_recorded_benchmark_is_read_back_and_another_file_is_refused(tmp_path):
    good = {"benchmark": "bench_x", "results": {"ms": 1.5}, "provenance": {"date": "2026-01-01"}}
    path = tmp_path / "bench_x.json"
    path.write_text(json.dumps(good))
    assert results.recorded("bench_x", tmp_path) == good
    for spoiled in (
        {**good, "benchmark": "bench_y"},
        {**good, "results": [1]},
        {k: v for k, v in good.items() if k != "provenance"},
        [],
    ):
        path.write_text(json.dumps(spoiled))
        with pytest.raises(results.ResultsError, match=r"bench_x\.json is no results file"):
            results.recorded("bench_x", tmp_path)
    with pytest.raises(results.ResultsError, match="bench_z"):
        results.recorded("bench_z", tmp_path)
    assert results.recorded("bench_train")["results"]["alpha"] == 1.0  # the book's own


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_commands_behind_the_results_still_load(path):
    """No test runs them whole, and what they import may have moved."""
    assert callable(script(path.relative_to(ROOT).as_posix()).main)


def test_prior_work_is_compared_at_equal_bytes_and_what_is_pruned_stays_so():
    wide, *small = results.recorded("prior_work")["results"]["rows"]
    assert wide["bytes"] / 4 == wide["parameters"]
    assert all(0.99 < row["bytes"] / small[0]["bytes"] <= 1.01 for row in small)
    net = MobileNet(mobilenet_v1(0.5, 32, 26))
    prior = script("data/checkpoints/measure_prior_work.py")
    keep = prior.share_to_keep(net.arch, prior.dense_bytes(mobilenet_v1(0.25, 32, 26)))
    prior.prune(net, keep)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    net(torch.randn(4, 3, 32, 32)).square().sum().backward()
    torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=0.1).step()
    for name, now in net.named_parameters():
        if name.startswith("pw") and name.endswith("conv.weight"):
            held = before[name] == 0
            assert held.double().mean() == pytest.approx(1 - keep, abs=1e-3)
            assert torch.equal(now == 0, held)
