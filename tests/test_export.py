"""Exported files load in the runtimes they are for, say how to use them, and appear whole."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mobilenet_lib import PAPER, MobileNet, data, load_published
from mobilenet_lib.engines import EngineError, export, exported, load_exported, runtimes
from mobilenet_lib.photos import load_photo
from mobilenet_lib.preprocess import RAW_255

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]
FORMATS = [name for name in exported.READERS if exported.available(name)]


@pytest.fixture(scope="module")
def person():
    return load_published("person_detector")


@pytest.fixture(scope="module")
def written(person, tmp_path_factory):
    """Each format, written once."""
    kept = {}

    def get(name):
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            kept[name] = export(person, folder / f"person{exported.SUFFIXES[name]}")
        return kept[name]

    return get


def bare(**options):
    net = MobileNet(PAPER.architecture(2, alpha=0.25, resolution=32), PAPER).eval()
    for name, value in options.items():
        setattr(net, name, value)
    return net


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_answers_as_the_network_does(name, written, person):
    loaded = load_exported(written(name))
    assert loaded.format == name
    assert loaded.classes == person.classes == ("person", "non_person")
    assert loaded.preprocess == person.preprocess
    assert loaded.source == person.source
    for photo in ("astronaut", "cat"):
        x = loaded.preprocess(load_photo(photo))
        torch.testing.assert_close(loaded(x), person(x).detach(), rtol=1e-3, atol=1e-3)
    assert loaded.classes[loaded(loaded.preprocess(load_photo("astronaut"))).argmax()] == "person"


@pytest.mark.parametrize("name", FORMATS)
def test_the_folder_holds_what_the_format_has_and_no_more(name, written):
    folder = written(name).parent
    expected = {"onnx": {".onnx"}, "openvino": {".xml", ".bin"}, "executorch": {".pte"}}[name]
    assert {path.name for path in folder.iterdir()} == {f"person{end}" for end in expected}
    for path in folder.iterdir():
        content = path.read_bytes()
        for place in (Path(torch.__file__).parents[1], Path(exported.__file__).parents[2]):
            assert str(place).encode() not in content, "a path of this machine is in the file"


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "executorch"])
def test_batches_of_any_size(name, written, person):
    loaded = load_exported(written(name))
    x = torch.randn(5, 3, 96, 96)
    torch.testing.assert_close(loaded(x), person(x).detach(), rtol=1e-3, atol=1e-3)
    with pytest.raises(EngineError, match=r"\(B, 3, H, W\) float32, got"):
        loaded(x[0])


@pytest.mark.skipif("executorch" not in FORMATS, reason="needs executorch")
def test_executorch_takes_one_image_and_says_so(written):
    loaded = load_exported(written("executorch"))
    with pytest.raises(EngineError, match=r"\(1, 3, H, W\)"):
        loaded(torch.zeros(2, 3, 96, 96))


@pytest.mark.skipif("onnx" not in FORMATS, reason="needs the export extra")
def test_onnx_by_its_own_reader(written, person):
    import onnx

    model = onnx.load(written("onnx"))
    onnx.checker.check_model(model, full_check=True)
    said = json.loads({entry.key: entry.value for entry in model.metadata_props}["mobilenet_lib"])
    assert said["classes"] == ["person", "non_person"]
    assert said["preprocess"] == json.loads(json.dumps(person.preprocess.to_dict()))
    assert said["architecture"]["alpha"] == 0.25
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    session = runtimes.load_onnxruntime().InferenceSession(
        written("onnx"), providers=["CPUExecutionProvider"]
    )
    x = torch.randn(2, 3, 96, 96)
    (logits,) = session.run(["logits"], {"images": x.numpy()})
    np.testing.assert_allclose(logits, person(x).detach(), rtol=1e-3, atol=1e-3)


@pytest.mark.skipif("openvino" not in FORMATS, reason="needs openvino")
def test_openvino_by_its_own_reader(written, person):
    core = runtimes.openvino_core()
    model = core.read_model(written("openvino"))
    assert json.loads(model.get_rt_info(["mobilenet_lib"]).value)["classes"] == list(person.classes)
    x = torch.randn(2, 3, 96, 96)
    fp32 = {"INFERENCE_PRECISION_HINT": "f32"}  # its own choice is bf16 where there is bf16
    logits = core.compile_model(model, "CPU", fp32)(x.numpy())["logits"]
    np.testing.assert_allclose(logits, person(x).detach(), rtol=1e-3, atol=1e-3)
    weights = written("openvino").with_suffix(".bin").stat().st_size
    assert weights > 3.5 * person.arch.parameters, "weights were rounded to 16 bits"


@pytest.mark.skipif("onnx" not in FORMATS, reason="needs the export extra")
def test_a_text_in_any_language_survives(tmp_path):
    names = ("größer & <kleiner>", '人 "quoted"\n')
    net = bare(preprocess=RAW_255.at(32), classes=names, source={"from": "here"})
    for name in FORMATS:
        if name != "executorch":
            path = export(net, tmp_path / f"net{exported.SUFFIXES[name]}")
            assert load_exported(path).classes == names


@pytest.mark.skipif("onnx" not in FORMATS, reason="needs the export extra")
def test_int8_with_calibration(tmp_path):
    net = load_published("letters_25_56")
    options = {"resolution": 56, "preprocess": net.preprocess, "batch_size": 200}
    calibration, _ = next(iter(data.load("glyphs", **options)))
    images, labels = next(iter(data.load("glyphs", split="test", **options)))
    path = export(net, tmp_path / "letters.onnx", calibration=calibration[:64])
    loaded = load_exported(path)
    right = (net(images).argmax(1) == labels).sum()
    assert (loaded(images).argmax(1) == labels).sum() >= right - 0.02 * len(labels)
    assert path.stat().st_size < 0.5 * 4 * net.arch.parameters
    with pytest.raises(EngineError, match=r"calibration must be \(N, 3, 56, 56\)"):
        export(net, path, calibration=calibration[:, :, :55])


# --- Refusals, before anything is written -----------------------------------------------------


@pytest.mark.parametrize(
    ("net", "name", "options", "message"),
    [
        (bare(), "net.onnx", {}, r"no preprocess; pass export\(..., preprocess=...\)"),
        (bare(preprocess=RAW_255.at(32)), "net.onnx", {}, "no classes; pass export"),
        (
            bare(preprocess=RAW_255.at(32), classes=("a",)),
            "net.onnx",
            {},
            "one name for each of the 2 outputs",
        ),
        (bare(preprocess=RAW_255, classes=("a", "b")), "net.onnx", {}, "is for 32 pixels"),
        (bare(), "net.tflite", {}, "must end in .onnx, .xml, .pte, got 'net.tflite'"),
        (bare(), "net.onnx", {"format": "coreml"}, "format must be one of onnx, openvino"),
        (bare(), "net.onnx", {"format": "openvino"}, "openvino must end in .xml, got 'net.onnx'"),
        (
            bare(preprocess=RAW_255.at(32), classes=("a", "b")).train(),
            "net.onnx",
            {},
            "training mode",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(net, name, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export(net, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "executorch"])
def test_a_file_that_computes_something_else_is_not_written(name, person, tmp_path, monkeypatch):
    target = tmp_path / f"person{exported.SUFFIXES[name]}"
    target.write_text("what stood here before")
    to_onnx = exported.onnx_model.to_onnx

    def broken(net, *arguments, **options):
        return to_onnx(load_published("letters_25_56"), *arguments, **options)

    monkeypatch.setattr(exported.onnx_model, "to_onnx", broken)
    with pytest.raises(EngineError, match="expected"):
        export(person, target)
    monkeypatch.setattr(exported.onnx_model, "to_onnx", to_onnx)
    monkeypatch.setattr(exported, "load_exported", off_by_a_hundredth)
    with pytest.raises(EngineError, match=r"nothing was written: person\..* off by 0.01"):
        export(person, target)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert target.read_text() == "what stood here before"


def off_by_a_hundredth(path):
    loaded = load_exported(path)
    right = loaded.forward
    object.__setattr__(loaded, "forward", lambda x: right(x) * 1.01)
    return loaded


@pytest.mark.skipif("onnx" not in FORMATS, reason="needs the export extra")
def test_files_of_others_are_refused(written, tmp_path):
    import onnx

    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.onnx"):
        load_exported(tmp_path / "nothing.onnx")
    with pytest.raises(ValueError, match="ending must be one of"):
        load_exported(tmp_path / "nothing.tflite")
    model = onnx.load(written("onnx"))
    path = tmp_path / "other.onnx"
    for said, message in (("{", "damaged"), ('{"version": 9}', "damaged|version 9")):
        model.metadata_props[0].value = said
        onnx.save(model, path)
        with pytest.raises(ValueError, match=message):
            load_exported(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(EngineError, match="not of this library's export"):
        load_exported(path)


def test_a_missing_package_is_named(person, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name, extra in (("onnx", "export"), ("openvino", "engines"), ("executorch", "phone")):
        path = tmp_path / f"net{exported.SUFFIXES[name]}"
        with pytest.raises(EngineError, match=rf"for {name} here: it needs .*\[{extra}\]"):
            export(person, path)


@pytest.mark.skipif("executorch" not in FORMATS, reason="needs executorch")
def test_executorch_with_other_numbers_of_threads_beside_each_other(written, person):
    # Its pool belongs to the process: a program that points to a pool which is gone crashes.
    loaded = [load_exported(written("executorch"), threads=count) for count in (1, 2, 1)]
    x = torch.randn(1, 3, 96, 96)
    for turn in (0, 1, 2, 1, 0, 2):
        torch.testing.assert_close(loaded[turn](x), person(x).detach(), rtol=1e-3, atol=1e-3)
