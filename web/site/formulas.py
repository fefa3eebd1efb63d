r"""Sphinx sets mathematics with KaTeX while it builds: pages show and speak it without scripts.

An equation that ends with `\qquad (3)` in the text has the book's number 3: it is an anchor, and
"Eq. 3" in any text links to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from docutils import nodes
from katex import KatexError, set_formulas
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

NUMBER = re.compile(r"\\qquad\s*\((\d+)\)\s*$")
MENTION = re.compile(r"(?:Eqs?\.|Equations?)\s\d(?:(?:,| to|,? and) \d)*(?!\d)")
UNTOUCHED = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.math)

logger = logging.getLogger(__name__)
Formula = tuple[str, bool]  # TeX without its number, and whether it is displayed


def formula(node: nodes.Element) -> Formula:
    """What of a node KaTeX sets."""
    tex = NUMBER.sub("", node.astext().strip()).strip()
    return tex, isinstance(node, nodes.math_block)


def set_all(app: Sphinx, env: Any) -> None:
    """Set every formula of the site at once."""
    found: dict[Formula, str] = {}
    for name in env.found_docs:
        for node in env.get_doctree(name).findall(
            lambda n: isinstance(n, nodes.math | nodes.math_block)
        ):
            found.setdefault(formula(node), name)
    try:
        answers = set_formulas(found)
    except KatexError as error:
        raise ExtensionError(str(error)) from error
    app.formulas = {}  # type: ignore[attr-defined]
    for (each, name), answer in zip(found.items(), answers, strict=True):
        if "error" in answer:
            logger.warning("$%s$ is no formula: %s", each[0], answer["error"], location=name)
        app.formulas[each] = answer.get("html", escape(each[0]))  # type: ignore[attr-defined]


def inline(self: Any, node: nodes.Element) -> None:
    """Write a formula in a line."""
    self.body.append(self.builder.app.formulas[formula(node)])
    raise nodes.SkipNode


def displayed(self: Any, node: nodes.Element) -> None:
    """Write a formula on a line of its own, with its number."""
    html = self.builder.app.formulas[formula(node)]
    if number := NUMBER.search(node.astext().strip()):
        n = number[1]
        html = (
            f'<div class="equation" id="eq-{n}">{html}'
            f'<a class="number" href="#eq-{n}" aria-label="Equation {n}">({n})</a></div>'
        )
    else:
        html = f'<div class="equation">{html}</div>'
    self.body.append(html + "\n")
    raise nodes.SkipNode


def link_mentions(app: Sphinx, tree: nodes.document, name: str) -> None:
    """Link "Eq. 3" to where the book has its third equation."""
    homes: dict[str, str] = app.config.equation_homes

    def to(number: str, words: str) -> nodes.Node:
        if number not in homes:
            return nodes.Text(words)
        page = "" if homes[number] == name else app.builder.get_relative_uri(name, homes[number])
        address = f"{page}#eq-{number}"
        return nodes.reference("", words, refuri=address, internal=True)

    for text in list(tree.findall(nodes.Text)):
        words = text.astext()
        if not MENTION.search(words) or any(isinstance(a, UNTOUCHED) for a in ancestors(text)):
            continue
        parts: list[nodes.Node] = []
        end = 0
        for found in MENTION.finditer(words):
            parts.append(nodes.Text(words[end : found.start()]))
            name_of, *others = re.split(r"(?<=\d)|(?=\b\d)", found[0].replace(" ", "\u00a0", 1))
            first, *rest = [each for each in others if each]
            parts.append(to(first, name_of + first))
            parts += [to(each, each) for each in rest]
            end = found.end()
        text.parent.replace(text, [*parts, nodes.Text(words[end:])])


def ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    """What a node stands in, from the inside out."""
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_config_value("equation_homes", {}, "env", dict)
    app.connect("env-updated", set_all)
    app.connect("doctree-resolved", link_mentions)
    app.add_html_math_renderer("katex", (inline, None), (displayed, None))
    return {"parallel_read_safe": False, "parallel_write_safe": False}
