"""The checklist of a service request on the customer's pages, in their JSON API and in mails."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from redress.base import catalogue
from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.base.people import Role
from redress.base.phrases import phrases
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.files.cases.accepting import AcceptingCase
from redress.files.messages import Verdict
from redress.mail.outgoing.messages import MailJob
from redress.plans.rules.checklists import label
from redress.plans.rules.document import parse
from redress.tickets.rules.checklist import MOST_FILES, Responsible, find
from redress.tickets.rules.steps import by_staff, checklists
from redress.tickets.rules.ticket import EventType
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from tests.builders import LIN, MEI, plan_1, plan_document
from tests.files import samples
from tests.functions.conftest import BASE_ADDRESS
from tests.functions.filing import create_bucket, judge, send
from tests.functions.test_customer_pages import (
    Site,
    bearer,
    press,
    site,
    structure,
    submit,
)
from tests.functions.test_mail_feedback import bounce, bounce_of, noted
from tests.functions.test_mailer import Mailer, Post, mailer, post, text_of
from tests.functions.test_pages_of_files import form_of
from tests.wired import set_environment
from tests.world import Opener, Stores, merge

__all__ = ["mailer", "post", "site"]  # the fixtures

CATEGORY = "account/personal_data"
BUCKET = "redress-files"

pytestmark = pytest.mark.usefixtures("table")


def request(site: Site, category: str = CATEGORY) -> tuple[str, str]:
    """Submit a service request on the form. Returns its number and the token of its page."""
    return submit(site, kind="service_request", category=category)


def does(stores: Stores, number: str, step: Callable[..., Any], *given: Any) -> None:
    stores.changes.change(number, lambda t, p, at: step(t, p, MEI, *given, at))


def page(site: Site, token: str, language: str = "en") -> str:
    answer = site("status", query={"lang": language}, token=token)
    assert answer["statusCode"] == 200
    found = structure(answer)
    assert set(found.controls) <= found.labelled
    assert set(found.described) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    body: str = html.unescape(answer["body"])
    return body


def states(stores: Stores, number: str) -> dict[str, str]:
    checklist = stores.tickets.get(number).checklist
    return {one.id: one.state for one in checklist.items} if checklist else {}


def text_of_item(id_: str, language: str, category: str = CATEGORY) -> str:
    return label(plan_1(), category, id_)[language]


# ----------------------------------------------------------------------------------- the page


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_shows_what_the_request_needs_and_who_does_what(
    site: Site, stores: Stores, language: str
) -> None:
    _, token = request(site, "payment/invoice")
    found = page(site, token, language)

    def words(key: str) -> str:
        return catalogue.text(language, f"checklist.{key}")

    for id_ in ("title", "licence", "no_change", "issue"):
        assert text_of_item(id_, language, "payment/invoice") in found
    for key in ("title", "optional", "open", "open_optional", "open_step", "read"):
        assert words(key) in found
    assert words("hint") not in found, "no promise stands still before the first answer"
    assert "<script" not in found


def test_page_of_another_ticket_shows_no_checklist(site: Site) -> None:
    _, token = submit(site)
    assert catalogue.text("en", "checklist.title") not in page(site, token)
    found = json.loads(site("api-ticket", headers=bearer(token), number=token[:13])["body"])
    assert found["checklist"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_answer_is_sent_by_a_button_without_javascript_and_shown_as_received(
    site: Site, stores: Stores, language: str
) -> None:
    number, token = request(site)
    pressed = press(
        site, token, "answer", item="new_details", answer="12 Mill Lane", language=language
    )
    assert pressed["statusCode"] == 303
    assert states(stores, number)["new_details"] == "given"
    found = page(site, token, language)
    assert catalogue.text(language, "checklist.given") in found
    assert catalogue.text(language, "event.item_answered") in found
    assert "12 Mill Lane" in found
    version = stores.tickets.get(number).version
    again = press(
        site, token, "answer", item="new_details", answer="12 Mill Lane", language=language
    )
    assert again["statusCode"] == 303, "a double click"
    assert stores.tickets.get(number).version == version


@pytest.mark.parametrize("language", LANGUAGES)
def test_note_is_acknowledged_by_a_button(site: Site, stores: Stores, language: str) -> None:
    number, token = request(site, "payment/invoice")
    assert press(site, token, "answer", item="no_change", answer="")["statusCode"] == 303
    assert states(stores, number)["no_change"] == "accepted"
    found = page(site, token, language)
    assert catalogue.text(language, "event.item_read") in found
    assert catalogue.text(language, "event.item_given") not in found, "nothing was sent"
    version = stores.tickets.get(number).version
    again = press(site, token, "answer", item="no_change", answer="")
    assert again["statusCode"] == 303, "a double click"
    assert stores.tickets.get(number).version == version


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_answer_is_refused_beside_its_field(
    site: Site, stores: Stores, language: str
) -> None:
    number, token = request(site)
    answer = press(site, token, "answer", item="new_details", answer=" ", language=language)
    assert answer["statusCode"] == 422
    found = structure(answer)
    assert "answer-new_details-fault" in found.ids
    assert found.jumps[0] in found.ids
    assert catalogue.text(language, "fault.required") in html.unescape(answer["body"])
    assert states(stores, number)["new_details"] == "open"


@pytest.mark.parametrize("item", ["", "photo", "change", "../identity"])
def test_answer_to_an_item_that_the_customer_does_not_give_is_not_found(
    site: Site, item: str
) -> None:
    _, token = request(site)
    assert press(site, token, "answer", item=item, answer="x")["statusCode"] == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_why_an_item_was_rejected_and_lets_it_be_sent_again(
    site: Site, stores: Stores, language: str
) -> None:
    number, token = request(site)
    press(site, token, "answer", item="new_details", answer="12 Mill Lane")
    does(stores, number, checklists.reject, "new_details", "Which <house> number?")
    found = page(site, token, language)
    assert catalogue.text(language, "checklist.rejected") in found
    assert found.count("Which <house> number?") == 2, "at the item and in the timeline"
    assert "<house>" not in site("status", token=token)["body"]
    press(site, token, "answer", item="new_details", answer="12 B")
    assert states(stores, number)["new_details"] == "given"
    does(stores, number, checklists.accept, "new_details", "")
    assert catalogue.text(language, "checklist.accepted") in page(site, token, language)
    refused = press(site, token, "answer", item="new_details", answer="13")
    assert refused["statusCode"] == 409


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("who", Responsible)
def test_page_tells_obstacles_with_who_has_to_do_something_and_results(
    site: Site, stores: Stores, language: str, who: Responsible
) -> None:
    number, token = request(site)
    does(stores, number, checklists.tell_obstacle, "change", who, "The register is closed")
    found = page(site, token, language)
    assert catalogue.text(language, f"checklist.obstacle.{who}") in found
    assert "The register is closed" in found
    does(stores, number, checklists.finish, "change", "Your address is changed")
    found = page(site, token, language)
    assert catalogue.text(language, f"checklist.obstacle.{who}") not in found
    assert catalogue.text(language, "checklist.done") in found
    assert "Your address is changed" in found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("end", ["resolved", "withdrawn", "merged"])
def test_page_of_a_request_that_is_over_asks_for_nothing_more(
    site: Site, stores: Stores, open_ticket: Opener, language: str, end: str
) -> None:
    number, token = request(site)
    press(site, token, "answer", item="new_details", answer="12 Mill Lane")
    does(stores, number, checklists.reject, "new_details", "Which house number?")
    does(stores, number, checklists.tell_obstacle, "change", Responsible.CUSTOMER, "We wait")

    def state(key: str) -> str:
        return f'class="state">{catalogue.text(language, f"checklist.{key}")}<'

    asks = [state(key) for key in ("open", "rejected", "open_step")]
    asks.append(catalogue.text(language, "checklist.obstacle.customer"))
    assert [words for words in asks if words not in page(site, token, language)] == []
    if end == "resolved":
        does(stores, number, by_staff.resolve, "Not possible.", "not_possible", None, None)
    elif end == "withdrawn":
        press(site, token, "withdraw", sure="yes")
    else:
        merge(stores, number, open_ticket("service_request", category=CATEGORY).number)
    found = page(site, token, language)
    assert [words for words in asks if words in found] == []
    for key in ("open", "rejected", "open_step"):
        assert state(f"over.{key}") in found
    assert "Which house number?" in found
    assert (token in found, "item=identity" in found) == (True, False)


@pytest.mark.parametrize("moved", [False, True])
def test_timeline_names_the_items_of_an_earlier_checklist_in_the_customers_language(
    site: Site, stores: Stores, moved: bool
) -> None:
    number, token = request(site)
    press(site, token, "answer", item="new_details", answer="12 Mill Lane")
    if moved:  # to a plan that has no checklists
        document = plan_document() | {"version": 2}
        del document["checklists"]
        stores.plan_store.publish(document, 2, 1)
        stores.plans.refresh()
        stores.changes.change(
            number, lambda t, p, at: by_staff.move_to_plan(t, p, parse(document), LIN, "so", at)
        )
    else:
        given = by_staff.Classification(category="account")
        stores.changes.change(
            number, lambda t, p, at: by_staff.reclassify(t, p, MEI, given, "so", at)
        )
    assert states(stores, number) == {}
    mine = bearer(token)
    shown = json.loads(site("api-ticket", headers=mine, number=number)["body"])
    [line] = [one for one in shown["timeline"] if one["type"] == "item_answered"]
    assert line["item"] == {
        language: text_of_item("new_details", language) for language in LANGUAGES
    }
    assert text_of_item("new_details", "zh-CN") in page(site, token, "zh-CN")


def test_how_an_item_came_is_shown_to_nobody_outside(site: Site, stores: Stores) -> None:
    number, token = request(site)
    does(stores, number, checklists.accept, "identity", "His wife handed it in")
    assert "His wife" not in page(site, token)
    assert "His wife" not in site("api-ticket", headers=bearer(token), number=number)["body"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_that_the_promise_waits_for_the_customer_and_only_while_it_does(
    site: Site, stores: Stores, language: str
) -> None:
    """No promise is lengthened in silence: the page says what it waits for."""
    number, token = request(site)
    said = [
        catalogue.text(language, "promise.paused.customer"),
        catalogue.text(language, "checklist.hint"),
    ]

    def shown() -> list[str]:
        found = page(site, token, language)
        return [words for words in said if words in found]

    assert shown() == []
    does(stores, number, by_staff.reply, "We look after it.", False)
    assert shown() == said
    press(site, token, "answer", item="new_details", answer="12 Mill Lane")
    assert shown() == []


# ------------------------------------------------------------------------------- the JSON API


def test_api_shows_the_checklist_and_takes_answers(site: Site, stores: Stores) -> None:
    number, token = request(site)
    mine = bearer(token)
    shown = json.loads(site("api-ticket", headers=mine, number=number)["body"])
    assert [(one["id"], one["can"], one["required"]) for one in shown["checklist"]] == [
        ("identity", "send", True),
        ("new_details", "answer", True),
        ("change", None, True),
    ]
    assert shown["checklist"][0]["text"]["en"] == text_of_item("identity", "en")
    assert "answer" in shown["can"]
    given = site("api-item", headers=mine, number=number, item="new_details")
    assert given["statusCode"] == 200
    assert json.loads(given["body"])["checklist"][1]["state"] == "given"
    assert json.loads(given["body"])["timeline"][-1]["item"] == {
        language: text_of_item("new_details", language) for language in LANGUAGES
    }
    other, _ = submit(site, nonce="another form")
    assert site("api-item", headers=mine, number=other)["statusCode"] == 404


@pytest.mark.parametrize(
    ("item", "body", "status", "codes"),
    [
        ("identity", {"text": "I have none"}, 422, {"": "needs_file"}),
        ("new_details", {}, 422, {"/text": "required"}),
        (
            "new_details",
            {"text": 1, "why": "x"},
            422,
            {"/text": "text_expected", "/why": "unknown"},
        ),
        ("photo", {"text": "x"}, 404, {}),
        ("No Id", {"text": "x"}, 404, {}),
        ("change", {"text": "x"}, 404, {}),
    ],
)
def test_api_names_every_fault_of_an_answer(
    site: Site, item: str, body: dict[str, Any], status: int, codes: dict[str, str]
) -> None:
    number, token = request(site)
    answer = site("api-item", headers=bearer(token), number=number, item=item, body=body)
    assert answer["statusCode"] == status
    found = json.loads(answer["body"]).get("errors", [])
    assert {fault["pointer"]: fault["code"] for fault in found} == codes


def test_looking_at_the_page_gives_nothing(site: Site, stores: Stores) -> None:
    """Story 23: scanners of mail open links. A GET never writes."""
    number, token = request(site, "payment/invoice")
    version = stores.tickets.get(number).version
    page(site, token)
    site("files", token=token, query={"item": "licence"})
    assert stores.tickets.get(number).version == version


# ---------------------------------------------------------------------------------- files


@pytest.fixture
def bucket(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, FILES_BUCKET=BUCKET)
    create_bucket()


def upload(site: Site, number: str, token: str, item: str | None = "identity") -> str:
    body = {"name": "id.jpg", "size": len(samples.JPEG)} | ({"item": item} if item else {})
    made = json.loads(site("api-upload", headers=bearer(token), number=number, body=body)["body"])
    send(made, samples.JPEG)
    file: str = made["id"]
    return file


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("language", LANGUAGES)
def test_form_of_an_item_names_it_and_signs_it_into_the_permission(
    site: Site, language: str
) -> None:
    _, token = request(site)
    assert f"files?lang={language}&item=identity" in page(site, token, language)
    answer = site("files", token=token, query={"lang": language, "item": "identity"})
    assert text_of_item("identity", language) in html.unescape(answer["body"])
    assert form_of(answer)["x-amz-meta-item"] == "identity"
    assert 'data-item="identity"' in answer["body"], "the script sends it, too"
    assert re.search(r"files\?lang=[^\"]*&(amp;)?item=identity", answer["body"]), "other languages"
    for other in ("new_details", "photo", "x" * 200, "<b>"):
        plain = site("files", token=token, query={"lang": language, "item": other})
        assert "x-amz-meta-item" not in form_of(plain)
        assert "<b>" not in plain["body"].partition("<main")[2]


@pytest.mark.usefixtures("bucket")
def test_file_that_is_sent_for_an_item_gives_it_and_is_part_of_the_ticket(
    site: Site, stores: Stores
) -> None:
    number, token = request(site)
    file = upload(site, number, token)
    item = find(stores.tickets.get(number).checklist, "identity")
    assert item is not None
    assert (item.state, item.files) == ("given", (file,))
    event = stores.tickets.history(number)[-1]
    assert (event.type, event.data["item"], event.number) == (
        EventType.ITEM_GIVEN,
        "identity",
        item.event,
    )
    judge(number, file)
    opened = site("api-file", headers=bearer(token), number=number, file=file)
    assert opened["statusCode"] == 200
    assert "id.jpg" in page(site, token)
    assert stores.tickets.get(number).unanswered_since is not None, "the first message still is"


@pytest.mark.usefixtures("bucket")
def test_file_for_no_item_is_an_ordinary_message(site: Site, stores: Stores) -> None:
    number, token = request(site)
    upload(site, number, token, None)
    assert stores.tickets.history(number)[-1].type is EventType.CUSTOMER_WROTE
    assert states(stores, number)["identity"] == "open"


@pytest.mark.usefixtures("bucket")
def test_file_for_an_item_that_was_accepted_meanwhile_is_not_lost(
    site: Site, stores: Stores
) -> None:
    number, token = request(site)
    body = {"name": "id.jpg", "size": len(samples.JPEG), "item": "identity"}
    made = json.loads(site("api-upload", headers=bearer(token), number=number, body=body)["body"])
    does(stores, number, checklists.accept, "identity", "It came by post")
    send(made, samples.JPEG)
    event = stores.tickets.history(number)[-1]
    assert event.type is EventType.CUSTOMER_WROTE
    assert [one["id"] for one in event.data["files"]] == [made["id"]]
    late = site("api-upload", headers=bearer(token), number=number, body=body)
    assert late["statusCode"] == 409


@pytest.mark.usefixtures("bucket")
def test_item_takes_so_many_files_and_further_ones_are_refused_before_they_are_sent(
    site: Site, stores: Stores
) -> None:
    number, token = request(site)
    sent = [upload(site, number, token) for _ in range(MOST_FILES)]
    item = find(stores.tickets.get(number).checklist, "identity")
    assert item is not None
    assert item.files == tuple(sent)
    body = {"name": "id.jpg", "size": len(samples.JPEG), "item": "identity"}
    answer = site("api-upload", headers=bearer(token), number=number, body=body)
    assert answer["statusCode"] == 422
    assert [one["code"] for one in json.loads(answer["body"])["errors"]] == ["too_many_files"]


@pytest.mark.usefixtures("bucket")
def test_file_that_the_customer_withdraws_makes_room_and_the_item_is_missing_again(
    site: Site, stores: Stores
) -> None:
    number, token = request(site)
    sent = [upload(site, number, token) for _ in range(MOST_FILES)]
    for count, file in enumerate(sent, start=1):
        for _ in range(2):  # a repeat changes nothing
            answer = site("api-file-withdrawal", headers=bearer(token), number=number, file=file)
            assert answer["statusCode"] == 200
        ticket = stores.tickets.get(number)
        assert checklists.room(ticket, "identity") == count
    [*_, last] = stores.tickets.history(number)
    assert (last.type, last.by.role, last.data["withdrawn"]) == (
        EventType.NOTED,
        Role.CUSTOMER,
        [{"id": sent[-1], "name": "id.jpg"}],
    )
    assert states(stores, number)["identity"] == "open"
    again = upload(site, number, token)
    item = find(stores.tickets.get(number).checklist, "identity")
    assert item is not None
    assert (item.state, item.files) == ("given", (again,))


@pytest.mark.usefixtures("bucket")
def test_item_whose_files_nobody_can_open_takes_others_and_is_not_accepted_by_itself(
    site: Site, stores: Stores
) -> None:
    number, token = request(site)
    for _ in range(MOST_FILES):
        judge(number, upload(site, number, token), Verdict.FOUND, "Eicar")
    ticket = stores.tickets.get(number)
    assert (states(stores, number)["identity"], checklists.room(ticket, "identity")) == (
        "given",
        MOST_FILES,
    )
    step = AcceptingCase(wired_stores.tickets(), wired_stores.attached()).step("identity", "", [])
    with pytest.raises(InvalidInput) as refused:
        step(ticket, plan_1(), by=MEI, at=ticket.changed_at)
    assert [fault.code for fault in refused.value.faults] == ["file_not_open"]


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("item", "status"), [("photo", 404), ("new_details", 404), ("change", 404), (7, 422)]
)
def test_no_permission_is_given_for_something_that_is_no_material(
    site: Site, item: Any, status: int
) -> None:
    number, token = request(site)
    body = {"name": "id.jpg", "size": 9, "item": item}
    answer = site("api-upload", headers=bearer(token), number=number, body=body)
    assert answer["statusCode"] == status


def test_page_without_files_says_how_a_material_can_be_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, FILES_BUCKET="")
    _, token = request(site)
    found = page(site, token)
    assert catalogue.text("en", "checklist.no_files") in found
    assert "item=identity" not in found


# ---------------------------------------------------------------------------------- mails


@pytest.mark.parametrize("language", LANGUAGES)
def test_customer_is_told_what_is_needed_and_that_the_promise_may_wait(
    mailer: Mailer, post: Post, open_ticket: Opener, language: str
) -> None:
    ticket = open_ticket("service_request", category="payment/invoice", language=language)
    assert mailer(mailer.job(ticket.number, "checklist")) == []
    text = text_of(post.only)
    for id_ in ("title", "licence", "no_change"):
        assert text_of_item(id_, language, "payment/invoice") in text
    assert text_of_item("issue", language, "payment/invoice") not in text, "staff do it"
    assert catalogue.text(language, "checklist.hint") not in text, "nobody has answered yet"
    assert phrases(language).stands_still.rstrip(".。") in text
    token = customer_wiring.links().status_token(ticket.number)
    assert f"{BASE_ADDRESS}/t/{token}" in text
    assert post.only["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("language", LANGUAGES)
def test_customer_is_told_why_an_item_was_rejected_unless_they_have_sent_it_again(
    mailer: Mailer, post: Post, open_ticket: Opener, language: str
) -> None:
    ticket = open_ticket("service_request", category=CATEGORY, language=language)

    def answered(text: str) -> Callable[..., Any]:
        return lambda t, p, at: checklists.answer(t, p, "new_details", text, at)

    mailer.act(ticket.number, answered("12 Mill Lane"))
    mailer.act(
        ticket.number,
        lambda t, p, at: checklists.reject(t, p, MEI, "new_details", "Which house?", at),
    )
    job = mailer.job(ticket.number, "item")
    assert mailer(job) == []
    text = text_of(post.only)
    assert text_of_item("new_details", language) in text
    assert "Which house?" in text
    mailer.act(ticket.number, answered("12 B"))
    mailer.act(
        ticket.number,
        lambda t, p, at: checklists.reject(t, p, MEI, "new_details", "Which street?", at),
    )
    mailer.act(ticket.number, answered("12 C, Mill Lane"))
    assert mailer(mailer.job(ticket.number, "item")) == []
    assert len(post.sent) == 1, "the second mail would not be true any more"


def test_result_of_a_step_is_sent_although_the_request_was_resolved_meanwhile(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores
) -> None:
    number = open_ticket("service_request", category=CATEGORY, language="en").number
    does(stores, number, checklists.finish, "change", "Your new number is 12345.")
    job = mailer.job(number, "item")
    does(stores, number, by_staff.resolve, "Not possible.", "not_possible", None, None)
    assert mailer(job) == []
    assert "Your new number is 12345." in text_of(post.only)


def test_result_of_a_step_is_named_by_the_plan_although_the_category_was_corrected_meanwhile(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores
) -> None:
    number = open_ticket("service_request", category=CATEGORY, language="en").number
    does(stores, number, checklists.finish, "change", "Your new number is 12345.")
    job, corrected = mailer.job(number, "item"), by_staff.Classification(category="payment/invoice")
    mailer.act(number, lambda t, p, at: by_staff.reclassify(t, p, MEI, corrected, "so", at))
    assert mailer(job) == []
    named = label(stores.plans.current(), CATEGORY, "change")["en"]
    assert named != "change"
    assert named in text_of(post.only)


def test_mail_about_an_earlier_checklist_is_not_sent(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    ticket = open_ticket("service_request", category=CATEGORY)
    first = mailer.job(ticket.number, "checklist")
    corrected = by_staff.Classification(category="payment/invoice")
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.reclassify(t, p, MEI, corrected, "an invoice", at)
    )
    assert mailer(first) == []
    assert post.sent == []
    assert mailer(mailer.job(ticket.number, "checklist")) == []
    assert len(post.sent) == 1


def test_agent_is_asked_to_check_what_the_customer_has_given(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    ticket = open_ticket("service_request", agent="a-tao", category=CATEGORY, language="en")
    mailer.act(
        ticket.number, lambda t, p, at: checklists.answer(t, p, "new_details", "secret words", at)
    )
    assert mailer(mailer.job(ticket.number, "item_given")) == []
    assert "secret words" not in text_of(post.only)
    mailer.act(ticket.number, lambda t, p, at: checklists.answer(t, p, "new_details", "more", at))
    given = mailer.job(ticket.number, "item_given")
    mailer.act(ticket.number, lambda t, p, at: checklists.accept(t, p, MEI, "new_details", "", at))
    assert mailer(given) == []
    assert len(post.sent) == 1, "somebody has decided already"


def test_promise_waits_for_no_customer_whose_address_gets_no_mail_and_the_agent_is_told(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: Any
) -> None:
    """Mail on another ticket came back, so the list is not sent to the address at all."""
    other = open_ticket().number
    assert mailer(bounce(other)) == []
    number = open_ticket("service_request", agent="a-tao", category=CATEGORY).number
    does(stores, number, by_staff.reply, "We look after it.", False)
    job = mailer.job(number, "checklist")
    assert mailer(job, job) == [], "the job may come twice"
    assert post.sent == []
    [said] = noted(stores, number)
    assert (said["why"], said["text"]) == ("unsent", "the address returned mail")
    ticket = stores.tickets.get(number)
    assert ticket.checklist is not None
    assert (ticket.checklist.told, ticket.clocks[ClockName.RESOLUTION].state) == (
        False,
        ClockState.RUNNING,
    )
    assert mailer(mailer.job(number, "mail_returned")) == []
    assert post.only["To"] == "tao@example.com"


def test_promise_goes_on_when_ses_says_that_the_list_came_back(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: Any
) -> None:
    number = open_ticket("service_request", agent="a-tao", category=CATEGORY).number
    does(stores, number, by_staff.reply, "We look after it.", False)
    assert mailer(mailer.job(number, "checklist")) == []
    assert len(post.sent) == 1
    [key] = [one for one in mailer.records(number) if ".checklist." in one]
    about = MailJob(number, int(key.partition(".")[0]), "checklist", "customer")
    assert mailer(bounce_of(about)) == []
    clock = stores.tickets.get(number).clocks[ClockName.RESOLUTION]
    assert clock.state is ClockState.RUNNING
