"""Make the photographs in this folder from the images that scikit-image and scikit-learn ship.

    pip install scikit-image==0.26.0 scikit-learn==1.9.1
    python data/photos/make_photos.py

Each is resized so that its longer side has at most 512 pixels and saved as an RGB JPEG. Authors and
licences are in credits.csv.
"""

import io
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_image

from mobilenet_lib.files import write_atomically

HERE = Path(__file__).resolve().parent
LONGEST = 512

PHOTOS = {
    "astronaut": skimage.data.astronaut,
    "camera": skimage.data.camera,
    "cat": skimage.data.chelsea,
    "china": lambda: load_sample_image("china.jpg"),
    "coffee": skimage.data.coffee,
    "flower": lambda: load_sample_image("flower.jpg"),
    "rocket": skimage.data.rocket,
}


def main() -> None:
    """Write every photo beside this script."""
    for name, load in PHOTOS.items():
        image = Image.fromarray(np.asarray(load())).convert("RGB")
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=90, optimize=True)
        write_atomically(HERE / f"{name}.jpg", encoded.getvalue())
        print(f"{name:10s} {image.width}x{image.height}  {len(encoded.getvalue()) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
