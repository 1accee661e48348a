"""Whom a note can mention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redress.base.errors import Fault, pointer
from redress.base.people import Actor, Member
from redress.tickets.rules import access
from redress.tickets.rules.steps.table import MOST_MENTIONED
from redress.tickets.rules.ticket import Ticket


def faults_of(
    ticket: Ticket,
    by: Actor,
    mentioned: Sequence[str],
    members: Mapping[str, Member],
    is_guest: bool,
) -> list[Fault]:
    """Return a fault for every id in a note's `mentions` that cannot be mentioned.

    `members` are the members of staff with these ids, as far as they exist. A member who is
    suspended, has left, or from whom the ticket is kept gets the same fault. So the answer tells
    nobody that a complaint is about somebody. `is_guest` says that the writer sees the ticket only
    because a note mentions them (`access.is_guest`). They can mention nobody.
    """
    faults = []
    if is_guest:
        detail = "a mention shows you this ticket; it does not let you show it to others"
        faults.append(Fault("/mentions", "only_mentioned", detail))
    for index, one in enumerate(mentioned):
        here = pointer("mentions", str(index))
        member = members.get(one)
        if one in mentioned[:index]:
            faults.append(Fault(here, "duplicate", "this member is named twice"))
        elif one == by.id:
            faults.append(Fault(here, "is_oneself", "you write this note yourself"))
        elif member is None:
            faults.append(Fault(here, "unknown_member", "there is no such member of staff"))
        elif not member.is_active or access.is_kept_from(ticket, member):
            detail = "this member cannot be mentioned on this ticket"
            faults.append(Fault(here, "not_mentionable", detail))
    if len({*ticket.mentioned, *mentioned}) > MOST_MENTIONED:
        detail = f"at most {MOST_MENTIONED} members on one ticket; a leader can end a mention"
        faults.append(Fault("/mentions", "too_many", detail))
    return faults


def not_mentioned(ticket: Ticket, members: Sequence[str]) -> list[Fault]:
    """Return a fault for every one of `members` whom no note on the ticket mentions now."""
    detail = "no note on this ticket mentions this member"
    return [
        Fault(pointer("members", str(index)), "not_mentioned", detail)
        for index, one in enumerate(members)
        if one not in ticket.mentioned
    ]
