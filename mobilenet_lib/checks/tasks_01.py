"""What exercises 1.3, 1.5 and 1.6 are judged by: a shifted photo, a stride, a hidden kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import cost
from ..convolution import standard
from .answers import Fault, NotAnAnswerError, as_array
from .behaviour import as_function, behaves, call
from .compare import Case, alike, common, differs


def shift_kernel(answer: Any) -> str | None:
    """Check a kernel that moves a photo one pixel to the right."""
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
        raise Fault("the photo moves diagonally.", "The only weight belongs in the middle row.")
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


def _as_it_was(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
    size = len(K)
    padded = np.pad(F, [(size // 2, size // 2), (size // 2, size // 2), (0, 0)])
    side = (padded.shape[0] - size + 1) // stride
    if (side - 1) * stride + size > padded.shape[1]:
        raise ValueError("it stops there")
    return standard(padded, K, stride, "valid")[:side, :side]


def _with_zeros(F: np.ndarray, K: np.ndarray, stride: int, mode: Any = "constant") -> np.ndarray:
    borders = [cost.same_padding(s, len(K), stride) for s in F.shape[:2]]
    return np.pad(F, [*borders, (0, 0)], mode=mode)


def _one_sided(side: int) -> Callable[..., np.ndarray]:
    def shifted(F: np.ndarray, K: np.ndarray, stride: int) -> np.ndarray:
        zeros = [sum(cost.same_padding(s, len(K), stride)) for s in F.shape[:2]]
        borders = [(0, z)[:: 1 - 2 * side] for z in zeros]
        return standard(np.pad(F, [*borders, (0, 0)]), K, stride, "valid")

    return shifted


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
        (8, 6, 1, 2, 2, 3),
    ):
        feature_map = rng.standard_normal((height, width, channels))
        yield feature_map, rng.standard_normal((size, size, channels, filters)), stride


REPAIRED = behaves(
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
        "Where the stride is larger than the kernel, no zeros are needed, not fewer than none.",
        lambda F, K, stride: _strided(F, K, stride if stride <= len(K) else -1),
    ),
    ("This is the code as it was: sizes, rounding and zeros all need a look.", _as_it_was),
    ("Half of the zeros go before the map, the other half after it.", _one_sided(0)),
    ("Half of the zeros go before the map, the other half after it.", _one_sided(1)),
    (
        "The windows stand side by side: the stride says where each one starts, too.",
        lambda F, K, stride: standard(_with_zeros(F, K, stride), K, 1, "valid")[
            : -(-F.shape[0] // stride), : -(-F.shape[1] // stride)
        ],
    ),
    (
        "Zeros surround the map, not copies of its border.",
        lambda F, K, stride: standard(_with_zeros(F, K, stride, "edge"), K, stride, "valid"),
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


def hidden(answer: Any) -> str | None:
    """Check a function that finds a layer's kernel and bias."""
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
        first = np.allclose(own[:, :, 0], kernel[:, :, 0])
        if own.shape[2] > 1 and np.allclose(own, own[:, :, :1]) and not first:
            return "All input channels are lit at once: light up each one alone."
        gap = own - kernel[::-1, ::-1]
        if any(np.ptp(each, axis=(0, 1, 2)).max() < 1e-6 for each in (own - kernel, gap)):
            return "The bias is still in every weight: take it away first."
        if own.shape[2] == 1 and (said := common([((), kernel, own)], 1e-3)):
            return said
        if own.shape[2] > 1 and first:
            return "Only the first input channel is probed: light up each one in turn."
    elif own.shape == kernel.transpose(0, 1, 3, 2).shape or own.shape[:2] != (3, 3):
        return "The kernel's shape is (3, 3, M, N), input channels before output channels."
    return None
