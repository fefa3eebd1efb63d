"""From a photo to what a network takes: resize, crop, scale and normalize, as was done in training.

>>> from mobilenet_lib.photos import load_photo
>>> INCEPTION(load_photo("cat")).shape
torch.Size([1, 3, 224, 224])

A network trained on inputs from -1 to 1 reads numbers from 0 to 255 as noise, so every checkpoint
carries its own `Preprocess`. The steps are those of timm and torchvision, done by PIL, so the
pixels are the same to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .photos import MAX_PIXELS, Photo, PhotoError, check_photo, upright
from .validation import check_choice, check_int, check_positive

Triple = tuple[float, float, float]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
CropMode = Literal["center", "squash", "none"]
CropRule = Literal["torchvision", "transformers"]
FILTERS: dict[Interpolation, Image.Resampling] = {
    name: Image.Resampling[name.upper()] for name in get_args(Interpolation)
}


@dataclass(frozen=True)
class Preprocess:
    """What one checkpoint does to a photo; call it with one."""

    resolution: int
    """Side of the network's square input in pixels."""
    mean: Triple
    std: Triple
    scale: float
    """The pixels, 0 to 255, are multiplied by this before mean and std: 1/255 or 1."""
    crop_fraction: float
    """The input's share of the resized photo's shorter side; the rest is cut off around it. Above
    1, the photo is the smaller one, and black is put around it."""
    interpolation: Interpolation
    crop_mode: CropMode = "center"
    """Whether the photo keeps its proportions, is made square before the crop, or is not resized
    at all and only cropped, with black around a smaller one."""
    crop_rule: CropRule = "torchvision"
    """Whose middle it is where an odd number of pixels is cut off: torchvision, and so timm, rounds
    half of it to an even number, transformers rounds down."""

    def __post_init__(self) -> None:
        check_choice("interpolation", self.interpolation, FILTERS)
        check_choice("crop_mode", self.crop_mode, get_args(CropMode))
        check_choice("crop_rule", self.crop_rule, get_args(CropRule))
        # torchvision has another rule for what is too small; nobody's checkpoint needs it.
        most = 1 if self.crop_rule == "torchvision" else 4096
        checked: dict[str, Any] = {
            "resolution": check_int("resolution", self.resolution, 1, 4096),
            "mean": _triple("mean", self.mean),
            "std": _triple("std", self.std),
            "scale": check_positive("scale", self.scale),
            "crop_fraction": check_positive("crop_fraction", self.crop_fraction, most),
        }
        for value in checked["std"]:
            check_positive("std", value)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __call__(self, image: Image.Image | Photo) -> Tensor:
        """A photo as network input.

        Parameters
        ----------
        image
            A PIL image, or a (height, width, 3) uint8 array.

        Returns
        -------
        tensor
            (1, 3, resolution, resolution) float32.

        Raises
        ------
        PhotoError
            The image is of another shape or type, or far too long and thin.
        """
        square = np.array(self.square(image), dtype=np.float32)  # (resolution, resolution, 3)
        return self.normalize(torch.from_numpy(square).permute(2, 0, 1)[None])

    def square(self, image: Image.Image | Photo) -> Image.Image:
        """The part of a photo that the network sees, resized: resolution x resolution, RGB."""
        if isinstance(image, Image.Image):
            image = upright(image)
        else:
            image = Image.fromarray(np.ascontiguousarray(check_photo(image)))
        # timm rounds down; the small number undoes what 224 / (224 / 256) loses to rounding.
        side = math.floor(self.resolution / self.crop_fraction + 1e-6)
        width, height = image.size
        if self.crop_mode == "squash":
            width = height = side
        elif self.crop_mode == "center":
            width = max(side, side * image.width // image.height)
            height = max(side, side * image.height // image.width)
        if width * height > MAX_PIXELS:
            raise PhotoError(
                f"the image is {image.width}x{image.height}, too long and thin to be resized to "
                f"{side} pixels on its shorter side; crop it first"
            )
        if image.size != (width, height):
            image = image.resize((width, height), FILTERS[self.interpolation])
        left, top = self._half(width), self._half(height)
        # PIL puts black where a crop reaches beyond the image.
        return image.crop((left, top, left + self.resolution, top + self.resolution))

    def _half(self, side: int) -> int:
        """What is cut off before the crop, of a resized side; below 0 if it is added."""
        rest = side - self.resolution
        return round(rest / 2) if self.crop_rule == "torchvision" else rest // 2

    def normalize(self, pixels: Tensor) -> Tensor:
        """Scale and normalize pixels, (B, 3, H, W) from 0 to 255; float32."""
        mean = pixels.new_tensor(self.mean, dtype=torch.float32).view(3, 1, 1)
        std = pixels.new_tensor(self.std, dtype=torch.float32).view(3, 1, 1)
        # Contiguous: a view of height x width x channels is channels_last, which some engines
        # take as a wish for that layout.
        return ((pixels.float() * self.scale - mean) / std).contiguous()

    def at(self, resolution: int) -> Preprocess:
        """The same steps for an input of another size."""
        return replace(self, resolution=resolution)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a JSON file, from which `Preprocess(**data)` makes the same again."""
        data = asdict(self)
        if self.crop_rule == "torchvision":  # usual, and what older versions know alone
            del data["crop_rule"]
        return data


def _triple(name: str, value: Any) -> Triple:
    try:
        numbers = tuple(float(number) for number in value)
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or isinstance(value, str):
        raise ValueError(f"{name} must be three finite numbers, one a channel; got {value!r}")
    return numbers


# Named after who made them known. INCEPTION: inputs from -1 to 1, as tf-slim trained MobileNet.
# IMAGENET: the mean and standard deviation of ImageNet's pixels. RAW_255: pixels as they
# are, of a photo made square, as visual wake words was prepared.
HALF: Triple = (0.5, 0.5, 0.5)
INCEPTION = Preprocess(224, HALF, HALF, 1 / 255, 0.875, "bilinear")
IMAGENET = replace(INCEPTION, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
RAW_255 = Preprocess(96, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 1.0, 1.0, "lanczos", "squash")
