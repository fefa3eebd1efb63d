"""Data sets that have a name, which come from the Hugging Face hub.

They are read through its library `datasets` (the extra "hub"), which checks downloads, resumes
them, shows progress and keeps them for the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..preprocess import IMAGENET, INCEPTION, Preprocess
from ..validation import check_choice
from .source import Encoded, Item, Source, check_labels, label_error

SHUFFLE_BUFFER = 4096
"""Images among which a stream is shuffled; all of ImageNet does not fit into memory."""


@dataclass(frozen=True)
class Known:
    """One data set of the Hugging Face hub."""

    title: str
    repo: str
    splits: dict[str, str]
    """The repository's name of "train", "test" and, where there is one, "validation"."""
    sizes: dict[str, int]
    """Images in each split."""
    num_classes: int
    preprocess: Preprocess
    """Resolution, mean, standard deviation, crop and interpolation of its usual evaluation."""
    config: str | None = None
    """Which of the repository's variants; None where there is one only."""
    image: str = "image"
    label: str = "label"
    streaming: bool = False
    """Read over the network while training instead of keeping it all on disk."""
    gated: bool = False
    """One has to log in and accept its terms first."""


# The letters fill their images, and so do CIFAR-10's objects: nothing is cropped away.
GLYPHS = replace(INCEPTION, resolution=64, crop_fraction=1.0)
CIFAR10 = replace(
    IMAGENET,
    resolution=32,
    mean=(0.4914, 0.4822, 0.4465),  # of the 50,000 training images
    std=(0.2470, 0.2435, 0.2616),
    crop_fraction=1.0,
)
ANY_FOLDER = INCEPTION

KNOWN = {
    "cifar10": Known(
        title="CIFAR-10",
        repo="uoft-cs/cifar10",
        splits={"train": "train", "test": "test"},
        sizes={"train": 50_000, "test": 10_000},
        num_classes=10,
        preprocess=CIFAR10,
        image="img",
    ),
    "imagenette": Known(
        title="Imagenette",
        repo="frgfm/imagenette",
        config="320px",
        splits={"train": "train", "test": "validation"},
        sizes={"train": 9_469, "test": 3_925},
        num_classes=10,
        preprocess=IMAGENET,
    ),
    "flowers102": Known(
        title="Flowers-102",
        repo="dpdl-benchmark/oxford_flowers102",
        splits={"train": "train", "validation": "validation", "test": "test"},
        sizes={"train": 1_020, "validation": 1_020, "test": 6_149},
        num_classes=102,
        preprocess=replace(IMAGENET, interpolation="bicubic"),
    ),
    "imagenet-1k": Known(
        title="ImageNet-1k",
        repo="ILSVRC/imagenet-1k",
        # The labels of its own test split are secret; what papers report is "validation".
        splits={"train": "train", "test": "validation"},
        sizes={"train": 1_281_167, "test": 50_000},
        num_classes=1000,
        preprocess=INCEPTION,
        streaming=True,
        gated=True,
    ),
}


def hub_source(known: Known, split: str) -> Source:
    """The images of a named data set, downloaded whole and kept on disk.

    Raises
    ------
    ImportError
        The library `datasets` is not installed.
    ConnectionError
        It is neither on this machine nor reachable; the message says what to do.
    ValueError
        It has no such split, no images, a label out of range or an empty class.
    """
    table = _open(known, split, streaming=False)
    labels = np.asarray(table[known.label], np.int64)
    classes = _classes(known, table.features)
    where = f"{known.title}, {split}"
    check_labels(labels, classes, where)
    return Source(
        classes=classes,
        labels=labels,
        read=lambda i: _content(table[int(i)][known.image]),
        name=lambda i: f"{where}, row {i}",
    )


def hub_stream(
    known: Known, split: str, seed: int, shuffle: bool
) -> tuple[tuple[str, ...], Callable[[int], Iterator[Item]]]:
    """Classes of a named data set, and a function that streams an epoch of it.

    With `shuffle`, images are mixed within a buffer, anew in every epoch. Raises as `hub_source`; a
    label out of range is refused when it comes.
    """
    stream = _open(known, split, streaming=True)
    classes = _classes(known, stream.features)
    if shuffle:
        stream = stream.shuffle(seed=seed, buffer_size=SHUFFLE_BUFFER)

    def items(epoch: int) -> Iterator[Item]:
        stream.set_epoch(epoch)
        for row, example in enumerate(stream):
            image, label = example[known.image], example[known.label]
            file = (image or {}).get("path") or f"image {row} of epoch {epoch}"
            name = f"{known.title}, {split}, {file}"
            if not 0 <= label < len(classes):
                raise label_error(name, label, classes)
            yield name, _content(image), int(label)

    return classes, items


def _open(known: Known, split: str, streaming: bool) -> Any:
    check_choice(f"split of {known.title}", split, tuple(known.splits))
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            f'{known.title} comes through the library "datasets", which is not installed: '
            "pip install 'mobilenet-lib[hub]'. load(\"glyphs\") needs neither it nor a network."
        ) from error
    try:
        table = datasets.load_dataset(
            known.repo, known.config, split=known.splits[split], streaming=streaming
        )
    except Exception as error:  # its own, the HTTP client's, and ValueError for a missing cache
        raise ConnectionError(_advice(known, error)) from error
    # Undecoded: a broken image is then ours to name, not the library's to stop at.
    return table.cast_column(known.image, datasets.Image(decode=False))


def _advice(known: Known, error: Exception) -> str:
    steps = [
        f"{known.title} ({known.repo}) could not be read: {error}.",
        "With a network, call this again: what was downloaded is kept, and a download that broke "
        "off goes on.",
        "Without one, run it on a machine that has one and copy its cache folder (the one that "
        "HF_HOME names) here; or unpack the images into a folder of class folders and load that; "
        'or use load("glyphs"), which is in the book.',
    ]
    if known.gated:
        steps.insert(1, "Log in with `hf auth login` and accept the data set's terms on its page.")
    return " ".join(steps)


def _classes(known: Known, features: Any) -> tuple[str, ...]:
    names = getattr((features or {}).get(known.label), "names", None)
    if names is None:
        return tuple(str(label) for label in range(known.num_classes))
    if len(names) != known.num_classes:
        raise ValueError(
            f"{known.title} should have {known.num_classes} classes, {known.repo} has {len(names)}"
        )
    return tuple(names)


def _content(image: dict[str, Any] | None) -> Encoded:
    # An image that is not decoded is its bytes, or else the path of the file that holds them.
    return None if image is None else image["bytes"] or image["path"]
