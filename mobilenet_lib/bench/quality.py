"""What an engine decides, on images that mean something, and what eight bits cost.

Speed is measured on a network with random weights, since they change nothing in what is computed.
Decisions need trained ones: letters in the wild at 56 pixels, which have labels, and the person
detector on the photos, which is small and narrow, as networks are that go into int8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import data
from ..engines import ENGINES, Engine, EngineError, accuracy, answers, difference
from ..engines.onnx_model import possible_bits
from ..files import find_data
from ..model import MobileNet
from ..photos import credits, load_photo
from ..process import torch_defaults
from ..text import format_table
from ..timing import significant
from ..validation import check_choice, check_int
from ..weights import load_published
from .results import Quality

READER, DETECTOR = "letters_100_56", "person_detector"
IMAGES, BATCH = 1000, 40
CALIBRATION, CROPS = 256, 32
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5))
SHARE = 0.8
"""Of a photo's sides that a view keeps."""
MakeEngine = Callable[[], Engine]


@dataclass
class Exam:
    """Images with eager's answers to them, the same for every engine."""

    net: MobileNet
    """What answers."""
    images: Tensor
    """(N, 3, H, W) network input."""
    calibration: Tensor
    """Other images like these, for int8."""
    labels: Tensor = field(default_factory=partial(torch.empty, 0))
    """(N,) right answers; none for the photos."""

    @cached_property
    def expected(self) -> Tensor:
        """(N, classes) logits of eager."""
        with torch.inference_mode():
            return torch.cat([self.net(part) for part in self.images.split(100)])

    def answers(self, make: MakeEngine, threads: int | None, count: int | None = None) -> Tensor:
        """(count, classes) logits of a new engine; None: for all images."""
        images = self.images[:count]
        batch = min(BATCH, len(images))
        engine = make().prepare(self.net, images[:batch], self.calibration, threads)
        return answers(engine, images)


def views(photo: np.ndarray) -> list[np.ndarray]:
    """A photo, its four corners and its middle; and the mirror images of all six."""
    looks = [photo, *(crop(photo, SHARE, *place) for place in CORNERS)]
    return looks + [np.ascontiguousarray(look[:, ::-1]) for look in looks]


VIEWS = 2 * (1 + len(CORNERS))


def crop(photo: np.ndarray, share: float, down: float, right: float) -> np.ndarray:
    """A part of a photo with `share` of its sides; `down` and `right`, 0 to 1, say where."""
    height, width = (max(1, round(share * side)) for side in photo.shape[:2])
    top, left = round(down * (photo.shape[0] - height)), round(right * (photo.shape[1] - width))
    return np.ascontiguousarray(photo[top : top + height, left : left + width])


@dataclass
class Examiner:
    """Examines one engine after the other; images are made, and answered by eager, once."""

    device: torch.device
    """Where engines run."""
    seed: int = 0
    """Of the calibration images."""
    threads: int | None = None
    """That engines run with."""

    def __post_init__(self) -> None:
        for part in ("checkpoints", "glyphs", "photos"):
            find_data(part)  # what is missing is missing for all engines: said once, and before

    @cached_property
    def letters(self) -> Exam:
        """Letters in the wild for the reader of letters, calibrated on training letters."""
        net = self.trained(READER)
        load = partial(load_letters, net, seed=self.seed, device=self.device)
        shown, labels = load("test", None)
        calibration, _ = load("train", CALIBRATION, batch_size=CALIBRATION)
        return Exam(net, shown, calibration, labels)

    @cached_property
    def photos(self) -> tuple[Exam, ...]:
        """The book's photos for the person detector: two halves, each calibrated on the other.

        The images are all `views` of one photo, then all of the next.
        """
        net = self.trained(DETECTOR)
        assert net.preprocess is not None  # the file says how its photos are prepared
        random = np.random.default_rng(self.seed)
        names = tuple(credits())
        halves = []
        for part in (0, 1):
            looks = [view for name in names[part::2] for view in views(load_photo(name))]
            crops = [
                crop(load_photo(name), SHARE * random.uniform(0.4, 1), *random.uniform(size=2))
                for name in names[1 - part :: 2]
                for _ in range(CROPS)
            ]
            shown, calibration = (
                torch.cat([net.preprocess(photo) for photo in photos]).to(self.device)
                for photos in (looks, crops)
            )
            halves.append(Exam(net, shown, calibration))
        return tuple(halves)

    def trained(self, name: str) -> MobileNet:
        """A network of the book, where engines run."""
        checkpoint = find_data(f"checkpoints/{name}.safetensors")
        return load_published(checkpoint).eval().to(self.device)

    def quality(self, make: MakeEngine, precision: str, off: float) -> Quality:
        """Answers of an engine to 1,000 letters; in int8 to all 5,200, and to the photos.

        Its logits count as far off as the farthest, on the letters or wherever else they were
        `off`.
        """
        exam = self.letters
        count = len(exam.images) if precision == "int8" else IMAGES
        expected = exam.expected[:count]
        logits = exam.answers(make, self.threads, count)
        if not logits.isfinite().all():
            raise EngineError("some of its logits for the letters are no finite numbers")
        got, wanted, right = decided(logits), decided(expected), exam.labels[:count].cpu()
        photos = looks = None
        if precision == "int8":
            same = torch.cat(
                [
                    decided(part.answers(make, self.threads)) == decided(part.expected)
                    for part in self.photos
                ]
            )
            photos = int(same[::VIEWS].sum()), len(same[::VIEWS])
            looks = int(same.sum()), len(same)
        return Quality(
            difference=significant(max(off, difference(logits, expected)), 3),
            images=count,
            agreement=share(got == wanted),
            accuracy=share(got == right),
            accuracy_eager=share(wanted == right),
            photos=photos,
            views=looks,
        )


def load_letters(
    net: MobileNet,
    split: str,
    limit: int | None,
    seed: int,
    device: torch.device | str = "cpu",
    batch_size: int = 100,
) -> tuple[Tensor, Tensor]:
    """The first images of a split as the network wants them, (N, 3, H, W), and their labels."""
    batches = data.load(
        "glyphs",
        split=split,
        batch_size=batch_size,
        preprocess=net.preprocess,
        seed=seed,
        device=device,
    )
    enough = None if limit is None else -(-limit // batch_size)
    images, labels = (torch.cat(part) for part in zip(*islice(batches, enough), strict=True))
    return images[:limit], labels[:limit]


def decided(logits: Tensor) -> Tensor:
    """Class of each row's largest logit."""
    return logits.argmax(1).cpu()


def share(hits: Tensor) -> float:
    """Share of True."""
    return round(hits.double().mean().item(), 6)


CHECKPOINTS = ("letters_100_56", "letters_75_56", "letters_50_56", "letters_25_56")
ENGINE_NAMES = ("openvino-int8", "onnxruntime-int8")
AT_ONCE = 100
POINTS_LIMIT = 1.0
"""Points of accuracy that a step for each channel may lose."""


@dataclass(frozen=True)
class Eight:
    """One network in one engine, in percent of the test images named right."""

    checkpoint: str
    engine: str
    weight_bits: int
    fp32: float
    per_channel: float
    per_layer: float

    @property
    def lost(self) -> float:
        """Points lost with a step for each channel."""
        return self.fp32 - self.per_channel


@dataclass(frozen=True)
class Int8Bench:
    """Networks of the book in eight bits."""

    test_images: int
    calibration_images: int
    rows: tuple[Eight, ...]
    missing: dict[str, str]
    """Engines that are not here, and why."""

    @property
    def within_limits(self) -> bool:
        """Whether no network loses more than a point with a step for each channel."""
        return all(row.lost <= POINTS_LIMIT for row in self.rows)

    def __str__(self) -> str:
        columns = {"network": "", "engine": "", "bits": "d", "fp32": ".2f"}
        columns |= {"per channel": ".2f", "per layer": ".2f"}
        return "\n".join(
            [
                f"Letters in the wild, {self.test_images:,} test images, calibrated on "
                f"{self.calibration_images} of the training set; accuracy in %",
                *format_table(columns, map(astuple, self.rows)),
                *(f"{name}: {reason}" for name, reason in self.missing.items()),
            ]
        )


@torch_defaults()
def bench_int8(
    checkpoints: Sequence[str] = CHECKPOINTS,
    engines: Sequence[str] = ENGINE_NAMES,
    calibration_images: int = 100,
    seed: int = 0,
    limit: int | None = None,
) -> Int8Bench:
    """Measure the accuracy of letters networks in int8, by how the steps are chosen.

    Parameters
    ----------
    checkpoints
        Letters networks that `load_published` finds.
    engines
        Int8 engines that can do both.
    calibration_images
        Of the training set, for the ranges of activations.
    seed
        Of the choice of these.
    limit
        Test images; None: all.

    Raises
    ------
    ValueError
        None of the engines can run here, or a value out of range.
    """
    for name in engines:
        check_choice("engine", name, ENGINE_NAMES)
    count = check_int("calibration_images", calibration_images, 1)
    availability = {name: ENGINES[name].available() for name in engines}
    missing = {name: answer.reason for name, answer in availability.items() if not answer}
    if len(missing) == len(availability):
        raise ValueError(f"no engine for int8 can run here: {missing}")
    rows: list[Eight] = []
    images = labels = torch.empty(0)
    for checkpoint in checkpoints:
        net = load_published(checkpoint).eval()
        images, labels = load_letters(net, "test", limit, seed)
        calibration, _ = load_letters(net, "train", count, seed)
        percent = partial(_percent, net, images, labels, calibration)
        exact = percent("eager")
        for name in (name for name in engines if name not in missing):
            for bits in possible_bits():
                steps = (
                    percent(name, per_channel=each, weight_bits=bits) for each in (True, False)
                )
                rows.append(Eight(checkpoint, name, bits, exact, *steps))
    return Int8Bench(len(labels), count, tuple(rows), missing)


def _percent(
    net: MobileNet, images: Tensor, labels: Tensor, calibration: Tensor, name: str, **options: Any
) -> float:
    engine = ENGINES[name](**options).prepare(net, images[:AT_ONCE], calibration)
    return round(100 * accuracy(engine, images, labels), 2)
