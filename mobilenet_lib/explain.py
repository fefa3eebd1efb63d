"""Which parts of a picture a network's answer rests on.

Two ways to ask. Occlusion covers a part and looks again: it needs many passes and works for any
network. Class activation maps cost one pass: MobileNet ends in an average and a linear layer, and
those two may change places.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .model import MobileNet
from .photos import Photo
from .validation import check_int

AT_ONCE = 64
"""Covered copies of the input that go through the network together."""


class Look(NamedTuple):
    """What a network says of one photo, and what that rests on."""

    label: str
    """The class asked about."""
    probability: float
    """Of that class."""
    square: Photo
    """The part of the photo that the network sees, at its resolution."""
    occluded: NDArray[np.float32]
    """From `occlusion`: what covering each place takes from the probability."""
    activation: NDArray[np.float32]
    """From `class_activation`: what each place adds to the class's logit, less what it adds to the
    mean of the other classes', where the classes exclude each other."""


def look(net: MobileNet, photo: Photo, label: int = 0, window: int | None = None) -> Look:
    """Ask a network about one class in a photo, in both ways.

    Parameters
    ----------
    net
        From `load_published`, with `preprocess` and `classes`.
    photo
        (height, width, 3) uint8.
    label
        Index of the class.
    window
        Side of the square that covers a part, in pixels of the network's input.

    Raises
    ------
    PhotoError
        The photo cannot be used.
    ValueError
        A number out of range, or a network in training mode.
    """
    if net.preprocess is None or net.classes is None:
        raise ValueError("the network has no preprocess or no classes: load_published sets both")
    x = _checked(net, net.preprocess(photo))
    occluded = occlusion(net, x, label, window=window)
    maps = class_activation(net, x)
    others = np.delete(maps, label, axis=0)
    with torch.inference_mode():
        probability = net.probabilities(net(x))[0, label].item()
    return Look(
        net.classes[label],
        probability,
        np.array(net.preprocess.square(photo)),
        occluded,
        maps[label] - others.mean(0) if net.head == "softmax" else maps[label],
    )


def occlusion(
    net: MobileNet, x: Tensor, label: int, cells: int = 12, window: int | None = None
) -> NDArray[np.float32]:
    """How much a class's probability falls when a square of the input is covered.

    The square takes the input's mean colour. M. Zeiler, R. Fergus, *Visualizing and Understanding
    Convolutional Networks*, 2014, section 4.2.

    Parameters
    ----------
    net
        A network, in eval mode.
    x
        (1, 3, H, W), one network input.
    label
        Index of the class.
    cells
        Places along one side; the square's centre visits the middle of each.
    window
        Side of the square in pixels; None: a quarter of the input's longer side.

    Returns
    -------
    array
        (cells, cells), probability without the square minus probability with it, from -1 to 1.

    Raises
    ------
    ValueError
        More than one input, a class or a number out of range, or a network in training mode.
    """
    x = _checked(net, x)
    label = check_int("label", label, 0, net.arch.num_classes - 1)
    height, width = x.shape[2:]
    cells = check_int("cells", cells, 1, min(height, width))
    window = max(height, width) // 4 if window is None else check_int("window", window, 1)
    mean = x.mean((2, 3), keepdim=True)
    covered = x.repeat(cells * cells, 1, 1, 1)
    for place, copy in enumerate(covered):
        row, column = divmod(place, cells)
        top = round((row + 0.5) * height / cells - window / 2)
        left = round((column + 0.5) * width / cells - window / 2)
        copy[:, max(top, 0) : top + window, max(left, 0) : left + window] = mean[0]
    with torch.inference_mode():
        whole = net.probabilities(net(x))[0, label]
        parts = [net.probabilities(net(part))[:, label] for part in covered.split(AT_ONCE)]
    return (whole - torch.cat(parts)).view(cells, cells).cpu().numpy()


def class_activation(net: MobileNet, x: Tensor) -> NDArray[np.float32]:
    """What each place of the last map adds to each class's logit.

    Averaging and then weighting the channels is the same as weighting and then averaging, so the
    mean of a class's map plus the class's bias is its logit. B. Zhou, A. Khosla, A. Lapedriza,
    A. Oliva, A. Torralba, *Learning Deep Features for Discriminative Localization*, 2016.

    Parameters
    ----------
    net
        A network, in eval mode.
    x
        (1, 3, H, W), one network input.

    Returns
    -------
    array
        (classes, h, w), one map of the last feature map's size for each class.

    Raises
    ------
    ValueError
        More than one input, or a network in training mode.
    """
    x = _checked(net, x)
    last = net.arch.layers[-2].name
    with torch.inference_mode():
        features = net.feature_maps(x, [last])[last][0]  # (channels, h, w)
        maps = torch.einsum("kc,chw->khw", net.fc.weight, features)
    return maps.cpu().numpy()


def _checked(net: MobileNet, x: Tensor) -> Tensor:
    """The input, on the device that the network is on."""
    if x.dim() != 4 or x.shape[0] != 1:
        raise ValueError(f"one network input is needed, (1, 3, H, W); got {tuple(x.shape)}")
    if net.head == "features":
        raise ValueError("the network has no classifier, so there is no class to ask about")
    if net.training:
        raise ValueError("the network is in training mode; call net.eval() first")
    return x.to(next(net.parameters(), x).device)
