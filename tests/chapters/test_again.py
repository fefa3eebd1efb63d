"""Every chapter on an accelerator, every cell twice in a row, as readers with a GPU may run them.

Budgets are short: few letters, few steps. What only a whole training can show is not asked for
here; nbval does that on the processor.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_structure import MEASURED, UNCOMPARED, code_cells, every, read

HERE = Path(__file__).resolve().parent
LEARNED = "learned"
"""Tag of a cell whose assert holds after a whole training only."""
SHORT = {"05_training": "seconds = 0", "07_a_published_mobilenet": "steps = 10"}
"""In place of the numbers in a chapter's cell with the tag "parameters"."""
FEWER = {"05_training": ("loss_after(250, beta)", "loss_after(20, beta)")}
"""What a chapter's own code says once, and what stands in for it: a training with fewer steps."""
START = f"""
import sys
sys.path.insert(0, {str(HERE.parent)!r})
import few_letters
import accelerator
"""
# What differs between two runs of one cell and means nothing.
CHANCE = re.compile(r"0x[0-9a-f]{6,}|data:image/png;base64,[A-Za-z0-9+/=]+|[0-9a-f]{32}")


def shown(cell):
    """What a reader sees below a cell, without what chance decides."""
    texts = []
    for output in cell.outputs:
        data = output.get("data", {})
        kept = {kind: text for kind, text in data.items() if kind.startswith("text/")}
        # What is printed comes in pieces, now one and now two.
        texts.append(json.dumps(kept, sort_keys=True) if kept else output.get("text", ""))
    return CHANCE.sub("...", "".join(texts))


def doubled(notebook, chapter):
    """A chapter's notebook with each cell of code twice, after the start; the pairs."""
    pairs, cells = [], [nbformat.v4.new_code_cell(START)]
    for cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        source = SHORT[chapter] if "parameters" in tags else cell.source
        source = source.replace(*FEWER.get(chapter, ("", "")))
        pair = [nbformat.v4.new_code_cell(source, metadata=cell.metadata) for _ in range(2)]
        pairs.append(pair)
        cells += pair
    notebook.metadata.pop("widgets", None)
    notebook.cells = cells
    return pairs


def faults(notebook):
    """The errors that a reader met, but for asserts on what a short training cannot learn."""
    for cell in notebook.cells:
        for output in cell.outputs:
            learned = LEARNED in cell.metadata.get("tags", [])
            if output.output_type == "error" and not (learned and output.ename == "AssertionError"):
                yield f"{cell.source}\n{output.ename}: {output.evalue}"


@pytest.mark.slow
@every
def test_each_cell_may_be_run_again_and_on_an_accelerator(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MOBILENET_PROGRESS", str(tmp_path / "progress.json"))
    notebook = read(path)
    pairs = doubled(notebook, path.stem)
    options = {"timeout": 600, "allow_errors": True}
    NotebookClient(notebook, resources={"metadata": {"path": path.parent}}, **options).execute()
    if found := list(faults(notebook)):
        pytest.fail("\n\n".join(found), pytrace=False)
    for first, second in pairs:
        if not {UNCOMPARED, MEASURED}.intersection(first.metadata.get("tags", [])):
            assert shown(first) == shown(second), first.source


@pytest.mark.parametrize("path", SHORT)
def test_short_budgets_stand_in_for_a_cell_of_numbers(path):
    """The cell that is replaced sets the same names, and nothing else."""
    notebook = read(HERE.parents[1] / "chapters" / f"{path}.ipynb")
    cells = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", [])]
    assert len(cells) == 1
    names = [{}, {}]
    exec(cells[0].source, names[0])
    exec(SHORT[path], names[1])
    assert names[0].keys() == names[1].keys()


@pytest.mark.parametrize("path", FEWER)
def test_a_training_with_fewer_steps_stands_in_for_one_that_is_there(path):
    sources = [c.source for c in code_cells(read(HERE.parents[1] / "chapters" / f"{path}.ipynb"))]
    assert "\n".join(sources).count(FEWER[path][0]) == 1
