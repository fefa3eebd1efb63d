"""Figures of chapter 04: what a mult-add costs on the machine that measured it."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.patches import Patch

from ..layer import KIND_LABELS
from ..validation import check_positive
from .figure import COLOURS, BookFigure, book_style, label_marks, new_figure, plain_log

LABELS = {**KIND_LABELS, "pool": "Avg Pool"}
KIND_COLOURS = {**{kind: COLOURS[kind] for kind in KIND_LABELS}, "pool": COLOURS["input"]}
MARKERS = {"standard": "^", "depthwise": "o", "pointwise": "s", "fc": "D"}
DASHES = ("--", "-.", ":")


def roofline(
    points: Mapping[str, tuple[str, float, float]],
    peak_gflops: float,
    bandwidths: Mapping[str, float],
) -> BookFigure:
    """Layers under the roof of their machine: rate against arithmetic intensity, both axes log.

    Parameters
    ----------
    points
        (kind, operations a byte, GFLOP/s reached) by layer's name; a mult-add is two operations.
    peak_gflops
        The fastest matrix product, in 10⁹ operations a second.
    bandwidths
        10⁹ bytes a second by where the bytes lie, memory last: the ridge is where its slope ends.

    Raises
    ------
    ValueError
        No points, no bandwidths, or a number that is not above 0.
    """
    if not points or not bandwidths:
        raise ValueError("roofline needs at least one layer and one bandwidth")
    check_positive("peak_gflops", peak_gflops)
    for name, rate in bandwidths.items():
        check_positive(f"the bandwidth of {name}", rate)
    intensities, rates = zip(*((x, y) for _, x, y in points.values()), strict=True)
    memory = list(bandwidths)[-1]
    ridge = peak_gflops / bandwidths[memory]
    left, right = min(*intensities, ridge) / 2.5, max(*intensities, ridge) * 2.5
    with book_style():
        figure, (axis,) = new_figure(9, 5)
        for i, (name, rate) in enumerate(bandwidths.items()):
            end = peak_gflops / rate
            # memory's roof is the solid one
            dashes = "-" if name == memory else DASHES[i % len(DASHES)]
            label = f"{name}, {rate:.3g} GB/s"
            colour = COLOURS["ink" if name == memory else "quiet"]
            axis.plot([left, end], [left * rate, peak_gflops], dashes, color=colour, label=label)
        flat = [min(peak_gflops / max(bandwidths.values()), ridge), right]
        axis.plot(flat, [peak_gflops] * 2, color=COLOURS["ink"])
        axis.axvline(ridge, color=COLOURS["highlight"], ls=":", lw=1.5, zorder=0)
        for kind, marker in MARKERS.items():
            own = [(x, y) for which, x, y in points.values() if which == kind]
            if own:
                axis.plot(
                    *zip(*own, strict=True),
                    marker,
                    color=KIND_COLOURS[kind],
                    mec="white",
                    ms=8,
                    label=f"{LABELS[kind]} ({len(own)})",
                )
        plain_log(axis.xaxis)
        plain_log(axis.yaxis)
        axis.set_xlim(left, right)
        axis.set_ylim(min(rates) / 2, peak_gflops * 2.2)
        axis.set(xlabel="operations for each byte moved (log scale)")
        axis.set_ylabel("10⁹ operations a second (log scale)")
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
        figure.subplots_adjust(0.09, 0.12, 0.74, 0.98)
        top = f"peak, {peak_gflops:.3g} GFLOP/s"
        axis.text(right / 1.1, peak_gflops * 1.12, top, ha="right", fontsize=11)
        # Beside the line and at the bottom, where no roof passes.
        foot = axis.get_ylim()[0] * 1.15
        axis.text(ridge * 1.06, foot, f"ridge: {ridge:.3g}", color=COLOURS["quiet"], fontsize=11)
        named = _told(points)
        label_marks(axis, [points[n][1:] for n in named], named, [False] * len(named))
    figure.alt = (
        f"{len(points)} layers on log axes under a roof of {peak_gflops:.3g} GFLOP/s, slopes of "
        + ", ".join(f"{rate:.3g} GB/s for {name}" for name, rate in bandwidths.items())
        + f"; the ridge of {memory} is at {ridge:.3g} operations a byte. "
        + " ".join(_ranges(points, kind) for kind in MARKERS if _of(points, kind))
    )
    return figure


def _of(
    points: Mapping[str, tuple[str, float, float]], kind: str
) -> dict[str, tuple[float, float]]:
    return {name: (x, y) for name, (which, x, y) in points.items() if which == kind}


def _told(points: Mapping[str, tuple[str, float, float]]) -> list[str]:
    """The layers that get their names written: of each kind the slowest and the fastest."""
    named: list[str] = []
    for kind in MARKERS:
        own = _of(points, kind)
        if own:
            ends = (min(own, key=lambda n: own[n][1]), max(own, key=lambda n: own[n][1]))
            named += dict.fromkeys(ends)
    return named


def _ranges(points: Mapping[str, tuple[str, float, float]], kind: str) -> str:
    own = _of(points, kind)
    xs, ys = zip(*own.values(), strict=True)
    if len(own) == 1:
        return f"{LABELS[kind]}: {ys[0]:.3g} GFLOP/s at {xs[0]:.3g} operations a byte."
    return (
        f"{len(own)} {LABELS[kind]}: {min(ys):.3g} to {max(ys):.3g} GFLOP/s at {min(xs):.3g} to "
        f"{max(xs):.3g} operations a byte."
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


def stacked_shares(bars: Mapping[str, Mapping[str, float]]) -> BookFigure:
    """Bars of shares by kind of layer, each stacked from 0 to 100 %; the alt text is still to come.

    Parameters
    ----------
    bars
        By name, from the lowest bar up: shares between 0 and 1 by kind.
    """
    with book_style():
        figure, (axis,) = new_figure(9, 2.3)
        for y, (name, shares) in enumerate(bars.items()):
            left = 0.0
            for kind, share in shares.items():
                width = 100 * share
                axis.barh(y, width, left=left, color=KIND_COLOURS[kind], ec="white", lw=0.8)
                if width > 8:
                    axis.text(
                        left + width / 2,
                        y,
                        f"{LABELS[kind]} {width:.1f} %" if width > 18 else f"{width:.1f} %",
                        ha="center",
                        va="center",
                        color="white",
                        fontsize=11,
                    )
                left += width
            axis.text(-1, y, name, ha="right", va="center")
        axis.legend(
            handles=[Patch(color=KIND_COLOURS[kind], label=LABELS[kind]) for kind in shares],
            ncols=len(shares),
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 0.98),
            fontsize=11,
            borderaxespad=0,
            columnspacing=1.4 if len(shares) > 4 else None,
        )
        axis.set(xlim=(0, 100), yticks=[], xlabel="share, %")
        axis.spines["left"].set_visible(False)
        figure.subplots_adjust(0.13, 0.25, 0.98, 0.86)
    return figure
