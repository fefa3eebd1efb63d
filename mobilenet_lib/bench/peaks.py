"""The ceilings of a machine: how fast it multiplies matrices and moves bytes.

The roofline model has two limits: mult-adds per second and bytes per second. What a data sheet
promises is neither: a clock slows down under vector code, a container has a share of a core, and a
cache is faster than memory. So both are measured here, with the threads that the network will use.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from ..process import check_device, device_name, torch_defaults
from ..process import threads as use_threads
from ..timing import interleave, significant
from ..validation import check_choice, check_int
from .gemm import CPU_SHAPES, GPU_SHAPES, PRECISIONS, Shape, Ways, gemm_tasks
from .hardware import Hardware, caches, describe_hardware

MIB = 1024**2
LEAST_S = 2e-2
"""Seconds that a reading of a short task lasts at least: long against what the task before leaves
in caches."""
WAY_BEHIND = 2.0
"""Times the fastest way's time, from which on a way to multiply is not tried on other shapes."""


@dataclass(frozen=True)
class Peak:
    """The fastest matrix product that was found in one precision, in its fastest reading."""

    precision: str
    gflops: float | None
    """10⁹ floating-point (or whole-number) operations per second, two for each mult-add."""
    shape: Shape | None
    """(rows, inner, columns) of the product that reached it."""
    way: str
    """What multiplied; or, without a number, why nothing did."""
    slowest: float | None = None
    """GFLOP/s in the slowest reading of that product: the next run's fastest should lie above."""


@dataclass(frozen=True)
class Copy:
    """How fast bytes move between two arrays that together are `size` bytes large."""

    size: int
    gb_per_s: float
    """10⁹ bytes per second, read and written, in the fastest reading."""
    slowest: float | None = None
    """The same in the slowest reading."""


@dataclass(frozen=True)
class MachinePeaks:
    """What this machine can do at most, by measurement."""

    device: str
    threads: int
    peaks: tuple[Peak, ...]
    copies: tuple[Copy, ...]
    """From small to large."""
    machine: Hardware = field(repr=False)

    def peak(self, precision: str = "fp32") -> float:
        """Operations per second of the fastest matrix product in a precision.

        Raises
        ------
        ValueError
            Nothing multiplied in this precision here, or it was not measured.
        """
        named = {peak.precision: peak for peak in self.peaks}
        peak = named[check_choice("precision", precision, tuple(named))]
        if peak.gflops is None:
            raise ValueError(f"{precision} was not measured on this machine: {peak.way}")
        return 1e9 * peak.gflops

    def bandwidth(self, size: float) -> float:
        """Bytes per second at which `size` bytes move: by the curve, straight between its points.

        Both axes are logarithmic. Beyond the ends of the curve its last value holds.
        """
        sizes = [copy.size for copy in self.copies]
        rates = [1e9 * copy.gb_per_s for copy in self.copies]
        at = bisect_left(sizes, size)
        if at in (0, len(sizes)):
            return rates[min(at, len(sizes) - 1)]
        share = math.log(size / sizes[at - 1]) / math.log(sizes[at] / sizes[at - 1])
        return rates[at - 1] ** (1 - share) * rates[at] ** share

    @property
    def bandwidths(self) -> dict[str, float]:
        """GB/s by where the bytes lie, for `plots.roofline`: the caches after the first, memory.

        A cache's is read off the curve midway (on its logarithmic axis) between its size and that
        of the cache before: well beyond the one, well inside the other.
        """
        sizes = list(caches(self.machine).items())
        places = {
            name: self.bandwidth(math.sqrt(before * size)) / 1e9
            for (_, before), (name, size) in pairwise(sizes)
        }
        return {**places, "memory": self.copies[-1].gb_per_s}

    def __str__(self) -> str:
        lines = [f"Ceilings of {self.device}, {self.threads} threads"]
        for peak in self.peaks:
            if peak.gflops is None:
                lines.append(f"{peak.precision:<5} not measured: {peak.way}")
            else:
                shape = "x".join(map(str, peak.shape or ()))
                number = f"{peak.gflops:9.1f} GFLOP/s{_down_to(peak.slowest)}"
                lines.append(f"{peak.precision:<5} {number}  {shape}, {peak.way}")
        for copy in self.copies:
            kib = copy.size / 1024
            size = f"{kib:g} KiB" if kib < 1024 else f"{kib / 1024:g} MiB"
            lines.append(f"copy  {size:>8} {copy.gb_per_s:9.1f} GB/s{_down_to(copy.slowest)}")
        return "\n".join(lines)


@torch_defaults()
def bench_peaks(
    precisions: Sequence[str] | None = None,
    readings: int = 7,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
    shapes: Sequence[Shape] | None = None,
    largest: int | None = None,
) -> MachinePeaks:
    """Measure matrix products in several precisions, and copies by their size.

    Parameters
    ----------
    precisions
        Out of PRECISIONS; None: fp32, bf16 and int8, and fp16 on an accelerator.
    readings
        Rounds that count, at least 2.
    device
        Where to measure.
    threads
        torch's threads on a CPU; None leaves their number. A copy of less than a few hundred KiB
        runs on one, whatever their number: torch does not split it.
    seed
        Of the matrices' numbers.
    shapes
        (rows, inner, columns) of the products; None: MobileNet's pointwise layers and squares.
    largest
        Bytes of the largest copy's two arrays; None: four times the last cache, at least 64 MiB.

    Raises
    ------
    ValueError
        An unknown precision, or a number out of range.
    """
    where = check_device(device)
    default = ("fp32", "bf16", "int8") if where.type == "cpu" else ("fp32", "fp16", "bf16", "int8")
    chosen = tuple(precisions or default)
    for precision in chosen:
        check_choice("precision", precision, PRECISIONS)
    readings = check_int("readings", readings, 2)
    shapes = shapes or (CPU_SHAPES if where.type == "cpu" else GPU_SHAPES)
    with use_threads(threads) as count:
        hardware = describe_hardware(device)
        end = largest or max(64 * MIB, 4 * max(caches(hardware).values(), default=0))
        sizes = [2**power for power in range(14, check_int("largest", end, 2**15).bit_length())]
        products = {name: _products(name, shapes, device, seed) for name in chosen}
        tasks: dict[Any, Callable[[], Any]] = {
            (name, *what): multiply
            for name, (ways, _) in products.items()
            for what, multiply in ways.items()
        }
        # All in the same rounds, so that what slows the machine for a while slows them all, and
        # every number has readings from the whole time.
        seconds = interleave(tasks | _copies(sizes, device), readings, 2, device, LEAST_S)
    peaks = tuple(_peak(name, reason, seconds) for name, (_, reason) in products.items())
    return MachinePeaks(hardware.device, count, peaks, _rates(sizes, seconds), hardware)


def peaks_for(
    precision: str, device: str, threads: int, seed: int, given: MachinePeaks | None
) -> MachinePeaks:
    """The ceilings that were given, which must be of this device and these threads; or measured."""
    if given is None:
        return bench_peaks((precision,), device=device, seed=seed)
    if torch.device(device).type == "cpu" and given.threads != threads:
        raise ValueError(
            f"the ceilings were measured with {given.threads} threads, the network runs with "
            f"{threads}; measure them with as many, or give none"
        )
    called = device_name(device)
    if given.device != called:
        raise ValueError(f"the ceilings are of {given.device}, the network runs on {called}")
    given.peak(precision)
    return given


def ceiling_tasks(peak: Peak, device: str, seed: int) -> Ways:
    """The product that reached a peak, in every way, to run beside what is measured against it.

    In every way, since beside other work another library may be the fastest.
    """
    return gemm_tasks(peak.precision, peak.shape, device, seed)[0] if peak.shape else {}


def _products(
    precision: str, shapes: Sequence[Shape], device: str, seed: int
) -> tuple[dict[tuple[Shape, str], Callable[[], Any]], str]:
    """Products by shape and way; ways that are far behind on the first shape are left out."""
    ways, reason = gemm_tasks(precision, shapes[0], device, seed)
    tried = interleave(ways, 2, 1, device, LEAST_S)
    fastest = min(map(min, tried.values()), default=0.0)
    kept = [way for way, seconds in tried.items() if min(seconds) <= WAY_BEHIND * fastest]
    made = {shapes[0]: ways}
    made |= {shape: gemm_tasks(precision, shape, device, seed)[0] for shape in shapes[1:]}
    # One library after the other: the threads of the one before disturb its first shape only.
    tasks = {(s, way): own[way] for way in kept for s, own in made.items() if way in own}
    return tasks, reason


def _peak(precision: str, reason: str, seconds: Mapping[Any, list[float]]) -> Peak:
    """The best of all ways and shapes; without any, why there is none."""
    own = {key: taken for key, taken in seconds.items() if key[0] == precision}
    rates = {key: 2 * math.prod(key[1]) / min(taken) / 1e9 for key, taken in own.items()}
    if not rates:
        return Peak(precision, None, None, reason)
    best = max(rates, key=rates.__getitem__)
    slowest = 2 * math.prod(best[1]) / max(own[best]) / 1e9
    _, shape, way = best
    return Peak(precision, significant(rates[best]), shape, way, significant(slowest))


def _copies(sizes: Sequence[int], device: str) -> dict[tuple[str, int], Callable[[], Any]]:
    """Copies of each size, and one of a single number: the time of the call itself."""
    tasks: dict[tuple[str, int], Callable[[], Any]] = {}
    for size in (8, *sizes):
        source, target = torch.ones(size // 8, device=device), torch.zeros(size // 8, device=device)
        tasks["copy", size] = partial(target.copy_, source)
    return tasks


def _rates(sizes: Sequence[int], seconds: Mapping[Any, list[float]]) -> tuple[Copy, ...]:
    """How fast the copies were, without the time of the call."""
    call = min(seconds["copy", 8])
    # A copy that takes hardly longer than the call itself says nothing about bytes.
    told = [size for size in sizes if min(seconds["copy", size]) > 1.25 * call]
    if not told:
        told, call = [sizes[-1]], 0.0
    return tuple(
        Copy(size, *(significant(size / (s - call) / 1e9) for s in (min(taken), max(taken))))
        for size, taken in ((size, seconds["copy", size]) for size in told)
    )


def _down_to(slowest: float | None) -> str:
    return f" (readings from {slowest:.1f})" if slowest else ""
