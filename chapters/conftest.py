"""What nbval must know about the chapters, however it was started."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have every cell's outputs compared: nbval passes over, or refuses, what bears no count."""
    if item.path.suffix == ".ipynb":
        item.cell.execution_count = item.cell.execution_count or 1
