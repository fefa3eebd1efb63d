"""MobileNets of other libraries, as they come, to be timed beside ours where they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..engines import ENGINES, difference
from ..engines.engine import Precision, first_line
from ..engines.onnx_engines import compile_model
from ..engines.runtimes import load_openvino
from ..timing import DTYPES, LAYOUTS, forward_pass
from .results import EAGER, LOGITS, OPENVINO

CLASSES = 1000
OPENVINO_ENGINES: dict[Precision, str] = {"fp32": "openvino", "bf16": "openvino-bf16"}
"""Our engines that run where OpenVINO does, by the precision of its hint."""


@dataclass(frozen=True)
class Entry:
    """A network that is ready to be timed: one of another library, or an engine of ours."""

    task: Callable[[], Any]
    precision: Precision
    same_network: bool = True
    """Whether it is MobileNet V1, with our mult-adds."""
    engine: str | None = None
    """Name of our engine, which may cut the batch."""
    slice: int | None = None
    streams: int | None = None


def peers(
    images: Tensor, alpha: float, precision: Precision, threads: int
) -> tuple[dict[str, Entry], dict[str, str]]:
    """Every peer that can be built here, and why the others cannot.

    They run where the images are, (B, 3, H, W) network input. timm and torchvision have theirs at
    `alpha` 1 only; `precision` is of the networks that torch runs, `threads` are for OpenVINO.
    """
    in_torch = partial(run_in_torch, images=images, precision=precision)
    builders: dict[str, Callable[[], Entry]] = {}
    missing: dict[str, str] = {}
    if alpha == 1:
        builders |= {
            EAGER: partial(in_torch, timm_net, "NCHW"),
            "timm, channels_last": partial(in_torch, timm_net, "channels_last"),
        }
        if images.device.type == "cpu":
            for kind in OPENVINO_ENGINES:
                through = partial(through_openvino, timm_net, images, kind, threads)
                builders[OPENVINO.format(precision=kind)] = through
        for name, version in (("MobileNetV2", "v2"), ("MobileNetV3 large", "v3_large")):
            make = partial(torchvision_net, version)
            for way, layout in (("eager", "NCHW"), ("channels_last", "channels_last")):
                builders[f"torchvision {name}, {way}"] = partial(in_torch, make, layout, False)
    else:
        missing["timm, torchvision"] = f"their MobileNets have alpha 1, ours here {alpha:g}"
    make = partial(transformers_net, alpha, images.shape[-1])
    builders["transformers MobileNetV1, eager"] = partial(in_torch, make, "NCHW")
    ready: dict[str, Entry] = {}
    for name, build in builders.items():
        try:
            ready[name] = build()
        except ImportError as error:
            package = error.name or name.split()[0].rstrip(",")
            missing[name] = f"{first_line(error)}; pip install {package}"
        except Exception as error:  # whatever breaks another library: said, and the others go on
            missing[name] = f"{type(error).__name__}: {first_line(error)}"
    return ready, missing


def timm_net() -> nn.Module:
    """MobileNet V1 of timm, with random weights."""
    return importlib.import_module("timm").create_model("mobilenetv1_100", num_classes=CLASSES)


def torchvision_net(version: str) -> nn.Module:
    """MobileNet V2 or V3 of torchvision, with random weights."""
    models = importlib.import_module("torchvision.models")
    return models.get_model(f"mobilenet_{version}", weights=None, num_classes=CLASSES)


def transformers_net(alpha: float, resolution: int) -> nn.Module:
    """MobileNet V1 of transformers, with random weights; it returns the logits alone."""
    transformers = importlib.import_module("transformers")
    config = transformers.MobileNetV1Config(
        depth_multiplier=alpha, image_size=resolution, num_labels=CLASSES, return_dict=False
    )
    net = transformers.MobileNetV1ForImageClassification(config)
    net.register_forward_hook(lambda net, images, answers: answers[0])
    return net


def run_in_torch(
    make: Callable[[], nn.Module],
    layout: str,
    same_network: bool = True,
    *,
    images: Tensor,
    precision: Precision,
) -> Entry:
    """A network of torch, run on images that are where and how it wants them."""
    dtype, form = DTYPES[precision], LAYOUTS[layout]
    net = make().eval().requires_grad_(False)
    net = net.to(images.device, dtype, memory_format=form)  # type: ignore[call-overload]  # its stub has no memory_format
    task = forward_pass(net, images.to(dtype).contiguous(memory_format=form))
    if task().shape != (len(images), CLASSES):
        raise ValueError(f"it answers with {tuple(task().shape)}, not {(len(images), CLASSES)}")
    return Entry(task, precision, same_network)


def through_openvino(
    make: Callable[[], nn.Module], images: Tensor, precision: Precision, threads: int
) -> Entry:
    """A network that OpenVINO's own converter took from torch, as its documentation does it."""
    availability = ENGINES[OPENVINO_ENGINES[precision]].available()
    if not availability:
        raise RuntimeError(availability.reason)
    net = make().eval().requires_grad_(False)
    with torch.no_grad():
        expected = net(images)
        model = load_openvino().convert_model(net, example_input=images)
    model.reshape(list(images.shape))
    compiled = compile_model(model, precision, threads)
    array = images.contiguous().numpy()

    def task() -> Any:
        return compiled(array, share_inputs=True, share_outputs=True)

    answer = torch.from_numpy(task()[0].copy())
    off = difference(answer, expected)
    if not off <= 2 * LOGITS:
        raise ValueError(f"its logits are off by {off:.2g} of the largest")
    return Entry(task, precision)
