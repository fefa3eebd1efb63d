"""The roofline model: how long a layer takes, from its mult-adds, its bytes and two ceilings.

A layer takes as long as its operations at the peak rate, or as its bytes at the bandwidth,
whichever is longer, and a call costs some time on top. No kind of layer reaches its roof: a
depthwise layer least of all. So the model can be calibrated: one efficiency for each kind of layer,
fitted on the measured profile of one network, then used to predict others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from ..architecture import Architecture
from ..cost import bytes_moved
from ..validation import check_int
from .peaks import MachinePeaks

NUMBER_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}
LEAST_EFFICIENCY, MOST_EFFICIENCY = 1e-3, 2.0
"""Limits of a fitted efficiency. It can be above 1, since a copy also writes and a layer mostly
reads; but a kind that takes little longer than its calls would give any number.
"""
Bound = Literal["compute", "memory", "overhead"]
Kind = TypeVar("Kind", bound=str)


@dataclass(frozen=True)
class Work:
    """One piece of a network, a layer or the average pool, over a whole batch."""

    name: str
    kind: str
    """As `Layer.kind`, or "pool"."""
    mult_adds: int
    """As the paper counts them: none for the pool, which only adds."""
    bytes: int
    """Read and written at least once, as `Layer.bytes_moved` counts them."""


def pieces(arch: Architecture, batch: int = 1, precision: str = "fp32") -> tuple[Work, ...]:
    """All that a network runs: its layers in their order, and the average pool before the last."""
    batch, size = check_int("batch", batch, 1), NUMBER_BYTES[precision]
    *layers, head = [
        Work(layer.name, layer.kind, batch * layer.mult_adds, layer.bytes_moved(batch, size))
        for layer in arch.layers
    ]
    last = arch.layers[-2]
    channels = batch * last.out_channels
    pool = bytes_moved(channels * last.out_size**2, channels, 0, size)
    return (*layers, Work("pool", "pool", 0, pool), head)


@dataclass(frozen=True)
class Calibration:
    """What measuring one network tells the model about others."""

    overhead_s: Mapping[str, float]
    """Seconds that a call takes before it computes anything, by kind."""
    efficiency: Mapping[str, float]
    """Share of its roof that a layer reaches, by kind."""


IDEAL = Calibration({}, {})
"""No overhead, and every layer at its roof."""


@dataclass(frozen=True)
class PredictedLayer:
    """What the model says of one piece, in seconds."""

    name: str
    kind: str
    compute_s: float
    memory_s: float
    overhead_s: float

    @property
    def seconds(self) -> float:
        """The longer of the two, and the overhead."""
        return max(self.compute_s, self.memory_s) + self.overhead_s

    @property
    def bound(self) -> Bound:
        """What takes the longest."""
        if self.overhead_s > max(self.compute_s, self.memory_s):
            return "overhead"
        return "compute" if self.compute_s > self.memory_s else "memory"


@dataclass(frozen=True)
class Prediction:
    """What the model says of a network."""

    layers: tuple[PredictedLayer, ...]

    @property
    def seconds(self) -> float:
        """Of one run of the whole network."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def ms(self) -> float:
        """The same in milliseconds."""
        return 1e3 * self.seconds

    @property
    def bound(self) -> Bound:
        """What binds the layers that take most of the time."""
        shares = by_kind((layer.bound, layer.seconds) for layer in self.layers)
        return max(shares, key=shares.__getitem__)


def predict(
    arch: Architecture,
    batch: int,
    ceilings: MachinePeaks,
    calibration: Calibration = IDEAL,
    precision: str = "fp32",
) -> Prediction:
    """How long a network should take: for each piece max(flops/peak, bytes/bandwidth) + overhead.

    Parameters
    ----------
    arch, batch
        What runs.
    ceilings
        As `bench_peaks` measured them.
    calibration
        From `calibrate`; IDEAL lets every layer reach its roof.
    precision
        Of the numbers: fp32, fp16, bf16 or int8.
    """
    return Prediction(
        tuple(
            predict_work(work, ceilings, calibration, precision)
            for work in pieces(arch, batch, precision)
        )
    )


def predict_work(
    work: Work, ceilings: MachinePeaks, calibration: Calibration = IDEAL, precision: str = "fp32"
) -> PredictedLayer:
    """The same for one piece."""
    efficiency = calibration.efficiency.get(work.kind, 1.0)
    return PredictedLayer(
        work.name,
        work.kind,
        2 * work.mult_adds / ceilings.peak(precision) / efficiency,
        work.bytes / ceilings.bandwidth(work.bytes) / efficiency,
        calibration.overhead_s.get(work.kind, 0.0),
    )


def calibrate(
    measured: Sequence[tuple[Work, float]],
    overhead_s: Mapping[str, float],
    ceilings: MachinePeaks,
    precision: str = "fp32",
) -> Calibration:
    """Fit one efficiency for each kind of layer, on the profile of one network.

    It makes the predicted sum over the kind's layers equal to the measured one.

    Parameters
    ----------
    measured
        Pieces of the network and the seconds that each took.
    overhead_s
        Seconds of a call that computes next to nothing, by kind.
    ceilings, precision
        As for `predict`.
    """
    roof = by_kind(
        (work.kind, predict_work(work, ceilings, IDEAL, precision).seconds) for work, _ in measured
    )
    taken = by_kind(
        (work.kind, seconds - overhead_s.get(work.kind, 0.0)) for work, seconds in measured
    )
    efficiency = {
        kind: max(LEAST_EFFICIENCY, roof[kind] / max(taken[kind], roof[kind] / MOST_EFFICIENCY))
        for kind in roof
    }
    return Calibration(dict(overhead_s), efficiency)


def by_kind(values: Iterable[tuple[Kind, float]]) -> dict[Kind, float]:
    """Sums of (kind, value) by kind, in the order in which the kinds come."""
    totals: dict[Kind, float] = {}
    for kind, value in values:
        totals[kind] = totals.get(kind, 0) + value
    return totals
