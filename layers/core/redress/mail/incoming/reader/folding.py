"""A reply without what it answers: the sender's new words, the quotes, the signature.

Every line of the text is in exactly one of the three, in its order. Answers between quotes are new
words. The libraries for this know English; what they do with Chinese mails is in
docs/decisions/015-inbound-mail.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from redress.mail.incoming.reader import quoting

_MARKER = re.compile(r"##[-–— ]{1,3}[^#\n]{1,120}[-–— ]{1,3}##")
_MARKER_WORDS = re.compile(r"above this line|此行上方")
"""The line that our own mails carry (`mail.Words.marker`): everything from it on is ours."""

_DELIMITER = re.compile(r"(?:--|—|– ?–)[ \xa0]?")
_LONGEST_SIGNATURE = 20
"""Lines behind `-- `: more is no signature, but a text with a line of dashes in it."""
_DEVICE = re.compile(
    r"[ \t>]{0,4}(?:[-—–][ \t]?)?(?:"
    r"(?:Sent|Envoyé|Enviado|Inviato|Gesendet|Verzonden) (?:from|via|depuis|desde|da|do|von|vanaf|by|with) "
    r"(?:my |mon |mi |meinem |mijn |il mio )?[^.!?。]{2,60}\.?|"
    r"Get (?:Outlook|BlueMail|Yahoo Mail) for (?:iOS|Android|Mac|Mobile)(?: ?<[^>]*>)?|"
    r"Get \[?Outlook for (?:iOS|Android)\]?.{0,80}|"
    r"(?:发自|發自|来自|來自|发送自|發送自|傳送自|寄自|自)\s?(?:我的|我)?\s?"
    r"(?:iPhone|iPad|iPod|Mac|Android|Samsung|Galaxy|小米|Xiaomi|红米|紅米|华为|華為|HUAWEI|荣耀|榮耀|HONOR|OPPO|vivo|"
    r"一加|魅族|三星|手机|手機|安卓|Outlook|网易|QQ|Foxmail|Yahoo|雅虎|钉钉|飞书|阿里|Windows|新浪|搜狐|企业微信|189|139)"
    r".{0,40}|"
    r"(?:從|从)(?:我的|我)?\s?.{2,40}(?:傳送|发送|發送|寄出|寄送)(?:的邮件|的郵件)?|"
    r"(?:获取|取得|下载)\s?(?:适用于|適用於)?\s?.{0,12}\s?(?:版\s?)?Outlook.{0,60}|"
    r"签名由\s?.{1,30}\s?定制.{0,60}|簽名由\s?.{1,30}\s?定制.{0,60}"
    r")[ \t。.]*",
    re.IGNORECASE,
)
_NETEASE_TABLE = re.compile(r"[ \t]*\|.*|[ \t]*(?:[\w.+-]+@[\w.-]+|邮箱[:：].{0,80})[ \t]*")


class _Of(Enum):
    NEW = "new"
    QUOTED = "quoted"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Folded:
    """`new` is never empty when the text is not."""

    new: str
    quoted: str
    signature: str


def fold(text: str) -> Folded:
    """Tells the parts of a plain text apart. When nothing would be new, everything is."""
    lines = text.split("\n")
    marks = [_Of.NEW] * len(lines)
    end = _marked_end(lines)
    _mark_quotes(lines, marks, end)
    if end < len(lines) and not _has_words(lines, marks):
        # They wrote below the line in spite of it.
        marks = [_Of.NEW] * len(lines)
        _mark_quotes(lines, marks, len(lines))
    _mark_signatures(lines, marks)
    if not _has_words(lines, marks):
        return Folded(text.strip("\n"), "", "")
    return Folded(*(_lines_of(lines, marks, kind) for kind in _Of))


def _lines_of(lines: list[str], marks: list[_Of], kind: _Of) -> str:
    found = (line for line, mark in zip(lines, marks, strict=True) if mark is kind)
    return "\n".join(found).strip("\n")


def _has_words(lines: list[str], marks: list[_Of]) -> bool:
    return any(line.strip() and mark is _Of.NEW for line, mark in zip(lines, marks, strict=True))


def _marked_end(lines: list[str]) -> int:
    """The index of our own marker line, or the number of lines."""
    for index, line in enumerate(lines):
        if "##" in line:
            found = _MARKER.search(line[:500])
            if found and _MARKER_WORDS.search(found.group()):
                return index
    return len(lines)


def _mark_quotes(lines: list[str], marks: list[_Of], end: int) -> None:
    """`end`: from there on everything is quoted."""
    index, count = 0, len(lines)
    while index < count:
        if index >= end or _begins_the_old(lines, index):
            _fill(marks, index, count)
            _take_before(lines, marks, index)
            return
        if quoting.QUOTE_MARK.match(lines[index]):
            marks[index] = _Of.QUOTED
        elif (after := quoting.attribution_at(lines, index)) is not None:
            following = _next_words(lines, after)
            _fill(marks, index, after)
            if following < count and not quoting.QUOTE_MARK.match(lines[following]):
                _fill(marks, index, count)
                return
            index = after
            continue
        index += 1
    _fill_blanks(lines, marks)


def _begins_the_old(lines: list[str], index: int) -> bool:
    """Whether everything from here on was written before, with no marks before its lines."""
    line = lines[index]
    stripped = line.strip()
    if not stripped or stripped[0] in ">＞":
        return False
    if quoting.is_original(line) or quoting.is_forward(line):
        return True
    if quoting.is_rule(line):
        following = _next_words(lines, index + 1)
        return following < len(lines) and quoting.heading_at(lines, following) is not None
    return quoting.heading_at(lines, index) is not None


def _take_before(lines: list[str], marks: list[_Of], index: int) -> None:
    """The line `On ... wrote:` right before our marker or a separator goes with it."""
    before = index - 1
    while before >= 0 and (not lines[before].strip(" \t>") or marks[before] is _Of.QUOTED):
        before -= 1
    for first in range(max(0, before - 3), before + 1):
        if quoting.attribution_at(lines, first) == before + 1:
            _fill(marks, first, index)
            return


def _fill(marks: list[_Of], first: int, last: int, kind: _Of = _Of.QUOTED) -> None:
    marks[first:last] = [kind] * (last - first)


def _next_words(lines: list[str], index: int) -> int:
    while index < len(lines) and not lines[index].strip():
        index += 1
    return index


def _fill_blanks(lines: list[str], marks: list[_Of]) -> None:
    """Blank lines between quoted ones are quoted too."""
    index = 0
    while index < len(lines):
        if marks[index] is _Of.QUOTED:
            following = _next_words(lines, index + 1)
            if following < len(lines) and marks[following] is _Of.QUOTED:
                _fill(marks, index, following)
            index = max(following, index + 1)
        else:
            index += 1


def _mark_signatures(lines: list[str], marks: list[_Of]) -> None:
    """In each run of new lines: from `-- ` on, and what phones and programs add by themselves."""
    index = 0
    while index < len(lines):
        last = index
        while last < len(lines) and marks[last] is _Of.NEW:
            last += 1
        if last > index:
            _sign(lines, marks, index, last)
        index = max(last, index + 1)


def _sign(lines: list[str], marks: list[_Of], first: int, last: int) -> None:
    for index in range(max(first, last - _LONGEST_SIGNATURE - 1), last):
        if _DELIMITER.fullmatch(lines[index]):
            _fill(marks, index, last, _Of.SIGNATURE)
            last = index
            break
    for index in range(first, last):
        line = lines[index]
        if not line.strip() or len(line) > 200 or not _DEVICE.fullmatch(line):
            continue
        # A sentence of theirs may begin like this; an added line stands by itself or at the end.
        alone = (index == first or not lines[index - 1].strip()) or _next_words(
            lines, index + 1
        ) >= last
        if not alone:
            continue
        marks[index] = _Of.SIGNATURE
        if "定制" in line:
            before = index - 1
            while before >= first and (
                not lines[before].strip() or _NETEASE_TABLE.fullmatch(lines[before][:200])
            ):
                marks[before] = _Of.SIGNATURE
                before -= 1
