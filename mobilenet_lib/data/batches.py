"""Batches to train and test on: (images, labels) pairs, the images normalized network input.

Each pass over the batches is one epoch, seeded by the seed and the epoch's number: two loaders
with one seed give the same epochs, and the epochs of one loader differ. Every batch has random
numbers of its own, so a run can go on in the middle of an epoch without making what came before;
and they are drawn for all processes' images, so several processes make what one would, as long as
no image is broken.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..preprocess import Preprocess
from ..timing import torch_defaults
from .augmentation import WHOLE, Augmentation, Shard
from .glyphs import CLASSES, load_glyphs
from .letters import Composer, Difficulty, letters_for_test
from .source import LeftOut

Batch = tuple[Tensor, Tensor]


class Place(NamedTuple):
    """Where a run is in its data: what it takes next."""

    epoch: int = 0
    batch: int = 0
    item: int = 0
    """Images of the epoch that are behind, this process's broken ones included."""


class Batches(ABC):
    """An iterable of batches: images (B, 3, R, R) float32, labels (B,) int64.

    Iterating once is one epoch. Shuffled batches are all of one size; the last images of an epoch
    that do not fill a batch are left out, unless there are no others.
    """

    def __init__(
        self,
        *,
        split: str,
        classes: tuple[str, ...],
        size: int,
        preprocess: Preprocess,
        augment: Augmentation | None,
        batch_size: int,
        shuffle: bool,
        seed: int,
        device: torch.device | str,
        shard: Shard = WHOLE,
    ) -> None:
        self.split, self.classes, self.size = split, classes, size
        self.preprocess, self.augment = preprocess, augment
        self.batch_size, self.seed, self.device = batch_size, seed, torch.device(device)
        self.shard = shard
        """Which rows of each batch are made here; the others are other processes'."""
        self.epoch = 0
        """Number of the next epoch: one more as soon as an epoch is begun. Set it to go on where an
        earlier run stopped."""
        self.skipped: dict[str, str] = {}
        """Images that could not be decoded so far: by name, the reason."""
        self.left_out = LeftOut()
        """Files beside the images that are not read."""
        self.shuffle, self.drop_last = shuffle, shuffle and size >= batch_size

    def __repr__(self) -> str:
        side = self.preprocess.resolution
        return (
            f"{type(self).__name__}({self.split}: {self.size:,} images of {len(self.classes)} "
            f"classes, {len(self):,} batches of {self.batch_size}, {side}x{side})"
        )

    def __len__(self) -> int:
        """Batches in an epoch; broken images, found while reading, can make it fewer."""
        return self.size // self.batch_size if self.drop_last else -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return (batch for batch, _ in self._settled(Place(epoch)))

    def endless(self, start: Place = Place()) -> Iterator[tuple[Batch, Place]]:  # noqa: B008
        """Batches from `start` on, epoch after epoch, each with the place of the next."""
        while True:
            yield from self._settled(start)
            start = Place(start.epoch + 1)

    def _settled(self, start: Place) -> Iterator[tuple[Batch, Place]]:
        """The batches of one epoch; what the program has set for torch holds between them."""
        rest = self.batches(start)
        while True:
            with torch_defaults():
                made = next(rest, None)
            if made is None:
                return
            yield made

    @abstractmethod
    def batches(self, start: Place) -> Iterator[tuple[Batch, Place]]:
        """The batches of one epoch from `start` on, each with the place of the next.

        Raises
        ------
        ValueError
            Not one image of the epoch could be decoded.
        """

    def fingerprint(self) -> str | None:
        """SHA-256 of what the images are, wherever they lie; None where a name says it."""
        return None

    def generator(self, epoch: int, purpose: int, *batch: int) -> torch.Generator:
        """A generator of its own for each epoch, purpose and batch: none disturbs another."""
        state = np.random.SeedSequence([self.seed, epoch, purpose, *batch]).generate_state(2)
        return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)

    def order(self, epoch: int) -> Tensor:
        """Indices of an epoch's images: shuffled, or as they come."""
        if not self.shuffle:
            return torch.arange(self.size)
        return torch.randperm(self.size, generator=self.generator(epoch, 0))

    def finish(self, images: Tensor, recolouring: torch.Generator) -> Tensor:
        """Recolour, resize and normalize images that are 0 to 1."""
        if self.augment:
            images = self.augment.recolour(images, recolouring, self.shard)
        side = self.preprocess.resolution
        if images.shape[2] != side:
            images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        return self.preprocess.normalize(images * 255)


class LetterBatches(Batches):
    """Letters in the wild: composed anew in every epoch for training, fixed for the test.

    A training epoch shows every glyph once, so letters are as frequent as in the glyphs: an I, of
    which few differ, is one in 66, any other about one in 25. The test has 200 of each.
    """

    def __init__(self, *, split: str, difficulty: Difficulty, **options: Any) -> None:
        self.difficulty = difficulty
        if split == "train":
            self.glyphs = load_glyphs("train")
            super().__init__(split=split, classes=CLASSES, size=len(self.glyphs), **options)
            self.composer = Composer("train", difficulty, self.device)
            self.images = self.glyphs.images.to(self.device)
        else:
            self.images, self.labels = letters_for_test(difficulty)
            super().__init__(split=split, classes=CLASSES, size=len(self.labels), **options)

    def batches(self, start: Place) -> Iterator[tuple[Batch, Place]]:
        """The batches of one epoch from `start` on, each with the place of the next."""
        epoch = start.epoch
        for number, rows in enumerate(self.order(epoch).split(self.batch_size)):
            chosen = rows[self.shard.rows]
            if len(rows) < self.batch_size and self.drop_last:
                return
            if number < start.batch or not len(chosen):
                continue
            if self.split == "train":
                scene = self.composer.draw(len(rows), self.generator(epoch, 1, number))
                scene = scene.rows(self.shard.rows)
                images = self.composer.compose(self.images[chosen.to(self.device)], scene)
                labels = self.glyphs.labels[chosen]
            else:
                images = self.images[chosen].to(self.device).float() / 255
                labels = self.labels[chosen]
            if self.augment:
                images = self.augment.crop(images, self.generator(epoch, 2, number), self.shard)
            images = self.finish(images, self.generator(epoch, 3, number))
            after = number + 1
            yield (images, labels.to(self.device)), Place(epoch, after, after * self.batch_size)
