"""The progress ledger: which exercises the reader has tried and solved, kept between visits.

Where it cannot be kept (a home folder that is read-only, another user's or not there, a full disk,
a file that is no ledger), it is remembered until the session ends, and every answer says why.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock

from ..files import BOOK, own_path, printable, read_json, write_json
from ..validation import check_int

PROGRESS_VARIABLE = "MOBILENET_PROGRESS"
VERSION = 1


@dataclass
class Record:
    """What the ledger keeps of one exercise."""

    wrong: int = 0
    """Wrong answers so far, which decide how much of the hints is shown."""
    solved: str | None = None
    """When it was first solved (UTC), None while it is not."""


Records = dict[str, Record]
_unwritten: Records = {}
"""What this session has found and no file holds."""


def ledger_path() -> Path:
    """Where progress is kept: MOBILENET_PROGRESS, else the user's data folder; see `own_path`."""
    return own_path(PROGRESS_VARIABLE, lambda: platformdirs.user_data_path(BOOK) / "progress.json")


def read_ledger() -> tuple[Records, str | None]:
    """Records by exercise key, with those of this session; and why they cannot be kept, if so.

    A file that is no ledger is left as it is.
    """
    kept: Records = {}
    trouble = None
    try:
        kept = _read()
        _check_place()
    except (OSError, ValueError) as error:
        trouble = _trouble(error)
    return _with_session(kept), trouble


def note(key: str, right: bool) -> tuple[Record, str | None]:
    """Enter one answer to exercise `key`; its record, and why it cannot be kept, if so.

    The file is replaced whole, and one process at a time: two open chapters are two processes.
    """
    record = _unwritten.setdefault(key, Record())
    if not right:
        record.wrong += 1
    elif record.solved is None:
        record.solved = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        path = ledger_path()
        _read()  # what is no ledger gets no lock beside it
        _check_place()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=10):
            records = _with_session(_read())
            kept = {name: asdict(record) for name, record in sorted(records.items())}
            write_json(path, {"version": VERSION, "exercises": kept})
    except (OSError, ValueError, NotImplementedError) as error:  # the last: no locks there
        return read_ledger()[0][key], _trouble(error)
    _unwritten.clear()
    return records[key], None


def _read() -> Records:
    """What the file holds; nothing if there is none yet."""
    path = ledger_path()
    if not path.exists():
        return {}
    try:
        if not path.is_file():  # a pipe would be waited for, a device replaced
            raise ValueError("it is not a file")
        content = read_json(path)
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}, expected {VERSION}")
        return {key: _record(**record) for key, record in content["exercises"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"the progress file {path} cannot be read ({error}) and is left as it is; "
            "move it away to start afresh"
        ) from error


def _check_place() -> None:
    """Refuse a place that cannot be written, a file that was made read-only included."""
    path = ledger_path()
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    for place in (path, folder):
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(f"{place} cannot be written")


def _record(wrong: int, solved: str | None) -> Record:
    if solved is not None:
        datetime.fromisoformat(solved)
    return Record(check_int("wrong", wrong, 0), solved)


def _with_session(kept: Records) -> Records:
    """The records of a file and what this session has to add to them."""
    both = dict(kept)
    for key, own in _unwritten.items():
        record = kept.get(key, Record())
        both[key] = Record(record.wrong + own.wrong, record.solved or own.solved)
    return both


def _trouble(error: Exception) -> str:
    why = str(error)
    if isinstance(error, OSError) and error.strerror:
        why = f"{ledger_path()} cannot be used ({error.strerror})"
    return (
        f"Remembered only until this session ends: {printable(why)}. To keep your progress, set "
        f"the variable {PROGRESS_VARIABLE} to a file in a folder that you can write in."
    )
