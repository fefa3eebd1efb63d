"""Checks of arguments, shared by every module, so that bad input is named the same way."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection
from typing import Annotated, Any

# Types of fields that are written to files for others, with limits as JSON Schema calls them.
Count = Annotated[int, ("maximum", 65_536)]
Share = Annotated[float, ("minimum", 0), ("maximum", 1)]
NotNegative = Annotated[float, ("minimum", 0)]


def check_int(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int between `low` and `high`, both included.

    NumPy integers and whole floats such as 224.0 are accepted, booleans are not.

    Raises
    ------
    TypeError
        `value` is not a whole number.
    ValueError
        `value` lies outside the range.
    """
    allowed = f"a whole number >= {low}" if high is None else f"a whole number from {low} to {high}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {allowed}, got {value!r}") from None
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return number


def check_positive(name: str, value: Any, high: float = math.inf) -> float:
    """Return `value` as a finite float above 0 and at most `high`; raises as `check_number`."""
    allowed = "a number above 0" if math.isinf(high) else f"a number above 0 and at most {high:g}"
    return _number(name, value, allowed, lambda x: 0 < x <= high and math.isfinite(x))


def check_number(name: str, value: Any, low: float, high: float) -> float:
    """Return `value` as a float from `low` to `high`, both included.

    Raises
    ------
    TypeError
        `value` is not a number.
    ValueError
        `value` lies outside the range, or is NaN.
    """
    allowed = f"a number from {low:g} to {high:g}"
    return _number(name, value, allowed, lambda x: low <= x <= high)


def check_share(name: str, value: Any) -> float:
    """Return `value` as a float from 0 to below 1; raises as `check_number`."""
    return _number(name, value, "a number from 0 to below 1", lambda x: 0 <= x < 1)


def _number(name: str, value: Any, allowed: str, fits: Callable[[float], bool]) -> float:
    try:
        if isinstance(value, bool | str):
            raise TypeError
        number = float(value)
    except OverflowError:  # a whole number too large for a float
        number = math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {allowed}, got {value!r}") from None
    if not fits(number):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return number


def check_choice(name: str, value: Any, choices: Collection[Any]) -> Any:
    """Return `value` if it is one of `choices`.

    Raises
    ------
    ValueError
        It is not; the message lists them.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")
    return value
