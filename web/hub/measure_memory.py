"""How much memory a reader of the book takes on a hub: the server's, and each chapter's kernel's.

    python web/hub/measure_memory.py [NN ...] [--record]

Every chapter is executed whole, in a kernel of its own. Counted is the most that the kernel and its
children took at a time, pages that several processes share being divided among them (Linux' PSS).
The cache is empty, as a new reader's is, so that kernels are compiled and plans of training tried.
Recorded for some chapters, the others stay as they were recorded, each with the commit it was at.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from mobilenet_lib import lab
from mobilenet_lib.files import provenance, record_result
from mobilenet_lib.results import recorded

ROOT = Path(__file__).resolve().parents[2]
EVERY_S = 0.1


def taken(process: psutil.Process) -> int:
    """Bytes that a process's children and theirs take; what ends meanwhile takes none."""
    total = 0
    for child in process.children(recursive=True):
        try:
            total += child.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


@contextmanager
def peak() -> Iterator[Callable[[], float]]:
    """Watch this process's children; a function that gives the most they took, in MB."""
    most, done = [0], threading.Event()

    def watch() -> None:
        here = psutil.Process()
        while not done.wait(EVERY_S):
            most[0] = max(most[0], taken(here))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield lambda: most[0] / 1e6
    done.set()
    watcher.join()


def chapter_mb(path: Path) -> float:
    """The most that a chapter's kernel takes."""
    notebook = nbformat.read(path, as_version=4)
    with peak() as most:
        resources = {"metadata": {"path": str(path.parent)}}
        NotebookClient(notebook, timeout=1200, resources=resources).execute()
    return most()


def server_mb(folder: Path) -> float:
    """What JupyterLab takes as the hub's image starts it, once it answers."""
    environment = os.environ | {"HOME": str(folder), "MOBILENET_DATA": str(ROOT / "data")}
    program = str(Path(sys.executable).with_name("jupyter-lab"))
    command = [sys.executable, str(ROOT / "web/hub/start.py"), program]
    command += ["--no-browser", "--allow-root", "--ServerApp.port=0"]
    log = folder / "log"
    with peak() as most, open(log, "w", encoding="utf-8") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            while "is running at" not in log.read_text("utf-8"):
                if server.poll() is not None:
                    raise SystemExit(f"JupyterLab did not start:\n{log.read_text('utf-8')}")
                time.sleep(EVERY_S)
            time.sleep(2)
        finally:
            server.terminate()
            server.wait()
    return most()


def main() -> None:
    """Measure, print, and record if asked to."""
    parser = argparse.ArgumentParser(description="memory that a reader takes on a hub")
    parser.add_argument("chapters", nargs="*", help="their numbers, such as 07; none: all")
    parser.add_argument(
        "--record", action="store_true", help="write the result to data/results with provenance"
    )
    options = parser.parse_args()
    paths = sorted((ROOT / "chapters").glob("*.ipynb"))
    chosen = [p for p in paths if not options.chapters or p.stem[:2] in options.chapters]
    if not chosen:
        parser.error("no such chapter")
    start = time.perf_counter()
    lab.limit_threads()  # as start.py does, for every kernel that is started from here
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOBILENET_PROGRESS"] = str(Path(folder) / "progress.json")
        os.environ["MOBILENET_CACHE"] = str(Path(folder) / "speed")
        server = round(server_mb(Path(folder)))
        print(f"server {server:6,} MB", flush=True)
        kernels = {}
        for path in chosen:
            kernels[path.stem[:2]] = round(chapter_mb(path))
            print(f"{path.stem[:2]}     {kernels[path.stem[:2]]:6,} MB", flush=True)
    commits = dict.fromkeys(kernels, provenance(seed=None, packages=())["commit"])
    if chosen != paths and options.record:
        before = recorded("memory")
        known = before["results"].get("commits", {})
        others = dict.fromkeys(before["results"]["kernel_mb"], before["provenance"]["commit"])
        server = before["results"]["server_mb"]
        kernels = dict(sorted((before["results"]["kernel_mb"] | kernels).items()))
        commits = dict(sorted((others | known | commits).items()))
    user = server + max(kernels.values())
    results = {"server_mb": server, "kernel_mb": kernels, "user_mb": user, "commits": commits}
    print(f"a reader with one chapter open: {results['user_mb']:,} MB")
    if options.record:
        content = {"results": results, "wall_time_s": round(time.perf_counter() - start, 1)}
        record_result("memory", content, None, ("torch", "jupyterlab", "ipykernel", "numpy"))


if __name__ == "__main__":
    main()
