"""Batches to train and test on: (images, labels) pairs, the images normalized network input.

Each pass over the batches is one epoch, seeded by the seed and the epoch's number: two loaders
with one seed give the same epochs, and the epochs of one loader differ. Every batch has random
numbers of its own, so a run can go on in the middle of an epoch without making what came before;
and they are drawn for all processes' images, so several processes make what one would, as long as
no image is broken.
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
from ..process import torch_defaults
from .augmentation import ATTEMPTS, WHOLE, Augmentation, Shard
from .glyphs import CLASSES, load_glyphs
from .letters import Composer, Difficulty, letters_for_test
from .source import Encoded, Item, LeftOut, Source, decode

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


class ImageBatches(Batches):
    """Encoded images, decoded by several threads.

    They come from a `Source`, which has any row at hand, or from a stream: a function that starts
    from the first, given the epoch's number.
    """

    def __init__(
        self,
        *,
        images: Source | Callable[[int], Iterator[Item]],
        workers: int | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.images = images
        self.source = images if isinstance(images, Source) else None
        if self.source is not None:
            self.left_out = self.source.left_out
        self.workers = workers or min(8, os.cpu_count() or 1)

    def fingerprint(self) -> str | None:
        """SHA-256 of what the images are, wherever they lie; None for those of the hub."""
        return None if self.source is None else self.source.fingerprint()

    def batches(self, start: Place) -> Iterator[tuple[Batch, Place]]:
        """The batches of one epoch from `start` on; images that do not decode are `skipped`."""
        size = self.batch_size // self.shard.world
        images: list[Tensor] = []
        labels: list[int] = []
        number = start.batch
        for i, picture, label in self._pictures(start):
            images.append(picture)
            labels.append(label)
            if len(images) == size:
                # The next batch starts with the next row of the whole, in every process.
                after = Place(start.epoch, number + 1, i - self.shard.rank + self.shard.world)
                yield self._batch(start.epoch, number, images, labels), after
                images, labels, number = [], [], number + 1
                if self.drop_last and number == len(self):
                    return
        if not images and number == 0 and self.shard.rank < self.size:
            name, reason = next(iter(self.skipped.items()), ("the source", "it is empty"))
            raise ValueError(
                f"none of {self.size:,} images could be used; {name}: {reason}. "
                "`skipped` names the others"
            )
        if images and not (self.drop_last and number):
            after = Place(start.epoch, number + 1, self.size)
            yield self._batch(start.epoch, number, images, labels), after

    def _batch(self, epoch: int, number: int, images: list[Tensor], labels: list[int]) -> Batch:
        pixels = torch.stack(images).to(self.device)  # (B, R, R, 3) uint8
        pixels = pixels.permute(0, 3, 1, 2).float() / 255
        colours = self.generator(epoch, 3, number)
        return self.finish(pixels, colours), torch.tensor(labels, device=self.device)

    def _items(self, start: Place) -> Iterator[tuple[int, Item]]:
        """Numbered items of an epoch, from the start on, that this process decodes."""
        images = self.images
        if isinstance(images, Source):
            order = self.order(start.epoch).tolist()
            for i in range(start.item, self.size)[self.shard.rows]:
                row = order[i]
                yield i, (images.name(row), images.read(row), int(images.labels[row]))
        else:  # what was used already has to be read again, though not decoded
            whole = enumerate(images(start.epoch))
            yield from islice(whole, start.item + self.shard.rank, None, self.shard.world)

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
                    waiting.append((i, name, label, future))
                if waiting and (entry is None or len(waiting) > ahead):
                    i, name, label, future = waiting.popleft()
                    try:
                        yield i, future.result(), label
                    except PhotoError as error:
                        self.skipped[name] = str(error)
        finally:
            # Also when nobody wants the rest of an epoch. Not by shutdown's cancel_futures: when a
            # program ends, Python has taken apart what that needs.
            for *_, future in waiting:
                future.cancel()
            pool.shutdown()

    def _picture(self, content: Encoded, uniform: Tensor | None) -> Tensor:
        image = decode(content)
        if self.augment is None or uniform is None:
            square = self.preprocess.square(image)
        else:
            size = torch.tensor([image.size], dtype=torch.float64)
            box = self.augment.boxes(uniform, size[:, 0], size[:, 1])[0].tolist()
            side = self.preprocess.resolution
            square = image.resize(
                (side, side), FILTERS[self.preprocess.interpolation], box=tuple(box)
            )
        return torch.from_numpy(np.array(square))  # (R, R, 3) uint8
