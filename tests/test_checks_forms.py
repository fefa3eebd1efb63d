"""What is right passes however it is written and whatever holds it, and no input may be changed."""

import functools
import inspect
from collections import namedtuple

import numpy as np
import pytest
import torch
from tried import TRIED, answer_of

from mobilenet_lib.checks import check

FUNCTIONS = [key for key, tried in TRIED.items() if inspect.isfunction(answer_of(tried.right[0]))]


def array(change):
    return lambda part: change(part) if isinstance(part, np.ndarray) else part


def number(change):
    real = (int, float, np.number)
    return lambda part: (
        change(part) if isinstance(part, real) and not isinstance(part, bool) else part
    )


PARTS = {
    "nested lists": array(lambda a: a.tolist()),
    "tensors that learn": array(lambda a: torch.tensor(a.astype(float), requires_grad=True)),
    "half the digits": array(lambda a: a.astype(np.float32)),
    "another order in memory": array(np.asfortranarray),
    "objects": array(lambda a: a.astype(object)),
    "numbers of NumPy": number(np.float32),
    "arrays without axes": number(np.array),
    "texts of NumPy": lambda part: np.array(part) if isinstance(part, str) else part,
    "truths of NumPy": lambda part: np.bool_(part) if isinstance(part, bool) else part,
}
WHOLES = {
    "list": list,
    "generator": lambda parts: (part for part in parts),
    "named": lambda parts: namedtuple("Result", [f"part_{i}" for i in range(len(parts))])(*parts),
}


def held(result, of_parts, of_whole):
    if isinstance(result, tuple | list):
        return of_whole([held(part, of_parts, of_whole) for part in result])
    return of_parts(result)


def written(function):
    """The function in other forms of code."""

    class Called:
        def __call__(self, *arguments):
            return function(*arguments)

        def method(self, *arguments):
            return function(*arguments)

    @functools.wraps(function)
    def decorated(*arguments, **options):
        return function(*arguments, **options)

    def with_defaults(*arguments, verbose=False):
        return function(*arguments)

    return Called(), Called().method, functools.partial(function), decorated, with_defaults


@pytest.mark.parametrize("key", FUNCTIONS)
def test_a_right_function_is_right_however_it_is_written(key):
    for form in written(answer_of(TRIED[key].right[0])):
        assert check(key, form, record=False).right, form


@pytest.mark.parametrize("key", FUNCTIONS)
def test_a_right_result_is_right_whatever_holds_it(key):
    function = answer_of(TRIED[key].right[0])
    for form in (*PARTS, *WHOLES):
        parts, whole = PARTS.get(form, lambda part: part), WHOLES.get(form, tuple)

        def answer(*given, parts=parts, whole=whole):
            return held(function(*given), parts, whole)

        verdict = check(key, answer, record=False)
        assert verdict.right, f"{form}: {verdict}"


def changed(value):
    """Whether something in a value can be changed, and now is."""
    if isinstance(value, np.ndarray | torch.Tensor) and len(value):
        value[:1] = ~value[:1] if value.dtype in (bool, torch.bool) else value[:1] + 1
        return True
    if isinstance(value, torch.nn.Module):
        return changed(next(value.parameters()).data)
    if isinstance(value, dict) and value:
        value["another"] = 1
        return True
    if isinstance(value, list) and value:
        value.append(value.pop(0)) if len(value) > 1 else value.append(0)
        return True
    return False


@pytest.mark.parametrize("key", FUNCTIONS)
def test_whatever_is_handed_in_must_stay_as_it_is(key):
    function = answer_of(TRIED[key].right[0])
    for place in range(len(inspect.signature(function).parameters)):
        done = []

        def spoils(*given, place=place, done=done):
            result = function(*given)
            done.append(changed(given[place]))
            return result

        verdict = check(key, spoils, record=False)
        assert verdict.right is (not any(done)), f"argument {place}: {verdict}"
        assert "Hint: Work on" in verdict.text or "work on a copy" in verdict.text or not any(done)
