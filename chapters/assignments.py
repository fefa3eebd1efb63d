"""Exercises and solutions as nbgrader takes them: one notebook with both, marked.

    python chapters/assignments.py COURSE/source          all chapters
    python chapters/assignments.py COURSE/source 02 05    these

Written are COURSE/source/exercises_02/exercises_02.ipynb and the like. `nbgrader
generate_assignment exercises_02` makes the students' version of it, without what stands between
the marks. Each exercise has a point, which its own check gives; change that with nbgrader.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
import texts

from mobilenet_lib.files import write_atomically

HERE = Path(__file__).resolve().parent


def assignment(solutions: Path) -> nbformat.NotebookNode:
    """The notebook of one text of solutions."""
    number = solutions.stem[:2]
    (chapter,) = HERE.glob(f"text/{number}_*.py")
    asked = texts.exercises(chapter)
    made = nbformat.v4
    cells = [
        made.new_markdown_cell(f"# Exercises of chapter {number}"),
        made.new_code_cell("from mobilenet_lib.checks import check"),
    ]
    parts: list[str] = []
    for cell in jupytext.read(solutions, fmt="py:percent").cells:
        if cell.cell_type != "code":
            continue
        parts.append(cell.source)  # a long solution has cells of its own before the last
        if key := cell.metadata.get("exercise"):
            exercise = asked[key]
            dots = (
                exercise.hint if exercise.function else f"# {exercise.name} = ... {exercise.hint}"
            )
            whole = "\n\n\n".join(parts)
            cells += [
                made.new_markdown_cell(exercise.statement),
                made.new_code_cell(
                    f"{dots.strip()}\n### BEGIN SOLUTION\n{whole}\n### END SOLUTION",
                    metadata=_marked(f"answer-{key}", solution=True),
                ),
                made.new_code_cell(
                    f'verdict = check("{key}", {exercise.name}, record=False)\n'
                    "assert verdict.right, verdict.text",
                    metadata=_marked(f"check-{key}", grade=True, locked=True, points=1),
                ),
            ]
            parts = []
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # not drawn, so that the same text gives the same file
    return made.new_notebook(cells=cells, metadata=texts.METADATA)


def _marked(name: str, **marks: object) -> dict[str, dict[str, object]]:
    """Metadata by which nbgrader knows a cell; it wants all of the marks in each."""
    plain = {"grade": False, "locked": False, "solution": False, "task": False}
    told = {"grade_id": name.replace(".", "-"), "schema_version": 3}
    return {"nbgrader": plain | told | marks}


def main(arguments: list[str]) -> None:
    """Write the wanted chapters' assignments, or all."""
    if not arguments:
        raise SystemExit(__doc__)
    folder, *wanted = arguments
    solutions = {text.stem[:2]: text for text in sorted(HERE.glob("solutions/text/*.py"))}
    if unknown := [number for number in wanted if number not in solutions]:
        raise SystemExit(
            f"no chapter with exercises has the number {' or '.join(unknown)}; "
            f"there are {', '.join(solutions)}"
        )
    paths = {
        number: Path(folder) / name / f"{name}.ipynb"
        for number in wanted or solutions
        if (name := f"exercises_{number}")
    }
    if there := [str(path) for path in paths.values() if path.exists()]:
        raise SystemExit(f"{there[0]} is already there, and perhaps changed; delete it first")
    for number, path in paths.items():
        write_atomically(path, nbformat.writes(assignment(solutions[number])) + "\n")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
