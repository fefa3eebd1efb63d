r"""How well networks of three sizes learn "letters in the wild" in a few minutes.

    python data/glyphs/measure_difficulty.py [--difficulty 0.5] [--epochs 6] [--record]
    python data/glyphs/measure_difficulty.py --record \
        --teacher data/checkpoints/letters_teacher.safetensors

The default difficulty is to separate networks: a wide network that sees all 64 pixels should pass
90 %, a narrow one that sees few pixels stay clearly below. The one between is the teacher of
chapter 07.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace

import torch
import torch.nn.functional as F

from mobilenet_lib import data
from mobilenet_lib.convention import PAPER
from mobilenet_lib.files import record_result
from mobilenet_lib.model import MobileNet
from mobilenet_lib.weights import save_checkpoint

NETWORKS = {"teacher": (0.5, 64), "wide": (1.0, 64), "narrow": (0.25, 37)}
"""Width multiplier and resolution; 37 is to 64 as the paper's 128 is to its 224."""
# A few hundred steps are too few for the slow moving averages that the authors used.
CONVENTION = replace(PAPER, bn_momentum=0.1)
MAX_RATE, MOMENTUM, DECAY, BATCH_SIZE = 0.2, 0.9, 5e-4, 128


def accuracy(net: MobileNet, batches: data.Batches) -> float:
    """Share of images whose most likely class is right."""
    net.eval()
    right = 0
    with torch.inference_mode():
        for images, labels in batches:
            right += (net(images).argmax(1) == labels).sum().item()
    return right / batches.size


def train(
    alpha: float, resolution: int, difficulty: data.Difficulty, epochs: int, seed: int
) -> tuple[MobileNet, dict[str, float]]:
    """Train one network with SGD under a one-cycle schedule, and test it on held-out letters."""
    torch.manual_seed(seed)
    options = {"resolution": resolution, "difficulty": difficulty, "batch_size": BATCH_SIZE}
    batches = data.load("glyphs", seed=seed, **options)
    test = data.load("glyphs", split="test", **options)
    arch = CONVENTION.architecture(26, alpha=alpha, resolution=resolution)
    net = MobileNet(arch, CONVENTION).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), MAX_RATE, MOMENTUM, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, MAX_RATE, epochs=epochs, steps_per_epoch=len(batches)
    )
    seconds, composing = time.perf_counter(), 0.0
    for epoch in range(epochs):
        net.train()
        total, start = 0.0, time.perf_counter()
        for images, labels in batches:
            composing += time.perf_counter() - start
            loss = F.cross_entropy(
                net(images.contiguous(memory_format=torch.channels_last)), labels
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            start = time.perf_counter()
        minutes = (time.perf_counter() - seconds) / 60
        print(
            f"alpha {alpha:g}, {resolution} px, epoch {epoch + 1} of {epochs}: "
            f"loss {total / len(batches):.3f}, {minutes:.1f} min",
            flush=True,
        )
    seconds = time.perf_counter() - seconds
    share = accuracy(net, test)
    print(f"alpha {alpha:g}, {resolution} px: {share:.1%} of {test.size:,} test images", flush=True)
    net.preprocess, net.classes = test.preprocess, test.classes
    return net, {
        "alpha": alpha,
        "resolution": resolution,
        "epochs": epochs,
        "test_accuracy": round(share, 4),
        "test_images": test.size,
        "train_seconds": round(seconds, 1),
        "composing_seconds": round(composing, 1),
    }


def save_teacher(
    net: MobileNet, measured: dict[str, float], difficulty: data.Difficulty, path: str, seed: int
) -> None:
    """Write the teacher of chapter 07 with where it is from."""
    source = {
        "title": "MobileNetV1 0.5 at 64x64, letters in the wild",
        "origin": "trained by data/glyphs/measure_difficulty.py",
        "licence": "Apache-2.0",
        "trained on": "data/glyphs, composed as letters in the wild",
        "difficulty": asdict(difficulty),
        "epochs": measured["epochs"],
        "seed": seed,
        "accuracy": measured["test_accuracy"],
    }
    save_checkpoint(net, path, source=source)
    print(f"written to {path}")


def main() -> None:
    """Train, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="how well networks learn letters in the wild")
    parser.add_argument(
        "--difficulty", type=float, help="from soft (0) to harsh (1); not given: the default"
    )
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=tuple(NETWORKS), help="train one of the networks only")
    parser.add_argument(
        "--record", action="store_true", help="write data/results/difficulty.json with provenance"
    )
    parser.add_argument("--teacher", metavar="PATH", help="keep the teacher as a checkpoint")
    options = parser.parse_args()
    if options.only and options.record:
        parser.error("--record wants all networks, so it does not go with --only")
    if options.teacher and options.only not in (None, "teacher"):
        parser.error(f"--teacher keeps the teacher, which --only {options.only} does not train")
    share = options.difficulty
    difficulty = data.DEFAULT if share is None else data.SOFT.between(data.HARSH, share)
    print(difficulty, flush=True)
    start = time.perf_counter()
    measured = {}
    for name, network in NETWORKS.items():
        if options.only in (None, name):
            net, measured[name] = train(*network, difficulty, options.epochs, options.seed)
            if name == "teacher" and options.teacher:
                save_teacher(net, measured[name], difficulty, options.teacher, options.seed)
    if options.record:
        results = {"difficulty": asdict(difficulty), "networks": measured}
        content = {"results": results, "wall_time_s": round(time.perf_counter() - start, 1)}
        path = record_result("difficulty", content, options.seed, ("torch", "numpy"))
        print(f"recorded in data/results/{path.name}")


if __name__ == "__main__":
    main()
