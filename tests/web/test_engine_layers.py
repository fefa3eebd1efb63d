"""Layers in the page against NumPy, and whole networks against PyTorch, by both engines.

Tolerances are of float32's rounding and nothing else. A sum of K products that is rounded at every
step is off by at most about K times half a unit in the last place (2**-24) of the sum of the
products' sizes; that bound is computed for each number of a layer's output. Through a whole network
the roundings partly cancel: the outputs of PyTorch in float32 differ from those in float64 by under
WHOLE of the largest output, and so must the engines'.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from mobilenet_lib import KERAS, PAPER, TF_SLIM, TIMM, MobileNet, convolution, mobilenet_v1
from mobilenet_lib.engines.compact import compact, encode, read_compact
from mobilenet_lib.layer import Layer
from mobilenet_lib.preprocess import INCEPTION

pytestmark = pytest.mark.browser
HALF_UNIT = 2.0**-24
WHOLE = 1e-5
ENGINES = ("plain", "simd")
SIZES = (1, 2, 3, 4, 7, 8, 13)
# (kind, in_channels, out_channels): odd numbers of them, and more than a block of each engine.
WIDTHS = (
    ("standard", 3, 8),
    ("standard", 5, 13),
    ("depthwise", 8, 8),
    ("depthwise", 13, 13),
    ("pointwise", 8, 16),
    ("pointwise", 13, 21),
    ("pointwise", 3, 1),
    ("fc", 16, 10),
    ("fc", 5, 1),
)
# Networks and inputs one behind the other, each with its length; the outputs come back likewise.
MAPS = """async ([engine, lengths]) => {
  const bytes = new Uint8Array(await given("all"));
  let at = 0;
  const cut = (length) => bytes.slice(at, (at += length));
  const found = lengths.map(([network, input]) => {
    const made = new ENGINES[engine](readNetwork(cut(network)));
    const image = new Float32Array(cut(input).buffer);
    made.run(new Float32Array(image.length).fill(NaN));  // nothing may be left of it
    return made.featureMaps(image, ["it"]).it;
  });
  await take(found.map(({ values }) => values));
  return found.map(({ size, channels }) => [size, size, channels]);
}"""


def reference(layer, image, weights, bias, padding, limit):
    """The layer's output in float64, and how far float32 may be from it."""
    zeros = 1 if padding == "symmetric" else "same"
    if padding == "keras" and layer.kind == "depthwise" and layer.stride > 1:
        after = ((0, 1), (0, 1), (0, 0))
        image, zeros = np.pad(image, after), "valid"

    def compute(image, weights):
        if layer.kind == "standard":
            return convolution.standard(image, weights, layer.stride, zeros)
        if layer.kind == "depthwise":
            return convolution.depthwise(image, weights, layer.stride, zeros)
        if layer.kind == "fc":
            image = image.mean((0, 1), keepdims=True)
        return convolution.pointwise(image, weights)

    image, weights, bias = (part.astype(np.float64) for part in (image, weights, bias))
    sums = compute(image, weights) + bias
    steps = layer.kernel_size**2 * (1 if layer.kind == "depthwise" else layer.in_channels) + 2
    if layer.kind == "fc":
        steps += layer.in_size**2
    bound = steps * HALF_UNIT * (compute(abs(image), abs(weights)) + abs(bias))
    return (sums if layer.kind == "fc" else np.clip(sums, 0, limit)), bound


def cases():
    """Every kind, stride, padding and size, with a ReLU of either kind in turn."""
    activations = itertools.cycle(("relu", "relu6"))
    for (kind, m, n), size in itertools.product(WIDTHS, SIZES):
        windowed = kind in ("standard", "depthwise")
        for stride in (1, 2) if windowed else (1,):
            for padding in ("same", "symmetric", "keras") if windowed else ("same",):
                if padding == "keras" and stride == 2 and kind == "depthwise" and size == 1:
                    continue  # half a pixel, rounded down, leaves none
                layer = Layer("it", kind, 3 if windowed else 1, stride, m, n, size, 0)
                yield layer, padding, next(activations)


def made(rng, layer, padding, activation):
    """A network of this layer, its input, and what it must give, with its bound."""
    m, n, size = layer.in_channels, layer.out_channels, layer.in_size
    image = rng.normal(size=(size, size, m)).astype(np.float32)
    shape = {"standard": (3, 3, m, n), "depthwise": (3, 3, n)}.get(layer.kind, (m, n))
    weights = rng.normal(size=shape).astype(np.float32)
    bias = rng.normal(size=n).astype(np.float32)
    header = {
        "precision": "float32",
        "head": "features",
        "architecture": {"resolution": size},
        "convention": {"padding": padding, "activation": activation},
    }
    layers, blocks = [layer], [(weights, bias)]
    if layer.kind == "fc":  # stands behind a map and the pool, so a layer that changes nothing
        image = abs(image)
        layers.insert(0, Layer("before", "pointwise", 1, 1, m, m, size, size))
        blocks.insert(0, (np.eye(m, dtype=np.float32), np.zeros(m, np.float32)))
        header["convention"]["activation"] = "relu"
    limit = 6 if activation == "relu6" else np.inf
    expected, bound = reference(layer, image, weights, bias, padding, limit)
    return encode(header, layers, blocks), image.tobytes(), expected, bound


def test_every_kind_of_layer_equals_numpy(engine_page):
    rng = np.random.default_rng(13)
    tried = list(cases())
    given = [made(rng, *case) for case in tried]
    engine_page.give(all=b"".join(network + image for network, image, *_ in given))
    lengths = [(len(network), len(image)) for network, image, *_ in given]
    for engine in ENGINES:
        shapes = engine_page(MAPS, [engine, lengths])
        values, at = engine_page.taken(), 0
        for case, shape, (*_, expected, bound) in zip(tried, shapes, given, strict=True):
            assert tuple(shape) == expected.shape, f"{engine}: {case}"
            found = values[at : at + expected.size].reshape(expected.shape)
            assert (abs(found - expected) <= bound).all(), f"{engine}: {case}"
            at += expected.size
        assert at == len(values)
    assert len({(layer.kind, layer.stride, padding) for layer, padding, _ in tried}) == 14


def random_network(alpha, resolution, classes, body, convention, head):
    """A network whose batch normalizations all do something, and whose maps keep their size."""
    torch.manual_seed(resolution)
    arch = mobilenet_v1(
        alpha, resolution, classes, body, convention.width_rule, convention.rounding
    )
    net = MobileNet(arch, convention, head)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.normal_(module.bias, std=0.3)
            torch.nn.init.normal_(module.running_mean, std=0.3)
            torch.nn.init.uniform_(module.running_var, 0.3, 1.3)
    net.preprocess = replace(INCEPTION, resolution=resolution)
    net.classes = tuple(f"class {i}" for i in range(classes))
    return net.eval()


NETWORKS = (
    (0.25, 32, 2, "separable", PAPER, None),
    (0.5, 33, 10, "separable", TF_SLIM, None),
    (0.75, 50, 1000, "separable", KERAS, None),
    (1.0, 47, 26, "separable", TIMM, None),
    (0.3, 47, 5, "shallow", PAPER, None),  # 9 channels, and other odd numbers
    (0.25, 45, 3, "full", KERAS, "sigmoid"),
    (0.03125, 64, 1, "separable", PAPER, None),  # one channel
    (0.25, 40, 0, "separable", PAPER, None),
)
WHOLE_RUN = """async ([engine, names]) => {
  const network = readNetwork(await given("network"));
  const made = new ENGINES[engine](network);
  const input = await floats("input");
  const logits = made.run(input);
  const maps = Object.entries(made.featureMaps(input, names));
  await take(maps.map(([, { values }]) => values));
  return {
    logits: Array.from(logits), again: Array.from(made.run(input)),
    maps: maps.map(([name, { size, channels }]) => [name, size, channels]),
    says: network.head === "features" ? null : Array.from(probabilities(network, logits)),
  };
}"""


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: "-".join(map(str, (*n[:4], n[4].name))))
def test_whole_networks_equal_pytorch(engine_page, network):
    net = random_network(*network)
    content = compact(net, "float32")
    x = torch.rand(1, 3, net.arch.resolution, net.arch.resolution) * 2 - 1
    with torch.inference_mode():
        single, double = net(x)[0], read_compact(content).double()(x.double())[0]
        maps = read_compact(content).double().feature_maps(x.double())
        said = None if net.head == "features" else net.probabilities(double[None])[0]
    most = double.abs().max().item()
    assert (single - double).abs().max() < WHOLE * most
    engine_page.give(network=content, input=x[0].permute(1, 2, 0).numpy())
    names = [layer.name for layer in net.arch.layers if layer.out_channels]
    for engine in ENGINES:
        ours = engine_page(WHOLE_RUN, [engine, names])
        assert ours["logits"] == ours["again"]
        np.testing.assert_allclose(ours["logits"], double, rtol=0, atol=WHOLE * most)
        if said is not None:
            np.testing.assert_allclose(ours["says"], said, rtol=0, atol=2 * WHOLE * most)
        assert [name for name, *_ in ours["maps"]] == names
        values, at = engine_page.taken(), 0
        for name, size, channels in ours["maps"]:
            expected = maps[name][0].reshape(channels, size, size).permute(1, 2, 0)
            found = values[at : at + expected.numel()].reshape(expected.shape)
            at += expected.numel()
            limit = WHOLE * expected.abs().max().item()
            np.testing.assert_allclose(
                found, expected, rtol=0, atol=limit, err_msg=f"{engine} {name}"
            )
        assert at == len(values)


def test_a_network_runs_at_another_resolution(engine_page):
    net = random_network(0.25, 32, 4, "separable", PAPER, None)
    x = torch.rand(1, 3, 61, 61)
    engine_page.give(network=compact(net, "float32"), input=x[0].permute(1, 2, 0).numpy())
    with torch.inference_mode():
        expected = net(x)[0]
    for engine in ENGINES:
        ours = engine_page(
            """async (engine) => {
                const made = new ENGINES[engine](readNetwork(await given("network")), 61);
                return Array.from(made.run(await floats("input")));
            }""",
            engine,
        )
        np.testing.assert_allclose(ours, expected, rtol=0, atol=2 * WHOLE * expected.abs().max())


@pytest.mark.parametrize("precision", ["int16", "int8"])
def test_whole_numbers_are_read_as_python_reads_them(engine_page, precision):
    content = compact(random_network(0.25, 32, 4, "separable", PAPER, None), precision)
    state = read_compact(content).state_dict()
    engine_page.give(network=content)
    ours = engine_page(
        """async () => readNetwork(await given("network")).layers.map(
            ({ name, weights, bias }) => [name, Array.from(weights), Array.from(bias)])"""
    )
    for name, weights, bias in ours:
        prefix = name if name == "fc" else f"{name}.conv"
        expected = state[f"{prefix}.weight"]
        # (rows, columns, in, out); of a depthwise layer (rows, columns, 1, out)
        expected = expected.T if name == "fc" else expected.permute(2, 3, 1, 0)
        assert weights == expected.flatten().tolist()
        assert bias == state[f"{prefix}.bias"].tolist()
