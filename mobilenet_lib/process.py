"""How this process computes with torch: by which defaults, where, on how many threads.

Also what the C library does with memory that is freed, which decides how fast a large map is made.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from . import machine
from .validation import check_int

# Parameters of glibc's mallopt(), as its malloc.h numbers them.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
OWN_MEMORY = ("TRIM_THRESHOLD", "MMAP_THRESHOLD", "MMAP_MAX")
"""Settings of a user: `MALLOC_TRIM_THRESHOLD_`, or `glibc.malloc.trim_threshold` in a list."""


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


@contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Let torch compute with `count` threads inside the block; None leaves its number as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else check_int("threads", count, 1, 1024))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


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
