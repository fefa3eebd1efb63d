"""The still picture of an explorer, for where it cannot run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

if TYPE_CHECKING:
    from ..plots import BookFigure


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
