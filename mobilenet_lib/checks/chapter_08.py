"""The exercises of chapter 08: to the device."""

from __future__ import annotations

import numpy as np

from ..architecture import mobilenet_v1
from .answers import close, exercise, whole
from .behaviour import behaves
from .tasks_08 import folds, rounds
from .tasks_08_arrays import FOLD, TOLL
from .tasks_08_shipping import SHIP_SLIPS, offers, packs, ship


def _numbers(per_filter: int) -> int:
    return per_filter * sum(layer.out_channels for layer in mobilenet_v1().layers[:-1])


EXERCISES = (
    exercise(
        "8.1",
        "Folding",
        FOLD,
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
                "Numbers for each filter, not for each layer.": (3, 4, 81, 84, 108),
                "PyTorch also counts batches, once for each layer: leave that out.": _numbers(3)
                + 27,
                "Numbers are asked for, not bytes.": 4 * _numbers(3),
                "The pointwise layers have one as well.": 3
                * sum(x.out_channels for x in mobilenet_v1().layers if x.kind == "depthwise"),
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
                "That is the time that is saved.": (0.6, 60),
                "That is the time that is left, in per cent; how many times as fast is that?": 40,
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
                    512,
                    513,
                    1023,
                    1024,
                    1025,
                ),
                "Eleven digits in all, the leading 1 included, not twelve.": (4096, 4097),
                "That is the largest number, or near it; whole numbers are skipped long before.": (
                    65504,
                    65505,
                    65519,
                    65520,
                    65536,
                ),
                "That is for float32.": 2**24 + 1,
                "That is for whole numbers of sixteen bits.": (32768, 32769, 32767, 65535),
                "Not the first one: go back.": tuple(range(2051, 2100, 2)),
                "That one can be held.": (2047, 2052),
            },
        ),
        "Write it in binary: a sign, a power of two, and ten digits after a leading 1.",
        "Eleven digits hold every number up to 2 ** 11. Try `int(np.float16(n))` from there.",
        goals=["compute in sixteen bits"],
    ),
    exercise(
        "8.6",
        "What eight bits cost",
        TOLL,
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
