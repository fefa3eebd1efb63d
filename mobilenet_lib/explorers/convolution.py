"""The convolution explorer of chapter 01."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors import safe_open

from ..convolution import standard
from ..files import GET_DATA, find_data
from ..photos import check_photo, load_photo, to_gray
from ..validation import check_int
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("convolution")
PRESETS: dict[str, list[list[float]]] = _STATE.fields["kernel"]["presets"]


class ConvolutionExplorer(Explorer):
    """Drag a kernel over a photo and see every product, their sum, and the multiply counter.

    Works by mouse, touch and keyboard, and without a Python session once it is drawn.

    Parameters
    ----------
    photo
        A name from `data/photos/`, a file, or a (height, width, 3) uint8 array. The middle square
        is shown.
    size
        Pixels on a side that the photo is reduced to, 8 to 64.
    kernel
        A name from `PRESETS`, or square rows of 1, 3 or 5 numbers.
    stride
        1, 2 or 3.
    padding
        "same" (TensorFlow's) or "valid".
    **state
        More of the state: `dilation` (1, 2 or 3), `channels` ("grey", "red", "green", "blue", or
        "colour" for all three), `filter` (one of the eight that the person detector's first layer
        has learned, from 1; 0 for the kernel), `row`, `column`, `filled` (the whole map has been
        computed), `hide`, `tour`.

    Raises
    ------
    PhotoError
        The photo cannot be used.
    traitlets.TraitError
        A kernel, stride, padding or position that is not allowed; the widget keeps its old state.
    """

    definition = _STATE

    pixels = traitlets.Bytes(read_only=True, help="size x size grey values").tag(sync=True)
    colours = traitlets.Bytes(read_only=True, help="red, green, blue: size x size each").tag(
        sync=True
    )
    learned: traitlets.List[Any] = traitlets.List(
        read_only=True, help="filters of a first layer: out x in x 3 x 3"
    ).tag(sync=True)
    size = traitlets.Int(read_only=True).tag(sync=True)
    kernel = _STATE.trait("kernel")
    filter = _STATE.trait("filter")
    channels = _STATE.trait("channels")
    stride = _STATE.trait("stride")
    dilation = _STATE.trait("dilation")
    padding = _STATE.trait("padding")
    row = _STATE.trait("row")
    column = _STATE.trait("column")
    filled = _STATE.trait("filled")
    visited = traitlets.Unicode("", help="0 or 1 for each place, by the browser").tag(sync=True)
    multiplications = traitlets.Int(0, help="done so far, set by the browser").tag(sync=True)

    def __init__(
        self,
        photo: Any = "cat",
        size: int = 32,
        kernel: str | list[list[float]] = "vertical edges",
        stride: int = 1,
        padding: str = "same",
        **state: Any,
    ) -> None:
        size = check_int("size", size, 8, 64)
        array = load_photo(photo) if isinstance(photo, str | Path) else check_photo(photo)
        grey, *colours = (
            np.asarray(ImageOps.fit(Image.fromarray(plane), (size, size)))
            for plane in (to_gray(array), *np.moveaxis(array, 2, 0))
        )
        self.set_trait("size", size)
        self.set_trait("pixels", grey.tobytes())
        self.set_trait("colours", np.stack(colours).tobytes())
        self.set_trait("learned", _first_layer().tolist())
        super().__init__(kernel=kernel, stride=stride, padding=padding, **state)

    @traitlets.validate("row", "column")
    def _check_place(self, proposal: Any) -> int | None:
        value = proposal["value"]
        if value is not None and value >= self.size:
            name = proposal["trait"].name
            raise traitlets.TraitError(
                f"{name} must be below {self.size}, the photo's size; got {value}"
            )
        return value

    @traitlets.validate("filter")
    def _check_filter(self, proposal: Any) -> int:
        if proposal["value"] and not self.learned:
            raise traitlets.TraitError(
                "the learned filters are in data/checkpoints/person_detector.safetensors, "
                f"which is not here. {GET_DATA}"
            )
        return proposal["value"]

    @property
    def photo(self) -> NDArray[np.uint8]:
        """The grey pixels shown, (size, size)."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.size, self.size)

    @property
    def feature_map(self) -> NDArray[np.float64]:
        """What is convolved: (size, size, 1), or (size, size, 3) in colour and by a filter."""
        colours = np.frombuffer(self.colours, np.uint8).reshape(3, self.size, self.size)
        if self.filter or self.channels == "colour":
            return np.moveaxis(colours, 0, 2).astype(float)
        names = "red", "green", "blue"
        plane = self.photo if self.channels == "grey" else colours[names.index(self.channels)]
        return plane[:, :, None].astype(float)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The kernel or filter in use, (k, k, channels)."""
        if self.filter:
            return np.moveaxis(np.array(self.learned[self.filter - 1]), 0, 2)
        depth = self.feature_map.shape[2]
        return np.repeat(np.array(self.kernel, float)[:, :, None], depth, axis=2)

    @property
    def output(self) -> NDArray[np.float64]:
        """The map that the explorer shows, computed by `convolution.standard`."""
        weights = self.weights[:, :, :, None]
        return standard(self.feature_map, weights, self.stride, self.padding, self.dilation)[
            :, :, 0
        ]

    def still(self) -> BookFigure:
        """The kernel at its place on the photo, and the map."""
        from ..plots import one_window

        place = tuple(
            min(self.output.shape[0] // 2 if at is None else at, self.output.shape[0] - 1)
            for at in (self.row, self.column)
        )
        return one_window(self.photo, np.asarray(self.kernel), place, self.stride, self.padding)

    def __repr__(self) -> str:
        side = len(self.kernel)
        return (
            f"ConvolutionExplorer({self.size}x{self.size} photo, {side}x{side} kernel, "
            f"stride {self.stride}, padding {self.padding!r})"
        )


def _first_layer() -> NDArray[np.float64]:
    """The filters of the person detector's first layer, (8, 3, 3, 3); none without its file."""
    try:
        path = find_data("checkpoints/person_detector.safetensors")
    except FileNotFoundError:
        return np.empty(0)
    with safe_open(path, "np") as file:
        return file.get_tensor("conv_0.conv.weight").round(4).astype(float)
