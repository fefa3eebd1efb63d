"""Threads and memory of this process; `test_torch_defaults.py` has what programs set for torch."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from mobilenet_lib import process
from mobilenet_lib.process import threads

GLIBC = platform.libc_ver()[0] == "glibc"
FAULTS = """
import resource
from mobilenet_lib.process import keep_memory
if {kept}:
    assert keep_memory() is {possible}
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
times = 96 * 2**20
b"x" * times
before = pages()
for _ in range(3):
    b"x" * times
print(pages() - before)
"""


def test_threads_are_set_for_a_while():
    before = torch.get_num_threads()
    with threads(before + 1) as count:
        assert count == before + 1 == torch.get_num_threads()
    assert torch.get_num_threads() == before
    with threads(None) as count:
        assert count == before
    with pytest.raises(ZeroDivisionError), threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="threads must be a whole number"), threads(0):
        pass


def faults(kept, possible=True, **environment):
    """Pages that a fresh process asks for while it allocates 96 MiB three times."""
    code = FAULTS.format(kept=kept, possible=possible)
    clean = {k: v for k, v in os.environ.items() if "MALLOC" not in f"{k}={v}".upper()}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean | environment
    )
    assert not done.returncode, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC, reason="mallopt is glibc's")
def test_kept_memory_is_not_asked_for_again():
    pages = 3 * 96 * 2**20 // os.sysconf("SC_PAGE_SIZE")
    assert faults(True) < 0.01 * pages
    if faults(False) < 0.1 * pages:  # huge pages, 512 at a time
        pytest.skip("this system hands out memory in pages too large to be counted so")
    assert faults(True, False, MALLOC_TRIM_THRESHOLD_="100000") > 0.9 * pages


def test_where_it_cannot_be_kept_it_is_left(monkeypatch):
    for name in (*(f"MALLOC_{name}_" for name in process.OWN_MEMORY), "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    plain = process.keep_memory.__wrapped__
    monkeypatch.setattr(process.ctypes, "CDLL", lambda name: object())
    assert plain() is False, "a C library without mallopt"
    monkeypatch.undo()
    monkeypatch.setattr(process.sys, "platform", "darwin")
    assert plain() is False
    monkeypatch.undo()
    for name, value in (
        ("MALLOC_MMAP_MAX_", "10"),
        ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=131072"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert plain() is False
