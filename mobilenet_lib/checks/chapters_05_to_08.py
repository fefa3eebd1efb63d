"""The exercises of chapters 05 to 08: training, alpha and rho, published weights, the device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from ..cost import separable_mult_adds
from .answers import close, exercise, function, whole

FOUND, FALSE_ALARMS = 0.811, 1 - 0.885
"""Of the person detector, as its makers published them."""


def _momentum_step(answer: Any) -> str | None:
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


def _class_map(answer: Any) -> str | None:
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


def _fold(answer: Any) -> str | None:
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
        "5.1",
        "The loss of guessing",
        close(lambda: math.log(10), 0.006),
        "Each class gets the same probability. Which?",
        "Minus the natural logarithm of one tenth.",
    ),
    exercise(
        "5.2",
        "A step with momentum",
        function(_momentum_step),
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
        function(_smooth),
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
        function(_per_doubling),
        "A doubling adds 1 to the logarithm to the base of 2.",
        "np.polyfit(np.log2(mult_adds), accuracies, 1) gives slope and intercept.",
    ),
    exercise(
        "6.4",
        "How certain is a mean?",
        function(_uncertainty),
        "np.std takes ddof=1 for the standard deviation of a sample.",
        "Divide it by the root of the number of seeds.",
    ),
    exercise(
        "7.1",
        "What does black look like?",
        close(lambda: (0 + 1) * 255 / 2, 0.6),
        "Black arrives as 0. Which pixel becomes 0 when 0 to 255 is mapped to -1 to 1?",
        "The middle of -1 to 1 is the middle of 0 to 255.",
    ),
    exercise(
        "7.2",
        "A map for one class",
        function(_class_map),
        "Each channel is a picture, and each has one weight: add up weight times picture.",
        "np.einsum or np.tensordot does it in one call: the channels are summed over.",
    ),
    exercise(
        "7.3",
        "A busier door",
        close(lambda: 100 * 0.2 * FOUND / (0.2 * FOUND + 0.8 * FALSE_ALARMS), 0.6),
        "Take 1000 pictures: 200 with a person, 800 without. How many of each ring?",
        "About 162 and 92 ring.",
    ),
    exercise(
        "7.4",
        "Soft answers",
        function(_soften),
        "Divide the logits by the temperature, then e to the power of each, then divide by "
        "the sum.",
        "Take the largest logit away from all before the powers: the result is the same, and "
        "nothing overflows.",
    ),
    exercise(
        "8.1",
        "Folding",
        function(_fold),
        "scale = gamma / sqrt(variance + eps), one number for each filter.",
        "Weight times scale; bias = beta - mean * scale. Shape scale as (-1, 1, 1, 1).",
    ),
    exercise(
        "8.2",
        "Eight bits, row by row",
        function(_quantize),
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
