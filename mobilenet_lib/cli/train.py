"""`mobilenet train`, one run, alone or under `accelerate launch`; `mobilenet sweep`, a grid."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..architecture import Body
from ..lab import limit_threads
from ..train.recipe import RECIPES, Recipe, flat


@dataclass(frozen=True)
class Train:
    """Train a MobileNet by a recipe. Interrupted or killed, it goes on with --resume."""

    recipe: Recipe
    out: Path | None = None
    """Folder of the run; None takes one below runs/ that is named after the recipe."""
    resume: bool = False
    """Go on with the run in that folder, if there is one."""
    save_every: int = 200
    """Steps between checkpoints; one is also written after every epoch."""
    json: bool = False
    """Print the result as JSON, for a program to read."""

    def run(self) -> int:
        """Train, with progress and the time left; the exit code is 1 if it was interrupted."""
        folder = self.out or Path("runs") / run_name(self.recipe)
        limit_threads()
        from ..train import train  # brings in torch, which `mobilenet cost` does without

        with Progress() as progress:
            result = train(
                self.recipe,
                folder,
                resume=self.resume,
                save_every=self.save_every,
                on_step=progress,
                on_choice=progress.say,
                on_left_out=progress.say,
            )
        if not progress.is_main:
            return int(not result.finished)
        if self.json:
            content: dict[str, Any] = {"accuracy": result.accuracy, "finished": result.finished}
            content |= {"folder": str(folder), "history": result.history}
            print(json.dumps(content | {"choice": asdict(result.choice)}, indent=2))
        elif result.finished:
            print(f"{result.accuracy:.1%} of the test images after {result.seconds:,.0f} s")
            print(f"look with it: mobilenet predict PHOTO --weights {folder / 'net.safetensors'}")
        else:
            print(
                f"interrupted after step {len(result.losses)}; everything is in {folder}. "
                "Go on with the same command and --resume"
            )
        return int(not result.finished)


class Progress:
    """A bar with the time left; of several processes only the first draws one."""

    def __init__(self) -> None:
        from accelerate import PartialState
        from tqdm import tqdm

        self.is_main = True
        self._state, self._make = PartialState, tqdm
        self._bar: tqdm | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def say(self, line: Any) -> None:
        """Say something about the run beside its steps: how it computes, or what it leaves out."""
        self.is_main = self._state().is_main_process
        if self.is_main:
            self._make.write(str(line), file=sys.stderr)

    def __call__(self, step: Any) -> None:
        """Take in one step."""
        if not self.is_main:
            return
        if self._bar is None:
            first = step.number - 1
            self._bar = self._make(total=step.steps, initial=first, unit="step", mininterval=0.5)
        self._bar.set_postfix_str(f"epoch {step.epoch}, loss {step.loss:.3f}", refresh=False)
        self._bar.update(1)
        if step.accuracy is not None:
            self._bar.write(
                f"epoch {step.epoch}: {step.accuracy:.1%} of the test images", file=sys.stderr
            )


def run_name(recipe: Recipe) -> str:
    """A folder's name for a run, such as "quick_glyphs_0.5_64_separable_seed0"."""
    size = recipe.network
    dataset = Path(recipe.data.dataset).stem
    parts = (recipe.name, dataset, f"{size.alpha:g}", str(size.resolution), size.body)
    return "_".join((*parts, f"seed{recipe.seed}"))


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
