"""A run from its first step to its results file."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..files import provenance, write_json
from ..process import device_name
from ..validation import check_int, check_positive
from ..weights import save_checkpoint
from .checkpoint import held
from .choose_plan import Choice
from .factory import published
from .interrupt import Interruptible
from .loop import Trainer
from .outcome import Result, Step
from .recipe import Recipe

RESULTS = "results.json"


def train(
    recipe: Recipe,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    save_every: int = 200,
    time_limit: float | None = None,
    on_step: Callable[[Step], Any] | None = None,
    on_choice: Callable[[Choice], Any] | None = None,
    on_left_out: Callable[[str], Any] | None = None,
) -> Result:
    """Train a network by a recipe.

    An interrupt (Ctrl-C, or the stop button of a notebook) or the end of its time ends it after the
    next whole step: the state is saved, and what has been trained so far comes back, `finished`
    false.

    Parameters
    ----------
    recipe
        What to do.
    folder
        Where to keep the checkpoint (training.ckpt), the finished network (net.safetensors) and
        the results (results.json); None keeps nothing.
    resume
        Go on from the folder's checkpoint, if it has one.
    save_every
        Steps between checkpoints; one is also written at the start, so that a folder which cannot
        be written is found out at once, and after every epoch.
    time_limit
        Seconds that this call's steps may take, with tests and checkpoints; None: no limit.
    on_step
        Called after every step with a `Step`, for a live curve or a progress bar.
    on_choice
        Called once, before the first step, with the layout and precision and why.
    on_left_out
        Called in the first process with one line on the images and files that are left out, if
        there are any: before the first step, after the first test and at the end, each time only
        if there are more. None: it becomes a warning.

    Raises
    ------
    ValueError
        See `Trainer`; `Diverged`; `OutOfMemory`.
    OSError
        A file could not be written.
    """
    save_every = check_int("save_every", save_every, 1)
    if time_limit is not None:
        time_limit = check_positive("time_limit", time_limit)
    # Of the code that runs, which may be another than what lies there when the run ends.
    origin = provenance(recipe.seed, ("torch", "numpy", "accelerate"))
    trainer = Trainer(recipe, folder, resume=resume)
    if on_choice is not None:
        on_choice(trainer.choice)
    message = ""

    def tell() -> None:
        nonlocal message
        if trainer.accelerator.is_main_process and str(trainer.unusable) != message:
            message = str(trainer.unusable)
            if on_left_out is not None:
                on_left_out(message)
            else:
                warnings.warn(message, stacklevel=3)

    tell()
    kept = Path(folder) if folder is not None and trainer.accelerator.is_main_process else None
    with held(kept) if kept else nullcontext():
        before = trainer.done
        if not before:
            trainer.save()
        end = math.inf if time_limit is None else time.perf_counter() + time_limit
        with Interruptible() as interrupt:
            while not trainer.finished and not trainer.stopped:
                done = trainer.step(stop=interrupt.asked or time.perf_counter() > end)
                if on_step is not None:
                    on_step(done)
                if done.accuracy is not None and len(trainer.history) == 1:
                    tell()
                if done.number % save_every == 0 or done.accuracy is not None or trainer.stopped:
                    trainer.save()
        tell()
        result = trainer.result()
        # What is finished and written stays as it is, with the provenance of the run that made it.
        if kept and result.finished and (trainer.done > before or not (kept / RESULTS).exists()):
            write_results(trainer, result, kept, origin)
    return result


def write_results(trainer: Trainer, result: Result, folder: Path, origin: dict[str, Any]) -> None:
    """Write the trained network and the results with their provenance, taken at the start."""
    recipe, accuracy = published(trainer.recipe).to_dict(), result.history[-1]["accuracy"]
    source = {"recipe": recipe, "test_accuracy": accuracy}
    save_checkpoint(result.net, folder / "net.safetensors", source=source)
    arch = result.net.arch
    content = {
        "recipe": recipe,
        "fingerprint": trainer.fingerprint,
        "test_accuracy": round(accuracy, 5),
        "test_images": trainer.tested,
        "left_out": trainer.unusable.to_dict(),
        "mult_adds": arch.mult_adds,
        "parameters": arch.parameters,
        "history": result.history,
        "choice": asdict(result.choice),
        "wall_time_s": round(result.seconds, 1),
        "device": device_name(trainer.device),
        "processes": trainer.accelerator.num_processes,
        "threads": torch.get_num_threads(),
        "provenance": origin,
    }
    write_json(folder / RESULTS, content)
