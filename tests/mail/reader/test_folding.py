"""Which parts of a mail are marked and folded, for mails of many programs in many languages."""

from __future__ import annotations

import pytest

from redress.base.languages import LANGUAGES
from redress.base.phrases import phrases
from redress.mail.incoming.reader.folding import Context, parts_of
from redress.mail.incoming.reader.limits import Defects
from redress.mail.incoming.reader.markup import show
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.rules.folding import (
    MOST_SEARCHES,
    PartKind,
    SentWords,
    Shown,
    answer,
    as_data,
    whole,
)
from tests.mail.reader.checks import check_parts
from tests.mail.reader.mails import HEAD, folded, hidden

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
    "QQ Mail, phone, as plain text": (
        f'{NEW}\n\n\n------------------ 原始邮件 ------------------\n发件人:"客服"<s@redress.example>;\n'
        f'发送时间: 2026年11月23日(星期一) 上午9:30\n收件人: "张三"<z@qq.example>;\n\n主题: 您的工单\n\n{OLD}'
    ),
    "Kylin, labels with a full-width blank": (
        f"{NEW}\n\n主　题：您的工单\n日　期：2026-11-23 09:30\n发件人：客服\n收件人：李娜\n\n{OLD}"
    ),
    "Alibaba, a rule of dashes": (
        f"{NEW}\n\n------------------------------------------------------------------\n"
        f"发件人：客服 <s@redress.example>\n发送时间：2026年11月23日(星期一) 09:30\n"
        f"收 件 人：李娜 <li@example.com>\n主　题：您的工单\n\n{OLD}"
    ),
    "139, one line": (
        f"{NEW}\n\n----邮件原文----\n发件人：客服 <s@redress.example> 收件人：li@139.example "
        f"发送时间：2026-11-23 09:30:00 主题：您的工单\n\n{OLD}"
    ),
    "139, one line without a separator": (
        f'{NEW}\n\n发件人："客服" <s@redress.example>；发送时间：2026-11-23 09:30；主题：您的工单\n{OLD}'
    ),
    "NetEase, a card": (
        f"{NEW}\n\n---- 回复的原邮件 ----\n发件人  客服<s@redress.example>\n发送日期  2026年11月23日 09:30\n"
        f"收件人  li@example.com\n主题  您的工单\n\n{OLD}"
    ),
    "NetEase, a card with a line for each cell": (
        f"{NEW}\n\n---- 回复的原邮件 ----\n发件人\n客服<s@redress.example>\n发送日期\n2026年11月23日\n\n{OLD}"
    ),
    "Gmail, zh-CN, wrapped after the address": (
        f"{NEW}\n\nService <s@redress.example>\n于2026年11月23日周一 09:00写道：\n\n{OLD}\n"
    ),
    "Gmail, zh-CN, wrapped in the date": (
        f"{NEW}\n\nService <s@redress.example> 于2026年11月23日周一\n09:00写道：\n\n> {OLD}\n"
    ),
    "163, an address without brackets": (
        f"{NEW}\n\n在2026-11-23 09:00:00,s@redress.example写道：\n\n{OLD}"
    ),
    "139, one line without blanks": (
        f"{NEW}\n\n----邮件原文----发件人：客服 <s@redress.example>收件人：li <li@139.example>抄 送： (无)"
        f"发送时间：2026-11-23 09:30:00主题：您的工单{OLD}"
    ),
    "NetEase, a signature as a card": (
        f"{NEW}\n\n\n| |\n李娜\n|\n|\nli@163.example\n|\n---- 回复的原邮件 ----\n"
        f"| 发件人 | 客服<s@redress.example> |\n| 日期 | 2026年11月23日 |\n| 主题 | 工单 |\n{OLD}"
    ),
    "NetEase, an old phone app": (
        f"{NEW}\n\n\n--\n发自我的网易邮箱手机智能版\n<br/><br/>\n\n"
        f'在 2026-11-23 09:30:00，"客服" <s@redress.example> 写道：\n{OLD}'
    ),
    "Gmail, zh-CN, wrapped before the address": (
        f"{NEW}\n\n客服中心\n<s@redress.example>于2026年11月23日 周一 09:30写道：\n\n> {OLD}"
    ),
    "Coremail": (
        f"{NEW}\n\n> -----原始邮件-----\n> 发件人: 客服 <s@redress.example>\n> 发送时间: 2026-11-23 09:30:00\n"
        f"> 收件人: li@x.example\n> 主题: 工单\n> \n> {OLD}"
    ),
    "Tuta": f"{NEW}\n\n-- \nSecured with Tuta\n\n23 Nov 2026, 09:30 by s@redress.example:\n\n> {OLD}",
    "Samsung, zh-CN": (
        f"{NEW}\n\n从我的 Galaxy 发送\n\n-------- 原始邮件 --------\n发件人： 客服 <s@redress.example>\n"
        f"日期： 2026/11/23 09:30 (GMT+08:00)\n收件人： li@x.example\n主题： 工单\n\n{OLD}"
    ),
    "Yahoo, zh-TW, a small colon": f"{NEW}\n\nService <s@redress.example> 於 2026年11月23日 上午9:00 寫道﹕\n\n> {OLD}",
    "Gmail, zh-CN, wrapped into three lines": (
        f"{NEW}\n\nservice\n<s@redress.example>\n于2026年3月3日周二\n09:00写道：\n\n> {OLD}"
    ),
    "NetEase, a card with copies": (
        f"{NEW}\n\n---- 回复的原邮件 ----\n| 发件人 | 客服<s@redress.example> |\n| 日期 | 2026年11月23日 |\n"
        f"| 收件人 | <li@x.example> |\n| 抄送至 | |\n| 主题 | 工单 |\n{OLD}"
    ),
    "Apple Mail, zh-HK": (
        f"{NEW}\n\n從: Service <s@redress.example>\n已傳送: 2026年11月23日 上午 9:00\n至: 李娜\n主旨: 包裹\n\n{OLD}"
    ),
    "Outlook, fr": (
        f"{NEW}\n\nDe\xa0: Service <s@redress.example>\nEnvoyé\xa0: lundi 23 novembre 2026 09:00\n"
        f"À\xa0: Li Na <li@example.com>\nObjet\xa0: Colis\n\n{OLD}"
    ),
    "Thunderbird, fr": f"{NEW}\n\nLe 23/11/2026 à 09:00, Service a écrit\xa0:\n> {OLD}",
    "Outlook, de": (
        f"{NEW}\n\nVon: Service <s@redress.example>\nGesendet: Montag, 23. November 2026 09:00\n"
        f"An: Li Na <li@example.com>\nBetreff: Paket\n\n{OLD}"
    ),
    "web.de": (
        f"{NEW}\n\nGesendet: Montag, 23. November 2026 um 09:00 Uhr\nVon: Service <s@redress.example>\n"
        f"An: li@example.com\nBetreff: Paket\n\n{OLD}"
    ),
}


@pytest.mark.parametrize("program", REPLIES)
def test_an_answer_is_shown_without_the_mail_that_it_quotes(program: str) -> None:
    shown = folded(REPLIES[program])
    assert shown.text == NEW or shown.text.startswith((f"{NEW}\n\n\n\nli.na@", f"{NEW}\n\n获取"))
    assert OLD in hidden(shown, "quote")


@pytest.mark.parametrize("program", REPLIES)
def test_the_folded_parts_and_the_shown_text_are_the_whole_text(program: str) -> None:
    check_parts(REPLIES[program])


@pytest.mark.parametrize("program", REPLIES)
def test_a_mail_that_opens_a_ticket_shows_its_whole_text(program: str) -> None:
    text = REPLIES[program]
    shown = whole(text, parts_of(text), 20_000)
    assert shown.text == text.strip()
    assert all(part.folded is None for part in shown.parts)
    quote = next(one for one in shown.parts if one.kind is PartKind.QUOTE)
    assert OLD in shown.text[quote.at : quote.at + quote.length]
    assert NEW not in shown.text[quote.at : quote.at + quote.length]


MARKERS = {language: phrases(language).marker for language in LANGUAGES}
MARKERS |= {f"{language}, staff": phrases(language).note_marker for language in LANGUAGES}


@pytest.mark.parametrize("language", MARKERS)
def test_the_marker_line_ends_the_new_words(language: str) -> None:
    text = f"{NEW}\n\nOn 23 Nov 2026 at 9:00, Service wrote:\n\n{MARKERS[language]}\n\n{OLD}\n\nFrom here on\n"
    shown = folded(text)
    assert shown.text == NEW
    assert hidden(shown).startswith("On 23 Nov 2026")


def test_the_marker_line_is_recognised_within_quotes() -> None:
    assert folded(f"{NEW}\n\n> {MARKERS['en']}\n> {OLD}\nlines without a mark").text == NEW


def test_words_below_the_marker_line_are_kept_if_there_are_none_above() -> None:
    text = f"On 23/11/26 09:00, Service wrote:\n> {MARKERS['zh-CN']}\n> {OLD}\n\n{NEW}"
    shown = folded(text)
    assert shown.text == NEW
    assert OLD in hidden(shown)


def test_words_between_quotes_are_kept() -> None:
    text = (
        "On 23/11/26 09:00, Service wrote:\n> Which order?\n\nThe one of Monday.\n\n"
        "> What colour?\n> Or size?\n\nRed.\n"
    )
    shown = answer(text, parts_of(text), SentWords(["Which order?\nWhat colour? Or size?"]))
    assert shown.text == "The one of Monday.\n\n\nRed."
    assert [one.at for one in shown.parts] == [0, 20]


def test_lines_with_marks_that_no_attribution_introduces_are_kept() -> None:
    text = "On 23/11/26 09:00, Service wrote:\n> How long?\n\n>3 weeks already!\n>200 EUR lost"
    assert folded(text).text == ">3 weeks already!\n>200 EUR lost"


@pytest.mark.parametrize(
    "heading",
    [
        "-----Original Message-----",
        "-------- 原始邮件 --------",
        "-----Original Message-----\nFrom: Service <s@redress.example>\nSent: Monday 9:00\nSubject: x\n",
        "发件人: 客服 <s@redress.example>\n发送时间: 2026年11月23日 9:00\n主题: 工单\n",
    ],
)
def test_words_below_marked_lines_of_an_older_mail_are_kept(heading: str) -> None:
    shown = folded(f"Hello,\n{heading}\n> Is it ok?\nNo, it is broken.\n\n> And now?\nNo.")
    assert shown.text == "Hello,\nNo, it is broken.\n\n> And now?\nNo."
    assert hidden(shown) == f"{heading}\n> Is it ok?"


def test_words_below_a_quote_are_kept() -> None:
    assert folded(f"On 23/11/26 09:00, Service wrote:\n> {OLD}\n\n{NEW}").text == NEW


ANSWERS_IN_HTML = {
    "Gmail": (
        f'<div dir="ltr">{NEW}</div><br><div class="gmail_quote"><div>Service &lt;<a '
        f'href="mailto:s@redress.example">s@redress.example</a>&gt; 于2026年11月23日周一 09:00写道：<br></div>'
        f"<blockquote class='gmail_quote'><div>{OLD}</div></blockquote></div>"
    ),
    "Gmail, a signature": (
        f"<div>{NEW}</div><div>-- <br></div><div class='gmail_signature'>Li<br>Shop</div><div>On Mon, Nov 23, "
        f"2026 Service &lt;s@redress.example&gt; wrote:</div><blockquote class='gmail_quote'>{OLD}</blockquote>"
    ),
    "QQ Mail": (
        f"<div>{NEW}</div><div><br></div><div>------------------&nbsp;原始邮件&nbsp;------------------</div>"
        '<div><b>发件人:</b>&nbsp;"客服"&lt;s@redress.example&gt;;</div><div><b>发送时间:</b>&nbsp;2026年11月23日</div>'
        f"<div><b>主题:</b>&nbsp;工单</div><div>{OLD}</div>"
    ),
    "NetEase, a card": (
        f"<div>{NEW}</div><div>---- 回复的原邮件 ----</div><table><tr><td>发件人</td><td>客服&lt;s@redress.example&gt;"
        f"</td></tr><tr><td>发送日期</td><td>2026年</td></tr></table><div>{OLD}</div>"
    ),
    "Kylin": (
        f"<p>{NEW}</p><p>----</p><div><b>主　题：</b>工单</div><div><b>日　期：</b>2026-11-23 09:30</div>"
        f"<div><b>发件人：</b>客服</div><p>{OLD}</p>"
    ),
    "Apple Mail": (
        f'<div>{NEW}</div><blockquote type="cite"><div>2026年11月23日 09:30，客服 &lt;s@redress.example&gt; 写道：'
        f"</div><br><div>{OLD}</div></blockquote>"
    ),
}


@pytest.mark.parametrize("program", ANSWERS_IN_HTML)
def test_an_html_only_answer_folds_like_any_other(program: str) -> None:
    text = show(ANSWERS_IN_HTML[program], Defects()).text
    shown = folded(text)
    assert shown.text == NEW
    assert OLD in hidden(shown, "quote")
    check_parts(text)


# ------------------------------------------------------------------------------ the sender's own words

OWN_WORDS = {
    "he wrote:": "He wrote:\nthat it came.",
    "a colon": "The shop said this:\nno refund.",
    "a time before a colon": "Two things came broken (delivered on 3 March, 12:30):\n- a cup\n- a lamp",
    "a time before a colon, zh": "下列商品有破损(11月3日 15:20 签收):\n1. 茶杯\n2. 台灯\n\n请补发。",
    "an agent wrote": "On 3 March at 10:20 your agent wrote:\nIt is on its way.\n\nThat is not true.",
    "an agent wrote, zh": "你们客服在11月3日 10:20写道：\n包裹已经发出\n\n这不是事实。",
    "one label": "From: the shop\nI have heard nothing.",
    "a date": "Date: tomorrow at 9:00\nPlace: here",
    "on Monday": "On Monday I came.\nIt was 9:00.",
    "a parcel": "包裹没有到：\n\n寄件人：某某公司\n收件人：李娜\n日期：11月20日\n单号：SF1\n\n请查一下。",
    "a parcel, zh-TW": "寄件人：某某公司\n收件人：李娜\n寄件日期：3月1日\n\n麻煩查詢。",
    "a journey": "Please refund:\n\nFrom: Shanghai\nTo: Beijing\nDate: 20 Nov 2026\n\nIt was cancelled.",
    "a journey, de": "Von: Köln\nAn: Bonn\nDatum: 3.3.2026\n\nDer Zug fiel aus.",
    "quote marks": "Your terms say:\n> Opened boxes are refunded.\nYou refused.",
    "a comparison": "1 > 2\nand <b>",
    "items between dashes": "Order 1: the cup is broken.\n--\nOrder 2: a lamp is missing.\n--\nRefund both.",
    "items without a full stop": "Order 1: cup broken\n--\nOrder 2: lamp missing",
    "a dash": "First: no refund yet.\n—\nSecond: the invoice is wrong.",
    "two dashes, zh": "第一件：杯子破了\n——\n第二件：少了一个灯",
    "a sentence about a phone": f"{NEW}\n来自我的华为手机的订单也没有到。\n请查一下。",
    "a shop of a brand": "您好，\n\n来自小米商城的订单一直没有收到\n\n谢谢",
    "a repair": "您好，\n\n自手机寄修以来一直没有消息\n\n谢谢",
    "since last week": "您好\n\n从上周到现在一直没有寄出。",
    "sent by courier": "Hello\n\nSent from the shop by courier, never arrived.\n\nHelp.",
    "sent from a phone, and more": "Hello\n\nSent from my iPhone the order went wrong.\n\nHelp.",
    "sent by a person": "Hello\n\nSent by my brother on Monday.\n\nHelp.",
    "get a refund": "Get Outlook for iOS to show the receipt, it said.\n\nIt did not.",
    "a mail of yours without its heading": "-----Original Message-----\nwas in your mail. Why?",
    "an address in brackets": "Write to li@example.com (my new address):\nthe old one is closed.",
    "a table with rules": f"The bill says:\n{'-' * 60}\nTotal: 30\nDate: 3 March\n{'-' * 60}\nWrong.",
    "a postscript": "Best regards\n\n--\n\nPS: I also want the invoice.",
    "a sentence before a quote": (
        "Hello\n\nI am furious, I lost 300 EUR and you wrote:\n> We refund you\nWhere is it?"
    ),
    "a sentence over lines before a quote": (
        "On 3 March I sent the lamp back to you\nand I want my 200 EUR.\nYou and your agent wrote:\n> No.\nWrong."
    ),
    "a sentence before a quote, zh": "我要求退款200元，因为你们上周写道：\n> 可以退款\n钱在哪里？",
    "a sentence over lines before a quote, zh": "在3月3日我把灯寄回给你们，\n因为坏了，\n你们写道：\n> 不退\n这不对。",
    "a sentence before a quote, de": (
        "Am Montag habe ich die Lampe zurückgeschickt,\nund Ihr Kollege schrieb:\n> Nein.\nFalsch."
    ),
    "a sentence before a quote, fr": "Je veux mon argent car le 3 mars 2026 votre agent a écrit :\n> Oui.\nNon.",
    "an address before a colon": (
        "The driver gave me on 3.3.2026 this contact (driver@dhl.example):\nHe never answered."
    ),
    "an account": "I paid on 3 March 2026 to (pay@shop.example):\nlamp 100 EUR\nchair 50 EUR",
    "an address before a colon, zh": "我在2026年3月3日把照片发给了（foto@shop.example）：\n灯碎了\n请退款",
    "somebody's address wrote": "On Monday support@shop.example wrote:\nyou get a refund.\nNothing came.",
    "somebody's address wrote, zh": "3月3日客服 service@shop.example 写道：\n可以退款。\n但是钱没有到。",
    "a name and an address without a time": "Li <li@x.example> 写道：\n我们会退款。\n但是一直没有退。",
    "sentences about two people": (
        "On Monday I wrote to li@x.example but nobody came.\nMy sister wrote:\ncall them.\nSo I ask you."
    ),
    "a journey with a subject, fr": (
        "Voici :\nDe : Paris\nÀ : Lyon\nDate : 3 mars 2026\nObjet : valise perdue\n\nJe veux une indemnité."
    ),
    "a journey with a subject, de": "Von: Berlin\nAn: Hamburg\nDatum: 03.03.2026\nBetreff: Koffer weg\n\nHilfe.",
    "a letter": "Date: 3 March\nFrom: Li Na\nTo: the manager\nSubject: Complaint\n\nMy lamp is broken.",
    "a form, zh": "您要的信息\n发件人：李娜\n日期：3月3日\n主题：灯坏了\n内容：请退款200元",
    "a parcel with an address": "寄件人：李娜 li@c.example\n收件人：王伟\n日期：3月3日\n包裹没到，请赔偿。",
    "a payment with an address": "From: Li Na <li@c.example>\nDate: 3 March 2026\nAmount: 200 EUR\nI want it.",
    "a form on one line": "订单如下：\n发件人：李娜 发送时间：3月3日 收件人：王 主题：灯 都没有到，退款",
    "a word between stars": "*** Original ***\nFrom: the shop in Berlin\nI want a refund.",
    "a word between dashes": "-- Original --\nTo: whom it may concern\nI want a refund.",
    "a word between dashes, zh": "-----原文-----\n收件人：王伟\n地址：上海\n灯坏了",
    "an order below a divider": "Please see both:\nlamp broken\n--\nOrder 123456789 chair is missing",
    "a number that was asked for": "您好，您要的信息：\n--\n订单号：20260301123456\n请尽快退款",
    "a telephone below a divider": "请打我电话\n—\n我的电话：13800138000\n白天不在家",
    "two matters": "第一件事：灯坏了\n—\n第二件事：订单12345678少了椅子",
    "numbered items": "1) lamp\n--\n2) chair no. 44332211",
    "items between delimiters": "Lamp: broken.\n-- \nChair: missing, too.\n-- \nTable: I want a refund.",
    "an unfinished block of PGP": "What is this?\n-----BEGIN PGP MESSAGE-----\nIt stood in your mail.",
    "an answer about mail": "You asked how I returned it.\n\nSent by mail.",
    "an answer about a shop": "哪里买的？\n\n来自 小米平板",
    "an answer about a brand": "退回方式：\n\n来自华为手机",
    "an answer about a program": "Where from?\n\nSent from Gmail",
    "a new address above a signature": "我的新邮箱：\nli@b.example",
    "nothing": "",
}


@pytest.mark.parametrize("name", OWN_WORDS)
def test_the_senders_own_words_are_never_folded(name: str) -> None:
    assert folded(OWN_WORDS[name]).text == OWN_WORDS[name]


def test_a_new_address_is_kept_above_the_signature_of_netease() -> None:
    shown = folded("我的新邮箱：\nli@b.example\n\n签名由 网易邮箱大师 定制")
    assert shown.text == "我的新邮箱：\nli@b.example"


def test_the_senders_name_in_a_line_of_words_is_no_signature() -> None:
    text = "Broken lamp\n--\nLi Na\nwants her money back"
    assert folded(text, Context(names={"Li Na"})).text == text


def test_a_heading_with_the_senders_own_name_is_their_letter() -> None:
    text = "From: Li Na\nDate: 3 March 2026 10:30\nSubject: Lamp\n\nIt is broken."
    assert folded(f"Hello,\n\n{text}").text == "Hello,"
    assert folded(f"Hello,\n\n{text}", Context(names={"Li Na"})).text == f"Hello,\n\n{text}"


@pytest.mark.parametrize("above", ["My answers are below.", "我的回答在下面。", "See inline."])
def test_answers_inside_the_quote_are_kept_if_the_sender_says_so(above: str) -> None:
    text = f"{above}\n\n{MARKERS['en']}\n\nWhich size?\nXL, and I want 200 EUR back."
    shown = answer(text, parts_of(text), SentWords(["Which size?"]))
    assert "XL, and I want 200 EUR back." in shown.text
    assert above in shown.text


def test_a_blockquote_of_the_sender_before_the_quote_of_the_program_is_kept() -> None:
    text = f"> My own words\n\nOn 23/11/26 09:00, Service wrote:\n> {OLD}"
    assert folded(text).text == "> My own words"


@pytest.mark.parametrize(
    "text",
    [
        f"On 23/11/26 09:00, Service wrote:\n> {OLD}\n> x",
        "发自我的iPhone",
        f"发件人: a@example.com\n发送时间: x\n主题: y\n\n{OLD}",
        "-- \nLi",
    ],
)
def test_nothing_is_folded_if_nothing_would_be_left(text: str) -> None:
    shown = folded(text)
    assert shown.text == text
    assert all(part.folded is None for part in shown.parts)


# ------------------------------------------------------------------------------ words that were sent

SENT = SentWords(["Dear Li,\n\nYour parcel is on its way, and it comes on Monday.\n\nBest, Mei"])


def shown_with(text: str) -> Shown:
    return answer(text, parts_of(text), SENT)


def test_a_cited_sentence_that_was_sent_is_folded_and_nothing_after_it() -> None:
    text = (
        "Hello,\n\nOn 3 March at 10:20 your agent wrote:\nYour parcel is on its way,\n"
        "and it comes on Monday.\n\nThat was not true."
    )
    shown = shown_with(text)
    assert shown.text == "Hello,\n\nOn 3 March at 10:20 your agent wrote:\n\nThat was not true."
    assert hidden(shown) == "Your parcel is on its way,\nand it comes on Monday."


def test_an_attribution_without_an_address_is_folded_with_the_words_that_were_sent() -> None:
    shown = shown_with(
        "在 2026-11-23 09:00:00，客服 写道：\n\nDear Li,\n\nYour parcel is on its way, and it\n\nNo."
    )
    assert shown.text == "No."


def test_a_cited_sentence_that_was_not_sent_is_kept() -> None:
    text = "On 3 March at 10:20 your agent wrote:\nYour parcel is lost.\n\nIs that true?"
    assert shown_with(text).text == text
    assert shown_with(text).parts == ()


def test_marked_lines_are_folded_only_if_they_were_sent() -> None:
    text = "> Your parcel is on its way, and\n> it comes on Monday.\n> But my neighbour says no.\nWell?"
    shown = shown_with(text)
    assert shown.text == "> But my neighbour says no.\nWell?"
    assert [(one.kind, one.folded is None) for one in shown.parts] == [
        ("quote", False),
        ("quote", True),
    ]


@pytest.mark.parametrize("line", ["> Li,", "> parcel", "> on Monday", "> is on its"])
def test_short_lines_that_were_also_sent_are_kept(line: str) -> None:
    assert shown_with(f"{line}\nNo.").text == f"{line}\nNo."


def test_own_words_below_a_cited_sentence_are_kept_even_if_they_were_also_sent() -> None:
    sent = SentWords(["可以退款，请耐心等待三天。"])
    text = "客服在3月3日写道：\n可以退款，请耐心等待三天。\n等待三天"
    assert answer(text, parts_of(text), sent).text == "等待三天"


def test_the_number_of_searches_among_the_words_that_were_sent_is_limited() -> None:
    """Otherwise a long quote about a ticket with many replies would take minutes."""
    sent_line = "> Your parcel is on its way, and it"
    for unsent, is_folded in ((10, True), (MOST_SEARCHES, False)):
        above = "\n".join(f"> a line {n} that nobody has ever sent to you" for n in range(unsent))
        text = f"{above}\n{sent_line}\nNo."
        shown = answer(text, parts_of(text), SentWords([f"{sent_line[2:]} comes."]))
        assert (sent_line not in shown.text) == is_folded


# ------------------------------------------------------------------------------ forwarded mails

FORWARDED = (
    "What can I do?\n\n---------- Forwarded message ---------\nFrom: Shop <shop@example.net>\n"
    "Date: Tue, 3 Mar 2026 at 10:00\nSubject: Your refund\nTo: Li <li@example.com>\n\nWe do not refund.\n"
)
FORWARDED_BY_QQ = (
    '帮我看看\n\n------------------ 原始邮件 ------------------\n发件人: "商家" <shop@example.net>;\n'
    '发送时间: 2026年3月3日\n收件人: "李娜"<li@qq.example>;\n主题: 退款\n\n不退款。'
)


def test_a_forwarded_mail_is_marked_and_never_folded() -> None:
    shown = folded(FORWARDED)
    assert shown.text == FORWARDED.strip()
    [part] = shown.parts
    assert part.kind is PartKind.FORWARD
    assert shown.text[part.at :].startswith("---------- Forwarded")


def test_the_subject_tells_a_forwarded_mail_from_a_quoted_one() -> None:
    assert folded(FORWARDED_BY_QQ).text == "帮我看看"
    assert folded(FORWARDED_BY_QQ, Context(forwards=True)).text == FORWARDED_BY_QQ


def test_a_remark_below_a_forwarded_mail_is_never_folded() -> None:
    text = FORWARDED.replace("shop@example.net", "service@redress.example") + "\nSo where is it?"
    assert folded(text).text == text


# ------------------------------------------------------------------------------ signatures, devices


@pytest.mark.parametrize(
    "line",
    [
        "发自我的iPhone",
        "發自我的 iPhone",
        "Sent from my iPhone",
        "Sent from my Huawei Mobile",
        "Sent from my Samsung Galaxy S21 5G",
        "Sent from Mail for Windows 10",
        "Sent from [Mail](https://go.example/fwlink) for Windows",
        "Sent from Yahoo Mail on Android",
        "Sent from Outlook for iOS<https://aka.ms/o0ukef>",
        "Envoyé de mon iPhone",
        "Von meinem iPhone gesendet",
        "Gesendet mit der GMX Mail App",
        "从 Windows 版邮件发送",
        "從我的 iPhone 傳送",
        "來自我的 Samsung 手機",
        "来自我的华为手机",
        "发自我的小米手机",
        "发自网易邮箱大师",
        "发自我的手机QQ邮箱",
        "Get Outlook for Android<https://aka.ms/ghei36>",
        "获取 Outlook for iOS<https://aka.ms/o0ukef>",
        "取得 iOS 版 Outlook",
    ],
)
def test_lines_that_phones_and_programs_add_are_folded(line: str) -> None:
    shown = folded(f"{NEW}\n\n{line}\n")
    assert (shown.text, hidden(shown, "device")) == (NEW, line)


def test_text_after_the_delimiter_is_a_signature() -> None:
    shown = folded(f"{NEW}\n\n-- \n李娜\n上海\n\nOn 23/11/26 09:00, Service wrote:\n> {OLD}\n")
    assert (shown.text, hidden(shown, "signature")) == (NEW, "-- \n李娜\n上海")


@pytest.mark.parametrize(
    "lines", ["李娜\n电话: 021-5555 0100", "Li Na\nli.na@example.com", "Li Na\n+86 138 0000 0000"]
)
def test_contact_details_below_a_divider_are_a_signature(lines: str) -> None:
    assert folded(f"{NEW}\n--\n{lines}").text == NEW


def test_the_senders_name_below_a_divider_is_a_signature() -> None:
    text = f"{NEW}\n—\nLi Na\nShanghai"
    assert folded(text).text == text
    assert folded(text, Context(names={"Li Na"})).text == NEW


def test_the_signature_of_netease_includes_its_table() -> None:
    shown = folded(f"{NEW}\n\n| |\n李娜\n|\n|\nli@example.com\n|\n签名由 网易邮箱大师 定制\n")
    assert NEW in shown.text
    assert "定制" in hidden(shown, "signature")


def test_a_delimiter_far_above_begins_no_signature() -> None:
    text = "First\n-- \n" + "\n".join(f"line {n}" for n in range(40))
    assert folded(text).text == text


# ------------------------------------------------------------------------------ PGP

CLEAR_SIGNED = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nTwo faults:\n- - the bulb\n- - the cable\n"
    "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEBCgAdFiEE\n=BFMz\n-----END PGP SIGNATURE-----"
)


def test_the_armour_of_pgp_is_marked_and_its_escapes_are_removed() -> None:
    read = parse(HEAD + b"\r\n" + CLEAR_SIGNED.encode())
    assert read.security == "pgp-signed"
    shown = folded(read.text)
    assert shown.text == "Two faults:\n- the bulb\n- the cable"
    assert hidden(shown, "armour").endswith("-----END PGP SIGNATURE-----")


def test_a_text_that_is_encrypted_with_pgp_is_reported_as_encrypted() -> None:
    block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n=x1\n-----END PGP MESSAGE-----"
    read = parse(HEAD + b"\r\n" + block.encode())
    assert read.security == "pgp-encrypted"
    [part] = whole(read.text, parts_of(read.text), 20_000).parts
    assert (part.kind, part.length) == (PartKind.ARMOUR, len(block))


ENCRYPTED = "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n=x1\n-----END PGP MESSAGE-----"


@pytest.mark.parametrize(
    "text",
    [
        f"Hi\n{ENCRYPTED}",
        f"Dear team,\n\nonly you can read this:\n\n{ENCRYPTED}\n\nLi Na",
        ENCRYPTED.replace("MESSAGE-----\n\n", "MESSAGE, PART 1/2-----\n\n", 1),
        f"{CLEAR_SIGNED}\n{ENCRYPTED}",
        f"  {ENCRYPTED}".replace("\n", "  \n"),
    ],
)
def test_an_encrypted_block_is_reported_wherever_it_begins(text: str) -> None:
    assert parse(HEAD + b"\r\n" + text.encode()).security == "pgp-encrypted"
    html = "<p>" + text.replace("\n", "<br>")
    assert parse(HEAD + b"Content-Type: text/html\r\n\r\n" + html.encode()).security == (
        "pgp-encrypted"
    )


def test_a_signed_block_is_reported_wherever_it_begins() -> None:
    assert parse(HEAD + b"\r\n" + f"Hi\n{CLEAR_SIGNED}".encode()).security == "pgp-signed"


@pytest.mark.parametrize("block", [ENCRYPTED, CLEAR_SIGNED])
@pytest.mark.parametrize("form", ["quote", "prose"])
def test_a_quoted_pgp_block_or_words_about_a_block_do_not_protect_the_mail(
    block: str, form: str
) -> None:
    first = block.split("\n", 1)[0]
    text = f"> {block}".replace("\n", "\n> ") if form == "quote" else f"What is {first} for?"
    assert parse(HEAD + b"\r\n" + text.encode()).security == ""


def test_only_the_signed_block_has_its_dashes_restored() -> None:
    own = "- -5 degrees\n- -- and dark"
    read = parse(HEAD + b"\r\n" + f"{own}\n{CLEAR_SIGNED}\n{own}".encode())
    assert read.text.count(own) == 2
    assert "\n- the bulb\n- the cable\n" in read.text


# ------------------------------------------------------------------------------ QQ's escapes, long texts


def test_the_escapes_of_qq_mail_are_decoded() -> None:
    text = (
        "你好，&nbsp;订单4711\n\n------------------&nbsp;原始邮件&nbsp;------------------\n"
        '发件人: "客服" <s@redress.example&gt;;\n发送时间:&nbsp;2026年11月23日\n主题:&nbsp;工单\n\n您好'
    )
    read = parse(HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode())
    assert folded(read.text).text == "你好， 订单4711"
    first = b"X-QQ-STYLE: 1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    assert parse(HEAD + first + "坏了&nbsp;&gt; 3".encode()).text == "坏了 > 3"


def test_escapes_in_other_mails_are_the_senders_words() -> None:
    head = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    assert parse(head + b"My page shows &nbsp; and &gt;.").text == "My page shows &nbsp; and &gt;."


def test_a_long_quote_takes_no_room_from_the_words_below_it() -> None:
    text = "On 23/11/26 09:00, Service wrote:\n" + f"> {OLD}\n" * 2_000 + f"\n{NEW}"
    shown = whole(text, parts_of(text), 1_000)
    assert shown.text == NEW
    [part] = shown.parts
    assert part.length > 20_000
    assert part.folded is not None
    assert len(part.folded) == 10_000


def test_the_event_has_no_part_that_begins_after_the_cut() -> None:
    text = f"{'x' * 50}\n{FORWARDED}"
    shown = whole(text, parts_of(text), 20_000)
    at = shown.parts[0].at
    assert as_data(shown.parts, at) == []
    assert as_data(shown.parts, at + 10) == [{"kind": "forward", "at": at, "length": 10}]


def test_the_number_of_marked_parts_is_limited() -> None:
    text = "> a\n\nb\n\n" * 1_000
    assert len(parts_of(text)) == 200
    check_parts(text)
