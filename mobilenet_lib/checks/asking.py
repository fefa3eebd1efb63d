"""What a chapter calls to ask: `expect` before a result, `quiz` and `outcomes` at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .ledger import Records, as_kept, note, note_said, read_ledger
from .prompts import Prediction, asked, number_of, prediction, shown, verdict

NOTHING_SAID = (
    "You have not made any predictions in this chapter yet. Run the cells that ask for one, "
    "answer, and run this cell again: it then shows each prediction beside its result."
)


def expect(key: str) -> Any:
    """Ask what the reader expects, before the next cell shows it; the answer goes to the ledger.

    Parameters
    ----------
    key
        Chapter and name of the prediction, such as "02-weights".

    Raises
    ------
    KeyError
        There is no such prediction.
    """
    return _card(expect_content(prediction(key)), [key])


def quiz(chapter: str) -> Any:
    """Ask the questions at the end of a chapter; each answer says why it is right or wrong.

    Parameters
    ----------
    chapter
        Its number, such as "02".
    """
    return _card(quiz_content(chapter), list(asked(chapter).questions))


def expect_content(found: Prediction) -> dict[str, Any]:
    """What a card is told of a prediction."""
    told = {"key": found.key, "ask": found.ask, "unit": found.unit, "choices": list(found.choices)}
    return {"kind": "expect", "title": "Your prediction"} | told


def quiz_content(chapter: str) -> dict[str, Any]:
    """What a card is told of the closing questions of a chapter."""
    return {
        "kind": "quiz",
        "title": f"Questions to close chapter {chapter}",
        "questions": [
            {
                "key": question.key,
                "ask": question.ask,
                "choices": [vars(choice) for choice in question.choices],
            }
            for question in asked(chapter).questions.values()
        ],
    }


def _card(content: dict[str, Any], keys: list[str]) -> Any:
    from .card import Card  # late: it brings in the widgets

    return Card(content, keys)


def take_in(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Enter in the ledger what a card has heard; why it cannot be kept, "" if it can.

    Parameters
    ----------
    key
        A prediction or question.
    old, new
        Its record before and now, as the card has them.
    """
    trouble = None
    if found := asked(key[:2]).predictions.get(key):
        said = new.get("said")
        if isinstance(said, str) and _fits(found, said) and said != old.get("said"):
            trouble = note_said(key, said)[1]
        return trouble or ""
    question = asked(key[:2]).questions[key]
    wrong = {str(i) for i, choice in enumerate(question.choices) if not choice.right}
    for mark in new.get("tried", ()):
        if mark in wrong and mark not in old.get("tried", ()):
            trouble = note(key, False, mark)[1]
    if new.get("solved") and not old.get("solved"):
        trouble = note(key, True)[1]
    return trouble or ""


def _fits(found: Prediction, said: str) -> bool:
    return said in found.choices if found.choices else number_of(said) is not None


def kept(keys: list[str], records: Records) -> dict[str, dict[str, Any]]:
    """The reader's records of these keys, as a card takes them."""
    return {key: as_kept(records[key]) for key in keys if key in records}


# --- At the end of a chapter ----------------------------------------------------------------------


@dataclass(frozen=True)
class Outcomes:
    """What came out of a chapter's predictions, beside what the reader had expected."""

    predictions: tuple[Prediction, ...]
    found: dict[str, tuple[float | str, str]] = field(repr=False)
    """By key, the value and how it is written; those that no cell has computed are not here."""
    said: dict[str, str] = field(repr=False)

    def sentences(self) -> Iterator[tuple[Prediction, str]]:
        """For each prediction that was made, what is said of it."""
        for each in self.predictions:
            if each.key not in self.said:
                continue
            said = self.said[each.key]
            number = None if each.choices else number_of(said)
            words = said if number is None else _with_unit(shown(number, 6), each.unit)
            text = f"You expected {words}"
            if each.key not in self.found:
                yield each, f"{text}; the cell that finds it out has not been run."
                continue
            value, written = self.found[each.key]
            verb = "it was" if each.measured else "it is"
            if each.choices:
                yield each, f"{text}: right." if said == value else f"{text}; {verb} {written}."
            elif number is None or not isinstance(value, float):
                yield each, f"{text}; {verb} {written}."
            else:
                yield each, f"{text}; {verb} {written}: {verdict(number, value, each.unit)}."

    def __repr__(self) -> str:
        lines = [f"{each.ask}\n  {text}" for each, text in self.sentences()]
        return "\n".join(lines) or NOTHING_SAID

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<dt>{escape(each.ask)}</dt><dd>{escape(text)}</dd>" for each, text in self.sentences()
        )
        html = f"<dl>{rows}</dl>" if rows else f"<p>{escape(NOTHING_SAID)}</p>"
        return "\n".join([html, *self._for_pages()])

    def _for_pages(self) -> Iterator[str]:
        """Comments from which the site takes what came out, where nobody has predicted anything."""
        for name, measured in (("outcomes", False), ("measured", True)):
            found = {
                each.key: self.found[each.key]
                for each in self.predictions
                if each.measured is measured and each.key in self.found
            }
            if found:
                told = json.dumps(found, ensure_ascii=False).replace("--", "- -")
                yield f"<!-- {name} {told} -->"


def outcomes(chapter: str, names: Mapping[str, Any] | None = None) -> Outcomes:
    """What the reader expected in a chapter, beside what came out.

    Parameters
    ----------
    chapter
        Its number, such as "02".
    names
        The names in which the chapter's cells keep their results; by default the notebook's.
    """
    if names is None:
        names = vars(sys.modules["__main__"])
    predictions = tuple(asked(chapter).predictions.values())
    records, _ = read_ledger()
    said = {p.key: records[p.key].said for p in predictions if p.key in records}
    return Outcomes(
        predictions,
        {p.key: found for p in predictions if (found := came_out(p, names)) is not None},
        {key: words for key, words in said.items() if words is not None},
    )


def came_out(found: Prediction, names: Mapping[str, Any]) -> tuple[float | str, str] | None:
    """The true value of a prediction and how it is written; None while no cell has computed it."""
    if found.right:
        return found.right, found.right
    try:
        value = eval(found.value, dict(names))  # the book's own expression, over a chapter's names
        if found.choices:
            words = dict(enumerate(found.choices, start=1))[int(value)]
            return words, words
        number = float(f"{float(value):.6g}")
        return number, _with_unit(shown(number, found.digits), found.unit)
    except Exception:  # a cell was left out, or the reader's names hold anything
        return None


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}".strip()
