"""The kernels in C++ beside this file, compiled for this machine where it has a compiler.

What is compiled stays in the user's cache folder, beside the measured plans, under a name that
stands for all it was made of. So it takes two seconds once, and a change of the source, the
compiler, torch or the processor makes another. The kernels share torch's threads: they are linked
to the OpenMP that torch has loaded, since the idle threads of a second one would take its cores.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs
import torch

from .. import machine
from ..files import own_path, write_atomically

CACHE_VARIABLE = "MOBILENET_CACHE"
HERE = Path(__file__).parent
SOURCES = [HERE / f"{name}.cpp" for name in ("normalize", "depthwise", "pointwise")]
HEADERS = [HERE / f"{name}.h" for name in ("kernels", "normalize", "layer")]
FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared"),
    # What of -ffast-math is harmless: NaN stays NaN, and sums stay in their order.
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    "-Wl,--as-needed",  # no second OpenMP beside torch's, where the compiler would add its own
)
WITHOUT = {"AVX2": ["-mno-avx512f"], "DEFAULT": ["-mno-avx"]}
"""What an x86 processor is not to use, where torch's own code does not use it either."""
OPENMP = re.compile(r"lib(gomp|omp|iomp5)\b[^/]*\.so[^/]*")
PATIENCE_S = 120


class NoKernels(RuntimeError):
    """There are no kernels here; the message says why."""


def available() -> bool:
    """Whether the kernels are there, compiled if need be."""
    return not isinstance(_found(), NoKernels)


def library() -> ctypes.CDLL:
    """The kernels, compiled once a process and kept.

    Raises
    ------
    NoKernels
        This machine has none, and why.
    """
    found = _found()
    if isinstance(found, NoKernels):
        raise found
    return found


@functools.cache
def _found() -> ctypes.CDLL | NoKernels:
    try:
        return _load()
    except NoKernels as error:
        return error


def _load() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise NoKernels(f"they are for Linux, not {platform.system()}")
    compiler = machine.cxx()
    if compiler is None:
        raise NoKernels("no C++ compiler was found (Debian: apt install g++)")
    command = [*compiler, *FLAGS, *_without(), *map(str, SOURCES), _openmp()]
    version = _run([*compiler, "--version"])
    processor = [machine.processor().model, *(machine.features() or ())]
    sources = [path.read_text("utf-8") for path in (*HEADERS, *SOURCES)]
    made_of = [sources, command, version, torch.__version__, processor]
    kind = f"kernels-{_digest(json.dumps(made_of).encode())}"
    with suppress(OSError):  # no home folder, or one that cannot be read
        for path in cache_folder().glob(f"{kind}-*.so"):
            # To load a damaged file would end this process, so each has its digest in its name.
            if path.stem == f"{kind}-{_digest(path.read_bytes())}":
                return ctypes.CDLL(str(path))
    with tempfile.TemporaryDirectory() as place:  # once loaded, a library needs its file no more
        path = Path(place) / f"{kind}.so"
        _run([*command, "-o", str(path)])
        try:
            content = path.read_bytes()
            with suppress(OSError):  # nowhere to keep it
                kept = cache_folder() / f"{kind}-{_digest(content)}.so"
                write_atomically(kept, content)
                path = kept
            return ctypes.CDLL(str(path))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise NoKernels(f"what the C++ compiler made cannot be loaded: {error}") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKernels(f"the C++ compiler {command[0]} does not run: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        said = next((line for line in lines if "error" in line), lines[-1])
        raise NoKernels(f"the C++ compiler {command[0]} failed, and said: {said}")
    return done.stdout


def _without() -> list[str]:
    x86 = platform.machine() in ("x86_64", "AMD64")
    return WITHOUT.get(cpu_capability(), []) if x86 else []


def _openmp() -> str:
    """The OpenMP library that this process has loaded, torch's own if there are several."""
    maps = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    paths = [fields[5] for line in maps if len(fields := line.split(maxsplit=5)) > 5]
    found = [path for path in dict.fromkeys(paths) if OPENMP.fullmatch(Path(path).name)]
    torchs = os.path.realpath(os.path.dirname(torch.__file__))  # or torch.libs, beside it
    own = [path for path in found if path.startswith(torchs)]
    if not found:
        raise NoKernels("torch computes without OpenMP here")
    return (own or found)[0]


def cpu_capability() -> str:
    """Which instructions torch's own code uses here: "AVX512", "AVX2", "DEFAULT", ..."""
    return torch.backends.cpu.get_cpu_capability()


def cache_folder() -> Path:
    """Where plans and kernels are kept: in MOBILENET_CACHE's folder, else in the user's cache."""
    return own_path(CACHE_VARIABLE, lambda: platformdirs.user_cache_path("mobilenet") / "speed")
