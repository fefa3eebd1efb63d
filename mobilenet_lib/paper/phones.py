"""What others have measured of the sixteen networks, on phones and small computers."""

from __future__ import annotations

from dataclasses import dataclass

from ..architecture import mobilenet_v1
from .tables import read_rows


@dataclass(frozen=True)
class OnPhone:
    """One of the sixteen on a Pixel 3 with TensorFlow Lite, four threads, one image."""

    alpha: float
    resolution: int
    float_megabytes: float
    float_top1: float
    """ImageNet top-1 in percent."""
    float_ms: float
    float_gpu_ms: float
    """The same network on the phone's GPU."""
    int8_megabytes: float
    int8_top1: float
    """After training with quantization in the loop."""
    int8_ms: float

    @property
    def mult_adds(self) -> int:
        """Mult-adds for one image."""
        return mobilenet_v1(self.alpha, self.resolution).mult_adds


@dataclass(frozen=True)
class OnDevice:
    """How long 1.0 MobileNet-224 takes for one image on one device, as its source prints it."""

    device: str
    software: str
    precision: str
    threads: str
    milliseconds: float
    source: str


def phones() -> tuple[OnPhone, ...]:
    """The sixteen networks on a phone, alpha from 1 down, then resolution from 224 down.

    Source: TensorFlow Lite's list of hosted models, `data/paper/phones.csv`.
    """
    return tuple(
        OnPhone(
            float(row["alpha"]),
            int(row["resolution"]),
            *(float(row[f"float_{name}"]) for name in ("megabytes", "top1_pct", "ms", "gpu_ms")),
            *(float(row[f"int8_{name}"]) for name in ("megabytes", "top1_pct", "ms")),
        )
        for row in read_rows("phones")
    )


def devices() -> tuple[OnDevice, ...]:
    """One network on many devices, each with its source, `data/paper/devices.csv`."""
    return tuple(
        OnDevice(
            row["device"],
            row["software"],
            row["precision"],
            row["threads"],
            float(row["ms"]),
            row["source"],
        )
        for row in read_rows("devices")
    )
