"""Make the book's own Python environment in `.venv` with uv, or say plainly what is in the way.

    python3 bootstrap.py lab     what the book needs to open
    python3 bootstrap.py test    that, and what its tests need

Python 3.6 can read this file: one too old for the book gets a sentence, not a syntax error.
"""

import ast
import glob
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ROOT = os.path.dirname(os.path.abspath(__file__))
EXTRAS = {"lab": "", "test": "[test]"}  # each profile holds everything the one before it holds
NEEDED_GB = {"lab": 2.0, "test": 3.2}  # with the CPU build of torch
NEEDED_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # that constraints.txt's torch has builds for
LAB = "jupyter lab --LabApp.default_url=/lab/tree/chapters/00_start_here.ipynb"
PROBE = "import pip, sys; print(*sys.version_info[:2], sep='.')"
REASONS = {  # to make .venv anew where it was made for another of these
    "root": "this folder was moved or copied, and .venv holds paths of the old place",
    "python": "it was made with another Python",
    "torch": "it holds another build of torch",
}
UV_NAMES = {  # of pip's settings; for no-index and constraint, uv has options only
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
FAILED = """
The installation was not finished; the reason stands above. When it is mended, run the same
command again. Behind a proxy, set HTTPS_PROXY; for a company's certificate, PIP_CERT to its file;
if the temporary folder is full, TMPDIR to another; if a package has no build for this Python,
PYTHON to another, as in: make lab PYTHON=python3.12. Without a network, run

    python3 -m pip download -d wheelhouse -c constraints.txt ".[test]" editables uv

in a copy of this folder on a machine that has one, with the same system and the same Python; carry
the folder wheelhouse over to here, and run: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse make lab"""


def main(arguments: list) -> int:
    """Prepare `.venv` for the one argument, a profile; the exit status."""
    if len(arguments) != 1 or arguments[0] not in EXTRAS:
        print("usage: python3 bootstrap.py", " | ".join(EXTRAS))
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
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = os.path.join(venv, *inside)
    found, stamp = output(python, "-I", "-c", PROBE), read_stamp(venv)
    fits = int("0" + found[2:]) >= NEEDED_PYTHON[1] and not os.environ.get("PYTHON")
    wanted = {
        "root": os.path.realpath(root),
        "python": found if fits else version(2),
        "torch": os.environ.get("UV_TORCH_BACKEND", stamp.get("torch", "")),
        "profile": max(profile, stamp.get("profile", profile), key=list(EXTRAS).index),
        "inputs": read(root, "pyproject.toml") + read(root, "constraints.txt"),
    }
    if found and stamp == wanted:
        return
    check(root, profile)
    reason = reason_to_remake(found, stamp, wanted)
    if reason and os.path.lexists(venv):
        print(f"Making .venv anew: {reason}.", flush=True)
        (os.unlink if os.path.islink(venv) or os.path.isfile(venv) else shutil.rmtree)(venv)
    if not os.path.isdir(venv):
        print(f"Making .venv with Python {version()} ...", flush=True)
        run(root, sys.executable, "-I", "-m", "venv", venv)
        wanted["python"] = version(2)
    write_stamp(venv, dict(wanted, inputs=""))  # begun, not finished
    install(root, python, wanted["profile"], wanted["torch"])
    finish(root, venv)
    write_stamp(venv, wanted)


def reason_to_remake(found: str, stamp: dict, wanted: dict) -> str:
    """Why `.venv`, whose Python is `found`, cannot be finished as it stands; empty if it can."""
    if not found:
        return "its Python does not start"
    if stamp and not stamp.get("inputs"):  # a package may lack files that no installer looks for
        return "an installation was cut off"
    made = dict(wanted, python=found)
    made.update(stamp)
    return next((REASONS[key] for key in REASONS if made[key] != wanted[key]), "")


def check(root: str, profile: str) -> None:
    """Exit with advice where no `.venv` can be made; OSError where nothing can be written."""
    if sys.version_info < NEEDED_PYTHON:
        names = (f"python3.{minor}" for minor in range(NEEDED_PYTHON[1], 30))
        name = next(filter(shutil.which, names), "python3.12")
        sys.exit(
            f"This is Python {version()} ({sys.executable}); the book needs Python 3.11 or newer.\n"
            f"Install one if there is none, then run: make {profile} PYTHON={name}\n"
            f"or without make: {name} bootstrap.py {profile}"
        )
    refusal = no_torch(profile)
    if refusal:
        here = f"Python {version()} on {platform.system()} {platform.machine()}"
        sys.exit(f"There is no torch for {here}.\n{refusal}")
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        sys.exit(
            f"This Python ({sys.executable}) cannot make environments.\n"
            f"On Debian and Ubuntu, run: sudo apt install python{version(2)}-venv"
        )
    if os.pathsep in root:
        sys.exit(
            f"Python makes no environment in a folder with {os.pathsep!r} in its name:\n{root}"
        )
    tempfile.TemporaryFile(dir=root).close()
    free, needed = shutil.disk_usage(root).free / 1e9, NEEDED_GB[profile]
    if free < needed and not os.path.exists(os.path.join(root, ".venv")):
        sys.exit(
            f"The disk is too full: {free:.1f} GB free, and the packages need about {needed} GB.\n"
            f"Free some space, or move this folder to another disk:\n    {root}"
        )


def no_torch(profile: str) -> str:
    """Why torch has no build for this Python on this machine, and what helps; empty if it has one.

    As the package index listed them: 64 bits; Linux with glibc 2.28 on x86-64 or ARM, macOS 14 on
    Apple's processors, Windows on x86-64.
    """
    system, machine = platform.system(), platform.machine()
    libc, release = platform.libc_ver()
    if system == "Darwin" and machine == "x86_64" and "ARM64" in platform.version():
        return f"""\
This Python is for Intel's processors, and this Mac, with Apple's, only translates it. Install a
native one, as Homebrew does, and run: make {profile} PYTHON=/opt/homebrew/bin/python3.12"""
    if system == "Darwin" and machine == "x86_64":
        return f"""\
This Mac has an Intel processor, for which torch's last build is 2.2; no other Python changes
that. conda-forge builds newer ones for it:

    conda env create -f environment.yml
    conda activate mobilenet
    {LAB}

or open the book in a Linux container, on Binder or on another machine."""
    if sys.maxsize < 2**32:
        return "This Python has 32 bits, and torch needs 64: install one, on a system with 64 bits."
    if system == "Windows" and sysconfig.get_platform() != "win-amd64":
        return """\
This Python is for Windows on ARM, and torch is not. Windows runs the other kind too: install
python.org's "Windows installer (64-bit)", or use Linux inside Windows (WSL)."""
    if system == "Linux" and libc != "glibc":
        return (
            "This Linux has musl for glibc: use Debian, Ubuntu or Fedora, or the image python:3.12"
        )
    if system == "Linux" and tuple(map(int, release.split(".")[:2])) < (2, 28):
        return (
            f"Its glibc is {release}, and torch needs 2.28 of 2018: update it, or use python:3.12"
        )
    if system == "Darwin" and int(platform.mac_ver()[0].split(".")[0]) < 14:
        return (
            f"This is macOS {platform.mac_ver()[0]}, and torch needs 14: update it, or use Binder."
        )
    if system == "Linux" and machine not in ("x86_64", "aarch64"):
        return f"It knows no processors of the kind {machine}: use another machine, or Binder."
    if sys.version_info[:2] > NEWEST_PYTHON:
        return f"It has none for Python {version(2)} yet: make {profile} PYTHON=python3.11"
    return ""


def install(root: str, python: str, profile: str, torch: str) -> None:
    """Install what `profile` needs into the environment of `python`, or exit with advice.

    `torch` is the build asked for, by uv's name for it; empty for the one that fits the machine.
    """
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "UV_TORCH_BACKEND"):
        os.environ.pop(name, None)  # each would make pip or uv look, or install, somewhere else
    os.environ.update(PYTHONNOUSERSITE="1", PYTHONUTF8="1", PIP_USER="0", PIP_NO_INPUT="1")
    uv = shutil.which("uv")
    if not uv or "--torch-backend" not in output(uv, "pip", "install", "--help"):  # too old
        uv = os.path.join(os.path.dirname(python), "uv" + os.path.splitext(python)[1])
        if not os.path.exists(uv):
            run(root, python, "-m", "pip", "install", "-q", "-c", "constraints.txt", "uv")
    options = hand_over(root, uv, pip_settings(python))
    command = [uv, "pip", "install", "--python", python, "-c", "constraints.txt", *options]
    build = choose_torch(root, command, torch)
    if build:
        run(root, *command, *build)
    run(root, *command, "-e", "." + EXTRAS[profile])  # relative: a name may hold [, # or %


def pip_settings(python: str) -> dict:
    """What pip was told in its files and, which counts for more, by variables."""
    lines = output(python, "-m", "pip", "config", "list").splitlines()
    settings = {}
    for section in ("global.", "install.", ":env:."):
        for key, _, value in (line.partition("=") for line in lines if line.startswith(section)):
            if ast.literal_eval(value):
                settings[key[len(section) :]] = ast.literal_eval(value)
    return settings


def hand_over(root: str, uv: str, settings: dict) -> list:
    """Tell uv what pip was told, by variables; by the options returned where uv has none."""
    trusted = os.environ.get("REQUESTS_CA_BUNDLE", os.environ.get("SSL_CERT_FILE", ""))
    for name, uv_name in UV_NAMES.items():
        value = settings.get(name, trusted if name == "cert" else "")
        pieces = [os.path.expanduser(piece) for piece in value.split()]
        if pieces and not (uv_name.startswith("UV_") and uv_name in os.environ):
            os.environ[uv_name] = ("," if name == "find-links" else " ").join(pieces)
    os.environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip looks through indexes
    if sys.platform != "linux" or glob.glob("/etc/ssl/certs/*"):
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # as pip trusts them
    try:
        cache = output(uv, "cache", "dir")
        os.makedirs(cache, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
    except OSError:  # a home that cannot be written to, or none
        os.environ["UV_CACHE_DIR"] = os.path.join(root, "build", "uv-cache")
    options = [f"--constraints={path}" for path in settings.get("constraint", "").split()]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t"):
        options.append("--no-index")
    return options


def choose_torch(root: str, command: list, asked: str) -> list:
    """What `command` is to install so that torch comes in the build that fits.

    The package index's own build for Linux is the one with CUDA, several GB large. A build for the
    CPU is first looked for where pip was told to look; where an index is prescribed, nowhere else.
    """
    gpu = glob.glob("/proc/driver/nvidia/gpus/*") or output("nvidia-smi", "-L")
    backend = ["torch", "--torch-backend=" + (asked or ("auto" if gpu else "cpu"))]
    closed = "--no-index" in command or {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(os.environ)
    builds = [] if closed else [backend]
    if not gpu:
        pins = read(root, "constraints.txt").splitlines()
        builds = [[pin + "+cpu"] for pin in pins if pin.startswith("torch==")] + builds
    why = "the build for " + ("your NVIDIA GPU" if gpu else "the CPU, since there is no NVIDIA GPU")
    if asked:
        build, why = backend, f"{asked}, as you ask"
    elif sys.platform != "linux":
        build, why = [], "the only build for this system"
    else:
        dry_run = [*command, "--dry-run", "-qq"]
        build = next((it for it in builds if subprocess.call(dry_run + it, cwd=root) == 0), [])
        why = why if build else "the package index's own build, since no other is within reach"
    print(f"torch: {why}. Another: make lab UV_TORCH_BACKEND=cpu, or auto, or cu130.", flush=True)
    return build


def finish(root: str, venv: str) -> None:
    """What no installer does: name this folder by a relative path, and keep JupyterLab quiet."""
    inside = ("Lib",) if os.name == "nt" else ("lib", "python*")
    pattern = os.path.join(glob.escape(venv), *inside, "site-packages", "*mobilenet_lib.pth")
    for path in glob.glob(pattern):
        with open(path, "w", encoding="ascii") as target:  # Python reads it as the locale says
            target.write(os.path.relpath(root, os.path.dirname(path)) + "\n")
    folder = os.path.join(venv, "share", "jupyter", "lab", "settings")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "overrides.json"), "w", encoding="utf-8") as target:
        json.dump({"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}, target)


def run(root: str, *command: str) -> None:
    """Run `command` in `root`, or exit with advice below what it says itself."""
    if subprocess.call(command, cwd=root, stdin=subprocess.DEVNULL) != 0:
        sys.exit(FAILED)


def output(*command: str) -> str:
    """What `command` prints; empty if it fails."""
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.decode("utf-8", "replace").strip()


def version(parts: int = 3) -> str:
    """Of the Python that runs this."""
    return ".".join(str(part) for part in sys.version_info[:parts])


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
    return stamp if isinstance(stamp, dict) and stamp.get("profile") in EXTRAS else {}


def write_stamp(venv: str, stamp: dict) -> None:
    """Say what `venv` was made for, whole or not at all."""
    path = os.path.join(venv, "bootstrap.json")
    with open(path + ".part", "w", encoding="utf-8") as target:
        json.dump(stamp, target, indent=1)
    os.replace(path + ".part", path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
