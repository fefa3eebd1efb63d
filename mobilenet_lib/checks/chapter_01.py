"""The exercises of chapter 01: standard convolution."""

from __future__ import annotations

import numpy as np

from .. import cost
from ..convolution import im2col
from .answers import exercise, pair, whole
from .tasks_01 import REPAIRED, hidden, shift_kernel

EXERCISES = (
    exercise(
        "1.1",
        "Two paddings, two sizes",
        pair(
            lambda: (
                cost.output_size(75, 5, 2, cost.same_padding(75, 5, 2)),
                cost.output_size(75, 5, 2),
            ),
            lambda: {
                "SAME rounds up: the last pixel gets its window, too.": [(37, 36), (37, None)],
                "It is the stride that divides, not the size of the kernel.": (15, 15),
                "That would be right for stride 1; with stride 2, every second place is skipped.": (
                    75,
                    71,
                ),
                "With SAME padding the kernel does not matter, only the stride.": [
                    (36, None),
                    (40, None),
                ],
                "VALID: from 0 to 70 in steps of two, there is one place more than there are "
                "steps, as with fence posts.": (38, 35),
                "The stride is missing in one of the two.": [(75, None), (None, 71)],
                "VALID loses pixels: a window of 5 that starts after pixel 70 does not fit.": [
                    (38, 37),
                    (38, 38),
                ],
            },
            ("SAME", "VALID"),
        ),
        "With SAME padding the kernel does not matter, only the stride; round up.",
        "VALID: the first window starts at 0, the last starts at 75 - 5 at most.",
        goals=["at the border of an image"],
    ),
    exercise(
        "1.2",
        "Eq. 2 by hand",
        whole(
            lambda: cost.standard_mult_adds(3, 64, 128, 56),
            lambda: {
                "D_F is squared: the kernel visits every row and every column.": 9 * 64 * 128 * 56,
                "D_K is squared: 3 by 3 weights.": 3 * 64 * 128 * 56**2,
                "The kernel has weights, too: D_K² is missing.": 64 * 128 * 56**2,
                "A bias is added without a multiplication.": (9 * 64 + 1) * 128 * 56**2,
                "M and N stand there once each.": 9 * 64**2 * 56**2,
                "Both sides are squared, D_K and D_F.": 3 * 64 * 128 * 56,
                "Each filter goes through all input channels: M is missing.": 9 * 128 * 56**2,
                "That is one filter; there are N of them.": 9 * 64 * 56**2,
                "These are the weights. Each is used at every place.": 9 * 64 * 128,
                "A mult-add is one, not two: a multiplication with its addition.": 2
                * (9 * 64 * 128 * 56**2),
                "That is the depthwise and pointwise pair of the next chapter; a standard "
                "convolution multiplies M and N and D_K².": 56**2 * 64 * (9 + 128),
                "The factors are multiplied, not added.": [9 + 64 + 128 + 56**2],
                "The map is 56 by 56 after padding, too: SAME leaves its size.": tuple(
                    9 * 64 * 128 * side**2 for side in (54, 58)
                ),
            },
        ),
        "Which letter of Eq. 2 is each number? Two of the letters are squared.",
        "D_K² is 9, M is 64, N is 128 and D_F² is 3,136.",
        goals=["count the multiplications"],
    ),
    exercise(
        "1.3",
        "A kernel that moves the photo",
        shift_kernel,
        "Moving right means: each output pixel takes the value of the pixel to its left.",
        "All weights are 0 except one 1, in the middle row.",
        goals=["compute one value of a convolution by hand"],
    ),
    exercise(
        "1.4",
        "The size of an im2col matrix",
        pair(
            lambda: im2col(np.zeros((224, 224, 3), np.uint8), 3, stride=2).shape,
            lambda: {
                "Each patch has 3 by 3 pixels in 3 channels.": [
                    (12_544, 9),
                    (None, 3),
                    (None, 81),
                    (None, 224 * 224 * 3),
                ],
                "The channels of one place stand side by side, in one row.": (37_632, 9),
                "Stride 2 skips every second row and column of places.": [
                    (50_176, 27),
                    (50_176, None),
                    (222 * 222, None),
                ],
                "Stride 2 skips every second row, and every second column as well.": (25_088, 27),
                "There is a row for each place: 112 of them in each of 112 lines.": (112, 27),
                "The matrix holds no filters yet: their number is the columns of the other one.": [
                    (None, 32),
                    (None, 27 * 32),
                ],
                "SAME padding: half of 224, nothing is lost at the border.": (12_321, 27),
            },
            ("rows", "columns"),
        ),
        "One row for each output pixel, one column for each number under the kernel.",
        "With stride 2 and SAME padding there are 112 · 112 output pixels.",
        goals=["one matrix product"],
    ),
    exercise(
        "1.5",
        "Repair a convolution",
        REPAIRED,
        "Try it on a map of 7 by 8 pixels with stride 2, and print the shapes. Then compare with "
        "`standard` from `mobilenet_lib.convolution`.",
        "The output has ceil(size / stride) pixels along each side. The last window starts at "
        "(that - 1) * stride and reaches as far as the kernel is wide: what sticks out of the map "
        "are the zeros, half of them before, and the odd one after.",
        goals=["as six loops", "every second pixel is skipped"],
        kind="build",
    ),
    exercise(
        "1.6",
        "A hidden kernel",
        hidden,
        "You choose what the layer sees. Which map shows a single weight, and which one shows "
        "the bias alone?",
        "Zeros everywhere give the bias. Then one 1 in the middle of one channel of a map of 5 by "
        "5: the nine values around it, less the bias, are that channel's weights, turned by half "
        "a turn. Do that for each input channel.",
        goals=["watch a kernel do all the others"],
        kind="investigate",
    ),
)
