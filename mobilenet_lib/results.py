"""Measured runs in `data/results/`, one file a run, and choosing among networks by cost.

The files are written by `mobilenet sweep`; `measured("grid")` are the book's own sixteen networks.
Accuracies are in percent, as the paper's tables print them. Nothing here needs torch.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import find_data


class ResultsError(ValueError):
    """Results are not there, or a file holds none; the message names the file."""


@dataclass(frozen=True)
class Run:
    """One training run."""

    alpha: float
    resolution: int
    body: str
    seed: int
    accuracy: float
    """Test images that are named right, in percent."""
    mult_adds: int
    parameters: int
    history: tuple[dict[str, float], ...]
    """One row an epoch: loss, accuracy (0 to 1), rate, seconds."""
    content: dict[str, Any]
    """The whole file: recipe, choice of layout and precision, provenance."""


@dataclass(frozen=True)
class Measured:
    """One network over several seeds."""

    alpha: float
    resolution: int
    body: str
    accuracies: tuple[float, ...]
    """One a seed, in percent."""
    mult_adds: int
    parameters: int

    @property
    def accuracy(self) -> float:
        """Mean over the seeds, in percent."""
        return statistics.fmean(self.accuracies)

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds, in percentage points; 0 for a single one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


def results_folder(name: str) -> Path:
    """`data/results/<name>`.

    Raises
    ------
    ValueError
        The name has slashes, or is none.
    """
    if not name or Path(name).name != name:
        raise ValueError(f"name must be a plain name without slashes, got {name!r}")
    return find_data() / "results" / name


def runs(name: str, folder: Path | None = None) -> tuple[Run, ...]:
    """All runs of `data/results/<name>/`: body by body, widest network first, then by resolution.

    Parameters
    ----------
    name
        Of the sweep, as given to `mobilenet sweep --name`.
    folder
        In place of `data/results`.

    Raises
    ------
    ResultsError
        There are none, or a file is no results file of a run.
    """
    place = folder / name if folder else results_folder(name)
    found = [_read(path) for path in sorted(place.glob("*.json"))]
    if not found:
        raise ResultsError(f"no results in {place}; `mobilenet sweep --name {name}` writes them")
    return tuple(sorted(found, key=lambda r: (r.body, -r.alpha, -r.resolution, r.seed)))


def measured(name: str, folder: Path | None = None) -> tuple[Measured, ...]:
    """The networks of a sweep, each over its seeds; in the order of `runs`.

    Raises
    ------
    ResultsError
        See `runs`; or two seeds of a network were trained by different recipes.
    """
    networks: dict[tuple[str, float, int], list[Run]] = {}
    for run in runs(name, folder):
        seeds = networks.setdefault((run.body, run.alpha, run.resolution), [])
        if seeds and _recipe(run) != _recipe(seeds[0]):
            raise ResultsError(
                f"seeds {seeds[0].seed} and {run.seed} of alpha {run.alpha} at {run.resolution} "
                f"pixels in the results of {name} were trained by different recipes, so they have "
                "no common mean; move one away"
            )
        seeds.append(run)
    return tuple(
        Measured(
            alpha,
            resolution,
            body,
            tuple(run.accuracy for run in seeds),
            seeds[0].mult_adds,
            seeds[0].parameters,
        )
        for (body, alpha, resolution), seeds in networks.items()
    )


def _recipe(run: Run) -> dict[str, Any]:
    """What decides what is learned; how steps are computed, "auto" leaves to the machine."""
    recipe = {name: value for name, value in run.content["recipe"].items() if name != "seed"}
    speed, data = recipe.pop("speed", {}), dict(recipe.get("data", {}))
    data.pop("left_out", None)  # it only stops a run
    if run.content.get("fingerprint"):  # says what the images are, wherever they lay
        data["dataset"] = run.content["fingerprint"]
    return recipe | {"data": data, "accumulate": speed.get("accumulate", False)}


def _read(path: Path) -> Run:
    try:
        content = json.loads(path.read_text("utf-8"))
        network = content["recipe"]["network"]
        return Run(
            network["alpha"],
            network["resolution"],
            network["body"],
            content["recipe"]["seed"],
            100 * float(content["test_accuracy"]),
            content["mult_adds"],
            content["parameters"],
            tuple(content["history"]),
            content,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} is no results file of a run ({error!r})") from error


def recorded(name: str, folder: Path | None = None) -> dict[str, Any]:
    """A benchmark's file `data/results/<name>.json`: its "results" and its "provenance".

    Parameters
    ----------
    name
        Such as "bench_sixteen".
    folder
        In place of `data/results`.

    Raises
    ------
    ResultsError
        There is no such file, or it is none of a benchmark.
    """
    path = (folder or results_folder(name).parent) / f"{name}.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if content["benchmark"] != name or not isinstance(content["results"], dict):
            raise KeyError("results")
        content["provenance"]["date"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} is no results file of a benchmark ({error!r}); `mobilenet bench` with "
            "--record writes them"
        ) from error
    return content


def engine_label(name: str, slice: int | None, streams: int | None) -> str:
    """An engine's name with how it cuts a batch: "openvino, slices of 4, 2 side by side"."""
    cut = "" if slice is None else f", slices of {slice}"
    return name + cut + ("" if streams is None else f", {streams} side by side")


def pareto(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Places of the networks that no other beats, cheapest first.

    A network is beaten if another costs no more and is at least as accurate, and is better in one
    of the two. Of networks that are equal in both, the first stays.

    Parameters
    ----------
    costs
        Mult-adds, milliseconds or whatever is to be small; one a network.
    accuracies
        One a network, in the same order.
    """
    front: list[int] = []
    by_cost = sorted(range(len(costs)), key=lambda i: (costs[i], -accuracies[i]))
    for i in by_cost:
        if not front or accuracies[i] > accuracies[front[-1]]:
            front.append(i)
    return front


def best_within(budget: float, costs: Sequence[float], accuracies: Sequence[float]) -> int | None:
    """Place of the most accurate network that costs at most `budget`; None if none does.

    Of equally accurate networks it is the cheapest.
    """
    affordable = [i for i in pareto(costs, accuracies) if costs[i] <= budget]
    return affordable[-1] if affordable else None
