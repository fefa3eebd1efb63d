"""The `mobilenet` command: what it prints, and what it says about bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobilenet_lib import cli, doctor

ROOT = Path(__file__).resolve().parent.parent


def test_cost_prints_the_paper_network(capsys):
    assert cli.main(["cost"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("1.0 MobileNet-224, separable body, 1,000 classes")
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines() if line}
    # Table 2, with the exact 1.91 % where the paper prints 1.19 %
    assert rows["Conv 1x1"][-4:] == ["539,492,352", "94.86%", "3,139,584", "74.59%"]
    assert rows["Conv DW 3x3"][-3:] == ["3.06%", "44,640", "1.06%"]
    assert rows["Conv 3x3"][-3:] == ["1.91%", "864", "0.02%"]
    assert rows["Fully Connected"][-3:] == ["0.18%", "1,024,000", "24.33%"]
    assert rows["All"] == ["All", "28", "568,740,352", "4,209,088"]
    assert rows["Mult-adds"][-1] == "568,740,352"
    assert rows["Parameters, trainable"][-1] == "4,231,976"
    assert rows["Parameters, as printed in the paper"][-1] == "4,209,088"
    assert rows["Parameters, with BN statistics"][-1] == "4,253,864"
    assert rows["Receptive field, pixels"][-1] == "315"
    assert rows["Effective stride, pixels"][-1] == "32"


def test_layer_table_has_every_layer_and_sums_to_the_total(capsys):
    assert cli.main(["cost", "--alpha", "0.5", "--resolution", "160", "--layers"]) == 0
    text = capsys.readouterr().out
    table = text.split("\n\n")[-1].splitlines()[2:]
    assert len(table) == 28
    columns = [line.split() for line in table]
    assert sum(int(row[-3].replace(",", "")) for row in columns) == 76_524_800
    assert sum(int(row[-2].replace(",", "")) for row in columns) == 1_319_648


@pytest.mark.parametrize(
    ("body", "mult_adds"),
    [("separable", 568_740_352), ("full", 4_867_293_184), ("shallow", 307_323_392)],
)
def test_json_carries_the_numbers(capsys, body, mult_adds):
    assert cli.main(["cost", "--body", body, "--layers", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["mult_adds"] == mult_adds == sum(x["mult_adds"] for x in data["layers"])
    assert data["bytes_moved"] == sum(x["bytes_moved"] for x in data["layers"])
    assert data["intensity"] == pytest.approx(2 * mult_adds / data["bytes_moved"])
    assert sum(row["mult_adds"] for row in data["by_kind"]) == mult_adds


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--alpha", "0"], ["alpha", "0.0", "above 0"]),
        (["--alpha", "-1"], ["alpha", "-1.0", "above 0"]),
        (["--alpha", "nan"], ["alpha", "nan", "above 0"]),
        (["--alpha", "wide"], ["--alpha", "wide"]),
        (["--resolution", "17"], ["resolution", "17", "32"]),
        (["--resolution", "22.5"], ["--resolution", "22.5"]),
        (["--num-classes", "0"], ["num_classes", "0", ">= 1"]),
        (["--body", "tall"], ["body", "tall", "separable", "full", "shallow"]),
        (["--depth", "3"], ["--depth"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, words):
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    run = subprocess.run(
        [sys.executable, "-m", "mobilenet_lib.cli", "cost", *options],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    assert lines[0].startswith("mobilenet: error: ")
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize("arguments", [[], ["price"]])
def test_a_missing_or_unknown_command_lists_those_there_are(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cost" in line or "price" in line
    assert "--help" in line


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["cost", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in ("--alpha", "--resolution", "--num-classes", "--body", "--layers", "--json"):
        assert option in text


def test_doctor_prints_findings_and_returns_their_exit_code(capsys, monkeypatch):
    found = [doctor.Finding("Python", "ok", "3.12.1"), doctor.Finding("Disk", "fail", "no", "Do.")]
    monkeypatch.setattr(doctor, "diagnose", lambda: found)
    assert cli.main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "ok    Python  3.12.1" in text
    assert "Do." in text
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[1]["advice"] == "Do."
    monkeypatch.setattr(doctor, "diagnose", lambda: found[:1])
    assert cli.main(["doctor"]) == 0


def test_cost_needs_no_torch():
    code = (
        "import sys\nfrom mobilenet_lib.cli import main\nassert main(['cost']) == 0\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)


def test_a_reader_that_goes_away_is_no_error():
    command = [sys.executable, "-c", "from mobilenet_lib.cli import main; main()", "cost"]
    command += ["--layers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
