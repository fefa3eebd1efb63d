"""A Keras model followed layer by layer: what it computes, as a convention, a scale and a head.

The answer of a Keras file hangs on its description: zeros put around a map by a layer of their own,
pixels scaled inside the model, the last activation. Each layer is followed or refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..architecture import BODIES, Architecture, mobilenet_v1
from ..cost import same_padding
from ..model import PADDINGS, Convention, Head
from ..preprocess import INCEPTION, Preprocess
from .keras_chain import KerasLayer, chain
from .naming import KERAS_NAMES
from .stored import Stored, WeightsError, shorten, some

# What they do, they do in training alone.
TRAINING_ONLY = {
    *("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"),
    *("ActivityRegularization", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"),
    *("RandomContrast", "RandomBrightness", "RandomShear", "RandomHue", "RandomSaturation"),
}
INSTEAD = {
    "GlobalMaxPooling2D": "takes maxima where MobileNet takes means; train a head on means",
    "SeparableConv2D": "has no BN between depthwise and pointwise; MobileNet has",
    "Lambda": "runs code of its own; scale pixels with Rescaling instead",
    "Resizing": "resizes inside the model; resize photos before it, and leave it out",
    "CenterCrop": "crops inside the model; crop photos before it, and leave it out",
    "Flatten": "flattens a map that was not averaged; GlobalAveragePooling2D is needed before it",
}
REGRESSION = ("mse", "mae", "mean", "huber", "log_cosh", "logcosh", "mape", "msle", "poisson")
Pixels = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Followed:
    """What a Keras model computes."""

    convention: Convention
    head: Head
    size: int | None
    """Side of its input; None if it takes any."""
    pixels: Pixels | None
    """What it makes of pixels itself, factor and offset of each channel; None for nothing."""
    names: Mapping[str, str]
    """keras.applications' names of its layers, by its own."""
    aside: frozenset[str]
    """Layers whose numbers are no weights of the network."""
    base: bool
    """Whether its body's layers have the names of keras.applications."""
    published: bool
    """Whether its classifier has, too."""

    def renamed(self, tensors: Mapping[str, Stored]) -> dict[str, Stored]:
        """Its tensors under the names of keras.applications; others keep theirs."""
        found: dict[str, Stored] = {}
        for name, stored in tensors.items():
            layer, _, weight = name.rpartition("/")
            if layer in self.aside:
                continue
            ours = self.names.get(layer, layer)
            if weight == "kernel" and ours.startswith("conv_dw_"):
                weight = "depthwise_kernel"
            key = f"{ours}/{weight}" if ours else weight
            if key in found:
                raise WeightsError(f"it holds {key!r} twice, the second time as {name!r}")
            found[key] = stored
        return found

    def preprocess(self, size: int) -> Preprocess:
        """From a photo to the network's input, the model's own scaling included."""
        prepared = INCEPTION.at(size)
        if self.pixels is None:
            return prepared
        factor, offset = self.pixels
        mean, std = tuple((-offset / factor).tolist()), tuple((1 / factor).tolist())
        return replace(prepared, scale=1.0, mean=mean, std=std)


def follow(said: Mapping[str, Any], tensors: Mapping[str, Stored], size: int | None) -> Followed:
    """Follow a model from the photo to its answer.

    Parameters
    ----------
    said
        "model", Keras' description, and "training", how it was compiled, if it was.
    tensors
        By "layer/weight".
    size
        Side of the input that is asked for; None: the model's own.

    Raises
    ------
    WeightsError
        A layer does something that our network cannot; it is named, with what would be right.
    """
    walk = _Walk(tuple(_sized(layer, tensors) for layer in chain(said["model"])))
    own = walk.input_size()
    pixels, scalers = walk.pixels(tensors)
    blocks = list(walk.blocks())
    side = size or own or INCEPTION.resolution
    head, classifier = walk.head(said.get("training"), _last_map(blocks, side))
    body = _body(blocks)
    names, base = {}, True
    for block, layer in zip(blocks, body.layers, strict=False):
        convolution, norm = KERAS_NAMES.names(layer.name)
        names |= {block.convolution.name: convolution, block.norm.name: norm}
        base &= block.convolution.name == convolution
    published = base and (classifier is None or classifier.name == "conv_preds")
    if classifier is not None:
        names[classifier.name] = KERAS_NAMES.names("fc")[0]
    convention = replace(
        KERAS_NAMES.convention,
        activation=_one(blocks, "activation"),
        bn_eps=_one(blocks, "eps"),
        padding=_padding(blocks, side),
    )
    aside = frozenset(scalers | walk.skipped)
    return Followed(convention, head, own, pixels, names, aside, base, published)


def _sized(layer: KerasLayer, tensors: Mapping[str, Stored]) -> KerasLayer:
    """A convolution with the size of its kernels, which its weights know if it does not say."""
    if "Conv2D" not in layer.kind or "kernel_size" in layer.config:
        return layer
    for weight in ("kernel", "depthwise_kernel"):
        if stored := tensors.get(f"{layer.name}/{weight}"):
            return replace(layer, config={**layer.config, "kernel_size": list(stored.shape[:2])})
    raise layer.refused("has no kernel, neither in its description nor as a weight")


@dataclass(frozen=True)
class _Block:
    """A convolution, BN and ReLU, as one layer of Table 1 has them."""

    convolution: KerasLayer
    norm: KerasLayer
    kind: str
    stride: int
    zeros: tuple[int, int] | None
    """Put before and after each row and column; None: SAME."""
    activation: str
    eps: float


class _Walk:
    """The layers of a chain, taken one after the other."""

    def __init__(self, layers: tuple[KerasLayer, ...]) -> None:
        for layer in layers:
            if layer.config.get("data_format") not in (None, "channels_last"):
                raise layer.refused("has channels first; channels_last is needed")
        self.skipped: set[str] = set()
        self.layers = [layer for layer in layers if not self._skip(layer)]
        self.at = 0

    def _skip(self, layer: KerasLayer) -> bool:
        nothing = layer.kind in TRAINING_ONLY or (
            layer.kind == "Activation" and _activation(layer) == "linear"
        )
        if nothing:
            self.skipped.add(layer.name)
        return nothing

    def next(self, *kinds: str) -> KerasLayer | None:
        """The next layer if it is of one of the kinds."""
        if self.at < len(self.layers) and self.layers[self.at].kind in kinds:
            self.at += 1
            return self.layers[self.at - 1]
        return None

    def needed(self, after: KerasLayer, *kinds: str) -> KerasLayer:
        found = self.next(*kinds)
        if found is None:
            raise self.stopped(f"comes after {after.name!r}, where {' or '.join(kinds)} belongs")
        return found

    def stopped(self, otherwise: str) -> WeightsError:
        """The error that names the next layer."""
        if self.at == len(self.layers):
            last = self.layers[-1]
            return last.refused("is its last; a whole MobileNet V1 is needed")
        layer = self.layers[self.at]
        return layer.refused(INSTEAD.get(layer.kind, otherwise))

    def input_size(self) -> int | None:
        found: set[int] = set()
        for layer in self.layers:
            if "Conv" in layer.kind:
                break  # what comes into a nested model further on is no photo
            config = layer.config
            shape = config.get("batch_input_shape") or config.get("batch_shape")
            if layer.kind != "InputLayer" or shape is None:
                continue
            if len(shape) != 4 or shape[3] not in (3, None):
                raise layer.refused(
                    f"takes {shape}; a photo's rows, columns and 3 channels are needed, as "
                    "(None, 224, 224, 3)"
                )
            if shape[1] != shape[2]:
                raise layer.refused(
                    f"takes {shape[1]}x{shape[2]} pixels; our network's input is square"
                )
            found |= {shape[1]} - {None}
        if len(found) > 1:
            raise WeightsError(f"its models take inputs of different sizes, {sorted(found)} pixels")
        self.layers = [layer for layer in self.layers if layer.kind != "InputLayer"]
        return found.pop() if found else None

    def pixels(self, tensors: Mapping[str, Stored]) -> tuple[Pixels | None, set[str]]:
        """What stands before the first convolution: x · factor + offset."""
        factor, offset = np.ones(3), np.zeros(3)
        names: set[str] = set()
        while self.at < len(self.layers):
            layer = self.layers[self.at]
            if layer.kind == "Rescaling":
                a, b = _three(layer, layer.config["scale"]), _three(layer, layer.config["offset"])
            elif layer.kind == "Normalization":
                a, b = _normalization(layer, tensors)
            elif layer.constant:
                sign, number = layer.constant
                value = _three(layer, number)
                one, none = np.ones(3), np.zeros(3)
                with np.errstate(divide="ignore"):
                    a, b = {
                        "*": (value, none),
                        "/": (1 / value, none),
                        "+": (one, value),
                        "-": (one, -value),
                    }[sign]
            else:
                break
            factor, offset = factor * a, offset * a + b
            if not (np.isfinite(factor).all() and np.isfinite(offset).all() and (factor > 0).all()):
                raise layer.refused(
                    f"makes {factor} times a pixel plus {offset}; factors above 0 are needed"
                )
            names.add(layer.name)
            self.at += 1
        return ((factor, offset) if names else None), names

    def blocks(self) -> Iterator[_Block]:
        """Convolution, BN and ReLU, until something else comes."""
        while self.at < len(self.layers):
            start = self.at
            zeros = self.next("ZeroPadding2D")
            convolution = self.next("Conv2D", "DepthwiseConv2D")
            if convolution is None:
                self.at = start
                return
            norm = self.needed(convolution, "BatchNormalization")
            relu = self.needed(norm, "ReLU", "Activation")
            yield _block(zeros, convolution, norm, relu)

    def head(self, training: Any, last: int) -> tuple[Head, KerasLayer | None]:
        """Pool, classifier and what is made of its outputs."""
        pool = self.next("GlobalAveragePooling2D", "AveragePooling2D")
        if pool is not None and pool.kind == "AveragePooling2D":
            if _side(pool, "pool_size") != last or pool.config.get("padding") == "same":
                raise pool.refused(
                    f"averages {pool.config.get('pool_size')} of a map of {last}x{last} pixels; "
                    "MobileNet averages all of it, as GlobalAveragePooling2D does"
                )
        elif pool is None:
            if self.at == len(self.layers):
                raise self.layers[-1].refused(
                    "is its last, so that it ends in a map; build it with pooling='avg' for "
                    "features, or with a head"
                )
            raise self.stopped("comes where GlobalAveragePooling2D belongs")
        while self.next("Reshape", "Flatten"):  # of 1x1 maps: the numbers stay as they are
            pass
        classifier = self.next("Dense", "Conv2D")
        if classifier is None:
            if self.at < len(self.layers):
                raise self.stopped("comes where the classifier, a Dense layer, belongs")
            return "features", None
        if classifier.kind == "Conv2D":
            _check_convolution(classifier, 1, 1)
        activations = [_activation(classifier)]
        if not classifier.config.get("use_bias", True):
            raise classifier.refused("has no bias; MobileNet's classifier has one")
        while after := self.next("Reshape", "Flatten", "Activation", "Softmax"):
            if after.kind == "Softmax" and after.config.get("axis", -1) not in (-1, [-1]):
                raise after.refused(f"has axis {after.config['axis']}; -1 is needed")
            if after.kind in ("Activation", "Softmax"):
                activations.append(_activation(after))
        if self.at < len(self.layers):
            raise self.stopped(
                f"comes after the classifier {classifier.name!r}; MobileNet has one linear layer "
                "after the average, and its activation is the last"
            )
        count = classifier.config.get("units", classifier.config.get("filters"))
        return _head(classifier, [a for a in activations if a != "linear"], count, training), (
            classifier
        )


def _block(
    zeros: KerasLayer | None, convolution: KerasLayer, norm: KerasLayer, relu: KerasLayer
) -> _Block:
    config = convolution.config
    depthwise = convolution.kind == "DepthwiseConv2D"
    size, stride = _side(convolution, "kernel_size"), _side(convolution, "strides")
    _check_convolution(convolution, size, stride)
    if _activation(convolution) != "linear":
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
    around = _zeros(zeros) if zeros is not None else (0, 0)
    if zeros is not None and same:
        raise zeros.refused(f"stands before {convolution.name!r}, which pads already (same)")
    if size == 1 and around != (0, 0):
        raise zeros.refused(f"pads {convolution.name!r}, whose kernels are 1x1")
    kind = "depthwise" if depthwise else "pointwise" if size == 1 else "standard"
    eps = float(norm.config.get("epsilon", 1e-3))
    axis = norm.config.get("axis", -1)
    if axis not in (-1, 3, [-1], [3]):
        raise norm.refused(f"has axis {axis}; -1, the channels, is needed")
    activation = _activation(relu)
    if activation not in ("relu", "relu6"):
        raise relu.refused(f"computes {activation}; MobileNet has ReLU or ReLU6")
    return _Block(convolution, norm, kind, stride, None if same else around, activation, eps)


def _check_convolution(layer: KerasLayer, size: int, stride: int) -> None:
    config = layer.config
    wrong = {
        "kernel_size": _side(layer, "kernel_size") != size,
        "strides": _side(layer, "strides") != stride,
        "dilation_rate": _side(layer, "dilation_rate") != 1,
        "groups": config.get("groups", 1) != 1,
        "padding": config.get("padding", "valid") not in ("same", "valid"),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise layer.refused(f"has {name} {config.get(name)}, which MobileNet has not there")


def _side(layer: KerasLayer, name: str) -> int:
    value = layer.config.get(name, 1)
    first, second = value if isinstance(value, list | tuple) else (value, value)
    if first != second or not isinstance(first, int):
        raise layer.refused(f"has {name} {value}; the same for rows and columns is needed")
    return first


def _zeros(layer: KerasLayer) -> tuple[int, int]:
    value = layer.config["padding"]
    rows, columns = value if isinstance(value, list | tuple) else (value, value)
    rows, columns = (
        tuple(side) if isinstance(side, list | tuple) else (side, side) for side in (rows, columns)
    )
    if rows != columns or len(rows) != 2:
        raise layer.refused(f"pads {value}; the same for rows and columns is needed")
    return rows


def _activation(layer: KerasLayer) -> str:
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


def _three(layer: KerasLayer, value: Any) -> np.ndarray:
    """One number a channel; one for all is given to each."""
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
        parts.append(_three(layer, value))
    mean, spread = parts[0], np.maximum(np.sqrt(np.maximum(parts[1], 0)), 1e-7)
    if config.get("invert"):
        return spread, mean
    return 1 / spread, -mean / spread


def _body(blocks: list[_Block]) -> Architecture:
    """The body whose layers these are."""
    found = [(block.kind, block.stride) for block in blocks]
    bodies = [mobilenet_v1(body=body) for body in BODIES]
    shapes = {arch: [(x.kind, x.stride) for x in arch.layers[:-1]] for arch in bodies}
    for arch, wanted in shapes.items():
        if wanted == found:
            return arch
    arch = bodies[BODIES.index("full")] if "depthwise" not in dict(found) else bodies[0]
    for block, layer in zip(blocks, arch.layers[:-1], strict=False):
        if (block.kind, block.stride) != (layer.kind, layer.stride):
            raise block.convolution.refused(
                f"is {block.kind} with stride {block.stride} where Table 1 has {layer.name}, "
                f"{layer.kind} with stride {layer.stride}"
            )
    raise WeightsError(
        f"it has {len(blocks)} convolutions before its head; a MobileNet V1 has "
        f"{some([len(arch.layers) - 1 for arch in bodies])}"
    )


def _one(blocks: list[_Block], name: str) -> Any:
    values = {getattr(block, name): block for block in blocks}
    if len(values) > 1:
        said = ", ".join(f"{value} in {b.norm.name!r}" for value, b in list(values.items())[:3])
        what = {"eps": "BN epsilon", "activation": "activation"}[name]
        raise WeightsError(f"its layers differ in {what} ({said}); the same in all is needed")
    return next(iter(values))


def _last_map(blocks: list[_Block], pixels: int) -> int:
    """Side of the last map."""
    for block in blocks:
        pixels = _left(pixels, _around(block.zeros, pixels, block), block)
    return pixels


def _padding(blocks: list[_Block], size: int) -> str:
    """The padding that gives each layer the zeros it has, at this size of the input."""
    misfits: dict[str, tuple[int, KerasLayer]] = {}
    for padding in PADDINGS:
        pixels, alike = size, True
        for block in blocks:
            before, after = _around(block.zeros, pixels, block)
            usual = _around(_usual(padding, block), pixels, block)
            left = _left(pixels, (before, after), block)
            if (before, left) != (usual[0], _left(pixels, usual, block)):
                misfits[padding] = (blocks.index(block), block.convolution)
                break
            alike &= block.stride == 1 or block.zeros == _usual(padding, block)
            pixels = left
        else:
            misfits.pop(padding, None)
            if alike:  # at every other size, too
                return padding
            misfits[padding] = (len(blocks), blocks[-1].convolution)
    fitting = [padding for padding, (at, _) in misfits.items() if at == len(blocks)]
    if fitting:
        return fitting[0]
    _, layer = max(misfits.values(), key=lambda misfit: misfit[0])
    raise layer.refused(
        f"is padded otherwise than by any convention at {size} pixels: SAME, one zero on every "
        "side, or Keras' one zero after; take a size that is a multiple of 32"
    )


def _usual(padding: str, block: _Block) -> tuple[int, int] | None:
    """Zeros that a convention puts around a layer's map; None: SAME."""
    if block.kind == "pointwise" or block.stride == 1 or padding == "same":
        return None
    if padding == "symmetric":
        return 1, 1
    return (0, 1) if block.kind == "depthwise" else None


def _around(zeros: tuple[int, int] | None, pixels: int, block: _Block) -> tuple[int, int]:
    size = 1 if block.kind == "pointwise" else 3
    return same_padding(pixels, size, block.stride) if zeros is None else zeros


def _left(pixels: int, zeros: tuple[int, int], block: _Block) -> int:
    """Side of a layer's output."""
    size = 1 if block.kind == "pointwise" else 3
    return max(0, pixels + sum(zeros) - size) // block.stride + 1


def _head(layer: KerasLayer, activations: list[str], count: int, training: Any) -> Head:
    """What a classifier's outputs are: by its activation, else by the loss that trained it."""
    if len(activations) > 1:
        raise layer.refused(f"is followed by {' and '.join(activations)}; one of them is needed")
    activation = activations[0] if activations else "linear"
    if activation not in ("softmax", "sigmoid", "linear"):
        raise layer.refused(f"ends in {activation}; softmax, sigmoid or none is needed")
    if activation == "softmax" and count == 1:
        raise layer.refused(
            "takes a softmax over one output, which is 1 whatever the photo shows; train it anew "
            "with a sigmoid"
        )
    if activation != "linear":
        return activation
    loss = training.get("loss") if isinstance(training, dict) else None
    if isinstance(loss, dict):
        loss = loss.get("class_name", loss.get("config", loss))
    name = "".join(c for c in str(loss or "").lower() if c.isalnum() or c == "_")
    if "crossentropy" not in name and any(word in name for word in REGRESSION):
        raise layer.refused(
            f"was trained by {shorten(str(loss), 40)} to measure something, not to name classes"
        )
    return "sigmoid" if count == 1 or "binary" in name else "softmax"
