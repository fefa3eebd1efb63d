"""Every explorer that runs in the browser, as the tests that hold for all of them make it."""

from __future__ import annotations

from collections.abc import Callable

from mobilenet_lib.explorers import ConvolutionExplorer, QuantizationExplorer, SparsityExplorer
from mobilenet_lib.explorers.explorer import Explorer

EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "convolution": lambda: ConvolutionExplorer("cat", size=16),
    "quantization": QuantizationExplorer,
    "sparsity": SparsityExplorer,
}

THREE_STATES = {
    "convolution": ("v1", "v1&filter=2&stride=2&row=3&column=5", "v1&kernel=blur+5x5&dilation=2"),
    "quantization": (
        "v1",
        "v1&layer=dw_13&bits=3&per=channel&channel=57&weight=4",
        "v1&layer=pw_12&bits=8&zero_point=1&scope=all",
    ),
    "sparsity": (
        "v1",
        "v1&zeros=0.85&pattern=blocks&row=20&column=30",
        "v1&zeros=0.995&pattern=channels&row=127",
    ),
}
"""States to look at: at the start, and two that change much."""
