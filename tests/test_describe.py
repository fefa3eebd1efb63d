"""Any torch network in rows, against our own counts, sums by hand and torch's totals."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import KERAS, PAPER, TF_SLIM, TIMM, MobileNet, mobilenet_v1
from mobilenet_lib.architecture import BODIES
from mobilenet_lib.bench.describe import WHOLE, describe_network


def numbers(net):
    return sum(p.numel() for p in net.parameters())


def by_name(rows):
    return {row.name: row for row in rows}


@pytest.mark.parametrize("convention", [PAPER, TF_SLIM, KERAS, TIMM], ids=lambda c: c.name)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("alpha", "resolution"), [(1, 96), (0.25, 97), (0.5, 32)])
def test_our_own_network_has_its_architectures_costs(convention, body, alpha, resolution):
    arch = convention.architecture(7, alpha=alpha, resolution=resolution, body=body)
    rows = describe_network(MobileNet(arch, convention), torch.zeros(1, 3, resolution, resolution))
    assert (rows.mult_adds, rows.parameters) == (arch.mult_adds, arch.parameters)
    found = by_name(rows)
    for layer in arch.layers:
        row = found["fc" if layer.kind == "fc" else f"{layer.name}.conv"]
        assert (row.kind, row.mult_adds) == (layer.kind, layer.mult_adds), layer
        own = [each for name, each in found.items() if name.split(".")[0] == layer.name]
        assert sum(each.parameters for each in own) == layer.parameters
        side = () if layer.kind == "fc" else (layer.out_size, layer.out_size)
        assert row.out_shapes == ((1, layer.out_channels, *side),)
        if layer.stride == 1:  # others get their padding as pixels
            bias = 4 * layer.out_channels * (layer.kind == "fc")
            assert row.bytes == layer.bytes_moved() + bias
    assert list(dict.fromkeys(row.name.split(".")[0] for row in rows if row.parameters)) == [
        layer.name for layer in arch.layers
    ]


def test_mult_adds_and_bytes_are_of_the_whole_batch():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    one, four = (describe_network(net, torch.zeros(batch, 3, 8, 8)) for batch in (1, 4))
    assert one.mult_adds == 9 * 3 * 4 * 36
    assert four.mult_adds == 4 * one.mult_adds
    assert four[1].bytes == 4 * one[1].bytes == 4 * 2 * 4 * (4 * 36)
    assert four.parameters == one.parameters == 112
    halves = describe_network(net.to(torch.bfloat16), torch.zeros(1, 3, 8, 8, dtype=torch.bfloat16))
    assert halves.bytes_moved == one.bytes_moved // 2


class Residual(nn.Module):
    """A skip, one ReLU that is called three times, one convolution that is called twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.same = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.again = self.same
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = self.relu(self.bn(self.stem(x)))
        y = self.relu(self.same(x))
        x = self.relu(x + self.again(y))
        return self.head(x.mean((2, 3)))


def test_what_is_called_several_times_costs_each_time_and_has_its_parameters_once():
    net = Residual()
    rows = describe_network(net, torch.zeros(1, 3, 6, 6))
    assert [(row.name, row.call) for row in rows] == [
        *(("stem", 1), ("bn", 1), ("relu", 1), ("same", 1), ("relu", 2)),
        *(("same", 2), ("relu", 3), ("head", 1)),
    ]
    first, second = (row for row in rows if row.name == "same")
    assert first.mult_adds == second.mult_adds == 9 * 8 * 8 * 36
    assert (first.parameters, second.parameters) == (576, 0)
    assert first.bytes == second.bytes == 4 * (2 * 8 * 36 + 576)
    assert rows.parameters == numbers(net)
    assert rows.mult_adds == 9 * 3 * 8 * 36 + 2 * 9 * 8 * 8 * 36 + 16
    assert rows[1].uncounted == ("_native_batch_norm_legit_no_training",)


def test_tied_weights_are_counted_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 6)
            self.out = nn.Linear(6, 20, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, words):
            return self.out(self.embed(words))

    rows = describe_network(Tied(), torch.tensor([[1, 2, 3]]))
    assert [(row.name, row.mult_adds, row.parameters) for row in rows] == [
        ("embed", 0, 120),
        ("out", 3 * 6 * 20, 0),
    ]
    assert rows[0].uncounted == ("embedding",)


def test_a_perceptron_by_hand():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2))
    rows = describe_network(net, torch.zeros(2, 3, 4))
    assert [(r.name, r.kind, r.mult_adds, r.parameters) for r in rows] == [
        ("0", "other", 0, 0),
        ("1", "fc", 2 * 12 * 5, 65),
        ("2", "other", 0, 0),
        ("3", "fc", 2 * 5 * 2, 12),
    ]
    assert rows[1].in_shapes == ((2, 12),)
    assert rows[1].detail == "in_features=12, out_features=5, bias=True"


def gates(net, steps):
    """Mult-adds of an LSTM or GRU: each gate reads the input and the state at each step."""
    return steps * sum(p.numel() for name, p in net.named_parameters() if "weight" in name)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_are_taken_apart(kind):
    net = kind(8, 16, num_layers=2, batch_first=True, bidirectional=True)
    (row,) = describe_network(net, torch.zeros(1, 5, 8))
    assert row.name == WHOLE
    assert row.mult_adds == gates(net, 5)
    assert row.parameters == numbers(net)
    assert torch.backends.mkldnn.enabled


@pytest.mark.parametrize("weights", [True, False])
def test_attention_is_taken_apart(weights):
    class Attend(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, x):
            return self.inner(x, x, x, need_weights=weights)[0]

    (row,) = describe_network(Attend(), torch.zeros(1, 5, 16))
    assert row.mult_adds == 4 * 5 * 16 * 16 + 2 * 5 * 5 * 16
    assert row.parameters == 4 * (16 * 16 + 16)
    rows = describe_network(nn.TransformerEncoderLayer(16, 4, 32), torch.zeros(5, 1, 16))
    assert rows.mult_adds == row.mult_adds + 2 * 5 * 16 * 32
    assert rows[0].type == "MultiheadAttention"
    assert torch.backends.mha.get_fastpath_enabled()


def test_work_that_torch_does_not_count_is_named():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(5))

        def forward(self, x):
            return torch.fft.rfft(x).abs() * self.scale

    (row,) = describe_network(Spectrum(), torch.zeros(1, 8))
    assert (row.name, row.mult_adds, row.parameters) == (WHOLE, 0, 5)
    assert row.uncounted == ("_fft_r2c", "abs", "mul")


def test_work_of_no_layer_belongs_to_the_module_that_does_it():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = nn.Parameter(torch.zeros(4, 3, 3, 3))
            self.head = nn.Linear(4, 2)
            self.unused = nn.Linear(10, 10)

        def forward(self, x):
            return self.head(F.conv2d(x, self.kernel).mean((2, 3)))

    net = Own()
    rows = describe_network(net, torch.zeros(1, 3, 5, 5))
    assert [(r.name, r.mult_adds, r.parameters, r.call) for r in rows] == [
        (WHOLE, 9 * 3 * 4 * 9, 108, 1),
        ("head", 8, 10, 1),
        ("unused", 0, 110, 0),
    ]
    assert rows.parameters == numbers(net)
    assert "unused (never ran)" in str(rows)


@pytest.mark.parametrize(
    "example",
    [
        (torch.zeros(1, 3), torch.ones(1, 3)),
        [torch.zeros(1, 3), torch.ones(1, 3)],
        {"a": torch.zeros(1, 3), "b": torch.ones(1, 3)},
    ],
    ids=("tuple", "list", "dict"),
)
def test_arguments_and_results_may_be_several(example):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 4)

        def forward(self, a, b):
            return {"sum": self.layer(a) + self.layer(b), "more": [a]}

    rows = describe_network(Two(), example)
    assert [(row.call, row.parameters) for row in rows] == [(1, 16), (2, 0)]


def hooks(net):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


def test_the_network_is_left_as_it_was():
    """In training mode too, where batch normalization would refuse one value a channel."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    net.train()
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    describe_network(net, torch.ones(1, 3, 3, 3))
    assert [module.training for module in net.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert hooks(net) == 0
    with pytest.raises(ValueError, match="does not take"):
        describe_network(net, torch.ones(1, 4, 3, 3))
    assert [module.training for module in net.modules()] == [True, True, True, False]
    assert hooks(net) == 0
    assert torch.is_grad_enabled()


class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)["nothing"]


class Loops(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        for _ in range(2001):
            x = self.layer(x)
        return x


@pytest.mark.parametrize(
    ("net", "example", "error", "message"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3)),
            torch.zeros(1, 3, 9, 9),
            ValueError,
            r"Sequential does not take an example of \(1, 3, 9, 9\): at 1, Conv2d.*, Given",
        ),
        (nn.Linear(2, 2), torch.zeros(1, 3), ValueError, r"Linear does not take .*\(1, 3\): mat1"),
        (nn.Linear(2, 2), (torch.zeros(1, 2), 3), ValueError, "takes 2 positional arguments"),
        (Fails(), torch.zeros(1, 2), ValueError, "Fails does not take"),
        (nn.Linear(2, 2), torch.zeros(1, 2, device="meta"), ValueError, "does not take"),
        (Loops(), torch.zeros(1, 2), ValueError, "more than 2,000 times"),
        (nn.Sequential(), torch.zeros(1, 2), ValueError, "nothing in Sequential multiplies"),
        (nn.ReLU(), torch.zeros(1, 2), ValueError, "no layer to show"),
        (nn.Linear(2, 2), (1, 2), TypeError, r"with a tensor in it, such as .*; got tuple"),
        (nn.Linear(2, 2), None, TypeError, "got NoneType"),
        (torch.relu, torch.zeros(1), TypeError, "net must be a torch.nn.Module, got builtin"),
        (nn.Linear, torch.zeros(1), TypeError, "got type"),
    ],
)
def test_refusals(net, example, error, message):
    with pytest.raises(error, match=message):
        describe_network(net, example)
    if isinstance(net, nn.Module):
        assert hooks(net) == 0


def test_a_networks_own_failure_is_kept():
    with pytest.raises(ValueError, match="Fails") as caught:
        describe_network(Fails(), torch.zeros(1, 2))
    assert isinstance(caught.value.__cause__, IndexError)


def test_on_the_meta_device_nothing_is_computed():
    with torch.device("meta"):
        net = MobileNet(mobilenet_v1())
        rows = describe_network(net, torch.empty(1, 3, 224, 224))
    assert rows.mult_adds == 568_740_352
    assert rows.parameters == 4_231_976


def test_totals_are_torchs_own():
    net = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2), nn.ConvTranspose2d(8, 4, 2), nn.Flatten(2), nn.Linear(49, 3)
    )
    x = torch.zeros(2, 4, 8, 8)
    with FlopCounterMode(display=False) as counter:
        net(x)
    assert 2 * describe_network(net, x).mult_adds == counter.get_total_flops()


def test_timms_network_has_the_architectures_costs():
    timm = pytest.importorskip("timm")
    net = timm.create_model("mobilenetv1_100", pretrained=False)
    rows = describe_network(net, torch.zeros(1, 3, 224, 224))
    arch = TIMM.architecture()
    assert (rows.mult_adds, rows.parameters) == (arch.mult_adds, arch.parameters)


def test_it_prints_as_a_table():
    text = str(describe_network(Residual(), torch.zeros(1, 3, 6, 6)))
    assert "same (call 2)  Conv2d" in text
    assert text.splitlines()[-1].startswith("Residual: 49,264 mult-adds, 834 parameters, ")
