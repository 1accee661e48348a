"""Which address of a mail becomes the contact, who gets the answers."""

from __future__ import annotations

import pytest

from functions.inbound.reading import incoming_mail_of
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.mail import IncomingMail
from tests.mail.reader.checks import AT

SES = (
    b"Return-Path: <li@example.com>\n"
    b"Received: from a by inbound-smtp.us-east-1.amazonaws.com with SMTP id x; date\n"
    b"X-SES-Spam-Verdict: PASS\nX-SES-Virus-Verdict: PASS\nReceived-SPF: pass\n"
    b"Authentication-Results: amazonses.com; spf=pass; dkim=pass; dmarc=pass;\nX-SES-RECEIPT: x\n"
)


def read(head: bytes) -> IncomingMail:
    raw = SES + head + b"Subject: Parcel\n\nHello"
    return incoming_mail_of(raw, "inbound/1", AT, ["in.redress.example"], "en")


@pytest.mark.parametrize(
    "head",
    [
        b'From: "Li" <>\nReply-To: <li@example.com>\n',
        b"From: Li\nReply-To: Li <li@example.com>, bo@example.com\n",
        b"From:\nSender: Li <li@example.com>\n",
        b"Reply-To: Li <li@example.com>\n",
    ],
)
def test_reply_to_or_sender_is_the_contact_if_from_has_no_address(head: bytes) -> None:
    mail = read(head)
    assert (mail.contact, mail.contact_name) == ("li@example.com", "Li")
    assert (mail.sender, mail.authentic) == ("", False), "being the contact gives no rights"


def test_an_address_that_nobody_reads_is_no_contact() -> None:
    assert read(b"Reply-To: no-reply@example.com\n").contact == ""
    assert read(b"Reply-To: mailer-daemon@example.com\n").contact == ""


def test_reply_to_is_the_contact_and_from_stays_the_sender() -> None:
    mail = read(b"From: li@example.com\nReply-To: Bo <bo@example.com>\n")
    assert (mail.sender, mail.contact, mail.contact_name) == (
        "li@example.com",
        "bo@example.com",
        "Bo",
    )
    assert (mail.named_contact, mail.foreign) == (True, False)
    assert read(b"From: li@example.com\nReply-To: bo@example.net\n").foreign


DOORS = ["care@shop.example", "urgent@shop.example", "help@shop.example"]


def read_at_house(head: bytes) -> IncomingMail:
    own = ["service@house.example", "in.redress.example"]
    groups = ["help@shop.example", "list.shop.example"]
    raw = SES + head + b"Subject: Parcel\n\nHello"
    return incoming_mail_of(raw, "inbound/1", AT, own, "en", groups=groups, doors=DOORS)


@pytest.mark.parametrize(
    "door",
    [
        b"complaints@in.redress.example",
        b"Care <anything@In.Redress.Example>",
        b"complaints+li@in.redress.example",
        b"service@house.example",
        b"care@shop.example",
        b"CARE+4711@Shop.Example",
        b"help@shop.example",
        b"urgent@shop.example, care@shop.example",
    ],
)
def test_an_address_that_receives_mail_for_us_is_no_contact(door: bytes) -> None:
    own = read_at_house(b"From: Li <li@example.com>\nReply-To: " + door + b"\n")
    assert (own.contact, own.named_contact, own.foreign) == ("li@example.com", False, False)
    assert own.no_answer is None
    form = b"From: Li <li@example.com>\nX-Mailer: PHPMailer 6\nReply-To: " + door + b"\n"
    assert read_at_house(form).contact == "li@example.com"
    assert read_at_house(b"Reply-To: " + door + b"\n").contact == ""


@pytest.mark.parametrize(
    "person",
    ["mei@house.example", "li@shop.example", "li@list.shop.example", "care@other.example"],
)
def test_people_at_the_other_domains_of_the_house_are_contacts(person: str) -> None:
    head = f"From: li@example.com\nReply-To: {person}\n".encode()
    assert read_at_house(head).contact == person
    assert read_at_house(f"From: {person}\n".encode()).no_answer is None


def test_the_first_reply_to_that_a_person_reads_is_the_contact() -> None:
    head = b"From: li@example.com\nReply-To: care@shop.example, na@example.com\n"
    assert read_at_house(head).contact == "na@example.com"


def test_no_automatic_answer_goes_to_an_address_of_our_own() -> None:
    for sender in (b"complaints@in.redress.example", b"care@shop.example"):
        assert read_at_house(b"From: " + sender + b"\n").no_answer is NoAnswer.NO_REPLY


def test_our_own_mail_that_a_member_of_staff_forwards_cannot_be_answered() -> None:
    inner = b"From: care@shop.example\nSubject: Lamp\nMessage-ID: <i@x>\n\nIt is broken."
    raw = SES + (
        b"From: Mei <mei@house.example>\nSubject: Fwd: Lamp\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHere.\n"
        b"--b\nContent-Type: message/rfc822\n\n" + inner + b"\n--b--\n"
    )
    found = incoming_mail_of(raw, "inbound/1", AT, ["in.redress.example"], "en", doors=DOORS)
    assert found.forwarded is not None
    assert not found.forwarded.answerable


FORM = b"From: Form <%s>\nX-Mailer: PHPMailer 6\nReply-To: mei@person.example\n"


@pytest.mark.parametrize(
    ("sender", "foreign"),
    [
        (b"form@shop.example", False),
        (b"www@web1.shop.example", False),
        (b"form@house.example", False),
        (b"care@in.redress.example", False),
        (b"form@other.example", True),
        (b"form@notshop.example", True),
    ],
)
def test_only_forms_of_the_house_name_a_trusted_contact(sender: bytes, foreign: bool) -> None:
    def found(dmarc: bytes) -> bool:
        block = SES.replace(b"dmarc=pass", b"dmarc=" + dmarc)
        raw = block + FORM % sender + b"Subject: Parcel\n\nHello"
        own = ["service@house.example", "in.redress.example"]
        mail = incoming_mail_of(raw, "inbound/1", AT, own, "en", domains=["shop.example"])
        assert (mail.contact, mail.named_contact) == ("mei@person.example", False)
        return mail.foreign

    assert found(b"pass") is foreign
    for dmarc in (b"none", b"fail"):
        assert found(dmarc), "anybody can write the address of the house"
