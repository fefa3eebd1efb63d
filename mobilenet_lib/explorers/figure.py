"""Figures with controls: move one, and the figure is drawn again by the same function.

The explorers of chapters 02 (standard against separable, with a running multiply counter) and 04
(how sparse a layer must be before skipping its zeros pays).
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from ..plots import BookFigure, counter_race, pruned_layer
from ..plots.figure import SHOWN_DPI
from ..validation import check_choice, check_int, check_share
from .session import SessionNote, Still

KERNEL_SIZES = (1, 3, 5, 7)


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


class SeparableExplorer(FigureExplorer):
    """Choose a layer, then let both convolutions spend multiplications at the same pace.

    Parameters
    ----------
    kernel_size, in_channels, out_channels, size
        D_K (1, 3, 5 or 7), M, N (1 to 4096) and D_F (1 to 112) at the start; the paper's Table 3
        layer by default.

    Raises
    ------
    ValueError
        A value out of range.
    """

    def __init__(
        self,
        kernel_size: int = 3,
        in_channels: int = 512,
        out_channels: int = 512,
        size: int = 14,
    ) -> None:
        check_choice("kernel_size", kernel_size, KERNEL_SIZES)
        in_channels = check_int("in_channels", in_channels, 1, 4096)
        out_channels = check_int("out_channels", out_channels, 1, 4096)
        size = check_int("size", size, 1, 112)
        widths = sorted({1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024, in_channels, out_channels})
        play = widgets.Play(value=20, min=0, max=100, step=1, interval=150, show_repeat=False)
        done = slider("multiplications done, %", 20, min=0, max=100)
        widgets.jslink((play, "value"), (done, "value"))
        super().__init__(
            lambda done, **layer: counter_race(**layer, done=done / 100),
            {
                "kernel_size": slider("D_K", kernel_size, choices=list(KERNEL_SIZES)),
                "in_channels": slider("M", in_channels, choices=widths),
                "out_channels": slider("N", out_channels, choices=widths),
                "size": slider("D_F", size, min=1, max=112),
                "done": done,
            },
        )
        self._note.controls = (*self._note.controls, play)
        self.children = (self.children[0], widgets.HBox([play]), *self.children[1:])


class SparsityExplorer(FigureExplorer):
    """Choose a share of zeros; see what is left of the weights, and what was measured with it.

    Parameters
    ----------
    sparsities
        Shares of zeros that were measured, from 0 to below 1.
    milliseconds
        By kernel, its time at each of them, the dense product first; as `bench_sparse` gives it.

    Raises
    ------
    ValueError
        Nothing was measured, a share is out of range or comes twice, or a kernel has another
        number of times.
    """

    def __init__(
        self, sparsities: Sequence[float], milliseconds: Mapping[str, Sequence[float]]
    ) -> None:
        shares = [check_share("sparsity", share) for share in sparsities]
        if not shares or len(set(shares)) < len(shares):
            raise ValueError(f"sparsities must be at least one, each once; got {list(sparsities)}")
        for name, times in milliseconds.items():
            if len(times) != len(shares):
                raise ValueError(
                    f"{name} has {len(times)} times for {len(shares)} sparsities; one each is asked"
                )
        longest = max(itertools.chain(*milliseconds.values()), default=0)

        def draw(zeros: float) -> BookFigure:
            place = shares.index(zeros)
            times = {name: times[place] for name, times in milliseconds.items()}
            return pruned_layer(zeros, times, longest)

        choices = [(f"{share:.1%}", share) for share in shares]
        super().__init__(draw, {"zeros": slider("zeros", shares[0], choices=choices)})
