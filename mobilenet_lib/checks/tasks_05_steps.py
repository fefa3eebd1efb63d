"""What exercises 5.2, 5.4 and 5.8 are judged by: a step, a soft target, gradients of several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .behaviour import behaves
from .compare import Case


def momentum_step(
    weight: Any, velocity: Any, gradient: Any, rate: float, momentum: float, decay: float
) -> tuple[Any, Any]:
    """The new weight and velocity of SGD with momentum and decay."""
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


def _steps() -> Iterator[Case]:
    rng = np.random.default_rng(52)
    for rate, momentum, decay in ((0.5, 0.9, 0.0), (0.2, 0.8, 0.1), (0.03, 0.5, 0.3)):
        yield (*rng.standard_normal((3, 2, 5)), rate, momentum, decay)


def smooth(label: int, classes: int, share: float) -> np.ndarray:
    """A label as probabilities, a share of them spread over all classes."""
    target = np.full(classes, share / classes)
    target[label] += 1 - share
    return target


def _others_only(label: int, classes: int, share: float) -> np.ndarray:
    target = np.full(classes, share / (classes - 1))
    target[label] = 1 - share
    return target


def together(gradients: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The gradient of the mean loss over all pictures, from those of the processes' means."""
    return np.asarray(np.average(gradients, axis=0, weights=counts))


def _shares() -> Iterator[Case]:
    rng = np.random.default_rng(58)
    for counts in ([8, 8], [32, 32, 32, 7], [5], [3, 10, 1]):
        yield rng.standard_normal((len(counts), 4)), np.array(counts)


def _with_one(label: int, classes: int, share: float) -> np.ndarray:
    target = np.full(classes, share / classes)
    target[label] = 1 - share
    return target


STEP = behaves(
    momentum_step,
    _steps,
    (
        "The decay is missing: it adds `decay * weight` to the gradient.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g, r, m, 0),
    ),
    (
        "The weight moves along the old velocity; it should be the new one.",
        lambda w, v, g, r, m, d: (w - r * v, momentum_step(w, v, g, r, m, d)[1]),
    ),
    (
        "Uphill: the weight should go against the velocity.",
        lambda w, v, g, r, m, d: (
            2 * w - momentum_step(w, v, g, r, m, d)[0],
            momentum_step(w, v, g, r, m, d)[1],
        ),
    ),
    (
        "The velocity already holds the rate here, and it is applied once more or not at "
        "all: velocity without, weight with it.",
        lambda w, v, g, r, m, d: (
            w - (m * v + r * (g + d * w)),
            m * v + r * (g + d * w),
        ),
    ),
    (
        "The gradient is not to be damped: momentum times the old velocity, plus the "
        "gradient as it is.",
        lambda w, v, g, r, m, d: (
            w - r * (m * v + (1 - m) * (g + d * w)),
            m * v + (1 - m) * (g + d * w),
        ),
    ),
    (
        "The old velocity is lost: momentum keeps part of it.",
        lambda w, v, g, r, m, d: momentum_step(w, 0 * v, g, r, m, d),
    ),
    (
        "The old velocity is kept whole: it is to be multiplied by momentum.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g, r, 1, d),
    ),
    (
        "The decay acts on the weight beside the step; here it is part of the gradient, "
        "and so of the velocity.",
        lambda w, v, g, r, m, d: (
            w - r * (m * v + g) - r * d * w,
            m * v + g,
        ),
    ),
    (
        "The sign of the decay: it pulls the weight towards 0.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g, r, m, -d),
    ),
    (
        "The velocity is another one here: without the rate, which comes with the step.",
        lambda w, v, g, r, m, d: (w + m * v - r * (g + d * w), m * v - r * (g + d * w)),
    ),
    (
        "The decay is part of the gradient, and so of the velocity.",
        lambda w, v, g, r, m, d: (w - r * (m * v + g) - d * w, m * v + g),
    ),
    (
        "The decay counts once, and with the weight as it is.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g, r, m, 2 * d),
    ),
    (
        "The decay counts once, and with the weight as it is.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g + d * w * w, r, m, 0),
    ),
    (
        "The old velocity is returned; the new one is asked for.",
        lambda w, v, g, r, m, d: (momentum_step(w, v, g, r, m, d)[0], v),
    ),
    (
        "The rate is applied twice, or squared.",
        lambda w, v, g, r, m, d: (
            w - r * r * momentum_step(w, v, g, r, m, d)[1],
            momentum_step(w, v, g, r, m, d)[1],
        ),
    ),
    (
        "That is Nesterov's step, which looks ahead: here the weight moves along the new "
        "velocity, as it is.",
        lambda w, v, g, r, m, d: (
            w - r * (g + d * w + m * momentum_step(w, v, g, r, m, d)[1]),
            momentum_step(w, v, g, r, m, d)[1],
        ),
    ),
    (
        "The weight moves by the gradient alone; it should move along the velocity.",
        lambda w, v, g, r, m, d: (
            w - r * (g + d * w),
            momentum_step(w, v, g, r, m, d)[1],
        ),
    ),
    (
        "Momentum belongs to the old velocity alone, not to the gradient.",
        lambda w, v, g, r, m, d: momentum_step(w, v, m * g, r, m, m * d),
    ),
    (
        "`rate` has no part in the decay: it adds `decay * weight` to the gradient.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g, r, m, r * d),
    ),
    (
        "The decay grows with the weight: `decay * weight`.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g + d, r, m, 0),
    ),
    (
        "`rate` and `momentum` are exchanged.",
        lambda w, v, g, r, m, d: momentum_step(w, v, g, m, r, d),
    ),
    (
        "Both are there, in the other order: first the weight, then the velocity.",
        lambda *x: momentum_step(*x)[::-1],
    ),
    (
        "The weight does not move by `rate` times the velocity, but by all of it.",
        lambda w, v, g, r, m, d: (
            w - momentum_step(w, v, g, r, m, d)[1],
            momentum_step(w, v, g, r, m, d)[1],
        ),
    ),
    parts=("weight", "velocity"),
)


SMOOTH = behaves(
    smooth,
    lambda: [(2, 5, 0.1), (0, 26, 0.2), (3, 4, 0.0), (1, 3, 0.5)],
    ("The share goes to all classes evenly, the right one included.", _others_only),
    ("The right class gets its part of the share, too, so the sum is 1.", _with_one),
    (
        "Nothing is smoothed: the right class has it all.",
        lambda label, classes, share: np.eye(classes)[label],
    ),
    (
        "That spreads everything: only a share is spread.",
        lambda label, classes, share: np.full(classes, 1 / classes),
    ),
    (
        "The share is what is spread, 1 - share what the label keeps.",
        lambda label, classes, share: smooth(label, classes, 1 - share),
    ),
    (
        "The probabilities add up to more than 1: what the others get is missing there.",
        lambda label, classes, share: (
            smooth(label, classes, share) + share * np.eye(classes)[label]
        ),
    ),
    (
        "The probabilities add up to more than 1: what the others get is missing there.",
        lambda label, classes, share: np.maximum(
            smooth(label, classes, share), np.eye(classes)[label]
        ),
    ),
    (
        "The label's own class is not raised: 1 - share comes on top there.",
        lambda label, classes, share: np.full(classes, share / classes),
    ),
    (
        "The share is divided among all classes: by their number, not by one less.",
        lambda label, classes, share: (
            np.full(classes, share / (classes - 1)) + (1 - share) * np.eye(classes)[label]
        ),
    ),
    (
        "Each class gets the whole share; it is divided among them.",
        lambda label, classes, share: (
            np.full(classes, share) + (1 - share) * np.eye(classes)[label]
        ),
    ),
    (
        "Classes are counted from 0.",
        lambda label, classes, share: smooth(label - 1, classes, share),
    ),
    (
        "One number for each class: how many are there?",
        lambda label, classes, share: smooth(label, classes, share)[1:],
    ),
)


TOGETHER = behaves(
    together,
    _shares,
    (
        "A process with few pictures counts as much as one with many: weight each by its number.",
        lambda g, c: g.mean(axis=0),
    ),
    ("A mean over the processes is asked for, not a sum.", lambda g, c: g.sum(axis=0)),
    (
        "Divide by the number of all pictures.",
        lambda g, c: (g * c[:, None]).sum(axis=0),
    ),
    (
        "Divide by the number of all pictures, not of processes.",
        lambda g, c: (g * c[:, None]).mean(axis=0),
    ),
    (
        "A process with more pictures counts more, not less.",
        lambda g, c: np.average(g, axis=0, weights=1 / c),
    ),
    (
        "Sum over the processes: one gradient comes out.",
        lambda g, c: g * c[:, None] / c.sum(),
    ),
    (
        "Each gradient is a mean already: multiply it by its number, do not divide.",
        lambda g, c: (g / c[:, None]).sum(axis=0),
    ),
    (
        "The counts have no part in the sum: each gradient counts as often as it has pictures.",
        lambda g, c: g.sum(axis=0) / c.sum(),
    ),
    (
        "A row belongs to a process: sum over the rows, not along them.",
        lambda g, c: (g * c[:, None]).sum(axis=1) / c.sum(),
    ),
    (
        "Each row has its own count: `counts[:, None]` stands beside the rows.",
        lambda g, c: (g * c).sum(axis=0) / c.sum(),
    ),
    (
        "Divide by the number of all pictures, not by the largest count.",
        lambda g, c: (g * c[:, None]).sum(axis=0) / c.max(),
    ),
    ("That is the largest process alone.", lambda g, c: g[c.argmax()]),
    ("That is the first process alone.", lambda g, c: g[0]),
    ("A number comes out; a gradient has one for each weight.", lambda g, c: np.average(g)),
)
