"""Chapter 09: every number in the paper."""

from . import Tried

VERDICT = """
from fractions import Fraction
def verdict_of(printed, counted):
    whole, _, decimals = printed.partition(".")
    zeros = len(whole) - max(len(whole.rstrip("0")), min(2, len(whole)))
    step = Fraction(10) ** (-len(decimals) if decimals else zeros)
    target = Fraction(printed) / step
    if math.floor(counted / step + Fraction(1, 2)) == target:
        return "rounds"
    return "truncates" if math.floor(counted / step) == target else "differs"
"""
SUSPECTS = """
from mobilenet_lib import mobilenet_v1
def suspects(rows):
    found = []
    for place, (alpha, resolution, printed) in enumerate(rows):
        count = mobilenet_v1(alpha, resolution).mult_adds / 1e6
        if int(printed) not in (int(count), int(count + 0.5)):
            found.append(place)
    return found
"""
HALF = """
def half_of_flops(arch):
    *body, _ = arch.layers
    numbers = sum(la.out_channels * la.out_size**2 for la in body)
    pairs = sum(la.in_channels * (la.kind == "depthwise" or la.out_channels) for la in body)
    pooled = body[-1].out_channels * body[-1].out_size ** 2
    return (2 * arch.mult_adds - pairs + 5 * numbers + pooled) / 2
"""

TRIED = {
    "9.1": Tried(
        right=[
            VERDICT,
            VERDICT.replace('return "rounds"', 'return np.str_("rounds")'),
            "from mobilenet_lib.paper import judge\nverdict_of = lambda printed, counted: judge(printed, counted, round_figure=True)",
            VERDICT.replace("(printed, counted)", "(text, number)")
            .replace("printed", "text")
            .replace("counted", "number"),
            VERDICT.replace('return "truncates" if', 'return np.array("truncates") if'),
        ],
        wrong=[
            (
                "from mobilenet_lib.paper import judge\nverdict_of = lambda printed, counted: judge(printed, counted)",
                "taken for digits",
            ),
            ('verdict_of = lambda printed, counted: "rounds"', "the same of all"),
            ('verdict_of = lambda printed, counted: "differs"', "the same of all"),
            (VERDICT.replace('"truncates"', '"differs"'), "case of its own"),
            (
                VERDICT.replace(
                    'max(len(whole.rstrip("0")), min(2, len(whole)))', 'len(whole.rstrip("0"))'
                ),
                "Two digits remain",
            ),
            (VERDICT.replace('return "rounds"', 'print("rounds")'), "Only the step"),
            (VERDICT.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "9.2": Tried(
        right=[
            "324_724_608",
            "324724608.0",
            "np.int64(324724608)",
            "torch.tensor(324724608)",
            "325_400_448 - 768 * 880",
        ],
        wrong=[
            ("325_400_448", "1000 classes"),
            ("568_740_352", "full width"),
            ("324_632_448", "left out"),
            ("325", "do not round"),
            ("324_724_609", "Off by one"),
            ("5", "takes `num_classes`"),
        ],
    ),
    "9.3": Tried(
        right=[
            SUSPECTS,
            SUSPECTS.replace("return found", "return set(found)"),
            SUSPECTS.replace("return found", "return np.array(found)"),
            SUSPECTS.replace("return found", "return (place for place in found[::-1])"),
            SUSPECTS.replace("return found", "return torch.tensor(found)"),
        ],
        wrong=[
            ("suspects = lambda rows: []", "Nothing is found"),
            ("suspects = lambda rows: range(len(rows))", "All are accused"),
            (
                SUSPECTS.replace("(int(count), int(count + 0.5))", "(int(count + 0.5),)"),
                "was cut off",
            ),
            (SUSPECTS.replace("(int(count), int(count + 0.5))", "(int(count),)"), "was rounded"),
            (SUSPECTS.replace("return found", "return found[1:]"), "the first and the last"),
            (SUSPECTS.replace("return found", "return [i + 1 for i in found]"), "from 0"),
            (SUSPECTS.replace("return found", "return len(found)"), "a list of places"),
            (SUSPECTS.replace("    return found", ""), "end with `return`"),
        ],
    ),
    "9.4": Tried(
        right=[
            HALF,
            HALF.replace("/ 2\n", "// 2\n"),
            HALF.replace("return (2", "return [(2").replace("/ 2\n", "/ 2]\n"),
            HALF.replace("return (2", "return np.float64((2").replace("/ 2\n", "/ 2)\n"),
            HALF.replace("return (2", "return torch.tensor((2").replace(
                "/ 2\n", "/ 2, dtype=torch.float64)\n"
            ),
        ],
        wrong=[
            (HALF.replace(" / 2\n", "\n"), "half is asked for"),
            ("half_of_flops = lambda arch: arch.mult_adds", "the mult-adds"),
            (HALF.replace(" + pooled", ""), "average pool"),
            (HALF.replace("5 * numbers", "4 * numbers"), "ReLU is missing"),
            (HALF.replace("5 * numbers", "numbers"), "Batch normalization is missing"),
            (HALF.replace(" + 5 * numbers", ""), "and ReLU are missing"),
            (HALF.replace(" - pairs", ""), "for each pair is missing"),
            (
                HALF.replace('(la.kind == "depthwise" or la.out_channels)', "la.out_channels"),
                "not all",
            ),
            (HALF.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "9.5": Tried(
        right=["8", "8.0", "round(2700 / 339)", "np.int8(8)", "torch.tensor(8)"],
        wrong=[
            ("24", "together"),
            ("18", "without the pointwise"),
            ("14", "without the depthwise"),
            ("3", "number of colours"),
            ("64", "comes out"),
            ("7", "Off by one"),
            ("100", "With m maps"),
        ],
    ),
    "9.6": Tried(
        right=[
            "5.27",
            "20 / math.log2(569 / 41)",
            "np.float32(5.27)",
            "torch.tensor(5.27)",
            "[5.28]",
        ],
        wrong=[
            ("7.6", "base of e"),
            ("17.5", "ten times"),
            ("20", "whole rise"),
            ("10", "two steps"),
            ("3.79", "how many doublings"),
            ("-5.27", "More work"),
            ("1", "both numbers"),
        ],
    ),
}
