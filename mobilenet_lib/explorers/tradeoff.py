"""The explorer of chapter 06: accuracy against cost for sixteen widths and resolutions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import traitlets

from .. import paper
from ..paper import ALPHAS, RESOLUTIONS, Model
from ..results import Measured, measured
from ..validation import check_positive
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

LETTERS = (56, 48, 40, 32)
"""Pixels of the book's own networks, in the ratios of the paper's."""
SOURCES = ("the paper", "tf-slim", "letters")
PANELS = {
    "ImageNet, 1000 classes": ("the paper", "tf-slim"),
    "Letters in the wild, 26 classes": ("letters",),
}
AXES = {
    "mult-adds": ("mult_adds", 1e6, "mult-adds, millions"),
    "parameters": ("parameters", 1e6, "parameters, millions"),
    "latency": ("latency", 1, "latency on this machine, ms"),
}
"""Of each cost: the record's field, its unit, and what the axis says; as in tradeoff.js."""
_STATE = definition("tradeoff")


class TradeoffExplorer(Explorer):
    """Sixteen MobileNets from three sources: what width and resolution cost, and what they give.

    Works by mouse, touch and keyboard, and without a Python session once it is drawn.

    Parameters
    ----------
    measured
        The book's own networks; None takes `results.measured("grid")`. Bodies other than
        "separable" are left out; a network that is missing is shown as not trained.
    latency
        Milliseconds on this machine by (alpha, resolution), for any of the networks: 224 to 128
        pixels for the paper and tf-slim, 56 to 32 for the letters.
    alpha, resolution, axis, budget
        What is chosen at the start; see below.
    **state
        More of the state: `shown`, `hide`, `tour`.

    Attributes
    ----------
    alpha
        1, 0.75, 0.5 or 0.25.
    resolution
        224, 192, 160 or 128, pixels of the ImageNet networks. The letters' 56, 48, 40 or 32 belong
        to the same rho.
    axis
        The cost on the horizontal axis: "mult-adds", "parameters", or "latency" if it was given.
    budget
        The most that a network may cost, in the axis's unit (a count, or milliseconds); None for no
        limit, also after the axis changes.
    shown
        Which of "the paper", "tf-slim", "letters" and "front" are drawn.
    sources
        By name, sixteen records each: all that is drawn. For reading only.

    Raises
    ------
    ResultsError
        `measured` is None and the book's grid is not there.
    ValueError, TypeError
        A measured network or a latency that is none of the sixteen, or comes twice; a latency that
        is no number.
    traitlets.TraitError
        A choice that does not exist; the widget keeps its old state.
    """

    definition = _STATE

    sources = traitlets.Dict(read_only=True).tag(sync=True)
    alpha = _STATE.trait("alpha")
    resolution = _STATE.trait("resolution")
    axis = _STATE.trait("axis")
    budget = _STATE.trait("budget")
    shown = _STATE.trait("shown")

    def __init__(
        self,
        measured: Sequence[Measured] | None = None,
        latency: Mapping[tuple[float, int], float] | None = None,
        *,
        alpha: float = 1.0,
        resolution: int = 224,
        axis: str = "mult-adds",
        budget: float | None = None,
        **state: Any,
    ) -> None:
        self.set_trait("sources", _sources(measured, _checked(latency or {})))
        self._known = "mult-adds", None
        super().__init__(alpha=alpha, resolution=resolution, axis=axis, budget=budget, **state)

    @traitlets.validate("axis")
    def _measured_axis(self, proposal: Any) -> str:
        if proposal["value"] == "latency" and not any(
            record["latency"] for records in self.sources.values() for record in records
        ):
            raise traitlets.TraitError(
                "no latency was given; make the explorer with latency={(alpha, resolution): ms}"
            )
        return proposal["value"]

    @traitlets.observe("axis", "budget")
    def _other_unit(self, _: Any) -> None:
        axis, budget = self._known
        if self.axis != axis and self.budget == budget:
            self.budget = None  # it had the other axis's unit
        self._known = self.axis, self.budget

    def still(self) -> BookFigure | None:
        """The sources that are shown, with the chosen networks and the best within the budget."""
        from ..plots import trade_off

        field, unit, label = AXES[self.axis]
        panels = {}
        for title, names in PANELS.items():
            drawn = {
                name: [
                    SimpleNamespace(**record | {"spread": record.get("spread") or 0})
                    for record in self.sources[name]
                    if name in self.shown and None not in (record["accuracy"], record[field])
                ]
                for name in names
            }
            for network in (network for networks in drawn.values() for network in networks):
                network.cost = getattr(network, field) / unit
            if any(drawn.values()):
                panels[title] = {name: networks for name, networks in drawn.items() if networks}
        if not panels:
            return None
        sides = self.resolution, LETTERS[RESOLUTIONS.index(self.resolution)]
        budget = None if self.budget is None else self.budget / unit
        chosen = [(self.alpha, side) for side in sides]
        return trade_off(panels, chosen, label, budget, "front" in self.shown)

    def __repr__(self) -> str:
        budget = "" if self.budget is None else f", budget={self.budget:g}"
        return (
            f"TradeoffExplorer(alpha={self.alpha:g}, resolution={self.resolution}, "
            f"axis={self.axis!r}{budget})"
        )


def _checked(latency: Mapping[tuple[float, int], float]) -> dict[tuple[float, int], float]:
    known = {*itertools.product(ALPHAS, (*RESOLUTIONS, *LETTERS))}
    for network in latency:
        if network not in known:
            raise ValueError(
                f"latency of {network!r}: a network is (alpha, resolution), alpha one of "
                f"{_listed(ALPHAS)}, resolution one of {_listed(RESOLUTIONS + LETTERS)}"
            )
    return {
        network: check_positive(f"latency of {network!r}", value)
        for network, value in latency.items()
    }


def _sources(
    networks: Sequence[Measured] | None, latency: Mapping[tuple[float, int], float]
) -> dict[str, list[dict[str, Any]]]:
    """What the browser draws: by source, one record for each of the sixteen networks."""

    def record(
        alpha: float, resolution: int, network: Model | Measured | None, **what: float | None
    ) -> dict[str, Any]:
        return {
            "alpha": alpha,
            "resolution": resolution,
            **what,
            "mult_adds": network and network.mult_adds,
            "parameters": network and network.parameters,
            "latency": latency.get((alpha, resolution)),
        }

    sources = {
        source: [
            record(m.alpha, m.resolution, m, accuracy=getattr(m, paper.SOURCES[source]))
            for m in paper.models()
        ]
        for source in ("the paper", "tf-slim")
    }
    own = _own(measured("grid") if networks is None else networks)
    sources["letters"] = []
    for alpha, resolution in itertools.product(ALPHAS, LETTERS):
        mine = own.get((alpha, resolution))
        accuracy, spread = (mine.accuracy, mine.spread) if mine else (None, None)
        seeds = len(mine.accuracies) if mine else 0
        sources["letters"].append(
            record(alpha, resolution, mine, accuracy=accuracy, spread=spread, seeds=seeds)
        )
    return sources


def _own(networks: Sequence[Measured]) -> dict[tuple[float, int], Measured]:
    own: dict[tuple[float, int], Measured] = {}
    for network in networks:
        if network.body != "separable":
            continue
        key = (network.alpha, network.resolution)
        what = f"measured network alpha={network.alpha:g}, resolution={network.resolution}"
        if network.alpha not in ALPHAS or network.resolution not in LETTERS:
            raise ValueError(
                f"{what}: alpha must be one of {_listed(ALPHAS)}, "
                f"resolution one of {_listed(LETTERS)}"
            )
        if key in own:
            raise ValueError(f"{what} comes twice; give one record with all its seeds")
        own[key] = network
    return own


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
