"""Images to train and test on, as batches of network input.

>>> batches = load("glyphs", batch_size=32)
>>> images, labels = next(iter(batches))
>>> images.shape, batches.classes[:3]
(torch.Size([32, 3, 64, 64]), ('A', 'B', 'C'))

"glyphs" is in the book: letters in the wild, see `letters`. Any folder of class folders, Parquet
files and the data sets in `known` load the same way.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..architecture import MAX_RESOLUTION, MIN_RESOLUTION
from ..preprocess import Preprocess
from ..validation import check_choice, check_int
from .augmentation import AUGMENTATIONS, LIGHT, PAPER, WHOLE, Augmentation, Shard
from .batches import Batches, ImageBatches, LetterBatches, Place
from .decode import Skipped
from .difficulty import DEFAULT, HARSH, PRESETS, SOFT, Difficulty
from .hub import hub_source, hub_stream
from .known import ANY_FOLDER, GLYPHS, KNOWN, Known
from .parquet import parquet_source
from .source import folder_source

__all__ = [
    "DEFAULT",
    "HARSH",
    "KNOWN",
    "LIGHT",
    "PAPER",
    "SOFT",
    "WHOLE",
    "Augmentation",
    "Batches",
    "Difficulty",
    "Known",
    "Place",
    "Shard",
    "Skipped",
    "load",
]


def load(
    name: str | os.PathLike[str],
    *,
    split: str = "train",
    batch_size: int = 128,
    resolution: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    augment: str | Augmentation | None = None,
    preprocess: Preprocess | None = None,
    difficulty: str | Difficulty | None = None,
    image: str = "image",
    label: str = "label",
    classes: Sequence[str] | None = None,
    streaming: bool | None = None,
    workers: int | None = None,
    shard: Shard = WHOLE,
) -> Batches:
    """Load one split of a data set as batches.

    Parameters
    ----------
    name
        "glyphs"; a data set in `KNOWN` (cifar10, imagenette, flowers102, imagenet-1k); the path of
        a folder with one subfolder a class; or the path of a Parquet file.
    split
        "train" or "test"; for folders and Parquet files also "all", for Flowers-102 also
        "validation".
    batch_size
        Images in a batch.
    resolution
        Side of the images in pixels, 32 to 4096. None takes the data set's usual one.
    seed
        Of the order, the composition and the augmentation. Test images do not depend on it.
    device
        Where the batches end up. Letters are composed there, too.
    augment
        "paper", "light", "rand", "none" or your own `Augmentation`; "rand" is light with
        RandAugment. None means "light" for training on photographs, and "none" otherwise: the
        composition of letters varies them already. Letters are never mirrored.
    preprocess
        What the network wants, such as `net.preprocess` of published weights. None takes what is
        usual for the data set.
    difficulty
        Of the letters: "soft", "default", "harsh" or your own `Difficulty`.
    image, label, classes
        A Parquet file's columns, and the names of its classes if the file does not know them.
    streaming
        Whether to read a hub data set over the network instead of keeping it. None: only
        ImageNet-1k.
    workers
        Threads that decode images. None: one a core, 8 at most.
    shard
        Which rows of each batch to make, where several processes share it. `batch_size` is that of
        the whole.

    Returns
    -------
    Batches
        Iterate it for (images, labels): (B, 3, R, R) float32, normalized, and (B,) int64. It has
        `len()`, `classes`, `preprocess`, `augment`, `epoch` and `skipped`, the broken images;
        `endless(place)` goes on at any batch of any epoch.

    Raises
    ------
    ValueError
        A value outside its range, an empty class, a label out of range, or a split of size 0.
    FileNotFoundError
        `name` is no data set and there is no such file or folder.
    ImportError, ConnectionError
        A hub data set cannot be had here; the message says what to do.
    """
    options = _options(str(name), split, batch_size, seed, device, augment)
    if options["batch_size"] % shard.world:
        raise ValueError(
            f"batch_size must be a multiple of the {shard.world} processes, got {batch_size}"
        )
    options["shard"] = shard
    usual = GLYPHS if name == "glyphs" else KNOWN[name].preprocess if name in KNOWN else ANY_FOLDER
    chosen = preprocess or usual
    if resolution is not None:
        side = check_int("resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION)
        chosen = chosen.at(side)
    options["preprocess"] = chosen
    if name == "glyphs":
        check_choice("split", split, ("train", "test"))
        return LetterBatches(difficulty=_difficulty(difficulty), **options)
    if difficulty is not None:
        raise ValueError(f'difficulty is for "glyphs" only; {str(name)!r} has none')
    if workers is not None:
        workers = check_int("workers", workers, 1, 256)
    if name in KNOWN:
        known = KNOWN[str(name)]
        if known.streaming if streaming is None else streaming:
            found, items = hub_stream(known, split, options["seed"])
            options |= {"stream": items, "classes": found, "size": known.sizes[split]}
            return ImageBatches(workers=workers, **options)
        source = hub_source(known, split)
    else:
        path = Path(name)
        if path.is_dir():
            source = folder_source(path, split)
        elif path.is_file():
            source = parquet_source(path, split, image, label, classes)
        else:
            raise FileNotFoundError(
                f"no data set {str(name)!r}: it is none of glyphs, {', '.join(KNOWN)}, and there "
                "is no such folder or Parquet file"
            )
    options |= {"source": source, "classes": source.classes, "size": len(source)}
    return ImageBatches(workers=workers, **options)


def _options(
    name: str,
    split: str,
    batch_size: int,
    seed: int,
    device: torch.device | str,
    augment: str | Augmentation | None,
) -> dict[str, Any]:
    if augment is None:
        augment = "light" if split == "train" and name != "glyphs" else "none"
    if isinstance(augment, str):
        augment = AUGMENTATIONS[check_choice("augment", augment, AUGMENTATIONS)]
    elif not isinstance(augment, Augmentation):
        raise TypeError(f"augment must be a name or an Augmentation, got {augment!r}")
    if augment and name == "glyphs":
        augment = augment.without_flip()
    return {
        "split": split,
        "batch_size": check_int("batch_size", batch_size, 1),
        "seed": check_int("seed", seed, 0),
        "device": torch.device(device),
        "augment": augment,
    }


def _difficulty(difficulty: str | Difficulty | None) -> Difficulty:
    if difficulty is None:
        return DEFAULT
    if isinstance(difficulty, str):
        return PRESETS[check_choice("difficulty", difficulty, PRESETS)]
    if not isinstance(difficulty, Difficulty):
        raise TypeError(f"difficulty must be a name or a Difficulty, got {difficulty!r}")
    return difficulty
