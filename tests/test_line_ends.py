"""Line ends: a checkout has the committed bytes on every system, and CR LF is read as well."""

import re
import shutil
from pathlib import Path

import jupytext
import pytest
from isolated_git import commit_all, commit_tree, git, needs_git

from mobilenet_lib import files, paper, photos

pytestmark = [needs_git, pytest.mark.slow]
ROOT = Path(__file__).resolve().parent.parent
BINARY = {".jpg", ".mnet", ".parquet", ".png", ".safetensors", ".xz"}
WINDOWS = {
    "Git for Windows": ["-c", "core.autocrlf=true"],
    "Git for Windows, asked to end lines as Windows does": ["-c", "core.eol=crlf"],
    "both": ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"],
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The files of this book as they are now, committed in a repository of their own."""
    return commit_tree(tmp_path_factory.mktemp("book"), ROOT)


def committed(book):
    """The bytes that git holds of each file, by path."""
    listed = git(book, "ls-tree", "-r", "-z", "HEAD").decode().split("\0")[:-1]
    names = {path: told.split()[2] for told, path in (line.split("\t") for line in listed)}
    content = git(book, "cat-file", "--batch", data="\n".join(names.values()).encode())
    blobs, at = {}, 0
    for path in names:
        start = content.index(b"\n", at) + 1
        at = start + int(content[at:start].split()[2])
        blobs[path] = content[start:at]
        at += 1  # a line end behind each
    return blobs


@pytest.mark.parametrize("settings", WINDOWS.values(), ids=WINDOWS)
def test_a_clone_on_windows_has_the_committed_bytes(book, tmp_path, settings):
    blobs = committed(book)
    assert {"Makefile", ".ci/run", "data/glyphs/checksums.txt"} <= blobs.keys()
    git(tmp_path, *settings, "clone", "-q", str(book), "clone")
    changed = [path for path, b in blobs.items() if (tmp_path / "clone" / path).read_bytes() != b]
    assert changed == []
    assert git(tmp_path / "clone", *settings, "status", "--porcelain") == b""


def test_an_archive_made_on_windows_has_the_committed_bytes(book, tmp_path):
    settings = WINDOWS["both"]
    (tmp_path / "book.zip").write_bytes(
        git(book, *settings, "archive", "--format=zip", "-0", "HEAD")
    )
    shutil.unpack_archive(tmp_path / "book.zip", tmp_path / "unpacked")
    blobs = committed(book)
    unpacked = tmp_path / "unpacked"
    changed = [path for path, b in blobs.items() if (unpacked / path).read_bytes() != b]
    from_git = files.ARCHIVED.startswith("$")
    assert changed == ["mobilenet_lib/files.py"] * from_git  # which then knows its commit


def test_what_is_no_text_is_marked_so_and_text_ends_its_lines_in_lf(book):
    for path, content in committed(book).items():
        assert (Path(path).suffix in BINARY) == (b"\0" in content), f"mark it: {path}"
        assert b"\0" in content or b"\r\n" not in content, path
    here = [f"--git-dir={book / '.git'}", f"--work-tree={ROOT}"]
    told = git(ROOT, *here, "check-attr", "text", "--", *(f"x{end}" for end in BINARY))
    assert re.findall(r": text: (\w+)", told.decode()) == ["unset"] * len(BINARY)


@pytest.mark.parametrize("name", ["chapters/01.ipynb", "Makefile", ".ci/run", "data/a.csv", "a.js"])
def test_what_an_editor_on_windows_saved_is_committed_with_lf(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    (tmp_path / name).write_bytes(b"one\r\ntwo\r\n")
    commit_all(tmp_path, "From Windows")
    assert git(tmp_path, "cat-file", "blob", f"HEAD:{name}") == b"one\ntwo\n"


def test_tables_with_cr_lf_are_read_the_same(tmp_path, monkeypatch):
    readers = [paper.tables, paper.models, paper.phones, paper.devices, paper.timed]
    readers.append(photos.credits)
    with_lf = [read() for read in readers]
    for path in (ROOT / "data").rglob("*.csv"):
        copied = tmp_path / path.relative_to(ROOT / "data")
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    assert [read() for read in readers] == with_lf


def test_a_text_with_cr_lf_makes_the_same_notebook(tmp_path):
    for path in sorted((ROOT / "chapters").rglob("text/*.py")):
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(content.replace(b"\n", b"\r\n"))
        read = [jupytext.read(p, fmt="py:percent") for p in (path, tmp_path / path.name)]
        told = [[(c.cell_type, c.source, c.metadata) for c in notebook.cells] for notebook in read]
        assert told[0] == told[1], path.name
