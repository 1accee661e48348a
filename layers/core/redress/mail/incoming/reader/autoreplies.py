"""Recognise the words of auto-responders in subjects and texts.

People write these words, too, so the words prove nothing. `machines` treats them as signs, and
`rules.autoreplies` compares the rest of the subject with the subject of the ticket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from redress.mail.incoming.reader import absences, clues
from redress.mail.incoming.rules.autoreplies import Wording

_MOST_READ = 2_000
_SUBJECT = 500

_AWAY_ZH = (
    r"(?:假期|休假|度假|外出|出差|离开|離開|离线|離線|节假日|节日|節日|系统|系統|邮件|郵件|邮箱|郵箱|"
    r"中|期间|期間|的){0,3}"
)
_WORDS = (
    r"(?:(?:automatic|auto|automated)[ -]?(?:reply|response|answer|generated reply)|autoreply|"
    r"out[ -]of[ -](?:the )?office(?: (?:auto[ -]?reply|reply|response|notification|message))?|"
    r"i(?:'|’| a)?m (?:out of (?:the )?office|on vacation)|on vacation|"
    r"vacation (?:reply|response|notice)|away from (?:the |my )?(?:office|mail)|"
    rf"{_AWAY_ZH}(?:自动|自動)(?:回复|回覆|回復|回信|答复|答覆|应答|應答|応答|返信)|"
    r"外出自动|休假自动|度假自动|不在办公室|不在辦公室|外出通知|休假通知|休假中|正在休假|"
    r"(?:假期|休假|度假|外出)(?:回复|回覆|回復|答复)|"
    r"不在通知|不在のお知らせ|자동 ?(?:회신|응답)|부재중|"
    r"automatische (?:antwort|rückantwort)|autoantwort|abwesenheits\w{0,20}|abwesend|"
    r"réponse automatique|absence du bureau|absent du bureau|(?:message|notification|avis) d['’]absence|"
    r"respuesta automática|fuera de (?:la )?oficina|mensaje de ausencia|risposta automatica|"
    r"fuori sede|fuori ufficio|resposta automática|ausência temporária|automatisch antwoord|"
    r"afwezigheid\w{0,20}|autosvar|automatiskt svar|automaattinen vastaus|automatická odpověď|"
    r"automatyczna odpowiedź|автоответ\w{0,10}|автоматический ответ|вне офиса|otomatik yanıt)"
    r"(?:邮件|郵件|通知|消息|訊息)?(?:\s?[(（][^()（）]{1,20}[)）])?"
)
_ALSO_WORDS = (
    r"(?:auto|ooo|vacation|holiday|absence|absente?|abwesenheit|abwesend|urlaub|afwezig|poissa|ausencia|"
    r"assenza|out of town|away|休假|假期|度假|出差)"
)
"""Words of auto-responders that people often write before a colon themselves."""
_ORDINARY = re.compile(
    r"(?:(?:i(?:'|’| a)?m )?on vacation|away from .*|休假中|正在休假|不在办公室|不在辦公室|外出通知|休假通知|不在通知|"
    r"부재중|abwesend|abwesenheit|absen[ct]e? du bureau|fuera de (?:la )?oficina|fuori sede|fuori ufficio|"
    r"вне офиса)(?:\s?[(（].*)?",
    re.IGNORECASE,
)
"""Words of auto-responders that a person also writes as the complete subject of a mail."""
_READ = (
    r"(?:(?:邮件|郵件)?(?:已读|已讀|已阅读?|已閱讀?|未读|未讀)(?:回执|回執)?|阅读回执|閱讀回條|"
    r"not read|read receipt|return receipt|nicht gelesen|ungelesen gelöscht|lesebestätigung|non lu|"
    r"accusé de lecture|no leído|non letto|não lida|niet gelezen|開封済み|開封確認|읽음)"
)
_ALSO_READ = r"(?:read|gelesen|lu|leído|lido|lida|letto|gelezen)"
_OPEN, _CLOSE = r"[\[【(（［「『〔〖《〈<]", r"[\]】)）］」』〕〗》〉>]"
_ANSWERS = r"(?:re|aw|sv|fwd?|回复|回覆|答复|答覆|转发|轉發)"
_SEPARATOR = rf"\s*(?:[:：]|[-–—]{{1,2}}(?=\s|{_ANSWERS}\s*[:：])|\Z|(?={_ANSWERS}\s*[:：]))\s*"
_BY = r"(?:\s{1,3}(?:from|by|von|de|of)\s{1,3}[^:：]{1,80}|[\s，,]{0,3}来自[^:：]{1,80})"


def _pattern(words: str) -> re.Pattern[str]:
    """Return a pattern that matches the subjects of auto-replies.

    `words` is a pattern of words such as "Automatic reply". They must be at the beginning or, in
    brackets, at the end of the subject. At the beginning, they must be in brackets, or a colon, a
    dash, `Re:` or the end of the subject must follow. So `Out of office hours charge` and
    `休假中被扣款` do not match, because a person's sentence begins with the words.
    """
    return re.compile(
        rf"\s*(?:{_OPEN}\s*(?P<first>{words})\s*{_CLOSE}\s*[:：]?|(?:[^:：\s]{{1,30}}的)?(?P<words>{words})(?:{_BY}\s*[:：]\s*|{_SEPARATOR}))"
        rf"(?P<rest>.*)|(?P<before>.*?){_OPEN}\s*(?P<after>{words})\s*{_CLOSE}\s*\Z",
        re.IGNORECASE | re.DOTALL,
    )


_AUTO_SUBJECT = _pattern(_WORDS)
_ALSO_AUTO_SUBJECT = _pattern(_ALSO_WORDS)
_READ_SUBJECT = _pattern(_READ)
_ALSO_READ_SUBJECT = _pattern(_ALSO_READ)
_NOTES = re.compile(
    r"\s*auto\s*[:：]\s*[^:：]{1,80}\s(?:is|ist|est)\s(?:currently\s)?(?:out of (?:the )?office|on vacation|"
    r"away|absent|abwesend|außer haus|nicht im (?:büro|haus)|en congés?)"
    r"(?:\s[^()（）]{0,60})?(?:\s?[(（][^()（）]{1,80}[)）])?[.\s]*\Z",
    re.IGNORECASE,
)
"""Matches the subject of HCL Notes: `AUTO: Li Na is out of the office (returning 12/03/2026)`."""
_PREFIX = re.compile(rf"\s*{_ANSWERS}\s*(?:\[\d{{1,3}}\])?\s*[:：]", re.IGNORECASE)
_EMPTY = re.compile(
    rf"\s*(?:{_ANSWERS}\s*[:：]?|{_WORDS}|{_ALSO_WORDS})?[\s.!。！]*\Z", re.IGNORECASE
)
"""Matches a rest of a subject that repeats no other subject: nothing, `Re`, or more such words."""

_BEGINS_AUTO = re.compile(rf"\s*[\[【(（［]?\s*(?:(?:re|aw|sv)\s*:\s*)?{_WORDS}", re.IGNORECASE)
_AUTO_WORDS = re.compile(
    r"auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|"
    r"自动回复|自動回覆|自動回復|自動返信|自动答复|不在办公室|不在辦公室",
    re.IGNORECASE,
)
HOLIDAY_WORDS = re.compile(r"\bvacation\b|休假|度假|on leave|annual leave", re.IGNORECASE)
"""Matches words that people also write themselves, for example to a travel agency. The words count
only together with another sign."""
_QUOTE_BEGINS = re.compile(
    r"^\s*(?:[-_=—]{3,}|>|(?:from|von|de|发件人|發件人|寄件者)\s?[:：]\s?\S|"
    r"(?:on|am|le|在|于|於)?[^\n]{0,200}(?:wrote|schrieb|a écrit|写道|寫道)[^\n]{0,100}[:：]\s*$)",
    re.MULTILINE | re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|退款|退货|退貨|投诉|投訴|请帮|請幫|请尽快|請盡快|坏了|壞了|赔|賠|refund|money|broken|complain|"
    r"erstattung|kaputt|rembours|cassé|\d\s?(?:元|eur|usd|€|\$)|[€$¥]\s?\d",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AutoSubject:
    """A subject with the words of an auto-responder or of a read receipt.

    rest      the rest of the subject, without these words
    receipt   the words are those of a read receipt, not of an auto-responder
    answered  `Re:` stands before the words
    clear     people seldom write the words in this form themselves
    repeats   the rest is empty, or begins with `Re:` or a ticket number
    ordinary  people also write these words as a complete subject: `Holiday`, `已读`
    """

    rest: str
    receipt: bool
    answered: bool
    clear: bool
    repeats: bool
    ordinary: bool = False


def auto_subject(subject: str) -> AutoSubject | None:
    """Find the words of an auto-responder or of a read receipt in a subject; None if there are none."""
    plain = subject[:_SUBJECT]
    answered = False
    for _ in range(5):
        if (found := _found(plain, answered=answered)) is not None:
            return found
        if (prefix := _PREFIX.match(plain)) is None:
            return None
        plain, answered = plain[prefix.end() :], True
    return None


def _found(subject: str, *, answered: bool) -> AutoSubject | None:
    if _NOTES.match(subject):
        return AutoSubject("", receipt=False, answered=answered, clear=True, repeats=True)
    for pattern, receipt, clear in (
        (_AUTO_SUBJECT, False, True),
        (_READ_SUBJECT, True, True),
        (_ALSO_AUTO_SUBJECT, False, False),
        (_ALSO_READ_SUBJECT, True, False),
    ):
        if (match := pattern.fullmatch(subject)) is None:
            continue
        rest, before = match.group("rest"), match.group("before")
        if rest is None:
            # The words were added at the end of an answer's subject, so a `Re:` before it shows
            # nothing.
            rest, answered = before or "", False
        repeats = bool(_EMPTY.match(rest) or _PREFIX.match(rest) or _has_number(rest))
        words = match.group("words") or match.group("first") or match.group("after") or ""
        ordinary = receipt or not clear or _ORDINARY.fullmatch(words) is not None
        return AutoSubject(rest, receipt, answered, clear or repeats, repeats, ordinary)
    return None


def _has_number(rest: str) -> bool:
    """Whether a ticket number stands before the repeated subject."""
    bare = clues.bare_subject(rest)
    return bool(clues.numbers_in(rest[: len(rest) - len(bare)] if bare else rest))


def wording_of(
    subject: str, words: str, names: Iterable[str] = (), *, files: bool = False
) -> Wording:
    """Return what the subject and the text of a mail show about an auto-responder.

    `words` is the text without quoted mail. `names` are the names of the sender. If the mail has
    files (`files`), its text is a person's, because auto-responders attach no files.
    """
    found, names = auto_subject(subject), tuple(names)
    text = not files and absences.is_absence(words, names)
    away = not files and absences.may_be_absence(words, names)
    if found is None:
        return Wording(text, clues.bare_subject(subject))
    rest = "" if _EMPTY.match(found.rest) else clues.bare_subject(found.rest)
    alone = away and absences.may_be_absence(words, names, calls=False)
    says_nothing = alone or not (words.strip() or files)
    prefixed = found.rest.strip() != "" and found.repeats
    by_person = files or (found.ordinary and not prefixed)
    return Wording(
        text or (away and not found.ordinary and not found.answered),
        clues.bare_subject(subject),
        rest,
        numbered=_has_number(found.rest),
        answered=found.answered,
        asks=_ASKS.search(words[:_MOST_READ]) is not None,
        ordinary=by_person and not says_nothing,
    )


def has_words(subject: str) -> bool:
    """Whether a subject begins with words of an auto-reply, or has clear words of one anywhere."""
    return _AUTO_WORDS.search(subject) is not None or _BEGINS_AUTO.match(subject) is not None


def new_words(text: str) -> str:
    """Return the beginning of a text, up to the first line that looks like a quoted mail."""
    head = text[:_MOST_READ].lstrip()
    quote = _QUOTE_BEGINS.search(head)
    return head[: quote.start()] if quote is not None else head
