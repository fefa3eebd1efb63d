"""The book's own kernels: the same as torch's layers, and absent where nothing compiles them."""

import copy
import pickle
import re
from dataclasses import replace

import pytest
import torch
from tiny_training import tiny, write_images
from torch import nn

from mobilenet_lib.convention import PAPER, TIMM
from mobilenet_lib.model import ConvBNReLU, MobileNet
from mobilenet_lib.process import threads
from mobilenet_lib.train import Trainer, choose_plan, kernels, native, trial
from mobilenet_lib.train.plan import apply_plan, to_layout

CPU = torch.device("cpu")
PLAN, ROUNDED = "kernels-fp32", "kernels-bf16-gemm"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where this file's kernels are compiled to, once; in a folder whose name has a space."""
    return tmp_path_factory.mktemp("own kernels")


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv(native.CACHE_VARIABLE, str(folder))
    with threads(1):
        yield
    native._found.cache_clear()  # what a test did to it


def maps(*shape, dtype=torch.float32, **options):
    x = torch.randn(shape, **options).to(dtype)
    return x.contiguous(memory_format=torch.channels_last).requires_grad_()


def block(channels, act=None, **options):
    """A block of which only batch normalization and ReLU count, with numbers of its own in each."""
    arch = PAPER.architecture(10, alpha=0.25, resolution=32)
    own = ConvBNReLU(arch.layers[1], PAPER)
    own.bn, own.act = nn.BatchNorm2d(channels, **options), act or nn.ReLU()
    for number, part in enumerate((*own.bn.parameters(), own.bn.running_mean, own.bn.running_var)):
        part.data = torch.linspace(-1, 2 + number, channels).abs() + 0.1
    return own


def results(own, x, upstream, compute):
    y = compute(x)
    grads = torch.autograd.grad(y, (x, *own.bn.parameters()), upstream.to(y.dtype))
    return [y.detach(), *grads, *own.bn.buffers()]


def ours(own, x, upstream):
    return results(own, x, upstream, lambda x: kernels.normalize(own, x))


def torchs(own, x, upstream):
    """What torch makes of the same numbers, in fp64."""
    exact = copy.deepcopy(own).double()
    x64 = x.detach().double().requires_grad_()
    return results(exact, x64, upstream.double(), lambda x: exact.act(exact.bn(x)))


def compare(got, wanted, tolerance):
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        assert a.shape == b.shape, number
        off = (a.double() - b).norm() / b.double().norm().clamp(min=1e-3)
        assert off <= tolerance, (number, off)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("shape", "act", "options"),
    [
        ((2, 1, 1, 1), nn.ReLU(), {}),
        ((1, 3, 2, 1), nn.ReLU(), {"momentum": None}),
        ((3, 17, 5, 7), nn.ReLU6(), {"eps": 0.1, "momentum": 0.7}),
        ((64, 1024, 1, 1), nn.ReLU(), {}),
        ((5, 33, 31, 30), nn.ReLU6(), {}),  # of several threads
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_normalization_with_relu_is_torchs(dtype, shape, act, options, count):
    """Output, all gradients, and the running statistics, also of a second batch."""
    torch.manual_seed(0)
    own = block(shape[1], act, **options)
    with threads(count):
        for _ in range(2):
            x = maps(*shape, dtype=dtype)
            upstream = (1 + torch.randn(shape)).to(dtype)
            assert kernels.normalizes(own, x)
            wanted = torchs(own, x, upstream)
            before = copy.deepcopy(own)
            got, again = ours(own, x, upstream), ours(before, x, upstream)
            assert got[0].dtype == got[1].dtype == dtype
            assert got[0].is_contiguous(memory_format=torch.channels_last)
            assert all(map(torch.equal, got, again)), "the same each time"
            # Of two numbers, or four, the gradients nearly cancel.
            few = x.numel() // shape[1] < 4
            compare(
                got[:1] + got[4:], wanted[:1] + wanted[4:], 1e-5 if dtype.itemsize > 2 else 4e-3
            )
            if not few:
                compare(got[1:4], wanted[1:4], 1e-4 if dtype.itemsize > 2 else 4e-3)


@pytest.mark.usefixtures("compiled")
def test_the_variance_around_a_large_mean_is_not_lost():
    """In fp32, the mean of squares is 1e8 and its last digit 8, for a variance of 0.01."""
    torch.manual_seed(0)
    x = (1e4 + 0.1 * torch.randn(8, 5, 9, 9)).contiguous(memory_format=torch.channels_last)
    x, own = x.requires_grad_(), block(5, eps=1e-12)
    wanted = torchs(own, x, torch.ones_like(x))
    y = kernels.normalize(own, x)
    compare([y.detach(), own.bn.running_var], [wanted[0], wanted[-2]], 5e-3)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_no_number_is_not_hidden(dtype):
    """A channel with a NaN or an infinity has NaN where torch has; the others are as ever."""
    torch.manual_seed(0)
    x, own = maps(4, 19, 3, 3, dtype=dtype).detach(), block(19)
    for channel, value in ((2, torch.nan), (5, torch.inf), (18, -torch.inf)):
        x[1, channel, 2, 0] = value
    x.requires_grad_()
    upstream = torch.ones_like(x)
    wanted = torchs(own, x, upstream)
    got = ours(own, x, upstream)
    for part, exact in zip(got[:2], wanted[:2], strict=True):
        assert torch.equal(part.isnan(), exact.isnan())
        assert part.isnan().any()
    kept = [0, 1, 3, 4, *range(6, 18)]
    compare([got[0][:, kept]], [wanted[0][:, kept]], 4e-3)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
def test_a_programs_default_dtype_changes_nothing(default):
    x, own = maps(2, 5, 4, 4, dtype=torch.bfloat16), block(5)
    before, other = torch.get_default_dtype(), copy.deepcopy(own)
    wanted = ours(own, x, torch.ones_like(x))
    torch.set_default_dtype(default)
    try:
        got = ours(other, x, torch.ones_like(x))
    finally:
        torch.set_default_dtype(before)
    assert all(map(torch.equal, got, wanted))


@pytest.mark.usefixtures("compiled")
def test_bf16_is_rounded_as_torch_rounds():
    """From the middle to the even one; and a NaN of which all bits are set stays one."""
    own, step = block(5), 2.0**-8
    own.bn.weight.data.zero_()  # so that the outputs are what is added
    nan = torch.tensor([2**31 - 1], dtype=torch.int32).view(torch.float32)
    own.bn.bias.data = torch.tensor([1 + step, 1 + 3 * step, 1 + step + step**2, 3.1, nan.item()])
    own.bn.bias.data[4:] = nan
    y = kernels.normalize(own, maps(2, 5, 1, 1, dtype=torch.bfloat16))
    assert (
        y[0, :4, 0, 0].tolist()
        == own.bn.bias[:4].bfloat16().tolist()
        == [1, 1 + 4 * step, 1 + 2 * step, 3.09375]
    )
    assert y[0, 4].isnan().all()


def hooked(own):
    own.act.register_forward_hook(lambda *_: None)


OTHERS = {
    "in evaluation": lambda own: own.eval(),
    "of double precision": lambda own: own.double(),
    "a hook looks between": hooked,
    "without running statistics": lambda own: setattr(
        own, "bn", nn.BatchNorm2d(4, track_running_stats=False)
    ),
    "statistics that do not follow": lambda own: setattr(own.bn, "track_running_stats", False),
    "without weights": lambda own: setattr(own, "bn", nn.BatchNorm2d(4, affine=False)),
    "several processes": lambda own: setattr(own, "bn", nn.SyncBatchNorm(4)),
    "another activation": lambda own: setattr(own, "act", nn.SiLU()),
}


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("why", OTHERS)
def test_the_rest_is_torchs(why):
    own = block(4)
    x = maps(2, 4, 3, 3)
    assert kernels.normalizes(own, x)
    assert not kernels.normalizes(own, x.contiguous())
    assert not kernels.normalizes(own, maps(1, 4, 1, 1))
    OTHERS[why](own)
    assert not kernels.normalizes(own, x)
    if why not in ("several processes", "of double precision"):
        wanted = copy.deepcopy(own)
        assert torch.equal(kernels.normalize(own, x), wanted.act(wanted.bn(x)))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("convention", [PAPER, TIMM], ids=lambda c: c.name)
def test_a_network_with_kernels_is_copied_kept_and_given_another_plan(convention):
    torch.manual_seed(0)
    arch = convention.architecture(5, alpha=0.25, resolution=32)
    net = MobileNet(arch, replace(convention, dropout=0.0), bn_shift=1.0).train()
    x = to_layout(torch.randn(4, 3, 32, 32), PLAN)
    plain = copy.deepcopy(net)
    apply_plan(net, PLAN)
    others = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.deepcopy(net)]
    apply_plan(others[2], "fp32")
    for other, kept in zip([net, *others], [True, True, True, False], strict=True):
        assert all(("forward" in vars(b)) == kept for b in other.children() if hasattr(b, "bn"))
        assert ("_layers" in vars(other)) == kept
    logits = net(x)
    for other in others:
        torch.testing.assert_close(other(x), logits, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(plain(x), logits, rtol=1e-3, atol=1e-3)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("changes", [{}, {"accumulate": True}, {"freeze_statistics": True}])
@pytest.mark.parametrize("plan", [PLAN, ROUNDED])
def test_training_with_kernels_is_training(plan, changes, tmp_path, monkeypatch):
    images = write_images(tmp_path / "images.parquet")
    used = []
    own = kernels.Batch.run
    monkeypatch.setattr(
        kernels.Batch, "run", lambda *given, **maps: used.append(given[1]) or own(*given, **maps)
    )
    monkeypatch.setattr(choose_plan, "has_bf16", lambda device: True)
    plain, ours = (Trainer(tiny(images, plan=name, **changes)) for name in ("fp32", plan))
    for _ in range(3):
        near = 1e-3 if plan == PLAN else 3e-2
        assert ours.step().loss == pytest.approx(plain.step().loss, rel=near)
    assert (len(used) == 0) == ("freeze_statistics" in changes)
    assert ours.evaluate() == pytest.approx(plain.evaluate(), abs=0.1)


# --- Where there are none ----------------------------------------------------------------------


def script(path, lines):
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("compiler", "why"),
    [
        (None, "no C\\+\\+ compiler was found"),
        ("'half a quote", "no C\\+\\+ compiler was found"),
        (
            '[ -n "$2" ] && echo error: broken >&2 && exit 1; echo 1.0',
            "failed, and said: error: broken",
        ),
        (
            'for last; do :; done; echo half > "$last" 2>/dev/null',
            "cannot be loaded: .*file too short",
        ),
        ('[ -n "$2" ] && kill -9 $$; echo 1.0', "failed, and said: nothing"),
    ],
)
def test_without_a_working_compiler_the_plans_are_not_there(compiler, why, tmp_path, monkeypatch):
    native._found.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(native.CACHE_VARIABLE, str(tmp_path / "cache"))
    if compiler is None:
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        own = compiler if compiler.startswith("'") else script(tmp_path / "c++", compiler)
        monkeypatch.setenv("CXX", own)
    with pytest.raises(native.NoKernels, match=why):
        native.library()
    assert not list(tmp_path.rglob("*.so"))
    recipe = tiny("x", plan="auto")
    choice = choose_plan.measure(recipe, CPU, 4)
    assert not any("kernels" in name for name in choice.milliseconds)
    assert re.search(f"; without kernels: .*{why}", choice.reason)
    assert not choose_plan.cache_key(recipe, CPU, 4)["kernels"]
    with pytest.raises(ValueError, match=f"plan {PLAN} takes kernels, and .*{why}"):
        choose_plan.choose(tiny("x", plan=PLAN), CPU)


@pytest.mark.usefixtures("compiled")
def test_a_damaged_library_is_compiled_anew(folder, tmp_path, monkeypatch):
    (kept,) = folder.glob("*.so")
    content = kept.read_bytes()
    (tmp_path / kept.name).write_bytes(content[:1000])
    monkeypatch.setenv(native.CACHE_VARIABLE, str(tmp_path))
    native._found.cache_clear()
    native.library()
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    assert (tmp_path / kept.name).stat().st_size == len(content)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("plan", [PLAN, ROUNDED])
def test_a_wrong_kernel_is_not_chosen(plan, monkeypatch):
    own = kernels.Batch.run

    def wrong(batch, way, x, **maps):
        own(batch, way, x, **maps)
        batch.table *= 1.1

    monkeypatch.setattr(kernels.Batch, "run", wrong)
    trials = [trial.Trial(tiny("x"), CPU, name, 4) for name in ("fp32", plan)]
    assert not trials[1].agrees(trials[0])
    monkeypatch.undo()
    assert trials[1].agrees(trials[0])
