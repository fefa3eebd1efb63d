"""The trial of other versions: what its rows are, what it counts, and that it goes on."""

import sys
from pathlib import Path
from types import SimpleNamespace

import matrix
import pytest
from packaging.requirements import Requirement

TWO = """
import pytest

def test_good():
    pass

def test_bad():
    assert False

@pytest.mark.slow
def test_slow():
    pass

def test_skipped():
    pytest.skip("there is none")
"""


def test_rows_are_chosen_by_parts_of_their_names():
    assert len(matrix.rows()) == len(matrix.PYTHONS) * len(matrix.CHOICES)
    assert matrix.rows(["3.12 oldest"]) == [("3.12", "oldest")]
    assert {python for python, _ in matrix.rows(["3.11", "3.13"])} == {"3.11", "3.13"}
    with pytest.raises(SystemExit, match=r"no row has 3\.6"):
        matrix.rows(["3.6"])


def test_the_books_packages_move_and_those_of_its_tests_do_not():
    for choice in matrix.CHOICES:
        own, tools = matrix.requirements(choice)
        names = {Requirement(line).name for line in own}
        assert names.issuperset(matrix.NAMED)
        assert {"pytest", "nbval", "playwright"} <= {Requirement(line).name for line in tools}
        moves = {Requirement(line).name for line in tools if "==" not in line}
        assert (moves == set(matrix.FOR_LAB)) == (choice != "newest")
        assert not any("mobilenet" in line for line in tools)
        assert not any("==" in line for line in own)


def test_what_is_tried_is_there():
    for path in matrix.TESTS:
        assert (matrix.ROOT / path.partition("::")[0]).is_file(), path


def fake_environment(python, choice, venv):
    """This environment in place of one that takes minutes to install."""
    (venv / "bin").mkdir(parents=True)
    program = venv / "bin" / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for an environment is a script")
def test_a_row_has_versions_and_how_its_tests_ended(tmp_path, monkeypatch):
    tests = tmp_path / "test_two.py"
    tests.write_text(TWO)
    notebook = "chapters/solutions/01_solutions.ipynb"
    monkeypatch.setattr(matrix, "install", fake_environment)
    monkeypatch.setattr(matrix, "TESTS", [str(tests), notebook])
    row = matrix.tried("3.11", "tested")
    assert (row["failed"], row["skipped"], row["passed"] - row["cells"]) == (1, 1, 1)
    assert row["cells"] > 5
    assert [name.endswith("::test_bad") for name in row["failures"]] == [True]
    assert row["python"] == ".".join(map(str, sys.version_info[:3]))
    assert row["versions"].keys() >= set(matrix.NAMED)


def test_an_environment_that_cannot_be_made_is_a_row_too(monkeypatch):
    monkeypatch.setattr(matrix, "install", lambda *_: "no wheel of numpy")
    row = matrix.tried("3.13", "oldest")
    assert row["refused"] == "no wheel of numpy"
    assert "passed" not in row
    assert matrix.shown({"3.13 oldest": row})[-1].split() == ["3.13", "oldest"]


def test_a_stopped_trial_goes_on_where_it_was(monkeypatch, capsys):
    file, ran = {}, []

    def tried(python, choice):
        ran.append(f"{python} {choice}")
        if ran == ["3.11 oldest", "3.12 oldest"]:
            raise KeyboardInterrupt
        ends = {"refused": "no wheel"} if python == "3.13" else {"passed": 1, "failed": 0}
        row = {"python": python, "packages": choice, "provenance": matrix.provenance(packages=())}
        return row | ends

    monkeypatch.setattr(matrix, "tried", tried)
    monkeypatch.setattr(matrix, "known", lambda: dict(file))
    monkeypatch.setattr(
        matrix, "record_result", lambda _, content, *__: file.update(content["results"]["rows"])
    )
    monkeypatch.setattr(matrix, "script", lambda _: SimpleNamespace(hand_over=lambda *_: []))
    monkeypatch.setattr(sys, "argv", ["matrix.py", "--record", "oldest"])
    with pytest.raises(KeyboardInterrupt):
        matrix.main()
    assert list(file) == ["3.11 oldest"]
    assert matrix.main() == 1, "3.13 was refused"
    assert ran[2:] == ["3.12 oldest", "3.13 oldest"]
    matrix.main()
    assert ran[4:] == ["3.13 oldest"], "what could not be installed is tried again"
    said = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["matrix.py", "--show"])
    matrix.main()
    table = capsys.readouterr().out
    assert said.endswith(table)
    assert len(table.splitlines()) == 2 + 3
    assert len(ran) == 5


def test_reports_are_counted(tmp_path):
    report = Path(tmp_path, "report.xml")
    report.write_text(
        '<testsuites><testsuite><testcase classname="a" name="Cell 0"/>'
        '<testcase classname="a" name="Cell 1"><error/></testcase>'
        '<testcase classname="b" name="c"><skipped/></testcase></testsuite></testsuites>'
    )
    counts = {"passed": 1, "skipped": 1, "failed": 1, "cells": 1, "failures": ["a::Cell 1"]}
    assert matrix.counted(report) == counts
