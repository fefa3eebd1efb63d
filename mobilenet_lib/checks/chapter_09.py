"""The exercises of chapter 09: judging printed numbers, and finding where some come from."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .. import paper
from ..architecture import mobilenet_v1
from ..paper.claims import halved_flops
from .answers import close, exercise, whole
from .behaviour import behaves
from .tasks_09 import (
    JUDGED,
    all_zeros_off,
    cut_first,
    dogs,
    found,
    half_of_flops,
    in_any_order,
    lists,
    maps_of_each_colour,
    marks,
    near,
    numbers,
    pairs,
    parameters,
    points,
    pooled,
    proofs,
    suspects,
    times,
    to_even,
    verdict_of,
    whole_steps,
)

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
            ("Two digits stay: 60 has a step of 1, and 100 one of 10.", all_zeros_off),
            ("Digits behind the point set the step as well: 0.5 has one of 0.1.", whole_steps),
            ("Ask first whether it rounds: much that rounds could be cut off, too.", cut_first),
            ("Half a step more is rounded up; `round` goes to the even neighbour.", to_even),
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
            lambda: dogs().mult_adds,
            lambda: {
                "That is the network with 1000 classes, as it is for ImageNet.": dogs(
                    classes=1000
                ).mult_adds,
                "That is the network of full width; alpha is 0.75.": dogs(1.0).mult_adds,
                "The last layer has mult-adds, too: 768 for each class.": (
                    dogs().mult_adds - 768 * 120
                ),
                "Those are its parameters.": (
                    dogs().parameters,
                    dogs().parameters_as_printed,
                ),
                "The last layer reads 0.75 times 1024 channels.": (dogs().mult_adds + 256 * 120),
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
        in_any_order(
            behaves(
                suspects,
                proofs,
                (
                    "What was cut off is no misprint: accept it.",
                    lambda rows: found(rows, ("differs", "truncates")),
                ),
                ("The others are asked for.", lambda rows: found(rows, ("rounds", "truncates"))),
                ("Places are counted from 0.", lambda rows: suspects(rows) + 1),
                (
                    "Places are asked for, not the printed numbers.",
                    lambda rows: np.sort([float(rows[i][2]) for i in suspects(rows)]),
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
                (
                    "Near is not enough: 325.4 gives 325 both ways, rounded and cut off.",
                    near,
                ),
            ),
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
                lambda arch: halved_flops(arch) + Fraction(pairs(arch), 2),
            ),
            (
                "In a depthwise layer each channel meets one, itself.",
                lambda arch: halved_flops(arch) + Fraction(pairs(arch) - pairs(arch, False), 2),
            ),
            (
                "The fully connected layer has a bias: nothing is taken off there.",
                lambda arch: (
                    halved_flops(arch) - Fraction(arch.layers[-1].parameters_as_printed, 2)
                ),
            ),
            (
                "The average pool reads every number of the last map.",
                lambda arch: halved_flops(arch) - Fraction(pooled(arch), 2),
            ),
            (
                "A ReLU is one operation for each number, beside four of the normalization.",
                lambda arch: halved_flops(arch) - Fraction(numbers(arch), 2),
            ),
            (
                "Normalization takes four operations for each number, beside the ReLU's one.",
                lambda arch: halved_flops(arch) - 2 * numbers(arch),
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
            lambda: maps_of_each_colour(2700),
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
            lists,
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
                lambda ms: np.array(sorted(parameters(ms))),
            ),
            (
                "Those accuracies are tf-slim's; the paper's stand in `paper_top1`.",
                lambda ms: points(ms, lambda m: (m.mult_adds / 1e6, m.slim2018_top1)),
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
            lambda: times()["right"],
            0.05,
            lambda: {
                "That one is SqueezeNet.": times()["SqueezeNet"],
                "Compare with the small network, 0.50 MobileNet-160.": times()["wide"],
                "Those are parameters; mult-adds are asked for.": (
                    times()["parameters"],
                    times()["printed"],
                ),
                "The other way round: AlexNet takes more.": 1 / times()["right"],
                "That was cut off; round it.": 9.4,
                "Both take as many then: what is one divided by the other?": 1,
            },
        ),
        'The library knows AlexNet as `other_network("AlexNet")`, with its `mult_adds`.',
        "Divide 724.4 million by the mult-adds of `mobilenet_v1(0.5, 160)`.",
        goals=["place it between"],
    ),
)
