"""What any torch network is made of: its layers in the order in which they run, and their costs.

>>> print(describe_network(torch.nn.Sequential(torch.nn.Linear(8, 4)), torch.ones(1, 8)))

Costs are counted while the network runs, not read off its code: a layer that is called three times
costs three times, and one that is not called costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from ..model import kind
from ..text import format_table

COLUMNS = {"layer": "", "type": "", "output": "", "mult-adds": ",", "parameters": ",", "bytes": ","}
MAX_CALLS = 2000
WHOLE = "(the network itself)"
MAKE_ROOM = ("empty", "zeros", "ones", "new_", "detach", "clone", "_to_copy", "arange", "full")
"""How operations begin that compute nothing."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerRow:
    """One call of one layer, or a layer with parameters that never ran."""

    name: str
    """Its path, such as "layer1.0.conv1"."""
    type: str
    """Its class."""
    kind: str
    """As a MobileNet calls it: standard, depthwise, pointwise, fc; other for all the rest."""
    detail: str
    """Its settings, as PyTorch prints them."""
    in_shapes: tuple[Shape, ...]
    """Of the tensors that it was given, the batch included."""
    out_shapes: tuple[Shape, ...]
    mult_adds: int
    """Half the operations that `torch.utils.flop_counter` counts, over the whole batch: those of
    convolutions, matrix products and attention. Biases, norms and activations count as nothing."""
    parameters: int
    """Trainable or not; one that a row above has had is not counted again."""
    bytes: int
    """Moved at least, in this call: inputs and parameters read once, outputs written once."""
    call: int
    """Which call of this layer it is, from 1; 0 if it never ran."""
    uncounted: tuple[str, ...] = ()
    """Operations in it that torch's counter has no count for."""


@dataclass(frozen=True)
class Description(Sequence[LayerRow]):
    """The rows of a network, in the order of their calls, and their totals."""

    network: str
    """Its class."""
    rows: tuple[LayerRow, ...]

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def mult_adds(self) -> int:
        """Of all calls."""
        return sum(row.mult_adds for row in self.rows)

    @property
    def parameters(self) -> int:
        """All numbers in `net.parameters()`, each once."""
        return sum(row.parameters for row in self.rows)

    @property
    def bytes_moved(self) -> int:
        """Of all calls, each run on its own."""
        return sum(row.bytes for row in self.rows)

    def __str__(self) -> str:
        totals = (
            f"{self.network}: {self.mult_adds:,} mult-adds, {self.parameters:,} parameters, "
            f"{self.bytes_moved:,} bytes moved"
        )
        return "\n".join([*format_table(COLUMNS, map(_cells, self.rows)), totals])


def _cells(row: LayerRow) -> tuple[Any, ...]:
    times = {0: " (never ran)", 1: ""}.get(row.call, f" (call {row.call})")
    shapes = "; ".join("x".join(map(str, shape)) for shape in row.out_shapes)
    return row.name + times, row.type, shapes, row.mult_adds, row.parameters, row.bytes


def describe_network(net: nn.Module, example: Any) -> Description:
    """Run a network once, and tell each layer's shapes, mult-adds, parameters and bytes.

    It runs in eval mode and without gradients, so that its statistics and the like stay as they
    are; afterwards it is in the mode that it was in. Fused kernels that torch's counter cannot look
    into (LSTM, GRU, attention) give way to their parts for this one pass.

    Parameters
    ----------
    net
        Any network, on any device.
    example
        What it takes, on its device: a tensor, a tuple or list of arguments, or a dict of keyword
        arguments.

    Raises
    ------
    ValueError
        The network does not take the example (the message names the layer that refused it),
        nothing in it multiplies or has parameters, or it calls its modules more than 2,000 times.
    TypeError
        `net` is no network, or the example has no tensor in it.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be a torch.nn.Module, got {type(net).__name__}")
    net = getattr(net, "_orig_mod", net)  # what torch.compile has wrapped
    args, kwargs = _arguments(example)
    watch = _Watch(net)
    with _eval_mode(net), torch.no_grad(), _parts_of_kernels(net), watch.hooks():
        try:
            with _Operations(watch), watch.counter:  # the counter first takes fused ones apart
                net(*args, **kwargs)
        except Exception as error:  # whatever a reader's network raises
            if len(watch.calls) > MAX_CALLS:
                raise
            raise ValueError(watch.refusal(error, example)) from error
    rows = tuple(watch.rows())
    if not any(row.mult_adds or row.parameters for row in rows):
        raise ValueError(
            f"nothing in {type(net).__name__} multiplies or has parameters: no layer to show"
        )
    return Description(type(net).__name__, rows)


def _arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not any(True for _ in _tensors(example)):
        raise TypeError(
            f"the example must be what the network takes, with a tensor in it, such as "
            f"torch.randn(1, 3, 224, 224); got {type(example).__name__}"
        )
    if isinstance(example, Mapping):
        return (), dict(example)
    return tuple(example) if isinstance(example, list | tuple) else (example,), {}


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in tuples, lists and dicts, however deep."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


@dataclass
class _Call:
    """A module that runs, and later what it did."""

    name: str
    module: nn.Module
    number: int
    before: int
    """Operations counted when it began."""
    in_shapes: tuple[Shape, ...]
    moved: int
    out_shapes: tuple[Shape, ...] = ()
    own: int = 0
    """Operations of its own, without those of modules that it called."""
    others: int = 0
    has_called: bool = False
    uncounted: dict[str, None] = field(default_factory=dict)


class _Watch:
    """Hooks on every module of a network, and what they saw."""

    def __init__(self, net: nn.Module) -> None:
        self.net, self.counter = net, FlopCounterMode(display=False)
        self.running: list[_Call] = []
        self.calls: list[_Call] = []
        self.numbers: dict[int, int] = {}

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """While it lasts, every call is noted; then the hooks are gone, whatever happened."""
        with ExitStack() as stack:
            for name, module in self.net.named_modules():  # a shared one by its first name
                enter = partial(self._enter, name)
                before = module.register_forward_pre_hook(enter, with_kwargs=True)
                stack.callback(before.remove)
                stack.callback(module.register_forward_hook(self._leave).remove)
            yield

    def _enter(self, name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        number = self.numbers[id(module)] = self.numbers.get(id(module), 0) + 1
        shapes, size = _sizes(_tensors((args, kwargs)))
        call = _Call(name, module, number, self.counter.get_total_flops(), shapes, size)
        self.calls.append(call)
        self.running.append(call)
        if len(self.calls) > MAX_CALLS:
            raise ValueError(
                f"{type(self.net).__name__} calls its modules more than {MAX_CALLS:,} times, too "
                "often to be shown; give it a shorter example"
            )

    def _leave(self, _: nn.Module, __: Any, result: Any) -> None:
        call = self.running.pop()
        spent = self.counter.get_total_flops() - call.before
        call.own = spent - call.others
        call.out_shapes, size = _sizes(_tensors(result))
        call.moved += size
        if self.running:
            self.running[-1].others += spent
            self.running[-1].has_called = True

    def refusal(self, error: Exception, example: Any) -> str:
        """In words, what a forward pass failed with, and where."""
        given = ", ".join(str(tuple(x.shape)) for x in _tensors(example))
        inner = self.running[-1] if self.running else None
        where = ""
        if inner and inner.name:
            type_name = type(inner.module).__name__
            where = f" at {inner.name}, {type_name}({inner.module.extra_repr()}),"
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"{type(self.net).__name__} does not take an example of {given}:{where} {words}"

    def rows(self) -> Iterator[LayerRow]:
        """A row for each call of a layer, then the layers with parameters that never ran."""
        seen: set[int] = set()
        for call in self.calls:
            if call.has_called:
                held = list(call.module.parameters(recurse=False))
                if not (held or call.own):
                    continue  # it only holds others
            else:  # with what it holds and uses without calling, as attention its last projection
                inside = [m for m in call.module.modules() if id(m) not in self.numbers]
                held = [p for m in (call.module, *inside) for p in m.parameters(recurse=False)]
            _, size = _sizes(held)
            yield LayerRow(
                *_told(call.name, call.module),
                call.in_shapes,
                call.out_shapes,
                call.own // 2,
                _new(held, seen),
                call.moved + size,
                call.number,
                tuple(call.uncounted),
            )
        for name, module in self.net.named_modules():
            if count := _new(module.parameters(recurse=False), seen):
                yield LayerRow(*_told(name, module), (), (), 0, count, 0, 0)


class _Operations(TorchDispatchMode):
    """Notes operations that nothing counts, with the layer in which they run."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.split(".")[0]
        counted = func._overloadpacket in flop_registry or func.is_view
        if self.watch.running and not (counted or name.startswith(MAKE_ROOM)):
            self.watch.running[-1].uncounted[name] = None
        return func(*args, **(kwargs or {}))


def _sizes(tensors: Iterable[Tensor]) -> tuple[tuple[Shape, ...], int]:
    """Shapes, and bytes together."""
    found = list(tensors)
    return tuple(tuple(x.shape) for x in found), sum(x.numel() * x.element_size() for x in found)


def _new(parameters: Iterable[nn.Parameter], seen: set[int]) -> int:
    """Numbers in parameters that were not seen before."""
    fresh = {id(p): p for p in parameters if id(p) not in seen}
    seen.update(fresh)
    return sum(p.numel() for p in fresh.values())


def _told(name: str, module: nn.Module) -> tuple[str, str, str, str]:
    return name or WHOLE, type(module).__name__, kind(module) or "other", module.extra_repr()


@contextmanager
def _eval_mode(net: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in net.modules()]
    try:
        net.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _parts_of_kernels(net: nn.Module) -> Iterator[None]:
    """Without kernels in which a product of matrices cannot be seen."""
    with ExitStack() as stack:
        backends: list[Any] = []
        if any(isinstance(module, nn.RNNBase) for module in net.modules()):
            backends = [torch.backends.mkldnn, torch.backends.cudnn]
        for backend in backends:
            stack.callback(setattr, backend, "enabled", backend.enabled)
            backend.enabled = False
        fast = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
