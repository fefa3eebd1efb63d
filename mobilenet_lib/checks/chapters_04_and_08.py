"""The exercises of chapters 04 and 08: what a mult-add costs, and the way to the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from ..layer import Layer
from .answers import check_callable, close, exercise, whole

WIDE = Layer("pw", "pointwise", 1, 1, 256, 256, 28, 28)


def _roofline(answer: Any) -> str | None:
    check_callable(answer)
    for work, moved, peak, bandwidth in (
        (102_760_448, 1_867_776, 1e11, 2e10),  # bound by arithmetic
        (903_168, 802_816, 1e11, 2e10),  # bound by memory
        (5_000_000, 1_000_000, 1e11, 2e10),  # at the ridge
    ):
        expected = 1e3 * max(work / peak, moved / bandwidth)
        result = float(answer(work, moved, peak, bandwidth))
        if np.isclose(result, expected):
            continue
        case = f"for {work:,} operations and {moved:,} bytes"
        if np.isclose(result, expected / 1e3):
            return f"{case} the result is in seconds, not in milliseconds."
        if np.isclose(result, 1e3 * (work / peak + moved / bandwidth)):
            return f"{case} the two times are added; a processor does both at once."
        return f"{case} the result is {result:.4g}, not {expected:.4g} ms."
    return None


def _fold(answer: Any) -> str | None:
    check_callable(answer)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((4, 3, 3, 3))  # (out, in, height, width), as torch keeps it
    gamma, beta, mean = rng.standard_normal((3, 4))
    variance, eps = rng.uniform(0.5, 2, 4), 0.1
    result = answer(*(a.copy() for a in (weight, gamma, beta, mean, variance)), eps)
    if not isinstance(result, tuple) or len(result) != 2:
        return "the result is not two arrays: the folded weight and its bias."
    folded, bias = (np.asarray(part) for part in result)
    scale = gamma / np.sqrt(variance + eps)
    if folded.shape != weight.shape or bias.shape != mean.shape:
        return f"the shapes are {folded.shape} and {bias.shape}, not {weight.shape} and (4,)."
    if np.allclose(folded, weight * (gamma / np.sqrt(variance))[:, None, None, None]):
        return "eps is missing under the root."
    if not np.allclose(folded, weight * scale[:, None, None, None]):
        return "the weight is not right: each filter is to be scaled by its own number."
    if not np.allclose(bias, beta - mean * scale):
        return "the weight is right, the bias is not."
    return None


def _quantize(answer: Any) -> str | None:
    check_callable(answer)
    rng = np.random.default_rng(0)
    for bits in (8, 4):
        weight = rng.standard_normal((5, 9)) * np.array([[0.01], [1], [3], [0.2], [50]])
        result = answer(weight.copy(), bits)
        if not isinstance(result, tuple) or len(result) != 2:
            return "the result is not two arrays: whole numbers and one step for each row."
        numbers, steps = (np.asarray(part) for part in result)
        case = f"with {bits} bits"
        if numbers.shape != weight.shape or steps.size != len(weight):
            return f"{case} the shapes are {numbers.shape} and {steps.shape}."
        largest = 2 ** (bits - 1) - 1
        if not np.array_equal(numbers, np.round(numbers)):
            return f"{case} the first result has numbers that are not whole."
        if np.abs(numbers).max() > largest:
            return f"{case} a number is beyond {largest}."
        expected = np.abs(weight).max(axis=1) / largest
        if np.allclose(steps.ravel(), np.abs(weight).max() / largest):
            return f"{case} all rows share one step; each is to have its own."
        if not np.allclose(steps.ravel(), expected):
            return f"{case} the steps are not right."
        if np.abs(numbers * steps.reshape(-1, 1) - weight).max(axis=1).max() > expected.max() / 1.9:
            return f"{case} numbers times steps is further from the weights than half a step."
    return None


EXERCISES = (
    exercise(
        "4.1",
        "Operations for each byte",
        close(WIDE.intensity, 0.06),
        "A mult-add is two operations, a number in float32 four bytes.",
        "2 · 256 · 256 · 28² operations; two maps of 256 · 28² numbers and 256² weights.",
    ),
    exercise(
        "4.2",
        "The ridge",
        close(lambda: 240e9 / 30e9, 0.01),
        "At the ridge both take equally long: the arithmetic, and moving the bytes.",
        "240 billion operations a second over 30 billion bytes a second.",
    ),
    exercise(
        "4.3",
        "The roofline in one line",
        _roofline,
        "Work over peak is a time; bytes over bandwidth is another.",
        "The longer of the two, times 1000 for milliseconds.",
    ),
    exercise(
        "4.4",
        "How sparse?",
        close(lambda: 1 - 1 / 12, 0.004),
        "A share 1 - s of the weights is left, and each costs twelve times as much.",
        "12 · (1 - s) = 1.",
    ),
    exercise(
        "8.1",
        "Folding",
        _fold,
        "scale = gamma / sqrt(variance + eps), one number for each filter.",
        "Weight times scale; bias = beta - mean * scale. Shape scale as (-1, 1, 1, 1).",
    ),
    exercise(
        "8.2",
        "Eight bits, row by row",
        _quantize,
        "The largest whole number is 2 ** (bits - 1) - 1: 127 for eight bits.",
        "steps = np.abs(weight).max(axis=1) / largest; numbers = np.round(weight / steps).",
    ),
    exercise(
        "8.3",
        "How many numbers does folding save?",
        whole(lambda: 3 * sum(layer.out_channels for layer in mobilenet_v1().layers[:-1])),
        "Before: gamma, beta, mean and variance for each filter. After: one bias for each.",
        "Three times the sum of the output channels of all 27 convolutional layers.",
    ),
    exercise(
        "8.4",
        "When the rest stays",
        close(lambda: 1 / (0.2 + 0.8 / 4), 0.01),
        "What is not made faster takes as long as before.",
        "Of 1 second, 0.2 stay and 0.8 become 0.2.",
    ),
)
