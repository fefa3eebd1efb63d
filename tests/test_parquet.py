"""Parquet as people's programs write it: `datasets`, pandas, the hub, Spark; what is refused."""

import decimal
import io
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pictures import encoded
from PIL import Image

from mobilenet_lib import data
from mobilenet_lib.data.shards import find_tables

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(shade):
    return encoded(Image.new("RGB", (8, 8), (shade, 0, 0)))


def write(path, labels, first=0, images=None, names=None):
    """A file with one image a label, of shades from `first` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [png(first + i) for i in range(len(labels))] if images is None else images
    table = pa.table({"image": images, "label": labels})
    if names:
        info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    try:
        pq.write_table(table, path)
    except pa.ArrowNotImplementedError as error:  # pyarrow before 22 writes no views
        pytest.skip(str(error))
    return path


def load(path, split="all", **options):
    return data.load(Path(path), split=split, resolution=32, batch_size=3, **options)


def shades(batches):
    """(class, shade) of each image that is loaded, in their order."""
    source, found = batches.source, []
    for i, label in enumerate(source.labels):
        content = source.read(i)
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
            found.append((source.classes[label], image.convert("RGB").getpixel((0, 0))[0]))
    return found


# --- As `datasets` and pandas write it --------------------------------------------------------


@pytest.mark.parametrize("decode", [True, False])
def test_what_datasets_itself_writes(tmp_path, decode):
    datasets = pytest.importorskip("datasets", reason="needs the extra hub")
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    features = datasets.Features(
        image=datasets.Image(decode=decode), label=datasets.ClassLabel(names=["ant", "bee"])
    )
    table = {"image": [str(tmp_path / f"{i}.png") for i in range(4)], "label": [0, 1, 1, 0]}
    written = datasets.Dataset.from_dict(table, features=features)
    written.to_parquet(tmp_path / "own.parquet")
    expected = [("ant", 0), ("bee", 1), ("bee", 2), ("ant", 3)]
    batches = load(tmp_path / "own.parquet")
    assert shades(batches) == expected
    assert sum(len(labels) for _, labels in batches) == 4
    # Its storage as it is in memory: paths only.
    pq.write_table(written.data.table, tmp_path / "paths.parquet")
    stored = pq.read_table(tmp_path / "paths.parquet")["image"].to_pylist()
    assert [row["bytes"] for row in stored] == [None] * 4
    assert shades(load(tmp_path / "paths.parquet")) == expected


def test_what_pandas_writes(tmp_path):
    pandas = pytest.importorskip("pandas", reason="comes with datasets")
    frame = pandas.DataFrame(
        {"image": [png(i) for i in range(6)], "label": ["cat", "dog", "cat", "eel", "dog", "cat"]}
    )
    expected = [("cat", 0), ("dog", 1), ("cat", 2), ("eel", 3), ("dog", 4), ("cat", 5)]
    category = frame.astype({"label": "category"})
    numbers = frame.assign(label=category["label"].cat.codes)
    for name, table in {
        "text": frame,
        "category": category,
        "string": frame.astype({"label": "string"}),
        "numbers": numbers,
        "float": numbers.astype({"label": "float64"}),
        "nullable": numbers.astype({"label": "Int64"}),
        "number_category": numbers.astype({"label": "category"}),
        "shuffled_index": frame.set_index(pandas.Index([5, 4, 3, 2, 1, 0])),
    }.items():
        path = tmp_path / f"{name}.parquet"
        table.to_parquet(path)
        found = shades(load(path))
        if load(path).classes == ("0", "1", "2"):
            found = [(("cat", "dog", "eel")[int(label)], shade) for label, shade in found]
        assert found == expected, name
    for i in range(6):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    rows = [{"bytes": None, "path": f"{i}.png"} for i in range(6)]  # bytes become a null column
    frame.assign(image=rows).to_parquet(tmp_path / "paths.parquet")
    assert pq.read_schema(tmp_path / "paths.parquet").field("image").type[0].type == pa.null()
    assert shades(load(tmp_path / "paths.parquet")) == expected
    numbers["label"] = numbers["label"].astype(float).where(numbers.index != 4)  # a NaN
    numbers.to_parquet(tmp_path / "nan.parquet")
    with pytest.raises(ValueError, match=r"nan\.parquet, row 4: a label is a whole number or te"):
        load(tmp_path / "nan.parquet")


def test_paths_start_at_the_files_folder_and_missing_ones_are_broken_images(tmp_path, monkeypatch):
    for i in range(3):
        (tmp_path / "set/pics").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"set/pics/{i}.png").write_bytes(png(i))
    rows = [
        {"bytes": None, "path": "pics/0.png"},
        {"bytes": None, "path": str(tmp_path / "set/pics/1.png")},
        {"bytes": png(9), "path": "nowhere.png"},  # the bytes count
        {"bytes": None, "path": "pics/lost.png"},
        {"bytes": None, "path": ""},
        {"bytes": None, "path": None},
        {"bytes": b"", "path": "pics/2.png"},
        {"bytes": None, "path": "pics"},
        {"bytes": None, "path": "a\0b"},
        None,
    ]
    images = pa.array(rows, STRUCT)
    path = write(tmp_path / "set/own.parquet", [0, 1] * 5, images=images)
    monkeypatch.chdir(tmp_path)
    for place in (path, Path("set/own.parquet"), Path("set")):
        shutil.rmtree("set/data", ignore_errors=True)
        if place == Path("set"):
            shutil.rmtree("copy", ignore_errors=True)
            shutil.copytree("set", "copy/data")
            place = Path("copy")
        batches = load(place)
        assert sum(len(labels) for _, labels in batches) == 3
        broken = [name.rpartition(", row ")[2] for name in batches.skipped]
        assert broken == ["3", "4", "5", "6", "7", "8", "9"]
        assert "No such file" in next(iter(batches.skipped.values()))
    (tmp_path / "set/pics/0.png").unlink()
    batches = load(path)
    list(batches)
    assert f"{path}, row 0" in batches.skipped


def test_a_struct_of_paths_alone(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    images = pa.array([{"path": "0.png"}, {"path": "1.png"}], pa.struct([("path", pa.string())]))
    path = write(tmp_path / "own.parquet", [0, 1], images=images)
    assert shades(load(path)) == [("0", 0), ("1", 1)]


# --- Types of columns -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.bool_()),
        *(pa.dictionary(pa.int8(), pa.int64()), pa.dictionary(pa.int32(), pa.float32())),
    ],
    ids=str,
)
def test_numbers_of_every_type_are_labels(tmp_path, kind):
    values = [False, True, True] if kind == pa.bool_() else [0, 1, 1]
    if pa.types.is_dictionary(kind):
        labels = pa.array(values, kind.value_type).dictionary_encode()
    else:
        labels = pa.array(values, pa.int64()).cast(kind) if kind != pa.bool_() else values
    batches = load(write(tmp_path / "own.parquet", labels))
    assert shades(batches) == [("0", 0), ("1", 1), ("1", 2)]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_of_every_type_is_a_label(tmp_path, kind):
    labels = pa.array(["b", "a", "b"])
    labels = labels.dictionary_encode() if pa.types.is_dictionary(kind) else labels.cast(kind)
    batches = load(write(tmp_path / "own.parquet", labels))
    assert (batches.classes, shades(batches)) == (("a", "b"), [("b", 0), ("a", 1), ("b", 2)])
    turned = load(tmp_path / "own.parquet", classes=["b", "a"])
    assert (turned.classes, shades(turned)) == (("b", "a"), shades(batches))


def test_bytes_of_every_type_are_images(tmp_path):
    content = [(png(shade) + bytes(9))[:75] for shade in (0, 1, 0)]  # of one size
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(75)):
        path = write(tmp_path / "own.parquet", [0, 1, 1], images=pa.array(content, kind))
        assert shades(load(path)) == [("0", 0), ("1", 1), ("1", 0)]
    path = write(path, [0, 1, 1], images=pa.array(content).dictionary_encode())
    assert shades(load(path)) == [("0", 0), ("1", 1), ("1", 0)]


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        (pa.array([[b"x"], [b"y"]]), "list<element: binary>"),
        (pa.array([[{"bytes": b"x"}]] * 2), "list<element: struct<bytes: binary>>"),
        (pa.array([[b"x"]] * 2, pa.list_(pa.binary(), 1)), "fixed_size_list"),
        (pa.array([[b"x"]] * 2, pa.large_list(pa.binary())), "large_list"),
        (pa.array([[1, 2], [3]]), "list<element: int64>"),
        (pa.array(["a.png", "b.png"]), "string"),
        (pa.array([1.5, 2.5]), "double"),
        (pa.array([None, None]), "null"),
        (pa.array([{"bytes": [1, 2]}] * 2), "struct<bytes: list<element: int64>>"),
        (pa.array([{"pixels": b"x"}] * 2), "struct<pixels: binary>"),
        (pa.array([[("a", b"x")]] * 2, pa.map_(pa.string(), pa.binary())), "map<string, binary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_columns_are_no_images(tmp_path, images, kind):
    path = write(tmp_path / "own.parquet", [0, 1], images=images)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - by its words, below
        load(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: column 'image' holds {kind}")
    assert "not encoded images; bytes, or structs of bytes and path, are needed" in said


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([[0], [1]], "list<element: int64>"),
        ([["cat"], ["dog"]], "list<element: string>"),
        ([decimal.Decimal("1.0"), decimal.Decimal("0.0")], "decimal128(2, 1)"),
        ([b"cat", b"dog"], "binary"),
        ([{"id": 0}, {"id": 1}], "struct<id: int64>"),
        (pa.array([0, 1], pa.timestamp("ms")), "timestamp[ms]"),
    ],
)
def test_other_columns_are_no_labels(tmp_path, labels, kind):
    path = write(tmp_path / "own.parquet", labels)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - by its words, below
        load(path)
    assert str(caught.value).startswith(f"{path}: column 'label' holds {kind}, not labels; whole ")


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        ([0.0, 1.0, 0.5], {}, "row 2: a label is a whole number or text, got 0.5"),
        ([0.0, float("nan"), 1.0], {}, "row 1: a label is a whole number or text, got nan"),
        ([float("inf"), 0.0, 1.0], {}, "row 0: a label is a whole number or text, got inf"),
        ([True, None, False], {}, "row 1: a label is a whole number or text, got None"),
        ([0, None], {}, "row 1: a label is a whole number or text, got None"),
        (["a", None, "b"], {}, "row 1: a label is a whole number or text, got None"),
        ([None, None], {}, "row 0: a label is a whole number or text, got None"),
        ([0.0, -1.0], {}, "row 1: label -1 is out of range"),
        ([0, -1, 1], {}, "row 1: label -1 is out of range"),
        ([0, 2, 1], {"classes": "ab"}, "row 1: label 2 is out of range, the 2 classes"),
        ([0, 10**12], {}, "label 1000000000000 is out of range, the 3 classes are 0 to 2"),
        ([0.0, 1e300], {}, "row 1: label 1e.300 is out of range"),
        (pa.array([0, 2**64 - 1], pa.uint64()), {}, "row 1: label 18446744073709551615 is out of"),
        (["a", "z"], {"classes": "ab"}, "row 1: label 'z' is none of a, b"),
        ([True, True], {}, "no image of class 0"),
        ([0, 1, 3], {}, "no image of class 2"),
        ([0, 1], {"classes": "abc"}, "no image of class c"),
        ([0, 1, 1], {"split": "train"}, "class 0 has 1 image, too few"),
        ([], {}, "has no images; a split of size 0"),
        ([0, 1], {"image": "label"}, "column 'label' holds int64, not encoded images"),
        ([0, 1], {"label": "y"}, r"no column 'y'; it has image, label\. Name the columns"),
    ],
)
def test_values_that_are_no_labels_are_refused_by_row(tmp_path, labels, options, words):
    path = write(tmp_path / "own.parquet", labels)
    with pytest.raises(ValueError, match=words) as caught:
        load(path, **options)
    assert str(caught.value).startswith(str(path))


def test_broken_rows_are_named(tmp_path):
    rows = [png(0), b"bad", None, png(1), b""]
    path = write(tmp_path / "own.parquet", [0, 0, 1, 1, 1], images=rows)
    batches = load(path)
    assert torch.cat([labels for _, labels in batches]).tolist() == [0, 1]
    assert list(batches.skipped) == [f"{path}, row {row}" for row in (1, 2, 4)]


def test_names_of_classes_that_are_damaged_are_named(tmp_path):
    path = write(tmp_path / "own.parquet", [0, 1])

    def store(names):
        table = pq.read_table(path).replace_schema_metadata({"huggingface": names})
        pq.write_table(table, path)

    for nothing in ("[]", '{"info": {"features": 3}}'):
        store(nothing)
        assert load(path).classes == ("0", "1")
    store("{")
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))}: the names of its classes are"):
        load(path)
    assert load(path, classes="ab").classes == ("a", "b")


@pytest.mark.parametrize("content", [b"", b"no", b"PAR1" + bytes(40) + b"PAR1"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, content):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} cannot be read as Parquet"):
        load(path)


def test_a_column_that_comes_twice_is_refused(tmp_path):
    table = pa.Table.from_arrays(
        [pa.array([b"x"])] * 2 + [pa.array([0])], ["image", "image", "label"]
    )
    pq.write_table(table, tmp_path / "own.parquet")
    with pytest.raises(ValueError, match="twice a column 'image'; it has image, image, label"):
        load(tmp_path / "own.parquet")


# --- Folders of files -------------------------------------------------------------------------

WHOLE = [
    ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
    ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
    ["data/train-00000-of-00002-ab12f0.parquet", "data/train-00001-of-00002-99de.parquet"],
    ["part-00000-a1-c000.snappy.parquet", "part-00001-a1-c000.snappy.parquet"],
    ["0000.parquet", "0001.parquet"],
    ["a.parquet", "b.PARQUET"],
    ["x-1-of-2.pq", "x-2-of-2.pq"],
    ["default/train/0000.parquet", "default/train/0001.parquet"],
    ["plain_text/train-00000-of-00002.parquet", "plain_text/train-00001-of-00002.parquet"],
]


@pytest.mark.parametrize("names", WHOLE, ids=lambda names: names[0])
def test_shards_are_one_data_set(tmp_path, names):
    write(tmp_path / names[1], ["b", "a", "b"], first=3)
    write(tmp_path / names[0], ["a", "b", "a"])
    for other in ("_SUCCESS", "README.md", "._SUCCESS.crc", ".cache/old.parquet", "assets/1.png"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_bytes(b"")
    assert find_tables(tmp_path) == names
    batches = load(tmp_path)
    assert batches.classes == ("a", "b")
    assert shades(batches) == [("a", 0), ("b", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)]
    assert batches.source.name(4) == f"{tmp_path / names[1]}, row 1"
    assert sorted(shades(load(tmp_path, "train")) + shades(load(tmp_path, "test"))) == sorted(
        shades(batches)
    )
    assert dict(batches.left_out.kinds) == {"no ending": 1, ".md": 1}
    assert batches.left_out.pictures == 0


def test_a_file_and_its_shards_are_divided_alike(tmp_path):
    labels = [i % 2 for i in range(20)]
    write(tmp_path / "own.parquet", labels)
    write(tmp_path / "set/a.parquet", labels[:7])
    write(tmp_path / "set/b.parquet", labels[7:], first=7)
    for split in ("train", "test", "all"):
        one, two = load(tmp_path / "own.parquet", split), load(tmp_path / "set", split)
        assert shades(one) == shades(two)
        assert one.fingerprint() == two.fingerprint()


DIVIDED = [
    ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
    ("train-00000-of-00001.parquet", "validation-00000-of-00001.parquet"),
    ("train.parquet", "test.parquet"),
    ("Training.parquet", "Testing.parquet"),
    ("pets_train.parquet", "pets_val.parquet"),
    ("train/0000.parquet", "test/0000.parquet"),
    ("train/part-00000.parquet", "dev/part-00000.parquet"),
    ("data/train/a.parquet", "data/holdout/a.parquet"),
    ("seg_train/x.parquet", "seg_test/x.parquet"),
    ("default/train/0000.parquet", "default/validation/0000.parquet"),
    ("cifar/train-00000-of-00001.parquet", "cifar/test-00000-of-00001.parquet"),
]


@pytest.mark.parametrize(("train", "test"), DIVIDED)
def test_files_for_training_and_test_are_told_apart(tmp_path, train, test):
    write(tmp_path / train, ["b", "a", "c"])
    write(tmp_path / test, ["c", "b"], first=3)  # has no a: numbers come from training
    assert shades(load(tmp_path, "train")) == [("b", 0), ("a", 1), ("c", 2)]
    batches = load(tmp_path, "test")
    assert batches.classes == ("a", "b", "c")
    assert shades(batches) == [("c", 3), ("b", 4)]
    with pytest.raises(ValueError, match="divided into train and test already"):
        load(tmp_path)
    write(tmp_path / test, ["c", "d"], first=3)
    with pytest.raises(ValueError, match="row 1: label 'd' is none of a, b, c"):
        load(tmp_path, "test")
    assert load(tmp_path, "train").size == 3


def test_a_test_of_numbers_has_the_classes_of_training(tmp_path):
    write(tmp_path / "train.parquet", [0, 1, 2])
    write(tmp_path / "test.parquet", [1, 0])
    assert load(tmp_path, "test").classes == ("0", "1", "2")
    write(tmp_path / "test.parquet", [1, 3])
    with pytest.raises(ValueError, match=r"test\.parquet, row 1: label 3 is out of range"):
        load(tmp_path, "test")


def test_a_test_that_differs_from_training_is_refused_by_name(tmp_path):
    write(tmp_path / "train.parquet", [0, 1], names=["ant", "bee"])
    for labels, names, words in (
        (["0", "1"], None, "test.parquet holds text where .*train.parquet holds whole numbers"),
        ([0, 1], ["bee", "ant"], "test.parquet and .*train.parquet name the classes differently"),
    ):
        write(tmp_path / "test.parquet", labels, names=names)
        with pytest.raises(ValueError, match=words):
            load(tmp_path, "test")


def test_test_comes_before_validation_and_the_rest_is_said(tmp_path):
    for i, part in enumerate(("train", "test", "validation", "unsupervised")):
        write(tmp_path / f"data/{part}-00000-of-00001.parquet", [0, 1], first=2 * i)
    batches = load(tmp_path, "test")
    assert shades(batches) == [("0", 2), ("1", 3)]
    assert dict(batches.left_out.kinds) == {"Parquet file beside train and test": 2}
    assert batches.left_out.first == "data/unsupervised-00000-of-00001.parquet"


def test_names_of_classes_come_from_any_shard(tmp_path):
    write(tmp_path / "a.parquet", [0, 1])
    write(tmp_path / "b.parquet", [1, 0], names=["ant", "bee"])
    assert load(tmp_path).classes == ("ant", "bee")
    write(tmp_path / "a.parquet", [0, 1], names=["bee", "ant"])
    with pytest.raises(ValueError, match=r"b\.parquet and .*a\.parquet name the classes diff"):
        load(tmp_path)
    assert load(tmp_path, classes="xy").classes == ("x", "y")


def test_an_empty_shard_is_no_trouble(tmp_path):
    write(tmp_path / "a.parquet", [])
    write(tmp_path / "b.parquet", ["x", "y"])
    assert shades(load(tmp_path)) == [("x", 0), ("y", 1)]
    (tmp_path / "b.parquet").unlink()
    with pytest.raises(ValueError, match="has no images; a split of size 0"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("labels", "images", "words"),
    [
        (["x", "y"], None, "b.parquet holds text where .*a.parquet holds whole numbers"),
        ([0.0, 1.0], None, "b.parquet holds numbers where .*a.parquet holds whole numbers"),
        ([True, False], None, "b.parquet holds true or false where"),
        ([0, 1], pa.array([None] * 2, STRUCT), "b.parquet holds structs where .* holds bytes"),
        ([0, 1], pa.array(["x"] * 2), "b.parquet: column 'image' holds string"),
    ],
)
def test_shards_that_differ_are_refused_by_name(tmp_path, labels, images, words):
    write(tmp_path / "a.parquet", [0, 1])
    path = write(tmp_path / "b.parquet", labels, images=images)
    with pytest.raises(ValueError, match=words):
        load(tmp_path)
    table = pq.read_table(path)
    pq.write_table(table.rename_columns(["image", "y"]), path)
    with pytest.raises(ValueError, match=r"b\.parquet has no column 'label'; it has image, y"):
        load(tmp_path)
    path.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"b\.parquet cannot be read as Parquet"):
        load(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00003", "train-00002-of-00003"],
        ["train-00001-of-00002"],
        ["train-00000-of-00002-aa", "train-00000-of-00002-bb", "train-00001-of-00002-aa"],
        ["train-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"],
        ["train-00000-of-00001", "train"],
    ],
    ids=len,
)
def test_missing_and_surplus_shards_are_refused(tmp_path, names):
    for name in names:
        write(tmp_path / f"{name}.parquet", [0, 1])
    with pytest.raises(ValueError, match=rf"{names[0]}.*are not the \d shards? of one data set"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("names", "split", "words"),
    [
        (["160px/a", "320px/a"], "all", "several sets of Parquet files, 160px, 320px, but not one"),
        (["a/train", "a/test", "b/train", "b/test"], "train", "a/train and b/train mean the same"),
        (["train", "training", "test"], "train", "train and training mean the same part, train"),
        (["test-00000-of-00001"], "train", r"files for test only \(test-00000-of-00001.parquet\)"),
        (["train/a", "extra/a"], "all", "several sets of Parquet files, extra, train, but not on"),
    ],
)
def test_folders_that_can_mean_two_things_are_refused(tmp_path, names, split, words):
    for name in names:
        write(tmp_path / f"{name}.parquet", [0, 1])
    with pytest.raises(ValueError, match=words):
        load(tmp_path, split)


@pytest.mark.parametrize("split", ["test", "all"])
def test_a_test_alone_is_the_test(tmp_path, split):
    write(tmp_path / "test-00000-of-00001.parquet", [0, 1, 0])
    assert load(tmp_path, split).size == 3


@pytest.mark.parametrize(
    "tables",
    [
        ["labels.parquet"],
        ["train/metadata.parquet", "test/metadata.parquet"],
        ["train/cat/vectors.parquet"],
        ["notes/old/table.parquet"],
    ],
)
def test_a_folder_of_images_with_a_table_beside_is_one_of_images(tmp_path, tables):
    parts = {name.split("/")[0] for name in tables} & {"train", "test"} or {"."}
    for folder in parts:
        for name in ("cat/0.png", "cat/1.png", "dog/0.png"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(png(0))
    for name in tables:
        write(tmp_path / name, [0])
    assert find_tables(tmp_path) == []


# --- Names, links, fingerprints ---------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_not_utf_8(tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    write(tmp_path / "own.parquet", [0, 1], images=[png(0), b"bad"])
    (tmp_path / odd).mkdir()
    for name in (f"{odd}.parquet", f"{odd}/train-00000-of-00001.parquet"):
        shutil.copy(tmp_path / "own.parquet", tmp_path / name)
    for path in (tmp_path / f"{odd}.parquet", tmp_path / odd):
        batches = load(path)
        assert sum(len(labels) for _, labels in batches) == 1
        (name,) = batches.skipped
        assert name.startswith(f"{tmp_path}/caf\\xe9")
    (tmp_path / f"{odd}.parquet").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"caf.xe9\.parquet cannot be read as Parquet"):
        load(tmp_path / f"{odd}.parquet")


def test_the_hubs_own_folder_of_links(tmp_path):
    write(tmp_path / "blobs/ab12", [0, 1])
    write(tmp_path / "blobs/cd34", [1, 0], first=2)
    (tmp_path / "snapshots/data").mkdir(parents=True)
    for i, blob in enumerate(("ab12", "cd34")):
        link = tmp_path / f"snapshots/data/train-0000{i}-of-00002.parquet"
        link.symlink_to(f"../../blobs/{blob}")
    assert shades(load(tmp_path / "snapshots")) == [("0", 0), ("1", 1), ("1", 2), ("0", 3)]


def test_a_fingerprint_is_of_the_images_not_of_where_the_files_lie(tmp_path):
    path = write(tmp_path / "own.parquet", [0, 1, 1])
    whole = load(path).fingerprint()
    assert len(whole) == 64
    (tmp_path / "moved").mkdir()
    moved = shutil.copy(path, tmp_path / "moved/other.parquet")
    assert load(moved).fingerprint() == whole
    for labels, first, images, names in (
        ([1, 0, 1], 0, None, None),
        ([0, 1, 1], 1, None, None),
        ([0, 1, 1], 0, [png(0), png(1), b""], None),
        ([0, 1, 1], 0, None, ["x", "y"]),
    ):
        write(Path(moved), labels, first, images, names)
        assert load(moved).fingerprint() != whole
    # The same images, as files beside it.
    for i in range(3):
        (tmp_path / f"moved/{i}.png").write_bytes(png(i))
    rows = pa.array([{"bytes": None, "path": f"{i}.png"} for i in range(3)], STRUCT)
    write(Path(moved), [0, 1, 1], images=rows)
    assert load(moved).fingerprint() == whole
    (tmp_path / "moved/1.png").unlink()
    assert load(moved).fingerprint() != whole
