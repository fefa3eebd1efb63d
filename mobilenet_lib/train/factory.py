"""What a recipe stands for: network, data and device, and what they must be to go together."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from itertools import count

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from .. import data
from ..architecture import Architecture
from ..convention import KERAS, PAPER, TF_SLIM, TIMM
from ..files import printable, short_path
from ..model import MobileNet
from .recipe import Network, Recipe

CONVENTIONS = {"paper": PAPER, "tf-slim": TF_SLIM, "keras": KERAS, "timm": TIMM}


def make_network(recipe: Recipe, num_classes: int) -> MobileNet:
    """A fresh network, its weights drawn from torch's global generator."""
    chosen = recipe.network
    convention = CONVENTIONS[chosen.convention]
    if chosen.bn_momentum is not None:
        convention = replace(convention, bn_momentum=chosen.bn_momentum)
    if chosen.dropout is not None:
        convention = replace(convention, dropout=chosen.dropout)
    arch = make_architecture(chosen, num_classes)
    return MobileNet(arch, convention, bn_shift=chosen.bn_shift)


def make_architecture(network: Network, num_classes: int) -> Architecture:
    """The layers of a recipe's network."""
    return CONVENTIONS[network.convention].architecture(
        num_classes,
        alpha=network.alpha,
        resolution=network.resolution,
        body=network.body,
        drop_stride=network.drop_stride,
    )


def load_data(
    recipe: Recipe, split: str, device: torch.device, shard: data.Shard = data.WHOLE
) -> data.Batches:
    """The recipe's images of one split."""
    chosen = recipe.data
    augment = chosen.augment if split == "train" else "none"
    return data.load(
        chosen.dataset,
        split=split,
        batch_size=chosen.batch_size,
        resolution=recipe.network.resolution,
        seed=recipe.seed,
        device=device,
        augment=None if augment == "default" else augment,
        difficulty=None if chosen.difficulty == "default" else chosen.difficulty,
        workers=chosen.workers,
        shard=shard,
    )


def start_accelerator(cpu: bool) -> Accelerator:
    """What knows the device and the other processes.

    A plan decides about precision, so what a user's Accelerate is configured for does not.
    """
    # Accelerate keeps the first device that a program asked for; a notebook may want another next.
    if AcceleratorState._shared_state and AcceleratorState().distributed_type == DistributedType.NO:
        AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=cpu, mixed_precision="no")


def check_size(recipe: Recipe, batches: data.Batches) -> None:
    """Refuse batches that are larger than the data."""
    if recipe.data.batch_size > batches.size:
        raise ValueError(
            f"batch_size is {recipe.data.batch_size}, and {recipe.data.dataset} has only "
            f"{batches.size} training images; take {batches.size} at most"
        )


def check_batch(recipe: Recipe, images: int, processes: int = 1, together: bool = False) -> None:
    """Refuse to normalize a batch of one image where its last map is a single pixel.

    A channel would have one value, which has no variance. `images` are those that a process
    normalizes at a time, or all `processes` that share a batch do `together`, as on GPUs.
    """
    size = recipe.network
    if images > 1 or size.freeze_statistics or together or last_map(size) > 1:
        return
    whole = recipe.data.batch_size
    if images < whole // processes:
        which, take = "of 1 image, all that broken ones left,", "Mend those, or take"
    else:
        shared = f"of {whole}, one for each of {processes} processes,"
        which = shared if processes > 1 else "of 1 image"
        take = f"Take batches of {2 * processes} images or more (--batch-size),"
    larger = next(r for r in count(size.resolution) if last_map(replace(size, resolution=r)) > 1)
    raise ValueError(
        f"a batch {which} cannot be normalized at {size.resolution} pixels: the last map is 1x1, "
        f"so a channel has a single value. {take} {larger} pixels or more (--resolution), or "
        "--freeze-statistics"
    )


def last_map(network: Network) -> int:
    """Pixels on a side of what a recipe's network pools."""
    return make_architecture(network, 2).layers[-2].out_size


def fingerprint(train: data.Batches, test: data.Batches) -> str | None:
    """SHA-256 of what the images of both splits are; None of data that a name stands for."""
    first, second = train.fingerprint(), test.fingerprint()
    if first is None or second is None:
        return None
    return hashlib.sha256((first + second).encode()).hexdigest()


def published(recipe: Recipe) -> Recipe:
    """The recipe as others may see it: without the machine's folders above its data."""
    name = recipe.data.dataset
    if is_named(name):
        return recipe
    shown = printable(short_path(os.path.normpath(name)))
    return recipe.changed(dataset=os.path.join(".", shown) if is_named(shown) else shown)


def is_named(dataset: str) -> bool:
    """Whether a name stands for the data, and not a folder or file."""
    return dataset == "glyphs" or dataset in data.KNOWN


def same_place(here: str, earlier: str) -> bool:
    """Whether two names mean the same data, of which one has no fingerprint.

    Where the second means nothing here, which `published` and a move can bring about, the last
    parts are compared.
    """
    if is_named(here) or is_named(earlier):
        return here == earlier
    here, earlier = os.path.realpath(here), os.path.realpath(earlier)
    moved = not os.path.exists(earlier) and os.path.basename(here) == os.path.basename(earlier)
    return here == earlier or moved
