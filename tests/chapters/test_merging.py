"""Corrections merge into notebooks that a reader worked in, by git alone.

Both sides are acted out on the files: a rebuild by the build's own functions, a reader by what
JupyterLab writes (`tests/browser/test_saved_chapters.py` has it write). Outputs are made up.
"""

import copy
import random
import re
from pathlib import Path

import nbformat
import pytest
from isolated_git import commit_all, git, needs_git
from scripts import script

pytestmark = [needs_git, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
EXACT, MEASURED = CHAPTERS[1:4], CHAPTERS[2::3]  # the first print the same on every machine
CORRECTION, ANSWER = "Corrected by the authors.", "answer = 'of the reader'"

build = script("chapters/build.py")


def write(path, notebook):
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def printed(text):
    return [nbformat.v4.new_output("stream", text=f"{text}\n")]


def measure_anew(cell, rng):
    """What is measured differs each time that a cell is run."""
    if {"nbval-ignore-output", "measured"}.intersection(cell.metadata.get("tags", [])):
        for output in cell.outputs:
            told = output if "text" in output else output.get("data", {})
            for kind in {"text", "text/plain", "text/html"} & told.keys():
                told[kind] = re.sub(r"\d", lambda _: str(rng.randrange(10)), told[kind])


def is_exercise(cell):
    return cell.cell_type == "code" and "check(" in cell.source


# --- The authors --------------------------------------------------------------------------------


def a_sentence(cells):
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    prose[len(prose) // 2].source += f"\n\n{CORRECTION}"


def a_line_of_code(cells, folded=False):
    cell = next(
        c
        for c in cells
        if c.get("outputs")
        and "data" not in c.outputs[0]  # no picture
        and c.metadata.get("collapsed", False) is folded
    )
    cell.source += f"\nassert True  # {CORRECTION}"
    cell.outputs = printed("another result")


def a_line_of_code_whose_result_is_folded(cells):
    """It is unfolded where the reader has run it: both sides have touched it."""
    a_line_of_code(cells, folded=True)


def a_new_cell(cells):
    made = nbformat.v4.new_code_cell(f"print('{CORRECTION}')", outputs=printed(CORRECTION))
    # Between a question and what answers it, the new cell would be the one that is folded.
    at = next(i for i, cell in enumerate(cells) if i > 2 and cell.cell_type == "markdown")
    cells[at:at] = [nbformat.v4.new_markdown_cell("Look:"), made]


def one_cell_less(cells):
    cells.remove(next(c for c in cells if c.cell_type == "code" and not is_exercise(c)))
    a_sentence(cells)


def rebuild(path, correct, rng):
    notebook = nbformat.read(path, as_version=4)
    before = copy.deepcopy(notebook.cells)
    correct(notebook.cells)
    for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        measure_anew(cell, rng)
        cell.execution_count = number + 1
    for cell, name in zip(notebook.cells, build._cell_ids(notebook, before), strict=True):
        cell.id = name
    write(path, build._as_published(notebook, path.stem))


# --- A reader -----------------------------------------------------------------------------------


def work_through(path, run_all, rng):
    """Answer every exercise, in three attempts; before that, run the whole chapter or not."""
    notebook = nbformat.read(path, as_version=4)
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code" or not (run_all or is_exercise(cell)):
            continue
        count += 3 if is_exercise(cell) else 1
        cell.execution_count = count
        if is_exercise(cell):
            cell.source, cell.outputs = f"{ANSWER}\n{cell.source}", printed("Right!")
        measure_anew(cell, rng)
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}  # unfolded
        build._begin_folded(cell, False)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            for kind, data in output.get("data", {}).items():
                if kind == "text/html":  # pictures of other letters
                    output.data[kind] = re.sub(
                        "base64,.{9}", f"base64,{rng.randrange(10**9):09}", data
                    )
                elif kind.endswith("widget-view+json"):
                    data["model_id"] = f"{rng.getrandbits(128):032x}"
    write(path, notebook)


@pytest.fixture
def merge(tmp_path):
    """A function that has authors and a reader work, merges, and returns the merged notebooks."""

    def merge_(notebooks, correct, run_all, *options):
        rng = random.Random(0)
        for path in notebooks:
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
        commit_all(tmp_path, "The book")
        git(tmp_path, "branch", "reader")
        for path in tmp_path.glob("*.ipynb"):
            rebuild(path, correct, rng)
        commit_all(tmp_path, "A correction")
        git(tmp_path, "checkout", "-q", "reader")
        for path in tmp_path.glob("*.ipynb"):
            work_through(path, run_all, rng)
        commit_all(tmp_path, "My answers")
        git(tmp_path, "merge", "-q", *options, "main")
        merged = [nbformat.read(path, as_version=4) for path in sorted(tmp_path.glob("*.ipynb"))]
        for notebook in merged:
            nbformat.validate(notebook)
            assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
            assert all(ANSWER in cell.source for cell in notebook.cells if is_exercise(cell))
        return merged

    return merge_


@pytest.mark.parametrize("correct", [a_sentence, a_line_of_code, a_new_cell, one_cell_less])
def test_a_correction_merges_by_itself_into_a_notebook_with_answers(merge, correct):
    for notebook in merge(MEASURED, correct, False):
        assert any(CORRECTION in cell.source for cell in notebook.cells)


@pytest.mark.parametrize("correct", [a_sentence, a_line_of_code, a_new_cell])
def test_it_merges_by_itself_where_all_was_run_and_nothing_measured(merge, correct):
    for notebook in merge(EXACT, correct, True):
        assert any(CORRECTION in cell.source for cell in notebook.cells)


@pytest.mark.parametrize("correct", [a_sentence, a_new_cell, a_line_of_code_whose_result_is_folded])
def test_where_both_measured_the_readers_lines_win_if_asked_and_the_notebook_is_whole(
    merge, correct
):
    """The same lines differ on both sides: without `-X ours` that is a conflict."""
    notebooks = EXACT[1:2] if "folded" in correct.__name__ else MEASURED
    for notebook in merge(notebooks, correct, True, "-X", "ours"):
        assert any(CORRECTION in cell.source for cell in notebook.cells)
