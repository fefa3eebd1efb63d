"""Formulas set by KaTeX when the site and the slides are built, with MathML and words."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

SCRIPT = Path(__file__).with_name("formulas.mjs")


class KatexError(RuntimeError):
    """Nothing could be set: Node.js or a package is missing."""


def set_formulas(formulas: Iterable[tuple[str, bool]]) -> list[dict[str, str]]:
    """Set formulas, each given as TeX and whether it is displayed.

    Returns
    -------
    list of dict
        For each its "html"; or an "error", in KaTeX's words, where it is no formula.

    Raises
    ------
    KatexError
        The script did not run to its end.
    """
    lines = "\n".join(json.dumps({"tex": tex, "display": display}) for tex, display in formulas)
    try:
        done = subprocess.run(
            ["node", SCRIPT],
            input=lines,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
    except FileNotFoundError:
        raise KatexError("formulas are set by Node.js, which is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip()
        raise KatexError(f"formulas.mjs failed; has `npm ci` been run in web/?\n{said}") from None
    return [json.loads(line) for line in done.stdout.splitlines()]
