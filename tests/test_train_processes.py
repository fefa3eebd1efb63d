"""Two processes compute what one does: `accelerate launch` with gloo, on this machine's CPU."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from accelerate.utils import gather_object
from safetensors.torch import load_file
from tiny_training import HELD_OUT, in_process, tiny, write_folder, write_images
from torch.multiprocessing import start_processes

from mobilenet_lib import cli, data
from mobilenet_lib.train import Trainer, checkpoint, loop, sweep, train
from mobilenet_lib.train.factory import load_data


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def as_command(recipe, folder, *more):
    return ["train", *sweep.changed_options(recipe), "--out", str(folder), *more]


def launch(command):
    """Run the command in two processes, as readers start them."""
    options = ["-m", "accelerate.commands.launch", "--num_machines", "1", "--mixed_precision", "no"]
    options += ["--dynamo_backend", "no", "--num_processes", "2"]
    # Accelerate's word for several processes; the recipe says that they run on the CPU.
    options += ["--multi_gpu", "--main_process_port", str(free_port())]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    return subprocess.run(
        [sys.executable, *options, "--module", "mobilenet_lib.cli", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def in_two(function, *arguments):
    """Call a function in two processes that know of each other as the launcher's do.

    They are copies of one that has imported this file, which takes seconds each time.
    """
    start_processes(placed, (free_port(), function, arguments), 2, start_method="forkserver")


def placed(rank, port, function, arguments):
    torch.set_num_threads(1)
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    function(*arguments)


@pytest.mark.slow
def test_two_processes_with_half_the_batch_each_train_the_same_network(tmp_path):
    """Twenty steps with BN statistics frozen."""
    images = write_images(tmp_path / "images.parquet", 50)
    recipe = tiny(images, freeze_statistics=True, epochs=5, augment="light", weight_decay=1e-3)
    assert in_process(recipe.to_dict(), str(tmp_path / "one")) == 0
    two = launch(as_command(recipe, tmp_path / "two"))
    assert two.stdout.count("of the test images") == 1, "only the first process speaks"
    one, two = (
        json.loads((tmp_path / name / "results.json").read_text("utf-8")) for name in ("one", "two")
    )
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["history"][-1]["accuracy"] == two["history"][-1]["accuracy"]
    first, second = (load_file(tmp_path / n / "net.safetensors") for n in ("one", "two"))
    moved, trainer = 0.0, Trainer(recipe)
    start = trainer.net.state_dict()
    assert trainer.steps == 20
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-5)
        moved = max(moved, (value - start[name]).abs().max().item())
    assert moved > 1e-2, "twenty steps that changed nothing would prove nothing"


def half_a_run(recipe, folder):
    asked, choose = [], loop.choose
    loop.choose = lambda *given: asked.append(given[2]) or choose(*given)
    trainer = Trainer(recipe, folder)
    for _ in range(9):
        trainer.step()
    trainer.save()
    assert asked == [4] * trainer.accelerator.is_main_process, "a plan is for half of a batch of 8"
    trainer.evaluate()
    own = torch.cat([value.flatten() for value in trainer.average.module.state_dict().values()])
    everyone = trainer.accelerator.gather(own[None])
    assert len(everyone) == 2
    assert torch.equal(everyone[0], everyone[1]), "they tested two networks"


@pytest.mark.slow
def test_two_processes_go_on_where_they_were(tmp_path):
    """Statistics, dropout and data of each process; the second half by the command."""
    images = write_images(tmp_path / "images.parquet", 50)
    recipe = tiny(images, epochs=4, dropout=0.3, augment="light", optimizer="adamw", average=0.9)
    in_two(cli.main, as_command(recipe, tmp_path / "whole"))
    in_two(half_a_run, recipe, tmp_path / "parts")
    in_two(cli.main, as_command(recipe, tmp_path / "parts", "--resume"))
    whole, parts = (
        (tmp_path / name / "net.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert parts == whole
    losses = [
        torch.tensor(checkpoint.read_state(tmp_path / name / "training.ckpt")["losses"])
        for name in ("whole", "parts")
    ]
    assert torch.equal(*losses)


def broken_here_and_there(launched, place):
    found = []
    for name, recipe in launched.items():
        try:
            train(recipe, place / name, on_left_out=lambda line: None)
            said = "finished"
        except ValueError as error:
            said = f"{error}"
        everyone = gather_object([said])
        assert len(everyone) == 2
        assert len(set(everyone)) == 1, everyone
        found.append(said)
    trainer = Trainer(launched["test_of_one"])
    accuracy = trainer.evaluate()
    ((images, labels),) = load_data(trainer.recipe, "test", trainer.device)
    right = (trainer.net(images).argmax(1) == labels).sum().item()
    assert trainer.tested == 3
    assert accuracy == pytest.approx(right / 3)
    if trainer.accelerator.is_main_process:
        (place / "said.json").write_text(json.dumps(found))


@pytest.mark.slow
def test_two_processes_stop_alike_wherever_the_broken_images_are(tmp_path):
    """Each decodes half of the images, so what one of them meets the other does not know."""
    every = [f"{kind}/{i:02d}.png" for kind in ("blue", "red") for i in range(12)]
    test = sorted(HELD_OUT)
    learned = [name for name in every if name not in test]
    cases = {
        "some": (learned[:2] + test[:2], {}),
        "too_many": (learned[:8], {}),
        "all": (learned[:8], {"left_out": 1.0}),
        # A process has one image of three, or none of two: which epoch it is, the seed decides.
        "one": (learned[1:9] + learned[11:], {"left_out": 1.0, "epochs": 6, "seed": 3}),
        "none": (learned[1:9] + learned[10:], {"left_out": 1.0, "epochs": 6, "resolution": 33}),
        "test_of_one": (test[0::2], {"left_out": 1.0}),  # what is left is the second process's
        "too_small": ([], {"batch_size": 2}),
    }
    recipes = {}
    for name, (broken, changes) in cases.items():
        folder = write_folder(tmp_path / "data" / name, broken=dict.fromkeys(broken, b""))
        recipes[name] = tiny(folder, **({"batch_size": 4, "epochs": 2} | changes))
    in_two(broken_here_and_there, recipes, tmp_path / "runs")
    said = dict(zip(cases, json.loads((tmp_path / "runs/said.json").read_text()), strict=True))
    assert said["some"] == said["all"] == said["test_of_one"] == "finished"
    assert "at least 7 of 24 images" in said["too_many"]
    assert "a batch of 1 image, all that broken ones left, cannot be normalized" in said["one"]
    assert "none of 18 images could be used" in said["none"]
    assert said["none"].startswith(("process 1 of 2", "process 2 of 2"))
    assert "a batch of 2, one for each of 2 processes, cannot be normalized" in said["too_small"]
    for name, tested in (("some", 4), ("all", 6), ("test_of_one", 3)):
        content = json.loads((tmp_path / f"runs/{name}/results.json").read_text("utf-8"))
        assert content["test_images"] == tested
        broken = {k: set(v["first_skipped"]) for k, v in content["left_out"].items()}
        assert broken["test"] == set(cases[name][0]) & set(test)
        assert content["left_out"]["train"]["skipped"] == len(set(cases[name][0]) & set(learned))


@pytest.mark.parametrize("name", ["glyphs", "images"])
def test_shards_are_the_rows_of_the_whole(tmp_path, name):
    path = "glyphs" if name == "glyphs" else write_images(tmp_path / "images.parquet")
    options = dict(batch_size=6, resolution=32, augment="rand", seed=3)
    whole = data.load(path, **options)
    shards = [data.load(path, shard=data.Shard(rank, 2), **options) for rank in range(2)]
    streams = [batches.endless(data.Place(1, 2, 12)) for batches in (whole, *shards)]
    for _ in range(2):
        ((x, y), place), *parts = (next(stream) for stream in streams)
        for rank, ((images, labels), own_place) in enumerate(parts):
            assert torch.equal(labels, y[rank::2])
            torch.testing.assert_close(images, x[rank::2])
            assert own_place == place


@pytest.mark.parametrize("name", ["glyphs", "images"])
def test_an_epoch_goes_on_at_any_batch(tmp_path, name):
    if name == "images":
        name = write_images(tmp_path / "images.parquet", broken=(2, 11, 30))
    options = dict(batch_size=5, resolution=32, augment="paper")
    whole, places = data.load(name, **options), [data.Place()]
    batches = []
    for (x, y), place in whole.endless():
        batches.append((x, y))
        places.append(place)
        if len(batches) == 12:
            break
    for start in (1, 4, 8, 9, 11):
        again = data.load(name, **options).endless(places[start])
        for x, y in batches[start:]:
            (images, labels), _ = next(again)
            assert torch.equal(labels, y)
            assert torch.equal(images, x)


def test_a_batch_must_be_divisible():
    with pytest.raises(ValueError, match="a multiple of the 2 processes, got 7"):
        data.load("glyphs", batch_size=7, shard=data.Shard(0, 2))
