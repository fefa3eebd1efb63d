"""How many minutes each section takes to teach, and the tables in `teaching/` that say so.

    python chapters/minutes.py                fill in the minutes in chapters/teaching
    python chapters/minutes.py --record       execute all chapters; keep how long each cell ran
    python chapters/minutes.py --record 09    this chapter only, beside what is kept of the others

A section that is read aloud takes its words, at 130 a minute, and the running time of its cells,
which `data/results/minutes.json` holds. Shown as slides, it takes the minutes of its slides. What
readers do alone, the exercises, and what nobody reads aloud, the sources, take none.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient
from texts import read

from mobilenet_lib.checks.prompts import CALL
from mobilenet_lib.files import find_data, provenance, read_json, record_result, write_atomically

HERE = Path(__file__).resolve().parent

WORDS_PER_MINUTE = 130
PACKAGES = ("torch", "numpy", "nbclient")
SILENT = ("Exercises", "Sources")
OPENING = "Opening"
HEADING = re.compile(r"(?m)^## (.+)$")
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
UNSPOKEN = re.compile(
    r"<!--.*?-->|```.*?```|^\*\*Contents:\*\*.*?$|</?\w+[^>]*>|(?<=\])\([^)]*\)|[|:]?-{3,}:?",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Section:
    """One section of a chapter, from its heading to the next."""

    chapter: str
    """The chapter's file without an ending."""
    title: str
    words: int = 0
    seconds: float = 0.0
    """How long its cells ran."""
    slides: float = 0.0
    """Minutes of its slides."""
    predictions: int = 0
    """How often readers are asked what they expect."""
    cells: int = 0
    """How many cells of code it has."""
    untimed: int = 0
    """How many of them the record does not know, as they were changed since."""

    def add(self, markdown: str) -> None:
        """Count some more of its prose."""
        self.words += spoken(markdown)
        self.predictions += markdown.count("**Predict:**")

    @property
    def link(self) -> str:
        """A link to it from a page in `teaching/`."""
        anchor = "" if self.title == OPENING else "#" + self.title.replace(" ", "-")
        return f"[{self.title}](../{self.chapter}.ipynb{anchor})"

    @property
    def aloud(self) -> float:
        """Minutes to read it aloud and to run its cells."""
        return self.words / WORDS_PER_MINUTE + self.seconds / 60


def texts() -> list[Path]:
    """The chapters' texts; the appendix, whose number has two digits, is not for lectures."""
    return sorted((HERE / "text").glob("0*.py"))


def spoken(markdown: str) -> int:
    """How many words one says in reading some Markdown aloud; of a formula, each of its signs."""
    plain = UNSPOKEN.sub(" ", markdown)
    signs = " ".join(a + b for a, b in FORMULA.findall(plain))
    signs = re.sub(r"\\(?:mathbf|hat|operatorname|mathrm|qquad|frac|[;,])", " ", signs)
    count = len(re.findall(r"\\?[A-Za-z]+|\d+(?:\.\d+)?|[-+=/]", signs))
    return count + len(re.findall(r"[\w'’.,·-]*\w[\w'’.,·-]*", FORMULA.sub(" ", plain)))


def key(source: str) -> str:
    """A cell's name in the record, which its place does not change."""
    return hashlib.sha256(source.encode()).hexdigest()[:10]


def sections(text: Path, ran: dict[str, float]) -> list[Section]:
    """A chapter's sections in order, with the seconds that each cell ran by its key."""
    found, last = [Section(text.stem, OPENING)], 0.0
    for cell in jupytext.read(text, fmt="py:percent").cells:
        if CALL.search(cell.source):  # a question, which takes no time
            continue
        if cell.cell_type == "code":
            found[-1].seconds += ran.get(key(cell.source), 0.0)
            found[-1].cells += 1
            found[-1].untimed += key(cell.source) not in ran
        elif "slide" in cell.metadata:
            found[-1].slides += cell.metadata.slide
            last, holder = cell.metadata.slide, found[-1]
        else:
            before, *parts = HEADING.split(cell.source)
            found[-1].add(before)
            for title, words in zip(parts[::2], parts[1::2], strict=True):
                found.append(Section(text.stem, title))
                found[-1].add(f"{title}\n{words}")
    for section in found:
        if section.title in SILENT:
            section.words, section.seconds = 0, 0.0
        if section.title == "Summary" and last:  # a deck's last slide, wherever its cell stands
            holder.slides -= last
            section.slides += last
    return found


def recorded() -> dict[str, Any]:
    """What is kept of each chapter: its cells' seconds, when and where they were measured."""
    path = find_data("results") / "minutes.json"
    return dict(read_json(path)["results"]["chapters"]) if path.is_file() else {}


def book() -> dict[str, list[Section]]:
    """The sections of all chapters, by the chapters' numbers."""
    kept = recorded()
    return {
        text.stem[:2]: sections(text, kept.get(text.stem, {"seconds": {}})["seconds"])
        for text in texts()
    }


# --- The tables ----------------------------------------------------------------------------------

TABLE = re.compile(r"(<!-- minutes (\d\d) -->\n).*?(?=<!-- end -->)", re.DOTALL)
PLAN = re.compile(r"<!-- slot (\d+) -->\n((?:\|.*\n)+)")
ROW = re.compile(r"\| (read|slides) \| \[([^\]]+)\]\(\.\./(\d\d)_[^)]*\) \|.*")
WORK = re.compile(r"\| work \| .* \| (\d+) \|")


def half(minutes: float) -> float:
    """Rounded to half a minute; what is there at all takes one half at least."""
    return max(round(2 * minutes) / 2, 0.5) if minutes else 0.0


def row(*cells: object) -> str:
    """A row of a table."""
    return f"| {' | '.join(f'{c:g}' if isinstance(c, float) else str(c) for c in cells)} |"


def chapter_table(chapter: list[Section]) -> str:
    """The minutes of a chapter's sections."""
    head = ("section", "predictions", "words", "read and run, min", "slides, min")
    lines = [row(*head), "|---|--:|--:|--:|--:|"]
    for s in chapter:
        lines.append(row(s.link, s.predictions, f"{s.words:,}", half(s.aloud), s.slides))
    sums = [
        sum(column)
        for column in zip(
            *((s.predictions, s.words, half(s.aloud), s.slides) for s in chapter), strict=True
        )
    ]
    lines.append(row("**in all**", *(f"**{each:,.6g}**" for each in sums)))
    return "\n".join(lines)


def minutes_of(how: str, section: Section) -> float:
    """Minutes of a row of a plan."""
    return half(section.aloud) if how == "read" else section.slides


def plan_table(slot: int, table: str, chapters: dict[str, list[Section]]) -> str:
    """A plan's table with its minutes; what the slot has left is for the room's questions.

    Beside the minutes of a section stand those that its prose and its cells take: what slides have
    more is for the room, its guesses and the explorers.

    Raises
    ------
    ValueError
        A row names a section that the book has not, or the sections do not fit into the slot.
    """
    lines, left, all_aloud = [], float(slot), 0.0
    for line in table.splitlines():
        if shown := ROW.fullmatch(line):
            how, title, number = shown.groups()
            named = [s for s in chapters.get(number, []) if s.title == title]
            if not named:
                raise ValueError(f"a plan names {title!r} of chapter {number}, which is not there")
            minutes = minutes_of(how, named[0])
            aloud = half(named[0].aloud)
            all_aloud += aloud
            line = row(how, named[0].link, aloud, minutes)
        elif work := WORK.fullmatch(line):
            minutes = float(work[1])
        elif line.startswith("| questions |"):
            minutes = left
            line = re.sub(r"\| [^|]* \|$", f"| {minutes:g} |", line)
        else:
            minutes = 0.0
        if line.startswith("| **in all**"):
            line = row("**in all**", "", f"**{all_aloud:g}**", f"**{slot}**")
        left -= minutes
        lines.append(line)
        if left < 0:
            raise ValueError(f"the sections of a plan do not fit into {slot} minutes")
    if left:
        raise ValueError(f"a plan of {slot} minutes has no row of questions that fills it")
    return "\n".join(lines) + "\n"


def filled(page: str, chapters: dict[str, list[Section]]) -> str:
    """A page of `teaching/` with the minutes as they are now."""
    page = TABLE.sub(lambda found: f"{found[1]}{chapter_table(chapters[found[2]])}\n", page)
    return PLAN.sub(
        lambda f: f"<!-- slot {f[1]} -->\n{plan_table(int(f[1]), f[2], chapters)}", page
    )


# --- Measuring -----------------------------------------------------------------------------------


def measure(text: Path) -> dict[str, float]:
    """Execute a chapter; the seconds that each cell of it ran, by the cells' keys."""
    notebook = read(text)
    resources = {"metadata": {"path": str(HERE)}}
    NotebookClient(notebook, timeout=1800, resources=resources).execute()
    ran = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            told = cell.metadata["execution"]
            start, end = (
                datetime.datetime.fromisoformat(told[what])
                for what in ("iopub.execute_input", "shell.execute_reply")
            )
            ran[key(cell.source)] = round((end - start).total_seconds(), 2)
    return ran


def record(numbers: list[str]) -> None:
    """Measure these chapters, or all, and keep the result with its provenance."""
    chosen = [text for text in texts() if not numbers or text.stem[:2] in numbers]
    if not chosen:
        raise SystemExit(f"no chapter has the number {' or '.join(numbers)}")
    kept, start = recorded() if numbers else {}, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOBILENET_PROGRESS"] = str(Path(folder) / "progress.json")
        for text in chosen:
            begun, busy = time.perf_counter(), os.getloadavg()[0]
            ran = measure(text)
            kept[text.stem] = {
                "seconds": ran,
                "load_before": round(busy, 1),
                "provenance": provenance(packages=PACKAGES),
            }
            print(f"{text.stem[:2]} {time.perf_counter() - begun:6.0f} s", flush=True)
    content = {
        "results": {"chapters": dict(sorted(kept.items()))},
        "wall_time_s": round(time.perf_counter() - start, 1),
    }
    record_result("minutes", content, None, PACKAGES)


def main() -> None:
    """Fill in the tables; before that, measure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", nargs="*", metavar="NN", help="chapters to measure; none: all")
    options = parser.parse_args()
    if options.record is not None:
        record(options.record)
    chapters = book()
    for page in sorted((HERE / "teaching").glob("*.md")):
        before = page.read_text(encoding="utf-8")
        if (after := filled(before, chapters)) != before:
            write_atomically(page, after)
            print(f"{page.name}: minutes filled in")


if __name__ == "__main__":
    main()
