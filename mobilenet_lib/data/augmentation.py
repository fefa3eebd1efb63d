"""Augmentation of whole batches: the paper's, as for Inception, a lighter form, and RandAugment.

Small models need the lighter form. Random numbers go in as tensors and whole batches come out, so
nothing loops over images. RandAugment (Cubuk et al., arXiv:1909.13719) draws `count` of a list of
operations for each image, all equally strong. The list is that paper's without the identity. What
an operation does to an image is what PIL's function of that name does, up to its rounding; here all
images that drew the same operation go through it at once, on the device that trains.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import LUMA
from ..validation import check_int, check_number

Operation = Callable[[Tensor, float, Tensor], Tensor]
"""Images, strength from 0 to 1, and a sign for each image."""
MAX_MAGNITUDE = 10
FILL = 0.5
"""What turned and moved images show where there is no image."""
SHEAR, SHIFT, ANGLE = 0.3, 0.45, 30.0
"""Most of each: pixels sideways for one up, share of the side, degrees."""
ENHANCE = 0.9
"""Most by which a factor of colour, contrast, brightness or sharpness goes from 1."""


@dataclass(frozen=True)
class RandAugment:
    """How many operations an image goes through, and how strong they are."""

    count: int = 2
    magnitude: float = 9
    """0 changes nothing or little, 10 is the strongest."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", check_int("count", self.count, 0))
        check_number("magnitude", self.magnitude, 0, MAX_MAGNITUDE)

    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Images (B, 3, H, W) from 0 to 1, and (B, count, 2) random numbers, to images."""
        images = images.clone()
        which = (uniform[:, :, 0] * len(OPERATIONS)).long().clamp_(max=len(OPERATIONS) - 1)
        sign = torch.where(uniform[:, :, 1] < 0.5, -1.0, 1.0)
        strength = self.magnitude / MAX_MAGNITUDE
        for turn in range(self.count):
            for number, operation in enumerate(OPERATIONS.values()):
                rows = (which[:, turn] == number).nonzero()[:, 0]
                if len(rows):
                    signs = sign[rows, turn].to(images.device)
                    chosen = rows.to(images.device)
                    images[chosen] = operation(images[chosen], strength, signs).clamp_(0, 1)
        return images


def affine(images: Tensor, matrix: Tensor) -> Tensor:
    """Each image under the map from output to input pixels that PIL's AFFINE takes, (B, 2, 3)."""
    batch, _, height, width = images.shape
    x = torch.arange(width, device=images.device) + 0.5
    y = torch.arange(height, device=images.device) + 0.5
    places = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1)
    ones = torch.ones_like(places[..., :1])
    homogeneous = torch.cat([places, ones], -1).view(1, -1, 3)
    source = homogeneous @ matrix.to(images).transpose(1, 2)  # (B, H W, 2), pixels
    grid = 2 * source / source.new_tensor([width, height]) - 1
    grid = grid.view(batch, height, width, 2)
    moved = F.grid_sample(images - FILL, grid, align_corners=False)
    return moved + FILL  # zeros outside become the fill


def _moving(place: int, most: float, side: int | None = None) -> Operation:
    """A shear or a shift: a number at one place of the map, at most so much.

    Shifts are a share of the image's side, whose axis is given.
    """

    def move(images: Tensor, strength: float, sign: Tensor) -> Tensor:
        matrix = sign.new_tensor((1, 0, 0, 0, 1, 0)).repeat(len(sign), 1)
        matrix[:, place] = sign * (most * strength * (1 if side is None else images.shape[side]))
        return affine(images, matrix.view(-1, 2, 3))

    return move


def _rotate(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    angle = sign * math.radians(ANGLE * strength)  # counter-clockwise, about the centre
    cos, sin = angle.cos(), angle.sin()
    x, y = images.shape[3] / 2, images.shape[2] / 2
    rows = [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos]
    return affine(images, torch.stack(rows, 1).view(-1, 2, 3))


def _autocontrast(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp(min=1e-6), images)


def _equalize(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    # Each channel of each image by its own histogram, in PIL's whole numbers.
    pixels = (255 * images).round().long().flatten(2)  # (B, 3, H W)
    counts = torch.zeros(*pixels.shape[:2], 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(2, pixels, torch.ones_like(pixels))
    last = (255 - counts.flip(2).ne(0).int().argmax(2, keepdim=True)).long()
    step = (pixels.shape[2] - counts.gather(2, last)) // 255
    below = counts.cumsum(2) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    done = table.gather(2, pixels)
    return torch.where(step > 0, done, pixels).view_as(images) / 255


def _solarize(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    threshold = math.floor(256 * (1 - strength)) / 255
    return torch.where(images < threshold - 1e-6, images, 1 - images)


def _posterize(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    dropped = 2 ** round(4 * strength)  # of 8 bits, at most 4
    return ((255 * images).round() / dropped).floor() * dropped / 255


def _grey(images: Tensor) -> Tensor:
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)


def _blend(images: Tensor, other: Tensor, strength: float, sign: Tensor) -> Tensor:
    # PIL's ImageEnhance: a factor of 0 gives the other image, 1 this one, 2 goes beyond.
    factor = (1 + ENHANCE * strength * sign).view(-1, 1, 1, 1)
    return other + factor * (images - other)


def _contrast(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), strength, sign)


def _sharpness(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    kernel = images.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13  # PIL's SMOOTH
    smooth = images.clone()  # the border stays
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel.expand(3, 1, 3, 3), groups=3)
    return _blend(images, smooth, strength, sign)


OPERATIONS: dict[str, Operation] = {
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "color": lambda images, s, sign: _blend(images, _grey(images), s, sign),
    "posterize": _posterize,
    "contrast": _contrast,
    "brightness": lambda images, s, sign: _blend(images, torch.zeros_like(images), s, sign),
    "sharpness": _sharpness,
    "shear x": _moving(1, SHEAR),
    "shear y": _moving(3, SHEAR),
    "translate x": _moving(2, SHIFT, side=3),
    "translate y": _moving(5, SHIFT, side=2),
}


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
