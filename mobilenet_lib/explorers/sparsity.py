"""The explorer of chapter 04, on how sparse a layer must be before skipping its zeros pays."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from ..plots import BookFigure, pruned_layer
from ..validation import check_share
from .figure import FigureExplorer, slider


class SparsityExplorer(FigureExplorer):
    """Choose a share of zeros; see what is left of the weights, and what was measured with it.

    Parameters
    ----------
    sparsities
        Shares of zeros that were measured, from 0 to below 1.
    milliseconds
        By kernel, its time at each of them, the dense product first; as `bench_sparse` gives it.

    Raises
    ------
    ValueError
        Nothing was measured, a share is out of range or comes twice, or a kernel has another
        number of times.
    """

    def __init__(
        self, sparsities: Sequence[float], milliseconds: Mapping[str, Sequence[float]]
    ) -> None:
        shares = [check_share("sparsity", share) for share in sparsities]
        if not shares or len(set(shares)) < len(shares):
            raise ValueError(f"sparsities must be at least one, each once; got {list(sparsities)}")
        for name, times in milliseconds.items():
            if len(times) != len(shares):
                raise ValueError(
                    f"{name} has {len(times)} times for {len(shares)} sparsities; one each is asked"
                )
        longest = max(itertools.chain(*milliseconds.values()), default=0)

        def draw(zeros: float) -> BookFigure:
            place = shares.index(zeros)
            times = {name: times[place] for name, times in milliseconds.items()}
            return pruned_layer(zeros, times, longest)

        choices = [(f"{share:.1%}", share) for share in shares]
        super().__init__(draw, {"zeros": slider("zeros", shares[0], choices=choices)})
