"""The live training curve from Python's side: what it keeps, what it sends, and what it says."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_training import tiny, write_images

from mobilenet_lib.explorers import LiveCurve
from mobilenet_lib.explorers.curve import MOST, duration, short, thinned
from mobilenet_lib.explorers.live import PAUSE
from mobilenet_lib.train import train


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def step(number, steps=60, length=10, loss=None, accuracy=...):
    """Step of a run with epochs of `length` steps; the accuracy rises with the epochs."""
    epoch = -(-number // length)
    if accuracy is ...:
        accuracy = None if number % length else round(0.9 - 0.5 / epoch, 4)
    loss = 4 / number if loss is None else loss
    return SimpleNamespace(
        number=number, steps=steps, epoch=epoch, loss=loss, rate=0.1, accuracy=accuracy
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def curve(clock):
    return LiveCurve(clock=clock)


def run(curve, clock, numbers, seconds=1.0, test=0.0, **options):
    """Hand `curve` these steps, `seconds` apart; those that end an epoch take `test` longer."""
    for number in numbers:
        taken = step(number, **options)
        clock.now += seconds + test * (taken.accuracy is not None)
        curve(taken)


# --- What it keeps ------------------------------------------------------------------------------


def test_a_real_training_is_drawn(tmp_path, capsys):
    recipe = tiny(write_images(tmp_path / "images.parquet"))
    with LiveCurve() as curve:
        result = train(recipe, on_step=curve)
    assert curve.losses == list(enumerate(result.losses, start=1))
    assert curve.accuracies == [(6 * row["epoch"], row["accuracy"]) for row in result.history]
    assert [row[0] for row in curve.points] == list(range(1, 13))
    np.testing.assert_allclose([row[1] for row in curve.points], result.losses, rtol=5e-4)
    assert (curve.steps, curve.epochs, curve.phase) == (12, 2, "finished")
    assert repr(curve) == (
        f"LiveCurve(step 12 of 12, loss {short(result.losses[-1])}, "
        f"accuracy {100 * result.accuracy:.1f} %)"
    )
    assert capsys.readouterr().out.count("LiveCurve(no step yet") == 1  # it was displayed, once


def test_nothing_is_left_out_of_what_the_reader_gets(curve, clock):
    run(curve, clock, range(1, 5001), seconds=0.01, steps=5000, length=500)
    assert curve.losses == [(n, 4 / n) for n in range(1, 5001)]
    assert [n for n, _ in curve.accuracies] == list(range(500, 5001, 500))
    assert curve.accuracies == [tuple(pair) for pair in curve.tested]


def test_a_run_that_goes_on_from_a_checkpoint_forgets_what_came_after_it(curve, clock):
    run(curve, clock, range(1, 26))
    run(curve, clock, range(16, 19))
    assert [n for n, _ in curve.losses] == list(range(1, 19))
    assert [n for n, _ in curve.accuracies] == [10]
    assert curve.epochs == 6
    run(curve, clock, [1], steps=40)  # another run, from its start
    assert curve.losses == [(1, 4.0)]
    assert (curve.accuracies, curve.steps, curve.epochs) == ([], 40, 0)


def test_a_resumed_run_begins_where_it_begins(curve, clock):
    run(curve, clock, range(35, 39))
    assert curve.losses[0] == (35, 4 / 35)
    assert curve.status.startswith("step 38 of 60, epoch 4, loss 0.105, 63 % done")
    assert curve.note == "The first accuracy comes at the end of epoch 4."
    run(curve, clock, range(39, 42))
    assert curve.status.startswith("step 41 of 60, epoch 5 of 6,")  # learned at the end of 4


# --- Thinning -----------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 724, MOST])
def test_short_runs_are_drawn_completely(steps):
    losses = [(n, 1 + math.sin(n)) for n in range(1, steps + 1)]
    rows = thinned(losses, steps, 5)
    assert [row[0] for row in rows] == list(range(1, steps + 1))
    np.testing.assert_allclose([row[1] for row in rows], [v for _, v in losses], rtol=5e-4)


@pytest.mark.parametrize(
    ("steps", "done"), [(1001, 1001), (1700, 900), (7240, 7240), (98765, 98765)]
)
def test_a_thinned_run_reaches_as_high_and_as_low_everywhere(steps, done):
    values = np.exp(np.random.default_rng(0).normal(size=done)) + 0.01
    values[done // 3], values[2 * done // 3] = 500, 0.001  # a peak and a dip of one step
    losses = list(zip(range(1, done + 1), values.tolist(), strict=True))
    rows = thinned(losses, steps, 5)
    assert len(rows) <= MOST + 2
    assert (rows[0][0], rows[-1][0]) == (1, done)
    at = np.array([row[0] for row in rows])
    assert (np.diff(at) > 0).all()
    np.testing.assert_allclose([row[1] for row in rows], values[at - 1], rtol=5e-4)
    reach = steps // 500 + 1  # steps, about as many as share a pixel of a narrow picture
    stay = np.full(done + 2 * reach, np.nan)
    stay[at - 1 + reach] = values[at - 1]
    near = np.lib.stride_tricks.sliding_window_view(stay, 2 * reach + 1)
    assert (np.nanmax(near, axis=1) >= values).all()
    assert (np.nanmin(near, axis=1) <= values).all()
    assert {500, 0.001} <= {row[1] for row in rows}


def test_the_mean_is_of_all_losses_up_to_the_step():
    values = np.random.default_rng(1).random(3000)
    rows = thinned(list(zip(range(1, 3001), values.tolist(), strict=True)), 3000, 75)
    for number, _, mean in rows:
        assert mean == pytest.approx(values[max(number - 75, 0) : number].mean(), rel=5e-4)


def test_what_has_been_drawn_stays_as_the_run_goes_on():
    values = np.random.default_rng(2).random(8000)
    losses = list(zip(range(1, 8001), values.tolist(), strict=True))
    early, late = (thinned(losses[:end], 8000, 9) for end in (4000, 8000))
    assert early[:-3] == late[: len(early) - 3]


def test_the_saved_state_is_small_and_complete(curve, clock):
    run(curve, clock, range(1, 20_001), seconds=0.001, steps=20_000, length=1000)
    state = {name: getattr(curve, name) for name in curve.traits(sync=True) if name[0] != "_"}
    drawn = {name: state[name] for name in ("points", "tested", "status", "alt")}
    assert len(json.dumps(drawn)) < 40_000
    assert drawn["points"][-1][0] == 20_000
    assert len(drawn["tested"]) == 20


# --- When it is sent ----------------------------------------------------------------------------


@pytest.fixture
def sent(curve, monkeypatch):
    """The states that go to the browser, each with the time on the clock."""
    messages = []

    def send(message, buffers=None):
        messages.append((curve._clock(), message["state"]))

    monkeypatch.setattr(curve, "_send", send)
    return messages


def test_the_browser_is_told_at_most_four_times_a_second(curve, clock, sent):
    run(curve, clock, range(1, 1000), seconds=0.01, steps=5000, length=1000)
    times = [at for at, state in sent if "points" in state]
    assert len(times) == pytest.approx(9.99 / PAUSE, abs=2)
    assert np.diff(times).min() >= PAUSE - 1e-9
    assert len(sent) <= len(times) + 1  # and once of how many steps there are


def test_a_slow_run_is_shown_after_every_step(curve, clock, sent):
    run(curve, clock, range(1, 9), seconds=0.3)
    assert [state["points"][-1][0] for _, state in sent] == list(range(1, 9))


def test_the_ends_of_epochs_and_of_the_block_do_not_wait(curve, clock, sent):
    with curve:
        run(curve, clock, range(1, 25), seconds=1e-4)
    last = [state["points"][-1][0] for _, state in sent if state.get("points")]
    assert last == [10, 20, 24]
    assert [state["said"] for _, state in sent if "said" in state] == [
        "Epoch 1 of 6 is done: loss 0.400, accuracy 40.0 %.",
        "Epoch 2 of 6 is done: loss 0.200, accuracy 65.0 %.",
        "Training has stopped after step 24 of 60, loss 0.167, accuracy 65.0 %.",
    ]


def test_each_picture_comes_in_one_message(curve, clock, sent):
    run(curve, clock, range(1, 61), seconds=0.3)
    for _, state in sent:
        assert {"points", "status", "alt"} <= set(state)
    assert len(sent) == 60
    assert sum("said" in state for _, state in sent) == 6


# --- What it says -------------------------------------------------------------------------------


def test_the_status_tells_where_the_run_is(curve, clock):
    assert curve.status == "waiting to start"
    clock.now += 500  # data are read, layouts are measured
    run(curve, clock, range(1, 32))
    assert curve.status == "step 31 of 60, epoch 4 of 6, loss 0.129, 51 % done, about 0:29 left"
    assert curve.phase == "running"
    run(curve, clock, range(32, 60))
    assert curve.status.startswith("step 59 of 60, epoch 6 of 6, loss 0.0678, 98 % done")
    run(curve, clock, [60])
    assert curve.status == "finished: step 60 of 60, loss 0.0667, accuracy 81.7 %"


def test_the_number_of_epochs_is_told_only_once_it_is_known(curve, clock):
    run(curve, clock, range(1, 10))
    assert "epoch 1, " in curve.status
    assert curve.epochs == 0
    run(curve, clock, [10])
    assert "epoch 1 of 6, " in curve.status


def test_accuracies_at_other_times_than_ends_of_epochs_do_not_tell_the_epochs(curve, clock):
    run(curve, clock, range(1, 8))
    curve(step(8, accuracy=0.3))
    assert curve.epochs == 0  # 60 steps are no whole number of epochs of 8


def test_the_time_left_comes_when_three_steps_are_timed(curve, clock):
    run(curve, clock, [1, 2, 3], seconds=9)
    assert curve.status.endswith("5 % done")
    run(curve, clock, [4], seconds=9)
    assert curve.status.endswith("6 % done, about 8:25 left")  # 56 times 9 s, to 5 s


def test_the_time_left_counts_tests_and_forgets_slow_starts(clock):
    curve = LiveCurve(clock=clock)
    run(curve, clock, range(1, 10), seconds=30, steps=600, length=100)  # compiling
    run(curve, clock, range(10, 201), seconds=0.5, test=12, steps=600, length=100)
    # Step 200 has just been tested: 400 steps at 0.5 s, 4 of them with 12 s of testing.
    assert curve._left() == pytest.approx(400 * 0.5 + 4 * 12)
    assert curve.status.endswith("about 4:10 left")
    run(curve, clock, range(201, 300), seconds=0.5, test=12, steps=600, length=100)
    assert curve._left() == pytest.approx(301 * 0.5 + 4 * 12)


def test_a_machine_that_slept_changes_nothing(curve, clock):
    run(curve, clock, range(1, 30))
    clock.now += 3600
    run(curve, clock, range(30, 36))
    assert curve._left() == pytest.approx(25)


def test_the_time_between_two_parts_of_a_run_is_no_steps(curve, clock):
    with curve:
        run(curve, clock, [1, 2])
    clock.now += 4000
    with curve:
        run(curve, clock, range(3, 7))
    assert "stopped after step 6 of 60" in curve.status
    assert max(curve._pace.plain) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0:00"), (8, "0:08"), (59.4, "0:59"), (59.9, "1:00"), (62, "1:00"), (83, "1:25"),
     (3599, "1:00:00"), (7384, "2:03:05")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("loss", "text"),
    [(4.1271, "4.13"), (0.4, "0.400"), (0, "0.00"), (123.9, "124"), (12.34, "12.3")],
)
def test_losses_have_three_digits(loss, text):
    assert short(loss) == text


def test_the_picture_is_told_in_words(clock):
    curve = LiveCurve({"full": [0.1, 0.2, 0.3, 0.4, 0.5, 0.625]}, clock=clock)
    assert curve.alt == (
        "Training curve, waiting to start. The accuracy is measured at the end of every epoch. "
        "For comparison, full: 62.5 % after all epochs."
    )
    run(curve, clock, range(1, 24), seconds=0.3)
    assert curve.alt == (
        f"Training curve, {curve.status}. Loss 4.00 at step 1. Mean of the last 5 losses "
        f"{short(np.mean([4 / n for n in range(19, 24)]))}. Test accuracy after each epoch: "
        "40.0 %, 65.0 %. For comparison, full: 62.5 % after all epochs."
    )
    curve = LiveCurve(clock=clock)
    run(curve, clock, range(1, 31), steps=30, length=1)
    assert "40.0 %, 65.0 %, 73.3 %, 77.5 %, 80.0 %, …, 88.1 %, 88.1 %" in curve.alt


# --- How it ends --------------------------------------------------------------------------------


def test_a_run_that_was_interrupted_is_told(curve, clock):
    with curve:
        run(curve, clock, range(1, 8))
    assert curve.phase == "stopped"
    assert curve.status == "stopped after step 7 of 60, loss 0.571"
    assert curve.said == "Training has stopped after step 7 of 60, loss 0.571."
    assert curve.note == "No epoch was finished, so no accuracy was measured."
    run(curve, clock, [8])  # and goes on
    assert curve.phase == "running"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyboardInterrupt, "stopped after step 7 of 60, loss 0.571"),
        (ValueError, "stopped by an error (ValueError) after step 7 of 60, loss 0.571"),
    ],
)
def test_an_exception_is_told_and_not_swallowed(curve, clock, error, text):
    with pytest.raises(error, match="no more"):
        fail(curve, clock, 7, error("no more"))
    assert curve.status == text
    assert curve.points[-1][0] == 7


def fail(curve, clock, steps, error):
    """A training of which an error leaves the block after some steps."""
    with curve:
        run(curve, clock, range(1, steps + 1), seconds=0.01)
        raise error


def test_an_exception_before_the_first_step(curve, clock):
    with pytest.raises(OSError, match="no data"):
        fail(curve, clock, 0, OSError("no data"))
    assert curve.status == "stopped by an error (OSError) before the first step"
    assert curve.phase == "stopped"
    assert repr(curve) == "LiveCurve(no step yet; it is drawn while a network trains)"


def test_what_is_finished_stays_finished(curve, clock):
    with pytest.raises(OSError, match="not be written"):
        fail(curve, clock, 60, OSError("the results could not be written"))
    assert curve.status == "finished: step 60 of 60, loss 0.0667, accuracy 81.7 %"


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"full": [83.1]}, "accuracy of 'full' must be a number from 0 to 1, got 83.1"),
        ({"full": [float("nan")]}, "must be a number from 0 to 1, got nan"),
        ({"full": []}, "'full' needs at least one accuracy"),
        ({"full": [0.1, 0.2], "thin": [0.1]}, "'full' has 2, 'thin' has 1"),
    ],
)
def test_runs_beside_that_cannot_be_drawn(beside, message):
    with pytest.raises(ValueError, match=message):
        LiveCurve(beside)


@pytest.mark.parametrize("many", [1, 3, 5, 7, 12])
def test_a_run_of_other_epochs_than_those_beside_is_refused_as_soon_as_it_shows(clock, many):
    curve = LiveCurve({"full": [0.5] * many}, clock=clock)
    with pytest.raises(ValueError, match=f"the runs beside have {many} epochs, but in this one"):
        run(curve, clock, range(1, 61))
    assert len(curve.losses) <= 60 // min(many, 6)


def test_runs_beside_tell_the_epochs_from_the_first_step(clock):
    curve = LiveCurve({"full": np.full(6, 0.5)}, clock=clock)
    run(curve, clock, [1])
    assert "epoch 1 of 6" in curve.status
    assert curve.note == "The first accuracy comes at the end of epoch 1, step 10."
    assert curve.beside == [["full", [0.5] * 6]]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (0.42, TypeError, "number, steps, epoch, loss, accuracy.*; 0.42 has no number"),
        (step(1, loss=float("nan")), ValueError, "the loss of step 1 is nan: the training has div"),
        (
            step(0, loss=1.0, accuracy=None),
            ValueError,
            "number must be a whole number from 1 to 60, got 0",
        ),
        (step(61), ValueError, "number must be a whole number from 1 to 60, got 61"),
        (step(3, accuracy=83.1), ValueError, "accuracy must be a number from 0 to 1, got 83.1"),
        (step(3, steps=50), ValueError, "of a run of 60 steps, and step 3 belongs to one of 50"),
    ],
)
def test_steps_that_are_none_leave_the_curve_as_it_was(curve, clock, given, error, message):
    run(curve, clock, [1, 2])
    with pytest.raises(error, match=message):
        curve(given)
    assert curve.losses == [(1, 4.0), (2, 2.0)]
    assert curve.steps == 60
