"""`mobilenet predict`: what it prints, for one photo or many, and for those that are none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import checkpoint_files as files
import numpy as np
import pytest
from PIL import Image

from mobilenet_lib import PAPER, cli
from mobilenet_lib.files import find_data
from mobilenet_lib.preprocess import INCEPTION
from mobilenet_lib.weights import save_checkpoint

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = find_data() / "photos"
EXPECTED = json.loads((ROOT / "tests/parity/person_detector.json").read_text("utf-8"))["photos"]


@pytest.fixture
def folder(tmp_path):
    """Three photos, a text file, and a folder in the folder."""
    for name in ("astronaut", "cat"):
        shutil.copy(PHOTOS / f"{name}.jpg", tmp_path)
    (tmp_path / "deep").mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", tmp_path / "deep" / "COFFEE.JPG")
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def run(capsys, *arguments):
    code = cli.main(["predict", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_photo_of_the_book(capsys):
    paths = sorted(PHOTOS.glob("*.jpg"))
    code, out, err = run(capsys, *paths)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == len(paths) == 7
    for line, path in zip(lines, paths, strict=True):
        said, share, shown = line.rsplit("  ", 2)
        person = EXPECTED[path.stem]["probabilities"][0]
        assert said.strip() == ("person" if path.stem in ("astronaut", "camera") else "no person")
        assert float(share.strip(" %")) == pytest.approx(100 * max(person, 1 - person), abs=0.06)
        assert shown == str(path)


def test_json_has_every_probability(capsys):
    code, out, _ = run(capsys, "--json", "cat", PHOTOS / "astronaut.jpg")
    said = json.loads(out)
    assert code == 0
    assert said["classes"] == ["person", "non_person"]
    assert said["errors"] == []
    cat, astronaut = said["photos"]
    assert (cat["photo"], cat["label"]) == ("cat", "non_person")
    assert astronaut["label"] == "person"
    assert astronaut["confidence"] == astronaut["probabilities"]["person"]
    for name, seen in (("cat", cat), ("astronaut", astronaut)):
        shares = list(seen["probabilities"].values())
        assert np.allclose(shares, EXPECTED[name]["probabilities"], atol=1e-4)


def names(out):
    return [Path(seen["photo"]).name for seen in json.loads(out)["photos"]]


def test_folders_and_patterns(capsys, folder):
    assert names(run(capsys, "--json", folder)[1]) == ["astronaut.jpg", "cat.jpg"]
    assert names(run(capsys, "--json", folder / "deep")[1]) == ["COFFEE.JPG"]
    assert names(run(capsys, "--json", folder / "c*")[1]) == ["cat.jpg"]
    code, out, _ = run(capsys, "--json", folder / "**" / "*.[jJ][pP][gG]")
    assert names(out) == ["astronaut.jpg", "cat.jpg", "COFFEE.JPG"]
    assert code == 0


def test_a_file_whose_name_looks_like_a_pattern(capsys, folder):
    (folder / "cat.jpg").rename(folder / "cat[1].jpg")
    assert names(run(capsys, "--json", folder / "cat[1].jpg")[1]) == ["cat[1].jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_is_printed_somehow(capsys, folder):
    odd = os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")
    shutil.copy(folder / "cat.jpg", odd)
    code, out, err = run(capsys, odd, folder / "astronaut.jpg")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.endswith("caf\\udce9.jpg")
    assert second.endswith("astronaut.jpg")


def test_a_broken_file_is_reported_and_the_rest_go_on(capsys, folder):
    (folder / "bad.jpg").write_bytes((folder / "cat.jpg").read_bytes()[:999])
    Image.fromarray(np.full((9, 9), -1, np.int32)).save(folder / "clear.tif")
    code, out, err = run(capsys, folder, folder / "none.jpg", folder / "*.bmp")
    assert code == 1
    assert [line.rsplit(os.sep, 1)[1] for line in out.splitlines()] == ["astronaut.jpg", "cat.jpg"]
    problems = err.splitlines()
    assert len(problems) == 4
    assert all(line.startswith("mobilenet: error: ") for line in problems)
    for line, words in zip(
        problems,
        ("bad.jpg cannot be read", "mode I and numbers from -1", "none.jpg", "nothing matches"),
        strict=True,
    ):
        assert words in line
    code, out, _ = run(capsys, "--json", folder, folder / "none.jpg")
    assert code == 1
    assert [Path(e["photo"]).name for e in json.loads(out)["errors"]] == [
        "bad.jpg",
        "clear.tif",
        "none.jpg",
    ]


@pytest.mark.parametrize("what", ["notes.txt", "none.jpg", "*.bmp", "empty"])
def test_nothing_usable_is_exit_code_2(capsys, folder, what):
    (folder / "empty").mkdir()
    code, out, err = run(capsys, folder / what)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert what in line


def test_no_photo_at_all_is_exit_code_2(capsys):
    code, _, err = run(capsys)
    assert code == 2
    assert "name at least one photo" in err


def test_the_threshold_decides(capsys):
    assert run(capsys, "astronaut", "--threshold", "0.9")[1].startswith("no person     21.8%")
    assert run(capsys, "rocket", "--threshold", "0.2")[1].startswith("person        21.5%")
    code, _, err = run(capsys, "cat", "--threshold", "2")
    assert code == 2
    assert "threshold must be a number above 0 and at most 1, got 2.0" in err


def test_another_checkpoint(capsys, tmp_path):
    net = files.small_net(PAPER, alpha=0.25, num_classes=3, resolution=64)
    path = tmp_path / "net.safetensors"
    save_checkpoint(net, path, preprocess=INCEPTION.at(64), classes=("ant", "bee", "cow"))
    code, out, _ = run(capsys, "--json", "--weights", path, "cat")
    (seen,) = json.loads(out)["photos"]
    assert code == 0
    assert list(seen["probabilities"]) == ["ant", "bee", "cow"]
    assert seen["confidence"] == max(seen["probabilities"].values())
    assert seen["label"] == max(seen["probabilities"], key=seen["probabilities"].get)


@pytest.mark.parametrize("what", ["none.safetensors", "bad.safetensors"])
def test_a_checkpoint_that_is_none_is_one_line(capsys, tmp_path, what):
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    code, out, err = run(capsys, "cat", "--weights", tmp_path / what)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("mobilenet: error: ")
    assert what in line


@pytest.mark.slow
def test_it_runs_from_anywhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mobilenet_lib.cli", "predict", PHOTOS / "camera.jpg"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        check=True,
    )
    assert done.stdout.startswith("person        71.2%")
    assert done.stderr == ""
