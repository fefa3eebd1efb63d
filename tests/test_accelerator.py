"""The library on this machine's GPU, or as on one: the accelerator in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TRAINING = ("test_train.py", "test_explain.py", "test_checks.py")
# Of no use there: other processes, and many cases of what is the processor's own business.
OTHERWISE = "not test_no_part_of_a_batch and not browser"


@pytest.mark.slow
def test_all_that_readers_run_holds_on_an_accelerator(monkeypatch):
    """Its own tests, and those of training, explanations and exercises once more."""
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    files = [HERE / name for name in ("on_an_accelerator.py", *TRAINING)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "accelerator", "-k", OTHERWISE]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
