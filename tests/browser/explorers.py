"""Every explorer that runs in the browser, as the tests that hold for all of them make it."""

from __future__ import annotations

from collections.abc import Callable

from mobilenet_lib.explorers import (
    ConvolutionExplorer,
    DetectorExplorer,
    LettersExplorer,
    SeparableExplorer,
)
from mobilenet_lib.explorers.explorer import Explorer

EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "convolution": lambda: ConvolutionExplorer("cat", size=16),
    "detector": DetectorExplorer,
    "letters": lambda: LettersExplorer((0.5, 0.25)),
    "separable": SeparableExplorer,
}

THREE_STATES = {
    "convolution": ("v1", "v1&filter=2&stride=2&row=3&column=5", "v1&kernel=blur+5x5&dilation=2"),
    "detector": (
        "v1",
        "v1&photo=cat&layer=pw_5&rests=activation",
        "v1&photo=coffee&layer=pw_13&engine=plain",
    ),
    "letters": ("v1", "v1&sample=13&engine=plain", "v1&drawing=5595g5.5dhd.z0z0&pen=8"),
    "separable": (
        "v1",
        "v1&in_channels=4&out_channels=8&groups=2&depth_multiplier=2&stride=2&stage=depthwise"
        "&channel=5&row=0&column=2",
        "v1&in_channels=512&out_channels=512&size=14&done=40000000",
    ),
}
"""States to look at: at the start, and two that change much."""
