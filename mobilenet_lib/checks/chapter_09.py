"""The exercises of chapter 09: judging printed numbers, and finding where some come from."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from .. import paper
from ..architecture import Architecture, mobilenet_v1
from ..paper.claims import halved_flops
from ..paper.other_networks import other_network
from .answers import close, exercise, whole
from .behaviour import behaves

JUDGED = (
    ("569", "568.740352"),
    ("290", "290.6752"),
    ("2", "2.5"),
    ("0.5", "0.45"),
    ("1.19", "1.90562"),
    ("7.5", "7.56"),
    ("15300", "15346.63"),
    ("15300", "15470.26"),
    ("720", "724.4"),
    ("1550", "1582.672"),
    ("60", "60.97"),
    ("100", "99.4"),
)
"""Printed, counted; all three verdicts occur, with round figures and without."""
MISPRINTS = ({2: "209", 5: "293", 9: "194", 14: "12"}, {0: "596", 7: "106"})
"""What the proofreader is to find among the sixteen, by place: digits swapped, or one off."""
SIXTEEN = [(alpha, side) for alpha in paper.ALPHAS for side in paper.RESOLUTIONS]


def verdict_of(printed: str, counted: Fraction) -> str:
    """The right one for 9.1."""
    return paper.judge(printed, counted, round_figure=True)


def _with_step(step: Fraction, printed: str, counted: Fraction) -> str:
    place = Fraction(printed) / step
    if (counted / step + Fraction(1, 2)) // 1 == place:
        return "rounds"
    return "truncates" if counted / step // 1 == place else "differs"


def _all_zeros_off(printed: str, counted: Fraction) -> str:
    zeros = 0 if "." in printed else len(printed) - len(printed.rstrip("0"))
    step = Fraction(10) ** zeros if zeros else paper.quantum(printed)
    return _with_step(step, printed, counted)


def _whole_steps(printed: str, counted: Fraction) -> str:
    return _with_step(max(paper.quantum(printed, True), Fraction(1)), printed, counted)


def _cut_first(printed: str, counted: Fraction) -> str:
    step = paper.quantum(printed, True)
    return (
        "truncates"
        if counted / step // 1 == Fraction(printed) / step
        else verdict_of(printed, counted)
    )


def _to_even(printed: str, counted: Fraction) -> str:
    steps = counted / paper.quantum(printed, True)
    place = Fraction(printed) / paper.quantum(printed, True)
    if round(steps) == place:
        return "rounds"
    return "truncates" if steps // 1 == place else "differs"


def suspects(rows: list[tuple[float, int, str]]) -> np.ndarray[Any, Any]:
    """The right one for 9.3."""
    return _found(rows, ("differs",))


def _found(rows: list[tuple[float, int, str]], verdicts: tuple[str, ...]) -> np.ndarray[Any, Any]:
    return np.array(
        [i for i, row in enumerate(rows) if paper.judge(row[2], _million(row)) in verdicts]
    )


def _million(row: tuple[float, int, str]) -> Fraction:
    return Fraction(mobilenet_v1(row[0], row[1]).mult_adds, 10**6)


def _proofs() -> Iterator[tuple[list[tuple[float, int, str]]]]:
    for wrong in MISPRINTS:
        rows = []
        for place, (alpha, side) in enumerate(SIXTEEN):
            count = _million((alpha, side, ""))
            cut = int(count) if place % 3 else round(count)  # some are cut off, no misprint
            rows.append((alpha, side, wrong.get(place, str(cut))))
        yield (rows,)


def half_of_flops(arch: Architecture) -> float:
    """The right one for 9.4."""
    return float(halved_flops(arch))


def _numbers(arch: Architecture) -> int:
    return sum(layer.out_channels * layer.out_size**2 for layer in arch.layers[:-1])


def _pairs(arch: Architecture, depthwise: bool = True) -> int:
    """Pairs of channels that meet; with `depthwise` False as if all met there, too."""
    return sum(
        layer.in_channels * (1 if depthwise and layer.kind == "depthwise" else layer.out_channels)
        for layer in arch.layers[:-1]
    )


def _pooled(arch: Architecture) -> int:
    last = arch.layers[-2]
    return last.out_channels * last.out_size**2


def marks(models: list[paper.Model]) -> np.ndarray[Any, Any]:
    """The right one for 9.6."""
    return _points(models, lambda m: (m.mult_adds / 1e6, m.paper_top1))


def _points(models: list[paper.Model], of: Any) -> np.ndarray[Any, Any]:
    chosen = sorted((m for m in models if m.paper_top1 is not None), key=lambda m: m.mult_adds)
    return np.array([of(m) for m in chosen], float)


def _parameters(models: list[paper.Model]) -> Iterator[tuple[float, float]]:
    for model in models:
        if model.paper_top1 is not None:
            yield model.parameters_as_printed / 1e6, model.paper_top1


def _lists() -> Iterator[tuple[list[paper.Model]]]:
    models = list(paper.models())
    yield (models[::-1],)
    yield (models[3:] + models[:3],)
    yield (models[:5],)


def _dogs(alpha: float = 0.75, classes: int = 120) -> Architecture:
    return mobilenet_v1(alpha, 224, num_classes=classes)


def _times() -> dict[str, float]:
    small, alexnet = mobilenet_v1(0.5, 160), other_network("AlexNet")
    squeezenet = other_network("Squeezenet")
    assert alexnet  # it has a plan, as has the next
    assert squeezenet
    return {
        "right": alexnet.mult_adds / small.mult_adds,
        "SqueezeNet": squeezenet.mult_adds / small.mult_adds,
        "wide": alexnet.mult_adds / mobilenet_v1().mult_adds,
        "parameters": alexnet.parameters / small.parameters,
        "printed": 60 / 1.32,
    }


EXERCISES = (
    exercise(
        "9.1",
        "Rounded, cut off, or neither",
        behaves(
            verdict_of,
            lambda: [(printed, Fraction(counted)) for printed, counted in JUDGED],
            (
                "Zeros at the end of 15300 are no digits: its step is 100.",
                lambda p, c: paper.judge(p, c),
            ),
            ("Two digits stay: 60 has a step of 1, and 100 one of 10.", _all_zeros_off),
            ("Digits behind the point set the step as well: 0.5 has one of 0.1.", _whole_steps),
            ("Ask first whether it rounds: much that rounds could be cut off, too.", _cut_first),
            ("Half a step more is rounded up; `round` goes to the even neighbour.", _to_even),
            (
                "What was cut off is no misprint: it has a verdict of its own.",
                lambda p, c: "rounds" if verdict_of(p, c) == "rounds" else "differs",
            ),
            (
                "Rounding and cutting off are two verdicts.",
                lambda p, c: "differs" if verdict_of(p, c) == "differs" else "rounds",
            ),
        ),
        "Only the step differs from the function above. What is one in the last digit of 15300?",
        "Strip zeros from the right of a whole number, but keep two digits; the step is ten to the "
        "power of the number of digits that you stripped.",
        goals=["when a printed number agrees"],
    ),
    exercise(
        "9.2",
        "The dogs' network",
        whole(
            lambda: _dogs().mult_adds,
            lambda: {
                "That is the network with 1000 classes, as it is for ImageNet.": _dogs(
                    classes=1000
                ).mult_adds,
                "That is the network of full width; alpha is 0.75.": _dogs(1.0).mult_adds,
                "The last layer has mult-adds, too: 768 for each class.": (
                    _dogs().mult_adds - 768 * 120
                ),
                "Those are its parameters.": (
                    _dogs().parameters,
                    _dogs().parameters_as_printed,
                ),
                "The last layer reads 0.75 times 1024 channels.": (_dogs().mult_adds + 256 * 120),
                "In millions is how the paper prints it; here the exact number is asked for.": 325,
            },
        ),
        "`mobilenet_v1` takes `num_classes`.",
        "The last layer has 768 inputs: 880 classes less are 768 times 880 mult-adds less.",
        goals=["what dogs, maps, faces"],
    ),
    exercise(
        "9.3",
        "A proofreader",
        behaves(
            suspects,
            _proofs,
            (
                "What was cut off is no misprint: accept it.",
                lambda rows: _found(rows, ("differs", "truncates")),
            ),
            ("The others are asked for.", lambda rows: _found(rows, ("rounds", "truncates"))),
            ("Places are counted from 0.", lambda rows: suspects(rows) + 1),
            (
                "Places are asked for, not the printed numbers.",
                lambda rows: np.array([int(rows[i][2]) for i in suspects(rows)]),
            ),
            (
                "That is the first one; there may be several.",
                lambda rows: suspects(rows)[:1],
            ),
            ("That marks every row.", lambda rows: np.arange(len(rows))),
            (
                "How many there are is one thing; which they are is asked for.",
                lambda rows: np.array([len(suspects(rows))]),
            ),
            ("In rising order, please.", lambda rows: suspects(rows)[::-1]),
        ),
        "Count with `mobilenet_v1(alpha, resolution).mult_adds`, in millions as a Fraction.",
        "`judge` above says whether a number differs; collect the places with `enumerate`.",
        goals=["look up any number"],
        kind="build",
    ),
    exercise(
        "9.4",
        "What the counter calls FLOPs",
        behaves(
            half_of_flops,
            lambda: [
                (mobilenet_v1(alpha, side),) for alpha, side in ((1, 224), (0.75, 224), (0.5, 128))
            ],
            ("That is all of it, and half is asked for.", lambda arch: 2 * halved_flops(arch)),
            (
                "Normalization, activations and the pool are operations as well.",
                lambda arch: arch.mult_adds,
            ),
            (
                "A convolution without bias has one less for each pair of channels that meet.",
                lambda arch: halved_flops(arch) + Fraction(_pairs(arch), 2),
            ),
            (
                "In a depthwise layer each channel meets one, itself.",
                lambda arch: halved_flops(arch) + Fraction(_pairs(arch) - _pairs(arch, False), 2),
            ),
            (
                "The fully connected layer has a bias: nothing is taken off there.",
                lambda arch: (
                    halved_flops(arch) - Fraction(arch.layers[-1].parameters_as_printed, 2)
                ),
            ),
            (
                "The average pool reads every number of the last map.",
                lambda arch: halved_flops(arch) - Fraction(_pooled(arch), 2),
            ),
            (
                "A ReLU is one operation for each number, beside four of the normalization.",
                lambda arch: halved_flops(arch) - Fraction(_numbers(arch), 2),
            ),
            (
                "Normalization takes four operations for each number, beside the ReLU's one.",
                lambda arch: halved_flops(arch) - 2 * _numbers(arch),
            ),
            tolerance=1e-8,
        ),
        "Each layer but the last makes `out_channels * out_size**2` numbers; five operations each.",
        "Pairs that meet: `in_channels * out_channels`, in a depthwise layer `in_channels`. The "
        "pool reads the last map once, 1024 times 7 times 7 numbers in the largest network.",
        goals=["solve twelve cases"],
        kind="investigate",
    ),
    exercise(
        "9.5",
        "GoogLeNet's first layer",
        whole(
            lambda: _maps_of_each_colour(2700),
            lambda: {
                "That many maps there are in all; there are three colours.": 24,
                "With one map of each colour it would have 339 parameters.": 1,
                "The pointwise part has weights, too: 64 for each map.": (18, 19),
                "The depthwise part has weights, too: 49 for each map.": 14,
                "Those are the channels that come out of the pointwise part.": 64,
                "The maps are made of each of three colours.": 3,
            },
        ),
        "With m maps of each colour: 7 by 7 by 3 m weights, then 1 by 1 from 3 m to 64 channels.",
        "Together that is 147 m + 192 m, about 2700.",
        goals=["solve twelve cases"],
        kind="investigate",
    ),
    exercise(
        "9.6",
        "Figure 4 as numbers",
        behaves(
            marks,
            _lists,
            (
                "From the cheapest on, please.",
                lambda models: np.array(
                    [(m.mult_adds / 1e6, m.paper_top1) for m in models if m.paper_top1 is not None]
                ),
            ),
            ("From the cheapest on: they are in reversed order.", lambda ms: marks(ms)[::-1]),
            ("Mult-adds in millions, please.", lambda ms: marks(ms) * [1e6, 1]),
            ("First the mult-adds, then the accuracy.", lambda ms: marks(ms)[:, ::-1]),
            (
                "Those are parameters: that is Figure 5.",
                lambda ms: np.array(sorted(_parameters(ms))),
            ),
            (
                "Those accuracies are tf-slim's; the paper's stand in `paper_top1`.",
                lambda ms: _points(ms, lambda m: (m.mult_adds / 1e6, m.slim2018_top1)),
            ),
            (
                "Only those whose accuracy the paper prints: `paper_top1` may be None.",
                lambda ms: np.array(
                    [
                        (m.mult_adds / 1e6, m.paper_top1 or m.slim2018_top1)
                        for m in sorted(ms, key=lambda m: m.mult_adds)
                    ]
                ),
            ),
        ),
        "Each model has `mult_adds` and `paper_top1`, which is None where there is only a mark.",
        "Leave out those without a number, then sort: `sorted` goes by the first of each pair.",
        goals=["draw the paper's figures"],
        kind="build",
    ),
    exercise(
        "9.7",
        "AlexNet, like for like",
        close(
            lambda: _times()["right"],
            0.05,
            lambda: {
                "That one is SqueezeNet.": _times()["SqueezeNet"],
                "Compare with the small network, 0.50 MobileNet-160.": _times()["wide"],
                "Those are parameters; mult-adds are asked for.": (
                    _times()["parameters"],
                    _times()["printed"],
                ),
                "The other way round: AlexNet takes more.": 1 / _times()["right"],
                "That was cut off; round it.": 9.4,
                "Both take as many then: what is one divided by the other?": 1,
            },
        ),
        'The library knows AlexNet as `other_network("AlexNet")`, with its `mult_adds`.',
        "Divide 724.4 million by the mult-adds of `mobilenet_v1(0.5, 160)`.",
        goals=["place it between"],
    ),
)


def _maps_of_each_colour(parameters: int) -> int:
    """The depth multiplier that gives a 7x7 separable layer from 3 to 64 channels its weights."""
    return min(range(1, 30), key=lambda m: abs(7 * 7 * 3 * m + 3 * m * 64 - parameters))
