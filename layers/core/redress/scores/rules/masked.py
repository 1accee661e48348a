"""What an agent may know of a closed complaint about them on which their score rests.

The agent never sees the ticket. But a score that nobody can check would not be fair. So the agent
sees what counts, without the customer and without a word of what was written
(docs/decisions/059-conflict-of-interest.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from redress.clocks.rules.clocks import standing
from redress.scores.rules.scorecard import Evidence, Scorecard
from redress.tickets.rules.ticket import Ticket


@dataclass(frozen=True, slots=True)
class MaskedPromise:
    """A promise to the customer, and whether it was kept: a value of `Standing`."""

    clock: str
    state: str


@dataclass(frozen=True, slots=True)
class MaskedFact:
    """A fact of the ticket that counts in the score, and the component in which it counts."""

    component: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class MaskedTicket:
    """A closed complaint about the agent. Its times are days in the plan's zone."""

    kind: str
    category: str | None
    opened_on: date
    closed_on: date
    outcome: str | None
    closure: str | None
    promises: tuple[MaskedPromise, ...]
    facts: tuple[MaskedFact, ...]


def numbers_in(card: Scorecard) -> frozenset[str]:
    """The numbers of the tickets behind a card."""
    found = (one.number for part in card.components for one in part.evidence)
    return frozenset(number for number in found if number)


def masked(
    card: Scorecard, tickets: Iterable[Ticket], zone: str, now: datetime
) -> tuple[MaskedTicket, ...]:
    """Mask those of these tickets that are closed and about the agent of the card.

    The last closed comes first. The number of a ticket decides nothing of the order, because it is
    not shown.
    """
    wanted = [
        ticket for ticket in tickets if card.agent in ticket.about and ticket.closed_at is not None
    ]
    wanted.sort(key=lambda ticket: (ticket.closed_at, ticket.created_at), reverse=True)
    return tuple(_masked(card, ticket, zone, now) for ticket in wanted)


def _masked(card: Scorecard, ticket: Ticket, zone: str, now: datetime) -> MaskedTicket:
    assert ticket.closed_at is not None, "only closed tickets are masked"
    resolution = ticket.resolution
    return MaskedTicket(
        kind=ticket.kind,
        category=ticket.category,
        opened_on=ticket.created_at.astimezone(ZoneInfo(zone)).date(),
        closed_on=ticket.closed_at.astimezone(ZoneInfo(zone)).date(),
        outcome=resolution.outcome if resolution else None,
        closure=ticket.closure,
        promises=tuple(
            MaskedPromise(name.value, standing(clock, now).value)
            for name, clock in ticket.clocks.items()
        ),
        facts=tuple(
            MaskedFact(part.name, one)
            for part in card.components
            for one in part.evidence
            if one.number == ticket.number
        ),
    )
