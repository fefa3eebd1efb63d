"""Every engine computes what eager torch computes, or says why it cannot; nothing leaves home."""

import copy
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mobilenet_lib import KERAS, PAPER, TF_SLIM, TIMM, MobileNet, data, engines, load_published
from mobilenet_lib.engines import (
    ENGINES,
    EngineError,
    accuracy,
    answers,
    difference,
    engine,
    fold,
    fold_pair,
    fusing,
    onnx_engines,
    onnx_model,
    torch_engines,
    verify,
)
from mobilenet_lib.engines.fusing import fuse, without_copies
from mobilenet_lib.engines.runtimes import hushed
from mobilenet_lib.train.plan import apply_plan

pytestmark = pytest.mark.usefixtures("one_thread")
BATCH = 4
ROOT = Path(engines.__file__).resolve().parents[2]
HERE = [name for name, kind in ENGINES.items() if kind.available()]
INT8 = [name for name in HERE if ENGINES[name].precision == "int8"]


@pytest.fixture(scope="module")
def net():
    return load_published("letters_25_56")


def letters(net, split, count):
    options = {"resolution": net.arch.resolution, "preprocess": net.preprocess}
    images, labels = next(iter(data.load("glyphs", split=split, batch_size=count, **options)))
    return images.contiguous(), labels


@pytest.fixture(scope="module")
def letters_to_test(net):
    return letters(net, "test", 260)


@pytest.fixture(scope="module")
def prepared(net, letters_to_test):
    """Each engine, prepared once for all tests of this file: that takes seconds."""
    kept = {}
    calibration = letters(net, "train", 64)[0]

    def get(name, **options):
        key = (name, *options.items())
        if key not in kept:
            example = letters_to_test[0][:BATCH]
            kept[key] = ENGINES[name](**options).prepare(net, example, calibration, threads=1)
        return kept[key]

    return get


def tiny(convention=PAPER, resolution=33, **size):
    """A small network whose batch normalizations do something."""
    torch.manual_seed(0)
    arch = convention.architecture(5, alpha=0.25, resolution=resolution, **size)
    net = MobileNet(arch, convention)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    nn.init.normal_(net.fc.weight, std=0.5)
    return net.eval()


def python(code, **environment):
    """Run a program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment or None,
        capture_output=True,
        text=True,
    )


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- What there is ----------------------------------------------------------------------------


def test_the_names_are_those_of_the_classes():
    assert all(kind.name == name and kind.summary for name, kind in ENGINES.items())
    assert {name for name, kind in ENGINES.items() if kind.calibrates} == {
        "onnxruntime-int8",
        "openvino-int8",
        "executorch-int8",
    }
    for name, kind in ENGINES.items():
        expected = {"int8": None, "fp32": 1e-3, "bf16": 2e-2, "fp16": 1e-2}[kind.precision]
        assert kind().tolerance == expected, name


def test_asking_what_is_available_imports_none_of_it():
    code = (
        "import sys\nfrom mobilenet_lib.engines import ENGINES\n"
        "for kind in ENGINES.values():\n"
        "    there = kind.available()\n"
        "    assert bool(there) != bool(there.reason), kind\n"
        "heavy = {'onnx', 'onnxruntime', 'onnxscript', 'openvino', 'executorch', 'torchao'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = python(code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in torch_engines.DTYPES])
def test_a_missing_package_is_named_with_its_remedy(name, monkeypatch):
    kind = ENGINES[name]
    monkeypatch.setattr(onnx_engines, "features", lambda: ("bf16",))
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda package: None)
    there = kind.available()
    if issubclass(kind, torch_engines.TorchEngine):
        assert "package" not in there.reason
    else:
        assert not there
        extra = {"onnx": "export", "open": "engines", "exec": "phone"}[name[:4]]
        assert f"pip install -e '.[{extra}]' -c constraints.txt" in there.reason
        with pytest.raises(EngineError, match=f"{name} cannot run here: it needs the package"):
            kind().prepare(tiny(), noise(1, 3, 33, 33))


@pytest.mark.skipif("openvino-int8" not in HERE, reason="needs openvino and onnxruntime")
def test_a_runtime_reports_nothing_and_leaves_nothing_at_home(tmp_path):
    # In a process of its own, since each runtime decides once, when it starts. CI and the tests'
    # own settings would silence them too.
    silent = ("ORT_", "XDG_", "CI", "GITHUB_", "TF_BUILD", "JENKINS_URL")
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(silent)}
    code = (
        "import sys, onnx\n"
        "from mobilenet_lib.engines import runtimes, onnx_engines\n"
        "g = onnx.helper\n"
        "entry, out = (g.make_tensor_value_info(n, 1, [1]) for n in 'xy')\n"
        "graph = g.make_graph([g.make_node('Neg', ['x'], ['y'])], 'g', [entry], [out])\n"
        "opset = [g.make_opsetid('', 18)]\n"
        "model = g.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()\n"
        "onnx_engines.session(model, 1)\n"
        "core, ov = runtimes.openvino_core(), runtimes.load_openvino()\n"
        "core.compile_model(core.read_model(model), 'CPU')\n"
        "print('openvino_telemetry' in sys.modules, runtimes.load_openvino() is ov)\n"
    )
    homes = dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA"), str(home))
    done = python(code, **environment | homes)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False True\n"
    assert [str(path.relative_to(home)) for path in home.rglob("*")] == []


@pytest.mark.slow
@pytest.mark.skipif("openvino" not in HERE, reason="needs openvino")
def test_signals_are_survived_after_openvino_networks_are_gone():
    # In a process of its own: what this guards against is the end of the process.
    code = (
        "import gc, signal, torch\n"
        "from mobilenet_lib import MobileNet, architecture\n"
        "from mobilenet_lib.engines import ENGINES\n"
        "net = MobileNet(architecture.mobilenet_v1(0.1, 32, 2)).eval()\n"
        "x = torch.randn(1, 3, 32, 32)\n"
        "first = ENGINES['openvino']().prepare(net, x)\n"
        "second = ENGINES['openvino']().prepare(net, x)\n"
        "del first\n"
        "gc.collect()\n"
        "del second\n"
        "gc.collect()\n"
        "signal.signal(signal.SIGINT, lambda *_: print('survived'))\n"
        "signal.raise_signal(signal.SIGINT)\n"
    )
    done = python(code)
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr


# --- Folding ----------------------------------------------------------------------------------


def test_folding_one_pair_by_hand():
    conv, bn = nn.Conv2d(1, 1, 1, bias=True), nn.BatchNorm2d(1, eps=0.0)
    for tensor, value in (
        (conv.weight, 3.0),
        (conv.bias, 1.0),
        (bn.weight, 10.0),
        (bn.bias, 7.0),
        (bn.running_mean, 2.0),
        (bn.running_var, 4.0),
    ):
        tensor.data.fill_(value)
    folded = fold_pair(conv, bn)
    # 10 * ((3x + 1) - 2) / 2 + 7 = 15x + 2
    assert (folded.weight.item(), folded.bias.item()) == (15.0, 2.0)
    assert (conv.weight.item(), conv.bias.item()) == (3.0, 1.0)


@pytest.mark.parametrize("convention", [PAPER, TF_SLIM, KERAS, TIMM], ids=lambda c: c.name)
@pytest.mark.parametrize("resolution", [32, 33])
def test_a_folded_network_computes_the_same(convention, resolution):
    net = tiny(convention, resolution).double()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    folded = fold(net)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    x = noise(2, 3, resolution, resolution).double()
    torch.testing.assert_close(folded(x), net(x), rtol=1e-10, atol=1e-10)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert len(before) - len(folded.state_dict()) == 27 * 4, "5 tensors of BN for 1 bias, 27 times"


def test_what_a_kind_of_batch_normalization_adds_stays():
    class WithActivation(nn.BatchNorm2d):  # as timm's
        def __init__(self, size):
            super().__init__(size)
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(super().forward(x))

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), WithActivation(8), nn.Conv2d(8, 4, 1)).eval()
    x = noise(2, 3, 9, 9)
    torch.testing.assert_close(fold(net)(x), net(x))
    assert (fold(net)[:2](x) >= 0).all()


def test_what_cannot_be_folded_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        fold(tiny().train())
    with pytest.raises(ValueError, match="no batch normalization"):
        fold(nn.Sequential(nn.Conv2d(3, 4, 1)).eval())
    with pytest.raises(ValueError, match="without running statistics"):
        fold_pair(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))


# --- Fusing -----------------------------------------------------------------------------------


def limited(net):
    """In double precision, with features that reach the limit of ReLU6, and its lower one."""
    for part in net.double().modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.bias, -1, 7)
    return net


@pytest.mark.parametrize("convention", [PAPER, TF_SLIM, KERAS, TIMM], ids=lambda c: c.name)
@pytest.mark.parametrize("resolution", [32, 33, 46])
@pytest.mark.parametrize(
    "size",
    [{}, {"body": "full"}, {"body": "shallow"}, {"drop_stride": "first"}, {"drop_stride": "last"}],
    ids=str,
)
@pytest.mark.parametrize("rearrange", [without_copies, fuse])
def test_a_rearranged_network_computes_the_same(convention, resolution, size, rearrange):
    net = limited(tiny(convention, resolution, **size))
    x = noise(2, 3, resolution, resolution + 5).double()
    torch.testing.assert_close(rearrange(fold(net))(x), net(x), rtol=1e-10, atol=1e-10)


@pytest.fixture
def nvidia(monkeypatch):
    """The kernels that a GPU has, by what they promise; the names of those that were called."""
    called = []

    def cudnn(x, weight, bias, stride, padding, dilation, groups):
        called.append("cudnn")
        assert groups == 1, "cuDNN's is slow for depthwise layers"
        return F.conv2d(x, weight, bias, stride, padding, dilation).relu()

    def depthwise(x, taps, bias, stride, padding, most):
        called.append("depthwise")
        channels = x.shape[1]
        weight = taps.T.reshape(channels, 1, 3, 3)
        return F.conv2d(x, weight, bias, stride, padding, 1, channels).clamp(0, most)

    monkeypatch.setattr(torch, "cudnn_convolution_relu", cudnn)
    monkeypatch.setattr(fusing, "on_nvidia", lambda x: True)
    monkeypatch.setattr(fusing, "depthwise_kernel", lambda: depthwise)
    return called


@pytest.mark.parametrize("convention", [PAPER, TF_SLIM, KERAS, TIMM], ids=lambda c: c.name)
@pytest.mark.parametrize("resolution", [32, 33])
@pytest.mark.parametrize("body", ["separable", "full"])
def test_a_fused_network_computes_the_same_in_a_kernel_a_layer(
    nvidia, convention, resolution, body
):
    net = limited(tiny(convention, resolution, body=body))
    x = noise(2, 3, resolution, resolution + 5).double()
    torch.testing.assert_close(fuse(fold(net))(x), net(x), rtol=1e-10, atol=1e-10)
    kinds = [layer.kind for layer in net.arch.layers[:-1]]
    assert nvidia == ["depthwise" if kind == "depthwise" else "cudnn" for kind in kinds]


def test_without_triton_a_depthwise_layer_takes_several_passes(nvidia, monkeypatch):
    monkeypatch.setattr(fusing, "depthwise_kernel", lambda: None)
    net, x = tiny(), noise(2, 3, 32, 32)
    torch.testing.assert_close(fuse(fold(net))(x), net(x), rtol=1e-4, atol=1e-5)
    assert set(nvidia) == {"cudnn"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_kernel_that_cannot_be_had_is_no_error():
    assert fusing.depthwise_kernel() is None


def test_what_others_have_put_in_is_not_rearranged():
    x = noise(2, 3, 32, 32)

    class Own(MobileNet):
        def forward(self, x):
            for layer in self.arch.layers[:-1]:
                x = self.get_submodule(layer.name)(x)
            return self.fc(x.mean((2, 3)))

    own = fold(tiny())
    own.dw_2.act = nn.Hardswish()
    strided = fold(tiny())
    strided.dw_2.pads, strided.dw_2.conv.padding = False, (1, 1)
    slow = fold(tiny())
    slow.dw_2.conv.stride = (1, 1)
    other = fold(tiny())
    other.__class__ = Own
    for net in (own, strided, slow, other):
        wanted = net(x)
        for rearrange in (without_copies, fuse):
            got = rearrange(copy.deepcopy(net))(x)
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_a_network_that_a_plan_trains_is_not_folded():
    net = tiny()
    apply_plan(net, "fp32")
    with pytest.raises(ValueError, match=r"take the result's: result\(\).net"):
        fold(net)


def test_a_rearranged_network_makes_no_copies_to_pad(monkeypatch):
    folded, x = fold(tiny()), noise(2, 3, 32, 32)  # even maps: only they need to be turned
    wanted, turned, fused = folded(x), without_copies(fold(tiny())), fuse(fold(tiny()))

    def refuse(*_):
        raise AssertionError("a padded copy")

    monkeypatch.setattr("torch.nn.functional.pad", refuse)
    for net in (turned, fused):
        torch.testing.assert_close(net(x), wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(AssertionError, match="padded copy"):
        folded(x)


def test_networks_of_others_are_left_as_they_are():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
    assert fuse(net) is net
    x = noise(2, 3, 9, 9)
    torch.testing.assert_close(fuse(net)(x), net(x))


# --- Every engine -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", HERE)
def test_an_engine_agrees_with_eager(name, prepared, net, letters_to_test):
    images, labels = letters_to_test
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    ready = prepared(name)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert not net.training
    worst = verify(ready, net, images[:BATCH])
    with torch.inference_mode():
        right = (net(images).argmax(1) == labels).float().mean().item()
    assert 0.7 < right < 0.95
    if ready.precision == "int8":
        assert 1e-4 < worst < 0.15
        assert abs(accuracy(ready, images, labels) - right) <= 0.02
    else:
        assert worst <= ready.tolerance
        near = 1e-6 if ready.precision == "fp32" else 2 / len(images)  # halves decide close calls
        assert accuracy(ready, images, labels) == pytest.approx(right, abs=near)
    logits = answers(ready, images[: BATCH + 1])
    assert logits.shape == (BATCH + 1, 26)
    assert logits.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", HERE)
def test_an_engine_refuses_what_it_is_not_prepared_for(name, prepared, letters_to_test):
    ready, x = prepared(name), letters_to_test[0][:BATCH]
    with pytest.raises(EngineError, match=rf"{name} is prepared for \(4, 3, 56, 56\), got \(3,"):
        ready.run(x[:3])
    with pytest.raises(EngineError, match="float32"):
        ready.run(x.double())
    with pytest.raises(EngineError, match="is not prepared"):
        ENGINES[name]().run(x)


@pytest.mark.slow
@pytest.mark.parametrize("name", HERE)
def test_answers_do_not_change_with_the_next_run(name, prepared, letters_to_test):
    ready, images = prepared(name), letters_to_test[0]
    first = ready.run(images[:BATCH])
    kept = first.clone()
    ready.run(images[BATCH : 2 * BATCH])
    assert torch.equal(first, kept)
    channels_last = images[:BATCH].contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(ready.run(channels_last), kept, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_sizes_of_files(prepared, net):
    parameters = 4 * sum(tensor.numel() for tensor in fold(net).state_dict().values())
    for name in HERE:
        size = prepared(name).size_bytes
        if name == "compiled":
            assert size is None
        elif ENGINES[name].precision == "int8":
            assert parameters / 4 < size < parameters
        else:
            assert parameters <= size < 1.4 * parameters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("folded", {"slice": 2}),
        ("onnxruntime", {"slice": 2}),
        ("onnxruntime", {"slice": 1, "streams": 2}),
        ("openvino", {"slice": 2}),
        ("openvino", {"slice": 1, "streams": 2}),
    ],
    ids=str,
)
def test_slices_give_the_same_answers(name, options, prepared, net, letters_to_test):
    if name not in HERE:
        pytest.skip(ENGINES[name].available().reason)
    ready = prepared(name, **options)
    assert verify(ready, net, letters_to_test[0][:BATCH]) < 1e-5
    again = ready.variant(slice=4)
    assert (again.slice, again.streams, again.shape) == (4, ready.streams, None)
    assert type(again) is type(ready)


def test_options_are_checked():
    kind = ENGINES["onnxruntime"]
    with pytest.raises(ValueError, match="slice"):
        kind(slice=0)
    with pytest.raises(EngineError, match="give slice="):
        kind(streams=2)
    with pytest.raises(EngineError, match="a batch of 4 is no multiple of slice=3"):
        ENGINES["eager"](slice=3).prepare(tiny(), noise(4, 3, 33, 33))
    with pytest.raises(ValueError, match="precision"):
        ENGINES["eager"](precision="int8")
    with pytest.raises(EngineError, match="training mode"):
        ENGINES["eager"]().prepare(tiny().train(), noise(1, 3, 33, 33))
    with pytest.raises(EngineError, match="example must be a batch"):
        ENGINES["eager"]().prepare(tiny(), noise(3, 33, 33))
    assert ENGINES["eager"]().label == "eager"
    assert ENGINES["eager"](slice=2).label == "eager, slices of 2"
    cut = kind(slice=2, streams=3)
    assert cut.label == "onnxruntime, slices of 2, 3 side by side"
    assert ENGINES["openvino-int8"](per_channel=False).label == "openvino-int8, per tensor"


def test_threads_hold_inside_and_are_restored():
    seen = []

    class Watched(nn.Module):
        def forward(self, x):
            seen.append(torch.get_num_threads())
            return x.mean((2, 3))

    ready = ENGINES["eager"]().prepare(Watched().eval(), noise(1, 3, 8, 8), threads=2)
    ready.run(noise(1, 3, 8, 8))
    assert set(seen) == {2}
    assert torch.get_num_threads() == 1


def test_halves_stay_within_their_tolerance(net, letters_to_test):
    for precision in ("bf16", "fp16"):
        ready = torch_engines.Folded(precision=precision).prepare(net, letters_to_test[0][:BATCH])
        worst = verify(ready, net, letters_to_test[0][:BATCH])
        assert 1e-5 < worst <= ready.tolerance


def test_a_wrong_engine_is_found_out(net, letters_to_test):
    x = letters_to_test[0][:BATCH]

    class Wrong(torch_engines.Eager):
        name = "wrong"
        factor = 1.01

        def _run(self, x):
            return super()._run(x) * self.factor

    ready = Wrong().prepare(net, x)
    with pytest.raises(EngineError, match=r"wrong computes something else.* off by 0.01"):
        verify(ready, net, x)
    ready.factor = float("nan")
    with pytest.raises(EngineError, match="off by nan"):
        verify(ready, net, x)
    with pytest.raises(EngineError, match="expected"):
        difference(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(EngineError, match="one each"):
        accuracy(ready, x, torch.zeros(3))


# --- int8 -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in INT8 if name != "executorch-int8"])
def test_one_scale_a_layer_loses_more_than_one_a_channel(name, prepared, net, letters_to_test):
    x = letters_to_test[0]
    expected = net(x).detach()
    channel, tensor = (
        difference(answers(prepared(name, **options), x), expected)
        for options in ({}, {"per_channel": False})
    )
    assert tensor > 2 * channel


def test_int8_needs_images_of_the_right_shape():
    kind = ENGINES["onnxruntime-int8"]
    if not kind.available():
        pytest.skip(kind.available().reason)
    with pytest.raises(EngineError, match="pass calibration="):
        kind().prepare(tiny(), noise(1, 3, 33, 33))
    with pytest.raises(EngineError, match="must be alike"):
        kind().prepare(tiny(), noise(1, 3, 33, 33), noise(4, 3, 32, 32))


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (None, True),
        ((), True),
        (("AVX2",), True),
        (("AVX2", "AVX-512"), True),
        (("AVX2", "VNNI"), False),
        (("AVX-512", "AMX"), False),
        (("NEON",), False),
    ],
)
def test_weights_have_seven_bits_where_sums_would_saturate(monkeypatch, features, expected):
    monkeypatch.setattr(onnx_model, "features", lambda: features)
    assert onnx_model.saturates() is expected
    assert onnx_model.possible_bits() == ((7,) if expected else (8, 7))


def test_weights_get_no_more_bits_than_sums_have_room_for(monkeypatch):
    kind = ENGINES["onnxruntime-int8"]
    assert kind(weight_bits=7).weight_bits == 7
    with pytest.raises(ValueError, match="weight_bits must be"):
        kind(weight_bits=4)
    monkeypatch.setattr(onnx_model, "features", lambda: ("AVX2",))
    with pytest.raises(EngineError, match="weights can have 7 bits here"):
        kind(weight_bits=8)


@pytest.mark.slow
@pytest.mark.skipif("onnxruntime" not in HERE, reason="needs the export extra")
@pytest.mark.parametrize(("bits", "largest"), [(None, 127), (8, 127), (7, 64)])
def test_weights_use_the_bits_that_were_asked_for(monkeypatch, bits, largest):
    import onnx

    monkeypatch.setattr(onnx_model, "features", lambda: ("VNNI",))
    engine = ENGINES["onnxruntime-int8"](weight_bits=bits)
    assert engine.label.endswith(f", weights of {bits} bits") is (bits is not None)
    model = onnx.load_from_string(engine._model(tiny(), noise(1, 3, 33, 33), noise(4, 3, 33, 33)))
    weights = [
        abs(onnx.numpy_helper.to_array(tensor).astype(int)).max()
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    ]
    assert len(weights) == 28
    assert max(weights) == largest


def test_every_calibration_image_is_seen():
    images = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 3, 2, 2)
    fixed = [batch[:, 0, 0, 0].tolist() for batch in onnx_model.batches(images, 4)]
    assert fixed == [[0, 1, 2, 3], [4, 0, 1, 2]]
    many = [batch[:, 0, 0, 0].tolist() for batch in onnx_model.batches(images, 12)]
    assert many == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]]
    assert [len(batch) for batch in onnx_model.batches(images, None)] == [5]


# --- bf16 and GPU, where this machine has none ------------------------------------------------


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (None, "does not tell"),
        ((), r"does not multiply in bf16 \(it has none"),
        (("AVX2",), r"does not multiply in bf16 \(it has AVX2"),
    ],
)
def test_bf16_is_not_there_without_the_hardware(monkeypatch, features, reason):
    monkeypatch.setattr(onnx_engines, "features", lambda: features)
    with pytest.raises(EngineError, match=reason):
        ENGINES["openvino-bf16"]().prepare(tiny(), noise(1, 3, 33, 33))


@pytest.mark.skipif("openvino" not in HERE, reason="needs openvino")
@pytest.mark.skipif("openvino-bf16" in HERE, reason="this processor has bf16")
def test_bf16_that_openvino_replaces_by_fp32_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_engines, "features", lambda: ("bf16",))
    with pytest.raises(EngineError, match="computes in f32 here, not in bf16"):
        ENGINES["openvino-bf16"]().prepare(tiny(), noise(1, 3, 33, 33))


class FakeCuda:
    """What the engine asks of torch.cuda, on the CPU; "replaying" runs the network again."""

    def __init__(self):
        self.captured, self.streams, self.devices = 0, [], []

    def replace(self, monkeypatch, ready):
        fake = self

        class Stream:
            def __init__(self, device=None):
                fake.streams.append(self)

            def wait_stream(self, other):
                pass

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

        class Graph:
            def replay(self):
                ready._output.copy_(torch_engines.Folded._run(ready, ready._input))

            def __enter__(self):
                fake.captured += 1

            def __exit__(self, *_):
                pass

        cuda = torch.cuda
        monkeypatch.setattr(cuda, "is_available", lambda: True)
        monkeypatch.setattr(cuda, "Stream", Stream)
        monkeypatch.setattr(cuda, "device", lambda device: self.devices.append(device) or Stream())
        monkeypatch.setattr(cuda, "current_stream", Stream)
        monkeypatch.setattr(cuda, "stream", lambda stream: stream)
        monkeypatch.setattr(cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(cuda, "graph", lambda graph: graph)
        monkeypatch.setattr(torch_engines.CudaGraph, "device", "cpu")


def test_a_cuda_graph_is_recorded_once_and_replayed(monkeypatch):
    net, x = tiny(), noise(2, 3, 33, 33)
    ready, fake = torch_engines.CudaGraph(), FakeCuda()
    fake.replace(monkeypatch, ready)
    ready.prepare(net, x)
    verify(ready, net, x)
    first = ready.run(x)
    other = noise(2, 3, 33, 33, seed=2)
    assert difference(ready.run(other), net(other).detach()) < 1e-2
    assert difference(first, net(x).detach()) < 1e-2, "a replay writes over answers given before"
    assert fake.captured == 1
    assert fake.devices == [x.device]  # capture is of the current device
    assert ready.precision == "fp16"
    assert {tensor.dtype for tensor in ready._net.state_dict().values()} == {torch.float16}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_cuda_graph_says_what_is_missing():
    assert "NVIDIA GPU" in ENGINES["cuda-graph"].available().reason


def test_a_hushed_converter_leaves_the_root_logger_as_it_was():
    root = logging.getLogger()
    before = list(root.handlers)
    with hushed(""):
        root.addHandler(logging.NullHandler())  # as logging.warning() does where there is none
    assert root.handlers == before


@pytest.mark.slow
def test_compiled_code_is_not_compiled_again_by_the_first_run():
    if not ENGINES["compiled"].available():
        pytest.skip(ENGINES["compiled"].available().reason)
    from torch._dynamo.utils import counters

    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2)
    net = nn.Sequential(*layers).eval()
    x = torch.randn(1, 3, 8, 8)
    engine = ENGINES["compiled"]().prepare(net, x)
    before = counters["stats"]["unique_graphs"]
    engine.run(x)
    assert counters["stats"]["unique_graphs"] == before


def test_a_network_without_batch_normalization_is_copied_not_moved():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).eval()
    assert onnx_model.folded(net) is not net


def test_torch_in_a_folder_with_a_space_cannot_compile(monkeypatch):
    monkeypatch.setattr(torch, "__file__", "/books/my book/torch/__init__.py")
    there = ENGINES["compiled"].available()
    assert not there
    assert "a path without spaces" in there.reason
