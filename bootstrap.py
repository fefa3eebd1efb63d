"""Make the book's own Python environment in `.venv` with uv, or say plainly what is in the way.

    python3 bootstrap.py lab     what the book needs to open
    python3 bootstrap.py test    that, and what its tests need

Python 3.6 can read this file: one too old for the book gets a sentence, not a syntax error. What
helps where an installation fails, TROUBLE.md says.
"""

import ast
import glob
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
EXTRAS = {"lab": "", "test": "[test]"}  # each profile holds everything the one before it holds
NEEDED_GB = {"lab": 2.0, "test": 3.2}  # with the CPU build of torch
NEEDED_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # that constraints.txt's torch has builds for
LAB = "jupyter lab --LabApp.default_url=/lab/tree/chapters/00_start_here.ipynb"
BITS = 64 if sys.maxsize > 2**32 else 32
PROBE = "import pip, sys; print(*sys.version_info[:2], sep='.')"
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
command again. For a proxy (HTTPS_PROXY), a company's certificate (PIP_CERT), a full temporary
folder (TMPDIR), another Python (make lab PYTHON=python3.12) and machines without a network,
the first table of TROUBLE.md says how."""


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


def prepare(root: pathlib.Path, profile: str) -> None:
    """Make `.venv` under `root` hold what `profile` needs; do nothing if it already does."""
    venv, made = root / ".venv", root / ".venv" / "bootstrap.json"
    python = str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    found = output(python, "-I", "-c", PROBE)
    fits = int("0" + found[2:]) >= NEEDED_PYTHON[1] and not os.environ.get("PYTHON")
    try:
        stamp = json.loads(made.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stamp = {}  # as where it was made by hand
    inputs = [(root / name).read_text("utf-8") for name in ("pyproject.toml", "constraints.txt")]
    wanted = {
        "root": os.path.realpath(str(root)),
        "torch": os.environ.get("UV_TORCH_BACKEND", stamp.get("torch", "")),
        "profile": max(profile, stamp.get("profile", profile), key=list(EXTRAS).index),
        "inputs": "".join(inputs),
    }
    before = dict(wanted, **stamp)
    reasons = {
        "its Python does not start": not found,
        "it was made with another Python": not fits and found != version(2),
        "this folder was moved or copied, and .venv holds paths of the old place": (
            before["root"] != wanted["root"]
        ),
        "it holds another build of torch": before["torch"] != wanted["torch"],
        # A package may lack files then, and no installer looks for them.
        "an installation was cut off": not before["inputs"],
    }
    reason = next((reason for reason, holds in reasons.items() if holds), "")
    if stamp == wanted and not reason:
        return
    check(root, profile)
    if reason and os.path.lexists(str(venv)):
        print(f"Making .venv anew: {reason}.", flush=True)
        (os.unlink if venv.is_symlink() or venv.is_file() else shutil.rmtree)(str(venv))
    if not venv.is_dir():
        print(f"Making .venv with Python {version()} ...", flush=True)
        run(root, sys.executable, "-I", "-m", "venv", str(venv))
    made.write_text(json.dumps(dict(wanted, inputs="")), encoding="utf-8")  # begun, not finished
    install(root, python, wanted["profile"], wanted["torch"])
    finish(root, venv)
    made.write_text(json.dumps(wanted, indent=1), encoding="utf-8")


def check(root: pathlib.Path, profile: str) -> None:
    """Exit with advice where no `.venv` can be made; OSError where nothing can be written."""
    if sys.version_info < NEEDED_PYTHON:
        names = (f"python3.{minor}" for minor in range(NEEDED_PYTHON[1], 30))
        name = next(filter(shutil.which, names), "python3.12")
        sys.exit(
            f"This is Python {version()} ({sys.executable}); the book needs Python 3.11 or newer.\n"
            f"Install one if there is none, then run: make {profile} PYTHON={name}\n"
            f"or without make: {name} bootstrap.py {profile}"
        )
    refusal = no_torch()
    if refusal:
        here = f"on {platform.platform()}, {platform.machine()}, {BITS} bits"
        sys.exit(f"There is no torch for Python {version()} {here}.\n{refusal}")
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        sys.exit(
            f"This Python ({sys.executable}) cannot make environments.\n"
            f"On Debian and Ubuntu, run: sudo apt install python{version(2)}-venv"
        )
    tempfile.TemporaryFile(dir=root).close()
    free, needed = shutil.disk_usage(root).free / 1e9, NEEDED_GB[profile]
    if free < needed and not (root / ".venv").exists():
        sys.exit(
            f"The disk is too full: {free:.1f} GB free, and the packages need about {needed} GB.\n"
            f"Free some space, or move this folder to another disk:\n    {root}"
        )


def no_torch() -> str:
    """What helps where torch has no build for this Python; empty where it has, by the index."""
    system, machine, (libc, release) = platform.system(), platform.machine(), platform.libc_ver()
    if system == "Darwin" and machine == "x86_64":
        if "ARM64" in platform.version():
            return """\
This Python is for Intel's processors, and this Mac, with Apple's, only translates it. Install a
native one, as Homebrew does, and run: make lab PYTHON=/opt/homebrew/bin/python3.12"""
        return f"""\
This Mac has an Intel processor, for which torch's last build is 2.2; no other Python changes
that. conda-forge builds newer ones for it:

    conda env create -f environment.yml
    conda activate mobilenet
    {LAB}

or open the book in a Linux container, on Binder or on another machine."""
    fits = {
        "Linux": libc == "glibc"
        and tuple(map(int, release.split(".")[:2])) >= (2, 28)
        and machine in ("x86_64", "aarch64"),
        "Darwin": int(platform.mac_ver()[0].split(".")[0] or 0) >= 14,
        "Windows": sysconfig.get_platform() == "win-amd64",
    }
    if fits.get(system) and BITS == 64 and sys.version_info[:2] <= NEWEST_PYTHON:
        return ""
    return """\
It has builds of 64 bits for Python 3.11 to 3.14 on Linux with glibc 2.28 or newer (Alpine has
musl) on x86-64 or ARM, on macOS 14 or newer, and on Windows on x86-64. So take another Python, as
in: make lab PYTHON=python3.11 (Windows on ARM also runs python.org's "Windows installer
(64-bit)"); a newer system; Linux inside Windows (WSL); the image python:3.12; or Binder."""


def install(root: pathlib.Path, python: str, profile: str, torch: str) -> None:
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
    command = [uv, "pip", "install", "--python", python, "-c", "constraints.txt"]
    command += hand_over(root, python)
    build = choose_torch(root, command, torch)
    if build:
        run(root, *command, *build)
    run(root, *command, "-e", "." + EXTRAS[profile])  # relative: a name may hold [, # or %


def hand_over(root: pathlib.Path, python: str) -> list:
    """Tell uv what pip was told in its files and, which counts for more, by variables.

    By variables, too, or where uv has none by the options returned.
    """
    lines = output(python, "-m", "pip", "config", "list").splitlines()
    settings = {"cert": os.environ.get("REQUESTS_CA_BUNDLE", "")}
    for section in ("global.", "install.", ":env:."):
        for key, _, value in (line.partition("=") for line in lines if line.startswith(section)):
            if ast.literal_eval(value):
                settings[key[len(section) :]] = ast.literal_eval(value)
    for name, uv_name in UV_NAMES.items():
        pieces = [os.path.expanduser(piece) for piece in settings.get(name, "").split()]
        if pieces and not (uv_name.startswith("UV_") and uv_name in os.environ):
            os.environ[uv_name] = ("," if name == "find-links" else " ").join(pieces)
    os.environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip looks through indexes
    if sys.platform != "linux" or glob.glob("/etc/ssl/certs/*"):
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # as pip trusts them
    places = [os.path.expanduser(place) for place in ("~/.cache/uv", "~/.cache", "~")]
    if not os.access(next(filter(os.path.exists, places), ""), os.W_OK):  # no home, or a stranger's
        os.environ.setdefault("UV_CACHE_DIR", str(root / "build" / "uv-cache"))
    options = [f"--constraints={path}" for path in settings.get("constraint", "").split()]
    closed = settings.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t")
    return [*options, "--no-index"] if closed else options


def choose_torch(root: pathlib.Path, command: list, asked: str) -> list:
    """What `command` is to install so that torch comes in the build that fits.

    The package index's own build for Linux is the one with CUDA, several GB large. A build for the
    CPU is first looked for where pip was told to look; where an index is prescribed, nowhere else.
    """
    gpu = glob.glob("/proc/driver/nvidia/gpus/*") or output("nvidia-smi", "-L")
    build = ["torch", "--torch-backend=" + (asked or ("auto" if gpu else "cpu"))]
    why = "the build for " + ("your NVIDIA GPU" if gpu else "the CPU, since there is no NVIDIA GPU")
    if asked:
        why = f"{asked}, as you ask"
    elif sys.platform != "linux":
        build, why = [], "the only build for this system"
    else:
        pins = (root / "constraints.txt").read_text("utf-8").splitlines()
        builds = [[f"{pin}+cpu"] for pin in pins if pin.startswith("torch==") and not gpu]
        if "--no-index" not in command and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & {*os.environ}:
            builds.append(build)
        dry_run = [*command, "--dry-run", "-qq"]
        build = next((it for it in builds if subprocess.call(dry_run + it, cwd=root) == 0), [])
        why = why if build else "the package index's own build, since no other is within reach"
    print(f"torch: {why}. Another: make lab UV_TORCH_BACKEND=cpu, or auto, or cu130.", flush=True)
    return build


def finish(root: pathlib.Path, venv: pathlib.Path) -> None:
    """What no installer does: name this folder by a relative path, and keep JupyterLab quiet."""
    packages = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    for path in venv.glob(f"{packages}/*mobilenet_lib.pth"):  # Python reads it as the locale says
        path.write_text(os.path.relpath(root, path.parent) + "\n", encoding="ascii")
    folder = venv / "share/jupyter/lab/settings"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (folder / "overrides.json").write_text(json.dumps(settings), encoding="utf-8")


def run(root: pathlib.Path, *command: str) -> None:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
