"""Draw a letter, and four networks read it in the page: what width buys."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import traitlets
from PIL import Image, ImageDraw, ImageOps

from ..architecture import mobilenet_v1
from ..files import find_data
from ..validation import check_choice
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("letters")
WIDTHS = (1.0, 0.75, 0.5, 0.25)
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
RESOLUTION = 56
SIDE = 280
"""Pixels of the pad, as in letters.js."""


class LettersExplorer(Explorer):
    """Draw a letter, and see networks of several widths read it, each in its own way.

    The networks run in the browser; a drawing is part of the state, so a link carries it.

    Parameters
    ----------
    widths
        Which of the book's networks: alphas among 1, 0.75, 0.5 and 0.25. All four weigh 12 MB.
    **state
        `drawing` (points of two base-36 digits, column and row, strokes parted by full stops),
        `sample` (1 for A to 26 for Z of the test set; 0 for the drawing), `pen` (width, 1 to 10),
        `engine` ("simd" or "plain"), `hide`, `tour`.

    Raises
    ------
    ValueError
        A width that the book has no network of, or none.
    FileNotFoundError
        The book's data are not there.
    """

    definition = _STATE

    drawing = _STATE.trait("drawing")
    sample = _STATE.trait("sample")
    pen = _STATE.trait("pen")
    engine = _STATE.trait("engine")
    networks: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    classes: traitlets.List[Any] = traitlets.List(list(LETTERS), read_only=True).tag(sync=True)

    def __init__(self, widths: Sequence[float] = WIDTHS, **state: Any) -> None:
        if not widths:
            raise ValueError(f"widths must be at least one of {WIDTHS}, got none")
        self.widths = tuple(check_choice("width", float(width), WIDTHS) for width in widths)
        self.set_trait("networks", [_facts(width) for width in self.widths])
        super().__init__(**state)

    def assets(self) -> dict[str, bytes]:
        """The networks' compact bytes, and a letter of each class from the test set, as PNG."""
        found = {f"letters {width:g}": _file(width).read_bytes() for width in self.widths}
        return found | {f"sample {letter}": png for letter, png in _samples().items()}

    def still(self) -> BookFigure | None:
        """What each network reads; None where there is no letter yet."""
        if not (self.drawing or self.sample):
            return None
        from ..plots import letters
        from ..weights import load_published

        picture = np.asarray(self.picture())
        words = []
        for width in self.widths:
            net = load_published(f"letters_{100 * width:.0f}_{RESOLUTION}")
            assert net.preprocess is not None  # the book's own have it
            label = int(net(net.preprocess(picture)).argmax())
            words.append(f"α {width:g}: {LETTERS[label]}")
        figure = letters([picture] * len(words), words, columns=4)
        figure.alt = f"A letter, black on white, and what each network reads. {', '.join(words)}."
        return figure

    def picture(self) -> Image.Image:
        """What the networks see: the drawing or the test set's letter, black on white."""
        if self.sample:
            with Image.open(io.BytesIO(_samples()[LETTERS[self.sample - 1]])) as file:
                return file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        image = Image.new("RGB", (SIDE, SIDE), "white")
        pen, width = ImageDraw.Draw(image), round(SIDE * self.pen / 100)
        for stroke in filter(None, self.drawing.split(".")):
            pairs = [stroke[i : i + 2] for i in range(0, len(stroke), 2)]
            points = [tuple(int(digit, 36) * SIDE / 35 for digit in pair) for pair in pairs]
            pen.line(points, "#111", width, "curve")
            for x, y in (points[0], points[-1]):
                pen.circle((x, y), width / 2, "#111")
        return image

    def __repr__(self) -> str:
        return f"LettersExplorer({', '.join(f'{width:g}' for width in self.widths)})"


@cache
def _samples() -> dict[str, bytes]:
    """A letter of each class from the test set, each of another typeface, as PNG."""
    table = pq.read_table(find_data("glyphs/test.parquet"), columns=["image", "label"])
    labels = table["label"].to_pylist()
    found = {}
    for label, letter in enumerate(LETTERS):
        rows = [row for row, each in enumerate(labels) if each == label]
        row = rows[37 * (label + 1) % len(rows)]
        found[letter] = _ink_on_paper(table["image"][row].as_py())
    return found


def _file(width: float) -> Path:
    return find_data(f"web/letters_{100 * width:.0f}_{RESOLUTION}.mnet")


def _facts(width: float) -> dict[str, Any]:
    """What a card says of a network: counted from its architecture, accuracy from its file."""
    arch = mobilenet_v1(width, RESOLUTION, num_classes=len(LETTERS))
    content = _file(width).read_bytes()
    length = int.from_bytes(content[12:16], "little")
    source = json.loads(content[20 : 20 + length])["source"]
    return {
        "alpha": width,
        "mult_adds": arch.mult_adds,
        "parameters": arch.parameters,
        "accuracy": source.get("accuracy"),
    }


def _ink_on_paper(png: bytes) -> bytes:
    """The test set has white ink; a drawing here is black on white."""
    with Image.open(io.BytesIO(png)) as image:
        out = io.BytesIO()
        ImageOps.invert(image.convert("L")).save(out, "PNG")
    return out.getvalue()
