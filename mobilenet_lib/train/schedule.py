"""Learning rate and momentum as functions of the step: nothing to save, nothing to get out of step.

>>> lr_at(Schedule(epochs=10, shape="cosine"), step=0, steps=1000)
RateAndMomentum(rate=1.0, momentum=0.0)
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .recipe import Schedule

RISE = 0.3
"""Share of the steps in which one-cycle's rate rises."""
START, END = 1 / 25, 1 / 25 / 1e4
"""One-cycle's first and last rate, as a share of the largest."""
SWING = 0.05
"""How far one-cycle's momentum goes above and below its middle."""


class RateAndMomentum(NamedTuple):
    """What the schedule says at one step."""

    rate: float
    """Factor on the recipe's learning rate."""
    momentum: float
    """Added to the recipe's momentum."""


def lr_at(schedule: Schedule, step: int, steps: int) -> RateAndMomentum:
    """What holds in `step`, counted from 0, of `steps` in all."""
    per_epoch = steps / schedule.epochs
    warm = round(schedule.warm_up * per_epoch)
    if schedule.shape == "one-cycle":
        return _one_cycle(step, steps)
    if step < warm:
        return RateAndMomentum((step + 1) / (warm + 1), 0.0)
    if schedule.shape == "cosine":
        return RateAndMomentum(_between(1.0, 0.0, (step - warm) / max(1, steps - warm)), 0.0)
    if schedule.shape == "exponential":
        # In stairs, as tf-slim does; the stairs are counted from the start, warm-up or not.
        stairs = math.floor(step / (schedule.every * per_epoch) + 1e-9)
        return RateAndMomentum(schedule.factor**stairs, 0.0)
    return RateAndMomentum(1.0, 0.0)


def _one_cycle(step: int, steps: int) -> RateAndMomentum:
    # Up from START to 1, then down to END, both along half a cosine; momentum the other way.
    top = RISE * steps - 1
    if top > 0 and step <= top:
        share = step / top
        return RateAndMomentum(_between(START, 1.0, share), _between(SWING, -SWING, share))
    # A training so short that it has no room to rise starts at the top.
    share = min(1.0, (step - max(top, 0)) / max(1, steps - 1 - max(top, 0)))
    return RateAndMomentum(_between(1.0, END, share), _between(-SWING, SWING, share))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
