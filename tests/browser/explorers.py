"""Every explorer that runs in the browser, as the tests that hold for all of them make it."""

from __future__ import annotations

from collections.abc import Callable

from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.explorers.explorer import Explorer

EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "convolution": lambda: ConvolutionExplorer("cat", size=16),
}

THREE_STATES = {
    "convolution": ("v1", "v1&filter=2&stride=2&row=3&column=5", "v1&kernel=blur+5x5&dilation=2"),
}
"""States to look at: at the start, and two that change much."""
