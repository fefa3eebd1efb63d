"""How well networks of two sizes learn "letters in the wild" in a few minutes.

    python data/glyphs/measure_difficulty.py [--difficulty 0.5] [--epochs 5] [--record]

The default difficulty is to separate networks: a wide network that sees all 64 pixels should pass
90 %, a narrow one that sees few pixels stay clearly below.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace

import torch
import torch.nn.functional as F

from mobilenet_lib import data
from mobilenet_lib.bench import record
from mobilenet_lib.model import PAPER, MobileNet

NETWORKS = {"wide": (1.0, 64), "narrow": (0.25, 40)}
"""Width multiplier and resolution."""
# A few hundred steps are too few for the slow moving averages that the authors used.
CONVENTION = replace(PAPER, bn_momentum=0.1)
MAX_RATE, MOMENTUM, DECAY, BATCH_SIZE = 0.2, 0.9, 5e-5, 128


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
) -> dict[str, float]:
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
    return {
        "alpha": alpha,
        "resolution": resolution,
        "epochs": epochs,
        "test_accuracy": round(share, 4),
        "test_images": test.size,
        "train_seconds": round(seconds, 1),
        "composing_seconds": round(composing, 1),
    }


def main() -> None:
    """Train, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="how well networks learn letters in the wild")
    parser.add_argument(
        "--difficulty", type=float, help="from soft (0) to harsh (1); not given: the default"
    )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=tuple(NETWORKS), help="train only one of the networks")
    parser.add_argument(
        "--record", action="store_true", help="write data/results/difficulty.json with provenance"
    )
    options = parser.parse_args()
    if options.only and options.record:
        parser.error("--record wants both networks, so it does not go with --only")
    share = options.difficulty
    difficulty = data.DEFAULT if share is None else data.SOFT.between(data.HARSH, share)
    print(difficulty, flush=True)
    start = time.perf_counter()
    networks = {
        name: train(*network, difficulty, options.epochs, options.seed)
        for name, network in NETWORKS.items()
        if options.only in (None, name)
    }
    if options.record:
        results = {"difficulty": asdict(difficulty), "networks": networks}
        path = record("difficulty", results, options.seed, time.perf_counter() - start)
        print(f"recorded in data/results/{path.name}")


if __name__ == "__main__":
    main()
