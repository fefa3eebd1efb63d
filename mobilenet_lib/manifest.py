"""The list of the files in the book's `data/`, by which a copy is known to be whole."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.txt"
HEADER = "# The MobileNet book's data: SHA-256, bytes and path of each file\n"
LINE = re.compile(r"([0-9a-f]{64}) +(\d+)  (\w[\w.-]*(?:/\w[\w.-]*)*)", re.ASCII)  # no "..", no "/"
LIMIT = 2**29
"""Bytes that the data may have; the book has a tenth of it."""


class DataError(ValueError):
    """What was named is not the book's data, or not whole; the message says what is wrong."""


@dataclass(frozen=True)
class Entry:
    """One file of the data."""

    digest: str
    size: int
    path: str

    def fits(self, content: bytes) -> bool:
        """Whether these are its bytes."""
        return len(content) == self.size and hashlib.sha256(content).hexdigest() == self.digest


def make_manifest(folder: Path) -> str:
    """The manifest of a folder: every file but itself, hidden ones and what Python leaves there."""
    lines = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
        inside = path.relative_to(folder)
        odd = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
        if path.is_file() and not odd and str(inside) != MANIFEST:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f"{digest} {len(content):9d}  {inside.as_posix()}\n")
    return HEADER + "".join(lines)


def read_manifest(text: str) -> tuple[Entry, ...]:
    """The files that a manifest lists.

    Raises
    ------
    DataError
        It is none, lists a path that leads out of its folder, or more than the data may have.
    """
    head, *lines = text.splitlines(keepends=True) or [""]
    found = [LINE.fullmatch(line.rstrip("\n")) for line in lines]
    if head != HEADER or not lines or None in found:
        raise DataError(f"this is no {MANIFEST} of the book's data")
    entries = tuple(Entry(m[1], int(m[2]), m[3]) for m in found if m)
    if len({entry.path.lower() for entry in entries}) < len(entries):
        raise DataError(f"its {MANIFEST} lists a file twice")
    if sum(entry.size for entry in entries) > LIMIT:
        raise DataError(f"its {MANIFEST} lists more than the {LIMIT:,} bytes that are allowed")
    return entries


def problems(folder: Path) -> list[str]:
    """Files that are missing in a data folder, or not as its manifest has them; DataError: none."""
    try:
        entries = read_manifest((folder / MANIFEST).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{folder} has no {MANIFEST}, so it is not the book's data") from None
    return [entry.path for entry in entries if not is_there(folder, entry)]


def is_there(folder: Path, entry: Entry) -> bool:
    """Whether a file lies in a folder as the manifest lists it."""
    path = folder / entry.path
    try:
        return path.stat().st_size == entry.size and entry.fits(path.read_bytes())
    except OSError:
        return False


def few(names: list[str]) -> str:
    """Names in a message: three, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
