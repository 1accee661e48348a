"""Repair the plain text of parts: join flowed lines (RFC 3676), add words that only HTML has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_QUOTE = re.compile(r">*")
_STUB = re.compile(
    r"html|web version|in (?:your|a) browser|网页版|浏览器|瀏覽器|網頁版", re.IGNORECASE
)
_STUB_LENGTH = 300
_IDEOGRAMS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_IDEOGRAMS}]|[^\W_{_IDEOGRAMS}]+")
"""Chinese and Japanese have no blanks between words, so each of their characters counts as one."""
_NOT_COMPARED = re.compile(r"<[^<>\s]*>|\[[^\[\]\s]{0,100}(?: [^\[\]\s]{0,30})?\]|&[a-z]{2,6};")
_ESCAPED_BY_QQ = re.compile(
    r"&nbsp;(?:原始邮件|原始郵件|Original)|(?:发送时间|收件人|主题|Date|To|Subject)[:：]&nbsp;"
)
_ENTITIES = (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"))
_ARMOUR = "-----BEGIN PGP "
_SIGNED = re.compile(r"^[ \t]*-----BEGIN PGP SIGNED MESSAGE-----[ \t]*$", re.MULTILINE)
_ENCRYPTED = re.compile(
    r"^[ \t]*-----BEGIN PGP MESSAGE(?:, PART \d{1,3}(?:/\d{1,3})?)?-----[ \t]*$", re.MULTILINE
)
_SIGNATURE = re.compile(r"^-----BEGIN PGP SIGNATURE-----", re.MULTILINE)
_DASH_ESCAPE = re.compile(r"^- (?=-)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A text as plain text, as HTML, or as both. The missing form is empty.

    `html` has several documents if the HTML is divided into parts, such as those of Apple Mail
    around a picture. Plain text between these parts is also in `html`, as a document of its own.
    """

    plain: str
    html: tuple[str, ...] = ()


def is_stub(plain: str, shown: str) -> bool:
    """Whether the plain text is empty, or only asks the reader to open the HTML.

    `shown` is the text of the HTML.
    """
    if not plain.strip():
        return True
    short = len(plain) < _STUB_LENGTH and len(shown.strip()) > len(plain)
    return short and _STUB.search(plain) is not None and _STUB.search(shown[:200]) is None


def with_words_of(plain: str, shown: str, *, any_word: bool) -> str:
    """Return the plain text together with the words that only the HTML beside it has.

    `shown` is the text of the HTML. Usually both say the same, and the result is the plain text. If
    the plain text lacks lines of the HTML, but the HTML lacks none of its words, the result is the
    text of the HTML, which has all lines in their places. If both lack something, the lacking lines
    are added after the plain text.

    A line is lacking if the plain text has nothing of it; with `any_word`, if the plain text lacks
    a word of it. Marks, targets of links and short descriptions of pictures are not compared,
    because programs write them differently.
    """
    if plain.split() == shown.split():
        return plain
    said = _Runs(plain)
    lacking = [line for line in shown.split("\n") if said.lacks(line, any_word=any_word)]
    if not lacking:
        return plain
    in_html = _Runs(shown)
    if not any(in_html.lacks(line, any_word=True) for line in plain.split("\n")):
        return shown
    return "\n".join((plain.rstrip("\n"), "", *lacking))


class _Runs:
    """The words of a text and its runs of two and three words, regardless of line ends."""

    def __init__(self, text: str) -> None:
        words = _words(text)
        self._runs: tuple[set[object], ...] = (
            set(words),
            set(pairwise(words)),
            set(zip(words, words[1:], words[2:], strict=False)),
        )

    def lacks(self, line: str, *, any_word: bool) -> bool:
        """Whether the text has no run of this line; with `any_word`, whether it lacks at least one."""
        words = _words(line)
        if not words:
            return False
        if len(words) < 3:
            run = words[0] if len(words) == 1 else tuple(words)
            return run not in self._runs[len(words) - 1]
        here = self._runs[2]
        runs = zip(words, words[1:], words[2:], strict=False)
        return any(run not in here for run in runs) if any_word else here.isdisjoint(runs)


def _words(text: str) -> list[str]:
    return _WORD.findall(_NOT_COMPARED.sub(" ", text).lower())


def flowed(text: str, *, delete: bool) -> str:
    """Join the lines of format=flowed text.

    A line that ends with a space continues on the next line, if both have the same number of quote
    marks. The signature separator `-- ` never continues. With `delete` (DelSp=yes), the space at
    the end of a continued line is removed.
    """
    found: list[str] = []
    parts: list[str] = []
    depth_before = 0
    for line in text.split("\n"):
        depth = _QUOTE.match(line).end()  # type: ignore[union-attr] # matches always
        rest = line[depth:].removeprefix(" ")
        continues = rest.endswith(" ") and rest != "-- "
        if parts and (depth != depth_before or rest == "-- "):
            found.append(_joined(depth_before, parts))
            parts = []
        parts.append(rest[:-1] if continues and delete else rest)
        depth_before = depth
        if not continues:
            found.append(_joined(depth, parts))
            parts = []
    if parts:
        found.append(_joined(depth_before, parts))
    return "\n".join(found)


def _joined(depth: int, parts: list[str]) -> str:
    text = "".join(parts)
    return f"{'>' * depth} {text}" if depth else text


def repaired(text: str, *, by_qq: bool) -> str:
    """Return the text that the sender saw when they wrote it.

    QQ Mail writes escapes of HTML, such as `&nbsp;`, into the plain text. They are decoded if the
    headers say that QQ Mail wrote the mail (`by_qq`), or if its quote of another mail shows them.
    In a text that is signed with PGP, a line that begins with a dash has `- ` before it (RFC 9580,
    7.2). These two characters are removed.
    """
    if "&nbsp;" in text and (by_qq or _ESCAPED_BY_QQ.search(text)):
        for escape, character in _ENTITIES:
            text = text.replace(escape, character)
    if _ARMOUR in text and (begin := _SIGNED.search(text)) is not None:
        # Outside of the signed block, `- ` is the writer's own, such as the mark of an item.
        end = _SIGNATURE.search(text, begin.end())
        last = end.start() if end is not None else len(text)
        inside = _DASH_ESCAPE.sub("", text[begin.end() : last])
        text = f"{text[: begin.end()]}{inside}{text[last:]}"
    return text


def armour(text: str) -> str:
    """Return `pgp-signed` or `pgp-encrypted` if the text itself has such a PGP block; else "".

    The block can begin on any line. A block in a quote does not count, because it belongs to
    another mail.
    """
    if _ARMOUR not in text:
        return ""
    if _ENCRYPTED.search(text) is not None:
        return "pgp-encrypted"
    return "pgp-signed" if _SIGNED.search(text) is not None else ""
