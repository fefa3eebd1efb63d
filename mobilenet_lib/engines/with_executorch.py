"""ExecuTorch with XNNPACK, the kernels that run on phones, in fp32 and in int8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .engine import Engine, batches
from .onnx_model import folded
from .runtimes import hushed

CHATTY = ("torchao", "torch.utils._pytree")


class ExecuTorch(Engine):
    """The network as an ExecuTorch program, all of it delegated to XNNPACK."""

    name = "executorch"
    summary = "ExecuTorch with XNNPACK"
    requires: ClassVar[tuple[str, ...]] = ("phone", "executorch")

    def _prepare(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> None:
        program = lower(net, example, calibration, self.per_channel)
        self.size_bytes = len(program)
        self._loaded = Loaded(program, self.threads)
        self._run(example)

    def _run(self, x: Tensor) -> Tensor:
        return self._loaded(x)


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
    requires = ("phone", "executorch", "torchao")

    def __init__(self, *, per_channel: bool = True, slice: int | None = None) -> None:
        super().__init__(slice=slice)
        self.per_channel = per_channel


def lower(
    net: nn.Module,
    example: Tensor,
    calibration: Tensor | None = None,
    per_channel: bool = True,
    constants: Mapping[str, Any] | None = None,
) -> bytes:
    """The network as an ExecuTorch program (.pte), batch normalization folded.

    It takes the shape of the `example`, (B, 3, H, W), only. `calibration`, (N, 3, H, W) network
    inputs to take the ranges of activations from, makes it int8; see `to_int8`. Its methods hand
    out the `constants`, numbers and texts, under their names.
    """
    example = example.cpu()
    with hushed(*CHATTY):
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        program = torch.export.export(folded(net).cpu(), (example,))
        if calibration is not None:
            quantized = quantize(program.module(), example, calibration.cpu(), per_channel)
            program = torch.export.export(quantized, (example,))
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
    for batch in batches(calibration, len(example)):  # the exported network takes this many only
        watched(batch)
    return convert_pt2e(watched)


class Loaded:
    """An ExecuTorch program, ready to run with a number of threads.

    XNNPACK has one pool of threads for the whole process, and a loaded method keeps pointing to the
    pool that it found. So a program that needs another number makes a new pool, and every program
    that was loaded before is loaded again when it runs next.
    """

    _pools = 0
    """How often a new pool was made."""

    def __init__(self, program: bytes, threads: int) -> None:
        self._bytes, self._threads = program, threads
        self._load()

    def __call__(self, x: Tensor) -> Tensor:
        """Output of its method "forward"."""
        if self._pool != Loaded._pools or _threads() != self._threads:
            self._load()
        (output,) = self._forward.execute([x])
        return output

    def constant(self, name: str) -> Any:
        """What the method `name` returns, None if there is none."""
        if name not in self._program.method_names:
            return None
        return self._program.load_method(name).execute([])[0]

    def _load(self) -> None:
        from executorch.extension.pybindings import portable_lib
        from executorch.runtime import Runtime

        if _threads() != self._threads:
            portable_lib._unsafe_reset_threadpool(self._threads)
            Loaded._pools += 1
        self._pool = Loaded._pools
        # A method points into its program's memory and does not keep it: both are kept.
        self._program = Runtime.get().load_program(self._bytes)
        self._forward = self._program.load_method("forward")


def _threads() -> int:
    from executorch.extension.pybindings import portable_lib

    return portable_lib._threadpool_get_thread_count()
