"""An explorer on a page of its own, with a stand-in for the widget model.

JupyterLab's part (messages to Python) is tested in test_lab_live.py; this page tests what the
explorer itself does, and lets the benchmark measure it without anything around it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import anywidget

from mobilenet_lib.explorers.explorer import Explorer

# After a page of the library's own: its explorer by name, and once more what its bundle exports.
WITHIN = """<script type="module">
const here = document.querySelector("[data-explorer]");
const code = URL.createObjectURL(new Blob([%(js)s], { type: "text/javascript" }));
const explorer = await import(code); // it fills no element twice
Object.assign(window, { here, explorer, model: here.explorer.model, remove: here.explorer.close });
</script></body>"""

# The stand-in keeps the model's contract: get, set (which tells listeners of real changes only),
# save_changes, on, off, send (kept in `sent`). Binary traits arrive as a DataView, as anywidget
# delivers them.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>explorer</title><style>body { margin: 8px; } %(css)s</style>
<div id="here"></div>
<script type="module">
const state = %(state)s, bytes = %(bytes)s, listeners = {}, sent = [];
for (const [name, text] of Object.entries(bytes)) {
  const padded = Uint8Array.from("xx" + atob(text), (c) => c.charCodeAt(0));
  state[name] = new DataView(padded.buffer, 2, padded.length - 2);
}
const model = {
  get: (name) => state[name],
  set(name, value) {
    if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
    state[name] = value;
    for (const listener of listeners["change:" + name] ?? []) listener();
  },
  save_changes() {},
  send: (content, callbacks, buffers) => sent.push({ content, bytes: new Uint8Array(buffers[0]) }),
  on: (event, listener) => (listeners[event] ??= []).push(listener),
  off: (event, listener) =>
    (listeners[event] = (listeners[event] ?? []).filter((known) => known !== listener)),
};
const code = URL.createObjectURL(new Blob([%(js)s], { type: "text/javascript" }));
const explorer = await import(code);
Object.assign(window, { model, explorer, listeners, sent });
window.remove = explorer.default.render({ model, el: document.getElementById("here") });
</script></html>"""


def write_page(widget: anywidget.AnyWidget, folder: Path) -> str:
    """Write a page that shows `widget` in its current state; return its file address."""
    path = folder / "explorer.html"
    if isinstance(widget, Explorer):
        code = json.dumps(str(widget._esm)).replace("</", "<\\/")
        path.write_text(widget.page().replace("</body>", WITHIN % {"js": code}), encoding="utf-8")
        return path.as_uri()
    own = {name: trait for name, trait in widget.traits(sync=True).items() if name[0] != "_"}
    skip = {"comm", "keys", "layout", "log", "tabbable", "tooltip"}
    values = {name: getattr(widget, name) for name in own if name not in skip}
    raw = {name: value for name, value in values.items() if isinstance(value, bytes)}
    page = PAGE % {
        "css": str(widget._css),
        "js": json.dumps(str(widget._esm)).replace("</", "<\\/"),
        "state": json.dumps({name: v for name, v in values.items() if name not in raw}),
        "bytes": json.dumps({n: base64.b64encode(v).decode() for n, v in raw.items()}),
    }
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


def frames(page: Any, many: int = 3) -> None:
    """Wait until the page has drawn what it was told."""
    page.evaluate(
        "async (n) => { for (; n > 0; n--) await new Promise(requestAnimationFrame); }", many
    )


def put(page: Any, **state: Any) -> None:
    """Give the explorer's model these values, as one message from Python does."""
    page.evaluate(
        "(s) => { for (const [name, value] of Object.entries(s)) model.set(name, value); }", state
    )
    frames(page)


def second_view(page: Any) -> None:
    """Show the page's explorer once more, below the first."""
    page.evaluate(
        """() => {
            const el = document.body.appendChild(document.createElement("div"));
            window.removeSecond = explorer.default.render({ model, el });
        }"""
    )
