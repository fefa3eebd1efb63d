"""Four ways to a small network: prune, quantize or distil a trained one, or train a narrow one.

    python data/checkpoints/measure_prior_work.py [--epochs 6] [--runs runs/prior_work] [--record]

The paper's section 2 divides prior work in two: compress a trained network, or train a small one.
Here is one example of each on letters in the wild at 56 pixels, all stored in about as many bytes
as a network of alpha 0.25 takes in float32, batch normalization folded. They come from one trained
network of alpha 0.5, and one seed each. Interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobilenet_lib import Architecture, MobileNet
from mobilenet_lib.bench.quality import AT_ONCE, load_letters
from mobilenet_lib.engines import ENGINES, accuracy
from mobilenet_lib.engines.folding import fold
from mobilenet_lib.files import record_result
from mobilenet_lib.train import Recipe, Result, Trainer, preset, train
from mobilenet_lib.train.factory import make_architecture

WIDE, NARROW, RESOLUTION, LETTERS = 0.5, 0.25, 56, 26
ENGINE, CALIBRATION = "onnxruntime-int8", 100
TEMPERATURE, LABELS = 2.0, 0.5
"""Of the softmax by which the student learns, and the share of its loss that labels give."""
TUNING, TUNING_RATE = 3, 0.03
"""Epochs and first rate after pruning."""
FLOAT32, STEP = 4, 4
"""Bytes of a number, and of a channel's step in int8."""


@dataclass(frozen=True)
class Row:
    """One network and what it is worth."""

    name: str
    accuracy: float
    """Test letters named right, in percent."""
    parameters: int
    """Numbers to store, batch normalization folded; of pruned weights those that are left."""
    bytes: int
    mult_adds: int
    """Those with a weight that is not 0."""
    epochs: int
    """Of training, that of the network it comes from or learns from included."""
    note: str


def stored(arch: Architecture) -> tuple[int, int]:
    """Weights and biases of a network whose batch normalization is folded."""
    return arch.parameters_as_printed, sum(layer.out_channels for layer in arch.layers)


def dense_bytes(arch: Architecture) -> int:
    """What all of it takes in float32."""
    return FLOAT32 * sum(stored(arch))


class Student(Trainer):
    """A run whose loss is partly the labels', partly that of a teacher's answers."""

    teacher: nn.Module

    def _backward(self, images: Tensor, labels: Tensor, rows: slice) -> Tensor:
        part = images[rows].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            soft = (self.teacher(part) / TEMPERATURE).softmax(1)
        logits = self.model(part).float()
        taught = F.cross_entropy(logits / TEMPERATURE, soft) * TEMPERATURE**2
        loss = LABELS * F.cross_entropy(logits, labels[rows]) + (1 - LABELS) * taught
        loss = loss * (logits.shape[0] / len(images))
        loss.backward()
        return loss.detach()


def to_the_end(trainer: Trainer, name: str) -> Result:
    """Take all steps that are left, saving now and then."""
    while not trainer.finished:
        done = trainer.step()
        if done.accuracy is not None or done.number % 200 == 0:
            trainer.save()
        if done.accuracy is not None:
            print(f"{name}, epoch {done.epoch}: {done.accuracy:.1%}", flush=True)
    return trainer.result()


def pointwise(net: nn.Module) -> Iterator[nn.Conv2d]:
    """The 1x1 layers, which hold nearly all weights."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            yield module


def share_to_keep(arch: Architecture, budget: int) -> float:
    """Share of the 1x1 layers' weights that fit into so many bytes.

    Beside the numbers that are left lies one bit for every place, which says whether there is one.
    """
    places = sum(x.parameters_as_printed for x in arch.layers if x.kind == "pointwise")
    rest = sum(stored(arch)) - places
    return (budget - places / 8 - FLOAT32 * rest) / (FLOAT32 * places)


def prune(net: nn.Module, keep: float) -> None:
    """Keep the largest weights of each 1x1 layer, and hold the others at 0."""
    for layer in pointwise(net):
        weight = layer.weight
        if not (weight == 0).any():  # those of a run that goes on are pruned already
            least = weight.detach().abs().flatten().kthvalue(round((1 - keep) * weight.numel()))
            weight.data[weight.detach().abs() <= least.values] = 0
        mask = weight.detach() != 0
        weight.register_hook(lambda gradient, mask=mask: gradient * mask)


def pruned(wide: MobileNet, recipe: Recipe, folder: Path, epochs: int) -> Row:
    """The wide network without its smallest weights, tuned with those that are left."""
    budget = dense_bytes(make_architecture(recipe.changed(alpha=NARROW).network, LETTERS))
    keep = share_to_keep(wide.arch, budget)
    tuning = recipe.changed(epochs=TUNING, rate=TUNING_RATE, shape="cosine")
    trainer = Trainer(tuning, folder, resume=True)
    if not trainer.done:
        trainer.net.load_state_dict(wide.state_dict())
    prune(trainer.net, keep)
    result = to_the_end(trainer, "pruned")
    left, mult_adds = 0, 0
    for layer in wide.arch.layers:
        count, work = layer.parameters_as_printed, layer.mult_adds
        if layer.kind == "pointwise":
            weight = result.net.get_parameter(f"{layer.name}.conv.weight")
            count = int(weight.count_nonzero())
            work = count * layer.out_size**2
        left, mult_adds = left + count + layer.out_channels, mult_adds + work
    places = sum(x.parameters_as_printed for x in wide.arch.layers if x.kind == "pointwise")
    note = f"{1 - keep:.0%} of the 1x1 layers' weights are 0, the smallest of each; then tuned"
    size = FLOAT32 * left + places // 8
    return Row("pruned", percent(result), left, size, mult_adds, epochs + TUNING, note)


def quantized(wide: MobileNet, seed: int, epochs: int) -> Row:
    """The wide network in eight bits, weights with a step a channel, and activations."""
    images, labels = load_letters(wide, "test", None, seed)
    calibration, _ = load_letters(wide, "train", CALIBRATION, seed)
    engine = ENGINES[ENGINE]().prepare(wide, images[:AT_ONCE], calibration)
    right = round(100 * accuracy(engine, images, labels), 2)
    weights, biases = stored(wide.arch)
    size = weights + (FLOAT32 + STEP) * biases
    note = f"weights and activations in int8, a step a channel, by {ENGINE}"
    return Row("quantized", right, weights + biases, size, wide.arch.mult_adds, epochs, note)


def distilled(wide: MobileNet, recipe: Recipe, folder: Path, epochs: int) -> Row:
    """The narrow network, with the wide one as its teacher."""
    student = Student(recipe.changed(alpha=NARROW), folder, resume=True)
    layout = torch.channels_last
    student.teacher = fold(wide).to(memory_format=layout)  # type: ignore[call-overload]
    note = f"alpha {NARROW}, half of its loss from the wide one's answers at T = {TEMPERATURE:g}"
    return dense("distilled", to_the_end(student, "distilled"), 2 * epochs, note)


def dense(name: str, result: Result, epochs: int, note: str) -> Row:
    """A network as it is."""
    arch = result.net.arch
    size = sum(stored(arch)), dense_bytes(arch), arch.mult_adds
    return Row(name, percent(result), *size, epochs, note)


def percent(result: Result) -> float:
    """Test letters named right."""
    assert result.accuracy is not None  # it is finished
    return round(100 * result.accuracy, 2)


def measure(recipe: Recipe, runs: Path) -> Iterator[Row]:
    """The five networks, one after the other."""
    epochs = recipe.schedule.epochs
    wide = train(recipe, runs / "wide", resume=True)
    yield dense("wide", wide, epochs, f"alpha {WIDE}, where all but the narrow one come from")
    yield quantized(wide.net, recipe.seed, epochs)
    narrow = train(recipe.changed(alpha=NARROW), runs / "narrow", resume=True)
    yield dense("narrow", narrow, epochs, f"alpha {NARROW}, trained by itself")
    yield pruned(wide.net, recipe, runs / "pruned", epochs)
    yield distilled(wide.net, recipe, runs / "distilled", epochs)


def main() -> None:
    """Measure, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="prune, quantize, distil, or train a narrow one")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/prior_work"), help="for checkpoints"
    )
    parser.add_argument(
        "--record", action="store_true", help="write data/results/prior_work.json with provenance"
    )
    options = parser.parse_args()
    size = {"alpha": WIDE, "resolution": RESOLUTION, "batch_size": 32, "rate": 0.1}
    given = {"epochs": options.epochs, "seed": options.seed, "plan": "fp32-gemm"}
    recipe = preset("quick").changed(**size, **given)
    start, rows = time.perf_counter(), []
    for row in measure(recipe, options.runs):
        print(row, flush=True)
        rows.append(asdict(row))
        if options.record:  # after each, so that an interrupted measurement leaves what it has
            results = {"resolution": RESOLUTION, "recipe": recipe.to_dict(), "rows": rows}
            content = {"results": results, "wall_time_s": round(time.perf_counter() - start, 1)}
            path = record_result("prior_work", content, options.seed, ("torch", "numpy"))
            print(f"recorded in data/results/{path.name}", flush=True)


if __name__ == "__main__":
    main()
