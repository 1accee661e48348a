"""Mails that no person wrote, and mails that must not be answered automatically."""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader.machines import (
    AnswerAddress,
    Machine,
    MachineKind,
    answer_address,
    is_answerable,
    kind_of,
    no_answer,
    same_organisation,
)
from redress.mail.incoming.reader.mail import Address, ParsedMail
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.rules.answers import NoAnswer
from tests.mail.reader.mails import HEAD, encoded, is_held, multipart, part, text_mail
from tests.mail.reader.test_smime import cms, tlv

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
    assert no_answer(mail) is None


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
    assert (no_answer(mail) is None) is (kind is None)


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
    mail = parse(HEAD.replace(b"Parcel", subject.encode()) + b"\r\nHello\r\n")
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
    assert (no_answer(mail) is None) is answered


def test_a_null_sender_is_never_answered() -> None:
    mail = parse(HEAD.replace(b"Return-Path: <li.na@example.com>", b"Return-Path: <>") + b"\r\nHi")
    found = kind_of(mail)
    assert found is not None
    assert found.kind is MachineKind.SYSTEM
    assert no_answer(mail) is not None


@pytest.mark.parametrize(
    "address", [b"no-reply@example.com", b"noreply@example.com", b"do_not_reply@example.com"]
)
def test_addresses_that_nobody_reads_are_not_answered(address: bytes) -> None:
    mail = parse(HEAD.replace(b"li.na@example.com", address) + b"\r\nHi")
    assert kind_of(mail) is None
    assert no_answer(mail) is not None


def test_a_sender_without_address_is_not_answered() -> None:
    assert answer_address(parse(b"Subject: x\r\n\r\nHi")) is None


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
    assert no_answer(mail, ["redress.example"]) is None


# ------------------------------------------------------------------------------ held or not answered


def titled(subject: str, text: str = "Please help", head: bytes = b"") -> ParsedMail:
    kind = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    return parse(HEAD.replace(b"Parcel", subject.encode()) + head + kind + text.encode())


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\r\n", NoAnswer.SUPPRESSED),
        (b"X-Auto-Response-Suppress: all\r\nPrecedence: bulk\r\n", NoAnswer.SUPPRESSED),
        (b"Precedence: bulk\r\n", NoAnswer.BULK),
        (b"Precedence: junk\r\n", NoAnswer.BULK),
        (b"Precedence: list\r\n", NoAnswer.LIST),
        (b"List-Id: <club.shop.example>\r\n", NoAnswer.LIST),
        (b"List-Unsubscribe: <https://x.example/u>\r\n", NoAnswer.BULK),
        (b"X-Campaign-ID: 7\r\n", NoAnswer.BULK),
        (
            b"List-Id: <n.shop.example>\r\nList-Unsubscribe: <https://x.example/u>\r\n",
            NoAnswer.LIST,
        ),
        (
            b"Precedence: bulk\r\nList-Unsubscribe: <https://x.example/u>\r\n",
            NoAnswer.BULK,
        ),
        (b"Sender: club-bounces@lists.example.net\r\n", NoAnswer.LIST),
        (
            b"Feedback-ID: 7:camp:shop\r\nList-Unsubscribe: <https://crm.example/u>\r\n",
            NoAnswer.BULK,
        ),
        (
            b"X-Campaign-Id: 7\r\nList-Unsubscribe: <mailto:u@crm.example>\r\n"
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            NoAnswer.BULK,
        ),
        (
            b"List-Id: <c.lists.example>\r\nList-Post: <mailto:c@lists.example>\r\n"
            b"List-Unsubscribe: <mailto:u@lists.example>\r\nPrecedence: list\r\n",
            NoAnswer.LIST,
        ),
    ],
)
def test_a_header_that_only_forbids_answers_proves_no_machine(head: bytes, why: NoAnswer) -> None:
    mail = text_mail(b"My lamp is broken", head)
    assert not is_held(kind_of(mail))
    assert no_answer(mail) is why


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-generated\r\n",
        b"X-Autoreply: yes\r\n",
        b"Precedence: auto_reply\r\n",
        b"X-Redress-Mail: 1\r\n",
        b"Sender: MAILER-DAEMON@example.com\r\n",
        b"Feedback-ID: 7:camp:shop\r\nPrecedence: bulk\r\nList-Unsubscribe: <https://x.example/u>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nList-Id: <n.shop.example>\r\n"
        b"List-Unsubscribe: <https://x.example/u>\r\n",
        b"List-Id: <n.shop.example>\r\nPrecedence: bulk\r\nList-Unsubscribe: <https://x.example/u>\r\n",
    ],
)
def test_a_mail_is_held_if_a_machine_or_a_campaign_is_proven(head: bytes) -> None:
    mail = text_mail(b"Hello", head)
    assert is_held(kind_of(mail))
    assert no_answer(mail) is NoAnswer.MACHINE


@pytest.mark.parametrize("sender", [b"news-noreply@shop.example", b"no-reply@shop.example"])
def test_a_newsletter_from_an_address_that_nobody_reads_is_held(sender: bytes) -> None:
    head = b"List-Id: <n.shop.example>\r\nList-Unsubscribe: <https://x.example/u>\r\n\r\nBuy"
    assert is_held(kind_of(parse(HEAD.replace(b"li.na@example.com", sender) + head)))


def test_a_form_that_a_provider_sends_is_no_campaign() -> None:
    head = b"Feedback-ID: 7:x:y\r\nList-Unsubscribe: <https://x.example/u>\r\n"
    form = HEAD.replace(b"li.na@example.com", b"no-reply@shop.example") + head
    assert is_held(kind_of(parse(form + b"\r\nBuy")))
    assert not is_held(kind_of(parse(form + b"Reply-To: li@example.com\r\n\r\nBroken lamp")))


@pytest.mark.parametrize(
    ("subject", "answerable"),
    [
        ("自动回复：我只收到这个", True),
        ("Out of office: charged twice", True),
        ("Absence : colis non livré", True),
        ("Automatic reply: Re: lamp", False),
        ("自动回复：[R-7K3M9-QW0X2] 灯", False),
        ("Out of office", False),
        ("Automatic reply: away", False),
        ("Vacation from hell", True),
    ],
)
def test_a_forwarded_mail_is_answerable_unless_its_subject_is_that_of_an_auto_reply(
    subject: str, answerable: bool
) -> None:
    assert is_answerable(Address("Li", "li@example.com"), subject) is answerable


def test_feedback_id_which_providers_add_to_every_mail_is_no_sign() -> None:
    for value in (b"1.eu-west-1.x:AmazonSES", b"example.com:qybglogicsvr:qybglogicsvr5"):
        mail = text_mail(b"My lamp is broken", b"Feedback-ID: " + value + b"\r\n")
        assert kind_of(mail) is None
        assert no_answer(mail) is None


@pytest.mark.parametrize(
    "subject",
    [
        "Out of office hours the hotline charged me twice",
        "Out of the office, then charged: refund?",
        "Vacation booking was cancelled without notice",
        "On vacation my card was charged",
        "Away from office deliveries never work",
        "休假中没有收到退款",
        "假期自动回复没有用",
        "为什么只有自动回复？",
        "自动回复什么时候才有人看",
        "正在休假也被扣款",
        "不在辦公室時包裹被退回",
        "Automatic reply is all I ever get",
        "Read the attached letter please",
    ],
)
def test_a_persons_subject_that_has_the_words_of_an_auto_reply_shows_no_machine(
    subject: str,
) -> None:
    assert kind_of(titled(subject)) is None


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("（自动回复）您的来信收到", MachineKind.AUTO_REPLY),
        ("【自动回复】", MachineKind.AUTO_REPLY),
        ("［自動回覆］收到", MachineKind.AUTO_REPLY),
        ("(Auto-Reply) Thank you", MachineKind.AUTO_REPLY),
        ("假期自动回复：[R-7K3M9-QW0X2] 包裹", MachineKind.AUTO_REPLY),
        ("自动回复:Re: [R-7K3M9-QW0X2] 包裹", MachineKind.AUTO_REPLY),
        ("自动回复 Re: [R-7K3M9-QW0X2] 包裹", MachineKind.AUTO_REPLY),
        ("系统自动答复：x", MachineKind.AUTO_REPLY),
        ("自动回复（出差中）：x", MachineKind.AUTO_REPLY),
        ("Out of Office AutoReply: x", MachineKind.AUTO_REPLY),
        ("Out of office", MachineKind.AUTO_REPLY),
        ("已读：[R-7K3M9-QW0X2] 包裹", MachineKind.RECEIPT),
        ("已讀: 包裹", MachineKind.RECEIPT),
        ("Read: [R-7K3M9-QW0X2] Parcel", MachineKind.RECEIPT),
    ],
)
def test_the_subject_of_an_auto_responder_shows_the_kind_of_a_mail_but_is_no_proof(
    subject: str, kind: MachineKind
) -> None:
    found = kind_of(titled(subject))
    assert found is not None
    assert (found.kind, found.because, found.proven) == (kind, ("subject",), False)
    assert no_answer(titled(subject)) is NoAnswer.WORDS
    suppressed = titled(subject, head=b"X-Auto-Response-Suppress: All\r\n")
    assert not is_held(kind_of(suppressed))
    bulk = titled(subject, head=b"Precedence: bulk\r\n")
    assert not is_held(kind_of(bulk))
    away = titled(subject, "您好！我正在休假，暂时不能及时回复您的邮件。", b"Precedence: bulk\r\n")
    assert not is_held(kind_of(away))


@pytest.mark.parametrize(
    ("text", "automatic"),
    [
        (
            "这是来自QQ邮箱的假期自动回复邮件。\n您好，我最近正在休假中，无法亲自回复您的邮件。",
            True,
        ),
        ("你好，我最近正在休假中，无法亲自回复你的邮件。我将在假期结束后，尽快给你回复。", True),
        ("您好！我正在休假，暂时不能及时回复您的邮件。", True),
        ("您好！我正在休假，3月10日返回，届时回复您。", True),
        ("这是一封自动回复邮件。已经收到您的来信，我会尽快回复。", True),
        ("This is an automatic reply, confirming that your e-mail was received.", True),
        ("您好，我正在出差，回来后尽快回复您。\n\n------ 原始邮件 ------\n发件人: x?", True),
        ("您好！我正在休假，你们不能等我回来再联系吗？", False),
        ("您好！我正在休假，无法处理。水壶还是漏水，请退款。", False),
        ("我说的是：这是来自QQ邮箱的自动回复", False),
        ("我休假回来了，还是没有人回复我", False),
        ("您好，我正在休假，不能及时回复。" + "包裹一直没有到，照片见附件。" * 15, False),
    ],
)
def test_recognises_the_holiday_texts_of_chinese_providers(text: str, automatic: bool) -> None:
    found = kind_of(titled("Re: [R-7K3M9-QW0X2] x", text))
    expected = Machine(MachineKind.AUTO_REPLY, ("text",), proven=False) if automatic else None
    assert found == expected


# ------------------------------------------------------------------------------ files beside words

EVENT = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Visit\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR"
)
WORDS = part(b"text/plain; charset=utf-8", b"Nobody came on that day.")
SHOP_MAIL = part(b"message/rfc822", b"From: shop@example.net\r\nSubject: x\r\n\r\nWe tried.")


@pytest.mark.parametrize(
    "file",
    [
        part(b"text/calendar", EVENT, b'Content-Disposition: attachment; filename="a.ics"'),
        part(b'text/calendar; method=REQUEST; name="a.ics"', EVENT),
        encoded(b"application/ics", EVENT, b'Content-Disposition: attachment; filename="a.ics"'),
        part(b"text/calendar", EVENT, b"Content-Disposition: inline"),
    ],
)
def test_a_calendar_file_beside_words_is_an_attachment(file: bytes) -> None:
    mail = parse(HEAD + multipart(WORDS, file))
    assert kind_of(mail) is None
    assert no_answer(mail) is None
    assert mail.text == "Nobody came on that day."
    assert len(mail.attachments) == 1


def test_an_invitation_is_a_machines_mail_if_it_is_an_alternative_or_has_no_words_beside_it() -> (
    None
):
    invitation = part(b"text/calendar; method=REQUEST", EVENT)
    alternative = multipart(part(b"text/plain", b"When: Monday"), invitation, kind=b"alternative")
    alone = multipart(part(b"text/calendar", EVENT, b"Content-Disposition: attachment"))
    for body in (alternative, alone):
        found = kind_of(parse(HEAD + body))
        assert found is not None
        assert (found.kind, found.proven) == (MachineKind.CALENDAR, True)


@pytest.mark.parametrize(
    "subject",
    ["Parcel not delivered", "退件没有退款", "Delivery failed again", "Zustellung fehlt", "退信"],
)
@pytest.mark.parametrize("answer", [b"", b"In-Reply-To: <x@in.example.org>\r\n"])
def test_a_persons_complaint_about_a_delivery_is_no_bounce_whatever_mail_it_attaches(
    subject: str, answer: bytes
) -> None:
    head = HEAD.replace(b"Parcel", subject.encode()) + answer
    mail = parse(head + multipart(WORDS, SHOP_MAIL))
    assert kind_of(mail) is None
    assert no_answer(mail) is None


FORWARDED_REPORT = multipart(
    part(b"text/plain", b"My mail to you came back, see below."),
    part(b"message/delivery-status", STATUS),
    part(b"message/rfc822", RETURNED),
)
SIGNATURE = encoded(b"application/pkcs7-signature; name=smime.p7s", b"0\x03\x06\x01\x00")


def signed(*parts: bytes) -> bytes:
    return multipart(*parts, kind=b'signed; protocol="application/pkcs7-signature"').replace(
        b"=b=", b"=s="
    )


@pytest.mark.parametrize(
    "body",
    [
        FORWARDED_REPORT,
        signed(FORWARDED_REPORT, SIGNATURE),
        signed(signed(FORWARDED_REPORT, SIGNATURE).replace(b"=s=", b"=t="), SIGNATURE),
        encoded(
            b"application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
            cms(tlv(0x04, FORWARDED_REPORT)),
        ),
    ],
    ids=["plain", "signed", "signed twice", "opaque"],
)
@pytest.mark.parametrize("sender", [b"li.na@example.com", b"postmaster@example.com"])
def test_a_persons_forward_of_a_report_is_no_report(sender: bytes, body: bytes) -> None:
    mail = parse(HEAD.replace(b"li.na@example.com", sender) + body)
    assert mail.report is not None
    assert not is_held(kind_of(mail))


def test_a_signed_report_is_a_report() -> None:
    body = FORWARDED_REPORT.replace(b"multipart/mixed", b"multipart/report; report-type=x", 1)
    found = kind_of(parse(HEAD + signed(body, SIGNATURE)))
    assert found is not None
    assert (found.kind, found.proven) == (MachineKind.BOUNCE, True)


@pytest.mark.parametrize("method", [b"REQUEST", b"REPLY", b"COUNTER", b"CANCEL"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My lamp is broken, please call me at this time.", True),
        ("Yes, but I want 200 EUR back first.", True),
        ("When: Monday 9:00\nWhere: at home\n\n灯坏了，请打电话。", True),
        ("Li Na has declined this invitation.\nI called three times.", True),
        ("", False),
        ("When: Monday 9:00\nWhere: at home", False),
        ("Visit", False),
        ("Li Na has accepted this invitation.", False),
        ("时间：2026年3月1日\n地点：家", False),
        ("Microsoft Teams meeting\nMeeting ID: 123\n<https://teams.example/join>\n____", False),
    ],
)
def test_an_invitation_with_a_persons_words_is_not_held(
    method: bytes, text: str, words: bool
) -> None:
    event = part(b"text/calendar; method=" + method, EVENT.replace(b"REQUEST", method))
    plain = part(b"text/plain; charset=utf-8", text.encode())
    mail = parse(HEAD + multipart(plain, event, kind=b"alternative"))
    assert is_held(kind_of(mail)) is not words
    assert no_answer(mail) is not None


def test_the_description_of_an_invitation_without_other_words_is_a_persons_words() -> None:
    event = EVENT.replace(b"END:VEVENT", b"DESCRIPTION:My lamp is broken\r\nEND:VEVENT")
    assert not is_held(kind_of(text_mail(event, kind=b"text/calendar; method=REQUEST")))
    assert is_held(kind_of(text_mail(EVENT, kind=b"text/calendar; method=REQUEST")))


@pytest.mark.parametrize(
    "head",
    [
        DAEMON,
        b"From: no-reply@mx.example.com\r\nSubject: Mail delivery failed\r\n",
        b"Return-Path: <>\r\nFrom: mail@mx.example.com\r\nSubject: failure notice\r\n",
    ],
)
def test_a_notice_without_fields_is_a_bounce_if_a_mail_system_sent_it(head: bytes) -> None:
    body = multipart(part(b"text/plain", b"See below"), part(b"message/rfc822", RETURNED))
    found = kind_of(parse(head + body))
    assert found is not None
    assert (found.kind, found.proven) == (MachineKind.BOUNCE, True)


# ------------------------------------------------------------------------------ where answers go


OWN = ["service@redress.example", "in.redress.example"]


def mail_from(sender: bytes, reply_to: bytes, head: bytes) -> ParsedMail:
    raw = HEAD.replace(b"Li Na <li.na@example.com>", sender) + head
    return parse(raw + b"Reply-To: " + reply_to + b"\r\n\r\nHi")


def answers(sender: bytes, reply_to: bytes, head: bytes = b"") -> AnswerAddress:
    found = answer_address(mail_from(sender, reply_to, head), OWN)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("sender", "reply_to", "to", "foreign"),
    [
        (b"li@example.com", b"Li <li@work.example>", "li@work.example", True),
        (b"li@example.com", b"li@mail.example.com", "li@mail.example.com", False),
        (b"li@example.com", b"na@example.com", "na@example.com", False),
        (b"li@example.com", b"li@example.com", "li@example.com", False),
        (b"li@example.com", b"bo@work.example, Li@Example.com", "li@example.com", False),
        (b"li@a.co.uk", b"li@b.co.uk", "li@b.co.uk", True),
        (b"li@example.com", b"no-reply@work.example", "li@example.com", False),
        (b"li@example.com", b"service@redress.example", "li@example.com", False),
        (
            b"li@example.com",
            b"r-7k3m9-qw0x2.abcdefghijklmnop@in.redress.example",
            "li@example.com",
            False,
        ),
        (b"li@example.com", b"mailer-daemon@work.example", "li@example.com", False),
    ],
)
def test_answers_go_to_reply_to_if_somebody_reads_it(
    sender: bytes, reply_to: bytes, to: str, foreign: bool
) -> None:
    found = answers(sender, reply_to)
    assert (found.address.address, found.foreign, found.form) == (to, foreign, False)


@pytest.mark.parametrize(
    ("sender", "head"),
    [
        (b"info@shop.example", b"X-PHP-Originating-Script: 33:contact.php\r\n"),
        (b"info@shop.example", b"X-Mailer: PHPMailer 6.8.0\r\n"),
        (b"wordpress@shop.example", b""),
        (b"www-data@web1.shop.example", b""),
        (b"apache@shop.example", b""),
        (b"noreply@forms.example", b""),
        (b"contact-form@shop.example", b""),
        (b"mailer@shop.example", b""),
        (b"complaints@in.redress.example", b""),
        (b"complaints@shop.example", b"To: complaints@shop.example\r\n"),
        (b"service@redress.example", b""),
    ],
)
def test_a_forms_mail_is_answered_to_the_person_who_filled_it_in(
    sender: bytes, head: bytes
) -> None:
    found = answers(sender, b"Customer <c@person.example>", head)
    assert (found.address.address, found.form) == ("c@person.example", True)
    assert found.foreign is not sender.endswith(b"redress.example"), "only the house is trusted"
    mail = mail_from(sender, b"c@person.example", head)
    assert kind_of(mail, OWN) is None
    assert no_answer(mail, OWN) is None


@pytest.mark.parametrize(
    ("sender", "head"),
    [
        (b"do-not-reply@anyone.example", b""),
        (b"bo@anyone.example", b"X-Mailer: PHP/8.3\r\n"),
        (b"bo@anyone.example", b"X-PHP-Script: anyone.example/send.php for 192.0.2.1\r\n"),
        (b"bo@anyone.example", b"To: bo@anyone.example\r\n"),
        (b"bo@anyone.example", b"Sender: service@redress.example\r\nX-Mailer: Drupal\r\n"),
        (b"bo@redress.example.anyone.example", b"X-Mailer: WordPress 6\r\n"),
        (b"kontaktformular@anyone.example", b""),
        (b"www-data@anyone.example", b""),
    ],
)
def test_the_signs_of_a_form_do_not_make_a_strangers_address_a_trusted_contact(
    sender: bytes, head: bytes
) -> None:
    found = answers(sender, b"mei@person.example", head)
    assert (found.address.address, found.foreign) == ("mei@person.example", True)
    near = answers(sender, b"mei@" + sender.partition(b"@")[2], head)
    assert not near.foreign, "the sender's own organisation"


@pytest.mark.parametrize(
    ("sender", "reply_to"),
    [
        (b"bo@qq.com", b"mei@qq.com"),
        (b"bo@gmail.com", b"mei@gmail.com"),
        (b"bo@163.com", b"mei@vip.163.com"),
        (b"bo@yahoo.co.jp", b"mei@yahoo.co.jp"),
        (b"no-reply@hotmail.fr", b"mei@hotmail.fr"),
        (b"bo@gmx.de", b"mei@gmx.de"),
    ],
)
def test_two_addresses_at_a_large_provider_are_two_people(sender: bytes, reply_to: bytes) -> None:
    assert answers(sender, reply_to).foreign
    assert not answers(sender, sender).foreign


def test_a_house_with_an_address_at_a_provider_does_not_trust_its_other_customers() -> None:
    head = b"X-Mailer: PHP\r\nReply-To: mei@person.example\r\n\r\nHi"
    for sender, foreign in ((b"shop@gmail.com", False), (b"bo@gmail.com", True)):
        mail = parse(HEAD.replace(b"li.na@example.com", sender) + head)
        found = answer_address(mail, ["shop@gmail.com"], domains=["gmail.com"])
        assert found is not None
        assert found.foreign is foreign


def test_a_mail_program_whose_name_only_contains_php_is_no_form() -> None:
    found = answers(b"li@example.com", b"li@example.com", b"X-Mailer: GraphPad 9\r\n")
    assert not found.form


def test_a_mail_of_ours_is_no_form_even_with_a_foreign_reply_to() -> None:
    raw = HEAD.replace(b"li.na@example.com", b"service@redress.example")
    raw += b"Reply-To: c@person.example\r\nX-Redress-Mail: 1\r\n\r\nHi"
    found = kind_of(parse(raw), ["service@redress.example"])
    assert found is not None
    assert found.kind is MachineKind.OWN


def test_the_reply_to_of_a_list_is_not_the_author() -> None:
    head = b"List-Post: <mailto:club@lists.example>\r\nReply-To: club@lists.example\r\n"
    found = answer_address(text_mail(b"Hi", head))
    assert found is not None
    assert found.address.address == "li.na@example.com"


def test_a_postmaster_who_writes_is_not_held_but_their_notices_are() -> None:
    raw = HEAD.replace(b"li.na@example.com", b"postmaster@shop.example")
    person = parse(raw + b"\r\nMy lamp is broken")
    assert not is_held(kind_of(person))
    assert no_answer(person) is NoAnswer.NO_REPLY
    notice = b"\r\nIt was not delivered to bo@example.com"
    assert not is_held(kind_of(parse(raw + notice)))
    null = raw.replace(b"Return-Path: <postmaster@shop.example>", b"Return-Path: <>")
    assert is_held(kind_of(parse(null + notice)))
    assert is_held(kind_of(parse(raw + b"Auto-Submitted: auto-generated\r\n" + notice)))


@pytest.mark.parametrize(
    "sender",
    [
        b"bounce.house@example.com",
        b"bounces@family.example",
        b"mdaemon.paul@example.com",
        b"postmaster.paul@example.com",
        b"mailadmin-li@example.com",
        b"mail-system.fan@example.com",
        b"club-bounces@example.com",
        b"postmaster@example.com",
        b"mailadmin@example.com",
    ],
)
@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Zustellung seit 3 Wochen", "Wo ist mein Paket?"),
        ("Delay of my parcel", "It was promised for Monday, write to me: li@home.example"),
        ("Delivery problem", "My parcel was not delivered. Refund."),
        ("退件没有退款", "4711"),
    ],
)
def test_a_complaint_is_not_held_because_its_address_resembles_a_mail_systems(
    sender: bytes, subject: str, text: str
) -> None:
    raw = HEAD.replace(b"li.na@example.com", sender).replace(b"Parcel", subject.encode())
    plain = part(b"text/plain; charset=utf-8", text.encode())
    kind = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    for body in (kind + text.encode(), multipart(plain, SHOP_MAIL)):
        assert not is_held(kind_of(parse(raw + body)))


def test_a_postmaster_who_returns_our_own_mail_is_a_mail_system() -> None:
    raw = HEAD.replace(b"li.na@example.com", b"postmaster@mx.example.com")
    raw = raw.replace(b"Parcel", b"Undeliverable mail")
    ours = part(b"message/rfc822", b"From: service@redress.example\r\nSubject: x\r\n\r\nHello")
    assert is_held(kind_of(parse(raw + multipart(WORDS, ours))))


@pytest.mark.parametrize(
    "sender",
    [
        b"bounces+1@esp.example",
        b"bounce-77-li=example.com@esp.example",
        b"bounces@esp.example",
        b"postmaster@esp.example",
        b"msprvs1=abc-bounces+x@esp.example",
    ],
)
def test_the_address_of_a_provider_in_sender_proves_no_machine(sender: bytes) -> None:
    mail = text_mail(b"My lamp is broken", b"Sender: " + sender + b"\r\n")
    assert not is_held(kind_of(mail))
    assert no_answer(mail) is NoAnswer.LIST


@pytest.mark.parametrize(
    "head",
    [
        b"X-Autorespond: none\r\n",
        b"X-Auto-Response: 0\r\n",
        b"X-Autoreply: off\r\n",
        b"X-Autoreply: No (a person)\r\n",
        b"X-Autoreply:\r\n",
        b"X-Vacation: disabled\r\n",
        b"X-Autogenerated: Forward\r\n",
        b"X-Autogenerated: Mirror\r\n",
        b"Auto-Submitted: (x) no\r\n",
        b"Auto-Submitted: (a (nested) comment) No; by=li\r\n",
        b"Auto-Submitted: NO\r\n",
        b'Auto-Submitted: "no"\r\n',
    ],
)
def test_a_header_that_denies_a_machine_is_no_sign_of_a_machine(head: bytes) -> None:
    mail = text_mail(b"My lamp is broken", head)
    assert kind_of(mail) is None
    assert no_answer(mail) is None


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: (no) auto-replied\r\n",
        b"Auto-Submitted: no\r\nAuto-Submitted: auto-generated\r\n",
        b"Auto-Submitted: nothing\r\n",
        b"X-Autogenerated: Reply\r\n",
        b"X-Autoreply: 1\r\n",
    ],
)
def test_a_comment_or_a_second_header_does_not_hide_a_machine(head: bytes) -> None:
    assert is_held(kind_of(text_mail(b"I am away", head)))


def test_failed_recipients_are_a_bounce_only_from_a_mail_system() -> None:
    named = b"X-Failed-Recipients: li.na@example.com\r\n"
    person = text_mail(b"Look at the header that you sent me", named)
    assert not is_held(kind_of(person))
    assert no_answer(person) is not None
    null = HEAD.replace(b"Return-Path: <li.na@example.com>", b"Return-Path: <>")
    found = kind_of(parse(null + named + b"\r\nHi"))
    assert found is not None
    assert (found.kind, found.proven) == (MachineKind.BOUNCE, True)


@pytest.mark.parametrize(
    "sender",
    [b"www-data@shop.example", b"wordpress@shop.example", b"club-request@lists.example"],
)
def test_the_address_of_a_program_proves_no_machine_but_gets_no_answer(sender: bytes) -> None:
    mail = parse(HEAD.replace(b"li.na@example.com", sender) + b"\r\nBroken lamp")
    assert not is_held(kind_of(mail))
    assert no_answer(mail) is NoAnswer.NO_REPLY


def test_two_domains_are_one_organisation_only_if_one_contains_the_other() -> None:
    assert same_organisation("example.com", "Mail.Example.com")
    assert same_organisation("a.example.com", "example.com")
    assert not same_organisation("notexample.com", "example.com")
    assert not same_organisation("foxmail.com", "foxmail.com")
