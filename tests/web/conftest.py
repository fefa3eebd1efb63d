"""A page that has the engines of `web/engine`, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsers import launch
from engine_page import EnginePage, serving


@pytest.fixture(scope="module")
def engine_page(chromium: str) -> Iterator[EnginePage]:
    """The page, which may ask nothing of other machines and may have no uncaught error."""
    with serving() as server, launch(chromium) as (page, log):
        made = EnginePage(page, server, log)
        made.open()
        yield made
    assert not log.blocked, f"the page asked other machines: {log.blocked}"
    assert log.console_errors == []
