"""A page that has the engines of `web/engine`, for all tests of a file, and what npm installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import launch
from engine_page import ROOT, EnginePage, serving

WEB = ROOT / "web"


@pytest.fixture(scope="module")
def engine_page(chromium: str) -> Iterator[EnginePage]:
    """The page, which may ask nothing of other machines and may have no uncaught error."""
    with serving() as server, launch(chromium) as (page, log):
        made = EnginePage(page, server, log)
        made.open()
        yield made
    assert not log.blocked, f"the page asked other machines: {log.blocked}"
    assert log.console_errors == []


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """`web/node_modules`, as `web/package-lock.json` has it; skipped without, fails in CI."""
    reason = ""
    if not (shutil.which("npm") and shutil.which("node")):
        reason = "no npm found: install Node.js, which brings it"
    else:
        wanted = json.loads((WEB / "package.json").read_text("utf-8"))["devDependencies"]
        listed = subprocess.run(
            ["npm", "ls", "--json", "--depth=0", "--offline"],
            cwd=WEB,
            capture_output=True,
            text=True,
            shell=os.name == "nt",
        )
        found = json.loads(listed.stdout or "{}").get("dependencies", {})
        if any(found.get(name, {}).get("version") != version for name, version in wanted.items()):
            reason = "web/node_modules is missing or old: run `npm ci` in web/"
    if reason and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)
    return WEB / "node_modules"
