"""`doctor` judges facts rightly, and `machine` and `installed` read them rightly."""

import sys
import types
from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet

from mobilenet_lib import doctor, installed, machine
from mobilenet_lib.results import recorded

CONSTRAINTS = "constraints.txt"


def processor(**changes):
    facts = {"model": "Test CPU", "features": ("AVX2",), "cores": 8, "usable": 8, "quota": None}
    return machine.Processor(**(facts | changes))


@pytest.fixture
def versions(monkeypatch):
    """Installed versions that a test may change; all good to begin with."""
    have = {
        "ipywidgets": "8.1.9",
        "jupyterlab": "4.6.6",
        "jupyterlab_widgets": "3.0.17",
        "widgetsnbextension": "4.0.16",
        "anywidget": "0.11.0",
    }
    monkeypatch.setattr(doctor, "version_of", have.get)
    monkeypatch.setattr(doctor, "has_lab_extension", lambda name: True)
    return have


def fake_torch(**changes):
    torch = types.ModuleType("torch")
    torch.__version__ = "2.13.0"
    torch.version = types.SimpleNamespace(cuda=changes.get("cuda"))
    yes_no = lambda value: types.SimpleNamespace(is_available=lambda: value)  # noqa: E731
    torch.backends = types.SimpleNamespace(
        mkldnn=yes_no(changes.get("onednn", True)),
        mkl=yes_no(changes.get("mkl", True)),
        mps=yes_no(changes.get("mps", False)),
        cpu=types.SimpleNamespace(get_cpu_capability=lambda: "AVX512"),
    )
    card = types.SimpleNamespace(name="Test GPU", total_memory=24e9)
    torch.cuda = types.SimpleNamespace(
        is_available=lambda: changes.get("gpus", 0) > 0,
        device_count=lambda: changes.get("gpus", 0),
        get_device_properties=lambda i: card,
    )
    torch.get_num_threads = lambda: changes.get("threads", 2)
    return torch


# --- The whole ----------------------------------------------------------------------------------


def test_this_machine_can_run_the_tests():
    findings = doctor.report().findings
    assert [finding.topic for finding in findings] == [
        "Python", "Packages", "torch", "Jupyter widgets", "Data",
        "Processor", "Threads", "Memory", "GPU", "Browser tests", "Engines",
    ]  # fmt: skip
    assert not [finding for finding in findings if finding.status == "fail"]
    for finding in findings:
        assert finding.detail
        assert bool(finding.advice) == (finding.status != "ok")


def test_a_report_prints_advice_and_escapes_html():
    report = doctor.Report(
        (
            doctor.Finding("Python", "ok", "3.12"),
            doctor.Finding("torch", "fail", "<broken> & torn", "Install it anew."),
        )
    )
    lines = str(report).splitlines()
    assert lines[0] == "ok    Python  3.12"
    assert lines[1] == "fail  torch   <broken> & torn"
    assert lines[2].strip() == "Install it anew."
    assert lines[-1] == "1 of 2 checks failed: do what their advice says."
    assert report.exit_code == 1
    text = report._repr_html_()
    assert "&lt;broken&gt; &amp; torn" in text
    assert "✗ problem" in text
    assert text.count("<tr>") == 2


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [("ok", "passed", 0), ("warn", "1 of 1 checks have advice", 0), ("fail", "1 of 1 checks", 1)],
)
def test_summary_and_exit_code(status, words, code):
    report = doctor.Report((doctor.Finding("Disk", status, "x", "y"),))
    assert words in report.summary()
    assert report.exit_code == code


# --- Each problem and its advice ----------------------------------------------------------------


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    finding = doctor.check_python()
    assert finding.status == "fail"
    assert "Install Python 3.11 or newer" in finding.advice


def test_packages_missing_and_out_of_range(monkeypatch):
    ranges = {"a": ">=1,<2", "b": ">=1", "c": ">=1", "d": ">=1"}
    wanted = {name: SpecifierSet(spec) for name, spec in ranges.items()}
    monkeypatch.setattr(doctor, "requirements", lambda: wanted)
    have = {"a": "2.0", "b": None, "c": "1.5+cpu", "d": "1.1rc1"}
    monkeypatch.setattr(doctor, "version_of", have.get)
    finding = doctor.check_packages()
    assert finding.status == "fail"
    assert finding.detail == "missing: b; out of range: a 2.0 (needed: <2,>=1)"
    assert CONSTRAINTS in finding.advice


def test_unknown_requirements_are_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "requirements", dict)
    assert doctor.check_packages().status == "warn"


def test_engines_that_are_here_and_that_are_not(monkeypatch):
    pytest.importorskip("torch")
    from mobilenet_lib.engines import ENGINES, Availability

    gone = Availability(False, "it is not installed")
    for name, engine in ENGINES.items():
        there = Availability(True) if name in ("eager", "openvino") else gone
        monkeypatch.setattr(engine, "available", lambda there=there: there)
    finding = doctor.check_engines()
    assert finding.status == "ok"
    assert finding.detail.startswith("eager, openvino; not here: channels_last, folded")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "torch is not there" in doctor.check_engines().detail


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_torch_that_does_not_load(monkeypatch, system):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torch":
                raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    monkeypatch.setattr(sys, "platform", system)
    finding = doctor.check_torch()
    assert finding.status == "fail"
    assert "libgomp" in finding.detail
    assert "--force-reinstall torch" in finding.advice
    assert ("Visual C++" in finding.advice) == (system == "win32")


@pytest.mark.parametrize(
    ("torch", "processor", "status", "words"),
    [
        (None, "x86_64", "fail", "cannot be imported"),  # None makes `import torch` an ImportError
        (fake_torch(cuda="12.8"), "x86_64", "ok", "2.13.0 (CUDA 12.8), oneDNN, MKL, instructions "),
        (fake_torch(onednn=False, mkl=False), "x86_64", "warn", "Convolutions will be slow"),
        (fake_torch(onednn=False, mkl=False), "arm64", "ok", "instructions AVX512, 2 threads"),
    ],
)
def test_torch(monkeypatch, torch, processor, status, words):
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(doctor.platform, "machine", lambda: processor)
    finding = doctor.check_torch()
    assert finding.status == status
    assert words in finding.detail + finding.advice
    assert bool(finding.advice) == (status != "ok")


def test_widgets_that_match(versions):
    assert doctor.check_jupyter().status == "ok"


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("ipywidgets", "7.8.5", "ipywidgets must be 8.x"),
        ("jupyterlab", "3.6.8", "jupyterlab must be 4.x"),
        ("jupyterlab_widgets", "1.1.11", "jupyterlab_widgets must be 3.x"),
        ("widgetsnbextension", "3.6.10", "widgetsnbextension must be 4.x"),
        ("anywidget", None, "anywidget"),
        ("jupyterlab_widgets", None, "jupyterlab_widgets"),
    ],
)
def test_widgets_that_do_not_match(versions, name, version, words):
    versions[name] = version
    finding = doctor.check_jupyter()
    assert finding.status == "fail"
    assert words in finding.advice
    assert CONSTRAINTS in finding.advice


def test_browser_half_of_a_widget_missing(versions, monkeypatch):
    monkeypatch.setattr(doctor, "has_lab_extension", lambda name: name == "anywidget")
    finding = doctor.check_jupyter()
    assert finding.status == "warn"
    assert "--force-reinstall --no-deps jupyterlab_widgets" in finding.advice


def test_data_not_found(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path))
    finding = doctor.check_data()
    assert finding.status == "fail"
    assert str(tmp_path) in finding.detail
    assert "MOBILENET_DATA" in finding.advice


@pytest.mark.parametrize(
    ("features", "status"),
    [(("AVX2", "VNNI"), "ok"), (("NEON",), "ok"), (None, "ok"), ((), "warn")],
)
def test_processor(monkeypatch, features, status):
    monkeypatch.setattr(machine, "processor", lambda: processor(features=features))
    finding = doctor.check_processor()
    assert finding.status == status
    assert finding.detail.startswith("Test CPU")


@pytest.fixture
def idle(monkeypatch):
    """A machine on which nothing else runs, and threads that wait as the book has them wait."""
    monkeypatch.setattr(machine, "load", lambda: 0.1)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def test_more_torch_threads_than_cores(monkeypatch, idle):
    monkeypatch.setattr(machine, "processor", lambda: processor(quota=2.5))
    monkeypatch.setitem(sys.modules, "torch", fake_torch(threads=8))
    finding = doctor.check_threads()
    assert finding.status == "warn"
    assert finding.detail == "2 usable of 8 logical cores, a container allows 2.5"
    assert "OMP_NUM_THREADS=2" in finding.advice
    monkeypatch.setitem(sys.modules, "torch", fake_torch(threads=2))
    assert doctor.check_threads().status == "ok"


@pytest.mark.parametrize(
    ("policy", "load", "status", "end"),
    [
        (None, 0.9, "ok", "8 logical cores; idle ones spin"),
        (None, None, "ok", "idle ones spin"),  # Windows
        (None, 3.3, "warn", "idle ones spin, with 3.3 processes at work"),
        ("ACTIVE", 9.0, "warn", "idle ones spin, with 9 processes at work"),
        ("PASSIVE", 9.0, "ok", "idle ones sleep"),
        (" passive", 9.0, "ok", "idle ones sleep"),  # as OpenMP reads it
    ],
)
def test_threads_that_spin_on_a_busy_machine(monkeypatch, idle, policy, load, status, end):
    monkeypatch.setattr(machine, "processor", processor)
    monkeypatch.setattr(machine, "load", lambda: load)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(threads=8))
    monkeypatch.delenv("OMP_WAIT_POLICY")
    if policy:
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    finding = doctor.check_threads()
    assert finding.status == status
    assert finding.detail.endswith(end)
    assert ("OMP_WAIT_POLICY=PASSIVE" in finding.advice) == (status == "warn")


@pytest.mark.parametrize(
    ("size", "status"), [(None, "ok"), (16e9, "ok"), (3e9, "warn"), (1e9, "fail")]
)
def test_memory(monkeypatch, size, status):
    monkeypatch.setattr(machine, "memory_bytes", lambda: size)
    assert doctor.check_memory().status == status


def test_the_memory_asked_for_holds_any_one_chapter_beside_jupyterlab():
    needed = recorded("memory")["results"]
    most = max(needed["kernel_mb"].values()) + needed["server_mb"]
    assert most <= doctor.TIGHT_MEMORY / 1e6 <= 1.1 * most


@pytest.mark.parametrize(
    ("torch", "driver", "status", "words"),
    [
        (None, False, "ok", "torch is not there"),
        (fake_torch(gpus=2), False, "ok", "Test GPU (24 GB), Test GPU (24 GB)"),
        (fake_torch(mps=True), False, "ok", "MPS"),
        (fake_torch(), False, "ok", "none"),
        (fake_torch(), True, "warn", "Install a CUDA build"),
        (fake_torch(cuda="12.8"), True, "warn", "Update the NVIDIA driver"),
    ],
)
def test_gpu(monkeypatch, torch, driver, status, words):
    if torch is None:
        monkeypatch.delitem(sys.modules, "torch", raising=False)
    else:
        monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(doctor.os.path, "exists", lambda path: driver)
    finding = doctor.check_gpu()
    assert finding.status == status
    assert words in finding.detail + finding.advice


def test_browser_absent_or_misnamed(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_browser() == doctor.Finding(
        "Browser tests",
        "warn",
        "no Chromium found",
        "Only `make test` needs it. Install Chromium, or point CHROMIUM to its program.",
    )
    monkeypatch.setenv("CHROMIUM", "/nowhere/chrome")
    finding = doctor.check_browser()
    assert finding.status == "warn"
    assert "'/nowhere/chrome'" in finding.detail


# --- Facts of the machine -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_bf16 avx512_vnni amx_tile amx_int8",
         ("AVX2", "AVX-512", "bf16", "AMX", "VNNI", "int8 matrix")),
        ("flags\t\t: fpu sse2 avx avx2 avx_vnni", ("AVX2", "VNNI")),
        ("Features\t: fp asimd bf16 i8mm", ("NEON", "bf16", "int8 matrix")),
        ("flags\t\t: fpu sse2", ()),
        ("cpu\t\t: POWER9", None),
    ],
)  # fmt: skip
def test_features_are_read_from_cpuinfo(tmp_path, line, found):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\n{line}\n\nprocessor\t: 1\n")
    assert machine.features(tmp_path) == found


def test_features_are_read_from_sysctl(tmp_path, monkeypatch):
    rows = ["hw.optional.neon: 1", "hw.optional.arm.FEAT_BF16: 1", "hw.optional.arm.FEAT_I8MM: 0"]
    monkeypatch.setattr(machine, "sysctl", lambda *arguments: rows)
    assert machine.features(tmp_path) == ("NEON", "bf16")
    monkeypatch.setattr(machine, "sysctl", lambda *arguments: [])
    assert machine.features(tmp_path) is None


@pytest.mark.parametrize(
    ("usable", "quota", "threads"),
    [(8, None, 8), (4, None, 4), (8, 2.0, 2), (8, 0.5, 1), (1, 9, 1)],
)
def test_usable_threads(usable, quota, threads):
    assert processor(usable=usable, quota=quota).threads == threads


def test_chromium_is_found_in_order(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.find_chromium() is None
    for name in ("google-chrome", "chromium"):  # the later one is preferred
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert machine.find_chromium() == str(tmp_path / name)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "google-chrome"))
    assert machine.find_chromium() == str(tmp_path / "google-chrome")


# --- Installed packages -------------------------------------------------------------------------


def test_requirements_come_from_the_checkout():
    found = installed.requirements()
    assert found["torch"] == SpecifierSet(">=2.6,<3")
    assert "pytest" not in found


def test_requirements_of_an_installed_package(monkeypatch, tmp_path):
    monkeypatch.setattr(installed, "__file__", str(tmp_path / "mobilenet_lib/installed.py"))
    rows = ["numpy<3,>=2.0", 'onnx>=1; extra == "export"']
    monkeypatch.setattr(metadata, "requires", lambda name: rows)
    assert installed.requirements() == {"numpy": SpecifierSet("<3,>=2.0")}

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    assert installed.requirements() == {}


def test_lab_extensions_are_looked_for_in_the_usual_folders(monkeypatch, tmp_path):
    assert installed.has_lab_extension("anywidget")
    assert not installed.has_lab_extension("no-such-extension")
    (tmp_path / "labextensions/mine").mkdir(parents=True)
    (tmp_path / "labextensions/mine/package.json").write_text("{}")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert installed.has_lab_extension("mine")
