"""The typed records: a printed cell with its recomputed value, a discrepancy, a table."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ..text import table
from .rounding import format_exact

Verdict = Literal["rounds", "truncates", "listed", "not countable", "differs"]
VERDICTS: dict[Verdict, str] = {
    "rounds": "=",  # the recomputed value rounds to the printed one, or is the same text
    "truncates": "<",  # digits were cut off instead of rounded; on the discrepancy list as such
    "listed": "!",  # it does neither, or the statement is off: on the discrepancy list
    "not countable": "",  # measured, quoted, not described well enough, or not printed
    "differs": "?",  # it does not follow and nothing explains it: no cell may be left so
}

FINDINGS = (
    "equal",
    "truncated",
    "misprint",
    "other count",
    "contradiction",
    "wording",
    "unexplained",
    "not countable",
)
"""The verdicts on a cell, in words: the kinds of the discrepancy list between two others."""

Value = Fraction | str | None


@dataclass(frozen=True)
class Recomputed:
    """What counting gives for one cell.

    `value` is in the printed unit, text for the cells of Table 1, None where nothing can be
    counted. `other` is the count under another reading, one that may explain the printed value.
    """

    value: Value
    note: str = ""
    """How it was counted, or why it cannot be."""
    other: Value = None
    round_figure: bool = False
    """Trailing zeros of the printed number are not significant (quoted figures such as 15300)."""


@dataclass(frozen=True)
class Discrepancy:
    """A cell whose printed value does not follow from the described network, and why."""

    table: str
    row: int
    label: str
    column: str
    printed: str
    exact: str
    """The recomputed value."""
    kind: str
    """truncated, misprint, other count, contradiction, wording or unexplained."""
    explained: str
    """The value under the other reading that gives the printed one; empty if there is none."""
    reason: str


@dataclass(frozen=True)
class Cell:
    """One printed value and what became of it."""

    table: str
    row: int
    """Counted from 1, in the printed order."""
    label: str
    column: str
    printed: str
    """Exactly as printed; empty where the source prints nothing."""
    unit: str
    recomputed: Recomputed
    verdict: Verdict
    discrepancy: Discrepancy | None
    heading: str = ""
    """What stands above its column."""

    @property
    def name(self) -> str:
        """Table, row and column, as links to it have them: "2-3-mult_adds_pct"."""
        return f"{self.table}-{self.row}-{self.column}"

    @property
    def finding(self) -> str:
        """The verdict in a word of `FINDINGS`; "differs" for a cell that nothing explains."""
        if self.discrepancy:
            return self.discrepancy.kind
        return "equal" if self.verdict == "rounds" else self.verdict

    @property
    def value(self) -> Decimal | None:
        """The printed number, None for text and for an empty cell."""
        is_number = self.printed.replace(".", "", 1).isdecimal()
        return Decimal(self.printed) if is_number else None

    @property
    def exact(self) -> Value:
        """The recomputed value in the printed unit, exact; None if it cannot be counted."""
        return self.recomputed.value

    @property
    def exact_text(self) -> str:
        """The recomputed value with three decimals more than the printed one."""
        return format_exact(self.exact, self.printed)

    @property
    def beside(self) -> str:
        """What stands beside the printed value: the verdict's mark and the recomputed value."""
        same = self.exact == self.printed
        return f"{VERDICTS[self.verdict]} {'' if same else self.exact_text}".strip()

    @property
    def note(self) -> str:
        """Why it is listed, else how it was counted or why it cannot be."""
        return self.discrepancy.reason if self.discrepancy else self.recomputed.note


@dataclass(frozen=True)
class Table:
    """A printed table, cell by cell, beside what counting gives.

    Printing it, or leaving it as the last line of a notebook cell, shows both side by side.
    """

    key: str
    title: str
    label_names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    headings: tuple[str, ...]
    cells: tuple[Cell, ...]
    """Row by row, `len(labels) * len(columns)` of them."""

    @property
    def short(self) -> str:
        """What a list calls it: "Table 2", "Figures 4 and 5", "Text", "Elsewhere"."""
        titled = self.title.partition(".")
        return titled[0] if titled[1] else self.key.capitalize()

    def cell(self, row: int, column: str) -> Cell:
        """The cell in `row` (from 1) and `column`; a KeyError lists the columns there are."""
        for cell in self.cells:
            if (cell.row, cell.column) == (row, column):
                return cell
        raise KeyError(
            f"table {self.key} has no row {row!r} with column {column!r}; rows go from 1 to "
            f"{len(self.labels)}, columns are {', '.join(self.columns)}"
        )

    @property
    def discrepancies(self) -> tuple[Discrepancy, ...]:
        """The listed cells of this table."""
        return tuple(cell.discrepancy for cell in self.cells if cell.discrepancy)

    @property
    def tally(self) -> Counter[Verdict]:
        """How many cells got which verdict."""
        return tally(self.cells)

    @property
    def as_printed(self) -> str:
        """The table the way the paper prints it, with nothing beside it."""
        return _aligned(self._grid(beside=False))

    def _grid(self, beside: bool = True) -> list[list[str]]:
        """Heading, then rows; `beside` a printed column the counted one, if anything is."""
        width = len(self.columns)
        columns = [self.cells[i::width] for i in range(width)]
        counted = [beside and any(cell.exact is not None for cell in column) for column in columns]
        head = list(self.label_names)
        for name, both in zip(self.headings, counted, strict=True):
            head += [name, "counted"] if both else [name]
        grid = [head]
        for i, label in enumerate(self.labels):
            row = list(label)
            for column, both in zip(columns, counted, strict=True):
                row += [column[i].printed, column[i].beside] if both else [column[i].printed]
            grid.append(row)
        return grid

    def _notes(self) -> list[str]:
        names = dict(zip(self.columns, self.headings, strict=True))
        return [
            f"{VERDICTS[cell.verdict]} {cell.label or f'row {cell.row}'}, {names[cell.column]} "
            f"{cell.printed!r}: {cell.note}"
            for cell in self.cells
            if cell.discrepancy
        ]

    def __str__(self) -> str:
        """Each printed column with the recomputed one to its right, then the discrepancies."""
        return "\n".join([self.title, _aligned(self._grid()), *self._notes(), summary(self.tally)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        def line(row: list[str], labels: int, scope: str) -> str:
            return "".join(
                f'<th scope="{scope}">{html.escape(text)}</th>'
                if i < labels
                else f"<td>{html.escape(text)}</td>"
                for i, text in enumerate(row)
            )

        head, *rows = self._grid()
        body = "".join(f"<tr>{line(row, len(self.label_names), 'row')}</tr>" for row in rows)
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self._notes())
        return (
            f"<table><caption>{html.escape(self.title)}</caption>"
            f"<thead><tr>{line(head, len(head), 'col')}</tr></thead><tbody>{body}</tbody></table>"
            + (f"<ul>{notes}</ul>" if notes else "")
            + f"<p>{html.escape(summary(self.tally))}</p>"
        )


def _aligned(grid: list[list[str]]) -> str:
    """Columns side by side under a heading and a rule."""
    return "\n".join(table(grid, left=range(len(grid[0])), rule=True))


def tally(cells: Iterable[Cell]) -> Counter[Verdict]:
    """How many of `cells` got which verdict; one that nobody got counts 0."""
    return Counter(cell.verdict for cell in cells)


def summary(counts: Counter[Verdict]) -> str:
    """One line for a tally, with the meaning of the marks that occur."""
    words: dict[Verdict, str] = {
        "rounds": "as printed when rounded (=)",
        "truncates": "when truncated (<)",
        "listed": "on the discrepancy list (!)",
        "not countable": "not countable",
        "differs": "DIFFER UNEXPLAINED (?)",
    }
    parts = [f"{counts[verdict]} {text}" for verdict, text in words.items() if counts[verdict]]
    return f"{counts.total()} cells: {', '.join(parts)}"
