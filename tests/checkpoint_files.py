"""Checkpoint files as other packages write them, made by a table of names, not by our own code."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from mobilenet_lib import MobileNet

HERE = Path(__file__).parent
PARITY = HERE / "parity/weights.safetensors"
COLUMNS = {
    "timm": "timm_mobilenetv1_100",
    "transformers": "transformers_ForImageClassification",
    "tf-slim": "tf_slim_variable",
    "keras": "keras_h5_layer/weight",
}
State = Mapping[str, torch.Tensor]
Change = Callable[[list[dict]], None]
"""Of the layers of a described model, in place."""


def name_map() -> list[dict[str, str]]:
    """The published names of all 164 tensors; rows stand in the order of our state dict."""
    with open(HERE / "reference/weight_name_map_1.0.csv", encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(line for line in table if not line.startswith("#")))
    for row, name in zip(rows, our_names(), strict=True):
        row["ours"] = name
    return rows


def our_names() -> list[str]:
    """Our names, written out anew."""
    layers = ["conv_0"] + [f"{kind}_{i}" for i in range(1, 14) for kind in ("dw", "pw")]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = [
        f"{layer}.{part}"
        for layer in layers
        for part in ("conv.weight", *(f"bn.{name}" for name in norm))
    ]
    return [*names, "fc.weight", "fc.bias"]


def renamed(state: State, source: str) -> dict[str, np.ndarray]:
    """Our tensors under a source's names and in its layout."""
    result = {}
    for row in name_map():
        key = row[COLUMNS[source]]
        if key == "-" or row["ours"] not in state:
            continue
        value = state[row["ours"]].numpy()
        if source in ("tf-slim", "keras"):
            if row["ours"] == "fc.weight":
                value = value.T[None, None]
            elif value.ndim == 4:
                depthwise = row["ours"].startswith("dw")
                value = value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        result[key] = np.array(value, order="C")
    return result


def parity_state() -> dict[str, torch.Tensor]:
    """The weights of `tests/parity`, alpha 0.25 and 10 classes, as float32."""
    return {name: t.float() for name, t in safetensors.torch.load_file(PARITY).items()}


def arrays(source: str) -> dict[str, np.ndarray]:
    """The parity weights as a source stores them."""
    return renamed(parity_state(), source)


def tensors(source: str) -> dict[str, torch.Tensor]:
    """The parity weights as a source stores them, in torch."""
    return {name: torch.from_numpy(value) for name, value in arrays(source).items()}


def same(net: MobileNet, features: bool = False) -> MobileNet:
    """The network, which has the parity weights; `features`: all but the classifier's."""
    loaded = net.state_dict()
    for name, value in parity_state().items():
        if not (features and name.startswith("fc.")):
            assert torch.equal(loaded[name], value), name
    return net


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray], **metadata: str) -> Path:
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    path.write_bytes(safetensors.torch.save(tensors, metadata or None))
    return path


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def write_torch(path: Path, arrays: Mapping[str, np.ndarray], wrapper: str = "") -> Path:
    state = {name: torch.from_numpy(value) for name, value in arrays.items()}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    return path


def write_keras(path: Path, arrays: Mapping[str, np.ndarray], layout: str, model=None) -> Path:
    """Write an .h5 file as Keras 2 does: a "model", "weights" alone, or "plain" without nesting."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            layer, _, weight = name.partition("/")
            full = {
                "model": f"model_weights/{layer}/{layer}/{weight}:0",
                "weights": f"{layer}/{layer}/{weight}:0",
                "plain": f"{layer}/{weight}",
            }[layout]
            file[full] = value
        if layout == "model":
            file["optimizer_weights/Adam/conv1/kernel/m:0"] = np.zeros(3, np.float32)
            file.attrs["model_config"] = json.dumps(model or keras_model())
    return path


def keras_model(activation="relu6", epsilon=1e-3, size=96, head="conv_preds") -> dict:
    """The description of keras.applications' MobileNet, written out as Keras 2 writes it."""
    layers: list[dict] = []

    def add(kind: str, name: str, **config: object) -> None:
        before = [[[layers[-1]["name"], 0, 0, {}]]] if layers else []
        config = {"name": name, **config}
        layers.append({"class_name": kind, "config": config, "name": name, "inbound_nodes": before})

    def block(name: str, stride: int, kernel: int) -> None:
        zeros = "dw" in name and stride == 2
        if zeros:
            add("ZeroPadding2D", name.replace("dw", "pad"), padding=[[0, 1], [0, 1]])
        kind = "DepthwiseConv2D" if "dw" in name else "Conv2D"
        padding = "valid" if zeros else "same"
        add(kind, name, kernel_size=[kernel] * 2, strides=[stride] * 2, padding=padding)
        add("BatchNormalization", f"{name}_bn", epsilon=epsilon)
        if activation.startswith("relu"):
            ceiling = 6.0 if activation == "relu6" else None
            add("ReLU", f"{name}_relu", max_value=ceiling)
        else:
            add("Activation", f"{name}_relu", activation=activation)

    add("InputLayer", "input_1", batch_input_shape=[None, size, size, 3])
    block("conv1", 2, 3)
    for i in range(1, 14):
        block(f"conv_dw_{i}", 2 if i in (2, 4, 6, 12) else 1, 3)
        block(f"conv_pw_{i}", 1, 1)
    add("GlobalAveragePooling2D", "global_average_pooling2d")
    add("Reshape", "reshape_1", target_shape=[1, 1, -1])
    add("Dropout", "dropout", rate=0.001)
    add("Conv2D", head, filters=10, kernel_size=[1, 1], strides=[1, 1], padding="same")
    add("Reshape", "reshape_2", target_shape=[10])
    add("Activation", "predictions", activation="softmax")
    return {"class_name": "Functional", "config": {"name": "mobilenet", "layers": layers}}


def insert(layers: list[dict], at: int, kind: str, **config: object) -> None:
    """Put a layer of a Keras model before the one that stands at a place."""
    name = f"new_{len(layers)}"
    config = {"name": name, **config}
    before = layers[at].get("inbound_nodes")
    layers[at]["inbound_nodes"] = [[[name, 0, 0, {}]]]
    new = {"class_name": kind, "config": config, "name": name, "inbound_nodes": before}
    layers.insert(at, new)


def before(name: str, kind: str, **config: object) -> Change:
    """Put a layer before the one of that name."""
    return lambda layers: insert(layers, [x["name"] for x in layers].index(name), kind, **config)


def configured(name: str, **config: object) -> Change:
    """Change a layer's configuration; its class by class_name."""

    def change(layers: list[dict]) -> None:
        layer = next(layer for layer in layers if layer["name"] == name)
        layer["class_name"] = config.get("class_name", layer["class_name"])
        layer["config"] |= config

    return change


def described(folder: Path, *changes: Change, size: int = 96, loss: object = None) -> Path:
    """The parity weights as a model of Keras in an .h5 file, its description changed."""
    import pytest  # what makes the stored references has no tests beside it

    h5py = pytest.importorskip("h5py")
    model = keras_model(size=size)
    for change in changes:
        change(model["config"]["layers"])
    path = write_keras(folder / "a.h5", arrays("keras"), "model", model)
    if loss is not None:
        with h5py.File(path, "a") as file:
            file.attrs["training_config"] = json.dumps({"loss": loss})
    return path


def torch_archive(pickled: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive laid out as torch.save does, around any pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return content.getvalue()


def small_net(convention, *, seed: int = 0, **options) -> MobileNet:
    """A network whose every number, counters and statistics too, is drawn at random."""
    torch.manual_seed(seed)
    net = MobileNet(convention.architecture(**options), convention)
    for name, value in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            value.fill_(int(torch.randint(1, 9999, ())))
        elif name.endswith("running_var"):
            value.uniform_(0.1, 2)
        else:
            value.normal_()
    return net.eval()
