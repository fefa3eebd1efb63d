"""Chapter 08: to the device."""

from . import Tried, solution

FOLD = solution("8.1")
QUANTIZE = solution("8.2")
TOLL = solution("8.6")
FOLD_ALL = """
import copy
def fold_all(net):
    layers = []
    for layer in copy.deepcopy(net):
        if not isinstance(layer, nn.BatchNorm2d):
            layers.append(layer)
            continue
        conv = layers[-1]
        scale = (layer.weight / (layer.running_var + layer.eps) ** 0.5).detach()
        bias = 0 if conv.bias is None else conv.bias.detach()
        conv.weight.data *= scale.reshape(-1, 1, 1, 1)
        conv.bias = nn.Parameter(((bias - layer.running_mean) * scale + layer.bias).detach())
    return nn.Sequential(*layers)
"""
PACK = """
import io, json
def pack(weights, preprocess, classes):
    file = io.BytesIO()
    about = json.dumps({"preprocess": preprocess, "classes": classes}).encode()
    np.savez(file, **weights, __about__=np.frombuffer(about, np.uint8))
    return file.getvalue()
def unpack(file):
    arrays = dict(np.load(io.BytesIO(file)))
    about = json.loads(arrays.pop("__about__").tobytes())
    return arrays, about["preprocess"], about["classes"]
(pack, unpack)
"""
SAFE = """
import json
from safetensors.numpy import load, save
def pack(weights, preprocess, classes):
    return save(weights, {"about": json.dumps([preprocess, classes])})
def unpack(file):
    size = int.from_bytes(file[:8], "little")
    return load(file), *json.loads(json.loads(file[8 : 8 + size])["__metadata__"]["about"])
(pack, unpack)
"""
SHIP = """
def ship(candidates, limits):
    fit = [c for c in candidates if max(c["ms"]) <= limits["ms"] and c["megabytes"] <= limits["megabytes"] and c["points"] >= limits["points"]]
    if not fit:
        return "none"
    return min(fit, key=lambda c: (-c["points"], max(c["ms"])))["name"]
"""

TRIED = {
    "8.1": Tried(
        right=[
            FOLD,
            FOLD.replace("return weight", "return [weight").replace(
                "mean * scale", "mean * scale]"
            ),
            FOLD.replace(
                "    scale",
                "    weight, gamma, beta, mean, variance = map(torch.from_numpy, (weight, gamma, beta, mean, variance))\n    scale",
            ).replace("np.sqrt", "torch.sqrt"),
            FOLD.replace(
                "weight * scale.reshape(-1, 1, 1, 1)",
                "np.einsum('oijk,o->oijk', weight, scale).tolist()",
            ),
            "fold = lambda w, g, b, m, v, e: (np.float32(w * (g * (v + e) ** -0.5)[:, None, None, None]), np.float32(b - m * g * (v + e) ** -0.5))",
        ],
        wrong=[
            (FOLD.replace(" + eps", ""), "eps is missing"),
            (
                FOLD.replace("np.sqrt(variance + eps)", "(np.sqrt(variance) + eps)"),
                "outside the root",
            ),
            (FOLD.replace("np.sqrt(variance + eps)", "(variance + eps)"), "root is missing"),
            (FOLD.replace("gamma /", "1 /"), "gamma is missing"),
            (FOLD.replace("beta - mean * scale", "beta"), "happens to the mean"),
            (FOLD.replace("beta - mean", "beta + mean"), "not added"),
            (FOLD.replace("beta - mean * scale", "beta - mean"), "scaled as the weights"),
            (FOLD.replace("beta - mean * scale", "(beta - mean) * scale"), "not scaled itself"),
            (FOLD.replace("weight * scale.reshape(-1, 1, 1, 1)", "weight"), "belongs into it"),
            (FOLD.replace("gamma / np", "gamma * np"), "instead of divided"),
            (
                FOLD.replace(
                    "    return weight * scale.reshape(-1, 1, 1, 1)",
                    "    weight *= scale.reshape(-1, 1, 1, 1)\n    return weight",
                ),
                "work on a copy",
            ),
            (FOLD.replace(", beta - mean * scale", ""), "Return 2 results"),
            (FOLD.replace(".reshape(-1, 1, 1, 1)", ""), "Two shapes do not fit"),
            (FOLD.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "8.2": Tried(
        right=[
            QUANTIZE,
            QUANTIZE.replace(
                "return np.round(weight / steps), steps",
                "return np.round(weight / steps).astype(np.int8), steps[:, 0]",
            ),
            QUANTIZE.replace(
                "return np.round(weight / steps), steps",
                "return [np.rint(weight / steps).tolist(), steps.ravel().tolist()]",
            ),
            QUANTIZE.replace(
                "return np.round(weight / steps), steps",
                "return torch.from_numpy(weight / steps).round(), torch.from_numpy(steps)",
            ),
            QUANTIZE.replace("steps[steps == 0] = 1", "steps = np.maximum(steps, 1e-12)"),
        ],
        wrong=[
            (QUANTIZE.replace("    steps[steps == 0] = 1\n", ""), "0 / 0"),
            (QUANTIZE.replace("(axis=1, keepdims=True)", "(keepdims=True)"), "its own step"),
            (QUANTIZE.replace("np.round(weight / steps)", "weight / steps"), "np.round"),
            (
                QUANTIZE.replace("np.round(weight / steps)", "np.trunc(weight / steps)"),
                "behind the point",
            ),
            (QUANTIZE.replace("bits - 1) - 1", "bits) - 1"), "negative ones as well"),
            (QUANTIZE.replace("(bits - 1) - 1", "(bits - 2) - 1"), "never used"),
            (QUANTIZE.replace("np.abs(weight)", "weight"), "negative ones as well"),
            (
                QUANTIZE.replace(
                    "return np.round(weight / steps), steps",
                    "return steps[:, 0], np.round(weight / steps)",
                ),
                "First the whole numbers",
            ),
            (
                QUANTIZE.replace(
                    "return np.round(weight / steps), steps",
                    "return np.round(weight / steps), 2 * steps",
                ),
                "times as large",
            ),
            (
                QUANTIZE.replace("np.round(weight / steps)", "np.abs(np.round(weight / steps))"),
                "signs are lost",
            ),
            (
                QUANTIZE.replace(
                    "return np.round(weight / steps), steps", "return np.round(weight / steps)"
                ),
                "Return 2 results",
            ),
            (QUANTIZE.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "8.3": Tried(
        right=["32_832", "32832.0", "3 * 10944", "np.int32(32832)", "torch.tensor(32832)"],
        wrong=[
            ("43_776", "A bias remains"),
            ("10_944", "how many go"),
            ("21_888", "are numbers, too"),
            ("35_832", "no batch normalization"),
            ("81", "not for each layer"),
            ("17_952", "have one as well"),
            ("32_859", "also counts batches"),
            ("32_833", "Off by one"),
            ("5", "Before: gamma"),
        ],
    ),
    "8.4": Tried(
        right=["2.5", "1 / 0.4", "np.float32(2.5)", "torch.tensor(2.5)", "[2.5]"],
        wrong=[
            ("4", "Only a part"),
            ("3.4", "not speeds"),
            ("0.4", "is left"),
            ("1.18", "roles are exchanged"),
            ("5", "no time at all"),
            ("0.6", "is saved"),
            ("250", "a percentage"),
            ("2", "takes as long as before"),
        ],
    ),
    "8.5": Tried(
        right=["2049", "2049.0", "2**11 + 1", "np.int16(2049)", "torch.tensor(2049)"],
        wrong=[
            ("2048", "last one before"),
            ("257", "bf16"),
            ("1025", "eleven digits"),
            ("65504", "skipped long before"),
            ("16_777_217", "float32"),
            ("32768", "whole numbers of sixteen"),
            ("2050", "Off by one"),
            ("5", "in binary"),
        ],
    ),
    "8.6": Tried(
        right=[
            TOLL,
            TOLL.replace(
                "return (before != after).sum(), 100 * lost",
                "return [float((before != after).sum()), np.float32(100 * lost)]",
            ),
            TOLL.replace(
                "return (before != after).sum(), 100 * lost",
                "return torch.tensor([(before != after).sum(), 100 * lost])",
            ),
            "toll = lambda b, a, y: (sum(i != j for i, j in zip(b, a)), 100 * (sum(b == y) - sum(a == y)) / len(y))",
            "toll = lambda b, a, y: np.array([np.count_nonzero(b - a), 100 * (np.mean(b == y) - np.mean(a == y))])",
        ],
        wrong=[
            (
                TOLL.replace(
                    "(before != after).sum()", "((before == labels) & (after != labels)).sum()"
                ),
                "with each other",
            ),
            (
                TOLL.replace(
                    "(before != after).sum()", "((before == labels) != (after == labels)).sum()"
                ),
                "not only those",
            ),
            (TOLL.replace("100 * lost", "-100 * lost"), "before less after"),
            (TOLL.replace("100 * lost", "lost"), "hundredths"),
            (
                TOLL.replace("100 * lost", "100 * ((before == labels) & (after != labels)).mean()"),
                "won again",
            ),
            (TOLL.replace("100 * lost", "100 * (before != after).mean()"), "without loss"),
            (TOLL.replace("100 * lost", "abs(100 * lost)"), "may be negative"),
            (TOLL.replace("(before != after).sum()", "(before != after).mean()"), "not a share"),
            (
                TOLL.replace(
                    "(before != after).sum(), 100 * lost", "100 * lost, (before != after).sum()"
                ),
                "exchanged",
            ),
            (TOLL.replace("(before != after).sum(), ", ""), "Return 2 results"),
            (TOLL.replace("return", "_ ="), "end with `return`"),
        ],
    ),
    "8.7": Tried(
        right=[
            FOLD_ALL,
            FOLD_ALL.replace(
                "            continue\n        conv = layers[-1]",
                "            continue\n        conv = layers[-1]\n        layers.append(nn.Identity())",
            ),
            FOLD_ALL.replace("** 0.5", ".__pow__(0.5)").replace(
                "(layer.running_var + layer.eps) .__pow__(0.5)",
                "torch.sqrt(layer.running_var + layer.eps)",
            ),
            """
            from torch.nn.utils.fusion import fuse_conv_bn_eval
            def fold_all(net):
                layers = []
                for layer in net:
                    if isinstance(layer, nn.BatchNorm2d):
                        layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
                    else:
                        layers.append(layer)
                return nn.Sequential(*layers).eval()
            """,
            FOLD_ALL.replace("(net):", "(network):")
            .replace("deepcopy(net)", "deepcopy(network)")
            .replace("(*layers)", "(nn.Sequential(*layers))"),
        ],
        wrong=[
            (FOLD_ALL.replace(" + layer.eps", ""), "eps of its own"),
            (FOLD_ALL.replace("layer.eps", "1e-5"), "eps of its own"),
            (
                FOLD_ALL.replace("0 if conv.bias is None else conv.bias.detach()", "0"),
                "a bias already",
            ),
            (
                FOLD_ALL.replace(
                    "(bias - layer.running_mean) * scale", "bias - layer.running_mean * scale"
                ),
                "by the same number",
            ),
            (FOLD_ALL.replace("copy.deepcopy(net)", "net"), "Work on"),
            (
                FOLD_ALL.replace(
                    "        conv = layers[-1]",
                    "        layers.append(layer)\n        conv = layers[-2]",
                ),
                "nn.Identity",
            ),
            (
                "def fold_all(net):\n    return nn.Sequential(*(m for m in net if not isinstance(m, nn.BatchNorm2d)))",
                "not folded",
            ),
            (FOLD_ALL.replace("bias - layer.running_mean", "bias"), "The mean is forgotten"),
            (FOLD_ALL.replace("    return nn", "    nn"), "end with `return`"),
            (
                FOLD_ALL.replace(
                    "        conv.weight.data *=",
                    "        conv.stride = (1, 1)\n        conv.weight.data *=",
                ),
                "keeps stride",
            ),
            (
                FOLD_ALL.replace("    layers = []", "    layers = []\n    net.train()"),
                "copy.deepcopy",
            ),
            (
                FOLD_ALL.replace(
                    "(layer.running_var + layer.eps) ** 0.5",
                    "(layer.running_var ** 0.5 + layer.eps)",
                ),
                "under the root",
            ),
        ],
    ),
    "8.8": Tried(
        right=[
            PACK,
            SAFE,
            PACK.replace("np.savez(", "np.savez_compressed("),
            PACK.replace("return arrays, about", "return [arrays, about").replace(
                'about["classes"]\n', 'tuple(about["classes"])]\n'
            ),
            PACK.replace("return file.getvalue()", "return bytearray(file.getvalue())"),
        ],
        wrong=[
            (
                "import pickle\n(lambda *all: pickle.dumps(all), pickle.loads)",
                "runs the code in it",
            ),
            (PACK.replace('arrays, about["preprocess"], about["classes"]', "arrays"), "all three"),
            (
                PACK.replace('"classes": classes', '"classes": sorted(classes)'),
                "order of the scores",
            ),
            (PACK.replace('"preprocess": preprocess', '"preprocess": {}'), "gives nonsense"),
            (
                PACK.replace(
                    "**weights", "**{k: w.astype(np.float64) for k, w in weights.items()}"
                ),
                "Keep the type",
            ),
            (
                PACK.replace("**weights", "**{k: w.ravel() for k, w in weights.items()}"),
                "keep the shape",
            ),
            (
                PACK.replace("**weights", "**{k: w.round(3) for k, w in weights.items()}"),
                "To the bit",
            ),
            (PACK.replace('arrays.pop("__about__")', 'arrays["__about__"]'), "among the weights"),
            (PACK.replace("file.getvalue()", "file"), "Bytes are asked"),
            (
                PACK.replace(
                    'json.dumps({"preprocess": preprocess',
                    'json.dumps({"preprocess": {k: str(v) for k, v in preprocess.items()}',
                ),
                "text as text",
            ),
            (
                PACK.replace('return arrays, about["preprocess"], about["classes"]', "about"),
                "end with `return`",
            ),
            (
                "KEPT = []\ndef pack(*network):\n    KEPT.append(network)\n    return b'%d' % (len(KEPT) - 1)\n(pack, lambda file: KEPT[int(file)])",
                "nothing but the file",
            ),
            (
                PACK.replace(
                    "np.load(io.BytesIO(file)", "np.load(io.BytesIO(file), allow_pickle=True"
                ),
                "Read numbers and text only",
            ),
            (
                PACK.replace("json.loads(arrays", "eval(arrays").replace(
                    ".tobytes())", ".tobytes().decode())"
                ),
                "Read numbers and text only",
            ),
            (
                PACK.replace('"classes": classes', '"classes": ",".join(classes)').replace(
                    'about["classes"]\n', 'about["classes"].split(",")\n'
                ),
                "as a list",
            ),
        ],
    ),
    "8.9": Tried(
        right=[
            SHIP,
            SHIP.replace('["name"]\n', '["name"].__str__()\n'),
            SHIP.replace("return min(fit", "return np.array(min(fit").replace(
                '["name"]\n', '["name"])\n'
            ),
            SHIP.replace("min(fit, key=lambda c: (-c", "max(fit, key=lambda c: (c").replace(
                'max(c["ms"])))[', '-max(c["ms"])))['
            ),
            SHIP.replace("return min(fit", "return sorted(fit").replace(
                '["name"]\n', '[0]["name"]\n'
            ),
        ],
        wrong=[
            (SHIP.replace('max(c["ms"])', 'np.mean(c["ms"])'), "not the mean"),
            (SHIP.replace('max(c["ms"])', 'np.median(c["ms"])'), "not the median"),
            (SHIP.replace('max(c["ms"])', 'min(c["ms"])'), "not the fastest"),
            (SHIP.replace('max(c["ms"]) <= limits["ms"] and ', ""), "milliseconds is not kept"),
            (
                SHIP.replace('c["megabytes"] <= limits["megabytes"] and ', ""),
                "megabytes is not kept",
            ),
            (SHIP.replace(' and c["points"] >= limits["points"]', ""), "needed at least"),
            (SHIP.replace('(-c["points"], max(c["ms"]))', 'max(c["ms"])'), "not the fastest"),
            (SHIP.replace('(-c["points"], max(c["ms"]))', 'c["megabytes"]'), "not the smallest"),
            (SHIP.replace('(-c["points"], max(c["ms"]))', '-c["points"]'), "take the faster"),
            (SHIP.replace("return", "_ ="), "end with `return`"),
            (SHIP.replace('<= limits["megabytes"]', '< limits["megabytes"]'), "just so"),
            (SHIP.replace('>= limits["points"]', '> limits["points"]'), "just so"),
            (
                SHIP.replace('-c["points"], max(c["ms"])', '-c["points"], c["megabytes"]'),
                "take the faster",
            ),
            (
                SHIP.replace('-c["points"], max(c["ms"])', '-c["points"], np.mean(c["ms"])'),
                "by its slowest reading",
            ),
            (SHIP.replace('max(c["ms"]) <=', 'c["ms"][-1] <='), "One reading decides"),
            (
                SHIP.replace(
                    "    fit", "    for c in candidates:\n        c['ms'].sort()\n    fit"
                ),
                "work on a copy",
            ),
        ],
    ),
}
