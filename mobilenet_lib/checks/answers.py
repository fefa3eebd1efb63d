"""What an exercise is, and the checks for the usual sorts of answers.

A check returns None when the answer is right, else one sentence on what is off.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], str | None]


class NotAnAnswerError(ValueError):
    """What was handed in is of the wrong sort; it counts neither as right nor as wrong."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. Hints go from a nudge to nearly the answer; wrong answers reveal the next."""

    key: str
    title: str
    check: Check
    hints: tuple[str, ...]

    @property
    def chapter(self) -> int:
        """The chapter it belongs to."""
        return int(self.key.split(".")[0])


def exercise(key: str, title: str, check: Check, *hints: str) -> Exercise:
    """An exercise with its hints, from the first to the last."""
    return Exercise(key, title, check, hints)


def whole(expected: Callable[[], int]) -> Check:
    """A check for one whole number."""

    def check(answer: Any) -> str | None:
        number = whole_number(answer, "a whole number is asked for")
        return None if number == expected() else f"{number:,} is not it."

    return check


def close(expected: Callable[[], float], tolerance: float) -> Check:
    """A check for a number that may be rounded."""

    def check(answer: Any) -> str | None:
        try:
            number = float(answer)
        except (TypeError, ValueError):
            raise NotAnAnswerError(f"a number is asked for, this is {answer!r}.") from None
        return None if abs(number - expected()) <= tolerance else f"{number:g} is not it."

    return check


def pair(expected: Callable[[], tuple[int, int]]) -> Check:
    """A check for two whole numbers, such as a shape."""

    def check(answer: Any) -> str | None:
        asked = "two whole numbers are asked for, such as (3, 5)"
        try:
            first, second = answer
        except (TypeError, ValueError):
            raise NotAnAnswerError(f"{asked}, this is {answer!r}.") from None
        first, second = whole_number(first, asked), whole_number(second, asked)
        right = [a == b for a, b in zip((first, second), expected(), strict=True)]
        if all(right):
            return None
        if any(right):
            return f"the {'second' if right[0] else 'first'} number is not it, the other one is."
        return f"({first:,}, {second:,}) is not it."

    return check


def function(of: Check) -> Check:
    """A check for a function; `of` says what it does wrong."""

    def check(answer: Any) -> str | None:
        if not callable(answer):
            raise NotAnAnswerError(f"a function is asked for, this is {answer!r}.")
        return of(answer)

    return check


def whole_number(answer: Any, asked: str) -> int:
    """Return the answer as an int, or say that what was `asked` for is not this."""
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    try:
        return operator.index(answer)
    except TypeError:
        raise NotAnAnswerError(f"{asked}, this is {answer!r}.") from None
