"""The exercises of chapter 07: a published MobileNet."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .answers import close, exercise
from .behaviour import behaves
from .compare import Case
from .tasks_07 import forensics, prunes

FOUND, FALSE_ALARMS = 0.811, 1 - 0.885
"""Of the person detector, as its makers published them."""


def _rings(people: float, found: float = FOUND, false: float = FALSE_ALARMS) -> float:
    return 100 * people * found / (people * found + (1 - people) * false)


def class_map(features: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Each channel's map times its weight, added up."""
    return np.einsum("c,cij->ij", weight, features)


def _maps() -> Iterator[Case]:
    rng = np.random.default_rng(72)
    for channels, height, width in ((4, 3, 3), (7, 2, 5), (3, 6, 3), (5, 5, 5)):
        yield rng.standard_normal((channels, height, width)), rng.standard_normal(channels)


def soften(logits: np.ndarray, T: float) -> np.ndarray:
    """Probabilities at a temperature, of scores of any size."""
    powers = np.exp((logits - logits.max()) / T)
    return np.asarray(powers / powers.sum())


def _scores() -> Iterator[Case]:
    yield np.array([2.0, -1.0, 0.5]), 1.0
    yield np.array([2.0, -1.0, 0.5, 0.3]), 4.0
    yield np.array([-3.0, 1.0]), 0.5
    yield np.array([2.0, -1.0, 0.5, 4000.0]), 2.0
    yield np.array([-4000.0, -4001.0]), 3.0


def _overflowing(logits: np.ndarray, T: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        powers = np.exp(logits / T)
        return np.asarray(powers / powers.sum())


EXERCISES = (
    exercise(
        "7.1",
        "What does black look like?",
        close(
            lambda: (0 + 1) * 255 / 2,
            0.6,
            lambda: {
                "That is in the network's own numbers; which grey value, 0 to 255?": (
                    0.55,
                    -1,
                    1.1,
                ),
                "It would take black for black only if black arrived as -1; it arrives as 0.": 0,
                "White arrives as 1, and 1 is white: asked is black.": 255,
                "The way from -1 to 1 is 2 long, and 0 is half of it.": (64, 63.75, 191.25),
                "In per cent of white: of 255, please.": 50,
            },
        ),
        "Black arrives as 0. Which pixel becomes 0 when 0 to 255 is mapped to -1 to 1?",
        "The middle of -1 to 1 is the middle of 0 to 255.",
        goals=["when one convention is wrong"],
    ),
    exercise(
        "7.2",
        "A map for one class",
        behaves(
            class_map,
            _maps,
            (
                "The weights are not used: each channel has one.",
                lambda f, w: f.mean(axis=0),
            ),
            (
                "The weights are not used: each channel has one.",
                lambda f, w: f.sum(axis=0),
            ),
            (
                "These are the weighted maps one by one: add them up.",
                lambda f, w: w[:, None, None] * f,
            ),
            (
                "One number comes out: the mean over the places is what the network takes, a map "
                "keeps them.",
                lambda f, w: class_map(f, w).mean(),
            ),
            (
                "The places are gone: that is the mean everywhere.",
                lambda f, w: np.full(f.shape[1:], class_map(f, w).mean()),
            ),
            (
                "The channels are averaged; they are to be added up.",
                lambda f, w: class_map(f, w) / len(w),
            ),
            (
                "What is negative speaks against the class, and belongs to the map.",
                lambda f, w: np.maximum(class_map(f, w), 0),
            ),
            ("Height and width are exchanged.", lambda f, w: class_map(f, w).T),
            (
                "It is scaled to the range from 0 to 1: leave the numbers as they are.",
                lambda f, w: (class_map(f, w) - class_map(f, w).min()) / np.ptp(class_map(f, w)),
            ),
            ("That is a single channel.", lambda f, w: w[0] * f[0]),
            ("That is the strongest channel alone.", lambda f, w: w[w.argmax()] * f[w.argmax()]),
            (
                "One number comes out: sum over the channels only.",
                lambda f, w: class_map(f, w).sum(),
            ),
            ("The weights keep their signs.", lambda f, w: class_map(f, np.abs(w))),
            (
                "A channel is missing: is the last one left out?",
                lambda f, w: class_map(f[:-1], w[:-1]),
            ),
            (
                "The weights stay as they are; they need not add up to 1.",
                lambda f, w: class_map(f, w / w.sum()),
            ),
        ),
        "Each channel is a picture, and each has one weight: add up weight times picture.",
        "`np.einsum` or `np.tensordot` does it in one call: the channels are summed over.",
        goals=["which part of a photo"],
        kind="build",
    ),
    exercise(
        "7.3",
        "A busier door",
        close(
            lambda: _rings(0.2),
            0.6,
            lambda: {
                "That is how many of the persons are found; asked is how many alarms are right.": (
                    100 * FOUND
                ),
                "One in five is 1 of 5; and false alarms come from the other 4 alone.": _rings(
                    1 / 6
                ),
                "The other way round: one picture in five has a person, four have none.": _rings(
                    0.8
                ),
                "These are the numbers of its makers, for their own mix; yours is another one.": (
                    88.5,
                    84.9,
                    11.5,
                ),
                "That is how many pictures have a person; of the alarms it is more.": 20,
                "That is the share of all pictures that ring.": 100
                * (0.2 * FOUND + 0.8 * FALSE_ALARMS),
                "That would be so if every second picture had a person in it; here it is one in "
                "five.": (_rings(0.5)),
                "That is the chapter's rare visitor, one picture in a hundred.": _rings(0.01),
                "That is the share of false ones among the alarms.": 100 - _rings(0.2),
                "88.5 % is how often it is silent when it should be; it rings wrongly in the "
                "rest.": _rings(0.2, false=0.885),
                "That leaves out how many persons are missed.": _rings(0.2, found=1),
                "That is of all pictures: 162 and 92 of 1000 ring.": 16.2,
            },
        ),
        "Take 1000 pictures: 200 with a person, 800 without. How many of each ring?",
        "About 162 and 92 ring.",
        goals=["85 % accurate"],
    ),
    exercise(
        "7.4",
        "Soft answers",
        behaves(
            soften,
            _scores,
            (
                "It fails for large scores: e to the power of 2000 is too large for a computer. "
                "What may be taken away from all scores without changing the result?",
                _overflowing,
            ),
            ("The temperature is not used.", lambda x, T: soften(x, 1)),
            (
                "Divide by the temperature: a high one makes answers softer.",
                lambda x, T: soften(x * T, 1),
            ),
            ("They do not add up to 1 yet.", lambda x, T: np.exp((x - x.max()) / T)),
            ("These are their logarithms.", lambda x, T: np.log(soften(x, T))),
            (
                "One probability for each class, not only the largest.",
                lambda x, T: soften(x, T).max(),
            ),
            (
                "The temperature divides the scores, before the powers; not the probabilities.",
                lambda x, T: soften(x, 1) / T,
            ),
            (
                "Scores are to be raised to powers of e; this divides them by their sum.",
                lambda x, T: x / x.sum(),
            ),
            (
                "Softmax compares the scores with each other; this takes each one alone.",
                lambda x, T: 1 / (1 + np.exp(-x / T)),
            ),
            ("T divides once, not squared.", lambda x, T: soften(x, T * T)),
            ("Powers of e, not of 2.", lambda x, T: soften(x * math.log(2), T)),
            ("The scores keep their signs.", lambda x, T: soften(np.abs(x), T)),
            (
                "Divide by the sum, not by the mean or the largest.",
                lambda x, T: soften(x, T) * len(x),
            ),
            (
                "That is the winner alone; a softmax leaves something to the others.",
                lambda x, T: (x == x.max()) * 1.0,
            ),
            (
                "That is a class, or its probability; one for each class is asked for.",
                lambda x, T: x.argmax(),
            ),
            (
                "The signs are turned around: the highest score is the most probable.",
                lambda x, T: soften(-x, T),
            ),
            (
                "What is taken away has to be the same for all, and the temperature has to divide "
                "it as well.",
                lambda x, T: np.exp(x / T - x.max()) / np.exp(x / T - x.max()).sum(),
            ),
        ),
        "Divide the logits by the temperature, then e to the power of each, then divide by "
        "the sum.",
        "Take the largest logit away from all before the powers: the result is the same, and "
        "nothing overflows.",
        goals=["from a teacher"],
    ),
    exercise(
        "7.5",
        "Forensics",
        forensics,
        "Batch normalization remembers what came out of the layer in training. Which way to "
        "prepare the photos gives the same again?",
        "Try all six: three scales, two orders. Run `standard` from `mobilenet_lib.convolution` "
        "with stride 2, and compare mean and variance of each output channel with what is "
        "remembered.",
        goals=["when one convention is wrong"],
        kind="investigate",
    ),
    exercise(
        "7.6",
        "Take out what does nothing",
        prunes,
        "The input is never negative. For which signs of its weights and its bias is a channel 0 "
        "whatever comes?",
        "Dead: no weight and no bias above 0. Constant: no weights at all; then b2 can hold what "
        "it adds. Unread: its row of W2 is 0. All three kinds go.",
        goals=["channels that do nothing"],
        kind="build",
    ),
    exercise(
        "7.7",
        "From scores to certainty",
        close(
            lambda: 100 / (1 + math.exp(-1.6)),
            0.06,
            lambda: {
                "That is how sure it is of nobody.": 100 / (1 + math.exp(1.6)),
                "Scores are not shares: e to the power of each comes first.": (
                    100 * 1.2 / 1.6,
                    150,
                    120,
                ),
                "The second score counts as well: only their difference matters.": 100
                / (1 + math.exp(-1.2)),
                "Mind the minus sign: how far is it from -0.4 to 1.2?": 100 / (1 + math.exp(-0.8)),
                "That is at another temperature: as they are, please.": (
                    100 / (1 + math.exp(-0.8)),
                    100 / (1 + math.exp(-3.2)),
                ),
                "Powers of e, not of 2 or of 10.": (100 / (1 + 2**-1.6), 100 / (1 + 10**-1.6)),
                "That is the ratio of the two.": (math.exp(1.6), 100 * math.exp(1.6)),
            },
        ),
        "Softmax of two scores: e to the power of each, divided by the sum.",
        "100 / (1 + exp(-1.6)), since only the difference of the two counts.",
        goals=["run a trained network"],
    ),
)
