"""What a recipe stands for: its network and its data."""

from __future__ import annotations

from dataclasses import replace

import torch

from .. import data
from ..model import KERAS, PAPER, TF_SLIM, TIMM, MobileNet
from .recipe import Recipe

CONVENTIONS = {"paper": PAPER, "tf-slim": TF_SLIM, "keras": KERAS, "timm": TIMM}


def make_network(recipe: Recipe, num_classes: int) -> MobileNet:
    """A fresh network, its weights drawn from torch's global generator."""
    chosen = recipe.network
    convention = CONVENTIONS[chosen.convention]
    if chosen.bn_momentum is not None:
        convention = replace(convention, bn_momentum=chosen.bn_momentum)
    if chosen.dropout is not None:
        convention = replace(convention, dropout=chosen.dropout)
    size = {"alpha": chosen.alpha, "resolution": chosen.resolution, "body": chosen.body}
    return MobileNet(convention.architecture(num_classes, **size), convention)


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


def check_sizes(recipe: Recipe, batches: data.Batches, test: data.Batches) -> None:
    """Refuse batches that are larger than the data, and a test that has other classes."""
    if recipe.data.batch_size > batches.size:
        raise ValueError(
            f"batch_size is {recipe.data.batch_size}, and {recipe.data.dataset} has only "
            f"{batches.size} training images; take {batches.size} at most"
        )
    if batches.classes != test.classes:
        raise ValueError(f"{recipe.data.dataset} has other classes for the test than for training")
