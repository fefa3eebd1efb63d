"""Which packages are installed, and whether they are the ones that pyproject.toml asks for."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PACKAGE = "mobilenet-lib"


def requirements() -> dict[str, SpecifierSet]:
    """Required packages and their ranges, such as <3,>=2.6 for torch; {} if unknown.

    Read from the checkout's pyproject.toml, else from the installed package's metadata.
    """
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        lines: list[str] = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
    else:
        try:
            lines = [row for row in metadata.requires(PACKAGE) or [] if "extra ==" not in row]
        except metadata.PackageNotFoundError:
            return {}
    parsed = map(Requirement, lines)
    return {requirement.name: requirement.specifier for requirement in parsed}


def version_of(name: str) -> str | None:
    """Version of an installed distribution, None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def has_lab_extension(name: str) -> bool:
    """Whether JupyterLab of this Python, which must be installed, finds the extension `name`."""
    from jupyter_core.paths import jupyter_path  # late: where JupyterLab is missing, it is too

    return any(
        Path(folder, name, "package.json").is_file() for folder in jupyter_path("labextensions")
    )
