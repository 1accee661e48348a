"""Why a promise is due when it is due, and why it was broken: told from the ticket's own history.

`explain` walks the fold and compares the clocks before and after each event. It knows no rule of
its own about when a clock begins, stands still or ends: what it tells is what the fold did. A clock
that begins anew (an update, a next reply, a resolution after a dispute) is a story of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import replace
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from redress.base.people import Role
from redress.clocks.rules import clocks
from redress.clocks.rules.calendars import Calendar, Interval, WeeklyCalendar
from redress.clocks.rules.clocks import (
    Action,
    Clock,
    ClockName,
    ClockState,
    Pause,
    Rung,
    Standing,
    standing,
)
from redress.plans.rules.plan import Plan
from redress.tickets.rules.fold import walk
from redress.tickets.rules.ticket import Event, EventType, Ticket, waits_for


class What(StrEnum):
    """What an event did to a clock. In this order where one event did several of them."""

    BEGUN = "begun"
    REPLANNED = "replanned"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a story: what `event` did, and the clock before and after it.

    `elapsed_s` are the seconds of its calendar that the clock had consumed then. `waits_for` says
    of a pause what was waited for: `plan.CUSTOMER`, or one of `plan.HOLDS`.
    """

    what: What
    event: Event
    before: Clock | None
    clock: Clock
    elapsed_s: float
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FiredRung:
    """A rung that has acted. `then` are the events that followed from it, each its own event."""

    event: Event
    index: int
    action: Action
    due_at: datetime
    then: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class ComingRung:
    """A rung that has not acted. `due_at` is None while the clock stands still: nobody knows."""

    index: int
    rung: Rung
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar as people read it: in `zone`, the same hours for each group of weekdays.

    Monday is 0; a weekday in no group is closed. `week` is empty for calendar time, of which every
    second counts. `special` are the dates of a story that are otherwise than their weekday, in
    order; () is closed.
    """

    name: str
    zone: str
    week: tuple[tuple[tuple[int, ...], tuple[Interval, ...]], ...] = ()
    special: tuple[tuple[date, tuple[Interval, ...]], ...] = ()

    @property
    def always(self) -> bool:
        return not self.week

    def closed_on(self, day: date) -> bool:
        """Whether the house is closed all day."""
        for special, intervals in self.special:
            if special == day:
                return not intervals
        return not self.always and all(day.weekday() not in days for days, _ in self.week)


@dataclass(frozen=True, slots=True)
class Story:
    """One promise from its beginning to now, or to its end.

    `round` counts how often a clock of this name has begun on this ticket, from 1; `current` says
    whether it is the clock that the ticket carries. `elapsed_s` are seconds of its calendar,
    `ran_s` every second in which it ran, `paused_s` every second in which it stood still: the
    two together are all seconds from `started_at` to `until`.
    """

    name: ClockName
    round: int
    current: bool
    clock: Clock
    standing: Standing
    hours: Hours
    ladder: str | None
    """None where the promise has steps of its own: a callback by mail, a survey."""
    until: datetime
    elapsed_s: float
    ran_s: float
    paused_s: float
    entries: tuple[Entry, ...]
    pauses: tuple[Pause, ...]
    fired: tuple[FiredRung, ...]
    to_come: tuple[ComingRung, ...]


def explain(
    events: Iterable[Event], plan: Plan, plans: Callable[[int], Plan], now: datetime
) -> tuple[Story, ...]:
    """The stories of all clocks of a ticket, in the order in which they began.

    `plan` is the one that the ticket began under, `plans` finds one that it was moved to. Raises
    ValueError on an empty history.
    """
    told: list[_Attempt] = []
    current: dict[ClockName, _Attempt] = {}
    ticket: Ticket | None = None
    acted: _Acted | None = None
    for ticket, event in walk(events, plan, plans):
        if ticket.plan_version != plan.version:
            plan = plans(ticket.plan_version)
        for name, clock in ticket.clocks.items():
            draft = current.get(name)
            if draft is None or _begins(name, draft.clock, clock, event):
                if draft is not None:
                    draft.replaced(ticket, event)
                begun = sum(other.name is name for other in told) + 1
                draft = current[name] = _Attempt(name, begun, clock, plan)
                told.append(draft)
                draft.tell(What.BEGUN, ticket, event, None)
                if clock.state is ClockState.PAUSED:
                    draft.tell(What.PAUSED, ticket, event, None)
            else:
                draft.goes_on(ticket, clock, plan, event)
        acted = _follows(acted, event, current)
    if ticket is None:
        raise ValueError("a history has at least the event that opened the ticket")
    return tuple(draft.story(ticket, now, current=current[draft.name] is draft) for draft in told)


_MADE_ANEW = (EventType.RECLASSIFIED, EventType.PLAN_CHANGED)


def _begins(name: ClockName, old: Clock, new: Clock, event: Event) -> bool:
    """Whether this is another promise: after one that has ended, or in the place of one that ran.

    One that was cancelled and applies again is the same. Two words given in the same instant look
    alike in their beginning, and are two.
    """
    if old.state is ClockState.STOPPED:
        return not new.over
    if name is ClockName.OWN_WORD and event.type is EventType.PROMISED:
        return True
    return old.started_at != new.started_at


def _waits_for(ticket: Ticket, clock: Clock) -> tuple[str, ...]:
    """What the ticket waits for, as far as this clock stands still for it."""
    return tuple(reason for reason in waits_for(ticket) if reason in clock.pauses)


@dataclass
class _Attempt:
    """A story that is being told."""

    name: ClockName
    round: int
    clock: Clock
    plan: Plan
    """Under which the clock was last open: its calendar and its ladder are of this plan."""
    entries: list[Entry] = field(default_factory=list)
    fired: list[_Acted] = field(default_factory=list)

    @property
    def calendar(self) -> Calendar:
        return self.plan.calendar(self.clock.calendar)

    def tell(self, what: What, ticket: Ticket, event: Event, before: Clock | None) -> None:
        waits = _waits_for(ticket, self.clock) if what is What.PAUSED else ()
        elapsed = self._elapsed(ticket, event.at)
        self.entries.append(Entry(what, event, before, self.clock, elapsed, waits))

    def _elapsed(self, ticket: Ticket, at: datetime) -> float:
        """Measured from the beginning, so that it is right of a cancelled clock too."""
        until = min(at, self.clock.ended_at or at)
        return clocks.measured(clocks.spans(self.clock, ticket.waits, until), self.calendar)

    def goes_on(self, ticket: Ticket, clock: Clock, plan: Plan, event: Event) -> None:
        """The same promise after one more event."""
        before, self.clock = self.clock, clock
        corrected = event.type is EventType.CORRECTED and event.data["clock"] == self.name
        if not clock.over:
            self.plan = plan
        if clock == before and not corrected:
            return
        if _is_made_anew(event, before, clock):
            self.tell(What.REPLANNED, ticket, event, before)
        if corrected:
            self.tell(What.CORRECTED, ticket, event, before)
        elif clock.state is not before.state and not _is_revived(before, clock):
            self.tell(_TURNED[clock.state], ticket, event, before)

    def replaced(self, ticket: Ticket, event: Event) -> None:
        """Another promise takes the place of this one while it is open.

        An update is kept, or missed, by the word that begins the next one; a next reply, by the
        answer that a correction recorded. An own word that is replaced by another before its time
        is neither; one that is overdue by then was missed.
        """
        before, calendar = self.clock, self.calendar
        if before.over:
            return
        what = What.STOPPED
        if event.type is EventType.CORRECTED and event.data["clock"] == self.name:
            stopped_at = datetime.fromisoformat(event.data["stopped_at"])
            self.clock = clocks.correct(before, stopped_at, ticket.waits, calendar)
            what = What.CORRECTED
        elif self.name is ClockName.OWN_WORD and not clocks.overdue(before, event.at):
            self.clock = clocks.cancel(before, event.at)
            what = What.CANCELLED
        else:
            self.clock = clocks.stop(before, event.at, calendar)
        self.tell(what, ticket, event, before)

    def story(self, ticket: Ticket, now: datetime, *, current: bool) -> Story:
        clock = self.clock
        until = clock.ended_at or now
        ran = clocks.spans(clock, ticket.waits, until)
        ran_s = sum(((end - begin).total_seconds() for begin, end in ran), 0.0)
        rungs = self._rungs(ticket)
        steps = {rung.action for rung in rungs} <= {Action.REMIND, Action.BREACH, Action.ESCALATE}
        return Story(
            name=self.name,
            round=self.round,
            current=current,
            clock=clock,
            standing=standing(clock, now),
            hours=self._hours(until),
            ladder=clock.ladder if steps else None,
            until=until,
            elapsed_s=clocks.measured(ran, self.calendar),
            ran_s=ran_s,
            paused_s=(until - clock.started_at).total_seconds() - ran_s,
            entries=tuple(self.entries),
            pauses=_pauses(clock, ticket, until),
            fired=tuple(acted.told() for acted in self.fired),
            to_come=self._to_come(ticket, rungs),
        )

    def _rungs(self, ticket: Ticket) -> tuple[Rung, ...]:
        return self.plan.rungs(
            self.name, self.clock.ladder, self.clock.target_s, by_mail=ticket.by_mail
        )

    def _to_come(self, ticket: Ticket, rungs: tuple[Rung, ...]) -> tuple[ComingRung, ...]:
        clock = self.clock
        if clock.over:
            return ()
        if clock.state is ClockState.RUNNING:
            ladder = self.plan.ladder(self.name, clock, by_mail=ticket.by_mail)
            ladder = replace(ladder, waits=ticket.waits)
            left = clocks.coming(self.name, clock, ladder)
            return tuple(ComingRung(due.index, due.rung, due.due_at) for due in left)
        steps = clocks.steps(rungs)
        return tuple(
            ComingRung(index, rung, None)
            for index, rung in enumerate(rungs)
            if steps[index] not in clock.fired
        )

    def _hours(self, until: datetime) -> Hours:
        """The calendar, with the special dates from the beginning to the due time or the end."""
        clock, calendar = self.clock, self.calendar
        if not isinstance(calendar, WeeklyCalendar):
            return Hours(clock.calendar, self.plan.time_zone)
        return Hours(
            clock.calendar,
            calendar.zone,
            _week(calendar),
            _special(calendar, clock.started_at, max(clock.due_at, until)),
        )


_TURNED = {
    ClockState.RUNNING: What.RESUMED,
    ClockState.PAUSED: What.PAUSED,
    ClockState.STOPPED: What.STOPPED,
    ClockState.CANCELLED: What.CANCELLED,
}


def _is_revived(before: Clock, clock: Clock) -> bool:
    """Whether it was cancelled and runs again: planned anew, and not gone on after a pause."""
    return before.state is ClockState.CANCELLED and clock.state is ClockState.RUNNING


def _is_made_anew(event: Event, before: Clock, clock: Clock) -> bool:
    """Whether an open promise was planned anew; a correction of another moves it now and then."""
    if before.over or clock.over:
        return before.state is ClockState.CANCELLED and not clock.over
    if event.type in _MADE_ANEW:
        return True
    return event.type is EventType.CORRECTED and before.consumed_s > clock.consumed_s


def _pauses(clock: Clock, ticket: Ticket, until: datetime) -> tuple[Pause, ...]:
    """The pauses before the end; one without a second is none, unless it lasts."""
    found = clocks.pauses(clock, ticket.waits, until)
    if not clock.over:
        return found
    cut = (replace(pause, end=pause.end or until) for pause in found)
    return tuple(pause for pause in cut if pause.end != pause.begin)


@dataclass
class _Acted:
    """A rung that has acted, and what followed from it so far."""

    event: Event
    then: list[Event] = field(default_factory=list)

    def told(self) -> FiredRung:
        data = self.event.data
        return FiredRung(
            event=self.event,
            index=data["rung"],
            action=Action(data["action"]),
            due_at=datetime.fromisoformat(data["due_at"]),
            then=tuple(self.then),
        )


_FOLLOWS = (EventType.INCIDENT_PROPOSED, EventType.QUEUED, EventType.CLOSED)
"""What can follow from a rung at once (`by_timer.act_on_due_rungs`)."""


def _follows(
    acted: _Acted | None, event: Event, current: dict[ClockName, _Attempt]
) -> _Acted | None:
    """The rung from which the next event may follow: this one, or the one before it still."""
    if event.type is EventType.RUNG_FIRED:
        acted = _Acted(event)
        current[ClockName(event.data["clock"])].fired.append(acted)
        return acted
    if (
        acted is None
        or event.type not in _FOLLOWS
        or event.by.role is not Role.SYSTEM
        or event.at != acted.event.at
    ):
        return None
    acted.then.append(event)
    return acted


def _week(
    calendar: WeeklyCalendar,
) -> tuple[tuple[tuple[int, ...], tuple[Interval, ...]], ...]:
    groups: dict[tuple[Interval, ...], list[int]] = {}
    for day in range(7):
        if intervals := calendar.week.get(day):
            groups.setdefault(intervals, []).append(day)
    return tuple((tuple(days), intervals) for intervals, days in groups.items())


def _special(
    calendar: WeeklyCalendar, begin: datetime, end: datetime
) -> tuple[tuple[date, tuple[Interval, ...]], ...]:
    """Imported late, as in `calendars`: who counts calendar time need not pay for it."""
    import zoneinfo

    zone = zoneinfo.ZoneInfo(calendar.zone)
    first, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    return tuple(
        (day, intervals)
        for day, intervals in sorted(calendar.days.items())
        if first <= day <= last and intervals != calendar.week.get(day.weekday(), ())
    )
