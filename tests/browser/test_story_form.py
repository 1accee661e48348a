"""A customer on a phone, without JavaScript: form, receipt, status page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from local.stack import Outputs
from redress.base import catalogue
from redress.base.languages import LANGUAGES
from tests.browser.conftest import PHONE_WIDTH

Visit = Callable[..., Page]

TEXTS = {
    "zh-CN": ("杯子碎了", "三个杯子碎了两个。\n盒子里没有填充物。", "李小明", "第三个也裂了。"),
    "zh-TW": ("杯子破了", "三個杯子破了兩個。\n盒子裡沒有填充物。", "陳怡君", "第三個也裂了。"),
    "en": ("Broken cups", "Two of three are in pieces.\nNo filling.", "Tom Baker", "One more."),
}


def fill(page: Page, language: str, email: str = "someone@customer.example") -> None:
    """Fills in every required field."""
    subject, description, name, _ = TEXTS[language]
    page.fill("#subject", subject)
    page.fill("#description", description)
    page.fill("#name", name)
    page.fill("#email", email)
    page.check("#consent")


def send(page: Page) -> None:
    page.click("main form button[type=submit]")


def number_on(page: Page) -> str:
    found = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", page.inner_text(".number"))
    assert found is not None
    return found[0]


def assert_fits_a_phone(page: Page) -> None:
    box = page.locator("html").evaluate("root => root.scrollWidth")
    assert box <= PHONE_WIDTH


@pytest.mark.parametrize("language", LANGUAGES)
def test_customer_submits_and_adds_a_message_in_their_language(
    deployed: Outputs, visit: Visit, language: str
) -> None:
    page = visit(f"{deployed.base_url}/", locale=language)
    assert page.get_attribute("html", "lang") == language
    assert_fits_a_phone(page)

    fill(page, language)
    send(page)

    number = number_on(page)
    assert catalogue.text(language, "receipt.title") in page.inner_text("h1")
    assert page.locator(".promises time").count() >= 2
    assert_fits_a_phone(page)

    page.click("main a.button")

    subject, description, _, more = TEXTS[language]
    assert number_on(page) == number
    assert page.inner_text("h1") == subject
    assert page.inner_text(".timeline .words >> nth=0") == description
    assert_fits_a_phone(page)

    page.fill("#words", more)
    page.click("form[action$='/write'] button")

    assert page.inner_text(".timeline .words >> nth=-1") == more
    assert page.get_attribute("html", "lang") == language


def test_sending_the_same_form_again_gives_the_same_number(deployed: Outputs, visit: Visit) -> None:
    page = visit(f"{deployed.base_url}/?lang=en")
    fill(page, "en")
    send(page)
    first = number_on(page)

    page.reload()

    assert number_on(page) == first


def test_all_faults_are_shown_at_once_and_input_is_kept(deployed: Outputs, visit: Visit) -> None:
    page = visit(f"{deployed.base_url}/?lang=en")
    page.fill("#description", "Two of three are in pieces.")
    page.fill("#phone", "none of your business")
    send(page)

    for field in ("subject", "name", "phone", "consent"):
        assert page.locator(f"#{field}-fault").is_visible(), field
        assert page.locator(f".summary a[href='#{field}']").is_visible(), field
    assert page.input_value("#description") == "Two of three are in pieces."
    assert page.input_value("#phone") == "none of your business"
    assert_fits_a_phone(page)

    fill(page, "en", email="")
    page.fill("#phone", "+44 20 7946 0123")
    send(page)

    assert catalogue.text("en", "receipt.phone") in page.inner_text("main")


def test_link_switches_the_language(deployed: Outputs, visit: Visit) -> None:
    page = visit(f"{deployed.base_url}/?kind=complaint", locale="en")
    assert page.inner_text("h1") == catalogue.text("en", "form.title_complaint")

    page.click("nav a[lang='zh-TW']")

    assert page.get_attribute("html", "lang") == "zh-TW"
    assert page.inner_text("h1") == catalogue.text("zh-TW", "form.title_complaint")
    assert page.input_value("#kind") == "complaint"
