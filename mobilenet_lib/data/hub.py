"""Named data sets of the Hugging Face hub, through its `datasets` library (the extra "hub").

The library checks downloads, resumes them, shows progress and keeps them for the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..validation import check_choice
from .hub_datasets import Known
from .source import Source, check_labels

SHUFFLE_BUFFER = 4096
"""Images among which a stream is shuffled; all of ImageNet does not fit into memory."""
Item = tuple[str, Any, int]
"""A name for reports, the encoded image, its label."""


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
                raise ValueError(
                    f"{name}: label {label} is out of range, the {len(classes)} classes are 0 to "
                    f"{len(classes) - 1}"
                )
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


def _content(image: Any) -> Any:
    # An image that is not decoded is its bytes, or else the path of the file that holds them.
    return None if image is None else image["bytes"] or image["path"]
