"""Recognise the lines with which mail programs introduce a quoted or forwarded mail.

The patterns come from mails of Gmail, Apple Mail, Outlook (desktop, web, phone), Windows Mail,
Thunderbird, Yahoo, QQ Mail, Foxmail, NetEase (163, 126, its phone app "Mail Master"), 139, Alibaba
Mail, Kylin Mail and Lark, in Chinese and English. The patterns also contain words of Japanese,
French, German and a few other European languages, because some customers use their mail program in
one of these languages.

Customers write lines of the same form themselves: the label of a parcel names a sender, a receiver
and a date, and a sentence can end in "wrote:". So each result says whether it is proven, which
means that only a mail program writes such lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

QUOTE_MARK = re.compile(r"[ \t]{0,3}(?:[>＞]|\|(?= ?>))")
_MARKS = re.compile(r"[ \t]{0,3}(?:[>＞] ?){1,50}")
_BLANK = r"[ \t\xa0\u3000]"

_LABELS: dict[str, str] = {
    "from": r"From|发件人|發件人|寄件者|寄件人|发信人|發信人|Von|De|Da|Van|Från|Expéditeur|Absender|差出人",
    "sent": r"Sent|Date|发送时间|发送日期|發送時間|寄件日期|傳送日期|傳送時間|日期|时间|時間|发送于|发信时间|"
    r"Gesendet(?: am)?|Datum|Envoyé(?: le)?|Enviado(?: el)?|Fecha|Inviato|Data|Skickat|送信日時|日時",
    "to": r"To|收件人|收件者|收信人|An|À|A|Para|Aan|Till|Destinataires?|Empfänger|宛先",
    "cc": r"Cc|CC|抄送|副本|副本抄送|Kopie|Copie(?: à)?",
    "subject": r"Subject|主题|主題|主旨|标题|標題|Betreff|Objet|Sujet|Asunto|Oggetto|Onderwerp|Assunto|"
    r"Ämne|件名",
    "reply-to": r"Reply-To|回复至|回覆至|回复|Répondre à|Antwort an|Antworten an",
    "importance": r"Importance|重要性|Organization|Attachments?|附件|Pièces? jointes?|Anlagen?|Anhang|Anhänge|"
    r"Priorität|Wichtigkeit",
}


def _spaced(words: str) -> str:
    """Let blanks stand between the Chinese characters of labels: some programs write `主　题`."""
    return re.sub(r"(?<=[一-鿿])(?=[一-鿿])", lambda _: f"{_BLANK}{{0,2}}", words)


_LABELS = {name: _spaced(words) for name, words in _LABELS.items()}
_LINE = re.compile(
    rf"{_BLANK}{{0,4}}(?:[*|＊]{_BLANK}*){{0,3}}(?:"
    + "|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _LABELS.items())
    # Some programs write `*From:* x`. NetEase writes a row of a table: `| 发件人 | x |`.
    + rf"){_BLANK}*\*?{_BLANK}*(?:[:：]|\|){_BLANK}*\*?{_BLANK}*(?P<value>.*)"
)
_CELL = re.compile(
    rf"{_BLANK}*(?:"
    + "|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _LABELS.items())
    + rf")(?:{_BLANK}+(?P<value>.*)|{_BLANK}*)"
)
"""A label without a colon. NetEase's card has them, as the cells of a table."""
_INSIDE = re.compile(
    # 139 writes no blank before a label. Chinese labels are recognised without one.
    r"(?:(?<=[\s>;；,，\"”])|\A|(?=[一-鿿]))(?:"
    + "|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _LABELS.items())
    + rf"){_BLANK}*[:：]"
)
_NAMES = {name: name.replace("-", "_") for name in _LABELS}
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.")
_HEADING_LINES = 24


@dataclass(frozen=True, slots=True)
class Heading:
    """The lines from `first` to `last` (exclusive) that describe a quoted mail.

    `fields` maps each label, by its name in `_LABELS` such as "from", to the value after it.
    """

    first: int
    last: int
    fields: dict[str, str]

    @property
    def proven(self) -> bool:
        """Whether only a mail program writes such a heading.

        It has a subject beside sender and date, or the address of the sender. A parcel label or a
        journey has neither.
        """
        return {"from", "sent", "subject"} <= self.fields.keys() or self.address != ""

    @property
    def address(self) -> str:
        """Return the beginning of the sender's value if it contains a mail address; otherwise ""."""
        value = self.fields.get("from", "")[:500]
        return value if _ADDRESS.search(value) else ""


def heading_at(lines: list[str], index: int) -> Heading | None:
    """Return the heading that begins at this line, or None.

    A heading is a block of labelled lines, which has the sender and at least two other labels, or
    the sender and the date. Single blank lines may be between them. The program of 139 writes the
    complete heading on one line.
    """
    return _labelled_block(lines, index) or _on_one_line(lines, index)


def _labelled_block(lines: list[str], index: int) -> Heading | None:
    fields: dict[str, str] = {}
    position, last, blank = index, index, 0
    name = ""
    while position < min(len(lines), index + _HEADING_LINES):
        line = unquoted(lines[position])[:1_000]
        match = _LINE.fullmatch(line.rstrip())
        if match is not None and match.lastgroup is not None:
            name = _label_of(match)
            if name in fields:
                break
            fields[name] = match.group("value").strip(" \t\xa0\u3000*|;；")
            blank, last = 0, position + 1
        elif not line.strip(" \xa0\u3000|*"):
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
    return Heading(index, last, fields) if "from" in fields and enough else None


def _label_of(match: re.Match[str]) -> str:
    return next(name for name, group in _NAMES.items() if match.group(group) is not None)


def _on_one_line(lines: list[str], index: int) -> Heading | None:
    """Return the heading if one line has a sender, a date and another label, each with a colon."""
    line = unquoted(lines[index])[:1_000].strip()
    if len(line) < 20 or line.count(":") + line.count("：") < 3:
        return None
    if (separator := _ORIGINAL.match(line)) is not None:
        line = line[separator.end() :]
    found = list(_INSIDE.finditer(line))
    fields: dict[str, str] = {}
    ends = [*(match.start() for match in found[1:]), len(line)]
    for match, end in zip(found, ends, strict=False):
        fields.setdefault(_label_of(match), line[match.end() : end].strip(" \t\xa0\u3000;；,，"))
    at_start = bool(found) and found[0].start() == 0
    is_heading = at_start and len(fields) >= 3 and {"from", "sent"} <= fields.keys()
    return Heading(index, index + 1, fields) if is_heading else None


_DASHES = r"[-–—_=*]{2,80}"
_ORIGINAL = re.compile(
    rf"{_BLANK}*{_DASHES}{_BLANK}*(?:Original Message|Original Email|Original Mail|Original|Replied Message|"
    r"Ursprüngliche Nachricht|Original-?Nachricht|Message d['’]origine|Message original|Messaggio originale|"
    r"Mensaje original|Mensagem original|Oorspronkelijk bericht|"
    r"(?:回复|回覆|答复)?的?(?:原始|原)(?:邮件|郵件|訊息|信件|信息)|原文|原信|邮件原文|郵件原文|回复(?:的)?邮件(?:信息)?|"
    rf"邮件原件|以下是引用的邮件|元のメッセージ){_BLANK}*{_DASHES}{_BLANK}*",
    re.IGNORECASE,
)
_NETEASE_REPLY = re.compile(
    r"[ \t]*(?:---- )?(?:回复的原邮件|Replied Message)(?: ----)?[ \t]*[-|]*[ \t]*"
)
_FORWARD = re.compile(
    rf"{_BLANK}*(?:{_DASHES}{_BLANK}*(?:Forwarded message|Forwarded mail|Forwarding messages|Forwarded by[^-]*|"
    r"转发的?邮件(?:信息)?|转发邮件信息|转发信息|已转发邮件|轉寄郵件|轉寄的郵件|已轉寄的郵件|轉發的?郵件|轉寄訊息|"
    r"Weitergeleitete (?:Nachricht|E-?Mail)|Message (?:transféré|réexpédié)|Courriel transféré|Mensaje reenviado|"
    rf"Messaggio inoltrato|Mensagem encaminhada|Doorgestuurd bericht){_BLANK}*{_DASHES}|"
    r"(?:Begin forwarded message|Start of forwarded message|(?:以下是)?(?:开始)?转发的?邮件|下面是被转发的邮件|"
    r"以下是轉寄的郵件|開始轉寄的?郵件|以下為轉寄的郵件|下面是被轉寄的郵件|Début du message (?:transféré|réexpédié)|"
    r"Anfang der weitergeleiteten (?:Nachricht|E-?Mail)|Inizio messaggio inoltrato|Inicio del mensaje reenviado)"
    rf"{_BLANK}*[:：]){_BLANK}*",
    re.IGNORECASE,
)
_RULE = re.compile(rf"{_BLANK}*(?:_{{20,120}}|-{{20,120}}|={{20,120}}|—{{10,80}}){_BLANK}*")

_VERB = (
    r"wrote|writes|写道|寫道|撰写|撰寫|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|のメール|"
    r"написал[аи]?"
)
_WROTE_END = re.compile(
    rf"(?:{_VERB})\s?[:：]?\Z|(?:{_VERB}|写|寫)\s?[:：]\Z|schrieb .{{1,200}}[:：]\Z", re.IGNORECASE
)
_ADDRESS_END = re.compile(
    r"(?:[<(（][\w.+-]{1,64}@[\w.-]{1,200}[>)）]|\bby [\w.+-]{1,64}@[\w.-]{1,200})\s?[:：]\Z"
)
_MOMENT = re.compile(
    r"\d{1,4}\s?(?:[-/.年])\s?\d{1,2}\s?(?:[-/.月])\s?\d{1,4}|\d{1,2}:\d{2}|\d{1,2}月\d{1,2}日|"
    r"\d\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|"
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
)
_BEGIN = re.compile(
    r"(?:On|At|在|于|於|Am|Le|El|Il|Op|Em|Den|В)\b|在|于|於|\d{4}[-年/]|.{1,120}(?:于|於)\s?\d{4}\s?年",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"(?:于|於|在)\s?\d|.{0,120}(?:于|於|在)\s?\d{4}")
"""The second line of an attribution whose first line is a name with an address."""
_LONGEST = 4
"""The maximum number of lines over which a mail program wraps `On ... wrote:`."""


def is_original(lines: list[str], index: int) -> bool:
    """Whether the line introduces an older mail, like `-----Original Message-----`.

    The next line that is not blank must begin with a label like `From`, or have a quote mark.
    """
    plain = unquoted(lines[index])[:200]
    separates = _ORIGINAL.fullmatch(plain) is not None or (
        ("原邮件" in plain or "Replied Message" in plain)
        and _NETEASE_REPLY.fullmatch(plain) is not None
    )
    if not separates:
        return False
    following = next_filled(lines, index + 1)
    if following == len(lines):
        return False
    line = unquoted(lines[following])[:1_000].strip(" \t\xa0\u3000|")
    labelled = _LINE.fullmatch(line) or _CELL.fullmatch(line)
    return labelled is not None or QUOTE_MARK.match(lines[following]) is not None


def is_forward(line: str) -> bool:
    """Whether the line introduces a forwarded mail, like `---- Forwarded message ----`."""
    return _FORWARD.fullmatch(unquoted(line)[:200]) is not None


def is_rule(line: str) -> bool:
    """Whether the line is a rule like those that Outlook and Alibaba put before a quoted mail."""
    return _RULE.fullmatch(line[:200]) is not None


def unquoted(line: str) -> str:
    """Return the line without quote marks at its beginning."""
    match = _MARKS.match(line)
    return line[match.end() :] if match else line


def next_filled(lines: list[str], index: int) -> int:
    """Return the index of the first line from `index` on that is not blank, or the line count."""
    while index < len(lines) and not lines[index].strip():
        index += 1
    return index


@dataclass(frozen=True, slots=True)
class Attribution:
    """A text like `On Mon, 23 Nov 2026, Li <li@example.com> wrote:`, up to line `last` (exclusive).

    has_address  it contains a mail address
    has_marks    the next line that is not blank has a quote mark
    """

    last: int
    has_address: bool
    has_marks: bool


def attribution_at(lines: list[str], index: int) -> Attribution | None:
    """Return the attribution that begins at this line; None if none begins here.

    It has up to `_LONGEST` lines. It ends with a verb such as "wrote", or with an address in
    brackets and a colon. It must contain a time or an address, or the line after it must have a
    quote mark. Without this condition, "he wrote:" in a person's own text would count.
    """
    first = unquoted(lines[index]).strip()
    if not first or len(first) > 500:
        return None
    begins = _BEGIN.match(first) is not None
    text = ""
    for count in range(min(_LONGEST, len(lines) - index)):
        line = unquoted(lines[index + count]).strip()
        if not line or len(line) > 500:
            return None
        if count == 1 and not begins:
            # `Li Na <li@example.com>` can be the first line, and `于2026年...写道：` the second one.
            begins = _CONTINUES.match(line) is not None
        if count and not begins:
            return None
        text = f"{text} {line}".strip()
        if (end := _end_of_attribution(line, text)) is None:
            return None
        if end:
            return _attribution(lines, index + count + 1, text)
        if count == 0 and not begins and not _may_be_a_name(lines, index):
            return None
    return None


def _may_be_a_name(lines: list[str], index: int) -> bool:
    """Whether the line is a name with an address, which the next line continues.

    The address can also begin the next line: `<li@example.com>于2026年...写道：`.
    """
    if _ADDRESS.search(unquoted(lines[index])[:500]):
        return True
    following = unquoted(lines[index + 1])[:100].strip() if index + 1 < len(lines) else ""
    return len(lines[index]) < 80 and following.startswith("<") and "@" in following


def _end_of_attribution(line: str, text: str) -> bool | None:
    """Whether an attribution ends with this line; None if no attribution continues after it."""
    if not line.endswith((":", "：", "道", "写", "寫", "wrote", "writes", "écrit", "schrieb")):
        return False
    tail = text[-220:]
    if _WROTE_END.search(tail):
        return True
    if _ADDRESS_END.search(tail) and _MOMENT.search(text):
        return True
    return None if line.endswith((":", "：")) else False


def _attribution(lines: list[str], last: int, text: str) -> Attribution | None:
    following = next_filled(lines, last)
    has_marks = following < len(lines) and QUOTE_MARK.match(lines[following]) is not None
    has_address = _ADDRESS.search(text) is not None
    if has_marks or has_address or _MOMENT.search(text):
        return Attribution(last, has_address, has_marks)
    return None
