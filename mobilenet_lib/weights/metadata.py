"""What a source says of its checkpoint beside the weights: convention, preprocessing, classes.

The weights are worth nothing without these. ReLU for ReLU6 costs about nine points of accuracy,
and pixels from 0 to 255 for a network that was trained on -1 to 1 nearly all of it. What a file or
the configuration beside it says goes before what its source usually does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..architecture import WIDTH_RULES, Architecture, DropStride, mobilenet_v1
from ..convention import Convention, Head, check_head
from ..model import MobileNet
from ..preprocess import INCEPTION, Preprocess
from .formats import WeightsError, refusing, shorten
from .hub_processor import processor
from .naming import OURS, TIMM_NAMES, TRANSFORMERS, Naming

FORMAT = "mobilenet_lib"
VERSIONS = (1, 2)
"""1 until what the outputs mean was written, too; a network of classes still is of version 1."""

PROBLEMS: dict[str | None, Head | None] = {
    None: None,
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
}
"""What transformers trains for; it also knows "regression", which names no classes."""


@dataclass(frozen=True)
class Description:
    """All that a checkpoint needs beside its tensors; None where its source does not say."""

    convention: Convention
    preprocess: Preprocess | None
    classes: tuple[str, ...] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    architecture: Architecture | None = None
    head: Head | None = None
    drop_stride: DropStride = "none"
    assumed: str = ""
    """What was taken for granted, for the caller to be warned of."""


def readable(source: str) -> Any:
    """A block that reads what a file says of itself: of errors inside, damage is made."""
    kinds = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
    return refusing(f"what the {source} checkpoint says of itself is damaged", errors=kinds)


def read_metadata(naming: Naming, metadata: dict[str, Any]) -> Description:
    """Read what a file says of itself, or what stands beside it, in the way of its source.

    `metadata` are the file's own, and "config" and "preprocessor_config" from the files beside it.
    A missing entry is refused, and one of the wrong type or out of range.
    """
    config, photo = metadata.get("config"), metadata.get("preprocessor_config")
    with readable(naming.name):
        if naming is OURS and FORMAT in metadata:
            return _ours(metadata[FORMAT])
        if naming is OURS and "module" in metadata:  # beside a plain state dict, which torch saved
            told = metadata["module"]
            convention = Convention(**told["convention"])
            dropped = told.get("drop_stride", "none")
            return replace(
                _usual(OURS), convention=convention, head=told["head"], drop_stride=dropped
            )
        if naming is TIMM_NAMES and config is not None:
            return _timm(config)
        if naming is TRANSFORMERS and (config is not None or photo is not None):
            return _transformers(config or {}, photo)
    return _usual(naming)


def _usual(naming: Naming) -> Description:
    usual = replace(INCEPTION, interpolation="bicubic") if naming is TIMM_NAMES else INCEPTION
    return Description(naming.convention, usual)


def _ours(content: dict[str, Any]) -> Description:
    if content.get("version") not in VERSIONS:
        raise WeightsError(
            f"the file has version {content.get('version')!r} of our format, this library reads "
            f"{' and '.join(map(str, VERSIONS))}; update the library"
        )
    arch = content["architecture"]
    source = content["source"]
    if not isinstance(source, dict):
        raise TypeError(f"source must be a dictionary, got {type(source).__name__}")
    return Description(
        Convention(**content["convention"]),
        Preprocess(**content["preprocess"]),
        _names(content["classes"]),
        source,
        mobilenet_v1(**arch),
        check_head(content.get("head"), arch["num_classes"]),
        arch.get("drop_stride", "none"),
    )


def make_metadata(
    net: MobileNet,
    caller: str,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
    source: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All that running a network takes beside its weights, as plain data: what `_ours` reads.

    `preprocess`, `classes` and `source` are taken in place of the network's own, or if it has none;
    one that is missing, or does not go with it, is refused by the name of the reader's `caller`.
    """
    preprocess = preprocess or net.preprocess
    classes = net.classes if classes is None else classes
    if preprocess is None or classes is None:
        lacking = "classes" if preprocess else "preprocess"
        raise ValueError(f"the network has no {lacking}; pass {caller}(..., {lacking}=...)")
    if len(classes) != net.arch.num_classes or not all(isinstance(c, str) for c in classes):
        raise ValueError(
            f"one name for each of the {net.arch.num_classes} outputs is needed, got {len(classes)}"
        )
    if preprocess.resolution != net.arch.resolution:
        raise ValueError(
            f"the network is for {net.arch.resolution} pixels, preprocess makes "
            f"{preprocess.resolution}; use preprocess.at({net.arch.resolution})"
        )
    arch, convention, usual = net.arch, net.convention, net.head == "softmax"
    architecture = {
        name: getattr(arch, name)
        for name in ("alpha", "resolution", "num_classes", "body", "width_rule")
    }
    if arch.rounding != "up":  # what version 1 began with stays as it is, to the byte
        architecture["rounding"] = arch.rounding
    if arch.drop_stride != "none":
        architecture["drop_stride"] = arch.drop_stride
    return {
        "version": VERSIONS[not usual],
        **({} if usual else {"head": net.head}),
        "architecture": architecture,
        "convention": asdict(convention),
        "preprocess": preprocess.to_dict(),
        "classes": list(classes),
        "source": dict((net.source or {}) if source is None else source),
    }


def _timm(config: dict[str, Any]) -> Description:
    cfg = config.get("pretrained_cfg", config)
    size = cfg["input_size"]
    if len(size) != 3 or size[0] != 3 or size[1] != size[2]:
        raise WeightsError(f"its input_size is {size}; 3 channels of a square are needed")
    built = config.get("model_args") or {}
    pools = {"global_pool": config.get("global_pool")} | built
    if pools["global_pool"] not in (None, "", "avg", "fast", "fastavg"):
        raise WeightsError(f"its global_pool is {pools['global_pool']!r}; avg is needed")
    preprocess = Preprocess(
        resolution=size[-1],
        mean=cfg["mean"],
        std=cfg["std"],
        scale=1 / 255,
        crop_fraction=cfg["crop_pct"],
        interpolation=cfg["interpolation"],
        crop_mode=cfg.get("crop_mode", "center"),
    )
    labels = config.get("label_names") or cfg.get("label_names")
    source = {"architecture": config.get("architecture"), "licence": cfg.get("license")}
    source = {k: v for k, v in source.items() if v}
    return Description(_timm_convention(built), preprocess, _names(labels), source)


def _timm_convention(built: dict[str, Any]) -> Convention:
    """What `timm.create_model` was asked for; each argument is followed, or refused by name."""
    traits: dict[str, Any] = {}
    for name, value in built.items():
        if name == "act_layer":
            traits["activation"] = value
        elif name == "bn_eps":
            traits["bn_eps"] = value
        elif name == "pad_type" and value in ("", "same"):
            traits["padding"] = value or "symmetric"
        elif name not in ("num_classes", "global_pool", "drop_rate", "drop_path_rate") and (
            name,
            value,
        ) not in (("in_chans", 3), ("bn_momentum", 0.1)):
            raise WeightsError(
                f"its config has model_args {shorten(name, 40)}={shorten(str(value), 40)}, which "
                "is not followed; build it without"
            )
    return replace(TIMM_NAMES.convention, **traits)


def _transformers(config: dict[str, Any], photo: dict[str, Any] | None) -> Description:
    activation = config.get("hidden_act", "relu6")
    least = config.get("min_depth", 8)
    convention = replace(
        TRANSFORMERS.convention,
        activation=activation,
        padding="same" if config.get("tf_padding", True) else "symmetric",
        bn_eps=float(config.get("layer_norm_eps", 1e-3)),
        width_rule=WIDTH_RULES[1] if least == 8 else WIDTH_RULES[0],
    )
    # Its classifier_dropout_prob of 0.999 was tf-slim's share to keep, read as the share to drop.
    labels = config.get("id2label")
    names = [labels[str(i)] for i in range(len(labels))] if labels else None
    return Description(
        convention,
        processor(config.get("image_size", 224), photo),
        _names(names),
        head=_problem(config.get("problem_type")),
    )


def _problem(problem: Any) -> Head | None:
    if problem not in PROBLEMS:
        known = " or ".join(filter(None, PROBLEMS))
        raise WeightsError(f"its problem_type is {shorten(str(problem), 40)}; {known} is needed")
    return PROBLEMS[problem]


def _names(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise TypeError("the names of the classes must be a list of texts")
    return tuple(names)
