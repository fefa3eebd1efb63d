"""ONNX Runtime: fused kernels for x86 and ARM, in fp32 and in int8."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn

from . import onnx_model
from .runtimes import load_onnxruntime


class OnnxRuntime(onnx_model.OnnxEngine):
    """The network as ONNX, BN folded, run by ONNX Runtime."""

    name = "onnxruntime"
    summary = "ONNX Runtime"
    requires = ("export", *onnx_model.PACKAGES)

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        data = self._model(net, example, calibration)
        self.size_bytes = len(data)
        self._session = session(data, max(1, self.threads // (self.streams or 1)))
        self._pool = ThreadPoolExecutor(self.streams) if self.streams else None
        self._run(example)

    def _run(self, x: Tensor) -> Tensor:
        (logits,) = self._session.run(None, {onnx_model.INPUT: x.numpy()})
        return torch.from_numpy(logits)

    def _run_parts(self, parts: Sequence[Tensor]) -> Tensor:
        if self._pool is None:
            return super()._run_parts(parts)
        return torch.cat([*self._pool.map(self._run, parts)])


class OnnxRuntimeInt8(onnx_model.InInt8, OnnxRuntime):
    """ONNX Runtime with weights and activations of 8 bits, by its own static quantizer."""

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
