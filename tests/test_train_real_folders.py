"""Training on folders as people have them: broken images, moved data, batches of one image."""

import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import encoded
from PIL import Image
from tiny_training import HELD_OUT, tiny, write_folder, write_images

from mobilenet_lib import cli, data
from mobilenet_lib.files import short_path
from mobilenet_lib.train import CheckpointError, TooManyLeftOut, Trainer, checkpoint, train
from mobilenet_lib.train.factory import check_batch, make_network, published

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]

ALL = {kind: [f"{kind}/{i:02d}.png" for i in range(12)] for kind in ("red", "blue")}
SMALL = dict(batch_size=4, epochs=1)
COMMAND = ["train", "--alpha", "0.1", "--resolution", "32", "--plan", "fp32", "--device", "cpu"]
COMMAND += ["--batch-size", "4"]


def cut_short(kind):
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    whole = encoded(noise, kind)
    return whole[: len(whole) // 2]


BROKEN = {
    "red/01.png": b"no image",
    "red/03.png": b"",
    "red/05.png": cut_short("JPEG"),
    "blue/07.png": cut_short("PNG"),
    "red/09.png": b"\x89PNG\r\n\x1a\n",
}


def results(folder):
    return json.loads((folder / "results.json").read_text("utf-8"))


# --- What is left out is said ----------------------------------------------------------------


def test_the_fixture_holds_out_what_it_says(tmp_path):
    test = data.load(write_folder(tmp_path / "mine"), split="test", batch_size=4)
    assert {test.source.key(i) for i in range(test.size)} == HELD_OUT


def test_the_command_says_what_is_left_out_and_the_results_keep_it(tmp_path, capsys):
    folder = write_folder(tmp_path / "mine", broken=BROKEN)
    (folder / "blue/IMG_1.HEIC").write_bytes(b"x")
    (folder / "red/notes.txt").write_text("x")
    command = [*COMMAND, "--epochs", "3", "--dataset", str(folder)]
    assert cli.main([*command, "--out", str(tmp_path / "run")]) == 0
    error = capsys.readouterr().err
    (line,) = [line for line in error.splitlines() if "skipped" in line]
    assert line.startswith("5 of 24 images skipped, which cannot be decoded; the first is ")
    assert line.endswith("2 files left out: 1 .heic, 1 .txt; the first is blue/IMG_1.HEIC")
    assert error.count("2 files left out") == 2, "before the first step, and with the broken ones"
    said = results(tmp_path / "run")
    names = said["left_out"]["train"]["first_skipped"] + said["left_out"]["test"]["first_skipped"]
    assert sorted(names) == sorted(BROKEN)
    assert said["left_out"]["train"]["skipped"] == 3
    assert said["left_out"]["test"] == {
        "skipped": 2,
        "first_skipped": ["red/01.png", "red/05.png"],
        "files": {".heic": 1, ".txt": 1},
        "first_file": "blue/IMG_1.HEIC",
    }
    assert said["test_images"] == 4


def test_whoever_calls_train_is_warned_once(tmp_path):
    folder = write_folder(tmp_path / "mine", broken={"red/00.png": b"", "red/01.png": b""})
    with pytest.warns(UserWarning, match="images skipped, which cannot be decoded") as caught:
        train(tiny(folder, batch_size=4, epochs=4))
    assert len(caught) == 1
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(tiny(folder, batch_size=4, epochs=4), on_left_out=said.append)
        train(tiny(write_folder(tmp_path / "whole"), **SMALL), on_left_out=said.append)
    assert len(said) == 1, "nothing is said where nothing is left out"
    assert str(tmp_path) not in said[0]


def test_a_single_broken_image_is_named_as_such(tmp_path):
    folder, said = write_folder(tmp_path / "mine", broken={"red/01.png": b""}), []
    train(tiny(folder, **SMALL), on_left_out=said.append)
    (line,) = said
    assert line.startswith("1 of 24 images skipped, which cannot be decoded; it is red/01.png: ")
    assert "empty (0 bytes)" in line


def test_rows_of_a_parquet_file_are_named_without_its_folder(tmp_path):
    images = write_images(tmp_path / "images.parquet", broken=(3, 9, 20, 41))
    train(tiny(images, epochs=2), tmp_path / "run", on_left_out=[].append)
    left = results(tmp_path / "run")["left_out"]
    names = left["train"]["first_skipped"] + left["test"]["first_skipped"]
    assert sorted(names) == sorted(f"images.parquet, row {row}" for row in (3, 9, 20, 41))
    assert results(tmp_path / "run")["test_images"] == 12 - left["test"]["skipped"]


def test_files_beside_train_and_test_are_said_for_each(tmp_path):
    for part in ("train", "test"):
        write_folder(tmp_path / "mine" / part, 6)
    (tmp_path / "mine/train/red/a.heic").write_bytes(b"x")
    (tmp_path / "mine/test/red/b.dng").write_bytes(b"x")
    said = []
    train(tiny(tmp_path / "mine", **SMALL), tmp_path / "run", on_left_out=said.append)
    assert said == [
        "train: 1 file left out: 1 .heic; it is train/red/a.heic. "
        "test: 1 file left out: 1 .dng; it is test/red/b.dng"
    ]
    left = results(tmp_path / "run")["left_out"]
    assert left["train"]["files"] == {".heic": 1}
    assert left["test"]["files"] == {".dng": 1}


def test_accuracy_is_of_the_images_that_were_tested(tmp_path):
    folder = write_folder(tmp_path / "mine", broken={"red/01.png": b"", "red/05.png": b""})
    trainer = Trainer(tiny(folder, **SMALL))
    right = 0
    usable = sorted(HELD_OUT - {"red/01.png", "red/05.png"})
    for name in usable:
        with Image.open(folder / name) as image:
            pixels = torch.from_numpy(np.array(trainer.test.preprocess.square(image)))
        x = trainer.test.preprocess.normalize(pixels.permute(2, 0, 1)[None].float())
        with torch.no_grad():
            answer = trainer.net.eval()(x).argmax(1).item()
        right += trainer.test.classes[answer] == name.split("/")[0]
    assert trainer.evaluate() == right / 4
    assert trainer.tested == 4


def test_a_run_that_goes_on_has_the_same_results_as_one_that_was_not_stopped(tmp_path):
    """What was skipped before is not read again: only the checkpoint knows of it."""
    folder = write_folder(tmp_path / "mine", broken=BROKEN)
    recipe = tiny(folder, batch_size=4, epochs=3)
    train(recipe, tmp_path / "whole", on_left_out=[].append)
    for stop in (5, 9, 11):
        part = Trainer(recipe, tmp_path / f"part{stop}")
        for _ in range(stop):
            part.step()
        part.save()
        train(recipe, tmp_path / f"part{stop}", resume=True, on_left_out=[].append)
        whole, parts = results(tmp_path / "whole"), results(tmp_path / f"part{stop}")
        for told in (whole, parts):
            for key in ("provenance", "wall_time_s"):
                del told[key]
            for row in told["history"]:
                del row["seconds"]
        assert parts == whole
        one, other = (tmp_path / n / "net.safetensors" for n in ("whole", f"part{stop}"))
        assert one.read_bytes() == other.read_bytes()


# --- Too much is left out --------------------------------------------------------------------


def test_too_many_broken_images_stop_the_run_unless_they_are_allowed(tmp_path):
    folder = write_folder(tmp_path / "mine", broken={f"red/{i:02d}.png": b"" for i in range(1, 8)})
    recipe = tiny(folder, batch_size=4, epochs=2)
    with pytest.raises(
        TooManyLeftOut,
        match=r"7 of 24 images in .*mine cannot be used, more than the share of 0.25 .*; the first "
        r"is red/0\d.png: .*empty.*--left-out 1 allows all",
    ):
        train(recipe, tmp_path / "run", on_left_out=[].append)
    assert not (tmp_path / "run/results.json").exists()
    more = recipe.changed(left_out=1)
    result = train(more, tmp_path / "run", resume=True, on_left_out=[].append)
    fresh = train(more, tmp_path / "fresh", on_left_out=[].append)
    for name, value in fresh.net.state_dict().items():
        assert torch.equal(value, result.net.state_dict()[name]), name
    assert results(tmp_path / "run")["left_out"] == results(tmp_path / "fresh")["left_out"]


def test_a_run_stops_as_soon_as_it_is_clear(tmp_path):
    """Not after an epoch: the first batch has to look for its two images among sixteen others."""
    broken = {name for kind in ALL for name in ALL[kind]} - HELD_OUT - {"red/11.png", "blue/11.png"}
    folder = write_folder(tmp_path / "mine", broken=dict.fromkeys(broken, b""))
    trainer = Trainer(tiny(folder, batch_size=2, epochs=1))
    with pytest.raises(TooManyLeftOut, match=r"at least \d+ of 24 images in .*mine cannot be used"):
        trainer.step()


@pytest.mark.parametrize(
    ("limit", "stops"), [(5 / 24, False), (4.9 / 24, True), (0.0, True), (1, False)]
)
def test_the_limit_is_a_share_of_all_images(tmp_path, limit, stops):
    folder = write_folder(tmp_path / "mine", broken=BROKEN)
    recipe = tiny(folder, batch_size=4, epochs=2, left_out=limit)
    if stops:
        with pytest.raises(TooManyLeftOut):
            train(recipe, on_left_out=[].append)
    else:
        assert train(recipe, on_left_out=[].append).finished


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan"), True, "all"])
def test_an_impossible_limit_is_refused(limit):
    with pytest.raises((ValueError, TypeError), match="left_out must be a number from 0 to 1"):
        tiny("x", left_out=limit)


def test_pictures_that_are_not_read_count_before_the_first_step(tmp_path):
    """A divided folder is seen by both splits, and counts once."""
    folder = write_folder(tmp_path / "mine")
    for i in range(8):
        (folder / f"red/{i}.heic").write_bytes(b"x")
    assert Trainer(tiny(folder, **SMALL)).done == 0  # 8 of 32 are a quarter
    for i in range(9):
        (folder / f"blue/{i}.txt").write_bytes(b"no picture")
    assert Trainer(tiny(folder, **SMALL)).done == 0
    (folder / "blue/8.dng").write_bytes(b"x")
    with pytest.raises(TooManyLeftOut, match=r"9 of 33 images .* 18 files left out: .*8 .heic"):
        Trainer(tiny(folder, **SMALL))
    assert Trainer(tiny(folder, left_out=0.3, **SMALL)).done == 0


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (
            [name for name in ALL["red"] if name not in HELD_OUT],
            r"mine: none of the 9 training images of class red can be decoded; the first is "
            r"red/00.png: .*empty",
        ),
        (
            [name for kind in ALL for name in ALL[kind] if name not in HELD_OUT],
            r"none of the 18 training images can be decoded; the first is blue/00.png: .*empty",
        ),
        (
            sorted(HELD_OUT),
            r"none of the 6 test images can be decoded; the first is blue/04.png: .*empty",
        ),
    ],
)
def test_nothing_to_learn_from_or_to_test_with_is_refused(tmp_path, broken, words):
    folder = write_folder(tmp_path / "mine", broken=dict.fromkeys(broken, b""))
    with pytest.raises(ValueError, match=words):
        Trainer(tiny(folder, left_out=1, **SMALL))


def test_one_image_a_class_and_one_for_the_test_are_enough_to_begin(tmp_path):
    kept = {"red/11.png", "blue/11.png", "blue/10.png"}
    broken = {name for kind in ALL for name in ALL[kind]} - kept
    folder = write_folder(tmp_path / "mine", broken=dict.fromkeys(broken, b""))
    train(tiny(folder, left_out=1, **SMALL), tmp_path / "run", on_left_out=[].append)
    assert results(tmp_path / "run")["test_images"] == 1
    assert results(tmp_path / "run")["left_out"]["train"]["skipped"] == 16


# --- No path of the machine is published -----------------------------------------------------


@pytest.mark.parametrize(
    "spelling", ["{0}", "{0}/", "../secret/mine", "{0}/../mine", "link", "{1}"]
)
def test_no_file_of_a_run_holds_the_folders_above_its_data(tmp_path, monkeypatch, spelling):
    """The user's name is in all of them; `link` leads there from the current folder."""
    folder = write_folder(tmp_path / "secret/mine", broken=BROKEN)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "link").symlink_to(folder)
    shutil.copytree(folder, here / "near")
    name = spelling.format(folder, here / "near")
    command = [*COMMAND, "--epochs", "1", "--dataset", name, "--out", "run"]
    monkeypatch.setattr("sys.orig_argv", ["python", "-m", "mobilenet_lib.cli", *command])
    assert cli.main(command) == 0
    shown = {"link": "link", "{1}": "near"}.get(spelling, "mine")
    assert results(here / "run")["recipe"]["data"]["dataset"] == shown
    for file in ("results.json", "net.safetensors", "training.ckpt"):
        content = (here / "run" / file).read_bytes()
        for word in (b"secret", str(tmp_path).encode(), tmp_path.name.encode(), b"/here"):
            assert word not in content, (file, word)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8_are_written_as_they_are_shown(tmp_path):
    folder = write_folder(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")))
    os.rename(folder / "red/01.png", os.fsencode(folder / "red") + b"/\xe8.png")
    (folder / os.fsdecode(b"red/\xe8.png")).write_bytes(b"")
    recipe, said = tiny(folder, batch_size=4, epochs=4), []
    train(recipe, tmp_path / "run", on_left_out=said.append)
    assert len(said) == 1
    assert "it is red/\\xe8.png: " in said[0]
    assert results(tmp_path / "run")["recipe"]["data"]["dataset"] == "caf\\xe9"
    assert Trainer(recipe, tmp_path / "run", resume=True).finished
    line = json.dumps(said).encode("utf-8")
    assert b"udce" not in line


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("{here}", "."),
        ("{here}/a/b", "a/b"),
        ("{here}/../else/b", "b"),
        ("a/../../b/c", "c"),
        ("--dataset={home}/mine", "--dataset=mine"),
        ("--dataset={home}/lr=0.1/mine", "--dataset=mine"),
        ("{home}/lr=0.1/mine", "mine"),
        ("{home}", "~"),
        ("{home}/", "~"),
        ("--out={home}", "--out=~"),
        ("a,{home}/b", "a,~/b"),
        ("a/b", "a/b"),
        ("--lr=0.1", "--lr=0.1"),
        ("", ""),
    ],
)
def test_paths_are_shortened_to_what_they_say_of_the_data(tmp_path, monkeypatch, argument, shown):
    here, home = tmp_path / "here", tmp_path / "alice"
    here.mkdir()
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    assert short_path(argument.format(here=here, home=home)) == shown


@pytest.mark.parametrize(
    ("dataset", "shown"),
    [
        ("glyphs", "glyphs"),
        ("cifar10", "cifar10"),
        ("/data/cifar10", "./cifar10"),
        ("./glyphs", "./glyphs"),
        ("./mine/", "mine"),
    ],
)
def test_a_folder_never_looks_like_a_data_set_of_its_name(dataset, shown):
    assert published(tiny(dataset)).data.dataset == shown


# --- Batches of one image --------------------------------------------------------------------


@pytest.mark.parametrize("body", ["separable", "full", "shallow"])
@pytest.mark.parametrize("convention", ["paper", "tf-slim", "keras", "timm"])
@pytest.mark.parametrize("frozen", [False, True])
def test_what_is_refused_is_what_torch_cannot_normalize(body, convention, frozen):
    """Keras' depthwise layers round odd maps down, so 1x1 is left of more than 32 pixels."""
    advised, fits = set(), []
    for resolution in (32, 33, 34, 62, 63, 64):
        size = dict(body=body, resolution=resolution, convention=convention)
        recipe = tiny("x", alpha=0.25, freeze_statistics=frozen, **size)
        net = make_network(recipe, 2).train(not frozen)
        for images in (1, 2):
            refused = said = None
            try:
                net(torch.rand(images, 3, resolution, resolution))
            except ValueError as error:
                refused = error
            try:
                check_batch(recipe.changed(batch_size=images), images)
            except ValueError as error:
                said = str(error)
            assert (said is None) == (refused is None), (resolution, images)
            if said is None:
                fits += [resolution] * (images == 1)
            else:
                assert f"of 1 image cannot be normalized at {resolution} pixels" in said
                assert "Take batches of 2 images or more" in said
                assert said.endswith("(--resolution), or --freeze-statistics")
                advised.add(int(said.split(" pixels or more")[0].split()[-1]))
    assert advised == (set() if frozen else {min(fits)}), "the advice is the least that torch takes"


def test_a_batch_of_one_is_refused_before_training(tmp_path, capsys):
    folder = write_folder(tmp_path / "mine", 5)
    for more in ((), ("--accumulate",), ("--body", "full"), ("--plan", "auto")):
        command = ["train", "--alpha", "0.1", "--resolution", "32", "--batch-size", "1"]
        command += ["--device", "cpu", "--dataset", str(folder), "--out", str(tmp_path / "run")]
        assert cli.main([*command, *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "a batch of 1 image cannot be normalized at 32 pixels: the last map is 1x1" in line
        assert not (tmp_path / "run/training.ckpt").exists()


def test_several_processes_are_told_of_their_own_batches():
    with pytest.raises(ValueError, match=r"of 4, one for each of 4 processes, .* of 8 images or"):
        check_batch(tiny("x", batch_size=4), 1, 4)
    check_batch(tiny("x", batch_size=4), 1, 4, together=True)
    with pytest.raises(
        ValueError, match=r"of 1 image, all that broken ones left, .* Mend those, or"
    ):
        check_batch(tiny("x", batch_size=8), 1, 2)


def test_a_batch_of_one_trains_where_it_can_be_normalized(tmp_path, monkeypatch):
    """Also while the fastest plan is measured, whose network is not frozen."""
    monkeypatch.setenv("MOBILENET_CACHE", str(tmp_path / "cache"))
    folder = write_folder(tmp_path / "mine", 5)
    for more in (dict(resolution=33), dict(freeze_statistics=True, plan="auto")):
        trainer = Trainer(tiny(folder, batch_size=1, epochs=1, **more))
        assert np.isfinite(trainer.step().loss)


# --- Data that moves, and data that changes --------------------------------------------------


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A run of a folder in the current one, stopped after two steps."""
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "mine", broken=BROKEN)
    trainer = Trainer(tiny("mine", **SMALL), "run")
    for _ in range(2):
        trainer.step()
    trainer.save()
    return tmp_path


def go_on(dataset):
    trainer = Trainer(tiny(dataset, **SMALL), "run", resume=True)
    assert trainer.done == 2
    return trainer


def test_the_same_folder_goes_on_however_it_is_written(begun, monkeypatch):
    (begun / "link").symlink_to("mine")
    (begun / "other").mkdir()
    for name in (
        "mine",
        "./mine",
        "mine/",
        begun / "mine",
        f"{begun}/./mine/",
        "link",
        "red/../mine",
    ):
        (begun / "red").mkdir(exist_ok=True)
        go_on(name)
    shutil.move("run", "other/run")
    monkeypatch.chdir(begun / "other")
    for name in ("../mine", begun / "mine", "../link"):
        go_on(name)


def test_a_folder_that_was_moved_or_copied_goes_on(begun):
    shutil.copytree("mine", "a copy of it")
    shutil.move("mine", "elsewhere")
    for name in ("elsewhere", "a copy of it"):
        go_on(name)


@pytest.mark.parametrize("change", ["bytes", "added", "removed", "renamed", "class", "mended"])
def test_images_that_changed_are_refused_by_name(begun, change):
    folder = begun / "mine"
    if change == "bytes":  # as many of them
        content = bytearray((folder / "blue/00.png").read_bytes())
        content[-20] ^= 1
        (folder / "blue/00.png").write_bytes(content)
    elif change == "added":
        shutil.copy(folder / "blue/00.png", folder / "red/99.png")
    elif change == "removed":
        (folder / "blue/00.png").unlink()
    elif change == "renamed":
        (folder / "blue/00.png").rename(folder / "blue/99.png")
    elif change == "class":
        (folder / "red").rename(folder / "violet")
    else:
        shutil.copy(folder / "blue/00.png", folder / "red/03.png")
    with pytest.raises(
        CheckpointError, match=r"training.ckpt is of other images than those in mine: .*--out"
    ):
        go_on("mine")


def test_what_is_no_image_may_change(begun):
    (begun / "mine/red/notes.txt").write_text("x")
    (begun / "mine/.DS_Store").write_text("x")
    go_on("mine")


def test_other_data_by_name_is_refused(begun):
    with pytest.raises(CheckpointError, match="other images than those in glyphs: of mine as it"):
        go_on("glyphs")
    shutil.rmtree("run")
    Trainer(tiny("glyphs", **SMALL), "run").save()
    with pytest.raises(CheckpointError, match="other images than those in mine: of glyphs as it"):
        go_on("mine")
    assert Trainer(tiny("glyphs", **SMALL), "run", resume=True).done == 0


def test_data_without_a_fingerprint_are_compared_by_name(begun):
    """As those of the hub; the name is as others may see it, and means nothing where data moved."""
    path = begun / "run/training.ckpt"
    state = checkpoint.read_state(path) | {"fingerprint": None}
    shutil.copytree("mine", "other/mine")
    for name in ("mine", "./mine", str(begun / "mine"), "gone/mine"):
        state["recipe"]["data"]["dataset"] = name
        checkpoint.write_state(path, state)
        go_on("mine")
    for name in ("other/mine", "gone/yours", "glyphs"):
        state["recipe"]["data"]["dataset"] = name
        checkpoint.write_state(path, state)
        with pytest.raises(CheckpointError, match=rf"those in mine: of {name} as it was"):
            go_on("mine")


def test_parquet_files_go_on_elsewhere_too(tmp_path):
    images = write_images(tmp_path / "images.parquet", broken=(3, 9))
    Trainer(tiny(images), tmp_path / "run").save()
    moved = shutil.move(images, tmp_path / "moved.parquet")
    assert Trainer(tiny(moved), tmp_path / "run", resume=True).done == 0
    write_images(Path(moved), broken=(3, 10))
    with pytest.raises(CheckpointError, match=r"images than those in .*moved.parquet: of images"):
        Trainer(tiny(moved), tmp_path / "run", resume=True)
