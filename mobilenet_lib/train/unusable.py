"""Images that a run cannot use: counted, named, and not put up with if there are too many.

Before a run it is only looked whether each class has an image to learn from, and the test one at
all: decoding every image would take as long as an epoch. Which are broken is found out while they
are read. Several processes read different ones, so each tells the others what it finds, and all of
them stop alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import compress, islice
from pathlib import Path
from typing import Any

import numpy as np
from accelerate.utils import gather_object

from ..data import Batches, LeftOut
from ..data.batches import ImageBatches
from ..data.source import Encoded, Source, decode
from ..files import printable
from ..photos import PhotoError

NAMED = 5
"""Broken images of a split that the results name, and classes that an error names."""


class TooManyLeftOut(ValueError):
    """More images than a recipe allows cannot be used; the message says how many, and why."""


class Unusable:
    """What a run leaves out of its images, in all processes together.

    Images are named from the folder of the `dataset` on, without the folders above; `limit` is the
    largest share that may be left out of the images, `splits`, "train" and "test".
    """

    def __init__(self, dataset: str, limit: float, splits: Mapping[str, Batches]) -> None:
        self.dataset, self.limit, self.splits = dataset, limit, splits
        self.broken: dict[str, dict[str, str]] = {split: {} for split in splits}
        """For each split the images that cannot be decoded, with the reason, by name."""
        self._told = dict.fromkeys(splits, 0)
        self._check()

    @property
    def fresh(self) -> bool:
        """Whether this process has found some that the others do not know of."""
        return any(len(b.skipped) > self._told[split] for split, b in self.splits.items())

    def share(self) -> None:
        """Tell the others what was found since the last time, and stop all if that is too much.

        All processes have to call it.
        """
        own = {}
        for split, batches in self.splits.items():
            fresh = islice(batches.skipped.items(), self._told[split], None)
            own[split] = {inside(self.dataset, name): reason for name, reason in fresh}
            self._told[split] = len(batches.skipped)
        for theirs in gather_object([own]):
            for split, broken in theirs.items():
                self.broken[split] |= broken
        self._check()

    def state(self) -> dict[str, list[str]]:
        """The names, for a checkpoint."""
        return {split: list(broken) for split, broken in self.broken.items()}

    def restore(self, state: Mapping[str, list[str]]) -> None:
        """Go on from what `state` gave, if that is not too much."""
        for split, names in state.items():
            self.broken[split] = dict.fromkeys(names, "as this run found before")
        self._check()

    def to_dict(self) -> dict[str, Any]:
        """What was left out of each split, for a results file."""
        result = {}
        for split, batches in self.splits.items():
            broken, files = self.broken[split], batches.left_out
            result[split] = {
                "skipped": len(broken),
                "first_skipped": list(islice(broken, NAMED)),
                "files": dict(files.kinds),
                "first_file": files.first,
            }
        return result

    def __str__(self) -> str:
        """One line; empty if nothing is left out."""
        notes = []
        broken = [pair for images in self.broken.values() for pair in images.items()]
        if broken:
            name, reason = broken[0]
            notes.append(
                f"{len(broken):,} of {self._images:,} images skipped, which cannot be decoded; "
                f"{'the first is' if len(broken) > 1 else 'it is'} {name}: {reason}"
            )
        files = self._files()
        names = [f"{split}: " for split in self.splits] if len(files) > 1 else [""]
        notes += [
            before + str(left) for before, left in zip(names, files, strict=True) if len(left)
        ]
        return ". ".join(notes)

    @property
    def _images(self) -> int:
        return sum(batches.size for batches in self.splits.values())

    def _files(self) -> list[LeftOut]:
        """Files that are not read: the same ones for both splits if a folder is divided."""
        files = [batches.left_out for batches in self.splits.values()]
        return files[:1] if all(left == files[0] for left in files) else files

    def _check(self) -> None:
        pictures = sum(left.pictures for left in self._files())
        left, images = pictures + sum(map(len, self.broken.values())), self._images + pictures
        if left > self.limit * images:
            raise TooManyLeftOut(
                f"at least {left:,} of {images:,} images in {self.dataset} cannot be used, more "
                f"than the share of {self.limit:g} that may be left out. {self}. Mend them or take "
                "them away, or allow more (--left-out 1 allows all)"
            )


def inside(dataset: str, name: str) -> str:
    """What an image is called within its data set."""
    root = Path(dataset)
    if not root.exists() or root == Path("."):  # named by the hub, or from here on already
        return name
    below = printable(root) + os.sep
    return name.removeprefix(below) if name.startswith(below) else Path(name).name


def check_usable(dataset: str, train: Batches, test: Batches) -> None:
    """Refuse data of which a class has no image to learn from, or the test none at all.

    As few images as it takes are decoded. Letters are not looked at, which are composed; nor is a
    stream, which can only be read in order.
    """
    if not (isinstance(train, ImageBatches) and isinstance(test, ImageBatches)):
        return
    learned, tested = train.source, test.source
    if learned is None or tested is None:
        return

    def broken(source: Source, rows: Iterable[int]) -> bool:
        return all(reason(source.read(row)) for row in rows)

    def first(source: Source, row: int) -> str:
        return f"{inside(dataset, source.name(row))}: {reason(source.read(row))}"

    members = [np.flatnonzero(learned.labels == label) for label in np.unique(learned.labels)]
    with ThreadPoolExecutor(train.workers) as pool:
        empty = list(compress(members, pool.map(partial(broken, learned), members)))
    if empty:
        names = [learned.classes[learned.labels[rows[0]]] for rows in empty]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        of = f" of class {', '.join(names[:NAMED])}{more}" if len(empty) < len(members) else ""
        which = f"{sum(map(len, empty)):,} training images{of}"
        raise none_usable(dataset, which, first(learned, empty[0][0]))
    if broken(tested, range(len(tested))):
        raise none_usable(dataset, f"{len(tested):,} test images", first(tested, 0))


def none_usable(dataset: str, which: str, first: str) -> ValueError:
    """The error of images that are all broken."""
    return ValueError(
        f"{dataset}: none of the {which} can be decoded; the first is {first}. Mend them, or add "
        "others"
    )


def reason(image: Encoded) -> str:
    """Why an encoded image cannot be decoded; empty if it can."""
    try:
        decode(image)
    except PhotoError as error:
        return str(error) or type(error).__name__
    return ""
