"""MobileNet V1 as data, as maths, as a network: the library under the interactive textbook.

The names below are handed out lazily, so that `import mobilenet_lib` stays fast and loads torch
only when a name that needs it is asked for.
"""

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:  # the one list of public names
    from .architecture import Architecture, mobilenet_v1
    from .convention import KERAS, PAPER, TF_SLIM, TIMM, Convention
    from .layer import Layer
    from .model import MobileNet
    from .weights import load_published

__version__ = "0.1.0"

__all__, __getattr__, __dir__ = lazy_names(__name__)
