"""Fair timing: warmed up, synchronized, interleaved, and told as medians with their spread.

Times of one run are compared with each other, since other programs slow all of them alike; a time
from one machine says little about another. Beside the clock stands what is put under it: networks
with random weights, random images, and a training step.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import Architecture
from .convention import PAPER, Convention
from .model import MobileNet
from .process import keep_memory
from .validation import check_int

PIECES = 10
"""Of a reading that calls its task several times."""
SETTLED_S, REST_S = 0.2, 0.03
"""Seconds of a reading, and of the rest before it, where several libraries run in turn on a CPU. In
the rest, the previous library's threads stop spinning (OpenBLAS' take 25 ms). The next one's may
then wake on one core, and take twice as long until the system moves them apart."""
SHORT_S = 0.05
"""Seconds of such a reading on a GPU: long against what the task before leaves in caches."""
Key = TypeVar("Key")
Task = Callable[[], Any]
LAYOUTS = {"channels_last": torch.channels_last, "NCHW": torch.contiguous_format}
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Timing:
    """Readings of one thing, in milliseconds."""

    readings: Annotated[int, ("minimum", 2)]
    median_ms: float
    quartiles_ms: tuple[float, float]
    fastest_ms: float
    """To sort by: what other programs do only ever adds."""

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Fastest, median and quartiles of at least two readings, given in seconds."""
        # "inclusive" stays among the readings; the default can go below the smallest, even below 0.
        cuts = statistics.quantiles(seconds, method="inclusive")
        least, low, middle, high = (significant(1e3 * cut) for cut in (min(seconds), *cuts))
        return cls(len(seconds), middle, (low, high), least)

    def __str__(self) -> str:
        low, high = self.quartiles_ms
        return f"{self.median_ms:8.2f} ms (quartiles {low:.2f} to {high:.2f})"


def significant(value: float, digits: int = 4) -> float:
    """A measured number without the digits that mean nothing."""
    return float(f"{value:.{digits}g}")


def interleave(
    tasks: Mapping[Key, Task],
    readings: int,
    warm_up: int = 3,
    device: torch.device | str = "cpu",
    least_s: float = 0.0,
    settle: bool = False,
) -> dict[Key, list[float]]:
    """Seconds that one call of each task takes, read in turn: a, b, a, b, ...

    So whatever else slows the machine for a while slows all tasks, and their ratios hold. From then
    on this process keeps freed memory, as `keep_memory` says, so that no task's time hangs on what
    else the process holds.

    Parameters
    ----------
    tasks
        What to run, by name.
    readings
        Rounds that count, at least 2.
    warm_up
        Rounds before them that do not count: the first calls fill caches and choose kernels.
    device
        Where tasks run. On a CUDA device the GPU's own events are read, on another accelerator the
        clock, once its work is done.
    least_s
        Seconds that a reading should last at least: a shorter task is called several times in each
        reading, as often as its warm-up says. 0 calls every task once. On a CPU, a reading is the
        fastest of its PIECES: in another, a different program may have had the processor.
    settle
        The tasks are of several libraries: on a CPU, each rests before its reading and has two
        pieces at least, of `SETTLED_S` in all at its warm-up's speed, which may be half of the
        usual; elsewhere readings last `SHORT_S`.

    Raises
    ------
    ValueError
        Fewer than 2 readings, or `least_s` or `settle` without a warm-up to set the calls by.
    """
    readings, warm_up = check_int("readings", readings, 2), check_int("warm_up", warm_up, 0)
    if (least_s > 0 or settle) and not warm_up:
        raise ValueError(
            "least_s and settle take at least one round of warm_up, to count the calls by"
        )
    keep_memory()
    mark = marker(device)
    on_cpu, rest_s = torch.device(device).type == "cpu", 0.0
    if settle:
        least_s, rest_s = (SETTLED_S, REST_S) if on_cpu else (SHORT_S, 0.0)
    fewest, most = 2 if rest_s else 1, PIECES if on_cpu else 1
    pieces, calls = dict.fromkeys(tasks, fewest), dict.fromkeys(tasks, 1)
    seconds: dict[Key, list[float]] = {name: [] for name in tasks}
    for round_number in range(-warm_up, readings):
        for name, task in tasks.items():
            time.sleep(rest_s)
            taken = math.inf
            for _ in range(pieces[name]):
                start = mark()
                for _ in range(calls[name]):
                    task()
                taken = min(taken, between(start, mark()) / calls[name])
            if round_number >= 0:
                seconds[name].append(taken)
            elif round_number == -1 and taken < least_s:
                wanted = round(least_s / max(taken, 1e-9))
                pieces[name] = min(most, max(fewest, wanted))
                calls[name] = max(1, round(wanted / pieces[name]))
    return seconds


def marker(device: torch.device | str) -> Callable[[], Any]:
    """What notes the time on a device when all work that it was given before is done.

    A CUDA device notes it by itself, so the way back to the CPU is not in the time, and the CPU
    stays ahead; another accelerator is waited for. `between` tells the time between two marks.
    """
    where = torch.device(device)

    def event() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(where))
        return event

    def wait() -> float:
        torch.accelerator.synchronize(where)
        return time.perf_counter()

    return {"cpu": time.perf_counter, "cuda": event}.get(where.type, wait)


def between(start: Any, end: Any) -> float:
    """Seconds between two marks of one `marker`."""
    if isinstance(start, float):
        return end - start
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def ratio(ours: list[float], others: list[float]) -> float:
    """Median of the ratios of times that were taken side by side."""
    return round(statistics.median(a / b for a, b in zip(ours, others, strict=True)), 4)


def random_network(
    arch: Architecture,
    seed: int = 0,
    device: torch.device | str = "cpu",
    layout: str = "channels_last",
    precision: str = "fp32",
    convention: Convention = PAPER,
) -> MobileNet:
    """A network in eval mode with random weights: which they are changes nothing in its time.

    Torch's own random numbers go on as if none had been drawn here.

    Parameters
    ----------
    arch, convention
        The network.
    seed
        Of the weights, which are the same on every device.
    device, layout, precision
        Where it runs; a name out of LAYOUTS; one out of DTYPES.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would set the GPUs', too
        net = MobileNet(arch, convention).eval()
    return net.to(device, DTYPES[precision], memory_format=LAYOUTS[layout])  # type: ignore[call-overload]  # its stub has no memory_format


def random_images(
    count: int,
    resolution: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
    layout: str = "channels_last",
    precision: str = "fp32",
) -> Tensor:
    """Normal random numbers, (count, 3, resolution, resolution): zeros might run faster.

    The other parameters are those of `random_network`.
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, resolution, resolution, generator=generator)
    images = images.to(device, DTYPES[precision])
    return images.contiguous(memory_format=LAYOUTS[layout])


def forward_pass(net: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    """A function that runs a network on these images, without gradients."""

    @torch.inference_mode()
    def run() -> Tensor:
        return net(images)

    return run


def training_step(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    context: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function that trains `net` for one step on images and their labels and returns the loss.

    Parameters
    ----------
    net
        Put into training mode here.
    optimizer
        Of its parameters.
    context
        Makes what the forward pass runs inside, such as `torch.autocast`.
    """
    net.train()

    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        with context():
            logits = net(images)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
