"""Engines side by side: who is checked, who is timed, and what follows from the times.

Engines and the clock are the test's own, so nothing here depends on how fast a machine is.
"""

import copy
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from mobilenet_lib.bench import engines as bench
from mobilenet_lib.bench import peers, quality
from mobilenet_lib.bench.peaks import MachinePeaks, Peak
from mobilenet_lib.bench.report import make_report
from mobilenet_lib.bench.results import EAGER, Checked, EngineBench, Quality, Timed, places
from mobilenet_lib.engines import Availability, Engine, EngineError, difference
from mobilenet_lib.engines.torch_engines import Eager

pytestmark = pytest.mark.slow

SIZE = {"alpha": 0.25, "resolution": 32}


class Fake(Engine):
    """Runs the network itself."""

    name, summary, device = "fake", "a fake", "any"
    prepared: list = []  # noqa: RUF012 - one log for all fakes

    @classmethod
    def available(cls):
        return Availability(True)

    def _prepare(self, net, example, calibration):
        self.prepared.append((self.name, tuple(example.shape), self.slice, self.threads))
        self.net = net

    def _run(self, x):
        return self.net(x)


class Liar(Fake):
    name = "liar"

    def _run(self, x):
        return 1.1 * self.net(x)


class Absent(Fake):
    name = "absent"

    @classmethod
    def available(cls):
        return Availability(False, "it needs the package unobtainium")


class Elsewhere(Fake):
    name, device = "elsewhere", "cuda"


class Broken(Fake):
    name = "broken"

    def _prepare(self, net, example, calibration):
        raise RuntimeError("no such kernel\nand a long trace")


class BrokenWithBatches(Fake):
    name = "small only"

    def _prepare(self, net, example, calibration):
        if len(example) == 4:
            raise EngineError("four are too many")
        super()._prepare(net, example, calibration)


class Coarse(Fake):
    """int8 as it could be: each logit moved by up to 10 %."""

    name, precision, calibrates, can_stream = "coarse", "int8", True, True
    calibrated: list = []  # noqa: RUF012

    def __init__(self, *, slice=None, streams=None):
        super().__init__(slice=slice)
        self.streams = streams

    def _prepare(self, net, example, calibration):
        super()._prepare(net, example, calibration)
        self.calibrated.append(tuple(calibration.shape))

    def _run(self, x):
        logits = self.net(x)
        noise = torch.rand(logits.shape, generator=torch.Generator().manual_seed(0))
        return logits + 0.1 * logits.abs().max() * (noise - 0.5)

    @property
    def size_bytes(self):
        return 4_300_000


FAKES = {e.name: e for e in (Fake, Liar, Absent, Elsewhere, Broken, BrokenWithBatches, Coarse)}


class NoExam:
    """Stands in for the exam, which takes a while."""

    def __init__(self, device, seed, threads):
        self.asked = (device, seed, threads)

    def quality(self, make, precision, difference):
        assert isinstance(make(), Engine)
        agreement = 0.97 if precision == "int8" else 1.0
        return Quality(difference, 1000, agreement, 0.87, 0.87)


@pytest.fixture
def run(monkeypatch):
    """`bench_engines` with fakes; a call of task number i takes i + 1 milliseconds.

    In the third round all takes 1.2 times as long, the product that is the ceiling, too; its one
    mult-add takes what 100 GFLOP/s allow in the first rounds, beside the first size of batch, in
    the faster of two ways; twice as long before, and twice and more beside the next sizes.
    """
    timed = []

    def clock(tasks, readings, device, settle):
        for task in tasks.values():
            task()
        timed.append([name for name in tasks if isinstance(name, str)])
        assert settle, "they are of several libraries"
        products = {"BLAS": 2e-11 * len(timed), "mm": 5e-11}
        taken = {
            name: (i + 1) * 1e-3 if isinstance(name, str) else products[name[1]]
            for i, name in enumerate(tasks)
        }
        return {name: [s * factor for factor in (1.0, 1.0, 1.2)] for name, s in taken.items()}

    def ceilings(**options):
        peaks = (Peak("fp32", 50.0, (1, 1, 1), "mm"), Peak("int8", None, None, "no kernel"))
        return MachinePeaks("cpu", options["threads"], peaks, (), {})

    monkeypatch.setattr(bench, "ENGINES", FAKES)
    monkeypatch.setattr(bench, "interleave", clock)
    monkeypatch.setattr(bench, "bench_peaks", ceilings)
    monkeypatch.setattr(
        bench,
        "ceiling_tasks",
        lambda peak, device, seed: {"mm": list, "BLAS": list} if peak.shape else {},
    )
    monkeypatch.setattr(bench, "Examiner", NoExam)
    monkeypatch.setattr(bench, "peers", lambda *a: ({}, {"timm, eager": "No module named 'timm'"}))
    Fake.prepared.clear()
    Coarse.calibrated.clear()

    def call(names=("all",), **options):
        return bench.bench_engines(names, **SIZE, **{"threads": 1, "readings": 3} | options)

    call.timed = timed
    return call


def test_who_is_not_told_apart_shares_a_place():
    def named(*times):
        return {name: (ms, ms) for name, ms in zip("abcdef", times, strict=False)}

    assert places(named(3.0, 1.0, 2.0)) == {"b": 1, "c": 2, "a": 3}
    assert list(places(named(3.0, 1.0, 2.0))) == ["b", "c", "a"]
    assert places(named(1.0, 1.09, 2.0, 2.1, 2.19, 3.0)) == dict(a=1, b=1, c=3, d=3, e=3, f=6)
    # Not step by step up to any distance: the leader counts.
    assert places(named(1.0, 1.08, 1.16, 1.24)) == {"a": 1, "b": 1, "c": 3, "d": 3}
    # By the fastest reading and by the median, or not at all: else order hangs on which is taken.
    assert places({"a": (1.0, 9.0), "b": (2.0, 2.0), "c": (2.1, 9.9)}) == dict(a=1, b=1, c=1)
    assert places({"a": (1.0, 2.0), "b": (1.05, 3.0)}) == {"a": 1, "b": 1}
    assert places({"a": (1.0, 2.0), "b": (1.2, 2.3)}) == {"a": 1, "b": 2}
    assert places({}) == {}


def test_a_busy_while_changes_no_place(run):
    """However long it is: one reading that was left alone is enough."""
    result = run(("fake",), batch_sizes=(4,), slices=())
    (fake,) = result.timings
    slowed = replace(fake, fastest_ms=1.0, median_ms=9.0, quartiles_ms=(8.0, 10.0))
    steady = replace(fake, name="steady", fastest_ms=2.0, median_ms=2.0, quartiles_ms=(2.0, 2.0))
    engines = result.engines | {"steady": result.engines["fake"]}
    both = replace(result, engines=engines, timings=(steady, slowed))
    assert both.fastest(4).name == "fake"
    assert re.search(r"\n  1= \* fake .*\n  1= \* steady ", str(both)), "not clearly, though"


def test_only_engines_that_are_right_are_timed(run):
    result = run(batch_sizes=(1, 4), slices=(2,))
    assert list(result.engines) == ["fake", "small only", "coarse"]
    assert set(result.failed) == {"liar", "broken", "small only, batch of 4"}
    assert "computes something else than eager" in result.failed["liar"]
    assert result.failed["broken"] == "RuntimeError: no such kernel"
    assert result.failed["small only, batch of 4"] == "four are too many"
    assert set(result.missing) == {"absent", "elsewhere", "timm, eager"}
    assert result.missing["absent"] == "it needs the package unobtainium"
    assert result.missing["elsewhere"] == "it runs on cuda, not on cpu"
    assert [(row.batch_size, row.label) for row in result.timings] == [
        (1, "fake"),
        (1, "small only"),
        (1, "coarse"),
        (4, "fake"),
        (4, "fake, slices of 2"),
        (4, "small only, slices of 2"),
        (4, "coarse"),
        (4, "coarse, slices of 2"),
    ]
    assert ("fake", (2, 3, 32, 32), 2, 1) in Fake.prepared
    assert set(Coarse.calibrated) == {(bench.CALIBRATION, 3, 32, 32)}


def test_times_become_rates_shares_and_labels(run):
    result = run(("fake", "coarse"), batch_sizes=(4,), slices=())
    fake, coarse = result.timings
    assert (fake.readings, fake.fastest_ms, fake.median_ms) == (3, 1.0, 1.0)
    assert fake.quartiles_ms == (1.0, 1.1)
    assert fake.images_per_second == 4000
    assert fake.of_ceiling == pytest.approx(
        2 * result.network.mult_adds * 4 / 1e-3 / 100e9, abs=1e-4
    )
    assert coarse.of_ceiling is None  # its ceiling could not be measured
    assert coarse.images_per_second == 2000
    assert result.ceilings == {"fp32": 100.0}
    assert result.engines["coarse"].size_bytes == 4_300_000
    assert result.engines["coarse"].quality.difference > 0.02
    assert not result.engines["coarse"].quality.fp32_level
    assert result.fastest(4).name == "fake"
    assert result.fastest(4, int8=True).name == "coarse"
    assert result.fastest(1) is None
    text = str(result)
    assert "Batch of 4, by fastest reading; = not told apart from a place's first\n" in text
    assert "\n  1  * fake " in text
    assert "\n  2  * coarse " in text
    near = replace(coarse, fastest_ms=1.1)
    text = str(replace(result, timings=(near, fake)))
    assert re.search(r"\n  1= \* fake .*\n  1= \* coarse +1\.10 ms, median +2\.00 ms", text)
    assert "ours, fastest in int8: coarse" in text
    assert "timm, eager: No module named 'timm'" in text
    make_report(result, 1.0)  # which checks itself


def test_a_share_is_of_the_fastest_product_of_all_rounds(run):
    """Fastest against fastest, so that a busy machine changes neither; what was measured before,
    and beside the larger batch, was half as fast, and a share of it would be double."""
    result = run(("fake",), batch_sizes=(1, 4), slices=())
    fake, larger = result.timings
    assert fake.of_ceiling == pytest.approx(2 * result.network.mult_adds / 1e-3 / 100e9, abs=1e-4)
    assert larger.of_ceiling == pytest.approx(4 * fake.of_ceiling, abs=4e-4)
    assert result.ceilings["fp32"] == 100.0  # the faster of the two
    assert "of a product" in str(result)
    assert "missed" not in str(result)
    above = replace(result, timings=(replace(fake, of_ceiling=1.27),))
    assert "127% of a product (more than it: the ceiling was missed)" in str(above)


def test_peers_run_in_the_same_rounds_and_give_the_ratios(run, monkeypatch):
    asked = []

    def found(images, alpha, precision, threads):
        asked.append((tuple(images.shape), alpha, precision, threads))
        own = peers.Entry(lambda: None, "fp32")
        other = peers.Entry(lambda: None, "fp32", False)
        return {EAGER: own, "torchvision MobileNetV2, eager": other}, {}

    monkeypatch.setattr(bench, "peers", found)
    result = run(("fake",), batch_sizes=(1,))
    assert run.timed == [["fake {}", EAGER, "torchvision MobileNetV2, eager"]]
    assert asked == [((1, 3, 32, 32), 0.25, "fp32", 1)]
    fake, timm, other = result.timings
    assert (fake.ours, timm.ours) == (True, False)
    assert fake.ratios == {EAGER: 0.5}
    assert other.ratios == {EAGER: 1.5}
    assert timm.ratios == {}
    assert timm.of_ceiling == pytest.approx(fake.of_ceiling / 2, abs=1e-4)
    assert other.of_ceiling is None  # another network, with other mult-adds
    run(("fake",), batch_sizes=(1,), with_peers=False)
    assert len(asked) == 1


def test_an_engine_that_runs_streams_is_also_tried_with_one_a_thread():
    assert Fake.cuts(32, (1, 4), 2) == [{}, {"slice": 1}, {"slice": 4}]
    assert Coarse.cuts(32, (4,), 2) == [
        {},
        {"slice": 4},
        {"slice": 4, "streams": 2},
        {"slice": 16, "streams": 2},
    ]
    assert Coarse.cuts(1, (1, 4), 2) == [{}]
    assert Coarse.cuts(6, (4,), 1) == [{}]  # 4 does not divide 6


def test_precision_reaches_what_torch_runs():
    assert bench.maker(Eager, "bf16", slice=2)().precision == "bf16"
    assert bench.maker(Fake, "bf16")().precision == "fp32"


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("fake", "turbo"), {}, "engine must be one of all, fake, .*; got 'turbo'"),
        ((), {}, "none of the engines that were named"),
        (("absent",), {}, "none of the engines .*absent: it needs the package unobtainium"),
        (("fake",), {"batch_sizes": ()}, "batch_sizes must name"),
        (("fake",), {"batch_sizes": (0,)}, "batch_sizes must be a whole number from 1"),
        (("fake",), {"slices": (0,)}, "slices must be"),
        (("fake",), {"readings": 1}, "readings must be a whole number >= 2"),
        (("fake",), {"threads": 0}, "threads must be"),
    ],
)
def test_values_out_of_range_are_named(run, names, options, words):
    with pytest.raises(ValueError, match=words):
        run(names, **options)


def test_the_network_is_like_a_trained_one_and_the_same_for_a_seed():
    before = torch.get_rng_state()
    net, images = bench.network(0.25, 64, 2, 3, torch.device("cpu"))
    again, same = bench.network(0.25, 64, 2, 3, torch.device("cpu"))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(images, same)
    assert torch.equal(net(images[:1]), again(images[:1]))
    assert not net.training
    assert len(images) >= bench.CALIBRATION
    for name, features in net.feature_maps(images[: bench.SETTLE]).items():
        # What comes out of a normalized layer with a shift of 1 and a ReLU has a mean of about 1.1.
        if name != "fc":
            assert 0.9 < features.mean() < 1.3, name


def test_the_network_makes_no_more_of_rounding_than_a_trained_one():
    net, images = bench.network(0.25, 96, 2, 3, torch.device("cpu"))
    expected = net(images)
    rounded = copy.deepcopy(net).bfloat16()(images.bfloat16()).float()
    assert 1e-4 < difference(rounded, expected) < 0.02


def test_fp32_level_means_logits_and_decisions():
    def level(difference, agreement):
        return Quality(difference, 1000, agreement, 0.9, 0.9).fp32_level

    assert level(0.02, 1.0)
    assert not level(0.021, 1.0)
    assert not level(0.001, 0.999)


def test_the_fastest_at_fp32_level_leaves_out_those_that_decide_otherwise():
    def row(name, ms, precision="fp32", ours=True):
        return Timed(3, ms, (ms, ms), ms, name, ours, precision, 1, None, None, 1.0, None)

    engines = {
        "exact": Checked("", "fp32", 1, Quality(0.0, 1000, 1.0, 0.9, 0.9)),
        "hasty": Checked("", "bf16", 1, Quality(0.01, 1000, 0.999, 0.9, 0.9)),
        "int": Checked("", "int8", 1, Quality(0.01, 1000, 1.0, 0.9, 0.9)),
    }
    rows = (row("int", 1, "int8"), row("timm", 2, ours=False), row("hasty", 3), row("exact", 4))
    result = EngineBench(None, "cpu", 1, 0, {}, None, engines, rows, {}, {})
    assert result.fastest(1).name == "exact"
    assert result.fastest(1, int8=True).name == "int"


def small_exam(monkeypatch, images=45, whole=60):
    """The real exam on few images."""
    monkeypatch.setattr(quality, "IMAGES", images)
    examiner = quality.Examiner(torch.device("cpu"), threads=1)
    exam = examiner.letters
    exam.images, exam.labels = exam.images[:whole], exam.labels[:whole]
    return examiner


def test_an_exam_counts_answers(monkeypatch):
    examiner = small_exam(monkeypatch)
    exact = examiner.quality(Fake, "fp32", 0.001)
    assert (exact.images, exact.agreement) == (45, 1.0)
    assert exact.accuracy == exact.accuracy_eager > 0.7  # 87 % on all test images
    assert (exact.photos, exact.views, exact.difference) == (None, None, 0.001)

    class Stubborn(Fake):
        def _run(self, x):
            logits = self.net(x)
            logits[:, 0] = logits.max() + 1  # always A
            return logits

    always_a = examiner.quality(Stubborn, "fp32", 0.001)
    labels = examiner.letters.labels[:45]
    assert always_a.accuracy == pytest.approx((labels == 0).double().mean().item(), abs=1e-6)
    assert always_a.agreement < 0.2
    assert always_a.accuracy_eager - always_a.accuracy > 0.5
    assert always_a.difference > 0.2  # the letters' own logits were compared, too


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_logits_for_letters_must_be_numbers(monkeypatch, value):
    class Overflowing(Fake):
        def _run(self, x):
            logits = self.net(x).clone()
            logits[0, logits[0].argmax()] = value
            return logits

    with pytest.raises(EngineError, match="no finite numbers"):
        small_exam(monkeypatch).quality(Overflowing, "fp32", 0.001)


def test_int8_is_examined_on_all_letters_and_on_photos(monkeypatch):
    examiner = small_exam(monkeypatch)
    Coarse.calibrated.clear()
    found = examiner.quality(Coarse, "int8", 0.05)
    assert found.images == 60
    assert found.photos[1] == 7
    assert found.views[1] == 7 * quality.VIEWS == 84
    assert 0 < found.views[0] <= 84
    letters, *halves = Coarse.calibrated
    assert letters == (quality.CALIBRATION, 3, 56, 56)
    assert halves == [(3 * quality.CROPS, 3, 96, 96), (4 * quality.CROPS, 3, 96, 96)]
    assert "photos" in str(found)

    class Contrary(Coarse):
        def _run(self, x):
            return -self.net(x)

    flipped = examiner.quality(Contrary, "int8", 0.05)
    assert flipped.photos == (0, 7)
    assert flipped.views == (0, 84)


def test_views_are_the_photo_its_corners_and_their_mirror_images():
    photo = torch.arange(10 * 20 * 3, dtype=torch.uint8).reshape(10, 20, 3).numpy()
    looks = quality.views(photo)
    assert len(looks) == quality.VIEWS
    assert (looks[0] == photo).all()
    assert {look.shape for look in looks[1:6]} == {(8, 16, 3)}
    assert (looks[1] == photo[:8, :16]).all()
    assert (looks[4] == photo[2:, 4:]).all()
    assert (looks[6] == photo[:, ::-1]).all()
    assert (looks[7] == looks[1][:, ::-1]).all()


# --- Peers ------------------------------------------------------------------------------------


class Flat(torch.nn.Module):
    """A network of another library, with the right number of classes."""

    def __init__(self, classes=1000):
        super().__init__()
        self.fc = torch.nn.Linear(3, classes)
        self.layouts = []

    def forward(self, x):
        self.layouts.append((x.is_contiguous(memory_format=torch.channels_last), x.dtype))
        return self.fc(x.mean((2, 3)))


def test_peers_that_are_not_there_are_named_with_the_reason(monkeypatch):
    for name in ("timm", "transformers", "torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, None)  # as if not installed
    found, missing = peers.peers(torch.randn(1, 3, 32, 32), 1.0, "fp32", 1)
    assert found == {}
    assert "pip install timm" in missing[EAGER]
    assert "pip install transformers" in missing["transformers MobileNetV1, eager"]
    assert "torchvision" in missing["torchvision MobileNetV2, channels_last"]


def test_a_peer_that_breaks_does_not_stop_the_others(monkeypatch):
    def boom(*names, **options):
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    nets = []

    def create_model(name, num_classes):
        assert (name, num_classes) == ("mobilenetv1_100", 1000)
        nets.append(Flat())
        return nets[-1]

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))

    class Several(Flat):
        def forward(self, x):
            return super().forward(x), "hidden states"

    monkeypatch.setitem(sys.modules, "torchvision.models", SimpleNamespace(get_model=boom))
    two = {"MobileNetV1Config": dict, "MobileNetV1ForImageClassification": lambda config: Several()}
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(**two))
    monkeypatch.setattr(peers, "through_openvino", lambda *a: peers.Entry(print, a[2]))
    found, missing = peers.peers(torch.randn(2, 3, 8, 8), 1.0, "fp32", 1)
    assert set(found) == {
        "timm, eager",
        "timm, channels_last",
        "timm, OpenVINO fp32",
        "timm, OpenVINO bf16",
        "transformers MobileNetV1, eager",
    }
    said = "RuntimeError: operator torchvision::nms does not exist"
    assert missing["torchvision MobileNetV2, eager"] == said
    assert [net.layouts[0] for net in nets[:2]] == [(False, torch.float32), (True, torch.float32)]
    assert found[EAGER].task().shape == (2, 1000)
    assert found["transformers MobileNetV1, eager"].task().shape == (2, 1000)
    assert not nets[0].training


def test_at_another_width_only_those_that_have_it_are_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    found, missing = peers.peers(torch.randn(1, 3, 32, 32), 0.5, "fp32", 1)
    assert found == {}
    assert missing["timm, torchvision"] == "their MobileNets have alpha 1, ours here 0.5"
    assert set(missing) == {"timm, torchvision", "transformers MobileNetV1, eager"}


def test_a_peer_with_another_answer_is_refused(monkeypatch):
    ten = SimpleNamespace(create_model=lambda *a, **k: Flat(10))
    monkeypatch.setitem(sys.modules, "timm", ten)
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    _, missing = peers.peers(torch.randn(1, 3, 8, 8), 1.0, "fp32", 1)
    assert missing[EAGER] == "ValueError: it answers with (1, 10), not (1, 1000)"


@pytest.mark.filterwarnings("ignore")
def test_openvino_takes_a_network_as_its_own_converter_does():
    pytest.importorskip("openvino")
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(9)
    )
    images = torch.randn(2, 3, 8, 8)
    net(images)
    peer = peers.through_openvino(lambda: net, images, "fp32", 1)
    expected = net(images).detach().numpy()
    assert abs(peer.task()[0] - expected).max() < 1e-4 * abs(expected).max()
