"""How long whole networks take: one image through each of several, and many through one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch

from ..architecture import mobilenet_v1
from ..process import check_device, threads, torch_defaults
from ..timing import Timing, forward_pass, interleave, random_images, random_network
from ..validation import check_int


@torch_defaults()
def latencies(
    networks: Iterable[tuple[float, int]],
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
) -> dict[tuple[float, int], Timing]:
    """Time from one image to its logits, for each network, run in turn.

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
    """Images per second of one network by number of threads and batch size, all in turn.

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
        Images per second at the median time, for each (threads, batch size); eager, fp32,
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
