"""What is shown of a mail's text, and which parts of it are folded away.

The reader (`redress.mail.incoming.reader.folding`) marks parts of a text: quotes, forwarded mails,
signatures, device lines and PGP armour. It judges by their form alone. These rules decide which of
the marked parts are folded:

- A mail that opens a ticket is shown whole, because what a customer quotes or forwards is often the
  complaint itself. The marked parts are listed in the event, but stay in the text.
- In an answer, a part is folded if it is proven: its form leaves no doubt, or Redress sent its
  words. All other parts are listed in the event, but stay in the text.

Nothing is dropped. The event keeps the text of each folded part, with the place where it stood, so
that staff and customers can open it there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redress.base.texts import begin_of, cleaned, is_empty

FOLDED_LIMIT = 10_000
"""How many characters of folded text an event keeps. The original mail has the rest."""
_LEAST = 4
"""The fewest characters, without blanks, of a complete sentence that is recognised as sent."""
_LONG_ENOUGH = 20
"""The fewest characters, without blanks, of a part of a sentence that is recognised as sent. In
Chinese, half as many are enough."""
_LONGEST_RUN = 1_000
"""How many characters of the lines above a line are searched for together with it."""
MOST_SEARCHES = 2_000
"""The most searches for lines of one mail among the words that Redress sent. This limits the time
that a long quote takes on a ticket with many replies."""
_SENTENCE_END = re.compile(r"(?<=[.!?。！？；;\n])")
_ENDS = ".!?。！？；;:：,，"


class PartKind(StrEnum):
    """What a marked part of a text is. The values are stored in events: never change one."""

    QUOTE = "quote"
    FORWARD = "forward"
    SIGNATURE = "signature"
    DEVICE = "device"
    """A line that a phone or a mail program adds, like `Sent from my iPhone`."""
    ARMOUR = "armour"
    """The lines of a PGP signature or of a PGP-encrypted text."""


@dataclass(frozen=True, slots=True)
class Part:
    """The lines from `first` to `last` (exclusive) of a text, and what they are.

    proven      the form of the part leaves no doubt
    introduces  the part is a line like `On 3 March the service wrote:` without an address or quote
                marks. It is a quote only if words that Redress sent follow it
    own         the introducing line contains words of the sender, so the line is never folded
    """

    kind: PartKind
    first: int
    last: int
    proven: bool
    introduces: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A marked part of a mail's text, as an event keeps it.

    at      the place in the shown text: index of the part's first character, or of the character
            before which the folded part stood
    length  how many characters the part has
    folded  the text of the part, cut at FOLDED_LIMIT, if the shown text does not contain it
    """

    kind: PartKind
    at: int
    length: int
    folded: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a mail: its text without the folded parts, and all marked parts in order."""

    text: str
    parts: tuple[ShownPart, ...]


class SentWords:
    """The words that Redress sent about a ticket. Recognises lines that quote them.

    Blanks and the case of letters are ignored, because mail programs wrap what they quote.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        found = list(texts)
        self._sent = "\n".join(_bare(text) for text in found)
        self._sentences = {
            _bare(one).strip(_ENDS) for text in found for one in _SENTENCE_END.split(text)
        }
        self._left = MOST_SEARCHES

    def end_of(self, lines: Sequence[str], first: int, last: int) -> int:
        """Return the index after the last line that was sent, beginning with line `first`.

        Blank lines are skipped. The result is `first` if that line was not sent. A line was sent if
        it is a complete sentence that was sent, or is long enough to be no coincidence, or goes on
        where the line above it ends.
        """
        end, run = first, ""
        for index in range(first, last):
            bare = _bare(lines[index].lstrip(" \t>＞|"))
            if not bare:
                continue
            if run and self._contains(run + bare):
                run = (run + bare)[-_LONGEST_RUN:]
            elif self._is_sent(bare):
                run = bare
            else:
                break
            end = index + 1
        return end

    def _is_sent(self, bare: str) -> bool:
        enough = _LONG_ENOUGH if bare.isascii() else _LONG_ENOUGH // 2
        if len(bare) >= enough and self._contains(bare):
            return True
        return len(bare) >= _LEAST and bare.strip(_ENDS) in self._sentences

    def _contains(self, bare: str) -> bool:
        """Whether the words were sent. After MOST_SEARCHES searches, the answer is no."""
        self._left -= 1
        return self._left >= 0 and bare in self._sent


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()


def whole(text: str, parts: Sequence[Part], limit: int) -> Shown:
    """Return the text of a mail that opens a ticket: all of it, with its marked parts.

    If the text is longer than `limit` characters, its proven quotes are folded, so that the cut at
    the limit does not take the sender's own words. The text itself is not cut here.
    """
    found = [part for part in parts if not part.introduces]
    folded = {part for part in found if part.proven and part.kind is PartKind.QUOTE}
    return _shown(text, found, folded if len(text) > limit else set())


def answer(text: str, parts: Sequence[Part], sent: SentWords | None = None) -> Shown:
    """Return the new words of an answer: the text without the parts that are proven.

    `sent` contains the words that Redress sent about the ticket. Without them, a part is proven by
    its form only. A forwarded mail is never folded. If nothing would be left, nothing is folded.
    """
    lines = text.split("\n")
    found = [one for part in parts for one in _with_proof(part, lines, parts, sent or SentWords())]
    folded = {part for part in found if part.proven and part.kind is not PartKind.FORWARD}
    hidden = {index for part in folded for index in range(part.first, part.last)}
    if not any(index not in hidden and not is_empty(line) for index, line in enumerate(lines)):
        folded = set()
    return _shown(text, found, folded)


def needs_sent_words(parts: Iterable[Part]) -> bool:
    """Whether `answer` can prove more of these parts if it knows the words that Redress sent."""
    return any(part.kind is PartKind.QUOTE and not part.proven for part in parts)


def _with_proof(part: Part, lines: list[str], parts: Sequence[Part], sent: SentWords) -> list[Part]:
    """Return the part, split into lines that Redress sent, which are proven, and other lines.

    A line that introduces a quote is proven together with the lines below it that were sent. If
    none was sent, the line is the sender's own, and no part is returned.
    """
    if part.proven or part.kind is not PartKind.QUOTE:
        return [part]
    if part.introduces:
        following = min((one.first for one in parts if one.first >= part.last), default=len(lines))
        last = sent.end_of(lines, part.last, following)
        first = part.last if part.own else part.first
        return [Part(PartKind.QUOTE, first, last, True)] if last > part.last else []
    found: list[Part] = []
    index = part.first
    while index < part.last:
        last = sent.end_of(lines, index, part.last)
        proven = last > index
        while (
            not proven
            and last < part.last
            and (last == index or sent.end_of(lines, last, last + 1) == last)
        ):
            last += 1
        found.append(Part(PartKind.QUOTE, index, last, proven))
        index = last
    return found


def _shown(text: str, parts: Sequence[Part], folded: set[Part]) -> Shown:
    lines = text.split("\n")
    by_first = {part.first: part for part in parts}
    kept: list[str] = []
    places: list[tuple[Part, int, str]] = []
    length, index, left = 0, 0, FOLDED_LIMIT
    while index < len(lines):
        part = by_first.get(index)
        last = part.last if part is not None else index + 1
        if part is not None:
            places.append((part, length, "\n".join(lines[index:last])))
        if part not in folded or part is None:
            kept += lines[index:last]
            length += sum(len(line) + 1 for line in lines[index:last])
        index = last
    shown = "\n".join(kept)
    cut = begin_of(shown)
    shown = cleaned(shown)
    found: list[ShownPart] = []
    for part, at, words in places:
        begin = min(max(at - cut, 0), len(shown))
        if part not in folded:
            found.append(ShownPart(part.kind, begin, min(len(words), len(shown) - begin)))
            continue
        stripped = words.strip("\n")
        found.append(ShownPart(part.kind, begin, len(stripped), stripped[:left]))
        left -= min(left, len(stripped))
    return Shown(shown, tuple(found))


def as_data(parts: Iterable[ShownPart], limit: int) -> list[dict[str, Any]]:
    """Return the parts as an event keeps them, if its text is cut at `limit` characters.

    A part of the text that begins after the cut is left out, because it is not shown. A folded part
    is kept with the place at the end.
    """
    found: list[dict[str, Any]] = []
    for part in parts:
        if part.folded is None and part.at >= limit:
            continue
        at = min(part.at, limit)
        length = part.length if part.folded is not None else min(part.length, limit - at)
        found.append(
            {"kind": part.kind.value, "at": at, "length": length}
            | ({} if part.folded is None else {"folded": part.folded})
        )
    return found
