"""What a reader's function gives, compared with what it should give."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .answers import Fault, NotAnAnswerError, as_array, as_number
from .guard import shown

Case = tuple[Any, ...]
Function = Callable[..., Any]
Done = list[tuple[Case, Any, Any]]
"""Arguments, what should come out, what came out."""
STOPPED = object()
PLAIN = "Return the numbers themselves: no text, no dictionary, nothing around them."


def alike(result: Any, expected: Any, parts: Sequence[str] = ()) -> Any:
    """A result in the form of the expected one; a Fault if it cannot be brought to it."""
    try:
        if isinstance(expected, tuple):
            count = len(expected)
            named = f"{count} results ({', '.join(parts)})" if parts else f"{count} results"
            try:
                if isinstance(result, dict | str | set):
                    raise TypeError
                items = list(itertools.islice(iter(result), count + 1))
            except TypeError:
                items = [result]
            rows = {(count, *np.shape(each)) for each in expected}
            array = hasattr(result, "ndim") and {tuple(result.shape)} != rows
            if len(items) != count or (array and result.ndim != 1):
                one = hasattr(result, "ndim") or len(items) == 1
                what = "one result" if one else f"{len(items)} results"
                raise Fault(f"it gives {what} where {named} are asked for.", f"Return {named}.")
            return tuple(alike(item, like) for item, like in zip(items, expected, strict=True))
        if isinstance(expected, np.ndarray):
            return as_array(result, "an array of numbers is asked for").astype(float)
        if isinstance(expected, bool | np.bool_):
            if np.ndim(result) or result not in (False, True):  # to which 0 and 1 are equal
                raise Fault(f"it returns {shown(result)}, not True or False.")
            return bool(result)
        if isinstance(expected, int | float | np.number):
            return float(as_number(result, "a number is asked for"))
    except NotAnAnswerError as error:
        many = "this has" in str(error)
        hint = "One number is asked for: which of them is it?" if many else PLAIN
        raise Fault(f"its result is off: {error}", hint) from None
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result.item()
    return str(result) if isinstance(result, str) else result


def differs(result: Any, expected: Any, tolerance: float, parts: Sequence[str] = ()) -> str | None:
    """What is off in a result of the right form; None if nothing is."""
    if isinstance(expected, tuple):
        for number, (one, like) in enumerate(zip(result, expected, strict=True)):
            name = parts[number] if parts else f"result {number + 1}"
            if said := differs(one, like, tolerance):
                return f"of {name}: {said}"
        return None
    if isinstance(expected, str | bool | np.bool_) or expected is None:
        same = type(result) is type(expected) and result == expected
        return None if same else f"it gives {shown(result)}, not {shown(expected)}."
    one, like = np.asarray(result, float), np.asarray(expected, float)
    if one.shape != like.shape:
        return f"the result has shape {one.shape}, not {like.shape}."
    scale = np.abs(like[np.isfinite(like)]).max(initial=0) or 1.0
    off = ~np.isclose(one, like, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if not off.any():
        return None
    if like.ndim == 0:
        return f"the result is {one:.6g}, not {like:.6g}."
    where = tuple(int(i) for i in np.argwhere(off)[0])
    place = ", ".join(map(str, where))
    return (
        f"the shape is right, {int(off.sum())} of {off.size} numbers are not: at [{place}] stands "
        f"{one[where]:.6g}, not {like[where]:.6g}."
    )


def same(
    result: Any, slip: Function, case: Case, like: Any, tolerance: float, parts: Sequence[str]
) -> bool:
    """Whether a result is what a mistake gives."""
    try:
        made = slip(*copy.deepcopy(case))
        made = alike(made, like)
    except Exception:  # a mistake may not be possible in every case
        return result is STOPPED
    try:
        return type(result) is type(made) and differs(result, made, tolerance, parts) is None
    except (TypeError, ValueError):
        return False


def common(done: Done, tolerance: float) -> str | None:
    """A hint for what all results have in common with the right ones, whatever the exercise."""
    if any(r is STOPPED for _, _, r in done):
        return None
    if isinstance(done[0][1], tuple):  # several results: is a single one off?
        parts = [
            [(case, e[i], r[i]) for case, e, r in done]
            for i in range(len(done[0][1]))
            if any(differs(r[i], e[i], tolerance) for _, e, r in done)
        ]
        hints = {common(part, tolerance) for part in parts}
        return hints.pop() if len(hints) == 1 else None
    if all(isinstance(e, str) for _, e, _ in done):
        return _words([(r, e) for _, e, r in done])
    if not all(_is_numbers(e) for _, e, _ in done):
        return None
    pairs = [(np.asarray(r, float), np.asarray(e, float)) for _, e, r in done]
    if any(not np.isfinite(r).all() and np.isfinite(e).all() for r, e in pairs):
        return "Something becomes nan or infinite: is there a division by 0, or a number too large?"
    for hint, like in _KINSHIPS:
        if all(like(r, e, tolerance) for r, e in pairs):
            return hint
    pairs = [(r, e) for r, e in pairs if r.size or e.size]
    if said := _sizes(pairs):
        return said
    if any(r.shape != e.shape for r, e in pairs) or not pairs:
        return None
    factors = [np.vdot(e, r) / np.vdot(e, e) if e.any() else 0.0 for r, e in pairs]
    if all(factors) and all(
        _near(r, f * e, tolerance) for f, (r, e) in zip(factors, pairs, strict=True)
    ):
        if np.allclose(factors, 1, rtol=1e-3):
            return "All of it is nearly right: is something small left out, or rounded on the way?"
        if np.allclose(factors, factors[0], rtol=1e-3):
            return f"Every result is {factors[0]:.4g} times the right one: look for that factor."
        if all(e.ndim for _, e in pairs):
            return "Each result is a multiple of the right one: is something divided by a number?"
    gaps = [float((r - e).ravel()[0]) for r, e in pairs]
    if np.allclose(gaps, gaps[0]) and all(_near(r, e + gaps[0], tolerance) for r, e in pairs):
        return f"Every number is off by the same {gaps[0]:.4g}: what is added?"
    return None


def _sizes(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str | None:
    if all(r.size == 1 < e.size for r, e in pairs):
        return "A single number comes out; as many as in an array are asked for."
    if all(e.ndim == r.ndim == 1 and (e == np.round(e)).all() for r, e in pairs):  # places
        here, there = next(((set(r), set(e)) for r, e in pairs if set(r) != set(e)), (set(), set()))
        words = [f"{min(here - there):g} does not belong to it"] if here - there else []
        words += [f"{min(there - here):g} is missing"] if there - here else []
        return f"In the first case that is wrong, {' and '.join(words)}." if words else None
    if len({r.shape for r, _ in pairs}) == 1 < len({e.shape for _, e in pairs}):
        return "It has the same size whatever it is given: is a number fixed in the code?"
    return None


def _words(pairs: list[tuple[Any, str]]) -> str | None:
    results = [r for r, _ in pairs]
    if not all(isinstance(r, str) for r in results):
        return f'One word or name is asked for, as text, such as "{pairs[0][1]}".'
    if all(r.lower() in e.lower() or e.lower()[:4] in r.lower() for r, e in pairs if r):
        wrong = next(e for r, e in pairs if r != e)
        return f'Spell it as the exercise does: "{wrong}".'
    if len(set(results)) == 1 and len(pairs) > 1:
        return "It says the same whatever it is given."
    return None


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray | float | int) and not isinstance(value, bool)


def _near(one: np.ndarray, like: np.ndarray, tolerance: float) -> bool:
    return one.shape == like.shape and differs(one, like, tolerance) is None


def _permuted(r: np.ndarray, e: np.ndarray, tolerance: float) -> bool:
    orders = list(itertools.permutations(range(e.ndim)))[1:] if 2 < e.ndim < 5 else []
    return any(_near(r, e.transpose(order), tolerance) for order in orders)


def _whole(r: np.ndarray, e: np.ndarray, tolerance: float) -> bool:
    return r.shape == e.shape and bool(np.array_equal(r, np.round(r)) and np.any(e != np.round(e)))


def _larger(r: np.ndarray, e: np.ndarray, tolerance: float) -> bool:
    if r.ndim != e.ndim or r.shape == e.shape or not e.size:
        return False
    spare = np.subtract(r.shape, e.shape)
    corners = (spare * 0, spare // 2, spare)
    parts = [r[tuple(slice(k, k + n) for k, n in zip(c, e.shape, strict=True))] for c in corners]
    return bool((spare >= 0).all()) and any(_near(part, e, tolerance) for part in parts)


_KINSHIPS: tuple[tuple[str, Callable[[np.ndarray, np.ndarray, float], bool]], ...] = (
    (
        "Nothing but zeros comes out: is the result ever filled?",
        lambda r, e, t: r.shape == e.shape and not r.any(),
    ),
    (
        "All numbers are there, with rows and columns exchanged.",
        lambda r, e, t: e.ndim > 1 and _near(r, e.T, t),
    ),
    ("All numbers are there, with the axes in another order.", _permuted),
    ("The sizes are right, the signs are not.", lambda r, e, t: _near(r, -e, t)),
    (
        "The signs are lost: what is negative comes out positive.",
        lambda r, e, t: _near(r, np.abs(e), t),
    ),
    ("What is negative has become 0.", lambda r, e, t: _near(r, np.maximum(e, 0), t)),
    (
        "All numbers are there, in reversed order.",
        lambda r, e, t: bool(e.ndim) and _near(r, np.flip(e), t),
    ),
    (
        "They are rounded: leave all digits.",
        lambda r, e, t: any(_near(r, np.round(e, n), t) for n in range(4)),
    ),
    (
        "Only whole numbers come out: is there an array of whole numbers, or a `//`?",
        _whole,
    ),
    ("The right numbers are there, and a border around them: cut it off.", _larger),
    (
        "The numbers are right, one after the other; their shape is not.",
        lambda r, e, t: r.size == e.size and _near(r.ravel(), e.ravel(), t),
    ),
    (
        "All numbers are there, in another order.",
        lambda r, e, t: r.size == e.size > 1 and _near(np.sort(r.ravel()), np.sort(e.ravel()), t),
    ),
    (
        "Every second row and column is missing.",
        lambda r, e, t: e.ndim > 1 and _near(r, e[::2, ::2], t),
    ),
)


def only_square(done: Done, tolerance: float) -> str | None:
    """A hint for what is right until height and width differ."""
    right: set[bool] = set()
    wrong: set[bool] = set()
    for case, expected, result in done:
        shape = next((np.shape(a) for a in case if isinstance(a, np.ndarray) and a.ndim > 1), (0,))
        bad = result is STOPPED or differs(result, expected, tolerance) is not None
        (wrong if bad else right).add(len(shape) > 1 and shape[0] == shape[1])
    if right == {True} and wrong == {False}:
        return "What is square comes out right: rows and columns each have a size of their own."
    return None
