"""Figures with controls: move one, and the figure is drawn again by the same function.

The explorer of chapter 03: the network under alpha, resolution and body.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from ..architecture import BODIES, MIN_RESOLUTION, Architecture, Body, mobilenet_v1
from ..plots import BookFigure, profile
from ..plots.figure import SHOWN_DPI
from ..validation import check_int
from .session import SessionNote, Still

MAX_SHOWN = 320  # pixels, the end of the resolution's slider


class FigureExplorer(Still, widgets.VBox):
    """Controls above a figure. The seam between the book's sliders and `mobilenet_lib.plots`.

    The picture is an HTML image, not an output area: it does not flicker, has alt text that
    changes with it, and leaves nothing in a notebook's printed output.

    Parameters
    ----------
    draw
        Called with the controls' values by name; returns a `BookFigure`.
    controls
        One ipywidget with a `value` for each argument of `draw`.

    Attributes
    ----------
    values
        The controls' current values by name.
    alt
        What the figure now shows, in words.
    figure
        The figure that is shown; None while the values are refused.
    redraws
        How often it was drawn.
    """

    children: tuple[widgets.Widget, ...]

    def __init__(
        self, draw: Callable[..., BookFigure], controls: Mapping[str, widgets.Widget]
    ) -> None:
        self.draw = draw
        self.controls = dict(controls)
        self.alt = ""
        self.figure: BookFigure | None = None
        self.redraws = 0
        self._drawing = False
        self._picture = widgets.HTML()
        bar = widgets.HBox(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        self._note = SessionNote(bar)
        super().__init__([bar, self._note, self._picture])
        for control in self.controls.values():
            control.observe(lambda _: self.redraw(), names="value")
        self.redraw()

    @property
    def values(self) -> dict[str, Any]:
        """The controls' current values by name."""
        return {name: control.value for name, control in self.controls.items()}

    def redraw(self) -> None:
        """Draw the figure for the current values; values it refuses are explained in its place."""
        if self._drawing:  # `draw` has moved a control itself
            return
        self._drawing = True
        self.redraws += 1
        self.figure = None
        try:
            self.figure = self.draw(**self.values)
        except ValueError as error:
            self.alt = str(error)
            self._picture.value = f'<p role="alert">{html.escape(self.alt)}</p>'
            return
        finally:
            self._drawing = False
        self.alt = self.figure.alt
        self._picture.value = self.figure.html(SHOWN_DPI)

    def still(self) -> BookFigure | None:
        """The figure that is shown."""
        return self.figure

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{type(self).__name__}({settings})"


def slider(
    label: str, value: Any, choices: list[Any] | None = None, **options: Any
) -> widgets.Widget:
    """A slider over whole numbers (`min`, `max`), or over the values in `choices`."""
    look: dict[str, Any] = {
        "description": label,
        "style": {"description_width": "initial"},
        "layout": {"width": "min(300px, 95%)"},
    }
    if choices is not None:
        return widgets.SelectionSlider(value=value, options=choices, **look, **options)
    return widgets.IntSlider(value=value, **look, **options)


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
