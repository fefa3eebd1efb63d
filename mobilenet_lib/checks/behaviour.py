"""Checks for functions: what they do in several cases is compared with a reference.

A slip is a usual mistake as a function of its own: what gives the same as it in every case has made
that mistake, and gets its hint.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import IOBase
from typing import Any

import numpy as np

from .answers import Check, Fault, NotAnAnswerError, plain
from .compare import STOPPED, Case, Done, Function, alike, common, differs, only_square, same
from .guard import HaltedError, advice, message, shown, steps

NO_RETURN = "Nothing comes out: does it end with `return`, whichever path it takes?"
IN_PLACE = "Your function changes what it was given: work on a copy, or build something new."
CALL_IT = "Call it yourself with such arguments: Python then shows the line that stops, and why."


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
        done: Done = []
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
            if done and all(same(r, slip, c, e, tolerance, parts) for c, e, r in done):
                raise Fault(first.said, hint)
        first.hint = (
            only_square(done, tolerance)
            or first.hint
            or common(done, tolerance)
            or _at_times(done, reference, tolerance, parts)
        )
        raise first

    return check


def _at_times(
    done: Done, reference: Function, tolerance: float, parts: Sequence[str]
) -> str | None:
    """A hint for what is right in some cases."""
    for case, expected, result in done:
        if result is not STOPPED and differs(result, expected, tolerance, parts) is None:
            where = names(reference, case)
            fixed = "" if isinstance(expected, str) else " Is a number fixed in the code?"
            return f"It is right {where}: what is different here?{fixed}"
    return None


def as_function(answer: Any, reference: Function) -> Function:
    """The answer, if it can be called as the reference is."""
    wanted = inspect.signature(reference)
    like = f"f({', '.join(wanted.parameters)})"
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
        if isinstance(result, np.ndarray) and result.dtype.kind == "U" and result.ndim == 0:
            result = result.item()
    except (KeyboardInterrupt, NotImplementedError, HaltedError):
        raise
    except NameError as error:
        if not isinstance(error, UnboundLocalError):
            raise
        raise Fault(f"it stops with {message(error)}.", advice(error)) from None
    except Fault:
        raise
    except BaseException as error:
        raise Fault(f"it stops with {message(error)}.", advice(error) or CALL_IT) from None
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


def _inside(net: Any) -> list[Any]:
    """What a network keeps; statistics are left out, since they move whenever it runs."""
    learned = [(name, p, p.requires_grad) for name, p in net.named_parameters()]
    return [*learned, [module.training for module in net.modules()]]


def _unchanged(before: Any, after: Any) -> bool:
    if hasattr(before, "named_parameters"):
        before, after = map(_inside, (before, after))
    if isinstance(before, list | tuple):
        same = len(before) == len(after)
        return same and all(map(_unchanged, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(
            _unchanged(before[k], after[k]) for k in before
        )
    before, after = plain(before), plain(after)
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after)
    return type(before).__eq__ is object.__eq__ or bool(before == after)


def names(reference: Function, case: Case) -> str:
    """The arguments of a call in words, arrays by their shapes."""
    known = list(inspect.signature(reference).parameters)
    words = []
    for name, value in zip(known, case, strict=False):
        array = isinstance(value, np.ndarray) and value.size > 6
        value = value.tolist() if isinstance(value, np.ndarray) and not array else value
        words.append(f"{name} of shape {value.shape}" if array else f"{name} = {shown(value, 60)}")
    return "for " + (" and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]])) or "a call")


def without_loops(small: Case, *larger: tuple[str, Case], hint: str) -> Callable[[Function], None]:
    """For `then` of `behaves`: more rows, columns or channels must not take more Python."""

    def then(answer: Function) -> None:
        few = steps(answer, *small)
        for what, case in larger:
            if steps(answer, *case) > few + 8:
                raise Fault(f"the numbers are right, but it loops over {what}.", hint)

    return then
