"""TROUBLE.md and the README's ways of getting and updating the book: what they name exists."""

import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "TROUBLE.md").read_text("utf-8")
ROWS = re.findall(r"^\| (?!situation|---)(.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
PARTS = ("mobilenet_lib", "chapters", "bootstrap.py", "Makefile")
SOURCES = [
    path
    for part in PARTS
    for path in ([ROOT / part] if (ROOT / part).is_file() else (ROOT / part).rglob("*.py"))
]
# Read by the programs that the book runs, not by the book.
OTHERS = {
    "CUDA_VISIBLE_DEVICES",
    "HTTPS_PROXY",
    "OMP_NUM_THREADS",
    "PIP_CERT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "TMPDIR",
    "USER",
}
TOPICS = {
    "GPU": "GPU (CUDA, Apple)",
    "matplotlib": "matplotlib settings",
    "run twice": "a cell run twice",
    "fresh session": "a name *is not defined*",
    "git pull": "`git pull` says",
    "jupytext": "jupytext is installed",
    "restarted": "the Python session was restarted",
    "home": "home folder not writable",
    "exports": "PDF, LaTeX, GitHub, nbviewer",
    "busy": "a machine that is busy",
    "containers": "container with half a core",
    "torch's defaults": "torch's global defaults",
    "Intel Mac": "Mac with an Intel processor",
    "line ends": "Windows, `core.autocrlf=true`",
    "another repository": "the book inside another repository, or from a ZIP",
    "restoring": "a chapter that you changed and want back",
    "wheel": "the library from a wheel",
    "data that was cut off": "`mobilenet data` was interrupted",
    "nbval": "`pytest --nbval chapters/00_start_here.ipynb`",
    "old Python": "Python older than 3.11",
    "no network": "no network",
    "proxy and certificate": "proxy, or a certificate",
    "disk": "full disk",
}


@pytest.mark.parametrize("topic", TOPICS)
def test_each_situation_has_one_row(topic):
    assert len([row for row in ROWS if row[0].startswith(TOPICS[topic])]) == 1


def test_each_row_is_whole_and_there_are_no_others():
    assert len(ROWS) == len(re.findall(r"^\| (?!situation|---)", PAGE, re.MULTILINE)) > 20
    assert all(cell.strip() for row in ROWS for cell in row)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_tests_of_a_row_exist(row):
    named = re.findall(r"`([^`]+)`", row[3])
    assert named
    for name in named:
        assert "\ndef test_" in (ROOT / name).read_text("utf-8"), name


@pytest.mark.parametrize("text", [PAGE, README], ids=["TROUBLE.md", "README.md"])
def test_variables_that_are_named_are_read(text):
    code = "".join(" ".join(re.findall(r"`([^`]+)`", text)))
    named = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)*\b(?==)|\b[A-Z]+(?:_[A-Z]+)+\b", code)) - {
        "URL"
    }
    assert "MOBILENET_DATA" in named or text is README
    read = "".join(path.read_text("utf-8") for path in SOURCES)
    for name in named - OTHERS:
        assert re.search(rf'"{name}"|\b{name} \?=', read), name


@pytest.mark.parametrize("text", [PAGE, README], ids=["TROUBLE.md", "README.md"])
def test_files_and_targets_that_are_named_exist(text):
    code = re.findall(r"`([^`]+)`", text) + re.findall(r"^    (.+)$", text, re.MULTILINE)
    files = {
        name
        for each in code
        for name in re.findall(r"(?<![\w/])[\w/]+\.(?:py|yml|ipynb|txt)\b", each)
    }
    assert "chapters/01_standard_convolution.ipynb" in files
    there = [ROOT / name.removeprefix("/lab/tree/") for name in files]
    assert [path for path in there if not path.exists()] == []
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake (\w+)\b", "\n".join(code)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_what_bootstrap_names_is_on_the_page():
    said = (ROOT / "bootstrap.py").read_text("utf-8")
    for words in ("conda env create -f environment.yml", "HTTPS_PROXY", "PIP_CERT", "TMPDIR"):
        assert words in PAGE
        assert words in said
    assert "the first table of TROUBLE.md" in said  # which says how to do without a network
    assert '.[test]" editables uv`' in PAGE.split("\n## ")[1]
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse make lab`" in PAGE.split("\n## ")[1]
    assert "NEWEST_PYTHON = (3, 14)" in said
    assert "newer than 3.14" in PAGE


def test_the_readme_leads_to_the_page_and_gives_no_address_that_is_none():
    assert "](TROUBLE.md)" in README
    assert re.findall(r"git clone (\S+)", README) == ["ADDRESS"]


def git(folder, *arguments):
    told = ["-c", "user.name=reader", "-c", "user.email=reader@example.org"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *told, *arguments], cwd=folder, env=environment, check=True)


def notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)) + "\n", "utf-8")


@pytest.mark.parametrize("worked", [True, False])
def test_the_readmes_way_to_update_keeps_answers_and_takes_corrections(tmp_path, worked):
    """The commands as they stand there, with what a reader changed and without."""
    commands = re.findall(r"^    git (commit|pull) (.+)$", README, re.MULTILINE)
    assert [name for name, _ in commands] == ["commit", "pull"]
    authors, reader = tmp_path / "authors", tmp_path / "reader"
    authors.mkdir()
    git(authors, "init", "-q", "-b", "main")
    notebook(authors / "a.ipynb", "first", *["between"] * 3, "answer = None")
    git(authors, "add", ".")
    git(authors, "commit", "-qm", "The book")
    git(tmp_path, "clone", "-q", "authors", "reader")
    notebook(authors / "a.ipynb", "corrected", *["between"] * 3, "answer = ...")
    git(authors, "commit", "-qam", "A correction")
    if worked:
        notebook(reader / "a.ipynb", "first", *["between"] * 3, "answer = 5")
        git(reader, "commit", "-am", "My answers")
    options = dict(commands)["pull"].split()
    git(reader, "pull", *options)
    cells = nbformat.read(reader / "a.ipynb", 4).cells
    assert cells[0].source == "corrected"
    assert cells[-1].source == ("answer = 5" if worked else "answer = ...")
    kept = (reader / "a.ipynb").read_bytes()
    (reader / "a.ipynb").write_text("broken")
    git(reader, "checkout", "a.ipynb")  # as a chapter is restored
    assert (reader / "a.ipynb").read_bytes() == kept
