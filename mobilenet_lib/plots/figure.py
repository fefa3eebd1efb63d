"""The book's figures: one style, and a text that says what the picture says."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray
from PIL import Image

from ..layer import KIND_LABELS

# Okabe and Ito's colours, told apart by readers with any colour vision. A kind of layer has one
# colour in every figure of layers; where there are none, the colours tell other things apart.
COLOURS = {
    "standard": "#d55e00",
    "depthwise": "#0072b2",
    "pointwise": "#009e73",
    "fc": "#cc79a7",
    "pool": "#8a8a8a",
    "input": "#8a8a8a",
    "highlight": "#e69f00",
    "ink": "#1a1a1a",
    "quiet": "#5c5c5c",
}

LABELS = dict[str, str](KIND_LABELS.items()) | {"pool": "Avg Pool"}

# Below zero, zero, above: the same three colours as in the explorers.
SIGNED = LinearSegmentedColormap.from_list(
    "signed", [np.array(rgb) / 255 for rgb in ((33, 102, 172), (247, 247, 247), (217, 95, 14))]
)

STYLE: dict[Any, Any] = {  # matplotlib's type hints list every setting by name
    "font.size": 12.5,  # 24 pixels and more on a slide of 1280
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "legend.frameon": False,
    "figure.facecolor": "white",
}

SHOWN_DPI, SHARP_DPI = 100, 160
LEAST_WIDTH = 560  # pixels


class BookFigure(Figure):
    """A matplotlib Figure that carries its own description.

    Shown in a notebook it becomes one image with that description as alt text. It does not pass
    through pyplot, so nothing piles up when a slider draws it again and again.

    Attributes
    ----------
    alt
        What the picture shows, in words, with its numbers. A test compares it.
    """

    alt: str = ""

    def draw(self, renderer: Any) -> None:
        """Draw everything in the book's style, since much of that style is only read now."""
        with book_style():
            super().draw(renderer)

    def savefig(self, *args: Any, **options: Any) -> None:
        """As matplotlib's; a reader's dark background for files does not reach it either."""
        with book_style():
            super().savefig(*args, **options)

    def png(self, dpi: int = SHARP_DPI) -> bytes:
        """The figure as PNG bytes; screen resolution is packed for speed, print for size."""
        self.set_dpi(dpi)
        canvas = FigureCanvasAgg(self)
        canvas.draw()
        buffer = io.BytesIO()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        image.save(buffer, "PNG", compress_level=1 if dpi <= SHOWN_DPI else 9)
        return buffer.getvalue()

    def html(self, dpi: int = SHARP_DPI) -> str:
        """The figure as an `<img>` with alt text.

        It shrinks with the page, down to where its letters can still be read; then it scrolls.
        """
        return self.formats(dpi)["text/html"]

    def formats(self, dpi: int = SHARP_DPI) -> dict[str, str]:
        """The figure by MIME type, as a notebook stores it.

        Notebooks and web pages take the first, which has the alt text; LaTeX takes the PNG.
        """
        width = round(self.get_figwidth() * SHOWN_DPI)
        least = min(width, LEAST_WIDTH)
        data = base64.b64encode(self.png(dpi)).decode()
        image = (
            '<div style="overflow-x:auto">'
            f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{data}" '
            f'style="width:{width}px;max-width:max(100%,{least}px);height:auto"></div>'
        )
        return {"text/html": image, "image/png": data, "text/plain": self.alt}

    def _ipython_display_(self) -> None:
        formats = self.formats()
        # JupyterLab shows the first line of an output that is folded away.
        formats["text/html"] = f"<!-- a figure: run the cell to see it -->\n{formats['text/html']}"
        display(formats, raw=True)


@contextmanager
def book_style() -> Iterator[None]:
    """Context in which the book's figures are made and drawn.

    It starts from matplotlib's defaults, whatever the reader has set, and leaves the reader's own
    settings as they were. The backend is not touched.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


@contextmanager
def new_figure(
    width: float, height: float, nrows: int = 1, ncols: int = 1, **grid: Any
) -> Iterator[tuple[BookFigure, Any]]:
    """A figure of `width` x `height` inches (100 pixels each on screen) and its axes, row by row.

    `grid` goes to `Figure.subplots`. Draw inside the context: text and lines take the book's style
    when they are made.
    """
    with book_style():
        figure = BookFigure(figsize=(width, height))
        axes = figure.subplots(nrows, ncols, squeeze=False, **grid)
        yield figure, axes.ravel()


def picture(
    axes: Any,
    image: Any,
    title: str = "",
    **options: Any,
) -> None:
    """Show an image without ticks, pixels sharp; grey if it has one channel."""
    axes.set(xticks=[], yticks=[])
    axes.set_title(title)
    axes.spines[:].set_visible(False)
    axes.imshow(image, interpolation="nearest", **{"cmap": colormap("gray"), **options})


def outline(axes: Any, corner: tuple[float, float], side: float, **look: Any) -> None:
    """Draw the edges of a square from its upper left corner on."""
    axes.add_patch(Rectangle(corner, side, side, fill=False, **look))


def signed(values: NDArray[Any]) -> dict[str, Any]:
    """How `imshow` shows numbers below and above zero, with zero in the middle of the colours."""
    reach = np.abs(values).max() or 1
    return {"cmap": SIGNED, "vmin": -reach, "vmax": reach}


def colormap(name: str) -> Colormap:
    """One of matplotlib's own, in 256 steps; `image.lut` of a matplotlibrc may make it coarser."""
    return mpl.colormaps[name].resampled(256)


def plain_log(axis: Any) -> None:
    """Make an x or y axis logarithmic, with plain numbers at 1, 2 and 5 of each power of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def name_rows(axis: Any, names: Collection[str]) -> None:
    """Write a name beside each row of horizontal bars, from top to bottom."""
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(len(names) - 0.4, -0.6)


def stacked_shares(bars: Mapping[str, Mapping[str, float]]) -> BookFigure:
    """Stacked bars from 0 to 100 %, the first at the bottom.

    Parameters
    ----------
    bars
        By what a bar shows, shares from 0 to 1 by kind of layer; the first has them all.
    """
    kinds = next(iter(bars.values()))
    with new_figure(9, 2.3) as (figure, (axis,)):
        for y, (what, shares) in enumerate(bars.items()):
            left = 0.0
            for kind, share in shares.items():
                width = 100 * share
                axis.barh(y, width, left=left, color=COLOURS[kind], ec="white", lw=0.8)
                if width > 8:
                    words = f"{LABELS[kind]} {width:.1f} %" if width > 27 else f"{width:.1f} %"
                    look = {"ha": "center", "va": "center", "color": "white"}
                    axis.text(left + width / 2, y, words, **look)
                left += width
            axis.text(-1, y, what, ha="right", va="center")
        handles = [Patch(color=COLOURS[kind], label=LABELS[kind]) for kind in kinds]
        # Above the bars, close together: five kinds have to fit.
        place = {"loc": "lower right", "bbox_to_anchor": (1, 0.98), "borderaxespad": 0}
        close = {"columnspacing": 1.0, "handlelength": 1.0, "handletextpad": 0.4}
        axis.legend(handles=handles, ncols=len(kinds), **place, **close)
        axis.set(xlim=(0, 100), yticks=[], xlabel="share, %")
        axis.spines["left"].set_visible(False)
        figure.subplots_adjust(0.13, 0.25, 0.98, 0.86)
    return figure


def label_marks(
    axis: Any, points: Sequence[tuple[float, float]], words: Sequence[str], bold: Sequence[bool]
) -> None:
    """Write words beside marks, from left to right, where they cover no mark and no other words.

    Bold ones stand at the upper left if there is room, the others at the lower right. Call it when
    the axes have their limits and their place.
    """
    axis.get_ylim()  # settles limits that depend on the data
    places = axis.transData.transform(points)
    frame = axis.get_window_extent()
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    for i in sorted(range(len(points)), key=lambda i: points[i][0]):
        spots = [(-7, 3), (7, -20), (-7, 18), (7, -36), (7, 4), (-7, -22)][not bold[i] :]
        boxes = []
        for dx, dy in spots:
            wide = 10.5 * len(words[i])
            left, low = places[i][0] + dx - wide * (dx < 0), places[i][1] + dy
            boxes.append((left, low, left + wide, low + 17))
        hits = [
            sum(_overlap(box, other) for other in taken)
            + (box[0] < frame.x0 or box[2] > frame.x1 or box[1] < frame.y0)
            for box in boxes
        ]
        taken.append(boxes[hits.index(min(hits))])
        axis.annotate(
            words[i],
            points[i],
            tuple(72 / axis.figure.dpi * (taken[-1][:2] - places[i])),
            textcoords="offset points",
            fontweight="bold" if bold[i] else "normal",
            color=COLOURS["ink" if bold[i] else "quiet"],
        )


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))
