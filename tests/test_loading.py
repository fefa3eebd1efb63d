"""Each row of LOADING.md, done: what is said to be read is read, each refusal has its words."""

import io
import json
import re
import struct
from pathlib import Path

import checkpoint_files as files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import test_wrappers
import torch
from checkpoint_files import same
from PIL import Image

import mobilenet_lib
from mobilenet_lib import data, load_published
from mobilenet_lib.photos import load_photo
from mobilenet_lib.weights.hub_processor import processor

TABLE = (Path(mobilenet_lib.__file__).parent / "LOADING.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| (?!what|---)(.+?) \| (.+?) \|$", TABLE, re.MULTILINE))
CASES = {}


def row(start):
    def keep(function):
        (name,) = [name for name in ROWS if name.startswith(start)]
        assert name not in CASES
        CASES[name] = function
        return function

    return keep


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_row(tmp_path, name):
    words = re.search(r'^refused: "(.+)"$', ROWS[name])
    if not words:
        CASES[name](tmp_path)
        return
    with pytest.raises(ValueError, match=re.escape(words[1])):
        CASES[name](tmp_path)


def test_every_row_has_a_case():
    assert set(CASES) == set(ROWS)
    assert len(ROWS) > 40


# --- Checkpoints ------------------------------------------------------------------------------


def timm():
    return files.tensors("timm")


def torch_file(folder, content):
    torch.save(content, folder / "a.pt")
    return same(load_published(folder / "a.pt"))


# What other files test whole.
row("sharded `.safetensors`")(test_wrappers.test_shards_are_read_by_folder_index_and_shard)
row("torch's AveragedModel")(test_wrappers.test_torchs_averaged_model_is_read)
row("averaged weights beside plain ones")(
    lambda folder: test_wrappers.test_the_averaged_state_is_taken_and_said(
        folder, "state_dict", "state_dict_ema", swapped=False
    )
)


@row("`.safetensors`, `.pt`")
def _(folder):
    arrays = files.arrays("timm")
    same(load_published(files.write_safetensors(folder / "a.bin", arrays)))
    same(load_published(files.write_torch(folder / "b.ckpt", arrays)))
    same(load_published(files.write_npz(folder / "c.npz", arrays).rename(folder / "c.weights")))


@row("names of timm")
def _(folder):
    for source in ("timm", "transformers", "tf-slim", "keras"):
        arrays = files.arrays(source)
        net = same(load_published(files.write_npz(folder / "a.npz", arrays)))
        assert (net.source["naming"], net.arch.alpha, net.arch.num_classes) == (source, 0.25, 10)


@row("a prefix before all names")
def _(folder):
    for prefix in ("model.", "backbone.", "a.b.c."):
        torch_file(folder, {"state_dict": {prefix + k: v for k, v in timm().items()}, "epoch": 1})


@row("`module.` or `_orig_mod.`")
def _(folder):
    torch_file(folder, {"module._orig_mod." + k: v for k, v in timm().items()})
    torch_file(folder, {k.replace("blocks.", "blocks._orig_mod."): v for k, v in timm().items()})


@row("a classifier under another name")
def _(folder):
    torch_file(folder, {k.replace("classifier.", "classifier.1."): v for k, v in timm().items()})
    torch_file(folder, {k.replace("classifier.", "head.fc."): v for k, v in timm().items()})


@row("two networks in one file")
def _(folder):
    two = {f"{who}.{k}": v for k, v in timm().items() for who in ("teacher", "student")}
    torch_file(folder, two)


@row("a pickle that could run code")
def _(folder):
    torch.save(torch.nn.Linear(2, 2), folder / "a.pt")
    load_published(folder / "a.pt")


@row("no classifier")
def _(folder):
    torch_file(folder, {k: v for k, v in timm().items() if "classifier" not in k})


@row("one output")
def _(folder):
    torch_file(folder, {k: v[:1] if "classifier" in k else v for k, v in timm().items()})


@row("Keras 3's `.weights.h5`")
def _(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    load_published(folder / "a.weights.h5")


# --- Keras ------------------------------------------------------------------------------------


def keras(folder, *changes, size=96):
    return load_published(files.described(folder, *changes, size=size))


@row("input of 100 pixels")
def _(folder):
    net = keras(folder, size=100)
    assert [x.out_size for x in net.arch.layers if x.stride == 2] == [50, 25, 12, 6, 3]
    assert net.feature_maps(torch.zeros(1, 3, 100, 100))["dw_6"].shape[2] == 6


@row("Rescaling or Normalization")
def _(folder):
    net = keras(folder, files.before("conv1", "Rescaling", scale=1 / 255, offset=0.5))
    pixels = torch.full((1, 3, 2, 2), 51.0)
    assert torch.allclose(net.preprocess.normalize(pixels), torch.tensor(0.7))
    net = keras(folder, files.before("conv1", "Normalization", mean=[1.0], variance=[4.0], axis=-1))
    assert torch.allclose(net.preprocess.normalize(pixels), torch.tensor(25.0))


@row("layers for training")
def _(folder):
    same(keras(folder, files.before("conv1", "RandomFlip", mode="horizontal")))
    same(keras(folder, files.before("conv1", "Dropout", rate=0.5)))


@row("a base nested")
def _(folder):
    h5py = pytest.importorskip("h5py")
    path = folder / "a.h5"
    keras(folder)
    with h5py.File(path, "a") as file:
        layers = files.keras_model()["config"]["layers"]
        inner = {"class_name": "Functional", "config": {"name": "base", "layers": layers[:-6]}}
        top = [{**layer, "inbound_nodes": []} for layer in layers[-6:]]
        model = {"class_name": "Sequential", "config": {"name": "s", "layers": [inner, *top]}}
        file.attrs["model_config"] = json.dumps(model)
    same(load_published(path))


@row("GlobalMaxPooling2D")
def _(folder):
    keras(folder, files.configured("global_average_pooling2d", class_name="GlobalMaxPooling2D"))


@row("an input that is not square")
def _(folder):
    keras(folder, files.configured("input_1", batch_input_shape=[None, 96, 64, 3]))


@row("another activation")
def _(folder):
    keras(folder, files.configured("conv1_relu", class_name="Activation", activation="elu"))


@row("two dense layers")
def _(folder):
    keras(folder, files.configured("reshape_2", class_name="Dense", units=3))


@row("a softmax over one output")
def _(folder):
    keras(folder, files.configured("conv_preds", filters=1))


@row("channels first")
def _(folder):
    keras(folder, files.configured("global_average_pooling2d", data_format="channels_first"))


# --- transformers -----------------------------------------------------------------------------


def prepared(**fields):
    return processor(224, fields)


@row("each `do_*` switch")
def _(folder):
    assert prepared(do_rescale=False, do_normalize=False).scale == 1
    assert prepared(do_resize=False).crop_mode == "none"
    assert prepared(do_center_crop=False, size={"height": 96, "width": 96}).resolution == 96
    filters = {prepared(resample=number).interpolation for number in range(6)}
    assert filters == {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}


@row("a crop larger")
def _(folder):
    prepare = prepared(do_resize=False, crop_size=10, do_normalize=False, do_rescale=False)
    x = prepare(Image.new("RGB", (5, 4), "white"))[0, 0]
    assert (x[3:7, 3:8] == 255).all()
    assert x.sum() == 20 * 255


@row("`crop_size` that is not square")
def _(folder):
    prepared(crop_size={"height": 224, "width": 192})


@row("neither resized nor cropped")
def _(folder):
    prepared(do_resize=False, do_center_crop=False)


@row("a field of another processor")
def _(folder):
    prepared(crop_pct=0.9)


# --- Pictures ---------------------------------------------------------------------------------

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def kept(folder, image, name="a.png", **options):
    image.save(folder / name, **options)
    return load_photo(folder / name)


@row("JPEG, PNG, WebP")
def _(folder):
    image = Image.fromarray(PIXELS)
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        assert np.array_equal(kept(folder, image, "a.jpg", format=kind), PIXELS)
    for kind in ("JPEG", "GIF", "WEBP"):
        assert kept(folder, image, "a.png", format=kind).shape == PIXELS.shape


@row("palette, grey, CMYK")
def _(folder):
    grey = Image.fromarray(PIXELS).convert("L")
    assert np.array_equal(kept(folder, grey)[:, :, 2], np.array(grey))
    few = Image.fromarray(PIXELS).quantize(8)
    assert np.array_equal(kept(folder, few), np.array(few.convert("RGB")))
    kept(folder, Image.fromarray(PIXELS).convert("CMYK"), "a.jpg")
    assert set(kept(folder, grey.convert("1")).flat) <= {0, 255}


@row("transparency")
def _(folder):
    clear = np.dstack([PIXELS, np.zeros((16, 24), np.uint8)])
    assert (kept(folder, Image.fromarray(clear)) == 255).all()


@row("16-bit grey")
def _(folder):
    deep = PIXELS[:, :, 0].astype(np.uint16) * 257
    assert np.array_equal(kept(folder, Image.fromarray(deep))[:, :, 0], PIXELS[:, :, 0])


@row("numbers with a point")
def _(folder):
    for whole in (1, 255):
        image = Image.fromarray(np.float32([[0, 0.2, 1]]) * whole)
        assert kept(folder, image, "a.tif")[0, :, 0].tolist() == [0, 51, 255]


@row("EXIF orientation")
def _(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = kept(folder, Image.fromarray(PIXELS), exif=exif)
    assert np.array_equal(turned, np.rot90(PIXELS, -1))
    # XResolution -1/0: Pillow cannot write it back.
    entries = struct.pack("<HHII", 0x112, 3, 1, 6) + struct.pack("<HHII", 0x11A, 10, 1, 38)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    Image.fromarray(PIXELS).save(folder / "b.jpg", exif=block + struct.pack("<ii", -1, 0))
    assert load_photo(folder / "b.jpg").shape == (24, 16, 3)


@row("JPEG above 52 megapixels")
def _(folder):
    assert kept(folder, Image.new("L", (9000, 7000)), "a.jpg").shape == (3500, 4500, 3)


@row("numbers out of range")
def _(folder):
    kept(folder, Image.fromarray(np.int32([[0, 70_000]])), "a.tif")


@row("HEIC")
def _(folder):
    (folder / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    load_photo(folder / "a.jpg")


# --- Folders and tables -----------------------------------------------------------------------


def fill(folder, count):
    folder.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(PIXELS).save(folder / f"{i}.png")


def sizes(root, **options):
    parts = [data.load(root, split=s, resolution=32, batch_size=1) for s in ("train", "test")]
    return [part.size for part in parts]


@row("one folder a class")
def _(folder):
    for kind in ("ant", "bee"):
        fill(folder / kind, 5)
    assert sizes(folder) == [8, 2]


@row("`train` and `test` by")
def _(folder):
    for part, count in (("seg_train", 3), ("seg_test", 2)):
        for kind in ("ant", "bee"):
            fill(folder / part / kind, count)
    assert sizes(folder) == [6, 4]


@row("`train` with classes beside")
def _(folder):
    for kind in ("ant", "bee"):
        fill(folder / "train" / kind, 5)
    fill(folder / "test", 3)
    assert sizes(folder) == [8, 2]
    assert "test" in str(data.load(folder, resolution=32, batch_size=1).left_out)


@row("hidden files")
def _(folder):
    for kind in ("ant", "bee"):
        fill(folder / kind, 5)
        fill(folder / kind / ".ipynb_checkpoints", 5)
    assert sizes(folder) == [8, 2]


def table(folder, image, name="a.parquet"):
    pq.write_table(pa.table({"image": image, "label": [0, 1] * 5}), folder / name)


@row("Parquet, one file")
def _(folder):
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, "PNG")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    (folder / "p.png").write_bytes(content.getvalue())
    for i, one in enumerate(
        ({"bytes": content.getvalue(), "path": None}, {"bytes": None, "path": "p.png"})
    ):
        table(folder, pa.array([one] * 10, kind), f"train-0000{i}-of-00002.parquet")
    batches = data.load(folder, split="all", resolution=32, batch_size=5)
    assert sum(len(images) for images, _ in batches) == 20


@row("class folders that hold the same")
def _(folder):
    for part in ("FoldA", "FoldB"):
        for kind in ("ant", "bee"):
            fill(folder / part / kind, 2)
    sizes(folder)


@row("lists of images")
def _(folder):
    table(folder, pa.array([[b"a"]] * 10, pa.list_(pa.binary())))
    data.load(folder / "a.parquet", resolution=32)
