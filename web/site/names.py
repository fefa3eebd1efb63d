"""Names of the library: the chapter that first uses one, and what a name in a text means.

Which chapter it is, is read off the chapters' imports.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

LIBRARY = "mobilenet_lib"


def names_used(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of what a chapter's code takes from the library."""
    tree = ast.parse(source)
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == LIBRARY:
                    modules[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == LIBRARY:
            for alias in node.names:
                yield node.module or "", alias.name
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = modules.get(node.value.id)
            if owner is not None:
                yield owner, node.attr


def first_uses(texts: list[Path]) -> dict[str, str]:
    """By a name's full path, the notebook that first uses it."""
    uses: dict[str, str] = {}
    for text in texts:
        notebook = jupytext.read(text, fmt="py:percent")
        code = "\n".join(
            line
            for cell in notebook.cells
            if cell.cell_type == "code"
            for line in cell.source.splitlines()
            if not line.lstrip().startswith(("%", "!"))
        )
        for module, name in names_used(code):
            for path in paths(module, name):
                uses.setdefault(path, text.stem)
    return uses


def paths(module: str, name: str) -> Iterator[str]:
    """Where what a chapter calls `module.name` is defined, and where it was found."""
    try:
        owner = importlib.import_module(module)
    except ModuleNotFoundError:  # an attribute of something that is no module
        return
    value = getattr(owner, name, None)
    if value is None or inspect.ismodule(value):
        return
    yield f"{module}.{name}"
    if inspect.isclass(value) or inspect.isfunction(value):
        yield f"{value.__module__}.{value.__qualname__}"


COLON = "\ue000"  # for a colon that napoleon is not to read


def mend(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep stars of patterns, and a colon in one line of words, which no type stands before."""
    for i, line in enumerate(lines):
        if "*" in line and "`" not in line and not line.startswith("    "):
            lines[i] = re.sub(
                r"(?<![\w*])\*+(?=[\w/.])(?!\w+\*)|(?<=/)\*+",
                lambda m: m[0].replace("*", r"\*"),
                line,
            )
    if what in ("attribute", "data", "property") and lines:
        lines[0] = lines[0].replace(":", COLON)


def keep_ours(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what another library put into a class of ours."""
    home = getattr(obj, "__module__", None)
    strange = isinstance(home, str) and home.split(".")[0] in (
        "matplotlib",
        "ipywidgets",
        "anywidget",
    )
    return True if strange else None


def tell(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Add the chapter to a docstring."""
    lines[:] = [line.replace(COLON, ":") for line in lines]
    if stem := app.config.site["taught"].get(name):
        title = app.config.site["pages"][f"chapters/{stem}"]["title"]
        lines += ["", f"Taught in chapter :doc:`{stem[:2]} {title} </chapters/{stem}>`.", ""]


class Meant(SphinxPostTransform):
    """Let a short name mean what it means in its module, or the one thing called so, or nothing.

    Sphinx would take anything that ends so, such as the attribute `bytes` for the type.
    """

    default_priority = 5  # before references are resolved

    def run(self, **_: Any) -> None:
        """Go through the names of one page."""
        known = self.env.get_domain("py").objects  # type: ignore[attr-defined]
        of: dict[str, list[str]] = {}
        for full, entry in known.items():
            if entry.objtype not in ("attribute", "method", "property", "module"):
                of.setdefault(full.rsplit(".", 1)[-1], []).append(full)
        for node in list(self.document.findall(pending_xref)):
            if node.get("refdomain") != "py":
                continue
            target = node["reftarget"].lstrip(".~")
            if target in known:
                continue
            here = f"{node.get('py:module')}.{target}"
            found = of.get(target, [])
            if here in known:
                node["reftarget"] = here
            elif len(found) == 1 and not hasattr(builtins, target):
                node["reftarget"] = found[0]
            elif len(same := of.get(target.rsplit(".", 1)[-1], [])) == 1 and "." in target:
                node["reftarget"] = same[0]  # imported from there
            elif not target.startswith("mobilenet_lib."):
                node.replace_self(node.children)
            node["refspecific"] = False


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("autodoc-skip-member", keep_ours)
    app.connect("autodoc-process-docstring", mend, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", tell, priority=900)  # after napoleon
    app.add_post_transform(Meant)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
