"""Make files as Keras writes them, with the answers that Keras gives.

Why
    See make_field_reference.py, from which the pictures and the writing come. The models stand in
    field_keras_models.py.

How to run
    In an environment of its own, once with Keras 3 and once with Keras 2, which wrote other files
    (Python 3.11 at most)::

        pip install keras h5py torch
        python tests/parity/make_field_keras.py      # field/keras.tar.xz, field/keras.json

        pip install "tensorflow-cpu==2.15.1" "numpy<2"
        python tests/parity/make_field_keras.py      # field/keras2.tar.xz, field/keras2.json

    Times and identities of objects, which Keras writes into its files, are replaced by fixed ones:
    made again with the same versions on the same kind of processor, the files are the same to the
    byte.

What it refuses
    Nothing is written unless every case is sharp: the pictures get different answers, no answer is
    saturated, and a model that Keras loads from its file again answers the same. Some files Keras
    writes and cannot load (an operation such as `x / 255` in .h5); they are named in the .json.

The weights are random and coarse (rounded to ten bits, so that they compress); batch norm's
statistics are those of the pictures, so the answer depends on the picture. Some channels' variances
are below 1e-3, where epsilons part.
"""

import io
import json
import logging
import os
import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from field_keras_models import KERAS2, keras_cases
from make_field_reference import SEED, TOLERANCE, coarse, finish, pictures, short

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time in every archive; zip knows none before


def array(tensor: Any) -> np.ndarray:
    """What torch, TensorFlow or a variable of Keras holds."""
    return tensor.detach().numpy() if hasattr(tensor, "detach") else np.asarray(tensor)


def fill(keras: Any, model: Any, pixels: np.ndarray) -> None:
    """Give the model random weights, calibrated on the pictures while they run through it."""
    kinds = ("BatchNormalization", "Conv2D", "DepthwiseConv2D", "Dense")
    norm, conv, deep, dense = (getattr(keras.layers, kind) for kind in kinds)

    def kernel(la: Any) -> Any:
        # Keras 2 calls it so; Keras 3 only in the file
        return getattr(la, "depthwise_kernel", getattr(la, "kernel", None))

    def walk(model: Any) -> Iterator[Any]:  # in the order of the data, nested models opened
        for la in model.layers:
            if hasattr(la, "layers"):
                yield from walk(la)
            elif isinstance(la, norm) or kernel(la) is not None:
                yield la

    layers = list(walk(model))
    last = [la for la in layers if not isinstance(la, norm)][-1]
    asked = {kind: kind.call for kind in (norm, conv, dense)}

    def measured(self: Any, x: Any, **kwargs: Any) -> Any:
        values = array(x).astype(np.float64)
        axes = tuple(range(values.ndim - 1))
        self.moving_mean.assign(coarse(values.mean(axes)))
        self.moving_variance.assign(coarse(values.var(axes)))
        return asked[norm](self, x, **kwargs)

    def noted(kind: Any) -> Callable[..., Any]:
        def call(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            inputs[self] = array(x).astype(np.float64)
            return asked[kind](self, x, *args, **kwargs)

        return call

    for number, la in enumerate(layers):
        rng = np.random.RandomState(SEED + number)  # so equal layers of two models are equal
        if isinstance(la, norm):
            for variable, low in ((la.gamma, 1.0), (la.beta, 0.0)):
                if variable is not None:
                    variable.assign(coarse(rng.uniform(low, 3.0, variable.shape)))
            continue
        shape, by_channel = tuple(kernel(la).shape), isinstance(la, deep)
        fan_in = np.prod(shape[: 2 if by_channel else -1])
        values = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
        if la is not last:  # channels of different strength; epsilon matters in the weak ones
            values *= 0.5 ** rng.randint(0, 5, (*shape[2:3], 1) if by_channel else shape[-1])
        kernel(la).assign(coarse(values))
        if la.use_bias:
            la.bias.assign(coarse(rng.uniform(-0.5, 0.5, la.bias.shape)))
    inputs: dict[Any, np.ndarray] = {}
    try:
        norm.call, conv.call, dense.call = measured, noted(conv), noted(dense)
        model(pixels, training=False)
    finally:
        for kind, call in asked.items():
            kind.call = call
    # now let the answers' spread over the pictures be 1.5
    x, weights = inputs[last], array(last.kernel)
    if not last.use_bias:  # then no constant may go through the weights
        mean = x.mean(0, keepdims=True)
        weights = weights - mean.T @ (mean @ weights) / (mean @ mean.T)
    answers = (x @ weights).reshape(-1, weights.shape[-1])
    scale = 1.5 / answers.std(0)
    last.kernel.assign(coarse(weights * scale))
    if last.use_bias:
        last.bias.assign(coarse(-answers.mean(0) * scale))


def still(path: Path) -> bytes:
    """The file's bytes with fixed times."""
    if path.suffix != ".keras":
        return path.read_bytes()
    blob = io.BytesIO()
    with zipfile.ZipFile(path) as theirs, zipfile.ZipFile(blob, "w") as ours:
        for name in theirs.namelist():
            data = theirs.read(name)
            if name == "metadata.json":
                data = json.dumps(json.loads(data) | {"date_saved": "1980-01-01@00:00:00"}).encode()
            if name == "config.json":
                data = re.sub(rb'"shared_object_id": \d+', b'"shared_object_id": 1', data)
            ours.writestr(zipfile.ZipInfo(name, LONG_AGO), data)
    return blob.getvalue()


def main() -> None:
    """Write the files and what Keras answers."""
    os.environ |= {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}  # threads sum in any order
    import keras

    name = "keras2" if keras.__version__.startswith("2.") else "keras"
    warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
    logging.getLogger("absl").setLevel(logging.ERROR)  # that .h5 is old, that no loss was given
    files, cases, faults, unloadable = {}, [], [], {}
    for case, make, options in keras_cases(keras):
        if name == "keras2" and case not in KERAS2:
            continue
        keras.utils.clear_session() if name == "keras" else keras.backend.clear_session()
        keras.utils.set_random_seed(SEED)
        size = options.get("size", (96, 96))
        x = pictures(*size).astype(np.float32)
        if options.get("input") != "pixels":
            x = x / np.float32(127.5) - 1
        model = make()
        fill(keras, model, x)
        answers = array(model(x, training=False)).astype(np.float32)
        tolerance = options.get("tolerance", TOLERANCE)
        written = [f"{case}.h5"] + [f"{case}.keras"] * options.get("both", False)
        with tempfile.TemporaryDirectory() as folder:
            for file in written:
                path = Path(folder) / file
                model.save(path)
                files[file] = still(path)
                try:
                    again = keras.models.load_model(path)
                except (ValueError, TypeError) as error:
                    unloadable[file] = str(error).partition("\n")[0].partition(". ")[0]
                    continue
                off = np.abs(array(again(x, training=False)) - answers).max()
                if not off < tolerance / 10:
                    faults.append(f"{file}: loaded again, it differs by {off}")
            if options.get("weights"):
                # the name asks Keras 2 for its old layout; Keras 3 knows only the new
                written.append(case + ("_weights.h5" if name == "keras2" else ".weights.h5"))
                model.save_weights(Path(folder) / written[-1])
                files[written[-1]] = still(Path(folder) / written[-1])
        if answers.std(0).max() < 0.1:
            faults.append(f"{case}: the pictures' answers differ by {answers.std(0)}")
        if options.get("output") != "linear" and answers.max(0).min() > 0.999:
            faults.append(f"{case}: the answers are saturated")
        print(f"{case:26}{model.count_params():7}", *(f"{v:.2f}" for v in answers.ravel()))
        cases.append(
            {
                "name": case,
                "files": written,
                "input": options.get("input", "pixels / 127.5 - 1"),
                "output": options.get("output", "softmax"),
                "height": size[0],
                "width": size[1],
                "tolerance": tolerance,
                "answers": short(answers.tolist()),
            }
        )
    finish(
        name,
        files,
        faults,
        {"cases": cases, "keras_cannot_load": unloadable},
        ("keras", "numpy", "h5py", "torch" if name == "keras" else "tensorflow-cpu"),
    )


if __name__ == "__main__":
    main()
