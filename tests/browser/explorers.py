"""Every explorer that runs in the browser, as the tests that hold for all of them make it."""

from __future__ import annotations

from collections.abc import Callable

from mobilenet_lib.explorers import (
    ArchitectureExplorer,
    ConvolutionExplorer,
    DetectorExplorer,
    LettersExplorer,
)
from mobilenet_lib.explorers.explorer import Explorer

EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "architecture": ArchitectureExplorer,
    "convolution": lambda: ConvolutionExplorer("cat", size=16),
    "detector": DetectorExplorer,
    "letters": lambda: LettersExplorer((0.5, 0.25)),
}

THREE_STATES = {
    "architecture": (
        "v1",
        "v1&alpha=0.25&resolution=96&layer=pw_3&photo=cat&down=20&across=65",
        "v1&body=full&alpha=1.35&resolution=161&layer=conv_6&bars=milliseconds",
    ),
    "convolution": ("v1", "v1&filter=2&stride=2&row=3&column=5", "v1&kernel=blur+5x5&dilation=2"),
    "detector": (
        "v1",
        "v1&photo=cat&layer=pw_5&rests=activation",
        "v1&photo=coffee&layer=pw_13&engine=plain",
    ),
    "letters": ("v1", "v1&sample=13&engine=plain", "v1&drawing=5595g5.5dhd.z0z0&pen=8"),
}
"""States to look at: at the start, and two that change much."""
