"""Engines that take the network as ONNX: ONNX Runtime, and OpenVINO, in fp32, bf16 and int8.

ONNX Runtime has fused kernels for x86 and ARM, OpenVINO compiles for the processor it finds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..machine import features
from . import onnx_model
from .engine import Availability, EngineError
from .runtimes import load_onnxruntime, load_openvino, openvino_core


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


class OpenVino(onnx_model.OnnxEngine):
    """The network, read from ONNX, compiled by OpenVINO.

    `streams` are what it calls throughput mode; without them it is in latency mode.
    """

    name = "openvino"
    summary = "OpenVINO"
    requires: ClassVar[tuple[str, ...]] = ("engines", "openvino", "onnx", "onnxscript")

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        model = openvino_core().read_model(self._model(net, example, calibration))
        self.size_bytes = _size(model)
        self._compiled = compile_model(model, self.precision, self.threads, self.streams or 1)
        self._requests: list[Any] = []
        self._run_parts([example])

    def _run(self, x: Tensor) -> Tensor:
        return self._run_parts([x])

    def _run_parts(self, parts: Sequence[Tensor]) -> Tensor:
        tensor = load_openvino().Tensor
        while len(self._requests) < len(parts):
            self._requests.append(self._compiled.create_infer_request())
        requests = self._requests[: len(parts)]
        for request, part in zip(requests, parts, strict=True):
            request.set_input_tensor(tensor(part.numpy(), shared_memory=True))  # nothing is copied
            request.start_async()  # waits its turn where all streams are taken
        for request in requests:
            request.wait()
        # Copies of few numbers: no slower than to let it write into our memory.
        return torch.cat([torch.from_numpy(r.get_output_tensor().data) for r in requests])


class OpenVinoBf16(OpenVino):
    """OpenVINO in bf16: the exponent of fp32 with 8 bits of mantissa, on processors that have it.

    On others OpenVINO would quietly compute in fp32, so there this engine is not available.
    """

    name = "openvino-bf16"
    summary = "OpenVINO in bf16"
    precision = "bf16"

    @classmethod
    def available(cls) -> Availability:
        """Whether openvino is installed and the processor multiplies in bf16."""
        known = features()
        if known is None:
            reason = "this system does not tell whether its processor multiplies in bf16"
        elif "bf16" not in known:
            reason = (
                f"this processor does not multiply in bf16 (it has {', '.join(known) or 'none'} of "
                "what the book asks for): OpenVINO would compute in fp32 and not say so"
            )
        else:
            return super().available()
        return Availability(False, reason)

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        super()._prepare(net, example, calibration)
        used = self._compiled.get_property("INFERENCE_PRECISION_HINT")
        if used != load_openvino().Type.bf16:
            raise EngineError(f"OpenVINO computes in {used.to_string()} here, not in bf16")


class OpenVinoInt8(onnx_model.InInt8, OpenVino):
    """OpenVINO with weights and activations of 8 bits, from ONNX Runtime's quantizer."""

    name = "openvino-int8"
    summary = "OpenVINO, int8"
    requires = ("engines", "openvino", *onnx_model.PACKAGES)


def compile_model(model: Any, precision: str, threads: int, streams: int = 1) -> Any:
    """An `openvino.Model` compiled for the CPU, with so many threads in all, and batches at a time.

    "bf16" lets it compute in that; all others compute in fp32, an int8 model's layers in int8.
    """
    hint = "LATENCY" if streams == 1 else "THROUGHPUT"
    options = {
        "PERFORMANCE_HINT": hint,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    return openvino_core().compile_model(model, "CPU", options)


def _size(model: Any) -> int:
    with tempfile.TemporaryDirectory(prefix="mobilenet-size-") as folder:
        load_openvino().serialize(model, Path(folder) / "model.xml")
        return sum(path.stat().st_size for path in Path(folder).iterdir())
