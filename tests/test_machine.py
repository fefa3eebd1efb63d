"""Caches, clock and the description of a machine, read from trees of a system's files."""

import json
import os

import pytest

from mobilenet_lib import machine
from mobilenet_lib.machine import Caches, Clock


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch):
    """The machine that runs the tests tells nothing."""
    monkeypatch.setattr(machine, "sysctl", lambda *arguments: [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 5}, raising=False)


def cache(root, core, index, level, kind, size):
    folder = root / f"sys/devices/system/cpu/cpu{core}/cache/index{index}"
    folder.mkdir(parents=True)
    for name, text in (("level", level), ("type", kind), ("size", size)):
        (folder / name).write_text(f"{text}\n")


def test_caches_are_those_of_a_core_that_this_process_may_use(tmp_path):
    for core, l1 in ((0, "64K"), (2, "48K"), (5, "32K")):
        cache(tmp_path, core, 0, 1, "Data", l1)
        cache(tmp_path, core, 1, 1, "Instruction", "999K")
        cache(tmp_path, core, 2, 2, "Unified", "2M")
        cache(tmp_path, core, 3, 3, "Unified", "32768K")
    assert machine.caches(tmp_path) == Caches(l1d=48 * 1024, l2=2 * 1024**2, l3=32 * 1024**2)


def test_a_cache_that_is_not_told_is_none(tmp_path):
    cache(tmp_path, 2, 0, 1, "Data", "32K")
    cache(tmp_path, 2, 1, 1, "Instruction", "32K")
    cache(tmp_path, 2, 2, 2, "Unified", "unknown")
    assert machine.caches(tmp_path) == Caches(l1d=32 * 1024)
    assert machine.caches(tmp_path / "nothing") == Caches()


def test_caches_of_a_mac_are_those_of_its_fast_cores(monkeypatch, tmp_path):
    told = {
        "hw.perflevel0.l1dcachesize": "131072",
        "hw.l1dcachesize": "65536",
        "hw.perflevel0.l2cachesize": "0",
        "hw.l2cachesize": "4194304",
    }

    def sysctl(option, name):
        assert option == "-n"
        return [told[name]] if name in told else []

    monkeypatch.setattr(machine, "sysctl", sysctl)
    assert machine.caches(tmp_path) == Caches(131072, 4194304, None)


def test_the_clock_is_what_the_system_tells(monkeypatch, tmp_path):
    assert machine.clock(tmp_path) == Clock(None, None)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("cpu MHz\t\t: 2445.404\n\ncpu MHz\t\t: 900.000\n")
    assert machine.clock(tmp_path) == Clock(2445.4, None)
    folder = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq"
    folder.mkdir(parents=True)
    (folder / "cpuinfo_max_freq").write_text("3600000\n")
    assert machine.clock(tmp_path) == Clock(2445.4, 3600.0)
    monkeypatch.setattr(machine, "sysctl", lambda *arguments: ["2800000000"])
    assert machine.clock(tmp_path / "mac") == Clock(None, 2800.0)


def test_a_description_is_plain_data_of_the_system_it_was_read_from(tmp_path):
    cache(tmp_path, 2, 0, 1, "Data", "32K")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("flags\t: avx2 avx512f\ncpu MHz\t: 1000.0\n")
    told = machine.describe(tmp_path)
    assert json.loads(json.dumps(told)) == told
    assert told["features"] == ["AVX2", "AVX-512"]
    assert told["caches"] == {"l1d": 32768, "l2": None, "l3": None}
    assert told["clock_mhz"] == {"now": 1000.0, "highest": None}
    assert told["usable_cores"] == 2
    assert told["memory_bytes"] > 0
    assert machine.describe(tmp_path / "nothing")["features"] is None
