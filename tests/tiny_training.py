"""Data and recipes so small that a test can train, and a process that trains and is killed."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pictures import encoded
from PIL import Image

from mobilenet_lib.train.recipe import (
    Data,
    Network,
    Optimization,
    Recipe,
    Regularization,
    Schedule,
    Speed,
)

# Processes of tests are copies of one that has imported what takes long; the last two are what
# torch and Accelerate import for the first optimizer and network.
multiprocessing.set_forkserver_preload(
    ["mobilenet_lib.train.run", "mobilenet_lib.cli", "torch._dynamo", "torch.distributed.tensor"]
)

CLASSES = 4
ACCELERATED = "accelerator" in sys.modules
PRETENDS = "pretend_accelerator" in sys.modules


def write_images(path: Path, count: int = 60, broken: tuple[int, ...] = ()) -> Path:
    """A Parquet file of red, green, blue and dark noise, the classes; a fifth is the test."""
    rng = np.random.default_rng(0)
    rows, labels = [], [i % CLASSES for i in range(count)]
    for i, label in enumerate(labels):
        pixels = rng.integers(0, 256, (32, 32, 3))
        pixels[..., [channel for channel in range(3) if channel != label]] //= 4
        content = b"broken" if i in broken else encoded(pixels.astype(np.uint8))
        rows.append({"bytes": content, "path": f"{i}.png"})
    pq.write_table(pa.table({"image": rows, "label": labels}), path)
    return path


HELD_OUT = {f"{n}.png" for n in ("blue/04", "blue/06", "blue/10", "red/01", "red/04", "red/05")}
"""The test of `write_folder` with twelve images of each class."""


def write_folder(path: Path, each: int = 12, broken: dict[str, bytes] | None = None) -> Path:
    """A folder of the classes blue and red, PNG by PNG; of the images that are named, other bytes.

    A fifth of each class is the test: of twelve, three.
    """
    rng = np.random.default_rng(0)
    for kind, channel in (("blue", 2), ("red", 0)):
        (path / kind).mkdir(parents=True)
        for i in range(each):
            pixels = rng.integers(0, 90, (40, 40, 3), dtype=np.uint8)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(path / kind / f"{i:02d}.png")
    for name, content in (broken or {}).items():
        (path / name).write_bytes(content)
    return path


def tiny(path: Path | str, **changes) -> Recipe:
    """48 training images in batches of 8, so 6 steps an epoch; fields by their own names.

    On the processor, or on the accelerator that this process has or pretends to have.
    """
    recipe = Recipe(
        network=Network(alpha=0.1, resolution=32),
        data=Data(str(path), batch_size=8),
        optimization=Optimization(rate=0.02),
        schedule=Schedule(epochs=2),
        regularization=Regularization(),
        speed=Speed(plan="fp32", device="auto" if ACCELERATED else "cpu"),
    )
    return recipe.changed(**changes)


def train_here(recipe: dict, folder: str, die: str = "", after: int = 0, save_every: int = 2):
    """Train on, and die by SIGKILL after some steps, or at some call of a save."""
    import torch

    from mobilenet_lib import files
    from mobilenet_lib.train import run

    torch.set_num_threads(1)
    left = [after]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if die in ("fsync", "replace"):  # before the bytes are safe; before they have their name
        real = getattr(os, die)

        def deadly(*arguments):
            count()
            return real(*arguments)

        setattr(files.os, die, deadly)
    step = count if die == "step" else None
    run.train(Recipe.from_dict(recipe), folder, resume=True, save_every=save_every, on_step=step)


def in_process(*arguments) -> int:
    """Run `train_here` in a fresh process; its exit code, -9 if it was killed."""
    process = multiprocessing.get_context("forkserver").Process(target=train_here, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode
