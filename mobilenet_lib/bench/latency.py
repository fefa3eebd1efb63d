"""How long whole networks take, and what the roofline predicts of the paper's sixteen.

The roofline model is calibrated on the profile of one network, 1.0 MobileNet-224; the other fifteen
are predicted, not fitted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..architecture import mobilenet_v1
from ..paper import ALPHAS, RESOLUTIONS
from ..text import format_table
from ..timing import (
    Timing,
    check_device,
    forward_pass,
    interleave,
    random_images,
    random_network,
    significant,
    threads,
    torch_defaults,
)
from ..timing import threads as use_threads
from ..validation import check_int
from .layer_timer import Setting, build, images
from .layers import layer_times, marked_pass, overheads, tiny_pass
from .peaks import MachinePeaks, peaks_for
from .roofline import Calibration, calibrate, predict


@torch_defaults()
def latencies(
    networks: Iterable[tuple[float, int]],
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
) -> dict[tuple[float, int], Timing]:
    """Time from one image to its logits, for each network, run in turns.

    The weights are random: which they are changes nothing in what is computed.

    Parameters
    ----------
    networks
        (alpha, resolution) of each, with 1000 classes.
    readings
        Rounds that count, at least 2.
    device
        Where they run.
    seed
        Of the weights and images.

    Returns
    -------
    dict
        A `Timing` for each (alpha, resolution), batch size 1, eager, fp32, channels_last.

    Raises
    ------
    ValueError
        A network is named twice, or is out of range.
    """
    readings = check_int("readings", readings, 2)
    named = list(networks)
    if len(set(named)) < len(named):
        raise ValueError(f"each network is to be named once, got {named}")
    check_device(device)
    tasks = {}
    for alpha, resolution in named:
        net = random_network(mobilenet_v1(alpha, resolution), seed, device)
        tasks[alpha, resolution] = forward_pass(net, random_images(1, resolution, seed, device))
    seconds = interleave(tasks, readings, device=device)
    return {network: Timing.of(taken) for network, taken in seconds.items()}


@torch_defaults()
def throughput(
    alpha: float,
    resolution: int,
    batches: Sequence[int] = (1, 2, 4, 8, 16, 32),
    thread_counts: Sequence[int] | None = None,
    readings: int = 7,
    device: str = "cpu",
    seed: int = 0,
) -> dict[tuple[int, int], float]:
    """Images a second of one network by number of threads and batch size, all in turns.

    Parameters
    ----------
    alpha, resolution
        The network, with 1000 classes and random weights.
    batches
        Images at a time.
    thread_counts
        Numbers of threads; None: the number that torch uses.
    readings, device, seed
        As for `latencies`.

    Returns
    -------
    dict
        Images a second at the median time, for each (threads, batch size); eager, fp32,
        channels_last.

    Raises
    ------
    ValueError
        A number is out of range.
    """
    counts = [torch.get_num_threads()] if thread_counts is None else list(thread_counts)
    sizes = [check_int("batch size", size, 1) for size in batches]
    check_device(device)
    net = random_network(mobilenet_v1(alpha, resolution), seed, device)
    tasks: dict[tuple[int, int], Callable[[], Any]] = {}
    for size in sizes:
        task = forward_pass(net, random_images(size, resolution, seed, device))
        for count in counts:
            tasks[count, size] = partial(_with_threads, count, task)
    seconds = interleave(tasks, readings, device=device)
    return {key: key[1] / statistics.median(seconds[key]) for key in sorted(tasks)}


def _with_threads(count: int, task: Callable[[], Any]) -> None:
    with threads(count):
        task()


# --- The paper's sixteen --------------------------------------------------------------------------

WITHIN, ENOUGH = 0.25, 12
"""How far a prediction may be off, and for how many of the sixteen it may not."""
COLUMNS = {"network": "", "M m-adds": ".1f", "ms": ".3f", "roof, ms": ".3f", "predicted": ".3f"}
COLUMNS |= {"off ": ">", "bound": ""}
WARM_UP = 2
LEAST_S = 0.02
"""Seconds of a reading: networks take turns, and each first finds its weights out of the cache."""


@dataclass(frozen=True)
class Predicted:
    """One network: measured, and predicted."""

    alpha: float
    resolution: int
    mult_adds: int
    """Of the whole batch."""
    timing: Timing
    roof_ms: float
    """What the plain roofline says: every layer at its roof, no overhead."""
    predicted_ms: float
    """What the calibrated one says."""
    bound: str
    """What binds most of its predicted time: compute, memory or overhead."""

    @property
    def error(self) -> float:
        """How far the calibrated prediction is off, as a share of the measured time, signed."""
        return self.predicted_ms / self.timing.median_ms - 1


@dataclass(frozen=True)
class PaperModelsBench:
    """Measured and predicted latency of networks of several widths and resolutions."""

    setting: Setting
    device: str
    threads: int
    models: tuple[Predicted, ...]
    calibrated_on: str
    calibration: Calibration
    ceilings: MachinePeaks

    @property
    def within(self) -> int:
        """Networks whose latency is predicted within WITHIN."""
        return sum(abs(model.error) <= WITHIN for model in self.models)

    @property
    def within_limits(self) -> bool:
        """Whether that holds for as many as it should: 12 of 16."""
        return self.within * 16 >= ENOUGH * len(self.models)

    def __str__(self) -> str:
        efficiency, overhead = self.calibration.efficiency, self.calibration.overhead_s
        missed = [
            f"{model.alpha:g}-{model.resolution} by {model.error:+.0%}"
            for model in self.models
            if abs(model.error) > WITHIN
        ]
        rows = (
            (
                f"{model.alpha:g} MobileNet-{model.resolution}",
                model.mult_adds / 1e6,
                model.timing.median_ms,
                model.roof_ms,
                model.predicted_ms,
                f"{model.error:+.0%}{' ' if abs(model.error) <= WITHIN else '*'}",
                model.bound,
            )
            for model in self.models
        )
        return "\n".join(
            [
                f"{self.device}, {self.threads} threads, {self.setting}",
                *format_table(COLUMNS, rows),
                f"calibrated on {self.calibrated_on}: "
                + ", ".join(
                    f"{kind} {share:.2f} of its roof" for kind, share in efficiency.items()
                ),
                "a call takes "
                + ", ".join(f"{kind} {1e3 * s:.3f} ms" for kind, s in overhead.items()),
                f"{self.within} of {len(self.models)} within {WITHIN:.0%}"
                + (f"; missed: {', '.join(missed)}" if missed else ""),
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
    ceilings: MachinePeaks | None = None,
) -> PaperModelsBench:
    """Measure every width at every resolution in turns, eager, and predict each by the roofline.

    The first width at the first resolution is profiled in the same rounds to calibrate the model.

    Parameters
    ----------
    batch_size, precision, device, threads, seed
        As for `bench_layers`.
    readings
        Rounds that count, at least 2.
    alphas, resolutions
        The networks; the paper's sixteen by default.
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
    reference = mobilenet_v1(*named[0])
    with use_threads(threads) as count:
        limits = peaks_for(precision, device, count, seed, ceilings)
        # A width's weights are the same at every resolution, so one network serves all.
        nets = {alpha: build(mobilenet_v1(alpha, resolutions[0]), setting) for alpha in alphas}
        inputs = {resolution: images(resolution, setting) for resolution in resolutions}
        marked = marked_pass(nets[alphas[0]], inputs[resolutions[0]], setting)
        tiny = tiny_pass(reference.body, setting)
        tasks = {(alpha, size): forward_pass(nets[alpha], inputs[size]) for alpha, size in named}
        taken = interleave(
            {"marked": marked, "tiny": tiny, **tasks}, readings, WARM_UP, device, LEAST_S
        )
    overhead = overheads(tiny.seconds(skip=WARM_UP), reference)
    rows = layer_times(reference, setting, marked.seconds(skip=WARM_UP), overhead, limits)
    measured = [(row, row.timing.median_ms / 1e3) for row in rows]
    calibration = calibrate(measured, overhead, limits, precision)
    models = []
    for alpha, size in named:
        arch = mobilenet_v1(alpha, size)
        plain = predict(arch, batch_size, limits, precision=precision)
        fitted = predict(arch, batch_size, limits, calibration, precision)
        models.append(
            Predicted(
                alpha,
                size,
                batch_size * arch.mult_adds,
                Timing.of(taken[alpha, size]),
                significant(plain.ms),
                significant(fitted.ms),
                fitted.bound,
            )
        )
    profiled = f"{alphas[0]:g} MobileNet-{resolutions[0]}"
    return PaperModelsBench(
        setting, limits.device, count, tuple(models), profiled, calibration, limits
    )
