"""What the explorers' browser code shares, above all what it says when Python is gone."""

from __future__ import annotations

from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets

HERE = Path(__file__).parent


def browser_code(name: str) -> tuple[str, str]:
    """The JavaScript (what all share, then its own) and the CSS of a widget, for `_esm`, `_css`."""
    shared, own, style = (
        (HERE / file).read_text(encoding="utf-8")
        for file in ("shared.js", f"{name}.js", f"{name}.css")
    )
    return shared + own, style


class SessionNote(anywidget.AnyWidget):
    """Nothing while Python listens; else one line on what to do, with the controls switched off.

    Parameters
    ----------
    controls
        Widgets of which no part may be moved without Python, such as a box of sliders.
    """

    _esm, _css = browser_code("session")

    controls = traitlets.Tuple().tag(sync=True, **widgets.widget_serialization)

    def __init__(self, *controls: widgets.Widget) -> None:
        super().__init__(controls=controls)
