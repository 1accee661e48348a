"""Decide whether two mails are copies of one mail that a list or a gateway changed on the way.

Mailing lists put their name into the subject and a footer below the text. Gateways put a tag such
as `[EXT]` into the subject and a banner such as "This mail comes from outside" above the text. Two
mails are copies if they are equal without such additions. The module `additions` recognises the
additions; all other words are the author's. Two mails that differ in a word of the author are no
copies, even if they have the same Message-ID: some gateways give several mails the same one.

Only digests are compared, so a copy can be kept in a small item of the table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from msgspec import Struct

from redress.mail.incoming.rules.additions import (
    HIDDEN,
    SUBJECT_TAG,
    SUBJECT_TAG_LAST,
    without_additions,
)
from redress.tickets.rules.numbers import normalised

MOST_TAGS = 20
"""How many tags and prefixes of a subject are removed."""
MOST_OF_ID = 300
"""How many characters of a List-Id header are read."""
FOOTER_FILE = 4_096
"""The most bytes of a file that contains only a footer."""

_LIST_TAG = re.compile(r"\s*[\[【［]([^\[\]【】［］]{1,40})[\]】］]\s*")
_FORWARDS = re.compile(r"\s*(?:fw|wg|tr|转|轉)", re.IGNORECASE)
_BESIDE_CHINESE = re.compile(r"(?<=[\u2e80-\uffef]) | (?=[\u2e80-\uffef])")
_ANSWERS = re.compile(
    r"\s*(?:re|fwd?|aw|wg|tr|sv|回复|回覆|答复|答覆|转发|轉發|轉寄)\s*[:：]\s*", re.IGNORECASE
)
_LIST_NAMES = re.compile(
    r'google ?\S{0,10} ?\S{0,3}"([^"\n]{1,40})"|'
    r"([\w.+-]{1,64}?)(?:[+-](?:unsubscribe|leave|owner|help|request|subscribe))?@[\w.-]{1,200}|"
    r"/(?:listinfo(?:\.cgi)?|g|d/forum|lists)/([\w.-]{1,64})",
    re.IGNORECASE,
)
"""Matches the name of a list in the footer of the list."""


class Copy(Struct, frozen=True):
    """The digests by which a mail is compared with others.

    identity  the mail's identity
    author    digests of the subject, text and files without additions. If the subject has the tag
              of a list, there are two, with and without the tag, because the author may have
              written it. Empty in items of earlier versions
    """

    identity: str
    author: tuple[str, ...] = ()


def copy_of(
    identity: str,
    subject: str,
    text: str,
    files: Iterable[tuple[str, bytes]],
    list_ids: Iterable[str] = (),
) -> Copy:
    """Return the digests by which a mail is compared with others.

    `files` has the type and content of each file. `list_ids` are the mail's List-Id headers.
    """
    lines, added = without_additions(text)
    contents = sorted(
        hashlib.sha256(content).hexdigest()
        for kind, content in files
        if not _is_footer(kind, content)
    )
    subjects = dict.fromkeys(_subjects(subject, _names_of_lists(added, list_ids)))
    return Copy(identity, tuple(_digest(one, lines, contents) for one in subjects))


def is_copy(one: Copy, other: Copy) -> bool:
    """Whether two mails are copies of one mail.

    Their senders, Message-IDs and dates must be equal, which the caller has checked.
    """
    return not set(one.author).isdisjoint(other.author)


def _digest(subject: str, lines: list[str], contents: list[str]) -> str:
    """Return a digest that does not depend on line ends and on the number of blanks."""
    parts = (_one_line(subject), _one_line("\n".join(lines)), *contents)
    whole = "\n".join(parts)
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:32]


def _one_line(text: str) -> str:
    """Return the text with one blank between words, and none beside Chinese characters.

    A gateway that wraps lines can break Chinese text after any character. In other text, a blank
    can change the meaning: `200 EUR` is not `20 0 EUR`.
    """
    return _BESIDE_CHINESE.sub("", " ".join(text.split()))


def _subjects(subject: str, lists: frozenset[str]) -> tuple[str, str]:
    """Return the subject without the tags of gateways, and once more without tags of lists."""
    rest = " ".join(subject[:2_000].translate(HIDDEN).split())
    with_lists, without = "", ""
    for _ in range(MOST_TAGS):
        rest = SUBJECT_TAG_LAST.sub("", rest)
        if found := SUBJECT_TAG.match(rest):
            pass
        elif found := _ANSWERS.match(rest):
            prefix = "fwd:" if _FORWARDS.match(found[0]) else "re:"
            with_lists += "" if with_lists.endswith(prefix) else prefix
            without += "" if without.endswith(prefix) else prefix
        elif (found := _LIST_TAG.match(rest)) and found[1].casefold() in lists:
            with_lists += found[0]
        else:
            break
        rest = rest[found.end() :]
    return with_lists + rest, without + rest


def _names_of_lists(added: str, list_ids: Iterable[str]) -> frozenset[str]:
    """Return the names of the lists that added a footer or the header List-Id (RFC 2919).

    A ticket number does not count as a name.
    """
    found = [next(filter(None, one.groups()), "") for one in _LIST_NAMES.finditer(added)]
    for value in list_ids:
        phrase, _, identifier = value[:MOST_OF_ID].rpartition("<")
        found += [phrase.strip(' "'), identifier.partition(".")[0].strip()]
    return frozenset(name.casefold() for name in found if name and normalised(name) is None)


def _is_footer(kind: str, content: bytes) -> bool:
    """Whether a file contains only a footer. Some lists add their footer as a separate part."""
    if kind != "text/plain" or len(content) > FOOTER_FILE:
        return False
    return not any(without_additions(content.decode("utf-8", "replace"))[0])
