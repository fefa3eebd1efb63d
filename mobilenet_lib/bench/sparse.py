"""When skipping zeros pays: a pruned 1x1 layer, as a dense product and as sparse ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engines import difference
from ..process import check_device, device_name, torch_defaults
from ..process import threads as use_threads
from ..text import format_table
from ..timing import Timing, interleave, ratio
from ..validation import check_int, check_share

SPARSITIES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
DENSE = "dense"
TOLERANCE = 1e-4
"""Largest difference from the exact product that is let pass, as a share of its largest number."""
LEAST_S = 2e-3


@dataclass(frozen=True)
class Sparsity:
    """One layer, pruned so far."""

    sparsity: float
    """Share of its weights that are zero, between 0 and 1."""
    timings: dict[str, Timing]
    """By kernel, the dense product first."""
    to_dense: dict[str, float]
    """By sparse kernel, median over the rounds of: its time, over the dense one's beside it."""


@dataclass(frozen=True)
class SparseBench:
    """A pruned 1x1 layer at several sparsities."""

    channels: int
    size: int
    batch: int
    device: str
    threads: int
    levels: tuple[Sparsity, ...]
    """From dense to sparse."""
    crossings: dict[str, float | None]
    """By sparse kernel, the sparsity from which on it is faster than dense; None if it never is."""
    missing: dict[str, str]
    """Kernels that are not here, and why."""

    @property
    def sparsities(self) -> list[float]:
        """Share of zeros at each level."""
        return [level.sparsity for level in self.levels]

    @property
    def milliseconds(self) -> dict[str, list[float]]:
        """By kernel, its median time at each level, for `plots.sparse_crossing`."""
        return {
            name: [level.timings[name].median_ms for level in self.levels]
            for name in (DENSE, *self.crossings)
        }

    def __str__(self) -> str:
        columns = {"zeros": ".1%", DENSE: ".3f"} | dict.fromkeys(self.crossings, ">")
        rows = (
            (
                level.sparsity,
                level.timings[DENSE].median_ms,
                *(
                    f"{level.timings[name].median_ms:.3f}{level.to_dense[name]:7.2f}x"
                    for name in self.crossings
                ),
            )
            for level in self.levels
        )
        lines = [
            f"A 1x1 layer, {self.channels} to {self.channels} channels at {self.size}x{self.size}, "
            f"batch {self.batch}, {self.device}, {self.threads} threads; ms, times dense",
            *format_table(columns, rows),
        ]
        for name, at in self.crossings.items():
            when = "never faster than dense" if at is None else f"faster from {at:.1%} zeros"
            lines.append(f"{name} is {when}")
        return "\n".join(lines + [f"{name}: {why}" for name, why in self.missing.items()])


@torch_defaults()
def bench_sparse(
    channels: int = 512,
    size: int = 14,
    batch_size: int = 1,
    sparsities: Sequence[float] = SPARSITIES,
    readings: int = 15,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
) -> SparseBench:
    """Time a 1x1 layer pruned without structure: dense, and each sparse kernel that is here.

    Every kernel is checked against the exact product at every sparsity before it is timed.

    Parameters
    ----------
    channels, size
        Of the layer: as many channels go in as out, maps are square.
    batch_size
        Images at a time.
    sparsities
        Shares of weights set to zero, each from 0 to below 1, rising.
    readings
        Rounds that count, at least 2.
    device
        Where it runs; SciPy's kernel is for the CPU only.
    threads
        torch's threads on a CPU; None leaves their number. SciPy's kernel always uses one.
    seed
        Of the weights, of which are zero, and of the input.

    Raises
    ------
    ValueError
        A value out of range, or sparsities that do not rise.
    ArithmeticError
        A kernel gives another product.
    """
    channels, size = check_int("channels", channels, 1), check_int("size", size, 1)
    batch, readings = check_int("batch_size", batch_size, 1), check_int("readings", readings, 2)
    check_device(device)
    shares = [check_share("sparsity", share) for share in sparsities]
    if not shares or shares != sorted(set(shares)):
        raise ValueError(f"sparsities must rise, each once, got {list(sparsities)}")
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(channels, channels, generator=generator)
    order = torch.randperm(weights.numel(), generator=generator)
    x = torch.randn(channels, batch * size**2, generator=generator)
    tasks: dict[tuple[float, str], Callable[[], Tensor]] = {}
    with use_threads(threads) as count:
        for share in shares:
            pruned = prune(weights, share, order)
            ready, missing = kernels(pruned, x, device)
            exact = pruned.double() @ x.double()
            for name, kernel in ready.items():
                off = difference(kernel().cpu().double(), exact)
                if not off <= TOLERANCE:
                    raise ArithmeticError(
                        f"{name} at {share:.1%} zeros is off by {off:.2%} of the largest number, "
                        f"more than {TOLERANCE:.2%}"
                    )
                tasks[share, name] = kernel
        seconds = interleave(tasks, readings, device=device, least_s=LEAST_S)
    names = [name for name in ready if name != DENSE]
    levels = tuple(
        Sparsity(
            share,
            {name: Timing.of(seconds[share, name]) for name in (DENSE, *names)},
            {name: ratio(seconds[share, name], seconds[share, DENSE]) for name in names},
        )
        for share in shares
    )
    crossings = {
        name: crossing(shares, [level.to_dense[name] for level in levels]) for name in names
    }
    return SparseBench(
        channels, size, batch, device_name(device), count, levels, crossings, missing
    )


def prune(weights: Tensor, share: float, order: Tensor) -> Tensor:
    """A copy of `weights` with the first `share` of them, counted in `order`, set to zero."""
    pruned = weights.flatten().clone()
    pruned[order[: round(share * len(order))]] = 0
    return pruned.view_as(weights)


def kernels(
    weights: Tensor, x: Tensor, device: str
) -> tuple[dict[str, Callable[[], Tensor]], dict[str, str]]:
    """Ways to multiply pruned (N, M) weights with (M, pixels) inputs; and what is missing, why."""
    w, inputs = weights.to(device), x.to(device)
    with warnings.catch_warnings():  # torch calls its CSR tensors a beta: here they are measured
        warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)
        csr = w.to_sparse_csr()
    ready: dict[str, Callable[[], Tensor]] = {
        DENSE: lambda: torch.mm(w, inputs),
        "torch CSR": lambda: csr @ inputs,
    }
    if torch.device(device).type != "cpu":
        return ready, {"SciPy CSR": "it computes on the CPU only"}
    try:
        from scipy.sparse import csr_matrix
    except ImportError:
        return ready, {"SciPy CSR": "SciPy is not installed; pip install scipy"}
    matrix, right = csr_matrix(weights.numpy()), x.numpy()
    ready["SciPy CSR"] = lambda: torch.from_numpy(matrix @ right)
    return ready, {}


def crossing(sparsities: Sequence[float], to_dense: Sequence[float]) -> float | None:
    """The sparsity from which on a kernel stays faster than dense; None if it does not.

    Between two measured sparsities, the logarithm of the ratio is taken to change straight with the
    logarithm of the share of weights that are left.
    """
    slow = [i for i, times in enumerate(to_dense) if times > 1]
    if not slow:
        return sparsities[0]
    last = slow[-1]
    if last == len(to_dense) - 1:
        return None
    above, below = (math.log(times) for times in to_dense[last : last + 2])
    left, right = (math.log(1 - share) for share in sparsities[last : last + 2])
    return round(1 - math.exp(left + (right - left) * above / (above - below)), 4)
