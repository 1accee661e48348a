"""The reference of the API in a browser: it is searched, and loads nothing from elsewhere."""

from __future__ import annotations

from playwright.sync_api import Browser, Request, TimeoutError, expect

from local import install
from local.clients import tools

ATTEMPTS = 15
"""A word that is typed before the page has made its index finds nothing."""


def test_reference_is_searched_and_loads_nothing_from_elsewhere(browser: Browser) -> None:
    install.node()
    page = browser.new_context(offline=True).new_page()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.goto((tools.reference() / "staff.html").as_uri())
    expect(page.get_by_role("heading", name="Redress staff API")).to_be_visible()
    found = page.locator('[data-role="search:results"]').get_by_text(
        "Read one mail that is, or was, in quarantine"
    )
    for _ in range(ATTEMPTS):
        page.get_by_role("textbox").first.fill("")
        page.get_by_role("textbox").first.fill("quarantine")
        try:
            found.wait_for(timeout=2_000)
        except TimeoutError:
            continue
        break
    found.click()
    expect(page.get_by_text("/staff/quarantine/{id}", exact=True).first).to_be_visible()
    elsewhere = [one for one in asked if not one.url.startswith(("file:", "blob:", "data:"))]
    assert {one.failure for one in elsewhere} <= {"csp"}, "the page's policy stops all others"
    page.context.close()
