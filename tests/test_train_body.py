"""All layers in one function: the same as torch's, one after the other, whatever their shapes."""

import copy
import weakref

import pytest
import torch
from tiny_training import tiny
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mobilenet_lib.convention import PAPER, TIMM
from mobilenet_lib.layer import Layer
from mobilenet_lib.model import ConvBNReLU, MobileNet
from mobilenet_lib.process import threads
from mobilenet_lib.train import kernels, trial
from mobilenet_lib.train.body import _Convolution, body, takes_body
from mobilenet_lib.train.plan import apply_plan, to_layout

pytestmark = pytest.mark.usefixtures("compiled")

CPU = torch.device("cpu")
PLAN = "kernels-fp32"


def chain(start, *layers, act=nn.ReLU):
    """Blocks whose first one is there for its normalization: (channels, stride), stride 0 a 1x1."""
    kinds = [("pointwise", start, start, 1)]
    for channels, stride in layers:
        kinds.append(("depthwise" if stride else "pointwise", start, channels, stride or 1))
        start = channels
    blocks = []
    for number, (kind, before, after, stride) in enumerate(kinds):
        size = 3 if kind == "depthwise" else 1
        block = ConvBNReLU(Layer(f"l{number}", kind, size, stride, before, after, 9, 9), TIMM)
        block.bn, block.act = nn.BatchNorm2d(after, eps=1e-3, momentum=0.3), act()
        for part in (*block.bn.parameters(), block.bn.running_mean, block.bn.running_var):
            part.data.uniform_(0.2, 1.2)
        blocks.append(block)
    return nn.ModuleList(blocks).train()


def one_after_the_other(blocks, x):
    x = blocks[0].act(blocks[0].bn(x))
    for block in blocks[1:]:
        x = block(x)
    return x


def maps(*shape):
    x = 0.5 + torch.randn(shape)
    return x.contiguous(memory_format=torch.channels_last).requires_grad_()


def results(blocks, x, upstream, compute):
    y = compute(blocks, x)
    inputs = [x, *(p for n, p in blocks.named_parameters() if n != "0.conv.weight")]
    return [y.detach(), *torch.autograd.grad(y, inputs, upstream), *blocks.buffers()]


SHAPES = {
    "a pixel each": ((3, 5, 1, 1), [(5, 1), (7, 0), (7, 2), (2, 0)]),
    "one image": ((1, 3, 5, 4), [(3, 2), (40, 0), (40, 1)]),
    "one channel": ((2, 1, 3, 1), [(1, 0), (2, 0), (2, 1)]),
    "no layer": ((2, 6, 3, 3), []),
    "odd": ((3, 17, 7, 10), [(17, 2), (33, 0), (33, 2), (65, 0), (65, 1), (31, 0)]),
    "even": ((2, 32, 8, 6), [(32, 2), (64, 0), (64, 1), (128, 0), (128, 2), (96, 0)]),
    "wide": ((5, 70, 2, 2), [(70, 2), (1030, 0)]),  # fewer pixels than rows of a tile
    "deep": ((2, 1030, 3, 3), [(1030, 1), (9, 0)]),
    "many weights": ((2, 400, 3, 3), [(410, 0)]),  # more than each thread has sums for
    "many pixels": ((9, 48, 40, 40), [(48, 1), (24, 0), (24, 2), (16, 0)]),  # in several blocks
}


@pytest.mark.parametrize("count", [1, 4])  # four threads begin in the midst of an image
@pytest.mark.parametrize("act", [nn.ReLU, nn.ReLU6])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_what_layers_do_one_after_the_other(shape, act, count, monkeypatch):
    """Outputs, all gradients and running statistics, against fp64."""
    monkeypatch.setattr(kernels, "SHARE", 1)  # as many threads as there are, for any map
    torch.manual_seed(0)
    size, layers = SHAPES[shape]
    x, blocks = maps(*size), chain(size[1], *layers, act=act)
    exact, again = copy.deepcopy(blocks).double(), copy.deepcopy(blocks)
    x64 = x.detach().double().requires_grad_()
    assert takes_body(blocks, x, torch.float32)
    with threads(count):
        upstream = torch.randn(one_after_the_other(copy.deepcopy(blocks), x).shape)
        given = upstream.contiguous(memory_format=torch.channels_last)
        got = results(blocks, x, given, lambda blocks, x: body(blocks, x, False))
        same = results(again, x, upstream, lambda blocks, x: body(blocks, x, False))
    assert torch.equal(given, upstream), "the gradient that came is somebody else's"
    assert all(map(torch.equal, got, same)), "the same each time"
    assert got[0].is_contiguous(memory_format=torch.channels_last)
    wanted = results(exact, x64, upstream.double(), one_after_the_other)
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        off = (a.double() - b).norm() / b.double().norm().clamp(min=0.1)
        assert a.shape == b.shape
        assert off < 1e-4, (number, off)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_in_bf16_it_is_the_same_rounded(shape, count, monkeypatch):
    """Where no rounding takes a number through ReLU: each channel is on one side of it."""
    monkeypatch.setattr(kernels, "SHARE", 1)
    torch.manual_seed(0)
    size, layers = SHAPES[shape]
    x, blocks = maps(*size).detach().bfloat16().requires_grad_(), chain(size[1], *layers)
    for block in blocks:
        nn.init.constant_(block.bn.weight, 0.5)
        block.bn.bias.data.fill_(3.0)[1::2] = -3.0
    exact = copy.deepcopy(blocks).double()
    x64 = x.detach().double().requires_grad_()
    assert takes_body(blocks, x, torch.bfloat16)
    with threads(count):
        upstream = 1 + torch.randn(one_after_the_other(copy.deepcopy(exact), x64).shape)
        upstream = upstream.bfloat16()
        got = results(blocks, x, upstream, lambda blocks, x: body(blocks, x, False))
    wanted = results(exact, x64, upstream.double(), one_after_the_other)
    assert got[0].dtype == got[1].dtype == torch.bfloat16
    few = upstream[:, 0].numel()  # of few numbers, gradients nearly cancel
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        off = (a.double() - b).norm() / b.double().norm().clamp(min=few**0.5)
        assert a.shape == b.shape
        assert off < 0.1, (number, off)


def test_turned_filters_are_those_of_turned_maps():
    torch.manual_seed(0)
    blocks, x = chain(6, (6, 1), (8, 0), (8, 1)), maps(3, 6, 5, 7)
    upstream = torch.randn(3, 8, 5, 7)
    straight = results(copy.deepcopy(blocks), x, upstream, lambda b, x: body(b, x, False))
    flip = lambda blocks, x: body(blocks, x.flip(2, 3), True).flip(2, 3)  # noqa: E731
    turned = results(copy.deepcopy(blocks), x, upstream, flip)
    for a, b in zip(turned, straight, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_gradients_may_be_taken_twice_and_only_those_that_are_wanted():
    torch.manual_seed(0)
    blocks, x = chain(6, (6, 2), (8, 0), (8, 1)), maps(3, 6, 5, 7)
    blocks[1].conv.weight.requires_grad_(False)
    blocks[2].bn.bias.requires_grad_(False)
    y = body(blocks, x, False)
    seen = []
    own = _Convolution.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _Convolution,
            "run",
            lambda layer, way, weight, x, y, wanted, **maps: (
                seen.append(wanted) or own(layer, way, weight, x, y, wanted, **maps)
            ),
        )
        y.sum().backward(retain_graph=True)
    assert seen == [True, True, False]
    first = {name: part.grad.clone() for name, part in blocks.named_parameters() if name in GRADS}
    (3 * y).sum().backward()
    for name, part in blocks.named_parameters():
        assert (part.grad is not None) == (name in GRADS)
        if name in GRADS:
            torch.testing.assert_close(part.grad, 4 * first[name])


GRADS = {
    *("2.conv.weight", "3.conv.weight", "0.bn.weight", "0.bn.bias", "1.bn.weight", "1.bn.bias"),
    *("2.bn.weight", "3.bn.weight", "3.bn.bias"),
}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_no_number_is_not_hidden(value):
    torch.manual_seed(0)
    blocks, x = chain(20, (20, 1), (8, 0)), maps(4, 20, 6, 6).detach()
    x[1, 3, 2, 0] = value
    y = body(blocks, x, False)
    assert torch.equal(y.isnan(), one_after_the_other(blocks, x).isnan())
    assert y.isnan().all()


def conv(*sizes, **options):
    return nn.Conv2d(*sizes, **{"bias": False} | options)


def turned_around(layer):
    layer.weight.data = layer.weight.data.flatten(1).T.contiguous().T.reshape(layer.weight.shape)
    assert not layer.weight.is_contiguous()


OTHERS = {
    "in evaluation": lambda b: b[1].eval(),
    "statistics that do not follow": lambda b: setattr(b[1].bn, "track_running_stats", False),
    "of double precision": lambda b: b[2].bn.double(),
    "a weight of double precision": lambda b: b[2].conv.double(),
    "a weight that lies otherwise": lambda b: turned_around(b[2].conv),
    "a hook looks at a block": lambda b: b[1].register_forward_hook(print),
    "a hook looks at the first": lambda b: b[0].register_forward_pre_hook(print),
    "a hook looks at a convolution": lambda b: b[2].conv.register_forward_hook(print),
    "a hook looks at a ReLU": lambda b: b[2].act.register_full_backward_hook(print),
    "a block does something else": lambda b: setattr(b[1], "forward", print),
    "a convolution does something else": lambda b: setattr(b[1].conv, "forward", print),
    "a ReLU does something else": lambda b: setattr(b[1].act, "forward", print),
    "no padding": lambda b: setattr(b[1].conv, "padding", (0, 0)),
    "padding that reflects": lambda b: setattr(b[1].conv, "padding_mode", "reflect"),
    "a padded point": lambda b: setattr(b[2].conv, "padding", (1, 1)),
    "a copied map": lambda b: setattr(b[1], "pads", True),
    "larger filters": lambda b: setattr(b[1], "conv", conv(6, 6, 5, 1, 1, groups=6)),
    "several filters a channel": lambda b: setattr(b[1], "conv", conv(6, 12, 3, 1, 1, groups=6)),
    "a bias": lambda b: setattr(b[2], "conv", conv(6, 8, 1, bias=True)),
    "groups": lambda b: setattr(b[2], "conv", conv(6, 8, 1, groups=2)),
    "filters apart": lambda b: setattr(b[1].conv, "dilation", (2, 2)),
    "longer steps": lambda b: setattr(b[1].conv, "stride", (3, 3)),
    "steps of a block that are not its convolution's": lambda b: setattr(
        b[1].conv, "stride", (2, 2)
    ),
    "a pointwise layer that skips pixels": lambda b: (
        setattr(b[2].conv, "stride", (2, 2)),
        setattr(b[2], "stride", 2),
    ),
    "a standard convolution": lambda b: setattr(b[2], "conv", conv(6, 8, 3, 1, 1)),
    "filters in a pointwise block": lambda b: setattr(b[2], "conv", conv(6, 6, 3, groups=6)),
    "too many inputs": lambda b: setattr(b[2], "conv", conv(7, 8, 1)),
    "too few inputs": lambda b: setattr(b[2], "conv", conv(5, 8, 1)),
    "a normalization too narrow": lambda b: setattr(b[2], "bn", nn.BatchNorm2d(7)),
    "a first normalization too narrow": lambda b: setattr(b[0], "bn", nn.BatchNorm2d(5)),
    "parts of a weight": lambda b: nn.utils.parametrizations.weight_norm(b[2].conv),
    "another convolution": lambda b: setattr(b[2], "conv", LazyConvolution(6, 8, 1)),
    "another layer": lambda b: b.insert(2, nn.Identity()),
}


class LazyConvolution(nn.Conv2d):
    """One that torch knows, and we do not."""


@pytest.mark.parametrize("why", OTHERS)
def test_the_rest_is_torchs(why):
    blocks, x = chain(6, (6, 1), (8, 0)), maps(3, 6, 5, 7)
    assert takes_body(blocks, x, torch.float32)
    assert not takes_body(blocks, x.contiguous(), torch.float32)
    assert not takes_body(blocks, x.bfloat16(), torch.float32)
    assert takes_body(blocks, x.bfloat16(), torch.bfloat16)
    assert not takes_body(blocks, x, torch.bfloat16)
    assert not takes_body(blocks, maps(0, 6, 5, 7), torch.float32)
    assert not takes_body(blocks, maps(3, 5, 5, 7), torch.float32)
    assert not takes_body(blocks, Other(x.detach()), torch.float32)
    assert not takes_body(chain(6, (6, 2)), maps(1, 6, 2, 2), torch.float32), "one pixel is left"
    OTHERS[why](blocks)
    assert not takes_body(blocks, x, torch.float32)


class Other(torch.Tensor):
    """A tensor that may keep its numbers elsewhere."""


def test_who_looks_at_all_modules_or_operations_sees_them():
    blocks, x = chain(6, (6, 1), (8, 0)), maps(3, 6, 5, 7)
    watch = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert not takes_body(blocks, x, torch.float32)
    watch.remove()
    assert takes_body(blocks, x, torch.float32)
    with TorchDispatchMode():
        assert not takes_body(blocks, x, torch.float32)


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
def test_a_programs_default_dtype_changes_nothing(default):
    torch.manual_seed(0)
    blocks, x = chain(6, (6, 1), (8, 0)), maps(3, 6, 5, 7)
    upstream = torch.randn(3, 8, 5, 7)
    compute = lambda blocks, x: body(blocks, x, False)  # noqa: E731
    wanted = results(copy.deepcopy(blocks), x, upstream, compute)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        got = results(blocks, x, upstream, compute)
    finally:
        torch.set_default_dtype(before)
    assert all(map(torch.equal, got, wanted))


def test_maps_may_be_kept_elsewhere_meanwhile():
    """As `save_on_cpu` does with pinned memory: they come back in another layout."""
    torch.manual_seed(0)
    blocks, x = chain(6, (6, 1), (8, 0)), maps(3, 6, 5, 7)
    y = body(blocks, x, False)
    wanted = torch.autograd.grad(y.square().sum(), x)
    with torch.autograd.graph.saved_tensors_hooks(torch.Tensor.contiguous, lambda kept: kept):
        y = body(blocks, x, False)
    torch.testing.assert_close(torch.autograd.grad(y.square().sum(), x), wanted)


def test_maps_are_kept_for_gradients_only():
    """And with them weights, so that one that is changed before they are taken is noticed."""
    blocks, x = chain(6, (6, 1), (8, 0), (8, 1), (7, 0)), maps(3, 6, 5, 7)
    made, alive = [], []
    own = _Convolution.run

    def run(layer, way, weight, x, y, *given, **maps):
        made.append(weakref.ref(y))
        alive.append(sum(map_() is not None for map_ in made))
        return own(layer, way, weight, x, y, *given, **maps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Convolution, "run", run)
        y = body(blocks, x, False)
        assert alive == [1, 2, 3, 4]
        made.clear(), alive.clear()
        with torch.no_grad():
            assert not body(blocks, x, False).requires_grad
    assert alive == [1, 2, 2, 2]
    with torch.no_grad():
        blocks[2].conv.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("at", [None, "conv_0", "dw_7", "pw_7.bn"])
def test_a_network_takes_it_unless_somebody_looks_inside(at, monkeypatch):
    torch.manual_seed(0)
    net = MobileNet(PAPER.architecture(5, alpha=0.25, resolution=32), PAPER).train()
    x, seen, looked = to_layout(torch.randn(4, 3, 32, 32), PLAN), [], []
    apply_plan(net, PLAN)
    if at:
        net.get_submodule(at).register_forward_hook(lambda *_: looked.append(1))
    own = _Convolution.run
    monkeypatch.setattr(_Convolution, "run", lambda *a, **k: seen.append(a[1]) or own(*a, **k))
    net(x).sum().backward()
    assert seen == ([] if at else ["forward"] * 26 + ["backward"] * 26)
    assert len(looked) == bool(at)
    seen.clear()
    net.feature_maps(x)
    net.eval()(x)
    assert seen == []


def test_a_network_of_another_kind_goes_its_own_way():
    class Mine(MobileNet):
        def _layers(self, x, kept):
            self.called = True
            return super()._layers(x, kept)

    net = Mine(PAPER.architecture(5, alpha=0.25, resolution=32), PAPER).train()
    apply_plan(net, PLAN)
    net(to_layout(torch.randn(4, 3, 32, 32), PLAN))
    assert net.called
    assert not net.turned


@pytest.mark.parametrize("plan", [PLAN, "kernels-bf16-gemm"])
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("kind", ["depthwise", "pointwise"])
def test_a_wrong_layer_is_not_chosen(kind, way, plan, monkeypatch):
    own = _Convolution.run

    def wrong(layer, of, weight, x, y, wanted=False, **given):
        for_weight = own(layer, of, weight, x, y, wanted, **given)
        if of == way and (weight.shape[2] > 1) == (kind == "depthwise"):
            (y if way == "forward" else given["for_x"]).mul_(1.3)
        return for_weight

    trials = [trial.Trial(tiny("x"), CPU, name, 4) for name in ("fp32", plan)]
    assert trials[1].agrees(trials[0])
    monkeypatch.setattr(_Convolution, "run", wrong)
    assert not trials[1].agrees(trials[0])
