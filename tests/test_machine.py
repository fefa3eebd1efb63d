"""Caches, clock and the description of a machine, read from trees of a system's files."""

import json
import os
from dataclasses import asdict

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
    told = machine.describe_machine(tmp_path)
    assert json.loads(json.dumps(asdict(told))) == asdict(told)
    assert told.features == ["AVX2", "AVX-512"]
    assert told.caches == Caches(l1d=32768)
    assert told.clock_mhz == Clock(now=1000.0)
    assert told.usable_cores == 2
    assert told.memory_bytes > 0
    assert machine.describe_machine(tmp_path / "nothing").features is None


# --- Control groups: what containers and schedulers show ------------------------------------------

UNLIMITED = "9223372036854771712\n"  # how version 1 writes "no limit" with pages of 4 KiB
HALF = {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}
FREE = {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}
SMALL = {"memory.limit_in_bytes": "1500000000\n"}
OPEN = {"memory.limit_in_bytes": UNLIMITED}
V2_HALF = {"cpu.max": "50000 100000\n", "memory.max": "1500000000\n"}
V2_FREE = {"cpu.max": "max 100000\n", "memory.max": "max\n"}


def mount(shown, place, kind, options="rw"):
    return f"31 23 0:28 {shown} {place} rw,nosuid shared:9 - {kind} {kind} {options}\n"


def at(folder, files):
    return {f"{folder}/{name}": text for name, text in files.items()}


CGROUP = "sys/fs/cgroup"
SITUATIONS = {
    "v1, each controller in a folder, group mounted as the top": (
        {"proc/self/cgroup": "4:memory:/docker/abc\n1:cpu:/docker/abc\n"}
        | at(f"{CGROUP}/cpu", HALF)
        | at(f"{CGROUP}/memory", SMALL),
        (0.5, 1_500_000_000),
    ),
    "v1, cpu,cpuacct as Debian mounts it": (
        {"proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n"}
        | at(f"{CGROUP}/cpu,cpuacct/a", HALF)
        | at(f"{CGROUP}/cpu,cpuacct", FREE)
        | at(f"{CGROUP}/memory/a", SMALL)
        | at(f"{CGROUP}/memory", OPEN),
        (0.5, 1_500_000_000),
    ),
    "v1, cpuacct,cpu": (
        {"proc/self/cgroup": "5:cpuacct,cpu:/\n"} | at(f"{CGROUP}/cpuacct,cpu", HALF),
        (0.5, None),
    ),
    "Slurm: the limits are on the job, the process in one of its tasks": (
        {
            "proc/self/cgroup": "9:cpuset:/slurm/uid_1000/job_1/step_0/task_0\n"
            "4:memory:/slurm/uid_1000/job_1/step_0/task_0\n"
            "3:cpu,cpuacct:/slurm/uid_1000/job_1/step_0/task_0\n1:name=systemd:/system.slice\n"
        }
        | at(f"{CGROUP}/cpu,cpuacct/slurm/uid_1000/job_1", HALF)
        | at(f"{CGROUP}/cpu,cpuacct/slurm/uid_1000/job_1/step_0/task_0", FREE)
        | at(
            f"{CGROUP}/memory/slurm/uid_1000/job_1/step_0", {"memory.limit_in_bytes": "3000000000"}
        )
        | at(f"{CGROUP}/memory/slurm/uid_1000/job_1", SMALL)
        | at(f"{CGROUP}/memory/slurm/uid_1000/job_1/step_0/task_0", OPEN),
        (0.5, 1_500_000_000),
    ),
    "v1, a group in the container's own, which is shown as the top": (
        {
            "proc/self/cgroup": "4:memory:/docker/abc/inner\n1:cpu:/docker/abc/inner\n",
            "proc/self/mountinfo": mount("/docker/abc", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu")
            + mount("/docker/abc", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
        }
        | at(f"{CGROUP}/cpu/inner", HALF)
        | at(f"{CGROUP}/memory/inner", SMALL),
        (0.5, 1_500_000_000),
    ),
    "v1, mounted elsewhere, under a name with a space": (
        {
            "proc/self/cgroup": "4:memory:/\n1:cpu:/\n",
            "proc/self/mountinfo": mount("/", r"/dev/my\040groups/cpu", "cgroup", "rw,cpu,cpuacct")
            + mount("/", "/mnt/memory", "cgroup", "rw,memory")
            + mount("/", "/mnt/other", "tmpfs", "rw,memory"),
        }
        | at("dev/my groups/cpu", HALF)
        | at("mnt/memory", SMALL)
        | at("mnt/other", {"memory.limit_in_bytes": "1000"}),
        (0.5, 1_500_000_000),
    ),
    "v1, a limit above what the container shows": (
        {"proc/self/cgroup": "4:memory:/\n"}
        | at(f"{CGROUP}/memory", OPEN)
        | at(f"{CGROUP}/memory", {"memory.stat": "rss 1\nhierarchical_memory_limit 1500000000\n"}),
        (None, 1_500_000_000),
    ),
    "v1 without limits": (
        {"proc/self/cgroup": "4:memory:/a\n1:cpu:/a\n"}
        | at(f"{CGROUP}/cpu/a", FREE)
        | at(
            f"{CGROUP}/memory/a", OPEN | {"memory.stat": f"hierarchical_memory_limit {UNLIMITED}"}
        ),
        (None, None),
    ),
    "hybrid: the limits in version 1, an empty tree of version 2 beside it": (
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/docker/abc\n",
            "proc/self/mountinfo": mount("/", "/sys/fs/cgroup/unified", "cgroup2"),
        }
        | at(f"{CGROUP}/unified/docker/abc", {"cgroup.procs": ""})
        | at(f"{CGROUP}/cpu,cpuacct", HALF)
        | at(f"{CGROUP}/memory", SMALL),
        (0.5, 1_500_000_000),
    ),
    "hybrid: a limit in version 2's tree": (
        {"proc/self/cgroup": "1:name=systemd:/x\n0::/user.slice/a\n"}
        | at(f"{CGROUP}/unified/user.slice", V2_HALF)
        | at(f"{CGROUP}/unified/user.slice/a", V2_FREE),
        (0.5, 1_500_000_000),
    ),
    "v2, the host's name of a group that is not shown": (
        {"proc/self/cgroup": "0::/system.slice/docker-abc.scope\n"} | at(CGROUP, V2_HALF),
        (0.5, 1_500_000_000),
    ),
    "v2, a process outside of what its namespace shows": (
        {"proc/self/cgroup": "0::/../../other\n"}
        | at(CGROUP, V2_HALF)
        | at("sys/other", {"cpu.max": "1000 100000", "memory.max": "1000"}),
        (0.5, 1_500_000_000),
    ),
    "v2, memory.high: above it every allocation waits": (
        {"proc/self/cgroup": "0::/a\n"}
        | at(f"{CGROUP}/a", {"memory.max": "4000000000\n", "memory.high": "1500000000\n"}),
        (None, 1_500_000_000),
    ),
    "v2, swap is no memory": (
        {"proc/self/cgroup": "0::/a\n"}
        | at(f"{CGROUP}/a", {"memory.max": "max\n", "memory.swap.max": "0\n", "cpu.max": "\n"}),
        (None, None),
    ),
    "v2, the tree mounted in a folder of its own": (
        {
            "proc/self/cgroup": "0::/kubepods/pod1/c\n",
            "proc/self/mountinfo": "a line that is no mount\n" + mount("/", "/cgroup2", "cgroup2"),
        }
        | at("cgroup2/kubepods/pod1", V2_HALF),
        (0.5, 1_500_000_000),
    ),
    "files that break off": (
        {"proc/self/cgroup": "0:\nnonsense\n", "proc/self/mountinfo": "31 23\n"}
        | at(f"{CGROUP}/cpu", {"cpu.cfs_quota_us": "50000\n"}),
        (None, None),
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_limits_of_a_container(tmp_path, monkeypatch, situation):
    monkeypatch.setattr(machine, "physical_memory", lambda: 25_300_000_000)
    content, (quota, memory) = SITUATIONS[situation]
    for name, text in content.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert machine.cpu_quota(tmp_path) == quota
    assert machine.memory_bytes(tmp_path) == (memory or 25_300_000_000)
    cpu = machine.processor(tmp_path)
    assert cpu.quota == quota
    assert cpu.threads == (1 if quota else 2)  # two cores by affinity


def test_no_limit_is_no_size_where_the_machine_does_not_tell_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "physical_memory", lambda: None)
    (tmp_path / "sys/fs/cgroup/memory").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory/memory.limit_in_bytes").write_text(UNLIMITED)
    assert machine.memory_bytes(tmp_path) is None
