"""`mobilenet doctor`: what this machine has for the book, and what to do about each problem.

>>> from mobilenet_lib import doctor
>>> doctor.report()  # doctest: +SKIP

Nothing here installs or changes anything. Each check looks at one thing and returns a `Finding`;
a broken torch or a missing package is a finding too, never an exception.
"""

from __future__ import annotations

import html
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from . import machine
from .files import GET_DATA, find_data
from .installed import PACKAGE, has_lab_extension, requirements, version_of

REINSTALL = "Run `make lab`, or: pip install -e . -c constraints.txt"
MIN_PYTHON = (3, 11)

# Each row: these major versions speak the same widget protocol and work together.
WIDGET_MAJORS = {
    "ipywidgets": 8,
    "jupyterlab": 4,
    "jupyterlab_widgets": 3,
    "widgetsnbextension": 4,
}
# The browser halves of the widgets, as JupyterLab finds them in its labextensions folders.
LAB_EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets",
    "anywidget": "anywidget",
}
BUSY = 0.4  # processes a core, averaged over a minute; one more program on two cores comes to 0.5
ENOUGH_MEMORY, TIGHT_MEMORY = 4e9, 1.8e9  # bytes; JupyterLab and any one chapter, memory.json
Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    topic: str
    status: Status
    detail: str
    advice: str = ""
    """What to do, empty if there is nothing to do."""


@dataclass(frozen=True)
class Report:
    """All findings, to print, to show in a notebook, or to pass on."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 if a check failed, so that the book cannot run as it is; else 0."""
        return int(any(finding.status == "fail" for finding in self.findings))

    def __str__(self) -> str:
        """One line for each finding, with the advice below the line it belongs to."""
        width = max(len(finding.topic) for finding in self.findings)
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.status:<4}  {finding.topic:<{width}}  {finding.detail}")
            if finding.advice:
                lines.append(" " * (width + 8) + finding.advice)
        return "\n".join([*lines, "", self.summary()])

    def summary(self) -> str:
        """One sentence on the whole."""
        count = {s: sum(f.status == s for f in self.findings) for s in ("ok", "warn", "fail")}
        total = len(self.findings)
        if count["fail"]:
            return f"{count['fail']} of {total} checks failed: do what their advice says."
        if count["warn"]:
            return f"The book runs here; {count['warn']} of {total} checks have advice."
        return f"All {total} checks passed: the book runs here."

    def _repr_html_(self) -> str:
        marks = {"ok": "✓ ok", "warn": "! note", "fail": "✗ problem"}  # a sign, not only a colour
        rows = []
        for finding in self.findings:
            cells = [html.escape(text) for text in (finding.detail, finding.advice)]
            advice = f"<br><em>{cells[1]}</em>" if cells[1] else ""
            rows.append(
                f'<tr><td style="white-space:nowrap">{marks[finding.status]}</td>'
                f'<th scope="row" style="text-align:left">{html.escape(finding.topic)}</th>'
                f'<td style="text-align:left">{cells[0]}{advice}</td></tr>'
            )
        caption = f"<caption>{html.escape(self.summary())}</caption>"
        return f"<table>{caption}<tbody>{''.join(rows)}</tbody></table>"


def check_python() -> Finding:
    """The Python that runs, and whether it is one the book is written for."""
    detail = f"{platform.python_version()}, {machine.system()}"
    if sys.version_info[:2] < MIN_PYTHON:
        needed = ".".join(map(str, MIN_PYTHON))
        return Finding(
            "Python", "fail", detail, f"Install Python {needed} or newer, then: make lab"
        )
    return Finding("Python", "ok", detail)


def check_packages() -> Finding:
    """Whether each required package is there, in the range that pyproject.toml asks for."""
    wanted = requirements()
    if not wanted:
        detail = f"{PACKAGE} is not installed and its pyproject.toml is not beside it"
        return Finding("Packages", "warn", detail, REINSTALL)
    have = {name: version_of(name) for name in wanted}
    missing = [name for name, version in have.items() if version is None]
    outside = [
        f"{name} {version} (needed: {wanted[name]})"
        for name, version in have.items()
        if version and not wanted[name].contains(version, prereleases=True)
    ]
    if missing or outside:
        parts = ["missing: " + ", ".join(missing)] if missing else []
        parts += ["out of range: " + ", ".join(outside)] if outside else []
        return Finding("Packages", "fail", "; ".join(parts), REINSTALL)
    detail = ", ".join(f"{name} {version}" for name, version in have.items() if name != "torch")
    return Finding("Packages", "ok", detail)


def check_torch() -> Finding:
    """Whether torch starts, which build it is, and which instructions it uses."""
    try:
        import torch
    except ImportError as error:
        return Finding("torch", "fail", f"cannot be imported: {error}", REINSTALL)
    except OSError as error:  # its compiled half is there and does not load
        advice = "Install torch anew: pip install --force-reinstall torch -c constraints.txt"
        if sys.platform == "win32":
            advice += ". On Windows, install Microsoft's Visual C++ redistributable first"
        return Finding("torch", "fail", f"does not load: {error}", advice)
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    kinds = {"oneDNN": torch.backends.mkldnn, "MKL": torch.backends.mkl}
    libraries = [name for name, library in kinds.items() if library.is_available()]
    detail = (
        f"{torch.__version__} ({build}), {', '.join(libraries) or 'no oneDNN or MKL'}, "
        f"instructions {torch.backends.cpu.get_cpu_capability()}, "
        f"{torch.get_num_threads()} threads"
    )
    if "oneDNN" not in libraries and platform.machine().lower() in ("x86_64", "amd64"):
        advice = "Convolutions will be slow. Install the torch that constraints.txt names."
        return Finding("torch", "warn", detail, advice)
    return Finding("torch", "ok", detail)


def check_engines() -> Finding:
    """Which of chapter 08's engines can run a network here; the book needs only torch's own."""
    if sys.modules.get("torch") is None:  # check_torch has imported it where it can be
        return Finding("Engines", "ok", "not looked for, since torch is not there")
    from .engines import ENGINES

    available = [name for name, engine in ENGINES.items() if engine.available()]
    others = [name for name in ENGINES if name not in available]
    detail = ", ".join(available)
    if others:
        detail += f"; not here: {', '.join(others)} (chapter 08 says why)"
    return Finding("Engines", "ok", detail)


def check_jupyter() -> Finding:
    """Whether JupyterLab and both halves of its widgets fit together."""
    have = {name: version_of(name) for name in (*WIDGET_MAJORS, "anywidget")}
    detail = ", ".join(f"{name} {version or 'missing'}" for name, version in have.items())
    wrong = [name for name, version in have.items() if version is None]
    wrong += [
        f"{name} must be {major}.x"
        for name, major in WIDGET_MAJORS.items()
        if (version := have[name]) and Version(version).major != major
    ]
    if wrong:
        advice = f"Widgets would stay blank ({'; '.join(wrong)}). {REINSTALL}"
        return Finding("Jupyter widgets", "fail", detail, advice)
    absent = [name for name in LAB_EXTENSIONS if not has_lab_extension(name)]
    if absent:
        owners = " ".join(LAB_EXTENSIONS[name] for name in absent)
        advice = (
            f"Widgets may stay blank: JupyterLab does not find {' and '.join(absent)} beside this "
            f"Python. Run: pip install --force-reinstall --no-deps {owners}"
        )
        return Finding("Jupyter widgets", "warn", detail, advice)
    return Finding("Jupyter widgets", "ok", detail)


def check_data() -> Finding:
    """Whether the book's data folder is found, and whole."""
    parts = ("checkpoints", "glyphs", "paper", "photos", "results")
    try:
        for part in parts:
            find_data(part)
    except FileNotFoundError as error:
        detail = str(error).removesuffix(GET_DATA).rstrip(". ")
        return Finding("Data", "fail", detail, GET_DATA)
    return Finding("Data", "ok", f"found: {', '.join(parts)}")


def check_browser() -> Finding:
    """Whether a Chromium is there for the browser tests; readers need none in particular."""
    advice = "Only `make test` needs it. Install Chromium, or point CHROMIUM to its program."
    try:
        path = machine.find_chromium()
    except FileNotFoundError as error:
        return Finding("Browser tests", "warn", str(error), advice)
    if path is None:
        return Finding("Browser tests", "warn", "no Chromium found", advice)
    return Finding("Browser tests", "ok", path)


def check_processor() -> Finding:
    """The processor's name and the instructions that the book's timings depend on."""
    cpu = machine.processor()
    if cpu.features is None:
        return Finding("Processor", "ok", f"{cpu.model}; this system does not list its features")
    detail = f"{cpu.model}: {', '.join(cpu.features) or 'none of ' + ', '.join(machine.FEATURES)}"
    if not {"AVX2", "NEON"} & set(cpu.features):
        advice = "The book runs, slowly: torch has no vector code for this processor."
        return Finding("Processor", "warn", detail, advice)
    return Finding("Processor", "ok", detail)


def check_threads() -> Finding:
    """Cores, threads that this process may use, whether torch uses as many, how idle ones wait."""
    cpu = machine.processor()
    detail = f"{cpu.threads} usable of {cpu.cores} logical cores"
    if cpu.quota is not None:
        detail += f", a container allows {cpu.quota:g}"
    torch = sys.modules.get("torch")  # check_torch has imported it where it can be
    threads = torch.get_num_threads() if torch else cpu.threads
    if threads > cpu.threads:
        advice = (
            f"torch uses {threads} threads, which will wait for each other. Start with "
            f"OMP_NUM_THREADS={cpu.threads}, or call torch.set_num_threads({cpu.threads})."
        )
        return Finding("Threads", "warn", detail, advice)
    sleep = os.environ.get(machine.WAIT_POLICY, "").strip().upper() == "PASSIVE"
    detail += f"; idle ones {'sleep' if sleep else 'spin'}"
    load = machine.load() or 0
    if load < BUSY * cpu.cores or sleep:
        return Finding("Threads", "ok", detail)
    advice = (
        "Where other programs compute too, spinning threads keep the cores from those that work, "
        f"and torch takes many times as long. Start with {machine.WAIT_POLICY}=PASSIVE, as "
        "`make lab`, `make test` and `mobilenet train` do."
    )
    return Finding("Threads", "warn", f"{detail}, with {load:g} processes at work", advice)


def check_memory() -> Finding:
    """Memory that this process may use."""
    size = machine.memory_bytes()
    if size is None:
        return Finding("Memory", "ok", "this system does not tell how much there is")
    detail = f"{size / 1e9:.1f} GB usable"
    if size < TIGHT_MEMORY:
        advice = f"The book needs {TIGHT_MEMORY / 1e9:g} GB at least: raise the container's limit."
        return Finding("Memory", "fail", detail, advice)
    if size < ENOUGH_MEMORY:
        return Finding("Memory", "warn", detail, "Keep one chapter open at a time.")
    return Finding("Memory", "ok", detail)


def check_gpu() -> Finding:
    """GPUs that torch can use; the book needs none."""
    torch = sys.modules.get("torch")
    if torch is None:
        return Finding("GPU", "ok", "not looked for, since torch is not there")
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        detail = ", ".join(f"{card.name} ({card.total_memory / 1e9:.0f} GB)" for card in cards)
        return Finding("GPU", "ok", detail)
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "Apple GPU through MPS")
    if os.path.exists("/proc/driver/nvidia/version"):
        if torch.version.cuda is None:
            advice = "Install a CUDA build of torch to use it; every chapter also runs without."
        else:
            advice = f"Update the NVIDIA driver to one that supports CUDA {torch.version.cuda}."
        return Finding("GPU", "warn", "an NVIDIA driver is there, and torch cannot use it", advice)
    return Finding("GPU", "ok", "none; everything runs on the processor")


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_python,
    check_packages,
    check_torch,
    check_jupyter,
    check_data,
    check_processor,
    check_threads,
    check_memory,
    check_gpu,
    check_browser,
    check_engines,
)


def report() -> Report:
    """Run every check, in the order a reader would ask; the Report shows itself in a notebook."""
    return Report(tuple(check() for check in CHECKS))
