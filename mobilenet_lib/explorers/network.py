"""The explorer of chapter 03: the whole network under alpha, resolution and body."""

from __future__ import annotations

import html

import ipywidgets as widgets

from ..architecture import BODIES, MIN_RESOLUTION, Architecture, Body, mobilenet_v1
from ..plots import BookFigure, profile
from ..validation import check_int
from .figure import FigureExplorer, slider

MAX_SHOWN = 320  # pixels, the slider's end


class ArchitectureExplorer(FigureExplorer):
    """Change width, resolution and body; see every layer's mult-adds and parameters.

    Point at a layer to read its row of Table 1, its costs and what it sees of the image.

    Parameters
    ----------
    alpha, resolution, body
        As for `mobilenet_v1`; the resolution at most 320 pixels.

    Attributes
    ----------
    arch
        The `Architecture` now shown.

    Raises
    ------
    ValueError
        A value out of range.
    """

    def __init__(self, alpha: float = 1.0, resolution: int = 224, body: Body = "separable") -> None:
        resolution = check_int("resolution", resolution, MIN_RESOLUTION, MAX_SHOWN)
        self._facts = widgets.HTML()
        self.arch = mobilenet_v1(alpha, resolution, body=body)
        super().__init__(
            self._draw,
            {
                "alpha": slider(
                    "alpha", alpha, choices=sorted({*(i / 20 for i in range(1, 31)), alpha})
                ),
                "resolution": slider("resolution", resolution, min=MIN_RESOLUTION, max=MAX_SHOWN),
                "body": widgets.Dropdown(value=body, options=BODIES, description="body"),
                "layer": slider("layer", "conv_0", choices=_names(self.arch)),
            },
        )
        self.children = (*self.children, self._facts)

    def _draw(self, alpha: float, resolution: int, body: Body, layer: str) -> BookFigure:
        self.arch = mobilenet_v1(alpha, resolution, body=body)
        names = _names(self.arch)
        if layer not in names:
            layer = names[-1]
        control = self.controls["layer"]
        if list(control.options) != names:  # another body has other layers
            control.options = names  # which chooses the first of them
            control.value = layer
        self._facts.value = _facts(self.arch, layer)
        return profile(self.arch, layer)


def _names(arch: Architecture) -> list[str]:
    return [layer.name for layer in arch.layers]


def _facts(arch: Architecture, name: str) -> str:
    layer = arch.layer(name)
    kind, shape, size = layer.table_row
    field = arch.receptive_field_at(name)
    sees = f"One output pixel sees {field.size}×{field.size} pixels."
    if layer.kind == "fc":
        sees = "It sees the whole image, through the average."
    whole = (
        f"<b>{arch.alpha:g} MobileNet-{arch.resolution}</b>, {arch.body}: "
        f"<b>{arch.mult_adds / 1e6:,.1f} M</b> mult-adds, <b>{arch.parameters / 1e6:.2f} M</b> "
        f"parameters, {arch.bytes_moved() / 1e6:.1f} MB moved, "
        f"{arch.intensity():.1f} operations a byte."
    )
    one = (
        f"<b>{html.escape(name)}</b>: {html.escape(kind)}, filter {html.escape(shape)}, input "
        f"{html.escape(size)}. {layer.mult_adds:,} mult-adds, {layer.parameters:,} parameters, "
        f"{layer.intensity():.1f} operations a byte. {sees}"
    )
    return f'<div role="status" style="line-height:1.5">{whole}<br>{one}</div>'
