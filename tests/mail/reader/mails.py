"""Small mails for the tests, in the form of real mails but with invented text."""

from __future__ import annotations

import base64

from redress.mail.incoming.reader import folding
from redress.mail.incoming.reader.limits import Code
from redress.mail.incoming.reader.machines import Machine
from redress.mail.incoming.reader.mail import ParsedMail
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.rules.folding import Shown, answer

HEAD = (
    b"From: Li Na <li.na@example.com>\r\nTo: service@redress.example\r\nSubject: Parcel\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0800\r\nMessage-ID: <1@example.com>\r\n"
    b"Return-Path: <li.na@example.com>\r\nMIME-Version: 1.0\r\n"
)


def text_mail(
    body: bytes, head: bytes = b"", kind: bytes = b"text/plain; charset=utf-8"
) -> ParsedMail:
    return parse(HEAD + head + b"Content-Type: " + kind + b"\r\n\r\n" + body)


def is_held(found: Machine | None) -> bool:
    """Whether a mail with this result of `kind_of` is held, because a machine is proven."""
    return found is not None and found.proven


def multipart(*parts: bytes, kind: bytes = b"mixed", head: bytes = b"") -> bytes:
    """Return a multipart without the headers of the mail. Each part has its own headers."""
    lines = [b"Content-Type: multipart/" + kind + b'; boundary="=b="', head, b""]
    for part in parts:
        lines += [b"--=b=", part]
    return b"\r\n".join([line for line in lines[:2] if line] + lines[2:] + [b"--=b=--", b""])


def part(kind: bytes, body: bytes, *more: bytes) -> bytes:
    return b"\r\n".join([b"Content-Type: " + kind, *more, b"", body])


def encoded(kind: bytes, body: bytes, *more: bytes) -> bytes:
    data = base64.encodebytes(body).replace(b"\n", b"\r\n")
    return part(kind, data, b"Content-Transfer-Encoding: base64", *more)


def codes(mail: ParsedMail) -> set[Code]:
    return {one.code for one in mail.defects}


def folded(text: str, context: folding.Context | None = None) -> Shown:
    """Fold a text as an answer, without knowing the words that Redress sent."""
    return answer(text, folding.parts_of(text, context))


def hidden(shown: Shown, *kinds: str) -> str:
    """Return the folded parts of these kinds, or of all kinds, joined by line ends."""
    found = [one.folded for one in shown.parts if one.folded and (not kinds or one.kind in kinds)]
    return "\n".join(found)
