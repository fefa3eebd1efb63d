"""The sixteen models of Figures 4 and 5, ready to plot, and what others measured of them."""

from __future__ import annotations

from dataclasses import dataclass

from ..architecture import Architecture, mobilenet_v1
from ..results import Measured
from ..validation import check_choice
from .tables import LAYOUTS, read_rows

SOURCES = {
    "the paper": "paper_top1",
    "tf-slim": "slim2018_top1",
    "tf-slim, 8 bit": "quant2018_top1",
}
"""Who printed an accuracy of these models, and the field it is in."""


@dataclass(frozen=True)
class Model:
    """One of the sixteen: its accuracy where somebody printed it, its exact cost."""

    alpha: float
    resolution: int
    paper_top1: float | None
    """ImageNet top-1 in percent from Tables 6, 7, 9; None for the eight that are only plotted."""
    slim2017_top1: float
    """tf-slim's checkpoints of June 2017."""
    slim2018_top1: float
    """tf-slim's checkpoints of February 2018."""
    quant2018_top1: float
    """tf-slim's 8-bit checkpoints."""
    mult_adds: int
    parameters: int
    """Trainable, 1000 classes."""
    parameters_as_printed: int

    @property
    def name(self) -> str:
        """The paper's name for it, such as "0.75 MobileNet-192"."""
        return f"{self.architecture.alpha} MobileNet-{self.resolution}"

    @property
    def architecture(self) -> Architecture:
        """The network itself."""
        return mobilenet_v1(self.alpha, self.resolution)


def models() -> tuple[Model, ...]:
    """The sixteen models, alpha from 1 down, then resolution from 224 down."""
    sixteen = []
    for row in read_rows(LAYOUTS["figures"].file):
        arch = mobilenet_v1(float(row["alpha"]), int(row["resolution"]))
        model = Model(
            arch.alpha,
            arch.resolution,
            float(row["paper_top1_pct"]) if row["paper_top1_pct"] else None,
            float(row["slim2017_top1_pct"]),
            float(row["slim2018_top1_pct"]),
            float(row["quant2018_top1_pct"]),
            arch.mult_adds,
            arch.parameters,
            arch.parameters_as_printed,
        )
        sixteen.append(model)
    return tuple(sixteen)


def published(source: str) -> tuple[Measured, ...]:
    """ImageNet top-1 of the sixteen as one source prints it, in the form of measured networks.

    Parameters
    ----------
    source
        "the paper" (it prints eight of the sixteen), "tf-slim" or "tf-slim, 8 bit".
    """
    field = SOURCES[check_choice("source", source, SOURCES)]
    return tuple(
        Measured(m.alpha, m.resolution, "separable", (accuracy,), m.mult_adds, m.parameters)
        for m in models()
        if (accuracy := getattr(m, field)) is not None
    )


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


@dataclass(frozen=True)
class Timed:
    """A MobileNet of any width that others timed, and whose energy they may have measured."""

    alpha: float
    resolution: int
    device: str
    software: str
    precision: str
    batch: int
    milliseconds: float
    """For the whole batch; where images per second are printed, worked out from them."""
    millijoules: float | None
    """Energy for one batch."""
    source: str


def phones() -> tuple[OnPhone, ...]:
    """The sixteen networks on a phone, alpha from 1 down, then resolution from 224 down.

    Source: TensorFlow Lite's list of hosted models, `data/paper/phones.csv`.
    """
    return tuple(
        OnPhone(
            resolution=int(row["resolution"]),
            **{
                name.removesuffix("_pct"): float(text)
                for name, text in row.items()
                if name not in ("row", "resolution")
            },
        )
        for row in read_rows("phones")
    )


def devices() -> tuple[OnDevice, ...]:
    """One network on many devices, each with its source, `data/paper/devices.csv`."""
    names = ("device", "software", "precision", "threads", "source")
    return tuple(
        OnDevice(milliseconds=float(row["ms"]), **{name: row[name] for name in names})
        for row in read_rows("devices")
    )


@dataclass(frozen=True)
class Since:
    """An ImageNet accuracy at 224 pixels that somebody printed since, and what it cost."""

    name: str
    kind: str
    """"trained again" for 1.0 MobileNet-224 itself, else the family of networks."""
    mult_adds: float
    """In millions; of MobileNet itself they are counted, of the others as printed."""
    parameters: float
    """In millions, as the mult-adds."""
    top1: float
    """In percent."""
    source: str


def since() -> tuple[Since, ...]:
    """What became of the network, `data/paper/after.csv`: trained again first, then successors."""
    own = mobilenet_v1()
    return tuple(
        Since(
            row["name"],
            row["kind"],
            float(row["million_mult_adds"] or own.mult_adds / 1e6),
            float(row["million_parameters"] or own.parameters / 1e6),
            float(row["top1_pct"]),
            row["source"],
        )
        for row in read_rows("after")
    )


def timed() -> tuple[Timed, ...]:
    """Four widths on a GPU, and the smallest on microcontrollers, `data/paper/timed.csv`."""
    names = ("device", "software", "precision", "source")
    return tuple(
        Timed(
            alpha=float(row["alpha"]),
            resolution=int(row["resolution"]),
            batch=int(row["batch"]),
            milliseconds=float(
                row["ms"] or 1000 * int(row["batch"]) / float(row["images_per_second"])
            ),
            millijoules=float(row["millijoules"]) if row["millijoules"] else None,
            **{name: row[name] for name in names},
        )
        for row in read_rows("timed")
    )
