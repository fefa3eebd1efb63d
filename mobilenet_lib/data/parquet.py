"""A Parquet file or a folder of them as a source of labelled images."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from ..files import printable
from ..validation import check_choice
from .shards import choose
from .source import PARTS, LeftOut, Source, check_labels, check_range, hold_out

MOST = 2**63 - 1


class Table(NamedTuple):
    """One Parquet file's images and labels."""

    name: str
    """What to call it in messages."""
    folder: Path
    images: pa.ChunkedArray
    labels: list[Any]
    kinds: tuple[str | None, str | None]
    """What the two columns hold, in words; None where an empty file holds something else."""
    classes: tuple[str, ...] | None
    """Names of its classes, if it knows them."""


def parquet_source(
    path: str | os.PathLike[str],
    split: str,
    image: str = "image",
    label: str = "label",
    classes: Sequence[str] | None = None,
) -> Source:
    """Parquet files as a source of images. Their encoded images are all kept in memory.

    Parameters
    ----------
    path
        A file, or a folder of them. Where files of the folder, or folders in it, mean training and
        test by the words that folders of images go by (train-00000-of-00002.parquet, test/), those
        of the split are read. Else all of them are one data set.
    split
        "train", "test" or "all". What is not divided already is divided by `hold_out`.
    image, label
        Names of the columns: encoded images (bytes, or a struct of `bytes` and `path` as Hugging
        Face datasets writes it; a relative path starts at its Parquet file's folder), and labels
        (whole numbers from 0, as float or bool too, or text).
    classes
        Names of the classes by label. None takes them from the files, else makes them up.

    Raises
    ------
    ValueError
        A file is no Parquet file, lacks a column, holds no encoded images or a label that is none,
        shards are missing or differ, or a class has no image.
    """
    check_choice("split", split, PARTS)
    root = Path(path)
    where, learned, left = printable(root), None, LeftOut()
    if root.is_dir():
        used, learned, split, left = choose(root, split)
    else:
        used = [root]
    known = classes is not None
    tables = [_open(file, image, label, known) for file in used]
    others = [_open(file, image, label, known) for file in learned or ()]
    _agree(others + tables)
    names = _names(others or tables) if classes is None else tuple(map(str, classes))
    labels = np.concatenate([_numbers(table, names) for table in tables])
    check_labels(labels, names, where, complete=learned is None)
    chosen = hold_out(labels, [str(row) for row in range(len(labels))], split, names, where)
    places = [(table, row) for table in tables for row in range(len(table.labels))]

    def read(i: int) -> Path | bytes | None:
        table, row = places[chosen[i]]
        return _content(table.images[row].as_py(), table.folder)

    def name(i: int) -> str:
        table, row = places[chosen[i]]
        return f"{table.name}, row {row}"

    return Source(names, labels[chosen], read, name, lambda i: str(chosen[i]), left)


def read_table(path: Path, names: Sequence[str]) -> pa.Table:
    """The columns of a Parquet file that are called `names`.

    A ValueError says that it is none, is damaged, or lacks a column.
    """
    shown = printable(path)
    if not path.is_file():
        raise FileNotFoundError(f"no Parquet file at {shown}")
    try:
        # Opened here: pyarrow takes no name that is not UTF-8.
        with open(path, "rb") as handle, pq.ParquetFile(handle) as file:
            available = file.schema_arrow.names
            for name in names:
                if available.count(name) != 1:
                    raise KeyError(name)
            return file.read(columns=list(names))
    except KeyError as missing:
        raise ValueError(
            f"{shown} has {'twice a' if missing.args[0] in available else 'no'} column {missing}; "
            f"it has {', '.join(available) or 'none'}. Name the columns with image=... and "
            "label=..."
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{shown} cannot be read as Parquet ({error}); it may be damaged"
        ) from error


def _open(file: Path, image: str, label: str, known: bool) -> Table:
    """Read a file; refuse columns by their type, before any row."""
    table, shown = read_table(file, (image, label)), printable(file)
    images, labels = table.column(image), table.column(label)
    kinds = _image_kind(images.type), _label_kind(labels.type)
    for kind, name, wanted in (
        (kinds[0], image, "encoded images; bytes, or structs of bytes and path,"),
        (kinds[1], label, "labels; whole numbers from 0 or text"),
    ):
        if table.num_rows and kind is None:
            raise ValueError(
                f"{shown}: column {name!r} holds {table.schema.field(name).type}, not {wanted} "
                "are needed, one a row"
            )
    names = None if known else _stored(shown, table.schema, label)
    return Table(shown, file.parent, images, _plain(shown, labels.to_pylist()), kinds, names)


def _plain(shown: str, labels: list[Any]) -> list[Any]:
    """Labels as whole numbers or text, whatever type they were stored as."""
    result = []
    for row, value in enumerate(labels):
        if isinstance(value, np.generic):  # half floats, by pyarrow before 22
            value = value.item()
        whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
        plain = int(value) if whole else value
        if not isinstance(plain, int | str):
            raise ValueError(
                f"{shown}, row {row}: a label is a whole number or text, got {value!r}"
            )
        if isinstance(plain, int) and abs(plain) > MOST:
            raise ValueError(f"{shown}, row {row}: label {value} is out of range, whatever classes")
        result.append(plain)
    return result


def _names(tables: Sequence[Table]) -> tuple[str, ...]:
    for table in tables:
        if table.classes:
            return table.classes
    values = [value for table in tables for value in table.labels]
    if values and isinstance(values[0], str):
        return tuple(sorted(set(values)))
    # With fewer images than classes one is empty, so there is no need to list more.
    return tuple(str(i) for i in range(min(max([0, *values]), len(values)) + 1))


def _numbers(table: Table, names: tuple[str, ...]) -> np.ndarray:
    """A file's labels as numbers of the classes."""
    labels = table.labels
    if labels and isinstance(labels[0], str):
        index = {name: i for i, name in enumerate(names)}
        unknown = next((row for row, value in enumerate(labels) if value not in index), None)
        if unknown is not None:
            raise ValueError(
                f"{table.name}, row {unknown}: label {labels[unknown]!r} is none of "
                f"{', '.join(names)}"
            )
        labels = [index[value] for value in labels]
    numbers = np.array(labels, np.int64)
    check_range(numbers, names, table.name)
    return numbers


def _content(row: Any, folder: Path) -> Path | bytes | None:
    """Bytes of an image, or where the file lies that has them."""
    if not isinstance(row, dict):
        return row
    content, path = row.get("bytes"), row.get("path")
    return content if content is not None or not path else folder / path


def _image_kind(kind: pa.DataType) -> str | None:
    if types.is_struct(kind):
        inside = {part.name: part.type for part in kind}
        if not {"bytes", "path"} & set(inside):
            return None
        fits = types.is_null(inside.get("bytes", pa.null())) or _is_bytes(inside["bytes"])
        return "structs" if fits else None
    return "bytes" if _is_bytes(kind.value_type if types.is_dictionary(kind) else kind) else None


def _is_bytes(kind: pa.DataType) -> bool:
    whole = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return whole or types.is_fixed_size_binary(kind)


def _label_kind(kind: pa.DataType) -> str | None:
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_integer(kind):
        return "whole numbers"
    if types.is_floating(kind):
        return "numbers"
    if types.is_boolean(kind):
        return "true or false"
    return "nothing" if types.is_null(kind) else None


def _agree(tables: Sequence[Table]) -> None:
    """Refuse files of one data set that differ in their columns or in the names of the classes."""
    filled = [table for table in tables if table.labels]
    for table in filled[1:]:
        first = filled[0]
        for old, new in zip(first.kinds, table.kinds, strict=True):
            if old != new:
                raise ValueError(
                    f"{table.name} holds {new} where {first.name} holds {old}; the files of a data "
                    "set must have the same columns"
                )
        if first.classes and table.classes and first.classes != table.classes:
            raise ValueError(
                f"{table.name} and {first.name} name the classes differently; pass classes=[...] "
                "if their labels mean the same"
            )


def _stored(shown: str, schema: pa.Schema, label: str) -> tuple[str, ...] | None:
    # Hugging Face datasets keeps the names of a ClassLabel in the schema's metadata.
    stored = (schema.metadata or {}).get(b"huggingface")
    if stored is None:
        return None
    try:
        names = json.loads(stored)["info"]["features"][label]["names"]
    except ValueError as error:
        raise ValueError(
            f"{shown}: the names of its classes are damaged ({error}); pass classes=[...]"
        ) from error
    except (KeyError, TypeError):
        return None  # not a word on this column, or not on its classes
    return tuple(map(str, names)) if names and isinstance(names, list) else None
