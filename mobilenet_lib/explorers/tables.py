"""The explorer of chapter 09: every number that the paper prints, beside what counting gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from .. import paper
from ..paper.rounding import format_exact
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("tables")


class TablesExplorer(Explorer):
    """All printed cells: the counted value, the verdict, the reason; by table, verdict and words.

    Works by mouse, touch and keyboard, and without a Python session once it is drawn.

    Parameters
    ----------
    **state
        `table` ("all", "1" to "14", "figures", "text" or "elsewhere"), `verdict` ("any" or one of
        `paper.FINDINGS`), `search` (words), `cell` (its `name`, such as "2-3-mult_adds_pct", or
        an empty text for none), `hide`, `tour`.

    Attributes
    ----------
    tables
        All that is shown, table by table. For reading only.
    reasons
        What the cells' last numbers point at. For reading only.

    Raises
    ------
    traitlets.TraitError
        A cell or a choice that does not exist; the widget keeps its old state.
    """

    definition = _STATE

    tables: traitlets.List[Any] = traitlets.List(
        read_only=True,
        help="key, title, short title; rows with a label, headings and, by column, name, printed, "
        "counted, finding, the other reading's value, place of the reason",
    ).tag(sync=True)
    reasons = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    table = _STATE.trait("table")
    verdict = _STATE.trait("verdict")
    search = _STATE.trait("search")
    cell = _STATE.trait("cell")

    def __init__(self, **state: Any) -> None:
        reasons: dict[str, int] = {}
        self.set_trait("tables", [_described(table, reasons) for table in paper.tables()])
        self.set_trait("reasons", list(reasons))
        super().__init__(**state)

    @traitlets.validate("cell")
    def _known_cell(self, proposal: Any) -> str:
        name = proposal["value"]
        if name and all(cell.name != name for cell in paper.cells()):
            raise traitlets.TraitError(
                f"cell must be a table, a row from 1 and a column, such as "
                f"{_STATE.fields['cell']['default']!r}; got {name!r}"
            )
        return name

    @property
    def found(self) -> list[paper.Cell]:
        """The cells that the table, the verdict and the search leave, in the printed order."""
        return [
            cell
            for table in paper.tables()
            for cell in table.cells
            if self.table in ("all", cell.table)
            and self.verdict in ("any", cell.finding)
            and _has(self.search, cell, table)
        ]

    def still(self) -> BookFigure:
        """How many cells of each table got which verdict."""
        from ..plots import findings

        chosen = [t for t in paper.tables() if self.table in ("all", t.key)]
        return findings({t.short: [cell.finding for cell in t.cells] for t in chosen})

    def __repr__(self) -> str:
        return f"TablesExplorer({len(self.found)} of {len(paper.cells())} cells, {self.cell!r})"


def _named(table: paper.Table, cell: paper.Cell) -> tuple[str, str]:
    """What a cell's row and column are called; a claim of the text, in words, with its unit."""
    if "claim" not in table.label_names:
        return cell.label, cell.heading
    row = dict(zip(table.label_names, table.labels[cell.row - 1], strict=True))
    where = f"section {row['section']}" if "section" in row else row["printed by"]
    return f"{row['claim']} ({where})", row["unit"]


def _has(words: str, cell: paper.Cell, table: paper.Table) -> bool:
    """Whether each word is in what the explorer shows of a cell, in any case of letters."""
    parts = [table.title, *_named(table, cell), cell.printed, cell.exact_text, cell.finding]
    text = " ".join([*parts, cell.note]).lower()
    return all(word in text for word in words.lower().split())


def _described(table: paper.Table, reasons: dict[str, int]) -> dict[str, Any]:
    width = len(table.columns)
    rows = []
    for start in range(0, len(table.cells), width):
        cells = table.cells[start : start + width]
        label = _named(table, cells[0])[0]
        headings = [_named(table, cell)[1] for cell in cells]
        described = [_cell(cell, reasons) for cell in cells]
        rows.append({"label": label, "headings": headings, "cells": described})
    return {"key": table.key, "title": table.title, "short": table.short, "rows": rows}


def _cell(cell: paper.Cell, reasons: dict[str, int]) -> list[Any]:
    entry = cell.discrepancy
    other = entry.explained if entry else ""
    counted = format_exact(cell.exact, cell.printed)
    reason = reasons.setdefault(cell.note, len(reasons))
    return [cell.name, cell.printed, counted, cell.finding, other, reason]
