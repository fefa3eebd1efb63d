"""Checks of arguments, shared by every module, so that bad input is named the same way."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection
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
    """Return `value` as a finite float above 0 and at most `high`.

    Raises
    ------
    TypeError
        `value` is not a number.
    ValueError
        `value` is not finite, not positive, or larger than `high`.
    """
    allowed = "a number above 0" if math.isinf(high) else f"a number above 0 and at most {high:g}"
    try:
        if isinstance(value, bool | str):
            raise TypeError
        number = float(value)
    except OverflowError:  # a whole number too large for a float
        number = math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {allowed}, got {value!r}") from None
    if not math.isfinite(number) or number <= 0 or number > high:
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


def check_share(name: str, value: Any) -> float:
    """Return `value` if it is a number from 0 to below 1.

    Raises
    ------
    ValueError
        It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number from 0 to below 1, got {value!r}")
    return float(value)
