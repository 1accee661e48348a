"""What happened to one ticket: clocks, events, mails and workflow, without data of a person."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import NotFound, Unreadable
from redress.clocks.rules.clocks import standing
from redress.tickets.rules.numbers import normalised
from redress.tickets.store.mail_records import MailRecord
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import Timer, TimerStore
from redress.workflow.cases.relay import execution_name


@dataclass(frozen=True, slots=True)
class Promise:
    clock: str
    standing: str
    due_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Happened:
    """One event. `by` is the role of the person, or `system`. No text of it is kept."""

    number: int
    at: datetime
    type: str
    by: str
    about: str
    """For a rung: the clock and the step that fired. Otherwise empty."""


@dataclass(frozen=True, slots=True)
class TicketStory:
    number: str
    state: str
    kind: str
    team: str
    priority: str
    version: int
    created_at: datetime
    promises: list[Promise]
    events: list[Happened]
    mails: list[MailRecord]
    timer: Timer | None
    execution: str
    """The name of the workflow's execution; empty if the TIMER cannot be read."""


class TicketCase:
    def __init__(
        self, tickets: TicketStore, timers: TimerStore, now: Callable[[], datetime]
    ) -> None:
        self._tickets, self._timers, self._now = tickets, timers, now

    def story(self, typed: str) -> TicketStory:
        """The story of the ticket with this number, as a person typed it.

        Raises NotFound if it is not a number or there is no such ticket, and Unreadable.
        """
        number = normalised(typed)
        if number is None:
            raise NotFound("a ticket number looks like R-7K3M9-QW0X2")
        file = self._tickets.file(number, behind=True)
        timer = None
        with contextlib.suppress(NotFound, Unreadable):
            timer = self._timers.get(number)
        ticket, now = file.ticket, self._now()
        return TicketStory(
            number=number,
            state=ticket.state.value,
            kind=ticket.kind,
            team=ticket.team,
            priority=ticket.priority,
            version=ticket.version,
            created_at=ticket.created_at,
            promises=[
                Promise(name.value, standing(clock, now).value, clock.due_at, clock.ended_at)
                for name, clock in ticket.clocks.items()
            ],
            events=[
                Happened(
                    event.number,
                    event.at,
                    event.type.value,
                    event.by.role.value,
                    _about(event.data),
                )
                for event in file.history
            ],
            mails=file.mails,
            timer=timer,
            execution=execution_name(number, timer.gen) if timer else "",
        )


def _about(data: dict[str, object]) -> str:
    """The clock and the step of a rung. These are names of the plan, never words of a person."""
    return " ".join(
        str(data[name]) for name in ("clock", "step") if isinstance(data.get(name), str)
    )
