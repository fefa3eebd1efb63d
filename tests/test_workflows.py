"""The workflows: what they run exists, and each job has no more rights than it needs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".github" / "workflows"
# YAML 1.1 reads the key "on" as true.
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FOLDER.glob("*.yml")}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
each = pytest.mark.parametrize("name", WORKFLOWS)


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflows_are_there():
    assert set(WORKFLOWS) == {"test", "weekly", "pages"}


@each
def test_what_is_run_exists(name):
    commands = [step["run"].strip() for step in steps(WORKFLOWS[name]) if "run" in step]
    for command in commands:
        words = command.split()
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", MAKEFILE, re.MULTILINE), command
        else:
            assert words[0] == "bash"
            assert (ROOT / words[1]).is_file()


@each
def test_rights_are_those_that_are_needed(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        assert set(job.get("permissions", {})) <= {"pages", "id-token"}
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/a@v1"))
        # What others can write, such as a branch's name, would be run.
        assert "${{" not in step.get("run", "")


@each
def test_pythons_are_those_that_the_book_runs_on(name):
    project = re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    for step in steps(WORKFLOWS[name]):
        version = step.get("with", {}).get("python-version")
        if version and "${{" not in version:
            assert SpecifierSet(project[1]).contains(f"{version}.0")


def test_pages_publishes_what_make_site_writes_with_the_slides_in_it():
    build = WORKFLOWS["pages"]["jobs"]["build"]["steps"]
    commands = [step.get("run", step.get("uses", "").split("@")[0]) for step in build]
    commands = [line for line in commands if not line.startswith(("actions/setup", "actions/ch"))]
    assert commands == [
        "actions/configure-pages",
        "make slides",
        'make site SITE="$SITE"',
        "actions/upload-pages-artifact",
    ]
    assert build[-1]["with"]["path"] == "build/site"
    publish = WORKFLOWS["pages"]["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    (recipe,) = re.findall(r"^site:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert "$(SITE)" in recipe


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_what_python_compiled_is_kept_whatever_an_image_sets():
    """Else each of some hundred processes compiles torch's source anew."""
    done = subprocess.run(
        ["make", "-f", "Makefile", "-f", "-", "told"],
        input="told:\n\t@env\n",
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PATH=" in done.stdout
    assert "PYTHONDONTWRITEBYTECODE" not in done.stdout
