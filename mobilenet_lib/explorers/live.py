"""The live training curve of chapter 05."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets
from IPython.display import display

from .curve import Pace, Taken, check_beside, duration, percent, short, take, thinned
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("live")
PAUSE = 0.25
"""Seconds between two messages to the browser; the end of an epoch does not wait."""


class LiveCurve(Explorer):
    """The loss after every step and the accuracy after every epoch, drawn while a network trains.

    Hand it to `train` as `on_step`; the block shows it, and says at its end how the run ended::

        with LiveCurve() as curve:
            result = train(recipe, on_step=curve)

    What is drawn is saved with the notebook, and can be read there without a Python session.

    Parameters
    ----------
    beside
        Accuracies of earlier runs to compare with: a name, and one accuracy an epoch, 0 to 1. The
        run that is drawn must have the same number of epochs.
    clock
        Seconds, always growing.
    **state
        How it is shown: `scale` of the loss ("linear" or "log"), `skip` (0, 0.25, 0.5 or 0.75: the
        share of the steps so far that is left out at the start), `shown` ("every step", "mean"),
        `hide`, `tour`.

    Attributes
    ----------
    losses
        (step, loss) of every step, none left out.
    accuracies
        (step, accuracy) after every epoch, 0 to 1.
    phase
        Where the run is: "waiting", "running", "finished" or "stopped".

    Raises
    ------
    ValueError
        An accuracy beside is not between 0 and 1, or the runs differ in their epochs.
    """

    definition = _STATE

    points: traitlets.List[Any] = traitlets.List(
        help="rows of step, loss, mean of the last losses"
    ).tag(sync=True)
    tested: traitlets.List[Any] = traitlets.List(help="rows of step, accuracy").tag(sync=True)
    beside: traitlets.List[Any] = traitlets.List(help="rows of name, accuracies").tag(sync=True)
    steps = traitlets.Int(0, help="of the whole run; 0 before the first").tag(sync=True)
    epochs = traitlets.Int(0, help="of the whole run; 0 while not known").tag(sync=True)
    window = traitlets.Int(0, help="losses in a mean").tag(sync=True)
    phase = traitlets.Enum(["waiting", "running", "finished", "stopped"], "waiting").tag(sync=True)
    status = traitlets.Unicode(help="where the run is, in one line").tag(sync=True)
    said = traitlets.Unicode(help="read out: the end of an epoch or of the run").tag(sync=True)
    note = traitlets.Unicode(help="when the first accuracy comes").tag(sync=True)
    alt = traitlets.Unicode(help="what the picture shows, in words").tag(sync=True)
    scale = _STATE.trait("scale")
    skip = _STATE.trait("skip")
    shown = _STATE.trait("shown")

    def __init__(
        self,
        beside: Mapping[str, Sequence[float]] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        **state: Any,
    ) -> None:
        super().__init__(beside=check_beside(beside or {}), **state)
        self.losses: list[tuple[int, float]] = []
        self.accuracies: list[tuple[int, float]] = []
        self._clock, self._pace, self._shown = clock, Pace(), -math.inf
        self._epoch, self._ended = 0, ""
        self._show()

    def __enter__(self) -> LiveCurve:
        self._pace, self._ended = Pace(), ""  # the time between two runs is no step's
        self._show()
        display(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended = "stopped"
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            self._ended += f" by an error ({kind.__name__})"
        self._show(f"Training has {self._line()}.")
        self._leave_still(self.still())

    def __call__(self, step: Any) -> None:
        """Take in one step, and tell the browser at most four times per second.

        A step that does not come after the last one goes on from an earlier checkpoint; what was
        drawn from there on is forgotten.

        Parameters
        ----------
        step
            A `mobilenet_lib.train.outcome.Step`, or anything with its number, steps, epoch, loss
            and accuracy.

        Raises
        ------
        TypeError
            It is no step.
        ValueError
            A value of it is not possible, or it belongs to a run of other length than the curve's.
        """
        step = take(step)
        kept = bisect_left(self.losses, (step.number,))
        if kept and step.steps != self.steps:
            raise ValueError(
                f"this curve is of a run of {self.steps} steps, and step {step.number} belongs to "
                f"one of {step.steps}; make a new LiveCurve for it"
            )
        epochs = self._epochs(step, self.epochs if kept else 0)
        now, ends = self._clock(), step.accuracy is not None
        if not kept:
            self._pace = Pace()  # another run, whose steps may take longer
        follows = kept > 0 and self.losses[kept - 1][0] == step.number - 1
        self._pace.tick(now, follows=follows, ends=ends)
        del self.losses[kept:]
        del self.accuracies[bisect_left(self.accuracies, (step.number,)) :]
        self.losses.append((step.number, step.loss))
        if ends:
            self.accuracies.append((step.number, step.accuracy))
        self._epoch, self._ended = step.epoch, ""
        with self.hold_sync():
            self.steps, self.epochs = step.steps, epochs
            if self._phase() == "finished":
                self._show(f"Training has {self._line()}.")
            elif ends:
                self._show(f"{self._in_epoch().capitalize()} is done: {self._numbers()}.")
            elif now - self._shown >= PAUSE:
                self._show()

    def still(self) -> BookFigure | None:
        """The curve once the run has ended; before that there is more to come."""
        if not self.losses or self._phase() == "running":
            return None
        from ..plots import training_curve

        figure = training_curve(
            self.points, self.tested, self.steps, dict(self.beside), self._line()
        )
        figure.alt = self.alt
        return figure

    def __repr__(self) -> str:
        if not self.losses:
            return "LiveCurve(no step yet; it is drawn while a network trains)"
        return f"LiveCurve({self._place()}, {self._numbers()})"

    def _show(self, message: str | None = None) -> None:
        """Send the browser all that has changed, in one message."""
        self._shown = self._clock()
        with self.hold_sync():
            self.window = max(5, self.steps // 40)
            self.points = thinned(self.losses, self.steps, self.window)
            self.tested = [list(pair) for pair in self.accuracies]
            self.phase, self.status, self.note = self._phase(), self._line(), self._note()
            self.alt = self._picture()
            self.said = self.said if message is None else message

    # --- What is known --------------------------------------------------------------------------

    def _epochs(self, step: Taken, known: int) -> int:
        """Epochs of the run: told by the runs beside, or by an epoch that ends; 0 if not known."""
        if self.beside:
            expected = len(self.beside[0][1])
            if step.steps % expected or step.epoch != -(-step.number * expected // step.steps):
                raise ValueError(
                    f"the runs beside have {expected} epochs, but in this one step {step.number} "
                    f"of {step.steps} is in epoch {step.epoch}, so that it has another number of "
                    "them: compare runs of equally many epochs, or leave beside out"
                )
            return expected
        if step.accuracy is None:
            return known
        epochs, rest = divmod(step.steps * step.epoch, step.number)
        return 0 if rest else epochs

    def _phase(self) -> str:
        if self.losses and self.losses[-1][0] == self.steps:
            return "finished"
        return "stopped" if self._ended else "running" if self.losses else "waiting"

    def _left(self) -> float | None:
        number = self.losses[-1][0]
        tested = bool(self.accuracies) and self.accuracies[-1][0] == number
        tests = self.epochs - self._epoch + (not tested) if self.epochs else 0
        return self._pace.left(self.steps - number, tests)

    # --- What is said ---------------------------------------------------------------------------

    def _place(self) -> str:
        return f"step {self.losses[-1][0]} of {self.steps}"

    def _in_epoch(self) -> str:
        return f"epoch {self._epoch}" + (f" of {self.epochs}" if self.epochs else "")

    def _numbers(self) -> str:
        accuracy = f", accuracy {percent(self.accuracies[-1][1])}" if self.accuracies else ""
        return f"loss {short(self.losses[-1][1])}{accuracy}"

    def _line(self) -> str:
        phase = self._phase()
        if not self.losses:
            return f"{self._ended} before the first step" if self._ended else "waiting to start"
        if phase == "finished":
            return f"finished: {self._place()}, {self._numbers()}"
        if phase == "stopped":
            return f"{self._ended} after {self._place()}, {self._numbers()}"
        left = self._left()
        words = [self._place(), self._in_epoch(), f"loss {short(self.losses[-1][1])}"]
        words.append(f"{100 * self.losses[-1][0] // self.steps} % done")
        return ", ".join(words if left is None else [*words, f"about {duration(left)} left"])

    def _note(self) -> str:
        if self.accuracies:
            return ""
        if self._phase() in ("finished", "stopped"):
            return "No epoch was finished, so no accuracy was measured."
        if not self.losses:
            return "The accuracy is measured at the end of every epoch."
        at = f", step {self.steps // self.epochs * self._epoch}" if self.epochs else ""
        return f"The first accuracy comes at the end of epoch {self._epoch}{at}."

    def _picture(self) -> str:
        words = [f"Training curve, {self._line()}."]
        if self.losses:
            (first, loss), mean = self.losses[0], self.points[-1][2]
            many = min(self.window, len(self.losses))
            words.append(f"Loss {short(loss)} at step {first}.")
            words.append(f"Mean of the last {many} losses {short(mean)}.")
        accuracies = [percent(accuracy) for _, accuracy in self.accuracies]
        if len(accuracies) > 12:
            accuracies[5:-5] = ["…"]
        told = f"Test accuracy after each epoch: {', '.join(accuracies)}."
        words.append(told if accuracies else self._note())
        for name, values in self.beside:
            words.append(f"For comparison, {name}: {percent(values[-1])} after all epochs.")
        return " ".join(words)
