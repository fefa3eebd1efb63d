"""The committed checkpoints: their data sheets are of these files, and their quality holds."""

import hashlib

import pytest
import torch

from mobilenet_lib import data, load_published
from mobilenet_lib.files import find_data

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
