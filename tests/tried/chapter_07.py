"""Chapter 07: a published MobileNet."""

from . import Tried, solution

SOFT = solution("7.4")
FORENSICS = """
from mobilenet_lib.convolution import standard
def convention(kernel, mean, variance, photos):
    best = math.inf, None
    for scale, (a, b) in {"0 to 255": (1, 0), "0 to 1": (1 / 255, 0), "-1 to 1": (2 / 255, -1)}.items():
        for order in ("RGB", "BGR"):
            maps = []
            for photo in photos:
                x = photo * a + b
                x = x[..., ::-1] if order == "BGR" else x
                maps.append(standard(x, kernel, 2).reshape(-1, len(mean)))
            seen = np.concatenate(maps)
            gap = (np.abs(seen.mean(0) - mean) / np.sqrt(variance)).sum() + np.abs(np.log(seen.var(0) / variance)).sum()
            best = min(best, (gap, (scale, order)))
    return best[1]
"""
PRUNE = """
def prune(W1, b1, W2, b2):
    dead = (W1 <= 0).all(axis=0) & (b1 <= 0)
    constant = (W1 == 0).all(axis=0) & (b1 > 0)
    unread = (W2 == 0).all(axis=1)
    b2 = b2 + b1[constant] @ W2[constant]
    keep = ~(dead | constant | unread)
    return W1[:, keep], b1[keep], W2[keep], b2
"""

TRIED = {
    "7.1": Tried(
        right=["127.5", "128", "255 / 2", "np.uint8(127)", "torch.tensor(127.5)"],
        wrong=[
            ("-0.5", "own numbers"),
            ("255", "White arrives"),
            ("0.5", "network's own numbers"),
            ("63.75", "2 long"),
            ("50", "of 255"),
            ("-127.5", "the sign is not"),
            ("200", "Black arrives"),
        ],
    ),
    "7.2": Tried(
        right=[
            'class_map = lambda features, weight: np.einsum("c,cij->ij", weight, features)',
            "class_map = lambda f, w: np.tensordot(w, f, 1).tolist()",
            "class_map = lambda f, w: sum(a * b for a, b in zip(w, f))",
            "class_map = lambda f, w: torch.tensordot(torch.from_numpy(w), torch.from_numpy(f), 1)",
            "class_map = lambda f, w: (w @ f.reshape(len(w), -1)).reshape(f.shape[1:]).astype(np.float32)",
        ],
        wrong=[
            ("class_map = lambda f, w: f.mean(0)", "weights are not used"),
            ("class_map = lambda f, w: f.sum(0)", "weights are not used"),
            ("class_map = lambda f, w: w[:, None, None] * f", "add them up"),
            ("class_map = lambda f, w: np.tensordot(w, f, 1).mean()", "a map keeps them"),
            ("class_map = lambda f, w: np.tensordot(w, f, 1) / len(w)", "are averaged"),
            ("class_map = lambda f, w: np.maximum(np.tensordot(w, f, 1), 0)", "speaks against"),
            ("class_map = lambda f, w: np.tensordot(w, f, 1).T", "exchanged"),
            ("class_map = lambda f, w: w[0] * f[0]", "single channel"),
            (
                "def class_map(f, w):\n    f *= w[:, None, None]\n    return f.sum(0)",
                "work on a copy",
            ),
            ("def class_map(f, w):\n    np.tensordot(w, f, 1)", "end with `return`"),
            (
                "class_map = lambda features, weight: np.einsum('c,cij->ij', weight, features).astype(int)",
                "whole numbers come out",
            ),
            (
                "class_map = lambda features, weight: weight @ features.reshape(len(weight), -1)",
                "their shape is not",
            ),
        ],
    ),
    "7.3": Tried(
        right=[
            "63.8",
            "64",
            "100 * 0.2 * 0.811 / (0.2 * 0.811 + 0.8 * 0.115)",
            "np.float32(63.8)",
            "torch.tensor(63.8)",
        ],
        wrong=[
            ("81.1", "are found"),
            ("25.4", "all pictures that ring"),
            ("87.6", "every second picture"),
            ("6.6", "rare visitor"),
            ("36.2", "share of false"),
            ("18.6", "silent"),
            ("68.5", "are missed"),
            ("0.638", "a share asked for"),
            ("50", "Take 1000"),
        ],
    ),
    "7.4": Tried(
        right=[
            SOFT,
            SOFT.replace("return powers / powers.sum()", "return (powers / powers.sum()).tolist()"),
            "soften = lambda logits, T: torch.softmax(torch.from_numpy(logits) / T, 0)",
            "def soften(x, T):\n    x = x / T\n    return np.exp(x - np.logaddexp.reduce(x))",
            "soften = lambda x, T: [1 / np.exp(np.minimum((x - each) / T, 700)).sum() for each in x]",
        ],
        wrong=[
            (SOFT.replace("(logits - logits.max())", "logits"), "too large for a computer"),
            (SOFT.replace(" / T)", ")"), "not used"),
            (SOFT.replace(" / T)", " * T)"), "makes answers softer"),
            (SOFT.replace(" / powers.sum()", ""), "add up to 1"),
            (
                SOFT.replace("return powers", "return np.log(powers").replace(".sum()", ".sum())"),
                "logarithms",
            ),
            (
                SOFT.replace("powers.sum()", "powers.sum()").replace(
                    "return powers / powers.sum()", "return (powers / powers.sum()).max()"
                ),
                "not only the largest",
            ),
            (
                SOFT.replace("((logits - logits.max()) / T)", "(logits / T - logits.max())"),
                "divide it as well",
            ),
            (
                SOFT.replace("(logits - logits.max())", "(logits.max() - logits)").replace(
                    "logits.max() - logits", "logits.min() - logits"
                ),
                "turned around",
            ),
            (
                SOFT.replace("    powers =", "    logits -= logits.max()\n    powers ="),
                "work on a copy",
            ),
            (SOFT.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "7.5": Tried(
        right=[
            FORENSICS,
            FORENSICS.replace("return best[1]", "return list(best[1])"),
            FORENSICS.replace("return best[1]", "return np.array(best[1])"),
            FORENSICS.replace(
                "np.abs(np.log(seen.var(0) / variance)).sum()",
                "np.abs(np.sqrt(seen.var(0) / variance) - 1).sum()",
            ),
            FORENSICS.replace(
                "(np.abs(seen.mean(0) - mean) / np.sqrt(variance)).sum() + np.abs(np.log(seen.var(0) / variance)).sum()",
                "(((seen.mean(0) - mean) ** 2 + (seen.std(0) - variance**0.5) ** 2) / variance).sum()",
            ),
        ],
        wrong=[
            (
                'def convention(kernel, mean, variance, photos):\n    return "0 to 1", "RGB"',
                "the same of every network",
            ),
            (FORENSICS.replace("x[..., ::-1] if", "x if"), "Exchange red and blue"),
            (FORENSICS.replace('("RGB", "BGR"):', '("RGB",):'), "Exchange red and blue"),
            (FORENSICS.replace("(2 / 255, -1)", "(1 / 255, 0)"), "differ in their means"),
            (
                FORENSICS.replace("min(best", "max(best").replace("math.inf, None", '0, ("", "")'),
                "is it the largest",
            ),
            (FORENSICS.replace("return best[1]", "return best[1][0]"), "an order are asked for"),
            (FORENSICS.replace("return best[1]", "best[1]"), "end with `return`"),
            (
                FORENSICS.replace("(2 / 255, -1)", "(1 / 127.5, -1)").replace(
                    '"-1 to 1"', '"-1..1"'
                ),
                "an order are asked for",
            ),
        ],
    ),
    "7.6": Tried(
        right=[
            PRUNE,
            PRUNE.replace(
                "return W1[:, keep], b1[keep], W2[keep], b2",
                "return [x.tolist() for x in (W1[:, keep], b1[keep], W2[keep], b2)]",
            ),
            PRUNE.replace(
                "return W1[:, keep], b1[keep], W2[keep], b2",
                "return tuple(map(torch.from_numpy, (W1[:, keep], b1[keep], W2[keep], b2)))",
            ),
            PRUNE.replace(
                "return W1[:, keep], b1[keep], W2[keep], b2",
                "return W1[:, keep][:, ::-1], b1[keep][::-1], W2[keep][::-1], b2",
            ),
            """
            def prune(W1, b1, W2, b2):
                alive = np.maximum(W1, 0).sum(axis=0)
                keep = [k for k in range(len(b1)) if W2[k].any() and (alive[k] > 0 or (b1[k] > 0 and W1[:, k].any()))]
                b2 = b2 + sum(max(b1[k], 0) * W2[k] for k in range(len(b1)) if not W1[:, k].any())
                return W1[:, keep], b1[keep], W2[keep], b2
            """,
        ],
        wrong=[
            (PRUNE.replace("W2[keep], b2", "W2, b2"), "all three go"),
            (
                PRUNE.replace("    b2 = b2 + b1[constant] @ W2[constant]\n", ""),
                "what it adds is constant",
            ),
            (
                PRUNE.replace("    b2 = b2 + b1[constant] @ W2[constant]\n", "").replace(
                    "dead | constant", "dead"
                ),
                "b2 can hold it",
            ),
            (PRUNE.replace(" | unread", ""), "does anybody read"),
            (
                PRUNE.replace(
                    "(W1 <= 0).all(axis=0) & (b1 <= 0)", "np.linalg.norm(W1, axis=0) < 0.1"
                ),
                "seldom alive",
            ),
            (
                PRUNE.replace(
                    "(W1 <= 0).all(axis=0) & (b1 <= 0)",
                    "(np.abs(np.random.default_rng(0).standard_normal((50, len(W1)))) @ W1 + b1 <= 0).all(axis=0)",
                ),
                "seldom alive",
            ),
            (PRUNE.replace("dead = (W1 <= 0)", "dead = (W1 < -9)"), "no weight and no bias"),
            (PRUNE.replace("W2[keep], b2\n", "W2[keep]\n"), "Return 4 results"),
            (PRUNE.replace("b2 = b2 +", "b2 +="), "work on a copy"),
            (PRUNE.replace("return", "_ ="), "end with `return`"),
            (PRUNE.replace("(W2 == 0).all(axis=1)", "W2.sum(axis=1) == 0"), "faint"),
            (
                PRUNE.replace(
                    "(W1 <= 0).all(axis=0) & (b1 <= 0)",
                    "(W1 <= 0).all(axis=0) & (W1 < 0).any(axis=0) | (W1 <= 0).all(axis=0) & (b1 <= 0)",
                ),
                "only the signs",
            ),
            (
                PRUNE.replace(
                    "return W1[:, keep], b1[keep], W2[keep], b2",
                    "out = W2.any(axis=0)\n    return W1[:, keep], b1[keep], W2[keep][:, out], b2[out]",
                ),
                "Inputs and outputs stay",
            ),
            (
                PRUNE.replace("(W1 == 0).all(axis=0) & (b1 > 0)", "(W1 == 0).all(axis=0)"),
                "the ReLU acts",
            ),
        ],
    ),
    "7.7": Tried(
        right=[
            "83.2",
            "100 / (1 + math.exp(-1.6))",
            "np.float32(83.2)",
            "100 * torch.tensor([1.2, -0.4]).softmax(0)[0]",
            "[83.2]",
        ],
        wrong=[
            ("16.8", "of nobody"),
            ("75", "Scores are not shares"),
            ("76.85", "second score"),
            ("69", "minus sign"),
            ("0.832", "a share asked for"),
            ("4.95", "the ratio"),
            ("75.2", "not of 2"),
            ("50", "Softmax of two"),
            ("83.3", "near"),
            ("83", "rounded too far"),
        ],
    ),
}
