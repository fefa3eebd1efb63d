"""What explorers share: code for the browser, a note for when Python is gone, a still picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as widgets
import traitlets
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

if TYPE_CHECKING:
    from ..plots import BookFigure

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


class Still(widgets.DOMWidget):
    """An explorer with a still picture of what it shows; a base beside its kind of widget.

    A cell keeps two outputs. The first is the explorer, with its description as its text: nbconvert
    makes that an empty place on a page without a network, and text in LaTeX. The second is the
    picture, which gives way on every page on which the explorer is alive.
    """

    def still(self) -> BookFigure | None:
        """What is shown now as a figure; None if there is nothing to draw."""
        raise NotImplementedError

    def _ipython_display_(self, **_: Any) -> None:
        figure = self.still()
        self.add_class(f"explorer-{self.model_id}")
        bundle = self._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle  # anywidget gives metadata too
        data["text/plain"] = repr(self) if figure is None else f"{self!r}\n{figure.alt}"
        display(data, raw=True)
        self._leave_still(figure)

    def _leave_still(self, figure: BookFigure | None) -> None:
        """Show the picture too; without IPython there is nowhere to."""
        if figure is None or not InteractiveShell.initialized():
            return
        from ..plots.figure import SHOWN_DPI  # late: it brings in matplotlib

        formats, name = figure.formats(SHOWN_DPI), f"still-{self.model_id}"
        formats["text/html"] = (
            f"<style>body:has(.explorer-{self.model_id}) "
            f":is(.{name}, .jp-OutputArea-child:has(.{name})) {{ display: none }}</style>\n"
            f'<div class="{name}">{formats["text/html"]}</div>'
        )
        display(formats, raw=True)
