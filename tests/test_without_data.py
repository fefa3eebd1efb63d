"""The library without the book's data: everything that needs it says so, and how to get it."""

import os
import shutil
from pathlib import Path

import pytest

from mobilenet_lib import cli, data, doctor, explorers, files, load_published, paper, results
from mobilenet_lib.bench.engines import bench_engines
from mobilenet_lib.photos import credits, load_photo

ADVICE = files.GET_DATA

NEEDS = {
    "a checkpoint": lambda: load_published("person_detector"),
    "a photo": lambda: load_photo("cat"),
    "the photos' authors": credits,
    "an explorer's photos": explorers.ConvolutionExplorer,
    "the letters": lambda: data.load("glyphs"),
    "a table": lambda: paper.table(1),
    "phones": paper.phones,
    "the sixteen models": paper.models,
    "recorded results": lambda: results.runs("grid"),
    "checked engines": lambda: bench_engines(["eager"], 0.25, 32, (1,)),
}


def empty(folder):
    return folder


def a_file(folder):
    (folder / "data.zip").write_bytes(b"PK")
    return folder / "data.zip"


def not_there(folder):
    return folder / "nowhere"


def a_checkout(folder):
    (folder / "data/paper").mkdir(parents=True)
    return folder


def relative(folder):
    return Path("data")


def not_to_be_read(folder):
    return "/proc/1/root/data" if os.getuid() else folder / ("x" * 300)


@pytest.mark.parametrize("place", [empty, a_file, not_there, a_checkout, relative, not_to_be_read])
def test_each_need_names_the_folder_and_what_to_do(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = place(tmp_path)
    monkeypatch.setenv("MOBILENET_DATA", str(named))
    for what, need in NEEDS.items():
        with pytest.raises(FileNotFoundError) as caught:
            need()
        said = str(caught.value)
        assert "the book's data folder was not found" in said, what
        assert f"MOBILENET_DATA points to {tmp_path / named}" in said, what
        assert ADVICE in said, what
    finding = doctor.check_data()
    assert finding.status == "fail"
    assert "MOBILENET_DATA points to" in finding.detail


@pytest.mark.parametrize(
    ("lacking", "needs"),
    [
        ("checkpoints", ["a checkpoint", "checked engines"]),
        ("photos", ["a photo", "the photos' authors", "an explorer's photos", "checked engines"]),
        ("glyphs", ["the letters", "checked engines"]),
    ],
)
def test_a_folder_with_only_a_part_of_the_data_is_said_to_be_that(
    lacking, needs, tmp_path, monkeypatch
):
    for name in {"checkpoints", "glyphs", "paper", "photos", "results"} - {lacking}:
        (tmp_path / name).symlink_to(files.find_data() / name)
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    for what in needs:
        with pytest.raises(FileNotFoundError, match="data folder is not whole") as caught:
            NEEDS[what]()
        assert f"{tmp_path} has no {lacking}" in str(caught.value)
        assert ADVICE in str(caught.value)
    finding = doctor.check_data()
    assert finding.status == "fail"
    assert f"has no {lacking}" in finding.detail
    assert paper.table(1).cells


def test_a_photo_whose_file_was_taken_away(tmp_path, monkeypatch):
    shutil.copytree(files.find_data() / "photos", tmp_path / "photos")
    (tmp_path / "paper").mkdir()
    (tmp_path / "photos/cat.jpg").unlink()
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"not whole: .* has no photos/cat\.jpg"):
        load_photo("cat")


def test_what_is_not_the_books_is_not_blamed_on_it(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"one of the book's .*person_detector") as caught:
        load_published("persondetector")
    assert "data folder" not in str(caught.value)
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    for name in ("weights/mine.pt", "mine.safetensors", "two words"):
        with pytest.raises(FileNotFoundError, match="no checkpoint") as caught:
            load_published(name)
        assert "data folder" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"no photo 'mine\.jpg' is here, and the book's"):
        load_photo("mine.jpg")
    (tmp_path / "paper").mkdir()
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(FileNotFoundError, match=r"one of the book's \(none is here\)"):
        load_published("person_detector")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["predict", "cat.jpg"], 2),
        (["train", "--epochs", "1", "--out", "out"], 2),
        (["bench", "--engines", "eager", "--no-peers"], 2),
        (["export", "--checkpoint", "person_detector", "--out", "out.onnx"], 2),
        (["doctor"], 1),
        (["cost"], 0),
    ],
)
def test_each_command_says_it(command, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    assert cli.main(command) == code
    said = "".join(capsys.readouterr())
    assert ("MOBILENET_DATA points to" in said) == bool(code)
