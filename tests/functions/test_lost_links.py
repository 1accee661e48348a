"""A customer who has lost the links of their tickets gets them by mail, and nobody else does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from redress.base.addresses import canonical
from redress.base.languages import LANGUAGES
from redress.base.people import Member
from redress.customers.cases.matching import MatchingCase
from redress.customers.rules.profile import ContactPoint, Profile, Revised
from redress.db import keys
from redress.mail.outgoing.cases.asking import links_job
from redress.mail.outgoing.cases.lost_links import MOST_LINKED
from redress.mail.outgoing.messages import NotAJob, encode, job_of, tags_of_links
from redress.mail.outgoing.store import AddressChange, AddressMark, address_row
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from tests import builders
from tests.builders import START
from tests.functions.conftest import BASE_ADDRESS
from tests.functions.test_customer_pages import Site, header, site, structure
from tests.functions.test_mail_feedback import RECIPIENT
from tests.functions.test_mailer import Mailer, Post, mailer, post, text_of
from tests.wired import TABLE, set_environment
from tests.world import Context, Opener, Stores, aws, load, logged_by, read_sample

__all__ = ["mailer", "post", "site"]  # the fixtures

LI_NA = "li.na@example.com"
PROFILE = "a" * 24
ASKED = {
    "en": "If open requests belong to",
    "zh-CN": "名下有未结案的事项",
    "zh-TW": "名下有未結案的案件",
}


def profile(email: str = LI_NA, customer: str = PROFILE, **fields: Any) -> None:
    """Store a customer's profile whose only contact point is this email address."""
    point = ContactPoint("email", canonical(email), START)
    made = Profile(customer, 1, START, "Li Na", contacts=(point,), **fields)
    wired_stores.customers().write([Revised(None, made)])


def match(number: str, customer: str = PROFILE) -> None:
    """Give a ticket's first event the index keys that list the ticket for a customer.

    In the product, the event `matched` has these keys.
    """
    created = wired_stores.tickets().get(number).created_at
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.event_sk(1)}},
        UpdateExpression="SET owner_pk = :pk, owner_sk = :sk",
        ExpressionAttributeValues={
            ":pk": {"S": keys.customer_pk(customer)},
            ":sk": {"S": keys.opened_sk(created, number)},
        },
    )


@pytest.fixture
def opened(open_ticket: Opener, staff: dict[str, Member]) -> str:
    """The number of an open ticket of a customer whose profile is known."""
    number = open_ticket(agent="a-mei", language="en").number
    profile()
    match(number)
    return number


def job(email: str = LI_NA) -> str:
    return encode(links_job(email))


def links_in(post: Post) -> list[str]:
    """The numbers in the links of the only mail."""
    return re.findall(rf"{re.escape(BASE_ADDRESS)}/t/(R-[0-9A-Z-]+)\.[\w-]+", text_of(post.only))


# ------------------------------------------------------------------------------- asking


@pytest.fixture
def queue(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that takes all messages out of the mail queue."""
    url = aws("sqs").create_queue(QueueName="redress-asked")["QueueUrl"]
    set_environment(monkeypatch, MAIL_QUEUE_URL=url)

    def taken() -> list[str]:
        found = aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        messages = found.get("Messages", [])
        for message in messages:
            aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    return taken


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_will_happen_in_every_language(
    site: Site, queue: Any, language: str
) -> None:
    shown = site("lost", query={"lang": language})
    assert shown["statusCode"] == 200
    found = structure(shown)
    assert (found.language, found.headings) == (language, [1])
    assert set(found.controls) <= found.labelled
    assert set(found.described) <= set(found.ids)
    assert "<script" not in shown["body"]
    assert queue() == [], "opening the page changes nothing"

    answer = site("lost-asked", {"email": LI_NA, "language": language})
    assert (answer["statusCode"], structure(answer).language) == (200, language)
    assert ASKED[language] in answer["body"]
    assert header(answer, "Cache-Control") == "no-store"
    assert queue() == [job()]


@pytest.mark.parametrize(
    ("sample", "status"),
    [("customer-lost", 200), ("customer-lost-asked", 200), ("customer-api-links", 202)],
)
def test_requests_as_they_come_from_api_gateway(queue: Any, sample: str, status: int) -> None:
    answer = load("customer").handler(read_sample(sample), Context())
    assert answer["statusCode"] == status
    assert queue() == ([] if sample == "customer-lost" else [job("tom@customer.example")])


def test_the_queue_contains_no_address(site: Site, queue: Any) -> None:
    site("lost-asked", {"email": LI_NA})
    [body] = queue()
    assert "li.na" not in body
    assert json.loads(body).keys() == {"links"}


def test_a_client_can_ask_through_the_json_api(site: Site, queue: Any) -> None:
    answer = site("api-links", body={"email": LI_NA})
    assert answer["statusCode"] == 202
    assert queue() == [job()]


@pytest.mark.parametrize("route", ["lost-asked", "api-links"])
def test_the_answer_and_the_calls_are_the_same_for_every_address(
    site: Site, queue: Any, opened: str, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is late or different would tell a stranger who our customers are."""
    calls: list[tuple[str, list[str]]] = []
    real: Any = vars(BaseClient)["_make_api_call"]

    def counting(client: Any, name: str, given: dict[str, Any]) -> Any:
        calls.append((name, sorted(given)))
        return real(client, name, given)

    def no_table() -> None:
        raise AssertionError("the table is not read")

    def asked(email: str) -> tuple[str, list[tuple[str, list[str]]]]:
        calls.clear()
        if route == "api-links":
            answer = site(route, body={"email": email})
        else:
            answer = site(route, {"email": email, "language": "en"})
        return json.dumps(answer).replace(email, "X"), list(calls)

    monkeypatch.setattr(BaseClient, "_make_api_call", counting)
    monkeypatch.setattr(clients, "dynamodb", no_table)
    monkeypatch.setattr(wired_stores, "models", no_table)
    known, unknown = asked(LI_NA), asked("no.body@example.net")
    assert known == unknown
    assert known[1] == [("SendMessage", ["MessageBody", "QueueUrl"])]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "required"),
        (" \u200b ", "required"),
        ("li.na", "email_expected"),
        ("li.na@example.com, eve@example.com", "email_expected"),
        ("li na@example.com", "email_expected"),
        ("李娜@example.com", "email_undeliverable"),
        ("a" * 300 + "@example.com", "too_long"),
        ("li.na@example.com\x00", "control_characters"),
    ],
)
def test_an_address_that_mail_cannot_be_sent_to_is_a_fault_in_the_form(
    site: Site, queue: Any, typed: str, code: str
) -> None:
    page = site("lost-asked", {"email": typed, "language": "en"})
    assert page["statusCode"] == 422
    found = structure(page)
    assert found.jumps == ["main", "email"], "the summary leads to the field"
    assert "email-fault" in found.described
    answer = site("api-links", body={"email": typed})
    assert answer["statusCode"] == 422
    errors = json.loads(answer["body"])["errors"]
    assert [(one["pointer"], one["code"]) for one in errors] == [("/email", code)]
    assert queue() == []


def test_the_json_api_names_every_fault(site: Site, queue: Any) -> None:
    answer = site("api-links", body={"mail": LI_NA, "email": 7})
    errors = json.loads(answer["body"])["errors"]
    assert {(one["pointer"], one["code"]) for one in errors} == {
        ("/mail", "unknown"),
        ("/email", "text_expected"),
    }
    assert queue() == []


def test_a_queue_that_does_not_answer_keeps_what_was_typed(
    site: Site, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(client: Any, name: str, given: dict[str, Any]) -> Any:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(BaseClient, "_make_api_call", down)
    page = site("lost-asked", {"email": LI_NA, "language": "en"})
    assert page["statusCode"] == 503
    assert structure(page).hidden["email"] == LI_NA
    assert site("api-links", body={"email": LI_NA})["statusCode"] == 503


@pytest.mark.parametrize("sample", ["form", "status"])
def test_the_form_and_the_page_of_a_wrong_link_lead_to_the_page(
    site: Site, stores: Stores, sample: str
) -> None:
    found = site(sample, query={"lang": "en"}, **({} if sample == "form" else {"token": "R-x.y"}))
    assert f'{BASE_ADDRESS}/lost?lang=en"' in found["body"]


# ------------------------------------------------------------------------------- the mail


def test_one_mail_has_the_links_of_all_open_tickets_of_the_address(
    mailer: Mailer, post: Post, open_ticket: Opener, opened: str, site: Site
) -> None:
    mailer.clock.advance(hours=1)
    second = open_ticket("inquiry", agent="a-tao", language="en").number
    closed = open_ticket("inquiry", agent="a-tao", language="en").number
    theirs = open_ticket(language="en", contact={"name": "Bo", "email": "bo@example.com"}).number
    for number in (second, closed, theirs):
        match(number)
    mailer.act(closed, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    assert mailer(job()) == []

    assert post.only["To"] == LI_NA
    assert links_in(post) == [second, opened], "newest first"
    text = text_of(post.only)
    assert f"{second} (inquiry), since Monday 23 November 2026, 10:00 (UTC+8)" in text
    token = re.findall(r"/t/(\S+)", text)[1]
    assert site("status", token=token)["statusCode"] == 200
    page = post.only.get_body(("html",))
    assert page is not None
    assert page.get_content().count('<a class="button"') == 2


def test_the_mail_repeats_nothing_that_somebody_typed(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    advert: dict[str, Any] = {"subject": "Buy at shop.example", "description": "shop.example"}
    number = open_ticket(language="en", contact={"name": "shop", "email": LI_NA}, **advert).number
    profile()
    match(number)
    assert mailer(job()) == []
    assert links_in(post) == [number]
    assert "shop" not in post.only.as_string()


def test_tickets_are_found_as_soon_as_they_were_matched(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(agent="a-mei", language="en").number
    assert mailer(job()) == []
    assert post.sent == []
    assert MatchingCase(wired_stores.customers(), wired_stores.changes()).match(number)
    assert mailer(job()) == []
    assert links_in(post) == [number]


@pytest.mark.parametrize(
    "typed",
    [
        "LI.NA@Example.COM",
        " li.na@example.com ",
        "ｌｉ．ｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "li.na\u200b@example.com",
    ],
)
def test_an_address_is_found_in_every_spelling(
    mailer: Mailer, post: Post, opened: str, typed: str
) -> None:
    assert job(typed) == job()
    assert mailer(job(typed)) == []
    assert links_in(post) == [opened]


def test_a_domain_in_its_own_script_is_found(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(contact={"name": "Li Na", "email": "li@例子.example"}).number
    profile("li@例子.example")
    match(number)
    assert mailer(job("LI@xn--fsqu00a.example")) == []
    assert links_in(post) == [number]


def test_the_mail_is_in_the_language_of_the_newest_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, opened: str
) -> None:
    mailer.clock.advance(hours=1)
    match(open_ticket(language="zh-TW").number)
    assert mailer(job()) == []
    assert "（客訴），提交於2026年11月23日" in text_of(post.only)


def test_tickets_of_a_profile_that_was_merged_are_found(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(language="en").number
    match(number, "b" * 24)
    profile(absorbed=("b" * 24,))
    assert mailer(job()) == []
    assert links_in(post) == [number]


def test_more_tickets_than_fit_are_named(
    mailer: Mailer, post: Post, open_ticket: Opener, opened: str
) -> None:
    for _ in range(MOST_LINKED):
        mailer.clock.advance(minutes=1)
        match(open_ticket(language="en").number)
    reads: list[str] = []
    client = wired_stores.models().connection.client
    client.meta.events.register(
        "before-call.dynamodb.GetItem", lambda model, **_: reads.append(model.name)
    )
    assert mailer(job()) == []
    assert len(reads) < MOST_LINKED, "the address is looked up once, not for each ticket"
    assert len(links_in(post)) == MOST_LINKED
    assert "There are more open requests." in text_of(post.only)


# ------------------------------------------------------------------- who gets none, and how often


def test_an_unknown_address_gets_no_mail_and_leaves_nothing(
    mailer: Mailer, post: Post, opened: str
) -> None:
    def items() -> int:
        return int(aws("dynamodb").scan(TableName=TABLE)["Count"])

    before = items()
    assert mailer(job("no.body@example.net")) == []
    assert (post.sent, items()) == ([], before)


def test_an_address_with_closed_tickets_only_gets_no_mail(
    mailer: Mailer, post: Post, opened: str
) -> None:
    mailer.act(opened, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    assert mailer(job()) == []
    assert post.sent == []


def test_a_participant_gets_no_links(mailer: Mailer, post: Post, opened: str) -> None:
    friend = "friend@example.net"
    mailer.act(opened, lambda t, p, at: by_staff.set_participants(t, p, builders.MEI, [friend], at))
    profile(friend, "c" * 24)
    match(opened, "c" * 24)
    assert mailer(job(friend)) == []
    assert post.sent == []


def test_an_address_that_returned_mail_gets_none(mailer: Mailer, post: Post, opened: str) -> None:
    mark = AddressChange(LI_NA, AddressMark(START, "5.1.1"))
    address_row(wired_stores.models(), mark).save()
    assert mailer(job()) == []
    assert post.sent == []


def test_an_address_that_somebody_else_named_gets_none_until_it_writes(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """A sender can name any address in Reply-To."""
    mail = {"id": "9f86d0", "key": "inbound/a", "sender": "eve@example.net"}
    number = open_ticket(mail=mail, language="en").number
    profile()
    match(number)
    assert mailer(job()) == []
    assert post.sent == []
    wrote = AddressChange(LI_NA, None, wrote_at=START)
    address_row(wired_stores.models(), wrote).save()
    assert mailer(job()) == []
    assert links_in(post) == [number]


def test_repeated_clicks_send_one_mail_and_another_one_after_twenty_minutes(
    mailer: Mailer, post: Post, opened: str
) -> None:
    assert mailer(*[job()] * 5) == []
    mailer.clock.advance(minutes=19, seconds=59)
    assert mailer(job("LI.NA@example.com")) == []
    assert len(post.sent) == 1
    mailer.clock.advance(seconds=1)
    assert mailer(*[job()] * 2) == []
    assert len(post.sent) == 2
    ids = {mail["Message-ID"] for mail in post.sent}
    assert len(ids) == 2, "mail programs hide a second mail with the same id"


def test_nobody_is_flooded_however_often_somebody_asks(
    mailer: Mailer, post: Post, opened: str
) -> None:
    for _ in range(60):
        assert mailer(job()) == []
        mailer.clock.advance(minutes=1)
    assert len(post.sent) == 3


def test_a_customer_can_ask_for_links_of_another_address_and_gets_nothing(
    mailer: Mailer, post: Post, open_ticket: Opener, opened: str
) -> None:
    """Two customers: each one's job brings only their own tickets to their own address."""
    eve = "eve@example.net"
    theirs = open_ticket(language="en", contact={"name": "Eve", "email": eve}).number
    profile(eve, "e" * 24)
    match(theirs, "e" * 24)
    match(opened, "e" * 24)  # a wrong match must not give away a link
    assert mailer(job(eve)) == []
    assert (post.only["To"], links_in(post)) == (eve, [theirs])


# ------------------------------------------------------------------------ faults and reports


def test_a_message_that_is_no_digest_is_set_aside() -> None:
    assert job_of(job()) == links_job(LI_NA)
    for wrong in ('{"links": "li.na@example.com"}', '{"links": ""}', '{"links": 7}'):
        with pytest.raises(NotAJob):
            job_of(wrong)


def test_the_log_names_no_address(mailer: Mailer, post: Post, opened: str) -> None:
    with logged_by(mailer.app) as log:
        assert mailer(job(), job("no.body@example.net")) == []
    written = log.getvalue()
    assert "lost_links.customer" in written
    for private in ("li.na", "no.body", links_job(LI_NA).address):
        assert private not in written


def test_a_mail_that_comes_back_is_noted_on_its_first_ticket_and_ends_mail_to_the_address(
    mailer: Mailer, post: Post, opened: str, stores: Stores
) -> None:
    assert mailer(job()) == []
    tags = {one["Name"]: [one["Value"]] for one in tags_of_links(links_job(LI_NA), opened)}
    sent = {
        "timestamp": "2026-11-23T01:00:02.012Z",
        "messageId": "EXAMPLE",
        "destination": [LI_NA],
        "tags": tags,
    }
    bounce = {
        "bounceType": "Permanent",
        "bouncedRecipients": [RECIPIENT],
        "feedbackId": "f-1",
        "timestamp": "2026-11-23T01:00:09.669Z",
    }
    assert mailer(json.dumps({"eventType": "Send", "mail": sent, "send": {}})) == []
    assert mailer(json.dumps({"eventType": "Bounce", "mail": sent, "bounce": bounce})) == []
    notes = [e.data for e in stores.tickets.history(opened) if e.type is EventType.MAIL_NOTED]
    assert [note["mail"]["about"] for note in notes] == ["000001.lost_links.customer"]
    mailer.clock.advance(hours=1)
    assert mailer(job()) == []
    assert len(post.sent) == 1
