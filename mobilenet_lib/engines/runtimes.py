"""The runtimes of others, imported so that they report nothing over the network.

Both onnxruntime and openvino send an event when they start, and leave an identifier in the home
folder, unless they are stopped before their first import. Nobody who opens this book has agreed to
that. Who imports them first, by hand, decides for himself.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


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


@contextmanager
def hushed(*names: str) -> Iterator[None]:
    """Let the loggers called `names` speak of errors only, inside the block ("": the root)."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
