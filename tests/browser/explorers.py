"""Every explorer that runs in the browser, as the tests that hold for all of them make it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from mobilenet_lib import mobilenet_v1
from mobilenet_lib.explorers import (
    ArchitectureExplorer,
    ConvolutionExplorer,
    DetectorExplorer,
    LettersExplorer,
    LiveCurve,
    QuantizationExplorer,
    RooflineExplorer,
    SeparableExplorer,
    SparsityExplorer,
    TablesExplorer,
    TradeoffExplorer,
)
from mobilenet_lib.explorers.explorer import Explorer


def trained() -> LiveCurve:
    """A curve of a run that has ended."""
    curve = LiveCurve({"another": [0.5, 0.7, 0.8]}, clock=lambda: 0)
    for step in range(1, 91):
        share = None if step % 30 else 0.9 - 9 / step
        curve(
            SimpleNamespace(
                number=step, steps=90, epoch=-(-step // 30), loss=4 / step**0.5, accuracy=share
            )
        )
    return curve


EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "architecture": ArchitectureExplorer,
    "convolution": lambda: ConvolutionExplorer("cat", size=16),
    "detector": DetectorExplorer,
    "letters": lambda: LettersExplorer((0.5, 0.25)),
    "separable": SeparableExplorer,
    "live": trained,
    "roofline": RooflineExplorer,
    "tradeoff": lambda: TradeoffExplorer(
        latency={(a, r): mobilenet_v1(a, r).mult_adds / 4e7 for a in (1, 0.5) for r in (224, 56)}
    ),
    "quantization": QuantizationExplorer,
    "sparsity": SparsityExplorer,
    "tables": TablesExplorer,
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
    "separable": (
        "v1",
        "v1&in_channels=4&out_channels=8&groups=2&depth_multiplier=2&stride=2&stage=depthwise"
        "&channel=5&row=0&column=2",
        "v1&in_channels=512&out_channels=512&size=14&done=40000000",
    ),
    "live": ("v1", "v1&scale=log&skip=0.5", "v1&shown=mean&skip=0.75"),
    "roofline": (
        "v1",
        "v1&batch=32&peak=1000&bandwidth=20&layer=pw_13",
        "v1&alpha=0.5&precision=int8&shown=measured+layers,published+devices",
    ),
    "tradeoff": (
        "v1",
        "v1&alpha=0.5&resolution=160&budget=100000000",
        "v1&alpha=0.25&axis=parameters&shown=tf-slim,letters",
    ),
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
    "tables": (
        "v1",
        "v1&verdict=misprint&cell=text-23-printed",
        "v1&table=figures&search=16+channels&cell=figures-14-slim_million_mult_adds",
    ),
}
"""States to look at: at the start, and two that change much."""
