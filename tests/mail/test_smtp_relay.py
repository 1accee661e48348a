"""Mail by an SMTP relay: encrypted, with a login, and every failure means the right thing."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redress.mail.outgoing import smtp_relay
from redress.mail.outgoing.carriers import NeedsOperator, NeverTaken, NotTaken, Taken, Unanswered
from redress.mail.outgoing.smtp_relay import SmtpRelay
from tests.mail.relay import (
    HANG_UP,
    PASSWORD,
    SILENCE,
    USERNAME,
    Replies,
    certificate,
    running,
)

SENDER = "service@example.com"
LI, WANG = "li@customer.example", "wang@customer.example"
MAIL = (
    b"From: service@example.com\r\nTo: li@customer.example\r\n"
    b"Message-ID: <token.000001@example.com>\r\nSubject: s\r\n\r\nHello\r\n"
    b".a line that begins with a dot\r\n..two\r\n"
)


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("relay"))


@pytest.fixture
def replies(cert: tuple[Path, Path]) -> Iterator[Replies]:
    with running(Replies(), cert, tls="starttls") as found:
        yield found


def relay(replies: Replies, cert: tuple[Path, Path], **changed: Any) -> SmtpRelay:
    secret = json.dumps({"username": USERNAME, "password": PASSWORD})
    trusted = ssl.create_default_context(cafile=str(cert[0]))
    given: dict[str, Any] = {"secret": lambda: secret, "context": trusted}
    return SmtpRelay("localhost", replies.port, SENDER, **(given | changed))


def refusal(given: SmtpRelay, *to: str) -> NotTaken:
    with pytest.raises(NotTaken) as caught:
        given.take(MAIL, to or (LI,), [])
    return caught.value


def test_mail_arrives_unchanged_after_starttls_and_login(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    taken = relay(replies, cert).take(MAIL, [LI, WANG], [])

    assert taken == Taken("token.000001@example.com")
    assert replies.taken == [(SENDER, [LI, WANG], MAIL)]
    assert replies.clear == []


def test_mail_arrives_on_the_port_that_begins_with_tls(
    cert: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Replies(), cert, tls="from the start") as replies:
        monkeypatch.setattr(smtp_relay, "TLS_PORT", replies.port)
        assert relay(replies, cert).take(MAIL, [LI], []).refused == 0
        assert replies.taken == [(SENDER, [LI], MAIL)]


def test_a_relay_without_tls_gets_neither_mail_nor_password(cert: tuple[Path, Path]) -> None:
    with running(Replies(), cert, tls="none") as replies:
        found = refusal(relay(replies, cert))
        assert (type(found), found.fault) == (NeedsOperator, smtp_relay.NO_TLS)
        assert (replies.taken, replies.clear) == ([], [])


def test_a_certificate_that_nobody_trusts_is_refused(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    found = refusal(relay(replies, cert, context=ssl.create_default_context()))
    assert (type(found), found.fault) == (NeedsOperator, "tls SSLCertVerificationError")
    assert replies.taken == []


def test_a_certificate_of_another_host_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificate(tmp_path, "other.example")
    with running(Replies(), other, tls="starttls") as replies:
        found = refusal(relay(replies, other))
        assert (type(found), found.fault) == (NeedsOperator, "tls SSLCertVerificationError")


def test_a_wrong_password_needs_a_person_and_is_read_again_for_the_next_attempt(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    passwords = ["old", PASSWORD]
    read: list[str] = []

    def secret() -> str:
        read.append(passwords[len(read)])
        return json.dumps({"username": USERNAME, "password": read[-1]})

    given = relay(replies, cert, secret=secret)
    found = refusal(given)
    assert (type(found), found.fault) == (NeedsOperator, "login 535")
    given.take(MAIL, [LI], [])
    given.take(MAIL, [LI], [])
    assert read == passwords


def test_a_password_that_was_rotated_is_read_again_and_alarms_nobody(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    def secret() -> str:
        return json.dumps({"username": USERNAME, "password": replies.password})

    given = relay(replies, cert, secret=secret)
    given.take(MAIL, [LI], [])
    replies.password = "rotated"
    found = refusal(given)
    assert (type(found), found.fault) == (NotTaken, "login 535")
    given.take(MAIL, [LI], [])
    assert len(replies.taken) == 2


def test_the_greeting_names_the_domain_of_the_sender_and_not_a_machine_without_a_name(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    relay(replies, cert).take(MAIL, [LI], [])
    assert replies.greeted == "example.com"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "right-password",
        '{"username": "redress"}',
        "[]",
        '{"username": "redress", "password": "\u5bc6\u7801"}',
    ],
)
def test_a_secret_that_is_no_login_is_named_without_its_content(secret: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        smtp_relay.login_of(secret)
    assert caught.value.fault == smtp_relay.NO_LOGIN
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("reply", "kind", "fault"),
    [
        ("550 5.1.1 no such user li@customer.example", NeverTaken, "recipient 550"),
        ("450 4.2.1 greylisted", NotTaken, "recipient 450"),
        ("421 4.3.2 shutting down", NotTaken, "recipient 421"),
        (HANG_UP, NotTaken, "recipient SMTPServerDisconnected"),
    ],
)
def test_the_reply_to_a_recipient_decides_whether_the_mail_is_tried_again(
    replies: Replies, cert: tuple[Path, Path], reply: str, kind: type, fault: str
) -> None:
    replies.recipients = {LI: reply}
    found = refusal(relay(replies, cert))
    assert (type(found), found.fault) == (kind, fault)
    assert replies.taken == []


@pytest.mark.parametrize(
    ("reply", "kind", "fault"),
    [
        ("553 5.7.1 not your address", NeedsOperator, "sender 553"),
        ("451 4.3.0 try again", NotTaken, "sender 451"),
        ("552 5.3.4 too large", NeverTaken, "sender 552"),
    ],
)
def test_a_sender_that_the_relay_does_not_know_is_a_fault_of_the_configuration(
    replies: Replies, cert: tuple[Path, Path], reply: str, kind: type, fault: str
) -> None:
    replies.mail = reply
    found = refusal(relay(replies, cert))
    assert (type(found), found.fault) == (kind, fault)


@pytest.mark.parametrize(
    ("reply", "kind", "fault"),
    [
        ("554 5.7.1 this is spam", NeverTaken, "content 554"),
        ("452 4.3.1 disk full", NotTaken, "content 452"),
        (HANG_UP, Unanswered, "content SMTPServerDisconnected"),
    ],
)
def test_the_reply_to_the_content_decides_whether_the_mail_is_tried_again(
    replies: Replies, cert: tuple[Path, Path], reply: str, kind: type, fault: str
) -> None:
    replies.data = reply
    found = refusal(relay(replies, cert))
    assert (type(found), found.fault) == (kind, fault)


def test_a_relay_that_does_not_answer_is_left_in_time_and_may_have_the_mail(
    replies: Replies, cert: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_relay, "CONNECT_S", 60.0)  # otherwise this timeout ends the wait
    replies.data = SILENCE
    began = time.monotonic()
    found = refusal(relay(replies, cert, seconds=3.0))
    assert (type(found), found.fault) == (Unanswered, "content SMTPServerDisconnected")
    assert time.monotonic() - began < 30


def test_a_relay_that_is_silent_before_the_content_does_not_have_the_mail(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    replies.mail = SILENCE
    found = refusal(relay(replies, cert, seconds=3.0))
    assert (type(found), found.fault) == (NotTaken, "sender SMTPServerDisconnected")


def test_a_relay_that_is_down_does_not_have_the_mail(cert: tuple[Path, Path]) -> None:
    with running(Replies(), cert, tls="starttls") as replies:
        pass
    found = refusal(relay(replies, cert))
    assert (type(found), found.fault) == (NotTaken, "connect ConnectionRefusedError")


def test_the_other_recipients_get_the_mail_if_one_is_refused(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    replies.recipients = {LI: "550 5.1.1 no such user"}
    taken = relay(replies, cert).take(MAIL, [LI, WANG], [])
    assert taken.refused == 1
    assert [to for _, to, _ in replies.taken] == [[WANG]]


def test_a_mail_is_tried_again_if_one_of_its_recipients_may_be_accepted_later(
    replies: Replies, cert: tuple[Path, Path]
) -> None:
    replies.recipients = {LI: "550 5.1.1 no such user", WANG: "450 4.2.1 greylisted"}
    found = refusal(relay(replies, cert), LI, WANG)
    assert (type(found), found.fault) == (NotTaken, "recipient 450")
