"""How numbers side by side and names of options are written, wherever they are printed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any


def option(name: str) -> str:
    """A field's name as the command line spells it, such as "--batch-size"."""
    return f"--{name.replace('_', '-')}"


def table(
    rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,), rule: bool = False
) -> list[str]:
    r"""Lines of columns side by side, each as wide as its longest cell.

    >>> print(*table([("Layer", "Mult-Adds"), ("conv", "10,838,016")], rule=True), sep="\n")
    Layer   Mult-Adds
    -----  ----------
    conv   10,838,016

    Parameters
    ----------
    rows
        Cells, as many in each row.
    left
        Columns of words, which stand flush left; the others are numbers and stand flush right.
    rule
        Whether the first row is a heading with a rule below it.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if rule:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def format_table(columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a table, its titles first.

    Parameters
    ----------
    columns
        By title, how a cell is formatted, such as ".2f"; "" for words.
    rows
        A value for each column.
    """
    styles = list(columns.values())
    cells = [tuple(columns), *(tuple(map(format, row, styles)) for row in rows)]
    return table(cells, left=[i for i, style in enumerate(styles) if not style])
