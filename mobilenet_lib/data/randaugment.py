"""RandAugment on whole batches: each image goes through a few random operations.

Cubuk et al., arXiv:1909.13719: of a list of operations, `count` are drawn for each image, and all
are equally strong. The list is the paper's without the identity. What an operation does to an image
is what PIL's function of that name does, up to its rounding; here all images that drew the same
operation go through it at once, on the device that trains.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import LUMA

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
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 0:
            raise ValueError(f"count must be a whole number >= 0, got {self.count!r}")
        if not 0 <= self.magnitude <= MAX_MAGNITUDE:
            raise ValueError(f"magnitude must be from 0 to 10, got {self.magnitude!r}")

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


def _shear_x(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return affine(images, _rows(sign, (1, 0, 0, 0, 1, 0), 1, SHEAR * strength))


def _shear_y(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return affine(images, _rows(sign, (1, 0, 0, 0, 1, 0), 3, SHEAR * strength))


def _translate_x(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return affine(images, _rows(sign, (1, 0, 0, 0, 1, 0), 2, SHIFT * strength * images.shape[3]))


def _translate_y(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return affine(images, _rows(sign, (1, 0, 0, 0, 1, 0), 5, SHIFT * strength * images.shape[2]))


def _rows(sign: Tensor, start: tuple[float, ...], place: int, value: float) -> Tensor:
    matrix = sign.new_tensor(start).repeat(len(sign), 1)
    matrix[:, place] = sign * value
    return matrix.view(-1, 2, 3)


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


def _color(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return _blend(images, _grey(images), strength, sign)


def _contrast(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), strength, sign)


def _brightness(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    return _blend(images, torch.zeros_like(images), strength, sign)


def _sharpness(images: Tensor, strength: float, sign: Tensor) -> Tensor:
    kernel = images.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13  # PIL's SMOOTH
    smooth = images.clone()  # the border stays
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel.expand(3, 1, 3, 3), groups=3)
    return _blend(images, smooth, strength, sign)


Operation = Callable[[Tensor, float, Tensor], Tensor]
OPERATIONS: dict[str, Operation] = {
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "color": _color,
    "posterize": _posterize,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
    "shear x": _shear_x,
    "shear y": _shear_y,
    "translate x": _translate_x,
    "translate y": _translate_y,
}
"""By name: images, strength from 0 to 1, and a sign for each image."""
