"""Cells out of the book's order: first, again later, after a stopped training, under nbval alone.

That each cell run twice in a row shows the same is tested where the chapters are executed. The
cells here come from the texts; `test_structure` holds the notebooks to them.
"""

import ast
import builtins
import os
import random
import re
import subprocess
import symtable
import sys
from pathlib import Path

import jupyterlab
import nbformat
import pytest
from nbformat import v4
from scripts import script
from tried import TRIED, answer_of

from mobilenet_lib.checks import ledger, progress

ROOT = Path(__file__).resolve().parents[2]
texts = script("chapters/texts.py")
TEXTS = texts.sources()
EXERCISE = re.compile(r'^check\("([^"]*)"', re.MULTILINE)


def code_of(text):
    return [cell.source for cell in texts.read(text).cells if cell.cell_type == "code"]


EXERCISES = {
    EXERCISE.search(source)[1]: source
    for text in TEXTS
    if text.parents[1].name == "chapters"
    for source in code_of(text)
    if EXERCISE.search(source)
}


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "progress.json"))
    monkeypatch.setattr(ledger, "_unwritten", {})


# --- Exercises in a session in which nothing else has run ---------------------------------------


def run_alone(source, answer=...):
    """What the last line of an exercise shows in a namespace of its own, the dots filled in."""
    tree = ast.parse(source.replace("= ...", "= ANSWER", 1))
    namespace = {"ANSWER": answer}
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "cell", "exec"), namespace)
    return eval(compile(last, "cell", "eval"), namespace)


def test_every_exercise_has_a_cell():
    assert set(EXERCISES) == set(TRIED)
    assert all(source.count("= ...") == 1 for source in EXERCISES.values())


@pytest.mark.parametrize("key", EXERCISES)
def test_an_exercise_runs_alone(key):
    source = EXERCISES[key]
    assert run_alone(source).right is None
    assert run_alone(source, answer_of(TRIED[key].wrong[0][0])).right is False
    assert run_alone(source, answer_of(TRIED[key].right[0])).right is True


def test_exercises_run_in_any_order():
    keys = list(EXERCISES)
    random.Random(0).shuffle(keys)
    for key in keys:
        assert run_alone(EXERCISES[key], answer_of(TRIED[key].right[0])).text.endswith("right.")
    assert progress().solved == progress().total


@pytest.mark.parametrize("text", texts.HERE.glob("solutions/text/*.py"), ids=lambda p: p.stem)
def test_a_solution_has_the_question_and_a_paragraph_on_how_to_think(text):
    (chapter,) = texts.HERE.glob(f"text/{text.stem[:2]}_*.py")
    asked = texts.exercises(chapter)
    prose = [cell.source for cell in texts.read(text).cells if cell.cell_type == "markdown"]
    for key, exercise in asked.items():
        (told,) = (each for each in prose if each.startswith(f"> **{key}"))
        question, _, answer = told.partition("\n\n")
        assert re.sub("^> ?", "", question, flags=re.MULTILINE) == exercise.statement
        assert len(answer.split()) >= 5


def test_a_solution_of_something_else_is_refused():
    exercise = texts.Exercise("**1.1** A", "f", "# def f(a, b): ...", 'check("1.1", f)')
    good = "def f(a, b):\n    return a"
    assert texts.solved(good, "1.1", exercise) == f'{good}\n\n\ncheck("1.1", f, record=False)'
    for bad in ("def f(b, a):\n    return a", "def g(a, b):\n    return a", "f = max"):
        with pytest.raises(SystemExit, match=r"solution of 1\.1 has no .* with: def f\(a, b\):"):
            texts.solved(bad, "1.1", exercise)
    with pytest.raises(SystemExit, match="with: answer = "):
        texts.solved("print(7)", "1.1", exercise._replace(name="answer", hint=""))


@pytest.mark.parametrize("number", ["03", "07"])
def test_an_assignment_is_solved_by_its_solutions_and_not_without_them(number):
    """As nbgrader takes it: 03 has a solution of two cells, 07 imports in the middle."""
    (text,) = texts.HERE.glob(f"solutions/text/{number}_*.py")
    made = script("chapters/assignments.py").assignment(text)
    nbformat.validate(made)
    marks = {cell.metadata.nbgrader.grade_id: cell for cell in made.cells if cell.metadata}
    assert len(marks) == 2 * len([key for key in TRIED if key[0] == number[1]])
    scope = {}
    for cell in made.cells:
        if cell.cell_type == "code":
            exec(cell.source, scope)
    answer = marks[f"answer-{int(number)}-2"].source
    left = re.sub("(?s)### BEGIN SOLUTION.*### END SOLUTION", "raise NotImplementedError", answer)
    assert "def" in left
    with pytest.raises(NotImplementedError):
        exec(left, {})


# --- Cells run again later ----------------------------------------------------------------------


def names(source):
    """What a cell reads of earlier cells, and what it binds."""
    reads, bound = set(), set()

    def of_functions(table):
        found = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        return found.union(*map(of_functions, table.get_children()))

    for statement in ast.parse(source).body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        used = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
        used = used.union(*map(of_functions, table.get_children()))
        own = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        # In a loop and the like, what it binds is bound before it is read.
        reads |= used - bound - (set() if isinstance(statement, ast.Assign) else own)
        bound |= own
    return reads, bound


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("a = b\na + c", {"b", "c"}),
        ("x = x + 1", {"x"}),
        ("x += 1", set()),  # not seen here: a cell run twice shows it
        ("for i in many:\n    print(i)", {"many", "print"}),
        ("def f(a):\n    return a + b", {"b"}),
        ("import numpy as np\nnp.pi", set()),
        ("y = [i * k for i in z]", {"k", "z"}),
        ("with open(p) as f:\n    f.read()", {"open", "p"}),
    ],
)
def test_names_are_told_apart(source, reads):
    assert names(source)[0] == reads


def clashes(sources):
    """Names that a cell reads of one before it and that a later cell, or itself, binds anew."""
    cells = [names(source) for source in sources]
    for here, (reads, bound) in enumerate(cells):
        before = set().union(*(b for _, b in cells[:here]))
        after = set().union(bound, *(b for _, b in cells[here + 1 :]))
        for name in reads & before & after:
            yield f"{name} in:\n{sources[here]}"


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_no_cell_takes_a_name_away_from_one_before_it(text):
    """Run again later, a cell would meet something else under that name."""
    assert list(clashes(code_of(text))) == []


@pytest.mark.parametrize(
    ("sources", "count"),
    [
        (["photo = 1", "photo + 1", "for photo in (1, 2): pass"], 1),
        (["x = 1", "x = x + 1"], 1),
        (["x = 1", "def f():\n    return x", "import x"], 1),
        (["x = 1", "y = x", "x_2 = x"], 0),
        (["x = 1\nx", "x = 2\nx"], 0),
    ],
)
def test_clashes_are_found(sources, count):
    assert len(list(clashes(sources))) == count


def test_each_question_of_the_appendix_needs_the_imports_only():
    """As its readers are told, who may begin anywhere."""
    imports, *questions = code_of(ROOT / "chapters" / "text" / "10_questions_people_ask.py")
    known = names(imports)[1] | set(dir(builtins))
    wanting = [(names(source)[0] - known, source) for source in questions]
    assert [each for each in wanting if each[0]] == []


# --- A training that was stopped ----------------------------------------------------------------

CURVE = """
import signal
import few_letters
import mobilenet_lib.explorers
from mobilenet_lib.explorers import LiveCurve
from mobilenet_lib.train import choose_plan as plans

plans.measure = lambda *_: plans.Choice("fp32", "nothing was measured", {})

class Stop(LiveCurve):
    def __call__(self, step):
        super().__call__(step)
        if step.number == 2:
            signal.raise_signal(signal.SIGINT)  # as the stop button does

mobilenet_lib.explorers.LiveCurve = Stop
speeds = {}  # that measurement was stopped, too
"""


STOPPING = """
import signal
import few_letters

heads, count = {"pw_13": 0.9}, 0

def stopping(pupil, images, labels):
    global count
    count += 1
    if count == 3:
        signal.raise_signal(signal.SIGINT)
    return from_labels(pupil, images, labels)

"""
ONE_BY_ONE = """
for cell in CELLS:
    try:
        exec(cell.replace("train(student(), from_labels)", "train(student(), stopping)"))
    except AssertionError as error:
        print("said:", error)
"""


def needed(sources, wanted, given=()):
    """The cells in which `wanted` is found, and those that bind what they read, in their order."""
    cells = [names(source) for source in sources]
    chosen = {i for i, source in enumerate(sources) if re.search(wanted, source)}
    open_names = set().union(*(cells[i][0] for i in chosen))
    for i in range(len(sources) - 1, -1, -1):
        if i in chosen or cells[i][1] & (open_names - set(given)):
            chosen.add(i)
            open_names |= cells[i][0]
    return [sources[i] for i in sorted(chosen)]


def run_script(script):
    """What a Python of its own prints."""
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": path},
        cwd=ROOT / "chapters",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_chapter_05_goes_on_after_a_stopped_training():
    """Each cell that uses the result says what there is of it."""
    cells = code_of(ROOT / "chapters" / "text" / "05_training.py")
    cells = needed(cells, r"\bresult\b", given=["speeds"])
    assert len(cells) > 8
    said = run_script(CURVE + "\n".join(cells))
    assert "stopped after 3 steps" in said
    assert "run the cell above again" in said
    assert "m = 0.0003" in said
    assert "with its own statistics each" in said


@pytest.mark.slow
def test_chapter_07_keeps_what_a_stopped_training_has_learned():
    """The step is finished, the network comes back, and the assert says what happened."""
    cells = code_of(ROOT / "chapters" / "text" / "07_a_published_mobilenet.py")
    cells = needed(cells, r"\btuned_net = |\btrapped = ", given=["heads"])
    said = run_script(STOPPING + f"CELLS = {cells!r}" + ONE_BY_ONE)
    assert re.search(r"step 3 of 200: loss \d", said)
    assert "said: it has learned too little: if you stopped a training, run its cell again" in said
    assert "Traceback" not in said


# --- nbval on one chapter, as a reader runs it --------------------------------------------------

OURS = {"MOBILENET_CACHE", "MOBILENET_PROGRESS", "MOBILENET_OFFLINE_LOG"}
SOLVED = '{"version": 1, "exercises": {"1.1": {"wrong": 3, "solved": "2026-01-01T00:00:00+00:00"}}}'


def nbval(chapter, cwd, **variables):
    """Run nbval on one notebook, with variables that a reader may have set."""
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", chapter]
    return subprocess.run(command, env=env | variables, cwd=cwd, capture_output=True, text=True)


@pytest.mark.slow
def test_a_reader_who_has_solved_something_can_check_a_chapter(tmp_path):
    """From another folder, with variables set; the reader's ledger is left as it is."""
    kept = tmp_path / "readers.json"
    kept.write_text(SOLVED)
    variables = {"MOBILENET_PROGRESS": str(kept), "MOBILENET_CACHE": os.devnull}
    done = nbval(ROOT / "chapters" / "00_start_here.ipynb", tmp_path, **variables)
    assert done.returncode == 0, done.stdout
    assert kept.read_text() == SOLVED


def a_chapter(folder, cells):
    """A notebook in a folder where nbval knows what it must of chapters."""
    for name in ("chapters/conftest.py", "tests/chapters/sanitize.cfg"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    path = folder / "chapters" / "made.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


@pytest.mark.slow
def test_answers_in_a_chapter_are_checked_afresh(tmp_path):
    """A reader's wrong answers showed the first hint and then the second; so they do again."""
    kept = tmp_path / "readers.json"
    kept.write_text(SOLVED)
    cells = []
    script = 'from mobilenet_lib.checks import check, progress\ncheck("1.1", (1, 1))'
    namespace = {}
    exec("from mobilenet_lib.checks import check, progress", namespace)
    for source in (script, script, "progress()"):
        value = eval(source.splitlines()[-1], namespace)
        data = {"text/plain": repr(value), "text/html": value._repr_html_()}
        output = v4.new_output("execute_result", data, execution_count=1)
        cells.append(v4.new_code_cell(source, outputs=[output], execution_count=1))
    path = a_chapter(tmp_path, cells)
    done = nbval(path, path.parent, MOBILENET_PROGRESS=str(kept), PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    assert kept.read_text() == SOLVED


@pytest.mark.slow
def test_of_a_measured_cell_all_is_compared_but_its_numbers(tmp_path):
    def cell(now, stored, *tags):
        outputs = [v4.new_output("stream", text=f"{stored}\n")]
        return v4.new_code_cell(f"print({now!r})", outputs=outputs, metadata={"tags": list(tags)})

    now = "dense   7.25 ms, -3 % of 1,024\nin 9 rows"
    then = "dense 1,107.5 ms, +12 % of 8\nin 11 rows"
    cells = [
        cell(now, then, "measured"),
        cell(now, then),
        cell(now, then.replace("dense", "sparse"), "measured"),
        cell(now, then.replace(" ms", " s"), "measured"),
        cell("nan ms", "7 ms", "measured"),
        cell(now, "something else", "nbval-ignore-output"),
    ]
    done = nbval(a_chapter(tmp_path, cells), tmp_path)
    failed = re.findall(r"^FAILED .*::Cell (\d)", done.stdout, re.MULTILINE)
    assert failed == ["1", "2", "3", "4"], done.stdout
    assert "4 failed, 2 passed" in done.stdout


# --- What chapter 00 says about its own notebooks -----------------------------------------------


def test_chapter_00_restores_a_chapter_by_names_that_exist():
    text = (ROOT / "chapters" / "text" / "00_start_here.py").read_text(encoding="utf-8")
    (restored,) = re.findall(r"`git checkout ([^`]*)`", text)
    assert (ROOT / restored).is_file()
    assert "without git" in text.lower()
    assert restored.split("/")[0] == re.search(r"from its `(\w+)` folder", text)[1]


def test_the_menus_that_chapter_00_names_are_jupyterlabs():
    text = (ROOT / "chapters" / "text" / "00_start_here.py").read_text(encoding="utf-8")
    named = {item for found in re.findall(r"\*((?:File|Run) → [^*]*)\*", text) for item in [found]}
    labels = {item.split(" → ")[-1].replace("Notebook", "%1") for item in named}
    assert len(labels) >= 5
    static = (Path(jupyterlab.__file__).parent / "static").glob("*.js")
    missing = set(labels)
    for file in static:
        source = file.read_text(encoding="utf-8")
        missing -= {label for label in missing if f'("{label}' in source}
        if not missing:
            return
    assert missing == set()
