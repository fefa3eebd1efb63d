"""What bootstrap.py asks before it makes anything: whether the book can live on this machine."""

import importlib.util
import os
import platform
import shutil
import sys
import sysconfig
import tempfile

NEEDED_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # that constraints.txt's torch has builds for
NEEDED_GB = {"lab": 2.0, "test": 3.2}  # with the CPU build of torch
LAB = "jupyter lab --LabApp.default_url=/lab/tree/chapters/00_start_here.ipynb"


def version(parts: int = 3) -> str:
    """Of the Python that runs this."""
    return ".".join(str(part) for part in sys.version_info[:parts])


def check(root: str, profile: str) -> None:
    """Exit with advice where no `.venv` can be made under `root`; OSError where nothing can."""
    if sys.version_info < NEEDED_PYTHON:
        newer = (f"python3.{minor}" for minor in range(NEEDED_PYTHON[1], 30))
        name = next((name for name in newer if shutil.which(name)), "python3.12")
        sys.exit(
            f"This is Python {version()} ({sys.executable}); the book needs Python 3.11 or newer.\n"
            f"Install one if there is none, then run\n\n    make {profile} PYTHON={name}\n\n"
            f"or without make: {name} bootstrap.py {profile}"
        )
    refusal = no_torch(profile)
    if refusal:
        here = f"Python {version()} on {platform.system()} {platform.machine()}"
        sys.exit(f"There is no torch for {here}.\n{refusal}")
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        sys.exit(no_venv())
    if os.pathsep in root:
        sys.exit(
            f"Python makes no environment in a folder with {os.pathsep!r} in its name:\n{root}"
        )
    with tempfile.TemporaryFile(dir=root):
        pass


def check_disk(root: str, profile: str) -> None:
    """Exit with advice where the packages have no room."""
    free, needed = shutil.disk_usage(root).free / 1e9, NEEDED_GB[profile]
    if free < needed:
        sys.exit(
            f"The disk is too full: {free:.1f} GB free, and the packages need about {needed} GB.\n"
            f"Free some space, or move this folder to another disk:\n    {root}"
        )


def no_venv() -> str:
    """What to do where Python makes no environments."""
    return (
        f"This Python ({sys.executable}) cannot make environments.\nOn Debian and Ubuntu, run\n\n"
        f"    sudo apt install python{version(2)}-venv\n\nthen the same command again."
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
This Python is for Intel's processors, and this Mac, with Apple's, only translates it.
Install a native one, from python.org or with Homebrew in /opt/homebrew, then run

    make {profile} PYTHON=/opt/homebrew/bin/python3.12"""
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
        return """\
This Linux has no glibc (Alpine has musl), which torch's builds need.
Use one based on Debian, Ubuntu or Fedora; as an image: python:3.12"""
    if system == "Linux" and tuple(map(int, release.split(".")[:2])) < (2, 28):
        return f"""\
This Linux is too old: its glibc is {release}, and torch needs 2.28 of 2018.
Use a newer one, or a container with one, such as python:3.12"""
    if system == "Darwin" and int(platform.mac_ver()[0].split(".")[0]) < 14:
        return f"""\
This is macOS {platform.mac_ver()[0]}, and torch needs 14 or newer.
Update macOS, or open the book in a Linux container or on another machine."""
    if system == "Linux" and machine not in ("x86_64", "aarch64"):
        return f"""\
torch has no build for Linux on processors of the kind {machine}.
Open the book on another machine, or on Binder."""
    if sys.version_info[:2] > NEWEST_PYTHON:
        return f"""\
torch has no build for Python {version(2)} yet. Choose another Python with

    make {profile} PYTHON=python3.11"""
    return ""
