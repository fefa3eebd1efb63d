"""From a network to ONNX, in fp32 and in int8, which ONNX Runtime and OpenVINO both read."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..machine import features
from ..validation import check_int
from .engine import Engine, EngineError, batches
from .folding import fold
from .runtimes import hushed, load_onnxruntime

if TYPE_CHECKING:
    import onnx

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUT = "images", "logits"
REGISTRATION = "torch.onnx._internal.exporter._registration"


def to_onnx(net: nn.Module, example: Tensor, any_batch: bool = False) -> onnx.ModelProto:
    """The network as an ONNX model, batch normalization folded.

    Parameters
    ----------
    net
        In eval mode.
    example
        (B, 3, H, W) network input; H and W are fixed by it.
    any_batch
        Let the batch size stay open, else B is fixed too.
    """
    shapes = ({0: torch.export.Dim("batch", min=1)},) if any_batch else None
    if any_batch and example.shape[0] == 1:  # torch.export takes a size of 1 for a constant
        example = example.repeat(2, 1, 1, 1)
    with hushed(REGISTRATION):
        program = torch.onnx.export(
            folded(net).cpu(),
            (example.cpu(),),
            dynamo=True,
            verbose=False,
            dynamic_shapes=shapes,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    model = program.model_proto  # type: ignore[union-attr] # with dynamo=True there is one
    # Where in which source file each node comes from: a fifth of a small model's bytes, with paths
    # of this machine.
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return model


def folded(net: nn.Module) -> nn.Module:
    """`fold(net)`, or a copy of the network if it has nothing to fold."""
    has_bn = any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    return fold(net) if has_bn else copy.deepcopy(net)


def to_int8(
    model: onnx.ModelProto,
    calibration: Tensor,
    per_channel: bool = True,
    weight_bits: int | None = None,
) -> onnx.ModelProto:
    """The model with weights and activations in 8 bits (QDQ: pairs of quantize and dequantize).

    Activations take the ranges that they have over the calibration images; weights are symmetric
    around 0.

    Parameters
    ----------
    model
        From `to_onnx`.
    calibration
        (N, 3, H, W) network inputs.
    per_channel
        A scale for each output channel of a layer's weights, else one for the whole layer. After
        folding, the channels of a depthwise layer may differ in range a hundredfold, and with one
        scale the small ones are left with a few levels, or none.
    weight_bits
        8, or 7 for half the levels; None: as many as this processor's sums have room for.
    """
    load_onnxruntime()
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    feeds = ({INPUT: batch.cpu().numpy()} for batch in batches(calibration, _batch_size(model)))
    reader = SimpleNamespace(get_next=lambda: next(feeds, None))
    with tempfile.TemporaryDirectory(prefix="mobilenet-int8-") as folder, hushed(""):
        # Its advice to fold and infer shapes first was followed in `to_onnx`.
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            path,
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=(weight_bits or possible_bits()[0]) < 8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        import onnx

        return onnx.load(path)


class OnnxEngine(Engine):
    """An engine that takes the network as an ONNX model.

    Parameters
    ----------
    slice
        See `Engine`.
    streams
        Slices that run at the same time, each with its share of the threads. None: one after the
        other, each with all threads, which then wait for each other after every layer.
    """

    can_stream = True

    def __init__(self, *, slice: int | None = None, streams: int | None = None) -> None:
        super().__init__(slice=slice)
        if streams is not None and slice is None:
            raise EngineError(f"streams={streams} run slices side by side: give slice= too")
        self.streams = None if streams is None else check_int("streams", streams, 1, 1024)

    def _model(self, net: nn.Module, example: Tensor, calibration: Tensor | None) -> bytes:
        model = to_onnx(net, example)
        if calibration is not None:
            model = to_int8(model, calibration, self.per_channel, self.weight_bits)
        return model.SerializeToString()


class InInt8(OnnxEngine):
    """An `OnnxEngine` that runs in int8; stands before another among a class's bases.

    Parameters
    ----------
    per_channel
        A scale for each output channel of the weights, else one for each layer.
    weight_bits
        8 or 7; None: 8, or 7 where this processor's sums of products of 8 bits can overflow.
    slice, streams
        See `OnnxEngine`.
    """

    precision = "int8"
    calibrates = True

    def __init__(
        self,
        *,
        per_channel: bool = True,
        weight_bits: int | None = None,
        slice: int | None = None,
        streams: int | None = None,
    ) -> None:
        super().__init__(slice=slice, streams=streams)
        self.per_channel = per_channel
        self.weight_bits = weight_bits
        if weight_bits is not None and (
            check_int("weight_bits", weight_bits, 7, 8) not in possible_bits()
        ):
            raise EngineError(
                "this processor adds two products of 8 bits in 16 and clips the sum: weights can "
                "have 7 bits here"
            )


def saturates() -> bool:
    """Whether this processor's sums of two int8 products can overflow.

    x86 multiplies uint8 activations by int8 weights. Before VNNI its instruction (vpmaddubsw)
    adds two products in 16 bits and clips there: 2 * 255 * 127 = 64,770 does not fit in 32,767.
    With weights of 7 bits, 2 * 255 * 64 = 32,640 does, at the price of half the levels. VNNI, AMX
    and ARM add in 32 bits. A processor that does not tell is taken for one without.
    """
    return not {"VNNI", "AMX", "int8 matrix", "NEON"} & set(features() or ())


def possible_bits() -> tuple[int, ...]:
    """Bits that weights can have here, most first: 7 where sums can overflow, else 8 or 7."""
    return (7,) if saturates() else (8, 7)


def _batch_size(model: onnx.ModelProto) -> int | None:
    """Images in a batch, None if it is left open."""
    size = model.graph.input[0].type.tensor_type.shape.dim[0]
    return size.dim_value if size.HasField("dim_value") else None
