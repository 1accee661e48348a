"""The first step: a ticket is opened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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
) -> Change:
    """A ticket begins. Who left only a phone number is acknowledged by the answer they see now.

    `mail` says of a submission by mail what staff need beside its text: where the original lies,
    its attachments, what it follows.
    """
    contact = submission.contact
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
            "contact": {"name": contact.name, "email": contact.email, "phone": contact.phone},
        },
    )
    if contact.email is None:
        draft.add(EventType.ACKNOWLEDGED, {"by": "page"}, SYSTEM)
    return draft.change()
