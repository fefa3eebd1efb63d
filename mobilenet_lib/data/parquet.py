"""Columns of a Parquet file, and a Parquet file as a source of labelled images."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .source import Source, check_labels, hold_out


def read_columns(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, list[Any]]:
    """The columns called `names`, as lists; image structs become their bytes.

    Raises
    ------
    ValueError
        The file is no Parquet file, is damaged, or lacks a column.
    """
    table = _read(Path(path), names)
    return {name: _plain(table.column(name)) for name in names}


def parquet_source(
    path: str | os.PathLike[str],
    split: str,
    image: str = "image",
    label: str = "label",
    classes: Sequence[str] | None = None,
) -> Source:
    """A Parquet file as a source of images. Its encoded images are all kept in memory.

    Parameters
    ----------
    path
        The file.
    split
        "all", or "train" or "test" for the parts that `hold_out` makes.
    image, label
        Names of the columns: encoded images (bytes, or a struct with `bytes` as Hugging Face
        datasets writes it), and labels (whole numbers from 0, or text).
    classes
        Names of the classes by label. None takes them from the file, else makes them up.

    Raises
    ------
    ValueError
        The file is no Parquet file, lacks a column, holds no encoded images, has a label outside
        the classes or a class with no image.
    """
    file = Path(path)
    table = _read(file, (image, label))
    images, raw = table.column(image), table.column(label).to_pylist()
    names = tuple(classes) if classes is not None else _class_names(file, table.schema, label)
    labels, names = _labels(file, raw, names)
    if not _is_struct(images) and "binary" not in str(images.type):  # however large or viewed
        raise ValueError(
            f"{file}: column {image!r} holds {images.type}, not encoded images; bytes, or structs "
            "with bytes, are needed"
        )
    check_labels(labels, names, str(file))
    chosen = hold_out(labels, [str(row) for row in range(len(labels))], split, names, str(file))
    return Source(
        classes=names,
        labels=labels[chosen],
        read=lambda i: _plain(images.slice(int(chosen[i]), 1))[0],
        name=lambda i: f"{file}, row {chosen[i]}",
    )


def _read(path: Path, names: Sequence[str]) -> pa.Table:
    if not path.is_file():
        raise FileNotFoundError(f"no Parquet file at {path}")
    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            for name in names:
                if name not in there:
                    raise KeyError(name)
            table = file.read(columns=list(names))
    except KeyError as missing:
        raise ValueError(
            f"{path} has no column {missing}; it has {', '.join(there) or 'none'}. "
            "Name the columns with image=... and label=..."
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as Parquet ({error}); it may be damaged"
        ) from error
    return table


def _plain(column: pa.ChunkedArray) -> list[Any]:
    rows = column.to_pylist()
    return [row and row["bytes"] for row in rows] if _is_struct(column) else rows


def _is_struct(column: pa.ChunkedArray) -> bool:
    return pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0


def _class_names(file: Path, schema: pa.Schema, label: str) -> tuple[str, ...] | None:
    # Hugging Face datasets keeps the names of a ClassLabel in the schema's metadata.
    stored = (schema.metadata or {}).get(b"huggingface")
    if stored is None:
        return None
    try:
        names = json.loads(stored)["info"]["features"][label]["names"]
    except ValueError as error:
        raise ValueError(
            f"{file}: the names of its classes are damaged ({error}); pass classes=[...]"
        ) from error
    except (KeyError, TypeError):
        return None  # not a word on this column, or not on its classes
    return tuple(map(str, names)) if names and isinstance(names, list) else None


def _labels(
    file: Path, raw: list[Any], names: tuple[str, ...] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    if not raw:
        raise ValueError(f"{file} has no rows; a split of size 0 cannot be loaded")
    for row, value in enumerate(raw):
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"{file}, row {row}: a label is a whole number or text, got {value!r}")
    if all(isinstance(value, str) for value in raw):
        found = tuple(sorted(set(raw))) if names is None else names
        index = {name: i for i, name in enumerate(found)}
        unknown = next((row for row, value in enumerate(raw) if value not in index), None)
        if unknown is not None:
            raise ValueError(
                f"{file}, row {unknown}: label {raw[unknown]!r} is none of {', '.join(found)}"
            )
        return np.array([index[value] for value in raw], np.int64), found
    if any(isinstance(value, str) for value in raw):
        raise ValueError(f"{file} mixes whole numbers and text as labels; use one of them")
    if names is None:
        # With fewer images than classes one is empty, so there is no need to list more.
        names = tuple(str(i) for i in range(min(max(0, max(raw)), len(raw)) + 1))
    return np.array(raw, np.int64), names
