"""Files that Keras, transformers and timm wrote: their own answers, or a refusal that names why."""

import json
import tarfile
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from make_field_reference import pictures
from make_field_transformers import photo, places
from PIL import Image

from mobilenet_lib import load_published
from mobilenet_lib.preprocess import INCEPTION
from mobilenet_lib.weights import WeightsError
from mobilenet_lib.weights.hub_processor import processor

pytestmark = pytest.mark.slow

FIELD = Path(__file__).parent / "field"
REFUSED = {  # what in each file cannot be followed, as the message names it
    "size_64x96": "takes 64x96 pixels; our network's input is square",
    "depth_multiplier_2": "'conv_dw_1' (DepthwiseConv2D) has depth_multiplier 2",
    "sequential_pooling_max": "(GlobalMaxPooling2D) takes maxima",
    "global_max": "(GlobalMaxPooling2D) takes maxima",
    "regression_1": "was trained by mse to measure something",
    "flatten_alone": "(Flatten) flattens a map that was not averaged",
    "hidden_16": "comes after the classifier",
    "hidden_norm": "(BatchNormalization) comes where the classifier",
    "no_bias": "(Dense) has no bias",
    "lambda": "(Lambda) runs code of its own",
    "resizing": "takes 120x128 pixels",
    "center_crop": "takes 120x128 pixels",
    "hand_leaky": "ReLU",
    "hand_swish": "MobileNet has ReLU or ReLU6",
    "hand_no_center": "missing",
    "hand_no_scale": "missing",
    "hand_first_stride_1": "standard with stride 1 where Table 1 has conv_0",
    "hand_last_stride_1": "depthwise with stride 1 where Table 1 has dw_12",
    "hand_dilation_2": "has dilation_rate",
    "hand_10_pairs": "MobileNet V1 has",
    "hand_norm_last": "where BatchNormalization belongs",
    "hand_residual": "(Add) takes 2 inputs",
}
REFUSED_OF_TORCH = {
    "hidden_act_hard_swish": "activation must be one of relu, relu6",
    "image_size_64x96": "its image_size is [64, 96]",
    "regression": "its problem_type is regression",
    "whole_model": "could run any code",
    **dict.fromkeys(("pool_max", "pool_avgmax", "pool_catavgmax"), "its global_pool is"),
}


def reference(name):
    return json.loads((FIELD / f"{name}.json").read_text("utf-8"))


@cache
def archive(name):
    with tarfile.open(FIELD / f"{name}.tar.xz") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}


def unpacked(folder, name, wanted):
    """A file, or a folder, of an archive, on the disk."""
    for member, content in archive(name).items():
        if member == wanted or member.startswith(f"{wanted.rstrip('/')}/"):
            path = folder / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder / wanted.rstrip("/")


def photos(case):
    return torch.from_numpy(pictures(case["height"], case["width"])).permute(0, 3, 1, 2)


def inputs(case):
    """What timm's and transformers' networks were given themselves."""
    assert case["input"] == "pixels / 127.5 - 1"
    return photos(case) / 127.5 - 1


@torch.inference_mode()
def off(net, case, x):
    """How far our answers are from theirs."""
    ours = net(x)
    if case["output"] in ("softmax", "sigmoid"):
        assert net.head == case["output"]
        ours = net.probabilities(ours)
    theirs = torch.tensor(case["answers"]).view(ours.shape)
    assert (theirs - theirs[:1]).abs().max() > 1e-2  # the answer depends on the picture
    return float((ours - theirs).abs().max())


KERAS = [
    (source, case["name"], file)
    for source in ("keras", "keras2")
    for case in reference(source)["cases"]
    for file in case["files"]
]


@pytest.mark.parametrize(("source", "name", "file"), KERAS, ids=lambda x: str(x))
def test_a_keras_file_answers_as_keras_or_is_refused_by_name(tmp_path, source, name, file):
    pytest.importorskip("h5py")
    case = next(c for c in reference(source)["cases"] if c["name"] == name)
    path = unpacked(tmp_path, source, file)
    bare = "weights.h5" in file  # nothing says how pixels are scaled, nor what the output is
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the file does not say how its pixels are scaled")
        if name in REFUSED or (bare and source == "keras"):
            with pytest.raises(WeightsError) as caught:
                load_published(path, head="any", preprocess=INCEPTION.at(96))
            assert REFUSED.get(name, "weights.h5") in str(caught.value)
            return
        told = {}
        if name.startswith("hand"):  # somebody's own network: it must be told the scale
            with pytest.raises(WeightsError, match="does not say how its pixels are scaled"):
                load_published(path, head="any")
            told["preprocess"] = INCEPTION.at(case["height"])
        net = load_published(path, head="any", **told)
    assert off(net, case, net.preprocess.normalize(photos(case))) < case["tolerance"]
    size = case["height"]
    assert net.preprocess.resolution in (size, 224)  # 224 where the model takes any
    assert (
        net.arch.layers[-2].out_size
        == net.feature_maps(torch.zeros(1, 3, *[net.arch.resolution] * 2), ["pw_13"])[
            "pw_13"
        ].shape[2]
    )


def test_most_keras_files_are_followed():
    names = {name for _, name, _ in KERAS}
    assert len(names) > 45
    assert names >= set(REFUSED)
    assert len(REFUSED) < 25


OF_TORCH = [
    (source, case)
    for source, group in (
        ("transformers", "networks"),
        ("timm", "folders"),
        ("timm", "checkpoints"),
    )
    for case in reference(source)[group]
]


@pytest.mark.parametrize(
    ("source", "case"), OF_TORCH, ids=[f"{source}-{case['name']}" for source, case in OF_TORCH]
)
def test_a_file_answers_as_its_package_or_is_refused_by_name(tmp_path, source, case):
    path = unpacked(tmp_path, source, case["files"][0])
    if case["name"] in REFUSED_OF_TORCH:
        with pytest.raises(WeightsError) as caught:
            load_published(path, head="any")
        assert REFUSED_OF_TORCH[case["name"]] in str(caught.value)
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*the weights of .* were taken")
        net = load_published(path, head="any")
    assert off(net, case, inputs(case)) < case["tolerance"]


NOT_PREPARED = {
    "no_crop": "its size is a shortest_edge and do_center_crop is false",
    "no_resize_no_crop": "do_resize and do_center_crop are both false",
    "only_normalize": "do_resize and do_center_crop are both false",
    "nothing": "do_resize and do_center_crop are both false",
    "oblong_240x320": "its size is 240x320 pixels",
    "oblong_120x160_no_crop": "its size is 120x160 pixels",
    "crop_224x192": "its crop_size is 224x192 pixels",
}


@pytest.mark.parametrize("name", [case["name"] for case in reference("transformers")["processors"]])
def test_a_photo_is_prepared_as_transformers_does_or_refused_by_name(name):
    case = next(c for c in reference("transformers")["processors"] if c["name"] == name)
    if name in NOT_PREPARED:
        with pytest.raises(WeightsError, match=NOT_PREPARED[name]):
            processor(224, case["config"])
        return
    prepare = processor(224, case["config"])
    for which, size in reference("transformers")["photos"].items():
        wanted = case["photos"][which]
        got = prepare(Image.fromarray(photo(*size)))[0].numpy()
        assert list(got.shape) == wanted["shape"]
        scale = max(1, abs(got).max())
        assert abs(got.ravel()[places(got.shape)] - wanted["values"]).max() < 1e-3 * scale
        assert abs(got.mean() - wanted["mean"]) < 1e-3 * scale
        assert abs(got.std() - wanted["std"]) < 1e-3 * scale


@pytest.mark.parametrize("name", ["keras", "keras2", "transformers", "timm"])
def test_what_is_read_is_what_was_stored(name):
    groups = [group for group in reference(name).values() if isinstance(group, list)]
    for case in (case for group in groups for case in group):
        for file in case.get("files", []):
            assert any(member.startswith(file) for member in archive(name)), file
