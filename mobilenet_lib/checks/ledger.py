"""The progress ledger: what the reader has tried, solved and predicted, kept between visits.

It is kept twice, in a file and in a backup beside it, and read from both: what either holds is not
lost. What stands in the place of one and is no ledger is left as it is, and the other goes on.
Where neither can be kept (a home folder that is read-only, another user's or not there, a full
disk), it is remembered until the session ends, and every answer says why.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from ..files import BOOK, own_path, printable, read_json, write_json
from ..validation import check_int

PROGRESS_VARIABLE = "MOBILENET_PROGRESS"
VERSION = 1
BEGIN = '{"version":1,"exercises":{'
"""With which every ledger begins, but for white space: less of it is one that was cut off."""
ENTRY = re.compile(r'"(\d[\w.-]*)":\s*(\{[^{}]*\})')
IS_EXERCISE = re.compile(r"\d+\.\d+")
"""Keys of exercises; all others are of questions, which stand in a part of their own."""
REMEMBERED = 50
"""Wrong answers of one exercise that are told apart; older ones count anew if given again."""
LONGEST = 200
"""Letters of what a reader expects that are kept."""


@dataclass
class Record:
    """What the ledger keeps of one exercise, prediction or closing question."""

    wrong: int = 0
    """Different wrong answers so far, which decide how much of the hints is shown."""
    solved: str | None = None
    """When it was first solved (UTC), None while it is not."""
    tried: tuple[str, ...] = ()
    """Marks of those wrong answers, by which one given again is known."""
    said: str | None = None
    """Of a prediction, what the reader expected last."""
    at: str | None = None
    """When that was said (UTC)."""


Records = dict[str, Record]
_unwritten: Records = {}
"""What this session has found and no file holds."""


class NoLedgerError(ValueError):
    """What stands where a ledger is to be kept was not written by this book."""


def ledger_path() -> Path:
    """Where progress is kept: MOBILENET_PROGRESS, else the user's data folder; see `own_path`."""
    return own_path(PROGRESS_VARIABLE, lambda: platformdirs.user_data_path(BOOK) / "progress.json")


def backup_path() -> Path:
    """Where it is kept a second time: `progress.backup.json` beside `progress.json`."""
    path = ledger_path()
    return path.with_name(f"{path.stem}.backup{path.suffix}")


def read_ledger() -> tuple[Records, str | None]:
    """Records by key, with those of this session; and why they cannot be kept, if so.

    A file that is no ledger is left as it is.
    """
    kept: Records = {}
    trouble = None
    try:
        kept, usable, why = _read_both()
        _check_place()
        trouble = _trouble(why, usable) if why else None
    except (OSError, ValueError) as error:
        trouble = _trouble(error)
    return _merged(kept, _unwritten, add=True), trouble


def note(key: str, right: bool, mark: str = "") -> tuple[Record, str | None]:
    """Enter one answer to an exercise or question; its record, and why it cannot be kept, if so.

    Files are replaced whole, by one process at a time: two open chapters are two processes.

    Parameters
    ----------
    key
        The exercise or question.
    right
        Whether it is solved now.
    mark
        What tells a wrong answer from others; one that was given before counts no second time.
    """
    before = read_ledger()[0].get(key, Record())
    record = _unwritten.setdefault(key, Record())
    if right:
        record.solved = record.solved or datetime.now(UTC).isoformat(timespec="seconds")
    elif not (mark and mark in before.tried):
        record.wrong += 1
        record.tried += (mark,) if mark else ()
    return _keep(key)


def note_said(key: str, said: str) -> tuple[Record, str | None]:
    """Enter what the reader expects; the record, and why it cannot be kept, if so."""
    before = read_ledger()[0].get(key, Record()).at
    moment = datetime.now(UTC)
    if before is not None:  # perhaps by the clock of another machine, which is ahead
        moment = max(moment, datetime.fromisoformat(before) + timedelta(milliseconds=1))
    record = _unwritten.setdefault(key, Record())
    record.said, record.at = said[:LONGEST], moment.isoformat(timespec="milliseconds")
    return _keep(key)


def _keep(key: str) -> tuple[Record, str | None]:
    """Write what this session has found; the record of `key`, and what is in the way."""
    try:
        records, trouble = _write(_unwritten, add=True)
    except (OSError, ValueError, NotImplementedError) as error:  # the last: no locks there
        return read_ledger()[0][key], _trouble(error)
    _unwritten.clear()
    return records[key], trouble


def export_progress(path: str | os.PathLike[str]) -> None:
    """Write progress to a file, to take it to another machine or to the book's site."""
    if Path(path).exists():
        raise FileExistsError(f"{printable(path)} is already there; choose another name")
    write_json(path, _content(read_ledger()[0]))


def import_progress(path: str | os.PathLike[str]) -> None:
    """Add the progress in a file of `export_progress` to what is kept here; nothing is taken away.

    Raises
    ------
    ValueError
        The file is not one of progress.
    OSError
        It cannot be read, or the ledger cannot be written.
    """
    try:
        found = _parsed(read_json(path))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{printable(path)} is not a file of progress ({error})") from error
    _write(found, add=False)


# --- Files ----------------------------------------------------------------------------------------


def _write(new: Records, add: bool) -> tuple[Records, str | None]:
    """Put records into both files; all that is kept now, and what is off with one of them."""
    _, places, _ = _read_both()  # what is no ledger gets no lock beside it
    _check_place()
    path = ledger_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not places:
        raise _first_refusal()
    with FileLock(f"{path}.lock").acquire(timeout=30, poll_interval=0.002):
        kept, places, why = _read_both()
        records = _merged(kept, new, add)
        for left in path.parent.glob(f".{path.stem}.*.part"):  # of a process that was killed
            with suppress(OSError):
                left.unlink()
        for place in places:
            write_json(place, _content(records))
    return records, _trouble(why, places) if why else None


def _read_both() -> tuple[Records, list[Path], Exception | None]:
    """What both files hold, those of them that may be written, and what is off with one."""
    kept: Records = {}
    usable: list[Path] = []
    why: Exception | None = None
    for place in (ledger_path(), backup_path()):
        try:
            kept = _merged(kept, _read(place))
            usable.append(place)
        except NoLedgerError as error:
            why = why or error
    return kept, usable, why


def _first_refusal() -> Exception:
    try:
        _read(ledger_path())
    except NoLedgerError as error:
        return error
    return NoLedgerError("there is no place for it")


def _read(path: Path) -> Records:
    """What a file holds, of one that was cut off what is whole in it; nothing if there is none."""
    if not path.exists():
        return {}
    if not (path.is_file() or path.is_dir()):  # a pipe would be waited for, a device replaced
        raise ValueError(f"{printable(path)} cannot be used (it is not a file)")
    try:
        if path.is_dir():
            raise ValueError("it is a folder")
        text = path.read_bytes().decode()
        try:
            content = json.loads(text)
        except ValueError:
            if _is_cut_off(text):
                return dict(_whole_entries(text))
            raise
        return _parsed(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NoLedgerError(
            f"{printable(path)} is no progress file of this book ({error}) and is left as it is"
        ) from error


def _is_cut_off(text: str) -> bool:
    """Whether a text is the beginning of a ledger."""
    begin = re.sub(r"[\s\0]", "", text[:200])  # zeros: a file system after a crash
    return begin.startswith(BEGIN) or BEGIN.startswith(begin)


def _whole_entries(text: str) -> Iterable[tuple[str, Record]]:
    for key, entry in ENTRY.findall(text):
        with suppress(ValueError, TypeError):
            yield key, _record(**json.loads(entry))


def _check_place() -> None:
    """Refuse a place that cannot be written, a file that was made read-only included."""
    path = ledger_path()
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    for place in (path, folder):
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(f"{place} cannot be written")


def _content(records: Records) -> dict[str, Any]:
    exercises: dict[str, Any] = {}
    questions: dict[str, Any] = {}
    for key, record in sorted(records.items()):
        (exercises if IS_EXERCISE.fullmatch(key) else questions)[key] = as_kept(record)
    parts: dict[str, Any] = {"version": VERSION, "exercises": exercises}
    return parts | {"questions": questions} if questions else parts


def as_kept(record: Record) -> dict[str, Any]:
    """A record as files and cards have it; without what was said, if nothing was."""
    unsaid = ("said", "at") if record.said is None else ()
    return {name: value for name, value in asdict(record).items() if name not in unsaid}


def _parsed(content: Any) -> Records:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, expected {VERSION}")
    kept = {**content["exercises"], **(content.get("questions") or {})}
    return {key: _record(**record) for key, record in kept.items()}


def _record(
    wrong: int = 0,
    solved: str | None = None,
    tried: Iterable[str] = (),
    said: str | None = None,
    at: str | None = None,
) -> Record:
    for moment in (solved, at):
        if moment is not None and datetime.fromisoformat(moment).tzinfo is None:
            raise ValueError(f"{moment} is in no time zone")
    if not isinstance(tried, list | tuple):
        raise ValueError(f"tried is {tried!r}, not a list")
    if (said is None) != (at is None) or not isinstance(said, str | None):
        raise ValueError(f"what was said is {said!r}, at {at!r}")
    marks = tuple(str(mark) for mark in tried)
    return Record(check_int("wrong", wrong, 0), solved, marks, said and said[:LONGEST], at)


# --- Records --------------------------------------------------------------------------------------


def _merged(one: Records, other: Records, add: bool = False) -> Records:
    """Both: of wrong answers the larger number, or the sum where `other` comes on top of `one`.

    `merged` in `web/cards/ledger.js` does the same for a page.
    """
    both = dict(one)
    for key, new in other.items():
        old = one.get(key, Record())
        wrong = old.wrong + new.wrong if add else max(old.wrong, new.wrong)
        solved = min(filter(None, (old.solved, new.solved)), default=None)
        tried = tuple(dict.fromkeys((*old.tried, *new.tried)))[-REMEMBERED:]
        last = max(old, new, key=lambda record: (record.at or "", record.said or ""))
        both[key] = Record(wrong, solved, tried, last.said, last.at)
    return both


def _trouble(error: Exception, usable: Iterable[Path] = ()) -> str:
    why = str(error)
    if isinstance(error, OSError) and error.strerror:
        why = f"{ledger_path()} cannot be used ({error.strerror})"
    for place in usable:
        return f"Note: {printable(why)}. Your progress is kept in {printable(place)} all the same."
    return (
        f"Remembered only until this session ends: {printable(why)}. To keep your progress, set "
        f"the variable {PROGRESS_VARIABLE} to a file in a folder that you can write in."
    )
