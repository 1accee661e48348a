"""Routing: which agents may take a ticket, and in which order they are asked.

Candidates are the agents of the ticket's team who are available, speak its language and have room,
whom the complaint is not about, and who have not declined the ticket.
The agent whose last assignment is longest ago is asked first. There are
two exceptions. If a resolved ticket was reopened, the agent who resolved it is asked first. If the
ticket was taken from an agent because of a broken promise, that agent is asked last.
"""

from __future__ import annotations

from collections.abc import Iterable

from redress.staff.rules.availability import Availability, Presence
from redress.tickets.rules.ticket import Ticket


def candidates(ticket: Ticket, availabilities: Iterable[Availability]) -> list[Availability]:
    """The agents who may take this ticket, in the order in which they are asked.

    The agent's id breaks ties, so the order is always the same.
    """
    fitting = [
        availability
        for availability in availabilities
        if availability.presence is Presence.AVAILABLE
        and availability.team == ticket.team
        and ticket.language in availability.languages
        and availability.load < availability.capacity
        and availability.agent not in ticket.about
        and availability.agent not in ticket.declined_by
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
