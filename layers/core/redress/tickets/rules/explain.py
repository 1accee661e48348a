"""Explains from a ticket's history why a promise is due when it is, and why it was broken.

`explain` replays the history through the fold and compares each clock before and after each event.
It has no rules of its own about when a clock begins, pauses or ends; it reports what the fold did.
A clock may begin several times on one ticket. Examples are the clocks of updates and next replies,
and the resolution clock after a dispute. Each time the clock has a story of its own.
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
from redress.plans.rules.plan import Plan, Promise
from redress.tickets.rules import post_mortem
from redress.tickets.rules.fold import walk
from redress.tickets.rules.ticket import Event, EventType, Ticket, promises, waits_for


class What(StrEnum):
    """What an event did to a clock.

    If one event did several of these things, their entries are in the order of this list.
    """

    BEGUN = "begun"
    REPLANNED = "replanned"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a story: what `event` did to the clock, and the clock before and after it.

    `elapsed_s` is the time that the clock had consumed when the event happened, in seconds of its
    calendar. For a pause, `waits_for` lists its reasons. Each is `plan.CUSTOMER` or one of
    `plan.HOLDS`.
    """

    what: What
    event: Event
    before: Clock | None
    clock: Clock
    elapsed_s: float
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FiredRung:
    """A rung that has fired, with its event. `then` lists the other events that it caused."""

    event: Event
    index: int
    action: Action
    due_at: datetime
    then: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class ComingRung:
    """A rung that has not fired yet.

    `due_at` is None while the clock is paused, because it depends on the end of the pause.
    """

    index: int
    rung: Rung
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hours:
    """The opening hours of a calendar, prepared for readers, in the time zone `zone`.

    `week` groups the weekdays that have the same hours. Monday is 0. A weekday that is in no group
    is closed. In calendar time every second counts, and `week` is empty. `special` lists the dates
    of a story whose hours differ from those of their weekday, in the order of the dates. A date
    with () as its hours is closed.
    """

    name: str
    zone: str
    week: tuple[tuple[tuple[int, ...], tuple[Interval, ...]], ...] = ()
    special: tuple[tuple[date, tuple[Interval, ...]], ...] = ()

    @property
    def always(self) -> bool:
        """Whether every second counts."""
        return not self.week

    def closed_on(self, day: date) -> bool:
        """Whether a date has no opening hours."""
        for special, intervals in self.special:
            if special == day:
                return not intervals
        return not self.always and all(day.weekday() not in days for days, _ in self.week)


@dataclass(frozen=True, slots=True)
class MovedCall:
    """The promise of a call as the plan makes it, before the customer's hours moved its due time.

    `call_hours` are these hours, in the time zone of the plan. `hours` are those of the calendar
    that counts `target_s`. Without the customer's hours, the call would have been due at `due_at`.
    """

    call_hours: str
    target_s: float
    hours: Hours
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """One promise from its beginning to `until`. `until` is its end, or now while it is open.

    `round` numbers the clocks of this name on this ticket, from 1, in the order in which they
    began. `current` says whether this is the clock that the ticket carries now. `elapsed_s` is the
    time consumed, in seconds of the clock's calendar. `ran_s` and `paused_s` are seconds of
    calendar time in which the clock ran or was paused. Their sum is the time from `started_at` to
    `until`.
    """

    name: ClockName
    round: int
    current: bool
    clock: Clock
    standing: Standing
    hours: Hours
    ladder: str | None
    """The name of the ladder. None for a promise that has fixed rungs and no ladder of the plan,
    such as a survey or a callback by mail."""
    until: datetime
    elapsed_s: float
    ran_s: float
    paused_s: float
    entries: tuple[Entry, ...]
    pauses: tuple[Pause, ...]
    fired: tuple[FiredRung, ...]
    to_come: tuple[ComingRung, ...]
    moved: MovedCall | None = None
    """How the customer's hours moved the due time of a call; None if nothing moved it."""


def explain(
    events: Iterable[Event], plan: Plan, plans: Callable[[int], Plan], now: datetime
) -> tuple[Story, ...]:
    """The stories of all clocks of a ticket, in the order in which they began.

    `events` is the complete history. `plan` is the plan under which the ticket was opened. `plans`
    returns the plan of a version; it is called for each version to which the ticket was moved.
    Raises ValueError for an empty history.
    """
    attempts: list[_Attempt] = []
    current: dict[ClockName, _Attempt] = {}
    ticket: Ticket | None = None
    acted: _Acted | None = None
    for ticket, event in walk(events, plan, plans):
        if ticket.plan_version != plan.version:
            plan = plans(ticket.plan_version)
        for name, clock in ticket.clocks.items():
            attempt = current.get(name)
            if attempt is None or _begins(name, attempt.clock, clock, event):
                if attempt is not None:
                    attempt.end_replaced(ticket, event)
                begun = sum(other.name is name for other in attempts) + 1
                attempt = current[name] = _Attempt(name, begun, clock, plan)
                attempt.look_at(ticket)
                attempts.append(attempt)
                attempt.add(What.BEGUN, ticket, event, None)
                if clock.state is ClockState.PAUSED:
                    attempt.add(What.PAUSED, ticket, event, None)
                elif clock.state is ClockState.STOPPED:
                    attempt.add(What.STOPPED, ticket, event, None)
            else:
                attempt.continue_with(ticket, clock, plan, event)
        acted = _collect_consequence(acted, event, current)
    if ticket is None:
        raise ValueError("a history has at least the event that opened the ticket")
    return tuple(
        attempt.story(ticket, now, current=current[attempt.name] is attempt) for attempt in attempts
    )


_REPLANNING = (EventType.CLASSIFIED, EventType.RECLASSIFIED, EventType.PLAN_CHANGED)


def _begins(name: ClockName, old: Clock, new: Clock, event: Event) -> bool:
    """Whether `new` is another promise than `old`.

    If `old` was stopped, `new` is another promise if it is open. Otherwise `new` is another promise
    if its start time differs. A cancelled promise that applies again keeps its start time, so it is
    the same promise. Two own promises of an agent may have the same start time. Therefore each
    event PROMISED begins another one.
    """
    if old.state is ClockState.STOPPED:
        return not new.over
    if name is ClockName.OWN_WORD and event.type is EventType.PROMISED:
        return True
    return old.started_at != new.started_at


def _waits_for(ticket: Ticket, clock: Clock) -> tuple[str, ...]:
    """The reasons for which the ticket waits now and for which this clock is paused."""
    return tuple(reason for reason in waits_for(ticket) if reason in clock.pauses)


@dataclass
class _Attempt:
    """A story under construction: one promise, followed through the history."""

    name: ClockName
    round: int
    clock: Clock
    plan: Plan
    """The plan under which the clock was last open. It defines the clock's calendar and ladder."""
    entries: list[Entry] = field(default_factory=list)
    fired: list[_Acted] = field(default_factory=list)
    by_mail: bool = False
    """Whether the callback of the ticket is a question by mail, as long as the clock is open."""
    call_hours: str | None = None
    promised: Promise | None = None
    """What the plan promises while the clock is open."""

    def look_at(self, ticket: Ticket) -> None:
        """Keep what the story needs of the ticket while the clock is open.

        Later rounds and corrections may change it.
        """
        preference = ticket.callback_preference
        self.by_mail = ticket.callback_by_mail
        self.call_hours = preference.hours if preference else None
        self.promised = promises(ticket, self.plan).get(self.name)

    @property
    def calendar(self) -> Calendar:
        return self.plan.calendar(self.clock.calendar)

    def add(self, what: What, ticket: Ticket, event: Event, before: Clock | None) -> None:
        """Append an entry."""
        waits = _waits_for(ticket, self.clock) if what is What.PAUSED else ()
        elapsed = self._elapsed(ticket, event.at)
        self.entries.append(Entry(what, event, before, self.clock, elapsed, waits))

    def _elapsed(self, ticket: Ticket, at: datetime) -> float:
        """Seconds of its calendar that the clock had consumed at `at`.

        They are measured from the beginning of the clock. `consumed_s` is not used, because a
        cancellation does not update it.
        """
        until = min(at, self.clock.ended_at or at)
        return clocks.measured(clocks.spans(self.clock, ticket.waits, until), self.calendar)

    def continue_with(self, ticket: Ticket, clock: Clock, plan: Plan, event: Event) -> None:
        """Record what `event` changed; `clock` is the same promise after it."""
        before, self.clock = self.clock, clock
        corrected = event.type is EventType.CORRECTED and event.data["clock"] == self.name
        if not clock.over:
            self.plan = plan
            self.look_at(ticket)
        if clock == before and not corrected:
            return
        if _is_replanned(event, before, clock):
            self.add(What.REPLANNED, ticket, event, before)
        if corrected:
            self.add(What.CORRECTED, ticket, event, before)
        elif clock.state is not before.state and not _is_revived(before, clock):
            self.add(_WHAT_BY_STATE[clock.state], ticket, event, before)

    def end_replaced(self, ticket: Ticket, event: Event) -> None:
        """End this promise, if it is still open, because `event` began another one in its place.

        If `event` is a correction of this clock, the clock stops when the corrected answer was
        given. An agent's own promise that is replaced before it is overdue is cancelled: it is
        neither kept nor missed. So is a promise in whose place an earlier one of a ticket comes
        that was merged into this one. In all other cases the clock stops at the time of `event`.
        For example, a message that begins the next update stops the clock of this one. An own
        promise that is replaced when it is overdue is missed.
        """
        before, calendar = self.clock, self.calendar
        if before.over:
            return
        what = What.STOPPED
        if event.type is EventType.CORRECTED and event.data["clock"] == self.name:
            stopped_at = datetime.fromisoformat(event.data["stopped_at"])
            if (started := event.data.get("started_at")) is not None:
                before = replace(before, started_at=datetime.fromisoformat(started))
            self.clock = clocks.correct(before, stopped_at, ticket.waits, calendar)
            what = What.CORRECTED
        elif event.type in (EventType.MERGED, EventType.UNMERGED, EventType.UNSPLIT) or (
            self.name is ClockName.OWN_WORD and not clocks.overdue(before, event.at)
        ):
            self.clock = clocks.cancel(before, event.at)
            what = What.CANCELLED
        else:
            self.clock = clocks.stop(before, event.at, calendar)
        self.add(what, ticket, event, before)

    def story(self, ticket: Ticket, now: datetime, *, current: bool) -> Story:
        """The finished story; `ticket` is the ticket after its last event."""
        clock = self.clock
        # An earlier version may have written times that are still to come (decision 28).
        begun = [w.begin for w in ticket.waits if w.end is None and w.reason in clock.pauses]
        until = max(clock.ended_at or max(now, clock.anchor_at, *begun), clock.started_at)
        ran = clocks.spans(clock, ticket.waits, until)
        ran_s = sum(((end - begin).total_seconds() for begin, end in ran), 0.0)
        rungs = self._rungs
        steps = {rung.action for rung in rungs} <= _OF_LADDERS
        return Story(
            name=self.name,
            round=self.round,
            current=current,
            clock=clock,
            standing=standing(clock, now),
            hours=self._hours(clock.calendar, max(clock.due_at, until)),
            ladder=clock.ladder if steps else None,
            until=until,
            elapsed_s=clocks.measured(ran, self.calendar),
            ran_s=ran_s,
            paused_s=(until - clock.started_at).total_seconds() - ran_s,
            entries=tuple(self.entries),
            pauses=_pauses(clock, ticket, until),
            fired=tuple(acted.fired_rung() for acted in self.fired),
            to_come=self._to_come(ticket, rungs),
            moved=self._moved(until),
        )

    def _moved(self, until: datetime) -> MovedCall | None:
        promised, clock = self.promised, self.clock
        if self.name is not ClockName.CALLBACK or promised is None or self.call_hours is None:
            return None
        calendar = self.plan.calendar(promised.calendar)
        due = calendar.add(clock.started_at, promised.target_s)
        if self.by_mail or due == clock.due_at:
            return None
        hours = self._hours(promised.calendar, max(due, until))
        return MovedCall(self.call_hours, promised.target_s, hours, due)

    @property
    def _rungs(self) -> tuple[Rung, ...]:
        return self.plan.rungs(
            self.name, self.clock.ladder, self.clock.target_s, by_mail=self.by_mail
        )

    def _to_come(self, ticket: Ticket, rungs: tuple[Rung, ...]) -> tuple[ComingRung, ...]:
        clock = self.clock
        if clock.over:
            return ()
        if clock.state is ClockState.RUNNING:
            ladder = self.plan.ladder(self.name, clock, by_mail=self.by_mail)
            ladder = replace(ladder, waits=ticket.waits)
            left = clocks.coming(self.name, clock, ladder)
            return tuple(ComingRung(due.index, due.rung, due.due_at) for due in left)
        steps = clocks.steps(rungs)
        return tuple(
            ComingRung(index, rung, None)
            for index, rung in enumerate(rungs)
            if steps[index] not in clock.fired
        )

    def _hours(self, name: str, until: datetime) -> Hours:
        """The hours of a calendar, with the special dates from the clock's start to `until`."""
        calendar = self.plan.calendar(name)
        if not isinstance(calendar, WeeklyCalendar):
            return Hours(name, self.plan.time_zone)
        special = _special(calendar, self.clock.started_at, until)
        return Hours(name, calendar.zone, _week(calendar), special)


_OF_LADDERS = {Action.REMIND, Action.BREACH, Action.ESCALATE, Action.JOIN}
"""What the rungs of a plan's ladders do."""

_WHAT_BY_STATE = {
    ClockState.RUNNING: What.RESUMED,
    ClockState.PAUSED: What.PAUSED,
    ClockState.STOPPED: What.STOPPED,
    ClockState.CANCELLED: What.CANCELLED,
}


def _is_revived(before: Clock, clock: Clock) -> bool:
    """Whether a cancelled promise applies again. This counts as REPLANNED, not as RESUMED."""
    return before.state is ClockState.CANCELLED and clock.state is ClockState.RUNNING


def _is_replanned(event: Event, before: Clock, clock: Clock) -> bool:
    """Whether `event` recomputed an open promise, or made a cancelled promise apply again.

    A correction of another clock can also recompute this one. It can add a wait to the ticket, and
    this clock has then consumed less than before.
    """
    if before.over or clock.over:
        return before.state is ClockState.CANCELLED and not clock.over
    if event.type in _REPLANNING:
        return True
    return event.type is EventType.CORRECTED and before.consumed_s > clock.consumed_s


def _pauses(clock: Clock, ticket: Ticket, until: datetime) -> tuple[Pause, ...]:
    """The pauses of a clock.

    If the clock has ended, a pause without an end ends at `until`, and empty pauses are left out.
    """
    found = clocks.pauses(clock, ticket.waits, until)
    if not clock.over:
        return found
    cut = (replace(pause, end=pause.end or until) for pause in found)
    return tuple(pause for pause in cut if pause.end != pause.begin)


@dataclass
class _Acted:
    """The event of a rung that has fired, and the events that it has caused so far."""

    event: Event
    then: list[Event] = field(default_factory=list)

    def fired_rung(self) -> FiredRung:
        data = self.event.data
        return FiredRung(
            event=self.event,
            index=data["rung"],
            action=Action(data["action"]),
            due_at=datetime.fromisoformat(data["due_at"]),
            then=tuple(self.then),
        )


_CONSEQUENCES = (EventType.INCIDENT_PROPOSED, EventType.QUEUED, EventType.CLOSED)
"""Events that a rung can cause in the same change (`by_timer.act_on_due_rungs`)."""


def _collect_consequence(
    acted: _Acted | None, event: Event, current: dict[ClockName, _Attempt]
) -> _Acted | None:
    """Attach `event` to the rung that caused it. Returns the rung that may cause the next event.

    `acted` is the last rung that fired. It is None if any event that is not a consequence of that
    rung has followed.
    """
    if event.type is EventType.RUNG_FIRED and event.data["clock"] == ClockName.ASSIGNMENT:
        return None  # it is no promise
    if event.type is EventType.RUNG_FIRED and "task" in event.data:
        return None  # it is a promise of a department, and none to the customer
    if event.type is EventType.RUNG_FIRED and "remedy_id" in event.data:
        return None  # the remedy has a due time of its own, which its events say
    if event.type is EventType.RUNG_FIRED and event.data["clock"] == post_mortem.CLOCK:
        return None  # staff owe it to the house, and nobody promised it to the customer
    if event.type is EventType.RUNG_FIRED:
        acted = _Acted(event)
        current[ClockName(event.data["clock"])].fired.append(acted)
        return acted
    if (
        acted is None
        or event.type not in _CONSEQUENCES
        or event.by.role is not Role.SYSTEM
        or event.at != acted.event.at
    ):
        return None
    acted.then.append(event)
    return acted


def _week(
    calendar: WeeklyCalendar,
) -> tuple[tuple[tuple[int, ...], tuple[Interval, ...]], ...]:
    """Weekdays grouped by their hours, for `Hours.week`."""
    groups: dict[tuple[Interval, ...], list[int]] = {}
    for day in range(7):
        if intervals := calendar.week.get(day):
            groups.setdefault(intervals, []).append(day)
    return tuple((tuple(days), intervals) for intervals, days in groups.items())


def _special(
    calendar: WeeklyCalendar, begin: datetime, end: datetime
) -> tuple[tuple[date, tuple[Interval, ...]], ...]:
    """The dates from `begin` to `end` whose hours differ from those of their weekday."""
    # Imported here, as in `calendars`, because a cold start that needs no time zone is then faster.
    import zoneinfo

    zone = zoneinfo.ZoneInfo(calendar.zone)
    first, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    return tuple(
        (day, intervals)
        for day, intervals in sorted(calendar.days.items())
        if first <= day <= last and intervals != calendar.week.get(day.weekday(), ())
    )
