"""Engines of torch itself, from eager to a CUDA graph. They run where the input is."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from .. import machine
from ..process import keep_memory
from ..timing import DTYPES
from ..validation import check_choice
from .engine import Availability, Engine, Precision
from .folding import fold
from .fusing import fuse, without_copies

WARM_UP = 3
"""Runs of a CUDA graph's network before it is recorded."""


class TorchEngine(Engine):
    """A network that torch runs. On a CPU, the process keeps freed memory: `process.keep_memory`.

    Parameters
    ----------
    precision
        Of weights and activations: "fp32", "bf16" or "fp16".
    slice
        See `Engine`.
    """

    device = "any"
    layout: ClassVar[torch.memory_format] = torch.contiguous_format

    def __init__(self, *, precision: Precision | None = None, slice: int | None = None) -> None:
        super().__init__(slice=slice)
        self.precision = check_choice("precision", precision or self.precision, tuple(DTYPES))

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        if example.device.type == "cpu":
            keep_memory()
        self._net = self._placed(copy.deepcopy(net), example)
        # torch chooses and keeps its kernels on the first run; compiled code is for this mode only.
        with torch.inference_mode():
            self._run(example)

    def _placed(self, net: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
        """What to run, of a network that is moved and changed in place."""
        state = net.state_dict().values()
        dtype = DTYPES[self.precision]
        self.size_bytes = sum(  # as a checkpoint stores them
            tensor.numel() * (dtype if tensor.is_floating_point() else tensor.dtype).itemsize
            for tensor in state
        )
        net.requires_grad_(False).to(example.device, dtype)
        return net.to(memory_format=self.layout)  # type: ignore[call-overload] # torch's stubs lack it

    def _run(self, x: Tensor) -> Tensor:
        return self._net(self._taken(x)).float()

    def _taken(self, x: Tensor) -> Tensor:
        """Input in the numbers and the layout that the network takes."""
        return x.to(DTYPES[self.precision]).contiguous(memory_format=self.layout)


class Eager(TorchEngine):
    """As trained: layer by layer, planes of one channel after the other (NCHW)."""

    name = "eager"
    summary = "torch, layer by layer, NCHW"


class ChannelsLast(TorchEngine):
    """All channels of a pixel side by side, so that a pointwise layer is one GEMM as it stands."""

    name = "channels_last"
    summary = "torch, layer by layer, NHWC"
    layout = torch.channels_last


class Folded(ChannelsLast):
    """channels_last, each batch normalization folded into its convolution, and no map copied."""

    name = "folded"
    summary = "channels_last with BN folded"

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        super()._prepare(self._rearranged(fold(net)), example, calibration)

    def _rearranged(self, folded: nn.Module) -> nn.Module:
        return without_copies(folded)


class Compiled(Folded):
    """`torch.compile` of the folded network, its weights frozen into the code as constants."""

    name = "compiled"
    summary = "torch.compile, BN folded, weights frozen"

    @classmethod
    def available(cls) -> Availability:
        """Whether there is a C++ compiler that torch's code generator can call."""
        place = os.path.dirname(torch.__file__)
        if any(map(str.isspace, place)):
            return Availability(
                False,
                "torch.compile hands its own folder to the compiler without quotes, and a name "
                "above it has a space; move the book's folder to a path without spaces",
            )
        names = ("g++", "clang++", "cl")
        if machine.cxx(names):
            return Availability(True)
        wanted = os.environ.get("CXX") or " or ".join(names)
        return Availability(
            False,
            f"torch.compile needs a C++ compiler, and found no {wanted}; "
            "install one (Debian: apt install g++), or point CXX to it",
        )

    def _placed(self, net: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
        super()._placed(net, example)
        self.size_bytes = None  # what is compiled lives in this process
        x = self._taken(example)
        # Exported first: that gives each network code of its own. Dynamo compiles a forward() for
        # a limited number of networks, and runs the next one uncompiled.
        program = torch.export.export(net, (x,)).module()
        return torch.compile(program, fullgraph=True, dynamic=False, options={"freezing": True})


class CudaGraph(Folded):
    """The fused network, recorded once and replayed, so that Python launches one thing, not sixty.

    At batch 1 a GPU computes each of MobileNet's layers in a few microseconds, which is less than
    it takes to launch one. Of many images it waits for memory: `fusing` spares it passes.

    Parameters
    ----------
    precision
        "fp16", which all of NVIDIA's tensor cores take, else "bf16" or "fp32".
    slice
        See `Engine`.
    """

    name = "cuda-graph"
    summary = "CUDA graph of the fused network, fp16"
    device = "cuda"
    precision: Precision = "fp16"

    def _rearranged(self, folded: nn.Module) -> nn.Module:
        return fuse(folded)

    @classmethod
    def available(cls) -> Availability:
        """Whether torch sees an NVIDIA GPU."""
        if torch.cuda.is_available():
            return Availability(True)
        build = "this torch is built without CUDA" if torch.version.cuda is None else "none is seen"
        return Availability(False, f"it needs an NVIDIA GPU, and {build}")

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        # A graph replays the same addresses: input is copied to where it was while recording, and
        # on the way there into the numbers and the layout that the network takes.
        self._input = self._taken(example).clone()
        with torch.cuda.device(example.device):  # capture is of the current device
            stream = torch.cuda.Stream(example.device)
            stream.wait_stream(torch.cuda.current_stream(example.device))
            with torch.cuda.stream(stream):  # warm-up outside the default stream, as it must be
                super()._prepare(net, self._input, calibration)
                for _ in range(WARM_UP):
                    super()._run(self._input)
            torch.cuda.current_stream(example.device).wait_stream(stream)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._output = super()._run(self._input)

    def _run(self, x: Tensor) -> Tensor:
        if not hasattr(self, "_graph"):  # still preparing
            return super()._run(x)
        self._input.copy_(x)
        self._graph.replay()
        return self._output.clone()  # the next replay writes over it
