"""Mails as they are read: texts in every language, and the message around them.

A template is `data/mail/{language}/{template}.txt`: a line `Subject: ...`, an empty line, the text,
with `{placeholders}`. Which placeholders a template has is said once, in `PLACEHOLDERS`. Values are
put in as they are and never read as a template themselves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import msgspec

_ON_TICKET = frozenset({"number", "subject", "text", "status_url"})
_ON_PROMISE = frozenset({"number", "kind", "clock", "due", "agent", "standing"})

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    # The first mail goes to an address that nobody has checked. It repeats nothing that the sender
    # typed, not even a name, so that it is of no use for sending advertisements to strangers.
    "acknowledgement": frozenset({"number", "promises", "status_url"}),
    "acknowledgement_late": frozenset({"number", "status_url"}),
    "reply": _ON_TICKET,
    "reply_waiting": _ON_TICKET,
    "progress": _ON_TICKET,
    "resolution": _ON_TICKET | {"closes_at"},
    "resolution_told": _ON_TICKET,
    # To who takes part: without the page, where only the customer may act.
    "copy": frozenset({"number", "subject", "text"}),
    "callback_again": frozenset({"number", "subject", "status_url", "resolved_at", "closes_at"}),
    "survey": frozenset({"number", "subject", "survey_url", "until"}),
    "remind": frozenset({"number", "kind", "clock", "due"}),
    "breach": _ON_PROMISE,
    "escalate": _ON_PROMISE,
    "watch": _ON_PROMISE,
    "taken": _ON_PROMISE,
    "incident": _ON_PROMISE | {"ticket_url"},
    "customer_wrote": frozenset({"number", "kind"}),
    "customer_wrote_late": frozenset({"number", "kind"}),
    "mail_returned": frozenset({"number", "kind"}),
    "disputed": _ON_PROMISE,
}

_POLICY = SMTP.clone(cte_type="7bit")
"""CRLF, and text encoded to ASCII: whatever carries it on, it arrives as it was written."""

_RULE = "\n\n" + "-" * 40 + "\n\n"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")


@dataclass(frozen=True, slots=True)
class Text:
    """What a mail says. `subject` is one line, without the ticket's number."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Words:
    """What goes into placeholders in one language: `data/mail/{language}/words.json`.

    Months begin with January, weekdays with Monday. `standing` says what became of a promise.
    """

    time: str
    months: list[str]
    weekdays: list[str]
    promise: str
    clocks: dict[str, str]
    kinds: dict[str, str]
    standing: dict[str, str]
    nobody: str


@cache
def words(language: str) -> Words:
    """The words of one of `plan.LANGUAGES`."""
    return msgspec.json.decode(_file(language, "words.json"), type=Words)


@cache
def template(language: str, name: str) -> Text:
    """A template with its placeholders; raises ValueError when the file is not a mail."""
    head, _, body = _file(language, f"{name}.txt").decode().partition("\n\n")
    label, _, subject = head.partition(": ")
    if label != "Subject" or "\n" in subject or not body.strip():
        raise ValueError(f"mail/{language}/{name}.txt is not a subject, an empty line and a text")
    return Text(subject, body)


def _file(language: str, name: str) -> bytes:
    return resources.files("redress").joinpath("data", "mail", language, name).read_bytes()


def render(name: str, language: str, values: Mapping[str, str]) -> Text:
    """A mail's text; raises ValueError when the values are not exactly the template's own."""
    if values.keys() != PLACEHOLDERS[name]:
        raise ValueError(f"{name} is given {sorted(values)}, not {sorted(PLACEHOLDERS[name])}")
    source = template(language, name)
    return Text(one_line(source.subject.format_map(values)), source.body.format_map(values))


def joined(texts: Sequence[Text]) -> Text:
    """The same mail in several languages, for people who do not share one; the first one leads."""
    return Text(texts[0].subject, _RULE.join(text.body.rstrip() for text in texts) + "\n")


def one_line(text: str) -> str:
    """The text without line breaks and control characters: fit for a header.

    `=?` would begin an encoded word (RFC 2047), in which a line break can hide: it is taken apart.
    """
    plain = "".join(" " if unicodedata.category(c) in _BREAKS else c for c in text)
    return " ".join(plain.replace("=?", "= ?").split())


_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})


def moment(at: datetime, zone: str, language: str) -> str:
    """A time as people read it, in the plan's zone and saying which: `... 17:00 (UTC+8)`."""
    local, own = at.astimezone(ZoneInfo(zone)), words(language)
    return own.time.format(
        year=local.year,
        month=own.months[local.month - 1],
        day=local.day,
        weekday=own.weekdays[local.weekday()],
        time=f"{local:%H:%M}",
        zone=_offset(local),
    )


def _offset(local: datetime) -> str:
    """`UTC+8`, `UTC-3:30`, `UTC`."""
    offset = local.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


def deliverable(address: str) -> str | None:
    """The address as SES takes it (ASCII; the domain in IDNA form), or None when it takes none.

    SES sends no mail to a name before the @ that is not ASCII. Whatever is not plainly one address
    is refused here: nothing that a customer typed may become a second recipient.
    """
    local, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if len(local) > 64 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return None
    return f"{local}@{domain}"


def message(
    sender: str,
    recipients: Sequence[str],
    number: str,
    text: Text,
    at: datetime,
    *,
    automatic: bool,
    conversation: str | None = None,
    reply_to: str | None = None,
) -> bytes:
    """One mail in MIME. `recipients` are as `deliverable` gives them.

    All mails of a ticket refer to one made-up id, so that mail programs show them as one
    conversation: SES gives each mail its own Message-ID, which nobody could refer to beforehand.
    An answer carries it in its References; `conversation` is what stands before its @, for mails to
    the customer a signed token (`Links.mail_token`), and the number where it is None. `reply_to` is
    where the answer goes, the sender unless it is given.
    `automatic`: not written by a person, and says so (RFC 3834), so that no robot answers it.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = [Address(addr_spec=address) for address in recipients]
    mail["Reply-To"] = reply_to or sender
    mail["Subject"] = f"[{number}] {text.subject}"
    mail["Date"] = format_datetime(at)
    mail_id = f"<{conversation or number}@{mail['From'].addresses[0].domain}>"
    mail["In-Reply-To"] = mail_id
    mail["References"] = mail_id
    if automatic:
        mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.body, charset="utf-8")
    return mail.as_bytes()
