"""Where the book's data lies, how files are written, and where a result came from."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

DATA_VARIABLE = "MOBILENET_DATA"
BOOK = "mobilenet-book"
"""The folder among the user's own that holds progress, and data where there is no checkout."""
GET_DATA = (
    "Get the book, as a checkout or a ZIP, and run `mobilenet data` with its path, "
    f"or set {DATA_VARIABLE} to its data folder."
)
ARCHIVED = "$Format:%H$"  # `git archive`, and so a ZIP from a hosting site, writes its commit here
# With these set, as in a hook, git looks elsewhere than in the folder that it is told.
GIT_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")


def find_data(part: str = "") -> Path:
    """The book's `data/` folder, or what lies in it under the name `part`.

    The environment variable MOBILENET_DATA wins; else the folder beside the library, as in a
    checkout; else where `mobilenet data` puts it.

    Raises
    ------
    FileNotFoundError
        There is none of them, or the folder is not whole, with what to do about it.
    """
    chosen = os.environ.get(DATA_VARIABLE)
    folders = [own_data] if chosen else [_data_beside, own_data]
    looked = []
    for place in folders:
        try:
            folder = place()
        except FileNotFoundError:  # no home folder: nothing lies in it
            if chosen:
                raise
            continue
        if not os.path.isdir(
            folder / "paper"
        ):  # unlike Path's, False also where it may not be read
            looked.append(str(folder))
        elif os.path.exists(folder / part):
            return folder / part
        else:
            why = f"the book's data folder is not whole: {folder} has no {part}"
            break
    else:
        where = " and ".join(looked)
        where = f"{DATA_VARIABLE} points to {where}" if chosen else f"looked in {where}"
        why = f"the book's data folder was not found ({where}: no paper/ inside)"
    raise FileNotFoundError(f"{why}. {GET_DATA}")


def own_data() -> Path:
    """Where `mobilenet data` puts the folder: MOBILENET_DATA, else the user's data folder.

    Raises
    ------
    FileNotFoundError
        It would lie in the home folder, and this user has none.
    """
    import platformdirs  # late: a checkout has no need of it

    folder = own_path(DATA_VARIABLE, lambda: platformdirs.user_data_path(BOOK) / "data")
    return folder.absolute()  # a notebook's folder is not the one that its JupyterLab started in


def _data_beside() -> Path:
    return Path(__file__).resolve().parent.parent / "data"


def own_path(variable: str, default: Callable[[], str | Path]) -> Path:
    """Where something of the user's is kept: where an environment variable points, else a default.

    Parameters
    ----------
    variable
        Its name; a "~" in its value is the home folder.
    default
        What platformdirs says; asked only if the variable is not set.

    Raises
    ------
    FileNotFoundError
        It would lie in the home folder, and this user has none, as in containers.
    """
    with suppress(RuntimeError):  # of platformdirs; older ones leave the "~" where it stood
        path = Path(os.path.expanduser(os.environ.get(variable) or default()))
        if path.parts[:1] != ("~",):
            return path
    raise FileNotFoundError("this user has no home folder")


def printable(name: str | os.PathLike[str]) -> str:
    r"""A path or name as text that can always be printed: what is not UTF-8 is escaped, as \xe9."""
    # Windows allows halves of characters that stand for no byte.
    text = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\N{REPLACEMENT CHARACTER}", os.fspath(name))
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`, whole or not at all.

    It goes to a temporary name in the same folder, and gets its own when it is on the disk. If
    anything fails, the temporary file is removed and whatever stood at `path` is untouched.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below, before the rename
        dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
    )
    try:
        with temporary as handle:
            handle.write(content.encode() if isinstance(content, str) else content)
            handle.flush()
            os.fsync(handle.fileno())
        # Temporary files are private; the finished one gets the rights any new file would have.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary.name, 0o666 & ~mask)
        os.replace(temporary.name, target)
    except BaseException:
        os.unlink(temporary.name)
        raise


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write plain data as indented JSON, whole or not at all."""
    write_atomically(path, json.dumps(content, indent=2) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a JSON file holds; a ValueError or OSError says why it cannot be read."""
    return json.loads(Path(path).read_text("utf-8"))


def provenance(seed: int | None = None, packages: tuple[str, ...] = ("numpy",)) -> dict[str, Any]:
    """Where a result came from: command, commit, seed, versions, device and date.

    Parameters
    ----------
    seed
        The seed of the run, None if nothing in it is random.
    packages
        Distributions whose versions matter for the result.
    """
    return {
        "command": shlex.join([Path(sys.executable).name, *map(short_path, sys.orig_argv[1:])]),
        "commit": _commit(),
        "seed": seed,
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in packages},
        "device": {
            "system": platform.system(),
            "processor": cpu_model(),
            "cores": os.cpu_count(),
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cpu_model() -> str:
    """Name of the processor as the operating system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            for line in info:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux; platform knows what there is to know
    return platform.processor() or platform.machine()


def short_path(argument: str) -> str:
    """A path, or an argument of a command, as it may be published: without the machine's folders.

    A path below the current folder becomes relative to it, any other keeps only its last part; it
    may follow an option and "=". The home folder becomes "~" wherever it stands.
    """
    here, home = Path.cwd(), Path(os.path.expanduser("~"))
    for start in (0, *(i + 1 for i, letter in enumerate(argument) if letter == "=")):
        path = Path(argument[start:])
        if path.is_absolute() or ".." in path.parts:
            full = Path(os.path.normpath(here / path))
            inside = full.relative_to(here) if full.is_relative_to(here) else Path(full.name)
            return argument[:start] + ("~" if full == home != here else str(inside))
    return argument.replace(str(home), "~") if len(home.parts) > 1 else argument


def _commit() -> str:
    """The commit of the book that this library is of; "-dirty" if more than results differ from it.

    Only where the book is what the repository holds: in a thesis with a copy of it, or around a
    virtual environment, the commit is somebody else's.
    """
    if not ARCHIVED.startswith("$"):
        return f"{ARCHIVED[:12]} (from an archive; it may have been changed since)"
    git = ["git", "-C", str(Path(__file__).resolve().parent.parent)]
    environment = {k: v for k, v in os.environ.items() if k not in GIT_ELSEWHERE} | {"LC_ALL": "C"}
    quiet: dict[str, Any] = {"errors": "replace", "stderr": subprocess.PIPE, "env": environment}
    own = ["HEAD:mobilenet_lib/files.py", "HEAD:chapters/build.py"]
    asked = [*git, "rev-parse", "--show-prefix", "HEAD", *own]
    changes = [*git, "status", "--porcelain", "--", ":(top)", ":(top,exclude)data/results"]
    try:
        below, commit, *_ = subprocess.check_output(asked, **quiet).split("\n")
        changed = subprocess.check_output(changes, **quiet)
    except OSError:
        return "unknown (git is not installed)"
    except subprocess.CalledProcessError as error:
        if "safe.directory" in error.stderr:
            return "unknown (git does not trust the owner of this folder)"
        below = "elsewhere"
    if below:
        return "unknown (not a git checkout of the book)"
    return commit[:12] + ("-dirty" if changed.strip() else "")


def record_result(
    name: str,
    content: dict[str, Any],
    seed: int | None,
    packages: tuple[str, ...],
    folder: Path | None = None,
) -> Path:
    """Write a measurement to `<name>.json` in `data/results` or a folder, with its provenance."""
    path = (folder or find_data() / "results") / f"{name}.json"
    origin = {"provenance": provenance(seed=seed, packages=packages)}
    write_json(path, {"benchmark": name} | content | origin)
    return path
