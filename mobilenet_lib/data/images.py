"""Batches of encoded images: from a folder, Parquet files or the hub."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..photos import PhotoError
from ..preprocess import FILTERS
from .augmentation import ATTEMPTS
from .batches import Batch, Batches, Place
from .source import Encoded, Item, Source, decode


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
