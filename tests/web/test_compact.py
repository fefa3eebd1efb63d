"""Networks as compact bytes: what comes back, what is refused, and the committed files."""

import hashlib
import json
import struct

import numpy as np
import pytest
import torch
from damage import DAMAGES, with_header

from mobilenet_lib import KERAS, PAPER, TIMM, MobileNet, load_published
from mobilenet_lib.engines.compact import DTYPES, compact, decode, encode, read_compact
from mobilenet_lib.files import find_data
from mobilenet_lib.layer import Layer
from mobilenet_lib.preprocess import RAW_255
from mobilenet_lib.weights import WeightsError

FOLDER = find_data() / "web"
FILES = sorted(FOLDER.glob("*.mnet"))
SHEET = (FOLDER / "README.md").read_text("utf-8")


def network(convention=PAPER, body="separable", classes=3, head=None):
    torch.manual_seed(4)
    dropped = "last" if body == "full" else "none"
    arch = convention.architecture(
        classes, alpha=0.25, resolution=32, body=body, drop_stride=dropped
    )
    net = MobileNet(arch, convention, head).eval()
    net.preprocess, net.classes = RAW_255.at(32), tuple("abc"[:classes])
    net.source = {"licence": "CC0-1.0"}
    return net


@pytest.fixture(scope="module")
def content():
    return compact(network())


@pytest.mark.parametrize(
    ("convention", "body", "classes", "head"),
    [
        (PAPER, "separable", 3, None),
        (KERAS, "shallow", 3, "sigmoid"),
        (TIMM, "full", 1, None),
        (PAPER, "separable", 0, None),
    ],
)
@pytest.mark.parametrize(
    ("precision", "share"), [("float32", 1e-5), ("int16", 1e-3), ("int8", 0.2)]
)
def test_a_network_comes_back(convention, body, classes, head, precision, share):
    net = network(convention, body, classes, head)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    back = read_compact(compact(net, precision))
    assert (back.arch, back.convention, back.head) == (net.arch, net.convention, net.head)
    assert (back.preprocess, back.classes) == (net.preprocess, net.classes)
    assert back.source == net.source
    assert not back.training
    x = 255 * torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        ours, theirs = back(x), net(x)
    assert (ours - theirs).abs().max() <= share * theirs.abs().max()
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_a_channel_of_zeros_and_steps_that_fit(content):
    net = network()
    with torch.no_grad():
        net.pw_3.conv.weight[5] = 0
    _, blocks = decode(compact(net, "int8"))
    weights = blocks[[layer.name for layer in net.arch.layers].index("pw_3")][0]
    assert (weights[:, 5] == 0).all()
    assert np.isfinite(weights).all()


def test_the_format_is_as_its_page_describes_it():
    layer = Layer("it", "pointwise", 1, 1, 2, 3, 4, 4)
    weights = np.array([[127, 1, 0], [-254, 0.5, 0]], np.float32)
    bias = np.array([1, 2, 3], np.float32)
    told = encode({"precision": "int8"}, [layer], [(weights, bias)])
    mark, version, length, size, _ = struct.unpack_from("<4s4I", told)
    assert (mark, version, length) == (b"MNET", 1, len(told))
    header = json.loads(told[20 : 20 + size])
    assert header["layers"] == [
        {
            "name": "it",
            "kind": "pointwise",
            "kernel_size": 1,
            "stride": 1,
            "in_channels": 2,
            "out_channels": 3,
        }
    ]
    body = told[20 + size :]
    assert struct.unpack_from("<3f", body) == pytest.approx((2, 1 / 127, 0))
    assert struct.unpack_from("<6b", body, 12) == (64, 127, 0, -127, 64, 0)
    assert body[18:20] == b"\0\0"  # to a multiple of 4
    assert struct.unpack_from("<3f", body, 20) == (1, 2, 3)
    assert len(body) == 32


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_file_is_refused_with_what_is_wrong(content, damage):
    make, message = DAMAGES[damage]
    with pytest.raises(WeightsError, match=message):
        read_compact(make(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["architecture"].update(alpha=0.5), "layers are not those"),
        (lambda h: h["convention"].update(padding="valid"), "padding"),
        (lambda h: h["preprocess"].pop("scale"), "scale"),
        (lambda h: h.pop("classes"), "classes"),
        (lambda h: h.update(head="features"), "head"),
    ],
)
def test_a_header_that_is_not_of_its_weights_is_refused(content, change, message):
    with pytest.raises(WeightsError, match=message):
        read_compact(with_header(change)(content))


def test_what_cannot_be_written_is_refused():
    net = network()
    with pytest.raises(ValueError, match="precision"):
        compact(net, "float16")
    with pytest.raises(ValueError, match="training mode"):
        compact(network().train())
    with torch.no_grad():
        net.dw_2.conv.weight[0] = torch.nan
    with pytest.raises(ValueError, match="dw_2 has weights that are not finite"):
        compact(net)
    net = network()
    net.preprocess = None
    with pytest.raises(ValueError, match=r"compact\(\.\.\., preprocess="):
        compact(net)


# --- The committed files ------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_committed_file_is_its_checkpoint(path):
    content = path.read_bytes()
    assert content == compact(load_published(path.stem))
    row = next(line for line in SHEET.splitlines() if f"`{path.name}`" in line)
    assert f"| {len(content):,} |" in row
    assert hashlib.sha256(content).hexdigest() in row
    header, _ = decode(content)
    assert header["precision"] == "int16"
    assert header["source"]["licence"] in row
    assert "batch normalization folded" in header["changes"]


def test_the_committed_files_are_those_of_the_sheet():
    assert len(FILES) == 5
    assert SHEET.count(".mnet`") == len(FILES)
    assert set(DTYPES) == {"float32", "int16", "int8"}
