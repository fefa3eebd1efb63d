"""Single layers of a Keras model: what their configuration comes to, or a refusal by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convention import PADDINGS, Head, Padding
from ..cost import same_padding
from .formats import Stored, shorten
from .keras_chain import KerasLayer

REGRESSION = ("mse", "mae", "mean", "huber", "log_cosh", "logcosh", "mape", "msle", "poisson")
Pixels = tuple[np.ndarray, np.ndarray]
"""Factor and offset of each channel."""
Zeros = tuple[int, int] | None
"""Put before and after each row and column of a map; None: SAME."""


@dataclass(frozen=True)
class Block:
    """A convolution, BN and ReLU, as one layer of Table 1 has them."""

    convolution: KerasLayer
    norm: KerasLayer
    kind: str
    stride: int
    zeros: Zeros
    activation: str
    eps: float


def make_block(
    zeros: KerasLayer | None, convolution: KerasLayer, norm: KerasLayer, relu: KerasLayer
) -> Block:
    """A convolution with what stands around it, as one layer of Table 1."""
    config = convolution.config
    depthwise = convolution.kind == "DepthwiseConv2D"
    size, stride = side_of(convolution, "kernel_size"), side_of(convolution, "strides")
    check_convolution(convolution, size, stride)
    if activation_of(convolution) != "linear":
        raise convolution.refused("has an activation before BN; MobileNet has it after")
    if depthwise and config.get("depth_multiplier", 1) != 1:
        raise convolution.refused(
            f"has depth_multiplier {config['depth_multiplier']}; MobileNet's depthwise layers have "
            "one filter a channel"
        )
    if (size, depthwise) not in ((3, True), (3, False), (1, False)) or stride not in (1, 2):
        raise convolution.refused(
            f"has {size}x{size} kernels and stride {stride}; MobileNet has 3x3, or 1x1 in "
            "pointwise layers, and stride 1 or 2"
        )
    same = config.get("padding", "valid") == "same"
    around = (0, 0)
    if zeros is not None:
        around = zeros_of(zeros)
        if same:
            raise zeros.refused(f"stands before {convolution.name!r}, which pads already (same)")
        if size == 1 and around != (0, 0):
            raise zeros.refused(f"pads {convolution.name!r}, whose kernels are 1x1")
    kind = "depthwise" if depthwise else "pointwise" if size == 1 else "standard"
    eps = float(norm.config.get("epsilon", 1e-3))
    axis = norm.config.get("axis", -1)
    if axis not in (-1, 3, [-1], [3]):
        raise norm.refused(f"has axis {axis}; -1, the channels, is needed")
    activation = activation_of(relu)
    if activation not in ("relu", "relu6"):
        raise relu.refused(f"computes {activation}; MobileNet has ReLU or ReLU6")
    return Block(convolution, norm, kind, stride, None if same else around, activation, eps)


def check_convolution(layer: KerasLayer, size: int, stride: int) -> None:
    """Refuse what a convolution of MobileNet never has, such as dilation."""
    config = layer.config
    wrong = {
        "kernel_size": side_of(layer, "kernel_size") != size,
        "strides": side_of(layer, "strides") != stride,
        "dilation_rate": side_of(layer, "dilation_rate") != 1,
        "groups": config.get("groups", 1) != 1,
        "padding": config.get("padding", "valid") not in ("same", "valid"),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise layer.refused(f"has {name} {config.get(name)}, which MobileNet has not there")


def side_of(layer: KerasLayer, name: str) -> int:
    """A number that rows and columns share, such as the stride."""
    value = layer.config.get(name, 1)
    first, second = value if isinstance(value, list | tuple) else (value, value)
    if first != second or not isinstance(first, int):
        raise layer.refused(f"has {name} {value}; the same for rows and columns is needed")
    return first


def zeros_of(layer: KerasLayer) -> tuple[int, int]:
    """Zeros before and after each row and column."""
    value = layer.config["padding"]
    rows, columns = value if isinstance(value, list | tuple) else (value, value)
    rows, columns = (
        tuple(side) if isinstance(side, list | tuple) else (side, side) for side in (rows, columns)
    )
    if rows != columns or len(rows) != 2:
        raise layer.refused(f"pads {value}; the same for rows and columns is needed")
    return rows


def activation_of(layer: KerasLayer) -> str:
    """What a layer's activation computes: "linear" for none, "" for a layer that has none."""
    if layer.kind == "Softmax":
        return "softmax"
    if layer.kind == "ReLU":
        config = layer.config
        slope = config.get("negative_slope") or config.get("alpha") or 0
        if slope or config.get("threshold"):
            raise layer.refused("has a slope or a threshold; MobileNet has plain ReLU or ReLU6")
        ceiling = config.get("max_value")
        return "relu" if ceiling is None or math.isinf(ceiling) else f"relu{ceiling:g}"
    if layer.kind not in ("Activation", "Dense", "Conv2D", "DepthwiseConv2D"):
        return ""
    value = layer.config.get("activation")
    if isinstance(value, dict):  # {"class_name": "function", "config": "relu6"}, or a class
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name")
    return "linear" if value is None else str(value).lower()


def three(layer: KerasLayer, value: Any) -> np.ndarray:
    """One number for each channel; one for all is given to each."""
    if isinstance(value, dict):  # an array as Keras writes it
        value = value.get("config", {}).get("value")
    try:
        array = np.asarray(value, np.float64).reshape(-1)
        if array.size not in (1, 3) or not np.isfinite(array).all():
            raise ValueError
    except (TypeError, ValueError):
        raise layer.refused(
            f"computes with {shorten(str(value), 60)}; one finite number, or one a channel, is "
            "needed"
        ) from None
    return np.broadcast_to(array, 3)


def scaling(layer: KerasLayer, tensors: Mapping[str, Stored]) -> Pixels | None:
    """What a layer makes of pixels, x · factor + offset; None if it is of another kind."""
    one, none = np.ones(3), np.zeros(3)
    if layer.kind == "Rescaling":
        return three(layer, layer.config["scale"]), three(layer, layer.config["offset"])
    if layer.kind == "Normalization":
        return _normalization(layer, tensors)
    if not layer.operation:
        return None
    match layer.arguments:
        case (str(), float(number)):  # x - 1: not 1 - x, nor one layer's output by another's
            value = three(layer, number)
        case _:
            raise layer.refused(
                "computes with something else than one number; only x / 127.5 - 1 and its like are "
                "followed"
            )
    if layer.operation in "*/":
        with np.errstate(divide="ignore"):  # an infinite factor is refused by its layer's name
            return (value if layer.operation == "*" else 1 / value), none
    return one, value if layer.operation == "+" else -value


def _normalization(layer: KerasLayer, tensors: Mapping[str, Stored]) -> Pixels:
    config = layer.config
    if config.get("axis", -1) not in (-1, 3, [-1], [3], None, []):
        raise layer.refused(f"has axis {config['axis']}; -1, the channels, is needed")
    parts = []
    for name in ("mean", "variance"):
        value = config.get(name)
        if value is None:  # found by `adapt`, and kept among the weights
            stored = tensors.get(f"{layer.name}/{name}")
            if stored is None:
                raise layer.refused(f"has no {name}, neither in its description nor as a weight")
            value = stored.read().numpy()
        parts.append(three(layer, value))
    mean, spread = parts[0], np.maximum(np.sqrt(np.maximum(parts[1], 0)), 1e-7)
    if config.get("invert"):
        return spread, mean
    return 1 / spread, -mean / spread


def head_of(layer: KerasLayer, activations: list[str], count: int, training: Any) -> Head:
    """What a classifier's outputs are: by its activation, else by the loss that trained it."""
    if len(activations) > 1:
        raise layer.refused(f"is followed by {' and '.join(activations)}; one of them is needed")
    activation = activations[0] if activations else "linear"
    if activation == "softmax":
        if count == 1:
            raise layer.refused(
                "takes a softmax over one output, which is 1 whatever the photo shows; train it "
                "anew with a sigmoid"
            )
        return "softmax"
    if activation == "sigmoid":
        return "sigmoid"
    if activation != "linear":
        raise layer.refused(f"ends in {activation}; softmax, sigmoid or none is needed")
    loss = training.get("loss") if isinstance(training, dict) else None
    if isinstance(loss, dict):
        loss = loss.get("class_name", loss.get("config", loss))
    name = "".join(c for c in str(loss or "").lower() if c.isalnum() or c == "_")
    if "crossentropy" not in name and any(word in name for word in REGRESSION):
        raise layer.refused(
            f"was trained by {shorten(str(loss), 40)} to measure something, not to name classes"
        )
    return "sigmoid" if count == 1 or "binary" in name else "softmax"


# --- Padding --------------------------------------------------------------------------------------


def last_map(blocks: list[Block], pixels: int) -> int:
    """Side of the last map."""
    return _maps(blocks, [block.zeros for block in blocks], pixels)[-1][1] if blocks else pixels


def padding_of(blocks: list[Block], size: int) -> Padding:
    """The padding that gives each layer the zeros it has, at this size of the input."""
    own = [block.zeros for block in blocks]
    actual = _maps(blocks, own, size)

    def alike(padding: Padding) -> tuple[int, bool]:
        """Layers up to the first that is padded otherwise; and whether all are at every size."""
        usual = [_usual(padding, block) for block in blocks]
        pairs = enumerate(zip(actual, _maps(blocks, usual, size), strict=True))
        first = next((at for at, (one, other) in pairs if one != other), len(blocks))
        everywhere = all(
            block.stride == 1 or block.zeros == zeros
            for block, zeros in zip(blocks, usual, strict=True)
        )
        return first, everywhere

    best = max(PADDINGS, key=alike)
    first, _ = alike(best)
    if first < len(blocks):
        raise blocks[first].convolution.refused(
            f"is padded otherwise than by any convention at {size} pixels: SAME, one zero on every "
            "side, or Keras' one zero after; take a size that is a multiple of 32"
        )
    return best


def _usual(padding: Padding, block: Block) -> Zeros:
    """What a convention puts around a layer's map."""
    if block.kind == "pointwise" or block.stride == 1 or padding == "same":
        return None
    if padding == "symmetric":
        return 1, 1
    return (0, 1) if block.kind == "depthwise" else None


def _maps(blocks: list[Block], zeros: list[Zeros], pixels: int) -> list[tuple[int, int]]:
    """Zeros before each row of each layer's input, and the side of its output."""
    maps = []
    for block, around in zip(blocks, zeros, strict=True):
        size = 1 if block.kind == "pointwise" else 3
        before, after = same_padding(pixels, size, block.stride) if around is None else around
        pixels = max(0, pixels + before + after - size) // block.stride + 1
        maps.append((before, pixels))
    return maps
