"""Measuring: order, warm-up and statistics on a clock of the test's own, and what is printed."""

import inspect
import json
import pkgutil

import pytest
import torch

from mobilenet_lib import bench, cli, files
from mobilenet_lib.bench import latency
from mobilenet_lib.bench.latency import latencies, throughput
from mobilenet_lib.cli.bench import MEASUREMENTS, Timed
from mobilenet_lib.model import MobileNet
from mobilenet_lib.timing import Timing


@pytest.mark.slow
def test_the_share_is_that_of_the_step_beside_it(monkeypatch):
    monkeypatch.setattr(
        bench,
        "interleave",
        lambda tasks, readings, device: {
            "compose": [0.010, 0.020, 0.100],
            "step": [0.100, 0.100, 1.000],
        },
    )
    result = bench.bench_data(alpha=0.25, resolution=32, batch_size=40)
    assert result.share == 0.1
    assert result.images_per_second == 2000
    assert "2,000 images/s, 10.0% of a step, below 15%" in str(result)


@pytest.fixture
def measured(monkeypatch):
    """A result with a share that the test chooses, so that no test waits for a clock."""

    def set_share(share):
        timing = Timing(15, 10.0, (9.0, 11.0), 9.0)
        result = bench.DataBench(0.5, 64, 128, "cpu", 2, timing, timing, 12_800.0, share)
        monkeypatch.setattr(bench, "bench_data", lambda **options: result)

    return set_share


def test_bench_data_prints_and_fails_over_the_limit(measured, capsys):
    measured(0.08)
    assert cli.main(["bench", "data"]) == 0
    text = capsys.readouterr().out
    assert "12,800 images/s, 8.0% of a step, below 15%" in text
    measured(0.2)
    assert cli.main(["bench", "data", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["share"] == 0.2
    assert cli.main(["bench", "data", "--device", "cuda"]) == 0
    assert "OVER 15%" in capsys.readouterr().out


def test_bench_data_runs_for_real(capsys):
    options = ["--alpha", "0.25", "--resolution", "32", "--batch-size", "16", "--readings", "2"]
    assert cli.main(["bench", "data", "--json", *options]) in (0, 1)
    result = json.loads(capsys.readouterr().out)
    assert (result["alpha"], result["resolution"], result["batch_size"]) == (0.25, 32, 16)
    assert result["compose"]["readings"] == result["step"]["readings"] == 2
    assert result["images_per_second"] > 0


def test_record_writes_the_provenance(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(files, "find_data", lambda: tmp_path)
    measured(0.08)
    assert cli.main(["bench", "data", "--record"]) == 0
    content = json.loads((tmp_path / "results" / "bench_data.json").read_text("utf-8"))
    assert content["benchmark"] == "bench_data"
    assert content["results"]["share"] == 0.08
    assert content["provenance"]["seed"] == 0
    assert {"torch", "numpy", "python"} <= set(content["provenance"]["versions"])


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
@pytest.mark.parametrize("what", [k for k, v in MEASUREMENTS.items() if issubclass(v, Timed)])
def test_bench_on_a_device_that_is_not_there_is_one_line(capsys, what, device):
    assert cli.main(["bench", what, "--device", device]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mobilenet: error: device must be one that torch can use here, cpu")
    assert repr(device) in line


def test_options_start_from_the_defaults_of_the_library(monkeypatch):
    """A default stands in --help and in the function, for notebooks; the two agree."""

    class Asked(Exception):
        pass

    def ask(**options):
        raise Asked(options)

    for what, measurement in MEASUREMENTS.items():
        defaults = inspect.signature(pkgutil.resolve_name(measurement.function)).parameters
        monkeypatch.setattr(measurement.function.replace(":", "."), ask)
        with pytest.raises(Asked) as caught:
            measurement().measure()
        (options,) = caught.value.args
        options.pop("progress", None)
        assert options == {option: defaults[option].default for option in options}, what


def test_latencies_are_of_the_networks_that_are_named():
    """Which network ran is seen in what it was asked to compute, not in a time."""
    seen, modes, forward = [], set(), MobileNet.forward

    def spy(self, x):
        seen.append((self.arch.alpha, tuple(x.shape)))
        layout = x.is_contiguous(memory_format=torch.channels_last)
        modes.add((self.training, layout, torch.is_inference_mode_enabled()))
        return forward(self, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MobileNet, "forward", spy)
        before = torch.get_rng_state()
        found = latencies([(0.25, 32), (0.5, 40)], readings=2)
    assert modes == {(False, True, True)}
    assert set(seen) == {(0.25, (1, 3, 32, 32)), (0.5, (1, 3, 40, 40))}
    assert seen[:2] == [(0.25, (1, 3, 32, 32)), (0.5, (1, 3, 40, 40))]  # in turn
    assert list(found) == [(0.25, 32), (0.5, 40)]
    assert all(timing.readings == 2 for timing in found.values())
    assert torch.equal(before, torch.get_rng_state())


def test_latencies_refuse_a_network_that_is_named_twice():
    with pytest.raises(ValueError, match="named once"):
        latencies([(0.25, 32), (0.25, 32)])


def test_throughput_is_images_over_time_for_each_batch_and_number_of_threads(monkeypatch):
    seen, forward = [], MobileNet.forward

    def spy(self, x):
        seen.append((torch.get_num_threads(), len(x)))
        return forward(self, x)

    def fake(tasks, readings, device):
        for task in tasks.values():
            task()
        return {(count, size): [0.5 * size / count] * 3 for count, size in tasks}

    monkeypatch.setattr(MobileNet, "forward", spy)
    monkeypatch.setattr(latency, "interleave", fake)
    before = torch.get_num_threads()
    rates = throughput(0.25, 32, batches=(1, 4), thread_counts=(1, 2))
    assert rates == {(1, 1): 2, (1, 4): 2, (2, 1): 4, (2, 4): 4}
    assert sorted(seen) == [(1, 1), (1, 4), (2, 1), (2, 4)]
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="batch size must be a whole number >= 1, got 0"):
        throughput(0.25, 32, batches=(0,))
