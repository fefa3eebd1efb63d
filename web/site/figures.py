"""A list of the book's own figures: its numbers exist on the site only, so the list does, too."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

FIGURE = re.compile(
    r'id="(figure-\d\d-\d+)".*?class="number"[^>]*>([^<]*)</a> (.*?)</figcaption>', re.DOTALL
)


def list_of_figures(source: Path, chapters: list[Any]) -> str:
    """The page, from the chapters' pages as they were written for Sphinx."""
    lines = ["# Figures of the book", "", "Each where it is taught, with what it shows.", ""]
    for page in chapters:
        notebook = json.loads((source / f"{page.name}.ipynb").read_text(encoding="utf-8"))
        html = "".join(
            "".join(output.get("data", {}).get("text/html", ""))
            for cell in notebook["cells"]
            for output in cell.get("outputs", [])
        )
        found = FIGURE.findall(html)
        if found:
            lines += [f"## {page.title}", ""]
        for anchor, number, caption in found:
            address = f"{Path(page.name).name}.html#{anchor}"
            lines.append(f'- <a href="{address}">{number}</a> {escaped(caption)}')
        lines += [""] if found else []
    return "\n".join(lines)


def escaped(caption: str) -> str:
    """A caption, in which nothing is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>$|])", r"\\\1", unescape(caption))
