"""Augmentation, against single images in NumPy and PIL, and its own ranges."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from mobilenet_lib import data
from mobilenet_lib.data.augmentation import AUGMENTATIONS, TO_YIQ, Augmentation

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
        y, i, q = np.einsum("ij,jhw->ihw", to_yiq, image)
        i, q = (1 + 0.5 * saturation) * i, (1 + 0.5 * saturation) * q
        turned = (i + 1j * q) * np.exp(2j * np.pi * 0.2 * hue)
        slow = np.einsum("ij,jhw->ihw", np.linalg.inv(to_yiq), [y, turned.real, turned.imag])
        # Contrast is around the mean of the image as it came; only then the colours turn.
        mean = image.mean((1, 2), keepdims=True)
        about = np.einsum("ij,jhw->ihw", np.linalg.inv(to_yiq) @ to_yiq, mean)
        y0, i0, q0 = np.einsum("ij,jhw->ihw", to_yiq, about)
        i0, q0 = (1 + 0.5 * saturation) * i0, (1 + 0.5 * saturation) * q0
        turned = (i0 + 1j * q0) * np.exp(2j * np.pi * 0.2 * hue)
        about = np.einsum("ij,jhw->ihw", np.linalg.inv(to_yiq), [y0, turned.real, turned.imag])
        slow = mean + (1 + 0.4 * contrast) * (slow - about) + 0.1 * brightness
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
