"""Plans of layout and precision: that they compute the same, and how one is chosen."""

import copy
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny_training import tiny, write_images
from torch.nn.grad import conv2d_weight
from torch.optim.swa_utils import AveragedModel
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import cli, files, machine
from mobilenet_lib.bench import training
from mobilenet_lib.convention import KERAS, PAPER, TIMM
from mobilenet_lib.model import MobileNet, kind
from mobilenet_lib.process import threads
from mobilenet_lib.timing import Timing
from mobilenet_lib.train import Trainer, choose_plan, native, trial
from mobilenet_lib.train.choose_plan import Choice, choose, decide
from mobilenet_lib.train.depthwise import depthwise, input_gradient
from mobilenet_lib.train.optimizers import make_optimizer
from mobilenet_lib.train.plan import KINDS, PLANS, apply_plan, to_layout
from mobilenet_lib.train.recipe import PLANS as NAMES

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MOBILENET_CACHE", str(tmp_path / "cache"))
    with threads(1):
        yield


def network(convention=PAPER, resolution=64):
    torch.manual_seed(0)
    arch = convention.architecture(10, alpha=0.25, resolution=resolution)
    convention = replace(convention, dropout=0.0)  # nothing by chance
    return MobileNet(arch, convention, bn_shift=1.0)  # at 0, layers make rounding larger


class Turned:
    """A block's padding and convolution, on maps turned by 180 degrees."""

    def __init__(self, block):
        self.block, self.weight = block, block.conv.weight

    def __call__(self, x):
        return self.block.conv(self.block.padded(x.flip(2, 3))).flip(2, 3)


def test_every_plan_has_a_name_in_the_recipe():
    assert ("auto", *PLANS) == NAMES


def test_every_layer_has_its_kind():
    kinds = [kind(module) for module in network().modules() if kind(module)]
    assert set(kinds) == set(KINDS)
    counted = [kinds.count(name) for name in KINDS]
    assert counted == [1, 13, 13, 1]


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_computes_what_the_plain_network_does(name):
    """Output and gradients of each layer against torch's convolution in fp64.

    On maps turned by 180 degrees, where a network computes on those.
    """
    net, plain = network(), dict(network().named_modules())
    apply_plan(net, name)
    assert net.state_dict().keys() == plain[""].state_dict().keys()
    for layer, module in net.named_modules():
        own = kind(module)
        if own is None:
            continue
        shape = (4, module.in_features) if own == "fc" else (4, module.in_channels, 8, 9)
        x = torch.randn(shape)
        x = x if own == "fc" else to_layout(x, name)
        reference = plain[layer].double()
        if own in ("standard", "depthwise"):
            reference = Turned(plain[layer.rpartition(".")[0]])
        results = []
        for each, dtype in ((module, torch.float32), (reference, torch.float64)):
            start = x.detach().to(dtype).requires_grad_()
            y = each(start)
            upstream = torch.linspace(-1, 1, y.numel()).view_as(y).to(y.dtype)
            results.append([y, *torch.autograd.grad(y, (start, each.weight), upstream)])
        for got, wanted in zip(*results, strict=True):
            error = (got.double() - wanted).norm() / wanted.norm()
            assert error < (0.02 if own in PLANS[name].bf16 else 1e-5), (layer, error)
            assert own not in PLANS[name].bf16 or error > 1e-5, "nothing was rounded to bf16"
        assert results[0][2].dtype == torch.float32, "the weight's gradient"


@pytest.mark.parametrize(
    ("sides", "padding"),
    [
        *(
            ((1, 1), 1),
            ((2, 2), 1),
            ((1, 3), 1),
            ((2, 2), 2),
            ((1, 2), 2),
            ((2, 5), 1),
            ((2, 4), 2),
        ),
        *(((7, 6), 0), ((7, 6), 1), ((9, 9), 0), ((9, 9), 2)),
    ],
)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_rearranged_gradients_are_those_of_torch(sides, padding, stride):
    """Against autograd through torch's own convolution, in fp64."""
    torch.manual_seed(0)
    x = torch.randn(2, 5, *sides, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    wanted = torch.nn.functional.conv2d(x, weight, None, stride, padding, groups=5)
    upstream = torch.randn_like(wanted)
    got = depthwise(x, weight, stride, padding)
    torch.testing.assert_close(got, wanted)
    gradients = (torch.autograd.grad(y, (x, weight), upstream) for y in (got, wanted))
    for ours, torchs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 2])
def test_torch_never_sees_a_map_smaller_than_its_filters(stride, side, monkeypatch):
    """For which it is slow, on CPUs."""
    seen = []

    def spy(x, *arguments, **options):
        seen.append(min(x.shape[2:]))
        return conv2d_weight(x, *arguments, **options)

    monkeypatch.setattr("mobilenet_lib.train.depthwise.conv2d_weight", spy)
    weight = torch.randn(5, 1, 3, 3, requires_grad=True)
    depthwise(torch.randn(2, 5, side, side), weight, stride, 1).sum().backward()
    assert seen == [side + 2]


def test_rearranged_gradients_are_computed_only_where_they_are_asked_for():
    x, weight = torch.randn(1, 2, 5, 5), torch.randn(2, 1, 3, 3, requires_grad=True)
    depthwise(x, weight, 2, 1).sum().backward()
    assert x.grad is None
    assert weight.grad.shape == weight.shape
    with pytest.raises(ValueError, match="padding must be 0 to 2, got 3"):
        depthwise(x, weight, 1, 3)


@pytest.mark.parametrize("name", [name for name in PLANS if not PLANS[name].bf16])
@pytest.mark.parametrize("convention", [PAPER, KERAS, TIMM], ids=lambda c: c.name)
@pytest.mark.parametrize("side", [64, 50])
@pytest.mark.parametrize("training", [False, True])
def test_exact_plans_give_the_plain_networks_logits_and_gradients(name, convention, side, training):
    """Also of the network's average, and after the plan is applied once more."""
    plain, planned = network(convention, side), network(convention, side)
    apply_plan(planned, name)
    apply_plan(planned, name)
    averaged = AveragedModel(planned)
    x = torch.randn(8, 3, side, side)
    for net in (plain, planned, averaged):
        net.train(training)
    logits = [planned(to_layout(x, name)), plain(x)]
    # In training, every BN makes rounding larger.
    close = partial(torch.testing.assert_close, rtol=1e-3, atol=1e-3 if training else 1e-5)
    close(*logits)
    close(averaged(to_layout(x, name)), logits[1])
    planned.eval(), plain.eval()
    maps, wanted = planned.feature_maps(to_layout(x, name)), plain.feature_maps(x)
    for layer, feature in wanted.items():
        torch.testing.assert_close(maps[layer], feature, rtol=1e-3, atol=1e-5)
    for part in logits:
        part.square().sum().backward()
    for (layer, weight), (_, wanted) in zip(
        planned.named_parameters(), plain.named_parameters(), strict=True
    ):
        off = (weight.grad - wanted.grad).norm() / wanted.grad.norm().clamp(min=1e-9)
        assert off < (0.1 if training else 1e-3), layer


@pytest.mark.parametrize("name", PLANS)
def test_depthwise_layers_are_rearranged_where_the_plan_says_so(name, monkeypatch):
    seen = []

    def spy(x, weight, stride, padding):
        seen.append(stride)
        return depthwise(x, weight, stride, padding)

    monkeypatch.setattr("mobilenet_lib.train.plan.depthwise", spy)
    net = network()
    apply_plan(net, name)
    net(to_layout(torch.randn(2, 3, 64, 64), name))
    wanted = PLANS[name].rearranged and not PLANS[name].kernels
    assert len(seen) == 13 * wanted
    assert seen.count(2) == 4 * wanted


def test_a_rearranged_gradient_is_checked_before_it_is_timed(monkeypatch):
    def wrong(*arguments):
        return 1.1 * input_gradient(*arguments)

    monkeypatch.setattr(training, "input_gradient", wrong)
    arch = PAPER.architecture(10, alpha=0.25, resolution=64)
    with pytest.raises(ArithmeticError, match="not what torch says"):
        training.layer_passes(arch, 2, 2, CPU, 0)


def test_sgd_in_one_pass_takes_up_a_checkpoint_of_torchs_own():
    """Checkpoints from before say that it was not fused; either way the steps are the same."""
    recipe = tiny("x", optimizer="sgd", weight_decay=0.01)
    nets = [network(), network()]
    fused = make_optimizer(nets[0], recipe)
    assert all(group["fused"] for group in fused.param_groups)
    plain = make_optimizer(nets[1], recipe)
    for group in plain.param_groups:
        group["fused"] = None
    for number in range(4):
        if number == 2:
            fused.load_state_dict(copy.deepcopy(plain.state_dict()))
            assert not any(group["fused"] for group in fused.param_groups)
        for net, optimizer in zip(nets, (fused, plain), strict=True):
            for p in net.parameters():
                p.grad = torch.linspace(-1, 1, p.numel()).view_as(p)
            optimizer.step()
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_bf16_must_be_clearly_faster():
    little = decide({"nchw-fp32": 9.0, "fp32": 5.0, "bf16": 4.9}, [])
    assert (little.plan, little.reason[-29:]) == ("fp32", "here; bf16 gains less than 3%")
    choice = decide({"nchw-fp32": 9.0, "fp32": 5.0, "pointwise-bf16": 4.0}, ["bf16"])
    assert choice.plan == "pointwise-bf16"
    assert "1.25 times as fast as fp32; bf16 computed something else" in choice.reason
    assert "pointwise-bf16 4 ms" in str(choice)
    assert decide({"nchw-fp32": 4.0, "fp32": 5.0}, []).plan == "nchw-fp32"


def test_a_plan_that_computes_something_else_is_not_chosen(monkeypatch):
    """Even if it were the fastest by far."""
    recipe = tiny("x", plan="auto")
    monkeypatch.setattr(choose_plan, "has_bf16", lambda device: True)

    def interleave(tasks, readings, *rest):
        return {plan: [1e-3 if plan == "bf16" else 1.0] * readings for plan in tasks}

    monkeypatch.setattr(choose_plan, "interleave", interleave)
    assert choose_plan.measure(recipe, CPU, 8).plan == "bf16"
    results = trial.layer_results

    def wrong(layer, x, plan):
        y, dx, *others = results(layer, x, plan)
        return [y, dx, *((1.05 if plan == "bf16" else 1) * other for other in others)]

    monkeypatch.setattr(trial, "layer_results", wrong)
    choice = choose_plan.measure(recipe, CPU, 8)
    assert choice.plan != "bf16"
    assert "bf16 computed something else than fp32" in choice.reason


def test_a_choice_is_measured_once_a_machine_and_size(monkeypatch):
    asked = []
    found = Choice("fp32", "the fastest step measured here", {"fp32": 1.0})
    monkeypatch.setattr(choose_plan, "measure", lambda *given: asked.append(given) or found)
    recipe = tiny("x", plan="auto")
    assert choose(recipe, CPU) == choose(recipe, CPU) == found
    assert len(asked) == 1
    choose(tiny("x", plan="auto", alpha=0.2), CPU)
    choose(tiny("x", plan="auto", batch_size=4), CPU)
    torch.set_num_threads(2)
    choose(recipe, CPU)
    assert len(asked) == 4
    (file, *_) = choose_plan.cache_folder().glob("*.json")
    file.write_text("{half", "utf-8")
    torch.set_num_threads(1)
    for changes in ({}, {"alpha": 0.2}, {"batch_size": 4}):
        choose(tiny("x", plan="auto", **changes), CPU)
    torch.set_num_threads(2)
    choose(recipe, CPU)
    assert len(asked) == 5, "the damaged one is measured anew"
    choose(recipe, CPU, 3)
    choose(recipe, CPU, 8)
    assert [given[2] for given in asked] == [8, 8, 4, 8, asked[4][2], 3]
    choose(tiny("x", plan="auto", freeze_statistics=True), CPU)
    choose(tiny("x", plan="auto", convention="keras"), CPU)
    assert len(asked) == 8
    choose(tiny("x", plan="auto", convention="timm"), CPU)  # takes as long as the paper's
    assert len(asked) == 8


def test_measuring_leaves_no_trace_in_the_random_numbers(monkeypatch):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    choice = choose(tiny("x", plan="auto"), CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert choice.milliseconds[choice.plan] > 0


def test_what_is_tried_is_what_would_run(monkeypatch):
    """Kernels normalize by the batch, and the body pads as all conventions but Keras' do."""
    names = choose_plan.measure(tiny("x", freeze_statistics=True), CPU, 4).milliseconds
    assert names
    assert not any(PLANS[name].kernels for name in names)
    for convention, pads in (("paper", False), ("timm", False), ("keras", True)):
        recipe = tiny("x", convention=convention)
        net = trial.Trial(recipe, CPU, "fp32", 4).net
        assert net.get_submodule("dw_2").pads == pads


def test_trials_share_what_is_large_and_compute_each_by_its_plan(monkeypatch):
    """A dozen networks with gradients, momenta and images would fill the memory."""
    made = []

    class Kept(trial.Trial):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr(choose_plan, "Trial", Kept)
    choose_plan.measure(tiny("x"), CPU, 4)
    assert len(made) > 4
    for name in dict(made[0].net.named_parameters()):
        held = {id(each.net.get_parameter(name)): each.plan for each in made}
        assert len(held) == 2, "one in each layout"
    for what in ("images", "optimizer", "labels"):
        assert len({id(getattr(each, what)) for each in made}) == 2
    buffers = [id(buffer) for each in made for buffer in each.net.buffers()]
    assert len(buffers) == len(set(buffers)), "running statistics are each one's own"
    for each in made:
        plan, pointwise = PLANS[each.plan], each.net.get_submodule("pw_2.conv")
        assert pointwise.forward.args[0] is pointwise
        x = torch.randn(2, pointwise.in_channels, 4, 4)
        y = pointwise(x.contiguous(memory_format=torch.channels_last))
        assert (y.dtype == torch.bfloat16) == ("pointwise" in plan.bf16)
        for laid_out in (each.images, next(each.net.parameters())):
            layout = {"memory_format": torch.channels_last}
            assert laid_out.is_contiguous(**layout) == plan.channels_last


def test_bf16_without_hardware_is_refused(monkeypatch):
    monkeypatch.setattr(choose_plan, "has_bf16", lambda device: False)
    with pytest.raises(ValueError, match=r"plan bf16 computes in bf16, .* cpu has no hardware"):
        choose(tiny("x", plan="bf16"), CPU)
    assert choose(tiny("x", plan="fp32-gemm"), CPU).plan == "fp32-gemm"
    assert not any("bf16" in n for n in choose_plan.measure(tiny("x"), CPU, 8).milliseconds)


@pytest.mark.parametrize(
    ("features", "capability", "expected"),
    [
        (("AVX2", "AVX-512", "bf16"), "AVX512", True),
        (("AVX2", "AVX-512", "bf16"), "AVX2", False),  # ATEN_CPU_CAPABILITY=avx2
        (("AVX2", "AVX-512"), "AVX512", False),
        (("AVX2",), "AVX2", False),
        (("NEON", "bf16"), "DEFAULT", True),
        (None, "DEFAULT", False),
    ],
)
def test_bf16_counts_only_where_torch_uses_it(features, capability, expected, monkeypatch):
    monkeypatch.setattr(machine, "features", lambda *_: features)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert choose_plan.has_bf16(CPU) is expected
    assert choose_plan.cache_key(tiny("x"), CPU, 8)["capability"] == capability


def a_file_in_the_way(folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv(native.CACHE_VARIABLE, str(folder / "file" / "speed"))
    return "Not a directory"


def no_home(folder, monkeypatch):
    def refuse(name):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv(native.CACHE_VARIABLE)
    monkeypatch.setattr(native.platformdirs, "user_cache_path", refuse)
    return "this user has no home folder"


def no_home_for_older_platformdirs(folder, monkeypatch):
    monkeypatch.delenv(native.CACHE_VARIABLE)
    monkeypatch.setattr(native.platformdirs, "user_cache_path", lambda name: Path("~/.cache"))
    monkeypatch.setattr(files.os.path, "expanduser", lambda path: path)
    return "this user has no home folder"


@pytest.mark.parametrize("where", [a_file_in_the_way, no_home, no_home_for_older_platformdirs])
def test_a_choice_that_cannot_be_kept_is_used(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    why = where(tmp_path, monkeypatch)
    monkeypatch.setattr(
        choose_plan, "measure", lambda *_: Choice("fp32", "measured", {"fp32": 1.0})
    )
    assert choose(tiny("x", plan="auto"), CPU).reason == f"measured; not kept, {why}"
    assert not (tmp_path / "~").exists()


def test_the_choice_stays_when_a_run_goes_on(monkeypatch, tmp_path):
    images = write_images(tmp_path / "images.parquet")
    monkeypatch.setattr(choose_plan, "measure", lambda *_: Choice("fp32-gemm", "measured", {}))
    trainer = Trainer(tiny(images, plan="auto"), tmp_path / "run")
    trainer.step()
    trainer.save()
    for file in choose_plan.cache_folder().iterdir():
        file.unlink()
    monkeypatch.setattr(choose_plan, "measure", lambda *_: Choice("nchw-fp32", "measured", {}))
    again = Trainer(tiny(images, plan="auto"), tmp_path / "run", resume=True)
    assert again.choice == Choice("fp32-gemm", "measured", {})


# --- mobilenet bench train -------------------------------------------------------------------


PASSES = ("output", "gradient of its input", "gradient of its filters")


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_bench_train_runs_for_real(capsys, monkeypatch, compiled):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    options = ["--alpha", "0.1", "--resolution", "32", "--batch-size", "8", "--readings", "2"]
    options += ["--compile"] * compiled
    assert cli.main(["bench", "train", "--json", *options]) in (0, 1)
    result = json.loads(capsys.readouterr().out)
    wanted = {training.OURS, training.NAIVE} | ({training.COMPILED} if compiled else set())
    assert set(result["steps"]) == wanted
    assert result["device"] == machine.processor().model
    assert result["to_timm"] is None
    assert "alpha 1" in result["timm"]
    assert result["choice"]["plan"] in PLANS
    assert set(result["layer"]) == {
        *(f"{of}, {precision}" for of in PASSES for precision in ("fp32", "bf16")),
        "gradient of its input, bf16, rearranged",
    }
    assert all(timing["median_ms"] > 0 for timing in result["layer"].values())


def test_bench_train_compares_with_the_best_of_timms_ways(monkeypatch):
    """The clock and timm's networks are the test's: 10 ms for ours, 40 and 20 for others."""
    times = {training.OURS: [0.01, 0.01], training.NAIVE: [0.04, 0.04]}
    times |= {"timm: slow": [0.03, 0.03], "timm: fast": [0.02, 0.02]}
    times[training.PRODUCTS] = [0.008, 0.008]
    peers = {name: None for name in times if name.startswith("timm")}
    monkeypatch.setattr(training, "timm_steps", lambda *_: (peers, "timm 9"))
    monkeypatch.setattr(training, "interleave", lambda *_, **options: times)
    monkeypatch.setattr(training, "choose", lambda r, d: Choice("fp32", "named", {}))
    monkeypatch.setattr(training, "layer_passes", lambda *_: {"output": Timing.of([0.5, 0.5])})
    result = training.bench_train(alpha=0.1, resolution=32, batch_size=8)
    assert (result.to_naive, result.to_timm) == (0.25, 0.5)
    assert result.images_per_second == 800
    assert result.timm == "timm: fast, timm 9"
    assert result.within_limits
    for plan, of_naive, of_timm in (("fp32", 0.65, 0.75), ("kernels-bf16-gemm", 0.45, 0.55)):
        ours = replace(result, choice=Choice(plan, "named", {}))
        assert replace(ours, to_naive=of_naive, to_timm=of_timm).within_limits
        assert not replace(ours, to_timm=of_timm + 0.01).within_limits
        assert not replace(ours, to_naive=of_naive + 0.01).within_limits
    assert "images/s\nours is plan fp32" in str(result)
    assert "ours takes 0.500 of timm's best (at most 0.75): timm: fast" in str(result)
    assert (
        "products alone, by torch: 8.00 ms (quartiles 8.00 to 8.00), 0.400 of timm's best"
        in str(result)
    )
    assert "stride 2:\noutput   500.00 ms" in str(result)


@pytest.mark.parametrize(("plan", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_products_of_a_step_are_those_of_its_pointwise_layers(plan, dtype):
    """Counted by torch: each layer's mult-adds three times, for every image."""
    arch = PAPER.architecture(10, alpha=0.25, resolution=64)
    multiply = training.products(arch, 4, plan, CPU, 0)
    with FlopCounterMode(display=False) as counter:
        multiply()
    cost = sum(layer.mult_adds for layer in arch.layers if layer.kind == "pointwise")
    assert counter.get_total_flops() == 2 * 3 * 4 * cost
    assert {t.dtype for task in multiply.__closure__[0].cell_contents for t in task} == {dtype}


def test_a_missing_timm_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    tasks, said = training.timm_steps(torch.zeros(2, 3, 32, 32), torch.zeros(2), tiny("x", alpha=1))
    assert tasks == {}
    assert "pip install timm" in said


def test_bench_data_compiles_nothing(capsys):
    assert cli.main(["bench", "data", "--compile"]) == 2
    assert "--compile is not for `bench data`" in capsys.readouterr().err


def test_bench_train_records(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(files, "find_data", lambda: tmp_path)
    timing = Timing(2, 1.0, (1.0, 1.0), 1.0)
    steps, layer = {"ours": timing}, {"output": timing}
    result = training.TrainBench(
        1.0,
        64,
        64,
        "cpu",
        2,
        Choice("fp32", "x", {}),
        steps,
        0.75,
        None,
        "none",
        1.0,
        timing,
        None,
        layer,
    )
    monkeypatch.setattr(training, "bench_train", lambda **options: result)
    assert cli.main(["bench", "train", "--record"]) == 1
    said = json.loads((tmp_path / "results/bench_train.json").read_text("utf-8"))
    assert said["results"]["to_naive"] == 0.75
    assert "timm was not measured: none" in capsys.readouterr().out
