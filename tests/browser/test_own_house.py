"""The customers' pages in a browser, in the look of a house and on paper.

The pages come from the functions in this process, in front of which a server stands for API
Gateway. So a test can choose the settings of the house.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from redress.base import catalogue, house
from redress.base.languages import LANGUAGES
from redress.tickets.rules.steps import by_customer
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from tests.browser.conftest import PHONE_WIDTH
from tests.builders import OWN_FIELDS, Clock, plan_document
from tests.functions import gateway
from tests.functions.conftest import MEMBERS, clock, stores, table
from tests.wired import rewire, set_environment
from tests.world import Stores

__all__ = ["clock", "stores", "table"]

pytestmark = pytest.mark.usefixtures("table")

OWN = {
    "HOUSE_NAME": "Example Teas 示例茶业",
    "HOUSE_COLOUR": "#7a1f3d",
    "HOUSE_COLOUR_DARK": "#f0a0b8",
}
LONGEST_NAME = "Teahouse" * 7 + "ende"
Open = Callable[..., Page]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the pages."""
    with gateway.served(gateway.Gateway({})) as address:
        monkeypatch.setattr(gateway, "BASE_ADDRESS", address)
        yield address


@pytest.fixture
def opened(browser: Browser, site: str) -> Iterator[Open]:
    """Opens a page of the site on a phone: opened("/?lang=en", script=True, dark=True)."""
    with ExitStack() as contexts:

        def open_page(path: str, *, script: bool = False, dark: bool = False) -> Page:
            context = browser.new_context(
                java_script_enabled=script,
                color_scheme="dark" if dark else "light",
                viewport={"width": PHONE_WIDTH, "height": 740},
            )
            contexts.callback(context.close)
            page = context.new_page()
            page.goto(site + path)
            return page

        yield open_page


def submitted(page: Page, kind: str = "complaint") -> Page:
    """Fill in and send the form."""
    page.select_option("#kind", kind)
    for name, value in {
        "subject": "The cup arrived broken",
        "description": "Two of three cups are in pieces.",
        "order": "SO-2026/118",
        "name": "Tom Baker",
        "company": "Baker & Sons",
        "email": "tom@customer.example",
    }.items():
        page.fill(f"#{name}", value)
    page.check("#consent")
    page.click("main form button[type=submit]")
    return page


def value_of(page: Page, selector: str, name: str) -> str:
    """A computed property of the first element of a selector."""
    script = "(found, name) => getComputedStyle(found).getPropertyValue(name)"
    return str(page.locator(selector).first.evaluate(script, name))


def in_hexadecimal(colour: str) -> str:
    """`rgb(122, 31, 61)` as `#7a1f3d`."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


def assert_fits_a_phone(page: Page) -> None:
    assert page.locator("html").evaluate("root => root.scrollWidth") <= PHONE_WIDTH


@pytest.mark.parametrize("language", LANGUAGES)
def test_fields_of_the_plan_are_filled_in_on_a_phone(
    opened: Open, stores: Stores, clock: Clock, language: str
) -> None:
    document = plan_document() | {"version": 2, "fields": OWN_FIELDS}
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    rewire()
    page = opened(f"/?lang={language}&kind=complaint")
    page.fill("#field_serial", "KX-1")
    page.fill("#field_pieces", "two")
    page.select_option("#field_damage", "leaks")
    assert_fits_a_phone(page)
    for one in OWN_FIELDS[:4]:
        assert one["label"][language] in page.inner_text(f"label[for=field_{one['name']}]")
    page = submitted(page)
    ticket = stores.tickets.get(page.inner_text(".number strong"))
    assert dict(ticket.fields) == {"serial": "KX-1", "pieces": "two", "damage": "leaks"}


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_receipt_is_read_in_the_other_languages_without_a_second_ticket(
    opened: Open, stores: Stores, language: str, script: bool
) -> None:
    page = submitted(opened(f"/?lang={language}", script=script))
    said = catalogue.text(language, "receipt.thanks.complaint")
    assert said in page.inner_text("main")
    assert_fits_a_phone(page)
    number = page.inner_text(".number strong")
    for other in (one for one in LANGUAGES if one != language):
        page.click(f"nav a[lang='{other}']")
        assert page.get_attribute("html", "lang") == other
        assert page.inner_text(".number strong") == number
        assert catalogue.text(other, "receipt.thanks.complaint") in page.inner_text("main")
        assert_fits_a_phone(page)
    page.reload()
    page.click("main a.button")
    assert page.inner_text("h1") == "The cup arrived broken"
    ticket = stores.tickets.get(number)
    assert (ticket.order, ticket.contact.company) == ("SO-2026/118", "Baker & Sons")
    assert ticket.version == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_house_is_shown_in_its_colours_and_every_text_can_be_read(
    opened: Open, monkeypatch: pytest.MonkeyPatch, dark: bool
) -> None:
    set_environment(monkeypatch, **OWN)
    page = opened("/?lang=en", dark=dark)
    accent = OWN["HOUSE_COLOUR_DARK" if dark else "HOUSE_COLOUR"]
    assert page.inner_text(".home .house") == OWN["HOUSE_NAME"]
    assert OWN["HOUSE_NAME"] in page.title()
    button = "main form button"
    ground = in_hexadecimal(value_of(page, button, "background-color"))
    assert ground == accent
    ink = in_hexadecimal(value_of(page, button, "color"))
    assert house.contrast(ground, ink) >= house.TEXT_CONTRAST
    link = in_hexadecimal(value_of(page, "nav a", "color"))
    under = in_hexadecimal(value_of(page, "body", "background-color"))
    assert link == accent
    assert house.contrast(link, under) >= house.TEXT_CONTRAST


def test_longest_name_in_one_word_fits_a_phone(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(LONGEST_NAME) == house.NAME_LIMIT
    set_environment(monkeypatch, HOUSE_NAME=LONGEST_NAME)
    assert_fits_a_phone(opened("/?lang=en"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_paper_shows_texts_in_black_and_no_buttons_and_no_navigation(
    opened: Open, monkeypatch: pytest.MonkeyPatch, clock: Clock, dark: bool
) -> None:
    set_environment(monkeypatch, **OWN)
    page = opened("/?lang=en", dark=dark)
    page.emulate_media(media="print")
    assert_is_for_paper(page)
    page.emulate_media(media="screen")
    submitted(page)
    link = page.inner_text(".link code")
    page.emulate_media(media="print")
    assert_is_for_paper(page)
    assert page.locator(".link code").is_visible()
    number = page.inner_text(".number strong")
    quoted(number, clock)
    page.goto(link)
    assert_is_for_paper(page)
    assert page.locator(".printed code").inner_text() == link
    assert page.locator("details .words").first.is_visible(), "a folded part is open on paper"
    assert not page.locator("form").first.is_visible()
    page.emulate_media(media="screen")
    assert not page.locator(".printed").is_visible()
    assert not page.locator("details .words").first.is_visible()
    assert page.locator("form").first.is_visible()


def quoted(number: str, clock: Clock) -> None:
    """A mail with a folded quote comes on a ticket."""
    tickets, plans = wired_stores.tickets(), wired_stores.plans()
    ticket = tickets.get(number)
    part = {"kind": "quote", "at": 0, "length": 12, "folded": "> What I said"}
    mail: dict[str, Any] = {"id": "1", "key": "inbound/1", "parts": [part]}
    plan = plans.get(ticket.plan_version)
    tickets.commit(by_customer.write(ticket, plan, "One more.", clock.now(), mail), clock.now())


def assert_is_for_paper(page: Page) -> None:
    for selector in ("button", ".button", "nav"):
        for found in page.locator(selector).all():
            assert not found.is_visible(), selector
    for selector in ("h1", "main p", ".home"):
        assert in_hexadecimal(value_of(page, selector, "color")) == house.BLACK, selector
    assert in_hexadecimal(value_of(page, "body", "background-color")) == house.WHITE
