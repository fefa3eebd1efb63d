"""Checkpoints that are none: each is refused by name, says what would be right, runs no code."""

import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile

import checkpoint_files as files
import numpy as np
import pytest
import torch

from mobilenet_lib import PAPER, TF_SLIM, TIMM, load_published
from mobilenet_lib.preprocess import INCEPTION, RAW_255, Preprocess
from mobilenet_lib.weights import WeightsError, save_checkpoint, torch_files
from mobilenet_lib.weights.formats import MAX_BYTES, MAX_HEADER, MAX_TENSORS


def refused(path, *words):
    with pytest.raises(WeightsError) as caught:
        load_published(path)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message, message
    assert len(message) < 1000
    return message


def saved(tmp_path, state):
    return files.write_safetensors(tmp_path / "a.safetensors", state)


# --- Names, shapes, numbers -------------------------------------------------------------------


def put(name, value, dtype="float32", places=1):
    """A change of a tensor's type, and of its first numbers to `value`, if that is one."""

    def change(state):
        state[name] = state[name].astype(dtype)
        if value is not None:
            state[name].flat[:places] = value

    return change


def zeros(name, *shape, dtype=np.float32):
    return lambda state: state.update({name: np.zeros(shape, dtype)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda state: state.pop("blocks.3.2.bn1.running_var"),
            ("missing 'blocks.3.2.bn1.running_var'", "timm MobileNet V1", "137 weights"),
        ),
        (zeros("blocks.9.0.conv_pw.weight", 3), ("extra 'blocks.9.0.conv_pw.weight'",)),
        (
            zeros("blocks.4.1.conv_pw.weight", 256, 255, 1, 1),
            ("has shape (256, 255, 1, 1), must be (256, 256, 1, 1)", "0.25 MobileNet V1"),
        ),
        (zeros("blocks.0.0.bn2.weight", 24), ("has shape (24,), must be (16,)",)),
        (zeros("classifier.weight", 10, 128), ("'classifier.weight' has shape", "(10, 256)")),
        (zeros("classifier.bias", 10, 1), ("'classifier.bias' has shape (10, 1); one number",)),
        (zeros("bn1.num_batches_tracked", 3, dtype=np.int64), ("has shape (3,), must be ()",)),
        (zeros("bn1.num_batches_tracked"), ("counters of int64",)),
        *(
            (put("blocks.1.0.conv_dw.weight", bad, places=2), ("has 2 of 144 numbers that are",))
            for bad in (np.nan, np.inf, -np.inf)
        ),
        (put("classifier.bias", 1e300, "float64"), ("too large for float32",)),
        (put("bn1.running_var", -0.5), ("'bn1.running_var' holds a negative variance, -0.5",)),
        *(
            (put("classifier.weight", None, dtype), (dtype, "must be of type float16"))
            for dtype in ("int8", "int64", "bool", "complex64")
        ),
    ],
)
def test_a_wrong_tensor_is_named(tmp_path, change, words):
    state = files.arrays("timm")
    change(state)
    refused(files.write_npz(tmp_path / "a.npz", state), *words)


def test_many_wrong_keys_are_counted(tmp_path):
    state = {k: v for k, v in files.arrays("timm").items() if not k.startswith("blocks.2")}
    path = saved(tmp_path, state | {"ears": np.zeros(2)})
    message = refused(path, "and 16 more", "extra 'ears'")
    assert message.count("blocks.2") == 4


def test_a_kernel_in_the_wrong_layout_is_named(tmp_path):
    slim = files.arrays("tf-slim")
    key = "MobilenetV1/Conv2d_1_depthwise/depthwise_weights"
    slim[key] = np.ascontiguousarray(slim[key].transpose(2, 3, 0, 1))
    path = files.write_npz(tmp_path / "a.npz", slim)
    refused(path, key, "has shape (8, 1, 3, 3), must be (3, 3, 8, 1)")


def test_widths_of_no_multiplier_are_refused(tmp_path):
    net = files.small_net(TIMM, alpha=0.5, num_classes=3)
    other = files.small_net(TIMM, alpha=0.25, num_classes=3)
    state = {
        k: v.numpy()
        for k, v in {**net.state_dict(), **dict(list(other.state_dict().items())[:80])}.items()
    }
    refused(saved(tmp_path, state), "misshapen", "must be")
    state = files.arrays("timm")
    state |= {k: np.zeros(0, np.float32) for k in state if "bn" in k}
    refused(saved(tmp_path, state), "fit no width multiplier up to 16")


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["features.0.0.weight", "features.0.1.weight"], "features.0.0.weight"),
        (["mobilenet_v2.conv_stem.first_conv.weight"], "It looks like MobileNet V2"),
        ([f"MobilenetV2/expanded_conv_{i}/weights" for i in range(9)], "like MobileNet V2"),
        (["conv2d/kernel", "dense_3/bias"], "by itself; a file of the whole model says what they"),
        ([], "none at all"),
    ],
)
def test_another_networks_names_are_unknown(tmp_path, names, word):
    path = saved(tmp_path, {name: np.zeros(2, np.float32) for name in names} or {})
    refused(path, word, "mobilenet_lib, timm, transformers, tf-slim, keras")


# --- Files that are no checkpoint ---------------------------------------------------------------


def test_a_missing_file_is_answered_with_what_there_could_be(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\.safetensors, \.pt .*timm/mobilenetv1_100"):
        load_published(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors; name the file itself"):
        load_published(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.safetensors", b"", "is empty (0 bytes)"),
        ("a.safetensors", b"not one at all", "is no safetensors file"),
        ("a.safetensors", struct.pack("<Q", 2**63) + b"{}" + b" " * 99, "is no safetensors file"),
        ("a.safetensors", struct.pack("<Q", 60) + b"{}", "is no safetensors file"),
        ("a.safetensors", struct.pack("<Q", 40) + b"{" * 90, "damaged safetensors file"),
        ("a.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "damaged HDF5 file"),
        ("a.npz", b"PK\x03\x04" + b"\0" * 90, "damaged zip archive"),
        ("a.ckpt", b"model.ckpt-1", "unknown format"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, name, content, word):
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, word)


def test_a_header_too_long_is_not_parsed(tmp_path):
    path = tmp_path / "a.safetensors"
    header = json.dumps({"__metadata__": {"x": "y" * MAX_HEADER}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(path, "is no safetensors file", f"{MAX_HEADER:,}")


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.safetensors"
    with open(path, "wb") as handle:
        handle.truncate(MAX_BYTES + 1)  # no byte of it stands on the disk
    refused(path, f"would take {MAX_BYTES + 1:,} bytes")


def test_too_many_tensors_are_not_listed(tmp_path):
    empty = np.zeros(0, np.float32)
    path = saved(tmp_path, {f"layer {i}": empty for i in range(MAX_TENSORS + 1)})
    refused(path, "declares 10,001 tensors; at most 10,000")


def test_a_shape_below_zero_is_refused(tmp_path):
    path, content = tmp_path / "a.npz", io.BytesIO()
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.float32)) | {"shape": (-3,)}
    np.lib.format.write_array_header_1_0(content, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conv_stem.weight.npy", content.getvalue())
    refused(path, "'conv_stem.weight' is no array", "its shape (-3,) is below zero")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "a.npz"
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.float32)) | {"shape": (2**30,)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("conv_stem.weight.npy", "w", force_zip64=True) as entry,
    ):
        np.lib.format.write_array_header_1_0(entry, header)
        for _ in range(9):
            entry.write(bytes(2**26))
    assert path.stat().st_size < 2**20
    refused(path, "would take", "at most")


def test_an_array_shorter_than_it_says_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in files.arrays("timm").items():
            content = io.BytesIO()
            np.lib.format.write_array(content, value)
            cut = 8 if name == "classifier.bias" else 0
            archive.writestr(f"{name}.npy", content.getvalue()[: len(content.getvalue()) - cut])
    refused(path, "'classifier.bias' is damaged", "promises 40 bytes, 32 are there")


# --- Pickles ------------------------------------------------------------------------------------


class Payload:
    """Makes a folder when it is unpickled in the ordinary way."""

    def __init__(self, path, function=os.mkdir):
        self.path, self.function = str(path), function

    def __reduce__(self):
        return self.function, (self.path,)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("place", ["archive", "bare", "npz"])
def test_a_pickle_that_would_run_code_does_not(tmp_path, protocol, place):
    canary = tmp_path / "canary"
    content = pickle.dumps({"conv_stem.weight": Payload(canary)}, protocol)
    pickle.loads(content)
    assert canary.is_dir()  # the payload works
    canary.rmdir()
    path = tmp_path / "a.pt"
    if place == "archive":
        path.write_bytes(files.torch_archive(content))
        asked = "mkdir" if protocol < 4 else "FRAME of pickle protocol 4"
        refused(path, "was not opened", asked, "could run any code", "torch.save(net.state_dict()")
    elif place == "bare":
        path.write_bytes(content)
        refused(path, "bare pickle" if protocol >= 2 else "unknown format")
    else:
        np.savez(path.with_suffix(".npz"), weight=np.array([Payload(canary)], dtype=object))
        refused(path.with_suffix(".npz"), "no array of plain numbers", "pickled objects")
    assert not canary.exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_each_of_the_two_locks_holds_alone(tmp_path, monkeypatch, protocol):
    canary, path = tmp_path / "canary", tmp_path / "a.pt"
    path.write_bytes(files.torch_archive(pickle.dumps({"a.b": Payload(canary)}, protocol)))
    with monkeypatch.context() as changed:  # nothing is looked up before: torch refuses
        changed.setattr(torch_files, "_inspect", lambda content: (set(), 0))
        refused(path, "cannot be read by torch")
    assert not canary.exists()
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda file, **options: load(file, weights_only=False))
    refused(path, "was not opened")
    assert not canary.exists()
    load(path, weights_only=False)
    assert canary.is_dir()  # without both, the payload works


def test_a_compressed_pt_file_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    bomb = pickle.dumps({"a": "b" * 2**24}, 2)
    path.write_bytes(files.torch_archive(bomb, zipfile.ZIP_DEFLATED))
    refused(path, "is compressed, which torch.save never does")


@pytest.mark.parametrize(
    ("content", "word"),
    [([1, 2], "holds a list"), ({"a": 3}, "'a' is no tensor"), ({1: torch.zeros(2)}, "'1'")],
)
def test_a_pt_file_of_something_else_is_refused(tmp_path, content, word):
    torch.save(content, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", word)


def test_a_file_that_changes_while_it_is_checked_does_not_matter(tmp_path, monkeypatch):
    canary, path = tmp_path / "canary", tmp_path / "a.pt"
    files.write_torch(path, files.arrays("timm"))
    harmful = files.torch_archive(pickle.dumps({"a": Payload(canary)}, 2))
    load, inspect = torch.load, torch_files._inspect
    monkeypatch.setattr(torch, "load", lambda file, **options: load(file, weights_only=False))

    def swapped(content):
        path.write_bytes(harmful)
        return inspect(content)

    monkeypatch.setattr(torch_files, "_inspect", swapped)
    assert load_published(path).arch.alpha == 0.25
    assert not canary.exists()


def test_one_number_that_poses_as_many_takes_no_memory(tmp_path):
    state = files.tensors("timm")
    state["classifier.weight"] = torch.zeros(1).expand(2**36)
    torch.save(state, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "would take")


# --- What a file says of itself -----------------------------------------------------------------


def own(tmp_path, change):
    """A checkpoint of ours whose description was changed."""
    net = files.small_net(PAPER, alpha=0.25, num_classes=2, resolution=96)
    path = tmp_path / "own.safetensors"
    save_checkpoint(net, path, preprocess=RAW_255, classes=("a", "b"), source={})
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header["__metadata__"]["mobilenet_lib"])
    change(metadata)
    header["__metadata__"]["mobilenet_lib"] = json.dumps(metadata)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return path


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s: s.update(version=3), "has version 3 of our format"),
        (lambda s: s.update(version=2, head="softmin"), "head must be one of softmax"),
        (lambda s: s.update(version=2, head="features"), "does not go with 2 outputs"),
        (lambda s: s.pop("convention"), "no entry 'convention'"),
        (lambda s: s["convention"].update(activation="elu"), "activation must be one of relu"),
        (
            lambda s: s["convention"].update(bn_eps="x"),
            "bn_eps must be a number above 0 and at most 1",
        ),
        (lambda s: s["convention"].update(speed=1), "speed"),
        (lambda s: s["architecture"].update(alpha=0.5), "says alpha 0.5"),
        (lambda s: s["architecture"].update(alpha=-1), "alpha must be a number above 0"),
        (lambda s: s["architecture"].update(body="full"), "says alpha 0.25, full body"),
        (lambda s: s["preprocess"].update(std=[0, 1, 1]), "std must be a number above 0"),
        (lambda s: s.update(preprocess=[]), "must be a mapping, not list"),
        (lambda s: s.update(classes=["a"]), "1 names of classes"),
        (lambda s: s.update(classes=[1, 2]), "must be a list of texts"),
        (lambda s: s.update(source="me"), "source must be a dictionary"),
        (lambda s: s.clear(), "has version None"),
    ],
)
def test_a_damaged_description_of_ours_is_named(tmp_path, change, word):
    refused(own(tmp_path, change), word)


# --- The hub ------------------------------------------------------------------------------------

TIMM_CONFIG = {
    "architecture": "mobilenetv1_100",
    "pretrained_cfg": {
        "input_size": [3, 224, 224],
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "crop_pct": 0.9,
        "interpolation": "bicubic",
        "license": "apache-2.0",
    },
}
TRANSFORMERS_CONFIG = {
    "image_size": 192,
    "hidden_act": "relu",
    "layer_norm_eps": 0.01,
    "tf_padding": False,
    "classifier_dropout_prob": 0.999,
    "id2label": {str(i): f"name {i}" for i in range(10)},
}


def repository(folder, source, **jsons):
    folder.mkdir(parents=True, exist_ok=True)
    state = files.arrays(source)
    files.write_safetensors(folder / "model.safetensors", state, format="pt")
    for name, content in jsons.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    return folder


def test_timms_configuration_is_followed(tmp_path):
    net = load_published(repository(tmp_path / "a", "timm", config=TIMM_CONFIG))
    assert net.convention == TIMM
    assert (net.preprocess.crop_fraction, net.preprocess.interpolation) == (0.9, "bicubic")
    assert net.source["licence"] == "apache-2.0"
    assert net.source["architecture"] == "mobilenetv1_100"


def test_transformers_configuration_is_followed(tmp_path):
    photo = {
        "crop_size": {"height": 160, "width": 160},
        "size": {"shortest_edge": 200},
        "resample": 3,
        "image_mean": [0.4, 0.5, 0.6],
    }
    folder = repository(
        tmp_path / "a", "transformers", config=TRANSFORMERS_CONFIG, preprocessor_config=photo
    )
    net = load_published(folder)
    traits = (net.convention.activation, net.convention.padding, net.convention.bn_eps)
    assert traits == ("relu", "symmetric", 0.01)
    assert net.convention.dropout == TF_SLIM.dropout  # 0.999 was the share to keep
    assert net.preprocess.resolution == net.arch.resolution == 160
    assert net.preprocess.crop_fraction == 0.8
    assert net.preprocess.interpolation == "bicubic"
    assert net.preprocess.mean == (0.4, 0.5, 0.6)
    assert net.preprocess.crop_mode == "center"
    assert net.convention.width_rule == TF_SLIM.width_rule
    assert net.classes[3] == "name 3"
    (folder / "preprocessor_config.json").unlink()
    net = load_published(folder)
    assert net.preprocess == Preprocess(
        192, INCEPTION.mean, INCEPTION.std, 1 / 255, 192 / 224, "bilinear"
    )


def test_what_transformers_leaves_out_is_its_default(tmp_path):
    photo = {"size": {"height": 224, "width": 224}}
    folder = repository(
        tmp_path / "a", "transformers", config={"min_depth": 1}, preprocessor_config=photo
    )
    net = load_published(folder)
    traits = (net.convention.activation, net.convention.padding, net.convention.bn_eps)
    assert traits == ("relu6", "same", 1e-3)
    assert net.convention.width_rule == PAPER.width_rule != TF_SLIM.width_rule
    assert (net.preprocess.resolution, net.preprocess.crop_mode) == (224, "squash")
    assert (net.preprocess.crop_fraction, net.preprocess.interpolation) == (1, "bilinear")


@pytest.mark.parametrize(
    ("source", "config", "word"),
    [
        ("timm", {"pretrained_cfg": {}}, "no entry 'input_size'"),
        ("timm", {"pretrained_cfg": 5}, "says of itself is damaged"),
        ("transformers", TRANSFORMERS_CONFIG | {"hidden_act": "gelu"}, "activation must be one of"),
        ("transformers", TRANSFORMERS_CONFIG | {"id2label": {"0": "a"}}, "1 names of classes"),
        ("transformers", TRANSFORMERS_CONFIG | {"image_size": 10**9}, "resolution must be"),
        ("transformers", TRANSFORMERS_CONFIG | {"image_size": 16}, "resolution must be"),
    ],
)
def test_a_damaged_configuration_is_named(tmp_path, source, config, word):
    folder = repository(tmp_path / "a", source, config=config)
    refused(folder / "model.safetensors", word)


def test_a_configuration_that_is_no_json_is_named(tmp_path):
    folder = repository(tmp_path / "a", "timm")
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json is damaged"):
        load_published(folder)
    (folder / "config.json").write_text(json.dumps({"x": "y" * MAX_HEADER}))
    with pytest.raises(
        WeightsError, match=r"config\.json is damaged \(it has over 4,194,304 bytes"
    ):
        load_published(folder)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for huggingface_hub: a folder of repositories, and an error on demand."""

    class ReadTimeout(Exception):  # the HTTP client's, which is no OSError
        pass

    class HfHubHTTPError(ReadTimeout, OSError):
        pass

    kinds = {
        "RepositoryNotFoundError": HfHubHTTPError,
        "RevisionNotFoundError": HfHubHTTPError,
        "LocalEntryNotFoundError": FileNotFoundError,
        "OfflineModeIsEnabled": ConnectionError,
        "HFValidationError": ValueError,
    }
    errors = types.ModuleType("huggingface_hub.errors")
    vars(errors).update({name: type(name, (kind,), {}) for name, kind in kinds.items()})
    errors.ReadTimeout, errors.HfHubHTTPError = ReadTimeout, HfHubHTTPError
    fake = types.ModuleType("huggingface_hub")
    fake.asked, fake.raises = [], ""

    def snapshot_download(name, revision, allow_patterns):
        fake.asked.append((name, revision, allow_patterns))
        if fake.raises:
            raise getattr(errors, fake.raises)("no")
        return str(tmp_path / "hub" / name / "c0ffee")

    fake.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return fake


def test_a_hub_name_is_downloaded_with_its_configuration(tmp_path, hub):
    name = "timm/mobilenetv1_100.ra4_e3600_r224_in1k"
    repository(tmp_path / "hub" / name / "c0ffee", "timm", config=TIMM_CONFIG)
    net = load_published(name, revision="main")
    assert net.preprocess.crop_fraction == 0.9
    assert (net.source["repository"], net.source["revision"]) == (name, "c0ffee")
    ((*asked, patterns),) = hub.asked
    assert asked == [name, "main"]
    # Safetensors and their description: no pickle is ever asked for.
    assert {pattern.rpartition(".")[2] for pattern in patterns} == {"safetensors", "json"}


@pytest.mark.parametrize(
    ("raised", "kind", "word"),
    [
        ("LocalEntryNotFoundError", ConnectionError, "the hub cannot be reached"),
        ("OfflineModeIsEnabled", ConnectionError, "With a network, load it once"),
        ("HfHubHTTPError", ConnectionError, "person detector in data/checkpoints"),
        ("ReadTimeout", ConnectionError, "the hub cannot be reached"),
        ("RevisionNotFoundError", FileNotFoundError, "google/none has no revision 'v9'"),
        ("", FileNotFoundError, "has no model.safetensors, and nothing else is loaded"),
        ("RepositoryNotFoundError", FileNotFoundError, "neither a file here nor a public"),
        ("HFValidationError", FileNotFoundError, "no checkpoint 'google/none'"),
    ],
)
def test_what_the_hub_lacks_is_said(hub, raised, kind, word):
    hub.raises = raised
    with pytest.raises(kind, match=word):
        load_published("google/none", revision="v9")


def test_without_the_hubs_package_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match="pip install huggingface_hub"):
        load_published("google/mobilenet_v1_1.0_224")


def test_without_h5py_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ModuleNotFoundError, match="pip install h5py"):
        load_published(tmp_path / "a.h5")


def test_the_real_hub_package_finds_what_was_downloaded_before(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants", constants)
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = tmp_path / "models--google--mobilenet_v1_1.0_224"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text(commit)
    repository(folder / "snapshots" / commit, "transformers", config=TRANSFORMERS_CONFIG)
    net = load_published("google/mobilenet_v1_1.0_224")
    assert net.source["revision"] == commit
    assert net.classes[0] == "name 0"
    with pytest.raises(ConnectionError, match="the hub cannot be reached"):
        load_published("google/mobilenet_v1_0.75_192")


# --- HDF5 ---------------------------------------------------------------------------------------


def test_links_in_an_hdf5_file_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = files.write_keras(tmp_path / "a.h5", files.arrays("keras"), "weights")
    other = files.write_keras(tmp_path / "b.h5", files.arrays("keras"), "weights")
    with h5py.File(path, "a") as file:
        file["conv9"] = h5py.ExternalLink(str(other), "/")
        for i in range(30):
            file[f"again {i}"] = file["/"]  # 30^n names of the same, n groups deep
    files.same(load_published(path))
    with h5py.File(path, "a") as file:
        del file["conv1"]
        file["conv1"] = h5py.ExternalLink(str(other), "conv1")
    refused(path, "missing 'conv1/kernel'")


def outside(h5py, file, folder):
    (folder / "secret").write_bytes(b"12345678")
    file.create_dataset("c/c/x", (2,), "f4", external=[(str(folder / "secret"), 0, 8)])


def virtual(h5py, file, folder):
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "b.h5"), "conv1/conv1/kernel:0", (2,))
    file.create_virtual_dataset("c/c/x", layout)


def huge(h5py, file, folder):
    file.create_dataset("huge/huge/kernel:0", (2**34,), "f4", compression="gzip")


def many(h5py, file, folder):
    for i in range(10_001):
        file.create_group(f"group {i}")


def of_keras_3(h5py, file, folder):
    file["layers/conv2d/vars/0"] = np.zeros(3)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (outside, "'c/c/x' keeps its numbers in another file"),
        (virtual, "'c/c/x' keeps its numbers in another file"),
        (huge, "would take"),
        (many, "has over 10,000 entries"),
        (of_keras_3, "Keras 3's .weights.h5, which names no layers; save the model with its"),
    ],
)
def test_what_keras_never_writes_into_an_hdf5_file_is_refused(tmp_path, plant, words):
    h5py = pytest.importorskip("h5py")
    path = files.write_keras(tmp_path / "a.h5", files.arrays("keras"), "weights")
    with h5py.File(path, "a") as file:
        plant(h5py, file, tmp_path)
    refused(path, words)
