"""What the chapters ask: predictions before a result, and questions at the end.

One file a chapter, `questions/NN.toml`, holds them as data: what is asked, the choices, why each of
them is right or wrong, and where a prediction's true value comes from.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "questions"
CHAPTERS = tuple(sorted(path.stem for path in FOLDER.glob("[0-9][0-9].toml")))
"""The chapters that ask, by their numbers."""
CALL = re.compile(r'^(expect|quiz|outcomes)\("([\w-]+)"\)$', re.MULTILINE)
"""The last line of a cell that asks: the function, and the key or the chapter."""
FOLDED = "(predict first, then run this cell)\n"
"""First line of a result that a reader is to expect before: JupyterLab shows it in its place."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class QuestionError(ValueError):
    """A file of questions that cannot be used, with what is wrong and what would be right."""


@dataclass(frozen=True)
class Prediction:
    """Something that a reader is asked to expect before it is shown: a number, or a choice."""

    key: str
    """Chapter and name, such as "02-weights"."""
    ask: str
    unit: str = ""
    """What stands behind the number."""
    choices: tuple[str, ...] = ()
    """None where a number is asked for."""
    right: str = ""
    """The choice that turns out right, where it does on every machine."""
    value: str = ""
    """Else an expression over the chapter's names: the number, or which choice, from 1."""
    digits: int = 3
    measured: bool = False
    """Whether the value is another one on every machine, or in every run."""
    folds: int = 1
    """How many of the next cells of code show what is asked for."""


@dataclass(frozen=True)
class Choice:
    """One answer to a question of a quiz, and why it is right or wrong."""

    text: str
    because: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question at the end of a chapter."""

    key: str
    ask: str
    choices: tuple[Choice, ...]

    @property
    def right(self) -> int:
        """The place of the right choice."""
        return [choice.right for choice in self.choices].index(True)


@dataclass(frozen=True)
class Asked:
    """All that a chapter asks, by key."""

    predictions: dict[str, Prediction]
    questions: dict[str, Question]


@cache
def asked(chapter: str) -> Asked:
    """What a chapter asks.

    Raises
    ------
    KeyError
        There is no such chapter.
    QuestionError
        Its file cannot be used.
    """
    if chapter not in CHAPTERS:
        raise KeyError(f"no chapter {chapter!r} asks anything; {', '.join(CHAPTERS)} do")
    path = FOLDER / f"{chapter}.toml"
    return parsed(path.read_text(encoding="utf-8"), chapter)


def prediction(key: str) -> Prediction:
    """The prediction with a key such as "02-weights"."""
    found = asked(key[:2]).predictions
    if key not in found:
        raise KeyError(f"no prediction {key!r}; chapter {key[:2]} has {', '.join(found)}")
    return found[key]


def parsed(text: str, chapter: str) -> Asked:
    """What a file's text asks, checked.

    Raises
    ------
    QuestionError
        An entry lacks something, has something unknown, or comes twice.
    """
    try:
        content = tomllib.loads(text)
        if extra := content.keys() - {"expect", "quiz"}:
            raise QuestionError(f"{', '.join(sorted(extra))} is neither expect nor quiz")
        predictions = [_prediction(chapter, entry) for entry in content.get("expect", [])]
        questions = [_question(chapter, entry) for entry in content.get("quiz", [])]
        keys = [p.key for p in predictions] + [q.key for q in questions]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise QuestionError(f"{', '.join(sorted(twice))} comes twice")
    except (TypeError, tomllib.TOMLDecodeError, QuestionError) as error:
        raise QuestionError(f"questions/{chapter}.toml: {error}") from error
    return Asked({p.key: p for p in predictions}, {q.key: q for q in questions})


def _prediction(chapter: str, entry: dict[str, Any]) -> Prediction:
    name, choices = entry.pop("name", ""), tuple(entry.pop("choices", ()))
    found = Prediction(key=f"{chapter}-{name}", choices=choices, **entry)
    _check_text(found.key, name, found.ask)
    if bool(found.right) == bool(found.value):
        raise QuestionError(f"{found.key} needs either right or value")
    if found.right and found.right not in choices:
        raise QuestionError(f"{found.key}: {found.right!r} is none of its choices")
    if len(choices) == 1 or len(set(choices)) < len(choices):
        raise QuestionError(f"{found.key} needs two choices at least, each another")
    if found.unit and choices:
        raise QuestionError(f"{found.key} has choices, and needs no unit")
    return found


def _question(chapter: str, entry: dict[str, Any]) -> Question:
    name, ask = entry.pop("name", ""), entry.pop("ask", "")
    choices = tuple(Choice(**choice) for choice in entry.pop("choices", ()))
    key = f"{chapter}-{name}"
    _check_text(key, name, ask)
    if entry:
        raise QuestionError(f"{key} has {', '.join(sorted(entry))}, which no question has")
    if sum(choice.right for choice in choices) != 1 or len(choices) < 3:
        raise QuestionError(f"{key} needs three choices at least, and exactly one that is right")
    if len({choice.text for choice in choices}) < len(choices):
        raise QuestionError(f"{key} has a choice twice")
    if wanting := [choice.text for choice in choices if not choice.because.strip()]:
        raise QuestionError(f"{key} does not say why of {wanting[0]!r}")
    return Question(key, ask, choices)


def _check_text(key: str, name: str, ask: str) -> None:
    if not _NAME.fullmatch(name):
        raise QuestionError(f"{key}: a name has small letters, digits and hyphens, not {name!r}")
    if not ask.strip().endswith("?"):
        raise QuestionError(f"{key} asks nothing: its `ask` is to end with a question mark")


# --- What was expected, beside what came out ------------------------------------------------------


def number_of(text: str) -> float | None:
    """A number as people type it: 1,000 or 1e3 or 0,5, perhaps with a sign such as % behind it.

    None if it is none. `numberOf` in `web/cards/words.js` reads the same.
    """
    plain = re.sub(r"[\s_’']", "", text.strip()).lstrip("~≈").rstrip("%x×")
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", plain):  # 0,500 is a half
        plain = plain.replace(",", "")
    plain = plain.replace(",", ".", 1)
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", plain, re.IGNORECASE):
        return None
    number = float(plain)
    return number if math.isfinite(number) else None


def shown(number: float, digits: int = 3) -> str:
    """A number as it stands in a sentence: 0.0123, 8.98, 569,000,000."""
    if number == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(number)))
    if places <= 0 or abs(number - round(number)) < 1e-9:
        return f"{round(number, min(places, 0)) if places < 0 else round(number):,.0f}"
    text = f"{number:,.{places}f}"
    return text.rstrip("0").rstrip(".")


def verdict(said: float, value: float, unit: str) -> str:
    """How near an expected number is: by the factor, of ten per cent and more by the points."""
    if unit.startswith("%") and value >= 10:
        off = abs(said - value)
        way = "high" if said > value else "low"
        if off <= 5:
            return "right on" if off <= 1 else "close"
        return f"{off:,.0f} points too {way}"
    if said * value <= 0:
        return "right on" if said == value else "far off"
    factor, way = (said / value, "high") if abs(said) > abs(value) else (value / said, "low")
    if factor <= 1.25:
        return "right on" if factor <= 1.05 else "close"
    return f"{factor:,.0f} times too {way}" if factor >= 9.5 else f"{factor:.1f} times too {way}"
