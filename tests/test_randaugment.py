"""RandAugment's operations on batches, against PIL's on one image."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from mobilenet_lib.data import augmentation
from mobilenet_lib.data.augmentation import OPERATIONS, RandAugment
from mobilenet_lib.photos import load_photo

SIDE = 48
GREY = (128, 128, 128)


def affine(matrix):
    def run(image):
        return image.transform(image.size, Image.Transform.AFFINE, matrix, 2, fillcolor=GREY)

    return run


def enhance(kind, factor):
    return lambda image: kind(image).enhance(factor)


def expected(name, s, sign):
    """PIL's way, at strength `s`; the shares are the paper's maxima."""
    factor = 1 + 0.9 * s * sign
    return {
        "autocontrast": ImageOps.autocontrast,
        "equalize": ImageOps.equalize,
        "rotate": lambda i: i.rotate(30 * s * sign, Image.Resampling.BILINEAR, fillcolor=GREY),
        "solarize": lambda i: ImageOps.solarize(i, math.floor(256 * (1 - s))),
        "color": enhance(ImageEnhance.Color, factor),
        "posterize": lambda i: ImageOps.posterize(i, 8 - round(4 * s)),
        "contrast": enhance(ImageEnhance.Contrast, factor),
        "brightness": enhance(ImageEnhance.Brightness, factor),
        "sharpness": enhance(ImageEnhance.Sharpness, factor),
        "shear x": affine((1, 0.3 * s * sign, 0, 0, 1, 0)),
        "shear y": affine((1, 0, 0, 0.3 * s * sign, 1, 0)),
        "translate x": affine((1, 0, 0.45 * s * sign * SIDE, 0, 1, 0)),
        "translate y": affine((1, 0, 0, 0, 1, 0.45 * s * sign * SIDE)),
    }[name]


@pytest.fixture(scope="module")
def photos():
    # Not too bright and not too dark, so that stretching the contrast has something to do.
    made = []
    for name in ("cat", "china", "coffee"):
        image = Image.fromarray(np.asarray(load_photo(name))).resize((SIDE, SIDE))
        made.append(image.point([20 + int(0.7 * v) for v in range(256)] * 3))
    return made


def tensor(images):
    stacked = np.stack([np.asarray(image) for image in images])
    return torch.tensor(stacked).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("strength", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_pils(name, strength, photos):
    signs = torch.tensor([1.0, -1.0, 1.0])
    got = OPERATIONS[name](tensor(photos), strength, signs).clamp(0, 1)
    pairs = zip(photos, signs.tolist(), strict=True)
    want = tensor([expected(name, strength, sign)(image) for image, sign in pairs])
    apart = (got - want).abs() * 255
    # PIL rounds to whole numbers at each step, and fills up to half a pixel beyond the border.
    geometric = name.startswith(("rotate", "shear", "translate"))
    inside = apart[:, :, 2:-2, 2:-2] if geometric else apart
    assert inside.mean() < (1.0 if geometric else 0.7)
    assert inside.quantile(0.95) <= (4.0 if geometric else 2.0)
    if name not in ("autocontrast", "equalize", "sharpness", "posterize") and strength >= 0.9:
        assert ((want - tensor(photos)).abs().mean() * 255) > 2, "PIL's changes nothing here"


def test_smoothing_is_pils(photos):
    smooth = tensor([image.filter(ImageFilter.SMOOTH) for image in photos])
    got = OPERATIONS["sharpness"](tensor(photos), 1 / 0.9, -torch.ones(3))  # a factor of 0
    assert (got - smooth).abs().max() < 1.01 / 255


def test_each_image_goes_through_the_operations_it_drew(photos):
    images, names = tensor(photos), list(OPERATIONS)
    chosen = ("equalize", "brightness", "posterize")
    which = torch.tensor([(names.index(name) + 0.5) / len(names) for name in chosen])
    uniform = torch.stack([which, torch.full((3,), 0.7)], 1)[:, None]  # (3, 1, 2)
    done = RandAugment(1, 5)(images, uniform)
    for row, name in enumerate(chosen):
        alone = OPERATIONS[name](images[row : row + 1], 0.5, torch.ones(1)).clamp(0, 1)
        assert torch.equal(done[row : row + 1], alone)
    assert torch.equal(RandAugment(0)(images, uniform[:, :0]), images)


def test_it_is_part_of_the_augmentation_and_seeded(photos):
    images = tensor(photos)
    seeded = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    rand = augmentation.AUGMENTATIONS["rand"]
    one, same, other = (rand.recolour(images, g) for g in seeded)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1
    light = augmentation.LIGHT.recolour(images, torch.Generator().manual_seed(1))
    assert not torch.equal(one, light)


@pytest.mark.parametrize(
    ("options", "error"),
    [(dict(count=-1), ValueError), (dict(count=1.5), TypeError), (dict(magnitude=11), ValueError)],
)
def test_impossible_values_are_refused(options, error):
    with pytest.raises(error, match=next(iter(options))):
        RandAugment(**options)
