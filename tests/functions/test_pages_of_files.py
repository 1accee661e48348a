"""The customer's page of files: its form, the way back from the bucket, downloads, withdrawal."""

from __future__ import annotations

import base64
import html
import json
import re
from copy import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError

from redress.base import catalogue
from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER, Actor, Role
from redress.base.phrases import moment
from redress.files.rules.refusals import Refusal
from redress.files.store.bucket import FilesBucket, file_key
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.steps import by_customer
from redress.tickets.store.attached import AttachedStore
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.functions.conftest import BASE_ADDRESS
from tests.functions.filing import create_bucket
from tests.functions.test_customer_pages import (
    Site,
    header,
    press,
    site,
    structure,
    submit,
)
from tests.wired import set_environment
from tests.world import Stores, aws, read_sample

__all__ = ["site"]  # the fixture

BUCKET = "redress-files"
FILE = "9f86d081884c7d65"
MEI = Actor(Role.AGENT, "a-mei")

pytestmark = pytest.mark.usefixtures("table")


@pytest.fixture(autouse=True)
def bucket(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, FILES_BUCKET=BUCKET)
    create_bucket()


def attached() -> AttachedStore:
    return wired_stores.attached()


def put(number: str, clock: Clock, state: FileState = FileState.CLEAN, **fields: Any) -> Attached:
    """Store a file of the ticket, which the customer has sent unless `by` says otherwise."""
    given: dict[str, Any] = {"id": FILE, "name": "cup.jpg", "by": CUSTOMER} | fields
    file = Attached(
        given.pop("id"), given.pop("name"), "image/jpeg", 1_234_567, given.pop("by"),
        clock.now(), state, **given,
    )  # fmt: skip
    assert attached().put_new(number, file)
    aws("s3").put_object(Bucket=BUCKET, Key=file_key(number, file.id), Body=b"a cup")
    return file


def form_of(answer: dict[str, Any]) -> dict[str, str]:
    """The hidden fields of the form that goes to the bucket."""
    form = answer["body"].partition('<form id="upload"')[2].partition("</form>")[0]
    assert form.index('type="file"') > form.rindex('type="hidden"'), "the bucket reads no more"
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in found}


def back_of(answer: dict[str, Any]) -> str:
    """The token of the address to which the bucket sends the browser."""
    address = form_of(answer)["success_action_redirect"]
    assert address.startswith(f"{BASE_ADDRESS}/f/")
    return address.removeprefix(f"{BASE_ADDRESS}/f/")


def page(site: Site, token: str, language: str = "en", **query: str) -> dict[str, Any]:
    answer = site("files", token=token, query={"lang": language} | query)
    assert answer["statusCode"] == 200, answer["body"]
    return answer


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_goes_to_the_bucket_and_its_limits_stand_beside_the_field(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    answer = page(site, token, language)
    fields, body = form_of(answer), html.unescape(answer["body"])
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert ["content-length-range", 1, 26_214_400] in policy["conditions"]
    assert fields["key"].startswith(f"uploads/{number}/")
    assert fields["x-amz-meta-by"] == "customer"
    plan = stores.plans.current()
    until = moment(clock.now() + timedelta(minutes=30), plan.time_zone, language)
    named = [catalogue.text(language, f"files.kind.{kind}") for kind in plan.files.types]
    comma = ", " if language == "en" else "、"
    for text in (
        catalogue.text(language, "files.one", size="25 MB"),
        catalogue.text(language, "files.kinds", kinds=comma.join(named)),
        catalogue.text(language, "files.left", count=20),
        catalogue.text(language, "files.valid", time=until),
        catalogue.text(language, "files.refused_by_bucket"),
    ):
        assert text in body
    found = structure(answer)
    assert found.language == language
    assert set(found.controls) <= found.labelled
    assert set(found.described) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_only_the_page_with_the_form_may_send_to_the_bucket_or_has_a_script(site: Site) -> None:
    _, token = submit(site)
    files = page(site, token)
    policy = header(files, "Content-Security-Policy")
    action = re.search('<form id="upload" method="post" action="([^"]*)"', files["body"])
    assert action is not None
    address = urlsplit(action[1])
    origin = f"{address.scheme}://{address.netloc}"
    assert BUCKET in action[1]
    assert f"form-action 'self' {origin};" in policy
    assert f"connect-src 'self' {origin}" in policy
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert re.findall(r"<script[^>]*>", files["body"]) == [
        f'<script src="{BASE_ADDRESS}/assets/files.js?v={_version(files)}" defer>'
    ]
    for other in (site("form"), site("status", token=token)):
        policy = header(other, "Content-Security-Policy")
        assert "form-action 'self';" in policy
        assert "script-src" not in policy
        assert "<script" not in other["body"]


def _version(answer: dict[str, Any]) -> str:
    found = re.search(r"/assets/files\.js\?v=(\w+)", answer["body"])
    assert found is not None
    return found[1]


def test_script_is_served_for_good_under_the_address_of_the_page(site: Site) -> None:
    _, token = submit(site)
    query = {"v": _version(page(site, token))}
    answer = site("asset", query=query, name="files.js")
    assert header(answer, "Content-Type") == "text/javascript; charset=utf-8"
    assert "immutable" in header(answer, "Cache-Control")


def test_receipt_and_status_page_link_to_the_page_of_files(site: Site) -> None:
    answer = site("form-submission")
    found = re.search(rf"{re.escape(BASE_ADDRESS)}/t/(R-[\w.-]+)/files\?lang=en", answer["body"])
    assert found is not None
    link = f'href="{found[0]}"'
    assert link in site("status", token=found[1], query={"lang": "en"})["body"]


def test_without_a_bucket_there_is_no_page_and_no_link(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, FILES_BUCKET="")
    answer = site("form-submission")
    _, token = submit(site)
    assert "/files" not in answer["body"]
    assert "/files" not in site("status", token=token)["body"]
    for name in ("files", "file", "file-withdrawal"):
        assert site(name, token=token)["statusCode"] == 404


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", FileState)
def test_list_names_each_file_its_sender_and_its_state_in_words(
    site: Site, clock: Clock, state: FileState, language: str
) -> None:
    number, token = submit(site)
    put(number, clock, state, name="<b>cup</b>.jpg", reason="Eicar-Test-Signature")
    body = html.unescape(page(site, token, language)["body"])
    listed = body.partition('<div id="list">')[2].partition("</div>")[0]
    assert "<b>cup</b>.jpg" in listed
    assert "<b>cup" not in page(site, token, language)["body"]
    assert "1.2 MB" in listed
    for key in (f"files.state.{state.value}", "files.by_customer"):
        assert catalogue.text(language, key) in listed
    assert "Eicar" not in listed
    assert (f"/files/{FILE}?" in listed) == (state is FileState.CLEAN)
    assert ("/withdrawal" in listed) == (state in (FileState.CLEAN, FileState.HELD))


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_of_a_full_or_closed_ticket_says_why_there_is_no_form(
    site: Site, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    for place in range(20):
        put(number, clock, id=f"{place:016x}")
    full = page(site, token, language)
    assert catalogue.text(language, "files.no_more.full") in html.unescape(full["body"])
    press(site, token, "withdraw", reason="", sure="yes")
    closed = page(site, token, language)
    assert catalogue.text(language, "files.no_more.closed") in html.unescape(closed["body"])
    for answer in (full, closed):
        assert 'type="file"' not in answer["body"]
        assert "<script" not in answer["body"]
        assert "form-action 'self';" in header(answer, "Content-Security-Policy")


def test_script_may_choose_no_more_files_than_the_ticket_has_room_for(
    site: Site, clock: Clock
) -> None:
    number, token = submit(site)
    assert 'data-most-files="5"' in page(site, token)["body"]
    for place in range(18):
        put(number, clock, id=f"{place:016x}")
    assert 'data-most-files="2"' in page(site, token)["body"]


# ------------------------------------------------------------------------------ the way back


def test_form_contains_no_link_and_its_way_back_works_once(site: Site) -> None:
    number, token = submit(site)
    answer = page(site, token, "zh-TW")
    back = back_of(answer)
    assert token.rpartition(".")[2] not in json.dumps(form_of(answer))
    first = site("returned", token=back)
    assert first["statusCode"] == 303
    location = f"{BASE_ADDRESS}/t/{token}/files?lang=zh-TW&sent=1"
    assert header(first, "Location") == location
    sent = html.unescape(page(site, token, "zh-TW", sent="1")["body"])
    assert catalogue.text("zh-TW", "files.sent") in sent
    again = site("returned", token=back)
    assert again["statusCode"] == 410
    assert structure(again).language == "zh-TW"
    assert catalogue.text("zh-TW", "files.return.used") in again["body"]
    assert number not in again["body"]
    assert "/t/" not in again["body"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_way_back_that_is_over_or_forged_is_answered_with_words_and_without_a_link(
    site: Site, clock: Clock, language: str
) -> None:
    _, token = submit(site)
    back = back_of(page(site, token))
    accepted = {"Accept-Language": language}
    clock.advance(minutes=89)
    forged = site(
        "returned", headers=accepted, token=f"{back[:-1]}{'A' if back[-1] != 'A' else 'B'}"
    )
    assert forged["statusCode"] == 404
    assert catalogue.text(language, "problem.404.title") in forged["body"]
    clock.advance(minutes=2)
    over = site("returned", headers=accepted, token=back)
    assert over["statusCode"] == 410
    assert catalogue.text(language, "files.return.over") in over["body"]
    for answer in (forged, over):
        assert "/t/" not in answer["body"]
    for name in ("status", "files", "file"):
        assert site(name, token=back)["statusCode"] == 404, "the token opens no ticket"


# ------------------------------------------------------------------------------ one file


@pytest.mark.parametrize("language", LANGUAGES)
def test_clean_file_is_opened_by_a_short_link_as_a_download_only(
    site: Site, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    put(number, clock, name="杯子.jpg")
    answer = site("file", token=token, query={"lang": language})
    assert answer["statusCode"] == 303
    link = urlsplit(header(answer, "Location"))
    asked = dict(parse_qsl(link.query))
    assert BUCKET in link.netloc + link.path
    assert link.path.endswith(f"/files/{number}/{FILE}")
    assert asked["X-Amz-Expires"] == "60"
    assert asked["response-content-type"] == "application/octet-stream"
    assert asked["response-content-disposition"].startswith("attachment;")
    assert "%E6%9D%AF" in asked["response-content-disposition"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", [state for state in FileState if state is not FileState.CLEAN])
def test_file_that_nobody_can_open_is_answered_with_words(
    site: Site, clock: Clock, state: FileState, language: str
) -> None:
    number, token = submit(site)
    put(number, clock, state)
    answer = site("file", token=token, query={"lang": language})
    assert answer["statusCode"] == (409 if state is FileState.HELD else 410)
    assert catalogue.text(language, f"files.open.{state.value}") in answer["body"]
    assert f"/t/{token}/files?lang={language}" in html.unescape(answer["body"])


def test_only_files_that_the_customer_sees_are_found(site: Site, clock: Clock) -> None:
    number, token = submit(site)
    other, _ = submit(site, nonce="another form", subject="Another")
    put(other, clock)
    put(number, clock, id="0" * 16, by=MEI, name="internal.png")
    listed = page(site, token)["body"]
    assert "internal.png" not in listed
    for file in (FILE, "0" * 16, "x" * 2000, "..", "A" * 16):
        assert site("file", token=token, file=file)["statusCode"] == 404
        assert site("file-withdrawal", token=token, file=file)["statusCode"] == 404


def test_customer_withdraws_an_own_file_with_a_button_and_without_script(
    site: Site, clock: Clock
) -> None:
    number, token = submit(site)
    put(number, clock)
    aws("s3").create_bucket(Bucket=BUCKET)
    for _ in range(2):
        answer = site("file-withdrawal", {"language": "zh-CN"}, token=token)
        assert answer["statusCode"] == 303
        assert header(answer, "Location") == f"{BASE_ADDRESS}/t/{token}/files?lang=zh-CN"
    assert attached().get(number, FILE).state is FileState.WITHDRAWN
    assert site("file", token=token)["statusCode"] == 410


def test_refused_file_cannot_be_withdrawn(site: Site, clock: Clock) -> None:
    number, token = submit(site)
    put(number, clock, FileState.REFUSED, reason="type")
    answer = site("file-withdrawal", {"language": "en"}, token=token)
    assert answer["statusCode"] == 409
    assert attached().get(number, FILE).state is FileState.REFUSED


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["type", "too_large", "too_many", "closed"])
def test_refused_file_is_listed_with_its_reason(
    site: Site, clock: Clock, reason: str, language: str
) -> None:
    assert {one.value for one in Refusal} == {"type", "too_large", "too_many", "closed"}
    number, token = submit(site)
    put(number, clock, FileState.REFUSED, reason=reason)
    body = html.unescape(page(site, token, language)["body"])
    assert catalogue.text(language, f"files.reason.{reason}") in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_file_that_could_not_be_scanned_is_not_called_harmful(
    site: Site, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    put(number, clock, FileState.FOUND, reason="unscanned: encrypted")
    body = html.unescape(page(site, token, language)["body"])
    assert catalogue.text(language, "files.state.unscanned") in body
    assert catalogue.text(language, "files.state.found") not in body


@pytest.mark.parametrize("name", ["files", "file", "file-withdrawal", "returned"])
def test_forged_link_shows_no_files(site: Site, clock: Clock, name: str) -> None:
    number, _ = submit(site)
    put(number, clock)
    for token in (f"{number}.forged", read_sample(f"customer-{name}")["pathParameters"]["token"]):
        answer = site(name, token=token)
        assert answer["statusCode"] == 404
        assert "cup.jpg" not in answer["body"]


def test_bucket_that_does_not_answer_loses_no_withdrawal(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, token = submit(site)
    put(number, clock)

    def fail(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws.example")

    with monkeypatch.context() as broken:
        broken.setattr(FilesBucket, "remove", fail)
        answer = site("file-withdrawal", {"language": "en"}, token=token)
    assert answer["statusCode"] == 503
    assert structure(answer).hidden == {"language": "en"}
    aws("s3").create_bucket(Bucket=BUCKET)
    assert site("file-withdrawal", {"language": "en"}, token=token)["statusCode"] == 303


# ------------------------------------------------------------------------------ the timeline


def came(number: str, stores: Stores, clock: Clock, state: FileState = FileState.HELD) -> None:
    """A file of the customer that has become part of the ticket, as a message without a text."""
    file = put(number, clock, state, event=2, name="<i>cup</i>.jpg")
    ticket = stores.tickets.get(number)
    listed = [{"id": file.id, "name": file.name, "type": file.type, "size": file.size}]
    plan = stores.plans.get(ticket.plan_version)
    written = by_customer.write(ticket, plan, "x", clock.now())
    [event] = written.events
    event = replace(event, data={"text": "", "files": listed})
    stores.tickets.commit(replace(written, events=(event,)), clock.now())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", FileState)
def test_status_page_shows_files_at_the_message_they_came_with(
    site: Site, stores: Stores, clock: Clock, state: FileState, language: str
) -> None:
    number, token = submit(site)
    came(number, stores, clock, state)
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    line = body.rpartition('<li class="customer">')[2].partition("</ul>")[0]
    assert "<i>cup</i>.jpg" in line
    assert "1.2 MB" in line
    is_clean = state is FileState.CLEAN
    assert (f"/t/{token}/files/{FILE}?lang={language}" in line) == is_clean
    if not is_clean:
        assert catalogue.text(language, f"files.short.{state.value}") in line
    assert "<i>" not in site("status", token=token)["body"]
