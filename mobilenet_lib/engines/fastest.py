"""All engines by name, and the fastest on this machine among those that are right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from ..process import threads as torch_threads
from ..process import torch_defaults
from ..timing import Timing, interleave
from ..validation import check_choice, check_int, check_share
from .engine import Engine, explain
from .onnx_engines import OnnxRuntime, OnnxRuntimeInt8, OpenVino, OpenVinoBf16, OpenVinoInt8
from .torch_engines import ChannelsLast, Compiled, CudaGraph, Eager, Folded
from .verify import accuracy, verify
from .with_executorch import ExecuTorch, ExecuTorchInt8

# From what anyone starts with to what takes the most.
ENGINES: dict[str, type[Engine]] = {
    engine.name: engine
    for engine in (
        Eager,
        ChannelsLast,
        Folded,
        Compiled,
        OnnxRuntime,
        OpenVino,
        OpenVinoBf16,
        ExecuTorch,
        OnnxRuntimeInt8,
        OpenVinoInt8,
        ExecuTorchInt8,
        CudaGraph,
    )
}


SLICES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Fastest:
    """The fastest engine, prepared, and what it was measured against."""

    engine: Engine
    why: str
    """In one sentence, with the fastest of its times, by which it was chosen."""
    timings: dict[str, Timing]
    """Of one batch, by `Engine.label`, for each engine that is right."""
    left_out: dict[str, str]
    """Why each of the others was not timed."""
    accuracies: dict[str, float]
    """Share of `images` that each engine answers rightly; empty without images."""


@torch_defaults()
def fastest(
    net: nn.Module,
    example: Tensor,
    accuracy_drop: float = 0.0,
    images: Tensor | None = None,
    labels: Tensor | None = None,
    *,
    calibration: Tensor | None = None,
    engines: Iterable[str] | None = None,
    threads: int | None = None,
    readings: int = 7,
) -> Fastest:
    """Measure every engine that this machine has, and return the best one.

    An engine is timed only if it is right: its logits within its tolerance of eager's, and, given
    images, its accuracy at most `accuracy_drop` below eager's. All are timed in turn. For a batch,
    the best is timed again in slices, and side by side where it can.

    Parameters
    ----------
    net
        Any network in eval mode that takes (B, 3, H, W).
    example
        The batch to be fast for, (B, 3, H, W) float32, on the device to run on.
    accuracy_drop
        Accuracy that may be given up for speed, a share: 0.01 is one point.
    images, labels
        (N, 3, H, W) inputs and (N,) right classes to measure accuracy on. Without them no int8
        engine is considered, since nothing else tells what it loses.
    calibration
        (M, 3, H, W) inputs from which int8 engines take the ranges of activations; None: `images`,
        of which the labels are not used for this.
    engines
        Names out of `ENGINES`; None: all. Eager is always timed.
    threads
        Threads to run with; None: as many as torch uses.
    readings
        Rounds of timing.

    Raises
    ------
    ValueError
        An unknown engine, a number out of range, or an `accuracy_drop` without images and labels.
    """
    drop = check_share("accuracy_drop", accuracy_drop)
    readings = check_int("readings", readings, 2)
    labelled = None if images is None or labels is None else (images, labels)
    if (images is None) != (labels is None) or (drop and images is None):
        raise ValueError("accuracy is measured on images and labels; pass both")
    names = tuple(ENGINES) if engines is None else tuple(engines)
    for name in names:
        check_choice("engine", name, ENGINES)
    calibration = images if calibration is None else calibration
    prepare = partial(_prepared, net, example, calibration, threads)
    eager = Eager().prepare(net, example, threads=threads)
    right: dict[str, Engine] = {eager.label: eager}
    left_out: dict[str, str] = {}
    accuracies: dict[str, float] = {}
    if labelled:
        accuracies[eager.label] = accuracy(eager, *labelled)
    for name in names:
        if name == eager.name:
            continue
        if ENGINES[name].calibrates and not labelled:
            left_out[name] = "what int8 costs is unknown without images and labels"
            continue
        engine = prepare(ENGINES[name]())
        if isinstance(engine, str):
            left_out[name] = engine
            continue
        if labelled:
            accuracies[name] = accuracy(engine, *labelled)
            lost = accuracies[eager.name] - accuracies[name]
            if lost > drop + 1e-9:  # 1 - 0.95 is a little more than 0.05
                left_out[name] = f"it loses {lost:.1%} of accuracy, {drop:.1%} is allowed"
                continue
        right[name] = engine
    time = partial(_timed, example=example, readings=readings)
    timings = time(right)
    sliced: dict[str, Engine] = {}
    quickest = right[_quickest(timings)]
    for cut in quickest.cuts(len(example), SLICES, quickest.threads)[1:]:
        variant = quickest.variant(**cut)
        engine = prepare(variant)
        if isinstance(engine, str):
            left_out[variant.label] = engine
        else:
            sliced[engine.label] = engine
    if sliced:  # all again: times of two runs are not compared
        right |= sliced
        timings = time(right)
    best = right[_quickest(timings)]
    taken, by_eager = timings[best.label].fastest_ms, timings[eager.label].fastest_ms
    why = (
        f"{best.label} takes {taken:.3g} ms for a batch of {len(example)}, {by_eager / taken:.2f} "
        f"times as fast as eager, the best of {len(timings)} that are right"
    )
    return Fastest(best, why, timings, left_out, accuracies)


def _prepared(
    net: nn.Module,
    example: Tensor,
    calibration: Tensor | None,
    threads: int | None,
    engine: Engine,
) -> Engine | str:
    """The engine, prepared and checked, or why it is not."""
    availability = engine.available()
    if not availability:
        return availability.reason
    if engine.device not in ("any", example.device.type):
        return f"it runs on {engine.device}, the example is on {example.device.type}"
    try:
        engine.prepare(net, example, calibration, threads)
        verify(engine, net, example)
    except Exception as error:  # any error of others' packages: told, and the rest goes on
        return explain(error)
    return engine


def _timed(engines: dict[str, Engine], example: Tensor, readings: int) -> dict[str, Timing]:
    tasks = {label: partial(engine.run, example) for label, engine in engines.items()}
    (count,) = {engine.threads for engine in engines.values()}
    with torch_threads(count):  # set once, and not inside the clock
        seconds = interleave(tasks, readings, device=example.device, settle=True)
    return {label: Timing.of(taken) for label, taken in seconds.items()}


def _quickest(timings: dict[str, Timing]) -> str:
    return min(timings, key=lambda label: timings[label].fastest_ms)
