"""What each page's template is told: its description, its notebook, its addresses."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

ALONE = {  # pages that Sphinx makes by itself
    "genindex": "Every public name of the library mobilenet_lib, from A to Z.",
    "py-modindex": "The modules of the library mobilenet_lib, with what each is for.",
    "search": "Search the chapters, solutions and reference of the book, in this browser.",
}


def slug(title: str) -> str:
    """The anchor of a heading as JupyterLab makes it, so that one link holds in both."""
    return title.replace(" ", "-")


def tell(app: Sphinx, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Add what the book knows of a page."""
    site = app.config.site
    known = site["pages"].get(name, {})
    context["site"] = site
    context["page"] = known
    context["description"] = known.get("description") or site["description"]
    if name in ALONE:
        context["description"] = ALONE[name]
    context["page_address"] = f"{site['address']}{name}.html" if site["address"] else ""
    if name == app.config.root_doc and site["address"]:
        context["page_address"] = site["address"]


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_config_value("site", {}, "html", dict)
    app.connect("html-page-context", tell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
