"""The exercises of chapter 01: standard convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import cost
from ..convolution import im2col, standard
from .answers import Fault, NotAnAnswerError, as_array, exercise, pair, whole
from .behaviour import Case, alike, as_function, behaves, call, differs


def _shift_kernel(answer: Any) -> str | None:
    kernel = as_array(answer, "a 3x3 array of numbers is asked for")
    if kernel.shape != (3, 3):
        raise NotAnAnswerError(f"a 3x3 array is asked for, this has shape {kernel.shape}.")
    right = np.zeros((3, 3))
    right[1, 0] = 1
    if np.allclose(kernel, right):
        return None
    rng = np.random.default_rng(0)
    photo = rng.random((8, 9))
    out = standard(photo[:, :, None], kernel[:, :, None, None])[:, :, 0]
    if np.allclose(out, photo):
        raise Fault("the photo stays where it is.", "The 1 in the middle takes each pixel itself.")
    if np.allclose(kernel, right[:, ::-1]):
        raise Fault(
            "the photo moves, but to the left.",
            "This takes the value of the pixel on the right. Nothing is flipped here: the kernel "
            "lies on the photo as you wrote it.",
        )
    if np.allclose(kernel, right.T) or np.allclose(kernel, right[:, ::-1].T):
        raise Fault(
            "the photo moves up or down.",
            "Rows come first in a kernel: a 1 above or below the middle takes that neighbour.",
        )
    if (kernel != 0).sum() == 1 and kernel[1, 0]:
        said = f"the photo moves to the right, and each pixel is {kernel[1, 0]:g} times itself."
        raise Fault(said, "The place is right. Which weight leaves a value as it is?")
    if (kernel != 0).sum() == 1 and not kernel[1].any():
        raise Fault("the photo moves askew.", "The only weight belongs in the middle row.")
    if (kernel != 0).sum() > 1:
        raise Fault(
            "each output pixel is a mixture of several.",
            "To move is to copy one neighbour, so only one weight may differ from 0.",
        )
    return "the photo does not move one pixel to the right."


# --- 1.5 ------------------------------------------------------------------------------------------


def _strided(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    return standard(F, K, stride, "same")


def _as_torch_pads(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    return standard(F, K, stride, K.shape[0] // 2)


def _rounded_down(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    return standard(F, K, stride, "same")[: F.shape[0] // stride, : F.shape[1] // stride]


def _zero_before(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    borders = [cost.same_padding(s, K.shape[0], stride)[::-1] for s in F.shape[:2]]
    return standard(np.pad(F, [*borders, (0, 0)]), K, stride, "valid")


def _torch_pads_and_rounded_down(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    return _as_torch_pads(F, K, stride)[: F.shape[0] // stride, : F.shape[1] // stride]


def _zeros_for_fewer(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    sides = [s // stride for s in F.shape[:2]]
    zeros = [max((n - 1) * stride + len(K) - s, 0) for n, s in zip(sides, F.shape, strict=False)]
    padded = np.pad(F, [*((z // 2, z - z // 2) for z in zeros), (0, 0)])
    return standard(padded, K, stride, "valid")[: sides[0], : sides[1]]


def _strided_cases() -> Iterator[Case]:
    rng = np.random.default_rng(15)
    for height, width, size, channels, filters, stride in (
        (7, 7, 3, 1, 1, 1),
        (9, 9, 3, 1, 2, 2),
        (8, 8, 3, 2, 3, 2),
        (9, 6, 3, 3, 2, 2),
        (11, 8, 5, 2, 4, 2),
        (8, 13, 5, 1, 2, 4),
    ):
        feature_map = rng.standard_normal((height, width, channels))
        yield feature_map, rng.standard_normal((size, size, channels, filters)), stride


_REPAIRED = behaves(
    _strided,
    _strided_cases,
    ("When the number of zeros is odd, the extra one goes after, not before.", _zero_before),
    (
        "The size is right, but the windows start elsewhere: SAME needs fewer zeros for stride 2 "
        "than for stride 1, and the odd one goes after the last pixel.",
        _as_torch_pads,
    ),
    (
        "SAME rounds up: of 7 pixels, stride 2 leaves 4. And it needs fewer zeros for stride 2.",
        _torch_pads_and_rounded_down,
    ),
    ("SAME rounds up: of 7 pixels, stride 2 leaves 4.", _rounded_down),
    ("SAME rounds up, ceil and not floor: of 7 pixels, stride 2 leaves 4.", _zeros_for_fewer),
    ("No zeros are added: that is VALID.", lambda F, K, stride: standard(F, K, stride, "valid")),
    ("The stride is not used.", lambda F, K, stride: standard(F, K, 1, "same")),
    (
        "The kernel is flipped: mathematics books do that, Eq. 1 does not.",
        lambda F, K, stride: _strided(F, K[::-1, ::-1], stride),
    ),
    (
        "Only one input channel counts: the sum of Eq. 1 goes over m as well.",
        lambda F, K, stride: _strided(F[..., :1], K[:, :, :1], stride),
    ),
    (
        "This skips pixels of the result with stride 1, which starts at the first window; SAME "
        "puts the zeros where the last window ends at the border.",
        lambda F, K, stride: standard(F, K, 1, "same")[::stride, ::stride],
    ),
)


# --- 1.6 ------------------------------------------------------------------------------------------


def _recover(layer: Callable[[np.ndarray], np.ndarray], M: int) -> tuple[np.ndarray, np.ndarray]:
    """What 1.6 asks for, of which only the signature is used."""
    raise NotImplementedError


def _hidden(answer: Any) -> str | None:
    answer = as_function(answer, _recover)
    rng = np.random.default_rng(16)
    for channels, filters in ((1, 1), (2, 3), (3, 2)):
        kernel = rng.standard_normal((3, 3, channels, filters))
        bias = rng.standard_normal(filters)

        def layer(
            F: Any, K: np.ndarray = kernel, b: np.ndarray = bias, M: int = channels
        ) -> np.ndarray:
            photo = np.asarray(F, float)
            if photo.ndim != 3 or photo.shape[2] != M:
                raise ValueError(f"this layer takes (height, width, {M}), not {photo.shape}")
            return standard(photo, K) + b

        where = f"for a hidden layer with M = {channels} and N = {filters}"
        try:
            found = alike(call(answer, None, layer, channels), (kernel, bias), ("kernel", "bias"))
        except Fault as fault:
            raise Fault(f"{where}, {fault.said}", fault.hint) from None
        own, offset = found
        if differs(own, kernel, 1e-3) is None and differs(offset, bias, 1e-3) is None:
            continue
        raise Fault(f"{where}, {_what_is_off(own, offset, kernel, bias)[0]}", _hint(own, kernel))
    return None


def _what_is_off(
    own: np.ndarray, offset: np.ndarray, kernel: np.ndarray, bias: np.ndarray
) -> tuple[str]:
    if differs(own, kernel, 1e-3) is None:
        return ("the kernel is right, the bias is not.",)
    return (f"the kernel is off: {differs(own, kernel, 1e-3)}",)


def _hint(own: np.ndarray, kernel: np.ndarray) -> str | None:
    if own.shape == kernel.shape:
        if differs(own, kernel, 1e-3) is None:
            return "What does the layer answer to a map of nothing but zeros?"
        if differs(own, kernel[::-1, ::-1], 1e-3) is None:
            return (
                "It is turned by half a turn: a single 1 in the map meets the kernel's last weight "
                "in the window that comes first."
            )
        if differs(own, kernel.transpose(1, 0, 2, 3), 1e-3) is None:
            return "Rows and columns of the kernel are exchanged."
        gap = own - kernel[::-1, ::-1]
        if any(np.ptp(each, axis=(0, 1, 2)).max() < 1e-6 for each in (own - kernel, gap)):
            return "The bias is still in every weight: take it away first."
        if np.allclose(own[:, :, 0], kernel[:, :, 0]) or not own[:, :, 1:].any():
            return "Only the first input channel is probed: light up each one in turn."
    elif own.shape == kernel.transpose(0, 1, 3, 2).shape or own.shape[:2] != (3, 3):
        return "The kernel's shape is (3, 3, M, N), input channels before output channels."
    return None


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
                "SAME rounds up: the last pixel gets its window, too.": (37, 36),
                "Without a stride that would be right: every second place is skipped.": (75, 71),
                "With SAME padding the kernel does not matter, only the stride.": [
                    (36, 36),
                    (36, None),
                ],
                "VALID: from 0 to 70 in steps of two there are as many places as fence posts, one "
                "more than steps.": (38, 35),
                "VALID loses pixels: a window of 5 that starts after pixel 70 does not fit.": [
                    (38, 37),
                    (38, 38),
                ],
            },
            ("SAME", "VALID"),
        ),
        "With SAME padding the kernel does not matter, only the stride; round up.",
        "VALID: the first window starts at 0, the last may start at 75 - 5.",
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
                "Both sides are squared, D_K and D_F.": 3 * 64 * 128 * 56,
                "Each filter goes through all input channels: M is missing.": 9 * 128 * 56**2,
                "That is one filter; there are N of them.": 9 * 64 * 56**2,
                "These are the weights. Each is used at every place.": 9 * 64 * 128,
                "A mult-add is one, not two: a multiplication with its addition.": 2
                * (9 * 64 * 128 * 56**2),
                "That is the depthwise and pointwise pair of the next chapter; a standard "
                "convolution multiplies M and N and D_K².": 56**2 * 64 * (9 + 128),
                "The factors are multiplied, not added.": [9 + 64 + 128 + 56**2],
                "The map is 56 by 56 after padding, too: SAME leaves its size.": 9
                * 64
                * 128
                * 54**2,
            },
        ),
        "Which letter of Eq. 2 is each number? Two of the letters are squared.",
        "D_K² is 9, M is 64, N is 128 and D_F² is 3,136.",
        goals=["count the multiplications"],
    ),
    exercise(
        "1.3",
        "A kernel that moves the photo",
        _shift_kernel,
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
                "Each patch has 3 by 3 pixels in 3 channels.": (12_544, 9),
                "Stride 2 skips every second row and column of places.": [
                    (50_176, 27),
                    (50_176, None),
                ],
                "Stride 2 skips every second row, and every second column as well.": (25_088, 27),
                "There is a row for each place: 112 of them in each of 112 lines.": (112, 27),
                "The matrix holds no filters yet: their number is the columns of the other one.": (
                    12_544,
                    32,
                ),
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
        _REPAIRED,
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
        _hidden,
        "You choose what the layer sees. Which map shows a single weight, and which one shows "
        "the bias alone?",
        "Zeros everywhere give the bias. Then one 1 in the middle of one channel of a map of 5 by "
        "5: the nine values around it, less the bias, are that channel's weights, turned by half "
        "a turn. Do that for each input channel.",
        goals=["watch a kernel do all the others"],
        kind="investigate",
    ),
)
