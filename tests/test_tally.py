"""The table at the end of `make test`: it counts what ran and passed, and says what did not run."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import tally


def report(nodeid, when="call", outcome="passed", seconds=0.0, **properties):
    return SimpleNamespace(
        nodeid=nodeid,
        when=when,
        passed=outcome == "passed",
        duration=seconds,
        user_properties=list(properties.items()),
    )


def column(lines, title, row):
    """The cell of a row under a title; columns end where their titles do."""
    (line,) = (each for each in lines if each.split()[:1] == [row])
    return line[: lines[0].index(title) + len(title)].split("  ")[-1].strip()


CHAPTER = "chapters/01_standard_convolution.ipynb::Cell "


def test_what_ran_and_passed_is_counted():
    there = tally.cells_of(CHAPTER.partition("::")[0])
    kinds = ["compared"] * (there - 5) + ["silent", "words", "words", "ignored", "skipped"]
    cells = [
        report(f"{CHAPTER}{i}", when, "skipped" if kind == "skipped" else "passed", 3, cell=kind)
        for i, kind in enumerate(kinds)
        for when in ("setup", "call")
    ]
    tests = [
        report("tests/test_checks.py::a[1.1]", mistakes=("1.1", 7)),
        report("tests/test_checks.py::a[1.2]", mistakes=("1.2", 9)),
        report("tests/test_checks.py::a[1.3]", "call", "failed", mistakes=("1.3", 8)),
        report("tests/test_paper.py::a", paper="7"),
        report("tests/test_other.py::a"),
    ]
    lines = tally.lines([*cells, *tests])
    found = {title: column(lines, title, "01") for title in tally.HEAD}
    assert found["cells"] == found["compared"].replace(str(there - 5), str(there)) == str(there)
    assert [found[kind] for kind in tally.KINDS[1:]] == ["1", "2", "1", "1"]
    assert (found["exercises"], found["mistakes"], found["paper"]) == ("2", "16", "·")
    assert found["ran, min"] == f"{2 * 3 * there / 60:.1f}"
    assert float(found["aloud, min"]) > 5
    assert lines[-1] == "1 of 11 chapters and 0 of 9 solutions ran."


def test_a_cell_that_failed_or_did_not_run_is_missing():
    lines = tally.lines(
        [
            report(f"{CHAPTER}0", cell="compared"),
            report(f"{CHAPTER}1", "call", "failed", cell="compared"),
            report(f"{CHAPTER}2", "setup", "failed", cell="compared"),
        ]
    )
    there = tally.cells_of(CHAPTER.partition("::")[0])
    assert column(lines, "cells", "01") == f"1 of {there}"
    assert column(lines, "exercises", "01") == "·"


def test_the_paper_is_counted_where_its_tables_are_shown():
    of_all = [report("tests/test_paper.py::a", paper=key) for key in ("1", "4", "4", "7")]
    cells = [
        report(f"{path.relative_to(tally.ROOT)}::Cell 0", cell="compared")
        for number in ("03", "05", "09")
        for path in tally.ROOT.glob(f"chapters/{number}_*.ipynb")
    ]
    lines = tally.lines(cells + of_all)
    assert [column(lines, "paper", row) for row in ("03", "05", "09", "all")] == list("3244")


def test_runs_without_chapters_end_as_ever():
    assert tally.lines([report("tests/test_checks.py::a[1.1]", mistakes=("1.1", 7))]) == []


@pytest.mark.slow
def test_workers_tell_what_they_did():
    """Reports of cells come from another process and keep what was done with each."""
    notebook = "chapters/solutions/01_solutions.ipynb"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1"]
    command += ["--dist", "loadfile", "--nbval", notebook, "tests/test_tally.py", "-k", "Cell"]
    done = subprocess.run(command, cwd=tally.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    lines = lines[next(i for i, line in enumerate(lines) if line.startswith("chapter ")) :]
    there = tally.cells_of(notebook)
    assert column(lines, "cells", "solutions") == str(there)
    assert column(lines, "compared", "solutions") == str(there - 1)
    assert column(lines, "silent", "solutions") == "1"  # the import
    assert "0 of 11 chapters and 1 of 9 solutions ran." in lines
