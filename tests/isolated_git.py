"""git for tests: nothing of the user's own settings or repositories takes part."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

needs_git = pytest.mark.skipif(
    shutil.which("git") is None and not os.environ.get("CI"), reason="git is not installed"
)
SETTINGS = {
    "user.name": "a",
    "user.email": "a@example.org",
    "init.defaultBranch": "main",
    "protocol.file.allow": "always",  # submodules that lie on this machine
    "safe.directory": "*",
}


def git(folder: Path, *arguments: str, code: int = 0, data: bytes | None = None) -> bytes:
    """What git prints in a folder; it must end with `code`."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    own |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = ["git", *settings, *arguments]
    done = subprocess.run(command, cwd=folder, env=own, input=data, capture_output=True)
    assert done.returncode == code, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout


def commit_tree(folder: Path, tree: Path) -> Path:
    """Commit the files of another folder as they are now, in a new repository; its folder."""
    git(folder, "init", "-q")
    git(folder, f"--work-tree={tree}", "add", "-A")
    git(folder, f"--work-tree={tree}", "commit", "-qm", "The book")
    return folder


def commit_all(folder: Path, message: str) -> str:
    """Commit everything in a folder, as a new repository if it is none yet; the commit's name."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD").decode().strip()
