"""The exercises of chapter 04: what a mult-add costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..convolution import standard
from ..layer import Layer
from ..results import recorded
from .answers import Fault, NotAnAnswerError, as_number, close, exercise
from .behaviour import Case, as_function, behaves, call, without_loops
from .guard import shown

WIDE = Layer("pw", "pointwise", 1, 1, 256, 256, 28, 28)
DEEP = Layer("dw", "depthwise", 3, 1, 512, 512, 14, 14)


def _time(operations: float, moved: float, peak: float, bandwidth: float) -> float:
    return 1e3 * max(operations / peak, moved / bandwidth)


def _layers() -> Iterator[Case]:
    yield 102_760_448, 1_867_776, 1e11, 2e10  # bound by arithmetic
    yield 903_168, 802_816, 1e11, 2e10  # bound by memory
    yield 5_000_000, 1_000_000, 1e11, 2e10  # at the ridge
    yield 3_000_000, 7_000_000, 2e12, 9e11


def _roofline_slip(of: Callable[[float, float], float]) -> Callable[..., float]:
    return lambda work, moved, peak, bandwidth: 1e3 * of(work / peak, moved / bandwidth)


def _valid(F: np.ndarray, K: np.ndarray) -> np.ndarray:
    return standard(F, K, padding="valid")


def _maps(*sizes: tuple[int, int, int, int]) -> Iterator[Case]:
    rng = np.random.default_rng(45)
    for height, width, channels, filters in sizes:
        F = rng.standard_normal((height, width, channels))
        yield F, rng.standard_normal((3, 3, channels, filters))


# --- 4.6 ------------------------------------------------------------------------------------------


def best_seconds(run: Callable[[], Any], clock: Callable[[], float]) -> float:
    """What 4.6 asks for, of which only the signature is used."""
    raise NotImplementedError


class _Machine:
    """A task and a clock that ticks; what a task takes is planted, and every third reading off."""

    def __init__(self, seconds: float, tick: float) -> None:
        self.seconds, self.tick, self.now, self.runs, self.looks = seconds, tick, 100.0, 0, 0

    def run(self) -> None:
        self.runs += 1
        if self.runs > 100_000:
            raise RuntimeError("the task has been run a hundred thousand times")
        slower = 1 + 0.02 * (self.runs % 3) + 2 * (self.looks % 6 > 2)
        self.now += self.seconds * slower * (25 if self.runs == 1 else 1)

    def clock(self) -> float:
        self.looks += 1
        self.now += 1e-7
        return math.floor(self.now / self.tick) * self.tick


def _measures(answer: Any) -> str | None:
    answer = as_function(answer, best_seconds)
    for seconds, tick in ((0.02, 1e-6), (0.004, 1e-6), (3e-4, 1e-3)):
        machine = _Machine(seconds, tick)
        functions = (lambda m=machine: m.run()), (lambda m=machine: m.clock())
        result = call(answer, None, *functions)
        try:
            found = float(as_number(result, "a number of seconds is asked for"))
        except NotAnAnswerError as error:
            raise Fault(str(error)) from None
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
            raise Fault(said, "These are milliseconds.")
        if not found:
            raise Fault(said, "No time passes: is `run()` called between the two readings?")
        if runs > 20 and ratio >= 0.9 * runs:
            raise Fault(said, "That is the time of all runs together: of one, please.")
        if ratio > 20:
            raise Fault(said, "The first run is slow, as always: caches are empty. Run it before.")
        if ratio < 0.97:
            raise Fault(said, "So fast is no single run: is it divided by too much?")
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
        if ms < 0.999 * _time(operations, moved, peak, bandwidth)
    ]


def _reports() -> Iterator[Case]:
    rng = np.random.default_rng(47)
    for peak, bandwidth, wrong in ((1e11, 2e10, 1), (3e11, 3e10, 0), (5e10, 4e10, 3)):
        layers = []
        for i in range(9):
            operations = float(10 ** rng.uniform(6, 8))
            moved = operations / (peak / bandwidth) * (0.25, 4.0, 1.1)[i % 3]
            slower = (0.1 + 0.1 * i) if i in (4, 1, 6)[:wrong] else (1.5, 1.15, 1.85)[i % 3]
            ms = _time(operations, moved, peak, bandwidth) * slower
            layers.append((f"layer_{i}", round(operations), round(moved), ms))
        yield layers, peak, bandwidth


def _liars_slip(lie: Callable[[float, float, float], bool]) -> Callable[..., list]:
    return lambda layers, peak, bandwidth: sorted(
        name
        for name, operations, moved, ms in layers
        if lie(1e3 * operations / peak, 1e3 * moved / bandwidth, ms)
    )


_LIES: tuple[tuple[str, Callable[..., list]], ...] = (
    (
        "To be slower than the roof is usual; to be faster is impossible.",
        _liars_slip(lambda a, b, ms: ms > max(a, b)),
    ),
    (
        "Bytes take time as well as arithmetic: both limits hold.",
        _liars_slip(lambda a, b, ms: ms < a),
    ),
    (
        "Arithmetic takes time as well as bytes: both limits hold.",
        _liars_slip(lambda a, b, ms: ms < b),
    ),
    (
        "The times are not added: arithmetic and moving may go on at once.",
        _liars_slip(lambda a, b, ms: ms < a + b),
    ),
    (
        "The longer of the two times is the limit, not the shorter.",
        _liars_slip(lambda a, b, ms: ms < min(a, b)),
    ),
    (
        "Milliseconds are compared with seconds.",
        _liars_slip(lambda a, b, ms: ms < max(a, b) / 1e3),
    ),
    (
        "Operations are given here, not mult-adds: there is no factor of two.",
        _liars_slip(lambda a, b, ms: ms < max(2 * a, b)),
    ),
)


def _find_liars(answer: Any) -> str | None:
    answer = as_function(answer, liars)
    found, wanted, cases = [], [], list(_reports())
    for case in cases:
        result = call(answer, liars, *case)
        try:
            found.append(sorted({str(name) for name in result}))
        except TypeError:
            raise Fault(f"it returns {shown(result)}.", "Return a list of names.") from None
        wanted.append(sorted(liars(*case)))
    if found == wanted:
        return None
    bad = next(i for i, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
    said = f"in report {bad + 1} it names {found[bad]}, not {wanted[bad]}."
    for hint, slip in _LIES:
        if [slip(*case) for case in cases] == found:
            raise Fault(said, hint)
    return said


# --- 4.8 ------------------------------------------------------------------------------------------


def predict(mult_adds: np.ndarray, ms: np.ndarray, wanted: float) -> float:
    """A straight line, by least squares of the relative error."""
    slope, price = np.polyfit(mult_adds, ms, 1, w=1 / ms)
    return float(slope * wanted + price)


def _scored(answer: Any) -> str | None:
    answer = as_function(answer, predict)
    models = recorded("bench_sixteen")["results"]["models"]
    sixteen = {
        (m["alpha"], m["resolution"]): (m["mult_adds"], m["timing"]["median_ms"]) for m in models
    }
    invented = {n: (n * 2.5e7, 40 + n * 2.5e7 / 4e6) for n in range(1, 9)}
    asked: Any
    book: Any
    for asked, book in (
        ((0.75, 160), sixteen),
        ((0.5, 128), sixteen),
        ((0.25, 192), sixteen),
        (3, invented),
    ):
        work, truth = book[asked]
        others = np.array([value for key, value in book.items() if key != asked], float)
        case = (others[:, 0], others[:, 1], float(work))
        result = call(answer, predict, *case)
        try:
            guess = float(as_number(result, "a number of milliseconds is asked for"))
        except NotAnAnswerError as error:
            raise Fault(str(error)) from None
        if abs(guess / truth - 1) <= 0.25:
            continue
        network = f"{asked[0]} MobileNet-{asked[1]}" if isinstance(asked, tuple) else "an invented"
        said = f"it predicts {guess:.3g} ms for {network}, which takes {truth:.3g}."
        raise Fault(said, _why_off(guess, truth, case))
    return None


def _why_off(guess: float, truth: float, case: Case) -> str | None:
    mult_adds, ms, wanted = case
    if np.isclose(guess, truth / 1e3, rtol=0.3) or np.isclose(guess, truth * 1e3, rtol=0.3):
        return "Milliseconds are asked for."
    by_share = [ms[i] * wanted / mult_adds[i] for i in (0, -1, mult_adds.argmax(), ms.argmin())]
    ratios = [wanted * (ms / mult_adds).mean(), wanted * ms.sum() / mult_adds.sum()]
    ratios.append(wanted * float(mult_adds @ ms) / float(mult_adds @ mult_adds))
    ratios.append(wanted * float(np.median(ms / mult_adds)))
    if np.isclose(guess, [*by_share, *ratios], rtol=1e-3).any():
        return (
            "Half of the mult-adds take more than half of the time: a network with no mult-adds at "
            "all would still cost its calls."
        )
    if np.isclose(guess, [ms.mean(), np.median(ms)], rtol=1e-3).any():
        return "This is the middle of all networks, whichever one is asked for."
    if not np.isfinite(guess) or guess <= 0:
        return "No network takes no time: what does your curve do between the points it knows?"
    return None


EXERCISES = (
    exercise(
        "4.1",
        "Operations for each byte",
        close(
            WIDE.intensity,
            0.06,
            lambda: {
                "A mult-add is two operations, a multiplication and an addition.": WIDE.intensity()
                / 2,
                "A number in float32 has four bytes.": (4 * WIDE.intensity(), 2 * WIDE.intensity()),
                "The weights have to come, too.": 2 * 256**2 * 784 / (4 * 2 * 256 * 784),
                "The output is written, too.": 2 * 256**2 * 784 / (4 * (256 * 784 + 256**2)),
                "The input is read, too: two maps, and the weights.": 2
                * 256**2
                * 784
                / (4 * 256 * 784),
                "Bytes for each operation: the other way round.": 1 / WIDE.intensity(),
                "Each weight is used at 28 by 28 places.": 2
                * 256**2
                * 28
                / (4 * (2 * 256 * 28 + 256**2)),
            },
        ),
        "A mult-add is two operations, a number in float32 four bytes.",
        "2 · 256 · 256 · 28² operations; two maps of 256 · 28² numbers and 256² weights.",
        goals=["which of the two a layer is limited by"],
    ),
    exercise(
        "4.2",
        "The ridge",
        close(
            lambda: 240e9 / 30e9,
            0.01,
            lambda: {
                "The other way round: operations for each byte.": 30 / 240,
                "Multiplied; at the ridge two times are equal, and each is a quotient.": (
                    7200,
                    7.2e21,
                ),
                "Both numbers are in billions, so these cancel.": (8e9, 8e-9),
                "These are operations already: no factor of two for mult-adds.": (4, 16),
                "The bandwidth is in bytes, not in numbers of four bytes.": (32, 2),
                "That is how much more of one there is: divide instead.": 210,
            },
        ),
        "At the ridge both take equally long: the arithmetic, and moving the bytes.",
        "240 billion operations per second over 30 billion bytes per second.",
        goals=["which of the two a layer is limited by"],
    ),
    exercise(
        "4.3",
        "The roofline in one line",
        behaves(
            _time,
            _layers,
            ("That is in seconds: milliseconds are asked for.", lambda *x: _time(*x) / 1e3),
            ("That is in microseconds.", lambda *x: _time(*x) * 1e3),
            (
                "The two times are added; a processor does both at once.",
                _roofline_slip(lambda a, b: a + b),
            ),
            ("The longer of the two times counts, not the shorter.", _roofline_slip(min)),
            ("Bytes take time, too.", _roofline_slip(lambda a, b: a)),
            ("Arithmetic takes time, too.", _roofline_slip(lambda a, b: b)),
            (
                "Operations are given, not mult-adds: no factor of two.",
                lambda w, m, p, b: _time(2 * w, m, p, b),
            ),
            (
                "Bytes are given, not numbers: no factor of four.",
                lambda w, m, p, b: _time(w, 4 * m, p, b),
            ),
            (
                "That is how many operations per second are reached, not how long they take.",
                lambda w, m, p, b: min(p, w / m * b),
            ),
        ),
        "Work over peak is a time; bytes over bandwidth is another.",
        "The longer of the two, times 1000 for milliseconds.",
        goals=["under one roof"],
    ),
    exercise(
        "4.4",
        "How sparse?",
        close(
            lambda: 1 - 1 / 12,
            0.004,
            lambda: {
                "That is the share that is left; asked is the share of zeros.": (1 / 12, 0.083),
                "A share of zeros, between 0 and 1.": (12, 11, 91.7, 92),
                "Then the sparse product would still be slower: put it in.": (0.9, 0.5, 0.8, 0.88),
                "11 over 12, not over 13.": (12 / 13, 11 / 13),
                "That is more than is needed.": (0.95, 0.99, 1.0),
            },
        ),
        "A share 1 - s of the weights is left, and each costs twelve times as much.",
        "12 · (1 - s) = 1.",
        goals=["how many weights must be zero"],
    ),
    exercise(
        "4.5",
        "The same sum once more",
        behaves(
            _valid,
            lambda: _maps((5, 5, 1, 1), (6, 6, 2, 3), (7, 4, 3, 2), (4, 9, 2, 5)),
            ("This is what SAME gives; no padding is asked for.", lambda F, K: standard(F, K)),
            (
                "The kernel is flipped: it lies on the map as it is written.",
                lambda F, K: _valid(F, K[::-1, ::-1]),
            ),
            (
                "The input channels are still there: each output is a sum over all of them.",
                lambda F, K: np.stack(
                    [
                        _valid(F[..., m : m + 1], K[:, :, m : m + 1]).sum(-1)
                        for m in range(K.shape[2])
                    ],
                    -1,
                ),
            ),
            (
                "Only one input channel counts: the sum goes over m as well.",
                lambda F, K: _valid(F[..., :1], K[:, :, :1]),
            ),
            (
                "The patches' columns come in another order than the kernel's rows: i, j and then "
                "m in both.",
                lambda F, K: _valid(F, K.reshape(-1, 3, 3, K.shape[3]).transpose(1, 2, 0, 3)),
            ),
            (
                "Rows and columns of the kernel are exchanged.",
                lambda F, K: _valid(F, K.transpose(1, 0, 2, 3)),
            ),
            (
                "A matrix comes out; give it back the rows and columns of a map.",
                lambda F, K: _valid(F, K).reshape(-1, K.shape[3]),
            ),
            then=without_loops(
                next(_maps((6, 6, 2, 2))),
                ("rows", next(_maps((18, 6, 2, 2)))),
                ("columns", next(_maps((6, 18, 2, 2)))),
                ("input channels", next(_maps((6, 6, 14, 2)))),
                ("output channels", next(_maps((6, 6, 2, 14)))),
                hint="Python is to do the same few steps for a large map as for a small one: nine "
                "products of matrices, or one after `np.lib.stride_tricks.sliding_window_view`.",
            ),
        ),
        "F[i : i + rows, j : j + columns] @ K[i, j] takes M numbers to N at all places at once.",
        "Add up nine such products. Or cut out all patches, reshape them and K to matrices, and "
        "multiply once.",
        goals=["in three ways"],
        kind="build",
    ),
    exercise(
        "4.6",
        "The roof of your machine",
        _measures,
        "Print what single runs take. Which of them would you not believe, and why?",
        "Run it once for nothing. Then take many readings, each of so many runs that the clock "
        "has ticked often, divide each by its runs, and believe the shortest.",
        goals=["what your processor can do at most"],
        kind="build",
    ),
    exercise(
        "4.7",
        "Which layer lies?",
        _find_liars,
        "For each layer, compute the shortest time that the roof allows, in milliseconds.",
        "That is 1000 times the larger of operations / peak and bytes / bandwidth; whoever claims "
        "less lies.",
        goals=["under one roof", "which of the two a layer is limited by"],
        kind="investigate",
    ),
    exercise(
        "4.8",
        "Predict, and be scored",
        _scored,
        "Draw the milliseconds over the mult-adds. Does the line go through zero?",
        "Fit a price for each mult-add and one for the network as a whole, as `np.polyfit` with "
        "degree 1 does; or interpolate between the neighbours.",
        goals=["predict the latency"],
        kind="investigate",
    ),
    exercise(
        "4.9",
        "Why the three per cent take so long",
        close(
            lambda: DEEP.intensity(),
            0.03,
            lambda: {
                "A mult-add is two operations.": DEEP.intensity() / 2,
                "A number in float32 has four bytes.": 4 * DEEP.intensity(),
                "Each channel has one filter of nine weights: no sum over channels.": 2
                * 9
                * 512**2
                * 196
                / (4 * (2 * 512 * 196 + 9 * 512**2)),
                "The input is read and the output is written: two maps.": 2 * 9 * 196 / (4 * 205),
                "The pointwise layer has so many; the depthwise one is asked for.": (
                    2 * 512**2 * 196 / (4 * (2 * 512 * 196 + 512**2))
                ),
                "Bytes for each operation: the other way round.": 1 / DEEP.intensity(),
            },
        ),
        "Nine mult-adds for each number of the output, and how many numbers move for it?",
        "2 · 9 · 512 · 14² operations; two maps of 512 · 14² numbers and 9 · 512 weights, of four "
        "bytes each.",
        goals=["why the depthwise layers"],
    ),
)
