"""Labelled images that are read one at a time, and the checks that all of them go through."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..files import printable
from ..photos import PhotoError, open_photo
from ..validation import check_choice

PARTS = ("train", "test", "all")
HELD_OUT = 0.2
"""Share of each class that is held out for "test" where nothing else says what is."""
SAMPLED = 1000
"""Images at most whose content goes into a fingerprint; all of them would be read anew."""
NO_ENDING = "no ending"
# Pictures of cameras and programs; what `photos.SUFFIXES` has of them is read.
UNREAD = (
    "heic heif hif avif jxl jp2 j2k jpf jpx jpm raw cr2 cr3 crw nef nrw arw sr2 orf "
    "rw2 raf pef srw dng psd psb xcf svg svgz ai eps ico icns cur tga pcx dds exr hdr dcm fits fit "
    "pbm pnm pam bpg wdp hdp jxr qoi xbm xpm apng mng jfif jpe jif jfi dib"
)
PICTURES = frozenset(f".{ending}" for ending in UNREAD.split())
NO_PICTURES = ("readme", "license", "licence", "copying", "makefile", "_success")
SHOWN = 5
"""Kinds that a line about left-out files names."""
Encoded = str | os.PathLike[str] | bytes | None
"""An encoded image: its file, its bytes, or None where there is none."""
Item = tuple[str, Encoded, int]
"""A name for reports, the encoded image, its label."""


@dataclass(frozen=True)
class LeftOut:
    """Files and folders beside the images of a data set that were not read, hidden ones aside."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    """How many of each kind: an ending such as ".heic", or in words why."""
    first: str = ""
    """The first of them; pictures come before others."""
    pictures: int = 0
    """How many of them are probably pictures."""

    @classmethod
    def of(cls, files: Iterable[tuple[str, str, bool]]) -> LeftOut:
        """Of (name, kind, whether it is probably a picture)."""
        every = sorted(files, key=lambda file: (not file[2], file[0]))
        kinds = Counter(kind for _, kind, _ in every)
        first = printable(every[0][0]) if every else ""
        return cls(dict(kinds.most_common()), first, sum(picture for *_, picture in every))

    def __len__(self) -> int:
        return sum(self.kinds.values())

    def __str__(self) -> str:
        if not self.kinds:
            return ""
        folders = sum(n for kind, n in self.kinds.items() if kind.startswith("folder"))
        what = {0: "file", len(self): "folder"}.get(folders, "files and folder")
        shown = [
            f"{n} {'without an ending' if kind == NO_ENDING else kind}"
            for kind, n in list(self.kinds.items())[:SHOWN]
        ]
        if len(self.kinds) > SHOWN:
            shown.append(f"{len(self) - sum(list(self.kinds.values())[:SHOWN])} of other kinds")
        which = "it is" if len(self) == 1 else "the first is"
        return (
            f"{len(self)} {what}{'s' if len(self) > 1 else ''} left out: {', '.join(shown)}; "
            f"{which} {self.first}"
        )


@dataclass(frozen=True)
class Source:
    """Labelled images of one split. Nothing is decoded here."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    """(N,): the class of each image."""
    read: Callable[[int], Encoded]
    """The encoded image at an index."""
    name: Callable[[int], str]
    """What to call the image at an index in a report."""
    key: Callable[[int], str] | None = None
    """What the image at an index is called within the data set, wherever that lies."""
    left_out: LeftOut = LeftOut()
    """What lies beside the images and is not read."""

    def __len__(self) -> int:
        return len(self.labels)

    def fingerprint(self) -> str | None:
        """SHA-256 of what the images are, not of where they lie; None without keys.

        It covers all keys, labels, classes and sizes in bytes, and the content of 1,000 images
        from first to last.
        """
        if self.key is None:
            return None
        digest = hashlib.sha256(repr(self.classes).encode())
        whole = set(np.linspace(0, len(self) - 1, min(len(self), SAMPLED)).round().astype(int))
        for i, label in enumerate(self.labels.tolist()):
            size, content = _measure(self.read(i), i in whole)
            told = repr((self.key(i), label, size))
            digest.update(told.encode() + content)
        return digest.hexdigest()


def kind_of(name: str) -> tuple[str, bool]:
    """The ending of a file's name, and whether a file that is not read is probably a picture."""
    stem, ending = os.path.splitext(os.path.basename(name))
    if len(ending) < 2:
        return NO_ENDING, stem.lower() not in NO_PICTURES
    return printable(ending.lower()), ending.lower() in PICTURES


def decode(image: Encoded) -> Image.Image:
    """An encoded image as an upright RGB picture; all that is wrong with it is a PhotoError."""
    if image is None:
        raise PhotoError("there is no image (null)")
    try:
        return open_photo(image if isinstance(image, bytes) else Path(image).read_bytes())
    except PhotoError:
        raise
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        raise PhotoError(str(error)) from error


def _measure(image: Encoded, whole: bool) -> tuple[int, bytes]:
    """Size of an encoded image, -1 if there is none, and its content if `whole`."""
    if image is None or isinstance(image, bytes):
        return (-1, b"") if image is None else (len(image), image if whole else b"")
    try:
        if not whole:
            return os.path.getsize(image), b""
        with open(image, "rb") as file:
            content = file.read()
        return len(content), content
    except (OSError, ValueError):  # a broken image, which is named when it is used
        return -1, b""


def check_labels(
    labels: NDArray[np.int64],
    classes: Sequence[str],
    where: str,
    complete: bool = True,
    note: str = "",
) -> None:
    """Refuse no images, a label outside the classes, and if `complete` a class with no image.

    `note` goes with what is said of missing images.
    """
    if len(labels) == 0:
        raise ValueError(f"{where} has no images; a split of size 0 cannot be loaded{note}")
    check_range(labels, classes, where)
    counts = np.bincount(labels, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if empty and complete:
        raise ValueError(
            f"{where}: no image of class {', '.join(empty[:5])}"
            f"{f' and {len(empty) - 5} more' if len(empty) > 5 else ''}; add images or leave the "
            f"class out{note}"
        )


def check_range(labels: NDArray[np.int64], classes: Sequence[str], where: str) -> None:
    """Refuse a label outside the classes, with a ValueError that names its row."""
    outside = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if outside.size:
        row = int(outside[0])
        raise label_error(f"{where}, row {row}", labels[row], classes)


def label_error(where: str, label: int, classes: Sequence[str]) -> ValueError:
    """The error of a label outside the classes."""
    return ValueError(
        f"{where}: label {label} is out of range, the {len(classes)} classes are 0 to "
        f"{len(classes) - 1}"
    )


def hold_out(
    labels: NDArray[np.int64],
    keys: Sequence[str],
    split: str,
    classes: Sequence[str],
    where: str,
) -> NDArray[np.int64]:
    """Indices of the images in `split`: "train", "test" (a fifth of each class) or "all".

    Which images are held out depends on their keys alone, so it is the same on every machine. A
    class with too few images to be in both parts is refused.
    """
    check_choice("split", split, PARTS)
    if split == "all":
        return np.arange(len(labels))
    digests = [hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest() for key in keys]
    order = np.argsort(digests)
    chosen: list[np.ndarray] = []
    for label, name in enumerate(classes):
        members = order[labels[order] == label]
        if len(members) < 2:
            raise ValueError(
                f"{where}: class {name} has {len(members)} image, too few to hold one out for the "
                'test; add images, or load split="all"'
            )
        test = math.ceil(HELD_OUT * len(members))
        chosen.append(members[:test] if split == "test" else members[test:])
    return np.sort(np.concatenate(chosen))
