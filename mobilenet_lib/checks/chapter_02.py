"""The exercises of chapter 02: depthwise separable convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .. import cost
from ..convolution import depthwise
from .answers import close, exercise, whole
from .behaviour import behaves, without_loops
from .compare import Case
from .tasks_02 import can_be_split, nearest


def _depthwise(F: np.ndarray, K: np.ndarray) -> np.ndarray:
    return depthwise(F, K, padding="valid")


def _maps(*sizes: tuple[int, int, int]) -> Iterator[Case]:
    rng = np.random.default_rng(21)
    for size in sizes:
        yield rng.standard_normal(size), rng.standard_normal((3, 3, size[2]))


def _one_weight(i: int, j: int) -> Callable[..., np.ndarray]:
    chosen = np.zeros((3, 3, 1))
    chosen[i, j] = 1
    return lambda F, K: _depthwise(F, K * chosen)


_BY_HAND = behaves(
    _depthwise,
    lambda: _maps((6, 6, 2), (5, 5, 1), (7, 4, 3), (4, 9, 5)),
    ("This is what SAME gives; no padding is asked for.", depthwise),
    (
        "The kernel is flipped: F is shifted by i rows and j columns for K[i, j], not the other "
        "way round.",
        lambda F, K: _depthwise(F, K[::-1, ::-1]),
    ),
    (
        "Rows and columns of the kernel are exchanged.",
        lambda F, K: _depthwise(F, K.transpose(1, 0, 2)),
    ),
    (
        "The channels are added up: here each one stays alone, and the output has as many.",
        lambda F, K: _depthwise(F, K).sum(axis=2),
    ),
    (
        "The channels are added up: here each one stays alone, and the output has as many.",
        lambda F, K: _depthwise(F, K).sum(axis=2, keepdims=True),
    ),
    (
        "One filter serves all channels: K holds one for each.",
        lambda F, K: _depthwise(F, np.repeat(K[..., :1], K.shape[2], axis=2)),
    ),
    (
        "Some of the nine weights are left out: i and j both go from 0 to 2.",
        lambda F, K: _depthwise(F, K * np.outer([1, 1, 0], [1, 1, 0])[..., None]),
    ),
    (
        "Some of the nine weights are left out: i and j both go from 0 to 2.",
        lambda F, K: _depthwise(F, K * np.outer([0, 1, 1], [0, 1, 1])[..., None]),
    ),
    ("Only the first of nine counts: does `return` stand inside the loop?", _one_weight(0, 0)),
    ("Only the last of nine is left: `+=` adds to what is there.", _one_weight(2, 2)),
    (
        "Only the weight in the middle is used: each of the nine meets a shifted map.",
        _one_weight(1, 1),
    ),
    (
        "The nine weights are added up first; each of them meets a map of its own shift.",
        lambda F, K: F[1:-1, 1:-1] * K.sum((0, 1)),
    ),
    ("These are averages: the nine products are added up.", lambda F, K: _depthwise(F, K) / 9),
    ("The map comes back without being filtered.", lambda F, K: F[1:-1, 1:-1]),
    then=without_loops(
        next(_maps((6, 6, 2))),
        ("rows", next(_maps((18, 6, 2)))),
        ("columns", next(_maps((6, 18, 2)))),
        ("channels", next(_maps((6, 6, 14)))),
        hint="Nine steps are enough, however large the map: F[i : i + rows, j : j + columns] takes "
        "what K[i, j] meets at all places and in all channels at once.",
    ),
)


EXERCISES = (
    exercise(
        "2.1",
        "Write a depthwise convolution",
        _BY_HAND,
        "The output has height - 2 rows, width - 2 columns and as many channels as F.",
        "For each of the nine (i, j), add K[i, j] times the map shifted by i rows and j "
        "columns: F[i : i + rows, j : j + columns].",
        goals=["write the depthwise convolution"],
        kind="build",
    ),
    exercise(
        "2.2",
        "When does separating not pay?",
        whole(
            lambda: max(n for n in range(1, 50) if cost.reduction(3, n) >= 1),
            lambda: {
                "With so many filters 1/N + 1/9 is already below 1: try it.": (*range(2, 20), 512),
                "A layer has at least one filter.": 0,
            },
        ),
        "Ask when 1/N + 1/9 is at least 1.",
        "1/N must be at least 8/9.",
        goals=["know when nothing is saved"],
    ),
    exercise(
        "2.3",
        "The depthwise share",
        close(
            lambda: (
                100
                * cost.depthwise_mult_adds(3, 512, 14)
                / cost.separable_mult_adds(3, 512, 512, 14)
            ),
            0.051,
            lambda: {
                "That is the share of a separable layer in a standard one, Eq. 5 by Eq. 2.": 100
                * cost.reduction(3, 512),
                "Divided by the pointwise part; the whole is both together.": 100 * 9 / 512,
                "That is the pointwise share.": 100 * 512 / 521,
                "D_K is squared: nine weights, not three.": (100 * 3 / 515, 100 * 3 / 512),
                "Of the separable layer, not of the standard one.": 100 / 512,
                "The whole by the part: the other way round.": 521 / 9,
                "That is 1/9, what is left of a standard layer with very many filters.": 100 / 9,
            },
        ),
        "Divide the first term of Eq. 5 by the whole; M and D_F² cancel.",
        "What is left is D_K² / (D_K² + N).",
        goals=["factorizes further"],
    ),
    exercise(
        "2.4",
        "What would 5x5 cost?",
        close(
            lambda: (
                cost.separable_mult_adds(5, 512, 512, 14)
                / cost.separable_mult_adds(3, 512, 512, 14)
            ),
            0.006,
            lambda: {
                "So it would be for a standard convolution; here most of the work is pointwise, "
                "and stays.": (25 / 9, 2.78, 2.8),
                "The factor of the side is not the one of the area, and only the depthwise part "
                "grows.": (5 / 3, 1.67),
                "The factor is new over old, so it is above 1.": (521 / 537, 1.0),
                "That is how much it grows by; the factor has the old cost in it, too.": 16 / 521,
                "In per cent: as a factor, please.": (103, 103.1, 3.1, 3.07),
                "5 by 5 are 25 weights for each channel, not 5.": (517 / 515, 517 / 521),
            },
        ),
        "Only the depthwise term changes, from 9 to 25 per input channel and pixel.",
        "Divide 25 + 512 by 9 + 512.",
        goals=["factorizes further"],
    ),
    exercise(
        "2.5",
        "Can it be separated?",
        can_be_split,
        "Write the filters of one input channel as rows of a table, as the chapter does. What must "
        "its rank be?",
        "For each m: the table `K[:, :, m].reshape(9, -1)` has rank 1 or 0. Then any column that "
        "is not 0 is the pattern, and least squares give the strengths.",
        goals=["what is given up in exchange"],
        kind="build",
    ),
    exercise(
        "2.6",
        "The nearest separable kernel",
        nearest,
        "One input channel at a time: a table of 9 by N, to be replaced by the nearest one of "
        "rank 1.",
        "`np.linalg.svd` of that table: the first column on the left is the pattern, the first "
        "row on the right the strengths, and the first singular value goes into one of them.",
        goals=["what is given up in exchange"],
        kind="investigate",
    ),
    exercise(
        "2.7",
        "The end of the race",
        whole(
            lambda: cost.standard_mult_adds(3, 16, 64, 8) - cost.separable_mult_adds(3, 16, 64, 8),
            lambda: {
                "That is where the separable one arrives: how much has the other one left to do?": (
                    cost.separable_mult_adds(3, 16, 64, 8)
                ),
                "That is the whole way of the standard one; part of it is behind it.": (
                    cost.standard_mult_adds(3, 16, 64, 8)
                ),
                "The separable one has two parts, depthwise and pointwise, and pays for both.": (
                    cost.standard_mult_adds(3, 16, 64, 8) - cost.depthwise_mult_adds(3, 16, 8),
                    cost.standard_mult_adds(3, 16, 64, 8) - cost.pointwise_mult_adds(16, 64, 8),
                ),
                "What is behind it is taken away, not added.": (
                    cost.standard_mult_adds(3, 16, 64, 8) + cost.separable_mult_adds(3, 16, 64, 8)
                ),
                "The map has 8 by 8 places after padding, too.": 36 * (9 * 16 * 64 - 9 * 16 - 1024),
                "Each weight is used at all 64 places of the map.": 9 * 16 * 64 - 9 * 16 - 16 * 64,
                "The map has 8 by 8 places.": 8 * (9 * 16 * 64 - 9 * 16 - 16 * 64),
                "Depthwise filters do not know N: 9 · M weights.": (
                    cost.standard_mult_adds(3, 16, 64, 8)
                    - cost.depthwise_mult_adds(3, 64, 8)
                    - cost.pointwise_mult_adds(16, 64, 8)
                ),
            },
        ),
        "Eq. 5 says when the separable one arrives, Eq. 2 how long the whole way of the other is.",
        "9 · 16 · 64 · 8² less (9 + 64) · 16 · 8².",
        goals=["multiplication by multiplication"],
    ),
)
