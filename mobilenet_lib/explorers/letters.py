"""Draw a letter, and four networks read it in the page: what width buys."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import traitlets
from PIL import Image, ImageOps

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
        table = pq.read_table(find_data("glyphs/test.parquet"), columns=["image", "label"])
        labels = table["label"].to_pylist()
        found = {f"letters {width:g}": _file(width).read_bytes() for width in self.widths}
        for label, letter in enumerate(LETTERS):
            rows = [row for row, each in enumerate(labels) if each == label]
            row = rows[37 * (label + 1) % len(rows)]  # another typeface for each
            found[f"sample {letter}"] = _ink_on_paper(table["image"][row].as_py())
        return found

    def still(self) -> BookFigure | None:
        """None: without the page's networks there is nothing to see."""
        return None

    def __repr__(self) -> str:
        return f"LettersExplorer({', '.join(f'{width:g}' for width in self.widths)})"


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
