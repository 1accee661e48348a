"""Who can be answered if the header From names nobody."""

from __future__ import annotations

import pytest

from functions.inbound.reading import incoming_mail_of
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
