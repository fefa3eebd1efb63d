"""What a reader has set in an explorer, as one short line: `v1&kernel=blur&stride=2`.

The line names what differs from the start only, and carries a version. It stands in a page's
address behind `#NAME:`; `web/kit/state.js` writes and reads the same lines in the browser. The
fields and their starts are in `definitions/NAME.json`, which both read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np
import traitlets

DEFINITIONS = Path(__file__).parent / "definitions"
SHARED: dict[str, dict[str, Any]] = {
    "hide": {"kind": "names", "default": []},
    "tour": {"kind": "integer", "min": 0, "max": 99, "default": 0},
}
"""Fields that every explorer has: what a link hides, and the step of the tour that it starts."""

_DECIMAL = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)


class StateError(ValueError):
    """A line that does not describe a state."""


def _quote(text: str) -> str:
    return quote(text, safe="!~*'(),").replace("%20", "+")


def _unquote(text: str) -> str:
    return unquote(text.replace("+", " "), errors="strict")


def shortest(number: float) -> str:
    """The shortest text that reads as the same number, without a `.0`."""
    return repr(float(number)).removesuffix(".0")


def _decimal(text: str) -> float | None:
    number = float(text) if _DECIMAL.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


class Kind(NamedTuple):
    """How the values of a kind of field are written, read, and taken from Python."""

    write: Callable[[Any, Mapping[str, Any]], str]
    read: Callable[[str, Mapping[str, Any]], Any]
    """None if the text cannot be read."""
    take: Callable[[Any, Mapping[str, Any]], Any]
    """The value as it is kept; None if it does not fit."""
    wants: Callable[[Mapping[str, Any]], str]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _take_integer(value: Any, field: Mapping[str, Any]) -> int | None:
    whole = _is_number(value) and math.isfinite(value) and value == int(value)
    return int(value) if whole and field["min"] <= value <= field["max"] else None


def _take_number(value: Any, field: Mapping[str, Any]) -> float | None:
    fits = _is_number(value) and field["min"] <= value <= field["max"]  # NaN is nowhere between
    return float(value) if fits else None


def _take_choice(value: Any, field: Mapping[str, Any]) -> Any:
    same = (each for each in field["choices"] if not isinstance(value, bool) and each == value)
    return next(same, None)


def _take_names(value: Any, field: Mapping[str, Any]) -> list[str] | None:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        return None
    choices = field.get("choices")
    if choices is None:
        return list(value)
    known = all(each in choices for each in value)
    return [each for each in choices if each in value] if known else None


def _is_drawing(value: Any) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= 1500
        and re.fullmatch(r"(([0-9a-z]{2})+\.?)*", value) is not None
    )


def _take_square(value: Any, field: Mapping[str, Any]) -> list[list[float]] | None:
    if isinstance(value, str):
        return field["presets"].get(value)
    try:
        rows = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
    square = rows.ndim == 2 and rows.shape[0] == rows.shape[1] and len(rows) in field["sides"]
    fits = square and rows.dtype.kind in "iuf" and (np.abs(rows) <= field["max"]).all()
    return rows.astype(float).tolist() if fits else None


def _write_square(rows: Any, field: Mapping[str, Any]) -> str:
    preset = (name for name, known in field["presets"].items() if known == rows)
    return _quote(next(preset, None) or ",".join(shortest(x) for row in rows for x in row))


def _read_square(text: str, field: Mapping[str, Any]) -> Any:
    plain = _unquote(text)
    if plain in field["presets"]:
        return field["presets"][plain]
    numbers = [_decimal(each) for each in plain.split(",")]
    side = math.isqrt(len(numbers))
    if None in numbers or side**2 != len(numbers):
        return None
    return [numbers[i * side : (i + 1) * side] for i in range(side)]


KINDS = {
    "integer": Kind(
        lambda value, _: str(value),
        lambda text, _: int(text) if _WHOLE.fullmatch(text) else None,
        _take_integer,
        lambda field: f"a whole number from {field['min']} to {field['max']}",
    ),
    "number": Kind(
        lambda value, _: shortest(value),
        lambda text, _: _decimal(text),
        _take_number,
        lambda field: f"a number from {shortest(field['min'])} to {shortest(field['max'])}",
    ),
    "choice": Kind(
        lambda value, _: shortest(value) if _is_number(value) else _quote(value),
        lambda text, field: next(
            (c for c in field["choices"] if _plain(c) == _unquote(text)), None
        ),
        _take_choice,
        lambda field: f"one of {', '.join(map(_plain, field['choices']))}",
    ),
    "flag": Kind(
        lambda value, _: "1" if value else "0",
        lambda text, _: {"1": True, "0": False}.get(text),
        lambda value, _: bool(value) if isinstance(value, bool | np.bool_) else None,
        lambda _: "True or False, 1 or 0",
    ),
    "name": Kind(
        lambda value, _: _quote(value),
        lambda text, _: _unquote(text),
        lambda value, _: value if isinstance(value, str) and len(value) <= 80 else None,
        lambda _: "a name of at most 80 letters",
    ),
    "names": Kind(
        lambda value, _: ",".join(_quote(each).replace(",", "%2C") for each in value),
        lambda text, _: [_unquote(each) for each in text.split(",") if each],
        _take_names,
        lambda field: (
            f"some of {', '.join(field['choices'])}"
            if "choices" in field
            else "names with commas between them"
        ),
    ),
    "strokes": Kind(  # points of two digits in base 36, column and row; strokes part at a full stop
        lambda value, _: value,
        lambda text, _: text,
        lambda value, _: value if _is_drawing(value) else None,
        lambda _: "pairs of digits and small letters, at most 1,500",
    ),
    "square": Kind(
        _write_square,
        _read_square,
        _take_square,
        lambda field: (
            f"{' or '.join(f'{side}x{side}' for side in field['sides'])} finite numbers of at most "
            f"{field['max']}, or a name: {', '.join(field['presets'])}"
        ),
    ),
}


def _write(value: Any, field: Mapping[str, Any]) -> str:
    return "none" if value is None else KINDS[field["kind"]].write(value, field)


def _plain(choice: Any) -> str:
    return shortest(choice) if _is_number(choice) else choice


class FieldTrait(traitlets.TraitType):
    """A field of an explorer's state: a value that does not fit is refused, the old one kept."""

    def __init__(self, field: Mapping[str, Any]) -> None:
        self.field = field
        optional = field.get("optional", False)
        super().__init__(field["default"], allow_none=optional, help=field.get("help", ""))
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> Any:
        """The value as it is kept, or a TraitError that says what would be right."""
        kind = KINDS[self.field["kind"]]
        taken = kind.take(value, self.field)
        if taken is None:
            raise traitlets.TraitError(
                f"{self.name} must be {kind.wants(self.field)}"
                f"{', or None' if self.allow_none else ''}; got {value!r}"
            )
        return taken


class Definition:
    """An explorer's name, title, strings, tour, and the fields of its state.

    Parameters
    ----------
    name
        Of the file in `definitions/`.
    """

    def __init__(self, name: str) -> None:
        content = json.loads((DEFINITIONS / f"{name}.json").read_text(encoding="utf-8"))
        self.name: str = content["name"]
        self.version: int = content["version"]
        self.title: str = content["title"]
        self.tour: list[dict[str, Any]] = content.get("tour", [])
        self.fields: dict[str, dict[str, Any]] = content["fields"] | SHARED

    def trait(self, name: str) -> FieldTrait:
        """The synchronized trait of a field."""
        return FieldTrait(self.fields[name])

    def encode(self, values: Mapping[str, Any]) -> str:
        """The line for some values, one of each field."""
        parts = [
            f"{name}={_write(values[name], field)}"
            for name, field in self.fields.items()
            if values[name] != field["default"]
        ]
        return "&".join([f"v{self.version}", *parts])

    def decode(self, line: str) -> dict[str, Any]:
        """A value of each field; what the line does not name is as at the start.

        Raises
        ------
        StateError
            With everything in the line that cannot be read.
        """
        values = {name: field["default"] for name, field in self.fields.items()}
        head, *parts = line.strip().split("&")
        version = re.fullmatch(r"v(\d{1,6})", head, re.ASCII)
        if not version:
            raise StateError(f"a state begins with v{self.version}, this one with {head[:20]!r}")
        if int(version[1]) > self.version:
            raise StateError(
                f"the state is of version {version[1]} and this explorer knows {self.version}; "
                "a newer mobilenet_lib reads it"
            )
        problems = []
        for part in parts:
            name, _, text = part.partition("=")
            field = self.fields.get(name)
            if field is None:
                problems.append(f"there is no {name[:30]!r} (there are {', '.join(self.fields)})")
                continue
            value = self._read(field, text)
            if value is None and not (field.get("optional") and text == "none"):
                wants = KINDS[field["kind"]].wants(field)
                problems.append(f"{name} is {wants}, not {text[:40]!r}")
            else:
                values[name] = value
        if problems:
            raise StateError(f"in the state {line!r}: {'; '.join(problems)}")
        return values

    @staticmethod
    def _read(field: Mapping[str, Any], text: str) -> Any:
        kind = KINDS[field["kind"]]
        try:
            value = kind.read(text, field)
        except UnicodeDecodeError:
            return None
        return None if value is None else kind.take(value, field)


definition = cache(Definition)
