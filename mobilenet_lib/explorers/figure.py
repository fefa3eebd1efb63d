"""A figure with controls: move one, and the figure is drawn again by the same function."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from ..plots import BookFigure
from ..plots.figure import SHOWN_DPI
from .session import SessionNote
from .still import Still


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
