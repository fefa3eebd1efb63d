"""MobileNet V1 as data, as maths, as a network: the library under the interactive textbook.

The names below are handed out lazily, so that `import mobilenet_lib` stays fast and loads torch
only when a name that needs it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .architecture import Architecture, mobilenet_v1
    from .layer import Layer
    from .model import KERAS, PAPER, TF_SLIM, TIMM, Convention, MobileNet

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "architecture",
    "Layer": "layer",
    "mobilenet_v1": "architecture",
    "Convention": "model",
    "MobileNet": "model",
    "PAPER": "model",
    "TF_SLIM": "model",
    "KERAS": "model",
    "TIMM": "model",
}
__all__ = ["KERAS", "PAPER", "TF_SLIM", "TIMM"]
__all__ += ["Architecture", "Convention", "Layer", "MobileNet", "mobilenet_v1"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
