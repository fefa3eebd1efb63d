"""Chapter 09: every number in the paper."""

from . import Tried, solution

VERDICT = """
from fractions import Fraction
def verdict_of(printed, counted):
    whole, _, decimals = printed.partition(".")
    zeros = len(whole) - max(len(whole.rstrip("0")), min(2, len(whole)))
    step = Fraction(10) ** (-len(decimals) if decimals else zeros)
    steps, target = counted / step, Fraction(printed) / step
    if math.floor(steps + Fraction(1, 2)) == target:
        return "rounds"
    return "truncates" if math.floor(steps) == target else "differs"
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
    *body, head = arch.layers
    flops = 2 * head.in_channels * head.out_channels
    for layer in body:
        meet = 1 if layer.kind == "depthwise" else layer.out_channels
        pixels = layer.out_size**2
        flops += layer.in_channels * meet * (2 * layer.kernel_size**2 * pixels - 1)
        flops += 5 * layer.out_channels * pixels
    flops += body[-1].out_channels * body[-1].out_size ** 2
    return flops / 2
"""
MARKS = solution("9.6")

TRIED = {
    "9.1": Tried(
        right=[
            VERDICT,
            VERDICT.replace('return "rounds"', 'return np.str_("rounds")'),
            VERDICT.replace("math.floor(steps)", "steps // 1"),
            "from mobilenet_lib.paper import judge\n"
            "verdict_of = lambda printed, counted: judge(printed, counted, True)",
            VERDICT.replace("math.floor(steps + Fraction(1, 2))", "int(steps + Fraction(1, 2))"),
        ],
        wrong=[
            (VERDICT.replace("else zeros)", "else 0)"), "its step is 100"),
            (VERDICT.replace("min(2, len(whole))", "0"), "Two digits stay"),
            (VERDICT.replace("-len(decimals) if decimals else zeros", "zeros"), "behind the point"),
            (
                VERDICT.replace("steps + Fraction(1, 2)", "steps").replace(
                    'return "rounds"', 'return "truncates"'
                ),
                "what is different here",
            ),
            (
                VERDICT.replace("math.floor(steps + Fraction(1, 2)) ==", "round(steps) =="),
                "goes to the even neighbour",
            ),
            (VERDICT.replace('"truncates" if', '"differs" if'), "a verdict of its own"),
            (VERDICT.replace('"truncates" if', '"rounds" if'), "two verdicts"),
            (
                VERDICT.replace('return "rounds"', 'print("rounds")').replace("return", "_ ="),
                "end with `return`",
            ),
            (
                VERDICT.replace("len(decimals)", "len(decimals.rstrip('0'))"),
                "behind the point are digits",
            ),
            (
                VERDICT.replace("Fraction(10) **", "10.0 **").replace(
                    "counted / step, Fraction(printed) / step",
                    "float(counted) / step, float(printed) / step",
                ),
                "with fractions to the end",
            ),
            (
                VERDICT.replace("math.floor(steps) == target", "abs(steps - target) < 1"),
                "Near is not enough",
            ),
            (VERDICT.replace('"rounds"', '"Rounds"'), "Spell it"),
        ],
    ),
    "9.2": Tried(
        right=[
            "324_724_608",
            "324724608.0",
            "np.int64(324724608)",
            "torch.tensor(324724608)",
            "from mobilenet_lib import mobilenet_v1\n"
            "mobilenet_v1(0.75, 224, num_classes=120).mult_adds",
        ],
        wrong=[
            ("325_400_448", "1000 classes"),
            ("567_839_232", "full width"),
            ("324_632_448", "768 for each class"),
            ("1_910_160", "takes `num_classes`"),
            ("324_755_328", "0.75 times 1024"),
            ("325", "the exact number"),
            ("324_724_609", "Off by one"),
        ],
    ),
    "9.3": Tried(
        right=[
            SUSPECTS,
            SUSPECTS.replace("return found", "return np.array(found)"),
            SUSPECTS.replace("return found", "return tuple(found)"),
            SUSPECTS.replace("return found", "yield from found"),
            SUSPECTS.replace("return found", "return set(found)"),
            SUSPECTS.replace("return found", "return torch.tensor(found)"),
        ],
        wrong=[
            (SUSPECTS.replace("(int(count), int(count + 0.5))", "(round(count),)"), "cut off"),
            (SUSPECTS.replace("not in", "in"), "The others"),
            (SUSPECTS.replace("append(place)", "append(place + 1)"), "counted from 0"),
            (SUSPECTS.replace("append(place)", "append(int(printed))"), "not the printed numbers"),
            (SUSPECTS.replace("return found", "return found[:1]"), "there may be several"),
            ("suspects = lambda rows: range(len(rows))", "every row"),
            (SUSPECTS.replace("return found", "return [len(found)]"), "which they are"),
            (
                SUSPECTS.replace(
                    "int(printed) not in (int(count), int(count + 0.5))",
                    "abs(int(printed) - count) > 1",
                ),
                "Near is not enough",
            ),
            (SUSPECTS.replace("    return found", ""), "end with `return`"),
        ],
    ),
    "9.4": Tried(
        right=[
            HALF,
            HALF.replace("flops / 2", "flops // 2"),
            HALF.replace("return flops / 2", "return np.float64(flops) / 2"),
            HALF.replace("return flops / 2", "return torch.tensor(flops, dtype=torch.float64) / 2"),
            "from mobilenet_lib.paper.claims import halved_flops\nhalf_of_flops = halved_flops",
        ],
        wrong=[
            (HALF.replace("flops / 2", "flops"), "half is asked for"),
            ("half_of_flops = lambda arch: arch.mult_adds", "operations as well"),
            (HALF.replace("pixels - 1)", "pixels)"), "for each pair of channels"),
            (
                HALF.replace("    flops += body[-1]", "    _ = body[-1]"),
                "reads every number",
            ),
            (HALF.replace("flops += 5 *", "flops += 4 *"), "A ReLU is one"),
            (HALF.replace("flops += 5 *", "flops += 1 *"), "takes four operations"),
            (
                HALF.replace("2 * head.in_channels * head", "(2 - 1) * head.in_channels * head"),
                "nothing is taken off",
            ),
            (HALF.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "9.5": Tried(
        right=["8", "8.0", "np.int64(8)", "torch.tensor(8)", "[8]"],
        wrong=[
            ("24", "in all"),
            ("1", "339 parameters"),
            ("18", "64 for each map"),
            ("14", "49 for each map"),
            ("64", "come out of the pointwise"),
            ("3", "of three colours"),
            ("7", "2.4 or 3.1"),
        ],
    ),
    "9.6": Tried(
        right=[
            MARKS,
            MARKS.replace("return sorted(", "return np.array(sorted(").replace(
                "is not None)", "is not None))"
            ),
            MARKS.replace("return sorted(", "return tuple(sorted(").replace(
                "is not None)", "is not None))"
            ),
            MARKS.replace("return sorted(", "yield from sorted("),
            MARKS.replace("return sorted(", "return torch.tensor(sorted(").replace(
                "is not None)", "is not None))"
            ),
        ],
        wrong=[
            (MARKS.replace("sorted(", "list("), "From the cheapest on, please"),
            (MARKS.replace("is not None)", "is not None)[::-1]"), "reversed"),
            (MARKS.replace(" / 1e6", ""), "in millions"),
            (
                """
def marks(models):
    found = sorted((m.mult_adds / 1e6, m.paper_top1) for m in models if m.paper_top1)
    return [(top1, cost) for cost, top1 in found]
""",
                "then the accuracy",
            ),
            (MARKS.replace("m.mult_adds", "m.parameters_as_printed"), "that is Figure 5"),
            (MARKS.replace("1e6, m.paper_top1", "1e6, m.slim2018_top1"), "tf-slim's"),
            (
                MARKS.replace("m.paper_top1)", "m.paper_top1 or m.slim2018_top1)").replace(
                    " if m.paper_top1 is not None", ""
                ),
                "may be None",
            ),
            (MARKS.replace("return", "_ ="), "end with `return`"),
            (
                MARKS.replace("sorted(", "sorted(sorted(").replace(
                    "is not None)", "is not None), key=lambda pair: pair[1])"
                ),
                "not by accuracy",
            ),
            (
                "def marks(models):\n    models.sort(key=lambda m: m.mult_adds)\n    return [(m.mult_adds / 1e6, m.paper_top1) for m in models if m.paper_top1 is not None]",
                "work on a copy",
            ),
        ],
    ),
    "9.7": Tried(
        right=["9.5", "9.47", "724.4 / 76.52", "np.float32(9.4663)", "torch.tensor(9.5)"],
        wrong=[
            ("10.9", "SqueezeNet"),
            ("1.27", "the small network"),
            ("45.5", "Those are parameters"),
            ("0.1056", "other way round"),
            ("9.4", "round it"),
            ("1", "divided by the other"),
            ("946.6", "a percentage"),
        ],
    ),
}
