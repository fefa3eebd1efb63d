"""The exercises of chapter 04: what a mult-add costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..convolution import standard
from .answers import close, exercise
from .behaviour import behaves, without_loops
from .compare import Case
from .tasks_04 import (
    DEEP,
    WIDE,
    find_liars,
    layers_of,
    measures,
    roofline_slip,
    scored_of,
    time_of,
)


def _valid_of(F: np.ndarray, K: np.ndarray) -> np.ndarray:
    return standard(F, K, padding="valid")


def _one_weight(place: int) -> Callable[..., np.ndarray]:
    chosen = np.zeros((3, 3, 1, 1))
    chosen[place, place] = 1
    return lambda F, K: _valid_of(F, K * chosen)


def _maps_of(*sizes: tuple[int, int, int, int]) -> Iterator[Case]:
    rng = np.random.default_rng(45)
    for height, width, channels, filters in sizes:
        F = rng.standard_normal((height, width, channels))
        yield F, rng.standard_normal((3, 3, channels, filters))


EXERCISES = (
    exercise(
        "4.1",
        "Operations for each byte",
        close(
            WIDE.intensity,
            0.06,
            lambda: {
                "A mult-add is two operations, a multiplication and an addition.": WIDE.intensity()
                / 2,
                "A number in float32 has four bytes.": (4 * WIDE.intensity(), 2 * WIDE.intensity()),
                "The weights have to come, too.": (
                    2 * 256**2 * 784 / (4 * 2 * 256 * 784),
                    256**2 * 784 / (4 * 2 * 256 * 784),
                ),
                "The maps move, too, not the weights alone.": 2 * 784 / 4,
                "For each byte, not for each bit.": WIDE.intensity() / 8,
                "One of the two is there; divide the operations by the bytes.": (
                    2 * 256**2 * 784,
                    4 * (2 * 256 * 784 + 256**2),
                ),
                "A pointwise layer applies every filter to every input channel.": 2.2,
                "The output is written, too.": 2 * 256**2 * 784 / (4 * (256 * 784 + 256**2)),
                "The input is read, too: two maps, and the weights.": 2
                * 256**2
                * 784
                / (4 * 256 * 784),
                "Bytes for each operation: the other way round.": 1 / WIDE.intensity(),
                "Each weight is used at 28 by 28 places.": 2
                * 256**2
                * 28
                / (4 * (2 * 256 * 28 + 256**2)),
            },
        ),
        "A mult-add is two operations, a number in float32 four bytes.",
        "2 · 256 · 256 · 28² operations; two maps of 256 · 28² numbers and 256² weights.",
        goals=["which of the two limits a layer"],
    ),
    exercise(
        "4.2",
        "The ridge",
        close(
            lambda: 240e9 / 30e9,
            0.01,
            lambda: {
                "The other way round: operations for each byte.": 30 / 240,
                "Multiplied; at the ridge two times are equal, and each is a quotient.": (
                    7200,
                    7.2e21,
                ),
                "Both numbers are in billions, so these cancel.": (8e9, 8e-9),
                "These are operations already: no factor of two for mult-adds.": (4, 16),
                "The bandwidth is in bytes, not in numbers of four bytes.": (32, 2),
                "Not the sum, nor the difference, nor one of them: divide instead.": (
                    210,
                    270,
                    240,
                    30,
                ),
                "In bytes, not in bits.": (1, 64),
            },
        ),
        "At the ridge both take equally long: the arithmetic, and moving the bytes.",
        "240 billion operations per second over 30 billion bytes per second.",
        goals=["which of the two limits a layer"],
    ),
    exercise(
        "4.3",
        "The roofline in one line",
        behaves(
            time_of,
            layers_of,
            ("That is in seconds: milliseconds are asked for.", lambda *x: time_of(*x) / 1e3),
            ("That is in microseconds.", lambda *x: time_of(*x) * 1e3),
            (
                "The two times are added; a processor does both at once.",
                roofline_slip(lambda a, b: a + b),
            ),
            ("The longer of the two times counts, not the shorter.", roofline_slip(min)),
            ("Bytes take time, too.", roofline_slip(lambda a, b: a)),
            ("Arithmetic takes time, too.", roofline_slip(lambda a, b: b)),
            (
                "Operations are given, not mult-adds: no factor of two.",
                lambda w, m, p, b: time_of(2 * w, m, p, b),
            ),
            (
                "Bytes are given, not numbers: no factor of four.",
                lambda w, m, p, b: time_of(w, 4 * m, p, b),
            ),
            (
                "A time is work over speed: here it is the other way round.",
                roofline_slip(lambda a, b: max(1 / a, 1 / b)),
            ),
            (
                "Operations belong with the peak, and bytes with the bandwidth.",
                lambda w, m, p, b: time_of(m, w, p, b),
            ),
            (
                "Bytes are bytes: no factor of eight.",
                lambda w, m, p, b: time_of(w, 8 * m, p, b),
            ),
            (
                "That is the mean of the two times; the longer one counts.",
                roofline_slip(lambda a, b: (a + b) / 2),
            ),
            (
                "That is how many operations per second are reached, not how long they take.",
                lambda w, m, p, b: min(p, w / m * b),
            ),
        ),
        "Work over peak is a time; bytes over bandwidth is another.",
        "The longer of the two, times 1000 for milliseconds.",
        goals=["under one roof"],
    ),
    exercise(
        "4.4",
        "How sparse?",
        close(
            lambda: 1 - 1 / 12,
            0.004,
            lambda: {
                "That is the share that is left; asked is the share of zeros.": (
                    1 / 12,
                    0.083,
                    8.3,
                ),
                "A share of zeros, between 0 and 1.": (12, 11, 91.7, 92),
                "Then the sparse product would still be slower: put it in.": (0.9, 0.5, 0.8, 0.88),
                "11 over 12, not over 13.": (12 / 13, 11 / 13, 1 / 13),
                "That is more than is needed.": (0.95, 0.99, 1.0),
            },
        ),
        "A share 1 - s of the weights is left, and each costs twelve times as much.",
        "12 · (1 - s) = 1.",
        goals=["how many weights must be zero"],
    ),
    exercise(
        "4.5",
        "The same sum once more",
        behaves(
            _valid_of,
            lambda: _maps_of((5, 5, 1, 1), (6, 6, 2, 3), (7, 4, 3, 2), (4, 9, 2, 5)),
            ("This is what SAME gives; no padding is asked for.", lambda F, K: standard(F, K)),
            (
                "The kernel is flipped: it lies on the map as it is written.",
                lambda F, K: _valid_of(F, K[::-1, ::-1]),
            ),
            (
                "The input channels are still there: each output is a sum over all of them.",
                lambda F, K: np.stack(
                    [
                        _valid_of(F[..., m : m + 1], K[:, :, m : m + 1]).sum(-1)
                        for m in range(K.shape[2])
                    ],
                    -1,
                ),
            ),
            (
                "Only one input channel counts: the sum goes over m as well.",
                lambda F, K: _valid_of(F[..., :1], K[:, :, :1]),
            ),
            (
                "The patches' columns come in another order than the kernel's rows: i, j and then "
                "m in both.",
                lambda F, K: _valid_of(F, K.reshape(-1, 3, 3, K.shape[3]).transpose(1, 2, 0, 3)),
            ),
            (
                "Rows and columns of the kernel are exchanged.",
                lambda F, K: _valid_of(F, K.transpose(1, 0, 2, 3)),
            ),
            (
                "A matrix comes out; give it back the rows and columns of a map.",
                lambda F, K: _valid_of(F, K).reshape(-1, K.shape[3]),
            ),
            ("Only the first of nine counts: does `return` stand inside the loop?", _one_weight(0)),
            ("Only the last of nine is left: `+=` adds to what is there.", _one_weight(2)),
            (
                "Some of the nine weights are left out: i and j both go from 0 to 2.",
                lambda F, K: _valid_of(F, K * np.outer([1, 1, 0], [1, 1, 0])[..., None, None]),
            ),
            (
                "The output channels are added up: each kernel gives a map of its own.",
                lambda F, K: _valid_of(F, K).sum(2),
            ),
            (
                "Each channel meets a filter of its own: that is a depthwise convolution.",
                lambda F, K: np.stack(
                    [
                        _valid_of(F[..., m : m + 1], K[:, :, m : m + 1].sum(3, keepdims=True))[
                            ..., 0
                        ]
                        for m in range(K.shape[2])
                    ],
                    -1,
                ),
            ),
            then=without_loops(
                next(_maps_of((6, 6, 2, 2))),
                ("rows", next(_maps_of((18, 6, 2, 2)))),
                ("columns", next(_maps_of((6, 18, 2, 2)))),
                ("input channels", next(_maps_of((6, 6, 14, 2)))),
                ("output channels", next(_maps_of((6, 6, 2, 14)))),
                hint="Python is to do the same few steps for a large map as for a small one: nine "
                "products of matrices, or one after `np.lib.stride_tricks.sliding_window_view`.",
            ),
        ),
        "F[i : i + rows, j : j + columns] @ K[i, j] takes M numbers to N at all places at once.",
        "Add up nine such products. Or cut out all patches, reshape them and K to matrices, and "
        "multiply once.",
        goals=["in three ways"],
        kind="build",
    ),
    exercise(
        "4.6",
        "The roof of your machine",
        measures,
        "Print what single runs take. Which of them would you not believe, and why?",
        "Run it once for nothing. Then take many readings, each of so many runs that the clock "
        "has ticked often, divide each by its runs, and believe the shortest.",
        goals=["what your processor can do at most"],
        kind="build",
    ),
    exercise(
        "4.7",
        "Which layer lies?",
        find_liars,
        "For each layer, compute the shortest time that the roof allows, in milliseconds.",
        "That is 1000 times the larger of operations / peak and bytes / bandwidth; a claim of "
        "less is false.",
        goals=["under one roof", "which of the two limits a layer"],
        kind="investigate",
    ),
    exercise(
        "4.8",
        "Predict, and be scored",
        scored_of,
        "Draw the milliseconds over the mult-adds. Does the line go through zero?",
        "Fit a price for each mult-add and one for the network as a whole, as `np.polyfit` with "
        "degree 1 does; or interpolate between the neighbours.",
        goals=["predict the latency"],
        kind="investigate",
    ),
    exercise(
        "4.9",
        "Why the three per cent take so long",
        close(
            lambda: DEEP.intensity(),
            0.03,
            lambda: {
                "A mult-add is two operations.": DEEP.intensity() / 2,
                "A number in float32 has four bytes.": 4 * DEEP.intensity(),
                "For each byte, not for each bit.": DEEP.intensity() / 8,
                "The weights have to come, too.": 18 / 8,
                "Operations for each byte: divide by the bytes that move.": (9, 18),
                "Each channel has one filter of nine weights: no sum over channels.": 2
                * 9
                * 512**2
                * 196
                / (4 * (2 * 512 * 196 + 9 * 512**2)),
                "The input is read and the output is written: two maps.": 2 * 9 * 196 / (4 * 205),
                "The pointwise layer has so many; the depthwise one is asked for.": (
                    2 * 512**2 * 196 / (4 * (2 * 512 * 196 + 512**2))
                ),
                "Bytes for each operation: the other way round.": 1 / DEEP.intensity(),
            },
        ),
        "Nine mult-adds for each number of the output, and how many numbers move for it?",
        "2 · 9 · 512 · 14² operations; two maps of 512 · 14² numbers and 9 · 512 weights, of four "
        "bytes each.",
        goals=["why the depthwise layers"],
    ),
)
