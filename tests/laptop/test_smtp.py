"""The SMTP server of the local cloud stores what SES would store."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.inbound.reading import incoming_mail_of
from local import smtp
from local.process import free_port
from redress.mail.incoming.rules.mail import IncomingMail
from tests.mail.reader.checks import AT

DOMAIN = "in.my_shop.example"


class Bucket:
    def __init__(self) -> None:
        self.stored: list[bytes] = []

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.stored.append(Body)


class Deployed(smtp.Target):
    """A stack whose bucket is a list."""

    bucket = Bucket()
    domain = DOMAIN

    def read(self) -> tuple[Any, str, str]:
        return self.bucket, "bucket", self.domain


@pytest.fixture
def target() -> Deployed:
    found = Deployed(Path())
    found.bucket.stored.clear()
    return found


@pytest.fixture
def port(target: Deployed) -> Iterator[int]:
    server = smtp.server(target, free_port())
    server.start()
    yield server.port
    server.stop()


def read(raw: bytes) -> IncomingMail:
    return incoming_mail_of(raw, "inbound/1", AT, [DOMAIN], "en")


def send(port: int, sender: str, to: list[str], author: str) -> None:
    raw = f"From: {author}\r\nTo: somebody@example.com\r\nSubject: s\r\n\r\nHello".encode()
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        options = [] if all(one.isascii() for one in (sender, *to, author)) else ["SMTPUTF8"]
        client.sendmail(sender, to, raw, mail_options=options)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("li_na@my_parcels.example", "my_parcels.example"),
        ("_li@_a.b_.example", "_a.b_.example"),
        ("li@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("li@bücher.example", "xn--bcher-kva.example"),
        ("李娜@书店.example", "xn--1jqq80b.example"),
    ],
)
def test_the_domain_of_the_author_is_read_like_ses_does(
    port: int, target: Deployed, address: str, domain: str
) -> None:
    send(port, address, [f"service_desk@{DOMAIN}"], f"Li <{address}>")
    (stored,) = target.bucket.stored
    assert f"header.from={domain};".encode() in stored
    mail = read(stored)
    assert (mail.authentic, mail.disowned) == (True, False)
    assert mail.sender.rpartition("@")[2] == domain
    assert f"service_desk@{DOMAIN}" in mail.addressed_to


def test_the_mail_domain_may_be_written_in_its_own_script(port: int, target: Deployed) -> None:
    target.domain = "in.xn--bcher-kva.example"
    for domain in ("in.bücher.example", "IN.XN--BCHER-KVA.example"):
        send(port, "li@example.com", [f"service@{domain}"], "li@example.com")
    assert len(target.bucket.stored) == 2
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(port, "li@example.com", ["service@bucher.example"], "li@example.com")


def test_one_mail_is_stored_for_all_recipients(port: int, target: Deployed) -> None:
    send(port, "li@example.com", [f"a_b@{DOMAIN}", f"c@{DOMAIN}"], "li@example.com")
    (stored,) = target.bucket.stored
    assert b" for " not in stored
    assert read(stored).authentic


def test_a_single_recipient_is_named(port: int, target: Deployed) -> None:
    send(port, "li@example.com", [f"a_b@{DOMAIN}"], "li@example.com")
    assert f"\r\n for a_b@{DOMAIN};\r\n".encode() in target.bucket.stored[0]


def test_the_null_sender_stays_empty(port: int, target: Deployed) -> None:
    send(port, "", [f"a@{DOMAIN}"], "MAILER-DAEMON@example.com")
    (stored,) = target.bucket.stored
    assert stored.startswith(b"Return-Path: <>\r\n")
    assert b"header.from=example.com;" in stored
    assert b"envelope-from=;" in stored


@pytest.mark.parametrize(
    "head",
    [
        '"li@bank.example" <li@my_shop.example>',
        "=?utf-8?B?5p2O5aic?= <li@my_shop.example>",
        "li@my_shop.example (li@bank.example)",
        "\r\n <li@my_shop.example>",
    ],
)
def test_the_author_is_the_address_and_not_the_name(head: str) -> None:
    assert smtp.domain_of_author(f"From: {head}\r\n\r\n".encode()) == "my_shop.example"


@pytest.mark.parametrize(
    "before", [b"\r\n", b"\n\r\n", b"From li Mon Nov 23 2026\r\n", b"From: x\n"]
)
def test_the_author_is_found_where_the_reader_finds_it(before: bytes) -> None:
    raw = before + b"Subject: s\r\nFrom: li@my_shop.example\r\n\r\nHello"
    assert smtp.domain_of_author(raw) == "my_shop.example"


def test_a_mail_without_from_has_no_author() -> None:
    assert smtp.domain_of_author(b"Subject: s\r\n\r\nFrom: li@example.com") == ""
    assert smtp.domain_of_author(b"") == ""
