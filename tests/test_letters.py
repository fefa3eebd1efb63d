"""Letters in the wild, against NumPy one at a time, and against their own rules."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from pictures import encoded
from PIL import Image

from mobilenet_lib import data, photos
from mobilenet_lib.data import letters
from mobilenet_lib.data.glyphs import CLASSES, Atlas, load_glyphs, photo_atlas, photo_names
from mobilenet_lib.data.letters import (
    CANVAS,
    LUMA,
    PRESETS,
    Composer,
    inverse_affine,
    letters_for_test,
)

PLAIN = data.Difficulty(rotation=0, scale=(1, 1), shear=0, contrast=0.5, blur=0, noise=0)
HARDEST = dataclasses.replace(data.HARSH, rotation=60, shear=0.5, blur=1.5, noise=0.1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_glyphs(count, seed=0, split="test"):
    glyphs = load_glyphs(split)
    return glyphs.images[torch.randperm(len(glyphs), generator=seeded(seed))[:count]]


def flat_atlas(colour):
    """A background of one colour."""
    image = torch.tensor(colour, dtype=torch.float32)[:, None, None].expand(3, 128, 160)
    return Atlas([image])


# --- One image at a time, in NumPy ------------------------------------------------------------


def bilinear(image, x, y):
    """The value of `image` (height, width) between its pixels, whose centres are at halves."""
    total = 0.0
    x, y = x - 0.5, y - 0.5
    for column in (math.floor(x), math.floor(x) + 1):
        for row in (math.floor(y), math.floor(y) + 1):
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                weight = (1 - abs(x - column)) * (1 - abs(y - row))
                total += weight * float(image[row, column])
    return total


def composed_slowly(glyph, atlas, scene, contrast, noise):
    """One image, pixel by pixel, with a ring of one pixel around it that the blur eats."""
    size = CANVAS + 2
    mask, behind = np.zeros((size, size)), np.zeros((size, size, 3))
    x0, y0, half_width, half_height = scene.crop.double().numpy()
    inverse = scene.inverse.double().numpy()
    for row in range(size):
        for column in range(size):
            place = np.array([(column - 0.5) * 2 / CANVAS - 1, (row - 0.5) * 2 / CANVAS - 1, 1])
            x, y = inverse @ place
            mask[row, column] = bilinear(glyph, (x + 1) * 24, (y + 1) * 24) / 255
            at = x0 + half_width * place[0], y0 + half_height * place[1]
            for channel in range(3):
                tint = float(scene.tint[channel])
                behind[row, column, channel] = tint * bilinear(atlas[channel], *at)
    luma = np.array(LUMA)
    below = (behind * mask[..., None]).sum((0, 1)) / mask.sum() @ luma
    dark, light = max(0, below - contrast), max(0, 1 - contrast - below)
    at = float(scene.brightness) * (dark + light)
    target = at if at < dark else below + contrast + at - dark
    chroma = scene.hue.double().numpy() - scene.hue.double().numpy() @ luma
    most = min([1, *((1 - target if c > 0 else target) / abs(c) for c in chroma if c)])
    image = behind + mask[..., None] * (target + most * chroma - behind)
    side = math.exp(-0.5 / float(scene.blur) ** 2) if scene.blur > 0 else 0.0
    for axis in (0, 1):
        image = (
            np.take(image, range(1, size - 1), axis)
            + side * np.take(image, range(size - 2), axis)
            + side * np.take(image, range(2, size), axis)
        ) / (1 + 2 * side)
        size = image.shape[1] if axis == 0 else size
    start = int(scene.noise_start)
    own = noise[start : start + image.size].reshape(3, CANVAS, CANVAS).transpose(1, 2, 0)
    return np.clip(image + float(scene.noise) * own, 0, 1).transpose(2, 0, 1)


@pytest.mark.parametrize("difficulty", [PLAIN, data.DEFAULT, HARDEST], ids=str)
def test_a_batch_equals_its_images_composed_one_by_one(difficulty):
    composer = Composer("test", difficulty)
    glyphs, scene = some_glyphs(3), composer.draw(3, seeded(4))
    batch = composer.compose(glyphs, scene).numpy()
    atlas, noise = composer.atlas.image[0].numpy(), composer.noise.numpy()
    for i in range(3):
        row = letters.Scene(*(part[i] for part in scene))
        slow = composed_slowly(glyphs[i].numpy(), atlas, row, difficulty.contrast, noise)
        np.testing.assert_allclose(batch[i], slow, rtol=0, atol=2e-3)


def test_the_inverse_undoes_shear_rotation_scale_and_shift():
    rng = np.random.default_rng(0)
    angle, shear, scale = rng.uniform(-3, 3, 20), rng.uniform(-1, 1, 20), rng.uniform(0.2, 1, 20)
    shift = rng.uniform(-1, 1, (20, 2))
    inverse = inverse_affine(*(torch.tensor(v) for v in (angle, shear, scale, shift))).numpy()
    for a, k, s, t, back in zip(angle, shear, scale, shift, inverse, strict=True):
        rotate = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        forward = np.eye(3)
        forward[:2, :2] = s * rotate @ np.array([[1, k], [0, 1]])
        forward[:2, 2] = t
        np.testing.assert_allclose(back @ forward, np.eye(3)[:2], atol=1e-12)


# --- The ranges -------------------------------------------------------------------------------


@pytest.mark.parametrize("difficulty", PRESETS.values(), ids=PRESETS)
def test_scenes_fill_the_ranges_and_stay_inside(difficulty):
    scene = Composer("train", difficulty).draw(4000, seeded())
    forward = np.linalg.inv(scene.inverse[:, :, :2].double().numpy())
    scale = np.hypot(forward[:, 0, 0], forward[:, 1, 0])
    angle = np.degrees(np.arctan2(forward[:, 1, 0], forward[:, 0, 0]))
    across = np.einsum("bi,bi->b", forward[:, :, 0], forward[:, :, 1]) / scale**2  # the shear
    drawn = {
        "rotation": (angle, -difficulty.rotation, difficulty.rotation),
        "shear": (across, -difficulty.shear, difficulty.shear),
        "scale": (scale, *difficulty.scale),
        "blur": (scene.blur.numpy(), 0, difficulty.blur),
        "noise": (scene.noise.numpy(), 0, difficulty.noise),
    }
    for name, (values, low, high) in drawn.items():
        width = high - low
        assert values.min() >= low - 1e-4 * width, name
        assert values.max() <= high + 1e-4 * width, name
        assert values.min() < low + 0.01 * width, name
        assert values.max() > high - 0.01 * width, name
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * width), name
    centre = forward @ -scene.inverse[:, :, 2:].double().numpy()
    assert (np.abs(centre[:, :, 0]) <= 1 - scale[:, None] + 1e-5).all()


@pytest.mark.parametrize("contrast", [0.0, 0.1, 0.35, 0.5])
@pytest.mark.parametrize("split", ["train", "test"])
def test_ink_keeps_its_distance_from_what_lies_below(split, contrast):
    composer = Composer(split, dataclasses.replace(data.HARSH, contrast=contrast))
    glyphs, scene = some_glyphs(256), composer.draw(256, seeded(2))
    mask = composer.mask(glyphs, scene.inverse)
    image = composer.atlas.sample(scene.crop, composer.centres) * scene.tint[:, :, None, None]
    ink = composer.ink(image, mask, scene)
    assert ink.min() > -1e-5
    assert ink.max() < 1 + 1e-5
    luma = torch.tensor(LUMA)
    below = (image * mask).sum((2, 3)) / mask.sum((2, 3)) @ luma
    distance = (ink @ luma - below).abs()
    assert (distance >= contrast - 1e-4).all()
    assert (ink @ luma < below).any()
    assert (ink @ luma > below).any()
    assert (ink.amax(1) - ink.amin(1)).mean() > 0.1  # coloured


def test_crops_stay_inside_their_photograph():
    atlas = photo_atlas("train")
    crops = atlas.crops(torch.rand(5000, 5, generator=seeded()))
    left, right = crops[:, 0] - crops[:, 2].abs(), crops[:, 0] + crops[:, 2].abs()
    top, bottom = crops[:, 1] - crops[:, 3], crops[:, 1] + crops[:, 3]
    inside = torch.zeros(len(crops), len(atlas.slots), dtype=torch.bool)
    for i, (x, y, width, height) in enumerate(atlas.slots.tolist()):
        inside[:, i] = (left > x) & (right < x + width) & (top > y) & (bottom < y + height)
    assert (inside.sum(1) == 1).all()
    assert inside.any(0).all()  # every photograph is used
    assert 0.45 < (crops[:, 2] < 0).float().mean() < 0.55  # half are mirrored


def test_a_crop_shows_the_photograph():
    atlas = photo_atlas("test")
    photo = photos.load_photo(photo_names("test")[0])
    pixels = 2 * torch.arange(64) / 64 - 1 + 1 / 64
    crop = torch.tensor([[100.0, 132.0, 32.0, 32.0], [100.0, 132.0, -32.0, 32.0]])
    shown = (255 * atlas.sample(crop, pixels)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(shown[0], photo[100:164, 68:132], atol=0.01)
    np.testing.assert_allclose(shown[1], shown[0][:, ::-1], atol=0.01)


def test_noise_has_the_drawn_strength():
    noisy = dataclasses.replace(PLAIN, noise=0.1)
    composer = Composer("test", noisy, atlas=flat_atlas([0.5, 0.5, 0.5]))
    paper = torch.zeros(64, 48, 48, dtype=torch.uint8)
    scene = composer.draw(64, seeded(3))._replace(tint=torch.ones(64, 3))
    images = composer.compose(paper, scene)
    measured = images.flatten(1).std(1)
    torch.testing.assert_close(measured, scene.noise, rtol=0.05, atol=1e-3)
    assert abs(images.mean().item() - 0.5) < 1e-3


# --- Letters and labels -----------------------------------------------------------------------


@pytest.mark.slow
def test_an_epoch_has_every_letter_once_with_its_label(monkeypatch):
    batches = data.load("glyphs", batch_size=500)
    seen = []
    monkeypatch.setattr(
        batches.composer,
        "compose",
        lambda glyphs, scene: seen.append(glyphs) or torch.zeros(len(glyphs), 3, 64, 64),
    )
    labels = torch.cat([labels for _, labels in batches])
    assert len(seen) == len(batches) == batches.size // 500

    def count(images, labels):
        table: dict = {}
        for image, label in zip(images.numpy(), labels.tolist(), strict=True):
            table[image.tobytes(), label] = table.get((image.tobytes(), label), 0) + 1
        return table

    glyphs = load_glyphs("train")
    every, used = count(glyphs.images, glyphs.labels), count(torch.cat(seen), labels)
    assert sum(used.values()) == len(batches) * 500
    assert all(every[key] >= number for key, number in used.items())
    assert labels.dtype == torch.int64


# --- Seeds ------------------------------------------------------------------------------------


def first(count=2, epoch=0, **options):
    batches = data.load("glyphs", batch_size=64, **options)
    batches.epoch = epoch
    found = [batch for batch, _ in zip(batches, range(count), strict=False)]
    return torch.cat([images for images, _ in found]), torch.cat([labels for _, labels in found])


@pytest.mark.parametrize("augment", ["none", "paper"])
def test_a_seed_means_the_same_batches(augment):
    images, labels = first(seed=3, augment=augment)
    again, same = first(seed=3, augment=augment)
    assert torch.equal(images, again)
    assert torch.equal(labels, same)
    other, different = first(seed=4, augment=augment)
    assert not torch.equal(labels, different)
    assert not torch.equal(images, other)


def test_letters_are_cropped_and_recoloured_when_asked_for():
    augment = data.Augmentation(area=(0.3, 0.5), brightness=0.2)
    (plain, labels), (changed, same) = first(1, augment="none"), first(1, augment=augment)
    assert torch.equal(labels, same)
    batches = data.load("glyphs")
    expected = augment.crop((plain + 1) / 2, batches.generator(0, 2))
    expected = dataclasses.replace(augment, flip=False).recolour(expected, batches.generator(0, 3))
    torch.testing.assert_close(changed, 2 * expected - 1, rtol=0, atol=1e-5)


def test_epochs_differ_and_a_run_can_go_on_at_any():
    batches = data.load("glyphs", batch_size=64, seed=1)
    epochs = [next(iter(batches)) for _ in range(3)]
    assert batches.epoch == 3
    assert not torch.equal(epochs[0][1], epochs[1][1])
    images, labels = first(1, epoch=2, seed=1)
    assert torch.equal(images, epochs[2][0])
    assert torch.equal(labels, epochs[2][1])


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first(1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_composes_the_same_images():
    images, labels = first()
    on_gpu, same = first(device="cuda")
    assert on_gpu.device.type == same.device.type == "cuda"
    assert torch.equal(labels, same.cpu())
    torch.testing.assert_close(on_gpu.cpu(), images, rtol=0, atol=5e-3)


# --- The test images --------------------------------------------------------------------------


def test_test_images_are_fixed_and_balanced():
    images, labels = letters_for_test()
    assert images.shape == (5200, 3, 64, 64)
    assert images.dtype == torch.uint8
    assert torch.bincount(labels).tolist() == [200] * 26
    assert letters_for_test()[0] is images  # kept
    letters._letters_for_test.cache_clear()
    again, same = letters_for_test()
    assert torch.equal(images, again)
    assert torch.equal(labels, same)
    a, b = (data.load("glyphs", split="test", seed=seed) for seed in (0, 1))
    assert len(a) == math.ceil(5200 / 128)
    assert sum(len(labels) for _, labels in a) == 5200
    assert torch.equal(next(iter(a))[0], next(iter(b))[0])
    torch.testing.assert_close(next(iter(a))[0], images[:128] / 127.5 - 1, rtol=0, atol=1e-5)


def test_the_test_images_are_those_of_the_recorded_results():
    """Another seed, order, noise or photograph would make results that cannot be compared."""
    images, labels = letters_for_test(
        data.Difficulty(rotation=20, scale=(0.5, 0.9), shear=0.2, contrast=0.2, blur=1, noise=0.3)
    )
    assert "".join(CLASSES[label] for label in labels[:26]) == "MRJNUSBPJJQERUIAALOWMIHSFH"
    red, blue = images[0, 0, ::21, ::21].double(), images[-1, 2, ::21, ::21].double()
    expected = [[174, 175, 184, 229], [178, 173, 195, 164], [199, 3, 120, 56], [225, 216, 0, 100]]
    torch.testing.assert_close(red, torch.tensor(expected).double(), rtol=0, atol=2)
    expected = [[156, 138, 64, 53], [108, 22, 59, 28], [172, 11, 20, 54], [0, 24, 1, 31]]
    torch.testing.assert_close(blue, torch.tensor(expected).double(), rtol=0, atol=2)


def test_test_families_and_photographs_are_in_no_training_image():
    train, test = load_glyphs("train"), load_glyphs("test")
    assert len(set(train.families)) > 50
    assert len(set(test.families)) > 10
    assert set(train.families).isdisjoint(test.families)
    behind = {split: set(photo_names(split)) for split in ("train", "test")}
    assert behind["train"].isdisjoint(behind["test"])
    assert behind["train"] | behind["test"] == set(photos.credits())
    assert len(behind["test"]) >= 2
    pixels = {image.numpy().tobytes() for image in train.images}
    assert all(image.numpy().tobytes() not in pixels for image in test.images)


def test_every_preset_gives_images_with_sane_statistics():
    spread = {}
    for name, difficulty in PRESETS.items():
        composer = Composer("train", difficulty)
        images = composer.compose(some_glyphs(256, split="train"), composer.draw(256, seeded()))
        assert images.isfinite().all()
        assert images.min() >= 0
        assert images.max() <= 1
        assert 0.25 < images.mean() < 0.65, name
        spread[name] = images.flatten(2).std(2).mean().item()
    assert spread["soft"] > spread["default"] > spread["harsh"] > 0.05  # less contrast


@pytest.mark.parametrize("resolution", [32, 40, 64, 96])
def test_other_resolutions_are_the_same_images_resized(resolution):
    (images, labels), (full, same) = (first(1, resolution=r) for r in (resolution, 64))
    assert images.shape == (64, 3, resolution, resolution)
    assert torch.equal(labels, same)
    for image, whole in list(zip(images, full, strict=True))[:8]:
        for ours, channel in zip(image.numpy(), whole.numpy(), strict=True):
            picture = Image.fromarray(channel)  # 32-bit float
            expected = picture.resize((resolution, resolution), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(ours, np.asarray(expected), atol=1e-3)


# --- Difficulty -------------------------------------------------------------------------------


def test_the_default_lies_between_soft_and_harsh():
    for field in dataclasses.fields(data.Difficulty):
        soft, default, harsh = (
            np.atleast_1d(getattr(d, field.name)) for d in (data.SOFT, data.DEFAULT, data.HARSH)
        )
        low, high = np.minimum(soft, harsh), np.maximum(soft, harsh)
        assert ((low < default) & (default < high)).all(), field.name
    assert data.SOFT.between(data.HARSH, 0) == data.SOFT
    assert data.SOFT.between(data.HARSH, 1) == data.HARSH
    assert data.load("glyphs", split="test").difficulty == data.DEFAULT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotation": -1}, "rotation must be a number from 0 to 180, got -1"),
        ({"shear": float("nan")}, "shear must be a number from 0 to 1, got nan"),
        ({"contrast": 0.6}, r"contrast must be a number from 0 to 0\.5, got 0\.6"),
        ({"noise": "much"}, "noise must be .* got 'much'"),
        ({"blur": True}, "blur must be .* got True"),
        ({"scale": (0.9, 0.5)}, r"least <= largest.* got \(0\.9, 0\.5\)"),
        ({"scale": (0.0, 0.5)}, r"0\.1 <= least"),
        ({"scale": 0.5}, r"scale must be \(least, largest\)"),
    ],
)
def test_a_difficulty_outside_its_range_is_named(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        dataclasses.replace(data.DEFAULT, **change)


# --- The file of letters ----------------------------------------------------------------------


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """Where the letters lie in a data folder of the test's own."""
    (tmp_path / "paper").mkdir()
    (tmp_path / "glyphs").mkdir()
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    return tmp_path / "glyphs/train.parquet"


def write_letters(path, labels=tuple(range(26)), side=48, mode="L", png=None):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [png or encoded(Image.new(mode, (side, side)))] * len(labels)
    table = {"image": rows, "label": list(labels), "family": ["f"] * len(labels)}
    pq.write_table(pa.table(table), path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [*range(25), 26]}, "row 25: label 26 is out of range, the 26 classes"),
        ({"labels": range(24)}, "no image of class Y, Z"),
        ({"side": 47}, r"row 0: no PNG picture of 48x48 grey pixels \(47x47, mode L\)"),
        ({"mode": "RGB"}, r"\(48x48, mode RGB\)"),
        ({"png": b"no picture"}, "row 0: no PNG picture"),
    ],
)
def test_damaged_letters_are_named(own_data, options, message):
    write_letters(own_data, **options)
    with pytest.raises(ValueError, match=message):
        data.load("glyphs")


def test_missing_and_unreadable_letters_are_named(own_data):
    with pytest.raises(FileNotFoundError, match=r"not whole: .* has no glyphs/train\.parquet"):
        data.load("glyphs")
    own_data.write_bytes(b"PAR1 cut short")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        data.load("glyphs")
    write_letters(own_data)
    assert data.load("glyphs", batch_size=26).size == len(CLASSES)  # made anew, read anew
