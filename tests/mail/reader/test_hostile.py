"""Mails built to be expensive: reading time grows with the size, never with its square."""

from __future__ import annotations

import gc
import zlib
from collections.abc import Callable

import pytest

from functions.inbound.reading import incoming_mail_of
from redress.mail.incoming.reader.limits import ATTACHMENTS, EMBEDDED, HTML, TEXT, Code
from redress.mail.incoming.reader.parsing import parse
from tests import effort
from tests.mail.reader.checks import AT
from tests.mail.reader.mails import codes
from tests.mail.reader.test_smime import COMPRESSED, cms, in_pieces, streamed, tlv

START = b"From: a@example.com\nSubject: s\n"
MIXED = START + b"Content-Type: multipart/mixed; boundary=b\n\n"
HTML_MAIL = START + b"Content-Type: text/html\n\nx"
SIGNED = START + b"Content-Type: application/pkcs7-mime; smime-type=signed-data\n\n"
MB = 2**20
SECONDS = 5.0
"""Far more than each of these mails takes (half a second), far less than quadratic time would be."""


def signed_often(times: int, content: bytes) -> bytes:
    for _ in range(times):
        content = b"Content-Type: application/pkcs7-mime\n\n" + cms(tlv(0x04, content))
    return content


NOISE = bytes(range(0x81, 0xFF)) * 2


def noise(number: int, size: int) -> bytes:
    """Bytes beyond ASCII that are text in no charset, other ones for each number."""
    return NOISE[number % 100 :][:size]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "10,000 parts": lambda: MIXED + b"--b\n\nx\n" * 10_000,
    "empty parts": lambda: MIXED + b"--b\n" * 500_000,
    "lines that are almost boundaries": lambda: MIXED + b"--b\n\n" + b"--bx\n" * 500_000,
    "a header of 1 MB": lambda: START + b"X: " + b"a" * MB + b"\n\nhi",
    "a header of 1 MB in folds": lambda: START + b"X: a\n" + b" a\n" * (MB // 3) + b"\nhi",
    "100,000 headers": lambda: START + b"X: a\n" * 100_000 + b"\nhi",
    "encoded words": lambda: START + b"X: " + b"=?utf-8?q?a?= " * 15_000 + b"\n\nhi",
    "encoded words without end": lambda: START + b"X: " + b"=?utf-8?q?" * 20_000 + b"\n\nhi",
    "addresses": lambda: START + b"To: " + b"a@b.example," * 18_000 + b"\n\nhi",
    "halves of names": lambda: START + b"To: " + b"a," * 100_000 + b"\n\nhi",
    "parameters": lambda: START + b"Content-Type: text/plain" + b';a="' * 50_000 + b"\n\nhi",
    "5,000 multiparts in each other": lambda: (
        START
        + b"".join(
            b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(5_000)
        )
    ),
    "5,000 messages in each other": lambda: START + b"Content-Type: message/rfc822\n\n" * 5_000,
    "1 MB of quotes": lambda: START + b"\n" + b"> " * (MB // 2),
    "quoted lines": lambda: START + b"\n" + b"> a\n" * (MB // 4),
    "attributions": lambda: START + b"\n" + b"On a b c d\n" * (MB // 11),
    "headings": lambda: START + b"\n" + b"From: a\n" * (MB // 8),
    "rules": lambda: START + b"\n" + b"____________________\n\n" * (MB // 22),
    "1 MB of <": lambda: HTML_MAIL + b"<" * MB,
    "1 MB of &": lambda: HTML_MAIL + b"&" * MB,
    "unclosed b before p": lambda: (
        HTML_MAIL + b"<p>" + b"".join(b"<b title=x%d>" % n for n in range(400)) + b"<p>x" * 200_000
    ),
    "div in div": lambda: HTML_MAIL + b"<div>" * (MB // 5),
    "a number of 100,000 digits": lambda: (
        HTML_MAIL + b"<div>" * 300 + b"&#" + b"9" * 100_000 + b";"
    ),
    "comments": lambda: HTML_MAIL + b"<!--" * (MB // 4),
    "HTML in 900 parts": lambda: (
        MIXED + (b"--b\nContent-Type: text/html\n\n" + b"<p>x" * 3_000 + b"\n") * 900
    ),
    "text in 900 parts": lambda: MIXED + (b"--b\n\n" + b"\xc4\xe3 a\xff" * 3_000 + b"\n") * 900,
    "begin, begin, begin": lambda: START + b"\n" + b"begin 644 x\nMaaaa\n" * 60_000,
    "delivery status": lambda: (
        START
        + b"Content-Type: message/delivery-status\n\n"
        + b"Final-Recipient: a@b.c\n\n" * 40_000
    ),
    "calendar": lambda: (
        START + b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" + b'X;A="' * 200_000
    ),
    "guessing boundaries": lambda: (
        START + b"Content-Type: multipart/mixed\n\n" + b"--a b\n" * 200_000
    ),
    "brackets in every address": lambda: (
        b"".join(
            name + b": " + b"(" * 60_000 + b"\n"
            for name in (b"From", b"To", b"Delivered-To", b"X-Original-To")
        )
        + b"\n"
    ),
    "lines of blanks in a header": lambda: START + b" \n" * 80_000 + b"x: y\n\nhi",
    "lines of blanks before each header": lambda: START + b" \n a\nX-a: b\n" * 15_000 + b"\nhi",
    "lines without indent in a header": lambda: START + b"a\n" * 29 + b"X-a: b\n" * 10_000,
    "1 MB of lines without indent": lambda: START + (b"a\n" * 25 + b"X-a: b\n") * 4_000 + b"\nhi",
    "blanks around the @": lambda: START + b"To: <" + (b" " * 4_900 + b"@,") * 13 + b">\n\nhi",
    "quote marks around addresses": lambda: START + b"To: " + b"<<'a@b'>>," * 7_000 + b"\n\nhi",
    "wide commas": lambda: (
        START + b"To: a@b" + "，".encode() * 20_000 + b"\nCc: " + "，".encode() * 20_000 + b"\n\nhi"
    ),
    "1,000 headers in no charset": lambda: (
        START + b"".join(b"X-%d: %b\n" % (n, noise(n, 140)) for n in range(1_000)) + b"\nhi"
    ),
    "1,000 names of files in no charset": lambda: (
        MIXED
        + b"".join(
            b'--b\nContent-Type: application/pdf; name="%b"\n'
            b'Content-Disposition: attachment; filename="%b"\n\nx\n' % (noise(n, 100), noise(n, 90))
            for n in range(1_000)
        )
    ),
    "1,000 texts in no charset": lambda: (
        MIXED
        + b"".join(
            b"--b\nContent-Type: text/plain; charset=big5\n\n%b\n" % (noise(n, 140) * 5)
            for n in range(1_000)
        )
    ),
    "1,000 encoded words in different charsets": lambda: (
        START
        + b"X: "
        + b" ".join(b"=?x%d?Q?=C4=E3=BA=C3=FF?=" % n for n in range(1_000))
        + b"\n\nhi"
    ),
    "800 KB of damaged text": lambda: (
        START
        + b"Content-Type: text/plain; charset=gb2312\n\n"
        + "您好，龑犇没有收到".encode("gb18030").join([b"\xff"] * 42_000)
    ),
    "ids": lambda: START + b"References: " + b"<a b@c" * 10_000 + b"\n\nhi",
    "blanks in the subject": lambda: b"Subject: R-" + b"R - A " * 10_000 + b"\n\nhi",
    "begin without names": lambda: START + b"\n" + b"begin 644\n#0V%T\n" * 60_000,
    "lines of code with words between": lambda: (
        START + b"\n" + b"begin 644 x\n" + b"#0V%T\nx\n" * 120_000
    ),
    "lines that may be code": lambda: START + b"\n" + (b"begin 644 x\n" + b"MAA\n" * 20) * 12_000,
    "1 MB of zeros in base64": lambda: START + b"\nbegin-base64 644 x\n" + b"AAAA\n" * (MB // 5),
    "words with a colon after a subject": lambda: (
        START + (b"Subject: x\n" + b"a: b\n" * 30) * 900 + b"\nhi"
    ),
    "subjects of 900 parts": lambda: (
        MIXED + (b"--b\nSubject: x\n" + b"a: b\n" * 60 + b"\nhi\n") * 900
    ),
    "ids after lines of blanks": lambda: (
        START + b"References: " + b" \n <a@b>\n" * 25_000 + b"\nhi"
    ),
    "ends of HTML": lambda: HTML_MAIL + b"</html>x</body >" * (MB // 16),
    "unclosed ends of HTML": lambda: HTML_MAIL + b"</html " * (MB // 7),
    "links": lambda: HTML_MAIL + b"<base href=//b>" + b"<a href=/\\c>x" * (MB // 16),
    "long links": lambda: HTML_MAIL + (b"<a href='https:" + b"\\" * 20_000 + b"'>x</a>") * 50,
    "areas": lambda: HTML_MAIL + b"<map>" + b"<area href=//b alt=c>" * 40_000,
    "styles of blockquotes": lambda: (
        HTML_MAIL + (b"<blockquote style='" + b"margin:" * 140 + b"'>x</blockquote>") * 1_000
    ),
    "30 MB of pieces of a signed mail": lambda: (
        SIGNED + cms(streamed(0x24, b"\x04\x01a" * (10 * MB - 100)), stream=True)
    ),
    "a signed mail in 150,000 pieces": lambda: (
        SIGNED
        + cms(streamed(0x24, in_pieces(b"Subject: x\n\n" + b"a " * 10 * MB, 140)), stream=True)
    ),
    "signed mails in each other": lambda: START + signed_often(25, b"a" * MB),
    "a compressed mail that grows": lambda: (
        SIGNED + cms(tlv(0x04, zlib.compress(b"Subject: x\n\n" + b"a" * 80 * MB)), COMPRESSED)
    ),
    "values in each other in a signed mail": lambda: SIGNED + b"\x30\x80" * 5 * MB,
    "30 MB of nothing": lambda: START + b"\n" + b"\n" * (30 * MB - 100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_are_read_quickly(name: str) -> None:
    raw = HOSTILE[name]()
    effort.within(SECONDS, lambda: incoming_mail_of(raw, "inbound/1", AT, ["example.com"], "en"))
    mail = parse(raw)
    assert len(mail.text) <= TEXT
    assert len(mail.html or "") <= 2 * HTML
    assert len(mail.attachments) <= ATTACHMENTS
    assert len(mail.embedded) <= EMBEDDED


def test_reading_a_mail_leaves_no_reference_cycles() -> None:
    """The garbage collector runs rarely (`redress.COLLECT_AFTER`), and a mail may have 30 MB."""
    raw = MIXED + b"--b\nContent-Type: text/html\n\n<p>x<p>y\n--b\n\nx\n" * 20 + b"--b--\n"
    incoming_mail_of(raw, "inbound/1", AT, ["example.com"], "en")  # what is loaded at first is kept
    gc.collect()
    gc.disable()
    try:
        incoming_mail_of(raw, "inbound/1", AT, ["example.com"], "en")
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_whatever_is_left_out_is_listed_as_a_defect() -> None:
    assert Code.TOO_MANY_PARTS in codes(parse(HOSTILE["10,000 parts"]()))
    assert Code.TOO_DEEP in codes(parse(HOSTILE["5,000 multiparts in each other"]()))
    assert Code.HEAD_CUT in codes(parse(HOSTILE["a header of 1 MB"]()))
    assert Code.TOO_MANY_FIELDS in codes(parse(HOSTILE["100,000 headers"]()))
    assert Code.HTML_CUT in codes(parse(HOSTILE["HTML in 900 parts"]()))
