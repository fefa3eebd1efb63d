"""Make the reference logits that hold our network against two independent ones.

Why
    A converted network that forgets ReLU6, takes the wrong batch-norm epsilon or pads on the
    wrong side still runs, and still looks plausible. Only numbers from somebody else's code tell.
    So one set of random weights goes through the MobileNet V1 of two other packages, which differ
    in exactly the conventions that ours can switch between:

    ============  ============  ===================  ==========
    package       activation    padding at stride 2  BN epsilon
    ============  ============  ===================  ==========
    timm          ReLU6         symmetric, 1         1e-5
    transformers  ReLU6         TensorFlow's SAME    1e-3
    ============  ============  ===================  ==========

    Their logits are stored here, so ``test_parity.py`` needs neither package.

How to run
    In an environment of its own, because these packages are no dependency of the book::

        pip install torch torchvision timm transformers safetensors
        python tests/parity/make_reference.py

    It rewrites ``weights.safetensors`` and ``expected.json`` beside this file, and takes some
    seconds on a CPU. The weights follow from the seed alone; the same seed gives the same file.

What it refuses
    Nothing is written unless the reference is sound and sharp:

    * with conventions made equal, the two packages agree to within ``TOLERANCE``, so the weights
      stand at the right place in both;
    * float32 rounding moves the logits far less than ``TOLERANCE``;
    * every wrong convention moves them more than a hundred times ``TOLERANCE``, at every size at
      which that convention makes any difference. (Both paddings treat odd maps alike, so a size
      whose strided layers see only odd maps, such as 65 or 97, cannot tell the two apart.)
"""

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

try:
    import safetensors.numpy
    import torch
    import transformers
    from timm.models.efficientnet import _gen_mobilenet_v1
    from torch.nn import functional as F
except ImportError as error:
    sys.exit(
        f"make_reference.py: cannot import what it compares with: {error}.\n"
        "It needs timm and transformers, each beside a matching torch and torchvision. Install them"
        " in an environment of their own:\n"
        "    pip install torch torchvision timm transformers safetensors\n"
        "Running the tests needs none of this: the stored reference is enough."
    )

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import checkpoint_files  # noqa: E402 - its folder comes first

from mobilenet_lib import files  # noqa: E402 - the checkout comes first

SEED = 20170417
ALPHA = 0.25
NUM_CLASSES = 10
BATCH = 2
# Square sizes. Strided layers see only even maps at 32, 96, 224; only odd ones at 65, 97; both at
# 75, 80, 112. The last two cases are oblong, so that height and width cannot be mistaken.
SIZES = (*((n, n) for n in (32, 65, 75, 80, 96, 97, 112, 224)), (96, 65), (65, 112))
TOLERANCE = 1e-4  # what test_parity.py allows
SHARPNESS = 100  # a wrong convention must move the logits by this many tolerances
ROUNDING = 0.1  # float32 rounding may use up this share of the tolerance

# Table 1 of the paper: output channels at alpha 1 and stride of each depthwise separable pair.
PAIRS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)

Weights = dict[str, np.ndarray]
Network = Callable[[torch.Tensor], torch.Tensor]


def table1() -> list[tuple[str, int, int, int, int, int]]:
    """Return (name, kernel_size, stride, in_channels, out_channels, groups) per convolution."""
    width = int(32 * ALPHA)
    rows = [("conv_0", 3, 2, 3, width, 1)]
    for i, (channels, stride) in enumerate(PAIRS, start=1):
        out = int(channels * ALPHA)
        rows.append((f"dw_{i}", 3, stride, width, width, width))
        rows.append((f"pw_{i}", 1, 1, width, out, 1))
        width = out
    return rows


def make_weights(seed: int) -> Weights:
    """Return random float16 weights under our own names, torch layout, in a network that is alive.

    Filters are He-scaled, then each output channel is shrunk by its own factor, so that the
    channels' variances spread over decades, some below 1e-3: there the epsilons part. Batch norm's
    statistics are measured layer by layer on noise, then shifted at random: with unfitted ones,
    27 layers would map every input to nearly the same logits. gamma and beta are wide enough for
    a good share of activations to run into the 6 of ReLU6.
    """
    rng = np.random.RandomState(seed)
    weights: Weights = {}

    def put(name: str, value: np.ndarray) -> torch.Tensor:
        weights[name] = np.ascontiguousarray(value, dtype=np.float16)
        return torch.from_numpy(weights[name].astype(np.float64))

    # float64, so that rounding to float16 lands on the same number on every machine
    x = torch.from_numpy(rng.standard_normal((8, 3, 96, 96)))
    for name, kernel, stride, in_channels, out_channels, groups in table1():
        fan_in = kernel * kernel * in_channels // groups
        filters = rng.standard_normal((out_channels, in_channels // groups, kernel, kernel))
        shrink = 10 ** rng.uniform(-1.75, -0.25, (out_channels, 1, 1, 1))
        filters = put(f"{name}.conv.weight", filters * shrink * math.sqrt(2 / fan_in))
        x = F.conv2d(x, filters, stride=stride, padding=kernel // 2, groups=groups)

        mean, std = (t.numpy() for t in (x.mean((0, 2, 3)), x.std((0, 2, 3))))
        gamma = put(f"{name}.bn.weight", rng.uniform(1.0, 3.0, out_channels))
        beta = put(f"{name}.bn.bias", rng.uniform(0.0, 3.0, out_channels))
        shift, spread = rng.uniform(-0.5, 0.5, (2, out_channels))
        mean = put(f"{name}.bn.running_mean", mean + shift * std)
        var = put(f"{name}.bn.running_var", (std * np.exp(spread)) ** 2)
        x = F.batch_norm(x, mean, var, gamma, beta, eps=1e-5).clamp(0, 6)

    fan_in = x.shape[1]
    put("fc.weight", rng.standard_normal((NUM_CLASSES, fan_in)) / math.sqrt(fan_in))
    put("fc.bias", rng.standard_normal(NUM_CLASSES))
    return weights


def make_input(seed: int, height: int, width: int) -> np.ndarray:
    """Return the input of one case, (BATCH, 3, H, W) float32, from NumPy's frozen legacy stream."""
    noise = np.random.RandomState(seed).standard_normal((BATCH, 3, height, width))
    return noise.astype(np.float32)


def rename(weights: Weights, source: str) -> dict[str, torch.Tensor]:
    """Return the weights as float32 tensors under another package's names."""
    state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in weights.items()}
    named = checkpoint_files.renamed(state, source)
    return {name: torch.from_numpy(array) for name, array in named.items()}


def timm_network(
    weights: Weights, act: str = "relu6", eps: float | None = None, same: bool = False
) -> torch.nn.Module:
    """Return timm's network; by default exactly as timm ships it."""
    kwargs = {"act_layer": act} if act != "relu6" else {}
    kwargs |= {"bn_eps": eps} if eps is not None else {}
    kwargs |= {"pad_type": "same"} if same else {}
    # create_model cannot pass a multiplier of our own to a MobileNet V1, hence the private name
    net = _gen_mobilenet_v1("mobilenetv1_100", ALPHA, num_classes=NUM_CLASSES, **kwargs)
    net.load_state_dict(rename(weights, "timm"), strict=True)
    return net.eval()


def transformers_network(weights: Weights, **changes: object) -> torch.nn.Module:
    """Return transformers' network; by default exactly as transformers ships it."""
    config = transformers.MobileNetV1Config(
        depth_multiplier=ALPHA, num_labels=NUM_CLASSES, **changes
    )
    net = transformers.MobileNetV1ForImageClassification(config)
    net.load_state_dict(rename(weights, "transformers"), strict=True)
    return net.eval()


@torch.inference_mode()
def logits(net: torch.nn.Module, x: np.ndarray, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """Return the logits of one batch as (BATCH, NUM_CLASSES) float64."""
    out = net.to(dtype)(torch.from_numpy(x).to(dtype))
    out = getattr(out, "logits", out).to(torch.float64).numpy()
    net.to(torch.float32)  # the weights are float16 numbers, so the way there and back is exact
    return out


def paddings_differ(size: int) -> bool:
    """Say whether some stride-2 layer sees an even map, where SAME pads on one side only."""
    for _, _, stride, *_ in table1():
        if stride == 2 and size % 2 == 0:
            return True
        size = math.ceil(size / stride)
    return False


def share_clipped(net: torch.nn.Module, x: np.ndarray) -> float:
    """Return the share of positive activations that reach the 6 of ReLU6."""
    clipped = positive = 0

    def count(_module: object, _args: object, out: torch.Tensor) -> None:
        nonlocal clipped, positive
        clipped += int((out == 6).sum())
        positive += int((out > 0).sum())

    hooks = [m.register_forward_hook(count) for m in net.modules() if type(m).__name__ == "ReLU6"]
    logits(net, x)
    for hook in hooks:
        hook.remove()
    if not hooks:
        raise RuntimeError("the network has no ReLU6 module to look at; timm changed its layout")
    return clipped / positive


def main() -> None:
    """Make the weights, compute and check the logits, print the findings, write both files."""
    parser = argparse.ArgumentParser(description="Make the parity reference beside this script.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="target folder")
    options = parser.parse_args()
    started = time.perf_counter()

    weights = make_weights(SEED)
    ours = {"timm": timm_network(weights), "transformers": transformers_network(weights)}
    # each package's network rebuilt in the other one, with the conventions carried over
    twins = {
        "timm": transformers_network(weights, layer_norm_eps=1e-5, tf_padding=False),
        "transformers": timm_network(weights, eps=1e-3, same=True),
    }
    wrong = {
        "timm": {
            "activation": timm_network(weights, act="relu"),
            "bn_eps": timm_network(weights, eps=1e-3),
            "padding": timm_network(weights, same=True),
        },
        "transformers": {
            "activation": transformers_network(weights, hidden_act="relu"),
            "bn_eps": transformers_network(weights, layer_norm_eps=1e-5),
            "padding": transformers_network(weights, tf_padding=False),
        },
    }
    faults: list[str] = []
    cases = []

    variances = np.concatenate([v for k, v in weights.items() if k.endswith("running_var")])
    spread = np.quantile(variances.astype(np.float64), [0, 0.1, 0.5, 0.9, 1])
    print("running_var at 0, 10, 50, 90, 100 %: " + ", ".join(f"{v:.2g}" for v in spread))
    print(
        f"Below, how far one convention taken from the other side (ReLU for ReLU6, the other eps,"
        f" the other padding) moves the logits; it must exceed {SHARPNESS * TOLERANCE:g}."
    )
    for number, (height, width) in enumerate(SIZES, start=1):
        seed, size = SEED + number, f"{height}x{width}"
        x = make_input(seed, height, width)
        # the sum lets the test say plainly if it ever draws another input
        case = {"height": height, "width": width, "seed": seed}
        case["input_sum"] = float(x.sum(dtype=np.float64))
        clipped = share_clipped(ours["timm"], x)
        print(f"size {size}: {clipped:.1%} of the positive activations are clipped at 6")
        for package, net in ours.items():
            values = logits(net, x)
            if not (np.isfinite(values).all() and 1 < np.abs(values).max() < 30):
                faults.append(f"{package} at {size}: logits are not of order 1 to 10")
            rounding = float(np.abs(logits(net, x, torch.float64) - values).max())
            twin = float(np.abs(logits(twins[package], x) - values).max())
            if rounding > ROUNDING * TOLERANCE:
                faults.append(f"{package} at {size}: float32 rounding is {rounding:.1e}")
            if twin > TOLERANCE:
                faults.append(f"{package} at {size}: the other package differs by {twin:.1e}")
            moves = {}
            for what, mistaken in wrong[package].items():
                moves[what] = float(np.abs(logits(mistaken, x) - values).max())
                expected = what != "padding" or paddings_differ(height) or paddings_differ(width)
                if expected and moves[what] < SHARPNESS * TOLERANCE:
                    faults.append(f"{package} at {size}: {what} moves only {moves[what]:.1e}")
                if not expected and moves[what] > TOLERANCE:
                    faults.append(f"{package} at {size}: {what} should change nothing here")
            span, apart = np.abs(values).max(), np.abs(values[0] - values[1]).max()
            print(
                f"  {package:12}  |logit| up to {span:.2f}, between the two images {apart:.2f};"
                f" rounding {rounding:.0e}, other package made equal {twin:.0e}\n    "
                + "; ".join(f"{what}: {move:.3g}" for what, move in moves.items())
            )
            # nine significant digits hold a float32 exactly
            case[package] = [[float(f"{v:.9g}") for v in row] for row in values]
            case[f"{package}_moves"] = {what: float(f"{v:.3g}") for what, v in moves.items()}
        cases.append(case)
    if faults:
        sys.exit("Nothing written, the reference is not sound:\n  " + "\n  ".join(faults))

    blob = safetensors.numpy.save(weights, metadata={"seed": str(SEED)})
    provenance = files.provenance(SEED, ("numpy", "torch", "timm", "transformers"))
    provenance["wall_seconds"] = round(time.perf_counter() - started, 1)
    record = {
        "provenance": provenance,
        "alpha": ALPHA,
        "num_classes": NUM_CLASSES,
        "batch": BATCH,
        "input": "RandomState(seed).standard_normal((batch, 3, height, width)) as float32",
        "tolerance": TOLERANCE,
        "weights_sha256": hashlib.sha256(blob).hexdigest(),
        "cases": cases,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    files.write_atomically(options.out / "weights.safetensors", blob)
    files.write_atomically(
        options.out / "expected.json", (json.dumps(record, indent=1) + "\n").encode("ascii")
    )
    print(f"written: {options.out}/weights.safetensors ({len(blob)} bytes), expected.json")


if __name__ == "__main__":
    main()
