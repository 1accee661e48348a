"""Complete mails: which text is read, which HTML is shown, and what is attached."""

from __future__ import annotations

import base64
import binascii
import json
import struct

import pytest

from redress.mail.incoming.reader import charset, limits
from redress.mail.incoming.reader.limits import Code
from redress.mail.incoming.reader.mail import ParsedMail, as_data
from redress.mail.incoming.reader.parsing import parse
from tests import effort
from tests.mail.reader.mails import HEAD, codes, encoded, multipart, part, text_mail

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))


# ------------------------------------------------------------------------------ text


def test_plain_text_is_read_and_html_is_kept_to_show() -> None:
    mail = parse(
        HEAD
        + multipart(
            part(b"text/plain; charset=utf-8", "你好".encode()),
            part(b"text/html; charset=utf-8", "<p>你<b>好</b></p>".encode()),
            kind=b"alternative",
        )
    )
    assert mail.text == "你好"
    assert mail.html == "<p>你<b>好</b></p>"
    assert not mail.attachments


@pytest.mark.parametrize(
    "stub", [b"", b" \r\n", b"This mail is in HTML.", "您的邮件客户端不支持HTML格式".encode()]
)
def test_plain_text_that_only_points_to_html_is_skipped(stub: bytes) -> None:
    mail = parse(
        HEAD
        + multipart(
            part(b"text/plain; charset=utf-8", stub),
            part(b"text/html", b"<p>The washing machine has not come, and nobody answers.</p>"),
            kind=b"alternative",
        )
    )
    assert mail.text == "The washing machine has not come, and nobody answers."


def test_the_charset_inside_html_counts_if_the_part_names_none() -> None:
    html = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312">'
    mail = parse(HEAD + part(b"text/html", (html + "<body>投诉").encode("gb18030")))
    assert mail.text == "投诉"


@pytest.mark.parametrize("label", [b"utf-32", b"utf-16", b"ucs-4"])
@pytest.mark.parametrize("body", [b"\x80!\x98", b"\xff" * 9, b"a\xc4"])
def test_a_wrong_label_of_a_wide_charset_does_no_harm(label: bytes, body: bytes) -> None:
    assert text_mail(body, kind=b"text/plain; charset=" + label).text


def test_texts_around_an_attachment_are_joined() -> None:
    mail = parse(
        HEAD
        + multipart(
            part(b"text/plain", b"See the picture."),
            encoded(b"image/png; name=a.png", PNG, b"Content-Disposition: inline; filename=a.png"),
            part(b"text/plain", b"It is broken."),
        )
    )
    assert mail.text == "See the picture.\n\nIt is broken."
    assert [(one.name, one.inline) for one in mail.attachments] == [("a.png", True)]


PIECES = (
    part(b"text/html", b"<html><body>Above the picture.<br></body></html>"),
    encoded(b"image/png; name=i.png", PNG, b"Content-Disposition: inline; filename=i.png"),
    part(b"text/html", b"<html><body>Below it: I want a refund.</body></html>"),
)
"""HTML around a picture, as Apple Mail writes it."""


@pytest.mark.parametrize("kind", [b"mixed", b"related"])
@pytest.mark.parametrize(
    "plain",
    [
        None,
        b"",
        b"  \r\n",
        b"This mail is in HTML.",
        b"Above the picture.\r\n\r\nBelow it: I want a refund.",
    ],
)
def test_all_pieces_of_html_are_read(kind: bytes, plain: bytes | None) -> None:
    body = multipart(*PIECES, kind=kind)
    if plain is not None:
        # The inner multipart needs another boundary than the outer one.
        body = multipart(
            part(b"text/plain", plain), body.replace(b"=b=", b"=c="), kind=b"alternative"
        )
    mail = parse(HEAD + body)
    assert mail.text == "Above the picture.\n\nBelow it: I want a refund."
    assert mail.html is not None
    assert mail.html.index("Above the picture.") < mail.html.index("I want a refund.")
    assert [one.name for one in mail.attachments] == ["i.png"]


def alternative(plain: str, *html: str, footer: str = "") -> ParsedMail:
    """Return a mail with plain text and with the same text as HTML around pictures."""
    parts = [part(b"text/html; charset=utf-8", one.encode()) for one in html]
    picture = encoded(b"image/png; name=i.png", PNG)
    pieces = [one for piece in parts for one in (piece, picture)][:-1] if parts[1:] else parts
    pieces += [part(b"text/plain; charset=utf-8", footer.encode())] if footer else []
    inner = multipart(*pieces).replace(b"=b=", b"=c=") if pieces[1:] else pieces[0]
    words = part(b"text/plain; charset=utf-8", plain.encode())
    return parse(HEAD + multipart(words, inner, kind=b"alternative"))


@pytest.mark.parametrize(
    ("plain", "html", "text"),
    [
        ("One", ("One", "Two money back"), "One\n\nTwo money back"),
        ("One", ("Zero", "One", "Two"), "Zero\n\nOne\n\nTwo"),
        ("Two", ("One: my lamp broke", "Two"), "One: my lamp broke\n\nTwo"),
        ("One money", ("One money", "One money back"), "One money\n\nOne money back"),
        ("灯坏了。", ("<p>灯坏了。", "<p>请退款200元。"), "灯坏了。\n\n请退款200元。"),
        ("Mine", ("Yours and", "theirs"), "Mine\n\nYours and\ntheirs"),
        ("One, mine", ("One", "Two"), "One, mine\n\nTwo"),
        # Words after the end of the HTML, and words that only one part of the HTML has.
        ("One", ("<html><body>One</body></html><p>Two money back",), "One\n\nTwo money back"),
        (
            "Dear all,\n\nThanks",
            ("<p>Dear all,<p>I want my money back.<p>Thanks",),
            "Dear all,\n\nI want my money back.\n\nThanks",
        ),
    ],
)
def test_words_that_only_the_html_has_are_read(
    plain: str, html: tuple[str, ...], text: str
) -> None:
    assert alternative(plain, *html).text == text


def test_words_that_only_the_html_has_are_read_with_the_footer_of_a_list() -> None:
    mail = alternative("One", "One", "Two money back", footer="A footer")
    assert mail.text == "One\n\nTwo money back\n\nA footer"


@pytest.mark.parametrize(
    ("plain", "html"),
    [
        (
            "See https://a.example\nand *pay*",
            ("See <a href='https://a.example/x'>https://a.example</a> and <b>pay</b>",),
        ),
        ("Hello [image: logo.png] there", ("Hello <img alt='logo.png' src=x> there",)),
        ("Hello\n[cid:1@2]", ("Hello<br><img alt='the logo' src='cid:1@2'>",)),
        (
            "A long line that the program\nwrapped, 然后\n又换行",
            ("A long line that the program wrapped, 然后又换行",),
        ),
        ("* a\n* b\n1) c", ("<ul><li>a<li>b</ul><p>1. c",)),
        ("Yes\n> Will you\n> come?", ("Yes<blockquote>Will you come?</blockquote>",)),
        ("One\n\nTwo", ("One", "Two")),
        ("One two three", ("one", "TWO", "three<hr>")),
        ("灯&nbsp;坏了", ("灯&nbsp;坏了",)),
        ("Hello, Li, my lamp broke.", ("Hello Ms Li, my lamp broke.",)),
    ],
)
def test_the_plain_text_is_used_if_the_html_says_the_same(
    plain: str, html: tuple[str, ...]
) -> None:
    assert alternative(plain, *html).text == plain


def test_long_html_beside_plain_text_is_compared_in_linear_time() -> None:
    lines = "\n".join(f"a{number}" for number in range(60_000))
    html = f"<pre>{lines}</pre>"
    text = effort.within(2, lambda: alternative("One", html, html)).text
    assert text.startswith("One\n\na0\na1\n")
    assert len(text) <= limits.TEXT


def test_an_unclosed_piece_of_html_hides_no_other_piece() -> None:
    first = part(b"text/html", b"<div>one<!-- <div style='display:none'>")
    mail = parse(HEAD + multipart(first, part(b"text/html", b"two")))
    assert mail.text.split() == ["one", "two"]
    assert mail.html is not None
    assert "two" in mail.html


def test_plain_text_beside_the_html_of_an_alternative_is_not_lost() -> None:
    footer = part(b"text/plain", b"A footer of the list")
    for plain, words in (
        (b"Hello", ["Hello", "A footer of the list"]),
        (b"Hello\r\n\r\nA footer of the list", ["Hello", "A footer of the list"]),
        (b"This mail is in HTML.", ["Hello", "A footer of the list"]),
    ):
        inner = multipart(part(b"text/html", b"<p>Hello</p>" * 9), footer).replace(b"=b=", b"=c=")
        mail = parse(HEAD + multipart(part(b"text/plain", plain), inner, kind=b"alternative"))
        assert list(dict.fromkeys(filter(None, mail.text.split("\n")))) == words
        assert mail.text.count("footer") == (mail.html or "").count("footer") == 1


def test_plain_text_between_pieces_of_html_keeps_its_place() -> None:
    between = (
        part(b"text/html", b"one"),
        part(b"text/plain", b"two"),
        part(b"text/html", b"three"),
    )
    inner = multipart(*between).replace(b"=b=", b"=c=")
    mail = parse(HEAD + multipart(part(b"text/plain", b""), inner, kind=b"alternative"))
    assert mail.text.split() == ["one", "two", "three"]
    assert mail.html is not None
    assert mail.html.index("one") < mail.html.index("two") < mail.html.index("three")


def test_flowed_lines_are_joined_within_their_quote_level() -> None:
    mail = text_mail(
        b"One line \r\nthat goes on.\r\n> A quote \r\n> that goes on.\r\nNew.\r\n-- \r\nLi\r\n",
        kind=b"text/plain; format=flowed",
    )
    assert mail.text == "One line that goes on.\n> A quote that goes on.\nNew.\n-- \nLi"


def test_flowed_chinese_gets_no_blanks() -> None:
    mail = text_mail(
        "洗衣机到现在 \r\n还没有送到。\r\n".encode(),
        kind=b"text/plain; charset=utf-8; format=flowed; delsp=yes",
    )
    assert mail.text == "洗衣机到现在还没有送到。"


def test_long_text_is_cut_and_listed_as_a_defect() -> None:
    mail = text_mail("字".encode() * (limits.TEXT + 1))
    assert len(mail.text) == limits.TEXT
    assert Code.TEXT_CUT in codes(mail)


@pytest.mark.parametrize("encoding", [b"base64", b"BASE64", b'"base64"', b"base64;"])
def test_transfer_encodings_are_recognised_in_every_spelling(encoding: bytes) -> None:
    body = base64.b64encode("投诉".encode())
    assert text_mail(body, b"Content-Transfer-Encoding: " + encoding + b"\r\n").text == "投诉"


def test_damaged_base64_is_decoded_as_far_as_possible() -> None:
    head = b"Content-Transfer-Encoding: base64\r\n"
    assert text_mail(b"aGVs!!bG8gdGhlcmU", head).text == "hello there"


def test_content_in_an_unknown_encoding_is_kept_as_is() -> None:
    mail = text_mail(b"Hello", b"Content-Transfer-Encoding: x-mystery\r\n")
    assert mail.text == "Hello"
    assert Code.UNKNOWN_ENCODING in codes(mail)


# ------------------------------------------------------------------------------ structure


def test_an_unclosed_multipart_keeps_all_parts() -> None:
    raw = HEAD + multipart(part(b"text/plain", b"One"), part(b"text/plain", b"Two"))
    mail = parse(raw.replace(b"--=b=--\r\n", b""))
    assert mail.text == "One\n\nTwo"
    assert Code.UNCLOSED in codes(mail)


def test_a_missing_boundary_is_guessed() -> None:
    raw = HEAD + multipart(part(b"text/plain", b"One")).replace(b'; boundary="=b="', b"")
    mail = parse(raw)
    assert mail.text == "One"
    assert codes(mail) >= {Code.NO_BOUNDARY, Code.BOUNDARY_GUESSED}


def test_a_multipart_whose_boundary_never_occurs_is_read_as_text() -> None:
    mail = parse(HEAD + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\nHello\r\n')
    assert mail.text == "Hello"
    assert Code.NO_PARTS in codes(mail)


def test_an_unclosed_inner_multipart_does_not_swallow_the_outer_one() -> None:
    inner = (
        b'Content-Type: multipart/alternative; boundary="=i="\r\n\r\n'
        b"--=i=\r\nContent-Type: text/plain\r\n\r\nInner\r\n"
    )
    mail = parse(HEAD + multipart(inner, part(b"text/plain", b"Outer")))
    assert mail.text == "Inner\n\nOuter"


def test_a_boundary_that_extends_another_is_distinct() -> None:
    inner = (
        b'Content-Type: multipart/alternative; boundary="=b==="\r\n\r\n'
        b"--=b===\r\nContent-Type: text/plain\r\n\r\nInner\r\n--=b===--\r\n"
    )
    mail = parse(HEAD + multipart(inner, part(b"text/plain", b"Outer")))
    assert mail.text == "Inner\n\nOuter"
    assert not codes(mail)


def test_an_embedded_message_is_an_attachment_and_a_parsed_mail() -> None:
    inner = b"From: bo@example.com\r\nSubject: =?utf-8?B?5oqV6K+J?=\r\n\r\nInner words"
    mail = parse(
        HEAD + multipart(part(b"text/plain", b"See below"), part(b"message/rfc822", inner))
    )
    assert mail.text == "See below"
    assert [(one.name, one.declared_type) for one in mail.attachments] == [
        ("投诉.eml", "message/rfc822")
    ]
    assert mail.attachments[0].content == inner
    assert [(one.subject, one.text) for one in mail.embedded] == [("投诉", "Inner words")]


def test_an_embedded_message_in_base64_is_read_against_the_standard() -> None:
    inner = b"From: bo@example.com\r\nSubject: Inner\r\n\r\nInner words"
    mail = parse(HEAD + multipart(encoded(b"message/rfc822", inner)))
    assert [one.text for one in mail.embedded] == ["Inner words"]


def test_parts_of_a_digest_are_messages() -> None:
    mail = parse(
        HEAD + multipart(b"\r\nSubject: One\r\n\r\nx", b"\r\nSubject: Two\r\n\r\ny", kind=b"digest")
    )
    assert [one.subject for one in mail.embedded] == ["One", "Two"]


@pytest.mark.parametrize(
    ("kind", "security"),
    [
        (b'multipart/signed; protocol="application/pgp-signature"', "pgp-signed"),
        (b'multipart/signed; protocol="application/pkcs7-signature"', "smime-signed"),
        (b"multipart/encrypted", "pgp-encrypted"),
        (b"application/pkcs7-mime; smime-type=enveloped-data", "smime-encrypted"),
        (b"application/pkcs7-mime; smime-type=signed-data", "smime-signed"),
        (b"text/plain", ""),
    ],
)
def test_signed_and_encrypted_mails_are_recognised(kind: bytes, security: str) -> None:
    assert (
        parse(
            HEAD + b"Content-Type: " + kind + b"; boundary=x\r\n\r\n--x\r\n\r\nHello\r\n--x--"
        ).security
        == security
    )


# ------------------------------------------------------------------------------ attachments


def test_an_attachment_has_its_names_types_size_and_content() -> None:
    mail = parse(
        HEAD
        + multipart(
            part(b"text/plain", b"Hello"),
            encoded(
                b"application/octet-stream",
                b"%PDF-1.7 ...",
                b"Content-Disposition: attachment; filename*=gb18030''%B7%A2%C6%B1.pdf",
                b"Content-ID: <one@example.com>",
            ),
        )
    )
    (one,) = mail.attachments
    assert (one.name, one.original_name) == ("发票.pdf", "发票.pdf")
    assert (one.declared_type, one.detected_type) == ("application/octet-stream", "application/pdf")
    assert (one.size, one.content, one.inline) == (12, b"%PDF-1.7 ...", False)
    assert one.content_id == "one@example.com"


@pytest.mark.parametrize(
    ("said", "safe"),
    [
        ("../../etc/passwd", "passwd.png"),
        ("C:\\temp\\a.png", "a.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("CON.txt", "file CON.txt"),
        (".htaccess", "htaccess.png"),
        ("a:b*c?.png", "a b c.png"),
        ("Invoice_225/2385/5648.png", "Invoice_225 2385 5648.png"),
        ("2026/11/23 photo.png", "2026 11 23 photo.png"),
        ("Order 1\\2.png", "Order 1 2.png"),
        ("a/b/", "a b.png"),
        ("/home/li/a.png", "a.png"),
        ("~/a.png", "a.png"),
        ("./x/a.png", "a.png"),
        ("x/../../a.png", "a.png"),
        ("\\\\server\\share\\a.png", "a.png"),
        ("https://example.com/x/a.png", "a.png"),
        ("", "file.png"),
        ("...", "file.png"),
        ("长" * 300 + ".png", "长" * (limits.NAME - 10) + ".png"),
        ("photo", "photo.png"),
    ],
)
def test_file_names_are_made_safe(said: str, safe: str) -> None:
    mail = parse(
        HEAD
        + multipart(
            encoded(
                b"application/octet-stream",
                PNG,
                b'Content-Disposition: attachment; filename="'
                + said.replace("\\", "\\\\").encode()
                + b'"',
            )
        )
    )
    assert mail.attachments[0].name == safe
    assert mail.attachments[0].original_name == charset.clean(said)[:1_000]


def test_a_path_of_windows_is_recognised_without_escapes() -> None:
    disposition = b'Content-Disposition: attachment; filename="C:\\Users\\li\\a.png"'
    mail = parse(HEAD + multipart(encoded(b"image/png", PNG, disposition)))
    assert mail.attachments[0].name == "a.png"


def test_files_with_the_same_name_get_different_names() -> None:
    one = encoded(b"image/png; name=a.png", PNG)
    mail = parse(HEAD + multipart(one, one, encoded(b"image/png; name=A.PNG", PNG)))
    assert [one.name for one in mail.attachments] == ["a.png", "a (2).png", "A (3).PNG"]


def test_keeps_no_more_attachments_than_the_limit() -> None:
    mail = parse(HEAD + multipart(*[encoded(b"image/png", PNG)] * (limits.ATTACHMENTS + 1)))
    assert len(mail.attachments) == limits.ATTACHMENTS
    assert Code.TOO_MANY_ATTACHMENTS in codes(mail)


def test_uuencoded_files_become_attachments() -> None:
    mail = text_mail(b"See:\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nThanks\r\n")
    assert mail.text == "See:\n\nThanks"
    assert [(one.name, one.content) for one in mail.attachments] == [("cat.txt", b"Cat")]


@pytest.mark.parametrize("begin", [b"begin 644 ", b"begin 644", b"begin 0644\t"])
def test_uuencoded_files_without_a_name_become_attachments(begin: bytes) -> None:
    block = begin + b"\r\n#0V%T\r\n`\r\nend\r\n"
    mail = text_mail(b"See:\r\n" + block + b"and\r\n" + block + b"Thanks\r\n")
    assert mail.text.split() == ["See:", "and", "Thanks"]
    assert [one.content for one in mail.attachments] == [b"Cat", b"Cat"]


def test_a_begin_line_with_neither_a_name_nor_an_end_stays_text() -> None:
    mail = text_mail(b"begin 644\r\n#0V%T\r\nis what I saw\r\n")
    assert "is what I saw" in mail.text
    assert not mail.attachments


PICTURE = bytes(range(256)) * 2
LINES = b"".join(binascii.b2a_uu(PICTURE[at : at + 45], backtick=True) for at in range(0, 512, 45))
BASE64 = base64.encodebytes(PICTURE)


@pytest.mark.parametrize(
    "end",
    [
        b"`\r\n\r\n",
        b"`\r\n",
        b"\r\n",
        b"",
        b"`\r\nend\r\n",
        b"`\r\n\r\nend\r\n",
        b" \r\nend\r\n",
        b"\r\nend\r\n",
    ],
)
@pytest.mark.parametrize(
    "words", [b"The lamp flickers.\r\nPlease help.", b"LAMP", "灯坏了。".encode()]
)
def test_words_after_a_uuencoded_file_stay_text_however_it_ends(end: bytes, words: bytes) -> None:
    data = LINES.replace(b"\n", b"\r\n")
    mail = text_mail(b"Hi\r\nbegin 644 lamp.bin\r\n" + data + end + words + b"\r\nBo")
    assert mail.text.split() == ["Hi", *words.decode().split(), "Bo"]
    assert [(one.name, one.content) for one in mail.attachments] == [("lamp.bin", PICTURE)]


@pytest.mark.parametrize("end", [b"====\n", b"\n", b""])
def test_words_after_a_file_in_base64_stay_text(end: bytes) -> None:
    mail = text_mail(b"Hi\nbegin-base64 644 lamp.bin\n" + BASE64 + end + b"Thanks\nBo\n")
    assert mail.text.split() == ["Hi", "Thanks", "Bo"]
    assert [one.content for one in mail.attachments] == [PICTURE]


def test_a_file_that_was_cut_takes_nothing_from_the_file_after_it() -> None:
    cut = LINES[: LINES.index(b"\n", 200) + 1]
    mail = text_mail(
        b"begin 644 a.bin\n" + cut + b"First.\nbegin 644 b.bin\n" + LINES + b"`\nend\nSecond."
    )
    assert mail.text.split() == ["First.", "Second."]
    assert [one.name for one in mail.attachments] == ["a.bin", "b.bin"]
    assert mail.attachments[1].content == PICTURE


def test_a_line_within_a_uuencoded_file_that_is_no_code_is_shown() -> None:
    lines = LINES.splitlines()
    lines[2] = b"a line of words"
    mail = text_mail(b"begin 644 a.bin\n" + b"\n".join(lines) + b"\n`\nend\nBo")
    assert mail.text.split("\n") == ["a line of words", "", "Bo"]
    assert mail.attachments[0].content == PICTURE[:90] + PICTURE[135:]
    assert Code.BAD_UUENCODE in codes(mail)


def test_lines_of_code_without_their_blanks_at_the_end_are_read() -> None:
    lines = [
        binascii.b2a_uu(bytes(at % 7 for at in range(45 * n, 45 * n + 40)) + bytes(5))
        for n in range(9)
    ]
    stripped = b"\n".join(line.rstrip() for line in lines)
    mail = text_mail(b"begin 644 a.bin\n" + stripped + b"\n\nend\nBo")
    assert (mail.text, len(mail.attachments[0].content)) == ("Bo", 405)


def test_words_around_a_text_that_is_uuencoded_as_a_whole_are_kept() -> None:
    code = binascii.b2a_uu(b"The lamp flickers.\n", backtick=True)
    mail = text_mail(
        b"begin 644 a.txt\n" + code + b"`\nend\nSent by list\n",
        b"Content-Transfer-Encoding: x-uuencode\r\n",
    )
    assert mail.text.split("\n")[0] == "The lamp flickers."
    assert "Sent by list" in mail.text


def test_a_sentence_that_begins_like_uuencode_stays_text() -> None:
    mail = text_mail(b"begin 644 times\r\nthis is no code, is it?\r\nend\r\n")
    assert "this is no code" in mail.text
    assert not mail.attachments


def _tnef(*objects: tuple[int, int, bytes]) -> bytes:
    data = b"\x78\x9f\x3e\x22\x01\x00"
    for level, name, content in objects:
        data += struct.pack("<BIIs", level, name, len(content), b"")[:9] + content
        data += struct.pack("<H", sum(content) & 0xFFFF)
    return data


def test_winmail_dat_is_unpacked() -> None:
    html = "<p>你好</p>".encode()
    padded = html + b"\0" * (-len(html) % 4)
    properties = struct.pack("<I", 2)
    properties += struct.pack("<HHI", 3, 0x3FDE, 65001)
    properties += struct.pack("<HHII", 0x102, 0x1013, 1, len(html)) + padded
    name = "发票.pdf".encode("utf-16-le") + b"\0\0"
    long_name = struct.pack("<I", 1) + struct.pack("<HHII", 0x1F, 0x3707, 1, len(name))
    long_name += name + b"\0" * (-len(name) % 4)
    data = _tnef(
        (1, 0x00089006, struct.pack("<I", 0x10000)),
        (1, 0x00069003, properties),
        (2, 0x00069002, b"\0" * 14),
        (2, 0x00018010, b"FP~1.PDF\0"),
        (2, 0x0006800F, b"%PDF-1.7"),
        (2, 0x00069005, long_name),
    )
    mail = parse(HEAD + multipart(part(b"text/plain", b""), encoded(b"application/ms-tnef", data)))
    assert mail.text == "你好"
    assert [(one.name, one.content) for one in mail.attachments] == [("发票.pdf", b"%PDF-1.7")]


@pytest.mark.parametrize("codepage", [1252, 936, 950, 65001])
def test_winmail_dat_is_read_although_it_names_another_code_page(codepage: int) -> None:
    data = _tnef(
        (1, 0x00069007, struct.pack("<II", codepage, 0)),
        (1, 0x0002800C, "洗衣机还没有送到，请处理\0".encode("gb18030")),
        (2, 0x00069002, b"\0" * 14),
        (2, 0x00018010, "洗衣机的发票.pdf\0".encode("gb18030")),
        (2, 0x0006800F, b"%PDF-1.7"),
    )
    mail = parse(HEAD + multipart(encoded(b"application/ms-tnef", data)))
    assert mail.text == "洗衣机还没有送到，请处理"
    assert mail.attachments[0].name == "洗衣机的发票.pdf"


def test_winmail_dat_that_claims_four_billion_values_is_rejected_at_once() -> None:
    for kind in (0x1002, 0x1003, 0x001F, 0x1102):
        properties = struct.pack("<IHHI", 0xFFFFFFFF, kind, 0x1000, 0xFFFFFFFF)
        data = _tnef((1, 0x00069003, properties + b"\0" * 40_000))
        mail = parse(HEAD + multipart(encoded(b"application/ms-tnef; name=winmail.dat", data)))
        assert Code.BAD_TNEF in codes(mail)
        assert [one.name for one in mail.attachments] == ["winmail.dat"]


def test_an_invitation_is_readable_as_text_and_kept_as_a_file() -> None:
    calendar = (
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\n"
        "END:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY:Visit of the\r\n  engineer\\, at last\r\n"
        "DTSTART;TZID=Asia/Shanghai:20261124T090000\r\nDTEND;TZID=Asia/Shanghai:20261124T100000\r\n"
        "LOCATION:上海\r\nORGANIZER;CN=Bo:mailto:bo@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    mail = parse(HEAD + part(b"text/calendar; charset=utf-8; method=REQUEST", calendar.encode()))
    assert mail.calendar is not None
    assert (mail.calendar.method, mail.calendar.summary) == (
        "REQUEST",
        "Visit of the engineer, at last",
    )
    assert mail.calendar.start == "20261124T090000 Asia/Shanghai"
    assert mail.text.split("\n")[2:] == ["上海", "bo@example.com"]
    assert [one.name for one in mail.attachments] == ["file.ics"]


def test_a_mail_can_be_written_as_json() -> None:
    inner = b"From: bo@example.com\r\nSubject: Inner\r\n\r\nInner words"
    mail = parse(
        HEAD
        + multipart(
            part(b"text/html", b"<p>x"), encoded(b"image/png", PNG), part(b"message/rfc822", inner)
        )
    )
    data = json.loads(json.dumps(as_data(mail)))
    assert data["subject"] == "Parcel"
    assert data["date"] == "2026-11-23T01:00:00+00:00"
    assert data["attachments"][0] == {
        "name": "file.png",
        "original_name": "",
        "declared_type": "image/png",
        "detected_type": "image/png",
        "content_id": "",
        "inline": False,
        "size": len(PNG),
    }
    assert data["embedded"][0]["text"] == "Inner words"
