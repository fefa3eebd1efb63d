"""The exercises of chapter 09: judging printed numbers, and finding where some come from."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .. import paper
from .answers import close, exercise, whole
from .behaviour import behaves
from .tasks_09 import (
    JUDGED,
    all_zeros_off,
    cut_above,
    cut_first,
    dogs,
    found,
    half_down,
    half_is_near,
    in_any_order,
    in_floats,
    lists,
    logarithmic,
    maps_of_each_colour,
    marks,
    near,
    near_by,
    off_by_zeros,
    parameters,
    points,
    proofs,
    suspects,
    times,
    to_even,
    verdict_of,
    whole_steps,
    zeros_behind,
)
from .tasks_09_flops import HALF_OF_FLOPS

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
            ("Two digits stay, not three: 290 has a step of 10.", off_by_zeros(9, 3)),
            ("Every zero counts: 15300 has two.", off_by_zeros(1)),
            (
                "Half a step more is rounded up: 2.5 rounds to 3, and is cut off to 2.",
                half_down,
            ),
            ("Cut off is the number below, not the one above.", cut_above),
            ("Zeros behind the point are digits: 1.50 has a step of 0.01.", zeros_behind),
            (
                "A float only comes near to 0.285 or 0.29: compute with fractions to the end.",
                in_floats,
            ),
            (
                "Near is not enough: 325.4 gives 325 both ways, rounded and cut off.",
                near_by,
            ),
            ("Half a step more is rounded up, so it is not what 2 was rounded from.", half_is_near),
            (
                "What rounds has a verdict of its own.",
                lambda p, c: "differs" if verdict_of(p, c) == "differs" else "truncates",
            ),
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
                "Not all of it goes with the square of alpha: depthwise layers, the first and the "
                "last go with alpha alone.": tuple(
                    int(factor * dogs(1.0, classes).mult_adds)
                    for factor in (0.75**2, 0.75)
                    for classes in (120, 1000)
                ),
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
                ("That marks every row: are both in millions?", lambda rows: np.arange(len(rows))),
                (
                    "Say which they are, not how many.",
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
        HALF_OF_FLOPS,
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
                "That is the size of the kernel.": 49,
                "With so many it would have 2.4 or 3.1 thousand parameters.": (7, 9),
                "The pointwise part reads three times as many maps.": (21, 2),
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
                "First the mult-adds, then the accuracy.",
                lambda ms: np.array(sorted(map(tuple, marks(ms)[:, ::-1]))),
            ),
            (
                "Those are parameters: that is Figure 5.",
                lambda ms: points(ms, lambda m: (m.parameters / 1e6, m.paper_top1)),
            ),
            (
                "Only those whose accuracy the paper prints: `paper_top1` may be None.",
                lambda ms: np.array(
                    sorted((m.mult_adds / 1e6, m.paper_top1 or np.nan) for m in ms)
                ),
            ),
            ("Accuracy in percent, as it is printed.", lambda ms: marks(ms) * [1, 0.01]),
            ("Mult-adds in millions, please.", lambda ms: marks(ms) * [1e3, 1]),
            (
                "Accuracies are asked for, not errors.",
                lambda ms: marks(ms) * [1, -1] + [0, 100],
            ),
            (
                "Leave the millions as they are counted, with what stands behind the point.",
                lambda ms: np.floor(marks(ms) * [1, 10]) / [1, 10],
            ),
            (
                "Leave the millions as they are counted, with what stands behind the point.",
                lambda ms: np.round(marks(ms) * [1, 10]) / [1, 10],
            ),
            ("The axis is logarithmic, the numbers are not.", lambda ms: logarithmic(marks(ms))),
            (
                "Sort by mult-adds, not by accuracy.",
                lambda ms: marks(ms)[marks(ms)[:, 1].argsort()],
            ),
            (
                "Use the models that are handed over.",
                lambda ms: marks(list(paper.models())),
            ),
            (
                "Only those whose accuracy the paper prints: `paper_top1` may be None.",
                lambda ms: np.array(sorted((m.mult_adds / 1e6, m.paper_top1 or 0.0) for m in ms)),
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
                    45,
                    46,
                ),
                "SqueezeNet is set against it there; AlexNet is asked for.": (11, 22),
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
