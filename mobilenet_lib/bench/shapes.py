"""A table of layer shapes, measured once, and what it predicts of networks that are not in it.

Two layers with the same mult-adds and bytes can take different times: a matrix with few rows does
not fill the blocks that a fast product works in. So the table holds times by shape, and between its
points they are read off on logarithmic axes.

What is measured are blocks as a network runs them, convolution, folded BN and ReLU, in chains: a
layer's input then lies where its predecessor left it, and its weights were last used one pass ago.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean, quantiles
from typing import Any

import torch
from torch import Tensor, nn

from ..architecture import BODIES, Architecture, Body
from ..convention import PAPER
from ..engines import fold
from ..layer import Kind, Layer
from ..model import ConvBNReLU
from ..process import threads as use_threads
from ..process import torch_defaults
from ..timing import DTYPES, interleave, significant
from ..validation import check_choice, check_int
from .layer_timer import LayerTimer, Setting, images

RESOLUTIONS, WIDTHS, LEVELS = (208, 104), (8, 16, 32), 5
"""A chain halves its maps and doubles its channels as often as a MobileNet does. Its maps have
104, 52, 26, 13, 7 and 4 pixels on a side, between those of the paper's networks.
"""
CLASSES = 1000
WARM_UP, LEAST_S = 2, 0.05
PASSES = 4
"""In a row; the first one, which brings weights and code back into the caches, does not count."""


@dataclass(frozen=True)
class Shape:
    """A kind of layer, and the matrix product that it is or would be."""

    kind: str
    """As `Layer.kind`, or "pool"."""
    stride: int
    rows: int
    """Pixels that come out, over the whole batch."""
    inner: int
    """Channels in."""
    columns: int
    """Channels out."""

    @property
    def point(self) -> tuple[float, float, float]:
        """Where it stands among its kind: channels in, out to in, and rows.

        Channels grow by 1 or by 2 in nearly all layers, whatever their number.
        """
        return self.inner, self.columns / self.inner, self.rows


@dataclass(frozen=True)
class ShapeTime(Shape):
    """One shape, and what a block of it takes."""

    ms: float


@dataclass(frozen=True)
class ShapeTable:
    """What shapes of layers take on one machine."""

    batch: int
    times: tuple[ShapeTime, ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ShapeTable:
        """The table that a file in `data/results` holds."""
        return cls(record["batch"], tuple(ShapeTime(**time) for time in record["times"]))

    @cached_property
    def grid(self) -> dict[tuple[str, int], dict[float, Any]]:
        """The milliseconds by kind and stride, then by each coordinate of `Shape.point`."""
        grid: dict[tuple[str, int], Any] = {}
        for time in self.times:
            inner, growth, rows = time.point
            kind = grid.setdefault((time.kind, time.stride), {})
            kind.setdefault(inner, {}).setdefault(growth, {})[rows] = time.ms
        return grid

    def predict(self, arch: Architecture) -> dict[str, float]:
        """Milliseconds of each piece of a network by its name, in the order of `pieces`.

        Raises
        ------
        ValueError
            The network has a layer of a kind and stride of which the table has none.
        """
        found = {}
        for name, shape in shapes(arch.layers, self.batch).items():
            kind = shape.kind, shape.stride
            if kind not in self.grid:
                known = ", ".join(f"{name} with stride {stride}" for name, stride in self.grid)
                raise ValueError(
                    f"{name} is {shape.kind} with stride {shape.stride}, of which the table has no "
                    f"shape; it has {known}"
                )
            found[name] = interpolate(self.grid[kind], shape.point)
        return found


def interpolate(table: Mapping[float, Any], point: Sequence[float]) -> float:
    """A value between those of a table within tables, straight on logarithmic axes.

    A power law comes out exactly, also beyond the ends, where the last two values' slope goes on.
    Of one value alone the slope is 1: twice as much takes twice as long.

    Parameters
    ----------
    table
        By the first coordinate, tables by the second one, and so on; values above 0 at the end.
    point
        The coordinates, above 0.
    """
    here, *rest = point

    def value(key: float) -> float:
        return interpolate(table[key], rest) if rest else table[key]

    keys = sorted(table)
    if here in table:
        return value(here)
    if len(keys) == 1:
        return value(keys[0]) * here / keys[0]
    right = min(max(bisect_left(keys, here), 1), len(keys) - 1)
    low, high = keys[right - 1], keys[right]
    share = math.log(here / low) / math.log(high / low)
    return value(low) ** (1 - share) * value(high) ** share


def shapes(layers: Sequence[Layer], batch: int = 1) -> dict[str, Shape]:
    """The shape of each layer by its name, and of the average pool before the last one."""
    found = {
        layer.name: Shape(
            layer.kind,
            layer.stride,
            batch * layer.out_size**2,
            layer.in_channels,
            layer.out_channels,
        )
        for layer in layers
    }
    head = found.popitem()
    last = layers[-2]
    pooled = batch * last.out_size**2, last.out_channels, last.out_channels
    return found | {"pool": Shape("pool", 1, *pooled)} | dict([head])


# --- Measuring ------------------------------------------------------------------------------------


def chain(resolution: int, width: int, body: Body) -> tuple[Layer, ...]:
    """Layers that follow each other as in a MobileNet, but each shape comes once."""
    layers: list[Layer] = []
    channels, size = 3, resolution

    def add(kind: Kind, stride: int, out: int) -> None:
        nonlocal channels, size
        kernel, left = (1 if kind in ("pointwise", "fc") else 3), -(-size // stride)
        name = f"{kind}_{len(layers)}"
        layers.append(Layer(name, kind, kernel, stride, channels, out, size, left))
        channels, size = out, left

    def block(stride: int, out: int) -> None:
        if body == "full":
            add("standard", stride, out)
        else:
            add("depthwise", stride, channels)
            add("pointwise", 1, out)

    add("standard", 2, width)
    for level in range(LEVELS):
        block(2 if level else 1, 2 * channels)
        block(1, channels)
    size = 1  # the average pool leaves one pixel
    add("fc", 1, CLASSES)
    return tuple(layers)


def chain_pass(layers: Sequence[Layer], setting: Setting) -> LayerTimer:
    """A pass with marks through layers with random weights, as `setting` says."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(setting.seed)
        blocks = nn.Sequential(*(ConvBNReLU(layer, PAPER) for layer in layers[:-1])).eval()
        for module in blocks.modules():
            if isinstance(module, nn.Conv2d):  # torch's own draw fades, in fp16 to zeros
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        head = nn.Linear(layers[-1].in_channels, layers[-1].out_channels)
    net = nn.ModuleList([*fold(blocks).children(), head]).requires_grad_(False)
    net.to(setting.device, DTYPES[setting.precision], memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub has no memory_format
    *run, last = net
    functions: list[Callable[[Tensor], Tensor]] = [*run, lambda x: x.mean(dim=(2, 3)), last]
    x = images(layers[0].in_size, setting)
    return LayerTimer(list(zip(shapes(layers), functions, strict=True)), x, setting.device)


def warm(timer: LayerTimer) -> Callable[[], None]:
    """A function that makes several passes in a row, of which the first does not count."""

    def run() -> None:
        for _ in range(PASSES):
            timer()
        del timer.passes[-PASSES]

    return run


def calm(timer: LayerTimer) -> dict[str, float]:
    """Seconds of each step while little else runs: the first decile of all that count.

    What other programs do only ever adds. So on a busy machine, where a long pass is never left
    alone, its short steps often are.
    """
    skip = WARM_UP * (PASSES - 1)
    return {
        name: quantiles(taken, n=10, method="inclusive")[0]
        for name, taken in timer.seconds(skip).items()
    }


class Chains:
    """All that is run to measure a table, to be timed in turn with whatever it is to predict.

    Attributes
    ----------
    tasks
        Passes with marks through each chain, by its body, resolution and width.
    """

    def __init__(self, setting: Setting, bodies: Sequence[Body] = ("separable", "full")) -> None:
        self.batch = setting.batch
        self.layers: dict[Any, tuple[Layer, ...]] = {
            (body, resolution, width): chain(resolution, width, body)
            for body in bodies
            for resolution in RESOLUTIONS
            for width in WIDTHS
        }
        self.timers = {name: chain_pass(layers, setting) for name, layers in self.layers.items()}
        self.tasks = {name: warm(timer) for name, timer in self.timers.items()}

    def table(self) -> ShapeTable:
        """What was found until now; of what is measured twice, the mean."""
        found: dict[Shape, list[float]] = {}
        for body in dict.fromkeys(body for body, *_ in self.timers):
            # What the bodies share counts from the first one: the weights of a full one fill the
            # caches, and its ends would tell a separable one's too slow.
            more: dict[Shape, list[float]] = {}
            for name, timer in self.timers.items():
                if name[0] == body:
                    taken = calm(timer)
                    for piece, shape in shapes(self.layers[name], self.batch).items():
                        more.setdefault(shape, []).append(taken[piece])
            found = more | found
        return ShapeTable(
            self.batch,
            tuple(
                ShapeTime(**asdict(shape), ms=significant(1e3 * fmean(seconds)))
                for shape, seconds in found.items()
            ),
        )

    def seconds(self) -> float:
        """All that the passes that count took until now."""
        return sum(
            sum(times) for timer in self.timers.values() for times in timer.seconds().values()
        )


@torch_defaults()
def bench_shapes(
    batch_size: int = 1,
    precision: str = "fp32",
    readings: int = 5,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
    bodies: Sequence[Body] = ("separable",),
) -> ShapeTable:
    """Measure a table of shapes, to predict networks with: `table.predict(arch)`.

    Parameters
    ----------
    batch_size, precision, device, threads, seed
        As for `bench_layers`.
    readings
        Rounds that count, at least 2.
    bodies
        Whose layers the table shall have: of separable and shallow networks, of full ones.

    Raises
    ------
    ValueError
        A value out of range.
    """
    setting = Setting(batch_size, precision, device, seed)
    readings = check_int("readings", readings, 2)
    for body in bodies:
        check_choice("body", body, BODIES)
    with use_threads(threads):
        chains = Chains(setting, bodies)
        interleave(chains.tasks, readings, WARM_UP, device, LEAST_S)
    return chains.table()
