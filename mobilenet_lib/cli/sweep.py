"""`mobilenet sweep`: a grid of runs over width, resolution, body and seed."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from ..architecture import Body
from ..train.presets import RECIPES
from ..train.recipe import Recipe
from .train import Options


@dataclass(frozen=True)
class Sweep:
    """Train a grid of networks. Finished runs are left alone, unfinished ones go on."""

    options: Annotated[Options, tyro.conf.arg(name="")] = field(default_factory=Options)
    alphas: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25)
    """Width multipliers, in place of --alpha."""
    resolutions: tuple[int, ...] = (64,)
    """Sides of the images, in place of --resolution."""
    bodies: tuple[Body, ...] = ("separable",)
    """Bodies, in place of --body."""
    seeds: tuple[int, ...] = (0,)
    """Seeds, for error bars."""
    name: str = "sweep"
    """Results are written to data/results/NAME/, one file a run."""
    out: Path | None = None
    """Write the results to this folder instead."""
    runs: Path | None = None
    """Where checkpoints and networks are kept; runs/NAME if not given."""
    jobs: int = 1
    """Runs at a time on this machine, each with its share of the cores and one of the GPUs."""
    save_every: int = 200
    """Steps between checkpoints."""
    list: bool = False
    """Only print one command a run, for a cluster's scheduler."""

    def run(self) -> int:
        """GridRun the grid; the exit code is 1 if a run failed."""
        from ..results import results_folder
        from ..train import sweep
        from ..train.sweep import Grid

        start = RECIPES[self.options.recipe].network
        plural = {"alpha": "alphas", "resolution": "resolutions", "body": "bodies"}
        for one, several in plural.items():
            if getattr(self.options.network, one) != getattr(start, one):
                raise ValueError(f"a sweep takes --{several}, one value or more, and no --{one}")
        grid = Grid(self.alphas, self.resolutions, self.bodies, self.seeds)
        recipes = grid.recipes(self.options.made(0))
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
        said = ["train", "--recipe", recipe.name, "--seed", str(recipe.seed)]
        said += sweep.changed_options(recipe)
        return (*said, "--out", str(folder), "--resume", "--save-every", str(self.save_every))
