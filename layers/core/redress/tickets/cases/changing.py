"""Change a ticket: read, decide, write; decide again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import VersionConflict
from redress.plans.rules.plan import Plan
from redress.plans.store import Plans
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.tickets import Raced, TicketStore

ATTEMPTS = 8

Decide = Callable[[Ticket, Plan, datetime], Change | None]


def change(
    tickets: TicketStore,
    plans: Plans,
    now: Callable[[], datetime],
    number: str,
    decide: Decide,
    known: Ticket | None = None,
) -> Ticket:
    """Apply `decide` to the ticket as it is and store what it decides; the ticket after it.

    Decided anew on every lost race, so a rule always sees the truth: who acted on an old version
    is refused by the rule itself (`require_current`). None means that nothing is to be done. Raises
    whatever `decide` raises; VersionConflict when the race is lost ATTEMPTS times. `known` is the
    ticket as the caller has read it: with it the first try reads nothing.
    """
    for attempt in range(ATTEMPTS):
        ticket = known if known and attempt == 0 else tickets.get(number)
        # Two functions' clocks differ by some milliseconds; a history never goes backwards.
        moment = max(now(), ticket.changed_at)
        decided = decide(ticket, plans.get(ticket.plan_version), moment)
        if decided is None:
            return ticket
        try:
            tickets.commit(decided, moment)
        except Raced:
            continue
        return decided.after
    raise VersionConflict(tickets.get(number).version)
