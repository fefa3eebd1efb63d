"""What exercises 8.1 and 8.6 are judged by: a folded convolution, and what eight bits cost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .behaviour import behaves
from .compare import Case

Folded = tuple[np.ndarray, np.ndarray]


def fold(
    weight: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    eps: float,
) -> Folded:
    """Weight and bias of a convolution with its batch normalization folded in."""
    return _scaled(weight, gamma / np.sqrt(variance + eps), beta, mean)


def _scaled(weight: np.ndarray, scale: np.ndarray, beta: np.ndarray, mean: np.ndarray) -> Folded:
    return weight * scale[:, None, None, None], beta - mean * scale


def _layers() -> Iterator[Case]:
    rng = np.random.default_rng(81)
    for filters, channels, eps in ((4, 3, 0.1), (2, 5, 0.02), (6, 1, 0.5)):
        weight = rng.standard_normal((filters, channels, 3, 3))
        gamma, beta, mean = rng.standard_normal((3, filters))
        yield weight, gamma, beta, mean, rng.uniform(0.3, 2, filters), eps


def toll(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> tuple[int, float]:
    """Letters that are read differently, and points of accuracy that are lost."""
    lost = 100 * ((before == labels).mean() - (after == labels).mean())
    return int((before != after).sum()), float(lost)


def _readings() -> Iterator[Case]:
    rng = np.random.default_rng(86)
    labels = rng.integers(0, 26, 60)  # here some are won, some lost, some wrong both times
    before, after = labels.copy(), labels.copy()
    before[:20], after[15:24], after[:4] = 30, 30, 31
    yield before, after, labels
    for number, share in ((50, 0.2), (400, 0.03), (7, 0.6), (1000, 0.01)):
        labels = rng.integers(0, 26, number)
        before = np.where(rng.random(number) < 0.9, labels, rng.integers(0, 26, number))
        yield (
            before,
            np.where(rng.random(number) < share, rng.integers(0, 26, number), before),
            labels,
        )


FOLD = behaves(
    fold,
    _layers,
    ("eps is missing under the root.", lambda w, g, b, m, v, e: fold(w, g, b, m, v, 0)),
    (
        "eps stands outside the root: it is added to the variance first.",
        lambda w, g, b, m, v, e: _scaled(w, g / (np.sqrt(v) + e), b, m),
    ),
    (
        "The root is missing: variance is the square of the spread.",
        lambda w, g, b, m, v, e: _scaled(w, g / (v + e), b, m),
    ),
    (
        "gamma is missing.",
        lambda w, g, b, m, v, e: _scaled(w, 1 / np.sqrt(v + e), b, m),
    ),
    (
        "The bias is beta alone: what happens to the mean?",
        lambda w, g, b, m, v, e: (fold(w, g, b, m, v, e)[0], b),
    ),
    (
        "The mean is taken away, not added.",
        lambda w, g, b, m, v, e: fold(w, g, b, -m, v, e),
    ),
    (
        "The mean is scaled as the weights are: bias = beta - mean * scale.",
        lambda w, g, b, m, v, e: (fold(w, g, b, m, v, e)[0], b - m),
    ),
    (
        "beta comes after the scale: it is not scaled itself.",
        lambda w, g, b, m, v, e: fold(w, g, b * g / np.sqrt(v + e), m, v, e),
    ),
    (
        "beta is missing.",
        lambda w, g, b, m, v, e: fold(w, g, 0 * b, m, v, e),
    ),
    (
        "The weight is as it was: the scale belongs into it.",
        lambda w, g, b, m, v, e: (w, fold(w, g, b, m, v, e)[1]),
    ),
    ("The two are exchanged: first the weight.", lambda *x: fold(*x)[::-1]),
    (
        "Divided by the scale instead of multiplied.",
        lambda w, g, b, m, v, e: (
            w * (np.sqrt(v + e) / g)[:, None, None, None],
            fold(w, g, b, m, v, e)[1],
        ),
    ),
    ("eps is added, not taken away.", lambda w, g, b, m, v, e: fold(w, g, b, m, v, -e)),
    (
        "eps is handed over, and need not be 0.001 or 0.00001.",
        lambda w, g, b, m, v, e: fold(w, g, b, m, v, 1e-3),
    ),
    ("gamma and beta are exchanged.", lambda w, g, b, m, v, e: fold(w, b, g, m, v, e)),
    ("Mean and variance are exchanged.", lambda w, g, b, m, v, e: fold(w, g, b, v, m, e)),
    (
        "The mean is scaled once, as the weights are.",
        lambda w, g, b, m, v, e: (
            fold(w, g, b, m, v, e)[0],
            b - m * (g / np.sqrt(v + e)) ** 2,
        ),
    ),
    (
        "The mean is scaled as the weights are, by gamma, too.",
        lambda w, g, b, m, v, e: (fold(w, g, b, m, v, e)[0], b - m / np.sqrt(v + e)),
    ),
    (
        "gamma stands outside the root.",
        lambda w, g, b, m, v, e: _scaled(w, np.sqrt(g / (v + e)), b, m),
    ),
    (
        "Multiplied by the root instead of divided.",
        lambda w, g, b, m, v, e: _scaled(w, g * np.sqrt(v + e), b, m),
    ),
    (
        "All filters get one scale; each has its own.",
        lambda w, g, b, m, v, e: (
            w * (g / np.sqrt(v + e))[0],
            fold(w, g, b, m, v, e)[1],
        ),
    ),
    parts=("weight", "bias"),
)


TOLL = behaves(
    toll,
    _readings,
    (
        "A letter may also be read differently and be wrong both times: compare the two "
        "readings with each other.",
        lambda b, a, y: (int(((b == y) & (a != y)).sum()), toll(b, a, y)[1]),
    ),
    (
        "Letters that are read differently, not only those that are right before or after.",
        lambda b, a, y: (int(((b == y) != (a == y)).sum()), toll(b, a, y)[1]),
    ),
    (
        "Lost is before less after; when more are right afterwards that is negative.",
        lambda b, a, y: (toll(b, a, y)[0], -toll(b, a, y)[1]),
    ),
    (
        "Points are hundredths: of a hundred letters, how many fewer are right?",
        lambda b, a, y: (toll(b, a, y)[0], toll(b, a, y)[1] / 100),
    ),
    (
        "What is won again counts, too: the difference of the two accuracies.",
        lambda b, a, y: (toll(b, a, y)[0], 100 * float(((b == y) & (a != y)).mean())),
    ),
    (
        "That is the share of letters that are read differently; some change without loss.",
        lambda b, a, y: (toll(b, a, y)[0], 100 * float((b != a).mean())),
    ),
    (
        "The loss may be negative: leave its sign.",
        lambda b, a, y: (toll(b, a, y)[0], abs(toll(b, a, y)[1])),
    ),
    (
        "A number of letters is asked for first, not a share.",
        lambda b, a, y: (100 * float((b != a).mean()), toll(b, a, y)[1]),
    ),
    (
        "A number of letters is asked for first, not a share.",
        lambda b, a, y: (float((b != a).mean()), toll(b, a, y)[1]),
    ),
    ("They are exchanged: first the letters.", lambda b, a, y: toll(b, a, y)[::-1]),
    (
        "Those are the mistakes after rounding; how many are read differently?",
        lambda b, a, y: (int((a != y).sum()), toll(b, a, y)[1]),
    ),
    (
        "That is by how many the mistakes grow; how many letters are read differently?",
        lambda b, a, y: (int((a != y).sum() - (b != y).sum()), toll(b, a, y)[1]),
    ),
    (
        "Those are the letters that are read alike.",
        lambda b, a, y: (int((a == b).sum()), toll(b, a, y)[1]),
    ),
    (
        "Classes are names, not sizes: count where they differ.",
        lambda b, a, y: (int(abs(b - a).sum()), toll(b, a, y)[1]),
    ),
    (
        "Points are letters of a hundred, not letters.",
        lambda b, a, y: (toll(b, a, y)[0], int((b == y).sum() - (a == y).sum())),
    ),
    (
        "In points, not as a share of the accuracy before.",
        lambda b, a, y: (toll(b, a, y)[0], toll(b, a, y)[1] / (b == y).mean()),
    ),
    (
        "That is the accuracy after rounding; what is lost against the one before?",
        lambda b, a, y: (toll(b, a, y)[0], 100 * float((a == y).mean())),
    ),
    (
        "After rounding, too, a reading is right if it is the label.",
        lambda b, a, y: (
            toll(b, a, y)[0],
            100 * float((b == y).mean() - (a == b).mean()),
        ),
    ),
    parts=("letters", "points"),
)
