"""What the exercises of chapter 04 are judged by: roofs, a stopwatch, liars, a prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..layer import Layer
from ..results import recorded
from .answers import Fault, NotAnAnswerError, as_number
from .behaviour import as_function, call
from .compare import PLAIN, Case
from .guard import shown

WIDE = Layer("pw", "pointwise", 1, 1, 256, 256, 28, 28)
DEEP = Layer("dw", "depthwise", 3, 1, 512, 512, 14, 14)


def time_of(operations: float, moved: float, peak: float, bandwidth: float) -> float:
    """Milliseconds that a layer takes at least."""
    return 1e3 * max(operations / peak, moved / bandwidth)


def layers_of() -> Iterator[Case]:
    """Layers on every side of the ridge, and machines."""
    yield 102_760_448, 1_867_776, 1e11, 2e10  # bound by arithmetic
    yield 903_168, 802_816, 1e11, 2e10  # bound by memory
    yield 5_000_000, 1_000_000, 1e11, 2e10  # at the ridge
    yield 3_000_000, 7_000_000, 2e12, 9e11


def roofline_slip(of: Callable[[float, float], float]) -> Callable[..., float]:
    """A roofline that combines the two times in another way."""
    return lambda work, moved, peak, bandwidth: 1e3 * of(work / peak, moved / bandwidth)


# --- 4.6 ------------------------------------------------------------------------------------------


def best_seconds(run: Callable[[], Any], clock: Callable[[], float]) -> float:
    """What 4.6 asks for, of which only the signature is used."""
    raise NotImplementedError


class Machine:
    """A task and a clock that ticks; what a task takes is planted, and every third reading off."""

    def __init__(self, seconds: float, tick: float) -> None:
        self.seconds, self.tick, self.now, self.runs, self.looks = seconds, tick, 100.0, 0, 0

    def run(self) -> None:
        """Do the task once."""
        self.runs += 1
        if self.runs > 100_000:
            raise RuntimeError("the task has been run a hundred thousand times")
        slower = 1 + 0.02 * (self.runs % 3) + 2 * (self.looks // 2 % 3 == 0)
        self.now += self.seconds * slower * (25 if self.runs == 1 else 1)

    def clock(self) -> float:
        """The time in seconds, as far as the clock has ticked."""
        self.looks += 1
        self.now += 1e-7
        return math.floor(self.now / self.tick) * self.tick


def measures(answer: Any) -> str | None:
    """Check a function that finds how long a task takes."""
    answer = as_function(answer, best_seconds)
    for seconds, tick in ((0.02, 1e-6), (0.004, 1e-6), (3e-4, 1e-3)):
        machine = Machine(seconds, tick)
        functions = (lambda m=machine: m.run()), (lambda m=machine: m.clock())
        result = call(answer, None, *functions)
        try:
            found = float(as_number(result, "a number of seconds is asked for"))
        except NotAnAnswerError as error:
            raise Fault(str(error), PLAIN) from None
        runs = machine.runs
        case = f"for a task of {seconds:g} seconds and a clock with ticks of {tick:g} seconds"
        said = f"{case}, it finds {found:.4g} after {runs} runs."
        if 0.97 * seconds <= found <= 1.12 * seconds:
            continue
        ratio = found / seconds
        if not runs:
            raise Fault(said, "It never calls `run()`.")
        if tick == 1e-3 and ratio < 0.97:
            raise Fault(
                said,
                "The task ends before the clock ticks: run it many times between two readings, "
                "and divide.",
            )
        if 900 < ratio < 1200:
            raise Fault(said, "These are milliseconds; seconds are asked for.")
        if not found:
            raise Fault(said, "No time passes: is `run()` called between the two readings?")
        if runs > 20 and ratio >= 0.9 * runs:
            raise Fault(said, "That is the time of all runs together: of one, please.")
        if ratio > 20:
            raise Fault(said, "The first run is slow, as always: caches are empty. Run it before.")
        if ratio < 0.97:
            raise Fault(said, "No single run is that fast: is it divided by too much?")
        raise Fault(
            said,
            "Now and then something else takes the processor. What is disturbed takes longer and "
            "never shorter, so which of many readings is the best to believe?",
        )
    return None


# --- 4.7 ------------------------------------------------------------------------------------------


def liars(layers: list[tuple[str, float, float, float]], peak: float, bandwidth: float) -> list:
    """Names of the layers that are said to be faster than the roof allows."""
    return [
        name
        for name, operations, moved, ms in layers
        if ms < 0.999 * time_of(operations, moved, peak, bandwidth)
    ]


LYING = {4: 0.5, 1: 0.95, 6: 0.7, 3: 0.2}
"""Places in a report, and what share of the shortest time is claimed there."""


def reports() -> Iterator[Case]:
    """Reports with lies in them, or none."""
    rng = np.random.default_rng(47)
    for peak, bandwidth, wrong in ((1e11, 2e10, 1), (2.0**38, 2.0**35, 0), (5e10, 4e10, 4)):
        layers = [("at_the_roof", 2**28, 2**24, 1e3 / 2**10)] if not wrong else []
        for i in range(9):
            operations = float(10 ** rng.uniform(6, 8))
            moved = operations / (peak / bandwidth) * (0.25, 4.0, 1.1)[i % 3]
            honest = (1.5, 1.15, 1.85)[i % 3]
            slower = dict(list(LYING.items())[:wrong]).get(i, honest)
            ms = time_of(operations, moved, peak, bandwidth) * slower
            layers.append((f"layer_{i}", round(operations), round(moved), ms))
        yield layers[::-1], peak, bandwidth


def liars_slip(lie: Callable[[float, float, float], bool]) -> Callable[..., list]:
    """What names layers by another rule."""
    return lambda layers, peak, bandwidth: sorted(
        name
        for name, operations, moved, ms in layers
        if lie(1e3 * operations / peak, 1e3 * moved / bandwidth, ms)
    )


LIES: tuple[tuple[str, Callable[..., list]], ...] = (
    (
        "To be slower than the roof is usual; to be faster is impossible.",
        liars_slip(lambda a, b, ms: ms > max(a, b)),
    ),
    (
        "Bytes take time as well as arithmetic: both limits hold.",
        liars_slip(lambda a, b, ms: ms < a),
    ),
    (
        "Arithmetic takes time as well as bytes: both limits hold.",
        liars_slip(lambda a, b, ms: ms < b),
    ),
    (
        "The times are not added: arithmetic and moving may go on at once.",
        liars_slip(lambda a, b, ms: ms < a + b),
    ),
    (
        "The longer of the two times is the limit, not the shorter.",
        liars_slip(lambda a, b, ms: ms < min(a, b)),
    ),
    (
        "Milliseconds are compared with seconds.",
        liars_slip(lambda a, b, ms: ms < max(a, b) / 1e3),
    ),
    (
        "Operations are given here, not mult-adds: there is no factor of two.",
        liars_slip(lambda a, b, ms: ms < max(2 * a, b)),
    ),
    ("Those are the honest ones.", liars_slip(lambda a, b, ms: ms >= max(a, b))),
    ("Just as fast as the roof is possible.", liars_slip(lambda a, b, ms: ms <= max(a, b) * 1.001)),
    (
        "A little faster than the roof is impossible, too.",
        liars_slip(lambda a, b, ms: ms < 0.9 * max(a, b)),
    ),
    (
        "Which limit a layer has says nothing yet: compare its time with that limit.",
        liars_slip(lambda a, b, ms: a < b),
    ),
    (
        "Which limit a layer has says nothing yet: compare its time with that limit.",
        liars_slip(lambda a, b, ms: a > b),
    ),
)


def find_liars(answer: Any) -> str | None:
    """Check a function that finds the impossible times of a report."""
    answer = as_function(answer, liars)
    found, wanted, cases = [], [], list(reports())
    for case in cases:
        result = call(answer, liars, *case)
        if isinstance(result, str):
            raise Fault(f"it returns {shown(result)}.", "Return a list of names, not one text.")
        try:
            found.append(sorted({str(name) for name in result}))
        except TypeError:
            raise Fault(f"it returns {shown(result)}.", "Return a list of names.") from None
        wanted.append(sorted(liars(*case)))
    if found == wanted:
        return None
    bad = next(i for i, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
    said = f"in report {bad + 1} it names {found[bad]}, not {wanted[bad]}."
    known = {layer[0] for case in cases for layer in case[0]}
    if not all(known.issuperset(names) for names in found):
        raise Fault(said, "Names alone are asked for: no numbers of rows, no whole rows.")
    if all(len(f) == min(len(w), 1) for f, w in zip(found, wanted, strict=True)):
        raise Fault(said, "That is one of them; there may be several, or none.")
    if all(f == sorted(layer[0] for layer in c[0]) for f, c in zip(found, cases, strict=True)):
        raise Fault(said, "It names all of them. Are milliseconds compared with milliseconds?")
    for hint, slip in LIES:
        if [slip(*case) for case in cases] == found:
            raise Fault(said, hint)
    return said


# --- 4.8 ------------------------------------------------------------------------------------------


def predict(mult_adds: np.ndarray, ms: np.ndarray, wanted: float) -> float:
    """A straight line, by least squares of the relative error."""
    slope, price = np.polyfit(mult_adds, ms, 1, w=1 / ms)
    return float(slope * wanted + price)


def scored_of(answer: Any) -> str | None:
    """Check a function that predicts milliseconds."""
    answer = as_function(answer, predict)
    models = recorded("bench_sixteen")["results"]["models"]
    sixteen = {
        (m["alpha"], m["resolution"]): (m["mult_adds"], m["timing"]["median_ms"])
        for m in models
        if m.get("body", "separable") == "separable"
    }
    dear = {n: (n * 2.5e7, 40 + n * 2.5e7 / 4e6) for n in range(1, 9)}
    sparse = {n: (n * 1e8, 2 + 10.0 * n) for n in (1, 2, 5, 8, 9)}  # no near neighbour
    asked: Any
    book: Any
    for asked, book in (
        ((0.75, 160), sixteen),
        ((0.5, 128), sixteen),
        ((0.25, 192), sixteen),
        (3, dear),
        (5, sparse),
    ):
        work, truth = book[asked]
        others = np.array([value for key, value in book.items() if key != asked], float)
        case = (others[:, 0], others[:, 1], float(work))
        result = call(answer, predict, *case)
        try:
            guess = float(as_number(result, "a number of milliseconds is asked for"))
        except NotAnAnswerError as error:
            raise Fault(str(error), PLAIN) from None
        if abs(guess / truth - 1) <= 0.25:
            continue
        network = (
            f"{asked[0]} MobileNet-{asked[1]}" if isinstance(asked, tuple) else "an invented one"
        )
        said = f"it predicts {guess:.3g} ms for {network}, which takes {truth:.3g}."
        raise Fault(said, why_off(guess, truth, case))
    return None


def why_off(guess: float, truth: float, case: Case) -> str | None:
    """The hint for a prediction that is off."""
    mult_adds, ms, wanted = case
    if np.isclose(guess, truth / 1e3, rtol=0.3) or np.isclose(guess, truth * 1e3, rtol=0.3):
        return "Milliseconds are asked for."
    by_share = [ms[i] * wanted / mult_adds[i] for i in (0, -1, mult_adds.argmax(), ms.argmin())]
    ratios = [wanted * (ms / mult_adds).mean(), wanted * ms.sum() / mult_adds.sum()]
    ratios.append(wanted * mult_adds @ ms / (mult_adds @ mult_adds))
    ratios.append(wanted * float(np.median(ms / mult_adds)))
    if np.isclose(guess, [*by_share, *ratios], rtol=1e-3).any():
        return (
            "Half of the mult-adds take more than half of the time: a network with no mult-adds at "
            "all would still cost its calls."
        )
    slope, price = np.polyfit(mult_adds, ms, 1)
    if np.isclose(guess, slope * wanted):
        return (
            "The price of each mult-add is there; what every network pays is missing. The line "
            "does not go through zero."
        )
    if np.isclose(guess, price):
        return "That is what every network pays; its mult-adds cost something, too."
    if guess > 50 * truth:
        return (
            "So long takes none: are slope and intercept exchanged, or a logarithm left as it is?"
        )
    if np.isclose(guess, ms[abs(mult_adds - wanted).argmin()]):
        return "The nearest network takes another time: which one lies on its other side?"
    if np.isclose(guess, [ms.mean(), np.median(ms)], rtol=1e-3).any():
        return "This is the middle of all networks, whichever one is asked for."
    if not np.isfinite(guess) or guess <= 0:
        return "No network takes no time: what does your curve do between the points it knows?"
    if abs(mult_adds - wanted).min() > 0.3 * wanted:
        return (
            "Far from the others it goes astray: each further mult-add costs what the last one did."
        )
    return None
