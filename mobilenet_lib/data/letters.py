"""Letters in the wild: glyphs on photographs, composed a whole batch at a time.

Every image is a pure function of a glyph and one row of random numbers (a `Scene`): the glyph
under a random affine change, coloured, over a crop of a photograph, then blurred, with noise.
The rows are drawn on the CPU, so a seed means the same images on every device, up to rounding.
How hard the letters are to read is a `Difficulty`: one frozen set of ranges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..photos import LUMA
from ..process import torch_defaults
from ..validation import check_number
from .glyphs import CLASSES, Atlas, Glyphs, load_glyphs, photo_atlas

CANVAS = 64
"""Side at which images are composed; other resolutions are made from these by resizing."""
TINT = 0.7
"""Least factor by which a photograph's channels are dimmed."""
NOISE_LENGTH, NOISE_SEED = 1 << 20, 20170417
UNIFORMS = 20
"""Random numbers that an image takes."""
TEST_PER_CLASS, TEST_SEED = 200, 1704


MAX_CONTRAST = 0.5
"""Beyond this there may be no brightness left that is far enough from the background's."""


@dataclass(frozen=True)
class Difficulty:
    """The ranges from which every letter's place and look are drawn, uniformly."""

    rotation: float
    """Largest rotation either way, degrees."""
    scale: tuple[float, float]
    """Least and largest side of the letter's square, as a share of the image's side."""
    shear: float
    """Largest shear either way: pixels sideways for one pixel up."""
    contrast: float
    """Least distance of the letter's brightness from the photograph's below it, 0 to 0.5 of the
    range from black to white."""
    blur: float
    """Largest standard deviation of the Gaussian blur, pixels of a 64x64 image."""
    noise: float
    """Largest standard deviation of the noise, as a share of the range from black to white."""

    def __post_init__(self) -> None:
        limits = {"rotation": 180, "shear": 1, "contrast": MAX_CONTRAST, "blur": 2, "noise": 0.5}
        for name, high in limits.items():
            check_number(name, getattr(self, name), 0, high)
        try:
            low, high = (check_number("scale", side, 0.1, 1) for side in self.scale)
            check_number("scale", low, 0.1, high)
        except (TypeError, ValueError):
            raise ValueError(
                f"scale must be (least, largest) with 0.1 <= least <= largest <= 1, "
                f"got {self.scale!r}"
            ) from None

    def between(self, other: Difficulty, share: float) -> Difficulty:
        """The difficulty `share` of the way from this one (0) to `other` (1)."""

        def mix(a: float, b: float) -> float:
            return round(a + share * (b - a), 6)

        names = (field.name for field in fields(self) if field.name != "scale")
        mixed = {name: mix(getattr(self, name), getattr(other, name)) for name in names}
        low, high = map(mix, self.scale, other.scale)
        return Difficulty(scale=(low, high), **mixed)


SOFT = Difficulty(rotation=15, scale=(0.65, 1.0), shear=0.15, contrast=0.35, blur=0.5, noise=0.03)
HARSH = Difficulty(rotation=25, scale=(0.45, 0.95), shear=0.3, contrast=0.1, blur=1.0, noise=0.05)
# The book's default separates networks in six epochs: a wide one that sees all pixels passes 90 %,
# a narrow one that sees few stays clearly below. The run is in data/results/difficulty.json, made
# by data/glyphs/measure_difficulty.py.
DEFAULT = SOFT.between(HARSH, 0.1)
PRESETS = {"soft": SOFT, "default": DEFAULT, "harsh": HARSH}


class Scene(NamedTuple):
    """How each image of a batch is composed; B rows."""

    inverse: Tensor
    """(B, 2, 3): from a place in the image to one in the glyph, both from -1 to 1."""
    crop: Tensor
    """(B, 4): which part of the atlas lies behind; see `Atlas.crops`."""
    tint: Tensor
    """(B, 3): factors for the photograph's channels."""
    hue: Tensor
    """(B, 3): a random colour, of which the letter takes the chroma."""
    brightness: Tensor
    """(B,): where in the allowed range the letter's brightness lies, 0 to 1."""
    blur: Tensor
    """(B,): standard deviation, pixels."""
    noise: Tensor
    """(B,): standard deviation, share of black to white."""
    noise_start: Tensor
    """(B,) int64: where in the noise the image's own begins."""

    def to(self, device: torch.device) -> Scene:
        """The same on `device`."""
        return Scene(*(part.to(device, non_blocking=True) for part in self))

    def rows(self, chosen: slice) -> Scene:
        """Some of the rows."""
        return Scene(*(part[chosen] for part in self))


class Composer:
    """Composes images from glyphs on the photographs of one split.

    Parameters
    ----------
    split
        Whose photographs: "train" or "test".
    difficulty
        The ranges to draw from.
    device
        Where to compose.
    """

    @torch_defaults()
    def __init__(
        self,
        split: str,
        difficulty: Difficulty = DEFAULT,
        device: torch.device | str = "cpu",
        atlas: Atlas | None = None,
    ) -> None:
        self.difficulty, self.device = difficulty, torch.device(device)
        self.atlas = (photo_atlas(split) if atlas is None else atlas).to(self.device)
        generator = torch.Generator().manual_seed(NOISE_SEED)
        self.noise = torch.randn(NOISE_LENGTH, generator=generator).to(self.device)
        # One more pixel on each side, for the blur to look at.
        pixels = torch.arange(-1, CANVAS + 1, device=self.device)
        self.centres = (2 * pixels + 1) / CANVAS - 1  # (66,)

    @torch_defaults()
    def draw(self, count: int, generator: torch.Generator) -> Scene:
        """Draw `count` scenes from the difficulty's ranges, on the CPU."""
        u = torch.rand(count, UNIFORMS, generator=generator)  # (B, 20)
        d = self.difficulty
        angle = math.radians(d.rotation) * (2 * u[:, 0] - 1)
        shear = d.shear * (2 * u[:, 1] - 1)
        scale = d.scale[0] + (d.scale[1] - d.scale[0]) * u[:, 2]
        shift = (1 - scale)[:, None] * (2 * u[:, 3:5] - 1)  # the upright square stays inside
        start = u[:, 19] * (NOISE_LENGTH - 3 * CANVAS * CANVAS)
        return Scene(
            inverse_affine(angle, shear, scale, shift),
            self.atlas.crops(u[:, 5:10]),
            TINT + (1 - TINT) * u[:, 10:13],
            u[:, 13:16],
            u[:, 16],
            d.blur * u[:, 17],
            d.noise * u[:, 18],
            start.long(),
        )

    @torch_defaults()
    def compose(self, glyphs: Tensor, scene: Scene) -> Tensor:
        """Compose a batch: (B, 3, 64, 64) float32 from 0 to 1, of (B, 48, 48) uint8 glyphs."""
        scene = scene.to(self.device)
        mask = self.mask(glyphs, scene.inverse)  # (B, 1, 66, 66)
        image = self.atlas.sample(scene.crop, self.centres)  # (B, 3, 66, 66)
        image *= scene.tint[:, :, None, None]
        ink = self.ink(image, mask, scene)  # (B, 3)
        image = torch.lerp(image, ink[:, :, None, None], mask)
        image = blur(image, scene.blur)  # (B, 3, 64, 64)
        size = 3 * CANVAS * CANVAS
        noise = self.noise.unfold(0, size, 1)[scene.noise_start].view_as(image)
        image = torch.addcmul(image, noise, scene.noise[:, None, None, None])
        return image.clamp_(0, 1)

    def mask(self, glyphs: Tensor, inverse: Tensor) -> Tensor:
        """How much ink there is at each pixel, (B, 1, 66, 66) from 0 to 1."""
        size = len(self.centres)
        x = self.centres.expand(size, size)
        places = torch.stack([x, x.T, torch.ones_like(x)]).view(3, -1)  # (3, 66 * 66)
        grid = (inverse @ places).view(-1, 2, size, size).permute(0, 2, 3, 1)
        paper = glyphs.to(self.device)[:, None].float().div_(255)
        return F.grid_sample(paper, grid, align_corners=False)

    def ink(self, image: Tensor, mask: Tensor, scene: Scene) -> Tensor:
        """Colour of each letter, (B, 3): as far from what lies below it as the contrast asks."""
        luma = torch.tensor(LUMA, device=self.device)
        covered = mask.sum((1, 2, 3)).clamp_(min=1e-6)
        below = (image.flatten(2) @ mask.flatten(2).transpose(1, 2))[:, :, 0] / covered[:, None]
        behind = below @ luma  # (B,)
        dark = (behind - self.difficulty.contrast).clamp(min=0)  # room below and above
        light = (1 - behind - self.difficulty.contrast).clamp(min=0)
        at = scene.brightness * (dark + light)
        target = torch.where(at < dark, at, 1 - (dark + light - at))  # no room: white
        chroma = scene.hue - (scene.hue @ luma)[:, None]  # has brightness 0
        room = torch.where(chroma > 0, 1 - target[:, None], target[:, None])
        most = (room / chroma.abs().clamp(min=1e-6)).amin(1, keepdim=True).clamp(max=1)
        return target[:, None] + most * chroma


def inverse_affine(angle: Tensor, shear: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """From image to glyph, (B, 2, 3), where glyph to image is: shear, rotate, scale, shift.

    With R the rotation by `angle` and H = [[1, shear], [0, 1]], a place q of the glyph lands at
    p = scale R H q + shift; so q = H⁻¹ Rᵀ (p - shift) / scale.
    """
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = [cos + shear * sin, sin - shear * cos, -sin, cos]
    matrix = torch.stack(rows, 1).view(-1, 2, 2)
    return torch.cat([matrix, -matrix @ shift[:, :, None]], 2)


def blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image by its own 3x3 Gaussian; one pixel is lost on every side.

    `image` is (B, 3, H, W), `sigma` (B,) in pixels; 0 leaves the image as it is.
    """
    batch, channels, height, width = image.shape
    side = torch.exp(-0.5 / sigma.clamp(min=1e-3).square())
    taps = torch.stack([side, torch.ones_like(side), side], 1)
    taps = taps / taps.sum(1, keepdim=True)  # (B, 3)
    kernels = (taps[:, :, None] * taps[:, None, :]).repeat_interleave(channels, 0)
    stacked = image.reshape(1, batch * channels, height, width)  # one depthwise convolution
    done = F.conv2d(stacked, kernels[:, None], groups=batch * channels)
    return done.view(batch, channels, height - 2, width - 2)


@torch_defaults()
def letters_for_test(difficulty: Difficulty = DEFAULT) -> tuple[Tensor, Tensor]:
    """The fixed test images, (5200, 3, 64, 64) uint8, and their labels, (5200,) int64.

    200 images of each letter in a fixed mixed order, from font families and photographs that no
    training image has. They depend on the difficulty alone, and are composed once.
    """
    return _letters_for_test(difficulty, load_glyphs("test"))


@lru_cache(maxsize=4)
def _letters_for_test(difficulty: Difficulty, glyphs: Glyphs) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(TEST_SEED)
    chosen = []
    for label in range(len(CLASSES)):
        members = (glyphs.labels == label).nonzero()[:, 0]
        # Every picture of a letter comes once before any comes twice.
        rounds = -(-TEST_PER_CLASS // len(members))
        mixed = [members[torch.randperm(len(members), generator=generator)] for _ in range(rounds)]
        chosen.append(torch.cat(mixed)[:TEST_PER_CLASS])
    rows = torch.cat(chosen)
    rows = rows[torch.randperm(len(rows), generator=generator)]
    composer = Composer("test", difficulty)
    images = []
    for part in rows.split(400):
        image = composer.compose(glyphs.images[part], composer.draw(len(part), generator))
        images.append((255 * image).round_().byte())
    return torch.cat(images), glyphs.labels[rows]
