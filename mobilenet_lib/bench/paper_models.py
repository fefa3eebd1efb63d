"""The paper's networks, measured, and what three models of a machine say that they should take.

The plain roofline knows the ceilings only. The calibrated one also knows how near each kind of
layer comes to them, from the profile of one network. The table of shapes was measured on layers of
many sizes, which no network here has as a whole.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..architecture import Architecture, Body, mobilenet_v1
from ..machine import load
from ..paper import ALPHAS, RESOLUTIONS
from ..text import format_table
from ..timing import Timing, forward_pass, interleave, ratio, significant, torch_defaults
from ..timing import threads as use_threads
from ..validation import check_int
from .layer_timer import Setting, build, images
from .layers import layer_times, marked_pass, overheads, tiny_pass
from .peaks import MachinePeaks, peaks_for
from .roofline import Calibration, calibrate, predict
from .shapes import LEAST_S, WARM_UP, Chains, ShapeTable

WITHIN, MEDIAN_WITHIN = 0.15, 0.07
"""How far a prediction by shapes may be off, and the median of all of them."""
COLUMNS = {"network": "", "M m-adds": ".1f", "ms": ".3f", "roof, ms": ".3f"}
COLUMNS |= {"by kind": ".3f", "off": "+.0%", "by shape": ".3f", "off ": ">"}
HELD_BACK = "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS"
"""Variables that keep libraries from using all of a processor."""


@dataclass(frozen=True)
class Predicted:
    """One network: measured, and predicted."""

    alpha: float
    resolution: int
    body: Body
    mult_adds: int
    """Of the whole batch."""
    timing: Timing
    roof_ms: float
    """What the plain roofline says: every layer at its roof, no overhead."""
    by_kind_ms: float
    """What the one says that is calibrated by kind of layer, at the rounds' median pace."""
    predicted_ms: float
    """What the table of shapes says, at the same pace."""
    to_measured: float
    """Median over the rounds of: what the table says, at the pace of the round, over what the
    network took in it."""

    @property
    def name(self) -> str:
        """As the paper calls it, and its body if it is another one."""
        body = "" if self.body == "separable" else f", {self.body}"
        return f"{self.alpha:g} MobileNet-{self.resolution}{body}"

    @property
    def by_kind_error(self) -> float:
        """How far the prediction by kind is off, as a share of the measured time, signed."""
        return self.by_kind_ms / self.timing.median_ms - 1

    @property
    def error(self) -> float:
        """How far the prediction by shapes is off, in the same way."""
        return self.to_measured - 1


@dataclass(frozen=True)
class PaperModelsBench:
    """Measured and predicted latency of networks of several widths, resolutions and bodies."""

    setting: Setting
    device: str
    threads: int
    models: tuple[Predicted, ...]
    calibrated_on: str
    calibration: Calibration
    table: ShapeTable
    pace: dict[str, float]
    """How much longer than their medians the layers of the table took in a round, by body."""
    table_s: float
    """Seconds that the table took in all rounds together."""
    load: tuple[float | None, float | None]
    """Programs that wanted to run in the minute before the rounds began, and before they ended;
    this one counts in the second."""
    held_back: dict[str, str]
    """What kept libraries from using all of the processor."""
    ceilings: MachinePeaks

    @property
    def median_error(self) -> float:
        """How far the prediction by shapes is off in the middle."""
        return statistics.median(abs(model.error) for model in self.models)

    @property
    def worst(self) -> Predicted:
        """The network that is furthest from its prediction by shapes."""
        return max(self.models, key=lambda model: abs(model.error))

    @property
    def within_limits(self) -> bool:
        """Whether the table of shapes predicts all networks as well as it should."""
        return abs(self.worst.error) <= WITHIN and self.median_error <= MEDIAN_WITHIN

    def __str__(self) -> str:
        efficiency, overhead = self.calibration.efficiency, self.calibration.overhead_s
        rows = (
            (
                model.name,
                model.mult_adds / 1e6,
                model.timing.median_ms,
                model.roof_ms,
                model.by_kind_ms,
                model.by_kind_error,
                model.predicted_ms,
                f"{model.error:+.1%}{' ' if abs(model.error) <= WITHIN else '*'}",
            )
            for model in self.models
        )
        before, after = ("unknown" if load is None else f"{load:.1f}" for load in self.load)
        held = [f"{name}={value}" for name, value in self.held_back.items()]
        return "\n".join(
            [
                f"{self.device}, {self.threads} threads, {self.setting}",
                f"{self.ceilings.machine.torch.instructions}, load {before} before and {after} "
                "after" + (f"; {', '.join(held)}" if held else ""),
                *format_table(COLUMNS, rows),
                f"by kind, from {self.calibrated_on}: "
                + ", ".join(
                    f"{kind} {share:.2f} of its roof" for kind, share in efficiency.items()
                ),
                "a call takes "
                + ", ".join(f"{kind} {1e3 * s:.3f} ms" for kind, s in overhead.items()),
                "the table's layers took, of their medians, "
                + ", ".join(f"{pace:.2f} ({body})" for body, pace in self.pace.items()),
                f"by shape, from {len(self.table.times)} shapes, {self.table_s:.0f} s: "
                f"median {self.median_error:.1%}, limit {MEDIAN_WITHIN:.0%}; "
                f"largest {abs(self.worst.error):.1%} ({self.worst.name}), limit {WITHIN:.0%}",
            ]
        )


@torch_defaults()
def bench_paper_models(
    batch_size: int = 1,
    precision: str = "fp32",
    readings: int = 15,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
    alphas: Sequence[float] = ALPHAS,
    resolutions: Sequence[int] = RESOLUTIONS,
    bodies: Sequence[Body] = ("full", "shallow"),
    ceilings: MachinePeaks | None = None,
) -> PaperModelsBench:
    """Measure every width at every resolution in turns, eager, and predict each.

    The first width at the first resolution is profiled in the same rounds, for the efficiency of
    each kind of layer, and so is the table of shapes.

    Parameters
    ----------
    batch_size, precision, device, threads, seed
        As for `bench_layers`.
    readings
        Rounds that count, at least 2.
    alphas, resolutions
        The networks; the paper's sixteen by default.
    bodies
        Other bodies to measure, with the first width at the first resolution.
    ceilings
        As `bench_peaks` measured them here, with the same threads; None: they are measured.

    Raises
    ------
    ValueError
        A value out of range, no network, or `ceilings` of other threads.
    """
    setting = Setting(batch_size, precision, device, seed)
    readings = check_int("readings", readings, 2)
    named = [(alpha, resolution) for alpha in alphas for resolution in resolutions]
    if not named or len(set(named)) < len(named):
        raise ValueError(f"name at least one network, and each once; got {named}")
    archs = [mobilenet_v1(*sizes) for sizes in named]
    archs += [mobilenet_v1(*named[0], body=body) for body in bodies]
    reference = archs[0]
    with use_threads(threads) as count:
        limits = peaks_for(precision, device, count, seed, ceilings)
        tasks = whole_passes(archs, setting)
        chains = Chains(setting, ("separable", "full") if "full" in bodies else ("separable",))
        x = images(reference.resolution, setting)
        marked = marked_pass(build(reference, setting), x, setting)
        tiny = tiny_pass(reference.body, setting)
        before = load()
        taken = interleave(
            {"marked": marked, "tiny": tiny, **chains.tasks, **tasks},
            readings, WARM_UP, device, LEAST_S,
        )  # fmt: skip
    overhead = overheads(tiny.seconds(WARM_UP), reference)
    rows = layer_times(reference, setting, marked.seconds(WARM_UP), overhead, limits)
    measured = [(row, row.timing.median_ms / 1e3) for row in rows]
    calibration = calibrate(measured, overhead, limits, precision)
    table, paces = chains.table(WARM_UP), chains.pace(taken, WARM_UP)
    models = []
    for number, arch in enumerate(archs):
        paced = paces["full" if arch.body == "full" else "separable"]
        pace = statistics.median(paced)
        told = sum(table.predict(arch).values())
        plain = predict(arch, batch_size, limits, precision=precision)
        fitted = predict(arch, batch_size, limits, calibration, precision)
        models.append(
            Predicted(
                arch.alpha,
                arch.resolution,
                arch.body,
                batch_size * arch.mult_adds,
                Timing.of(taken[number]),
                significant(plain.ms),
                significant(pace * fitted.ms),
                significant(pace * told),
                ratio([slower * told / 1e3 for slower in paced], taken[number]),
            )
        )
    return PaperModelsBench(
        setting,
        limits.device,
        count,
        tuple(models),
        models[0].name,
        calibration,
        table,
        {body: round(statistics.median(paced), 3) for body, paced in paces.items()},
        round(chains.seconds(), 1),
        (before, load()),
        {name: os.environ[name] for name in HELD_BACK if name in os.environ},
        limits,
    )


def whole_passes(
    archs: Sequence[Architecture], setting: Setting
) -> dict[int, Callable[[], torch.Tensor]]:
    """Functions that run each network as a whole, by its place in `archs`."""
    # A width's weights are the same at every resolution, so one network serves all.
    nets: dict[Any, Any] = {}
    tasks = {}
    for number, arch in enumerate(archs):
        kind = arch.alpha, arch.body
        if kind not in nets:
            nets[kind] = build(arch, setting)
        tasks[number] = forward_pass(nets[kind], images(arch.resolution, setting))
    return tasks
