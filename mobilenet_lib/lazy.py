"""Names that a package hands out only when they are asked for, so that importing it stays fast.

A package writes its public names once, as imports that only type checkers see:

    if TYPE_CHECKING:
        from .recipe import RECIPES, Recipe, preset

    __all__, __getattr__, __dir__ = lazy_names(__name__)

No module there may be called as one of the names: once imported, it would stand in its place.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_names(package: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """The `__all__`, `__getattr__` and `__dir__` of a package, read off its imports.

    Parameters
    ----------
    package
        The package's `__name__`.
    """
    module = sys.modules[package]
    home_of = {
        alias.name: node.module
        for block in ast.parse(inspect.getsource(module)).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f".{home_of[name]}", package), name)
        setattr(module, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *home_of})

    return sorted(home_of), get, names
