"""The exercises of chapter 02: depthwise separable convolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import cost
from ..convolution import depthwise
from .answers import Fault, close, exercise, whole
from .behaviour import NO_RETURN, Case, alike, as_function, behaves, call, without_loops

Parts = tuple[np.ndarray, np.ndarray]


def _depthwise(F: np.ndarray, K: np.ndarray) -> np.ndarray:
    return depthwise(F, K, padding="valid")


def _maps(*sizes: tuple[int, int, int]) -> Iterator[Case]:
    rng = np.random.default_rng(21)
    for size in sizes:
        yield rng.standard_normal(size), rng.standard_normal((3, 3, size[2]))


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


# --- 2.5 and 2.6 ----------------------------------------------------------------------------------


def split(K: np.ndarray) -> Parts:
    """The nearest separable kernel (Eckart and Young): the first singular pair of each channel."""
    rows, columns, channels, filters = K.shape
    left, singular, right = np.linalg.svd(K.reshape(-1, channels, filters).transpose(1, 0, 2))
    patterns = left[:, :, 0] * singular[:, :1]
    return patterns.T.reshape(rows, columns, channels), right[:, 0]


def _together(parts: Parts) -> np.ndarray:
    return parts[0][..., None] * parts[1]


def _kernels() -> Iterator[tuple[str, np.ndarray, bool]]:
    """Kernels in words, and whether they can be separated."""
    rng = np.random.default_rng(25)
    for channels, filters in ((1, 1), (3, 5), (4, 2)):
        parts = rng.standard_normal((3, 3, channels)), rng.standard_normal((channels, filters))
        yield (
            f"for parts with M = {channels} and N = {filters}, put together",
            _together(parts),
            (True),
        )
    spatial, mixing = rng.standard_normal((3, 3, 3)), rng.standard_normal((3, 4))
    mixing[:, 0] = 0
    yield "for separable K of which the first filter is 0", _together((spatial, mixing)), True
    spatial[..., 1] = 0
    yield "for separable K of which one input channel is 0", _together((spatial, mixing)), True
    yield "for K of random numbers, (3, 3, 2, 4)", rng.standard_normal((3, 3, 2, 4)), False
    one_off = _together((rng.standard_normal((3, 3, 3)), rng.standard_normal((3, 4))))
    one_off[..., 2, :] = rng.standard_normal((3, 3, 4))
    yield "for K of which the last input channel alone has several patterns", one_off, False
    one_off[1, 1, 2, 3] += 5
    yield "for K of random numbers with N = 1", rng.standard_normal((3, 3, 2, 1)), True


def _parts(answer: Any, where: str, K: np.ndarray, refusal: bool = False) -> Parts | None:
    """What the reader's function makes of a kernel; None for a "no"."""
    try:
        result = call(answer, split, K)
        if isinstance(result, str) and refusal:
            if result.strip().lower() == "no":
                return None
            raise Fault(
                f"it returns {result!r}.", 'The word for a kernel that does not work is "no".'
            )
        like = (np.zeros(K.shape[:3]), np.zeros(K.shape[2:]))
        parts = alike(result, like, ("K_dw", "P"))
    except Fault as fault:
        hint = fault.hint
        if hint == NO_RETURN and refusal:
            hint = 'Return the two parts, or "no"; every way through the function needs a `return`.'
        raise Fault(f"{where}, {fault.said}", hint) from None
    for part, own, name in zip(parts, like, ("K_dw", "P"), strict=True):
        if part.shape != own.shape:
            said = f"{where}, {name} has shape {part.shape}, not {own.shape}."
            raise Fault(said, "K_dw is (3, 3, M) and P is (M, N): one pattern for each channel.")
    return parts


def _can_be_split(answer: Any) -> str | None:
    answer = as_function(answer, split)
    for where, K, works in _kernels():
        parts = _parts(answer, where, K, refusal=True)
        if parts is None:
            if works:
                hint = "Each input channel on its own: are its N filters multiples of one pattern?"
                if not K[..., 0].any() or not K[..., 1 % K.shape[2], :].any():
                    hint = "Where something is 0 no ratio can be taken; a rank still can."
                raise Fault(f'{where}, it says "no".', hint)
        elif not works:
            hint = "Put your parts together again, and compare with K before you return them."
            raise Fault(f"{where}, it returns parts; that kernel has more than one pattern.", hint)
        elif not np.allclose(_together(parts), K, atol=1e-6 * np.abs(K).max()):
            size = np.abs(_together(parts)).max() / np.abs(K).max()
            hint = "K[i, j, m, n] must come out as K_dw[i, j, m] * P[m, n]."
            if np.isfinite(size) and not 0.99 < size < 1.01:
                hint += " The size of the numbers is off: does one part hold a factor twice or not?"
            raise Fault(f"{where}, the parts do not give K when multiplied.", hint)
    return None


def _nearest(answer: Any) -> str | None:
    answer = as_function(answer, split)
    rng = np.random.default_rng(26)
    for channels, filters in ((1, 2), (3, 5), (4, 4)):
        K = rng.standard_normal((3, 3, channels, filters)) + 0.3
        where = f"for K with M = {channels} and N = {filters}"
        own = _parts(answer, where, K)
        assert own is not None
        best, miss = (float(((K - _together(p)) ** 2).sum()) for p in (split(K), own))
        if miss <= best * (1 + 1e-3):
            continue
        raise Fault(
            f"{where}, the squared distance is {miss:.4g}; {best:.4g} can be reached.",
            _why_further(K, _together(own), miss),
        )
    return None


def _why_further(K: np.ndarray, own: np.ndarray, miss: float) -> str | None:
    best = _together(split(K))
    if np.allclose(own, -best):
        return "The sign is turned around: both parts of a singular pair go together."
    for m in range(K.shape[2]):
        if own[:, :, m].any():
            factor = float((own[:, :, m] * best[:, :, m]).sum() / (best[:, :, m] ** 2).sum())
            if np.allclose(own[:, :, m], factor * best[:, :, m], atol=1e-6):
                return (
                    "The pattern is the best one, its strength is not: the singular value belongs "
                    "in one of the two parts, once."
                )
    if miss >= float((K**2).sum()) * 0.999:
        return "That is no nearer than nothing but zeros."
    if K.shape[3] > 1 and np.allclose(own[..., 0], K[..., 0]):
        return "The first filter is met exactly, at the expense of all others."
    means = K.mean(axis=3)
    if all(
        np.linalg.matrix_rank(np.stack([own[:, :, m].ravel() for m in range(1)])) <= 1
        and _along(own[:, :, m], means[:, :, m])
        for m in range(K.shape[2])
    ):
        return "The mean of the filters is a pattern, but filters of opposite sign cancel in it."
    return None


def _along(own: np.ndarray, pattern: np.ndarray) -> bool:
    """Whether all filters of a channel are multiples of a pattern."""
    strengths = np.tensordot(pattern, own, 2) / (pattern**2).sum()
    return bool(np.allclose(own, pattern[..., None] * strengths, atol=1e-6))


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
                "With so many filters 1/N + 1/9 is already below 1: put it in.": (2, 3, 8, 9, 10),
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
                "In per cent: as a factor, please.": (103, 103.1, 3.1),
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
        _can_be_split,
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
        _nearest,
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
