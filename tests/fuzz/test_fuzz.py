"""A thousand malformed files: no crash, no hang, no code run, and an error that names the file."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import malformed
import pytest

from mobilenet_lib import cli
from mobilenet_lib.files import find_data

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parent
SECONDS = 2  # of the processor's time, so that a busy machine makes no difference
BYTES = 2**30
GOOD = {"image": "PhotoError", "checkpoint": "WeightsError"}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What became of the valid files and of the malformed ones."""
    folder = tmp_path_factory.mktemp("malformed")
    done = subprocess.run(
        [sys.executable, HERE / "run_malformed.py", folder],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = lines[-1] if lines else "nothing"
    assert done.returncode == 0, f"died at {last} with {done.returncode}:\n{done.stderr[-3000:]}"
    assert list(folder.iterdir()) == []  # no canary, and nothing else that was not there
    return [x for x in lines if "valid" in x], [x for x in lines if "file" in x]


def kind(case):
    return case["file"].partition("-")[0]


def test_all_of_them_were_read(outcome):
    valid, cases = outcome
    assert len(valid) >= len(malformed.IMAGES) + 4  # one more with h5py
    assert len({case["file"] for case in cases}) == len(cases) == malformed.COUNT == 1000
    assert sum(kind(case) == "image" for case in cases) == 500
    hows = {case["how"].split(",")[0] for case in cases}
    assert hows == {"built", *(damage.__name__ for damage in malformed.DAMAGES)}
    names = {case["file"].split("-", 2)[2] for case in cases if case["how"] == "built"}
    built = {**malformed.built_images(), **malformed.built_checkpoints(Path("canary"))}
    assert names == {name.replace(" ", "-") for name in built}


def test_each_is_read_or_refused_by_name(outcome):
    for case in outcome[1]:
        if "error" in case:
            assert case["error"] == GOOD[kind(case)], case
            assert "ValueError" in case["kinds"]
            # A photo's pixels have no name any more; `mobilenet predict` puts it before.
            named = case["file"] in case["message"] or "the image is 400000x1" in case["message"]
            assert named, case
            assert len(case["message"]) < 1000, case
            assert "Traceback" not in case["message"]


def test_most_are_refused(outcome):
    _, cases = outcome
    refused = [case for case in cases if "error" in case]
    # A flipped bit may make another colour or another weight: then the file is as good as any.
    assert len(refused) > 600
    harmless = {"bomb.png", "text-bomb.png", "profile-bomb.png"}  # large, but whole
    for case in cases:
        if case["how"] == "built" and "read" in case:
            assert case["file"].split("-", 2)[2] in harmless, case


def test_none_takes_long_or_much_memory(outcome):
    for case in outcome[1]:
        assert case["seconds"] < SECONDS, case
        assert case["bytes"] < BYTES, case


def test_none_runs_code(outcome):
    for case in outcome[1]:
        assert not case["canary"], case
        assert case["events"] == [], case


def test_the_harm_is_real(tmp_path):
    """The payload does write the canary when it is unpickled without care."""
    import pickle
    from random import Random

    canary = tmp_path / "canary"
    content = malformed.built_checkpoints(canary)["pickle.pt"](Random(0))
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists()


def test_the_same_seed_makes_the_same_files(tmp_path):
    def made(name):
        folder = tmp_path / name
        folder.mkdir()
        made = {}
        for how, path in malformed.malformed(folder, Path("canary"), 7, 60):
            # A zip archive holds the time it was made; its length does not change.
            made[path.name] = (how, path.stat().st_size)
            if path.name.startswith("image"):
                made[path.name] += (path.read_bytes(),)
        return made

    assert made("a") == made("b")


def test_one_photo_among_many_broken_ones_is_found(tmp_path, capsys):
    shutil.copy(find_data() / "photos/astronaut.jpg", tmp_path / "whole.jpg")
    seeds = malformed.valid_images()
    for i, (name, content) in enumerate(sorted(seeds.items()) * 5):
        (tmp_path / f"{i:02d}.{name}").write_bytes(content[: len(content) * (i + 1) // 99])
    assert cli.main(["predict", "--json", str(tmp_path)]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [Path(seen["photo"]).name for seen in answer["photos"]] == ["whole.jpg"]
    assert answer["photos"][0]["label"] == "person"
    assert len(answer["errors"]) == 5 * len(seeds)
