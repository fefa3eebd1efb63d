"""The library outside a checkout: a wheel in a clean environment, Colab's cell, and the data after.

The environment has what the book depends on by a path to the one that runs the tests.
"""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder
from isolated_git import commit_tree, git, needs_git
from packaging.requirements import Requirement
from pictures import encoded

from mobilenet_lib import installed
from mobilenet_lib.files import GET_DATA

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
COLAB = (ROOT / "web/colab/README.md").read_text("utf-8")
(CELL,) = re.findall(r"```python\n(.*?)```", COLAB, re.DOTALL)


def environment(folder):
    """A clean environment, with an own home folder, in which commands run without the checkout."""
    venv.create(folder / "venv", symlinks=os.name != "nt")
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    base = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", "venv", base))
    site.joinpath("parent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    (folder / "work").mkdir()
    (folder / "home").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MOBILENET_DATA", "XDG_"))}
    kept |= {"HOME": str(folder / "home"), "USERPROFILE": str(folder / "home")}
    kept["LOCALAPPDATA"] = str(folder / "home")
    kept["PATH"] = os.pathsep.join([str(scripts), os.environ["PATH"]])
    kept["PYTHONPATH"] = str(ROOT / "tests/offline")  # and not the checkout

    def run(*command, code=0):
        done = subprocess.run(
            command, cwd=folder / "work", env=kept, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    found = SimpleNamespace(run=run, python=str(scripts / "python"), site=site, variables=kept)
    found.work, found.home = folder / "work", folder / "home"
    return found


def pip(python, *what):
    """Install with what is here: no index, no dependencies, no environment to build in."""
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    done = subprocess.run(
        [*command, "--no-index", "--no-deps", "--no-build-isolation", *what], capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """An environment in which there is the wheel and nothing else of the book."""
    folder = tmp_path_factory.mktemp("alone")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    found = environment(folder)
    pip(found.python, wheel)
    return found


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A ZIP of the book with its files as they are now, as a hosting site makes one."""
    folder = commit_tree(tmp_path_factory.mktemp("repository"), ROOT)
    path = folder / "mobilenet-book.zip"
    git(folder, "archive", "-0", "--prefix=mobilenet-book-main/", f"--output={path}", "HEAD")
    return path


# One process for many commands, since each would import torch anew.
WITHOUT_DATA = f"""
import mobilenet_lib
from mobilenet_lib import cli, explorers

def mobilenet(line):
    return cli.main(line.split())

assert {str(ROOT)!r} not in mobilenet_lib.__file__
tiny = "--alpha 0.25 --resolution 32"
assert mobilenet(f"bench layers {{tiny}} --readings 2") in (0, 1)  # 1: on a busy machine
assert mobilenet(f"train {{tiny}} --dataset images --epochs 1 --batch-size 8 --out run") == 0
assert mobilenet("predict images/dark/0.png --weights run/net.safetensors") == 0
for name in explorers.__all__:
    try:
        assert len(getattr(explorers, name)()._esm) > 10_000
        print("shown:", name)
    except FileNotFoundError as error:
        assert {GET_DATA!r} in str(error)
explorers.SeparableExplorer().save("figure.html")
explorers.ConvolutionExplorer(photo="images/dark/0.png")
for line in ("predict images/dark/0.png", "bench int8", "train --epochs 1 --out other"):
    print("without data:", mobilenet(line))
"""
WITH_DATA = """
from mobilenet_lib import cli, data, doctor, explorers, load_published, paper, results

assert cli.main(["data"]) == 0
for name in explorers.__all__:
    assert len(getattr(explorers, name)()._esm) > 10_000
assert paper.table(1).cells and results.runs("grid") and data.load("glyphs")
assert doctor.check_data().status == "ok"
assert cli.main(["predict", "astronaut"]) == 0
"""


def pictures(folder):
    """A folder of images in two classes, as `mobilenet train --dataset` takes it."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 100, (32, 32, 3)) + 150 * label
            (folder / name / f"{i}.png").write_bytes(encoded(pixels.astype(np.uint8)))


def test_a_wheel_alone_counts_measures_trains_and_shows(alone):
    assert "568,740,352" in alone.run("mobilenet", "cost")
    pictures(alone.work / "images")
    said = alone.run(alone.python, "-c", WITHOUT_DATA)
    assert re.search(r"whole network +[\d.]+ ms", said)
    assert "of the test images after" in said
    assert re.search(r"^(dark|light) .*images/dark/0\.png", said, re.MULTILINE)
    shown = set(re.findall("shown: (.*)", said))
    assert {"ArchitectureExplorer", "LiveCurve", "SeparableExplorer"} <= shown
    assert (alone.work / "figure.html").stat().st_size > 10_000
    assert re.findall("without data: (.*)", said) == ["2"] * 3
    assert said.count(GET_DATA) == 3


@needs_git
def test_after_the_data_was_brought_the_rest_works(alone, archive):
    assert "as the book has them" in alone.run("mobilenet", "data", str(archive))
    said = alone.run(alone.python, "-c", WITH_DATA)
    assert f"{alone.home}" in said
    assert re.search(r"^person .*astronaut", said, re.MULTILINE)


# --- Colab --------------------------------------------------------------------------------------


CHAPTER = """
import mobilenet_lib
from mobilenet_lib import paper
from mobilenet_lib.explorers import ConvolutionExplorer

assert ConvolutionExplorer().learned and paper.table(1).cells
print("from:", mobilenet_lib.__file__)
"""


def test_colabs_cell_asks_for_ranges_of_the_project():
    ranges = installed.requirements()
    asked = [Requirement(line) for line in re.findall(r'"(\w+[<>=][^"]+)"', CELL)]
    assert [requirement.name for requirement in asked] == ["anywidget", "tyro"]
    for requirement in asked:
        assert requirement.specifier == ranges[requirement.name]


@needs_git
def test_colabs_cell_installs_the_library_and_finds_the_data(archive, tmp_path):
    """As it stands there, from a ZIP; of Colab's own module only that it was asked."""
    clean = environment(tmp_path)
    colab = clean.site / "google/colab"
    colab.mkdir(parents=True)
    (colab / "__init__.py").write_text("")
    (colab / "output.py").write_text("def enable_custom_widget_manager(): print('enabled')\n")
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}  # pip's "0" is: do not isolate
    clean.variables.update(offline)
    (clean.work / "cell.ipy").write_text(CELL.replace("ADDRESS", str(archive)) + CHAPTER)
    said = clean.run(clean.python, "-m", "IPython", "--colors=NoColor", "cell.ipy")
    assert "as the book has them" in said
    assert "enabled" in said
    (where,) = re.findall("from: (.*)", said)
    assert Path(where).is_relative_to(clean.site)
