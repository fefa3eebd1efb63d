"""`fastest` picks by the clock among those that are right; which are right never depends on it."""

import importlib

import pytest
import torch
from torch import nn

from mobilenet_lib import PAPER, MobileNet
from mobilenet_lib.engines import ENGINES, Availability, EngineError, fastest, torch_engines

# The function of that name hides the module.
module = importlib.import_module("mobilenet_lib.engines.fastest")
TORCH_ONLY = ("channels_last", "folded")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = MobileNet(PAPER.architecture(5, alpha=0.25, resolution=32), PAPER)
    nn.init.normal_(net.fc.weight, std=0.5)
    return net.eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def labels(net, images):
    return net(images).argmax(1).detach()


@pytest.fixture
def clock(monkeypatch):
    """Seconds by label, in place of the machine's; each run of `interleave` is noted."""
    seconds, runs = {}, []

    def interleave(tasks, readings, device, settle):
        runs.append(list(tasks))
        for task in tasks.values():
            task()
        assert settle, "they are of several libraries"
        taken = {label: seconds.get(label, 9.0) for label in tasks}
        return {n: s if isinstance(s, list) else [s] * readings for n, s in taken.items()}

    monkeypatch.setattr(module, "interleave", interleave)
    seconds["runs"] = runs
    return seconds


class Int8(torch_engines.Eager):
    """Wrong for the first `wrong` of the images that it is prepared with."""

    name, precision, calibrates, device = "fake-int8", "int8", True, "cpu"
    wrong = 2

    def __init__(self, *, slice=None):
        torch_engines.Engine.__init__(self, slice=slice)

    def _prepare(self, net, example, calibration):
        self._net, self._flipped = net, calibration[: self.wrong]

    def _run(self, x):
        logits = self._net(x)
        wrong = (x[:, None] == self._flipped[None]).flatten(2).all(2).any(1)
        return torch.where(wrong[:, None], -logits, logits)


def test_it_runs_on_this_machine(net, images):
    found = fastest(net, images[:2], engines=TORCH_ONLY, readings=3)
    assert {"eager", *TORCH_ONLY} <= set(found.timings)
    torch.testing.assert_close(found.engine.run(images[:2]), net(images[:2]).detach())
    assert found.why.startswith(f"{found.engine.label} takes ")
    quickest = min(found.timings, key=lambda label: found.timings[label].fastest_ms)
    assert found.engine.label == quickest
    assert found.left_out == {}
    assert found.accuracies == {}


def test_the_clock_decides(net, images, clock):
    clock |= {"eager": 4.0, "channels_last": 3.0, "folded": 2.0}
    found = fastest(net, images[:1], engines=TORCH_ONLY, readings=2)
    assert clock["runs"] == [["eager", "channels_last", "folded"]]
    assert found.engine.label == "folded"
    assert (
        found.why == "folded takes 2e+03 ms for a batch of 1, 2.00 times as fast as eager, the "
        "best of 3 that are right"
    )


def test_a_busy_while_does_not_decide(net, images, clock):
    """For more than half of the rounds the machine slows one engine more than the other."""
    clock |= {"channels_last": [3.0] * 7, "folded": [2.0] * 3 + [4.0] * 4}
    found = fastest(net, images[:1], engines=TORCH_ONLY)
    assert found.engine.label == "folded"
    assert "folded takes 2e+03 ms for a batch of 1, 4.50 times as fast as eager" in found.why


def test_a_batch_is_tried_in_slices(net, images, clock):
    clock |= {"folded": 2.0, "folded, slices of 2": 1.0, "folded, slices of 4": 0.5}
    found = fastest(net, images[:6], engines=TORCH_ONLY, readings=2)
    slices = ["folded, slices of 1", "folded, slices of 2"]  # 4 does not divide 6
    assert clock["runs"][1:] == [["eager", *TORCH_ONLY, *slices]]
    assert found.engine.label == "folded, slices of 2"
    assert found.engine.shape == (6, 3, 32, 32)


def test_a_wrong_engine_is_never_the_fastest(net, images, clock, monkeypatch):
    class Wrong(torch_engines.Eager):
        name = "wrong"

        def _run(self, x):
            return super()._run(x) + 1

    class Broken(torch_engines.Eager):
        name = "broken"

        def _prepare(self, net, example, calibration):
            raise RuntimeError("no such kernel")

    class Missing(torch_engines.Eager):
        name = "missing"

        @classmethod
        def available(cls):
            return Availability(False, "it needs a quantum computer")

    class Elsewhere(torch_engines.Eager):
        name, device = "elsewhere", "cuda"

    for kind in (Wrong, Broken, Missing, Elsewhere, Int8):
        monkeypatch.setitem(ENGINES, kind.name, kind)
        clock[kind.name] = 1e-3
    names = ("wrong", "broken", "missing", "elsewhere", "fake-int8", "folded")
    found = fastest(net, images[:1], engines=names, readings=2)
    assert set(found.timings) == {"eager", "folded"}
    assert "wrong computes something else than eager" in found.left_out.pop("wrong")
    assert found.left_out == {
        "broken": "RuntimeError: no such kernel",
        "missing": "it needs a quantum computer",
        "elsewhere": "it runs on cuda, the example is on cpu",
        "fake-int8": "what int8 costs is unknown without images and labels",
    }


@pytest.mark.parametrize(
    ("wrong", "drop", "taken"), [(2, 0.0, False), (2, 0.04, False), (2, 0.05, True), (0, 0.0, True)]
)
def test_accuracy_may_drop_as_far_as_allowed(
    wrong, drop, taken, net, images, labels, clock, monkeypatch
):
    monkeypatch.setitem(ENGINES, Int8.name, Int8)
    monkeypatch.setattr(Int8, "wrong", wrong)
    clock |= {Int8.name: 1e-3}
    options = {"engines": (Int8.name, "folded"), "readings": 2}
    found = fastest(net, images[:1], drop, images, labels, **options)
    right = pytest.approx(1 - wrong / 40)
    assert found.accuracies == {"eager": 1.0, "folded": 1.0, Int8.name: right}
    assert (found.engine.label == Int8.name) is taken
    if not taken:
        assert found.left_out == {
            Int8.name: f"it loses 5.0% of accuracy, {drop:.1%} is allowed",
        }


def test_calibration_images_may_be_others(net, images, labels, clock, monkeypatch):
    monkeypatch.setitem(ENGINES, Int8.name, Int8)
    options = {"engines": (Int8.name,), "readings": 2, "calibration": images[:2] + 1}
    found = fastest(net, images[:1], 0.0, images, labels, **options)
    assert found.accuracies[Int8.name] == 1.0, "it is wrong for none of the images"


def test_refusals(net, images, labels):
    x = images[:1]
    with pytest.raises(ValueError, match="pass both"):
        fastest(net, x, accuracy_drop=0.01)
    with pytest.raises(ValueError, match="pass both"):
        fastest(net, x, images=images)
    with pytest.raises(ValueError, match="accuracy_drop"):
        fastest(net, x, 1.5, images, labels)
    with pytest.raises(ValueError, match=r"engine must be one of eager, .*got 'warp'"):
        fastest(net, x, engines=["warp"])
    with pytest.raises(ValueError, match="readings"):
        fastest(net, x, readings=1)
    with pytest.raises(EngineError, match="one each"):
        fastest(net, x, 0.0, images, labels[:-1])
