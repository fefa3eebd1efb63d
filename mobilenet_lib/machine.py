"""What this machine has: processor, cores, memory, browser; read from the system, without torch.

A fact that the system does not tell is None, never a guess. `doctor` judges these facts.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .files import cpu_model

CHROMIUM_VARIABLE = "CHROMIUM"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# What the book's timings depend on, and the flags by which Linux or macOS tell that it is there.
FEATURES: dict[str, frozenset[str]] = {
    "AVX2": frozenset({"avx2", "hw.optional.avx2_0"}),
    "AVX-512": frozenset({"avx512f", "hw.optional.avx512f"}),
    "NEON": frozenset({"asimd", "neon", "hw.optional.neon", "hw.optional.AdvSIMD"}),
    "bf16": frozenset({"avx512_bf16", "bf16", "hw.optional.arm.FEAT_BF16"}),
    "AMX": frozenset({"amx_tile"}),
    "VNNI": frozenset({"avx512_vnni", "avx_vnni"}),
    "int8 matrix": frozenset({"amx_int8", "i8mm", "hw.optional.arm.FEAT_I8MM"}),
}


@dataclass(frozen=True)
class Processor:
    """One machine's processor, as a program that runs here may use it."""

    model: str
    features: tuple[str, ...] | None
    """Names out of FEATURES; None if this system does not tell."""
    cores: int
    """Logical cores of the machine."""
    usable: int
    """Cores that this process may run on (affinity)."""
    quota: float | None
    """Cores' worth of time that a container allows, None for no limit."""

    @property
    def threads(self) -> int:
        """Threads that can run at the same time: cores, cut by affinity and quota."""
        limit = self.usable if self.quota is None else min(self.usable, max(1, int(self.quota)))
        return max(1, limit)


def processor(root: str | os.PathLike[str] = "/") -> Processor:
    """The processor of this machine; Linux's files are read below `root`."""
    cores = os.cpu_count() or 1
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    usable = len(affinity(0)) if affinity else cores
    model = (sysctl("-n", "machdep.cpu.brand_string") or [cpu_model()])[0]
    return Processor(model, features(root), cores, usable, cpu_quota(root))


def features(root: str | os.PathLike[str] = "/") -> tuple[str, ...] | None:
    """Which of FEATURES the processor has, None if the system does not tell."""
    text = read(Path(root, "proc/cpuinfo"))
    if text is not None:
        line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
        flags = set(line.group(1).split()) if line else set()
    else:
        listed = sysctl("hw.optional")
        flags = {row.split(":")[0] for row in listed if row.endswith(": 1")}
    if not flags:
        return None
    return tuple(name for name, signs in FEATURES.items() if signs & flags)


def cpu_quota(root: str | os.PathLike[str] = "/") -> float | None:
    """Cores' worth of time this process may use under its control groups (Linux), else None."""
    limits = []
    for text in cgroup_files(root, "cpu.max"):
        quota, period = text.split()[:2]
        if quota != "max":
            limits.append(int(quota) / int(period))
    quota, period = (
        read(Path(root, "sys/fs/cgroup/cpu", f"cpu.cfs_{name}_us")) for name in ("quota", "period")
    )
    if quota and period and int(quota) > 0:  # the first version of control groups; -1: no limit
        limits.append(int(quota) / int(period))
    return min(limits, default=None)


def memory_bytes(root: str | os.PathLike[str] = "/") -> int | None:
    """Bytes of memory this process may use: the machine's, or less where a container limits it."""
    sizes = [physical_memory()] if physical_memory() else []
    sizes += [int(text) for text in cgroup_files(root, "memory.max") if text != "max"]
    return min(sizes, default=None)


def physical_memory() -> int | None:
    """Bytes of memory that the machine has, None if it cannot be read."""
    if sys.platform == "win32":
        return _windows_memory()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _windows_memory() -> int | None:
    class Status(ctypes.Structure):  # MEMORYSTATUSEX
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "free", "page", "page_free", "virtual", "virtual_free", "more")
        ]

    status = Status(length=ctypes.sizeof(Status))
    done = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return status.total if done else None


def cgroup_files(root: str | os.PathLike[str], name: str) -> list[str]:
    """Contents of the file `name` in this process's control group and in all groups above it."""
    own = re.search(r"^0::/(.*)$", read(Path(root, "proc/self/cgroup")) or "", re.MULTILINE)
    if own is None:
        return []
    top = Path(root, "sys/fs/cgroup")
    group = top / own.group(1)
    groups = [group, *(parent for parent in group.parents if parent.is_relative_to(top))]
    texts = [read(folder / name) for folder in groups]
    return [text.strip() for text in texts if text and text.strip()]


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome: the one that CHROMIUM names, else the first on PATH.

    Raises
    ------
    FileNotFoundError
        CHROMIUM names a program that is not there.
    """
    chosen = os.environ.get(CHROMIUM_VARIABLE)
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise FileNotFoundError(
                f"{CHROMIUM_VARIABLE} names {chosen!r}, which is no program; "
                "set it to Chromium's full path, or unset it to search PATH"
            )
        return path
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def system() -> str:
    """Name and version of the operating system, and the kind of processor."""
    return f"{platform.system()} {platform.release()} on {platform.machine()}"


def sysctl(*arguments: str) -> list[str]:
    """Lines that macOS's `sysctl` prints, such as "hw.optional.neon: 1"; none elsewhere."""
    if sys.platform != "darwin":
        return []
    command = ["/usr/sbin/sysctl", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.splitlines()


def read(path: Path) -> str | None:
    """Text of a system file, None where the system has no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
