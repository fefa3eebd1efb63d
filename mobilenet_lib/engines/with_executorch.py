"""ExecuTorch with XNNPACK, the kernels that run on phones, in fp32 and in int8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .engine import Availability, Engine, needs
from .onnx_model import folded
from .runtimes import hushed

CHATTY = ("torchao", "torch.utils._pytree")


class ExecuTorch(Engine):
    """The network as an ExecuTorch program, all of it delegated to XNNPACK."""

    name = "executorch"
    summary = "ExecuTorch with XNNPACK"

    @classmethod
    def available(cls) -> Availability:
        """Whether executorch is installed."""
        return needs("phone", "executorch")

    @property
    def size_bytes(self) -> int | None:
        """Of the .pte file."""
        return len(self._program)

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        self._program = self._lowered(net, example, calibration)
        set_threads(self.threads)
        self._forward = load_program(self._program).load_method("forward")
        self._run(example)

    def _lowered(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> bytes:
        return lower(net, example)

    def _run(self, x: Tensor) -> Tensor:
        (logits,) = self._forward.execute([x])
        return logits

    def _run_parts(self, parts: Any) -> Tensor:
        set_threads(self.threads)
        return super()._run_parts(parts)


class ExecuTorchInt8(ExecuTorch):
    """ExecuTorch with weights and activations of 8 bits, by torchao's PT2E and XNNPACK's rules.

    Parameters
    ----------
    per_channel
        A scale for each output channel of the weights, else one for each layer.
    slice
        See `Engine`.
    """

    name = "executorch-int8"
    summary = "ExecuTorch with XNNPACK, int8"
    precision = "int8"
    calibrates = True

    def __init__(self, *, per_channel: bool = True, slice: int | None = None) -> None:
        super().__init__(slice=slice)
        self.per_channel = per_channel

    @classmethod
    def available(cls) -> Availability:
        """Whether executorch and torchao are installed."""
        return needs("phone", "executorch", "torchao")

    def _lowered(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> bytes:
        return lower(net, example, calibration, self.per_channel)


def lower(
    net: nn.Module,
    example: Tensor,
    calibration: Tensor | None = None,
    per_channel: bool = True,
    constants: Mapping[str, Any] | None = None,
) -> bytes:
    """The network as an ExecuTorch program (.pte), batch normalization folded.

    Parameters
    ----------
    net
        In eval mode.
    example
        (B, 3, H, W) network input; the program takes this shape only.
    calibration
        (N, 3, H, W) network inputs to take the ranges of activations from: makes it int8.
    per_channel
        A scale for each output channel of int8 weights, else one for each layer.
    constants
        Numbers and texts that the program hands out under these names.
    """
    with hushed(*CHATTY):
        return _lower(folded(net).cpu(), example, calibration, per_channel, constants)


def _lower(
    net: nn.Module,
    example: Tensor,
    calibration: Tensor | None,
    per_channel: bool,
    constants: Mapping[str, Any] | None,
) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(net, (example.cpu(),))
    if calibration is not None:
        quantized = quantize(program.module(), example.cpu(), calibration.cpu(), per_channel)
        program = torch.export.export(quantized, (example.cpu(),))
    edge = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods=dict(constants or {})
    )
    return bytes(edge.to_executorch().buffer)


def quantize(
    program: nn.Module, example: Tensor, calibration: Tensor, per_channel: bool
) -> nn.Module:
    """An exported network with quantize and dequantize around each operator that XNNPACK has."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    config = get_symmetric_quantization_config(is_per_channel=per_channel)
    watched = prepare_pt2e(program, XNNPACKQuantizer().set_global(config))
    size = len(example)  # the exported network takes this batch only
    fill = calibration[torch.arange(-len(calibration) % size) % len(calibration)]
    for batch in torch.cat([calibration, fill]).split(size):
        watched(batch)
    return convert_pt2e(watched)


def load_program(program: bytes) -> Any:
    """An ExecuTorch program, ready to load methods of."""
    from executorch.runtime import Runtime

    return Runtime.get().load_program(program)


def set_threads(count: int) -> None:
    """Let XNNPACK compute with `count` threads; it has one pool for the whole process."""
    from executorch.extension.pybindings import portable_lib

    if portable_lib._threadpool_get_thread_count() != count:
        portable_lib._unsafe_reset_threadpool(count)
