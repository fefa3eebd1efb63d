"""Batches to train and test on: (images, labels) pairs, the images normalized network input.

Each pass over the batches is one epoch, seeded by the seed and the epoch's number: two loaders
with one seed give the same epochs, and the epochs of one loader differ. Every batch has random
numbers of its own, so a run can go on in the middle of an epoch without making what came before;
and they are drawn for all processes' images, so several processes make what one would.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import PhotoError
from ..preprocess import FILTERS, Preprocess
from .augmentation import ATTEMPTS, WHOLE, Augmentation, Shard
from .decode import Skipped, decode
from .difficulty import Difficulty
from .glyphs import CLASSES, load_glyphs
from .letters import Composer, letters_for_test
from .source import Source

Batch = tuple[Tensor, Tensor]


class Place(NamedTuple):
    """Where a run is in its data: what it takes next."""

    epoch: int = 0
    batch: int = 0
    item: int = 0
    """Images of the epoch that are behind, this process's broken ones included."""


class Batches(ABC):
    """An iterable of batches: images (B, 3, R, R) float32, labels (B,) int64.

    Iterating once is one epoch. Training batches are shuffled and all of one size; the last ones
    of an epoch that do not fill a batch are left out, unless there are no others.
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
        """Number of the next epoch. Set it to go on where an earlier run stopped."""
        self.skipped = Skipped()
        """Images that could not be decoded so far, by name."""
        self.drop_last = split == "train" and size >= batch_size

    def __len__(self) -> int:
        """Batches in an epoch; broken images, found while reading, can make it fewer."""
        return self.size // self.batch_size if self.drop_last else -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return (batch for batch, _ in self.batches(Place(epoch)))

    def endless(self, start: Place = Place()) -> Iterator[tuple[Batch, Place]]:  # noqa: B008
        """Batches from `start` on, epoch after epoch, each with the place of the next.

        Raises
        ------
        ValueError
            An epoch has no batch, since its images are broken.
        """
        while True:
            batch = None
            for batch, place in self.batches(start):
                yield batch, place
            if batch is None and start.batch == 0:
                raise ValueError(f"no batch could be made of {self.size} images. {self.skipped}")
            start = Place(start.epoch + 1)

    @abstractmethod
    def batches(self, start: Place) -> Iterator[tuple[Batch, Place]]:
        """The batches of one epoch from `start` on, each with the place of the next."""

    def generator(self, epoch: int, purpose: int, *batch: int) -> torch.Generator:
        """A generator of its own for each epoch, purpose and batch: none disturbs another."""
        state = np.random.SeedSequence([self.seed, epoch, purpose, *batch]).generate_state(2)
        return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)

    def order(self, epoch: int) -> Tensor:
        """Indices of an epoch's images: shuffled for training, else as they come."""
        if self.split != "train":
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
    """Letters in the wild: composed anew in every epoch for training, fixed for the test."""

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


class ImageBatches(Batches):
    """Encoded images from a folder, a Parquet file or the hub, decoded by several threads."""

    def __init__(
        self,
        *,
        stream: Callable[[int], Iterator[tuple[str, Any, int]]] | None = None,
        source: Source | None = None,
        workers: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.source, self.stream = source, stream
        self.workers = workers or min(8, os.cpu_count() or 1)

    def _items(self, start: Place) -> Iterator[tuple[int, tuple[str, Any, int]]]:
        """Numbered items of an epoch, from the start on, that this process decodes."""
        first = range(start.item, self.size)[self.shard.rows]
        if self.stream is None:
            chosen = self.order(start.epoch)
            for i in first:
                row = int(chosen[i])
                yield i, (self.source.name(row), self.source.read(row), self.source.labels[row])
        else:  # what was used already has to be read again, though not decoded
            whole = enumerate(self.stream(start.epoch))
            yield from islice(whole, start.item + self.shard.rank, None, self.shard.world)

    def batches(self, start: Place) -> Iterator[tuple[Batch, Place]]:
        """The batches of one epoch from `start` on; images that do not decode are `skipped`."""
        size = self.batch_size // self.shard.world
        images: list[Tensor] = []
        labels: list[int] = []
        number, item = start.batch, start.item
        for i, picture, label in self._pictures(start):
            images.append(picture)
            labels.append(label)
            if len(images) == size:
                # The next batch starts where this one ends, for every process at the same row.
                item = i - self.shard.rank + self.shard.world
                yield (
                    self._batch(start.epoch, number, images, labels),
                    Place(start.epoch, number + 1, item),
                )
                images, labels, number = [], [], number + 1
                if self.drop_last and number == len(self):
                    return
        if images and not self.drop_last:
            place = Place(start.epoch, number + 1, self.size)
            yield self._batch(start.epoch, number, images, labels), place

    def _batch(self, epoch: int, number: int, images: list[Tensor], labels: list[int]) -> Batch:
        pixels = torch.stack(images).to(self.device)  # (B, R, R, 3) uint8
        pixels = pixels.permute(0, 3, 1, 2).float() / 255
        colours = self.generator(epoch, 3, number)
        return self.finish(pixels, colours), torch.tensor(labels, device=self.device)

    def _pictures(self, start: Place) -> Iterator[tuple[int, Tensor, int]]:
        # Two batches are under way while one is being used; the order stays.
        waiting: deque[tuple[int, str, int, Future[Tensor]]] = deque()
        ahead = 2 * self.batch_size // self.shard.world
        pool = ThreadPoolExecutor(self.workers)
        try:
            for entry in chain(self._items(start), [None] * ahead):
                if entry is not None:
                    i, (name, content, label) = entry
                    uniform = None
                    if self.augment:
                        own = self.generator(start.epoch, 2, i)
                        uniform = torch.rand(1, ATTEMPTS, 4, generator=own)
                    future = pool.submit(self._picture, content, uniform)
                    waiting.append((i, name, int(label), future))
                if waiting and (entry is None or len(waiting) > ahead):
                    i, name, label, future = waiting.popleft()
                    try:
                        yield i, future.result(), label
                    except PhotoError as error:
                        self.skipped.add(name, str(error))
        finally:
            pool.shutdown(cancel_futures=True)  # also when nobody wants the rest of an epoch

    def _picture(self, content: Any, uniform: Tensor | None) -> Tensor:
        image = decode(content)
        if uniform is None:
            square = self.preprocess.square(image)
        else:
            size = torch.tensor([image.size], dtype=torch.float64)
            box = self.augment.boxes(uniform, size[:, 0], size[:, 1])[0].tolist()
            side = self.preprocess.resolution
            square = image.resize(
                (side, side), FILTERS[self.preprocess.interpolation], box=tuple(box)
            )
        return torch.from_numpy(np.array(square))  # (R, R, 3) uint8
