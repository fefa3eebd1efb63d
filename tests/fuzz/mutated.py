"""Valid descriptions with one or two words changed, and what they mean by a reference of our own.

Keras descriptions are run layer by layer in NumPy and torch's plain functions, preprocessor
configurations by the steps that transformers documents, folder trees by the list that made them.
None of it asks the library. What the reference cannot do, the library must refuse.
"""

import copy
from pathlib import Path
from random import Random
from typing import Any

import checkpoint_files as files
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from mobilenet_lib import KERAS

SEED = 20170417
COUNTS = {"keras": 250, "processor": 200, "folder": 50}
SIDE = 64


# --- Keras ----------------------------------------------------------------------------------------


def keras_arrays() -> dict[str, np.ndarray]:
    """A narrow network whose statistics are alive, by Keras' names."""
    rng = np.random.default_rng(SEED)
    net = files.small_net(KERAS, alpha=0.125, num_classes=10)  # for the shapes alone
    arrays = files.renamed(net.state_dict(), "keras")
    for name, value in arrays.items():
        fan = np.prod(value.shape[:-1]) if value.ndim == 4 else 1
        if name.endswith("depthwise_kernel"):
            fan = 9
        if value.ndim == 4:
            value[:] = rng.normal(0, np.sqrt(2 / fan), value.shape)
        elif name.endswith(("mean", "beta")):
            value[:] = rng.normal(0, 0.2, value.shape)
        elif name.endswith("variance"):
            value[:] = rng.uniform(0.4, 1.2, value.shape)
        else:
            value[:] = rng.uniform(0.8, 1.2, value.shape)
    return arrays


def change_keras(model: dict[str, Any], rng: Random) -> str:
    """Change one thing of a description; what was changed."""
    layers = model["config"]["layers"]
    kind = rng.choice(CHANGES)
    layer = rng.choice([x for x in layers if kind in x["config"] or kind in ALWAYS])
    if kind == "input":
        size = rng.choice(([96, 96], [100, 100], [65, 65], [64, 96], [None, None], [97, 97]))
        layers[0]["config"]["batch_input_shape"] = [None, *size, 3]
    elif kind == "insert":
        new, config = copy.deepcopy(rng.choice(INSERTS))
        at = rng.choice((1, 1, 1, len(layers) - 4, rng.randrange(1, len(layers))))
        files.insert(layers, at, new, **config)
        return f"insert {new} at {at}"
    elif kind == "remove":
        at = rng.randrange(1, len(layers) - 1)
        gone = layers.pop(at)
        layers[at]["inbound_nodes"] = gone["inbound_nodes"]
        return f"remove {gone['class_name']} {gone['name']}"
    elif kind == "class":
        at = rng.randrange(1, len(layers))
        old, layers[at]["class_name"] = layers[at]["class_name"], rng.choice(CLASSES)
        return f"class {old} to {layers[at]['class_name']}"
    else:
        layer["config"][kind] = rng.choice(VALUES[kind])
        return f"{layer['name']}.{kind} = {layer['config'][kind]}"
    return kind


VALUES: dict[str, tuple] = {
    "padding": (
        "same",
        "valid",
        [[0, 1], [0, 1]],
        [[1, 1], [1, 1]],
        [[1, 0], [1, 0]],
        [[0, 2], [0, 2]],
        [[0, 1], [1, 1]],
        1,
    ),
    "strides": ([1, 1], [2, 2], [2, 1], [3, 3], 2),
    "epsilon": (1e-3, 1e-5, 0.1),
    "max_value": (6.0, None, 4.0, 1.0),
    "activation": ("softmax", "sigmoid", "linear", "relu", "tanh", "relu6"),
    "dilation_rate": ([1, 1], [2, 2], 1),
    "groups": (1, 2),
    "depth_multiplier": (1, 2),
    "negative_slope": (0.0, 0.2),
    "threshold": (0.0, 1.0),
    "data_format": ("channels_last", "channels_first"),
    "axis": (-1, 3, [3], 1),
}
CHANGES = (*("input",) * 3, *("insert",) * 4, "remove", "class", *VALUES)
ALWAYS = {*CHANGES} - {"strides", "epsilon", "max_value"}  # whether the layer has it or not
CLASSES = (
    "GlobalMaxPooling2D",
    "LeakyReLU",
    "ReLU",
    "Conv2D",
    "DepthwiseConv2D",
    "Dropout",
    "Dense",
    "SeparableConv2D",
    "LayerNormalization",
    "Lambda",
    "Flatten",
)
INSERTS = (
    ("Rescaling", {"scale": 1 / 255, "offset": 0.0}),
    ("Rescaling", {"scale": 1 / 127.5, "offset": -1.0}),
    ("Rescaling", {"scale": [0.01, 0.02, 0.01], "offset": 0.5}),
    ("Rescaling", {"scale": -1.0, "offset": 1.0}),
    ("Normalization", {"axis": -1, "mean": [120.0], "variance": [3600.0]}),
    ("Normalization", {"axis": [-1], "mean": [9.0, 8.0, 7.0], "variance": [4.0, 1.0, 9.0]}),
    ("Normalization", {"axis": -1, "mean": 2.0, "variance": 16.0, "invert": True}),
    ("Dropout", {"rate": 0.3}),
    ("RandomFlip", {"mode": "horizontal"}),
    ("GaussianNoise", {"stddev": 0.3}),
    ("ZeroPadding2D", {"padding": [[1, 1], [1, 1]]}),
    ("Activation", {"activation": "linear"}),
    ("Activation", {"activation": "sigmoid"}),
    ("ReLU", {"max_value": 6.0}),
    ("GlobalMaxPooling2D", {}),
    ("MaxPooling2D", {"pool_size": [2, 2]}),
    ("Resizing", {"height": 64, "width": 64}),
)
NOTHING = ("Dropout", "RandomFlip", "GaussianNoise", "InputLayer")


class Cannot(Exception):
    """The reference does not know what Keras would do, or Keras would refuse."""


def run_keras(
    model: dict[str, Any], arrays: dict[str, np.ndarray], pixels: np.ndarray
) -> np.ndarray:
    """What Keras answers to (B, H, W, 3) numbers, by the description."""
    x = torch.from_numpy(pixels).double().permute(0, 3, 1, 2)
    for layer in model["config"]["layers"]:
        c, kind, name = layer["config"], layer["class_name"], layer["name"]
        if c.get("data_format", "channels_last") != "channels_last":
            raise Cannot(f"{name}: channels first")

        def weight(leaf: str, name: str = name) -> torch.Tensor:
            if f"{name}/{leaf}" not in arrays:
                raise Cannot(f"{name} has no {leaf}")
            return torch.from_numpy(arrays[f"{name}/{leaf}"]).double()

        if kind == "InputLayer":
            shape = c["batch_input_shape"]
            if any(s not in (None, n) for s, n in zip(shape[1:3], x.shape[2:], strict=True)):
                raise Cannot("another size")
        elif kind in NOTHING:
            pass
        elif kind == "Rescaling":
            x = x * three(c["scale"]) + three(c["offset"])
        elif kind == "Normalization":
            mean, spread = three(c["mean"]), three(c["variance"]).sqrt().clamp(min=1e-7)
            x = x * spread + mean if c.get("invert") else (x - mean) / spread
        elif kind == "ZeroPadding2D":
            p = c["padding"]
            (top, bottom), (left, right) = [
                (s, s) if isinstance(s, int) else s for s in ((p, p) if isinstance(p, int) else p)
            ]
            x = F.pad(x, (left, right, top, bottom))
        elif kind in ("Conv2D", "DepthwiseConv2D"):
            x = convolve(kind, c, weight, x)
        elif kind == "BatchNormalization":
            if c.get("axis", -1) not in (-1, 3, [3]):
                raise Cannot("another axis")
            parts = [weight(p) for p in ("moving_mean", "moving_variance", "gamma", "beta")]
            x = F.batch_norm(x, *parts, eps=c["epsilon"])
        elif kind == "ReLU":
            slope, least = c.get("negative_slope", 0), c.get("threshold", 0)
            ceiling = c.get("max_value")
            above = x if ceiling is None else x.clamp(max=ceiling)
            x = torch.where(x >= least, above, slope * (x - least))
        elif kind == "Activation":
            x = activate(c["activation"], x)
        elif kind == "GlobalAveragePooling2D":
            x = x.mean((2, 3))
        elif kind == "GlobalMaxPooling2D":
            x = x.amax((2, 3))
        elif kind == "Reshape":
            x = x.reshape(len(x), -1, *([1, 1] if len(c["target_shape"]) == 3 else []))
        else:
            raise Cannot(kind)
    return x.flatten(1).numpy()


def three(value: Any) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64).reshape(-1, 1, 1)


def convolve(kind: str, c: dict[str, Any], weight: Any, x: torch.Tensor) -> torch.Tensor:
    if x.dim() != 4:
        raise Cannot("no map")
    depthwise = kind == "DepthwiseConv2D"
    w = weight("depthwise_kernel" if depthwise else "kernel")
    w = w.permute(2, 3, 0, 1) if depthwise else w.permute(3, 2, 0, 1)
    pair = [
        ([v, v] if isinstance(v, int) else v)
        for v in (c.get("strides", 1), c.get("dilation_rate", 1))
    ]
    (stride, dilation), size = pair, w.shape[2]
    if list(c["kernel_size"]) != [size, size] or (max(dilation) > 1 < max(stride)):
        raise Cannot("sizes")
    if depthwise and (c.get("depth_multiplier", 1) != 1 or stride[0] != stride[1]):
        raise Cannot("depth multiplier")
    groups = len(w) if depthwise else c.get("groups", 1)
    if c["padding"] == "same":
        pads = []
        for n, s, d in reversed(list(zip(x.shape[2:], stride, dilation, strict=True))):
            total = max(0, (-(-n // s) - 1) * s + (size - 1) * d + 1 - n)
            pads += [total // 2, total - total // 2]
        x = F.pad(x, pads)
    elif c["padding"] != "valid":
        raise Cannot("padding")
    if x.shape[1] != w.shape[1] * groups:
        raise Cannot("channels")
    bias = None
    if not depthwise and "filters" in c:
        bias = weight("bias")
    try:
        x = F.conv2d(x, w, bias, stride, dilation=dilation, groups=groups)
    except RuntimeError as error:
        raise Cannot(str(error)) from error
    return activate(c.get("activation"), x)


def activate(name: str | None, x: torch.Tensor) -> torch.Tensor:
    """An activation over the last axis of Keras, which is torch's second."""
    known = {
        None: lambda x: x,
        "linear": lambda x: x,
        "relu": torch.relu,
        "tanh": torch.tanh,
        "relu6": lambda x: x.clamp(0, 6),
        "sigmoid": torch.sigmoid,
        "softmax": lambda x: x.softmax(1),
    }
    return known[name](x)


# --- transformers ---------------------------------------------------------------------------------

USUAL = {
    "do_resize": True,
    "do_center_crop": True,
    "do_rescale": True,
    "do_normalize": True,
    "size": {"shortest_edge": 256},
    "crop_size": {"height": 224, "width": 224},
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
    "resample": 2,
    "rescale_factor": 1 / 255,
}
PROCESSOR: dict[str, tuple] = {
    **dict.fromkeys(("do_resize", "do_center_crop", "do_rescale", "do_normalize"), (True, False)),
    "size": (
        {"shortest_edge": 70},
        {"shortest_edge": 81},
        {"height": 64, "width": 64},
        77,
        {"height": 90, "width": 70},
        {"height": 75, "width": 75},
        {"longest_edge": 80},
        {"max_height": 80, "max_width": 80},
        {"shortest_edge": 50},
    ),
    "crop_size": (
        {"height": 64, "width": 64},
        65,
        {"height": 64, "width": 48},
        {"height": 33, "width": 33},
        {"shortest_edge": 64},
        {"height": 90, "width": 90},
    ),
    "image_mean": ([0.4, 0.5, 0.6], 0.3, [0.0, 0.0, 0.0]),
    "image_std": ([0.2, 0.3, 0.4], 0.7, [1.0, 1.0, 1.0]),
    "resample": (0, 1, 2, 3, 4, 5, 7, "bilinear"),
    "rescale_factor": (1 / 255, 1 / 127.5, 1.0, 0.01),
    "do_pad": (True, False, None),
    "crop_pct": (0.9, None),
    "do_flip_channel_order": (True, False),
    "image_processor_type": (
        "MobileNetV1ImageProcessor",
        "MobileNetV1ImageProcessorFast",
        "ConvNextImageProcessor",
        "ViTImageProcessor",
    ),
}


def change_processor(config: dict[str, Any], rng: Random) -> str:
    name = rng.choice(sorted(PROCESSOR))
    config[name] = rng.choice(PROCESSOR[name])
    return f"{name} = {config[name]}"


def run_processor(c: dict[str, Any], photo: Image.Image) -> np.ndarray:
    """What transformers makes of a photo, (H, W, 3), by the steps that it documents."""
    if c.get("do_pad") or c.get("do_flip_channel_order") or c.get("crop_pct"):
        raise Cannot("a step of other processors")
    if not c.get("image_processor_type", "MobileNetV1").startswith("MobileNetV1"):
        raise Cannot("another processor")
    image = photo
    if c["do_resize"]:
        size = {"shortest_edge": c["size"]} if isinstance(c["size"], int) else c["size"]
        if set(size) == {"shortest_edge"}:
            edge = size["shortest_edge"]
            w, h = image.size
            wide, high = (edge * w // h, edge) if w > h else (edge, edge * h // w)
        elif set(size) == {"height", "width"}:
            wide, high = size["width"], size["height"]
        else:
            raise Cannot("size")
        if c["resample"] not in range(6):
            raise Cannot("resample")
        image = image.resize((wide, high), c["resample"])
    a = np.asarray(image).astype(np.float64)
    if c["do_center_crop"]:
        crop = c["crop_size"]
        crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
        if set(crop) != {"height", "width"}:
            raise Cannot("crop_size")
        h, w = crop["height"], crop["width"]
        high, wide = max(h - a.shape[0], 0), max(w - a.shape[1], 0)
        a = np.pad(a, ((-(-high // 2), high // 2), (-(-wide // 2), wide // 2), (0, 0)))
        top, left = (a.shape[0] - h) // 2, (a.shape[1] - w) // 2
        a = a[top : top + h, left : left + w]
    if c["do_rescale"]:
        a = a * c["rescale_factor"]
    if c["do_normalize"]:
        a = (a - np.array(c["image_mean"])) / np.array(c["image_std"])
    return a


# --- Folders --------------------------------------------------------------------------------------

TRAIN = ("train", "Training", "seg_train", "TRAIN", "train_set", "training-images", "TrainData")
TEST = ("test", "Testing", "seg_test", "val", "Validation", "test_set", "valid", "eval")


def make_tree(root: Path, rng: Random, picture: bytes) -> dict[str, Any]:
    """A folder as people have it: its classes, and how many images each part has."""
    classes = sorted(rng.sample(["ant", "bee", "cow", "train station", "Test tube", "dog"], 3))
    divided = rng.random() < 0.6
    parts = {"": 5}
    if divided:
        parts = {rng.choice(TRAIN): 5, rng.choice(TEST): 3}
    for part, count in parts.items():
        for kind in classes:
            folder = root / part / kind
            folder.mkdir(parents=True)
            for i in range(count):
                ending = rng.choice((".png", ".PNG", ".jpg", ".jfif"))
                (folder / f"{i}{ending}").write_bytes(picture)
            if rng.random() < 0.5:
                for hidden in (".ipynb_checkpoints", ".thumbnails"):
                    (folder / hidden).mkdir()
                    (folder / hidden / "0-checkpoint.png").write_bytes(picture)
                (folder / "._0.png").write_bytes(picture)
            if rng.random() < 0.4:
                (folder / "99.png").mkdir()  # a folder with a photo's name
            if rng.random() < 0.4:
                (folder / "notes.txt").write_text("not a picture")
            if rng.random() < 0.4:
                (folder / "loop").symlink_to(folder, target_is_directory=True)
    if rng.random() < 0.3:
        (root / ".git").mkdir()
    counts = [count * len(classes) for count in parts.values()]
    train, test = counts if divided else (4 * len(classes), len(classes))  # a fifth of each class
    return {"classes": tuple(classes), "train": train, "test": test}
