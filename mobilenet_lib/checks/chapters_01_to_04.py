"""The exercises of chapters 01 to 04: convolution, its separation, the network, and its cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import cost
from ..architecture import mobilenet_v1
from ..convolution import depthwise, im2col, standard
from ..layer import Layer
from .answers import NotAnAnswerError, close, exercise, function, pair, whole

WIDE = Layer("pw", "pointwise", 1, 1, 256, 256, 28, 28)


def _shift_kernel(answer: Any) -> str | None:
    try:
        kernel = np.asarray(answer, float)
    except (TypeError, ValueError):
        raise NotAnAnswerError(
            f"a 3x3 array of numbers is asked for, this is {answer!r}."
        ) from None
    if kernel.shape != (3, 3):
        raise NotAnAnswerError(f"a 3x3 array is asked for, this has shape {kernel.shape}.")
    photo = np.random.default_rng(0).random((8, 8))
    out = standard(photo[:, :, None], kernel[:, :, None, None])[:, :, 0]
    if np.allclose(out[:, 1:], photo[:, :-1]):
        return None
    if np.allclose(out[:, :-1], photo[:, 1:]):
        return "the photo moves, but to the left."
    return "the photo does not move one pixel to the right."


def _depthwise_function(answer: Any) -> str | None:
    rng = np.random.default_rng(0)
    for height, width, channels in ((5, 5, 1), (6, 4, 3)):
        feature_map = rng.standard_normal((height, width, channels))
        kernel = rng.standard_normal((3, 3, channels))
        out = np.asarray(answer(feature_map.copy(), kernel.copy()))
        expected = depthwise(feature_map, kernel, padding="valid")
        sizes = f"for a {height}x{width} map with {channels} channels"
        if out.shape != expected.shape:
            return f"{sizes} the result has shape {out.shape}, not {expected.shape}."
        if not np.allclose(out, expected):
            return f"{sizes} the shape is right, the numbers are not."
    return None


def _separable_block(answer: Any) -> str | None:
    import torch  # late: only this exercise needs it

    torch.manual_seed(0)
    for channels, filters, stride in ((8, 16, 1), (6, 4, 2)):
        block = answer(channels, filters, stride)
        if not isinstance(block, torch.nn.Module):
            raise NotAnAnswerError(f"the function must return a torch module, not {block!r}.")
        case = f"for M = {channels}, N = {filters}, stride {stride}"
        wanted = cost.separable_weights(3, channels, filters) + 2 * (channels + filters)
        result = sum(p.numel() for p in block.parameters())
        if result != wanted:
            return f"{case} it has {result} parameters, not {wanted}."
        weight = next(block.parameters())  # the block may be on a graphics card
        out = block(torch.randn(2, channels, 9, 9).to(weight))
        side = -(-9 // stride)
        if out.shape != (2, filters, side, side):
            return f"{case} a 9x9 map becomes {tuple(out.shape[1:])}, not {filters, side, side}."
        if out.min() < 0:
            return f"{case} negative numbers come out, so the last ReLU is missing."
        convs = [m for m in block.modules() if isinstance(m, torch.nn.Conv2d)]
        if [conv.kernel_size for conv in convs] != [(3, 3), (1, 1)]:
            return f"{case} a 3x3 convolution and then a 1x1 one are needed."
    return None


def _layer_name(answer: Any) -> str | None:
    arch = mobilenet_v1()
    seen = [(layer.name, arch.receptive_field_at(layer.name).size) for layer in arch.layers]
    if answer not in [name for name, _ in seen]:
        raise NotAnAnswerError(
            f'{answer!r} is not the name of a layer; the names are like "dw_3" and "pw_3".'
        )
    if answer == next(name for name, size in seen if size > 112):
        return None
    size = dict(seen)[answer]
    return f"{answer} sees {size} pixels" + (
        ", which is not enough." if size <= 112 else ", but it is not the first one."
    )


def _roofline(answer: Any) -> str | None:
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


EXERCISES = (
    exercise(
        "1.1",
        "Two paddings, two sizes",
        pair(
            lambda: (
                cost.output_size(75, 5, 2, cost.same_padding(75, 5, 2)),
                cost.output_size(75, 5, 2),
            )
        ),
        "With SAME padding the kernel does not matter, only the stride; round up.",
        "VALID: the first window starts at 0, the last may start at 75 - 5.",
    ),
    exercise(
        "1.2",
        "Eq. 2 by hand",
        whole(lambda: cost.standard_mult_adds(3, 64, 128, 56)),
        "Which letter of Eq. 2 is each number? Two of the letters are squared.",
        "D_K² is 9, M is 64, N is 128 and D_F² is 3,136.",
    ),
    exercise(
        "1.3",
        "A kernel that moves the photo",
        _shift_kernel,
        "Moving right means: each output pixel takes the value of the pixel to its left.",
        "All weights are 0 except one 1, in the middle row.",
    ),
    exercise(
        "1.4",
        "The size of an im2col matrix",
        pair(lambda: im2col(np.zeros((224, 224, 3), np.uint8), 3, stride=2).shape),
        "One row for each output pixel, one column for each number under the kernel.",
        "With stride 2 and SAME padding there are 112 · 112 output pixels.",
    ),
    exercise(
        "2.1",
        "Write a depthwise convolution",
        function(_depthwise_function),
        "The output has height - 2 rows, width - 2 columns and as many channels as F.",
        "For each of the nine (i, j), add K[i, j] times the map shifted by i rows and j "
        "columns: F[i : i + rows, j : j + columns].",
    ),
    exercise(
        "2.2",
        "When does separating not pay?",
        whole(lambda: max(n for n in range(1, 50) if cost.reduction(3, n) >= 1)),
        "Ask when 1/N + 1/9 is at least 1.",
        "1/N must be at least 8/9.",
    ),
    exercise(
        "2.3",
        "The depthwise share",
        close(
            lambda: (
                100
                * cost.depthwise_mult_adds(3, 512, 14)
                / cost.separable_mult_adds(3, 512, 512, 14)
            ),
            0.051,
        ),
        "Divide the first term of Eq. 5 by the whole; M and D_F² cancel.",
        "What is left is D_K² / (D_K² + N).",
    ),
    exercise(
        "2.4",
        "What would 5x5 cost?",
        close(
            lambda: (
                cost.separable_mult_adds(5, 512, 512, 14)
                / cost.separable_mult_adds(3, 512, 512, 14)
            ),
            0.006,
        ),
        "Only the depthwise term changes, from 9 to 25 per input channel and pixel.",
        "Divide 25 + 512 by 9 + 512.",
    ),
    exercise(
        "3.1",
        "The smallest image with a 7x7 map",
        whole(
            lambda: min(r for r in range(32, 225) if mobilenet_v1(1, r).layers[-2].out_size == 7)
        ),
        "Five layers halve the map and round up: the last is ceil(resolution / 32).",
        "It must be larger than 6 · 32.",
    ),
    exercise(
        "3.2",
        "Build a block",
        function(_separable_block),
        "Six modules: depthwise Conv2d, BatchNorm2d, ReLU, pointwise Conv2d, BatchNorm2d, ReLU.",
        "The depthwise one is nn.Conv2d(M, M, 3, stride, padding=1, groups=M, bias=False).",
    ),
    exercise(
        "3.3",
        "The widest network below a million",
        close(
            lambda: max(
                i / 20 for i in range(1, 21) if mobilenet_v1(i / 20).parameters < 1_000_000
            ),
            1e-9,
        ),
        "Try mobilenet_v1(alpha).parameters for alpha = 0.05, 0.1, 0.15, ...",
        "The answer lies between 0.4 and 0.5.",
    ),
    exercise(
        "3.4",
        "Who sees half of the image?",
        _layer_name,
        "arch.receptive_field_at(name).size says what a layer sees.",
        "It is one of the five equal blocks.",
    ),
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
        function(_roofline),
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
)
