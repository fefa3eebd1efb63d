"""Five hundred valid descriptions with a word changed: followed, or refused by name; never else."""

import copy
import io
import json
import warnings
from random import Random

import checkpoint_files as files
import mutated
import numpy as np
import pytest
import torch
from PIL import Image

from mobilenet_lib import data, load_published
from mobilenet_lib.weights import WeightsError
from mobilenet_lib.weights.hub_processor import processor


def test_there_are_five_hundred():
    assert sum(mutated.COUNTS.values()) == 500


@pytest.mark.slow
def test_keras_descriptions_are_followed_or_refused(tmp_path):
    pytest.importorskip("h5py")
    arrays, followed, refused = mutated.keras_arrays(), 0, 0
    rng = np.random.default_rng(0)
    for i in range(mutated.COUNTS["keras"]):
        random = Random(mutated.SEED + i)
        model = copy.deepcopy(files.keras_model(size=mutated.SIDE))
        how = [mutated.change_keras(model, random) for _ in range(random.choice((1, 1, 2)))]
        path = files.write_keras(tmp_path / "a.h5", arrays, "model", model)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the file does not say how its pixels")
                net = load_published(path, head="any")
        except WeightsError as error:
            message = str(error)
        else:
            message = ""
        if message:
            assert str(path) in message, how
            refused += 1
            continue
        side = net.preprocess.resolution
        pixels = np.repeat(np.repeat(rng.integers(0, 256, (2, 4, 4, 3)), 64, 1), 64, 2)
        pixels = pixels[:, :side, :side].astype(np.uint8)
        if side > 256:
            continue
        x = net.preprocess.normalize(torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2))
        scaled = pixels if net.preprocess.scale == 1 else pixels / 127.5 - 1
        try:
            theirs = mutated.run_keras(model, arrays, np.ascontiguousarray(scaled, np.float64))
        except mutated.Cannot as error:
            raise AssertionError(f"{how}: loaded, and the reference says {error}") from error
        with torch.inference_mode():
            ours = net(x)
            last = model["config"]["layers"][-1]["config"].get("activation")
            if last in ("softmax", "sigmoid"):
                assert net.head == last, how
                ours = net.probabilities(ours)
        assert ours.shape == theirs.shape, how
        assert abs(ours.numpy() - theirs).max() < 1e-3 * max(1, abs(theirs).max()), how
        followed += 1
    assert followed > 60
    assert refused > 60


def test_the_reference_is_sharp():
    """A convention that was overlooked moves the answer far more than is allowed above."""
    arrays = mutated.keras_arrays()
    pixels = np.random.default_rng(1).uniform(-1, 1, (1, 65, 65, 3))
    model = files.keras_model(size=65)
    usual = mutated.run_keras(model, arrays, pixels)
    for name, value in (("padding", [[1, 1], [1, 1]]), ("epsilon", 0.1), ("max_value", 1.0)):
        other = copy.deepcopy(model)
        for layer in other["config"]["layers"]:
            if name in layer["config"] and (name != "padding" or "pad" in layer["name"]):
                layer["config"][name] = value
        assert abs(mutated.run_keras(other, arrays, pixels) - usual).max() > 5e-3, name


def test_processors_are_followed_or_refused():
    grain = np.random.default_rng(0).integers(0, 256, (61, 90, 3), dtype=np.uint8)
    photos = [Image.fromarray(grain), Image.fromarray(grain.transpose(1, 0, 2).copy())]
    followed = refused = 0
    for i in range(mutated.COUNTS["processor"]):
        random = Random(mutated.SEED + i)
        config = copy.deepcopy(mutated.USUAL)
        how = [mutated.change_processor(config, random) for _ in range(random.choice((1, 2, 3)))]
        config = json.loads(json.dumps(config))
        try:
            prepare = processor(224, config)
        except WeightsError as error:
            prepare, message = None, str(error)
        if prepare is None:
            assert any(name in message for name in config), (how, message)
            refused += 1
            continue
        for photo in photos:
            theirs = mutated.run_processor(config, photo)
            ours = prepare(photo)[0].permute(1, 2, 0).numpy()
            assert ours.shape == theirs.shape, how
            assert abs(ours - theirs).max() < 1e-3 * max(1, abs(theirs).max()), how
        followed += 1
    assert followed > 60
    assert refused > 40


def test_folder_trees_are_read_as_they_were_made(tmp_path):
    content = io.BytesIO()
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(content, "PNG")
    for i in range(mutated.COUNTS["folder"]):
        root = tmp_path / str(i)
        root.mkdir()
        made = mutated.make_tree(root, Random(mutated.SEED + i), content.getvalue())
        for split in ("train", "test"):
            batches = data.load(root, split=split, resolution=32, batch_size=1)
            assert batches.classes == made["classes"], sorted(p.name for p in root.iterdir())
            assert batches.size == made[split], sorted(p.name for p in root.iterdir())
