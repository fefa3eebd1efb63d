"""The `mobilenet` command: what it prints, and what it says about bad input."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from mobilenet_lib import cli, doctor, mobilenet_v1
from mobilenet_lib.cli.bench import MEASUREMENTS, Bench, Engines
from mobilenet_lib.train.recipe import RECIPES, Recipe, flat

ROOT = Path(__file__).resolve().parent.parent


def run_python(*arguments, root=ROOT):
    """Python, run with the library of `root`."""
    environment = dict(os.environ, PYTHONPATH=str(root))
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


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


def test_a_dropped_stride_is_told_and_counted(capsys):
    words = ["cost", "--alpha", "0.25", "--resolution", "32", "--drop-stride", "last"]
    assert cli.main(words) == 0
    title, _, totals, *_ = capsys.readouterr().out.split("\n\n")
    assert title.endswith(", last stride of 2 dropped")
    assert re.search(r"^Effective stride, pixels +16$", totals, re.MULTILINE)
    assert cli.main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    arch = mobilenet_v1(0.25, 32, drop_stride="last")
    assert (told["drop_stride"], told["mult_adds"]) == ("last", arch.mult_adds)


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
    ("line", "words"),
    [
        ("cost --alpha 0", ["alpha", "0.0", "above 0"]),
        ("cost --alpha -1", ["alpha", "-1.0", "above 0"]),
        ("cost --alpha nan", ["alpha", "nan", "above 0"]),
        ("cost --alpha wide", ["--alpha", "wide"]),
        ("cost --resolution 17", ["resolution", "17", "32"]),
        ("cost --resolution 22.5", ["--resolution", "22.5"]),
        ("cost --num-classes -1", ["num_classes", "-1", ">= 0"]),
        ("cost --body tall", ["body", "tall", "separable", "full", "shallow"]),
        ("cost --depth 3", ["--depth"]),
        ("train --epochs 0", ["epochs", ">= 1", "0"]),
        ("train --resolution 31", ["resolution", "32", "31"]),
        ("train --rate -1", ["rate", "above 0"]),
        ("train --recipe soup", ["recipe", "soup"]),
        ("train --dataset nothing-here --plan fp32", ["nothing-here", "glyphs"]),
        ("train --warm-up 1", ["one-cycle"]),
        ("train --save-every 0", ["save_every", ">= 1", "0"]),
        ("sweep --jobs 0", ["jobs", ">= 1"]),
        ("sweep --name a/b", ["name", "a/b"]),
        ("sweep --alphas -1", ["alpha", "above 0"]),
        ("sweep --alpha 0.5", ["--alphas"]),
        ("sweep --body full", ["--bodies"]),
        ("sweep --seed 1", ["--seeds"]),
        ("export --out x.tflite", ["must end in .onnx, .xml, .pte, got 'x.tflite'"]),
        ("export --out x.onnx --format openvino", ["must end in .xml"]),
        ("export --out x.onnx --checkpoint nobody.safetensors", ["nobody.safetensors"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(line, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(line)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (said,) = printed.err.splitlines()
    assert said.startswith("mobilenet: error: ")
    for word in words:
        assert word in said
    assert list(tmp_path.iterdir()) == []


def test_the_module_is_the_command():
    answer = run_python("-m", "mobilenet_lib.cli", "cost", "--alpha", "0")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("mobilenet: error: alpha must be")


@pytest.mark.parametrize("arguments", [[], ["price"]])
def test_a_missing_or_unknown_command_lists_those_there_are(capsys, arguments):
    assert cli.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cost, predict, train, sweep, bench, export, data, doctor" in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "train --alhpa 1",
            "--alhpa is not for `train`, which takes --alpha; see mobilenet",
        ),
        ("cost --depth 3", "--depth is not for `cost`, which takes --alpha, --resolution, "),
        ("cost --recipe paper", "--recipe is not for `cost`, which takes"),
        ("train --rcipe=paper", "--rcipe is not for `train`, which takes --recipe;"),
        ("bench layers --batch-sizes 8", "is not for `bench layers`, which takes --batch-size;"),
        ("bench layers sparse", "sparse is not for `bench`, which takes engines, layers, sparse,"),
        ("bench --alpha 0.5 layers", "'layers' because 'engines' was already implicitly selected"),
        ("bench sparse --precision", "--precision is not for `bench sparse`, which takes --seed"),
        ("train --recipe soup", "'soup' for argument '--recipe'. Expected one of ('quick', 'pape"),
        ("train --recipe", "Missing value for argument '--recipe'"),
        ("train --epochs 0", "mobilenet: error: epochs must be a whole number >= 1, got 0"),
        ("export", "Missing from mobilenet export: --out PATH File to write"),
        ("predict cat --state", "Missing value for argument '--state'"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_refusal_is_one_line_that_names_what_is_right(line, words, encoding, monkeypatch, capfd):
    """Where the output is not UTF-8, tyro draws its frames of other signs."""
    with open(os.dup(1), "w", encoding=encoding) as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert cli.main(shlex.split(line)) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert printed.err.isascii()
    assert not re.search("  |---|; see .*; see ", printed.err)
    assert re.search(r"; see mobilenet( \w+)* --help$", printed.err)


# --- every option, and what --help says of it ---------------------------------------------------

COMMANDS = {"cost": cli.Cost, "predict": cli.Predict, "train": cli.Train, "sweep": cli.Sweep}
COMMANDS |= {"export": cli.Export, "doctor": cli.Doctor}
COMMANDS |= {f"bench {name}": kind for name, kind in MEASUREMENTS.items()}


def shown_help(capsys, line):
    with pytest.raises(SystemExit) as stop:
        cli.main([*line.split(), "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


def described(printed):
    """Every option with what --help says of it, which stands in a column of its own."""
    rows = [row.removesuffix("│")[2:].rstrip() for row in printed.splitlines()]
    rows = [row for row in rows if row.strip("-─")]  # no rules and no blank lines
    while not rows[0].startswith("-h, --help"):
        del rows[0]
    column, shown, option = rows[0].index("show this help"), {}, ""
    for row in rows:
        if row.startswith("-"):
            option = row.split()[0].strip(",")
            shown[option] = []
        if row[:column].strip() == "" or row[column - 2 : column] == "  ":
            shown[option].append(row[column:])
    del shown["-h"]
    return {option: " ".join(words) for option, words in shown.items()}


def fields_of(kind):
    """The fields of a command's class, and of the recipe in it, by their own names."""
    for each in fields(kind):
        if each.name == "recipe":
            yield from ("recipe" if name == "name" else name for name in flat(Recipe()))
        elif each.name != "photos":
            yield each.name


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_every_option_in_a_sentence(command, capsys):
    shown = described(shown_help(capsys, command))
    assert set(shown) == {"--" + name.replace("_", "-") for name in fields_of(COMMANDS[command])}
    for option, words in shown.items():
        sentence = re.sub(r" \((default: .*|required)\)$", "", words)
        assert re.match(r"[A-Z][\w']+ .*\.$", sentence), (option, sentence)
        first = sentence.split()[0]
        assert first not in ("Of", "For", "If", "Or", "And", "Where", "Which"), option


@pytest.mark.parametrize("name", RECIPES)
def test_help_shows_the_values_of_the_recipe_that_is_named(name, capsys):
    for command in (f"train --recipe {name}", f"sweep --alphas 1 --recipe={name}"):
        shown = described(shown_help(capsys, command))
        assert shown["--recipe"].endswith(f"(default: {name})")
        for value, default in flat(RECIPES[name]).items():
            option = "--" + ("recipe" if value == "name" else value.replace("_", "-"))
            assert shown[option].endswith(f"(default: {default})"), option


@pytest.mark.slow
def test_a_new_field_of_a_recipe_is_an_option_and_takes_one_edit(tmp_path):
    shutil.copytree(
        ROOT / "mobilenet_lib", tmp_path / "mobilenet_lib", ignore=shutil.ignore_patterns("*.pyc")
    )
    path = tmp_path / "mobilenet_lib/train/recipe.py"
    source, place = path.read_text("utf-8"), "    factor: float = 0.94\n"
    assert source.count(place) == 1
    added = '    pause: int = 0\n    """Steps without training after an epoch."""\n'
    path.write_text(source.replace(place, added + place), "utf-8")

    def run(*command):
        answer = run_python(*command, root=tmp_path)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    for command in ("train", "sweep"):
        shown = described(run("-m", "mobilenet_lib.cli", command, "--help"))
        assert shown["--pause"] == "Steps without training after an epoch. (default: 0)"
    sweep = ("sweep", "--alphas", "1", "0.5", "--pause", "3", "--list")
    lines = run("-m", "mobilenet_lib.cli", *sweep).splitlines()
    assert [" --pause 3 " in line for line in lines] == [True, True]
    code = (
        "from mobilenet_lib.train import Recipe, preset\n"
        "recipe = preset('paper').changed(pause=3)\n"
        "assert Recipe.from_dict(recipe.to_dict()).schedule.pause == 3\n"
        "print(*recipe.differences(preset('paper')))"
    )
    assert run("-c", code) == "pause 0 (here 3)\n"


def test_doctor_prints_findings_and_returns_their_exit_code(capsys, monkeypatch):
    found = [doctor.Finding("Python", "ok", "3.12.1"), doctor.Finding("Disk", "fail", "no", "Do.")]
    monkeypatch.setattr(doctor, "CHECKS", [lambda: found[0], lambda: found[1]])
    assert cli.main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "ok    Python  3.12.1" in text
    assert "Do." in text
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[1]["advice"] == "Do."
    monkeypatch.setattr(doctor, "CHECKS", [lambda: found[0]])
    assert cli.main(["doctor"]) == 0


def test_cost_needs_no_torch():
    code = (
        "import sys\nfrom mobilenet_lib.cli import main\nassert main(['cost']) == 0\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    assert run_python("-c", code).returncode == 0


def test_training_decides_how_threads_wait_before_torch_is_there():
    """OpenMP reads the variable as torch loads it, and never again."""
    code = (
        "import os, sys\n"
        "class AtTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('OMP_WAIT_POLICY'), flush=True)\n"
        "            os._exit(0)\n"
        "sys.meta_path.insert(0, AtTorch())\n"
        "from mobilenet_lib.cli import main\n"
        "main(['train'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, env=environment, text=True) == "PASSIVE\n"


def test_a_reader_that_goes_away_is_no_error():
    command = [sys.executable, "-c", "from mobilenet_lib.cli import main; main()", "cost"]
    command += ["--layers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


# --- bench: which options go with which measurement ---------------------------------------------


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("bench", Engines()),
        ("bench engines", Engines()),
        ("bench --engines all", Engines()),
        (
            "bench --engines eager openvino --batch-sizes 1 8",
            Engines(engines=("eager", "openvino"), batch_sizes=(1, 8)),
        ),
        (
            "bench --submit mine.json --threads 2",
            Engines(submit=Path("mine.json"), threads=2),
        ),
        ("bench --compare a.json b.json", Engines(compare=(Path("a.json"), Path("b.json")))),
        ("bench engines --readings 9 --record", Engines(readings=9, record=True)),
        ("bench data --alpha 0.25", MEASUREMENTS["data"](alpha=0.25)),
        ("bench train --compile", MEASUREMENTS["train"](compile=True)),
        ("bench layers --batch-size 8 --record", MEASUREMENTS["layers"](batch_size=8, record=True)),
    ],
)
def test_bench_is_parsed(line, wanted):
    assert cli.parse(shlex.split(line)) == Bench(wanted)


@pytest.mark.parametrize("what", MEASUREMENTS)
def test_an_option_of_another_measurement_is_refused(what, capsys):
    every = {each.name for kind in MEASUREMENTS.values() for each in fields(kind)}
    for name in every - {each.name for each in fields(MEASUREMENTS[what])}:
        spelled = "--" + name.replace("_", "-")
        assert cli.main(["bench", what, spelled, "1"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(
            f"mobilenet: error: {spelled} is not for `bench {what}`, which takes"
        )


def test_cores_are_set_before_anything_runs(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda pid, cores: asked.append((pid, cores)), raising=False
    )
    arguments = ["bench", "sparse", "--readings", "1", "--cores"]
    assert cli.main([*arguments, "5", "0"]) == 2  # too few readings: refused after the cores
    assert asked == [(0, (5, 0))]
    assert "readings must be" in capsys.readouterr().err
    assert cli.main([*arguments, "2"]) == 2
    assert "that this process may use, 0, 1, 5; got 2" in capsys.readouterr().err
    monkeypatch.delattr(os, "sched_setaffinity")
    assert cli.main([*arguments, "0"]) == 2
    assert "--cores is for Linux" in capsys.readouterr().err
    assert asked == [(0, (5, 0))]


@pytest.mark.parametrize(
    "more", [["--engines", "eager"], ["--seed", "1"], ["--record"], ["--submit", "c.json"]]
)
def test_comparing_measures_nothing(more, capsys):
    assert cli.main(["bench", "--compare", "a.json", "b.json", *more]) == 2
    assert f"so {more[0]} cannot go with it" in capsys.readouterr().err
    assert cli.main(["bench", "train", "--compare", "a.json", "b.json"]) == 2
    assert "--compare is not for `bench train`" in capsys.readouterr().err


# --- export ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_export_writes_a_file_that_others_load(tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "person.onnx"
    asked = ["export", "--checkpoint", "person_detector", "--format", "onnx", "--out", str(path)]
    assert cli.main([*asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["classes"] == ["person", "non_person"]
    assert said["files"] == {"person.onnx": path.stat().st_size}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == [3, 96, 96]
    assert said["resolution"] == 96
