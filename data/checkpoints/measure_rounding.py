"""What the person detector and a letters network answer once their weights are in few bits.

    python data/checkpoints/measure_rounding.py [--crops 200] [--letters 1000] [--record]

Weights only, batch normalization folded in; activations stay in float32. For each depthwise and
pointwise layer alone, and for all convolutions and the classifier at once: 2 to 8 bits, one step a
layer or one a channel, with and without a zero point. Counted is how many of some random crops of
the book's photos get the answer that they get in float32, and, of the letters network, how many
test letters are read right.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mobilenet_lib import load_published
from mobilenet_lib.bench.quality import load_letters
from mobilenet_lib.engines.folding import fold
from mobilenet_lib.explorers.rounding import PER, round_weights
from mobilenet_lib.files import record_result
from mobilenet_lib.photos import credits, load_photo

BITS = tuple(range(2, 9))
LETTERS = "letters_50_56"
WHOLE = "all"


def weighty(net: nn.Module) -> dict[str, nn.Module]:
    """Convolutions and the classifier by layer, in the network's order."""
    return {
        name.removesuffix(".conv"): module
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }


@contextmanager
def rounded(modules: list[nn.Module], *how: Any) -> Iterator[None]:
    """Within, the weights of these layers are rounded."""
    kept = [module.weight.detach().clone() for module in modules]
    try:
        for module, weight in zip(modules, kept, strict=True):
            values = round_weights(weight.numpy(), *how).values
            module.weight.data = torch.from_numpy(values).view_as(weight)
        yield
    finally:
        for module, weight in zip(modules, kept, strict=True):
            module.weight.data = weight


def crops(photos: list[np.ndarray], count: int, seed: int) -> list[np.ndarray]:
    """Squares of 40 to 100 % of a photo's shorter side, half of them mirrored."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        photo = photos[number % len(photos)]
        height, width = photo.shape[:2]
        side = int(draw.uniform(0.4, 1) * min(height, width))
        top, left = draw.integers(height - side + 1), draw.integers(width - side + 1)
        square = photo[top : top + side, left : left + side]
        found.append(np.ascontiguousarray(square[:, ::-1] if draw.random() < 0.5 else square))
    return found


def person(net: nn.Module, images: Tensor) -> np.ndarray:
    """The probability of a person in each image."""
    return torch.cat([net(part).softmax(1)[:, 0] for part in images.split(64)]).numpy()


def detector(count: int, seed: int) -> dict[str, Any]:
    """The person detector: by layer and way, one number for each of `BITS`."""
    published = load_published("person_detector").eval()
    net, names = fold(published), sorted(credits())
    photos = [load_photo(name) for name in names]
    tensors = [
        published.preprocess(Image.fromarray(each)) for each in photos + crops(photos, count, seed)
    ]
    images = torch.cat(tensors)
    layers = weighty(net)
    groups = {name: [module] for name, module in layers.items() if name[:2] in ("dw", "pw")}
    groups[WHOLE] = list(layers.values())
    exact = person(net, images)
    answers = exact[len(names) :] > 0.5
    rows = []
    for (name, modules), per, zero_point in product(groups.items(), PER, (False, True)):
        shares, photos_say = [], []
        for bits in BITS:
            with rounded(modules, bits, per, zero_point):
                found = person(net, images)
            shares.append(round(float(np.mean((found[len(names) :] > 0.5) == answers)), 4))
            photos_say.append([round(float(p), 3) for p in found[: len(names)]])
        by_photo = [list(each) for each in zip(*photos_say, strict=True)]
        rows.append(
            {
                "layer": name,
                "per": per,
                "zero_point": zero_point,
                "agreement": shares,
                "person": by_photo,
            }
        )
        print(name, per, zero_point, *shares, flush=True)
    return {
        "checkpoint": "person_detector",
        "photos": names,
        "crops": count,
        "crops_with_person": int(answers.sum()),
        "person_float32": [round(float(p), 3) for p in exact[: len(names)]],
        "rows": rows,
    }


def readers(count: int, seed: int) -> dict[str, Any]:
    """The letters network with all weights rounded: share of test letters read right."""
    published = load_published(LETTERS).eval()
    net = fold(published)
    images, labels = load_letters(published, "test", count, seed)
    modules = list(weighty(net).values())

    def right() -> float:
        found = torch.cat([net(part).argmax(1) for part in images.split(100)])
        return round(float((found == labels).double().mean()), 4)

    rows = []
    for per, zero_point in product(PER, (False, True)):
        shares = []
        for bits in BITS:
            with rounded(modules, bits, per, zero_point):
                shares.append(right())
        rows.append({"per": per, "zero_point": zero_point, "right": shares})
        print(LETTERS, per, zero_point, *shares, flush=True)
    return {"checkpoint": LETTERS, "letters": len(labels), "right_float32": right(), "rows": rows}


def main() -> None:
    """Measure, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="what networks answer with rounded weights")
    parser.add_argument("--crops", type=int, default=200, help="of the photos")
    parser.add_argument("--letters", type=int, default=1000, help="test images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--record", action="store_true", help="write data/results/rounding.json with provenance"
    )
    options = parser.parse_args()
    start = time.perf_counter()
    with torch.inference_mode():
        results = {
            "bits": list(BITS),
            "detector": detector(options.crops, options.seed),
            "letters": readers(options.letters, options.seed),
        }
    if options.record:
        content = {"results": results, "wall_time_s": round(time.perf_counter() - start, 1)}
        path = record_result("rounding", content, options.seed, ("torch", "numpy"))
        print(f"recorded in data/results/{path.name}")


if __name__ == "__main__":
    main()
