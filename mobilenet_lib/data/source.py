"""Labelled images that are read one at a time, and the checks that all of them go through."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..photos import SUFFIXES
from ..validation import check_choice

PARTS = ("train", "test", "all")
HELD_OUT = 0.2
"""Share of each class that is held out for "test" where nothing else says what is."""
TEST_FOLDERS = ("test", "val", "valid", "validation")


@dataclass(frozen=True)
class Source:
    """Labelled images of one split. Nothing is decoded here."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    """(N,): the class of each image."""
    read: Callable[[int], str | os.PathLike[str] | bytes | None]
    """The encoded image at an index: a path, or its bytes."""
    name: Callable[[int], str]
    """What to call the image at an index in a report."""

    def __len__(self) -> int:
        return len(self.labels)


def check_labels(labels: NDArray[np.int64], classes: Sequence[str], where: str) -> None:
    """Refuse no images, a label outside the classes, and a class with no image.

    Raises
    ------
    ValueError
        One of these, named.
    """
    if len(labels) == 0:
        raise ValueError(f"{where} has no images; a split of size 0 cannot be loaded")
    outside = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if outside.size:
        row = int(outside[0])
        raise ValueError(
            f"{where}, row {row}: label {labels[row]} is out of range, the {len(classes)} classes "
            f"are 0 to {len(classes) - 1}"
        )
    counts = np.bincount(labels, minlength=len(classes))
    empty = [classes[i] for i in np.flatnonzero(counts == 0)]
    if empty:
        raise ValueError(
            f"{where}: no image of class {', '.join(empty[:5])}"
            f"{f' and {len(empty) - 5} more' if len(empty) > 5 else ''}; add images or leave the "
            "class out"
        )


def hold_out(
    labels: NDArray[np.int64],
    keys: Sequence[str],
    split: str,
    classes: Sequence[str],
    where: str,
) -> NDArray[np.int64]:
    """Indices of the images in `split`: "train", "test" (a fifth of each class) or "all".

    Which images are held out depends on their keys alone, so it is the same on every machine.

    Raises
    ------
    ValueError
        A class has too few images to be in both parts, or `split` is none of the three.
    """
    check_choice("split", split, PARTS)
    if split == "all":
        return np.arange(len(labels))
    order = np.array([hashlib.sha256(key.encode()).hexdigest() for key in keys]).argsort()
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


def folder_source(folder: str | os.PathLike[str], split: str) -> Source:
    """A folder of class folders as a source of images.

    If the folder has a subfolder called like the split (for "test" also val, valid or validation),
    that one is read. Else each class folder is divided by `hold_out`. Classes are in the order of
    their names, letter by letter, on every system; hidden files and folders count for nothing.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    ValueError
        It has no class folders or only one, or a class folder has no images.
    """
    check_choice("split", split, PARTS)
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(
            f"no folder at {root}; a folder with one subfolder a class is needed"
        )
    inside = {path.name.lower(): path for path in _folders(root)}
    divided = "train" in inside and any(name in inside for name in TEST_FOLDERS)
    if divided and split == "all":
        raise ValueError(
            f'{root} is divided into train and test already; load split="train" or "test"'
        )
    if divided:
        wanted = ("train",) if split == "train" else TEST_FOLDERS
        root, split = next(inside[name] for name in wanted if name in inside), "all"
        classes = tuple(path.name for path in _folders(inside["train"]))
    else:
        classes = tuple(path.name for path in _folders(root))
    if not classes:
        raise ValueError(
            f"{root} has no class folders; put each class's images into its own subfolder"
        )
    surplus = sorted({path.name for path in _folders(root)} - set(classes))
    if surplus:
        raise ValueError(f"{root} has classes that train lacks: {', '.join(surplus)}")
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = [p for p in (root / name).rglob("*") if p.suffix.lower() in SUFFIXES]
        found = [p for p in found if not p.name.startswith(".")]  # "._cat.jpg", which macOS leaves
        paths += sorted(found, key=Path.as_posix)
        labels += [label] * len(found)
    numbers = np.array(labels, np.int64)
    check_labels(numbers, classes, str(root))
    if len(classes) == 1:
        raise ValueError(
            f"{root} has only one class folder, {classes[0]}, and at least two are needed. If that "
            f'is a split, load {root / classes[0]} with split="all"'
        )
    keys = [path.relative_to(root).as_posix() for path in paths]
    chosen = hold_out(numbers, keys, split, classes, str(root))
    return Source(
        classes=classes,
        labels=numbers[chosen],
        read=lambda i: paths[chosen[i]],
        name=lambda i: str(paths[chosen[i]]),
    )


def _folders(root: Path) -> list[Path]:
    # By name: paths themselves compare without regard to case on Windows.
    folders = (p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(folders, key=lambda path: path.name)
