"""Decoding pictures of every kind that cameras, phones and browsers write into upright RGB."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, JpegImagePlugin, UnidentifiedImageError, features

# What cameras, phones and browsers write. Others are refused before a decoder sees them: one of
# PIL's (EPS) hands the file to another program.
AVIF = ("AVIF",) if "avif" in features.modules and features.check("avif") else ()
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", *AVIF)
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".jfi", ".png", ".apng", ".webp", ".gif", ".bmp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    *((".avif",) if AVIF else ()),
)
"""Endings of files that are taken for images where a whole folder is named."""
MAX_PIXELS = 50 * 2**20  # 52 megapixels; a small file may claim far more
MAX_JPEG_PIXELS = 2**28  # phones make 200 megapixels; a JPEG can be read at an eighth of its size
MAX_JPEG_SAMPLES = 3 * 2**27  # of one in several scans, which is held in memory whole, in 16 bits

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets a photo upright, by EXIF orientation."""


class PhotoError(ValueError):
    """A file or array that cannot be used as a photo; the message says why."""


def decode_photo(content: bytes, name: str) -> Image.Image:
    """An encoded photo as an upright RGB image, whatever mode it is stored in; see `upright`.

    A JPEG of more than MAX_PIXELS is decoded at a half, a quarter or an eighth of its size; of an
    animation, the first picture is taken.

    Raises
    ------
    PhotoError
        See `photos.open_photo`; the message calls it `name`.
    """
    if not content:
        raise PhotoError(f"{name} is empty (0 bytes); a photo file is needed, such as a JPEG")
    if _is_heic(content):
        raise PhotoError(
            f"{name} is HEIC, which is not read here; save it as JPEG or PNG (phones do so when a "
            "photo is sent or exported)"
        )
    try:
        with _unremarked(), _opened(content, name) as image:
            check_pixels(image, name)
            image.load()  # reads all of it, so that a truncated file fails here
            return upright(image, name)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(name, f"too many pixels ({error})", MAX_PIXELS) from error
    except Exception as error:  # on a damaged file, PIL's decoders raise nearly anything
        why = "of no format that is known" if isinstance(error, UnidentifiedImageError) else error
        raise PhotoError(
            f"{name} cannot be read as an image ({why}); it may be damaged or cut short. "
            f"Formats that can be read: {', '.join(FORMATS)}"
        ) from error


def _is_heic(content: bytes) -> bool:
    # mif1 and msf1 are for any codec: what may be an AVIF, too, is named behind them.
    more = content[16 : int.from_bytes(content[:4], "big")]
    either = content[8:12] in (b"mif1", b"msf1") and b"avi" not in more
    return content[4:8] == b"ftyp" and (content[8:11] in (b"hei", b"hev") or either)


def _opened(content: bytes, name: str) -> Image.Image:
    file = io.BytesIO(content)
    if not content.startswith(b"\xff\xd8\xff"):
        return Image.open(file, formats=[known for known in FORMATS if known != "MPO"])
    # A JPEG, or an MPO: several JPEGs, of which this is the first. PIL's Image.open refuses large
    # ones before they can be asked for a small picture.
    image = JpegImagePlugin.JpegImageFile(file)
    width, height = image.size
    if width * height > MAX_PIXELS:
        check_pixels(image, name, _most_pixels(image, content))
    parts = (p for p in (1, 2, 4) if -(-width // p) * -(-height // p) <= MAX_PIXELS)
    part = next(parts, 8)
    if part > 1:  # only the first draft of an image counts
        image.draft(None, (width // part, height // part))
    return image


def _most_pixels(image: JpegImagePlugin.JpegImageFile, content: bytes) -> int:
    """How large a JPEG may be: less if it comes in several scans, for it is then held whole."""
    place, tables = 2, (*range(0xC0, 0xD0), *range(0xDB, 0xFF))
    while content[place] == 0xFF and content[place + 1] in tables:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    scan = content[place : place + 5]  # its mark, its length, how many of the colours it holds
    alone = scan[:2] == b"\xff\xda" and scan[4] == len(image.layer)
    if alone and "progressive" not in image.info:
        return MAX_JPEG_PIXELS
    sampled = [(across, down) for _, across, down, _ in image.layer]
    finest = max(across for across, _ in sampled) * max(down for _, down in sampled)
    shares = sum(across * down for across, down in sampled)
    return min(MAX_JPEG_PIXELS, MAX_JPEG_SAMPLES * finest // max(shares, 1))


_reading = ContextVar("reading", default=False)


class _Remarks(type):
    def __subclasscheck__(cls, category: type) -> bool:
        remarks = UserWarning | Image.DecompressionBombWarning
        return issubclass(category, remarks) and _reading.get()


class _Remark(Warning, metaclass=_Remarks):
    """What is warned of while this thread reads a photo, of whatever class it is."""


@contextmanager
def _unremarked() -> Iterator[None]:
    """Leave unsaid what PIL remarks on metadata and size, which costs no pixel.

    Photos are read by many threads, and warnings.catch_warnings changes the filters of all of them;
    this filter is about the thread that reads, and may stay.
    """
    if not warnings.filters or warnings.filters[0][2] is not _Remark:
        warnings.simplefilter("ignore", _Remark)
    before = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(before)


def upright(image: Image.Image, name: str = "the image") -> Image.Image:
    """A PIL image in RGB, turned the way the camera was held (EXIF orientation).

    What is transparent is laid over white, as viewers and the book's photo picker do. Whole numbers
    of more than 8 bits are taken from 0 to 65535, whatever the largest of them is, and divided by
    257; numbers with a point are taken from 0 to 1, or, if one is above 1, from 0 to 255.

    Raises
    ------
    PhotoError
        The image is too large, without pixels, cut short, of a mode that is no picture, or has
        numbers out of range; the message calls it `name`.
    """
    check_pixels(image, name)
    with _unremarked():
        try:
            image.load()  # PIL turns a TIFF when it is loaded, and then takes its orientation away
        except OSError as error:
            raise PhotoError(f"{name} cannot be read ({error}); it may be cut short") from error
        try:
            turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        except Exception:  # EXIF that nobody can read: every viewer shows the photo as it is stored
            turn = None
        image = _rgb(image, name)
    if turn is not None:
        image = image.transpose(turn)
        image.info = {}  # without the EXIF that would have the next reader turn it again
    return image


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(image, name)).convert("RGB")
    try:
        if image.has_transparency_data:
            over = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
            white = Image.new("RGB", over.size, "white")
            white.paste(over, mask=over)
            return white
        return image if image.mode == "RGB" else image.convert("RGB")
    except (ValueError, ImportError) as error:  # LAB needs a PIL that was built with LittleCMS
        raise PhotoError(
            f"{name} has mode {image.mode}, which cannot be shown in RGB; save it as RGB"
        ) from error


def _eight_bits(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """Grey of more than 8 bits, or with a point, in 8 bits."""
    numbers, whole = np.asarray(image), image.mode != "F"
    tags = getattr(image, "tag_v2", {})  # of a TIFF, of which PIL leaves two to others
    most = 4095 if tags.get(ExifTags.Base.BitsPerSample, (16,))[0] == 12 else 65535
    low, high = float(numbers.min()), float(numbers.max())
    if not (low >= 0 and high <= (most if whole else 255)):  # NaN fails, too
        allowed = f"0 to {most}" if whole else "0 to 1 or 0 to 255"
        raise PhotoError(
            f"{name} has mode {image.mode} and numbers from {low:g} to {high:g}; {allowed} are "
            "taken for brightness. Scale it to that, then save it"
        )
    # In place: a large picture is held in memory often enough as it is.
    if whole:
        shades: np.ndarray = numbers.astype(np.uint32)
        shades *= 255
        shades += most // 2  # to the nearest
        shades //= most
    else:
        shades = numbers * np.float32(255 if high <= 1 else 1)
        np.rint(shades, out=shades)
    grey = shades.astype(np.uint8)
    if ";16" in image.mode and tags.get(ExifTags.Base.PhotometricInterpretation) == 0:
        grey = 255 - grey  # 0 is white
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[numbers == clear] = 255
    return grey


def check_pixels(image: Image.Image, name: str, most: int | None = None) -> None:
    """Refuse an image of no pixel, or of more than `most` (MAX_PIXELS), by `name`."""
    most, pixels = most or MAX_PIXELS, image.width * image.height
    if pixels == 0:
        raise PhotoError(f"{name} is {image.width}x{image.height}; it needs at least one pixel")
    if pixels > most:
        raise _too_large(name, f"{image.width}x{image.height} pixels", most)


def _too_large(name: str, claim: str, most: int) -> PhotoError:
    return PhotoError(f"{name} claims {claim}; at most {most:,} are read. Make it smaller first")
