"""The inbound function, from the message in its queue to the items in the table and the bucket."""

from __future__ import annotations

import email.message
import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.policy import SMTP
from functools import partial
from typing import Any

import pytest
from botocore.client import BaseClient

from redress.base.addresses import canonical_domain
from redress.base.errors import InvalidInput
from redress.base.people import Actor, Member, Role
from redress.db import keys
from redress.mail.incoming.bucket import MailBucket, read_key
from redress.mail.incoming.rules.decision import MOST_HELD_NOTED, Notice
from redress.mail.incoming.rules.held import READER, Refused, ReleaseRequest
from redress.mail.incoming.store import (
    MOST_COPIES,
    IncomingMailStore,
    IncomingRecord,
    MailState,
    QuarantinePage,
)
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rendering import message, render
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, Phase, Ticket
from redress.tickets.store.tickets import TicketStore
from redress.wiring import assigner as assigner_wiring
from redress.wiring import customer as customer_wiring
from redress.wiring import inbound as inbound_wiring
from redress.wiring import mailer as mailer_wiring
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from tests.builders import MEI, Clock, plan_document
from tests.customers.builders import EMAIL, LI_NA, new, profile
from tests.functions.conftest import ENVIRONMENT
from tests.wired import REGION, TABLE, rewire, set_environment
from tests.world import (
    Act,
    Context,
    Opener,
    Stores,
    aws,
    load,
    logged_by,
    merge,
    split,
    unmerge_at_a_read,
    unsplit,
)

BUCKET = ENVIRONMENT["MAIL_BUCKET"]
DOMAIN = ENVIRONMENT["MAIL_DOMAIN"]
VERDICTS = (
    "Return-Path: <{sender}>\r\n"
    "Received: from mx (mx [192.0.2.1])\r\n"
    " by inbound-smtp.us-east-1.amazonaws.com with SMTP id {id}{taken_for};\r\n"
    "X-SES-Spam-Verdict: {spam}\r\n"
    "X-SES-Virus-Verdict: {virus}\r\n"
    "Received-SPF: pass (spfCheck: x)\r\n"
    "Authentication-Results: amazonses.com; spf=pass; dkim=pass;\r\n"
    " dmarc={dmarc} header.from={author};\r\n"
    "X-SES-RECEIPT: AEFBQUFB\r\n"
)


def mail(
    text: str = "我的包裹没有收到。",
    *,
    sender: str = "李娜 <li.na@example.com>",
    to: str = f"complaints@{DOMAIN}",
    subject: str = "投诉：包裹没有收到",
    message_id: str | None = "<first@mail.example.com>",
    spam: str = "PASS",
    virus: str = "PASS",
    dmarc: str = "pass",
    way: str = "1",
    author: str | None = None,
    taken_for: str = "",
    **headers: str,
) -> bytes:
    """Return a mail as SES stores it.

    `way` distinguishes two deliveries of the same mail. `taken_for` is the address that SES names
    in its Received line.
    """
    made = email.message.EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Date"] = "Mon, 23 Nov 2026 09:00:00 +0800"
    if message_id:
        made["Message-ID"] = message_id
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    author = author or sender.rpartition("@")[2].rstrip(">")
    return ses_block(way, spam, virus, dmarc, author, taken_for) + made.as_bytes()


def ses_block(
    way: str = "1",
    spam: str = "PASS",
    virus: str = "PASS",
    dmarc: str = "pass",
    author: str = "example.com",
    taken_for: str = "",
) -> bytes:
    """Return the headers that SES puts above a mail."""
    return VERDICTS.format(
        sender="x@example.com",
        id=way,
        spam=spam,
        virus=virus,
        dmarc=dmarc,
        author=author,
        taken_for=f"\r\n for {taken_for}" if taken_for else "",
    ).encode()


@dataclass
class Post:
    """Puts mails into the bucket and invokes the function."""

    module: Any
    stores: Stores
    bucket: MailBucket
    clock: Clock

    def deliver(self, raw: bytes, key: str = "inbound/1") -> None:
        self.keep(raw, key)
        assert self.tell(key) == []

    def keep(self, raw: bytes, key: str) -> None:
        self.bucket.put(key, raw, "message/rfc822")

    def tell(self, key: str) -> list[str]:
        """Invoke the function for an object. Returns the messages to deliver again."""
        event = {"eventTime": "2026-11-23T01:00:00.123Z", "s3": {"object": {"key": key}}}
        return self.send({"Records": [event]})

    def take(self, raw: bytes, *envelope: str, key: str = "inbound/1") -> None:
        """Deliver a mail with the notification of SES, which has the envelope's recipients."""
        self.keep(raw, key)
        assert self.send(receipt(key, *envelope)) == []

    def send(self, body: Any, tried: int = 1) -> list[str]:
        """Invoke the function for a message, in its attempt number `tried`."""
        text = body if isinstance(body, str) else json.dumps(body)
        attributes = {"ApproximateReceiveCount": str(tried)}
        record = {"messageId": "m", "body": text, "attributes": attributes}
        found = self.module.handler({"Records": [record]}, Context())
        return [one["itemIdentifier"] for one in found["batchItemFailures"]]

    def held(self) -> QuarantinePage:
        return wired_stores.incoming_mails().held(25, None)

    def tickets(self) -> list[Ticket]:
        rows = aws("dynamodb").scan(TableName=TABLE)["Items"]
        numbers = sorted(
            keys.number_of(row["pk"]["S"]) for row in rows if row["sk"]["S"] == keys.TICKET
        )
        return [self.stores.tickets.get(number) for number in numbers]

    def ticket(self) -> Ticket:
        [found] = self.tickets()
        return found

    def records(self) -> list[IncomingRecord]:
        rows = aws("dynamodb").scan(TableName=TABLE)["Items"]
        return [
            wired_stores.incoming_mails().get(row["pk"]["S"].partition("#")[2])
            for row in rows
            if row["sk"]["S"] == keys.INCOMING_MAIL
        ]

    def reply_address(self, ticket: Ticket) -> str:
        return f"{customer_wiring.links().mail_token(ticket.number)}@{DOMAIN}"


def receipt(key: str, *envelope: str) -> dict[str, Any]:
    """Return what SES publishes after its S3 action (SES Developer Guide, email receiving)."""
    return {
        "notificationType": "Received",
        "mail": {"messageId": key, "source": "li.na@example.com", "destination": list(envelope)},
        "receipt": {
            "timestamp": "2026-11-23T01:00:00.123Z",
            "recipients": list(envelope),
            "action": {"type": "S3", "bucketName": BUCKET, "objectKey": key},
        },
    }


@pytest.fixture
def post(stores: Stores, clock: Clock) -> Post:
    aws("s3").create_bucket(Bucket=BUCKET)
    return Post(load("inbound"), stores, inbound_wiring.mail_bucket(), clock)


def test_a_mail_becomes_a_ticket(post: Post) -> None:
    post.deliver(mail())
    ticket = post.ticket()
    assert (ticket.kind, ticket.channel, ticket.language) == ("complaint", "email", "zh-CN")
    assert ticket.subject == "投诉：包裹没有收到"
    assert (ticket.contact.name, ticket.contact.email) == ("李娜", "li.na@example.com")
    [opened] = post.stores.tickets.history(ticket.number)
    assert opened.data["description"] == "我的包裹没有收到。"
    assert opened.by.role is Role.CUSTOMER
    assert opened.data["mail"]["key"] == "inbound/1"
    [record] = post.records()
    assert (record.state, record.number, record.event) == (MailState.OPENED, ticket.number, 1)


def test_a_subject_and_a_name_from_a_mail_have_no_hidden_characters(post: Post) -> None:
    post.deliver(
        mail(
            "a\x1b[31mb\u202ec",
            sender="=?utf-8?q?=E2=80=AEW=E2=80=8Bang?= <wang@example.com>",
            subject="\u202ePaid\u2069 twi\u200bce\x07",
        )
    )
    ticket = post.ticket()
    assert (ticket.subject, ticket.contact.name) == ("Paid twice", "Wang")
    [opened] = post.stores.tickets.history(ticket.number)
    assert opened.data["description"] == "a[31mbc"
    [record] = post.records()
    assert (record.subject, record.sender_name) == ("Paid twice", "Wang")


@pytest.mark.parametrize("words", ["\u200b", "\u3164 \u2800", "\ufeff\u202e\u2066"])
def test_a_mail_of_which_nobody_can_see_anything_says_so(post: Post, words: str) -> None:
    post.deliver(mail(words, subject=words))
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert opened.data["description"] in ("(no text)", "（无正文）")
    assert post.ticket().subject in ("(no subject)", "（无主题）")


def test_everything_that_was_read_is_kept_in_the_bucket(post: Post) -> None:
    old = "\n\n在 2026年11月20日，09:00，Shop <shop@example.net> 写道：\n> 已发货\n"
    post.deliver(mail(f"没有收到{old}"))
    [opened] = post.stores.tickets.history(post.ticket().number)
    read = json.loads(post.bucket.get(f"read/{opened.data['mail']['id']}.json"))
    assert "已发货" in read["text"]
    assert "已发货" in read["quoted"]


def test_a_first_mail_is_described_by_its_whole_text_with_its_parts_named(post: Post) -> None:
    passed_on = (
        "---------- Forwarded message ---------\nFrom: Shop <shop@example.net>\n"
        "Date: 3 March 2026\nSubject: Refund\n\nWe do not refund."
    )
    text = f"What can I do?\n\n{passed_on}"
    post.deliver(mail(text, subject="Fwd: Refund"))
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert opened.data["description"] == text
    assert opened.data["mail"]["parts"] == [
        {"kind": "forward", "at": text.index("----"), "length": len(passed_on)}
    ]


def test_an_answer_says_what_was_folded_and_where_it_stood(post: Post) -> None:
    post.deliver(mail())
    ticket = post.ticket()
    quote = "On 23 Nov 2026 at 9:00, Service <service@in.example.org> wrote:\n> Hello"
    answer = mail(f"{quote}\n\nNo.\n", to=post.reply_address(ticket), message_id="<2@example.com>")
    post.deliver(answer, "inbound/2")
    wrote = post.stores.tickets.history(ticket.number)[-1]
    assert wrote.data["text"] == "No."
    assert wrote.data["mail"]["parts"] == [
        {"kind": "quote", "at": 0, "length": len(quote), "folded": quote}
    ]


def test_a_sentence_that_staff_sent_is_folded_without_any_mark(post: Post) -> None:
    post.deliver(mail())
    number = post.ticket().number
    sent = "Your parcel is on its way."
    for text, agreed in ((sent, True), ("Your parcel is lost.", False)):
        ticket = post.stores.tickets.get(number)
        plan, by = post.stores.plans.get(ticket.plan_version), Actor(Role.AGENT, "a-mei")
        if agreed:
            change = by_staff.reply(ticket, plan, by, sent, False, post.clock.now())
            post.stores.tickets.commit(change, post.clock.now())
        above = "On 3 March at 10:20 your agent wrote:"
        answer = f"{above}\n{text}\n\nThat is not true."
        key = f"inbound/{len(text)}"
        raw = mail(answer, to=post.reply_address(ticket), message_id=f"<{len(text)}@example.com>")
        post.deliver(raw, key)
        wrote = post.stores.tickets.history(number)[-1]
        assert wrote.data["text"] == (f"{above}\n\nThat is not true." if agreed else answer)
        folded = [one["folded"] for one in wrote.data["mail"].get("parts", [])]
        assert folded == ([text] if agreed else [])


@pytest.mark.parametrize("clue", ["address", "conversation", "thread", "subject"])
def test_an_answer_is_added_to_its_ticket(post: Post, clue: str) -> None:
    post.deliver(mail())
    first = post.ticket()
    token = customer_wiring.links().mail_token(first.number)
    named: dict[str, Any] = {
        "address": {"to": post.reply_address(first).upper()},
        "conversation": {"References": f"<x@y.example> <{token}@example.com>"},
        "thread": {"In_Reply_To": "<first@mail.example.com>"},
        "subject": {"subject": f"Re: [{first.number}] 投诉"},
    }[clue]
    post.deliver(
        mail("还是没有", message_id="<second@x>", **({"subject": "Re: x"} | named)), "inbound/2"
    )
    assert post.ticket().number == first.number
    last = post.stores.tickets.history(first.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "还是没有")


@pytest.mark.parametrize(
    ("typed", "sender"),
    [
        ("wang@Bücher.example", "Wang@xn--bcher-kva.example"),
        ("wang@grüße.example", "wang@xn--gre-6ka8l.example"),
        ("wang@商店.网址", "wang@商店.网址"),
        ("wang@example.org\u200b", "wang@example.org"),
        ("wang@example.org", "\u2060wang@example.org"),
    ],
)
def test_one_customer_writes_their_address_in_several_ways(
    post: Post, open_ticket: Opener, typed: str, sender: str
) -> None:
    number = open_ticket(contact={"name": "王伟", "email": typed}).number
    author = canonical_domain(sender.rpartition("@")[2])
    answer = mail("另一句话", to=post.reply_address(post.ticket()), author=author).decode()
    raw = answer.replace("From: =?utf-8?b?5p2O5aic?= <li.na@example.com>", f"From: <{sender}>")
    assert sender in raw
    post.deliver(raw.encode())
    last = post.stores.tickets.history(number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "另一句话")


@pytest.mark.parametrize("sender", ["wang..wei@example.com", "wang.@example.com"])
def test_a_mail_from_an_address_that_cannot_be_mailed_waits_for_a_person(
    post: Post, sender: str
) -> None:
    raw = mail().replace(b"<li.na@example.com>", f"<{sender}>".encode())
    post.deliver(raw)
    assert post.tickets() == []
    [held] = post.held().records
    assert (held.reason, held.excerpt) == ("no_sender", "我的包裹没有收到。")


def thanked(post: Post, number: str) -> bool:
    return "thanks" in post.stores.tickets.history(number)[-1].data


def answered(post: Post, text: str, **changed: str) -> Ticket:
    """A ticket whose customer answers our question by this mail."""
    post.deliver(mail())
    first = post.ticket()
    ask = lambda t, p, at: by_staff.reply(t, p, MEI, "请问订单号是多少？", True, at)  # noqa: E731
    post.stores.changes.change(first.number, ask)
    raw = mail(text, to=post.reply_address(first), message_id="<thanks@x>", **changed)
    post.deliver(raw, "inbound/2")
    [ticket] = post.tickets()
    return ticket


QUOTED = """Thank you!

-- \nLi Na
Tel. 555-0100

On 23 Nov 2026, Service <service@example.org> wrote:
> 请问订单号是多少？
"""


@pytest.mark.parametrize("text", ["谢谢！", "非常感謝您的協助", "Hi,\nmany thanks!", QUOTED])
def test_bare_thanks_by_mail_starts_no_clock_and_the_ticket_waits_on(post: Post, text: str) -> None:
    """The signature and the quote are folded away, as in every answer."""
    ticket = answered(post, text, subject="Re: 投诉：包裹没有收到")
    assert thanked(post, ticket.number)
    assert (ticket.state, ticket.unanswered_since) == ("waiting", None)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("谢谢，还是没收到", "Re: 投诉：包裹没有收到"),
        ("好的，谢谢！", "Re: 投诉：包裹没有收到"),
        ("Thank you", "Still nothing here"),
        ("Thank you\n\nLi Na\nTel. 555-0100", "Re: 投诉：包裹没有收到"),
    ],
)
def test_mail_that_says_more_than_thanks_is_an_ordinary_message(
    post: Post, text: str, subject: str
) -> None:
    ticket = answered(post, text, subject=subject)
    assert not thanked(post, ticket.number)
    assert (ticket.state, ticket.unanswered_since) == ("open", ticket.changed_at)


def test_thanks_after_the_ticket_is_closed_open_no_other_ticket(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    withdraw = lambda t, p, at: by_customer.withdraw(t, p, "", at)  # noqa: E731
    post.stores.changes.change(first.number, withdraw)
    words = {"to": post.reply_address(first), "subject": f"Re: [{first.number}] 投诉：包裹没有收到"}
    post.deliver(mail("谢谢🙏", message_id="<a@x>", **words), "inbound/2")
    assert [one.number for one in post.tickets()] == [first.number]
    assert thanked(post, first.number)
    assert post.ticket().state == "closed"
    post.deliver(mail("谢谢，还是没收到", message_id="<b@x>", **words), "inbound/3")
    assert len(post.tickets()) == 2


def test_a_strangers_answer_opens_a_linked_ticket(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    stranger = {"sender": "bo@example.net", "message_id": "<other@x>"}
    post.deliver(mail("Me too", to=post.reply_address(first), **stranger), "inbound/2")
    [second] = [one for one in post.tickets() if one.number != first.number]
    [opened] = post.stores.tickets.history(second.number)
    assert opened.data["mail"]["follows"] == first.number


OFFICE = {"sender": "Li Na <li.na@office.example>"}
"""Another address of the customer, which the ticket does not know."""


def test_a_strangers_answer_is_also_logged_on_the_ticket_until_staff_accept_it(
    post: Post, staff: Any
) -> None:
    post.deliver(mail())
    first = post.ticket()
    ours = post.reply_address(first)
    post.deliver(mail("还是没有", to=ours, message_id="<o1@x>", **OFFICE), "inbound/2")
    [second] = [one for one in post.tickets() if one.number != first.number]
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "stranger")
    assert (noted.data["from"], noted.data["text"]) == ("li.na@office.example", "还是没有")
    assert noted.data["mail"]["ticket"] == second.number
    after = post.stores.tickets.get(first.number)
    assert (after.clocks, after.last_person_version) == (first.clocks, first.last_person_version)

    wei = post.stores.staff.member("m-wei")
    staff_wiring.staff_cases().accept_mail(wei, first.number, noted.number, lambda: after.version)
    post.deliver(mail("谢谢", to=ours, message_id="<o2@x>", **OFFICE), "inbound/3")
    assert len(post.tickets()) == 2
    words = [
        event.data["text"]
        for event in post.stores.tickets.history(first.number)
        if event.type is EventType.CUSTOMER_WROTE
    ]
    assert words == ["还是没有", "谢谢"]


@pytest.mark.parametrize("author", ["", "From: bo..x@evil.example\n", 'From: "Bo" <>\n'])
def test_a_mail_without_a_sender_lets_nobody_in_whoever_is_named_in_reply_to(
    post: Post, staff: Any, author: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    unproven = {"dmarc": "none", "author": "evil.example"}
    unsigned = mail("one", to=post.reply_address(first), message_id="<n1@x>", **unproven)
    lines = [one for one in unsigned.split(b"\n") if not one.startswith(b"From:")]
    headers = f"{author}Reply-To: bo@example.net\nTo:".encode()
    post.deliver(b"\n".join(lines).replace(b"To:", headers, 1), "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "stranger")
    wei, version = post.stores.staff.member("m-wei"), noted.number
    with pytest.raises(InvalidInput):
        staff_wiring.staff_cases().accept_mail(wei, first.number, noted.number, lambda: version)
    assert post.stores.tickets.get(first.number).participants == ()

    second = mail("two", subject=f"Re: [{first.number}]", message_id="<n2@x>", **unproven)
    lines = [one for one in second.split(b"\n") if not one.startswith(b"From:")]
    post.deliver(b"\n".join(lines), "inbound/3")
    history = post.stores.tickets.history(first.number)
    assert not [one for one in history if one.type is EventType.CUSTOMER_WROTE]


def _held_answer(post: Post, first: Ticket, reason: str, message_id: str = "<h@x>") -> bytes:
    """Return a stranger's mail to the ticket's reply address that is held for this reason."""
    given: dict[str, str] = {"to": post.reply_address(first), "message_id": message_id} | OFFICE
    if reason == "disowned":
        given |= {"dmarc": "fail"}
    if reason == "no_sender":
        given |= {"sender": "li..na@office.example"}
    if reason == "too_many":
        document = plan_document() | {"version": 2}
        document["mail"]["most_an_hour"]["sender"] = 1
        with suppress(Exception):
            post.stores.plan_store.publish(document, 2, 1)
        rewire()
        post.deliver(mail("earlier", **OFFICE, message_id="<e@x>"), "inbound/earlier")
    return mail("还是没有", **given)


@pytest.mark.parametrize("reason", ["disowned", "no_sender", "too_many"])
def test_a_strangers_held_answer_is_logged_on_the_ticket_once(
    post: Post, staff: Any, reason: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    raw = _held_answer(post, first, reason)
    post.deliver(raw, "inbound/2")
    post.deliver(raw, "inbound/3")
    [held] = [one for one in post.held().records if one.reason == reason]
    noted = post.stores.tickets.history(first.number)[-1]
    assert held.noted == ((first.number, noted.number),)
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "stranger")
    assert (noted.data["text"], noted.data["mail"]["held"]) == ("还是没有", reason)
    assert reason in noted.data["mail"]["flags"]
    after = post.stores.tickets.get(first.number)
    assert (after.clocks, after.version) == (first.clocks, noted.number)
    post.send({"release": held.identity, "by": "m-wei"})
    assert post.stores.tickets.get(first.number).version == noted.number, "logged once"
    is_held = reason == "no_sender"
    assert (
        wired_stores.incoming_mails().get(held.identity).state is MailState.QUARANTINED
    ) == is_held


@pytest.mark.parametrize("reason", ["disowned", "too_many"])
def test_a_held_answer_that_staff_accepted_adds_nothing_when_it_is_released(
    post: Post, staff: Any, reason: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    post.deliver(_held_answer(post, first, reason), "inbound/2")
    [held] = post.held().records
    noted = post.stores.tickets.history(first.number)[-1]
    wei = post.stores.staff.member("m-wei")
    staff_wiring.staff_cases().accept_mail(wei, first.number, noted.number, lambda: noted.number)
    accepted = post.stores.tickets.get(first.number)
    tickets = len(post.tickets())
    for _ in range(2):
        post.send({"release": held.identity, "by": "m-wei"})
    assert post.stores.tickets.get(first.number).version == accepted.version
    assert len(post.tickets()) == tickets
    record = wired_stores.incoming_mails().get(held.identity)
    assert record.number == first.number
    assert record.state is (MailState.JOINED if reason == "too_many" else MailState.NOTED)


def test_a_flood_of_held_answers_is_logged_up_to_a_limit(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    for number in range(MOST_HELD_NOTED + 2):
        raw = _held_answer(post, first, "disowned", f"<{number}@x>")
        post.deliver(raw, f"inbound/flood/{number}")
    assert len(post.held().records) == MOST_HELD_NOTED + 2
    assert post.stores.tickets.get(first.number).version == first.version + MOST_HELD_NOTED
    post.deliver(mail("mine", to=post.reply_address(first), message_id="<m@x>"), "inbound/m")
    last = post.stores.tickets.history(first.number)[-1]
    assert last.type is EventType.CUSTOMER_WROTE, "the flood does not hold the customer's mail"


def test_a_strangers_next_answer_joins_their_ticket_and_is_logged_on_the_first(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    ours = post.reply_address(first)
    post.deliver(mail("One", to=ours, message_id="<o1@x>", **OFFICE), "inbound/2")
    answer = {"message_id": "<o2@x>", "In_Reply_To": "<o1@x>"} | OFFICE
    post.deliver(mail("Two", to=ours, **answer), "inbound/3")
    [second] = [one for one in post.tickets() if one.number != first.number]
    assert post.stores.tickets.history(second.number)[-1].data["text"] == "Two"
    noted = [event.data["text"] for event in post.stores.tickets.history(first.number)[1:]]
    assert noted == ["One", "Two"]


def test_a_disowned_mail_in_the_customers_name_is_logged_as_a_notice(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    forged = mail("Close it", to=post.reply_address(first), dmarc="fail", message_id="<f@x>")
    post.deliver(forged, "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "disowned")
    after = post.ticket()
    assert (after.state, after.clocks, after.last_person_version) == (
        first.state,
        first.clocks,
        first.last_person_version,
    )


@pytest.mark.parametrize(
    "forged",
    [
        {"author": "evil.example"},
        {"From": "mallory@evil.example"},
        {"sender": "li.na@example.com, mallory@evil.example", "author": "evil.example"},
    ],
    ids=["the verdict is about another", "a second From", "a second address"],
)
def test_a_mail_with_two_authors_counts_as_disowned(post: Post, forged: dict[str, str]) -> None:
    """DMARC passed, but for another author than the mail shows."""
    post.deliver(mail())
    first = post.ticket()
    second = forged.pop("From", None)
    raw = mail("Close it", to=post.reply_address(first), message_id="<f@x>", **forged)
    if second:
        raw = raw.replace(b"\nTo:", f"\nFrom: {second}\nTo:".encode(), 1)
    post.deliver(raw, "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "disowned")


@pytest.mark.parametrize(
    "second",
    [
        None,
        b"From: <li.na@example.com>",
        b"From: LI.NA@Example.COM (Li)",
        b"From: =?utf-8?q?=22Na=2C_Li=22?= <li.na@example.com>",
        b'From: "Li" <>',
        b"From:",
    ],
)
def test_a_from_header_that_a_gateway_repeats_names_one_author(
    post: Post, second: bytes | None
) -> None:
    raw = mail()
    line = next(one for one in raw.split(b"\n") if one.startswith(b"From:"))
    post.deliver(raw.replace(line, (second or line) + b"\n" + line, 1))
    assert post.ticket().contact.email == "li.na@example.com"
    post.deliver(raw.replace(line, line + b"\n" + (second or line), 1), "inbound/2")
    assert not post.held().records


def test_answers_go_to_from_if_no_mail_can_be_sent_to_reply_to(post: Post) -> None:
    post.deliver(mail(Reply_To="li..na@example.com"))
    assert post.ticket().contact.email == "li.na@example.com"


@pytest.mark.parametrize("door", ["complaints", "anybody"])
def test_answers_go_to_from_if_reply_to_is_an_address_of_ours(post: Post, door: str) -> None:
    post.deliver(mail(Reply_To=f"{door}@{DOMAIN}"))
    found = post.ticket()
    assert found.contact.email == "li.na@example.com"
    [opened] = post.stores.tickets.history(found.number)
    assert "unacknowledged" not in opened.data["mail"]


def test_answers_go_to_from_if_reply_to_is_a_door_of_the_plan(post: Post) -> None:
    house = "house.example"
    document = plan_document() | {"version": 2}
    document["mail"] |= {"doors": {"urgent": "complaint"}, "domains": [house]}
    post.stores.plan_store.publish(document, 2, 1)
    post.deliver(mail(Reply_To=f"urgent@{house}"))
    assert post.ticket().contact.email == "li.na@example.com"


def test_a_disowned_mail_is_acknowledged_only_after_its_release(post: Post) -> None:
    post.deliver(mail(dmarc="fail"))
    [held] = post.held().records
    assert (held.reason, held.flags) == ("disowned", ("disowned",))
    post.send({"release": held.identity, "by": "s-lin"})
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert opened.data["mail"]["flags"] == ["disowned"]
    assert [one.template for one in mails_after(opened)] == ["acknowledgement"]


@pytest.mark.parametrize(("dmarc", "flags"), [("pass", None), ("none", ["unproven"])])
def test_a_message_linked_only_by_a_number_is_flagged_unproven(
    post: Post, dmarc: str, flags: list[str] | None
) -> None:
    post.deliver(mail())
    number = post.ticket().number
    typed = mail("More", subject=f"About {number}", message_id="<more@x>", dmarc=dmarc)
    post.deliver(typed, "inbound/2")
    wrote = post.stores.tickets.history(number)[-1]
    assert (wrote.data["text"], wrote.data["mail"].get("flags")) == ("More", flags)


def test_forged_verdicts_below_those_of_ses_are_ignored(post: Post) -> None:
    raw = mail(spam="FAIL").replace(b"From:", b"X-SES-Spam-Verdict: PASS\r\nFrom:", 1)
    post.deliver(raw)
    assert [record.reason for record in post.held().records] == ["spam"]


HELD = {
    "spam": {"spam": "FAIL"},
    "virus": {"virus": "FAIL"},
    "automatic": {"Auto_Submitted": "auto-replied"},
    "no_sender": {"sender": "undisclosed"},
    "from_staff": {"sender": "mei@example.com", "dmarc": "none"},
}


@pytest.mark.parametrize("reason", HELD)
def test_unwanted_mail_is_quarantined(post: Post, staff: Any, reason: str) -> None:
    post.deliver(mail(**HELD[reason]))
    assert post.tickets() == []
    [record] = post.held().records
    assert record.reason == reason
    assert record.subject == "投诉：包裹没有收到"


def test_a_participants_mail_is_added_to_the_ticket(post: Post, staff: Any) -> None:
    post.deliver(mail())
    first = post.ticket()
    let_in(post, first.number, "bo@example.net")
    words = mail("I saw it too", sender="Bo <bo@example.net>", to=post.reply_address(first))
    post.deliver(words, "inbound/2")
    wrote = post.stores.tickets.history(first.number)[-1]
    assert (wrote.type, wrote.by.role) == (EventType.CUSTOMER_WROTE, Role.CUSTOMER)
    assert (wrote.data["text"], wrote.data["from"]) == ("I saw it too", "bo@example.net")


def let_in(post: Post, number: str, *addresses: str) -> None:
    wei = post.stores.staff.member("m-wei")
    version = post.stores.tickets.get(number).version
    decide = partial(by_staff.set_participants, addresses=list(addresses))
    staff_wiring.staff_cases().act(wei, number, "set_participants", lambda: (version, decide))


FORWARD = (
    "Please take this one.\n\n---------- Forwarded message ---------\n"
    "From: 王伟 <Wang.Wei@Example.com>\nDate: Mon, 23 Nov 2026 at 09:00\n"
    "Subject: {subject}\nTo: <mei@example.com>\n\n\n水壶漏水了，我要退款。\n"
)


def forward(subject: str = "水壶漏水", **given: str) -> bytes:
    usual = {"sender": "mei@example.com", "subject": f"Fwd: {subject}", "message_id": "<fwd@x>"}
    return mail(FORWARD.format(subject=subject), **(usual | given))


def test_a_mail_forwarded_by_staff_becomes_a_ticket_of_its_author(post: Post, staff: Any) -> None:
    post.deliver(forward())
    ticket = post.ticket()
    assert (ticket.contact.name, ticket.contact.email) == ("王伟", "wang.wei@example.com")
    assert (ticket.subject, ticket.language) == ("水壶漏水", "zh-CN")
    [opened] = post.stores.tickets.history(ticket.number)
    assert opened.data["description"] == "水壶漏水了，我要退款。"
    assert opened.data["mail"]["forwarded_by"] == "mei@example.com"
    assert opened.data["mail"]["comment"] == "Please take this one."
    post.deliver(forward(), "inbound/2")
    assert len(post.tickets()) == 1


def test_a_mail_forwarded_as_attachment_becomes_a_ticket_of_its_author(
    post: Post, staff: Any
) -> None:
    outer = email.message_from_bytes(mail("See below.", sender="mei@example.com"), policy=SMTP)
    assert isinstance(outer, email.message.EmailMessage)
    inner = email.message.EmailMessage()
    inner["From"], inner["Subject"] = "王伟 <wang.wei@example.com>", "水壶漏水"
    inner["Message-ID"] = "<theirs@example.com>"
    inner.set_content("水壶漏水了，我要退款。")
    outer.add_attachment(inner)
    post.deliver(outer.as_bytes())
    ticket = post.ticket()
    assert (ticket.contact.email, ticket.subject) == ("wang.wei@example.com", "水壶漏水")
    # The author's answer to their own mail is added to the ticket.
    more = mail(
        "还有一点",
        sender="wang.wei@example.com",
        subject="Re: 水壶漏水",
        message_id="<more@x>",
        In_Reply_To="<theirs@example.com>",
    )
    post.deliver(more, "inbound/2")
    assert post.stores.tickets.history(ticket.number)[-1].data["text"] == "还有一点"


def test_a_mail_forwarded_by_staff_about_a_ticket_becomes_their_note(
    post: Post, staff: Any
) -> None:
    """Only the text says who wrote a forwarded mail, and staff may have been deceived."""
    post.deliver(mail(sender="王伟 <wang.wei@example.com>"))
    first = post.ticket()
    post.deliver(forward(f"Re: [{first.number}] 包裹"), "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.by.id) == (EventType.NOTED, "a-mei")
    assert "Please take this one." in noted.data["text"]
    assert "水壶漏水了，我要退款。" in noted.data["text"]
    assert post.ticket().number == first.number


def test_a_forward_quoted_by_staff_is_left_out_of_their_note(post: Post, staff: Any) -> None:
    """A stranger chose the text of the mail that staff quote below their answer."""
    post.deliver(mail(sender="王伟 <wang.wei@example.com>"))
    first = post.ticket()
    quoted = "".join(f"> {line}\n" for line in FORWARD.format(subject="x").splitlines())
    answer = mail(
        f"Noted.\n\nOn Monday, Mallory wrote:\n{quoted}",
        sender="mei@example.com",
        to=post.reply_address(first),
        subject=f"Re: [{first.number}] 包裹",
        message_id="<m@x>",
    )
    post.deliver(answer, "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.data["text"]) == (EventType.NOTED, "Noted.")


def test_the_comment_above_a_forwarded_mail_is_kept_out_of_the_description(
    post: Post, staff: Any
) -> None:
    outer = email.message_from_bytes(mail("Refuse this.", sender="mei@example.com"), policy=SMTP)
    assert isinstance(outer, email.message.EmailMessage)
    inner = email.message.EmailMessage()
    inner["From"], inner["Subject"] = "wang.wei@example.com", "Picture"
    inner.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="a.gif")
    outer.add_attachment(inner)
    post.deliver(outer.as_bytes())
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert "Refuse" not in opened.data["description"]
    assert opened.data["mail"]["comment"] == "Refuse this."


def test_a_mail_that_came_before_and_is_then_forwarded_makes_one_ticket(
    post: Post, staff: Any
) -> None:
    theirs = mail(sender="王伟 <wang.wei@example.com>", message_id="<theirs@x>")
    post.deliver(theirs)
    outer = email.message_from_bytes(mail("See below.", sender="mei@example.com"), policy=SMTP)
    assert isinstance(outer, email.message.EmailMessage)
    outer.add_attachment(email.message_from_bytes(theirs, policy=SMTP))
    post.deliver(outer.as_bytes(), "inbound/2")
    assert post.stores.tickets.history(post.ticket().number)[-1].type is EventType.NOTED


def test_an_unproven_forward_in_the_name_of_staff_waits_for_its_release(
    post: Post, staff: Any
) -> None:
    post.deliver(forward(dmarc="none"))
    [record] = post.held().records
    assert (record.reason, record.sender) == ("from_staff", "mei@example.com")
    post.send({"release": record.identity, "by": "s-lin"})
    assert post.ticket().contact.email == "wang.wei@example.com"


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("MAILER-DAEMON@mx.example.net", {}),
        ("noreply@shop.example.net", {}),
        (ENVIRONMENT["SENDER_ADDRESS"], {}),
        ("wang.wei@example.com", {"Auto-Submitted": "auto-replied"}),
        ("wang.wei@example.com", {"Subject": "Automatic reply: away"}),
    ],
)
def test_a_machines_mail_attached_by_staff_opens_no_ticket(
    post: Post, staff: Any, sender: str, headers: dict[str, str]
) -> None:
    outer = email.message_from_bytes(mail("See below.", sender="mei@example.com"), policy=SMTP)
    assert isinstance(outer, email.message.EmailMessage)
    inner = email.message.EmailMessage()
    for name, value in ({"From": sender, "Subject": "x"} | headers).items():
        inner[name] = value
    inner.set_content("Your mail was not read.")
    outer.add_attachment(inner)
    post.deliver(outer.as_bytes())
    [record] = post.held().records
    assert record.reason == "from_staff"
    assert post.tickets() == []


def test_a_machines_mail_quoted_by_staff_opens_no_ticket(post: Post, staff: Any) -> None:
    text = FORWARD.format(subject="x").replace("Wang.Wei@", "shop-no-reply@")
    post.deliver(mail(text, sender="mei@example.com", subject="Fwd: x"))
    assert [record.reason for record in post.held().records] == ["from_staff"]


def test_a_mail_of_a_web_form_opens_a_ticket_for_the_person_who_filled_it_in(post: Post) -> None:
    post.deliver(
        mail(
            sender="Our shop <no-reply@shop.example>",
            author="shop.example",
            Reply_To="王伟 <wang.wei@example.com>",
        )
    )
    ticket = post.ticket()
    assert (ticket.contact.name, ticket.contact.email) == ("王伟", "wang.wei@example.com")


def test_a_mail_of_a_web_form_without_a_usable_address_is_quarantined(post: Post) -> None:
    raw = mail(sender="no-reply@shop.example", author="shop.example", Reply_To="li.na@localhost")
    post.deliver(raw)
    assert [record.reason for record in post.held().records] == ["no_sender"]


def without_from(raw: bytes, head: bytes) -> bytes:
    """Return a mail with other lines instead of From."""
    return re.sub(rb"(?m)^From: .*\n", head, raw)


@pytest.mark.parametrize(
    "head",
    [
        b'From: "Li" <>\nReply-To: <li.na@example.com>\n',
        b"Reply-To: Li <li.na@example.com>\n",
        b"From: Li <li@localhost>\nReply-To: Li <li.na@example.com>\n",
        b"From: undisclosed\nSender: Li <li.na@example.com>\n",
    ],
)
def test_a_mail_that_only_reply_to_makes_answerable_opens_a_ticket(post: Post, head: bytes) -> None:
    author = "localhost" if b"localhost" in head else "example.com"
    post.deliver(without_from(mail(author=author), head))
    opened = post.ticket()
    assert (opened.contact.name, opened.contact.email) == ("Li", "li.na@example.com")
    [event] = post.stores.tickets.history(opened.number)
    assert event.data["mail"]["unacknowledged"] == "reply_to"


def test_a_mail_without_from_may_not_write_on_tickets_of_the_person_it_names(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    forged = mail("Close it", to=post.reply_address(first), message_id="<forged@x>")
    post.deliver(without_from(forged, b"Reply-To: li.na@example.com\n"), "inbound/2")
    types = [one.type for one in post.stores.tickets.history(first.number)]
    assert EventType.CUSTOMER_WROTE not in types


def test_a_web_form_may_not_write_on_tickets_of_the_person_it_names(post: Post) -> None:
    post.deliver(mail())
    first = post.ticket()
    forged = mail(
        sender="no-reply@shop.example",
        author="shop.example",
        to=post.reply_address(first),
        message_id="<forged@x>",
        Reply_To="li.na@example.com",
    )
    post.deliver(forged, "inbound/2")
    _, noted = post.stores.tickets.history(first.number)
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "stranger")
    assert noted.data["from"] == "no-reply@shop.example"
    assert len(post.tickets()) == 2


def test_an_answer_of_staff_becomes_a_note(post: Post, staff: Any) -> None:
    post.deliver(mail())
    first = post.ticket()
    note = mail("Called them.", sender="mei@example.com", to=post.reply_address(first))
    post.deliver(note, "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.by.id) == (EventType.NOTED, "a-mei")
    assert (noted.data["text"], noted.data["mail"]["key"]) == ("Called them.", "inbound/2")
    assert post.ticket().last_person_version == first.last_person_version


CAMPAIGN = {
    "Feedback_ID": "7:campaign:shop",
    "List_Unsubscribe": "<https://shop.example/u>",
    "Precedence": "bulk",
}
GROUP = {
    "Precedence": "list",
    "Mailing_list": "list help@shop.example; contact help+owners@shop.example",
    "List_ID": "<help.shop.example>",
    "List_Unsubscribe": "<mailto:g+u@googlegroups.com>",
}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"subject": "休假中买的水壶漏水"}, "words"),
        ({"subject": "Out of office hours calls are charged"}, "words"),
        ({"X_Auto_Response_Suppress": "DR, OOF, AutoReply"}, "suppressed"),
        ({"Precedence": "bulk"}, "bulk"),
        (GROUP, "list"),
        ({"sender": "no-reply@example.com"}, "no_reply"),
        ({"Reply_To": "wang.wei@elsewhere.example"}, "reply_to"),
    ],
)
def test_a_mail_that_must_not_be_answered_opens_a_ticket_without_an_acknowledgement(
    post: Post, given: dict[str, str], why: str
) -> None:
    post.deliver(mail(**given))
    ticket = post.ticket()
    [opened] = post.stores.tickets.history(ticket.number)
    assert opened.data["mail"]["unacknowledged"] == why
    assert mails_after(opened) == []
    assert "acknowledgement" not in ticket.clocks
    assert ticket.phase is Phase.FIRST_RESPONSE
    assert post.held().records == []


@pytest.mark.parametrize("given", [CAMPAIGN, {"Auto_Submitted": "auto-generated"}])
def test_a_mail_that_a_machine_wrote_for_certain_is_held(post: Post, given: dict[str, str]) -> None:
    post.deliver(mail(**given))
    assert [record.reason for record in post.held().records] == ["automatic"]
    assert post.tickets() == []
    [record] = post.held().records
    post.send({"release": record.identity, "by": "s-lin"})
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert opened.data["mail"]["unacknowledged"] == "machine"


def through(envelope: str, raw: bytes) -> bytes:
    """Return the mail with another sender of the envelope."""
    return raw.replace(b"<x@example.com>", f"<{envelope}>".encode(), 1)


def name_groups(post: Post, *names: str) -> None:
    document = plan_document() | {"version": 2}
    document["mail"]["groups"] = list(names)
    post.stores.plan_store.publish(document, 2, 1)
    rewire()


@pytest.mark.parametrize(
    ("languages", "text"), [(["zh-CN", "en"], "单程"), (["zh-TW", "en"], "等最")]
)
def test_a_short_mail_without_a_charset_is_read_in_the_languages_of_the_plan(
    post: Post, languages: list[str], text: str
) -> None:
    document = plan_document() | {"version": 2}
    document["mail"]["languages"] = languages
    post.stores.plan_store.publish(document, 2, 1)
    rewire()
    data = "单程".encode("gb2312")
    assert data == "等最".encode("big5")
    head = b"From: <li.na@customer.example>\r\nTo: service@in.redress.example\r\n"
    post.deliver(head + b"Message-ID: <1@customer.example>\r\nSubject: " + data + b"\r\n\r\nHi")
    assert post.ticket().subject == text


@pytest.mark.parametrize(
    ("chosen", "text", "language"),
    [
        (("zh-TW",), "I would like to know where my parcel is, it has not come.", "zh-TW"),
        (("zh-TW", "en"), "I would like to know where my parcel is, it has not come.", "en"),
        (("en",), "请问我的包裹什么时候会到？我还没有收到。", "en"),
        (("en",), "請問我的包裹什麼時候會到？我還沒有收到。", "en"),
        ((), "I would like to know where my parcel is, it has not come.", "en"),
    ],
)
def test_ticket_of_a_mail_is_in_a_language_that_the_customer_chose(
    post: Post, chosen: tuple[str, ...], text: str, language: str
) -> None:
    known = profile(LI_NA, EMAIL, languages=chosen, languages_chosen=bool(chosen))
    wired_stores.customers().write([new(known)])
    post.deliver(mail(text, subject="4711"))
    number = post.ticket().number
    assigner_wiring.assignment().assign(number)
    ticket = post.stores.tickets.get(number)
    assert (ticket.customer, ticket.language) == (LI_NA, language)


def test_a_mail_through_a_group_that_the_plan_names_is_acknowledged(post: Post) -> None:
    name_groups(post, "help@shop.example")
    post.deliver(through("help+bnc3x@shop.example", mail(**GROUP)))
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert [one.template for one in mails_after(opened)] == ["acknowledgement"]


@pytest.mark.parametrize(
    ("envelope", "given"),
    [
        ("", {"Delivered_To": "help@shop.example", "text": "I am away until Monday."}),
        ("", {"X_Forwarded_To": "help@shop.example"}),
        ("b-7@news.example", {"Delivered_To": "help@shop.example"} | CAMPAIGN),
        ("x@evil.example", GROUP),
    ],
)
def test_a_mail_that_only_claims_to_come_through_a_named_group_is_not_acknowledged(
    post: Post, envelope: str, given: dict[str, str]
) -> None:
    name_groups(post, "help@shop.example")
    post.deliver(through(envelope, mail(**given)))
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert mails_after(opened) == []


@pytest.mark.parametrize(
    ("envelope", "spf", "held"),
    [
        ("help+bnc3x@shop.example", "pass", []),
        ("help+bnc3x@shop.example", "fail", ["disowned"]),
        ("attacker@shop.example", "pass", ["disowned"]),
        ("help@shop.example.evil.example", "pass", ["disowned"]),
        ("x@example.com", "pass", ["disowned"]),
    ],
)
def test_a_named_group_that_breaks_dmarc_is_trusted_if_spf_proves_its_envelope(
    post: Post, envelope: str, spf: str, held: list[str]
) -> None:
    name_groups(post, "help@shop.example")
    raw = through(envelope, mail(dmarc="fail", **GROUP))
    post.deliver(raw.replace(b"; spf=pass;", f"; spf={spf};".encode(), 1))
    assert [record.reason for record in post.held().records] == held
    assert len(post.tickets()) == (0 if held else 1)


def test_a_stranger_who_writes_through_a_named_group_takes_no_part_as_somebody_else(
    post: Post,
) -> None:
    name_groups(post, "help@shop.example")
    post.deliver(mail())
    first = post.ticket()
    forged = {"dmarc": "fail", "text": "请退款到另一个账户。"} | GROUP
    subject = f"[{first.number}] 包裹"
    by_number = mail(subject=subject, message_id="<n@x>", **forged)
    post.deliver(through("help+bnc3x@shop.example", by_number), "inbound/2")
    assert [one.type for one in post.stores.tickets.history(first.number)] == [EventType.OPENED]
    assert len(post.tickets()) == 2
    signed = mail(to=post.reply_address(first), message_id="<s@x>", **forged)
    post.deliver(through("help+bnc3x@shop.example", signed), "inbound/3")
    _, noted = post.stores.tickets.history(first.number)
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "disowned")
    assert len(post.tickets()) == 2


@pytest.mark.parametrize(("dmarc", "wrote"), [("fail", False), ("pass", True)])
def test_a_mail_through_a_group_shows_that_an_address_writes_only_if_dmarc_passes(
    post: Post, dmarc: str, wrote: bool
) -> None:
    name_groups(post, "help@shop.example")
    sender = "wang.wei@elsewhere.example"
    raw = mail(sender=sender, dmarc=dmarc, **GROUP)
    post.deliver(through("help@shop.example", raw))
    assert len(post.tickets()) == 1
    post.deliver(mail("灯坏了", message_id="<2@x>", Reply_To=sender), "inbound/2")
    opened = [post.stores.tickets.history(one.number)[0] for one in post.tickets()]
    [named] = [one for one in opened if one.data["mail"].get("sender")]
    assert bool(mails_after(named)) is wrote


def test_a_contact_of_another_organisation_is_acknowledged_once_they_have_written(
    post: Post,
) -> None:
    named = {"Reply_To": "王伟 <wang.wei@elsewhere.example>"}
    post.deliver(mail(**named))
    first = post.ticket()
    assert (first.contact.email, first.first_sender) == (
        "wang.wei@elsewhere.example",
        "li.na@example.com",
    )
    own = mail(sender="wang.wei@elsewhere.example", message_id="<own@x>")
    post.deliver(own.replace(b"To: complaints@", b"To: service@"), "inbound/2")
    post.deliver(mail(message_id="<again@x>", **named), "inbound/3")
    opened = [post.stores.tickets.history(one.number)[0] for one in post.tickets()]
    assert sorted(len(mails_after(one)) for one in opened) == [0, 1, 1]


@pytest.mark.parametrize("reply_to", ["wang.wei@example.com", "wang.wei@mail.example.com"])
def test_a_contact_of_the_senders_organisation_is_acknowledged(post: Post, reply_to: str) -> None:
    post.deliver(mail(Reply_To=reply_to))
    ticket = post.ticket()
    assert ticket.contact.email == reply_to
    assert len(mails_after(post.stores.tickets.history(ticket.number)[0])) == 1


@pytest.mark.parametrize("in_bcc", [False, True])
def test_one_mail_to_the_signed_addresses_of_two_tickets_is_a_message_on_both(
    post: Post, in_bcc: bool
) -> None:
    for place in (1, 2):
        text = f"第{place}盏灯坏了。"
        post.deliver(mail(text, message_id=f"<{place}@x>"), f"inbound/{place}")
    one, other = [post.reply_address(ticket) for ticket in post.tickets()]
    to = one if in_bcc else f"{one}, {other}"
    raw = mail("两盏灯都请退款。", to=to, message_id="<both@x>")
    for _ in range(2):
        post.take(raw, one, other, key="inbound/3")
    assert len(post.tickets()) == 2
    for ticket in post.tickets():
        _, *later = post.stores.tickets.history(ticket.number)
        assert [event.data["text"] for event in later] == ["两盏灯都请退款。"]
        assert [event.type for event in later] == [EventType.CUSTOMER_WROTE]


@pytest.mark.parametrize("damaged", [{"S": "x"}, {"N": "9" * 30}, {"N": "-1"}])
def test_a_mail_is_taken_although_the_counter_of_its_sender_is_damaged(
    post: Post, damaged: dict[str, str]
) -> None:
    post.deliver(mail(message_id="<1@x>"), "inbound/1")
    rows = aws("dynamodb").scan(TableName=TABLE)["Items"]
    counters = [row for row in rows if row["sk"]["S"] == keys.COUNT]
    assert counters
    for row in counters:
        aws("dynamodb").put_item(TableName=TABLE, Item=row | {"n": damaged})
    post.deliver(mail(message_id="<2@x>"), "inbound/2")
    assert len(post.tickets()) == 2


def test_a_mail_to_two_tickets_that_one_agent_resolved_last_month_is_taken_and_counted_as_late(
    post: Post, staff: dict[str, Member], act: Act, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
    for place in (1, 2):
        post.deliver(mail(f"第{place}盏灯坏了。", message_id=f"<{place}@x>"), f"inbound/{place}")
    for ticket in post.tickets():
        assigned = act(ticket, by_system.assign, MEI.id, "test")
        act(assigned, by_staff.resolve, MEI, "Replaced.", "upheld", "a lamp", "the bulb")
    one, other = [post.reply_address(ticket) for ticket in post.tickets()]
    clock.advance(days=3)
    raw = mail("两盏灯都请退款。", to=f"{one}, {other}", message_id="<both@x>")
    post.keep(raw, "inbound/3")
    assert post.send(receipt("inbound/3", one, other)) == []

    for ticket in post.tickets():
        *_, last = post.stores.tickets.history(ticket.number)
        assert last.data["text"] == "两盏灯都请退款。"
    late = staff_wiring.scoring_cases().late_facts("2026-11", MEI.id)
    assert late is not None
    assert (late.number, late.since) == (2, clock.now())


@pytest.mark.parametrize("sender", ["li.na@example.com", "wang.wei@elsewhere.example"])
def test_the_sender_and_the_contact_they_named_both_write_on_the_ticket(
    post: Post, sender: str
) -> None:
    post.deliver(mail(Reply_To="wang.wei@elsewhere.example"))
    first = post.ticket()
    answer = mail("4711", sender=sender, to=post.reply_address(first), message_id="<a@x>")
    post.deliver(answer, "inbound/2")
    wrote = post.stores.tickets.history(post.ticket().number)[-1]
    assert (wrote.type, wrote.data["text"]) == (EventType.CUSTOMER_WROTE, "4711")


def test_the_shop_whose_form_wrote_the_mail_gets_no_rights_on_the_ticket(post: Post) -> None:
    form = {"sender": "info@shop.example", "X_PHP_Originating_Script": "33:contact.php"}
    post.deliver(mail(Reply_To="王伟 <wang.wei@person.example>", **form))
    first = post.ticket()
    assert (first.contact.email, first.first_sender) == ("wang.wei@person.example", None)
    [opened] = post.stores.tickets.history(first.number)
    assert (mails_after(opened), opened.data["mail"]["unacknowledged"]) == ([], "reply_to")
    answer = mail("4711", to=post.reply_address(first), message_id="<a@x>", **form)
    post.deliver(answer, "inbound/2")
    assert len(post.tickets()) == 2


def test_a_form_at_a_domain_that_the_plan_names_is_one_of_the_house(post: Post) -> None:
    form = {"sender": "wordpress@web.shop.example", "Reply_To": "wang.wei@person.example"}
    post.deliver(mail(**form))
    document = plan_document() | {"version": 2}
    document["mail"]["domains"] = ["shop.example"]
    post.stores.plan_store.publish(document, 2, 1)
    rewire()
    post.deliver(mail("灯坏了", message_id="<2@x>", **form), "inbound/2")
    opened = [post.stores.tickets.history(one.number)[0] for one in post.tickets()]
    assert sorted(len(mails_after(one)) for one in opened) == [0, 1]


def test_a_form_of_the_house_that_sends_as_its_own_address_opens_a_ticket(post: Post) -> None:
    sender = ENVIRONMENT["SENDER_ADDRESS"]
    post.deliver(mail(sender=sender, Reply_To="王伟 <wang.wei@person.example>"))
    ticket = post.ticket()
    assert ticket.contact.email == "wang.wei@person.example"
    assert len(mails_after(post.stores.tickets.history(ticket.number)[0])) == 1
    post.deliver(mail(sender=sender, message_id="<none@x>"), "inbound/2")
    assert [record.reason for record in post.held().records] == ["own"]


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("（自动回复）您的来信", "我不在"),
        ("假期自动回复：[{number}] 包裹", "收到"),
        ("已读：[{number}] 包裹", ""),
        ("Re: [{number}] 包裹", "你好，我最近正在休假中，无法亲自回复你的邮件。"),
        ("自动回复 - Re: 投诉：包裹没有收到", "办公时间为九点到五点"),
        ("Li的自动回复：Re: 投诉：包裹没有收到", ""),
        ("投诉：包裹没有收到（自动回复）", "办公时间为九点到五点"),
        ("Absence : Re: 投诉：包裹没有收到", "Nos bureaux sont fermés"),
        ("Automatic reply: 处理结果：投诉：包裹没有收到", "We read it"),
        ("自动回复：请评价我们的服务：投诉：包裹没有收到", "办公时间为九点到五点"),
        ("Non lu : 投诉：包裹没有收到", ""),
        ("AUTO: Li Na is out of the office (returning 12/03/2026)", "Note: automatic"),
        ("假期回复：Re: 灯", "我不在，会尽快回复。"),
        ("Re: 自动回复：灯", "我不在，会尽快回复。"),
        ("Re: lamp", "I am out of the office and will answer your mail on Monday."),
        ("Urlaub", "Ich bin bis Montag im Urlaub."),
    ],
)
def test_an_auto_reply_to_a_signed_address_is_a_notice_even_without_headers(
    post: Post, subject: str, text: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    title = subject.format(number=first.number)
    answer = mail(text, to=post.reply_address(first), subject=title, message_id="<a@x>")
    post.deliver(answer, "inbound/2")
    noted = post.stores.tickets.history(first.number)[-1]
    assert (noted.type, noted.data["why"]) == (EventType.MAIL_NOTED, "automatic")
    assert post.ticket().clocks == first.clocks


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: [{number}] 退件没有退款", "你们只有自动回复，没有人回答"),
        ("Out of office hours nobody answers", "Call me"),
        ("Re: 自动回复：[{number}]", "这不是答复"),
        ("Re: 投诉：包裹没有收到", "您好，我正在外出，暂时无法拍照，回来后尽快处理好发给你。"),
        ("Re: 投诉：包裹没有收到", "I am away until Monday. The lamp is still broken."),
        ("自动回复：我只收到这个", "我要退款200元，灯坏了"),
        ("Absence du bureau : colis non livré", "Remboursez-moi"),
        ("Read: my complaint finally!", "I want 200 EUR"),
        ("Auto: Re: Motor kaputt", "Bitte melden"),
        ("[自动回复]骗人", "我要退款200元，灯坏了"),
        ("Re: 投诉：包裹没有收到", "我后天不在家。"),
        ("Re: 投诉：包裹没有收到", "Bin Freitag nicht da."),
        ("Re: 投诉：包裹没有收到", "Not available tomorrow."),
        ("Vacation", "The parcel never came."),
        ("未读", "箱子里什么都没有。"),
    ],
)
def test_a_persons_answer_about_auto_replies_is_the_customers_message(
    post: Post, subject: str, text: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    title = subject.format(number=first.number)
    answer = mail(text, to=post.reply_address(first), subject=title, message_id="<a@x>")
    post.deliver(answer, "inbound/2")
    wrote = post.stores.tickets.history(first.number)[-1]
    assert (wrote.type, wrote.data["text"]) == (EventType.CUSTOMER_WROTE, text)


def test_an_answer_with_a_calendar_file_and_a_mail_is_the_customers_message(post: Post) -> None:
    post.deliver(mail(subject="退件没有退款"))
    first = post.ticket()
    raw = mail("没有人来", to=post.reply_address(first), subject="Re: 退件", message_id="<a@x>")
    made = email.message_from_bytes(raw, policy=SMTP)
    assert isinstance(made, email.message.EmailMessage)
    event = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR"
    made.add_attachment(event, maintype="text", subtype="calendar", filename="visit.ics")
    inner = email.message.EmailMessage()
    inner["From"], inner["Subject"] = "shop@example.net", "Your parcel"
    inner.set_content("We tried.")
    made.add_attachment(inner)
    post.deliver(made.as_bytes(), "inbound/2")
    wrote = post.stores.tickets.history(post.ticket().number)[-1]
    assert (wrote.type, wrote.data["text"]) == (EventType.CUSTOMER_WROTE, "没有人来")


@pytest.mark.parametrize(
    "header", ["Feedback_ID", "X_Auto_Response_Suppress", "List_Unsubscribe", "Precedence"]
)
def test_the_customers_reply_is_added_even_if_its_headers_look_automatic(
    post: Post, header: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    said = {"X_Auto_Response_Suppress": "All", "Precedence": "bulk"}.get(header, "<x@example.com>")
    answer = mail("4711", to=post.reply_address(first), message_id="<a@x>", **{header: said})
    post.deliver(answer, "inbound/2")
    assert post.stores.tickets.history(first.number)[-1].type is EventType.CUSTOMER_WROTE


def test_a_sent_mail_that_comes_back_is_quarantined(post: Post) -> None:
    """SES replaces the Message-ID of a mail and keeps every other header."""
    post.deliver(mail())
    token = customer_wiring.links().mail_token(post.ticket().number)
    ours = message(
        "service@example.com",
        [f"service@{DOMAIN}"],
        post.ticket().number,
        [render("copy", "en", dict.fromkeys(("number", "subject", "text"), "x"))],
        post.clock.now(),
        automatic=False,
        conversation=token,
        mail_id="000003.reply.customer",
    )
    raw = ours.replace(b"Message-ID: <", b"Message-ID: <0100@email.amazonses.com>\r\nX-Was: <")
    post.deliver(raw, "inbound/2")
    assert [record.reason for record in post.held().records] == ["own"]
    assert len(post.tickets()) == 1


def test_staff_may_write_from_the_domain_of_the_sender_address(post: Post, staff: Any) -> None:
    post.deliver(mail())
    first = post.ticket()
    note = mail(
        "Called.",
        sender="mei@example.com",
        to=post.reply_address(first),
        message_id="<7d0f5c1e-55a1@example.com>",
    )
    post.deliver(note, "inbound/2")
    assert post.stores.tickets.history(first.number)[-1].type is EventType.NOTED


def test_too_many_mails_of_one_sender_are_quarantined(post: Post) -> None:
    most = 4
    document = plan_document() | {"version": 2}
    document["mail"]["most_an_hour"]["sender"] = most
    post.stores.plan_store.publish(document, 2, 1)
    rewire()
    for number in range(most + 3):
        post.deliver(mail(message_id=f"<{number}@x>"), f"inbound/{number}")
    assert len(post.tickets()) == most
    assert {record.reason for record in post.held().records} == {"too_many"}
    post.clock.advance(hours=1)
    post.deliver(mail(message_id="<later@x>"), "inbound/later")
    assert len(post.tickets()) == most + 1


def test_a_returned_mail_is_logged_with_the_failed_address(post: Post) -> None:
    post.deliver(mail())
    ticket = post.ticket()
    post.deliver(returned(post), "inbound/2")
    noted = post.stores.tickets.history(ticket.number)[-1]
    assert noted.data["why"] == "returned"
    assert noted.data["mail"]["returned"] == [
        {"address": "li.na@example.com", "status": "5.1.1", "permanent": True}
    ]


def _mails_go_out(monkeypatch: pytest.MonkeyPatch) -> None:
    aws("sesv2").create_email_identity(EmailIdentity=ENVIRONMENT["SENDER_ADDRESS"])
    queue = f"https://sqs.{REGION}.amazonaws.com/1/q"
    set_environment(monkeypatch, MAIL_QUEUE_URL=queue, MAIL_DEAD_LETTER_QUEUE_URL=queue)


def _job(ticket: Ticket) -> MailJob:
    return MailJob(ticket.number, 1, "acknowledgement", "customer")


def test_an_address_that_returned_mail_gets_none_until_it_writes(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mails_go_out(monkeypatch)
    post.deliver(mail())
    ticket = post.ticket()
    post.deliver(returned(post), "inbound/2")
    done = mailer_wiring.mailing().send(_job(ticket))
    assert (done.result, done.why) == ("refused", "the address returned mail")
    [record, _] = post.stores.mail_records.of_ticket(ticket.number)
    assert (record.state, record.fault) == ("refused", "the address returned mail")
    post.deliver(mail("I am back", message_id="<back@x>"), "inbound/3")
    [later] = [one for one in post.tickets() if one.number != ticket.number]
    assert mailer_wiring.mailing().send(_job(later)).result == "sent"


def test_a_notice_marks_only_permanent_failures_of_addresses_that_were_mailed(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can write a notice, so it must name a mail that was sent to the address.

    It must also give the status of a permanent failure.
    """
    _mails_go_out(monkeypatch)
    post.deliver(mail())
    notice = returned(post)
    told = [
        notice.replace(b"rfc822; li.na@", b"rfc822; bo@"),
        notice.replace(b"Status: 5.1.1", b"Status: 4.2.2"),
        notice.replace(b"Status: 5.1.1", b"X-Status: "),
        notice.replace(b"<0100018f@", b"<0100018e@"),
        forged_verdict(notice),
        returned(post, of="0200018f", audience="supervisor"),
    ]
    for index, one in enumerate(told):
        post.deliver(one.replace(b"<bounce@", f"<b{index}@".encode()), f"inbound/told-{index}")
    history = post.stores.tickets.history(post.ticket().number)
    assert [event.type for event in history][1:] == [EventType.MAIL_NOTED] * len(told)
    assert mailer_wiring.mailing().send(_job(post.ticket())).result == "sent"


def forged_verdict(notice: bytes) -> bytes:
    return ses_block(dmarc="fail", author="mx.example.com") + notice


def feedback(notice: bytes) -> bytes:
    """Return the report of a provider whose user marked a sent mail as spam (RFC 5965)."""
    old, new = b"delivery-status", b"feedback-report"
    status = b"Reporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; li.na@example.com"
    assert status in notice
    said = b"Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1"
    return notice.replace(old, new).replace(status, said)


@pytest.mark.parametrize(
    ("audience", "of", "told"),
    [
        ("customer", "0100018f", [MailToSend("mail_returned", "agent")]),
        ("agent", "0100018f", [MailToSend("staff_unreached", "supervisor")]),
        ("customer", "unknown", []),
    ],
)
def test_a_complaint_by_mail_is_reported_to_whom_it_concerns_if_the_mail_is_known(
    post: Post, audience: str, of: str, told: list[MailToSend]
) -> None:
    """A complaint names no address. It may come from an agent who marked a mail to staff as spam.

    Notifying that agent would cause another complaint, so their supervisor is notified.
    """
    post.deliver(mail())
    notice = returned(post, audience=audience).replace(b"<0100018f@", f"<{of}@".encode())
    post.deliver(feedback(notice), "inbound/2")
    noted = post.stores.tickets.history(post.ticket().number)[-1]
    assert noted.data["why"] == "complained"
    assert mails_after(noted) == told


@pytest.mark.parametrize(
    ("address", "audience", "told"),
    [
        ("li.na@example.com", "customer", MailToSend("mail_returned", "agent")),
        ("mei@example.com", "agent", MailToSend("staff_unreached", "supervisor")),
        ("lin@example.com", "supervisor", MailToSend("staff_unreached", "manager")),
    ],
)
def test_a_mail_that_missed_the_customer_is_told_to_the_agent_and_one_to_staff_to_the_next_role(
    post: Post, address: str, audience: str, told: MailToSend
) -> None:
    """A notification about an agent's own bounced mail would bounce as well."""
    post.deliver(mail())
    notice = returned(post, audience=audience).replace(b"li.na@example.com", address.encode())
    post.deliver(notice, "inbound/2")
    noted = post.stores.tickets.history(post.ticket().number)[-1]
    assert noted.data["mail"]["to"] == audience
    assert mails_after(noted) == [told]


def test_a_notice_that_names_neither_mail_nor_address_notifies_nobody(post: Post) -> None:
    post.deliver(mail())
    notice = returned(post).replace(b"<0100018f@", b"<x@").replace(b"li.na@example.com", b"a@b.cc")
    post.deliver(notice, "inbound/2")
    noted = post.stores.tickets.history(post.ticket().number)[-1]
    assert noted.data["why"] == "returned"
    assert mails_after(noted) == []


def test_a_notice_about_a_participant_ends_their_copies(post: Post, staff: Any) -> None:
    post.deliver(mail())
    number = post.ticket().number
    let_in(post, number, "bo@example.com")
    notice = returned(post, audience="participants").replace(b"li.na@", b"bo@")
    post.deliver(notice, "inbound/2")
    assert wired_stores.addresses().returned("bo@example.com") is not None
    assert wired_stores.addresses().returned("li.na@example.com") is None


def returned(post: Post, of: str = "0100018f", audience: str = "customer") -> bytes:
    """Return a notice that a sent mail was returned. `of` is the SES message id of that mail."""
    number = post.tickets()[0].number
    token = customer_wiring.links().mail_token(number)
    now = post.clock.now()
    key = f"000001.x.{audience}"
    post.stores.mail_records.claim(number, key, now, timedelta(minutes=1))
    post.stores.mail_records.record(number, key, "sent", now, message_id=of)
    lines = [
        "Return-Path: <>",
        "From: MAILER-DAEMON@mx.example.com",
        f"To: service@{DOMAIN}",
        "Subject: Undelivered Mail Returned to Sender",
        "Message-ID: <bounce@mx.example.com>",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "",
        "--b",
        "",
        "It failed.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.com",
        "",
        "Final-Recipient: rfc822; li.na@example.com",
        "Action: failed",
        "Status: 5.1.1",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        "From: service@example.com",
        f"Message-ID: <{of}@email.amazonses.com>",
        f"References: <{token}@example.com>",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


# ------------------------------------------------------------------------------ the addresses


@pytest.mark.parametrize(
    ("to", "others", "kind"),
    [
        ("service@othershop.example", {"Cc": f"complaints@{DOMAIN}"}, "complaint"),
        (f"Shop <feedback@{DOMAIN}>", {"Cc": "urgent@othershop.example"}, "feedback"),
        ("urgent@othershop.example", {"Cc": f"anything@{DOMAIN}"}, "inquiry"),
        (f"urgent@{DOMAIN}.othershop.example", {}, "inquiry"),
        ("undisclosed-recipients:;", {"Delivered_To": "urgent@othershop.example"}, "inquiry"),
        ("undisclosed-recipients:;", {"Delivered_To": f"complaints@{DOMAIN}"}, "complaint"),
        (f"COMPLAINTS@{DOMAIN.upper()}", {}, "complaint"),
        ("complaints@example.com", {}, "complaint"),
    ],
)
def test_only_an_address_of_the_house_presets_the_kind(
    post: Post, to: str, others: dict[str, str], kind: str
) -> None:
    post.deliver(mail(to=to, **others))
    assert post.ticket().kind == kind


def test_a_plan_names_addresses_and_domains_of_the_house(post: Post) -> None:
    document = plan_document() | {"version": 2}
    document["mail"]["doors"]["help@brand.example"] = "complaint"
    document["mail"]["domains"] = ["shop.example"]
    post.stores.plan_store.publish(document, 2, 1)
    rewire()
    post.deliver(mail(to="help@brand.example", message_id="<1@x>"), "inbound/1")
    post.deliver(mail(to="complaints@shop.example", message_id="<2@x>"), "inbound/2")
    assert [ticket.kind for ticket in post.tickets()] == ["complaint"] * 2
    post.deliver(mail(to="complaints@brand.example", message_id="<3@x>"), "inbound/3")
    assert sorted(ticket.kind for ticket in post.tickets()) == ["complaint", "complaint", "inquiry"]


HIDDEN = ["undisclosed-recipients:;", "friend@elsewhere.example", f"service@{DOMAIN}"]
"""What the header To can say although the mail was sent to another address of ours."""


@pytest.mark.parametrize("told", ["receipt", "received"])
@pytest.mark.parametrize("to", HIDDEN)
def test_the_address_of_the_envelope_presets_the_kind(post: Post, to: str, told: str) -> None:
    ours = f"complaints@{DOMAIN}"
    if told == "receipt":
        post.take(mail(to=to), ours.upper())
    else:
        post.deliver(mail(to=to, taken_for=ours))
    assert post.ticket().kind == "complaint"


@pytest.mark.parametrize("told", ["receipt", "received"])
@pytest.mark.parametrize("to", HIDDEN)
def test_a_mail_sent_to_the_reply_address_is_added_whatever_its_header_says(
    post: Post, to: str, told: str
) -> None:
    post.deliver(mail())
    ours = post.reply_address(post.ticket())
    answer = {"to": to, "subject": "x", "message_id": "<second@x>"}
    if told == "receipt":
        post.take(mail("还是没有", **answer), ours, key="inbound/2")
    else:
        post.deliver(mail("还是没有", taken_for=f"<{ours}>", **answer), "inbound/2")
    last = post.stores.tickets.history(post.ticket().number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "还是没有")


@pytest.mark.parametrize(
    "raw",
    [
        mail(to=f"service@{DOMAIN}", Received=f"from x by mx.example; for urgent@{DOMAIN}; x"),
        mail(to=f"service@{DOMAIN}").replace(
            b"from mx (mx",
            b"from y by inbound-smtp.us-east-1.amazonaws.com with SMTP id z\r\n for urgent@"
            + DOMAIN.encode()
            + b"; x (mx",
            1,
        ),
        mail(to=f"service@{DOMAIN}", taken_for=f"urgent@{DOMAIN}").replace(
            b"X-SES-RECEIPT: AEFBQUFB\r\n", b"", 1
        ),
    ],
    ids=["a Received line of the sender", "the name in HELO", "no block of SES"],
)
def test_an_envelope_that_the_sender_wrote_counts_for_nothing(post: Post, raw: bytes) -> None:
    post.deliver(raw)
    assert post.ticket().kind == "inquiry"


def test_the_order_of_the_headers_decides_among_several_addresses_of_the_envelope(
    post: Post,
) -> None:
    """The Received line names one address of several, and a receipt lists them in any order."""
    both = {"to": f"complaints@{DOMAIN}", "Cc": f"feedback@{DOMAIN}"}
    post.take(mail(message_id="<1@x>", **both), f"feedback@{DOMAIN}", f"complaints@{DOMAIN}")
    post.deliver(mail(message_id="<2@x>", taken_for=f"feedback@{DOMAIN}", **both), "inbound/2")
    assert [ticket.kind for ticket in post.tickets()] == ["complaint"] * 2


def test_the_envelope_counts_when_a_mail_is_released(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RecursionError("the text of a mail")

    post.take(mail(to="x@example.net", spam="FAIL"), f"complaints@{DOMAIN}")
    with monkeypatch.context() as patch:
        patch.setattr(post.module.reading, "incoming_mail_of", broken)
        unread = mail(to="x@example.net", message_id="<2@x>")
        post.take(unread, f"feedback@{DOMAIN}", key="inbound/2")
    for held in post.held().records:
        assert post.send({"release": held.identity, "by": "s-lin"}) == []
    assert sorted(ticket.kind for ticket in post.tickets()) == ["complaint", "feedback"]


@pytest.mark.parametrize("first", ["receipt", "event"])
def test_a_mail_whose_storing_is_told_twice_is_received_once(post: Post, first: str) -> None:
    """On AWS the notification of SES comes first, and the event of S3 after it."""
    post.keep(mail(to="x@example.net"), "inbound/1")
    told = [receipt("inbound/1", f"complaints@{DOMAIN}"), json.dumps({"Records": [S3_EVENT]})]
    for body in told if first == "receipt" else reversed(told):
        assert post.send(body) == []
    assert len(post.records()) == 1
    assert post.ticket().kind == ("complaint" if first == "receipt" else "inquiry")


S3_EVENT = {"eventTime": "2026-11-23T01:00:00.123Z", "s3": {"object": {"key": "inbound/1"}}}


def test_a_notification_of_ses_is_read_with_and_without_the_envelope_of_sns(post: Post) -> None:
    post.keep(mail(to="x@example.net"), "inbound/1")
    said = json.dumps(receipt("inbound/1", f"complaints@{DOMAIN}"))
    assert post.send({"Type": "Notification", "Message": said}) == []
    assert post.ticket().kind == "complaint"
    assert post.send("Successfully validated SNS topic for Amazon SES event publishing.") == []
    assert len(post.tickets()) == 1


# ------------------------------------------------------------------------------ exactly once


def test_an_event_that_comes_again_changes_nothing(post: Post) -> None:
    post.deliver(mail())
    before = post.ticket()
    for _ in range(3):
        assert post.tell("inbound/1") == []
    assert post.ticket() == before
    assert len(post.records()) == 1


def test_the_same_mail_under_two_keys_is_received_once(post: Post) -> None:
    post.deliver(mail(way="1"), "inbound/1")
    post.deliver(mail(way="2"), "inbound/2")
    assert len(post.tickets()) == 1


@pytest.mark.parametrize("headers", [{}, {"Auto_Submitted": "auto-replied"}])
@pytest.mark.parametrize("key", ["inbound/1", "inbound/2"])
def test_a_repeated_event_changes_nothing_even_if_the_reader_has_changed(
    post: Post, monkeypatch: pytest.MonkeyPatch, key: str, headers: dict[str, str]
) -> None:
    """An event may be repeated after a deployment, whose reader finds another text in the mail."""
    post.deliver(mail(**headers), "inbound/1")
    post.deliver(mail(way="2", **headers), "inbound/2")
    before = post.records(), post.tickets()
    real = post.module.reading.incoming_mail_of

    def other(*given: Any) -> Any:
        return replace(real(*given), whole="read by another reader")

    monkeypatch.setattr(post.module.reading, "incoming_mail_of", other)
    assert post.tell(key) == []
    assert (post.records(), post.tickets()) == before


@pytest.mark.parametrize("headers", [{}, {"Auto_Submitted": "auto-replied"}])
def test_two_versions_of_the_reader_receive_one_object_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    """During a deployment, the old and the new version may get the same event at the same time."""
    post.deliver(mail(**headers))
    real = post.module.reading.incoming_mail_of
    late = {"times": 0}
    came = type(inbound_wiring.receiving()).came

    def not_yet(case: Any, key: str, envelope: tuple[str, ...] = ()) -> Any:
        late["times"] += 1
        return None if late["times"] == 1 else came(case, key, envelope)

    monkeypatch.setattr(type(inbound_wiring.receiving()), "came", not_yet)
    monkeypatch.setattr(
        post.module.reading,
        "incoming_mail_of",
        lambda *given: replace(real(*given), whole="read by another reader"),
    )
    assert post.tell("inbound/1") == []
    assert len(post.records()) == 1


def test_two_mails_with_the_same_message_id_are_both_received(post: Post) -> None:
    """Some gateways give every mail the same id. No mail may be lost because of that."""
    post.deliver(mail("One"), "inbound/1")
    post.deliver(mail("Two"), "inbound/2")
    assert len(post.tickets()) == 2


class Killed(BaseException):
    """The worker was killed. No handler runs after this."""


CALLS = 9
"""How many calls of services a mail that opens a ticket makes. A worker may die at each of them."""


@dataclass
class Dying:
    """Kills the worker at one call of a service: before the call, or after it with `answer`."""

    call: int
    answer: bool = False
    made: int = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real: Any = vars(BaseClient)["_make_api_call"]

        def dying(client: Any, name: str, given: Any) -> Any:
            self.made += 1
            if self.made == self.call and not self.answer:
                raise Killed
            found = real(client, name, given)
            if self.made == self.call:
                raise Killed
            return found

        monkeypatch.setattr(BaseClient, "_make_api_call", dying)


LISTED = {"subject": "[EXT] 投诉：包裹没有收到", "way": "2"}
"""What a gateway changes besides the text."""
WORDS = "我的包裹没有收到。"
FOOTED = f"{WORDS}\n\n--\nThis mail comes from outside."


@pytest.mark.parametrize("order", [1, -1])
def test_a_copy_with_a_footer_and_a_tag_is_the_same_mail(post: Post, order: int) -> None:
    copies = [mail(WORDS), mail(FOOTED, **LISTED)][::order]
    for number, raw in enumerate(copies):
        post.deliver(raw, f"inbound/{number}")
    post.tell("inbound/1")
    assert len(post.tickets()) == len(post.records()) == 1


def test_a_copy_of_an_answer_is_added_once(post: Post) -> None:
    post.deliver(mail())
    answer = {"to": post.reply_address(post.ticket()), "message_id": "<a@x>"}
    post.deliver(mail("还是没有", **answer), "inbound/2")
    footer = f"{'_' * 47}\nshop mailing list\nshop@lists.example"
    post.deliver(mail(f"还是没有\n\n{footer}", **answer), "inbound/3")
    types = [event.type for event in post.stores.tickets.history(post.ticket().number)]
    assert types == [EventType.OPENED, EventType.CUSTOMER_WROTE]


@pytest.mark.parametrize(
    "words",
    [
        "您好，我要求退款并取消订阅会员。\n\n可以。",
        "可以。\n\n--\n照片：https://img.example/1 我要退款。",
        "可以。\n\nPlease cancel my subscription, this is no confidential matter.",
    ],
)
def test_words_that_come_with_the_id_of_an_answer_are_added_to_it(post: Post, words: str) -> None:
    post.deliver(mail())
    answer = {"to": post.reply_address(post.ticket()), "message_id": "<a@x>"}
    post.deliver(mail("可以。", **answer), "inbound/2")
    post.deliver(mail(words, **answer), "inbound/3")
    history = post.stores.tickets.history(post.ticket().number)
    texts = [event.data["text"] for event in history if event.type is EventType.CUSTOMER_WROTE]
    assert texts == ["可以。", words]


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "我的包裹没有收到。请打电话。"},
        {"text": f"{WORDS}\n\n请打电话。"},
        {"message_id": "<other@x>"},
        {"sender": "li.na@other.example"},
        {"subject": "另一件事"},
    ],
    ids=["other words", "more words", "other id", "other sender", "other subject"],
)
def test_a_mail_that_only_resembles_another_one_is_received(
    post: Post, changed: dict[str, str]
) -> None:
    post.deliver(mail(WORDS))
    post.deliver(mail(**changed), "inbound/2")
    assert len(post.tickets()) == 2


def test_many_mails_with_one_id_are_all_received(post: Post) -> None:
    """Some gateways give every mail the same id. Only the newest are compared with a new mail."""
    for number in range(MOST_COPIES + 2):
        post.deliver(mail(f"Word {number}"), f"inbound/{number}")
    assert len(post.tickets()) == MOST_COPIES + 2
    post.deliver(mail(f"[EXT] Word {MOST_COPIES}"), "inbound/again")
    assert len(post.tickets()) == MOST_COPIES + 2


@pytest.mark.parametrize("first", [WORDS, FOOTED])
@pytest.mark.parametrize("held", [False, True])
def test_two_workers_that_receive_two_copies_at_once_make_one_mail(
    post: Post, monkeypatch: pytest.MonkeyPatch, first: str, held: bool
) -> None:
    """The second worker is done between the first one's reading and writing."""
    second = FOOTED if first == WORDS else WORDS
    more = {"spam": "FAIL"} if held else {}
    post.keep(mail(first, **more), "inbound/1")
    owner, name = (IncomingMailStore, "hold") if held else (TicketStore, "open")
    real = getattr(owner, name)

    def later(store: Any, *given: Any) -> None:
        monkeypatch.setattr(owner, name, real)
        post.deliver(mail(second, **LISTED, **more), "inbound/2")
        real(store, *given)

    monkeypatch.setattr(owner, name, later)
    for key in ("inbound/1", "inbound/2", "inbound/1"):
        assert post.tell(key) == []
    assert len(post.records()) == 1
    assert (len(post.tickets()), len(post.held().records)) == ((0, 1) if held else (1, 0))


@pytest.mark.parametrize("call", range(1, CALLS + 3))
@pytest.mark.parametrize("answer", [False, True])
def test_a_worker_killed_at_any_call_of_a_second_copy_leaves_one_ticket(
    post: Post, monkeypatch: pytest.MonkeyPatch, call: int, answer: bool
) -> None:
    post.deliver(mail(WORDS))
    post.keep(mail(FOOTED, **LISTED), "inbound/2")
    with monkeypatch.context() as patched:
        Dying(call, answer).install(patched)
        with suppress(Killed):
            post.tell("inbound/2")
    for key in ("inbound/2", "inbound/1"):
        assert post.tell(key) == []
    assert len(post.tickets()) == len(post.records()) == 1


def test_a_copy_in_quarantine_takes_no_word_from_the_copy_that_is_accepted(post: Post) -> None:
    post.deliver(mail(FOOTED, spam="FAIL", **LISTED))
    post.deliver(mail(WORDS), "inbound/2")
    ticket = post.ticket()
    [held] = post.held().records
    assert post.send({"release": held.identity, "by": "s-lin"}) == []
    assert post.held().records == []
    assert post.ticket() == ticket
    settled = wired_stores.incoming_mails().get(held.identity)
    assert (settled.number, settled.released_by) == (ticket.number, "s-lin")


def test_a_copy_of_an_accepted_mail_needs_no_quarantine(post: Post) -> None:
    post.deliver(mail(WORDS))
    post.deliver(mail(FOOTED, spam="FAIL", **LISTED), "inbound/2")
    assert len(post.tickets()) == 1
    assert post.held().records == []


def test_a_mail_that_an_earlier_version_received_is_known_by_its_record(post: Post) -> None:
    """An earlier version wrote no copies."""
    post.deliver(mail())
    table = aws("dynamodb")
    for row in table.scan(TableName=TABLE)["Items"]:
        if row["sk"]["S"] == keys.COPIES:
            table.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    post.tell("inbound/1")
    post.deliver(mail(way="2"), "inbound/2")
    assert len(post.tickets()) == 1


APART = {"to": "undisclosed-recipients:;", "message_id": "<apart@x>", "subject": "x"}
"""A mail whose recipients stand in Bcc only, so each of its deliveries names another one."""


def words_on(post: Post, ticket: Ticket) -> list[tuple[EventType, str]]:
    """Return the texts that mails left on a ticket after it was opened."""
    history = post.stores.tickets.history(ticket.number)
    found = (EventType.CUSTOMER_WROTE, EventType.MAIL_NOTED)
    return [(one.type, one.data["text"]) for one in history if one.type in found]


@pytest.mark.parametrize("again", ["the same mail", "a copy with a footer"])
@pytest.mark.parametrize(
    ("sender", "type_"),
    [
        ("李娜 <li.na@example.com>", EventType.CUSTOMER_WROTE),
        ("wang@other.example", EventType.MAIL_NOTED),
    ],
)
def test_a_second_delivery_leaves_its_words_on_the_ticket_that_only_it_names(
    post: Post, sender: str, type_: EventType, again: str
) -> None:
    post.deliver(mail())
    first = post.ticket()
    ours, given = post.reply_address(first), APART | {"sender": sender}
    post.take(mail(WORDS, **given), f"service@{DOMAIN}", key="inbound/2")
    assert words_on(post, first) == []
    text = WORDS if again == "the same mail" else FOOTED
    post.take(mail(text, way="2", **given), ours, key="inbound/3")
    [(found, said)] = words_on(post, first)
    assert (found, said.partition("\n")[0]) == (type_, WORDS)
    before = aws("dynamodb").scan(TableName=TABLE)["Items"]
    for key in ("inbound/3", "inbound/2", "inbound/3"):
        assert post.send(receipt(key, ours)) == []
        assert post.tell(key) == []
    assert aws("dynamodb").scan(TableName=TABLE)["Items"] == before
    post.take(mail(WORDS, way="4", **given), ours, key="inbound/4")
    assert len(words_on(post, first)) == 1
    assert len(post.tickets()) == len(post.records()) == 2


def test_a_notification_that_comes_after_the_event_of_s3_still_reaches_its_ticket(
    post: Post,
) -> None:
    """The worker failed for so long that the event, which has no envelope, was processed first."""
    post.deliver(mail())
    first = post.ticket()
    post.deliver(mail(WORDS, **APART), "inbound/2")
    assert post.send(receipt("inbound/2", post.reply_address(first))) == []
    assert words_on(post, first) == [(EventType.CUSTOMER_WROTE, WORDS)]


def test_a_delivery_to_two_tickets_leaves_its_words_on_each_of_them(post: Post) -> None:
    post.deliver(mail())
    post.deliver(mail("Other", message_id="<other@x>"), "inbound/2")
    both = post.tickets()
    post.take(mail(WORDS, **APART), f"service@{DOMAIN}", key="inbound/3")
    post.take(mail(WORDS, **APART), *map(post.reply_address, both), key="inbound/4")
    for ticket in both:
        assert words_on(post, ticket) == [(EventType.CUSTOMER_WROTE, WORDS)]


def test_two_workers_with_the_same_second_delivery_leave_its_words_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second worker is done between the first one's reading and writing."""
    post.deliver(mail())
    first = post.ticket()
    post.take(mail(WORDS, **APART), f"service@{DOMAIN}", key="inbound/2")
    post.keep(mail(WORDS, **APART), "inbound/3")
    told, real = receipt("inbound/3", post.reply_address(first)), TicketStore.commit

    def later(store: TicketStore, *given: Any) -> None:
        monkeypatch.setattr(TicketStore, "commit", real)
        assert post.send(told) == []
        real(store, *given)

    monkeypatch.setattr(TicketStore, "commit", later)
    assert post.send(told) == []
    assert words_on(post, first) == [(EventType.CUSTOMER_WROTE, WORDS)]


def test_a_second_delivery_to_the_ticket_that_has_the_words_adds_nothing(post: Post) -> None:
    post.deliver(mail())
    answer = {"subject": f"[{post.ticket().number}] x", "message_id": "<a@x>"}
    post.take(mail(WORDS, **answer), f"service@{DOMAIN}", key="inbound/2")
    post.take(mail(WORDS, **answer), post.reply_address(post.ticket()), key="inbound/3")
    assert words_on(post, post.ticket()) == [(EventType.CUSTOMER_WROTE, WORDS)]


@pytest.mark.parametrize("why", [{"spam": "FAIL"}, {"virus": "FAIL"}])
def test_a_second_delivery_of_a_mail_in_quarantine_stays_there_with_its_address(
    post: Post, why: dict[str, str]
) -> None:
    post.deliver(mail())
    first = post.ticket()
    post.take(mail(WORDS, **APART, **why), f"service@{DOMAIN}", key="inbound/2")
    post.take(mail(WORDS, **APART, **why), post.reply_address(first), key="inbound/3")
    assert words_on(post, first) == []
    [held] = post.held().records
    if "spam" in why:
        assert post.send({"release": held.identity, "by": "s-lin"}) == []
        assert words_on(post, first) == [(EventType.CUSTOMER_WROTE, WORDS)]
        assert post.held().records == []


def test_a_second_delivery_that_is_an_answer_takes_the_mail_out_of_quarantine(post: Post) -> None:
    """A mail with signs of bulk mail is held, unless it answers a ticket."""
    post.deliver(mail())
    first = post.ticket()
    signs = {"Auto_Submitted": "auto-generated", "List_Unsubscribe": "<https://x.example/u>"}
    bulk = APART | signs | {"Feedback_ID": "1:campaign", "Precedence": "bulk"}
    post.take(mail(WORDS, **bulk), f"service@{DOMAIN}", key="inbound/2")
    assert len(post.held().records) == 1
    post.take(mail(WORDS, **bulk), post.reply_address(first), key="inbound/3")
    assert [text for _, text in words_on(post, first)] == [WORDS]
    assert post.held().records == []


@pytest.mark.parametrize("call", range(1, 16))
@pytest.mark.parametrize("answer", [False, True])
def test_a_worker_killed_at_any_call_of_a_second_delivery_leaves_its_words_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, call: int, answer: bool
) -> None:
    post.deliver(mail())
    first = post.ticket()
    post.take(mail(WORDS, **APART), f"service@{DOMAIN}", key="inbound/2")
    post.keep(mail(WORDS, **APART), "inbound/3")
    told = receipt("inbound/3", post.reply_address(first))
    with monkeypatch.context() as patched:
        Dying(call, answer).install(patched)
        with suppress(Killed):
            post.send(told)
    for _ in range(2):
        assert post.send(told) == []
    assert words_on(post, first) == [(EventType.CUSTOMER_WROTE, WORDS)]
    assert len(post.records()) == 2


def test_mails_without_id_and_date_are_distinguished_by_their_key(post: Post) -> None:
    raw = b"From: li.na@example.com\r\nSubject: Hello\r\n\r\nThank you.\r\n"
    post.deliver(raw, "inbound/1")
    post.deliver(raw, "inbound/2")
    post.tell("inbound/1")
    assert len(post.tickets()) == 2


def test_reordered_and_repeated_answers_are_each_added_once(post: Post) -> None:
    post.deliver(mail())
    address = post.reply_address(post.ticket())
    for number in range(4):
        post.keep(
            mail(f"Word {number}", to=address, message_id=f"<{number}@x>"), f"inbound/a{number}"
        )
    order = [f"inbound/a{number}" for number in range(4)] * 3
    random.Random(5).shuffle(order)
    for key in order:
        assert post.tell(key) == []
    history = post.stores.tickets.history(post.ticket().number)
    words = [event.data["text"] for event in history if event.type is EventType.CUSTOMER_WROTE]
    assert sorted(words) == [f"Word {number}" for number in range(4)]


def test_a_mail_that_opens_a_ticket_makes_the_expected_number_of_calls(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.keep(mail(), "inbound/1")
    dying = Dying(call=0)
    with monkeypatch.context() as patched:
        dying.install(patched)
        post.tell("inbound/1")
    assert dying.made == CALLS


@pytest.mark.parametrize("call", range(1, CALLS + 1))
@pytest.mark.parametrize("answer", [False, True])
def test_a_worker_killed_at_any_call_leaves_one_ticket(
    post: Post, monkeypatch: pytest.MonkeyPatch, call: int, answer: bool
) -> None:
    """After the worker was killed, the event is delivered again."""
    post.keep(mail(), "inbound/1")
    with monkeypatch.context() as patched:
        Dying(call, answer).install(patched)
        with pytest.raises(Killed):
            post.tell("inbound/1")
    assert post.tell("inbound/1") == []
    assert len(post.tickets()) == 1
    assert len(post.records()) == 1


@pytest.mark.parametrize("call", range(1, CALLS + 3))
@pytest.mark.parametrize("answer", [False, True])
def test_a_worker_killed_at_any_call_logs_a_strangers_mail_and_opens_its_ticket_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, call: int, answer: bool
) -> None:
    post.deliver(mail())
    first = post.ticket()
    post.keep(mail("Me too", to=post.reply_address(first), **OFFICE), "inbound/2")
    with monkeypatch.context() as patched:
        Dying(call, answer).install(patched)
        with suppress(Killed):
            post.tell("inbound/2")
    for _ in range(2):
        assert post.tell("inbound/2") == []
    assert len(post.tickets()) == 2
    types = [event.type for event in post.stores.tickets.history(first.number)]
    assert types == [EventType.OPENED, EventType.MAIL_NOTED]


@pytest.mark.parametrize("call", range(1, CALLS + 3))
@pytest.mark.parametrize("answer", [False, True])
def test_a_worker_killed_at_any_call_holds_a_strangers_mail_and_logs_it_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, call: int, answer: bool
) -> None:
    post.deliver(mail())
    first = post.ticket()
    post.keep(_held_answer(post, first, "disowned"), "inbound/2")
    with monkeypatch.context() as patched:
        Dying(call, answer).install(patched)
        with suppress(Killed):
            post.tell("inbound/2")
    for _ in range(2):
        assert post.tell("inbound/2") == []
    assert len(post.held().records) == len(post.tickets()) == 1
    types = [event.type for event in post.stores.tickets.history(first.number)]
    assert types == [EventType.OPENED, EventType.MAIL_NOTED]


def test_a_stranger_who_loses_a_race_on_the_first_ticket_is_logged_after_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ticket changes between the decision and the transaction."""
    post.deliver(mail())
    first = post.ticket()
    ours = post.reply_address(first)
    opened = TicketStore.open

    def open_later(store: TicketStore, *given: Any) -> None:
        monkeypatch.setattr(TicketStore, "open", opened)
        post.deliver(mail("Faster", to=ours, message_id="<f@x>"), "inbound/3")
        opened(store, *given)

    monkeypatch.setattr(TicketStore, "open", open_later)
    post.deliver(mail("Me too", to=ours, **OFFICE), "inbound/2")
    texts = [event.data.get("text") for event in post.stores.tickets.history(first.number)]
    assert texts == [None, "Faster", "Me too"]
    assert len(post.tickets()) == 2


def test_an_unreadable_mail_is_quarantined_and_read_after_the_reader_is_fixed(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RecursionError("the text of a mail")

    with monkeypatch.context() as patch:
        patch.setattr(post.module.reading, "incoming_mail_of", broken)
        post.deliver(mail())
        assert post.tell("inbound/1") == []
        [held] = post.held().records
        assert (held.reason, held.key, held.because) == (
            "unreadable",
            "inbound/1",
            ("RecursionError",),
        )
    assert post.send({"release": held.identity, "by": "s-lin"}) == []
    ticket = post.ticket()
    assert ticket.contact.email == "li.na@example.com"
    assert post.held().records == []
    assert wired_stores.incoming_mails().get(held.identity).number == ticket.number
    assert post.tell("inbound/1") == []
    post.deliver(mail(way="3"), "inbound/3")
    assert len(post.tickets()) == 1


def test_a_mail_is_released_once(post: Post) -> None:
    post.deliver(mail(Auto_Submitted="auto-replied"))
    [held] = post.held().records
    for _ in range(3):
        assert post.send({"release": held.identity, "by": "s-lin"}) == []
    [opened] = post.stores.tickets.history(post.ticket().number)
    assert opened.data["mail"]["released_by"] == "s-lin"
    assert post.held().records == []


def test_a_virus_is_never_released(post: Post) -> None:
    post.deliver(mail(virus="FAIL"))
    [held] = post.held().records
    assert post.send({"release": held.identity, "by": "s-lin"}) == []
    assert post.tickets() == []
    assert [record.reason for record in post.held().records] == ["virus"]


def _requested(post: Post, held: IncomingRecord) -> dict[str, Any]:
    """Record that the release of a mail was requested. Returns the message."""
    at = post.clock.now()
    wired_stores.incoming_mails().change(
        held.identity, lambda found: replace(found, requested=ReleaseRequest(at, "s-lin"))
    )
    return {"release": held.identity, "by": "s-lin", "at": at.isoformat()}


def _without_sender(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.keep(mail(sender="undisclosed"), "inbound/1")


def _with_virus(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.keep(mail(virus="FAIL"), "inbound/1")


def _unreadable(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("the text of a mail")

    monkeypatch.setattr(post.module.reading, "incoming_mail_of", broken)


def _not_kept(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    aws("s3").delete_object(Bucket=BUCKET, Key="inbound/1")


FOUND = {
    "no_sender": _without_sender,
    "virus": _with_virus,
    "unreadable": _unreadable,
    "not_kept": _not_kept,
}
"""What a new reading of a held mail finds."""


@pytest.mark.parametrize("reason", FOUND)
def test_what_only_the_release_finds_is_recorded_and_makes_the_mail_unseen_again(
    post: Post, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """Story: after the answer 202 such a mail stayed in quarantine, and nothing said why."""
    post.deliver(mail(spam="FAIL"))
    [held] = post.held().records
    wired_stores.incoming_mails().change(
        held.identity, lambda found: replace(found, seen_at=post.clock.now(), seen_by="s-lin")
    )
    message = _requested(post, held)
    post.clock.advance(minutes=1)
    FOUND[reason](post, monkeypatch)
    assert post.send(message) == []
    assert post.tickets() == []
    found = wired_stores.incoming_mails().get(held.identity)
    assert found.refused == Refused(
        reason, post.clock.now(), "s-lin", "KeyError" if reason == "unreadable" else None
    )
    assert (found.requested, found.seen_at, found.released_by) == (None, None, None)
    assert found.waits_since == post.clock.now()
    assert found.received_at == held.received_at
    again = wired_stores.incoming_mails().get(held.identity)
    post.clock.advance(minutes=1)
    assert post.send(message) == [], "the queue delivers the message again"
    assert wired_stores.incoming_mails().get(held.identity) == again


def test_a_virus_that_only_the_release_finds_forbids_the_next_one(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.deliver(mail(spam="FAIL"))
    [held] = post.held().records
    _with_virus(post, monkeypatch)
    assert post.send(_requested(post, held)) == []
    [found] = post.held().records
    assert (found.reason, found.flags, found.team) == ("virus", ("virus",), "complaints")


def test_an_unreadable_mail_shows_what_the_repaired_reader_finds_in_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _unreadable(post, patch)
        post.deliver(mail(sender="undisclosed", to=f"complaints@{DOMAIN}"))
    [held] = post.held().records
    assert (held.team, held.reader) == ("service", 0)
    assert post.send(_requested(post, held)) == []
    [found] = post.held().records
    assert (found.identity, found.reason, found.team) == (held.identity, "no_sender", "complaints")
    assert found.refused is not None
    assert (found.subject, found.reader) == ("投诉：包裹没有收到", READER)
    assert "我的包裹" in post.bucket.get(read_key(found.identity)).decode()


def test_a_mail_that_also_came_in_another_held_object_becomes_one_ticket(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Story: the first object could not be read. The same mail came again and was held as spam."""
    with monkeypatch.context() as patch:
        _unreadable(post, patch)
        post.deliver(mail(spam="FAIL"), "inbound/1")
    [unread] = post.held().records
    post.deliver(mail(spam="FAIL"), "inbound/2")
    assert len(post.held().records) == 2
    assert post.send(_requested(post, unread)) == []
    number = post.ticket().number
    assert post.held().records == []
    assert {(one.state, one.number) for one in post.records()} == {(MailState.OPENED, number)}


def test_a_virus_in_another_object_of_the_same_mail_forbids_its_release(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _unreadable(post, patch)
        post.deliver(mail(), "inbound/1")
    [unread] = post.held().records
    post.deliver(mail(virus="FAIL"), "inbound/2")
    assert post.send(_requested(post, unread)) == []
    assert post.tickets() == []
    assert {record.reason for record in post.held().records} == {"virus"}


@pytest.mark.parametrize("call", range(1, CALLS + 1))
@pytest.mark.parametrize("answer", [False, True])
def test_a_worker_killed_at_any_call_of_a_release_leaves_one_ticket(
    post: Post, monkeypatch: pytest.MonkeyPatch, call: int, answer: bool
) -> None:
    post.deliver(mail(spam="FAIL"))
    [held] = post.held().records
    message = _requested(post, held)
    with monkeypatch.context() as patched:
        Dying(call, answer).install(patched)
        with suppress(Killed):
            post.send(message)
    assert post.send(message) == []
    assert post.ticket().subject == "投诉：包裹没有收到"
    assert post.held().records == []


# ------------------------------------------------------------------------------ whose held mail is


@pytest.mark.parametrize(
    ("to", "team"),
    [
        (f"complaints@{DOMAIN}", "complaints"),
        (f"urgent@{DOMAIN}", "complaints"),
        (f"service@{DOMAIN}", "service"),
        (f"anything@{DOMAIN}", "service"),
    ],
)
def test_a_held_mail_belongs_to_the_team_of_the_address_it_was_sent_to(
    post: Post, to: str, team: str
) -> None:
    post.deliver(mail(to=to, Auto_Submitted="auto-replied"))
    [held] = post.held().records
    assert held.team == team


def test_a_held_mail_to_the_signed_address_of_a_ticket_belongs_to_the_tickets_team(
    post: Post,
) -> None:
    post.deliver(mail())
    first = post.ticket()
    assert first.team == "complaints"
    post.deliver(
        mail(to=post.reply_address(first), spam="FAIL", message_id="<spam@x>"), "inbound/2"
    )
    [held] = post.held().records
    assert (held.team, held.number) == ("complaints", first.number)


# ------------------------------------------------------------------------------ attachments


def test_attachments_are_stored_under_generated_keys(post: Post) -> None:
    made = email.message.EmailMessage()
    made["From"], made["To"], made["Subject"] = "li.na@example.com", f"service@{DOMAIN}", "Files"
    made.set_content("See the files")
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
    made.add_attachment(png, maintype="image", subtype="png", filename="../../etc/passwd.png")
    made.add_attachment(b"MZ\x90", maintype="image", subtype="png", filename="cat.png.exe")
    post.deliver(made.as_bytes())
    [opened] = post.stores.tickets.history(post.ticket().number)
    mail_data = opened.data["mail"]
    assert mail_data["attachments"] == [
        {"id": 1, "name": "passwd.png", "type": "image/png", "size": len(png)},
        {
            "id": 2,
            "name": "cat.png.exe",
            "type": "application/octet-stream",
            "size": 3,
            "refused": "type",
        },
    ]
    kept = aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="attachments/")["Contents"]
    assert [one["Key"] for one in kept] == [f"attachments/{mail_data['id']}/1"]
    assert post.bucket.get(kept[0]["Key"]) == png


# ------------------------------------------------------------------------------ the queue


def test_the_test_event_of_s3_is_ignored(
    post: Post, sample: Callable[[str], dict[str, Any]]
) -> None:
    assert post.module.handler(sample("inbound-test-event"), Context()) == {"batchItemFailures": []}


@pytest.mark.parametrize("name", ["inbound-poison", "inbound-mail-came", "inbound-release"])
def test_a_message_that_fails_is_delivered_again(
    post: Post, sample: Callable[[str], dict[str, Any]], name: str
) -> None:
    """The message is invalid, or its object or its quarantined mail does not exist."""
    event = sample(name)
    failed = post.module.handler(event, Context())["batchItemFailures"]
    assert failed == [{"itemIdentifier": event["Records"][0]["messageId"]}]


def test_the_sample_event_opens_a_ticket(
    post: Post, sample: Callable[[str], dict[str, Any]]
) -> None:
    event = sample("inbound-mail-came")
    said = json.loads(event["Records"][0]["body"])
    post.keep(mail(), said["Records"][0]["s3"]["object"]["key"])
    assert post.module.handler(event, Context()) == {"batchItemFailures": []}
    assert post.ticket().kind == "complaint"


def test_the_sample_notification_of_ses_opens_a_ticket_of_its_envelope(
    post: Post, sample: Callable[[str], dict[str, Any]]
) -> None:
    event = sample("inbound-mail-received")
    said = json.loads(event["Records"][0]["body"])
    post.keep(mail(to="friend@elsewhere.example"), said["receipt"]["action"]["objectKey"])
    assert post.module.handler(event, Context()) == {"batchItemFailures": []}
    assert post.ticket().kind == "complaint"


def test_the_log_contains_no_sender_and_no_text(post: Post) -> None:
    with logged_by(post.module) as written:
        post.deliver(mail())
        post.deliver(mail(spam="FAIL", message_id="<s@x>"), "inbound/2")
    printed = written.getvalue()
    assert "mail received" in printed
    assert "li.na" not in printed
    assert "包裹" not in printed


# ---------------------------------------------------------------------- merged tickets


def test_answer_about_a_split_that_was_undone_goes_to_the_first_ticket(
    post: Post, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket()
    act(ticket, lambda t, p, at: match(t, p, "li-na", "email", at))
    wrote = act(ticket, by_customer.write, "还有一件事：发票呢？")
    new = post.stores.tickets.get(split(post.stores, ticket.number, wrote.version))
    unsplit(post.stores, ticket.number, new.number)
    post.deliver(mail("还是没有", to=post.reply_address(new)), "inbound/2")
    last = post.stores.tickets.history(ticket.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "还是没有")
    assert last.data["sent_to"] == new.number


def test_answer_about_what_was_split_off_goes_to_its_ticket(
    post: Post, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket()
    wrote = act(ticket, by_customer.write, "还有一件事：发票呢？")
    new = post.stores.tickets.get(split(post.stores, ticket.number, wrote.version))
    post.deliver(mail("还是没有", to=post.reply_address(new)), "inbound/2")
    last = post.stores.tickets.history(new.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "还是没有")
    assert len(post.tickets()) == 2


@pytest.mark.parametrize("clue", ["address", "subject"])
def test_reply_to_a_merged_ticket_goes_to_its_target(
    post: Post, open_ticket: Opener, clue: str
) -> None:
    """Story 9: it reopened the merged ticket in another product."""
    source, target = open_ticket(), open_ticket()
    merge(post.stores, source.number, target.number)
    address = {"to": post.reply_address(source)}
    named = address if clue == "address" else {"subject": f"Re: [{source.number}] x"}
    post.deliver(mail("还是没有", **named), "inbound/2")
    last = post.stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "还是没有")
    assert last.data["sent_to"] == source.number
    assert "from" not in last.data
    assert post.stores.tickets.get(source.number).closure == "merged"
    assert len(post.tickets()) == 2


def test_mail_during_the_end_of_a_merge_is_written_in_the_ticket_to_which_it_was_sent(
    post: Post, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = open_ticket(), open_ticket()
    merge(post.stores, source.number, target.number)
    unmerge_at_a_read(monkeypatch, post.stores, source.number, target.number)
    post.deliver(mail("还是没有", to=post.reply_address(source)), "inbound/2")
    last = post.stores.tickets.history(source.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "还是没有")
    assert "sent_to" not in last.data
    written = {event.type for event in post.stores.tickets.history(target.number)}
    assert EventType.CUSTOMER_WROTE not in written


def test_mail_to_both_tickets_of_a_merge_is_one_message(post: Post, open_ticket: Opener) -> None:
    source, target = open_ticket(), open_ticket()
    merge(post.stores, source.number, target.number)
    both = ", ".join(map(post.reply_address, (source, target)))
    post.deliver(mail("还是没有", to=both), "inbound/2")
    wrote = [
        event
        for event in post.stores.tickets.history(target.number)
        if event.type is EventType.CUSTOMER_WROTE
    ]
    assert [event.data["text"] for event in wrote] == ["还是没有"]
    assert "sent_to" not in wrote[0].data


def test_mail_from_the_other_address_of_the_customer_is_a_message_of_the_target(
    post: Post, open_ticket: Opener
) -> None:
    source = open_ticket(contact={"name": "Li Na", "email": "na@office.example"})
    target = open_ticket()
    merge(post.stores, source.number, target.number)
    words = mail("还是没有", sender="<na@office.example>", to=post.reply_address(source))
    post.deliver(words, "inbound/2")
    last = post.stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["sent_to"]) == (EventType.CUSTOMER_WROTE, source.number)


def merged_by_reply_to(post: Post, open_ticket: Opener) -> tuple[Ticket, Ticket]:
    """A ticket of a mail with another Reply-To, and the ticket into which it was merged."""
    post.deliver(mail(Reply_To="na@example.com"), "inbound/1")
    source = post.ticket()
    target = open_ticket(contact={"name": "Li Na", "email": "li@office.example"})
    merge(post.stores, source.number, target.number)
    return source, target


@pytest.mark.parametrize("clue", ["address", "thread"])
def test_reply_to_a_merged_ticket_from_the_address_that_opened_it_goes_to_its_target(
    post: Post, open_ticket: Opener, clue: str
) -> None:
    """Story 9: the customer's mail has another Reply-To, and the target does not know its From."""
    source, target = merged_by_reply_to(post, open_ticket)
    taken = post.stores.tickets.get(target.number)
    assert taken.participants == ("na@example.com",)
    address = {"to": post.reply_address(source)}
    named = address if clue == "address" else {"In_Reply_To": "<first@mail.example.com>"}
    post.deliver(mail("还是没有", message_id="<second@mail.example.com>", **named), "inbound/2")
    now = post.stores.tickets.get(target.number)
    last = post.stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["sent_to"]) == (EventType.CUSTOMER_WROTE, source.number)
    assert "from" not in last.data
    assert now.participants == taken.participants
    assert len(post.tickets()) == 2


def test_address_that_opened_a_merged_ticket_may_not_write_where_its_contact_may_not(
    post: Post, open_ticket: Opener, act: Act
) -> None:
    source, target = merged_by_reply_to(post, open_ticket)
    act(target, by_staff.set_participants, MEI, [])
    post.deliver(mail("还是没有", to=post.reply_address(source), message_id="<2@x>"), "inbound/2")
    last = post.stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["why"]) == (EventType.MAIL_NOTED, Notice.STRANGER)


def test_address_that_opened_a_merged_ticket_is_a_stranger_to_the_address_of_its_target(
    post: Post, open_ticket: Opener
) -> None:
    _, target = merged_by_reply_to(post, open_ticket)
    post.deliver(mail("还是没有", to=post.reply_address(target), message_id="<2@x>"), "inbound/2")
    last = post.stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["why"]) == (EventType.MAIL_NOTED, Notice.STRANGER)


def test_returned_mail_of_a_merged_ticket_is_logged_there(post: Post, open_ticket: Opener) -> None:
    source, target = open_ticket(), open_ticket()
    merge(post.stores, source.number, target.number)
    post.deliver(
        mail("I am away", to=post.reply_address(source), Auto_Submitted="auto-replied"),
        "inbound/2",
    )
    assert post.stores.tickets.history(source.number)[-1].type is EventType.MAIL_NOTED
    assert post.stores.tickets.get(target.number).version == 3


def test_mail_to_a_merged_ticket_opens_a_new_one_if_its_target_is_of_another_customer(
    post: Post, open_ticket: Opener, act: Act
) -> None:
    source, target = open_ticket(), open_ticket()
    merge(post.stores, source.number, target.number)
    act(target, lambda t, p, at: match(t, p, "another", "email", at))
    before = post.stores.tickets.get(target.number)
    post.deliver(mail("还是没有", to=post.reply_address(source)), "inbound/2")
    assert post.stores.tickets.get(target.number) == before
    assert len(post.tickets()) == 3
