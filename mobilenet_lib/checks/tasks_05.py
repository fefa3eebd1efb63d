"""Tasks of chapter 05 that are judged by properties: broken steps, and a loop that goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .answers import Fault, NotAnAnswerError
from .behaviour import as_function, call
from .guard import shown

Step = Callable[..., tuple[np.ndarray, np.ndarray]]


def _step(bug: str) -> Step:
    """A step with momentum, with one thing wrong in it."""

    def step(
        weight: Any, velocity: Any, gradient: Any, rate: float, momentum: float, decay: float
    ) -> tuple[np.ndarray, np.ndarray]:
        w, old, g = (np.asarray(x, float) for x in (weight, velocity, gradient))
        kept = 0 * old if bug == "forgets" else momentum * old
        new = kept + g + (0 if bug == "no decay" else decay * w)
        along = old if bug == "old velocity" else new
        moved = w + rate * along if bug == "uphill" else w - rate * along
        if bug == "squared rate":
            moved = w - rate**2 * along
        return moved, new

    return step


BUGS = ("uphill", "no decay", "old velocity", "forgets", "squared rate")
"""What may be wrong in 5.5; "right" stands for nothing."""


def _find(step: Step) -> str:
    """What 5.5 asks for, of which only the signature is used."""
    raise NotImplementedError


def diagnose(answer: Any) -> str | None:
    """Check a function that finds out what is wrong with a step."""
    answer = as_function(answer, _find)
    said: dict[str, str] = {}
    for bug in (*BUGS, "right"):
        result = call(answer, None, _step(bug))
        word = str(result).strip().lower() if isinstance(result, str | np.str_) else None
        if word not in (*BUGS, "right"):
            words = '", "'.join((*BUGS, "right"))
            raise Fault(f"it returns {shown(result)}.", f'The words are "{words}".')
        said[bug] = word
    wrong = {bug: word for bug, word in said.items() if bug != word}
    if not wrong:
        return None
    bug, word = next(iter(wrong.items()))
    text = f"{len(said) - len(wrong)} of 6 are right; for one that is {bug!r} it says {word!r}."
    raise Fault(text, _what_tells(said, bug, word))


def _what_tells(said: dict[str, str], bug: str, word: str) -> str:
    if len(set(said.values())) == 1:
        return "It says the same of every step: what do you hand in, and what comes out?"
    if bug == "right":
        return "A step may also be right: say so only if nothing else is found."
    if {bug, word} & {"squared rate"}:
        return "A rate of 1 is its own square: probe with another, such as 0.5."
    if {bug, word} & {"forgets"}:
        return "Momentum shows in the new velocity, if the old one is not 0."
    if {bug, word} & {"no decay"}:
        return "Decay shows where weight and decay are not 0 and the gradient is."
    if {bug, word} & {"old velocity"}:
        return "Hand in an old velocity of 0 and a gradient: what uses the old one stands still."
    return "Downhill is against the gradient: does the weight become smaller for a gradient of 1?"


# --- 5.6 ------------------------------------------------------------------------------------------


class Loop:
    """A small training: a line is fitted to noisy points, a random few in each step.

    `advance()` does one step; `vars(loop)` shows all that it keeps.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.weight = self.rng.standard_normal(2)
        self.velocity = np.zeros(2)
        self.step = 0

    def advance(self) -> None:
        """One step of SGD with momentum, at a rate that falls."""
        x = self.rng.standard_normal(4)
        error = self.weight[0] + self.weight[1] * x - (2 - 3 * x)
        gradient = np.array([error.mean(), (error * x).mean()])
        self.velocity *= 0.9
        self.velocity += gradient
        self.weight -= 0.1 / (1 + 0.1 * self.step) * self.velocity
        self.step += 1


def _state(loop: Loop) -> dict[str, Any]:
    return {
        "weight": loop.weight.tolist(),
        "velocity": np.asarray(loop.velocity).tolist(),
        "step": loop.step,
        "rng": loop.rng.bit_generator.state["state"],
    }


FORGOTTEN = {
    "velocity": "The velocity is a memory of all gradients before: it has to come back, too.",
    "step": "The rate falls with the number of steps: which one is it?",
    "rng": "The pictures, here points, are drawn at random: the generator's state belongs to it. "
    "`loop.rng.bit_generator.state` can be read and set.",
    "weight": "The weight itself is not the same.",
}


def loop_resumes(answer: Any) -> str | None:
    """Check a pair of functions that save a loop and bring it back."""
    try:
        save, restore = answer
    except (TypeError, ValueError):
        raise NotAnAnswerError(
            f"two functions are asked for, (save, restore), this is {shown(answer)}."
        ) from None
    save = as_function(save, lambda loop: None)
    restore = as_function(restore, lambda loop, saved: None)
    for before, after in ((7, 9), (0, 3), (1, 20)):
        loop, fresh = Loop(3), Loop(8)
        for _ in range(before):
            loop.advance()
        then = _state(loop)
        saved = call(partial(save, loop), None)
        early = call(partial(save, Loop(1)), None)
        if _state(loop) != then:
            raise Fault("saving changes the loop.", "Only look at it: draw nothing, set nothing.")
        for _ in range(after):
            loop.advance()
        _restored(restore, Loop(2), early)
        fresh = _restored(restore, fresh, saved)
        case = f"saved after {before} steps and brought back,"
        if before and _state(fresh) == _state(Loop(8)):
            hint = "Set what is inside it: `loop = ...` in a function only makes a new name."
            raise Fault(f"{case} the loop is as fresh as before.", hint)
        if fresh.step == then["step"] + 1 and fresh.rng.bit_generator.state["state"] != then["rng"]:
            raise Fault(f"{case} it is a step ahead.", "Bring it to that point, and no further.")
        for name in ("velocity", "step", "rng", "weight"):
            if _state(fresh)[name] != then[name]:
                if _state(fresh)[name] == _state(loop)[name] and after:
                    raise Fault(
                        f"{case} its {name} is that of the loop that went on.",
                        "What you saved changes with the loop: save copies.",
                    )
                close = name in ("weight", "velocity") and np.allclose(
                    _state(fresh)[name], then[name], atol=1e-2
                )
                hint = "It is rounded: to the bit means all digits." if close else FORGOTTEN[name]
                raise Fault(f"{case} its {name} is another one.", hint)
        for _ in range(after):
            fresh.advance()
        if _state(fresh) != _state(loop):
            raise Fault(f"{case} it goes another way.", FORGOTTEN["rng"])
        again = _restored(restore, Loop(5), saved)
        if _state(again) != then:
            raise Fault(
                f"{case} it works once; a second time, what was saved has changed.",
                "The new loop works on your saved arrays: give it copies.",
            )
    return None


def _restored(restore: Callable[..., Any], fresh: Loop, saved: Any) -> Loop:
    def run() -> Loop:
        made = restore(fresh, saved)
        if isinstance(made, Loop) and made is not fresh:
            raise Fault(
                "restore returns another loop; the one that was handed in is as it was.",
                "Set what is inside `loop`: that is the one which goes on.",
            )
        return fresh

    loop: Loop = call(run, None)
    return loop
