"""The interface that every way to run a trained network shares.

Preparing may take seconds: it converts, optimizes and compiles. Running is what gets timed.
"""

from __future__ import annotations

import importlib.util
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from ..process import threads as torch_threads
from ..process import torch_defaults
from ..results import engine_label
from ..validation import check_int

Precision = Literal["fp32", "bf16", "fp16", "int8"]
INSTALL = "pip install -e '.[{extra}]' -c constraints.txt"
# Largest difference of a logit from eager's in fp32, over eager's largest logit. fp32 differs by
# the order of additions alone; 8 bits of bf16's mantissa, rounded in each of 28 layers, add up to
# about one percent.
TOLERANCES = {"fp32": 1e-3, "fp16": 1e-2, "bf16": 2e-2}


class EngineError(ValueError):
    """An engine cannot run here, was given what it was not prepared for, or computes otherwise."""


def first_line(error: BaseException) -> str:
    """What an error says, without the lines that follow."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def explain(error: Exception) -> str:
    """Why an engine does not run, in one line: what it says, or what broke in its library."""
    line = first_line(error)
    return line if isinstance(error, EngineError) else f"{type(error).__name__}: {line}"


def batches(images: Tensor, size: int | None) -> Iterator[Tensor]:
    """All images, in batches of a fixed size, the last one filled with the first images.

    Without a size, in batches of 16 and a rest.
    """
    if size is not None:
        images = images[torch.arange(len(images) + -len(images) % size) % len(images)]
    yield from images.contiguous().split(size or 16)


class Availability(NamedTuple):
    """Whether an engine can run here. Truthy if so."""

    yes: bool
    reason: str = ""
    """What is missing, and what to do about it; empty if nothing is."""

    def __bool__(self) -> bool:
        return self.yes


class Engine(ABC):
    """One way to run a trained network.

    Parameters
    ----------
    slice
        Run a batch in parts of this many images, one after the other; None: all at once. The
        activations of a large batch do not fit the caches: at 224 pixels one image's largest
        layer takes 3.2 MB in fp32, those of 32 images 103 MB. In slices they stay near, but each
        slice loads the weights again: which takes longer differs between engines.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it does, in a few words."""
    precision: Precision = "fp32"
    calibrates: ClassVar[bool] = False
    """Whether `prepare` needs calibration images."""
    can_stream: ClassVar[bool] = False
    """Whether slices can run side by side: the option `streams`."""
    device: ClassVar[str] = "cpu"
    """Kind of device whose tensors it runs on: "cpu", "cuda", or "any"."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Our extra that brings the packages that it needs, and their names; empty: torch is enough."""

    size_bytes: int | None = None
    """Of the file that a device would get, once prepared; None if there is none."""
    streams: int | None = None
    per_channel = True
    weight_bits: int | None = None

    def __init__(self, *, slice: int | None = None) -> None:
        self.slice = None if slice is None else check_int("slice", slice, 1)
        self.threads = torch.get_num_threads()
        self.shape: tuple[int, ...] | None = None
        """(B, 3, H, W) that it is prepared for; None before."""

    @classmethod
    def available(cls) -> Availability:
        """Whether this machine has what the engine needs; quick, imports none of it."""
        extra, *packages = cls.requires or ("",)
        missing = [name for name in packages if importlib.util.find_spec(name) is None]
        if not missing:
            return Availability(True)
        plural = "packages" if len(missing) > 1 else "package"
        install = INSTALL.format(extra=extra)
        return Availability(False, f"it needs the {plural} {', '.join(missing)}: {install}")

    @property
    def label(self) -> str:
        """Its name and the options that are set, such as "openvino, slices of 4"."""
        bits = f", weights of {self.weight_bits} bits" if self.weight_bits else ""
        scales = "" if self.per_channel else ", per tensor"
        return engine_label(self.name + bits + scales, self.slice, self.streams)

    def variant(self, **options: Any) -> Engine:
        """The same engine, unprepared, with other options."""
        own = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        return type(self)(**(own | options))

    @classmethod
    def cuts(cls, batch_size: int, slices: Sequence[int], threads: int) -> list[dict[str, int]]:
        """Options by which it may cut a batch: not at all, in slices, in slices side by side.

        Side by side, each thread has a slice of its own, and none waits for another after each
        layer.
        """
        fitting = [size for size in slices if size < batch_size and batch_size % size == 0]
        options: list[dict[str, int]] = [{}] + [{"slice": size} for size in fitting]
        if cls.can_stream and 1 < threads <= batch_size:
            whole = [batch_size // threads] if batch_size % threads == 0 else []
            sizes = dict.fromkeys([*fitting, *whole])
            options += [{"slice": size, "streams": threads} for size in sizes]
        return options

    @property
    def tolerance(self) -> float | None:
        """Largest difference of a logit from eager's, over eager's largest logit; None for int8."""
        return TOLERANCES.get(self.precision)

    @torch_defaults()
    def prepare(
        self,
        net: nn.Module,
        example: Tensor,
        calibration: Tensor | None = None,
        threads: int | None = None,
    ) -> Self:
        """Make the engine ready to run batches of `example`'s shape; the engine itself.

        Parameters
        ----------
        net
            Any network in eval mode that takes (B, 3, H, W) and returns (B, classes). It is left
            as it was.
        example
            Network input, (B, 3, H, W) float32.
        calibration
            (N, 3, H, W) network inputs like those to come; int8 engines take the ranges of all
            activations from them.
        threads
            Threads to run with; None: as many as torch uses.

        Raises
        ------
        EngineError
            The engine is not available, calibration is missing, or a shape is wrong.
        """
        availability = self.available()
        if not availability:
            raise EngineError(f"{self.name} cannot run here: {availability.reason}")
        self._check_input(example, "example")
        if self.slice and example.shape[0] % self.slice:
            raise EngineError(f"a batch of {example.shape[0]} is no multiple of slice={self.slice}")
        if net.training:
            raise EngineError("the network is in training mode; call net.eval() first")
        if self.calibrates:
            self._check_calibration(calibration, example)
        self.threads = (
            torch.get_num_threads() if threads is None else check_int("threads", threads, 1)
        )
        # Whatever traces the network, its gradients and its layout are not wanted.
        with torch.no_grad(), self._limit():
            part = example[: self.slice].contiguous()
            self._prepare(net, part, calibration if self.calibrates else None)
        self.shape = tuple(example.shape)
        return self

    def run(self, x: Tensor) -> Tensor:
        """Logits, (B, classes) float32, of network input of the shape that it is prepared for.

        Raises
        ------
        EngineError
            The engine is not prepared, or `x` has another shape or type.
        """
        if self.shape is None:
            raise EngineError(f"{self.name} is not prepared; call prepare(net, example) first")
        if tuple(x.shape) != self.shape:
            raise EngineError(
                f"{self.name} is prepared for {self.shape}, got {tuple(x.shape)}; "
                "prepare another engine for that shape, or cut the batch"
            )
        self._check_input(x, "x")
        with torch.inference_mode(), self._limit():
            x = x.contiguous()
            return self._run_parts(x.split(self.slice) if self.slice else [x])

    @abstractmethod
    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        """Convert the network for one slice of input."""

    @abstractmethod
    def _run(self, x: Tensor) -> Tensor:
        """Logits of one slice."""

    def _run_parts(self, parts: Sequence[Tensor]) -> Tensor:
        return self._run(parts[0]) if len(parts) == 1 else torch.cat([*map(self._run, parts)])

    def _limit(self) -> AbstractContextManager[int | None]:
        """Torch's own threads at the number asked for, while an engine prepares or runs."""
        same = torch.get_num_threads() == self.threads
        return nullcontext() if same else torch_threads(self.threads)

    def _check_input(self, x: Tensor, name: str) -> None:
        if x.dim() != 4 or x.shape[1] != 3 or not x.shape[0] or x.dtype != torch.float32:
            raise EngineError(
                f"{name} must be a batch of network input, (B, 3, H, W) float32; "
                f"got {tuple(x.shape)} {x.dtype}"
            )
        if self.device not in ("any", x.device.type):
            raise EngineError(f"{self.name} runs on {self.device}, {name} is on {x.device}")

    def _check_calibration(self, images: Tensor | None, example: Tensor) -> None:
        if images is None:
            raise EngineError(
                f"{self.name} takes the ranges of activations from images: pass calibration=, "
                "(N, 3, H, W) network inputs, a hundred or more, not those it is tested on"
            )
        self._check_input(images, "calibration")
        if images.shape[1:] != example.shape[1:]:
            raise EngineError(
                f"calibration is {tuple(images.shape[1:])} an image, example "
                f"{tuple(example.shape[1:])}; they must be alike"
            )
