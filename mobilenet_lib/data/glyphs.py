"""The letters in `data/glyphs/`: 48x48 pictures of A to Z, cut from free typefaces.

Training and test letters come from different font families; `data/glyphs/README.md` says which.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..files import find_data
from ..validation import check_choice
from .parquet import read_table
from .source import check_labels

CLASSES = tuple(ascii_uppercase)
SIDE = 48
SPLITS = ("train", "test")


@dataclass(frozen=True, eq=False)  # each stands for itself, so that it can be a cache's key
class Glyphs:
    """Letters of one split, one row each."""

    images: Tensor
    """(N, 48, 48) uint8: 255 is ink, 0 is paper."""
    labels: Tensor
    """(N,) int64, 0 for A to 25 for Z."""
    families: tuple[str, ...]
    """The font family of each letter."""

    def __len__(self) -> int:
        return len(self.labels)


def load_glyphs(split: str) -> Glyphs:
    """Read the letters of `split`, "train" or "test". They are read once and then kept.

    Raises
    ------
    FileNotFoundError
        The file is not there.
    ValueError
        The file is damaged, a picture is not 48x48 grey, a label is out of range, or a letter of
        the alphabet has no picture.
    """
    path = find_data(f"glyphs/{check_choice('split', split, SPLITS)}.parquet")
    return _read(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, modified: int) -> Glyphs:
    # `modified` is part of the key, so that a file made anew is read anew.
    columns = read_table(path, ("image", "label", "family")).to_pydict()
    labels = np.asarray(columns["label"], dtype=np.int64)
    check_labels(labels, CLASSES, str(path))
    images = np.empty((len(labels), SIDE, SIDE), np.uint8)
    for row, content in enumerate(columns["image"]):
        # The whole set is the book's own, so one bad picture means that the file is damaged.
        try:
            with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
                if (image.mode, *image.size) != ("L", SIDE, SIDE):
                    raise ValueError(f"{image.width}x{image.height}, mode {image.mode}")
                images[row] = np.asarray(image)
        except Exception as error:
            raise ValueError(
                f"{path}, row {row}: no PNG picture of {SIDE}x{SIDE} grey pixels ({error})"
            ) from error
    return Glyphs(
        torch.from_numpy(images), torch.from_numpy(labels), tuple(map(str, columns["family"]))
    )
