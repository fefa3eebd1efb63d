"""The quantization explorer of chapter 08: a layer's weights in two to eight bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps

from ..photos import load_photo
from ..results import ResultsError, recorded
from .explorer import Explorer, definition
from .rounding import LayerWeights, Rounded, folded_layers, round_weights, signal_to_noise

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("quantization")
MOST = 2**20
"""Weights that a page is given; four bytes each."""
THUMBNAIL = 40  # pixels
SCOPE_ALL = "all"


class QuantizationExplorer(Explorer):
    """Round a real layer's weights to few bits; see its channels, the error, the changed answers.

    Works by mouse, touch and keyboard, and without a Python session once it is drawn.

    Parameters
    ----------
    weights
        Layers by name, each an array of (channels, ...), batch normalization folded in. None takes
        the depthwise and pointwise layers of the book's person detector, and what was measured
        with them.
    **state
        `layer`, `bits` (2 to 8), `per` ("tensor" or "channel"), `zero_point`, `channel`, `weight`
        (from 0), `scope` (answers with this "layer" rounded, or with "all"), `hide` (names of
        controls, and "answers"), `tour`.

    Attributes
    ----------
    rounded
        The layer's weights as they now are.

    Raises
    ------
    ValueError
        There are no weights, too many, or they are no finite numbers.
    traitlets.TraitError
        A layer, channel, number of bits or step that there is not; the widget keeps its old state.
    """

    definition = _STATE

    layers: traitlets.List[Any] = traitlets.List(
        read_only=True,
        help="by layer: name, kind, channels, width (weights of one), off (all 0), idle",
    ).tag(sync=True)
    weights = traitlets.Bytes(
        read_only=True, help="float32, layer by layer, without channels that are off"
    ).tag(sync=True)
    measured = traitlets.Dict(read_only=True, help="answers with rounded weights").tag(sync=True)
    pictures = traitlets.Bytes(read_only=True, help="photos, RGB, THUMBNAIL a side").tag(sync=True)
    layer = _STATE.trait("layer")
    bits = _STATE.trait("bits")
    per = _STATE.trait("per")
    zero_point = _STATE.trait("zero_point")
    scope = _STATE.trait("scope")
    channel = _STATE.trait("channel")
    weight = _STATE.trait("weight")

    def __init__(self, weights: Mapping[str, ArrayLike] | None = None, **state: Any) -> None:
        found = folded_layers() if weights is None else _own_layers(weights)
        self._layers = {each.name: each for each in found}
        self.set_trait("layers", [_facts(each) for each in found])
        self.set_trait("weights", b"".join(_live(each).tobytes() for each in found))
        if weights is None:
            measured = _measured()
            self.set_trait("measured", measured)
            self.set_trait("pictures", b"".join(map(_thumbnail, measured.get("photos", ()))))
        if _STATE.fields["layer"]["default"] not in self._layers:
            state = {"layer": found[0].name} | state
        super().__init__(**state)

    @traitlets.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        if proposal["value"] not in self._layers:
            raise traitlets.TraitError(
                f"layer must be one of {', '.join(self._layers)}; got {proposal['value']!r}"
            )
        return proposal["value"]

    @traitlets.validate("channel")
    def _check_channel(self, proposal: Any) -> int | None:
        value, most = proposal["value"], max(len(each.weights) for each in self._layers.values())
        if value is not None and value >= most:
            raise traitlets.TraitError(f"channel must be below {most}; got {value}")
        return value

    @property
    def original(self) -> NDArray[np.float32]:
        """The layer's weights, (channels, weights per channel)."""
        return self._layers[self.layer].weights

    @property
    def rounded(self) -> Rounded:
        """The layer's weights as they now are."""
        return round_weights(self.original, self.bits, self.per, self.zero_point)

    @property
    def rms_error(self) -> float:
        """How far a weight is off: the root of the mean square, over channels that are not off."""
        off = self.rounded.values.astype(float) - self.original
        return math.sqrt(float(np.square(off[self.original.any(axis=1)]).mean()))

    @property
    def signal_to_noise(self) -> float:
        """Of the layer's weights, in decibels."""
        return signal_to_noise(self.original, self.rounded.values)

    @property
    def lost(self) -> NDArray[np.bool_]:
        """By channel: whether it had weights, and has none left that is not 0."""
        had, has = (np.asarray(rows.any(axis=1)) for rows in (self.original, self.rounded.values))
        return np.asarray(had & ~has)

    @property
    def answers(self) -> dict[str, Any] | None:
        """What was measured so: share of crops that keep their answer, and persons by photo.

        None for weights of your own.
        """
        name = SCOPE_ALL if self.scope == SCOPE_ALL else self.layer
        for row in self.measured.get("rows", ()):
            if (row["layer"], row["per"], row["zero_point"]) == (name, self.per, self.zero_point):
                place = self.measured["bits"].index(self.bits)
                return {
                    "agreement": row["agreement"][place],
                    "person": {
                        photo: by_bits[place]
                        for photo, by_bits in zip(
                            self.measured["photos"], row["person"], strict=True
                        )
                    },
                }
        return None

    def still(self) -> BookFigure:
        """The channels' ranges on the grid of levels, and a histogram with the levels over it."""
        from ..plots import rounded_weights

        how = f"{self.bits} bits, a step {'for the layer' if self.per == 'tensor' else 'a channel'}"
        return rounded_weights(self.original, self.rounded.values, f"{self.layer}, {how}")

    def __repr__(self) -> str:
        return (
            f"QuantizationExplorer({self.layer}, {self.bits} bits, a step a {self.per}"
            f"{', with a zero point' if self.zero_point else ''})"
        )


def _own_layers(weights: Mapping[str, ArrayLike]) -> list[LayerWeights]:
    layers = []
    for name, array in weights.items():
        rows = np.asarray(array, np.float32)
        if rows.ndim < 2 or not rows.size:
            raise ValueError(f"{name} must be (channels, ...) with weights, got {rows.shape}")
        rows = rows.reshape(len(rows), -1)
        if not np.isfinite(rows).all():
            raise ValueError(f"{name} has weights that are not finite")
        layers.append(LayerWeights(str(name), "", rows, np.zeros(len(rows), bool)))
    total = sum(each.weights.size for each in layers)
    if not layers or total > MOST:
        raise ValueError(f"weights must be 1 to {MOST:,} in all, got {total:,}; take some layers")
    return layers


def _live(layer: LayerWeights) -> NDArray[np.float32]:
    return layer.weights[layer.weights.any(axis=1)]


def _facts(layer: LayerWeights) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "channels": len(layer.weights),
        "width": layer.weights.shape[1],
        "off": np.flatnonzero(~layer.weights.any(axis=1)).tolist(),
        "idle": np.flatnonzero(layer.idle).tolist(),
    }


def _measured() -> dict[str, Any]:
    """The recorded answers with what the page says of them; nothing without the file."""
    try:
        content = recorded("rounding")
    except ResultsError:
        return {}
    results = content["results"]
    return results["detector"] | {
        "bits": results["bits"],
        "letters": results["letters"],
        "date": content["provenance"]["date"][:10],
    }


def _thumbnail(name: str) -> bytes:
    photo = ImageOps.fit(Image.fromarray(load_photo(name)), (THUMBNAIL, THUMBNAIL))
    return photo.tobytes()
