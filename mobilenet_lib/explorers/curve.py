"""Parts of a training curve: what is checked, what is left out of the picture, the time left."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..validation import check_int, check_number

MOST = 1000
"""Losses that are drawn and saved with the notebook, plus the first and the last."""
RECENT = 50
"""Steps from which the time left is estimated."""


class Taken(NamedTuple):
    """A step that has been checked; as `mobilenet_lib.train.outcome.Step`."""

    number: int
    steps: int
    epoch: int
    loss: float
    accuracy: float | None


def take(step: Any) -> Taken:
    """Check a step.

    Raises
    ------
    TypeError
        It lacks an attribute, or one is not a number.
    ValueError
        A value is not possible.
    """
    missing = [name for name in Taken._fields if not hasattr(step, name)]
    if missing:
        raise TypeError(
            f"a step has {', '.join(Taken._fields)}, as those that `train` hands to `on_step`; "
            f"{step!r} has no {missing[0]}"
        )
    steps = check_int("steps", step.steps, 1)
    number = check_int("number", step.number, 1, steps)
    epoch = check_int("epoch", step.epoch, 1, number)
    loss = float(step.loss)
    if not math.isfinite(loss):
        raise ValueError(
            f"the loss of step {number} is {loss}: the training has diverged; try a third of the "
            "learning rate"
        )
    accuracy = None if step.accuracy is None else check_number("accuracy", step.accuracy, 0, 1)
    return Taken(number, steps, epoch, loss, accuracy)


def check_beside(beside: Mapping[str, Sequence[float]]) -> list[list[Any]]:
    """Accuracies of other runs as [name, accuracies] rows.

    Raises
    ------
    ValueError
        A run has no accuracy, one that is no share, or another number of epochs than the first.
    """
    rows: list[list[Any]] = []
    for name, values in beside.items():
        what = f"accuracy of {name!r}"
        rows.append([str(name), [check_number(what, value, 0, 1) for value in values]])
        many, first = len(rows[-1][1]), len(rows[0][1])
        if not many:
            raise ValueError(f"{name!r} needs at least one accuracy, got none")
        if many != first:
            raise ValueError(
                f"the runs beside must have equally many epochs: {rows[0][0]!r} has {first}, "
                f"{name!r} has {many}"
            )
    return rows


def thinned(losses: Sequence[tuple[int, float]], steps: int, window: int) -> list[list[float]]:
    """[step, loss, mean] rows to draw, about `MOST` of them for a run of any length.

    The run is cut into stretches of equally many steps, and of each the smallest and the largest
    loss stay at their own steps. The drawn line thus reaches as high and as low as the complete
    one everywhere, and what has been drawn stays the same as the run goes on. Up to `MOST` steps
    nothing is left out. The mean is that of the last `window` losses up to the step, of all losses
    and not only of those that stay.
    """
    if not losses:
        return []
    numbers, values = (np.array(column) for column in zip(*losses, strict=True))
    stretch = (numbers - 1) // -(-2 * steps // MOST)
    by_loss = np.lexsort((values, stretch))
    borders = np.flatnonzero(np.diff(stretch[by_loss]))
    smallest, largest = by_loss[np.r_[0, borders + 1]], by_loss[np.r_[borders, len(values) - 1]]
    kept = np.unique(np.r_[0, smallest, largest, len(values) - 1])
    sums = np.r_[0.0, np.cumsum(values)]
    before = np.maximum(kept + 1 - window, 0)
    means = (sums[kept + 1] - sums[before]) / (kept + 1 - before)
    return [
        [int(number), float(f"{loss:.4g}"), float(f"{mean:.4g}")]
        for number, loss, mean in zip(numbers[kept], values[kept], means, strict=True)
    ]


class Pace:
    """How long steps take: those that end an epoch apart, because they also test the network."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.plain: deque[float] = deque(maxlen=RECENT)
        self.ends: deque[float] = deque(maxlen=3)

    def tick(self, now: float, *, follows: bool, ends: bool) -> None:
        """A step is done; its time counts if it `follows` the one before it without a gap."""
        if self.last is not None and follows:
            (self.ends if ends else self.plain).append(now - self.last)
        self.last = now

    def left(self, steps: int, ends: int) -> float | None:
        """Seconds for `steps` more steps, of which `ends` end an epoch; None before 3 are timed.

        Medians, so that a machine that slept or a checkpoint that was written changes little.
        """
        if len(self.plain) + len(self.ends) < 3:
            return None
        plain = statistics.median(self.plain or self.ends)
        end = statistics.median(self.ends or self.plain)
        return (steps - ends) * plain + ends * end


def short(loss: float) -> str:
    """A loss with three digits: 4.13, 0.400, 124."""
    return f"{loss:#.3g}".rstrip(".")


def percent(accuracy: float) -> str:
    """An accuracy in per cent: 83.1 %."""
    return f"{100 * accuracy:.1f} %"


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours, minutes and seconds; rounded to 5 s from a minute on."""
    whole = round(seconds) if seconds < 60 else 5 * round(seconds / 5)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
