"""The progress ledger where it cannot be kept: hints go on, nothing is raised, nothing is lost."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock
import pytest

from mobilenet_lib.checks import EXERCISES, check, ledger, progress

HINTS = EXERCISES["2.2"].hints
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    """The ledger of this test, and a session that has found nothing yet."""
    path = tmp_path / "kept" / "progress.json"
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(path))
    monkeypatch.setattr(ledger, "_unwritten", {})
    return path


def assert_hints_go_on(why):
    """Hints advance and a right answer counts, though only in memory; each answer says why."""
    for hint in (*HINTS, HINTS[-1]):
        verdict = check("2.2", 5)
        assert f"Hint: {hint}\n" in verdict.text
        assert "Remembered only until this session ends" in verdict.text
        assert why in verdict.text
        assert ledger.PROGRESS_VARIABLE in verdict.text
    assert check("2.2", 1).right is True
    shown = progress()
    assert shown.solved[2] == 1
    assert ledger.PROGRESS_VARIABLE in repr(shown)
    assert ledger.PROGRESS_VARIABLE in shown._repr_html_()


# --- Places -----------------------------------------------------------------------------------


def in_the_place_of_a_folder(path):
    path.parent.write_text("a file")
    return "is not a folder"


def below_a_file(path):
    path.parent.write_text("a file")
    os.environ[ledger.PROGRESS_VARIABLE] = str(path.parent / "a" / "b" / "progress.json")
    return "is not a folder"


def a_folder_itself(path):
    path.mkdir(parents=True)
    return "it is not a file"


def a_pipe(path):
    path.parent.mkdir()
    os.mkfifo(path)
    return "it is not a file"


def the_device_that_swallows_everything(path):
    os.environ[ledger.PROGRESS_VARIABLE] = os.devnull
    return "it is not a file"


def links_in_a_circle(path):
    path.parent.symlink_to(path.parent)
    return ""


def a_link_to_nowhere(path):
    path.parent.symlink_to(path.parent.parent / "unplugged")
    return "is not a folder"


def too_long_a_name(path):
    os.environ[ledger.PROGRESS_VARIABLE] = str(path.parent / ("long" * 100))
    return "name too long"


def a_file_system_that_makes_no_folders(path):
    os.environ[ledger.PROGRESS_VARIABLE] = "/proc/self/kept/progress.json"
    if not os.path.isdir("/proc/self"):
        pytest.skip("there is no /proc here")
    return "/proc/"


@pytest.mark.parametrize(
    "place",
    [
        in_the_place_of_a_folder,
        below_a_file,
        a_folder_itself,
        a_pipe,
        the_device_that_swallows_everything,
        links_in_a_circle,
        a_link_to_nowhere,
        too_long_a_name,
        a_file_system_that_makes_no_folders,
    ],
)
def test_hints_go_on_wherever_the_ledger_is_said_to_lie(place, path):
    assert_hints_go_on(place(path))


def test_no_device_is_replaced_and_no_lock_left_beside_it(path):
    the_device_that_swallows_everything(path)
    check("2.2", 5)
    assert not os.path.isfile(os.devnull)
    assert not os.path.exists(f"{os.devnull}.lock")


@pytest.mark.parametrize("older", [False, True], ids=["platformdirs refuses", "it leaves the ~"])
def test_a_user_without_a_home(older, tmp_path, monkeypatch):
    monkeypatch.delenv(ledger.PROGRESS_VARIABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ledger.os.path, "expanduser", lambda path: path)

    def no_home(name):
        if older:
            return Path("~/.local/share") / name
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(ledger.platformdirs, "user_data_path", no_home)
    assert_hints_go_on("this user has no home folder")
    assert list(tmp_path.iterdir()) == []  # above all no folder named "~"


def test_a_tilde_in_the_variable_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, "~/mine.json")
    assert check("2.2", 1).text.endswith("right.")
    assert (tmp_path / "mine.json").exists()


def test_a_data_folder_that_is_no_path_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delenv(ledger.PROGRESS_VARIABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", "some/where")
    check("2.2", 1)
    assert not (tmp_path / "some").exists()


# --- Users, disks and locks -------------------------------------------------------------------

SCRIPT = """
import os, sys
from mobilenet_lib.checks import check, progress
check("2.2", ...)
for change in sys.argv[1:]:
    exec(change)
print(check("2.2", 5)), print(check("2.2", 5)), print(check("2.2", 1)), print(progress())
"""
SOMEBODY = "os.setgroups([]), os.setgid(12345), os.setuid(12345)"
is_root = hasattr(os, "getuid") and os.getuid() == 0


def answers(folder, *changes, **variables):
    """What three answers and the progress say in a process of its own."""
    hidden = ("HOME", "XDG_DATA_HOME", ledger.PROGRESS_VARIABLE)
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-W", "error", "-c", SCRIPT, *changes]
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        command,
        env=env | {"PYTHONPATH": path} | variables,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert HINTS[0] in done.stdout
    assert HINTS[1] in done.stdout
    assert "chapter 02: 1 of 4" in done.stdout
    assert done.stderr == ""
    return done.stdout


def as_an_ordinary_user():
    """Changes that make a process one; root may write anywhere."""
    if not hasattr(os, "getuid"):
        pytest.skip("this system has no users of this kind")
    return [SOMEBODY] if is_root else []


@pytest.fixture
def home():
    """A folder that every user gets to, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        os.chmod(folder, 0o700)


@pytest.mark.parametrize("mode", [0o555, 0o000], ids=oct)
def test_a_home_that_its_user_cannot_write(mode, home):
    home.chmod(mode)
    said = answers(ROOT, *as_an_ordinary_user(), HOME=str(home))
    assert said.count("Remembered only until this session ends") == 4
    assert "MOBILENET_PROGRESS" in said
    home.chmod(0o700)
    assert list(home.iterdir()) == []


def test_a_ledger_that_its_user_may_only_read(home):
    home.chmod(0o777)
    kept = home / "progress.json"
    kept.write_text('{"version": 1, "exercises": {}}')
    kept.chmod(0o444)
    said = answers(ROOT, *as_an_ordinary_user(), MOBILENET_PROGRESS=str(kept))
    assert said.count(f"{kept} cannot be written") == 4
    assert kept.read_text() == '{"version": 1, "exercises": {}}'


def test_a_user_of_whom_the_system_knows_nothing():
    if not is_root:
        pytest.skip("only root can become a user without an entry")
    import pwd

    with pytest.raises(KeyError):
        pwd.getpwuid(12345)
    assert answers(ROOT, SOMEBODY).count("this user has no home folder") == 4


def test_a_full_disk_leaves_no_pieces(tmp_path):
    full = (
        "import resource as r, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "r.setrlimit(r.RLIMIT_FSIZE, (0, r.getrlimit(r.RLIMIT_FSIZE)[1]))"
    )
    said = answers(ROOT, full, MOBILENET_PROGRESS=str(tmp_path / "progress.json"))
    assert said.count("Remembered only until this session ends") == 3  # progress cannot know
    assert "File too large" in said
    assert {p.name for p in tmp_path.iterdir()} <= {"progress.json.lock"}


@pytest.mark.parametrize(
    "refusal",
    [
        NotImplementedError("FileSystem does not appear to support flock"),
        OSError(errno.ENOLCK, "No locks available"),
        filelock.Timeout("progress.json.lock"),
        PermissionError(errno.EACCES, "Permission denied"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lock_that_cannot_be_had(refusal, path, monkeypatch):
    """As on file systems of a network; each answer says so, and nothing is written without it."""

    def no_lock(*_, **__):
        raise refusal

    monkeypatch.setattr(ledger, "FileLock", no_lock)
    for hint in HINTS:
        text = check("2.2", 5).text
        assert hint in text
        assert "Remembered only" in text
    assert not path.exists()


# --- Files that are no ledger -----------------------------------------------------------------

WHOLE = '{"version": 1, "exercises": {"1.1": {"wrong": 2, "solved": null}}}'


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        WHOLE[:30].encode(),
        WHOLE[:-1].encode(),
        WHOLE.encode("utf-16"),
        b"\x7fELF\x02\x01\x01\x00\xff\xfe",
        b"\x00" * 200,
        b"[" * 100_000,
        b"[]",
        b"7",
        b'"text"',
        b"a,table\n1,2\n",
        b'{"version": 7, "exercises": {}}',
        b'{"exercises": {}}',
        b'{"version": 1, "exercises": []}',
        b'{"version": 1, "exercises": {"1.1": null}}',
        b'{"version": 1, "exercises": {"1.1": {"wrong": "3", "solved": null}}}',
        b'{"version": 1, "exercises": {"1.1": {"wrong": null, "solved": null}}}',
        b'{"version": 1, "exercises": {"1.1": {"wrong": -5, "solved": null}}}',
        b'{"version": 1, "exercises": {"1.1": {"wrong": 0, "solved": 0}}}',
        b'{"version": 1, "exercises": {"1.1": {"wrong": 0, "solved": "yes"}}}',
        b'{"version": 1, "exercises": {"1.1": {"wrong": 0}}}',
    ],
    ids=lambda damage: repr(damage[-24:]),
)
def test_a_damaged_ledger_is_named_and_left_alone(damage, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    assert_hints_go_on(f"{path} cannot be read")
    assert path.read_bytes() == damage
    assert [p.name for p in path.parent.iterdir()] == ["progress.json"]
    assert "move it away to start afresh" in repr(progress())


def test_what_was_only_remembered_is_written_as_soon_as_it_can_be(path):
    path.parent.mkdir(parents=True)
    path.write_text("broken")
    check("2.2", 5)
    check("1.1", (38, 36))
    path.write_text(WHOLE)
    assert progress().solved[1] == 1
    assert check("2.2", 5).text.endswith(f"Hint: {HINTS[1]}")
    kept = json.loads(path.read_text())["exercises"]
    assert kept["2.2"]["wrong"] == 2
    assert kept["1.1"]["wrong"] == 2
    assert kept["1.1"]["solved"].endswith("+00:00")
    check("2.2", 5)
    assert json.loads(path.read_text())["exercises"]["2.2"]["wrong"] == 3  # none counted twice


def test_the_variable_may_be_set_in_the_middle_of_a_session(path, tmp_path, monkeypatch):
    in_the_place_of_a_folder(path)
    check("2.2", 1)
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "elsewhere.json"))
    check("1.1", (38, 36))
    assert set(json.loads((tmp_path / "elsewhere.json").read_text())["exercises"]) == {"1.1", "2.2"}
    assert "Remembered" not in repr(progress())
