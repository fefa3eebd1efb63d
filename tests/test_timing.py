"""The clock: order, warm-up and statistics on times of the test's own, and on real ones."""

import statistics
import time

import pytest
import torch

from mobilenet_lib import TF_SLIM, data, mobilenet_v1, timing
from mobilenet_lib.timing import (
    DTYPES,
    LAYOUTS,
    Timing,
    forward_pass,
    interleave,
    random_images,
    random_network,
    ratio,
    training_step,
)


class Clock:
    """Time that passes only when told to."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

    def task(self, seconds, log, name):
        def run():
            log.append(name)
            self.now += next(seconds)

        return run


def test_tasks_take_turns_and_warm_up_does_not_count(monkeypatch):
    clock, log = Clock(monkeypatch), []
    slow, fast = iter([90, 80, 3.0, 5.0, 4.0]), iter([70, 60, 1.0, 1.0, 2.0])
    tasks = {"slow": clock.task(slow, log, "slow"), "fast": clock.task(fast, log, "fast")}
    seconds = interleave(tasks, readings=3, warm_up=2)
    assert seconds == {"slow": [3, 5, 4], "fast": [1, 1, 2]}
    assert log == ["slow", "fast"] * 5
    with pytest.raises(ValueError, match="readings must be a whole number >= 2, got 1"):
        interleave(tasks, readings=1)


@pytest.mark.parametrize("device", ["mps", "xpu:1"])
def test_an_accelerator_is_waited_for_before_and_after(monkeypatch, device):
    log = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: log.append(str(device)))
    interleave({"a": lambda: log.append("a")}, readings=2, warm_up=1, device=device)
    assert log == [device, "a", device] * 3


def test_a_timing_is_median_quartiles_and_fastest_in_milliseconds():
    timing = Timing.of([0.001, 0.002, 0.003, 0.004, 0.100])
    assert (timing.readings, timing.median_ms, timing.fastest_ms) == (5, 3, 1)
    assert timing.quartiles_ms[0] < 3 < timing.quartiles_ms[1]
    few = Timing.of([0.001, 0.009])  # quartiles stay among the readings
    assert (few.median_ms, few.quartiles_ms) == (5, (3, 7))
    assert "3.00 ms" in str(timing)


def test_short_tasks_are_called_until_a_reading_is_long_enough(monkeypatch):
    """The last round of warm-up sets the calls; what is told is the time of one call."""
    clock, log = Clock(monkeypatch), []
    short, long = iter([9.0] * 2 + [0.25] * 100), iter([9.0, 9.0, 2.0, 2.0, 4.0])
    tasks = {"short": clock.task(short, log, "short"), "long": clock.task(long, log, "long")}
    clock.now = 0.0
    seconds = interleave(tasks, readings=2, warm_up=3, least_s=1.0)
    assert seconds == {"short": [0.25, 0.25], "long": [2.0, 4.0]}
    assert log[6:] == (["short"] * 4 + ["long"]) * 2
    with pytest.raises(ValueError, match="at least one round of warm_up"):
        interleave(tasks, readings=2, warm_up=0, least_s=1.0)


def test_a_long_reading_is_the_fastest_of_its_pieces(monkeypatch):
    """What another program takes from some calls is not told; an accelerator has no pieces."""
    clock = Clock(monkeypatch)
    times = [0.125, *[0.25, 0.125, 0.125, 0.0625] * 4]
    on_cpu = {"a": clock.task(iter(times), [], "a")}
    assert interleave(on_cpu, readings=2, warm_up=1, least_s=1.0) == {"a": [0.0625, 0.0625]}
    clock.now = 0.0
    many = clock.task(iter([0.03125, *[0.0625, 0.03125] * 100]), [], "a")  # 32 calls, 3 in each
    assert interleave({"a": many}, 2, 1, least_s=1.0)["a"] == pytest.approx([0.125 / 3] * 2)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: None)
    clock.now = 0.0
    there = {"a": clock.task(iter(times), [], "a")}
    assert interleave(there, 2, 1, "mps", least_s=1.0) == {"a": [0.140625, 0.140625]}


def test_on_a_gpu_its_own_events_are_read(monkeypatch):
    log = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            log.append(f"event on {stream}")

        def synchronize(self):
            log.append("wait")

        def elapsed_time(self, end):
            assert log[-1] == "wait"
            return 6.0  # milliseconds

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", str)
    seconds = interleave({"a": lambda: log.append("a")}, 2, warm_up=1, device="cuda:1")
    assert seconds == {"a": [0.006, 0.006]}
    assert log == ["event on cuda:1", "a", "event on cuda:1", "wait"] * 3


class Sleeper:
    """A task that sleeps, and knows from another clock for how long it did."""

    def __init__(self, *naps):
        self.naps, self.slept = iter(naps), []

    def __call__(self):
        start = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        time.sleep(next(self.naps))
        self.slept.append(time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - start)


@pytest.mark.skipif(not hasattr(time, "CLOCK_MONOTONIC_RAW"), reason="needs a second clock")
def test_a_known_sleep_is_measured_and_an_outlier_does_not_move_it():
    calm, shaken = Sleeper(*[0.03] * 11), Sleeper(*[0.03] * 5, 0.6, *[0.03] * 5)
    seconds = interleave({"calm": calm, "shaken": shaken}, readings=9, warm_up=2)
    times = {name: Timing.of(taken) for name, taken in seconds.items()}
    for name, task in (("calm", calm), ("shaken", shaken)):
        known = 1e3 * statistics.median(task.slept[2:])
        assert known >= 30
        assert times[name].median_ms == pytest.approx(known, rel=0.02), name
    assert max(seconds["shaken"]) >= 0.6
    mean = statistics.fmean(seconds["shaken"])
    assert mean > 1.5 * statistics.median(seconds["shaken"])  # which a mean would have shown


def test_two_copies_of_one_network_differ_by_less_than_their_spread():
    def copy():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU()).eval()
        images = torch.randn(4, 3, 64, 64)
        return lambda: net(images)

    with torch.inference_mode():
        seconds = interleave({"one": copy(), "other": copy()}, readings=101, least_s=0.002)
    one, other = (Timing.of(taken) for taken in seconds.values())
    spread = max(t.quartiles_ms[1] - t.quartiles_ms[0] for t in (one, other))
    assert abs(one.median_ms - other.median_ms) < spread


def test_a_ratio_is_of_times_side_by_side():
    assert ratio([1.0, 20.0, 3.0], [2.0, 40.0, 4.0]) == 0.5
    with pytest.raises(ValueError, match="argument 2 is longer"):
        ratio([1.0], [1.0, 2.0])


# --- What is put under the clock --------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("precision", DTYPES)
def test_a_random_network_is_its_seeds_and_disturbs_no_random_numbers(layout, precision):
    before = torch.get_rng_state()
    options = {"layout": layout, "precision": precision}
    net, same, other = (
        random_network(mobilenet_v1(0.25, 32, 5), seed, **options) for seed in (3, 3, 4)
    )
    x, again = (random_images(2, 32, 3, **options) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert not net.training
    assert torch.equal(net.pw_2.conv.weight, same.pw_2.conv.weight)
    assert not torch.equal(net.pw_2.conv.weight, other.pw_2.conv.weight)
    assert torch.equal(x, again)
    for tensor in (net.conv_0.conv.weight, x):
        assert tensor.dtype == DTYPES[precision]
        assert tensor.is_contiguous(memory_format=LAYOUTS[layout])
    assert forward_pass(net, x)().shape == (2, 5)
    assert not forward_pass(net, x)().requires_grad


def test_a_step_trains():
    images, labels = next(iter(data.load("glyphs", batch_size=26, resolution=32)))
    arch = TF_SLIM.architecture(26, alpha=0.25, resolution=32)
    net = random_network(arch, convention=TF_SLIM)
    step = training_step(net, torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9))
    losses = [step(images, labels) for _ in range(15)]
    assert net.training
    assert losses[0].item() == pytest.approx(torch.log(torch.tensor(26.0)).item(), abs=0.3)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("seconds", [0.003, 0.07, 0.11, 0.15, 0.25, 0.7])
def test_threads_that_begin_on_one_core_do_not_count(monkeypatch, seconds):
    """Each library is slow for its first 50 ms after another, and spins for 25 ms at its end."""
    now, slow_until, last, rests = [0.0], {"a": 0.0, "b": 0.0}, [""], []

    def task(name):
        if last[0] != name:
            last[0], slow_until[name] = name, now[0] + 0.05
        slow = min(seconds * 2, max(0.0, slow_until[name] - now[0]))  # at half the speed
        now[0] += slow + (seconds - slow / 2)

    monkeypatch.setattr(timing.time, "sleep", rests.append)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    read = interleave({"a": lambda: task("a"), "b": lambda: task("b")}, 3, settle=True)
    for taken in read.values():
        assert taken == pytest.approx([seconds] * 3)
    assert rests == [timing.REST_S] * 12
    start, rounds = now[0], 3
    interleave({"a": lambda: task("a"), "b": lambda: task("b")}, rounds, 1, settle=True)
    assert now[0] - start > rounds * 2 * timing.SETTLED_S / 2


def test_an_accelerator_does_not_rest(monkeypatch):
    def no_rest(seconds):
        assert seconds == 0

    monkeypatch.setattr(timing.time, "sleep", no_rest)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: None)
    clock = Clock(monkeypatch)
    log = []
    tasks = {"a": clock.task(iter([0.03125] * 20), log, "a")}
    assert interleave(tasks, 2, 1, "mps", settle=True) == {"a": [0.03125] * 2}
    assert len(log) == 1 + 2 * 2, "as often as SHORT_S asks for, in one piece"
    with pytest.raises(ValueError, match="at least one round of warm_up"):
        interleave(tasks, 2, 0, "mps", settle=True)
