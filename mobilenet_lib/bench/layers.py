"""Where the time goes: a network timed layer by layer inside its forward passes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from ..architecture import Architecture, mobilenet_v1
from ..timing import Timing, device_name, forward_pass, interleave, ratio, torch_defaults
from ..timing import threads as use_threads
from ..validation import check_int
from .layer_timer import LayerTimer, Setting, build, images, stages
from .peaks import MachinePeaks, bench_peaks
from .profile import LayersBench, layer_times
from .roofline import pieces

TINY_ALPHA, TINY_RESOLUTION = 0.125, 32
"""A network that computes next to nothing: its time is that of its calls."""
WARM_UP = 3


@torch_defaults()
def bench_layers(
    alpha: float = 1.0,
    resolution: int = 224,
    batch: int = 1,
    body: str = "separable",
    layout: str = "channels_last",
    folded: bool = True,
    precision: str = "fp32",
    readings: int = 15,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
    ceilings: MachinePeaks | None = None,
) -> LayersBench:
    """Profile a MobileNet layer by layer, eager, beside the whole of it.

    Parameters
    ----------
    alpha, resolution, body
        The network, see `mobilenet_v1`; 1000 classes.
    batch
        Images at a time.
    layout
        channels_last or NCHW.
    folded
        Whether batch normalization is folded into the convolutions.
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
    setting = Setting(batch, layout, folded, precision, device, seed)
    readings = check_int("readings", readings, 2)
    arch = mobilenet_v1(alpha, resolution, body=body)
    tiny_arch = mobilenet_v1(TINY_ALPHA, TINY_RESOLUTION, body=body)
    with use_threads(threads) as count:
        limits = matching_peaks(ceilings, setting, count)
        net = build(arch, setting)
        x = images(resolution, setting)
        marked, tiny = marked_pass(net, x, setting), tiny_pass(tiny_arch, setting)
        tasks = {"marked": marked, "whole": forward_pass(net, x), "tiny": tiny}
        taken = interleave(tasks, readings, WARM_UP, device)
    seconds = marked.seconds(skip=WARM_UP)
    overhead = overheads(tiny.seconds(skip=WARM_UP), tiny_arch)
    return LayersBench(
        alpha,
        resolution,
        body,
        setting,
        limits.device,
        count,
        Timing.of(taken["whole"]),
        layer_times(arch, setting, seconds, overhead, limits),
        float(f"{1e3 * sum(map(statistics.median, seconds.values())):.4g}"),
        ratio([sum(row) for row in zip(*seconds.values(), strict=True)], taken["whole"]),
        {kind: float(f"{1e3 * s:.4g}") for kind, s in overhead.items()},
        limits,
    )


def marked_pass(net: torch.nn.Module, x: torch.Tensor, setting: Setting) -> LayerTimer:
    """A pass with marks that was seen to compute what the network computes.

    Raises
    ------
    ArithmeticError
        Run piece by piece, the network gives other logits.
    """
    marked = LayerTimer(stages(net), x, setting.device)
    expected, answer = forward_pass(net, x)(), marked()
    marked.passes.clear()
    if not torch.allclose(answer, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item()):
        raise ArithmeticError("run piece by piece, the network gives other logits than as a whole")
    return marked


def tiny_pass(arch: Architecture, setting: Setting) -> LayerTimer:
    """A marked pass of a network that computes next to nothing, one image at a time."""
    alone = replace(setting, batch=1)
    net = build(arch, alone)
    return marked_pass(net, images(arch.resolution, alone), alone)


def overheads(seconds: Mapping[str, Sequence[float]], arch: Architecture) -> dict[str, float]:
    """Seconds of a call by kind: the median over a tiny network's layers of their medians."""
    kinds = {work.name: work.kind for work in pieces(arch)}
    medians: dict[str, list[float]] = {}
    for name, taken in seconds.items():
        medians.setdefault(kinds[name], []).append(statistics.median(taken))
    return {kind: statistics.median(values) for kind, values in medians.items()}


def matching_peaks(given: MachinePeaks | None, setting: Setting, count: int) -> MachinePeaks:
    """The ceilings that were given, if they are of these threads; else measured ones."""
    if given is None:
        return bench_peaks((setting.precision,), device=setting.device, seed=setting.seed)
    if torch.device(setting.device).type == "cpu" and given.threads != count:
        raise ValueError(
            f"the ceilings were measured with {given.threads} threads, the network runs with "
            f"{count}; measure them with as many, or give none"
        )
    called = device_name(setting.device)
    if given.device != called:
        raise ValueError(f"the ceilings are of {given.device}, the network runs on {called}")
    given.peak(setting.precision)
    return given
