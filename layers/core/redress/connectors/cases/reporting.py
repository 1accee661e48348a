"""Record on the ticket what became of an answer that went to the system of a connector."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.base.errors import NotFound
from redress.base.people import SYSTEM, Actor, Machine
from redress.connectors.rules import answer as rules
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.answers import AnswerState
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Event, Ticket
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class Reported:
    """The ticket after a report. `is_news` is false if the same, or something later, was known."""

    number: str
    version: int
    is_news: bool


class ReportingCases:
    def __init__(self, tickets: TicketStore, changes: TicketChanges) -> None:
        self._tickets, self._changes = tickets, changes

    def take(self, machine: Machine, body: Any) -> Reported:
        """Record the receipt of a connector. It may come twice, late and out of order.

        Raises InvalidInput, and NotFound if no such answer went to this connector.
        """
        receipt = rules.parse_receipt(body)
        known = machine.id
        return self._report(
            receipt.number, receipt.event, receipt.state, receipt.why, machine.actor, known
        )

    def report(self, number: str, event: int, state: AnswerState, why: str = "") -> Reported:
        """Record what the product itself knows about an answer. May be repeated.

        Raises NotFound, VersionConflict or Unavailable.
        """
        return self._report(number, event, state, why, SYSTEM, None)

    def _report(
        self,
        number: str,
        event: int,
        state: AnswerState,
        why: str,
        by: Actor,
        connector: str | None,
    ) -> Reported:
        """Record the state of an answer, if it may follow the last one that was recorded.

        `connector` is who reports; None if it is the product.
        """
        is_news = False

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            nonlocal is_news
            answer, later = self._since(ticket, event, connector)
            change = by_system.report_answer(ticket, plan, by, answer, state, why, later, at)
            is_news = change is not None
            return change

        after = self._changes.change(number, decide)
        return Reported(number, after.version, is_news)

    def _since(
        self, ticket: Ticket, event: int, connector: str | None
    ) -> tuple[Event, list[Event]]:
        """The answer, and the events after it. Raises NotFound.

        Whoever asks learns nothing about events that are no answers of theirs.
        """
        found = self._tickets.events_after(ticket, event - 1) if event <= ticket.version else []
        if found and found[0].number == event:
            via = found[0].data.get("via")
            if via is not None and connector in (None, via["connector"]):
                return found[0], found[1:]
        raise NotFound("there is no such answer")
