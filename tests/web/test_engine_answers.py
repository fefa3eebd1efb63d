"""The committed networks in the page: pixels as Python sees them, and the answers of PyTorch."""

import itertools
from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from mobilenet_lib import data, load_published
from mobilenet_lib.files import find_data
from mobilenet_lib.photos import credits, load_photo
from mobilenet_lib.preprocess import FILTERS, IMAGENET, INCEPTION, RAW_255, CropMode

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOLDER = find_data() / "web"
ENGINES = ("plain", "simd")
LETTERS = 1000
# The plain engine takes 20 ms for one letter with the widest network; the benchmark,
# `web/bench/engine.py`, asks it all of them.
PLAIN_LETTERS = {25: 1000, 50: 500, 75: 200, 100: 100}


# --- From pixels to input -----------------------------------------------------------------------

PREPROCESS = """async ([cases]) => {
  const bytes = new Uint8ClampedArray(await given("pictures"));
  let at = 0;
  await take(cases.map(([steps, width, height]) =>
    preprocess(steps, bytes.subarray(at, (at += 4 * width * height)), width, height)));
}"""
SIZES = ((50, 70), (224, 224), (13, 9), (301, 97), (1, 40), (64, 64))


@pytest.mark.skipif(
    int(PIL.__version__.split(".")[0]) < 13,
    reason="before version 13, PIL resized tall pictures in the other order, and rounded otherwise",
)
def test_inputs_are_pythons_to_the_last_bit(engine_page):
    rng = np.random.default_rng(5)
    cases, pictures, expected = [], [], []
    usual = itertools.cycle((IMAGENET, INCEPTION, RAW_255))
    for filter, mode, rule in itertools.product(
        FILTERS, get_args(CropMode), ("torchvision", "transformers")
    ):
        for (width, height), fraction in itertools.product(SIZES, (1, 0.875, 0.6)):
            if mode == "none" and fraction < 1:
                continue  # nothing is resized
            steps = replace(
                next(usual),
                resolution=31,
                crop_fraction=1.3 if rule == "transformers" and fraction == 0.6 else fraction,
                interpolation=filter,
                crop_mode=mode,
                crop_rule=rule,
            )
            picture = rng.integers(0, 256, (height, width, 4), np.uint8)
            picture[:, : width // 2, 3] = 255  # one half hides what is behind it
            cases.append((asdict(steps), width, height))
            pictures.append(picture.tobytes())
            expected.append(steps(Image.fromarray(picture, "RGBA"))[0].permute(1, 2, 0).numpy())
    engine_page.give(pictures=b"".join(pictures))
    engine_page(PREPROCESS, [cases])
    found = engine_page.taken().reshape(len(cases), 31, 31, 3)
    for case, ours, theirs in zip(cases, found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=str(case))


# --- Photos -------------------------------------------------------------------------------------

# The page decodes the same bytes. Chromium's JPEG decoder and PIL's are of one family, and where
# they round a colour differently, resizing takes the mean of many.
PHOTO = """async ([engine, name]) => {
  const { readPhoto } = await import("/web/engine/photo.js");
  const network = readNetwork(await (await fetch("/data/web/person_detector.mnet")).arrayBuffer());
  const photo = await readPhoto(await (await fetch(`/data/photos/${name}.jpg`)).blob());
  const logits = new ENGINES[engine](network).run(
    preprocess(network.preprocess, photo.data, photo.width, photo.height));
  await take([photo.data]);
  return {
    shape: [photo.height, photo.width, 4], classes: network.classes,
    says: Array.from(probabilities(network, logits)),
  };
}"""


@pytest.mark.parametrize("name", credits())
def test_the_person_detector_says_what_pytorchs_does(engine_page, name):
    net = load_published("person_detector")
    with torch.inference_mode():
        expected = net.probabilities(net(net.preprocess(load_photo(name))))[0]
    for engine in ENGINES:
        ours = engine_page(PHOTO, [engine, name])
        assert tuple(ours["classes"]) == net.classes
        pixels = engine_page.taken().reshape(ours["shape"])
        assert abs(pixels[:, :, :3] - load_photo(name)).max() <= 2
        np.testing.assert_allclose(ours["says"], expected, rtol=0, atol=1e-3)


# --- Letters ------------------------------------------------------------------------------------

READ = """async ([engine, name, side, count]) => {
  const network = readNetwork(await (await fetch(`/data/web/${name}.mnet`)).arrayBuffer());
  const made = new ENGINES[engine](network);
  const images = window.letters ??= await floats("letters");
  const size = 3 * side * side;
  const read = (i) => made.run(images.subarray(i * size, (i + 1) * size));
  await take(Array.from({ length: count }, (_, i) => read(i)));
}"""


@pytest.fixture(scope="module")
def letters():
    steps = load_published("letters_25_56").preprocess
    images, _ = next(iter(data.load("glyphs", split="test", batch_size=LETTERS, preprocess=steps)))
    return images


@pytest.mark.parametrize("alpha", PLAIN_LETTERS)
def test_letters_are_read_as_pytorch_reads_them(engine_page, letters, alpha, one_thread):
    name = f"letters_{alpha}_56"
    net = load_published(name)
    with torch.inference_mode():
        expected = net(letters)
    engine_page.give(letters=letters.permute(0, 2, 3, 1).numpy())
    for engine, count in (("plain", PLAIN_LETTERS[alpha]), ("simd", LETTERS)):
        engine_page(READ, [engine, name, letters.shape[2], count])
        ours = torch.from_numpy(engine_page.taken().reshape(count, 26))
        assert (ours.argmax(1) == expected[:count].argmax(1)).all()
        # The file's weights are rounded to 16 bits, which moves logits of up to 30 by this at most.
        assert (ours - expected[:count]).abs().max() < 2e-3
