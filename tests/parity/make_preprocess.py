"""Make `preprocess.json`: what timm and torchvision turn the book's photos into.

    pip install torch torchvision timm
    python tests/parity/make_preprocess.py

`mobilenet_lib.preprocess` does the same steps with PIL alone. For every recipe and photo, the
numbers at some places of the network's input are stored, and the mean of all.
"""

import json
import sys
from pathlib import Path

import timm.data
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mobilenet_lib.files import provenance, write_atomically  # noqa: E402

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
RECIPES = (
    {"resolution": 224, "crop_fraction": 0.875, "interpolation": "bicubic", **HALF},
    {"resolution": 224, "crop_fraction": 0.9, "interpolation": "bicubic", **HALF},
    {"resolution": 256, "crop_fraction": 0.95, "interpolation": "bicubic", **HALF},
    {"resolution": 192, "crop_fraction": 192 / 224, "interpolation": "bilinear", **HALF},
    {"resolution": 128, "crop_fraction": 0.875, "interpolation": "bilinear", **IMAGENET},
    {"resolution": 97, "crop_fraction": 1.0, "interpolation": "lanczos", **IMAGENET},
    {"resolution": 96, "crop_fraction": 1.0, "interpolation": "bilinear", "crop_mode": "squash"},
    {"resolution": 96, "crop_fraction": 0.8, "interpolation": "bicubic", "crop_mode": "squash"},
)
PHOTOS = ("cat", "china", "rocket")
STEPS = 5  # 5 x 5 places, corners included


def main() -> None:
    """Run timm's transforms and write what comes out."""
    cases = []
    for recipe in RECIPES:
        recipe = {"crop_mode": "center", **HALF, **recipe}
        size = recipe["resolution"]
        transform = timm.data.create_transform(
            size,
            crop_pct=recipe["crop_fraction"],
            crop_mode=recipe["crop_mode"],
            interpolation=recipe["interpolation"],
            mean=recipe["mean"],
            std=recipe["std"],
        )
        places = [round(i * (size - 1) / (STEPS - 1)) for i in range(STEPS)]
        for photo in PHOTOS:
            with Image.open(ROOT / f"data/photos/{photo}.jpg") as image:
                x = transform(image.convert("RGB"))  # (3, size, size)
            cases.append(
                {
                    "recipe": {**recipe, "scale": 1 / 255},
                    "photo": photo,
                    "mean": float(x.double().mean()),
                    "places": places,
                    "values": [
                        [[round(float(x[c, i, j]), 7) for j in places] for i in places]
                        for c in range(3)
                    ],
                }
            )
    result = {"provenance": provenance(packages=("timm", "torchvision", "torch", "pillow"))}
    text = json.dumps(result | {"cases": cases})
    write_atomically(Path(__file__).with_name("preprocess.json"), text + "\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
