"""What the exercises of chapter 06 are judged by: slopes, budgets, the front, luck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..architecture import mobilenet_v1
from .answers import Fault
from .behaviour import as_function, call
from .compare import Case
from .guard import shown

Networks = list[tuple[str, float, list[float]]]


def half_of() -> float:
    """The alpha at which the mult-adds are nearest to half of the full network's."""
    full = mobilenet_v1().mult_adds
    steps = [i / 100 for i in range(50, 100)]
    return min(steps, key=lambda alpha: abs(mobilenet_v1(alpha).mult_adds - full / 2))


# --- 6.5 ------------------------------------------------------------------------------------------


def choose(networks: Networks, budget: float, margin: float) -> str:
    """The most accurate network whose median, and a margin on top, is within the budget."""
    return chosen(networks, budget, margin)


def chosen(
    networks: Networks,
    budget: float,
    margin: float,
    typical: Any = np.median,
    fast: bool = False,
    sign: int = 1,
    slow: bool = False,
) -> str:
    """As `choose`, with another typical reading, for speed alone, or the other way round."""
    within = [
        (sign * accuracy, (2 * slow - 1) * float(typical(ms)), name)
        for name, accuracy, ms in networks
        if typical(ms) * (1 + margin) <= budget
    ]
    if not within:
        return "none"
    return max(within, key=lambda each: each[1] if fast else each[:2])[2]


def offers() -> Iterator[Case]:
    """Networks with readings, budgets and margins."""
    networks: Networks = [
        ("0.5-160", 57.1, [3.5, 3.4, 3.6, 3.5, 9.9]),
        ("1.0-224", 70.9, [12.1, 12.0, 12.4, 12.2, 12.1]),
        ("1.0-128", 65.3, [5.2, 7.9, 5.3, 5.2, 5.4]),
        ("0.75-160", 65.3, [6.1, 6.0, 4.0, 6.2, 6.1]),
        ("0.75-192", 67.2, [6.7, 6.6, 6.8, 15.0, 6.7]),
        ("0.25-128", 41.5, [1.9, 1.8, 2.0, 1.9, 1.9]),
    ]
    yield networks, 6.3, 0.0
    yield networks, 5.9, 0.0
    yield networks, 7.0, 0.1
    yield networks, 12.1, 0.0
    yield networks, 1.0, 0.2
    yield networks[::-1], 100.0, 0.5
    yield networks, 8.5, 0.2
    yield networks, 11.5, 0.1
    yield networks[::-1], 6.3, 0.0
    mixed: Networks = [("a", 70.4, [4.0, 9.0, 6.0, 5.5, 5.0]), ("b", 70.0, [3.0, 3.1, 3.2])]
    for budget in (5.4, 5.5, 5.9):
        yield mixed, budget, 0.0
    yield networks, 6.4, 0.2
    yield networks, 12.15, 0.1
    yield networks, 12.105, 0.1


# --- 6.6 ------------------------------------------------------------------------------------------


def front(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Numbers of the networks that no other one beats, from the cheapest on."""
    order = np.lexsort((-accuracies, costs))
    best, kept = -np.inf, []
    for i in order:
        if accuracies[i] > best:
            best = accuracies[i]
            kept.append(i)
    return np.array(kept)


def crowds() -> Iterator[Case]:
    """Costs and accuracies, some of them equal."""
    rng = np.random.default_rng(66)
    for number in (7, 12, 1, 5):
        costs = rng.permutation(number * 3)[:number] + 1.0
        yield costs, 40 + 8 * np.log(costs) + rng.standard_normal(number) * 6
    yield np.array([3.0, 1.0, 3.0, 2.0, 5.0]), np.array([70.0, 50.0, 65.0, 40.0, 70.0])
    twice = np.array([2.0, 2.0, 1.0, 2.0, 4.0, 4.0])
    yield twice, np.array([55.0, 60.0, 50.0, 60.0, 61.0, 61.0])


def dominates_nobody(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """The worst side of the crowd."""
    order = np.argsort(costs, kind="stable")
    return order[accuracies[order] <= np.minimum.accumulate(accuracies[order])]


def loose(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """The front with those that cost more for no more accuracy."""
    order = np.lexsort((-accuracies, costs))
    return order[accuracies[order] >= np.maximum.accumulate(accuracies[order])]


def twins(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """The front with those that equal one of its networks in both."""
    kept = front(costs, accuracies)
    on = [
        (c, a) in zip(costs[kept], accuracies[kept], strict=True)
        for c, a in zip(costs, accuracies, strict=True)
    ]
    order = np.argsort(costs, kind="stable")
    return order[np.array(on)[order]]


def alone(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Whether a network has no equal."""
    both = np.stack([costs, accuracies], 1)
    return (both[:, None] == both).all(2).sum(1) == 1


def neighbours(costs: np.ndarray, accuracies: np.ndarray) -> np.ndarray:
    """Those that are better than the next cheaper one."""
    order = np.lexsort((-accuracies, costs))
    return order[np.diff(accuracies[order], prepend=-np.inf) > 0]


# --- 6.7 ------------------------------------------------------------------------------------------


def better(first: np.ndarray, second: np.ndarray) -> bool:
    """What 6.7 asks for, of which only the signature is used."""
    raise NotImplementedError


def tests(
    lead: float, number: int, seed: int, noise: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of networks on the same pictures; the second is `lead` points better.

    Each reads a share of the pictures, the noise, otherwise than it should.
    """
    rng = np.random.default_rng(seed)
    for _ in range(number):
        hard = rng.random(2000)  # most pictures are easy for both, or hard for both
        first, second = (hard < 0.72), (hard < 0.72 + lead / 100)
        flips = rng.random((2, 2000)) < noise
        yield first ^ flips[0], second ^ flips[1]


def luck_of(answer: Any) -> str | None:
    """Check a function that tells a better network from a lucky one."""
    answer = as_function(answer, better)
    shares = {}
    for key, (lead, number, noise) in {
        "luck": (0.0, 80, 0.05),
        "three": (3.0, 40, 0.05),
        "worse": (-3.0, 10, 0.05),
        "ten": (10.0, 5, 0.05),
        "wild": (0.0, 40, 0.25),
        "calm": (1.0, 10, 0.005),
    }.items():
        yes = 0
        for pair in tests(lead, number, seed=67, noise=noise):
            result = call(answer, better, *pair)
            if not isinstance(result, bool | np.bool_) and result not in (0, 1):
                raise Fault(f"it returns {shown(result)}.", "Return True or False.")
            yes += bool(result)
        shares[key] = yes / number
    lucky, seen, worse, clear, wild, calm = (100 * share for share in shares.values())
    said = f"of pairs that differ by luck alone it calls {lucky:.0f} % better, "
    said += f"of those with three points between them {seen:.0f} %."
    if worse > 20 and clear > 80:
        raise Fault(said, "It also says True where the second network is worse.")
    if clear < 60 and worse > 60:
        raise Fault(said, "It says True where the first is the better one.")
    if lucky > 12:
        hint = (
            "How large a difference comes from luck alone? Only what is rarely that large counts."
        )
        if lucky > 90:
            hint = "It says True whatever comes."
        raise Fault(said, hint)
    if clear < 90:
        raise Fault(said, "It does not even see ten points: what would convince it?")
    if wild > 20 or (seen >= 70 and calm < 70):
        raise Fault(
            f"where the two {'often' if wild > 20 else 'rarely'} differ, it is right too seldom.",
            "One limit in points does not do: the more pictures there are on which only one of the "
            "two is right, the larger a difference luck can make.",
        )
    if seen < 70:
        raise Fault(
            said,
            "Both have seen the same pictures. Where both are right or both wrong nothing can be "
            "learned: compare only the pictures on which they differ.",
        )
    return None
