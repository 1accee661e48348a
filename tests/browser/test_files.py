"""A customer on a phone sends photos and documents, without and with JavaScript."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from local.stack import Outputs
from redress.base import catalogue
from redress.base.languages import LANGUAGES
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.test_story_form import assert_fits_a_phone, fill, send

Visit = Callable[..., Page]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154"
    "78da63f8cfc0f01f00050001ff56c72ae80000000049454e44ae426082"
)
PROGRAM = b"MZ" + bytes(200)
ARRIVES_S = 90
"""How long a file may take to be checked and scanned on the local cloud with two cores."""

NAMES = {"zh-CN": "碎杯子.png", "zh-TW": "破杯子.png", "en": "broken cup.png"}


def files_page(deployed: Outputs, visit: Visit, language: str, *, script: bool = False) -> Page:
    """Submit a ticket and follow the link of the receipt to the page of files."""
    page = visit(f"{deployed.base_url}/", locale=language, script=script)
    fill(page, language)
    send(page)
    page.click(f"main a:text-is('{catalogue.text(language, 'files.link')}')")
    assert page.inner_text("h1") == catalogue.text(language, "files.title")
    if script:  # until it runs, the form sends one file as without script
        many = catalogue.text(language, "files.script.many", count=5, size="25 MB")
        expect(page.locator("#how-many")).to_have_text(many)
    return page


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    chosen = [FilePayload(name=name, mimeType="", buffer=content) for name, content in files]
    page.set_input_files("#file", chosen)


def too_large(folder: Path) -> Path:
    """A film on the disk of one byte more than a plan without its own limit allows."""
    film = folder / "film.mp4"
    with film.open("wb") as opened:
        opened.truncate(26_214_401)
    return film


def wait_for(page: Page, key: str, language: str) -> None:
    """Reload the page until a file in the list has the state of this text."""
    latest = time.monotonic() + ARRIVES_S
    text = catalogue.text(language, key)
    while text not in page.inner_text("#list"):
        assert time.monotonic() < latest, page.inner_text("main")
        page.wait_for_timeout(1000)
        page.reload()


@pytest.mark.parametrize("language", LANGUAGES)
def test_file_is_sent_without_script_and_can_be_downloaded_after_its_scan(
    deployed: Outputs, visit: Visit, language: str, tmp_path: Path
) -> None:
    page = files_page(deployed, visit, language)
    assert_fits_a_phone(page)
    choose(page, (NAMES[language], PNG))
    returns: list[str] = []
    page.on("request", lambda made: returns.append(made.url) if "/f/" in made.url else None)
    page.click("#upload button")

    assert page.get_attribute("html", "lang") == language
    assert page.inner_text("p[role=status]") == catalogue.text(language, "files.sent")
    assert_fits_a_phone(page)
    wait_for(page, "files.state.clean", language)
    assert page.inner_text("#list .name") == NAMES[language]
    with page.expect_download() as download:
        page.click("#list .name a")
    assert download.value.suggested_filename == NAMES[language]
    download.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == PNG

    again = visit(returns[0], locale=language)
    assert again.inner_text("h1") == catalogue.text(language, "files.return.used")
    assert again.locator("a[href*='/t/']").count() == 0

    page.click(f"main a:text-is('{catalogue.text(language, 'files.back')}')")
    assert NAMES[language] in page.inner_text(".timeline .attached")
    assert_fits_a_phone(page)


def test_file_of_a_type_that_the_plan_refuses_is_listed_with_the_reason(
    deployed: Outputs, visit: Visit
) -> None:
    page = files_page(deployed, visit, "en")
    choose(page, ("holiday.jpg", PROGRAM))
    page.click("#upload button")
    wait_for(page, "files.reason.type", "en")
    assert catalogue.text("en", "files.state.refused") in page.inner_text("#list")
    assert page.locator("#list a").count() == 0


def test_file_that_is_found_harmful_says_so_and_cannot_be_opened(
    deployed: Outputs, visit: Visit
) -> None:
    page = files_page(deployed, visit, "en")
    signature = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    choose(page, ("note.txt", signature.encode()))
    page.click("#upload button")
    wait_for(page, "files.state.found", "en")
    assert page.locator("#list a").count() == 0


def test_file_that_is_too_large_is_refused_by_the_bucket_and_nothing_is_attached(
    deployed: Outputs, visit: Visit, tmp_path: Path
) -> None:
    page = files_page(deployed, visit, "en")
    address = page.url
    page.set_input_files("#file", too_large(tmp_path))
    with page.expect_response(lambda one: one.request.method == "POST") as refused:
        page.click("#upload button")
    assert refused.value.status == 400
    page.wait_for_load_state()
    assert "EntityTooLarge" in page.content()
    page.goto(address)
    assert catalogue.text("en", "files.none") in page.inner_text("#list")


def test_withdrawn_file_cannot_be_opened_any_more(deployed: Outputs, visit: Visit) -> None:
    page = files_page(deployed, visit, "en")
    choose(page, ("cup.png", PNG))
    page.click("#upload button")
    wait_for(page, "files.state.clean", "en")
    link = page.get_attribute("#list .name a", "href")
    page.click("#list form button")
    assert catalogue.text("en", "files.state.withdrawn") in page.inner_text("#list")
    gone = visit(link)
    assert gone.inner_text("h1") == catalogue.text("en", "files.open.withdrawn")


# ------------------------------------------------------------------------------ with the script


def failures_of(page: Page) -> list[str]:
    """The errors that the page's script or its security policy reports."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_script_sends_several_files_and_shows_them_when_they_have_arrived(
    deployed: Outputs, visit: Visit, language: str
) -> None:
    page = files_page(deployed, visit, language, script=True)
    failures = failures_of(page)
    choose(page, ("one.png", PNG), (NAMES[language], PNG))
    page.click("#upload button")

    expect(page.locator("#queue .held")).to_have_count(2, timeout=TIMEOUT_MS)
    done = catalogue.text(language, "files.script.done", name=NAMES[language])
    assert done in page.inner_text("#queue")
    assert_fits_a_phone(page)
    expect(page.locator("#list li")).to_have_count(2, timeout=ARRIVES_S * 1000)
    listed = {name.inner_text() for name in page.locator("#list .name").all()}
    assert listed == {"one.png", NAMES[language]}
    assert failures == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_script_names_the_limit_before_it_sends(
    deployed: Outputs, visit: Visit, language: str, tmp_path: Path
) -> None:
    page = files_page(deployed, visit, language, script=True)
    sent: list[str] = []
    page.on("request", lambda made: sent.append(made.url) if made.method == "POST" else None)

    def said() -> Any:
        page.click("#upload button")
        return page.locator("#file").evaluate("field => field.validationMessage")

    page.set_input_files("#file", too_large(tmp_path))
    large = catalogue.text(language, "files.script.large", name="film.mp4", size="25 MB")
    assert said() == large
    choose(page, ("nothing.txt", b""))
    assert said() == catalogue.text(language, "files.script.empty", name="nothing.txt")
    choose(page, *((f"{place}.png", PNG) for place in range(6)))
    assert said() == catalogue.text(language, "files.script.toomany", count=5)
    assert sent == []


def test_script_cancels_one_file_and_sends_the_others(deployed: Outputs, visit: Visit) -> None:
    page = files_page(deployed, visit, "en", script=True)
    action = page.get_attribute("#upload", "action")
    assert action is not None
    page.route(f"{action}**", lambda route: None, times=1)  # it gets no answer
    choose(page, ("slow.png", PNG), ("quick.png", PNG))
    with page.expect_request(lambda made: made.url.startswith(action)):
        page.click("#upload button")
    cancel = page.get_by_role("button", name="Cancel slow.png")
    cancel.focus()
    page.keyboard.press("Enter")
    cancelled = catalogue.text("en", "files.script.cancelled", name="slow.png")
    expect(page.locator("#queue li >> nth=0")).to_contain_text(cancelled)
    assert page.evaluate("document.activeElement.id") == "told"
    expect(page.locator("#queue li >> nth=1")).to_have_class("held", timeout=TIMEOUT_MS)


def test_script_says_what_to_do_after_a_failure(deployed: Outputs, visit: Visit) -> None:
    page = files_page(deployed, visit, "en", script=True)
    action = page.get_attribute("#upload", "action")
    page.route(f"{action}**", lambda route: route.abort(), times=1)
    choose(page, ("cup.png", PNG))
    page.click("#upload button")
    failed = catalogue.text("en", "files.script.failed", name="cup.png")
    expect(page.locator("#queue li")).to_contain_text(failed)
    assert page.inner_text("#told") == failed
    choose(page, ("cup.png", PNG))
    page.click("#upload button")
    expect(page.locator("#queue .held")).to_have_count(1, timeout=TIMEOUT_MS)


def test_refusal_of_the_product_is_shown_in_words(deployed: Outputs, visit: Visit) -> None:
    page = files_page(deployed, visit, "en", script=True)
    status = re.sub("/files.*", "", page.url)
    other = visit(status)
    other.click("details summary")
    other.check("#sure")
    other.click("form[action$='/withdraw'] button")
    choose(page, ("cup.png", PNG))
    page.click("#upload button")
    refused = catalogue.text("en", "files.script.refused", name="cup.png")
    expect(page.locator("#queue li")).to_contain_text(refused)
