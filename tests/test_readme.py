"""README.md tells the truth: its code runs, its commands exist."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image
from scripts import script

import mobilenet_lib

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_ten_lines_of_code_run(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    scope = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["logits"].shape == (1, 1000)
    assert scope["arch"].parameters == 1_331_592  # the number in the comment
    text = capsys.readouterr().out
    assert "76,524,800 mult-adds" in text
    assert "Conv DW 3x3" in text


def test_the_picture_is_of_the_explorer_as_it_is():
    maker = script("chapters/images/make_images.py")
    assert f"]({maker.PICTURE.relative_to(ROOT).as_posix()})" in README
    with Image.open(maker.PICTURE) as picture:
        made = picture.text["version"]
    assert made == maker.version(), "run python chapters/images/make_images.py and look at it"


def test_the_table_of_chapters_is_the_list_of_chapters():
    listed = re.findall(r"\]\((chapters/\d\d_\w+\.ipynb)\)", README)
    there = sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "chapters").glob("*.ipynb")
    )
    assert listed == there


def test_make_targets_that_are_named_exist():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = set(re.findall(r"\bmake (\w+)", README))
    assert {"lab", "test", "help"} <= named
    for target in named:
        assert re.search(rf"^  {target} ", listed.stdout, re.MULTILINE), target


@pytest.mark.parametrize("command", [["cost", "--alpha", "0.5", "--resolution", "160"], ["doctor"]])
def test_commands_that_are_named_run(command):
    assert " ".join(["mobilenet", *command]) in README
    run = [sys.executable, "-m", "mobilenet_lib.cli", *command]
    subprocess.run(run, cwd=ROOT, capture_output=True, check=True)


def test_citation_agrees_with_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert citation["version"] == mobilenet_lib.__version__
    assert citation["license"] == project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    assert citation["references"][0]["identifiers"][0]["value"].split(":")[1] in README
