"""Tasks of chapter 08 judged by properties: rounding, and folding a network."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .answers import Fault, NotAnAnswerError
from .behaviour import as_function, call
from .compare import alike
from .guard import shown


def quantize(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and the step of each row; a row of zeros gets any step."""
    steps = np.abs(weight).max(axis=1) / (2 ** (bits - 1) - 1)
    steps[steps == 0] = 1
    return np.round(weight / steps[:, None]), steps


def rounds(answer: Any) -> str | None:
    """Check a function that rounds each row of a matrix to steps of its own."""
    answer = as_function(answer, quantize)
    rng = np.random.default_rng(82)
    for bits, zero in ((8, False), (4, False), (6, True)):
        weight = rng.standard_normal((5, 9)) * np.array([[0.01], [1], [3], [0.2], [50]])
        weight[3] = 0 if zero else weight[3]
        case = f"with {bits} bits" + (" and a row of zeros" if zero else "")
        try:
            result = call(answer, quantize, weight, bits)
            own = alike(result, (weight, np.zeros(5)), ("numbers", "steps"))
        except Fault as fault:
            raise Fault(f"{case}, {fault.said}", fault.hint) from None
        _rounded(case, weight, bits, *own)
    return None


def _rounded(
    case: str, weight: np.ndarray, bits: int, numbers: np.ndarray, steps: np.ndarray
) -> None:
    if numbers.shape == (5,) or steps.shape == weight.shape:
        raise Fault(
            f"{case}, the results are exchanged.", "First the whole numbers, then the steps."
        )
    if numbers.shape != weight.shape or steps.size not in (1, 5):
        said = f"{case}, the shapes are {numbers.shape} and {steps.shape}."
        raise Fault(said, f"Numbers as many as weights, {weight.shape}, and a step for each row.")
    if not (np.isfinite(numbers).all() and np.isfinite(steps).all()):
        raise Fault(
            f"{case}, not all results are finite.",
            "Where all weights of a row are 0, so is its step, and 0 / 0 is no number. Such a row "
            "may have any other step.",
        )
    largest = 2 ** (bits - 1) - 1
    if not np.array_equal(numbers, np.round(numbers)):
        raise Fault(f"{case}, some numbers are not whole.", "Round them, with `np.round`.")
    if steps.size == 1 or np.allclose(steps.ravel(), np.abs(weight).max() / largest):
        raise Fault(
            f"{case}, all rows share one step.",
            "Each row has its own largest weight, and so its own step: the maximum along axis 1.",
        )
    back, rows = numbers * steps.reshape(-1, 1), np.abs(weight).max(axis=1)
    if numbers[rows == 0].any():
        raise Fault(
            f"{case}, zeros become {numbers[rows == 0].ravel()[0]:g}.",
            "Where all weights of a row are 0, so is its step, and 0 / 0 is no number. Such a row "
            "may have any other step.",
        )
    off = np.abs(back - weight).max(axis=1)
    if np.abs(numbers).max() > largest:
        hint = "Is the largest number 2 ** (bits - 1) - 1, and are there negative ones as well?"
        if (np.sign(weight) * numbers < -1).any():
            hint = (
                "Some have changed their sign: a whole number too large for its type starts anew."
            )
        raise Fault(f"{case}, a number is beyond {largest}.", hint)
    half = rows / largest / 2
    if (off <= half * 1.001 + 1e-12).all():
        return
    said = f"{case}, numbers times steps is {off.max():.3g} away from the weights."
    if (off <= 2.01 * half + 1e-12).all() and (np.abs(back) <= np.abs(weight) + 1e-9).all():
        raise Fault(
            said, "It cuts off what stands behind the point; `np.round` goes to the nearest."
        )
    if (off <= 2.01 * half + 1e-12).all() and (back <= weight + 1e-9).all():
        raise Fault(said, "It rounds down; `np.round` goes to the nearest.")
    if np.abs(numbers).max() <= largest / 2 + 1:
        raise Fault(
            said, "Half of the numbers are never used: the largest weight becomes the largest."
        )
    if (numbers >= 0).all():
        raise Fault(said, "The signs are lost.")
    ratio = np.abs(back).max(axis=1)[rows > 0] / rows[rows > 0]
    if np.allclose(ratio, ratio[0], rtol=0.05) and not 0.9 < ratio[0] < 1.1:
        raise Fault(said, f"It comes back {ratio[0]:.3g} times as large: the steps are off.")
    raise Fault(said, "The step of a row is its largest weight, whatever its sign, by the largest.")


# --- 8.7 ------------------------------------------------------------------------------------------


def fold_all(net: Any) -> Any:
    """What 8.7 asks for, of which only the signature is used."""
    raise NotImplementedError


def _networks() -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    import torch
    from torch import nn

    def filled(net: Any, seed: int) -> Any:
        generator = torch.Generator().manual_seed(seed)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for part, low in ((module.weight, 0.5), (module.bias, -1.0)):
                    part.data = torch.rand(part.shape, generator=generator) + low
                module.running_mean = torch.randn(module.num_features, generator=generator)
                module.running_var = torch.rand(module.num_features, generator=generator) / 4
            elif isinstance(module, nn.Conv2d):
                for part in module.parameters():
                    part.data = torch.randn(part.shape, generator=generator) / 3
        return net.eval()

    conv, norm, relu = nn.Conv2d, nn.BatchNorm2d, nn.ReLU
    one = nn.Sequential(conv(3, 4, 3, bias=False), norm(4, eps=0.1), relu())
    yield "one convolution", filled(one, 1), (2, 3, 6, 5)
    block = [conv(4, 4, 3, 2, 1, groups=4, bias=False), norm(4), relu()]
    block += [conv(4, 6, 1, bias=False), norm(6, eps=0.01), relu()]
    yield "a depthwise separable block", filled(nn.Sequential(*block), 2), (1, 4, 7, 8)
    biased = nn.Sequential(conv(2, 3, 3), norm(3), relu(), conv(3, 2, 1), relu())
    yield "a convolution with a bias", filled(biased, 3), (1, 2, 5, 5)


def folds(answer: Any) -> str | None:
    """Check a function that folds all batch normalizations of a network."""
    import torch
    from torch import nn

    answer = as_function(answer, fold_all)
    for what, net, shape in _networks():
        x = torch.randn(shape, generator=torch.Generator().manual_seed(9))
        before = copy.deepcopy(net.state_dict())
        with torch.no_grad():
            wanted = net(x)
        own = call(partial(answer, net), None)
        if not isinstance(own, nn.Module):
            raise NotAnAnswerError(f"a network is asked for, this is {shown(own)}.")
        after = net.state_dict()
        if (
            net.training
            or before.keys() != after.keys()
            or any(not torch.equal(before[k], after[k]) for k in before)
        ):
            raise Fault(
                f"for {what}, the network that was handed in is changed.",
                "Work on `copy.deepcopy(net)`, or build new layers with copies of the weights.",
            )
        if any(isinstance(m, nn.BatchNorm2d) for m in own.modules()):
            raise Fault(
                f"for {what}, a batch normalization is still there.",
                "After each convolution look at what follows, and leave it out, or put "
                "nn.Identity in its place.",
            )
        with torch.no_grad():
            try:
                out = own(x)
            except Exception as error:
                raise Fault(
                    f"for {what}, it does not run: {type(error).__name__}: {error}"[:200],
                    "A folded layer keeps kernel, stride, padding and groups, and gets a bias.",
                ) from None
        if out.shape != wanted.shape:
            raise Fault(
                f"for {what}, {tuple(out.shape)} comes out, not {tuple(wanted.shape)}.",
                "A folded layer keeps stride and padding.",
            )
        if not torch.allclose(out, wanted, rtol=1e-3, atol=1e-4):
            gap = float((out - wanted).abs().max())
            raise Fault(
                f"for {what}, the outputs differ by up to {gap:.3g}.", _unfolded(net, out, x)
            )
    return None


def _unfolded(net: Any, out: Any, x: Any) -> str | None:
    """Which known mistake gives these outputs."""
    import torch
    from torch import nn

    def variant(change: Callable[[Any, Any], None]) -> bool:
        other = copy.deepcopy(net)
        layers = list(other)
        for conv, norm in itertools.pairwise(layers):
            if isinstance(norm, nn.BatchNorm2d):
                change(conv, norm)
        with torch.no_grad():
            return bool(torch.allclose(other(x), out, rtol=1e-3, atol=1e-4))

    def no_eps(conv: Any, norm: Any) -> None:
        norm.eps = 0.0

    def no_bias(conv: Any, norm: Any) -> None:
        if conv.bias is not None:
            conv.bias.data.zero_()

    def bias_unscaled(conv: Any, norm: Any) -> None:
        if conv.bias is not None:
            scale = norm.weight / (norm.running_var + norm.eps) ** 0.5
            conv.bias.data /= scale.detach()

    def nothing(conv: Any, norm: Any) -> None:
        norm.running_mean.zero_(), norm.running_var.fill_(1 - norm.eps)
        norm.weight.data.fill_(1), norm.bias.data.zero_()

    def no_mean(conv: Any, norm: Any) -> None:
        norm.running_mean.zero_()

    def eps_outside(conv: Any, norm: Any) -> None:
        norm.running_var.copy_((norm.running_var**0.5 + norm.eps) ** 2)
        norm.eps = 0.0

    def no_root(conv: Any, norm: Any) -> None:
        norm.running_var.copy_((norm.running_var + norm.eps) ** 2)
        norm.eps = 0.0

    if (out < 0).any() and isinstance(list(net)[-1], nn.ReLU):
        return "Negative numbers come out: the ReLUs stay."
    for hint, change in (
        ("eps stands under the root, beside the variance.", eps_outside),
        ("The root is missing: the scale is gamma / sqrt(variance + eps).", no_root),
        ("gamma is missing.", lambda _, norm: norm.weight.data.fill_(1)),
        ("beta is missing.", lambda _, norm: norm.bias.data.zero_()),
        ("The mean is taken away, not added.", lambda _, norm: norm.running_mean.neg_()),
        ("Under the root each has an eps of its own, beside the variance: `norm.eps`.", no_eps),
        ("The batch normalizations are thrown away, not folded.", nothing),
        ("A convolution may have a bias already: it is shifted and scaled as well.", no_bias),
        ("A bias that was there is scaled by the same number as the weights.", bias_unscaled),
        ("The mean is forgotten: bias = beta - mean * scale.", no_mean),
    ):
        if variant(change):
            return hint
    return (
        "Run both layer by layer and compare: where a convolution and its batch normalization "
        "gave one thing and the folded layer gives another, look at kernel, groups and bias."
    )
