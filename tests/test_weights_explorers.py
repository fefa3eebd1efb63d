"""The quantization and the sparsity explorer from Python's side; what their tours claim is true."""

import numpy as np
import pytest
import traitlets

from mobilenet_lib.bench.sparse import crossing
from mobilenet_lib.explorers import QuantizationExplorer, SparsityExplorer
from mobilenet_lib.explorers.rounding import folded_layers
from mobilenet_lib.results import recorded

TIMES = {"dense": [0.5, 0.5, 0.5], "CSR": [2.0, 1.0, 0.125]}


@pytest.fixture(scope="module")
def quantization():
    return QuantizationExplorer()


# --- Quantization -----------------------------------------------------------------------------


def test_it_has_the_detectors_layers_and_follows_its_state():
    explorer = QuantizationExplorer(layer="dw_1", bits=8)
    np.testing.assert_array_equal(explorer.original, folded_layers()[0].weights)
    assert explorer.rounded.levels.max() <= 127
    fine = explorer.rms_error
    explorer.bits = 2
    assert explorer.rms_error > 20 * fine
    assert explorer.signal_to_noise < 15
    coarse = explorer.lost.sum()
    explorer.per = "channel"
    assert explorer.lost.sum() <= coarse
    assert repr(explorer) == "QuantizationExplorer(dw_1, 2 bits, a step a channel)"


def test_a_page_gets_live_channels_only(quantization):
    live = sum(each.weights[each.weights.any(axis=1)].size for each in folded_layers())
    assert (
        len(quantization.weights)
        == 4 * live
        < 4 * sum(each.weights.size for each in folded_layers())
    )
    for facts in quantization.layers:
        rows = quantization._layers[facts["name"]].weights
        assert facts["off"] == np.flatnonzero(~rows.any(axis=1)).tolist()
    assert len(quantization.page()) < 600_000


def test_answers_are_the_recorded_ones(quantization):
    rows = recorded("rounding")["results"]["detector"]["rows"]
    row = next(
        r for r in rows if (r["layer"], r["per"], r["zero_point"]) == ("dw_9", "tensor", False)
    )
    assert quantization.answers["agreement"] == row["agreement"][2]
    assert quantization.answers["person"]["cat"] == row["person"][2][2]
    whole = QuantizationExplorer(scope="all", bits=8, per="channel")
    assert whole.answers["agreement"] > 0.98


def test_weights_of_your_own():
    layers = {"a": np.ones((2, 3, 1, 1)), "b": -np.eye(4)}
    explorer = QuantizationExplorer(layers)
    assert explorer.layer == "a"
    assert explorer.answers is None
    assert explorer.measured == {}
    explorer.layer = "b"
    np.testing.assert_array_equal(explorer.rounded.values, -np.eye(4))
    assert QuantizationExplorer(layers, layer="b", bits=2).state == "v1&layer=b&bits=2"
    for state in ({"layer": "c"}, {"bits": 1}, {"per": "row"}, {"channel": 4}):
        with pytest.raises(traitlets.TraitError):
            QuantizationExplorer(layers, **state)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "1 to 1,048,576 in all, got 0"),
        ({"a": np.zeros((1025, 1024))}, "got 1,049,600"),
        ({"a": [1, 2]}, r"a must be \(channels, ...\)"),
        ({"a": np.zeros((0, 3))}, "a must be"),
        ({"a": [[np.inf]]}, "a has weights that are not finite"),
    ],
)
def test_weights_that_cannot_be_shown_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        QuantizationExplorer(weights)


def test_what_the_quantization_tour_says_is_true(quantization):
    tour = quantization.definition.tour
    at = lambda line: QuantizationExplorer(**quantization.definition.decode(line))  # noqa: E731
    first = at(tour[0]["state"])
    assert f"{first.original.min():.2f}" == "-11.65"
    assert np.abs(first.original).max() == -first.original.min()
    assert f"{first.rounded.steps[0]:.2f}" == "1.66"
    assert first.rounded.ends == (-7, 7)
    second = at(tour[1]["state"])
    own = second.original[second.channel]
    assert (f"{own.min():.2f}", f"{own.max():.2f}") == ("-0.61", "0.82")
    assert f"{second.rounded.steps[0] / 2:.2f}" == "0.83"
    assert not second.rounded.values[second.channel].any()
    assert (second.lost.sum(), len(second.lost)) == (28, 128)
    assert at(tour[2]["state"]).answers["agreement"] == 0.875
    assert at(tour[2]["then"]).answers["agreement"] == 0.995
    assert quantization.measured["crops"] == 200
    (last,) = {at(tour[4][when]).original.tobytes() for when in ("state", "then")}
    weights = np.frombuffer(last, np.float32)
    assert (f"{weights.min():.1f}", f"{weights.max():.1f}") == ("-13.3", "2.8")
    before, after = (at(tour[4][when]).answers["agreement"] for when in ("state", "then"))
    assert (before, after) == (0.18, 0.94)
    assert min(at(tour[4]["state"]).answers["person"].values()) > 0.5  # everything is a person
    with_person = recorded("rounding")["results"]["detector"]["crops_with_person"]
    assert with_person == 0.18 * 200


# --- Sparsity ---------------------------------------------------------------------------------


def test_without_times_it_shows_the_recorded_ones_and_says_whose():
    explorer = SparsityExplorer()
    results = recorded("bench_sparse")["results"]
    assert explorer.sparsities == [level["sparsity"] for level in results["levels"]]
    names = [name for name, _ in explorer.milliseconds]
    assert names == ["dense", "torch CSR", "SciPy CSR"]
    assert "book's machine, AMD EPYC, 2 threads" in explorer.whose
    assert explorer.shape == [512, 512]
    assert "book's letters network" in explorer.label


def test_times_of_your_own_are_sorted_and_described():
    explorer = SparsityExplorer([0.99, 0.0, 0.5], {k: [v[2], v[0], v[1]] for k, v in TIMES.items()})
    assert explorer.sparsities == [0.0, 0.5, 0.99]
    assert dict(explorer.milliseconds) == TIMES
    assert "CSR 1 ms (2 times dense)" in explorer.still().alt
    explorer.zeros = 0.9
    assert "1.0% are left" in explorer.still().alt
    assert "CSR 0.125 ms (0.25 times dense)" in explorer.still().alt


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SparsityExplorer([], {}), r"at least one, each once; got \[\]"),
        (lambda: SparsityExplorer([0.5, 0.5], {"a": [1, 2]}), "each once"),
        (lambda: SparsityExplorer([1.0], {"a": [1]}), "sparsity must be .* got 1.0"),
        (lambda: SparsityExplorer([0, 0.5], {"a": [1]}), "a has 1 times for 2 sparsities"),
        (lambda: SparsityExplorer([0.5], {}), "at least one kernel"),
        (lambda: SparsityExplorer([0.5], {"a": [0]}), "the time of a must be .* got 0"),
        (lambda: SparsityExplorer([0.5]), "give both or neither"),
        (lambda: SparsityExplorer(weights=np.zeros((6, 8))), r"multiples of 4.*got shape \(6, 8\)"),
        (lambda: SparsityExplorer(weights=np.full((8, 8), np.nan)), "finite"),
    ],
)
def test_what_cannot_be_shown_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def by_brute_force(matrix, zeros, pattern):
    """The matrix without its smallest parts."""
    side = {"weights": (1, 1), "blocks": (4, 4), "channels": (1, matrix.shape[1])}[pattern]
    rows, columns = (n // s for n, s in zip(matrix.shape, side, strict=True))
    parts = matrix.reshape(rows, side[0], columns, side[1]).swapaxes(1, 2).copy()
    flat = parts.reshape(rows * columns, -1)
    flat[np.argsort((flat.astype(float) ** 2).sum(axis=1))[: round(zeros * len(flat))]] = 0
    return flat.reshape(parts.shape).swapaxes(1, 2).reshape(matrix.shape)


@pytest.mark.parametrize("pattern", ["weights", "blocks", "channels"])
@pytest.mark.parametrize("zeros", [0, 0.25, 0.5, 0.937, 0.999])
def test_what_is_left_is_what_brute_force_leaves(pattern, zeros):
    matrix = np.random.default_rng(3).standard_normal((16, 24)).astype(np.float32)
    explorer = SparsityExplorer(
        [0.5], {"dense": [1]}, weights=matrix[:, :, None, None], zeros=zeros, pattern=pattern
    )
    left = by_brute_force(matrix, zeros, pattern)
    assert explorer.kept == np.count_nonzero(left)
    sizes = {"weights": (16, 24), "blocks": (4, 6), "channels": (16, 1)}
    ends = np.cumsum([0, *(a * b for a, b in sizes.values())])
    place = list(sizes).index(pattern)
    goes = np.frombuffer(explorer.goes, np.uint16)[ends[place] : ends[place + 1]]
    removed = goes.reshape(sizes[pattern]) <= round(1000 * zeros)
    grown = np.kron(
        removed, np.ones([n // s for n, s in zip((16, 24), removed.shape, strict=True)])
    )
    np.testing.assert_array_equal(grown.astype(bool), left == 0)
    share = np.frombuffer(explorer.squares, np.float32).reshape(3, 1001)[place, round(1000 * zeros)]
    assert share == pytest.approx(float((left**2).sum() / (matrix**2).sum()), abs=1e-5)


def test_bytes_are_those_of_scipys_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = np.random.default_rng(4).standard_normal((64, 32)).astype(np.float32)
    explorer = SparsityExplorer([0.5], {"dense": [1]}, weights=matrix, zeros=0.7)
    csr = sparse.csr_matrix(by_brute_force(matrix, 0.7, "weights"))
    assert explorer.bytes_of() == (csr.data.nbytes, csr.indices.nbytes + csr.indptr.nbytes)
    explorer.pattern = "blocks"
    bsr = sparse.bsr_matrix(by_brute_force(matrix, 0.7, "blocks"), blocksize=(4, 4))
    assert explorer.bytes_of() == (bsr.data.nbytes, bsr.indices.nbytes + bsr.indptr.nbytes)


def test_without_the_books_data_times_of_your_own_are_still_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    explorer = SparsityExplorer([0.0, 0.5, 0.99], TIMES)
    assert "random numbers" in explorer.label
    with pytest.raises(FileNotFoundError, match="MOBILENET_DATA"):
        SparsityExplorer()


def test_what_the_sparsity_tour_says_is_true():
    explorer = SparsityExplorer()
    text = " ".join(str(step) for step in explorer.definition.tour)
    assert sum(explorer.bytes_of()) == 1_050_628
    assert (explorer.kept, 4 * 512 * 512) == (131_072, 1_048_576)
    squares = np.frombuffer(explorer.squares, np.float32).reshape(3, 1001)[:, 500]
    for share in squares:
        assert f"{share:.1%}".replace("%", " %") in text
    crossings = recorded("bench_sparse")["results"]["crossings"]
    assert f"above {crossings['torch CSR']:.0%}".replace("%", " %") in text
    assert f"above {crossings['SciPy CSR']:.0%}".replace("%", " %") in text
    dense, *others = (times for _, times in explorer.milliseconds)
    for times, said in zip(others, crossings.values(), strict=True):
        ratios = [time / own for time, own in zip(times, dense, strict=True)]
        assert crossing(explorer.sparsities, ratios) == pytest.approx(said, abs=0.01)
