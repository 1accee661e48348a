"""The steps that propose two tickets as one matter, and that dismiss such a proposal.

A proposal is on the newer one of the two tickets. It changes nothing else: a person merges the
tickets, links them, or says that they are no duplicates (docs/decisions/072-duplicates.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from redress.base.errors import Fault, InvalidInput, Unchanged
from redress.base.people import SYSTEM, Actor
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import Draft, require_possible
from redress.tickets.rules.steps.table import MOST_DUPLICATES, Step
from redress.tickets.rules.ticket import EventType, Ticket

AT = "/ticket"
"""The pointer to the other ticket in a request."""


def propose(ticket: Ticket, plan: Plan, found: Mapping[str, int], at: datetime) -> Change | None:
    """Propose older tickets of the customer as the same matter. None if nothing new is proposed.

    `found` has their numbers, each with its similarity from 0 to 100. A ticket that is linked with
    this one, or that was proposed before, is left out, also if a person dismissed it: so a repeated
    search changes nothing. The most similar ones are proposed, as long as the ticket has at most
    MOST_DUPLICATES of them. Raises NotAllowedNow if nobody works on the ticket any more.
    """
    require_possible(Step.PROPOSE_DUPLICATE, ticket)
    known = {one.number for one in ticket.duplicates} | {one.number for one in ticket.links}
    new = sorted((-found[number], number) for number in found if number not in known)
    room = max(MOST_DUPLICATES - len(ticket.duplicates), 0)
    if not new[:room]:
        return None
    draft = Draft(ticket, plan, SYSTEM, at)
    for negative, number in new[:room]:
        draft.add(EventType.DUPLICATE_PROPOSED, {"ticket": number, "similarity": -negative})
    return draft.change()


def dismiss(ticket: Ticket, plan: Plan, by: Actor, number: str, why: str, at: datetime) -> Change:
    """Record that the ticket `number` is no duplicate of this one. It is never proposed again.

    Raises InvalidInput if it was not proposed, and Unchanged if it was dismissed before.
    """
    require_possible(Step.DISMISS_DUPLICATE, ticket)
    proposed = next((one for one in ticket.duplicates if one.number == number), None)
    if proposed is None:
        raise InvalidInput([Fault(AT, "not_proposed", "it was not proposed as a duplicate")])
    if proposed.dismissed:
        raise Unchanged([Fault(AT, "dismissed", "this proposal was dismissed before")])
    data = {"ticket": number, "why": why.strip()}
    return Draft(ticket, plan, by, at).add(EventType.DUPLICATE_DISMISSED, data).change()
