"""Ticket numbers in subjects, forwarded mails, and the verdicts of SES."""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader.clues import bare_subject, forwarded, numbers_in
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.reader.verdicts import Verdicts, verdicts
from tests.mail.reader.mails import HEAD, multipart, part, text_mail

NUMBER = "R-7K3M9-QW0X2"


@pytest.mark.parametrize(
    "subject",
    [
        "[R-7K3M9-QW0X2] Parcel",
        "Re: [R-7K3M9-QW0X2] Parcel",
        "回复：【R-7K3M9-QW0X2】包裹",
        "答复: r-7k3m9-qw0x2",
        "Ｒ－７Ｋ３Ｍ９－ＱＷ０Ｘ２ 包裹",
        "关于R-7K3M9-QW0X2的投诉",
        "R‐7K3M9‐QWOX2",
        "R 7K3M9 QW0X2",
        "R7K3M9QW0X2",
        "Re: R-7K3M9- QW0X2",
        "Re: R-7K3 M9-QW0X2 Parcel",
        "Re: R-7K3M9 -  QW0X2",
        "R-\u00ad7K3M9-\u200bQW0X2",
    ],
)
def test_numbers_are_found_however_they_are_written(subject: str) -> None:
    assert numbers_in(subject) == (NUMBER,)


@pytest.mark.parametrize(
    "subject",
    ["Parcel", "R-7K3M9", "RESTAURANTSX", "XR-7K3M9-QW0X2", "R-7K3M9-QW0X23", "R-7K3M9-QW0XU"],
)
def test_finds_no_number_in_other_text(subject: str) -> None:
    assert numbers_in(subject) == ()


@pytest.mark.parametrize(
    "subject",
    [
        "Parcel",
        "Re: Parcel",
        "RE: FW: Parcel",
        "回复：转发: Parcel",
        "Re: [R-7K3M9-QW0X2] Re: Parcel",
        "[EXT] Re[2]: Parcel",
        "Re (3): Re^2: Re*4: Parcel",
        # Apple Mail and Outlook in other languages, with the blank before the colon of French.
        "Rép : RÉP\u00a0: re\u0301p : Parcel",
        "Re\u202f: TR : Tr: Parcel",
        "Antw: AW: WG: Parcel",
        "RV: RES: ENC: Parcel",
        "R: I: Parcel",
        "SV: VB: Vs: VL: Parcel",
        "Odp: PD: Ynt: İLT: ilt: Parcel",
        "答复：回复： 回覆 ：回復: Parcel",
        "轉寄：轉發:转寄:转发：Parcel",
        "返信: 転送: 회신: 전달: Parcel",
    ],
)
def test_subjects_are_compared_without_prefixes(subject: str) -> None:
    assert bare_subject(subject) == "Parcel"


@pytest.mark.parametrize(
    "subject",
    ["Report: Parcel", "Rest: Parcel", "Order: 4711", "I paid: Parcel", "Re Parcel", "R-1: x"],
)
def test_words_before_a_colon_are_no_prefix(subject: str) -> None:
    assert bare_subject(subject) == subject


FORWARDS = {
    "NetEase, with copies": (
        "Fwd: Parcel",
        "Please see.\n\n---- 转发的邮件 ----\n| 发件人 | 李娜<li.na@example.com> |\n| 日期 | 2026年3月3日 |\n"
        "| 收件人 | bo |\n| 抄送至 | |\n| 主题 | 包裹 |\n没有收到。\n",
    ),
    "139, one line": (
        "Fwd: Parcel",
        "Please see.\n-----转发邮件-----发件人：李娜 <li.na@example.com>收件人：bo发送时间：2026-03-03 09:00主题：包裹\n"
        "没有收到。\n",
    ),
    "Apple Mail, zh-HK": (
        "Fwd: Parcel",
        "Please see.\n\n從: 李娜 <li.na@example.com>\n日期: 2026年3月3日 9:00\n至: bo\n主旨: 包裹\n\n没有收到。\n",
    ),
    "Thunderbird, fr": (
        "Tr: Parcel",
        "Please see.\n\n-------- Message transféré --------\nSujet\xa0: 包裹\nDate\xa0: Mon, 3 Mar 2026\n"
        "De\xa0: 李娜 <li.na@example.com>\nPour\xa0: bo\n\n没有收到。\n",
    ),
    "Thunderbird, de": (
        "WG: Parcel",
        "Please see.\n\n-------- Weitergeleitete Nachricht --------\nBetreff: 包裹\nDatum: Mon, 3 Mar 2026\n"
        "Von: 李娜 <li.na@example.com>\nAn: bo\n\n没有收到。\n",
    ),
    "Gmail, nl": (
        "Fwd: Parcel",
        "Please see.\n\n---------- Doorgestuurd bericht ----------\nVan: 李娜 <li.na@example.com>\n"
        "Datum: ma 3 mrt.\nOnderwerp: 包裹\nAan: bo\n\n没有收到。\n",
    ),
    "Gmail": (
        "Fwd: Parcel",
        "Please see.\n\n---------- Forwarded message ---------\nFrom: 李娜 <li.na@example.com>\n"
        "Date: Mon, Nov 23, 2026 at 9:00 AM\nSubject: 包裹\nTo: <bo@redress.example>\n\n\n没有收到。\n",
    ),
    "Gmail, zh-CN": (
        "Fwd: Parcel",
        "Please see.\n\n---------- 转发的邮件 ---------\n发件人：李娜 <li.na@example.com>\n"
        "日期：2026年11月23日周一 09:00\n主题：包裹\n收件人： <bo@redress.example>\n\n没有收到。\n",
    ),
    "Outlook, zh-CN": (
        "转发: Parcel",
        "Please see.\n\n发件人: 李娜 <li.na@example.com>\n发送时间: 2026年11月23日 9:00\n"
        "收件人: bo@redress.example\n主题: 包裹\n\n没有收到。\n",
    ),
    "Outlook, zh-TW": (
        "轉寄: Parcel",
        "Please see.\n\n________________________________\n寄件者: 李娜 <li.na@example.com>\n"
        "寄件日期: 2026年11月23日 上午 09:00\n收件者: bo@redress.example\n主旨: 包裹\n\n没有收到。\n",
    ),
    "Outlook, en": (
        "FW: Parcel",
        "Please see.\n\n-----Original Message-----\nFrom: 李娜 [mailto:li.na@example.com]\n"
        "Sent: Monday\nTo: Bo\nSubject: 包裹\n\n没有收到。\n",
    ),
    "Apple Mail": (
        "Fwd: Parcel",
        "Please see.\n\n> Begin forwarded message:\n> \n> From: 李娜 <li.na@example.com>\n> Subject: 包裹\n"
        "> Date: 23 November 2026 at 09:00:00 CST\n> To: bo@redress.example\n> \n> 没有收到。\n",
    ),
    "Apple Mail, zh-CN": (
        "Fwd: Parcel",
        "Please see.\n\n开始转发的邮件：\n\n发件人: 李娜 <li.na@example.com>\n主题: 包裹\n"
        "日期: 2026年11月23日 GMT+8 09:00:00\n收件人: bo@redress.example\n\n没有收到。\n",
    ),
    "Apple Mail, zh-TW": (
        "Fwd: Parcel",
        "Please see.\n\n開始轉寄郵件：\n\n寄件人: 李娜 <li.na@example.com>\n主旨: 包裹\n"
        "日期: 2026年11月23日 GMT+8 09:00:00\n收件人: bo@redress.example\n\n没有收到。\n",
    ),
    "NetEase": (
        "转发：Parcel",
        'Please see.\n\n\n-------- 转发邮件信息 --------\n发件人："李娜" <li.na@example.com>\n'
        "发送日期：2026-11-23 09:00:00\n收件人：bo@redress.example\n主题：包裹\n没有收到。\n",
    ),
    "QQ Mail": (
        "转发：Parcel",
        'Please see.\n\n------------------ 原始邮件 ------------------\n发件人: "李娜" <li.na@example.com>;\n'
        '发送时间: 2026年11月23日(星期一) 上午9:00\n收件人: "Bo"<bo@redress.example>;\n主题: 包裹\n\n没有收到。\n',
    ),
}


@pytest.mark.parametrize("program", FORWARDS)
def test_a_forward_yields_the_original_sender_and_text(program: str) -> None:
    subject, body = FORWARDS[program]
    raw = HEAD.replace(b"Parcel", subject.encode())
    found = forwarded(
        parse(raw + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body.encode())
    )
    assert found is not None
    assert found.sender is not None
    assert (found.sender.name, found.sender.address) == ("李娜", "li.na@example.com")
    assert (found.subject, found.text, found.comment) == ("包裹", "没有收到。", "Please see.")
    assert found.how == "inline"
    assert found.date


def test_an_attached_message_is_a_forward_with_its_complete_text() -> None:
    inner = "From: 李娜 <li.na@example.com>\r\nSubject: 包裹\r\n\r\n没有收到。".encode()
    mail = parse(
        HEAD + multipart(part(b"text/plain", b"Please see."), part(b"message/rfc822", inner))
    )
    found = forwarded(mail)
    assert found is not None
    assert found.sender is not None
    assert (found.sender.address, found.text, found.how) == (
        "li.na@example.com",
        "没有收到。",
        "attached",
    )


def test_a_reply_is_no_forward() -> None:
    _, body = FORWARDS["Outlook, en"]
    assert forwarded(text_mail(body.encode())) is None
    assert forwarded(text_mail(b"Hello")) is None


# ------------------------------------------------------------------------------ what SES found

BLOCK = (
    b"Return-Path: <li.na@example.com>\r\n"
    b"Received: from mx.example.com (mx.example.com [192.0.2.1])\r\n"
    b" by inbound-smtp.eu-west-1.amazonaws.com with SMTP id 795hue2ttd6ie60k15ji41vbso3q721dlq9g6f81\r\n"
    b" for service@redress.example;\r\n Mon, 23 Nov 2026 01:00:00 +0000 (UTC)\r\n"
    b"X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n"
    b"Received-SPF: pass (spfCheck: domain of example.com designates 192.0.2.1) client-ip=192.0.2.1;\r\n"
    b"Authentication-Results: amazonses.com;\r\n"
    b" spf=pass (spfCheck: domain of example.com designates 192.0.2.1 as permitted sender) "
    b"client-ip=192.0.2.1; envelope-from=li.na@example.com; helo=mx.example.com;\r\n"
    b" dkim=pass header.i=@example.com;\r\n dmarc=pass header.from=example.com;\r\n"
    b"X-SES-RECEIPT: AEFBQUFB\r\n"
    b"X-SES-DKIM-SIGNATURE: a=rsa-sha256; q=dns/txt; b=e5Kf; s=x; d=amazonses.com\r\n"
)
FORGED = (
    b"X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n"
    b"Authentication-Results: amazonses.com; spf=pass; dkim=pass; dmarc=pass\r\nX-SES-RECEIPT: x\r\n"
)
REST = b"From: li.na@example.com\r\nSubject: x\r\n\r\nHi"
GOOD = Verdicts("pass", "pass", "pass", "example.com", "PASS", "PASS")


def test_verdicts_come_from_the_block_that_ses_put_on_top() -> None:
    assert verdicts(parse(BLOCK + REST)) == GOOD


def test_a_block_without_return_path_is_complete() -> None:
    assert verdicts(parse(BLOCK.partition(b"\r\n")[2] + REST)) == GOOD


def test_ignores_forged_verdicts_below_the_block() -> None:
    failed = BLOCK.replace(b"spf=pass", b"spf=fail").replace(b"dkim=pass", b"dkim=fail")
    failed = failed.replace(b"dmarc=pass", b"dmarc=fail").replace(
        b"Verdict: PASS", b"Verdict: FAIL"
    )
    assert verdicts(parse(failed + FORGED + REST)) == Verdicts(
        "fail", "fail", "fail", "example.com", "FAIL", "FAIL"
    )


def test_a_verdict_missing_in_the_block_is_not_taken_from_the_sender() -> None:
    for name in (b"X-SES-Spam-Verdict", b"X-SES-Virus-Verdict"):
        less = BLOCK.replace(name + b": PASS\r\n", b"")
        found = verdicts(parse(less + FORGED + REST))
        assert (found.spam, found.virus).count("") == 1


@pytest.mark.parametrize(
    "raw",
    [
        FORGED + REST,
        REST,
        b"X-First: 1\r\n" + BLOCK + REST,
        b"Received: from evil by mx.evil.example\r\n" + BLOCK + REST,
        BLOCK.replace(b"by inbound-smtp.eu-west-1.amazonaws.com", b"by inbound-smtp.evil.example")
        + REST,
        BLOCK.replace(b"X-SES-RECEIPT: AEFBQUFB\r\n", b"") + REST,
    ],
)
def test_without_a_complete_block_on_top_there_are_no_verdicts(raw: bytes) -> None:
    assert verdicts(parse(raw)) == Verdicts()


def test_names_chosen_by_the_sender_cannot_forge_verdicts() -> None:
    told = BLOCK.replace(b"spf=pass (spfCheck: domain", b"spf=fail (x; dkim=pass; spf=pass domain")
    told = told.replace(b" dkim=pass header.i=@example.com;\r\n", b"")
    found = verdicts(parse(told + REST))
    assert (found.spf, found.dkim) == ("fail", "")
    twice = BLOCK.replace(b"helo=mx.example.com;", b"helo=x; dmarc=pass;").replace(
        b"dmarc=pass header.from", b"dmarc=fail header.from"
    )
    assert verdicts(parse(twice + REST)).dmarc == ""


def test_one_valid_signature_of_several_is_enough() -> None:
    two = BLOCK.replace(b" dkim=pass", b" dkim=fail header.i=@other.example;\r\n dkim=pass")
    assert verdicts(parse(two + REST)).dkim == "pass"


def test_ignores_results_of_another_server() -> None:
    other = BLOCK.replace(
        b"Authentication-Results: amazonses.com;", b"Authentication-Results: evil.example;"
    )
    assert verdicts(parse(other + REST)) == Verdicts("", "", "", spam="PASS", virus="PASS")
