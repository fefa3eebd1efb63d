"""All of a GPU's measurements in one go, tried on the processor with the smallest sizes."""

import json
import subprocess
from dataclasses import replace

import pytest
import torch

from mobilenet_lib import cli
from mobilenet_lib.bench import gpu
from mobilenet_lib.bench.gpu import FULL, TINY, bench_gpu, is_recorded, pieces
from mobilenet_lib.cli import parse
from mobilenet_lib.results import recorded


def states(result):
    return {piece.name: piece.state for piece in result.pieces}


@pytest.mark.slow
def test_pieces_are_recorded_one_by_one_and_what_is_there_is_left_alone(tmp_path):
    first = bench_gpu("cpu", tmp_path, tiny=True, only=["layers_1", "tests"])
    assert states(first) == {"layers_1": "measured", "tests": "measured"}
    assert first.within_limits
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    whole = bench_gpu("cpu", tmp_path, tiny=True)
    wanted = dict.fromkeys([*pieces("cpu", TINY), "tests"], "measured")
    assert states(whole) == wanted | {"layers_1": "already there", "tests": "already there"}
    assert {path: path.read_bytes() for path in before} == before
    assert len(list(tmp_path.iterdir())) == len(wanted), "the training's folder is gone"
    for path in tmp_path.iterdir():
        content = recorded(path.stem, tmp_path)
        assert content["provenance"]["commit"]
        assert content["provenance"]["date"]


def test_without_time_nothing_is_begun_and_the_exit_code_says_so(tmp_path, capsys):
    line = ["bench", "gpu", "--device", "cpu", "--tiny", "--minutes", "1e-9"]
    assert cli.main([*line, "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("not begun: the time is over") == len(pieces("cpu", TINY)) + 1
    assert "The same command goes on with what is left." in printed
    assert not list(tmp_path.iterdir())


def test_a_piece_that_takes_too_long_is_ended_and_one_that_breaks_says_why(tmp_path, monkeypatch):
    slow, broken = replace(TINY, tests=("tests/none.py",)), replace(TINY, readings="1")
    monkeypatch.setattr(gpu, "TINY", slow)
    monkeypatch.setattr(gpu, "time", Clock())
    ended = bench_gpu("cpu", tmp_path, minutes=1e-4, tiny=True, only=["machine"])
    assert states(ended) == {"machine": "ended: the time is over"}
    monkeypatch.undo()
    monkeypatch.setattr(gpu, "TINY", broken)
    (failed,) = bench_gpu("cpu", tmp_path, tiny=True, only=["layers_1"]).pieces
    assert failed.state.startswith("failed: mobilenet: error: readings must be")
    assert not failed.good
    assert not list(tmp_path.iterdir())


class Clock:
    """A clock that stands still."""

    def monotonic(self):
        return 0.0


@pytest.mark.parametrize("change", ["command", "torch", "torn", "other"])
def test_a_record_of_something_else_is_measured_again(tmp_path, change):
    path = tmp_path / "cpu_machine.json"
    command = ["python", "-m", "mobilenet_lib.cli", "bench", "machine", "--out", str(path)]
    version = gpu.metadata.version("torch")
    origin = {"command": "python3 -m mobilenet_lib.cli bench machine --out x.json"}
    content = {"results": {}, "provenance": origin | {"versions": {"torch": version}}}
    path.write_text(json.dumps(content))
    assert is_recorded(path, command)
    if change == "command":
        command.insert(5, "--tiny")
    elif change == "torch":
        content["provenance"]["versions"]["torch"] = "1.0"
        path.write_text(json.dumps(content))
    elif change == "torn":
        path.write_text(path.read_text()[:-9])
    else:
        path.write_text("[]")
    assert not is_recorded(path, command)


def test_a_gpu_gets_both_precisions_and_what_compiles_comes_last():
    names = list(pieces("cuda", FULL))
    assert names[-1] == "engines_compiled"
    assert {"machine", "engines", "engines_bf16", "train", "letters"} < set(names)
    assert {"layers_1", "layers_256"} < set(names)
    for name, words in pieces("cuda", FULL).items():
        parsed = parse(words)
        assert name == "letters" or parsed.what.device == "cuda"
    command = " ".join(pieces("cuda", FULL)["engines"])
    assert "--batch-sizes 1 32 256 1024 --precision fp16" in command
    assert "bf16" in " ".join(pieces("cuda", FULL)["engines_bf16"])


@pytest.mark.parametrize(
    ("device", "seen", "wanted"),
    [
        ("cuda", None, "0"),
        ("cuda:1", None, "1"),
        ("cuda:1", "", "1"),  # torch would have refused it already if the empty text hid all cards
        ("cuda:1", "3,GPU-8f,5", "GPU-8f"),
        ("cpu", "3,5", "3,5"),
        ("cpu", None, None),
    ],
)
def test_every_piece_sees_the_one_card_that_was_named(device, seen, wanted):
    environ = {"HOME": "/home/a"} | ({} if seen is None else {gpu.VISIBLE: seen})
    told = gpu.only_card(torch.device(device), environ)
    assert told.get(gpu.VISIBLE) == wanted
    assert told["HOME"] == "/home/a"


def test_a_second_card_is_the_first_of_every_piece(tmp_path, monkeypatch):
    """Two cards of one model, which nothing in a record tells apart."""
    calls = []

    def ended(command, **options):
        calls.append((command, options["env"][gpu.VISIBLE]))
        return subprocess.CompletedProcess(command, 1, "", "no card after all")

    monkeypatch.setattr(gpu, "check_device", torch.device)
    monkeypatch.setattr(gpu, "device_name", lambda device: f"A card, {device}")
    monkeypatch.setattr(gpu.subprocess, "run", ended)
    bench_gpu("cuda:1", tmp_path)
    assert len(calls) == len(pieces("cuda", FULL)) + 1
    assert {card for _, card in calls} == {"1"}
    assert not any("cuda:1" in command for command, _ in calls)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bench gpu --device cuda:99", ["cuda:99"]),
        ("bench gpu --device cpu --only everything", ["everything", "machine"]),
        ("bench gpu --device cpu --minutes 0", ["minutes"]),
        ("bench machine --out x.json", ["--record"]),
        ("bench machine --record --out x.txt", [".json"]),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(capsys, line, words):
    assert cli.main(line.split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in words)
