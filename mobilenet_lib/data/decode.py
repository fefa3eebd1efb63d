"""Decoding images that may be broken: each bad one is counted and named, and the run goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ..photos import PhotoError, open_photo


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
        It is missing, or see `photos.open_photo`.
    """
    if content is None:
        raise PhotoError("there is no image (null)")
    try:
        encoded = content if isinstance(content, bytes) else Path(content).read_bytes()
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        raise PhotoError(str(error)) from error
    return open_photo(encoded, "it")
