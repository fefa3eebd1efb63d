"""Execute the chapters anew: from their text to the notebooks that readers open.

    python chapters/build.py                 all chapters and solutions
    python chapters/build.py 01 solutions/02 those whose path has one of these parts
    python chapters/build.py --prose 01      new prose and cell metadata, and new exercises only

The text in `text/` is what people edit and review. This script turns it into a notebook, runs every
cell, and keeps the outputs and the widgets' state. Notebooks are stored as JupyterLab saves them,
and what would differ from run to run without meaning anything (ids, counts, versions) is the same
each time. So git shows what changed, and merges a correction into a notebook with answers.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import texts
from nbclient import NotebookClient

from mobilenet_lib.checks import expect, quiz
from mobilenet_lib.checks.prompts import CALL, FOLDED, prediction
from mobilenet_lib.files import write_atomically

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
FOLDED_HTML = "<!-- run the cell to see it -->\n"
WIDGET_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")  # also in IPY_MODEL_<id>


# --- Executing -----------------------------------------------------------------------------------


def build(text: Path) -> nbformat.NotebookNode:
    """Execute one text and return the notebook."""
    target = texts.notebook_of(text)
    notebook = texts.read(text)
    for cell, name in zip(notebook.cells, _cell_ids(notebook, _last_built(target)), strict=True):
        cell.id = name
    resources = {"metadata": {"path": target.parent}}
    # What one cell prints is one output, whatever pieces it arrived in.
    options = {"timeout": 600, "coalesce_streams": True}
    NotebookClient(notebook, resources=resources, **options).execute()
    return _as_published(notebook, text.stem)


def with_new_prose(text: Path) -> nbformat.NotebookNode:
    """The notebook as it was executed, with the text's prose and metadata of cells as they are now.

    Raises
    ------
    SystemExit
        Where code differs, whose outputs would then not be its own.
    """
    target = texts.notebook_of(text)
    try:
        built = nbformat.read(target, as_version=4)
    except FileNotFoundError:
        raise SystemExit(f"{target.name} has never been built: build it without --prose") from None
    notebook = texts.read(text)
    ours, theirs = (
        [c for c in made.cells if c.cell_type == "code" and not (texts.is_exercise(c) or _card(c))]
        for made in (notebook, built)
    )
    for number, (new, old) in enumerate(itertools.zip_longest(ours, theirs), start=1):
        if new is None or old is None or new.source != old.source:
            line = next(c for c in (new, old) if c is not None).source.partition("\n")[0]
            raise SystemExit(
                f"{text.name}: code cell {number} ({line}) is not the notebook's, so it must be "
                f"executed: build it without --prose"
            )
        new.outputs = old.outputs
    _run_exercises(notebook, {c.source: c.outputs for c in built.cells if texts.is_exercise(c)})
    for cell in notebook.cells:
        if card := _card(cell):
            cell.outputs = [nbformat.v4.new_output("execute_result", card)]
    for cell, name in zip(notebook.cells, _cell_ids(notebook, built.cells), strict=True):
        cell.id = name
    notebook.metadata = built.metadata
    return _as_published(notebook, text.stem)


def _card(cell: nbformat.NotebookNode) -> dict[str, Any]:
    """What a cell shows that asks a question, which waits for nothing; else nothing."""
    asks = CALL.search(cell.source) if cell.cell_type == "code" else None
    ask = {"expect": expect, "quiz": quiz}.get(asks[1]) if asks else None
    return ask(asks[2])._repr_mimebundle_()[0] if asks and ask else {}


def _run_exercises(notebook: nbformat.NotebookNode, known: dict[str, Any]) -> None:
    """Give exercises their outputs, those that are known and those of new ones."""
    exercises = [cell for cell in notebook.cells if texts.is_exercise(cell)]
    new = [cell for cell in exercises if cell.source not in known]
    for cell in exercises:
        cell.outputs = known.get(cell.source, [])
    if new:
        NotebookClient(nbformat.v4.new_notebook(cells=new), timeout=600).execute()


def _as_published(notebook: nbformat.NotebookNode, seed: str) -> nbformat.NotebookNode:
    """An executed notebook without what only this run of it decided."""
    notebook.metadata = nbformat.from_dict(
        texts.METADATA
        | {name: kept for name, kept in notebook.metadata.items() if name == "widgets"}
    )
    folds = 0
    for before, cell in itertools.pairwise([nbformat.v4.new_markdown_cell(), *notebook.cells]):
        cell.metadata.pop("lines_to_next_cell", None)  # of the text
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)  # when the cell ran
        # A reader's own counts then meet no others in a merge, and tell what was run here.
        for counted in (cell, *(o for o in cell.outputs if o.output_type == "execute_result")):
            counted.execution_count = None
        for name in ("collapsed", "jupyter"):
            cell.metadata.pop(name, None)
        if asks := CALL.search(cell.source):
            folds = prediction(asks[2]).folds if asks[1] == "expect" else folds
            for output in cell.outputs:  # a card that waits for no session would forget its answer
                output.get("data", {}).pop(VIEW, None)
        elif folds or ("**Predict:**" in before.source and _shows_figure(cell)):
            # The reader is to guess first. JupyterLab unfolds a result when its cell is run.
            cell.metadata |= {"collapsed": True, "jupyter": {"outputs_hidden": True}}
            _begin_folded(cell, folds > 0)
            folds = max(folds - 1, 0)
        else:
            _begin_folded(cell, False)
    return _whole_numbers(_steady_widget_ids(_without_cards(notebook), seed))


def _begin_folded(cell: nbformat.NotebookNode, folded: bool) -> None:
    """Begin a result with a line that tells nothing: JupyterLab shows the first of a folded one."""
    for place, output in enumerate(cell.outputs):
        held = output.get("data", output)
        kind = next((k for k in ("text/html", "text/plain", "text") if k in held), None)
        if kind is None or VIEW in held or held[kind].startswith("<!-- a figure"):
            continue
        line = FOLDED_HTML if kind == "text/html" else FOLDED
        text = held[kind].removeprefix(line)
        held[kind] = line + text if folded and place == 0 else text


def _without_cards(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook that keeps no widgets which ask: they come with their cells, and their code."""
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for name, model in list(models.items()):
        if model["state"].get("_anywidget_id", "").endswith(".Card"):
            del models[name], models[model["state"]["layout"].removeprefix("IPY_MODEL_")]
    if not models:
        notebook.metadata.pop("widgets", None)
    return notebook


def _shows_figure(cell: nbformat.NotebookNode) -> bool:
    outputs = cell.get("outputs", [])
    return bool(outputs) and "text/html" in outputs[0].get("data", {})


def _last_built(path: Path) -> list[nbformat.NotebookNode]:
    """The cells of the notebook as it stands; none if it is not there or cannot be read."""
    try:
        return nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, nbformat.ValidationError):  # such as a merge left half done
        return []


def _cell_ids(
    notebook: nbformat.NotebookNode, last_built: Sequence[nbformat.NotebookNode] = ()
) -> list[str]:
    """An id for each cell: the one it had, even if its source was edited, or one from its source.

    An id that changed with the source would be one more line for a merge to stumble over.
    """
    then, now = ([(c.cell_type, c.source) for c in cells] for cells in (last_built, notebook.cells))
    names: dict[int, str] = {}
    matcher = difflib.SequenceMatcher(None, then, now, autojunk=False)
    for _, old, old_end, new, new_end in matcher.get_opcodes():
        for i, j in zip(range(old, old_end), range(new, new_end), strict=False):
            if then[i][0] == now[j][0]:
                names[j] = last_built[i].id
    for j, (_, source) in enumerate(now):
        if j not in names:
            made = hashlib.sha1(source.encode()).hexdigest()[:10]
            choice = itertools.chain([made], (f"{made}-{n}" for n in itertools.count(1)))
            names[j] = next(name for name in choice if name not in names.values())
    return [names[j] for j in range(len(now))]


def _steady_widget_ids(notebook: nbformat.NotebookNode, seed: str) -> nbformat.NotebookNode:
    """Number the widgets of each cell as a reader meets them: their ids are random at first."""
    state = notebook.metadata.get("widgets", {}).get(STATE, {"state": {}})["state"]
    order: dict[str, str] = {}
    met: Counter[str] = Counter()

    def number(text: str, cell: str) -> None:
        for found in WIDGET_ID.findall(text):
            if found in state and found not in order:
                order[found] = hashlib.md5(f"{seed} {cell} {met[cell]}".encode()).hexdigest()
                met[cell] += 1
                number(json.dumps(state[found], sort_keys=True), cell)  # next, what it refers to

    def renamed(text: str) -> str:
        return WIDGET_ID.sub(lambda m: order.get(m[0], "" if m[0] in state else m[0]), text)

    for cell in notebook.cells:
        number(json.dumps(cell, sort_keys=True), cell.id)
    # Links and the like: they refer to others, nothing refers to them.
    loose = {name: json.dumps(model, sort_keys=True) for name, model in state.items()}
    for name in sorted(loose, key=lambda name: renamed(loose[name])):
        number(name, "no cell")
    return nbformat.reads(renamed(nbformat.writes(notebook)), as_version=4)


def _whole_numbers(value: Any) -> Any:
    """1.0 as 1 wherever it stands: JavaScript, in which JupyterLab saves, knows no difference."""
    if isinstance(value, dict):
        return nbformat.from_dict({key: _whole_numbers(held) for key, held in value.items()})
    if isinstance(value, list):
        return [_whole_numbers(held) for held in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e21
    return int(value) if whole else value


def main(wanted: list[str]) -> None:
    """Build the wanted chapters, or all; after `--prose` without executing them."""
    make = with_new_prose if "--prose" in wanted else build
    wanted = [part for part in wanted if part != "--prose"]
    chosen = [
        text
        for text in texts.sources()
        if not wanted or any(part in text.relative_to(texts.HERE).as_posix() for part in wanted)
    ]
    if not chosen:
        raise SystemExit(f"no chapter has {' or '.join(wanted)} in its path")
    with tempfile.TemporaryDirectory() as folder:
        # Outputs must not depend on what this reader has solved.
        os.environ["MOBILENET_PROGRESS"] = str(Path(folder) / "progress.json")
        for number, text in enumerate(chosen, start=1):
            print(f"{number} of {len(chosen)}: {text.relative_to(texts.HERE)}", flush=True)
            write_atomically(texts.notebook_of(text), nbformat.writes(make(text)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
