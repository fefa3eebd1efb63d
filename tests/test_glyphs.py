"""The letters in `data/glyphs/`: what the files hold, and the script that makes them."""

import csv
import hashlib
import io
import itertools
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageFont
from scripts import script

FOLDER = Path(__file__).resolve().parent.parent / "data" / "glyphs"
make = script("data/glyphs/make_glyphs.py")

ALLOWED = {
    "Apache-2.0",
    "BSD-3-Clause",
    "Bitstream-Vera",
    "CC-BY-3.0",
    "GPL-2.0-or-later WITH Font-exception-2.0",
    "GPL-3.0-only WITH Font-exception-2.0",
    "GPL-3.0-or-later WITH Font-exception-2.0",
    "LPPL-1.3c",
    "LicenseRef-public-domain",
    "MIT",
    "OFL-1.0",
    "OFL-1.1",
}
SPLITS = ("train", "test")


def rows_of(name):
    with open(FOLDER / name, encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="module")
def tables():
    return {split: pq.read_table(FOLDER / f"{split}.parquet") for split in SPLITS}


@pytest.fixture(scope="module")
def pictures(tables):
    decoded = {}
    for split, table in tables.items():
        images = []
        for data in table["image"].to_pylist():
            with Image.open(io.BytesIO(data)) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "L", (48, 48))
                images.append(np.asarray(image))
        decoded[split] = np.stack(images)
    return decoded


@pytest.fixture(scope="module")
def families():
    return {row["family"]: row for row in rows_of("families.csv")}


# --- The committed files ----------------------------------------------------------------------


def test_checksums_match_and_the_files_are_small():
    text = (FOLDER / "checksums.txt").read_text(encoding="utf-8")
    assert text == make.checksums(FOLDER)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.parquet")) <= 20_000_000


def test_schema(tables):
    columns = [("image", pa.binary()), ("label", pa.int64())]
    columns += [("family", pa.string()), ("licence", pa.string())]
    for table in tables.values():
        assert table.schema.remove_metadata() == pa.schema(columns)
        assert all(column.null_count == 0 for column in table.columns)
        assert b'"_type": "Image"' in table.schema.metadata[b"huggingface"]


def test_there_is_enough_and_the_datasheet_counts_it(tables, families):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    total = 0
    for split, table in tables.items():
        count = len(set(table["family"].to_pylist()))
        assert re.search(rf"\| {split} \| {table.num_rows:,} \| {count:,} \|", text)
        total += table.num_rows
    assert total >= 20_000
    large = [row for row in families.values() if int(row["glyphs"]) >= 26]
    assert len(large) >= 100
    assert sum(int(row["fonts"]) for row in families.values()) >= 1_000
    for licence, rows in itertools.groupby(
        sorted(families.values(), key=lambda row: row["licence"]), lambda row: row["licence"]
    ):
        rows = list(rows)
        glyphs = sum(int(row["glyphs"]) for row in rows)
        name = licence.replace("|", ", ")
        assert f"| {name} | {len(rows)} | {glyphs:,} |" in text


def test_glyphs_are_drawn_as_stated(pictures):
    for images in pictures.values():
        assert images.dtype == np.uint8
        assert not (images % 17).any()  # 16 steps of grey
        ink = images > 0
        rows, columns = ink.any(2), ink.any(1)
        # Centred, with a margin of 4 on the longer side; the outermost pixels may round to 0.
        for sides in (rows, columns):
            assert not sides[:, :4].any()
            assert not sides[:, -4:].any()
            first, last = sides.argmax(1), 47 - sides[:, ::-1].argmax(1)
            assert (abs(first + last - 47) <= 3).mean() > 0.999
        longest = np.maximum(rows.sum(1), columns.sum(1))
        assert (longest >= 38).mean() > 0.999
        assert (images.sum((1, 2), dtype=np.int64) >= 255 * make.LEAST_INK).all()


def test_all_letters_are_there_in_similar_numbers(tables):
    for split, table in tables.items():
        counts = np.bincount(table["label"].to_numpy(), minlength=26)
        assert len(counts) == 26
        # The letter I of most sans serif typefaces is the same bar, and such are kept once.
        assert counts.min() >= (0.3 if split == "train" else 0.8) * np.median(counts)
        assert counts.max() <= 1.5 * np.median(counts)


def test_no_family_is_in_both(tables, families):
    train, test = (set(tables[split]["family"].to_pylist()) for split in SPLITS)
    assert not train & test
    assert 0.15 <= len(test) / len(train | test) <= 0.2
    assert {name: row["split"] for name, row in families.items()} == (
        dict.fromkeys(train, "train") | dict.fromkeys(test, "test")
    )


def test_no_picture_occurs_twice(pictures):
    keys = Counter(image.tobytes() for split in SPLITS for image in pictures[split])
    assert max(keys.values()) == 1


def test_no_near_duplicates_across_the_split(tables, pictures):
    # The measure written out once more, in float64: |a - b|² / (|a|² + |b|²) of 24x24 means.
    closest = []
    for label in range(26):
        a, b = (
            pictures[split][tables[split]["label"].to_numpy() == label]
            .reshape(-1, 24, 2, 24, 2)
            .mean((2, 4))
            .reshape(-1, 576)
            for split in SPLITS
        )
        total = (a**2).sum(1)[:, None] + (b**2).sum(1)
        closest.append(((total - 2 * a @ b.T) / total).min())
    assert min(closest) > 0.02
    assert min(closest) < 0.021  # pairs just beyond the limit are there: the test looks at them


def test_every_licence_is_allowed_and_listed(tables, families):
    for table in tables.values():
        licences: dict[str, set[str]] = {}
        counts = Counter(table["family"].to_pylist())
        for row in table.select(["family", "licence"]).to_pylist():
            licences.setdefault(row["family"], set()).add(row["licence"])
        for family, found in licences.items():
            assert found <= ALLOWED
            assert set(families[family]["licence"].split("|")) == found
            assert int(families[family]["glyphs"]) == counts[family]


def test_sources_name_a_licence_or_a_reason():
    packages = {row["package"] for row in rows_of("packages.csv")}
    sources = rows_of("sources.csv")
    assert {row["package"] for row in sources} == packages
    for row in sources:
        assert bool(row["licence"]) != bool(row["left_out"]), row
        assert set(filter(None, row["licence"].split("|"))) <= ALLOWED
    for row in rows_of("packages.csv"):
        assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
    for row in rows_of("excluded.csv"):
        assert set(row["letters"]) <= set(make.LETTERS)
        assert row["reason"]


# --- The script's parts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "family"),
    [
        (("Fira Sans", "Fira Sans Condensed", "FiraMono", "Fira Math"), "fira"),
        (("QTHelvetCnd-Black", "QTHelvet"), "qthelvet"),
        (("Gillius ADF No2 Cond", "Gillius ADF"), "gilliusadf"),
        (("TeX Gyre Heros Cn",), "texgyreheros"),
        (("Roman Sans",), "romansans"),  # nothing would be left
    ],
)
def test_variants_fall_into_one_family(names, family):
    assert {make.family_of(name) for name in names} == {family}


@pytest.mark.parametrize(
    ("allowed", "text", "licence"),
    [
        ("OFL-1.1", "", "OFL-1.1"),
        ("MIT|OFL-1.1", "SIL Open Font License", "OFL-1.1"),
        ("Apache-2.0|OFL-1.1", "silent", "Apache-2.0"),
        ("GPL-2.0-or-later WITH Font-exception-2.0", "GNU General Public License", None),
    ],
)
def test_a_font_may_choose_among_the_licences_of_its_folder(allowed, text, licence):
    assert make.choose_licence(allowed, text) == (licence or allowed)


@pytest.mark.parametrize(
    "text", ["GNU General Public Licence v2", "for use without derivatives or alteration"]
)
def test_a_font_that_contradicts_its_folder_is_refused(text):
    with pytest.raises(ValueError, match=r"sources\.csv says OFL-1\.1"):
        make.choose_licence("OFL-1.1", text)


def test_short_path():
    tex = "./usr/share/texlive/texmf-dist/fonts/opentype/public/fira/FiraSans-Bold.otf"
    assert make.short_path(tex) == "opentype/public/fira/FiraSans-Bold.otf"
    assert make.short_path("./usr/share/fonts/truetype/hack/H.ttf") == "truetype/hack/H.ttf"


@pytest.fixture(scope="module")
def dejavu():
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, make.DRAWN_AT, layout_engine=ImageFont.Layout.BASIC)


def test_draw_fits_the_tile(dejavu):
    for letter in make.LETTERS:
        ink = make.draw(dejavu, letter) > 0
        height, width = ink.any(1).sum(), ink.any(0).sum()
        assert max(height, width) == 40
    left, right = make.draw(dejavu, "L"), make.draw(dejavu, "J")
    assert left[40, 20:30].all()  # the foot of an L
    assert not np.array_equal(left, right)
    assert make.draw(dejavu, " ") is None


def test_boxes_for_missing_letters_are_dropped(dejavu):
    letters = {i: make.draw(dejavu, c) for i, c in enumerate("ABC")}
    box = make.draw(dejavu, "\uffff")
    speck = np.zeros((48, 48), np.uint8)
    speck[20, 20:25] = 255
    assert make.usable({**letters, 3: box}, box).keys() == letters.keys()
    assert make.usable({**letters, 3: box, 4: box}, None).keys() == letters.keys()
    assert make.usable({**letters, 3: speck}, box).keys() == letters.keys()


def noise(seed, count=1):
    steps = np.random.default_rng(seed).integers(0, 16, (count, 48, 48))
    return (steps * 17).astype(np.uint8)


def row(pixels, label=0, family="a", font=0):
    return make.Row(pixels, label, family, "MIT", font)


def test_alike_is_exact_at_the_limit():
    a = np.zeros((1, 576), np.float32)
    b = a.copy()
    a[0, 0], b[0, :2] = 7, (7, 2)  # 4 of 102 parts: 39.2 thousandths
    assert not make.alike(a, b, 39)[0, 0]
    assert make.alike(a, b, 40)[0, 0]
    b[0, :2] = (7, 0)
    assert make.alike(a, b, 0)[0, 0]
    c = np.full((1, 576), 60, np.float32)  # the largest dot product there is, and still exact
    assert (c @ c.T)[0, 0] == 60 * 60 * 576 < 2**24


def test_features_are_sums_of_two_by_two():
    (picture,) = noise(0)
    values = make.features(picture[None]).reshape(24, 24)
    steps = picture // 17
    assert values[3, 5] == steps[6:8, 10:12].sum()
    assert values.max() <= 60


def test_thin_keeps_one_of_the_same_and_none_with_two_meanings():
    first, second, third = noise(1, 3)
    near, nearer = first.copy(), first.copy()
    near[0, 0], nearer[1, 1] = 255 - first[0, 0], 255 - first[1, 1]
    rows = [
        row(first),
        row(near, font=1),  # same family and letter
        row(nearer, family="b", font=2),  # near, but another design
        row(first.copy(), family="c", font=3),  # exactly the same
        row(second, label=1),
        row(third, label=2),
        row(third, label=3, family="b"),  # another letter with the same picture
    ]
    kept = make.thin(rows, [["a"], ["b"], ["c"]])
    assert [(r.label, r.family, r.font) for r in kept] == [(0, "a", 0), (0, "b", 2), (1, "a", 0)]


def font(family, pixels):
    return make.Font(f"{family}.otf", family, "MIT", "", dict(enumerate(pixels)))


def test_families_that_share_letters_are_one_design():
    a, b = noise(2, 26), noise(3, 26)
    mixed = np.concatenate([a[:12], b[12:]])
    fonts = [font("a", a), font("b", b), font("a2", a), font("m", mixed)]
    assert sorted(make.kindred(fonts)) == [["a", "a2"], ["b", "m"]]


def test_the_test_families_are_whole_groups_and_depend_on_the_seed():
    groups = [[f"{i}"] for i in range(180)] + [["x", "y"]] + [[f"z{i}" for i in range(18)]]
    chosen = make.choose_test(groups, 0.2, seed=0)
    assert 38 <= len(chosen) <= 40
    assert {"x", "y"} <= chosen or not {"x", "y"} & chosen
    assert not any(name.startswith("z") for name in chosen)
    assert make.choose_test(groups[::-1], 0.2, seed=0) == chosen
    assert make.choose_test(groups, 0.2, seed=1) != chosen


def test_near_duplicates_leave_the_training_set():
    a, b = noise(4, 2)
    near = a.copy()
    near[:2, :2] = 0
    train = [row(near), row(b), row(near, label=1)]
    kept = make.drop_near(train, [row(a, family="t")])
    assert [(r.pixels is b, r.label) for r in kept] == [(True, 0), (False, 1)]


def test_png_gives_back_the_pixels():
    (picture,) = noise(5)
    with Image.open(io.BytesIO(make.encode_png(picture))) as image:
        image.verify()
    with Image.open(io.BytesIO(make.encode_png(picture))) as image:
        assert (image.mode, image.size) == ("L", (48, 48))
        assert np.array_equal(np.asarray(image), picture)


def test_parquet_gives_back_the_rows_and_is_the_same_each_time(tmp_path):
    rows = [row(p, label, f"f{label}", label) for label, p in enumerate(noise(6, 5))]
    for name in ("one", "two"):
        make.write_parquet(tmp_path / name, rows)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    table = pq.read_table(tmp_path / "one")
    assert table["family"].to_pylist() == [f"f{label}" for label in range(5)]


def test_a_package_of_another_version_is_refused(tmp_path, monkeypatch):
    (tmp_path / "fonts-x_1_all.deb").write_bytes(b"another")
    wanted = {"package": "fonts-x", "version": "1", "sha256": hashlib.sha256(b"this").hexdigest()}
    monkeypatch.setattr(make, "read_table", lambda name: [wanted])
    with pytest.raises(ValueError, match=r"no fonts-x 1 with the SHA-256"):
        make.fetch(tmp_path)
    (tmp_path / "fonts-x_1_all.deb").write_bytes(b"this")
    assert make.fetch(tmp_path) == [("fonts-x", tmp_path / "fonts-x_1_all.deb")]


@pytest.mark.parametrize(
    "apt_get", [None, '#!/bin/sh\necho "$@" > asked; exit 100\n'], ids=["absent", "refusing"]
)
def test_packages_that_cannot_be_fetched_are_said_to_be_so(tmp_path, monkeypatch, apt_get):
    tools, folder = tmp_path / "tools", tmp_path / "packages"
    tools.mkdir()
    if apt_get:
        (tools / "apt-get").write_text(apt_get)
        (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    wanted = {"package": "fonts-x", "version": "1", "sha256": ""}
    monkeypatch.setattr(make, "read_table", lambda name: [wanted])
    with pytest.raises(ValueError, match=r"did not fetch 1 packages.*apt-get update"):
        make.fetch(folder)
    if apt_get:
        assert (folder / "asked").read_text() == "-qq download fonts-x=1\n"


def test_the_script_runs_with_the_library_beside_it_not_installed(tmp_path):
    library = FOLDER.parent.parent / "mobilenet_lib"
    copied = {"data/glyphs/make_glyphs.py": FOLDER} | {
        f"mobilenet_lib/{name}": library for name in ("__init__.py", "lazy.py", "files.py")
    }
    for name, origin in copied.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(origin / Path(name).name, tmp_path / name)
    code = (
        f"import runpy, sys; runpy.run_path({str(tmp_path / 'data/glyphs/make_glyphs.py')!r}); "
        "print(sys.modules['mobilenet_lib'].__file__)"
    )
    elsewhere = tmp_path / "data"  # Python looks in the current folder too
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=elsewhere
    )
    assert ran.stdout.strip() == str(tmp_path / "mobilenet_lib/__init__.py"), ran.stderr
