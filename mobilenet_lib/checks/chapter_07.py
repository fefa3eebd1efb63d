"""The exercises of chapter 07: conventions, class activation maps, alarms and soft answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .answers import check_callable, close, exercise

FOUND, FALSE_ALARMS = 0.811, 1 - 0.885
"""Of the person detector, as its makers published them."""


def _pixel_taken_for(black: float) -> float:
    """The pixel, 0 to 255, that a network trained on -1 to 1 takes this number for."""
    return (black + 1) * 255 / 2


def _alarms_that_are_right(share: float) -> float:
    right, wrong = share * FOUND, (1 - share) * FALSE_ALARMS
    return 100 * right / (right + wrong)


def _class_map(answer: Any) -> str | None:
    check_callable(answer)
    rng = np.random.default_rng(0)
    for channels, height, width in ((4, 3, 3), (7, 2, 5)):
        features = rng.standard_normal((channels, height, width))
        weight = rng.standard_normal(channels)
        result = np.asarray(answer(features.copy(), weight.copy()))
        case = f"for {channels} channels of {height}x{width}"
        if result.shape != (height, width):
            return f"{case} the result has shape {result.shape}, not {height, width}."
        expected = sum(w * plane for w, plane in zip(weight, features, strict=True))
        if np.allclose(result, expected):
            continue
        if np.isclose(result.mean(), expected.mean()):
            return f"{case} the mean is right, the places are not."
        return f"{case} the shape is right, the numbers are not."
    return None


def _soften(answer: Any) -> str | None:
    check_callable(answer)
    logits = np.array([2.0, -1.0, 0.5, 4000.0])
    for case, temperature in ((logits[:3], 1.0), (logits[:3], 4.0), (logits, 2.0)):
        with np.errstate(over="ignore", invalid="ignore"):
            result = np.asarray(answer(case.copy(), temperature), float)
        where = f"for logits {case.tolist()} at temperature {temperature:g}"
        if result.shape != case.shape:
            return f"{where} the result has shape {result.shape}, not {case.shape}."
        if not np.isfinite(result).all():
            return f"{where} the result is not finite: e to the 2000 is too large for a computer."
        if not np.isclose(result.sum(), 1):
            return f"{where} the result adds up to {result.sum():.3g}, not to 1."
        powers = np.exp((case - case.max()) / temperature)
        if not np.allclose(result, powers / powers.sum()):
            return f"{where} the probabilities are not right."
    return None


EXERCISES = (
    exercise(
        "7.1",
        "What does black look like?",
        close(lambda: _pixel_taken_for(0.0), 0.6),
        "Black arrives as 0. Which pixel becomes 0 when 0 to 255 is mapped to -1 to 1?",
        "The middle of -1 to 1 is the middle of 0 to 255.",
    ),
    exercise(
        "7.2",
        "A map for one class",
        _class_map,
        "Each channel is a picture, and each has one weight: add up weight times picture.",
        "np.einsum or np.tensordot does it in one call: the channels are summed over.",
    ),
    exercise(
        "7.3",
        "A busier door",
        close(lambda: _alarms_that_are_right(0.2), 0.6),
        "Take 1000 pictures: 200 with a person, 800 without. How many of each ring?",
        "About 162 and 92 ring.",
    ),
    exercise(
        "7.4",
        "Soft answers",
        _soften,
        "Divide the logits by the temperature, then e to the power of each, then divide by "
        "the sum.",
        "Take the largest logit away from all before the powers: the result is the same, and "
        "nothing overflows.",
    ),
)
