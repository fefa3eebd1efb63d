"""The four readers of letters of chapter 06, from the runs of the measured grid.

    python data/checkpoints/make_letters.py runs/grid

Takes the network of each width at the highest resolution, seed 0, as `mobilenet sweep --name grid`
leaves it in its folder, and gives it the papers that a committed checkpoint has. Prints what its
data sheet needs.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from mobilenet_lib.results import runs
from mobilenet_lib.train import Recipe
from mobilenet_lib.train.sweep import label
from mobilenet_lib.weights import load_published, save_checkpoint

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write the four checkpoints beside this script."""
    parser = argparse.ArgumentParser(description="checkpoints from the runs of the measured grid")
    parser.add_argument("folder", type=Path, help="where `mobilenet sweep` kept its runs")
    folder = parser.parse_args().folder
    trained = [run for run in runs("grid") if run.seed == 0 and run.body == "separable"]
    sharpest = max(run.resolution for run in trained)
    for run in trained:
        if run.resolution != sharpest:
            continue
        run_folder = folder / label(Recipe.from_dict(run.content["recipe"]))
        net = load_published(run_folder / "net.safetensors")
        if round(net.source["test_accuracy"], 5) != run.content["test_accuracy"]:
            raise SystemExit(f"{run_folder} is another run than the one in data/results/grid")
        source = {
            "title": f"MobileNetV1 {run.alpha:g} at {sharpest}x{sharpest}, letters in the wild",
            "origin": f"mobilenet sweep --name grid, {run.content['provenance']['date'][:10]}",
            "licence": "Apache-2.0",
            "trained on": "data/glyphs, composed as letters in the wild",
            "recipe": run.content["recipe"],
            "accuracy": run.content["test_accuracy"],
        }
        path = HERE / f"letters_{100 * run.alpha:.0f}_{run.resolution}.safetensors"
        save_checkpoint(net, path, source=source)
        content = path.read_bytes()
        print(f"{path.name}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
        print(f"  {net.arch.parameters:,} parameters, {run.accuracy:.1f} %")


if __name__ == "__main__":
    main()
