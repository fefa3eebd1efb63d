"""The slides of a chapter: marked cells of its text, with what its notebook shows.

A markdown cell whose header says `slide=2` is a slide of two minutes and no part of the notebook.
It begins with a heading; what follows a line `Notes:` is for the speaker. A line of its own shows
what belongs to the next code cell:

    [[output]]               what it shows: a figure, a table, what it prints
    [[output 2-5]]           these lines of what it prints
    [[code]], [[code 2-5]]   the code, or these lines of it
    [[explorer v1&hide=foot]]   its explorer, in a state; `hide` names what the wall has no room for
"""

from __future__ import annotations

import base64
import html
import importlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from PIL import Image

from mobilenet_lib.checks.prompts import CALL, FOLDED
from mobilenet_lib.explorers import LettersExplorer
from mobilenet_lib.explorers.explorer import Explorer
from mobilenet_lib.explorers.state import StateError

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
DIRECTIVE = re.compile(r"\[\[(output|code|explorer)(?: (.*))?\]\]")
SMALLEST, LARGEST = 24, 40  # pixels of a slide that has 1280 by 720


class SlideError(ValueError):
    """A marked cell of which no slide can be made."""


@dataclass(frozen=True)
class Formula:
    """A formula, and the mark that stands in its place until all are set at once."""

    tex: str
    display: bool
    mark: str


@dataclass
class Slide:
    """One slide: its HTML, in which formulas are still marks."""

    title: str
    minutes: float
    body: str
    notes: str
    kind: str
    """Its layout: "title", "question", "summary", "explorer", "figure", "table" or "text"."""


@dataclass
class Deck:
    """The slides of a chapter, and the files that they need."""

    number: str
    title: str
    slides: list[Slide] = field(default_factory=list)
    formulas: list[Formula] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def minutes(self) -> float:
        """How long the deck takes."""
        return sum(slide.minutes for slide in self.slides)


def read_deck(text: Path, notebook: Path) -> Deck:
    """The deck of a chapter.

    Raises
    ------
    SlideError
        A marked cell asks for what its next code cell does not have, says no minutes or has no
        heading or no notes.
    """
    deck = Deck(text.stem[:2], text.stem[3:].replace("_", " ").capitalize())
    built = nbformat.read(notebook, as_version=4)
    executed = {cell.source: cell for cell in built.cells if cell.cell_type == "code"}
    reader = _Reader(deck, built)
    cells = jupytext.read(text, fmt="py:percent").cells
    for place, cell in enumerate(cells):
        if "slide" not in cell.metadata:
            continue
        code = next(
            (
                each.source
                for each in cells[place:]
                if each.cell_type == "code" and not CALL.search(each.source)
            ),
            None,
        )
        try:
            if code is not None and code not in executed and DIRECTIVE.search(cell.source):
                line = code.partition("\n")[0]
                raise SlideError(f"the code cell that it shows ({line}) has not been executed")
            deck.slides.append(reader.slide(cell, executed.get(code)))
        except SlideError as error:
            where = cell.source.partition("\n")[0]
            raise SlideError(f"{text.name}, slide “{where}”: {error}") from None
    if deck.slides:
        deck.title = deck.slides[0].title
        deck.slides[0].kind, deck.slides[-1].kind = "title", "summary"
    return deck


class _Reader:
    """Makes slides of one chapter's cells."""

    def __init__(self, deck: Deck, notebook: nbformat.NotebookNode) -> None:
        self.deck = deck
        self.widgets = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
        self.markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
        self.markdown.use(dollarmath_plugin, renderer=self._formula)

    def _formula(self, tex: str, options: dict[str, Any]) -> str:
        formula = Formula(
            tex.strip(), options["display_mode"], f"@formula{len(self.deck.formulas)}@"
        )
        self.deck.formulas.append(formula)
        return formula.mark

    def slide(self, cell: nbformat.NotebookNode, following: Any) -> Slide:
        minutes = cell.metadata.slide
        if (
            isinstance(minutes, bool)
            or not isinstance(minutes, int | float)
            or not 0 < minutes <= 15
        ):
            raise SlideError(f"slide={minutes!r} is to be its minutes, more than 0 and at most 15")
        source = re.sub(r"<!--.*?-->", "", cell.source, flags=re.DOTALL)
        heading, _, rest = source.partition("\n")
        title = re.fullmatch(r"##? (.+)", heading)
        if not title:
            raise SlideError("it is to begin with a heading, # or ##")
        shown, *notes = re.split(r"(?m)^Notes:", rest, maxsplit=1)
        if not notes or not notes[0].strip():
            raise SlideError("it has no line “Notes:” with what to say")
        parts = list(self._parts(shown, following))
        level = "h1" if heading.startswith("# ") else "h2"
        kind = _kind(title[1], "".join(parts))
        size = _letters(parts) if kind == "text" else SMALLEST
        head = self.markdown.renderInline(title[1])
        return Slide(
            title=title[1],
            minutes=minutes,
            body=f"<{level}>{head}</{level}>\n"
            f'<div class="content" style="--printed: {size}px">\n' + "\n".join(parts) + "\n</div>",
            notes=self.markdown.render(notes[0].strip()),
            kind=kind,
        )

    def _parts(self, shown: str, following: Any) -> Iterator[str]:
        makers: dict[str, Callable[[Any, str], str]] = {
            "output": self._output,
            "code": self._code,
            "explorer": self._explorer,
        }
        prose: list[str] = []
        for line in [*shown.splitlines(), "[[]]"]:
            found = DIRECTIVE.fullmatch(line.strip())
            if line.startswith("[[") and not found and line != "[[]]":
                raise SlideError(f"{line} is none of [[output]], [[code]] and [[explorer]]")
            if not found and line != "[[]]":
                prose.append(line)
                continue
            if text := self.markdown.render("\n".join(prose)).strip():
                yield text
            prose = []
            if found:
                if following is None:
                    raise SlideError("no code cell follows")
                yield makers[found[1]](following, found[2] or "")

    def _code(self, cell: Any, lines: str) -> str:
        return f'<pre class="code"><code>{html.escape(_lines(cell.source, lines))}</code></pre>'

    def _output(self, cell: Any, lines: str) -> str:
        printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
        printed = printed.removeprefix(FOLDED)
        data = [o.data for o in cell.outputs if "data" in o and VIEW not in o.data]
        if lines or (printed and not data):
            return f"<pre>{html.escape(_lines(printed, lines))}</pre>"
        if not data:
            raise SlideError("the next code cell shows nothing")
        return "\n".join(map(self._shown, data))

    def _shown(self, data: Any) -> str:
        if "image/png" in data:
            return f"<figure>{self._image(data)}</figure>"
        if "text/html" in data:
            return f'<div class="cells">{data["text/html"]}</div>'
        return f"<pre>{html.escape(data['text/plain'].removeprefix(FOLDED))}</pre>"

    def _image(self, data: Any, attributes: str = "") -> str:
        content = base64.b64decode(data["image/png"])
        name = f"{self.deck.number}/{len(self.deck.files) + 1}.png"
        self.deck.files[name] = content
        width, height = Image.open(io.BytesIO(content)).size
        alt = re.search(r'<img alt="([^"]*)"', data["text/html"])
        if not alt:
            raise SlideError("the figure has no alt text")
        shape = f'width="{width}" height="{height}" style="--ratio: {width / height:.4f}"'
        return f'<img src="{name}" {shape} alt="{alt[1]}"{attributes}>'

    def _explorer(self, cell: Any, wanted: str) -> str:
        line = wanted or "v1"
        if not re.fullmatch(r"\S+", line):
            raise SlideError(f"“{wanted}” is to be a state, such as v1&hide=foot, and nothing else")
        ids = [o.data[VIEW]["model_id"] for o in cell.outputs if VIEW in o.get("data", {})]
        stills = [o.data for o in cell.outputs if "image/png" in o.get("data", {})]
        if not ids or not stills:
            raise SlideError("the next code cell has no explorer with a still picture")
        widget = _alive(self.widgets[ids[0]])
        try:
            widget.definition.decode(line)
        except StateError as error:  # here, and not before an audience
            raise SlideError(str(error)) from None
        kind = widget.definition.name
        page = f"{self.deck.number}/{kind}.html"
        self.deck.files[page] = widget.page().encode()
        title = html.escape(widget.definition.title, quote=True)
        still = self._image(stills[0], ' class="still"')
        state = html.escape(f"{kind}:{line}", quote=True)
        return (
            f'<div class="alive"><iframe title="{title}" data-page="{page}" '
            f'data-state="{state}" allow="camera"></iframe>{still}</div>'
        )


def _kind(title: str, body: str) -> str:
    """The layout of a slide, by what is on it."""
    for kind, mark in (("explorer", "<iframe"), ("figure", "<figure"), ("table", "<table")):
        if mark in body:
            return kind
    return "question" if title.endswith("?") and "<pre" not in body else "text"


def _letters(parts: list[str]) -> int:
    """How large printed text and code can be, in pixels: as wide as the slide, and no higher."""
    rows = [html.unescape(row) for part in parts if "<pre" in part for row in part.splitlines()]
    columns = max((len(re.sub(r"<[^>]+>", "", row)) for row in rows), default=1)
    wide, high = 1140 / (0.61 * columns), 420 / (1.32 * max(len(rows), 1))
    return round(min(max(min(wide, high), SMALLEST), LARGEST))


def _lines(text: str, wanted: str) -> str:
    """All lines of a text, or those from "2-5", counted from 1."""
    lines = text.rstrip().splitlines()
    if not wanted:
        return "\n".join(lines)
    asked = re.fullmatch(r"(\d+)(?:-(\d+))?", wanted)
    first, last = (int(asked[1]), int(asked[2] or asked[1])) if asked else (0, 0)
    if not 1 <= first <= last <= len(lines):
        raise SlideError(
            f"lines {wanted} are wanted, there are {len(lines)}: ask for one, as 2, or some, as 2-5"
        )
    return "\n".join(lines[first - 1 : last])


def _alive(model: Any) -> Explorer:
    """The explorer that a notebook has kept, with what it was given there."""
    values = dict(model["state"])
    for buffer in model.get("buffers", ()):
        (name,) = buffer["path"]
        values[name] = base64.b64decode(buffer["data"])
    module, _, name = values["_anywidget_id"].rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    if kind is LettersExplorer:  # all four are 16 MB
        widget = LettersExplorer((0.5, 0.25))
        del values["networks"]
    else:
        widget = kind()
    for name in widget.traits(sync=True):
        if name[0] != "_" and name in values and name not in ("layout", "tabbable", "tooltip"):
            widget.set_trait(name, values[name])
    return widget
