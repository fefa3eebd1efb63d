"""A Keras model followed layer by layer: what it computes, as a convention, a scale and a head.

The answer of a Keras file hangs on its description: zeros put around a map by a layer of their own,
pixels scaled inside the model, the last activation. Each layer is followed or refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..architecture import BODIES, Architecture, mobilenet_v1
from ..convention import Head
from ..preprocess import INCEPTION, Preprocess
from .formats import Stored, WeightsError, some
from .keras_chain import KerasLayer, chain
from .keras_layers import (
    Block,
    Pixels,
    activation_of,
    check_convolution,
    head_of,
    last_map,
    make_block,
    padding_of,
    scaling,
    side_of,
)
from .metadata import Description, readable
from .naming import KERAS_NAMES

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
ASSUMED = (
    "the file does not say how its pixels are scaled; taken are -1 to 1, as keras.applications' "
    "MobileNet wants them. If it was trained otherwise, pass preprocess=..."
)


def read_keras(
    metadata: Mapping[str, Any], tensors: Mapping[str, Stored], size: int | None
) -> tuple[dict[str, Stored], Description]:
    """Follow a model from the photo to its answer.

    The tensors come by "layer/weight", and go by keras.applications' names, with a description of
    what the model computes. `metadata` has Keras' "model" and, if it was compiled, "training";
    `size` is the side of the input that is asked for, None the model's own.
    """
    with readable("keras"):
        walk = _Walk(chain(metadata["model"]))
        own = walk.input_size()
        pixels = walk.pixels(tensors)
        blocks = list(walk.blocks())
        side = size or own or INCEPTION.resolution
        head, classifier = walk.head(metadata.get("training"), last_map(blocks, side))
        names, base = _names(blocks)
        if classifier is not None:
            names[classifier.name] = KERAS_NAMES.names("fc")[0]
        convention = replace(
            KERAS_NAMES.convention,
            activation=_one(blocks, "activation"),
            bn_eps=_one(blocks, "eps"),
            padding=padding_of(blocks, side),
        )
        renamed = _renamed(tensors, names, walk.aside)
        preprocess = _preprocess(pixels, own or side) if base or pixels is not None else None
    source = {"resolution": own} if own else {}
    published = classifier is None or classifier.name == names.get(classifier.name)
    assumed = ASSUMED if base and pixels is None and not published else ""
    return renamed, Description(convention, preprocess, None, source, head=head, assumed=assumed)


def _preprocess(pixels: Pixels | None, size: int) -> Preprocess:
    """From a photo to the network's input, the model's own scaling included."""
    prepared = INCEPTION.at(size)
    if pixels is None:
        return prepared
    factor, offset = pixels
    mean, std = tuple((-offset / factor).tolist()), tuple((1 / factor).tolist())
    return replace(prepared, scale=1.0, mean=mean, std=std)


def _names(blocks: list[Block]) -> tuple[dict[str, str], bool]:
    """keras.applications' names of a body's layers by its own, and whether these are the same."""
    names: dict[str, str] = {}
    base = True
    for block, layer in zip(blocks, _body(blocks).layers, strict=False):
        convolution, norm = KERAS_NAMES.names(layer.name)
        names |= {block.convolution.name: convolution, block.norm.name: norm}
        base &= block.convolution.name == convolution
    return names, base


def _renamed(
    tensors: Mapping[str, Stored], names: Mapping[str, str], aside: set[str]
) -> dict[str, Stored]:
    """The tensors by the `names` of their layers, which else keep theirs; without those `aside`."""
    renamed: dict[str, Stored] = {}
    for name, stored in tensors.items():
        layer, _, weight = name.rpartition("/")
        if layer in aside:
            continue
        ours = names.get(layer, layer)
        if weight == "kernel" and ours.startswith("conv_dw_"):
            weight = "depthwise_kernel"
        key = f"{ours}/{weight}" if ours else weight
        if key in renamed:
            raise WeightsError(f"it holds {key!r} twice, the second time as {name!r}")
        renamed[key] = stored
    return renamed


class _Walk:
    """The layers of a chain, taken one after the other."""

    def __init__(self, layers: tuple[KerasLayer, ...]) -> None:
        for layer in layers:
            if layer.config.get("data_format") not in (None, "channels_last"):
                raise layer.refused("has channels first; channels_last is needed")
        self.aside = {
            layer.name
            for layer in layers
            if layer.kind in TRAINING_ONLY
            or (layer.kind == "Activation" and activation_of(layer) == "linear")
        }
        """Names of layers whose weights are not the network's."""
        self.layers = [layer for layer in layers if layer.name not in self.aside]
        self.at = 0

    def next(self, *kinds: str) -> KerasLayer | None:
        """The next layer if it is of one of the kinds."""
        if self.at < len(self.layers) and self.layers[self.at].kind in kinds:
            self.at += 1
            return self.layers[self.at - 1]
        return None

    def needed(self, after: KerasLayer, *kinds: str) -> KerasLayer:
        layer = self.next(*kinds)
        if layer is None:
            raise self.stopped(f"comes after {after.name!r}, where {' or '.join(kinds)} belongs")
        return layer

    def stopped(self, otherwise: str) -> WeightsError:
        """The error that names the next layer."""
        if self.at == len(self.layers):
            last = self.layers[-1]
            return last.refused("is its last; a whole MobileNet V1 is needed")
        layer = self.layers[self.at]
        return layer.refused(INSTEAD.get(layer.kind, otherwise))

    def input_size(self) -> int | None:
        sizes: set[int] = set()
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
            sizes |= {shape[1]} - {None}
        if len(sizes) > 1:
            raise WeightsError(f"its models take inputs of different sizes, {sorted(sizes)} pixels")
        self.layers = [layer for layer in self.layers if layer.kind != "InputLayer"]
        return sizes.pop() if sizes else None

    def pixels(self, tensors: Mapping[str, Stored]) -> Pixels | None:
        """What stands before the first convolution, x · factor + offset; None for nothing."""
        start, factor, offset = self.at, np.ones(3), np.zeros(3)
        while self.at < len(self.layers):
            layer = self.layers[self.at]
            step = scaling(layer, tensors)
            if step is None:
                break
            factor, offset = factor * step[0], offset * step[0] + step[1]
            if not (np.isfinite(factor).all() and np.isfinite(offset).all() and (factor > 0).all()):
                raise layer.refused(
                    f"makes {factor} times a pixel plus {offset}; factors above 0 are needed"
                )
            self.aside.add(layer.name)
            self.at += 1
        return (factor, offset) if self.at > start else None

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
        count = classifier.config["units" if classifier.kind == "Dense" else "filters"]
        return head_of(classifier, [a for a in activations if a != "linear"], count, training), (
            classifier
        )


def _body(blocks: list[Block]) -> Architecture:
    """The body whose layers these are."""
    steps = [(block.kind, block.stride) for block in blocks]
    bodies = [mobilenet_v1(body=body) for body in BODIES]
    for arch in bodies:
        if steps == [(layer.kind, layer.stride) for layer in arch.layers[:-1]]:
            return arch
    arch = bodies[BODIES.index("full")] if "depthwise" not in dict(steps) else bodies[0]
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
        named = ", ".join(f"{value} in {b.norm.name!r}" for value, b in list(values.items())[:3])
        what = {"eps": "BN epsilon", "activation": "activation"}[name]
        raise WeightsError(f"its layers differ in {what} ({named}); the same in all is needed")
    return next(iter(values))
