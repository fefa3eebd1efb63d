"""What this machine has: processor, caches, memory, browser; read from the system, without torch.

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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Caches:
    """Bytes of one data cache of each level, None where the system does not tell of it."""

    l1d: int | None = None
    l2: int | None = None
    l3: int | None = None


@dataclass(frozen=True)
class Clock:
    """The cores' clock in MHz, None where the system does not tell."""

    now: float | None = None
    """Of the first core, when it was read."""
    highest: float | None = None


def describe(root: str | os.PathLike[str] = "/") -> dict[str, Any]:
    """Everything that a timing depends on and this system tells of, as plain data for a report."""
    cpu = processor(root)
    load = getattr(os, "getloadavg", None)  # not on Windows
    return {
        "system": system(),
        "processor": cpu.model,
        "features": None if cpu.features is None else list(cpu.features),
        "cores": cpu.cores,
        "usable_cores": cpu.usable,
        "quota": cpu.quota,
        "threads": cpu.threads,
        "caches": asdict(caches(root)),
        "clock_mhz": asdict(clock(root)),
        "memory_bytes": memory_bytes(root),
        "load": round(load()[0], 2) if load else None,
    }


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


def caches(root: str | os.PathLike[str] = "/") -> Caches:
    """Sizes of the caches of the first core that this process may use (Linux, macOS)."""
    affinity = getattr(os, "sched_getaffinity", None)
    core = min(affinity(0)) if affinity else 0
    sizes: dict[str, int] = {}
    for folder in Path(root, f"sys/devices/system/cpu/cpu{core}/cache").glob("index*"):
        level, kind, size = (read(folder / name) for name in ("level", "type", "size"))
        number = re.fullmatch(r"(\d+)([KMG]?)\s*", size or "")
        if level and number and (kind or "").strip() in ("Data", "Unified"):
            unit = 1024 ** " KMG".index(number.group(2) or " ")
            sizes[level.strip()] = int(number.group(1)) * unit
    # A Mac with two kinds of core tells of the fast kind under another name.
    found = {
        name: sizes.get(name[1]) or _first_number(f"hw.perflevel0.{name}", f"hw.{name}")
        for name in ("l1dcachesize", "l2cachesize", "l3cachesize")
    }
    return Caches(*found.values())


def clock(root: str | os.PathLike[str] = "/") -> Clock:
    """What the system tells of the cores' clock (Linux, Macs with an Intel processor)."""
    line = re.search(
        r"^cpu MHz\s*:\s*([\d.]+)", read(Path(root, "proc/cpuinfo")) or "", re.MULTILINE
    )
    now = round(float(line.group(1)), 1) if line else None
    kilohertz = read(Path(root, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
    if kilohertz:
        return Clock(now, int(kilohertz) / 1e3)
    hertz = _first_number("hw.cpufrequency_max")
    return Clock(now, None if hertz is None else hertz / 1e6)


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


def _first_number(*names: str) -> int | None:
    """The first of these values that macOS's `sysctl` tells and that is not 0."""
    told = (sysctl("-n", name) for name in names)
    return next((int(rows[0]) for rows in told if rows and int(rows[0])), None)


def read(path: Path) -> str | None:
    """Text of a system file, None where the system has no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
