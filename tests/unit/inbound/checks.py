"""What must hold for any bytes at all: for property tests, for the fuzzer, for the corpus."""

from __future__ import annotations

import json
import re

from redress.inbound import clues, folding, limits, machines, verdicts
from redress.inbound.mail import Mail, as_data
from redress.inbound.parsing import parse

_LOADS = re.compile(
    r"<[^>]*\b(?:src|srcset|on\w+|style|background)\s*=|<(?:script|style|iframe|form|svg)\b"
)


def check(raw: bytes) -> Mail:
    """Everything that is done with a mail; asserts that it is bounded and clean."""
    mail = parse(raw)
    data = as_data(mail)
    assert json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8")) == data
    _bounded(mail)
    _clean(mail)
    folded = folding.fold(mail.text)
    kept = "\n".join((folded.new, folded.quoted, folded.signature)).split("\n")
    assert sorted(filter(str.strip, kept)) == sorted(filter(str.strip, mail.text.split("\n")))
    assert folded.new.strip() or not mail.text.strip()
    if machines.kind_of(mail, ["redress.example"]) is not None:
        assert not machines.may_be_answered(mail, ["redress.example"])
    clues.numbers_in(clues.bare_subject(mail.subject))
    clues.forwarded(mail)
    verdicts.verdicts(mail)
    return mail


def _bounded(mail: Mail) -> None:
    assert len(mail.text) <= limits.TEXT
    assert len(mail.attachments) <= limits.ATTACHMENTS
    assert len(mail.defects) <= limits.DEFECTS
    assert len(mail.headers) <= limits.FIELDS
    assert all(len(value) <= limits.VALUE for _, value in mail.headers)
    assert len(mail.references) <= limits.REFERENCES
    assert max(map(len, (mail.to, mail.cc, mail.sender_addresses))) <= limits.ADDRESSES
    assert _messages(mail) <= limits.EMBEDDED + 1


def _messages(mail: Mail) -> int:
    return 1 + sum(_messages(one) for one in mail.embedded)


def _clean(mail: Mail) -> None:
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\r]", mail.text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\n]", mail.subject)
    assert not _LOADS.search(mail.html or "")
    names = [one.name.casefold() for one in mail.attachments]
    assert len(names) == len(set(names))
    for one in mail.attachments:
        assert 0 < len(one.name) <= limits.NAME
        assert not re.search(r"[/\\\x00-\x1f]", one.name)
        assert not one.name.startswith(".")
    for address in (*mail.sender_addresses, *mail.to, *mail.cc):
        assert "@" in address.address
        assert "\n" not in address.address + address.name
