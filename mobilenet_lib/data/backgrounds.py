"""Photographs to put letters on, packed into one picture from which crops are taken.

The photographs of the test images are in no training image.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import credits, load_photo

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
