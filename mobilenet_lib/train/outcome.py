"""What a step and a run come to, and when a run has come to nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..model import MobileNet
from .choose_plan import Choice
from .recipe import Recipe

WINDOW, TOO_HIGH = 20, 4.0
"""A run diverged when its last 20 losses are, on average, 4 times that of guessing."""


class Diverged(ValueError):
    """The loss is no number any more, or far above guessing; the message says what to try."""


@dataclass(frozen=True)
class Step:
    """What one step did."""

    number: int
    """Counted from 1."""
    steps: int
    """Steps of the whole run."""
    epoch: int
    """Counted from 1."""
    loss: float
    rate: float
    """Learning rate."""
    accuracy: float | None
    """Share of test images that are named right; at the end of an epoch only."""


@dataclass(frozen=True)
class Result:
    """A run, finished or not."""

    net: MobileNet
    """Trained network, with `preprocess` and `classes`; averaged weights if the recipe says so."""
    accuracy: float | None
    """On the test images, after the last epoch that was finished."""
    history: list[dict[str, float]]
    """One row an epoch: loss, accuracy, rate, seconds."""
    losses: list[float]
    """One a step."""
    choice: Choice
    """Layout and precision, and why."""
    seconds: float
    """Time in training, over all parts of the run."""
    finished: bool


def check_loss(losses: list[float], guess: float, steps: int, recipe: Recipe, plan: str) -> None:
    """Refuse a last loss that is no number, and last losses that are far above guessing.

    `losses` are one a step, so far, of all `steps`; `guess` is the loss of guessing, the logarithm
    of the number of classes; `recipe` and `plan` are for the advice on what to try.
    """
    recent = losses[-WINDOW:]
    mean = sum(recent) / len(recent)
    if math.isfinite(losses[-1]) and (len(recent) < WINDOW or mean < TOO_HIGH * guess):
        return
    loss = f"is {losses[-1]}" if not math.isfinite(losses[-1]) else f"averages {mean:.3g}"
    rate = recipe.optimization.rate
    raise Diverged(
        f"training diverged: the loss {loss} at step {len(losses)} of {steps} (guessing gives "
        f"{guess:.2f}; largest rate {rate:.4g}). Try a third of the rate (--rate {rate / 3:.2g}), "
        f"another shape with --warm-up, or --clip 1" + (", or --plan fp32" * ("bf16" in plan))
    )
