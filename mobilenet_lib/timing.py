"""Fair timing: warmed up, synchronized, interleaved, and told as medians with their spread.

Times of one run are compared with each other, since other programs slow all of them alike; a time
from one machine says little about another. Beside the clock stands what is put under it: networks
with random weights, random images, and a training step.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import machine
from .architecture import Architecture
from .convention import PAPER, Convention
from .model import MobileNet
from .validation import check_int

# Parameters of glibc's mallopt(), as its malloc.h numbers them.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
OWN_MEMORY = ("TRIM_THRESHOLD", "MMAP_THRESHOLD", "MMAP_MAX")
"""Settings of a user: `MALLOC_TRIM_THRESHOLD_`, or `glibc.malloc.trim_threshold` in a list."""
PIECES = 10
"""Of a reading that calls its task several times."""
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

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Median and quartiles of at least two readings, given in seconds."""
        # "inclusive" stays among the readings; the default can go below the smallest, even below 0.
        cuts = statistics.quantiles(seconds, method="inclusive")
        low, middle, high = (significant(1e3 * cut) for cut in cuts)
        return cls(len(seconds), middle, (low, high))

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
    rest_s: float = 0.0,
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
    rest_s
        Seconds to wait before each reading. Tasks of several libraries need it: the idle threads of
        one go on spinning for a while, and take their cores from the next.

    Raises
    ------
    ValueError
        Fewer than 2 readings, or a `least_s` without a warm-up to set the number of calls by.
    """
    readings, warm_up = check_int("readings", readings, 2), check_int("warm_up", warm_up, 0)
    if least_s > 0 and not warm_up:
        raise ValueError("least_s takes at least one round of warm_up, to count the calls by")
    keep_memory()
    mark = marker(device)
    most = PIECES if torch.device(device).type == "cpu" else 1
    pieces, calls = dict.fromkeys(tasks, 1), dict.fromkeys(tasks, 1)
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
                wanted = max(1, round(least_s / max(taken, 1e-9)))
                pieces[name] = min(most, wanted)
                calls[name] = round(wanted / pieces[name])
    return seconds


def check_device(device: torch.device | str) -> torch.device:
    """The device of that name, if torch can use it here.

    Raises
    ------
    ValueError
        It cannot, or there is no such device; the message names those that there are.
    """
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA asserts
        available = torch.accelerator.is_available()
        more = f" or {torch.accelerator.current_accelerator()}" if available else ""
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device must be one that torch can use here, cpu{more}; got {str(device)!r} ({reason})"
        ) from error


def device_name(device: torch.device | str) -> str:
    """What a device is called: the GPU's or the processor's model."""
    where = torch.device(device)
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    return machine.processor().model if where.type == "cpu" else where.type


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


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Inside the block, or the function that it decorates, torch is as it comes.

    New tensors are float32 on the processor unless told otherwise, and gradients can be taken,
    whatever the program has set: notebooks set a default device or dtype in their first cell.
    """
    dtype = torch.get_default_dtype()
    with ExitStack() as before:
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
            before.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            before.enter_context(torch.device("cpu"))
        if torch.is_inference_mode_enabled():
            before.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            before.enter_context(torch.enable_grad())
        yield


@functools.cache
def keep_memory() -> bool:
    """Have memory that is freed wait in this process for what comes next; whether it does so now.

    The C library of most Linux systems (glibc) may hand large blocks back to the system when they
    are freed, and get them anew page by page, filled with zeros. A network that makes a map of
    100 MB in each layer can wait longer for pages than for its arithmetic, and whether it does
    depends on what else the process holds. Other systems are left as they are, and so are settings
    of the user's own (OWN_MEMORY). It holds until the process ends.
    """
    listed = os.environ.get("GLIBC_TUNABLES", "").upper()
    own = any(f"MALLOC_{k}_" in os.environ or f"GLIBC.MALLOC.{k}" in listed for k in OWN_MEMORY)
    if sys.platform != "linux" or own:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    # No block is too large to be kept, and none is taken from the system by itself.
    return bool(mallopt(M_TRIM_THRESHOLD, -1) and mallopt(M_MMAP_MAX, 0))


@contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Let torch compute with `count` threads inside the block; None leaves its number as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else check_int("threads", count, 1, 1024))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


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
