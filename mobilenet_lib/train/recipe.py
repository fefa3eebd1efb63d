"""A recipe: everything that decides how a network is trained, one frozen dataclass a concern.

>>> recipe = preset("paper")
>>> recipe.schedule.epochs, recipe.optimization.optimizer
(100, 'rmsprop')

A field is an option: `mobilenet train` and `mobilenet sweep` read these classes, and the sentence
below a field is what --help says of it. So a new field needs no more than its use in training, and
is in every checkpoint and results file of a run. Nothing here needs torch.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args

from tyro.conf import arg

from ..architecture import Body, DropStride, mobilenet_v1
from ..convention import MAX_SHIFT
from ..validation import check_choice, check_int, check_number, check_positive, check_share

RecipeName = Literal["quick", "paper", "modern"]
ConventionName = Literal["paper", "tf-slim", "keras", "timm"]
Augment = Literal["default", "none", "light", "paper", "rand"]
Level = Literal["soft", "default", "harsh"]
Optimizer = Literal["sgd", "rmsprop", "adamw"]
Shape = Literal["one-cycle", "cosine", "exponential", "constant"]
PlanName = Literal[
    "auto",
    "nchw-fp32",
    "fp32",
    "fp32-gemm",
    "rearranged-fp32",
    "rearranged-fp32-gemm",
    "kernels-fp32",
    "pointwise-bf16",
    "pointwise-bf16-gemm",
    "rearranged-bf16",
    "rearranged-bf16-gemm",
    "kernels-bf16-gemm",
    "bf16",
]
PLANS = get_args(PlanName)


def _keep(part: Any, name: str, value: Any) -> None:
    """Keep a value as the plain number that it stands for, such as 3 for 3.0."""
    object.__setattr__(part, name, value)


@dataclass(frozen=True)
class Network:
    """Which network is trained."""

    alpha: float = 1.0
    """Width multiplier (Eq. 6)."""
    resolution: int = 64
    """Side of the images in pixels, at least 32."""
    body: Body = "separable"
    """Table 1 as it is, with full 3x3 convolutions (Table 4), or without five layers (Table 5)."""
    drop_stride: DropStride = "none"
    """Stride of 2 that becomes 1, for small images: none, the first one or the last of the five."""
    convention: ConventionName = "paper"
    """Convention for ReLU, padding and BN epsilon, which the paper leaves open."""
    bn_momentum: float | None = 0.1  # the authors' 0.0003 needs many thousand steps
    """Share of the new batch in BN's moving statistics; None takes the convention's own."""
    bn_shift: float = 1.0
    """First value of BN's beta in all layers but the last; at 0, the usual, a deep network guesses
    for hundreds of steps before it learns."""
    freeze_statistics: bool = False
    """Normalize with the moving statistics while training, too, and leave them as they are."""
    dropout: float | None = None
    """Probability of dropping a feature before the classifier; None takes the convention's own."""

    def __post_init__(self) -> None:
        size = self.alpha, self.resolution, 2, self.body  # what is wrong with them, it names
        arch = mobilenet_v1(*size, drop_stride=self.drop_stride)
        _keep(self, "alpha", arch.alpha)
        _keep(self, "resolution", arch.resolution)
        check_choice("convention", self.convention, get_args(ConventionName))
        if self.bn_momentum is not None:
            check_positive("bn_momentum", self.bn_momentum, 1)
        _keep(self, "bn_shift", check_number("bn_shift", self.bn_shift, 0, MAX_SHIFT))
        if self.dropout is not None:
            check_share("dropout", self.dropout)


@dataclass(frozen=True)
class Data:
    """What it learns from."""

    dataset: str = "glyphs"
    """Data set: glyphs, a known name like cifar10, a folder of class folders or a Parquet file."""
    batch_size: int = 128
    """Number of images in a step, all processes together."""
    augment: Augment = "default"
    """Variation of training images; rand is light with RandAugment, default the data set's own."""
    difficulty: Level = "default"
    """Difficulty of letters in the wild."""
    workers: int | None = None
    """Threads that decode images in each process; None takes one a core, 8 at most."""
    left_out: float = 0.25
    """Largest share of images, the test's too, that may be broken or unreadable without stopping
    the run; 1 allows all."""

    def __post_init__(self) -> None:
        _keep(self, "batch_size", check_int("batch_size", self.batch_size, 1))
        check_choice("augment", self.augment, get_args(Augment))
        check_choice("difficulty", self.difficulty, get_args(Level))
        if self.workers is not None:
            _keep(self, "workers", check_int("workers", self.workers, 1, 256))
        _keep(self, "left_out", check_number("left_out", self.left_out, 0, 1))


@dataclass(frozen=True)
class Optimization:
    """How a gradient becomes a step."""

    optimizer: Optimizer = "sgd"
    """SGD with momentum, TensorFlow's RMSprop as the authors used it, or AdamW."""
    rate: float = 0.2
    """Largest learning rate of the schedule."""
    momentum: float = 0.9
    """Momentum of SGD and RMSprop, or AdamW's beta 1."""
    decay: float = 0.9
    """Memory of the squared gradients: RMSprop's decay, or AdamW's beta 2."""
    epsilon: float = 1e-8
    """Term that keeps the division by them finite; RMSprop adds it under the square root, and
    tf-slim's is 1."""
    clip: float | None = None
    """Longest gradient, all parameters together; a longer one is shortened. None shortens none."""

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, get_args(Optimizer))
        check_positive("rate", self.rate)
        check_share("momentum", self.momentum)
        check_share("decay", self.decay)
        check_positive("epsilon", self.epsilon)
        if self.clip is not None:
            check_positive("clip", self.clip)


@dataclass(frozen=True)
class Schedule:
    """How long, and how the learning rate runs."""

    epochs: int = 6
    """Number of passes over the training images."""
    shape: Shape = "one-cycle"
    """Course of the rate; one-cycle warms up over 30 % of the steps, and cycles momentum, too."""
    warm_up: float = 0.0
    """Epochs in which the rate rises from 0; for all shapes but one-cycle, which has its own."""
    factor: float = 0.94
    """Factor by which the exponential shape multiplies the rate each time."""
    every: float = 2.0
    """Epochs from one such multiplication to the next."""

    def __post_init__(self) -> None:
        _keep(self, "epochs", check_int("epochs", self.epochs, 1))
        check_choice("shape", self.shape, get_args(Shape))
        check_positive("factor", self.factor, 1)
        check_positive("every", self.every)
        if not (math.isfinite(self.warm_up) and self.warm_up >= 0):
            raise ValueError(f"warm_up must be a number of epochs >= 0, got {self.warm_up!r}")
        if self.warm_up >= self.epochs:
            raise ValueError(
                f"warm_up ({self.warm_up:g} epochs) must be shorter than the training "
                f"({self.epochs} epochs): shorten it or train longer"
            )
        if self.shape == "one-cycle" and self.warm_up:
            raise ValueError(
                "warm_up is for the other shapes: one-cycle has its own, over the first 30 % of "
                "the steps. Leave warm_up at 0 or take shape cosine"
            )


@dataclass(frozen=True)
class Regularization:
    """What keeps a network from learning the training images by heart. Small ones need little."""

    weight_decay: float = 5e-4
    """Pull towards 0 of the weights of convolutions and of the classifier."""
    decay_depthwise: bool = False
    """Let depthwise filters decay, too; each has nine weights, and the paper advises against it."""
    decay_norms: bool = False
    """Let BN's gamma and beta and the classifier's bias decay, too."""
    label_smoothing: float = 0.0
    """Share of the target that is spread over all classes."""
    average: float | None = None
    """Memory of a moving average of the weights to test, such as 0.9998; None tests the weights."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(f"weight_decay must be a number >= 0, got {self.weight_decay!r}")
        check_share("label_smoothing", self.label_smoothing)
        if self.average is not None:
            check_share("average", self.average)


@dataclass(frozen=True)
class Speed:
    """Where it runs and in which numbers; "auto" measures what is fastest on this machine."""

    plan: PlanName = "auto"
    """Layout and precision, see mobilenet_lib.train.plan; auto takes what is fastest here."""
    compile: bool = False
    """Also compile the network with torch.compile; worth its minute on a GPU."""
    device: Literal["auto", "cpu"] = "auto"
    """Device to train on; auto is the GPU if there is one, else the processor."""
    accumulate: bool = False
    """Take a batch that does not fit into the GPU's memory in parts, instead of stopping."""

    def __post_init__(self) -> None:
        check_choice("plan", self.plan, PLANS)
        check_choice("device", self.device, ("auto", "cpu"))


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained."""

    name: Annotated[RecipeName, arg(name="recipe")] = "quick"
    """Recipe whose values all options start from; --recipe paper --help shows the paper's."""
    seed: int = 0
    """Seed of the weights, the order and composition of the images, and dropout."""
    network: Network = Network()
    data: Data = Data()
    optimization: Optimization = Optimization()
    schedule: Schedule = Schedule()
    regularization: Regularization = Regularization()
    speed: Speed = Speed()

    def __post_init__(self) -> None:
        check_choice("name", self.name, get_args(RecipeName))
        _keep(self, "seed", check_int("seed", self.seed, 0))

    def changed(self, **values: Any) -> Recipe:
        """A recipe with other values, each by its own name: `changed(alpha=0.5, epochs=3)`.

        Raises
        ------
        ValueError
            No recipe has a value of that name, or it is out of range.
        TypeError
            A number is none.
        """
        if unknown := values.keys() - flat(self).keys():
            raise ValueError(
                f"a recipe has no {', '.join(sorted(unknown))}; it has {', '.join(flat(self))}"
            )
        for part, held in asdict(self).items():
            if isinstance(held, dict):
                new = {name: values.pop(name) for name in held if name in values}
                values[part] = replace(getattr(self, part), **new)
        return replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Recipe:
        """The recipe that `to_dict` described; values are checked anew.

        What an older record lacks is read as what held before there was a choice.
        """
        made = {each.name: stored[each.name] for each in fields(cls)}
        for name, part in vars(cls()).items():
            if not isinstance(part, str | int):
                made[name] = replace(part, **BEFORE.get(name, {}) | made[name])
        return cls(**made)

    def differences(self, other: Recipe) -> list[str]:
        """What another recipe has otherwise, such as "alpha 1.0 (here 0.5)".

        Not where the data lies, for it may be moved, nor how much of it may be left out, which
        decides whether a run goes on and not what it learns.
        """
        mine, theirs = flat(self), flat(other)
        for name in ("dataset", "left_out"):
            del mine[name]
        return [f"{k} {theirs[k]} (here {v})" for k, v in mine.items() if theirs[k] != v]


BEFORE: dict[str, dict[str, Any]] = {"network": {"bn_shift": 0.0}}
"""Values, part by part, of recipes that were recorded before there was a choice."""


def flat(recipe: Recipe) -> dict[str, Any]:
    """All values of a recipe by their own names, which are unique."""
    values: dict[str, Any] = {}
    for name, value in asdict(recipe).items():
        values |= value if isinstance(value, dict) else {name: value}
    return values


# quick: a good network in a few minutes of two cores. SGD under one cycle is what a few hundred
# steps are best spent on, BN's beta at 1 lets the first of them teach something, and BN's moving
# statistics must follow within them.
QUICK_RECIPE = Recipe()

# paper: RMSprop as for Inception V3, with little augmentation and decay. The paper prints no
# settings; these are the defaults of the authors' published tf-slim scripts: decay and momentum
# 0.9, epsilon 1, rate 0.01 times 0.94 every second epoch, batches of 32, L2 of 4e-5 on everything
# but depthwise filters, BN memory of 0.9997. How many epochs they took is not known.
PAPER_RECIPE = Recipe(
    name="paper",
    network=Network(bn_momentum=None, bn_shift=0.0),
    data=Data(batch_size=32, augment="light"),
    optimization=Optimization("rmsprop", rate=0.01, momentum=0.9, decay=0.9, epsilon=1.0),
    schedule=Schedule(epochs=100, shape="exponential", factor=0.94, every=2),
    regularization=Regularization(weight_decay=4e-5),
)

# modern: what the best published V1 used, as far as it is known (timm: AdamW with beta 1 of 0.6,
# thousands of epochs, RandAugment, averaged weights). The rest are ours.
MODERN_RECIPE = Recipe(
    name="modern",
    network=Network(convention="timm", dropout=0.1, bn_shift=0.0),
    data=Data(batch_size=256, augment="rand"),
    optimization=Optimization("adamw", rate=3e-3, momentum=0.6, decay=0.995, epsilon=1e-6, clip=5),
    schedule=Schedule(epochs=300, shape="cosine", warm_up=5),
    regularization=Regularization(weight_decay=0.05, label_smoothing=0.1, average=0.9998),
)
RECIPES = {recipe.name: recipe for recipe in (QUICK_RECIPE, PAPER_RECIPE, MODERN_RECIPE)}


def preset(name: str) -> Recipe:
    """One of the three recipes: "quick", "paper" or "modern"."""
    return RECIPES[check_choice("recipe", name, RECIPES)]
