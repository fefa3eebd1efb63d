"""What a network's outputs mean, from the file to the command: softmax, sigmoid, none at all."""

import json

import checkpoint_files as files
import pytest
import torch

from mobilenet_lib import TIMM, MobileNet, cli, explain, load_published, mobilenet_v1
from mobilenet_lib.photos import load_photo
from mobilenet_lib.preprocess import INCEPTION
from mobilenet_lib.weights import WeightsError, export_state, save_checkpoint

CAT = load_photo("cat", 96)


def saved(folder, classes, name="a.pt", shift=0.0):
    """A network as `timm.create_model(..., num_classes=classes)` would be saved."""
    net = files.small_net(TIMM, alpha=0.25, num_classes=classes or 5, resolution=64)
    state = export_state(net, "timm")
    if classes:
        state["classifier.weight"] *= 0
        state["classifier.bias"] = torch.linspace(-1, 1, classes) + shift
    else:
        state = {k: v for k, v in state.items() if not k.startswith("classifier")}
    torch.save(state, folder / name)
    return folder / name


def test_one_output_is_refused_unless_it_is_asked_for(tmp_path):
    path = saved(tmp_path, 1)
    with pytest.raises(WeightsError, match=r"its one output .* softmax or an argmax .*head='sig"):
        load_published(path)
    net = load_published(path, head="sigmoid")
    assert net.head == load_published(path, head="any").head == "sigmoid"
    logits = net(net.preprocess(CAT))
    assert net.probabilities(logits).item() == pytest.approx(1 / (1 + torch.e**1), abs=1e-6)
    with pytest.raises(WeightsError, match="head='sigmoid'"):
        load_published(path, head="features")


def test_several_outputs_may_be_declared_independent(tmp_path):
    path = saved(tmp_path, 3)
    x = torch.zeros(2, 3, 64, 64)
    assert load_published(path).head == load_published(path, head="any").head == "softmax"
    net = load_published(path, head="sigmoid")
    assert torch.allclose(net.probabilities(net(x)), net(x).sigmoid())
    with pytest.raises(WeightsError, match="exclude each other"):
        load_published(path, head="features")
    with pytest.raises(ValueError, match="head must be one of softmax, sigmoid, features, any"):
        load_published(path, head="logits")


def test_a_body_alone_gives_features(tmp_path):
    path = saved(tmp_path, 0)
    with pytest.raises(WeightsError, match="no classifier"):
        load_published(path)
    net = load_published(path, head="features")
    x = torch.randn(2, 3, 64, 64)
    wanted = net.feature_maps(x, ["pw_13"])["pw_13"].mean((2, 3))
    assert torch.equal(net(x), wanted)
    assert (net.arch.num_classes, net.classes) == (0, ())
    assert net.arch.mult_adds == mobilenet_v1(0.25, 224, 7).mult_adds - 7 * 256
    assert sum(p.numel() for p in net.parameters()) == net.arch.parameters
    with pytest.raises(ValueError, match="has no classifier"):
        net.probabilities(net(x))
    with pytest.raises(ValueError, match="no class to ask about"):
        explain.occlusion(net, x[:1], 0)


@pytest.mark.parametrize("classes", [0, 1, 3])
def test_heads_come_back_from_a_checkpoint_of_ours(tmp_path, classes):
    net = load_published(saved(tmp_path, classes), head="sigmoid" if classes else "features")
    save_checkpoint(net, tmp_path / "ours.safetensors", preprocess=INCEPTION.at(64).at(224))
    again = load_published(tmp_path / "ours.safetensors", head="any")
    assert again.head == net.head
    assert torch.equal(again(torch.ones(1, 3, 64, 64)), net(torch.ones(1, 3, 64, 64)))


def test_a_plain_state_of_ours_tells_its_convention_and_head(tmp_path):
    net = MobileNet(TIMM.architecture(2, alpha=0.25, resolution=64), TIMM, head="sigmoid").eval()
    torch.save(net.state_dict(), tmp_path / "a.pt")
    again = load_published(tmp_path / "a.pt", head="any")
    assert (again.convention, again.head) == (TIMM, "sigmoid")
    torch.save(dict(net.state_dict()), tmp_path / "b.pt")  # a plain dictionary tells nothing
    assert load_published(tmp_path / "b.pt").convention.name == "paper"


@pytest.mark.parametrize(
    ("head", "count", "word"),
    [
        ("softmax", 1, "softmax over one output is 1"),
        ("features", 2, "which have 0"),
        ("sigmoid", 0, "which have 0"),
        ("max", 2, "head must be one of"),
    ],
)
def test_a_head_that_does_not_go_with_the_outputs_is_refused(head, count, word):
    with pytest.raises(ValueError, match=word):
        MobileNet(TIMM.architecture(count, alpha=0.25, resolution=64), TIMM, head=head)


def test_predict_says_whether_the_one_class_is_there(tmp_path, capsys):
    assert cli.main(["predict", "cat", "--weights", str(saved(tmp_path, 1))]) == 0
    assert capsys.readouterr().out.startswith("no class 0    73.1%")  # 1 / (1 + e)
    path = saved(tmp_path, 1, shift=2.0)
    assert cli.main(["predict", "cat", "--json", "--weights", str(path)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["head"] == "sigmoid"
    (seen,) = answer["photos"]
    assert (seen["label"], seen["labels"]) == ("class 0", ["class 0"])
    assert seen["probabilities"]["class 0"] == pytest.approx(seen["confidence"])
    assert seen["confidence"] == pytest.approx(0.7311, abs=1e-4)


def test_predict_says_all_that_are_there(tmp_path, capsys):
    net = load_published(saved(tmp_path, 3), head="sigmoid", classes=("ant", "bee", "cow"))
    save_checkpoint(net, tmp_path / "many.safetensors")
    path = str(tmp_path / "many.safetensors")
    assert cli.main(["predict", "cat", "--threshold", "0.4", "--weights", path]) == 0
    assert capsys.readouterr().out == "cow           73.1%, bee 50.0%  cat\n"
    assert cli.main(["predict", "cat", "--threshold", "0.9", "--weights", path]) == 0
    assert capsys.readouterr().out == "no class      26.9%  cat\n"


def test_predict_refuses_features(tmp_path, capsys):
    assert cli.main(["predict", "cat", "--weights", str(saved(tmp_path, 0))]) == 2
    assert "has no classifier" in capsys.readouterr().err


def test_predict_says_which_of_two_states_was_taken(tmp_path, capsys):
    good, stale = (torch.load(saved(tmp_path, 3, shift=s)) for s in (0.0, 1.0))
    stale["classifier.bias"] = stale["classifier.bias"].flip(0)
    torch.save({"state_dict": stale, "state_dict_ema": good}, tmp_path / "both.pt")
    path = str(tmp_path / "both.pt")
    cli.main(["predict", "cat", "--weights", path])
    printed = capsys.readouterr()
    assert printed.out.startswith("class 2")
    assert "weights of 'state_dict_ema' were taken; pass state='state_dict'" in printed.err
    cli.main(["predict", "cat", "--weights", path, "--state", "state_dict"])
    printed = capsys.readouterr()
    assert (printed.out[:7], printed.err) == ("class 0", "")
    assert cli.main(["predict", "cat", "--weights", path, "--state", "best"]) == 2
    assert "has no state 'best'; it has 'state_dict" in capsys.readouterr().err
