"""Predictions and closing questions: their data, the chapters that ask them, what is said."""

import ast
import builtins
import re
from pathlib import Path

import jupytext
import pytest

from mobilenet_lib.checks import expect, ledger, outcomes, progress, quiz
from mobilenet_lib.checks.card import Card
from mobilenet_lib.checks.prompts import (
    CALL,
    CHAPTERS,
    QuestionError,
    asked,
    number_of,
    parsed,
    shown,
    verdict,
)

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {path.stem[:2]: path for path in sorted((ROOT / "chapters/text").glob("0*.py"))}


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "progress.json"))
    monkeypatch.setattr(ledger, "_unwritten", {})


def cells_of(chapter):
    cells = jupytext.read(TEXTS[chapter], fmt="py:percent").cells
    return [cell for cell in cells if "slide" not in cell.metadata]


# --- The data, and the chapters -----------------------------------------------------------------


def test_every_chapter_before_the_appendix_asks():
    assert tuple(TEXTS) == CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_prediction_of_a_chapter_can_be_given_and_none_is_left_over(chapter):
    """A call behind each **Predict:**, in the order of the file; quiz and outcomes at the end."""
    cells, calls, prompts = cells_of(chapter), [], 0
    for at, cell in enumerate(cells):
        if cell.cell_type == "code":
            calls += CALL.findall(cell.source)
        elif many := cell.source.count("**Predict:**"):
            prompts += many
            assert many == 1, f"two predictions before one card:\n{cell.source}"
            assert CALL.search(cells[at + 1].source)[1] == "expect", cell.source
    wanted = [("expect", key) for key in asked(chapter).predictions]
    assert calls == [*wanted, ("quiz", chapter), ("outcomes", chapter)]
    assert prompts == len(wanted) > 0


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_true_value_is_taken_from_names_that_the_chapter_binds(chapter):
    code = "\n".join(cell.source for cell in cells_of(chapter) if cell.cell_type == "code")
    bound = set(dir(builtins))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    for each in asked(chapter).predictions.values():
        assert not re.fullmatch(r"[\d\s.+*/()-]*", each.value) or each.right, (
            f"{each.key}: typed in"
        )
        nodes = list(ast.walk(ast.parse(each.value or "0", mode="eval")))
        own = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        assert {n.id for n in nodes if isinstance(n, ast.Name)} - own <= bound, each.key


def test_closing_questions_are_three_to_five_and_their_answers_are_no_pattern():
    places = []
    for chapter in CHAPTERS:
        questions = asked(chapter).questions.values()
        assert 3 <= len(questions) <= 5, chapter
        here = [question.right for question in questions]
        assert len(set(here)) > 1, f"chapter {chapter}: the right answer is always the same one"
        places += here
        for question in questions:
            for choice in question.choices:
                assert len(choice.because.split()) >= 6, f"{question.key}: {choice.text}"
    assert max(map(places.count, places)) <= len(places) / 2


GOOD = """
[[expect]]
name = "a"
ask = "How many?"
value = "1 + x"
[[quiz]]
name = "b"
ask = "Why?"
choices = [
  {text = "1", because = "no"},
  {text = "2", because = "yes", right = true},
  {text = "3", because = "no"},
]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[expect]]", "[[guess]]", "guess is neither expect nor quiz"),
        ('name = "b"', 'name = "a"', "01-a comes twice"),
        ('name = "a"', 'name = "A b"', "small letters"),
        ('"How many?"', '"How many."', "question mark"),
        ('value = "1 + x"', "", "either right or value"),
        ('value = "1 + x"', 'choices = ["1", "2"]\nright = "3"', "none of its choices"),
        ('value = "1 + x"', 'choices = ["1", "2"]\nright = "1"\nunit = "m"', "needs no unit"),
        ('value = "1 + x"', 'valeu = "1"', "valeu"),
        (", right = true", "", "exactly one that is right"),
        ('because = "yes"', 'because = " "', "does not say why of '2'"),
        ('text = "3"', 'text = "1"', "a choice twice"),
        ('{text = "3", because = "no"},', "", "three choices at least"),
        ("[[quiz]]", "[[quiz", "01.toml"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(old, new, said):
    assert len(parsed(GOOD, "01").predictions) == 1
    with pytest.raises(QuestionError, match=re.escape(said)):
        parsed(GOOD.replace(old, new, 1), "01")


@pytest.mark.parametrize(
    ("call", "given", "said"),
    [(expect, "02-nothing", "02-weights"), (expect, "x", "no chapter"), (quiz, "11", "00, 01")],
)
def test_what_nobody_asks_is_an_error_that_says_what_there_is(call, given, said):
    with pytest.raises(KeyError, match=said):
        call(given)


# --- What is said of a prediction -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", 4),
        (" 1,000 ", 1000),
        ("1,234,567.5", 1234567.5),
        ("0,5", 0.5),
        ("0,125", 0.125),
        ("12 %", 12),
        ("~ 3x", 3),
        ("2.5e3", 2500),
        ("-1", -1),
        (".5", 0.5),
        ("", None),
        ("many", None),
        ("1e999", None),
        ("1.2.3", None),
        ("nan", None),
        ("1,2,3", None),
    ],
)
def test_numbers_as_people_type_them(text, number):
    assert number_of(text) == number


def test_numbers_in_a_sentence():
    given = (0.0, 8.98, 56.0, 568_740_352.0, 0.01234, 4231.976, 1000.0, 0.5, -3.0)
    texts = ("0", "8.98", "56", "569,000,000", "0.0123", "4,230", "1,000", "0.5", "-3")
    assert tuple(map(shown, given)) == texts


@pytest.mark.parametrize(
    ("said", "value", "unit", "words"),
    [
        (4, 4, "", "right on"),
        (4, 4.6, "", "close"),
        (4, 8, "times", "2.0 times too low"),
        (1e9, 1e6, "million", "1,000 times too high"),
        (0, 5, "", "far off"),
        (0, 0, "", "right on"),
        (50, 94.5, "%", "44 points too low"),
        (97, 94, "% of the letters", "close"),
        (5, 0.576, "%", "8.7 times too high"),
    ],
)
def test_how_near_a_prediction_is(said, value, unit, words):
    assert verdict(said, value, unit) == words


def test_at_the_end_stands_what_was_expected_beside_what_came_out():
    names = {"cost": __import__("mobilenet_lib.cost").cost, "saved": 1, "whole": 115}
    assert "not made any predictions" in repr(outcomes("02", names))
    card = expect("02-weights")
    card.kept = {"02-weights": {"said": "100", "at": "2026-01-01T00:00:00.000+00:00"}}
    for key, said in (("02-red", "only the first"), ("02-race", "half"), ("02-rank", "5")):
        expect(key).kept = {key: {"said": said}}
    text = repr(outcomes("02", names))
    assert "You expected 100 weights; it is 56 weights: 1.8 times too high." in text
    assert "You expected only the first: right." in text
    assert "You expected half; it is a quarter." in text
    assert "You expected 5; the cell that finds it out has not been run." in text
    html = outcomes("02", names)._repr_html_()
    assert '"02-weights": [56.0, "56 weights"]' in html
    assert expect("02-weights").kept["02-weights"]["said"] == "100", "kept for the next visit"
    assert progress().asked[2][:2] == (4, 7)
    assert "chapter 02: 0 of 7 exercises solved, 4 of 7 predictions made" in repr(progress())


@pytest.mark.parametrize("held", [[1.0], "x", None, float("nan"), object()])
def test_whatever_a_readers_names_hold_the_end_of_a_chapter_is_told(held):
    for key in ("05-memory", "05-halves"):
        expect(key).kept = {key: {"said": "50"}}
    assert "has not been run" in repr(outcomes("05", {"long": held, "apart": 0.1}))
    assert "it was 10 %: 40 points too high." in repr(outcomes("05", {"long": held, "apart": 0.1}))


def test_what_a_card_cannot_mean_is_not_kept():
    for key, said in (("02-weights", "many"), ("02-red", "the blue one"), ("02-race", 3)):
        expect(key).kept = {key: {"said": said}}
    assert ledger.read_ledger()[0] == {}


def test_a_quiz_counts_each_wrong_choice_once():
    key, question = next(iter(asked("02").questions.items()))
    wrong = [str(i) for i in range(len(question.choices)) if i != question.right]
    card = quiz("02")
    card.kept = {key: {"wrong": 1, "solved": None, "tried": wrong[:1]}}
    card.kept = {key: {"wrong": 2, "solved": None, "tried": [*wrong, str(question.right)]}}
    card.kept = {key: {"wrong": 2, "solved": "2026-01-01T00:00:00+00:00", "tried": wrong}}
    record = ledger.read_ledger()[0][key]
    assert (record.wrong, record.tried) == (len(wrong), tuple(wrong))
    assert record.solved
    assert quiz("02").kept[key]["solved"] == record.solved
    assert progress().asked[2][2:] == (1, len(asked("02").questions))


def test_where_nothing_can_be_kept_the_card_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "file/progress.json"))
    card = expect("02-weights")
    card.kept = {"02-weights": {"said": "56"}}
    assert "Remembered only until this session ends" in card.trouble


def test_a_card_says_what_it_asks_where_it_does_not_run():
    data, _ = quiz("02")._repr_mimebundle_()
    for question in asked("02").questions.values():
        assert question.ask in data["text/plain"]
        assert all(choice.because not in data["text/html"] for choice in question.choices)
    assert isinstance(quiz("02"), Card)
