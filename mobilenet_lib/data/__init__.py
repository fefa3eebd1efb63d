"""Images to train and test on, as batches of network input.

>>> batches = load("glyphs", batch_size=32)
>>> images, labels = next(iter(batches))
>>> images.shape, batches.classes[:3]
(torch.Size([32, 3, 64, 64]), ('A', 'B', 'C'))

"glyphs" is in the book: letters in the wild, see `letters`. Any folder of class folders, Parquet
files and the data sets in `KNOWN` load the same way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..architecture import MAX_RESOLUTION, MIN_RESOLUTION
from ..preprocess import Preprocess
from ..process import check_device, torch_defaults
from ..validation import check_choice, check_int
from .augmentation import AUGMENTATIONS, LIGHT, PAPER_AUGMENTATION, WHOLE, Augmentation, Shard
from .batches import Batches, ImageBatches, LetterBatches, Place
from .folder import folder_source
from .hub import ANY_FOLDER, GLYPHS, KNOWN, Known, hub_source, hub_stream
from .letters import DEFAULT, HARSH, PRESETS, SOFT, Difficulty
from .parquet import parquet_source
from .shards import find_tables
from .source import LeftOut

__all__ = [
    "DEFAULT",
    "HARSH",
    "KNOWN",
    "LIGHT",
    "PAPER_AUGMENTATION",
    "SOFT",
    "WHOLE",
    "Augmentation",
    "Batches",
    "Difficulty",
    "Known",
    "LeftOut",
    "Place",
    "Shard",
    "load",
]

KINDS = {"glyphs": '"glyphs"', "hub": "data sets of the hub", "parquet": "Parquet files"}


@torch_defaults()
def load(
    name: str | os.PathLike[str],
    *,
    split: str = "train",
    batch_size: int = 128,
    shuffle: bool | None = None,
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
        a folder with one subfolder a class, or with such a folder for training and one for the
        test; or the path of a Parquet file or a folder of them. A `pathlib.Path` is always a path,
        even if a data set has its name.
    split
        "train" or "test"; for folders and Parquet files that are not divided already also "all",
        for Flowers-102 also "validation".
    batch_size
        Images in a batch.
    shuffle
        Whether to mix the images anew in every epoch and leave out what does not fill a batch.
        None: only for split "train".
    resolution
        Side of the images in pixels, 32 to 4096. None takes the data set's usual one.
    seed
        Of the order, the composition and the augmentation. Test images do not depend on it.
    device
        Where the batches end up, such as "cuda". Letters are composed there, too.
    augment
        "paper", "light", "rand", "none" or your own `Augmentation`; "rand" is light with
        RandAugment. None means "light" for training on photographs, and "none" otherwise: the
        composition of letters varies them already. Letters are never mirrored.
    preprocess
        What the network wants, such as `net.preprocess` of published weights. None takes what is
        usual for the data set. Letters fill their images, so they are never cropped.
    difficulty
        Of the letters: "soft", "default", "harsh" or your own `Difficulty`.
    image, label, classes
        Columns of Parquet files, and the names of the classes if the files do not know them.
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
        `len()`, `classes`, `preprocess`, `augment`, `epoch`, `skipped`, the broken images, and
        `left_out`, files that are not read; `endless(place)` goes on at any batch of any epoch, and
        `fingerprint()` says what the images are, wherever they lie.

    Raises
    ------
    ValueError
        A value outside its range, an option that this kind of data does not have, a device that
        torch cannot use here, an empty class, a label out of range, a split of size 0, or folders
        and files of which it is not clear what they are.
    OSError
        A folder or file cannot be read; FileNotFoundError: `name` is no data set and there is no
        such file or folder.
    ImportError, ConnectionError
        A hub data set cannot be had here; the message says what to do.
    """
    kind = _kind(name)
    for option, value, fits in (
        ("difficulty", difficulty, "glyphs"),
        ("streaming", streaming, "hub"),
        ("classes", classes, "parquet"),
    ):
        if value and kind != fits:
            raise ValueError(f"{option} is for {KINDS[fits]} only; {str(name)!r} has none")
    if shuffle is None:
        shuffle = split == "train"
    if workers is not None:
        workers = check_int("workers", workers, 1, 256)
    known = KNOWN.get(name) if isinstance(name, str) else None
    usual = GLYPHS if kind == "glyphs" else known.preprocess if known else ANY_FOLDER
    chosen = preprocess or usual
    if resolution is not None:
        chosen = chosen.at(check_int("resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION))
    options: dict[str, Any] = {
        "split": split,
        "batch_size": check_int("batch_size", batch_size, 1),
        "shuffle": shuffle,
        "seed": check_int("seed", seed, 0),
        "device": check_device(device),
        "augment": _augment(augment, split, kind),
        "preprocess": chosen,
        "shard": shard,
    }
    if options["batch_size"] % shard.world:
        raise ValueError(
            f"batch_size must be a multiple of the {shard.world} processes, got {batch_size}"
        )
    if kind == "glyphs":
        check_choice("split", split, ("train", "test"))
        level = "default" if difficulty is None else difficulty
        level = _named("difficulty", level, PRESETS, Difficulty)
        return LetterBatches(difficulty=level, **options)
    if known:
        if known.streaming if streaming is None else streaming:
            names, items = hub_stream(known, split, options["seed"], shuffle)
            options |= {"images": items, "classes": names, "size": known.sizes[split]}
            return ImageBatches(workers=workers, **options)
        source = hub_source(known, split)
    elif kind == "folder":
        source = folder_source(name, split)
    else:
        source = parquet_source(name, split, image, label, classes)
    options |= {"images": source, "classes": source.classes, "size": len(source)}
    return ImageBatches(workers=workers, **options)


def _kind(name: str | os.PathLike[str]) -> str:
    if name == "glyphs":
        return "glyphs"
    if name in KNOWN:
        return "hub"
    if Path(name).is_dir():
        return "parquet" if find_tables(name) else "folder"
    if Path(name).is_file():
        return "parquet"
    raise FileNotFoundError(
        f"no data set {str(name)!r}: it is none of glyphs, {', '.join(KNOWN)}, and there is no "
        "such folder or Parquet file"
    )


def _augment(augment: str | Augmentation | None, split: str, kind: str) -> Augmentation | None:
    if augment is None:
        augment = "light" if split == "train" and kind != "glyphs" else "none"
    chosen = _named("augment", augment, AUGMENTATIONS, Augmentation)
    return replace(chosen, flip=False) if chosen and kind == "glyphs" else chosen


def _named(option: str, value: Any, table: Mapping[str, Any], own: type) -> Any:
    """What a name in a table stands for; or the caller's own."""
    if isinstance(value, str):
        return table[check_choice(option, value, table)]
    if not isinstance(value, own):
        article = "an" if own is Augmentation else "a"
        raise TypeError(f"{option} must be a name or {article} {own.__name__}, got {value!r}")
    return value
