"""What a measurement ran on: the machine, and what torch knows of itself and of the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..machine import Machine, describe_machine
from ..process import device_name
from ..validation import Count


@dataclass(frozen=True)
class Torch:
    """What torch tells of itself."""

    version: str
    threads: Count
    instructions: str
    oneDNN: bool
    MKL: bool


@dataclass(frozen=True)
class Gpu:
    """A CUDA device; None for what this version of torch does not tell."""

    name: str
    memory_bytes: int
    multiprocessors: Count
    compute_capability: str
    l2_bytes: int | None
    clock_mhz: float | None
    cuda: str | None
    tf32: dict[str, bool]
    """Whether matrix products and convolutions in fp32 are computed with fewer bits."""


@dataclass(frozen=True)
class Hardware(Machine):
    """A machine, and what torch knows of itself and of the device."""

    device: str
    """What the GPU or the processor is called."""
    torch: Torch
    gpu: Gpu | None


def describe_hardware(device: torch.device | str = "cpu") -> Hardware:
    """What a measurement on `device` runs on."""
    where = torch.device(device)
    own = Torch(
        version=str(torch.__version__),
        threads=torch.get_num_threads(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        oneDNN=torch.backends.mkldnn.is_available(),
        MKL=torch.backends.mkl.is_available(),
    )
    card = gpu(where) if where.type == "cuda" else None
    name = device_name(where)
    return Hardware(**vars(describe_machine()), device=name, torch=own, gpu=card)


def gpu(device: torch.device) -> Gpu:
    """What torch tells of a CUDA device."""
    card = torch.cuda.get_device_properties(device)
    kilohertz = getattr(card, "clock_rate", None)
    return Gpu(
        name=card.name,
        memory_bytes=card.total_memory,
        multiprocessors=card.multi_processor_count,
        compute_capability=f"{card.major}.{card.minor}",
        l2_bytes=getattr(card, "L2_cache_size", None),
        clock_mhz=kilohertz / 1e3 if kilohertz else None,
        cuda=torch.version.cuda,
        tf32={
            "matmul": torch.backends.cuda.matmul.allow_tf32,
            "convolution": torch.backends.cudnn.allow_tf32,
        },
    )


def caches(hardware: Hardware) -> dict[str, int]:
    """Bytes of each cache that a description names: the GPU's if it is of one, else the cores'."""
    own = hardware.caches
    sizes = {"L1": own.l1d, "L2": own.l2, "L3": own.l3}
    if hardware.gpu:
        sizes = {"L2": hardware.gpu.l2_bytes}
    return {name: size for name, size in sizes.items() if size}
