"""What letters in the wild are made of: pictures of letters, and photographs to put them on.

The letters, in `data/glyphs/`, are 48x48 pictures of A to Z, cut from free typefaces;
`data/glyphs/README.md` says which. The photographs are packed into one picture from which crops are
taken. Training and test have different font families, and different photographs.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..files import find_data
from ..photos import credits, load_photo
from ..validation import check_choice
from .parquet import read_table
from .source import check_labels

CLASSES = tuple(ascii_uppercase)
SIDE = 48
SPLITS = ("train", "test")


@dataclass(frozen=True, eq=False)  # each stands for itself, so that it can be a cache's key
class Glyphs:
    """Letters of one split, one row each."""

    images: Tensor
    """(N, 48, 48) uint8: 255 is ink, 0 is paper."""
    labels: Tensor
    """(N,) int64, 0 for A to 25 for Z."""
    families: tuple[str, ...]
    """The font family of each letter."""

    def __len__(self) -> int:
        return len(self.labels)


def load_glyphs(split: str) -> Glyphs:
    """Read the letters of `split`, "train" or "test". They are read once and then kept.

    A ValueError names what is damaged: the file, a picture that is not 48x48 grey, a label out of
    range, a letter of the alphabet that has no picture.
    """
    path = find_data(f"glyphs/{check_choice('split', split, SPLITS)}.parquet")
    return _read(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, modified: int) -> Glyphs:
    # `modified` is part of the key, so that a file made anew is read anew.
    columns = read_table(path, ("image", "label", "family")).to_pydict()
    labels = np.asarray(columns["label"], dtype=np.int64)
    check_labels(labels, CLASSES, str(path))
    images = np.empty((len(labels), SIDE, SIDE), np.uint8)
    for row, content in enumerate(columns["image"]):
        # The whole set is the book's own, so one bad picture means that the file is damaged.
        try:
            with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
                if (image.mode, *image.size) != ("L", SIDE, SIDE):
                    raise ValueError(f"{image.width}x{image.height}, mode {image.mode}")
                images[row] = np.asarray(image)
        except Exception as error:
            raise ValueError(
                f"{path}, row {row}: no PNG picture of {SIDE}x{SIDE} grey pixels ({error})"
            ) from error
    return Glyphs(
        torch.from_numpy(images), torch.from_numpy(labels), tuple(map(str, columns["family"]))
    )


# --- Photographs ----------------------------------------------------------------------------------

TEST_PHOTOS = ("china", "coffee")
SIZES = (512, 256)
"""Longer sides in pixels at which every photograph is in the atlas: near and far."""
CROP = (56.0, 88.0)
"""Least and largest side of a crop, pixels of the atlas."""


def photo_names(split: str) -> tuple[str, ...]:
    """Names of the photographs behind the letters of `split`, "train" or "test"."""
    every = sorted(credits())
    return tuple(name for name in every if (name in TEST_PHOTOS) == (split == "test"))


class Atlas:
    """Photographs below each other in one image, so that one call crops a whole batch."""

    def __init__(self, photos: list[Tensor]) -> None:
        width = max(photo.shape[2] for photo in photos)
        padded = [F.pad(photo, (0, width - photo.shape[2])) for photo in photos]
        self.image = torch.cat(padded, dim=1)[None]  # (1, 3, sum of heights, width)
        tops = torch.tensor([0, *(photo.shape[1] for photo in photos[:-1])]).cumsum(0)
        sizes = torch.tensor([[photo.shape[2], photo.shape[1]] for photo in photos])
        self.slots = torch.cat([torch.zeros(len(photos), 1), tops[:, None], sizes], 1)
        """Of each photograph: left, top, width, height; pixels."""

    def crops(self, uniform: Tensor) -> Tensor:
        """Draw crops, as (B, 4): centre x, centre y, half width, half height, in pixels.

        A negative half width means a mirrored crop. `uniform` is (B, 5), between 0 and 1.
        """
        chosen, size, across, down, mirror = uniform.unbind(1)
        slot = self.slots[(chosen * len(self.slots)).long()]  # (B, 4)
        # One pixel stays between crop and edge: sampling looks at neighbours.
        half = (CROP[0] + size * (CROP[1] - CROP[0])) / 2
        x = slot[:, 0] + half + 1 + across * (slot[:, 2] - 2 * half - 2)
        y = slot[:, 1] + half + 1 + down * (slot[:, 3] - 2 * half - 2)
        return torch.stack([x, y, torch.where(mirror < 0.5, -half, half), half], 1)

    def sample(self, crops: Tensor, centres: Tensor) -> Tensor:
        """The crops, resized: (B, 3, len(centres), len(centres)), 0 to 1.

        `centres` are where pixels lie in a crop that reaches from -1 to 1.
        """
        height, width = self.image.shape[2:]
        x = crops[:, 0:1] + crops[:, 2:3] * centres  # (B, R), pixels of the atlas
        y = crops[:, 1:2] + crops[:, 3:4] * centres
        x, y = 2 * x / width - 1, 2 * y / height - 1  # what grid_sample counts in
        size = len(centres)
        grid = torch.stack(
            [x[:, None].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], dim=-1
        )
        everywhere = self.image.expand(len(crops), -1, -1, -1)  # a view: nothing is copied
        return F.grid_sample(everywhere, grid, align_corners=False)

    def to(self, device: torch.device) -> Atlas:
        """A copy whose pixels lie on `device`; crops are drawn on the CPU everywhere."""
        moved = Atlas.__new__(Atlas)
        moved.image, moved.slots = self.image.to(device), self.slots
        return moved


@lru_cache(maxsize=2)
def photo_atlas(split: str) -> Atlas:
    """The atlas of the photographs of `split`, each in both SIZES."""
    photos = []
    for name in photo_names(split):
        pixels = torch.from_numpy(load_photo(name)).permute(2, 0, 1)[None] / 255
        for size in SIZES:
            factor = size / max(pixels.shape[2:])
            shape = [round(side * factor) for side in pixels.shape[2:]]
            smaller = F.interpolate(pixels, shape, mode="bilinear", antialias=True)
            photos.append(smaller[0].clamp(0, 1))
    return Atlas(photos)
