"""The profile of a network as data: each layer's work, its time, its rates, and what binds it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..architecture import Architecture
from ..layer import KIND_LABELS
from ..text import format_table
from ..timing import Timing
from .layer_timer import Setting
from .peaks import MachinePeaks
from .roofline import Bound, Calibration, Work, by_kind, calibrate, pieces, predict_work

ADDED_LIMIT = 0.1
"""How far the layers' times may be from the whole network's, as a share of it."""
LABELS = {**KIND_LABELS, "pool": "Avg Pool"}
COLUMNS = {"layer": "", "kind": "", "M m-adds": ".2f", "MB": ".3f", "ms": ".3f", "roof": ".3f"}
COLUMNS |= {"GFLOP/s": ".1f", "GB/s": ".1f", "bound": "", "time": ".1%", "work": ".1%"}


@dataclass(frozen=True)
class LayerTime:
    """One layer, or the average pool, over the whole batch."""

    name: str
    kind: str
    mult_adds: int
    bytes: int
    """Moved at least, see `Layer.bytes_moved`."""
    intensity: float
    """Operations a byte, two for each mult-add."""
    timing: Timing
    gflops: float
    """10⁹ operations a second that it reached."""
    gb_per_s: float
    """10⁹ of those bytes a second."""
    roof_ms: float
    """What the roofline asks for: at the peak rate or the bandwidth, whichever takes longer."""
    bound: Bound
    """By the roofline: compute or memory; overhead if a call that computes next to nothing
    takes longer than both."""
    time_share: float
    """Of all layers' time, between 0 and 1."""
    mult_adds_share: float


@dataclass(frozen=True)
class LayersBench:
    """The profile of one network."""

    alpha: float
    resolution: int
    body: str
    setting: Setting
    device: str
    """What the processor or the GPU is called."""
    threads: int
    whole: Timing
    """The network without marks, in the same rounds."""
    layers: tuple[LayerTime, ...]
    """The layers in their order, and the average pool before the last."""
    sum_ms: float
    """The layers' medians added."""
    sum_to_whole: float
    """Median over the rounds of: the layers' times added, over the whole's beside them."""
    overhead_ms: dict[str, float]
    """What a call takes that computes next to nothing, by kind."""
    ceilings: MachinePeaks

    @property
    def within_limits(self) -> bool:
        """Whether the layers add up to the whole."""
        return abs(self.sum_to_whole - 1) <= ADDED_LIMIT

    @cached_property
    def time_shares(self) -> dict[str, float]:
        """Share of the layers' time by kind."""
        return by_kind((layer.kind, layer.time_share) for layer in self.layers)

    @cached_property
    def mult_adds_shares(self) -> dict[str, float]:
        """Share of the mult-adds by kind: Table 2's first column."""
        return by_kind((layer.kind, layer.mult_adds_share) for layer in self.layers)

    @property
    def points(self) -> dict[str, tuple[str, float, float]]:
        """(kind, operations a byte, GFLOP/s) of layers that multiply, for `plots.roofline`."""
        return {
            layer.name: (layer.kind, layer.intensity, layer.gflops)
            for layer in self.layers
            if layer.mult_adds
        }

    @property
    def calibration(self) -> Calibration:
        """The efficiencies that this profile tells, to predict other networks with."""
        overhead = {kind: ms / 1e3 for kind, ms in self.overhead_ms.items()}
        return calibration_of(self.layers, overhead, self.ceilings, self.setting.precision)

    def __str__(self) -> str:
        added = "they add up" if self.within_limits else "they do NOT add up"
        work = self.mult_adds_shares
        return "\n".join(
            [
                f"{self.alpha:g} MobileNet-{self.resolution}, {self.body} body, {self.setting}",
                f"{self.device}, {self.threads} threads",
                *format_table(COLUMNS, map(_cells, self.layers)),
                *(
                    f"{LABELS[kind]:<16}{share:6.1%} of the time, {work[kind]:6.2%} of mult-adds"
                    for kind, share in self.time_shares.items()
                ),
                f"whole network   {self.whole}",
                f"layers added    {self.sum_ms:8.2f} ms, {self.sum_to_whole:.3f} of the whole "
                f"beside them: {added} within {ADDED_LIMIT:.0%}",
            ]
        )


def _cells(layer: LayerTime) -> tuple[Any, ...]:
    work = layer.mult_adds / 1e6, layer.bytes / 1e6
    times = layer.timing.median_ms, layer.roof_ms, layer.gflops, layer.gb_per_s, layer.bound
    return layer.name, LABELS[layer.kind], *work, *times, layer.time_share, layer.mult_adds_share


def calibration_of(
    rows: Sequence[LayerTime],
    overhead_s: Mapping[str, float],
    ceilings: MachinePeaks,
    precision: str,
) -> Calibration:
    """What the measured layers of one network tell the roofline about others."""
    measured = [
        (Work(row.name, row.kind, row.mult_adds, row.bytes), row.timing.median_ms / 1e3)
        for row in rows
    ]
    return calibrate(measured, overhead_s, ceilings, precision)


def layer_times(
    arch: Architecture,
    setting: Setting,
    seconds: Mapping[str, Sequence[float]],
    overhead: Mapping[str, float],
    ceilings: MachinePeaks,
) -> tuple[LayerTime, ...]:
    """Work and time of each piece put together, rates and shares computed.

    Raises
    ------
    KeyError
        A piece was not timed.
    """
    works = pieces(arch, setting.batch, setting.precision)
    medians = {work.name: statistics.median(seconds[work.name]) for work in works}
    total, mult_adds = sum(medians.values()), sum(work.mult_adds for work in works)
    calls = Calibration(overhead, {})
    rows = []
    for work in works:
        roof, took = predict_work(work, ceilings, calls, setting.precision), medians[work.name]
        rows.append(
            LayerTime(
                work.name,
                work.kind,
                work.mult_adds,
                work.bytes,
                round(work.intensity, 3),
                Timing.of(list(seconds[work.name])),
                float(f"{2 * work.mult_adds / took / 1e9:.4g}"),
                float(f"{work.bytes / took / 1e9:.4g}"),
                float(f"{1e3 * max(roof.compute_s, roof.memory_s):.4g}"),
                roof.bound,
                round(took / total, 5),
                round(work.mult_adds / mult_adds, 6),
            )
        )
    return tuple(rows)
