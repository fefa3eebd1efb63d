"""Two processes compute what one does: `accelerate launch` with gloo, on this machine's CPU."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import tiny, write_images

from mobilenet_lib import data
from mobilenet_lib.train import checkpoint, sweep

LAUNCH = ("-m", "accelerate.commands.launch", "--num_machines", "1")
LAUNCH += ("--mixed_precision", "no", "--dynamo_backend", "no")


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def launch(processes, recipe, folder, *more):
    options = [*sweep.changed_options(recipe), "--out", str(folder), *more]
    return start(processes, "--module", "mobilenet_lib.cli", "train", *options)


def start(processes, *what):
    command = [sys.executable, *LAUNCH, "--num_processes", str(processes)]
    # Accelerate's word for several processes; the recipe says that they run on the CPU.
    command += ["--multi_gpu"] * (processes > 1)
    command += ["--main_process_port", str(free_port()), *what]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.parametrize("augment", ["light"])
def test_two_processes_with_half_the_batch_each_train_the_same_network(tmp_path, augment):
    """Twenty steps with BN statistics frozen."""
    images = write_images(tmp_path / "images.parquet", 50)
    recipe = tiny(images, freeze_statistics=True, epochs=5, augment=augment, weight_decay=1e-3)
    one = launch(1, recipe, tmp_path / "one")
    two = launch(2, recipe, tmp_path / "two")
    assert two.stdout.count("of the test images") == 1, "only the first process speaks"
    for name, count in (("one", 1), ("two", 2)):
        said = json.loads((tmp_path / name / "results.json").read_text("utf-8"))
        assert said["processes"] == count
    assert one.stdout.split(" after")[0] == two.stdout.split(" after")[0]
    first, second = (load_file(tmp_path / n / "net.safetensors") for n in ("one", "two"))
    moved = 0.0
    start = load_start(recipe, tmp_path)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-5)
        moved = max(moved, (value - start[name]).abs().max().item())
    assert moved > 1e-2, "twenty steps that changed nothing would prove nothing"


HALF_A_RUN = """
import json, sys
import torch
from mobilenet_lib.train import Recipe, Trainer, loop

asked, choose = [], loop.choose
loop.choose = lambda *given: asked.append(given[2]) or choose(*given)
trainer = Trainer(Recipe.from_dict(json.loads(sys.argv[1])), sys.argv[2])
for _ in range(9):
    trainer.step()
trainer.save()
assert asked == [4] * trainer.accelerator.is_main_process, "a plan is for half of a batch of 8"
trainer.evaluate()
own = torch.cat([value.flatten() for value in trainer.average.values.values()])
everyone = trainer.accelerator.gather(own[None])
assert len(everyone) == 2 and torch.equal(everyone[0], everyone[1]), "they tested two networks"
"""


def test_two_processes_go_on_where_they_were(tmp_path):
    """Statistics, dropout and data of each process; the second half by the command."""
    images = write_images(tmp_path / "images.parquet", 50)
    recipe = tiny(images, epochs=4, dropout=0.3, augment="light", optimizer="adamw", average=0.9)
    launch(2, recipe, tmp_path / "whole")
    script = tmp_path / "half.py"
    script.write_text(HALF_A_RUN, "utf-8")
    start(2, str(script), json.dumps(recipe.to_dict()), str(tmp_path / "parts"))
    launch(2, recipe, tmp_path / "parts", "--resume")
    whole, parts = (
        (tmp_path / name / "net.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert parts == whole
    losses = [
        torch.tensor(checkpoint.read_state(tmp_path / name / "training.ckpt")["losses"])
        for name in ("whole", "parts")
    ]
    assert torch.equal(*losses)


def load_start(recipe, tmp_path):
    from mobilenet_lib.train import Trainer

    trainer = Trainer(recipe)
    assert trainer.steps == 20
    return trainer.net.state_dict()


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


def test_only_broken_images_end_the_run(tmp_path):
    path = write_images(tmp_path / "images.parquet", 20, broken=tuple(range(20)))
    with pytest.raises(ValueError, match=r"none of 16 images could be used; .*: damaged"):
        next(data.load(path, batch_size=4, resolution=32).endless())
