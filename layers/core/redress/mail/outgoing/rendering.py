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
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from functools import cache

from redress.base.phrases import file, phrases
from redress.mail.outgoing import html

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


class _Verbatim(UnstructuredHeader, BaseHeader):
    """A header of ids or addresses of pages: one line, however long. The library would make encoded
    words of a long one, which nobody reads in such a header (RFC 2047, section 5)."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("in-reply-to", "references", "list-unsubscribe"):
    _HEADERS.map_to_type(_name, _Verbatim)

_POLICY = SMTP.clone(cte_type="7bit", header_factory=_HEADERS)
"""CRLF, and text encoded to ASCII: whatever carries it on, it arrives as it was written."""

_RULE = "\n\n" + "-" * 40 + "\n\n"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")


@dataclass(frozen=True, slots=True)
class Text:
    """What a mail says in one language. `subject` is one line, without the ticket's number; `html`
    is the body once more (`mail_html.fragment`)."""

    language: str
    subject: str
    body: str
    html: str


@cache
def template(language: str, name: str) -> tuple[str, str]:
    """Subject and body with their placeholders; raises ValueError when the file is not a mail."""
    head, _, body = file(language, f"{name}.txt").decode().partition("\n\n")
    label, _, subject = head.partition(": ")
    if label != "Subject" or "\n" in subject or not body.strip():
        raise ValueError(f"mail/{language}/{name}.txt is not a subject, an empty line and a text")
    return subject, body


def render(name: str, language: str, values: Mapping[str, str]) -> Text:
    """A mail's text; raises ValueError when the values are not exactly the template's own."""
    if values.keys() != PLACEHOLDERS[name]:
        raise ValueError(f"{name} is given {sorted(values)}, not {sorted(PLACEHOLDERS[name])}")
    subject, body = template(language, name)
    return Text(
        language,
        one_line(subject.format_map(values)),
        body.format_map(values),
        html.fragment(body, values, phrases(language).links),
    )


def one_line(text: str) -> str:
    """The text without line breaks and control characters: fit for a header.

    `=?` would begin an encoded word (RFC 2047), in which a line break can hide: it is taken apart.
    """
    plain = "".join(" " if unicodedata.category(c) in _BREAKS else c for c in text)
    return " ".join(plain.replace("=?", "= ?").split())


_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})


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
    texts: Sequence[Text],
    at: datetime,
    *,
    automatic: bool,
    conversation: str,
    mail_id: str,
    reply_to: str | None = None,
    to_staff: bool = False,
    unsubscribe: str | None = None,
) -> bytes:
    """One mail in MIME: its text, and the same as HTML.

    `recipients` are as `deliverable` gives them. `texts` say the same in the languages
    of people who do not share one; the first one leads.

    All mails of a ticket refer to one made-up id, so that mail programs show them as one
    conversation, and an answer carries it in its References. Before its @ stands `conversation`, a
    signed token (`Links.mail_token`). The mail's own Message-ID begins with it as well and ends
    with `mail_id`, so that a second copy of one mail is known as such. SES puts an id of its own in
    its place (Developer Guide, "Amazon SES header fields"); every other way keeps it.

    `reply_to` is where an answer is read, with the line above which it is to be written; without it
    answers go to the sender, where nobody cuts anything off; `to_staff` says what becomes of one of
    theirs. `unsubscribe` is the page that ends
    mails such as this one (RFC 2369; RFC 8058 where it is safe to reach).
    `automatic`: not written by a person, and says so (RFC 3834), so that no robot answers it.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = [Address(addr_spec=address) for address in recipients]
    mail["Reply-To"] = reply_to or sender
    mail["Subject"] = f"[{number}] {texts[0].subject}"
    mail["Date"] = format_datetime(at)
    domain = mail["From"].addresses[0].domain
    mail["Message-ID"] = f"<{conversation}.{mail_id}@{domain}>"
    mail["In-Reply-To"] = mail["References"] = f"<{conversation}@{domain}>"
    mail["X-Redress-Mail"] = mail_id  # if it ever comes back to us, it is known as ours
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
    page = html.page(mail["Subject"], sections, marker)
    mail.add_alternative(page, subtype="html", charset="utf-8")
    return mail.as_bytes()
