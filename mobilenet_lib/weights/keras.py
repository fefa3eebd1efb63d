"""A Keras model followed layer by layer: what it computes, as a convention, a scale and a head.

The answer of a Keras file hangs on its description: zeros put around a map by a layer of their own,
pixels scaled inside the model, the last activation. Each layer is followed or refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..architecture import BODIES, Architecture, mobilenet_v1
from ..model import Convention, Head
from ..preprocess import INCEPTION, Preprocess
from .keras_chain import KerasLayer, chain
from .keras_layers import (
    Block,
    Pixels,
    activation_of,
    check_convolution,
    last_map,
    make_block,
    padding_of,
    scaling,
    side_of,
    sized,
)
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
    walk = _Walk(tuple(sized(layer, tensors) for layer in chain(said["model"])))
    own = walk.input_size()
    pixels, scalers = walk.pixels(tensors)
    blocks = list(walk.blocks())
    side = size or own or INCEPTION.resolution
    head, classifier = walk.head(said.get("training"), last_map(blocks, side))
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
        padding=padding_of(blocks, side),
    )
    aside = frozenset(scalers | walk.skipped)
    return Followed(convention, head, own, pixels, names, aside, base, published)


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
            layer.kind == "Activation" and activation_of(layer) == "linear"
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
            step = scaling(layer, tensors)
            if step is None:
                break
            a, b = step
            factor, offset = factor * a, offset * a + b
            if not (np.isfinite(factor).all() and np.isfinite(offset).all() and (factor > 0).all()):
                raise layer.refused(
                    f"makes {factor} times a pixel plus {offset}; factors above 0 are needed"
                )
            names.add(layer.name)
            self.at += 1
        return ((factor, offset) if names else None), names

    def blocks(self) -> Iterator[Block]:
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
            yield make_block(zeros, convolution, norm, relu)

    def head(self, training: Any, last: int) -> tuple[Head, KerasLayer | None]:
        """Pool, classifier and what is made of its outputs."""
        pool = self.next("GlobalAveragePooling2D", "AveragePooling2D")
        if pool is not None and pool.kind == "AveragePooling2D":
            if side_of(pool, "pool_size") != last or pool.config.get("padding") == "same":
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
            check_convolution(classifier, 1, 1)
        activations = [activation_of(classifier)]
        if not classifier.config.get("use_bias", True):
            raise classifier.refused("has no bias; MobileNet's classifier has one")
        while after := self.next("Reshape", "Flatten", "Activation", "Softmax"):
            if after.kind == "Softmax" and after.config.get("axis", -1) not in (-1, [-1]):
                raise after.refused(f"has axis {after.config['axis']}; -1 is needed")
            if after.kind in ("Activation", "Softmax"):
                activations.append(activation_of(after))
        if self.at < len(self.layers):
            raise self.stopped(
                f"comes after the classifier {classifier.name!r}; MobileNet has one linear layer "
                "after the average, and its activation is the last"
            )
        count = classifier.config.get("units", classifier.config.get("filters"))
        return _head(classifier, [a for a in activations if a != "linear"], count, training), (
            classifier
        )


def _body(blocks: list[Block]) -> Architecture:
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


def _one(blocks: list[Block], name: str) -> Any:
    values = {getattr(block, name): block for block in blocks}
    if len(values) > 1:
        said = ", ".join(f"{value} in {b.norm.name!r}" for value, b in list(values.items())[:3])
        what = {"eps": "BN epsilon", "activation": "activation"}[name]
        raise WeightsError(f"its layers differ in {what} ({said}); the same in all is needed")
    return next(iter(values))


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
