"""How much memory the tensors of a computation need at most at a time, counted as torch runs it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(call: Callable[[], Any]) -> int:
    """Most bytes of new tensors that are alive at one time while `call()` runs, without gradients.

    What is there before, such as its input and weights, is not counted, nor what a kernel of torch
    needs for itself. Unlike the memory of the process, the number is the same on every machine.
    """
    with torch.no_grad(), _Living() as living:
        call()
    return living.peak


class _Living(TorchDispatchMode):
    """Sees each operation, and counts what it returns until nothing uses it any more."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # Whatever an operation takes without another having returned it was there before.
        self.known.update(storage.data_ptr() for storage in _storages((args, kwargs)))
        returned = func(*args, **(kwargs or {}))
        for storage in _storages(returned):
            place, size = storage.data_ptr(), storage.nbytes()
            if place not in self.known:  # else a view, or written over
                self.known.add(place)
                self.bytes += size
                self.peak = max(self.peak, self.bytes)
                weakref.finalize(storage, self._forget, place, size)
        return returned

    def _forget(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.bytes -= size


def _storages(nested: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(nested) if isinstance(leaf, Tensor)]
