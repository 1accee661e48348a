"""The facts by which an agent's month is scored. Changes of tickets produce them.

`facts_of` returns the facts of a change; they are written in the transaction of that change. The
key of a fact is agent, period, ticket and name. Writing a fact again has no effect.

Each promise produces at most one fact that is scored. A kept promise counts for the agent who
acted; a word to all customers of an incident is nobody's act. A missed promise counts for the agent
who held the ticket when it was missed. A late answer, a transfer or a new classification never
moves a miss to another agent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.clocks.rules.clocks import Clock, ClockName
from redress.clocks.rules.periods import period_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps.table import SURVEY_SCORES
from redress.tickets.rules.ticket import (
    Event,
    EventType,
    Resolution,
    State,
    Ticket,
    is_bare_thanks,
    is_word_to_all,
)

PROMISES = (ClockName.REACTION, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION)
"""The clocks that are scored. The acknowledgement is automatic, so no agent is scored for it."""


SAME_MATTER = timedelta(days=7)
"""If the customer writes within this time after a resolution, the resolution does not count as a
first-contact resolution."""


Value = Mapping[str, int | bool | str]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact by which an agent's month is scored. `redress.scores.store.facts` stores it.

    The keys of `value` depend on `name`. N is the round of the ticket: 1, plus one for each
    dispute. Seconds are whole numbers.

    - `reaction`, `first_response`, `resolution.N`: a promise that was due in the period, with
      `kept`. If it was kept, `seconds` is the time that its clock consumed.
    - `answered`: the `seconds` of a first response that was late. It is never scored. It is stored
      so that figures of response times include late responses.
    - `resolved.N`: `kind`, `seconds` since the ticket was opened, `first_contact`, `reopened`.
    - `survey`: the scores that the customer gave, 1 to 5, by dimension.
    """

    agent: str
    period: str
    number: str
    name: str
    value: Value


def facts_of(change: Change) -> list[Fact]:
    """The facts that one change of a ticket produces, each key once.

    A promise counts in the month of its due date. A resolution counts in the month in which it was
    given. A later dispute overwrites the fact of that month. A survey counts in the month of the
    answer.
    """
    ticket, events = change.before, change.events
    if ticket is None:  # the first event produces no fact; a caller may be answered in others
        ticket, events = apply(None, events[0], change.plan), events[1:]
    facts: dict[tuple[str, str, str], Fact] = {}
    for event in events:
        after = apply(ticket, event, change.plan)
        for agent, at, name, value in _entries(ticket, event, after):
            period = period_of(at, change.plan.time_zone)
            facts[agent, period, name] = Fact(agent, period, ticket.number, name, value)
        ticket = after
    return list(facts.values())


_OF_MERGES = (EventType.MERGED, EventType.UNMERGED)

_Entry = tuple[str, datetime, str, Value]
"""Agent, instant (which decides the period), name, value."""


def _entries(before: Ticket, event: Event, after: Ticket) -> Iterator[_Entry]:
    """The entries that one event produces.

    A merge and its end produce none: what they move was kept or broken before, or is open.
    """
    for name in PROMISES if event.type not in _OF_MERGES else ():
        old, new = before.clocks.get(name), after.clocks.get(name)
        if old is not None and new is not None:
            yield from _promise(name, before, old, event, new)
    match event.type:
        case EventType.RESOLVED if after.resolution is not None:
            # A dispute does not reset the count of replies, and a resolution counts as a reply.
            # So a second resolution has at least two and is never a first-contact resolution.
            yield _resolved(after, after.resolution, first_contact=after.resolution.replies == 1)
        case EventType.CUSTOMER_WROTE | EventType.MESSAGE_COUNTED if (
            before.state in (State.RESOLVED, State.CONFIRMED)
            and before.resolution is not None
            and not is_bare_thanks(event)
            and timedelta(0) <= _written_at(event) - before.resolution.at <= SAME_MATTER
        ):
            yield _resolved(before, before.resolution)
        case EventType.DISPUTED if before.resolution is not None:
            yield _resolved(before, before.resolution, reopened=True)
        case EventType.SURVEYED if before.resolution is not None:
            answers = event.data["answers"]
            scores = {name: answers[name] for name in SURVEY_SCORES if name in answers}
            yield before.resolution.by, event.at, "survey", scores


def _written_at(event: Event) -> datetime:
    """When the customer wrote a message. A message that is counted later was written before."""
    written: str | None = event.data.get("written_at")
    return datetime.fromisoformat(written) if written else event.at


def _promise(
    name: ClockName, before: Ticket, old: Clock, event: Event, new: Clock
) -> Iterator[_Entry]:
    """The entries that one event produces for one promise: none, a miss, or how it ended.

    A miss is counted at the due time. A late first response can produce two entries: the miss and
    `answered`. It has neither if it was broken before its messages were split off another ticket:
    whoever answers then has not let them wait. A promise that a word to all customers of an
    incident ends in time has none.
    """
    label = f"{name}.{before.round}" if name is ClockName.RESOLUTION else name.value
    held_by = before.assignee
    if event.type is EventType.CORRECTED:
        yield from _corrected(label, old, new)
        return
    if new.breached and not old.breached:
        if new.held_by:
            yield new.held_by, old.due_at, label, {"kept": False}
        return
    if new.stopped_at is None or old.stopped_at is not None:
        return
    seconds = math.floor(new.consumed_s)
    if not new.breached and not new.missed:
        if is_word_to_all(event):  # its writer has not turned to this ticket
            return
        yield event.by.id, new.due_at, label, {"kept": True, "seconds": seconds}
        return
    if not new.breached and held_by:  # late, but its breach was not recorded yet
        yield held_by, new.due_at, label, {"kept": False}
    if name is ClockName.FIRST_RESPONSE and not _is_broken_before_split(before, old):
        yield event.by.id, event.at, "answered", {"seconds": seconds}


def _is_broken_before_split(ticket: Ticket, clock: Clock) -> bool:
    """Whether a promise was broken in the ticket off which this one was split."""
    broken = clock.breached_at
    return ticket.split is not None and broken is not None and broken < ticket.created_at


def _corrected(label: str, old: Clock, new: Clock) -> Iterator[_Entry]:
    """The entry that a correction of a promise produces.

    If the promise already has a fact, this one must overwrite it. Therefore it has the agent of
    that fact, and the due time with which that fact was recorded. The due time decides the month.
    """
    if new.stopped_at == old.stopped_at or new.held_by is None:
        return
    if not new.missed:
        seconds = math.floor(new.consumed_s)
        yield new.held_by, old.breached_at or old.due_at, label, {"kept": True, "seconds": seconds}
    elif not old.breached and old.stopped_at is None:
        yield new.held_by, new.due_at, label, {"kept": False}


def _resolved(
    ticket: Ticket, resolution: Resolution, *, first_contact: bool = False, reopened: bool = False
) -> _Entry:
    """The complete `resolved` entry. It overwrites an earlier one and is computed without it."""
    value: Value = {
        "kind": ticket.kind,
        # An earlier version may have opened the ticket on a machine whose clock was fast.
        "seconds": max(0, math.floor((resolution.at - ticket.created_at).total_seconds())),
        "first_contact": first_contact,
        "reopened": reopened,
    }
    return resolution.by, resolution.at, f"resolved.{resolution.round}", value
