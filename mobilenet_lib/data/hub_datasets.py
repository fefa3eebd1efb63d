"""Data sets that have a name: where they are, and how their images become network input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..preprocess import IMAGENET, INCEPTION, Preprocess


@dataclass(frozen=True)
class Known:
    """One data set of the Hugging Face hub."""

    title: str
    repo: str
    config: str | None
    """Which of the repository's variants; None where there is one only."""
    splits: dict[str, str]
    """The repository's name of "train", "test" and, where there is one, "validation"."""
    sizes: dict[str, int]
    """Images in each split."""
    num_classes: int
    preprocess: Preprocess
    """Resolution, mean, standard deviation, crop and interpolation of its usual evaluation."""
    image: str = "image"
    label: str = "label"
    streaming: bool = False
    """Read over the network while training instead of keeping it all on disk."""
    gated: bool = False
    """One has to log in and accept its terms first."""


# The letters fill their images, and so do CIFAR-10's objects: nothing is cropped away.
GLYPHS = replace(INCEPTION, resolution=64, crop_fraction=1.0)
CIFAR10 = replace(
    IMAGENET,
    resolution=32,
    mean=(0.4914, 0.4822, 0.4465),  # of the 50,000 training images
    std=(0.2470, 0.2435, 0.2616),
    crop_fraction=1.0,
)
ANY_FOLDER = INCEPTION

KNOWN = {
    "cifar10": Known(
        title="CIFAR-10",
        repo="uoft-cs/cifar10",
        config=None,
        splits={"train": "train", "test": "test"},
        sizes={"train": 50_000, "test": 10_000},
        num_classes=10,
        preprocess=CIFAR10,
        image="img",
    ),
    "imagenette": Known(
        title="Imagenette",
        repo="frgfm/imagenette",
        config="320px",
        splits={"train": "train", "test": "validation"},
        sizes={"train": 9_469, "test": 3_925},
        num_classes=10,
        preprocess=IMAGENET,
    ),
    "flowers102": Known(
        title="Flowers-102",
        repo="dpdl-benchmark/oxford_flowers102",
        config=None,
        splits={"train": "train", "validation": "validation", "test": "test"},
        sizes={"train": 1_020, "validation": 1_020, "test": 6_149},
        num_classes=102,
        preprocess=replace(IMAGENET, interpolation="bicubic"),
    ),
    "imagenet-1k": Known(
        title="ImageNet-1k",
        repo="ILSVRC/imagenet-1k",
        config=None,
        # The labels of its own test split are secret; what papers report is "validation".
        splits={"train": "train", "test": "validation"},
        sizes={"train": 1_281_167, "test": 50_000},
        num_classes=1000,
        preprocess=INCEPTION,
        streaming=True,
        gated=True,
    ),
}
