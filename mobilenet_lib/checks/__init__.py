"""Exercise checks with hints, and the reader's progress.

>>> check("1.2", 5)
Exercise 1.2, Eq. 2 by hand: not yet, 5 is not it.
Hint: ...
"""

from __future__ import annotations

import hashlib
import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

from .answers import Exercise, Fault, NotAnAnswerError
from .asking import expect, outcomes, quiz
from .guard import HaltedError, advice, contained, message, shown
from .ledger import (
    Record,
    export_progress,
    import_progress,
    ledger_path,
    note,
    read_ledger,
)
from .prompts import CHAPTERS, asked

__all__ = [
    "EXERCISES",
    "Exercise",
    "Progress",
    "Verdict",
    "check",
    "expect",
    "export_progress",
    "import_progress",
    "ledger_path",
    "outcomes",
    "progress",
    "quiz",
]

_CHAPTERS = [import_module(f".chapter_{number:02d}", __name__) for number in range(1, 10)]
EXERCISES: dict[str, Exercise] = {e.key: e for chapter in _CHAPTERS for e in chapter.EXERCISES}
"""All exercises of the book, by key.

Right answers are computed by the library, so that they cannot drift from what the chapters teach.
"""
_LOOKS = {None: ("○", "#5c5c5c"), True: ("✔", "#00674b"), False: ("✘", "#b04a00")}
UNCOUNTED = "This does not count as a try."


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

    Whatever the answer does, this returns: what a reader's function raises or exits with becomes
    part of the verdict, and random state is as it was before.

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
        fault = _fault(exercise, answer)
    except (NotAnAnswerError, _Uncounted) as error:
        return Verdict(None, f"{name}: {error} {UNCOUNTED}")
    mark = _fingerprint(answer, fault.said) if fault else ""
    noted, trouble = note(key, fault is None, mark) if record else (Record(wrong=1), None)
    lines = [f"{name}: right."]
    if fault is not None:
        hint = fault.hint or exercise.hints[min(max(noted.wrong, 1), len(exercise.hints)) - 1]
        lines = [f"{name}: not yet, {fault.said}", f"Hint: {hint}"]
    return Verdict(fault is None, "\n".join([*lines, trouble] if trouble else lines))


class _Uncounted(Exception):
    """Says more about the session than about the answer."""


def _fault(exercise: Exercise, answer: Any) -> Fault | None:
    """What is wrong with an answer; None if it is right."""
    try:
        with contained():
            said = exercise.check(answer)
            return None if said is None else Fault(said)
    except Fault as fault:
        return fault
    except NotAnAnswerError:
        raise
    except KeyboardInterrupt:
        raise _Uncounted("you stopped it.") from None
    except HaltedError as error:
        said = message(error).removeprefix("HaltedError").strip(": ") or "it runs without end"
        return Fault(f"{said}, and was stopped.", advice(error))
    except NotImplementedError:
        raise _Uncounted("your function is still to be written.") from None
    except UnboundLocalError as error:
        return Fault(f"checking your answer raised {message(error)}.", advice(error))
    except NameError as error:
        text = f"your function stopped with: {error}. Import or define that in the same cell."
        raise _Uncounted(text) from None
    except BaseException as error:  # the reader's own code may raise anything; it is shown
        return Fault(f"checking your answer raised {message(error)}.", advice(error))


def _fingerprint(answer: Any, said: str) -> str:
    """The same for the same wrong answer in another run of the cell, in a few letters."""
    codes = [code for part in _parts(answer) for code in _code(part)]
    same = re.sub(r" at 0x[0-9a-fA-F]+", "", "\n".join(codes or [shown(answer, 10_000)]))
    outcome = re.sub(r"[-+\d.e]+", "#", said) if codes else said  # random numbers differ
    return hashlib.sha256(f"{same}\n{outcome}".encode(errors="replace")).hexdigest()[:8]


def _parts(answer: Any) -> Iterator[CodeType]:
    """The code of a function, of each in a pair, or of an object that can be called."""
    for part in answer if type(answer) in (tuple, list) else (answer,):
        function = part.func if type(part) is partial else part
        owner = function if issubclass(type(function), type) else type(function)
        for each in (function, owner.__dict__.get("__call__"), owner.__dict__.get("__init__")):
            if type(each) is FunctionType:
                yield each.__code__


def _code(code: CodeType) -> Iterator[str]:
    """What a function does, wherever its cell stands."""
    yield repr((code.co_code, code.co_names, code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield shown(constant, 1_000)


@dataclass(frozen=True)
class Progress:
    """How far the reader is: exercises solved, predictions made, questions answered."""

    solved: dict[int, int]
    """Exercises, by chapter."""
    total: dict[int, int]
    trouble: str | None = None
    """Why it cannot be kept for the next visit; None if it can."""
    asked: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """By chapter, predictions made and in all, closing questions solved and in all."""

    def _rows(self) -> Iterator[tuple[int, str, str, str]]:
        for chapter in sorted({*self.total, *self.asked}):
            made, predictions, answered, questions = self.asked.get(chapter, (0, 0, 0, 0))
            yield (
                chapter,
                f"{made} of {predictions}",
                f"{answered} of {questions}",
                f"{self.solved[chapter]} of {self.total[chapter]}" if chapter in self.total else "",
            )

    def __repr__(self) -> str:
        lines = []
        for chapter, predictions, questions, exercises in self._rows():
            parts = [f"{exercises} exercises solved"] if exercises else []
            parts += [f"{predictions} predictions made", f"{questions} questions answered"]
            lines.append(f"chapter {chapter:02d}: {', '.join(parts)}")
        return "\n".join([*lines, self.trouble] if self.trouble else lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{chapter:02d}</td><td>{predictions}</td><td>{questions}</td>"
            + (
                f'<td><progress max="{self.total[chapter]}" value="{self.solved[chapter]}" '
                f'aria-label="exercises of chapter {chapter:02d}"></progress></td>'
                f"<td>{exercises}</td></tr>"
                if exercises
                else "<td></td><td>none</td></tr>"
            )
            for chapter, predictions, questions, exercises in self._rows()
        )
        heads = ("chapter", "predictions made", "questions answered", "", "exercises solved")
        table = f"<tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}"
        trouble = f"<p>{html.escape(self.trouble)}</p>" if self.trouble else ""
        return f"<table>{table}</table>{trouble}"


def progress() -> Progress:
    """The reader's progress, from the ledger and from this session."""
    records, trouble = read_ledger()
    total = Counter(exercise.chapter for exercise in EXERCISES.values())
    solved = Counter(
        e.chapter for key, e in EXERCISES.items() if key in records and records[key].solved
    )
    questions = {}
    for chapter in CHAPTERS:
        ours = asked(chapter)
        made = sum(key in records and records[key].said is not None for key in ours.predictions)
        answered = sum(bool(key in records and records[key].solved) for key in ours.questions)
        counts = (made, len(ours.predictions), answered, len(ours.questions))
        questions[int(chapter)] = counts
    solved_of = {chapter: solved[chapter] for chapter in total}
    return Progress(solved_of, dict(total), trouble, questions)
