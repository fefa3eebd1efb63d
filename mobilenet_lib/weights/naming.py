"""Who calls a weight what: the names and layouts of four sources, beside our own names.

ours           dw_1.conv.weight                            dw_1.bn.running_var
timm           blocks.0.0.conv_dw.weight                   blocks.0.0.bn1.running_var
transformers   mobilenet_v1.layer.0.convolution.weight     ...layer.0.normalization.running_var
tf-slim        MobilenetV1/Conv2d_1_depthwise/depthwise_weights   .../BatchNorm/moving_variance
keras          conv_dw_1/depthwise_kernel                  conv_dw_1_bn/moving_variance
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from ..architecture import BODIES, Architecture, mobilenet_v1
from ..convention import KERAS, PAPER, TF_SLIM, TIMM, Convention
from ..layer import Kind, Layer
from .formats import Stored, WeightsError, shorten, some

# Our own names of what a layer stores, in the order of its state dict.
NORM = ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
COUNTER = "bn.num_batches_tracked"
TIMM_STAGES = (1, 2, 2, 6, 2)  # how timm groups the thirteen pairs of layers

TF_NORM = dict(zip(NORM, ("gamma", "beta", "moving_mean", "moving_variance"), strict=True))
TORCH_NORM = {name: name.removeprefix("bn.") for name in (*NORM, COUNTER)}


@dataclass(frozen=True)
class Naming:
    """One source's names."""

    name: str
    convention: Convention
    """What the source does where the paper leaves it open."""
    names: Callable[[str], tuple[str, str]]
    """The source's names of a layer's convolution and of its BN, by our name of the layer."""
    torch_layout: bool
    """Kernels (out, in, rows, columns); else TensorFlow's (rows, columns, in, out)."""
    only_separable: bool = True
    """Whether the source has no other body than Table 1's."""

    def keys(self, layer: Layer) -> dict[str, str]:
        """The source's keys of one layer, by our own without the layer's name."""
        module, norm = self.names(layer.name)
        if self.torch_layout:
            norms = {part: f"{norm}.{leaf}" for part, leaf in TORCH_NORM.items()}
            weight, bias = f"{module}.weight", f"{module}.bias"
        else:
            norms = {part: f"{norm}/{leaf}" for part, leaf in TF_NORM.items()}
            leaves = ("weights", "biases") if self is TF_SLIM_NAMES else ("kernel", "bias")
            depthwise = "depthwise_" if layer.kind == "depthwise" else ""
            weight, bias = f"{module}/{depthwise}{leaves[0]}", f"{module}/{leaves[1]}"
        if layer.kind == "fc":
            return {"weight": weight, "bias": bias}
        return {"conv.weight": weight, "conv.bias": bias, **norms}

    def places(self, arch: Architecture) -> Iterator[tuple[Layer, str, str]]:
        """Layer, our name of a part of it, and the source's key, of all that may be stored."""
        return (
            (layer, part, key) for layer in arch.layers for part, key in self.keys(layer).items()
        )

    def shapes(self, layer: Layer, part: str) -> tuple[tuple[int, ...], ...]:
        """Shapes in which this source may store a part of a layer, the usual one first."""
        m, n, k = layer.in_channels, layer.out_channels, layer.kernel_size
        if part not in ("weight", "conv.weight"):
            return ((n,) if part != COUNTER else (),)
        if layer.kind == "fc":  # TensorFlow's is a 1x1 convolution, or a dense layer
            return ((n, m),) if self.torch_layout else ((1, 1, m, n), (m, n))
        if layer.kind == "depthwise":
            return ((n, 1, k, k) if self.torch_layout else (k, k, n, 1),)
        return ((n, m, k, k) if self.torch_layout else (k, k, m, n),)

    def to_torch(self, kind: Kind, tensor: Tensor) -> Tensor:
        """A stored weight in torch's layout."""
        if self.torch_layout or tensor.dim() < 2:
            return tensor
        if kind == "fc":
            return tensor.reshape(tensor.shape[-2:]).T
        return tensor.permute(2, 3, 0, 1) if kind == "depthwise" else tensor.permute(3, 2, 0, 1)


def _split(name: str) -> tuple[str, int]:
    kind, _, number = name.partition("_")
    return kind, int(number or 0)


def _ours(name: str) -> tuple[str, str]:
    return (name, "") if name == "fc" else (f"{name}.conv", f"{name}.bn")


def _timm(name: str) -> tuple[str, str]:
    kind, number = _split(name)
    if kind in ("conv", "fc"):
        return ("conv_stem", "bn1") if kind == "conv" else ("classifier", "")
    places = [(stage, block) for stage, size in enumerate(TIMM_STAGES) for block in range(size)]
    stage, block = places[number - 1]
    prefix = f"blocks.{stage}.{block}"
    return f"{prefix}.conv_{kind}", f"{prefix}.bn{1 if kind == 'dw' else 2}"


def _transformers(name: str) -> tuple[str, str]:
    kind, number = _split(name)
    if kind == "fc":
        return "classifier", ""
    place = "conv_stem" if kind == "conv" else f"layer.{2 * number - (2 if kind == 'dw' else 1)}"
    return f"mobilenet_v1.{place}.convolution", f"mobilenet_v1.{place}.normalization"


def _tf_slim(name: str) -> tuple[str, str]:
    kind, number = _split(name)
    if kind == "fc":
        return "MobilenetV1/Logits/Conv2d_1c_1x1", ""
    scope = f"MobilenetV1/Conv2d_{number}"
    scope += {"conv": "", "dw": "_depthwise", "pw": "_pointwise"}[kind]
    return scope, f"{scope}/BatchNorm"


def _keras(name: str) -> tuple[str, str]:
    if name == "fc":
        return "conv_preds", ""
    module = "conv1" if name == "conv_0" else f"conv_{name}"
    return module, f"{module}_bn"


OURS = Naming("mobilenet_lib", PAPER, _ours, True, only_separable=False)
TIMM_NAMES = Naming("timm", TIMM, _timm, True)
TRANSFORMERS = Naming("transformers", TF_SLIM, _transformers, True)
TF_SLIM_NAMES = Naming("tf-slim", TF_SLIM, _tf_slim, False)
KERAS_NAMES = Naming("keras", KERAS, _keras, False)
NAMINGS = (OURS, TIMM_NAMES, TRANSFORMERS, TF_SLIM_NAMES, KERAS_NAMES)

# What training leaves in a tf-slim checkpoint beside the weights.
TRAINING = re.compile(r"global_step|.*/(RMSProp(_1)?|Momentum|Adam(_1)?|ExponentialMovingAverage)")
# torch.compile's, DataParallel's, DeepSpeed's, FSDP's; at any depth, as a part may be compiled.
WRAPPERS = (
    *("_orig_mod", "module", "_forward_module"),
    *("_fsdp_wrapped_module", "_checkpoint_wrapped_module"),
)
BARE = "mobilenet_v1."  # transformers' body, saved alone, has names without it
HEADS = ("fc", "classifier")
HALF_OF_ONE = 40  # names: half of what the smallest body has


def clean(name: str) -> str | None:
    """A key without what tools put around it; None if it is no weight of the network."""
    *modules, leaf = name.removesuffix(":0").split(".")
    name = ".".join([module for module in modules if module not in WRAPPERS] + [leaf])
    return None if leaf == "n_averaged" or TRAINING.fullmatch(name) else name


def cleaned(tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """Tensors by their names without wrappers and without a prefix that the whole network has.

    Lightning's "model.", a "backbone." or "student.", whatever it is called. Names outside the
    prefix stay, and are refused later as extra. Two whole networks are refused, two classifiers,
    and a name that stands there twice.
    """
    result: dict[str, Stored] = {}
    for name, stored in tensors.items():
        key = clean(name)
        if key in result:
            raise WeightsError(f"it holds {some([key])} twice, the second time as {some([name])}")
        if key is not None:
            result[key] = stored
    whole, base = _prefixes(result, _known()), ""
    if not whole:
        whole, base = _prefixes(result, _known(BARE)), BARE
    if len(whole) > 1:
        named = some(prefix or "no prefix" for prefix in whole)
        raise WeightsError(
            f"it holds {len(whole)} networks, under {named}; save the one you mean: {{k: v for "
            f"k, v in state.items() if k.startswith({shorten(max(whole), 80)!r})}}"
        )
    for prefix, body in whole.items():
        names = {key: (base if key in body else "") + key.removeprefix(prefix) for key in result}
        both = [key for key, count in Counter(names.values()).items() if count > 1]
        if both:
            raise WeightsError(
                f"it holds {some(both, 1)} both under {some([prefix])} and without it"
            )
        result = {names[key]: stored for key, stored in result.items()}
    _check_one_head(result)
    return result


@cache
def _known(base: str = "") -> set[str]:
    """All names of the torch sources that begin with `base`, without it."""
    return {
        name.removeprefix(base)
        for naming in (OURS, TIMM_NAMES, TRANSFORMERS)
        for arch in _bodies(naming)
        for _, _, name in naming.places(arch)
        if name.startswith(base)
    }


def _prefixes(keys: Collection[str], known: Collection[str]) -> dict[str, set[str]]:
    """The prefixes under which a whole network stands, each with its keys of known names."""
    found: dict[str, set[str]] = {}
    for key in keys:
        parts = key.rsplit(".", 5)  # known names have up to five
        for i in range(len(parts)):
            rest = ".".join(parts[i:])
            if rest in known:
                found.setdefault(key.removesuffix(rest), set()).add(key)
    return {prefix: body for prefix, body in sorted(found.items()) if len(body) >= HALF_OF_ONE}


def _check_one_head(tensors: Mapping[str, Stored]) -> None:
    """Refuse several linear layers where a network has one, a Sequential's."""
    for head in HEADS:
        linear = [
            key.removesuffix(".weight")
            for key, stored in tensors.items()
            if key.startswith(f"{head}.") and key.endswith(".weight") and len(stored.shape) == 2
        ]
        if len(linear) > 1:
            raise WeightsError(
                f"it holds {some(linear)}: two linear layers where MobileNet has one. Save it "
                "with one, or without any, and pass head='features'"
            )


def recognise(keys: Collection[str]) -> tuple[Naming, Architecture]:
    """Whose names these are, which must be somebody's, and a network of the body they belong to."""
    best, hits, body = max(
        (
            (naming, _hits(naming, arch, keys), arch)
            for naming in NAMINGS
            for arch in _bodies(naming)
        ),
        key=lambda candidate: (candidate[1], -len(candidate[2].layers)),
    )
    if 2 * hits < 5 * (len(body.layers) - 1):  # not even half of the names
        known = ", ".join(naming.name for naming in NAMINGS)
        raise WeightsError(
            f"unknown names such as {some(keys, 3) or 'none at all'}: not a MobileNet V1 as named "
            f"by {known}. {other_network(keys)}Rename the keys to those of MobileNet.state_dict()"
        )
    return best, body


def _bodies(naming: Naming) -> list[Architecture]:
    return [mobilenet_v1(body=body) for body in (BODIES[:1] if naming.only_separable else BODIES)]


def _hits(naming: Naming, arch: Architecture, keys: Collection[str]) -> int:
    available = set(keys)
    return sum(key in available for _, _, key in naming.places(arch))


def other_network(keys: Collection[str]) -> str:
    """What names that are not all known look like, in a sentence; empty if like nothing."""
    text = " ".join(keys)
    if "conv_pwl" in text or "mobilenet_v2" in text or "MobilenetV2" in text:
        return "It looks like MobileNet V2. "
    if "conv_head" in text:
        return "It looks like timm's mobilenetv1_100h, with one layer more; take mobilenetv1_100. "
    if "conv2d" in text:
        return (
            "Keras numbered these layers by itself; a file of the whole model says what they are, "
            'model.save("model.keras"). '
        )
    return ""
