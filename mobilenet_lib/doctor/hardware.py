"""Checks of processor, threads, memory and GPU."""

from __future__ import annotations

import os
import sys

from .. import machine
from .finding import Finding

BUSY = 0.4  # processes a core, averaged over a minute; one more program on two cores comes to 0.5
ENOUGH_MEMORY, TIGHT_MEMORY = 4e9, 1.4e9  # bytes; chapter 07 runs in a group of 1.5 GB


def check_processor() -> Finding:
    """The processor's name and the instructions that the book's timings depend on."""
    cpu = machine.processor()
    if cpu.features is None:
        return Finding("Processor", "ok", f"{cpu.model}; this system does not list its features")
    detail = f"{cpu.model}: {', '.join(cpu.features) or 'none of ' + ', '.join(machine.FEATURES)}"
    if not {"AVX2", "NEON"} & set(cpu.features):
        advice = "The book runs, slowly: torch has no vector code for this processor."
        return Finding("Processor", "warn", detail, advice)
    return Finding("Processor", "ok", detail)


def check_threads() -> Finding:
    """Cores, threads that this process may use, whether torch uses as many, how idle ones wait."""
    cpu = machine.processor()
    detail = f"{cpu.threads} usable of {cpu.cores} logical cores"
    if cpu.quota is not None:
        detail += f", a container allows {cpu.quota:g}"
    torch = sys.modules.get("torch")  # check_torch has imported it where it can be
    threads = torch.get_num_threads() if torch else cpu.threads
    if threads > cpu.threads:
        advice = (
            f"torch uses {threads} threads, which will wait for each other. Start with "
            f"OMP_NUM_THREADS={cpu.threads}, or call torch.set_num_threads({cpu.threads})."
        )
        return Finding("Threads", "warn", detail, advice)
    sleep = os.environ.get(machine.WAIT_POLICY, "").strip().upper() == "PASSIVE"
    detail += f"; idle ones {'sleep' if sleep else 'spin'}"
    load = machine.load() or 0
    if load < BUSY * cpu.cores or sleep:
        return Finding("Threads", "ok", detail)
    advice = (
        "Where other programs compute too, spinning threads keep the cores from those that work, "
        f"and torch takes many times as long. Start with {machine.WAIT_POLICY}=PASSIVE, as "
        "`make lab`, `make test` and `mobilenet train` do."
    )
    return Finding("Threads", "warn", f"{detail}, with {load:g} processes at work", advice)


def check_memory() -> Finding:
    """Memory that this process may use."""
    size = machine.memory_bytes()
    if size is None:
        return Finding("Memory", "ok", "this system does not tell how much there is")
    detail = f"{size / 1e9:.1f} GB usable"
    if size < TIGHT_MEMORY:
        advice = f"The book needs {TIGHT_MEMORY / 1e9:g} GB at least: raise the container's limit."
        return Finding("Memory", "fail", detail, advice)
    if size < ENOUGH_MEMORY:
        return Finding("Memory", "warn", detail, "Keep one chapter open at a time.")
    return Finding("Memory", "ok", detail)


def check_gpu() -> Finding:
    """GPUs that torch can use; the book needs none."""
    torch = sys.modules.get("torch")
    if torch is None:
        return Finding("GPU", "ok", "not looked for, since torch is not there")
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        detail = ", ".join(f"{card.name} ({card.total_memory / 1e9:.0f} GB)" for card in cards)
        return Finding("GPU", "ok", detail)
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "Apple GPU through MPS")
    if os.path.exists("/proc/driver/nvidia/version"):
        if torch.version.cuda is None:
            advice = "Install a CUDA build of torch to use it; every chapter also runs without."
        else:
            advice = f"Update the NVIDIA driver to one that supports CUDA {torch.version.cuda}."
        return Finding("GPU", "warn", "an NVIDIA driver is there, and torch cannot use it", advice)
    return Finding("GPU", "ok", "none; everything runs on the processor")
