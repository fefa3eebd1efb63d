"""Each number the paper prints follows from the described network, or is listed with the reason."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from mobilenet_lib import paper
from mobilenet_lib.architecture import mobilenet_v1
from mobilenet_lib.files import find_data
from mobilenet_lib.paper import other_networks
from mobilenet_lib.paper.claims import halved_flops
from mobilenet_lib.paper.rounding import format_exact, judge, quantum
from mobilenet_lib.paper.tables import LAYOUTS, verdict_of

FOLDER = find_data() / "paper"
REFERENCE = Path(__file__).resolve().parent / "reference"
CELLS = paper.cells()
LISTED = paper.discrepancies()
SUCCESSORS = {"MobileNetV2", "MobileNetV3", "EfficientNet-Lite"}
KINDS = {"truncated", "misprint", "other count", "contradiction", "wording", "unexplained"}


def name(record: paper.Cell | paper.Discrepancy) -> str:
    return f"{record.table}-{record.row}-{record.column}"


def raw_rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(line for line in lines if not line.startswith("#")))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the printed tables that a test may spoil, read in place of the book's own."""
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    return Path(shutil.copytree(FOLDER, tmp_path / "paper"))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


# --- Every cell -------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [c for c in CELLS if c.verdict != "not countable"], ids=name)
def test_a_countable_cell_follows_or_is_listed(cell: paper.Cell, record_property) -> None:
    record_property("paper", cell.table)
    if cell.discrepancy is None:
        # Once more and by another rule than the library's: at most half a printed step away.
        if isinstance(cell.exact, str):
            assert cell.exact == cell.printed
        else:
            step = quantum(cell.printed, cell.recomputed.round_figure)
            assert abs(cell.exact - Fraction(cell.printed)) <= step / 2
        assert cell.verdict == "rounds"
    else:
        assert cell.verdict in ("listed", "truncates")
        assert cell.discrepancy.reason


@pytest.mark.parametrize("cell", [c for c in CELLS if c.verdict == "not countable"], ids=name)
def test_a_cell_that_cannot_be_counted_says_why(cell: paper.Cell) -> None:
    assert cell.note
    assert cell.discrepancy is None
    if cell.exact is not None:
        assert cell.printed == ""
        assert cell.table == "figures"


def test_no_cell_is_lost(capsys: pytest.CaptureFixture, record_property) -> None:
    lines = []
    for key, layout in LAYOUTS.items():
        head, *rows = raw_rows(FOLDER / f"{layout.file}.csv")
        values = [i for i, column in enumerate(head) if column not in ("row", *layout.labels)]
        table = paper.table(key)
        assert len(table.cells) == len(rows) * len(values)
        assert [c.printed for c in table.cells] == [row[i] for row in rows for i in values]
        assert table.tally["differs"] == 0
        lines.append(f"{table.key:>9}: {paper.summary(table.tally)}")
        record_property(f"table {key}", dict(table.tally))
    reasons = Counter(c.note for c in CELLS if c.verdict == "not countable")
    # Every file of the folder is read by some table.
    others = {"discrepancies.csv", "phones.csv", "devices.csv", "after.csv", "timed.csv"}
    assert {f"{layout.file}.csv" for layout in LAYOUTS.values()} | others == {
        file.name for file in FOLDER.glob("*.csv")
    }
    with capsys.disabled():
        print("\nnumbers of the paper")
        print("\n".join(lines))
        print(f"      all: {paper.summary(paper.tally(CELLS))}")
        for reason, count in reasons.most_common():
            print(f"           {count:3} not countable: {reason}")


def test_all_tables_and_figures_are_there() -> None:
    keys = [table.key for table in paper.tables()]
    assert keys == [*map(str, range(1, 15)), "figures", "text", "elsewhere"]
    assert paper.tally(CELLS).total() == len(CELLS) == 449


# --- The discrepancy list ---------------------------------------------------------------------


@pytest.mark.parametrize("entry", LISTED, ids=name)
def test_a_listed_derivation_holds(entry: paper.Discrepancy) -> None:
    cell = paper.table(entry.table).cell(entry.row, entry.column)
    counted = cell.recomputed
    fit = judge(cell.printed, counted.value, counted.round_figure)
    assert entry.kind in KINDS
    assert entry.exact == cell.exact_text
    assert (fit == "truncates") == (entry.kind == "truncated")
    assert fit != "rounds" or entry.kind == "wording", "it rounds: strike it off the list"
    if entry.explained:
        assert entry.explained == format_exact(counted.other, cell.printed)
        assert judge(cell.printed, counted.other, counted.round_figure) != "differs"
    else:
        assert entry.kind != "other count"


def test_a_count_is_called_unexplained_only_if_the_other_reading_fails_too() -> None:
    for entry in LISTED:
        other = paper.table(entry.table).cell(entry.row, entry.column).recomputed.other
        if entry.kind == "unexplained" and other is not None:
            assert judge(entry.printed, other) == "differs"


def test_stride_2_in_the_last_depthwise_row_gives_another_total() -> None:
    arch = mobilenet_v1()
    *body, depthwise, pointwise, head = arch.layers
    # 4x4 instead of 7x7 in the last two layers.
    last = (depthwise.mult_adds + pointwise.mult_adds) * 16 // 49
    assert sum(la.mult_adds for la in body) + last + head.mult_adds == 533_833_216
    assert judge("569", Fraction(533_833_216, 10**6)) == "differs"
    assert judge("569", Fraction(arch.mult_adds, 10**6)) == "rounds"


def test_table_2_adds_up_only_with_the_two_digits_swapped() -> None:
    column = [paper.table(2).cell(row, "mult_adds_pct").value for row in range(1, 5)]
    assert (str(sum(column)), str(column[2])) == ("99.29", "1.19")
    assert str(sum(column) - column[2] + Decimal("1.91")) == "100.01"


def test_the_embedding_head_of_table_14_fits_one_row_only() -> None:
    table, fits = paper.table(14), []
    for row, alpha, resolution in ((2, 1, 160), (3, 1, 128), (4, 0.75, 160), (5, 0.75, 128)):
        arch = mobilenet_v1(alpha, resolution)
        head = arch.layers[-1]
        body = Fraction(arch.mult_adds - head.mult_adds, 10**6)
        weights = Fraction(arch.parameters_as_printed - head.parameters_as_printed, 10**6)
        left = Fraction(table.cell(row, "million_parameters").value) - weights
        fits.append(judge(table.cell(row, "million_mult_adds").printed, body + left) == "rounds")
    assert fits == [False, False, False, True]


def test_claims_look_their_numbers_up_in_the_right_rows() -> None:
    assert paper.table("text").labels[20][0] == "planet_mobilenet_head"
    assert [label[0] for label in paper.table(4).labels] == ["Conv MobileNet", "MobileNet"]
    assert [label[0] for label in paper.table(5).labels] == ["0.75 MobileNet", "Shallow MobileNet"]
    assert [label[0] for label in paper.table(9).labels][1:] == ["Squeezenet", "AlexNet"]
    assert paper.table(12).labels[6] == ("Baseline",)


# --- The checks themselves can fail ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "row", "column"),
    [
        ("table07_resolution", "69.1,418,", "69.1,419,", 7, 2, "million_mult_adds"),
        ("table06_width_multiplier", "325,2.6", "325,2.5", 6, 2, "million_parameters"),
        ("table01_body_architecture", "2,Conv dw / s1", "2,Conv dw / s2", 1, 2, "type_stride"),
        ("table13_coco_detection", "25.2", "25.3", 13, 6, "billion_mult_adds"),
        ("text_claims", "layers,28", "layers,27", "text", 3, "printed"),
    ],
)
def test_a_planted_wrong_value_is_caught(copy, file, old, new, key, row, column) -> None:
    before = next(c for c in CELLS if (c.table, c.row, c.column) == (str(key), row, column))
    assert before.verdict == "rounds"
    replace(copy / f"{file}.csv", old, new)
    assert paper.table(key).cell(row, column).verdict == "differs"
    others = [c for c in paper.cells() if c.verdict == "differs"]
    assert [(c.table, c.row, c.column) for c in others] == [(str(key), row, column)]


@pytest.mark.parametrize("entry", LISTED, ids=name)
def test_a_cell_taken_off_the_list_is_caught(entry: paper.Discrepancy) -> None:
    cell = paper.table(entry.table).cell(entry.row, entry.column)
    verdict = verdict_of(cell.printed, cell.recomputed, None)
    # A statement that is off although its number is right can only be found by reading it.
    is_right = entry.kind == "wording" and judge(cell.printed, cell.exact) == "rounds"
    assert verdict == ("rounds" if is_right else "differs")


def test_a_row_taken_off_the_file_is_caught(copy: Path) -> None:
    file = copy / "discrepancies.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("7,3,")]
    assert len(kept) == len(lines) - 1
    file.write_text("".join(kept), encoding="utf-8")
    assert paper.table(7).cell(3, "million_mult_adds").verdict == "differs"
    assert "DIFFER UNEXPLAINED" in str(paper.table(7))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("7,3,1.0 MobileNet-160", "7,9,1.0 MobileNet-160", "no table has"),
        ("7,3,1.0 MobileNet-160", "7,3,1.0 MobileNet-128", "1.0 MobileNet-128"),
        ("7,3,1.0 MobileNet-160,million_mult_adds,290", "7,3,1.0 MobileNet-160,x,290", "'x'"),
    ],
)
def test_a_list_that_names_no_cell_is_refused(copy: Path, old, new, message) -> None:
    replace(copy / "discrepancies.csv", old, new)
    with pytest.raises(ValueError, match=message):
        paper.tables()


def test_a_cell_listed_twice_is_refused(copy: Path) -> None:
    file = copy / "discrepancies.csv"
    text = file.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("7,3,"))
    file.write_text(f"{text}{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="twice"):
        paper.tables()


def test_a_column_that_nothing_recomputes_is_refused(copy: Path) -> None:
    replace(copy / "table07_resolution.csv", "million_parameters", "megabytes")
    with pytest.raises(ValueError, match="megabytes"):
        paper.table(7)


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no table 15"):
        paper.table(15)
    with pytest.raises(KeyError, match="columns are"):
        paper.table(7).cell(1, "latency")


# --- Rounding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "exact", "round_figure", "fit"),
    [
        ("569", "568.740352", False, "rounds"),
        ("290", "290.6752", False, "truncates"),
        ("290", "290.6752", True, "rounds"),
        ("291", "290.5", False, "rounds"),
        ("290", "290.5", False, "truncates"),
        ("290", "291", False, "differs"),
        ("290", "289.4", False, "differs"),
        ("1.19", "1.905", False, "differs"),
        ("0.5", "0.4636", False, "rounds"),
        ("15300", "15346.63", True, "rounds"),
        ("15300", "15346.63", False, "differs"),
        ("15300", "15470.26", True, "differs"),
        ("60", "60.97", True, "truncates"),
        ("720", "724.4", True, "rounds"),
        ("5000", "5049.9", True, "rounds"),
        ("5000", "5050", True, "truncates"),
    ],
)
def test_rounding(printed: str, exact: str, round_figure: bool, fit: str) -> None:
    assert judge(printed, Fraction(exact), round_figure) == fit


@pytest.mark.parametrize("printed", ["", "4,2", "-3", "1e3", "five"])
def test_a_printed_number_must_be_plain(printed: str) -> None:
    with pytest.raises(ValueError, match="printed number"):
        quantum(printed)


# --- Networks of others: totals that their own publications and frameworks give -------------------


def test_other_networks_have_their_well_known_totals() -> None:
    vgg, alexnet = other_networks.other_network("VGG 16"), other_networks.other_network("AlexNet")
    assert (vgg.parameters, vgg.mult_adds) == (138_357_544, 15_470_264_320)
    assert (alexnet.parameters, alexnet.mult_adds) == (60_965_224, 724_406_816)
    assert other_networks.other_network("Squeezenet").parameters == 1_248_424
    assert other_networks.other_network("GoogleNet").parameters == 6_998_552
    assert other_networks.other_network("1.0 MobileNet-224") is None


def test_googlenets_own_table_and_pytorchcvs_other_widths_agree_with_the_readings() -> None:
    thousands = [Fraction(part) for part in other_networks.GOOGLENET_THOUSANDS.split()]
    assert (len(thousands), float(sum(thousands))) == (12, 6797.7)
    # pytorchcv prints 333.99 million beside 0.75, by the same counter.
    assert halved_flops(mobilenet_v1(0.75)) == 333_989_400


def test_what_came_after_names_its_source_and_counts_mobilenet_itself() -> None:
    found = paper.since()
    assert all("(" in each.source or "arXiv" in each.source for each in found)
    again = [each for each in found if each.kind == "trained again"]
    assert {each.mult_adds for each in again} == {mobilenet_v1().mult_adds / 1e6}
    assert (again[0].top1, max(each.top1 for each in again)) == (70.6, 77.89)
    assert {each.kind for each in found} == {"trained again", *SUCCESSORS}


def test_the_chapter_prints_the_counts_of_these_tests() -> None:
    notebook = FOLDER.parents[1] / "chapters" / "09_every_number_in_the_paper.ipynb"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = [
        "".join(output["text"])
        for cell in cells
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        if output["output_type"] == "stream"
    ]
    printed = " ".join(texts[0].split())
    assert printed == paper.summary(paper.tally(CELLS)).replace(":", "").replace(",", "")
    assert any(f"{len(LISTED)} on the list" in text for text in texts)
    findings = Counter(cell.finding for cell in CELLS)
    assert texts[1] == "".join(f"{findings[each]:4d} {each}\n" for each in paper.FINDINGS)


# --- The sixteen models, and printing -------------------------------------------------------------


def test_published_networks_are_the_printed_ones() -> None:
    slim = paper.published("tf-slim")
    assert [(m.alpha, m.resolution) for m in slim] == [
        (m.alpha, m.resolution) for m in paper.models()
    ]
    # Read off tf-slim's own table: its widest, and its narrowest at the lowest resolution.
    assert (slim[0].accuracy, slim[0].spread, slim[0].mult_adds) == (70.9, 0, 568_740_352)
    assert (slim[-1].accuracy, slim[-1].alpha, slim[-1].resolution) == (41.5, 0.25, 128)
    assert paper.published("tf-slim, 8 bit")[0].accuracy == 69.7
    # Table 6 (224 pixels), Table 7 (alpha 1) and Table 9's 0.5 MobileNet-160.
    own = {(m.alpha, m.resolution): m.accuracy for m in paper.published("the paper")}
    widths = {(0.75, 224): 68.4, (0.5, 224): 63.7, (0.25, 224): 50.6}
    sides = {(1, 224): 70.6, (1, 192): 69.1, (1, 160): 67.2, (1, 128): 64.4}
    assert own == widths | sides | {(0.5, 160): 60.2}
    with pytest.raises(ValueError, match="the paper, tf-slim, tf-slim, 8 bit; got 'keras'"):
        paper.published("keras")


def test_the_sixteen_models_match_the_reference() -> None:
    head, *rows = raw_rows(REFERENCE / "figure4_5_16_models.csv")
    rows = [dict(zip(head, row, strict=True)) for row in rows]
    found = paper.models()
    assert len(found) == 16
    for model, row in zip(found, rows, strict=True):
        assert (model.alpha, model.resolution) == (float(row["alpha"]), int(row["resolution"]))
        assert model.mult_adds == int(row["exact_macs"])
        assert model.parameters == int(row["exact_params_1000"])
        assert model.paper_top1 == (float(row["paper_top1"]) if row["paper_top1"] else None)
        assert model.slim2017_top1 == float(row["slim2017_top1"])
        assert model.slim2018_top1 == float(row["slim2018_top1"])
        assert model.quant2018_top1 == float(row["quant2018_top1"])
        assert model.architecture.mult_adds == model.mult_adds
    assert [m.name for m in found][5] == "0.75 MobileNet-192"


def test_the_phones_list_is_of_the_sixteen_and_its_sizes_are_theirs() -> None:
    found = paper.phones()
    sixteen = paper.models()
    assert [(p.alpha, p.resolution) for p in found] == [(m.alpha, m.resolution) for m in sixteen]
    for phone, model in zip(found, sixteen, strict=True):
        assert phone.mult_adds == model.mult_adds
        # Four bytes a parameter, one in 8 bit; the rest of the file is the graph.
        assert phone.float_megabytes == pytest.approx(4e-6 * model.parameters, abs=0.06)
        assert phone.int8_megabytes == pytest.approx(1e-6 * model.parameters, abs=0.08)
        assert phone.float_top1 == pytest.approx(model.slim2018_top1, abs=0.8)
        assert phone.int8_ms < phone.float_ms
        assert phone.int8_top1 < phone.float_top1
    # Read off TensorFlow's page.
    assert (found[0].float_ms, found[0].int8_ms, found[0].float_gpu_ms) == (24.0, 13.0, 6.5)
    assert (found[-1].float_top1, found[-1].int8_top1) == (41.4, 39.5)


def test_every_device_names_its_source_and_its_licence() -> None:
    found = paper.devices()
    assert all("BSD" in d.source or "Apache-2.0" in d.source for d in found)
    assert all(d.milliseconds > 0 for d in found)
    times = {(d.device, d.precision): d.milliseconds for d in found if d.threads == "all"}
    for device in {device for device, _ in times}:
        assert times[device, "8 bit"] < times[device, "float"]


def test_what_others_timed_names_where_it_stands() -> None:
    found = paper.timed()
    assert all(re.search(r"^\S+ \S+ at [0-9a-f]{8}\b", row.source) for row in found)
    t4 = {row.alpha: row.milliseconds for row in found if (row.batch, row.precision) == (1, "fp16")}
    assert (t4[1], t4[0.25]) == (0.71942, 0.68422)  # as PaddleClas prints them
    chips = [row for row in found if row.resolution == 96]
    assert len(chips) == 6
    assert {row.alpha for row in chips} == {0.25}
    # Printed as 1.665 images per second and 24312.648 microjoules for one.
    assert chips[0].milliseconds == pytest.approx(1000 / 1.665)
    assert chips[0].millijoules == pytest.approx(24.312648)


def test_a_printed_table_shows_both_values_and_the_reason() -> None:
    table = paper.table(7)
    text = str(table)
    assert "290" in text
    assert "< 290.675" in text
    assert "would round to 291" in text
    page = table._repr_html_()
    assert page.count("<tr>") == 5
    assert "&lt; 290.675" in page
    assert '<th scope="row">1.0 MobileNet-160</th>' in page


def test_every_table_prints() -> None:
    for table in paper.tables():
        lines = str(table).splitlines()
        assert len(lines) == 4 + len(table.labels) + len(table.discrepancies)
        assert table._repr_html_().count("<tr>") == 1 + len(table.labels)


def test_printed_values_stay_as_printed() -> None:
    assert paper.table(2).cell(3, "mult_adds_pct").printed == "1.19"
    assert paper.table(1).cell(14, "type_stride").printed == "5x Conv dw / s1"
    assert paper.table(1).cell(14, "type_stride").value is None
    assert str(paper.table(11).cell(2, "planet_pct").value) == "64.0"
    units = [paper.table(key).cell(1, "printed").unit for key in ("text", "elsewhere")]
    assert [*units, paper.table(7).cells[0].unit] == ["times", "parameters", "%"]


def test_it_needs_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, mobilenet_lib.paper as p; p.tables();"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
