"""What an engine decides, on images that mean something: letters, and the book's photos.

Speed is measured on a network with random weights, since they change nothing in what is computed.
Decisions need trained ones: letters in the wild at 56 pixels, which have labels, and the person
detector on the photos, which is small and narrow, as networks are that go into int8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from .. import data
from ..engines import Engine, EngineError, answers, difference
from ..files import find_data
from ..model import MobileNet
from ..photos import credits, load_photo
from ..timing import significant
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
