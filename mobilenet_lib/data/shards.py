"""Folders of Parquet files: which are one data set, and which of them are for training and test."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..files import printable
from .folder import walk
from .parts import find_parts, part_of
from .source import LeftOut

ENDINGS = (".parquet", ".pq")
NUMBER = re.compile(r"[-_.](\d+)-of-(\d+)([-_.]\w+)?$")
"""As in train-00000-of-00002.parquet; older files have a hash behind it."""
DEEPEST = 2
"""Folders in a folder of Parquet files, such as default/train/0000.parquet."""


def find_tables(folder: str | os.PathLike[str]) -> list[str]:
    """Parquet files of a folder, relative to it and letter by letter; [] if it holds images.

    They lie in it or in folders of it, as in data/, train/ or default/train/.
    """
    return sorted(_look(Path(folder), DEEPEST)[0])


def choose(root: Path, split: str) -> tuple[list[Path], list[Path] | None, str, LeftOut]:
    """Files of a folder to read for `split`; those that say which classes there are, if others do.

    And what is still to be done, "all" if the folder is divided already; and what is not read. A
    folder of several data sets, without such a split, or with shards missing or twice is refused.
    """
    where = printable(root)
    groups: dict[str, list[str]] = {}
    for table in find_tables(root):
        groups.setdefault(_group(table), []).append(table)
    parts = find_parts(groups, where)
    if parts and split == "all":
        raise ValueError(
            f"{where} is divided into train and test already "
            f'({printable(" and ".join(parts.values()))}); load split="train" or "test"'
        )
    if not parts and len(groups) > 1:
        raise ValueError(
            f"{where} holds several sets of Parquet files, {printable(', '.join(sorted(groups)))}, "
            "but not one for training and one for the test; load one of them"
        )
    if parts:
        train, test = parts["train"], parts.get("test") or parts["val"]
        mine, left_to_do = (train if split == "train" else test), "all"
    else:
        (mine,) = groups
        part = (part_of(mine) or ("train",))[0]
        if part != "train" and split == "train":
            raise ValueError(
                f"{where} has files for {part} only ({printable(groups[mine][0])}); load "
                'split="all", or add those for training'
            )
        train, test, left_to_do = mine, mine, split if part == "train" else "all"
    for name in {mine, train}:
        _check_shards(where, groups[name])
    left = [other for other in walk(root, 1).others if other[1] not in ENDINGS]
    for name in set(groups) - {train, test}:
        left += [(table, "Parquet file beside train and test", False) for table in groups[name]]
    files = [root / table for table in groups[mine]]
    learned = None if mine == train else [root / table for table in groups[train]]
    return files, learned, left_to_do, LeftOut.of(left)


def _look(folder: Path, depth: int) -> tuple[list[str], int]:
    """Parquet files in a folder, and how many of the folders in it hold images, counted to two."""
    inside = walk(folder, 1)
    if inside.images and depth < DEEPEST:
        return [], 1
    own = [name for name, kind, _ in inside.others if kind in ENDINGS]
    tables, pictures = list(own), 0
    # A folder of images is given up at its second class, so the likely folders come first.
    likely = sorted(inside.folders, key=lambda name: (name != "data", part_of(name) is None, name))
    for name in likely if depth else ():
        deeper, images = _look(folder / name, depth - 1)
        if depth == DEEPEST or part_of(name):  # default/train/, but not any folder of a folder
            tables += [f"{name}/{table}" for table in deeper]
        pictures += images
        if pictures > 1:
            break
    # One folder of images may hold pictures for a page; two are classes, and a table is beside.
    return ([] if own and pictures > 1 else tables), pictures


def _group(table: str) -> str:
    """What the file is a shard of: the folder or file whose name means a part, else its folder."""
    *folders, file = table.split("/")
    stem = NUMBER.sub("", os.path.splitext(file)[0]).rstrip("-_. 0123456789")
    for depth, name in reversed(list(enumerate([*folders, stem], 1))):
        if part_of(name):
            return "/".join([*folders, stem][:depth])
    return "/".join(folders)


def _check_shards(where: str, tables: Sequence[str]) -> None:
    numbered = [NUMBER.search(os.path.splitext(table)[0]) for table in tables]
    if not any(numbered):
        return
    numbers = sorted(int(match[1]) if match else -1 for match in numbered)
    counts = {int(match[2]) if match else -1 for match in numbered}
    count = max(counts)
    if len(counts) > 1 or numbers not in (list(range(count)), list(range(1, count + 1))):
        raise ValueError(
            f"{where}: {printable(', '.join(tables[:5]))} "
            f"{'and more ' if len(tables) > 5 else ''}are not the {count} shards of one data set, "
            "each once; add those that are missing and take the others away"
        )
