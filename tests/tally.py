"""The table at the end of a run: what was checked of each chapter, counted from its reports.

nbval's cells and the tests of exercises and of the paper's tables say in their reports what they
did (`chapters/conftest.py`; pytest's `record_property`). Only what ran and passed is counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from scripts import ROOT, script

from mobilenet_lib.text import table

KINDS = ("compared", "silent", "words", "ignored", "skipped")
HEAD = ("chapter", "cells", *KINDS, "exercises", "mistakes", "paper", "ran, min", "aloud, min")
NOTE = """\
compared: all that a cell shows; silent: that it still shows nothing; words: all but numbers, which
are the machine's own; ignored: only that it runs. mistakes: wrong answers that were rejected with
the hint that each must get. paper: numbers in the tables that a chapter shows, counted anew.
ran: the cells in this run; aloud: to read the text and run the cells. A dot: not in this run."""
SOLUTIONS = "solutions"


def lines(reports: Iterable[Any]) -> list[str]:
    """The table and what it means; nothing where no cell of a chapter ran.

    Parameters
    ----------
    reports
        pytest's, of all phases of all tests, however they ended.
    """
    notebooks: defaultdict[str, set[str]] = defaultdict(set)
    cells: defaultdict[str, Counter[str]] = defaultdict(Counter)
    mistakes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    paper: Counter[str] = Counter()
    for report in reports:
        path = report.nodeid.partition("::")[0]
        chapter = SOLUTIONS if SOLUTIONS in path else Path(path).name[:2]
        for name, value in report.user_properties:
            if name == "cell":
                notebooks[chapter].add(path)
                seconds[chapter] += report.duration
            if report.when != "call" or not (report.passed or value == "skipped"):
                continue
            if name == "cell":
                cells[chapter][value] += 1
            elif name == "mistakes":
                key, count = value
                mistakes[f"{key.split('.')[0]:0>2}"][key] += count
            elif name == "paper":
                paper[value] += 1
    if not notebooks:
        return []
    rows = []
    for chapter in sorted(notebooks):
        done, there = cells[chapter].total(), sum(map(cells_of, notebooks[chapter]))
        own, shown = mistakes[chapter], tables_of(chapter) & paper.keys()
        rows.append(
            [
                chapter,
                f"{done}" if done == there else f"{done} of {there}",
                *(str(cells[chapter][kind]) for kind in KINDS),
                *((str(len(own)), str(own.total())) if own else ("·", "·")),
                str(sum(paper[each] for each in shown)) if shown else "·",
                f"{seconds[chapter] / 60:.1f}",
                aloud(chapter),
            ]
        )
    everything = sum(cells.values(), Counter())
    tried = [mistakes[chapter] for chapter in notebooks]
    rows.append(
        [
            "all",
            str(everything.total()),
            *(str(everything[kind]) for kind in KINDS),
            str(sum(map(len, tried))),
            str(sum(each.total() for each in tried)),
            str(paper.total()),
            f"{seconds.total() / 60:.1f}",
            "",
        ]
    )
    there = [len(list(ROOT.glob(f"chapters/{place}*.ipynb"))) for place in ("", f"{SOLUTIONS}/")]
    ran = [len(notebooks.keys() - {SOLUTIONS}), len(notebooks.get(SOLUTIONS, ()))]
    covered = f"{ran[0]} of {there[0]} chapters and {ran[1]} of {there[1]} solutions ran."
    return [*table([HEAD, *rows], rule=True), "", *NOTE.splitlines(), covered]


def cells_of(path: str) -> int:
    """How many cells of code a notebook has."""
    notebook = json.loads((ROOT / path).read_text("utf-8"))
    return sum(cell["cell_type"] == "code" for cell in notebook["cells"])


@cache
def tables_of(chapter: str) -> set[str]:
    """Keys of the paper's tables that a chapter takes numbers from."""
    from mobilenet_lib import paper

    source = "".join(path.read_text("utf-8") for path in ROOT.glob(f"chapters/text/{chapter}_*.py"))
    if "paper.cells()" in source:
        return {each.key for each in paper.tables()}
    return set(re.findall(r"paper\.table\((\w+)\)", source))


def aloud(chapter: str) -> str:
    """Minutes to read a chapter aloud and run its cells, as the pages for lecturers say."""
    minutes = script("chapters/minutes.py")
    sections = minutes.book().get(chapter, [])
    return f"{sum(minutes.half(section.aloud) for section in sections):g}" if sections else "·"
