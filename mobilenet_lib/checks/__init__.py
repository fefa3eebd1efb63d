"""Exercise checks with hints, and the reader's progress.

>>> check("1.2", 5)
Exercise 1.2, Eq. 2 by hand: not yet, 5 is not it.
Hint: ...
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from typing import Any

from . import chapter_09, chapters_01_to_04, chapters_05_to_08
from .answers import Exercise, NotAnAnswerError
from .ledger import Record, ledger_path, note, read_ledger

__all__ = ["EXERCISES", "Exercise", "Progress", "Verdict", "check", "ledger_path", "progress"]

_ALL = (*chapters_01_to_04.EXERCISES, *chapters_05_to_08.EXERCISES, *chapter_09.EXERCISES)
EXERCISES = {e.key: e for e in _ALL}
"""All exercises of the book, by key.

Right answers are computed by the library, so that they cannot drift from what the chapters teach.
"""
_LOOKS = {None: ("○", "#5c5c5c"), True: ("✔", "#00674b"), False: ("✘", "#b04a00")}


@dataclass(frozen=True)
class Verdict:
    """What `check` says. `right` is None while there is no answer yet."""

    right: bool | None
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        mark, colour = _LOOKS[self.right]
        lines = "<br>".join(html.escape(line) for line in self.text.splitlines())
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:4px 10px">'
            f"{mark} {lines}</div>"
        )


def check(key: str, answer: Any = ..., record: bool = True) -> Verdict:
    """Check an answer to an exercise and keep the result in the progress ledger.

    Parameters
    ----------
    key
        Chapter and number, such as "1.2".
    answer
        What the exercise asks for; `...` stands for no answer yet.
    record
        Whether to enter the result in the ledger; the solutions do not.

    Raises
    ------
    KeyError
        There is no such exercise.
    """
    if key not in EXERCISES:
        raise KeyError(f"no exercise {key!r}; there are {', '.join(EXERCISES)}")
    exercise = EXERCISES[key]
    name = f"Exercise {key}, {exercise.title}"
    if answer is ... or answer is None:
        return Verdict(None, f"{name}: not answered yet. Put your answer where the dots are.")
    try:
        fault = exercise.check(answer)
    except NotAnAnswerError as error:
        return Verdict(None, f"{name}: {error} This does not count as a try.")
    except NameError as error:  # says more about the session than about the answer
        text = f"your function stopped with: {error}. Import or define that in the same cell."
        return Verdict(None, f"{name}: {text} This does not count as a try.")
    except Exception as error:  # the reader's own function may raise anything; it is shown
        fault = f"checking your answer raised {type(error).__name__}: {error}"
    noted, trouble = note(key, right=fault is None) if record else (Record(wrong=1), None)
    lines = [f"{name}: right."]
    if fault is not None:
        hint = exercise.hints[min(noted.wrong, len(exercise.hints)) - 1]
        lines = [f"{name}: not yet, {fault}", f"Hint: {hint}"]
    return Verdict(fault is None, "\n".join([*lines, trouble] if trouble else lines))


@dataclass(frozen=True)
class Progress:
    """How far the reader is: exercises solved in each chapter."""

    solved: dict[int, int]
    total: dict[int, int]
    trouble: str | None = None
    """Why it cannot be kept for the next visit; None if it can."""

    def __repr__(self) -> str:
        lines = [
            f"chapter {chapter:02d}: {self.solved[chapter]} of {total} exercises solved"
            for chapter, total in self.total.items()
        ]
        return "\n".join([*lines, self.trouble] if self.trouble else lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{chapter:02d}</td>"
            f'<td><progress max="{total}" value="{self.solved[chapter]}" '
            f'aria-label="chapter {chapter:02d}"></progress></td>'
            f"<td>{self.solved[chapter]} of {total}</td></tr>"
            for chapter, total in self.total.items()
        )
        table = f"<tr><th>chapter</th><th></th><th>exercises solved</th></tr>{rows}"
        trouble = f"<p>{html.escape(self.trouble)}</p>" if self.trouble else ""
        return f"<table>{table}</table>{trouble}"


def progress() -> Progress:
    """The reader's progress, from the ledger and from this session."""
    records, trouble = read_ledger()
    total = Counter(exercise.chapter for exercise in EXERCISES.values())
    solved = Counter(
        e.chapter for key, e in EXERCISES.items() if key in records and records[key].solved
    )
    return Progress({chapter: solved[chapter] for chapter in total}, dict(total), trouble)
