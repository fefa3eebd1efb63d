"""Preprocessing: the same numbers as timm and torchvision, and refusals that say why."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mobilenet_lib import preprocess
from mobilenet_lib.photos import PhotoError, load_photo
from mobilenet_lib.preprocess import IMAGENET, INCEPTION, RAW_255, Preprocess

CASES = json.loads((Path(__file__).parent / "parity/preprocess.json").read_text("utf-8"))["cases"]


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "case",
    CASES,
    ids=lambda c: f"{c['photo']}-{c['recipe']['resolution']}-{c['recipe']['crop_mode']}",
)
def test_the_numbers_are_timms(case):
    prepare = Preprocess(**case["recipe"])
    x = prepare(load_photo(case["photo"]))[0].double()
    assert x.shape == (3, prepare.resolution, prepare.resolution)
    places = torch.tensor(case["places"])
    theirs = torch.tensor(case["values"], dtype=torch.float64)
    # The smallest step between two pixel values is 1/255 of at least 1/0.5: nothing is off by one.
    assert (x[:, places][:, :, places] - theirs).abs().max() < 1e-5
    assert float(x.mean()) == pytest.approx(case["mean"], abs=1e-5)


def test_the_reference_covers_every_way():
    recipes = [case["recipe"] for case in CASES]
    # The other three are transformers' alone: test_field_reference.py holds them against it.
    others = {"nearest", "box", "hamming"}
    assert {r["interpolation"] for r in recipes} == set(preprocess.FILTERS) - others
    assert {r["crop_mode"] for r in recipes} == {"center", "squash"}
    assert {case["photo"] for case in CASES} == {"cat", "china", "rocket"}  # wide and upright
    assert len(CASES) == 24


def test_a_pil_image_and_an_array_give_the_same():
    photo = load_photo("cat")
    x = INCEPTION(photo)
    assert torch.equal(x, INCEPTION(Image.fromarray(photo)))
    assert (x.shape, x.dtype) == ((1, 3, 224, 224), torch.float32)
    assert x.is_contiguous()
    assert x.min() >= -1
    assert x.max() <= 1


def test_a_photo_of_the_right_size_is_only_scaled():
    photo = noise(96, 96)
    assert torch.equal(RAW_255(photo)[0].permute(1, 2, 0), torch.from_numpy(photo).float())
    plain = Preprocess(96, (0, 0, 0), (1, 1, 1), 1 / 255, 1.0, "bilinear")
    assert torch.allclose(plain(photo) * 255, RAW_255(photo))
    imagenet = Preprocess(96, IMAGENET.mean, IMAGENET.std, 1 / 255, 1.0, "bicubic")(photo)[0]
    red = (photo[:, :, 0] / 255 - 0.485) / 0.229
    assert np.allclose(imagenet[0], red, atol=1e-6)


def test_the_camera_held_upright_and_grey_are_understood():
    photo = noise(60, 40)
    turned = Image.fromarray(np.rot90(photo).copy())
    turned.getexif()[0x0112] = 6
    upright = turned.copy()
    upright.getexif()[0x0112] = 6
    assert torch.equal(RAW_255(upright), RAW_255(photo))
    assert upright.size == (60, 40)  # the caller's image is left alone
    grey = Image.fromarray(photo[:, :, 0])
    assert torch.equal(RAW_255(grey), RAW_255(np.stack([photo[:, :, 0]] * 3, axis=2)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_picture_that_pil_has_opened_is_turned_as_a_file_is(tmp_path, kind):
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}.{kind}"
        Image.fromarray(noise(60, 40)).save(path, kind, exif=exif)
        with Image.open(path) as image:
            assert torch.equal(INCEPTION(image), INCEPTION(load_photo(path)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_give_the_picture_of_eight(tmp_path, kind):
    grey = noise(60, 40)[:, :, 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep", kind)
    with Image.open(tmp_path / "deep") as image:
        assert torch.equal(RAW_255(image), RAW_255(np.dstack([grey] * 3)))


@pytest.mark.parametrize(("resolution", "side"), [(96, 118), (128, 186), (192, 225), (224, 256)])
def test_a_share_that_rounds_badly_is_still_a_whole_side(resolution, side):
    photo = noise(side, side)
    exact = Preprocess(resolution, (0, 0, 0), (1, 1, 1), 1.0, resolution / side, "bilinear")
    start = round((side - resolution) / 2)
    inner = photo[start : start + resolution, start : start + resolution]
    assert torch.equal(exact(photo)[0].permute(1, 2, 0), torch.from_numpy(inner).float())


def test_squash_keeps_the_borders_and_centre_cuts_them_off():
    photo = np.zeros((100, 300, 3), np.uint8)
    photo[:, :40] = photo[:, -40:] = 255
    centre = Preprocess(50, (0, 0, 0), (1, 1, 1), 1.0, 1.0, "bilinear")
    squash = Preprocess(50, (0, 0, 0), (1, 1, 1), 1.0, 1.0, "bilinear", "squash")
    assert centre(photo).max() == 0
    assert squash(photo)[0, :, :, 0].min() == 255


def test_normalize_takes_a_batch():
    batch = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    x = INCEPTION.normalize(batch)
    assert torch.allclose(x, batch.float() / 127.5 - 1, atol=1e-6)
    assert x.dtype == torch.float32


@pytest.mark.parametrize("recipe", [INCEPTION, IMAGENET, RAW_255, INCEPTION.at(97)])
def test_a_recipe_survives_json(recipe):
    assert Preprocess(**json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 0}, "resolution must be .* from 1 to 4096, got 0"),
        ({"resolution": 5000}, "got 5000"),
        ({"mean": (0.5, 0.5)}, "mean must be three finite numbers"),
        ({"mean": "abc"}, "mean must be three finite numbers"),
        ({"std": (0.5, 0.5, float("nan"))}, "std must be three finite numbers"),
        ({"std": (0.5, 0.5, 0)}, "std must be a number above 0, got 0"),
        ({"scale": -1}, "scale must be a number above 0, got -1"),
        ({"crop_fraction": 1.5}, "crop_fraction must be .* at most 1, got 1.5"),
        ({"interpolation": "random"}, "hamming, bicubic, lanczos; got 'random'"),
        ({"crop_mode": "border"}, "one of center, squash, none; got 'border'"),
        ({"crop_rule": "keras"}, "one of torchvision, transformers; got 'keras'"),
    ],
)
def test_a_recipe_out_of_range_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        Preprocess(**INCEPTION.to_dict() | change)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((5, 6, 4), np.uint8), r"\(height, width, 3\), RGB.* got \(5, 6, 4\)"),
        (np.zeros((5, 6, 3), np.float32), "uint8"),
        (Image.new("F", (5, 5), -3.0), "numbers from -3 to -3"),
        ("cat.jpg", "got"),
        (np.zeros((1, 300_000, 3), np.uint8), "too long and thin"),
    ],
)
def test_what_is_no_photo_is_refused(image, message):
    with pytest.raises(PhotoError, match=message):
        INCEPTION(image)
