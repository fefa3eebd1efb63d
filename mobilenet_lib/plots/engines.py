"""Figure of chapter 08: what each step from eager to the fastest way to run a network buys."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.patches import Patch

from .figure import COLOURS, BookFigure, name_rows, new_figure

PRECISIONS = {
    "fp32": (COLOURS["depthwise"], ""),
    "fp16": (COLOURS["fc"], "\\\\\\"),
    "bf16": (COLOURS["pointwise"], "///"),
    "int8": (COLOURS["highlight"], "..."),
}
"""Colour and hatch of each, so that the figure also reads without colours."""
INCH_A_CHARACTER = 0.088
GAINED, LOST = COLOURS["pointwise"], COLOURS["standard"]


def waterfall(times: Mapping[str, float], precisions: Mapping[str, str]) -> BookFigure:
    """What each step buys, from the first way to run the network to the last.

    Parameters
    ----------
    times
        By step, from top to bottom: milliseconds when it and all steps before it are taken.
    precisions
        Of each step: fp32, fp16, bf16 or int8.
    """
    names, values = list(times), list(times.values())
    most = max(values)
    steps = []
    with new_figure(9, 0.46 * len(names) + 1.25) as (figure, (axis,)):
        for place, (name, now) in enumerate(times.items()):
            before = values[place - 1] if place else now
            colour, hatch = PRECISIONS[precisions[name]]
            axis.barh(place, now, 0.66, color=colour, hatch=hatch, edgecolor="white", lw=0)
            words = _ms(now)
            if place:
                # The outline reaches to where the step before ended, or starts there.
                colour, dashes = (GAINED, "-") if now <= before else (LOST, "--")
                look = {"color": "none", "edgecolor": colour, "lw": 1.4, "ls": dashes}
                axis.barh(place, abs(before - now), 0.66, left=min(before, now), **look)
                axis.plot([before, before], [place - 0.67, place], color=COLOURS["quiet"], lw=0.8)
                words += f" ({before / now:.2f}× as fast)" if now != before else " (the same)"
            end = max(before, now) + 0.012 * most
            axis.text(end, place, words, va="center", fontsize=10.5)
            steps.append(f"{name} {words}")
        name_rows(axis, names, fontsize=11)
        axis.set(xlim=(0, 1.28 * most), xlabel="time, ms; outlined: what the step changes")
        handles = [
            Patch(facecolor=colour, hatch=hatch, edgecolor="white", lw=0, label=precision)
            for precision, (colour, hatch) in PRECISIONS.items()
            if precision in precisions.values()
        ]
        figure.legend(handles=handles, loc="upper right", ncols=len(handles), fontsize=11)
        width, height = figure.get_size_inches()
        left = min(0.5, (0.25 + INCH_A_CHARACTER * max(map(len, names))) / width)
        figure.subplots_adjust(left, 0.62 / height, 0.985, 1 - 0.42 / height)
    figure.alt = (
        f"A waterfall of time in ms, each step on top of those before: {'; '.join(steps)}. "
        f"The last takes 1/{values[0] / values[-1]:.1f} of the first's time."
    )
    return figure


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 1 else f"{value:.2f}"
