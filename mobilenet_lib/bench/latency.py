"""How long one image takes in several networks, and how many go through in a second."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch

from ..model import PAPER, MobileNet
from ..timing import Timing, check_device, interleave, threads, torch_defaults
from ..validation import check_int


@torch_defaults()
def latencies(
    networks: Iterable[tuple[float, int]],
    num_classes: int = 1000,
    readings: int = 15,
    device: str = "cpu",
    seed: int = 0,
) -> dict[tuple[float, int], Timing]:
    """Time from one image to its logits, for each network, run in turns.

    The weights are random: which they are changes nothing in what is computed.

    Parameters
    ----------
    networks
        (alpha, resolution) of each.
    num_classes
        Outputs of the classifier.
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
    tasks = {}
    with _seeded(seed, device):
        for alpha, resolution in named:
            net = _network(alpha, resolution, num_classes, device)
            tasks[alpha, resolution] = _answer(net, 1)
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
    readings
        Rounds that count, at least 2.
    device
        Where it runs.
    seed
        Of the weights and images.

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
    tasks: dict[tuple[int, int], Callable[[], None]] = {}
    with _seeded(seed, device):
        net = _network(alpha, resolution, 1000, device)
        for size in sizes:
            answer = _answer(net, size)
            for count in counts:
                tasks[count, size] = partial(_with_threads, count, answer)
    seconds = interleave(tasks, readings, device=device)
    return {key: key[1] / statistics.median(seconds[key]) for key in sorted(tasks)}


def _with_threads(count: int, answer: Callable[[], None]) -> None:
    with threads(count):
        answer()


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    accelerators = [] if check_device(device).type == "cpu" else [device]
    with torch.random.fork_rng(devices=accelerators):
        torch.manual_seed(seed)
        yield


def _network(alpha: float, resolution: int, num_classes: int, device: str) -> MobileNet:
    arch = PAPER.architecture(num_classes, alpha=alpha, resolution=resolution)
    return MobileNet(arch, PAPER).eval().to(device, memory_format=torch.channels_last)


def _answer(net: MobileNet, count: int) -> Callable[[], None]:
    side = net.arch.resolution
    images = torch.randn(count, 3, side, side).to(
        net.fc.weight.device, memory_format=torch.channels_last
    )

    @torch.inference_mode()
    def answer() -> None:
        net(images)

    return answer
