"""Does a recomputed value round to the printed text? Judged in exact decimal arithmetic."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Fit = Literal["rounds", "truncates", "differs"]


def quantum(printed: str, round_figure: bool = False) -> Fraction:
    """The step between neighbouring numbers at the precision of the printed text.

    One in the last printed place: 0.01 for "1.19", 1 for "290". If `round_figure`, trailing zeros
    of a whole number do not count as long as two digits stay: 100 for "15300", 10 for "720", but 1
    for "60".

    Raises
    ------
    ValueError
        `printed` is not a plain decimal number.
    """
    if not printed.replace(".", "", 1).isdecimal():
        raise ValueError(f"a printed number looks like '569' or '4.2', got {printed!r}")
    if "." in printed or not round_figure:
        return Fraction(10) ** -len(printed.partition(".")[2])
    significant = max(len(printed.rstrip("0")), min(2, len(printed)))
    return Fraction(10) ** (len(printed) - significant)


def judge(printed: str, exact: Fraction | str, round_figure: bool = False) -> Fit:
    """Whether `exact` rounds (half up) or else truncates to `printed`; text must be equal.

    Parameters
    ----------
    printed
        The text as printed.
    exact
        The recomputed value, in the printed unit and not negative, or a text.
    round_figure
        See `quantum`.
    """
    if isinstance(exact, str):
        return "rounds" if exact == printed else "differs"
    step = quantum(printed, round_figure)
    steps, target = exact / step, Fraction(printed) / step
    if math.floor(steps + Fraction(1, 2)) == target:
        return "rounds"
    return "truncates" if math.floor(steps) == target else "differs"


def format_exact(exact: Fraction | str | None, printed: str) -> str:
    """`exact` as text with three decimals more than `printed`, without idle zeros after a point."""
    if exact is None or isinstance(exact, str):
        return exact or ""
    places = len(printed.partition(".")[2]) + 3
    scaled = math.floor(exact * 10**places + Fraction(1, 2))
    text = f"{Decimal(scaled).scaleb(-places):f}"
    return text.rstrip("0").rstrip(".")
