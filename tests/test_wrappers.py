"""What training scripts put around the weights: taken off, chosen from, or refused by name."""

import argparse
import copy
import json
import pickle
import re
import struct
import sys
import types
import warnings
from collections import OrderedDict, defaultdict
from pathlib import Path, PurePosixPath, PureWindowsPath

import checkpoint_files as files
import numpy as np
import pytest
import safetensors.torch
import torch
from checkpoint_files import same
from test_weights_refused import hub  # noqa: F401 - a fixture

from mobilenet_lib import PAPER, TIMM, load_published
from mobilenet_lib.weights import WeightsError, formats

pytestmark = pytest.mark.slow

SOURCES = ("mobilenet_lib", "timm", "transformers", "bare")
LAST = {"mobilenet_lib": "fc", "timm": "classifier", "transformers": "classifier"}


def state(source="timm"):
    """The parity weights as a source names them; "bare" is transformers' body without its head."""
    if source == "mobilenet_lib":
        return files.parity_state()
    if source == "bare":
        whole = state("transformers")
        return {k.removeprefix("mobilenet_v1."): v for k, v in whole.items() if "cl" not in k}
    return files.tensors(source)


def under(prefix, weights):
    return {prefix + name: value for name, value in weights.items()}


def spoiled(weights=None):
    """Weights that are not the right ones, to be told from them."""
    return {k: torch.zeros_like(v) if "cl" in k else v for k, v in (weights or state()).items()}


def saved(folder, content, name="a.pt", **options):
    torch.save(content, folder / name)
    return load_published(folder / name, **options)


def refused(folder, content, *words, **options):
    with pytest.raises(WeightsError) as caught:
        saved(folder, content, **options)
    message = str(caught.value)
    for word in (str(folder), *words):
        assert word in message, message
    assert len(message) < 1000
    return message


# --- Prefixes -----------------------------------------------------------------------------------

PREFIXES = [
    "model.",
    "net.",
    "backbone.",
    "_forward_module.",
    "student.",
    "encoder.model.",
    "a.b.c.d.e.f.g.",
    "module.",
    "module.module.module.",
    "_orig_mod.module.model.",
    "model._orig_mod.",
    "module.net._orig_mod.",
    "_fsdp_wrapped_module.model._checkpoint_wrapped_module.",
    "mobilenet_v1.",
    "model.mobilenet_v1.",
    "blocks.0.",
    "fc.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("source", SOURCES)
def test_any_prefix_of_any_source_is_taken_off(tmp_path, source, prefix):
    head = "features" if source == "bare" else "softmax"
    net = saved(tmp_path, {"state_dict": under(prefix, state(source)), "epoch": 3}, head=head)
    same(net, features=source == "bare")
    assert net.source["naming"] == ("transformers" if source == "bare" else source)


@pytest.mark.parametrize("source", SOURCES[:3])
@pytest.mark.parametrize(
    "wrapper",
    [
        "_orig_mod",
        "module",
        "_fsdp_wrapped_module",
        "_checkpoint_wrapped_module",
        "_forward_module",
    ],
)
def test_a_part_that_was_wrapped_alone_is_found(tmp_path, source, wrapper):
    def wrapped(name):
        *modules, leaf = name.split(".")
        return ".".join([part for module in modules for part in (module, wrapper)] + [leaf])

    same(saved(tmp_path, {wrapped(name): value for name, value in state(source).items()}))


def test_a_prefix_in_safetensors_is_taken_off_too(tmp_path):
    content = {k: v.numpy() for k, v in under("model.", state()).items()}
    same(load_published(files.write_safetensors(tmp_path / "a.safetensors", content)))


def test_a_classifier_may_stand_beside_the_body(tmp_path):
    for prefix, beside in (("backbone.", ""), ("model.backbone.", "model."), ("mobilenet.", "")):
        for source in ("timm", "transformers"):
            weights = {
                (beside if name.startswith("classifier") else prefix) + name: value
                for name, value in state(source).items()
            }
            same(saved(tmp_path, weights))
    bare = under("backbone.", state("bare"))
    head = {k: v for k, v in state("transformers").items() if k.startswith("classifier")}
    same(saved(tmp_path, bare | head))


def test_what_stands_outside_the_prefix_is_refused_by_its_name(tmp_path):
    more = {"criterion.weight": torch.zeros(10)}
    refused(tmp_path, under("model.", state()) | more, "extra 'criterion.weight'")
    gone = under("model.", state())
    del gone["model.blocks.3.2.bn1.running_var"], gone["model.conv_stem.weight"]
    refused(tmp_path, gone, "missing 'blocks.3.2.bn1.running_var', 'conv_stem.weight'")


def test_a_weight_both_inside_and_outside_is_refused(tmp_path):
    twice = under("model.", state()) | {"conv_stem.weight": torch.zeros(8, 3, 3, 3)}
    refused(tmp_path, twice, "'conv_stem.weight' both under 'model.' and without it")
    twice = state() | {"blocks._orig_mod.0.0.conv_dw.weight": torch.zeros(8, 1, 3, 3)}
    refused(tmp_path, twice, "it holds 'blocks.0.0.conv_dw.weight' twice, the second time as")
    long = "a" * 9999
    refused(tmp_path, {f"{long}.b": torch.ones(1), f"{long}.module.b": torch.ones(1)}, "twice")


@pytest.mark.parametrize(("one", "other"), [("teacher.", "student."), ("", "ema."), ("a.", "a.b.")])
def test_two_networks_under_prefixes_are_refused(tmp_path, one, other):
    both = under(one, state()) | under(other, spoiled())
    refused(tmp_path, both, "2 networks, under", repr(other), "save the one you mean: {k: v for k")


def test_names_of_a_million_dots_take_no_time(tmp_path):
    refused(tmp_path, state() | {"." * 10**6: torch.zeros(1)}, "extra '...")


# --- Averages, and other choices ----------------------------------------------------------------


def test_torchs_averaged_model_is_read(tmp_path):
    net = files.small_net(TIMM, alpha=0.25, num_classes=3)
    averaged = torch.optim.swa_utils.AveragedModel(net)
    x = torch.ones(1, 3, 64, 64)
    for content in (
        averaged.state_dict(),
        {"model_ema": averaged.state_dict(), "epoch": 3},
        {"state_dict": averaged.state_dict(), "optimizer": {}},
    ):
        loaded = saved(tmp_path, content)
        assert loaded.convention == TIMM
        assert torch.equal(loaded(x), net(x))
        assert "state" not in loaded.source


WRAPPERS = [
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params",
    "model_ema", "ema", "ema_state_dict", "ema_model", "state_dict_ema",
    "generator", "my own",
]  # fmt: skip


@pytest.mark.parametrize("key", WRAPPERS)
def test_a_state_alone_is_found_under_any_key(tmp_path, key):
    # Beside it what training leaves there: none of this is a choice, and warnings are errors.
    optimizer = {"state": {0: {"exp_avg": torch.zeros(8, 3, 3, 3), "step": torch.tensor(1.0)}}}
    beside = {
        "optimizer": optimizer,
        "epoch": 3,
        "arch": "mobilenetv1_100",
        "scaler": {"scale": 1.0},
    }
    for content in ({key: state()}, {key: under("module.", state())}, {"outer": {key: state()}}):
        assert "state" not in same(saved(tmp_path, beside | content)).source


AVERAGED = [
    ("state_dict", "state_dict_ema"),
    ("model", "model_ema"),
    ("net", "ema"),
    ("params", "params_ema"),
    ("state_dict", "ema_state_dict"),
    ("model", "ema_model"),
    ("weights", "swa"),
    ("state_dict", "averaged_model"),
]


@pytest.mark.parametrize(("plain", "averaged"), AVERAGED)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_averaged_state_is_taken_and_said(tmp_path, plain, averaged, swapped):
    content = {plain: spoiled(), "epoch": 3, averaged: under("module.", state())}
    if swapped:
        content = dict(reversed(content.items()))
    words = f"weights of '{averaged}' were taken; pass state='{plain}' for the other"
    with pytest.warns(UserWarning, match=words) as caught:
        net = same(saved(tmp_path, content))
    assert net.source["state"] == f"{averaged} (the file also has {plain})"
    with warnings.catch_warnings(record=True, action="always") as caught:
        load_published(tmp_path / "a.pt")
    assert caught[0].filename == __file__  # it points at whoever called
    other = load_published(tmp_path / "a.pt", state=plain)
    assert not other.fc.weight.any()
    assert other.source["state"] == f"{plain} (the file also has {averaged})"
    same(load_published(tmp_path / "a.pt", state=averaged))


def test_a_state_in_a_state_is_found(tmp_path):
    nested = {"model": {"state_dict": spoiled(), "ema": {"module": state(), "decay": 0.999}}}
    with pytest.warns(UserWarning, match=r"of 'model\.ema\.module' were taken"):
        same(saved(tmp_path, nested))
    for wanted in ("ema", "model.ema.module", "module"):
        same(load_published(tmp_path / "a.pt", state=wanted))
    assert not load_published(tmp_path / "a.pt", state="state_dict").fc.weight.any()
    inside = state() | {"ema": spoiled()}
    with pytest.warns(UserWarning, match="pass state='the outermost' for the other"):
        saved(tmp_path, inside)
    same(load_published(tmp_path / "a.pt", state="the outermost"))


def test_a_state_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    both = {"state_dict": state(), "state_dict_ema": state()}
    refused(tmp_path, both, "no state 'ema'; it has 'state_dict', 'state_dict_ema'", state="ema")
    refused(tmp_path, state(), "no state 'ema'; it has one, unnamed", state="ema")
    content = {k: v.numpy() for k, v in state().items()}
    for path in (
        files.write_safetensors(tmp_path / "a.safetensors", content),
        files.write_npz(tmp_path / "a.npz", content),
    ):
        with pytest.raises(WeightsError, match=r"no state 'ema': only \.pt files"):
            load_published(path, state="ema")


def test_states_that_nothing_tells_apart_are_refused(tmp_path):
    two = {"teacher": spoiled(), "student": state(), "epoch": 3}
    refused(tmp_path, two, "holds 2 states, 'teacher', 'student'; pass state='teacher' or another")
    same(load_published(tmp_path / "a.pt", state="student"))


def test_the_same_state_twice_is_no_choice(tmp_path):
    one = state()
    same(saved(tmp_path, {"state_dict": one, "model": one}))


def test_a_state_that_holds_itself_ends(tmp_path):
    loop = {"epoch": 3}
    loop["state_dict"] = loop
    refused(tmp_path, loop, "'state_dict' is no tensor under a name")
    loop["model"] = state()
    same(saved(tmp_path, loop))


# --- What lies beside the weights ---------------------------------------------------------------


def lightning(module, monkeypatch):
    """Lightning's own dictionary, as if it were installed: pickled under its name."""
    fake = types.ModuleType(module)
    kind = type("AttributeDict", (dict,), {"__module__": module})
    fake.AttributeDict = kind
    parts = module.split(".")
    for i in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:i]), types.ModuleType(parts[i - 1]))
    monkeypatch.setitem(sys.modules, module, fake)
    return kind


BESIDE = {
    "a NumPy number": np.float64(0.9),
    "NumPy numbers": [np.float32(1), np.int64(3), np.bool_(True), np.bool_(False), np.uint8(1)] * 3,
    "a number of bytes above 127": [np.float64(x) for x in np.linspace(-1e9, 1e9, 200)],
    "NumPy arrays": {"loss": np.linspace(0, 1, 50), "confusion": np.eye(3, dtype=int)},
    "a dtype": [np.dtype("f4"), np.dtypes.Float64DType, np.float32],
    "timm's args": argparse.Namespace(lr=0.1, data=Path("/data"), nested=argparse.Namespace(a=[1])),
    "paths": [Path("a/b"), PurePosixPath("/c"), PureWindowsPath("d:\\e")],
    "a defaultdict": defaultdict(list, {"loss": [1.0, 2.0]}),
    "defaultdicts": [defaultdict(int, a=1), defaultdict(float), defaultdict(dict, b={})],
    "a set": {"a", 2, (3, "b")},
    "a frozenset": frozenset({1}),
    "bytes": b"\x00\xff" * 20,
    "torch's": [torch.Size([1, 2]), torch.device("cuda:0"), torch.float16, torch.__version__],
    "an OrderedDict": OrderedDict(a=1, b=OrderedDict()),
    "a range and the like": [range(3), str, 2**70, None, True, "text", (1, 2)],
    "random states": [torch.get_rng_state(), np.random.RandomState(0).get_state()],
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_is_harmless_may_lie_beside(tmp_path, what):
    same(saved(tmp_path, {"state_dict": state(), "best": BESIDE[what]}))
    again = copy.deepcopy(BESIDE[what])
    same(saved(tmp_path, {"a": BESIDE[what], "b": BESIDE[what], "c": again, "model": state()}))
    same(saved(tmp_path, state() | {"best": BESIDE[what]}))


@pytest.mark.parametrize(
    "module",
    [
        "pytorch_lightning.utilities.parsing",
        "lightning.pytorch.utilities.parsing",
        "lightning_fabric.utilities.data",
        "lightning.fabric.utilities.data",
    ],
)
def test_lightnings_options_may_lie_beside(tmp_path, monkeypatch, module):
    kind = lightning(module, monkeypatch)
    options = kind(lr=0.1, layers=kind(a=1))
    content = {"state_dict": under("model.", state()), "hyper_parameters": options, "epoch": 1}
    torch.save(content, tmp_path / "last.ckpt")
    monkeypatch.delitem(sys.modules, module)  # nor is it needed to read the file
    same(load_published(tmp_path / "last.ckpt"))
    assert module not in sys.modules


def test_the_old_names_of_numpy_are_known(tmp_path):
    content = pickle.dumps({"best": np.float64(0.9), "history": np.zeros(3)}, 2)
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != content
    path = tmp_path / "old.pt"
    path.write_bytes(files.torch_archive(old))
    with pytest.raises(WeightsError, match="'best', 'history' is no tensor"):
        load_published(path)


def test_what_is_read_beside_is_never_made(tmp_path, monkeypatch):
    monkeypatch.setattr(argparse.Namespace, "__init__", None)
    monkeypatch.setattr(np, "dtype", None)
    content = b"cargparse\nNamespace\n)\x81}X\x01\x00\x00\x00aK\x01sbcpathlib\nPosixPath\n"
    content += b"X\x01\x00\x00\x00/\x85Rcnumpy\ndtype\nK\x01\x85R"
    planted(tmp_path, b"(" + content + b"t", "holds a tuple")


def planted(folder, content, words):
    """A pickle, protocol 2, is refused in these words."""
    path = folder / "a.pt"
    path.write_bytes(files.torch_archive(b"\x80\x02" + content + b"."))
    with pytest.raises(WeightsError, match=words):
        load_published(path)


def text(content):
    return b"X" + struct.pack("<I", len(content)) + content.encode()


ENCODE = b"c_codecs\nencode\n"
NUMBERS = b"K\x01" * 9000
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\nq\x01(" + text("storage") + b"ctorch\nFloatStorage\n"
REBUILD += text("0") + text("cpu") + b"K\x01tQq\x02"
COPIES = {
    "one text, encoded often": text("a" * 2**20) + b"q\x00" + (ENCODE + b"h\x00" + text("latin1")
    + b"\x86R") * 9,
    "arguments from the memo": text("a" * 2**20) + text("latin1") + b"\x86q\x00"
    + (ENCODE + b"h\x00R") * 9,
    "one list, made a set often": b"](" + NUMBERS + b"eq\x00"
    + b"c__builtin__\nset\nh\x00\x85R" * 900,
    "one list, filled late and made a set often": b"]q\x00(" + NUMBERS + b"e"
    + b"c__builtin__\nset\nh\x00\x85R" * 900,
    "one tuple, made a Size often": b"(" + NUMBERS + b"tq\x00" + b"ctorch\nSize\nh\x00\x85R" * 900,
    "one list, made a dictionary often": b"](" + b"K\x01K\x02\x86" * 9000 + b"eq\x00"
    + b"ccollections\nOrderedDict\nh\x00\x85R" * 900,
    "one dictionary, built in often": b"}q\x00(" + NUMBERS + b"u"
    + b"ccollections\nOrderedDict\n)Rh\x00b" * 900,
    "one call, made often": b"(" + NUMBERS + b"tq\x00" + b"cnumpy\ndtype\nh\x00R" * 900,
    "a tensor of many dimensions, often": b"(" + NUMBERS + b"tq\x00" + REBUILD
    + b"h\x01(h\x02K\x00h\x00h\x00\x89NtR" * 900,
    "a key that is a tuple of a tuple of a tuple": b"K\x01\x85q\x00" + b"h\x00h\x00\x86q\x00" * 60
    + b"}h\x00Ns",
}  # fmt: skip


@pytest.mark.parametrize("how", COPIES)
def test_a_pickle_that_copies_without_end_is_not_run(tmp_path, how):
    words = "copies the same things again and again.* Save only the weights"
    planted(tmp_path, b"(" + COPIES[how] + b"t", words)


CODES = {
    "bytes doubled": ENCODE + b"q\x00" + text("a" * 64) + text("latin1") + b"\x86Rq\x01"
    + (b"h\x00h\x01" + text("hex") + b"\x86Rq\x01") * 40,
    "another codec": ENCODE + text("a") + text("utf-32") + b"\x86R",
    "a codec from the memo": text("idna") + b"q\x00" + ENCODE + text("a") + b"h\x00\x86R",
    "a call of a list of a list of a list": b"]q\x00" + b"](h\x00h\x00eq\x00" * 60 + b")R",
    "doubled without a memo": b"]" + b"2a" * 60,
}  # fmt: skip


@pytest.mark.parametrize("how", CODES)
def test_a_step_that_no_weights_need_is_not_run(tmp_path, how):
    words = "asks for .*(to another code|what has no name|DUP of pickle)|copies the same things"
    planted(tmp_path, b"(" + CODES[how] + b"t", words)


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval", "__builtin__ getattr", "builtins bytearray", "_codecs decode",
        "numpy load", "numpy.core.multiarray fromfile", "numpy.dtypes evil", "torch load",
        "pathlib PosixPath.unlink", "pathlib._local os", "argparse FileType", "torch.hub load",
        "collections namedtuple", "pytorch_lightning.utilities.parsing save", "numpy dtype.x",
        "builtins exec", "builtins __import__",
    ],
)  # fmt: skip
def test_every_other_name_stays_refused(tmp_path, name):
    module, _, attribute = name.partition(" ")
    content = f"c{module}\n{attribute}\n".encode() + text("a") + b"\x85R"
    asked = re.escape(f"{module.replace('__builtin__', 'builtins')}.{attribute}")
    planted(tmp_path, content, f"was not opened: its pickle asks for '{asked}'")


# --- The state itself ---------------------------------------------------------------------------


def test_numbers_and_texts_in_a_state_are_passed_over(tmp_path):
    same(saved(tmp_path, state() | {"epoch": 3, "best": 0.9, "arch": "mobilenetv1", "done": None}))
    same(saved(tmp_path, state() | {"conv_stem.stride": 2, "optimizer": {"lr": 0.1}, 7: "seven"}))
    wrong = state() | {"conv_stem.weight": 3}
    refused(tmp_path, wrong, "missing 'conv_stem.weight'")
    refused(tmp_path, state() | {7: torch.zeros(3)}, "'7' is no tensor under a name")
    wrong = state() | {"conv_stem.weight": np.zeros((8, 3, 3, 3))}
    refused(tmp_path, wrong, "'conv_stem.weight' is no tensor under a name")


def test_a_list_of_pairs_is_a_state(tmp_path):
    same(saved(tmp_path, list(state().items())))
    same(saved(tmp_path, {"state_dict": list(under("model.", state()).items())}))
    twice = [*state().items(), ("bn1.weight", torch.zeros(8))]
    refused(tmp_path, twice, "'bn1.weight' twice")
    refused(tmp_path, list(state().values()), "holds a list, not a state dict")


def test_ordered_dicts_with_their_metadata_are_states(tmp_path):
    net = files.small_net(PAPER, alpha=0.25, num_classes=2)
    loaded = saved(tmp_path, {"state_dict": net.state_dict()})
    assert loaded.convention == PAPER
    for wrong in (3, None, ["a"], {"": 4}, {"": {"mobilenet_lib": 5}}):
        odd = OrderedDict(state())
        odd._metadata = wrong
        same(saved(tmp_path, odd))


@pytest.mark.parametrize("ending", [".pth.tar", ".ckpt", ".bin", ".pt", ".model", ""])
def test_the_content_decides_not_the_ending(tmp_path, ending):
    same(saved(tmp_path, {"state_dict": state(), "epoch": 3}, f"a{ending}"))


def test_parameters_are_tensors(tmp_path):
    parameters = {k: torch.nn.Parameter(v, v.is_floating_point()) for k, v in state().items()}
    same(saved(tmp_path, parameters))


# --- The head -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["1", "0", "2", "dropout_and_linear.1"])
@pytest.mark.parametrize("source", LAST)
def test_a_sequential_in_place_of_the_head_is_the_head(tmp_path, source, place):
    head = LAST[source]
    weights = {k.replace(f"{head}.", f"{head}.{place}."): v for k, v in state(source).items()}
    assert f"{head}.{place}.bias" in weights
    same(saved(tmp_path, weights))
    same(saved(tmp_path, {"state_dict": under("model.", weights)}))


@pytest.mark.parametrize("source", LAST)
def test_two_linear_layers_are_refused(tmp_path, source):
    head = LAST[source]
    weights = {k.replace(f"{head}.", f"{head}.3."): v for k, v in state(source).items()}
    weights |= {f"{head}.0.weight": torch.eye(256), f"{head}.0.bias": torch.zeros(256)}
    message = refused(tmp_path, weights, "two linear layers where MobileNet has one")
    assert f"'{head}.3', '{head}.0'" in message
    assert "head='features'" in message


# --- Shards -------------------------------------------------------------------------------------

INDEX = "model.safetensors.index.json"


def shards(folder, weights=None, count=3, stem="model"):
    """Safetensors in shards, as transformers' save_pretrained writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = weights or {k: v.contiguous() for k, v in state().items()}
    names, places = sorted(weights), {}
    for i in range(count):
        shard = f"{stem}-{i + 1:05}-of-{count:05}.safetensors"
        part = {name: weights[name] for name in names[i::count]}
        safetensors.torch.save_file(part, folder / shard, {"format": "pt"})
        places |= dict.fromkeys(part, shard)
    return index(folder, places, stem)


def index(folder, places, stem="model"):
    content = {"metadata": {"total_size": 1}, "weight_map": places}
    path = folder / f"{stem}.safetensors.index.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def places(folder):
    return json.loads((folder / INDEX).read_text("utf-8"))["weight_map"]


def test_shards_are_read_by_folder_index_and_shard(tmp_path):
    path = shards(tmp_path)
    for named in (tmp_path, path, *sorted(tmp_path.glob("*.safetensors"))):
        assert same(load_published(named)).source["file"] == INDEX
    other = shards(tmp_path / "b", stem="net")
    same(load_published(other))
    same(load_published(other.with_name("net-00002-of-00003.safetensors")))


def test_a_configuration_beside_shards_is_followed(tmp_path):
    shards(tmp_path, {k: v.contiguous() for k, v in state("transformers").items()})
    config = {"hidden_act": "relu", "id2label": {str(i): f"name {i}" for i in range(10)}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for named in (tmp_path, tmp_path / "model-00002-of-00003.safetensors"):
        net = same(load_published(named))
        assert (net.convention.activation, net.classes[3]) == ("relu", "name 3")


def test_shards_that_are_not_whole_say_what_to_get(tmp_path):
    first, second, third = (f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3))
    shards(tmp_path)
    (tmp_path / third).write_bytes(pickle.dumps([1]))
    with pytest.raises(WeightsError, match=f"{third} is no safetensors file"):
        load_published(tmp_path)
    (tmp_path / second).unlink()
    with pytest.raises(WeightsError, match=f"its shard {second} is missing"):
        load_published(tmp_path)
    (tmp_path / INDEX).unlink()
    with pytest.raises(WeightsError, match=f"one of 3 shards, and their index {INDEX} is not"):
        load_published(tmp_path / first)


def test_an_index_of_other_shards_is_named(tmp_path):
    shards(tmp_path)
    right, first = places(tmp_path), "model-00001-of-00003.safetensors"
    only_in_it = next(name for name, shard in right.items() if shard == first)
    elsewhere = right | {only_in_it: "model-00002-of-00003.safetensors"}
    without = {name: shard for name, shard in right.items() if name != only_in_it}
    wrong = {"ears": right | {"ears": first}, only_in_it: without}
    for name, changed in (*wrong.items(), (only_in_it, elsewhere)):
        index(tmp_path, changed)
        with pytest.raises(WeightsError, match=rf"its shard {first} differ about '{name}'"):
            load_published(tmp_path)


@pytest.mark.parametrize(
    "shard",
    ["../a.safetensors", "/a.safetensors", "b/a.safetensors", "..\\a.safetensors", "", ".", "..",
     "c:a.safetensors", "a.pt", "a\0.safetensors", 3, None, {"a": 1}, "../" * 9000],
)  # fmt: skip
def test_a_shard_elsewhere_is_not_opened(tmp_path, shard):
    shards(tmp_path / "in")
    safetensors.torch.save_file({"bn1.bias": torch.zeros(8)}, tmp_path / "a.safetensors")
    index(tmp_path / "in", places(tmp_path / "in") | {"bn1.bias": shard})
    with pytest.raises(WeightsError, match=r"outside its folder|damaged index") as caught:
        load_published(tmp_path / "in")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "content", ["", "[", "[]", "3", "{}", '{"weight_map": []}', '{"weight_map": {}}', "[" * 99_999]
)
def test_a_damaged_index_is_named(tmp_path, content):
    shards(tmp_path).write_text(content)
    with pytest.raises(WeightsError, match=r"index.json (is a?\s?damaged|names no tensor)"):
        load_published(tmp_path)


def test_shards_are_limited_together(tmp_path, monkeypatch):
    shards(tmp_path)
    sizes = [v.numel() * v.element_size() for v in state().values()]
    monkeypatch.setattr(formats, "MAX_BYTES", sum(sizes) - 1)
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < sum(sizes) - 1
    with pytest.raises(WeightsError, match="its tensors would take"):
        load_published(tmp_path)
    monkeypatch.setattr(formats, "MAX_BYTES", sum(sizes))
    same(load_published(tmp_path))


def test_shards_on_the_hub_are_downloaded(tmp_path, hub):  # noqa: F811
    name = "somebody/mobilenet"
    folder = tmp_path / "hub" / name / "c0ffee"
    shards(folder)
    assert same(load_published(name)).source["revision"] == "c0ffee"
    patterns = hub.asked[0][2]
    for path in folder.iterdir():
        assert any(path.match(pattern) for pattern in patterns)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"its shard model-00002-of-00003\.safetensors is mis"):
        load_published(name)
