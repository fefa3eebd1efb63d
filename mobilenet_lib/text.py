"""How numbers side by side and names of options are written, wherever they are printed."""

from __future__ import annotations

from collections.abc import Sequence


def option(name: str) -> str:
    """A field's name as the command line spells it, such as "--batch-size"."""
    return f"--{name.replace('_', '-')}"


def table(rows: Sequence[Sequence[str]], *, header: bool = True, words: int = 1) -> str:
    """Columns side by side, each as wide as its longest cell.

    >>> print(table([("Layer", "Mult-Adds"), ("conv", "10,838,016")]))
    Layer   Mult-Adds
    -----  ----------
    conv   10,838,016

    Parameters
    ----------
    rows
        Cells, as many in each row.
    header
        Whether the first row is a heading, with a rule below it.
    words
        How many columns, from the left, are words and stand flush left; the others are numbers
        and stand flush right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if header:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
