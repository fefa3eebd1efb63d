"""Grids of runs: which there are, what is skipped, what goes on, and commands for a scheduler."""

import json
import shlex
import shutil
import signal
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny_training import tiny, write_folder, write_images

from mobilenet_lib import cli, results
from mobilenet_lib.train import CheckpointError, Recipe, Trainer, preset, sweep, train
from mobilenet_lib.train.factory import load_data
from mobilenet_lib.train.sweep import GridRun, changed_options, grid, is_done, label, run_all


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images") / "images.parquet", 40)


def test_a_grid_is_every_combination_with_seeds_last():
    sizes = dict(body=("separable", "full"), alpha=(1.0, 0.5), resolution=(64, 32))
    recipes = grid(preset("quick"), seed=(0, 1), **sizes)
    names = [label(recipe) for recipe in recipes]
    assert len(set(names)) == len(names) == 16
    assert names[0] == "1_64_separable_seed0"
    assert [recipe.seed for recipe in recipes] == [0] * 8 + [1] * 8
    one = recipes[-1].network
    assert (one.alpha, one.resolution, one.body) == (0.5, 32, "full")
    assert recipes[-1].schedule == preset("quick").schedule


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (dict(alpha=()), r"alpha needs at least one value, each once; got \(\)"),
        (dict(seed=(1, 1)), r"seed needs at least one value, each once; got \(1, 1\)"),
    ],
)
def test_impossible_grids_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        grid(preset("quick"), **values)


@pytest.mark.parametrize("name", ["quick", "paper", "modern"])
def test_listed_commands_make_the_very_recipes(capsys, name):
    """What --list prints parses back to what the sweep would train."""
    more = ["--alphas", "1", "0.5", "--seeds", "0", "3", "--epochs", "7", "--average", "None"]
    more += ["--decay-norms", "--resolutions", "64", "96", "--drop-stride", "first"]
    assert cli.main(["sweep", "--recipe", name, *more, "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    base = cli.parse(["sweep", "--recipe", name, *more])
    sizes = dict(alpha=base.alphas, resolution=base.resolutions)
    wanted = grid(base.recipe, seed=base.seeds, body=base.bodies, **sizes)
    for line, recipe in zip(lines, wanted, strict=True):
        program, *arguments = shlex.split(line)
        assert program == "mobilenet"
        command = cli.parse(arguments)
        assert command.recipe == recipe
        assert command.resume


@pytest.mark.slow
def test_a_sweep_skips_what_is_done_and_goes_on_with_what_is_not(images, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    recipe = tiny(images, epochs=2)
    # The first of two runs is under way: its checkpoint is that of three steps.
    started = recipe.changed(alpha=0.1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer = Trainer(started, tmp_path / "runs/sweep/0.1_32_separable_seed0")
    for _ in range(3):
        trainer.step()
    trainer.save()
    torch.set_num_threads(before)
    shared = replace(recipe, network=preset("quick").network)
    command = ["sweep", *changed_options(shared), "--alphas", "0.1", "0.08"]
    command += ["--resolutions", "32", "--out", str(tmp_path / "out")]
    assert cli.main(command) == 0
    results = {path.name: json.loads(path.read_text()) for path in (tmp_path / "out").iterdir()}
    assert set(results) == {"0.1_32_separable_seed0.json", "0.08_32_separable_seed0.json"}
    first = results["0.1_32_separable_seed0.json"]
    assert Recipe.from_dict(first["recipe"]) == started.changed(dataset="images.parquet")
    assert first["provenance"]["seed"] == 0
    log = (tmp_path / "runs/sweep/0.1_32_separable_seed0/log.txt").read_text()
    assert "8/8" in log.replace(" ", "")
    assert "3/8" in log.replace(" ", ""), "it went on from step 3"
    asked = []
    monkeypatch.setattr(sweep.subprocess, "call", lambda *a, **k: asked.append(a) or 1)
    assert cli.main(command) == 0
    assert asked == [], "both are done"


def make_run(tmp_path, recipe, code):
    return GridRun(recipe, tmp_path / "run", tmp_path / "out.json", (sys.executable, "-c", code))


def test_a_failed_run_is_named_and_the_others_go_on(tmp_path):
    recipe, said = tiny("x"), []
    bad = make_run(tmp_path / "bad", recipe, "exit(3)")
    path = tmp_path / "good/results.json"
    code = f"open({str(path)!r}, 'w').write('{{\"test_accuracy\": 0.5}}')"
    good = replace(make_run(tmp_path, recipe, code), folder=path.parent)
    assert run_all([bad, good], 2, said.append) == [bad]
    assert json.loads(good.results.read_text()) == {"test_accuracy": 0.5}
    assert any("ended with code 3; see" in line for line in said)
    assert any("50.0%" in line for line in said)


def test_an_interrupt_starts_no_further_run(tmp_path, monkeypatch):
    asked = []

    def call(*_, **__):
        asked.append("one")
        # To the main thread, which waits: the system might give it to another, which tells nobody.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(2)  # until it has, on a busy machine too
        return 1

    monkeypatch.setattr(sweep.subprocess, "call", call)
    with pytest.raises(KeyboardInterrupt):
        run_all([make_run(tmp_path, tiny("x"), "")] * 3, 1, print)
    assert asked == ["one"]


def test_results_of_another_recipe_are_refused(tmp_path):
    run = make_run(tmp_path, tiny("x"), "")
    assert not is_done(run, {})
    run.results.write_text(json.dumps({"recipe": tiny("x", rate=0.5).to_dict()}))
    with pytest.raises(CheckpointError, match=r"out.json is another recipe's: .*rate 0.5"):
        is_done(run, {})
    run.results.write_text("{half")
    with pytest.raises(CheckpointError, match="no results file"):
        is_done(run, {})


def test_results_of_other_images_are_refused_wherever_they_lie(tmp_path, monkeypatch):
    """Results keep only the last part of a name, and that may be another folder's, too."""
    places = [tmp_path / name / "mine" for name in ("one", "two", "three")]
    for place, each in zip(places, (5, 6, 5), strict=True):
        write_folder(place, each)
    said = train(tiny(places[0], batch_size=4, epochs=1), tmp_path / "run")
    assert said.finished
    runs = [make_run(tmp_path, tiny(place, batch_size=4, epochs=1), "") for place in places]
    shutil.copy(tmp_path / "run/results.json", runs[0].results)
    loaded = []
    monkeypatch.setattr(sweep, "load_data", lambda *a: loaded.append(a) or load_data(*a))
    assert run_all([runs[0]] * 3, 1, print) == []
    assert len(loaded) == 2, "both splits once, for however many runs"
    assert is_done(runs[2], {}), "a copy of the same images"
    with pytest.raises(CheckpointError, match=r"out.json is of other images than .*two.mine"):
        is_done(runs[1], {})
    shutil.rmtree(tmp_path / "one")
    assert is_done(runs[0], {}), "where the images are not, results are collected by their name"
    with pytest.raises(CheckpointError, match=r"of other images than those in .*else"):
        is_done(replace(runs[0], recipe=runs[0].recipe.changed(dataset="else")), {})


def test_seeds_are_one_network_wherever_its_images_lay(tmp_path):
    content = {"test_accuracy": 0.5, "mult_adds": 1, "parameters": 1, "history": []}

    def write(seed, print_of_images, **changes):
        recipe = tiny("x", seed=seed, **changes).to_dict()
        if seed == 0:
            del recipe["data"]["left_out"]  # as earlier versions wrote it
        said = content | {"recipe": recipe, "fingerprint": print_of_images}
        (tmp_path / f"grid/{seed}.json").write_text(json.dumps(said))

    (tmp_path / "grid").mkdir()
    write(0, "a", dataset="mine")
    write(1, "a", dataset="copy/mine", left_out=1.0)
    (both,) = results.measured("grid", tmp_path)
    assert len(both.accuracies) == 2
    write(1, "b", dataset="mine")
    with pytest.raises(results.ResultsError, match="trained by different recipes"):
        results.measured("grid", tmp_path)


def test_runs_that_a_scheduler_finished_are_only_collected(tmp_path):
    run = make_run(tmp_path, tiny("x"), "exit(3)")
    run.folder.mkdir()
    content = json.dumps({"recipe": run.recipe.to_dict(), "test_accuracy": 0.5})
    (run.folder / "results.json").write_text(content)
    assert run_all([run], 1, print) == []
    assert run.results.read_text() == content


def test_each_job_has_its_share_of_the_machine(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sweep.machine, "processor", lambda: SimpleNamespace(threads=8))
    for count, wanted in ((0, [None] * 3), (2, ["0", "1", "0"])):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        made = sweep.environments(3)
        assert [each.get("CUDA_VISIBLE_DEVICES") for each in made] == wanted
        assert {each["OMP_NUM_THREADS"] for each in made} == {"2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert [each["CUDA_VISIBLE_DEVICES"] for each in sweep.environments(2)] == ["4", "6"]
    assert sweep.environments(1)[0]["CUDA_VISIBLE_DEVICES"] == "4,6"
