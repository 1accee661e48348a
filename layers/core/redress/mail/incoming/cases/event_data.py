"""What events and submissions record about the mail that caused them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from redress.base.addresses import canonical
from redress.base.languages import LANGUAGES
from redress.base.people import Role
from redress.base.texts import cleaned_line
from redress.mail.incoming.rules.autoreplies import bare
from redress.mail.incoming.rules.decision import Notice
from redress.mail.incoming.rules.folding import Shown, answer, as_data
from redress.mail.incoming.rules.mail import IncomingMail
from redress.mail.incoming.store import IncomingRecord
from redress.mail.outgoing.rendering import TO_CUSTOMERS, template
from redress.mail.outgoing.rules.table import PARTICIPANTS, audience_of
from redress.tickets.rules.steps import table
from redress.tickets.rules.submission import (
    DESCRIPTION_LIMIT,
    NAME_LIMIT,
    SUBJECT_LIMIT,
    Submission,
)
from redress.tickets.rules.ticket import Contact, Event, EventType, Ticket, is_word_to_all

_NOTHING = {"en": "(no text)", "zh-CN": "（无正文）", "zh-TW": "（無內文）"}
_UNTITLED = {"en": "(no subject)", "zh-CN": "（无主题）", "zh-TW": "（無主旨）"}


def notice_data(why: Notice, mail: IncomingMail, ticket: Ticket, key: str | None) -> dict[str, Any]:
    """Return what the event records about a mail that was returned or reported as spam.

    It records the failed addresses, and the key and audience of that mail if they are known. The
    agent is notified only if the audience is the customer or the participants, not staff.
    """
    if why not in (Notice.RETURNED, Notice.COMPLAINED):
        return {}
    data: dict[str, Any] = {}
    if mail.returned:
        data["returned"] = [
            {"address": one.address, "status": one.status, "permanent": one.permanent}
            for one in mail.returned
        ]
    addresses = {one.address for one in mail.returned}
    to = (role for role in (Role.CUSTOMER, PARTICIPANTS) if addresses_of(ticket, role) & addresses)
    if key is not None:
        return data | {"about": key, "to": audience_of(key)}
    return data | {"to": next(to, "")}


def addresses_of(ticket: Ticket, audience: str) -> set[str]:
    """Return the addresses of the ticket's customer or participants; empty for other audiences."""
    if audience == Role.CUSTOMER:
        return {canonical(ticket.contact.email)} if ticket.contact.email else set()
    return set(map(canonical, ticket.participants)) if audience == PARTICIPANTS else set()


def own_subject(mail: IncomingMail, ticket: Ticket) -> str:
    """Return the subject of a mail if its sender chose it; "" if it is that of the conversation.

    The subject of the conversation is the ticket's, or one that our mails have.
    """
    said = bare(mail.title)
    ours = {bare(ticket.subject)} | {
        bare(template(language, name)[0].replace("{subject}", ticket.subject))
        for language in LANGUAGES
        for name in TO_CUSTOMERS
    }
    return mail.title if said and said not in ours else ""


_SENT = (
    EventType.REPLIED,
    EventType.RESOLVED,
    EventType.PROGRESS_TOLD,
    EventType.PROMISED,
    EventType.HELD,
)
"""The events whose words staff sent to the customer."""


def sent_texts(history: Iterable[Event]) -> Iterator[str]:
    """Yield the texts that staff sent to the customer of a ticket."""
    for event in history:
        if (event.by.is_staff or is_word_to_all(event)) and event.type in _SENT:
            texts = (event.data.get(name) for name in ("text", "remedy"))
            yield from (text for text in texts if isinstance(text, str))


def text_of(words: Shown, language: str) -> str:
    """Return the shown text, cut at the limit. If it is empty, return a placeholder for it."""
    return words.text[: table.TEXT_LIMIT].strip() or _NOTHING[language]


def source(mail: IncomingMail, record: IncomingRecord, words: Shown) -> dict[str, Any]:
    """Return what an event records about the mail that caused it.

    `text_cut` is true if the text was cut. The original mail has the complete text. `parts` lists
    the quotes, forwarded mails, signatures and similar parts of the text. A part that was folded
    away has its text in `folded`, and `at` is the place in the event's text where it stood.
    """
    data: dict[str, Any] = {"id": record.identity, "key": record.key}
    if record.flags:
        data["flags"] = list(record.flags)
    if len(words.text) > table.TEXT_LIMIT:
        data["text_cut"] = True
    if parts := as_data(words.parts, table.TEXT_LIMIT):
        data["parts"] = parts
    if mail.enclosed:
        data["attachments"] = [
            {"id": number, "name": one.name, "type": one.served_as, "size": one.size}
            | ({"refused": one.refused} if one.refused else {})
            for number, one in enumerate(mail.enclosed, 1)
        ]
    if record.released_by:
        data["released_by"] = record.released_by
    if record.forwarded_by:
        data["forwarded_by"] = record.forwarded_by
        if mail.forwarded is not None and mail.forwarded.comment:
            data["comment"] = mail.forwarded.comment[: table.REMEDY_LIMIT]
    return data


def submission(mail: IncomingMail, words: Shown, kind: str) -> Submission:
    """Return the submission that opens a ticket for a mail."""
    text = text_of(words, mail.language)[:DESCRIPTION_LIMIT]
    own = answer(mail.whole, mail.parts).text
    first = next((line for line in map(cleaned_line, own.splitlines()) if line), "")
    title = " ".join((mail.title or mail.subject).split())
    if not title:
        title = first[:80] or _UNTITLED[mail.language]
    name = " ".join(mail.contact_name.split()) or mail.contact.partition("@")[0]
    return Submission(
        kind=kind,
        channel="email",
        language=mail.language,
        subject=title[:SUBJECT_LIMIT],
        description=text,
        wished_remedy=None,
        contact=Contact(name=name[:NAME_LIMIT], email=mail.contact),
    )
