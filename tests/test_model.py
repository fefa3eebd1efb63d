"""The network against its own description, against NumPy, and through torch's compilers."""

import copy
import dataclasses
import functools
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from checkpoint_files import our_names
from torch import nn

from mobilenet_lib import KERAS, PAPER, TF_SLIM, TIMM, Convention, MobileNet, mobilenet_v1
from mobilenet_lib import convolution as numpy_convolution
from mobilenet_lib.architecture import BODIES

CONVENTIONS = (PAPER, TF_SLIM, KERAS, TIMM)
by_name = pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)


def small(convention=PAPER, resolution=32, body="separable", seed=0):
    """A small network of its own for every test; see `made`."""
    return copy.deepcopy(made(convention, resolution, body, seed))


@functools.cache
def made(convention, resolution, body, seed):
    """A small network in eval mode whose every number matters.

    Fresh weights would not do: their logits are near 0, their BN does nothing, and ReLU6 never
    clips, so that a wrong network would pass for a right one. Here BN has the statistics of real
    activations, so that rounding is not amplified from layer to layer.
    """
    torch.manual_seed(seed)
    arch = convention.architecture(5, alpha=0.25, resolution=resolution, body=body)
    net = MobileNet(arch, convention)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        net.conv_0.conv.weight.mul_(0.05)  # activations so small that BN's epsilon shows
        for norm in norms:
            norm.weight.uniform_(1, 4)
            norm.bias.uniform_(-1, 3)
            norm.momentum = 1.0
        net.train()(images(16, 3, 64, 64, seed=2))
        for norm in norms:
            norm.momentum = convention.bn_momentum
            norm.num_batches_tracked.zero_()
        net.fc.weight.normal_(std=0.1)
        net.fc.bias.normal_()
    return net.eval()


def images(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def same_pad(x, kernel_size, stride):
    """Pad by TensorFlow's published SAME rule, stated by the remainder of the size."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max(kernel_size - (size % stride or stride), 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


# --- Counts and names -------------------------------------------------------------------------


@pytest.mark.slow
@by_name
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.35, 0.5, 0.75, 1, 1.4])
def test_every_parameter_is_counted(convention, body, alpha):
    for resolution in (32, 97, 224):
        arch = convention.architecture(alpha=alpha, resolution=resolution, body=body)
        with torch.device("meta"):
            net = MobileNet(arch, convention)
        trainable = sum(p.numel() for p in net.parameters())
        statistics = sum(b.numel() for b in net.buffers() if b.dim() == 1)
        weights = sum(p.numel() for p in net.parameters() if p.dim() > 1)
        assert trainable == arch.parameters
        assert trainable + statistics == arch.parameters_with_statistics
        assert weights == arch.parameters_as_printed
        assert arch.num_classes == convention.num_classes


def test_the_papers_network_counts_what_the_paper_counts():
    with torch.device("meta"):
        net = MobileNet(mobilenet_v1())
    assert sum(p.numel() for p in net.parameters()) == 4_231_976


def test_state_dict_names_are_readable_and_stable():
    state = small().state_dict()
    assert list(state) == our_names()
    assert list(state)[6:8] == ["dw_1.conv.weight", "dw_1.bn.weight"]
    assert len(state) == 27 * 6 + 2
    assert list(small(body="full").state_dict())[:7:6] == [
        "conv_0.conv.weight",
        "conv_1.conv.weight",
    ]
    shapes = {
        "conv_0.conv.weight": (8, 3, 3, 3),
        "dw_2.conv.weight": (16, 1, 3, 3),
        "pw_13.conv.weight": (256, 256, 1, 1),
        "pw_13.bn.running_var": (256,),
        "fc.weight": (5, 256),
        "fc.bias": (5,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_a_state_dict_carries_the_whole_network():
    net, other = small(seed=0), small(seed=5)
    x = images(2, 3, 32, 32)
    assert not torch.allclose(net(x), other(x), atol=0.1)
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(x), other(x))


# --- The same as Table 1 in NumPy -------------------------------------------------------------


@pytest.mark.parametrize("resolution", [32, 33, 47, 100])
@pytest.mark.parametrize("body", ["separable", "full"])
@pytest.mark.parametrize(
    ("convention", "ceiling", "padding", "eps"),
    [
        (PAPER, np.inf, "same", 1e-3),
        (TF_SLIM, 6, "same", 1e-3),
        (KERAS, 6, "keras", 1e-3),
        (TIMM, 6, "symmetric", 1e-5),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_forward_equals_table_1_in_numpy(convention, ceiling, padding, eps, body, resolution):
    net = small(convention, resolution, body).double()
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    x = images(1, 3, resolution, resolution).double()
    maps = net.feature_maps(x)
    feature = x[0].permute(1, 2, 0).numpy()
    clipped = 0
    for layer in net.arch.layers[:-1]:
        weight = state[f"{layer.name}.conv.weight"]
        border = layer.kernel_size // 2 if padding == "symmetric" else "same"
        if layer.kind == "depthwise":
            if padding == "keras" and layer.stride == 2:  # ZeroPadding2D(((0, 1), (0, 1)))
                feature, border = np.pad(feature, ((0, 1), (0, 1), (0, 0))), 0
            kernel = weight[:, 0].transpose(1, 2, 0)
            feature = numpy_convolution.depthwise(feature, kernel, layer.stride, border)
        elif layer.kind == "pointwise":
            feature = numpy_convolution.pointwise(feature, weight[:, :, 0, 0].T)
        else:
            kernel = weight.transpose(2, 3, 1, 0)
            feature = numpy_convolution.standard(feature, kernel, layer.stride, border)
        gamma, beta, mean, variance = (
            state[f"{layer.name}.bn.{name}"]
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        feature = gamma * (feature - mean) / np.sqrt(variance + eps) + beta
        clipped += (feature > 6).sum()
        feature = np.clip(feature, 0, ceiling)
        ours = maps[layer.name][0].permute(1, 2, 0).detach().numpy()
        np.testing.assert_allclose(ours, feature, rtol=1e-9, atol=1e-9)
        assert len(feature) == layer.out_size
    assert clipped  # else ReLU6 was not tested
    logits = state["fc.weight"] @ feature.mean(axis=(0, 1)) + state["fc.bias"]
    np.testing.assert_allclose(net(x)[0].detach().numpy(), logits, rtol=1e-9, atol=1e-9)
    single = net.float()(x.float())[0].detach().numpy()
    np.testing.assert_allclose(single, logits, rtol=0, atol=1e-4)


# --- Padding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 33), (32, 45), (63, 34), (1, 2)])
@pytest.mark.parametrize("name", ["conv_0", "dw_1", "dw_2", "pw_1", "dw_12"])
def test_same_padding_is_tensorflows(name, height, width):
    net = small()
    block = net.get_submodule(name)
    x = images(2, block.conv.in_channels, height, width)
    weight, stride = block.conv.weight, net.arch.layer(name).stride
    groups = 1 if name in ("conv_0", "pw_1") else weight.shape[0]
    padded = same_pad(x, weight.shape[2], stride)
    expected = block.act(block.bn(F.conv2d(padded, weight, stride=stride, groups=groups)))
    assert expected.shape[2:] == (-(-height // stride), -(-width // stride))
    torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-5)


# --- Activation, dropout, BN, initial weights -------------------------------------------------


@by_name
def test_activation_clips_where_the_convention_says(convention):
    ramp = torch.linspace(-10, 10, 81)
    ceiling = torch.inf if convention is PAPER else 6
    for module in small(convention).modules():
        if hasattr(module, "act"):
            assert torch.equal(module.act(ramp), ramp.clamp(0, ceiling))


def test_dropout_drops_in_training_only():
    eager = dataclasses.replace(PAPER, dropout=0.5)
    net = small(eager)
    x = images(2, 3, 32, 32)
    assert torch.equal(net(x), net(x))
    seen = []
    net.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net(x)
    net.train()
    net.dropout.train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # so that dropout is the only difference
    net(x)
    kept, dropped = seen
    share = (dropped == 0)[kept != 0].float().mean().item()
    assert 0.35 < share < 0.65
    survivors = (dropped != 0) & (kept != 0)
    torch.testing.assert_close(dropped[survivors], 2 * kept[survivors])


@by_name
def test_dropout_rate_is_the_share_that_is_dropped(convention):
    assert small(convention).dropout.p == {"tf-slim": 0.001, "keras": 0.001}.get(convention.name, 0)


@pytest.mark.parametrize(
    ("convention", "share"), [(PAPER, 3e-4), (TF_SLIM, 3e-4), (KERAS, 0.01), (TIMM, 0.1)]
)
def test_bn_momentum_is_the_share_of_the_new_batch(convention, share):
    net = small(convention)
    block, old = net.pw_1, net.pw_1.bn.running_mean.clone()
    x = 3 + images(8, 8, 6, 6)
    mean = block.conv(x).mean(dim=(0, 2, 3))
    net.train()
    block(x)
    torch.testing.assert_close(block.bn.running_mean, (1 - share) * old + share * mean)


def test_fresh_weights_follow_the_fan_out_and_the_seed():
    torch.manual_seed(3)
    net = MobileNet(mobilenet_v1())
    for name, fan_out in (("pw_6", 512), ("dw_9", 9), ("conv_0", 9 * 32), ("pw_13", 1024)):
        weight = net.get_submodule(name).conv.weight
        assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
        assert abs(weight.mean().item()) < weight.std().item() * 4 / weight.numel() ** 0.5
    assert net.fc.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert not net.fc.bias.any()
    again = copy.deepcopy(net)
    torch.manual_seed(3)
    again.reset_parameters()
    torch.manual_seed(3)
    net.reset_parameters()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    used = small()
    used.reset_parameters()
    assert torch.equal(used.pw_1.bn.running_var, torch.ones(16))
    assert not used.pw_1.bn.bias.any()


@pytest.mark.parametrize("body", BODIES)
def test_beta_starts_at_the_shift_in_all_layers_but_the_last(body):
    arch = mobilenet_v1(0.25, 32, 5, body)
    net = MobileNet(arch, bn_shift=1)
    shifts = [layer.bn.bias.unique().tolist() for layer in net.children() if hasattr(layer, "bn")]
    assert shifts == [[1.0]] * (len(arch.layers) - 2) + [[0.0]]
    usual = MobileNet(arch)
    assert not any(m.bias.any() for m in usual.modules() if isinstance(m, nn.BatchNorm2d))
    net.load_state_dict(usual.state_dict())
    assert not net.conv_0.bn.bias.any()
    net.reset_parameters()
    assert net.conv_0.bn.bias.unique().tolist() == [1.0]


@pytest.mark.parametrize("shift", [-1, 6, float("nan"), "1"])
def test_a_shift_that_makes_no_sense_is_refused(shift):
    with pytest.raises((ValueError, TypeError), match="bn_shift"):
        MobileNet(mobilenet_v1(0.25, 32, 5), bn_shift=shift)


@pytest.mark.parametrize(("shift", "per_layer"), [(0.0, 1.2104), (1.0, 1.0577)])
def test_a_layer_blows_up_a_small_difference_as_the_formula_of_chapter_05_says(shift, per_layer):
    """sqrt(P(z > -beta) / Var(max(0, z + beta))) of a bell curve, over twenty wide layers."""
    torch.manual_seed(0)
    z = torch.randn(1_000_000)
    formula = ((z > -shift).double().mean() / F.relu(z + shift).double().var()).sqrt()
    assert formula.item() == pytest.approx(per_layer, rel=5e-3)
    net = MobileNet(mobilenet_v1(0.5, 96, 5), bn_shift=shift).train()
    first = images(16, 3, 96, 96)
    both = torch.cat([first, first + 1e-3 * images(16, 3, 96, 96, seed=2)])
    apart = {}
    with torch.no_grad():
        for name, maps in net.feature_maps(both).items():
            one, other = maps.flatten(1).double().chunk(2)
            apart[name] = ((one - other).norm() / (one - one.mean(0)).norm()).item()
    growth = (apart["pw_11"] / apart["pw_1"]) ** (1 / 20)
    assert growth == pytest.approx(per_layer, abs=0.04)


@pytest.mark.parametrize("convention", [PAPER, TIMM], ids=lambda c: c.name)
def test_a_few_steps_lower_the_loss(convention):
    torch.manual_seed(0)
    arch = convention.architecture(4, alpha=0.25, resolution=33)
    net = MobileNet(arch, convention).train()
    labels = torch.arange(8) % 4
    x = images(8, 3, 33, 33) + 2 * torch.eye(4)[labels, :3, None, None]  # a class is a colour
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), labels)
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(4), abs=0.1)  # fresh logits are near 0
    assert losses[-1] < 0.5 * losses[0]


# --- Feature maps -----------------------------------------------------------------------------


@pytest.mark.slow
@by_name
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("resolution", [32, 33, 70, 97])
def test_feature_maps_have_the_sizes_of_the_architecture(convention, body, resolution):
    arch = convention.architecture(7, alpha=0.25, resolution=resolution, body=body)
    with torch.device("meta"):
        net = MobileNet(arch, convention).eval()
        maps = net.feature_maps(torch.empty(2, 3, resolution, resolution))
    assert list(maps) == [layer.name for layer in arch.layers]
    for layer in arch.layers[:-1]:
        size = (layer.out_size, layer.out_size)
        assert maps[layer.name].shape == (2, layer.out_channels, *size), layer.name
    assert maps["fc"].shape == (2, 7)


def test_feature_maps_by_name_come_in_the_networks_order():
    net, x = small(), images(2, 3, 32, 32)
    chosen = net.feature_maps(x, ["fc", "pw_3", "conv_0"])
    every = net.feature_maps(x)
    assert list(chosen) == ["conv_0", "pw_3", "fc"]
    for name, feature in chosen.items():
        assert torch.equal(feature, every[name])
    assert torch.equal(chosen["fc"], net(x))
    block = net.dw_1(every["conv_0"])
    assert torch.equal(every["dw_1"], block)
    assert net.feature_maps(x, []) == {}


def test_an_unknown_feature_map_is_answered_with_the_names_there_are():
    with pytest.raises(KeyError) as caught:
        small().feature_maps(images(1, 3, 32, 32), ["pw_1", "pw_99"])
    message = str(caught.value)
    for word in ("'pw_99'", "conv_0", "dw_1", "pw_13", "fc"):
        assert word in message


def test_other_sizes_than_the_architectures_work():
    net = small(resolution=32)
    for height, width in ((64, 64), (33, 97), (1, 1)):
        assert net(images(2, 3, height, width)).shape == (2, 5)


# --- Formats, compilers, export ---------------------------------------------------------------


@by_name
def test_channels_last_gives_the_same_logits(convention):
    net, x = small(convention), images(2, 3, 47, 64)
    expected = net(x)
    last = copy.deepcopy(net).to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x), expected, rtol=1e-4, atol=1e-4)
    for feature in last.feature_maps(x, ["conv_0", "dw_2", "pw_5"]).values():
        assert feature.is_contiguous(memory_format=torch.channels_last)  # no layer turns it back


SIZES = [(2, 3, 64, 64), (1, 3, 47, 64), (3, 3, 97, 96), (2, 3, 33, 33)]


@pytest.mark.slow
def test_compile_makes_one_graph_for_all_sizes():
    torch._dynamo.reset()
    net = small(PAPER, body="shallow")
    compiled = torch.compile(net, backend="eager", fullgraph=True, dynamic=True)
    x = images(2, 3, 64, 64)
    torch.testing.assert_close(compiled(x), net(x))
    with torch.compiler.set_stance("fail_on_recompile"):
        x = images(4, 3, 47, 47)
        torch.testing.assert_close(compiled(x), net(x))
    torch._dynamo.reset()


@pytest.fixture(scope="module")
def exported():
    """A network and its export with the batch and both sides left open."""
    # torch.export takes a side of 1 for a special case, so the last map must have at least 2.
    net, dim = small(TF_SLIM, body="shallow"), torch.export.Dim
    sizes = {0: dim("batch"), 2: dim("height", min=33), 3: dim("width", min=33)}
    program = torch.export.export(net, (images(2, 3, 64, 65),), dynamic_shapes={"x": sizes})
    return net, program


@pytest.mark.slow
def test_export_with_open_sizes_equals_eager(exported):
    net, program = exported
    module = program.module()
    for shape in SIZES:
        x = images(*shape)
        torch.testing.assert_close(module(x), net(x), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_onnx_with_open_sizes_equals_eager(exported, tmp_path):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason=f"needs the export extra ({package})")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the export extra (onnxruntime)")
    net, program = exported
    path = tmp_path / "mobilenet.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    assert [isinstance(size, int) for size in entry.shape] == [False, True, False, False]
    for shape in SIZES:
        x = images(*shape)
        expected = net(x).detach().numpy()
        (logits,) = session.run(None, {entry.name: x.numpy()})
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


# --- Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 32, 32, 3), (2, 4, 32, 32)])
def test_an_input_of_another_shape_is_named(shape):
    message = rf"\(B, 3, H, W\); got {re.escape(str(shape))}$"
    net = small()
    for call in (net, net.feature_maps):
        with pytest.raises(ValueError, match=message):
            call(torch.zeros(shape))


@pytest.mark.parametrize(
    ("alpha", "rule", "convention", "message"),
    [
        (0.35, "paper", TIMM, r"timm .* conv_0 16 .* alpha 0\.35, .* has 11; .*'divisible8'"),
        (0.1, "paper", TF_SLIM, r"tf-slim .* conv_0 8 .* alpha 0\.1, .* has 3; .*'min8'"),
        (0.35, "divisible8", KERAS, r"keras .* conv_0 11 .* has 16; .*'paper'"),
    ],
)
def test_a_width_that_the_convention_would_not_give_is_refused(alpha, rule, convention, message):
    arch = mobilenet_v1(alpha, width_rule=rule)
    with pytest.raises(ValueError, match=message) as caught:
        MobileNet(arch, convention)
    advice = f"mobilenet_v1(..., width_rule={convention.width_rule!r})"
    assert advice in str(caught.value)
    with torch.device("meta"):
        MobileNet(mobilenet_v1(alpha, width_rule=convention.width_rule), convention)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "gelu"}, "activation must be one of relu, relu6; got 'gelu'"),
        ({"padding": "valid"}, "padding must be one of same, symmetric, keras; got 'valid'"),
        ({"width_rule": "nearest"}, "width_rule must be .* paper, min8, divisible8; got 'nearest'"),
    ],
)
def test_a_convention_that_there_is_not_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PAPER, **change)


def test_a_convention_of_ones_own():
    mine = Convention("mine", "relu6", "symmetric", 1e-4, 0.05, "divisible8", 10, 0.2)
    net = MobileNet(mine.architecture(alpha=0.35, resolution=64), mine)
    assert net.fc.out_features == 10
    assert net.conv_0.conv.out_channels == 16
    assert (net.conv_0.bn.eps, net.conv_0.bn.momentum, net.dropout.p) == (1e-4, 0.05, 0.2)
