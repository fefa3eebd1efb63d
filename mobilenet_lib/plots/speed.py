"""Figures of chapter 04: what a mult-add costs on the machine that measured it.

Layers under the roofline, time by kind of layer, when sparse products pay, and latency predicted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import ListedColormap

from ..validation import check_choice, check_positive, check_share
from .figure import (
    COLOURS,
    LABELS,
    BookFigure,
    label_marks,
    new_figure,
    picture,
    plain_log,
    stacked_shares,
)

MARKERS = {"standard": "^", "depthwise": "o", "pointwise": "s", "fc": "D"}
DASHES = ("--", "-.", ":")
LOOKS = (
    (COLOURS["ink"], "-", "o"),
    (COLOURS["standard"], "--", "s"),
    (COLOURS["depthwise"], "-.", "^"),
    (COLOURS["pointwise"], ":", "D"),
)
"""Colour, dashes and shape of one kernel after another; the first is the dense one."""
CORNER = 48
"""Rows and columns of a pruned weight matrix that are shown."""


def roofline(
    points: Mapping[str, tuple[str, float, float]],
    peak_gflops: float,
    bandwidths: Mapping[str, float],
) -> BookFigure:
    """Layers under the roof of their machine: rate against arithmetic intensity, both axes log.

    Nothing is faster than its machine. A layer above every roof is ringed and named as such: then
    the ceilings were measured too low.

    Parameters
    ----------
    points
        (kind, operations per byte, GFLOP/s reached) by layer's name; a mult-add is two operations.
    peak_gflops
        The fastest matrix product, in 10⁹ operations per second.
    bandwidths
        10⁹ bytes per second by where the bytes lie, memory last: the ridge is where its slope ends.

    Raises
    ------
    ValueError
        No points, no bandwidths, or a number that is not above 0.
    """
    if not points or not bandwidths:
        raise ValueError("roofline needs at least one layer and one bandwidth")
    check_positive("peak_gflops", peak_gflops)
    for name, (kind, *_) in points.items():
        check_choice(f"the kind of {name}", kind, tuple(MARKERS))
    for name, rate in bandwidths.items():
        check_positive(f"the bandwidth of {name}", rate)
    intensities, rates = zip(*((x, y) for _, x, y in points.values()), strict=True)
    by_kind: dict[str, dict[str, tuple[float, float]]] = {}
    for kind in MARKERS:
        if own := {name: (x, y) for name, (other, x, y) in points.items() if other == kind}:
            by_kind[kind] = own

    def rate_of(name: str) -> float:
        return points[name][2]

    steepest = max(bandwidths.values())
    above = {n: (x, y) for n, (_, x, y) in points.items() if y > min(peak_gflops, steepest * x)}
    memory = list(bandwidths)[-1]
    ridge = peak_gflops / bandwidths[memory]
    left, right = min(*intensities, ridge) / 2.5, max(*intensities, ridge) * 2.5
    with new_figure(9, 4.4) as (figure, (axis,)):
        for i, (name, rate) in enumerate(bandwidths.items()):
            colour, dashes = COLOURS["quiet"], DASHES[i % len(DASHES)]
            if name == memory:
                colour, dashes = COLOURS["ink"], "-"
            slope = [left, peak_gflops / rate], [left * rate, peak_gflops]
            axis.plot(*slope, dashes, color=colour, label=f"{name}, {rate:.3g} GB/s")
        flat = [min(peak_gflops / steepest, ridge), right]
        axis.plot(flat, [peak_gflops] * 2, color=COLOURS["ink"])
        axis.axvline(ridge, color=COLOURS["highlight"], ls=":", lw=1.5, zorder=0)
        for kind, own in by_kind.items():
            label = f"{LABELS[kind]} ({len(own)})"
            look = {"color": COLOURS[kind], "mec": "white", "ms": 8, "label": label}
            axis.plot(*zip(*own.values(), strict=True), MARKERS[kind], **look)
        if above:
            ring = {"color": "none", "mec": COLOURS["ink"], "ms": 13, "label": "above the roof"}
            axis.plot(*zip(*above.values(), strict=True), "o", **ring)
        plain_log(axis.xaxis)
        plain_log(axis.yaxis)
        axis.set(xlim=(left, right), ylim=(min(rates) / 2, max(peak_gflops, *rates) * 2.2))
        axis.set_xlabel("operations for each byte moved (log scale)")
        axis.set_ylabel("10⁹ operations per second")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1.2)
        figure.subplots_adjust(0.09, 0.13, 0.72, 0.98)
        top = f"peak, {peak_gflops:.3g} GFLOP/s"
        axis.text(right / 1.1, peak_gflops * 1.12, top, ha="right")
        # Beside the line and at the bottom, where no roof passes.
        foot = axis.get_ylim()[0] * 1.15
        axis.text(ridge * 1.06, foot, f"ridge: {ridge:.3g}", color=COLOURS["quiet"])
        # The slowest and the fastest of each kind get their names written.
        ends = [end(own, key=rate_of) for own in by_kind.values() for end in (min, max)]
        named = list(dict.fromkeys(ends))
        label_marks(axis, [points[n][1:] for n in named], named, [False] * len(named))
    figure.alt = (
        f"{len(points)} layers on log axes under a roof of {peak_gflops:.3g} GFLOP/s, slopes of "
        + ", ".join(f"{rate:.3g} GB/s for {name}" for name, rate in bandwidths.items())
        + f"; the ridge of {memory} is at {ridge:.3g} operations per byte. "
        + " ".join(_ranges(LABELS[kind], [*own.values()]) for kind, own in by_kind.items())
    )
    if above:
        figure.alt += f" Above the roof, which was measured too low: {', '.join(above)}."
    return figure


def _ranges(label: str, points: Sequence[tuple[float, float]]) -> str:
    xs, ys = zip(*points, strict=True)
    if len(points) == 1:
        return f"{label}: {ys[0]:.3g} GFLOP/s at {xs[0]:.3g} operations per byte."
    return (
        f"{len(points)} {label}: {min(ys):.3g} to {max(ys):.3g} GFLOP/s at {min(xs):.3g} to "
        f"{max(xs):.3g} operations per byte."
    )


def time_shares(time: Mapping[str, float], mult_adds: Mapping[str, float]) -> BookFigure:
    """Share of time against share of mult-adds by kind of layer, as two stacked bars.

    Parameters
    ----------
    time, mult_adds
        Shares between 0 and 1 by kind; "pool" is the average pool.
    """
    figure = stacked_shares({"time": time, "mult-adds": mult_adds})
    figure.alt = "Two stacked bars. " + " ".join(
        f"{LABELS[kind]}: {100 * mult_adds.get(kind, 0):.2f} % of the mult-adds, "
        f"{100 * share:.1f} % of the time."
        for kind, share in time.items()
    )
    return figure


def pruned_layer(
    sparsity: float, milliseconds: Mapping[str, float], longest: float | None = None
) -> BookFigure:
    """A corner of a weight matrix with its zeros, beside the times of its products.

    Parameters
    ----------
    sparsity
        Share of weights that are zero, from 0 to below 1; scattered by a fixed draw, so that the
        zeros of a lower share stay zeros at a higher one.
    milliseconds
        Median time by kernel, the dense product first.
    longest
        Time up to which the axis goes, the same while a slider moves; None: the longest here.

    Raises
    ------
    ValueError
        A share out of range, no kernel, or a time that is not above 0.
    """
    check_share("sparsity", sparsity)
    if not milliseconds:
        raise ValueError("pruned_layer needs the time of at least one kernel")
    for name, time in milliseconds.items():
        check_positive(f"the time of {name}", time)
    rank = np.random.default_rng(0).permutation(CORNER**2).reshape(CORNER, CORNER)
    left = rank >= round(sparsity * CORNER**2)
    names, times = list(milliseconds), list(milliseconds.values())
    dense, fastest = times[0], min(times)
    with new_figure(9, 3.4, 1, 2, width_ratios=(1, 1.7)) as (figure, (corner, bars)):
        colours = ListedColormap(["white", COLOURS["pointwise"]])
        title = f"{left.mean():.1%} of weights left"
        picture(corner, left, title, cmap=colours, vmin=0, vmax=1)
        corner.spines[:].set(visible=True, color=COLOURS["quiet"])
        for y, time in enumerate(times):
            colour, weight = ("highlight", "bold") if time == fastest else ("input", "normal")
            bars.barh(y, time, color=COLOURS[colour], ec=COLOURS["ink"], lw=0.8)
            label = f" {time:.3g} ms" + (f", {time / dense:.2g} times dense" if y else "")
            bars.text(time, y, label, va="center", fontweight=weight)
        bars.axvline(dense, color=COLOURS["quiet"], ls="--", lw=1)
        bars.set_yticks(range(len(names)), names)
        bars.invert_yaxis()
        bars.set(xlim=(0, 1.75 * max([*times, longest or 0])), xlabel="milliseconds, median")
        bars.set_title("the fastest in bold")
        figure.tight_layout()
    figure.alt = (
        f"A corner of {CORNER} by {CORNER} weights of which {left.mean():.1%} are left. "
        + ", ".join(
            f"{name} {time:.3g} ms" + (f" ({time / dense:.2g} times dense)" if i else "")
            for i, (name, time) in enumerate(milliseconds.items())
        )
        + "."
    )
    return figure


def sparse_crossing(
    sparsities: Sequence[float],
    milliseconds: Mapping[str, Sequence[float]],
    crossings: Mapping[str, float | None],
) -> BookFigure:
    """Time of a layer against its share of zeros: a dense product and sparse ones.

    Parameters
    ----------
    sparsities
        Shares of weights that are zero, from 0 to below 1, rising.
    milliseconds
        By kernel, one a sparsity; the dense one first.
    crossings
        By sparse kernel, from which sparsity on it is faster; None if it never is.

    Raises
    ------
    ValueError
        A kernel has not one time for each sparsity.
    """
    for name, times in milliseconds.items():
        if len(times) != len(sparsities):
            raise ValueError(f"{name} has {len(times)} times for {len(sparsities)} sparsities")
    left = [100 * (1 - share) for share in sparsities]
    marked = {name: at for name, at in crossings.items() if at is not None}
    with new_figure(9, 4) as (figure, (axis,)):
        looks = {name: LOOKS[i % len(LOOKS)] for i, name in enumerate(milliseconds)}
        for name, times in milliseconds.items():
            colour, dashes, marker = looks[name]
            start = f",\nfaster from {100 * marked[name]:.1f} %" if name in marked else ""
            look = {"marker": marker, "ms": 6, "color": colour, "label": f"{name}{start}"}
            axis.plot(left, times, dashes, **look)
        for name, at in marked.items():
            axis.axvline(100 * (1 - at), color=looks[name][0], ls=looks[name][1], lw=1, alpha=0.7)
        axis.set_xscale("log")
        plain_log(axis.yaxis)
        axis.set_xlim(max(left) * 1.2, min(left) / 1.2)
        axis.set_xticks(left, [f"{100 * share:g}" for share in sparsities], rotation=45)
        axis.xaxis.minorticks_off()
        axis.set(xlabel="zeros, % (log scale of what is left)", ylabel="time, ms (log scale)")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1.2)
        figure.subplots_adjust(0.1, 0.2, 0.74, 0.97)
    spans = "; ".join(
        f"{name} from {times[0]:.3g} to {times[-1]:.3g} ms" for name, times in milliseconds.items()
    )
    when = "; ".join(
        f"{name} is never faster than dense"
        if at is None
        else f"{name} is faster than dense from {100 * at:.1f} % zeros"
        for name, at in crossings.items()
    )
    figure.alt = (
        f"Lines of time over {100 * sparsities[0]:g} to {100 * sparsities[-1]:g} % zeros: {spans}. "
        f"Of those, {when}."
    )
    return figure
