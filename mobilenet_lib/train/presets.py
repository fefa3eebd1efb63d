"""The three recipes that have a name: quick, paper and modern.

>>> preset("paper").optimization.optimizer
'rmsprop'
"""

from __future__ import annotations

from ..validation import check_choice
from .recipe import Data, Network, Optimization, Recipe, Regularization, Schedule

# quick: a good network in a few minutes of two cores. SGD under one cycle is what a few hundred
# steps are best spent on, and BN's moving statistics must follow within them.
QUICK_RECIPE = Recipe()

# paper: RMSprop as for Inception V3, with little augmentation and decay. The paper prints no
# settings; these are the defaults of the authors' published tf-slim scripts: decay and momentum
# 0.9, epsilon 1, rate 0.01 times 0.94 every second epoch, batches of 32, L2 of 4e-5 on everything
# but depthwise filters, BN memory of 0.9997. How many epochs they took is not known.
PAPER_RECIPE = Recipe(
    name="paper",
    network=Network(bn_momentum=None),
    data=Data(batch_size=32, augment="light"),
    optimization=Optimization("rmsprop", rate=0.01, momentum=0.9, decay=0.9, epsilon=1.0),
    schedule=Schedule(epochs=100, shape="exponential", factor=0.94, every=2),
    regularization=Regularization(weight_decay=4e-5),
)

# modern: what the best published V1 used, as far as it is known (timm: AdamW with beta 1 of 0.6,
# thousands of epochs, RandAugment, averaged weights). The rest are ours.
MODERN_RECIPE = Recipe(
    name="modern",
    network=Network(convention="timm", dropout=0.1),
    data=Data(batch_size=256, augment="rand"),
    optimization=Optimization("adamw", rate=3e-3, momentum=0.6, decay=0.995, epsilon=1e-6, clip=5),
    schedule=Schedule(epochs=300, shape="cosine", warm_up=5),
    regularization=Regularization(weight_decay=0.05, label_smoothing=0.1, average=0.9998),
)
RECIPES = {recipe.name: recipe for recipe in (QUICK_RECIPE, PAPER_RECIPE, MODERN_RECIPE)}


def preset(name: str) -> Recipe:
    """One of the three recipes: "quick", "paper" or "modern"."""
    return RECIPES[check_choice("recipe", name, RECIPES)]
