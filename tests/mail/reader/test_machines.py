"""Mails that no person wrote, and mails that must not be answered automatically."""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader.machines import MachineKind, kind_of, may_be_answered
from redress.mail.incoming.reader.mail import ParsedMail
from redress.mail.incoming.reader.parsing import parse
from tests.mail.reader.mails import HEAD, multipart, part, text_mail

STATUS = (
    b"Reporting-MTA: dns; mx.example.com\r\n\r\n"
    b"Original-Recipient: rfc822;li.na@example.com\r\n"
    b"Final-Recipient: rfc822; na@inner.example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 <li.na@example.com>: no such\r\n user here\r\n\r\n"
    b"Final-Recipient: rfc822; bo@example.com\r\nAction: delayed\r\nStatus: 4.2.2\r\n"
)
RETURNED = b"From: service@redress.example\r\nMessage-ID: <R-7K3M9-QW0X2@redress.example>\r\nSubject: x\r\n\r\n"
DAEMON = b"Return-Path: <>\r\nFrom: Mail <MAILER-DAEMON@mx.example.com>\r\nSubject: Undelivered\r\n"


def report(kind: bytes, machine: bytes, body: bytes, head: bytes = DAEMON) -> ParsedMail:
    return parse(
        head
        + multipart(
            part(b"text/plain", b"It could not be delivered."),
            part(machine, body),
            part(b"message/rfc822", RETURNED),
            kind=b"report; report-type=" + kind,
        )
    )


def test_a_delivery_status_is_read_recipient_by_recipient() -> None:
    found = kind_of(report(b"delivery-status", b"message/delivery-status", STATUS))
    assert found is not None
    assert found.kind is MachineKind.BOUNCE
    assert found.bounce is not None
    first, second = found.bounce.recipients
    assert (first.original, first.final) == ("li.na@example.com", "na@inner.example.com")
    assert (first.action, first.status) == ("failed", "5.1.1")
    assert first.diagnostic == "550 5.1.1 <li.na@example.com>: no such user here"
    assert (second.address, second.action, second.status) == ("bo@example.com", "delayed", "4.2.2")
    assert (found.bounce.permanent, found.bounce.delayed, found.bounce.standard) == (
        True,
        False,
        True,
    )


def test_a_delay_is_not_a_failure() -> None:
    status = b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; bo@example.com\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
    found = kind_of(report(b"delivery-status", b"message/delivery-status", status))
    assert found is not None
    assert found.kind is MachineKind.DELAY
    assert found.bounce is not None
    assert (found.bounce.delayed, found.bounce.permanent) == (True, False)


@pytest.mark.parametrize(
    ("subject", "body", "address", "status"),
    [
        (
            "Returned mail: User unknown",
            "The following address failed:\n  <li.na@example.com>\n550 5.1.1 User unknown\n",
            "li.na@example.com",
            "5.1.1",
        ),
        (
            "系统退信",
            "抱歉，您的邮件被退回来了……\n收件人 li.na@example.com\n退信原因 550 User not found\n",
            "li.na@example.com",
            "5.0.0",
        ),
        ("退信通知", "無法投遞至 li.na@example.com\n", "li.na@example.com", ""),
        (
            "failure notice",
            "Hi. This is the qmail-send program.\n<li.na@example.com>:\nSorry, no mailbox here. (#5.1.1)\n\n"
            "--- Below this line is a copy of the message.\n\nReceived: from x\nFrom: other@example.org\n",
            "li.na@example.com",
            "5.1.1",
        ),
    ],
)
def test_reads_bounces_that_are_text_only(
    subject: str, body: str, address: str, status: str
) -> None:
    mail = parse(
        b"From: postmaster@mx.example.com\r\nTo: service@redress.example\r\nSubject: "
        + subject.encode()
        + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + body.encode()
    )
    found = kind_of(mail)
    assert found is not None
    assert found.kind is MachineKind.BOUNCE
    assert found.bounce is not None
    assert [(one.address, one.status) for one in found.bounce.recipients] == [(address, status)]
    assert not found.bounce.standard


def test_a_customers_mail_about_returned_mail_is_no_bounce() -> None:
    mail = parse(
        HEAD.replace(b"Parcel", b"My mail was returned as undeliverable") + b"\r\nWhy?\r\n"
    )
    assert kind_of(mail) is None
    assert may_be_answered(mail)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"Auto-Submitted: auto-replied\r\n", MachineKind.AUTO_REPLY),
        (b"Auto-Submitted: auto-generated\r\n", MachineKind.SYSTEM),
        (b"Auto-Submitted: auto-replied; owner-email=x\r\n", MachineKind.AUTO_REPLY),
        (b"X-Autoreply: yes\r\n", MachineKind.AUTO_REPLY),
        (b"X-Autorespond: vacation\r\n", MachineKind.AUTO_REPLY),
        (b"Precedence: auto_reply\r\n", MachineKind.AUTO_REPLY),
        (b"Precedence: bulk\r\n", MachineKind.BULK),
        (b"Precedence: junk\r\n", MachineKind.BULK),
        (b"X-Auto-Response-Suppress: DR, OOF, AutoReply\r\n", MachineKind.BULK),
        (b"X-Auto-Response-Suppress: All\r\n", MachineKind.BULK),
        (b"List-Id: <news.example.com>\r\n", MachineKind.LIST),
        (b"Precedence: list\r\n", MachineKind.LIST),
        (b"List-Unsubscribe: <mailto:x@example.com>\r\n", MachineKind.BULK),
        (b"X-Redress-Mail: 1\r\n", MachineKind.OWN),
        (b"Sender: MAILER-DAEMON@example.com\r\n", MachineKind.SYSTEM),
        (b"Auto-Submitted: no\r\n", None),
        (b"Auto-Submitted: No (a person)\r\n", None),
        (b"X-Auto-Response-Suppress: DR, RN\r\n", None),
        (b"Precedence: normal\r\n", None),
    ],
)
def test_recognises_machines_by_their_headers(head: bytes, kind: MachineKind | None) -> None:
    mail = text_mail(b"Hello", head)
    found = kind_of(mail)
    assert (found and found.kind) == kind
    assert may_be_answered(mail) is (kind is None)


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Your ticket",
        "Auto: Re: x",
        "Out of Office: back on Monday",
        "自动回复: 您的工单",
        "自动回复：您的工单",
        "自動回覆：您的案件",
        "【自動回信】收到",
        "Réponse automatique : x",
        "Automatische Antwort: x",
        "Abwesenheitsnotiz: x",
        "Respuesta automática: x",
        "自動返信: x",
    ],
)
def test_recognises_the_subjects_of_auto_replies_in_many_languages(subject: str) -> None:
    mail = parse(HEAD.replace(b"Parcel", subject.encode()) + b"\r\nI am away.\r\n")
    found = kind_of(mail)
    assert found is not None
    assert (found.kind, found.because) == (MachineKind.AUTO_REPLY, ("subject",))


@pytest.mark.parametrize(
    ("subject", "answered"),
    [
        ("My vacation was ruined", True),
        ("你们的自动回复没有用", False),
        ("Your out of office mail came twice", False),
        ("度假村投诉", True),
    ],
)
def test_words_of_auto_replies_inside_a_subject_only_prevent_an_automatic_answer(
    subject: str, answered: bool
) -> None:
    mail = parse(HEAD.replace(b"Parcel", subject.encode()) + b"\r\nHello\r\n")
    assert kind_of(mail) is None
    assert may_be_answered(mail) is answered


def test_a_null_sender_is_never_answered() -> None:
    mail = parse(HEAD.replace(b"Return-Path: <li.na@example.com>", b"Return-Path: <>") + b"\r\nHi")
    found = kind_of(mail)
    assert found is not None
    assert found.kind is MachineKind.SYSTEM
    assert not may_be_answered(mail)


@pytest.mark.parametrize(
    "address", [b"no-reply@example.com", b"noreply@example.com", b"do_not_reply@example.com"]
)
def test_addresses_that_nobody_reads_are_not_answered(address: bytes) -> None:
    mail = parse(HEAD.replace(b"li.na@example.com", address) + b"\r\nHi")
    assert kind_of(mail) is None
    assert not may_be_answered(mail)


def test_a_sender_without_address_is_not_answered() -> None:
    assert not may_be_answered(parse(b"Subject: x\r\n\r\nHi"))


def test_recognises_a_sent_mail_that_comes_back() -> None:
    token = b"<r-7k3m9-qw0x2.abcdefghijklmnop.000003.reply.customer@redress.example>"
    raw = HEAD.replace(b"<1@example.com>", token) + b"\r\nHi"
    found = kind_of(parse(raw), ["Redress.Example"])
    assert found is not None
    assert found.kind is MachineKind.OWN
    assert kind_of(parse(raw), ["other.example"]) is None


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ("example.com", None),
        ("service@example.com", None),
        ("li.na@example.com", MachineKind.OWN),
        ("Li.Na@Example.com", MachineKind.OWN),
    ],
)
def test_a_person_at_the_senders_domain_differs_from_the_sender_address(
    own: str, kind: MachineKind | None
) -> None:
    found = kind_of(parse(HEAD + b"\r\nHi"), [own, "in.example.com"])
    assert (found.kind if found else None) is kind


def test_a_signed_reply_address_is_never_answered() -> None:
    raw = HEAD.replace(b"li.na@example.com", b"r-7k3m9-qw0x2.abcdefghijklmnop@in.example.org")
    found = kind_of(parse(raw + b"\r\nHi"), ["in.example.org"])
    assert found is not None
    assert found.kind is MachineKind.OWN


def test_receipts_and_complaints_are_distinguished() -> None:
    receipt = report(
        b"disposition-notification",
        b"message/disposition-notification",
        b"Final-Recipient: rfc822; li.na@example.com\r\nDisposition: manual-action/x; displayed\r\n",
        HEAD,
    )
    complaint = report(
        b"feedback-report",
        b"message/feedback-report",
        b"Feedback-Type: abuse\r\nVersion: 1\r\nOriginal-Rcpt-To: li.na@example.com\r\n",
        HEAD,
    )
    kinds = [found.kind for mail in (receipt, complaint) if (found := kind_of(mail)) is not None]
    assert kinds == [MachineKind.RECEIPT, MachineKind.COMPLAINT]
    assert complaint.report is not None
    assert complaint.report.groups[0]["feedback-type"] == "abuse"
    assert ("message-id", "<R-7K3M9-QW0X2@redress.example>") in complaint.report.original


@pytest.mark.parametrize("method", [b"REQUEST", b"REPLY", b"CANCEL"])
def test_invitations_are_calendars(method: bytes) -> None:
    body = (
        b"BEGIN:VCALENDAR\r\nMETHOD:"
        + method
        + b"\r\nBEGIN:VEVENT\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:x@y.example\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    mail = text_mail(body, kind=b"text/calendar")
    found = kind_of(mail)
    assert found is not None
    assert found.kind is MachineKind.CALENDAR
    assert mail.calendar is not None
    assert mail.calendar.answer == ("ACCEPTED" if method == b"REPLY" else "")


def test_a_persons_mail_is_recognised() -> None:
    mail = text_mail("洗衣机坏了。".encode())
    assert kind_of(mail, ["redress.example"]) is None
    assert may_be_answered(mail, ["redress.example"])
