"""Whether an engine still computes what eager torch computes, and how often it is right."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .engine import Engine, EngineError, batches


def verify(engine: Engine, net: nn.Module, example: Tensor) -> float:
    """Compare an engine's logits with those of the network in fp32, as it was trained.

    Parameters
    ----------
    engine
        Prepared for `example`'s shape.
    net
        The network that it was prepared from.
    example
        (B, 3, H, W) network input.

    Returns
    -------
    float
        The largest difference of a logit, over the largest logit of `net`.

    Raises
    ------
    EngineError
        The difference is above `engine.tolerance`, or is no number; an int8 engine has no
        tolerance, since its accuracy says more (see `accuracy`).
    """
    with torch.inference_mode():
        expected = net(example).float()
    limit = math.inf if engine.tolerance is None else engine.tolerance
    return check_logits(engine.name, engine.run(example), expected, limit)


def check_logits(name: str, logits: Tensor, expected: Tensor, limit: float) -> float:
    """The `difference` of logits, refused above a limit and where it is no number.

    Raises
    ------
    EngineError
        It names what computed them, by `name`.
    """
    worst = difference(logits, expected)
    if not worst <= limit:  # a nan is no number to accept
        raise EngineError(
            f"{name} computes something else than eager: its logits are off by {worst:.2g} of the "
            f"largest, {limit:g} is allowed"
        )
    return worst


def difference(logits: Tensor, expected: Tensor) -> float:
    """The largest difference of a logit, over the largest expected one; nan if any is none.

    Raises
    ------
    EngineError
        The shapes differ.
    """
    if logits.shape != expected.shape:
        raise EngineError(f"logits are {tuple(logits.shape)}, expected {tuple(expected.shape)}")
    expected = expected.to(logits.device)
    if not (logits.isfinite().all() and expected.isfinite().all()):
        return math.nan
    scale = expected.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
    return ((logits - expected).abs().max() / scale).item()


def answers(engine: Engine, images: Tensor) -> Tensor:
    """Logits, (N, classes), of any number of images, in batches of the engine's size.

    Parameters
    ----------
    engine
        A prepared engine.
    images
        (N, 3, H, W) network inputs, N at least 1.
    """
    if engine.shape is None:
        raise EngineError(f"{engine.name} is not prepared; call prepare(net, example) first")
    logits = [engine.run(batch).clone() for batch in batches(images, engine.shape[0])]
    return torch.cat(logits)[: len(images)]


def accuracy(engine: Engine, images: Tensor, labels: Tensor) -> float:
    """Share of images whose largest logit is the right one.

    Parameters
    ----------
    engine
        A prepared engine.
    images
        (N, 3, H, W) network inputs.
    labels
        (N,) indices of the right classes.

    Raises
    ------
    EngineError
        There is not one label for each image.
    """
    if labels.shape != images.shape[:1]:
        raise EngineError(f"labels are {tuple(labels.shape)} for {len(images)} images; one each")
    classes = answers(engine, images).argmax(1)
    return (classes == labels.to(classes.device)).sum().item() / len(images)
