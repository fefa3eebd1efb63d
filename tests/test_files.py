"""Files that appear whole or not at all, the data folder, and where a result came from."""

import json
import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

from mobilenet_lib import files

ROOT = Path(__file__).resolve().parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="permission bits are a matter of POSIX")


def run(code, *arguments, cwd=None, **variables):
    """Run Python code with the library on its path, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *arguments, *(["-c", code] if code else [])]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- Writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["Größe: 3×3\n", b"\x00\xff\r\n", ""])
def test_what_is_written_is_what_is_there(tmp_path, content):
    path = tmp_path / "new" / "folder" / "file.bin"
    files.write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]
    files.write_atomically(str(path), "second")
    assert path.read_text() == "second"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_breaks_midway_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, error
):
    path = tmp_path / "results.json"
    path.write_text("old")

    def fsync(handle):
        assert path.read_text() == "old"  # not visible before it is complete
        assert len(list(tmp_path.iterdir())) == 2
        raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(type(error)):
        files.write_atomically(path, b"half of the new co")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_a_rename_that_fails_leaves_no_temporary_file(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        files.write_atomically(tmp_path / "taken", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, name=name, do=original: (order.append(name), do(*a))[1]
        )
    files.write_atomically(tmp_path / "file", "x")
    assert order == ["fsync", "replace"]


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        files.write_atomically(tmp_path / "ours", "x")
        (tmp_path / "any").write_text("x")
        assert os.umask(umask) == umask  # it was put back
    finally:
        os.umask(before)
    mode = stat.S_IMODE((tmp_path / "ours").stat().st_mode)
    assert mode == stat.S_IMODE((tmp_path / "any").stat().st_mode) == 0o666 & ~umask


# --- The data folder --------------------------------------------------------------------------


def test_data_lies_beside_the_library(monkeypatch):
    monkeypatch.delenv("MOBILENET_DATA", raising=False)
    assert files.find_data() == ROOT / "data"


def test_the_variable_wins(monkeypatch, tmp_path):
    (tmp_path / "paper").mkdir()
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    assert files.find_data() == tmp_path


@pytest.mark.parametrize(
    ("variable", "words"),
    [("{0}", "MOBILENET_DATA points to {0}"), (None, os.path.join("looked in {0}", "data"))],
)
def test_data_that_are_not_there_are_named_with_what_to_do(monkeypatch, tmp_path, variable, words):
    """A variable that points nowhere is not passed over for the folder beside the library."""
    monkeypatch.delenv("MOBILENET_DATA", raising=False)
    if variable:
        monkeypatch.setenv("MOBILENET_DATA", variable.format(tmp_path))
    else:
        monkeypatch.setattr(files, "__file__", str(tmp_path / "mobilenet_lib" / "files.py"))
    with pytest.raises(FileNotFoundError) as caught:
        files.find_data()
    assert words.format(tmp_path) in str(caught.value)
    assert "set MOBILENET_DATA to its data folder" in str(caught.value)


# --- Provenance -------------------------------------------------------------------------------


def test_provenance_says_command_commit_seed_versions_device_and_date():
    origin = files.provenance(seed=7, packages=("numpy", "torch"))
    assert set(origin) == {"command", "commit", "seed", "versions", "device", "date"}
    assert origin["seed"] == 7
    assert origin["versions"] == {
        "python": ".".join(map(str, sys.version_info[:3])),
        "numpy": metadata.version("numpy"),
        "torch": metadata.version("torch"),
    }
    assert origin["device"]["cores"] == os.cpu_count()
    assert origin["device"]["processor"] == files.cpu_model() != ""
    now = datetime.now(UTC)
    assert now - timedelta(minutes=1) < datetime.fromisoformat(origin["date"]) <= now
    assert json.loads(json.dumps(origin)) == origin
    assert files.provenance()["seed"] is None


def test_every_committed_json_was_made_by_committed_code():
    paths = [path for folder in ("data", "tests") for path in (ROOT / folder).rglob("*.json")]
    origins = {str(path.relative_to(ROOT)): json.loads(path.read_text("utf-8")) for path in paths}
    assert {f"tests/parity/{n}.json" for n in ("expected", "person_detector", "preprocess")} <= set(
        origins
    )
    for name, content in origins.items():
        commit = content["provenance"]["commit"]
        if "NVIDIA" in json.dumps(content):  # where a GPU was lent, an archive had to do
            commit = commit.removesuffix(" (from an archive; it may have been changed since)")
        assert re.fullmatch("[0-9a-f]{12,40}", commit), f"{name} was made at {commit}; make it anew"


def test_an_unknown_package_is_an_error():
    with pytest.raises(metadata.PackageNotFoundError):
        files.provenance(packages=("no-such-distribution",))


def test_provenance_holds_no_absolute_path(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    script = outside / "measure.py"
    script.write_text(
        "import json; from mobilenet_lib.files import provenance; print(json.dumps(provenance()))"
    )
    options = [str(inside / "a" / "weights.pt"), f"--out={outside}/results.json", "--lr=0.1"]
    printed = run(None, str(script), *options, "plain", "a/b", cwd=inside)
    command = json.loads(printed)["command"].split()
    assert str(tmp_path) not in printed
    assert tmp_path.name not in printed  # nor a way back to it
    assert command[0] == Path(sys.executable).name
    where = str(Path("a", "weights.pt"))
    assert command[1:] == ["measure.py", where, "--out=results.json", "--lr=0.1", "plain", "a/b"]
