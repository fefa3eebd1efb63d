"""Make files as transformers writes them, with what its preprocessor and networks make of pictures.

Why
    See make_field_reference.py, from which the pictures and the writing come.

How to run
    In an environment of its own, because these packages are no dependency of the book::

        pip install torch torchvision transformers safetensors pillow
        python tests/parity/make_field_transformers.py

    It writes `field/transformers.tar.xz`, the networks' folders, and `field/transformers.json`: the
    answers, and what the preprocessor makes of three photos for each preprocessor_config.json.

What it refuses
    What make_field_reference.py refuses. transformers has two preprocessors, one for PIL and one
    for torchvision; the numbers are those of PIL, and how far the other is off stands beside.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from make_field_reference import (
    SEED,
    SIDE,
    case,
    fill,
    finish,
    folder_files,
    pictures,
    tensor,
)

PHOTOS = {"wide": (300, 411), "tall": (261, 190), "small": (45, 60)}  # (height, width)
PLACES = 64  # how many numbers of a preprocessed photo are stored
HALF, ONE = [0.5] * 3, [1.0] * 3
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
USUAL = {
    "image_processor_type": "MobileNetV1ImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "resample": 2,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": HALF,
    "image_std": HALF,
}


def square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


# name: what differs from USUAL; None takes a key out
PROCESSORS: dict[str, dict[str, Any]] = {
    "usual": {},
    "no_resize": {"do_resize": False},
    "no_crop": {"do_center_crop": False},
    "no_rescale": {"do_rescale": False},
    "no_normalize": {"do_normalize": False},
    "no_rescale_no_normalize": {"do_rescale": False, "do_normalize": False},
    "no_resize_no_crop": {"do_resize": False, "do_center_crop": False},
    "only_normalize": {"do_resize": False, "do_center_crop": False, "do_rescale": False},
    "nothing": dict.fromkeys(("do_resize", "do_center_crop", "do_rescale", "do_normalize"), False),
    "edge_200_below_crop": {"size": {"shortest_edge": 200}},
    "edge_225_odd": {"size": {"shortest_edge": 225}},
    "edge_224": {"size": {"shortest_edge": 224}},
    "square_256": {"size": square(256)},
    "square_224_no_crop": {"size": square(224), "do_center_crop": False},
    "square_192_no_crop": {"size": square(192), "do_center_crop": False},
    "square_199_below_crop": {"size": square(199)},
    "oblong_240x320": {"size": {"height": 240, "width": 320}},
    "oblong_120x160_no_crop": {"size": {"height": 120, "width": 160}, "do_center_crop": False},
    "size_int_256": {"size": 256},
    "crop_int_224": {"crop_size": 224},
    "crop_224x192": {"crop_size": {"height": 224, "width": 192}},
    "crop_225_odd": {"crop_size": square(225)},
    "crop_300_beyond_edge": {"crop_size": square(300)},
    "crop_96_edge_110": {"crop_size": square(96), "size": {"shortest_edge": 110}},
    "resample_0": {"resample": 0},
    "resample_1": {"resample": 1},
    "resample_3": {"resample": 3},
    "resample_4": {"resample": 4},
    "resample_5": {"resample": 5},
    "rescale_127.5": {"rescale_factor": 1 / 127.5, "image_mean": ONE, "image_std": ONE},
    "rescale_1": {"rescale_factor": 1.0, "image_mean": [127.5] * 3, "image_std": [127.5] * 3},
    "imagenet": IMAGENET,
    "mean_and_std_numbers": {"image_mean": 0.5, "image_std": 0.25},
    "old_name": {
        "image_processor_type": "MobileNetV1FeatureExtractor",
        "feature_extractor_type": "MobileNetV1FeatureExtractor",
    },
    "fast_name": {"image_processor_type": "MobileNetV1ImageProcessorFast"},
    "only_the_name": {k: None for k in USUAL if k != "image_processor_type"},
    "no_size": {"size": None},
    "no_crop_size": {"crop_size": None},
    "no_mean_and_std": {"image_mean": None, "image_std": None},
}


def photo(height: int, width: int) -> np.ndarray:
    """One picture with grain, (height, width, 3) uint8: every resampling makes another of it."""
    grain = np.random.RandomState(SEED).randint(0, 128, (height, width, 3), dtype=np.int64)
    return (pictures(height, width)[0] // 2 + grain).astype(np.uint8)


def places(shape: tuple[int, ...]) -> np.ndarray:
    """Indices into a flattened array of this shape: some at random, the first and the last."""
    total = int(np.prod(shape))
    some = np.random.RandomState(SEED).randint(0, total, PLACES - 2, dtype=np.int64)
    return np.concatenate([[0, total - 1], some])


def preprocessed(faults: list[str]) -> list[dict[str, Any]]:
    """What transformers' processor makes of the photos, for each preprocessor_config.json."""
    import transformers
    from PIL import Image
    from transformers.models.mobilenet_v1.image_processing_pil_mobilenet_v1 import (
        MobileNetV1ImageProcessorPil,
    )

    cases = []
    for name, change in PROCESSORS.items():
        config = {k: v for k, v in (USUAL | change).items() if v is not None}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "preprocessor_config.json").write_text(json.dumps(config))
            slow = MobileNetV1ImageProcessorPil.from_pretrained(folder)
            fast = transformers.MobileNetV1ImageProcessor.from_pretrained(folder)
        made = {}
        for what, size in PHOTOS.items():
            image = Image.fromarray(photo(*size))
            x = np.asarray(slow(image)["pixel_values"][0]).astype(np.float64)
            some = x.ravel()[places(x.shape)]
            told = {"shape": list(x.shape), "mean": x.mean(), "std": x.std()}
            told["values"] = [float(f"{v:.7g}") for v in some]
            try:
                other = np.asarray(fast(image)["pixel_values"][0]).astype(np.float64)
            except (ValueError, TypeError, RuntimeError, KeyError) as error:
                told["fast_refuses"] = str(error).partition("\n")[0]
            else:
                off = float(abs(other - x).max()) if other.shape == x.shape else None
                told |= {"fast_shape": list(other.shape), "fast_off": off}
            if not np.isfinite(x).all():
                faults.append(f"{name}, {what}: not finite")
            made[what] = told
        cases.append({"name": name, "config": config, "photos": made})
    return cases


def make_transformers() -> None:
    """What transformers' processor makes of photos, and what its network answers."""
    import transformers

    transformers.logging.set_verbosity_error()
    files, faults = {}, []
    usual = {"depth_multiplier": 0.0625, "min_depth": 2, "image_size": SIDE, "num_labels": 3}
    variants: dict[str, dict[str, Any]] = {
        "usual": {},
        "tf_padding_false": {"tf_padding": False},
        "tf_padding_100": {"image_size": 100},
        "hidden_act_relu": {"hidden_act": "relu"},
        "hidden_act_hard_swish": {"hidden_act": "hardswish"},
        "layer_norm_eps_1e-5": {"layer_norm_eps": 1e-5},
        "min_depth_8": {"min_depth": 8},
        "depth_multiplier_0.25": {"depth_multiplier": 0.25, "min_depth": 8},
        "image_size_64x96": {"image_size": [64, SIDE]},
        "regression": {"num_labels": 1, "problem_type": "regression"},
        "one_label": {"num_labels": 1},
        "multi_label": {"num_labels": 4, "problem_type": "multi_label_classification"},
        "names": {
            "num_labels": 2,
            "id2label": {0: "cat", 1: "dog"},
            "label2id": {"cat": 0, "dog": 1},
        },
    }
    cases = []
    for name, change in variants.items():
        config = transformers.MobileNetV1Config(**usual | change)
        network = transformers.MobileNetV1ForImageClassification(config)
        side = config.image_size
        x = tensor(*(side if isinstance(side, (list, tuple)) else (side, side)))
        fill(network, x)
        with tempfile.TemporaryDirectory() as folder:
            network.save_pretrained(folder)
            files |= folder_files(Path(folder), f"{name}/")
        cases.append(case(name, [f"{name}/"], network, x, faults))
    bare = transformers.MobileNetV1Model(transformers.MobileNetV1Config(**usual))
    fill(bare, x := tensor())
    with tempfile.TemporaryDirectory() as folder:
        bare.save_pretrained(folder)
        files |= folder_files(Path(folder), "no_classifier/")
    cases.append(case("no_classifier", ["no_classifier/"], bare, x, faults, "features"))
    told = {
        "networks": cases,
        "photos": {k: list(v) for k, v in PHOTOS.items()},
        "processors": preprocessed(faults),
    }
    finish(
        "transformers",
        files,
        faults,
        told,
        ("transformers", "torch", "torchvision", "pillow", "numpy"),
    )


if __name__ == "__main__":
    make_transformers()
