"""Decoding images that may be broken: each bad one is counted and named, and the run goes on."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from ..photos import FORMATS, PhotoError, check_pixels

DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass
class Skipped:
    """Images that could not be decoded, with the reason, by name."""

    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, reason: str) -> None:
        """Note one image; the same one counts once, however often it is met."""
        self.reasons[name] = reason

    def __len__(self) -> int:
        return len(self.reasons)

    def __iter__(self) -> Iterator[str]:
        return iter(self.reasons)

    def __contains__(self, name: str) -> bool:
        return name in self.reasons

    def __str__(self) -> str:
        if not self.reasons:
            return "no images skipped"
        lines = [f"{len(self)} image{'s' if len(self) > 1 else ''} skipped"]
        lines += [f"  {name}: {reason}" for name, reason in self.reasons.items()]
        return "\n".join(lines)


def decode(content: str | os.PathLike[str] | bytes | None) -> Image.Image:
    """An encoded image, given as a path or as bytes, as an upright RGB picture.

    Raises
    ------
    PhotoError
        It is missing, empty, damaged, cut short, too large, no image, or has 16 bits a channel.
    """
    if content is None:
        raise PhotoError("there is no image (null)")
    # A decoder can raise anything on bytes that are out to hurt it. Whatever it is becomes the
    # reason in the report, so nothing is hidden.
    try:
        encoded = content if isinstance(content, bytes) else Path(content).read_bytes()
        if not encoded:
            raise ValueError("the file is empty (0 bytes)")
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            check_pixels(image, "it")
            if image.mode in DEEP_MODES:
                raise ValueError(f"mode {image.mode}; 8 bits a channel are needed")
            image.load()
            return ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError as error:
        raise PhotoError(f"damaged, or none of the formats {', '.join(FORMATS)}") from error
    except Exception as error:
        raise PhotoError(str(error) or type(error).__name__) from error
