"""Reading never fails and is always bounded, for arbitrary bytes and for broken mails."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from redress.mail.incoming.reader.labels import CODECS
from tests.mail.reader.checks import check, check_parts
from tests.mail.reader.mails import HEAD, encoded, multipart, part
from tests.mail.reader.test_clues import BLOCK, FORWARDS
from tests.mail.reader.test_folding import REPLIES
from tests.mail.reader.test_machines import DAEMON, RETURNED, STATUS
from tests.mail.reader.test_markup import ATTACKS
from tests.mail.reader.test_parsing import PIECES as PICTURE
from tests.mail.reader.test_parsing import PNG
from tests.mail.reader.test_smime import FORMS, cms, pem, tlv

GOOD = [
    HEAD + b"\r\nHello",
    BLOCK + HEAD + b"Content-Type: text/plain; charset=gb2312\r\n\r\n" + "投诉".encode("gb18030"),
    HEAD
    + multipart(
        multipart(
            part(b"text/plain; charset=utf-8; format=flowed", "你好 \r\n> 旧".encode()),
            part(b"text/html", b"<p>x<blockquote>y</blockquote>" + ATTACKS[5].encode()),
            kind=b"alternative",
        ),
        encoded(
            b"image/png",
            PNG,
            b"Content-Disposition: inline; filename*0*=UTF-8''%E5; filename*1=a.png",
        ),
        part(b"message/rfc822", RETURNED + b"begin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n"),
        part(
            b"text/calendar",
            b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT\r\n",
        ),
        encoded(
            b"application/ms-tnef",
            b"\x78\x9f\x3e\x22\x01\x00" + b"\x01\x03\x90\x06\x00\x08\x00\x00\x00" + b"\x01" * 20,
        ),
    ),
    DAEMON
    + multipart(
        part(b"text/plain", b"It failed."),
        part(b"message/delivery-status", STATUS),
        part(b"text/rfc822-headers", RETURNED),
        kind=b"report; report-type=delivery-status",
    ),
    HEAD + part(b"application/pkcs7-mime", FORMS["streamed"], b"Content-Transfer-Encoding: binary"),
    HEAD + multipart(part(b"text/plain", b""), *PICTURE, kind=b"alternative"),
    HEAD + multipart(part(b"text/plain", b"Above"), *PICTURE, kind=b"alternative"),
    HEAD + b"\r\nHello,\r\n" + pem(FORMS["DER"]) + b"Footer",
    HEAD
    + encoded(
        b"application/pkcs7-mime",
        cms(tlv(0x04, b"Content-Type: message/rfc822; forwarded=no\r\n\r\n" + RETURNED)),
    ),
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\n\n", b"\0", b"\xff", b"\xed\xa0\x80", b"\x1b$B", b"--=b=\r\n", b"--=b=--",
    b"=?utf-8?B?5o", b"?=", b"=?gb2312?Q?=B6", b"Content-Type: multipart/mixed\r\n", b'"', b"(", b"<", b">",
    b"Content-Type: message/rfc822\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n", b";", b"*0*=", b"&#",
    b"boundary=", b"+2AA-", b"begin 644 x\r\n#", b"From ", b"> ", b"-- \n", "写道：\n".encode(),
    "发件人：".encode(), b"BEGIN:VCALENDAR\n", b"<blockquote>", b"<!--", b"R-7K3M9-QW0X2", b"@", b",", b":",
    b" \n", b"</html>", b"<a href=//", b"begin 644\n#0V%T\nend\n", b"Content-Type: application/pkcs7-mime\n\n0\x80",
    b"\x24\x80", b"\x30\x84", b"Received: a\nb\nc\n",
    b"-----BEGIN PKCS7-----\n", b"-----END PKCS7-----\n", b"-----BEGIN PGP MESSAGE-----\n",
    b"Content-Type: message/rfc822; forwarded=no\n\n", b"<a href=/x>",
]  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Return a good mail after a few deletions, repetitions and insertions."""
    raw = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        what = draw(st.integers(0, 3))
        if what == 0:
            raw = raw[:at] + draw(st.sampled_from(PIECES)) + raw[at:]
        elif what == 1:
            raw = raw[:at] + raw[at + draw(st.integers(1, 60)) :]
        elif what == 2:
            raw = raw[:at] + raw[at : at + 200] * 2 + raw[at + 200 :]
        else:
            raw = raw[:at] + draw(st.binary(min_size=1, max_size=8)) + raw[at + 1 :]
    return raw


@given(st.binary(max_size=2_000))
@example(b"\xd8\x90")
def test_any_bytes_can_be_read(raw: bytes) -> None:
    check(raw)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=12), max_size=60).map(b"".join))
def test_any_sequence_of_pieces_of_mails_can_be_read(raw: bytes) -> None:
    check(raw)


@given(broken())
def test_broken_mails_can_be_read(raw: bytes) -> None:
    check(raw)


@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=300))
def test_any_bytes_with_any_label_become_text(label: str, body: bytes) -> None:
    check(HEAD + b"Content-Type: text/plain; charset=" + label.encode() + b"\r\n\r\n" + body)


@given(st.lists(st.sampled_from(ATTACKS) | st.text(max_size=20), max_size=12).map("".join))
def test_any_html_is_made_safe(html: str) -> None:
    check(
        HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode("utf-8", "replace")
    )


@given(
    st.lists(
        st.sampled_from(
            [*REPLIES.values(), *(text for _, text in FORWARDS.values()), "\n", "> a\n", "-- \n"]
        )
        | st.text(max_size=30),
        max_size=6,
    ).map("".join)
)
def test_folding_loses_no_line(text: str) -> None:
    check_parts(text)
