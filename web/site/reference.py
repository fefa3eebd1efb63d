"""The reference's pages, made from the package itself: nothing is listed by hand."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import io
import itertools
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import mobilenet_lib

BOX = re.compile(r"[╭╮╰╯─│]")


def modules() -> dict[str, list[ModuleType]]:
    """The package's modules, by the page that shows them: a package has its own on one."""
    pages: dict[str, list[ModuleType]] = {"mobilenet_lib": [mobilenet_lib]}
    for found in pkgutil.walk_packages(mobilenet_lib.__path__, "mobilenet_lib."):
        if any(part.startswith("_") for part in found.name.split(".")):
            continue
        page = ".".join(found.name.split(".")[:2])
        pages.setdefault(page, []).append(importlib.import_module(found.name))
    return pages


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Names that a module defines and does not hide, in its order."""
    own = assigned(module)
    for name, value in vars(module).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            if value.__module__ == module.__name__ and value.__name__ == name:
                yield name, value
        elif name in own:
            yield name, value


@functools.cache
def assigned(module: ModuleType) -> frozenset[str]:
    """Names that a module gives a value itself, which it does not import."""
    targets: list[ast.expr] = []
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    inside = (found for target in targets for found in ast.walk(target))
    return frozenset(found.id for found in inside if isinstance(found, ast.Name))


def prose(module: ModuleType) -> list[str]:
    """A module's docstring, in which what is indented is meant as it stands."""
    lines = (inspect.getdoc(module) or "").splitlines()
    shown: list[str] = []
    for before, line in itertools.pairwise(["", *lines]):
        if line.startswith("    ") and not before and not (shown and shown[-1].startswith("    ")):
            shown += ["::", ""]
        shown.append(line)
    return shown


def entry(module: ModuleType, name: str, value: Any) -> str:
    """The directive that documents one name."""
    kind = "class" if inspect.isclass(value) else "function"
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        said = ("", name) in ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
        if said:
            return f".. autodata:: {module.__name__}.{name}\n   :no-value:\n"
        shown = f"   :value: {worth(value)}\n" if worth(value) else ""
        return f".. py:data:: {name}\n   :module: {module.__name__}\n{shown}"  # no word of dict
    if inspect.isclass(value) and issubclass(value, BaseException):
        kind = "exception"
    members = "   :members:\n" if kind != "function" else ""
    return f".. auto{kind}:: {module.__name__}.{name}\n{members}"


def worth(value: Any) -> str:
    """A constant as code, if that is short and the same each time; else nothing."""
    plain = isinstance(value, int | float | str | tuple | list | dict) or "Literal[" in repr(value)
    shown = repr(value).removeprefix("typing.")
    return shown if plain and len(shown) <= 90 and " at 0x" not in shown else ""


def page_of(title: str, listed: list[ModuleType]) -> str:
    """One page of the reference, in reStructuredText."""
    lines = [title, "=" * len(title), ""]
    for module in listed:
        if module.__name__ != title:
            lines += [module.__name__, "-" * len(module.__name__), ""]
        lines += [f".. py:module:: {module.__name__}"]
        owner, _, name = module.__name__.rpartition(".")
        if owner and callable(getattr(sys.modules[owner], name)):  # a function is called so too
            lines += ["   :no-index:"]
        lines += ["", *prose(module), ""]
        handed = getattr(module, "__all__", [])
        if handed:
            names = ", ".join(f":py:obj:`~{origin(module, name)}`" for name in handed)
            lines += [f"Hands out {names}.", ""]
        own = list(public(module))
        if own:
            links = ", ".join(f":py:obj:`~{module.__name__}.{name}`" for name, _ in own)
            lines += [f"Here: {links}.", ""]
        for name, value in own:
            lines += [entry(module, name, value), ""]
    return "\n".join(lines)


def origin(module: ModuleType, name: str) -> str:
    """Where a name that a package hands out is defined."""
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__}"
    for other in list(sys.modules.values()):
        known = getattr(other, "__name__", "").startswith("mobilenet_lib")
        if known and vars(other).get(name) is value and name in assigned(other):
            return f"{other.__name__}.{name}"
    return f"{module.__name__}.{name}"


def write_modules(folder: Path) -> list[str]:
    """Write a page for each module or package; their names in order."""
    pages = modules()
    folder.mkdir(parents=True, exist_ok=True)
    for title, listed in pages.items():
        (folder / f"{title}.rst").write_text(page_of(title, listed), encoding="utf-8")
    return list(pages)


def about(name: str) -> str:
    """The first line of what a module says of itself."""
    return (inspect.getdoc(importlib.import_module(name)) or "").splitlines()[0]


# --- The command ---------------------------------------------------------------------------------


def help_of(*words: str) -> str:
    """What the command says of itself, without the frames that a terminal shows."""
    from mobilenet_lib.cli import main

    shown = io.StringIO()
    argv, columns = sys.argv, os.environ.get("COLUMNS")
    sys.argv, os.environ["COLUMNS"] = ["mobilenet", *words, "--help"], "88"
    try:
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            main()
    finally:
        sys.argv = argv
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())
    return "\n".join(BOX.sub(" ", line).rstrip().removeprefix("  ") for line in plain.splitlines())


def subcommands(text: str) -> list[str]:
    """Names that a help's first lines offer."""
    found = re.search(r"\{([a-z0-9,\s-]+)\}\]?\s*$", text.strip().split("\n\n")[0])
    return "".join(found[1].split()).split(",") if found else []


def command_page() -> str:
    """The `mobilenet` command, from its own help."""
    top = help_of()
    lines = ["# The `mobilenet` command", "", "What `--help` says, of each subcommand.", ""]
    lines += ["```text", top.strip(), "```", ""]
    for name in subcommands(top):
        text = help_of(name)
        lines += [f"## `mobilenet {name}`", "", "```text", text.strip(), "```", ""]
        for inner in subcommands(text):
            lines += [f"### `mobilenet {name} {inner}`", "", "```text"]
            lines += [help_of(name, inner).strip(), "```", ""]
    return "\n".join(lines)
