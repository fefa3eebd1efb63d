"""Exercise checks: right answers pass in any form, each mistake gets its hint, nothing leaves."""

import ast
import keyword
import random
import re
import sys
import warnings

import jupytext
import numpy as np
import pytest
import torch
from tried import ROOT, TRIED, answer_of

from mobilenet_lib import checks
from mobilenet_lib.checks import EXERCISES, check, guard, ledger, progress

CHAPTERS = sorted({exercise.chapter for exercise in EXERCISES.values()})
WRONG = [(key, wrong, words) for key, tried in TRIED.items() for wrong, words in tried.wrong]
RIGHT = [(key, right) for key, tried in TRIED.items() for right in tried.right]


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "kept" / "progress.json"))
    monkeypatch.setattr(ledger, "_unwritten", {})


# --- The table of mistakes ------------------------------------------------------------------------


@pytest.mark.parametrize("key", EXERCISES)
def test_each_exercise_has_its_mistakes_and_unusual_right_answers(key):
    tried = TRIED[key]
    assert len(tried.wrong) >= 6
    assert len(tried.right) >= 5  # the plain one and four others
    assert len({words for _, words in tried.wrong}) >= 4, "mistakes differ, so must their hints"
    assert len(EXERCISES[key].hints) >= 2


@pytest.mark.parametrize("key", TRIED)
def test_right_answers_pass_in_every_form(key):
    for snippet in TRIED[key].right:
        verdict = check(key, answer_of(snippet), record=False)
        assert verdict.right is True, f"{snippet}\n{verdict}"


@pytest.mark.parametrize("key", TRIED)
def test_each_mistake_is_found_and_gets_its_own_hint(key, record_property):
    for snippet, words in TRIED[key].wrong:
        verdict = check(key, answer_of(snippet), record=False)
        assert verdict.right is False, f"{snippet}\n{verdict}"
        assert words in verdict.text.split("\nHint: ")[1], f"{snippet}\n{verdict}"
    record_property("mistakes", (key, len(TRIED[key].wrong)))


def test_hints_are_read_by_people_and_their_code_runs():
    for exercise in EXERCISES.values():
        for hint in exercise.hints:
            assert not hint[0].islower()
            assert hint.rstrip("`")[-1] in ".?", hint
            for code in re.findall(r"`([^`]*)`", hint):
                ast.parse(code)


@pytest.mark.parametrize("path", sorted(ROOT.glob("mobilenet_lib/checks/*.py")), ids=str)
def test_code_in_all_that_checks_say_runs(path):
    """In the hints for single mistakes as well; an operator or a keyword may stand alone."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Expr)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for code in re.findall(r"`([^`]*)`", node.value) if node not in docstrings else ():
                if not keyword.iskeyword(code) and re.search(r"\w", code):
                    ast.parse(code)


def test_every_goal_has_an_exercise(capsys):
    """Prints each goal that a chapter states, with the exercises that practise it."""
    for chapter in CHAPTERS:
        (text,) = ROOT.glob(f"chapters/text/{chapter:02d}_*.py")
        first = jupytext.read(text).cells[1].source
        goals = re.findall(r"^- (.+)$", first.split("**In this chapter you will**")[1], re.M)
        found = {goal: [] for goal in goals}
        for exercise in EXERCISES.values():
            for words in exercise.goals if exercise.chapter == chapter else ():
                (goal,) = [goal for goal in goals if words in goal]  # in one and no other
                found[goal].append(exercise.key)
        with capsys.disabled():
            print(f"\nchapter {chapter:02d}")
            for goal, keys in found.items():
                print(f"  {', '.join(keys) or 'NONE':14s} {goal}")
        assert all(found.values())


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_quick_exercises_one_to_build_and_one_to_investigate(chapter):
    kinds = [e.kind for e in EXERCISES.values() if e.chapter == chapter]
    assert len(kinds) >= 6
    assert set(kinds) == {"quick", "build", "investigate"}


# --- Whatever a reader's code does ----------------------------------------------------------------

A_FUNCTION = [key for key, tried in TRIED.items() if callable(answer_of(tried.right[0]))]


def raises(error):
    def answer(*_):
        raise error

    return answer


def endless(*_):
    while True:
        pass


def chatters(*_):
    while True:
        print("and on and on")


def calls_itself(*arguments):
    return calls_itself(*arguments)


class Hostile:
    """Whatever is asked of it, it refuses."""

    def refuse(self, *_, **__):
        raise RuntimeError("no")

    __repr__ = __eq__ = __bool__ = __len__ = __iter__ = __array__ = __float__ = refuse
    __index__ = __getitem__ = __lt__ = __str__ = __call__ = refuse
    __hash__ = None


class Aloof:
    """It does not even say what it has."""

    def __getattribute__(self, name):
        raise RuntimeError(name)


def numbers_without_end(*_):
    while True:
        yield 1


class OfItsOwnError(BaseException):
    def __str__(self):
        raise ValueError("not even its text")


DOINGS = [
    *map(raises, [ValueError("x"), SystemExit(3), SystemExit(), GeneratorExit(), MemoryError()]),
    *map(raises, [StopIteration(), OfItsOwnError(), AssertionError(), KeyError("a")]),
    lambda *_: sys.exit(1),
    lambda *_: guard.os._exit(1),
    lambda *_: exit(),
    calls_itself,
    chatters,
    numbers_without_end,
    lambda *_: Hostile(),
    lambda *_: Aloof(),
    lambda *_: None,
    lambda *_: lambda: 1,
    lambda *_: "text",
    lambda *_: {1: 2},
    lambda *_: float("nan"),
    lambda *_: [[1], [2, 3]],
    lambda *_: 10**400,
    lambda *_: (),
    lambda: 1,
    print,
    int,
    warnings.warn,
]
OBJECTS = [
    *("many", b"1", {}, set(), [], [[]], [[1], [2, 3]], object, Hostile(), Aloof(), 1j),
    iter([]),
    *(float("nan"), float("inf"), 10**400, True, np.array("x"), torch.empty(0), range(10**9)),
    *(np.array([None]), Ellipsis.__class__, numbers_without_end(), np.ma.masked, slice(3)),
]


@pytest.mark.parametrize("key", A_FUNCTION)
def test_nothing_that_a_function_does_leaves_check(key, capsys):
    for answer in DOINGS:
        verdict = check(key, answer, record=False)
        assert verdict.right is not True
        assert len(verdict.text) < 1500
        assert verdict._repr_html_()
        assert len(capsys.readouterr().out) < 10_000


@pytest.mark.parametrize("key", EXERCISES)
def test_no_object_gets_through(key):
    for answer in OBJECTS:
        verdict = check(key, answer, record=False)
        assert verdict.right is not True
        assert verdict._repr_html_()


@pytest.mark.parametrize("key", ["1.5"])
def test_what_runs_without_end_is_stopped(key, monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 0.2)
    verdict = check(key, endless, record=False)
    assert verdict.right is False
    assert "was stopped" in verdict.text


def test_a_reader_who_stops_a_cell_is_told_so_and_loses_no_try():
    verdict = check("1.5", raises(KeyboardInterrupt()))
    assert verdict.right is None
    assert "you stopped it" in verdict.text
    assert not checks.ledger_path().exists()


def test_random_numbers_go_on_as_if_nothing_was_checked():
    def states():
        numpy = np.random.get_state()  # noqa: NPY002
        return random.getstate(), numpy[1].tolist(), numpy[2], torch.get_rng_state().tolist()

    def draws(*_):
        random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
        return np.random.rand()  # noqa: NPY002

    before = states()
    for key in A_FUNCTION:
        check(key, draws, record=False)
        check(key, answer_of(TRIED[key].right[0]), record=False)
    assert states() == before


def test_what_a_function_prints_is_shown_up_to_a_length(capsys):
    def talks(F, K, stride):
        print("here I am" + "!" * 5_000)
        return F

    check("1.5", talks, record=False)
    said = capsys.readouterr().out
    assert said.startswith("here I am!")
    assert len(said) == guard.SHOWN


@pytest.mark.parametrize("name", ["np", "depthwise", "torch"])
def test_a_function_that_lacks_an_import_does_not_count_as_a_try(name):
    """In a fresh session an answer that is right may miss what an earlier cell imported."""
    verdict = check("1.5", eval(f"lambda F, K, stride: {name}.zeros(3)", {}))
    assert verdict.right is None
    assert f"name '{name}' is not defined" in verdict.text
    assert "in the same cell" in verdict.text
    assert not checks.ledger_path().exists()


# --- Hints and tries ------------------------------------------------------------------------------


def test_hints_go_on_with_each_new_wrong_answer_and_stop_at_the_last():
    texts = [check("1.2", wrong).text for wrong in (5, 6, 7, 8)]
    hints = EXERCISES["1.2"].hints
    assert hints[0] in texts[0]
    assert all(hints[1] in text for text in texts[1:])


def test_the_same_wrong_cell_again_reveals_nothing_new():
    cell = "def repaired(F, K, stride):\n    return F[: {}] * np.random.rand()"
    for key, one, another in (
        ("1.2", "5", "6"),
        ("1.5", cell.format(1), cell.format(2)),
    ):
        first = check(key, answer_of(one)).text.split("Hint: ")[1]
        for _ in range(3):
            assert check(key, answer_of(one)).text.split("Hint: ")[1] == first
        assert check(key, answer_of(another)).text.split("Hint: ")[1] != first
        check(key, answer_of(one))
        assert ledger.read_ledger()[0][key].wrong == 2


def test_no_answer_yet_is_neither_right_nor_wrong_and_is_not_recorded():
    for verdict in (check("1.1"), check("1.1", ...), check("1.1", None)):
        assert verdict.right is None
        assert "not answered yet" in verdict.text
    check("1.2", "many")
    check("1.2", 1.5)
    check("1.2", True)
    assert not checks.ledger_path().exists()


def test_solutions_are_not_recorded():
    assert check("1.2", 231_211_008, record=False).right
    assert check("1.2", 5, record=False).right is False
    assert not checks.ledger_path().exists()


def test_unknown_exercise_names_the_known_ones():
    with pytest.raises(KeyError, match=r"no exercise '19\.9'; there are 1\.1, 1\.2"):
        check("19.9", 1)


# --- Progress -------------------------------------------------------------------------------------


def test_progress_counts_solved_exercises_and_survives():
    assert set(progress().solved.values()) == {0}
    check("1.1", (38, 36))
    check("1.1", (0, 0))  # a later wrong answer does not take it back
    check("1.2", 231_211_008)
    assert progress().solved == dict.fromkeys(CHAPTERS, 0) | {1: 2}
    total = progress().total
    assert sum(total.values()) == len(EXERCISES)
    assert f"chapter 01: 2 of {total[1]} exercises solved" in repr(progress())
    assert 'value="2"' in progress()._repr_html_()


def test_verdicts_are_marked_and_escape_what_the_reader_typed():
    assert "✔" in check("1.2", 231_211_008)._repr_html_()
    assert "✘" in check("1.2", 2)._repr_html_()
    assert "○" in check("1.2")._repr_html_()
    assert "<script>" not in check("1.2", "<script>")._repr_html_()
