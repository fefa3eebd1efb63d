"""The progress ledger where it cannot be kept: hints go on, nothing is raised, nothing is lost."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import filelock
import platformdirs
import pytest

from mobilenet_lib import checks
from mobilenet_lib.checks import EXERCISES, check, ledger, progress

HINTS = EXERCISES["1.2"].hints
RIGHT = 231_211_008
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
    for wrong, hint in enumerate((*HINTS, HINTS[-1]), start=5):
        verdict = check("1.2", wrong)
        assert f"Hint: {hint}\n" in verdict.text
        assert "Remembered only until this session ends" in verdict.text
        assert why in verdict.text
        assert ledger.PROGRESS_VARIABLE in verdict.text
    assert check("1.2", RIGHT).right is True
    shown = progress()
    assert shown.solved[1] == 1
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
    assert check("1.2", RIGHT).text.endswith("right.")
    assert (tmp_path / "mine.json").exists()


def test_a_data_folder_that_is_no_path_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delenv(ledger.PROGRESS_VARIABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", "some/where")
    check("1.2", RIGHT)
    assert not (tmp_path / "some").exists()


# --- Users, disks and locks -------------------------------------------------------------------

SCRIPT = """
import os, sys
from mobilenet_lib.checks import check, progress
check("1.2", ...), progress()  # what they read of the library is there then
for change in sys.argv[1:]:
    exec(change)
print(check("1.2", 5)), print(check("1.2", 6)), print(check("1.2", 231211008)), print(progress())
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
    assert "chapter 01: 1 of 6" in done.stdout
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
    for wrong, hint in enumerate(HINTS, start=5):
        text = check("1.2", wrong).text
        assert hint in text
        assert "Remembered only" in text
    assert not path.exists()


# --- Damage, and what is no ledger ---------------------------------------------------------------

WHOLE = '{"version": 1, "exercises": {"1.1": {"wrong": 2, "solved": null}}}'


def solved():
    return {key for key, record in ledger.read_ledger()[0].items() if record.solved}


def forget(monkeypatch):
    """A session that begins, and knows only what the files hold."""
    monkeypatch.setattr(ledger, "_unwritten", {})


FOREIGN = [
    WHOLE.encode("utf-16"),
    b"\x7fELF\x02\x01\x01\x00\xff\xfe",
    b"[" * 100_000,
    b"[]",
    b"7",
    b'"text"',
    b"a,table\n1,2\n",
    b'{"version": 7, "exercises": {}}',
    b'{"exercises": {}}',
    b'{"version": 1, "exercises": []}',
]


@pytest.mark.parametrize("content", FOREIGN, ids=lambda content: repr(content[-24:]))
def test_a_foreign_file_is_left_alone_and_nothing_is_lost(content, path, monkeypatch):
    """Progress goes on in the backup beside it, whether the file came first or later."""
    check("1.1", (38, 36))
    path.write_bytes(content)
    forget(monkeypatch)
    said = check("1.2", RIGHT)
    assert said.right is True
    assert f"{path} is no progress file of this book" in said.text
    assert str(ledger.backup_path()) in said.text
    assert path.read_bytes() == content
    assert str(path) in repr(progress())
    forget(monkeypatch)
    assert solved() == {"1.1", "1.2"}
    path.unlink()  # moved away: the backup brings all of it back
    check("1.4", (12_544, 27))
    forget(monkeypatch)
    assert solved() == {"1.1", "1.2", "1.4"}
    ledger.backup_path().unlink()
    assert solved() == {"1.1", "1.2", "1.4"}


@pytest.mark.parametrize("which", [ledger.ledger_path, ledger.backup_path])
def test_a_folder_in_the_place_of_a_file(which, path, monkeypatch):
    check("1.1", (38, 36))
    which().unlink()
    which().mkdir()
    assert "it is a folder" in check("1.2", RIGHT).text
    forget(monkeypatch)
    assert solved() == {"1.1", "1.2"}
    assert "it is a folder" in repr(progress())
    which().rmdir()
    check("1.4", (12_544, 27))
    forget(monkeypatch)
    assert solved() == {"1.1", "1.2", "1.4"}


def test_where_both_places_are_taken_it_is_remembered(path):
    path.mkdir(parents=True)
    ledger.backup_path().write_text("mine")
    assert_hints_go_on("it is a folder")
    assert ledger.backup_path().read_text() == "mine"


@pytest.mark.parametrize("alone", [False, True], ids=["with its backup", "without"])
def test_cut_off_at_any_byte_nothing_that_is_whole_is_lost(alone, path, monkeypatch):
    keys = ("1.1", "1.2", "2.2")
    for key in keys:
        ledger.note(key, True)
    ledger.note("3.1", False, "5")
    content, backup = path.read_bytes(), ledger.backup_path().read_bytes()
    assert content == backup
    for length in range(len(content)):
        path.write_bytes(content[:length])
        ledger.backup_path().unlink(missing_ok=True)
        if not alone:
            ledger.backup_path().write_bytes(backup)
        forget(monkeypatch)
        text = content[:length].decode()
        whole = {k for k in keys if f'"{k}"' in text and "]\n    }" in text.split(f'"{k}"')[1]}
        assert solved() >= (whole if alone else set(keys))
        assert "Remembered" not in repr(progress())
        if length % 16 == 0:
            assert check("1.4", (12_544, 27)).text.endswith("right.")
            forget(monkeypatch)
            assert solved() >= {"1.4", *(whole if alone else keys)}
    path.write_bytes(bytes(len(content)))  # as a file system may leave it after a crash
    ledger.backup_path().write_bytes(backup)
    assert solved() == set(keys)


HAMMER = """
import sys
from mobilenet_lib.checks import ledger
for n in range(500):
    record, trouble = ledger.note(f"{sys.argv[1]}.{n % 20}", n >= 480, f"{sys.argv[1]} {n}")
    assert trouble is None, trouble
"""


@pytest.mark.slow
def test_a_thousand_writes_by_two_processes():
    """Each wrong answer is counted, so that not one write may be lost."""
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, chapter],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        for chapter in ("21", "22")
    ]
    for process in running:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    keys = {f"{chapter}.{n}" for chapter in (21, 22) for n in range(20)}
    assert solved() == keys
    assert {ledger.read_ledger()[0][key].wrong for key in keys} == {24}


@pytest.mark.slow
def test_killed_a_hundred_times_it_keeps_what_it_has_confirmed(path, monkeypatch):
    """One process is always writing; it is killed somewhere in the middle, whatever it does."""
    confirmed, waits = set(), random.Random(0)
    for start in range(0, 100_000, 1000):
        out, into = os.pipe()
        child = os.fork()
        if not child:
            try:
                for n in range(start, start + 1000):
                    ledger.note(f"31.{n}", True)
                    os.write(into, f"31.{n}\n".encode())
            finally:
                os._exit(0)
        os.close(into)
        with os.fdopen(out) as told:
            confirmed.add(told.readline().strip())  # it has begun
            time.sleep(waits.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            confirmed |= {line.strip() for line in told if line.endswith("\n")}
        forget(monkeypatch)
        assert solved() >= confirmed
    assert len(confirmed) >= 100
    assert check("1.1", (38, 36)).text.endswith("right.")
    assert [p.name for p in path.parent.glob(".*.part")] == []


def test_what_was_only_remembered_is_written_as_soon_as_it_can_be(path):
    path.mkdir(parents=True)
    ledger.backup_path().mkdir()
    check("1.2", 5)
    check("1.1", (38, 36))
    path.rmdir()
    path.write_text(WHOLE)
    assert progress().solved[1] == 1
    assert f"Hint: {HINTS[1]}" in check("1.2", 6).text
    kept = json.loads(path.read_text())["exercises"]
    assert kept["1.2"]["wrong"] == 2
    assert kept["1.1"]["wrong"] == 2
    assert kept["1.1"]["solved"].endswith("+00:00")
    check("1.2", 7)
    assert json.loads(path.read_text())["exercises"]["1.2"]["wrong"] == 3  # none counted twice


def test_the_variable_may_be_set_in_the_middle_of_a_session(path, tmp_path, monkeypatch):
    in_the_place_of_a_folder(path)
    check("1.2", RIGHT)
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "elsewhere.json"))
    check("1.1", (38, 36))
    assert set(json.loads((tmp_path / "elsewhere.json").read_text())["exercises"]) == {"1.1", "1.2"}
    assert "Remembered" not in repr(progress())


def test_progress_goes_to_another_machine_and_back(path, tmp_path, monkeypatch):
    check("1.1", (38, 36))
    check("1.2", 5)
    checks.export_progress(tmp_path / "mine.json")
    with pytest.raises(FileExistsError, match="choose another name"):
        checks.export_progress(tmp_path / "mine.json")
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "there" / "progress.json"))
    check("1.4", (12_544, 27))
    for _ in range(2):  # twice is once
        checks.import_progress(tmp_path / "mine.json")
        assert solved() == {"1.1", "1.4"}
        assert ledger.read_ledger()[0]["1.2"].wrong == 1
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ValueError, match="not a file of progress"):
        checks.import_progress(tmp_path / "other.json")


def test_predictions_are_kept_with_the_rest_and_the_last_one_counts(path, tmp_path, monkeypatch):
    old = tmp_path / "old.json"
    old.write_text(WHOLE)  # of a book that asked no predictions
    checks.import_progress(old)
    for said in ("9", "4"):
        ledger.note_said("02-limit", said)
    ledger.note("02-jobs", False, "0")
    kept = json.loads(path.read_text())
    assert kept["exercises"]["1.1"]["wrong"] == 2
    assert kept["questions"]["02-limit"]["said"] == "4"
    assert kept["questions"]["02-jobs"]["tried"] == ["0"]
    checks.export_progress(tmp_path / "mine.json")
    ledger.note_said("02-limit", "8")
    checks.import_progress(tmp_path / "mine.json")
    assert ledger.read_ledger()[0]["02-limit"].said == "8", "an older one is no news"
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        ledger.backup_path().unlink(missing_ok=True)
        forget(monkeypatch)
        text = content[:length].decode()
        whole = "]" in (text.split('"02-jobs"')[1:] or [""])[0] and text.rstrip().endswith("}")
        assert not whole or "02-jobs" in ledger.read_ledger()[0]
    path.write_bytes(content)
    forget(monkeypatch)
    assert ledger.read_ledger()[0]["02-limit"].said == "8"


@pytest.mark.parametrize("broken", [{"said": "4"}, {"said": 4, "at": "2026-01-01"}, {"at": "x"}])
def test_a_prediction_that_is_none_is_refused(broken, tmp_path):
    content = {"version": 1, "exercises": {}, "questions": {"02-limit": broken}}
    (tmp_path / "odd.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="not a file of progress"):
        checks.import_progress(tmp_path / "odd.json")


def test_the_first_solution_counts(path):
    first = ledger.note("1.1", True)[0].solved
    kept = json.loads(path.read_text())
    kept["exercises"]["1.1"]["solved"] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(kept))
    assert ledger.note("1.1", True)[0].solved == "2020-01-01T00:00:00+00:00" != first


def test_the_readers_own_folder_is_the_default(monkeypatch):
    monkeypatch.delenv(ledger.PROGRESS_VARIABLE)
    assert ledger.ledger_path().name == "progress.json"
    assert ledger.ledger_path().parent == platformdirs.user_data_path("mobilenet-book")
