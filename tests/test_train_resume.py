"""Nothing is lost: runs that are killed, interrupted, or refused by the disk."""

import errno
import os
import random
import resource
import signal

import pytest
from tiny_training import in_process, tiny, write_images
from torch.testing import assert_close

from mobilenet_lib import files
from mobilenet_lib.train import (
    CheckpointError,
    CheckpointNotWritten,
    Trainer,
    checkpoint,
    train,
)

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPES = {
    "sgd": {},
    "rmsprop, averaged": dict(optimizer="rmsprop", epsilon=1.0, average=0.9, shape="exponential"),
    "adamw, augmented": dict(optimizer="adamw", dropout=0.3, augment="rand", shape="cosine"),
    "clipped, broken images": dict(clip=0.1, augment="paper", label_smoothing=0.1),
}


def remains(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_run_that_is_killed_at_random_ends_with_the_same_weights(name, images, tmp_path):
    """Twenty kills in all: five in each recipe's run, at random steps or within a save."""
    if "broken" in name:
        images = write_images(tmp_path / "broken.parquet", 64, broken=(3, 9, 20, 41))
    recipe = tiny(images, epochs=4, **RECIPES[name]).to_dict()
    assert in_process(recipe, str(tmp_path / "whole")) == 0
    whole = (tmp_path / "whole/net.safetensors").read_bytes()
    draw, folder, kills = random.Random(name), tmp_path / "killed", 0
    while kills < 5:
        die = draw.choice(("step", "step", "fsync", "replace"))
        after = draw.randint(2, 4) if die == "step" else draw.randint(1, 2)
        assert in_process(recipe, str(folder), die, after) == -signal.SIGKILL
        kills += 1
    assert in_process(recipe, str(folder)) == 0
    assert (folder / "net.safetensors").read_bytes() == whole
    assert remains(folder) == ["net.safetensors", "results.json", "training.ckpt"]


def test_resuming_takes_up_every_part_of_the_state(images, tmp_path):
    changes = dict(optimizer="adamw", dropout=0.3, augment="light", average=0.9)
    recipe = tiny(images, **changes)
    whole = train(recipe)
    part = Trainer(recipe, tmp_path)
    for _ in range(8):
        part.step()
    part.save()
    again = Trainer(recipe, tmp_path, resume=True)
    while not again.finished:
        again.step()
    result = again.result()
    assert result.losses == whole.losses
    assert [r["accuracy"] for r in result.history] == [r["accuracy"] for r in whole.history]
    assert_close(result.net.state_dict(), whole.net.state_dict(), rtol=0, atol=0)


def test_a_finished_run_is_only_read(images, tmp_path):
    recipe, steps = tiny(images, epochs=1), []
    first = train(recipe, tmp_path)
    said = (tmp_path / "results.json").stat()
    again = train(recipe, tmp_path, resume=True, on_step=steps.append)
    assert steps == []
    assert (tmp_path / "results.json").stat() == said
    assert again.finished
    assert again.accuracy == first.accuracy


def test_an_interrupt_ends_after_the_step_and_loses_nothing(images, tmp_path):
    recipe = tiny(images)
    whole = train(recipe)

    def interrupt(step):
        if step.number == 3:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    part = train(recipe, tmp_path, on_step=interrupt, save_every=100)
    assert signal.getsignal(signal.SIGINT) is before
    assert not part.finished
    assert len(part.losses) == 4
    assert not (tmp_path / "net.safetensors").exists()
    result = train(recipe, tmp_path, resume=True)
    assert result.losses == whole.losses


def test_the_end_of_its_time_ends_a_run_and_loses_nothing(images, tmp_path):
    recipe = tiny(images)
    whole = train(recipe, time_limit=1e6)
    assert whole.finished
    part = train(recipe, tmp_path, time_limit=1e-9, save_every=100)
    assert not part.finished
    assert part.losses == whole.losses[:1]  # a whole step, whatever the limit
    result = train(recipe, tmp_path, resume=True)
    assert result.losses == whole.losses


@pytest.mark.parametrize("limit", [0, -1, float("nan"), "4"])
def test_a_time_limit_that_is_none_is_refused_before_anything_is_written(images, tmp_path, limit):
    with pytest.raises((ValueError, TypeError), match="time_limit"):
        train(tiny(images), tmp_path / "run", time_limit=limit)
    assert not (tmp_path / "run").exists()


def test_a_second_interrupt_stops_at_once(images):
    def interrupt(step):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tiny(images), on_step=interrupt)


# --- Files that cannot be written ------------------------------------------------------------


def test_a_full_disk_leaves_the_last_good_checkpoint(images, tmp_path):
    trainer = Trainer(tiny(images), tmp_path)
    trainer.step()
    trainer.save()
    good = trainer.path.read_bytes()
    trainer.step()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) // 2, hard))  # the system refuses more
    try:
        with pytest.raises(CheckpointNotWritten, match=r"step 2 could not be.*good one.*--resume"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert trainer.path.read_bytes() == good
    assert remains(tmp_path) == ["training.ckpt"]
    assert Trainer(tiny(images), tmp_path, resume=True).done == 1


def test_a_read_only_folder_says_so(images, tmp_path, monkeypatch):
    trainer = Trainer(tiny(images), tmp_path)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(CheckpointNotWritten, match=r"Read-only file system\); there is none yet"):
        trainer.save()


def test_a_folder_that_cannot_be_written_is_found_out_before_the_first_step(images, tmp_path):
    (tmp_path / "file").write_text("in the way")
    steps = []
    with pytest.raises(CheckpointNotWritten, match=r"file/run cannot be written .*--out"):
        train(tiny(images), tmp_path / "file/run", on_step=steps.append)
    assert steps == []


def test_a_run_can_be_resumed_from_its_first_moment_on(images, tmp_path):
    def stop(step):
        assert checkpoint.read_state(tmp_path / "training.ckpt")["step"] == 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny(images), tmp_path, on_step=stop)


def test_one_process_trains_in_a_folder_at_a_time(images, tmp_path):
    with (
        checkpoint.held(tmp_path),
        pytest.raises(CheckpointError, match=r"another process is training in .*--out"),
    ):
        train(tiny(images), tmp_path)
    assert train(tiny(images, epochs=1), tmp_path).finished


# --- Files that cannot be used ---------------------------------------------------------------


def test_another_recipe_is_refused_by_name(images, tmp_path):
    Trainer(tiny(images), tmp_path).save()
    with pytest.raises(CheckpointError, match=r"alpha 0.1 \(here 0.2\), rate 0.02 \(here 0.1\)"):
        Trainer(tiny(images, alpha=0.2, rate=0.1), tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"already holds a run.*--resume.*--out"):
        Trainer(tiny(images), tmp_path)


def test_another_versions_recipe_is_refused(images, tmp_path):
    trainer = Trainer(tiny(images), tmp_path)
    trainer.save()
    state = checkpoint.read_state(trainer.path)
    for part, field in (("speed", None), ("data", "workers")):
        stored = {name: dict(state["recipe"])[name] for name in state["recipe"]}
        if field is None:
            del stored[part]
        else:
            stored[part] = stored[part] | {"colour": 3}
        checkpoint.write_state(trainer.path, state | {"recipe": stored})
        with pytest.raises(CheckpointError, match=r"training.ckpt is of another version.*--out"):
            Trainer(tiny(images), tmp_path, resume=True)
    gone = state["choice"] | {"plan": "kernels-fp32-gemm"}
    checkpoint.write_state(trainer.path, state | {"choice": gone})
    with pytest.raises(CheckpointError, match=r"by the plan kernels-fp32-gemm, .* no more.*--out"):
        Trainer(tiny(images), tmp_path, resume=True)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_checkpoint_is_refused_by_name(images, tmp_path, damage):
    trainer = Trainer(tiny(images), tmp_path)
    trainer.save()
    content = bytearray(trainer.path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    changed = {"cut": content[:-1], "flip": content, "empty": b"", "other": b"PK" + content}
    trainer.path.write_bytes(changed[damage])
    with pytest.raises(CheckpointError, match=r"training.ckpt (is damaged|is no training)"):
        Trainer(tiny(images), tmp_path, resume=True)


class Bomb:
    def __reduce__(self):
        return os.system, ("exit 3",)


def test_a_checkpoint_never_runs_code(tmp_path):
    path = tmp_path / "training.ckpt"
    checkpoint.write_state(path, {"step": 0, "bomb": Bomb()})
    with pytest.raises(CheckpointError, match="what no checkpoint should"):
        checkpoint.read_state(path)


def test_what_a_killed_save_left_is_cleared(tmp_path):
    left = tmp_path / ".training.ckpt.abc.part"
    left.write_bytes(b"half")
    checkpoint.write_state(tmp_path / "training.ckpt", {"step": 1})
    assert remains(tmp_path) == ["training.ckpt"]
