"""The explorer of chapter 04: layers under the roof that arithmetic and memory make."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from .. import paper
from ..architecture import Architecture, mobilenet_v1
from ..files import find_data, read_json
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..bench.layers import LayersBench
    from ..bench.peaks import MachinePeaks
    from ..plots import BookFigure

_STATE = definition("roofline")
NUMBER_BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
CACHES = {"L1": "l1d", "L2": "l2", "L3": "l3"}


class RooflineExplorer(Explorer):
    """Operations for each byte against attainable speed: every layer under a roof that moves.

    The two ceilings are handles. Works by mouse, touch and keyboard, and without a Python session
    once it is drawn.

    Parameters
    ----------
    ceilings
        Of the reader's machine, from `bench_peaks`; None takes those of `profile`, if there is one.
        The book's machine (`data/results/bench_machine.json`) is always there.
    profile
        Measured layers of one network, from `bench_layers`.
    **state
        What is chosen at the start; see below.

    Attributes
    ----------
    alpha, resolution, body
        Which network: 1, 0.75, 0.5 or 0.25; 224, 192, 160 or 128; "separable" or "full".
    batch
        Images at a time: 1, 2, 4 and so on to 256.
    precision
        "fp32", "bf16" or "int8": 4, 2 or 1 byte per number, each with its own arithmetic ceiling.
    machine
        "yours" or "book": whose ceilings.
    peak, bandwidth
        Ceilings that the reader has moved, in 10⁹ operations and 10⁹ bytes per second; None: as the
        machine was measured.
    layer
        The chosen layer, such as "dw_7".
    shown
        Which of "measured layers" and "published devices" are drawn.
    machines, published
        All that is drawn but the layers, which are counted in the page. For reading only.

    Raises
    ------
    FileNotFoundError
        The book's data are not there.
    ValueError
        The reader's machine was measured in none of the three precisions.
    traitlets.TraitError
        A choice that does not exist; the widget keeps its old state.
    """

    definition = _STATE

    machines: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    published: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    alpha = _STATE.trait("alpha")
    resolution = _STATE.trait("resolution")
    body = _STATE.trait("body")
    batch = _STATE.trait("batch")
    precision = _STATE.trait("precision")
    machine = _STATE.trait("machine")
    peak = _STATE.trait("peak")
    bandwidth = _STATE.trait("bandwidth")
    layer = _STATE.trait("layer")
    shown = _STATE.trait("shown")

    def __init__(
        self,
        ceilings: MachinePeaks | None = None,
        profile: LayersBench | None = None,
        **state: Any,
    ) -> None:
        if ceilings is None and profile is not None:
            ceilings = profile.ceilings
        yours = [] if ceilings is None else [_yours(ceilings, profile)]
        self.set_trait("machines", [*yours, _books()])
        self.set_trait("published", _published())
        super().__init__(**state)

    @property
    def arch(self) -> Architecture:
        """The network shown."""
        return mobilenet_v1(self.alpha, self.resolution, body=self.body)

    @property
    def roof(self) -> tuple[float, float]:
        """The ceilings in use: 10⁹ operations and 10⁹ bytes per second."""
        machine = next((m for m in self.machines if m["whose"] == self.machine), self.machines[-1])
        measured = machine["peaks"].get(self.precision) or max(machine["peaks"].values())
        return self.peak or measured, self.bandwidth or machine["bandwidths"]["memory"]

    def still(self) -> BookFigure:
        """Every layer on the roof, as `plots.roofline` draws it."""
        from ..plots import roofline

        peak, bandwidth = self.roof
        points = {}
        for layer in self.arch.layers:
            intensity = layer.intensity(self.batch, NUMBER_BYTES[self.precision])
            points[layer.name] = layer.kind, intensity, min(peak, bandwidth * intensity)
        return roofline(points, peak, {"memory": bandwidth})

    def __repr__(self) -> str:
        peak, bandwidth = self.roof
        return (
            f"RooflineExplorer({self.alpha:g} MobileNet-{self.resolution}, {self.body} body, "
            f"batch {self.batch}, {self.precision}: {peak:.4g} GFLOP/s, {bandwidth:.4g} GB/s)"
        )


def _yours(ceilings: MachinePeaks, profile: LayersBench | None) -> dict[str, Any]:
    peaks = {peak.precision: peak.gflops for peak in ceilings.peaks if peak.gflops is not None}
    measured = None
    if profile is not None:
        times = {layer.name: layer.gflops for layer in profile.layers if layer.mult_adds}
        measured = _measured(
            profile.alpha,
            profile.resolution,
            profile.body,
            profile.setting.batch,
            profile.setting.precision,
            times,
        )
    return _machine(
        "yours", ceilings.device, ceilings.threads, peaks, ceilings.bandwidths, measured
    )


def _books() -> dict[str, Any]:
    """The machine that measured the book's own results, and its profile of 1.0 MobileNet-224."""
    folder = find_data() / "results"
    found = read_json(folder / "bench_machine.json")["results"]
    profile = read_json(folder / "bench_layers.json")["results"]
    times = {layer["name"]: layer["gflops"] for layer in profile["layers"] if layer["mult_adds"]}
    measured = _measured(
        profile["alpha"],
        profile["resolution"],
        profile["body"],
        profile["setting"]["batch"],
        profile["setting"]["precision"],
        times,
    )
    peaks = {peak["precision"]: peak["gflops"] for peak in found["peaks"] if peak["gflops"]}
    places = _bandwidths(found["copies"], found["machine"]["caches"])
    return _machine("book", found["device"], found["threads"], peaks, places, measured)


def _bandwidths(copies: list[dict[str, Any]], caches: dict[str, Any]) -> dict[str, float]:
    """As `MachinePeaks.bandwidths`, which is out of reach here: its module imports torch."""
    sizes, rates = ([math.log(copy[name]) for copy in copies] for name in ("size", "gb_per_s"))
    known = {name: caches[key] for name, key in CACHES.items() if caches[key]}
    places = {}
    for (_, before), (name, size) in pairwise(known.items()):
        places[name] = math.exp(np.interp(math.log(before * size) / 2, sizes, rates))
    return {**places, "memory": copies[-1]["gb_per_s"]}


def _machine(
    whose: str,
    device: str,
    threads: int,
    peaks: dict[str, float],
    bandwidths: dict[str, float],
    measured: dict[str, Any] | None,
) -> dict[str, Any]:
    """Plain numbers for the browser; 16-bit numbers of either kind stand under "bf16"."""
    if "bf16" not in peaks and "fp16" in peaks:
        peaks = {**peaks, "bf16": peaks["fp16"]}
    peaks = {name: float(peaks[name]) for name in NUMBER_BYTES if name in peaks}
    if not peaks:
        raise ValueError(
            f"the ceilings of {device} are of none of {', '.join(NUMBER_BYTES)}; "
            "measure one with bench_peaks"
        )
    return {
        "whose": whose,
        "device": device,
        "threads": threads,
        "peaks": peaks,
        "bandwidths": {name: float(rate) for name, rate in bandwidths.items()},
        "measured": measured,
    }


def _measured(
    alpha: float, resolution: int, body: str, batch: int, precision: str, gflops: dict[str, float]
) -> dict[str, Any]:
    return {
        "alpha": alpha,
        "resolution": resolution,
        "body": body,
        "batch": batch,
        "precision": "bf16" if precision == "fp16" else precision,
        "gflops": gflops,
    }


def _published() -> list[dict[str, Any]]:
    """Milliseconds for one image that others have printed, by network and precision."""
    found = [
        {
            "device": device.device,
            "how": f"{device.software}, {_threads(device.threads)}",
            "precision": "int8" if device.precision == "8 bit" else "fp32",
            "alpha": 1.0,
            "resolution": 224,
            "ms": device.milliseconds,
            "source": device.source,
        }
        for device in paper.devices()
    ]
    for phone in paper.phones():
        for how, precision, ms in (
            ("TensorFlow Lite, 4 threads", "fp32", phone.float_ms),
            ("TensorFlow Lite, GPU", "fp32", phone.float_gpu_ms),
            ("TensorFlow Lite, 4 threads", "int8", phone.int8_ms),
        ):
            found.append(
                {
                    "device": "Pixel 3",
                    "how": how,
                    "precision": precision,
                    "alpha": phone.alpha,
                    "resolution": phone.resolution,
                    "ms": ms,
                    "source": "tensorflow lite/g3doc/guide/hosted_models.md (Apache-2.0)",
                }
            )
    return found


def _threads(text: str) -> str:
    """As a reader would say it: "1 thread", "all big cores", "GPU"."""
    if text.isdigit():
        return f"{text} thread{'s' if text != '1' else ''}"
    return {"all": "all cores"}.get(text, text)
