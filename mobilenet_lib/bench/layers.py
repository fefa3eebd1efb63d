"""Where the time goes: a network timed layer by layer inside its forward passes.

Each layer's work, its time, its rates, and what binds it by the roofline.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import torch

from ..architecture import Architecture, Body, mobilenet_v1
from ..cost import arithmetic_intensity
from ..layer import KIND_LABELS
from ..model import MobileNet
from ..process import threads as use_threads
from ..process import torch_defaults
from ..text import format_table
from ..timing import Timing, forward_pass, interleave, ratio, significant
from ..validation import check_int
from .layer_timer import LayerTimer, Setting, build, images, stages
from .peaks import MachinePeaks, peaks_for
from .roofline import Bound, Calibration, Work, by_kind, calibrate, pieces, predict_work

TINY_ALPHA, TINY_RESOLUTION = 0.125, 32
"""A network that computes next to nothing: its time is that of its calls."""
WARM_UP = 3
ADDED_LIMIT = 0.1
"""How far the layers' times may be from the whole network's, as a share of it."""
LABELS: dict[str, str] = dict([*KIND_LABELS.items(), ("pool", "Avg Pool")])
COLUMNS = {"layer": "", "kind": "", "M m-adds": ".2f", "MB": ".3f", "ms": ".3f", "roof": ".3f"}
COLUMNS |= {"GFLOP/s": ".1f", "GB/s": ".1f", "bound": "", "time": ".1%", "work": ".1%"}


@dataclass(frozen=True)
class LayerTime(Work):
    """One layer, or the average pool, over the whole batch."""

    intensity: float
    """Operations per byte, two for each mult-add."""
    timing: Timing
    gflops: float
    """10⁹ operations per second that it reached."""
    gb_per_s: float
    """10⁹ of those bytes per second."""
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
        """(kind, operations per byte, GFLOP/s) of layers that multiply, for `plots.roofline`."""
        return {
            layer.name: (layer.kind, layer.intensity, layer.gflops)
            for layer in self.layers
            if layer.mult_adds
        }

    @property
    def calibration(self) -> Calibration:
        """The efficiencies that this profile tells, to predict other networks with."""
        measured = [(layer, layer.timing.median_ms / 1e3) for layer in self.layers]
        overhead = {kind: ms / 1e3 for kind, ms in self.overhead_ms.items()}
        return calibrate(measured, overhead, self.ceilings, self.setting.precision)

    def _above(self) -> list[str]:
        above = [layer.name for layer in self.layers if layer.timing.median_ms < layer.roof_ms]
        if not above:
            return []
        return [f"above the roof, whose ceilings were missed: {', '.join(above)}"]

    def __str__(self) -> str:
        added = "they add up" if self.within_limits else "they do NOT add up"
        work = self.mult_adds_shares
        return "\n".join(
            [
                f"{self.alpha:g} MobileNet-{self.resolution}, {self.body} body, {self.setting}",
                f"{self.device}, {self.threads} threads",
                *format_table(COLUMNS, map(_cells, self.layers)),
                *self._above(),
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


@torch_defaults()
def bench_layers(
    alpha: float = 1.0,
    resolution: int = 224,
    batch_size: int = 1,
    body: Body = "separable",
    precision: str = "fp32",
    readings: int = 15,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
    ceilings: MachinePeaks | None = None,
) -> LayersBench:
    """Profile a MobileNet layer by layer, eager, channels_last, BN folded, beside the whole of it.

    Parameters
    ----------
    alpha, resolution, body
        The network, see `mobilenet_v1`; 1000 classes.
    batch_size
        Images at a time.
    precision
        fp32, fp16 or bf16.
    readings
        Rounds that count, at least 2.
    device
        Where it runs.
    threads
        torch's threads on a CPU; None leaves their number.
    seed
        Of the weights and the images.
    ceilings
        As `bench_peaks` measured them here, with the same threads; None: they are measured.

    Raises
    ------
    ValueError
        A value out of range, or `ceilings` of other threads or another device.
    """
    setting = Setting(batch_size, precision, device, seed)
    readings = check_int("readings", readings, 2)
    arch = mobilenet_v1(alpha, resolution, body=body)
    with use_threads(threads) as count:
        limits = peaks_for(precision, device, count, seed, ceilings)
        net = build(arch, setting)
        x = images(resolution, setting)
        marked, tiny = marked_pass(net, x, setting), tiny_pass(body, setting)
        tasks: dict[str, Callable[[], Any]] = {"marked": marked, "whole": forward_pass(net, x)}
        taken = interleave(tasks | {"tiny": tiny}, readings, WARM_UP, device)
    seconds = marked.seconds(skip=WARM_UP)
    overhead = overheads(tiny.seconds(skip=WARM_UP), arch)
    return LayersBench(
        alpha,
        resolution,
        body,
        setting,
        limits.device,
        count,
        Timing.of(taken["whole"]),
        layer_times(arch, setting, seconds, overhead, limits),
        significant(1e3 * sum(map(statistics.median, seconds.values()))),
        ratio([sum(row) for row in zip(*seconds.values(), strict=True)], taken["whole"]),
        {kind: significant(1e3 * s) for kind, s in overhead.items()},
        limits,
    )


def marked_pass(net: MobileNet, x: torch.Tensor, setting: Setting) -> LayerTimer:
    """A pass with marks that was seen to compute what the network computes."""
    marked = LayerTimer(stages(net), x, setting.device)
    expected, answer = forward_pass(net, x)(), marked()
    marked.passes.clear()
    if not torch.allclose(answer, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item()):
        raise ArithmeticError("run piece by piece, the network gives other logits than as a whole")
    return marked


def tiny_pass(body: Body, setting: Setting) -> LayerTimer:
    """A marked pass of a network that computes next to nothing, one image at a time."""
    alone = replace(setting, batch=1)
    net = build(mobilenet_v1(TINY_ALPHA, TINY_RESOLUTION, body=body), alone)
    return marked_pass(net, images(TINY_RESOLUTION, alone), alone)


def overheads(seconds: Mapping[str, Sequence[float]], arch: Architecture) -> dict[str, float]:
    """Seconds of a call by kind: the median over a tiny network's layers of their medians.

    `arch` has the tiny network's layers, whatever their size.
    """
    kinds = {work.name: work.kind for work in pieces(arch)}
    medians: dict[str, list[float]] = {}
    for name, taken in seconds.items():
        medians.setdefault(kinds[name], []).append(statistics.median(taken))
    return {kind: statistics.median(values) for kind, values in medians.items()}


def layer_times(
    arch: Architecture,
    setting: Setting,
    seconds: Mapping[str, Sequence[float]],
    overhead: Mapping[str, float],
    ceilings: MachinePeaks,
) -> tuple[LayerTime, ...]:
    """Work and time of each piece put together, rates and shares computed."""
    works = pieces(arch, setting.batch, setting.precision)
    medians = {work.name: statistics.median(seconds[work.name]) for work in works}
    total, mult_adds = sum(medians.values()), sum(work.mult_adds for work in works)
    calls = Calibration(overhead, {})
    rows = []
    for work in works:
        roof, took = predict_work(work, ceilings, calls, setting.precision), medians[work.name]
        rows.append(
            LayerTime(
                **asdict(work),
                intensity=round(arithmetic_intensity(work.mult_adds, work.bytes), 3),
                timing=Timing.of(list(seconds[work.name])),
                gflops=significant(2 * work.mult_adds / took / 1e9),
                gb_per_s=significant(work.bytes / took / 1e9),
                roof_ms=significant(1e3 * max(roof.compute_s, roof.memory_s)),
                bound=roof.bound,
                time_share=round(took / total, 5),
                mult_adds_share=round(work.mult_adds / mult_adds, 6),
            )
        )
    return tuple(rows)
