"""Chapter 05: training."""

from . import Tried, solution

STEP = solution("5.2")
SMOOTH = solution("5.4")
FIND = """
def find(step):
    one, zero = np.ones(1), np.zeros(1)
    w, v = step(one, zero, one, 0.5, 0, 0)
    if w[0] > 1:
        return "uphill"
    if w[0] == 1:
        return "old velocity"
    if w[0] == 0.75:
        return "squared rate"
    if step(zero, one, zero, 0.5, 0.5, 0)[1][0] == 0:
        return "forgets"
    if step(one, zero, zero, 0.5, 0, 0.5)[1][0] == 0:
        return "no decay"
    return "right"
"""
RESUME = """
import copy
def save(loop):
    return copy.deepcopy([loop.weight, loop.velocity, loop.step, loop.rng.bit_generator.state])
def restore(loop, saved):
    loop.weight, loop.velocity, loop.step, loop.rng.bit_generator.state = copy.deepcopy(saved)
    return loop
(save, restore)
"""

TRIED = {
    "5.1": Tried(
        right=["2.303", "math.log(10)", "-np.log(0.1)", "torch.tensor(10.0).log()", "[2.3]"],
        wrong=[
            ("1.0", "base of 10"),
            ("3.32", "base of 2"),
            ("0.1", "minus its logarithm"),
            ("0.9", "share of wrong"),
            ("-2.303", "is minus the logarithm"),
            ("0", "for certain"),
            ("7", "Each class gets"),
        ],
    ),
    "5.2": Tried(
        right=[
            STEP,
            STEP.replace(
                "return weight - rate * velocity, velocity",
                "return [weight - rate * velocity, velocity.tolist()]",
            ),
            STEP.replace(
                "    velocity =",
                "    weight, velocity, gradient = map(torch.from_numpy, (weight, velocity, gradient))\n    velocity =",
            ),
            STEP.replace(
                "return weight - rate * velocity, velocity",
                "return np.stack([weight - rate * velocity, velocity]).astype(np.float32)",
            )
            .replace("np.stack([weight", "list([weight")
            .replace("]).astype(np.float32)", "])"),
            STEP.replace(
                "    velocity =",
                "    velocity = velocity.copy()\n    velocity *= 1\n    velocity =",
            ),
            STEP.replace(
                "weight - rate * velocity, velocity",
                "np.stack([weight - rate * velocity, velocity])",
            ),
        ],
        wrong=[
            (STEP.replace(" + decay * weight", ""), "decay is missing"),
            (
                STEP.replace("    velocity =", "    new =").replace(
                    "velocity, velocity", "velocity, new"
                ),
                "the new one",
            ),
            (STEP.replace("weight - rate", "weight + rate"), "Uphill"),
            (
                STEP.replace(
                    "+ gradient + decay * weight", "+ rate * (gradient + decay * weight)"
                ).replace("rate * velocity,", "velocity,"),
                "holds the rate",
            ),
            (
                STEP.replace(
                    "+ gradient + decay * weight", "+ (1 - momentum) * (gradient + decay * weight)"
                ),
                "damped",
            ),
            (STEP.replace("momentum * velocity + ", ""), "is lost"),
            (STEP.replace("momentum * velocity", "velocity"), "kept whole"),
            (
                STEP.replace(" + decay * weight", "").replace(
                    "rate * velocity,", "rate * (velocity + decay * weight),"
                ),
                "beside the step",
            ),
            (STEP.replace("+ decay", "- decay"), "sign of the decay"),
            (
                STEP.replace(
                    "weight - rate * velocity, velocity", "velocity, weight - rate * velocity"
                ),
                "in the other order",
            ),
            (
                STEP.replace(
                    "return weight - rate * velocity, velocity", "return weight - rate * velocity"
                ),
                "Return 2 results",
            ),
            (
                STEP.replace(
                    "    velocity = momentum * velocity +",
                    "    velocity *= momentum\n    velocity +=",
                ),
                "work on a copy",
            ),
            (STEP.replace("return", "_ ="), "end with `return`"),
            (
                "def momentum_step(weight, velocity, gradient, rate, momentum, decay):\n    new = momentum * velocity + gradient + decay * weight\n    return weight - rate * new, velocity",
                "old velocity is returned",
            ),
            (
                STEP.replace(
                    "rate * velocity", "rate * (gradient + decay * weight + momentum * velocity)"
                ),
                "Nesterov",
            ),
            (STEP.replace("decay * weight", "decay"), "grows with the weight"),
            (STEP.replace("rate * velocity", "rate**2 * velocity"), "applied twice"),
        ],
    ),
    "5.3": Tried(
        right=[
            "459",
            "459.0",
            "math.ceil(math.log(0.01) / math.log(0.99))",
            "np.int16(459)",
            "torch.tensor([459])",
        ],
        wrong=[
            ("100", "not of what was there at first"),
            ("458", "less is asked"),
            ("69", "half is left"),
            ("230", "one tenth"),
            ("688", "a thousandth"),
            ("460", "Off by one"),
            ("2", "roles exchanged"),
            ("5", "Each batch leaves"),
        ],
    ),
    "5.4": Tried(
        right=[
            SMOOTH,
            SMOOTH.replace("return target", "return target.tolist()"),
            "smooth = lambda label, classes, share: (1 - share) * np.eye(classes)[label] + share / classes",
            "smooth = lambda label, classes, share: torch.full((classes,), share / classes).scatter_add(0, torch.tensor([label]), torch.tensor([1 - share]))",
            "smooth = lambda label, classes, share: (share / classes + (1 - share) * (i == label) for i in range(classes))",
        ],
        wrong=[
            (
                SMOOTH.replace("share / classes", "share / (classes - 1)").replace(
                    "+= 1 - share", "= 1 - share"
                ),
                "the right one included",
            ),
            (SMOOTH.replace("+= 1", "= 1"), "so the sum is 1"),
            (
                "smooth = lambda label, classes, share: np.eye(classes)[label]",
                "Nothing is smoothed",
            ),
            (
                "smooth = lambda label, classes, share: np.full(classes, 1 / classes)",
                "spreads everything",
            ),
            (
                SMOOTH.replace("share / classes", "(1 - share) / classes").replace(
                    "1 - share\n", "share\n"
                ),
                "what the label keeps",
            ),
            (SMOOTH.replace("share / classes", "share"), "divided among"),
            (SMOOTH.replace("[label]", "[label - 1]"), "from 0"),
            (SMOOTH.replace("return target", "return target[1:]"), "how many are there"),
            (SMOOTH.replace("return", "_ ="), "end with `return`"),
            (SMOOTH.replace("+= 1 - share", "= 1"), "more than 1"),
            (SMOOTH.replace("    target[label] += 1 - share\n", ""), "is not raised"),
        ],
    ),
    "5.5": Tried(
        right=[
            FIND,
            FIND.replace('"right"', '"Right "'),
            FIND.replace("np.ones(1), np.zeros(1)", "[1.0], [0.0]"),
            FIND.replace('return "right"', 'return np.str_("right")'),
            """
            def find(step):
                w, v, g = np.array([2.0]), np.array([3.0]), np.array([5.0])
                moved, new = step(w, v, g, 0.5, 0.25, 0.125)
                told = {(0.0 + 2 - 0.5 * 6.0, 6.0): "right", (2 + 3.0, 6.0): "uphill", (2 - 0.25 * 6, 6.0): "squared rate"}
                told |= {(2 - 1.5, 6.0): "old velocity", (2 - 0.5 * 5.25, 5.25): "forgets", (2 - 0.5 * 5.75, 5.75): "no decay"}
                if (moved[0], new[0]) == (0.5, 6.0):
                    return "squared rate" if step(w, v, g, 0.25, 0.25, 0.125)[0][0] == 2 - 6 / 16 else "old velocity"
                return told[(moved[0], new[0])]
            """,
        ],
        wrong=[
            ('def find(step):\n    return "right"', "the same of every step"),
            (FIND.replace('return "right"', 'return "uphill"'), "may also be right"),
            (
                FIND.replace("one, 0.5, 0, 0)", "one, 1, 0, 0)").replace("== 0.75", "== -9"),
                "its own square",
            ),
            (
                FIND.replace(
                    "zero, one, zero, 0.5, 0.5, 0", "one, zero, zero, 0.5, 0.5, 0"
                ).replace(
                    '[0] == 0:\n        return "forgets"', '[0] == 9:\n        return "forgets"'
                ),
                "if the old one is not 0",
            ),
            (
                FIND.replace("0.5, 0, 0.5)", "0.5, 0, 0)").replace(
                    '[0] == 0:\n        return "no decay"', '[0] == 9:\n        return "no decay"'
                ),
                "weight and decay are not 0",
            ),
            (FIND.replace('"old velocity"', '"uphill"'), "stands still"),
            (FIND.replace('"uphill"', '"up"'), "The words are"),
            (FIND.replace('return "right"', "pass"), "end with `return`"),
        ],
    ),
    "5.6": Tried(
        right=[
            RESUME,
            RESUME.replace("(save, restore)", "[save, restore]"),
            "import pickle\n(lambda loop: pickle.dumps(vars(loop)), lambda loop, saved: vars(loop).update(pickle.loads(saved)))",
            RESUME.replace("    return loop\n", ""),
            """
            import json
            def save(loop):
                state = {"w": loop.weight.tolist(), "v": loop.velocity.tolist(), "n": loop.step}
                return json.dumps(state | {"rng": loop.rng.bit_generator.state})
            def restore(loop, saved):
                state = json.loads(saved)
                loop.weight, loop.velocity = np.array(state["w"]), np.array(state["v"])
                loop.step, loop.rng.bit_generator.state = state["n"], state["rng"]
            (save, restore)
            """,
        ],
        wrong=[
            (
                RESUME.replace(
                    "loop.velocity, loop.step, loop.rng.bit_generator.state]",
                    "loop.weight, loop.step, loop.rng.bit_generator.state]",
                ),
                "memory of all gradients",
            ),
            (
                RESUME.replace(
                    "loop.step, loop.rng.bit_generator.state]", "0, loop.rng.bit_generator.state]"
                ),
                "which one is it",
            ),
            (
                RESUME.replace(
                    ", loop.rng.bit_generator.state]",
                    ", np.random.default_rng(0).bit_generator.state]",
                ),
                "generator's state",
            ),
            (RESUME.replace("copy.deepcopy([loop", "list([loop"), "save copies"),
            (RESUME.replace("copy.deepcopy(saved)", "saved"), "give it copies"),
            (RESUME.replace("[loop.weight,", "[loop.weight.round(3),"), "rounded"),
            (
                RESUME.replace("    return copy", "    loop.rng.random()\n    return copy"),
                "Only look at it",
            ),
            (RESUME.replace("    return copy", "    copy"), "end with `return`"),
            (RESUME.replace("def restore(loop, saved)", "def restore(saved)"), "It is called as"),
            (
                "import copy\n(copy.deepcopy, lambda loop, saved: copy.deepcopy(saved))",
                "Set what is inside",
            ),
        ],
    ),
    "5.7": Tried(
        right=[
            "11.7",
            "100 * 568740352 / 4866427904",
            "np.float32(11.69)",
            "torch.tensor(11.7)",
            "(11.65,)",
        ],
        wrong=[
            ("8.56", "how many does the budget pay"),
            ("856", "fewer epochs"),
            ("11.11", "never taken apart"),
            ("14.4", "compares parameters"),
            ("100", "cost did not matter"),
            ("54", "shallow"),
            ("3", "What costs one epoch"),
            ("0.117", "a share asked for"),
        ],
    ),
    "5.8": Tried(
        right=[
            "together = lambda gradients, counts: np.average(gradients, axis=0, weights=counts)",
            "together = lambda gradients, counts: counts @ gradients / counts.sum()",
            "def together(gradients, counts):\n    return [sum(n * g for n, g in zip(counts, column)) / sum(counts) for column in gradients.T]",
            "together = lambda gradients, counts: torch.from_numpy(counts / counts.sum()) @ torch.from_numpy(gradients)",
            "together = lambda gradients, counts: (gradients * (counts / counts.sum())[:, None]).sum(0).astype(np.float32)",
        ],
        wrong=[
            ("together = lambda g, c: g.mean(axis=0)", "counts as much"),
            ("together = lambda g, c: g.sum(axis=0)", "not a sum"),
            ("together = lambda g, c: c @ g", "all pictures"),
            ("together = lambda g, c: c @ g / len(c)", "not of processes"),
            ("together = lambda g, c: (1 / c) @ g / (1 / c).sum()", "not less"),
            ("together = lambda g, c: g[0]", "first process"),
            ("together = lambda g, c: np.average(g)", "A number comes out"),
            (
                "def together(g, c):\n    g *= c[:, None]\n    return g.sum(0) / c.sum()",
                "work on a copy",
            ),
            ("def together(g, c):\n    c @ g / c.sum()", "end with `return`"),
            ("together = lambda g, c: (g * c[:, None]).sum(axis=1) / c.sum()", "sum over the rows"),
            ("together = lambda g, c: g.sum(axis=0) / c.sum()", "no part in the sum"),
        ],
    ),
}
