"""What nbval must know about the chapters, however it was started."""

import os
import re
import tempfile
from pathlib import Path

import pytest

# A reader who has solved something sees another progress, and no test may add to it.
_scratch = tempfile.TemporaryDirectory(prefix="mobilenet-chapters-")
os.environ["MOBILENET_PROGRESS"] = str(Path(_scratch.name) / "progress.json")
SANITIZE = Path(__file__).resolve().parents[1] / "tests" / "chapters" / "sanitize.cfg"
MEASURED = "measured"
"""Tag of a cell whose numbers are its machine's own: all that it shows is compared but for them."""
# With the spaces around it, which make up for its length in a column.
NUMBER = re.compile(r" *[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)? *")


def pytest_configure(config: pytest.Config) -> None:
    """Run this environment's Python, and pass over what differs between machines by chance."""
    if not config.getoption("nbval_sanitize_with", None):
        config.option.nbval_sanitize_with = str(SANITIZE)
    if not config.getoption("nbval_kernel_name", None):
        config.option.nbval_current_env = True


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have every cell's outputs compared: nbval passes over, or refuses, what bears no count.

    What is done with a cell goes into its report, for the table at the end of a run.
    """
    if item.path.suffix != ".ipynb":
        return
    item.cell.execution_count = item.cell.execution_count or 1
    measured = MEASURED in item.cell.metadata.get("tags", [])
    if measured:
        sanitize = item.sanitize
        item.sanitize = lambda told: (
            NUMBER.sub(" # ", sanitize(told)) if isinstance(told, str) else told
        )
    if item.options["skip"]:
        done = "skipped"
    elif not item.options["check"]:
        done = "ignored"
    else:
        done = "words" if measured else "compared" if item.cell.outputs else "silent"
    item.user_properties.append(("cell", done))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let every notebook start with an empty progress ledger, whatever ran before it."""
    if item.path.suffix == ".ipynb" and item.path != getattr(item.config, "_notebook", None):
        item.config._notebook = item.path
        for kept in Path(_scratch.name).glob("progress*.json"):  # and its backup
            kept.unlink()
