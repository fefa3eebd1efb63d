"""Tasks of chapter 08 that end with a product: a file that explains itself, and a choice."""

from __future__ import annotations

import builtins
import pickle
import pickletools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from .answers import Fault, NotAnAnswerError
from .behaviour import as_function, call
from .compare import Case
from .guard import LIBRARIES, shown

# --- 8.8 ------------------------------------------------------------------------------------------

Weights = dict[str, np.ndarray]


def packs(answer: Any) -> str | None:
    """Check a pair of functions that write a network into bytes and read it again."""
    try:
        pack, unpack = answer
    except (TypeError, ValueError):
        raise NotAnAnswerError(
            f"two functions are asked for, (pack, unpack), this is {shown(answer)}."
        ) from None
    pack = as_function(pack, lambda weights, preprocess, classes: None)
    unpack = as_function(unpack, lambda file: None)
    rng = np.random.default_rng(88)
    for classes in (["person", "nobody"], ["zebra", "ähre", "crane, bird", "apple pie"]):
        weights: Weights = {
            "conv_0.weight": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
            "FC.bias": rng.standard_normal(3),
            "steps": rng.integers(-128, 127, (2, 5)).astype(np.int8),
        }
        preprocess = {"size": 96, "scale": 1 / 255, "order": "RGB"}
        file = call(pack, None, weights, preprocess, classes)
        if not isinstance(file, bytes | bytearray):
            raise Fault(
                f"`pack` returns {shown(file)}.",
                "Bytes are asked for, as they stand in a file: `io.BytesIO` gives them.",
            )
        if len(file) < sum(array.nbytes for array in weights.values()) / 2:
            raise Fault(
                f"`pack` returns {len(file)} bytes, fewer than the weights need.",
                "On another machine there is nothing but the file: all has to be in it.",
            )
        if _is_pickle(bytes(file)):
            raise Fault(
                "the bytes are a pickle.",
                "Loading a pickle runs the code in it. Write numbers and text instead, with "
                "`np.savez`, json or safetensors.",
            )
        with _nothing_runs():
            result = call(unpack, None, bytes(file))
        try:
            own, recipe, names = result
            own = dict(own)
        except (TypeError, ValueError):
            raise Fault(
                f"`unpack` returns {shown(result)}.",
                "Weights, preprocessing and class names are asked for, all three.",
            ) from None
        _unpacked(weights, own, preprocess, recipe, classes, names)
    return None


@contextmanager
def _nothing_runs() -> Iterator[None]:
    """Refuse what would run code in a file, where the reader calls it."""

    def refuse(owner: Any, name: str, allowed: Callable[[dict[str, Any]], bool]) -> None:
        own = getattr(owner, name)

        def instead(*arguments: Any, **options: Any) -> Any:
            reader = not sys._getframe(1).f_code.co_filename.startswith(LIBRARIES)
            if reader and not allowed(options):
                raise Fault(
                    f"`unpack` calls `{name}`, which runs what a file tells it to.",
                    "Read numbers and text only: json, `np.load` as it is, safetensors.",
                )
            return own(*arguments, **options)

        stack.callback(setattr, owner, name, own)
        setattr(owner, name, instead)

    with ExitStack() as stack:
        for owner, name in ((builtins, "eval"), (builtins, "exec"), (pickle, "loads")):
            refuse(owner, name, lambda _: False)
        refuse(np, "load", lambda options: not options.get("allow_pickle"))
        if torch := sys.modules.get("torch"):
            refuse(torch, "load", lambda options: options.get("weights_only", True))
        yield


def _is_pickle(file: bytes) -> bool:
    if b"pickle" in file[:200] or (file[:1] == b"\x80" and file[-1:] == b"."):
        return True
    try:
        list(pickletools.genops(file))
    except Exception:
        # An array of objects in NumPy's format is a pickle, too.
        return b"'descr': '|O'" in file
    return True


def _unpacked(
    weights: Weights, own: Any, preprocess: Any, recipe: Any, classes: list[str], names: Any
) -> None:
    if set(own) != set(weights):
        raise Fault(
            f"the weights come back under {sorted(map(str, own))}.",
            "Each array needs its name, and nothing else stands among the weights.",
        )
    for name, array in weights.items():
        back = np.asarray(own[name])
        if back.shape != array.shape:
            raise Fault(
                f"{name} has shape {array.shape} and comes back as {back.shape}.",
                "Numbers alone are no array: keep the shape, too.",
            )
        if back.dtype != array.dtype:
            raise Fault(
                f"{name} is {array.dtype} and comes back as {back.dtype}.",
                "Keep the type: eight bits in float64 are no longer small.",
            )
        if not np.array_equal(back, array):
            raise Fault(f"{name} comes back changed.", "To the bit: text with few digits rounds.")
    if not isinstance(recipe, dict) or recipe != preprocess:
        hint = "Without the preprocessing a network gives nonsense, and no error."
        if isinstance(recipe, dict) and recipe.keys() == preprocess.keys():
            hint = "Numbers are to come back as numbers and text as text."
        raise Fault(f"the preprocessing comes back as {shown(recipe)}.", hint)
    try:
        same = [str(name) for name in names] == classes
        got = sorted(map(str, names))
    except TypeError:
        same, got = False, []
    if not same:
        hint = "The names of the classes belong to it, as a list."
        if got == sorted(classes):
            hint = "The order of the names is the order of the scores: keep it."
        raise Fault(f"the class names come back as {shown(names)}.", hint)


# --- 8.9 ------------------------------------------------------------------------------------------


def ship(candidates: list[dict[str, Any]], limits: dict[str, float]) -> str:
    """The most accurate candidate that keeps all limits; of equals the faster, then the smaller."""
    return _shipped(candidates, limits)


def _shipped(
    candidates: list[dict[str, Any]], limits: dict[str, float], leave: str = "", by: str = "points"
) -> str:
    fit = [
        c
        for c in candidates
        if (leave == "ms" or max(c["ms"]) <= limits["ms"])
        and (leave == "megabytes" or c["megabytes"] <= limits["megabytes"])
        and (leave == "points" or c["points"] >= limits["points"])
    ]
    if not fit:
        return "none"
    orders: dict[str, Callable[[dict[str, Any]], Any]] = {
        "points": lambda c: (-c["points"], max(c["ms"]), c["megabytes"]),
        "ms": lambda c: max(c["ms"]),
        "megabytes": lambda c: c["megabytes"],
        "loose": lambda c: -c["points"],
        "least": lambda c: (c["points"], max(c["ms"])),
        "small": lambda c: (-c["points"], c["megabytes"]),
        "slow": lambda c: (-c["points"], -max(c["ms"])),
    }
    return str(min(fit, key=orders[by])["name"])


NO_LIMITS = {"ms": 1e9, "megabytes": 1e9, "points": 0.0}


def _any_limit(candidate: dict[str, Any], limits: dict[str, float]) -> bool:
    return any(ship([candidate], NO_LIMITS | {key: limits[key]}) != "none" for key in limits)


def _strict(candidates: list[dict[str, Any]], limits: dict[str, float], of: str) -> str:
    return ship(candidates, limits | {of: limits[of] + (1e-9 if of == "points" else -1e-9)})


def _mean(candidates: list[dict[str, Any]], limits: dict[str, float], of: Any) -> str:
    return _shipped([c | {"ms": [float(of(c["ms"]))]} for c in candidates], limits)


def offers() -> Iterator[Case]:
    """Candidates and what a device allows."""
    rows = (
        ("1.0-224 fp32", [25, 26, 31], 17.0, 70.9),
        ("1.0-224 int8", [12, 19, 13], 4.3, 70.1),
        ("0.75-192 int8", [7, 8, 7], 2.6, 66.9),
        ("0.75-160 int8", [6, 6, 6], 2.6, 64.8),
        ("0.5-224 int8", [5, 6, 14], 1.4, 63.0),
        ("0.5-160 int8", [3, 3, 5], 1.4, 58.4),
        ("0.5-160 mixed", [4, 4, 4], 2.7, 58.4),  # the faster of the two by its slowest reading
        ("0.5-160 fp32", [5, 5, 7], 5.3, 58.4),
        ("0.25-128 int8", [1, 1, 1], 0.5, 41.0),
    )
    keys = ("name", "ms", "megabytes", "points")
    all_of_them = [dict(zip(keys, row, strict=True)) for row in rows]
    for ms, megabytes, points in (
        (19, 5, 60),
        (13, 5, 60),
        (15, 5, 60),
        (7, 3, 50),
        (8, 1.5, 50),
        (100, 100, 71),
        (6, 2, 60),
        (30, 5, 60),
        (100, 4, 20),
        (5, 6, 20),
        (40, 20, 60),
        (8, 2.6, 50),
        (8, 3, 66.9),
    ):
        yield all_of_them, {"ms": ms, "megabytes": megabytes, "points": points}
    yield all_of_them[4:][::-1], {"ms": 8, "megabytes": 9, "points": 50}


FASTER = "Of two that are equally accurate, take the faster, by its slowest reading."
SHIP_SLIPS = (
    ("The slowest reading has to be fast enough, not the mean.", partial(_mean, of=np.mean)),
    ("The slowest reading has to be fast enough, not the median.", partial(_mean, of=np.median)),
    ("The slowest reading has to be fast enough, not the fastest.", partial(_mean, of=min)),
    ("The limit of milliseconds is not kept.", partial(_shipped, leave="ms")),
    ("The limit of megabytes is not kept.", partial(_shipped, leave="megabytes")),
    ("The accuracy that is needed at least is not kept.", partial(_shipped, leave="points")),
    (
        "Of those that keep the limits take the most accurate, not the fastest.",
        partial(_shipped, by="ms"),
    ),
    (
        "Of those that keep the limits take the most accurate, not the smallest.",
        partial(_shipped, by="megabytes"),
    ),
    (FASTER, partial(_shipped, by="loose")),
    (FASTER, partial(_shipped, by="small")),
    (FASTER, partial(_shipped, by="slow")),
    ("The most accurate is asked for, not the least.", partial(_shipped, by="least")),
    ("What keeps a limit just so keeps it.", partial(_strict, of="ms")),
    ("What keeps a limit just so keeps it.", partial(_strict, of="megabytes")),
    ("What keeps a limit just so keeps it.", partial(_strict, of="points")),
    (
        "One reading decides here: the first, or the last; the slowest has to.",
        partial(_mean, of=lambda ms: ms[0]),
    ),
    (
        "One reading decides here: the first, or the last; the slowest has to.",
        partial(_mean, of=lambda ms: ms[-1]),
    ),
    ("Each run takes so long, not all together.", partial(_mean, of=sum)),
    (
        "First leave out what breaks a limit, and only then look for the most accurate.",
        lambda c, limits: ship([max(c, key=lambda each: each["points"])], limits),
    ),
    (
        "Several may keep the limits, and the first one need not be the best.",
        lambda c, limits: next((x["name"] for x in c if ship([x], limits) != "none"), "none"),
    ),
    (
        "All three limits have to be kept, not one of them.",
        lambda c, limits: ship([x for x in c if _any_limit(x, limits)], NO_LIMITS),
    ),
    (
        "Points are a limit from below: at least so many.",
        lambda c, limits: ship(
            [x for x in c if x["points"] <= limits["points"]], limits | {"points": 0}
        ),
    ),
)
