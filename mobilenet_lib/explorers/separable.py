"""The explorer of chapter 02: standard against separable, with a running multiply counter."""

from __future__ import annotations

import ipywidgets as widgets

from ..plots import counter_race
from ..validation import check_choice, check_int
from .figure import FigureExplorer, slider

KERNEL_SIZES = (1, 3, 5, 7)


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
