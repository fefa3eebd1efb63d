"""An accelerator for machines that have none: its tensors lie in ordinary memory.

Like CUDA and Apple's MPS it refuses to mix its tensors with the processor's, to hand them to NumPy,
and to draw random numbers with a generator of the processor's. What `device="auto"` lands on is
this, so that all that readers run can be run as on a machine with a GPU: import it before the rest,
or give it to pytest (`-p pretend_accelerator`, with this folder on PYTHONPATH).
"""

from __future__ import annotations

from typing import Any

import accelerate.state
import torch
from torch.utils import _pytree as pytree
from torch.utils import backend_registration

NAME = "pretend"
aten = torch.ops.aten
# What may take tensors of both sides: copies, and indices, which real ones take from the processor.
MOVES = (aten._to_copy.default, aten.copy_.default, aten._copy_from.default)
INDEXED = ("aten::index", "aten::_index", "aten::_unsafe_index")


class Module(backend_registration._DummyBackendModule):
    """`torch.pretend`: one device, whose random numbers are the processor's."""

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        torch.set_rng_state(state)


backend_registration._setup_privateuseone_for_python_backend(NAME, Module())
DEVICE = torch.device(NAME, 0)


class PretendTensor(torch.Tensor):
    """A tensor of the accelerator; `raw` is the processor's that holds its numbers."""

    raw: torch.Tensor

    @staticmethod
    def __new__(cls, raw: torch.Tensor) -> PretendTensor:
        # Within inference mode, too, a view of a tensor from outside is one.
        with torch.inference_mode(raw.is_inference()):
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                raw.shape,
                strides=raw.stride(),
                storage_offset=raw.storage_offset(),
                dtype=raw.dtype,
                device=DEVICE,
            )
        made.raw = raw
        return made

    def __repr__(self, **_: Any) -> str:
        return f"{self.raw!r} on {DEVICE}"

    def numpy(self, **_: Any) -> None:
        raise TypeError(
            f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() to copy the "
            "tensor to host memory first."
        )

    def __array__(self, *_: Any, **__: Any) -> None:
        self.numpy()

    def tolist(self) -> Any:
        return self.raw.tolist()

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        if id(self) not in memo:
            copy: torch.Tensor = PretendTensor(self.raw.detach().clone())
            if isinstance(self, torch.nn.Parameter):
                copy = torch.nn.Parameter(copy, self.requires_grad)
            memo[id(self)] = copy
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Saved files are read with map_location="cpu"; this is what comes of them then.
        return self.raw.detach().__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        named = dict(named or {})
        given = pytree.tree_leaves((arguments, named))
        refuse(function, given)
        devices = [value for value in given if isinstance(value, torch.device)]
        moves = function._schema.name in ("aten::_to_copy", "aten::to")
        leaves = moves and any(device.type == "cpu" for device in devices)
        result = function(*pytree.tree_map(raw, arguments), **pytree.tree_map(raw, named))
        if leaves or function is aten._local_scalar_dense.default:
            return result
        own = {id(tensor.raw): tensor for tensor in given if isinstance(tensor, PretendTensor)}
        if function is aten.copy_.default:
            return arguments[0]
        # What was changed in place comes back as what came in.
        changed = own if function._schema.is_mutable else {}
        return pytree.tree_map(lambda out: ours(out, changed), result)


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of either side."""
    return isinstance(value, torch.Tensor)


def raw(value: Any) -> Any:
    """The processor's tensor of a pretended one, or the processor itself; all else as it is."""
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.raw if isinstance(value, PretendTensor) else value


def ours(value: Any, changed: dict[int, PretendTensor]) -> Any:
    """A result as the accelerator's, or the tensor of it that already stands for it."""
    if not is_tensor(value):
        return value
    return changed[id(value)] if id(value) in changed else PretendTensor(value)


def refuse(function: Any, given: list[Any]) -> None:
    """Raise what a real accelerator would if tensors of the processor's are among its own."""
    name = function._schema.name
    if name.startswith(INDEXED) and not isinstance(given[0], PretendTensor):
        raise RuntimeError(
            "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
        )
    for value in given:
        # Numbers, which are tensors without dimensions, may come from anywhere.
        foreign = is_tensor(value) and not isinstance(value, PretendTensor) and value.dim()
        if foreign and function not in MOVES and not name.startswith(INDEXED):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{DEVICE} and cpu! (when checking {name})"
            )
        if isinstance(value, torch.Generator) and value.device.type == "cpu":
            raise RuntimeError(
                f"Expected a '{NAME}' device type for generator but found 'cpu' ({name})"
            )


def implements(name: str) -> Any:
    """Register what the accelerator does for an operation that is asked of no tensor of its own."""
    return torch.library.impl(f"aten::{name}", "privateuseone")


@implements("empty.memory_format")
def empty(size: Any, *, dtype: Any = None, memory_format: Any = None, **_: Any) -> torch.Tensor:
    """A tensor without content."""
    order = memory_format or torch.contiguous_format
    return PretendTensor(torch.empty(size, dtype=dtype, memory_format=order, device="cpu"))


@implements("empty_strided")
def empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> torch.Tensor:
    """A tensor without content, laid out as asked for."""
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype, device="cpu"))


@implements("_copy_from")
def copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> Any:
    """Copy between the processor and the accelerator."""
    raw(target).copy_(raw(source))
    return target


torch.accelerator.synchronize = lambda device=None: None  # nothing of it runs on its own
accelerate.state.PartialState.default_device = property(lambda self: DEVICE)
