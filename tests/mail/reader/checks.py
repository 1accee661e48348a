"""Checks that must hold for any bytes. Property tests, the fuzzer and the corpus tests use them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from functions.inbound.reading import incoming_mail_of
from redress.base import texts
from redress.base.languages import LANGUAGES
from redress.mail.incoming.reader import charset, folding, limits, machines
from redress.mail.incoming.reader.mail import ParsedMail, as_data
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.rules import folding as rules

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

_LOADS = re.compile(
    r"<[^>]*\b(?:src|srcset|on\w+|style|background)\s*=|<(?:script|style|iframe|form|svg)\b"
)


def check(raw: bytes) -> ParsedMail:
    """Read a mail in every way, and assert that the results are bounded and clean."""
    mail = parse(raw)
    data = as_data(mail)
    assert json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8")) == data
    _bounded(mail)
    _clean(mail)
    check_parts(mail.text)
    if machines.kind_of(mail, ["redress.example"]) is not None:
        assert machines.no_answer(mail, ["redress.example"]) is not None
    _check_incoming_mail(raw)
    return mail


def check_parts(text: str) -> None:
    """Mark the parts of a text and fold it, and assert that no word is lost or moved."""
    text = charset.clean(text)
    parts = folding.parts_of(text)
    edges = [edge for part in parts for edge in (part.first, part.last)]
    assert edges == sorted(edges)
    assert all(0 <= part.first < part.last <= len(text.split("\n")) for part in parts)
    assert rules.whole(text, parts, len(text)).text == texts.cleaned(text)
    shown = rules.answer(text, parts)
    assert shown.text or texts.is_empty(text)
    _check_places(text, shown)


def _check_places(text: str, shown: rules.Shown) -> None:
    """Put the folded parts back into their places, and assert that the result is the whole text."""
    pieces: list[str] = []
    position, kept = 0, rules.FOLDED_LIMIT
    for part in shown.parts:
        assert 0 <= part.at <= len(shown.text)
        if part.folded is None:
            continue
        assert part.folded == part.folded[:kept]
        pieces += [shown.text[position : part.at], "\n", part.folded, "\n"]
        position = part.at
        if len(part.folded) < part.length:
            return  # the event keeps only the beginning of this part
    pieces.append(shown.text[position:])
    # A text of combining marks alone shows nothing, so it counts as empty.
    assert _bare("".join(pieces)) == ("" if texts.is_empty(text) else _bare(text))


def _bare(text: str) -> str:
    return "".join(texts.without_hidden(text).split())


def _check_incoming_mail(raw: bytes) -> None:
    """Read a mail as the inbound function does, and check the result."""
    mail = incoming_mail_of(raw, "inbound/1", AT, ["redress.example"], "en")
    assert re.fullmatch(r"[0-9a-f]{40}", mail.identity)
    assert len(mail.addressed_to) <= 3 * limits.ADDRESSES
    assert mail.language in LANGUAGES
    said = [mail.sender, mail.subject, mail.title, mail.text, *mail.addressed_to]
    if mail.forwarded is not None:
        said += [mail.forwarded.sender, mail.forwarded.subject, mail.forwarded.text]
    for one in said:
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\r]", one)
        one.encode("utf-8")
    json.dumps(mail.original, ensure_ascii=False).encode("utf-8")


def _bounded(mail: ParsedMail) -> None:
    assert len(mail.text) <= limits.TEXT
    assert len(mail.attachments) <= limits.ATTACHMENTS
    assert len(mail.defects) <= limits.DEFECTS
    assert len(mail.headers) <= limits.FIELDS
    assert all(len(value) <= limits.VALUE for _, value in mail.headers)
    assert len(mail.references) <= limits.REFERENCES
    assert max(map(len, (mail.to, mail.cc, mail.sender_addresses))) <= limits.ADDRESSES
    assert _messages(mail) <= limits.EMBEDDED + 1


def _messages(mail: ParsedMail) -> int:
    return 1 + sum(_messages(one) for one in mail.embedded)


def _clean(mail: ParsedMail) -> None:
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
