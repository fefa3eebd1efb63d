"""The book's English: spelling and grammar by Harper, offline, and a list of what is not English.

`language/accepted.tsv` has what is found wrongly, with a reason, as long as it is found;
`rules_off.tsv` the rules of taste that are off; `words.txt` the words that no dictionary has; and
`not_english.tsv` what the book once said, and what it says instead. That list holds for what the
library says, too.
"""

import ast
import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jupytext
import pytest

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parent / "language"
ROOT = HERE.parents[2]
PAGES = [
    "chapters/text/*.py",
    "chapters/solutions/text/*.py",
    "chapters/*.md",
    "chapters/teaching/*.md",
    "*.md",
    "data/**/*.md",
    "mobilenet_lib/**/*.md",
    "web/*/README.md",
    "mobilenet_lib/explorers/definitions/*.json",
    "mobilenet_lib/checks/questions/*.toml",
    "mobilenet_lib/checks/chapter_*.py",
    "web/cards/*.js",
    "web/explorers/**/*.js",
    "web/kit/*.js",
    "web/site/static/*.js",
]
LIBRARY = "mobilenet_lib/**/*.py"
SAID = ("title", "help", "say", "ask", "answers", "choices", "text", "because")
"""What readers see of an explorer's definition, and of a chapter's questions."""
NOT_READ = re.compile(
    r"""<!--.*?--> | \[\[[^\]]*\]\]         # comments, what a slide shows
    | \*\*Contents:\*\*[^\n]*               # made of the headings
    | </?\w[^>]*>                           # tags, not what is between them
    """,
    re.S | re.X,
)
STRING = re.compile(r'"(?P<text>(?:[^"\\\n]|\\.)*)"|`(?P<template>(?:[^`\\]|\\.)*)`', re.S)
NO_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.S)
PUT_IN = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")
CALLED = re.compile(r"`[^`]*`|\w+(?:\[[^\]]*\]|\([^)]*\))|\bi\b")
"""Code in what code says, with or without its marks."""
FORMULA = re.compile(r"\$\$.*?\$\$|(?<!\\)\$[^$\n]+\$", re.S)
BLANK = r"(?!\s*\n\s*\n)\s+"
SENTENCE = re.compile(r"(?<=[.?!:])\s+|\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.)\s)")


@dataclass(frozen=True)
class Finding:
    """A place that Harper, or the book's own list, finds wrong."""

    page: str
    rule: str
    text: str
    sentence: str
    message: str

    def __str__(self):
        return f"{self.page}: {self.rule}: {self.text!r} in: {self.sentence}\n    {self.message}"


def squeezed(text):
    return " ".join(text.split())


def english(markdown):
    """What of a page is English: no comments, tags and lists of sources; a formula is code."""
    return FORMULA.sub("`x`", NOT_READ.sub("", markdown)).split("\n## Sources")[0]


def sentences(code):
    """What code says: docstrings, hints, messages, texts of figures; what is put in is code."""
    parts = set()
    for node in ast.walk(ast.parse(code)):  # an f-string before its parts
        if isinstance(node, ast.JoinedStr):
            parts.update(map(id, node.values))
            values = (getattr(part, "value", None) for part in node.values)
            yield "".join(each if isinstance(each, str) else "`x`" for each in values)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.value if " " in node.value else ""


def said_in_page(script):
    """The sentences of a script: what begins with a capital letter and has a blank."""
    for found in STRING.finditer(PUT_IN.sub("\0", NO_COMMENT.sub("", script))):
        text = found["text"] or found["template"] or ""
        if re.match("[A-Z]", text) and " " in text:
            yield text.replace("\0", "`x`").replace('\\"', '"')


def said(value, key=""):
    """The sentences of a definition."""
    if isinstance(value, str) and key in SAID:
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from said(each, key)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from said(each, name)


def read(path):
    """The prose of a file."""
    text = path.read_text("utf-8")
    if path.suffix in (".json", ".toml"):
        loads = json.loads if path.suffix == ".json" else tomllib.loads
        return "\n\n".join(said(loads(text)))
    if path.suffix == ".js" or (path.suffix == ".py" and "# %%" not in text):
        found = said_in_page(text) if path.suffix == ".js" else sentences(text)
        return "\n\n".join(CALLED.sub("`x`", each) for each in found)
    if path.suffix == ".py":
        cells = jupytext.reads(text, fmt="py:percent").cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return text


@cache
def texts(*patterns):
    """The English of each page, by its path."""
    paths = sorted({path for pattern in patterns for path in ROOT.glob(pattern)})
    return {path.relative_to(ROOT).as_posix(): english(read(path)) for path in paths}


@cache
def listed(name):
    """The lines of a list, each split at its tabs; `#` begins a comment."""
    lines = (HERE / name).read_text("utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def around(text, start, end):
    """The sentence in which a place lies."""
    cuts = [0, *(cut.end() for cut in SENTENCE.finditer(text)), len(text)]
    first = max(cut for cut in cuts if cut <= start)
    return squeezed(text[first : min(cut for cut in cuts if cut >= end)])


def not_english(pages):
    """Where pages hold what is on the book's own list."""
    for page, text in pages.items():
        for pattern, instead in listed("not_english.tsv"):
            for match in re.finditer(pattern.replace(" ", BLANK), text, re.I):
                place = around(text, *match.span())
                yield Finding(page, "not English", squeezed(match[0]), place, f"better: {instead}")


@dataclass
class Checked:
    """What is wrong on pages, and what of the lists did nothing for them."""

    findings: list[Finding]
    needless: set[str]


def checked(library, pages):
    """Check the English of pages, given by their names."""
    words = [line[0] for line in listed("words.txt")]
    asked = {"words": words, "texts": pages}
    command = ["node", HERE / "check.mjs", library / "harper.js"]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, encoding="utf-8", check=True
    )
    reply = json.loads(done.stdout)
    findings, off = list(not_english(pages)), {rule for rule, _ in listed("rules_off.tsv")}
    for each in reply["found"]:
        rule, text, span = each["rule"], pages[each["page"]], (each["start"], each["end"])
        wrong, place = squeezed(text[slice(*span)]), around(text, *span)
        if rule not in off and not (rule == "SpellCheck" and is_a_word(wrong, words)):
            findings.append(Finding(each["page"], rule, wrong, place, each["message"]))
    idle = off - {each["rule"] for each in reply["found"]}
    return Checked(findings, idle.union(reply["known"]))


def is_a_word(text, words):
    """A letter, what has a figure in it, such as int8, or a word of the book's, or its genitive."""
    stem = re.sub("['’]s?$", "", text)
    return bool(re.search(r"\d|^\w\.?$", text)) or text in words or stem in words


def left_over(findings):
    """What no line of `accepted.tsv` accepts, and its lines that accept nothing."""
    needed = {(rule, squeezed(quote)): False for rule, quote, _ in listed("accepted.tsv")}
    wrong = []
    for finding in findings:
        fits = [
            (rule, quote)
            for rule, quote in needed
            if rule == finding.rule and finding.text in quote and quote in finding.sentence
        ]
        if fits:
            needed[fits[0]] = True
        else:
            wrong.append(finding)
    return wrong, [each for each, is_needed in needed.items() if not is_needed]


@pytest.fixture(scope="module")
def book(npm_packages):
    found = checked(npm_packages, texts(*PAGES))
    found.findings.extend(not_english(texts(LIBRARY)))
    return found


def test_the_book_is_written_in_english(book):
    wrong, _ = left_over(book.findings)
    assert not wrong, "\n".join(map(str, wrong))


def test_every_exception_is_needed(book):
    _, needless = left_over(book.findings)
    assert not needless, f"strike off accepted.tsv: {needless}"
    used = set(re.findall(r"[^\W_]+(?:['’]s)?", "\n".join(texts(*PAGES).values())))
    used |= {re.sub("['’]s$", "", each) for each in used}
    needless = {line[0] for line in listed("words.txt")} - used | book.needless
    assert not needless, f"no page needs these words and rules, or Harper knows them: {needless}"


def test_every_exception_has_a_reason():
    for rule, quote, reason in listed("accepted.tsv"):
        assert len(reason.split()) >= 2, f"why is {quote!r} accepted by {rule}?"
    for rule, reason in listed("rules_off.tsv"):
        assert len(reason.split()) >= 2, f"why is {rule} off?"


PLANTED = {
    "It is an unique network.": [("AnA", "an")],
    "The layer computes the the sum.": [("RepeatedWords", "the the")],
    "A convolutoin is a sum.": [("SpellCheck", "convolutoin")],
    "He have seen it.": [("PronounVerbAgreement", "have")],
    "It gives a bias, which the paper has not.": [("not English", "which the paper has not")],
    "It manages three million\nimages a second.": [("not English", "images a second")],
    "A kernel slides over the map `it have`.": [],
    "So $a a$ is the sum<!-- an unique --> of all.": [],
    "It has eight bits\n\nA weight has four.": [],
}


def test_what_is_wrong_is_found(npm_packages):
    pages = {text: english(text) for text in PLANTED}
    found = {text: [] for text in PLANTED}
    for each in checked(npm_packages, pages).findings:
        found[each.page].append((each.rule, each.text))
    assert found == PLANTED


def test_what_code_says_is_read_whole():
    script = """// A comment, "Not read."
    tell(`You expect: ${of({ a }, `x`)}. ${then}`, { class: "mnc-row wide" });
    say("It \\"is\\" so.");"""
    assert list(said_in_page(script)) == ["You expect: `x`. `x`", 'It "is" so.']
    assert [*filter(None, sentences('f"An {x} is " f"{y}."; say("a b", "c")'))] == [
        "An `x` is `x`.",
        "a b",
    ]


def test_an_exception_is_for_its_own_sentence_only():
    rule, quote, _ = listed("accepted.tsv")[0]
    there, elsewhere = (Finding("page", rule, quote, s, "") for s in (f"So {quote}.", "Not here."))
    wrong, needless = left_over([there, elsewhere])
    assert wrong == [elsewhere]
    assert (rule, squeezed(quote)) not in needless
