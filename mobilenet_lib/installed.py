"""Which packages are installed, and whether they are the ones that pyproject.toml asks for."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PACKAGE = "mobilenet-lib"


def _project() -> dict[str, Any] | None:
    """The table [project] of the checkout's pyproject.toml, None without a checkout."""
    path = Path(__file__).resolve().parent.parent / "pyproject.toml"
    return tomllib.loads(path.read_text("utf-8"))["project"] if path.is_file() else None


def requirements() -> dict[str, SpecifierSet]:
    """Required packages and their ranges, such as <3,>=2.6 for torch; {} if unknown.

    Read from the checkout's pyproject.toml, else from the installed package's metadata.
    """
    project = _project()
    if project is not None:
        lines: list[str] = project["dependencies"]
    else:
        try:
            lines = [row for row in metadata.requires(PACKAGE) or [] if "extra ==" not in row]
        except metadata.PackageNotFoundError:
            return {}
    parsed = map(Requirement, lines)
    return {requirement.name: requirement.specifier for requirement in parsed}


def project_url(label: str) -> str | None:
    """An address of the project under [project.urls] in pyproject.toml, None while it has none.

    Parameters
    ----------
    label
        "Documentation", where the static edition is; "Repository", where the book's source is;
        "Data", an archive that `mobilenet data` fetches.
    """
    project = _project()
    if project is not None:
        return project.get("urls", {}).get(label)
    try:
        lines = metadata.metadata(PACKAGE).get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    return dict(line.split(", ", 1) for line in lines).get(label)


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
