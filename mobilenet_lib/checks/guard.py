"""Run a reader's code so that `check` comes back: no exit, no endless run, random state as before.

What it raises does leave `contained`, and is explained here for the verdict.
"""

from __future__ import annotations

import copy
import ctypes
import io
import os
import random
import re
import sys
import sysconfig
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from types import FrameType
from typing import Any, NoReturn

import numpy as np

SECONDS = 60.0
"""After which a reader's code is stopped; the slowest check takes a hundredth of it."""
SHOWN, PRINTED = 2_000, 100_000
"""Characters of what a reader's code prints that are shown, and those at which it is stopped."""
TORCH_SEED = 67280421310721
"""With which torch starts, before anybody seeds it."""
LIBRARIES = (
    *(sysconfig.get_paths()[n] for n in ("stdlib", "purelib", "platlib")),
    "<__",
    "<frozen",
)
"""Where a frame is none of the reader's."""


class HaltedError(BaseException):
    """The reader's code ran or printed without end; no `except Exception` in it stops this."""


@contextmanager
def contained() -> Iterator[None]:
    """Keep exits, output without end, warnings and random state of a reader's code inside."""
    with ExitStack() as stack:
        _keep_random_state(stack)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(redirect_stdout(_Bounded(sys.stdout)))
        stack.enter_context(redirect_stderr(_Bounded(sys.stderr)))
        _refuse_exits(stack)
        _stop_after(SECONDS, stack)
        yield


class _Bounded(io.TextIOBase):
    """A stream that shows the beginning, and stops what prints without end."""

    def __init__(self, out: Any) -> None:
        self.out, self.written = out, 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.written < SHOWN:
            self.out.write(text[: SHOWN - self.written])
        self.written += len(text)
        if self.written > PRINTED:
            raise HaltedError("it prints without end")
        return len(text)

    def flush(self) -> None:
        self.out.flush()


def _keep_random_state(stack: ExitStack) -> None:
    stack.callback(random.setstate, random.getstate())
    stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002
    torch = sys.modules.get("torch")
    state = torch.get_rng_state() if torch else None
    on_gpus = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else []

    def restore() -> None:
        torch = sys.modules.get("torch")
        if torch and state is not None:
            torch.set_rng_state(state)
        elif torch:  # a check has imported it; the reader is to find it as fresh
            torch.default_generator.manual_seed(TORCH_SEED)
        for number, each in enumerate(on_gpus):
            sys.modules["torch"].cuda.set_rng_state(each, number)

    stack.callback(restore)


def _refuse_exits(stack: ExitStack) -> None:
    """Have calls that end the process at once raise SystemExit; in a notebook, `exit()` as well."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise SystemExit("exit")

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    for owner, name in ((os, "_exit"), (os, "abort"), (shell, "ask_exit")):
        if hasattr(owner, name):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, refuse)


def _stop_after(seconds: float, stack: ExitStack) -> None:
    """Raise HaltedError in this thread after a time, unless the stack is left before."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread = ctypes.c_ulong(threading.get_ident())
    over = fired = False
    lock = threading.Lock()

    def stop() -> None:
        nonlocal fired
        with lock:
            if not over:
                fired = True
                raise_in(thread, ctypes.py_object(HaltedError))

    def leave() -> None:
        nonlocal over
        timer.cancel()
        with suppress(HaltedError), lock:  # it may still be on its way
            over = True
            for _ in range(1000 * fired):
                pass

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    stack.callback(leave)


def steps(answer: Callable[..., Any], *arguments: Any) -> int:
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


# --- Words for what a reader's code does ---------------------------------------------------------


def shown(value: Any, most: int = 80) -> str:
    """A reader's object in a line that can always be shown, whatever its own `repr` does."""
    try:
        text = repr(value)
    except BaseException:
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def message(error: BaseException) -> str:
    """What was raised, in a line."""
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = ""
    name = type(error).__name__
    return f"{name}: {text[:200]}" if text else name


def advice(error: BaseException) -> str | None:
    """A hint for what was raised, if it says more than that something did not work."""
    try:
        said = str(error)
    except BaseException:
        said = ""
    if isinstance(error, HaltedError | RecursionError):
        return "Which condition ends it, and does that come true for every input?"
    if isinstance(error, SystemExit | GeneratorExit):
        return "An exit would end your session; let the function `return` its result."
    if isinstance(error, UnboundLocalError):
        return "A name is used before it has a value: give it one before the loop or the `if`."
    if re.search(r"numpy\.ndarray|must be Tensor|'Tensor'|np\.ndarray", said):
        return (
            "The arguments are NumPy arrays, and torch's functions and methods take tensors: use "
            "NumPy's, or turn the arguments into tensors first."
        )
    if re.search(r"\bempty\b|negative (values|dimensions)", said):
        return "Something is empty there, or less than nothing: what should come out in that case?"
    if isinstance(error, IndexError):
        return "An index leaves the array: compare the last one with the array's shape."
    if re.search(r"broadcast|shapes?\b|not aligned|mismatch|(?<!0-)dimension", said):
        return "Two shapes do not fit: print both of them just before the line that stops."
    if isinstance(error, ZeroDivisionError):
        return "Something is divided by zero: for which input is the divisor zero?"
    return None
