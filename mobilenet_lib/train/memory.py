"""Batches that do not fit into memory: which size would, and taking them in parts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import Tensor


class OutOfMemory(ValueError):
    """A batch did not fit into memory; the message says which one would."""


class MicroBatches:
    """Runs a batch whole, or in as many parts as it takes to fit, if it is to `accumulate`.

    Else the size that fits is found, and the run stops. The gradients of parts add up to the
    whole's; only BN then sees fewer images at a time, but at least the `smallest`, since it cannot
    normalize one alone. Several `processes` try no other size: they would wait for each other.
    """

    def __init__(
        self, batch_size: int, accumulate: bool, smallest: int = 2, processes: int = 1
    ) -> None:
        if accumulate and processes > 1:
            raise ValueError(
                f"accumulate is for one process, here are {processes}; take a smaller batch_size"
            )
        self.batch_size, self.accumulate, self.smallest = batch_size, accumulate, smallest
        self.processes, self.count = processes, 1

    @property
    def size(self) -> int:
        """Images in the largest part."""
        return -(-self.batch_size // self.count)

    @property
    def most(self) -> int:
        """Parts at most, so that none is smaller than the smallest."""
        return max(1, self.batch_size // self.smallest)

    def run(
        self, backward: Callable[[slice], Tensor], reset: Callable[[], None], images: int
    ) -> Tensor:
        """The loss of a batch: the sum of `backward` over its parts, which add their gradients.

        `reset` removes the gradients of an attempt that failed; `images` is the batch's size, as
        a rule `batch_size`. OutOfMemory: parts are not wanted, or not even the smallest fits.
        """
        wanted = self.count
        while True:
            try:
                loss = self._all(backward, images)
            except Exception as error:
                if not (
                    isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error)
                ):
                    raise
                if self.processes > 1:
                    raise OutOfMemory(
                        f"{self.batch_size} images do not fit into the memory of one of "
                        f"{self.processes} processes. Try --batch-size "
                        f"{self.processes * max(1, self.batch_size // 2)}, half of it (with half "
                        "the rate), or more processes"
                    ) from error
                if self.count >= self.most:
                    raise OutOfMemory(
                        f"not even {self.size} images fit into memory; lower alpha or the "
                        "resolution, or close what else uses the device"
                    ) from error
                failed = error
            else:
                if self.count != wanted and not self.accumulate:
                    raise OutOfMemory(
                        f"a batch of {self.batch_size} images does not fit into memory, one of "
                        f"{self.size} does. Take --batch-size {self.size} (with a rate that is "
                        "smaller in proportion), or add --accumulate to take the batch in "
                        f"{self.count} parts"
                    ) from failed
                return loss
            # Out of the handler: the error holds on to the tensors that filled the memory.
            failed = failed.with_traceback(None)
            reset()
            self.count = min(2 * self.count, self.most)
            clear_device_cache(garbage_collection=True)

    def _all(self, backward: Callable[[slice], Tensor], images: int) -> Tensor:
        count = max(1, min(-(-images // self.size), images // self.smallest))
        starts = [i * images // count for i in range(count + 1)]  # parts that differ by 1 at most
        return torch.stack([backward(slice(*pair)) for pair in pairwise(starts)]).sum()
