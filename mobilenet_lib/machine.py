"""What this machine has: processor, caches, memory, browser; read from the system, without torch.

A fact that the system does not tell is None, never a guess. `doctor` judges these facts.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from .files import cpu_model
from .validation import Count, NotNegative

WAIT_POLICY = "OMP_WAIT_POLICY"  # how OpenMP's idle threads wait: ACTIVE spins, PASSIVE sleeps
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


# In /proc/self/mountinfo: what of a file system is shown, where, its kind and its options.
MOUNT = re.compile(r"^(?:\S+ ){3}(\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$", re.MULTILINE)


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


@dataclass(frozen=True)
class Machine:
    """Everything that a timing depends on and a system tells of."""

    system: str
    processor: str
    features: Annotated[list[str], ("uniqueItems", True)] | None
    """Names out of FEATURES; None if the system does not tell, here and below."""
    cores: Count
    usable_cores: Count
    quota: float | None
    """Cores' worth of time that a container allows; None for no limit."""
    threads: Count
    caches: Caches
    clock_mhz: Clock
    memory_bytes: int | None
    load: NotNegative | None
    """Processes that were running or waiting, averaged over a minute."""


def describe_machine(root: str | os.PathLike[str] = "/") -> Machine:
    """Everything that `Machine` holds; Linux's files are read below `root`."""
    cpu = processor(root)
    return Machine(
        system=system(),
        processor=cpu.model,
        features=None if cpu.features is None else list(cpu.features),
        cores=cpu.cores,
        usable_cores=cpu.usable,
        quota=cpu.quota,
        threads=cpu.threads,
        caches=caches(root),
        clock_mhz=clock(root),
        memory_bytes=memory_bytes(root),
        load=load(),
    )


def processor(root: str | os.PathLike[str] = "/") -> Processor:
    """The processor of this machine; Linux's files are read below `root`."""
    cores, usable = os.cpu_count() or 1, len(usable_cores())
    model = (sysctl("-n", "machdep.cpu.brand_string") or [cpu_model()])[0]
    return Processor(model, features(root), cores, usable, cpu_quota(root))


def usable_cores() -> set[int]:
    """Numbers of the cores that this process may run on: by its affinity on Linux, else all."""
    affinity = getattr(os, "sched_getaffinity", None)
    return affinity(0) if affinity else set(range(os.cpu_count() or 1))


def features(root: str | os.PathLike[str] = "/") -> tuple[str, ...] | None:
    """Which of FEATURES the processor has, None if the system does not tell."""
    cpuinfo = read(Path(root, "proc/cpuinfo"))
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    flags = set(line.group(1).split()) if line else set()
    flags |= {row.split(":")[0] for row in sysctl("hw.optional") if row.endswith(": 1")}
    return tuple(name for name, signs in FEATURES.items() if signs & flags) if flags else None


def caches(root: str | os.PathLike[str] = "/") -> Caches:
    """Sizes of the caches of the first core that this process may use (Linux, macOS)."""
    sizes: dict[str, int] = {}
    core = min(usable_cores())
    for folder in Path(root, f"sys/devices/system/cpu/cpu{core}/cache").glob("index*"):
        level, kind, size = (read(folder / name) for name in ("level", "type", "size"))
        number = re.fullmatch(r"(\d+)([KMG]?)\s*", size)
        if level and number and kind.strip() in ("Data", "Unified"):
            unit = 1024 ** " KMG".index(number.group(2) or " ")
            sizes[level.strip()] = int(number.group(1)) * unit
    # A Mac with two kinds of core tells of the fast kind under another name.
    bytes_of = {
        name: sizes.get(name[1]) or _first_number(f"hw.perflevel0.{name}", f"hw.{name}")
        for name in ("l1dcachesize", "l2cachesize", "l3cachesize")
    }
    return Caches(*bytes_of.values())


def clock(root: str | os.PathLike[str] = "/") -> Clock:
    """What the system tells of the cores' clock (Linux, Macs with an Intel processor)."""
    line = re.search(r"^cpu MHz\s*:\s*([\d.]+)", read(Path(root, "proc/cpuinfo")), re.MULTILINE)
    now = round(float(line.group(1)), 1) if line else None
    kilohertz = read(Path(root, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
    if kilohertz:
        return Clock(now, int(kilohertz) / 1e3)
    hertz = _first_number("hw.cpufrequency_max")
    return Clock(now, None if hertz is None else hertz / 1e6)


def cpu_quota(root: str | os.PathLike[str] = "/") -> float | None:
    """Cores' worth of time this process may use under its control groups (Linux), else None."""
    pairs = [read(folder / "cpu.max").split() for folder in cgroups(root)]
    for folder in cgroups(root, "cpu"):
        texts = [read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        pairs.append([text.strip() for text in texts if text])
    limits = (pair for pair in pairs if len(pair) == 2 and pair[0] not in ("max", "-1"))
    return min((int(quota) / int(period) for quota, period in limits), default=None)


def memory_bytes(root: str | os.PathLike[str] = "/") -> int | None:
    """Bytes of memory this process may use: the machine's, or less where a container limits it."""
    names = ("memory.max", "memory.high")  # above high, every allocation waits
    texts = [read(folder / name) for folder in cgroups(root) for name in names]
    for folder in cgroups(root, "memory"):
        texts.append(read(folder / "memory.limit_in_bytes"))
        # That of the groups above it too, also where a container does not show them.
        stat = read(folder / "memory.stat")
        texts += re.findall(r"^hierarchical_memory_limit (\d+)", stat, re.MULTILINE)
    sizes = [int(text) for text in texts if text and text.strip() != "max"]
    # Version 1 writes "no limit" as the largest multiple of a page below 2^63.
    sizes = [size for size in (physical_memory(), *sizes) if size and size < 2**60]
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
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]  # it is there on Windows only
    done = kernel.GlobalMemoryStatusEx(ctypes.byref(status))
    return status.total if done else None


def cgroups(root: str | os.PathLike[str], controller: str = "") -> list[Path]:
    """Folders of this process's control group and of the groups above it, as far as they show.

    A `controller` of version 1, such as "memory", has a tree of its own; "" is version 2's one.
    """
    groups = re.findall(r"^\d+:(.*?):(.*)$", read(Path(root, "proc/self/cgroup")), re.MULTILINE)
    own = next((path for names, path in groups if controller in names.split(",")), "/")
    folders: dict[Path, None] = {}  # a set that keeps its order
    for top, shown in cgroup_mounts(root, controller):
        # A container often shows its own group as the top, under the name that the host gives it.
        visible = PurePosixPath(own).is_relative_to(shown) and ".." not in own.split("/")
        group = top / PurePosixPath(own).relative_to(shown) if visible else top
        chain = (group, *group.parents)
        folders |= dict.fromkeys(folder for folder in chain if folder.is_relative_to(top))
    return list(folders)


def cgroup_mounts(root: str | os.PathLike[str], controller: str) -> list[tuple[Path, str]]:
    """Where a tree of control groups may be mounted, each with the group that is shown there."""
    names = {"": ("", "unified"), "cpu": ("cpu", "cpu,cpuacct", "cpuacct,cpu")}
    usual = (Path(root, "sys/fs/cgroup", name) for name in names.get(controller, (controller,)))
    mounts = dict.fromkeys(usual, "/")
    for shown, place, kind, options in MOUNT.findall(read(Path(root, "proc/self/mountinfo"))):
        if controller in options.split(",") if kind == "cgroup" else not controller:
            place = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), place)
            mounts[Path(root, place.lstrip("/"))] = shown
    return list(mounts.items())


def load() -> float | None:
    """Processes that were running or waiting, averaged over a minute; None on Windows."""
    averages = getattr(os, "getloadavg", None)
    return round(averages()[0], 2) if averages else None


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome: the one that CHROMIUM names, else the first on PATH.

    A FileNotFoundError says that CHROMIUM names a program that is not there.
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


def cxx(names: tuple[str, ...] = ("g++", "clang++")) -> list[str] | None:
    """The command of a C++ compiler: CXX's with its options, else the first of `names` found."""
    chosen = os.environ.get("CXX", "")
    try:
        command = shlex.split(chosen)
    except ValueError:  # a quote without its other half
        command = [chosen]
    command = command or [name for name in names if shutil.which(name)][:1]
    return command if command and shutil.which(command[0]) else None


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
    answers = (sysctl("-n", name) for name in names)
    return next((int(rows[0]) for rows in answers if rows and int(rows[0])), None)


def read(path: Path) -> str:
    """Text of a system file, empty where the system has no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
