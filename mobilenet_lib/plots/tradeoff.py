"""Figures of chapter 06: what width and resolution cost, and what they give."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..results import Measured, best_within, pareto
from .figure import COLOURS, BookFigure, label_marks, new_figure, plain_log

# A width has one colour and one shape, here and in the trade-off explorer.
LOOKS = {
    1.0: (COLOURS["depthwise"], "o"),
    0.75: (COLOURS["pointwise"], "s"),
    0.5: (COLOURS["fc"], "^"),
    0.25: (COLOURS["standard"], "D"),
}


MARK = {"mec": COLOURS["ink"], "zorder": 9}
RING = MARK | {"marker": "o", "ms": 18, "mfc": "none", "mew": 1.8}
STAR = MARK | {"marker": "*", "ms": 15, "mfc": COLOURS["highlight"]}


def log_linear(
    networks: Sequence[Measured], slope: float, intercept: float, marked: float = 0.25
) -> BookFigure:
    """Accuracy against mult-adds on a log axis, a line through it, and how far it is missed.

    Parameters
    ----------
    networks
        `Measured`, or anything with its `alpha`, `resolution`, `mult_adds`, `accuracy`, `spread`.
    slope, intercept
        The line that was fitted: accuracy in percent = intercept + slope · log10(mult-adds).
    marked
        The alpha whose residuals stand out.

    Raises
    ------
    ValueError
        There are no networks.
    """
    _some(networks, "log_linear")
    residuals = [n.accuracy - intercept - slope * math.log10(n.mult_adds) for n in networks]
    millions = [n.mult_adds / 1e6 for n in networks]
    ends = min(millions) / 1.2, max(millions) * 1.2
    with new_figure(9, 4.4) as (figure, (axis,)):
        line = [intercept + slope * math.log10(1e6 * m) for m in ends]
        axis.plot(ends, line, color=COLOURS["quiet"], lw=1.5, ls="--", label="fit")
        for network, x, residual in zip(networks, millions, residuals, strict=True):
            kind, width = ("standard", 3.5) if network.alpha == marked else ("input", 1.5)
            look = {"solid_capstyle": "butt", "zorder": 1, "label": "_residual"}
            ends_at = [network.accuracy - residual, network.accuracy]
            axis.plot([x, x], ends_at, color=COLOURS[kind], lw=width, **look)
        _scatter(axis, networks, millions)
        axis.set(xlim=ends, xlabel="mult-adds, millions (log scale)", ylabel="accuracy, %")
        plain_log(axis.xaxis)
        axis.legend(loc="lower right")
        figure.subplots_adjust(0.08, 0.14, 0.99, 0.98)
    missed = "; ".join(
        f"{_name(n)} by {_signed(r)}"
        for n, r in zip(networks, residuals, strict=True)
        if n.alpha == marked
    )
    others = [r for n, r in zip(networks, residuals, strict=True) if n.alpha != marked]
    figure.alt = (
        f"Accuracy of {_range(networks, millions)}. The dashed line gains {slope:.1f} points for "
        "ten times the mult-adds."
    )
    if missed:
        figure.alt += f" It misses alpha {marked:g}: {missed} points."
    if others:
        figure.alt += f" The others lie {_signed(min(others))} to {_signed(max(others))} off."
    return figure


def pareto_front(
    networks: Sequence[Measured],
    costs: Sequence[float],
    front: Sequence[int],
    label: str = "mult-adds, millions",
) -> BookFigure:
    """Accuracy against a cost, and the steps of the networks that no other beats.

    Parameters
    ----------
    networks
        As for `log_linear`.
    costs
        One a network, in the unit that `label` names; drawn on a log axis.
    front
        Places of the networks on the front, as `results.pareto` gives them.
    label
        The cost and its unit.

    Raises
    ------
    ValueError
        There are no networks, or not one cost for each.
    """
    _some(networks, "pareto_front")
    if len(costs) != len(networks):
        raise ValueError(f"{len(networks)} networks need as many costs, got {len(costs)}")
    right = 1.25 * max(costs)
    with new_figure(9, 4.6) as (figure, (axis,)):
        _steps(axis, [(costs[i], networks[i].accuracy) for i in front], right)
        _scatter(axis, networks, costs)
        axis.set(xlim=(min(costs) / 1.6, right), xlabel=f"{label} (log scale)")
        axis.set_ylabel("accuracy, %")
        axis.margins(y=0.1)
        plain_log(axis.xaxis)
        axis.legend(title="labels: α, pixels", loc="lower right")
        figure.subplots_adjust(0.08, 0.135, 0.99, 0.98)
        label_marks(
            axis,
            [(cost, n.accuracy) for cost, n in zip(costs, networks, strict=True)],
            [f"{n.alpha:g}, {n.resolution}" for n in networks],
            [place in front for place in range(len(networks))],
        )
    beaten = [_name(n) for place, n in enumerate(networks) if place not in front]
    words = ", ".join(
        f"{_name(networks[i])} {costs[i]:.3g} and {networks[i].accuracy:.1f} %" for i in front
    )
    figure.alt = (
        f"{len(networks)} networks, accuracy against {label}, each labelled with alpha and "
        f"resolution. {len(front)} are on the Pareto front: {words}. "
        f"Beaten: {', '.join(beaten) or 'none'}."
    )
    return figure


def grid_accuracy(measured: Sequence[Measured]) -> BookFigure:
    """Accuracy against resolution, a line an alpha, bars of one standard deviation over the seeds.

    Every seed is a faint dot beside its mean.

    Raises
    ------
    ValueError
        There are no networks.
    """
    _some(measured, "grid_accuracy")
    rows = {
        alpha: sorted((m for m in measured if m.alpha == alpha), key=lambda m: m.resolution)
        for alpha in sorted({m.alpha for m in measured}, reverse=True)
    }
    with new_figure(9, 4.2) as (figure, (axis,)):
        for place, (alpha, line) in enumerate(rows.items()):
            colour, shape = LOOKS.get(alpha, (COLOURS["ink"], "X"))
            shift = 0.6 * (place - (len(rows) - 1) / 2)  # so that bars do not hide each other
            places = [m.resolution + shift for m in line]
            seeds = [(x + 0.3, a) for x, m in zip(places, line, strict=True) for a in m.accuracies]
            axis.plot(*zip(*seeds, strict=True), ".", color=colour, ms=8, alpha=0.45, mew=0)
            look = {"color": colour, "marker": shape, "ms": 7, "lw": 1.8, "capsize": 4}
            means, spreads = zip(*((m.accuracy, m.spread) for m in line), strict=True)
            axis.errorbar(places, means, spreads, label=f"α {alpha:g}", **look)
        axis.set_xticks(sorted({m.resolution for m in measured}))
        axis.set(xlabel="resolution, pixels on a side", ylabel="test accuracy, %")
        axis.legend(loc="lower right", ncols=2)
        figure.subplots_adjust(0.09, 0.15, 0.99, 0.98)
    lines = "; ".join(
        f"alpha {alpha:g}: "
        + ", ".join(f"{m.accuracy:.1f}{_spread(m)} % at {m.resolution}" for m in line)
        for alpha, line in rows.items()
    )
    counts = sorted({len(m.accuracies) for m in measured})
    over = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    figure.alt = (
        f"Test accuracy against resolution in pixels, mean and standard deviation over {over} "
        f"seed{'s' * (counts[-1] > 1)}, a line for each width. {lines}."
    )
    return figure


def trade_off(
    panels: Mapping[str, Mapping[str, Sequence[Any]]],
    chosen: Collection[tuple[float, int]] = (),
    label: str = "mult-adds, millions",
    budget: float | None = None,
    front: bool = True,
) -> BookFigure:
    """Accuracy against a cost for networks from several sources, as the trade-off explorer shows.

    Parameters
    ----------
    panels
        By title, sources by name: networks as for `log_linear`, with a `cost`. In a panel the
        last source has full marks and the front, those before it hollow marks.
    chosen
        (alpha, resolution) of the networks that have a ring.
    label
        The cost and its unit, as of `cost` and `budget`.
    budget
        The most that a network may cost: a dashed line, and a star on the best within; or None.
    front
        Whether Pareto fronts are drawn.

    Raises
    ------
    ValueError
        There are no panels.
    """
    _some(panels, "trade_off")
    sentences = []
    with new_figure(9, 4.2, ncols=len(panels)) as (figure, axes):
        for axis, (title, sources) in zip(axes, panels.items(), strict=True):
            every = [n.cost for networks in sources.values() for n in networks]
            right = 1.3 * max(every)
            for name, networks in sources.items():
                costs, accuracies = zip(*((n.cost, n.accuracy) for n in networks), strict=True)
                last = name == [*sources][-1]
                look = {} if last else {"mfc": "none", "ms": 12, "label": f"_{name}"}
                _scatter(axis, networks, costs, **look)
                if front and last:
                    unbeaten = [(costs[i], accuracies[i]) for i in pareto(costs, accuracies)]
                    _steps(axis, unbeaten, right)
                picked = [i for i, n in enumerate(networks) if (n.alpha, n.resolution) in chosen]
                best = None if budget is None else best_within(budget, costs, accuracies)
                told = [("from", accuracies.index(min(accuracies)))]
                told += [("to", accuracies.index(max(accuracies)))]
                told += [("chosen is", i) for i in picked]
                for i in picked:
                    axis.plot(costs[i], accuracies[i], **RING)
                if best is not None:
                    told.append(("best within the budget is", best))
                    axis.plot(costs[best], accuracies[best], **STAR)
                words = [
                    f"{word} {_name(networks[i])} with {accuracies[i]:.1f} % for {costs[i]:.3g}"
                    for word, i in told
                ]
                sentences.append(f"{title}, {name}, {len(networks)} networks: {', '.join(words)}.")
            if budget is not None:
                axis.axvline(budget, color=COLOURS["ink"], lw=1.5, ls="--")
            axis.set(xlim=(min(every) / 1.3, right), xlabel=f"{label} (log scale)")
            hollow = f"\nhollow: {', '.join([*sources][:-1])}" if len(sources) > 1 else ""
            axis.set_title(f"{title}{hollow}")
            plain_log(axis.xaxis)
        axes[0].set_ylabel("accuracy, %")
        axes[-1].legend(loc="lower right")
        figure.subplots_adjust(0.08, 0.15, 0.99, 0.88, wspace=0.15)
    limit = "" if budget is None else f" The budget is {budget:.4g}."
    figure.alt = f"Accuracy against {label}, on a log axis.{limit} {' '.join(sentences)}"
    return figure


def _some(networks: Collection[Any], name: str) -> None:
    if not networks:
        raise ValueError(f"{name} needs at least one network; got none")


def _steps(axis: Any, front: Sequence[tuple[float, float]], right: float) -> None:
    """The Pareto front through (cost, accuracy), to the right edge."""
    costs, best = zip(*front, front[-1], strict=True)
    look = {"color": COLOURS["input"], "lw": 2.5, "alpha": 0.6, "zorder": 1}
    axis.step([*costs[:-1], right], best, where="post", label="Pareto front", **look)


def _scatter(axis: Any, networks: Sequence[Measured], costs: Sequence[float], **look: Any) -> None:
    """Marks with error bars, one colour and shape for each alpha."""
    for alpha in sorted({n.alpha for n in networks}, reverse=True):
        some = [(c, n) for c, n in zip(costs, networks, strict=True) if n.alpha == alpha]
        colour, shape = LOOKS.get(alpha, (COLOURS["ink"], "X"))
        places, means, spreads = zip(*((c, n.accuracy, n.spread) for c, n in some), strict=True)
        usual = {"fmt": shape, "color": colour, "ms": 7.5, "capsize": 3, "lw": 1.2}
        usual["label"] = f"α {alpha:g}"
        axis.errorbar(places, means, spreads if any(spreads) else None, **usual | look)


def _spread(network: Measured) -> str:
    return f" ± {network.spread:.1f}" if len(network.accuracies) > 1 else ""


def _name(network: Measured) -> str:
    return f"{network.alpha:g}-{network.resolution}"


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def _range(networks: Sequence[Measured], millions: Sequence[float]) -> str:
    """How many networks there are, and the cheapest and the dearest."""
    pairs = sorted(zip(millions, networks, strict=True), key=lambda pair: pair[0])
    ends = (pairs[0], pairs[-1])
    words = (f"{n.accuracy:.1f} % with {m:.3g} million ({_name(n)})" for m, n in ends)
    return f"{len(networks)} networks against mult-adds on a log axis, from {' to '.join(words)}"
