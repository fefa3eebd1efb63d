"""`mobilenet sweep`: a grid of runs over width, resolution, body and seed."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from ..architecture import Body
from ..train.recipe import RECIPES, Recipe, flat


@dataclass(frozen=True)
class Sweep:
    """Train a grid of networks. Finished runs are left alone, unfinished ones go on."""

    recipe: Recipe
    alphas: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25)
    """Width multipliers, in place of --alpha."""
    resolutions: tuple[int, ...] = (64,)
    """Sides of the images, in place of --resolution."""
    bodies: tuple[Body, ...] = ("separable",)
    """Bodies of the network, in place of --body."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the runs, for error bars, in place of --seed."""
    name: str = "sweep"
    """Name of the folder below data/results/ where results are written, one file a run."""
    out: Path | None = None
    """Folder to write the results to instead."""
    runs: Path | None = None
    """Folder for checkpoints and networks; None takes runs/NAME."""
    jobs: int = 1
    """Runs at a time on this machine, each with its share of the cores and one of the GPUs."""
    save_every: int = 200
    """Steps between checkpoints."""
    list: bool = False
    """Print one command a run, for a cluster's scheduler, and train nothing."""

    def run(self) -> int:
        """Train the grid; the exit code is 1 if a run failed."""
        from ..results import results_folder
        from ..train import sweep

        values, start = flat(self.recipe), flat(RECIPES[self.recipe.name])
        plural = {"seed": "seeds", "body": "bodies", "alpha": "alphas", "resolution": "resolutions"}
        for one, several in plural.items():
            if values[one] != start[one]:
                raise ValueError(f"a sweep takes --{several}, one value or more, and no --{one}")
        chosen = {one: getattr(self, several) for one, several in plural.items()}
        recipes = sweep.grid(self.recipe, **chosen)
        kept = self.runs or Path("runs") / self.name
        if self.list:
            for recipe in recipes:
                print(shlex.join(("mobilenet", *self.arguments(recipe, kept))))
            return 0
        out = self.out or results_folder(self.name)
        python = (sys.executable, "-m", "mobilenet_lib.cli")
        planned = [
            sweep.GridRun(
                recipe,
                kept / sweep.label(recipe),
                out / f"{sweep.label(recipe)}.json",
                (*python, *self.arguments(recipe, kept)),
            )
            for recipe in recipes
        ]
        failed = sweep.run_all(planned, self.jobs, print)
        return int(bool(failed))

    def arguments(self, recipe: Recipe, kept: Path) -> tuple[str, ...]:
        """What follows `mobilenet` to make one run by itself."""
        from ..train import sweep

        folder = kept / sweep.label(recipe)
        words = ["train", "--recipe", recipe.name, "--seed", str(recipe.seed)]
        words += sweep.changed_options(recipe)
        return (*words, "--out", str(folder), "--resume", "--save-every", str(self.save_every))
