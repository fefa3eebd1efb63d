"""Chapters opened, answered and saved in JupyterLab beside jupytext, as git then sees them."""

import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import pytest
from isolated_git import commit_all, git, needs_git
from jupyter import lab_of, start_lab
from scripts import script

pytestmark = [pytest.mark.browser, needs_git]

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTERS = sorted(path.name for path in (ROOT / "chapters").glob("*.ipynb"))
CHANGED_LINES = 12  # none, where Python has the version of the committed notebooks
ANSWER, CORRECTION = "my_answer = 'π·r²'  # 3 attempts", "Corrected by the authors."
PATIENCE = 60_000  # ms, for a machine with two busy cores
OPEN = """async (path) => {
    const panel = await jupyterapp.commands.execute('docmanager:open', { path });
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
}"""
SAVE = "() => jupyterapp.shell.currentWidget.context.save()"
READ_AGAIN = "() => jupyterapp.shell.currentWidget.context.revert()"
RUN_ANSWER = """async (answer) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const at = notebook.widgets.findIndex((c) => c.model.sharedModel.source.includes('check('));
    if (at < 0) return;
    notebook.activeCellIndex = at;
    notebook.widgets[at].model.sharedModel.setSource(answer);
    await jupyterapp.commands.execute('notebook:run-cell');
}"""
CLOSE = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.sessionContext.shutdown();
    panel.dispose();
}"""


@pytest.fixture
def books(tmp_path):
    """The book as its authors have it, and a reader's clone."""
    authors, reader = tmp_path / "authors", tmp_path / "reader"
    unwanted = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
    shutil.copytree(ROOT / "chapters", authors / "chapters", ignore=unwanted)
    shutil.copy(ROOT / ".gitattributes", authors)
    commit_all(authors, "The book")
    git(tmp_path, "clone", "-q", str(authors), str(reader))
    return authors, reader


@pytest.fixture
def lab(books, tmp_path, browser_page):
    """A JupyterLab that serves the reader's clone with jupytext's own contents manager."""
    with start_lab(lab_of(books[1]), tmp_path) as address:
        log = (tmp_path / "lab.log").read_text(encoding="utf-8")
        assert "jupyterlab_jupytext | extension was successfully loaded" in log
        browser_page.goto(address)
        browser_page.wait_for_function("() => window.jupyterapp?.restored", timeout=PATIENCE)
        browser_page.evaluate("() => jupyterapp.restored")
        yield browser_page


def make_older(path):
    """Date a file back by an hour, as if the other one of notebook and text came since."""
    os.utime(path, (time.time() - 3600,) * 2)


def rebuild(path):
    """Correct a sentence and a line of code, with another result, as a build would store it."""
    build = script("chapters/build.py")
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.from_dict(notebook).cells
    prose, code = (
        next(c for c in notebook.cells if c.cell_type == kind) for kind in ("markdown", "code")
    )
    prose.source += f"\n\n{CORRECTION}"
    code.source += f"\nassert True  # {CORRECTION}"
    code.outputs = [nbformat.v4.new_output("stream", text="another result\n")]
    for cell, name in zip(notebook.cells, build._cell_ids(notebook, before), strict=True):
        cell.id = name
    path.write_text(nbformat.writes(build._as_published(notebook, path.stem)) + "\n", "utf-8")


def test_opening_and_saving_changes_hardly_a_line_and_corrections_merge(books, lab):
    authors, reader = books
    for name in CHAPTERS:
        path = reader / "chapters" / name
        make_older(path)
        lab.evaluate(OPEN, f"chapters/{name}")
        lab.evaluate(SAVE)
        told = git(reader, "diff", "--numstat", "--", str(path)).split()[:2]
        assert sum(map(int, told)) <= CHANGED_LINES, name
        make_older(path.parent / "text" / f"{path.stem}.py")
        lab.evaluate(READ_AGAIN)
        lab.evaluate(RUN_ANSWER, ANSWER)
        lab.evaluate(SAVE)
        lab.evaluate(CLOSE)
    assert git(reader, "status", "--porcelain", "--", ":!*.ipynb") == b""  # the texts above all
    answered = [
        name for name in CHAPTERS if ANSWER in (reader / "chapters" / name).read_text("utf-8")
    ]
    # Chapter 00 has no exercise, and neither has the appendix.
    assert answered == [name for name in CHAPTERS if re.match("0[1-9]", name)]

    for name in CHAPTERS:
        rebuild(authors / "chapters" / name)
    commit_all(authors, "A correction")
    git(reader, "commit", "-qam", "My answers")
    git(reader, "pull", "-q", "--no-rebase")
    for name in CHAPTERS:
        merged = nbformat.read(reader / "chapters" / name, as_version=4)
        nbformat.validate(merged)
        sources = "\n".join(cell.source for cell in merged.cells)
        assert sources.count(CORRECTION) == 2
        assert (ANSWER in sources) == (name in answered)
