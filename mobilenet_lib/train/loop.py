"""The training loop: one step after another, saved so that nothing is lost.

A `Trainer` is one run. Its `step` is all of training; the rest puts it together, tests the network
after every epoch, and keeps the state. `run.train` takes one to its end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate.utils import broadcast, broadcast_object_list, gather_object
from torch import Tensor, nn

from .. import data
from ..model import MobileNet
from ..process import keep_memory, torch_defaults
from .checkpoint import NAME, check_images, find_state, write_state
from .choose_plan import Choice, choose
from .factory import (
    check_batch,
    check_size,
    fingerprint,
    load_data,
    make_network,
    published,
    start_accelerator,
)
from .memory import MicroBatches
from .optimizers import Average, make_optimizer, set_rate
from .outcome import Result, Step, check_loss
from .plan import apply_plan, to_layout
from .recipe import Recipe
from .schedule import lr_at
from .unusable import Unusable, check_usable, none_usable


class Trainer:
    """One run of a recipe. Its process keeps freed memory from then on: `process.keep_memory`.

    Parameters
    ----------
    recipe
        What to do.
    folder
        Where the run keeps its checkpoint; None keeps nothing.
    resume
        Go on from the folder's checkpoint, if it has one.

    Raises
    ------
    ValueError
        The recipe does not fit the data or this machine, or too many images cannot be used; or the
        folder's checkpoint is another recipe's or of other data, or it has one and `resume` is not
        asked for.
    """

    @torch_defaults()
    def __init__(
        self, recipe: Recipe, folder: str | Path | None = None, *, resume: bool = False
    ) -> None:
        keep_memory()
        self.recipe = recipe
        self.accelerator = start_accelerator(recipe.speed.device == "cpu")
        self.device, world = self.accelerator.device, self.accelerator.num_processes
        self.path = Path(folder) / NAME if folder is not None else None
        stored = find_state(self.path, recipe, world, resume)
        shard = data.Shard(self.accelerator.process_index, world)
        self.batches = load_data(recipe, "train", self.device, shard)
        self.test = load_data(recipe, "test", self.device, shard)
        check_size(recipe, self.batches)
        frozen, own = recipe.network.freeze_statistics, recipe.data.batch_size // world
        # On GPUs the processes normalize their batches together.
        self.together = world > 1 and self.device.type == "cuda" and not frozen
        check_batch(recipe, own, world, self.together)
        check_usable(recipe.data.dataset, self.batches, self.test)
        splits = {"train": self.batches, "test": self.test}
        self.unusable = Unusable(recipe.data.dataset, recipe.data.left_out, splits)
        self.fingerprint = None
        if self.path:
            self.fingerprint = self._of_first(fingerprint, self.batches, self.test)
            if stored:
                check_images(self.path, stored, recipe, self.fingerprint)
        self.parts = MicroBatches(own, recipe.speed.accumulate, 1 if frozen else 2, world)
        self.steps = recipe.schedule.epochs * len(self.batches)

        torch.manual_seed(recipe.seed)
        self.net = make_network(recipe, len(self.batches.classes))
        torch.manual_seed(recipe.seed + shard.rank)  # dropout differs between processes
        # One process measures, all take what it found: they must compute alike.
        if stored:
            self.choice = Choice(**stored["choice"])
        else:
            self.choice = self._of_first(choose, recipe, self.device, own)
        self.net.to(self.device)
        if self.together:
            self.net = nn.SyncBatchNorm.convert_sync_batchnorm(self.net)
        apply_plan(self.net, self.choice.plan)
        model = torch.compile(self.net) if recipe.speed.compile else self.net
        self.model = self.accelerator.prepare(model)
        self.optimizer = make_optimizer(self.net, recipe)
        memory = recipe.regularization.average
        self.average = Average(self.net, memory) if memory is not None else None

        self.done, self.seconds, self.tested = 0, 0.0, self.test.size
        self.losses: list[float] = []
        self.history: list[dict[str, float]] = []
        self.place = data.Place()
        self.stopped = False
        self.trouble: Exception | None = None
        if stored:
            self._restore(stored)
        self.stream = self.batches.endless(self.place)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done == self.steps

    @property
    def tested_net(self) -> MobileNet:
        """What is tested and kept: the averaged network if the recipe has one, else the trained."""
        return self.average.module if self.average else self.net

    @torch_defaults()
    def step(self, stop: bool = False) -> Step:
        """Take one step; after the last of an epoch, also test the network.

        Parameters
        ----------
        stop
            Whether this process wants to stop after it; `stopped` then becomes true in all.

        Raises
        ------
        Diverged
            The loss is no number, or far too high.
        OutOfMemory
            The batch does not fit.
        ValueError
            Too many images cannot be decoded; in all processes.
        """
        start = time.perf_counter()
        images, labels, place = self._next()
        scheduled = lr_at(self.recipe.schedule, self.done, self.steps)
        rate = set_rate(self.optimizer, self.recipe.optimization, scheduled)
        self._train_mode()
        loss = self.parts.run(
            lambda rows: self._backward(images, labels, rows), self.optimizer.zero_grad, len(images)
        )
        # All processes see the same loss, and stop together.
        own = loss.new_tensor([stop, self.unusable.fresh, self.trouble is not None])
        means = self.accelerator.reduce(torch.cat([loss[None], own]), "mean").tolist()
        loss_value, self.stopped = means[0], means[1] > 0
        self._agree(fresh=means[2] > 0, trouble=means[3] > 0)
        self.losses.append(loss_value)
        guess = math.log(len(self.batches.classes))
        check_loss(self.losses, guess, self.steps, self.recipe, self.choice.plan)
        if self.recipe.optimization.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.optimization.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update_parameters(self.net)
        self.done, self.place = self.done + 1, place
        self.seconds += time.perf_counter() - start
        epoch, accuracy = -(-self.done // len(self.batches)), None
        if self.done % len(self.batches) == 0:
            accuracy = self.evaluate()
            recent = self.losses[-len(self.batches) :]
            row = {"epoch": epoch, "loss": sum(recent) / len(recent), "accuracy": accuracy}
            self.history.append(row | {"rate": rate, "seconds": round(self.seconds, 2)})
        return Step(self.done, self.steps, epoch, loss_value, rate, accuracy)

    def _next(self) -> tuple[Tensor, Tensor, data.Place]:
        """Images and labels of the next batch, and the place of the one after it."""
        try:
            (images, labels), place = next(self.stream)
            check_batch(self.recipe, len(images), self.parts.processes, self.together)
            return images, labels, place
        except Exception as error:
            if self.parts.processes == 1:
                raise
            # The others wait for this one's gradient: it gives any, and `_agree` stops all.
            self.trouble, side = error, self.recipe.network.resolution
            images = torch.zeros(self.parts.batch_size, 3, side, side, device=self.device)
            return images, images.new_zeros(len(images), dtype=torch.long), self.place

    def _agree(self, fresh: bool, trouble: bool) -> None:
        """Share what some process has found, and stop in all of them if one has to."""
        if fresh:
            self.unusable.share()
        if trouble:
            own, count = self.accelerator.process_index, self.parts.processes
            message = f"process {own + 1} of {count}: {self.trouble}" if self.trouble else ""
            raise ValueError(next(filter(None, gather_object([message])))) from self.trouble

    def _backward(self, images: Tensor, labels: Tensor, rows: slice) -> Tensor:
        """Add the gradient of some rows of a batch, and return their part of its mean loss."""
        part = to_layout(images[rows], self.choice.plan)
        logits = self.model(part).float()
        loss = F.cross_entropy(
            logits, labels[rows], label_smoothing=self.recipe.regularization.label_smoothing
        )
        loss = loss * (len(part) / len(images))
        loss.backward()
        return loss.detach()

    def _train_mode(self) -> None:
        self.model.train()
        if self.recipe.network.freeze_statistics:
            for module in self.net.modules():
                if isinstance(module, nn.modules.batchnorm._NormBase):
                    module.eval()

    @torch_defaults()
    @torch.inference_mode()
    def evaluate(self) -> float:
        """Share of test images that are named right, by the averaged weights if there are any.

        Of those that can be decoded, whose number is then `tested`.

        Raises
        ------
        ValueError
            There is none, or too many cannot be; in all processes.
        """
        net = self.tested_net.eval()
        counts = torch.zeros(4, device=self.device)
        broadcast(list(net.buffers()))  # what is tested is the first process's, as saved
        try:
            for images, labels in self.test:
                for i in range(0, len(images), self.parts.size):
                    rows = slice(i, i + self.parts.size)
                    logits = net(to_layout(images[rows], self.choice.plan))
                    counts[0] += (logits.argmax(1) == labels[rows]).sum()
                counts[1] += len(images)
        except Exception as error:
            # That all of this process's images are broken, others may make up for.
            if len(self.test.skipped) < len(range(self.test.size)[self.test.shard.rows]):
                if self.parts.processes == 1:
                    raise
                self.trouble = error
        counts[2:] = counts.new_tensor([self.unusable.fresh, self.trouble is not None])
        right, tested, fresh, trouble = self.accelerator.reduce(counts, "sum").tolist()
        self._agree(fresh > 0, trouble > 0)
        self.tested = int(tested)
        if not self.tested:
            first = ": ".join(next(iter(self.unusable.broken["test"].items())))
            which = f"{self.test.size:,} test images"
            raise none_usable(self.recipe.data.dataset, which, first)
        return right / tested

    @torch_defaults()
    def result(self) -> Result:
        """What the run has come to, with a network of its own."""
        with torch.random.fork_rng(devices=[]):  # asked for between two steps, it changes nothing
            net = make_network(self.recipe, len(self.batches.classes))
        net.load_state_dict(self.tested_net.state_dict())
        net.preprocess, net.classes = self.batches.preprocess, self.batches.classes
        accuracy = self.history[-1]["accuracy"] if self.history else None
        history, losses = [dict(row) for row in self.history], list(self.losses)
        return Result(
            net.eval(), accuracy, history, losses, self.choice, self.seconds, self.finished
        )

    # --- State ----------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the run's state to its folder; every process has to call it."""
        own = {"place": list(self.place), "rng": torch.get_rng_state()}
        if self.device.type != "cpu":
            own["device_rng"] = torch.get_device_module(self.device).get_rng_state()
        everyone = gather_object([own])
        if self.path is None or not self.accelerator.is_main_process:
            return
        state = {
            "recipe": published(self.recipe).to_dict(),
            "fingerprint": self.fingerprint,
            "unusable": self.unusable.state(),
            "tested": self.tested,
            "choice": asdict(self.choice),
            "step": self.done,
            "processes": everyone,
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "parts": self.parts.count,
            "losses": self.losses,
            "history": self.history,
            "seconds": self.seconds,
        }
        write_state(self.path, state)

    def _restore(self, stored: dict[str, Any]) -> None:
        own = stored["processes"][self.accelerator.process_index]
        self.net.load_state_dict(stored["net"])
        self.optimizer.load_state_dict(stored["optimizer"])
        if self.average:
            self.average.load_state_dict(stored["average"])
        self.parts.count = stored["parts"]
        self.done, self.seconds = stored["step"], stored["seconds"]
        self.losses, self.history = stored["losses"], stored["history"]
        self.tested = stored["tested"]
        self.unusable.restore(stored["unusable"])
        self.place = data.Place(*own["place"])
        torch.set_rng_state(own["rng"])
        if self.device.type != "cpu" and "device_rng" in own:
            torch.get_device_module(self.device).set_rng_state(own["device_rng"])

    def _of_first(self, find: Callable[..., Any], *given: Any) -> Any:
        """What the first process finds, in all of them."""
        first = self.accelerator.is_main_process
        return broadcast_object_list([find(*given) if first else None])[0]
