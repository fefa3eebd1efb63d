"""What nbval must know about the chapters, however it was started."""

import os
import tempfile
from pathlib import Path

import pytest

# A reader who has solved something sees another progress, and no test may add to it.
_scratch = tempfile.TemporaryDirectory(prefix="mobilenet-chapters-")
os.environ["MOBILENET_PROGRESS"] = str(Path(_scratch.name) / "progress.json")
SANITIZE = Path(__file__).resolve().parents[1] / "tests" / "chapters" / "sanitize.cfg"


def pytest_configure(config: pytest.Config) -> None:
    """Run this environment's Python, and pass over what differs between machines by chance."""
    if not config.getoption("nbval_sanitize_with", None):
        config.option.nbval_sanitize_with = str(SANITIZE)
    if not config.getoption("nbval_kernel_name", None):
        config.option.nbval_current_env = True


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have every cell's outputs compared: nbval passes over, or refuses, what bears no count."""
    if item.path.suffix == ".ipynb":
        item.cell.execution_count = item.cell.execution_count or 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let every notebook start with an empty progress ledger, whatever ran before it."""
    if item.path.suffix == ".ipynb" and item.path != getattr(item.config, "_notebook", None):
        item.config._notebook = item.path
        for kept in Path(_scratch.name).glob("progress*.json"):  # and its backup
            kept.unlink()
