"""The explorer of chapter 03: the whole network under alpha, resolution and body."""

from __future__ import annotations

import html

import ipywidgets as widgets

from ..architecture import BODIES, Architecture, Body, mobilenet_v1
from ..plots import BookFigure, profile
from .figure import FigureExplorer, slider


class ArchitectureExplorer(FigureExplorer):
    """Change width, resolution and body; see every layer's mult-adds and parameters.

    Point at a layer to read its row of Table 1, its costs and what it sees of the image.

    Attributes
    ----------
    arch
        The `Architecture` now shown.
    """

    def __init__(self, alpha: float = 1.0, resolution: int = 224, body: Body = "separable") -> None:
        self._facts = widgets.HTML()
        self.arch = mobilenet_v1(alpha, resolution, body=body)
        super().__init__(
            self._draw,
            {
                "alpha": slider(
                    "alpha", alpha, choices=sorted({*(i / 20 for i in range(1, 31)), alpha})
                ),
                "resolution": slider("resolution", resolution, min=32, max=320, step=1),
                "body": widgets.Dropdown(value=body, options=BODIES, description="body"),
                "layer": slider("layer", 0, min=0, max=len(self.arch.layers) - 1),
            },
        )
        self.children = (*self.children, self._facts)

    def _draw(self, alpha: float, resolution: int, body: Body, layer: int) -> BookFigure:
        self.arch = mobilenet_v1(alpha, resolution, body=body)
        control = self.controls["layer"]
        last = len(self.arch.layers) - 1
        if control.max != last:
            control.max = last  # a body with fewer layers; the slider clips its own value
        chosen = self.arch.layers[min(layer, last)]
        self._facts.value = _facts(self.arch, chosen.name)
        return profile(self.arch, chosen.name)


def _facts(arch: Architecture, name: str) -> str:
    layer = arch.layer(name)
    kind, shape, size = layer.table_row
    field = arch.receptive_field_at(name)
    whole = (
        f"<b>{arch.alpha:g} MobileNet-{arch.resolution}</b>, {arch.body}: "
        f"<b>{arch.mult_adds / 1e6:,.1f} M</b> mult-adds, <b>{arch.parameters / 1e6:.2f} M</b> "
        f"parameters, {arch.bytes_moved() / 1e6:.1f} MB moved, "
        f"{arch.intensity():.1f} operations a byte."
    )
    one = (
        f"<b>{html.escape(name)}</b>: {html.escape(kind)}, filter {html.escape(shape)}, input "
        f"{html.escape(size)}. {layer.mult_adds:,} mult-adds, {layer.parameters:,} parameters, "
        f"{layer.intensity():.1f} operations a byte. One output pixel sees "
        f"{field.size}×{field.size} pixels."
    )
    return f'<div role="status" style="line-height:1.5">{whole}<br>{one}</div>'
