"""Make the letters in this folder from the fonts of Debian packages.

    pip install fonttools==4.68.0 numpy pillow==13.0.0 pyarrow==26.0.1
    python data/glyphs/make_glyphs.py                     # fetches the packages with apt-get
    python data/glyphs/make_glyphs.py --packages FOLDER   # keeps them there

packages.csv names the packages with version and checksum, sources.csv every folder of fonts with
its licence or the reason why it is left out, excluded.csv the fonts and letters that are not
legible. Only packages that do not lie in FOLDER yet are fetched.
The files are written to --out (this folder, unless told otherwise) and their checksums compared
with checksums.txt; the exit status is 1 if they differ. README.md describes the steps.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import logging
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from mobilenet_lib.files import write_atomically  # noqa: E402 - found without being installed

VERSIONS = {"fonttools": "4.68.0", "pillow": "13.0.0", "pyarrow": "26.0.1"}

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIZE, MARGIN = 48, 4
DRAWN_AT = 160  # pixels per em: large enough that hinting and antialiasing leave no trace
LEAST_INK = 24  # a letter with fewer fully inked pixels is a stray dot
LEAST_LETTERS = 13  # a font with fewer usable letters is left out

SEED = 1
TEST_SHARE = 0.18  # of the families
SAME = 20  # thousandths of difference up to which two glyphs count as near-duplicates
KIN = 13  # fonts with this many letters the same are one design, whatever they are called

Pixels = NDArray[np.uint8]
# Words in a font's name that tell members of one family apart.
STYLE = re.compile(
    r"black|bold|bolditalic|book|caps|caption|cnd?|code|cond|condensed|demi|demibold|display|duo|"
    r"expanded|ext|extended|extra|extrabold|extralight|fat|heavy|italic|light|lite|math|medium|"
    r"mono|narrow|no|oblique|open|outline|poster|pro|regular|roman|sans|sc|script|semi|semibold|"
    r"semicondensed|serif|slab|slanted|smallcaps|std|style|text|thin|titling|ultra|upright|wide|"
    r"\d+"
)
LICENCE_WORDS = {
    "OFL": r"open font licen[cs]e|\bofl\b",
    "Apache": r"apache",
    "GPL": r"general public licen[cs]e|\bgpl\b",
    "LPPL": r"latex project public|gust font licen[cs]e",
    "no derivatives": r"without derivatives|no derivatives|not be modified",
}


class Font(NamedTuple):
    """One usable font file: where it is, whose it is, and its letters."""

    name: str
    family: str
    licence: str
    copyright: str
    glyphs: dict[int, Pixels]


class Row(NamedTuple):
    """One glyph: pixels 48x48 in steps of 17, label 0 to 25, family and licence."""

    pixels: Pixels
    label: int
    family: str
    licence: str
    font: int


# --- Fetching -----------------------------------------------------------------------------------


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a CSV file beside this script."""
    with open(HERE / name, encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def fetch(folder: Path) -> list[tuple[str, Path]]:
    """Name and .deb file of every package, downloaded into `folder` where it is not there yet.

    Raises
    ------
    ValueError
        A package cannot be fetched, or is not the one that the committed data was made from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = read_table("packages.csv")
    missing = [row for row in wanted if not list(folder.glob(f"{row['package']}_*.deb"))]
    if missing:
        names = [f"{row['package']}={row['version']}" for row in missing]
        print(f"fetching {len(names)} packages", flush=True)
        command = ["apt-get", "-qq", "download", *names]
        if not shutil.which("apt-get") or subprocess.call(command, cwd=folder) != 0:
            raise ValueError(
                f"apt-get did not fetch {len(names)} packages: on Debian 12, run apt-get update "
                "and try again; elsewhere, get the versions that packages.csv names from an "
                "archive of Debian's packages and pass their folder with --packages"
            )
    found = []
    for row in wanted:
        for path in folder.glob(f"{row['package']}_*.deb"):
            with open(path, "rb") as package:
                if hashlib.file_digest(package, "sha256").hexdigest() == row["sha256"]:
                    found.append((row["package"], path))
                    break
        else:
            raise ValueError(
                f"{folder} has no {row['package']} {row['version']} with the SHA-256 that "
                "packages.csv names; get this version from an archive of Debian's packages"
            )
    return found


def unpack(packages: Iterable[tuple[str, Path]], target: Path) -> list[Path]:
    """Write the fonts of all packages below `target`, each package in its own folder."""
    paths = []
    for package, archive in packages:
        reader = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
        with tarfile.open(fileobj=reader.stdout, mode="r|") as files:
            for member in files:
                if member.isfile() and member.name.lower().endswith((".otf", ".ttf")):
                    path = target / package / short_path(member.name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(files.extractfile(member).read())
                    paths.append(path)
        if reader.wait() != 0:
            raise ValueError(f"{archive} cannot be unpacked; fetch it again")
    return sorted(paths)


def short_path(name: str) -> str:
    """Path of a font inside its package from "opentype/" or "truetype/" on, as in sources.csv."""
    return re.sub(r"^.*?/fonts/(?=opentype/|truetype/|[^/]+$)", "", name)


# --- One font -----------------------------------------------------------------------------------


def family_of(name: str) -> str:
    """Family key of a font's name: lower case, without words of style, weight and width.

    "Fira Sans Condensed" and "FiraMono" both give "fira". A name made of such words alone stays.
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    kept = [word for word in words if not STYLE.fullmatch(word.lower())]
    return "".join(kept or words).lower()


def stated_licences(text: str) -> set[str]:
    """Licences that a font's own licence and copyright texts name, without version."""
    return {name for name, words in LICENCE_WORDS.items() if re.search(words, text, re.IGNORECASE)}


def choose_licence(allowed: str, text: str) -> str:
    """Licence of a font: one of `allowed` (joined by "|"), the first unless `text` says another.

    Raises
    ------
    ValueError
        The font itself names licences only that sources.csv does not.
    """
    choices = allowed.split("|")
    stated = stated_licences(text)
    agreeing = [choice for choice in choices if choice.startswith(tuple(stated))]
    if stated and not agreeing:
        raise ValueError(f"it says {', '.join(sorted(stated))}, sources.csv says {allowed}")
    return (agreeing or choices)[0]


def draw(font: ImageFont.FreeTypeFont, letter: str) -> Pixels | None:
    """A letter scaled to fit 48x48 with a margin of 4, centred, in 16 steps of grey; None if empty.

    Everything is integer arithmetic in FreeType and Pillow, so the pixels do not depend on the
    machine.
    """
    mask = font.getmask(letter, mode="L")
    if 0 in mask.size:
        return None
    large = Image.new("L", mask.size)
    large.im.paste(mask, (0, 0, *mask.size))
    box = large.getbbox()
    if box is None:
        return None
    large = large.crop(box)
    longest = max(large.size)
    width, height = (
        max(1, (2 * side * (SIZE - 2 * MARGIN) + longest) // (2 * longest)) for side in large.size
    )
    small = large.resize((width, height), Image.Resampling.HAMMING)
    tile = Image.new("L", (SIZE, SIZE))
    tile.paste(small, ((SIZE - width) // 2, (SIZE - height) // 2))
    steps = (np.asarray(tile).astype(np.int64) + 8) // 17
    return (steps * 17).astype(np.uint8)


def usable(pictures: dict[int, Pixels], notdef: Pixels | None) -> dict[int, Pixels]:
    """The pictures that can be letters: inked, not the font's .notdef, each under one letter."""
    counts = Counter(p.tobytes() for p in pictures.values())
    if notdef is not None:
        counts[notdef.tobytes()] += 2
    return {
        label: picture
        for label, picture in pictures.items()
        if picture.sum(dtype=np.int64) >= 255 * LEAST_INK and counts[picture.tobytes()] == 1
    }


def read_font(path: Path, source: dict[str, str], skipped: str) -> Font | None:
    """Letters of a font file except those `skipped`, None if it has too few."""
    from fontTools.ttLib import TTFont, TTLibError

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # old fonts are full of small slips
    try:
        with TTFont(path, lazy=True) as tables:
            characters = tables.getBestCmap() or {}
            names = tables["name"]
            text = {n: " ".join((names.getDebugName(n) or "").split()) for n in (0, 1, 13, 14, 16)}
    except (TTLibError, KeyError) as error:
        print(f"  left out {path.name}: {error}")
        return None
    licence = choose_licence(source["licence"], f"{text[0]} {text[13]} {text[14]}")
    font = ImageFont.truetype(path, DRAWN_AT, layout_engine=ImageFont.Layout.BASIC)
    pictures = {}
    for label, letter in enumerate(LETTERS):
        if ord(letter) in characters and letter not in skipped:
            picture = draw(font, letter)
            if picture is not None:
                pictures[label] = picture
    glyphs = usable(pictures, draw(font, "\uffff"))
    if len(glyphs) < LEAST_LETTERS:
        return None
    family = source["family"] or family_of(text[16] or text[1])
    return Font(path.name, family, licence, text[0], glyphs)


def read_fonts(paths: list[Path], root: Path) -> list[Font]:
    """All usable fonts in the order of their paths.

    Raises
    ------
    ValueError
        A folder is not in sources.csv, or a font names another licence than sources.csv.
    """
    sources = {(row["package"], row["folder"]): row for row in read_table("sources.csv")}
    excluded = read_table("excluded.csv")
    work, strangers = [], set()
    for path in paths:
        package, *parts = path.relative_to(root).parts
        folders = ["/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)] + ["*"]
        source = next((sources[package, f] for f in folders if (package, f) in sources), None)
        if source is None:
            strangers.add((package, "/".join(parts[:-1])))
            continue
        skipped = "".join(r["letters"] for r in excluded if fnmatchcase(path.name, r["font"]))
        if source["licence"] and skipped != LETTERS:
            work.append((path, source, skipped))
    if strangers:
        raise ValueError(f"folders that sources.csv does not list: {sorted(strangers)}")
    with ProcessPoolExecutor() as pool:
        fonts = pool.map(_read_named, work, chunksize=16)
        return [font for font in fonts if font is not None]


def _read_named(task: tuple[Path, dict[str, str], str]) -> Font | None:
    try:
        return read_font(*task)
    except (OSError, ValueError) as error:
        raise ValueError(f"{task[0]}: {error}") from error


# --- All fonts ----------------------------------------------------------------------------------


def features(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What is compared: (n, 48, 48) grey in steps of 17 as (n, 576) sums of 2x2 steps, 0 to 60.

    Dot products of these are whole numbers below 2^24, so float32 holds them exactly and every
    machine draws the same line.
    """
    steps = (pixels // 17).astype(np.float32)
    half = SIZE // 2
    return steps.reshape(-1, half, 2, half, 2).sum((2, 4)).reshape(-1, half * half)


def alike(a: NDArray[np.float32], b: NDArray[np.float32], thousandths: int) -> NDArray[np.bool_]:
    """Which rows of `a` and `b` differ by at most so many thousandths, as a matrix.

    The difference is |a - b|² / (|a|² + |b|²): 0 for equal glyphs, 1 where no ink is shared.
    """
    shared = (2 * (a @ b.T)).astype(np.int64)
    total = (a * a).sum(1).astype(np.int64)[:, None] + (b * b).sum(1).astype(np.int64)
    return 1000 * (total - shared) <= thousandths * total


def thin(rows: list[Row], groups: list[list[str]]) -> list[Row]:
    """Keep of near-duplicates of one letter within a group of families the first.

    A picture that stands for different letters in different fonts is dropped altogether, and one
    that returns in another group is kept once.
    """
    group_of = {family: number for number, group in enumerate(groups) for family in group}
    labels: dict[bytes, set[int]] = {}
    for row in rows:
        labels.setdefault(row.pixels.tobytes(), set()).add(row.label)
    alternatives: dict[tuple[int, int], list[Row]] = {}
    seen: set[bytes] = set()
    for row in rows:
        key = row.pixels.tobytes()
        if len(labels[key]) == 1 and key not in seen:
            seen.add(key)
            alternatives.setdefault((group_of[row.family], row.label), []).append(row)
    kept = []
    for group in alternatives.values():
        values = features(np.stack([row.pixels for row in group]))
        same = alike(values, values, SAME)
        chosen: list[int] = []
        for index in range(len(group)):
            if not same[index, chosen].any():
                chosen.append(index)
        kept += [group[index] for index in chosen]
    return kept


def kindred(fonts: list[Font]) -> list[list[str]]:
    """Families in groups of one design: joined where two fonts share at least 13 letters."""
    counts = np.zeros((len(fonts), len(fonts)), np.uint8)
    for label in range(len(LETTERS)):
        have = np.array([i for i, font in enumerate(fonts) if label in font.glyphs], np.intp)
        if have.size:
            values = features(np.stack([fonts[i].glyphs[label] for i in have]))
            counts[np.ix_(have, have)] += alike(values, values, SAME)
    parent = {font.family: font.family for font in fonts}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for i, j in zip(*np.nonzero(np.triu(counts >= KIN, 1)), strict=True):
        a, b = sorted((root(fonts[i].family), root(fonts[j].family)))
        parent[b] = a
    groups: dict[str, list[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), []).append(name)
    return list(groups.values())


def choose_test(groups: list[list[str]], share: float, seed: int) -> set[str]:
    """Families for the test set: whole groups in the order of a hash, up to `share` of all.

    A group with more than a tenth of that is for training only: it would be most of the test.
    """
    limit = share * sum(map(len, groups))
    chosen: set[str] = set()
    for group in sorted(groups, key=lambda g: hashlib.sha256(f"{seed} {g[0]}".encode()).digest()):
        if len(group) <= limit / 10 and len(chosen) + len(group) <= limit:
            chosen.update(group)
    return chosen


def drop_near(train: list[Row], test: list[Row]) -> list[Row]:
    """The training glyphs that are no near-duplicate of a test glyph of the same letter."""
    kept = []
    for label in range(len(LETTERS)):
        ours = [row for row in train if row.label == label]
        theirs = [row for row in test if row.label == label]
        if ours and theirs:
            a, b = (features(np.stack([r.pixels for r in rows])) for rows in (ours, theirs))
            near = alike(a, b, SAME).any(1)
            ours = [row for row, is_near in zip(ours, near, strict=True) if not is_near]
        kept += ours
    return kept


# --- Writing ------------------------------------------------------------------------------------


def encode_png(pixels: Pixels) -> bytes:
    """PNG of a picture in steps of 17: 4 bits of grey, stored and not compressed.

    Compressed bytes would depend on the zlib at hand. Parquet compresses thousands of glyphs at
    once anyway, which makes them smaller than each PNG could be alone.
    """
    height, width = pixels.shape
    steps = pixels // 17
    lines = np.zeros((height, 1 + width // 2), np.uint8)  # filter type 0, then two pixels a byte
    lines[:, 1:] = (steps[:, ::2] << 4) | steps[:, 1::2]
    raw = lines.tobytes()
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw
    stored += struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 4, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", stored), (b"IEND", b""))
    )


def write_parquet(path: Path, rows: list[Row]) -> None:
    """Write rows as Parquet, with the class names where the `datasets` library looks for them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    hints = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": list(LETTERS)},
        "family": {"_type": "Value", "dtype": "string"},
        "licence": {"_type": "Value", "dtype": "string"},
    }
    schema = pa.schema(
        [
            ("image", pa.binary()),
            ("label", pa.int64()),
            ("family", pa.string()),
            ("licence", pa.string()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": hints}})},
    )
    images = [encode_png(row.pixels) for row in rows]
    columns = [images, *([getattr(row, name) for row in rows] for name in schema.names[1:])]
    table = pa.table([pa.array(c, t) for c, t in zip(columns, schema.types, strict=True)], schema)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=19,
        use_dictionary=["label", "family", "licence"],
        write_statistics=["label"],
        row_group_size=8192,
        data_page_size=16 << 20,  # a page is compressed as one
    )
    write_atomically(path, sink.getvalue().to_pybytes())


def write_families(path: Path, fonts: list[Font], splits: dict[str, list[Row]]) -> None:
    """Write one line per family: split, counts, licences, copyright notices."""
    lines = [["family", "split", "glyphs", "fonts", "licence", "copyright"]]
    for family in sorted({row.family for rows in splits.values() for row in rows}):
        (split,) = (s for s, rows in splits.items() if any(r.family == family for r in rows))
        rows = [row for row in splits[split] if row.family == family]
        used = sorted({row.font for row in rows})
        notices = dict.fromkeys(fonts[i].copyright for i in used if fonts[i].copyright)
        licences = sorted({row.licence for row in rows})
        notice = " / ".join(notices)
        lines.append([family, split, len(rows), len(used), "|".join(licences), notice[:400]])
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(lines)
    write_atomically(path, table.getvalue())


def checksums(folder: Path) -> str:
    """SHA-256 of the files made, in the format of sha256sum."""
    names = ("families.csv", "test.parquet", "train.parquet")
    return "".join(f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names)


def build(packages: Path, out: Path) -> None:
    """Make train.parquet, test.parquet and families.csv in `out`."""
    for name, version in VERSIONS.items():
        if metadata.version(name) != version:
            raise ValueError(f"{name} {version} is needed, {metadata.version(name)} is installed")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        paths = unpack(fetch(packages), root)
        print(f"{len(paths)} font files", flush=True)
        fonts = read_fonts(paths, root)
    rows = [
        Row(pixels, label, font.family, font.licence, index)
        for index, font in enumerate(fonts)
        for label, pixels in font.glyphs.items()
    ]
    print(f"{len(fonts)} fonts, {len({f.family for f in fonts})} families, {len(rows)} glyphs")
    groups = kindred(fonts)
    rows = thin(rows, groups)
    print(f"{len(rows)} distinct glyphs", flush=True)
    chosen = choose_test(groups, TEST_SHARE, SEED)
    print(f"{len(groups)} designs, the largest {max(groups, key=len)}")
    test = [row for row in rows if row.family in chosen]
    train = drop_near([row for row in rows if row.family not in chosen], test)
    print(f"{len(rows) - len(train) - len(test)} near-duplicates of test glyphs dropped")
    splits = {"train": train, "test": test}
    for name, part in splits.items():
        part.sort(key=lambda row: (row.family, row.font, row.label))
        write_parquet(out / f"{name}.parquet", part)
        size = (out / f"{name}.parquet").stat().st_size
        print(f"{name}: {len(part)} glyphs, {len({r.family for r in part})} families, {size} bytes")
    write_families(out / "families.csv", fonts, splits)


def main() -> int:
    """Build, then compare checksums with the committed ones."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packages", type=Path, help="folder for the .deb files")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (this folder)")
    parser.add_argument("--record", action="store_true", help="write checksums.txt anew")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        build(options.packages or Path(scratch), options.out)
    made = checksums(options.out)
    print(made, end="")
    if options.record:
        write_atomically(HERE / "checksums.txt", made)
    same = made == (HERE / "checksums.txt").read_text(encoding="utf-8")
    print("same as checksums.txt" if same else "DIFFERENT from checksums.txt")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
