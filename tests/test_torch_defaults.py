"""What notebooks set for torch in their first cell does not reach what the library computes."""

import pytest
import torch
from tiny_training import tiny

from mobilenet_lib import data, engines, load_published
from mobilenet_lib.bench.latency import latencies
from mobilenet_lib.explain import look
from mobilenet_lib.photos import load_photo
from mobilenet_lib.process import torch_defaults
from mobilenet_lib.train import Trainer, train


@pytest.fixture(
    params=["float64", "bfloat16", "device", "no gradients", "inference", "deterministic"]
)
def setting(request):
    """One thing that a program has set; on "meta", tensors have no numbers at all."""
    dtype = torch.get_default_dtype()
    with torch.inference_mode(request.param == "inference"):
        if request.param in ("float64", "bfloat16"):
            torch.set_default_dtype(getattr(torch, request.param))
        if request.param == "device":
            torch.set_default_device("meta")
        torch.use_deterministic_algorithms(request.param == "deterministic")
        with torch.set_grad_enabled(request.param not in ("no gradients", "inference")):
            yield request.param
    torch.set_default_dtype(dtype)
    torch.set_default_device(None)
    torch.use_deterministic_algorithms(False)


def batches(images):
    for source in ("glyphs", images):
        for split in ("train", "test"):
            for batch, _ in zip(
                data.load(source, split=split, batch_size=4, resolution=40), range(2), strict=False
            ):
                yield from batch


def losses(images):
    trainer = Trainer(tiny(images, augment="rand", dropout=0.3, average=0.9, epochs=1))
    return [trainer.step().loss for _ in range(6)], trainer.history[0]["accuracy"]


def detected():
    net = load_published("person_detector")
    photo = load_photo("cat")
    x = net.preprocess(photo)
    seen = look(net, photo, 1)
    engine = engines.ENGINES["folded"]().prepare(net, x)
    with torch.inference_mode():
        return [net(x), engine.run(x)], (seen.probability, *(part.tolist() for part in seen[3:]))


@pytest.fixture(scope="module")
def plain(images):
    """What comes out where nothing is set."""
    return list(batches(images)), losses(images), detected()


def same(found, wanted):
    assert [t.dtype for t in found] == [t.dtype for t in wanted]
    return all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_batches_are_the_same(plain, images, setting):
    assert same(list(batches(images)), plain[0])


def test_training_is_the_same(plain, images, setting):
    assert losses(images) == plain[1]


def test_what_a_published_network_says_is_the_same(plain, setting):
    logits, seen = detected()
    assert same(logits, plain[2][0])
    assert seen == plain[2][1]


def test_a_run_can_be_used_and_trained_further(images, setting):
    net = train(tiny(images, epochs=1)).net
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    with torch_defaults():
        net(torch.rand(1, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_published_network_can_be_trained_further(setting):
    net = load_published("letters_teacher")
    with torch_defaults():
        net(torch.rand(1, 3, 64, 64)).sum().backward()
    assert net.fc.weight.grad.dtype == torch.float32


@pytest.mark.slow
def test_engines_are_timed_and_exported(tmp_path, setting):
    net = load_published("person_detector")
    engines.export(net, tmp_path / "net.onnx")
    some = ["folded", "onnxruntime", "openvino"]
    x = net.preprocess(load_photo("cat"))
    assert engines.fastest(net, x, engines=some, readings=2).timings
    assert latencies([(0.25, 96)], readings=2)


def fails():
    with torch_defaults():
        assert torch.empty(1).dtype == torch.float32
        assert torch.empty(1).device.type == "cpu"
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        raise ZeroDivisionError


def test_the_setting_is_as_it_was(setting):
    before = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()
    with pytest.raises(ZeroDivisionError):
        fails()
    now = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()
    assert now == before
    assert torch.is_inference_mode_enabled() is (setting == "inference")


def test_between_two_batches_the_programs_own_setting_holds(images):
    torch.set_default_dtype(torch.float64)
    try:
        for x, _ in data.load(images, batch_size=8):
            assert torch.get_default_dtype() == torch.float64
            assert x.dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
