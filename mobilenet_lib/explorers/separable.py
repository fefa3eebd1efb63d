"""The explorer of chapter 02: standard against separable, with a running multiply counter."""

from __future__ import annotations

import ipywidgets as widgets

from ..plots import BookFigure, counter_race
from .figure import FigureExplorer, slider


class SeparableExplorer(FigureExplorer):
    """Choose a layer, then let both convolutions spend multiplications at the same pace.

    Parameters
    ----------
    kernel_size, in_channels, out_channels, size
        D_K, M, N and D_F at the start; the paper's Table 3 layer by default.
    """

    def __init__(
        self,
        kernel_size: int = 3,
        in_channels: int = 512,
        out_channels: int = 512,
        size: int = 14,
    ) -> None:
        widths = sorted({1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024, in_channels, out_channels})
        play = widgets.Play(value=20, min=0, max=100, step=1, interval=150, show_repeat=False)
        done = slider("multiplications done, %", 20, min=0, max=100)
        widgets.jslink((play, "value"), (done, "value"))
        super().__init__(
            _race,
            {
                "kernel_size": slider("D_K", kernel_size, choices=[1, 3, 5, 7]),
                "in_channels": slider("M", in_channels, choices=widths),
                "out_channels": slider("N", out_channels, choices=widths),
                "size": slider("D_F", size, min=1, max=112),
                "done": done,
            },
        )
        self.children = (self.children[0], widgets.HBox([play]), *self.children[1:])


def _race(
    kernel_size: int, in_channels: int, out_channels: int, size: int, done: int
) -> BookFigure:
    return counter_race(kernel_size, in_channels, out_channels, size, done / 100)
