"""The book's interactive figures.

Each is one class. `ConvolutionExplorer`, `LiveCurve`, `PhotoPicker` and `TradeoffExplorer` run in
the browser (anywidget, each with its `.js` and `.css` beside it); the others put controls on a
figure from `mobilenet_lib.plots` through `FigureExplorer`, the place where a browser version can
take over. All leave a still picture where they cannot run (`Still`). Widgets are loaded with the
first class that is asked for, matplotlib with the first picture.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

# ruff: noqa: F401 - the public names, which `lazy_names` hands out
if TYPE_CHECKING:
    from .convolution import ConvolutionExplorer
    from .figure import FigureExplorer
    from .live import LiveCurve
    from .network import ArchitectureExplorer
    from .photo import DetectorExplorer, PhotoPicker
    from .separable import SeparableExplorer
    from .sparsity import SparsityExplorer
    from .tradeoff import TradeoffExplorer

__getattr__, __dir__ = lazy_names(__name__)
