"""Notebooks as pages: figures as files, explorers as places that start by themselves, and notes.

A page shows what a notebook shows, with one difference: nobody is there to run a cell. What needs
Python therefore says so where it stands.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import struct
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from typing import Any

import nbformat
from embedded import VIEW, Explorers, classic

from mobilenet_lib.checks import EXERCISES
from mobilenet_lib.checks.asking import expect_content, quiz_content
from mobilenet_lib.checks.prompts import CALL, CHAPTERS, FOLDED, asked, prediction

FIGURE = re.compile(
    r'<img alt="(?P<alt>[^"]*)" src="data:image/png;base64,(?P<data>[^"]+)" '
    r'style="width:(?P<width>\d+)px'
)
NUMBERED = re.compile(r"\\qquad\s*\((\d+)\)\s*\$\$")
CODE = re.compile(r"`[^`]*`")

NOTES = {
    "exercise": "Python checks your answer, and gives hints, where the chapter runs.",
    "live": "A recorded run. Where the chapter runs, the curve grows while the network learns.",
    "machine": "Recorded on the machine that the book was made on; yours gives its own numbers.",
}


@dataclass
class Page:
    """What the site knows of one page."""

    name: str
    """Its path without an ending, as Sphinx calls it."""
    title: str
    description: str
    notebook: str = ""
    """The notebook's path in the repository."""
    equations: list[str] = field(default_factory=list)
    """Numbers of the equations that stand here."""

    @property
    def number(self) -> str:
        """Of a chapter, such as "03"; an appendix shows none."""
        return "" if self.title.startswith("Appendix") else Path(self.notebook).name[:2]


class Book:
    """Turns notebooks into what Sphinx reads, and writes their figures beside them."""

    def __init__(self, root: Path, source: Path, extra: Path) -> None:
        self.root, self.source, self.extra = root, source, extra
        self.explorers = Explorers(root, extra)

    def page(self, path: Path) -> Page:
        """Write one notebook's page; say what it is."""
        name = path.relative_to(self.root).with_suffix("").as_posix()
        notebook = nbformat.read(path, as_version=4)
        state = notebook.metadata.pop("widgets", {}).get(
            "application/vnd.jupyter.widget-state+json", {"state": {}}
        )["state"]
        cells = Cells(self, name, state)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                asks = CALL.search(cell.source)
                cells.ask(cell, *asks.groups()) if asks else cells.show(cell)
        target = self.source / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(nbformat.writes(notebook), encoding="utf-8")
        download = self.extra / f"{name}.ipynb"
        download.parent.mkdir(parents=True, exist_ok=True)
        download.write_bytes(path.read_bytes())
        prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        title, _, rest = prose[0].partition("\n")
        return Page(
            name=name,
            title=title.removeprefix("# ").strip(),
            description=summary(rest),
            notebook=f"{name}.ipynb",
            equations=[number for text in prose for number in NUMBERED.findall(text)],
        )


def summary(text: str, most: int = 160) -> str:
    """The first sentences of some Markdown as plain text, as many as a search result shows."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text.strip().split("\n\n")[0])
    plain = " ".join(re.sub(r"[*`$\\]", "", plain).split())
    if len(plain) <= most:
        return plain
    whole = re.match(rf".{{50,{most}}}[.!?](?= )", plain)
    return whole[0] if whole else plain[: most - 1].rsplit(" ", 1)[0] + "…"


class Cells:
    """The cells of one notebook, whose figures and explorers are numbered as they come."""

    def __init__(self, book: Book, name: str, state: dict[str, Any]) -> None:
        self.book, self.state = book, state
        self.folder = Path(name).parent
        self.number = Path(name).name[:2]
        self.up = "../" * (len(Path(name).parts) - 1)
        self.figures = self.explorers = 0
        self.folds, self.key = 0, ""

    def ask(self, cell: nbformat.NotebookNode, call: str, key: str) -> None:
        """Put a card in the place of a cell that asks, and of its code."""
        if call == "expect":
            content = expect_content(prediction(key))
            self.folds, self.key = prediction(key).folds, key
        elif call == "quiz":
            content = quiz_content(key)
        else:
            content = outcomes_content(key, cell)
        cell.outputs = [page_output(self.card(content))]
        cell.metadata.tags = ["remove-input"]

    def card(self, content: dict[str, Any]) -> str:
        """The place of a card, which a script fills."""
        write = self.book.explorers.write
        write("card.js", lambda: classic(self.book.root, "card"))
        bundle = f"{self.up}explorers/card.js?v={self.book.explorers.versions['card.js']}"
        told = escape(json.dumps(content, ensure_ascii=False))
        return f'<div class="book-card" data-bundle="{escape(bundle)}" data-card="{told}"></div>'

    def fold(self, cell: nbformat.NotebookNode) -> None:
        """Mark a cell whose result readers are to expect first: `site.js` folds it."""
        if cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            key = self.key if self.folds else ""
            self.folds = max(self.folds - 1, 0)
            cell.metadata.setdefault("tags", []).append(f"guess-{key}" if key else "guess")

    def show(self, cell: nbformat.NotebookNode) -> None:
        """Put what a page can show in the place of what a notebook shows."""
        self.fold(cell)
        outputs = copy.deepcopy(cell.outputs)
        cell.outputs = []
        if "<progress" in json.dumps(outputs):
            cell.outputs = [page_output(self.card(progress_content(self.book.root)))]
            return
        for output in outputs[:1]:  # what stands before a folded result
            held = output.get("data", output)
            for kind in {"text", "text/plain"} & held.keys():
                held[kind] = held[kind].removeprefix(FOLDED)
        while outputs:
            output = outputs.pop(0)
            data = output.get("data", {})
            if VIEW in data:
                still = (
                    outputs.pop(0)["data"] if outputs and "still-" in html_of(outputs[0]) else {}
                )
                html = self.explorer(data, still.get("text/html", ""))
            elif FIGURE.search(data.get("text/html", "")):
                html = self.figure(data["text/html"])
            elif "text/html" in data:
                html = table(data["text/html"])
            else:
                cell.outputs.append(output)
                continue
            cell.outputs.append(page_output(html))
        if kind := needs_python(cell):
            how = f'<a href="{self.up}run.html">How to run it</a>'
            cell.outputs.append(page_output(f'<p class="needs-python">{NOTES[kind]} {how}</p>'))

    def figure(self, html: str, numbered: bool = True) -> str:
        """A figure whose picture is a file of its own, with a number and a line below it."""
        found = FIGURE.search(html)
        assert found
        data = base64.b64decode(found["data"])
        self.figures += numbered
        number = f"{self.number}-{self.figures if numbered else f'still-{self.explorers}'}"
        path = self.folder / "figures" / f"{number}.png"
        target = self.book.extra / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        width, height = struct.unpack(">II", data[16:24])  # where PNG has them
        alt, shown = unescape(found["alt"]), int(found["width"])
        image = (
            f'<div class="figure-scroll"><img alt="{escape(alt)}" src="figures/{number}.png" '
            f'width="{shown}" height="{round(height * shown / width)}" loading="lazy" '
            'decoding="async"></div>'
        )
        if not numbered:
            return f'<div class="still">{image}</div>'
        name = f"Figure {self.number.lstrip('0') or '0'}.{self.figures}"
        return (
            f'<figure class="book-figure" id="figure-{number}">{image}'
            f'<figcaption><a class="number" href="#figure-{number}">{name}</a> '
            f"{escape(caption(alt))}</figcaption></figure>"
        )

    def explorer(self, data: dict[str, Any], still: str) -> str:
        """The place of an explorer; its still picture stays there until it has drawn."""
        self.explorers += 1
        widget = self.state[data[VIEW]["model_id"]]
        return self.book.explorers.place(
            f"{self.number}-{self.explorers}",
            widget,
            self.figure(still, numbered=False) if FIGURE.search(still) else "",
            self.up,
            data.get("text/plain", "").partition("\n")[2],
        )


def html_of(output: Any) -> str:
    """The HTML of an output; empty if it has none."""
    return str(output.get("data", {}).get("text/html", ""))


def page_output(html: str) -> nbformat.NotebookNode:
    """HTML as an output."""
    return nbformat.v4.new_output("display_data", data={"text/html": html})


def caption(alt: str, most: int = 150) -> str:
    """A figure's description if it is short, else its first sentence or what begins it."""
    found = None if len(alt) <= most else re.match(r"(.{12,}?)(?:[.:;](?=\s|$))", alt)
    return (found[1] if found else alt).rstrip(".") + "."


def table(html: str) -> str:
    """Other output; tables scroll by themselves, and an empty heading is none."""
    html = (
        html.replace("<th></th>", "<td></td>")
        .replace("<th>", '<th scope="col">')
        .replace(' role="status"', "")
    )
    if "<table" not in html:
        return html
    return re.sub(r"(<table.*?</table>)", r'<div class="table-wrapper">\1</div>', html, flags=re.S)


def needs_python(cell: nbformat.NotebookNode) -> str:
    """Which note an executed cell needs on a page; empty if none."""
    shown = json.dumps(cell.outputs)
    if not cell.outputs:
        return ""
    if "not answered yet" in shown:
        return "exercise"
    if "LiveCurve(" in cell.source:
        return "live"
    own = {"nbval-ignore-output", "measured"}.intersection(cell.metadata.get("tags", []))
    return "machine" if own else ""


def outcomes_content(chapter: str, cell: nbformat.NotebookNode) -> dict[str, Any]:
    """What a card is told of a chapter's predictions and of what came out where it was executed."""
    found: dict[str, Any] = {}
    for told in re.findall(r"<!-- (?:outcomes|measured) (.*) -->", html_of(cell.outputs[0])):
        found |= json.loads(told)
    predictions = [
        expect_content(each) | {"measured": each.measured}
        for each in asked(chapter).predictions.values()
    ]
    card = {"kind": "outcomes", "title": "What you expected"}
    return card | {"predictions": predictions, "outcomes": found}


def progress_content(root: Path) -> dict[str, Any]:
    """What a card is told of all that can be predicted, answered and solved."""
    texts = {path.stem[:2]: path for path in (root / "chapters/text").glob("*.py")}
    chapters = [
        {
            "number": number,
            "title": texts[number].read_text("utf-8").split("# # ", 1)[1].partition("\n")[0],
            "address": f"{texts[number].stem}.html",
            "predictions": list(asked(number).predictions),
            "questions": list(asked(number).questions),
            "exercises": [key for key, each in EXERCISES.items() if each.chapter == int(number)],
        }
        for number in CHAPTERS
    ]
    return {"kind": "progress", "title": "Your progress", "chapters": chapters}
