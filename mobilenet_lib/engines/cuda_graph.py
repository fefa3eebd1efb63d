"""A CUDA graph: the whole network as one launch, in fp16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .engine import Availability, Precision
from .torch_engines import Folded

WARM_UP = 3


class CudaGraph(Folded):
    """The folded network, recorded once and replayed, so that Python launches one thing, not sixty.

    At batch 1 a GPU computes each of MobileNet's layers in a few microseconds, which is less than
    it takes to launch one.

    Parameters
    ----------
    precision
        "fp16", which all of NVIDIA's tensor cores take, else "bf16" or "fp32".
    slice
        See `Engine`.
    """

    name = "cuda-graph"
    summary = "CUDA graph of the folded network, fp16"
    device = "cuda"
    precision: Precision = "fp16"

    @classmethod
    def available(cls) -> Availability:
        """Whether torch sees an NVIDIA GPU."""
        if torch.cuda.is_available():
            return Availability(True)
        build = "this torch is built without CUDA" if torch.version.cuda is None else "none is seen"
        return Availability(False, f"it needs an NVIDIA GPU, and {build}")

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        # A graph replays the same addresses: input is copied to where it was while recording.
        self._input = example.clone()
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
