"""Benchmark reports: what is written, what is refused and how, and two of them side by side."""

import copy
import json
import platform
import re
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Annotated, Literal

import jsonschema
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobilenet_lib import cli, files
from mobilenet_lib.bench import engines
from mobilenet_lib.bench import report as reports
from mobilenet_lib.bench.compare import Comparison, compare
from mobilenet_lib.bench.hardware import describe_hardware, gpu
from mobilenet_lib.bench.report import ReportError, make_report, read_report, write_report
from mobilenet_lib.bench.results import Checked, EngineBench, Network, Quality, Timed, json_schema
from mobilenet_lib.text import format_table


def timed(name, median, batch_size=1, **options):
    options = {"ours": True, "precision": "fp32", "slice": None, "streams": None} | options
    return Timed(
        readings=3,
        fastest_ms=0.8 * median,
        median_ms=median,
        quartiles_ms=(0.9 * median, 1.1 * median),
        name=name,
        batch_size=batch_size,
        images_per_second=1e3 * batch_size / median,
        of_ceiling=0.5,
        ratios={"timm, eager": 0.25},
        **options,
    )


def result(**changes):
    exact = Quality(1e-6, 1000, 1.0, 0.87, 0.87)
    coarse = Quality(0.07, 5200, 0.98, 0.86, 0.87, (7, 7), (83, 84))
    options = {
        "network": Network(1.0, 224, 568_740_352),
        "device": "cpu",
        "threads": 2,
        "seed": 0,
        "ceilings": {"fp32": 171.0, "int8": 800.5},
        "machine": describe_hardware(),
        "engines": {
            "eager": Checked("torch", "fp32", 17_000_000, exact),
            "openvino-int8": Checked("OpenVINO", "int8", None, coarse),
        },
        "timings": (
            timed("eager", 30.0),
            timed("openvino-int8", 2.4, precision="int8"),
            timed("eager", 1200.0, batch_size=32, slice=4),
            timed("openvino-int8", 80.0, batch_size=32, precision="int8", slice=16, streams=2),
            timed("timm, eager", 32.0, ours=False),
        ),
        "missing": {"executorch": "it needs the package executorch"},
        "failed": {"compiled": "RuntimeError: /usr/lib/python3/torch/x.py broke"},
    }
    return EngineBench(**options | changes)


REPORT = make_report(result(), 12.3)
# Objects whose names are free: what is in them may be left out.
OPEN = {("versions",), ("ceilings",), ("engines",), ("missing",), ("failed",)}


def places(value, path=()):
    """Every place in a report, and what stands there."""
    yield path, value
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for name, child in children:
        yield from places(child, (*path, name))


def at(path):
    """A place as the messages call it."""
    said = "$"
    for part in path:
        if isinstance(part, int):
            said += f"[{part}]"
        else:
            said += f".{part}" if re.fullmatch(r"[A-Za-z_]\w*", part) else f"['{part}']"
    return said


def changed(path, value):
    """A report with something else at a place, as text; `value` may be what JSON cannot say."""
    if not path:
        return json.dumps(value)
    made = copy.deepcopy(REPORT)
    inside = made
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = value
    return json.dumps(made)


def refused(tmp_path, text):
    """What is said of a file with this content: one line, not long."""
    path = tmp_path / "theirs.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ReportError) as error:
        read_report(path)
    message = str(error.value)
    assert message.startswith("theirs.json")
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    return message


PLACES = [(path, value) for path, value in places(REPORT) if path]
NUMBERS = [path for path, value in PLACES if type(value) in (int, float)]
TEXTS = [path for path, value in PLACES if isinstance(value, str)]
CLOSED = [
    path
    for path, value in places(REPORT)
    if isinstance(value, dict) and path not in OPEN and "ratios" not in path
]


def test_a_report_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "mine.json"
    write_report(path, REPORT)
    assert read_report(path) == REPORT
    assert REPORT["timings"][3]["quartiles_ms"] == [72.0, 88.0]
    assert REPORT["timings"][3]["median_ms"] == 80.0
    assert REPORT["engines"]["openvino-int8"]["quality"]["views"] == [83, 84]
    assert (REPORT["seed"], REPORT["wall_time_s"], REPORT["threads"]) == (0, 12.3, 2)
    assert {"python", "torch", "numpy"} <= set(REPORT["versions"])
    assert REPORT["machine"]["processor"] == files.cpu_model()
    assert len(PLACES) > 100


def test_the_schema_is_one():
    schema = reports.report_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["version"]["const"] == reports.VERSION
    assert schema["properties"]["format"]["const"] == reports.FORMAT


@dataclass
class Inner:
    """Two fields."""

    share: Annotated[float, ("minimum", 0), ("maximum", 1)]
    pair: tuple[int, int] | None


@dataclass
class Outer(Inner):
    """A thing of others."""

    name: str
    parts: Annotated[list[Inner], ("minItems", 1)]
    by_name: dict[str, bool]
    kind: Literal["a", "b"]


def test_a_schema_says_what_the_types_say():
    schema = json_schema(Outer)
    assert schema["description"] == "A thing of others."
    assert schema["required"] == ["share", "pair", "name", "parts", "by_name", "kind"]
    assert schema["properties"]["share"] == {"type": "number", "minimum": 0, "maximum": 1}
    assert schema["properties"]["pair"]["type"] == ["array", "null"]
    good = {"name": "x", "share": 0, "pair": None, "parts": [{"share": 1, "pair": [1, 2]}]}
    good |= {"by_name": {"x": True}, "kind": "b"}
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid(good)
    for wrong in (
        {"name": ""},
        {"share": 1.1},
        {"pair": [1]},
        {"pair": [0, 1]},
        {"parts": []},
        {"parts": [{"share": 1}]},
        {"by_name": {"": True}},
        {"by_name": {"x": 1}},
        {"kind": "c"},
        {"more": 1},
    ):
        assert not check.is_valid(good | wrong), wrong


@pytest.mark.parametrize(
    "commit",
    [
        "0123456789ab",
        "0123456789ab-dirty",
        "0123456789ab (from an archive; it may have been changed since)",
        "unknown (git is not installed)",
        "unknown (git does not trust the owner of this folder)",
        "unknown (not a git checkout of the book)",
    ],
)
def test_whatever_is_known_of_the_commit_can_be_reported(commit, monkeypatch):
    monkeypatch.setattr(files, "_commit", lambda: commit)
    assert make_report(result(), 1)["commit"] == commit


def test_a_gpu_is_told_of_and_can_be_reported(monkeypatch):
    card = SimpleNamespace(name="Test GPU", total_memory=80 * 2**30, multi_processor_count=132)
    card.major, card.minor, card.clock_rate = 9, 0, 1_980_000
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    machine = replace(describe_hardware(), gpu=gpu(torch.device("cuda")))
    told = make_report(result(machine=machine, device="cuda"), 1)["machine"]["gpu"]
    assert (told["name"], told["compute_capability"]) == ("Test GPU", "9.0")
    assert (told["clock_mhz"], told["l2_bytes"]) == (1980.0, None)
    assert told["tf32"] == {"matmul": False, "convolution": True}  # torch's defaults


def test_nothing_of_the_machine_but_what_it_is(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "attic-7")
    reasons = {
        "timm": "cannot import name 'x' from 'timm' (/home/ann/venv/lib/timm/__init__.py)",
        "onnxruntime": r"DLL load failed: C:\Users\Ann\site-packages\onnx.dll on attic-7",
    }
    told = make_report(result(missing=reasons), 1)
    assert told["missing"]["timm"] == "cannot import name 'x' from 'timm' (__init__.py)"
    assert told["missing"]["onnxruntime"] == "DLL load failed: onnx.dll on this machine"
    assert told["failed"]["compiled"] == "RuntimeError: x.py broke"
    text = json.dumps(told)
    for private in ("attic", "home", "Ann", str(files.find_data().parent)):
        assert private not in text
    for said in (r"C:\Users\John Smith\x.py", "/home/alice", "/Users/alice/y"):
        assert not {"John", "Smith", "alice"} & set(re.split(r"\W", reports.public(said))), said
    assert reports.public("needs 3/4 of a core and pip install -e '.[engines]'") == (
        "needs 3/4 of a core and pip install -e '.[engines]'"
    )


@pytest.mark.parametrize("path", [path for path, _ in PLACES], ids=at)
def test_a_thing_of_another_kind_is_refused_by_its_place(path, tmp_path):
    for wrong in ([{"no": []}], {"no": [[]]}):
        message = refused(tmp_path, changed(path, wrong))
        if path[0] in ("format", "version"):
            assert f"$.{path[0]}" in message
        else:
            assert at(path) in message


@pytest.mark.parametrize("path", NUMBERS, ids=at)
def test_a_number_out_of_range_is_refused_by_its_place(path, tmp_path):
    for wrong in (-1, 10**400, True, "1", float(10**300)):
        message = refused(tmp_path, changed(path, wrong))
        assert at(path) in message or (path == ("version",) and "newer" in message)
    for text in ("1e999", "-1e999"):
        marked = changed(path, 123456.75).replace("123456.75", text)
        assert at(path) in refused(tmp_path, marked)
    for text in ("NaN", "Infinity", "-Infinity"):
        marked = changed(path, 123456.75).replace("123456.75", text)
        assert f"{text} is no number in JSON" in refused(tmp_path, marked)


@pytest.mark.parametrize("path", TEXTS, ids=at)
def test_an_empty_or_endless_text_is_refused_by_its_place(path, tmp_path):
    for wrong in ("", "x" * 10_000, 7, None if path[-2:] != ("gpu",) else 7):
        assert at(path) in refused(tmp_path, changed(path, wrong))


@pytest.mark.parametrize("path", CLOSED, ids=at)
def test_a_field_too_many_or_too_few_is_named(path, tmp_path):
    whole = dict(places(REPORT))[path]
    message = refused(tmp_path, changed(path, whole | {"surprise": 1}))
    assert at(path) in message
    assert "surprise" in message
    for name in whole:
        message = refused(tmp_path, changed(path, {k: v for k, v in whole.items() if k != name}))
        assert at(path) in message
        assert name in message


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("version",), 2, ["$.version is 2", "reads version 1", "newer"]),
        (("version",), 10**3000, ["$.version is 1000", "newer"]),
        (("version",), 0, ["$.version"]),
        (("format",), "geekbench", ['$.format must be "mobilenet-bench"', "--submit"]),
        (("timings", 0, "quartiles_ms"), [31, 40], ["$.timings[0].quartiles_ms", "30.0"]),
        (("timings", 0, "fastest_ms"), 27.5, ["$.timings[0].fastest_ms", "27.5"]),
        (("timings", 0, "fastest_ms"), 0, ["$.timings[0].fastest_ms", "0"]),
        (("timings", 0, "quartiles_ms"), [25, 29], ["$.timings[0].quartiles_ms", "30.0"]),
        (("timings", 1, "name"), "eager", ["$.timings[1]", "eager at batch 1 is there twice"]),
        (("timings", 1, "name"), "phone", ["$.timings[1].name", "'phone' is none of $.engines"]),
        (("timings",), [], ["$.timings"]),
        (("date",), "yesterday", ["$.date", "yesterday"]),
        (("commit",), "rm -rf", ["$.commit"]),
        (("device",), "toaster", ["$.device", "toaster"]),
        (
            ("network", "resolution"),
            31,
            ["$.network.resolution: 31 is less than the minimum of 32"],
        ),
        (("timings", 1, "ratios"), {"\x1e": None}, ["$.timings[1].ratios"]),
    ],
)
def test_what_contradicts_itself_or_is_foreign_is_refused(path, value, words, tmp_path):
    message = refused(tmp_path, changed(path, value))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON, or not all of it"),
        (
            b"\xff\xfe\x00",
            "not all of it: 'utf-8' codec can't decode byte 0xff in position 0",
        ),
        (b"\x89PNG\r\n", "'utf-8' codec"),
        (b"<html>\n</html>", "not JSON"),
        (b"[]", "$.format"),
        (b"null", "$.format"),
        (b"3", "$.format"),
        (b"{}", "$.format"),
        (b"[" * 200_000, "recursion depth"),
        (b'{"a":1,"a":2}', "'a' is there twice"),
        (b"1" * 5000, "not JSON"),
        (b" " * (reports.MOST_BYTES + 1), "larger than 4,194,304 bytes"),
    ],
)
def test_other_files_are_refused(content, words, tmp_path):
    assert words in refused(tmp_path, content)


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    text = json.dumps(REPORT, indent=2)
    for end in range(1, len(text), 97):
        assert "not all of it" in refused(tmp_path, text[:end])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_mutation_is_read_or_refused_and_never_anything_else(tmp_path_factory, data):
    path, _ = data.draw(st.sampled_from(PLACES))
    file = tmp_path_factory.mktemp("mutated") / "theirs.json"
    file.write_text(changed(path, data.draw(VALUES)), encoding="utf-8")
    try:
        found = read_report(file)
    except ReportError as error:
        lines = str(error).splitlines()
    else:
        lines = str(compare(REPORT, found)).splitlines()[:1]
    assert len(lines) == 1


def test_a_report_that_cannot_be_is_not_written(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text("the last one")
    broken = copy.deepcopy(REPORT)
    broken["timings"][0]["median_ms"] = float("nan")
    with pytest.raises(ReportError, match=r"\$\.timings\[0\]"):
        write_report(path, broken)
    assert path.read_text() == "the last one"
    assert [file.name for file in tmp_path.iterdir()] == ["mine.json"]


def test_a_tables_columns_are_as_wide_as_their_widest_cell():
    columns = {"name": "", "ms": ".1f", "share": ".0%"}
    assert format_table(columns, [("a", 1.25, 0.5), ("longer", 100, 1)]) == [
        "name       ms  share",
        "a         1.2    50%",
        "longer  100.0   100%",
    ]
    assert format_table({"none": ""}, []) == ["none"]


def test_two_reports_side_by_side():
    other = make_report(result(threads=4, ceilings={"fp32": 100.0}), 9)
    other["machine"]["processor"] = "Another"
    other["versions"] |= {"openvino": "1.2.3"}
    other["timings"][0] |= {"fastest_ms": 48.0, "median_ms": 90.0, "quartiles_ms": [55.0, 95.0]}
    other["timings"][1]["slice"] = 8
    del other["timings"][2]
    found = compare(REPORT, other)
    by_name = {(pair.name, pair.batch_size): pair for pair in found.pairs}
    assert by_name["eager", 1].ratio == 2
    assert by_name["timm, eager", 1].ratio == 1
    assert list(by_name) == [
        ("eager", 1),
        ("timm, eager", 1),
        ("openvino-int8, slices of 16, 2 side by side", 32),
    ]
    assert found.only_first == ("openvino-int8 at batch 1", "eager, slices of 4 at batch 32")
    assert found.only_second == ("openvino-int8, slices of 8 at batch 1",)
    assert found.differences["machine.processor"] == (files.cpu_model(), "Another")
    assert found.differences["versions.openvino"][1] == "1.2.3"
    assert found.differences["threads"] == (2, 4)
    assert found.differences["ceilings.int8"] == (800.5, None)
    text = str(found)
    assert re.search(r"eager +24\.00 +48\.00 +2\.00\n", text)
    assert "ceilings.int8: 800.5 | not there" in text
    assert found.swapped == ()
    assert "None is clearly faster than another in A and clearly slower in B." in text
    same = compare(REPORT, REPORT)
    assert same.differences == {}
    assert (same.only_first, same.only_second) == ((), ())
    assert "alike" in str(same)


def test_who_is_faster_here_and_slower_there_is_named():
    """A report on batches of 1 and 32; only what both tell apart, and of one size, counts."""
    first, second = (
        make_report(result(timings=(timed("eager", a), timed("openvino-int8", b), *large)), 9)
        for a, b, large in (
            (3.0, 2.0, (timed("eager", 60.0, 32), timed("timm", 61.0, 32, ours=False))),
            (3.1, 5.0, (timed("eager", 60.0, 32), timed("timm", 70.0, 32, ours=False))),
        )
    )
    found = compare(first, second)
    assert found.swapped == (("openvino-int8 at batch 1", "eager at batch 1"),)
    told = "\nFaster in A and slower in B\n  openvino-int8 at batch 1 than eager at batch 1\n"
    assert told in str(found)
    near = make_report(result(timings=(timed("eager", 2.0), timed("openvino-int8", 2.1))), 9)
    assert compare(first, near).swapped == (), "they share a place"
    assert compare(near, second).swapped == ()
    none = make_report(result(timings=(timed("timm, 3", 1.0, ours=False),)), 9)
    assert "clearly" not in str(compare(first, none))


@pytest.mark.parametrize(
    ("leader", "first", "second", "count"),
    [
        (9.15, (10.0, 10.1), (10.1, 10.0), 0),  # a place ends between the two
        (1.95, (2.0, 4.9), (4.9, 2.0), 1),
        (1.0, (2.0, 2.2), (2.2, 2.0), 0),
        (1.0, (2.0, 2.3), (2.3, 2.0), 1),
        (1.0, (2.0, 2.3), (2.0, 2.3), 0),
        (1.0, (2.0, 2.3), (2.1, 2.0), 0),
        (1.0, (2.0, 2.1), (2.3, 2.0), 0),
    ],
)
def test_two_that_changed_their_order_are_compared_with_each_other(leader, first, second, count):
    """Not with the first in their places, which may be another in the other report."""
    reports = []
    for others in (first, second):
        rows = zip(("timm", "eager", "openvino-int8"), (leader, *others), strict=True)
        timings = tuple(timed(name, ms / 0.8, ours=name != "timm") for name, ms in rows)
        reports.append(make_report(result(timings=timings), 9))
    assert len(compare(*reports).swapped) == count


def test_other_programs_change_no_order_and_no_ratio():
    """They slow some readings, most of them even, and one that is left alone counts."""
    quiet = timed("eager", 30.0), timed("openvino-int8", 20.0), timed("timm", 40.0, ours=False)
    slowed = replace(quiet[1], median_ms=90.0, quartiles_ms=(60.0, 99.0))
    a, b = (make_report(result(timings=rows), 9) for rows in (quiet, (quiet[0], slowed, quiet[2])))
    for found in (compare(a, b), compare(b, a)):
        assert found.swapped == ()
        assert [pair.name for pair in found.pairs] == ["openvino-int8", "eager", "timm"]
        assert {pair.ratio for pair in found.pairs} == {1.0}


def test_a_lucky_moment_changes_no_order():
    steady, lucky = timed("eager", 30.0), timed("openvino-int8", 40.0)
    reports = [
        make_report(result(timings=(steady, row)), 9)
        for row in (lucky, replace(lucky, fastest_ms=15.0))
    ]
    assert compare(*reports).swapped == ()
    assert compare(*reports[::-1]).swapped == ()


def test_order_is_within_a_size_of_batch():
    large = [timed("timm", ms, 32, ours=False) for ms in (20.0, 60.0)]
    small = timed("eager", 29.0), timed("openvino-int8", 29.5)
    reports = [make_report(result(timings=(each, *small[::-1])), 9) for each in large]
    found = compare(*reports)
    assert [pair.name for pair in found.pairs] == ["eager", "openvino-int8", "timm"]
    assert found.swapped == ()


def test_different_networks_are_not_compared():
    other = make_report(result(network=Network(0.5, 224, 568_740_352)), 9)
    with pytest.raises(ReportError, match=r"\$\.network\.alpha is 1\.0 in the first and 0\.5"):
        compare(REPORT, other)


def test_names_of_a_foreign_report_cannot_steer_the_terminal():
    evil = Comparison({"alpha": 1.0, "resolution": 224}, (), (), {}, ("\x1b[31mred\x07",), ())
    assert "\x1b" not in str(evil)
    assert "\x07" not in str(evil)
    assert "red" in str(evil)


def test_compare_on_the_command_line(tmp_path, capsys):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    write_report(a, REPORT)
    b.write_text(changed(("threads",), 0))
    assert cli.main(["bench", "--compare", str(a), str(a)]) == 0
    assert "A against B" in capsys.readouterr().out
    assert cli.main(["bench", "--compare", str(a), str(a), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"][0]["name"] == "openvino-int8"
    assert cli.main(["bench", "--compare", str(a), str(b)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mobilenet: error: b.json: $.threads: 0 is less than the minimum of 1")
    assert cli.main(["bench", "--compare", str(a), str(tmp_path / "c.json")]) == 2
    assert "c.json" in capsys.readouterr().err


def test_bench_engines_prints_submits_records_and_fails(tmp_path, monkeypatch, capsys):
    asked, found = {}, {"result": result(failed={})}

    def bench_engines(**options):
        asked.update(options)
        options["progress"]("checking eager")
        return found["result"]

    monkeypatch.setattr(engines, "bench_engines", bench_engines)
    path = tmp_path / "mine.json"
    options = ["--engines", "eager", "openvino", "--seed", "0", "--no-peers"]
    assert cli.main(["bench", *options, "--submit", str(path)]) == 0
    printed = capsys.readouterr()
    assert "Batch of 1, by fastest reading" in printed.out
    assert printed.err == "checking eager ...\n"
    asked.pop("progress")
    assert asked.pop("names") == ("eager", "openvino")
    assert asked.pop("with_peers") is False
    wanted = {"seed": 0, "alpha": 1.0, "device": "cpu"}
    assert {name: asked[name] for name in wanted} == wanted
    assert not {"submit", "compare", "no_peers", "cores", "json", "record"} & asked.keys()
    assert read_report(path)["timings"] == REPORT["timings"]
    monkeypatch.setattr(files, "find_data", lambda: tmp_path)
    found["result"] = result(failed={"liar": "it computes something else"})
    assert cli.main(["bench", "--json", "--record"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"] == {"liar": "it computes something else"}
    recorded = json.loads((tmp_path / "results/bench_engines.json").read_text("utf-8"))
    assert recorded["results"]["timings"] == REPORT["timings"]
    assert cli.main(["bench", "--submit", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
