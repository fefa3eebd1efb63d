"""Chapter 02: depthwise separable convolution."""

from . import Tried

SHIFTED = """
def my_depthwise(F, K):
    rows, columns = F.shape[0] - 2, F.shape[1] - 2
    G = np.zeros((rows, columns, F.shape[2]))
    for i in range(3):
        for j in range(3):
            G += K[i, j] * F[i : i + rows, j : j + columns]
    return G
"""
LOOPED = """
def my_depthwise(F, K):
    G = np.zeros((F.shape[0] - 2, F.shape[1] - 2, F.shape[2]))
    for k in range(G.shape[0]):
        for l in range(G.shape[1]):
            G[k, l] = (F[k : k + 3, l : l + 3] * K).sum(axis=(0, 1))
    return G
"""
SPLIT = """
def split(K):
    rows, columns, M, N = K.shape
    K_dw, P = np.zeros((rows, columns, M)), np.zeros((M, N))
    for m in range(M):
        table = K[:, :, m].reshape(-1, N)
        if np.linalg.matrix_rank(table) > 1:
            return "no"
        u, s, v = np.linalg.svd(table)
        K_dw[:, :, m] = (u[:, 0] * s[0]).reshape(rows, columns)
        P[m] = v[0]
    return K_dw, P
"""
NEAREST = SPLIT.replace(
    """        if np.linalg.matrix_rank(table) > 1:
            return "no"
""",
    "",
)
BY_COLUMN = """
def split(K):
    K_dw = np.zeros(K.shape[:3])
    P = np.zeros(K.shape[2:])
    for m in range(K.shape[2]):
        n = np.abs(K[:, :, m]).sum(axis=(0, 1)).argmax()
        K_dw[:, :, m] = K[:, :, m, n]
        if K_dw[:, :, m].any():
            P[m] = np.tensordot(K_dw[:, :, m], K[:, :, m], 2) / (K_dw[:, :, m] ** 2).sum()
    if not np.allclose(K_dw[..., None] * P, K):
        return "no"
    return K_dw, P
"""
MEAN = """
def split(K):
    K_dw = K.mean(axis=3)
    P = np.einsum("ijm,ijmn->mn", K_dw, K) / (K_dw**2).sum(axis=(0, 1))[:, None]
    return K_dw, P
"""

TRIED = {
    "2.1": Tried(
        right=[
            SHIFTED,
            "my_depthwise = lambda F, K: sum(K[i, j] * F[i : len(F) - 2 + i, j : F.shape[1] - 2 + j] for i in range(3) for j in range(3))",
            """
            def my_depthwise(feature_map, kernel):
                views = np.lib.stride_tricks.sliding_window_view(feature_map, (3, 3), axis=(0, 1))
                return np.einsum("klmij,ijm->klm", views, kernel)
            """,
            """
            def my_depthwise(F, K):
                x = torch.from_numpy(F).permute(2, 0, 1)[None]
                w = torch.from_numpy(K).permute(2, 0, 1)[:, None]
                return nn.functional.conv2d(x, w, groups=F.shape[2])[0].permute(1, 2, 0)
            """,
            SHIFTED.replace("return G", "return G.astype(np.float32).tolist()"),
        ],
        wrong=[
            (LOOPED, "Nine steps are enough"),
            (
                LOOPED.replace(
                    "for k in range(G.shape[0]):\n        for l in range(G.shape[1]):\n            G[k, l]",
                    "for m in range(F.shape[2]):\n        for l in [0]:\n            G[:, :, m]",
                ).replace(
                    "(F[k : k + 3, l : l + 3] * K).sum(axis=(0, 1))",
                    "sum(K[i, j, m] * F[i : i + len(G), j : j + G.shape[1], m] for i in range(3) for j in range(3))",
                ),
                "Nine steps are enough",
            ),
            (
                """
                def my_depthwise(F, K):
                    rows, columns = F.shape[0] - 2, F.shape[1] - 2
                    at = lambda k, l, m: (F[int(k) : int(k) + 3, int(l) : int(l) + 3, int(m)] * K[:, :, int(m)]).sum()
                    return np.vectorize(at)(*np.indices((rows, columns, F.shape[2])))
                """,
                "Nine steps are enough",
            ),
            (SHIFTED.replace("K[i, j]", "K[2 - i, 2 - j]"), "flipped"),
            (SHIFTED.replace("K[i, j]", "K[j, i]"), "exchanged"),
            (SHIFTED.replace("return G", "return G.sum(axis=2)"), "each one stays alone"),
            (SHIFTED.replace("K[i, j]", "K[i, j, 0]"), "one for each"),
            (SHIFTED.replace("range(3)", "range(2)"), "from 0 to 2"),
            (SHIFTED.replace("    return G", ""), "end with `return`"),
            (SHIFTED.replace("    return G", "    print(G)"), "end with `return`"),
            (SHIFTED.replace("    G =", "    F *= 2\n    G ="), "work on a copy"),
            (SHIFTED.replace("return G", "return G / 9"), "added up"),
            (SHIFTED.replace("F.shape[1] - 2", "F.shape[0] - 2"), "square"),
            (
                "from mobilenet_lib.convolution import depthwise\nmy_depthwise = lambda F, K: depthwise(F, K)",
                "no padding is asked for",
            ),
            ("my_depthwise = lambda F, K: F.permute(2, 0, 1) * K", "tensors"),
            (
                "def my_depthwise(F, K):\n    rows, columns = F.shape[0] - 2, F.shape[1] - 2\n    for i in range(3):\n        for j in range(3):\n            G = F[i : i + rows, j : j + columns] * K[i, j]\n    return G",
                "adds to what is there",
            ),
        ],
    ),
    "2.2": Tried(
        right=["1", "1.0", "np.int8(1)", "torch.tensor([1])", "int(9 / 8)"],
        wrong=[
            ("2", "already below 1"),
            ("9", "already below 1"),
            ("8", "already below 1"),
            ("0", "at least one filter"),
            ("512", "already below 1"),
            ("-1", "the sign is not"),
            ("math.inf", "become infinite"),
        ],
    ),
    "2.3": Tried(
        right=["1.7", "100 * 9 / 521", "np.float32(1.727)", "[1.73]", "torch.tensor(1.7274)"],
        wrong=[
            ("0.017", "a share asked for"),
            ("11.3", "Eq. 5 by Eq. 2"),
            ("1.8", "both together"),
            ("98.3", "pointwise share"),
            ("0.58", "nine weights"),
            ("11.1", "very many filters"),
            ("17", "Divide the first term"),
            ("-1.727", "the sign is not"),
            ("900 / 512", "both together"),
            ("2", "rounded too far"),
        ],
    ),
    "2.4": Tried(
        right=["1.03", "537 / 521", "np.float16(1.03)", "(1.0307,)", "torch.tensor(1.031)"],
        wrong=[
            ("2.78", "stays"),
            ("25 / 9", "stays"),
            ("5 / 3", "the one of the area"),
            ("0.97", "above 1"),
            ("0.03", "the old cost"),
            ("103", "as a factor"),
            ("1.5", "Only the depthwise"),
        ],
    ),
    "2.5": Tried(
        right=[
            SPLIT,
            BY_COLUMN,
            SPLIT.replace("return K_dw, P", "return [K_dw.tolist(), P.tolist()]"),
            SPLIT.replace("return K_dw, P", "return torch.tensor(-2 * K_dw), torch.tensor(P / -2)"),
            SPLIT.replace('"no"', '"No"'),
        ],
        wrong=[
            (NEAREST, "compare with K before"),
            (
                SPLIT.replace("            return", "            break\n            return"),
                "ut your parts together",
            ),
            (BY_COLUMN.replace("np.abs(K[:, :, m]).sum(axis=(0, 1)).argmax()", "0"), "no ratio"),
            (SPLIT.replace("> 1", "> 0"), "multiples of one pattern"),
            (SPLIT.replace("* s[0]", ""), "K_dw[i, j, m] * P[m, n]"),
            (SPLIT.replace("return K_dw, P", "return P, K_dw"), "one pattern for each"),
            (SPLIT.replace("return K_dw, P", "return K_dw"), "Return 2 results"),
            (SPLIT.replace('return "no"', "return None"), "every way through"),
            (SPLIT.replace('return "no"', 'return "cannot"'), 'is "no"'),
            (SPLIT.replace("    return K_dw, P", ""), "every way through"),
            ('def split(K):\n    return "no"', "multiples of one pattern"),
            (
                NEAREST.replace(
                    "def split(K):",
                    'def split(K):\n    if np.linalg.svd(K.reshape(9, *K.shape[2:]).swapaxes(0, 1))[1][:, 1:].max(initial=0) > 0.1:\n        return "no"',
                ),
                "Small against what",
            ),
        ],
    ),
    "2.6": Tried(
        right=[
            NEAREST,
            NEAREST.replace("* s[0]", "").replace("= v[0]", "= s[0] * v[0]"),
            """
            def split(K):
                P = np.random.default_rng(0).random(K.shape[2:])
                for _ in range(500):
                    K_dw = np.einsum("ijmn,mn->ijm", K, P) / (P**2).sum(axis=1)
                    P = np.einsum("ijmn,ijm->mn", K, K_dw) / (K_dw**2).sum(axis=(0, 1))[:, None]
                return K_dw, P
            """,
            NEAREST.replace("return K_dw, P", "return [(-K_dw).tolist(), (-P).tolist()]"),
            NEAREST.replace(
                "np.linalg.svd(table)",
                "(t.numpy() for t in torch.linalg.svd(torch.from_numpy(table)))",
            ),
        ],
        wrong=[
            (NEAREST.replace("* s[0]", ""), "its strength is not"),
            (NEAREST.replace("* s[0]", "* s[0] ** 2"), "its strength is not"),
            (MEAN, "cancel in it"),
            ("def split(K):\n    return K[..., 0], np.ones(K.shape[2:])", "at the expense"),
            (NEAREST.replace("= v[0]", "= -v[0]"), "sign is turned"),
            (NEAREST.replace("= v[0]", "= v[-1]"), "nothing but zeros"),
            (
                "def split(K):\n    return np.zeros(K.shape[:3]), np.zeros(K.shape[2:])",
                "nothing but zeros",
            ),
            (NEAREST.replace("return K_dw, P", "return K_dw[..., None] * P"), "Return 2 results"),
            (NEAREST.replace("return K_dw, P", "return P, K_dw"), "one pattern for each"),
            (NEAREST.replace("    return K_dw, P", ""), "end with `return`"),
        ],
    ),
    "2.7": Tried(
        right=[
            "515_072",
            "515072.0",
            "9 * 16 * 64 * 64 - 73 * 16 * 64",
            "np.array([515072])",
            "torch.tensor(515072)",
        ],
        wrong=[
            ("74_752", "left to do"),
            ("589_824", "behind it"),
            ("589_824 - 9_216", "pays for both"),
            ("589_824 - 65_536", "pays for both"),
            ("9 * 16 * 64 - 9 * 16 - 16 * 64", "all 64 places"),
            ("589_824 - 9 * 64 * 64 - 65_536", "do not know N"),
            ("1", "Eq. 5 says"),
        ],
    ),
}
