"""The photographs in `data/photos/`, and the reader's own: the one door for pictures.

Photos, training, explorers and `mobilenet predict` decode by `open_photo`; what PIL has opened
already is set upright by `upright`. What is transparent is laid over white. A photo is a uint8
array (height, width, 3) in RGB. Nothing here needs torch.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..files import find_data, printable
from ..validation import check_int
from .decode import FORMATS, MAX_PIXELS, SUFFIXES, PhotoError, decode_photo, upright

__all__ = ["FORMATS", "LUMA", "MAX_PIXELS", "SUFFIXES", "Credit", "Photo", "PhotoError"]
__all__ += ["check_photo", "credits", "load_photo", "open_photo", "to_gray", "upright"]

Photo = NDArray[np.uint8]

LUMA = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue (Rec. ITU-R BT.601)."""


class Credit(NamedTuple):
    """Where a photo in `data/photos/` comes from."""

    name: str
    subject: str
    author: str
    licence: str
    source: str


def credits() -> dict[str, Credit]:
    """Subject, author, licence and source of every photo in `data/photos/`, by name."""
    with open(find_data("photos/credits.csv"), encoding="utf-8", newline="") as table:
        return {row["name"]: Credit(**row) for row in csv.DictReader(table)}


def load_photo(source: str | os.PathLike[str], size: int | None = None) -> Photo:
    """Read a photo.

    Parameters
    ----------
    source
        A name from `data/photos/` such as "cat", or the path of an image file.
    size
        If given, the middle square is cut out and resized to this many pixels on a side.

    Returns
    -------
    array
        (height, width, 3) uint8, RGB, as `upright` makes it.

    Raises
    ------
    PhotoError, FileNotFoundError
        See `open_photo`.
    """
    image = open_photo(source)
    if size is not None:
        side = check_int("size", size, 1, 8192)
        image = ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC)
    return _pixels(image)


def open_photo(source: str | os.PathLike[str] | bytes, name: str = "it") -> Image.Image:
    """A photo as an upright RGB image of PIL's; see `upright`.

    Parameters
    ----------
    source
        A name from `data/photos/` such as "cat", the path of an image file, or its bytes.
    name
        What messages call bytes.

    Raises
    ------
    PhotoError
        It is empty, cannot be decoded, is no image, or too large. A JPEG damaged in the middle may
        still decode; like every JPEG reader, this one then returns what it found.
    FileNotFoundError
        There is no such file, with the names there are.
    """
    if isinstance(source, bytes):
        return decode_photo(source, name)
    path = _find(source)
    return decode_photo(path.read_bytes(), printable(path))


def _find(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    try:
        known = credits()
    except FileNotFoundError as error:  # the library without the book
        raise FileNotFoundError(f"no photo {str(source)!r} is here, and {error}") from error
    if str(source) in known:
        return find_data(f"photos/{source}.jpg")
    raise FileNotFoundError(
        f"no photo {str(source)!r}: neither a file nor one of {', '.join(known)}"
    )


def _pixels(image: Image.Image) -> Photo:
    """A copy of an RGB image's pixels; PIL's own is read-only, which torch warns about."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    # In strips: PIL hands out a large image in pieces, joined and copied, thrice the memory.
    for top in range(0, image.height, 256):
        strip = image.crop((0, top, image.width, min(top + 256, image.height)))
        pixels[top : top + 256] = np.asarray(strip)
    return pixels


def check_photo(photo: Any) -> Photo:
    """Return `photo` if it is a (height, width, 3) uint8 array with at least one pixel.

    Raises
    ------
    PhotoError
        It is something else; the message gives its shape and type.
    """
    wanted = (
        "a photo is (height, width, 3), RGB, whole numbers 0 to 255 (uint8), at least one pixel"
    )
    try:
        array = np.asarray(photo)
    except ValueError as error:  # rows of different lengths
        raise PhotoError(f"{wanted}; {error}") from error
    if array.ndim != 3 or array.shape[2] != 3 or not array.size or array.dtype != np.uint8:
        raise PhotoError(f"{wanted}; got {array.shape}, {array.dtype}")
    return array


def to_gray(photo: Photo) -> NDArray[np.uint8]:
    """Brightness of a photo, (height, width) uint8, with the luma weights of Rec. ITU-R BT.601."""
    return np.rint(check_photo(photo) @ np.array(LUMA)).astype(np.uint8)
