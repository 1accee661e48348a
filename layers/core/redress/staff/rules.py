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
class Availability:
    """What routing knows of one agent. `last_assigned` sorts by time ('' means never)."""

    agent: str
    team: str
    languages: tuple[str, ...]
    presence: Presence
    capacity: int
    load: int
    last_assigned: str
    since: str


def candidates(ticket: Ticket, availabilities: Iterable[Availability]) -> list[Availability]:
    """The agents who may take this ticket, in the order in which they are asked."""
    fitting = [
        availability
        for availability in availabilities
        if availability.presence is Presence.AVAILABLE
        and availability.team == ticket.team
        and ticket.language in availability.languages
        and availability.load < availability.capacity
    ]
    return sorted(
        fitting,
        key=lambda availability: (
            availability.agent == ticket.avoid,
            availability.agent != ticket.preferred,
            availability.last_assigned,
            availability.agent,
        ),
    )


def agent_loaded_by(ticket: Ticket | None) -> str | None:
    """The agent whose capacity this ticket takes up, if any."""
    return ticket.assignee if ticket is not None and ticket.needs_agent else None
