"""The runtimes of others, imported so that they report nothing over the network.

Both onnxruntime and openvino send an event when they start, and leave an identifier in the home
folder, unless they are stopped before their first import. Nobody who opens this book has agreed to
that. Who imports them first, by hand, decides for himself.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import ModuleType
from typing import Any

_FIRST = Lock()
"""The first call makes the core; without a lock, two threads might make one each."""


def load_onnxruntime() -> ModuleType:
    """The onnxruntime package."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when its library starts
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Windows' build does not read the variable
    return onnxruntime


def load_openvino() -> ModuleType:
    """The openvino package, without its converters' reporting."""
    loaded = sys.modules.get("openvino")
    if loaded is not None:
        return loaded
    # Where the package openvino_telemetry is missing it takes a stand-in that does nothing. None
    # in sys.modules is Python's way to say that a package is missing.
    quiet = "openvino_telemetry" not in sys.modules
    if quiet:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if quiet:
            del sys.modules["openvino_telemetry"]
    return openvino


def openvino_core() -> Any:
    """The one `openvino.Core` of this process, which lives as long as it does.

    With its first device a Core gives signal handlers a stack of its own, and when it goes it puts
    back the stack that it found. Of two Cores where the older goes first, the younger puts back
    one that is freed by then, and the next signal, such as Ctrl-C, ends the process.
    """
    with _FIRST:
        return _core()


@cache
def _core() -> Any:
    return load_openvino().Core()


@contextmanager
def hushed(*names: str) -> Iterator[None]:
    """Let others' deprecations pass, and the loggers `names` ("": the root) speak of errors only.

    Converters warn of their own plans and of packages that this network does not need: nothing
    that a reader could act on.
    """
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for logger, (level, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            # A converter's logging.warning() sets up the root logger, for everyone from then on.
            logger.handlers[:] = handlers
