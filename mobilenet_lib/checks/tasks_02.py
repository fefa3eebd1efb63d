"""What exercises 2.5 and 2.6 are judged by: kernels that can be separated, or nearly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .answers import Fault
from .behaviour import NO_RETURN, as_function, call
from .compare import alike

Parts = tuple[np.ndarray, np.ndarray]


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
    yield "for the same, with the first input channel last", one_off[:, :, ::-1], False
    small = one_off * 1e-3
    yield "for the same, with numbers a thousand times smaller", small, False
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
        if refusal and "'no'" in fault.said:
            hint = 'The word alone, "no", is asked for then.'
        if hint == NO_RETURN and refusal:
            hint = 'Return the two parts, or "no"; every way through the function needs a `return`.'
        raise Fault(f"{where}, {fault.said}", hint) from None
    for part, own, name in zip(parts, like, ("K_dw", "P"), strict=True):
        if part.shape != own.shape:
            said = f"{where}, {name} has shape {part.shape}, not {own.shape}."
            raise Fault(said, "K_dw is (3, 3, M) and P is (M, N): one pattern for each channel.")
    return parts


def can_be_split(answer: Any) -> str | None:
    """Check a function that takes a kernel apart, or says that it cannot be."""
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
            if "smaller" in where:
                hint = "Small against what? Compare with the size of the numbers in K itself."
            raise Fault(f"{where}, it returns parts; that kernel has more than one pattern.", hint)
        elif not np.allclose(_together(parts), K, atol=1e-6 * np.abs(K).max()):
            size = np.abs(_together(parts)).max() / np.abs(K).max()
            hint = "K[i, j, m, n] must come out as K_dw[i, j, m] * P[m, n]."
            if np.isfinite(size) and not 0.99 < size < 1.01:
                hint += " The size of the numbers is off: does one part hold a factor twice or not?"
            raise Fault(f"{where}, the parts do not give K when multiplied.", hint)
    return None


def nearest(answer: Any) -> str | None:
    """Check a function that finds the nearest separable kernel."""
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
    channels, filters = K.shape[2:]
    left, singular, right = np.linalg.svd(K.reshape(-1, channels, filters).transpose(1, 0, 2))
    lower = left[:, :, 1 : singular.shape[1]] * singular[:, None, 1:]
    for j in range(lower.shape[2]):
        pattern = lower[:, :, j].T.reshape(K.shape[:3])
        if np.allclose(own, pattern[..., None] * right[:, j + 1]):
            return "Singular values fall: the first pair is the strongest, and this is another one."
    if channels > 1 and np.linalg.matrix_rank(own.reshape(-1, filters), tol=1e-6) == 1:
        return "All input channels share their strengths: take each channel on its own."
    if all(np.linalg.matrix_rank(own[:, :, m, n], 1e-6) <= 1 for m, n in np.ndindex(K.shape[2:])):
        return "Rows and columns of a pattern need not be split: only channels from places."
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
