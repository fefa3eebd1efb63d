"""Loading images: folders, Parquet files, the hub's library, and files that are broken."""

import hashlib
import subprocess
import sys
import types
import zlib
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pictures import encoded
from PIL import Image

from mobilenet_lib import data
from mobilenet_lib.data import hub
from mobilenet_lib.data.hub import KNOWN
from mobilenet_lib.preprocess import IMAGENET, INCEPTION, RAW_255


def picture(seed, width=48, height=40):
    """A smooth picture of one colour, so that JPEG keeps it."""
    colour = np.random.default_rng(seed).integers(0, 256, 3)
    ramp = np.linspace(0, 20, width)[None, :, None]
    return np.clip(colour + ramp + np.zeros((height, 1, 1)), 0, 255).astype(np.uint8)


def make_folder(root, counts, start=0):
    """Class folders with `counts` images each; the content of every image, by path."""
    made, seed = {}, start
    for name, count in counts.items():
        folder = root / name
        folder.mkdir(parents=True)
        for i in range(count):
            path = folder / f"{i:03d}.{('png', 'jpg')[i % 2]}"
            made[path] = picture(seed, 40 + seed % 17, 35 + seed % 11)
            path.write_bytes(encoded(made[path], "JPEG" if i % 2 else "PNG"))
            seed += 1
    return made


def everything(batches):
    found = list(batches)
    return torch.cat([images for images, _ in found]), torch.cat([labels for _, labels in found])


# --- Folders ----------------------------------------------------------------------------------


def test_a_folder_of_class_folders(tmp_path):
    made = make_folder(tmp_path, {"cat": 10, "dog": 6, "eel": 5})
    batches = data.load(tmp_path, split="all", batch_size=4, resolution=32, augment="none")
    assert batches.classes == ("cat", "dog", "eel")
    assert (batches.size, len(batches)) == (21, 6)
    images, labels = everything(batches)
    assert images.shape == (21, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0] * 10 + [1] * 6 + [2] * 5
    assert batches.preprocess == INCEPTION.at(32)
    for image, path in zip(images, sorted(made), strict=True):
        with Image.open(path) as file:
            expected = batches.preprocess(file.convert("RGB"))
        torch.testing.assert_close(image[None], expected, rtol=0, atol=1e-5)
    assert batches.skipped == {}


def test_a_folder_is_divided_the_same_way_everywhere(tmp_path):
    make_folder(tmp_path / "a", {"cät": 10, "dog": 6})
    parts = {
        split: data.load(tmp_path / "a", split=split, batch_size=1, resolution=32)
        for split in ("train", "test", "all")
    }
    names = {s: {b.source.name(i) for i in range(b.size)} for s, b in parts.items()}
    assert names["train"] | names["test"] == names["all"]
    assert names["train"].isdisjoint(names["test"])
    assert np.bincount(parts["test"].source.labels).tolist() == [2, 2]  # a fifth, rounded up
    # By SHA-256 of the names: recorded results hold only as long as these four stay.
    held_out = {name.rpartition("/a/")[2] for name in names["test"]}
    by_hash = sorted(
        (path.removeprefix(f"{tmp_path}/a/") for path in names["all"]),
        key=lambda path: hashlib.sha256(path.encode()).hexdigest(),
    )
    cats, dogs = ([p for p in by_hash if p.startswith(kind)] for kind in ("cät", "dog"))
    assert held_out == {*cats[:2], *dogs[:2]}
    make_folder(tmp_path / "b", {"cät": 10, "dog": 6}, start=50)
    moved = data.load(tmp_path / "b", split="test", resolution=32).source
    assert {moved.name(i).rpartition("/b/")[2] for i in range(len(moved))} == {
        name.rpartition("/a/")[2] for name in names["test"]
    }


def test_half_of_a_division_is_not_taken_for_a_class(tmp_path):
    make_folder(tmp_path / "train", {"cat": 3, "dog": 4})
    with pytest.raises(ValueError, match=r"only one class folder, train,.*/train with split="):
        data.load(tmp_path)
    assert data.load(tmp_path / "train", split="all").classes == ("cat", "dog")


@pytest.mark.slow
def test_a_whole_folder_can_be_shuffled_and_a_split_need_not_be(tmp_path):
    make_folder(tmp_path, {"cat": 15, "dog": 15})
    options = dict(batch_size=7, resolution=32, augment="none")
    mixed = data.load(tmp_path, split="all", shuffle=True, **options)
    first, second = (everything(mixed)[1].tolist() for _ in range(2))
    assert len(mixed) == 4
    assert len(first) == 28
    assert first != sorted(first)
    assert first != second
    plain = data.load(tmp_path, split="train", shuffle=False, **options)
    assert everything(plain)[1].tolist() == [0] * 12 + [1] * 12
    letters = data.load("glyphs", batch_size=9, shuffle=False)
    assert next(iter(letters))[1].tolist() == letters.glyphs.labels[:9].tolist()
    assert not data.load("glyphs", split="test").shuffle


def test_batches_say_what_they_are(tmp_path):
    make_folder(tmp_path, {"cat": 4, "dog": 4})
    assert repr(data.load(tmp_path, split="all", batch_size=3, resolution=32)) == (
        "ImageBatches(all: 8 images of 2 classes, 3 batches of 3, 32x32)"
    )


def test_a_path_called_like_a_data_set_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("glyphs", "cifar10"):
        make_folder(tmp_path / name, {"cat": 4, "dog": 4})
        batches = data.load(type(tmp_path)(name), resolution=32)
        assert batches.classes == ("cat", "dog")
        assert batches.augment == data.LIGHT  # these may be mirrored


def test_training_batches_are_shuffled_full_and_seeded(tmp_path):
    make_folder(tmp_path, {"cat": 15, "dog": 15})
    options = dict(batch_size=7, resolution=32, augment="paper")
    batches = data.load(tmp_path, seed=1, **options)
    assert (batches.size, len(batches)) == (24, 3)
    images, labels = everything(batches)
    assert len(images) == 21
    assert labels.tolist() != sorted(labels.tolist())
    again, same = everything(data.load(tmp_path, seed=1, workers=3, **options))
    assert torch.equal(images, again)
    assert torch.equal(labels, same)
    second, _ = everything(batches)
    assert not torch.equal(images, second)
    other, _ = everything(data.load(tmp_path, seed=2, **options))
    assert not torch.equal(images, other)


def test_an_epoch_can_be_left_early(tmp_path):
    make_folder(tmp_path, {"cat": 20, "dog": 20})
    batches = data.load(tmp_path, batch_size=2, resolution=32)
    for _ in range(3):
        images, _ = next(iter(batches))
        assert images.shape == (2, 3, 32, 32)


def test_a_published_networks_preprocess_is_used(tmp_path):
    make_folder(tmp_path, {"cat": 3, "dog": 3})
    batches = data.load(tmp_path, split="all", preprocess=RAW_255)
    images, _ = next(iter(batches))
    assert images.shape[2:] == (96, 96)
    assert images.max() > 2  # 0 to 255
    assert data.load(tmp_path, preprocess=RAW_255, resolution=64).preprocess.resolution == 64
    letters, _ = next(iter(data.load("glyphs", preprocess=RAW_255, batch_size=4)))
    assert letters.shape == (4, 3, 96, 96)
    assert 0 <= letters.min() < 50
    assert 150 < letters.max() <= 255


# --- Broken images ----------------------------------------------------------------------------


def broken_images():
    good = encoded(picture(0, 300, 200), "JPEG")
    png = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    huge = bytearray(png)
    huge[16:24] = (9_000).to_bytes(4, "big") * 2  # the size that the header claims
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    return {
        "cut.jpg": good[: len(good) // 2],
        "cut.png": png[: len(png) // 2],
        "empty.png": b"",
        "text.jpg": b"this is no image",
        "zeros.png": bytes(500),
        "huge.png": bytes(huge),
        "deep.tif": encoded(np.full((8, 8), 70_000, np.int32), "TIFF"),
        "header.jpg": good[:20],
    }


def test_broken_images_are_named_and_the_run_goes_on(tmp_path):
    make_folder(tmp_path, {"cat": 12, "dog": 12})
    for name, content in broken_images().items():
        (tmp_path / "cat" / name).write_bytes(content)
    batches = data.load(tmp_path, split="all", batch_size=5, resolution=32)
    assert batches.size == 24 + 8
    for _ in range(2):  # the same file counts once
        images, labels = everything(batches)
        assert labels.tolist() == [0] * 12 + [1] * 12
        assert images.isfinite().all()
        assert len(batches.skipped) == 8
    assert set(batches.skipped) == {str(tmp_path / "cat" / name) for name in broken_images()}
    for name, words in {
        "empty.png": "empty (0 bytes)",
        "huge.png": "9000x9000 pixels",
        "deep.tif": "0 to 65535 are taken",
        "cut.jpg": "truncated",
        "text.jpg": "of no format that is known",
    }.items():
        assert words in batches.skipped[str(tmp_path / "cat" / name)], name


def test_training_batches_stay_full_beside_broken_images(tmp_path):
    make_folder(tmp_path, {"cat": 20, "dog": 20})
    for i in range(5):
        (tmp_path / "dog" / f"bad{i}.jpg").write_bytes(b"bad")
    batches = data.load(tmp_path, batch_size=6, resolution=32)
    assert [len(labels) for _, labels in batches] == [6] * (
        (batches.size - len(batches.skipped)) // 6
    )
    assert 0 < len(batches.skipped) <= 5


def test_broken_images_do_not_take_the_only_batch_away(tmp_path):
    make_folder(tmp_path, {"cat": 10, "dog": 10})
    for i in range(10):
        (tmp_path / "dog" / f"bad{i}.jpg").write_bytes(b"bad")
    batches = data.load(tmp_path, batch_size=20, resolution=32)
    assert batches.size >= 20
    ((_, labels),) = batches
    assert len(labels) == batches.size - len(batches.skipped) < 20


def test_nothing_but_broken_images_is_refused(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bad.jpg").write_bytes(b"bad")
    batches = data.load(tmp_path, split="all", resolution=32)
    with pytest.raises(ValueError, match=r"none of 2 images .*cat/bad\.jpg: .*of no format"):
        list(batches)
    assert len(batches.skipped) == 2


# --- Refusals ---------------------------------------------------------------------------------


def test_folders_that_cannot_be_loaded_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has no class folders"):
        data.load(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match="has no images; a split of size 0"):
        data.load(tmp_path)
    make_folder(tmp_path, {"dog": 3})
    with pytest.raises(ValueError, match="no image of class cat; add images or leave"):
        data.load(tmp_path)
    (tmp_path / "cat" / "one.png").write_bytes(encoded(picture(0)))
    with pytest.raises(ValueError, match="class cat has 1 image, too few to hold one out"):
        data.load(tmp_path)
    assert data.load(tmp_path, split="all").size == 4


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("letters", {}, FileNotFoundError, "no data set 'letters': .* glyphs, cifar10, imagenette"),
        ("glyphs", {"split": "val"}, ValueError, "split must be one of train, test; got 'val'"),
        ("glyphs", {"batch_size": 0}, ValueError, "batch_size must be .* >= 1, got 0"),
        ("glyphs", {"resolution": 8}, ValueError, "resolution must be .* from 32 to 4096, got 8"),
        ("glyphs", {"seed": -1}, ValueError, "seed must be"),
        (
            "glyphs",
            {"augment": "heavy"},
            ValueError,
            "augment must be one of paper, light, rand, none",
        ),
        ("glyphs", {"augment": 3}, TypeError, "augment must be a name or an Augmentation"),
        ("glyphs", {"difficulty": "mild"}, ValueError, "difficulty must be one of soft, default"),
        ("glyphs", {"difficulty": 3}, TypeError, "difficulty must be a name or a Difficulty"),
        ("cifar10", {"difficulty": "soft"}, ValueError, 'difficulty is for "glyphs" only'),
        ("glyphs", {"streaming": True}, ValueError, "streaming is for data sets of the hub only"),
        (".", {"classes": ["a"]}, ValueError, r"classes is for Parquet files only; '\.' has none"),
        ("glyphs", {"device": "gpu"}, ValueError, r"torch can use here, cpu.*; got 'gpu'"),
        ("cifar10", {"split": "all"}, ValueError, "split of CIFAR-10 must be one of train, test"),
        ("cifar10", {"workers": 0}, ValueError, "workers must be"),
    ],
)
def test_options_that_make_no_sense_are_refused(name, options, error, message):
    with pytest.raises(error, match=message):
        data.load(name, **options)


# --- The hub ----------------------------------------------------------------------------------


@pytest.fixture
def local_hub(tmp_path, monkeypatch):
    """The hub's library, with CIFAR-10's repository replaced by a Parquet file on this machine."""
    datasets = pytest.importorskip("datasets", reason="needs the extra hub")
    rows = [{"bytes": encoded(picture(i)), "path": f"{i}.png"} for i in range(30)]
    rows[7] = {"bytes": b"broken", "path": "7.png"}
    features = datasets.Features(
        img=datasets.Image(), label=datasets.ClassLabel(names=list("abcdefghij"))
    )
    table = pa.table({"img": rows, "label": [i % 10 for i in range(30)]})
    path = tmp_path / "cifar.parquet"
    pq.write_table(table.cast(features.arrow_schema), path)
    asked, load_dataset = [], datasets.load_dataset

    def local(repo, config, split, streaming):
        asked.append((repo, config, split, streaming))
        return load_dataset(
            "parquet",
            data_files={split: str(path)},
            split=split,
            streaming=streaming,
            cache_dir=str(tmp_path / "cache"),
        )

    monkeypatch.setattr(datasets, "load_dataset", local)
    # Even for a local file the library would tell its makers that it was loaded.
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)
    # And at the end of a stream it waits for seconds, for readers that a file does not need.
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0, raising=False)
    return types.SimpleNamespace(asked=asked, path=path)


def test_a_named_data_set_comes_through_the_hubs_library(local_hub):
    batches = data.load("cifar10", split="test", batch_size=8)
    assert local_hub.asked == [("uoft-cs/cifar10", None, "test", False)]
    assert batches.classes == tuple("abcdefghij")
    assert (batches.size, len(batches)) == (30, 4)
    images, labels = everything(batches)
    kept = [i for i in range(30) if i != 7]
    assert labels.tolist() == [i % 10 for i in kept]
    assert list(batches.skipped) == ["CIFAR-10, test, row 7"]
    mean, std = KNOWN["cifar10"].preprocess.mean, KNOWN["cifar10"].preprocess.std
    for image, i in zip(images, kept, strict=True):
        square = Image.fromarray(picture(i)).resize((38, 32), Image.Resampling.BILINEAR)
        square = np.asarray(square.crop((3, 0, 35, 32)), np.float64) / 255
        expected = ((square - mean) / std).transpose(2, 0, 1)
        np.testing.assert_allclose(image, expected, atol=1e-5)


def test_a_named_data_set_can_be_streamed(local_hub):
    batches = data.load("cifar10", streaming=True, batch_size=4, seed=3)
    assert local_hub.asked == [("uoft-cs/cifar10", None, "train", True)]
    assert len(batches) == 50_000 // 4  # what the data set has
    images, labels = everything(batches)
    assert len(labels) == 28  # 29 good ones, in full batches
    second = everything(batches)[1]
    assert labels.tolist() != second.tolist()  # another order
    again = data.load("cifar10", streaming=True, batch_size=4, seed=3)
    same, same_labels = everything(again)
    assert torch.equal(images, same)
    assert torch.equal(labels, same_labels)
    assert list(batches.skipped) == ["CIFAR-10, train, 7.png"]
    in_order = [i % 10 for i in range(30) if i != 7]
    assert everything(data.load("cifar10", split="test", streaming=True))[1].tolist() == in_order


def test_a_stream_goes_on_at_any_batch(local_hub):
    def load(**more):
        return data.load("cifar10", streaming=True, batch_size=4, seed=3, augment="paper", **more)

    whole = list(islice(load().endless(), 10))  # an epoch has seven
    assert [place.epoch for _, place in whole] == [0] * 7 + [1] * 3
    for start in (1, 5, 7, 9):
        again = load().endless(whole[start - 1][1])
        for ((images, labels), place), (batch, own) in zip(whole[start:], again, strict=False):
            assert torch.equal(batch[0], images)
            assert torch.equal(batch[1], labels)
            assert own == place


def test_processes_share_a_stream(local_hub):
    def load(**more):
        return data.load("cifar10", split="test", streaming=True, batch_size=4, **more)

    for rank in range(2):
        rows = [i for i in range(rank, 30, 2) if i != 7]
        found = everything(load(shard=data.Shard(rank, 2)))[1].tolist()
        assert found == [i % 10 for i in rows]


def test_a_streamed_label_out_of_range_is_refused(local_hub):
    table = pq.read_table(local_hub.path)
    labels = pa.array([-1, *table["label"].to_pylist()[1:]], pa.int64())
    pq.write_table(table.set_column(1, table.field("label"), labels), local_hub.path)
    with pytest.raises(ValueError, match="label -1 is out of range, the 10 classes are 0 to 9"):
        list(data.load("cifar10", split="test", streaming=True))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("no route"),
        FileNotFoundError("no repository"),
        OSError("offline"),
        ValueError("Couldn't find cache for this variant"),
        type("ReadTimeout", (Exception,), {})("of the HTTP client"),
    ],
)
def test_without_a_network_it_says_what_to_do(monkeypatch, error):
    datasets = pytest.importorskip("datasets", reason="needs the extra hub")

    def fail(*args, **options):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(ConnectionError) as caught:
        data.load("imagenet-1k")
    message = str(caught.value)
    words = ("ImageNet-1k", str(error), "HF_HOME", "folder of class folders", 'load("glyphs")')
    for word in (*words, "hf auth login"):
        assert word in message
    with pytest.raises(ConnectionError) as caught:
        data.load("flowers102", split="validation")
    assert "hf auth login" not in str(caught.value)


@pytest.mark.slow
def test_the_real_library_offline_says_what_to_do(tmp_path):
    pytest.importorskip("datasets", reason="needs the extra hub")
    code = (
        "import os\n"
        f"os.environ.update(HF_HUB_OFFLINE='1', HF_HOME={str(tmp_path)!r})\n"
        "from mobilenet_lib import data\n"
        "for name in ('cifar10', 'imagenet-1k'):\n"
        "    try:\n"
        "        data.load(name)\n"
        "    except ConnectionError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "CIFAR-10 (uoft-cs/cifar10) could not be read" in first
    assert "HF_HOME" in first
    assert "ImageNet-1k (ILSVRC/imagenet-1k) could not be read" in second


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"CIFAR-10 comes through .*mobilenet-lib\[hub\]"):
        data.load("cifar10")


def test_the_hubs_library_is_loaded_only_when_asked_for():
    code = "import sys\nfrom mobilenet_lib import data\nprint('datasets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "resolution", "mean", "std", "crop", "interpolation"),
    [
        ("cifar10", 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 1, "bilinear"),
        ("imagenette", 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 7 / 8, "bilinear"),
        ("flowers102", 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 7 / 8, "bicubic"),
        ("imagenet-1k", 224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 7 / 8, "bilinear"),
    ],
)
def test_each_known_data_set_has_its_own_numbers(name, resolution, mean, std, crop, interpolation):
    found = KNOWN[name].preprocess
    assert (found.resolution, found.mean, found.std) == (resolution, mean, std)
    assert (found.scale, found.crop_fraction) == (1 / 255, crop)
    assert (found.interpolation, found.crop_mode) == (interpolation, "center")


def test_every_known_data_set_is_complete():
    assert set(KNOWN) == {"cifar10", "imagenette", "flowers102", "imagenet-1k"}
    for known in KNOWN.values():
        assert set(known.splits) == set(known.sizes) >= {"train", "test"}
        assert known.repo.count("/") == 1
    assert KNOWN["imagenet-1k"].streaming
    assert KNOWN["imagenette"].preprocess.mean == IMAGENET.mean
    assert hub.SHUFFLE_BUFFER > 1000
