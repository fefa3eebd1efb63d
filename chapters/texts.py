"""The texts of chapters and solutions as notebooks, before anything is executed.

A chapter's text has an exercise's question and cell, its solutions only what fills the dots: so
each of them is written once, and `read` puts the question and its check into the solutions.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat

HERE = Path(__file__).resolve().parent
DOTS = re.compile(r"^(\w+) = \.\.\. *(.*)$", re.MULTILINE)
CHECK = re.compile(r'^check\("([^"]+)", \w+\)', re.MULTILINE)
EXPLAINED = re.compile(r"\*\*(\d\.\d)\*\* ")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # All that a kernel tells about itself, or JupyterLab would add it. Where Python has another
    # version than here, JupyterLab changes that one line, whoever built the book.
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": "3.11.7",
    },
}


def sources() -> list[Path]:
    """The texts of all chapters and solutions, in reading order."""
    return sorted(HERE.glob("text/*.py")) + sorted(HERE.glob("solutions/text/*.py"))


def notebook_of(text: Path) -> Path:
    """The notebook that is made from a text."""
    return text.parent.parent / f"{text.stem}.ipynb"


def read(text: Path) -> nbformat.NotebookNode:
    """A text as a notebook: without slides, which only lecturers see; solutions with exercises."""
    notebook = jupytext.read(text, fmt="py:percent")
    notebook.cells = [cell for cell in notebook.cells if "slide" not in cell.metadata]
    if text.parents[1].name == "solutions":
        _put_exercises_in(notebook, text)
    return notebook


class Exercise(NamedTuple):
    """An exercise as a chapter's text has it."""

    statement: str
    """From its bold number on."""
    name: str
    """What the dots stand for, such as "answer"."""
    hint: str
    """What stands behind the dots: a comment, or nothing."""
    check: str
    """The line that checks it."""

    @property
    def function(self) -> str:
        """How the function that is asked for begins, "def f(x)"; empty if none is."""
        asked = re.match(r"# (def \w+\(.*\)): \.\.\.", self.hint)
        return asked[1] if asked else ""


def exercises(text: Path) -> dict[str, Exercise]:
    """The exercises of a chapter's text, by their keys."""
    found = {}
    cells = [cell for cell in jupytext.read(text).cells if "slide" not in cell.metadata]
    for before, cell in itertools.pairwise(cells):
        if is_exercise(cell):
            (dots,), (line,) = DOTS.findall(cell.source), CHECK.finditer(cell.source)
            statement = before.source[before.source.index(f"**{line[1]}") :]
            found[line[1]] = Exercise(statement, *dots, line[0])
    return found


def solved(solution: str, key: str, exercise: Exercise) -> str:
    """The cell of an exercise with its dots filled in, and nothing entered in the ledger.

    Raises
    ------
    SystemExit
        What is asked for is not bound, or a function has other parameters.
    """
    begins = f"{exercise.function}:" if exercise.function else f"{exercise.name} = "
    if not re.search(rf"^{re.escape(begins)}", solution, re.MULTILINE):
        raise SystemExit(f"the solution of {key} has no line that begins with: {begins}")
    apart = "\n\n\n" if solution.splitlines()[-1].startswith(" ") else "\n"
    return f"{solution}{apart}{exercise.check.removesuffix(')')}, record=False)"


def _put_exercises_in(notebook: nbformat.NotebookNode, text: Path) -> None:
    """Give solutions the questions that they answer, and the checks of the chapter."""
    (chapter,) = HERE.glob(f"text/{text.stem[:2]}_*.py")
    asked = exercises(chapter)
    missing = list(asked)
    for cell in notebook.cells:
        explained = EXPLAINED.match(cell.source)
        key = explained[1] if explained else cell.metadata.pop("exercise", "")
        if key and key not in asked:
            raise SystemExit(f"{text.name} answers {key}, which {chapter.name} does not ask")
        if explained:
            question = asked[key].statement.replace("\n", "\n> ").replace("> \n", ">\n")
            cell.source = f"> {question}\n\n{cell.source[explained.end() :]}"
        elif key:
            cell.source = solved(cell.source, key, asked[key])
            missing.remove(key)
    if missing:
        raise SystemExit(f"{text.name} has no cell that solves {', '.join(missing)}")
    notebook.cells.insert(1, nbformat.v4.new_code_cell("from mobilenet_lib.checks import check"))


def is_exercise(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell waits for a reader's answer; such cells run alone."""
    return cell.cell_type == "code" and "check(" in cell.source and "= ..." in cell.source
