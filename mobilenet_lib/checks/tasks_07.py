"""Tasks of chapter 07 that are judged by properties: forensics, and pruning of dead channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convolution import standard
from .answers import Fault
from .behaviour import as_function, call
from .compare import alike, differs
from .guard import shown

SCALES = {"0 to 255": (1.0, 0.0), "0 to 1": (1 / 255, 0.0), "-1 to 1": (2 / 255, -1.0)}
ORDERS = ("RGB", "BGR")


def _input(photo: np.ndarray, scale: str, order: str) -> np.ndarray:
    factor, offset = SCALES[scale]
    pixels = photo.astype(float) * factor + offset
    return pixels[..., ::-1] if order == "BGR" else pixels


def convention(
    kernel: np.ndarray, mean: np.ndarray, variance: np.ndarray, photos: list[np.ndarray]
) -> tuple[str, str]:
    """The scale and order of channels with which a first layer's statistics were collected."""

    def gap(scale: str, order: str) -> float:
        maps = [standard(_input(p, scale, order), kernel, 2).reshape(-1, len(mean)) for p in photos]
        seen = np.concatenate(maps)
        return float(
            (np.abs(seen.mean(0) - mean) / np.sqrt(variance)).sum()
            + np.abs(np.log(seen.var(0) / variance)).sum()
        )

    both = [(scale, order) for scale in SCALES for order in ORDERS]
    return min(both, key=lambda each: gap(*each))


def forensics(answer: Any) -> str | None:
    """Check a function that finds out how a network wants its pixels."""
    answer = as_function(answer, convention)
    rng = np.random.default_rng(75)
    wrong: list[tuple[tuple[str, str], tuple[str, str]]] = []
    said = set()
    for truth in [(scale, order) for scale in SCALES for order in ORDERS]:
        kernel = rng.standard_normal((3, 3, 3, 5))
        own, shift = [], rng.uniform(0, 120, 3)
        for height, width in ((24, 30), (17, 17), (30, 22), (26, 26)):
            noise = rng.integers(0, 90, (height, width, 3)) + shift
            own.append(np.clip(noise + np.linspace(0, 60, width)[:, None], 0, 255).astype(np.uint8))
        maps = [standard(_input(photo, *truth), kernel, 2).reshape(-1, 5) for photo in own]
        seen = np.concatenate(maps)
        noise = 1 + 0.02 * rng.standard_normal((2, 5))
        result = call(
            answer, convention, kernel, seen.mean(0) * noise[0], seen.var(0) * noise[1], own
        )
        try:
            scale, order = (str(part).strip() for part in result)
        except (TypeError, ValueError):
            scale = order = ""
        if scale not in SCALES or order not in ORDERS:
            raise Fault(
                f"it returns {shown(result)}.",
                'A scale and an order are asked for, such as ("0 to 1", "RGB").',
            )
        said.add((scale, order))
        if (scale, order) != truth:
            wrong.append((truth, (scale, order)))
    if not wrong:
        return None
    truth, other = wrong[0]
    text = f"{6 - len(wrong)} of 6 networks are right; one of {truth} is taken for {other}."
    if len(said) == 1:
        raise Fault(text, "It says the same of every network: does it look at the statistics?")
    scales = sum(t[0] != o[0] for t, o in wrong)
    if not scales:
        raise Fault(text, "The scale is found. Exchange red and blue, and compare the means again.")
    if len(wrong) < 6:
        raise Fault(
            text,
            "The scale is not always found: 0 to 1 and -1 to 1 differ in their means, and in their "
            "variance by a factor of four; 0 to 255 differs from both by far more.",
        )
    raise Fault(text, "The best fit has the smallest difference; is it the largest here?")


# --- 7.6 ------------------------------------------------------------------------------------------

Layers = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def prune(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray) -> Layers:
    """Two layers without the channels that are dead, constant or unread; equal for all x >= 0."""
    dead = (W1 <= 0).all(axis=0) & (b1 <= 0)
    constant = ~W1.any(axis=0) & (b1 > 0)
    keep = ~(dead | constant | ~W2.any(axis=1))
    return W1[:, keep], b1[keep], W2[keep], b2 + b1[constant] @ W2[constant]


def _two_layers(x: np.ndarray, layers: Layers) -> np.ndarray:
    W1, b1, W2, b2 = layers
    return np.asarray(np.maximum(x @ W1 + b1, 0) @ W2 + b2)


def prunes(answer: Any) -> str | None:
    """Check a function that takes channels out of two layers without changing what they give."""
    answer = as_function(answer, prune)
    rng = np.random.default_rng(76)
    for channels, hidden, filters, kinds in (
        (4, 9, 3, "dead"),
        (5, 12, 2, "dead constant"),
        (3, 10, 4, "dead unread constant"),
        (6, 7, 6, "tempting"),
    ):
        W1, b1 = rng.standard_normal((channels, hidden)), rng.standard_normal(hidden)
        W2, b2 = rng.standard_normal((hidden, filters)), rng.standard_normal(filters)
        W1[0] = np.abs(W1[0]) + 0.1  # alive, all of them
        W1[:, 0], b1[0] = 0, -1.0
        W1[0, 0], b1[0] = 0.01, -5.0  # rarely alive
        W1[:, 1] *= 1e-3  # faint, but not dead
        if "dead" in kinds:
            W1[:, 2:4], b1[2:4] = -np.abs(W1[:, 2:4]), (-0.5, 0.0)
            W1[:, 2] = 0
        if "constant" in kinds:
            W1[:, 4], b1[4] = 0, 0.7
        if "unread" in kinds:
            W2[5] = 0
        if "tempting" in kinds:  # sums of 0, and what is 0 for large x alone
            W2[3, :2], W2[3, 2:] = (0.01, -0.01), 0
            W2[:, 4], W1[5] = 0, 0  # an output and an input that nobody needs, but that stay
            W1[:, 4], W1[:2, 4] = 0, (1, -1)
            W1[:, 5], b1[5] = -np.abs(W1[:, 5]), 2.0
        case = f"with {hidden} channels between the layers"
        try:
            result = call(answer, prune, W1, b1, W2, b2)
            like = (W1, b1, W2, b2)
            own: Layers = alike(result, like, ("W1", "b1", "W2", "b2"))
        except Fault as fault:
            raise Fault(f"{case}, {fault.said}", fault.hint) from None
        _fits(case, own, (W1, b1, W2, b2), rng)
    return None


def _fits(case: str, own: Layers, whole: Layers, rng: np.random.Generator) -> None:
    W1, b1, W2, b2 = own
    if W1.ndim != 2 or W1.shape[1:] != b1.shape or W2.ndim != 2 or len(W2) != len(b1):
        raise Fault(
            f"{case}, the shapes {W1.shape}, {b1.shape}, {W2.shape} do not fit together.",
            "A channel is a column of W1, a number of b1 and a row of W2: all three go.",
        )
    if (len(W1), W2.shape[1:]) != (len(whole[0]), b2.shape) or b2.shape != whole[3].shape:
        raise Fault(
            f"{case}, it takes {len(W1)} numbers and gives {W2.shape[1]}.",
            "Inputs and outputs stay, all of them; only channels between the layers go.",
        )
    x = np.abs(rng.standard_normal((40, len(W1)))) * np.geomspace(0.01, 2000, 40)[:, None]
    best = prune(*whole)
    gone = whole[1].size - b1.size
    said = f"{case}, {gone} of them go"
    off = differs(_two_layers(x, own), _two_layers(x, whole), 1e-7) is not None
    if off or differs(_two_layers(x[:9], own), _two_layers(x[:9], whole), 1e-6):
        hint = (
            "A channel that is faint, or seldom alive, is not dead: only the signs of its weights "
            "and its bias tell whether it gives 0 for every x that is not negative."
        )
        without = ~whole[0].any(axis=0)
        raw = whole[1][without] @ whole[2][without]
        if (whole[1][without] < 0).any() and np.allclose(b2 - whole[3], raw):
            hint = (
                "What a channel without weights gives is never below 0: the ReLU acts on its bias."
            )
        constant = without & (whole[1] > 0)
        if constant.any() and np.allclose(b2, whole[3]) and b1.size <= best[1].size:
            hint = (
                "A channel without weights but with a bias is not dead: what it adds is constant."
            )
        raise Fault(f"{said}, and the outputs change.", hint)
    if b1.size > best[1].size:
        left = "Some could go, too: a channel is dead if no weight and no bias is above 0."
        if not (whole[2].any(axis=1)).all() and b1.size == best[1].size + 1:
            left = "One more could go: does anybody read every channel?"
        elif (~whole[0].any(axis=0) & (whole[1] > 0)).any() and b1.size == best[1].size + 1:
            left = (
                "One more could go: a channel without weights gives a constant, and b2 can hold it."
            )
        raise Fault(f"{said}; {whole[1].size - best[1].size} could.", left)
