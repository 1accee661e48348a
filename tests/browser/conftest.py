"""A headless Chromium with scripts switched off: the pages have to do without."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from local.install import find_browser
from tests.deployed import deployed

__all__ = ["deployed"]

QUIET = (
    "--no-sandbox",  # CI runs as root, where Chromium refuses its sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PHONE_WIDTH = 360
TIMEOUT_MS = 60_000
"""The first call of a function on the laptop's cloud loads it; on two cores that takes its time."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    assert path, "no Chromium: run `make install`"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page as a new visitor on a phone: visit(url, locale="zh-TW")."""
    contexts = []

    def open_page(url: str, locale: str = "en") -> Page:
        context = browser.new_context(
            java_script_enabled=False,
            locale=locale,
            viewport={"width": PHONE_WIDTH, "height": 740},
        )
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
