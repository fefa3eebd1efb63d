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

from mobilenet_lib import mobilenet_v1, timing
from mobilenet_lib.bench import (
    gemm,
    hardware,
    latency,
    layer_timer,
    layers,
    peaks,
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
        ((2, 3, 5), "near"): [5e-9, 5e-9],
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
    assert peaks.ceiling_task(peak, "cpu", 0) == ((4, 4, 4), "near")
    assert peaks.ceiling_task(Peak("int8", None, None, "no engine"), "cpu", 0) is None


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
    with timing.threads(1):
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
        0.25, 32, "separable", setting, CPU, 1, Timing(3, whole_ms, (1.9, 2.1)), rows,
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
    assert rows["fc"].bound == "memory"  # 1 MB at 0.5 operations a byte
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
    fast = replace(fc, timing=Timing(3, fc.roof_ms / 2, (0.0, 1.0)))
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


# --- Sixteen networks ---------------------------------------------------------------------------


def test_networks_are_measured_and_predicted_by_the_first_ones_profile():
    found = latency.bench_paper_models(
        readings=2, threads=1, alphas=(0.25, 0.125), resolutions=(48, 32), ceilings=limits()
    )
    assert [(m.alpha, m.resolution) for m in found.models] == [
        (0.25, 48), (0.25, 32), (0.125, 48), (0.125, 32),
    ]  # fmt: skip
    assert found.calibrated_on == "0.25 MobileNet-48"
    for model in found.models:
        arch = mobilenet_v1(model.alpha, model.resolution)
        assert model.mult_adds == arch.mult_adds
        assert model.roof_ms == pytest.approx(predict(arch, 1, limits()).ms, rel=1e-3)
        fitted = predict(arch, 1, limits(), found.calibration).ms
        assert model.predicted_ms == pytest.approx(fitted, rel=1e-3)
    json.dumps(asdict(found))


def test_the_table_marks_what_was_missed():
    def model(alpha, predicted):
        return latency.Predicted(alpha, 224, 10**6, Timing(3, 10.0, (9, 11)), 1.0, predicted, "x")

    models = (model(1.0, 12.5), model(0.75, 7.5), model(0.5, 12.6), model(0.25, 7.4))
    nothing = Calibration({"fc": 1e-3}, {"fc": 0.5})
    found = latency.PaperModelsBench(
        Setting(), CPU, 1, models, "1 MobileNet-224", nothing, limits()
    )
    assert (found.within, found.within_limits) == (2, False)
    assert "2 of 4 within 25%; missed: 0.5-224 by +26%, 0.25-224 by -26%" in str(found)
    assert sum("*" in line for line in str(found).splitlines()) == 2
    enough = latency.PaperModelsBench(
        Setting(), CPU, 1, models[:3] + models[:1], "", nothing, limits()
    )
    assert enough.within_limits  # three of four, as twelve of sixteen


@pytest.mark.parametrize("alphas", [(), (0.25, 0.25)])
def test_networks_are_named_once_each(alphas):
    with pytest.raises(ValueError, match="at least one network, and each once"):
        latency.bench_paper_models(alphas=alphas, resolutions=(32,), ceilings=limits())


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
