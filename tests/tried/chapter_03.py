"""Chapter 03: the network."""

from . import Tried, solution

BLOCK = solution("3.2")
MISPRINTS = """
def misprints(rows):
    def fits(rows):
        for kind, s, M, N, D in rows:
            if kind == "dw" and M != N:
                return False
        return all(a[3] == b[2] and -(-a[4] // a[1]) == b[4] for a, b in zip(rows, rows[1:]))

    wrong = []
    for i in range(len(rows)):
        near = rows[max(i - 2, 0) : i + 3]
        if fits(rows[max(i - 1, 0) : i + 2]):
            continue
        at = i - max(i - 2, 0)
        kind, s, M, N, D = rows[i]
        Ms = {M, N} | {r[3] for r in rows[i - 1 : i]}
        Ns = {M, N} | {r[2] for r in rows[i + 1 : i + 2]}
        Ds = {D} | {-(-r[4] // r[1]) for r in rows[i - 1 : i]}
        fixes = [(kind, s, m, N, D) for m in Ms] + [(kind, s, M, n, D) for n in Ns]
        fixes += [(kind, s, M, N, d) for d in Ds] + [(kind, 3 - s, M, N, D)]
        if any(fits([*near[:at], fix, *near[at + 1 :]]) for fix in fixes):
            wrong.append(i)
    return wrong
"""
NAIVE = """
def misprints(rows):
    wrong = set()
    for i, (a, b) in enumerate(zip(rows, rows[1:])):
        if a[3] != b[2] or -(-a[4] // a[1]) != b[4]:
            wrong |= {i, i + 1}
    return sorted(wrong)
"""
COUNT = """
def count(net, x):
    total = 0
    def add(module, given, out):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += module.weight.numel() * out.shape[2] * out.shape[3]
        if isinstance(module, nn.Linear):
            total += module.weight.numel()
    hooks = [m.register_forward_hook(add) for m in net.modules()]
    net(x)
    for hook in hooks:
        hook.remove()
    return total
"""
LIBRARY = "from mobilenet_lib.checks.tasks_03 import misprints\n"

TRIED = {
    "3.1": Tried(
        right=["193", "193.0", "6 * 32 + 1", "np.int64(193)", "torch.tensor(193)"],
        wrong=[
            ("224", "smaller image"),
            ("192", "6 by 6"),
            ("97", "shrinks by 32"),
            ("449", "whatever the table prints"),
            ("194", "Off by one"),
            ("7", "Five layers"),
        ],
    ),
    "3.2": Tried(
        right=[
            BLOCK,
            BLOCK.replace("nn.ReLU()", "nn.ReLU(inplace=True)"),
            BLOCK.replace("(M, N, stride)", "(M, N, stride=1)").replace(
                "padding=1", "padding=(1, 1)"
            ),
            """
            def block(channels, filters, step):
                class Block(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.filter = nn.Conv2d(channels, channels, 3, step, 1, groups=channels, bias=False)
                        self.one, self.two = nn.BatchNorm2d(channels), nn.BatchNorm2d(filters)
                        self.relu = nn.ReLU()
                        self.mix = nn.Conv2d(channels, filters, 1, bias=False)

                    def forward(self, x):
                        return self.relu(self.two(self.mix(self.relu(self.one(self.filter(x))))))

                return Block()
            """,
            BLOCK.replace("nn.Sequential(", "nn.Sequential(nn.Identity(), ").replace(
                "    )\n", "    ).eval()\n"
            ),
            BLOCK.replace("padding=1, ", "").replace(
                "nn.Conv2d(M, M", "nn.ZeroPad2d(1), nn.Conv2d(M, M"
            ),
        ],
        wrong=[
            (BLOCK.replace(", groups=M", ""), "a group for each channel"),
            (BLOCK.replace(", bias=False", ""), "one of its own"),
            (
                BLOCK.replace("3, stride, ", "3, ").replace("N, 1, ", "N, 1, stride, "),
                "belongs in the depthwise",
            ),
            (BLOCK.replace("3, stride, ", "3, "), "Hand on the stride"),
            (
                """
                def block(M, N, stride):
                    return nn.Sequential(
                        nn.Conv2d(M, M, 3, stride, padding=1, groups=M, bias=False), nn.ReLU(), nn.BatchNorm2d(M),
                        nn.Conv2d(M, N, 1, bias=False), nn.ReLU(), nn.BatchNorm2d(N),
                    )
                """,
                "after batch normalization",
            ),
            (BLOCK.replace("nn.BatchNorm2d(M),", ""), "after each of the two convolutions"),
            (BLOCK.replace("        nn.ReLU(),\n    )", "    )"), "after each of the two batch"),
            (BLOCK.replace("nn.ReLU()", "nn.ReLU6()"), "stops at 6"),
            (BLOCK.replace("padding=1, ", ""), "keeps the border"),
            (
                """
                def block(M, N, stride):
                    return nn.Sequential(
                        nn.Conv2d(M, N, 1, bias=False), nn.BatchNorm2d(N), nn.ReLU(),
                        nn.Conv2d(N, N, 3, stride, padding=1, groups=N, bias=False), nn.BatchNorm2d(N), nn.ReLU(),
                    )
                """,
                "First filter",
            ),
            (
                "def block(M, N, stride):\n    return nn.Sequential(nn.Conv2d(M, N, 3, stride, padding=1, bias=False), nn.BatchNorm2d(N), nn.ReLU())",
                "and then a 1x1",
            ),
            (BLOCK.replace("return nn", "nn"), "end with `return`"),
            (BLOCK.replace("nn.BatchNorm2d(M)", "nn.BatchNorm2d(N)"), "as many channels"),
            (BLOCK.replace("(M, N, stride)", "(M, N)").replace("stride, ", ""), "It is called as"),
            (BLOCK.replace("M, N, 1", "M, N, 1, padding=1"), "1 by 1 needs no zeros"),
            (BLOCK.replace("groups=M,", "groups=M, padding_mode='reflect',"), "nothing else"),
            (
                BLOCK.replace("return nn.Sequential(", "return nn.ModuleList([").replace(
                    "    )\n", "    ])\n"
                ),
                "one module of several",
            ),
        ],
    ),
    "3.3": Tried(
        right=[
            "0.4",
            "2 / 5",
            "np.float64(0.4)",
            "torch.tensor(0.4, dtype=torch.float64)",
            "[0.4]",
            "np.float32(0.4)",
        ],
        wrong=[
            ("0.45", "more than a million"),
            ("0.5", "more than a million"),
            ("0.35", "A wider one"),
            ("0.25", "A wider one"),
            ("0.49", "not all of them"),
            ("40", "a percentage"),
            ("1.0", "Try"),
        ],
    ),
    "3.4": Tried(
        right=[
            '"dw_8"',
            '" dw_8 "',
            'np.array("dw_8")',
            "np.str_('dw_8')",
            '"DW_8"',
            "from mobilenet_lib import mobilenet_v1\nmobilenet_v1().layers[15]",
        ],
        wrong=[
            ('"dw_7"', "go further"),
            ('"pw_7"', "One more"),
            ('"pw_8"', "no more than the layer"),
            ('"dw_9"', "Go back"),
            ('"conv_0"', "go further"),
            ('"fc"', "whole map"),
        ],
    ),
    "3.5": Tried(
        right=[
            MISPRINTS,
            MISPRINTS.replace("return wrong", "return np.array(wrong, int)"),
            MISPRINTS.replace("return wrong", "return set(wrong)"),
            MISPRINTS.replace("return wrong", "return (i for i in wrong)"),
            LIBRARY + "def mine(rows):\n    return [float(i) for i in misprints(rows)]",
        ],
        wrong=[
            (NAIVE, "on both of its sides"),
            (
                NAIVE.replace("-(-a[4] // a[1])", "a[4] // a[1]").replace(
                    "return", "return [] if len(wrong) > 3 else"
                ),
                "on both of its sides",
            ),
            ("def misprints(rows):\n    return []", "can each be wrong"),
            ("def misprints(rows):\n    return [len(rows) - 2]", "This table is in order"),
            (
                LIBRARY + "def mine(rows):\n    return [i + 1 for i in misprints(rows)]",
                "one too far",
            ),
            (LIBRARY + "def mine(rows):\n    return misprints(rows)[:1]", "Some are found"),
            (
                LIBRARY + "def mine(rows):\n    rows.sort()\n    return misprints(rows)",
                "work on a copy",
            ),
            (LIBRARY + "def mine(rows):\n    print(misprints(rows))", "end with `return`"),
            ("def misprints(rows):\n    return len(rows)", "a list of row numbers"),
            (
                MISPRINTS.replace("for i in range(len(rows))", "for i in range(len(rows) - 1)"),
                "which rule holds",
            ),
        ],
    ),
    "3.6": Tried(
        right=[
            COUNT,
            COUNT.replace("return total", "return float(total)"),
            COUNT.replace("return total", "return np.int64(total)"),
            COUNT.replace("return total", "return torch.tensor(total)"),
            COUNT.replace(
                "module.weight.numel() * out.shape[2] * out.shape[3]",
                "math.prod(module.kernel_size) * module.in_channels // module.groups * out[0].numel()",
            ),
        ],
        wrong=[
            (
                COUNT.replace(
                    "module.weight.numel() * out.shape[2] * out.shape[3]",
                    "math.prod(module.kernel_size) * module.in_channels * out[0].numel()",
                ),
                "A group meets only",
            ),
            (
                COUNT.replace(
                    "out.shape[2] * out.shape[3]", "given[0].shape[2] * given[0].shape[3]"
                ),
                "not of the input",
            ),
            (COUNT.replace("* out.shape[2] * out.shape[3]", ""), "used at every place"),
            (COUNT.replace("return total", "return total * len(x)"), "one image is asked"),
            (COUNT.replace("return total", "return 2 * total"), "not two"),
            (COUNT.replace("nn.Linear", "nn.Bilinear"), "are left out"),
            (COUNT.replace("        hook.remove()", "        pass"), "call its `remove`"),
            (COUNT.replace("    return total", ""), "end with `return`"),
            (
                COUNT.replace("numel() * out", "numel() * out.shape[2] * out")
                .replace("out.shape[2] * out.shape[2]", "out.shape[2]")
                .replace(
                    "* out.shape[3]",
                    "* out.shape[3] + (0 if module.bias is None else module.bias.numel() * out[0, 0].numel())",
                )
                .replace(
                    "total += module.weight.numel()\n",
                    "total += module.weight.numel() + module.bias.numel()\n",
                ),
                "without a multiplication",
            ),
            (
                COUNT.replace(
                    "    net(x)\n",
                    "    net(x)\n    for p in net.parameters():\n        p.data.fill_(1)\n",
                ),
                "work on a copy",
            ),
            (COUNT.replace("    net(x)\n", "    net(x.zero_())\n"), "work on a copy"),
            (COUNT.replace("net.modules()", "net.children()"), "`net.modules()`"),
            (COUNT.replace("out.shape[2] * out.shape[3]", "out.shape[2] ** 2"), "Maps need not"),
        ],
    ),
    "3.7": Tried(
        right=["10_944", "10944.0", "np.int32(10944)", "torch.tensor(10944)", "(10944,)"],
        wrong=[
            ("11_944", "has its bias already"),
            ("27", "not for each layer"),
            ("21_888", "as BN has"),
            ("10_912", "first convolution counts"),
            ("5_984", "are convolutions as well"),
            ("9_923", "input channels"),
            ("5", "one number for each channel"),
        ],
    ),
}
