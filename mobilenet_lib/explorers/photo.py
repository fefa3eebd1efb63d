"""The explorer of chapter 07: a published network on the book's photos and the reader's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from ..photos import Photo, credits, load_photo
from ..plots import BookFigure, one_photo
from ..validation import check_choice
from .session import Still, browser_code

if TYPE_CHECKING:
    pass

LONGEST = 640
"""Pixels of the longer side of what the browser sends; as in photo.js."""
WINDOWS = (8, 16, 24, 32, 48)
"""Sides of the square that covers a part, pixels of the network's input."""


class PhotoPicker(Still, anywidget.AnyWidget):
    """Choose a photo of the book, upload one, or take one with the camera.

    The reader's own photo stays on this machine: the browser hands it to the Python session, and it
    is no part of the state that is saved with a notebook.

    Parameters
    ----------
    photo
        The name of a photo in `data/photos/`.

    Attributes
    ----------
    value
        The photo, (height, width, 3) uint8. Observe it to follow the reader.
    choice
        The name of the book's photo, or "" for the reader's own.
    said
        What the reader is told, such as why a photo could not be used.

    Raises
    ------
    ValueError
        There is no such photo.
    """

    _esm, _css = browser_code("photo")

    names = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    choice = traitlets.Unicode("").tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Any(None, help="the photo; not sent to the browser")

    def __init__(self, photo: str = "astronaut") -> None:
        names = list(credits())
        check_choice("photo", photo, names)
        self.set_trait("names", names)
        super().__init__(choice=photo, value=load_photo(photo))
        self.on_msg(self._receive)

    @traitlets.validate("choice")
    def _known(self, proposal: Any) -> str:
        return check_choice("choice", proposal["value"], ["", *self.names])

    @traitlets.observe("choice")
    def _show(self, change: Any) -> None:
        if change["new"]:
            self.said, self.value = "", load_photo(change["new"])

    def still(self) -> BookFigure | None:
        """The book's photo; the reader's own is not left in a notebook."""
        return one_photo(self.value, self.choice) if self.choice else None

    def __repr__(self) -> str:
        return repr(self.choice or self.said)

    def _receive(self, _: Any, content: Any, buffers: list[memoryview]) -> None:
        self.said = ""  # so that the same words again are news to the browser
        try:
            photo = received(content, buffers)
        except ValueError as error:
            self.said = str(error)
            return
        self.choice = ""
        self.said = f"{content['name']}, {photo.shape[1]}×{photo.shape[0]} pixels"
        self.value = photo


def received(content: Any, buffers: list[memoryview]) -> Photo:
    """The photo that the browser sent: RGBA bytes, row by row; (height, width, 3) uint8.

    Raises
    ------
    ValueError
        The message does not describe its bytes; what arrived is then not used.
    """
    width, height = (content.get(side) for side in ("width", "height"))
    whole = all(isinstance(side, int) and 1 <= side <= LONGEST for side in (width, height))
    size = len(buffers[0]) if buffers else 0
    if not whole or size != 4 * width * height:
        raise ValueError(
            f"the photo did not arrive whole: {size} bytes for {width}x{height} pixels; try again"
        )
    return np.frombuffer(buffers[0], np.uint8).reshape(height, width, 4)[:, :, :3].copy()
