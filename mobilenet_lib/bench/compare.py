"""Two benchmark reports side by side: time against time, and what else differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from ..results import engine_label
from ..text import format_table
from .report import Key, Report, ReportError, key_of, row_title
from .results import told_apart


@dataclass(frozen=True)
class Pair:
    """One engine or peer in both reports."""

    name: str
    """With how it cuts the batch."""
    batch_size: int
    first_ms: float
    second_ms: float
    """The fastest reading of each."""

    @property
    def ratio(self) -> float:
        """Time in the second report over time in the first."""
        return self.second_ms / self.first_ms


@dataclass(frozen=True)
class Comparison:
    """What two reports say, side by side."""

    network: dict[str, Any]
    pairs: tuple[Pair, ...]
    swapped: tuple[tuple[str, str], ...]
    """Faster and slower in the first report, and the other way round in the second, where each
    report tells them apart."""
    differences: dict[str, tuple[Any, Any]]
    """Fields of machine, versions and settings that differ; None where one has no such field."""
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def __str__(self) -> str:
        # Names come from files of others: no control characters reach the terminal.
        lines = "\n".join(self._lines()).split("\n")
        return "\n".join("".join(c for c in line if c.isprintable()) for line in lines)

    def _lines(self) -> Iterator[str]:
        network = self.network
        yield f"MobileNet {network['alpha']:g}-{network['resolution']}, A against B"
        for batch_size in dict.fromkeys(pair.batch_size for pair in self.pairs):
            columns = {f"Batch of {batch_size}": "", "A, ms": ".2f", "B, ms": ".2f", "B / A": ".2f"}
            rows = (
                (f"  {pair.name}", pair.first_ms, pair.second_ms, pair.ratio)
                for pair in self.pairs
                if pair.batch_size == batch_size
            )
            yield from ("", *format_table(columns, rows))
        if not self.pairs:
            yield "\nNo engine is in both."
        elif not self.swapped:
            yield "\nNone is clearly faster than another in A and clearly slower in B."
        else:
            yield "\nFaster in A and slower in B"
            yield from (f"  {fast} than {slow}" for fast, slow in self.swapped)
        for title, names in (("A", self.only_first), ("B", self.only_second)):
            if names:
                yield f"\nOnly in {title}: {'; '.join(names)}"
        yield (
            "\nWhat differs" if self.differences else "\nMachine, versions and settings are alike."
        )
        for field, (first, second) in self.differences.items():
            yield f"  {field}: {told(first)} | {told(second)}"


def compare(first: Report, second: Report) -> Comparison:
    """Two reports side by side, for engines and peers that are in both.

    Times of two runs are compared here, so what slowed the one did not slow the other: a ratio
    near 1 says nothing.

    Raises
    ------
    ReportError
        They measured different networks.
    """
    for field in first["network"]:
        ours, theirs = first["network"][field], second["network"][field]
        if ours != theirs:
            raise ReportError(
                f"the reports are of different networks: $.network.{field} is {ours} in the first "
                f"and {theirs} in the second"
            )
    a, b = ({key_of(row): row for row in report["timings"]} for report in (first, second))
    both = [key for key in in_order(a) if key in b]
    pairs = [
        Pair(engine_label(*key[1:]), key[0], a[key]["fastest_ms"], b[key]["fastest_ms"])
        for key in both
    ]
    return Comparison(
        network=first["network"],
        pairs=tuple(pairs),
        swapped=tuple(
            (row_title(fast), row_title(slow))
            for fast, slow in permutations(both, 2)
            if fast[0] == slow[0]  # batches of one size
            and told_apart(times(a[fast]), times(a[slow]))
            and told_apart(times(b[slow]), times(b[fast]))
        ),
        differences=dict(different(first, second)),
        only_first=tuple(row_title(key) for key in in_order(a) if key not in b),
        only_second=tuple(row_title(key) for key in in_order(b) if key not in a),
    )


def times(row: dict[str, Any]) -> tuple[float, float]:
    """What two measurements are told apart by."""
    return row["fastest_ms"], row["median_ms"]


def in_order(rows: dict[Key, dict[str, Any]]) -> list[Key]:
    """Measurements by size of batch, the fastest first."""
    return sorted(rows, key=lambda key: (key[0], rows[key]["fastest_ms"]))


def different(first: Report, second: Report) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Fields of machine, versions and settings with other values in the second report."""
    for part in ("machine", "versions", "ceilings"):
        for name in {**first[part], **second[part]}:
            ours, theirs = first[part].get(name), second[part].get(name)
            if ours != theirs:
                yield f"{part}.{name}", (ours, theirs)
    for name in ("device", "threads", "commit", "seed"):
        if first[name] != second[name]:
            yield name, (first[name], second[name])


def told(value: Any) -> str:
    """A field's value, to read."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not there" if value is None else str(value)
