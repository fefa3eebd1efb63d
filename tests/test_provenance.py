"""The commit that results name: the book's own, or none, wherever the book lies."""

import importlib.util
import io
import os
import shutil
import zipfile
from pathlib import Path

import pytest
from isolated_git import commit_all, git, needs_git

from mobilenet_lib import files

pytestmark = needs_git
ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "$Format:%H$"
STRANGER = "unknown (not a git checkout of the book)"


def put_book(folder):
    """As much of the book as its commit depends on."""
    for name in ("mobilenet_lib/files.py", "chapters/build.py", ".gitattributes", ".gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        content = (ROOT / name).read_bytes()
        if files.ARCHIVED != PLACEHOLDER:  # these tests were unpacked from an archive themselves
            content = content.replace(files.ARCHIVED.encode(), PLACEHOLDER.encode())
        (folder / name).write_bytes(content)
    return folder


def said_in(folder):
    """The commit that the copy of the library in this folder names."""
    spec = importlib.util.spec_from_file_location("copied", folder / "mobilenet_lib" / "files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.provenance(packages=())["commit"]


@pytest.fixture
def book(tmp_path):
    """The book in a repository of its own."""
    folder = put_book(tmp_path / "a book")
    commit_all(folder, "The book")
    return folder


@pytest.fixture
def thesis(tmp_path):
    """Somebody else's repository."""
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.tex").write_text("On pigeons\n")
    (folder / ".gitignore").write_text("ignored/\n")
    commit_all(folder, "A thesis")
    return folder


def head(folder):
    return git(folder, "rev-parse", "HEAD").decode()[:12]


# --- The book's own commit ----------------------------------------------------------------------


def test_a_checkout_names_its_commit_and_whether_it_was_changed(book):
    assert said_in(book) == head(book)
    (book / "data" / "results").mkdir(parents=True)
    (book / "data" / "results" / "bench.json").write_text("{}")
    assert said_in(book) == head(book)  # results do not make results
    (book / "mobilenet_lib" / "new.py").write_text("x = 1\n")
    assert said_in(book) == head(book) + "-dirty"


def test_this_very_checkout_names_its_commit():
    commit = files.provenance()["commit"]
    if not (ROOT / ".git").exists():
        assert commit == STRANGER or "from an archive" in commit
    elif "does not trust" not in commit:  # a checkout of another user's, in a container
        assert commit.removesuffix("-dirty") == head(ROOT)


def test_a_second_worktree_names_its_own_commit(book, tmp_path):
    git(book, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    (tmp_path / "tree" / "new.txt").write_text("new")
    commit_all(tmp_path / "tree", "On the branch")
    assert said_in(tmp_path / "tree") == head(tmp_path / "tree") != head(book)


def test_a_submodule_names_the_books_commit(book, thesis):
    git(thesis, "submodule", "add", "-q", str(book), "book")
    commit_all(thesis, "With the book")
    assert said_in(thesis / "book") == head(book) != head(thesis)


@pytest.mark.parametrize(
    "set_to", [{"GIT_DIR": ".git"}, {"GIT_DIR": ".git", "GIT_WORK_TREE": "."}], ids=repr
)
def test_a_hook_of_another_repository_does_not_mislead(book, thesis, monkeypatch, set_to):
    for name, value in set_to.items():
        monkeypatch.setenv(name, str(thesis / value))
    monkeypatch.setenv("GIT_INDEX_FILE", str(thesis / ".git" / "index"))
    monkeypatch.chdir(thesis)
    assert said_in(book) == head(book)


# --- Somebody else's ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["ignored/book", "untracked", "."])
def test_a_copy_inside_another_repository_names_no_commit(thesis, place):
    assert said_in(put_book(thesis / place)) == STRANGER
    git(thesis, "add", "-A")  # about to be committed
    assert said_in(thesis / place) == STRANGER


@pytest.mark.parametrize(
    ("place", "whole"),
    [
        ("book", True),
        ("vendored/book", True),
        (".", False),  # only the library, at the top of another project
        (".venv/lib/site-packages", False),  # installed, in an environment that was committed
    ],
)
def test_a_copy_that_another_repository_committed_names_no_commit(thesis, place, whole):
    put_book(thesis / place)
    if not whole:
        shutil.rmtree(thesis / place / "chapters")
    commit_all(thesis, "With a copy of the book")
    assert said_in(thesis / place) == STRANGER


def test_a_folder_in_no_repository_and_one_without_a_commit_name_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = put_book(tmp_path / "unpacked")
    assert said_in(folder) == STRANGER
    git(folder, "init", "-q")
    assert said_in(folder) == STRANGER


# --- Archives, and no git -----------------------------------------------------------------------


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("asked", ["HEAD", "HEAD~1", "v1"])
def test_an_archive_names_the_commit_it_was_made_of(book, thesis, asked, committed, monkeypatch):
    git(book, "tag", "-a", "-m", "First", "v1")
    (book / "new.txt").write_text("new")
    commit_all(book, "Second")
    made_of = git(book, "rev-parse", asked + "^{commit}").decode()[:12]
    content = git(book, "archive", "--format=zip", "--prefix=book-main/", asked)
    zipfile.ZipFile(io.BytesIO(content)).extractall(thesis)
    if committed:
        commit_all(thesis, "With the book")
    monkeypatch.setenv("PATH", "")  # a ZIP is for those without git
    said = said_in(thesis / "book-main")
    assert said == f"{made_of} (from an archive; it may have been changed since)"


def test_without_git_the_reason_is_said(book, monkeypatch):
    monkeypatch.setenv("PATH", str(book))
    assert said_in(book) == "unknown (git is not installed)"


def test_a_folder_of_another_user_is_said_to_be_that(book, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LANGUAGE", "de")
    said = said_in(book)
    assert said == "unknown (git does not trust the owner of this folder)"
