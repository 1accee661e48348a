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
    "from": r"From|发件人|發件人|寄件者|寄件人|发信人|發信人|Von|De|Da|Van|Från|Expéditeur|Absender|差出人|從|从",
    "sent": r"Sent|Date|已傳送|已发送|已傳送時間|发送时间|发送日期|發送時間|寄件日期|傳送日期|傳送時間|日期|时间|時間|发送于|发信时间|"
    r"Gesendet(?: am)?|Datum|Envoyé(?: le)?|Enviado(?: el)?|Fecha|Inviato|Data|Skickat|送信日時|日時",
    "to": r"To|Pour|至|到|收件人|收件者|收信人|An|À|A|Para|Aan|Till|Destinataires?|Empfänger|宛先",
    "cc": r"Cc|CC|抄送至|抄送|副本|副本抄送|Kopie|Copie(?: à)?",
    "subject": r"Subject|主题|主題|主旨|标题|標題|Betreff|Objet|Sujet|Asunto|Oggetto|Onderwerp|Assunto|"
    r"Ämne|件名",
    "reply-to": r"Reply-To|回复至|回覆至|回复|Répondre à|Antwort an|Antworten an",
    "importance": r"Importance|重要性|Organization|Attachments?|附件|Pièces? jointes?|Anlagen?|Anhang|Anhänge|"
    r"Priorität|Wichtigkeit",
}


def _spaced(words: str) -> str:
    """Allow blanks between the Chinese characters of labels: some programs write `主　题`."""
    return re.sub(r"(?<=[一-鿿])(?=[一-鿿])", lambda _: f"{_BLANK}{{0,2}}", words)


_LABELS = {name: _spaced(words) for name, words in _LABELS.items()}
_ANY_LABEL = "|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _LABELS.items())
"""Matches any label. The group that matches is named in `_NAMES`."""
_LINE = re.compile(
    rf"{_BLANK}{{0,4}}(?:[*|＊]{_BLANK}*){{0,3}}(?:"
    + _ANY_LABEL
    # Some programs write `*From:* x`. NetEase writes a row of a table: `| 发件人 | x |`.
    + rf"){_BLANK}*\*?{_BLANK}*(?:[:：]|\|){_BLANK}*\*?{_BLANK}*(?P<value>.*)"
)
_CELL = re.compile(rf"{_BLANK}*(?:" + _ANY_LABEL + rf")(?:{_BLANK}+(?P<value>.*)|{_BLANK}*)")
"""Matches a label without a colon, as in the table of NetEase's card."""
_INSIDE = re.compile(
    # 139 writes no blank before a label. Chinese labels are recognised without one.
    r"(?:(?<=[\s>;；,，\"”])|\A|(?=[一-鿿]))(?:" + _ANY_LABEL + rf"){_BLANK}*[:：]"
)
_NAMES = {name: name.replace("-", "_") for name in _LABELS}
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.")
_TIME_OF_DAY = re.compile(
    r"\d{1,2}\s?[:：h時时点點]\s?\d{2}|\d{1,2}\s?(?:am|pm|點|点|Uhr)\b", re.IGNORECASE
)
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

        It has at least two of these: the subject, the address of the sender, and a date with the
        time of day. Parcel labels, journeys and letters have at most one.
        """
        timed = _TIME_OF_DAY.search(self.fields.get("sent", "")[:200]) is not None
        return timed + ("subject" in self.fields) + (self.address != "") > 1

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
    if (separator := _ORIGINAL.match(line) or _FORWARD.match(line)) is not None:
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
_CERTAIN_ORIGINAL = re.compile(
    rf"{_BLANK}*-{{3,80}}{_BLANK}*(?:Original Message|Replied Message|Ursprüngliche Nachricht|"
    rf"(?:回复|回覆)?的?(?:原始|原)(?:邮件|郵件)){_BLANK}*-{{3,80}}[{_BLANK[1:-1]}|-]*",
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
_COLON = "[:：﹕︰]"
_END = re.compile(
    rf"(?:{_VERB})\s?{_COLON}?\Z|(?:写|寫)\s?{_COLON}\Z|\bschrieb\b(?= .{{1,120}}{_COLON}\Z)",
    re.IGNORECASE,
)
_ADDRESS_END = re.compile(
    rf"(?:<[\w.+-]{{1,64}}@[\w.-]{{1,200}}>|\bby [\w.+-]{{1,64}}@[\w.-]{{1,200}})\s?{_COLON}\Z"
)
_IN_BRACKETS = re.compile(r"[<(\[](?:mailto:)?[\w.+-]{1,64}@[\w.-]{1,200}[>)\]]")
_BARE_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,200}")
_MOMENT = re.compile(
    r"\d{1,4}\s?(?:[-/.年])\s?\d{1,2}\s?(?:[-/.月])\s?\d{1,4}|\d{1,2}:\d{2}|\d{1,2}月\d{1,2}日|"
    r"\d\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|"
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
)
_FULL_MOMENT = re.compile(r"\d{4}.{0,30}\d{1,2}:\d{2}")
_BEGIN = re.compile(
    r"(?:On|At|在|于|於|Am|Le|El|Il|Op|Em|Den|В)\b|在|于|於|\d{4}[-年/]|.{1,120}(?:于|於)\s?\d{4}\s?年",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"(?:于|於|在)\s?\d|.{0,120}(?:于|於|在)\s?\d{4}")
"""Matches a later line of an attribution whose first line is a name."""
_NOT_A_NAME = re.compile(
    r"\d+|[年月日时時分秒点點号號]|上午|下午|凌晨|早上|晚上|中午|傍晚|(?:周|週|星期|礼拜|禮拜)[一二三四五六日天]|"
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b|"
    r"\b(?:mo|di|mi|do|fr|sa|so|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)\b|"
    r"\b(?:lun|mar|mer|jeu|ven|sam|dim)(?:di|edi|credi|anche)?\b|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|févr|avr|juin|juil|"
    r"août|sept|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott)[a-zéûäç]{0,7}\b|"
    r"\b(?:am|pm|at|um|uhr|à|alle|ore|kl|om|gmt|utc|cst|cet|cest|hkt|est|pst|by|st|nd|rd|th|h)\b|"
    r"[-+:/.,，;；'\"“”‘’()（）\[\]<>«»_*|\s\xa0\u3000]",
    re.IGNORECASE,
)
"""Matches everything in an attribution except the name: dates, times and punctuation."""
_PROSE = re.compile(
    r"\b(?:I|you|yours?|my|me|we|ours?|us|he|she|they|them|his|her|it|its|and|but|because|that|this|"
    r"who|which|when|was|were|is|are|have|has|had|to|lost|want|sent|paid|gave|said|agent|colleague|"
    r"You|Your|My|We|Our|They|This|That|And|But|"
    r"ich|sie|ihr|ihre|ihnen|mein|meine|wir|er|und|aber|weil|dass|habe|hat|wurde|Ich|Ihr|Ihre|Mein|Wir|"
    r"je|vous|votre|vos|mon|ma|mes|nous|il|elle|et|mais|car|parce|que|veux|Je|Vous|Votre|Vos|Mon|"
    r"yo|usted|su|mi|pero|porque|ho|mio|perché|eu|meu|mas)\b|"
    r"[我你您他她它们們了吗嗎]|因为|因為|所以|但是|要求|退款|上周|上週|昨天|前天|今天"
)
"""Matches words of sentences. The name in an attribution does not contain them."""
_LONGEST_NAME = 60
_MOST_WORDS = 6
_MOST_HAN = 16
_LONGEST = 4
"""The maximum number of lines over which a mail program wraps `On ... wrote:`."""


def is_original(lines: list[str], index: int) -> bool:
    """Whether the line introduces an older mail, like `-----Original Message-----`.

    A heading or a line with a quote mark must follow. After the separator of a common program, a
    line that names the sender is enough.
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
    if QUOTE_MARK.match(lines[following]) or heading_at(lines, following) is not None:
        return True
    if _CERTAIN_ORIGINAL.fullmatch(plain) is None:
        return False
    line = unquoted(lines[following])[:1_000].strip(" \t\xa0\u3000|")
    labelled = _LINE.fullmatch(line) or _CELL.fullmatch(line)
    return labelled is not None and _label_of(labelled) == "from"


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

    by_program   it has only a date, a name, addresses and a verb, so a program wrote it
    has_address  it has a mail address and a time as a mail program writes them
    has_marks    the next line that is not blank has a quote mark
    """

    last: int
    by_program: bool
    has_address: bool
    has_marks: bool

    @property
    def proven(self) -> bool:
        return self.by_program and (self.has_address or self.has_marks)


def attribution_at(lines: list[str], index: int) -> Attribution | None:
    """Return the attribution that begins at this line; None if none begins here.

    It has up to `_LONGEST` lines. It ends with a verb such as "wrote", or with an address in
    brackets and a colon. A sentence of the sender can end like this, too. Then `by_program` is
    false.
    """
    first = unquoted(lines[index]).strip()
    if not first or len(first) > 500:
        return None
    begins = _BEGIN.match(first) is not None
    if not begins and not _ends(first, first) and not _may_be_a_name(lines, index):
        return None
    text = ""
    for count in range(min(_LONGEST, len(lines) - index)):
        line = unquoted(lines[index + count]).strip()
        if not line or len(line) > 500:
            return None
        text = f"{text} {line}".strip()
        if _ends(line, text):
            found = _attribution(lines, index + count + 1, text)
            # If a sentence of the sender has several lines, only its last line counts.
            return found if count == 0 or found.by_program else None
        if line.endswith((":", "：")):
            return None
        begins = begins or _CONTINUES.match(line) is not None
    return None


def _may_be_a_name(lines: list[str], index: int) -> bool:
    """Whether the line is a name with an address, which the next line continues.

    The address can also begin the next line: `<li@example.com>于2026年...写道：`.
    """
    if _ADDRESS.search(unquoted(lines[index])[:500]):
        return True
    following = unquoted(lines[index + 1])[:100].strip() if index + 1 < len(lines) else ""
    return len(lines[index]) < 80 and following.startswith("<") and "@" in following


def _ends(line: str, text: str) -> bool:
    """Whether an attribution can end with this line."""
    if not line.endswith(
        (":", "：", "﹕", "︰", "道", "写", "寫", "wrote", "writes", "écrit", "schrieb")
    ):
        return False
    tail = text[-220:]
    return _END.search(tail) is not None or (
        _ADDRESS_END.search(tail) is not None and _MOMENT.search(text) is not None
    )


def _attribution(lines: list[str], last: int, text: str) -> Attribution:
    following = next_filled(lines, last)
    has_marks = following < len(lines) and QUOTE_MARK.match(lines[following]) is not None
    has_address = (_IN_BRACKETS.search(text) is not None and _MOMENT.search(text) is not None) or (
        _BARE_ADDRESS.search(text) is not None and _FULL_MOMENT.search(text) is not None
    )
    by_program = _is_by_program(text)
    if not (_MOMENT.search(text) or _ADDRESS.search(text)):
        # `Li Na wrote:` counts only if the very next line has a quote mark.
        marked = last < len(lines) and QUOTE_MARK.match(lines[last]) is not None
        by_program = by_program and marked
    return Attribution(last, by_program, has_address, has_marks)


def _is_by_program(text: str) -> bool:
    """Whether an attribution has nothing but a date, a name, addresses and the verb."""
    rest = _END.sub(" ", text[:1_000])
    rest = _BARE_ADDRESS.sub(" ", _IN_BRACKETS.sub(" ", rest))
    if begin := re.match(r"(?:On|At|Am|Le|El|Il|Op|Em|Den|В)\b|[在于於]", rest, re.IGNORECASE):
        rest = rest[begin.end() :]
    name = _NOT_A_NAME.sub(" ", rest).split()
    if _PROSE.search(" ".join(name)):
        return False
    han = sum("一" <= character <= "鿿" for word in name for character in word)
    return len(" ".join(name)) <= _LONGEST_NAME and len(name) <= _MOST_WORDS and han <= _MOST_HAN
