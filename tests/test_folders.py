"""Folders of images as people have them: what is taken, under which class, and what is said."""

import os
import socket
import sys
from pathlib import Path

import pytest
from pictures import encoded
from PIL import Image

from mobilenet_lib import cli, data
from mobilenet_lib.data.folder import walk
from mobilenet_lib.data.parts import part_of
from mobilenet_lib.data.source import SAMPLED, LeftOut


def png(shade=0):
    return encoded(Image.new("RGB", (8, 8), (shade % 256, shade // 256, 7)))


def tree(root, *names):
    """Files of these names, each with a content of its own; empty folders where they end in /."""
    for number, name in enumerate(names):
        Path(root, name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            Path(root, name).mkdir(exist_ok=True)
        else:
            Path(root, name).write_bytes(png(number))
    return root


def images(folder, *kinds, count=2):
    return [f"{folder}/{kind}/{i}.png" for kind in kinds for i in range(count)]


def load(root, split="all"):
    return data.load(Path(root), split=split, resolution=32, batch_size=1)


def taken(root, split="all"):
    """(class, path relative to the folder) of each image that is loaded."""
    source = load(root, split).source
    return [
        (source.classes[label], Path(source.read(i)).relative_to(root).as_posix())
        for i, label in enumerate(source.labels)
    ]


# --- Training and test ------------------------------------------------------------------------

PAIRS = [
    ("train", "test"),
    ("TRAIN", "Val"),
    ("Training", "Test"),
    ("Training", "Testing"),
    ("training", "validation"),
    ("seg_train", "seg_test"),
    ("train_set", "test_set"),
    ("train-images", "test-images"),
    ("train_images", "test-set"),
    ("TrainData", "TestData"),
    ("trainData", "validData"),
    ("birdsTrain", "birdsTest"),
    ("ISICTrainInput", "ISICTestInput"),
    ("my_train", "my_val"),
    ("imgs_train", "imgs_val"),
    ("train", "dev"),
    ("train", "eval"),
    ("train", "holdout"),
    ("train", "Hold-Out"),
    ("train", "held_out"),
    ("trn", "tst"),
    ("trainset", "testset"),
    ("TRAINset", "TESTset"),
    ("traindata", "valdata"),
    ("train2017", "val2017"),
    ("ILSVRC2012_img_train", "ILSVRC2012_img_val"),
    ("asl_alphabet_train", "asl_alphabet_test"),
    ("cats.training", "cats.evaluation"),
    ("Training Set", "Test Set"),
    ("1 train", "2 test"),
    ("trainval", "test"),
    ("train_val", "test"),
    ("fruits-360_Training", "fruits-360_Test"),
]


@pytest.mark.parametrize(("train", "test"), PAIRS)
def test_the_words_that_people_use_for_training_and_test(tmp_path, train, test):
    tree(tmp_path, *images(train, "cat", "dog"), *images(test, "cat", "dog", count=1))
    assert taken(tmp_path, "train") == [
        ("cat", f"{train}/cat/0.png"),
        ("cat", f"{train}/cat/1.png"),
        ("dog", f"{train}/dog/0.png"),
        ("dog", f"{train}/dog/1.png"),
    ]
    assert taken(tmp_path, "test") == [
        ("cat", f"{test}/cat/0.png"),
        ("dog", f"{test}/dog/0.png"),
    ]
    with pytest.raises(ValueError, match="divided into train and test already"):
        load(tmp_path)


CLASSES = [
    ("bus", "car", "train"),
    ("train", "tram"),
    ("test_tube", "train"),
    ("steam_train", "test"),
    ("freight train", "passenger train"),
    ("Train", "trainer", "valley", "validity"),
    ("rainy", "training shoes"),
    ("devil", "evaluator", "strain", "train"),
    ("test", "val"),
    ("contest", "train"),
    ("trains", "tests"),
]


@pytest.mark.parametrize("kinds", CLASSES, ids="+".join)
def test_a_train_may_be_a_class(tmp_path, kinds):
    tree(tmp_path, *(f"{kind}/{i}.png" for kind in kinds for i in range(2)))
    expected = [(kind, f"{kind}/{i}.png") for kind in sorted(kinds) for i in range(2)]
    assert taken(tmp_path) == expected
    assert len(load(tmp_path).left_out) == 0


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("train", ("train", "")),
        ("my_TrainImages2", ("train", "")),
        ("val-of-all", ("val", "")),
        ("bullet_train", ("train", "bullet")),
        ("train_test", None),
        ("cat", None),
        ("", None),
        ("2017", None),
    ],
)
def test_what_a_name_means(name, meaning):
    assert part_of(name) == meaning


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("train", "training", "test"), "train and training mean the same part, train"),
        (("Train_Set", "train", "val"), "Train_Set and train mean the same part, train"),
        (("train", "test", "Testing"), "Testing and test mean the same part, test"),
        (("train", "test", "val", "validation"), "val and validation mean the same part, val"),
        (("train2014", "train2017", "val2017"), "train2014 and train2017 mean the same part"),
        (("a_train", "a_test", "b_train", "b_test"), "a_train and b_train mean the same part"),
    ],
)
def test_two_folders_for_one_part_are_refused_by_name(tmp_path, folders, words):
    tree(tmp_path, *(name for folder in folders for name in images(folder, "cat", "dog")))
    for split in ("train", "test"):
        with pytest.raises(ValueError, match=words):
            load(tmp_path, split)


def test_a_link_to_the_training_folder_is_no_test(tmp_path):
    tree(tmp_path, *images("train", "cat", "dog"))
    (tmp_path / "test").symlink_to(tmp_path / "train", target_is_directory=True)
    with pytest.raises(ValueError, match="only one class folder, train"):
        load(tmp_path, "test")


def test_test_comes_before_val_and_what_lies_beside_is_said(tmp_path):
    tree(tmp_path, *(n for part in ("train", "val", "test") for n in images(part, "cat", "dog")))
    tree(tmp_path, "seg_pred/1.png", "README.md", "stray.png")
    assert {path.split("/")[0] for _, path in taken(tmp_path, "test")} == {"test"}
    left = load(tmp_path, "train").left_out
    assert dict(left.kinds) == {
        "folder beside train and test": 2,
        "beside the class folders": 1,
        ".md": 1,
    }
    assert (left.first, left.pictures, len(left)) == ("stray.png", 1, 4)
    assert str(left) == (
        "4 files and folders left out: 2 folder beside train and test, 1 beside the class folders, "
        "1 .md; the first is stray.png"
    )


def test_archives_that_nest_a_part_in_itself(tmp_path):
    for part in ("train", "test"):
        tree(tmp_path, *images(f"seg_{part}/seg_{part}", "sea", "street"))
    assert taken(tmp_path, "test")[0] == ("sea", "seg_test/seg_test/sea/0.png")
    assert load(tmp_path, "train").classes == ("sea", "street")


# --- A test that is not like the training -----------------------------------------------------


@pytest.mark.parametrize("test", ["test", "test/test"])
def test_a_flat_test_is_left_out_and_training_is_divided(tmp_path, test):
    tree(tmp_path, *images("train", "cat", "dog", count=5))
    tree(tmp_path, *(f"{test}/{i}.png" for i in range(4)))
    train, held = taken(tmp_path, "train"), taken(tmp_path, "test")
    assert sorted(train + held) == taken(tmp_path)
    # Divided as the folder train itself would be.
    own = load(tmp_path / "train", "test").source
    assert [path for _, path in held] == [f"train/{own.key(i)}" for i in range(2)]
    kind = "in test/, which has no class folders, so train/ is divided"
    for split in ("train", "test", "all"):
        left = load(tmp_path, split).left_out
        assert (dict(left.kinds), left.pictures) == ({kind: 4}, 4)
        assert left.first == "test/0.png"


def test_a_flat_test_beside_a_val_of_classes(tmp_path):
    tree(tmp_path, *images("train", "cat", "dog"), *images("val", "cat", "dog"), "test/1.png")
    assert len(taken(tmp_path, "train")) == 4
    assert {path.split("/")[0] for _, path in taken(tmp_path, "test")} == {"val"}
    left = load(tmp_path, "test").left_out
    assert dict(left.kinds) == {"in test/, which has no class folders": 1}


@pytest.mark.parametrize("empty", [(), ("test/dog/",), ("test/dog/notes.txt",)])
def test_a_class_without_images_in_the_test_is_fine_there(tmp_path, empty):
    tree(tmp_path, *images("train", "cat", "dog"), "test/cat/0.png", *empty)
    assert taken(tmp_path, "test") == [("cat", "test/cat/0.png")]
    assert load(tmp_path, "test").classes == ("cat", "dog")
    assert len(list(load(tmp_path, "test"))) == 1


def test_training_needs_every_class_and_the_test_has_none_of_its_own(tmp_path):
    tree(tmp_path, *images("train", "cat", "dog"), "train/eel/", *images("test", "cat", "eel"))
    with pytest.raises(ValueError, match="no image of class eel"):
        load(tmp_path, "train")
    tree(tmp_path, "test/fox/0.png")
    with pytest.raises(ValueError, match="test has classes that train lacks: fox"):
        load(tmp_path, "test")


def test_an_empty_test_is_refused_and_training_goes_on(tmp_path):
    tree(tmp_path, *images("train", "cat", "dog"), "test/")
    assert len(taken(tmp_path, "train")) == 4
    with pytest.raises(ValueError, match="test has no images; a split of size 0"):
        load(tmp_path, "test")


def test_training_without_class_folders_is_refused(tmp_path):
    tree(tmp_path, "train/0.png", "test/0.png")
    with pytest.raises(ValueError, match=r"train has no class folders.* If train and test are cla"):
        load(tmp_path, "train")


# --- Folders that are parts and look like classes ---------------------------------------------

SAME = [
    (["FoldA", "FoldB"], ["apple", "pear"], "apple, pear"),
    (["entrenamiento", "prueba"], ["gato", "perro"], "gato, perro"),
    (["2019", "2020", "2021"], ["a", "b", "c"], "a, b, c"),
    (["subject1", "subject2"], ["images/left", "images/right"], "left, right"),
    (["train", "unlabelled_train"], ["cat", "dog"], "cat, dog"),
    (["val", "test"], ["cat", "dog"], "cat, dog"),
]


@pytest.mark.parametrize(("folders", "inside", "words"), SAME)
def test_class_folders_that_hold_the_same_folders_are_refused(tmp_path, folders, inside, words):
    tree(tmp_path, *(n for folder in folders for n in images(folder, *inside)))
    first, second = sorted(folders)[:2]
    words = rf"{first} and {second} hold the same folders \({words}\).*call .* train and test"
    with pytest.raises(ValueError, match=words):
        load(tmp_path)


def test_some_of_the_same_folders_are_enough(tmp_path):
    tree(tmp_path, *images("A", "apple", "pear", "fig"), *images("B", "apple", "pear", "kiwi"))
    with pytest.raises(ValueError, match=r"hold the same folders \(apple, pear\)"):
        load(tmp_path)


def test_parts_within_each_class_are_refused(tmp_path):
    tree(tmp_path, *(n for kind in ("cat", "dog") for n in images(kind, "train", "test")))
    with pytest.raises(ValueError, match="put the class folders into train and test, not the othe"):
        load(tmp_path)


def test_one_part_beside_something_else_is_refused(tmp_path):
    tree(tmp_path, *images("train", "cat", "dog"), "unknown/0.png", "unknown/1.png")
    with pytest.raises(ValueError, match=r"train looks like a part .* classes cat, dog; load that"):
        load(tmp_path)


def test_classes_may_hold_folders_of_their_own(tmp_path):
    tree(tmp_path, *images("cat", "web", "own"), *images("dog", "web", "phone", "film", "mail"))
    tree(tmp_path, *images("eel", "images"), *images("fox", "images"))
    # Synology keeps a folder called like each photo.
    for kind in ("cat", "dog", "eel"):
        tree(tmp_path, *images(f"{kind}/@eaDir", "1.jpg", "2.jpg", count=1))
    assert load(tmp_path).classes == ("cat", "dog", "eel", "fox")
    assert load(tmp_path).size == 4 + 8 + 2 + 2 + 6


# --- The walk ---------------------------------------------------------------------------------


def test_files_only_and_nothing_hidden_at_any_depth(tmp_path):
    tree(
        tmp_path,
        "cat/b.png",
        "cat/a/c.JPG",
        "cat/a-.jpeg",
        "cat/000.jpg/@eaDir/thumb.png",
        "cat/.ipynb_checkpoints/b-checkpoint.png",
        "cat/a/.thumbnails/deep/c.png",
        "cat/._b.png",
        "cat/a/.c.png",
        ".cache/x.png",
        "dog/B.png",
        "dog/a.png",
    )
    expected = [
        "cat/000.jpg/@eaDir/thumb.png",
        "cat/a-.jpeg",
        "cat/a/c.JPG",
        "cat/b.png",
        "dog/B.png",
        "dog/a.png",
    ]
    found = walk(tmp_path)
    assert found.images == expected
    assert found.others == []
    assert found.folders == ["cat", "cat/000.jpg", "cat/000.jpg/@eaDir", "cat/a", "dog"]
    assert [path for _, path in taken(tmp_path)] == expected
    assert walk(tmp_path / "cat", 1).images == ["a-.jpeg", "b.png"]
    assert walk(tmp_path / "cat", 2).images == ["a-.jpeg", "a/c.JPG", "b.png"]
    assert walk(tmp_path / "cat", 1).folders == ["000.jpg", "a"]


def test_the_order_is_that_of_letters_however_the_system_lists(tmp_path, monkeypatch):
    tree(tmp_path, *images("a", "x", "y"), *images("B", "x"), "a/x.png", "b/z.png")
    (tmp_path / "b/link").symlink_to(tmp_path / "a/x")
    before = walk(tmp_path)
    scandir = os.scandir

    class Backwards:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = sorted(entries, key=lambda e: e.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert walk(tmp_path) == before
    assert before.images == sorted(before.images)


def test_a_link_is_followed_once_and_after_what_lies_there(tmp_path):
    root = tree(tmp_path / "set", "cat/0.png", "cat/deep/1.png", "dog/0.png")
    tree(tmp_path / "other", "x.png", "in/y.png")
    for name, target in {
        "cat/a_loop": root,  # to what holds it
        "cat/b_self": root / "cat/deep",  # comes first by name, and is read where it lies
        "cat/c_more": tmp_path / "other",
        "dog/d_more": tmp_path / "other/in",  # is in c_more already
        "dog/e.png": root / "cat/0.png",  # the same image with two labels
        "dog/f.png": tmp_path / "other/x.png",
    }.items():
        (root / name).symlink_to(target)
    os.symlink("nowhere", root / "dog/g.png")
    os.symlink("h.png", root / "dog/h.png")  # to itself
    assert taken(root) == [
        ("cat", "cat/0.png"),
        ("cat", "cat/c_more/in/y.png"),
        ("cat", "cat/c_more/x.png"),
        ("cat", "cat/deep/1.png"),
        ("dog", "dog/0.png"),
    ]
    left = load(root).left_out
    assert dict(left.kinds) == {
        "link to a folder met already": 3,
        "link to an image met already": 2,
        "link to nothing": 2,
    }
    assert left.pictures == 2


def test_links_to_files_elsewhere_are_images(tmp_path):
    # As data tools keep them: contents in a store, under names that say nothing.
    tree(tmp_path, ".store/ab", ".store/cd", "set/cat/", "set/dog/")
    (tmp_path / "set/cat/0.png").symlink_to(tmp_path / ".store/ab")
    (tmp_path / "set/dog/0.png").symlink_to(tmp_path / ".store/cd")
    (tmp_path / "set/dog/1.png").symlink_to(tmp_path / ".store/cd")
    assert taken(tmp_path / "set") == [("cat", "cat/0.png"), ("dog", "dog/0.png")]


def test_links_that_lead_round_in_circles_end(tmp_path):
    tree(tmp_path, "set/cat/0.png", "set/dog/0.png", "a/1.png", "b/2.png")
    (tmp_path / "a/b").symlink_to(tmp_path / "b")
    (tmp_path / "b/a").symlink_to(tmp_path / "a")
    (tmp_path / "set/cat/a").symlink_to(tmp_path / "a")
    (tmp_path / "set/cat/up").symlink_to(tmp_path)  # holds all of it
    assert [path for _, path in taken(tmp_path / "set")] == [
        "cat/0.png",
        "cat/a/1.png",
        "cat/a/b/2.png",
        "dog/0.png",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_pipes_and_sockets_are_no_images(tmp_path, monkeypatch):
    tree(tmp_path, "cat/0.png", "dog/0.png")
    os.mkfifo(tmp_path / "cat/1.png")
    monkeypatch.chdir(tmp_path / "dog")
    with socket.socket(socket.AF_UNIX) as own:
        own.bind("1.png")
        assert len(taken(tmp_path)) == 2
        assert dict(load(tmp_path).left_out.kinds) == {"neither file nor folder": 2}


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, capsys):
    tree(tmp_path, "cat/0.png", "cat/locked/1.png", "dog/0.png")
    scandir = os.scandir

    def guarded(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(
        PermissionError, match=r"cat/locked cannot be read .Permission denied.; mak"
    ):
        load(tmp_path)
    code = cli.main(["predict", str(tmp_path / "cat/locked"), "cat"])
    out, err = capsys.readouterr()
    assert code == 1
    assert "cat/locked cannot be read (Permission denied)" in err
    assert out.startswith("no person")


# --- What is left out -------------------------------------------------------------------------


def test_files_that_are_not_taken_are_counted_by_kind(tmp_path):
    tree(
        tmp_path,
        *images(".", "cat", "dog"),
        *(f"cat/IMG_{i}.HEIC" for i in range(3)),
        "cat/x.cr2",
        "dog/photo",
        "dog/deep/DSC",
        "dog/y.svg",
        "dog/labels.csv",
        "cat/Thumbs.db",
        "desktop.ini",
        "cat/x.xml",
        "cat/x.json",
        "cat/.DS_Store",
        "README",
        "dog/odd.",
    )
    left = load(tmp_path).left_out
    assert dict(left.kinds) == {
        ".heic": 3,
        "no ending": 4,
        ".cr2": 1,
        ".svg": 1,
        ".csv": 1,
        ".db": 1,
        ".ini": 1,
        ".xml": 1,
        ".json": 1,
    }
    assert left.pictures == 3 + 1 + 1 + 3  # all without ending but README
    assert (left.first, len(left)) == ("cat/IMG_0.HEIC", 14)
    assert str(left).startswith("14 files left out: 4 without an ending, 3 .heic, ")
    assert str(left).endswith(" of other kinds; the first is cat/IMG_0.HEIC")
    assert data.LeftOut is LeftOut


def test_the_line_about_left_out_files():
    assert str(LeftOut()) == ""
    assert (len(LeftOut()), LeftOut().first, LeftOut().pictures) == (0, "", 0)
    five = LeftOut({".heic": 3, "no ending": 2}, "cat/IMG_1.heic", 5)
    assert str(five) == (
        "5 files left out: 3 .heic, 2 without an ending; the first is cat/IMG_1.heic"
    )
    assert str(LeftOut({".txt": 1}, "a.txt")) == "1 file left out: 1 .txt; it is a.txt"
    folder = LeftOut({"folder beside train and test": 1}, "pred")
    assert str(folder) == "1 folder left out: 1 folder beside train and test; it is pred"
    assert len(data.load("glyphs", split="test").left_out) == 0


def test_a_class_of_nothing_but_pictures_that_are_not_read_says_so(tmp_path):
    tree(tmp_path, *images(".", "dog"), "cat/1.heic", "cat/2.heic", "dog/3.heic")
    words = r"no image of class cat.* 2 files left out: 2 \.heic; .* cat/1\.heic.*are read: \.jpg"
    with pytest.raises(ValueError, match=words):
        load(tmp_path)
    tree(tmp_path / "all", "cat/1.heic", "dog/3.heic")
    with pytest.raises(ValueError, match=r"all has no images.* 2 files left out: 2 \.heic"):
        load(tmp_path / "all")


def test_predict_says_which_pictures_of_a_folder_it_left_out(tmp_path, capsys):
    tree(tmp_path, "b.png", "a.png", "x.heic", "notes.txt", "deep/c.png", ".d.png", "e.jpg/f.png")
    code = cli.main(["predict", str(tmp_path)])
    out, err = capsys.readouterr()
    assert code == 0
    assert [os.path.basename(line) for line in out.splitlines()] == ["a.png", "b.png"]
    assert err == (
        f"mobilenet: {tmp_path}: 2 files left out: 1 .heic, 1 .txt; the first is x.heic\n"
    )
    (tmp_path / "x.heic").unlink()
    assert cli.main(["predict", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


# --- Names that are not UTF-8 -----------------------------------------------------------------

ODD = os.fsdecode(b"caf\xe9")
odd_names = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")


@odd_names
def test_names_that_are_not_utf_8_load_and_are_told(tmp_path):
    tree(tmp_path, *images(".", ODD, "dog", count=5), f"dog/{ODD}.png", f"dog/{ODD}.heic")
    (tmp_path / "dog" / f"{ODD}.bad.png").write_bytes(b"bad")
    batches = load(tmp_path)
    assert batches.classes == ("caf\\xe9", "dog")
    assert sum(len(labels) for _, labels in batches) == 11
    assert list(batches.skipped) == [f"{tmp_path}/dog/caf\\xe9.bad.png"]
    assert batches.left_out.first == "dog/caf\\xe9.heic"
    both = taken(tmp_path, "train") + taken(tmp_path, "test")
    assert sorted(both) == sorted(taken(tmp_path))
    for text in (*batches.classes, str(batches.left_out), str(batches.skipped)):
        text.encode()
    tree(tmp_path, "caf\\xe9/0.png")
    with pytest.raises(ValueError, match=r"two class folders are both shown as caf.xe9; rename"):
        load(tmp_path)


@odd_names
def test_every_refusal_of_an_odd_name_is_text(tmp_path):
    for number, names in enumerate(
        [
            [f"{ODD}/"],
            [*images("train", "cat", "dog"), f"test/{ODD}/1.png"],
            [*images(f"{ODD}_train", "cat"), *images(f"{ODD}_train2", "cat"), f"{ODD}_test/"],
            [*images(f"{ODD}1", "cat", "dog"), *images(f"{ODD}2", "cat", "dog")],
            [f"{ODD}/1.png", f"{ODD}/2.png"],
        ]
    ):
        tree(tmp_path / str(number) / ODD, *names)
        with pytest.raises(ValueError, match="caf") as caught:
            load(tmp_path / str(number) / ODD, "test")
        str(caught.value).encode()


# --- What a data set is -----------------------------------------------------------------------


def test_a_fingerprint_is_of_what_the_images_are_not_of_where_they_lie(tmp_path):
    names = images(".", "cat", "dog", count=3)
    first, second = tree(tmp_path / "a", *names), tree(tmp_path / "b/c", *names)
    own = load(first, "train").fingerprint()
    assert len(own) == 64
    assert own == load(second, "train").fingerprint()
    assert own != load(second, "all").fingerprint()
    whole = load(second).fingerprint()
    tree(second, "cat/notes.txt")
    assert load(second).fingerprint() == whole

    def changed():
        return load(second).fingerprint() != whole

    content = (second / "cat/0.png").read_bytes()
    (second / "cat/0.png").write_bytes(content[:-1] + b"x")  # of the same size
    assert changed()
    (second / "cat/0.png").write_bytes(content)
    assert not changed()
    (second / "cat/0.png").rename(second / "cat/00.png")
    assert changed()
    (second / "cat/00.png").rename(second / "dog/00.png")
    assert changed()
    (second / "dog/00.png").rename(second / "cat/0.png")
    assert not changed()
    (second / "dog").rename(second / "eel")
    assert changed()
    assert data.load("glyphs").fingerprint() is None


def test_a_fingerprint_reads_few_files_and_the_size_of_all(tmp_path, monkeypatch):
    for i in range(3 * SAMPLED):
        tree(tmp_path, *((f"cat/{i:04d}.png",) if i % 2 else (f"dog/{i:04d}.png",)))
    source = load(tmp_path).source
    whole, opened = source.fingerprint(), []
    own = open

    def counting(path, *rest):
        opened.append(Path(path).name)
        return own(path, *rest)

    monkeypatch.setattr("builtins.open", counting)
    assert source.fingerprint() == whole
    monkeypatch.undo()
    assert len(opened) == SAMPLED
    assert {opened[0], opened[-1]} == {"0001.png", "2998.png"}  # the first cat, the last dog
    unread = next(p for p in sorted((tmp_path / "cat").iterdir()) if p.name not in opened)
    with own(unread, "ab") as file:
        file.write(b"x")
    assert source.fingerprint() != whole
