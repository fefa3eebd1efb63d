"""Keras' description of a model as what a MobileNet V1 is: one layer after the other.

Models nested in models are taken apart. What is no chain is refused by the layer that forks it:
its weights might fit, and its answers would be others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .formats import WeightsError, shorten, some

MODELS = ("Functional", "Model", "Sequential")
MAX_LAYERS, MAX_DEPTH = 2_000, 20
# The names under which arithmetic on a tensor stands among the layers, Keras 3's and TensorFlow's,
# without what stands before them, as in "math.truediv".
ARITHMETIC = {
    "truedivide": "/",
    "truediv": "/",
    "divide": "/",
    "multiply": "*",
    "add": "+",
    "subtract": "-",
}


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a chain."""

    name: str
    kind: str
    """Its class in Keras, such as "Conv2D"."""
    config: dict[str, Any]
    arguments: tuple[str | float, ...] = ()
    """What it computes with: names of layers, and numbers."""
    operation: str = ""
    """Of arithmetic: "/"."""

    def refused(self, why: str) -> WeightsError:
        """The error that names this layer."""
        return WeightsError(f"its layer {shorten(self.name, 60)!r} ({self.kind}) {why}")


def chain(model: dict[str, Any]) -> tuple[KerasLayer, ...]:
    """The layers of a model in the order in which a photo passes them, of which there is one.

    It is described as in Keras' `model_config`, or the config.json of a .keras file.
    """
    layers = tuple(_layers(model, MAX_DEPTH))
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise WeightsError(f"it has two layers called {shorten(twice, 60)!r}")
    return layers


def _layers(model: dict[str, Any], depth: int) -> Iterator[KerasLayer]:
    kind, config = str(model["class_name"]), model["config"]
    if kind not in MODELS:
        raise WeightsError(
            f"its model is of the class {shorten(kind, 60)}, which does not say what its layers "
            "do; build it as a Functional or Sequential model"
        )
    if depth == 0:
        raise WeightsError(f"its models are nested more than {MAX_DEPTH} deep")
    layers = config["layers"] if isinstance(config, dict) else config
    if len(layers) > MAX_LAYERS:
        raise WeightsError(f"it has {len(layers):,} layers; a MobileNet V1 has about 90")
    if kind != "Sequential":
        _check_chain(config, layers)
    outer = isinstance(config, dict) and config.get("build_input_shape")
    if kind == "Sequential" and outer:  # its first layer need not say what comes in
        yield KerasLayer(f"{config.get('name')} input", "InputLayer", {"batch_shape": outer})
    for layer in layers:
        if layer["class_name"] in MODELS:
            yield from _layers(layer, depth - 1)
        else:
            yield _layer(layer)


def _layer(layer: dict[str, Any]) -> KerasLayer:
    kind, config = str(layer["class_name"]), dict(layer["config"])
    function = str(config.get("function")) if kind == "TFOpLambda" else kind
    operation = ARITHMETIC.get(function.rpartition(".")[2].lower(), "")
    if kind != "TFOpLambda" and "layers" in str(layer.get("module")):
        operation = ""  # keras.layers.Add and its like add two tensors
    arguments = tuple(_arguments(layer.get("inbound_nodes")))
    return KerasLayer(
        str(config.get("name", layer.get("name"))), kind, config, arguments, operation
    )


def _check_chain(config: dict[str, Any], layers: list[dict[str, Any]]) -> None:
    """Refuse a functional model in which a layer does not follow the one that is listed before it.

    Keras lists layers by their distance from the output, so a chain stands in its order.
    """
    if not any(layer.get("inbound_nodes") for layer in layers):
        return  # nothing says otherwise
    previous: list[str] = []
    for layer in layers:
        nodes = layer.get("inbound_nodes") or []
        before = _names(nodes)
        if before != previous or (previous and len(nodes) != 1):
            raise _layer(layer).refused(
                f"takes {len(before)} inputs in {len(nodes)} places ({some(before)}) and stands "
                f"behind {some(previous) or 'nothing'}; in a MobileNet V1 each layer follows one "
                "other, once, and the first is the photo"
            )
        previous = [str(layer.get("name") or layer["config"].get("name"))]
    outputs = _names(config.get("output_layers", []))
    if outputs and outputs != previous:
        raise WeightsError(f"its outputs are {some(outputs)}; the last layer is {previous[0]!r}")


def _arguments(node: Any) -> Iterator[str | float]:
    """What a node computes with, as Keras 2 or 3 write it: names of layers, and constants."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            yield str(node["config"]["keras_history"][0])
        else:
            for name, part in node.items():
                if name != "name":
                    yield from _arguments(part)
    elif isinstance(node, list):
        match node:
            case [str(name), int(), int(), *rest]:  # Keras 2's ["name", node, tensor, ...]
                yield name
                node = rest
        for part in node:
            yield from _arguments(part)
    elif node is not None:  # a text or a truth value is no number to compute with
        yield float(node) if type(node) in (int, float) else math.nan


def _names(node: Any) -> list[str]:
    """The layers that a node's tensors come from, each once."""
    return list(dict.fromkeys(name for name in _arguments(node) if isinstance(name, str)))
