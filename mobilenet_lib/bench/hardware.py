"""What a measurement ran on: the machine, torch's way to use it, and the GPU."""

from __future__ import annotations

from typing import Any

import torch

from .. import machine
from ..timing import device_name


def describe_hardware(device: torch.device | str = "cpu") -> dict[str, Any]:
    """`machine.describe_machine()`, and what torch knows of itself and the device."""
    where = torch.device(device)
    return {
        "device": device_name(where),
        **machine.describe_machine(),
        "torch": {
            "version": torch.__version__,
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "oneDNN": torch.backends.mkldnn.is_available(),
            "MKL": torch.backends.mkl.is_available(),
        },
        "gpu": gpu(where) if where.type == "cuda" else None,
    }


def gpu(device: torch.device) -> dict[str, Any]:
    """What torch tells of a CUDA device; None for what this version of torch does not tell."""
    card = torch.cuda.get_device_properties(device)
    kilohertz = getattr(card, "clock_rate", None)
    return {
        "name": card.name,
        "memory_bytes": card.total_memory,
        "multiprocessors": card.multi_processor_count,
        "compute_capability": f"{card.major}.{card.minor}",
        "l2_bytes": getattr(card, "L2_cache_size", None),
        "clock_mhz": kilohertz / 1e3 if kilohertz else None,
        "cuda": torch.version.cuda,
        "tf32": {
            "matmul": torch.backends.cuda.matmul.allow_tf32,
            "convolution": torch.backends.cudnn.allow_tf32,
        },
    }
