"""Benchmark reports that others can compare with: written whole, read with suspicion.

    write_report("mine.json", make_report(bench_engines(), wall_time_s=120))
    print(compare(read_report("mine.json"), read_report("yours.json")))

`Contents` says what a report holds, and `report_schema()` the same to programs. A file from
elsewhere may hold anything, so it is checked against the schema, and beyond it, before a number of
it is used; the error names the place by its JSON path. A report has no path and no name of the
machine in it.
"""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema

from ..files import provenance, write_atomically
from ..installed import version_of
from ..results import engine_label
from ..validation import NotNegative
from .results import EngineBench, json_schema

FORMAT, VERSION = "mobilenet-bench", 1
PACKAGES = (
    *("torch", "numpy", "onnx", "onnxruntime", "openvino", "executorch", "torchao"),
    *("timm", "transformers", "torchvision"),
)
MOST_BYTES = 4 << 20
COMMIT = r"^([0-9a-f]{7,40}(-dirty)?|unknown)( \([a-z ;]+\))?$"
"""As `provenance` tells it; in brackets it may say why there is none, or what it is worth."""
Report = dict[str, Any]
Key = tuple[int, str, int | None, int | None]


@dataclass(frozen=True)
class Contents(EngineBench):
    """Engines and peers timed in one run on one machine, as `mobilenet bench --submit` writes them.

    Times are in milliseconds, rates in 10⁹ operations per second.
    """

    format: Literal["mobilenet-bench"]
    version: Literal[1]
    date: Annotated[str, ("pattern", r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\+00:00$")]
    """UTC, ISO 8601."""
    commit: Annotated[str, ("pattern", COMMIT)]
    """Of the library; "-dirty" if files differed from it."""
    wall_time_s: NotNegative
    versions: dict[str, str]
    """Of Python and of every package that took part."""


class ReportError(ValueError):
    """A file is no report that can be used; the message names the file and the field at fault."""


def make_report(result: EngineBench, wall_time_s: float) -> Report:
    """A comparison of engines with all that is needed to read it elsewhere, as plain data."""
    came = provenance(result.seed)
    versions = {name: version for name in PACKAGES if (version := version_of(name))}
    fields = asdict(result)
    for part in ("missing", "failed"):
        fields[part] = {name: public(reason) for name, reason in fields[part].items()}
    report = {
        "format": FORMAT,
        "version": VERSION,
        "date": came["date"],
        "commit": came["commit"],
        "wall_time_s": round(wall_time_s, 1),
        "versions": {"python": platform.python_version()} | versions,
        **fields,
    }
    report = json.loads(json.dumps(report))  # tuples become lists, as they are read again
    check_report(report, "the report")
    return report


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Write a report, whole or not at all."""
    check_report(report, "the report")
    write_atomically(path, json.dumps(report, indent=2, allow_nan=False) + "\n")


def read_report(path: str | os.PathLike[str]) -> Report:
    """Read a report and check everything in it; what is none, or not a whole one, is refused."""
    name = Path(path).name
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ReportError(f"{name} is larger than {MOST_BYTES:,} bytes, which no report is")
    try:
        report = json.loads(content.decode(), object_pairs_hook=once, parse_constant=refuse)
    # Not UTF-8, not JSON, cut off, a number of thousands of digits, a name twice, nested too deep.
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{name} is not JSON, or not all of it: {brief(str(error))}") from None
    check_report(report, name)
    return report


def check_report(report: Any, name: str) -> None:
    """Refuse what is no report; the ReportError has `name` and the path at fault, in one line."""
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise ReportError(
            f'{name}: $.format must be "{FORMAT}"; this is not a file that '
            "`mobilenet bench --submit` wrote"
        )
    version = report.get("version")
    if type(version) is int and version > VERSION:
        raise ReportError(
            f"{name}: $.version is {brief(str(version))}, this program reads version {VERSION} and "
            "older; get a newer one"
        )
    faults = validator().iter_errors(report)
    worst = jsonschema.exceptions.best_match(faults)
    if worst is not None:
        raise ReportError(f"{name}: {brief(worst.json_path)}: {brief(worst.message)}")
    seen: set[Key] = set()
    for i, row in enumerate(report["timings"]):
        at = f"{name}: $.timings[{i}]"
        low, high = row["quartiles_ms"]
        if row["fastest_ms"] > low:
            raise ReportError(f"{at}.fastest_ms: {row['fastest_ms']} lies above the quartiles")
        if not low <= row["median_ms"] <= high:
            raise ReportError(f"{at}.quartiles_ms: the median {row['median_ms']} lies outside them")
        if row["ours"] and row["name"] not in report["engines"]:
            raise ReportError(f"{at}.name: {brief(repr(row['name']))} is none of $.engines")
        if key_of(row) in seen:
            raise ReportError(f"{at}: {brief(row_title(key_of(row)))} is there twice")
        seen.add(key_of(row))


@cache
def validator() -> Any:
    """What checks a report against the schema."""
    return jsonschema.Draft202012Validator(report_schema())


def report_schema() -> dict[str, Any]:
    """The JSON Schema of reports, for programs that read them."""
    draft = jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    return {"$schema": draft, "$id": f"urn:{FORMAT}:{VERSION}", **json_schema(Contents)}


def key_of(row: dict[str, Any]) -> Key:
    """By what the same measurement in another report is found."""
    return row["batch_size"], row["name"], row["slice"], row["streams"]


def row_title(key: Key) -> str:
    """A measurement's key, to read."""
    batch_size, name, slice, streams = key
    return f"{engine_label(name, slice, streams)} at batch {batch_size}"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, unless it has a name twice: then nobody knows which counts."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} is there twice in one object")
    return made


def refuse(constant: str) -> None:
    """NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError(f"{constant} is no number in JSON")


def brief(message: str, most: int = 200) -> str:
    """A message in one line of bounded length, without control characters."""
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in message)).strip()
    return line if len(line) <= most else f"{line[: most // 2]} ... {line[-most // 2 + 5 :]}"


def public(message: str) -> str:
    """A message without the paths and the name of the machine that it comes from."""
    home = os.path.expanduser("~")
    short = message.replace(home, "~") if len(Path(home).parts) > 1 else message
    short = re.sub(r"([\\/](?:home|Users)[\\/])[^\\/\n\"']+", r"\1...", short)
    short = re.sub(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/'\",;:()]+){2,}", _last_part, short)
    host = platform.node()
    if host:
        short = re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", "this machine", short)
    return brief(short, 450)


def _last_part(path: re.Match[str]) -> str:
    return re.split(r"[\\/]", path.group())[-1]
