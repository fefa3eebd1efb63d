"""The networks that run in a page: compact files of five of the book's checkpoints.

    python data/web/make_web.py

Writes them beside this script and prints what the data sheet needs; which precision they are in
was decided by `web/bench/precision.py`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mobilenet_lib.engines.compact import compact
from mobilenet_lib.files import write_atomically
from mobilenet_lib.weights import load_published

HERE = Path(__file__).resolve().parent
NAMES = ("person_detector", *(f"letters_{alpha}_56" for alpha in (25, 50, 75, 100)))


def main() -> None:
    """Write the files."""
    for name in NAMES:
        content = compact(load_published(name))
        write_atomically(HERE / f"{name}.mnet", content)
        print(f"| `{name}.mnet` | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |")


if __name__ == "__main__":
    main()
