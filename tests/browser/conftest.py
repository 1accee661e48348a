"""A headless Chromium, without JavaScript unless a test is about it: pages must work without."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from local.install import find_browser
from tests.deployed import deployed

__all__ = ["deployed"]

QUIET = (
    "--no-sandbox",  # CI runs as root, and Chromium refuses to run its sandbox as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PHONE_WIDTH = 360
TIMEOUT_MS = 60_000
"""The first call of a function loads it, which takes long on the local cloud with two cores."""


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
    """Opens a page as a new visitor on a phone: visit(url, locale="zh-TW", script=True)."""
    contexts = []

    def open_page(url: str, locale: str = "en", *, script: bool = False) -> Page:
        context = browser.new_context(
            java_script_enabled=script,
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
