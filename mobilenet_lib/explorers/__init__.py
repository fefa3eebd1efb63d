"""The book's interactive figures.

Each is one class, and runs in the browser: its JavaScript is in `web/explorers/`, bundled into
`bundles/`, and its state in `definitions/`, which both read. All leave a still picture where they
cannot run (`Still`). Widgets are loaded with the first class that is asked for, matplotlib with the
first picture.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # the one list of public names
    from .architecture import ArchitectureExplorer
    from .convolution import ConvolutionExplorer
    from .detector import DetectorExplorer
    from .letters import LettersExplorer
    from .live import LiveCurve
    from .quantization import QuantizationExplorer
    from .roofline import RooflineExplorer
    from .separable import SeparableExplorer
    from .sparsity import SparsityExplorer
    from .tables import TablesExplorer
    from .tradeoff import TradeoffExplorer

__all__, __getattr__, __dir__ = lazy_names(__name__)
