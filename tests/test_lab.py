"""`make lab` where the home folder, or Jupyter's own folders, cannot be written to."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from mobilenet_lib import lab, machine

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
XDG = ("XDG_DATA_HOME", "XDG_CONFIG_HOME")
NOBODY = 12345  # a user without an entry and without a home, as `docker run -u 12345` has
pytestmark = pytest.mark.skipif(os.name != "posix", reason="HOME is the home folder on POSIX")


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """A home that can be written to, and an environment whose `home` is made beside it."""
    for name in (*VARIABLES, *XDG):
        monkeypatch.setenv(name, "set, so that it is put back afterwards")
        monkeypatch.delenv(name)
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def a_notebook(path, source="1 + 1"):
    cell = nbformat.v4.new_code_cell(source, id="a")
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])), encoding="utf-8")
    return path


def test_a_home_that_can_be_written_to_is_left_alone(environment, tmp_path):
    assert lab.move_folders() == []
    assert os.environ["HOME"] == str(tmp_path)
    assert not {"JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"} & set(os.environ)


@pytest.mark.parametrize("home", ["/proc", "/dev/null", "/dev/null/home", "{tmp}/file", "~"])
def test_another_home_is_taken_and_said(environment, tmp_path, home):
    (tmp_path / "file").touch()
    home = home.format(tmp=tmp_path)
    environment.setenv("HOME", home)  # "~" is what a user without entry and HOME gets
    (said,) = lab.move_folders()
    assert f"{home} cannot be written to" in said
    assert os.environ["HOME"] == str(tmp_path / "venv/home/home")
    assert f"HOME is {os.environ['HOME']}" in said
    assert "MOBILENET_PROGRESS" in said
    assert lab.move_folders() == []  # Jupyter's folders lie in it now
    (tmp_path / "venv/home/home/kept").touch()
    environment.setenv("HOME", home)
    lab.move_folders()
    assert Path(os.environ["HOME"], "kept").exists()  # the same one the next time


@pytest.mark.parametrize("variable", VARIABLES[1:])
def test_only_the_folder_that_cannot_be_written_to_is_moved(environment, tmp_path, variable):
    environment.setenv(variable, "/proc/jupyter")
    (said,) = lab.move_folders()
    assert said.startswith("/proc/jupyter cannot be written to")
    assert variable in said
    assert "progress" not in said
    assert os.environ["HOME"] == str(tmp_path)
    assert Path(os.environ[variable]).is_dir()


@pytest.mark.parametrize("name", ["notebook_secret", "nbsignatures.db"])
def test_what_sudo_left_behind(environment, tmp_path, name):
    """Jupyter run once by root leaves files in the reader's home that the reader cannot write."""
    data = tmp_path / ".local/share/jupyter"
    data.mkdir(parents=True)
    (data / name).touch()
    environment.setattr(sys, "platform", "linux")
    access = os.access
    closed = lambda path, mode: not str(path).endswith(name) and access(path, mode)  # noqa: E731
    environment.setattr(os, "access", closed)
    (said,) = lab.move_folders()
    assert f"{name} belongs to another user" in said
    assert os.environ["JUPYTER_DATA_DIR"] != str(data)


def test_an_environment_of_another_user_gives_a_temporary_folder(environment, tmp_path):
    environment.setenv("HOME", "/proc")
    environment.setattr(sys, "prefix", "/proc/venv")
    environment.setattr(lab.tempfile, "tempdir", str(tmp_path))
    lab.move_folders()
    place = Path(os.environ["HOME"])
    assert place.parent == tmp_path
    assert place.name.startswith("mobilenet-home-")
    assert place.stat().st_mode & 0o077 == 0


def test_notebooks_are_signed(environment, tmp_path):
    paths = [a_notebook(tmp_path / f"{i}.ipynb", str(i)) for i in range(2)]
    assert lab.trust(paths) == []
    with NotebookNotary(data_dir=str(tmp_path / ".local/share/jupyter")) as notary:
        for path in paths:
            assert notary.check_signature(nbformat.read(path, 4))


def test_a_notebook_that_is_none_does_not_keep_the_others_from_being_signed(environment, tmp_path):
    (tmp_path / "a.ipynb").write_text('{"cells": [\n<<<<<<< HEAD\n')
    (said,) = lab.trust([tmp_path / "a.ipynb", a_notebook(tmp_path / "b.ipynb")])
    assert "a.ipynb could not be signed" in said
    assert "until their cells have run" in said
    with NotebookNotary(data_dir=str(tmp_path / ".local/share/jupyter")) as notary:
        assert notary.check_signature(nbformat.read(tmp_path / "b.ipynb", 4))


@pytest.mark.parametrize("place", ["/proc/db", "/dev/null/db"])
def test_signatures_that_cannot_be_kept_are_said_once(environment, tmp_path, place):
    (tmp_path / ".jupyter").mkdir()
    config = {"NotebookNotary": {"db_file": place}}
    (tmp_path / ".jupyter/jupyter_notebook_config.json").write_text(json.dumps(config))
    paths = [a_notebook(tmp_path / f"{i}.ipynb", str(i)) for i in range(3)]
    (said,) = lab.trust(paths)
    assert "Jupyter cannot keep what it trusts" in said
    assert "until their cells have run" in said


@pytest.mark.parametrize(("quota", "given", "threads"), [(0.5, None, "1"), (0.5, "3", "3")])
def test_torch_gets_the_threads_that_a_container_allows(environment, quota, given, threads):
    started = []
    environment.setenv("OMP_NUM_THREADS", given or "")
    if given is None:
        environment.delenv("OMP_NUM_THREADS")
    cpu = machine.Processor("Test CPU", (), 8, 8, quota)
    environment.setattr(machine, "processor", lambda: cpu)
    environment.setattr(lab, "move_folders", list)
    environment.setattr(lab, "trust", lambda notebooks: [])
    environment.setattr(os, "execv", lambda program, command: started.append(command))
    lab.main(["--no-browser"])
    assert os.environ["OMP_NUM_THREADS"] == threads
    assert started == [[sys.executable, "-m", "jupyterlab", "--no-browser"]]


@pytest.mark.parametrize(
    ("given", "policy", "spins"),
    [
        ({}, "PASSIVE", "20000"),
        ({"GOMP_SPINCOUNT": "1000"}, "PASSIVE", "1000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE", None),  # a spin count would undo it
    ],
)
def test_idle_threads_sleep_unless_the_reader_says_otherwise(environment, given, policy, spins):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        environment.setenv(name, "set, so that it is put back afterwards")
        environment.delenv(name)
    for name, value in given.items():
        environment.setenv(name, value)
    lab.limit_threads()
    assert os.environ["OMP_WAIT_POLICY"] == policy
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_the_tests_own_threads_sleep():
    """Those of this process and of all that it starts, whatever the shell had set."""
    assert "OMP_WAIT_POLICY" in os.environ


def as_nobody():
    """What makes `Popen` start as another user; nothing where this user or Python cannot."""
    if os.getuid():
        return {}
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", "import jupyterlab"], check=True, **other)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return other


@pytest.mark.slow
def test_jupyterlab_starts_for_a_user_without_a_home(tmp_path):
    kept = {k: v for k, v in os.environ.items() if k not in (*VARIABLES, *XDG)}
    log = tmp_path / "lab.log"
    options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "mobilenet_lib.lab", *options],
            cwd=ROOT,
            env=kept | {"HOME": "/proc", "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **as_nobody(),
        )
    try:
        end = time.monotonic() + 60
        while not re.search(r"http://127\.0\.0\.1:\d+/lab\?token=", log.read_text("utf-8")):
            assert server.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, log.read_text("utf-8")
            time.sleep(0.1)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(90)
    said = log.read_text("utf-8")
    assert said.startswith("Note: /proc cannot be written to")
    assert "Traceback" not in said
    assert "could not be signed" not in said
