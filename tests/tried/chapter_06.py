"""Chapter 06: width and resolution."""

from . import Tried, solution

SLOPE = (
    "per_doubling = lambda mult_adds, accuracies: np.polyfit(np.log2(mult_adds), accuracies, 1)[0]"
)
CHOOSE = """
def choose(networks, budget, margin):
    best = "none", 0, 0
    for name, accuracy, readings in networks:
        ms = np.median(readings)
        if ms * (1 + margin) <= budget and (accuracy, -ms) > best[1:] or (best[0] == "none" and ms * (1 + margin) <= budget):
            best = name, accuracy, -ms
    return best[0]
"""
FRONT = """
def front(costs, accuracies):
    kept = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -accuracies[i])):
        if not kept or accuracies[i] > accuracies[kept[-1]]:
            kept.append(i)
    return kept
"""
MCNEMAR = solution("6.7")

TRIED = {
    "6.1": Tried(
        right=[
            "4_489_216",
            "4489216.0",
            "(9 + 128) * 128 * 256",
            "np.int64(4489216)",
            "torch.tensor(4489216)",
        ],
        wrong=[
            ("8_978_432", "those that come out"),
            ("13_748_224", "without rho"),
            ("17_367_040", "without alpha"),
            ("53_186_560", "the layer before"),
            ("37_748_736", "standard convolution"),
            ("4_194_304", "pointwise one alone"),
            ("4_341_760", "stands once"),
            ("4_489_217", "Off by one"),
            ("7", "With alpha"),
        ],
    ),
    "6.2": Tried(
        right=["0.7", "7 / 10", "np.float32(0.7)", "torch.tensor(0.7)", "[0.7]"],
        wrong=[
            ("0.5", "about a quarter"),
            ("0.71", "root of one half"),
            ("0.69", "try a wider"),
            ("0.75", "more than half"),
            ("0.66", "halves the parameters"),
            ("70", "a percentage"),
            ("0.2", "square of alpha"),
        ],
    ),
    "6.3": Tried(
        right=[
            SLOPE,
            "per_doubling = lambda m, a: np.polyfit(np.log(m), a, 1)[0] * math.log(2)",
            "per_doubling = lambda m, a: np.linalg.lstsq(np.c_[np.log2(m), np.ones(len(m))], a, rcond=None)[0][:1]",
            "per_doubling = lambda m, a: torch.tensor(np.cov(np.log2(m), a)[0, 1] / np.var(np.log2(m), ddof=1))",
            "def per_doubling(m, a):\n    x = np.log2(m) - np.log2(m).mean()\n    return np.float32((x * a).sum() / (x**2).sum())",
        ],
        wrong=[
            (SLOPE.replace("log2", "log"), "base of e"),
            (SLOPE.replace("log2", "log10"), "base of 10"),
            (SLOPE.replace("np.log2(mult_adds)", "mult_adds"), "step of their logarithm"),
            (SLOPE.replace("[0]", "[1]"), "crosses zero"),
            (
                SLOPE.replace("np.log2(mult_adds), accuracies", "accuracies, np.log2(mult_adds)"),
                "roles are exchanged",
            ),
            (SLOPE.replace("[0]", ""), "which of them"),
            (
                "per_doubling = lambda m, a: (a[m.argmax()] - a[m.argmin()]) / np.log2(m.max() / m.min())",
                "all of them should",
            ),
            (SLOPE + " * 2", "2 times the right one"),
            ("def per_doubling(m, a):\n    np.polyfit(np.log2(m), a, 1)[0]", "end with `return`"),
        ],
    ),
    "6.4": Tried(
        right=[
            "uncertainty = lambda a: np.std(a, ddof=1) / len(a) ** 0.5",
            "uncertainty = lambda a: torch.from_numpy(a).std() / len(a) ** 0.5",
            "uncertainty = lambda a: math.sqrt(sum((x - sum(a) / len(a)) ** 2 for x in a) / (len(a) - 1) / len(a))",
            "import statistics\nuncertainty = lambda a: statistics.stdev(a.tolist()) / math.sqrt(len(a))",
            "uncertainty = lambda a: [np.sqrt(np.var(a, ddof=1) / a.size)]",
        ],
        wrong=[
            ("uncertainty = lambda a: np.std(a) / len(a) ** 0.5", "one less"),
            ("uncertainty = lambda a: np.std(a, ddof=1)", "how uncertain one seed"),
            ("uncertainty = lambda a: np.std(a)", "infinitely many"),
            ("uncertainty = lambda a: np.std(a, ddof=1) / len(a)", "not by the number"),
            ("uncertainty = lambda a: np.var(a, ddof=1) / len(a)", "root is missing"),
            ("uncertainty = lambda a: np.ptp(a)", "smallest to the largest"),
            ("uncertainty = lambda a: np.std(a, ddof=1) / (len(a) - 1) ** 0.5", "taken away twice"),
            ("uncertainty = lambda a: a.mean()", "That is the mean"),
            (
                "def uncertainty(a):\n    a -= a.mean()\n    return np.sqrt((a**2).sum() / (len(a) - 1) / len(a))",
                "work on a copy",
            ),
        ],
    ),
    "6.5": Tried(
        right=[
            CHOOSE,
            """
            def choose(networks, budget, margin):
                fits = [n for n in networks if np.median(n[2]) * (1 + margin) <= budget]
                return max(fits, key=lambda n: (n[1], -np.median(n[2])))[0] if fits else "none"
            """,
            CHOOSE.replace("return best[0]", "return np.str_(best[0])"),
            CHOOSE.replace(
                "np.median(readings)", "torch.tensor(readings, dtype=torch.float64).median().item()"
            ),
            CHOOSE.replace("np.median(readings)", "sorted(readings)[len(readings) // 2]"),
        ],
        wrong=[
            (CHOOSE.replace("np.median", "np.mean"), "not the network's fault"),
            (CHOOSE.replace("np.median", "max"), "The slowest reading"),
            (CHOOSE.replace("np.median", "min"), "The fastest reading"),
            (CHOOSE.replace(" * (1 + margin)", ""), "margin is not used"),
            (CHOOSE.replace("* (1 + margin)", "/ (1 + margin)"), "not looser"),
            (
                CHOOSE.replace("(accuracy, -ms) > best[1:]", "-ms > best[2]"),
                "not the fastest",
            ),
            (CHOOSE.replace("(accuracy, -ms) > best[1:]", "accuracy > best[1]"), "take the faster"),
            (CHOOSE.replace("<= budget", "< budget"), "just the budget"),
            (CHOOSE.replace("<= budget", "<= 1e9"), "budget is not used"),
            (CHOOSE.replace("return best[0]", "best[0]"), "end with `return`"),
            (CHOOSE.replace("np.median(readings)", "readings[0]"), "One reading decides"),
            (
                CHOOSE.replace("ms * (1 + margin) <= budget", "ms <= budget * (1 - margin)"),
                "on top of the median",
            ),
            (CHOOSE.replace("-ms", "ms"), "take the faster"),
            (
                CHOOSE.replace("np.median(readings)", "readings[len(readings) // 2]"),
                "once they are sorted",
            ),
            (CHOOSE.replace("return best[0]", "return best[1]"), "as text"),
        ],
    ),
    "6.6": Tried(
        right=[
            FRONT,
            FRONT.replace("return kept", "return np.array(kept)"),
            FRONT.replace("return kept", "return tuple(kept)"),
            FRONT.replace("return kept", "return torch.tensor(kept)"),
            """
            def front(costs, accuracies):
                beaten = lambda i, j: costs[j] <= costs[i] and accuracies[j] >= accuracies[i] and (costs[j], -accuracies[j], j) < (costs[i], -accuracies[i], i)
                n = range(len(costs))
                return sorted((i for i in n if not any(beaten(i, j) for j in n)), key=lambda i: costs[i])
            """,
        ],
        wrong=[
            (FRONT.replace("accuracies[i] > ", "accuracies[i] < "), "cheap and accurate"),
            (
                FRONT.replace("accuracies[i] > accuracies[kept[-1]]", "True").replace(
                    "(costs[i], -accuracies[i])", "costs[i]"
                ),
                "another one beats",
            ),
            (FRONT.replace("return kept", "return sorted(kept)"), "From the cheapest"),
            (FRONT.replace("return kept", "return kept[::-1]"), "reversed"),
            (FRONT.replace("[i] > ", "[i] >= "), "no more accuracy"),
            (FRONT.replace("return kept", "return costs[kept]"), "not their costs"),
            (FRONT.replace("return kept", "return accuracies[kept]"), "not their accuracies"),
            (FRONT.replace("return kept", "return [i + 1 for i in kept]"), "from 0"),
            ("def front(costs, accuracies):\n    return [accuracies.argmax()]", "alone"),
            (FRONT.replace("    return kept", ""), "end with `return`"),
            (
                FRONT.replace(
                    "> accuracies[kept[-1]]",
                    ">= accuracies[kept[-1]] and costs[i] == costs[kept[-1]] or accuracies[i] > accuracies[kept[-1]]",
                ),
                "one stays",
            ),
            (
                FRONT.replace("(costs[i], -accuracies[i])", "(costs[i], -accuracies[i], -i)"),
                "the first one stays",
            ),
            (FRONT.replace("(costs[i], -accuracies[i])", "costs[i]"), "does not belong"),
        ],
    ),
    "6.7": Tried(
        right=[
            MCNEMAR,
            MCNEMAR.replace("return won", "return int(won").replace(
                "(won + lost)", "(won + lost))"
            ),
            """
            def better(first, second):
                gain = second.astype(float) - first
                return gain.mean() > 1.8 * gain.std(ddof=1) / len(gain) ** 0.5
            """,
            """
            def better(first, second):
                rng = np.random.default_rng(0)
                gain = second.astype(int) - first
                gain = gain[gain != 0]
                luck = (rng.integers(0, 2, (400, len(gain))) * 2 - 1) @ np.abs(gain)
                return gain.sum() > np.quantile(luck, 0.95)
            """,
            """
            def better(first, second):
                b, c = int((first & ~second).sum()), int((second & ~first).sum())
                n = b + c
                chance = sum(math.comb(n, k) for k in range(c, n + 1)) / 2**n
                return chance < 0.05
            """,
        ],
        wrong=[
            ("better = lambda first, second: True", "worse"),
            ("better = lambda first, second: second.mean() > first.mean()", "from luck alone"),
            ("better = lambda first, second: False", "not even see ten points"),
            (MCNEMAR.replace("won - lost", "abs(won - lost)"), "where the second network is worse"),
            (MCNEMAR.replace("won - lost", "lost - won"), "first is the better"),
            (
                """
            def better(first, second):
                n = len(first)
                p = (first.mean() + second.mean()) / 2
                return second.mean() - first.mean() > 3 * np.sqrt(2 * p * (1 - p) / n)
            """,
                "the same pictures",
            ),
            ("better = lambda first, second: second.mean() - first.mean()", "True or False"),
            ("better = lambda first, second: second.mean() > first.mean() + 0.2", "ten points"),
            (MCNEMAR.replace("return", "_ ="), "end with `return`"),
            (
                "better = lambda first, second: second.mean() > first.mean() + 0.015",
                "One limit in points",
            ),
        ],
    ),
}
