"""Folders of images as people have them: one walk, and what its classes and parts are.

The walk takes files only, nothing hidden, and follows each link once, after what lies there itself:
so no image comes twice, and a loop ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..files import printable
from ..photos import SUFFIXES
from ..validation import check_choice
from .parts import find_parts, part_of, refuse_parts
from .source import PARTS, LeftOut, Source, check_labels, hold_out, kind_of

BESIDE = "folder beside train and test"


@dataclass
class Walk:
    """What lies in a folder; names are relative to it, with "/" between, letter by letter."""

    images: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    """All that are not hidden, also those too deep to be entered."""
    others: list[tuple[str, str, bool]] = field(default_factory=list)
    """Files that are not taken, as `LeftOut.of` wants them."""

    def take(self, name: str) -> None:
        """Note a file: an image, or one that is left out."""
        kind, picture = kind_of(name)
        if kind in SUFFIXES:
            self.images.append(name)
        else:
            self.others.append((name, kind, picture))


def walk(root: str | os.PathLike[str], depth: int | None = None) -> Walk:
    """Find the images in a folder, down to `depth` folders (1: directly in it; None: everywhere).

    An OSError names a folder that cannot be read.
    """
    seen, top = Walk(), os.fspath(root)
    folders = [(top, os.path.realpath(top), "", 1)]
    links: list[tuple[str, str, int]] = []
    met, read, taken = {os.path.realpath(top)}, set[str](), set[str]()

    def enter(path: str, real: str, name: str, level: int) -> None:
        met.add(real)
        seen.folders.append(name)
        if depth is None or level < depth:
            folders.append((path, real, f"{name}/", level + 1))

    while folders or links:
        if not folders:  # what lies here itself has been read: now the first of the links
            links.sort(reverse=True)
            name, path, level = links.pop()
            real = os.path.realpath(path)
            inside, own = os.path.split(real)
            if os.path.isdir(path):
                if real in met:
                    seen.others.append((name, "link to a folder met already", False))
                else:
                    enter(path, real, name, level)
            elif not os.path.isfile(path):
                seen.others.append((name, "link to nothing", _is_image(name)))
            elif real in taken or (inside in read and _is_image(own) and _is_image(name)):
                seen.others.append((name, "link to an image met already", False))
            else:
                taken.add(real)
                seen.take(name)
            continue
        path, real, prefix, level = folders.pop()
        read.add(real)
        for entry in _scan(path):
            name = prefix + entry.name
            if entry.name.startswith("."):
                continue  # .ipynb_checkpoints, .thumbnails, "._cat.jpg", which macOS leaves
            if entry.is_symlink():
                links.append((name, entry.path, level))
            elif entry.is_dir():
                deeper = os.path.join(real, entry.name)
                if deeper not in met:
                    enter(entry.path, deeper, name, level)
            elif entry.is_file():
                seen.take(name)
            else:  # a pipe or a socket: reading it might never end
                seen.others.append((name, "neither file nor folder", False))
    seen.images.sort()
    seen.folders.sort()
    return seen


def folder_source(folder: str | os.PathLike[str], split: str) -> Source:
    """A folder of class folders as a source of images.

    If the folder has one folder for training and one for the test, whatever usual words they go by
    (train and test, Training and Validation, seg_train and seg_test), the one of the split is read;
    the test may lack images of a class, but has no class of its own. A test without class folders,
    as in competitions, is left out. Where no test is left, each class folder is divided by
    `hold_out`. Classes are in the order of their names, letter by letter, on every system; the
    images of a class may lie in folders in its folder; hidden files and folders count for nothing,
    and what else is not read is in `left_out`.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    OSError
        A folder in it cannot be read.
    ValueError
        It has no class folders or only one, a class has no images, two folders mean the same part,
        or the class folders look like parts of one data set.
    """
    check_choice("split", split, PARTS)
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(
            f"no folder at {printable(root)}; a folder with one subfolder a class is needed"
        )
    where = printable(root)
    top = walk(root, 1)
    parts = find_parts(top.folders, where)
    if not parts:
        return _source(root, root, top.folders, split)
    left = [(name, BESIDE, False) for name in top.folders if name not in parts.values()]
    left += top.others + [(name, "beside the class folders", True) for name in top.images]
    train, inside = _inner(root, parts["train"], "train")
    if not inside.folders:
        raise ValueError(
            f"{printable(train)} has no class folders; put each class's images into its own "
            f"subfolder. If {' and '.join(parts.values())} are classes, give them other names"
        )
    held_out = {part: _inner(root, parts[part], part) for part in ("test", "val") if part in parts}
    flat = [part for part, (_, inner) in held_out.items() if inner.images and not inner.folders]
    usable = [part for part in held_out if part not in flat]
    so = "" if usable else f", so {printable(parts['train'])}/ is divided"
    for name, (_, inner) in ((parts[part], held_out[part]) for part in flat):
        kind = f"in {printable(name)}/, which has no class folders{so}"
        left += [(f"{name}/{image}", kind, True) for image in inner.images]
    left += [(parts[part], BESIDE, False) for part in usable[1:]]
    if not usable:  # nobody knows what the test shows: some images for training take its place
        return _source(root, train, inside.folders, split, left)
    held, inner = held_out[usable[0]]
    if split == "all":
        raise ValueError(
            f"{where} is divided into train and test already ({printable(parts['train'])} and "
            f'{printable(held.name)}); load split="train" or "test"'
        )
    if split == "train":
        return _source(root, train, inside.folders, "all", left)
    surplus = sorted(set(inner.folders) - set(inside.folders))
    if surplus:
        raise ValueError(
            f"{printable(held)} has classes that {printable(parts['train'])} lacks: "
            f"{printable(', '.join(surplus))}"
        )
    return _source(root, held, inside.folders, "all", left, complete=False)


def _inner(root: Path, name: str, part: str) -> tuple[Path, Walk]:
    """The folder with the classes of a part, and what is in it: many archives nest train/train."""
    folder = root / name
    inside = walk(folder, 1)
    while len(inside.folders) == 1 and not inside.images:
        if (part_of(inside.folders[0]) or ("",))[0] != part:
            break
        folder /= inside.folders[0]
        inside = walk(folder, 1)
    return folder, inside


def _source(
    root: Path,
    base: Path,
    names: Sequence[str],
    split: str,
    left: Sequence[tuple[str, str, bool]] = (),
    complete: bool = True,
) -> Source:
    """The images in the class folders `names` of `base`, which lies in `root`."""
    where = printable(base)
    if not names:
        raise ValueError(
            f"{where} has no class folders; put each class's images into its own subfolder"
        )
    classes = tuple(printable(name) for name in names)
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise ValueError(f"{where}: two class folders are both shown as {twice}; rename one")
    seen = walk(base)
    strays = [name for name in seen.images if "/" not in name]
    images = [name for name in seen.images if "/" in name]
    others = seen.others + [(n, "beside the class folders", True) for n in strays]
    index = {name: i for i, name in enumerate(names)}
    labels = np.array([index[name.partition("/")[0]] for name in images], np.int64)
    empty = {names[i] for i in set(range(len(classes))) - set(labels.tolist())}
    unread = LeftOut.of(o for o in others if not len(images) or o[0].partition("/")[0] in empty)
    note = f". {unread}. Endings that are read: {', '.join(SUFFIXES)}" if len(unread) else ""
    check_labels(labels, classes, where, complete, note)
    if len(classes) == 1:
        raise ValueError(
            f"{where} has only one class folder, {classes[0]}, and at least two are needed. If "
            f'that is a split, load {where}{os.sep}{classes[0]} with split="all"'
        )
    refuse_parts(where, names, images)
    chosen = hold_out(labels, images, split, classes, where)
    before = "".join(f"{part}/" for part in base.relative_to(root).parts)
    left = [*left, *((before + name, kind, picture) for name, kind, picture in others)]
    return Source(
        classes=classes,
        labels=labels[chosen],
        read=lambda i: base / images[chosen[i]],
        name=lambda i: printable(str(base / images[chosen[i]])),
        key=lambda i: images[chosen[i]],
        left_out=LeftOut.of(left),
    )


def _scan(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError as error:
        raise type(error)(
            f"the folder {printable(path)} cannot be read ({error.strerror}); make it readable, or "
            "move it out of the data set"
        ) from error


def _is_image(name: str) -> bool:
    return kind_of(name)[0] in SUFFIXES
