"""The photographs in `data/photos/`, and the reader's own, as arrays.

A photo is a uint8 array (height, width, 3) in RGB. Nothing here needs torch.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from .files import find_data
from .validation import check_int

Photo = NDArray[np.uint8]

# What cameras, phones and browsers write. Others are refused before a decoder sees them: one of
# PIL's (EPS) hands the file to another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
"""Endings of files that are taken for images where a whole folder is named."""
MAX_PIXELS = 50 * 2**20  # 52 megapixels, a phone's largest; a small file may claim far more


LUMA = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue (Rec. ITU-R BT.601)."""


class PhotoError(ValueError):
    """A file or array that cannot be used as a photo; the message says why."""


class Credit(NamedTuple):
    """Where a photo in `data/photos/` comes from."""

    name: str
    subject: str
    author: str
    licence: str
    source: str


def credits() -> dict[str, Credit]:
    """Subject, author, licence and source of every photo in `data/photos/`, by name."""
    with open(find_data() / "photos" / "credits.csv", encoding="utf-8", newline="") as table:
        return {row["name"]: Credit(**row) for row in csv.DictReader(table)}


def load_photo(source: str | os.PathLike[str], size: int | None = None) -> Photo:
    """Read a photo.

    Parameters
    ----------
    source
        A name from `data/photos/` such as "cat", or the path of an image file.
    size
        If given, the middle square is cut out and resized to this many pixels a side.

    Returns
    -------
    array
        (height, width, 3) uint8, RGB. Grey images get three equal channels.

    Raises
    ------
    PhotoError
        The file is empty, cannot be decoded, is no image, too large, or in a mode other than RGB or
        grey. A JPEG damaged in the middle may still decode; like every JPEG reader, this one then
        returns what it found.
    FileNotFoundError
        There is no such file, with the names there are.
    """
    path = _find(source)
    if path.stat().st_size == 0:
        raise PhotoError(f"{path} is empty (0 bytes); a photo file is needed, such as a JPEG")
    try:
        with Image.open(path, formats=FORMATS) as image:
            check_pixels(image, str(path))
            image.load()  # reads all of it, so that a truncated file fails here
            image = upright(image, str(path))
    except PhotoError:
        raise
    except Exception as error:  # on a damaged file, PIL's decoders raise nearly anything
        raise PhotoError(
            f"{path} cannot be read as an image ({error}); it may be damaged or cut short. "
            f"Formats that can be read: {', '.join(FORMATS)}"
        ) from error
    if size is not None:
        side = check_int("size", size, 1, 8192)
        image = ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC)
    return np.array(image)  # a copy: PIL's own buffer is read-only, which torch warns about


def upright(image: Image.Image, name: str = "the image") -> Image.Image:
    """A PIL image in RGB, turned the way the camera was held (EXIF orientation).

    Raises
    ------
    PhotoError
        The image is in a mode other than RGB or grey, or too large; the message calls it `name`.
    """
    check_pixels(image, name)
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)  # a copy, which most photos do without
    if image.mode not in ("RGB", "L"):
        raise PhotoError(
            f"{name} has mode {image.mode}; RGB or grey (L) is needed. Convert it, for instance "
            'with PIL: Image.open(path).convert("RGB").save("photo.png")'
        )
    return image if image.mode == "RGB" else image.convert("RGB")


def check_photo(photo: Any) -> Photo:
    """Return `photo` if it is a (height, width, 3) uint8 array with at least one pixel.

    Raises
    ------
    PhotoError
        It is something else; the message gives its shape and type.
    """
    try:
        array = np.asarray(photo)
    except ValueError as error:  # rows of different lengths
        raise PhotoError(f"a photo has shape (height, width, 3), RGB; {error}") from error
    if array.ndim != 3 or array.shape[2] != 3:
        raise PhotoError(f"a photo has shape (height, width, 3), RGB; got {array.shape}")
    if 0 in array.shape:
        raise PhotoError(f"a photo needs at least one pixel; got shape {array.shape}")
    if array.dtype != np.uint8:
        raise PhotoError(f"a photo holds whole numbers 0 to 255 (uint8); got {array.dtype}")
    return array


def to_gray(photo: Photo) -> NDArray[np.uint8]:
    """Brightness of a photo, (height, width) uint8, with the luma weights of Rec. ITU-R BT.601."""
    return np.rint(check_photo(photo) @ np.array(LUMA)).astype(np.uint8)


def check_pixels(image: Image.Image, name: str) -> None:
    """Refuse an image that claims more than MAX_PIXELS, with a PhotoError that calls it `name`."""
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(
            f"{name} claims {image.width}x{image.height} pixels; at most {MAX_PIXELS:,} are read. "
            "Make it smaller first"
        )


def _find(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    known = credits()
    if str(source) in known:
        return find_data() / "photos" / f"{source}.jpg"
    raise FileNotFoundError(
        f"no photo {str(source)!r}: neither a file nor one of {', '.join(known)}"
    )
