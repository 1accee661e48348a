"""Header blocks and their values, including the faults of real mails."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import getaddresses

import pytest

from redress.mail.incoming.reader import headers
from redress.mail.incoming.reader.addresses import addresses_of
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.limits import ADDRESSES, HEAD, RAW, Code, Defects
from redress.mail.incoming.reader.parsing import parse
from tests import effort
from tests.mail.reader.mails import HEAD as GOOD
from tests.mail.reader.mails import codes


def decoded(value: bytes, *labels: str) -> str:
    """Return the value of a header in a mail whose parts declare these charsets."""
    hints = Hints()
    for label in labels:
        hints.note_label(label)
    return headers.text_of(value, hints, Defects())


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"=?UTF-8?B?5oqV6K+J?=", "投诉"),
        (b"=?gb2312?B?zbbL3w==?=", "投诉"),
        (b"=?GBK?Q?=CD=B6=CB=DF?=", "投诉"),
        (b"=?big5?B?p+u2RA==?=", "投訴"),
        (b"=?utf-8*zh?B?5oqV6K+J?=", "投诉"),
        # Cut in the middle of a character, as Outlook Express did.
        (b"=?utf-8?B?5oo=?= =?utf-8?B?lQ==?= =?utf-8?B?6K+J?=", "投诉"),
        (b"=?gb2312?B?zbY=?=\t=?gb2312?B?y98=?=", "投诉"),
        # Blanks inside, no padding, inside of quotes, in the middle of a word.
        (b"=?utf-8?Q?a parcel?=", "a parcel"),
        (b"=?utf-8?B?5oqV6K+J5Y2V?", "投诉单"),
        (b'"=?utf-8?B?5oqV6K+J?=" about', '"投诉" about'),
        (b"Re:=?utf-8?B?5oqV6K+J?=!", "Re:投诉!"),
        (b"one =?utf-8?Q?two?= three", "one two three"),
        (b"=?utf-8?Q?one?= =?iso-8859-1?Q?_tw=F6?=", "one twö"),
        # Raw bytes: UTF-8, GBK by detection or by the charset of the body, ISO-2022-JP.
        ("投诉与建议".encode(), "投诉与建议"),
        (b"\x1b$B%F%9%H\x1b(B", "テスト"),
        # No charset of that name; what cannot be read stays visible.
        (b"=?x-unknown?Q?abc?=", "abc"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        # Nothing may break a line.
        (b"=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x"),
        (b"", ""),
    ],
)
def test_header_values_are_read_as_mail_programs_read_them(value: bytes, wanted: str) -> None:
    assert decoded(value) == wanted


def test_raw_bytes_in_a_header_are_read_in_the_charset_of_the_body() -> None:
    value = "投訴".encode("big5")
    assert decoded(value, "big5") == "投訴"


def test_surrogates_and_nuls_are_removed() -> None:
    assert decoded(b"a\x00b") == "ab"
    assert decoded(b"=?utf-7?Q?+2AA-x?=") == "x"
    decoded(b"=?utf-8?Q?=ED=A0=80x?=").encode("utf-8")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Li Na <li@Example.COM>", [("Li Na", "li@example.com")]),
        (
            '"Wang, Li" <li@example.com>, b@example.com',
            [("Wang, Li", "li@example.com"), ("", "b@example.com")],
        ),
        ("Wang, Li <li@example.com>", [("Wang, Li", "li@example.com")]),
        ("[EXT] Li <li@example.com>", [("[EXT] Li", "li@example.com")]),
        ("li@example.com (Li Na)", [("Li Na", "li@example.com")]),
        ("=?utf-8?B?5p2O5aic?= <li@example.com>", [("李娜", "li@example.com")]),
        ("=?utf-8?Q?Wang=2C_Li?= <li@example.com>", [("Wang, Li", "li@example.com")]),
        ('"=?utf-8?B?5p2O5aic?=" <li@example.com>', [("李娜", "li@example.com")]),
        ("李娜<li@example.com>", [("李娜", "li@example.com")]),
        ("<li@example.com", [("", "li@example.com")]),
        ("<mailto:li@example.com>", [("", "li@example.com")]),
        ("'li@example.com' <li@example.com>", [("li@example.com", "li@example.com")]),
        ("staff: a@example.com, b@example.com;", [("", "a@example.com"), ("", "b@example.com")]),
        ("undisclosed-recipients:;", []),
        ("a@example.com; b@example.com", [("", "a@example.com"), ("", "b@example.com")]),
        ('"a b"@example.com', [("", '"a b"@example.com')]),
        ("<@relay.example:li@example.com>", [("", "li@example.com")]),
        ("li@[192.0.2.1]", [("", "li@[192.0.2.1]")]),
        ('"Li <li@example.com>', [("Li", "li@example.com")]),
        ("=?utf-8?q?Li_=3Cli=40example=2Ecom=3E?=", [("Li", "li@example.com")]),
        ("=?utf-8?B?bGlAZXhhbXBsZS5jb20=?=", [("", "li@example.com")]),
        ("Li <=?utf-8?q?li=40example.com?=>", [("Li", "li@example.com")]),
        ("<'li@example.com'>", [("", "li@example.com")]),
        ("\"'li@example.com'\" <'li@example.com'>", [("li@example.com", "li@example.com")]),
        ("'li@example.com', 'b@example.com'", [("", "li@example.com"), ("", "b@example.com")]),
        ("‘li@example.com’", [("", "li@example.com")]),
        ("“Li” <“li@example.com”>", [("Li", "li@example.com")]),
        ("`li@example.com'", [("", "li@example.com")]),
        ("<<li@example.com>>", [("", "li@example.com")]),
        ("Li <<li@example.com>>", [("Li", "li@example.com")]),
        ("Li <mailto:li@example.com>", [("Li", "li@example.com")]),
        ("<li@example.com.>", [("", "li@example.com")]),
        ("li@example.com., b@example.com,", [("", "li@example.com"), ("", "b@example.com")]),
        ("&lt;li@example.com&gt;", [("", "li@example.com")]),
        ("李娜＜li＠example.com＞", [("李娜", "li@example.com")]),
        ("li@example.com，b@example.com", [("", "li@example.com"), ("", "b@example.com")]),
        ("张三，李娜 <li@example.com>", [("张三，李娜", "li@example.com")]),
        (
            "<li@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example>",
            [("", "li@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example")],
        ),
        ("\u200bli@example.com\u200b", [("", "li@example.com")]),
        ("o'neil@example.com", [("", "o'neil@example.com")]),
        ("<li @ shop . example . com>", [("", "li@shop.example.com")]),
        # A name without angle brackets, and quote marks that are not closed.
        ("Bo Chen bo@example.com", [("Bo Chen", "bo@example.com")]),
        ("Chen, Bo bo@example.com", [("Chen, Bo", "bo@example.com")]),
        ("Bo [bo@example.com]", [("Bo", "bo@example.com")]),
        ("Bo [mailto:bo@example.com]", [("Bo", "bo@example.com")]),
        ("陈波（bo@example.com）", [("陈波", "bo@example.com")]),
        ("陈波【bo@example.com】", [("陈波", "bo@example.com")]),
        ("=?utf-8?B?6ZmI5rOi?= bo@example.com", [("陈波", "bo@example.com")]),
        ("bo@example.com Bo Chen", [("Bo Chen", "bo@example.com")]),
        ("<bo@example.com> Bo Chen", [("Bo Chen", "bo@example.com")]),
        ("a@example.com, Bo b@example.com", [("", "a@example.com"), ("Bo", "b@example.com")]),
        ('"Bo \\"Chen" <bo@example.com>', [('Bo "Chen', "bo@example.com")]),
        ('"Bo \\"B\\" Chen <bo@example.com>', [("Bo B Chen", "bo@example.com")]),
        (
            '"Chen\\", Bo" <bo@example.com>, c@example.com',
            [('Chen", Bo', "bo@example.com"), ("", "c@example.com")],
        ),
        ("Bo (sales <bo@example.com>", [("Bo sales", "bo@example.com")]),
        ("nobody", []),
        ("", []),
    ],
)
def test_addresses_are_read_as_people_mean_them(value: str, wanted: list[tuple[str, str]]) -> None:
    found = addresses_of(value, Defects())
    assert [(one.name, one.address) for one in found] == wanted


@pytest.mark.parametrize(
    "value",
    [
        "Li Na <li@example.com>",
        '"Wang, Li" <li@example.com>, "O\\"Neil" <o@example.com>',
        "li@example.com, b@example.com",
        "Li (of sales) <li@example.com>",
        "staff: a@example.com, Bo <b@example.com>;",
    ],
)
def test_well_formed_addresses_agree_with_the_standard_library(value: str) -> None:
    ours = [one.address for one in addresses_of(value, Defects())]
    assert ours == [address for _, address in getaddresses([value])]


def test_thousands_of_brackets_in_an_address_are_read_quickly() -> None:
    for hostile in ("(" * 60_000, "a:" * 30_000, "<" * 60_000, '"' * 60_001):
        assert addresses_of(hostile, Defects()) == ()


@pytest.mark.parametrize(
    "hostile", ["a:", "mailto:", "x@y.example，", '"a\\', "(\\(", "<,", "，、", "smtp:@"]
)
def test_thousands_of_separators_in_addresses_are_read_quickly(hostile: str) -> None:
    def read() -> None:
        addresses_of(hostile * 8_000, Defects())
        addresses_of("a" * 30_000 + hostile * 8_000, Defects())

    effort.within(1, read)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("li@a.example, na@b.example", ["li@a.example", "na@b.example"]),
        ("Li <li@a.example>,Na <na@b.example>", ["li@a.example", "na@b.example"]),
        ("Wang, Li <li@a.example>, na@b.example", ["li@a.example", "na@b.example"]),
        ('"Wang, Li" <li@a.example>, na@b.example', ["li@a.example", "na@b.example"]),
        ("Li (the \\) first, one) <li@a.example>, na@b.example", ["li@a.example", "na@b.example"]),
        ("staff: li@a.example, na@b.example;", ["li@a.example", "na@b.example"]),
        ("李，娜 <li@a.example>，na@b.example", ["li@a.example", "na@b.example"]),
        ("mailto:li@a.example, <mailto:na@b.example>", ["li@a.example", "na@b.example"]),
    ],
)
def test_lists_of_addresses_are_split_between_addresses(value: str, wanted: list[str]) -> None:
    assert [one.address for one in addresses_of(value, Defects())] == wanted


def test_reads_no_more_addresses_than_the_limit() -> None:
    defects = Defects()
    found = addresses_of(", ".join(f"a{n}@example.com" for n in range(ADDRESSES + 5)), defects)
    assert len(found) == ADDRESSES
    assert [one.code for one in defects] == [Code.TOO_MANY_ADDRESSES]


@pytest.mark.parametrize(
    ("value", "name", "wanted"),
    [
        (b'text/plain; charset="GB2312"', "charset", "GB2312"),
        (b"text/plain;charset=gb2312;format=flowed", "format", "flowed"),
        (b'text/plain; charset=\\"us-ascii\\"', "charset", '\\"us-ascii\\"'),
        (b'a/b; name="=?utf-8?B?5Y+R56WoLnBkZg==?="', "name", "发票.pdf"),
        (b"a/b; filename*=UTF-8''%E5%8F%91%E7%A5%A8.pdf", "filename", "发票.pdf"),
        (b"a/b; filename*=gb18030'zh'%B7%A2%C6%B1.pdf", "filename", "发票.pdf"),
        (
            b"a/b; filename*0*=UTF-8''%E5%8F%91; filename*1*=%E7%A5%A8; filename*2=.pdf",
            "filename",
            "发票.pdf",
        ),
        (b"a/b; filename*1=b.pdf; filename*0=a", "filename", "ab.pdf"),
        (b"a/b; filename=plain.pdf; filename*=UTF-8''better.pdf", "filename", "better.pdf"),
        ('a/b; filename="发票.pdf"'.encode(), "filename", "发票.pdf"),
        (b'a/b; filename="a;b.pdf"', "filename", "a;b.pdf"),
        (b'a/b; filename="a.pdf', "filename", "a.pdf"),
        (b'a/b; filename="a\\"b.pdf"', "filename", 'a"b.pdf'),
    ],
)
def test_reads_parameters_in_every_form_that_programs_write(
    value: bytes, name: str, wanted: str
) -> None:
    assert headers.parameters(value, None, Defects())[1][name] == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Mon, 23 Nov 2026 09:00:00 +0800", datetime(2026, 11, 23, 1, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 09:00:00 -0000", datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ("23 Nov 26 09:00 GMT", datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ("2026-11-23 09:00:00+08:00", datetime(2026, 11, 23, 1, tzinfo=UTC)),
        ("<HR>", None),
        ("Mon, 99 Nov 99999 99:00:00 +9999999999", None),
        ("", None),
    ],
)
def test_dates_are_in_utc_or_none(value: str, wanted: datetime | None) -> None:
    assert headers.date_of(value, Defects()) == wanted


def test_reads_message_ids_with_and_without_angle_brackets() -> None:
    assert headers.ids_of("<a@b>\r\n <c@d> <a@b>", Defects()) == ("a@b", "c@d")
    assert headers.ids_of("a@b", Defects()) == ("a@b",)
    many = headers.ids_of(" ".join(f"<{n}@b>" for n in range(500)), Defects())
    assert (len(many), many[0], many[-1]) == (100, "0@b", "499@b")


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_every_kind_of_line_end_ends_a_line(end: bytes) -> None:
    mail = parse(
        end.join([b"Subject: one", b" two", b"From: a@example.com", b"", b"three", b"four"])
    )
    assert mail.subject == "one two"
    assert mail.text == "three\nfour"


def test_skips_the_mbox_separator_and_blank_lines_before_a_mail() -> None:
    mail = parse(b"\r\n\nFrom li@example.com  Mon Nov 23 09:00:00 2026\n" + GOOD + b"\r\nHello")
    assert (mail.subject, mail.text) == ("Parcel", "Hello")
    assert codes(mail) == {Code.LEADING_BLANK, Code.MBOX_LINE}


def test_a_bad_line_is_skipped_if_headers_follow() -> None:
    mail = parse(b"From: a@example.com\nwhat is this\nSubject: Parcel\n\nHello")
    assert (mail.subject, mail.text) == ("Parcel", "Hello")
    assert Code.BAD_HEADER_LINE in codes(mail)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_lines_of_blanks_only_fold_a_header(end: bytes) -> None:
    mail = parse(
        end.join(
            [
                b"From: a@example.com",
                b"To: b@example.com,",
                b" \t",
                b" c@example.com",
                b"Subject: Re: one",
                b" ",
                b"  ",
                b"\ttwo",
                b" ",
                b"Message-ID: <1@example.com>",
                b"",
                b"Hello",
            ]
        )
    )
    assert [one.address for one in mail.to] == ["b@example.com", "c@example.com"]
    assert (mail.subject, mail.message_id, mail.text) == ("Re: one two", "1@example.com", "Hello")


@pytest.mark.parametrize(
    "body",
    [
        b"Hello",
        b"  Dear all,\n\nit is broken.",
        b"Order: 4711\nFault: broken\n\nThanks",
        b"From: the shop\nSubject: my lamp\n\nThanks",
    ],
)
def test_a_line_of_blanks_before_words_ends_the_headers(body: bytes) -> None:
    mail = parse(b"From: a@example.com\nSubject: s\nDate: x\n \n" + body)
    assert mail.text == body.decode()


def test_continuations_without_indent_hide_no_header() -> None:
    mail = parse(
        b"Received: from a\nby b with SMTP\nfor c;\nThu, 2 Aug 2018 16:58:16 +0200\n"
        b"To: b@example.com,\nc@example.com\nFrom: Li Na\n<a@example.com>\n"
        b"Subject: a long\nsubject\n"
        b"Content-Type: multipart/mixed;\nboundary=b\n\n--b\n\nHello\n--b--\n"
    )
    assert mail.first("received") == "from a by b with SMTP for c; Thu, 2 Aug 2018 16:58:16 +0200"
    assert [one.address for one in mail.to] == ["b@example.com", "c@example.com"]
    assert [(one.name, one.address) for one in mail.sender_addresses] == [
        ("Li Na", "a@example.com")
    ]
    assert (mail.subject, mail.text) == ("a long subject", "Hello")
    assert Code.BAD_HEADER_LINE in codes(mail)


@pytest.mark.parametrize(
    "head",
    [
        b"DKIM-Signature: v=1; a=rsa-sha256;\nb=abc\nd=example.com;\nFrom: a@example.com\nSubject: s\n",
        b"From: a@example.com\nSubject: s\nReceived: from a\nby b with SMTP\n(a comment)\nfor c;\n"
        b"Thu, 2 Aug 2018 16:58:16 +0200\n",
    ],
)
def test_traces_without_indent_are_headers(head: bytes) -> None:
    mail = parse(head + b"\nHello")
    assert (mail.subject, mail.text) == ("s", "Hello")
    assert [one.address for one in mail.sender_addresses] == ["a@example.com"]


def test_words_before_a_line_with_a_colon_are_no_continuation() -> None:
    mail = parse(b"Subject: Parcel\nIt did not come.\nOrder: 4711\nDate of order: May 5\n")
    assert mail.text == "It did not come.\nOrder: 4711\nDate of order: May 5"


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (b"invoice: 815\nTo: b@example.com", "The invoice: 815"),
        (b"Fon: +49 30 1234\nserial: X5\nDate: x", "The Fon: +49 30 1234 serial: X5"),
        (b"first\ninvoice: 815\nTo: b@example.com", "The first invoice: 815"),
        (b"invoice: 815\n of May\nTo: b@example.com", "The invoice: 815 of May"),
        (b"status: not paid\nTo: b@example.com", "The status: not paid"),
        (b"invoice: 815", "The invoice: 815"),
    ],
)
def test_words_with_a_colon_continue_a_subject_without_indent(more: bytes, wanted: str) -> None:
    mail = parse(b"From: a@example.com\nSubject: The\n" + more + b"\n\nHello")
    assert (mail.subject, mail.text) == (wanted, "Hello")
    assert Code.BAD_HEADER_LINE in codes(mail)


def test_any_name_with_a_colon_continues_a_subject_that_was_wrapped() -> None:
    subject = b"a subject that is so long that a program breaks it after this"
    mail = parse(b"Subject: " + subject + b"\nOrder-No: 815\nTo: b@example.com\n\nHello")
    assert mail.subject == f"{subject.decode()} Order-No: 815"


@pytest.mark.parametrize(
    "line", [b"Lines: 12", b"Xref: a", b"Status: RO", b"PP-Number: 5", b"X-a: b", b"Date: x"]
)
def test_headers_of_programs_do_not_continue_a_subject(line: bytes) -> None:
    mail = parse(b"From: a@example.com\nSubject: Parcel\n" + line + b"\nTo: b@example.com\n\nHi")
    assert (mail.subject, mail.text) == ("Parcel", "Hi")
    assert mail.first(line.decode().partition(":")[0].lower()) != ""


def test_words_with_a_colon_begin_a_body_that_follows_no_blank_line() -> None:
    mail = parse(b"From: a@example.com\nSubject: s\nInvoice: 815\nFault: none\nI paid twice.\n\nBo")
    assert mail.text == "Invoice: 815\nFault: none\nI paid twice.\n\nBo"


@pytest.mark.parametrize("name", [b"References", b"In-Reply-To"])
@pytest.mark.parametrize(
    "more",
    [
        b" \n <2@example.com>\n",
        b" \t\n\t<2@example.com>\n",
        b" \n  \n <2@example.com>\n",
        b" \n<2@example.com>\n",
        b"<2@example.com>\n",
    ],
)
def test_ids_after_a_line_of_blanks_belong_to_the_last_header(name: bytes, more: bytes) -> None:
    end = b" \n <c:3@example.com>,\n"
    mail = parse(b"From: a@example.com\n" + name + b": <1@example.com>\n" + more + end + b"\nHi")
    found = mail.references or mail.in_reply_to
    assert (found, mail.text) == (("1@example.com", "2@example.com", "c:3@example.com"), "Hi")


@pytest.mark.parametrize(
    ("more", "to"),
    [
        (b" Bo <b@example.com>", ["a@example.com", "b@example.com"]),
        (b"\tb@example.com", ["a@example.com", "b@example.com"]),
    ],
)
def test_addresses_after_a_line_of_blanks_belong_to_the_last_header(
    more: bytes, to: list[str]
) -> None:
    mail = parse(b"From: x@example.com\nTo: a@example.com,\n \n" + more + b"\n\nHi")
    assert ([one.address for one in mail.to], mail.text) == (to, "Hi")


@pytest.mark.parametrize(
    "words", [b" <1@example.com> is no id", b" Dear all,", b" Dear <all>", b" b@example.com, hi"]
)
def test_words_after_a_line_of_blanks_are_the_body(words: bytes) -> None:
    lasts = [b"References: <1@example.com>", b"To: a@example.com"]
    for last in [*lasts, *([b"Cc: a@example.com,"] if b"@" not in words else [])]:
        mail = parse(b"From: x@example.com\n" + last + b"\n \n" + words + b"\n\nHi")
        assert mail.text == f"{words.decode()}\n\nHi"


def test_a_from_with_a_blank_before_its_colon_is_no_mbox_line() -> None:
    mail = parse(b"From : a@example.com\nSubject : s\n\nHello")
    assert [one.address for one in mail.sender_addresses] == ["a@example.com"]


def test_a_repeated_header_is_used_if_the_first_one_is_empty() -> None:
    mail = parse(
        b'From: "Li" <>\nSubject:\nMessage-ID: \nFrom: li@example.com\nSubject: s\n'
        b"Message-ID: <1@example.com>\n\nHello"
    )
    assert [one.address for one in mail.sender_addresses] == ["li@example.com"]
    assert (mail.subject, mail.message_id) == ("s", "1@example.com")


@pytest.mark.parametrize(
    "value",
    [
        b"=?utf-8?q?=3Ca=2Eb=40example=2Ecom=3E?=",
        b"=?us-ascii?B?PGEuYkBleGFtcGxlLmNvbT4=?=",
        b"=?utf-8?q?=3Ca=2Eb=40ex?=\r\n =?utf-8?q?ample=2Ecom=3E?=",
        b"<a.b@exa\r\n mple.com>",
        b"< a.b@example.com >",
        b"<<a.b@example.com>>",
        b"&lt;a.b@example.com&gt;",
        b'"a.b@example.com"',
        b"Li's message of Monday <a.b@example.com>",
        "<\u200ba.b@example\u2060.com\ufeff>".encode(),
        b"=?utf-8?q?=3Ca=2Eb=40example=2Ecom=C2=AD=3E?=",
    ],
)
def test_ids_are_found_in_every_form_that_programs_write(value: bytes) -> None:
    mail = parse(GOOD + b"In-Reply-To: " + value + b"\r\nReferences: " + value + b"\r\n\r\nHello")
    assert mail.in_reply_to == mail.references == ("a.b@example.com",)


def test_text_without_a_blank_line_before_it_is_the_body() -> None:
    mail = parse(b"Subject: Parcel\nIt did not come.\nWhere is it?\n")
    assert (mail.subject, mail.text) == ("Parcel", "It did not come.\nWhere is it?")
    assert Code.NO_BLANK_LINE in codes(mail)


def test_the_first_repeated_header_counts_but_all_recipients_are_kept() -> None:
    mail = parse(
        b"From: a@example.com\nFrom: b@example.com\nTo: c@example.com\nTo: d@example.com\n\n"
    )
    assert [one.address for one in mail.sender_addresses] == ["a@example.com"]
    assert [one.address for one in mail.to] == ["c@example.com", "d@example.com"]
    assert Code.REPEATED_HEADER in codes(mail)


def test_missing_headers_are_listed_as_defects() -> None:
    mail = parse(b"\n\nHello")
    missing = {one.detail for one in mail.defects if one.code is Code.MISSING_HEADER}
    assert missing == {"from", "date", "message-id", "subject"}
    assert (mail.date, mail.message_id, mail.return_path) == (None, "", None)


def test_a_null_sender_differs_from_a_missing_one() -> None:
    assert parse(b"Return-Path: <>\n\n").return_path == ""
    assert parse(b"Return-Path: <a@example.com>\n\n").return_path == "a@example.com"


def test_an_endless_header_block_is_cut() -> None:
    mail = parse(GOOD + b"X: " + b"a" * HEAD + b"\r\n\r\nHello")
    assert (mail.subject, mail.text) == ("Parcel", "Hello")
    assert Code.HEAD_CUT in codes(mail)


def test_reads_only_the_headers_of_a_mail_that_is_too_large() -> None:
    mail = parse(GOOD + b"\r\n" + b"a" * RAW)
    assert (mail.subject, mail.text, mail.size) == ("Parcel", "", len(GOOD) + 2 + RAW)
    assert Code.RAW_CUT in codes(mail)
