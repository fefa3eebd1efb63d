"""Augmentation: the paper's, as for Inception, and the lighter form that small models need.

Random numbers go in as tensors and whole batches come out, so nothing loops over images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import LUMA
from ..validation import check_number
from .randaugment import RandAugment

ATTEMPTS = 10
"""Crops that are tried for an image before the whole of it is taken."""
# Brightness and two colour differences (YIQ): turning the hue is a rotation of the last two.
TO_YIQ = (LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


@dataclass(frozen=True)
class Shard:
    """The rows of every batch that one of several processes makes."""

    rank: int = 0
    world: int = 1

    @property
    def rows(self) -> slice:
        """Every `world`-th row, from `rank` on."""
        return slice(self.rank, None, self.world)

    def rand(self, count: int, *shape: int, generator: torch.Generator) -> Tensor:
        """Random numbers for `count` own rows out of a whole batch's, (count, ...) from 0 to 1."""
        whole = torch.rand(count * self.world, *shape, generator=generator)
        return whole[self.rows]


WHOLE = Shard()


@dataclass(frozen=True)
class Augmentation:
    """How training images are cropped, mirrored and recoloured."""

    area: tuple[float, float]
    """Least and largest area of the crop, as a share of the image's."""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Least and largest width of the crop, over its height."""
    flip: bool = True
    """Mirror every second image, left to right."""
    brightness: float = 0.0
    """Largest brightness added or taken away, as a share of black to white."""
    contrast: float = 0.0
    """Largest change of the factor on the distance from the image's mean."""
    saturation: float = 0.0
    """Largest change of the factor on the distance from grey."""
    hue: float = 0.0
    """Largest turn of the hue, as a share of the full circle."""
    rand: RandAugment | None = None
    """Random operations after all of that."""

    def __post_init__(self) -> None:
        low, high = self.area
        if not 0 < low <= high <= 1:
            raise ValueError(f"area must be (least, largest) in 0 < ... <= 1, got {self.area!r}")
        low, high = self.aspect
        if not 0 < low <= high:
            raise ValueError(f"aspect must be (least, largest) above 0, got {self.aspect!r}")
        for name in ("brightness", "contrast", "saturation", "hue"):
            check_number(name, getattr(self, name), 0, 1)

    def boxes(self, uniform: Tensor, width: Tensor, height: Tensor) -> Tensor:
        """Crop boxes (left, top, right, bottom) in pixels, (B, 4).

        Parameters
        ----------
        uniform
            (B, 10, 4) random numbers from 0 to 1. The first of the ten crops that fits is taken;
            if none does, the whole image.
        width, height
            (B,) sizes of the images.
        """
        u = uniform.double()
        low, high = self.area
        area = (low + (high - low) * u[..., 0]) * (width * height)[:, None]
        least, largest = map(math.log, self.aspect)
        aspect = torch.exp(least + (largest - least) * u[..., 1])
        wide, high_ = (area * aspect).sqrt(), (area / aspect).sqrt()  # (B, 10)
        fits = (wide <= width[:, None]) & (high_ <= height[:, None])
        first = fits.int().argmax(1, keepdim=True)  # the first that is true, 0 if none is
        none = ~fits.any(1)

        def pick(values: Tensor, whole: Tensor | float) -> Tensor:
            return torch.where(none, whole, values.gather(1, first)[:, 0])

        left = u[..., 2] * (width[:, None] - wide)
        top = u[..., 3] * (height[:, None] - high_)
        left, top = pick(left, 0.0), pick(top, 0.0)
        box = torch.stack([left, top, left + pick(wide, width), top + pick(high_, height)], 1)
        return box.float()

    def recolour(self, images: Tensor, generator: torch.Generator, shard: Shard = WHOLE) -> Tensor:
        """Mirror and recolour a batch: (B, 3, H, W) from 0 to 1, to the same.

        Brightness, contrast, saturation and hue are one affine map of each image's colours, so
        they cost one small matrix product.
        """
        u = shard.rand(len(images), 5, generator=generator).to(images.device)
        images = self._colours(images, u)
        if self.rand is None:
            return images
        return self.rand(images, shard.rand(len(images), self.rand.count, 2, generator=generator))

    def _colours(self, images: Tensor, u: Tensor) -> Tensor:
        if self.flip:
            images = torch.where((u[:, 4] < 0.5)[:, None, None, None], images.flip(3), images)
        if not (self.brightness or self.contrast or self.saturation or self.hue):
            return images
        change = 2 * u - 1
        turn = 2 * math.pi * self.hue * change[:, 3]
        saturation = 1 + self.saturation * change[:, 2]
        to_yiq = torch.tensor(TO_YIQ, device=images.device)
        zero, one = torch.zeros_like(turn), torch.ones_like(turn)
        cos, sin = saturation * turn.cos(), saturation * turn.sin()
        rows = [one, zero, zero, zero, cos, -sin, zero, sin, cos]
        rotation = torch.stack(rows, 1).view(-1, 3, 3)
        contrast = (1 + self.contrast * change[:, 1])[:, None, None]
        matrix = contrast * (torch.linalg.inv(to_yiq) @ rotation @ to_yiq)  # (B, 3, 3)
        mean = images.mean((2, 3))[:, :, None]  # (B, 3, 1)
        shift = mean - matrix @ mean + self.brightness * change[:, 0, None, None]
        return torch.baddbmm(shift, matrix, images.flatten(2)).view_as(images).clamp_(0, 1)

    def crop(self, images: Tensor, generator: torch.Generator, shard: Shard = WHOLE) -> Tensor:
        """Cut a box out of each image and stretch it over the whole: (B, 3, H, W) to the same."""
        batch, _, height, width = images.shape
        sizes = torch.tensor([[width, height]]).expand(batch, 2)
        uniform = shard.rand(batch, ATTEMPTS, 4, generator=generator)
        box = self.boxes(uniform, sizes[:, 0], sizes[:, 1]).view(batch, 2, 2)  # corner, axis
        relative = 2 * box / sizes[:, None] - 1  # the image reaches from -1 to 1
        centre, half = relative.mean(1), (relative[:, 1] - relative[:, 0]) / 2  # (B, 2)
        theta = torch.cat([torch.diag_embed(half), centre[:, :, None]], 2).to(images.device)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


# Inception's crops and colours in the authors' published code; they say that small models want
# less of it, in particular fewer very small crops, and print no numbers. LIGHT's are ours.
PAPER_AUGMENTATION = Augmentation(
    area=(0.05, 1.0), brightness=32 / 255, contrast=0.5, saturation=0.5, hue=0.2
)
LIGHT = Augmentation(area=(0.5, 1.0), brightness=16 / 255, contrast=0.25, saturation=0.25, hue=0.02)
AUGMENTATIONS: dict[str, Augmentation | None] = {
    "paper": PAPER_AUGMENTATION,
    "light": LIGHT,
    "rand": replace(LIGHT, rand=RandAugment()),
    "none": None,
}
