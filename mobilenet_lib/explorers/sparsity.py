"""The sparsity explorer of chapter 04: how many zeros a layer needs before skipping them pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray
from safetensors import safe_open

from ..files import find_data
from ..results import recorded
from ..validation import check_positive, check_share
from .explorer import Explorer, definition

if TYPE_CHECKING:
    from ..plots import BookFigure

_STATE = definition("sparsity")
BLOCK = 4
"""Weights on a side of a block."""
CORNER = 128
"""Outputs and inputs that are drawn; all are counted."""
LEVELS = 1000
"""In which the slider goes from no zeros to nothing but zeros."""
LETTERS, LAYER = "letters_100_56", "pw_8"


class SparsityExplorer(Explorer):
    """Remove a layer's smallest weights; see what is left, what it takes to keep, and the times.

    Works by mouse, touch and keyboard, and without a Python session once it is drawn.

    Parameters
    ----------
    sparsities
        Shares of zeros that were measured, from 0 to below 1. None takes what was recorded on the
        book's machine, and says so.
    milliseconds
        By kernel, its time at each of them, the dense product first; as `bench_sparse` gives it.
    weights
        A matrix of (outputs, inputs), both multiples of 4. None takes a pointwise layer of the
        book's letters network, 512 by 512.
    **state
        `zeros` (0 to 0.999), `pattern` ("weights", "blocks" or "channels"), `row`, `column`,
        `hide`, `tour`.

    Raises
    ------
    ValueError
        Nothing was measured, a share is out of range or comes twice, a kernel has another number
        of times or one that is not above 0, or the weights are no such matrix.
    traitlets.TraitError
        A state that there is not; the widget keeps its old one.
    """

    definition = _STATE

    sparsities = traitlets.List(traitlets.Float(), read_only=True).tag(sync=True)
    milliseconds: traitlets.List[Any] = traitlets.List(
        read_only=True, help="(kernel, times), the dense product first"
    ).tag(sync=True)
    whose = traitlets.Unicode(read_only=True, help="where the times are from").tag(sync=True)
    shape = traitlets.List(traitlets.Int(), read_only=True, help="outputs, inputs").tag(sync=True)
    label = traitlets.Unicode(read_only=True, help="whose weights").tag(sync=True)
    corner = traitlets.Bytes(read_only=True, help="float32, the weights drawn").tag(sync=True)
    goes = traitlets.Bytes(
        read_only=True,
        help="uint16, by pattern: the thousandth of zeros at which each part drawn is removed",
    ).tag(sync=True)
    squares = traitlets.Bytes(
        read_only=True, help="float32, by pattern: share of the squares left at each thousandth"
    ).tag(sync=True)
    zeros = _STATE.trait("zeros")
    pattern = _STATE.trait("pattern")
    row = _STATE.trait("row")
    column = _STATE.trait("column")

    def __init__(
        self,
        sparsities: Sequence[float] | None = None,
        milliseconds: Mapping[str, Sequence[float]] | None = None,
        weights: ArrayLike | None = None,
        **state: Any,
    ) -> None:
        if sparsities is None and milliseconds is None:
            sparsities, milliseconds, whose = _recorded()
        elif sparsities is None or milliseconds is None:
            raise ValueError("sparsities and milliseconds belong together; give both or neither")
        else:
            whose = "times handed in"
        shares = _checked(sparsities, milliseconds)
        matrix, label = _letters() if weights is None else (_matrix(weights), "your own weights")
        order = sorted(range(len(shares)), key=shares.__getitem__)
        times = [(name, [float(own[i]) for i in order]) for name, own in milliseconds.items()]
        scores = _scores(matrix)
        drawn = [CORNER, CORNER // BLOCK, CORNER]  # parts a side, by pattern
        for name, value in {
            "sparsities": sorted(shares),
            "milliseconds": times,
            "whose": whose,
            "shape": list(matrix.shape),
            "label": label,
            "corner": matrix[:CORNER, :CORNER].tobytes(),
            "goes": b"".join(
                _goes(score)[:side, :side].tobytes()
                for score, side in zip(scores, drawn, strict=True)
            ),
            "squares": b"".join(_left(score).tobytes() for score in scores),
        }.items():
            self.set_trait(name, value)
        super().__init__(**state)

    @property
    def kept(self) -> int:
        """Weights that are left of the whole matrix."""
        rows, columns = self.shape
        if self.pattern == "weights":
            return rows * columns - round(self.zeros * rows * columns)
        if self.pattern == "channels":
            return (rows - round(self.zeros * rows)) * columns
        blocks = (rows // BLOCK) * (columns // BLOCK)
        return (blocks - round(self.zeros * blocks)) * BLOCK**2

    def bytes_of(self, pattern: str | None = None) -> tuple[int, int]:
        """What it takes to keep what is left: bytes of the values, and of where they belong.

        In float32 and with places of 32 bits: CSR for single weights (a column for each, a start
        for each row), the same with a column for each block, and a list of the channels left.
        """
        rows = self.shape[0]
        match pattern or self.pattern:
            case "weights":
                places = self.kept + rows + 1
            case "blocks":
                places = self.kept // BLOCK**2 + rows // BLOCK + 1
            case _:
                places = self.kept // self.shape[1]
        return 4 * self.kept, 4 * places

    def still(self) -> BookFigure | None:
        """A corner of weights and the times at the measured share that is nearest."""
        from ..plots import pruned_layer

        nearest = min(
            range(len(self.sparsities)), key=lambda i: abs(self.sparsities[i] - self.zeros)
        )
        times = {name: own[nearest] for name, own in self.milliseconds}
        longest = max(max(own) for _, own in self.milliseconds)
        return pruned_layer(self.sparsities[nearest], times, longest)

    def __repr__(self) -> str:
        return f"SparsityExplorer({self.zeros:.1%} zeros, {self.pattern}, {self.label})"


def _recorded() -> tuple[list[float], dict[str, list[float]], str]:
    content = recorded("bench_sparse")
    results, provenance = content["results"], content["provenance"]
    levels = results["levels"]
    times = {
        name: [level["timings"][name]["median_ms"] for level in levels]
        for name in levels[0]["timings"]
    }
    whose = (
        f"times of the book's machine, {results['device']}, {results['threads']} threads, "
        f"{provenance['date'][:10]}: {results['channels']} to {results['channels']} channels at "
        f"{results['size']}×{results['size']}"
    )
    return [level["sparsity"] for level in levels], times, whose


def _checked(
    sparsities: Sequence[float], milliseconds: Mapping[str, Sequence[float]]
) -> list[float]:
    shares = [check_share("sparsity", share) for share in sparsities]
    if not shares or len(set(shares)) < len(shares):
        raise ValueError(f"sparsities must be at least one, each once; got {list(sparsities)}")
    if not milliseconds:
        raise ValueError("milliseconds must have the times of at least one kernel")
    for name, times in milliseconds.items():
        if len(times) != len(shares):
            raise ValueError(
                f"{name} has {len(times)} times for {len(shares)} sparsities; one each is asked"
            )
        for time in times:
            check_positive(f"the time of {name}", time)
    return shares


def _matrix(weights: ArrayLike) -> NDArray[np.float32]:
    matrix = np.asarray(weights, np.float32)
    while matrix.ndim > 2 and matrix.shape[-1] == 1:  # as a 1x1 convolution keeps them
        matrix = matrix[..., 0]
    if matrix.ndim != 2 or any(not n or n % BLOCK for n in matrix.shape):
        raise ValueError(
            f"weights must be a matrix with sides that are multiples of {BLOCK}, as its blocks; "
            f"got shape {matrix.shape}"
        )
    if not np.isfinite(matrix).all():
        raise ValueError("weights must be finite")
    return matrix


def _letters() -> tuple[NDArray[np.float32], str]:
    """A pointwise layer of the letters network; numbers drawn at random without its file."""
    try:
        path = find_data(f"checkpoints/{LETTERS}.safetensors")
    except FileNotFoundError:
        drawn = np.random.default_rng(0).standard_normal((512, 512), np.float32)
        return drawn, "512 × 512 random numbers, as the book's data is not here"
    with safe_open(path, "np") as file:
        matrix = file.get_tensor(f"{LAYER}.conv.weight")[:, :, 0, 0]
    return matrix, f"{LAYER} of the book's letters network"


def _scores(matrix: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """The squares of the parts that each pattern removes: weights, blocks, channels."""
    squares = np.square(matrix, dtype=float)
    rows, columns = (size // BLOCK for size in matrix.shape)
    blocks = squares.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3))
    return [squares, blocks, squares.sum(axis=1, keepdims=True)]


def _goes(score: NDArray[np.float64]) -> NDArray[np.uint16]:
    """By part: the first thousandth of zeros at which it is among the smallest, removed ones."""
    rank = np.empty(score.size, int)
    rank[np.argsort(score, axis=None, kind="stable")] = np.arange(score.size)
    removed = [round(k / LEVELS * score.size) for k in range(LEVELS + 1)]
    return np.searchsorted(removed, rank, side="right").astype(np.uint16).reshape(score.shape)


def _left(score: NDArray[np.float64]) -> NDArray[np.float32]:
    """Share of the squares that is left at each thousandth of zeros, from 0 to all."""
    rising = np.concatenate([[0], np.cumsum(np.sort(score, axis=None))])
    removed = [round(k / LEVELS * score.size) for k in range(LEVELS + 1)]
    return (1 - rising[removed] / (rising[-1] or 1)).astype(np.float32)
