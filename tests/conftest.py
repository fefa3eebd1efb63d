"""What all tests share: no network, a progress ledger of their own, and a real browser."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from browsers import FLAGS, BrowserLog, do_without, watched_page

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WEB = ROOT / "web"

# --- No test leaves the machine, however pytest was started -----------------------------------

# Workers of pytest-xdist are processes that load this file anew. The log of the one that started
# them is theirs too, since that one judges the run; progress and cache are each worker's own.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if not _worker:
    _scratch = tempfile.TemporaryDirectory(prefix="mobilenet-tests-")
    os.environ["MOBILENET_OFFLINE_LOG"] = str(Path(_scratch.name) / "refused.jsonl")
OFFLINE_LOG = Path(os.environ["MOBILENET_OFFLINE_LOG"])
_own = OFFLINE_LOG.parent / _worker
_own.mkdir(exist_ok=True)

os.environ["MOBILENET_PROGRESS"] = str(_own / "progress.json")
os.environ["MOBILENET_CACHE"] = str(_own / "cache")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for tests that import onnxruntime themselves
_folders = [HERE / "offline", ROOT, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(str(f) for f in _folders if str(f)))
_spec = importlib.util.spec_from_file_location("offline_guard", HERE / "offline/sitecustomize.py")
offline_guard = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(offline_guard)

import tally  # noqa: E402 - after the guard

from mobilenet_lib import machine  # noqa: E402 - after the guard
from mobilenet_lib.lab import limit_threads, move_folders  # noqa: E402 - after the guard

move_folders()  # kernels keep their addresses in the home folder, if they can
limit_threads()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run if any process of it tried to leave the machine."""
    if OFFLINE_LOG.exists() and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was checked of each chapter, and which process tried to reach which machine."""
    reports = [each for some in terminalreporter.stats.values() for each in some]
    told = tally.lines(each for each in reports if isinstance(each, pytest.TestReport))
    if told:
        terminalreporter.section("what was checked of the book", sep="=")
        for line in told:
            terminalreporter.line(line)
    if OFFLINE_LOG.exists():
        terminalreporter.section("refused network access", sep="=", red=True)
        for line in OFFLINE_LOG.read_text(encoding="utf-8").splitlines():
            attempt = json.loads(line)
            terminalreporter.line(
                f"{attempt['what']} to {attempt['host']} by {' '.join(attempt['process'])}"
            )


# --- Tests side by side -------------------------------------------------------------------------

# What a process that runs all tests has come to, and a chapter's kernel beside it.
WORKER_BYTES = 3e9
MOST_WORKERS = 8  # more do not end earlier: the longest file decides, and each has torch's threads


def room() -> int:
    """How many workers this process may fill with what memory it has."""
    return int((machine.memory_bytes() or WORKER_BYTES) // WORKER_BYTES)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers for `-n auto`: what this process may use of the machine; 0 runs all in this one.

    They and their kernels share its threads: with each of two workers on both of two cores, every
    operation waited for the slower half, and one chapter's training took five times as long.
    """
    threads = machine.processor().threads
    workers = min(threads, room(), MOST_WORKERS)
    if workers < 2:
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", str(threads // workers))
    return workers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first: the files in folders, before those that lie here.

    Workers take one file after the other; a long one at the end would leave all but one without.
    """
    items.sort(key=lambda item: item.path.parent == HERE)


def in_copies(session: pytest.Session) -> bool:
    """Whether each file's tests run in a copy of this process, which ends with them.

    What engines, compilers and imported modules take is then gone with it: all tests together need
    twice the memory of the largest file.
    """
    whole = _worker or session.config.option.collectonly or not hasattr(os, "fork")
    return not whole and room() < 1


def pytest_collection(session: pytest.Session) -> bool | None:
    """Leave a file's import to its copy."""
    return True if in_copies(session) else None


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run one file's copy after the other, where there are any."""
    if not in_copies(session):
        return None
    for argument in session.config.args:
        folder = Path(argument)
        kinds = ("test_*.py", "*.ipynb")[: 1 + session.config.getoption("nbval", False)]
        found = (file for kind in kinds for file in folder.rglob(kind))
        files = sorted(str(file) for file in found if "/." not in str(file))
        for file in files if folder.is_dir() else [argument]:
            run_in_copy(session, file)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True


def run_in_copy(session: pytest.Session, file: str) -> None:
    """Collect and run a file's tests in a copy of this process; report here how each went."""
    hook, config = session.config.hook, session.config
    out, into = os.pipe()
    copy = os.fork()
    if not copy:
        status = 1
        try:  # whatever comes, the copy must not go on as if it were this process
            os.close(out)
            config.pluginmanager.unregister(name="terminalreporter")
            config.pluginmanager.register(Forward(config, os.fdopen(into, "wb")))
            for item, following in pairwise([*session.perform_collect([file]), None]):
                if not (session.shouldfail or session.shouldstop):
                    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(into)
    last = file
    # They end where the copy does, which may have been killed in the middle of a report.
    with os.fdopen(out, "rb") as reports, suppress(EOFError, pickle.UnpicklingError):
        while told := pickle.load(reports):
            report = hook.pytest_report_from_serializable(config=config, data=told)
            if isinstance(report, pytest.CollectReport):
                hook.pytest_collectreport(report=report)
            else:
                hook.pytest_runtest_logreport(report=report)
                session.testscollected += report.when == "setup"
                last = report.nodeid
    status = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    if status:
        said = f"its process ended with status {status} (-9: killed, as where memory is used up)"
        report = pytest.TestReport(last, (last, 0, f"after {last}"), {}, "failed", said, "call")
        hook.pytest_runtest_logreport(report=report)


@dataclass(eq=False)  # plugins are kept by identity
class Forward:
    """A plugin that writes every report, for the process that waits for this one."""

    config: pytest.Config
    reports: BinaryIO

    def pytest_runtest_logreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        told = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        pickle.dump(told, self.reports)
        self.reports.flush()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self.pytest_runtest_logreport(report)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are slower on more threads, and threads sum in any order."""
    from mobilenet_lib.process import threads

    with threads(1):
        yield


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nothing listens, held so that nothing else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        yield held.getsockname()[1]


# --- Training -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of images to train on, see `tiny_training`; it is only read."""
    from tiny_training import write_images

    return write_images(tmp_path_factory.mktemp("images") / "images.parquet")


# --- A real browser -----------------------------------------------------------------------------


@pytest.fixture
def compiled() -> None:
    """The book's own kernels, of a test that needs them."""
    from mobilenet_lib.train import native

    try:
        native.library()
    except native.NoKernels as error:
        do_without(f"no kernels, {error}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that can be driven. Without one the test is skipped, in CI it fails."""
    from mobilenet_lib.machine import find_chromium

    path = find_chromium()
    if path is None:
        reason = "no Chromium found: install it, or point CHROMIUM to its program"
    else:
        reason = why_no_driver()
    if reason:
        do_without(reason)
    return path


def why_no_driver() -> str:
    """Why the program with which Playwright drives Chromium does not start; empty if it does."""
    command = [sys.executable, "-m", "playwright", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode == 0:
        return ""
    told = answer.stderr.strip().splitlines() or ["(nothing was printed)"]
    advice = ""
    if "libatomic" in answer.stderr:  # a minimal Debian has Chromium without it
        advice = "; on Debian and Ubuntu: sudo apt install libatomic1"
    return f"Playwright does not start: {told[-1]}{advice}"


@pytest.fixture
def browser_log() -> BrowserLog:
    """The log of `browser_page`, for a test that wants to look at it."""
    return BrowserLog()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator:
    """A Chromium for all tests of a file; it takes a second to start.

    Not for all files: while it runs, no other event loop does, such as that of a notebook.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def browser_page(browser: Any, browser_log: BrowserLog) -> Iterator:
    """A Playwright page with nothing in its profile, shut off from all other machines.

    The test fails afterwards if the page tried to reach one.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = watched_page(context, browser_log, offline_guard.is_own)
    yield page
    context.close()
    assert not browser_log.blocked, f"the page asked other machines: {browser_log.blocked}"


# --- What npm installs --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """`web/node_modules`, as `web/package-lock.json` has it; skipped without, fails in CI."""
    reason = ""
    if not (shutil.which("npm") and shutil.which("node")):
        reason = "no npm found: install Node.js, which brings it"
    else:
        wanted = json.loads((WEB / "package.json").read_text("utf-8"))["devDependencies"]
        listed = subprocess.run(
            ["npm", "ls", "--json", "--depth=0", "--offline"],
            cwd=WEB,
            capture_output=True,
            text=True,
            shell=os.name == "nt",
        )
        found = json.loads(listed.stdout or "{}").get("dependencies", {})
        if any(found.get(name, {}).get("version") != version for name, version in wanted.items()):
            reason = "web/node_modules is missing or old: run `npm ci` in web/"
    if reason:
        do_without(reason)
    return WEB / "node_modules"
