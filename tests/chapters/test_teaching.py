"""What the pages for lecturers say: minutes that add up, answers marked as the checks do."""

import itertools
import json
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scripts import script
from torch import nn

from mobilenet_lib import cost, explorers, mobilenet_v1
from mobilenet_lib.checks import check

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "chapters" / "teaching"
PAGES = sorted(FOLDER.glob("*.md"))
TEXTS = sorted((ROOT / "chapters/text").glob("0*.py"))
LOOK_UP = ROOT / "chapters/look_up.md"
OFF_BY = 1  # minute that a section may be off, since words change more often than tables
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


minutes = script("chapters/minutes.py")
numbers = script("tests/chapters/test_numbers.py")
BOOK = minutes.book()


def page(name):
    return (FOLDER / name).read_text("utf-8")


def cells(line):
    """The cells of a row, each of which may be empty."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def number(cell):
    return float(cell.strip("*") or 0)


def slots():
    """Each plan's slot and its rows, as (how, what, minutes to read and run, minutes)."""
    for heading, plan in re.findall(r"###? (.*?)\n((?:(?!\n##).)*)", page("plans.md"), re.DOTALL):
        for slot, table in minutes.PLAN.findall(plan + "\n"):
            rows = [cells(line) for line in table.splitlines()[2:]]
            yield heading, int(slot), [(a, b, number(c), number(d)) for a, b, c, d in rows]


SLOTS = list(slots())


# --- Minutes ------------------------------------------------------------------------------------


def test_words_are_counted_as_one_says_them():
    assert minutes.spoken("Two plain words. And *three* more") == 6
    assert minutes.spoken("of $D_K \\cdot M$ weights") == 2 + 4  # D, K, times, M
    assert minutes.spoken("seen[one](a.ipynb#b) twice<!-- not 3 at all -->") == 3
    assert minutes.spoken("**Contents:** [A](#a) · [B](#b)") == 0
    assert minutes.spoken("```\ncode\n```") == 0
    assert minutes.spoken("| a | b |\n|---|--:|\n| 1.5 | don't |") == 4


def test_every_cell_outside_the_exercises_was_timed():
    kept = minutes.recorded()
    assert sorted(kept) == [text.stem for text in TEXTS], "python chapters/minutes.py --record NN"
    for number, chapter in BOOK.items():
        read = [s for s in chapter if s.title not in minutes.SILENT]
        # A cell may change without a new measurement; a quarter of a chapter may not.
        untimed = {s.title: s.untimed for s in read if s.untimed}
        assert sum(untimed.values()) <= sum(s.cells for s in read) / 4, f"{number}: {untimed}"


@pytest.mark.parametrize("path", [p for p in PAGES if p.name[:2].isdigit()], ids=lambda p: p.stem)
def test_a_chapters_table_has_all_its_sections_and_their_minutes(path):
    (table,) = (found[0] for found in minutes.TABLE.finditer(path.read_text("utf-8")))
    written = re.findall(
        r"^\| (\[.*\)) \| \d+ \| [\d,]+ \| ([\d.]+) \| ([\d.]+) \|$", table, re.MULTILINE
    )
    sections = BOOK[path.name[:2]]
    assert [link for link, *_ in written] == [s.link for s in sections]
    for section, (_, aloud, slides) in zip(sections, written, strict=True):
        assert abs(float(aloud) - section.aloud) <= OFF_BY, section.title
        assert abs(float(slides) - section.slides) <= OFF_BY, section.title
    sums = re.search(r"\*\*in all\*\* .* \| \*\*([\d.]+)\*\* \| \*\*([\d.]+)\*\* \|", table)
    assert float(sums[1]) == sum(float(aloud) for _, aloud, _ in written)
    assert float(sums[2]) == sum(float(slides) for *_, slides in written)


def test_every_chapter_has_a_page_and_the_list_has_all_of_them():
    listed = re.findall(r"\]\((\w+)\.md\)", page("README.md"))
    assert [text.stem for text in TEXTS] == [name for name in listed if name[0].isdigit()]
    assert {f"{name}.md" for name in listed} == {path.name for path in PAGES} - {"README.md"}


def test_there_are_a_lecture_a_unit_of_three_and_a_seminar_of_six():
    hows = [{how for how, *_ in rows[:-2]} for _, _, rows in SLOTS]
    assert hows == [{"slides"}] * 4 + [{"read", "work"}] * 6
    assert {slot for _, slot, _ in SLOTS} == {90}


@pytest.mark.parametrize(("heading", "slot", "rows"), SLOTS, ids=[s[0] for s in SLOTS])
def test_a_plan_fills_its_slot(heading, slot, rows):
    *rows, left, total = rows
    assert (left[0], total[0]) == ("questions", "**in all**")
    assert total[2] == sum(aloud for _, _, aloud, _ in rows)
    assert total[3] == slot == left[3] + sum(m for *_, m in rows)
    predictions = 0
    for how, what, aloud, told in rows:
        if how == "work":
            continue
        (section,) = (s for s in itertools.chain(*BOOK.values()) if s.link == what)
        assert abs(aloud - section.aloud) <= OFF_BY, section.title
        if how == "read":
            assert told == aloud
            predictions += section.predictions
        else:
            assert abs(told - section.slides) <= OFF_BY, section.title
            assert 0 < aloud <= told, f"{section.title} cannot be said in its slides' minutes"
    # A slide has the time for its question in its minutes; who reads aloud has not.
    assert max(0.05 * slot, predictions / 2) <= left[3] <= 0.3 * slot, heading


def test_the_seminar_reads_every_section_of_every_chapter():
    read = {what for _, _, rows in SLOTS for how, what, *_ in rows if how == "read"}
    wanted = {s.link for s in itertools.chain(*BOOK.values()) if s.title not in minutes.SILENT}
    assert read == wanted


def test_a_plan_that_cannot_be_is_refused():
    chapters = {"01": [minutes.Section("01_x", "A", words=1300)]}
    table = "| read | [A](../01_x.ipynb) | 0 |\n| questions | | | 0 |\n"
    assert minutes.plan_table(20, table, chapters).splitlines() == [
        "| read | [A](../01_x.ipynb#A) | 10 | 10 |",
        "| questions | | | 10 |",
    ]
    with pytest.raises(ValueError, match="'B' of chapter 01, which is not there"):
        minutes.plan_table(20, table.replace("[A]", "[B]"), chapters)
    with pytest.raises(ValueError, match="do not fit into 5 minutes"):
        minutes.plan_table(5, table, chapters)
    with pytest.raises(ValueError, match="no row of questions"):
        minutes.plan_table(20, table.splitlines()[0], chapters)


# --- What stands on the pages -------------------------------------------------------------------


@pytest.mark.parametrize("path", [p for p in PAGES if p.name[:2].isdigit()], ids=lambda p: p.stem)
def test_a_chapters_page_has_all_that_a_lecturer_needs(path):
    text = path.read_text("utf-8")
    title = (ROOT / "chapters/text" / f"{path.stem}.py").read_text("utf-8").split("# # ", 1)[1]
    assert text.startswith(f"# Teaching chapter {path.name[:2]}: {title.splitlines()[0]}\n")
    assert re.search(r"^\*\*Goals\.\*\* .*?^\*\*Before it\.\*\* ", text, re.MULTILINE | re.DOTALL)
    parts = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", text, re.MULTILINE))
    names = ["Minutes", "Misconceptions, and the question that exposes each", "Show live"]
    assert list(parts) == [*names, "To discuss", "Three exam questions"]
    assert len(re.findall(r"^\| [^|]+ \| “[^|]+” \| [^|]+ \|$", parts[names[1]], re.MULTILINE)) >= 3
    assert "](../" in parts["Show live"]
    assert parts["To discuss"].count("\n- ") + parts["To discuss"].startswith("- ") >= 3
    questions = re.split(r"^\*\*\d\.\*\* ", parts["Three exam questions"], flags=re.MULTILINE)[1:]
    assert len(questions) == 3
    for question in questions:
        asked, marking = question.split("*Marking.*")
        given = sum(map(int, re.findall(r"(?<![\w^])\((\d)[);,]", marking)))
        assert given == int(re.match(r"\((\d) marks\)", asked)[1]), asked


@cache
def headings(path):
    cells = minutes.read(path).cells if path.suffix == ".py" else []
    text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    text = text or path.read_text("utf-8")
    return {
        found.strip().replace(" ", "-") for found in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


def wrong_link(path, target):
    """What is wrong with a link of a page; None if nothing is."""
    file, _, anchor = target.partition("#")
    to = (path.parent / file).resolve() if file else path
    if not to.is_file():
        return f"{target}: there is no such file"
    source = to.parent / "text" / f"{to.stem}.py" if to.suffix == ".ipynb" else to
    state = re.match(r"(\w+):(v1.*)$", anchor)
    if not state:
        missing = anchor and anchor not in headings(source)
        return f"{target}: there is no such heading" if missing else None
    kinds = (getattr(explorers, name) for name in explorers.__all__)
    (kind,) = (k for k in kinds if hasattr(k, "definition") and k.definition.name == state[1])
    kind.definition.decode(state[2])  # raises what is wrong with it
    shown = f"{kind.__name__}(" in source.read_text("utf-8")
    return None if shown else f"{target}: {to.name} does not show that explorer"


@pytest.mark.parametrize("path", [*PAGES, LOOK_UP], ids=lambda p: p.stem)
def test_links_lead_to_what_is_there(path):
    targets = [t for t in LINK.findall(path.read_text("utf-8")) if "://" not in t]
    assert targets
    assert [w for t in targets if (w := wrong_link(path, t))] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_numbers_are_those_that_the_library_counts_and_that_were_measured(path):
    known = numbers.names() | {"cost": cost, "mobilenet_v1": mobilenet_v1, "log": math.log}
    text = re.sub(r"<!-- (?:minutes|slot|end)\b.*?-->", "", path.read_text("utf-8"))
    wrong = []
    for paragraph in re.split(r"\n\s*\n", text):
        line, end = re.sub(r"\n(?![-|#])", " ", paragraph), 0
        for reference in numbers.REFERENCE.finditer(line):
            before = line[end : reference.start()].rpartition("\n")[2]
            end = reference.end()
            wrong.append(numbers.fault(before, reference[1], known))
    assert [each for each in wrong if each] == []
    if path.name[:2] in {text.stem[:2] for text in TEXTS[1:]}:
        assert wrong, "no number of this page is tied to anything"


# --- Sample answers -----------------------------------------------------------------------------

ANSWERS = [
    (key, int(given), int(most), code)
    for code in CODE.findall(page("rubrics.md"))
    for key, given, most in re.findall(r"^# exercise (\d\.\d): (\d) of (\d)$", code, re.MULTILINE)
]


def answer_of(code):
    """What a cell's last line but comments defines."""
    scope = {"np": np, "nn": nn}
    exec(code, scope)
    return scope[re.findall(r"^(?:def (\w+)|(\w+) =)", code, re.MULTILINE)[-1][0] or "answer"]


@pytest.mark.parametrize(
    ("key", "given", "most", "code"),
    ANSWERS,
    ids=[f"{k}-{g}-of-{m}-{i}" for i, (k, g, m, _) in enumerate(ANSWERS)],
)
def test_checks_accept_the_sample_answers_with_full_marks_and_no_other(key, given, most, code):
    verdict = check(key, answer_of(code), record=False)
    assert verdict.right is (given == most), verdict.text


def test_there_are_sample_answers_of_every_grade():
    assert len(ANSWERS) == len(CODE.findall(page("rubrics.md"))) >= 16
    for key in {key for key, *_ in ANSWERS}:
        grades = [given for k, given, *_ in ANSWERS if k == key]
        assert len(grades) >= 2, key
        assert len(set(grades)) == len(grades), key


def test_what_is_shown_for_graders_runs():
    scope = {"check": check}
    *cells, last = CODE.findall(page("running.md"))
    for cell in cells:
        exec(cell, scope)
    assert eval(last, scope) is True
    exec(cells[0].replace("K[i, j]", "K[j, i]"), scope)
    with pytest.raises(AssertionError, match="not yet"):
        exec(cells[1], scope)


def test_the_memory_of_every_chapter_is_told():
    told = json.loads((ROOT / "data/results/memory.json").read_text("utf-8"))["results"]
    for number in told["kernel_mb"]:
        assert f"| {number} | " in page("running.md")


# --- To look things up --------------------------------------------------------------------------


def test_terms_and_sources_are_sorted_and_sources_are_those_of_the_chapters():
    terms = re.findall(
        r"^\| (.+?) \| .* \|$", LOOK_UP.read_text("utf-8").split("## Eq")[0], re.MULTILINE
    )
    assert len(terms) > 40
    assert terms[1:] == sorted(terms[1:], key=str.lower)
    listed = re.findall(
        r"^- (.*)$", LOOK_UP.read_text("utf-8").split("## Sources")[1], re.MULTILINE
    )
    names = [re.match(r"(?:[A-Z]\.[- ]?)+([\w-]+)", line)[1] for line in listed]
    assert names == sorted(names)
    cited = {
        title
        for text in TEXTS
        for title in re.findall(
            r"\*([^*/]{6,})\*", text.read_text("utf-8").split("# ## Sources")[1]
        )
    }
    assert cited == {title for line in listed for title in re.findall(r"\*([^*/]{6,})\*", line)}
