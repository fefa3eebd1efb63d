"""Checkpoints of every source give the logits of that source, and come back exactly."""

import json
from dataclasses import replace
from pathlib import Path

import checkpoint_files as files
import numpy as np
import pytest
import safetensors.torch
import torch
from checkpoint_files import arrays, same

from mobilenet_lib import KERAS, PAPER, TF_SLIM, TIMM, load_published, mobilenet_v1
from mobilenet_lib.architecture import BODIES
from mobilenet_lib.preprocess import IMAGENET, INCEPTION, RAW_255
from mobilenet_lib.weights import export_state, save_checkpoint
from mobilenet_lib.weights.naming import NAMINGS

pytestmark = pytest.mark.slow

REFERENCE = json.loads((Path(__file__).parent / "parity/expected.json").read_text("utf-8"))
BY_NAME = {naming.name: naming for naming in NAMINGS}
LOGITS_OF = {"timm": "timm", "transformers": "transformers", "tf-slim": "transformers"}
LOGITS_OF["keras"] = "transformers"  # the same conventions, at sizes divisible by 32


def written(folder, source, kind):
    """The parity weights in a file of `source`, of one kind."""
    content, path = arrays(source), folder / f"weights.{kind.split('-')[0]}"
    if kind == "safetensors":
        return files.write_safetensors(path, content)
    if kind == "npz":
        return files.write_npz(path, content)
    if kind.startswith("pt"):
        return files.write_torch(path, content, kind.partition("-")[2])
    pytest.importorskip("h5py")
    return files.write_keras(path, content, kind.partition("-")[2])


def far(net, source, size):
    """How far the network's logits are from the package's own, at one size."""
    (case,) = [c for c in REFERENCE["cases"] if (c["height"], c["width"]) == (size, size)]
    noise = np.random.RandomState(case["seed"]).standard_normal((2, 3, size, size))
    with torch.inference_mode():
        logits = net(torch.from_numpy(noise.astype(np.float32)))
    return float((logits - torch.tensor(case[LOGITS_OF[source]])).abs().max())


# --- Names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", files.COLUMNS)
def test_every_name_is_the_published_one(source):
    theirs = {row["ours"]: row[files.COLUMNS[source]] for row in files.name_map()}
    ours = {
        f"{layer.name}.{part}": key
        for layer in mobilenet_v1().layers
        for part, key in BY_NAME[source].keys(layer).items()
        if part != "conv.bias"
    }
    assert len(theirs) == 164
    assert ours == {name: key for name, key in theirs.items() if key != "-"}


# --- The logits of the package that the file is from ------------------------------------------


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("timm", "safetensors"),
        ("timm", "pt"),
        ("timm", "npz"),
        ("transformers", "safetensors"),
        ("transformers", "pt-state_dict"),
        ("tf-slim", "npz"),
        ("tf-slim", "safetensors"),
        ("keras", "h5-weights"),
        ("keras", "h5-plain"),
        ("keras", "npz"),
    ],
)
@pytest.mark.parametrize("size", [96, 224])
def test_the_logits_are_the_sources_own(tmp_path, source, kind, size):
    net = load_published(written(tmp_path, source, kind))
    assert far(net, source, size) < 1e-4
    assert not net.training
    assert (net.arch.alpha, net.arch.num_classes, net.arch.body) == (0.25, 10, "separable")
    assert net.convention == {"timm": TIMM, "keras": KERAS}.get(source, TF_SLIM)
    assert net.source["naming"] == source


@pytest.mark.parametrize("source", ["timm", "transformers"])
def test_another_convention_is_used_when_asked_for_and_is_seen(tmp_path, source):
    path = written(tmp_path, source, "safetensors")
    net = load_published(path, convention={"timm": TF_SLIM, "transformers": TIMM}[source])
    assert far(net, source, 96) > 1e-2


def test_what_training_adds_is_left_out(tmp_path):
    slim = arrays("tf-slim")
    slim |= {f"{k}/RMSProp": v * 0 for k, v in slim.items()}
    slim |= {f"{k}/ExponentialMovingAverage": v * 9 for k, v in slim.items() if "RMS" not in k}
    slim |= {"global_step": np.array(7)}
    slim = {f"{k}:0" if "BatchNorm" in k else k: v for k, v in slim.items()}
    net = load_published(files.write_npz(tmp_path / "b.npz", slim))
    assert far(net, "tf-slim", 96) < 1e-4


@pytest.mark.parametrize("save", [safetensors.torch.save_file, torch.save])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_become_float32(tmp_path, dtype, save):
    state = {k: v.to(dtype) for k, v in files.parity_state().items()}
    save(state, tmp_path / "a")
    net = load_published(tmp_path / "a")
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert all(torch.equal(net.state_dict()[k], v.float()) for k, v in state.items())


def test_a_strided_tensor_comes_out_right(tmp_path):
    state = {k: v.T.contiguous().T if v.dim() == 2 else v for k, v in files.parity_state().items()}
    torch.save(state, tmp_path / "a.pt")
    same(load_published(tmp_path / "a.pt"))


# --- Keras ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "epsilon", "size"), [("relu6", 1e-3, 128), ("relu", 1e-2, 96)]
)
def test_a_keras_model_is_run_as_it_describes_itself(tmp_path, activation, epsilon, size):
    pytest.importorskip("h5py")
    model = files.keras_model(activation, epsilon, size)
    path = files.write_keras(tmp_path / "a.h5", arrays("keras"), "model", model)
    net = load_published(path)
    assert net.convention == replace(KERAS, activation=activation, bn_eps=epsilon)
    assert net.preprocess == INCEPTION.at(size)
    assert net.arch.resolution == size
    if activation == "relu6":
        assert far(net, "keras", 96) < 1e-4


def test_a_keras_model_whose_layers_differ_is_refused(tmp_path):
    path = files.described(tmp_path, files.configured("conv_pw_9_bn", epsilon=1e-5))
    with pytest.raises(ValueError, match=r"differ in BN epsilon .*1e-05 in 'conv_pw_9_bn'"):
        load_published(path)


def test_pixels_pass_two_scales_in_order(tmp_path):
    first = files.before("conv1", "Rescaling", scale=2.0, offset=3.0)
    second = files.before("conv1", "Rescaling", scale=0.5, offset=1.0)
    net = load_published(files.described(tmp_path, first, second))
    pixels = net.preprocess.normalize(torch.full((1, 3, 1, 1), 7.0))
    assert torch.allclose(pixels, torch.tensor(9.5))


PHOTO = ["input_1", 0, 0]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ([*PHOTO, {"y": 127.5, "name": None}], None),
        (["_CONSTANT_VALUE", -1, 127.5, {"y": PHOTO}], "something else than one number"),  # 127.5-x
        (["_CONSTANT_VALUE", -1, 127, {"y": PHOTO}], "takes 2 inputs"),
        ([*PHOTO, {"y": PHOTO}], "something else than one number"),
        ([*PHOTO, {"y": "127.5"}], "computes with nan"),
    ],
)
def test_arithmetic_on_pixels_is_followed_by_the_order_of_its_arguments(tmp_path, node, words):
    def subtract(layers):
        files.insert(layers, 1, "TFOpLambda", function="math.subtract")
        layers[1]["inbound_nodes"] = [[node]]

    path = files.described(tmp_path, subtract)
    if words is None:
        pixels = load_published(path).preprocess.normalize(torch.full((1, 3, 1, 1), 130.0))
        assert torch.allclose(pixels, torch.tensor(2.5))
    else:
        with pytest.raises(ValueError, match=rf"\(TFOpLambda\) .*{words}"):
            load_published(path)


@pytest.mark.parametrize(
    ("loss", "head"),
    [
        ("binary_crossentropy", "sigmoid"),
        ({"class_name": "BinaryCrossentropy", "config": {"from_logits": True}}, "sigmoid"),
        ("sparse_categorical_crossentropy", "softmax"),
        (None, "softmax"),
    ],
)
def test_what_linear_outputs_are_follows_from_the_loss(tmp_path, loss, head):
    linear = files.configured("predictions", activation="linear")
    path = files.described(tmp_path, linear, loss=loss)
    assert load_published(path, head="any").head == head


@pytest.mark.parametrize("loss", ["mse", {"class_name": "MeanAbsoluteError"}, ["huber"]])
def test_a_network_that_measures_is_refused(tmp_path, loss):
    linear = files.configured("predictions", activation="linear")
    path = files.described(tmp_path, linear, loss=loss)
    with pytest.raises(ValueError, match="to measure something, not to name classes"):
        load_published(path, head="any")


@pytest.mark.parametrize("slope", [{"negative_slope": 0.2}, {"threshold": 1.0}])
def test_a_relu_with_a_slope_is_refused(tmp_path, slope):
    path = files.described(tmp_path, files.configured("conv_dw_3_relu", **slope))
    with pytest.raises(ValueError, match=r"'conv_dw_3_relu' .*slope or a threshold"):
        load_published(path)


def test_a_pool_of_a_part_is_refused(tmp_path):
    def pool(size):
        part = {"class_name": "AveragePooling2D", "pool_size": [size, size]}
        return files.described(tmp_path, files.configured("global_average_pooling2d", **part))

    assert far(load_published(pool(3)), "keras", 96) < 1e-4  # at 96 pixels the last map is 3x3
    with pytest.raises(ValueError, match=r"averages \[2, 2\] of a map of 3x3"):
        load_published(pool(2))


# --- Width, body, classes -----------------------------------------------------------------------

ALPHAS = (0.1, 0.25, 0.35, 0.75, 1.25)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("source", ["timm", "transformers", "tf-slim", "keras"])
def test_the_width_is_read_off_the_shapes(tmp_path, source, alpha):
    convention = BY_NAME[source].convention
    net = files.small_net(convention, alpha=alpha, num_classes=3)
    state = files.renamed(net.state_dict(), source)
    loaded = load_published(files.write_safetensors(tmp_path / "a.safetensors", state))
    assert loaded.arch == net.arch
    for name, value in net.state_dict().items():
        if source in ("timm", "transformers") or not name.endswith("tracked"):
            assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_bare_tensors_of_ours_are_recognised(tmp_path, body, kind):
    net = files.small_net(PAPER, alpha=0.25, num_classes=4, body=body)
    state = {k: v.numpy() for k, v in net.state_dict().items()}
    write = files.write_torch if kind == "pt" else files.write_safetensors
    loaded = load_published(write(tmp_path / f"a.{kind}", state), resolution=64)
    assert (loaded.arch.body, loaded.arch.alpha, loaded.arch.num_classes) == (body, 0.25, 4)
    assert loaded.arch.resolution == loaded.preprocess.resolution == 64
    assert all(torch.equal(loaded.state_dict()[k], v) for k, v in net.state_dict().items())


def test_a_state_dict_that_torch_saved_keeps_which_stride_was_dropped(tmp_path):
    net = files.small_net(PAPER, alpha=0.25, num_classes=4, resolution=32, drop_stride="last")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    loaded = load_published(tmp_path / "net.pt", resolution=32)
    assert loaded.arch == net.arch
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(loaded(x), net.eval()(x))


def test_the_thousand_and_first_class_is_the_background(tmp_path):
    net = files.small_net(TF_SLIM, alpha=0.25)
    state = files.renamed(net.state_dict(), "tf-slim")
    path = files.write_npz(tmp_path / "a.npz", state)
    whole, rest = load_published(path), load_published(path, drop_background=True)
    assert len(whole.classes) == whole.arch.num_classes == 1001
    assert whole.classes[:2] == ("background", "class 1")
    assert rest.classes == whole.classes[1:]
    assert rest.arch.num_classes == 1000
    x = torch.randn(1, 3, 32, 32)
    assert torch.allclose(rest(x), whole(x)[:, 1:], rtol=1e-4)
    with pytest.raises(ValueError, match="drop_background is for 1,001 classes"):
        load_published(files.PARITY, drop_background=True)


def test_what_the_caller_says_goes_first(tmp_path):
    names = [f"letter {c}" for c in "abcdefghij"]
    net = load_published(files.PARITY, classes=names, preprocess=IMAGENET, resolution=96)
    assert net.classes == tuple(names)
    assert net.preprocess == IMAGENET.at(96)
    with pytest.raises(ValueError, match=r"2 names of classes .* for 10 outputs"):
        load_published(files.PARITY, classes=("a", "b"))


def test_the_books_checkpoints_have_names(tmp_path, monkeypatch):
    net = load_published("person_detector")
    assert net.source["file"] == "person_detector.safetensors"
    monkeypatch.chdir(tmp_path)
    net.fc.bias.data += 1  # a file of that name in the reader's folder goes first
    save_checkpoint(net, tmp_path / "own.safetensors")
    (tmp_path / "own.safetensors").rename(tmp_path / "person_detector.safetensors")
    assert torch.equal(load_published("person_detector.safetensors").fc.bias, net.fc.bias)
    assert not torch.equal(load_published("person_detector").fc.bias, net.fc.bias)
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))  # the library without the book
    with pytest.raises(FileNotFoundError, match="the book's data folder was not found"):
        load_published("person_detector")


def test_loading_leaves_the_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_published(files.PARITY)
    assert torch.equal(torch.rand(3), expected)


def test_a_loaded_network_can_be_trained():
    net = load_published(files.PARITY).train()
    net(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(p.requires_grad and p.grad is not None for p in net.parameters())
    assert net.conv_0.bn.num_batches_tracked == 1


# --- Our own format -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("convention", "alpha", "dropped"),
    [(PAPER, 0.35, "first"), (TF_SLIM, 0.1, "last"), (KERAS, 0.2, "none"), (TIMM, 0.3, "none")],
)
def test_a_checkpoint_of_ours_comes_back_exactly(tmp_path, convention, alpha, body, dropped):
    size = {"alpha": alpha, "num_classes": 3, "resolution": 96, "body": body}
    net = files.small_net(convention, **size, drop_stride=dropped)
    path = tmp_path / "net.safetensors"
    source = {"licence": "Apache-2.0", "accuracy": 0.9, "note": "Grün"}
    save_checkpoint(net, path, preprocess=RAW_255, classes=("a", "b", "ç"), source=source)
    loaded = load_published(path)
    assert loaded.arch == net.arch
    assert loaded.convention == convention
    assert loaded.preprocess == RAW_255
    assert loaded.classes == ("a", "b", "ç")
    assert loaded.source.items() >= source.items()
    assert list(loaded.state_dict()) == list(net.state_dict())
    assert all(torch.equal(loaded.state_dict()[k], v) for k, v in net.state_dict().items())
    again = tmp_path / "again.safetensors"
    save_checkpoint(net, again, preprocess=RAW_255, classes=("a", "b", "ç"), source=source)
    assert again.read_bytes() == path.read_bytes()
    # Two ways in: a network that was loaded is saved with all that came with it.
    save_checkpoint(loaded, again)
    assert load_published(again).preprocess == RAW_255


def test_a_multiplier_that_no_width_shows_comes_back_too(tmp_path):
    net = files.small_net(PAPER, alpha=0.2503, num_classes=2, resolution=96)
    assert net.arch.layers == mobilenet_v1(0.25, 96, num_classes=2).layers
    save_checkpoint(net, tmp_path / "a.safetensors", preprocess=RAW_255, classes=("a", "b"))
    assert load_published(tmp_path / "a.safetensors").arch.alpha == 0.2503


def test_what_cannot_be_saved_is_named(tmp_path):
    net = files.small_net(PAPER, alpha=0.25, num_classes=2, resolution=96)
    full = {"preprocess": RAW_255, "classes": ("a", "b")}
    with pytest.raises(ValueError, match=r"must end in \.safetensors, got 'net.pt'"):
        save_checkpoint(net, tmp_path / "net.pt", **full)
    path = tmp_path / "net.safetensors"
    with pytest.raises(ValueError, match="has no preprocess"):
        save_checkpoint(net, path, classes=("a", "b"))
    with pytest.raises(ValueError, match="has no classes"):
        save_checkpoint(net, path, preprocess=RAW_255)
    with pytest.raises(ValueError, match="each of the 2 outputs is needed, got 3"):
        save_checkpoint(net, path, preprocess=RAW_255, classes=("a", "b", "c"))
    with pytest.raises(ValueError, match=r"for 96 pixels, preprocess makes 224; .*at\(96\)"):
        save_checkpoint(net, path, preprocess=INCEPTION, classes=("a", "b"))
    assert list(tmp_path.iterdir()) == []


# --- Export -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("naming", "convention"), [("timm", TIMM), ("transformers", TF_SLIM)])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_export_and_back_is_exact(tmp_path, naming, convention, alpha):
    net = files.small_net(convention, alpha=alpha, num_classes=7)
    state = export_state(net, naming)
    theirs = {row[files.COLUMNS[naming]] for row in files.name_map()}
    assert set(state) == theirs
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file(state, path)
    back = load_published(path)
    assert back.arch == net.arch
    assert all(torch.equal(back.state_dict()[k], v) for k, v in net.state_dict().items())
    second = export_state(back, naming)
    assert all(torch.equal(second[k], v) for k, v in state.items())
    state["classifier.bias"].zero_()  # a copy
    assert net.fc.bias.abs().max() > 0


def test_an_export_that_would_compute_something_else_is_refused():
    net = files.small_net(PAPER, alpha=0.25, num_classes=2)
    with pytest.raises(ValueError, match="activation is 'relu' here, 'relu6' there") as caught:
        export_state(net, "timm")
    for trait in ("padding is 'same'", "bn_eps is 0.001 here, 1e-05 there", "pad_type"):
        assert trait in str(caught.value)
    assert len(export_state(net, "timm", check_convention=False)) == 164
    with pytest.raises(ValueError, match="no MobileNet with a full body"):
        export_state(files.small_net(TIMM, alpha=0.25, body="full"), "timm")
    with pytest.raises(ValueError, match="no MobileNet whose first stride of 2 is 1"):
        export_state(files.small_net(TIMM, alpha=0.25, drop_stride="first"), "timm")
    with pytest.raises(ValueError, match="one of timm, transformers; got 'keras'"):
        export_state(net, "keras")
