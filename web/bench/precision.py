"""In which precision networks go to the page: bytes, and what rounding their weights changes.

    python web/bench/precision.py [--record]

For each of the five networks and each precision of `compact`: how many of 1,000 letters get another
answer than from the checkpoint, or how far the person detector's probabilities move on the book's
photos. Everything is computed by PyTorch, since the engines in the page give the same.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from mobilenet_lib import data, load_published
from mobilenet_lib.engines.compact import DTYPES, compact, read_compact
from mobilenet_lib.files import record_result
from mobilenet_lib.photos import credits, load_photo
from mobilenet_lib.text import format_table
from mobilenet_lib.timing import significant

NETWORKS = ("person_detector", *(f"letters_{alpha}_56" for alpha in (25, 50, 75, 100)))
LETTERS = 1000


def main() -> None:
    """Measure, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="precisions of the page's networks")
    parser.add_argument(
        "--record", action="store_true", help="write data/results/web_precision.json"
    )
    record = parser.parse_args().record
    results = {name: measured(name) for name in NETWORKS}
    rows = [
        (name, precision, found["bytes"], found["changed_answers"], found["probability_off_by"])
        for name, precisions in results.items()
        for precision, found in precisions.items()
    ]
    columns = {
        "network": "",
        "weights": "",
        "bytes": ",d",
        "changed answers": "d",
        "probability off by": "g",
    }
    print(*format_table(columns, rows), sep="\n")
    if record:
        path = record_result("web_precision", {"results": results}, 0, ("numpy", "torch"))
        print(f"recorded in data/results/{path.name}")


@torch.inference_mode()
def measured(name: str) -> dict[str, dict[str, Any]]:
    """One network in every precision."""
    net = load_published(name)
    if name == "person_detector":
        images = torch.cat([net.preprocess(load_photo(photo)) for photo in credits()])
    else:
        test = data.load("glyphs", split="test", batch_size=LETTERS, preprocess=net.preprocess)
        images, _ = next(iter(test))
    expected = net(images).softmax(1)
    found = {}
    for precision in DTYPES:
        content = compact(net, precision)
        given = read_compact(content)(images).softmax(1)
        found[precision] = {
            "bytes": len(content),
            "images": len(images),
            "changed_answers": int((given.argmax(1) != expected.argmax(1)).sum()),
            "probability_off_by": significant(float((given - expected).abs().max()), 2),
        }
    return found


if __name__ == "__main__":
    main()
