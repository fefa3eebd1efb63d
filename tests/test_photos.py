"""Photographs: the ones in the book, the reader's own, and files that are none."""

import colorsys
import csv
import io
import os
import re
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pictures import encoded, held
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from mobilenet_lib import cli, data, photos
from mobilenet_lib.data.source import decode
from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.files import find_data, printable
from mobilenet_lib.photos import PhotoError, check_photo, load_photo, open_photo, to_gray, upright
from mobilenet_lib.preprocess import INCEPTION, RAW_255, Preprocess

NAMES = sorted(photos.credits())


def noise(height=24, width=36, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(folder, array, name="photo.png", **options):
    path = folder / name
    Image.fromarray(array).save(path, **options)
    return path


def refused(path, message):
    with pytest.raises(PhotoError, match=message) as caught:
        load_photo(path)
    assert str(path) in str(caught.value)


# --- The book's photographs -------------------------------------------------------------------


def test_every_photo_has_a_credit_and_every_credit_a_photo():
    folder = find_data() / "photos"
    assert {path.stem for path in folder.glob("*.jpg")} == set(NAMES)
    assert len(NAMES) >= 7
    strangers = {path.suffix for path in folder.iterdir() if path.is_file()}
    assert strangers <= {".jpg", ".csv", ".md", ".py"}


def test_credits_are_complete_and_free():
    folder = find_data() / "photos"
    with open(folder / "credits.csv", encoding="utf-8", newline="") as table:
        assert len(list(csv.reader(table))) == 1 + len(NAMES)
    for name, credit in photos.credits().items():
        assert credit.name == name
        assert all(field.strip() for field in credit), credit
        assert credit.licence in {"public domain", "CC0", "CC BY 2.0"}
        if credit.licence.startswith("CC BY"):  # must be said when a photo was changed
            assert "resized" in credit.source


@pytest.mark.parametrize("name", NAMES)
def test_every_photo_of_the_book_loads(name):
    photo = load_photo(name)
    assert check_photo(photo) is photo
    assert max(photo.shape[:2]) <= 512
    assert photo.std() > 10  # not a blank
    with Image.open(find_data() / "photos" / f"{name}.jpg") as image:
        assert np.array_equal(photo, np.asarray(image.convert("RGB")))


def test_a_photo_can_be_written_to_and_handed_to_torch():
    photo = load_photo("cat")
    assert photo.flags.writeable
    assert torch.from_numpy(photo).shape == photo.shape  # warns, thus fails, if it is read-only


# --- The reader's own -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orientation", "back"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),  # the camera was held upright: turn it to the right
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_the_cameras_orientation_is_respected(tmp_path, orientation, back):
    path = saved(tmp_path, noise(), exif=held(orientation))
    assert np.array_equal(load_photo(path), back(noise()))


@pytest.mark.parametrize(("height", "width"), [(24, 36), (36, 24), (24, 24)])
def test_size_cuts_the_middle_square_out(tmp_path, height, width):
    array = noise(height, width)
    top, left = (height - 24) // 2, (width - 24) // 2
    photo = load_photo(saved(tmp_path, array), size=24)
    assert np.array_equal(photo, array[top : top + 24, left : left + 24])


@pytest.mark.parametrize("size", [1, 7, 224])
def test_size_resizes_to_any_square(size):
    photo = load_photo("china", size)
    assert photo.shape == (size, size, 3)
    whole = load_photo("china")
    side = min(whole.shape[:2])
    top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
    middle = whole[top : top + side, left : left + side]
    assert photo.mean() == pytest.approx(middle.mean(), abs=2)


@pytest.mark.parametrize("size", [0, -1, 8193])
def test_a_size_out_of_range_is_named(size):
    with pytest.raises(ValueError, match=f"size must be .* from 1 to 8192, got {size}"):
        load_photo("cat", size)


# --- Modes ------------------------------------------------------------------------------------


def over_white(colours, alpha):
    share = alpha[:, :, None] / 255
    return np.floor(colours * share + 255 * (1 - share) + 0.5)


def test_a_transparent_colour_becomes_white(tmp_path):
    path = tmp_path / "photo.png"
    pixels = noise()
    pixels[0, 0] = pixels[3, 4] = (1, 2, 3)
    Image.fromarray(pixels).save(path, transparency=(1, 2, 3))
    wanted = pixels.copy()
    wanted[(pixels == (1, 2, 3)).all(2)] = 255
    assert np.array_equal(load_photo(path), wanted)
    few = Image.fromarray(pixels).quantize(16)
    few.save(path, transparency=few.getpixel((0, 0)))
    wanted = np.array(few.convert("RGB"))
    wanted[np.array(few) == few.getpixel((0, 0))] = 255
    assert np.array_equal(load_photo(path), wanted)


def from_hsv(pixels):
    colours = [colorsys.hsv_to_rgb(*pixel / 255) for pixel in pixels.reshape(-1, 3)]
    return np.reshape(colours, pixels.shape) * 255


def from_ycbcr(pixels):
    y, blue, red = np.moveaxis(pixels.astype(float) - (0, 128, 128), 2, 0)
    green = y - 0.344136 * blue - 0.714136 * red
    return np.stack([y + 1.402 * red, green, y + 1.772 * blue], axis=2).clip(0, 255)


FOUR = np.dstack([noise(), noise(seed=1)[:, :, 0]])
LAID = over_white(FOUR[:, :, :3], FOUR[:, :, 3])
GREY_LAID = over_white(np.repeat(FOUR[:, :, :1], 3, axis=2), FOUR[:, :, 3])


def two(mode):
    return Image.merge("LA", [Image.fromarray(FOUR[:, :, i]) for i in (0, 3)]).convert(mode)


PALETTE = noise(16, 16, seed=2).reshape(256, 3)
CLEAR = np.random.default_rng(3).integers(0, 256, (64, 4), dtype=np.uint8)


def with_palette(index, palette, mode):
    image = Image.frombytes("P", (36, 24), index.tobytes())
    image.putpalette(palette.tobytes(), mode)
    return image


MODES = {
    "1": (Image.fromarray(noise()[:, :, 0] > 99), np.dstack([(noise()[:, :, 0] > 99) * 255] * 3)),
    "L": (Image.fromarray(FOUR[:, :, 0]), np.dstack([FOUR[:, :, 0]] * 3)),
    "LA": (two("LA"), GREY_LAID),
    "La": (two("La"), GREY_LAID),
    "P": (with_palette(FOUR[:, :, 0], PALETTE, "RGB"), PALETTE[FOUR[:, :, 0]]),
    "P, RGBA": (
        with_palette(FOUR[:, :, 0] % 64, CLEAR, "RGBA"),
        over_white(CLEAR[FOUR[:, :, 0] % 64, :3], CLEAR[FOUR[:, :, 0] % 64, 3]),
    ),
    "PA": (
        with_palette(FOUR[:, :, 0] % 64, CLEAR, "RGBA").convert("PA"),
        over_white(CLEAR[FOUR[:, :, 0] % 64, :3], CLEAR[FOUR[:, :, 0] % 64, 3]),
    ),
    "RGB": (Image.fromarray(noise()), noise()),
    "RGBX": (Image.fromarray(noise()).convert("RGBX"), noise()),
    "RGBA": (Image.fromarray(FOUR), LAID),
    "RGBa": (Image.fromarray(FOUR).convert("RGBa"), LAID),
    "CMYK": (
        Image.frombytes("CMYK", (36, 24), FOUR.tobytes()),
        (255.0 - FOUR[:, :, :3]) * (255.0 - FOUR[:, :, 3:]) / 255,
    ),
    "YCbCr": (Image.frombytes("YCbCr", (36, 24), noise().tobytes()), from_ycbcr(noise())),
    "HSV": (Image.frombytes("HSV", (36, 24), noise().tobytes()), from_hsv(noise())),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_the_colours_that_its_numbers_say(mode):
    image, wanted = MODES[mode]
    assert image.mode == mode.split(",")[0]
    before = image.tobytes()
    got = upright(image)
    assert got.mode == "RGB"
    off = abs(np.asarray(got, float) - wanted)
    exact = mode in ("1", "L", "P", "RGB", "RGBX")
    # Premultiplied colours are rounded twice, and PIL works out hues in steps.
    assert off.max() <= (0 if exact else 3 if mode in ("La", "RGBa", "HSV") else 1)
    assert image.tobytes() == before  # the caller's image is left alone


def test_lab_is_converted():
    grey = upright(Image.new("LAB", (4, 3), (128, 128, 128)))  # 128 is no colour
    lightness = 128 / 2.55
    linear = ((lightness + 16) / 116) ** 3
    assert abs(np.asarray(grey) - (1.055 * linear ** (1 / 2.4) - 0.055) * 255).max() < 3


def test_a_mode_that_cannot_be_converted_is_named(monkeypatch):
    def convert(*_):
        raise ValueError("no way")

    image = Image.new("LAB", (4, 3))
    monkeypatch.setattr(image, "convert", convert)
    with pytest.raises(PhotoError, match="the image has mode LAB, which cannot be shown in RGB"):
        upright(image)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I"])
def test_sixteen_bits_are_divided_by_257(mode):
    deep = np.arange(65536).reshape(256, 256)
    kind = {"I;16B": ">u2", "I": "<i4"}.get(mode, "<u2")
    image = Image.frombytes(mode, (256, 256), deep.astype(kind).tobytes())
    assert np.array_equal(upright(image), np.dstack([np.rint(deep / 257)] * 3))


def test_what_is_transparent_in_sixteen_bits_becomes_white(tmp_path):
    deep = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(deep).save(tmp_path / "a.png", transparency=int(deep[2, 3]))
    wanted = np.rint(deep / 257)
    wanted[2, 3] = 255
    assert np.array_equal(load_photo(tmp_path / "a.png")[:, :, 2], wanted)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_sixteen_bits_of_each_colour_are_read():
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in noise())
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 36, 24, 16, 2, 0, 0, 0))
    content += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert np.array_equal(open_photo(content, "it"), noise())


def tiff(pixels, order="<", bits=8, white=1, kind=1, more=(), behind=b""):
    """A TIFF of one colour, (tag, type, count, value) by (tag, type, count, value)."""
    height, width = noise().shape[:2]
    behind += bytes(len(behind) % 2)
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, bits), 259: (3, 1, 1)}
    tags |= {262: (3, 1, white), 273: (4, 1, 8 + len(behind)), 277: (3, 1, 1)}
    tags |= {278: (4, 1, height), 279: (4, 1, len(pixels)), 339: (3, 1, kind)}
    tags |= {tag: rest for tag, *rest in more}
    content = {"<": b"II*\0", ">": b"MM\0*"}[order]
    content += struct.pack(order + "I", 8 + len(behind) + len(pixels)) + behind + pixels
    content += struct.pack(order + "H", len(tags))
    for tag, (number, count, value) in sorted(tags.items()):
        short = number == 3 and count == 1
        shape = order + ("HHIHH" if short else "HHII")
        content += struct.pack(shape, tag, number, count, value, *[0] * short)
    return content + bytes(4)


@pytest.mark.parametrize(("order", "white"), [("<", 1), (">", 1), ("<", 0)])
def test_a_tiff_says_itself_which_end_is_white(order, white):
    grey = noise()[:, :, 0]
    shown = np.dstack([grey if white else 255 - grey] * 3)
    assert np.array_equal(open_photo(tiff(grey.tobytes(), order, white=white), "it"), shown)
    deep = (grey.astype(np.uint16) * 257).astype(order + "u2")
    assert np.array_equal(open_photo(tiff(deep.tobytes(), order, 16, white), "it"), shown)


def test_twelve_bits_are_no_black_picture():
    deep = np.random.default_rng(4).integers(0, 4096, (24, 36))
    first, second = deep[:, ::2], deep[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=2)
    image = open_photo(tiff(packed.astype(np.uint8).tobytes(), bits=12), "it")
    assert np.array_equal(image, np.dstack([np.rint(deep / 4095 * 255)] * 3))


@pytest.mark.parametrize("mode", ["RGB", "F", "I;16", "P", "LAB"])
def test_an_image_without_a_pixel_is_refused(mode):
    with pytest.raises(PhotoError, match="the image is 0x5; it needs at least one pixel"):
        upright(Image.new(mode, (0, 5)))


def test_an_opened_image_that_is_cut_short_is_refused():
    cut = Image.open(io.BytesIO(encoded(noise(), "JPEG")[:-300]))
    with cut, pytest.raises(PhotoError, match=r"the image cannot be read .*; it may be cut short"):
        upright(cut)


@pytest.mark.parametrize("factor", [1, 255])
def test_numbers_with_a_point_are_scaled(tmp_path, factor):
    share = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(share * factor).save(tmp_path / "a.tif")
    assert np.array_equal(load_photo(tmp_path / "a.tif")[:, :, 1], np.rint(share * 255))


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        (np.float32([[0, 300]]), r"numbers from 0 to 300; 0 to 1 or 0 to 255"),
        (np.float32([[-1, 1]]), "from -1 to 1"),
        (np.float32([[0, np.nan]]), "nan"),
        (np.int32([[0, 70_000]]), "mode I and numbers from 0 to 70000; 0 to 65535"),
        (np.int32([[-5, 9]]), "from -5 to 9"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, numbers, word):
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", word)


def test_the_first_picture_of_an_animation_is_taken(tmp_path):
    first, second = (Image.fromarray(noise(seed=i)).quantize(32) for i in (0, 1))
    for name in ("a.gif", "a.png", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        assert np.array_equal(load_photo(tmp_path / name), np.array(first.convert("RGB"))), name


@pytest.mark.parametrize("part", [1, 2, 4, 8])
def test_a_jpeg_is_made_no_smaller_than_it_must_be(monkeypatch, part):
    high = np.zeros((603, 1000), np.uint8)
    high[:, 500:] = 200
    height, width = -(-603 // part), 1000 // part
    monkeypatch.setattr(photos.decode, "MAX_PIXELS", height * width)
    image = open_photo(encoded(high, "JPEG", quality=90), "it")
    assert image.size == (width, height)
    assert abs(np.asarray(image)[:, [width // 4, -width // 4]].mean((0, 2)) - (0, 200)).max() < 3


def test_a_large_jpeg_is_no_bomb_but_a_larger_one_is(monkeypatch):
    content = encoded(Image.new("L", (9000, 7000), 90), "JPEG", quality=10)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9000)  # PIL would raise, of twice as many
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = open_photo(content, "it")
    assert (image.size, Image.MAX_IMAGE_PIXELS) == ((4500, 3500), 9000)
    assert abs(np.asarray(image).mean() - 90) < 3
    claims = content.replace(struct.pack(">HH", 7000, 9000), b"\x40\0\x40\x01")
    with pytest.raises(PhotoError, match="it claims 16385x16384 pixels; at most 268,435,456"):
        open_photo(claims, "it")


def several_scans(content):
    """A JPEG whose first scan claims to hold the first of its colours alone."""
    place = content.index(b"\xff\xda")
    return content[: place + 4] + b"\1" + content[place + 5 :]


def test_a_large_jpeg_that_is_held_whole_must_be_smaller(monkeypatch):
    """One in several scans takes two bytes a sample, however few bytes its file has."""
    monkeypatch.setattr(photos.decode, "MAX_PIXELS", 500)
    monkeypatch.setattr(photos.decode, "MAX_JPEG_PIXELS", 1500)
    monkeypatch.setattr(photos.decode, "MAX_JPEG_SAMPLES", 1500)  # noise() has 864 pixels

    def read(change=bytes, **options):
        exif = Image.Exif()
        exif[0x010E] = "\xff\xda\xff\xda"  # within a segment, this begins no scan
        return open_photo(change(encoded(noise(), "JPEG", exif=exif, **options)), "it").size

    assert read(subsampling=0) == (18, 12)
    assert read(subsampling=2, progressive=True) == (18, 12)
    for change, options in ((bytes, {"progressive": True}), (several_scans, {})):
        with pytest.raises(PhotoError, match="it claims 36x24 pixels; at most 500 are read"):
            read(change, subsampling=0, **options)


@pytest.mark.parametrize("word", ["zz", "00"])
def test_a_profile_that_is_no_exif_leaves_the_photo_as_it_is(word):
    png = encoded(noise())
    profile = chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 1\n" + word.encode())
    assert np.array_equal(open_photo(png[:33] + profile + png[33:], "it"), noise())


NEIGHBOURS = {  # entries (tag, type, count, value) beside the orientation, and what they point at
    "XResolution -1/0": ((0x11A, 10, 1, 38), struct.pack("<ii", -1, 0)),
    "ImageWidth as text": ((0x100, 2, 4, int.from_bytes(b"36\0\0", "little")), b""),
    "ResolutionUnit too large": ((0x128, 4, 1, 70_000), b""),
    "Make beyond the end": ((0x10F, 2, 90, 9000), b""),
    "two of one": ((0x128, 3, 2, 0x20002), b""),
    "a folder in nowhere": ((0x8769, 4, 1, 9000), b""),
    "a type that is none": ((0x10F, 77, 1, 0), b""),
}


def sideways(neighbour):
    """EXIF with the orientation 6 and one of NEIGHBOURS."""
    entry, behind = NEIGHBOURS[neighbour]
    entries = sorted([(0x112, 3, 1, 6), entry])
    block = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + block + bytes(4) + behind


def without_jfif(content):
    """A JPEG as cameras write it; PIL then looks into the EXIF while opening it."""
    size = int.from_bytes(content[4:6], "big")
    assert content[2:4] == b"\xff\xe0"
    return content[:2] + content[4 + size :]


def needs_pillow(version):
    """Skip what an older Pillow, which the book still runs with, does worse."""
    if int(PIL.__version__.split(".")[0]) < version:
        pytest.skip(f"Pillow before {version} reads nothing of such an EXIF")


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
@pytest.mark.parametrize("kind", ["JPEG", "camera", "PNG", "WEBP"])
def test_a_broken_neighbour_costs_no_orientation(kind, neighbour):
    if neighbour == "Make beyond the end":
        needs_pillow(13)

    def written(**exif):
        content = encoded(noise(), "JPEG" if kind == "camera" else kind, lossless=True, **exif)
        return without_jfif(content) if kind == "camera" else content

    whole = np.asarray(open_photo(written(), "it"))
    turned = np.asarray(open_photo(written(exif=sideways(neighbour)), "it"))
    assert np.array_equal(turned, np.rot90(whole, -1))


@pytest.mark.parametrize("neighbour", [(282, 10, 1, 8), (296, 3, 2, 0x20002), (0x8769, 4, 1, 9000)])
@pytest.mark.parametrize("order", "<>")
def test_a_tiff_is_turned_whatever_else_it_says(order, neighbour):
    grey = noise()[:, :, 0]
    content = tiff(grey.tobytes(), order, more=[(0x112, 3, 1, 6), neighbour], behind=bytes(8))
    assert np.array_equal(open_photo(content, "it"), np.rot90(np.dstack([grey] * 3), -1))


KINDS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", *photos.decode.AVIF)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_was_turned_is_not_turned_again(tmp_path, kind):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", kind, exif=held().tobytes())
    once = decode(tmp_path / "a.jpg")
    assert once.size == (24, 36)
    assert np.array_equal(upright(once), once)
    # Training takes what decode returns, predict what load_photo does.
    assert torch.equal(INCEPTION(once), INCEPTION(load_photo(tmp_path / "a.jpg")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", *photos.decode.AVIF])
def test_an_orientation_in_xmp_alone_counts(kind):
    packet = '<x:xmpmeta tiff:Orientation="6"/>'
    options = {"xmp": packet.encode()}
    if kind == "PNG":
        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet)
    assert open_photo(encoded(noise(), kind, **options), "it").size == (24, 36)


def remarkable():
    """Photos that can be read, of which PIL says something in passing."""
    grey, png = noise()[:, :, 0].tobytes(), encoded(noise())
    camera = encoded(noise(), "JPEG", exif=sideways("Make beyond the end"))
    return {
        "EXIF": without_jfif(camera),
        "TIFF, two of one": tiff(grey, more=[(296, 3, 2, 0x20002)]),
        "TIFF, beyond the end": tiff(grey, more=[(305, 2, 90, 9000)]),
        "APNG": png[:33] + chunk(b"acTL", bytes(8)) + png[33:],
    }


@pytest.mark.parametrize("which", remarkable())
@pytest.mark.parametrize("action", ["error", "always"])
def test_remarks_of_pils_are_neither_printed_nor_raised(which, action):
    if which == "EXIF":
        needs_pillow(13)
    content = remarkable()[which]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter(action)
        photo = np.asarray(open_photo(content, "it"))
        if action == "always":
            with Image.open(io.BytesIO(content)) as image:
                assert heard  # elsewhere they are heard as before
                heard.clear()
                upright(image)
    assert heard == []
    assert photo.shape == ((36, 24, 3) if which == "EXIF" else (24, 36, 3))


@pytest.mark.parametrize("content", [b"P6 100000 1000 255\n", b"P6 190000 1000 255\n"])
def test_too_large_is_refused_without_a_warning(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PhotoError, match=r"it claims .* at most 52,428,800 are read\. Make"):
            open_photo(content, "it")


def test_remarks_stay_unsaid_in_the_threads_that_read_and_only_there():
    content = remarkable()["TIFF, two of one"]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        filters = len(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            under_way = [pool.submit(open_photo, content, "it") for _ in range(400)]
            for _ in range(100):
                warnings.warn("mine", stacklevel=1)
            assert all(read.result().size == (36, 24) for read in under_way)
        assert len(warnings.filters) <= filters + 1
    assert [str(warning.message) for warning in heard] == ["mine"] * 100


@pytest.mark.parametrize("entry", ["cut", "text", "huge"])
def test_exif_that_cannot_be_read_leaves_the_photo_as_it_is(tmp_path, entry):
    exif = {
        "cut": b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01",
        "text": b"Exif\0\0not at all",
        "huge": b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(9),
    }[entry]
    Image.fromarray(noise()).save(tmp_path / "a.jpg", quality=95, exif=exif)
    Image.fromarray(noise()).save(tmp_path / "b.jpg", quality=95)
    assert np.array_equal(load_photo(tmp_path / "a.jpg"), load_photo(tmp_path / "b.jpg"))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("loaded", [False, True])
def test_a_tiff_is_turned_once_whoever_opened_it(compression, loaded):
    content = encoded(noise(), "TIFF", exif=held(), compression=compression)
    with Image.open(io.BytesIO(content)) as image:
        if loaded:
            image.load()
        assert np.array_equal(upright(image), np.rot90(noise(), -1))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_leaves_the_photo_as_it_is(tmp_path, orientation):
    assert np.array_equal(load_photo(saved(tmp_path, noise(), exif=held(orientation))), noise())


def test_of_an_mpo_the_first_picture_is_taken(tmp_path):
    assert "MPO" in photos.FORMATS
    first, second = (Image.fromarray(noise(seed=i)) for i in (0, 1))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    first.save(tmp_path / "b.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "MPO"
        assert np.array_equal(upright(image), load_photo(tmp_path / "b.jpg"))
    assert np.array_equal(load_photo(tmp_path / "a.jpg"), load_photo(tmp_path / "b.jpg"))


@pytest.mark.parametrize("suffix", photos.SUFFIXES)
def test_every_ending_is_one_of_a_format_that_is_read(tmp_path, suffix):
    kind = Image.registered_extensions().get(suffix, "PPM" if suffix == ".pnm" else "PNG")
    Image.fromarray(noise()).save(tmp_path / f"a{suffix}", "JPEG" if kind == "MPO" else kind)
    assert kind in photos.FORMATS
    assert load_photo(tmp_path / f"a{suffix}").shape == (24, 36, 3)


def test_the_endings_of_the_web_and_of_netpbm_are_known():
    assert {".jfif", ".jpe", ".jfi", ".pbm", ".pnm", ".apng"} <= set(photos.SUFFIXES)
    has = bool(features.check("avif"))
    assert (".avif" in photos.SUFFIXES, "AVIF" in photos.FORMATS) == (has, has)


# --- Files that are no photo ------------------------------------------------------------------


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic"])
def test_a_heic_says_what_to_do(tmp_path, brands):
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(40))
    refused(path, "is HEIC.*save it as JPEG or PNG")


@pytest.mark.skipif(not photos.decode.AVIF, reason="needs a PIL that reads AVIF")
def test_an_avif_that_calls_itself_mif1_is_no_heic():
    whole = encoded(noise(), "AVIF")
    assert whole[8:12] == b"avif"
    same = open_photo(whole[:8] + b"mif1" + whole[12:], "it")
    assert np.array_equal(same, open_photo(whole, "it"))


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"


def spoiled(content):
    """The same with one other byte in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("photo.jpg", b"", r"is empty \(0 bytes\)"),
        ("photo.jpg", b"a picture of a cat", "cannot be read as an image"),
        ("photo.png", spoiled(encoded(noise())), "cannot be read as an image"),
        # For this one PIL raises a bare ValueError; the next it would hand to another program.
        ("photo.ppm", b"P6 12\x0112 255 ", "cannot be read as an image"),
        ("photo.eps", POSTSCRIPT, "cannot be read as an image .* Formats that can be read: JPEG"),
    ],
    ids=["empty", "text", "damaged", "header", "PostScript"],
)
def test_a_file_that_is_no_photo_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, words)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_jpeg_cut_short_is_refused(tmp_path, share):
    whole = (find_data() / "photos" / "cat.jpg").read_bytes()
    path = tmp_path / "photo.jpg"
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, "cannot be read as an image .* may be damaged or cut short")


def test_a_missing_file_is_answered_with_the_names_there_are(tmp_path):
    path = tmp_path / "none.jpg"
    with pytest.raises(FileNotFoundError) as caught:
        load_photo(path)
    assert repr(str(path)) in str(caught.value)
    for name in NAMES:
        assert name in str(caught.value)


def test_a_folder_is_no_photo(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a file nor one of"):
        load_photo(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX")
def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    try:
        path.write_bytes(b"no photo")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    with pytest.raises(PhotoError, match=r"caf\\xe9\.jpg cannot be read") as caught:
        load_photo(path)
    str(caught.value).encode()
    path.unlink()
    for read in (load_photo, decode):
        with pytest.raises((FileNotFoundError, PhotoError)) as caught:
            read(path)
        str(caught.value).encode()


def test_what_is_not_utf_8_is_escaped():
    assert printable(os.fsdecode(b"caf\xe9/\xff \xc3\xa9")) == r"caf\xe9/\xff é"
    assert printable("half \ud800 \udfff of a character") == "half \ufffd \ufffd of a character"


@pytest.mark.parametrize("pixels", [photos.MAX_PIXELS + 1, 300_000_000])
def test_a_small_file_that_claims_a_huge_picture_is_refused_unread(tmp_path, pixels):
    path = tmp_path / "photo.ppm"
    path.write_bytes(f"P6 {pixels} 1 255\n".encode())
    refused(path, f"claims {pixels}x1 pixels" if pixels < 10**8 else "claims too many pixels")


# --- Arrays that are no photo -----------------------------------------------------------------


@pytest.mark.parametrize(
    "photo",
    [
        *(np.zeros(shape, np.uint8) for shape in [(), (5,), (5, 6), (5, 6, 1), (5, 6, 4)]),
        *(np.zeros(shape, np.uint8) for shape in [(3, 5, 6), (1, 5, 6, 3), (0, 6, 3), (5, 0, 3)]),
        *(np.zeros((5, 6, 3), kind) for kind in ("float32", "int64", "uint16", "bool", "int8")),
    ],
    ids=lambda photo: f"{photo.shape}, {photo.dtype}",
)
def test_an_array_that_is_no_photo_is_refused(photo):
    words = re.escape(f"at least one pixel; got {photo.shape}, {photo.dtype}")
    with pytest.raises(
        PhotoError, match=rf"\(height, width, 3\), RGB.* 0 to 255 \(uint8\), {words}"
    ):
        check_photo(photo)


def test_no_array_at_all_is_refused():
    for nothing in (None, "cat", 5, [[1], [2, 3]]):
        with pytest.raises(PhotoError):
            check_photo(nothing)


# --- Grey -------------------------------------------------------------------------------------


def test_to_gray_equals_pil():
    photo = load_photo("flower")
    reference = np.asarray(Image.fromarray(photo).convert("L")).astype(int)
    gray = to_gray(photo)
    assert gray.dtype == np.uint8
    assert gray.shape == photo.shape[:2]
    assert np.abs(gray - reference).max() <= 1  # PIL computes in 16-bit fixed point


def test_to_gray_keeps_black_white_and_grey():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_gray(np.stack([levels] * 3, axis=2)), levels)


def test_reading_leaves_no_file_open(tmp_path, monkeypatch):
    path = saved(tmp_path, noise())
    opened, original = [], Image.open

    def watch(*arguments, **options):
        opened.append(original(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(Image, "open", watch)
    load_photo(path)
    assert len(opened) == 1
    assert opened[0].fp is None or opened[0].fp.closed


@pytest.mark.parametrize(("height", "width"), [(1, 1), (255, 3), (256, 2), (257, 5), (777, 9)])
def test_every_row_of_a_file_is_read_in_its_place(tmp_path, height, width):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    read = load_photo(tmp_path / "x.png")
    assert np.array_equal(read, pixels)
    assert np.array_equal(load_photo(str(tmp_path / "x.png")), pixels)
    assert read.flags.writeable
    assert read.flags.c_contiguous


# --- One door ---------------------------------------------------------------------------------

SIDE = 32
SQUARE, OPACITY = noise(SIDE, SIDE), noise(SIDE, SIDE, seed=1)[:, :, 0]
DOTS = SQUARE[:, :, 0] > 99
FEW, OTHER_FEW = (Image.fromarray(noise(SIDE, SIDE, seed)).quantize(32) for seed in (0, 1))
STORED = np.dstack([SQUARE, OPACITY])


def grey(plane):
    return np.dstack([plane] * 3)


EVERY_KIND = {  # how it is saved, and what is to be seen; None: as PIL shows it
    "RGB": ("a.png", Image.fromarray(SQUARE), {}, SQUARE),
    "held sideways": (
        *("a.png", Image.fromarray(SQUARE), {"exif": held()}),
        np.rot90(SQUARE, -1),
    ),
    "JPEG held sideways": ("a.jpg", Image.fromarray(SQUARE), {"exif": held()}, None),
    "RGBA": ("a.png", Image.fromarray(STORED), {}, over_white(SQUARE, OPACITY)),
    "RGBA in WEBP": (
        *("a.webp", Image.fromarray(STORED), {"lossless": True, "exact": True}),
        over_white(SQUARE, OPACITY),
    ),
    "LA": (
        *("a.png", Image.merge("LA", [Image.fromarray(SQUARE[:, :, 0]), Image.fromarray(OPACITY)])),
        *({}, over_white(grey(SQUARE[:, :, 0]), OPACITY)),
    ),
    "palette": ("a.gif", FEW, {}, np.array(FEW.convert("RGB"))),
    "palette with a transparent colour": (
        *("a.png", FEW, {"transparency": FEW.getpixel((0, 0))}),
        np.where(
            (np.array(FEW) == FEW.getpixel((0, 0)))[:, :, None], 255, np.array(FEW.convert("RGB"))
        ),
    ),
    "CMYK": ("a.jpg", Image.fromarray(SQUARE).convert("CMYK"), {}, None),
    "grey": ("a.png", Image.fromarray(SQUARE[:, :, 0]), {}, grey(SQUARE[:, :, 0])),
    "16 bits": (
        *("a.png", Image.fromarray(SQUARE[:, :, 0].astype(np.uint16) * 257), {}),
        grey(SQUARE[:, :, 0]),
    ),
    "with a point": (
        *("a.tif", Image.fromarray(SQUARE[:, :, 0].astype(np.float32)), {}),
        grey(SQUARE[:, :, 0]),
    ),
    "1 bit": ("a.tif", Image.fromarray(DOTS), {}, grey(DOTS * 255)),
    "animation": (
        *("a.gif", FEW, {"save_all": True, "append_images": [OTHER_FEW]}),
        np.array(FEW.convert("RGB")),
    ),
    "animated PNG": (
        *("a.png", FEW, {"save_all": True, "append_images": [OTHER_FEW]}),
        np.array(FEW.convert("RGB")),
    ),
}
PIXELS = Preprocess(SIDE, (0,) * 3, (1,) * 3, 1, 1, "nearest")
"""The picture's own numbers as network input."""


def numbers(x):
    """Network input of `PIXELS` as a photo again."""
    return x[0].permute(1, 2, 0).round().numpy().astype(np.uint8)


def trained_on(path):
    batches = data.load(path, split="all", preprocess=PIXELS, batch_size=1, augment="none")
    images = [numbers(images) for images, _ in batches]
    assert dict(batches.skipped) == {}
    assert len(images) == 2
    assert np.array_equal(*images)
    return images[0]


def by_photos(path, folder, monkeypatch):
    return load_photo(path)


def by_preprocess(path, folder, monkeypatch):
    with Image.open(path) as image:
        opened = numbers(PIXELS(image))
    assert np.array_equal(opened, numbers(PIXELS(load_photo(path))))
    return opened


def by_a_folder(path, folder, monkeypatch):
    for kind in ("cat", "dog"):
        (folder / "classes" / kind).mkdir(parents=True)
        (folder / "classes" / kind / path.name).write_bytes(path.read_bytes())
    return trained_on(folder / "classes")


def by_parquet(path, folder, monkeypatch):
    table = pa.table({"image": [path.read_bytes()] * 2, "label": [0, 1]})
    pq.write_table(table, folder / "a.parquet")
    return trained_on(folder / "a.parquet")


def by_predict(path, folder, monkeypatch):
    handed, preprocess = [], Preprocess.__call__
    watched = lambda self, image: handed.append(image) or preprocess(self, image)  # noqa: E731
    monkeypatch.setattr(Preprocess, "__call__", watched)
    assert cli.main(["predict", str(path)]) == 0
    (image,) = handed
    assert isinstance(image, Image.Image), "no detour over an array"
    assert np.array_equal(RAW_255.square(image), RAW_255.square(load_photo(path)))
    return np.asarray(image)


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("door", [by_photos, by_preprocess, by_a_folder, by_parquet, by_predict])
def test_every_door_shows_the_same_pixels(door, kind, tmp_path, monkeypatch):
    name, image, options, wanted = EVERY_KIND[kind]
    image.save(tmp_path / name, **options)
    seen = door(tmp_path / name, tmp_path, monkeypatch)
    if wanted is None:
        with Image.open(tmp_path / name) as stored:
            wanted = np.rot90(stored.convert("RGB"), -1 if "sideways" in kind else 0)
    assert abs(seen - np.asarray(wanted, float)).max() <= ("A" in kind)  # a mean of two colours
    assert np.array_equal(seen, load_photo(tmp_path / name))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_convolution_explorer_shows_the_grey_of_the_same_pixels(kind, tmp_path):
    name, image, options, _ = EVERY_KIND[kind]
    image.save(tmp_path / name, **options)
    shown = ConvolutionExplorer(tmp_path / name, size=SIDE).photo
    assert np.array_equal(shown, to_gray(load_photo(tmp_path / name)))
