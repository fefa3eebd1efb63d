"""Profiles, ceilings, the roofline and sparse products, against numbers worked by hand.

No test waits for a clock: times are the test's own, or only their presence is looked at.
"""

import copy
import json
import math
from dataclasses import asdict, replace
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch

from mobilenet_lib import cli, mobilenet_v1, timing
from mobilenet_lib.bench import (
    gemm,
    hardware,
    layer_timer,
    layers,
    paper_models,
    peaks,
    shapes,
    sparse,
)
from mobilenet_lib.bench.layer_timer import LayerTimer, Setting
from mobilenet_lib.bench.peaks import Copy, MachinePeaks, Peak
from mobilenet_lib.bench.roofline import (
    Calibration,
    Work,
    calibrate,
    pieces,
    predict,
    predict_work,
)
from mobilenet_lib.machine import Caches
from mobilenet_lib.process import threads
from mobilenet_lib.timing import Timing

MIB = 1024**2
TOLD = replace(hardware.describe_hardware(), caches=Caches(16 * 1024, MIB))
CPU = TOLD.device


def limits():
    """100 GFLOP/s; 100 GB/s up to 1 MiB, 10 GB/s at 4 MiB and beyond."""
    copies = (Copy(64 * 1024, 100.0), Copy(MIB, 100.0), Copy(4 * MIB, 10.0))
    peaks = (Peak("fp32", 100.0, (8, 8, 8), "torch.mm"), Peak("int8", None, None, "no engine"))
    return MachinePeaks(CPU, 1, peaks, copies, TOLD)


# --- Ceilings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device": "another processor"}, "the ceilings are of another processor, the network"),
        ({"threads": 2}, "measured with 2 threads, the network runs with 1"),
    ],
)
def test_ceilings_of_another_device_or_other_threads_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        layers.bench_layers(0.125, 32, readings=2, threads=1, ceilings=replace(limits(), **changes))


def test_bandwidth_is_read_off_the_curve():
    found = limits()
    assert found.bandwidth(1000) == 100e9  # before the curve
    assert found.bandwidth(MIB) == pytest.approx(100e9)
    assert found.bandwidth(2 * MIB) == pytest.approx(math.sqrt(100e9 * 10e9))  # midway, on logs
    assert found.bandwidth(4 * MIB) == pytest.approx(10e9)
    assert found.bandwidth(99 * MIB) == 10e9


def test_peaks_are_told_where_they_were_measured():
    assert limits().bandwidths == pytest.approx({"L2": 100.0, "memory": 10.0})
    with pytest.raises(ValueError, match="int8 was not measured on this machine: no engine"):
        limits().peak("int8")
    with pytest.raises(ValueError, match="precision must be one of fp32, int8; got 'bf16'"):
        limits().peak("bf16")


def test_ceilings_print_what_was_measured_and_what_was_not():
    lines = str(limits()).splitlines()
    assert lines[0] == f"Ceilings of {CPU}, 1 threads"
    assert lines[1].split() == ["fp32", "100.0", "GFLOP/s", "8x8x8,", "torch.mm"]
    noisy = replace(limits(), peaks=(Peak("fp32", 100.0, (8, 8, 8), "torch.mm", 80.0),))
    assert "100.0 GFLOP/s (readings from 80.0)  8x8x8, torch.mm" in str(noisy)
    assert lines[2] == "int8  not measured: no engine"
    assert lines[-1].split() == ["copy", "4", "MiB", "10.0", "GB/s"]


def test_a_gpus_cache_is_its_own():
    for size, told in ((50 * MIB, {"L2": 50 * MIB}), (None, {})):
        assert hardware.caches(replace(TOLD, gpu=SimpleNamespace(l2_bytes=size))) == told
    assert hardware.caches(TOLD) == {"L1": 16 * 1024, "L2": MIB}


def test_the_best_of_all_shapes_and_ways_is_the_peak(monkeypatch):
    """Rates worked by hand; a way that is far behind at first is not tried again."""
    made = {
        ((2, 3, 5), "slow"): [1.0, 1.0],
        ((2, 3, 5), "good"): [3e-9, 2e-9],
        ((2, 3, 5), "near"): [4e-9, 4e-9],
        ((4, 4, 4), "good"): [4e-9, 3e-9],
        ((4, 4, 4), "near"): [8e-9, 2e-9],
        ((4, 4, 4), "slow"): [1e-12, 1e-12],
    }

    def gemm_tasks(precision, shape, device, seed):
        return {way: (shape, way) for (own, way) in made if own == shape}, ""

    def interleave(tasks, readings, *rest):
        return {key: made[task] for key, task in tasks.items()}

    monkeypatch.setattr(peaks, "gemm_tasks", gemm_tasks)
    monkeypatch.setattr(peaks, "interleave", interleave)
    tasks, _ = peaks._products("fp32", [(2, 3, 5), (4, 4, 4)], "cpu", 0)
    assert set(tasks) == {(shape, way) for shape, way in made if way != "slow"}
    seconds = {("fp32", *key): made[key] for key in tasks} | {("bf16", (9, 9, 9), "mm"): [1e-15]}
    peak = peaks._peak("fp32", "", seconds)
    # 2 · 4³ operations in 2 ns, and once in 8: the fastest reading counts, the slowest is told.
    assert peak == Peak("fp32", 64.0, (4, 4, 4), "near", 16.0)
    assert set(peaks.ceiling_tasks(peak, "cpu", 0)) >= {"near"}
    assert peaks.ceiling_tasks(Peak("int8", None, None, "no engine"), "cpu", 0) == {}


def test_on_a_gpu_a_way_that_is_slow_to_call_is_tried_on_large_products(monkeypatch):
    """An H100's: a convolution in TF32 takes longer to call, and multiplies five times as fast."""
    ways = {"mm": (10e-6, 52e12), "conv": (30e-6, 283e12)}  # seconds of a call, and per second

    def time(tasks, *rest):
        return {
            key: [ways[way][0] + 2 * math.prod(shape) / ways[way][1]] * 2
            for key, (shape, way) in tasks.items()
        }

    monkeypatch.setattr(
        peaks, "gemm_tasks", lambda _, shape, *__: ({w: (shape, w) for w in ways}, "")
    )
    monkeypatch.setattr(peaks, "interleave", time)
    tasks, _ = peaks._products("fp32", gemm.GPU_SHAPES, "cuda", 0)
    peak = peaks._peak("fp32", "", {("fp32", *key): s for key, s in time(tasks).items()})
    assert (peak.way, peak.shape) == ("conv", (8192, 8192, 8192))


def test_a_copys_time_is_without_its_call():
    taken = {8: [3e-6, 1e-6], 1000: [1.1e-6] * 2, 4000: [5e-6, 3e-6], 40_000: [21e-6] * 2}
    tasks = peaks._copies([1000, 4000, 40_000], "cpu")
    for (_, size), task in tasks.items():  # source and target together are so large
        copied = task()
        assert 2 * copied.nbytes == size
        assert copied.all()
    found = peaks._rates([1000, 4000, 40_000], {key: taken[key[1]] for key in tasks})
    assert found == (Copy(4000, 2.0, 1.0), Copy(40_000, 2.0, 2.0))  # 1000 bytes: within the call
    hidden = {("copy", 8): [1e-6] * 2, ("copy", 1000): [1e-6] * 2}
    assert peaks._rates([1000], hidden) == (Copy(1000, 1.0, 1.0),)


def test_products_of_other_libraries_are_among_them_with_as_many_threads(monkeypatch):
    """The ceiling is the best of what is at hand, not of one library."""
    if not find_spec("openvino"):  # imported by the library only, which keeps it from reporting
        pytest.skip("openvino is not installed")
    pool = pytest.importorskip("threadpoolctl")
    seen, compiled = [], []
    limit, compile_model = pool.ThreadpoolController.limit, gemm.compile_model
    monkeypatch.setattr(
        pool.ThreadpoolController,
        "limit",
        lambda self, **options: seen.append(options) or limit(self, **options),
    )
    monkeypatch.setattr(
        gemm, "compile_model", lambda *args: compiled.append(args[1:]) or compile_model(*args)
    )
    with threads(1):
        ways, said = gemm.gemm_tasks("fp32", (32, 24, 16), "cpu", 1)
        assert {"NumPy", "OpenVINO", "1x1 convolution", "torch.mm"} <= set(ways), said
        assert "OpenVINO" in gemm.gemm_tasks("bf16", (32, 24, 16), "cpu", 1)[0]
    assert seen[0] == {"limits": 1}
    assert compiled == [("fp32", 1), ("bf16", 1)]


@pytest.mark.parametrize("precision", gemm.PRECISIONS)
def test_products_are_right_before_they_are_timed(precision):
    """What is handed out multiplies the seed's matrices; a wrong product is not handed out."""
    ways, said = gemm.gemm_tasks(precision, (32, 24, 16), "cpu", 1)
    if not ways:
        assert said
        return
    answers = [way().double() for way in ways.values()]
    for answer in answers:
        assert answer.shape == (32, 16)
        off = (answer - answers[0]).abs().max() / answers[0].abs().max()
        assert off <= 2 * gemm.tolerance(precision, "cpu")
    if precision == "int8":
        generator = torch.Generator().manual_seed(1)
        left = torch.randint(0, 128, (32, 24), generator=generator, dtype=torch.uint8)
        right = torch.randint(-64, 64, (16, 24), generator=generator, dtype=torch.int8)
        assert torch.equal(answers[0], left.double() @ right.double().T)


def test_onednn_is_left_to_the_cpu():
    with pytest.raises(NotImplementedError, match="computes on the CPU only"):
        gemm._onednn(torch.ones(2, 2, device="meta"), torch.ones(2, 2, device="meta"))


def test_a_wrong_or_missing_product_is_told(monkeypatch):
    def broken(left, right):
        raise RuntimeError("didn't find engine\nat line 3")

    def mute(left, right):
        raise NotImplementedError

    monkeypatch.setattr(gemm, "_mm", lambda left, right: lambda: left @ right.T + 1)
    monkeypatch.setattr(gemm, "_linear", broken)
    ways, said = gemm.gemm_tasks("fp32", (16, 16, 16), "cpu", 0)
    assert "1x1 convolution" in ways
    assert not {"torch.mm", "torch linear"} & set(ways)
    assert "torch.mm is off by" in said
    assert "torch linear: didn't find engine" in said
    monkeypatch.setattr(gemm, "_int_mm", broken)
    monkeypatch.setattr(gemm, "_onednn", mute)
    _, reason = peaks._products("int8", [(16, 16, 16)], "cpu", 0)
    peak = peaks._peak("int8", reason, {})
    assert (peak.gflops, peak.shape) == (None, None)
    assert "torch._int_mm: didn't find engine; oneDNN's" in peak.way
    assert peak.way.endswith(" linear: NotImplementedError")


def test_a_product_that_a_gpu_rounds_to_tf32_is_named_so(monkeypatch):
    def rounded(left, right):
        drop = torch.tensor(-(2**13), dtype=torch.int32)  # 13 of the fraction's 23 bits
        left, right = ((x.view(torch.int32) & drop).view(torch.float32) for x in (left, right))
        return lambda: left @ right.T

    monkeypatch.setattr(gemm, "_pointwise", rounded)
    monkeypatch.setattr(gemm, "tolerance", lambda precision, device: gemm.TF32_TOLERANCE)  # a GPU's
    ways, said = gemm.gemm_tasks("fp32", (64, 512, 64), "cpu", 0)
    assert list(ways)[:3] == ["torch.mm", "torch linear", "1x1 convolution in TF32"]
    assert "off by" not in said
    monkeypatch.undo()
    monkeypatch.setattr(gemm, "_pointwise", rounded)
    assert "1x1 convolution is off by" in gemm.gemm_tasks("fp32", (64, 512, 64), "cpu", 0)[1]


def test_ceilings_are_measured_for_real_and_are_plain_data():
    found = peaks.bench_peaks(
        ("fp32",), readings=2, threads=1, shapes=[(16, 16, 16)], largest=2**18
    )
    assert found.threads == 1
    assert found.peak() > 0
    assert found.copies[-1].size <= 2**18
    assert json.loads(json.dumps(asdict(found)))["machine"]["torch"]["threads"] == 1
    with pytest.raises(ValueError, match="precision must be one of fp32, fp16, bf16, int8"):
        peaks.bench_peaks(("fp64",))


def test_hardware_tells_of_torch():
    told = hardware.describe_hardware("cpu")
    assert told.torch.version == torch.__version__
    assert told.gpu is None
    assert told.device == told.processor


# --- The roofline -------------------------------------------------------------------------------


def test_work_is_that_of_the_paper_by_hand():
    """Table 1 at alpha 1, 224 pixels, batch 2: bytes are input, weights and output, once each."""
    works = {work.name: work for work in pieces(mobilenet_v1(), 2)}
    assert list(works)[-2:] == ["pool", "fc"]
    assert len(works) == 29
    pw = works["pw_8"]
    assert pw.mult_adds == 2 * 512 * 512 * 14 * 14
    assert pw.bytes == 4 * (2 * 2 * 14 * 14 * 512 + 512 * 512)
    dw = works["dw_2"]  # stride 2: 112 pixels in, 56 out
    assert dw.mult_adds == 2 * 9 * 64 * 56 * 56
    assert dw.bytes == 4 * (2 * 64 * (112**2 + 56**2) + 9 * 64)
    assert works["pool"].mult_adds == 0
    assert works["pool"].bytes == 4 * 2 * 1024 * (49 + 1)
    assert works["fc"].bytes == 4 * (2 * 1024 + 2 * 1000 + 1024 * 1000)
    assert sum(work.mult_adds for work in works.values()) == 2 * 568_740_352
    assert pieces(mobilenet_v1(), 2, "bf16")[0].bytes * 2 == works["conv_0"].bytes


def test_a_layer_takes_the_longer_of_the_two_and_its_overhead():
    small, wide = Work("a", "pointwise", 10**6, 1000), Work("b", "depthwise", 10**6, 40 * 10**6)
    told = predict_work(small, limits())
    assert (told.compute_s, told.memory_s) == (pytest.approx(2e-5), pytest.approx(1e-8))
    assert (told.seconds, told.bound) == (pytest.approx(2e-5), "compute")
    told = predict_work(wide, limits())
    assert (told.seconds, told.bound) == (pytest.approx(4e-3), "memory")
    calls = Calibration({"pointwise": 1e-3}, {"pointwise": 0.5, "depthwise": 0.25})
    told = predict_work(small, limits(), calls)
    assert (told.seconds, told.bound) == (pytest.approx(1e-3 + 4e-5), "overhead")
    assert predict_work(wide, limits(), calls).seconds == pytest.approx(16e-3)


def test_a_network_is_the_sum_of_its_pieces():
    arch = mobilenet_v1(0.25, 32)
    calls = Calibration({"depthwise": 1e-3, "pool": 2e-3}, {})
    bare, called = predict(arch, 3, limits()), predict(arch, 3, limits(), calls)
    by_hand = sum(
        max(2 * work.mult_adds / 100e9, work.bytes / limits().bandwidth(work.bytes))
        for work in pieces(arch, 3)
    )
    assert bare.seconds == pytest.approx(by_hand)
    assert called.seconds == pytest.approx(by_hand + 13e-3 + 2e-3)
    assert called.ms == 1e3 * called.seconds
    assert called.bound == "overhead"


def test_calibration_finds_the_efficiencies_that_made_the_times():
    arch = mobilenet_v1(0.5, 64)
    true = Calibration(
        {"standard": 3e-6, "depthwise": 2e-6, "pointwise": 1e-6, "pool": 1e-6, "fc": 5e-6},
        {"standard": 0.4, "depthwise": 0.1, "pointwise": 0.8, "pool": 0.05, "fc": 0.5},
    )
    times = [(work, predict_work(work, limits(), true).seconds) for work in pieces(arch)]
    found = calibrate(times, true.overhead_s, limits())
    assert found.efficiency == pytest.approx(true.efficiency, rel=1e-6)
    assert predict(mobilenet_v1(0.25, 32), 1, limits(), found).seconds == pytest.approx(
        predict(mobilenet_v1(0.25, 32), 1, limits(), true).seconds
    )


def test_a_kind_that_is_all_calls_gives_no_wild_efficiency():
    work = Work("fc", "fc", 100, 1000)
    assert calibrate([(work, 1e-5)], {"fc": 1e-5}, limits()).efficiency == {"fc": 2.0}
    assert calibrate([(work, 5.0)], {}, limits()).efficiency == {"fc": 1e-3}


# --- Marks --------------------------------------------------------------------------------------


def test_each_step_gets_the_time_between_its_marks(monkeypatch):
    # What passes between passes belongs to none.
    told = iter([0.0, 9.0, 18.0, 100.0, 101.0, 106.0, 200.0, 202.0, 209.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(told))
    marked = LayerTimer([("a", lambda x: x + 1), ("b", lambda x: 3 * x)], torch.zeros(1))
    for _ in range(3):
        assert marked().item() == 3  # a step gets what its predecessor gave
    assert marked.seconds(skip=1) == {"a": [1, 2], "b": [5, 7]}


def test_another_accelerator_is_waited_for_at_each_mark(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: waited.append(str(device)))
    LayerTimer([("a", lambda x: x)], torch.zeros(1), "mps")()
    assert waited == ["mps"] * 2


def test_the_network_is_built_as_the_setting_says():
    setting = Setting(2)
    net = layer_timer.build(mobilenet_v1(0.25, 32), setting)
    x = layer_timer.images(32, setting)
    assert x.shape == (2, 3, 32, 32)
    assert x.count_nonzero() == x.numel()
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert not [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert net.pw_2.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert [name for name, _ in layer_timer.stages(net)] == [work.name for work in pieces(net.arch)]
    unfolded = timing.random_network(mobilenet_v1(0.25, 32))
    with torch.inference_mode():
        torch.testing.assert_close(net(x), unfolded(x), rtol=1e-3, atol=1e-4)


def test_folding_that_changes_the_logits_is_refused(monkeypatch):
    def wrong(net):
        spoiled = copy.deepcopy(net)
        with torch.no_grad():
            spoiled.fc.bias += 1
        return spoiled

    monkeypatch.setattr(layer_timer, "fold", wrong)
    with pytest.raises(ArithmeticError, match="folding batch normalization changed the logits"):
        layer_timer.build(mobilenet_v1(0.25, 32), Setting())


def test_pieces_that_compute_something_else_are_refused(monkeypatch):
    setting = Setting()
    net = layer_timer.build(mobilenet_v1(0.25, 32), setting)
    right = layer_timer.stages(net)
    monkeypatch.setattr(layers, "stages", lambda net: [*right, ("more", lambda x: x + 1)])
    with pytest.raises(ArithmeticError, match="piece by piece"):
        layers.marked_pass(net, layer_timer.images(32, setting), setting)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"precision": "int8"}, "precision must be one of fp32, fp16, bf16"),
        ({"batch": 0}, "batch must be a whole number >= 1"),
    ],
)
def test_a_setting_is_checked(changed, said):
    with pytest.raises(ValueError, match=said):
        Setting(**changed)


# --- The profile --------------------------------------------------------------------------------


def made_profile(whole_ms=2.0):
    """Every piece of 0.25 MobileNet-32 takes 100 µs, the fully connected one 200."""
    arch, setting = mobilenet_v1(0.25, 32), Setting()
    seconds = {work.name: [1e-4] * 3 for work in pieces(arch)} | {"fc": [2e-4] * 3}
    overhead = {work.kind: 1e-9 for work in pieces(arch)} | {"depthwise": 1.0}
    rows = layers.layer_times(arch, setting, seconds, overhead, limits())
    return layers.LayersBench(
        0.25, 32, "separable", setting, CPU, 1, Timing(3, whole_ms, (1.9, 2.1), 1.9), rows,
        3.0, 3.0 / whole_ms, {"fc": 0.1, "pool": 0.05}, limits(),
    )  # fmt: skip


def test_rates_bounds_and_shares_are_worked_from_the_times():
    rows = {row.name: row for row in made_profile().layers}
    pw = rows["pw_7"]  # 128 to 128 channels at 2x2 pixels
    assert pw.mult_adds == 128 * 128 * 4
    assert pw.bytes == 4 * (2 * 4 * 128 + 128 * 128)
    assert pw.gflops == pytest.approx(2 * 65_536 / 1e-4 / 1e9, rel=1e-3)
    assert pw.gb_per_s == pytest.approx(69_632 / 1e-4 / 1e9, rel=1e-3)
    assert pw.intensity == pytest.approx(2 * 65_536 / 69_632, abs=1e-3)
    assert pw.roof_ms == pytest.approx(1e3 * 2 * 65_536 / 100e9, rel=1e-3)
    assert pw.bound == "compute"
    assert rows["fc"].bound == "memory"  # 1 MB at 0.5 operations per byte
    assert rows["dw_1"].bound == "overhead"
    assert rows["fc"].time_share == pytest.approx(2 / 30, abs=1e-5)
    assert sum(row.time_share for row in rows.values()) == pytest.approx(1, abs=1e-3)
    work = mobilenet_v1(0.25, 32).by_kind()
    assert made_profile().mult_adds_shares == pytest.approx(
        {"pool": 0} | {kind: total.mult_adds_share for kind, total in work.items()}, abs=1e-4
    )
    assert made_profile().time_shares["depthwise"] == pytest.approx(13 / 30, abs=1e-3)


def test_a_profile_prints_every_layer_and_whether_they_add_up():
    text = str(made_profile(whole_ms=2.9))
    assert "layers added        3.00 ms, 1.034 of the whole beside them: they add up" in text
    assert sum(line.startswith(("conv_", "dw_", "pw_", "pool", "fc")) for line in
               text.splitlines()) == 29  # fmt: skip
    far = made_profile(whole_ms=2.0)
    assert not far.within_limits
    assert "they do NOT add up within 10%" in str(far)
    assert "above the roof" not in text
    fc = next(row for row in far.layers if row.name == "fc")
    fast = replace(fc, timing=Timing(3, fc.roof_ms / 2, (0.0, 1.0), 0.0))
    above = replace(far, layers=(*far.layers[:-1], fast))
    assert "above the roof, whose ceilings were missed: fc\n" in str(above)


def test_a_profile_gives_points_to_draw_and_calibrates():
    made = made_profile()
    assert len(made.points) == 28
    assert made.points["fc"] == ("fc", made.layers[-1].intensity, made.layers[-1].gflops)
    roof = made.layers[-1].roof_ms
    assert made.calibration.efficiency["fc"] == pytest.approx(roof / (0.2 - 0.1), rel=1e-3)
    assert made.calibration.overhead_s == {"fc": pytest.approx(1e-4), "pool": pytest.approx(5e-5)}


def test_overheads_are_medians_over_a_kinds_layers():
    arch = mobilenet_v1(0.25, 32)
    seconds = {work.name: [1.0, 2.0, 9.0] for work in pieces(arch)}
    for i in range(1, 14):
        seconds[f"dw_{i}"] = [float(i)] * 3
    assert layers.overheads(seconds, arch) == {
        "standard": 2.0, "depthwise": 7.0, "pointwise": 2.0, "pool": 2.0, "fc": 2.0,
    }  # fmt: skip


@pytest.mark.parametrize("body", ["separable", "full", "shallow"])
def test_layers_are_profiled_for_real(body):
    found = layers.bench_layers(0.25, 32, 2, body, readings=2, threads=1, ceilings=limits())
    names = [work.name for work in pieces(mobilenet_v1(0.25, 32, body=body))]
    assert [row.name for row in found.layers] == names
    assert all(row.timing.readings == 2 and row.timing.median_ms > 0 for row in found.layers)
    assert found.whole.readings == 2
    assert found.sum_ms > 0
    assert found.sum_to_whole > 0
    assert set(found.overhead_ms) == {row.kind for row in found.layers}
    assert json.loads(json.dumps(asdict(found)))["setting"]["batch"] == 2


def test_the_layers_of_a_round_are_compared_with_the_whole_beside_them(monkeypatch):
    """Rounds of 29 steps at 1, 2 and 30 seconds beside wholes of 29, 58 and 435: 1, 1, 2."""
    arch = mobilenet_v1(0.25, 32)
    names = [work.name for work in pieces(arch)]

    def seconds(self, skip):
        assert skip == layers.WARM_UP
        return {name: [1.0, 2.0, 30.0] for name in names}

    monkeypatch.setattr(LayerTimer, "seconds", seconds)
    monkeypatch.setattr(layers, "interleave", lambda *rest: {"whole": [29.0, 58.0, 435.0]})
    found = layers.bench_layers(0.25, 32, readings=3, threads=1, ceilings=limits())
    assert found.sum_to_whole == 1.0
    assert found.sum_ms == 58_000
    assert found.within_limits


# --- The table of shapes ------------------------------------------------------------------------


def test_a_power_law_is_read_off_exactly():
    def law(inner, growth, rows):
        return 3 * inner**0.9 * growth**0.5 * rows**1.1

    made = {
        inner: {growth: {rows: law(inner, growth, rows) for rows in sizes} for growth in (1.0, 2.0)}
        for inner, sizes in ((8, (16, 49)), (32, (9, 64, 400)), (256, (25, 100)))
    }
    for point in ((20, 1.3, 30), (32, 2.0, 64), (4, 3.0, 1000), (500, 0.5, 4)):
        assert shapes.interpolate(made, point) == pytest.approx(law(*point))


def test_between_points_logarithms_are_straight_and_at_points_it_is_the_table():
    bent = {1: {4: 5.0, 16: 1.0, 64: 3.0}, 4: {4: 20.0, 16: 8.0}}
    assert shapes.interpolate(bent, (1, 16)) == 1.0
    assert shapes.interpolate(bent, (4, 4)) == 20.0
    assert shapes.interpolate(bent, (1, 8)) == pytest.approx(math.sqrt(5))
    assert shapes.interpolate(bent, (2, 8)) == pytest.approx(math.sqrt(math.sqrt(5 * 160)))
    assert shapes.interpolate(bent, (1, 256)) == pytest.approx(9)  # the last slope goes on
    assert shapes.interpolate({8: {16: 2.0}}, (16, 8)) == 2.0  # alone: twice, and half of it


def made_table(law, body="separable", batch=1):
    """A table whose times follow a law, with the shapes that are measured."""
    chains = [
        shapes.chain(resolution, width, body)
        for resolution in shapes.RESOLUTIONS
        for width in shapes.WIDTHS
    ]
    found = {shape for layers in chains for shape in shapes.shapes(layers, batch).values()}
    return shapes.ShapeTable(
        batch, tuple(shapes.ShapeTime(**asdict(shape), ms=law(shape)) for shape in found)
    )


@pytest.mark.parametrize("body", ["separable", "full", "shallow"])
@pytest.mark.parametrize(("alpha", "resolution"), [(1.0, 224), (0.75, 160), (0.25, 128)])
def test_networks_are_predicted_that_are_not_in_the_table(body, alpha, resolution):
    """Times that are a power of each size come out to the last digit, batch and pool included."""

    def law(shape):
        start = {"standard": 2e-5, "depthwise": 3e-6, "pointwise": 1e-8}.get(shape.kind, 1e-7)
        return start * shape.rows**0.9 * shape.inner**0.8 * shape.columns**0.7 / shape.stride

    arch = mobilenet_v1(alpha, resolution, body=body)
    table = made_table(law, "full" if body == "full" else "separable", batch=2)
    wanted = {name: law(shape) for name, shape in shapes.shapes(arch.layers, 2).items()}
    found = table.predict(arch)
    assert list(found) == [work.name for work in pieces(arch)]
    # Along the columns of the last layer the table has one point each, so its slope is 1 there.
    last = {name: ms for name, ms in found.items() if name != "fc"}
    assert last == pytest.approx({name: wanted[name] for name in last}, rel=1e-9)
    assert found["fc"] == pytest.approx(wanted["fc"], rel=0.05)


def test_no_network_of_the_paper_is_in_the_table():
    chains = [
        [shape for name, shape in shapes.shapes(shapes.chain(r, w, body)).items()]
        for r in shapes.RESOLUTIONS
        for w in shapes.WIDTHS
        for body in ("separable", "full")
    ]
    known = {shape for chain in chains for shape in chain}
    for alpha in (1.0, 0.75, 0.5, 0.25):
        for resolution in (224, 192, 160, 128):
            layers = mobilenet_v1(alpha, resolution).layers
            own = set(shapes.shapes(layers).values())
            assert len(own & known) < len(own) / 2


def test_shapes_are_the_products_that_layers_are():
    arch = mobilenet_v1(0.5, 64)
    found = shapes.shapes(arch.layers, batch=3)
    assert found["pw_2"] == shapes.Shape("pointwise", 1, 3 * 16**2, 32, 64)
    assert found["dw_2"] == shapes.Shape("depthwise", 2, 3 * 16**2, 32, 32)
    assert found["conv_0"] == shapes.Shape("standard", 2, 3 * 32**2, 3, 16)
    assert found["pool"] == shapes.Shape("pool", 1, 3 * 2**2, 512, 512)
    assert found["fc"] == shapes.Shape("fc", 1, 3, 512, 1000)


def test_a_kind_that_the_table_lacks_is_told():
    table = made_table(lambda shape: 1.0)
    with pytest.raises(
        ValueError, match="conv_1 is standard with stride 1, of which the table has"
    ):
        table.predict(mobilenet_v1(body="full"))


def test_a_recorded_table_predicts_as_it_did():
    table = made_table(lambda shape: shape.rows / 7 + shape.inner)
    read = shapes.ShapeTable.of(json.loads(json.dumps(asdict(table))))
    assert read == table
    assert read.predict(mobilenet_v1(0.5, 160)) == table.predict(mobilenet_v1(0.5, 160))


@pytest.fixture
def tiny_chains(monkeypatch):
    """Chains that take next to nothing."""
    monkeypatch.setattr(shapes, "RESOLUTIONS", (24, 12))
    monkeypatch.setattr(shapes, "WIDTHS", (2, 4))
    monkeypatch.setattr(shapes, "LEVELS", 2)
    for module in (shapes, paper_models):
        monkeypatch.setattr(module, "LEAST_S", 1e-9)


def test_a_chain_computes_what_its_layers_say(tiny_chains):
    setting = Setting(2)
    layers = shapes.chain(24, 4, "separable")
    timer = shapes.chain_pass(layers, setting)
    assert timer.names == [layer.name for layer in layers[:-1]] + ["pool", layers[-1].name]
    x, sizes = timer.x, []
    with torch.inference_mode():
        for function in timer.functions:
            x = function(x)
            sizes.append(tuple(x.shape))
    assert sizes[:-2] == [(2, y.out_channels, y.out_size, y.out_size) for y in layers[:-1]]
    assert sizes[-2:] == [(2, 16), (2, 1000)]
    assert 0.01 < x.std() < 10  # nothing faded, nothing blew up
    assert not [m for f in timer.functions if isinstance(f, torch.nn.Module)
                for m in f.modules() if isinstance(m, torch.nn.BatchNorm2d)]  # fmt: skip


def test_the_first_pass_of_several_does_not_count():
    timer = LayerTimer([("a", lambda x: x + 1)], torch.zeros(1))
    run, calls = shapes.warm(timer), []
    timer.mark = lambda: calls.append(0) or float(len(calls) ** 2)
    run()
    run()
    # Marks are 1, 4 | 9, 16 | 25, 36 and so on: a pass takes 3, 7, 11, 15 and, again, 19, ...
    assert timer.seconds() == {"a": [7, 11, 15, 23, 27, 31]}


def test_steps_are_told_at_the_first_decile_after_the_warm_up():
    timer = LayerTimer([("a", lambda x: x)], torch.zeros(1))
    before = [0.5] * shapes.WARM_UP * (shapes.PASSES - 1)
    timer.passes = [[0.0, took] for took in (*before, *range(1, 11), 50.0)]
    assert shapes.calm(timer) == {"a": 2.0}


def test_what_a_table_measures_twice_is_the_mean_and_ends_are_the_separable_ones(
    tiny_chains, monkeypatch
):
    chains = shapes.Chains(Setting(), ("separable", "full"))
    for (body, _, width), timer in chains.timers.items():
        slow = (10 if width == 4 else 1) * (100 if body == "full" else 1)
        timer.passes = [[3.0 * step * slow for step in range(len(timer.names) + 1)]] * 9
    times = {
        shapes.Shape(t.kind, t.stride, t.rows, t.inner, t.columns): t.ms
        for t in chains.table().times
    }
    assert times[shapes.Shape("depthwise", 1, 144, 2, 2)] == 3000
    assert times[shapes.Shape("depthwise", 1, 144, 8, 8)] == 30_000
    both = times[shapes.Shape("depthwise", 1, 36, 8, 8)]  # in (12, 4) and, on half the map, (24, 2)
    assert both == (3000 + 30_000) / 2
    assert times[shapes.Shape("standard", 1, 144, 2, 4)] == 300_000  # of full chains alone
    assert times[shapes.Shape("standard", 2, 144, 3, 2)] == 3000  # of the separable, not of both
    # Two chains of each width: 11 steps, 7 in a full one; 9 passes of 3 s a step.
    assert chains.seconds() == 9 * 3 * 2 * 11 * (11 + 7 * 100)


def test_a_table_is_measured_alone(tiny_chains):
    table = shapes.bench_shapes(readings=2, threads=1, bodies=("separable", "full"))
    assert all(time.ms > 0 for time in table.times)
    for body in ("separable", "full"):
        assert sum(table.predict(mobilenet_v1(0.25, 32, body=body)).values()) > 0
    with pytest.raises(ValueError, match="body must be one of"):
        shapes.bench_shapes(readings=2, bodies=("deep",))


# --- The paper's networks -----------------------------------------------------------------------


def test_networks_are_measured_and_predicted_beside_the_table(tiny_chains):
    found = paper_models.bench_paper_models(
        readings=2, threads=1, alphas=(0.25, 0.125), resolutions=(48, 32), ceilings=limits()
    )
    assert [(m.alpha, m.resolution, m.body) for m in found.models] == [
        (0.25, 48, "separable"), (0.25, 32, "separable"), (0.125, 48, "separable"),
        (0.125, 32, "separable"), (0.25, 48, "full"), (0.25, 48, "shallow"),
    ]  # fmt: skip
    assert found.calibrated_on == "0.25 MobileNet-48"
    for model in found.models:
        arch = mobilenet_v1(model.alpha, model.resolution, body=model.body)
        assert model.mult_adds == arch.mult_adds
        assert model.roof_ms == pytest.approx(predict(arch, 1, limits()).ms, rel=1e-3)
        fitted = predict(arch, 1, limits(), found.calibration).ms
        assert model.by_kind_ms == pytest.approx(fitted, rel=1e-3)
        told = sum(found.table.predict(arch).values())
        assert model.predicted_ms == pytest.approx(told, rel=1e-3)
        assert 0 < model.added_ms <= model.timing.median_ms
    record = json.loads(json.dumps(asdict(found)))
    assert shapes.ShapeTable.of(record["table"]) == found.table
    assert record["table_s"] >= 0
    assert len(record["load"]) == 2


def test_the_layers_and_the_whole_are_of_the_same_passes(tiny_chains, monkeypatch):
    """Every step takes 1, 2, 3 s and so on to 11 in passes that count: a tenth lies below 2."""

    def interleave(tasks, *rest):
        for timer in timers:
            slow = [9.0] * paper_models.WARM_UP * (paper_models.PASSES - 1)
            timer.passes = [
                [step * took for step in range(len(timer.names) + 1)]
                for took in [*slow, *map(float, range(1, 12))]
            ]

    timers = []
    real = LayerTimer.__init__

    def init(self, *rest):
        timers.append(self)
        real(self, *rest)

    monkeypatch.setattr(LayerTimer, "__init__", init)
    monkeypatch.setattr(paper_models, "interleave", interleave)
    found = paper_models.bench_paper_models(
        readings=2, threads=1, alphas=(0.25,), resolutions=(32,), bodies=(), ceilings=limits()
    )
    (model,) = found.models
    assert (model.added_ms, model.timing.median_ms) == (29 * 2000, 29 * 6000)
    assert model.error == pytest.approx(model.predicted_ms / 58_000 - 1)
    assert model.error_of_whole == pytest.approx(model.predicted_ms / 174_000 - 1)
    assert found.calibration.overhead_s["fc"] == 2.0


def made_models(*ratios):
    """A result of networks whose predictions by shapes are so many times the measured time."""
    models = tuple(
        paper_models.Predicted(
            1 - number / 10, 224, "full" if number else "separable", 10**6,
            Timing(3, 20.0, (9, 31), 9), 10.0, 1.0, 12.5, 10 * told,
        )
        for number, told in enumerate(ratios)
    )  # fmt: skip
    nothing, table = Calibration({"fc": 1e-3}, {"fc": 0.5}), shapes.ShapeTable(1, ())
    held = {"ATEN_CPU_CAPABILITY": "avx2"}
    return paper_models.PaperModelsBench(
        Setting(), CPU, 1, models, "1 MobileNet-224", nothing, table, 9.4, (0.25, None), held,
        limits(),
    )  # fmt: skip


def test_errors_their_median_and_the_largest_are_told():
    found = made_models(1.051, 0.93, 0.84)
    assert (found.median_error, found.within_limits) == (pytest.approx(0.07), False)
    text = str(found)
    assert "1 MobileNet-224 1.0 20.000 10.000 1.000 12.500 +25% 10.510 +5.1%" in " ".join(
        text.split()
    )
    assert [line.split()[1:3] for line in text.splitlines() if "*" in line] == [
        ["MobileNet-224,", "full"]
    ]
    assert "load 0.2 before and unknown after; ATEN_CPU_CAPABILITY=avx2" in text
    assert text.endswith("against whole passes: median 53.5%, largest 58.0%")
    assert "median 7.0%, limit 7%; largest 16.0% (0.8 MobileNet-224, full), limit 15%" in text


@pytest.mark.parametrize(
    ("ratios", "kept"),
    [((1.06, 0.95, 1.15), True), ((1.06, 0.95, 1.16), False), ((1.08, 0.92, 1.0), False)],
)
def test_both_limits_count(ratios, kept):
    assert made_models(*ratios).within_limits is kept


@pytest.mark.parametrize("alphas", [(), (0.25, 0.25)])
def test_networks_are_named_once_each(alphas):
    with pytest.raises(ValueError, match="at least one network, and each once"):
        paper_models.bench_paper_models(alphas=alphas, resolutions=(32,), ceilings=limits())


def test_the_command_records_the_networks_that_are_named(tiny_chains, tmp_path, monkeypatch):
    monkeypatch.setattr(paper_models, "peaks_for", lambda *rest: limits())
    record = tmp_path / "few.json"
    line = "bench sixteen --alphas 0.25 0.125 --resolutions 32 --readings 2 --threads 1 --record"
    assert cli.main([*line.split(), "--out", str(record)]) in (0, 1)  # 1: a limit was missed
    told = json.loads(record.read_text())["results"]
    assert [(m["alpha"], m["body"]) for m in told["models"]] == [
        (0.25, "separable"), (0.125, "separable"), (0.25, "full"), (0.25, "shallow"),
    ]  # fmt: skip


# --- Sparse against dense -----------------------------------------------------------------------


def test_a_crossing_lies_between_the_levels_that_it_is_between():
    """Ratio 4 with half the weights left, 1/4 with an eighth: straight on logs, 1 at a quarter."""
    assert sparse.crossing((0.5, 0.875), (4.0, 0.25)) == 0.75
    assert sparse.crossing((0.0, 0.5, 0.9), (9.0, 0.9, 1.1)) is None  # it does not stay faster
    assert sparse.crossing((0.0, 0.5), (0.9, 0.5)) == 0.0
    rises = sparse.crossing((0.0, 0.5, 0.75, 0.9), (3.0, 0.9, 2.0, 0.5))
    assert 0.75 < rises < 0.9


def test_pruning_leaves_the_share_that_is_asked_for_and_nests():
    weights = torch.arange(1.0, 101).view(10, 10)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    half, most = (sparse.prune(weights, share, order) for share in (0.5, 0.9))
    assert (int((half == 0).sum()), int((most == 0).sum())) == (50, 90)
    assert torch.equal(most[most != 0], weights[most != 0])
    assert bool((half[most != 0] != 0).all())
    assert weights.min() == 1  # the weights themselves stay


def test_sparse_products_are_checked_before_they_are_timed(monkeypatch):
    found = sparse.bench_sparse(32, 4, 2, (0.0, 0.9), readings=2, threads=1)
    assert [level.sparsity for level in found.levels] == [0.0, 0.9]
    assert "torch CSR" in found.crossings
    assert set(found.crossings) == set(found.levels[0].to_dense)
    assert {len(times) for times in found.milliseconds.values()} == {2}
    json.dumps(asdict(found))
    right = sparse.kernels

    def wrong(weights, x, device):
        ways, missing = right(weights, x, device)
        return ways | {"torch CSR": lambda: weights @ x * 1.001}, missing

    monkeypatch.setattr(sparse, "kernels", wrong)
    monkeypatch.setattr(sparse, "interleave", lambda *rest, **more: pytest.fail("it was timed"))
    with pytest.raises(ArithmeticError, match=r"torch CSR at 0.0% zeros is off by 0.10%"):
        sparse.bench_sparse(32, 4, 2, (0.0, 0.9), readings=2, threads=1)


def test_ratios_and_crossings_come_from_the_times(monkeypatch):
    times = {"dense": 2.0, "torch CSR": 8.0}
    monkeypatch.setattr(sparse, "kernels", lambda w, x, device: (
        {name: (lambda: w @ x) for name in times}, {"SciPy CSR": "not here"},
    ))  # fmt: skip
    monkeypatch.setattr(
        sparse,
        "interleave",
        lambda tasks, *rest, **more: {
            (share, name): [times[name] * (1 - share if name != "dense" else 1)] * 3
            for share, name in tasks
        },
    )
    found = sparse.bench_sparse(8, 2, 1, (0.0, 0.5, 0.875), readings=3, threads=1)
    assert [level.to_dense["torch CSR"] for level in found.levels] == [4, 2, 0.5]
    assert found.crossings == {"torch CSR": 0.75}
    assert "torch CSR is faster from 75.0% zeros\nSciPy CSR: not here" in str(found)


def test_without_scipy_its_kernel_is_told_to_be_missing(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    ways, missing = sparse.kernels(torch.eye(4), torch.ones(4, 2), "cpu")
    assert list(ways) == ["dense", "torch CSR"]
    assert missing == {"SciPy CSR": "SciPy is not installed; pip install scipy"}


@pytest.mark.parametrize("shares", [(), (0.5, 0.5), (0.9, 0.5), (0.5, 1.0)])
def test_sparsities_must_rise_below_one(shares):
    with pytest.raises(ValueError, match=r"sparsities must rise|from 0 to below 1"):
        sparse.bench_sparse(8, 2, 1, shares, readings=2)
