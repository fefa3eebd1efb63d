"""Checks of Python, packages, torch, Jupyter, data and browser."""

from __future__ import annotations

import platform
import sys

from packaging.version import Version

from .. import machine
from ..files import find_data
from ..installed import PACKAGE, has_lab_extension, requirements, version_of, within
from .finding import Finding

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
        f"{name} {have[name]} (needed: {spec})"
        for name, spec in wanted.items()
        if have[name] and not within(have[name], spec)
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
    libraries = [
        name
        for name, available in (
            ("oneDNN", torch.backends.mkldnn.is_available()),
            ("MKL", torch.backends.mkl.is_available()),
        )
        if available
    ]
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
    from ..engines import ENGINES

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
        if have[name] and Version(have[name]).major != major
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
        advice = "Run from a checkout of the book, or set MOBILENET_DATA to its data folder."
        return Finding("Data", "fail", str(error), advice)
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
