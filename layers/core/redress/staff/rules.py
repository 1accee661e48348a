"""Who gets a ticket: the simplest fair rule (the full router is another matter).

Only agents of the team who are present, speak the language and have room are candidates; among
them who has waited longest since their last ticket. Who knew a reopened ticket goes first; from
whom a broken promise took it, last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from redress.tickets.rules.ticket import Ticket


class Presence(StrEnum):
    AVAILABLE = "available"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Duty:
    """What routing knows of one agent. `last_assigned` sorts by time ('' means never)."""

    agent: str
    team: str
    languages: tuple[str, ...]
    presence: Presence
    capacity: int
    load: int
    last_assigned: str
    since: str


def candidates(ticket: Ticket, duties: Iterable[Duty]) -> list[Duty]:
    """The agents who may take this ticket, in the order in which they are asked."""
    fitting = [
        duty
        for duty in duties
        if duty.presence is Presence.AVAILABLE
        and duty.team == ticket.team
        and ticket.language in duty.languages
        and duty.load < duty.capacity
    ]
    return sorted(
        fitting,
        key=lambda duty: (
            duty.agent == ticket.avoid,
            duty.agent != ticket.preferred,
            duty.last_assigned,
            duty.agent,
        ),
    )


def burden(ticket: Ticket | None) -> str | None:
    """The agent whose capacity this ticket takes up, if any."""
    return ticket.assignee if ticket is not None and ticket.needs_agent else None
