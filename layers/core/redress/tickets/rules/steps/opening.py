"""The first step: a ticket is opened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from redress.base import phones
from redress.base.people import CUSTOMER, SYSTEM
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import (
    Draft,
    mail_source,
)
from redress.tickets.rules.submission import Submission
from redress.tickets.rules.ticket import EventType


def open_ticket(
    submission: Submission,
    number: str,
    plan: Plan,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
    source: Mapping[str, str] | None = None,
) -> Change:
    """Open a ticket.

    If the customer left no email address, the page or response that they see is the
    acknowledgement. If the submission came by mail, `mail` describes that mail for staff: the key
    of the original, the attachments, the ticket that it follows, the sender if Reply-To names
    another address as the contact, and as `unacknowledged` the reason for which no acknowledgement
    is promised and sent. If a connector handed the submission over, `source` names it and the ids
    that it has there, and the ticket that it follows.
    """
    contact = submission.contact
    e164 = phones.e164(contact.phone, plan.home_region) if contact.phone else None
    draft = Draft(None, plan, CUSTOMER, at).add(
        EventType.OPENED,
        mail_source(mail)
        | {
            "number": number,
            "kind": submission.kind,
            "channel": submission.channel,
            "language": submission.language,
            "subject": submission.subject,
            "description": submission.description,
            "wished_remedy": submission.wished_remedy,
            "contact": {"name": contact.name, "email": contact.email, "phone": contact.phone}
            | ({"phone_e164": e164} if e164 else {})
            | ({"company": contact.company} if contact.company else {}),
        }
        | {
            name: value
            for name, value in (
                ("category", submission.category),
                ("order", submission.order),
                ("source", dict(source) if source is not None else None),
            )
            if value is not None
        },
    )
    if contact.email is None:
        draft.add(EventType.ACKNOWLEDGED, {"by": "page"}, SYSTEM)
    return draft.change()
