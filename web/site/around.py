"""What stands around the pages: card, feed, sitemap, robots, and the page for what is not there."""

from __future__ import annotations

import re
import shutil
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from mobilenet_lib import mobilenet_v1
from mobilenet_lib.plots.figure import COLOURS, new_figure

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>{title}: changes</title>
<id>{id}</id>
<updated>{updated}</updated>
<author><name>{author}</name></author>
<link rel="self" type="application/atom+xml" href="{address}feed.xml"/>
<link rel="alternate" type="text/html" href="{address}changelog.html"/>
{entries}
</feed>
"""
ENTRY = """<entry>
<title>{title}</title>
<id>{id}</id>
<updated>{updated}</updated>
<link rel="alternate" type="text/html" href="{address}changelog.html#{anchor}"/>
<content type="html">{content}</content>
</entry>"""


def feed(changelog: str, site: dict[str, Any]) -> str:
    """The changelog as an Atom feed, an entry for each version."""
    parts = re.split(r"^## (.+)$", changelog, flags=re.M)[1:]
    base = site["address"] or "urn:mobilenet-book:"
    entries = []
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        entries.append(
            ENTRY.format(
                title=escape(title),
                id=escape(f"{base}changelog/{anchor}"),
                updated=site["changed"],
                address=escape(site["address"]),
                anchor=anchor,
                content=escape(MarkdownIt().render(text)),
            )
        )
    return ATOM.format(
        title=escape(site["title"]),
        id=escape(f"{base}changelog"),
        updated=site["changed"],
        author=escape(site["title"]),
        address=escape(site["address"]),
        entries="\n".join(entries),
    )


def sitemap(pages: list[str], address: str) -> str:
    """All pages by their absolute addresses, as the format demands."""
    lines = [f"<url><loc>{escape(address + page)}</loc></url>" for page in pages]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *lines,
            "</urlset>\n",
        ]
    )


def robots(address: str) -> str:
    """Everyone may read everything."""
    return "User-agent: *\nAllow: /\n" + (f"Sitemap: {address}sitemap.xml\n" if address else "")


def missing(site: dict[str, Any]) -> str:
    """The page for an address that does not exist: it may be shown at any depth, so it is alone."""
    home = site["address"] or "index.html"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="description" content="This page does not exist; the first page lists all that do.">
<title>No such page – {escape(site["title"])}</title>
<style>
body {{ max-width: 36rem; margin: 15vh auto; padding: 0 1rem; background: #fff; color: #1a1a1a;
  font: 1.1rem/1.6 system-ui, sans-serif; }}
a {{ color: #0a50a1; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #131416; color: #ececec; }}
  a {{ color: #8db4ff; }}
}}
</style>
</head>
<body>
<main>
<h1>No such page</h1>
<p>The kernel has slid off the edge of the map: there is nothing at this address.</p>
<p><a href="{escape(home)}">To the book's first page</a></p>
</main>
</body>
</html>
"""


def card(title: str) -> bytes:
    """The picture that other sites show beside a link: the network's 28 layers by their work."""
    arch = mobilenet_v1()
    with new_figure(12, 6.3) as (figure, (axis,)):
        for x, layer in enumerate(arch.layers):
            axis.bar(x, layer.mult_adds / 1e6, 0.8, color=COLOURS[str(layer.kind)])
        axis.set_xlim(-0.8, len(arch.layers) - 0.2)
        axis.set_yticks([])
        axis.set_xticks([])
        axis.spines[:].set_visible(False)
        figure.text(0.06, 0.83, title, fontsize=38, fontweight="bold", color=COLOURS["ink"])
        words = (
            f"{len(arch.layers)} layers, {arch.mult_adds / 1e6:.0f} million mult-adds, explained"
        )
        figure.text(0.06, 0.73, words, fontsize=22, color=COLOURS["quiet"])
        figure.subplots_adjust(0.06, 0.08, 0.94, 0.66)
    return figure.png(dpi=100)


def write(out: Path, site: dict[str, Any], changelog: str, pages: list[str]) -> None:
    """Write all of it into the site's folder."""
    (out / "feed.xml").write_text(feed(changelog, site), encoding="utf-8")
    (out / "robots.txt").write_text(robots(site["address"]), encoding="utf-8")
    (out / "404.html").write_text(missing(site), encoding="utf-8")
    (out / "card.png").write_bytes(card(site["title"]))
    if site["address"]:
        (out / "sitemap.xml").write_text(sitemap(pages, site["address"]), encoding="utf-8")


def copy_decks(decks: Path, out: Path) -> None:
    """Copy the decks into the site; a picture that a chapter's page has too is shown from there."""
    folder = Path(shutil.copytree(decks, out / "slides"))
    there = {file.read_bytes(): file for file in sorted(out.glob("chapters/figures/*.png"))}
    for deck in folder.glob("[0-9][0-9].html"):
        text = deck.read_text(encoding="utf-8")
        for picture in (folder / deck.stem).glob("*.png"):
            if (same := there.get(picture.read_bytes())) is None:
                continue
            path = f"{deck.stem}/{picture.name}"
            text = text.replace(f'"{path}"', f'"../{same.relative_to(out).as_posix()}"')
            picture.unlink()
        deck.write_text(text, encoding="utf-8")
