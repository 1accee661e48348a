"""Whether two mails are copies of one mail, of which a list or a gateway changed one on its way.

Mailing lists put their name into the subject and a footer below the text. Gateways put a tag such
as `[EXT]` and a banner such as "This mail comes from outside". Such additions are removed here by
what they say. Everything else must be equal. A sentence of the customer is never taken for an
addition, because some gateways give several mails the same Message-ID: two mails that differ by a
word of their author are two mails.

Only digests are compared, so a copy can be kept in a small item of the table.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from redress.tickets.rules.numbers import normalised

MOST_ADDED = 4_000
"""The most characters of a banner or footer. Legal notices of companies have up to 3,000."""
MOST_LINES = 40
MOST_CHOICES = 4
"""How many places are tried at which a banner may end, and at which a footer may begin."""
MOST_TAGS = 5
FOOTER_FILE = 4_096
"""The most bytes of a file that contains only a footer."""

_HIDDEN = str.maketrans(dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_RULE = re.compile(r"(?:-{2,}|_{3,}|={3,}|\*{3,}|#{3,}|~{3,}|—{2,}|─{3,})")
_LONG_RULE = re.compile(r"_{20,}")
_OUTSIDE = r"(?:outside|external|extern|untrusted)"
_MAIL = r"(?:e-?mail|mail|message|sender|origin\w*|organi[sz]ation|company|network)"
_SAYS = re.compile(
    rf"\b{_OUTSIDE}\b.{{0,60}}\b{_MAIL}\b|\b{_MAIL}\b.{{0,60}}\b{_OUTSIDE}\b|"
    r"\bunsubscri|\bsubscri(?:bed|ption)|mailing[ -]?list|discussion list|google ?groups|listinfo|"
    r"\bconfidential|\bdisclaimer\b|\bintended (?:only |solely )?for\b|intended recipient|"
    r"\b(?:scanned|checked) (?:by|for|with)\b|virus-free|do not click (?:on )?(?:any )?links|"
    r"do(?:n't|n’t| not) often get e-?mail from|通常不会收到来自|通常不會收到來自|"
    r"外部邮件|外部郵件|外部发件人|外部寄件人|(?:来自|來自).{0,20}(?:外部|之外|以外)|退订|退訂|取消订阅|取消訂閱|"
    r"邮件列表|郵件列表|邮件组|郵件群組|郵寄清單|保密|机密|機密|免责声明|免責聲明|(?:未|无|無|没有|沒有)病毒|病毒扫描|病毒掃描",
    re.IGNORECASE,
)
"""What banners and footers say about a mail. `.` does not match the end of a line."""
_OPENS = re.compile(
    r"\W*(?:caution|warning|attention|important|notice|note|please note|disclaimer|this|the|you|to|"
    r"external|outside|confidential|unsubscribe|virus|scanned|if you|some people|sent via|"
    r"注意|警告|提示|提醒|声明|聲明|此|本|该|該|这|這|您|你通常|如|若|外部|来自|來自|免责|免責|保密|退订|退訂|取消|"
    r"由|通过|通過|发送自|發送自|邮件|郵件|电子邮件|電子郵件|安全|系统|系統)",
    re.IGNORECASE,
)
"""How a banner or footer begins. A paragraph that begins otherwise is the author's, if no rule is
above it."""
_NAMES = re.compile(r"https?://|\S@\S")
_ABOUT_ORIGIN = (
    r"(?:ext|extern|external|external (?:e-?mail|mail|sender|message)|outside|caution|"
    r"外部|外部邮件|外部郵件|外来邮件|外來郵件|外部发件人|外部寄件人)"
)
_ORIGIN_TAG = re.compile(
    rf"\s*(?:[\[【［(（<{{*]+\s*{_ABOUT_ORIGIN}\s*[:：!！]?\s*[\]】］)）>}}*]+|{_ABOUT_ORIGIN}\s*[:：])\s*",
    re.IGNORECASE,
)
_ORIGIN_TAG_LAST = re.compile(
    rf"\s*[\[【［(（]\s*{_ABOUT_ORIGIN}\s*[\]】］)）]\s*\Z", re.IGNORECASE
)
_TAG = re.compile(
    rf"\s*(?:[\[【［(（<{{*]+\s*{_ABOUT_ORIGIN}\s*[:：!！]?\s*[\]】］)）>}}*]+|{_ABOUT_ORIGIN}\s*[:：])\s*",
    re.IGNORECASE,
)
_ORIGIN_TAG_LAST = re.compile(
    rf"\s*[\[【［(（]\s*{_ABOUT_ORIGIN}\s*[\]】］)）]\s*\Z", re.IGNORECASE
)
_TAG = re.compile(r"\s*([\[【［]([^\[\]【】［］]{1,40})[\]】］])\s*")
_ANSWERS = re.compile(
    r"\s*(?:re|fwd?|aw|wg|tr|sv|回复|回覆|答复|答覆|转发|轉發|轉寄)\s*[:：]\s*", re.IGNORECASE
)


class Copy(Struct, frozen=True):
    """What is compared of one mail.

    identity  the mail's identity
    subject   digest of the subject without tags
    tags      the tags of lists in the subject
    text      digest of the complete text
    proper    digests of the text without additions that say what they are
    loose     digests of the text without additions that only look like some
    files     digest of the files, without a file that is only a footer
    """

    identity: str
    subject: str
    tags: tuple[str, ...]
    text: str
    proper: tuple[str, ...]
    loose: tuple[str, ...]
    files: str


def copy_of(identity: str, subject: str, text: str, files: Iterable[tuple[str, bytes]]) -> Copy:
    """Return what is compared of a mail. `files` has the type and content of each file."""
    rest, tags = _subject(subject)
    lines = _lines(text)
    words = ["".join(line.split()) for line in lines]
    complete = _digest(words)
    proper: dict[str, None] = {}
    loose: dict[str, None] = {}
    begins, ends = list(_begins(lines)), list(_ends(lines))
    for begin, (end, sure) in itertools.product(begins, ends):
        if any(words[begin:end]) and (begin, end) != (0, len(lines)):
            (proper if sure else loose)[_digest(words[begin:end])] = None
    return Copy(
        identity=identity,
        subject=_digest(rest.split()),
        tags=tags,
        text=complete,
        proper=tuple(proper),
        loose=tuple(one for one in loose if one not in proper),
        files=_digest(
            sorted(
                hashlib.sha256(content).hexdigest()
                for kind, content in files
                if not _is_footer(kind, content)
            )
        ),
    )


def is_copy(one: Copy, other: Copy) -> bool:
    """Whether two mails are copies of one mail.

    Their senders, Message-IDs and dates must be equal, which the caller has checked. If what was
    added does not say so, it must be the only difference between the texts.
    """
    if one.subject != other.subject or one.files != other.files:
        return False
    if not (set(one.tags) <= set(other.tags) or set(other.tags) <= set(one.tags)):
        return False
    return (
        one.text == other.text
        or one.text in (*other.proper, *other.loose)
        or other.text in (*one.proper, *one.loose)
        or not set(one.proper).isdisjoint(other.proper)
    )


# ------------------------------------------------------------------------------ the subject


def _subject(subject: str) -> tuple[str, tuple[str, ...]]:
    """Return the subject without tags, and the tags of lists in it.

    Tags that only say where a mail comes from are left out. A ticket number is no tag.
    """
    rest = " ".join(subject[:2_000].translate(_HIDDEN).split())
    answers, tags = "", list[str]()
    for _ in range(20):
        rest = _ORIGIN_TAG_LAST.sub("", rest)
        if found := _ORIGIN_TAG.match(rest):
            pass
        elif found := _ANSWERS.match(rest):
            answers = "re: "
        elif (
            (found := _TAG.match(rest))
            and len(tags) < MOST_TAGS
            and normalised(found[2]) is None
            and found.end() < len(rest)
        ):
            tags.append(found[1].lower())
        else:
            break
        rest = rest[found.end() :]
    return f"{answers}{rest}", tuple(sorted(set(tags)))


# ------------------------------------------------------------------------------ the text


def _lines(text: str) -> list[str]:
    """Return the lines of a text without blanks around them, and without a tag at its beginning.

    Empty lines stay, because they separate paragraphs. `_digest` ignores them.
    """
    lines = [line.strip() for line in text.translate(_HIDDEN).strip().split("\n")]
    lines[0] = _ORIGIN_TAG.sub("", lines[0], count=1) if _ORIGIN_TAG.match(lines[0]) else lines[0]
    return lines


def _digest(words: Iterable[str]) -> str:
    """Return a digest of lines without blanks. It does not depend on where they were broken."""
    return hashlib.sha256("".join(words).encode("utf-8", "replace")).hexdigest()[:20]


def _begins(lines: list[str]) -> Iterator[int]:
    """Yield the lines at which the author's text may begin: after a banner, or at 0."""
    yield 0
    begin = 0
    for _ in range(MOST_CHOICES - 1):
        end = begin
        while end < len(lines) and lines[end] and end < MOST_LINES:
            end += 1
        block = lines[begin:end]
        if not block or sum(map(len, lines[:end])) > MOST_ADDED or not _is_addition(block):
            # The text may follow without an empty line, and be long.
            yield from _begin_below(lines, begin)
            return
        yield from _begin_below(lines, begin)
        while end < len(lines) and (not lines[end] or _RULE.fullmatch(lines[end])):
            end += 1
        yield end
        begin = end


def _ends(lines: list[str]) -> Iterator[tuple[int, bool]]:
    """Yield the lines at which the author's text may end, and whether the rest says what it is."""
    yield len(lines), True
    choices = 0
    size = 0
    below: list[str] = []
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - MOST_LINES), -1):
        line = lines[index]
        size += len(line)
        if size > MOST_ADDED or choices == MOST_CHOICES:
            return
        if _RULE.match(line) and any(below):
            text = "\n".join(below)
            if _SAYS.search(text):
                yield index, True
                choices += 1
            elif _LONG_RULE.match(line) or _NAMES.search(text):
                yield index, False
                choices += 1
        elif not line and below and below[0] and _every_block_says(below):
            yield index, True
            choices += 1
        below.insert(0, line)


def _begin_below(lines: list[str], begin: int) -> Iterator[int]:
    """Yield the line below a banner of one to three lines that no empty line ends."""
    first = (line for line in lines[begin : begin + 3] if len(line) <= MOST_ADDED)
    if told := sum(1 for _ in itertools.takewhile(lambda line: _is_addition([line]), first)):
        yield begin + told


def _is_addition(block: list[str]) -> bool:
    """Whether a paragraph says that it is a banner or a footer, or is only a rule."""
    if all(_RULE.fullmatch(line) for line in block):
        return True
    return bool(_OPENS.match(block[0])) and bool(_SAYS.search("\n".join(block)))


def _every_block_says(lines: list[str]) -> bool:
    """Whether every paragraph of the lines says that it is a banner or a footer."""
    blocks = itertools.groupby(lines, key=bool)
    return all(_is_addition(list(block)) for filled, block in blocks if filled)


def _is_footer(kind: str, content: bytes) -> bool:
    """Whether a file is only a footer, which some lists add as a part of its own."""
    if kind != "text/plain" or len(content) > FOOTER_FILE:
        return False
    lines = _lines(content.decode("utf-8", "replace"))
    return any(end == 0 for end, sure in _ends(lines) if sure) or _every_block_says(lines)
