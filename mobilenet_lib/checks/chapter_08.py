"""The exercises of chapter 08: to the device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..architecture import mobilenet_v1
from .answers import close, exercise, whole
from .behaviour import behaves
from .compare import Case
from .tasks_08 import folds, rounds
from .tasks_08_shipping import SHIP_SLIPS, offers, packs, ship

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


def _numbers(per_filter: int) -> int:
    return per_filter * sum(layer.out_channels for layer in mobilenet_v1().layers[:-1])


EXERCISES = (
    exercise(
        "8.1",
        "Folding",
        behaves(
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
                "The bias is beta alone: what becomes of the mean?",
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
        ),
        "The scale is gamma / sqrt(variance + eps), one number for each filter.",
        "Weight times scale; bias = beta - mean * scale. Shape the scale as (-1, 1, 1, 1).",
        goals=["fold batch normalization"],
    ),
    exercise(
        "8.2",
        "Eight bits, row by row",
        rounds,
        "The largest whole number is 2 ** (bits - 1) - 1: 127 for eight bits.",
        "The steps are `np.abs(weight).max(axis=1) / largest`, but 1 where that is 0; the numbers "
        "`np.round(weight / steps[:, None])`.",
        goals=["store weights in eight bits"],
        kind="build",
    ),
    exercise(
        "8.3",
        "How many numbers does folding save?",
        whole(
            lambda: _numbers(3),
            lambda: {
                "A bias remains for each filter: four before, one after.": _numbers(4),
                "That is what remains; how many go?": _numbers(1),
                "Mean and variance are numbers, too: four before, one after.": _numbers(2),
                "The fully connected layer has no batch normalization.": _numbers(3) + 3 * 1000,
                "Numbers for each filter, not for each layer.": (81, 84, 108),
                "The depthwise layers have one as well.": 3
                * sum(x.out_channels for x in mobilenet_v1().layers[:-1] if x.kind != "depthwise"),
            },
        ),
        "Before: gamma, beta, mean and variance for each filter. After: one bias for each.",
        "Three times the sum of the output channels of all 27 convolutional layers.",
        goals=["fold batch normalization"],
    ),
    exercise(
        "8.4",
        "When the rest stays",
        close(
            lambda: 1 / (0.2 + 0.8 / 4),
            0.01,
            lambda: {
                "Only a part is four times as fast; the rest takes as long as before.": 4,
                "Times are added, not speeds: what takes how long now?": (3.4, 3.2),
                "That is the time that is left; how many times as fast is that?": 0.4,
                "The roles are exchanged: the 20 % stay.": 1 / (0.8 + 0.2 / 4),
                "That is if the rest took no time at all.": 5,
                "That is the time that is saved.": 0.6,
                "Of the 80 % a quarter remains, not three quarters.": 1.25,
            },
        ),
        "What is not made faster takes as long as before.",
        "Of 1 second, 0.2 stay and 0.8 become 0.2.",
        goals=["which steps buy speed"],
    ),
    exercise(
        "8.5",
        "Where sixteen bits begin to skip",
        whole(
            lambda: next(n for n in range(1, 70000) if int(np.float16(n)) != n),
            lambda: {
                "It is the last one before: 2048 can be held.": 2048,
                "That is bf16, which has three bits less for the digits.": 257,
                "There are ten bits, and one in front that is always 1: eleven digits.": (
                    1024,
                    1025,
                ),
                "That is the largest number, or near it; whole numbers are skipped long before.": (
                    65504,
                    65505,
                    65519,
                    65520,
                    65536,
                ),
                "That is for float32.": 2**24 + 1,
                "That is for whole numbers of sixteen bits.": (32768, 32767, 65535),
            },
        ),
        "Write it in binary: a sign, a power of two, and ten digits after a leading 1.",
        "Eleven digits hold every number up to 2 ** 11. Try `int(np.float16(n))` from there.",
        goals=["compute in sixteen bits"],
    ),
    exercise(
        "8.6",
        "What eight bits cost",
        behaves(
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
            parts=("letters", "points"),
        ),
        "Which letters does it read differently? And what share of each reading is right?",
        "The first is the sum of `before != after`, the second 100 times the mean of what is right "
        "before, less that of what is right after.",
        goals=["how many letters eight bits cost"],
    ),
    exercise(
        "8.7",
        "Fold a whole network",
        folds,
        "Walk along the layers: whenever a batch normalization follows a convolution, fold it.",
        "New weight and bias as in 8.1, with `norm.eps`; a bias that is there is first lessened by "
        "the mean. Do it in a copy, and compare the outputs in `eval` mode.",
        goals=["fold batch normalization"],
        kind="build",
    ),
    exercise(
        "8.8",
        "A file that explains itself",
        packs,
        "What has to be known in order to use a network? Weights are the smallest part of it.",
        "`np.savez` into `io.BytesIO`, with the preprocessing and the names of the classes as one "
        "more array: the bytes of a JSON text.",
        goals=["a file that other programs can load"],
        kind="build",
    ),
    exercise(
        "8.9",
        "What would you ship?",
        behaves(ship, offers, *SHIP_SLIPS),
        "First throw out whatever breaks a limit, then take the most accurate.",
        "The slowest reading counts. Of equals take the faster one. If nothing is left, the answer "
        'is "none".',
        goals=["what phones and other devices need"],
        kind="investigate",
    ),
)
