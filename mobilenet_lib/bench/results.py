"""What a comparison of engines found, and the JSON Schema that is read off its dataclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..engines.engine import Precision
from ..results import engine_label
from ..timing import Timing
from ..validation import Count, NotNegative, Share
from .hardware import Hardware

K = TypeVar("K")
Hits = Annotated[int, ("minimum", 0)]
Reason = Annotated[str, ("maxLength", 500)]
LOGITS, DECISIONS = 0.02, 1.0
"""fp32-level: largest difference of a logit over eager's largest, and share of equal decisions."""
ALIKE = 0.1
"""Share of a time: a smaller difference may turn round in the next run, since preparing an engine
again, or another minute on the same machine, changes as much."""
EAGER, OPENVINO = "timm, eager", "timm, OpenVINO {precision}"
"""The peers that everything is compared with."""


@dataclass(frozen=True)
class Quality:
    """How an engine's answers compare with those of eager in fp32."""

    difference: NotNegative
    """Largest difference of a logit, over eager's largest logit: on these letters with a trained
    network, or on the network that is timed, whichever is larger."""
    images: int
    """Letters in the wild that it was tested on."""
    agreement: Share
    """Share of them that get eager's answer."""
    accuracy: Share
    """Share of them that get the right answer."""
    accuracy_eager: Share
    photos: tuple[Hits, Hits] | None = None
    """int8: the book's photos on which the person detector decides as in eager, and all of them."""
    views: tuple[Hits, Hits] | None = None
    """int8: the same for crops and mirror images of the photos."""

    @property
    def fp32_level(self) -> bool:
        """Whether nothing that a user sees is lost."""
        return self.difference <= LOGITS and self.agreement >= DECISIONS

    def __str__(self) -> str:
        text = (
            f"logits within {self.difference:.2g}, {self.agreement:.2%} of {self.images:,} answers "
            f"as in eager, {self.accuracy:.2%} right (eager {self.accuracy_eager:.2%})"
        )
        if self.photos and self.views:
            text += f", photos {self.photos[0]}/{self.photos[1]}"
            text += f", their views {self.views[0]}/{self.views[1]}"
        return text


@dataclass(frozen=True)
class Checked:
    """One engine that ran and was right."""

    summary: str
    precision: Precision
    size_bytes: int | None
    """Of the file that a device would get."""
    quality: Quality


@dataclass(frozen=True)
class Timed(Timing):
    """One engine or peer on one size of batch; the times are the whole batch's."""

    name: str
    ours: bool
    precision: Precision
    batch_size: Count
    slice: Count | None
    """Images that the engine runs at a time; None: the whole batch."""
    streams: Count | None
    """Slices that run side by side; None: one after the other."""
    images_per_second: float
    of_ceiling: NotNegative | None
    """Arithmetic done per second in its fastest reading, as a share of what a matrix product in
    this precision did in its fastest of the run. Above 1 the fastest product was not found."""
    ratios: dict[str, float] = field(default_factory=dict)
    """By peer, the median over the rounds of: this time, over the peer's beside it."""

    @property
    def label(self) -> str:
        """Its name, with how it cuts the batch if it does."""
        return engine_label(self.name, self.slice, self.streams)


@dataclass(frozen=True)
class Network:
    """Which network was timed."""

    alpha: Annotated[float, ("maximum", 16)]
    resolution: Annotated[int, ("minimum", 32), ("maximum", 4096)]
    mult_adds: int


@dataclass(frozen=True)
class EngineBench:
    """Engines and peers side by side on one machine, checked first."""

    network: Network
    device: Annotated[str, ("pattern", "^(cpu|cuda|mps|xpu)$")]
    threads: Count
    seed: Annotated[int, ("minimum", 0), ("maximum", 2**63 - 1)]
    ceilings: dict[str, float]
    """GFLOP/s of the fastest matrix product, by precision; a mult-add is two FLOPs."""
    machine: Hardware = field(repr=False)
    engines: dict[str, Checked]
    """Those that were right, by name."""
    timings: Annotated[tuple[Timed, ...], ("minItems", 1)]
    missing: dict[str, Reason]
    """Engines and peers that are not here, and why."""
    failed: dict[str, Reason]
    """Engines that did not run, or computed something else, and so were not timed."""

    @property
    def within_limits(self) -> bool:
        """Whether every engine that is here ran, and was right."""
        return not self.failed

    def fastest(self, batch_size: int, int8: bool = False) -> Timed | None:
        """The fastest of our engines at fp32-level, or of those in int8; None if there is none."""
        timed = [
            row
            for row in self.timings
            if row.ours and row.batch_size == batch_size and self._counts(row, int8)
        ]
        return min(timed, key=lambda row: row.fastest_ms, default=None)

    def _counts(self, row: Timed, int8: bool) -> bool:
        if int8:
            return row.precision == "int8"
        return row.precision != "int8" and self.engines[row.name].quality.fp32_level

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Sizes of batches, in the order they were timed."""
        return tuple(dict.fromkeys(row.batch_size for row in self.timings))

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        network = self.network
        yield (
            f"MobileNet {network.alpha:g}-{network.resolution}, {network.mult_adds:,} mult-adds, "
            f"{self.device}, {self.threads} threads"
        )
        for precision, rate in self.ceilings.items():
            yield f"the fastest matrix product in {precision} reaches {rate:,.0f} GFLOP/s"
        yield "\nChecked against eager in fp32"
        width = max(map(len, self.engines), default=0)
        for name, engine in self.engines.items():
            size = "" if engine.size_bytes is None else f", {engine.size_bytes / 1e6:.1f} MB"
            yield f"  {name:<{width}}  {engine.precision}{size}: {engine.quality}"
        for batch_size in self.batch_sizes:
            yield from self._table(batch_size)
        for title, reasons in (("Failed", self.failed), ("Not here", self.missing)):
            if reasons:
                yield f"\n{title}"
                yield from (f"  {name}: {reason}" for name, reason in reasons.items())

    def _table(self, batch_size: int) -> Iterator[str]:
        rows = {row.label: row for row in self.timings if row.batch_size == batch_size}
        width = max(map(len, rows))
        yield f"\nBatch of {batch_size}, by fastest reading; = not told apart from a place's first"
        placed = places({label: (row.fastest_ms, row.median_ms) for label, row in rows.items()})
        for label, place in placed.items():
            row, same = rows[label], "=" if list(placed.values()).count(place) > 1 else " "
            line = f"{place:3}{same} {'*' if row.ours else ' '} {label:<{width}}"
            line += f" {row.fastest_ms:8.2f} ms, median{row} {row.images_per_second:9,.1f} images/s"
            if row.of_ceiling is not None:
                line += f", {row.of_ceiling:.0%} of a product"
                # A slower engine may round to 100 % or stand above it by noise: said all the same.
                line += " (more than it: the ceiling was missed)" * (row.of_ceiling > 1)
            for name, ratio in row.ratios.items():
                line += f", {ratio:.2f} of {name}"
            yield line
        for kind, int8 in (("at fp32-level", False), ("in int8", True)):
            best = self.fastest(batch_size, int8)
            if best:
                yield f"  ours, fastest {kind}: {best.label}"


def told_apart(fast: tuple[float, float], slow: tuple[float, float]) -> bool:
    """Whether one is clearly slower: both its fastest reading and its median, by `ALIKE`.

    Medians alone mislead while other programs run, which slow one engine more than another; the
    fastest alone does where the machine itself was faster for a moment.
    """
    return all(b > (1 + ALIKE) * a for a, b in zip(fast, slow, strict=True))


def places(times: Mapping[K, tuple[float, float]]) -> dict[K, int]:
    """The place of each, fastest first; those not told apart from a place's first share it.

    Parameters
    ----------
    times
        By name, the fastest reading and the median.
    """
    placed: dict[K, int] = {}
    place, first = 0, (0.0, 0.0)
    for count, name in enumerate(sorted(times, key=times.__getitem__), 1):
        if told_apart(first, times[name]):
            place, first = count, times[name]
        placed[name] = place
    return placed


# --- The schema -----------------------------------------------------------------------------------

Schema = dict[str, Any]
SCALARS: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    str: {"type": "string", "minLength": 1, "maxLength": 200},
    int: {"type": "integer", "minimum": 1, "maximum": 2**60},
    float: {"type": "number", "exclusiveMinimum": 0, "maximum": 1e12},
}
NAMES: Schema = {"maxProperties": 100, "propertyNames": {"minLength": 1, "maxLength": 120}}


def json_schema(kind: Any) -> Schema:
    """The JSON Schema (draft 2020-12) of a type: `str | None`, `dict[str, Timed]`, a dataclass.

    Texts are not empty, whole numbers start at 1, other numbers lie above 0, and all have an upper
    limit, since what is read may come from anywhere. A field with other limits names them as JSON
    Schema does, in pairs: `seed: Annotated[int, ("minimum", 0)]`.
    """
    if kind in SCALARS:
        return dict(SCALARS[kind])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        schema, limits = json_schema(arguments[0]), dict(arguments[1:])
        if "minimum" in limits:  # in place of the usual lower limit, not beside it
            schema.pop("exclusiveMinimum", None)
        return schema | limits
    if origin is Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin in (Union, UnionType):
        (inner,) = (json_schema(part) for part in arguments if part is not NoneType)
        return inner | {"type": [inner["type"], "null"]}
    if origin is dict:
        return {"type": "object", **NAMES, "additionalProperties": json_schema(arguments[1])}
    if origin in (tuple, list):
        fixed = len(arguments) if origin is tuple and Ellipsis not in arguments else None
        number = {"minItems": fixed or 0, "maxItems": fixed or 10_000}
        return {"type": "array", "items": json_schema(arguments[0]), **number}
    hints = get_type_hints(kind, include_extras=True)
    properties = {name: json_schema(hint) for name, hint in hints.items()}
    return {
        "description": str(kind.__doc__).partition("\n")[0],
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
