"""Chapter 04: what a mult-add costs."""

from . import Tried, solution

ROOF = "roofline = lambda operations, moved, peak, bandwidth: "
NINE = solution("4.5")
GEMM = """
def convolve(F, K):
    patches = np.lib.stride_tricks.sliding_window_view(F, (3, 3), axis=(0, 1))
    rows, columns, M = patches.shape[:3]
    matrix = patches.transpose(0, 1, 3, 4, 2).reshape(rows * columns, 9 * M)
    return (matrix @ K.reshape(9 * M, -1)).reshape(rows, columns, -1)
"""
LOOPS = """
def convolve(F, K):
    G = np.zeros((F.shape[0] - 2, F.shape[1] - 2, K.shape[3]))
    for k, l in np.ndindex(G.shape[:2]):
        G[k, l] = np.einsum("ijm,ijmn->n", F[k : k + 3, l : l + 3], K)
    return G
"""
MEASURED = """
def best_seconds(run, clock):
    run()
    readings = []
    for _ in range(20):
        start = clock()
        for _ in range(200):
            run()
        readings.append((clock() - start) / 200)
    return min(readings)
"""
SINGLE = """
def best_seconds(run, clock):
    run()
    readings = []
    for _ in range(50):
        start = clock()
        run()
        readings.append(clock() - start)
    return min(readings)
"""
LIARS = """
def liars(layers, peak, bandwidth):
    lie = []
    for name, operations, moved, ms in layers:
        if ms < 1000 * max(operations / peak, moved / bandwidth):
            lie.append(name)
    return lie
"""
PREDICT = """
def predict(mult_adds, ms, wanted):
    slope, price = np.polyfit(mult_adds, ms, 1)
    return slope * wanted + price
"""

TRIED = {
    "4.1": Tried(
        right=[
            "55.02",
            "55",
            "2 * 256 * 256 * 784 / 1867776",
            "np.float32(55.017)",
            "torch.tensor(55.0)",
        ],
        wrong=[
            ("27.5", "two operations"),
            ("220.07", "four bytes"),
            ("64", "weights have to come"),
            ("96.49", "is written, too"),
            ("128", "is read, too"),
            ("0.01818", "other way round"),
            ("-55.02", "the sign"),
            ("3", "A mult-add is two"),
        ],
    ),
    "4.2": Tried(
        right=["8", "8.0", "240 / 30", "np.float64(8)", "[8]"],
        wrong=[
            ("0.125", "other way round"),
            ("7200", "Multiplied"),
            ("8e9", "these cancel"),
            ("4", "no factor of two"),
            ("32", "not in numbers"),
            ("210", "divide instead"),
            ("7.9", "equally long"),
        ],
    ),
    "4.3": Tried(
        right=[
            ROOF + "1000 * max(operations / peak, moved / bandwidth)",
            ROOF + "np.maximum(operations / peak, moved / bandwidth) * 1e3",
            ROOF + "torch.tensor([operations / peak, moved / bandwidth]).max() * 1000",
            """
            def roofline(work, size, fast, wide):
                if work / size > fast / wide:
                    return 1e3 * work / fast
                return 1e3 * size / wide
            """,
            ROOF + "[1000 * max(operations / peak, moved / bandwidth)]",
        ],
        wrong=[
            (ROOF + "max(operations / peak, moved / bandwidth)", "in seconds"),
            (ROOF + "1e6 * max(operations / peak, moved / bandwidth)", "microseconds"),
            (ROOF + "1000 * (operations / peak + moved / bandwidth)", "both at once"),
            (ROOF + "1000 * min(operations / peak, moved / bandwidth)", "not the shorter"),
            (ROOF + "1000 * operations / peak", "Bytes take time"),
            (ROOF + "1000 * moved / bandwidth", "Arithmetic takes time"),
            (ROOF + "1000 * max(2 * operations / peak, moved / bandwidth)", "no factor of two"),
            (ROOF + "1000 * max(operations / peak, 4 * moved / bandwidth)", "no factor of four"),
            (ROOF + "min(peak, operations / moved * bandwidth)", "are reached"),
            (
                "def roofline(operations, moved, peak, bandwidth):\n    1000 * max(operations / peak, moved / bandwidth)",
                "end with `return`",
            ),
            ("roofline = lambda operations, moved: 1", "It is called as"),
        ],
    ),
    "4.4": Tried(
        right=["0.917", "11 / 12", "0.92", "np.float32(0.9167)", "torch.tensor(0.9166)"],
        wrong=[
            ("0.083", "that is left"),
            ("12", "between 0 and 1"),
            ("91.7", "between 0 and 1"),
            ("0.9", "still be slower"),
            ("0.5", "still be slower"),
            ("0.95", "more than is needed"),
            ("12 / 13", "over 13"),
            ("0.3", "A share 1 - s"),
        ],
    ),
    "4.5": Tried(
        right=[
            NINE,
            GEMM,
            'convolve = lambda F, K: np.einsum("klmij,ijmn->kln", np.lib.stride_tricks.sliding_window_view(F, (3, 3), (0, 1)), K)',
            GEMM.replace(
                "(matrix @ K.reshape(9 * M, -1))",
                "torch.from_numpy(matrix @ K.reshape(9 * M, -1)).float()",
            ),
            NINE.replace("return sum(", "return list(sum(").replace("range(3))", "range(3)))"),
        ],
        wrong=[
            (LOOPS, "same few steps"),
            (
                GEMM.replace(
                    "rows * columns, 9 * M)\n",
                    "rows * columns, 9 * M)\n    matrix = np.array([row for row in matrix])\n",
                ),
                "same few steps",
            ),
            (GEMM.replace(".transpose(0, 1, 3, 4, 2)", ""), "in another order"),
            (GEMM.replace(".reshape(rows, columns, -1)", ""), "a map"),
            (GEMM.replace("(0, 1, 3, 4, 2)", "(0, 1, 4, 3, 2)"), "exchanged"),
            (NINE.replace("K[i, j] for", "K[2 - i, 2 - j] for"), "flipped"),
            (
                NINE.replace(
                    "F[i : i + rows, j : j + columns] @ K[i, j]",
                    "F[i : i + rows, j : j + columns, :1] @ K[i, j, :1]",
                ),
                "over m as well",
            ),
            (
                NINE.replace(
                    "    return sum",
                    "    F = np.pad(F, [(1, 1), (1, 1), (0, 0)])\n    rows, columns = rows + 2, columns + 2\n    return sum",
                ),
                "no padding",
            ),
            (NINE.replace("F.shape[1] - 2", "F.shape[0] - 2"), "square"),
            (NINE.replace("return sum", "sum"), "end with `return`"),
        ],
    ),
    "4.6": Tried(
        right=[
            MEASURED,
            MEASURED.replace("200", "300")
            .replace("range(20)", "range(9)")
            .replace(
                "    run()\n    readings", "    for _ in range(3):\n        run()\n    readings"
            ),
            MEASURED.replace("return min(readings)", "return np.array(min(readings))"),
            MEASURED.replace("min(readings)", "torch.tensor(min(readings), dtype=torch.float64)"),
            """
            def best_seconds(run, clock):
                run()
                runs = 1
                while True:
                    start = clock()
                    for _ in range(runs):
                        run()
                    if clock() - start > 0.1:
                        break
                    runs *= 2
                best = math.inf
                for _ in range(30):
                    start = clock()
                    for _ in range(runs):
                        run()
                    best = min(best, (clock() - start) / runs)
                return best
            """,
            MEASURED.replace("min(readings)", "sorted(readings)[10]"),
        ],
        wrong=[
            (SINGLE, "before the clock ticks"),
            (
                SINGLE.replace("min(readings)", "sum(readings) / len(readings)"),
                "which of many readings",
            ),
            (
                SINGLE.replace("    run()\n    readings", "    readings").replace(
                    "range(50)", "range(1)"
                ),
                "The first run is slow",
            ),
            (SINGLE.replace("min(readings)", "1000 * min(readings)"), "milliseconds"),
            (SINGLE.replace("min(readings)", "sum(readings)"), "all runs together"),
            (SINGLE.replace("min(readings)", "min(readings) / 50"), "divided by too much"),
            (SINGLE.replace("        run()\n", ""), "No time passes"),
            (
                "def best_seconds(run, clock):\n    start = clock()\n    return clock() - start",
                "never calls",
            ),
            (SINGLE.replace("return min", "min"), "end with `return`"),
            (MEASURED.replace("range(20)", "range(1)"), "which of many readings"),
        ],
    ),
    "4.7": Tried(
        right=[
            LIARS,
            LIARS.replace("return lie", "return set(lie)"),
            LIARS.replace("return lie", "return np.array(lie)"),
            LIARS.replace("return lie", "return (name for name in lie)"),
            LIARS.replace("return lie", "return tuple(reversed(lie))"),
        ],
        wrong=[
            (LIARS.replace("ms <", "ms >"), "is usual"),
            (
                LIARS.replace("max(operations / peak, moved / bandwidth)", "operations / peak"),
                "Bytes take time",
            ),
            (
                LIARS.replace("max(operations / peak, moved / bandwidth)", "moved / bandwidth"),
                "Arithmetic takes time",
            ),
            (
                LIARS.replace(
                    "max(operations / peak, moved / bandwidth)",
                    "(operations / peak + moved / bandwidth)",
                ),
                "not added",
            ),
            (LIARS.replace("max(", "min("), "not the shorter"),
            (LIARS.replace("1000 * ", ""), "compared with seconds"),
            (LIARS.replace("max(operations", "max(2 * operations"), "factor of two"),
            (LIARS.replace("return lie", "return len(lie)"), "a list of names"),
            (LIARS.replace("    return lie", ""), "end with `return`"),
            (LIARS.replace("ms < 1000 *", "ms <= 1000 *"), "Just as fast"),
            (LIARS.replace("ms < 1000 *", "ms < 900 *"), "A little faster"),
            (LIARS.replace("lie.append(name)", "lie.append((name, ms))"), "Names alone"),
            (LIARS.replace("return lie", "return lie[:1]"), "there may be several"),
            (LIARS.replace("return lie", "return ', '.join(lie)"), "not one text"),
            (LIARS.replace("    lie = []", "    layers.sort()\n    lie = []"), "work on a copy"),
        ],
    ),
    "4.8": Tried(
        right=[
            PREDICT,
            PREDICT.replace("ms, 1)", "ms, 1, w=1 / ms)"),
            "def predict(mult_adds, ms, wanted):\n    order = np.argsort(mult_adds)\n    return np.interp(wanted, mult_adds[order], ms[order])",
            PREDICT.replace("return slope", "return torch.tensor(slope)"),
            PREDICT.replace("return slope * wanted + price", "return [slope * wanted + price]"),
        ],
        wrong=[
            (
                "def predict(mult_adds, ms, wanted):\n    return ms[0] * wanted / mult_adds[0]",
                "cost its calls",
            ),
            (
                "def predict(mult_adds, ms, wanted):\n    return wanted * (ms / mult_adds).mean()",
                "cost its calls",
            ),
            ("def predict(mult_adds, ms, wanted):\n    return ms.mean()", "whichever one"),
            (PREDICT.replace("+ price", ""), "through zero"),
            (
                PREDICT.replace(
                    "return slope * wanted + price", "return (slope * wanted + price) / 1000"
                ),
                "Milliseconds are asked",
            ),
            (
                "def predict(mult_adds, ms, wanted):\n    return np.interp(wanted, mult_adds, ms)",
                "through zero",
            ),
            (
                PREDICT.replace("slope * wanted + price", "-slope * wanted"),
                "No network takes no time",
            ),
            (PREDICT.replace("return", "_ ="), "end with `return`"),
            (
                "predict = lambda mult_adds, ms, wanted: ms[abs(mult_adds - wanted).argmin()]",
                "on its other side",
            ),
            (
                "predict = lambda mult_adds, ms, wanted: np.exp(np.polyval(np.polyfit(mult_adds, np.log(ms), 1), wanted))",
                "goes astray",
            ),
        ],
    ),
    "4.9": Tried(
        right=[
            "2.2",
            "2.195",
            "2 * 9 * 512 * 196 / (4 * (2 * 512 * 196 + 9 * 512))",
            "np.float32(2.2)",
            "torch.tensor(2.2)",
        ],
        wrong=[
            ("1.1", "two operations"),
            ("8.8", "four bytes"),
            ("0.4545", "other way round"),
            ("4.3", "two maps"),
            ("90.3", "no sum over channels"),
            ("220", "a percentage"),
            ("55", "Nine mult-adds"),
        ],
    ),
}
