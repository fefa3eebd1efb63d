"""The modules of `web/engine` inside one page, as a bundle has them: no address is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path

ENGINE = Path(__file__).resolve().parent.parent.parent / "web" / "engine"
IMPORT = re.compile(r'from "\./(\w+)\.js"')


def in_order(name: str, known: dict[str, str]) -> dict[str, str]:
    """Sources of a module and of all that it imports, what is imported first."""
    source = (ENGINE / f"{name}.js").read_text("utf-8")
    for other in IMPORT.findall(source):
        if other not in known:
            in_order(other, known)
    known[name] = source
    return known


def page_with(*names: str) -> str:
    """A page that makes each module a Blob, as anywidget makes its own, and shows their names."""
    sources: dict[str, str] = {}
    for name in names:
        if name not in sources:
            in_order(name, sources)
    told = json.dumps(list(sources.items())).replace("</", "<\\/")
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>engine</title>
<script type="module">
const urls = {{}};
for (const [name, source] of {told}) {{
  const code = source.replace(/from "\\.\\/(\\w+)\\.js"/g, (_, other) => `from "${{urls[other]}}"`);
  urls[name] = URL.createObjectURL(new Blob([code], {{ type: "text/javascript" }}));
}}
const parts = await Promise.all({json.dumps(names)}.map((name) => import(urls[name])));
Object.assign(window, ...parts, {{ ready: true }});
</script></html>"""
