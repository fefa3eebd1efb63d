"""All engines by name."""

from __future__ import annotations

from .engine import Engine
from .torch_engines import ChannelsLast, Compiled, CudaGraph, Eager, Folded
from .with_executorch import ExecuTorch, ExecuTorchInt8
from .with_onnxruntime import OnnxRuntime, OnnxRuntimeInt8
from .with_openvino import OpenVino, OpenVinoBf16, OpenVinoInt8

# From what anyone starts with to what takes the most.
ENGINES: dict[str, type[Engine]] = {
    engine.name: engine
    for engine in (
        Eager,
        ChannelsLast,
        Folded,
        Compiled,
        OnnxRuntime,
        OpenVino,
        OpenVinoBf16,
        ExecuTorch,
        OnnxRuntimeInt8,
        OpenVinoInt8,
        ExecuTorchInt8,
        CudaGraph,
    )
}
