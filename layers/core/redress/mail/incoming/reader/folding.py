"""Mark the parts of a text that the sender did not write for this mail: quotes, signatures, ...

Every line belongs to at most one part. Lines of no part are the sender's own words. What becomes of
the parts is decided elsewhere (`redress.mail.incoming.rules.folding`). The existing libraries know
English only; docs/decisions/015-inbound-mail.md shows what they do with Chinese mails.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from redress.base.addresses import canonical
from redress.mail.incoming.reader import quoting
from redress.mail.incoming.reader.limits import TEXT_PARTS
from redress.mail.incoming.rules.folding import Part, PartKind

_MARKER = re.compile(r"##[-–— ]{1,3}[^#\n]{1,120}[-–— ]{1,3}##")
_MARKER_WORDS = re.compile(r"above this line|此行上方")
"""A line that matches both patterns is the marker line of the product's mails (`Phrases.marker`).
Redress wrote that line and everything after it."""

_DELIMITER = re.compile(r"-- |--\xa0")
"""The delimiter of RFC 3676, 4.3. The blank at its end is what people do not type."""
_DIVIDER = re.compile(r"(?:--|—|– ?–|__+)[ \xa0]?")
"""Lines that begin the signature of some programs. People divide their text with the same lines."""
_DASHES = re.compile(r"[ \t]*[-—_=]{3,100}[ \t]*")
_LONGEST_SIGNATURE = 20
"""The most lines of a signature after its delimiter. If more lines follow, they are text."""
_LONGEST_UNMARKED_SIGNATURE = 8
_CONTACT = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.|\bwww\.|https?://|"
    r"(?:tel|phone|mob|mobile|cell|fax|telefon|tél|电话|電話|手机|手機|传真|傳真|邮箱|郵箱)\.?\s?[:：]|"
    r"(?<!\d)\+?\d[\d ()（）-]{6,20}\d(?!\d)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[!?。！？；;]|[a-zß-ÿ]{2}\.\s*\Z|[:：]\s*\Z")

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
_DEVICE = re.compile(
    r"[ \t>]{0,4}(?:[-—–][ \t]?)?(?:"
    r"(?:Sent|Envoyé|Enviado|Inviato|Gesendet|Verzonden|Diese Nachricht wurde) "
    r"(?:from|via|depuis|de|desde|da|dal|do|von|mit|vanaf|by|with|using) "
    r"(?:my |the |mon |mi |meinem |meiner |der |mijn |il mio |meu )?"
    rf"{_DEVICE_THING}(?: gesendet| secure e-?mail)?|"
    rf"Von (?:meinem|meiner) {_DEVICE_THING} gesendet|"
    rf"(?:Get|Télécharger|Obtenir|Holen Sie sich) \[?(?:Outlook|BlueMail|Yahoo Mail) (?:for|pour|für) "
    rf"(?:iOS|Android|Mac|Mobile)\]?|"
    rf"(?:发自|發自|来自|來自|发送自|發送自|傳送自|寄自|自)\s?(?:我的|我)?\s?{_DEVICE_THING}(?:发送|發送|傳送)?|"
    rf"(?:從|从)\s?(?:我的|我)?\s?{_DEVICE_THING}\s?(?:传送|傳送|发送|發送|寄出|寄送)(?:的邮件|的郵件)?|"
    r"(?:获取|取得|下载|下載)\s?(?:适用于|適用於)?\s?(?:iOS|Android|Mac|Windows)?\s?(?:版\s?)?(?:的)?\s?"
    r"Outlook(?: (?:for|iOS|Android)){0,2}|"
    r"(?:签名|簽名)由\s?.{1,30}\s?定制"
    rf"){_LINK}[ \t。.]*",
    re.IGNORECASE,
)
"""A complete line that a phone or a mail program adds. Its words come from a closed list, so that a
sentence like `Sent from the shop by courier` is no such line."""
_NEAR = 20
"""How many lines at each end of the sender's own words may be device lines."""
_NETEASE_TABLE = re.compile(r"[ \t]*\|.*|[ \t]*(?:[\w.+-]+@[\w.-]+|邮箱[:：].{0,80})[ \t]*")
_CARD_BEGIN = re.compile(r"[ \t]*\|[ \t]*\|[ \t]*")
_CARD_END = re.compile(r"[ \t]*\|[ \t]*")
"""The first and the last line of the table that NetEase's phone app adds as a signature."""
_CARD_LINES = 12
_BREAKS = re.compile(r"(?:<br ?/?>){1,20}")
_ARMOUR_BEGIN = re.compile(
    r"-----BEGIN PGP (?:SIGNED MESSAGE|SIGNATURE|MESSAGE|PUBLIC KEY BLOCK)-----[ \t]*"
)
_ARMOUR_END = re.compile(r"-----END PGP [A-Z ]{3,30}-----[ \t]*")
_ARMOUR_HEADER = re.compile(r"(?:Hash|Charset|Version|Comment|MessageID): .*")


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about a mail besides its text.

    own        in lower case, the domains and addresses of Redress
    forwards   the subject says that the mail forwards another one
    names      names and addresses of the sender, which its signature may contain
    """

    own: Collection[str] = ()
    forwards: bool = False
    names: Collection[str] = ()


class _Marks:
    """The mark of each line: the number of its part, or None for the sender's own words."""

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
                found[-1] = Part(last.kind, last.first, index + 1, last.proven, last.introduces)
            else:
                found.append(Part(mark.kind, index, index + 1, mark.proven, mark.introduces))
        return tuple(found)


def _alike(one: Part, other: Part) -> bool:
    same = (one.kind, one.proven, one.introduces) == (other.kind, other.proven, other.introduces)
    return same and not one.introduces


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
    attributed = False
    while index < count:
        line = lines[index]
        older = PartKind.QUOTE if index >= end else _older_mail_at(lines, index, context)
        if older is not None:
            marks.add(Part(older, _attribution_before(lines, index), count, True))
            break
        if not line.strip():
            index += 1
            continue
        found = None if attributed else quoting.attribution_at(lines, index)
        if found is not None:
            to_end = found.has_address and not found.has_marks
            proven = found.has_address or found.has_marks
            last = count if to_end else found.last
            marks.add(Part(PartKind.QUOTE, index, last, proven, introduces=not proven))
            attributed = attributed or found.has_marks
            index = last
        elif quoting.QUOTE_MARK.match(line):
            if not attributed:
                heading = quoting.heading_at(lines, index)
                attributed = quoting.is_original(lines, index) or (
                    heading is not None and heading.proven
                )
            marks.add(Part(PartKind.QUOTE, index, index + 1, attributed))
            index += 1
        elif attributed and (again := quoting.attribution_at(lines, index)) is not None:
            if again.has_address or again.has_marks:
                last = again.last if again.has_marks else count
                marks.add(Part(PartKind.QUOTE, index, last, True))
                index = last
            else:
                index += 1
        else:
            index += 1
    _mark_blanks(lines, marks)


def _older_mail_at(lines: list[str], index: int, context: Context) -> PartKind | None:
    """Return what begins at this line if an older mail goes from it to the end; otherwise None.

    A heading below the words `Forwarded message` is that of a forwarded mail. If the sender of the
    older mail is Redress, it is a quote in any case.
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
    if not separates and (heading is None or not heading.proven):
        return None
    if not (forwards or context.forwards):
        return PartKind.QUOTE
    sender = heading.address.lower() if heading is not None else ""
    return PartKind.QUOTE if _is_own(sender, context) else PartKind.FORWARD


def _is_own(sender: str, context: Context) -> bool:
    """Whether the sender in a heading is an address of Redress."""
    found = re.search(r"[\w.+-]{1,64}@[\w.-]{1,255}", sender)
    if found is None:
        return False
    address = canonical(found.group().rstrip("."))
    return address in context.own or address.rpartition("@")[2] in context.own


def _attribution_before(lines: list[str], index: int) -> int:
    """Return where the lines begin that introduce the older mail at line `index`.

    NetEase's phone app writes an attribution above its separator, Kylin a line of dashes above the
    heading. If there is neither, the result is `index`.
    """
    before = index - 1
    while before >= 0 and not lines[before].strip(" \t>＞"):
        before -= 1
    if before >= 0 and _DASHES.fullmatch(lines[before][:120]):
        return before
    for first in range(max(0, before - 3), before + 1):
        found = quoting.attribution_at(lines, first)
        if found is not None and found.last == before + 1:
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
    """Mark the lines that PGP adds: its headers, its signature, and an encrypted text."""
    index = 0
    while index < len(lines):
        match = _ARMOUR_BEGIN.fullmatch(lines[index][:80])
        if match is None:
            index += 1
            continue
        last = index + 1
        if "SIGNED MESSAGE" in match.group():
            while last < len(lines) and _ARMOUR_HEADER.fullmatch(lines[last][:200]):
                last += 1
        else:
            while last < len(lines) and not _ARMOUR_END.fullmatch(lines[last - 1][:80]):
                last += 1
        marks.add(Part(PartKind.ARMOUR, index, last, True))
        index = last


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
    for index in range(max(first, last - _LONGEST_SIGNATURE - 1), last):
        if _DELIMITER.fullmatch(lines[index]):
            marks.add(Part(PartKind.SIGNATURE, index, last, True))
            return index
    end = last
    while end > first and not lines[end - 1].strip():
        end -= 1
    if end > first and _CARD_END.fullmatch(lines[end - 1][:20]):
        for index in range(end - 2, max(first, end - _CARD_LINES) - 1, -1):
            if _CARD_BEGIN.fullmatch(lines[index][:20]):
                marks.add(Part(PartKind.SIGNATURE, index, last, True))
                return index
    dividers = [i for i in range(first, last) if _DIVIDER.fullmatch(lines[i])]
    if len(dividers) == 1 and _is_signature(lines[dividers[0] + 1 : last], context):
        marks.add(Part(PartKind.SIGNATURE, dividers[0], last, True))
        return dividers[0]
    return last


def _is_signature(lines: list[str], context: Context) -> bool:
    """Whether the lines below a divider are a signature rather than more of the text.

    Either a program added all of them. Or they are short, they have no sentence, and one has the
    sender's name, an address or a number.
    """
    filled = [line.strip() for line in lines if line.strip()]
    added = [line for line in filled if _BREAKS.fullmatch(line[:100]) or _is_device(line)]
    if filled and len(added) == len(filled):
        return True
    if not 0 < len(filled) <= _LONGEST_UNMARKED_SIGNATURE:
        return False
    if any(len(line) > 80 or _SENTENCE.search(line) for line in filled):
        return False
    names = {name.casefold() for name in context.names if len(name) > 1}
    return any(_CONTACT.search(line) for line in filled) or filled[0].casefold() in names


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
        if "定制" not in line:
            marks.add(Part(PartKind.DEVICE, index, index + 1, True))
            continue
        before = index
        while before > first and (
            not lines[before - 1].strip() or _NETEASE_TABLE.fullmatch(lines[before - 1][:200])
        ):
            before -= 1
        marks.add(Part(PartKind.SIGNATURE, before, index + 1, True))
