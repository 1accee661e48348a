"""Find clues in a mail: ticket numbers, the bare subject, and the forwarded mail.

Anybody can write such text, so a clue proves nothing. Whether the sender may write on the ticket is
decided in `redress.mail.incoming.rules.decision`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from redress.base.texts import without_hidden
from redress.mail.incoming.reader import quoting
from redress.mail.incoming.reader.addresses import addresses_of
from redress.mail.incoming.reader.limits import Defects
from redress.mail.incoming.reader.mail import Address, ParsedMail
from redress.tickets.rules.numbers import normalised

_NUMBER = re.compile(
    r"(?<![0-9A-Z])R[ ]?[-_‐‑‒–—−]?[ ]?([0-9A-Z]{5})[ ]?[-_‐‑‒–—−]?[ ]?([0-9A-Z]{5})(?![0-9A-Z])"
)
_BROKEN_NUMBER = re.compile(
    r"(?<![0-9A-Z])R[ ]?[-‐‑‒–—−][ ]?((?:[0-9A-Z][ ]?){4}[0-9A-Z])"
    r"[ ]?[-‐‑‒–—−][ ]?((?:[0-9A-Z][ ]?){4}[0-9A-Z])(?![0-9A-Z])"
)
"""Matches a ticket number with both hyphens that has blanks, because a program wrapped it."""
_ANSWERS = (
    "re|aw|antw|sv|vs|odp|ynt|r[ée]p|re\u0301p|res|r|vá|απ|atb|"
    "回复|回覆|回復|答复|答覆|返信|회신|답장|השב|رد"
)
"""What mail programs write before the subject of an answer. `VS` means an answer in Finnish, and a
forwarded mail in Norwegian."""
_FORWARDS = "fwd?|wg|tr|rv|enc|i|vb|vl|pd|doorst|ilt|i̇lt|转发|轉發|转寄|轉寄|転送|전달|העברה"
"""What mail programs write before the subject of a forwarded mail."""
_COLON = "[:：﹕∶]"
_FORWARD_SUBJECT = re.compile(rf"\s*(?:(?:{_FORWARDS})\s*{_COLON}|\[fwd?:)", re.IGNORECASE)
_COUNT = r"(?:\[\d{1,3}\]|\(\d{1,3}\)|（\d{1,3}）|[\^*]\d{1,3})"
"""How some programs count the answers: `Re[2]:`, `Re(2):`, `Re^2:`."""
_PREFIX = re.compile(
    rf"\s*(?:(?:{_ANSWERS}|{_FORWARDS})\s*{_COUNT}?\s*{_COLON}\s*|"
    r"\[(?:ext|external|外部|外部邮件)\]\s*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A forwarded mail, with its original sender, subject and text.

    `how` is "attached" if the forwarded mail is an attachment, and "inline" if it is in the text.
    `date` is text: as the heading gives it for an inline mail, in ISO 8601 for an attached one.
    `comment` is the text that the forwarding person wrote above the mail.
    """

    sender: Address | None
    subject: str
    date: str
    text: str
    comment: str
    how: str


def numbers_in(text: str) -> tuple[str, ...]:
    """Return the ticket numbers in a text, as people write them.

    Full-width letters, other dashes, lower case and O instead of 0 are accepted. Invisible
    characters and blanks where a line was wrapped are ignored. A number that has no hyphen (`-`)
    must contain a digit. Otherwise an ordinary word of eleven letters that begins with R could be
    read as a number.
    """
    plain = unicodedata.normalize("NFKC", without_hidden(text[:2_000])).upper()
    plain = " ".join(plain.split())
    found = []
    for match in (*_NUMBER.finditer(plain), *_BROKEN_NUMBER.finditer(plain)):
        first, second = (part.replace(" ", "") for part in match.groups())
        if not any(c.isdigit() for c in first + second) and "-" not in match.group():
            continue
        number = normalised(f"R-{first}-{second}")
        if number is not None:
            found.append(number)
    return tuple(dict.fromkeys(found))


def bare_subject(subject: str) -> str:
    """Return the subject without reply and forward prefixes and the ticket number in brackets."""
    plain = subject[:2_000]
    for _ in range(20):
        shorter = _PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain
        shorter = _without_number(shorter)
        if shorter == plain:
            break
        plain = shorter
    return plain.strip()


def _without_number(subject: str) -> str:
    match = re.match(r"\s*[\[【［(（]([^\]】］)）]{1,40})[\]】］)）]\s*", subject)
    return subject[match.end() :] if match and numbers_in(match.group(1)) else subject


# ------------------------------------------------------------------------------ forwards


def is_forward(subject: str) -> bool:
    """Whether the subject says that the mail forwards another one."""
    return _FORWARD_SUBJECT.match(subject) is not None


def forwarded(mail: ParsedMail) -> Forwarded | None:
    """Return the mail that this one forwards, or None.

    If the subject says that the mail is a forward, the first heading in the text introduces the
    forwarded mail. Later headings and attachments are ignored, because the author of the forwarded
    mail chose everything below the first heading. If the subject does not say so or there is no
    heading, the first attached message counts as the forwarded mail. It does not count if the mail
    around it is an answer or a report, because a bounce also returns a mail as an attached message.
    """
    if is_forward(mail.subject) and (found := _inline(mail)) is not None:
        return found
    if mail.report is not None or not mail.embedded or mail.in_reply_to or mail.references:
        return None
    inner = mail.embedded[0]
    sender = inner.sender_addresses[0] if inner.sender_addresses else None
    date = inner.date.isoformat() if inner.date else ""
    return Forwarded(sender, inner.subject, date, inner.text, mail.text.strip(), "attached")


def _inline(mail: ParsedMail) -> Forwarded | None:
    lines = mail.text.split("\n")
    for index, line in enumerate(lines):
        marked = quoting.is_forward(line)
        if not marked and not _may_begin_forward(lines, index):
            continue
        begin = index + 1 if marked or _is_separator(lines, index) else index
        while begin < len(lines) and not quoting.unquoted(lines[begin]).strip():
            begin += 1
        heading = quoting.heading_at(lines, begin) if begin < len(lines) else None
        if heading is None or not (heading.proven or marked):
            continue  # the label of a parcel looks like the heading of a mail
        return _from_heading(lines, index, heading)
    return None


def _is_separator(lines: list[str], index: int) -> bool:
    return quoting.is_original(lines, index) or quoting.is_rule(lines[index])


def _may_begin_forward(lines: list[str], index: int) -> bool:
    return _is_separator(lines, index) or quoting.heading_at(lines, index) is not None


def _from_heading(lines: list[str], index: int, heading: quoting.Heading) -> Forwarded:
    author = heading.fields.get("from", "")
    # Outlook writes <mailto:...> or [mailto:...] after the name.
    author = re.sub(r"[\[<]mailto:([^\]>]{1,250})[\]>]", r"<\1>", author)
    found = addresses_of(re.sub(r"<([^<>]*)>\s*<[^<>]*>", r"<\1>", author), Defects())
    rest = lines[heading.last :]
    # Apple Mail puts quote marks before the lines that it forwards. They are not part of the mail.
    quoted = [line for line in rest if line.strip()]
    if quoted and all(line.lstrip().startswith(">") for line in quoted):
        rest = [re.sub(r"^\s{0,3}>\s?", "", line) for line in rest]
    return Forwarded(
        sender=found[0] if found else None,
        subject=heading.fields.get("subject", ""),
        date=heading.fields.get("sent", ""),
        text="\n".join(rest).strip(),
        comment="\n".join(lines[:index]).strip(),
        how="inline",
    )
