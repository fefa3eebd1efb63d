"""The guard that keeps every test on this machine, tried in processes of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mobilenet_lib import machine

GUARD = Path(__file__).resolve().parent / "offline"
ELSEWHERE = "192.0.2.1"  # reserved for documentation: nothing answers there, should the guard fail


def run(code: str, log: Path) -> subprocess.CompletedProcess:
    environment = dict(os.environ, PYTHONPATH=str(GUARD), MOBILENET_OFFLINE_LOG=str(log))
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """pytest on the tests in `folder`, with what all tests of the book share."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    places = (str(GUARD.parent), str(folder), os.environ["PYTHONPATH"])
    environment["PYTHONPATH"] = os.pathsep.join(places)
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"]
    command += [*options, "--rootdir", folder, folder]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("code", "host"),
    [
        (f"import socket; socket.create_connection(('{ELSEWHERE}', 80), 1)", ELSEWHERE),
        (f"import socket; socket.socket().connect(('{ELSEWHERE}', 80))", ELSEWHERE),
        (f"import socket; socket.socket().connect_ex(('{ELSEWHERE}', 80))", ELSEWHERE),
        (
            "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
            "2001:db8::1",
        ),
        (
            "import socket; s = socket.socket(type=socket.SOCK_DGRAM)\n"
            f"s.sendto(b'x', ('{ELSEWHERE}', 53))",
            ELSEWHERE,
        ),
        (
            "import urllib.request as u; u.urlopen('http://book.example/', timeout=1)",
            "book.example",
        ),
        ("import socket; socket.gethostbyname('book.example')", "book.example"),
        (
            "import asyncio; asyncio.run(asyncio.open_connection('book.example', 80))",
            "book.example",
        ),
    ],
)
def test_a_connection_to_elsewhere_is_refused_and_recorded(code, host, tmp_path):
    log = tmp_path / "log.jsonl"
    outcome = run(code, log)
    assert outcome.returncode != 0
    assert "tests stay on this machine" in outcome.stderr
    attempts = [json.loads(line) for line in log.read_text().splitlines()]
    assert {attempt["host"] for attempt in attempts} == {host}


def test_a_swallowed_refusal_is_still_recorded(tmp_path):
    log = tmp_path / "log.jsonl"
    code = (
        "import socket\ntry:\n    socket.create_connection(('book.example', 443))\n"
        "except OSError:\n    pass"
    )
    assert run(code, log).returncode == 0
    assert "book.example" in log.read_text()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_stays_reachable(host, tmp_path):
    code = (
        "import socket, threading\n"
        f"family = socket.AF_INET6 if ':' in {host!r} else socket.AF_INET\n"
        "server = socket.create_server(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0),"
        " family=family)\n"
        "answer = lambda: server.accept()[0].sendall(b'hello')\n"
        "threading.Thread(target=answer, daemon=True).start()\n"
        f"with socket.create_connection(({host!r}, server.getsockname()[1]), 5) as link:\n"
        "    assert link.recv(5) == b'hello'\n"
    )
    log = tmp_path / "log.jsonl"
    outcome = run(code, log)
    if host == "::1" and "Cannot assign requested address" in outcome.stderr:
        pytest.skip("this machine has no IPv6")
    assert outcome.returncode == 0, outcome.stderr
    assert not log.exists()


def test_a_child_process_is_guarded_too(tmp_path):
    inner = f"import socket; socket.create_connection(('{ELSEWHERE}', 80), 1)"
    code = f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-c', {inner!r}]))"
    outcome = run(code, tmp_path / "log.jsonl")
    assert outcome.returncode == 1
    assert "NetworkRefused" in outcome.stderr


def test_the_guard_holds_in_this_very_process():
    import socket

    assert socket._mobilenet_guard
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(GUARD)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("host", ["book.example", "localhost"])
def test_a_swallowed_refusal_fails_the_run_whichever_process_it_was_in(tmp_path, host, workers):
    code = (
        "import socket\ndef test_it():\n    try:\n        socket.gethostbyname({!r})\n"
        "    except OSError:\n        pass\n"
    )
    for name, asked in {"a": host, "b": "localhost"}.items():
        (tmp_path / f"test_{name}.py").write_text(code.format(asked))
    done = run_pytest(tmp_path, "-n", workers, "--dist", "loadfile")
    refused = host != "localhost"
    assert done.returncode == int(refused), done.stdout + done.stderr
    assert ("a name lookup to book.example by" in done.stdout) == refused
    assert re.search(r"^=+ 2 passed in [\d.]+s =+$", done.stdout, re.MULTILINE)  # as .ci/run wants


@pytest.mark.parametrize(
    ("threads", "memory", "workers"),
    [(2, 25e9, 2), (1, 25e9, 0), (4, 7e9, 2), (4, 1e9, 0), (64, 1e12, 8), (4, None, 0)],
)
def test_workers_fit_the_machine(monkeypatch, request, threads, memory, workers):
    processor = machine.Processor("Test CPU", (), 64, 64, threads)
    monkeypatch.setattr(machine, "processor", lambda: processor)
    monkeypatch.setattr(machine, "memory_bytes", lambda: memory)
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that it is as before afterwards
    monkeypatch.delenv("OMP_NUM_THREADS")
    shared = request.config.pluginmanager.getplugin(str(GUARD.parent / "conftest.py"))
    assert shared.pytest_xdist_auto_num_workers() == workers
    each = os.environ.get("OMP_NUM_THREADS")
    assert each == (str(threads // workers) if workers else None)


SHORT = "from mobilenet_lib import machine\nmachine.memory_bytes = lambda root='/': 1.5e9\n"
FILES = {
    "first": """
import pytest
kept = []
def test_keeps(): kept.append(1)
def test_still_there(): assert kept == [1]
def test_fails(): assert kept == [2], "not these"
@pytest.mark.skip(reason="not here")
def test_skipped(): pass
@pytest.mark.xfail(strict=True)
def test_expected(): assert not kept
@pytest.fixture
def broken():
    yield
    raise ValueError("while it was put away")
def test_teardown(broken): print("said on the way")
""",
    "second": """
import os, signal
from test_first import kept
def test_another_process(): assert kept == []
def test_killed(): os.kill(os.getpid(), signal.SIGKILL)
def test_never_begun(): pass
""",
    "third": "def test_goes_on(): pass",
    "fourth": "import nothing_of_this_name",
}


@pytest.mark.slow
def test_where_memory_is_short_each_file_has_a_process_of_its_own(tmp_path):
    (tmp_path / "short.py").write_text(SHORT)
    for name, code in FILES.items():
        (tmp_path / f"test_{name}.py").write_text(code)
    done = run_pytest(tmp_path, "-p", "short", "-n", "auto", "-rs")
    assert done.returncode == 1, done.stdout + done.stderr
    summary = r"2 failed, 5 passed, 1 skipped, 1 xfailed, 2 errors in [\d.]+s"
    assert re.search(rf"^=+ {summary} =+$", done.stdout, re.MULTILINE), done.stdout
    told = ("not these", "put away", "said on the way", "status -9", "nothing_of_this_name")
    for text in (*told, "not here"):
        assert text in done.stdout
