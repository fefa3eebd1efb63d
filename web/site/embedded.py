"""Explorers on the site: each bundle once, as a classic script, which loads from a file too.

Their state and their large data are scripts as well: a page that was opened from a folder may not
fetch anything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
NOT_OF_THE_FIGURE = {"layout", "tabbable", "tooltip"}
BY_ITSELF = 3_000_000
"""Bytes of large data above which an explorer waits for the reader's click."""


class Explorers:
    """Writes what the explorers of a site load, and hands out their places."""

    def __init__(self, root: Path, extra: Path) -> None:
        self.root, self.folder = root, extra / "explorers"
        self.folder.mkdir(parents=True)
        self.versions: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.placed: dict[tuple[str, str], int] = {}

    def place(self, key: str, widget: dict[str, Any], still: str, up: str, alt: str) -> str:
        """The place of a widget that a notebook has saved.

        Parameters
        ----------
        key
            A name for it that no other has, such as "03-2".
        widget
            Its saved model, from the notebook's metadata.
        still
            HTML of its picture, for where it does not run; "" if it has none.
        up
            The way from the page to the site's first folder, such as "../".
        alt
            What it shows, in words.
        """
        values = {
            name: value
            for name, value in widget["state"].items()
            if name[0] != "_" and name not in NOT_OF_THE_FIGURE
        }
        for buffer in widget.get("buffers", []):
            (name,) = buffer["path"]
            values[name] = {"$bytes": buffer["data"]}
        module, _, class_name = widget["state"]["_anywidget_id"].rpartition(".")
        explorer = getattr(import_module(module), class_name)
        return self.place_of(key, explorer, values, still, up, alt)

    def place_of(
        self, key: str, explorer: Any, values: dict[str, Any], still: str, up: str, alt: str
    ) -> str:
        """The place of an explorer's class with these values."""
        name, title = explorer.definition.name, explorer.definition.title
        files = {"bundle": f"{name}.js", "state": f"{key}.js"}
        self.write(f"{key}.js", lambda: assigned(key, values))
        self.write(f"{name}.js", lambda: classic(self.root, name))
        size = 0
        if not values.get("described"):  # another network than the book's: its data are its state
            size = self.assets(name, explorer)
        if size:
            files["assets"] = f"{name}-assets.js"
        page = key.split("-")[0]
        many = self.placed[page, name] = self.placed.get((page, name), 0) + 1
        attributes = {
            "id": f"explorer-{key}",
            "data-name": name,
            "data-key": key,
            "data-explorer-id": name if many == 1 else f"{name}-{many}",
            **{f"data-{k}": f"{up}explorers/{f}?v={self.versions[f]}" for k, f in files.items()},
        }
        if size > BY_ITSELF:
            attributes["data-wait"] = f"{size / 1e6:.0f} MB"
        written = " ".join(f'{k}="{escape(v)}"' for k, v in attributes.items())
        words = still or f"<p>{escape(alt or title)}</p>"
        return (
            f'<div class="explorer" {written}>{words}'
            f"<noscript><p>{escape(title)}: with JavaScript, this figure can be moved.</p>"
            "</noscript></div>"
        )

    def write(self, file: str, text: Callable[[], str]) -> None:
        """Write a script, unless it is there; remember what it holds as its version."""
        if file in self.versions:
            return
        content = text()
        (self.folder / file).write_text(content, encoding="utf-8")
        self.versions[file] = hashlib.sha256(content.encode()).hexdigest()[:8]

    def assets(self, name: str, explorer: Any) -> int:
        """Write the large data of an explorer's class; how many bytes they are, 0 if none."""
        if name not in self.sizes:
            found = explorer().assets() if needs_assets(explorer) else {}
            texts = {key: base64.b64encode(data).decode("ascii") for key, data in found.items()}
            if texts:
                self.write(f"{name}-assets.js", lambda: assigned(f"assets-{name}", texts))
            self.sizes[name] = sum(map(len, texts.values()))
        return self.sizes[name]


def needs_assets(explorer: Any) -> bool:
    """Whether a class has large data of its own."""
    return "assets" in vars(explorer)


def assigned(key: str, value: Any) -> str:
    """A script that puts a value where site.js finds it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"(globalThis.mobilenetBook??={{}})[{json.dumps(key)}]={text};\n"


def classic(root: Path, name: str) -> str:
    """A bundle as a script that is no module."""
    bundle = root / "mobilenet_lib/explorers/bundles" / f"{name}.js"
    command = [root / "web/node_modules/.bin/esbuild", "--format=iife", "--minify"]
    options = ["--global-name=explorer", "--charset=utf8", "--log-level=warning"]
    done = subprocess.run(
        [*command, *options], input=bundle.read_bytes(), capture_output=True, check=True
    )
    code = done.stdout.decode()
    kept = f"(globalThis.mobilenetBook??={{}})[{json.dumps(name)}]=explorer.default;"
    return f"(()=>{{{code}{kept}}})();\n"
