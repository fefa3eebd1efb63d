"""What exercises 6.3 and 6.4 are judged by: a slope, and how certain a mean is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .behaviour import behaves
from .compare import Case


def slope_of(mult_adds: np.ndarray, accuracies: np.ndarray, base: float = 2) -> float:
    """Points for one step of the logarithm to a base."""
    return float(np.polyfit(np.log(mult_adds) / math.log(base), accuracies, 1)[0])


def per_doubling(mult_adds: np.ndarray, accuracies: np.ndarray) -> float:
    """Points for a doubling of the mult-adds."""
    return slope_of(mult_adds, accuracies)


def ends(mult_adds: np.ndarray, accuracies: np.ndarray) -> float:
    """The same from the two outermost networks alone."""
    first, last = mult_adds.argmin(), mult_adds.argmax()
    rise = accuracies[last] - accuracies[first]
    return float(rise / np.log2(mult_adds[last] / mult_adds[first]))


def grids() -> Iterator[Case]:
    """Networks on a line, with noise."""
    rng = np.random.default_rng(63)
    for slope, number in ((4.0, 9), (1.5, 6), (-2.0, 4)):
        mult_adds = rng.uniform(1e7, 6e8, number)
        yield mult_adds, 30 + slope * np.log2(mult_adds) + rng.standard_normal(number)


def uncertainty(accuracies: np.ndarray) -> float:
    """By how much the mean of a sample is uncertain."""
    return float(np.std(accuracies, ddof=1) / math.sqrt(len(accuracies)))


def seeds_of() -> Iterator[Case]:
    """Accuracies of a few seeds."""
    for accuracies in ([90.0, 91.0, 92.5], [70.0, 74.0], [80.1, 80.3, 80.0, 81.2, 79.9]):
        yield (np.array(accuracies),)


SLOPE = behaves(
    per_doubling,
    grids,
    (
        "That is the slope for logarithms to the base of e: the points for 2.7 times the work.",
        lambda m, a: slope_of(m, a, math.e),
    ),
    (
        "That is the slope for logarithms to the base of 10: the points for ten times the work.",
        lambda m, a: slope_of(m, a, 10),
    ),
    (
        "That is the slope against the mult-adds; a doubling is a step of their logarithm.",
        lambda m, a: float(np.polyfit(m, a, 1)[0]),
    ),
    (
        "That is where the line crosses zero, not how steep it is.",
        lambda m, a: float(np.polyfit(np.log2(m), a, 1)[1]),
    ),
    (
        "That is how many doublings a point costs: the roles are exchanged.",
        lambda m, a: float(np.polyfit(a, np.log2(m), 1)[0]),
    ),
    ("The two outermost networks decide alone; all of them should.", ends),
    (
        "The first and the last of the list decide alone, in whatever order it is.",
        lambda m, a: float((a[-1] - a[0]) / np.log2(m[-1] / m[0])),
    ),
    (
        "That is a mean of many small slopes; one line through all points is asked for.",
        lambda m, a: float((np.diff(a) / np.diff(np.log2(m))).mean()),
    ),
    (
        "That line is forced through the origin: it has an intercept as well.",
        lambda m, a: float(np.log2(m) @ a / (np.log2(m) @ np.log2(m))),
    ),
    (
        "That is how well a line fits, not how steep it is.",
        lambda m, a: float(np.corrcoef(np.log2(m), a)[0, 1]),
    ),
    (
        "That is the covariance: divide by the variance of the logarithms.",
        lambda m, a: float(np.cov(np.log2(m), a)[0, 1]),
    ),
    (
        "The logarithm belongs to the mult-adds alone, not to the accuracies.",
        lambda m, a: float(np.polyfit(np.log2(m), np.log2(a), 1)[0]),
    ),
    (
        "Each accuracy belongs to its own mult-adds: they may not be sorted apart.",
        lambda m, a: slope_of(np.sort(m), np.sort(a)),
    ),
)


UNCERTAINTY = behaves(
    uncertainty,
    seeds_of,
    (
        "Divide by one less than the number of seeds, before the root: the mean itself "
        "came from them.",
        lambda a: np.std(a) / math.sqrt(len(a)),
    ),
    (
        "That is how uncertain one seed is; the mean of several is more certain.",
        lambda a: np.std(a, ddof=1),
    ),
    ("That is how uncertain one seed is, if there were infinitely many.", np.std),
    (
        "Divide by the root of the number, not by the number.",
        lambda a: np.std(a, ddof=1) / len(a),
    ),
    (
        "That is the variance over the number: its root is missing.",
        lambda a: np.var(a, ddof=1) / len(a),
    ),
    ("That is from the smallest to the largest.", np.ptp),
    ("That is half of the way from the smallest to the largest.", lambda a: np.ptp(a) / 2),
    (
        "That is the variance; the standard deviation is its root.",
        lambda a: np.var(a, ddof=1) / math.sqrt(len(a)),
    ),
    (
        "One less than the number belongs under the root, with the squares.",
        lambda a: np.std(a) * math.sqrt(len(a)) / (len(a) - 1) / math.sqrt(len(a)),
    ),
    (
        "Divided by the root, not multiplied: more seeds make it smaller.",
        lambda a: np.std(a, ddof=1) * math.sqrt(len(a)),
    ),
    (
        "In points, not as a share of the mean.",
        lambda a: np.std(a, ddof=1) / math.sqrt(len(a)) / np.mean(a),
    ),
    (
        "There are not always three seeds: `len(accuracies)` of them.",
        lambda a: np.std(a, ddof=1) / math.sqrt(3),
    ),
    (
        "Distances from the mean are squared first; their root comes at the end.",
        lambda a: abs(a - a.mean()).mean() / math.sqrt(len(a)),
    ),
    (
        "One is taken away twice, in the standard deviation and in the number.",
        lambda a: np.std(a, ddof=1) / math.sqrt(len(a) - 1),
    ),
    ("That is the mean; how uncertain is it?", np.mean),
)
