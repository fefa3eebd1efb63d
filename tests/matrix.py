"""Try the book with other versions: each Python that is here, with the oldest and newest packages.

    python tests/matrix.py                      all rows, as a table
    python tests/matrix.py --record             the same, each kept in data/results as it ends
    python tests/matrix.py 3.12 "3.13 oldest"   only rows whose name has one of these in it
    python tests/matrix.py --show               what is recorded, and nothing is tried

A row is a Python and a choice of packages: `oldest` and `newest` are the ends of the ranges in
pyproject.toml, as far as wheels for that Python go, `tested` is constraints.txt. Each gets an
environment of its own, which is removed after its tests. Recorded rows that were tried at this
commit are not tried again. The index's torch for Linux brings CUDA, several GB for each row;
UV_TORCH_BACKEND=cpu takes the small one, where its index is within reach.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts import ROOT, script

from mobilenet_lib.files import provenance, record_result
from mobilenet_lib.results import ResultsError, recorded
from mobilenet_lib.text import table

PYTHONS = ("3.11", "3.12", "3.13")
CHOICES = {"oldest": "lowest-direct", "tested": "highest", "newest": "highest"}
NAMED = ("torch", "numpy", "ipywidgets", "jupyterlab", "matplotlib")
"""Packages that the table shows; the file has all that pyproject.toml names."""
FOR_ANYTHING = ("hatchling", "mypy", "py-rattler", "ruff")  # of the tests, and none of them here
FOR_LAB = ("jupytext",)  # has an extension, which older versions of JupyterLab stumble over
TESTS = [
    "chapters/02_depthwise_separable_convolution.ipynb",
    "chapters/03_the_network.ipynb",
    *(
        f"tests/test_{name}.py"
        for name in (
            *("architecture", "convolution", "cost", "explorers", "ledger", "model", "parquet"),
            *("photos", "plots", "train"),
        )
    ),
    "tests/browser/test_lab_live.py::test_chapter_01_runs_and_its_explorer_answers",
]
"""What every package has a part in: cells, widgets, figures, files, training, a live JupyterLab."""
VERSIONS = "import importlib.metadata as m, json, sys; print(json.dumps([sys.version.split()[0], "
VERSIONS += "{d.metadata['Name']: d.version for d in m.distributions()}]))"


def rows(wanted: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Pairs of a Python and a choice of packages, the wanted ones or all."""
    pairs = [(python, choice) for choice in CHOICES for python in PYTHONS]
    chosen = [p for p in pairs if not wanted or any(part in " ".join(p) for part in wanted)]
    if not chosen:
        raise SystemExit(f"no row has {' or '.join(wanted)} in its name: {PYTHONS}, {[*CHOICES]}")
    return chosen


def requirements(choice: str) -> tuple[list[str], list[str]]:
    """What the book needs, in its ranges; what its tests need, as tested but with `newest`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    tools = [line for line in (*extras["test"], *extras["convert"]) if "mobilenet-lib" not in line]
    tools = [line for line in tools if Requirement(line).name not in FOR_ANYTHING]
    if choice != "newest":
        moves = [line for line in tools if Requirement(line).name in FOR_LAB]
        lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        pins = {canonicalize_name(line.partition("==")[0]): line for line in lines}
        tools = moves + [
            pins[canonicalize_name(Requirement(line).name)] for line in tools if line not in moves
        ]
    return project["dependencies"], tools


def install(python: str, choice: str, venv: Path) -> str:
    """Make a row's environment; why it cannot be, empty if it can."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    own, tools = requirements(choice)
    packages = [uv, "pip", "install", "-q", "--python", str(venv), "--only-binary", ":all:"]
    packages += ["--resolution", CHOICES[choice], *own, *tools]
    packages += ["-c", "constraints.txt"] if choice == "tested" else []
    for command in ([uv, "venv", "-q", "--python", f"python{python}", str(venv)], packages):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            return " ".join(done.stderr.split())[-500:].replace(str(Path.home()), "~")
    return ""


def counted(report: Path) -> dict[str, Any]:
    """How many tests and cells ended how, by pytest's report, and what failed."""
    found: dict[str, Any] = {"passed": 0, "skipped": 0, "failed": 0, "cells": 0, "failures": []}
    for case in ElementTree.parse(report).iter("testcase"):
        ended = {child.tag for child in case}
        kind = "failed" if ended & {"failure", "error"} else "skipped" if "skipped" in ended else ""
        found[kind or "passed"] += 1
        found["cells"] += not kind and case.get("name", "").startswith("Cell ")
        if kind == "failed":
            found["failures"].append(f"{case.get('classname')}::{case.get('name')}")
    return found


def tried(python: str, choice: str) -> dict[str, Any]:
    """A row: versions, and how the tests ended."""
    start = time.monotonic()
    row: dict[str, Any] = {"python": python, "packages": choice}
    with tempfile.TemporaryDirectory(prefix="mobilenet-versions-") as folder:
        venv, report = Path(folder, "venv"), Path(folder, "report.xml")
        if why := install(python, choice, venv):
            return row | {"refused": why, "provenance": provenance(packages=())}
        program = str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        version, packages = json.loads(subprocess.check_output([program, "-c", VERSIONS]))
        named = {canonicalize_name(name): version for name, version in packages.items()}
        own = [canonicalize_name(Requirement(line).name) for line in requirements(choice)[0]]
        command = [program, "-m", "pytest", *TESTS, "--nbval", "--nbval-cell-timeout=600", "-q"]
        command += ["-m", "not slow", "-p", "no:cacheprovider", f"--junitxml={report}"]
        paths = os.pathsep.join([str(ROOT / "tests" / "offline"), str(ROOT)])
        done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths})
        if not report.is_file():
            raise SystemExit(f"{python} {choice}: pytest ended with {done.returncode}, no report")
        row |= {"python": version, "versions": {name: named[name] for name in own}}
        row |= counted(report)
    return row | {
        "seconds": round(time.monotonic() - start),
        "provenance": provenance(packages=()),
    }


def known() -> dict[str, dict[str, Any]]:
    """The recorded rows by their names."""
    try:
        return dict(recorded("versions")["results"]["rows"])
    except ResultsError:
        return {}


def shown(kept: dict[str, dict[str, Any]]) -> list[str]:
    """Rows as a table."""
    lines = [["Python", "packages", *NAMED, "passed", "failed", "skipped"]]
    for row in kept.values():
        of_row = [row.get("versions", {}).get(name, "") for name in NAMED]
        ends = [str(row.get(name, "")) for name in ("passed", "failed", "skipped")]
        lines.append([row["python"], row["packages"], *of_row, *ends])
    return table(lines, left=range(7), rule=True)


def main() -> int:
    """Try the wanted rows, and show what there is of all; 1 if one of them did not pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help="parts of rows' names; none: all rows")
    parser.add_argument("--record", action="store_true", help="keep them in data/results")
    parser.add_argument("--show", action="store_true", help="print what is kept, and end")
    options = parser.parse_args()
    if options.show:
        print("\n".join(shown(known())))
        return 0
    script("bootstrap.py").hand_over(ROOT, sys.executable)  # to uv, what pip was told
    kept, commit = known() if options.record else {}, provenance(packages=())["commit"]
    bad = False
    for python, choice in rows(options.rows):
        name = f"{python} {choice}"
        done = kept.get(name, {})
        if "passed" in done and done["provenance"]["commit"] == commit:
            continue
        print(f"--- {name}", flush=True)
        kept[name] = tried(python, choice)
        bad |= bool(kept[name].get("failed", 1))
        kept = {" ".join(pair): kept[" ".join(pair)] for pair in rows() if " ".join(pair) in kept}
        if options.record:
            record_result("versions", {"results": {"rows": kept}}, None, ())
    print("\n".join(shown(kept)))
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
