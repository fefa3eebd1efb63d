"""What a convolution costs: Equations 2, 4 and 5 as functions of plain numbers.

Everything here is integer arithmetic on sizes. Nothing imports NumPy or torch, so a slider, the
command line and a notebook can call it as often as they like.

Notation of the paper: `kernel_size` is D_K, `in_channels` M, `out_channels` N. The paper writes the
size of the feature map as D_F and assumes stride 1, where input and output maps are equally large.
Work is done once for each *output* position, so these functions ask for `out_size`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .validation import check_int, check_positive

FLOAT32_BYTES = 4


def standard_mult_adds(kernel_size: int, in_channels: int, out_channels: int, out_size: int) -> int:
    """Mult-adds of a standard convolution: D_K² · M · N · D_F² (Eq. 2).

    Parameters
    ----------
    kernel_size, in_channels, out_channels
        D_K, M and N; each a whole number >= 1.
    out_size
        Side of the square output map in pixels, >= 1.
    """
    k, m, n, size = _check(kernel_size, in_channels, out_channels, out_size)
    return k**2 * m * n * size**2


def depthwise_mult_adds(kernel_size: int, channels: int, out_size: int) -> int:
    """Mult-adds of a depthwise convolution: D_K² · M · D_F² (Eq. 4)."""
    k, m, _, size = _check(kernel_size, channels, 1, out_size)
    return k**2 * m * size**2


def pointwise_mult_adds(in_channels: int, out_channels: int, out_size: int) -> int:
    """Mult-adds of a 1x1 convolution: M · N · D_F² (second term of Eq. 5)."""
    return standard_mult_adds(1, in_channels, out_channels, out_size)


def separable_mult_adds(
    kernel_size: int, in_channels: int, out_channels: int, out_size: int
) -> int:
    """Mult-adds of depthwise followed by pointwise: D_K² · M · D_F² + M · N · D_F² (Eq. 5)."""
    return depthwise_mult_adds(kernel_size, in_channels, out_size) + pointwise_mult_adds(
        in_channels, out_channels, out_size
    )


def reduction(kernel_size: int, out_channels: int) -> float:
    """Eq. 5 divided by Eq. 2: 1/N + 1/D_K², the share of the work that is left."""
    k, _, n, _ = _check(kernel_size, 1, out_channels, 1)
    return 1 / n + 1 / k**2


def standard_weights(kernel_size: int, in_channels: int, out_channels: int) -> int:
    """Weights of a standard convolution, D_K² · M · N; with `kernel_size` 1, of a pointwise one."""
    k, m, n, _ = _check(kernel_size, in_channels, out_channels, 1)
    return k**2 * m * n


def depthwise_weights(kernel_size: int, channels: int) -> int:
    """Weights of a depthwise convolution, D_K² · M."""
    k, m, _, _ = _check(kernel_size, channels, 1, 1)
    return k**2 * m


def separable_weights(kernel_size: int, in_channels: int, out_channels: int) -> int:
    """Weights of a depthwise separable convolution, D_K² · M + M · N."""
    return depthwise_weights(kernel_size, in_channels) + standard_weights(
        1, in_channels, out_channels
    )


def bytes_moved(
    inputs: int, outputs: int, weights: int, bytes_per_number: int = FLOAT32_BYTES
) -> int:
    """Bytes that a layer moves at least: its input and weights read once, its output written once.

    Real kernels move more when a cache overflows; none can move less.

    Parameters
    ----------
    inputs, outputs, weights
        How many numbers each holds, over the whole batch.
    bytes_per_number
        4 for float32, 2 for bfloat16, 1 for int8.
    """
    numbers = (("inputs", inputs), ("outputs", outputs), ("weights", weights))
    total = sum(check_int(name, value, 0) for name, value in numbers)
    return total * check_int("bytes_per_number", bytes_per_number, 1, 16)


def arithmetic_intensity(mult_adds: int, moved_bytes: int) -> float:
    """Floating-point operations for each byte moved; a mult-add is two operations."""
    return 2 * check_int("mult_adds", mult_adds, 0) / check_positive("moved_bytes", moved_bytes)


def same_padding(
    in_size: int, kernel_size: int, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """Zeros before and after a row so that the output has ceil(in_size / stride) pixels.

    This is TensorFlow's "SAME". When the total is odd, the extra zero goes *after*: with stride 2
    and a 3x3 kernel an even input gets (0, 1), an odd one (1, 1). Padding (1, 1) for both, as most
    PyTorch code does, looks at other pixels.
    """
    k, _, _, size = _check(kernel_size, 1, 1, in_size)
    stride = check_int("stride", stride, 1)
    span = check_int("dilation", dilation, 1) * (k - 1) + 1
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def output_size(
    in_size: int,
    kernel_size: int,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
) -> int:
    """Pixels along one side of the output map.

    Raises
    ------
    ValueError
        The dilated kernel is larger than the padded input, or a number is out of range.
    """
    k, _, _, size = _check(kernel_size, 1, 1, in_size)
    stride = check_int("stride", stride, 1)
    span = check_int("dilation", dilation, 1) * (k - 1) + 1
    padded = size + sum(check_int("padding", zeros, 0) for zeros in padding)
    if span > padded:
        raise ValueError(
            f"a kernel that spans {span} pixels does not fit an input of {padded} pixels "
            "(padding included); use a smaller kernel or dilation, or more padding"
        )
    return (padded - span) // stride + 1


class ReceptiveField(NamedTuple):
    """What one output pixel of a stack of layers sees of the input, in input pixels."""

    size: int
    """Side of the square of input pixels that can influence one output pixel."""
    stride: int
    """How far that square moves between neighbouring output pixels."""
    padding: int
    """How far the first output pixel's square reaches past the input's top left corner."""


def receptive_field(layers: Iterable[tuple[int, int, int]]) -> ReceptiveField:
    """Receptive field, effective stride and effective padding of a stack of layers.

    Parameters
    ----------
    layers
        (kernel_size, stride, padding before) of each layer, first layer first.

    Raises
    ------
    ValueError
        A kernel size or stride below 1, or a padding below 0.
    """
    size, step, before = 1, 1, 0
    for kernel_size, stride, padding in layers:
        size += (check_int("kernel_size", kernel_size, 1) - 1) * step
        before += check_int("padding", padding, 0) * step
        step *= check_int("stride", stride, 1)
    return ReceptiveField(size, step, before)


class Rung(NamedTuple):
    """One row of Table 3."""

    modification: str
    mult_adds: int
    parameters: int


def layer_ladder(
    kernel_size: int = 3,
    in_channels: int = 512,
    out_channels: int = 512,
    in_size: int = 14,
    alpha: float = 0.75,
    rho: float = 10 / 14,
) -> list[Rung]:
    """Table 3: one layer made cheaper step by step, each step on top of the one before.

    Defaults are the paper's layer: D_K 3, M and N 512, D_F 14. It prints rho as 0.714, which is
    10/14: the map shrinks to 10 pixels. Sizes are rounded, channels truncated.

    Returns
    -------
    list of Rung
        Standard convolution; depthwise separable; with alpha; with alpha and rho.

    Raises
    ------
    ValueError
        A number out of range, or an alpha so small that no channel is left.
    """
    fewest = min(check_int("channels", n, 1) for n in (in_channels, out_channels))
    if int(check_positive("alpha", alpha) * fewest) < 1:
        raise ValueError(f"alpha must be at least 1/{fewest} for {fewest} channels, got {alpha!r}")
    check_positive("rho", rho, 1)
    narrow = (int(alpha * in_channels), int(alpha * out_channels))
    small = max(1, round(rho * in_size))
    wide = (kernel_size, in_channels, out_channels)
    thin = (kernel_size, *narrow)
    return [
        Rung("Convolution", standard_mult_adds(*wide, in_size), standard_weights(*wide)),
        Rung(
            "Depthwise Separable Conv",
            separable_mult_adds(*wide, in_size),
            separable_weights(*wide),
        ),
        Rung(f"alpha = {alpha:g}", separable_mult_adds(*thin, in_size), separable_weights(*thin)),
        Rung(f"rho = {rho:.3f}", separable_mult_adds(*thin, small), separable_weights(*thin)),
    ]


def _check(
    kernel_size: int, in_channels: int, out_channels: int, size: int
) -> tuple[int, int, int, int]:
    """Return the four as Python's own integers, which unlike NumPy's never overflow."""
    return (
        check_int("kernel_size", kernel_size, 1),
        check_int("in_channels", in_channels, 1),
        check_int("out_channels", out_channels, 1),
        check_int("size", size, 1),
    )
