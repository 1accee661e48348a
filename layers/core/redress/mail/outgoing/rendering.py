"""Render mails: the text in each language, and the MIME message around it.

A template is the file `data/mail/{language}/{template}.txt`. It has a line `Subject: ...`, an empty
line and the text, with `{placeholders}`. `PLACEHOLDERS` lists the placeholders of each template.
Values are inserted as they are; a placeholder inside a value is not expanded.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from functools import cache

from redress.base.house import NO_HOUSE, House
from redress.base.phrases import file, phrases
from redress.base.texts import cleaned_line
from redress.mail.outgoing import html

_ON_TICKET = frozenset({"number", "subject", "text", "status_url"})
_ON_RECEIPT = frozenset({"number", "promises", "status_url"})
_ON_PROMISE = frozenset({"number", "kind", "clock", "due", "agent", "standing"})

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    # The acknowledgement goes to an address that nobody has verified. It repeats nothing that the
    # sender typed, not even a name, so nobody can use it to send advertisements to strangers.
    "acknowledgement": _ON_RECEIPT,
    "acknowledgement_complaint": _ON_RECEIPT,
    "acknowledgement_urgent": _ON_RECEIPT,
    "acknowledgement_service_request": _ON_RECEIPT,
    "acknowledgement_feedback": _ON_RECEIPT,
    "acknowledgement_late": frozenset({"number", "status_url"}),
    "acknowledgement_late_complaint": frozenset({"number", "status_url"}),
    "reply": _ON_TICKET,
    "reply_waiting": _ON_TICKET,
    "progress": _ON_TICKET,
    "promise_moved": frozenset({"number", "subject", "cause", "moved", "status_url"}),
    "merged": frozenset({"number", "subject", "into", "status_url"}),
    "unmerged": frozenset({"number", "subject", "into", "status_url"}),
    # The other ticket is another customer's now.
    "unmerged_apart": frozenset({"number", "subject", "status_url"}),
    # The acknowledgement of a ticket that was split off another one.
    "split": _ON_RECEIPT | {"written"},
    "split_late": frozenset({"number", "written", "status_url"}),
    "split_undone": frozenset({"number", "into", "status_url"}),
    # The author is not the customer of the other ticket, whose number is not theirs to know.
    "split_undone_apart": frozenset({"number", "status_url"}),
    "resolution": _ON_TICKET | {"closes_at"},
    # Where the customer prefers a call. It names no number: one of their profile may not be the
    # reader's.
    "resolution_call": _ON_TICKET | {"call"},
    "resolution_told": _ON_TICKET,
    # A copy for participants has no link to the status page, where only the customer may act.
    "copy": frozenset({"number", "subject", "text"}),
    "callback_again": frozenset({"number", "subject", "status_url", "resolved_at", "closes_at"}),
    "survey": frozenset({"number", "subject", "survey_url", "until"}),
    "remind": frozenset({"number", "kind", "clock", "due"}),
    "breach": _ON_PROMISE,
    "escalate": _ON_PROMISE,
    "watch": _ON_PROMISE,
    "join": frozenset({"number", "kind", "agent", "due", "ticket_url"}),
    "taken": _ON_PROMISE,
    # It goes to an address that nobody has verified, as the acknowledgement does. Its text is the
    # plan's.
    "nobody_there": frozenset({"number", "text", "status_url"}),
    "unattended": frozenset({"number", "kind", "team", "ticket_url"}),
    "reserve_called": frozenset({"team", "waiting"}),
    "incident": _ON_PROMISE | {"ticket_url"},
    "spike": frozenset({"category", "count", "since", "ticket_url"}),
    "incident_open": frozenset({"title", "team", "since", "incident_url"}),
    "incident_action": frozenset({"title", "owner", "actions", "incident_url"}),
    "customer_wrote": frozenset({"number", "kind", "files"}),
    "customer_wrote_late": frozenset({"number", "kind", "files"}),
    "customer_thanked": frozenset({"number", "kind"}),
    "customer_thanked_closed": frozenset({"number", "kind"}),
    "moved_away": frozenset({"number", "kind", "by", "into"}),
    "stranger_wrote": frozenset({"number", "kind"}),
    "about_doubted": frozenset({"number", "kind", "due", "ticket_url"}),
    "mentioned": frozenset({"number", "kind", "by"}),
    "reminded": frozenset({"number", "kind", "by", "ticket_url"}),
    "task": frozenset({"news", "number", "task", "department", "owner", "due", "task_url"}),
    "task_taken": frozenset({"news", "number", "task", "department"}),
    "remedy": frozenset({"news", "number", "remedy", "agent", "due", "ticket_url"}),
    "post_mortem": frozenset({"news", "number", "kind", "agent", "due", "ticket_url"}),
    "post_mortem_action": frozenset({"number", "kind", "by", "owner", "actions", "ticket_url"}),
    "remedy_promised": _ON_TICKET | {"remedy", "due"},
    "remedy_done": _ON_TICKET | {"remedy"},
    "remedy_withdrawn": _ON_TICKET | {"remedy"},
    "urged": frozenset({"number", "kind", "ticket_url"}),
    "checklist": frozenset({"number", "items", "status_url"}),
    "item": frozenset({"news", "number", "item", "text", "status_url"}),
    "item_given": frozenset({"number", "kind", "item", "files"}),
    "mail_returned": frozenset({"number", "kind"}),
    "answer_failed": frozenset({"number", "kind", "ticket_url"}),
    "tell_moved": frozenset({"number", "kind", "moved", "ticket_url"}),
    "staff_unreached": frozenset({"number", "kind", "agent", "ticket_url"}),
    "disputed": _ON_PROMISE,
    # Anybody can ask for this mail. So it repeats nothing that somebody typed.
    "lost_links": frozenset({html.LINKED}),
    # It contains nothing that anybody wrote, not even the customer's name.
    "relationship_call": frozenset({"news", "type", "owner", "since", "due", "customer_url"}),
    # A digest for supervisors. It contains nothing that a sender wrote.
    "held_mail": frozenset({"team", "count", "oldest", "due", "reasons", "quarantine_url"}),
}

TO_CUSTOMERS = (
    "acknowledgement",
    "acknowledgement_complaint",
    "acknowledgement_feedback",
    "acknowledgement_late",
    "acknowledgement_late_complaint",
    "acknowledgement_service_request",
    "acknowledgement_urgent",
    "callback_again",
    "checklist",
    "copy",
    "item",
    "lost_links",
    "merged",
    "progress",
    "remedy_done",
    "remedy_promised",
    "remedy_withdrawn",
    "resolution",
    "resolution_call",
    "resolution_told",
    "split",
    "split_late",
    "split_undone",
    "split_undone_apart",
    "survey",
    "unmerged",
    "unmerged_apart",
)
"""The templates of mails to customers."""


class _Verbatim(UnstructuredHeader, BaseHeader):
    """A header of ids or URLs, written on one line of any length.

    The library would turn a long line into encoded words, which are not allowed in such a header
    and which mail programs do not decode there (RFC 2047, section 5).
    """

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("in-reply-to", "references", "list-unsubscribe"):
    _HEADERS.map_to_type(_name, _Verbatim)

_POLICY = SMTP.clone(cte_type="7bit", header_factory=_HEADERS)
"""Lines end in CR LF and text is encoded as ASCII, so that no mail server on the way changes it."""

_RULE = "\n\n" + "-" * 40 + "\n\n"


@dataclass(frozen=True, slots=True)
class MailText:
    """The text of a mail in one language.

    `subject` is one line without the ticket number. `html` is the body as HTML
    (`redress.mail.outgoing.html.fragment`).
    """

    language: str
    subject: str
    body: str
    html: str


@cache
def template(language: str, name: str) -> tuple[str, str]:
    """Return a template's subject and body with their placeholders.

    Raises ValueError if the file is not a subject line, an empty line and a text.
    """
    head, _, body = file(language, f"{name}.txt").decode().partition("\n\n")
    label, _, subject = head.partition(": ")
    if label != "Subject" or "\n" in subject or not body.strip():
        raise ValueError(f"mail/{language}/{name}.txt is not a subject, an empty line and a text")
    return subject, body


def render(name: str, language: str, values: Mapping[str, str]) -> MailText:
    """Fill in a template. Raises ValueError if the values do not match its placeholders exactly."""
    if values.keys() != PLACEHOLDERS[name]:
        raise ValueError(f"{name} is given {sorted(values)}, not {sorted(PLACEHOLDERS[name])}")
    subject, body = template(language, name)
    return MailText(
        language,
        one_line(subject.format_map(values)),
        body.format_map(values),
        html.fragment(body, values, phrases(language).links),
    )


def one_line(text: str) -> str:
    """Return the text without line breaks, hidden and control characters, safe in a header.

    `=?` begins an encoded word (RFC 2047), which can hide a line break. It becomes `= ?`.
    """
    plain = "".join(" " if unicodedata.category(c) in _BREAKS else c for c in cleaned_line(text))
    return " ".join(plain.replace("=?", "= ?").split())


_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})


def message(
    sender: str,
    recipients: Sequence[str],
    number: str | None,
    texts: Sequence[MailText],
    at: datetime,
    *,
    automatic: bool,
    conversation: str | None,
    mail_id: str,
    reply_to: str | None = None,
    to_staff: bool = False,
    unsubscribe: str | None = None,
    house: House = NO_HOUSE,
) -> bytes:
    """Return one mail as MIME, with its text as plain text and as HTML.

    `recipients` are addresses from `redress.base.addresses.deliverable`. `texts` holds the same
    message in one language or more. It has several if the recipients do not share a language. The
    subject is in the language of the first.

    `number` and `conversation` are None if the mail is about no ticket.

    All mails of a ticket refer to one artificial Message-ID. Mail programs therefore show them as
    one conversation, and an answer repeats the id in its References. The id is `conversation`, a
    signed token (`Links.mail_token`), followed by @ and the domain. The Message-ID of the mail
    itself is the same token, a dot and `mail_id`, followed by @ and the domain. It identifies a
    second copy of the same mail. SES replaces the Message-ID with one of its own (Developer Guide,
    "Amazon SES header fields"); other mail servers keep it.

    `reply_to` is the signed address that receives answers. A mail with `reply_to` begins with a
    marker line, which asks the recipient to write the answer above it. With `to_staff`, the marker
    line says that the answer becomes an internal note. Without `reply_to`, answers go to the
    sender's mailbox, and the mail has no marker line.

    `unsubscribe` is the URL of a page where the recipient can stop mails of this kind. It is put
    into a header (RFC 2369, and RFC 8058 if the URL is https). `automatic` marks the mail as not
    written by a person (RFC 3834), so that no auto-responder answers it.

    The sender has the name of the `house`, and the HTML shows its name and colours.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(house.name, addr_spec=sender) if house.name else sender
    mail["To"] = [Address(addr_spec=address) for address in recipients]
    mail["Reply-To"] = reply_to or sender
    mail["Subject"] = f"[{number}] {texts[0].subject}" if number else texts[0].subject
    mail["Date"] = format_datetime(at)
    domain = mail["From"].addresses[0].domain
    mail["Message-ID"] = f"<{f'{conversation}.' if conversation else ''}{mail_id}@{domain}>"
    if conversation:
        mail["In-Reply-To"] = mail["References"] = f"<{conversation}@{domain}>"
    mail["X-Redress-Mail"] = mail_id  # lets the reader recognise the mail if it comes back
    if automatic:
        mail["Auto-Submitted"] = "auto-generated"
    if unsubscribe:
        mail["List-Unsubscribe"] = f"<{unsubscribe}>"
        if unsubscribe.startswith("https:"):
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    own = phrases(texts[0].language)
    marker = (own.note_marker if to_staff else own.marker) if reply_to else None
    body = texts[0].body if len(texts) == 1 else _RULE.join(t.body.rstrip() for t in texts) + "\n"
    mail.set_content(f"{marker}\n\n{body}" if marker else body, charset="utf-8")
    sections = [(text.language, text.html) for text in texts]
    page = html.page(mail["Subject"], sections, marker, house)
    mail.add_alternative(page, subtype="html", charset="utf-8")
    return mail.as_bytes()
