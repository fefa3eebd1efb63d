"""Encoded pictures for tests: in any format, and with the EXIF of a camera that was turned."""

import io
from typing import Any

import numpy as np
from PIL import Image


def encoded(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file; `options` are those of PIL's `save`."""
    content = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(content, kind, **options)
    return content.getvalue()


def held(orientation: int = 6) -> Image.Exif:
    """EXIF that says how the camera was held; 6: turn right to see the picture upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif
