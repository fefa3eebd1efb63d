"""Execute the chapters anew: from the paired text to the notebooks that readers open.

    python chapters/build.py                 all chapters and solutions
    python chapters/build.py 01 solutions/02 those whose path has one of these parts

The text in `text/` is what people edit and review. This script turns it into a notebook, runs every
cell, and keeps the outputs and the widgets' state. What would differ from run to run without
meaning anything (cell ids, widget ids, versions) is made the same each time, so that a diff shows
what changed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

from mobilenet_lib.files import write_atomically

HERE = Path(__file__).resolve().parent
WIDGET_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")  # also in IPY_MODEL_<id>
METADATA = {
    "jupytext": {"formats": "ipynb,text//py:percent"},
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources() -> list[Path]:
    """The paired texts of all chapters and solutions, in reading order."""
    return sorted(HERE.glob("text/*.py")) + sorted(HERE.glob("solutions/text/*.py"))


def notebook_of(text: Path) -> Path:
    """The notebook that belongs to a paired text."""
    return text.parent.parent / f"{text.stem}.ipynb"


def build(text: Path) -> nbformat.NotebookNode:
    """Execute one paired text and return the notebook."""
    notebook = jupytext.read(text)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell, name in zip(notebook.cells, _cell_ids(notebook), strict=True):
        cell.id = name
    folder = notebook_of(text).parent
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    for before, cell in itertools.pairwise(notebook.cells):
        cell.metadata.pop("execution", None)  # when each cell ran
        if "**Predict:**" in before.source and _shows_figure(cell):
            # The reader is to guess first. JupyterLab unfolds the figure when the cell is run; of
            # printed text it would show the first line all the same.
            cell.metadata["jupyter"] = {"outputs_hidden": True}
    notebook.metadata.language_info = METADATA["language_info"]
    return _steady_widget_ids(notebook, text.stem)


def _shows_figure(cell: nbformat.NotebookNode) -> bool:
    outputs = cell.get("outputs", [])
    return bool(outputs) and "text/html" in outputs[0].get("data", {})


def _cell_ids(notebook: nbformat.NotebookNode) -> list[str]:
    """An id for each cell that only its own source decides."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        name = hashlib.sha1(cell.source.encode()).hexdigest()[:10]
        names.append(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


def _steady_widget_ids(notebook: nbformat.NotebookNode, seed: str) -> nbformat.NotebookNode:
    """Number the widgets as a reader meets them, so that their random ids decide nothing."""
    state = notebook.metadata.get("widgets", {}).get(
        "application/vnd.jupyter.widget-state+json", {"state": {}}
    )["state"]
    order: dict[str, str] = {}

    def number(text: str) -> None:
        for found in WIDGET_ID.findall(text):
            if found in state and found not in order:
                order[found] = hashlib.md5(f"{seed} {len(order)}".encode()).hexdigest()
                number(json.dumps(state[found], sort_keys=True))  # next, what it refers to

    def renamed(text: str) -> str:
        return WIDGET_ID.sub(lambda m: order.get(m[0], "" if m[0] in state else m[0]), text)

    number(json.dumps(notebook.cells, sort_keys=True))
    # Links and the like: they refer to others, nothing refers to them.
    loose = {name: json.dumps(model, sort_keys=True) for name, model in state.items()}
    for name in sorted(loose, key=lambda name: renamed(loose[name])):
        number(name)
    return nbformat.reads(renamed(nbformat.writes(notebook)), as_version=4)


def main(wanted: list[str]) -> None:
    """Build the wanted chapters, or all."""
    chosen = [
        text
        for text in sources()
        if not wanted or any(part in text.relative_to(HERE).as_posix() for part in wanted)
    ]
    if not chosen:
        raise SystemExit(f"no chapter has {' or '.join(wanted)} in its path")
    with tempfile.TemporaryDirectory() as folder:
        # Outputs must not depend on what this reader has solved.
        os.environ["MOBILENET_PROGRESS"] = str(Path(folder) / "progress.json")
        for number, text in enumerate(chosen, start=1):
            print(f"{number} of {len(chosen)}: {text.relative_to(HERE)}", flush=True)
            notebook = build(text)
            content = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
            write_atomically(notebook_of(text), content + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
