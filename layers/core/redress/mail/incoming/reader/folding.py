"""Split a reply into the sender's new text, the quotes and the signature.

Every line of the text belongs to exactly one of these three parts. Each part keeps the order of its
lines. Answers between quotes are new text. The existing libraries know English only;
docs/decisions/015-inbound-mail.md shows what they do with Chinese mails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from redress.mail.incoming.reader import quoting

_MARKER = re.compile(r"##[-–— ]{1,3}[^#\n]{1,120}[-–— ]{1,3}##")
_MARKER_WORDS = re.compile(r"above this line|此行上方")
"""A line that matches both patterns is the marker line of the product's mails (`Phrases.marker`).
Redress wrote that line and everything after it."""

_DELIMITER = re.compile(r"(?:--|—|– ?–)[ \xa0]?")
_LONGEST_SIGNATURE = 20
"""The most lines of a signature after its first line, `-- `. If more lines follow, the dashes
belong to the text."""
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


class _Kind(Enum):
    NEW = "new"
    QUOTED = "quoted"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Folded:
    """A text, split into its three kinds of lines. `new` is empty only if the text is empty."""

    new: str
    quoted: str
    signature: str


def fold(text: str) -> Folded:
    """Split a plain text. If no line would be new, the complete text counts as new."""
    lines = text.split("\n")
    marks = [_Kind.NEW] * len(lines)
    end = _marked_end(lines)
    _mark_quotes(lines, marks, end)
    if end < len(lines) and not _has_new_text(lines, marks):
        # The sender wrote below the marker line, although that line asks for text above it.
        marks = [_Kind.NEW] * len(lines)
        _mark_quotes(lines, marks, len(lines))
    _mark_signatures(lines, marks)
    if not _has_new_text(lines, marks):
        return Folded(text.strip("\n"), "", "")
    return Folded(*(_lines_of(lines, marks, kind) for kind in _Kind))


def _lines_of(lines: list[str], marks: list[_Kind], kind: _Kind) -> str:
    found = (line for line, mark in zip(lines, marks, strict=True) if mark is kind)
    return "\n".join(found).strip("\n")


def _has_new_text(lines: list[str], marks: list[_Kind]) -> bool:
    return any(line.strip() and mark is _Kind.NEW for line, mark in zip(lines, marks, strict=True))


def _marked_end(lines: list[str]) -> int:
    """Return the index of the marker line, or the number of lines if there is none."""
    for index, line in enumerate(lines):
        if "##" in line:
            found = _MARKER.search(line[:500])
            if found and _MARKER_WORDS.search(found.group()):
                return index
    return len(lines)


def _mark_quotes(lines: list[str], marks: list[_Kind], end: int) -> None:
    """Mark the quoted lines. Every line from index `end` on is quoted."""
    index, count = 0, len(lines)
    while index < count:
        if index >= end or _begins_older_mail(lines, index):
            _mark(marks, index, count)
            _mark_attribution_before(lines, marks, index)
            return
        if quoting.QUOTE_MARK.match(lines[index]):
            marks[index] = _Kind.QUOTED
        elif (after := quoting.attribution_at(lines, index)) is not None:
            following = _next_filled(lines, after)
            _mark(marks, index, after)
            if following < count and not quoting.QUOTE_MARK.match(lines[following]):
                _mark(marks, index, count)
                return
            index = after
            continue
        index += 1
    _mark_blanks(lines, marks)


def _begins_older_mail(lines: list[str], index: int) -> bool:
    """Whether an older mail without quote marks begins at this line and goes on to the end."""
    line = lines[index]
    stripped = line.strip()
    if not stripped or stripped[0] in ">＞":
        return False
    if quoting.is_original(line) or quoting.is_forward(line):
        return True
    if quoting.is_rule(line):
        following = _next_filled(lines, index + 1)
        return following < len(lines) and quoting.heading_at(lines, following) is not None
    return quoting.heading_at(lines, index) is not None


def _mark_attribution_before(lines: list[str], marks: list[_Kind], index: int) -> None:
    """Mark the attribution that ends right before line `index` as quoted, too.

    An attribution is like `On ... wrote:`. Line `index` is the first one of the older mail.
    """
    before = index - 1
    while before >= 0 and (not lines[before].strip(" \t>") or marks[before] is _Kind.QUOTED):
        before -= 1
    for first in range(max(0, before - 3), before + 1):
        if quoting.attribution_at(lines, first) == before + 1:
            _mark(marks, first, index)
            return


def _mark(marks: list[_Kind], first: int, last: int, kind: _Kind = _Kind.QUOTED) -> None:
    marks[first:last] = [kind] * (last - first)


def _next_filled(lines: list[str], index: int) -> int:
    while index < len(lines) and not lines[index].strip():
        index += 1
    return index


def _mark_blanks(lines: list[str], marks: list[_Kind]) -> None:
    """Mark blank lines between quoted lines as quoted."""
    index = 0
    while index < len(lines):
        if marks[index] is _Kind.QUOTED:
            following = _next_filled(lines, index + 1)
            if following < len(lines) and marks[following] is _Kind.QUOTED:
                _mark(marks, index, following)
            index = max(following, index + 1)
        else:
            index += 1


def _mark_signatures(lines: list[str], marks: list[_Kind]) -> None:
    """Mark signatures in each run of new lines.

    A signature begins with `-- `, or is a line that a phone or a mail program adds.
    """
    index = 0
    while index < len(lines):
        last = index
        while last < len(lines) and marks[last] is _Kind.NEW:
            last += 1
        if last > index:
            _mark_signatures_in(lines, marks, index, last)
        index = max(last, index + 1)


def _mark_signatures_in(lines: list[str], marks: list[_Kind], first: int, last: int) -> None:
    for index in range(max(first, last - _LONGEST_SIGNATURE - 1), last):
        if _DELIMITER.fullmatch(lines[index]):
            _mark(marks, index, last, _Kind.SIGNATURE)
            last = index
            break
    for index in range(first, last):
        line = lines[index]
        if not line.strip() or len(line) > 200 or not _DEVICE.fullmatch(line):
            continue
        # A sentence of the sender may look like a line that a program added. It counts as added
        # only if it is the first line, follows a blank line, or has no more text after it.
        alone = (index == first or not lines[index - 1].strip()) or _next_filled(
            lines, index + 1
        ) >= last
        if not alone:
            continue
        marks[index] = _Kind.SIGNATURE
        if "定制" in line:
            before = index - 1
            while before >= first and (
                not lines[before].strip() or _NETEASE_TABLE.fullmatch(lines[before][:200])
            ):
                marks[before] = _Kind.SIGNATURE
                before -= 1
