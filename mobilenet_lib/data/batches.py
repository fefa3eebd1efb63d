"""Batches to train and test on: (images, labels) pairs, the images normalized network input.

Each pass over the batches is one epoch, seeded by the seed and the epoch's number: two loaders
with one seed give the same epochs, and the epochs of one loader differ.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import PhotoError
from ..preprocess import FILTERS, Preprocess
from .augmentation import ATTEMPTS, Augmentation
from .decode import Skipped, decode
from .difficulty import Difficulty
from .glyphs import CLASSES, load_glyphs
from .letters import Composer, letters_for_test
from .source import Source

Batch = tuple[Tensor, Tensor]


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
    ) -> None:
        self.split, self.classes, self.size = split, classes, size
        self.preprocess, self.augment = preprocess, augment
        self.batch_size, self.seed, self.device = batch_size, seed, torch.device(device)
        self.epoch = 0
        """Number of the next epoch: one more as soon as an epoch is begun. Set it to go on where an
        earlier run stopped."""
        self.skipped = Skipped()
        """Images that could not be decoded so far, by name."""
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
        return self.batches(epoch)

    @abstractmethod
    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""

    def generator(self, epoch: int, purpose: int) -> torch.Generator:
        """A generator of its own for each epoch and purpose, so that none disturbs another."""
        state = np.random.SeedSequence([self.seed, epoch, purpose]).generate_state(2)
        return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)

    def order(self, epoch: int) -> Tensor:
        """Indices of an epoch's images: shuffled, or as they come."""
        if not self.shuffle:
            return torch.arange(self.size)
        return torch.randperm(self.size, generator=self.generator(epoch, 0))

    def finish(self, images: Tensor, recolouring: torch.Generator) -> Tensor:
        """Recolour, resize and normalize images that are 0 to 1."""
        if self.augment:
            images = self.augment.recolour(images, recolouring)
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

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        scenes, crops, colours = (self.generator(epoch, purpose) for purpose in (1, 2, 3))
        for chosen in self.order(epoch).split(self.batch_size):
            if len(chosen) < self.batch_size and self.drop_last:
                return
            if self.split == "train":
                scene = self.composer.draw(len(chosen), scenes)
                images = self.composer.compose(self.images[chosen.to(self.device)], scene)
                labels = self.glyphs.labels[chosen]
            else:
                images = self.images[chosen].to(self.device).float() / 255
                labels = self.labels[chosen]
            if self.augment:
                images = self.augment.crop(images, crops)
            yield self.finish(images, colours), labels.to(self.device)


class ImageBatches(Batches):
    """Encoded images from a folder, a Parquet file or the hub, decoded by several threads."""

    def __init__(
        self,
        *,
        items: Callable[[int], Iterator[tuple[str, Any, int]]] | None = None,
        source: Source | None = None,
        workers: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.source = source
        self.items = items or self._items
        self.workers = workers or min(8, os.cpu_count() or 1)

    def _items(self, epoch: int) -> Iterator[tuple[str, Any, int]]:
        for i in self.order(epoch).tolist():
            yield self.source.name(i), self.source.read(i), int(self.source.labels[i])

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch; images that cannot be decoded are noted in `skipped`.

        Raises
        ------
        ValueError
            Not one image of the epoch could be decoded.
        """
        crops, colours = self.generator(epoch, 2), self.generator(epoch, 3)
        images: list[Tensor] = []
        labels: list[int] = []
        decoded = 0
        for picture, label in self._pictures(epoch, crops):
            decoded += 1
            images.append(picture)
            labels.append(label)
            if len(images) == self.batch_size:
                yield self._batch(images, labels, colours)
                images, labels = [], []
        if not decoded:
            name, reason = next(iter(self.skipped.reasons.items()), ("the source", "it is empty"))
            raise ValueError(
                f"none of {self.size:,} images could be used; {name}: {reason}. "
                "`skipped` names the others"
            )
        if images and not (self.drop_last and decoded >= self.batch_size):
            yield self._batch(images, labels, colours)

    def _batch(self, images: list[Tensor], labels: list[int], colours: torch.Generator) -> Batch:
        pixels = torch.stack(images).to(self.device)  # (B, R, R, 3) uint8
        pixels = pixels.permute(0, 3, 1, 2).float() / 255
        return self.finish(pixels, colours), torch.tensor(labels, device=self.device)

    def _pictures(self, epoch: int, crops: torch.Generator) -> Iterator[tuple[Tensor, int]]:
        # Two batches are under way while one is being used; the order stays.
        waiting: deque[tuple[str, int, Future[Tensor]]] = deque()
        pool = ThreadPoolExecutor(self.workers)
        try:
            for item in chain(self.items(epoch), [None] * (2 * self.batch_size)):
                if item is not None:
                    name, content, label = item
                    uniform = torch.rand(1, ATTEMPTS, 4, generator=crops) if self.augment else None
                    waiting.append((name, label, pool.submit(self._picture, content, uniform)))
                if waiting and (item is None or len(waiting) > 2 * self.batch_size):
                    name, label, future = waiting.popleft()
                    try:
                        yield future.result(), label
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
