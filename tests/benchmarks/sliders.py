"""How fast a slider answers: from setting a control's value to the new picture in the widget.

    python tests/benchmarks/sliders.py [--record]

Every control of every figure explorer is moved to random values; each reading is one move. The
limit is 100 ms, where a movement still feels immediate.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from measure import arguments, finish, show, summary

from mobilenet_lib import cost, mobilenet_v1
from mobilenet_lib.explorers import FigureExplorer, SeparableExplorer

LIMIT_MS = 100
MOVES, WARM_UP = 40, 5


def other_values(control: Any, rng: random.Random) -> Iterator[Any]:
    """Random values of a control, never the one that it has."""
    choices = list(
        getattr(control, "options", None) or range(int(control.min), int(control.max) + 1)
    )
    while True:
        value = rng.choice(choices)
        if value != control.value:
            yield value


def moves(explorer: FigureExplorer, name: str, rng: random.Random) -> list[float]:
    """Milliseconds for each move of one control."""
    control = explorer.controls[name]
    values = other_values(control, rng)
    readings = []
    for move in range(WARM_UP + MOVES):
        value, drawn = next(values), explorer.redraws
        start = time.perf_counter()
        control.value = value
        elapsed = 1e3 * (time.perf_counter() - start)
        assert explorer.redraws > drawn, "the move drew nothing"
        if move >= WARM_UP:
            readings.append(elapsed)
    return readings


def recompute(rng: random.Random) -> float:
    """Milliseconds to count a whole network anew, as a slider without a picture does."""
    alpha, resolution = rng.uniform(0.1, 2), rng.randint(32, 320)
    start = time.perf_counter()
    arch = mobilenet_v1(alpha, resolution)
    _ = arch.mult_adds, arch.parameters, arch.receptive_field, arch.by_kind(), arch.intensity()
    _ = cost.layer_ladder(alpha=alpha)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Measure, print, and record if asked to."""
    options = arguments("how fast a slider answers")
    rng = random.Random(0)
    explorers: dict[str, Callable[[], FigureExplorer]] = {
        "SeparableExplorer": SeparableExplorer,
    }
    results, kept = {}, True
    for _ in range(WARM_UP):
        recompute(rng)
    results["recompute all costs"] = summary([recompute(rng) for _ in range(200)])
    kept &= show("recompute all costs", results["recompute all costs"], LIMIT_MS)
    for title, make in explorers.items():
        explorer = make()
        for name in explorer.controls:
            key = f"{title}: {name}"
            results[key] = summary(moves(explorer, name, rng))
            kept &= show(key, results[key], LIMIT_MS)
    packages = ("numpy", "matplotlib", "ipywidgets", "pillow")
    finish("sliders", results, kept, options.record, packages)


if __name__ == "__main__":
    main()
