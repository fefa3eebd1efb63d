"""Make the book's own Python environment in `.venv`, or say plainly what is in the way.

    python3 bootstrap.py lab     what the book needs to open
    python3 bootstrap.py test    that, and what its tests need

`make lab` and `make test` call it. It needs the standard library only, and its syntax is that of
Python 3.6, so that a Python too old for the book gets a sentence and not a syntax error.
"""

import contextlib
import glob
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from typing import Dict, List, Optional

ROOT = os.path.dirname(os.path.abspath(__file__))
NEEDED_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # that constraints.txt's torch has builds for
PROFILES = ("lab", "test")  # each holds everything the one before it holds
EXTRAS = {"lab": "", "test": "[test]"}
NEEDED_BYTES = {"lab": 2000000000, "test": 3200000000}  # with the CPU build of torch
CUDA_BYTES = (
    12000000000  # what pip's default torch may take on Linux with an Intel or AMD processor
)
LAB = "jupyter lab --LabApp.default_url=/lab/tree/chapters/00_start_here.ipynb"
SHOWN_BYTES_MB = 20  # downloads below this are not worth a line of their own

SCRIPTS = "Scripts" if os.name == "nt" else "bin"
PYTHON_NAME = "python.exe" if os.name == "nt" else "python"


class Trouble(Exception):
    """Something the reader can do something about; its text says what."""


def main(arguments: List[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        say("usage: python3 bootstrap.py %s" % " | ".join(PROFILES))
        return 2
    try:
        prepare(ROOT, arguments[0])
    except Trouble as trouble:
        say("\n%s\n" % trouble)
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run the same command again to finish.")
        return 130
    return 0


def prepare(root: str, profile: str) -> None:
    """Make `.venv` under `root` hold what `profile` needs; do nothing if it already does."""
    venv = os.path.join(root, ".venv")
    inputs = fingerprint(root)
    if is_ready(venv, root, profile, inputs):
        return
    check_python(profile)
    check_folder(root)
    reason = reason_to_remake(venv, root)
    if reason:
        say("Making .venv anew: %s." % reason)
        remove(venv)
    start = time.time()
    if not os.path.isdir(venv):
        check_disk(root, profile)
        say("Making .venv with Python %s; the first time takes a few minutes ..." % version())
        make_venv(venv)
    done = read_stamp(venv).get("profile", "lab")
    profile = max(profile, done, key=PROFILES.index)  # never take the tests' packages away
    stamp = {"root": os.path.realpath(root), "python": probe(venv), "profile": profile}
    write_stamp(venv, stamp)  # without "inputs": started, not finished
    install(venv, root, profile)
    point_to_library(venv, root)
    silence_news(venv)
    stamp["inputs"] = inputs
    write_stamp(venv, stamp)
    say("Ready after %d s." % round(time.time() - start))


# --- What is there already ------------------------------------------------------------------


def fingerprint(root: str) -> str:
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(root, name), "rb") as source:
            digest.update(source.read() + b"\0")
    return digest.hexdigest()


def is_ready(venv: str, root: str, profile: str, inputs: str) -> bool:
    stamp = read_stamp(venv)
    return (
        stamp.get("inputs") == inputs
        and PROFILES.index(stamp["profile"]) >= PROFILES.index(profile)
        and stamp.get("root") == os.path.realpath(root)
        and stamp.get("python") == probe(venv)
        and (not asked_for_this_python() or stamp["python"] == version(2))
    )


def reason_to_remake(venv: str, root: str) -> Optional[str]:
    """Why the folder `.venv` cannot be finished as it stands; None if it can, or is not there."""
    if not os.path.lexists(venv):
        return None
    stamp = read_stamp(venv)
    found = probe(venv)
    if found is None:
        return "its Python does not start"
    if stamp.get("root", os.path.realpath(root)) != os.path.realpath(root):
        return "this folder was moved or copied, and .venv holds paths of the old place"
    if stamp.get("python", found) != found:
        return "the Python it was made with is gone, and Python %s has taken its place" % found
    if tuple(int(part) for part in found.split(".")) < NEEDED_PYTHON:
        return "it was made with Python %s" % found
    if asked_for_this_python() and found != version(2):
        return "it was made with Python %s, and you ask for %s" % (found, version(2))
    if not stamp.get("inputs") and torn_packages(venv):
        return "an installation was cut off in the middle of a package"
    return None


def torn_packages(venv: str) -> List[str]:
    """Names of packages that pip was stopped in the middle of writing or removing.

    pip writes a package's RECORD last, and sets a package aside under a name that starts with "~"
    while it replaces it. It takes a package without RECORD for installed, and would leave it torn.
    """
    torn = []
    for folder in site_packages(venv):
        for name in os.listdir(folder):
            record = os.path.join(folder, name, "RECORD")
            unfinished = name.endswith(".dist-info") and not os.path.exists(record)
            if unfinished or name.startswith("~"):
                torn.append(name)
    return torn


def site_packages(venv: str) -> List[str]:
    inside = ("lib", "python*", "site-packages") if os.name != "nt" else ("Lib", "site-packages")
    return glob.glob(os.path.join(glob.escape(venv), *inside))


def probe(venv: str) -> Optional[str]:
    """Version of the Python in `venv`, such as "3.11"; None if it or its pip does not start."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    command = [python_of(venv), "-I", "-c", code]
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.decode().strip()


def read_stamp(venv: str) -> Dict[str, str]:
    try:
        with open(os.path.join(venv, "bootstrap.json"), encoding="utf-8") as source:
            stamp = json.load(source)
    except (OSError, ValueError):  # absent, or cut off while it was written: not finished
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("profile") in PROFILES else {}


def write_stamp(venv: str, stamp: Dict[str, str]) -> None:
    path = os.path.join(venv, "bootstrap.json")
    try:
        with open(path + ".part", "w", encoding="utf-8") as target:
            json.dump(stamp, target, indent=1)
        os.replace(path + ".part", path)
    except OSError as error:
        raise Trouble(explain([str(error)], venv)) from None


def python_of(venv: str) -> str:
    return os.path.join(venv, SCRIPTS, PYTHON_NAME)


def version(parts: int = 3) -> str:
    return ".".join(str(part) for part in sys.version_info[:parts])


def asked_for_this_python() -> bool:
    return bool(os.environ.get("PYTHON"))  # `make lab PYTHON=...` hands it on


# --- What must be true before anything is made ------------------------------------------------


def check_python(profile: str) -> None:
    if sys.version_info < NEEDED_PYTHON:
        newer = ["python3.%d" % minor for minor in range(NEEDED_PYTHON[1], 30)]
        there = [name for name in newer if shutil.which(name)]
        name = there[0] if there else "python3.12"
        raise Trouble(
            "This is Python %s (%s); the book needs Python %d.%d or newer.\n"
            % (version(), sys.executable, *NEEDED_PYTHON)
            + ("One is here already. Use it" if there else "Install one, then name it")
            + " like this:\n\n    make %s PYTHON=%s\n\n" % (profile, name)
            + "or without make: %s bootstrap.py %s" % (name, profile)
        )
    no_torch = check_platform(profile)
    if no_torch:
        raise Trouble(no_torch)
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise Trouble(
            "This Python (%s) cannot make environments: its module %s is missing.\n"
            % (sys.executable, " and its module ".join(missing))
            + "On Debian and Ubuntu it is a package of its own:\n\n"
            + "    sudo apt install python%s-venv\n\n" % version(2)
            + "Then run the same command again."
        )


def check_platform(profile: str) -> Optional[str]:
    """Why torch has no build for this Python on this machine, and what helps; None if it has one.

    As the package index listed them: 64 bits; Linux with glibc 2.28 on x86-64 or ARM, macOS 14 on
    Apple's processors, Windows on x86-64.
    """
    system, machine, libc = platform.system(), platform.machine(), platform.libc_ver()
    if system == "Darwin" and machine == "x86_64" and sysctl("hw.optional.arm64") == "1":
        why = (
            "This Python is for Intel's processors, and this Mac, with Apple's, only translates it"
        )
        helps = (
            "Install a native one, from python.org or with Homebrew in /opt/homebrew, then run\n"
        )
        helps += "\n    make %s PYTHON=/opt/homebrew/bin/python3.12" % profile
    elif system == "Darwin" and machine == "x86_64":
        why = "This Mac has an Intel processor, for which torch's last build is 2.2"
        helps = "No other Python changes that. conda-forge builds newer ones for it:\n\n"
        helps += "    conda env create -f environment.yml\n    conda activate mobilenet\n    " + LAB
        helps += "\n\nor open the book in a Linux container, on Binder or on another machine."
    elif sys.maxsize < 2**32:
        why = "This Python has 32 bits, and torch needs 64"
        helps = "Install a Python with 64 bits, on a system with 64 bits."
    elif system == "Windows" and sysconfig.get_platform() != "win-amd64":
        why = "This Python is for Windows on ARM, and torch is not"
        helps = (
            'Windows runs the other kind too: install python.org\'s "Windows installer (64-bit)",'
        )
        helps += "\nor use Linux inside Windows (WSL)."
    elif system == "Linux" and libc[0] != "glibc":
        why = "This Linux has no glibc (Alpine has musl), which torch's builds need"
        helps = "Use one based on Debian, Ubuntu or Fedora; as an image: python:3.12"
    elif system == "Linux" and tuple(int(n) for n in libc[1].split(".")[:2]) < (2, 28):
        why = "This Linux is too old: its glibc is %s, and torch needs 2.28 of 2018" % libc[1]
        helps = "Use a newer one, or a container with one, such as python:3.12"
    elif system == "Darwin" and int(platform.mac_ver()[0].split(".")[0]) < 14:
        why = "This is macOS %s, and torch needs 14 or newer" % platform.mac_ver()[0]
        helps = "Update macOS, or open the book in a Linux container or on another machine."
    elif system == "Linux" and machine not in ("x86_64", "aarch64"):
        why = "torch has no build for Linux on processors of the kind %s" % machine
        helps = "Open the book on another machine, or on Binder."
    elif sys.version_info[:2] > NEWEST_PYTHON:
        why = "torch has no build for Python %s yet" % version(2)
        helps = "Choose another Python with\n\n    make %s PYTHON=%s" % (profile, another_python())
    else:
        return None
    where = (version(), system, machine)
    return "There is no torch for Python %s on %s %s.\n%s.\n%s" % (*where, why, helps)


def sysctl(name: str) -> str:
    """What macOS tells of itself under `name`, empty if nothing."""
    try:
        answer = subprocess.check_output(["sysctl", "-n", name], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.decode().strip()


def another_python() -> str:
    """A Python that this is not, for which every package was tested or has a build."""
    return "python3.11" if version(2) != "3.11" else "python3.12"


def check_folder(root: str) -> None:
    if os.pathsep in root:
        raise Trouble(
            "Python cannot make an environment in a folder whose name has a %r in it:\n    %s\n"
            "Rename the folder, then run the same command again." % (os.pathsep, root)
        )
    try:
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise Trouble(
            "This folder cannot be written to (%s):\n    %s\n" % (error.strerror, root)
            + "Copy it to a place of your own, such as your home folder, and run the command there."
        ) from None


def check_disk(root: str, profile: str) -> None:
    free, needed = shutil.disk_usage(root).free, NEEDED_BYTES[profile]
    if free < needed:
        raise Trouble(
            "The disk is too full: %s free, and the packages need about %s at least.\n"
            % (gigabytes(free), gigabytes(needed))
            + "Free some space, or move this folder to another disk:\n    %s" % root
        )
    if free < CUDA_BYTES and sys.platform == "linux" and platform.machine() == "x86_64":
        say(
            "Note: %s free. That is enough for the CPU build of torch; the build with CUDA, which\n"
            "pip takes on Linux by default, may need %s. README.md says how to choose."
            % (gigabytes(free), gigabytes(CUDA_BYTES))
        )


def gigabytes(count: int) -> str:
    return "%.1f GB" % (count / 1e9)


# --- Doing it ------------------------------------------------------------------------------


def remove(venv: str) -> None:
    try:
        if os.path.islink(venv) or not os.path.isdir(venv):
            os.unlink(venv)
        else:
            shutil.rmtree(venv)
    except OSError as error:
        raise Trouble(
            "The old .venv could not be removed (%s).\n" % error
            + "Close every JupyterLab and Python that runs from it, then run this command again."
        ) from None


def make_venv(venv: str) -> None:
    lines = []  # type: List[str]
    if run([sys.executable, "-m", "venv", venv], os.path.dirname(venv), lines.append) != 0:
        raise Trouble(explain(lines, venv))


def install(venv: str, root: str, profile: str) -> None:
    command = [python_of(venv), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar", "off", "-c", "constraints.txt"]
    command += ["-e", "." + EXTRAS[profile]]  # relative: a folder's name may hold [, # or %
    lines = []  # type: List[str]
    log_path = os.path.join(venv, "pip.log")
    try:
        with open(log_path, "w", encoding="utf-8", errors="replace") as log, Progress() as progress:

            def take(line: str) -> None:
                lines.append(line)
                log.write(line + "\n")
                progress.take(line)

            code = run(command, root, take)
    except OSError as error:  # writing the log, or starting pip
        raise Trouble(explain([str(error)], venv)) from None
    if code != 0:
        raise Trouble(explain(lines, venv))


def point_to_library(venv: str, root: str) -> None:
    """Let `.venv` name this folder by a relative path.

    pip writes the whole path into a .pth file as UTF-8, and Python reads the file in the locale's
    encoding: under a name with an umlaut the library would not be found, or Python not even start.
    """
    for folder in site_packages(venv):
        for path in glob.glob(os.path.join(glob.escape(folder), "*.pth")):
            with open(path, "rb") as source:
                named = source.read().decode("utf-8", "replace").strip()
            if named and os.path.realpath(named) == os.path.realpath(root):
                with open(path, "w", encoding="ascii") as target:
                    target.write(os.path.relpath(root, folder) + "\n")


def silence_news(venv: str) -> None:
    """Keep JupyterLab from asking whether it may fetch news: the book asks nobody for anything."""
    folder = os.path.join(venv, "share", "jupyter", "lab", "settings")
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    try:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "overrides.json"), "w", encoding="utf-8") as target:
            json.dump(quiet, target)
    except OSError as error:
        raise Trouble(explain([str(error)], venv)) from None


def run(command: List[str], folder: str, take) -> int:
    """Run `command` in `folder`, hand each line it prints to `take`, return its exit code."""
    environment = dict(os.environ, PYTHONNOUSERSITE="1", PYTHONUTF8="1", PIP_USER="0")
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"):
        environment.pop(name, None)  # each would make pip look, or install, somewhere else
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        for line in child.stdout:
            take(line.decode("utf-8", "replace").rstrip())
        return child.wait()
    finally:
        child.stdout.close()
        if child.poll() is None:  # interrupted: do not leave pip writing behind our back
            child.terminate()
            child.wait()


class Progress:
    """What pip is at, on one line that renews itself; without a terminal, only the large steps."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self.text = "looking for packages"
        self.start = time.time()
        self.stop = threading.Event()
        self.clock = threading.Thread(target=self._tick)
        self.clock.daemon = True

    def __enter__(self) -> "Progress":
        if self.live:
            self.clock.start()
        return self

    def __exit__(self, *error) -> None:
        self.stop.set()
        if self.live:
            self.clock.join()
            sys.stdout.write("\r\033[K")
            sys.stdout.flush()

    def _tick(self) -> None:
        while not self.stop.wait(0.5):
            width = shutil.get_terminal_size().columns - 12
            seconds = time.time() - self.start
            sys.stdout.write("\r\033[K  %4d s  %s" % (seconds, self.text[:width]))
            sys.stdout.flush()

    def take(self, line: str) -> None:
        text, large = summary(line)
        if text:
            self.text = text
            if large and not self.live:
                say("  " + text)


def summary(line: str):
    """What a line of pip's means to the reader, and whether it is worth keeping on screen."""
    words = line.strip()
    found = re.match(r"Downloading (?:\S*/)?([^\s-]+)-(\d[^\s-]*)\S* \(([\d.]+) (\w+)\)", words)
    if found:
        name, number, size, unit = found.groups()
        large = unit == "GB" or (unit == "MB" and float(size) >= SHOWN_BYTES_MB)
        return "fetching %s %s (%s %s)" % (name, number, size, unit), large
    found = re.match(r"(?:Collecting|Using cached) ([^\s(]+)", words)
    if found:
        return "looking at " + found.group(1).split("/")[-1], False
    if words.startswith("Installing collected packages:"):
        return "unpacking %d packages" % (words.count(",") + 1), True
    if words.startswith("WARNING: Retrying"):
        return "no answer from the package index, trying again", True
    return "", False


# --- Saying what went wrong --------------------------------------------------------------------

CAUSES = (
    ("disk", r"\[Errno 28\]|No space left on device|WinError 112|Disk quota exceeded"),
    ("rights", r"\[Errno 13\]|Permission denied|Read-only file system|WinError 5\b"),
    ("certificate", r"CERTIFICATE_VERIFY_FAILED|SSLError|SSL: "),
    ("proxy", r"ProxyError|407 Proxy|Tunnel connection failed"),
    (
        "network",
        r"NewConnectionError|Failed to establish a new connection|[Nn]ame resolution"
        r"|Name or service not known|nodename nor servname|getaddrinfo failed"
        r"|ConnectTimeoutError|ReadTimeoutError|[Rr]ead timed out|Network is unreachable"
        r"|Connection refused|ConnectionResetError|RemoteDisconnected|IncompleteRead"
        r"|ProtocolError|Connection broken|WinError 100\d\d",
    ),
    ("download", r"DO NOT MATCH THE HASHES|BadZipFile|invalid wheel|is invalid\."),
    ("ensurepip", r"ensurepip is not available"),
    ("conflict", r"The user requested \(constraint\) (?P<what>[^\r\n]+)"),
    ("build", r"No matching distribution found for (?P<what>[^\r\n]+)"),
)

ADVICE = {
    "disk": "The disk is full: {free} free for .venv, {temporary_free} in {temporary}.\n"
    "Free some space, or move this folder to another disk. If only the temporary folder is small,\n"
    "point TMPDIR to a larger one. Then run the same command again.",
    "rights": "A file or folder cannot be written to.\n    {last}\n"
    "Copy this folder to a place of your own, such as your home folder, and run the command there.",
    "certificate": "The connection to the package index was not trusted (its certificate).\n"
    "    {last}\n"
    "Often a company's proxy signs connections anew. Ask for its certificate file and run\n\n"
    "    PIP_CERT=/path/to/certificate.pem make {profile}",
    "proxy": "A proxy stands between this machine and the package index, and refused.\n    {last}\n"
    "Set HTTPS_PROXY to http://user:password@host:port and run the same command again.",
    "network": "The packages could not be fetched: the package index does not answer.\n"
    "Connect this machine to the network and run the same command again.\n"
    "If it has none, fetch the packages on a machine that has, with the same system and the same\n"
    "Python {python}, in a copy of this folder:\n\n"
    '    python3 -m pip download -d wheelhouse -c constraints.txt ".[test]" editables\n\n'
    "carry the folder wheelhouse over to here, and run\n\n"
    "    PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse make {profile}",
    "download": "A package arrived damaged.\n    {last}\n"
    "Run the same command again; if it says this twice, empty pip's cache first:\n\n"
    "    {venv_python} -m pip cache purge",
    "ensurepip": "This Python cannot make environments. On Debian and Ubuntu, run\n\n"
    "    sudo apt install python{python}-venv\n\nThen run the same command again.",
    "conflict": "This set of packages cannot be had for Python {full} on {system} {machine}:\n"
    "pip found no {what}, or one that does not fit the others.\n"
    "Python {full} may be too old or too new for it. Choose another Python with\n\n"
    "    make {profile} PYTHON={other}\n\n"
    "or change that line of constraints.txt. What pip said is in {log}",
    "build": "There is no {what}\nfor Python {full} on {system} {machine} where pip looked.\n"
    "The versions in constraints.txt were tested with Python 3.11. Choose another Python with\n\n"
    "    make {profile} PYTHON={other}\n\n"
    "If this machine has no network, or pip looks in a folder only (PIP_FIND_LINKS), that is why.",
}


def explain(lines: List[str], venv: str) -> str:
    """The cause that pip's lines point to and what to do; failing that, the last of the lines."""
    text = "\n".join(lines)
    told = [line.strip() for line in lines if line.strip()] or ["(nothing was printed)"]
    free = temporary_free = 0
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(os.path.dirname(venv)).free
        temporary_free = shutil.disk_usage(tempfile.gettempdir()).free
    for cause, pattern in CAUSES:
        found = re.search(pattern, text)
        if found:
            last = [line for line in told if re.search(pattern, line)] or told
            profile = read_stamp(venv).get("profile", "lab")
            no_torch = check_platform(profile) if cause in ("conflict", "build") else None
            if no_torch:  # whatever else is missing there, no other Python or version helps
                return no_torch
            return ADVICE[cause].format(
                free=gigabytes(free),
                temporary_free=gigabytes(temporary_free),
                temporary=tempfile.gettempdir(),
                last=last[-1],
                what=found.groupdict().get("what", ""),
                python=version(2),
                full=version(),
                other=another_python(),
                log=os.path.join(".venv", "pip.log"),
                profile=profile,
                system=platform.system(),
                machine=platform.machine(),
                venv_python=os.path.join(".venv", SCRIPTS, PYTHON_NAME),
            )
    return "The installation failed, and pip's last lines were:\n\n    %s\n\nAll of them: %s" % (
        "\n    ".join(told[-12:]),
        os.path.join(".venv", "pip.log"),
    )


def say(text: str) -> None:
    """Print `text`, whatever the terminal's encoding can or cannot show."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
