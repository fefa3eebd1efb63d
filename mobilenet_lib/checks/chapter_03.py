"""The exercises of chapter 03: the network."""

from __future__ import annotations

from ..architecture import mobilenet_v1
from .answers import close, exercise, one_of, whole
from .behaviour import behaves
from .tasks_03 import layers_of, read_table, seen, separable_block
from .tasks_03_counting import count, leaves_no_hooks, networks, slip

EXERCISES = (
    exercise(
        "3.1",
        "The smallest image with a 7x7 map",
        whole(
            lambda: min(r for r in range(32, 225) if mobilenet_v1(1, r).layers[-2].out_size == 7),
            lambda: {
                "Halving rounds up, so a smaller image also ends with 7 by 7.": tuple(
                    range(195, 225)
                ),
                "6 · 32 pixels end as 6 by 6; one more, and each halving rounds up.": 192,
                "That one ends as a smaller map.": tuple(range(161, 192)),
                "Five layers have stride 2, so the map shrinks by 32.": (97, 96, 385, 112),
                "The last depthwise layer has stride 1, whatever the table prints.": 449,
            },
        ),
        "Five layers halve the map and round up: the last is ceil(resolution / 32).",
        "It must be larger than 6 · 32.",
        goals=["read Table 1"],
    ),
    exercise(
        "3.2",
        "Build a block",
        separable_block,
        "Six modules: depthwise Conv2d, BatchNorm2d, ReLU, pointwise Conv2d, BatchNorm2d, ReLU.",
        "The depthwise one is `nn.Conv2d(M, M, 3, stride, padding=1, groups=M, bias=False)`.",
        goals=["build the network in PyTorch"],
        kind="build",
    ),
    exercise(
        "3.3",
        "The widest network below a million",
        close(
            lambda: max(
                i / 20 for i in range(1, 21) if mobilenet_v1(i / 20).parameters < 1_000_000
            ),
            1e-3,  # half precision does not hold 0.4
            lambda: {
                "Only steps of 0.05 are asked for.": (0.41, 0.42, 0.43, 0.4137),
                "That one has more than a million.": (0.45, 0.5, 0.55),
                "A wider one also stays below a million.": (0.35, 0.3, 0.25, 0.2),
                "A quarter of the parameters means about half the width, because they grow "
                "with its square; but not all of them do.": (0.235, 0.24, 0.49, 0.486),
            },
        ),
        "Try `mobilenet_v1(alpha).parameters` for alpha = 0.05, 0.1, 0.15 and so on.",
        "The answer lies between 0.35 and 0.45.",
        goals=["compare it with the library"],
    ),
    exercise(
        "3.4",
        "Who sees half of the image?",
        one_of(lambda: "dw_8", lambda: [layer.name for layer in layers_of()], seen),
        "`arch.receptive_field_at(name).size` says what a layer sees.",
        "It is one of the five equal blocks.",
        goals=["how far one output pixel can look"],
    ),
    exercise(
        "3.5",
        "Find the errors in a table",
        read_table,
        "Two rules join a row to the next: N becomes M, and D_F divided by the stride, rounded up, "
        "becomes D_F. A third holds inside a depthwise row.",
        "Where a rule breaks, two rows are suspects. The one that also breaks a rule on its other "
        "side, or inside, is guilty; if a size breaks no rule behind it, it is the stride before.",
        goals=["count its layers", "catch its misprint"],
        kind="investigate",
    ),
    exercise(
        "3.6",
        "Count any network",
        behaves(
            count,
            networks,
            ("A group meets only its own input channels: the weights know it.", slip("groups")),
            ("Work is done at each place of the output, not of the input.", slip("input")),
            ("That counts the whole batch; one image is asked for.", slip("batch")),
            ("These are weights; each is used at every place of the output.", slip("weights")),
            ("A bias is added without a multiplication.", slip("bias")),
            ("The fully connected layers, nn.Linear, are left out.", slip("linear")),
            ("A mult-add is one operation here, not two.", slip("twice")),
            ("Kernels need not be square.", slip("square")),
            ("Maps need not be square.", slip("height")),
            (
                "Layers may lie deeper, and the network itself may be one: `net.modules()` finds "
                "them all.",
                slip("children"),
            ),
            ("A module that runs twice does its work twice.", slip("once")),
            ("These are parameters; a weight is used at every place.", slip("parameters")),
            ("These are weights; each is used at every place of the output.", slip("stored")),
            ("A bias is added without a multiplication.", slip("one bias")),
            tolerance=1e-9,
            then=leaves_no_hooks,
        ),
        "In a hook you have the module and its output. How many times is each weight used?",
        "For a convolution: weights times places of the output, `module.weight.numel()` times "
        "`out[0, 0].numel()`. For nn.Linear the weights alone.",
        goals=["where nearly all of the work is"],
        kind="build",
    ),
    exercise(
        "3.7",
        "Twenty-seven biases",
        whole(
            lambda: sum(layer.out_channels for layer in layers_of()[:-1]),
            lambda: {
                "The fully connected layer has its bias already.": sum(
                    layer.out_channels for layer in layers_of()
                ),
                "A bias is a number for each output channel, not for each layer.": (27, 28),
                "One for each output channel; these are the input channels.": sum(
                    layer.in_channels for layer in layers_of()[:-1]
                ),
                "The pointwise layers are convolutions as well.": sum(
                    layer.out_channels for layer in layers_of() if layer.kind == "depthwise"
                ),
                "One number for each channel, not four as BN has.": 4
                * sum(layer.out_channels for layer in layers_of()[:-1]),
                "That is the whole network; how many are new?": (
                    mobilenet_v1().parameters,
                    mobilenet_v1().parameters
                    + sum(layer.out_channels for layer in layers_of()[:-1]),
                ),
                "The depthwise layers are convolutions as well.": sum(
                    layer.out_channels for layer in layers_of()[:-1] if layer.kind != "depthwise"
                ),
                "These are two numbers for each channel, as BN has.": 2
                * sum(layer.out_channels for layer in layers_of()[:-1]),
                "Each of the convolutions would have them.": 0,
                "The first convolution counts, too.": sum(
                    layer.out_channels for layer in layers_of()[1:-1]
                ),
            },
        ),
        "A bias is one number for each channel that comes out of a convolution.",
        "Add up `layer.out_channels` over all layers but the last one.",
        goals=["details that the paper leaves open"],
    ),
)
