"""Open the book: `python -m mobilenet_lib.lab OPTIONS` is `jupyter lab OPTIONS`, prepared.

Jupyter keeps settings, signatures and its kernels' addresses in the home folder, and does not
start where that cannot be written to: in containers, kiosks, and after a `sudo jupyter lab`.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import machine


def main(options: Sequence[str]) -> int:
    """Prepare this process's environment and the chapters, then become JupyterLab."""
    notebooks = [*Path("chapters").glob("*.ipynb"), *Path("chapters/solutions").glob("*.ipynb")]
    for line in (*move_folders(), *trust(notebooks)):
        print(f"Note: {line}", file=sys.stderr, flush=True)
    limit_threads()
    command = [sys.executable, "-m", "jupyterlab", *options]
    if os.name == "nt":  # there, exec leaves the terminal before the program ends
        return subprocess.call(command)
    os.execv(command[0], command)


def limit_threads() -> None:
    """Set how torch's threads behave, here and in every process that this one starts.

    OpenMP reads these variables as it is loaded, so before torch is imported. What is set already
    stays.
    """
    cpu = machine.processor()
    if cpu.threads < cpu.usable:  # torch sees the cores, not what a container gives time for
        os.environ.setdefault("OMP_NUM_THREADS", str(cpu.threads))
    # A thread that has done its part of an operation waits for the others by spinning, and so keeps
    # a core from the thread that it waits for once another process runs too: on two cores, with one
    # of them taken, the same training steps took 200 s with spinning and 15 s without.
    if machine.WAIT_POLICY not in os.environ:
        os.environ[machine.WAIT_POLICY] = "PASSIVE"
        # Without any spinning, a small network took twice as long on an idle machine; so briefly,
        # it costs nothing there.
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def move_folders() -> list[str]:
    """Point HOME and Jupyter's variables to folders that can be written to; what was moved, why."""
    from jupyter_core import paths

    folders = {
        "HOME": lambda: os.path.expanduser("~"),
        "JUPYTER_CONFIG_DIR": paths.jupyter_config_dir,
        "JUPYTER_DATA_DIR": paths.jupyter_data_dir,
        "JUPYTER_RUNTIME_DIR": paths.jupyter_runtime_dir,
    }
    moved = []
    for variable, where in folders.items():  # HOME first: the others lie in it if nothing is set
        folder = where()
        try:
            check_writable(folder)
        except OSError as error:
            os.environ[variable] = str(substitute(variable.lower()))
            too = ", and your progress with it unless MOBILENET_PROGRESS says where"
            moved.append(
                f"{folder} cannot be written to ({error.strerror}); {variable} is "
                f"{os.environ[variable]} for this session{too if variable == 'HOME' else ''}."
            )
    return moved


def check_writable(folder: str) -> None:
    """Make `folder` and a file in it; Jupyter's own files there must not be somebody else's."""
    if not os.path.isabs(folder):
        raise FileNotFoundError(2, "this user has no home folder", folder)
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    for name in ("notebook_secret", "nbsignatures.db"):
        path = os.path.join(folder, name)
        if os.path.lexists(path) and not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(13, f"{name} belongs to another user", path)


def substitute(name: str) -> Path:
    """A folder of this user's own in the Python environment, else a temporary one."""
    place = Path(sys.prefix, "home", name)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_writable(str(place))
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"mobilenet-{name}-"))
    return place


def trust(notebooks: Sequence[Path]) -> list[str]:
    """Sign notebooks: Jupyter shows saved widgets only in those that it trusts. What went wrong."""
    from nbformat.sign import TrustNotebookApp

    failed: dict[str, str] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            app = TrustNotebookApp(log_level="CRITICAL")
            app.initialize([])  # reads the user's configuration
            kept = getattr(app.notary.store, "db_file", "") != ":memory:"
        except Exception as error:
            kept, failed[""] = False, str(error)
        for path in notebooks if kept else ():
            try:
                app.sign_notebook_file(path)
            except Exception as error:
                failed[path.name] = str(error)
    so = "saved figures that answer stay empty until their cells have run"
    if not kept:
        why = failed.get("") or "the database of signatures cannot be written to"
        return [f"Jupyter cannot keep what it trusts ({why}): {so}."]
    return [f"{name} could not be signed ({why}): {so}." for name, why in failed.items()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
