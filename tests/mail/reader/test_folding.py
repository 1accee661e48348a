"""Separating new from quoted text in replies of many mail programs, in three languages."""

from __future__ import annotations

import pytest

from redress.base.languages import LANGUAGES
from redress.base.phrases import phrases
from redress.mail.incoming.reader.folding import fold
from redress.mail.incoming.reader.limits import Defects
from redress.mail.incoming.reader.markup import show

NEW = "还没有收到，请再查一下。"
OLD = "您好，您的包裹已经寄出。"

REPLIES = {
    "Gmail, en": (
        f"{NEW}\n\nOn Mon, Nov 23, 2026 at 9:00 AM Service <s@redress.example> wrote:\n\n> {OLD}\n>\n> x\n"
    ),
    "Gmail, en, folded": (
        f"{NEW}\n\nOn Mon, Nov 23, 2026 at 9:00 AM Service of the Whole Company\n"
        f"<a.long.service.address@redress.example> wrote:\n\n> {OLD}\n"
    ),
    "Gmail, zh-CN": (
        f"{NEW}\n\nService <s@redress.example> 于2026年11月23日周一 09:00写道：\n\n> {OLD}\n"
    ),
    "Gmail, zh-TW": (
        f"{NEW}\n\nService <s@redress.example> 於 2026年11月23日 週一 上午9:00寫道：\n\n> {OLD}\n"
    ),
    "Gmail, before 2014": f"{NEW}\n\n2026-11-23 9:00 GMT+08:00 Service <s@redress.example>:\n> {OLD}\n",
    "Apple Mail, zh-CN": (
        f"{NEW}\n\n> 在 2026年11月23日，09:00，Service <s@redress.example> 写道：\n> \n> {OLD}\n"
    ),
    "Apple Mail, zh-TW": (
        f"{NEW}\n\n> Service <s@redress.example> 於 2026年11月23日 上午9:00 寫道：\n> \n> {OLD}\n"
    ),
    "Apple Mail, en": (
        f"{NEW}\n\n> On 23 Nov 2026, at 09:00, Service <s@redress.example> wrote:\n> \n> {OLD}\n"
    ),
    "Outlook, zh-CN": (
        f"{NEW}\n\n发件人: Service <s@redress.example>\n发送时间: 2026年11月23日 9:00\n"
        f"收件人: 李娜 <li.na@example.com>\n主题: 回复: 包裹\n\n{OLD}\n"
    ),
    "Outlook, zh-TW": (
        f"{NEW}\n\n寄件者: Service <s@redress.example>\n寄件日期: 2026年11月23日 上午 09:00\n"
        f"收件者: 李娜 <li.na@example.com>\n主旨: RE: 包裹\n\n{OLD}\n"
    ),
    "Outlook, en": (
        f"{NEW}\n\nFrom: Service <s@redress.example>\nSent: Monday, November 23, 2026 9:00 AM\n"
        f"To: Li Na <li.na@example.com>\nSubject: RE: Parcel\n\n{OLD}\n"
    ),
    "Outlook on the web": (
        f"{NEW}\n________________________________\nFrom: Service <s@redress.example>\n"
        f"Sent: Monday, November 23, 2026 9:00 AM\nTo: Li Na <li.na@example.com>\n"
        f"Cc: Bo <bo@example.com>\nSubject: Parcel\n\n{OLD}\n"
    ),
    "Outlook 2003, en": (
        f"{NEW}\n\n-----Original Message-----\nFrom: Service\nSent: Monday\nTo: Li Na\nSubject: x\n\n{OLD}\n"
    ),
    "Outlook 2003, zh-CN": f"{NEW}\n\n-----原始邮件-----\n发件人: Service\n{OLD}\n",
    "Outlook 2003, zh-TW": f"{NEW}\n\n-----原始郵件-----\n寄件者: Service\n{OLD}\n",
    "Outlook for phones": (
        f"{NEW}\n\n获取 Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\n"
        f"发件人: Service <s@redress.example>\n发送时间: Monday, November 23, 2026 9:00:00 AM\n"
        f"收件人: Li Na <li.na@example.com>\n主题: 包裹\n\n{OLD}\n"
    ),
    "QQ Mail": (
        f"{NEW}\n\n\n\n------------------ 原始邮件 ------------------\n"
        f'发件人: "Service" <s@redress.example>;\n发送时间: 2026年11月23日(星期一) 上午9:00\n'
        f'收件人: "李娜"<123@qq.example>;\n主题: 包裹\n\n{OLD}\n'
    ),
    "QQ Mail, newer": (
        f'{NEW}\n\n---原始邮件---\n发件人: "Service"<s@redress.example&gt;\n'
        f'发送时间: 2026年11月23日(周一) 上午9:00\n收件人: "李娜"<123@qq.example&gt;;\n主题: 包裹\n\n{OLD}\n'
    ),
    "Foxmail": (
        f"{NEW}\n\n\n\nli.na@example.com\n \n发件人： Service\n发送时间： 2026-11-23 09:00\n"
        f"收件人： 李娜\n主题： 包裹\n{OLD}\n"
    ),
    "NetEase": f'{NEW}\n\n\n\n在 2026-11-23 09:00:00，"Service" <s@redress.example> 写道：\n\n{OLD}\n',
    "NetEase, en": f'{NEW}\n\nAt 2026-11-23 09:00:00, "Service" <s@redress.example> wrote:\n>{OLD}\n',
    "NetEase for phones": (
        f"{NEW}\n\n\n---- 回复的原邮件 ----\n| 发件人 | Service<s@redress.example> |\n"
        f"| 日期 | 2026年11月23日 09:00 |\n| 收件人 | 李娜<li@example.com> |\n| 主题 | 包裹 |\n{OLD}\n"
    ),
    "Windows Mail, bold labels": (
        f"{NEW}\n\n*From:* Service <s@redress.example>\n*Sent:* Monday\n*To:* Li\n*Subject:* Parcel\n\n{OLD}\n"
    ),
    "Thunderbird": f"{NEW}\n\nAm 23.11.26 um 09:00 schrieb Service:\n> {OLD}\n",
    "Thunderbird, zh-CN": f"{NEW}\n\n在 2026/11/23 9:00, Service 写道:\n> {OLD}\n",
    "Yahoo, zh-TW": (
        f"{NEW}\n\n    Service <s@redress.example> 在 2026年11月23日 星期一 上午09:00:00 [GMT+8] 寫道：\n\n{OLD}\n"
    ),
    "a name and a verb": f"{NEW}\n\nService wrote:\n> {OLD}\n",
}


@pytest.mark.parametrize("program", REPLIES)
def test_new_text_is_separated_from_the_quoted_mail(program: str) -> None:
    folded = fold(REPLIES[program])
    assert NEW in folded.new
    assert OLD in folded.quoted
    assert OLD not in folded.new
    assert "发件人" not in folded.new
    assert "写道" not in folded.new
    assert "wrote" not in folded.new


@pytest.mark.parametrize("program", REPLIES)
def test_no_line_is_lost(program: str) -> None:
    text = REPLIES[program]
    folded = fold(text)
    kept = f"{folded.new}\n{folded.quoted}\n{folded.signature}".split("\n")
    assert sorted(filter(str.strip, kept)) == sorted(filter(str.strip, text.split("\n")))


MARKERS = {language: phrases(language).marker for language in LANGUAGES}
MARKERS |= {f"{language}, staff": phrases(language).note_marker for language in LANGUAGES}


@pytest.mark.parametrize("language", MARKERS)
def test_the_marker_line_ends_the_new_text(language: str) -> None:
    text = f"{NEW}\n\nOn 23 Nov 2026 at 9:00, Service wrote:\n\n{MARKERS[language]}\n\n{OLD}\n\nFrom here on\n"
    folded = fold(text)
    assert folded.new == NEW
    assert folded.quoted.startswith("On 23 Nov 2026")


def test_the_marker_line_is_recognised_within_quotes() -> None:
    folded = fold(f"{NEW}\n\n> {MARKERS['en']}\n> {OLD}\nlines without a mark")
    assert folded.new == NEW


def test_text_below_the_marker_line_is_kept_if_there_is_none_above() -> None:
    folded = fold(f"> {MARKERS['zh-CN']}\n> {OLD}\n\n{NEW}")
    assert folded.new == NEW
    assert OLD in folded.quoted


def test_answers_between_quotes_are_new() -> None:
    text = "> Which order?\n\nThe one of Monday.\n\n> What colour?\n> Or size?\n\nRed.\n"
    folded = fold(text)
    assert folded.new == "The one of Monday.\n\n\nRed."
    assert folded.quoted == "> Which order?\n> What colour?\n> Or size?"


def test_answers_below_a_quote_are_new() -> None:
    folded = fold(f"On 23/11/26 09:00, Service wrote:\n> {OLD}\n\n{NEW}")
    assert folded.new == NEW


@pytest.mark.parametrize(
    "line",
    [
        "发自我的iPhone",
        "發自我的 iPhone",
        "Sent from my iPhone",
        "Sent from my Huawei Mobile",
        "Sent from Mail for Windows 10",
        "从 Windows 版邮件发送",
        "從我的 iPhone 傳送",
        "來自我的 Samsung 手機",
        "来自我的华为手机",
        "发自我的小米手机",
        "发自网易邮箱大师",
        "Get Outlook for Android<https://aka.ms/ghei36>",
        "取得 iOS 版 Outlook",
    ],
)
def test_lines_that_phones_add_are_signatures(line: str) -> None:
    folded = fold(f"{NEW}\n\n{line}\n")
    assert (folded.new, folded.signature) == (NEW, line)


def test_a_sentence_like_the_line_of_a_phone_is_no_signature() -> None:
    text = f"{NEW}\n来自我的华为手机的订单也没有到。\n请查一下。"
    assert fold(text).new == text


def test_text_after_the_delimiter_is_a_signature() -> None:
    folded = fold(f"{NEW}\n\n-- \n李娜\n上海\n\n> {OLD}\n")
    assert (folded.new, folded.signature) == (NEW, "-- \n李娜\n上海")


def test_the_signature_of_netease_includes_its_table() -> None:
    folded = fold(f"{NEW}\n\n| |\n李娜\n|\n|\nli@example.com\n|\n签名由 网易邮箱大师 定制\n")
    assert NEW in folded.new
    assert "定制" in folded.signature


def test_a_line_of_dashes_far_above_begins_no_signature() -> None:
    text = "First\n-- \n" + "\n".join(f"line {n}" for n in range(40))
    assert fold(text).signature == ""


@pytest.mark.parametrize(
    "text",
    [
        f"> {OLD}\n> x",
        "发自我的iPhone",
        f"---------- Forwarded message ----------\nFrom: a@example.com\n\n{OLD}",
        f"发件人: a@example.com\n发送时间: x\n主题: y\n\n{OLD}",
        "-- \nLi",
    ],
)
def test_everything_is_new_if_nothing_else_would_be(text: str) -> None:
    folded = fold(text)
    assert (folded.new, folded.quoted, folded.signature) == (text, "", "")


@pytest.mark.parametrize(
    "text",
    [
        "He wrote:\nthat it came.",
        "The shop said this:\nno refund.",
        "From: the shop\nI have heard nothing.",
        "Date: tomorrow at 9:00\nPlace: here",
        "On Monday I came.\nIt was 9:00.",
        "我在店里问过，他写道：\n没有货。",
        "1 > 2\nand <b>",
        "",
    ],
)
def test_the_senders_own_text_is_never_taken_for_a_quote(text: str) -> None:
    assert fold(text).new == text


def test_an_html_only_reply_folds_like_any_other() -> None:
    html = (
        f'<div dir="ltr">{NEW}</div><br><div class="gmail_quote"><div>Service &lt;<a '
        f'href="mailto:s@redress.example">s@redress.example</a>&gt; 于2026年11月23日周一 09:00写道：<br></div>'
        f"<blockquote><div>{OLD}</div></blockquote></div>"
    )
    folded = fold(show(html, Defects()).text)
    assert folded.new == NEW
