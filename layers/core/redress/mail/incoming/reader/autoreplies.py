"""Recognise the words of auto-responders in subjects and texts.

People write these words, too, so they prove nothing. `machines` takes them as signs.
"""

from __future__ import annotations

import re

_MOST_READ = 2_000
_WORDS = (
    r"(?:(?:automatic|auto|automated)[ -]?(?:reply|response|answer|generated reply)|autoreply|"
    r"out[ -]of[ -](?:the )?office(?: (?:auto[ -]?reply|reply|response|notification|message))?|"
    r"i(?:'|’| a)?m (?:out of (?:the )?office|on vacation)|on vacation|"
    r"vacation (?:reply|response|notice)|away from (?:the |my )?(?:office|mail)|"
    r"(?:假期|休假|度假|外出|出差|离开|離開|离线|離線|节假日|节日|節日|系统|系統|邮件|郵件|邮箱|郵箱){0,2}"
    r"(?:自动|自動)(?:回复|回覆|回復|回信|答复|答覆|应答|應答|応答|返信)|"
    r"外出自动|休假自动|度假自动|不在办公室|不在辦公室|外出通知|休假通知|休假中|正在休假|"
    r"不在通知|不在のお知らせ|자동 ?(?:회신|응답)|부재중|"
    r"automatische antwort|abwesenheit\w{0,20}|abwesend|réponse automatique|absence du bureau|"
    r"absent du bureau|respuesta automática|fuera de (?:la )?oficina|risposta automatica|"
    r"fuori sede|fuori ufficio|resposta automática|ausência temporária|automatisch antwoord|"
    r"afwezig\w{0,10}|autosvar|automatiskt svar|automaattinen vastaus|poissa|automatická odpověď|"
    r"automatyczna odpowiedź|автоответ\w{0,10}|автоматический ответ|вне офиса|otomatik yanıt)"
    r"(?:邮件|郵件|通知|消息|訊息)?(?:\s?[(（][^()（）]{1,20}[)）])?"
)
AUTO_SUBJECT = re.compile(
    rf"\s*(?:[\[【(（［「『]\s*{_WORDS}\s*[\]】)）］」』]|"
    rf"{_WORDS}\s*(?:[:：]|\Z|(?:re|aw|fwd?|回复|答复|回覆)\s*[:：])|"
    r"auto\s*[:：]\s*(?:re|aw|fwd?|sv)\s*[:：])",
    re.IGNORECASE,
)
"""The subject of an auto-reply: the words stand in brackets, or a colon or nothing follows them. In
`休假中被扣款` and in `Out of office hours charge`, a person goes on with their sentence."""
RECEIPT_SUBJECT = re.compile(
    r"\s*(?:[\[【(（［]\s*(?:已读|已讀)(?:回执|回執)?\s*[\]】)）］]|"
    r"(?:(?:已读|已讀|已阅|未读|未讀)(?:回执|回執)?|阅读回执|閱讀回條|read|not read|gelesen|lu|leído|"
    r"lido|letto|gelezen|開封済み|開封確認|읽음)\s*[:：])",
    re.IGNORECASE,
)
_BEGINS_AUTO = re.compile(rf"\s*[\[【(（［]?\s*(?:(?:re|aw|sv)\s*:\s*)?{_WORDS}", re.IGNORECASE)
_AUTO_WORDS = re.compile(
    r"auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|"
    r"自动回复|自動回覆|自動回復|自動返信|自动答复|不在办公室|不在辦公室",
    re.IGNORECASE,
)
HOLIDAY_WORDS = re.compile(r"\bvacation\b|休假|度假|on leave|annual leave", re.IGNORECASE)
"""Words that people also write themselves, for example to a travel agency. These words count only
together with another sign."""
_HOLIDAY_TEXT = re.compile(
    r"\s*(?:(?:这是来自|這是來自).{0,12}(?:邮箱|郵箱|信箱)的.{0,8}(?:自动|自動)(?:回复|回覆|回復)|"
    r"(?:这是一封|這是一封|此为|此為|本邮件为|本郵件為).{0,4}(?:自动|自動)(?:回复|回覆|回復|答复|答覆)|"
    r"this is an? (?:automatic|automated|auto)(?:ally generated)? ?(?:vacation |holiday )?"
    r"(?:reply|response)|"
    r"(?:[您你]好|hello|hi)?[！!，,。.~\s]{0,5}我?(?:最近|目前|现在|現在)?正在(?:休假|度假|外出|出差)"
    r".{0,80}?(?:无法|無法|不能|未能|不便|尽快|盡快|儘快|回来|回來|返回|结束|結束|届时|屆時|稍后|稍後)"
    r".{0,40}?(?:回复|回覆|回復|答复|答覆|处理|處理|联系|聯繫|查看|查閱))",
    re.IGNORECASE | re.DOTALL,
)
"""The text with which Chinese providers answer while somebody is on holiday. QQ's is `你好，我最近正在
休假中，无法亲自回复你的邮件。我将在假期结束后，尽快给你回复。`"""
_LONGEST_HOLIDAY_TEXT = 160
_QUOTE_BEGINS = re.compile(r"^\s*(?:[-_=—]{3,}|>)", re.MULTILINE)
_PERSON_ASKS = re.compile(r"[?？]|退款|退货|退貨|投诉|投訴|请帮|請幫|请尽快|請盡快")
"""A person on holiday who writes this wants something. No holiday text contains it."""


def has_words(subject: str) -> bool:
    """Whether a subject begins with the words of an auto-reply, or has clear ones anywhere."""
    return _AUTO_WORDS.search(subject) is not None or _BEGINS_AUTO.match(subject) is not None


def is_holiday_text(text: str) -> bool:
    """Whether the new words of a text are those of a provider's holiday message."""
    head = text[:_MOST_READ].lstrip()
    quote = _QUOTE_BEGINS.search(head)
    new = head[: quote.start()] if quote is not None else head
    if len(new.strip()) > _LONGEST_HOLIDAY_TEXT or _PERSON_ASKS.search(new):
        return False
    return _HOLIDAY_TEXT.match(new) is not None
