"""What an exercise is, and checks for answers that are numbers, names or arrays.

A check gets an answer in any form that means the same (a list for a tuple, a NumPy or torch number,
a whole number as a float) and returns None when it is right, else one sentence on what is off. It
raises `Fault` where it knows which mistake was made, with the hint for that one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .guard import shown

Check = Callable[[Any], str | None]
Slips = Callable[[], Mapping[str, Any]]
"""What usual mistakes give: hint → the wrong answer, or a tuple or list of such.

Called only when an answer is wrong, so it may compute."""
MANY = 10_000
"""Items that are taken of an answer at most; an iterator may be endless."""
SLIPS_OF_UNITS = (
    (100, "This is a hundred times too large: is a share asked for, or a percentage?"),
    (0.01, "This is a hundredth of it: is a share asked for, or a percentage?"),
    (1e3, "This is a thousand times too large: look at the units."),
    (1e-3, "This is a thousandth of it: look at the units."),
    (1e6, "This is a million times too large: look at the units."),
    (1e-6, "This is a millionth of it: look at the units."),
    (-1, "The size is right, the sign is not."),
    (2, "This is twice as much: is something counted double?"),
    (0.5, "This is half of it: is something left out?"),
)


class NotAnAnswerError(ValueError):
    """What was handed in is of the wrong sort; it counts neither as right nor as wrong."""


class Fault(Exception):
    """A wrong answer: what is off, and the hint for the mistake if it is a known one."""

    def __init__(self, said: str, hint: str | None = None) -> None:
        super().__init__(said)
        self.said, self.hint = said, hint


@dataclass(frozen=True)
class Exercise:
    """One exercise. Hints go from a nudge to nearly the answer; wrong answers reveal the next."""

    key: str
    title: str
    check: Check
    hints: tuple[str, ...]
    goals: tuple[str, ...] = ()
    """Words by which the chapter's list of goals names what this exercises."""
    kind: Literal["quick", "build", "investigate"] = "quick"

    @property
    def chapter(self) -> int:
        """The chapter it belongs to."""
        return int(self.key.split(".")[0])


def exercise(
    key: str,
    title: str,
    check: Check,
    *hints: str,
    goals: Iterable[str] = (),
    kind: Literal["quick", "build", "investigate"] = "quick",
) -> Exercise:
    """An exercise with its hints, from the first to the last."""
    return Exercise(key, title, check, hints, tuple(goals), kind)


# --- Forms of an answer ---------------------------------------------------------------------------


def as_array(value: Any, asked: str) -> np.ndarray:
    """An answer as an array of real numbers, or say that what was `asked` for is not this."""
    refused = NotAnAnswerError(f"{asked}, this is {shown(value)}.")
    if isinstance(value, str | bytes | set | frozenset | dict | type) or value is None:
        raise refused
    try:
        array = np.asarray(plain(value))
        if array.dtype.kind == "c" and not np.imag(array).any():
            array = array.real
        if array.dtype == object and array.size:  # such as fractions
            array = array.astype(float)
    except (TypeError, ValueError, RecursionError, OverflowError):
        raise refused from None
    if array.dtype.kind not in "iuf":
        raise refused
    return array


def plain(value: Any) -> Any:
    """An iterator as the list of what it gives, which must end; what is in a list likewise."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "detach") and hasattr(
        value, "numpy"
    ):  # a tensor, which may be on a graphics card
        value = value.detach().cpu()
        return (value.double() if value.is_floating_point() else value).numpy()
    views = (range, ValuesView, KeysView)
    if not (hasattr(value, "__next__") or isinstance(value, views)):
        return value
    items = list(itertools.islice(value, MANY))
    if len(items) == MANY:
        raise Fault("it goes on without end.", "Return a list or an array that is complete.")
    return items


def as_number(value: Any, asked: str) -> float | int:
    """An answer as a number, which a single one in a list or array also is."""
    if isinstance(value, str):
        said = f"{asked}, this is text, {shown(value)}: leave out the quotation marks."
        raise NotAnAnswerError(said)
    if isinstance(value, bool | np.bool_):
        raise NotAnAnswerError(f"{asked}, this is {value}.")
    if isinstance(value, int):  # of any size, which an array is not
        return value
    array = as_array(value, asked)
    if array.size != 1:
        raise NotAnAnswerError(f"{asked}, this has {array.size} of them: {shown(value)}.")
    number = array.reshape(())[()].item()
    if not np.isfinite(number):
        said = f"{number} is not a number to calculate with."
        raise Fault(said, "Where does it become infinite, or undefined: is something divided by 0?")
    return int(number) if isinstance(number, float) and number.is_integer() else number


def whole_number(answer: Any, asked: str) -> int:
    """Return the answer as an int, or say that what was `asked` for is not this."""
    number = as_number(answer, asked)
    if isinstance(number, float):
        raise NotAnAnswerError(f"{asked}, this is {shown(answer)}.")
    return number


# --- Checks ---------------------------------------------------------------------------------------


def whole(expected: Callable[[], int], slips: Slips = dict) -> Check:
    """A check for one whole number."""

    def check(answer: Any) -> str | None:
        number, right = whole_number(answer, "a whole number is asked for"), expected()
        if number == right:
            return None
        _slipped(number, right, 0, slips)
        said = f"{number:,} is not it."
        if abs(number - right) == 1:
            raise Fault(said, "Off by one: count the ends again.")
        if right > 10_000 and abs(number - right) < 0.005 * right:
            raise Fault(said, "Near, but the exact number is asked for: let Python multiply.")
        return said

    return check


def close(expected: Callable[[], float], tolerance: float, slips: Slips = dict) -> Check:
    """A check for a number that may be rounded; what is nearer to a mistake is that mistake."""

    def check(answer: Any) -> str | None:
        number, right = float(as_number(answer, "a number is asked for")), expected()
        gap = abs(number - right)
        rounded = any(np.isclose(number, np.round(right, n), rtol=5e-4) for n in range(3))
        nearer = not rounded and any(abs(number - value) < gap for _, value in _each(slips))
        if gap <= tolerance and not nearer:
            return None
        _slipped(number, right, tolerance, slips)
        raise Fault(f"{number:g} is not it.", _rounding(number, right, tolerance))

    return check


def _rounding(number: float, right: float, tolerance: float) -> str | None:
    """The hint for a number that misses by its digits alone, or that is upside down."""
    exact = bool(np.isclose(right, np.round(right, 2)))
    for step in () if exact else (1.0, 0.1, 0.01):
        if number and np.isclose(number, np.round(right / step) * step):
            return "That is rounded too far: keep another digit."
        if number and np.isclose(number, np.floor(right / step) * step):
            return "That is cut off: round it."
    if not exact and abs(number - right) <= max(3 * tolerance, 0.02 * abs(right)):
        return "That is near: compute with all digits, and round only at the end."
    if np.isclose(number * right, 1, rtol=0.01):
        return "The other way round: what is divided by what?"
    return None


def _each(slips: Slips) -> Iterator[tuple[str, float]]:
    for hint, wrong in slips().items():
        for value in wrong if isinstance(wrong, tuple | list) else (wrong,):
            yield hint, value


def _slipped(number: float, right: float, tolerance: float, slips: Slips) -> None:
    """Raise the Fault for the nearest mistake that gives this number, if one does."""
    near = [
        (abs(number - value), hint)
        for hint, value in _each(slips)
        if abs(number - value) <= max(tolerance, (2e-3 if tolerance else 0) * abs(value))
    ]
    near += [
        (abs(number - factor * right), hint)
        for factor, hint in SLIPS_OF_UNITS
        if not near and abs(number - factor * right) <= abs(factor) * (tolerance or right * 2e-3)
    ]
    if near:
        raise Fault(f"{number:,} is not it.", min(near, key=lambda each: each[0])[1])


def pair(
    expected: Callable[[], tuple[int, int]],
    slips: Slips = dict,
    names: tuple[str, str] = ("first", "second"),
) -> Check:
    """A check for two whole numbers, such as a shape; `slips` are pairs, None for any number."""

    def check(answer: Any) -> str | None:
        asked = "two whole numbers are asked for, such as (3, 5)"
        array = as_array(answer, asked)
        if array.size != 2:
            raise NotAnAnswerError(f"{asked}, this is {shown(answer)}.")
        first, second = (whole_number(number, asked) for number in array.ravel())
        wanted = expected()
        right = [a == b for a, b in zip((first, second), wanted, strict=True)]
        if all(right):
            return None
        said = f"({first:,}, {second:,}) is not it."
        if any(right):
            wrong, other = names[::-1] if right[0] else names
            said = f"the {wrong} number is not it, the {other} one is."
        if (second, first) == wanted:
            raise Fault(said, f"Both are there, in the other order: {names[0]}, then {names[1]}.")
        for hint, slip in slips().items():
            for one in slip if isinstance(slip, list) else [slip]:
                if all(a is None or a == b for a, b in zip(one, (first, second), strict=True)):
                    raise Fault(said, hint)
        return said

    return check


def one_of(
    right: Callable[[], str], names: Callable[[], Iterable[str]], wrong: Callable[[str], Fault]
) -> Check:
    """A check for one name of several; `wrong` says what is off with another one."""

    def check(answer: Any) -> str | None:
        known = list(names())
        name = answer.strip() if isinstance(answer, str) else answer
        if isinstance(answer, np.ndarray) and answer.size == 1:
            name = str(answer.reshape(-1)[0])
        name = getattr(name, "name", name)  # such as the layer itself
        name = name.lower() if isinstance(name, str) and name.lower() in known else name
        if not isinstance(name, str) or name not in known:
            like = " or ".join(f'"{each}"' for each in known[:2])
            raise NotAnAnswerError(f"a name such as {like} is asked for, this is {shown(answer)}.")
        if name == right():
            return None
        raise wrong(name)

    return check


def function(of: Check) -> Check:
    """A check for a function; `of` says what it does wrong."""

    def check(answer: Any) -> str | None:
        if not callable(answer):
            raise NotAnAnswerError(f"a function is asked for, this is {shown(answer)}.")
        return of(answer)

    return check
