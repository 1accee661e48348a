"""The first step: a ticket is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import to_builtins

from redress.base import phones
from redress.base.people import CUSTOMER, SYSTEM, Actor, Member
from redress.clocks.rules.clocks import Clock, ClockName
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.interest import kept_from
from redress.tickets.rules.steps.draft import (
    Draft,
    attention,
    mail_source,
)
from redress.tickets.rules.submission import Submission
from redress.tickets.rules.ticket import Conversation, EventType


def open_ticket(
    submission: Submission,
    number: str,
    plan: Plan,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
    source: Mapping[str, str] | None = None,
    follows: str | None = None,
    conversation: Conversation | None = None,
) -> Change:
    """Open a ticket.

    If the customer left no email address, the page or response that they see is the
    acknowledgement. If the submission came by mail, `mail` describes that mail for staff: the key
    of the original, the attachments, the ticket that it follows, the sender if Reply-To names
    another address as the contact, and as `unacknowledged` the reason for which no acknowledgement
    is promised and sent. If a connector handed the submission over, `source` names it and the ids
    that it has there, and the ticket that it follows. If the customer opened it from the status
    page of another one, `follows` is the number of that one: the caller links it, too.
    `conversation` is then the one through which they were answered there.
    """
    data = opened_data(submission, number, plan, mail, source, follows)
    if conversation is not None:
        data["conversation"] = to_builtins(conversation)
    draft = Draft(None, plan, CUSTOMER, at).add(EventType.OPENED, data)
    if submission.contact.email is None:
        draft.add(EventType.ACKNOWLEDGED, {"by": "page"}, SYSTEM)
    return draft.change()


LIVE_S = 120
"""A first response that is promised within these seconds can only be given in a conversation."""
SPOKEN = "spoke with the customer"
NAMED = "the complaint names them"
EARLIER = "the complaint names an earlier ticket of theirs"


def open_for_caller(
    submission: Submission,
    number: str,
    plan: Plan,
    by: Actor,
    at: datetime,
    *,
    takes: bool = False,
    about: Sequence[Member] = (),
    answered: bool | None = None,
) -> Change:
    """Open a ticket for a customer with whom a member of staff speaks.

    `takes` says whether the agent takes the ticket. `about` are the members of staff whom the
    complaint names. The conversation is a reaction. `answered` says whether it was the first
    response, too. By default it was if the plan promises one within LIVE_S: no other answer could
    keep that promise. If the customer left no email address, what they are told is the
    acknowledgement.
    """
    draft = Draft(None, plan, by, at).add(EventType.OPENED, opened_data(submission, number, plan))
    if submission.contact.email is None:
        draft.add(EventType.ACKNOWLEDGED, {"by": "agent"})
    if about:
        data: dict[str, Any] = {"about": [one.id for one in about], "from": [], "why": NAMED}
        if teams := kept_from(plan, about, at):
            data["kept_from"] = list(teams)
        draft.add(EventType.ABOUT_SET, data, SYSTEM)
    if takes:
        data = {"agent": by.id, "from": None, "why": "took the call", "team": draft.after.team}
        draft.add(EventType.ASSIGNED, data | attention(draft.after, plan, at))
    clocks = draft.after.clocks
    if answered is None:
        answered = _is_live(clocks)
    if spoken := _kept(clocks.keys(), answered):
        data = {"clock": spoken.value, "stopped_at": at.isoformat(), "why": SPOKEN}
        draft.add(EventType.CORRECTED, data)
    return draft.change()


def kept_by_speaking(clocks: Mapping[ClockName, Clock]) -> ClockName | None:
    """The promise that a conversation keeps if nobody says whether it was the first response."""
    return _kept(clocks.keys(), _is_live(clocks))


def _is_live(clocks: Mapping[ClockName, Clock]) -> bool:
    response = clocks.get(ClockName.FIRST_RESPONSE)
    return response is not None and response.target_s <= LIVE_S


def _kept(clocks: Collection[ClockName], answered: bool) -> ClockName | None:
    """The promise that a conversation keeps. A first response is a reaction, too."""
    if answered and ClockName.FIRST_RESPONSE in clocks:
        return ClockName.FIRST_RESPONSE
    return ClockName.REACTION if ClockName.REACTION in clocks else None


def opened_data(
    submission: Submission,
    number: str,
    plan: Plan,
    mail: Mapping[str, Any] | None = None,
    source: Mapping[str, str] | None = None,
    follows: str | None = None,
) -> dict[str, Any]:
    """The data of the event OPENED."""
    contact = submission.contact
    e164 = phones.e164(contact.phone, plan.home_region) if contact.phone else None
    return (
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
            | ({"no_sms": True} if e164 and not phones.takes_sms(e164) else {})
            | ({"company": contact.company} if contact.company else {}),
        }
        | {
            name: value
            for name, value in (
                ("category", submission.category),
                ("order", submission.order),
                ("about", submission.about),
                ("fields", dict(submission.fields) or None),
                ("source", dict(source) if source is not None else None),
                ("follows", follows),
            )
            if value is not None
        }
    )
