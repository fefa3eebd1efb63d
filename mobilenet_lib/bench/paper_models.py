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

from ..architecture import Architecture, Body, mobilenet_v1
from ..machine import load
from ..model import MobileNet
from ..paper import ALPHAS, RESOLUTIONS
from ..process import threads as use_threads
from ..process import torch_defaults
from ..text import format_table
from ..timing import Timing, interleave, significant
from ..validation import check_int
from .layer_timer import LayerTimer, Setting, build, images
from .layers import marked_pass, overheads, tiny_pass
from .peaks import MachinePeaks, peaks_for
from .roofline import Calibration, calibrate, pieces, predict
from .shapes import LEAST_S, PASSES, WARM_UP, Chains, ShapeTable, calm, warm

WITHIN, MEDIAN_WITHIN = 0.15, 0.07
"""How far a prediction by shapes may be off, and the median of all of them."""
COLUMNS = {"network": "", "M m-adds": ".1f", "whole, ms": ".3f", "layers": ".3f", "roof": ".3f"}
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
    """Of whole passes, one after the other."""
    added_ms: float
    """Its layers' times added, each the first decile of its passes: what is predicted."""
    roof_ms: float
    """What the plain roofline says: every layer at its roof, no overhead."""
    by_kind_ms: float
    """What the one says that is calibrated by kind of layer."""
    predicted_ms: float
    """What the table of shapes says."""

    @property
    def name(self) -> str:
        """As the paper calls it, and its body if it is another one."""
        body = "" if self.body == "separable" else f", {self.body}"
        return f"{self.alpha:g} MobileNet-{self.resolution}{body}"

    @property
    def by_kind_error(self) -> float:
        """How far the prediction by kind is off, as a share of the layers' time, signed."""
        return self.by_kind_ms / self.added_ms - 1

    @property
    def error(self) -> float:
        """How far the prediction by shapes is off, in the same way."""
        return self.predicted_ms / self.added_ms - 1

    @property
    def error_of_whole(self) -> float:
        """The same against the median of whole passes, which other programs make longer."""
        return self.predicted_ms / self.timing.median_ms - 1


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
                model.added_ms,
                model.roof_ms,
                model.by_kind_ms,
                model.by_kind_error,
                model.predicted_ms,
                f"{model.error:+.1%}{' ' if abs(model.error) <= WITHIN else '*'}",
            )
            for model in self.models
        )
        before, after = ("unknown" if load is None else f"{load:.1f}" for load in self.load)
        wholes = [abs(model.error_of_whole) for model in self.models]
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
                f"by shape, from {len(self.table.times)} shapes, {self.table_s:.0f} s: "
                f"median {self.median_error:.1%}, limit {MEDIAN_WITHIN:.0%}; "
                f"largest {abs(self.worst.error):.1%} ({self.worst.name}), limit {WITHIN:.0%}",
                f"against whole passes: median {statistics.median(wholes):.1%}, "
                f"largest {max(wholes):.1%}",
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
    """Measure every width at every resolution in turn, eager, and predict each.

    Layer by layer: the first width at the first resolution also gives the efficiency of each kind.
    The table of shapes is measured in the same rounds.

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
        timers = marked_passes(archs, setting)
        tiny = tiny_pass(reference.body, setting)
        chains = Chains(setting, ("separable", "full") if "full" in bodies else ("separable",))
        tasks: dict[Any, Callable[[], Any]] = {"tiny": warm(tiny), **chains.tasks}
        tasks |= {number: warm(timer) for number, timer in enumerate(timers)}
        before = load()
        interleave(tasks, readings, WARM_UP, device, LEAST_S)
        after = load()
    taken = [calm(timer) for timer in timers]
    overhead = overheads({name: [seconds] for name, seconds in calm(tiny).items()}, reference)
    measured = [(work, taken[0][work.name]) for work in pieces(reference, batch_size, precision)]
    calibration = calibrate(measured, overhead, limits, precision)
    table = chains.table()
    models = []
    for arch, timer, layers in zip(archs, timers, taken, strict=True):
        passes = zip(*timer.seconds(skip=WARM_UP * (PASSES - 1)).values(), strict=True)
        plain = predict(arch, batch_size, limits, precision=precision)
        fitted = predict(arch, batch_size, limits, calibration, precision)
        models.append(
            Predicted(
                arch.alpha,
                arch.resolution,
                arch.body,
                batch_size * arch.mult_adds,
                Timing.of([sum(steps) for steps in passes]),
                significant(1e3 * sum(layers.values())),
                significant(plain.ms),
                significant(fitted.ms),
                significant(sum(table.predict(arch).values())),
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
        round(chains.seconds(), 1),
        (before, after),
        {name: os.environ[name] for name in HELD_BACK if name in os.environ},
        limits,
    )


def marked_passes(archs: Sequence[Architecture], setting: Setting) -> list[LayerTimer]:
    """Passes with marks through each network, seen to compute what it computes."""
    # A width's weights are the same at every resolution, so one network serves all.
    nets: dict[Any, MobileNet] = {}
    timers = []
    for arch in archs:
        kind = arch.alpha, arch.body
        if kind not in nets:
            nets[kind] = build(arch, setting)
        timers.append(marked_pass(nets[kind], images(arch.resolution, setting), setting))
    return timers
