"""Every number the paper prints, beside the number that counting gives.

>>> from mobilenet_lib import paper
>>> cell = paper.table(2).cell(3, "mult_adds_pct")
>>> cell.printed, cell.exact_text, cell.verdict
('1.19', '1.90562', 'listed')

Printed values come from `data/paper/*.csv` and stay text exactly as printed. Recomputed ones come
from `mobilenet_lib.architecture` and `mobilenet_lib.cost`, never from constants. Where they part,
`discrepancies()` says why.
"""

from __future__ import annotations

from .models import (
    SOURCES,
    Model,
    OnDevice,
    OnPhone,
    Since,
    Timed,
    devices,
    models,
    phones,
    published,
    since,
    timed,
)
from .recompute import ALPHAS, RESOLUTIONS
from .records import (
    FINDINGS,
    VERDICTS,
    Cell,
    Discrepancy,
    Recomputed,
    Table,
    Verdict,
    summary,
    tally,
)
from .rounding import judge, quantum
from .tables import LAYOUTS, load

__all__ = [
    "ALPHAS",
    "FINDINGS",
    "RESOLUTIONS",
    "SOURCES",
    "VERDICTS",
    "Cell",
    "Discrepancy",
    "Model",
]
__all__ += ["OnDevice", "OnPhone", "Recomputed", "Since", "Table", "Timed", "Verdict"]
__all__ += ["cells", "devices", "discrepancies", "judge", "models", "phones", "published"]
__all__ += ["quantum", "since", "summary", "table", "tables", "tally", "timed"]


def tables() -> tuple[Table, ...]:
    """Tables 1 to 14, then Figures 4 and 5, the text's numbers, and those printed elsewhere."""
    return tuple(load().values())


def table(key: int | str) -> Table:
    """One table: 1 to 14, "figures", "text" or "elsewhere".

    Raises
    ------
    ValueError
        There is no such table.
    """
    if str(key) not in LAYOUTS:
        raise ValueError(f"there is no table {key!r}; choose one of {', '.join(LAYOUTS)}")
    return load()[str(key)]


def cells() -> tuple[Cell, ...]:
    """All cells of all tables, in order."""
    return tuple(cell for each in tables() for cell in each.cells)


def discrepancies() -> tuple[Discrepancy, ...]:
    """All cells whose printed value does not follow, with the derivation, in order."""
    return tuple(entry for each in tables() for entry in each.discrepancies)
