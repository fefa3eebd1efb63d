"""Start a Jupyter server for a test, shut off from the user's own settings, and stop it again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 60  # seconds
PLACES = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)


def lab_of(folder: Path) -> list[str]:
    """The options with which a test's JupyterLab serves `folder`, for `start_lab`."""
    return [
        *("-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}"),
        "--LabApp.expose_app_in_browser=True",  # commands without menus, no race on idle signs
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


@contextmanager
def start_lab(command: list[str], scratch: Path) -> Iterator[str]:
    """Run a command that starts JupyterLab; yield the loopback address that it prints.

    A command that begins with an option is one for this Python.
    """
    if command[0].startswith("-"):
        command = [sys.executable, *command, "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    environment = dict(os.environ) | {name: str(scratch / name.lower()) for name in PLACES}
    log = scratch / "lab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parent.parent.parent,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # one group, so that the kernels end with the server
        )
    try:
        address = _printed_address(server, log)
        _wait_for(address, server, log)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # a busy machine, on which it still waits for a kernel
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _printed_address(server: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        printed = log.read_text(encoding="utf-8", errors="replace")
        addresses = re.findall(r"http://127\.0\.0\.1:\d+/\S*", printed)
        if addresses:
            return addresses[-1]
        assert server.poll() is None, printed
        time.sleep(0.1)
    raise AssertionError("no address printed:\n" + log.read_text(errors="replace"))


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Until the server answers; it may print its address a moment before."""
    parts = urlsplit(address)
    for _ in range(PATIENCE * 10):
        with contextlib.suppress(OSError), socket.create_connection((parts.hostname, parts.port)):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab does not answer: {log.read_text(errors='replace')[-2000:]}")
