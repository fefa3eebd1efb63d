"""Keras' description of a model as what a MobileNet V1 is: one layer after the other.

Models nested in models are taken apart. What is no chain is refused by the layer that forks it:
its weights might fit, and its answers would be others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .stored import WeightsError, shorten

MODELS = ("Functional", "Model", "Sequential")
MAX_LAYERS, MAX_DEPTH = 2_000, 20
# The names under which arithmetic on a tensor stands among the layers, Keras 3's and TensorFlow's.
ARITHMETIC = {
    "TrueDivide": "/",
    "Divide": "/",
    "Multiply": "*",
    "Add": "+",
    "Subtract": "-",
    "math.truediv": "/",
    "math.divide": "/",
    "math.multiply": "*",
    "math.add": "+",
    "math.subtract": "-",
    "__operators__.add": "+",
}


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a chain."""

    name: str
    kind: str
    """Its class in Keras, such as "Conv2D"."""
    config: dict[str, Any]
    constant: tuple[str, float] | None = None
    """Of arithmetic: ("/", 127.5)."""

    def refused(self, why: str) -> WeightsError:
        """The error that names this layer."""
        return WeightsError(f"its layer {shorten(self.name, 60)!r} ({self.kind}) {why}")


def chain(model: dict[str, Any]) -> tuple[KerasLayer, ...]:
    """The layers of a described model in the order in which a photo passes them.

    Parameters
    ----------
    model
        Keras' `model_config`, or the config.json of a .keras file.

    Raises
    ------
    WeightsError
        It has several inputs or outputs, or a layer that does not follow one other; it is named.
    """
    found = tuple(_layers(model, MAX_DEPTH))
    if len({layer.name for layer in found}) < len(found):
        names = [layer.name for layer in found]
        twice = next(name for name in names if names.count(name) > 1)
        raise WeightsError(f"it has two layers called {shorten(twice, 60)!r}")
    return found


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
    ordered = layers if kind == "Sequential" else _ordered(config, layers)
    outer = isinstance(config, dict) and config.get("build_input_shape")
    if kind == "Sequential" and outer:  # its first layer need not say what comes in
        yield KerasLayer(f"{config.get('name')} input", "InputLayer", {"batch_shape": outer})
    for layer in ordered:
        if layer["class_name"] in MODELS:
            yield from _layers(layer, depth - 1)
        else:
            yield _layer(layer)


def _layer(layer: dict[str, Any]) -> KerasLayer:
    kind, config = str(layer["class_name"]), dict(layer["config"])
    name = str(config.get("name", layer.get("name")))
    function = config.get("function") if kind == "TFOpLambda" else kind
    module = str(layer.get("module", "ops"))
    # keras.layers.Add and its like add two tensors, and have the names of the operations.
    if function in ARITHMETIC and (kind == "TFOpLambda" or "layers" not in module):
        nodes = layer.get("inbound_nodes") or []
        numbers = list(_numbers(nodes))
        first = next(iter(nodes[0].get("args", [])), {}) if isinstance(nodes[0], dict) else {}
        if len(numbers) != 1 or not isinstance(first, dict):  # 1 - x is another thing than x - 1
            raise KerasLayer(name, kind, config).refused(
                "computes with something else than one number; only x / 127.5 - 1 and its like are "
                "followed"
            )
        return KerasLayer(name, kind, config, (ARITHMETIC[function], numbers[0]))
    return KerasLayer(name, kind, config)


def _ordered(config: dict[str, Any], layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A functional model's layers from its input to its output."""
    by_name = {_name(layer): layer for layer in layers}
    if not any(layer.get("inbound_nodes") for layer in layers):
        return layers  # nothing says otherwise
    following: dict[str, str] = {}
    starts = []
    for name, layer in by_name.items():
        nodes = layer.get("inbound_nodes") or []
        before = list(dict.fromkeys(_names(nodes)))
        if layer["class_name"] == "InputLayer":
            starts.append(name)
            continue
        if len(nodes) != 1 or len(before) != 1:
            raise _layer_of(layer).refused(
                f"takes {len(before)} inputs in {len(nodes)} places; in a MobileNet V1 each layer "
                "follows one other, once"
            )
        if before[0] in following:
            raise _layer_of(layer).refused(
                f"and {following[before[0]]!r} both follow {before[0]!r}; in a MobileNet V1 each "
                "layer is followed by one other"
            )
        following[before[0]] = name
    if len(starts) != 1:
        raise WeightsError(f"it has {len(starts)} inputs; a MobileNet V1 has one, the photo")
    order = [starts[0]]
    while order[-1] in following:
        order.append(following[order[-1]])
    outputs = list(dict.fromkeys(_tensors(config.get("output_layers", []))))
    if len(order) != len(by_name) or (outputs and outputs != order[-1:]):
        raise WeightsError(
            f"its layers are no chain from the input to one output: {len(order)} of {len(by_name)} "
            f"follow the input, and its outputs are {', '.join(map(repr, outputs[:3]))}"
        )
    return [by_name[name] for name in order]


def _name(layer: dict[str, Any]) -> str:
    return str(layer.get("name") or layer["config"].get("name"))


def _layer_of(layer: dict[str, Any]) -> KerasLayer:
    return KerasLayer(_name(layer), str(layer["class_name"]), {})


def _names(nodes: Any) -> Iterator[str]:
    """Layers that a node's tensors come from, as Keras 2 or 3 write it."""
    if isinstance(nodes, dict):
        if nodes.get("class_name") == "__keras_tensor__":
            yield str(nodes["config"]["keras_history"][0])
        else:
            for part in nodes.values():
                yield from _names(part)
    elif isinstance(nodes, list):
        if _is_tensor(nodes):
            yield nodes[0]
            yield from _names(nodes[3:])
        else:
            for part in nodes:
                yield from _names(part)


def _tensors(outputs: Any) -> Iterator[str]:
    if _is_tensor(outputs):
        yield outputs[0]
    elif isinstance(outputs, list | dict):
        for part in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from _tensors(part)


def _is_tensor(node: Any) -> bool:
    """Whether a list is Keras 2's ["name", node, tensor, ...]."""
    return (
        isinstance(node, list)
        and len(node) >= 3
        and isinstance(node[0], str)
        and all(type(index) is int for index in node[1:3])
    )


def _numbers(node: Any) -> Iterator[float]:
    """Constants among the arguments of arithmetic."""
    if isinstance(node, dict):
        if node.get("class_name") != "__keras_tensor__":
            for name, part in node.items():
                if name != "name":
                    yield from _numbers(part)
    elif isinstance(node, list):
        for part in node[3:] if _is_tensor(node) else node:
            yield from _numbers(part)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield float(node)
    elif node is not None:
        yield float("nan")  # a text or a truth value: no number to compute with


# --- Names in a .keras file -----------------------------------------------------------------------

# In the order in which Keras keeps a layer's variables; config switches some of them off.
VARIABLES = {
    "Conv2D": (("kernel", None), ("bias", "use_bias")),
    "DepthwiseConv2D": (("depthwise_kernel", None), ("bias", "use_bias")),
    "Dense": (("kernel", None), ("bias", "use_bias")),
    "BatchNormalization": (
        ("gamma", "scale"),
        ("beta", "center"),
        ("moving_mean", None),
        ("moving_variance", None),
    ),
    "Normalization": (("mean", None), ("variance", None), ("count", None)),
}


def variable_names(model: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """From "layers/conv2d_1/vars/0" to "conv_pw_1/kernel", for the weights of a .keras file.

    Keras calls a layer there by its class and counts, model by model.
    """
    if prefix.count("/layers/") > MAX_DEPTH:
        raise WeightsError(f"its models are nested more than {MAX_DEPTH} deep")
    config = model["config"]
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in config["layers"] if isinstance(config, dict) else config:
        kind = str(layer["class_name"])
        base = _snake(kind)
        counts[base] = counts.get(base, -1) + 1
        place = f"{prefix}layers/{base}{f'_{counts[base]}' if counts[base] else ''}"
        if kind in MODELS:
            found |= variable_names(layer, f"{place}/")
            continue
        own = layer["config"]
        there = [n for n, switch in VARIABLES.get(kind, ()) if not switch or own.get(switch, True)]
        found |= {f"{place}/vars/{i}": f"{own['name']}/{name}" for i, name in enumerate(there)}
    return found


def _snake(kind: str) -> str:
    text = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower()
