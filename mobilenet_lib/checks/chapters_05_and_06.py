"""The exercises of chapters 05 and 06: training, and choosing width and resolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from ..cost import separable_mult_adds
from .answers import check_callable, close, exercise, whole


def _momentum_step(answer: Any) -> str | None:
    check_callable(answer)
    rng = np.random.default_rng(0)
    for rate, momentum, decay in ((0.5, 0.9, 0.0), (0.2, 0.8, 0.1)):
        weight, velocity, gradient = rng.standard_normal((3, 2, 5))
        result = answer(weight.copy(), velocity.copy(), gradient.copy(), rate, momentum, decay)
        if not isinstance(result, tuple) or len(result) != 2:
            return "the result is not two arrays: the new weight and the new velocity."
        moved, speed = (np.asarray(part) for part in result)
        expected = momentum * velocity + gradient + decay * weight
        case = f"with rate {rate:g}, momentum {momentum:g} and decay {decay:g}"
        if speed.shape != weight.shape or not np.allclose(speed, expected):
            return f"{case} the new velocity is not right."
        if moved.shape != weight.shape or not np.allclose(moved, weight - rate * expected):
            return f"{case} the velocity is right, the new weight is not."
    return None


def _smooth(answer: Any) -> str | None:
    check_callable(answer)
    for label, classes, share in ((2, 5, 0.1), (0, 26, 0.2), (3, 4, 0.0)):
        result = np.asarray(answer(label, classes, share), float)
        case = f"for label {label} of {classes} classes and a share of {share:g}"
        if result.shape != (classes,):
            return f"{case} the result has shape {result.shape}, not {(classes,)}."
        if not np.isclose(result.sum(), 1):
            return f"{case} the result adds up to {result.sum():.3g}, not to 1."
        expected = np.full(classes, share / classes)
        expected[label] += 1 - share
        if not np.allclose(result, expected):
            return f"{case} the probabilities add up to 1, but are not right."
    return None


def _half() -> float:
    """The alpha at which the mult-adds are nearest to half of the full network's."""
    full = mobilenet_v1().mult_adds
    steps = [i / 100 for i in range(50, 100)]
    return min(steps, key=lambda alpha: abs(mobilenet_v1(alpha).mult_adds - full / 2))


def _per_doubling(answer: Any) -> str | None:
    check_callable(answer)
    rng = np.random.default_rng(0)
    for slope in (4.0, 1.5):
        mult_adds = rng.uniform(1e7, 6e8, 9)
        accuracies = 30 + slope * np.log2(mult_adds) + rng.standard_normal(9)
        result = float(answer(mult_adds.copy(), accuracies.copy()))
        logs = np.log2(mult_adds) - np.log2(mult_adds).mean()
        expected = (logs * accuracies).sum() / (logs**2).sum()
        if np.isclose(result, expected):
            continue
        for base, name in ((math.e, "e"), (10, "10")):
            if np.isclose(result, expected / math.log(2, base)):
                return f"that is the slope for logarithms to the base of {name}, not for doublings."
        return f"for one set of nine networks the result is {result:.3g}, which is not right."
    return None


def _uncertainty(answer: Any) -> str | None:
    check_callable(answer)
    for accuracies in ([90.0, 91.0, 92.5], [70.0, 74.0], [80.1, 80.3, 80.0, 81.2, 79.9]):
        values = np.array(accuracies)
        result = float(answer(values.copy()))
        if np.isclose(result, values.std(ddof=1) / math.sqrt(len(values))):
            continue
        if np.isclose(result, values.std(ddof=0) / math.sqrt(len(values))):
            return f"for {accuracies} the result divides by the number, not by one less."
        if np.isclose(result, values.std(ddof=1)):
            return f"for {accuracies} the result is the uncertainty of one seed, not of the mean."
        return f"for {accuracies} the result {result:.3g} is not right."
    return None


EXERCISES = (
    exercise(
        "5.1",
        "The loss of guessing",
        close(lambda: math.log(10), 0.006),
        "Each class gets the same probability. Which?",
        "Minus the natural logarithm of one tenth.",
    ),
    exercise(
        "5.2",
        "A step with momentum",
        _momentum_step,
        "The decay adds `decay * weight` to the gradient.",
        "The new velocity is momentum times the old one plus that gradient; the weight goes "
        "`rate` times the new velocity downhill.",
    ),
    exercise(
        "5.3",
        "Until the start is forgotten",
        whole(lambda: math.ceil(math.log(0.01) / math.log(0.99))),
        "Each batch leaves 99 % of what was there.",
        "You are looking for the n with 0.99 to the power of n below 0.01.",
    ),
    exercise(
        "5.4",
        "Soft targets",
        _smooth,
        "Every class gets share / classes.",
        "The label's own class gets the remaining 1 - share on top of that.",
    ),
    exercise(
        "6.1",
        "A layer under both multipliers",
        whole(lambda: separable_mult_adds(3, 128, 128, 16)),
        "alpha makes it 128 channels in and out, rho a map of 16 by 16.",
        "Depthwise 3 · 3 · 128 · 16 · 16, and pointwise 128 · 128 · 16 · 16.",
    ),
    exercise(
        "6.2",
        "Half the work",
        close(_half, 0.006),
        "Nearly all of the cost falls with the square of alpha; the root of 0.5 is a start.",
        "mobilenet_v1(alpha).mult_adds for a few values of alpha settles it.",
    ),
    exercise(
        "6.3",
        "Points for a doubling",
        _per_doubling,
        "A doubling adds 1 to the logarithm to the base of 2.",
        "np.polyfit(np.log2(mult_adds), accuracies, 1) gives slope and intercept.",
    ),
    exercise(
        "6.4",
        "How certain is a mean?",
        _uncertainty,
        "np.std takes ddof=1 for the standard deviation of a sample.",
        "Divide it by the root of the number of seeds.",
    ),
)
