"""What chapter 03's exercises are judged by: a block, a table's errors, how far a layer sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from ..layer import Layer
from .answers import Fault, NotAnAnswerError
from .behaviour import as_function, call
from .guard import shown

Row = tuple[str, int, int, int, int]


# --- 3.2 ------------------------------------------------------------------------------------------


def block(M: int, N: int, stride: int) -> Any:
    """What 3.2 asks for, of which only the signature is used."""
    raise NotImplementedError


def separable_block(answer: Any) -> str | None:
    """Check a function that builds a depthwise separable block."""
    import torch  # late: only this exercise and the next need it

    answer = as_function(answer, block)
    for channels, filters, stride in ((8, 16, 1), (6, 4, 2), (5, 5, 1)):
        case = f"for M = {channels}, N = {filters}, stride {stride}"
        try:
            made = call(answer, block, channels, filters, stride)
            if isinstance(made, torch.nn.ModuleList | list | tuple):
                raise Fault(
                    f"it returns a {type(made).__name__}, which cannot be called.",
                    "`nn.Sequential(*layers)` makes one module of several, run one after another.",
                )
        except Fault as fault:
            raise Fault(f"{case}, {fault.said}", fault.hint) from None
        if not isinstance(made, torch.nn.Module):
            raise NotAnAnswerError(f"the function must return a torch module, not {shown(made)}.")
        try:
            look_at_block(made, channels, filters, stride)
        except Fault as fault:
            raise Fault(f"{case}, {fault.said}", fault.hint) from None
    return None


def look_at_block(made: Any, channels: int, filters: int, stride: int) -> None:
    """Raise a Fault for the first thing that is wrong in a block."""
    import torch
    from torch import nn

    order, hooks = [], []
    for module in made.modules():
        if not list(module.children()):
            hooks.append(module.register_forward_hook(lambda m, _, __: order.append(m)))
    like = next(iter(made.parameters()), torch.zeros(()))  # the block may be on a graphics card
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, channels, 9, 9, generator=generator).to(like)
    try:
        made(x)
    except Exception as error:
        said = f"it does not run on a map of 9 by 9: {type(error).__name__}: {error}"
        raise Fault(
            said[:200], "Each layer takes as many channels as the one before gives: M, M, then N."
        ) from None
    finally:
        for hook in hooks:
            hook.remove()
    order = [m for m in order if not isinstance(m, nn.Identity | nn.ZeroPad2d)]
    convs = [m for m in order if isinstance(m, nn.Conv2d)]
    kinds = "".join(letter_of(module) for module in order)
    if len(convs) == 2 and convs[0].kernel_size == (1, 1):
        raise Fault("the 1x1 convolution comes first.", "First filter, then combine.")
    if len(convs) != 2 or [conv.kernel_size for conv in convs] != [(3, 3), (1, 1)]:
        raise Fault(
            f"its convolutions have kernels {[conv.kernel_size for conv in convs]}.",
            "A 3x3 convolution and then a 1x1 one are needed, with the names of nn.Conv2d.",
        )
    depth, point = convs
    if depth.groups != channels:
        raise Fault(
            f"its 3x3 convolution has {depth.groups} groups.",
            "Depthwise is a group for each channel: `groups=M`.",
        )
    if point.groups != 1:
        raise Fault("its 1x1 convolution has groups.", "The pointwise layer mixes all channels.")
    if any(conv.bias is not None for conv in convs):
        raise Fault("its convolutions have biases.", "BN adds one of its own: `bias=False`.")
    if point.stride != (1, 1):
        raise Fault(
            "its pointwise layer has a stride.",
            "The stride belongs in the depthwise layer, or three quarters of its work is thrown "
            "away.",
        )
    if depth.stride != (stride, stride):
        raise Fault(f"its depthwise layer has stride {depth.stride}.", "Hand on the stride.")
    if point.padding not in ((0, 0), "valid", "same"):
        raise Fault("its pointwise layer pads.", "A kernel of 1 by 1 needs no zeros around it.")
    if depth.out_channels != channels or point.out_channels != filters:
        raise Fault(
            f"{point.out_channels} channels come out.",
            "M channels stay M, and become N at the end.",
        )
    if kinds != "CBRCBR":
        raise Fault(f"it runs {' → '.join(type(m).__name__ for m in order)}.", order_of(kinds))
    _runs_as(made, convs, [m for m in order if isinstance(m, nn.BatchNorm2d)], x)


def _runs_as(made: Any, convs: list[Any], norms: list[Any], x: Any) -> None:
    """Raise a Fault unless a block does with its own weights what is asked for."""
    import torch
    from torch.nn import functional as on

    if any(norm.weight is None for norm in norms):
        raise Fault("BN has no gamma and beta.", "Leave `affine` as it is.")
    (depth, point), (first, second) = convs, norms
    groups, stride = depth.groups, depth.stride
    with torch.no_grad():
        out = made.eval()(x)
        x = on.relu(first(on.conv2d(x, depth.weight, None, stride, 1, 1, groups)))
        x = on.relu(second(on.conv2d(x, point.weight)))
    if out.shape != x.shape:
        raise Fault("its 3x3 convolution does not pad by one.", "`padding=1` keeps the border.")
    if not torch.allclose(out, x, rtol=1e-3, atol=1e-5):
        raise Fault(
            "with its own weights it gives something else than these layers do.",
            "One zero on every side, kernels without gaps, one layer after the other, nothing "
            "else.",
        )


def letter_of(module: Any) -> str:
    """A layer's kind as a letter: C, B, R, 6 for ReLU6, or ?."""
    from torch import nn

    for kind, letter in ((nn.Conv2d, "C"), (nn.BatchNorm2d, "B"), (nn.ReLU, "R"), (nn.ReLU6, "6")):
        if isinstance(module, kind):
            return letter
    return "?"


def order_of(kinds: str) -> str:
    """The hint for layers that run in another order."""
    if "6" in kinds:
        return "The paper writes ReLU; the one that stops at 6 came with the authors' code."
    if "RB" in kinds:
        return "ReLU comes after batch normalization, not before it."
    if kinds.count("B") < 2:
        return "A batch normalization stands after each of the two convolutions."
    if kinds.count("R") < 2:
        return "A ReLU stands after each of the two batch normalizations."
    return "The order is convolution, BN, ReLU, and once more."


# --- 3.5 ------------------------------------------------------------------------------------------


def misprints(rows: list[Row]) -> list[int]:
    """Numbers of the rows that cannot be right, where no two wrong ones are neighbours."""
    wrong = []
    for i, (kind, stride, M, N, size) in enumerate(rows):
        before = rows[i - 1] if i else None
        after = rows[i + 1] if i + 1 < len(rows) else None
        if kind == "dw" and M != N:
            wrong.append(i)
        elif after and kind != "dw" and after[2] != N:
            wrong += [i] if after[2] == after[3] else []
        elif before and before[0] == "dw" and before[3] != M:
            wrong += [i] if before[2] == before[3] else []
        if after and after[4] != -(-size // stride):
            sound = before is None or size == -(-before[4] // before[1])
            following = rows[i + 2][4] if i + 2 < len(rows) else None
            own = following is None or following == -(-after[4] // after[1])
            wrong += [i] if sound and own else [i + 1] if sound else []
    return sorted(set(wrong))


def rows_of(resolution: int) -> list[Row]:
    """Table 1 at a resolution, without the last layer."""
    return [
        (
            "dw" if x.kind == "depthwise" else "conv",
            x.stride,
            x.in_channels,
            x.out_channels,
            x.in_size,
        )
        for x in mobilenet_v1(1, resolution).layers[:-1]
    ]


def corrupted() -> Iterator[tuple[list[Row], list[int]]]:
    """Tables and the rows that are wrong in them, from none to three."""
    yield rows_of(224), []
    rows = rows_of(224)
    kind, _, M, N, size = rows[-2]
    rows[-2] = (kind, 2, M, N, size)  # the paper's own
    rows.append(("conv", 1, 1024, 1000, 7))
    yield rows, [len(rows) - 3]
    rng = np.random.default_rng(35)
    rows = rows_of(224)
    rows[-1] = ("conv", 1, 512, 1024, 7)
    yield rows, [len(rows) - 1]
    for resolution, fields in ((200, "s"), (224, "MD"), (192, "Ns"), (160, "DMs"), (224, "NDN")):
        rows = rows_of(resolution)
        places = sorted(int(p) * 7 + 3 + int(rng.integers(3)) for p in rng.permutation(3))
        for place, field in zip(places, fields, strict=False):
            kind, stride, M, N, size = rows[place]
            rows[place] = {
                "s": (kind, 3 - stride, M, N, size),
                "M": (kind, stride, M * 2, N, size),
                "N": (kind, stride, M, N * 2, size),
                "D": (kind, stride, M, N, size + 3),
            }[field]
        yield rows, places[: len(fields)]


def read_table(answer: Any) -> str | None:
    """Check a function that finds the misprinted rows of a table."""
    answer = as_function(answer, misprints)
    for rows, wrong in corrupted():
        result = call(answer, misprints, rows)
        try:
            items = result.tolist() if hasattr(result, "tolist") else list(result)
            found = sorted({int(i) for i in items})
        except (TypeError, ValueError):
            raise Fault(
                f"it returns {shown(result)}.", "Return a list of row numbers, counted from 0."
            ) from None
        if found == wrong:
            continue
        many = {0: "without an error", 1: "with one error"}.get(
            len(wrong), f"with {len(wrong)} errors"
        )
        said = f"in a table {many} it names rows {found}, not {wrong}."
        raise Fault(said, misread(rows, found, wrong))
    return None


def misread(rows: list[Row], found: list[int], wrong: list[int]) -> str | None:
    """The hint for rows that are named and should not be, or the other way round."""
    if found == [i + 1 for i in wrong] and wrong:
        return (
            "Each is one too far: rows are counted from 0, and where a size does not follow, the "
            "stride of the row before may be what is wrong."
        )
    if wrong and set(wrong) < set(found):
        return (
            "One wrong number breaks the rule on both of its sides. Ask which change of a single "
            "row makes everything fit again."
        )
    if not wrong:
        odd = any(row[4] % 2 for row in rows if row[1] == 2)
        return (
            "Sizes are rounded up when they are halved, and 3 is a channel count like any other."
            if odd
            else "This table is in order. M of a row is N of the row before; D_F of a row is D_F "
            "of the row before, divided by its stride and rounded up."
        )
    if not found:
        return "M, N, stride and D_F can each be wrong: which rule holds for each of them?"
    if set(found) < set(wrong):
        return "Some are found, not all: strides, sizes and both channel counts can be wrong."
    return (
        "Where two rows do not fit together, ask which of the two also breaks a second rule; and "
        "go on with what should have stood there, not with the misprint."
    )


def seen(name: str) -> Fault:
    """What is off with a layer that is not the first to see so much."""
    arch = mobilenet_v1()
    size = arch.receptive_field_at(name).size
    if size <= 112:
        hint = "Half of 224 pixels are 112: go further along the layers."
        if name == "pw_7":
            hint = "One more: a kernel of 3 by 3 sees further than this one of 1 by 1."
        return Fault(f"{name} sees {size} pixels, which is not enough.", hint)
    hint = "Go back until the receptive field is 112 or less, and then one forward."
    if name == "pw_8":
        hint = "A kernel of 1 by 1 sees no more than the layer before it."
    if name == "fc":
        hint = (
            "It stands behind the average over the whole map; a layer far before it is asked for."
        )
    return Fault(f"{name} sees {size} pixels, but it is not the first one.", hint)


def layers_of() -> tuple[Layer, ...]:
    """The 28 layers of 1.0 MobileNet-224."""
    return mobilenet_v1().layers
