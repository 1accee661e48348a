"""Recognise the lines with which mail programs introduce a quoted or forwarded mail.

The patterns come from mails of Gmail, Apple Mail, Outlook (desktop, web, phone), Windows Mail,
Thunderbird, Yahoo, QQ Mail, Foxmail, NetEase (163, 126, its phone app "Mail Master"), Alibaba Mail
and Lark, in Chinese and English. The patterns also contain a few words of Japanese and of other
European languages, because some customers use their mail program in one of these languages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

QUOTE_MARK = re.compile(r"[ \t]{0,3}(?:[>＞]|\|(?= ?>))")
_MARKS = re.compile(r"[ \t]{0,3}(?:[>＞] ?){1,50}")

_LABELS: dict[str, str] = {
    "from": r"From|发件人|發件人|寄件者|寄件人|发信人|Von|De|Da|Van|Från|差出人",
    "sent": r"Sent|Date|发送时间|发送日期|發送時間|寄件日期|傳送日期|傳送時間|日期|时间|時間|发送于|"
    r"Gesendet|Datum|Envoyé|Enviado(?: el)?|Fecha|Inviato|Data|Skickat|送信日時|日時",
    "to": r"To|收件人|收件者|收信人|An|À|Para|A|Aan|Till|宛先",
    "cc": r"Cc|CC|抄送|副本|副本抄送|Kopie",
    "subject": r"Subject|主题|主題|主旨|标题|標題|Betreff|Objet|Asunto|Oggetto|Onderwerp|Assunto|"
    r"Ämne|件名",
    "reply-to": r"Reply-To|回复至|回覆至|回复",
    "importance": r"Importance|重要性|Organization|Attachments?|附件",
}
_LINE = re.compile(
    r"[ \t]{0,4}(?:[*|＊][ \t]*){0,3}(?:"
    + "|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _LABELS.items())
    # Some programs write `*From:* x`. NetEase writes a row of a table: `| 发件人 | x |`.
    + r")[ \t]*\*?[ \t]*(?:[:：]|\|)[ \t]*\*?[ \t]*(?P<value>.*)"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """The lines from `first` to `last` (exclusive) that describe a quoted mail.

    `fields` maps each label, by its name in `_LABELS` such as "from", to the value after it.
    """

    first: int
    last: int
    fields: dict[str, str]


def heading_at(lines: list[str], index: int) -> Heading | None:
    """Return the heading that begins at this line, or None.

    A heading is a block of labelled lines. It has at least three of them, or exactly two: the
    sender and the date. The sender is the first or the second of them. Single blank lines may be
    between them.
    """
    fields: dict[str, str] = {}
    position, last, blank = index, index, 0
    name = ""
    while position < min(len(lines), index + 24):
        line = unquoted(lines[position])[:1_000]
        match = _LINE.fullmatch(line.rstrip())
        if match is not None and match.lastgroup is not None:
            name = next(key for key in _LABELS if match.group(key.replace("-", "_")) is not None)
            if name in fields:
                break
            fields[name] = match.group("value").strip(" \t*|;；")
            blank, last = 0, position + 1
        elif not line.strip(" |*"):
            blank += 1
            if blank > 1 or position == index:
                break
        elif name in ("to", "cc") and not blank and len(line) < 300 and "@" in line:
            # The recipients continue on this line.
            last = position + 1
        else:
            break
        position += 1
    enough = len(fields) >= 3 or (len(fields) == 2 and {"from", "sent"} <= fields.keys())
    if "from" not in list(fields)[:2] or not enough:
        return None
    return Heading(index, last, fields)


_DASHES = r"[-–—_=*]{2,40}"
_ORIGINAL = re.compile(
    rf"[ \t]*{_DASHES}[ \t]*(?:Original Message|Original Email|Original Mail|Original|"
    r"Ursprüngliche Nachricht|Message d'origine|Messaggio originale|Mensaje original|"
    r"原始邮件|原始郵件|原始訊息|原始信件|原邮件|原郵件|回复的原邮件|回覆的原郵件|回复的邮件|邮件原件|"
    rf"以下是引用的邮件|元のメッセージ)[ \t]*{_DASHES}[ \t]*",
    re.IGNORECASE,
)
_NETEASE_REPLY = re.compile(
    r"[ \t]*(?:---- )?(?:回复的原邮件|Replied Message)(?: ----)?[ \t]*[-|]*[ \t]*"
)
_FORWARD = re.compile(
    rf"[ \t]*(?:{_DASHES}[ \t]*(?:Forwarded message|Forwarded mail|Forwarding messages|Forwarded by[^-]*|"
    r"转发的?邮件(?:信息)?|转发邮件信息|转发信息|已转发邮件|轉寄郵件|轉寄的郵件|已轉寄的郵件|轉發的?郵件|轉寄訊息|"
    rf"Weitergeleitete Nachricht)[ \t]*{_DASHES}|"
    r"(?:Begin forwarded message|Start of forwarded message|(?:以下是)?(?:开始)?转发的?邮件|下面是被转发的邮件|"
    r"以下是轉寄的郵件|開始轉寄的?郵件|以下為轉寄的郵件|下面是被轉寄的郵件)[ \t]*[:：])[ \t]*",
    re.IGNORECASE,
)
_OUTLOOK_RULE = re.compile(r"[ \t]*_{20,80}[ \t]*")

_WROTE_END = re.compile(
    r"(?:wrote|writes|写道|寫道|撰写|撰寫|写|寫|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|"
    r"のメール|написал[аи]?)\s?[:：]?\Z|[>)]\s?[:：]\Z|schrieb .{1,200}[:：]\Z",
    re.IGNORECASE,
)
_MOMENT = re.compile(
    r"\d{1,4}\s?(?:[-/.年])\s?\d{1,2}\s?(?:[-/.月])\s?\d{1,4}|\d{1,2}:\d{2}|\d{1,2}月\d{1,2}日|"
    r"\d\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|"
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.")
_BEGIN = re.compile(
    r"(?:On|At|在|于|於|Am|Le|El|Il|Op|Em|Den|В)\b|在|于|於|\d{4}[-年/]|.{1,120}(?:于|於)\s?\d{4}\s?年",
    re.IGNORECASE,
)
_LONGEST = 4
"""The maximum number of lines over which a mail program wraps `On ... wrote:`."""


def is_original(line: str) -> bool:
    """Whether the line introduces an older mail, like `-----Original Message-----`."""
    plain = unquoted(line)[:200]
    return _ORIGINAL.fullmatch(plain) is not None or (
        ("原邮件" in plain or "Replied Message" in plain)
        and _NETEASE_REPLY.fullmatch(plain) is not None
    )


def is_forward(line: str) -> bool:
    """Whether the line introduces a forwarded mail, like `---- Forwarded message ----`."""
    return _FORWARD.fullmatch(unquoted(line)[:200]) is not None


def is_rule(line: str) -> bool:
    """Whether the line is the rule of underscores that Outlook puts before a quoted mail."""
    return _OUTLOOK_RULE.fullmatch(line[:200]) is not None


def unquoted(line: str) -> str:
    """Return the line without quote marks at its beginning."""
    match = _MARKS.match(line)
    return line[match.end() :] if match else line


def attribution_at(lines: list[str], index: int) -> int | None:
    """Return the index after the attribution that begins at this line; None if none begins here.

    An attribution is a text such as `On Mon, 23 Nov 2026, Li <li@example.com> wrote:` or
    `在 2026年11月23日，李 写道：`. It has up to `_LONGEST` lines. It ends with a verb such as "wrote", or
    with `>` or `)` and a colon. It must also contain a time or an address, or the line after it
    must begin with a quote mark. Without this condition, "he wrote:" in a person's own text would
    count, although the person quotes nothing.
    """
    first = unquoted(lines[index]).strip()
    if not first or len(first) > 500:
        return None
    text = ""
    for count in range(min(_LONGEST, len(lines) - index)):
        line = unquoted(lines[index + count]).strip()
        if not line or len(line) > 500:
            return None
        text = f"{text} {line}".strip()
        if line.endswith((":", "：", "道", "写", "寫", "wrote", "écrit")) and _WROTE_END.search(
            text[-220:]
        ):
            begins = _BEGIN.match(text) is not None
            is_plausible = _MOMENT.search(text) is not None or _ADDRESS.search(text) is not None
            # `Li Na wrote:` has no time or address. It counts if the next line has a quote mark.
            following = lines[index + count + 1 : index + count + 2]
            is_plausible = is_plausible or any(QUOTE_MARK.match(one) for one in following)
            # An attribution has several lines only if the first one begins like one (`On ...`).
            return index + count + 1 if is_plausible and (begins or count == 0) else None
        if count == 0 and _BEGIN.match(text) is None:
            return None
    return None
