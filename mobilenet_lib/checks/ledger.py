"""The progress ledger: which exercises the reader has tried and solved, kept between visits."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock

from ..files import write_atomically
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


def ledger_path() -> Path:
    """Where progress is kept: MOBILENET_PROGRESS, else the user's own data folder."""
    chosen = os.environ.get(PROGRESS_VARIABLE)
    return (
        Path(chosen) if chosen else platformdirs.user_data_path("mobilenet-book") / "progress.json"
    )


def read_ledger() -> dict[str, Record]:
    """Records by exercise key; empty if nothing was kept yet.

    Raises
    ------
    ValueError
        The file is no ledger. It is left as it is; the message says where it lies.
    """
    path = ledger_path()
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}, expected {VERSION}")
        return {key: _record(**record) for key, record in content["exercises"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"the progress file {path} cannot be read ({error}); move it away to start afresh"
        ) from error


def _record(wrong: int, solved: str | None) -> Record:
    if solved is not None:
        datetime.fromisoformat(solved)
    return Record(check_int("wrong", wrong, 0), solved)


def note(key: str, right: bool) -> Record:
    """Enter one answer to exercise `key` and return its record.

    The file is replaced whole, and one process at a time: two open chapters are two processes.

    Raises
    ------
    ValueError
        The ledger cannot be read.
    OSError
        It cannot be written, or another process has held it for ten seconds.
    """
    ledger_path().parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{ledger_path()}.lock", timeout=10):
        records = read_ledger()
        record = records.setdefault(key, Record())
        if right and record.solved is None:
            record.solved = datetime.now(UTC).isoformat(timespec="seconds")
        elif not right:
            record.wrong += 1
        content = {
            "version": VERSION,
            "exercises": {name: asdict(kept) for name, kept in sorted(records.items())},
        }
        write_atomically(ledger_path(), json.dumps(content, indent=2) + "\n")
    return record
