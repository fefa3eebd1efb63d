"""The book's interactive figures.

Each is one class. `ConvolutionExplorer`, `LiveCurve`, `PhotoPicker` and `TradeoffExplorer` run in
the browser (anywidget, each with its `.js` and `.css` beside it); the others put controls on a
figure from `mobilenet_lib.plots` through `FigureExplorer`, the place where a browser version can
take over. All leave a still picture where they cannot run (`Still`). Widgets are loaded with the
first class that is asked for, matplotlib with the first picture.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # the one list of public names
    from .architecture import ArchitectureExplorer
    from .convolution import ConvolutionExplorer
    from .detector import DetectorExplorer
    from .figure import FigureExplorer, SeparableExplorer, SparsityExplorer
    from .letters import LettersExplorer
    from .live import LiveCurve
    from .tradeoff import TradeoffExplorer

__all__, __getattr__, __dir__ = lazy_names(__name__)
