"""The book's interactive figures.

Each is one class. `ConvolutionExplorer`, `SeparableExplorer`, `LiveCurve`, `PhotoPicker` and
`TradeoffExplorer` run in the browser; the others put controls on a figure from
`mobilenet_lib.plots` through `FigureExplorer`, the place where a browser version can take over. All
leave a still picture where they cannot run (`Still`). Widgets are loaded with the first class that
is asked for, matplotlib with the first picture.
Each is one class. `ConvolutionExplorer`, `LiveCurve`, `PhotoPicker`, `RooflineExplorer` and
`TradeoffExplorer` run in the browser (anywidget); the others put controls on a
figure from `mobilenet_lib.plots` through `FigureExplorer`, the place where a browser version can
take over. All leave a still picture where they cannot run (`Still`). Widgets are loaded with the
first class that is asked for, matplotlib with the first picture.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # the one list of public names
    from .convolution import ConvolutionExplorer
    from .detector import DetectorExplorer
    from .figure import (
        ArchitectureExplorer,
        FigureExplorer,
        SparsityExplorer,
    )
    from .letters import LettersExplorer
    from .live import LiveCurve
    from .roofline import RooflineExplorer
    from .separable import SeparableExplorer
    from .tradeoff import TradeoffExplorer

__all__, __getattr__, __dir__ = lazy_names(__name__)
