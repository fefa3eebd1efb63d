"""The explorer of chapter 03: a network's layers, one by one; MobileNet's, or any other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from numbers import Real
from typing import TYPE_CHECKING, Any

import traitlets

from ..architecture import Architecture, mobilenet_v1
from ..files import find_data, read_json
from ..photos import credits
from ..validation import check_number
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..bench.describe import Description
    from ..bench.layers import LayersBench
    from ..plots import BookFigure

_STATE = definition("architecture")
NETWORK = ("body", "alpha", "resolution")


class ArchitectureExplorer(Explorer):
    """The layers of a network as a strip: choose one to read its shape and what it costs.

    `ArchitectureExplorer(alpha, resolution, body)` shows a MobileNet, whose costs, and what of a
    photo each layer sees, are counted in the browser; maps are shown of the person detector, 0.25
    MobileNet-96. `ArchitectureExplorer(net, example)` shows any torch network, as
    `bench.describe.describe_network` measures it here.

    Parameters
    ----------
    alpha, resolution, body
        As for `mobilenet_v1`: alpha from 0.05 to 1.5, resolution from 32 to 320 pixels.
    net, example
        A network and what it takes: a tensor, a tuple of arguments, or a dict of keyword arguments.
        They may stand in the place of alpha and resolution.
    milliseconds
        Times of layers: what `bench_layers` gives, or a number for each layer by its name. None
        takes the book's own profile of 1.0 MobileNet-224, if its data are there.
    **state
        More of the state: `layer` (a name, such as "pw_3"), `bars` ("mult-adds", "parameters",
        "bytes" or "milliseconds"), `photo` (a name from `data/photos/`), `down` and `across`
        (percent: where the pixel lies whose receptive field is shown), `hide`, `tour`.

    Attributes
    ----------
    arch
        The `Architecture` now shown; None of another network.
    description
        What `describe_network` found; None of a MobileNet by its alpha.

    Raises
    ------
    ValueError
        The network does not take the example, or a time is no number from 0 on.
    TypeError
        A network without an example, or the reverse.
    traitlets.TraitError
        A value out of range; the widget keeps its old state.
    """

    definition = _STATE

    body = _STATE.trait("body")
    alpha = _STATE.trait("alpha")
    resolution = _STATE.trait("resolution")
    layer = _STATE.trait("layer")
    bars = _STATE.trait("bars")
    photo = _STATE.trait("photo")
    down = _STATE.trait("down")
    across = _STATE.trait("across")
    title = traitlets.Unicode(read_only=True, help="class of the network").tag(sync=True)
    described: traitlets.List[Any] = traitlets.List(
        read_only=True, help="rows of any network; none of a MobileNet by its alpha"
    ).tag(sync=True)
    times: traitlets.Dict[str, Any] = traitlets.Dict(
        None, allow_none=True, read_only=True, help="measured times by layer, and of what"
    ).tag(sync=True)

    def __init__(
        self,
        alpha: Any = 1.0,
        resolution: Any = 224,
        body: str = "separable",
        *,
        net: Any = None,
        example: Any = None,
        milliseconds: LayersBench | Mapping[str, float] | None = None,
        **state: Any,
    ) -> None:
        if net is None and not isinstance(alpha, Real):
            net, alpha = alpha, 1.0
            if not isinstance(resolution, Real):
                example, resolution = resolution, 224
        self.description = _describe(net, example)
        if self.description is not None:
            self.set_trait("title", self.description.network)
            self.set_trait("described", [asdict(row) for row in self.description])
            state.setdefault("layer", _key(self.description.rows[0]))
        network = {"body": body, "alpha": alpha, "resolution": resolution}
        self.set_trait("times", _times(milliseconds, self.description, network))
        super().__init__(alpha=alpha, resolution=resolution, body=body, **state)

    @property
    def arch(self) -> Architecture | None:
        """The architecture now shown; None of another network."""
        if self.description is not None:
            return None
        return mobilenet_v1(self.alpha, self.resolution, body=self.body)

    def assets(self) -> dict[str, bytes]:
        """The person detector's compact bytes and the book's photos, where they are there."""
        if self.description is not None:
            return {}
        try:
            photos = find_data("photos")
            files = {name: (photos / f"{name}.jpg").read_bytes() for name in credits()}
            return {"network": find_data("web/person_detector.mnet").read_bytes(), **files}
        except FileNotFoundError:
            return {}

    def still(self) -> BookFigure:
        """Mult-adds and parameters of every layer, with the chosen one marked."""
        from ..plots import network_rows, profile

        if self.description is not None:
            return network_rows(self.description, self.layer)
        arch = self.arch
        assert arch is not None
        names = [layer.name for layer in arch.layers]
        return profile(arch, self.layer if self.layer in names else names[-1])

    def __repr__(self) -> str:
        if self.description is not None:
            return f"ArchitectureExplorer({self.title}, {len(self.described)} calls of layers)"
        return f"ArchitectureExplorer({self.alpha:g}, {self.resolution}, {self.body!r})"


def _describe(net: Any, example: Any) -> Description | None:
    if net is None and example is None:
        return None
    if net is None or example is None:
        raise TypeError(
            "a network needs an example of what it takes, such as "
            "ArchitectureExplorer(net, torch.randn(1, 3, 224, 224))"
        )
    from ..bench.describe import describe_network  # late: it brings in torch

    return describe_network(net, example)


def _key(row: Any) -> str:
    """What a row is called in the state: as in rows.js, short enough for a name."""
    return (f"{row.name} (call {row.call})" if row.call > 1 else row.name)[-80:]


def _times(
    given: LayersBench | Mapping[str, float] | None,
    described: Description | None,
    network: dict[str, Any],
) -> dict[str, Any] | None:
    """Milliseconds by layer, of which network, and on what machine."""
    if given is None:
        return None if described else _books()
    if isinstance(given, Mapping):
        times = {str(k): check_number(f"milliseconds[{k!r}]", v, 0, 1e9) for k, v in given.items()}
        known = {_key(row) for row in described or ()}
        if described and (strange := times.keys() - known):
            raise ValueError(
                f"milliseconds has {sorted(strange)[0]!r}, which is no layer of "
                f"{described.network}; its first is {_key(described[0])!r}"
            )
        whose = None if described else network
        return {"network": whose, "device": "as handed in", "milliseconds": times}
    if described:
        raise ValueError("of another network, milliseconds must be a number for each layer's name")
    return {
        "network": {name: getattr(given, name) for name in NETWORK},
        "device": f"{given.device}, {given.threads} threads",
        "milliseconds": {layer.name: layer.timing.median_ms for layer in given.layers},
    }


def _books() -> dict[str, Any] | None:
    """The book's profile of 1.0 MobileNet-224; None where its data are not."""
    try:
        found = read_json(find_data("results/bench_layers.json"))["results"]
    except FileNotFoundError:
        return None
    return {
        "network": {name: found[name] for name in NETWORK},
        "device": f"{found['device']}, {found['threads']} threads",
        "milliseconds": {each["name"]: each["timing"]["median_ms"] for each in found["layers"]},
    }
