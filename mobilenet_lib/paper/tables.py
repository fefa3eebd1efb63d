"""Reads `data/paper/*.csv` and joins each printed cell with its recomputed value."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from ..files import find_data
from . import claims, recompute
from .records import Cell, Discrepancy, Recomputed, Table, Verdict
from .rounding import judge

DISCREPANCIES = "discrepancies"


@dataclass(frozen=True)
class Layout:
    """Where a table lies, what it is called, how it is recomputed, which columns name its rows."""

    file: str
    title: str
    recompute: Callable[[recompute.Row, recompute.Printed], recompute.Counted]
    labels: tuple[str, ...] = ("model",)


LAYOUTS: dict[str, Layout] = {
    "1": Layout(
        "table01_body_architecture",
        "Table 1. The body, row by row",
        recompute.body_architecture,
        (),
    ),
    "2": Layout(
        "table02_resource_per_layer_type",
        "Table 2. Where mult-adds and parameters sit",
        recompute.resource_per_type,
        ("type",),
    ),
    "3": Layout(
        "table03_layer_modifications",
        "Table 3. One layer made cheaper step by step",
        recompute.layer_modifications,
        ("layer_modification",),
    ),
    "4": Layout(
        "table04_dw_separable_vs_full",
        "Table 4. Separable against full convolutions",
        recompute.separable_vs_full,
    ),
    "5": Layout(
        "table05_narrow_vs_shallow", "Table 5. Narrow against shallow", recompute.narrow_vs_shallow
    ),
    "6": Layout("table06_width_multiplier", "Table 6. Width", recompute.imagenet),
    "7": Layout("table07_resolution", "Table 7. Resolution", recompute.imagenet),
    "8": Layout("table08_popular_models", "Table 8. Against popular networks", recompute.imagenet),
    "9": Layout("table09_smaller_models", "Table 9. Against smaller networks", recompute.imagenet),
    "10": Layout("table10_stanford_dogs", "Table 10. Dogs", recompute.stanford_dogs),
    "11": Layout(
        "table11_planet_geolocalization",
        "Table 11. Where a photo was taken",
        recompute.geolocalization,
        ("scale",),
    ),
    "12": Layout("table12_face_attributes", "Table 12. Face attributes", recompute.face_attributes),
    "13": Layout(
        "table13_coco_detection",
        "Table 13. Detection on COCO",
        recompute.coco_detection,
        ("framework_resolution", "model"),
    ),
    "14": Layout("table14_facenet_distilled", "Table 14. Face embeddings", recompute.facenet),
    "figures": Layout(
        "figures04_05_models",
        "Figures 4 and 5. The sixteen models, in the paper and in tf-slim",
        recompute.figures,
        ("alpha", "resolution"),
    ),
    "text": Layout(
        "text_claims",
        "Numbers in the text",
        claims.text_claims,
        ("name", "section", "claim", "unit"),
    ),
    "elsewhere": Layout(
        "elsewhere",
        "Numbers that other implementations print",
        claims.elsewhere,
        ("name", "printed_by", "claim", "unit"),
    ),
}

# Ends of column names: the unit, and a heading for what is left of the name.
_UNITS = {
    "million_mult_adds": "million mult-adds",
    "billion_mult_adds": "billion mult-adds",
    "million_parameters": "million parameters",
    "pct": "%",
}
MEASURED = Recomputed(None, "measured, not counted")
UNPRINTED = "no number printed, only a mark in the plot"


def read_rows(name: str, folder: Path | None = None) -> list[recompute.Row]:
    """Rows of `<name>.csv` in `data/paper`, or in `folder`; lines with # are comments."""
    path = (folder or find_data("paper")) / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def verdict_of(printed: str, counted: Recomputed, listed: Discrepancy | None) -> Verdict:
    """What became of a cell: see `records.VERDICTS`. Only a listed cell may fail to round."""
    if counted.value is None or not printed:
        return "not countable"
    fit = judge(printed, counted.value, counted.round_figure)
    if listed:
        return "truncates" if fit == "truncates" and listed.kind == "truncated" else "listed"
    return "rounds" if fit == "rounds" else "differs"


def load() -> dict[str, Table]:
    """All tables in `data/paper` by key; read once.

    Raises
    ------
    ValueError
        The discrepancy list names a cell that does not exist or has another printed value.
    """
    return _load(find_data("paper"))


@cache
def _load(folder: Path) -> dict[str, Table]:
    rows = {key: read_rows(layout.file, folder) for key, layout in LAYOUTS.items()}
    listed: dict[tuple[str, int, str], Discrepancy] = {}
    for line in read_rows(DISCREPANCIES, folder):
        entry = Discrepancy(row=int(line.pop("row")), **line)
        key = (entry.table, entry.row, entry.column)
        if key in listed:
            raise ValueError(f"{DISCREPANCIES}.csv lists {key} twice; keep one line for each cell")
        listed[key] = entry

    def printed(table: str, row: int, column: str) -> Fraction:
        return Fraction(rows[table][row - 1][column])

    tables = {key: _table(key, rows[key], listed, printed) for key in LAYOUTS}
    if listed:
        raise ValueError(
            f"{DISCREPANCIES}.csv lists cells that no table has: {', '.join(map(str, listed))}; "
            "correct the table, row or column"
        )
    return tables


def _table(
    key: str,
    rows: list[recompute.Row],
    listed: dict[tuple[str, int, str], Discrepancy],
    printed: recompute.Printed,
) -> Table:
    layout = LAYOUTS[key]
    columns = tuple(name for name in rows[0] if name not in ("row", *layout.labels))
    headings, units = zip(*map(_heading, columns), strict=True)
    cells = []
    for number, row in enumerate(rows, start=1):
        if int(row["row"]) != number:
            raise ValueError(f"{layout.file}.csv: row {row['row']} stands where {number} should")
        counted = layout.recompute(row, printed)
        name = row["name"] if "name" in row else ", ".join(row[part] for part in layout.labels)
        for column, heading, unit in zip(columns, headings, units, strict=True):
            unit = row.get("unit", unit)
            if column not in counted and unit != "%":
                raise ValueError(
                    f"table {key}: nothing recomputes {column!r}, which is no measured column"
                )
            text, value = row[column], counted.get(column, MEASURED)
            if not text:
                value = Recomputed(value.value, UNPRINTED)
            entry = listed.pop((key, number, column), None)
            if entry and (entry.label, entry.printed) != (name, text):
                raise ValueError(
                    f"{DISCREPANCIES}.csv has {entry.label!r}, {entry.printed!r} for table {key}, "
                    f"row {number}, {column}, but the table prints {name!r}, {text!r}"
                )
            verdict = verdict_of(text, value, entry)
            cell = Cell(key, number, name, column, text, unit, value, verdict, entry, heading)
            cells.append(cell)
    labels = tuple(tuple(row[name] for name in layout.labels) for row in rows)
    names = tuple(name.replace("_", " ") for name in layout.labels)
    return Table(key, layout.title, names, labels, columns, headings, tuple(cells))


def _heading(column: str) -> tuple[str, str]:
    """What stands above a column, and its unit: nothing where its name ends in none."""
    end, unit = next((pair for pair in _UNITS.items() if column.endswith(pair[0])), ("", ""))
    return f"{column.removesuffix(end).replace('_', ' ')}{unit}".strip(), unit
