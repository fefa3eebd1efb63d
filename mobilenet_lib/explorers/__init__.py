"""The book's interactive figures.

Each is one class. `ConvolutionExplorer` runs in the browser (anywidget, with its `.js` and `.css`
beside it); the others put ipywidgets controls on a figure from `mobilenet_lib.plots` through
`FigureExplorer`, the place where a browser version can take over.
"""

from .convolution import ConvolutionExplorer
from .figure import FigureExplorer
from .network import ArchitectureExplorer
from .separable import SeparableExplorer

__all__ = ["ArchitectureExplorer", "ConvolutionExplorer", "FigureExplorer", "SeparableExplorer"]
