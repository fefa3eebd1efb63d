"""Numbers in prose that were measured: each is tied to the file in `data/results` it comes from.

Behind such a number stands a comment that no reader sees, with a Python expression:

    It took 79 %<!-- 100 * bench_sparse.crossings["torch CSR"] --> of zeros,
    and about a third<!-- 0.3 < bench_train.to_naive < 0.36 --> of the time.

What gives a number must give the last one before it, in digits or as a word, rounded as it is
there. What gives True or False must hold. Each file and each sweep in `data/results` is known by
its name: a benchmark's "results", with keys read as attributes, and a sweep's runs. `pick`, `one`,
`mean` and `measured` are there, too.
"""

import ast
import json
import re
import shutil
from functools import cache, partial
from html.parser import HTMLParser
from operator import attrgetter
from pathlib import Path
from statistics import fmean

import jupytext
import pytest
from nbconvert.filters import markdown2html

from mobilenet_lib.results import measured, recorded, runs

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "data" / "results"
PROSE = [
    *sorted(ROOT.glob("chapters/text/*.py")),
    *sorted(ROOT.glob("chapters/solutions/text/*.py")),
    ROOT / "README.md",
    ROOT / "mobilenet_lib" / "LOADING.md",
    ROOT / "mobilenet_lib" / "train" / "SCALE.md",
    RESULTS / "README.md",
    ROOT / "web" / "hub" / "README.md",
]

REFERENCE = re.compile(r"<!--(.*?)-->", re.DOTALL)
WORDS = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty",
)
NUMBER = re.compile(rf"\d+(?:,\d{{3}})*(?:\.\d+)?|\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)

# --- What was measured must be tied -------------------------------------------------------------

_PARTS = "half|halves|(?:third|quarter|fifth|sixth|seventh|eighth|ninth|tenth)s?"
_MORE = "dozen|twice|hundreds?|thousands?"
QUANTITY = rf"(?:\b\d[\d,.]*|\b(?:{'|'.join(WORDS[2:])}|{_PARTS}|{_MORE})\b)"
UNIT = (
    r"(?:ms|milliseconds?|seconds?|minutes?|hours?|days|months?|[MG]B(?:/s)?|GFLOP/s|points?)\b"
    r"|(?:images|pictures)(?: per second|/s)|(?:times )?as (?:many|much|fast|long)\b"
    r"|(?:% )?of the (?:(?:test )?letters|time)\b"
)
MEASURED = re.compile(
    rf"{QUANTITY}(?:(?: of)? an?)?\s?(?:{UNIT})|factor of (?:\w+ than )?(?:a )?{QUANTITY}",
    re.IGNORECASE,
)
OURS = re.compile(r"book's (?:own )?(?:machine|processor)|\bour (?:own )?machine")
UNTIED = {
    "01_standard_convolution": {
        "costs four times as much": "follows from Equation 2",
    },
    "03_the_network": {
        "cost half as much": "follows from the cost of a pointwise layer",
        "grows twice as fast": "follows from the stride",
        "wins by three points": "printed in the paper's Table 5",
    },
    "04_what_a_mult_add_costs": {
        "a factor of 25": "follows from the shapes of the layers",
        "twelve times as long": "given in an exercise",
    },
    "05_training": {
        "three minutes": "the reader's own budget, set in the cell below",
        "wins by three points": "printed in the paper's Table 5",
        "ten times as much": "an option of the run",
        "half as much": "16 bits in place of 32",
    },
    "06_width_and_resolution": {
        "30 milliseconds": "a frame of a film, no measurement",
        "six to seven points": "of accuracies that others published, printed by the cell above",
        "a tenth of a point": "of accuracies that others published, printed by the cell above",
        "half a point": "an example; a cell prints what to compare it with",
        "Half a point": "the same in the summary",
        "eight milliseconds": "a budget that the cell below sets",
    },
    "07_a_published_mobilenet": {
        "ten times as much": "the value that is set in the cell above",
    },
    "08_to_the_device": {
        "four times as many": "one byte in place of four",
        "for one picture and for 32": "what the cell below prints",
        "1.5 to 1.8 times as fast": "published by others, printed by the cell above",
        "one or two points": "published by others, printed by the cell above",
        "A factor of more than a thousand": "published by others, printed by the cell above",
        "three milliseconds on one": "published by others, printed by a cell further up",
        "four seconds on another": "published by others, printed by a cell further up",
        "20 % of the time": "given in an exercise",
        "four times as fast": "given in an exercise",
    },
    "09_every_number_in_the_paper": {
        "2.5 times as much": "printed in the paper's text",
        "2.7 points": "printed by the cell above from the paper's Table 9",
        "0.7 points": "printed in the paper's Table 10",
        "1.8 points": "printed in the paper's Table 13",
        "Seven points": "published by others, printed by the cell above",
        "3.8 ms": "published by the authors of MobileNetV4",
    },
    "10_questions_people_ask": {
        "a factor of three": "published by others, printed by the cell above",
    },
    "02_solutions": {
        "three times as many": "25 weights in place of 9",
    },
    "data/results/README.md": {
        "half below 16.7 ms and 95 of 100 below 33 ms": "kept by the command itself",
        "limit 300 ms": "kept by the command itself",
    },
}
"""What may stand without a reference, by text, and why."""


class Record(dict):
    """A JSON object, its keys read as attributes, too."""

    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(f"there is no {name!r}, only {', '.join(self)}")
        return self[name]


def pick(rows, field=None, **where):
    """Of the rows whose fields have these values, the field (`timing.median_ms` is one, too)."""
    chosen = [row for row in rows if all(getattr(row, k) == v for k, v in where.items())]
    return [attrgetter(field)(row) for row in chosen] if field else chosen


def one(rows, field=None, **where):
    """The same where exactly one row is to be had."""
    (value,) = pick(rows, field, **where)
    return value


@cache
def names(folder=RESULTS):
    """All that an expression may name."""

    def results(name):
        text = json.dumps(recorded(name, folder)["results"])
        return json.loads(text, object_hook=Record)

    return (
        {path.stem: results(path.stem) for path in folder.glob("*.json")}
        | {path.name: runs(path.name, folder) for path in folder.iterdir() if path.is_dir()}
        | {
            "pick": pick,
            "one": one,
            "mean": fmean,
            "measured": cache(partial(measured, folder=folder)),
        }
    )


def fault(before, expression, known):
    """What is wrong with a number in the text `before` this expression; None if nothing is."""
    files = [p for p in sorted(RESULTS.iterdir()) if re.search(rf"\b{p.stem}\b", expression)]
    where = ", ".join(f"data/results/{path.name}" for path in files)
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        value = _value(tree, known)
    except Exception as error:  # whatever it is, it is the reference that is wrong
        return f"<!--{expression}--> cannot be resolved: {error!r}"
    if isinstance(value, bool):
        parts = [tree.left, *tree.comparators] if isinstance(tree, ast.Compare) else []
        parts = [part for part in parts if not isinstance(part, ast.Constant)]
        found = "; ".join(f"{ast.unparse(part)} is {_value(part, known)}" for part in parts)
        return None if value else f"{where} has it otherwise: {found or expression.strip()}"
    numbers = NUMBER.findall(before)
    if not numbers:
        return f"no number stands before <!--{expression}-->, which is {value!r}"
    if not isinstance(value, int | float):
        return f"<!--{expression}--> is to give a number or to be a comparison, not {value!r}"
    number = numbers[-1].lower()
    digits = str(WORDS.index(number)) if number in WORDS else number.replace(",", "")
    decimals = len(digits.partition(".")[2])
    if f"{value:.{decimals}f}" != digits:
        return f"the text says {number}, {where} has {value:.6g}"
    return None


def _value(tree, known):
    return eval(compile(ast.Expression(tree), "reference", "eval"), dict(known))


def label(path):
    """The chapter, or the page by its path."""
    return path.stem if path.suffix == ".py" else path.relative_to(ROOT).as_posix()


def passages(path):
    """Each cell of a chapter, or paragraph of a page, with the place where it stands."""
    if path.suffix == ".py":
        for number, cell in enumerate(jupytext.read(path, fmt="py:percent").cells, start=1):
            if cell.cell_type == "markdown":
                yield f"{label(path)}, cell {number}", cell.source
    else:
        text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for paragraph in re.split(r"\n\s*\n", text):
            lines = re.sub(r"\n(?![-|#])", " ", paragraph)  # as a page is wrapped
            yield f'{label(path)}, "{lines[:40]}..."', lines


def faults(path, known):
    """Every reference of a text that does not agree with what it refers to."""
    for place, text in passages(path):
        end = 0
        for reference in REFERENCE.finditer(text):
            before = text[end : reference.start()].rpartition("\n")[2]
            end = reference.end()
            if wrong := fault(before, reference[1], known):
                yield f'{place}, behind "...{before[-40:]}": {wrong}'


def untied(text, allowed=()):
    """Sentences with a measured number that no reference follows; a question claims nothing."""
    for sentence in re.split(r"\n|(?<=[.?!])\s+|(?<=[.?!]\))\s+", REFERENCE.sub("\0", text)):
        tail = sentence.rpartition("\0")[2]
        for fragment in allowed:
            tail = tail.replace(fragment, "")
        found = MEASURED.search(tail) or (OURS.search(sentence) and re.search(QUANTITY, tail))
        if found and not sentence.endswith("?"):
            yield sentence.replace("\0", "<!-- -->")


every_text = pytest.mark.parametrize("path", PROSE, ids=label)


@every_text
def test_numbers_are_those_that_were_measured(path):
    wrong = list(faults(path, names()))
    assert not wrong, "\n".join(wrong)


@every_text
def test_measured_numbers_have_a_reference(path):
    allowed = UNTIED.get(label(path), {})
    found = [f"{place}: {s}" for place, text in passages(path) for s in untied(text, allowed)]
    assert not found, "\n".join(
        ["no <!-- reference --> stands behind these; see the top of this file", *found]
    )


@pytest.mark.parametrize("name", UNTIED)
def test_no_exception_outlives_its_sentence(name):
    (path,) = (path for path in PROSE if label(path) == name)
    without = [s for _, text in passages(path) for s in untied(text)]
    for fragment in UNTIED[name]:
        assert any(fragment in sentence for sentence in without), fragment


class Visible(HTMLParser):
    """What a reader sees of a page."""

    def __init__(self, page):
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data):
        self.text += data


@every_text
def test_readers_do_not_see_references(path):
    for place, text in passages(path):
        if expressions := REFERENCE.findall(text):
            # At the start of a line all of it would be HTML. The rest would end it, or be maths.
            assert not re.search(r"^\s*<!--", text, re.MULTILINE), place
            assert not re.search(r">|--|[$|`]", "".join(expressions)), place
            seen = Visible(markdown2html(text)).text
            assert "<!--" not in seen, place
            assert not any(expression.strip() in seen for expression in expressions), place


# --- What is said of references that are wrong --------------------------------------------------

KNOWN = {
    "bench_train": Record(
        share=0.4285, steps=[Record(name="a", ms=2.0), Record(name="b", ms=1999)]
    ),
    "pick": pick,
    "one": one,
}


@pytest.mark.parametrize(
    ("before", "expression"),
    [
        ("it took 0.43 times ", "bench_train.share"),
        ("in 2014 it took 43 %", "100 * bench_train.share"),
        ("Two", "one(bench_train.steps, 'ms', name='a')"),
        ("all 1,999 ms", "bench_train.steps[1].ms"),
        ("about two fifths", "0.35 < bench_train.share < 0.45"),
        ("at 2.0", "pick(bench_train.steps, name='a')[0].ms"),
    ],
)
def test_what_agrees_passes(before, expression):
    assert fault(before, expression, KNOWN) is None


@pytest.mark.parametrize(
    ("before", "expression", "message"),
    [
        ("0.42 times", "bench_train.share", "says 0.42, data/results/bench_train.json has 0.4285"),
        ("0.427 times", "bench_train.share", "says 0.427"),
        ("three", "one(bench_train.steps, 'ms', name='a')", "says three, .* has 2"),
        ("half", "bench_train.share", "no number stands before .* which is 0.4285"),
        ("two", "bench_train.steps", "is to give a number or to be a comparison"),
        ("half", "0.45 < bench_train.share < 0.55", "bench_train.share is 0.4285"),
        ("0.43", "bench_train.shore", "no 'shore', only share, steps"),
        ("0.43", "bench_trane.share", "cannot be resolved: NameError"),
        ("0.43", "one(bench_train.steps, name='c')", "cannot be resolved"),
        ("0.43", "see the table", "cannot be resolved: SyntaxError"),
    ],
)
def test_what_differs_is_named(before, expression, message):
    assert re.search(message, fault(before, expression, KNOWN))


@pytest.mark.parametrize(
    "sentence",
    [
        "On the book's machine it took a third.",
        "On the book's machine 12<!-- a --> and 13 of them.",
        "It took 3.2 ms.",
        "It reads 83 % of the test letters.",
        "It is three times as fast.",
        "That is 2<!-- a --> points, or 3 points.",
        "By two tenths of a point.",
        "A factor of more than six.",
        "First it was fast. Then it took two hours. And then?",
    ],
)
def test_untied_numbers_are_found(sentence):
    assert list(untied(sentence))


@pytest.mark.parametrize(
    "sentence",
    [
        "On the book's machine it took a third<!-- a -->.",
        "How many of the 32 images fit into 5 ms?",
        "It took 79 %<!-- a --> of zeros with one and 90 %<!-- b --> with the other.",
        "A map of 14 by 14 has 196 pixels.",
        "On the book's machine it is slower.",
    ],
)
def test_other_sentences_pass(sentence):
    assert not list(untied(sentence))


def test_a_new_recording_fails_until_the_sentence_is_right(tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(RESULTS, folder)
    chapter = ROOT / "chapters" / "text" / "04_what_a_mult_add_costs.py"
    path = folder / "bench_sparse.json"
    content = json.loads(path.read_text("utf-8"))
    content["results"]["crossings"]["torch CSR"] = 0.8512
    path.write_text(json.dumps(content), "utf-8")
    wrong = list(faults(chapter, names(folder)))
    assert re.search(
        r"04_what_a_mult_add_costs, cell \d+, .*says 79, data/results/bench_sparse.json has 85.12",
        "\n".join(wrong),
    )
