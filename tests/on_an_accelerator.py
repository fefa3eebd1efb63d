"""What readers with a GPU run, on this machine's accelerator or a pretended one.

Not collected by itself: `test_accelerator.py` runs it with `-p accelerator`.
"""

import numpy as np
import pytest
import torch
from accelerator import DEVICE, REAL
from tiny_training import tiny, write_folder

from mobilenet_lib import MobileNet, cli, data, engines, load_published, mobilenet_v1
from mobilenet_lib.checks import check
from mobilenet_lib.explain import class_activation, look, occlusion
from mobilenet_lib.explorers import DetectorExplorer
from mobilenet_lib.photos import load_photo
from mobilenet_lib.process import check_device
from mobilenet_lib.timing import interleave
from mobilenet_lib.train import Trainer, train

ON_TORCH = [name for name, engine in engines.ENGINES.items() if engine.device == "any"]
if not REAL:
    ON_TORCH.remove("compiled")  # what is pretended cannot be traced
WHERE = torch.device(DEVICE.type) if REAL else DEVICE  # as Accelerate calls it
ELSEWHERE = [name for name, engine in engines.ENGINES.items() if engine.device == "cpu"]


def same(own, wanted):
    """Whether numbers are the processor's: to the bit if pretended, up to TF32's rounding else."""
    own, wanted = (
        x.cpu() if torch.is_tensor(x) else torch.from_numpy(np.asarray(x)) for x in (own, wanted)
    )
    return torch.allclose(own, wanted, rtol=1e-2, atol=1e-2) if REAL else torch.equal(own, wanted)


@pytest.fixture(scope="module")
def detector():
    return load_published("person_detector")


@pytest.fixture(scope="module")
def moved():
    return load_published("person_detector").to(DEVICE)


# --- The accelerator refuses what real ones refuse ------------------------------------------------


@pytest.mark.parametrize(
    "mixed",
    [
        lambda here, there: here + there,
        lambda here, there: torch.cat([there, here]),
        lambda here, there: torch.nn.functional.linear(here, there),
        lambda here, there: here.add_(there),
        lambda here, there: here[there.long()],
    ],
)
def test_tensors_of_both_sides_do_not_mix(mixed):
    with pytest.raises(RuntimeError, match="device"):
        mixed(torch.ones(2, 2), torch.ones(2, 2, device=DEVICE))


def test_numpy_and_the_processors_random_numbers_are_refused():
    with pytest.raises(TypeError, match=r"Tensor\.cpu\(\)"):
        np.asarray(torch.ones(2, device=DEVICE))
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(2, device=DEVICE, generator=torch.Generator())


def test_numbers_and_indices_of_the_processor_are_taken():
    there = torch.arange(4.0).to(DEVICE)
    assert (there * torch.tensor(2.0))[torch.tensor([3, 1])].tolist() == [6.0, 2.0]


def test_it_computes_what_the_processor_does(detector, moved):
    x = torch.rand(2, 3, 96, 96)
    assert same(moved(x.to(DEVICE)), detector(x))
    assert moved(x.to(DEVICE)).device == DEVICE
    assert torch.accelerator.current_accelerator().type == DEVICE.type == check_device(DEVICE).type


# --- Data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", ["glyphs", "table", "folder"])
def test_batches_are_the_processors(kind, split, images, tmp_path):
    source = {"glyphs": "glyphs", "table": images}.get(kind) or write_folder(tmp_path / "folder")
    options = dict(split=split, batch_size=4, resolution=40, seed=3)
    wanted = data.load(source, **options)
    found = data.load(source, **options, device=DEVICE)
    for (x, y), (own_x, own_y), _ in zip(wanted, found, range(2), strict=False):
        assert own_x.device == own_y.device == DEVICE
        assert same(own_x, x)
        assert torch.equal(own_y.cpu(), y)


@pytest.mark.parametrize("augment", ["paper", "rand"])
def test_augmented_batches_are_the_processors(augment, images):
    options = dict(batch_size=8, resolution=32, augment=augment)
    x, _ = next(iter(data.load(images, **options)))
    own, _ = next(iter(data.load(images, **options, device=DEVICE)))
    torch.testing.assert_close(own.cpu(), x, rtol=1.3e-6, atol=1e-2 if REAL else 1e-5)


# --- Training -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(optimizer="rmsprop", epsilon=1.0, average=0.9),
        dict(optimizer="adamw", dropout=0.3, augment="rand"),
    ],
    ids=["sgd", "rmsprop", "adamw"],
)
def test_a_run_goes_on_to_the_bit(changes, images, tmp_path):
    recipe = tiny(images, epochs=1, **changes)
    whole = Trainer(recipe)
    assert whole.device == WHERE
    for _ in range(6):
        whole.step()
    first = Trainer(recipe, tmp_path)
    for _ in range(3):
        first.step()
    first.save()
    torch.rand(7)  # somebody else's random numbers
    again = Trainer(recipe, tmp_path, resume=True)
    for _ in range(3):
        again.step()
    assert same(again.losses, whole.losses)
    assert same(again.history[0]["accuracy"], whole.history[0]["accuracy"])
    own, wanted = again.result().net.state_dict(), whole.result().net.state_dict()
    assert all(same(own[name], value) for name, value in wanted.items())


def test_what_comes_of_a_run_is_the_processors(images, tmp_path):
    result = train(tiny(images, epochs=1), tmp_path)
    assert next(result.net.parameters()).device.type == "cpu"
    net = load_published(tmp_path / "net.safetensors")
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(net(x), result.net(x))


def test_the_processor_may_be_asked_for(images):
    assert Trainer(tiny(images, device="cpu")).device.type == "cpu"
    assert Trainer(tiny(images, device="auto")).device == WHERE


def test_the_command_trains_and_predicts(images, tmp_path, capsys):
    small = ["--alpha", "0.1", "--resolution", "32", "--batch-size", "8", "--epochs", "1"]
    out = tmp_path / "run"
    assert cli.main(["train", "--dataset", str(images), "--out", str(out), *small]) == 0
    assert cli.main(["predict", "--weights", str(out / "net.safetensors"), "cat"]) in (0, 2)
    capsys.readouterr()


# --- Looking and running ------------------------------------------------------------------------


def test_a_network_is_asked_where_it_is(detector, moved):
    photo = load_photo("astronaut")
    here, there = look(detector, photo, 1), look(moved, photo, 1)
    assert same(there.probability, here.probability)
    assert same(there.occluded, here.occluded)
    assert same(there.activation, here.activation)
    x = detector.preprocess(photo)
    assert same(occlusion(moved, x.to(DEVICE), 1), occlusion(detector, x, 1))
    assert same(class_activation(moved, x), class_activation(detector, x))


def test_the_explorer_takes_a_network_that_was_moved(moved):
    assert "person" in DetectorExplorer(moved, "astronaut").still().alt


@pytest.mark.filterwarnings("ignore:TensorFloat32")  # the compiler's advice
@pytest.mark.parametrize("name", ON_TORCH)
def test_engines_of_torch_run_where_the_example_is(name, detector, moved):
    x = torch.rand(2, 3, 96, 96)
    wanted = engines.ENGINES[name]().prepare(detector, x).run(x)
    for net in (detector, moved):
        engine = engines.ENGINES[name]().prepare(net, x.to(DEVICE))
        assert same(engine.run(x.to(DEVICE)), wanted)
        assert engines.accuracy(engine, x.to(DEVICE), wanted.argmax(1)) == 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_cuda_graph_computes_the_same(precision, moved):
    for size in (1, 16):
        x = torch.rand(size, 3, 96, 96, device=DEVICE)
        engines.verify(
            engines.ENGINES["cuda-graph"](precision=precision).prepare(moved, x), moved, x
        )


@pytest.mark.parametrize("name", ELSEWHERE)
def test_other_engines_say_where_they_run(name, detector):
    engine = engines.ENGINES[name]()
    if not engine.available():
        pytest.skip(engine.available().reason)
    with pytest.raises(engines.EngineError, match=f"runs on cpu, example is on {DEVICE.type}"):
        engine.prepare(detector, torch.rand(1, 3, 96, 96, device=DEVICE))


def test_a_moved_network_is_exported_and_timed(moved, tmp_path):
    engines.export(moved, tmp_path / "net.onnx")
    x = torch.rand(1, 3, 96, 96, device=DEVICE)
    with torch.inference_mode():
        seconds = interleave({"net": lambda: moved(x)}, 2, warm_up=1, device=DEVICE)
    assert len(seconds["net"]) == 2


# --- Exercises ----------------------------------------------------------------------------------


def test_a_block_on_the_accelerator_is_checked():
    def block(channels, filters, stride):
        nn = torch.nn
        return nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, filters, 1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
        ).to(DEVICE)

    assert check("3.2", block, record=False).right is True


def test_a_fresh_network_moves_there_and_back():
    net = MobileNet(mobilenet_v1(alpha=0.25, resolution=32, num_classes=4)).eval()
    x = torch.rand(1, 3, 32, 32)
    wanted = net(x)
    assert same(net.to(DEVICE)(x.to(DEVICE)), wanted)
    assert torch.equal(net.to("cpu")(x), wanted)
