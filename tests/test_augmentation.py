"""Augmentation against single images in NumPy and PIL, RandAugment's operations against PIL's."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from mobilenet_lib import data
from mobilenet_lib.data.augmentation import (
    AUGMENTATIONS,
    OPERATIONS,
    TO_YIQ,
    Augmentation,
    RandAugment,
)
from mobilenet_lib.photos import load_photo

STILL = Augmentation(area=(1, 1), aspect=(1, 1), flip=False)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count, size=24, seed=0):
    return torch.rand(count, 3, size, size, generator=seeded(seed))


def sizes(*pairs):
    return torch.tensor(pairs, dtype=torch.float64).unbind(1)


@pytest.mark.parametrize("augment", [data.PAPER_AUGMENTATION, data.LIGHT], ids=["paper", "light"])
def test_boxes_keep_area_and_aspect_and_stay_inside(augment):
    width, height = sizes(*[(640, 480), (300, 500), (64, 64), (33, 41)] * 500)
    box = augment.boxes(torch.rand(2000, 10, 4, generator=seeded()), width, height).double()
    left, top, right, bottom = box.unbind(1)
    assert (box >= 0).all()
    assert (right <= width + 1e-3).all()
    assert (bottom <= height + 1e-3).all()
    area = (right - left) * (bottom - top) / (width * height)
    aspect = (right - left) / (bottom - top)
    low, high = augment.area
    assert area.min() > low - 1e-3
    assert area.max() < high + 1e-3
    assert area.min() < low + 0.02
    assert area.max() > high - 0.05
    cut = area < 1 - 1e-6  # the rest is whole, where ten large crops did not fit
    assert cut.float().mean() > 0.9
    assert aspect[cut].min() > 3 / 4 - 1e-3
    assert aspect[cut].max() < 4 / 3 + 1e-3
    assert ((left > 1).float().mean()) > 0.7  # not all in a corner
    assert ((right < width - 1).float().mean()) > 0.7


def test_the_first_box_that_fits_is_taken_else_the_whole_image():
    augment = Augmentation(area=(0.5, 0.5), aspect=(1, 4))
    width, height = sizes((100, 100), (100, 100))
    uniform = torch.zeros(2, 10, 4)
    uniform[..., 1] = 1  # four times as wide as high: 141 by 35 pixels, too wide
    uniform[0, 3, 1], uniform[0, 5, 1] = 0.25, 0.0  # 84 by 59, then 71 by 71
    boxes = augment.boxes(uniform, width, height)
    side = 50**0.5 * 10
    expected = torch.tensor([[0, 0, side * 2**0.25, side / 2**0.25], [0, 0, 100, 100]])
    torch.testing.assert_close(boxes, expected, rtol=0, atol=1e-3)


def test_crops_are_what_pil_cuts_and_stretches():
    augment = Augmentation(area=(0.05, 0.6))
    batch = images(6, 40)
    cropped = augment.crop(batch, seeded(1))
    uniform = torch.rand(6, 10, 4, generator=seeded(1))
    boxes = augment.boxes(uniform, *sizes(*[(40, 40)] * 6))
    for image, box, ours in zip(batch, boxes, cropped, strict=True):
        for channel, result in zip(image.numpy(), ours.numpy(), strict=True):
            expected = Image.fromarray(channel).resize(
                (40, 40), Image.Resampling.BILINEAR, box=tuple(box.tolist())
            )
            # PIL looks no further than the box, so its outermost pixels differ.
            border = 8
            inner = slice(border, -border)
            np.testing.assert_allclose(
                result[inner, inner], np.asarray(expected)[inner, inner], atol=0.02
            )


def test_nothing_to_do_leaves_images_alone():
    batch = images(5)
    assert torch.equal(STILL.recolour(batch, seeded()), batch)
    torch.testing.assert_close(STILL.crop(batch, seeded()), batch, rtol=0, atol=1e-5)


def test_half_of_the_images_are_mirrored():
    flipping = dataclasses.replace(STILL, flip=True)
    batch = images(400, 6)
    result = flipping.recolour(batch, seeded())
    same = (result == batch).flatten(1).all(1)
    mirrored = (result == batch.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 0.4 < mirrored.float().mean() < 0.6
    assert data.PAPER_AUGMENTATION.flip
    assert not data.load("glyphs", augment="paper").augment.flip  # a mirrored N is no N


def test_colours_equal_the_steps_one_by_one():
    augment = dataclasses.replace(STILL, brightness=0.1, contrast=0.4, saturation=0.5, hue=0.2)
    batch = 0.4 + 0.2 * images(8)
    result = augment.recolour(batch, seeded(2)).double().numpy()
    change = 2 * torch.rand(8, 5, generator=seeded(2)).double().numpy() - 1
    to_yiq = np.array(TO_YIQ)
    for image, ours, (brightness, contrast, saturation, hue, _) in zip(
        batch.double().numpy(), result, change, strict=True
    ):
        turn = (1 + 0.5 * saturation) * np.exp(2j * np.pi * 0.2 * hue)

        def turned(colours, turn=turn):
            y, i, q = np.einsum("ij,jhw->ihw", to_yiq, colours)
            chroma = (i + 1j * q) * turn
            return np.einsum("ij,jhw->ihw", np.linalg.inv(to_yiq), [y, chroma.real, chroma.imag])

        # Contrast is around the mean of the image as it came; only then the colours turn.
        mean = image.mean((1, 2), keepdims=True)
        slow = mean + (1 + 0.4 * contrast) * (turned(image) - turned(mean)) + 0.1 * brightness
        np.testing.assert_allclose(ours, np.clip(slow, 0, 1), atol=1e-5)


def test_grey_stays_grey_and_brightness_stays_when_the_hue_turns():
    turning = dataclasses.replace(STILL, hue=0.5, saturation=0.5)
    grey = images(20)[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(turning.recolour(grey, seeded()), grey, rtol=0, atol=1e-4)
    batch = 0.4 + 0.2 * images(20)
    luma = torch.tensor(TO_YIQ[0])[:, None, None]
    turned = turning.recolour(batch, seeded())
    torch.testing.assert_close((turned * luma).sum(1).mean(), (batch * luma).sum(1).mean())
    assert (turned - batch).abs().amax() > 0.05


def test_the_lighter_form_is_lighter():
    assert data.LIGHT.area[0] > data.PAPER_AUGMENTATION.area[0]
    for name in ("brightness", "contrast", "saturation", "hue"):
        assert getattr(data.LIGHT, name) < getattr(data.PAPER_AUGMENTATION, name)
    # Crops of 5 to 100 % with sides up to 4 : 3, brightness 32 of 255, saturation and contrast from
    # 0.5 to 1.5, hue a fifth of the circle: preprocessing for Inception, as tf-slim published it.
    published = Augmentation((0.05, 1), (0.75, 4 / 3), True, 32 / 255, 0.5, 0.5, 0.2)
    assert data.PAPER_AUGMENTATION.__dict__ == published.__dict__
    assert AUGMENTATIONS["none"] is None
    assert data.load("glyphs").augment is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": (0, 1)}, r"area must be \(least, largest\)"),
        ({"area": (0.5, 1.5)}, "area must be"),
        ({"aspect": (2, 1)}, "aspect must be"),
        ({"hue": 2}, "hue must be a number from 0 to 1, got 2"),
        ({"brightness": -0.1}, "brightness must be a number from 0 to 1"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(STILL, **change)


# --- RandAugment ----------------------------------------------------------------------------------

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
    one, same, other = (AUGMENTATIONS["rand"].recolour(images, seeded(n)) for n in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1
    assert not torch.equal(one, data.LIGHT.recolour(images, seeded(1)))


@pytest.mark.parametrize(
    ("options", "error"),
    [(dict(count=-1), ValueError), (dict(count=1.5), TypeError), (dict(magnitude=11), ValueError)],
)
def test_impossible_values_are_refused(options, error):
    with pytest.raises(error, match=next(iter(options))):
        RandAugment(**options)
