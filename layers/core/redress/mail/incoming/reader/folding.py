"""Mark the parts of a text that the sender did not write for this mail: quotes, signatures, ...

Every line belongs to at most one part. All other lines are the sender's own words. The module
`redress.mail.incoming.rules.folding` decides which parts are folded. The existing libraries know
English only; docs/decisions/015-inbound-mail.md shows what they do with Chinese mails.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from copy import replace
from dataclasses import dataclass

from redress.mail.incoming.reader import quoting
from redress.mail.incoming.reader.limits import TEXT_PARTS
from redress.mail.incoming.rules.folding import Part, PartKind

_MARKER = re.compile(r"##[-–— ]{1,3}[^#\n]{1,120}[-–— ]{1,3}##")
_MARKER_WORDS = re.compile(r"above this line|此行上方")
"""A line that matches both patterns is the marker line of the product's mails (`Phrases.marker`).
Redress wrote that line and everything after it."""

_DELIMITER = re.compile(r"-- |--\xa0")
"""Matches the delimiter of RFC 3676, 4.3. People do not type the blank at its end."""
_DIVIDER = re.compile(r"(?:--|—|– ?–|__+)[ \xa0]?")
"""Matches a line with which some programs begin a signature. People also use it within a text."""
_DASHES = re.compile(r"[ \t]*[-—_=]{3,100}[ \t]*")
_LONGEST_SIGNATURE = 20
"""The most lines of a signature after its delimiter. If more lines follow, they are text."""
_LONGEST_UNMARKED_SIGNATURE = 8
_CONTACT = re.compile(
    r"\W{0,3}(?:"
    r"(?:e-?mail|mail|邮箱|郵箱|电邮|電郵)?\s?[:：]?\s?[\w.+-]{1,64}@[\w.-]{1,200}|(?:https?://|www\.)\S{1,150}|"
    r"(?:tel|phone|mob|mobile|cell|fax|telefon|tél|电话|電話|手机|手機|传真|傳真|微信|wechat|qq|line)\.?\s?[:：].{1,60}|"
    r"\+?[\d ()（）-]{8,24}"
    r")\W{0,3}",
    re.IGNORECASE,
)
"""Matches a line that has only an address, a link, a labelled contact or a telephone number."""
_NAME = re.compile(r"(?:[^\W\d_]+[. ]?){1,4}|[一-鿿]{2,6}")
_TELLS = re.compile(
    r"\b(?:i|you|your|my|me|we|our|us|he|she|they|his|her|it|is|are|was|were|has|have|had|not|no|wants?|needs?|"
    r"please|broken|missing|order|refund|ich|sie|mein|nicht|bitte|je|vous|mon|pas)\b|"
    r"[我你您他她不没沒请請要了坏壞少退换換单單件个個是有在和的吗嗎]",
    re.IGNORECASE,
)
"""Matches words that occur in sentences and lists, but not in a signature."""

_DEVICE_NAMES = (
    r"iOS|iPhone|iPad|iPod|Mac(?:Book)?|Android|Samsung|Galaxy|Xiaomi|Redmi|Mi|HUAWEI|HONOR|OPPO|vivo|realme|"
    r"OnePlus|Nokia|Sony|Xperia|LG|Motorola|Moto|Pixel|BlackBerry|Windows|Phone|Surface|HTC|Lenovo|ZTE|"
    r"Meizu|Outlook|Foxmail|QQ|QQMail|Yahoo|Gmail|Mail|ProtonMail|Proton Mail|Proton|Thunderbird|AOL|GMX|WEB\.DE|"
    r"T-Mobile|Verizon|AT&T|Smartphone|Handy|"
    r"小米|红米|紅米|华为|華為|荣耀|榮耀|一加|魅族|三星|苹果|蘋果|索尼|联想|聯想|中兴|手机|手機|平板|安卓|"
    r"网易|網易|雅虎|钉钉|飞书|阿里|新浪|搜狐|企业微信|139|189|126|163"
)
_DEVICE_WORDS = (
    r"mobile|phone|smartphone|handset|tablet|device|mail|app|for|on|5G|4G|LTE|wireless|network|Pro|Max|Plus|"
    r"Ultra|Mini|Note|SE|Air|XS|XR"
)
_DEVICE_WORDS_ZH = (
    r"手机|手機|平板|电脑|電腦|邮箱|郵箱|邮件|郵件|大师|大師|客户端|用戶端|移动版|智能版|版|QQ"
)
_DEVICE_MODEL = r"[A-Za-z]{0,4}\d{1,4}[A-Za-z+]{0,6}"
_LINK = r"(?: ?[<(\[]\s?https?://[^\s<>()\[\]]{1,200}[>)\]])?"
_DEVICE_THING = (
    rf"\[?(?:{_DEVICE_NAMES})\]?{_LINK}(?:{_DEVICE_MODEL})?"
    rf"(?:[ _-](?:{_DEVICE_NAMES}|{_DEVICE_WORDS}|{_DEVICE_MODEL}|[A-Z]\d?)| ?(?:{_DEVICE_WORDS_ZH})){{0,6}}"
)
_PROGRAM = (
    rf"\[?(?:Mail|Outlook|Yahoo Mail|Gmail Mobile|Proton Mail|Tuta|Samsung|AOL|BlueMail|Spark|iPhone|iPad|"
    rf"Windows|Foxmail|WhatsApp)\]?{_LINK}"
    r"(?: (?:for|on|Mail|Mobile|Desktop|app|iOS|Android|Windows|Mac|Linux|iPhone|\d{1,2}|Galaxy|smartphone)){1,4}|"
    rf"Outlook{_LINK}|\[?Proton Mail\]?{_LINK}|BlueMail|Yahoo Mail"
)
"""Matches a mail program as it names itself. A bare noun like `Mail` does not match, because a
person can write `Sent via mail.`"""
_DEVICE = re.compile(
    r"[ \t>]{0,4}(?:[-—–][ \t]?)?(?:"
    r"(?:Sent|Envoyé|Enviado|Inviato|Gesendet|Verzonden) "
    r"(?:from|via|depuis|de|desde|da|dal|do|von|mit|vanaf|with|using) "
    r"(?:(?:my |mon |mi |meinem |meiner |der |mijn |il mio |meu )"
    rf"{_DEVICE_THING}|{_PROGRAM})(?: gesendet| secure e-?mail)?|"
    rf"Von (?:meinem|meiner) {_DEVICE_THING} gesendet|"
    rf"(?:Get|Télécharger|Obtenir|Holen Sie sich) \[?(?:Outlook|BlueMail|Yahoo Mail) (?:for|pour|für) "
    rf"(?:iOS|Android|Mac|Mobile)\]?|"
    rf"(?:(?:发自|發自|来自|來自|发送自|發送自|傳送自|寄自|自)\s?我的?|发自|發自|发送自|發送自|傳送自)\s?"
    rf"{_DEVICE_THING}(?:发送|發送|傳送)?|"
    rf"(?:從|从)\s?(?:我的|我)?\s?{_DEVICE_THING}\s?(?:传送|傳送|发送|發送|寄出|寄送)(?:的邮件|的郵件)?|"
    r"(?:获取|取得|下载|下載)\s?(?:适用于|適用於)?\s?(?:iOS|Android|Mac|Windows)?\s?(?:版\s?)?(?:的)?\s?"
    r"Outlook(?: (?:for|iOS|Android)){0,2}|"
    r"(?:签名|簽名)由\s?.{0,12}(?:邮箱|郵箱|大师|大師|Mail).{0,12}\s?定制"
    rf"){_LINK}[ \t。.]*",
    re.IGNORECASE,
)
"""Matches a complete line that a phone or a mail program adds. Its words come from a closed list, so
a sentence like `Sent from the shop by courier` does not match."""
_NEAR = 20
"""How many lines at each end of the sender's own words are checked for device lines."""
_CARD_BEGIN = re.compile(r"[ \t]*\|[ \t]*\|[ \t]*")
_CARD_END = re.compile(r"[ \t]*\|[ \t]*")
"""The first and the last line of the table that NetEase's phone app adds as a signature."""
_CARD_LINES = 12
_BREAKS = re.compile(r"(?:<br ?/?>){1,20}")
_BELOW = re.compile(
    r"\b(?:below|in-?line|in red|in blue|in bold|underneath|unten|im Text|ci-dessous|dans le texte)\b|"
    r"下面|下方|如下|以下|见下|見下|红字|紅字|蓝字|藍字",
    re.IGNORECASE,
)
"""Words with which people say that they answer inside the quoted mail."""
_LOOKED_AT = 500
_ARMOUR_BEGIN = re.compile(
    r"-----BEGIN PGP (?:SIGNED MESSAGE|SIGNATURE|MESSAGE|PUBLIC KEY BLOCK)-----[ \t]*"
)
_ARMOUR_END = re.compile(r"-----END PGP [A-Z ]{3,30}-----[ \t]*")
_ARMOUR_HEADER = re.compile(r"(?:Hash|Charset|Version|Comment|MessageID): .*")


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about a mail besides its text.

    forwards   the subject says that the mail forwards another one
    names      names and addresses of the sender, which its signature may contain
    """

    forwards: bool = False
    names: Collection[str] = ()


class _Marks:
    """The part to which each line belongs; None for the sender's own words."""

    def __init__(self, count: int) -> None:
        self.lines: list[Part | None] = [None] * count

    def add(self, part: Part) -> None:
        self.lines[part.first : part.last] = [part] * (part.last - part.first)

    def parts(self) -> tuple[Part, ...]:
        """Return the parts in order. Neighbours of the same kind and proof become one."""
        found: list[Part] = []
        for index, mark in enumerate(self.lines):
            if mark is None:
                continue
            last = found[-1] if found else None
            if last is not None and last.last == index and _alike(last, mark):
                found[-1] = replace(last, last=index + 1)
            elif mark.introduces:
                if mark.first == index:
                    found.append(mark)
            else:
                found.append(replace(mark, first=index, last=index + 1))
        return tuple(found)


def _alike(one: Part, other: Part) -> bool:
    same = (one.kind, one.proven) == (other.kind, other.proven)
    return same and not one.introduces and not other.introduces


def parts_of(text: str, context: Context | None = None) -> tuple[Part, ...]:
    """Return the marked parts of a text, in order, at most limits.TEXT_PARTS. None overlap."""
    lines, context = text.split("\n"), context or Context()
    end = _marked_end(lines)
    marks = _marked(lines, context, end)
    if end < len(lines) and not _has_own_words(lines, marks):
        # The sender wrote below the marker line, although that line asks for text above it.
        marks = _marked(lines, context, len(lines))
    return marks.parts()[:TEXT_PARTS]


def _marked(lines: list[str], context: Context, end: int) -> _Marks:
    marks = _Marks(len(lines))
    _mark_armour(lines, marks)
    _mark_quotes(lines, marks, end, context)
    _mark_signatures(lines, marks, context)
    return marks


def _has_own_words(lines: list[str], marks: _Marks) -> bool:
    return any(line.strip() and mark is None for line, mark in zip(lines, marks.lines, strict=True))


def _marked_end(lines: list[str]) -> int:
    """Return the index of the marker line, or the number of lines if there is none."""
    for index, line in enumerate(lines):
        if "##" in line:
            found = _MARKER.search(line[:500])
            if found and _MARKER_WORDS.search(found.group()):
                return index
    return len(lines)


def _mark_quotes(lines: list[str], marks: _Marks, end: int, context: Context) -> None:
    """Mark quotes and forwarded mails. Every line from index `end` on is a quote."""
    index, count = 0, len(lines)
    while index < count:
        line = lines[index]
        older = (PartKind.QUOTE, index) if index >= end else _older_mail_at(lines, index, context)
        if older is not None:
            kind, body = older
            first, last = _attribution_before(lines, index), count
            marked = quoting.next_filled(lines, body)
            if index < end and marked < count and quoting.QUOTE_MARK.match(lines[marked]):
                # The program marked the lines of the older mail, so the others are the sender's.
                last = _end_of_marked(lines, marked)
            proven = (
                kind is PartKind.FORWARD or last < count or not _answers_below(lines, marks, first)
            )
            marks.add(Part(kind, first, last, proven))
            index = last
            continue
        if not line.strip() or marks.lines[index] is not None:
            index += 1
            continue
        found = quoting.attribution_at(lines, index)
        if found is not None:
            index = _mark_attributed(lines, marks, index, found)
        elif quoting.QUOTE_MARK.match(line):
            index = _mark_marked(lines, marks, index)
        else:
            index += 1
    _mark_blanks(lines, marks)


def _mark_attributed(
    lines: list[str], marks: _Marks, index: int, found: quoting.Attribution
) -> int:
    """Mark an attribution and the quote that it proves. Return the index after them."""
    if not found.proven:
        marks.add(
            Part(
                PartKind.QUOTE,
                index,
                found.last,
                proven=False,
                introduces=True,
                own=not found.by_program,
            )
        )
        return found.last
    if found.has_marks:
        last = _end_of_marked(lines, quoting.next_filled(lines, found.last))
    elif _answers_below(lines, marks, index):
        marks.add(Part(PartKind.QUOTE, index, found.last, proven=True))
        marks.add(Part(PartKind.QUOTE, found.last, len(lines), proven=False))
        return len(lines)
    else:
        last = len(lines)
    marks.add(Part(PartKind.QUOTE, index, last, proven=True))
    return last


def _mark_marked(lines: list[str], marks: _Marks, index: int) -> int:
    """Mark the lines with quote marks that begin here. Return the index after them.

    The quote is proven if it begins with the heading of a mail, as Coremail writes it.
    """
    last = _end_of_marked(lines, index)
    heading = quoting.heading_at(lines, index)
    proven = quoting.is_original(lines, index) or (heading is not None and heading.proven)
    marks.add(Part(PartKind.QUOTE, index, last, proven))
    return last


def _end_of_marked(lines: list[str], index: int) -> int:
    """Return the index of the first line from `index` on that has no quote mark.

    Mail programs mark the blank lines of a quote, too. A person who answers with `>` below a blank
    line writes their own words.
    """
    while index < len(lines) and quoting.QUOTE_MARK.match(lines[index]):
        index += 1
    return index


def _answers_below(lines: list[str], marks: _Marks, first: int) -> bool:
    """Whether the sender says above the quote that they answer inside of it."""
    own = (line for line, mark in zip(lines[:first], marks.lines[:first], strict=True) if not mark)
    return _BELOW.search("\n".join(own)[-_LOOKED_AT:]) is not None


def _older_mail_at(lines: list[str], index: int, context: Context) -> tuple[PartKind, int] | None:
    """Return the kind of the older mail that begins at this line, and the index of its text.

    Returns None if no older mail begins here. The mail counts as forwarded if the line says so,
    such as `Forwarded message`, or if the subject says that the mail forwards another one.
    """
    stripped = lines[index].strip()
    if not stripped or stripped[0] in ">＞":
        return None
    forwards = quoting.is_forward(lines[index])
    separates = forwards or quoting.is_original(lines, index)
    begin = index
    if separates or quoting.is_rule(lines[index]):
        begin = quoting.next_filled(lines, index + 1)
    heading = quoting.heading_at(lines, begin) if begin < len(lines) else None
    if not separates and (heading is None or not heading.proven or _is_senders(heading, context)):
        return None
    kind = PartKind.FORWARD if forwards or context.forwards else PartKind.QUOTE
    return kind, heading.last if heading is not None else begin


def _is_senders(heading: quoting.Heading, context: Context) -> bool:
    """Whether the heading names the sender of this mail. Then it may belong to their own letter."""
    written = heading.fields.get("from", "").casefold()
    return any(name.casefold() in written for name in context.names if len(name) > 1)


def _attribution_before(lines: list[str], index: int) -> int:
    """Return the index of the first line that introduces the older mail at line `index`.

    NetEase's phone app writes an attribution above its separator, and Kylin writes a line of dashes
    above the heading. If there is neither, the result is `index`.
    """
    before = index - 1
    while before >= 0 and not lines[before].strip(" \t>＞"):
        before -= 1
    if before >= 0 and _DASHES.fullmatch(lines[before][:120]):
        return before
    for first in range(max(0, before - 3), before + 1):
        found = quoting.attribution_at(lines, first)
        if found is not None and found.by_program and found.last == before + 1:
            return first
    return index


def _mark_blanks(lines: list[str], marks: _Marks) -> None:
    """Mark blank lines between lines of the same quote as part of it."""
    index = 0
    while index < len(lines):
        mark = marks.lines[index]
        if mark is None or mark.kind is not PartKind.QUOTE or mark.introduces:
            index += 1
            continue
        following = quoting.next_filled(lines, index + 1)
        if following > index + 1 and following < len(lines):
            other = marks.lines[following]
            if other is not None and _alike(mark, other):
                marks.add(Part(PartKind.QUOTE, index, following, mark.proven))
        index = max(following, index + 1)


def _mark_armour(lines: list[str], marks: _Marks) -> None:
    """Mark the lines that PGP adds: its headers, its signature, and an encrypted text.

    A signature or an encrypted text without its end line is not marked.
    """
    index, ends = 0, _ends_of_armour(lines)
    while index < len(lines):
        match = _ARMOUR_BEGIN.fullmatch(lines[index][:80])
        if match is None:
            index += 1
            continue
        last = index + 1
        if "SIGNED MESSAGE" in match.group():
            while last < len(lines) and _ARMOUR_HEADER.fullmatch(lines[last][:200]):
                last += 1
        elif (end := ends.get(index)) is not None:
            last = end
        else:
            index += 1
            continue
        marks.add(Part(PartKind.ARMOUR, index, last, True))
        index = last


def _ends_of_armour(lines: list[str]) -> dict[int, int]:
    """Return a map from the index of each begin line to the index after its end line."""
    found: dict[int, int] = {}
    end: int | None = None
    for index in range(len(lines) - 1, -1, -1):
        if not lines[index].startswith("-----"):
            continue
        if _ARMOUR_END.fullmatch(lines[index][:80]):
            end = index + 1
        elif _ARMOUR_BEGIN.fullmatch(lines[index][:80]) and end is not None:
            found[index] = end
    return found


def _mark_signatures(lines: list[str], marks: _Marks, context: Context) -> None:
    """Mark signatures and device lines in each run of the sender's own lines."""
    index = 0
    while index < len(lines):
        last = index
        while last < len(lines) and marks.lines[last] is None:
            last += 1
        if last > index:
            last_of_text = _mark_signature(lines, marks, index, last, context)
            _mark_devices(lines, marks, index, last_of_text)
        index = max(last, index + 1)


def _mark_signature(
    lines: list[str], marks: _Marks, first: int, last: int, context: Context
) -> int:
    """Mark the signature at the end of a run of lines. Return the index at which the text ends."""
    delimiters = [i for i in range(first, last) if _DELIMITER.fullmatch(lines[i])]
    begin = delimiters[0] if len(delimiters) == 1 else None
    if begin is None or last - begin > _LONGEST_SIGNATURE + 1:
        begin = _card_at(lines, first, last)
    if begin is None:
        dividers = [i for i in range(first, last) if _DIVIDER.fullmatch(lines[i])]
        is_one = len(dividers) == 1 and _is_signature(lines[dividers[0] + 1 : last], context)
        begin = dividers[0] if is_one else None
    if begin is None:
        return last
    marks.add(Part(PartKind.SIGNATURE, begin, last, True))
    return begin


def _card_at(lines: list[str], first: int, last: int) -> int | None:
    """Return the index at which a card of NetEase's phone app begins; None if there is none.

    The app adds such a card as the signature at the end of a text.
    """
    end = last
    while end > first and not lines[end - 1].strip():
        end -= 1
    if end > first and "定制" in lines[end - 1] and _is_device(lines[end - 1]):
        end -= 1
        while end > first and not lines[end - 1].strip():
            end -= 1
    if end == first or not _CARD_END.fullmatch(lines[end - 1][:20]):
        return None
    for index in range(end - 2, max(first, end - _CARD_LINES) - 1, -1):
        if _CARD_BEGIN.fullmatch(lines[index][:20]):
            return index
    return None


def _is_signature(lines: list[str], context: Context) -> bool:
    """Whether the lines below a divider are a signature rather than more of the text.

    They are if a program added all of them. They also are if they begin with a name, are no
    sentences, and the name is the sender's or contact details follow it.
    """
    filled = [line.strip() for line in lines if line.strip()]
    if not 0 < len(filled) <= _LONGEST_UNMARKED_SIGNATURE:
        return False
    if all(_BREAKS.fullmatch(line[:100]) or _is_device(line) for line in filled):
        return True
    names = {name.casefold() for name in context.names if len(name) > 1}
    is_named = filled[0].casefold() in names
    if not (is_named or (_NAME.fullmatch(filled[0]) and not _TELLS.search(filled[0]))):
        return False
    contacts = sum(_CONTACT.fullmatch(line[:200]) is not None for line in filled[1:])
    others = len(filled) - 1 - contacts
    if any(
        len(line) > 60 or _TELLS.search(line) or line[-1] in ".!?。！？；;:："
        for line in filled[1:]
        if not _CONTACT.fullmatch(line[:200])
    ):
        return False
    return (is_named and others <= 3) or (contacts > 0 and others <= 2)


def _is_device(line: str) -> bool:
    return len(line) <= 300 and _DEVICE.fullmatch(line) is not None


def _mark_devices(lines: list[str], marks: _Marks, first: int, last: int) -> None:
    """Mark device lines. Only the lines near both ends of the run are looked at."""
    near = [*range(first, min(first + _NEAR, last)), *range(max(last - _NEAR, first + _NEAR), last)]
    for index in near:
        line = lines[index]
        if not line.strip():
            continue
        # A line that a program added is the first one, follows a blank line, or ends the text.
        is_alone = (
            index == first
            or not lines[index - 1].strip()
            or quoting.next_filled(lines, index + 1) >= last
        )
        if not is_alone or not _is_device(line):
            continue
        kind = PartKind.SIGNATURE if "定制" in line else PartKind.DEVICE
        marks.add(Part(kind, index, index + 1, True))
