"""The cards that ask, in node: they read, judge and keep as Python does."""

import json

import pytest
from test_kit import in_node

from mobilenet_lib.checks import ledger
from mobilenet_lib.checks.prompts import number_of, verdict

SAID = ["4", " 1,000 ", "1,234,567.5", "0,5", "12 %", "~ 3x", "2.5e3", "-1", ".5", "", "many"]
SAID += ["0,500", "-0,125", "10,000"]
SAID += ["1e999", "1.2.3", "1,2,3", "12_000", "7.", "0x10", "Infinity", "1 000", "5e", "×"]
PAIRS = [(4, 4), (4, 4.6), (4, 8), (1e9, 1e6), (0, 5), (0, 0), (50, 94.5), (97, 94), (-2, 4)]
PAIRS += [(1.5, 0.576), (5, 0.576), (10, 5.9), (0, 9), (12, 10), (1, 9.49), (1, 9.51)]
PAIRS += [(1.05, 1), (1.25, 1), (3, 0.001), (-8, -2)]


def test_numbers_are_read_as_python_reads_them():
    assert in_node("cards/words.js", "(text) => kit.numberOf(text)", SAID) == [
        number_of(text) for text in SAID
    ]


@pytest.mark.parametrize("unit", ["", "times", "%"])
def test_predictions_are_judged_as_python_judges_them(unit):
    code = f"([said, value]) => kit.verdict(said, value, {unit!r})"
    assert in_node("cards/words.js", code, PAIRS) == [verdict(*pair, unit) for pair in PAIRS]


def record(**kept):
    return {"wrong": 0, "solved": None, "tried": []} | kept


EARLY, LATE = "2026-01-01T00:00:00.000+00:00", "2026-01-02T00:00:00.000+00:00"
ONE = {
    "1.1": record(wrong=2, tried=["a", "b"]),
    "1.2": record(solved="2026-01-03T00:00:00+00:00"),
    "02-weights": record(said="40", at=LATE),
    "02-jobs": record(wrong=1, tried=["0"]),
}
OTHER = {
    "1.1": record(wrong=1, tried=["c"], solved="2026-01-01T00:00:00+00:00"),
    "02-weights": record(said="56", at=EARLY),
    "02-jobs": record(solved="2026-01-01T00:00:00+00:00"),
    "02-red": record(said="only the first", at=EARLY),
}


def in_a_file(records):
    parts = {"exercises": {}, "questions": {}}
    for key, each in records.items():
        parts["exercises" if "." in key else "questions"][key] = each
    return json.dumps({"version": 1} | parts)


def test_a_file_of_one_is_read_and_merged_alike_by_the_other(tmp_path, monkeypatch):
    """From the site to JupyterLab and back, nothing is taken away."""
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "progress.json"))
    monkeypatch.setattr(ledger, "_unwritten", {})
    code = "([one, other]) => kit.content(kit.merged(kit.parsed(one), kit.parsed(other)))"
    files = [in_a_file(ONE), in_a_file(OTHER)]
    there, back = in_node("cards/ledger.js", code, [files, files[::-1]])
    tried = [set(each["questions"].pop("02-jobs")["tried"]) for each in (there, back)]
    assert tried == [{"0"}, {"0"}]
    assert there["questions"] == back["questions"]
    assert there["questions"]["02-weights"]["said"] == "40", "the later one"
    for number, text in enumerate(files):
        (tmp_path / f"{number}.json").write_text(text)
        ledger.import_progress(tmp_path / f"{number}.json")
    ledger.export_progress(tmp_path / "mine.json")
    mine = json.loads((tmp_path / "mine.json").read_text())
    mine["questions"].pop("02-jobs")
    assert mine == there
    again = in_node(
        "cards/ledger.js", "(text) => kit.content(kit.parsed(text))", [json.dumps(mine)]
    )
    assert again == [mine]


UNUSABLE = ('"more": 1', '"tried": "abc"', '"solved": "Jan 1 2026"', '"solved": "2026-01-01"')


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "7", "{}", '{"version": 2, "exercises": {}}', '{"version": 1}'),
        *(f'{{"version": 1, "exercises": {{"1.1": {{{each}}}}}}}' for each in UNUSABLE),
    ],
)
def test_a_foreign_file_is_refused_by_both(text, tmp_path):
    code = "(text) => { try { kit.parsed(text); return 'read'; } catch { return 'refused'; } }"
    assert in_node("cards/ledger.js", code, [text]) == ["refused"]
    (tmp_path / "there.json").write_text(text)
    with pytest.raises(ValueError, match="is not a file of progress"):
        ledger.import_progress(tmp_path / "there.json")


STORES = """(how) => {
  const kept = {}, held = {
    getItem(name) {
      if (how === "refused") throw new Error("no");
      return kept[name] ?? { foreign: "[1", spoiled: SPOILED }[how] ?? null;
    },
    setItem(name, text) {
      if (how === "refused" || how === "full") throw new Error("full");
      kept[name] = text;
    },
    removeItem: (name) => { delete kept[name]; },
  };
  const store = kit.browserStore(() => held), other = kit.browserStore(() => held);
  store.read();
  store.add({ "02-weights": { wrong: 0, solved: null, tried: [], said: "56", at: kit.now() } });
  other.add({ "02-red": { wrong: 0, solved: null, tried: [], said: "all", at: kit.now() } });
  const unread = kept["mobilenet-book-unread"] ?? "";
  const { said } = store.records["02-weights"], many = Object.keys(store.read()).length;
  return [store.refused, said, many, unread];
}"""


def test_storage_may_be_refused_full_or_anothers():
    """No error; what was said stays as long as the page does; nothing is written over unread."""
    good, bad = record(said="all", at=EARLY), record(more=1)
    spoiled = json.dumps({"version": 1, "exercises": {"1.1": bad}, "questions": {"02-a": good}})
    given = ["kept", "refused", "full", "foreign", "spoiled"]
    stores = STORES.replace("SPOILED", json.dumps(spoiled))
    assert in_node("cards/ledger.js", stores, given) == [
        [False, "56", 2, ""],
        [True, "56", 1, ""],
        [True, "56", 1, ""],
        [False, "56", 2, "[1"],
        [False, "56", 3, spoiled],
    ]


def test_a_changed_prediction_counts_whatever_the_clocks_say(tmp_path, monkeypatch):
    monkeypatch.setenv(ledger.PROGRESS_VARIABLE, str(tmp_path / "progress.json"))
    monkeypatch.setattr(ledger, "_unwritten", {})
    ahead = "2099-01-01T00:00:00.000+00:00"
    (tmp_path / "there.json").write_text(in_a_file({"02-weights": record(said="40", at=ahead)}))
    ledger.import_progress(tmp_path / "there.json")
    kept, _ = ledger.note_said("02-weights", "56")
    assert (kept.said, kept.at) == ("56", "2099-01-01T00:00:00.001+00:00")
    assert in_node("cards/ledger.js", "(at) => kit.now(3, at)", [ahead]) == [kept.at]
