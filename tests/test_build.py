"""`chapters/build.py`: what it makes the same each time, what it hides, what it never breaks."""

import json
import math
import os
import random
from pathlib import Path

import nbclient
import nbformat
import pytest
from nbformat import v4
from scripts import script

SCRIPT = Path(__file__).resolve().parents[1] / "chapters" / "build.py"
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def build(tmp_path, monkeypatch):
    """The script as a module, whose chapters are in an empty folder."""
    module = script("chapters/build.py")
    monkeypatch.setattr(module.texts, "HERE", tmp_path)
    monkeypatch.setenv("MOBILENET_PROGRESS", os.environ["MOBILENET_PROGRESS"])  # put back after
    (tmp_path / "text").mkdir()
    return module


# --- Cell ids -----------------------------------------------------------------------------------


def notebook_with(*sources):
    return v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])


def test_a_cells_id_depends_on_its_own_source_only(build):
    first, second = build._cell_ids(notebook_with("1 + 1", "2 + 2"))
    assert build._cell_ids(notebook_with("new", "1 + 1", "2 + 2"))[1:] == [first, second]
    assert build._cell_ids(notebook_with("2 + 2", "1 + 1")) == [second, first]
    assert build._cell_ids(notebook_with("1 + 2")) != [first]


def test_equal_cells_have_different_ids_that_notebooks_allow(build):
    notebook = notebook_with(*["same"] * 3, "other", "", "", *["same"] * 9)
    names = build._cell_ids(notebook)
    assert len(set(names)) == len(names)
    for cell, name in zip(notebook.cells, names, strict=True):
        cell.id = name
    nbformat.validate(notebook)


ONE, TWO, THREE, FOUR = "1 + 1", "2 + 2", "3 + 3", "4 + 4"


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        ([ONE, "2 + 3", THREE], [0, 1, 2]),
        ([FOUR, ONE, TWO, THREE], [None, 0, 1, 2]),
        ([ONE, THREE], [0, 2]),
        ([ONE, "2 + 3", "now", THREE], [0, 1, None, 2]),
        ([ONE, TWO, TWO, THREE], [0, 1, None, 2]),
        ([], []),
    ],
    ids=["edited", "before all", "removed", "edited, and one more", "twice", "all removed"],
)
def test_a_cell_keeps_the_id_it_had(build, now, kept):
    before = notebook_with(ONE, TWO, THREE).cells
    names = build._cell_ids(notebook_with(*now), before)
    assert len(set(names)) == len(now)
    for name, old in zip(names, kept, strict=True):
        assert (name in [c.id for c in before]) == (old is not None)
        assert old is None or name == before[old].id


def test_a_cell_of_another_kind_or_one_that_came_back_gets_a_new_id(build):
    before = notebook_with(ONE)
    now = v4.new_notebook(cells=[v4.new_markdown_cell("one and one")])
    assert build._cell_ids(now, before.cells) != [before.cells[0].id]
    before.cells[0].id = build._cell_ids(notebook_with(ONE))[0]
    edited = build._cell_ids(notebook_with("1 + 2"), before.cells)
    again = v4.new_notebook(cells=[v4.new_code_cell("1 + 2", id=edited[0])])
    names = build._cell_ids(notebook_with("1 + 2", ONE), again.cells)
    assert names == [edited[0], f"{edited[0]}-1"]  # the source decides, and the name is taken


# --- Widget ids ---------------------------------------------------------------------------------

DIGEST = "0123456789abcdef" * 2  # looks like a widget's id, and is none


def notebook_with_widgets(seed):
    """A slider in a box, each with a layout, and a link that nothing refers to.

    The ids are drawn anew, as ipywidgets does.
    """
    rng = random.Random(seed)
    names = ("outer", "inner", "outer layout", "inner layout", "style", "link")
    ids = {name: f"{rng.getrandbits(128):032x}" for name in names}

    def model(kind, **state):
        return {"model_module": "controls", "model_name": kind, "state": state}

    def to(name):
        return f"IPY_MODEL_{ids[name]}"

    state = {
        ids["outer"]: model("Box", children=[to("inner")], layout=to("outer layout")),
        ids["inner"]: model("Slider", layout=to("inner layout"), style=to("style"), value=1),
        ids["outer layout"]: model("Layout", width="1px"),
        ids["inner layout"]: model("Layout", width="2px"),
        ids["style"]: model("Style", color="red"),
        ids["link"]: model("Link", source=[to("inner"), "value"], target=[to("outer"), "value"]),
    }
    outputs = [
        v4.new_output("display_data", {VIEW: {"model_id": ids[name]}, "text/plain": DIGEST})
        for name in ("inner", "outer")
    ]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("show()", outputs=outputs, id="fixed")])
    notebook.metadata["widgets"] = {WIDGETS: {"state": state, "version_major": 2}}
    return notebook, ids


def resolve(notebook):
    """The widgets as a tree without ids, from the outputs down."""
    state = notebook.metadata.widgets[WIDGETS].state

    def follow(value):
        if isinstance(value, list):
            return [follow(v) for v in value]
        if isinstance(value, str) and value.startswith("IPY_MODEL_"):
            return tree(value.removeprefix("IPY_MODEL_"))
        return value

    def tree(name):
        model = state[name]
        return model.model_name, {trait: follow(v) for trait, v in model.state.items()}

    return [tree(output.data[VIEW].model_id) for output in notebook.cells[0].outputs]


def test_widget_ids_are_renamed_everywhere(build):
    notebook, ids = notebook_with_widgets(0)
    before = resolve(notebook)
    steady = build._steady_widget_ids(notebook, "01")
    text = nbformat.writes(steady)
    assert not any(old in text for old in ids.values())
    assert len(steady.metadata.widgets[WIDGETS].state) == len(ids)
    assert resolve(steady) == before
    assert text.count(DIGEST) == 2  # other long numbers are left alone


def test_widget_ids_do_not_depend_on_the_run(build):
    texts = {
        nbformat.writes(build._steady_widget_ids(notebook_with_widgets(seed)[0], "01"))
        for seed in range(20)
    }
    assert len(texts) == 1
    other = nbformat.writes(build._steady_widget_ids(notebook_with_widgets(0)[0], "02"))
    assert other not in texts  # two chapters open side by side share no widget


def test_a_new_widget_leaves_the_ids_of_others(build):
    notebook, _ = notebook_with_widgets(0)
    alone = build._steady_widget_ids(notebook, "01")
    notebook, ids = notebook_with_widgets(1)
    new = "f" * 32
    models = notebook.metadata["widgets"][WIDGETS]["state"]
    models[new] = models[ids["style"]] | {"state": {"color": "blue"}}
    shown = v4.new_output("display_data", {VIEW: {"model_id": new}})
    notebook.cells.insert(0, v4.new_code_cell("new()", outputs=[shown], id="first"))
    both = build._steady_widget_ids(notebook, "01").metadata.widgets[WIDGETS].state
    before = alone.metadata.widgets[WIDGETS].state
    assert len(both) == len(before) + 1
    assert {name: both[name] for name in before} == before


def test_a_notebook_without_widgets_is_left_alone(build):
    notebook = notebook_with(f"'{DIGEST}'")
    assert build._steady_widget_ids(notebook, "01") == notebook


# --- Building -----------------------------------------------------------------------------------

GOOD = """# %% [markdown]
# **Predict:** how much is 6 times 7?

# %%
6 * 7

# %% [markdown]
# And now without a question.

# %%
6 + 7

# %% [markdown]
# **Predict:** and as a picture?

# %%
from IPython.display import HTML

HTML("<b>42</b>")
"""


@pytest.mark.slow
def test_building_runs_hides_answers_and_leaves_broken_chapters_alone(build, tmp_path):
    (tmp_path / "text" / "00_good.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "text" / "01_bad.py").write_text("# %%\nraise OSError('no')\n", encoding="utf-8")
    (tmp_path / "01_bad.ipynb").write_text("the notebook of last time", encoding="utf-8")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match=r"raise OSError\('no'\)"):
        build.main([])
    assert (tmp_path / "01_bad.ipynb").read_text(encoding="utf-8") == "the notebook of last time"
    assert {p.name for p in tmp_path.iterdir()} == {"text", "00_good.ipynb", "01_bad.ipynb"}

    built = nbformat.read(tmp_path / "00_good.ipynb", as_version=4)
    nbformat.validate(built)
    number, told, picture = (built.cells[i] for i in (1, 3, 5))
    assert [c.outputs[0].data["text/plain"] for c in (number, told)] == ["42", "13"]
    assert picture.outputs[0].data["text/html"] == "<b>42</b>"
    assert picture.metadata == {"collapsed": True, "jupyter": {"outputs_hidden": True}}
    assert number.metadata == told.metadata == {}  # JupyterLab would show the line all the same
    assert [cell.id for cell in built.cells] == build._cell_ids(built)
    assert json.loads(json.dumps(built.metadata)) == build.texts.METADATA  # nothing of this machine


@pytest.mark.slow
def test_building_again_changes_nothing_and_an_edit_little(build, tmp_path):
    text, made = tmp_path / "text" / "00_good.py", tmp_path / "00_good.ipynb"
    text.write_text(GOOD, encoding="utf-8")
    build.main([])
    first = made.read_text(encoding="utf-8")
    build.main([])
    assert made.read_text(encoding="utf-8") == first

    text.write_text(GOOD.replace("6 * 7", "6 * 8").replace("how much", "What"), encoding="utf-8")
    build.main([])
    changed = set(made.read_text(encoding="utf-8").splitlines()) - set(first.splitlines())
    assert {line.strip() for line in changed} == {
        '"**Predict:** What is 6 times 7?"',
        '"48"',
        '"6 * 8"',
    }

    made.write_text("<<<<<<< HEAD\n" + first, encoding="utf-8")  # what a merge can leave
    text.write_text(GOOD, encoding="utf-8")
    build.main([])
    assert made.read_text(encoding="utf-8") == first


@pytest.mark.slow
def test_prose_and_metadata_are_taken_over_without_executing(build, tmp_path, monkeypatch):
    text, made = tmp_path / "text" / "00_good.py", tmp_path / "00_good.ipynb"
    text.write_text(GOOD, encoding="utf-8")
    build.main([])
    first = made.read_text(encoding="utf-8")
    monkeypatch.setattr(build, "NotebookClient", None)  # whatever executes, fails
    build.main(["--prose"])
    assert made.read_text(encoding="utf-8") == first

    edited = GOOD.replace("how much", "What").replace(
        "# %%\n6 + 7", '# %% tags=["kept"]\n6 + 7', 1
    ) + ('\n# %% [markdown] tags=["last"]\n# The end.\n')
    text.write_text(edited, encoding="utf-8")
    build.main(["--prose", "00_good"])
    before, after = (nbformat.reads(t, as_version=4) for t in (first, made.read_text("utf-8")))
    nbformat.validate(after)
    assert after.cells[0].source == "**Predict:** What is 6 times 7?"
    assert after.cells[3].metadata == {"tags": ["kept"]}
    assert (after.cells[-1].source, after.cells[-1].metadata.tags) == ("The end.", ["last"])
    assert [c.id for c in after.cells[:-1]] == [c.id for c in before.cells]
    assert [c.get("outputs") for c in after.cells[:-1]] == [c.get("outputs") for c in before.cells]
    assert after.cells[5].metadata == before.cells[5].metadata  # still folded away


@pytest.mark.slow
def test_changed_code_is_never_taken_over_without_executing(build, tmp_path):
    text, made = tmp_path / "text" / "00_good.py", tmp_path / "00_good.ipynb"
    text.write_text(GOOD, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"00_good.ipynb has never been built"):
        build.main(["--prose"])
    build.main([])
    first = made.read_text(encoding="utf-8")
    for code in (GOOD.replace("6 + 7", "6 + 8"), GOOD + "\n# %%\n9\n", GOOD[: GOOD.rindex("# %%")]):
        text.write_text(code, encoding="utf-8")
        with pytest.raises(SystemExit, match=r"code cell \d .* without --prose"):
            build.main(["--prose"])
        assert made.read_text(encoding="utf-8") == first


def test_the_chapters_are_as_their_prose_is():
    """What `--prose` would change is missing in the notebooks that readers open."""
    module = script("chapters/build.py")
    for text in module.texts.sources():
        made = module.texts.notebook_of(text)
        assert nbformat.writes(module.with_new_prose(text)) + "\n" == made.read_text("utf-8"), made


def test_numbers_are_stored_as_javascript_writes_them(build):
    told = {"a": [1.0, -2.0, -0.0, 0.5, 1e20, 1e21, True, None, "1.0", math.inf, {"b": 3.0}]}
    now = build._whole_numbers(told)
    assert json.dumps(now["a"]) == (
        '[1, -2, 0, 0.5, 100000000000000000000, 1e+21, true, null, "1.0", Infinity, {"b": 3}]'
    )


def test_an_unknown_chapter_is_refused(build, tmp_path):
    (tmp_path / "text" / "00_good.py").write_text(GOOD, encoding="utf-8")
    with pytest.raises(SystemExit, match="no chapter has 99_nowhere in its path"):
        build.main(["99_nowhere"])
    assert {p.name for p in tmp_path.iterdir()} == {"text"}


ASKING = """# %% [markdown]
# **Predict:** how many times?

# %%
from mobilenet_lib.checks import expect

expect("02-limit")

# %%
print(9)

# %%
print(10)
"""


@pytest.mark.slow
def test_what_follows_a_question_is_folded_and_begins_with_a_line_that_tells_nothing(
    build, tmp_path, monkeypatch
):
    text, made = tmp_path / "text" / "00_asking.py", tmp_path / "00_asking.ipynb"
    text.write_text(ASKING, encoding="utf-8")
    build.main([])
    first = made.read_text(encoding="utf-8")
    built = nbformat.reads(first, as_version=4)
    _, card, answer, other = built.cells
    assert VIEW not in card.outputs[0].data
    assert "Run this cell to answer" in card.outputs[0].data["text/html"]
    assert "widgets" not in built.metadata, "a card that is saved has no session to tell"
    assert answer.metadata == {"collapsed": True, "jupyter": {"outputs_hidden": True}}
    assert answer.outputs[0].text == build.FOLDED + "9\n"
    assert (other.metadata, other.outputs[0].text) == ({}, "10\n")
    monkeypatch.setattr(build, "NotebookClient", None)
    build.main(["--prose"])
    assert made.read_text(encoding="utf-8") == first
    text.write_text(ASKING.replace("02-limit", "02-rank"), encoding="utf-8")
    build.main(["--prose"])  # another question needs no execution either
    assert "five rows" in made.read_text(encoding="utf-8")
    built.cells[1].source = 'expect("02-race")'  # which folds nothing
    (answer,) = build._as_published(built, "x").cells[2:3]
    assert (answer.metadata, answer.outputs[0].text) == ({}, "9\n")
