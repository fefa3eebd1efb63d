"""Explorers on the site: each bundle once, as a classic script, which loads from a file too.

Their state and their large data are scripts as well: a page that was opened from a folder may not
fetch anything else. Large data are characters that are two bytes in a file of UTF-16, 15 bits each:
what is 100 bytes takes 107 so, and 133 in base64.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

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
        self.assets: dict[str, dict[str, bytes]] = {}
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
        if needs_assets(explorer) and not values.get("described"):  # whose network is its state
            files["assets"] = self.assets_of(explorer)
            size = (self.folder / files["assets"]).stat().st_size
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

    def write(self, file: str, text: Callable[[], str], encoding: str = "utf-8") -> None:
        """Write a script, unless it is there; remember what it holds as its version."""
        if file in self.versions:
            return
        content = text()
        (self.folder / file).write_text(content, encoding=encoding)
        self.versions[file] = hashlib.sha256(content.encode()).hexdigest()[:8]

    def assets_of(self, explorer: Any) -> str:
        """The file with the large data of an explorer's class; two with the same data share it."""
        file = f"{explorer.definition.name}-assets.js"
        if file not in self.assets:
            found = explorer().assets()
            file = next((each for each, data in self.assets.items() if data == found), file)
            self.assets[file] = found
            self.write(file, lambda: assigned(Path(file).stem, packed(found)), "utf-16")
        return file


def needs_assets(explorer: Any) -> bool:
    """Whether a class has large data of its own."""
    return "assets" in vars(explorer)


def packed(files: dict[str, bytes]) -> dict[str, Any]:
    """Bytes as text, 15 bits a character, from U+0100: no quotes, line ends or halves of pairs."""
    texts = {}
    for name, data in files.items():
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        rows = np.pad(bits, (0, -len(bits) % 15)).reshape(-1, 15)
        numbers = np.packbits(np.pad(rows, ((0, 0), (1, 0))), axis=1).view(">u2")
        text = (numbers + np.uint16(0x100)).astype("<u2").tobytes().decode("utf-16-le")
        texts[name] = {"size": len(data), "text": text}
    return texts


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
