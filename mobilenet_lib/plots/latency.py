"""Figures of chapter 04: when sparse products pay, and latency predicted and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figure import COLOURS, BookFigure, book_style, label_marks, new_figure, plain_log

LOOKS = (
    (COLOURS["ink"], "-", "o"),
    (COLOURS["standard"], "--", "s"),
    (COLOURS["depthwise"], "-.", "^"),
    (COLOURS["pointwise"], ":", "D"),
)
"""Colour, dashes and shape of one kernel after another; the first is the dense one."""


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
    with book_style():
        figure, (axis,) = new_figure(9, 4)
        looks = {name: LOOKS[i % len(LOOKS)] for i, name in enumerate(milliseconds)}
        for name, times in milliseconds.items():
            colour, dashes, marker = looks[name]
            label = (
                name if name not in marked else f"{name},\nfaster from {100 * marked[name]:.1f} %"
            )
            axis.plot(left, times, dashes, marker=marker, ms=6, color=colour, label=label)
        for name, at in marked.items():
            axis.axvline(100 * (1 - at), color=looks[name][0], ls=looks[name][1], lw=1, alpha=0.7)
        axis.set_xscale("log")
        plain_log(axis.yaxis)
        axis.set_xlim(max(left) * 1.2, min(left) / 1.2)
        axis.set_xticks(left, [f"{100 * share:g}" for share in sparsities], rotation=45)
        axis.xaxis.minorticks_off()
        axis.set(xlabel="zeros, % (log scale of what is left)", ylabel="time, ms (log scale)")
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize=11)
        figure.subplots_adjust(0.1, 0.2, 0.77, 0.97)
    spans = "; ".join(
        f"{name} from {times[0]:.3g} to {times[-1]:.3g} ms" for name, times in milliseconds.items()
    )
    when = "; ".join(
        f"{name} is faster than dense from {100 * at:.1f} % zeros"
        if at is not None
        else f"{name} is never faster than dense"
        for name, at in crossings.items()
    )
    figure.alt = (
        f"Lines of time over {100 * sparsities[0]:g} to {100 * sparsities[-1]:g} % zeros: {spans}. "
        f"Of those, {when}."
    )
    return figure


def predicted_latency(
    networks: Mapping[str, tuple[float, float]], within: float = 0.25
) -> BookFigure:
    """Measured latency against predicted latency, and the band in which a prediction is good.

    Parameters
    ----------
    networks
        (measured, predicted) in ms by name.
    within
        Half of the band, as a share of the measured time.
    """
    if not networks:
        raise ValueError("predicted_latency needs at least one network; got none")
    good = {n: abs(ms / took - 1) <= within for n, (took, ms) in networks.items()}
    every = [ms for pair in networks.values() for ms in pair]
    ends = min(every) / 1.4, max(every) * 1.4
    with book_style():
        figure, (axis,) = new_figure(9, 5)
        axis.fill_between(
            ends,
            [(1 - within) * end for end in ends],
            [(1 + within) * end for end in ends],
            color=COLOURS["input"],
            alpha=0.2,
            lw=0,
            label=f"within {100 * within:.0f} %",
        )
        axis.plot(ends, ends, color=COLOURS["quiet"], lw=1.5, ls="--", label="as predicted")
        for inside, kind, marker, name in (
            (True, "depthwise", "o", "inside"),
            (False, "standard", "X", "outside"),
        ):
            own = [networks[n] for n, is_good in good.items() if is_good == inside]
            if own:
                xs, ys = zip(*own, strict=True)
                axis.plot(xs, ys, marker, color=COLOURS[kind], mec="white", ms=9, label=name)
        plain_log(axis.xaxis)
        plain_log(axis.yaxis)
        axis.set(xlim=ends, ylim=ends)
        axis.set(xlabel="measured, ms (log scale)", ylabel="predicted, ms (log scale)")
        axis.legend(frameon=False, loc="lower right", fontsize=11)
        figure.subplots_adjust(0.1, 0.12, 0.98, 0.98)
        label_marks(axis, list(networks.values()), list(networks), [not g for g in good.values()])
    missed = "; ".join(
        f"{n}, measured {networks[n][0]:.3g} ms, predicted {networks[n][1]:.3g} ms"
        for n, is_good in good.items()
        if not is_good
    )
    figure.alt = (
        f"Predicted against measured latency of {len(networks)} networks on log axes, from "
        f"{min(took for took, _ in networks.values()):.3g} to "
        f"{max(took for took, _ in networks.values()):.3g} ms. {sum(good.values())} lie within "
        f"{100 * within:.0f} % of the measured time" + (f"; outside: {missed}." if missed else ".")
    )
    return figure
