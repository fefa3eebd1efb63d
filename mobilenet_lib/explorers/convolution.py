"""The convolution explorer of chapter 01."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..convolution import standard
from ..photos import check_photo, load_photo, to_gray
from ..validation import check_int
from .session import Still, browser_code

if TYPE_CHECKING:
    from ..plots import BookFigure

_GAUSS = [1, 4, 6, 4, 1]
PRESETS: dict[str, list[list[float]]] = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "blur": [[round(1 / 9, 4)] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "vertical edges": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "horizontal edges": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "blur 5x5": [[a * b / 256 for a in _GAUSS] for b in _GAUSS],
    "half as bright 1x1": [[0.5]],
}


class Kernel(traitlets.TraitType):
    """Square rows of weights: a name from PRESETS, lists, or an array; kept as lists."""

    info_text = "1x1, 3x3 or 5x5 finite numbers, or the name of a preset"

    def validate(self, obj: Any, value: Any) -> list[list[float]]:
        """The weights as rows of floats, or a TraitError that shows what was given."""
        if isinstance(value, str):
            if value not in PRESETS:
                raise traitlets.TraitError(f"no kernel {value!r}; there are {', '.join(PRESETS)}")
            value = PRESETS[value]
        try:
            weights = np.asarray(value)
        except ValueError:  # rows of different lengths
            weights = np.empty(0)
        numbers = weights.dtype.kind in "iuf" and np.isfinite(weights).all()
        if not numbers or weights.shape not in ((1, 1), (3, 3), (5, 5)):
            raise traitlets.TraitError(f"a kernel has {self.info_text}, got {value!r}")
        return weights.astype(float).tolist()


class ConvolutionExplorer(Still, anywidget.AnyWidget):
    """Drag a kernel over a photo and see every product, their sum, and the multiply counter.

    Works by mouse, touch and keyboard, and without a kernel session once it is drawn.

    Parameters
    ----------
    photo
        A name from `data/photos/`, a file, or a (height, width, 3) uint8 array. The middle square
        is shown in grey.
    size
        Pixels a side that the photo is reduced to, 8 to 64.
    kernel
        A name from `PRESETS`, or square rows of 1, 3 or 5 numbers.
    stride
        1, 2 or 3.
    padding
        "same" (TensorFlow's) or "valid".

    Raises
    ------
    PhotoError
        The photo cannot be used.
    traitlets.TraitError
        A kernel, stride, padding or position that is not allowed; the widget keeps its old state.
    """

    _esm, _css = browser_code("convolution")

    pixels = traitlets.Bytes(read_only=True, help="size x size grey values").tag(sync=True)
    size = traitlets.Int(read_only=True).tag(sync=True)
    kernel = Kernel(help="rows of weights").tag(sync=True)
    stride = traitlets.Int(1, min=1, max=3).tag(sync=True)
    padding = traitlets.Enum(["same", "valid"], "same").tag(sync=True)
    row = traitlets.Int(0, min=0, help="row of the output map, from 0").tag(sync=True)
    column = traitlets.Int(0, min=0, help="column of the output map, from 0").tag(sync=True)
    visited = traitlets.Unicode("", help="0 or 1 for each place, by the browser").tag(sync=True)
    multiplications = traitlets.Int(0, help="done so far, set by the browser").tag(sync=True)
    presets = traitlets.Dict(PRESETS, read_only=True).tag(sync=True)

    def __init__(
        self,
        photo: Any = "cat",
        size: int = 32,
        kernel: str | list[list[float]] = "vertical edges",
        stride: int = 1,
        padding: str = "same",
    ) -> None:
        size, stride = check_int("size", size, 8, 64), check_int("stride", stride, 1, 3)
        array = load_photo(photo) if isinstance(photo, str | Path) else check_photo(photo)
        square = ImageOps.fit(Image.fromarray(to_gray(array)), (size, size))
        self.set_trait("size", size)
        self.set_trait("pixels", np.asarray(square).tobytes())
        super().__init__(
            kernel=kernel,
            stride=stride,
            padding=padding,
            row=size // 2 // stride,
            column=size // 2 // stride,
        )

    @traitlets.validate("row", "column")
    def _check_place(self, proposal: Any) -> int:
        if proposal["value"] >= self.size:
            name = proposal["trait"].name
            raise traitlets.TraitError(
                f"{name} must be below {self.size}, the photo's size; got {proposal['value']}"
            )
        return proposal["value"]

    @property
    def photo(self) -> NDArray[np.uint8]:
        """The grey pixels shown, (size, size)."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.size, self.size)

    @property
    def output(self) -> NDArray[np.float64]:
        """The map that the explorer shows, computed by `convolution.standard`."""
        feature_map = self.photo[:, :, None].astype(float)
        kernel = np.asarray(self.kernel, float)[:, :, None, None]
        return standard(feature_map, kernel, self.stride, self.padding)[:, :, 0]

    def still(self) -> BookFigure:
        """The kernel at its place on the photo, and the map."""
        from ..plots import one_window

        kernel, place = np.asarray(self.kernel), (self.row, self.column)
        return one_window(self.photo, kernel, place, self.stride, self.padding)

    def __repr__(self) -> str:
        side = len(self.kernel)
        return (
            f"ConvolutionExplorer({self.size}x{self.size} photo, {side}x{side} kernel, "
            f"stride {self.stride}, padding {self.padding!r})"
        )
