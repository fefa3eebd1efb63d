"""Eight bits: what a step a channel and a step a layer cost, on trained networks."""

import pytest

from mobilenet_lib.bench.quality import Eight, Int8Bench, bench_int8
from mobilenet_lib.engines import ENGINES, Availability
from mobilenet_lib.engines.onnx_model import saturates


@pytest.mark.slow
def test_a_step_a_channel_keeps_the_accuracy_and_one_a_layer_does_not():
    pytest.importorskip("onnxruntime", reason="needs the engines extra (onnxruntime)")
    result = bench_int8(("letters_25_56",), ("onnxruntime-int8",), limit=600)
    assert result.test_images == 600
    assert [row.weight_bits for row in result.rows] == ([7] if saturates() else [8, 7])
    assert all(abs(row.lost) <= 1.5 for row in result.rows)
    assert result.rows[-1].per_layer < result.rows[-1].per_channel - 2  # 7 bits
    assert "letters_25_56" in str(result)


def test_the_limit_is_one_point():
    def bench(per_channel):
        return Int8Bench(10, 10, (Eight("a", "b", 8, 80.0, per_channel, 70.0),), {})

    assert bench(79.0).within_limits
    assert not bench(78.9).within_limits


def test_engines_that_are_not_here_are_named(monkeypatch):
    gone = Availability(False, "it is not installed")
    monkeypatch.setattr(ENGINES["onnxruntime-int8"], "available", lambda: gone)
    with pytest.raises(ValueError, match=r"no engine for int8 can run here.*not installed"):
        bench_int8(engines=("onnxruntime-int8",))
    with pytest.raises(ValueError, match="engine must be one of openvino-int8"):
        bench_int8(engines=("eager",))
