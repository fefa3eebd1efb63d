"""ONNX Runtime: fused kernels for x86 and ARM, in fp32 and in int8."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn

from ..validation import check_int
from . import onnx_model
from .engine import Availability, Engine, EngineError, needs
from .runtimes import load_onnxruntime


class OnnxRuntime(Engine):
    """The network as ONNX, BN folded, run by ONNX Runtime.

    Parameters
    ----------
    slice
        See `Engine`.
    streams
        Slices that run at the same time, each with its share of the threads. None: one after the
        other, each with all threads, which then wait for each other after every layer.
    """

    name = "onnxruntime"
    summary = "ONNX Runtime"
    can_stream = True

    def __init__(self, *, slice: int | None = None, streams: int | None = None) -> None:
        super().__init__(slice=slice)
        self.streams = check_streams(streams, slice)

    @classmethod
    def available(cls) -> Availability:
        """Whether onnx, onnxscript and onnxruntime are installed."""
        return needs("export", *onnx_model.PACKAGES)

    @property
    def size_bytes(self) -> int | None:
        """Of the .onnx file."""
        return self._bytes

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        data = self._model(net, example, calibration).SerializeToString()
        self._bytes = len(data)
        self._session = session(data, max(1, self.threads // (self.streams or 1)))
        self._pool = ThreadPoolExecutor(self.streams) if self.streams else None
        self._run(example)

    def _model(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> Any:
        return onnx_model.to_onnx(net, example)

    def _run(self, x: Tensor) -> Tensor:
        (logits,) = self._session.run(None, {onnx_model.INPUT: x.numpy()})
        return torch.from_numpy(logits)

    def _run_parts(self, parts: Sequence[Tensor]) -> Tensor:
        if self._pool is None:
            return super()._run_parts(parts)
        return torch.cat([*self._pool.map(self._run, parts)])


class OnnxRuntimeInt8(onnx_model.InInt8, OnnxRuntime):
    """ONNX Runtime with weights and activations of 8 bits, by its own static quantizer.

    Parameters
    ----------
    per_channel
        A scale for each output channel of the weights, else one for each layer.
    weight_bits
        8 or 7; None: 8, or 7 where this processor's sums of products of 8 bits can overflow.
    slice, streams
        See `OnnxRuntime`.
    """

    name = "onnxruntime-int8"
    summary = "ONNX Runtime, int8"


def session(model: bytes | str, threads: int) -> Any:
    """An `InferenceSession` of a model, or of the file so called, on the CPU."""
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads spin for a while in case more work comes. After a run none does, and they would
    # take the cores from whatever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def check_streams(streams: int | None, slice: int | None) -> int | None:
    """`streams` if it is None or a number that goes with slices."""
    if streams is None:
        return None
    if slice is None:
        raise EngineError(f"streams={streams} run slices side by side: give slice= too")
    return check_int("streams", streams, 1, 1024)
