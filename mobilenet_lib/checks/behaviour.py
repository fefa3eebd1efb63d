"""Checks for functions: what they do in several cases is compared with a reference.

A slip is a usual mistake as a function of its own: what gives the same as it in every case has made
that mistake, and gets its hint.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import IOBase
from types import FrameType
from typing import Any

import numpy as np

from .answers import Check, Fault, NotAnAnswerError, as_array, as_number, plain
from .guard import HaltedError, advice, message, shown

Case = tuple[Any, ...]
Function = Callable[..., Any]
STOPPED = object()
NO_RETURN = "Nothing comes out: does it end with `return`, whichever way it takes?"
IN_PLACE = "Your function changes what it was given: work on a copy, or build something new."
LIBRARIES = (*(sysconfig.get_paths()[n] for n in ("stdlib", "purelib", "platlib")), "<__")


def behaves(
    reference: Function,
    cases: Callable[[], Iterable[Case]],
    *slips: tuple[str, Function],
    tolerance: float = 1e-4,
    parts: Sequence[str] = (),
    then: Callable[[Function], None] | None = None,
) -> Check:
    """A check for a function that is to do what `reference` does.

    Parameters
    ----------
    reference
        What is right; the names of its parameters are those in messages.
    cases
        Arguments of several calls: odd and even, not square, other numbers than in the text.
    slips
        Pairs of a hint and what the mistake makes of the reference.
    tolerance
        Largest difference, as a share of the largest number that is expected.
    parts
        What the results are called if there are several.
    then
        What else has to hold of a function that is right; it raises a Fault.
    """

    def check(answer: Any) -> str | None:
        answer = as_function(answer, reference)
        done: list[tuple[Case, Any, Any]] = []
        first: Fault | None = None
        for case in cases():
            expected = reference(*copy.deepcopy(case))
            try:
                result = alike(call(answer, reference, *case), expected, parts)
                done.append((case, expected, result))
                if first is None and (said := differs(result, expected, tolerance, parts)):
                    first = Fault(f"{names(reference, case)}, {said}")
            except Fault as fault:
                told = Fault(f"{names(reference, case)}, {fault.said}", fault.hint)
                if fault.hint in (NO_RETURN, IN_PLACE) or not done:
                    raise told from None
                done.append((case, expected, STOPPED))
                first = first or told
        if first is None:
            if then is not None:
                then(answer)
            return None
        for hint, slip in slips:
            if done and all(_same(r, slip, c, e, tolerance, parts) for c, e, r in done):
                raise Fault(first.said, hint)
        first.hint = _only_square(done, tolerance) or first.hint or _common(done, tolerance)
        raise first

    return check


def as_function(answer: Any, reference: Function) -> Function:
    """The answer, if it can be called as the reference is."""
    wanted = inspect.signature(reference)
    like = f"f{wanted}".split(" ->")[0]
    if isinstance(answer, staticmethod):
        answer = answer.__func__
    if not callable(answer):
        raise NotAnAnswerError(
            f"a function is asked for, this is {shown(answer)}. Give its name, without calling it."
        )
    try:
        inspect.signature(answer).bind(*wanted.parameters)
    except TypeError:
        raise Fault(
            f"it cannot be called with {len(wanted.parameters)} arguments.",
            f"It is called as `{like}`; its parameters are to be as many, in this order.",
        ) from None
    except ValueError:
        pass  # of what is written in C no parameters are known
    return answer


def call(answer: Function, reference: Function | None, *arguments: Any) -> Any:
    """What the reader's function gives; a Fault if it raises, gives nothing or changes its input.

    An interrupt, and a name that is not defined, are of the session and go on.
    """
    given = copy.deepcopy(arguments)
    try:
        result = answer(*given)
        if isinstance(result, Iterator) and not isinstance(result, IOBase):
            result = plain(result)
    except (KeyboardInterrupt, NotImplementedError, HaltedError):
        raise
    except NameError as error:
        if not isinstance(error, UnboundLocalError):
            raise
        raise Fault(f"it stops with {message(error)}.", advice(error)) from None
    except Fault:
        raise
    except BaseException as error:
        raise Fault(f"it stops with {message(error)}.", advice(error)) from None
    if hasattr(result, "cr_await"):
        result.close()
        raise Fault("it returns a coroutine.", "Write `def` without `async`.")
    known = inspect.signature(reference).parameters if reference else ()
    for name, before, after in itertools.zip_longest(known, arguments, given, fillvalue="input"):
        if not _unchanged(before, after):
            raise Fault(f"it changes {name} in place.", IN_PLACE)
    if result is None:
        raise Fault("it returns None.", NO_RETURN)
    return result


def _unchanged(before: Any, after: Any) -> bool:
    if isinstance(before, list | tuple):
        same = len(before) == len(after)
        return same and all(map(_unchanged, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(
            _unchanged(before[k], after[k]) for k in before
        )
    return not isinstance(before, np.ndarray | str | int | float) or np.array_equal(before, after)


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
            if len(items) != count or (hasattr(result, "ndim") and result.ndim != 1):
                one = hasattr(result, "ndim") or len(items) == 1
                what = "one result" if one else f"{len(items)} results"
                raise Fault(f"it gives {what} where {named} are asked for.", f"Return {named}.")
            return tuple(alike(item, like) for item, like in zip(items, expected, strict=True))
        if isinstance(expected, np.ndarray):
            return as_array(result, "an array of numbers is asked for").astype(float)
        if isinstance(expected, bool | np.bool_):
            if not isinstance(result, bool | np.bool_) and result not in (0, 1):
                raise Fault(f"it returns {shown(result)}, not True or False.")
            return bool(result)
        if isinstance(expected, int | float | np.number):
            return float(as_number(result, "a number is asked for"))
    except NotAnAnswerError as error:
        many = "this has" in str(error)
        hint = "One number is asked for: which of them is it?" if many else None
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


def _same(
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


def _common(done: list[tuple[Case, Any, Any]], tolerance: float) -> str | None:
    """A hint for what all results have in common: turned around, shifted, or a factor."""
    if not all(_is_numbers(e) and r is not STOPPED for _, e, r in done):
        return None
    pairs = [(np.asarray(r, float), np.asarray(e, float)) for _, e, r in done]
    if all(r.ndim > 1 and _near(r, e.T, tolerance) for r, e in pairs):
        return "All numbers are there, with rows and columns exchanged."
    if any(r.shape != e.shape for r, e in pairs):
        return None
    if all(_near(r, -e, tolerance) for r, e in pairs):
        return "The sizes are right, the signs are not."
    factors = [np.vdot(e, r) / np.vdot(e, e) if e.any() else 0.0 for r, e in pairs]
    factor = float(factors[0])
    if (
        factor
        and np.allclose(factors, factor, rtol=1e-3)
        and all(_near(r, factor * e, tolerance) for r, e in pairs)
    ):
        return f"Every result is {factor:.4g} times the right one: look for that factor."
    if all(e.ndim and _near(r, np.flip(e), tolerance) for r, e in pairs):
        return "All numbers are there, in reversed order."
    return None


def _only_square(done: list[tuple[Case, Any, Any]], tolerance: float) -> str | None:
    """A hint for what is right until height and width differ."""
    right: set[bool] = set()
    wrong: set[bool] = set()
    for case, expected, result in done:
        shape = next((np.shape(a) for a in case if isinstance(a, np.ndarray) and a.ndim > 1), (0,))
        bad = result is STOPPED or differs(result, expected, tolerance) is not None
        (wrong if bad else right).add(len(shape) > 1 and shape[0] == shape[1])
    if True in right and wrong == {False}:
        return "What is square comes out right: rows and columns each have a size of their own."
    return None


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray | float | int) and not isinstance(value, bool)


def _near(one: np.ndarray, like: np.ndarray, tolerance: float) -> bool:
    return one.shape == like.shape and differs(one, like, tolerance) is None


def names(reference: Function, case: Case) -> str:
    """The arguments of a call in words, arrays by their shapes."""
    known = list(inspect.signature(reference).parameters)
    words = []
    for name, value in zip(known, case, strict=False):
        array = isinstance(value, np.ndarray) and value.size > 6
        value = value.tolist() if isinstance(value, np.ndarray) and not array else value
        words.append(f"{name} of shape {value.shape}" if array else f"{name} = {shown(value, 60)}")
    return "for " + (" and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]])) or "a call")


# --- Loops ----------------------------------------------------------------------------------------


def steps(answer: Function, *arguments: Any) -> int:
    """Lines of Python, other than libraries', that a call runs through.

    In whatever form, a loop over something takes more of them for more of it: `for`, `while`, a
    comprehension, recursion, or `np.vectorize`.
    """
    count = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename.startswith(LIBRARIES):
            return None
        count += 1
        return line

    before, given = sys.gettrace(), copy.deepcopy(arguments)
    sys.settrace(entered)
    try:
        answer(*given)
    finally:
        sys.settrace(before)
    return count


def without_loops(small: Case, *larger: tuple[str, Case], hint: str) -> Callable[[Function], None]:
    """For `then` of `behaves`: more rows, columns or channels must not take more Python."""

    def then(answer: Function) -> None:
        few = steps(answer, *small)
        for what, case in larger:
            if steps(answer, *case) > few + 8:
                raise Fault(f"the numbers are right, but it loops over {what}.", hint)

    return then
