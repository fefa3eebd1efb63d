"""Make the book's own Python environment in `.venv`, or say plainly what is in the way.

    python3 bootstrap.py lab     what the book needs to open
    python3 bootstrap.py test    that, and what its tests need

It and the other bootstrap_*.py need the standard library only, and Python 3.6 can read them: a
Python too old for the book gets a sentence, not a syntax error.
"""

import csv
import glob
import json
import os
import shutil
import subprocess
import sys

import bootstrap_checks as checks
import bootstrap_uv

ROOT = os.path.dirname(os.path.abspath(__file__))
PROFILES = ("lab", "test")  # each holds everything the one before it holds
PROBE = "import pip, sys; print(*sys.version_info[:2], sep='.')"
REASONS = {  # to make .venv anew where it was made for another of these
    "root": "this folder was moved or copied, and .venv holds paths of the old place",
    "python": "it was made with another Python",
    "torch": "it holds another build of torch",
}


def main(arguments: list) -> int:
    """Prepare `.venv` for the one argument, a profile; the exit status."""
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        print("usage: python3 bootstrap.py", " | ".join(PROFILES))
        return 2
    try:
        prepare(ROOT, arguments[0])
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to finish.")
        return 130
    except OSError as error:
        sys.exit(
            f"{error}\nClose every JupyterLab that runs from .venv. If this folder cannot be\n"
            "written to, copy it to your home folder, and run the command there."
        )
    return 0


def prepare(root: str, profile: str) -> None:
    """Make `.venv` under `root` hold what `profile` needs; do nothing if it already does."""
    venv = os.path.join(root, ".venv")
    python = os.path.join(
        venv, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python"))
    )
    found, stamp = bootstrap_uv.output(python, "-I", "-c", PROBE), read_stamp(venv)
    wanted = {
        "root": os.path.realpath(root),
        "python": checks.version(2) if os.environ.get("PYTHON") else found,
        "torch": os.environ.get("UV_TORCH_BACKEND", stamp.get("torch", "")),
        "profile": max(profile, stamp.get("profile", profile), key=PROFILES.index),
        "inputs": read(root, "pyproject.toml") + read(root, "constraints.txt"),
    }
    if found and stamp == wanted:
        return
    checks.check(root, profile)
    reason = reason_to_remake(venv, found, stamp, wanted)
    if reason and os.path.lexists(venv):
        print(f"Making .venv anew: {reason}.", flush=True)
        (os.unlink if os.path.islink(venv) or os.path.isfile(venv) else shutil.rmtree)(venv)
    if not os.path.isdir(venv):
        checks.check_disk(root, profile)
        print(f"Making .venv with Python {checks.version()} ...", flush=True)
        if subprocess.call([sys.executable, "-I", "-m", "venv", venv]) != 0:
            sys.exit(checks.no_venv())
        wanted["python"] = checks.version(2)
    write_stamp(venv, dict(wanted, inputs=""))  # begun, not finished
    bootstrap_uv.install(root, python, wanted["profile"], wanted["torch"])
    finish(root, venv)
    write_stamp(venv, wanted)


def reason_to_remake(venv: str, found: str, stamp: dict, wanted: dict) -> str:
    """Why `venv` cannot be finished as it stands; empty if it can."""
    made = dict(wanted, python=found, torch="" if stamp else wanted["torch"])
    made.update(stamp)
    if [int(part) for part in found.split(".") if part] < list(checks.NEEDED_PYTHON):
        return "its Python does not start, or is too old"
    if not stamp.get("inputs") and is_torn(venv):
        return "an installation was cut off in the middle of a package"
    return next((REASONS[key] for key in REASONS if made[key] != wanted[key]), "")


def is_torn(venv: str) -> bool:
    """Whether a package lacks files: pip and uv, stopped in the middle, take it for whole."""
    for packages in site_packages(venv):
        for folder in glob.glob(os.path.join(glob.escape(packages), "*.dist-info")):
            if not {"INSTALLER", "RECORD"} <= set(os.listdir(folder)):
                return True
            names = [row[0] for row in csv.reader(read(folder, "RECORD").splitlines()) if row]
            if not all(os.path.exists(os.path.join(packages, name)) for name in names):
                return True
    return False


def finish(root: str, venv: str) -> None:
    """What no installer does: name this folder by a relative path, and keep JupyterLab quiet."""
    for packages in site_packages(venv):
        for path in glob.glob(os.path.join(glob.escape(packages), "*mobilenet_lib.pth")):
            with open(path, "w", encoding="ascii") as target:  # Python reads it as the locale says
                target.write(os.path.relpath(root, packages) + "\n")
    folder = os.path.join(venv, "share", "jupyter", "lab", "settings")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "overrides.json"), "w", encoding="utf-8") as target:
        json.dump({"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}, target)


def site_packages(venv: str) -> list:
    """The folders in which `venv` has its packages."""
    inside = ("Lib",) if os.name == "nt" else ("lib", "python*")
    return glob.glob(os.path.join(glob.escape(venv), *inside, "site-packages"))


def read(*path: str) -> str:
    """The text of the file at `path`."""
    with open(os.path.join(*path), encoding="utf-8") as source:
        return source.read()


def read_stamp(venv: str) -> dict:
    """What `venv` was made for; empty where it does not say so, or not wholly."""
    try:
        stamp = json.loads(read(venv, "bootstrap.json"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("profile") in PROFILES else {}


def write_stamp(venv: str, stamp: dict) -> None:
    """Say what `venv` was made for, whole or not at all."""
    path = os.path.join(venv, "bootstrap.json")
    with open(path + ".part", "w", encoding="utf-8") as target:
        json.dump(stamp, target, indent=1)
    os.replace(path + ".part", path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
