"""Names that a package hands out only when they are asked for, so that importing it stays fast."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose names live in its modules.

    The names are those that its `__init__.py` imports from them under `if TYPE_CHECKING:`, where
    type checkers look and Python does not. So each is written once; `__all__` is made from them.

    Parameters
    ----------
    package
        The package's `__name__`.
    """
    module = sys.modules[package]
    homes = {
        node.module: [name.name for name in node.names]
        for block in ast.parse(module.__spec__.loader.get_source(package)).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    home_of = {name: home for home, names in homes.items() for name in names}
    module.__all__ = sorted(home_of)

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(f".{home_of[name]}", package)
        for other in homes[home_of[name]]:  # the next time they are found at once
            setattr(module, other, getattr(home, other))
        return getattr(home, name)

    def names() -> list[str]:
        return sorted({*vars(module), *home_of})

    return get, names
