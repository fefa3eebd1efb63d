"""Start the book for one reader in a container: `start.py PROGRAM OPTIONS`, PROGRAM being Jupyter.

The image holds the book where no reader may write, and a hub's home folders are often volumes that
are empty at first. So the chapters are copied into the home folder; those that are there stay.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from mobilenet_lib import lab
from mobilenet_lib.files import write_atomically

BOOK = Path(__file__).resolve().parents[2]
NAME = "mobilenet-book"
LINKED = ("data", "web")
"""What chapters and their reader look into and do not change."""


SERVERS = ("jupyterhub-singleuser", "jupyter-lab")


def furnish(home: Path) -> Path:
    """Bring what a reader lacks into the home folder; the folder of the reader's own book."""
    own = home / NAME
    for file in sorted((BOOK / "chapters").rglob("*")):
        target = own / file.relative_to(BOOK)
        if file.is_file() and not os.path.lexists(target):
            write_atomically(target, file.read_bytes())
    for name in LINKED:
        # A link that leads nowhere is of an image that had the book elsewhere.
        if (own / name).is_symlink() and not (own / name).exists():
            (own / name).unlink()
        if not os.path.lexists(own / name):
            (own / name).symlink_to(BOOK / name)
    return own


def main(command: Sequence[str]) -> None:
    """Furnish the home folder, have Jupyter trust the chapters, and become the program."""
    if not command or shutil.which(command[0]) is None:
        named = command[0] if command else "none"
        raise SystemExit(f"start.py: name a program that is here, such as jupyter-lab; got {named}")
    notes = lab.move_folders()
    own = furnish(Path.home())
    os.chdir(own)
    chapters = Path("chapters")
    notes += lab.trust([*chapters.glob("*.ipynb"), *chapters.glob("solutions/*.ipynb")])
    for line in notes:
        print(f"Note: {line}", file=sys.stderr, flush=True)
    lab.limit_threads()
    program, *options = command
    os.execvp(program, [program, *(flags(own) if Path(program).name in SERVERS else ()), *options])


def flags(own: Path) -> list[str]:
    """Options as `make lab` gives them; those that follow win over them."""
    return [
        "--ServerApp.ip=0.0.0.0",
        f"--ServerApp.root_dir={own}",
        "--ServerApp.default_url=/lab/tree/chapters/00_start_here.ipynb",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
