"""Chapter 01: standard convolution."""

from . import Tried, solution

SAME = """
def repaired(F, K, stride):
    size = K.shape[0]
    sides = [-(-n // stride) for n in F.shape[:2]]
    zeros = [max((s - 1) * stride + size - n, 0) for s, n in zip(sides, F.shape)]
    F = np.pad(F, [*((z // 2, z - z // 2) for z in zeros), (0, 0)])
    G = np.zeros((*sides, K.shape[3]))
    for k in range(sides[0]):
        for l in range(sides[1]):
            window = F[k * stride : k * stride + size, l * stride : l * stride + size]
            for n in range(K.shape[3]):
                G[k, l, n] = (window * K[..., n]).sum()
    return G
"""
BROKEN = """
def repaired(F, K, stride):
    size = K.shape[0]
    F = np.pad(F, [(size // 2, size // 2), (size // 2, size // 2), (0, 0)])
    rows, columns = (F.shape[0] - size + 1) // stride, (F.shape[1] - size + 1) // stride
    G = np.zeros((rows, columns, K.shape[3]))
    for k, l in np.ndindex(rows, columns):
        window = F[k * stride : k * stride + size, l * stride : l * stride + size]
        G[k, l] = np.einsum("ijm,ijmn->n", window, K)
    return G
"""
RECOVERED = solution("1.6")

TRIED = {
    "1.1": Tried(
        right=[
            "(38, 36)",
            "[38.0, 36.0]",
            "np.array([38, 36])",
            "torch.tensor([38, 36])",
            "iter((38, 36))",
        ],
        wrong=[
            ("(37, 36)", "rounds up"),
            ("(36, 38)", "in the other order"),
            ("(36, 36)", "only the stride"),
            ("(75, 71)", "every second place is skipped"),
            ("(38, 35)", "fence posts"),
            ("(38, 38)", "VALID loses pixels"),
            ("(1, 2)", "round up"),
        ],
    ),
    "1.2": Tried(
        right=[
            "231_211_008",
            "3 * 3 * 64 * 128 * 56 * 56",
            "231211008.0",
            "np.int64(231211008)",
            "torch.tensor(231211008)",
        ],
        wrong=[
            ("9 * 64 * 128 * 56", "every row and every column"),
            ("3 * 64 * 128 * 56**2", "3 by 3 weights"),
            ("9 * 128 * 56**2", "M is missing"),
            ("9 * 64 * 56**2", "there are N of them"),
            ("9 * 64 * 128", "used at every place"),
            ("2 * 9 * 64 * 128 * 56**2", "is one, not two"),
            ("9 * 64 * 128 * 54**2", "SAME leaves its size"),
            ("231_211_007", "Off by one"),
            ("5", "Which letter"),
        ],
    ),
    "1.3": Tried(
        right=[
            "[[0, 0, 0], [1, 0, 0], [0, 0, 0]]",
            "((0, 0, 0), (1.0, 0, 0), (0, 0, 0))",
            "np.eye(9)[3].reshape(3, 3)",
            "torch.eye(9)[3].reshape(3, 3)",
            "[np.zeros(3), iter([1, 0, 0]), torch.zeros(3)]",
        ],
        wrong=[
            ("[[0, 0, 0], [0, 0, 1], [0, 0, 0]]", "value of the pixel on the right"),
            ("[[0, 0, 0], [0, 1, 0], [0, 0, 0]]", "takes each pixel itself"),
            ("[[0, 1, 0], [0, 0, 0], [0, 0, 0]]", "Rows come first"),
            ("[[1, 0, 0], [0, 0, 0], [0, 0, 0]]", "middle row"),
            ("[[0, 0, 0], [2, 0, 0], [0, 0, 0]]", "leaves a value as it is"),
            ("np.eye(3)", "only one weight"),
            ("[[0, 0, 0], [1, 1, 0], [0, 0, 0]]", "only one weight"),
            ("np.zeros((3, 3))", "Moving right means"),
        ],
    ),
    "1.4": Tried(
        right=[
            "(12544, 27)",
            "[112 * 112, 3 * 3 * 3]",
            "np.array([12544, 27])",
            "(12544.0, np.int32(27))",
            "torch.tensor([[12544, 27]])",
        ],
        wrong=[
            ("(12544, 9)", "3 channels"),
            ("(50176, 27)", "Stride 2 skips"),
            ("(25088, 27)", "every second column as well"),
            ("(112, 27)", "112 of them in each"),
            ("(12544, 32)", "no filters yet"),
            ("(27, 12544)", "in the other order"),
            ("(12321, 27)", "nothing is lost"),
        ],
    ),
    "1.5": Tried(
        right=[
            SAME,
            "from mobilenet_lib.convolution import standard\nrepaired = lambda F, K, stride: standard(F, K, stride, 'same')",
            SAME.replace("return G", "return G.tolist()"),
            SAME.replace("return G", "return torch.from_numpy(G).float()"),
            SAME.replace(
                "def repaired(F, K, stride):",
                "def repaired(photo, weights, stride=1):\n    F, K = photo, weights",
            ),
        ],
        wrong=[
            (BROKEN, "SAME rounds up"),
            (
                SAME.replace("(z // 2, z - z // 2)", "(z - z // 2, z // 2)"),
                "goes after, not before",
            ),
            (SAME.replace("-(-n // stride)", "n // stride"), "ceil"),
            (BROKEN.replace("+ 1) // stride", "+ stride) // stride"), "windows start elsewhere"),
            (
                BROKEN.replace(
                    "(size // 2, size // 2), (size // 2, size // 2), (0, 0)",
                    "(0, 0), (0, 0), (0, 0)",
                ).replace("+ 1) // stride", "+ stride) // stride"),
                "VALID",
            ),
            (SAME.replace("K[..., n]", "K[::-1, ::-1, :, n]"), "flipped"),
            (
                SAME.replace("window *", "window[..., :1] *").replace(
                    "K[..., n]", "K[:, :, :1, n]"
                ),
                "goes over m as well",
            ),
            (SAME.replace("    return G", ""), "end with `return`"),
            (SAME.replace("    G = np", "    K *= 1.0001\n    G = np"), "work on a copy"),
            (SAME.replace("for n in F.shape[:2]", "for n in (F.shape[0], F.shape[0])"), "square"),
            (SAME.replace("(F, K, stride)", "(F, K)"), "It is called as"),
            (SAME.replace("return G", "return G / 9"), "0.1111 times"),
            (
                "def repaired(F, K, stride):\n    return torch.nn.functional.conv2d(F, K, stride=stride)",
                "tensors",
            ),
            (
                SAME.replace("max((s - 1) * stride + size - n, 0)", "(s - 1) * stride + size - n"),
                "no zeros are needed",
            ),
            (SAME.replace("(z // 2, z - z // 2)", "(0, z)"), "the other half after"),
            (
                SAME.replace(
                    "F[k * stride : k * stride + size, l * stride : l * stride + size]",
                    "F[k : k + size, l : l + size]",
                ),
                "side by side",
            ),
            (
                SAME.replace(
                    "np.zeros((*sides, K.shape[3]))", "np.zeros((*sides, K.shape[3]), dtype=int)"
                ),
                "whole numbers come out",
            ),
            (SAME.replace("return G", "return np.maximum(G, 0)"), "has become 0"),
            (SAME.replace("return G", "return G.transpose(2, 0, 1)"), "axes in another order"),
            (SAME.replace("return G", "return G + 0.5"), "off by the same"),
        ],
    ),
    "1.6": Tried(
        right=[
            RECOVERED,
            """
            def recover(layer, M):
                rng = np.random.default_rng(1)
                F = rng.random((12, 12, M))
                G = layer(F)[1:-1, 1:-1]
                rows = [[*F[k : k + 3, l : l + 3].ravel(), 1] for k in range(10) for l in range(10)]
                found = np.linalg.lstsq(np.array(rows), G.reshape(100, -1), rcond=None)[0]
                return found[:-1].reshape(3, 3, M, -1), found[-1]
            """,
            RECOVERED.replace("return kernel, bias", "return [kernel.tolist(), bias.tolist()]"),
            RECOVERED.replace(
                "return kernel, bias", "return torch.tensor(kernel), torch.tensor(bias)"
            ),
            RECOVERED.replace(
                "layer(np.zeros((5, 5, M)))[2, 2]", "layer(np.zeros((1, 1, M)))[0, 0]"
            ),
        ],
        wrong=[
            (RECOVERED.replace("[3:0:-1, 3:0:-1]", "[1:4, 1:4]"), "half a turn"),
            (RECOVERED.replace("- bias", ""), "take it away first"),
            (RECOVERED.replace("return kernel, bias", "return kernel"), "Return 2 results"),
            (
                RECOVERED.replace("return kernel, bias", "return kernel, 0 * bias"),
                "nothing but zeros",
            ),
            (RECOVERED.replace("F[2, 2, m] = 1", "F[2, 2, 0] = 1"), "each one in turn"),
            (
                RECOVERED.replace(
                    "return kernel, bias", "return kernel.transpose(0, 1, 3, 2), bias"
                ),
                "input channels before",
            ),
            (
                RECOVERED.replace(
                    "return kernel, bias", "return kernel.transpose(1, 0, 2, 3), bias"
                ),
                "exchanged",
            ),
            (RECOVERED.replace("return kernel, bias", "pass"), "end with `return`"),
            (RECOVERED.replace("(layer, M)", "(layer)").replace("M)", "2)"), "It is called as"),
            (RECOVERED.replace("return kernel", "return kernel.round(2)"), "rounded"),
            (RECOVERED.replace("= 1\n", "= 2\n"), "look for that factor"),
        ],
    ),
}
