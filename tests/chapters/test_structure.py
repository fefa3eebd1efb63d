"""The chapters keep the book's rules: short cells, more prose than code, text and notebook agree.

The rules are those of d2l.ai and fastbook, measured: median cell of at most 6 lines, none over 25,
at least 5 words of prose for a line of code.
"""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import nbformat
import pytest
from scripts import script

from mobilenet_lib import explorers
from mobilenet_lib.checks.prompts import CALL, FOLDED, prediction

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "chapters" / "solutions").glob("*.ipynb"))
MEDIAN_LINES, LONGEST, WORDS_A_LINE = 6, 25, 5
UNCOMPARED = "nbval-ignore-output"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MEASURED = "measured"  # compared, but for its numbers; see chapters/conftest.py
ESCAPES = {UNCOMPARED, "nbval-skip", "nbval-raises-exception", "raises-exception"}
# Of the cells that show something. What escapes is words that differ between machines: the report
# about this one, what binds its layers, which kernels were the fastest, letters that were misread.
UNCOMPARED_ONE_IN = 6


def name(path):
    return path.relative_to(ROOT / "chapters").with_suffix("").as_posix()


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def prose(notebook):
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


chapter = pytest.mark.parametrize("path", CHAPTERS, ids=name)
every = pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS, ids=name)


def test_the_chapters_are_there():
    numbers = [path.stem[:2] for path in CHAPTERS]
    assert numbers == ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]
    with_exercises = [p.stem[:2] for p in CHAPTERS if "check(" in p.read_text(encoding="utf-8")]
    assert [path.stem for path in SOLUTIONS] == [f"{n}_solutions" for n in with_exercises]


@every
def test_cells_are_short(path):
    lengths = [len(lines_of(cell)) for cell in code_cells(read(path))]
    assert median(lengths) <= MEDIAN_LINES
    assert max(lengths) <= LONGEST


@chapter
def test_more_prose_than_code(path):
    notebook = read(path)
    code = sum(len(lines_of(cell)) for cell in code_cells(notebook))
    words = len(re.findall(r"\w+", re.sub(r"\$[^$]*\$|<[^>]*>|\]\([^)]*\)", " ", prose(notebook))))
    assert words >= WORDS_A_LINE * code


@chapter
def test_every_chapter_has_its_parts(path):
    text = prose(read(path))
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.M)) == 1
    kind = "appendix" if text.startswith("# Appendix") else "chapter"
    for part in (f"**In this {kind} you will**", "## Summary", "## Sources", "**Predict:**"):
        assert part in text, f"{path.name} has no {part}"


def test_every_question_of_the_appendix_has_a_thread_and_a_cell_that_is_compared():
    (path,) = ROOT.glob("chapters/10_*.ipynb")
    cells = read(path).cells
    asked = 0
    for before, cell in itertools.pairwise(cells):
        *_, question = re.split(r"^### ", before.source, flags=re.M)
        if before.cell_type == "markdown" and question != before.source:
            asked += 1
            assert re.search(r"\]\(https://\S+\)", question), f"where was this asked?\n{question}"
            assert "\n**Predict:**" in question
            assert cell.cell_type == "code", question
            assert UNCOMPARED not in cell.metadata.get("tags", [])
            assert [output.output_type for output in cell.outputs] == ["stream"], cell.source
    assert asked == len(re.findall(r"^### ", prose(read(path)), re.M)) >= 20


@chapter
def test_prose_stands_between_any_two_long_cells(path):
    cells = read(path).cells
    for before, after in itertools.pairwise(cells):
        asks = before.cell_type == "code" and CALL.search(before.source)  # it has its own words
        assert asks or "markdown" in (before.cell_type, after.cell_type), (
            f"two code cells in a row:\n{before.source}\n---\n{after.source}"
        )


@chapter
def test_what_a_reader_is_to_predict_is_folded(path):
    """And nothing else; JupyterLab shows a folded result's first line, which must tell nothing."""
    folds = 0
    for before, cell in itertools.pairwise(read(path).cells):
        if cell.cell_type != "code":
            continue
        if asks := CALL.search(cell.source):
            folds = prediction(asks[2]).folds if asks[1] == "expect" else 0
            continue
        folded = cell.metadata.get("jupyter", {}).get("outputs_hidden", False)
        first = cell.outputs[0].get("data", cell.outputs[0]) if cell.outputs else {}
        figure = "**Predict:**" in before.source and "text/html" in first  # in the appendix
        assert folded == (folds > 0 or figure), cell.source
        shown = first.get("text/html") or first.get("text/plain") or first.get("text", "")
        says_nothing = ("<!-- a figure: run the cell", "<!-- run the cell to see it -->\n", FOLDED)
        if folded and WIDGET_VIEW not in first:
            assert shown.startswith(says_nothing), cell.source
        elif not folded:
            assert not shown.startswith(says_nothing[1:]), cell.source
        folds = max(folds - 1, 0)


@chapter
def test_cards_are_not_saved(path):
    """They would stand there without a session, and forget what they are told."""
    text = path.read_text("utf-8")
    assert '"mobilenet_lib.checks.card.Card"' not in text
    for cell in code_cells(read(path)):
        if CALL.search(cell.source):
            assert [WIDGET_VIEW in output.data for output in cell.outputs] == [False], cell.source


@every
def test_outputs_are_committed_and_without_errors(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            assert output.output_type != "error", f"error in:\n{cell.source}"
            assert output.get("name") != "stderr", f"warning in:\n{cell.source}\n{output.text}"


@every
def test_text_and_notebook_agree(path):
    text = path.parent / "text" / f"{path.stem}.py"
    notebook, paired = read(path), script("chapters/texts.py").read(text)

    def essence(book):
        return [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in book.cells]

    assert essence(notebook) == essence(paired), (
        f"{path.name} and {text.name} differ; run `make chapters ARGS={path.stem[:2]}`"
    )


@pytest.fixture(scope="module")
def language_info():
    """What this environment's kernel says; asked elsewhere, since ipykernel takes comms over."""
    said = "from ipykernel.ipkernel import IPythonKernel as K; print(json.dumps(K.language_info))"
    return json.loads(subprocess.check_output([sys.executable, "-c", f"import json; {said}"]))


@every
def test_the_notebook_is_stored_as_jupyter_saves_it(path, language_info):
    """Else to open and save it would look to git like another notebook."""
    text, notebook = path.read_text(encoding="utf-8"), read(path)
    assert text == nbformat.writes(notebook) + "\n"
    assert notebook.metadata.keys() - {"widgets"} == {"kernelspec", "language_info"}  # no pairing
    kernel = language_info | {"version": notebook.metadata.language_info.version}
    assert notebook.metadata.language_info == kernel
    assert {key for cell in notebook.cells for key in cell.metadata} <= {
        "collapsed",
        "jupyter",
        "tags",
    }
    counted = [*code_cells(notebook), *(o for c in code_cells(notebook) for o in c.outputs)]
    assert {thing.get("execution_count") for thing in counted} == {None}


@every
def test_few_cells_escape_comparison(path):
    cells = code_cells(read(path))
    free = [c for c in cells if ESCAPES.intersection(c.metadata.get("tags", []))]
    assert UNCOMPARED_ONE_IN * len(free) <= sum(bool(c.outputs) for c in cells)
    assert "NBVAL_" not in path.read_text(encoding="utf-8")


@every
def test_a_measured_cell_has_words_that_are_compared(path):
    for cell in code_cells(read(path)):
        if MEASURED in cell.metadata.get("tags", []):
            assert UNCOMPARED not in cell.metadata.tags
            shown = [o.get("text", o.get("data", {}).get("text/plain")) for o in cell.outputs]
            assert re.search(r"\b[A-Za-z]", " ".join(map(str, shown))), cell.source


@every
def test_every_picture_has_a_description(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            data = output.get("data", {})
            descriptions = re.findall(r"<img alt=\"([^\"]*)\"", data.get("text/html", ""))
            # LaTeX takes the one, notebooks and pages the other, which has the words.
            assert len(descriptions) == ("image/png" in data), cell.source
            for alt in descriptions:
                assert len(alt.split()) >= 8


@every
def test_every_explorer_leaves_a_still_picture(path):
    for cell in code_cells(read(path)):
        shown = [output.get("data", {}) for output in cell.outputs]
        stills = [data for data in shown if '<div class="still-' in data.get("text/html", "")]
        assert len(stills) == sum(WIDGET_VIEW in data for data in shown), cell.source


@every
def test_saved_widgets_carry_the_current_code(path):
    """A reader sees saved explorers before running anything; they must not be stale."""
    stored = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("widgets", {})
    bundles = (ROOT / "mobilenet_lib/explorers/bundles").glob("*.js")
    current = {bundle.read_text("utf-8") for bundle in bundles}
    saved = [
        model["state"]["_esm"]
        for models in stored.values()
        for model in models["state"].values()
        if "_esm" in model["state"]
    ]
    assert current.issuperset(saved), "an explorer is stale: run `make chapters`"
    shown = [name for name in explorers.__all__ if f"{name}(" in path.read_text("utf-8")]
    assert len(set(saved)) == len(shown)


@every
def test_saved_widgets_are_complete(path):
    text = path.read_text(encoding="utf-8")
    stored = json.loads(text)["metadata"].get("widgets", {})
    models = {name for view in stored.values() for name in view["state"]}
    wanted = set(re.findall(r'IPY_MODEL_([0-9a-f]+)|"model_id": "([0-9a-f]+)"', text))
    assert {first or second for first, second in wanted} <= models
    assert bool(models) == ("explorers import" in text)


@every
def test_nothing_of_the_machine_is_published(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|Users|tmp|work)/", text)


def test_results_were_measured_on_committed_code():
    results = sorted((ROOT / "data" / "results").rglob("*.json"))
    assert results
    for path in results:
        assert "dirty" not in path.read_text(encoding="utf-8"), f"measure {path.name} again"
