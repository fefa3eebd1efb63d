"""`mobilenet doctor`: what this machine has for the book, and what to do about each problem.

>>> from mobilenet_lib import doctor
>>> doctor.report()  # doctest: +SKIP

Nothing here installs or changes anything. Each check looks at one thing and returns a `Finding`;
a broken torch or a missing package is a finding too, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable

from . import hardware, software
from .finding import Finding, Report, Status
from .software import MIN_PYTHON

__all__ = ["CHECKS", "MIN_PYTHON", "Finding", "Report", "Status", "diagnose", "report"]

CHECKS: tuple[Callable[[], Finding], ...] = (
    software.check_python,
    software.check_packages,
    software.check_torch,
    software.check_jupyter,
    software.check_data,
    hardware.check_processor,
    hardware.check_threads,
    hardware.check_memory,
    hardware.check_gpu,
    software.check_browser,
    software.check_engines,
)


def report() -> Report:
    """Run every check and return a Report that prints, and shows itself in a notebook."""
    return Report(tuple(diagnose()))


def diagnose() -> list[Finding]:
    """Run every check, in the order a reader would ask."""
    return [check() for check in CHECKS]
